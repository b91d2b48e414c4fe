//! What imports inside functions reach.

use hozon_syntax::Import;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use crate::guards::{self, Guard};
use crate::reach::{self, Edge};
use crate::reach_build::{Builder, Scope};
use crate::reach_names::named;
use crate::walk::Walked;
use crate::{names, places};

/// Where the code of an imported module comes from.
enum Home {
    Local,
    Foreign(String),
    /// There is no such module.
    Nowhere,
}

/// What an import takes, and the namespace that it is looked up in.
type Taken<'py> = (Option<Bound<'py, PyAny>>, Option<Bound<'py, PyDict>>);

impl<'py> Builder<'_, 'py> {
    /// An import inside a function. A local module is imported now, as the function would, so that the
    /// key is the same before and after; a foreign one is only named. Of either, what the function reads
    /// of it counts, as it does of a module that is imported at the top.
    pub(crate) fn import_edge(
        &mut self,
        scope: &Scope<'py>,
        import: &Import,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        let Some(module_name) = absolute_name(scope, import)? else { return Ok(()) };
        match self.home_of(&module_name)? {
            Home::Local => self.local_import(&module_name, import, edges),
            Home::Foreign(package) => self.foreign_import(package, &module_name, import, edges),
            Home::Nowhere => {
                self.loaded(&module_name)?;
                edges.push(no_such_module(&module_name));
                Ok(())
            }
        }
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

    fn home_of(&self, module_name: &str) -> PyResult<Home> {
        let sources = self.py.import("hozon._sources")?;
        let origin: Option<String> = sources.call_method1("origin_of", (module_name,))?.extract()?;
        let Some(origin) = origin else { return Ok(Home::Nowhere) };
        let is_part_of_python = origin.is_empty() || origin == "built-in";
        let place = if is_part_of_python { None } else { places::of_file(self.py, &origin)? };
        Ok(match place {
            Some(places::Place::Local) => Home::Local,
            Some(places::Place::Foreign(package)) => Home::Foreign(package),
            None => Home::Foreign(places::PYTHON.to_owned()),
        })
    }

    fn local_import(&mut self, module_name: &str, import: &Import, edges: &mut Vec<Edge>) -> Walked<()> {
        let Some(module) = self.imported(module_name)? else {
            edges.push(no_such_module(module_name));
            return Ok(());
        };
        let (wanted, namespace) = match import.name.as_deref() {
            None | Some("*") => (Some(module), None),
            Some(name) => self.taken_from(&module, module_name, name)?,
        };
        let Some(wanted) = wanted else {
            edges.push(no_such_module(module_name));
            return Ok(());
        };
        let Some(uses) = &import.uses else {
            let label = import.name.as_deref().unwrap_or(module_name);
            return self.lenient_edge(&wanted, label, wanted.as_ptr() as usize, edges);
        };
        let start = match import.name {
            None if !import.names_its_module() => {
                self.loaded(names::top_level(module_name))?.unwrap_or(wanted)
            }
            _ => wanted,
        };
        for path in uses {
            let address = namespace.as_ref().map_or(start.as_ptr(), |namespace| namespace.as_ptr());
            self.follow(&start, path, Some((address as usize, namespace.clone())), edges)?;
        }
        Ok(())
    }

    /// What `from module import name` gives, and the namespace that it is looked up in.
    fn taken_from(
        &mut self,
        module: &Bound<'py, PyAny>,
        module_name: &str,
        name: &str,
    ) -> PyResult<Taken<'py>> {
        let found = match module.getattr_opt(name)? {
            Some(found) => Some(found),
            None => self.imported(&format!("{module_name}.{name}"))?,
        };
        if !module.is_instance_of::<PyModule>() {
            return Ok((found, None));
        }
        let namespace = module.getattr(intern!(self.py, "__dict__"))?.cast_into::<PyDict>()?;
        let bound = namespace.get_item(name)?;
        self.reached.guards.push(Guard::slot(&namespace, name, bound.as_ref()));
        if let Some(bound) = &bound {
            self.note_handed_on(&namespace, name, bound)?;
        }
        Ok((found, Some(namespace)))
    }

    /// A foreign module goes by its name. Code of the project's own that stands in it in place of the
    /// module's counts.
    fn foreign_import(
        &mut self,
        package: String,
        module_name: &str,
        import: &Import,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        if package == places::HOZON {
            return Ok(());
        }
        self.note_import(package, module_name, import)?;
        edges.push(named(format!("import {module_name}"), module_name));
        let is_top = import.name.is_none() && !import.names_its_module();
        let start = self.loaded(if is_top { names::top_level(module_name) } else { module_name })?;
        let Some(start) = start else { return Ok(()) };
        for path in import.uses.iter().flatten() {
            let names = import.name.iter().chain(&path[1..]).map(String::as_str).collect::<Vec<_>>();
            self.replaced_edge(&start, &names, path.join("."), edges)?;
        }
        Ok(())
    }

    /// Notes a foreign module that is imported, by what is used of it.
    fn note_import(&mut self, package: String, module_name: &str, import: &Import) -> PyResult<()> {
        let Some(uses) = import.uses.as_ref().filter(|uses| !uses.is_empty() && import.name.is_none()) else {
            let name = import.name.as_deref().filter(|name| *name != "*").unwrap_or_default();
            return self.walker.touch(package, &format!("{module_name}:{name}"));
        };
        for path in uses {
            let used = if import.names_its_module() { path[1..].join(".") } else { String::new() };
            self.walker.touch(package.clone(), &format!("{module_name}:{used}"))?;
        }
        Ok(())
    }

    fn replaced_edge(
        &mut self,
        module: &Bound<'py, PyAny>,
        names: &[&str],
        label: String,
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        let mut object = module.clone();
        for name in names {
            if !object.is_instance_of::<PyModule>() {
                break;
            }
            let namespace = object.getattr(intern!(self.py, "__dict__"))?;
            let namespace = namespace.cast_into::<PyDict>().map_err(PyErr::from)?;
            let found = namespace.get_item(name)?;
            self.reached.guards.push(Guard::slot(&namespace, name, found.as_ref()));
            let Some(found) = found else { return Ok(()) };
            object = found;
        }
        if reach::is_local_definition(&names::unwrapped(&object)?)? {
            return self.target_edges(&object, &label, &[], edges);
        }
        Ok(())
    }

    /// Returns a module, imported now if need be; None where it cannot be.
    pub(crate) fn imported(&mut self, module_name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let was_loaded = guards::loaded_modules(self.py)?.contains(module_name)?;
        let sources = self.py.import("hozon._sources")?;
        let module = sources.call_method1("imported", (module_name,))?;
        if !was_loaded && !module.is_none() {
            self.walker.module_was_loaded();
        }
        self.loaded(module_name)?;
        Ok((!module.is_none()).then_some(module))
    }

    /// Returns a module that is loaded. That it is, or is not, is guarded.
    fn loaded(&mut self, module_name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let modules = guards::loaded_modules(self.py)?;
        let module = modules.get_item(module_name)?;
        self.reached.guards.push(Guard::slot(&modules, module_name, module.as_ref()));
        Ok(module)
    }
}

fn no_such_module(module_name: &str) -> Edge {
    named(format!("import {module_name}"), "no such module")
}

/// The whole name of an imported module, from where the import stands.
pub(crate) fn absolute_name(scope: &Scope<'_>, import: &Import) -> PyResult<Option<String>> {
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
