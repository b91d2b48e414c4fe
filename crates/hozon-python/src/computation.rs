//! One cached function: how its arguments bind, what it reaches, and the key of each call.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use hozon_format::{Digest, Key};
use hozon_key::pins::Pin;
use hozon_key::{Node, NodeKind, encode, key_from_parts, node_digest};
use hozon_sys::Shortcuts;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFunction, PyTuple, PyType};

use crate::binding::{Binding, Bound as BoundArgument};
use crate::distributions;
use crate::errors;
use crate::guards;
use crate::key_memo::KeyMemo;
use crate::process_state::{self, Aspects, Differing};
use crate::reach::{self, Reached};
use crate::shown::shown;
use crate::walk::{Refusal, Walked, Walker};
use crate::watch::Suspended;
use crate::{local_pins, names, reach_cache};

/// hozon's version, as it enters keys at its pin.
pub(crate) const HOZON_VERSION: &str = env!("CARGO_PKG_VERSION");

/// How much of versions counts, and how closely a run is watched.
#[derive(Clone, Copy)]
pub(crate) struct Pins {
    pub(crate) hozon: Pin,
    pub(crate) system: Pin,
    pub(crate) local: Pin,
    pub(crate) watching: Watching,
}

/// How closely a run is watched. A result of a run that was watched less closely must not be taken for
/// that of another: so what is less than `Full` enters the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Watching {
    Full,
    /// Native reads are not seen.
    Audit,
    /// Nothing is.
    Off,
}

impl Pins {
    /// The word for the watching in keys; none if it is full.
    pub(crate) fn watching_word(&self) -> Option<String> {
        let word = match self.watching {
            Watching::Full => return None,
            Watching::Audit => "audit",
            Watching::Off => "off",
        };
        Some(word.to_owned())
    }
}

impl<'py> FromPyObject<'_, 'py> for Pins {
    type Error = PyErr;

    /// Reads a tuple: pins of hozon, of distributions, of local modules, and the word for the watching.
    fn extract(tuple: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let (hozon, system, local, watching): (Option<String>, Option<String>, Option<String>, String) =
            tuple.extract()?;
        Ok(Self {
            hozon: errors::pin("pin_hozon_lib", hozon.as_deref())?,
            system: errors::pin("pin_sys_libs", system.as_deref())?,
            local: errors::pin("pin_local_libs", local.as_deref())?,
            watching: match watching.as_str() {
                "native" => Watching::Full,
                "audit" => Watching::Audit,
                "off" => Watching::Off,
                other => return Err(PyValueError::new_err(format!("{other:?} is no way of watching"))),
            },
        })
    }
}

/// A function with what is needed for the keys of its calls.
#[pyclass(frozen, module = "hozon._hozon", weakref)]
pub(crate) struct Computation {
    function: Py<PyAny>,
    binding: Binding,
    ignored: BTreeSet<String>,
    pins: Pins,
    /// The module that the function stands in.
    home: String,
    /// A name that is part of the key.
    name: Option<String>,
    /// What the function reached when it was last analysed. The lock is only held with the interpreter
    /// attached and never while Python code runs.
    reached: Mutex<Option<Arc<Reached>>>,
    memo: KeyMemo,
}

#[pymethods]
impl Computation {
    #[new]
    #[pyo3(signature = (function, ignore, pins, name))]
    fn new(
        function: Bound<'_, PyAny>,
        ignore: Vec<String>,
        pins: Pins,
        name: Option<String>,
    ) -> PyResult<Self> {
        let binding = Binding::of(&function)?;
        let ignored: BTreeSet<String> = ignore.into_iter().collect();
        binding.check_ignored(&ignored)?;
        Ok(Self {
            binding,
            ignored,
            pins,
            home: local_pins::home_of(&function)?,
            name,
            reached: Mutex::new(None),
            memo: KeyMemo::default(),
            function: function.unbind(),
        })
    }

    /// The key of one call, with what explains it; None where the arguments do not fit the function.
    pub(crate) fn keyed(
        &self,
        py: Python<'_>,
        args: &Bound<'_, PyTuple>,
        kwargs: &Bound<'_, PyDict>,
    ) -> PyResult<Option<Keyed>> {
        let _own_work = Suspended::new();
        let function = self.function.bind(py);
        let Some(bound) = self.binding.bind(function, args, kwargs)? else { return Ok(None) };
        let mut walker = Walker::new(py, self.pins.local, &self.home);
        let place = || names::text_attribute(function, "__qualname__");
        let reached = self
            .reached(&mut walker)
            .map_err(|refusal| errors::undigestible(py, refusal, errors::Input::Variable, &place()))?;
        walker.touched.extend(reached.packages.iter().cloned());
        walker.aspects.add(reached.aspects);
        let arguments = self.inputs(&mut walker, bound)?;
        let keyed = Keyed::new(py, walker, reached, arguments, self.name.clone(), self.pins)
            .map_err(|refusal| errors::undigestible(py, refusal, errors::Input::Variable, &place()))?;
        if keyed.is_told_by_code() {
            self.memo.keep(&keyed.reached, &keyed.differing, args, kwargs, keyed.key.as_bytes());
        }
        Ok(Some(keyed))
    }

    /// The key of a call that was keyed before, where its arguments are plain and nothing that the function
    /// reads can have changed; None where it has to be made. It is what `keyed` would give.
    fn known_key(
        &self,
        py: Python<'_>,
        args: &Bound<'_, PyTuple>,
        kwargs: &Bound<'_, PyDict>,
    ) -> PyResult<Option<Py<PyBytes>>> {
        let kept = self.reached.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(reached) = kept.filter(|_| Shortcuts::are_taken()) else { return Ok(None) };
        let Some(candidate) = self.memo.find(&reached, args, kwargs) else { return Ok(None) };
        let _own_work = Suspended::new();
        let holds = reached.guards_hold(self.function.bind(py))?
            && candidate.fits(&process_state::differing(py, reached.aspects)?);
        Ok(holds.then_some(candidate.key))
    }

    /// The names of the function's module that its key depends on.
    fn module_names(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let mut walker = Walker::new(py, self.pins.local, &self.home);
        let reached = match self.reached(&mut walker) {
            Ok(reached) => reached,
            Err(Refusal::Raised(error)) => return Err(error),
            Err(Refusal::Undigestible { .. }) => return Ok(Vec::new()),
        };
        let globals = self.function.bind(py).getattr_opt("__globals__")?;
        Ok(globals.map_or_else(Vec::new, |globals| reached.names_in(&globals)))
    }

    /// The code's place, `utils.py:12`; None without source.
    fn place(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let function = self.function.bind(py);
        if !function.is_instance_of::<PyFunction>() {
            return Ok(None);
        }
        let mut walker = Walker::new(py, self.pins.local, &self.home);
        match crate::code::of_function(&mut walker, function) {
            Ok(facts) => Ok(facts.place.clone()),
            Err(Refusal::Raised(error)) => Err(error),
            Err(Refusal::Undigestible { .. }) => Ok(None),
        }
    }
}

impl Computation {
    /// A sentinel that is a parameter's default has no digest, and needs none: the code says which it is.
    fn argument_digest<'py>(
        &self,
        walker: &mut Walker<'py>,
        argument: &BoundArgument<'py>,
    ) -> Walked<Digest> {
        let refusal = match walker.digest(&argument.value) {
            Ok(digest) => return Ok(digest),
            Err(refusal) => refusal,
        };
        let function = self.function.bind(walker.python());
        if matches!(refusal, Refusal::Undigestible { .. }) && self.binding.is_default(function, argument)? {
            return Ok(Digest::of(b"the parameter's default"));
        }
        Err(refusal.named(&argument.label))
    }

    /// A computation that keeps every argument in its key.
    pub(crate) fn of(function: &Bound<'_, PyAny>, pins: Pins) -> PyResult<Self> {
        Ok(Self {
            binding: Binding::of(function)?,
            home: local_pins::home_of(function)?,
            ignored: BTreeSet::new(),
            pins,
            name: None,
            reached: Mutex::new(None),
            memo: KeyMemo::default(),
            function: function.clone().unbind(),
        })
    }

    pub(crate) fn function(&self) -> &Py<PyAny> {
        &self.function
    }

    pub(crate) fn binding(&self) -> &Binding {
        &self.binding
    }

    pub(crate) fn walker<'py>(&self, py: Python<'py>) -> Walker<'py> {
        Walker::new(py, self.pins.local, &self.home)
    }

    /// Makes an exception of a refusal.
    pub(crate) fn refused(&self, py: Python<'_>, refusal: Refusal, input: errors::Input) -> PyErr {
        let place = names::text_attribute(self.function.bind(py), "__qualname__");
        errors::undigestible(py, refusal, input, &place)
    }

    /// The arguments that enter the key, digested.
    pub(crate) fn inputs<'py>(
        &self,
        walker: &mut Walker<'py>,
        bound: Vec<BoundArgument<'py>>,
    ) -> PyResult<Vec<Input>> {
        let mut inputs = Vec::with_capacity(bound.len());
        for argument in bound {
            if argument.is_ignored(&self.ignored) {
                continue;
            }
            let digest = self
                .argument_digest(walker, &argument)
                .map_err(|refusal| self.refused(walker.python(), refusal, errors::Input::Argument))?;
            inputs.push(Input { label: argument.label, object: argument.value.unbind(), digest });
        }
        Ok(inputs)
    }

    /// The last analysis, for the garbage collector; None while it is being replaced.
    pub(crate) fn last_reached(&self) -> Option<MutexGuard<'_, Option<Arc<Reached>>>> {
        self.reached.try_lock().ok()
    }

    pub(crate) fn reached(&self, walker: &mut Walker<'_>) -> Walked<Arc<Reached>> {
        let function = self.function.bind(walker.python());
        let kept = self.reached.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept
            && Shortcuts::are_taken()
            && kept.guards_hold(function)?
        {
            return Ok(kept);
        }
        let is_code = function.is_instance_of::<PyFunction>() || function.is_instance_of::<PyType>();
        walker.in_progress.push(function.as_ptr() as usize);
        let analysed =
            if is_code { reach::analyse(walker, function) } else { reach::of_callable(walker, function) };
        walker.in_progress.pop();
        let reached = Arc::new(analysed?);
        let before = self.reached.lock().unwrap_or_else(PoisonError::into_inner).replace(reached.clone());
        drop(before);
        Ok(reached)
    }
}

/// An argument, or a variable that a block reads.
pub(crate) struct Input {
    pub(crate) label: String,
    pub(crate) object: Py<PyAny>,
    pub(crate) digest: Digest,
}

impl Input {
    /// Tells whether the computation has changed it in place.
    pub(crate) fn has_changed<'py>(&self, walker: &mut Walker<'py>) -> PyResult<bool> {
        let object = self.object.bind(walker.python());
        Ok(!reach::is_immutable(object) && differs(walker, object, self.digest)?)
    }
}

/// Arguments as a recipe's node. `in_clear`: with short texts of all values.
pub(crate) fn arguments_node(py: Python<'_>, inputs: &[Input], in_clear: bool) -> Node {
    let mut arguments = Node::new(NodeKind::Group, ARGUMENTS);
    for input in inputs {
        let node = Node::leaf(NodeKind::Argument, input.label.as_str(), input.digest);
        arguments.children.push(node.with_shown(shown(input.object.bind(py), in_clear).as_str()));
    }
    arguments
}

/// The key of one call or block, and the recipe behind it.
#[pyclass(frozen, module = "hozon._hozon")]
pub(crate) struct Keyed {
    key: Key,
    reached: Arc<Reached>,
    value_digests: Vec<Digest>,
    arguments: Vec<Input>,
    packages: BTreeSet<String>,
    /// The state of the process that the computation may read without naming it.
    aspects: Aspects,
    /// What of it is not how Python starts.
    differing: Vec<Differing>,
    home: String,
    name: Option<String>,
    pins: Pins,
    /// The recipe, where it is not made of what was reached: a cell's comes from its notebook.
    given: Option<Node>,
    /// Inputs without a digest.
    undigested: Vec<(String, Py<PyAny>)>,
    /// The namespace of the notebook, of a cell.
    notebook: Option<Py<PyDict>>,
}

impl Keyed {
    pub(crate) fn new<'py>(
        py: Python<'py>,
        mut walker: Walker<'py>,
        reached: Arc<Reached>,
        arguments: Vec<Input>,
        name: Option<String>,
        pins: Pins,
    ) -> Walked<Self> {
        let value_digests = reached.value_digests(&mut walker)?;
        let mut keyed = Self {
            key: Key::from_digest(Digest::of(&[])),
            packages: walker.touched,
            aspects: walker.aspects,
            differing: process_state::differing(py, walker.aspects)?,
            home: walker.home,
            reached,
            value_digests,
            arguments,
            name,
            pins,
            given: None,
            undigested: Vec::new(),
            notebook: None,
        };
        keyed.key = keyed.computed_key(py)?;
        Ok(keyed)
    }

    /// Tells whether beside the arguments nothing enters the key but what the analysis of the code has found.
    fn is_told_by_code(&self) -> bool {
        self.packages == self.reached.packages
            && self.aspects == self.reached.aspects
            && self.reached.values.iter().all(|slot| slot.settled)
    }

    /// The key from the digests of the parts; equal to the digest of [`Self::tree`].
    fn computed_key(&self, py: Python<'_>) -> PyResult<Key> {
        let arguments: Vec<Digest> = self
            .arguments
            .iter()
            .map(|input| node_digest(NodeKind::Argument, &input.label, Some(&input.digest), &[]))
            .collect();
        let mut parts: Vec<Digest> = Vec::with_capacity(6);
        if self.name.is_none() {
            type OfPins = HashMap<(Pin, Watching), Vec<Digest>>;
            static OF_PINS: LazyLock<Mutex<OfPins>> = LazyLock::new(Mutex::default);
            let mut of_pins = OF_PINS.lock().unwrap_or_else(PoisonError::into_inner);
            let fixed = || self.fixed_nodes().iter().map(Node::digest).collect();
            parts.extend_from_slice(
                of_pins.entry((self.pins.hozon, self.pins.watching)).or_insert_with(fixed),
            );
        } else {
            parts.extend(self.fixed_nodes().iter().map(Node::digest));
        }
        parts.push(self.reached.code);
        parts.push(self.reached.values_digest(&self.value_digests));
        parts.push(node_digest(NodeKind::Group, ARGUMENTS, None, &arguments));
        parts.push(distributions::digest(py, &self.packages, self.pins.system)?);
        parts.extend(self.differing.iter().map(Differing::node_digest));
        Ok(key_from_parts(NodeKind::Computation, "", None, &parts))
    }

    fn fixed_nodes(&self) -> Vec<Node> {
        let mut nodes = Vec::new();
        if self.pins.hozon != Pin::None {
            let version = hozon_key::pins::pinned(HOZON_VERSION, self.pins.hozon);
            let shown = format!("hozon {HOZON_VERSION}");
            nodes.push(
                Node::leaf(NodeKind::Pin, "hozon", Digest::of(version.as_bytes())).with_shown(shown.as_str()),
            );
        }
        if let Some(word) = self.pins.watching_word() {
            let node = Node::leaf(NodeKind::Pin, "watching", Digest::of(word.as_bytes()));
            nodes.push(node.with_shown(word));
        }
        if let Some(name) = &self.name {
            nodes.push(Node::leaf(NodeKind::Name, "name", Digest::of(name.as_bytes())));
        }
        nodes
    }

    /// The recipe. `in_clear`: with short texts of all values, not of numbers alone.
    pub(crate) fn tree(&self, py: Python<'_>, in_clear: bool) -> PyResult<Node> {
        if let Some(given) = &self.given {
            return Ok(given.clone());
        }
        self.reached_tree(py, in_clear)
    }

    /// Makes it the key of a cell, whose recipe its notebook knows.
    pub(crate) fn of_cell(
        self,
        recipe: Node,
        undigested: Vec<(String, Py<PyAny>)>,
        notebook: Py<PyDict>,
    ) -> Self {
        let key = hozon_key::key(&recipe);
        Self { key, given: Some(recipe), undigested, notebook: Some(notebook), ..self }
    }

    fn reached_tree(&self, py: Python<'_>, in_clear: bool) -> PyResult<Node> {
        let code = self.reached.code_node();
        let values = self.reached.values_node(py, &self.value_digests, in_clear);
        let root = self.tree_of(py, code, values, arguments_node(py, &self.arguments, in_clear))?;
        debug_assert!(self.given.is_some() || hozon_key::key(&root) == self.key);
        Ok(root)
    }

    /// The recipe of a call with other code, values and arguments.
    pub(crate) fn tree_of(
        &self,
        py: Python<'_>,
        code: Node,
        values: Node,
        arguments: Node,
    ) -> PyResult<Node> {
        let mut root = Node::new(NodeKind::Computation, "");
        root.children = self.fixed_nodes();
        root.children.extend([code, values, arguments]);
        root.children.push(distributions::node(py, &self.packages, self.pins.system)?);
        root.children.extend(self.differing.iter().map(Differing::node));
        Ok(root)
    }

    pub(crate) fn key_text(&self) -> String {
        self.key.to_string()
    }
}

const ARGUMENTS: &str = "arguments";

#[pymethods]
impl Keyed {
    /// The key's 32 bytes.
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.key.as_bytes())
    }

    /// The key in 64 hex digits.
    #[getter]
    fn hex(&self) -> String {
        self.key.to_string()
    }

    /// The recipe in bytes, as entries keep it.
    #[pyo3(signature = (explain_values=false))]
    fn recipe<'py>(&self, py: Python<'py>, explain_values: bool) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &encode(&self.tree(py, explain_values)?)))
    }

    /// What in the code may give another result each time.
    fn likely_causes(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        // Only names in code are causes: whatever the arguments, they are the same as long as it is.
        if let Some(causes) = self.reached.causes.get() {
            return Ok(causes.clone());
        }
        let causes = hozon_key::likely_causes(&self.reached_tree(py, false)?);
        let _ = self.reached.causes.set(causes.clone());
        Ok(causes)
    }

    /// The names of the state of the process that names say it may read, and that only its run shows.
    fn likely_states(&self) -> Vec<&'static str> {
        self.aspects.of_traces()
    }

    /// What the code uses to run code that cannot be followed: `exec`, computed imports.
    fn unseen(&self) -> Vec<String> {
        self.reached.unseen.iter().cloned().collect()
    }

    /// Names and objects of values that go by the statements that made them.
    fn undigested(&self) -> Vec<String> {
        self.undigested.iter().map(|(label, _)| label.clone()).collect()
    }

    /// Objects that are read on from where they are, by their labels.
    fn handles<'py>(&self, py: Python<'py>) -> Vec<(String, Bound<'py, PyAny>)> {
        let handles = self.reached.handles.iter().chain(&self.undigested);
        handles.map(|(label, object)| (label.clone(), object.bind(py).clone())).collect()
    }

    /// Labels and objects of the inputs that can change in place: arguments, and values that the code
    /// reads. The order is that of the recipe: the same for equal keys.
    fn inputs<'py>(&self, py: Python<'py>) -> Vec<(String, Bound<'py, PyAny>)> {
        let arguments = self.arguments.iter().map(|input| (&input.label, &input.object));
        let values = self.reached.values.iter().filter(|slot| !slot.settled);
        arguments
            .chain(values.map(|slot| (&slot.label, &slot.object)))
            .map(|(label, object)| (label.clone(), object.bind(py).clone()))
            .filter(|(_, object)| !reach::is_immutable(object))
            .collect()
    }

    /// Where the code may bind names for good: namespaces of local modules, and closed-over variables,
    /// each once. `root` is the function that the key is for. The order is the same for equal keys.
    #[expect(clippy::type_complexity, reason = "two lists of a border crossing")]
    fn bindable<'py>(
        &self,
        py: Python<'py>,
        root: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Vec<Bound<'py, PyAny>>, Vec<Bound<'py, PyAny>>)> {
        let mut places = guards::Bindable::default();
        for guard in &self.reached.guards {
            places.add(py, guard, root)?;
        }
        Ok((places.namespaces, places.cells))
    }

    /// The functions and classes that are no longer what they were when the key was made, with their names:
    /// the computation has set an attribute of a class, say.
    fn changed_code<'py>(
        &self,
        py: Python<'py>,
        root: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
        let none = py.None().into_bound(py);
        let mut changed = Vec::new();
        for guard in &self.reached.guards {
            if let Some(definition) = guard.definition(root.unwrap_or(&none))
                && !guard.holds(root.unwrap_or(&none))?
            {
                changed.push((names::text_attribute(&definition, "__qualname__"), definition));
            }
        }
        Ok(changed)
    }

    /// The names of inputs whose digest is no longer what it was when the key was made: the computation
    /// changed them in place.
    fn changed_inputs(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let _own_work = Suspended::new();
        let mut walker = Walker::new(py, self.pins.local, &self.home);
        walker.notebook = self.notebook.as_ref().map(|notebook| notebook.bind(py).clone());
        let mut changed = Vec::new();
        for input in &self.arguments {
            if input.has_changed(&mut walker)? {
                changed.push(input.label.clone());
            }
        }
        for (slot, digest) in self.reached.values.iter().zip(&self.value_digests) {
            if slot.has_changed(&mut walker, *digest)? {
                changed.push(slot.label.clone());
            }
        }
        Ok(changed)
    }
}

pub(crate) fn differs<'py>(
    walker: &mut Walker<'py>,
    object: &Bound<'py, PyAny>,
    before: Digest,
) -> PyResult<bool> {
    reach::is_another(walker.digest(object), before)
}

/// The digest of one value in the value protocol, 32 bytes.
#[pyfunction]
pub(crate) fn value_digest<'py>(py: Python<'py>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let mut walker = Walker::new(py, Pin::Code, "");
    let digest = walker.digest(value).map_err(|refusal| {
        errors::undigestible(py, refusal.named("value"), errors::Input::Argument, "digest")
    })?;
    Ok(PyBytes::new(py, digest.as_bytes()))
}

/// Chooses whether shortcuts are taken, "never" or "always": for tests.
#[pyfunction]
pub(crate) fn choose_shortcuts(word: &str) -> PyResult<()> {
    match word {
        "never" => Shortcuts::Never.choose(),
        "always" => Shortcuts::Always.choose(),
        other => {
            return Err(PyValueError::new_err(format!(
                "HOZON_SHORTCUTS is {other:?}; it may be never or always"
            )));
        }
    }
    Ok(())
}

/// Forgets every analysis of code: for tests.
#[pyfunction]
pub(crate) fn forget_analyses() {
    reach_cache::forget();
}
