//! Traces for Python: what a run has looked at, and whether that is still like it was.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use hozon_engine::{CodeFiles, FileObserver, KnownFiles, Observer, of_random_state};
use hozon_format::{Digest, Hasher, Writer};
use hozon_key::{Node, Seen, Subject};
use hozon_sys::{Os, System};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::watch;

/// The digests of files that this process has taken.
pub(crate) fn known_files() -> &'static KnownFiles {
    static KNOWN: OnceLock<KnownFiles> = OnceLock::new();
    KNOWN.get_or_init(|| KnownFiles::new(Arc::new(Os), Arc::new(Os)))
}

/// Calls `with` with what looks at subjects for computations of a project.
///
/// Works with and without the interpreter attached.
pub(crate) fn observing<T>(project: &Path, with: impl FnOnce(&mut dyn Observer) -> T) -> T {
    let mut other = |subject: &Subject| {
        Python::attach(|py| digest_of(py, subject)).unwrap_or_else(|_| digest_of_nothing_else())
    };
    with(&mut FileObserver { files: known_files(), project, working_directory: None, other: &mut other })
}

/// A digest that no other look gives: what cannot be looked at holds no trace.
fn digest_of_nothing_else() -> Digest {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut to = Writer::new();
    to.u64(Os.now_ms()).u64(Os.process_id().into()).u64(COUNT.fetch_add(1, Ordering::Relaxed));
    Hasher::in_domain("hozon 2026 a look that failed v1").update(&to.finish()).finish()
}

/// The names of variables that change with every terminal and say nothing to a computation that copies
/// its whole environment, to start a process, say.
const OF_TERMINALS: [&str; 14] = [
    "_",
    "COLUMNS",
    "DBUS_SESSION_BUS_ADDRESS",
    "LINES",
    "OLDPWD",
    "PWD",
    "SHLVL",
    "SSH_AUTH_SOCK",
    "SSH_CLIENT",
    "SSH_CONNECTION",
    "SSH_TTY",
    "TERM_SESSION_ID",
    "WINDOWID",
    "XDG_SESSION_ID",
];

fn digest_of(py: Python<'_>, subject: &Subject) -> PyResult<Digest> {
    let mut to = Writer::new();
    match subject {
        Subject::Environment(name) => write_variable(py, name, &mut to)?,
        Subject::WholeEnvironment => {
            for name in names_of_variables(py)? {
                if !OF_TERMINALS.contains(&name.as_str()) && !name.starts_with("HOZON_") {
                    to.text(&name);
                    write_variable(py, &name, &mut to)?;
                }
            }
        }
        Subject::RandomState(generator) => {
            let module = py.import(intern!(py, "hozon._randomness"))?;
            let digest = module.call_method1(intern!(py, "state_digest"), (generator,))?;
            let digest = Digest::from_bytes(digest.extract()?);
            return Ok(of_random_state(&digest));
        }
        Subject::ProcessState(name) => {
            let _own_work = watch::Suspended::new();
            let module = py.import(intern!(py, "hozon._unnamed_state"))?;
            let digest = module.call_method1(intern!(py, "digest"), (name,))?;
            return Ok(of_process_state(&Digest::from_bytes(digest.extract()?)));
        }
        Subject::WorkingDirectory => {
            let folder = py.import(intern!(py, "os"))?.call_method0(intern!(py, "getcwdb"))?;
            to.bytes(folder.cast::<PyBytes>()?.as_bytes());
        }
        _ => return Ok(digest_of_nothing_else()),
    }
    Ok(Hasher::in_domain("hozon 2026 state of a subject v1").update(&to.finish()).finish())
}

/// The digest that state of the process counts by whose own digest this is.
pub(crate) fn of_process_state(state: &Digest) -> Digest {
    Hasher::in_domain("hozon 2026 state of a process v1").update(state.as_bytes()).finish()
}

/// The mapping beneath `os.environ`: reading it is not a read of the program.
fn raw_environment<'py>(py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
    let environment = py.import(intern!(py, "os"))?.getattr(intern!(py, "environ"))?;
    let raw = environment.getattr_opt(intern!(py, "_data"))?;
    Ok(raw.unwrap_or(environment))
}

fn write_variable(py: Python<'_>, name: &str, to: &mut Writer) -> PyResult<()> {
    let os = py.import(intern!(py, "os"))?;
    let encoded = os.getattr(intern!(py, "environ"))?.call_method1(intern!(py, "encodekey"), (name,))?;
    let value = raw_environment(py)?.call_method1(intern!(py, "get"), (encoded,))?;
    if value.is_none() {
        to.u8(0);
        return Ok(());
    }
    let value = os.call_method1(intern!(py, "fsencode"), (value,))?;
    to.u8(1).bytes(value.cast::<PyBytes>()?.as_bytes());
    Ok(())
}

fn names_of_variables(py: Python<'_>) -> PyResult<Vec<String>> {
    let os = py.import(intern!(py, "os"))?;
    let mut names = Vec::new();
    for name in raw_environment(py)?.try_iter()? {
        // Names that are no UTF-8 stand for themselves in a lossy way: they are rare, and all count.
        let name = os.call_method1(intern!(py, "fsencode"), (name?,))?;
        names.push(String::from_utf8_lossy(name.cast::<PyBytes>()?.as_bytes()).into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// What a run has looked at.
#[pyclass(frozen, module = "hozon._hozon")]
pub(crate) struct Trace {
    pub(crate) seen: Vec<Seen>,
    pub(crate) project: PathBuf,
    /// The source files that its definitions stand in.
    pub(crate) code: CodeFiles<'static>,
}

impl Trace {
    pub(crate) fn new(seen: Vec<Seen>, project: PathBuf) -> Self {
        Self { seen, project, code: CodeFiles::new(&Os, known_files()) }
    }

    /// Adds to a recipe with this trace the lines that its definitions stand on.
    pub(crate) fn add_lines(&self, recipe: &mut Node) {
        self.code.clone().add_lines(recipe, &self.project);
    }
}

#[pymethods]
impl Trace {
    /// Whether everything is still like it was.
    pub(crate) fn holds(&self, py: Python<'_>) -> bool {
        py.detach(|| {
            observing(&self.project, |observer| {
                self.seen.iter().all(|seen| observer.observe(&seen.subject, Some(seen)).digest == seen.digest)
            })
        })
    }

    /// What it has looked at, as people call it.
    fn labels(&self) -> Vec<String> {
        self.seen.iter().map(|seen| seen.subject.label()).collect()
    }

    fn __len__(&self) -> usize {
        self.seen.len()
    }
}

/// Tells the computations under way that they use a result whose run had looked at this.
#[pyfunction]
pub(crate) fn inherit_trace(trace: &Trace) {
    // Random states are no looks: the one who restores them tells of that.
    let own = |seen: &&Seen| !matches!(seen.subject, Subject::RandomState(_));
    let seen: Vec<Seen> = trace.seen.iter().filter(own).cloned().collect();
    watch::inherit(&seen, &trace.project);
}
