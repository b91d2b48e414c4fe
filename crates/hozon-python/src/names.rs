//! Small readings of Python objects: names and kinds.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyFunction, PyModule, PyString, PyType};

use crate::memory;
use crate::private::as_written;
use crate::watch::Observed;

/// Returns a text attribute, or an empty text where there is none.
pub(crate) fn text_attribute(object: &Bound<'_, PyAny>, name: &str) -> String {
    object
        .getattr(name)
        .ok()
        .and_then(|value| value.cast::<PyString>().ok().map(|text| text.to_string_lossy().into_owned()))
        .unwrap_or_default()
}

/// Returns the qualified name of a function or class as it is written.
pub(crate) fn qualified_name(object: &Bound<'_, PyAny>) -> String {
    as_written(&text_attribute(object, "__qualname__")).to_owned()
}

/// Returns a type's name as people write it: `sqlite3.Connection`, `int`.
pub(crate) fn type_name(class: &Bound<'_, PyType>) -> String {
    let module = text_attribute(class, "__module__");
    let name = text_attribute(class, "__qualname__");
    if module == "builtins" || module == "__main__" || module.is_empty() {
        name
    } else {
        format!("{module}.{name}")
    }
}

/// Returns the first part of a dotted name.
pub(crate) fn top_level(dotted: &str) -> &str {
    dotted.split('.').next().unwrap_or(dotted)
}

/// Follows hozon's own wrappers to what they wrap: the cache around a function is no part of its code.
pub(crate) fn unwrapped<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let mut value = value.clone();
    loop {
        if let Ok(observed) = value.cast::<Observed>() {
            value = observed.get().original(value.py());
        } else if is_hozon_wrapper(&value) {
            value = value.getattr(intern!(value.py(), "__wrapped__"))?;
        } else {
            return Ok(value);
        }
    }
}

/// Tells whether this is the process's environment. What is read of it is found out by running: the
/// mapping as a whole is no input.
pub(crate) fn is_environment(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if type_name(&value.get_type()) != "os._Environ" {
        return Ok(false);
    }
    let os = value.py().import(intern!(value.py(), "os"))?;
    let is = |name: &str| Ok::<_, PyErr>(os.getattr_opt(name)?.is_some_and(|own| own.is(value)));
    Ok(is("environ")? || is("environb")?)
}

/// Tells whether this is a function that hozon made around another: by where its own code stands. An
/// attribute would not do, since `functools.wraps` copies attributes to other people's wrappers.
fn is_hozon_wrapper(value: &Bound<'_, PyAny>) -> bool {
    if memory::is_memory(value) {
        return true;
    }
    if !value.is_instance_of::<PyFunction>() {
        return false;
    }
    let Ok(code) = value.getattr(intern!(value.py(), "__code__")) else { return false };
    let file = text_attribute(&code, "co_filename").replace('\\', "/");
    WRAPPERS_FILES.iter().any(|wrappers| file.ends_with(wrappers))
        && text_attribute(&code, "co_name") == "wrapper"
}

/// Where the code of hozon's wrappers stands, on any machine.
const WRAPPERS_FILES: [&str; 5] = [
    "/hozon/_functions.py",
    "/hozon/_housekeeping.py",
    "/hozon/_memory.py",
    "/hozon/_randomness.py",
    "/hozon/_replaying.py",
];

/// Tells whether this is a method of one of the process's global random generators. Their state is an
/// input of what draws from them, found out by running it: no part of the method.
pub(crate) fn is_of_global_generator(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    if !value.is_instance_of::<PyCFunction>() && type_name(&value.get_type()) != "method" {
        return Ok(false);
    }
    let py = value.py();
    let owner = value.getattr(intern!(py, "__self__"))?;
    let modules = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?.cast_into::<PyDict>()?;
    for (module, name) in [("random", "_inst"), ("numpy.random.mtrand", "_rand")] {
        if let Some(module) = modules.get_item(module)?
            && module.getattr_opt(name)?.is_some_and(|generator| generator.is(&owner))
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Tells whether this belongs to hozon itself: its module, functions and classes.
pub(crate) fn is_of_hozon(value: &Bound<'_, PyAny>) -> bool {
    let name = if value.is_instance_of::<PyModule>() { "__name__" } else { "__module__" };
    matches!(top_level(&text_attribute(value, name)), "hozon" | "_hozon") && !is_hozon_wrapper(value)
}

/// Tells whether this is an `object()` with nothing to tell it from others but its identity.
pub(crate) fn is_bare_object(value: &Bound<'_, PyAny>) -> bool {
    value.get_type().is(value.py().get_type::<PyAny>())
}
