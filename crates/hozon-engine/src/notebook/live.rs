//! A live session: cells come one after the other, as a person runs them, and all names are in its process.
//!
//! The order in which cells were run is the order of a notebook with redefinition: so a cell has the key that
//! it would have in a file that holds the same cells in that order.

use std::collections::{BTreeSet, HashMap};

use hozon_format::{CellRecord, Digest, Entry, Key, NameKind};
use hozon_store::{Lease, LeaseAttempt, Store};
use hozon_syntax::{Cell, Notebook};

use super::executor::{CellToRun, Step};
use super::lookup::{Asker, Found, Fresh, NoRun, Stale, Walk};
use super::recipe::CellKey;
use super::restore::steps_of;
use super::settings::{NotebookSettings, Surroundings};
use super::versions::{State, Versions};

/// Of so many cells that ran it can be told why.
const MOST_EXPLAINED: usize = 200;

/// The cells that a live session has run, and what its names are now.
pub struct LiveNotebook {
    notebook: Notebook,
    settings: NotebookSettings,
    versions: Versions,
    /// Why each cell ran, as far as that is still to be told.
    stale: HashMap<usize, Stale>,
    /// Held while a cell runs that others may want to run, too.
    lease: Option<Lease>,
}

/// What a look at a cell finds.
pub enum LiveCell {
    /// Its results are stored, and every name that it gives can be had from there.
    Restorable(Restorable),
    /// It has to run.
    ToRun {
        /// The cell.
        cell: CellToRun,
        /// Why its results are not to be stored, whatever comes of it.
        unstorable: Option<String>,
        /// Why it runs although its results are stored.
        again: Option<String>,
    },
    /// It is not Python: it runs as its host runs such a thing.
    Unparsable(String),
}

/// The stored results of a cell.
pub struct Restorable {
    /// Where they are.
    pub entry: Box<Entry>,
    /// What the cell does.
    pub record: CellRecord,
    /// What gives its names their values.
    pub steps: Vec<Step>,
    /// The cell, where they turn out not to be had.
    pub to_run: CellToRun,
}

impl LiveNotebook {
    /// A session in which nothing has run.
    pub fn new(settings: NotebookSettings) -> Self {
        let notebook = Notebook::of_session();
        Self { notebook, settings, versions: Versions::default(), stale: HashMap::new(), lease: None }
    }

    /// Adds a cell that is about to run. Returns its position.
    pub fn add(&mut self, cell: Cell) -> usize {
        self.notebook.cells.push(cell);
        self.notebook.cells.len() - 1
    }

    /// Looks a cell up. `ask` tells of variables of modules.
    pub fn look(
        &mut self,
        store: &Store,
        surroundings: &Surroundings<'_>,
        cell: usize,
        ask: Asker<'_>,
    ) -> LiveCell {
        let mut walk = Walk::new(store, &self.notebook, &self.settings, surroundings);
        walk.versions = std::mem::take(&mut self.versions);
        let found = walk.look(cell, Some(ask));
        let live = match found {
            Found::Fresh(fresh) => found_fresh(&mut walk, cell, *fresh),
            Found::Stale(stale) => {
                let to_run = found_stale(&walk, cell, &stale.key, stale.unstorable.clone());
                self.stale.remove(&cell.wrapping_sub(MOST_EXPLAINED));
                self.stale.insert(cell, *stale);
                to_run
            }
            Found::Nothing(NoRun::Unparsable(why)) => LiveCell::Unparsable(why),
            // No cell of a session waits: what is not known of its names was told as read by nobody.
            Found::Nothing(_) | Found::Waiting(_) => {
                LiveCell::Unparsable("it is no cell of Python".to_owned())
            }
        };
        self.versions = walk.versions;
        live
    }

    /// Takes the turn to run the cell of a key: until that is taken over, others wait. False if another has it.
    pub fn take_turn(&mut self, store: &Store, key: &Key) -> bool {
        match store.try_lease(key) {
            LeaseAttempt::Won(lease) => {
                self.lease = Some(lease);
                true
            }
            LeaseAttempt::Unsupported => true,
            LeaseAttempt::Held => false,
        }
    }

    /// Gives the turn back: the cell does not run, or has run.
    pub fn end_turn(&mut self) {
        self.lease = None;
    }

    /// Takes over what a cell did.
    pub fn take_over(
        &mut self,
        store: &Store,
        surroundings: &Surroundings<'_>,
        cell: usize,
        entry: Option<Key>,
        record: CellRecord,
    ) {
        let mut walk = Walk::new(store, &self.notebook, &self.settings, surroundings);
        walk.versions = std::mem::take(&mut self.versions);
        walk.pass(cell, entry, record);
        self.versions = walk.versions;
        self.end_turn();
    }

    /// Tells why a cell ran, in lines for people; nothing if it did not, or long ago.
    pub fn why(&self, store: &Store, surroundings: &Surroundings<'_>, cell: usize) -> Vec<String> {
        let walk = Walk::new(store, &self.notebook, &self.settings, surroundings);
        self.stale.get(&cell).map(|stale| walk.why(cell, stale)).unwrap_or_default()
    }

    /// Returns what listings call a cell.
    pub fn name(&self, cell: usize) -> String {
        super::name_of_cell(&self.settings.label, &self.notebook.cells[cell], cell)
    }

    /// Returns the names, each with the position of the cell that gave it its value, and that value's digest, if
    /// it has one. Sorted.
    pub fn versions(&self) -> Vec<(String, usize, Option<Digest>)> {
        let known = self.versions.all().filter_map(|(name, state)| match state {
            State::Known(version) => Some((name.clone(), version.cell, version.record.digest)),
            State::Pending(_) => None,
        });
        known.collect()
    }
}

fn found_stale(walk: &Walk<'_>, cell: usize, key: &CellKey, unstorable: Option<String>) -> LiveCell {
    let unstorable = unstorable.or_else(|| {
        history_name(walk, cell)
            .map(|name| format!("it reads `{name}`, which tells of the cells that ran before"))
    });
    LiveCell::ToRun { cell: walk.to_run_with(cell, key, unstorable.is_none()), unstorable, again: None }
}

/// A name of IPython's that a cell reads, and that the notebook gives no value: what cells were run, and what
/// they showed.
fn history_name(walk: &Walk<'_>, cell: usize) -> Option<String> {
    let tells = |name: &str| {
        let number = name.trim_start_matches("_i").trim_start_matches('_');
        ["Out", "In", "_", "__", "___", "_oh", "_ih", "_dh", "_i", "_ii", "_iii"].contains(&name)
            || (name.starts_with('_')
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let reads = walk.code(cell).reads.iter().map(|read| read.path[0].as_str());
    reads.filter(|name| tells(name) && walk.versions.get(name).is_none()).map(str::to_owned).next()
}

fn found_fresh(walk: &mut Walk<'_>, cell: usize, fresh: Fresh) -> LiveCell {
    if history_name(walk, cell).is_some() {
        return found_stale(walk, cell, &fresh.key, None);
    }
    let to_run = CellToRun { submodules: submodules(walk, cell), ..walk.to_run_with(cell, &fresh.key, true) };
    let Fresh { entry, record, .. } = fresh;
    let again = why_again(walk.cell(cell), &record);
    if again.is_some() {
        return LiveCell::ToRun { cell: to_run, unstorable: None, again };
    }
    walk.records.insert(cell, (Some(entry.key), record.clone()));
    let names: BTreeSet<&str> = record.names.iter().map(|name| name.name.as_str()).collect();
    let mut steps = steps_of(walk, cell, &names);
    if record.has_effects {
        steps.insert(0, Step::Effects { entry: entry.key });
    }
    if !record.deleted.is_empty() {
        steps.push(Step::Delete { names: record.deleted.clone() });
    }
    LiveCell::Restorable(Restorable { entry, record, steps, to_run })
}

/// The modules that a cell imports into packages whose names it gives: binding the package does not load them.
fn submodules(walk: &Walk<'_>, cell: usize) -> Vec<String> {
    let code = walk.code(cell);
    let is_held = |module: &str| {
        let (package, _) = module.split_once('.').unwrap_or((module, ""));
        package != module && code.binds.iter().any(|name| name == package)
    };
    let absolute = code.imports.iter().filter(|import| import.level == 0 && import.name.is_none());
    absolute.map(|import| import.module.clone()).filter(|module| is_held(module)).collect()
}

/// Why a cell runs although its results are stored: it does what no entry brings back. Then they are stored again.
fn why_again(cell: &Cell, record: &CellRecord) -> Option<String> {
    let live = record.names.iter().find_map(|name| match &name.kind {
        NameKind::Live { why } => Some(format!("`{}` is only had by running it: {why}", name.name)),
        _ => None,
    });
    if live.is_some() {
        return live;
    }
    let others = [
        (record.only_by_running, "it sets something of a library, which only running it does"),
        (record.stopped, "it was stopped before its end"),
        (cell.runs_magics(), "it has magic commands"),
        (imports_futures(cell), "it sets how later cells are compiled"),
    ];
    others.into_iter().find_map(|(is_so, why)| is_so.then(|| why.to_owned()))
}

fn imports_futures(cell: &Cell) -> bool {
    cell.code.as_ref().is_ok_and(|code| code.imports.iter().any(|import| import.module == "__future__"))
}
