//! The store, single flight and the event log, for Python.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hozon_engine::{
    Begin, Caller, Event, EventKind, EventLog, Flights, Outgoing, Poll, TracedLookup, Turn, accepted_entry,
    explain_call, forget_traced, look_up, put_traced, recipe_now,
};
use hozon_format::{Codec, ComputationKind, Digest, Entry, Facts, Key, Origin, Output, Part, SealKey};
use hozon_key::{Node, Seen, Subject, decode};
use hozon_store::{
    Filter, HitCost, Keys, Limits, Miss, MostOfName, NewBuffer, NewEntry, NewOutput, Notice, Run,
};
use hozon_sys::{Os, System};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::buffers;
use crate::computation::HOZON_VERSION;
use crate::errors;
use crate::mapped::RestoredBuffer;
use crate::tiers::TierConfig;
use crate::traces::{Trace, observing};

/// One store, opened.
#[pyclass(frozen, module = "hozon._hozon")]
pub(crate) struct Store {
    flights: Flights,
    /// What goes to other machines, if anything does.
    outgoing: Option<Outgoing>,
    log: EventLog,
    system: Arc<Os>,
}

/// What took less to compute is not sent to other machines: they compute it as fast as they fetch it.
const WORTH_SENDING_SECONDS: f64 = 0.1;

#[pymethods]
impl Store {
    /// Opens the store in `folder`. `seal_key` is the file of the user's key; None: a key of this
    /// process alone, whose entries no other process reads. `bound` says how large it may get: a size, a part
    /// of the disk, "none"; None: the default. What was stored less than `grace` seconds ago is not evicted.
    /// `tiers` are what stands behind it.
    #[new]
    #[pyo3(signature = (folder, seal_key, bound=None, grace=None, tiers=None))]
    fn new(
        py: Python<'_>,
        folder: PathBuf,
        seal_key: Option<PathBuf>,
        bound: Option<&str>,
        grace: Option<f64>,
        tiers: Option<TierConfig>,
    ) -> PyResult<Self> {
        let system = Arc::new(Os);
        let keys = keys_of(&system, seal_key)?;
        let mut limits = Limits { bound: bound_of_text(bound)?, ..Limits::default() };
        if let Some(grace) = grace {
            limits.grace = Duration::try_from_secs_f64(grace)
                .map_err(|error| PyValueError::new_err(error.to_string()))?;
        }
        let store = py
            .detach(|| hozon_store::Store::open_with(system.clone(), &folder, keys, limits))
            .map_err(|error| errors::raise(py, "StoreError", (error.to_string(),)))?;
        let remote = tiers.as_ref().map(|tiers| tiers.open(&(system.clone() as Arc<dyn System>)));
        let sends = tiers.is_some_and(|tiers| !tiers.read_only);
        let remote = remote.filter(|remote| !remote.tiers().is_empty()).unwrap_or_default();
        let outgoing = sends.then(|| Outgoing::new(store.clone(), remote.clone()));
        let flights = Flights::with_remote(store, remote);
        Ok(Self { flights, outgoing, log: EventLog::new(), system })
    }

    /// Whether tiers stand behind it.
    #[getter]
    fn has_tiers(&self) -> bool {
        self.flights.has_tiers()
    }

    /// Waits until what this process sends to other machines is sent, or the time is over.
    fn finish_sending(&self, py: Python<'_>, most_seconds: f64) {
        let most = Duration::try_from_secs_f64(most_seconds).unwrap_or_default();
        py.detach(|| self.outgoing.iter().for_each(|outgoing| outgoing.finish(most)));
    }

    /// Whether the folder can only be read: nothing new is kept.
    fn is_read_only(&self) -> bool {
        self.store().notices().iter().any(|notice| matches!(notice, Notice::ReadOnly { .. }))
    }

    /// What the user should know of the folder, in sentences.
    fn notices(&self) -> Vec<String> {
        self.store().notices().iter().map(ToString::to_string).collect()
    }

    /// Looks a key up, for a computation that is called `name`, and waits for its turn or its result: a `Hit` or
    /// a `Turn`. Traces are looked at as
    /// for a computation of `project`.
    fn begin<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        name: &str,
        wait_seconds: f64,
        project: PathBuf,
    ) -> PyResult<Bound<'py, PyAny>> {
        let key = key_of(key)?;
        let budget = Duration::try_from_secs_f64(wait_seconds).unwrap_or(Duration::MAX);
        let mut interrupted = None;
        let mut between = || match Python::attach(|py| py.check_signals()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                interrupted = Some(error);
                ControlFlow::Break(())
            }
        };
        let begun = py.detach(|| {
            observing(&project, |observer| {
                self.flights.begin(&key, name, Caller::this_thread(), budget, observer, &mut between)
            })
        });
        match begun {
            Begin::Hit(entry, seen) => self.hit(py, entry, seen, project),
            Begin::Compute(turn) => turn_object(py, turn),
            Begin::Stopped => Err(interrupted.unwrap_or_else(|| PyOSError::new_err("the wait was stopped"))),
        }
    }

    /// The same without waiting, for tasks of an event loop: None means to ask again later.
    fn poll<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        name: &str,
        task: u64,
        project: PathBuf,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let key = key_of(key)?;
        let polled = py.detach(|| {
            observing(&project, |observer| self.flights.poll(&key, name, Caller::task(task), observer))
        });
        match polled {
            Poll::Hit(entry, seen) => self.hit(py, entry, seen, project).map(Some),
            Poll::Compute(turn) => turn_object(py, turn).map(Some),
            Poll::Wait => Ok(None),
        }
    }

    /// The turn of a task whose patience is at its end.
    fn compute_anyway<'py>(&self, py: Python<'py>, key: &[u8], task: u64) -> PyResult<Bound<'py, PyAny>> {
        turn_object(py, self.flights.compute_anyway(&key_of(key)?, Caller::task(task)))
    }

    /// Ends the wait of a task.
    fn stop_waiting(&self, task: u64) {
        self.flights.stop_waiting(Caller::task(task));
    }

    /// The entry of a key whose trace holds, if there is one.
    fn get<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        name: &str,
        project: PathBuf,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let key = key_of(key)?;
        match py.detach(|| observing(&project, |observer| look_up(self.store(), &key, name, observer))) {
            TracedLookup::Hit(entry, seen) => self.hit(py, entry, seen, project).map(Some),
            TracedLookup::Miss(_) => Ok(None),
        }
    }

    /// The entry of exactly this key, whatever its trace: for what a person has named.
    fn get_named<'py>(&self, py: Python<'py>, key: &[u8]) -> PyResult<Option<Bound<'py, PyAny>>> {
        let key = key_of(key)?;
        match py.detach(|| self.store().get(&key)) {
            hozon_store::Lookup::Hit(entry) => self.hit(py, entry, Vec::new(), PathBuf::new()).map(Some),
            hozon_store::Lookup::Miss(_) => Ok(None),
        }
    }

    /// How many bytes the store may hold; None: as many as there is room for.
    #[getter]
    fn bound(&self) -> Option<u64> {
        self.store().bound()
    }

    /// Stores results of a run with this trace; gives the key of the entry. `most` is how many entries, or
    /// bytes, are to be kept of the name.
    #[pyo3(signature = (key, recipe, trace, name, kind, place, seconds, outputs, notes, most=None))]
    #[expect(clippy::too_many_arguments, reason = "one call over the border instead of a class of its own")]
    fn put<'py>(
        &self,
        py: Python<'py>,
        key: &[u8],
        recipe: &[u8],
        trace: Option<&Trace>,
        name: String,
        kind: &str,
        place: String,
        seconds: f64,
        outputs: Vec<GivenOutput<'_>>,
        notes: Vec<(String, String)>,
        most: Option<(Option<u64>, Option<u64>)>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let key = key_of(key)?;
        let recipe = decode(recipe).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let seen = trace.map_or_else(Vec::new, |trace| trace.seen.clone());
        let add_lines = |recipe: &mut Node| trace.into_iter().for_each(|trace| trace.add_lines(recipe));
        let facts = Facts {
            name: name.clone(),
            kind: kind_of(kind)?,
            place,
            created_ms: self.system.now_ms(),
            duration_ns: (seconds * 1e9) as u64,
            expires_ms: None,
            python: python_version(py),
            hozon: HOZON_VERSION.to_owned(),
            more: notes,
        };
        let most = most.map(|(entries, bytes)| MostOfName { entries, bytes });
        let held = hold_buffers(&outputs)?;
        let stored = with_outputs(&outputs, &held, py, |outputs| {
            let (recipe_bytes, traces) = (Vec::new(), Vec::new());
            let entry = NewEntry { key, facts, recipe: recipe_bytes, traces, outputs, known: None, most };
            py.detach(|| put_traced(self.store(), entry, recipe, seen, add_lines))
        })?;
        match stored {
            Ok((key, stored)) => {
                let bytes = stored.entry_bytes + stored.new_blob_bytes;
                if let Some(outgoing) = self.outgoing.as_ref().filter(|_| seconds >= WORTH_SENDING_SECONDS) {
                    // What cannot be noted is not sent; here it is stored all the same.
                    let _ = py.detach(|| outgoing.send(&key));
                }
                self.log(name, Some(key), EventKind::Stored { bytes });
                Ok(PyBytes::new(py, key.as_bytes()))
            }
            Err(error) => {
                self.log(name, Some(key), EventKind::Fault { what: error.to_string() });
                Err(errors::raise(py, "StoreError", (error.to_string(),)))
            }
        }
    }

    /// Notes that a stored result was used.
    fn record_hit(&self, key: &[u8], name: String, seconds_saved: f64) -> PyResult<()> {
        let key = key_of(key)?;
        self.store().record_use(&key, seconds_saved);
        self.log(name, Some(key), EventKind::Hit { seconds_saved });
        Ok(())
    }

    /// Notes what a hit took, in seconds: the key, until the entry was found, until the value was there.
    fn record_hit_cost(&self, name: &str, key_seconds: f64, look_seconds: f64, value_seconds: f64) {
        let cost = HitCost { hits: 1, key_seconds, look_seconds, value_seconds };
        self.store().record_hit_cost(name, &cost);
    }

    /// Notes that there was no result to use.
    fn record_miss(&self, key: &[u8], name: String, why: String) -> PyResult<()> {
        self.log(name, Some(key_of(key)?), EventKind::Miss { why });
        Ok(())
    }

    /// Hits, misses and seconds saved of computations of this name, in this process.
    fn totals_of(&self, name: &str) -> (u64, u64, f64) {
        let totals = self.log.totals_of(self.system.process_id(), name);
        (totals.hits, totals.misses, totals.seconds_saved)
    }

    /// Hits, misses and seconds saved of all computations, in this process.
    fn totals(&self) -> (u64, u64, f64) {
        let totals = self.log.totals(self.system.process_id());
        (totals.hits, totals.misses, totals.seconds_saved)
    }

    /// Writes what was counted since to the index. A fault of the index is no matter of the program.
    fn flush(&self, py: Python<'_>) {
        let _ = py.detach(|| self.store().flush_uses());
    }

    /// Removes the entries of a key, whatever their traces; tells whether there was one.
    #[pyo3(signature = (key, why="forgotten"))]
    fn forget(&self, py: Python<'_>, key: &[u8], why: &str) -> PyResult<bool> {
        let key = key_of(key)?;
        self.flights.keep_from_tiers(&key);
        py.detach(|| forget_traced(self.store(), &key, why)).map_err(|error| store_error(py, &error))
    }

    /// Removes the entries of a name; gives their number.
    fn forget_name(&self, py: Python<'_>, name: String) -> PyResult<u64> {
        let cleared = py
            .detach(|| self.store().clear_because(&Filter::Name(name), "cleared by code"))
            .map_err(|error| store_error(py, &error))?;
        Ok(cleared.entries)
    }

    /// The number of entries of a name.
    fn count_of(&self, py: Python<'_>, name: &str) -> PyResult<usize> {
        let found = py.detach(|| self.store().summaries_of(name)).map_err(|error| store_error(py, &error))?;
        Ok(found.len())
    }

    /// Names an entry, so that it is kept and can be loaded by the name.
    fn set_root(&self, py: Python<'_>, name: &str, key: &[u8]) -> PyResult<()> {
        self.store().set_root(name, &key_of(key)?).map_err(|error| store_error(py, &error))
    }

    /// The key that a root names.
    fn root<'py>(&self, py: Python<'py>, name: &str) -> Option<Bound<'py, PyBytes>> {
        self.store().root(name).map(|key| PyBytes::new(py, key.as_bytes()))
    }

    /// Why a recipe is not among the entries of its name: lines for people. `own` is the key under which
    /// the run that is asked about was stored.
    #[pyo3(signature = (recipe, name, project, own=None))]
    fn explain(
        &self,
        py: Python<'_>,
        recipe: &[u8],
        name: &str,
        project: PathBuf,
        own: Option<&[u8]>,
    ) -> PyResult<Vec<String>> {
        let known = decode(recipe).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let own = own.map(key_of).transpose()?;
        let told = py.detach(|| {
            let stored = own.and_then(|own| self.store().entry_for_explaining(&own));
            let stored = stored.and_then(|entry| decode(&entry.recipe).ok());
            let now = stored
                .unwrap_or_else(|| observing(&project, |observer| recipe_now(self.store(), known, observer)));
            explain_call(self.store(), &hozon_key::key(&now), &now, name)
        });
        let told = told.map_err(|error| store_error(py, &error))?;
        Ok(told.text(self.system.now_ms()).lines().map(str::to_owned).collect())
    }

    /// The key of a result that accepted edits of code make that of this recipe; None where there is
    /// none. It is stored then.
    fn accepted_entry<'py>(
        &self,
        py: Python<'py>,
        recipe: &[u8],
        name: &str,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        if self.store().acceptance(name).is_none() {
            return Ok(None);
        }
        let now = decode(recipe).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let found = py.detach(|| accepted_entry(self.store(), &now, name));
        let found = found.map_err(|error| store_error(py, &error))?;
        Ok(found.map(|key| PyBytes::new(py, key.as_bytes())))
    }

    /// Whether edits are accepted for a name: only then is `accepted_entry` worth a recipe.
    fn has_acceptance(&self, name: &str) -> bool {
        self.store().acceptance(name).is_some()
    }

    /// Notes that a computation ran, and why its result was not stored: empty if it was.
    fn record_run(&self, key: &[u8], name: String, seconds: f64, unstored: String) -> PyResult<()> {
        let unstored = Some(unstored).filter(|why| !why.is_empty());
        let run = Run { key: key_of(key)?, name, seconds, when_ms: 0, session: 0, unstored };
        self.store().record_run(run);
        Ok(())
    }
}

impl Store {
    pub(crate) fn store(&self) -> &hozon_store::Store {
        self.flights.store()
    }

    fn log(&self, name: String, key: Option<Key>, kind: EventKind) {
        let when_ms = self.system.now_ms();
        self.log.record(self.system.process_id(), Event { when_ms, name, key, kind });
    }

    fn hit<'py>(
        &self,
        py: Python<'py>,
        entry: Box<Entry>,
        seen: Vec<Seen>,
        project: PathBuf,
    ) -> PyResult<Bound<'py, PyAny>> {
        let trace = if seen.is_empty() { None } else { Some(Py::new(py, Trace::new(seen, project))?) };
        let hit = Hit { entry, trace, store: self.store().clone() };
        Ok(hit.into_pyobject(py)?.into_any())
    }
}

/// How large a store may get, as it is written in a configuration; None: the default.
pub(crate) fn bound_of_text(text: Option<&str>) -> PyResult<hozon_store::Bound> {
    match text {
        Some(text) => text.parse().map_err(|why: String| PyValueError::new_err(why)),
        None => Ok(hozon_store::Bound::Default),
    }
}

/// A number of bytes, as people write it.
#[pyfunction]
pub(crate) fn size_of_text(text: &str) -> PyResult<u64> {
    hozon_store::size_of_text(text).map_err(PyValueError::new_err)
}

/// Raises `ValueError` for a text that says of no store how large it may get.
#[pyfunction]
pub(crate) fn check_bound(text: &str) -> PyResult<()> {
    bound_of_text(Some(text)).map(drop)
}

fn store_error(py: Python<'_>, error: &hozon_store::StoreError) -> PyErr {
    errors::raise(py, "StoreError", (error.to_string(),))
}

fn keys_of(system: &Arc<Os>, file: Option<PathBuf>) -> PyResult<Keys> {
    match file {
        Some(file) => Keys::load_or_create(system.clone(), &file).map_err(|error| {
            PyOSError::new_err(format!("the seal key {} cannot be had: {error}", file.display()))
        }),
        None => {
            let mut bytes = [0; 32];
            system.fill_random(&mut bytes)?;
            Ok(SealKey::from_bytes(bytes).into())
        }
    }
}

fn key_of(bytes: &[u8]) -> PyResult<Key> {
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| PyValueError::new_err("a key has 32 bytes"))?;
    Ok(Key::from_digest(Digest::from_bytes(bytes)))
}

fn kind_of(kind: &str) -> PyResult<ComputationKind> {
    match kind {
        "function" => Ok(ComputationKind::Function),
        "block" => Ok(ComputationKind::Block),
        "saved" => Ok(ComputationKind::Saved),
        "cell" => Ok(ComputationKind::Cell),
        _ => Err(PyValueError::new_err(format!("{kind:?} is no kind of computation"))),
    }
}

/// Name, codec, payload, and buffers.
type TakenOutput<'py> = (String, &'static str, Bound<'py, PyAny>, Bound<'py, PyList>);

/// Name, codec, payload, and buffers with whether they are read-only.
type GivenOutput<'py> = (String, String, Bound<'py, PyBytes>, Vec<(Bound<'py, PyAny>, bool)>);

fn codec_of(name: &str) -> PyResult<Codec> {
    match name {
        "pickle" => Ok(Codec::Pickle5),
        "exception" => Ok(Codec::Exception),
        "deleted" => Ok(Codec::DeletedName),
        "effect" => Ok(Codec::Effect),
        "record" => Ok(Codec::CellRecord),
        "displays" => Ok(Codec::Displays),
        _ => Err(PyValueError::new_err(format!("{name:?} is no codec"))),
    }
}

fn codec_name(codec: Codec) -> &'static str {
    match codec {
        Codec::Pickle5 => "pickle",
        Codec::Exception => "exception",
        Codec::DeletedName => "deleted",
        Codec::Effect => "effect",
        Codec::CellRecord => "record",
        Codec::Displays => "displays",
        _ => "unknown",
    }
}

fn hold_buffers(outputs: &[GivenOutput<'_>]) -> PyResult<Vec<Vec<PyUntypedBuffer>>> {
    outputs
        .iter()
        .map(|(_, _, _, buffers)| buffers.iter().map(|(buffer, _)| PyUntypedBuffer::get(buffer)).collect())
        .collect()
}

/// Lends the outputs' bytes to the store.
fn with_outputs<T: Send>(
    outputs: &[GivenOutput<'_>],
    held: &[Vec<PyUntypedBuffer>],
    py: Python<'_>,
    put: impl FnOnce(Vec<NewOutput<'_>>) -> T,
) -> PyResult<T> {
    let mut new_outputs = Vec::with_capacity(outputs.len());
    for ((name, codec, payload, given), held) in outputs.iter().zip(held) {
        let mut new_buffers = Vec::with_capacity(held.len());
        for ((_, read_only), buffer) in given.iter().zip(held) {
            new_buffers.push(NewBuffer { bytes: buffers::bytes_of(buffer, py)?, read_only: *read_only });
        }
        new_outputs.push(NewOutput {
            name: name.clone(),
            codec: codec_of(codec)?,
            payload: payload.as_bytes().into(),
            buffers: new_buffers,
        });
    }
    Ok(put(new_outputs))
}

/// A stored result.
#[pyclass(frozen, module = "hozon._hozon")]
pub(crate) struct Hit {
    entry: Box<Entry>,
    trace: Option<Py<Trace>>,
    store: hozon_store::Store,
}

#[pymethods]
impl Hit {
    /// How long the computation took, in seconds.
    #[getter]
    fn seconds(&self) -> f64 {
        self.entry.facts.duration_ns as f64 / 1e9
    }

    /// When it was stored, in seconds since the epoch.
    #[getter]
    fn created(&self) -> f64 {
        self.entry.facts.created_ms as f64 / 1e3
    }

    /// What its computation had looked at, which is still like that; None for nothing.
    #[getter]
    fn trace(&self, py: Python<'_>) -> Option<Py<Trace>> {
        self.trace.as_ref().map(|trace| trace.clone_ref(py))
    }

    /// The key of the entry: that of the recipe with the trace.
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.entry.key.as_bytes())
    }

    /// The label of the computation.
    #[getter]
    fn name(&self) -> &str {
        &self.entry.facts.name
    }

    /// The payload of the only output, if it stands in the entry, has no buffers and is small. What others
    /// signed is looked up each time, since they may not be trusted any more.
    fn small_payload<'py>(&self, py: Python<'py>, most_bytes: usize) -> Option<Bound<'py, PyBytes>> {
        if self.entry.facts.origin() != Origin::Own {
            return None;
        }
        match &self.entry.outputs[..] {
            [Output { payload: Part::Inline(bytes), buffers, .. }]
                if buffers.is_empty() && bytes.len() <= most_bytes =>
            {
                Some(PyBytes::new(py, bytes))
            }
            _ => None,
        }
    }

    /// The outputs: name, codec, payload, buffers. A damaged blob raises `StoreError`.
    fn outputs<'py>(&self, py: Python<'py>) -> PyResult<Vec<TakenOutput<'py>>> {
        self.entry
            .outputs
            .iter()
            .map(|output| {
                let payload = match &output.payload {
                    Part::Inline(bytes) => PyBytes::new(py, bytes).into_any(),
                    blob => self.buffer(py, blob, true)?,
                };
                let buffers = PyList::empty(py);
                for buffer in &output.buffers {
                    buffers.append(self.buffer(py, &buffer.part, buffer.read_only)?)?;
                }
                Ok((output.name.clone(), codec_name(output.codec), payload, buffers))
            })
            .collect()
    }
}

impl Hit {
    fn buffer<'py>(&self, py: Python<'py>, part: &Part, read_only: bool) -> PyResult<Bound<'py, PyAny>> {
        let mapping = py
            .detach(|| self.store.part(part))
            .map_err(|fault| errors::raise(py, "StoreError", (fault.to_string(),)))?;
        Ok(RestoredBuffer::new(mapping, read_only).into_pyobject(py)?.into_any())
    }
}

/// The turn to compute a key: while it is open, other callers wait.
#[pyclass(frozen, name = "Turn", module = "hozon._hozon")]
pub(crate) struct OpenTurn {
    /// Why there is no result.
    #[pyo3(get)]
    why: String,
    /// What the last run had looked at and is not like that any more.
    #[pyo3(get)]
    changed: Vec<String>,
    /// Something is wrong with what was stored, and a person should know.
    #[pyo3(get)]
    fault: bool,
    turn: Mutex<Option<Turn>>,
}

#[pymethods]
impl OpenTurn {
    /// Lets the others look.
    fn close(&self, py: Python<'_>) {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| drop(turn));
    }
}

fn turn_object(py: Python<'_>, turn: Turn) -> PyResult<Bound<'_, PyAny>> {
    let (why, fault) = describe_miss(turn.why());
    let changed = turn.changed().iter().map(Subject::label).collect();
    let turn = OpenTurn { why, changed, fault, turn: Mutex::new(Some(turn)) };
    Ok(turn.into_pyobject(py)?.into_any())
}

fn describe_miss(miss: &Miss) -> (String, bool) {
    match miss {
        Miss::Absent => ("nothing is stored under its key".to_owned(), false),
        Miss::Foreign => ("another user's key sealed the stored result".to_owned(), false),
        Miss::UnknownVersion => ("another version of hozon wrote the stored result".to_owned(), false),
        Miss::Quarantined { path, why } => {
            (format!("the stored result was damaged ({why}); it has been moved to {}", path.display()), true)
        }
        Miss::Unreadable { path, error } => (format!("{} cannot be read: {error}", path.display()), true),
        Miss::NoLongerTrusted { .. } => (format!("the stored result is not used: {miss}"), false),
        Miss::Expired { .. } => ("the stored result is too old".to_owned(), false),
        _ => ("there is no usable result".to_owned(), false),
    }
}

fn python_version(py: Python<'_>) -> String {
    let version = py.version_info();
    format!("{}.{}.{}", version.major, version.minor, version.patch)
}
