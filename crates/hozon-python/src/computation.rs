//! One cached function: how its arguments bind, what it reaches, and the key of each call.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use hozon_format::{Digest, Key};
use hozon_key::pins::Pin;
use hozon_key::{Node, NodeKind, encode, key_from_parts, node_digest};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFunction, PyTuple};

use crate::binding::{Binding, Bound as BoundArgument};
use crate::distributions;
use crate::errors;
use crate::reach::{self, Reached};
use crate::walk::{Refusal, Walked, Walker};
use crate::{local_pins, names, reach_cache};

/// hozon's version, as it enters keys at its pin.
pub(crate) const HOZON_VERSION: &str = env!("CARGO_PKG_VERSION");

/// How much of versions counts.
#[derive(Clone, Copy)]
pub(crate) struct Pins {
    pub(crate) hozon: Pin,
    pub(crate) system: Pin,
    pub(crate) local: Pin,
}

impl Pins {
    pub(crate) fn parse(hozon: Option<&str>, system: Option<&str>, local: Option<&str>) -> PyResult<Self> {
        Ok(Self {
            hozon: errors::pin("pin_hozon_lib", hozon)?,
            system: errors::pin("pin_sys_libs", system)?,
            local: errors::pin("pin_local_libs", local)?,
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
}

#[pymethods]
impl Computation {
    #[new]
    #[pyo3(signature = (function, ignore, pin_hozon_lib, pin_sys_libs, pin_local_libs, name))]
    fn new(
        function: Bound<'_, PyAny>,
        ignore: Vec<String>,
        pin_hozon_lib: Option<&str>,
        pin_sys_libs: Option<&str>,
        pin_local_libs: Option<&str>,
        name: Option<String>,
    ) -> PyResult<Self> {
        let binding = Binding::of(&function)?;
        let ignored: BTreeSet<String> = ignore.into_iter().collect();
        binding.check_ignored(&ignored)?;
        Ok(Self {
            binding,
            ignored,
            pins: Pins::parse(pin_hozon_lib, pin_sys_libs, pin_local_libs)?,
            home: local_pins::home_of(&function)?,
            name,
            reached: Mutex::new(None),
            function: function.unbind(),
        })
    }

    /// The key of one call, with what explains it; None where the arguments do not fit the function.
    fn keyed(
        &self,
        py: Python<'_>,
        args: &Bound<'_, PyTuple>,
        kwargs: &Bound<'_, PyDict>,
    ) -> PyResult<Option<Keyed>> {
        let function = self.function.bind(py);
        let Some(bound) = self.binding.bind(function, args, kwargs)? else { return Ok(None) };
        let mut walker = Walker::new(py, self.pins.local, &self.home);
        let place = || names::text_attribute(function, "__qualname__");
        let reached = self
            .reached(&mut walker)
            .map_err(|refusal| errors::undigestible(py, refusal, errors::Input::Variable, &place()))?;
        walker.touched.extend(reached.packages.iter().cloned());
        let mut arguments = Vec::with_capacity(bound.len());
        for argument in bound {
            if argument.is_ignored(&self.ignored) {
                continue;
            }
            let digest = argument_digest(&mut walker, &argument)
                .map_err(|refusal| errors::undigestible(py, refusal, errors::Input::Argument, &place()))?;
            arguments.push(Input { label: argument.label, object: argument.value.unbind(), digest });
        }
        Keyed::new(py, walker, reached, arguments, self.name.clone(), self.pins)
            .map_err(|refusal| errors::undigestible(py, refusal, errors::Input::Variable, &place()))
            .map(Some)
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
    fn reached(&self, walker: &mut Walker<'_>) -> Walked<Arc<Reached>> {
        let function = self.function.bind(walker.python());
        let kept = self.reached.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept {
            if kept.guards_hold(function)? {
                return Ok(kept);
            }
        }
        walker.in_progress.push(function.as_ptr() as usize);
        let analysed = reach::analyse(walker, &function.clone());
        walker.in_progress.pop();
        let reached = Arc::new(analysed?);
        let before = self.reached.lock().unwrap_or_else(PoisonError::into_inner).replace(reached.clone());
        drop(before);
        Ok(reached)
    }
}

/// A sentinel that is a parameter's default has no digest, and needs none: the code says which it is.
fn argument_digest<'py>(walker: &mut Walker<'py>, argument: &BoundArgument<'py>) -> Walked<Digest> {
    match walker.digest(&argument.value) {
        Err(Refusal::Undigestible { .. }) if argument.is_default => {
            Ok(Digest::of(b"the parameter's default"))
        }
        Err(refusal) => Err(refusal.named(&argument.label)),
        Ok(digest) => Ok(digest),
    }
}

/// An argument, or a variable that a block reads.
pub(crate) struct Input {
    pub(crate) label: String,
    pub(crate) object: Py<PyAny>,
    pub(crate) digest: Digest,
}

/// The key of one call or block, and the recipe behind it.
#[pyclass(frozen, module = "hozon._hozon")]
pub(crate) struct Keyed {
    key: Key,
    reached: Arc<Reached>,
    value_digests: Vec<Digest>,
    arguments: Vec<Input>,
    packages: BTreeSet<String>,
    home: String,
    name: Option<String>,
    pins: Pins,
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
            home: walker.home,
            reached,
            value_digests,
            arguments,
            name,
            pins,
        };
        keyed.key = keyed.computed_key(py)?;
        Ok(keyed)
    }

    /// The key from the digests of the parts; equal to the digest of [`Self::tree`].
    fn computed_key(&self, py: Python<'_>) -> PyResult<Key> {
        let arguments: Vec<Digest> = self
            .arguments
            .iter()
            .map(|input| node_digest(NodeKind::Argument, &input.label, Some(&input.digest), &[]))
            .collect();
        let mut parts: Vec<Digest> = self.fixed_nodes().iter().map(Node::digest).collect();
        parts.push(self.reached.code);
        parts.push(self.reached.values_digest(&self.value_digests));
        parts.push(node_digest(NodeKind::Group, ARGUMENTS, None, &arguments));
        parts.push(distributions::node(py, &self.packages, self.pins.system)?.digest());
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
        if let Some(name) = &self.name {
            nodes.push(Node::leaf(NodeKind::Name, "name", Digest::of(name.as_bytes())));
        }
        nodes
    }

    fn tree(&self, py: Python<'_>) -> PyResult<Node> {
        let mut root = Node::new(NodeKind::Computation, "");
        root.children = self.fixed_nodes();
        root.children.push(self.reached.code_node());
        root.children.push(self.reached.values_node(py, &self.value_digests));
        let mut arguments = Node::new(NodeKind::Group, ARGUMENTS);
        for input in &self.arguments {
            let node = Node::leaf(NodeKind::Argument, input.label.as_str(), input.digest);
            arguments.children.push(node.with_shown(names::shown(input.object.bind(py)).as_str()));
        }
        root.children.push(arguments);
        root.children.push(distributions::node(py, &self.packages, self.pins.system)?);
        debug_assert_eq!(hozon_key::key(&root), self.key);
        Ok(root)
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
    fn recipe<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &encode(&self.tree(py)?)))
    }

    /// The names of inputs whose digest is no longer what it was when the key was made: the computation
    /// changed them in place.
    fn changed_inputs(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        let mut walker = Walker::new(py, self.pins.local, &self.home);
        let mut changed = Vec::new();
        for input in &self.arguments {
            let object = input.object.bind(py);
            if !reach::is_immutable(object) && differs(&mut walker, object, input.digest)? {
                changed.push(input.label.clone());
            }
        }
        for (slot, digest) in self.reached.values.iter().zip(&self.value_digests) {
            if !slot.settled && differs(&mut walker, slot.object.bind(py), *digest)? {
                changed.push(slot.label.clone());
            }
        }
        Ok(changed)
    }
}

fn differs<'py>(walker: &mut Walker<'py>, object: &Bound<'py, PyAny>, before: Digest) -> PyResult<bool> {
    match walker.digest(object) {
        Ok(now) => Ok(now != before),
        Err(Refusal::Raised(error)) => Err(error),
        // A default without a digest had none before either.
        Err(Refusal::Undigestible { .. }) => Ok(false),
    }
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

/// Forgets every analysis of code: for tests.
#[pyfunction]
pub(crate) fn forget_analyses() {
    reach_cache::forget();
}
