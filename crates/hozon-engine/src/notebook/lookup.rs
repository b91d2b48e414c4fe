//! Looking cells up, one after the other, in the order in which they would run.

use std::cell::OnceCell;
use std::collections::HashMap;

use hozon_format::{CellRecord, Codec, Digest, Entry, Key, SET_BY_RUNNING};
use hozon_key::{Node, Subject, encode};
use hozon_store::{Store, Summary};
use hozon_syntax::{Cell, CellCode, CellKind, Notebook};

use super::distributions::Distributions;
use super::executor::CellToRun;
use super::observer::CellObserver;
use super::recipe::{CellKey, cell_key};
use super::settings::{NotebookSettings, Parameter, Surroundings};
use super::versions::{Version, Versions};
use crate::code_files::CodeFiles;
use crate::explaining::{Memory, explain_among};
use crate::traced::{TracedLookup, look_up, recipe_now};

/// What the open figures of matplotlib are called among what cells may leave, as the process of the cells has it.
const FIGURES: &str = "the open figures of matplotlib";

/// A notebook that is being gone through: what its names are at the present cell.
pub(crate) struct Walk<'a> {
    pub(crate) store: &'a Store,
    pub(crate) notebook: &'a Notebook,
    pub(crate) settings: &'a NotebookSettings,
    surroundings: &'a Surroundings<'a>,
    code: CodeFiles<'a>,
    distributions: Distributions<'a>,
    pub(crate) versions: Versions,
    /// What each cell that has been passed read, as it was then.
    pub(crate) read: HashMap<usize, Vec<Version>>,
    /// What each cell that has been passed did, and the entry that keeps it.
    pub(crate) records: HashMap<usize, (Option<Key>, CellRecord)>,
    /// What explanations need of the store, read when the first one is asked for.
    memory: OnceCell<(Memory, Vec<Summary>)>,
}

/// What a look at a cell finds.
pub(crate) enum Found {
    /// Its results are stored, and nothing that they depend on has changed.
    Fresh(Box<Fresh>),
    /// It has to run.
    Stale(Box<Stale>),
    /// Another cell has to run before anyone can tell.
    Waiting(usize),
    /// It does not run.
    Nothing(NoRun),
}

pub(crate) struct Fresh {
    pub(crate) entry: Box<Entry>,
    pub(crate) record: CellRecord,
    pub(crate) key: CellKey,
}

pub(crate) struct Stale {
    pub(crate) key: CellKey,
    /// The recipe, with what a run would look at as the last one did.
    pub(crate) now: Node,
    /// Why its results are not to be stored, whatever comes of it.
    pub(crate) unstorable: Option<String>,
    /// What only a process that imports the notebook's modules can tell.
    pub(crate) untold: Vec<Subject>,
    /// When it was looked up: what is stored from then on tells of its own run.
    pub(crate) looked_ms: u64,
}

pub(crate) enum NoRun {
    Text,
    Disabled,
    /// Its text is no Python.
    Unparsable(String),
}

/// Asks a process about what only it can tell.
pub(crate) type Asker<'l> = &'l mut dyn FnMut(&Subject) -> Option<Digest>;

impl<'a> Walk<'a> {
    pub(crate) fn new(
        store: &'a Store,
        notebook: &'a Notebook,
        settings: &'a NotebookSettings,
        surroundings: &'a Surroundings<'a>,
    ) -> Self {
        let mut code = CodeFiles::new(surroundings.files, surroundings.known);
        code.count_versions_at(settings.local_pin);
        Self {
            store,
            notebook,
            settings,
            surroundings,
            code,
            distributions: Distributions::new(
                surroundings.files,
                &settings.site_folders,
                settings.system_pin,
            ),
            versions: Versions::new(notebook.cells.iter().filter_map(|cell| cell.shown_as.clone()).collect()),
            read: HashMap::new(),
            records: HashMap::new(),
            memory: OnceCell::new(),
        }
    }

    pub(crate) fn cell(&self, cell: usize) -> &'a Cell {
        &self.notebook.cells[cell]
    }

    /// Returns the code of a cell that is in the graph's order: those have some.
    pub(crate) fn code(&self, cell: usize) -> &'a CellCode {
        static NOTHING: std::sync::LazyLock<CellCode> = std::sync::LazyLock::new(empty_code);
        self.notebook.cells[cell].code.as_ref().unwrap_or(&NOTHING)
    }

    /// What listings call a cell.
    pub(crate) fn name(&self, cell: usize) -> String {
        name_of_cell(&self.settings.label, self.cell(cell), cell)
    }

    /// Looks at the next cell.
    pub(crate) fn look(&mut self, index: usize, loaded: Option<Asker<'_>>) -> Found {
        let cell = self.cell(index);
        if matches!(cell.kind, CellKind::Markdown | CellKind::Raw) {
            return Found::Nothing(NoRun::Text);
        }
        if cell.settings.disabled {
            return Found::Nothing(NoRun::Disabled);
        }
        let code = match &cell.code {
            Ok(code) => code,
            Err(error) => return Found::Nothing(NoRun::Unparsable(error.to_string())),
        };
        let key = match cell_key(cell, code, &self.versions, self.settings) {
            Ok(key) => key,
            Err(on) => return Found::Waiting(on),
        };
        self.note_reads(index, &key);
        if let Some(why) = never_stored(cell, &key) {
            let (now, looked_ms) = (key.recipe.clone(), self.store.system().now_ms());
            return Found::Stale(Box::new(Stale {
                key,
                now,
                unstorable: Some(why),
                untold: vec![],
                looked_ms,
            }));
        }
        self.find(index, key, loaded)
    }

    fn note_reads(&mut self, index: usize, key: &CellKey) {
        let read = key.present().iter().filter_map(|name| self.versions.known(name).cloned()).collect();
        self.read.insert(index, read);
    }

    /// What a cell's record says of the surroundings is compared with what this sees.
    fn observer<'o, 'l>(
        &'o mut self,
        sharing: Digest,
        loaded: Option<Asker<'l>>,
    ) -> CellObserver<'o, 'a, 'l> {
        CellObserver {
            surroundings: self.surroundings,
            settings: self.settings,
            versions: &self.versions,
            code: &mut self.code,
            distributions: &mut self.distributions,
            sharing,
            loaded,
            untold: Vec::new(),
        }
    }

    fn find(&mut self, index: usize, key: CellKey, loaded: Option<Asker<'_>>) -> Found {
        let (store, cell, name) = (self.store, self.cell(index), self.name(index));
        let fetch = self.surroundings.fetch;
        let mut observer = self.observer(key.sharing.digest, loaded);
        let mut found = look_up(store, &key.key, &name, &mut observer);
        if matches!(found, TracedLookup::Miss(_)) && fetch(&key.key) {
            found = look_up(store, &key.key, &name, &mut observer);
        }
        let changed = matches!(&found, TracedLookup::Miss(miss) if !miss.changed.is_empty());
        let recipe = key.recipe.clone();
        let mut now = if changed { recipe_now(store, recipe, &mut observer) } else { recipe };
        let untold = observer.untold;
        if changed {
            self.code.add_lines(&mut now, &self.settings.project);
        }
        let looked_ms = store.system().now_ms();
        let stale = |key| Found::Stale(Box::new(Stale { key, now, unstorable: None, untold, looked_ms }));
        match found {
            TracedLookup::Hit(entry, _) if !self.is_too_old(cell, &entry) => {
                match record_of(self.store, &entry) {
                    Some(record) => Found::Fresh(Box::new(Fresh { entry, record, key })),
                    None => stale(key),
                }
            }
            _ => stale(key),
        }
    }

    /// A cell as it is run, but for what it reads, and for its key.
    pub(crate) fn to_run(&self, cell: usize) -> CellToRun {
        let (own, code) = (self.cell(cell), self.code(cell));
        CellToRun {
            cell,
            name: self.name(cell),
            place: format!("{}:{}", self.settings.label, own.first_line),
            source: own.source.clone(),
            first_line: own.first_line,
            tag: code.digest.to_string()[..8].to_owned(),
            key: None,
            recipe: None,
            inputs: vec![],
            present: vec![],
            sharing: None,
            submodules: vec![],
            figures: self.versions.random.get(FIGURES).copied(),
            shown_as: own.shown_as.clone(),
            shown: vec![],
            sources: if own.sources.is_some() { self.sources_up_to(cell) } else { vec![] },
            binds: code.binds.clone(),
            renamed: own.renamed.clone(),
            definitions: code.definitions.clone(),
            only_imports: code.only_imports,
            has_magics: own.live.is_some(),
            is_suppressed: code.last_expression.as_ref().is_some_and(|last| last.suppressed),
            is_captured: own.settings.capture,
            is_ahead: false,
        }
    }

    /// A cell as it is run, with what its key says of it.
    pub(crate) fn to_run_with(&self, cell: usize, key: &CellKey, is_stored: bool) -> CellToRun {
        CellToRun {
            key: is_stored.then_some(key.key),
            recipe: key.uncertain.is_none().then(|| encode(&key.recipe)),
            inputs: key.inputs.clone(),
            present: key.present(),
            sharing: key.sharing.known_digest(),
            shown: self.versions.shown_among(&key.inputs),
            ..self.to_run(cell)
        }
    }

    /// The texts of the code cells up to one, that one included.
    fn sources_up_to(&self, cell: usize) -> Vec<String> {
        let cells = self.notebook.cells[..=cell].iter();
        let runs = |cell: &&Cell| cell.kind == CellKind::Code && !cell.text.trim().is_empty();
        cells.filter(runs).map(|cell| cell.text.clone()).collect()
    }

    /// Looks for results that a cell gave when it ran ahead of its turn, under the key that they have then.
    pub(crate) fn find_ahead(
        &mut self,
        cell: usize,
        key: &Key,
        sharing: Digest,
    ) -> Option<(Entry, CellRecord)> {
        let (store, name) = (self.store, self.name(cell));
        match look_up(store, key, &name, &mut self.observer(sharing, None)) {
            TracedLookup::Hit(entry, _) if !self.is_too_old(self.cell(cell), &entry) => {
                let record = record_of(self.store, &entry)?;
                Some((*entry, record))
            }
            _ => None,
        }
    }

    fn is_too_old(&self, cell: &Cell, entry: &Entry) -> bool {
        let own = cell.settings.ttl.as_deref().and_then(seconds_of);
        let age_ms = self.store.system().now_ms().saturating_sub(entry.facts.created_ms);
        own.or(self.settings.ttl).is_some_and(|ttl| age_ms as f64 >= ttl * 1000.0)
    }

    /// Takes over what a cell did.
    pub(crate) fn pass(&mut self, cell: usize, entry: Option<Key>, record: CellRecord) {
        let parameters = self.parameters_of(cell);
        self.versions.apply(cell, entry, &record, &parameters);
        if record.process.iter().any(|(what, _)| what.starts_with(SET_BY_RUNNING)) {
            let code = self.code(cell);
            self.versions.note_set_by_running(code);
        }
        self.records.insert(cell, (entry, record));
    }

    /// The parameters that take the place of what a cell gives names. What it only changes in place is the
    /// parameter's value, changed.
    pub(crate) fn parameters_of(&self, cell: usize) -> Vec<&'a Parameter> {
        let binds = &self.code(cell).binds;
        self.settings.parameters.iter().filter(|parameter| binds.contains(&parameter.name)).collect()
    }

    /// Notes that nobody knows what a cell would give.
    pub(crate) fn leave_open(&mut self, cell: usize) {
        let code = self.code(cell);
        self.versions.expect(cell, code);
    }

    /// Notes that a cell gives nothing, and will not in this run.
    pub(crate) fn give_up(&mut self, cell: usize) {
        let code = self.code(cell);
        self.versions.give_up(cell, code);
    }
}

/// What listings call the cell at a position of a notebook.
pub fn name_of_cell(label: &str, cell: &Cell, position: usize) -> String {
    match &cell.name {
        Some(name) => format!("{label}: {name}"),
        None => format!("{label}: cell {}", position + 1),
    }
}

fn never_stored(cell: &Cell, key: &CellKey) -> Option<String> {
    if cell.settings.off {
        return Some("it says `# hozon: off`".to_owned());
    }
    if let Some(why) = &cell.live {
        return Some(format!("it {why}"));
    }
    key.uncertain.as_ref().map(|name| format!("it reads `{name}`, which has no digest and is not stored"))
}

/// Returns the record that an entry of a cell keeps.
pub(crate) fn record_of(store: &Store, entry: &Entry) -> Option<CellRecord> {
    let output = entry.outputs.iter().find(|output| output.codec == Codec::CellRecord)?;
    let bytes = store.part(&output.payload).ok()?;
    CellRecord::decode(bytes.as_slice()).ok()
}

/// Reads a time such as `90`, `90s`, `15m`, `2h`, `7d` or `1w`.
pub(crate) fn seconds_of(text: &str) -> Option<f64> {
    let text = text.trim();
    let unit = text.chars().last()?;
    let seconds = match unit {
        's' => 1.0,
        'm' => 60.0,
        'h' => 3600.0,
        'd' => 86_400.0,
        'w' => 604_800.0,
        _ => return text.parse().ok(),
    };
    text[..text.len() - 1].trim().parse::<f64>().ok().map(|number| number * seconds)
}

impl Walk<'_> {
    /// Takes over what a cell gave when it was run again, for the names whose value is still its.
    pub(crate) fn update(&mut self, cell: usize, entry: Option<Key>, record: CellRecord) {
        let current = |name: &&hozon_format::NameRecord| {
            self.versions.known(&name.name).is_none_or(|version| version.cell == cell)
        };
        let names = record.names.iter().filter(current).cloned().collect();
        let now = CellRecord { names, ..record.clone() };
        let parameters = self.parameters_of(cell);
        self.versions.apply(cell, entry, &now, &parameters);
        self.records.insert(cell, (entry, record));
    }

    fn explained(&self, stale: &Stale, name: &str) -> Vec<String> {
        let (now, key) = (&stale.now, hozon_key::key(&stale.now));
        let (memory, summaries) =
            self.memory.get_or_init(|| (Memory::of(self.store), self.store.summaries().unwrap_or_default()));
        let told = explain_among(self.store, memory, summaries, &key, now, name, stale.looked_ms);
        told.map(|told| told.lines(self.store.system().now_ms())).unwrap_or_default()
    }

    /// Tells why a cell has to run, in lines for people.
    pub(crate) fn why(&self, cell: usize, stale: &Stale) -> Vec<String> {
        if let Some(why) = &stale.unstorable {
            return vec![format!("not stored: {why}")];
        }
        let mut lines = self.explained(stale, &self.name(cell));
        if !stale.untold.is_empty() {
            let names: Vec<String> = stale.untold.iter().map(Subject::label).collect();
            lines = vec![format!("only importing tells whether {} changed", names.join(", "))];
        }
        lines
    }
}

/// The code of a cell that has none.
fn empty_code() -> CellCode {
    CellCode {
        digest: Digest::of(&[]),
        reads: vec![],
        immediate_reads: std::collections::BTreeSet::new(),
        binds: vec![],
        deletes: vec![],
        mutates: vec![],
        imports: vec![],
        star_import: false,
        definitions: vec![],
        uses_dynamic_names: false,
        unseen: vec![],
        is_async: false,
        last_expression: None,
        only_imports: false,
        only_definitions: false,
        only_declarations: false,
        surely_binds: vec![],
        surely_deletes: vec![],
    }
}
