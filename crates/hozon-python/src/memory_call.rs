//! The course of a call whose result is kept in memory: hit, or wait, or compute and keep.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hozon_engine::{Caller, Claim, Table as Flights};
use hozon_format::Digest;
use hozon_key::{Node, NodeKind, explain, node_digest};
use hozon_sys::{Brief, Os, Shortcuts, System};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::computation::{Computation, Input, arguments_node};
use crate::errors;
use crate::memory_key::{self as keys, Form, KeyBytes, ScalarKey, StateTag};
use crate::memory_table::Table;
use crate::names;
use crate::process_state::{self, Aspects, Differing};
use crate::reach::Reached;
use crate::walk::Walker;
use crate::watch::{Done, Heard};

/// A function and its results.
///
/// All of it is used with the interpreter attached only. The table is never borrowed while Python code
/// runs; `current` may be, so that it is only ever borrowed by trying.
pub(crate) struct Core {
    pub(crate) function: Py<PyAny>,
    pub(crate) computation: Computation,
    /// Calls go through: nothing is looked up or kept.
    pub(crate) disabled: bool,
    pub(crate) table: RefCell<Table>,
    /// A call with this many arguments, all by position, is written as it is bound.
    plain_count: Option<usize>,
    current: RefCell<Option<Arc<State>>>,
    last: RefCell<Option<LastRun>>,
}

/// What the function reached, and the digests of the values that it reads, at one time.
pub(crate) struct State {
    tag: StateTag,
    reached: Arc<Reached>,
    digests: Vec<Digest>,
    /// Some values can change in place: their digests are taken at each call.
    unsettled: bool,
    /// What of the process's state that the function may read is not how Python starts.
    differing: Vec<Digest>,
    code: Arc<Node>,
    values: Arc<Node>,
}

/// The last call that was computed, for explanations.
struct LastRun {
    code: Arc<Node>,
    values: Arc<Node>,
    arguments: LastArguments,
}

enum LastArguments {
    Plain(Py<PyTuple>, Option<Py<PyDict>>),
    Digested(Node),
}

/// The arguments of a vectorcall.
pub(crate) struct Passed {
    pub(crate) arguments: *const *mut ffi::PyObject,
    pub(crate) count: usize,
    /// Names of the keywords, whose values stand behind the positional arguments; or null.
    pub(crate) names: *mut ffi::PyObject,
}

pub(crate) type Packed<'py> = (Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>);

/// A result that is not there, and all that is needed to keep it once it is.
#[pyclass(frozen, module = "hozon._hozon")]
pub(crate) struct Missing {
    key: Arc<[u8]>,
    state: Arc<State>,
    /// The arguments, where they went by their digests.
    inputs: Vec<Input>,
    /// Who hears what the computation looks at.
    done: Done,
}

#[pymethods]
impl Missing {
    /// What tells this result from the others of the function.
    #[getter]
    fn key(&self) -> &[u8] {
        &self.key
    }
}

impl Missing {
    fn new(key: &[u8], state: Arc<State>, inputs: Vec<Input>) -> Self {
        Self { key: key.into(), state, inputs, done: Heard::now().done() }
    }
}

/// What a look-up gives.
pub(crate) enum Looked<'py> {
    Hit(Bound<'py, PyAny>),
    Missing(Missing),
    /// The arguments do not fit: the call itself raises Python's own error.
    Misfit,
}

/// A claim to compute; dropping it lets the others look.
struct Turn(Option<(FlightKey, u64)>);

type FlightKey = (usize, Arc<[u8]>);

/// Who computes what, in all memories of this process: callers may wait in a circle over several.
static FLIGHTS: LazyLock<Brief<Flights<FlightKey>>> = LazyLock::new(Brief::default);

const FIRST_PAUSE: Duration = Duration::from_micros(100);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// How long a waiting thread goes without asking for signals, an interrupt above all.
const SIGNAL_PAUSE: Duration = Duration::from_millis(50);

impl Passed {
    /// Writes a call with a few numbers by position.
    #[inline]
    #[expect(unsafe_code, reason = "see below")]
    fn scalars(&self, tag: &StateTag) -> Option<ScalarKey> {
        // SAFETY: a vectorcall passes `count` living objects.
        self.names.is_null().then(|| unsafe { ScalarKey::of(tag, self.arguments, self.count) })?
    }

    /// Writes the call as it was passed; None where an argument is not plain.
    #[inline]
    #[expect(unsafe_code, reason = "the hot path of a hit reads the arguments where the caller put them")]
    pub(crate) fn written(&self, tag: &StateTag) -> Option<KeyBytes> {
        let mut key = keys::begin(tag, Form::Passed);
        for index in 0..self.count {
            // SAFETY: a vectorcall passes `count` living objects.
            if !unsafe { keys::push(&mut key, *self.arguments.add(index)) } {
                return None;
            }
        }
        if !self.names.is_null() && !self.write_keywords(&mut key) {
            return None;
        }
        Some(key)
    }

    #[expect(unsafe_code, reason = "see above")]
    fn write_keywords(&self, key: &mut KeyBytes) -> bool {
        keys::push_names_mark(key);
        // SAFETY: the names are a tuple of str, with as many values behind the positional arguments.
        unsafe {
            (0..ffi::PyTuple_Size(self.names)).all(|index| {
                keys::push(key, ffi::PyTuple_GetItem(self.names, index))
                    && keys::push(key, *self.arguments.add(self.count + index as usize))
            })
        }
    }

    /// Makes a tuple and a dict of the arguments.
    #[expect(unsafe_code, reason = "see above")]
    fn packed<'py>(&self, py: Python<'py>) -> PyResult<Packed<'py>> {
        // SAFETY: a vectorcall passes that many living objects; so do its keywords.
        let argument = |index: usize| unsafe { Bound::from_borrowed_ptr(py, *self.arguments.add(index)) };
        let args = PyTuple::new(py, (0..self.count).map(argument).collect::<Vec<_>>())?;
        if self.names.is_null() {
            return Ok((args, None));
        }
        let kwargs = PyDict::new(py);
        // SAFETY: the names of keywords are a tuple.
        let names = unsafe { Bound::from_borrowed_ptr(py, self.names) };
        for (index, name) in names.try_iter()?.enumerate() {
            kwargs.set_item(name?, argument(self.count + index))?;
        }
        Ok((args, Some(kwargs)))
    }
}

impl State {
    fn new<'py>(
        py: Python<'py>,
        reached: Arc<Reached>,
        code: Option<Arc<Node>>,
        digests: Vec<Digest>,
        differing: Vec<Digest>,
    ) -> Arc<Self> {
        let mut parts = vec![reached.code, reached.values_digest(&digests)];
        parts.extend(&differing);
        let whole = node_digest(NodeKind::Group, "state", None, &parts);
        let mut tag = StateTag::default();
        tag.copy_from_slice(&whole.as_bytes()[..16]);
        Arc::new(Self {
            tag,
            unsettled: reached.values.iter().any(|slot| !slot.settled),
            code: code.unwrap_or_else(|| Arc::new(reached.code_node())),
            values: Arc::new(reached.values_node(py, &digests, false)),
            digests,
            differing,
            reached,
        })
    }

    /// Tells whether the state of the process is what it was, as far as the function may read it.
    #[inline]
    fn is_of_process(&self, py: Python<'_>) -> PyResult<bool> {
        let aspects = self.reached.aspects;
        Ok(!aspects.enter_recipes() || differing(py, aspects)? == self.differing)
    }
}

/// As [`differing`], for what a function reaches and what the walker has met in the values that it reads: a
/// list may hold a decimal today that had none when the function was analysed.
fn differing_for(py: Python<'_>, walker: &Walker<'_>, reached: &Reached) -> PyResult<Vec<Digest>> {
    let mut aspects = walker.aspects;
    aspects.add(reached.aspects);
    differing(py, aspects)
}

/// The digests of what of the process's state is not how Python starts.
fn differing(py: Python<'_>, aspects: Aspects) -> PyResult<Vec<Digest>> {
    Ok(process_state::differing(py, aspects)?.iter().map(Differing::node_digest).collect())
}

impl Core {
    pub(crate) fn new(
        function: &Bound<'_, PyAny>,
        computation: Computation,
        capacity: Option<usize>,
        disabled: bool,
    ) -> Self {
        Self {
            function: function.clone().unbind(),
            plain_count: computation.binding().positional_count(),
            computation,
            disabled,
            table: RefCell::new(Table::new(capacity)),
            current: RefCell::new(None),
            last: RefCell::new(None),
        }
    }

    /// A hit that needs nothing but comparisons. The reference is borrowed from the table.
    #[inline]
    pub(crate) fn quick_hit(&self, py: Python<'_>, passed: &Passed) -> Option<*mut ffi::PyObject> {
        let current = self.current.try_borrow().ok()?;
        let state = current.as_ref().filter(|state| !state.unsettled && Shortcuts::are_taken())?;
        let root = self.computation.function().bind(py);
        // An error is raised again, and then told of, by the slow path.
        if !matches!(state.reached.guards_hold(root), Ok(true))
            || !matches!(state.is_of_process(py), Ok(true))
        {
            return None;
        }
        if let Some(key) = passed.scalars(&state.tag) {
            return self.table.try_borrow_mut().ok()?.hit(key.as_bytes(), &Heard::now());
        }
        let key = passed.written(&state.tag)?;
        self.table.try_borrow_mut().ok()?.hit(&key, &Heard::now())
    }

    /// A call that was no quick hit.
    #[inline(never)]
    pub(crate) fn call<'py>(&self, py: Python<'py>, passed: &Passed) -> PyResult<Bound<'py, PyAny>> {
        if self.disabled || self.table.borrow().capacity() == Some(0) {
            self.table.borrow_mut().misses += 1;
            let (args, kwargs) = passed.packed(py)?;
            return self.function.bind(py).call(args, kwargs.as_ref());
        }
        let state = self.state(py)?;
        let written = passed.written(&state.tag);
        if let Some(found) = written.as_ref().and_then(|written| self.hit(py, written)) {
            return Ok(found);
        }
        let packed = passed.packed(py)?;
        let is_bound = passed.names.is_null() && self.plain_count == Some(passed.count);
        let looked = match &written {
            // It has just been looked up under the very key.
            Some(written) if is_bound => Looked::Missing(Missing::new(written, state, Vec::new())),
            _ => self.look(py, state, &packed)?,
        };
        let (key, result) = match looked {
            Looked::Misfit => return self.function.bind(py).call(packed.0, packed.1.as_ref()),
            Looked::Hit(found) => return Ok(found),
            Looked::Missing(missing) => (missing.key.clone(), self.wait_or_compute(py, missing, packed)?),
        };
        if let (Some(written), false) = (written, is_bound) {
            self.table.borrow_mut().alias(&key, &written);
        }
        Ok(result)
    }

    /// Says where the result of a call is kept, however its arguments were passed; None where they do not
    /// fit.
    fn locate<'py>(
        &self,
        py: Python<'py>,
        state: Arc<State>,
        (args, kwargs): &Packed<'py>,
    ) -> PyResult<Option<Missing>> {
        let none = PyDict::new(py);
        let function = self.computation.function().bind(py);
        let kwargs = kwargs.as_ref().unwrap_or(&none);
        let Some(bound) = self.computation.binding().bind(function, args, kwargs)? else { return Ok(None) };
        if let Some(key) = self.plain_key(&state.tag, &bound) {
            return Ok(Some(Missing::new(&key, state, Vec::new())));
        }
        let mut walker = self.computation.walker(py);
        let inputs = self.computation.inputs(&mut walker, bound)?;
        let mut nodes: Vec<Digest> = inputs
            .iter()
            .map(|input| node_digest(NodeKind::Argument, &input.label, Some(&input.digest), &[]))
            .collect();
        nodes.extend(differing(py, walker.aspects)?);
        let mut key = keys::begin(&state.tag, Form::Digested);
        key.extend_from_slice(node_digest(NodeKind::Group, "arguments", None, &nodes).as_bytes());
        Ok(Some(Missing::new(&key, state, inputs)))
    }

    /// Looks a call up.
    pub(crate) fn look<'py>(
        &self,
        py: Python<'py>,
        state: Arc<State>,
        packed: &Packed<'py>,
    ) -> PyResult<Looked<'py>> {
        let Some(missing) = self.locate(py, state, packed)? else { return Ok(Looked::Misfit) };
        Ok(self.hit(py, &missing.key).map_or(Looked::Missing(missing), Looked::Hit))
    }

    /// Writes a call as it is bound; None where an argument is not plain.
    #[expect(unsafe_code, reason = "arguments are written by their pointers, as on the hot path")]
    fn plain_key(&self, tag: &StateTag, bound: &[crate::binding::Bound<'_>]) -> Option<KeyBytes> {
        let form = if self.plain_count.is_some() { Form::Passed } else { Form::Bound };
        let mut key = keys::begin(tag, form);
        for argument in bound {
            if argument.label.contains('[') {
                keys::push_name(&mut key, &argument.label);
            }
            // SAFETY: `bound` holds the argument, and the interpreter is attached while it lives.
            if !unsafe { keys::push(&mut key, argument.value.as_ptr()) } {
                return None;
            }
        }
        Some(key)
    }

    /// What the function reaches now.
    pub(crate) fn state(&self, py: Python<'_>) -> PyResult<Arc<State>> {
        let refused = |refusal| self.computation.refused(py, refusal, errors::Input::Variable);
        let mut walker = self.computation.walker(py);
        let kept = self.current.try_borrow().ok().and_then(|current| current.clone());
        if let Some(kept) = kept
            && Shortcuts::are_taken()
            && kept.reached.guards_hold(self.computation.function().bind(py))?
        {
            if !kept.unsettled && kept.is_of_process(py)? {
                return Ok(kept);
            }
            let digests = kept.reached.value_digests(&mut walker).map_err(refused)?;
            let differing = differing_for(py, &walker, &kept.reached)?;
            if digests == kept.digests && differing == kept.differing {
                return Ok(kept);
            }
            let (reached, code) = (kept.reached.clone(), Some(kept.code.clone()));
            return Ok(self.enter(State::new(py, reached, code, digests, differing)));
        }
        let reached = self.computation.reached(&mut walker).map_err(refused)?;
        let digests = reached.value_digests(&mut walker).map_err(refused)?;
        let differing = differing_for(py, &walker, &reached)?;
        Ok(self.enter(State::new(py, reached, None, digests, differing)))
    }

    fn enter(&self, state: Arc<State>) -> Arc<State> {
        let before =
            self.current.try_borrow_mut().ok().and_then(|mut current| current.replace(state.clone()));
        drop(before);
        state
    }

    fn hit<'py>(&self, py: Python<'py>, key: &[u8]) -> Option<Bound<'py, PyAny>> {
        let found = self.table.borrow_mut().hit(key, &Heard::now())?;
        // SAFETY: the table holds the object, and no other code has run since it was read.
        #[expect(unsafe_code, reason = "the table lends pointers, for the sake of the hot path")]
        Some(unsafe { Bound::from_borrowed_ptr(py, found) })
    }

    fn wait_or_compute<'py>(
        &self,
        py: Python<'py>,
        missing: Missing,
        packed: Packed<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let caller = Caller::this_thread();
        let flight: FlightKey = (std::ptr::from_ref(self) as usize, missing.key.clone());
        let turn = loop {
            match with_flights(|flights| flights.claim(&flight, caller)) {
                Claim::Granted(number) => break Turn(Some((flight, number))),
                Claim::WouldDeadlock => break Turn(None),
                Claim::Held => wait(py, &flight, caller)?,
            }
            if let Some(found) = self.hit(py, &missing.key) {
                with_flights(|flights| flights.stop_waiting(caller));
                return Ok(found);
            }
        };
        let (args, kwargs) = packed;
        self.note_run(py, &missing, &args, kwargs.as_ref());
        let started = Os.monotonic();
        let result = self.function.bind(py).call(args, kwargs.as_ref())?;
        let seconds = Os.monotonic().saturating_sub(started).as_secs_f64();
        self.keep(&missing, &result, seconds)?;
        // The result is there: whoever waits may look.
        drop(turn);
        Ok(result)
    }

    /// Counts a miss, and remembers it for explanations.
    pub(crate) fn note_run(
        &self,
        py: Python<'_>,
        missing: &Missing,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) {
        self.table.borrow_mut().misses += 1;
        let arguments = if missing.inputs.is_empty() {
            LastArguments::Plain(args.clone().unbind(), kwargs.map(|kwargs| kwargs.clone().unbind()))
        } else {
            LastArguments::Digested(arguments_node(py, &missing.inputs, false))
        };
        let State { code, values, .. } = &*missing.state;
        let last = LastRun { code: code.clone(), values: values.clone(), arguments };
        let before = self.last.borrow_mut().replace(last);
        drop(before);
    }

    /// Keeps a result, unless the computation has changed what it was a result of.
    pub(crate) fn keep(&self, missing: &Missing, result: &Bound<'_, PyAny>, seconds: f64) -> PyResult<()> {
        if !self.inputs_are_as_before(result.py(), missing)? {
            return Ok(());
        }
        let (key, value) = (missing.key.clone(), result.clone().unbind());
        let removed = self.table.borrow_mut().keep(key, value, missing.done, seconds);
        drop(removed);
        Ok(())
    }

    /// A hit would not change inputs again; and what was rebound meanwhile may have been read before or
    /// after.
    fn inputs_are_as_before(&self, py: Python<'_>, missing: &Missing) -> PyResult<bool> {
        let State { reached, digests, unsettled, .. } = &*missing.state;
        if !reached.guards_hold(self.computation.function().bind(py))? {
            return Ok(false);
        }
        if !unsettled && missing.inputs.is_empty() {
            return Ok(true);
        }
        let mut walker = self.computation.walker(py);
        let mut changed = changed_values(&mut walker, reached, digests)?;
        for input in &missing.inputs {
            if input.has_changed(&mut walker)? {
                changed.push(input.label.clone());
            }
        }
        if changed.is_empty() {
            return Ok(true);
        }
        let name = names::text_attribute(self.function.bind(py), "__qualname__");
        py.import("hozon._memory")?.call_method1("warn_of_changed_inputs", (name, changed))?;
        Ok(false)
    }

    /// Begins a computation that Python code runs itself: a coroutine or a generator.
    pub(crate) fn begin<'py>(&self, py: Python<'py>, packed: &Packed<'py>) -> PyResult<Looked<'py>> {
        let state = self.state(py)?;
        self.look(py, state, packed)
    }

    /// Removes the result of a call; None where the arguments do not fit.
    pub(crate) fn forget(&self, py: Python<'_>, packed: &Packed<'_>) -> PyResult<Option<bool>> {
        let Some(place) = self.locate(py, self.state(py)?, packed)? else { return Ok(None) };
        let removed = self.table.borrow_mut().forget(&place.key);
        Ok(Some(removed.is_some()))
    }

    /// Says why a call would run; None where the arguments do not fit.
    pub(crate) fn explain(&self, py: Python<'_>, packed: &Packed<'_>) -> PyResult<Option<String>> {
        let Some(place) = self.locate(py, self.state(py)?, packed)? else { return Ok(None) };
        if self.table.borrow().contains(&place.key) {
            return Ok(Some("hit".to_owned()));
        }
        let none = PyDict::new(py);
        let kwargs = packed.1.as_ref().unwrap_or(&none);
        let Some(keyed) = self.computation.keyed(py, &packed.0, kwargs)? else { return Ok(None) };
        let Some((code, values, arguments)) = self.last_recipe(py)? else {
            return Ok(Some("first run".to_owned()));
        };
        let then = keyed.tree_of(py, code, values, arguments)?;
        let explanation = explain(&keyed.tree(py, false)?, &[(&then, ())]);
        if explanation.changes.is_empty() {
            return Ok(Some("its result is not kept any more".to_owned()));
        }
        Ok(Some(explanation.to_string()))
    }

    /// The code, the values and the arguments of the last call that was computed.
    fn last_recipe(&self, py: Python<'_>) -> PyResult<Option<(Node, Node, Node)>> {
        let (code, values, packed) = {
            let last = self.last.borrow();
            let Some(last) = last.as_ref() else { return Ok(None) };
            let (code, values) = ((*last.code).clone(), (*last.values).clone());
            match &last.arguments {
                LastArguments::Digested(node) => return Ok(Some((code, values, node.clone()))),
                LastArguments::Plain(args, kwargs) => {
                    let kwargs =
                        kwargs.as_ref().map_or_else(|| PyDict::new(py), |kwargs| kwargs.bind(py).clone());
                    (code, values, (args.bind(py).clone(), kwargs))
                }
            }
        };
        let function = self.computation.function().bind(py);
        let bound = self.computation.binding().bind(function, &packed.0, &packed.1)?.unwrap_or_default();
        let inputs = self.computation.inputs(&mut self.computation.walker(py), bound)?;
        Ok(Some((code, values, arguments_node(py, &inputs, false))))
    }

    /// Removes all results and starts counting anew.
    pub(crate) fn clear(&self) {
        let cleared = self.table.borrow_mut().clear();
        drop(cleared);
        let last = self.last.borrow_mut().take();
        drop(last);
    }

    /// Lets go of everything but the function: for the garbage collector.
    pub(crate) fn break_cycles(&self) {
        self.clear();
        let state = self.current.try_borrow_mut().ok().and_then(|mut current| current.take());
        drop(state);
        let reached = self.computation.last_reached().and_then(|mut reached| reached.take());
        drop(reached);
    }

    /// Calls `visit` for each reference that is held here and nowhere else.
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(*mut ffi::PyObject)) {
        visit(self.function.as_ptr());
        visit(self.computation.function().as_ptr());
        if let Ok(table) = self.table.try_borrow() {
            table.visit(visit);
        }
        if let Ok(last) = self.last.try_borrow()
            && let Some(LastRun { arguments: LastArguments::Plain(args, kwargs), .. }) = &*last
        {
            visit(args.as_ptr());
            kwargs.iter().for_each(|kwargs| visit(kwargs.as_ptr()));
        }
        self.visit_reached(visit);
    }

    /// What is shared with a call under way is not the collector's: it would count references of others.
    fn visit_reached(&self, visit: &mut dyn FnMut(*mut ffi::PyObject)) {
        let (Ok(current), Some(last)) = (self.current.try_borrow(), self.computation.last_reached()) else {
            return;
        };
        let current =
            current.as_ref().filter(|state| Arc::strong_count(state) == 1).map(|state| &state.reached);
        let last = last.as_ref();
        match (current, last) {
            (Some(current), Some(last)) if Arc::ptr_eq(current, last) => {
                if Arc::strong_count(current) == 2 {
                    current.visit(visit);
                }
            }
            (current, last) => {
                let alone = current.into_iter().chain(last).filter(|reached| Arc::strong_count(reached) == 1);
                alone.for_each(|reached| reached.visit(visit));
            }
        }
    }
}

/// The names of values that the computation has changed in place.
fn changed_values<'py>(
    walker: &mut Walker<'py>,
    reached: &Reached,
    digests: &[Digest],
) -> PyResult<Vec<String>> {
    let mut changed = Vec::new();
    for (slot, digest) in reached.values.iter().zip(digests) {
        if slot.has_changed(walker, *digest)? {
            changed.push(slot.label.clone());
        }
    }
    Ok(changed)
}

/// Waits for the holder of a flight, with the interpreter left to others, or until signals must be asked for.
fn wait(py: Python<'_>, flight: &FlightKey, caller: Caller) -> PyResult<()> {
    py.detach(|| {
        let (mut pause, mut waited) = (FIRST_PAUSE, Duration::ZERO);
        while waited < SIGNAL_PAUSE && with_flights(|flights| flights.is_held(flight)) {
            Os.sleep(pause);
            waited += pause;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    });
    py.check_signals().inspect_err(|_| {
        with_flights(|flights| flights.stop_waiting(caller));
    })
}

fn with_flights<T>(with: impl FnOnce(&mut Flights<FlightKey>) -> T) -> T {
    FLIGHTS.with(Os.process_id(), with)
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some((flight, number)) = self.0.take() {
            with_flights(|flights| flights.release(&flight, number));
        }
    }
}
