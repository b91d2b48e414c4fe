//! What classes and modules reach, and what imports inside functions do.

use hozon_syntax::Import;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::code::{self, CodeFacts};
use crate::guards::{self, Guard};
use crate::reach::{self, Edge, Origin};
use crate::reach_build::{Builder, Scope, named, named_digest};
use crate::reach_class;
use crate::walk::Walked;
use crate::{names, places};

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
            None => {
                self.reached.definitions[number].own =
                    named_digest(&names::text_attribute(class, "__qualname__"))
            }
        }
        self.compiled_edge(&names::text_attribute(class, "__module__"), &mut edges)?;
        for base in class.getattr("__bases__")?.try_iter()? {
            self.target_edges(&base?, "base", &[], &mut edges)?;
        }
        self.target_edges(class.get_type().as_any(), "metaclass", &[], &mut edges)?;
        for registered in reach_class::registered_with(class)? {
            self.target_edges(&registered, "registered class", &[], &mut edges)?;
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
        let label = format!("{}.{name}", names::text_attribute(class, "__qualname__"));
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

    /// An import inside a function. A local module is imported now, as the function would, so that the
    /// key is the same before and after; a foreign one is only named.
    pub(crate) fn import_edge(
        &mut self,
        scope: &Scope<'py>,
        import: &Import,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        let Some(module_name) = absolute_name(scope, import)? else { return Ok(()) };
        let label = format!("import {module_name}");
        let sources = self.py.import("hozon._sources")?;
        let origin: Option<String> = sources.call_method1("origin_of", (module_name.as_str(),))?.extract()?;
        let Some(origin) = origin else {
            edges.push(named(label, "no such module"));
            return Ok(());
        };
        let place =
            if origin.is_empty() || origin == "built-in" { None } else { places::of_file(self.py, &origin)? };
        match place {
            Some(places::Place::Local) => {}
            Some(places::Place::Foreign(package)) => {
                return self.foreign_import(package, &module_name, label, edges);
            }
            None => return self.foreign_import(places::PYTHON.to_owned(), &module_name, label, edges),
        }
        let module = sources.call_method1("imported", (module_name.as_str(),))?;
        let wanted = match import.name.as_deref() {
            None | Some("*") => module,
            Some(name) => match module.getattr_opt(name)? {
                Some(found) => found,
                None => sources.call_method1("imported", (format!("{module_name}.{name}"),))?,
            },
        };
        if wanted.is_none() {
            edges.push(named(label, "no such module"));
            return Ok(());
        }
        let label = import.name.clone().unwrap_or(module_name);
        self.lenient_edge(&wanted, &label, wanted.as_ptr() as usize, edges)
    }

    /// An import of a cell itself: the name that it binds stands for itself where it is used. In a cell of
    /// nothing but imports, nothing else can be used of a module.
    pub(crate) fn cell_import_edge(
        &mut self,
        scope: &Scope<'py>,
        import: &Import,
        only_imports: bool,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        let Some(name) = import.name.as_deref().filter(|name| *name != "*" && import.level == 0) else {
            return if only_imports && import.name.is_none() {
                Ok(())
            } else {
                self.import_edge(scope, import, edges)
            };
        };
        if places::of_module(self.py, &import.module)? != places::Place::Local {
            return self.import_edge(scope, import, edges);
        }
        let module = self.py.import("hozon._sources")?.call_method1("imported", (&import.module,))?;
        if module.is_none() || module.getattr_opt(name)?.is_none() {
            return self.import_edge(scope, import, edges);
        }
        self.follow(&module, &[import.module.clone(), name.to_owned()], None, edges)
    }

    fn foreign_import(
        &mut self,
        package: String,
        module_name: &str,
        label: String,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        if package != places::HOZON {
            self.walker.touched.insert(package);
            edges.push(named(label, module_name));
        }
        Ok(())
    }
}

/// The whole name of an imported module, from where the import stands.
fn absolute_name(scope: &Scope<'_>, import: &Import) -> PyResult<Option<String>> {
    if import.level == 0 {
        return Ok(Some(import.module.clone()));
    }
    let Some(package) = scope.globals.get_item("__package__")? else { return Ok(None) };
    let Ok(package) = package.extract::<String>() else { return Ok(None) };
    let mut parts: Vec<&str> = package.split('.').collect();
    parts.truncate(parts.len().saturating_sub(import.level as usize - 1));
    if !import.module.is_empty() {
        parts.push(&import.module);
    }
    Ok(Some(parts.join(".")).filter(|name| !name.is_empty()))
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
