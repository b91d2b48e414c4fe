//! Cells of notebooks: what they read and give, as their notebook and other processes know it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hozon_engine::{CodeFiles, Distributions};
use hozon_format::{CellRecord, Digest, GroupRecord, NameKind, NameRecord, SET_BY_RUNNING};
use hozon_key::{Base, Node, NodeKind, Place as FilePlace, Seen, Subject, TraceSet, decode, traced_recipe};
use hozon_syntax::{Dialect, NotebookFormat, analyse, read_notebook};
use hozon_sys::Os;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyModule, PyString};

use crate::code;
use crate::computation::{Input, Keyed, Pins};
use crate::distributions;
use crate::errors;
use crate::local_pins::add_subjects_of_version;
use crate::places::{self, Place};
use crate::reach::{self, Origin};
use crate::reach_build::{Builder, Scope};
use crate::reach_handed::add_subjects_of_handed;
use crate::shown::shown;
use crate::trace_build::{Deeds, Digests, place_of, trace_of};
use crate::traces::{Trace, observing};
use crate::walk::{Refusal, Walked, Walker};
use crate::watch::{Suspended, Watch};

/// What one run of a cell has reached of local code and of distributions, in the cell's text and in the
/// values that it reads and gives.
#[pyclass(frozen, module = "hozon._hozon")]
pub(crate) struct CellReach {
    namespace: Py<PyDict>,
    pins: Pins,
    site_folders: Vec<PathBuf>,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    packages: BTreeSet<String>,
    origins: BTreeSet<Origin>,
}

/// The digest of a value, the names of the notebook that code in it reads, what it is for people, and why
/// it has no digest.
type Looked<'py> = (Option<Bound<'py, PyBytes>>, Vec<String>, String, Option<String>);

#[pymethods]
impl CellReach {
    /// `namespace` holds the notebook's names, `site_folders` are those of installed distributions.
    #[new]
    fn new(namespace: Py<PyDict>, pins: Pins, site_folders: Vec<PathBuf>) -> Self {
        Self { namespace, pins, site_folders, found: Mutex::default() }
    }

    /// What a run of a cell is a function of, before it runs. `recipe` is what its notebook knows; `inputs`
    /// are the names that it may read or change, of which those that are there count.
    fn keyed(
        &self,
        py: Python<'_>,
        source: &str,
        only_imports: bool,
        inputs: Vec<String>,
        recipe: Option<&[u8]>,
    ) -> PyResult<Keyed> {
        let _own_work = Suspended::new();
        let recipe = match recipe {
            Some(recipe) => decode(recipe).map_err(|error| PyValueError::new_err(error.to_string()))?,
            None => Node::new(NodeKind::Computation, ""),
        };
        let mut walker = self.walker(py);
        let keyed = self.make_key(&mut walker, source, only_imports, inputs);
        self.note(&mut walker);
        let (keyed, undigested) = keyed
            .map_err(|refusal| errors::undigestible(py, refusal, errors::Input::Variable, "the cell"))?;
        Ok(keyed.of_cell(recipe, undigested, self.namespace.clone_ref(py)))
    }

    /// Looks at a value that the cell has given a name.
    fn value<'py>(
        &self,
        py: Python<'py>,
        value: &Bound<'py, PyAny>,
        in_clear: bool,
    ) -> PyResult<Looked<'py>> {
        let _own_work = Suspended::new();
        let mut walker = self.walker(py);
        let digested = walker.digest(value);
        let deferred = std::mem::take(&mut walker.deferred).into_iter().collect();
        self.note(&mut walker);
        let text = shown(value, in_clear);
        match digested {
            Ok(digest) => Ok((Some(PyBytes::new(py, digest.as_bytes())), deferred, text, None)),
            Err(Refusal::Undigestible { why, type_name, .. }) => {
                Ok((None, deferred, text, Some(format!("{type_name}: {why}"))))
            }
            Err(Refusal::Raised(error)) => Err(error),
        }
    }

    /// The trace of a run that has ended, with the local code and the distributions that it reached.
    /// The states are those of [`trace_of`]; `sharing` counts if it changed something in place; `moved` is the folder that relative names started
    /// from, where that is not the notebook's own.
    fn trace(
        &self,
        py: Python<'_>,
        watch: Option<&Watch>,
        project: PathBuf,
        states: (Digests, Digests, Vec<String>),
        sharing: Option<[u8; 32]>,
        moved: Option<PathBuf>,
    ) -> PyResult<(Trace, Deeds)> {
        let (states, process, likely) = states;
        let (mut trace, deeds) = trace_of(py, watch, project.clone(), states, process, likely);
        if let Some(folder) = moved {
            // Which one it is stands in the key: an earlier cell has set it.
            trace.seen.retain(|seen| seen.subject != Subject::WorkingDirectory);
            trace.seen.iter_mut().for_each(|seen| from_folder(&mut seen.subject, &folder, &project));
        }
        trace.seen.extend(sharing.map(|digest| Seen {
            subject: Subject::Sharing,
            digest: Digest::from_bytes(digest),
            stamp: None,
        }));
        let mut subjects = BTreeSet::new();
        let found = std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner));
        for package in &found.packages {
            if package != places::PYTHON && package != places::HOZON && package != "_hozon" {
                subjects.extend(distributions::names_of(py, package)?.into_iter().map(Subject::Distribution));
            }
        }
        let code = &mut trace.code;
        code.count_versions_at(self.pins.local);
        let mut versions = Distributions::new(&Os, &self.site_folders, self.pins.system);
        for origin in found.origins {
            add_subjects(py, origin, &project, code, &mut subjects)?;
        }
        let seen = subjects.into_iter().map(|subject| look(py, subject, &project, code, &mut versions));
        let seen = seen.collect::<PyResult<Vec<Seen>>>()?;
        trace.seen.extend(seen);
        trace.seen = TraceSet::of(trace.seen).seen;
        Ok((trace, deeds))
    }
}

impl CellReach {
    fn walker<'py>(&self, py: Python<'py>) -> Walker<'py> {
        let mut walker = Walker::new(py, self.pins.local, "__main__");
        walker.notebook = Some(self.namespace.bind(py).clone());
        walker
    }

    fn note(&self, walker: &mut Walker<'_>) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.packages.extend(walker.touched.iter().cloned());
        found.origins.append(&mut walker.origins);
    }

    #[expect(clippy::type_complexity, reason = "a key and what has none")]
    fn make_key<'py>(
        &self,
        walker: &mut Walker<'py>,
        source: &str,
        only_imports: bool,
        inputs: Vec<String>,
    ) -> Walked<(Keyed, Vec<(String, Py<PyAny>)>)> {
        let py = walker.python();
        let namespace = self.namespace.bind(py);
        let mut reached = reached_by(walker, source, only_imports, namespace)?;
        let mut arguments = Vec::new();
        let mut undigested = Vec::new();
        for label in inputs {
            // A module is followed to what is used of it.
            let value = namespace.get_item(&label)?.filter(|value| !value.is_instance_of::<PyModule>());
            let Some(value) = value else { continue };
            match walker.digest(&value) {
                Ok(digest) => arguments.push(Input { label, object: value.unbind(), digest }),
                Err(Refusal::Undigestible { .. }) => undigested.push((label, value.unbind())),
                Err(raised) => return Err(raised),
            }
        }
        reached.packages.extend(walker.touched.iter().cloned());
        reached.aspects.add(walker.aspects);
        let mut own = self.walker(py);
        own.touched.clone_from(&walker.touched);
        own.aspects = walker.aspects;
        let keyed = Keyed::new(py, own, Arc::new(reached), arguments, None, self.pins)?;
        Ok((keyed, undigested))
    }
}

fn look(
    py: Python<'_>,
    subject: Subject,
    project: &Path,
    code: &mut CodeFiles<'_>,
    versions: &mut Distributions<'_>,
) -> PyResult<Seen> {
    let digest = match &subject {
        Subject::Definition(place, _)
        | Subject::Variable(place, _)
        | Subject::Source(place)
        | Subject::Version(place) => {
            return Ok(code.observe(&subject, &hozon_engine::path_of(place, project), None));
        }
        Subject::Distribution(name) => versions.digest(name),
        Subject::Loaded { module, name } => loaded_digest(py, module, name)?,
        _ => return Ok(observing(project, |observer| observer.observe(&subject, None))),
    };
    Ok(Seen { subject, digest, stamp: None })
}

/// Names a place that was relative to a folder from then on without it.
fn from_folder(subject: &mut Subject, folder: &Path, project: &Path) {
    if let Some(place) = subject.place_mut()
        && place.base == Base::WorkingDirectory
    {
        let relative =
            hozon_engine::path_of(&FilePlace { base: Base::Root, path: place.path.clone() }, project);
        *place = place_of(&folder.join(relative), project);
    }
}

/// What the text of a cell reaches, but for the names of its notebook.
fn reached_by<'py>(
    walker: &mut Walker<'py>,
    source: &str,
    only_imports: bool,
    namespace: &Bound<'py, PyDict>,
) -> Walked<reach::Reached> {
    let py = walker.python();
    let module = analyse(source, Dialect::Ipython)
        .map_err(|error| Refusal::Raised(PyValueError::new_err(error.to_string())))?;
    let scope = Scope::of_globals(namespace.clone());
    let root = py.None().into_bound(py);
    let mut builder = Builder::new(walker, &root);
    let number = builder.add_definition(NodeKind::Computation, "cell".to_owned());
    builder.reached.definitions[number].own = module.whole().digest;
    let mut edges = Vec::new();
    let whole = module.whole();
    builder.reached.unseen.extend(whole.unseen.iter().cloned());
    builder.attributes.push(Arc::clone(&whole.attributes));
    builder.reading_edges(&whole.reads, &[], whole.uses_dynamic_names, &scope, &mut edges)?;
    for import in &whole.imports {
        builder.cell_import_edge(&scope, import, only_imports, &mut edges)?;
    }
    builder.reached.definitions[number].edges = edges;
    builder.run_pending()?;
    let mut reached = builder.reached;
    walker.origins.extend(reached.origins.iter().cloned());
    reach::seal_code(&mut reached);
    Ok(reached)
}

/// Adds what can be looked at later for something that was reached.
fn add_subjects(
    py: Python<'_>,
    origin: Origin,
    project: &Path,
    code: &mut CodeFiles<'_>,
    subjects: &mut BTreeSet<Subject>,
) -> PyResult<()> {
    match origin {
        Origin::Definition { file, module, name } => {
            let path = PathBuf::from(file);
            let outermost = name.split('.').next().unwrap_or(&name).to_owned();
            let source = code.module(&path);
            let is_there = source.as_ref().is_some_and(|source| source.code_of(&name).is_some());
            if is_there {
                subjects.insert(Subject::Definition(place_of(&path, project), name.clone()));
            }
            if !is_there || !source.is_some_and(|source| source.is_plainly_defined(&name)) {
                subjects.insert(Subject::Loaded { module, name: outermost });
            }
        }
        Origin::Module { file } => {
            subjects.insert(Subject::Source(place_of(Path::new(&file), project)));
        }
        Origin::Variable { file, module, name } => {
            let path = PathBuf::from(file);
            let plain = code.module(&path).and_then(|source| source.plain_variable(&name));
            let is_plain = match plain {
                Some(plain) => !brings_local_code(py, &plain.imports)?,
                None => false,
            };
            subjects.insert(if is_plain {
                Subject::Variable(place_of(&path, project), name)
            } else {
                Subject::Loaded { module, name }
            });
        }
        Origin::Handed { file, module, name } => {
            add_subjects_of_handed(py, (file, module, name), project, code, subjects)?;
        }
        Origin::Loaded { module, name } => {
            subjects.insert(Subject::Loaded { module, name });
        }
        Origin::Version { module } => add_subjects_of_version(py, &module, project, code, subjects)?,
    }
    Ok(())
}

fn brings_local_code(py: Python<'_>, imports: &[hozon_syntax::Import]) -> PyResult<bool> {
    for import in imports {
        if import.level > 0 || places::of_module(py, &import.module)? == Place::Local {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The digest of a variable of a module, which is imported; of nothing if there is none.
pub(crate) fn loaded_digest(py: Python<'_>, module: &str, name: &str) -> PyResult<Digest> {
    let module = py.import("hozon._sources")?.call_method1("imported", (module,))?;
    let mut value = Some(module).filter(|module| !module.is_none());
    for part in name.split('.') {
        value = match value {
            Some(value) => value.getattr_opt(part)?,
            None => None,
        };
    }
    let Some(value) = value else { return Ok(hozon_engine::of_absence()) };
    let mut walker = Walker::new(py, hozon_key::pins::Pin::Code, "");
    match walker.digest(&value) {
        Ok(digest) => Ok(digest),
        // What has no digest may be anything: no other process gives the same.
        Err(Refusal::Undigestible { .. }) => Ok(code::of_this_process(&Digest::of(name.as_bytes()))),
        Err(Refusal::Raised(error)) => Err(error),
    }
}

/// The digest of a variable of a module, for a notebook that asks: 32 bytes.
#[pyfunction]
pub(crate) fn loaded_variable<'py>(
    py: Python<'py>,
    module: &str,
    name: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let _own_work = Suspended::new();
    Ok(PyBytes::new(py, loaded_digest(py, module, name)?.as_bytes()))
}

/// The code of a notebook of marimo as marimo runs it: its cells as one module. None for other texts.
#[pyfunction]
pub(crate) fn marimo_module(py: Python<'_>, text: &str) -> Option<String> {
    let notebook = py.detach(|| read_notebook(text, "notebook.py")).ok()?;
    (notebook.format == NotebookFormat::Marimo).then(|| notebook.as_module())
}

/// Tells whether a module is the person's own, so that the code of its functions is followed. What was made by
/// `exec` may have no name of a module; then it is as local as what names it.
#[pyfunction]
pub(crate) fn is_local_module(name: &Bound<'_, PyAny>) -> PyResult<bool> {
    match name.cast::<PyString>() {
        Ok(text) => Ok(places::of_module(name.py(), &text.to_cow()?)? == Place::Local),
        Err(_) => Ok(true),
    }
}

/// What later cells depend on where only running a cell sets something: how it is called, and its digest,
/// 32 bytes. `statement` is what sets it, `code` the part of the cell that counts, `recipe` the cell's own,
/// and `trace` what the run has looked at, if that can be told.
#[pyfunction]
pub(crate) fn set_by_running<'py>(
    py: Python<'py>,
    statement: &str,
    code: &str,
    recipe: Option<&[u8]>,
    trace: Option<&Trace>,
) -> PyResult<(String, Bound<'py, PyBytes>)> {
    let code = Digest::of(code.as_bytes());
    let digest = match recipe {
        Some(recipe) => {
            let mut recipe = decode(recipe).map_err(|error| PyValueError::new_err(error.to_string()))?;
            let own = recipe.children.iter_mut().filter(|node| node.kind == NodeKind::Code);
            own.for_each(|node| node.digest = Some(code));
            traced_recipe(recipe, trace.map_or(&[][..], |trace| &trace.seen)).digest()
        }
        // It depends on something that cannot be told: no other run sets the same.
        None => {
            static RUNS: AtomicU64 = AtomicU64::new(0);
            let run = RUNS.fetch_add(1, Ordering::Relaxed);
            code::of_this_process(&Digest::of(&run.to_le_bytes()))
        }
    };
    Ok((format!("{SET_BY_RUNNING}`{statement}`"), PyBytes::new(py, digest.as_bytes())))
}

/// A name as the front gives it: name, digest, kind, detail of the kind, deferred names, what it is.
type GivenName = (String, Option<[u8; 32]>, String, String, Vec<String>, String);

/// A group as the front gives it: names, names that it needs, whether it uses inputs, what it shares
/// objects with, and how.
type GivenGroup = (Vec<String>, Vec<String>, bool, Vec<String>, Option<[u8; 32]>);

/// The bytes of a cell's record.
#[pyfunction]
#[pyo3(signature = (names, deleted, groups, random, variables, process, has_effects, only_by_running, stopped))]
#[expect(clippy::too_many_arguments, reason = "what a record holds, and one caller gives it")]
pub(crate) fn cell_record<'py>(
    py: Python<'py>,
    names: Vec<GivenName>,
    deleted: Vec<String>,
    groups: Vec<GivenGroup>,
    random: Vec<(String, [u8; 32])>,
    variables: Vec<String>,
    process: Vec<(String, [u8; 32])>,
    has_effects: bool,
    only_by_running: bool,
    stopped: bool,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut names = names.into_iter().map(name_record).collect::<PyResult<Vec<_>>>()?;
    names.sort_by(|one, other| one.name.cmp(&other.name));
    let group = |(names, needs, uses_inputs, shares, pattern): GivenGroup| GroupRecord {
        names,
        needs,
        uses_inputs,
        shares,
        pattern: pattern.map(Digest::from_bytes),
    };
    let variable = |name: String| {
        let subject = Subject::Environment(name.clone());
        let seen = observing(Path::new(""), |observer| observer.observe(&subject, None));
        (name, seen.digest)
    };
    let digested = |pairs: Vec<(String, [u8; 32])>| {
        pairs.into_iter().map(|(name, digest)| (name, Digest::from_bytes(digest))).collect()
    };
    let record = CellRecord {
        names,
        deleted,
        groups: groups.into_iter().map(group).collect(),
        random: digested(random),
        process: digested(process),
        variables: variables.into_iter().map(variable).collect(),
        has_effects,
        only_by_running,
        stopped,
    };
    Ok(PyBytes::new(py, &record.encode()))
}

fn name_record((name, digest, kind, detail, deferred, shown): GivenName) -> PyResult<NameRecord> {
    let kind = match kind.as_str() {
        "value" => NameKind::Value { group: detail.parse()? },
        "module" => NameKind::Module { module: detail },
        "definition" => NameKind::Definition,
        "live" => NameKind::Live { why: detail },
        _ => return Err(PyValueError::new_err(format!("{kind:?} is no kind of name"))),
    };
    Ok(NameRecord { name, digest: digest.map(Digest::from_bytes), kind, deferred, shown })
}

/// The digest that stands for a generator that nobody has seeded.
#[pyfunction]
pub(crate) fn unseeded_state<'py>(py: Python<'py>) -> Bound<'py, PyBytes> {
    PyBytes::new(py, hozon_engine::unseeded().as_bytes())
}
