//! What is known by its name alone: things of libraries and of Python itself.

use hozon_format::{Digest, Hasher};
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyCFunction, PyDict, PyFloat, PyFunction, PyInt, PyList, PyModule, PyString, PyTuple,
    PyType,
};

use crate::reach::{self, Edge, Target};
use crate::{names, places};

/// The package and full name of something that is known by its name alone; None for local things, for
/// values, and for foreign functions that close over something.
pub(crate) fn foreign_name(object: &Bound<'_, PyAny>) -> PyResult<Option<(String, String)>> {
    if object.is_instance_of::<PyModule>() {
        let name = names::text_attribute(object, "__name__");
        return Ok(reach::module_package(object)?.map(|package| (package, name)));
    }
    if is_named(object)? {
        let module = names::text_attribute(object, "__module__");
        let package = match places::of_module(object.py(), &module)? {
            places::Place::Foreign(package) => package,
            places::Place::Local => places::PYTHON.to_owned(),
        };
        return Ok(Some((package, foreign_label(object))));
    }
    if !object.is_instance_of::<PyFunction>() && !object.is_instance_of::<PyType>() {
        return Ok(None);
    }
    let closes_over = object.getattr_opt("__closure__")?.is_some_and(|closure| !closure.is_none());
    if closes_over && !object.is_instance_of::<PyType>() {
        return Ok(None);
    }
    Ok(reach::foreign_package(object)?.map(|package| (package, foreign_label(object))))
}

/// Python has no such values among its built-ins, but `__debug__`, which differs with `-O`.
pub(crate) fn is_plain(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
        || value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyTuple>()
        || value.is_exact_instance_of::<PyDict>()
}

/// The package and full name of a variable of a foreign module (`sys.stderr`): what has no digest there is
/// what that module makes of it, as its functions are.
pub(crate) fn foreign_variable(
    namespace: &Bound<'_, PyDict>,
    name: &str,
) -> PyResult<Option<(String, String)>> {
    let Some(module) = namespace.get_item("__name__")? else { return Ok(None) };
    let Ok(module) = module.extract::<String>() else { return Ok(None) };
    match places::of_module(namespace.py(), &module)? {
        places::Place::Foreign(package) => Ok(Some((package, format!("{module}:{name}")))),
        places::Place::Local => Ok(None),
    }
}

/// Tells whether this is a function written in C that is bound to nothing but its module, a method of a
/// global random generator, or the environment.
pub(crate) fn is_named(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    if names::is_of_global_generator(object)? || names::is_environment(object)? {
        return Ok(true);
    }
    if !object.is_instance_of::<PyCFunction>() {
        return Ok(false);
    }
    let owner = object.getattr("__self__")?;
    Ok(owner.is_none() || owner.is_instance_of::<PyModule>())
}

pub(crate) fn foreign_label(object: &Bound<'_, PyAny>) -> String {
    let module = names::text_attribute(object, "__module__");
    match (module.as_str(), names::text_attribute(object, "__qualname__").as_str()) {
        // `threading.Lock`, until Python 3.12.
        ("_thread", "allocate_lock") => "_thread:lock".to_owned(),
        (_, name) => format!("{module}:{name}"),
    }
}

pub(crate) fn named_digest(name: &str) -> Digest {
    Hasher::in_domain("hozon 2026 recipe 1: known by its name").update(name.as_bytes()).finish()
}

pub(crate) fn named(label: String, name: &str) -> Edge {
    Edge { label, target: Target::Named(named_digest(name)) }
}
