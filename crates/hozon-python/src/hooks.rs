//! Finds, for a type, the function that says what its values are made of: a user's hook or a codec.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyType;

/// What was found for each type that was asked for. The type is held, so its address stays its own.
/// The lock is only held with the interpreter attached and never while Python code runs.
static FOUND: Mutex<Option<Found>> = Mutex::new(None);

type Found = HashMap<usize, (Py<PyType>, Option<Py<PyAny>>)>;

/// The most types remembered; beyond it all are looked up anew.
const MOST_TYPES: usize = 4096;

/// Returns the function that gives a value's shape, `(kind, part, ...)`, or None where the value is to
/// be read by `__reduce_ex__`.
pub(crate) fn shape_function<'py>(class: &Bound<'py, PyType>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = class.py();
    let address = class.as_ptr() as usize;
    let known = FOUND
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .as_ref()
        .and_then(|found| found.get(&address))
        .map(|(_, function)| function.as_ref().map(|function| function.clone_ref(py)));
    if let Some(known) = known {
        return Ok(known.map(|function| function.into_bound(py)));
    }
    let function = py.import("hozon._digests")?.call_method1("shape_function", (class,))?;
    let function = (!function.is_none()).then_some(function);
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let found = found.get_or_insert_default();
    if found.len() < MOST_TYPES {
        found.insert(address, (class.clone().unbind(), function.clone().map(Bound::unbind)));
    }
    Ok(function)
}

/// Forgets what was found: a hook has been registered.
#[pyfunction]
pub(crate) fn forget_shape_functions() {
    let forgotten = FOUND.lock().unwrap_or_else(PoisonError::into_inner).take();
    // Dropping references may run Python code, which may ask for a shape again.
    drop(forgotten);
}
