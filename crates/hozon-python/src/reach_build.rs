//! Makes the graph of what a root reaches, one definition after the other.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use hozon_format::Digest;
use hozon_key::{NodeKind, definition_digest};
use hozon_syntax::{Fragment, Import, Read, is_private};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFunction, PyModule, PyTuple, PyType};

use crate::code::{self, CodeFacts};
use crate::guards::{self, Guard};
use crate::private;
use crate::reach::{self, Definition, Edge, Numbers, Origin, Pending, Reached, Target, ValueSlot};
use crate::reach_names::{
    foreign_label, foreign_name, foreign_variable, is_named, is_plain, named, named_digest,
};
use crate::reach_path;
use crate::walk::{Refusal, Walked, Walker};
use crate::watch::original_of;
use crate::{local_pins, names, places};

/// Names of a module that say where it is and how it was loaded: no part of what it computes.
const MODULE_FACTS: [&str; 9] = [
    "__name__",
    "__file__",
    "__spec__",
    "__package__",
    "__loader__",
    "__builtins__",
    "__cached__",
    "__class__",
    "__path__",
];

/// Tells whether what code gives for its file is a cell or a prompt: its text is no file's. Cells of Jupyter have
/// `…/ipykernel_<process>/<number>.py`, those of marimo `…/__marimo__cell_<id>_.py`, which are never written.
fn is_of_cell(file: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = file.rsplit(['/', '\\']);
    let cell = parts.next().and_then(|name| name.strip_suffix(".py"));
    let folder = parts.next().and_then(|name| name.strip_prefix("ipykernel_"));
    file.starts_with('<')
        || file.contains("__marimo__cell_")
        || (cell.is_some_and(is_number) && folder.is_some_and(is_number))
}

/// Stands for every name of a notebook.
pub(crate) const ALL_NAMES: &str = "*";

/// What explanations call a callable that is no function.
const CALLABLE: &str = "the callable";

pub(crate) struct Builder<'walk, 'py> {
    pub(crate) py: Python<'py>,
    pub(crate) walker: &'walk mut Walker<'py>,
    pub(crate) root: Bound<'py, PyAny>,
    pub(crate) reached: Reached,
    numbers: Numbers,
    pending: Pending<'py>,
    /// Slots by the address of their namespace or owner, which the guards hold, and their name.
    slots: HashMap<(usize, String), usize>,
    /// The attributes that the code reached so far uses, each list sorted.
    pub(crate) attributes: Vec<Arc<[String]>>,
    /// It computes names of attributes.
    pub(crate) uses_any_attribute: bool,
}

/// Where a definition's names are looked up.
pub(crate) struct Scope<'py> {
    pub(crate) cells: BTreeMap<String, Bound<'py, PyAny>>,
    pub(crate) globals: Bound<'py, PyDict>,
    /// Names that are not looked up: they are made by the statements under analysis.
    pub(crate) skipped: Vec<String>,
    /// Local variables of a frame, for blocks.
    pub(crate) locals: BTreeMap<String, Bound<'py, PyAny>>,
    /// The code object that the names stand in.
    pub(crate) code: Option<Bound<'py, PyAny>>,
}

impl<'py> Scope<'py> {
    pub(crate) fn of_globals(globals: Bound<'py, PyDict>) -> Self {
        Self { cells: BTreeMap::new(), globals, skipped: Vec::new(), locals: BTreeMap::new(), code: None }
    }

    pub(crate) fn of_function(function: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = function.py();
        let globals = function.getattr(intern!(py, "__globals__"))?.cast_into::<PyDict>()?;
        let mut scope = Self::of_globals(globals);
        scope.code = Some(function.getattr(intern!(py, "__code__"))?);
        scope.add_cells(function)?;
        Ok(scope)
    }

    /// The names that a variable of the module has there: more than one where marimo has given it a name of
    /// its cell's own, and no code tells which.
    fn global_names(&self, name: &str) -> PyResult<Vec<String>> {
        if !is_private(name) || self.globals.contains(name)? {
            return Ok(vec![name.to_owned()]);
        }
        private::names_of_cells(name, &self.globals, self.code.as_ref())
    }

    pub(crate) fn add_cells(&mut self, function: &Bound<'py, PyAny>) -> PyResult<()> {
        let py = function.py();
        let closure = function.getattr(intern!(py, "__closure__"))?;
        if closure.is_none() {
            return Ok(());
        }
        let names: Vec<String> =
            function.getattr(intern!(py, "__code__"))?.getattr(intern!(py, "co_freevars"))?.extract()?;
        for (name, cell) in names.into_iter().zip(closure.try_iter()?) {
            self.cells.insert(name, cell?);
        }
        Ok(())
    }
}

impl<'walk, 'py> Builder<'walk, 'py> {
    pub(crate) fn new(walker: &'walk mut Walker<'py>, root: &Bound<'py, PyAny>) -> Self {
        Self {
            py: root.py(),
            walker,
            root: root.clone(),
            reached: Reached::empty(),
            numbers: HashMap::new(),
            pending: VecDeque::new(),
            slots: HashMap::new(),
            attributes: Vec::new(),
            uses_any_attribute: false,
        }
    }

    pub(crate) fn run(&mut self) -> Walked<()> {
        let root = self.root.clone();
        if reach::definition_kind(&root).is_none() {
            return self.run_object(&root);
        }
        let number = self.number_of(&root);
        self.reached.definitions[number].kind = NodeKind::Computation;
        self.run_pending()
    }

    /// A callable that is no function, a bound method or a partial object, say: its value is an input.
    fn run_object(&mut self, root: &Bound<'py, PyAny>) -> Walked<()> {
        let number = self.add_definition(NodeKind::Computation, names::type_name(&root.get_type()));
        self.reached.definitions[number].own = named_digest("a callable object");
        let mut edges = Vec::new();
        if is_named(root)? {
            self.target_edges(root, CALLABLE, &[], &mut edges)?;
        } else {
            self.value_edge(root, CALLABLE.to_owned(), CALLABLE, None, &mut edges)?;
        }
        self.reached.definitions[number].edges = edges;
        self.run_pending()
    }

    pub(crate) fn run_pending(&mut self) -> Walked<()> {
        self.expand_pending()?;
        self.planted_edges()?;
        self.unseen_edges()
    }

    pub(crate) fn expand_pending(&mut self) -> Walked<()> {
        while let Some((number, object)) = self.pending.pop_front() {
            let edges = self.expand(number, &object)?;
            self.reached.definitions[number].edges = edges;
        }
        Ok(())
    }

    /// Returns the number of a definition, announcing it if it is new.
    fn number_of(&mut self, object: &Bound<'py, PyAny>) -> usize {
        let address = object.as_ptr() as usize;
        if let Some(number) = self.numbers.get(&address) {
            return *number;
        }
        let number = self.reached.definitions.len();
        let kind = reach::definition_kind(object).unwrap_or(NodeKind::Helper);
        self.add_definition(kind, names::qualified_name(object));
        self.numbers.insert(address, number);
        // Held by the queue now and by a guard of its own afterwards: the address stays its own.
        self.pending.push_back((number, object.clone()));
        number
    }

    pub(crate) fn add_definition(&mut self, kind: NodeKind, label: String) -> usize {
        let own = Digest::of(&[]);
        self.reached.definitions.push(Definition {
            kind,
            label,
            own,
            place: None,
            text: None,
            edges: Vec::new(),
        });
        self.reached.definitions.len() - 1
    }

    fn expand(&mut self, number: usize, object: &Bound<'py, PyAny>) -> Walked<Vec<Edge>> {
        if let Ok(class) = object.cast::<PyType>() {
            return self.expand_class(number, class);
        }
        if object.is_instance_of::<PyModule>() {
            return self.expand_module(number, object);
        }
        if reach::foreign_package(object)?.is_some() {
            return self.expand_foreign_function(number, object);
        }
        self.expand_function(number, object)
    }

    fn expand_function(&mut self, number: usize, function: &Bound<'py, PyAny>) -> Walked<Vec<Edge>> {
        self.guard_function(function)?;
        let facts = code::of_function(self.walker, function)?;
        let scope = Scope::of_function(function)?;
        let mut edges = Vec::new();
        let own = self.decorated_digest(&facts, &scope, &mut edges)?;
        self.describe(number, own, &facts);
        self.note_origin(number, function.as_any(), Some(&facts));
        self.default_edges(function, &facts, &mut edges)?;
        self.code_edges(&facts, &scope, &mut edges)?;
        Ok(edges)
    }

    pub(crate) fn guard_function(&mut self, function: &Bound<'py, PyAny>) -> PyResult<()> {
        self.reached.guards.push(Guard::function(function, function.is(&self.root))?);
        Ok(())
    }

    pub(crate) fn describe(&mut self, number: usize, own: Digest, facts: &CodeFacts) {
        let definition = &mut self.reached.definitions[number];
        definition.own = own;
        definition.place.clone_from(&facts.place);
        definition.text.clone_from(&facts.text);
    }

    /// Notes where a function or class is written, if that is a file.
    pub(crate) fn note_origin(
        &mut self,
        number: usize,
        object: &Bound<'py, PyAny>,
        facts: Option<&CodeFacts>,
    ) {
        let module = names::text_attribute(object, "__module__");
        let name = self.reached.definitions[number].label.clone();
        let file = facts.and_then(|facts| facts.lines.as_ref()).map(|(file, ..)| file.clone());
        self.reached.origins.insert(match file {
            Some(file) if is_of_cell(&file) || self.is_of_notebook(object, &file) => return,
            Some(file) => Origin::Definition { file, module, name },
            None => Origin::Loaded { module, name },
        });
    }

    /// Tells whether a cell of the notebook has made a function or class, whatever file its host names: marimo's
    /// scripts have the notebook's own.
    fn is_of_notebook(&self, object: &Bound<'py, PyAny>, file: &str) -> bool {
        let Some(notebook) = &self.walker.notebook else { return false };
        let globals = object.getattr_opt(intern!(object.py(), "__globals__")).ok().flatten();
        match globals {
            Some(globals) => globals.is(notebook),
            None => {
                let own = notebook.get_item(intern!(object.py(), "__file__")).ok().flatten();
                own.and_then(|own| own.extract::<String>().ok()).is_some_and(|own| own == file)
            }
        }
    }

    /// The digest of a definition with its decorators. hozon's own are left out: how a result is kept
    /// is no part of what it is.
    pub(crate) fn decorated_digest(
        &mut self,
        facts: &CodeFacts,
        scope: &Scope<'py>,
        edges: &mut Vec<Edge>,
    ) -> Walked<Digest> {
        let mut counted = Vec::new();
        for decorator in &facts.decorators {
            if self.is_of_hozon(decorator, scope)? {
                continue;
            }
            counted.push(decorator.digest);
            self.fragment_edges(decorator, scope, edges)?;
        }
        Ok(definition_digest(&facts.digest, &counted))
    }

    fn is_of_hozon(&mut self, decorator: &Fragment, scope: &Scope<'py>) -> PyResult<bool> {
        for read in &decorator.reads {
            let name = &read.path[0];
            let Some(found) = lookup(scope, name)? else { continue };
            if names::is_of_hozon(&found) {
                if !scope.cells.contains_key(name) {
                    self.reached.guards.push(Guard::slot(&scope.globals, name, Some(&found)));
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) fn code_edges(
        &mut self,
        facts: &CodeFacts,
        scope: &Scope<'py>,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        self.reached.unseen.extend(facts.unseen.iter().cloned());
        self.attributes.push(Arc::clone(&facts.attributes));
        self.reading_edges(&facts.reads, &facts.imports, facts.uses_dynamic_names, scope, edges)
    }

    pub(crate) fn fragment_edges(
        &mut self,
        fragment: &Fragment,
        scope: &Scope<'py>,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        self.reached.unseen.extend(fragment.unseen.iter().cloned());
        self.attributes.push(Arc::clone(&fragment.attributes));
        self.reading_edges(&fragment.reads, &fragment.imports, fragment.uses_dynamic_names, scope, edges)
    }

    /// Edges to all that a piece of code reads and imports.
    pub(crate) fn reading_edges(
        &mut self,
        reads: &[Read],
        imports: &[Import],
        uses_dynamic_names: bool,
        scope: &Scope<'py>,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        for read in reads {
            self.read_edge(scope, &read.path, edges)?;
        }
        for import in imports {
            self.import_edge(scope, import, edges)?;
        }
        if uses_dynamic_names {
            self.uses_any_attribute = true;
            self.whole_module_edge(scope, edges)?;
        }
        Ok(())
    }

    /// Code that looks names up while it runs may reach anything of its module.
    pub(crate) fn whole_module_edge(&mut self, scope: &Scope<'py>, edges: &mut Vec<Edge>) -> Walked<()> {
        if self.is_notebook(&scope.globals) {
            self.reached.deferred.insert(ALL_NAMES.to_owned());
            return Ok(());
        }
        let name = scope.globals.get_item("__name__")?;
        let module = match name {
            Some(name) => self
                .py
                .import("sys")?
                .getattr("modules")?
                .cast::<PyDict>()
                .map_err(PyErr::from)?
                .get_item(name)?,
            None => None,
        };
        match module {
            Some(module) => self.target_edges(&module, "names found while running", &[], edges),
            None => Ok(()),
        }
    }

    /// The values of a function's defaults. One that has no digest is as its expression in the source
    /// says: a sentinel, above all.
    pub(crate) fn default_edges(
        &mut self,
        function: &Bound<'py, PyAny>,
        facts: &CodeFacts,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        let function_name = names::qualified_name(function);
        for (name, value) in defaults(function)? {
            let label = format!("{function_name}({name}=)");
            match self.slot(function.as_ptr() as usize, &label, &value, facts.place.clone()) {
                Ok(number) => edges.push(Edge { label, target: Target::Value(number) }),
                Err(Refusal::Undigestible { .. }) => edges.push(named(label, "default by its source")),
                Err(raised) => return Err(raised),
            }
        }
        Ok(())
    }

    /// What a name in code leads to now, through modules as far as they go.
    pub(crate) fn read_edge(
        &mut self,
        scope: &Scope<'py>,
        path: &[String],
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        let name = &path[0];
        if MODULE_FACTS.contains(&name.as_str()) || scope.skipped.contains(name) {
            return Ok(());
        }
        if let Some(value) = scope.locals.get(name) {
            return self.follow(value, path, None, edges);
        }
        if let Some(cell) = scope.cells.get(name) {
            let found = guards::cell_contents(cell);
            self.reached.guards.push(Guard::Cell {
                cell: cell.clone().unbind(),
                expected: found.clone().map(Bound::unbind),
            });
            let Some(found) = found else {
                edges.push(named(path.join("."), "unbound"));
                return Ok(());
            };
            self.alias_edge(scope, &found, path, edges)?;
            return self.follow(&found, path, Some((cell.as_ptr() as usize, None)), edges);
        }
        for name in scope.global_names(name)? {
            self.global_edge(scope, &name, path, edges)?;
        }
        Ok(())
    }

    fn global_edge(
        &mut self,
        scope: &Scope<'py>,
        name: &str,
        path: &[String],
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        let found = scope.globals.get_item(name)?;
        self.reached.guards.push(Guard::slot(&scope.globals, name, found.as_ref()));
        if self.ends_at_notebook(scope, path, found.as_ref(), edges)? {
            return Ok(());
        }
        match found {
            Some(found) => {
                self.note_handed_on(&scope.globals, name, &found)?;
                self.alias_edge(scope, &found, path, edges)?;
                let owner = (scope.globals.as_ptr() as usize, Some(scope.globals.clone()));
                self.follow(&found, path, Some(owner), edges)
            }
            None => self.builtin_edge(name, path, edges),
        }
    }

    /// A name of the notebook that is digested stands for itself: what it is comes from the cell that made
    /// it. Modules are followed to what is used of them.
    fn ends_at_notebook(
        &mut self,
        scope: &Scope<'py>,
        path: &[String],
        found: Option<&Bound<'py, PyAny>>,
        edges: &mut Vec<Edge>,
    ) -> PyResult<bool> {
        if !self.is_notebook(&scope.globals) {
            return Ok(false);
        }
        self.reached.deferred.insert(path[0].clone());
        // One that is yet to come is one all the same, unless Python has such a name of its own.
        let is_value = match found {
            Some(found) => !found.is_instance_of::<PyModule>(),
            None => !self.py.import("builtins")?.dict().contains(&path[0])?,
        };
        if is_value {
            edges.push(named(path.join("."), "a name of the notebook"));
        }
        Ok(is_value)
    }

    pub(crate) fn is_notebook(&self, globals: &Bound<'py, PyDict>) -> bool {
        self.walker.notebook.as_ref().is_some_and(|notebook| notebook.is(globals))
    }

    fn builtin_edge(&mut self, name: &str, path: &[String], edges: &mut Vec<Edge>) -> Walked<()> {
        let builtins = self.py.import("builtins")?;
        match builtins.dict().get_item(name)? {
            // Someone has put a function or a value of their own among the built-ins.
            Some(found) if reach::is_local_definition(&found)? || is_plain(&found) => {
                let owner = (builtins.as_ptr() as usize, Some(builtins.dict()));
                self.reached.guards.push(Guard::slot(&builtins.dict(), name, Some(&found)));
                self.follow(&found, path, Some(owner), edges)
            }
            Some(_) => {
                edges.push(named(path.join("."), "built-in"));
                Ok(())
            }
            None => {
                edges.push(named(path.join("."), "unbound"));
                Ok(())
            }
        }
    }

    /// The value that a variable has before a block which may leave it. A value without a digest goes by
    /// its being there: the block is not stored if it is there still.
    pub(crate) fn earlier_edge(
        &mut self,
        scope: &Scope<'py>,
        name: &str,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        let mut values: Vec<_> = scope.locals.get(name).cloned().into_iter().collect();
        if values.is_empty() {
            let names = scope.global_names(name)?;
            values = names
                .iter()
                .filter_map(|name| scope.globals.get_item(name).transpose())
                .collect::<PyResult<_>>()?;
        }
        let Some(value) = values.pop() else { return Ok(()) };
        let label = format!("{name} before");
        match self.slot(value.as_ptr() as usize, &label, &value, None) {
            Ok(number) => edges.push(Edge { label, target: Target::Value(number) }),
            Err(Refusal::Undigestible { .. }) => edges.push(named(label, "has no digest")),
            Err(raised) => return Err(raised),
        }
        Ok(())
    }

    pub(crate) fn follow(
        &mut self,
        start: &Bound<'py, PyAny>,
        path: &[String],
        owner: Option<(usize, Option<Bound<'py, PyDict>>)>,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        let mut object = start.clone();
        let mut owner = owner;
        let mut used = 1;
        while used < path.len() && object.is_instance_of::<PyModule>() && !names::is_of_hozon(&object) {
            let namespace =
                object.getattr(intern!(self.py, "__dict__"))?.cast_into::<PyDict>().map_err(PyErr::from)?;
            let mut found = namespace.get_item(path[used].as_str())?;
            if found.is_none() && self.loads_submodule(&object, &path[used])? {
                found = namespace.get_item(path[used].as_str())?;
            }
            self.reached.guards.push(Guard::slot(&namespace, &path[used], found.as_ref()));
            let Some(found) = found else { return self.missing_edge(&object, path, used, edges) };
            self.note_handed_on(&namespace, &path[used], &found)?;
            owner = Some((namespace.as_ptr() as usize, Some(namespace)));
            object = found;
            used += 1;
        }
        let label = path[..used].join(".");
        let inner = names::unwrapped(&object)?;
        if reach::definition_kind(&inner).is_some() || is_named(&inner)? {
            return self.target_edges(&object, &label, &path[used..], edges);
        }
        if names::is_of_hozon(&object) {
            return Ok(());
        }
        if object.is(&self.py.import("sys")?.getattr("modules")?) {
            // What is loaded is no value; the code that looks there counts as code that is not seen.
            edges.push(named(label, "sys.modules"));
            return Ok(());
        }
        // What stands for a library's function while a computation is recorded is that function.
        let value = if object.is_instance_of::<PyFunction>() { inner } else { object };
        self.value_edge(&value, label, &path[used - 1], owner, edges)
    }

    /// Loads a library's submodule that comes when it is first asked for (`numpy.random`): what the code
    /// reaches must not depend on whether somebody has asked. Tells whether it is there now.
    fn loads_submodule(&mut self, module: &Bound<'py, PyAny>, name: &str) -> Walked<bool> {
        if !module.hasattr(intern!(self.py, "__path__"))? || reach::module_package(module)?.is_none() {
            return Ok(false);
        }
        let full_name = format!("{}.{name}", names::text_attribute(module, "__name__"));
        let finder = self.py.import(intern!(self.py, "importlib.util"))?;
        // What cannot be found or loaded is missing: the code will find that out by itself.
        let is_there = finder.call_method1(intern!(self.py, "find_spec"), (&full_name,));
        if !is_there.is_ok_and(|spec| !spec.is_none()) || self.imported(&full_name).is_err() {
            return Ok(false);
        }
        Ok(true)
    }

    /// A module has no such attribute yet: it is made on demand, or the code will raise.
    fn missing_edge(
        &mut self,
        module: &Bound<'py, PyAny>,
        path: &[String],
        used: usize,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        let rest = path[used..].join(".");
        let module_name = names::text_attribute(module, "__name__");
        match reach::module_package(module)? {
            Some(package) => {
                let name = format!("{module_name}:{rest}");
                self.walker.touch(package, &name)?;
                edges.push(named(path.join("."), &name));
                Ok(())
            }
            // A local module's __getattr__ may do anything: all of the module counts.
            None => self.target_edges(module, &path[..used].join("."), &[], edges),
        }
    }

    fn value_edge(
        &mut self,
        value: &Bound<'py, PyAny>,
        label: String,
        name: &str,
        owner: Option<(usize, Option<Bound<'py, PyDict>>)>,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        let address = owner.as_ref().map_or(value.as_ptr() as usize, |(address, _)| *address);
        self.note_variable(name, owner.as_ref())?;
        let refusal = match self.slot(address, &label, value, None) {
            Ok(number) => {
                edges.push(Edge { label, target: Target::Value(number) });
                return Ok(());
            }
            Err(refusal @ Refusal::Undigestible { .. }) => refusal,
            Err(raised) => return Err(raised),
        };
        let Some((_, Some(namespace))) = owner else { return Err(refusal.named(&label)) };
        if let Some(version) = local_pins::namespace_at_pin(self.walker, &namespace)? {
            edges.push(named(label, &format!("{version}:{name}")));
            return Ok(());
        }
        if let Some((package, whole_name)) = foreign_variable(&namespace, name)? {
            self.walker.touch(package, &whole_name)?;
            edges.push(named(label, &whole_name));
            return Ok(());
        }
        match reach_path::path_definition(self, &namespace, name, &label)? {
            Some(number) => {
                self.reached.handles.push((label.clone(), value.clone().unbind()));
                self.parts_edge(address, &label, value, edges)?;
                edges.push(Edge { label, target: Target::Definition(number) });
                Ok(())
            }
            None => Err(refusal.named(&label)),
        }
    }

    /// Notes where a variable of a local module is written.
    fn note_variable(
        &mut self,
        name: &str,
        owner: Option<&(usize, Option<Bound<'py, PyDict>>)>,
    ) -> PyResult<()> {
        let Some((_, Some(namespace))) = owner else { return Ok(()) };
        if self.is_notebook(namespace) || foreign_variable(namespace, name)?.is_some() {
            return Ok(());
        }
        let text = |key: &str| -> PyResult<String> {
            Ok(namespace.get_item(key)?.and_then(|value| value.extract().ok()).unwrap_or_default())
        };
        let (file, module) = (text("__file__")?, text("__name__")?);
        self.reached.origins.insert(Origin::Variable { file, module, name: name.to_owned() });
        Ok(())
    }

    /// Returns the number of the slot of a value; a value that was met before keeps its slot.
    pub(crate) fn slot(
        &mut self,
        owner: usize,
        label: &str,
        value: &Bound<'py, PyAny>,
        place: Option<String>,
    ) -> Walked<usize> {
        let known = (owner, label.to_owned());
        if let Some(number) = self.slots.get(&known) {
            return Ok(*number);
        }
        let digest = self.walker.digest(value)?;
        Ok(self.add_slot(known, value, place, digest, false))
    }

    fn add_slot(
        &mut self,
        known: (usize, String),
        value: &Bound<'py, PyAny>,
        place: Option<String>,
        digest: Digest,
        in_parts: bool,
    ) -> usize {
        let slot = ValueSlot {
            label: known.1.clone(),
            place,
            object: value.clone().unbind(),
            kind: NodeKind::Value,
            digest,
            settled: reach::is_immutable(value),
            in_parts,
        };
        self.reached.values.push(slot);
        let number = self.reached.values.len() - 1;
        self.slots.insert(known, number);
        number
    }

    /// An edge to what can be told of a value that has no digest, beside the statements that made it:
    /// others may have changed it, and it may hold what they have read.
    fn parts_edge(
        &mut self,
        owner: usize,
        label: &str,
        value: &Bound<'py, PyAny>,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        let known = (owner, label.to_owned());
        let number = match self.slots.get(&known) {
            Some(number) => *number,
            None => match self.walker.digest_of_parts(value)? {
                Some(digest) => self.add_slot(known, value, None, digest, true),
                None => return Ok(()),
            },
        };
        edges.push(Edge { label: label.to_owned(), target: Target::Value(number) });
        Ok(())
    }

    /// What a function, class, module or built-in leads to.
    pub(crate) fn target_edges(
        &mut self,
        object: &Bound<'py, PyAny>,
        label: &str,
        rest: &[String],
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        // What stands in for a function while a computation is watched is that function.
        let original = original_of(object);
        let object = original.as_ref().unwrap_or(object);
        if names::is_of_hozon(object) {
            return Ok(());
        }
        let object = &names::unwrapped(object)?;
        if let Some((package, name)) = foreign_name(object)? {
            if package != places::HOZON {
                self.walker.touch(package, &name)?;
                edges.push(named(label.to_owned(), &name));
                self.compiled_edge(&names::text_attribute(object, "__module__"), edges)?;
            }
            return Ok(());
        }
        if reach::definition_kind(object).is_none() {
            return self.value_edge(object, label.to_owned(), label, None, edges);
        }
        if let Some(name) = local_pins::name_at_pin(self.walker, object)? {
            self.guard_version(object)?;
            edges.push(named(label.to_owned(), &name));
            return Ok(());
        }
        let number = self.number_of(object);
        edges.push(Edge { label: label.to_owned(), target: Target::Definition(number) });
        self.function_attribute_edge(object, label, rest, edges)
    }

    /// Code of a local extension module counts by its file.
    pub(crate) fn compiled_edge(&mut self, module_name: &str, edges: &mut Vec<Edge>) -> PyResult<()> {
        if let Some(digest) = places::compiled_digest(self.py, module_name)? {
            edges.push(Edge {
                label: format!("machine code of {module_name}"),
                target: Target::Named(digest),
            });
        }
        Ok(())
    }

    /// A version may be another after a reload.
    fn guard_version(&mut self, object: &Bound<'py, PyAny>) -> PyResult<()> {
        for namespace in local_pins::namespaces_of(object)? {
            let version = namespace.get_item(local_pins::VERSION)?;
            self.reached.guards.push(Guard::slot(&namespace, local_pins::VERSION, version.as_ref()));
        }
        Ok(())
    }

    /// A function may carry values as attributes: `clean.rate`.
    fn function_attribute_edge(
        &mut self,
        object: &Bound<'py, PyAny>,
        label: &str,
        rest: &[String],
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        let Some(attribute) = rest.first() else { return Ok(()) };
        if !object.is_instance_of::<PyFunction>() || attribute.starts_with("__") {
            return Ok(());
        }
        let namespace =
            object.getattr(intern!(self.py, "__dict__"))?.cast_into::<PyDict>().map_err(PyErr::from)?;
        let found = namespace.get_item(attribute.as_str())?;
        self.reached.guards.push(Guard::slot(&namespace, attribute, found.as_ref()));
        match found {
            Some(value) => self.value_edge(&value, format!("{label}.{attribute}"), attribute, None, edges),
            None => Ok(()),
        }
    }

    /// A foreign function that closes over things (a decorator's wrapper): its name, and those things.
    fn expand_foreign_function(&mut self, number: usize, function: &Bound<'py, PyAny>) -> Walked<Vec<Edge>> {
        let name = foreign_label(function);
        if let Some(package) = reach::foreign_package(function)? {
            self.walker.touch(package, &name)?;
        }
        self.reached.definitions[number].own = named_digest(&name);
        let mut edges = Vec::new();
        if let Some(registry) = reach::dispatch_registry(function)? {
            self.lenient_edge(&registry, "registry", function.as_ptr() as usize, &mut edges)?;
            return Ok(edges);
        }
        let first_value = self.reached.values.len();
        for (name, cell) in Scope::of_function(function)?.cells {
            let Some(content) = guards::cell_contents(&cell) else { continue };
            self.reached
                .guards
                .push(Guard::Cell { cell: cell.clone().unbind(), expected: Some(content.clone().unbind()) });
            self.lenient_edge(&content, &name, cell.as_ptr() as usize, &mut edges)?;
        }
        // What foreign code keeps for itself is its own matter once it has been seen: a memo, a counter.
        self.reached.values[first_value..].iter_mut().for_each(|slot| slot.settled = true);
        Ok(edges)
    }

    /// An edge to something that its surroundings say enough of where it has no digest itself.
    pub(crate) fn lenient_edge(
        &mut self,
        value: &Bound<'py, PyAny>,
        label: &str,
        owner: usize,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        let inner = names::unwrapped(value)?;
        if reach::definition_kind(&inner).is_some() || is_named(&inner)? {
            return self.target_edges(value, label, &[], edges);
        }
        match self.slot(owner, label, value, None) {
            Ok(number) => edges.push(Edge { label: label.to_owned(), target: Target::Value(number) }),
            Err(Refusal::Undigestible { .. }) => {}
            Err(raised) => return Err(raised),
        }
        Ok(())
    }
}

fn lookup<'py>(scope: &Scope<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    match scope.cells.get(name) {
        Some(cell) => Ok(guards::cell_contents(cell)),
        None => scope.globals.get_item(name),
    }
}

/// The names and values of a function's defaults, positional ones first.
fn defaults<'py>(function: &Bound<'py, PyAny>) -> PyResult<Vec<(String, Bound<'py, PyAny>)>> {
    let py = function.py();
    let mut found = Vec::new();
    if let Ok(values) = function.getattr(intern!(py, "__defaults__"))?.cast_into::<PyTuple>() {
        let code = function.getattr(intern!(py, "__code__"))?;
        let count: usize = code.getattr(intern!(py, "co_argcount"))?.extract()?;
        let names: Vec<String> = code.getattr(intern!(py, "co_varnames"))?.extract()?;
        let first = count.saturating_sub(values.len());
        found.extend(names.into_iter().skip(first).zip(values.iter()));
    }
    if let Ok(values) = function.getattr(intern!(py, "__kwdefaults__"))?.cast_into::<PyDict>() {
        let mut named: Vec<(String, Bound<'py, PyAny>)> =
            values.iter().map(|(name, value)| Ok((name.extract()?, value))).collect::<PyResult<_>>()?;
        named.sort_by(|left, right| left.0.cmp(&right.0));
        found.extend(named);
    }
    Ok(found)
}
