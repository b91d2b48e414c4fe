//! The Python face: a watch of one computation, and what the Python front reports.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hozon_key::{Seen, StatusPart, Subject};
use hozon_store::stamp_of;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::access::Access;
use super::audit::{self, path_of};
use super::files::{self, located, stat_at};
use super::import_tables;
use super::log::{Log, Observations};
use super::recorder::{self, Inside};
use super::view;
use crate::places;
use crate::traces::observing;

/// The kinds of what cannot be verified that the Python front may report.
const KINDS: [&str; 8] =
    ["network", "subprocess", "fork", "randomness", "native", "registry", "clock", "missed"];

/// Records what a computation reads while it runs.
#[pyclass(frozen, module = "hozon._hozon")]
pub(crate) struct Watch {
    native: bool,
    state: Mutex<State>,
}

enum State {
    Idle,
    Running(u64),
    Done(Box<Observations>),
}

impl Watch {
    /// Takes what was observed, after `stop`.
    pub(crate) fn take(&self) -> Observations {
        let mut state = self.state();
        match &mut *state {
            State::Done(all) => std::mem::take(&mut **all),
            _ => Observations::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> Option<u64> {
        match *self.state() {
            State::Running(number) => Some(number),
            _ => None,
        }
    }
}

#[pymethods]
impl Watch {
    #[new]
    fn new(native: bool) -> Self {
        Self { native: native && import_tables::SEES_NATIVE, state: Mutex::new(State::Idle) }
    }

    /// Whether reads of native libraries can be seen on this system.
    #[staticmethod]
    pub(crate) fn sees_native() -> bool {
        import_tables::SEES_NATIVE
    }

    /// Starts recording what this thread does, and what threads do that watch nothing of their own.
    fn start(&self, py: Python<'_>) -> PyResult<()> {
        files::know_places(py)?;
        audit::install(py);
        if self.native {
            import_tables::patch_what_was_added();
        }
        let mut state = self.state();
        if !matches!(*state, State::Idle) {
            return Err(PyRuntimeError::new_err("a watch starts once"));
        }
        *state = State::Running(recorder::start());
        Ok(())
    }

    /// Stops recording for a while: a generator has handed an item out.
    fn pause(&self) {
        if let Some(number) = self.running() {
            recorder::pause(number);
        }
    }

    /// Goes on recording, on the thread that calls.
    fn resume(&self) {
        if let Some(number) = self.running() {
            recorder::resume(number);
        }
    }

    /// Ends recording. Once is enough.
    fn stop(&self) {
        let Some(number) = self.running() else { return };
        let mut log = recorder::stop(number);
        if self.native
            && import_tables::patching_failed()
            && let Some(log) = &mut log
        {
            log.unverifiable("native", "");
        }
        let stamp_now = |path: &std::path::Path| stat_at(path).map(|stat| stamp_of(&stat));
        let observations = log.map(|log| log.into_observations(stamp_now)).unwrap_or_default();
        *self.state() = State::Done(Box::new(observations));
    }

    /// Adds to this watch alone something that nobody can verify.
    fn add_unverifiable(&self, kind: &str, detail: &str) -> PyResult<()> {
        let kind = known_kind(kind)?;
        if let Some(number) = self.running() {
            recorder::tell_one(number, |log| log.unverifiable(kind, detail));
        }
        Ok(())
    }

    /// Shows what was observed, after `stop`: plain dicts and lists, for tests.
    fn observations<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        match &*self.state() {
            State::Done(all) => view::of_observations(py, all),
            _ => Err(PyRuntimeError::new_err("the watch has not been stopped")),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let State::Running(number) = *self.state() {
            recorder::stop(number);
        }
    }
}

/// Tells the computations of this thread that they use a result whose computation had looked at this.
pub(crate) fn inherit(seen: &[Seen], project: &Path) {
    tell(|log| log.inherit(seen, project));
}

/// Lets nothing that this thread does be recorded while it lives: hozon's own work is no read of the
/// program.
pub(crate) struct Suspended(());

impl Suspended {
    pub(crate) fn new() -> Self {
        recorder::suspend_thread();
        Self(())
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        recorder::resume_thread();
    }
}

/// Lets nothing that this thread does be recorded, until `resume_watching` was called as often.
#[pyfunction]
pub(crate) fn suspend_watching() {
    recorder::suspend_thread();
}

/// Takes back one `suspend_watching`. Returns whether it was the last of this thread.
#[pyfunction]
pub(crate) fn resume_watching() -> bool {
    recorder::resume_thread()
}

/// Looks for libraries that were loaded meanwhile.
#[pyfunction]
pub(crate) fn rescan_libraries() {
    if import_tables::is_in_use() {
        import_tables::patch_what_was_added();
    }
}

/// A variable of the environment was read, whether it is set or not.
#[pyfunction]
pub(crate) fn note_environment(name: &Bound<'_, PyAny>) {
    if let Some(name) = name_of(name) {
        tell(|log| log.environment(&name));
    }
}

/// A variable of the environment is about to be set or deleted: what was read counts as it was then.
#[pyfunction]
pub(crate) fn note_environment_before(name: &Bound<'_, PyAny>) {
    let (Some(name), Some(inside)) = (name_of(name), Inside::begin()) else { return };
    let digest = |subject| observing(Path::new(""), |observer| observer.observe(&subject, None).digest);
    if inside.any(|log| log.has_read_environment(&name).0) {
        let before = digest(Subject::Environment(name.clone()));
        inside.tell(|log| log.keep_environment(&name, before));
    }
    if inside.any(|log| log.has_read_environment(&name).1) {
        let before = digest(Subject::WholeEnvironment);
        inside.tell(|log| log.keep_whole_environment(before));
    }
}

/// A variable of the environment was set or deleted.
#[pyfunction]
pub(crate) fn note_environment_written(name: &Bound<'_, PyAny>) {
    if let Some(name) = name_of(name) {
        tell(|log| log.write_environment(&name));
    }
}

/// All variables of the environment were asked for.
#[pyfunction]
pub(crate) fn note_whole_environment() {
    tell(Log::whole_environment);
}

/// Local code has asked for the working directory.
#[pyfunction]
pub(crate) fn note_working_directory() {
    tell(Log::working_directory);
}

/// The status of something that is there was asked for; `part` is what it is called.
#[pyfunction]
pub(crate) fn note_status(path: &Bound<'_, PyAny>, part: &str) -> PyResult<()> {
    let Some(part) = StatusPart::named(part) else {
        return Err(PyValueError::new_err(format!("{part:?} is no part of a status")));
    };
    if let Some(inside) = Inside::begin()
        && let Some(path) = path_of(path).and_then(|named| located(&inside, named))
    {
        files::status(&inside, &path, part);
    }
    Ok(())
}

/// Something was looked for and not there.
#[pyfunction]
pub(crate) fn note_absent(path: &Bound<'_, PyAny>) {
    if let Some(inside) = Inside::begin()
        && let Some(path) = path_of(path).and_then(|named| located(&inside, named))
    {
        inside.tell(|log| log.absent(&path));
    }
}

/// A file is about to be opened with these flags, in a way that no hook sees rightly.
#[pyfunction]
pub(crate) fn note_open(path: &Bound<'_, PyAny>, flags: i32) {
    if let Some(inside) = Inside::begin()
        && let Some(path) = path_of(path).and_then(|named| located(&inside, named))
    {
        files::opening(&inside, &path, Access::of_flags(flags), stat_at(&path.absolute));
    }
}

/// Something was done that nobody can verify.
#[pyfunction]
pub(crate) fn note_unverifiable(kind: &str, detail: &str) -> PyResult<()> {
    let kind = known_kind(kind)?;
    tell(|log| log.unverifiable(kind, detail));
    Ok(())
}

/// Randomness of the system was used.
#[pyfunction]
pub(crate) fn note_entropy() {
    tell(|log| log.unverifiable("randomness", ""));
}

/// Whether a file of code is the person's own, as against installed.
#[pyfunction]
pub(crate) fn watching_is_local(py: Python<'_>, file: &str) -> PyResult<bool> {
    let place = places::of_file(py, file)?;
    Ok(place.is_none_or(|place| place == places::Place::Local))
}

fn known_kind(kind: &str) -> PyResult<&'static str> {
    let known = KINDS.into_iter().find(|known| *known == kind);
    known.ok_or_else(|| PyValueError::new_err(format!("{kind:?} is no kind of what cannot be verified")))
}

/// The name of a variable: of `os.environ` a text, of `os.environb` bytes.
fn name_of(given: &Bound<'_, PyAny>) -> Option<String> {
    match given.cast::<PyString>() {
        Ok(text) => Some(text.to_string_lossy().into_owned()),
        Err(_) => given.extract::<&[u8]>().ok().map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
    }
}

fn tell(told: impl FnMut(&mut Log)) {
    if let Some(inside) = Inside::begin() {
        inside.tell(told);
    }
}
