//! Which cells run ahead of their turn, and what the runner makes of what they gave.

use hozon_format::{CellRecord, Key};
use hozon_key::{encode, key};
use hozon_store::Run;

use super::ahead::{Job, ahead_recipe, confirmed, says_that_it_reaches_out};
use super::executor::{CellRun, CellToRun, ExecutorError, Step};
use super::lookup::{Found, Stale};
use super::outcome::{CellOutcome, CellStatus, NotebookEvent};
use super::presence::Presence;
use super::restore::{Needs, Wanted, is_live, steps_of};
use super::run::{Runner, milliseconds, outcome};
use crate::traced::forget_traced;

/// So many cells that have to run are looked at before those that come after them are left for later.
const MOST_LOOKED_AT: usize = 32;

impl Runner<'_, '_> {
    // Before its turn.

    /// Has cells after this one begin, as many as there are processes for. This one is about to run, or runs
    /// ahead itself and is waited for.
    pub(super) fn send_ahead(&mut self, cell: usize, is_waiting: bool) {
        // What a cell that failed has left in the process of the cells, nobody knows.
        let Some(ahead) = self.ahead.as_ref().filter(|_| !self.has_failed) else { return };
        let wanted = ahead.wants();
        let jobs = if wanted == 0 { vec![] } else { self.jobs_after(cell, wanted) };
        if let Some(ahead) = &mut self.ahead {
            ahead.begin(jobs, usize::from(is_waiting), &mut *self.start);
        }
    }

    /// Goes on from a cell as if all that has to run came to nothing known, and finds what can begin.
    fn jobs_after(&mut self, cell: usize, most: usize) -> Vec<Job> {
        let now = (self.walk.versions.clone(), self.walk.read.clone(), self.walk.records.clone());
        self.walk.leave_open(cell);
        let mut jobs = Vec::new();
        let mut stale_cells = 0;
        let order = self.order;
        for &later in &order[self.ranks[cell] + 1..] {
            if jobs.len() == most || stale_cells == MOST_LOOKED_AT {
                break;
            }
            match self.walk.look(later, None) {
                Found::Fresh(fresh) if !self.is_forced(later) => {
                    let entry = Some(fresh.entry.key);
                    self.take_over(later, entry, fresh.record);
                    continue;
                }
                Found::Stale(stale) => jobs.extend(self.job(later, &stale)),
                Found::Nothing(_) => continue,
                _ => {}
            }
            stale_cells += 1;
            self.walk.leave_open(later);
        }
        (self.walk.versions, self.walk.read, self.walk.records) = now;
        jobs
    }

    /// A cell that can run ahead, in a process that holds nothing yet.
    fn job(&self, cell: usize, stale: &Stale) -> Option<Job> {
        let own = self.walk.cell(cell);
        let is_asked = self.options.only.as_ref().is_none_or(|only| only.contains(&cell));
        let is_sure = stale.unstorable.is_none() && stale.untold.is_empty() && own.live.is_none();
        if !is_asked || !is_sure || says_that_it_reaches_out(&own.source) || !self.is_seen_whole() {
            return None;
        }
        let recipe = ahead_recipe(&stale.key.recipe);
        let ahead_key = key(&recipe);
        if self.ahead.as_ref().is_none_or(|ahead| ahead.was_tried(&ahead_key)) {
            return None;
        }
        let effects = self.effects_for(cell)?;
        let steps = self.steps_for(&stale.key.needed())?;
        let to_run = CellToRun {
            key: Some(ahead_key),
            recipe: Some(encode(&recipe)),
            submodules: self.submodules_for(cell, &stale.key.inputs),
            is_ahead: true,
            ..self.walk.to_run_with(cell, &stale.key, true)
        };
        Some(Job { cell: to_run, key: ahead_key, steps, effects })
    }

    /// Tells whether all that a run looks at and does is seen.
    fn is_seen_whole(&self) -> bool {
        self.walk.settings.watching.is_none() && self.walk.settings.sees_native
    }

    /// The effects of earlier cells, in their order. None if one is had by running its cell alone.
    fn effects_for(&self, cell: usize) -> Option<Vec<(usize, Key)>> {
        if !self.are_effects_known(cell) {
            return None;
        }
        let mut found = Vec::new();
        for (earlier, (entry, record)) in self.records_before(cell) {
            if record.has_effects {
                found.push((earlier, (*entry)?));
            }
        }
        found.sort_by_key(|(earlier, _)| self.ranks[*earlier]);
        Some(found)
    }

    fn records_before(&self, cell: usize) -> impl Iterator<Item = (usize, &(Option<Key>, CellRecord))> {
        let records = self.walk.records.iter().map(|(earlier, record)| (*earlier, record));
        records.filter(move |(earlier, _)| self.ranks[*earlier] < self.ranks[cell])
    }

    /// Tells whether no earlier cell did something that is in no key and that only running it does again.
    fn are_effects_known(&self, cell: usize) -> bool {
        self.records_before(cell).all(|(_, (_, record))| !record.only_by_running)
    }

    /// What brings these names into an empty namespace; none if that takes running a cell.
    fn steps_for(&self, names: &[String]) -> Option<Vec<Step>> {
        let presence = Presence { unrestorable: self.presence.unrestorable.clone(), ..Presence::default() };
        let mut needs =
            Needs { walk: &self.walk, ranks: &self.ranks, presence: &presence, wanted: Wanted::new() };
        names.iter().filter_map(|name| self.walk.versions.known(name)).for_each(|version| needs.add(version));
        let mut steps = Vec::new();
        for ((_, cell), names) in &needs.wanted {
            let all = names.iter().map(String::as_str).collect();
            let versions = self.versions_of(*cell, &all);
            if versions.iter().any(|version| is_live(version, &presence)) {
                return None;
            }
            let own = versions.iter().filter(|version| version.parameter.is_none());
            let own = own.map(|version| version.record.name.as_str()).collect();
            steps.extend(steps_of(&self.walk, *cell, &own));
            steps.extend(versions.iter().filter_map(|version| {
                let source = version.parameter.clone()?;
                Some(Step::Assign { name: version.record.name.clone(), source })
            }));
        }
        Some(steps)
    }

    // At its turn.

    /// The outcome of a cell whose results are there, since it ran ahead in this run or one that was stopped;
    /// none if it has to run now.
    pub(super) fn taken_from_ahead(
        &mut self,
        cell: usize,
        stale: &Stale,
        why: &mut Vec<String>,
    ) -> Option<CellOutcome> {
        if stale.unstorable.is_some() {
            return None;
        }
        let ahead_key = key(&ahead_recipe(&stale.key.recipe));
        let run = self.run_of(cell, &ahead_key);
        if self.interrupted {
            return Some(outcome(cell, CellStatus::Interrupted { seconds: 0.0 }));
        }
        if let Some(Err(ExecutorError::Gone(text))) = &run {
            why.push(format!("it ran ahead of its turn, and {text}"));
        }
        let run = run.and_then(Result::ok);
        if run.is_none() && self.is_forced(cell) {
            return None;
        }
        let found = self.walk.find_ahead(cell, &ahead_key, stale.key.sharing.digest);
        let taken =
            found.filter(|_| self.are_effects_known(cell) && !self.has_failed).and_then(|(entry, record)| {
                let entry = confirmed(self.walk.store, entry, &stale.key.recipe).ok()?;
                Some((entry, record))
            });
        if taken.is_some() || run.as_ref().is_some_and(|run| run.entry.is_some()) {
            // A file that stays is found by the next run, or by nobody.
            let _ = forget_traced(self.walk.store, &ahead_key, "it has had its turn");
        }
        let (entry, record) = taken?;
        Some(self.taken(cell, entry, record, run, std::mem::take(why)))
    }

    /// What came of a cell that runs ahead, which is waited for.
    fn run_of(&mut self, cell: usize, ahead_key: &Key) -> Option<Result<CellRun, ExecutorError>> {
        self.ahead.as_mut()?.has_turn(cell, ahead_key);
        if self.ahead.as_ref()?.is_running(ahead_key) {
            self.tell(NotebookEvent::Started { cell });
        }
        let mut has_changed = true;
        while self.ahead.as_ref()?.is_running(ahead_key) && !self.interrupted {
            if has_changed {
                self.send_ahead(cell, true);
            }
            has_changed = self.ahead.as_mut()?.wait();
            self.tell(NotebookEvent::Waiting);
        }
        self.ahead.as_mut()?.take(ahead_key)
    }

    fn taken(
        &mut self,
        cell: usize,
        entry: hozon_format::Entry,
        record: CellRecord,
        run: Option<CellRun>,
        mut why: Vec<String>,
    ) -> CellOutcome {
        let seconds = entry.facts.duration_ns as f64 / 1e9;
        let status = match &run {
            _ if record.stopped => CellStatus::Stopped { seconds },
            Some(_) => CellStatus::Ran { seconds },
            None => CellStatus::Fresh { seconds, made_ms: milliseconds(&entry) },
        };
        let (store, name) = (self.walk.store, self.walk.name(cell));
        if run.is_some() {
            store.record_run(Run { key: entry.key, name, seconds, when_ms: 0, session: 0, unstored: None });
        }
        let displays = run.map(|run| {
            why.extend(run.notes);
            run.displays
        });
        self.take_over(cell, Some(entry.key), record);
        CellOutcome { why, entry: Some(entry.key), displays, ..outcome(cell, status) }
    }

    /// Ends the processes that run cells ahead.
    pub(super) fn end_ahead(&mut self) {
        let Some(ahead) = self.ahead.take() else { return };
        let asked_before = std::mem::take(&mut self.interrupted);
        ahead.end(&mut || {
            self.tell(NotebookEvent::Waiting);
            !self.interrupted
        });
        self.interrupted |= asked_before;
    }
}
