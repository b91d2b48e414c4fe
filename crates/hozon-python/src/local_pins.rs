//! Local code that counts by its module's version (`pin_local_libs`) and not by what it says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hozon_engine::CodeFiles;
use hozon_key::Subject;
use hozon_key::pins::{Pin, pinned};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFunction, PyModule, PyString, PyType};

use crate::names;
use crate::process_state::Aspects;
use crate::reach::Origin;
use crate::trace_build::place_of;
use crate::walk::Walker;

/// The name that a module's version stands under.
pub(crate) const VERSION: &str = "__version__";

/// Returns what stands for a local definition in the recipe where its code does not: its module, name,
/// and version at the pin. None where the code itself counts: at the pin "code", and for whatever stands
/// in the module of the computation.
///
/// Raises `ValueError` where the pin needs a version and neither the module nor its package has one.
pub(crate) fn name_at_pin(walker: &mut Walker<'_>, object: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let module_name = module_name_of(object);
    if !is_pinned(walker, &module_name) {
        return Ok(None);
    }
    let version = version_at_pin(walker, &module_name)?;
    // What its code reads is not looked at.
    walker.aspects.add(Aspects::OF_ANY_CODE);
    let name = if object.is_instance_of::<PyModule>() {
        String::new()
    } else {
        names::text_attribute(object, "__qualname__")
    };
    Ok(Some(format!("{module_name} {version}:{name}")))
}

/// The same for the names of a module's namespace: the module and its version at the pin.
pub(crate) fn namespace_at_pin(
    walker: &mut Walker<'_>,
    namespace: &Bound<'_, PyDict>,
) -> PyResult<Option<String>> {
    let module_name: String = match namespace.get_item("__name__")? {
        Some(name) => name.extract().unwrap_or_default(),
        None => return Ok(None),
    };
    if !is_pinned(walker, &module_name) {
        return Ok(None);
    }
    Ok(Some(format!("{module_name} {}", version_at_pin(walker, &module_name)?)))
}

/// Returns the name of the module that a callable's own code stands in: of a partial object or a bound
/// method the function's, of another object its class's.
pub(crate) fn home_of(callable: &Bound<'_, PyAny>) -> PyResult<String> {
    let mut callable = names::unwrapped(callable)?;
    while !callable.is_instance_of::<PyFunction>() && !callable.is_instance_of::<PyType>() {
        let inner = match callable.getattr_opt("__func__")? {
            Some(function) => Some(function),
            None => callable.getattr_opt("func")?,
        };
        callable = inner.unwrap_or_else(|| callable.get_type().into_any());
    }
    Ok(module_name_of(&callable))
}

/// Returns the namespaces that a definition's version may stand in: its module's, and its top-level
/// package's.
pub(crate) fn namespaces_of<'py>(object: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let module_name = module_name_of(object);
    let mut found = Vec::new();
    for name in modules_with_version(&module_name) {
        if let Some(module) = module(object.py(), name)? {
            found.push(module.getattr("__dict__")?.cast_into::<PyDict>()?);
        }
    }
    Ok(found)
}

fn module_name_of(object: &Bound<'_, PyAny>) -> String {
    let attribute = if object.is_instance_of::<PyModule>() { "__name__" } else { "__module__" };
    names::text_attribute(object, attribute)
}

fn is_pinned(walker: &Walker<'_>, module_name: &str) -> bool {
    walker.local_pin != Pin::Code && !module_name.is_empty() && module_name != walker.home
}

fn version_at_pin(walker: &mut Walker<'_>, module_name: &str) -> PyResult<String> {
    if walker.local_pin == Pin::None {
        return Ok(String::new());
    }
    walker.origins.insert(Origin::Version { module: module_name.to_owned() });
    for name in modules_with_version(module_name) {
        let Some(module) = module(walker.python(), name)? else { continue };
        let Some(version) = module.getattr_opt(VERSION)? else { continue };
        if let Ok(version) = version.cast::<PyString>() {
            return Ok(pinned(&version.to_string_lossy(), walker.local_pin));
        }
    }
    Err(PyValueError::new_err(format!(
        "pin_local_libs is {:?}, but the local module `{module_name}` has no version: give it (or its \
         top-level package) a text `__version__`, or use pin_local_libs=\"code\", or None",
        walker.local_pin.word(),
    )))
}

/// Adds what says which version a module has: where the texts do, the file that gives it, with those before
/// that give it none.
pub(crate) fn add_subjects_of_version(
    py: Python<'_>,
    module_name: &str,
    project: &Path,
    code: &mut CodeFiles<'_>,
    subjects: &mut BTreeSet<Subject>,
) -> PyResult<()> {
    for name in modules_with_version(module_name) {
        let Some(module) = module(py, name)? else { continue };
        let version = module.getattr_opt(VERSION)?.and_then(|version| version.extract::<String>().ok());
        let file = PathBuf::from(names::text_attribute(&module, "__file__"));
        let text = code.module(&file);
        let is_told = text.as_ref().is_some_and(|text| text.version() == version.as_deref());
        subjects.insert(if is_told {
            Subject::Version(place_of(&file, project))
        } else {
            Subject::Loaded { module: name.to_owned(), name: VERSION.to_owned() }
        });
        if version.is_some() {
            break;
        }
    }
    Ok(())
}

/// The module itself, then its top-level package.
fn modules_with_version(module_name: &str) -> Vec<&str> {
    let package = names::top_level(module_name);
    if package == module_name { vec![module_name] } else { vec![module_name, package] }
}

fn module<'py>(py: Python<'py>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    let modules = py.import("sys")?.getattr("modules")?.cast_into::<PyDict>()?;
    modules.get_item(name)
}
