//! Running a notebook: stale cells go to an executor, everything else comes from the store.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use hozon_format::{CellRecord, Entry, Key, NameKind};
use hozon_key::Subject;
use hozon_store::Store;
use hozon_syntax::{CellKind, Graph, GraphFault, Notebook};

use super::ahead::Ahead;
use super::executor::{CellRun, CellToRun, Executor, ExecutorError, RunEnd, Step};
use super::handing::Receiver;
use super::lookup::{Found, Fresh, NoRun, Stale, Walk};
use super::outcome::{CellOutcome, CellStatus, NotebookEvent};
use super::presence::Presence;
use super::restore::{Needs, Wanted, is_live, steps_of};
use super::settings::{NotebookSettings, Surroundings};
use super::turn::Turn;
use super::versions::Version;

/// What a run does beside the usual.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// A stale cell is not run: it is an error of whoever asked.
    pub frozen: bool,
    /// Cells run although their results are stored.
    pub force: bool,
    /// Of all cells, `force` means these; none: all.
    pub forced: Option<BTreeSet<usize>>,
    /// Only these cells run, and those that they depend on; none: all.
    pub only: Option<BTreeSet<usize>>,
    /// So many processes run cells at one time; 0 and 1: one after the other.
    pub jobs: usize,
}

/// Why a cell did not run that was left out by the one who ran the notebook.
pub const NOT_ASKED_FOR: &str = "it was not asked for";

/// Hears what happens, and says whether the run is to go on.
pub(crate) type Tell<'s> = &'s mut dyn FnMut(NotebookEvent<'_>) -> ControlFlow<()>;

/// Starts an executor, when the first one is needed or the last one is gone.
pub(crate) type Start<'s> = &'s mut dyn FnMut() -> Result<Box<dyn Executor>, String>;

/// Whom a run has to do with.
pub struct Parties<'s> {
    /// Gives an executor when one is needed; a run that finds everything in the store needs none.
    pub start: Start<'s>,
    /// Hears what happens. Where it breaks, the run ends as one that was interrupted: what is done is kept,
    /// no further cell is looked at.
    pub tell: Tell<'s>,
    /// Gets the values that names have at the end.
    pub receiver: Option<&'s mut dyn Receiver>,
}

pub(super) struct Runner<'a, 's> {
    pub(super) walk: Walk<'a>,
    /// The place of each cell in the order of the run.
    pub(super) ranks: Vec<usize>,
    pub(super) options: &'a RunOptions,
    pub(super) order: &'a [usize],
    /// Runs cells before their turn.
    pub(super) ahead: Option<Ahead>,
    pub(super) start: Start<'s>,
    pub(super) executor: Option<Box<dyn Executor>>,
    /// Why no executor can be started: nobody tries twice.
    unstartable: Option<String>,
    pub(super) presence: Presence,
    tell: Tell<'s>,
    /// The person wants to stop.
    pub(super) interrupted: bool,
    /// A cell has failed in the process that the next one runs in.
    pub(super) has_failed: bool,
    /// The cell of which was told last that it begins.
    started: Option<usize>,
}

/// Runs a notebook. Returns what came of each cell, in the order of the file.
pub fn run_notebook(
    store: &Store,
    notebook: &Notebook,
    graph: &Graph,
    settings: &NotebookSettings,
    surroundings: &Surroundings<'_>,
    options: &RunOptions,
    parties: Parties<'_>,
) -> Vec<CellOutcome> {
    let mut ranks = vec![usize::MAX; notebook.cells.len()];
    graph.order.iter().enumerate().for_each(|(rank, cell)| ranks[*cell] = rank);
    let only = options.only.as_ref().map(|only| with_what_they_need(only, graph));
    let options = &RunOptions { only, ..options.clone() };
    let walk = Walk::new(store, notebook, settings, surroundings);
    let presence = Presence::default();
    let mut runner = Runner {
        walk,
        ranks,
        options,
        order: &graph.order,
        ahead: (options.jobs > 1 && !options.frozen).then(|| Ahead::new(options.jobs - 1)),
        start: parties.start,
        executor: None,
        unstartable: None,
        presence,
        tell: parties.tell,
        interrupted: false,
        has_failed: false,
        started: None,
    };
    let mut outcomes: Vec<Option<CellOutcome>> = vec![None; notebook.cells.len()];
    for &cell in &graph.order {
        let outcome = runner.cell(cell);
        runner.tell(NotebookEvent::Ended(&outcome));
        outcomes[cell] = Some(outcome);
    }
    if let Some(receiver) = parties.receiver.filter(|_| !runner.interrupted) {
        runner.hand_over(receiver);
    }
    runner.end_ahead();
    let all = outcomes.into_iter().enumerate();
    all.map(|(cell, outcome)| outcome.unwrap_or_else(|| left_out(notebook, graph, cell))).collect()
}

/// Adds to cells those that they depend on.
fn with_what_they_need(only: &BTreeSet<usize>, graph: &Graph) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    let mut waiting: Vec<usize> = only.iter().copied().collect();
    while let Some(cell) = waiting.pop() {
        if found.insert(cell) {
            waiting.extend(graph.uses.get(cell).into_iter().flatten().filter_map(|used| used.from));
        }
    }
    found
}

/// Returns when an entry was made, in Unix milliseconds.
pub(crate) fn milliseconds(entry: &Entry) -> u64 {
    entry.facts.created_ms
}

/// Tells of a cell that is not in the order of the graph.
pub(crate) fn left_out(notebook: &Notebook, graph: &Graph, cell: usize) -> CellOutcome {
    let own = &notebook.cells[cell];
    let status = match (&own.code, own.kind) {
        (_, CellKind::Markdown | CellKind::Raw) => CellStatus::Text,
        _ if own.settings.disabled => CellStatus::Disabled,
        (Err(error), _) => CellStatus::Broken { why: error.to_string() },
        _ => match fault_of(notebook, graph, cell) {
            Some(why) => CellStatus::Broken { why },
            None => CellStatus::Skipped { why: "it depends on a cell that cannot run".to_owned() },
        },
    };
    CellOutcome { cell, status, why: vec![], entry: None, displays: None }
}

/// What of the graph's faults is a fault of this cell.
fn fault_of(notebook: &Notebook, graph: &Graph, cell: usize) -> Option<String> {
    let numbers = |cells: &[usize]| {
        let cells: Vec<String> = cells.iter().map(|cell| (cell + 1).to_string()).collect();
        cells.join(" and ")
    };
    let named = |fault: &GraphFault| match fault {
        GraphFault::Cycle { cells, names } if cells.contains(&cell) => Some(format!(
            "cells {} read each other's names in a circle ({})",
            numbers(cells),
            names.join(", ")
        )),
        GraphFault::DefinedTwice { name, cells } if cells.contains(&cell) => {
            Some(format!("`{name}` is given a value by cells {}", numbers(cells)))
        }
        GraphFault::SetupReads { name, cell: other } if notebook.cells[cell].kind == CellKind::Setup => {
            Some(format!("the setup cell reads `{name}` of cell {}", other + 1))
        }
        _ => None,
    };
    graph.faults.iter().find_map(named)
}

impl Runner<'_, '_> {
    pub(super) fn tell(&mut self, event: NotebookEvent<'_>) {
        if let NotebookEvent::Started { cell } = event
            && self.started.replace(cell) == Some(cell)
        {
            return;
        }
        self.interrupted |= (self.tell)(event).is_break();
    }

    pub(super) fn is_forced(&self, cell: usize) -> bool {
        self.options.force && self.options.forced.as_ref().is_none_or(|forced| forced.contains(&cell))
    }

    fn cell(&mut self, cell: usize) -> CellOutcome {
        if self.interrupted {
            return self.skipped(cell, "the run was interrupted");
        }
        if self.options.only.as_ref().is_some_and(|only| !only.contains(&cell)) {
            return self.not_asked_for(cell);
        }
        // What has to be run again on the way may come out otherwise: then the cell has another key.
        const MOST_TRIES: usize = 4;
        for _ in 0..MOST_TRIES {
            if let Some(outcome) = self.try_cell(cell) {
                return outcome;
            }
        }
        self.walk.give_up(cell);
        let why = "cells that it reads give another value each time they run".to_owned();
        outcome(cell, CellStatus::Broken { why })
    }

    /// A cell that is not run; what the store has of it counts.
    fn not_asked_for(&mut self, cell: usize) -> CellOutcome {
        match self.look(cell) {
            Found::Fresh(fresh) => self.fresh(cell, *fresh),
            Found::Nothing(_) => self.try_cell(cell).unwrap_or_else(|| self.skipped(cell, NOT_ASKED_FOR)),
            _ => self.skipped(cell, NOT_ASKED_FOR),
        }
    }

    fn skipped(&mut self, cell: usize, why: &str) -> CellOutcome {
        self.walk.give_up(cell);
        outcome(cell, CellStatus::Skipped { why: why.to_owned() })
    }

    /// One try; none if the cell has to be looked at again.
    fn try_cell(&mut self, cell: usize) -> Option<CellOutcome> {
        let found = self.look(cell);
        match found {
            Found::Fresh(fresh) if !self.is_forced(cell) => Some(self.fresh(cell, *fresh)),
            Found::Fresh(fresh) => {
                let now = fresh.key.recipe.clone();
                let looked_ms = self.walk.store.system().now_ms();
                let stale = Stale { key: fresh.key, now, unstorable: None, untold: vec![], looked_ms };
                self.stale(cell, stale, vec!["it was asked for".to_owned()])
            }
            Found::Stale(stale) => {
                let why = self.walk.why(cell, &stale);
                self.stale(cell, *stale, why)
            }
            Found::Waiting(on) if self.options.frozen => {
                self.walk.leave_open(cell);
                Some(outcome(cell, CellStatus::Waiting { on }))
            }
            Found::Waiting(on) => {
                let why = format!("it depends on cell {}, which gave nothing", on + 1);
                Some(self.skipped(cell, &why))
            }
            Found::Nothing(NoRun::Text) => Some(outcome(cell, CellStatus::Text)),
            Found::Nothing(NoRun::Disabled) => {
                self.walk.give_up(cell);
                Some(outcome(cell, CellStatus::Disabled))
            }
            Found::Nothing(NoRun::Unparsable(why)) => Some(outcome(cell, CellStatus::Broken { why })),
        }
    }

    /// Looks a cell up; where only a process can tell, one is asked.
    fn look(&mut self, cell: usize) -> Found {
        let found = self.walk.look(cell, None);
        let Found::Stale(stale) = &found else { return found };
        if stale.untold.is_empty() || self.options.frozen || self.executor().is_err() {
            return found;
        }
        let Some(executor) = self.executor.as_mut() else { return found };
        let mut ask = |subject: &Subject| executor.observe(subject).ok().flatten();
        self.walk.look(cell, Some(&mut ask))
    }

    fn fresh(&mut self, cell: usize, fresh: Fresh) -> CellOutcome {
        let entry = fresh.entry.key;
        let seconds = fresh.entry.facts.duration_ns as f64 / 1e9;
        let status = if fresh.record.stopped {
            CellStatus::Stopped { seconds }
        } else {
            CellStatus::Fresh { seconds, made_ms: milliseconds(&fresh.entry) }
        };
        self.walk.store.record_use(&entry, seconds);
        self.take_over(cell, Some(entry), fresh.record);
        CellOutcome { entry: Some(entry), ..outcome(cell, status) }
    }

    pub(super) fn take_over(&mut self, cell: usize, entry: Option<Key>, record: CellRecord) {
        let stopped = record.stopped;
        self.walk.pass(cell, entry, record);
        if stopped {
            let code = self.walk.code(cell);
            self.walk.versions.leave_unbound(cell, code);
        }
    }

    fn stale(&mut self, cell: usize, stale: Stale, mut why: Vec<String>) -> Option<CellOutcome> {
        if self.options.frozen {
            self.walk.leave_open(cell);
            return Some(CellOutcome { why, ..outcome(cell, CellStatus::Stale) });
        }
        if let Some(outcome) = self.taken_from_ahead(cell, &stale, &mut why) {
            return Some(outcome);
        }
        // Others wait until the cell has run, and is stored.
        let _lease = match self.turn(cell, &stale) {
            Turn::Own(lease) => lease,
            Turn::Stored => return None,
            Turn::Interrupted => return Some(self.failed(cell, Failure::Interrupted, why)),
        };
        match self.bring(cell, &stale.key.needed()) {
            Ok(true) => {}
            Ok(false) => return None,
            Err(failure) => return Some(self.failed(cell, failure, why)),
        }
        self.tell(NotebookEvent::Started { cell });
        if self.interrupted {
            return Some(self.failed(cell, Failure::Interrupted, why));
        }
        let to_run = CellToRun {
            submodules: self.submodules_for(cell, &stale.key.inputs),
            ..self.walk.to_run_with(cell, &stale.key, stale.unstorable.is_none())
        };
        self.send_ahead(cell, false);
        match self.run(&to_run) {
            Ok(run) => Some(self.ran(cell, run, stale.unstorable, why)),
            Err(failure) => Some(self.failed(cell, failure, why)),
        }
    }

    /// The modules that cells before this one have imported and that those among its inputs hold.
    pub(super) fn submodules_for(&self, cell: usize, inputs: &[String]) -> Vec<String> {
        let module_of = |name: &String| match &self.walk.versions.known(name)?.record.kind {
            NameKind::Module { module } => Some(module.clone()),
            _ => None,
        };
        let holders: BTreeSet<String> = inputs.iter().filter_map(module_of).collect();
        if holders.is_empty() {
            return vec![];
        }
        let is_held = |module: &str| {
            holders.iter().any(|holder| module.strip_prefix(holder).is_some_and(|rest| rest.starts_with('.')))
        };
        let before = self.order.iter().copied().take_while(|other| *other != cell);
        let passed = before.filter(|other| self.walk.records.contains_key(other));
        let imports = passed.flat_map(|other| &self.walk.code(other).imports).filter(|it| it.level == 0);
        let mut found = Vec::new();
        for import in imports {
            let taken = import.name.as_deref().filter(|name| *name != "*");
            if let Some(name) = taken.filter(|_| holders.contains(&import.module) || is_held(&import.module))
            {
                found.push(format!("{}:{name}", import.module));
            } else if is_held(&import.module) {
                found.push(import.module.clone());
            }
        }
        found
    }

    fn ran(
        &mut self,
        cell: usize,
        run: CellRun,
        unstorable: Option<String>,
        mut why: Vec<String>,
    ) -> CellOutcome {
        let seconds = run.seconds;
        why.extend(run.notes);
        let unstored = unstorable.or(run.unstored);
        self.presence.effects.insert(cell);
        self.note_names(cell, run.record.names.iter().map(|name| name.name.as_str()));
        for name in &run.record.deleted {
            self.presence.names.remove(name);
        }
        let status = match (run.end, unstored) {
            (RunEnd::Done, None) => CellStatus::Ran { seconds },
            (RunEnd::Done, Some(why)) => CellStatus::Live { seconds, why },
            (RunEnd::Stopped, _) => CellStatus::Stopped { seconds },
            (RunEnd::Interrupted, _) => CellStatus::Interrupted { seconds },
            _ => CellStatus::Failed { seconds },
        };
        self.interrupted |= run.end == RunEnd::Interrupted;
        if matches!(run.end, RunEnd::Done | RunEnd::Stopped) {
            self.take_over(cell, run.entry, run.record);
        } else {
            self.forget_halfway(cell, &run.record);
        }
        CellOutcome { why, entry: run.entry, displays: Some(run.displays), ..outcome(cell, status) }
    }

    /// A cell that failed may have changed anything that it read: those values are brought anew. If it did
    /// something to its process, later cells run in another.
    fn forget_halfway(&mut self, cell: usize, record: &CellRecord) {
        let is_set = [&record.random, &record.process, &record.variables].iter().any(|set| !set.is_empty());
        self.has_failed = !(is_set || record.has_effects || record.only_by_running);
        if !self.has_failed {
            self.executor = None;
            self.presence.clear();
        }
        for version in self.walk.read.get(&cell).into_iter().flatten() {
            self.presence.names.remove(&version.record.name);
        }
        self.walk.give_up(cell);
    }

    fn failed(&mut self, cell: usize, failure: Failure, why: Vec<String>) -> CellOutcome {
        self.walk.give_up(cell);
        match failure {
            Failure::Gone(text) => {
                self.executor = None;
                self.has_failed = false;
                self.presence.clear();
                let displays = Some(error_display("KernelDied", &text));
                CellOutcome { why, displays, ..outcome(cell, CellStatus::Failed { seconds: 0.0 }) }
            }
            Failure::Interrupted => {
                self.interrupted = true;
                CellOutcome { why, ..outcome(cell, CellStatus::Interrupted { seconds: 0.0 }) }
            }
            Failure::NotHad(text) => CellOutcome { why, ..outcome(cell, CellStatus::Broken { why: text }) },
        }
    }

    fn executor(&mut self) -> Result<&mut Box<dyn Executor>, Failure> {
        if let Some(why) = &self.unstartable {
            return Err(Failure::NotHad(why.clone()));
        }
        if self.executor.is_none() {
            match (self.start)() {
                Ok(executor) => self.executor = Some(executor),
                Err(why) => {
                    self.unstartable = Some(why.clone());
                    return Err(Failure::NotHad(why));
                }
            }
        }
        self.executor.as_mut().ok_or_else(|| Failure::Gone("there is no process".to_owned()))
    }

    fn run(&mut self, cell: &CellToRun) -> Result<CellRun, Failure> {
        Ok(self.executor()?.run(cell)?)
    }

    // What a cell needs in the process.

    /// Brings what a cell reads into the process. False if something that had to be run again for it has
    /// come out otherwise.
    fn bring(&mut self, cell: usize, inputs: &[String]) -> Result<bool, Failure> {
        loop {
            let wanted = self.wanted(cell, inputs);
            if self.would_overwrite(&wanted) {
                self.executor()?.reset()?;
                let effects = std::mem::take(&mut self.presence.effects);
                self.presence.clear();
                self.presence.effects = effects;
                continue;
            }
            self.delete_what_is_gone()?;
            match self.bring_all(cell, &wanted) {
                Ok(same) => return Ok(same),
                Err(Trouble::Unrestorable(cell)) if self.presence.unrestorable.insert(cell) => {}
                Err(Trouble::Unrestorable(cell)) => {
                    return Err(Failure::NotHad(format!(
                        "the values of cell {} cannot be had again",
                        cell + 1
                    )));
                }
                Err(Trouble::Failure(failure)) => return Err(failure),
            }
        }
    }

    fn wanted(&self, cell: usize, inputs: &[String]) -> Wanted {
        let mut needs =
            Needs { walk: &self.walk, ranks: &self.ranks, presence: &self.presence, wanted: Wanted::new() };
        for version in inputs.iter().filter_map(|name| self.walk.versions.known(name)) {
            needs.add(version);
        }
        for (_, before) in self.effects_before(cell) {
            if self.has_to_run_again(before) {
                needs.add_read(before, |_| true);
            }
        }
        needs.wanted
    }

    /// Tells whether a value of a later cell would have to make way for one of an earlier.
    fn would_overwrite(&self, wanted: &Wanted) -> bool {
        wanted.iter().any(|((rank, _), names)| {
            let present = names.iter().filter_map(|name| self.presence.names.get(name));
            present.into_iter().any(|other| self.ranks[*other] > *rank)
        })
    }

    fn delete_what_is_gone(&mut self) -> Result<(), Failure> {
        let versions = &self.walk.versions;
        let mut names: Vec<String> =
            self.presence.names.keys().filter(|name| versions.get(name).is_none()).cloned().collect();
        if names.is_empty() {
            return Ok(());
        }
        names.sort();
        names.iter().for_each(|name| {
            self.presence.names.remove(name);
        });
        Ok(self.executor()?.restore(&[Step::Delete { names }])?)
    }

    fn bring_all(&mut self, for_cell: usize, wanted: &Wanted) -> Result<bool, Trouble> {
        let mut same = true;
        let mut ranked: Vec<(usize, usize)> = wanted.keys().copied().collect();
        ranked.extend(self.effects_before(for_cell));
        ranked.sort_unstable();
        ranked.dedup();
        let none = BTreeSet::new();
        for place in ranked {
            same &= self.bring_from(place.1, wanted.get(&place).unwrap_or(&none))?;
        }
        Ok(same)
    }

    /// The cells before this one that were not run and did something to the process.
    fn effects_before(&self, cell: usize) -> Vec<(usize, usize)> {
        let before = self.ranks[cell];
        let has_effects = |(index, (_, record)): (&usize, &(_, CellRecord))| {
            let rank = self.ranks[*index];
            ((record.has_effects || record.only_by_running)
                && rank < before
                && !self.presence.effects.contains(index))
            .then_some((rank, *index))
        };
        self.walk.records.iter().filter_map(has_effects).collect()
    }

    /// Brings values of one cell. False if it had to be run again, and gave something else.
    fn bring_from(&mut self, cell: usize, names: &BTreeSet<String>) -> Result<bool, Trouble> {
        if self.has_to_run_again(cell) {
            return self.run_again(cell);
        }
        let missing: BTreeSet<&str> =
            names.iter().map(String::as_str).filter(|name| !self.presence.has(name, cell)).collect();
        let mut steps = Vec::new();
        if let Some((Some(entry), record)) = self.walk.records.get(&cell)
            && record.has_effects
            && !self.presence.effects.contains(&cell)
        {
            steps.push(Step::Effects { entry: *entry });
        }
        let versions = self.versions_of(cell, &missing);
        if versions.iter().any(|version| is_live(version, &self.presence)) {
            return self.run_again(cell);
        }
        let own: BTreeSet<&str> =
            missing.iter().copied().filter(|name| !self.is_parameter(cell, name)).collect();
        steps.extend(steps_of(&self.walk, cell, &own));
        steps.extend(versions.iter().filter_map(|version| {
            let source = version.parameter.clone()?;
            Some(Step::Assign { name: version.record.name.clone(), source })
        }));
        if steps.is_empty() {
            return Ok(true);
        }
        match self.executor()?.restore(&steps) {
            Ok(()) => {}
            Err(ExecutorError::Step { .. }) => return Err(Trouble::Unrestorable(cell)),
            Err(error) => return Err(Trouble::Failure(error.into())),
        }
        self.presence.effects.insert(cell);
        let loaded =
            self.walk.records.get(&cell).map(|(_, record)| loaded_with(record, &own)).unwrap_or_default();
        self.note_names(cell, loaded.iter().map(String::as_str));
        for name in missing {
            self.presence.names.insert(name.to_owned(), cell);
        }
        Ok(true)
    }

    /// Tells whether a parameter takes the place of what a cell gives a name.
    fn is_parameter(&self, cell: usize, name: &str) -> bool {
        self.walk.parameters_of(cell).iter().any(|parameter| parameter.name == name)
    }

    /// Notes that names have what a cell gives them. A parameter has another value: it is yet to be brought.
    fn note_names<'n>(&mut self, cell: usize, names: impl Iterator<Item = &'n str>) {
        for name in names {
            if self.is_parameter(cell, name) {
                self.presence.names.remove(name);
            } else {
                self.presence.names.insert(name.to_owned(), cell);
            }
        }
    }

    /// Tells whether a cell did something to the process that only running it does.
    fn has_to_run_again(&self, cell: usize) -> bool {
        let did = self.walk.records.get(&cell).is_some_and(|(_, record)| record.only_by_running);
        did && !self.presence.effects.contains(&cell)
    }

    pub(super) fn versions_of(&self, cell: usize, names: &BTreeSet<&str>) -> Vec<Version> {
        let known =
            |name: &&str| self.walk.versions.known(name).filter(|version| version.cell == cell).cloned();
        let recorded = |name: &&str| {
            let (entry, record) = self.walk.records.get(&cell)?;
            let record = record.name(name)?.clone();
            let parameters = self.walk.parameters_of(cell);
            let parameter = parameters.iter().find(|parameter| parameter.name == **name);
            let parameter = parameter.map(|parameter| parameter.source.clone());
            Some(Version { cell, entry: *entry, record, parameter })
        };
        names.iter().filter_map(|name| known(name).or_else(|| recorded(name))).collect()
    }

    /// Runs a cell whose results are known but cannot be had from the store.
    fn run_again(&mut self, cell: usize) -> Result<bool, Trouble> {
        self.tell(NotebookEvent::Started { cell });
        let mut to_run = self.walk.to_run(cell);
        let read = self.walk.read.get(&cell).into_iter().flatten();
        to_run.inputs = read.map(|version| version.record.name.clone()).collect();
        to_run.present.clone_from(&to_run.inputs);
        to_run.submodules = self.submodules_for(cell, &to_run.inputs);
        to_run.shown = self.walk.versions.shown_among(&to_run.inputs);
        let run = self.run(&to_run)?;
        if run.end != RunEnd::Done {
            self.interrupted |= run.end == RunEnd::Interrupted;
            let why = format!("cell {} had to run again, and failed", cell + 1);
            return Err(Trouble::Failure(Failure::NotHad(why)));
        }
        self.presence.effects.insert(cell);
        let mut same = true;
        let (entry, before) = self.walk.records.get(&cell).cloned().unwrap_or_default();
        self.note_names(cell, run.record.names.iter().map(|name| name.name.as_str()));
        for name in &run.record.names {
            let earlier = before.name(&name.name);
            same &= earlier.is_some_and(|earlier| earlier.digest == name.digest);
        }
        if !same {
            self.walk.update(cell, entry, run.record);
        }
        Ok(same)
    }
}

/// The names that come along with others, since they share objects.
fn loaded_with(record: &CellRecord, names: &BTreeSet<&str>) -> Vec<String> {
    let groups =
        record.groups.iter().filter(|group| group.names.iter().any(|name| names.contains(name.as_str())));
    groups.flat_map(|group| group.names.iter().cloned()).collect()
}

pub(super) fn outcome(cell: usize, status: CellStatus) -> CellOutcome {
    CellOutcome { cell, status, why: vec![], entry: None, displays: None }
}

fn error_display(name: &str, text: &str) -> String {
    let quoted = |text: &str| format!("{text:?}");
    format!(
        "[{{\"output_type\": \"error\", \"ename\": {}, \"evalue\": {}, \"traceback\": []}}]",
        quoted(name),
        quoted(text)
    )
}

/// Why a cell could not run.
enum Failure {
    /// The process is gone.
    Gone(String),
    /// The person wants to stop.
    Interrupted,
    /// Something that it reads cannot be had.
    NotHad(String),
}

/// Why values could not be brought.
enum Trouble {
    /// The values of this cell are not to be had from the store.
    Unrestorable(usize),
    Failure(Failure),
}

impl From<ExecutorError> for Failure {
    fn from(error: ExecutorError) -> Self {
        match error {
            ExecutorError::Interrupted => Self::Interrupted,
            other => Self::Gone(other.to_string()),
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<ExecutorError> for Trouble {
    fn from(error: ExecutorError) -> Self {
        Self::Failure(error.into())
    }
}
