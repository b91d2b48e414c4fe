//! What classes and modules reach.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::code::{self, CodeFacts};
use crate::guards::{self, Guard};
use crate::names;
use crate::reach::{self, Edge, Origin};
use crate::reach_build::{Builder, Scope};
use crate::reach_class;
use crate::reach_names::named_digest;
use crate::walk::Walked;

impl<'py> Builder<'_, 'py> {
    pub(crate) fn expand_class(&mut self, number: usize, class: &Bound<'py, PyType>) -> Walked<Vec<Edge>> {
        self.reached.guards.push(Guard::class(class, class.is(&self.root))?);
        let facts = code::of_class(class)?;
        let items = guards::class_items(class)?;
        let scope = class_scope(class, &items)?;
        self.note_origin(number, class.as_any(), facts.as_ref());
        let mut edges = Vec::new();
        match &facts {
            Some(facts) => {
                let own = self.decorated_digest(facts, &scope, &mut edges)?;
                self.describe(number, own, facts);
                self.code_edges(facts, &scope, &mut edges)?;
            }
            None => self.reached.definitions[number].own = named_digest(&names::qualified_name(class)),
        }
        self.compiled_edge(&names::text_attribute(class, "__module__"), &mut edges)?;
        for base in class.getattr("__bases__")?.try_iter()? {
            self.target_edges(&base?, "base", &[], &mut edges)?;
        }
        self.target_edges(class.get_type().as_any(), "metaclass", &[], &mut edges)?;
        if reach_class::is_abstract(class)? {
            self.reached.guards.push(Guard::registered(class.py())?);
            for registered in reach_class::registered_with(class)? {
                self.target_edges(&registered, "registered class", &[], &mut edges)?;
            }
        }
        let mut items = items;
        items.sort_by_cached_key(|(name, _)| name.to_string_lossy().into_owned());
        for (name, value) in &items {
            let name = name.to_string_lossy();
            self.attribute_edges(class, &name, value, facts.as_ref(), &mut edges)?;
        }
        Ok(edges)
    }

    fn attribute_edges(
        &mut self,
        class: &Bound<'py, PyType>,
        name: &str,
        value: &Bound<'py, PyAny>,
        facts: Option<&CodeFacts>,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        // An enum's members and tables follow from its source and the names that it reads.
        let of_enum =
            value.get_type().is(class) || (name.starts_with('_') && class.hasattr("_member_map_")?);
        if !reach_class::is_input(name) || reach_class::is_machinery(value) || of_enum {
            return Ok(());
        }
        let label = format!("{}.{name}", names::qualified_name(class));
        let functions = reach_class::functions_of(value)?;
        for function in &functions {
            if reach_class::is_covered(function, facts)? {
                self.guard_function(function)?;
                if let Some(facts) = facts {
                    self.default_edges(function, facts, edges)?;
                }
            } else if !reach_class::is_generated(class, function)? {
                self.target_edges(function, &label, &[], edges)?;
            }
        }
        if !functions.is_empty() {
            return Ok(());
        }
        self.lenient_edge(value, &label, class.as_ptr() as usize, edges)
    }

    /// A module that is used as a whole: its text, and everything that its names lead to.
    pub(crate) fn expand_module(&mut self, number: usize, module: &Bound<'py, PyAny>) -> Walked<Vec<Edge>> {
        let name = names::text_attribute(module, "__name__");
        let file = names::text_attribute(module, "__file__");
        self.reached.definitions[number].label = names::text_attribute(module, "__name__");
        self.reached.origins.insert(Origin::Module { file: file.clone() });
        if let Some(source) = code::source_of(self.py, &file, &name)? {
            self.reached.definitions[number].own = source.unproved(self.py, source.module.whole().digest)?;
            self.reached.definitions[number].place = Some(source.place(1));
        }
        let namespace =
            module.getattr(intern!(self.py, "__dict__"))?.cast_into::<PyDict>().map_err(PyErr::from)?;
        let mut items: Vec<(String, Bound<'py, PyAny>)> = namespace
            .iter()
            .filter_map(|(name, value)| Some((name.extract::<String>().ok()?, value)))
            .filter(|(name, _)| !name.starts_with("__") || name == "__getattr__")
            .collect();
        items.sort_by(|left, right| left.0.cmp(&right.0));
        let mut edges = Vec::new();
        self.compiled_edge(&name, &mut edges)?;
        for (name, value) in items {
            if reach::definition_kind(&value).is_none() {
                let (file, module) = (file.clone(), names::text_attribute(module, "__name__"));
                self.reached.origins.insert(Origin::Variable { file, module, name: name.clone() });
            }
            self.reached.guards.push(Guard::slot(&namespace, &name, Some(&value)));
            self.lenient_edge(&value, &name, namespace.as_ptr() as usize, &mut edges)?;
        }
        Ok(edges)
    }
}

fn class_scope<'py>(
    class: &Bound<'py, PyType>,
    items: &[(Bound<'py, pyo3::types::PyString>, Bound<'py, PyAny>)],
) -> PyResult<Scope<'py>> {
    let py = class.py();
    let mut scope = Scope::of_globals(module_globals(class)?);
    let module_name = names::text_attribute(class, "__module__");
    for (_, value) in items {
        for function in reach_class::functions_of(value)? {
            // A class that came to a worker by value has its namespace with its methods.
            if names::text_attribute(&function, "__module__") == module_name {
                scope.globals = function.getattr(intern!(py, "__globals__"))?.cast_into()?;
            }
            scope.add_cells(&function)?;
        }
    }
    // The cell of `super()` and `__class__` holds the class itself.
    scope.cells.remove("__class__");
    Ok(scope)
}

fn module_globals<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyDict>> {
    let py = class.py();
    let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
    match modules.get_item(names::text_attribute(class, "__module__"))? {
        Some(module) => Ok(module.getattr("__dict__")?.cast_into()?),
        None => Ok(PyDict::new(py)),
    }
}
