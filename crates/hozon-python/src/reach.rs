//! What a piece of code reaches: the functions, classes, modules and values that it can get at by name,
//! transitively, each definition by its own code and edges.
//!
//! The graph is a table in the order of discovery, which the code alone decides, so cycles need no
//! special treatment and two machines number the same graph alike.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::OnceLock;

use hozon_format::Digest;
use hozon_key::{Node, NodeKind, node_digest, value_reference_digest};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyFunction, PyInt, PyModule, PyString, PyType};

use crate::guards::{self, Guard};
use crate::places::{self, Place};
use crate::process_state::Aspects;
use crate::shown::shown;
use crate::walk::{Refusal, Walked, Walker};
use crate::{names, reach_build, reach_cache};

/// Everything that was reached from one root.
pub(crate) struct Reached {
    pub(crate) definitions: Vec<Definition>,
    pub(crate) values: Vec<ValueSlot>,
    pub(crate) guards: Vec<Guard>,
    /// Top-level packages of foreign code that was reached.
    pub(crate) packages: BTreeSet<String>,
    /// The state of the process that it may read without naming it.
    pub(crate) aspects: Aspects,
    /// What the code uses to run code that cannot be followed: `exec`, computed imports.
    pub(crate) unseen: BTreeSet<String>,
    /// Values without a digest, which go by the statements that made them: name and object.
    pub(crate) handles: Vec<(String, Py<PyAny>)>,
    /// Names of the notebook that the code reads when it runs.
    pub(crate) deferred: BTreeSet<String>,
    /// Where the local code and values stand that were reached.
    pub(crate) origins: BTreeSet<Origin>,
    /// Merkle digest of the definitions: fixed as long as the guards hold.
    pub(crate) code: Digest,
    /// What in the code may give another result each time, once somebody has asked.
    pub(crate) causes: OnceLock<Vec<String>>,
}

/// Where something that was reached is written: what can be looked at again without importing it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// A function or class, by its qualified name in a file.
    Definition { file: String, module: String, name: String },
    /// All of a module.
    Module { file: String },
    /// A variable of a module.
    Variable { file: String, module: String, name: String },
    /// A name of a module that leads to what another has made.
    Handed { file: String, module: String, name: String },
    /// Something of a module that its text does not tell.
    Loaded { module: String, name: String },
    /// The version of a module, or of its package.
    Version { module: String },
}

/// A function, class or module of local code (or a foreign function that closes over local things).
pub(crate) struct Definition {
    pub(crate) kind: NodeKind,
    pub(crate) label: String,
    pub(crate) own: Digest,
    pub(crate) place: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) edges: Vec<Edge>,
}

/// What a name in a definition leads to.
pub(crate) struct Edge {
    pub(crate) label: String,
    pub(crate) target: Target,
}

pub(crate) enum Target {
    Definition(usize),
    Value(usize),
    /// Something that its name says all of: foreign code, a built-in, an absence.
    Named(Digest),
}

/// A value that code reads.
pub(crate) struct ValueSlot {
    pub(crate) label: String,
    pub(crate) place: Option<String>,
    pub(crate) object: Py<PyAny>,
    pub(crate) kind: NodeKind,
    /// The digest when the graph was made.
    pub(crate) digest: Digest,
    /// The digest cannot change while the guards hold: the value is immutable, or goes by its path.
    pub(crate) settled: bool,
    /// The value has no digest: that of what can be told of it counts, beside the statements that made it.
    pub(crate) in_parts: bool,
}

impl Reached {
    /// Returns the digests of the values as they are now.
    pub(crate) fn value_digests<'py>(&self, walker: &mut Walker<'py>) -> Walked<Vec<Digest>> {
        let py = walker.python();
        self.values
            .iter()
            .map(|slot| if slot.settled { Ok(slot.digest) } else { slot.digest_now(walker, py) })
            .collect()
    }

    /// Returns the Merkle digest of the group of values.
    pub(crate) fn values_digest(&self, digests: &[Digest]) -> Digest {
        let nodes: Vec<Digest> = self
            .values
            .iter()
            .zip(digests)
            .map(|(slot, digest)| node_digest(slot.kind, &slot.label, Some(digest), &[]))
            .collect();
        node_digest(NodeKind::Group, VALUES, None, &nodes)
    }

    /// Returns the group of definitions as a recipe's node.
    pub(crate) fn code_node(&self) -> Node {
        let children = self.definitions.iter().map(Definition::node).collect();
        Node { children, ..Node::new(NodeKind::Group, CODE) }
    }

    /// Returns the group of values as a recipe's node.
    pub(crate) fn values_node(&self, py: Python<'_>, digests: &[Digest], in_clear: bool) -> Node {
        let slots = self.values.iter().zip(digests);
        let children = slots.map(|(slot, digest)| slot.node(py, *digest, in_clear)).collect();
        Node { children, ..Node::new(NodeKind::Group, VALUES) }
    }

    /// Returns the names of one namespace that were looked up.
    pub(crate) fn names_in(&self, namespace: &Bound<'_, PyAny>) -> Vec<String> {
        self.guards.iter().filter_map(|guard| guard.name_in(namespace)).collect()
    }

    /// Calls `visit` for each reference that is held here.
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(*mut pyo3::ffi::PyObject)) {
        self.values.iter().for_each(|slot| visit(slot.object.as_ptr()));
        self.handles.iter().for_each(|(_, object)| visit(object.as_ptr()));
        self.guards.iter().for_each(|guard| guard.visit(visit));
    }

    /// Tells whether the guards hold for `root`, the object that the analysis started from.
    #[inline]
    pub(crate) fn guards_hold(&self, root: &Bound<'_, PyAny>) -> PyResult<bool> {
        for guard in &self.guards {
            if !guard.holds(root)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

pub(crate) const CODE: &str = "code";
pub(crate) const VALUES: &str = "values";

impl Definition {
    pub(crate) fn node(&self) -> Node {
        let mut node = Node::leaf(self.kind, self.label.as_str(), self.own);
        node.children = self.edges.iter().map(Edge::node).collect();
        node.place.clone_from(&self.place);
        node.text.clone_from(&self.text);
        node
    }
}

impl Edge {
    fn node(&self) -> Node {
        match &self.target {
            Target::Definition(index) => Node::reference(*index as u64, self.label.as_str()),
            Target::Value(index) => {
                let digest = value_reference_digest(*index as u64);
                Node::leaf(NodeKind::Reference, self.label.as_str(), digest)
            }
            Target::Named(digest) => Node::leaf(NodeKind::Reference, self.label.as_str(), *digest),
        }
    }
}

impl ValueSlot {
    fn digest_now<'py>(&self, walker: &mut Walker<'py>, py: Python<'py>) -> Walked<Digest> {
        let object = self.object.bind(py);
        if !self.in_parts {
            return walker.digest(object);
        }
        Ok(walker.digest_of_parts(object)?.unwrap_or_else(|| Digest::of(b"no part has a digest")))
    }

    /// Tells whether the value is no longer what it was when it had this digest.
    pub(crate) fn has_changed<'py>(&self, walker: &mut Walker<'py>, before: Digest) -> PyResult<bool> {
        let py = walker.python();
        Ok(!self.settled && is_another(self.digest_now(walker, py), before)?)
    }

    fn node(&self, py: Python<'_>, digest: Digest, in_clear: bool) -> Node {
        let mut node = Node::leaf(self.kind, self.label.as_str(), digest);
        node.shown = Some(shown(self.object.bind(py), in_clear).as_str().into());
        node.place.clone_from(&self.place);
        node
    }
}

/// Tells whether a value's digest, if it has one, is another than before.
pub(crate) fn is_another(now: Walked<Digest>, before: Digest) -> PyResult<bool> {
    match now {
        Ok(now) => Ok(now != before),
        Err(Refusal::Raised(error)) => Err(error),
        // A default without a digest had none before either.
        Err(Refusal::Undigestible { .. }) => Ok(false),
    }
}

/// Tells whether a value of this type never changes.
pub(crate) fn is_immutable(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyBytes>()
}

/// Returns the digest of a function, class or module as a value: of all that it reaches.
pub(crate) fn code_digest<'py>(walker: &mut Walker<'py>, value: &Bound<'py, PyAny>) -> Walked<Digest> {
    walker.in_progress.push(value.as_ptr() as usize);
    let result = digest_of_reached(walker, value);
    walker.in_progress.pop();
    result
}

fn digest_of_reached<'py>(walker: &mut Walker<'py>, value: &Bound<'py, PyAny>) -> Walked<Digest> {
    let reached = reach_cache::reached(walker, value)?;
    let digests = reached.value_digests(walker)?;
    let parts = [reached.code, reached.values_digest(&digests)];
    Ok(node_digest(NodeKind::Code, "value", None, &parts))
}

/// What a callable that is neither function nor class reaches: itself, a value like any other.
pub(crate) fn of_callable<'py>(walker: &mut Walker<'py>, callable: &Bound<'py, PyAny>) -> Walked<Reached> {
    let outer_touched = std::mem::take(&mut walker.touched);
    let digest = walker.digest(callable);
    let packages = std::mem::replace(&mut walker.touched, outer_touched);
    let aspects = walker.aspects;
    let slot = ValueSlot {
        label: names::type_name(&callable.get_type()),
        place: None,
        object: callable.clone().unbind(),
        kind: NodeKind::Value,
        digest: digest.map_err(|refusal| refusal.named("the function"))?,
        settled: false,
        in_parts: false,
    };
    let code = node_digest(NodeKind::Group, CODE, None, &[]);
    Ok(Reached { values: vec![slot], packages, aspects, code, ..Reached::empty() })
}

/// Analyses what `root` reaches, from scratch.
pub(crate) fn analyse<'py>(walker: &mut Walker<'py>, root: &Bound<'py, PyAny>) -> Walked<Reached> {
    let outer_touched = std::mem::take(&mut walker.touched);
    let outer_aspects = std::mem::take(&mut walker.aspects);
    let outer_unseen = std::mem::take(&mut walker.unseen);
    let result = once_all_is_loaded(walker, |walker| {
        let mut builder = reach_build::Builder::new(walker, root);
        builder.run()?;
        Ok(builder.reached)
    });
    let packages = std::mem::replace(&mut walker.touched, outer_touched);
    let unseen = std::mem::replace(&mut walker.unseen, outer_unseen);
    let aspects = std::mem::replace(&mut walker.aspects, outer_aspects);
    walker.aspects.add(aspects);
    walker.touched.extend(packages.iter().cloned());
    walker.unseen.extend(unseen.iter().cloned());
    let mut reached = result?;
    reached.packages.extend(packages);
    reached.aspects.add(aspects);
    reached.unseen.extend(unseen);
    walker.deferred.extend(reached.deferred.iter().cloned());
    walker.origins.extend(reached.origins.iter().cloned());
    seal_code(&mut reached);
    Ok(reached)
}

/// How often an analysis is made again because it has loaded modules.
const MOST_ROUNDS: usize = 8;

/// Makes an analysis again where it has imported modules that functions import inside their bodies: loading
/// them may have filled a registry, or replaced an attribute, that had been looked at before.
pub(crate) fn once_all_is_loaded<'py>(
    walker: &mut Walker<'py>,
    mut make: impl FnMut(&mut Walker<'py>) -> Walked<Reached>,
) -> Walked<Reached> {
    for _ in 1..MOST_ROUNDS {
        let loaded = walker.modules_loaded;
        let made = make(walker);
        if made.is_err() || walker.modules_loaded == loaded {
            return made;
        }
        walker.touched.clear();
        walker.aspects = Aspects::NONE;
        walker.unseen.clear();
    }
    make(walker)
}

/// Takes the Merkle digest of a graph that is complete.
pub(crate) fn seal_code(reached: &mut Reached) {
    let nodes: Vec<Digest> =
        reached.definitions.iter().map(|definition| definition.node().digest()).collect();
    reached.code = node_digest(NodeKind::Group, CODE, None, &nodes);
}

impl Reached {
    pub(crate) fn empty() -> Self {
        Self {
            definitions: Vec::new(),
            values: Vec::new(),
            guards: Vec::new(),
            packages: BTreeSet::new(),
            aspects: Aspects::NONE,
            unseen: BTreeSet::new(),
            handles: Vec::new(),
            deferred: BTreeSet::new(),
            origins: BTreeSet::new(),
            code: Digest::of(&[]),
            causes: OnceLock::new(),
        }
    }
}

/// Returns the top-level package of a function or class that is not local, None where it is local.
pub(crate) fn foreign_package(value: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let py = value.py();
    let module = names::text_attribute(value, "__module__");
    if let Ok(code) = value.getattr("__code__") {
        let file = names::text_attribute(&code, "co_filename");
        if let Some(place) = places::of_file(py, &file)? {
            return Ok(foreign(place));
        }
    }
    // In a worker that got a class by value, the module of that name is the worker's own program.
    if module.is_empty() || module == "__main__" || is_made_by_types(value, &module)? {
        return Ok(None);
    }
    Ok(foreign(places::of_module(py, &module)?))
}

/// Wrappers around wrappers are looked into so far.
const MOST_WRAPPERS: usize = 16;

/// Returns what a foreign function was made around, if some of it is the program's own
/// (`contextlib.contextmanager`, a library's decorator): functions, classes, numbers and texts that it closes over.
/// Its name does not say what it does then. Containers are left out: what foreign code keeps there is its own matter.
pub(crate) fn made_around<'py>(function: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let held = held_by_wrapper(function)?;
    for content in &held {
        if is_or_stands_around_local(content, MOST_WRAPPERS)? {
            return Ok(held);
        }
    }
    Ok(Vec::new())
}

fn is_or_stands_around_local(content: &Bound<'_, PyAny>, most: usize) -> PyResult<bool> {
    if !is_function_or_class(content) {
        return Ok(false);
    }
    if foreign_package(content)?.is_none() {
        return Ok(true);
    }
    for held in if most == 0 { Vec::new() } else { held_by_wrapper(content)? } {
        if is_or_stands_around_local(&held, most - 1)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn held_by_wrapper<'py>(function: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    if !function.is_instance_of::<PyFunction>() {
        return Ok(Vec::new());
    }
    let py = function.py();
    let mut held: Vec<Bound<'py, PyAny>> =
        function.getattr_opt(intern!(py, "__wrapped__"))?.into_iter().collect();
    let closure = function.getattr(intern!(py, "__closure__"))?;
    if !closure.is_none() {
        for cell in closure.try_iter()? {
            held.extend(guards::cell_contents(&cell?));
        }
    }
    if let Some(registry) = dispatch_registry(function)? {
        for implementation in registry.call_method0(intern!(py, "values"))?.try_iter()? {
            held.push(implementation?);
        }
    }
    let mut found = Vec::new();
    for content in held {
        let content = names::unwrapped(&content)?;
        if is_function_or_class(&content) || is_atom(&content) {
            found.push(content);
        }
    }
    Ok(found)
}

fn is_function_or_class(object: &Bound<'_, PyAny>) -> bool {
    object.is_instance_of::<PyFunction>() || object.is_instance_of::<PyType>()
}

fn is_atom(object: &Bound<'_, PyAny>) -> bool {
    object.is_none()
        || object.is_instance_of::<PyBool>()
        || object.is_exact_instance_of::<PyInt>()
        || object.is_exact_instance_of::<PyFloat>()
        || object.is_exact_instance_of::<PyString>()
        || object.is_exact_instance_of::<PyBytes>()
}

/// Tells whether a class was made by `types.new_class` and says no more than that: it is none of that module's.
fn is_made_by_types(value: &Bound<'_, PyAny>, module: &str) -> PyResult<bool> {
    let name = names::qualified_name(value);
    Ok(module == "types" && value.is_instance_of::<PyType>() && !value.py().import("types")?.hasattr(name)?)
}

/// Returns the top-level package of a module that is not local, None where it is local.
pub(crate) fn module_package(module: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let name = names::text_attribute(module, "__name__");
    Ok(foreign(places::of_module_object(module, &name)?))
}

fn foreign(place: Place) -> Option<String> {
    match place {
        Place::Local => None,
        Place::Foreign(package) => Some(package),
    }
}

/// Returns the table of a `functools.singledispatch` function: all of it that is not a memo.
pub(crate) fn dispatch_registry<'py>(function: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let code = function.getattr("__code__")?;
    let of_functools =
        names::text_attribute(&code, "co_filename").replace('\\', "/").ends_with("/functools.py");
    if of_functools { function.getattr_opt("registry") } else { Ok(None) }
}

/// Tells whether this is a function or class of local code.
pub(crate) fn is_local_definition(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let is_code = matches!(definition_kind(value), Some(NodeKind::Helper | NodeKind::Class));
    Ok(is_code && foreign_package(value)?.is_none())
}

/// Tells what kind of definition an object is, None where it is a value.
pub(crate) fn definition_kind(object: &Bound<'_, PyAny>) -> Option<NodeKind> {
    if object.is_instance_of::<PyType>() {
        Some(NodeKind::Class)
    } else if object.is_instance_of::<PyModule>() {
        Some(NodeKind::Module)
    } else if object.is_instance_of::<pyo3::types::PyFunction>() {
        Some(NodeKind::Helper)
    } else {
        None
    }
}

/// The pending definitions of a graph that is being made.
pub(crate) type Pending<'py> = VecDeque<(usize, Bound<'py, PyAny>)>;
/// Which definition an object's address stands for.
pub(crate) type Numbers = HashMap<usize, usize>;
