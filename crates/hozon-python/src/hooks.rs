//! Finds, for a type, the function that says what its values are made of: a user's hook or a codec.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::names::text_attribute;
use crate::process_state::{self, Aspects};
use crate::reach;

/// What was found for each type that was asked for. The type is held, so its address stays its own.
/// The lock is only held with the interpreter attached and never while Python code runs.
static FOUND: Mutex<Option<Found>> = Mutex::new(None);

type Found = HashMap<usize, (Py<PyType>, Option<(Py<PyAny>, Aspects)>)>;

/// The most types remembered; beyond it all are looked up anew.
const MOST_TYPES: usize = 4096;

/// Returns the function that gives a value's shape, `(kind, part, ...)`, or None where the value is to
/// be read by `__reduce_ex__`; and the state of the process that the type's methods may read.
pub(crate) fn shape_function<'py>(
    class: &Bound<'py, PyType>,
) -> PyResult<Option<(Bound<'py, PyAny>, Aspects)>> {
    let py = class.py();
    let address = class.as_ptr() as usize;
    let known = FOUND
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .as_ref()
        .and_then(|found| found.get(&address))
        .map(|(_, known)| known.as_ref().map(|(function, aspects)| (function.clone_ref(py), *aspects)));
    if let Some(known) = known {
        return Ok(known.map(|(function, aspects)| (function.into_bound(py), aspects)));
    }
    let function = py.import("hozon._digests")?.call_method1("shape_function", (class,))?;
    let found = if function.is_none() { None } else { Some((function, read_by_methods_of(class)?)) };
    let kept = found.as_ref().map(|(function, aspects)| (function.clone().unbind(), *aspects));
    let mut all = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let all = all.get_or_insert_default();
    if all.len() < MOST_TYPES {
        all.insert(address, (class.clone().unbind(), kept));
    }
    Ok(found)
}

/// What the methods of a library's type may read. Those of a local type are reached as code.
fn read_by_methods_of(class: &Bound<'_, PyType>) -> PyResult<Aspects> {
    let name = format!("{}:{}", text_attribute(class, "__module__"), text_attribute(class, "__qualname__"));
    match reach::foreign_package(class)? {
        Some(package) => process_state::read_by(class.py(), &package, &name),
        None => Ok(Aspects::NONE),
    }
}

/// Forgets what was found: a hook has been registered.
#[pyfunction]
pub(crate) fn forget_shape_functions() {
    let forgotten = FOUND.lock().unwrap_or_else(PoisonError::into_inner).take();
    // Dropping references may run Python code, which may ask for a shape again.
    drop(forgotten);
}
