//! What local code puts on classes of libraries: it is reached by the attribute's name alone, on whatever
//! value the code has at hand.

use std::collections::BTreeSet;
use std::sync::Arc;

use hozon_format::Hasher;
use hozon_key::NodeKind;
use hozon_syntax::Plant;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFunction, PyModule, PyType};

use crate::code::Source;
use crate::guards::{self, Guard};
use crate::planting::{self, Planting};
use crate::reach::{self, Edge, Origin, Target};
use crate::reach_build::{Builder, Scope};
use crate::reach_names::{foreign_label, named};
use crate::walk::{Refusal, Walked};
use crate::{local_pins, names, places, reach_class};

/// Attributes of classes that code uses, and statements that register names with libraries: what counts
/// already.
#[derive(Default)]
pub(crate) struct Counted {
    attributes: BTreeSet<(usize, String)>,
    statements: BTreeSet<(usize, usize)>,
    /// What cells register: with what, by which name. The last one counts.
    registered: BTreeSet<(Vec<String>, Option<String>)>,
}

impl<'py> Builder<'_, 'py> {
    /// Where local code that is loaded puts something on a class of a library, and the code that was reached
    /// uses an attribute of that name, it may be this one: what stands there counts. What is registered with a
    /// library by a name counts by the statement that does so.
    ///
    /// What is loaded later counts from then on: the guard on the modules sees to that.
    pub(crate) fn planted_edges(&mut self) -> Walked<()> {
        let mut counted = Counted::default();
        loop {
            let (modules, generation) = planting::planting(self.py)?;
            let before = self.reached.definitions.len();
            for module in &modules {
                self.edges_of_planting(module, &mut counted)?;
            }
            self.expand_pending()?;
            // What is put there may itself use what is put elsewhere.
            if self.reached.definitions.len() == before {
                let modules = guards::loaded_modules(self.py)?;
                let lines = planting::lines_of_cells(&modules)?.map(Bound::unbind);
                self.reached.guards.push(Guard::Planting { modules: modules.unbind(), lines, generation });
                return Ok(());
            }
        }
    }

    fn edges_of_planting(&mut self, module: &Planting, counted: &mut Counted) -> Walked<()> {
        let namespace = module.namespace.bind(self.py).clone();
        if self.is_notebook(&namespace) {
            return Ok(());
        }
        for plant in module.source.module.plants() {
            let used = self.used_names(plant);
            if used.is_empty() {
                continue;
            }
            let Some(onto) = self.planted_onto(&namespace, &plant.onto)? else { continue };
            match onto.cast::<PyType>() {
                Ok(class) if !plant.is_registered && is_foreign(&onto)? => {
                    for name in used {
                        if counted.attributes.insert((class.as_ptr() as usize, name.clone())) {
                            self.planted_attribute(class, &name, module, plant)?;
                        }
                    }
                }
                _ if plant.is_registered && is_plain_callable(&onto) && is_foreign(&onto)? => {
                    if module.is_cell && !counted.registered.insert((plant.onto.clone(), plant.name.clone()))
                    {
                        continue;
                    }
                    let is_new =
                        counted.statements.insert((Arc::as_ptr(&module.source) as usize, plant.statement));
                    if is_new {
                        let label = format!("{} with {}", used[0], plant.onto.join("."));
                        self.planting_statement(&label, module, plant)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The names of a plant that the code reached so far may use. Special methods are used without their
    /// names, and code that computes names may use any.
    fn used_names(&self, plant: &Plant) -> Vec<String> {
        let uses = |name: &String| {
            is_special(name)
                || self.uses_any_attribute
                || self.attributes.iter().any(|names| names.binary_search(name).is_ok())
        };
        match &plant.name {
            Some(name) => Some(name.clone()).filter(uses).into_iter().collect(),
            None => {
                let used: BTreeSet<&String> = self.attributes.iter().flat_map(|names| names.iter()).collect();
                used.into_iter().cloned().collect()
            }
        }
    }

    /// What a path of a module leads to, through modules and classes only: nothing that runs code is asked.
    fn planted_onto(
        &mut self,
        namespace: &Bound<'py, PyDict>,
        path: &[String],
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let mut object = namespace.get_item(&path[0])?;
        self.reached.guards.push(Guard::slot(namespace, &path[0], object.as_ref()));
        for name in &path[1..] {
            let Some(holder) = object else { return Ok(None) };
            object = match (holder.cast::<PyModule>(), holder.cast::<PyType>()) {
                (Ok(module), _) => {
                    let namespace = module.dict();
                    let found = namespace.get_item(name)?;
                    self.reached.guards.push(Guard::slot(&namespace, name, found.as_ref()));
                    found
                }
                (_, Ok(class)) => guards::own_attribute(class, name)?,
                _ => return Ok(None),
            };
        }
        Ok(object)
    }

    /// What stands in a library's class by a name that local code gives a value there.
    fn planted_attribute(
        &mut self,
        class: &Bound<'py, PyType>,
        name: &str,
        module: &Planting,
        plant: &Plant,
    ) -> Walked<()> {
        let found = guards::own_attribute(class, name)?;
        self.reached.guards.push(Guard::attribute(class, name, found.as_ref()));
        self.note_planting(module);
        let label = format!("{}.{name}, set by local code", names::qualified_name(class));
        let mut edges = Vec::new();
        match found {
            None => edges.push(named(label, "no such attribute")),
            Some(value) => self.planted_value(class, &value, label, module, plant, &mut edges)?,
        }
        self.reached.definitions[0].edges.extend(edges);
        Ok(())
    }

    fn planted_value(
        &mut self,
        class: &Bound<'py, PyType>,
        value: &Bound<'py, PyAny>,
        label: String,
        module: &Planting,
        plant: &Plant,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        if reach_class::is_machinery(value) {
            edges.push(named(label, &foreign_label(value)));
            return Ok(());
        }
        let functions = reach_class::functions_of(value)?;
        let kind = names::type_name(&value.get_type());
        let parts = if functions.is_empty() { vec![value.clone()] } else { functions };
        for (index, part) in parts.iter().enumerate() {
            // A property is another thing than its function.
            let label = format!("{label} ({kind} {index})");
            // Functions that a library makes in one place differ in what they close over alone.
            if part.is_instance_of::<PyFunction>() && is_foreign(part)? {
                self.target_edges(part, &label, &[], edges)?;
                continue;
            }
            match self.slot(class.as_ptr() as usize, &label, part, None) {
                Ok(number) => edges.push(Edge { label, target: Target::Value(number) }),
                Err(Refusal::Undigestible { .. }) => self.planting_statement(&label, module, plant)?,
                Err(raised) => return Err(raised),
            }
        }
        Ok(())
    }

    /// The statement that puts something somewhere: its text, what it reads, and the functions and classes that
    /// it binds.
    fn planting_statement(&mut self, label: &str, module: &Planting, plant: &Plant) -> Walked<()> {
        let namespace = module.namespace.bind(self.py).clone();
        self.note_planting(module);
        if let Some(version) = local_pins::namespace_at_pin(self.walker, &namespace)? {
            self.reached.definitions[0].edges.push(named(label.to_owned(), &version));
            return Ok(());
        }
        let Source { module: text, .. } = &*module.source;
        let Some(statement) = text.statements().get(plant.statement) else { return Ok(()) };
        let number = self.add_definition(NodeKind::Path, label.to_owned());
        let mut hasher = Hasher::in_domain("hozon 2026 recipe 1: a statement that registers a name");
        let own = hasher.update(statement.digest.as_bytes()).finish();
        self.reached.definitions[number].own = module.source.unproved(self.py, own)?;
        self.reached.definitions[number].place = Some(module.source.place(statement.line));
        let mut scope = Scope::of_globals(namespace.clone());
        scope.skipped.clone_from(&statement.binds);
        let mut edges = Vec::new();
        let (reads, imports) = (&statement.reads, &statement.imports);
        self.attributes.push(Arc::clone(&statement.attributes));
        match self.reading_edges(reads, imports, statement.uses_dynamic_names, &scope, &mut edges) {
            // All of its module's text says what has no digest.
            Err(Refusal::Undigestible { .. }) => {
                self.reached.definitions[number].own =
                    module.source.unproved(self.py, text.whole().digest)?;
            }
            done => done?,
        }
        for name in &statement.binds {
            let found = namespace.get_item(name)?;
            self.reached.guards.push(Guard::slot(&namespace, name, found.as_ref()));
            let Some(found) = found else { continue };
            if reach::is_local_definition(&names::unwrapped(&found)?)? {
                self.target_edges(&found, name, &[], &mut edges)?;
            }
        }
        self.reached.definitions[number].edges = edges;
        let label = format!("{label}, registered by local code");
        self.reached.definitions[0].edges.push(Edge { label, target: Target::Definition(number) });
        Ok(())
    }

    /// No process can be asked what a library's class holds: all of the module counts for notebooks.
    fn note_planting(&mut self, module: &Planting) {
        if !module.is_cell {
            self.reached.origins.insert(Origin::Module { file: module.source.file.clone() });
        }
    }
}

/// Tells whether Python itself uses a name: operators, protocols.
fn is_special(name: &str) -> bool {
    name.starts_with("__") && name.ends_with("__")
}

/// Functions of C keep nothing on classes, and other objects may run code when they are asked what they are.
fn is_plain_callable(object: &Bound<'_, PyAny>) -> bool {
    object.is_instance_of::<PyFunction>()
        || object.is_instance_of::<PyType>()
        || names::type_name(&object.get_type()) == "method"
}

fn is_foreign(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(reach::foreign_package(object)?.is_some_and(|package| package != places::HOZON))
}
