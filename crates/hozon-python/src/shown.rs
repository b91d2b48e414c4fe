//! What recipes and messages may tell of a value.
//!
//! A value may be a secret. Numbers, booleans and None are told; of anything else only its type and its
//! size, unless the person asked for more with `explain_values=True`. Two values that look alike here are
//! told apart by a keyed digest, which is made where an explanation is shown and is kept nowhere.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple, PyType,
};

use crate::names::{text_attribute, type_name};

/// The most characters of a value that are told.
const MOST_CHARACTERS: usize = 40;

/// Returns what an explanation tells of a value; `in_clear` is the person's `explain_values=True`.
pub(crate) fn shown(value: &Bound<'_, PyAny>, in_clear: bool) -> String {
    if is_plain(value) {
        return plain_text(value);
    }
    if in_clear && let Some(text) = content(value) {
        return text;
    }
    let name = type_name(&value.get_type());
    match (shape(value), dtype(value)) {
        (Some(shape), Some(dtype)) => shortened(&format!("{name} {dtype} {shape}")),
        (Some(shape), None) => shortened(&format!("{name} {shape}")),
        (None, _) => match value.len() {
            Ok(length) => format!("{name} of {length}"),
            Err(_) => name,
        },
    }
}

/// Returns what may be told of a key or an item in the way to a value: `[3]`, `[str of 6]`.
pub(crate) fn step(key: &Bound<'_, PyAny>) -> String {
    format!("[{}]", shown(key, false))
}

/// Returns what may be told of an exception that other code raised: its type, and its text where Python
/// itself wrote it about a type.
pub(crate) fn said(error: &PyErr, py: Python<'_>) -> String {
    let class = type_name(&error.get_type(py));
    let text = error.value(py).str().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    let in_our_words = class.starts_with("hozon.");
    if in_our_words || is_about_a_type(&text) { text } else { class }
}

/// `cannot pickle 'sqlite3.Connection' object`, and nothing behind it.
fn is_about_a_type(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("cannot pickle '") else { return false };
    let Some((name, rest)) = rest.split_once('\'') else { return false };
    rest.starts_with(" object")
        && rest.len() <= " object (use protocol >= 2)".len()
        && name.chars().all(|letter| letter.is_alphanumeric() || "._".contains(letter))
}

fn is_plain(value: &Bound<'_, PyAny>) -> bool {
    value.is_none()
        || value.is_exact_instance_of::<PyBool>()
        || value.is_exact_instance_of::<PyInt>()
        || value.is_exact_instance_of::<PyFloat>()
}

/// A number of thousands of digits has no text at all in Python: then its size is told.
fn plain_text(value: &Bound<'_, PyAny>) -> String {
    match value.repr() {
        Ok(text) => shortened(&text.to_string_lossy()),
        Err(_) => {
            let bits = value.call_method0("bit_length").and_then(|bits| bits.extract::<u64>());
            bits.map_or_else(|_| "int".to_owned(), |bits| format!("int of {bits} bits"))
        }
    }
}

/// The beginning of a built-in value's own text. Nobody else's `__repr__` is run for it.
fn content(value: &Bound<'_, PyAny>) -> Option<String> {
    let known = value.is_exact_instance_of::<PyString>()
        || value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyTuple>()
        || value.is_exact_instance_of::<PyList>()
        || value.is_exact_instance_of::<PyDict>()
        || value.is_exact_instance_of::<PySet>()
        || value.is_exact_instance_of::<PyFrozenSet>();
    if !known {
        return None;
    }
    let text = value.py().import("reprlib").ok()?.getattr("repr").ok()?.call1((value,)).ok()?;
    Some(shortened(&text.cast::<PyString>().ok()?.to_string_lossy()))
}

/// `(1000, 3)`, where the type gives its shape in numbers.
fn shape(value: &Bound<'_, PyAny>) -> Option<String> {
    let shape = value.getattr(intern!(value.py(), "shape")).ok()?;
    let lengths: Vec<u64> = shape.cast::<PyTuple>().ok()?.extract().ok()?;
    match lengths[..] {
        [only] => Some(format!("({only},)")),
        _ => Some(format!("({})", lengths.iter().map(u64::to_string).collect::<Vec<_>>().join(", "))),
    }
}

/// `float64`. Types that list their values (categories) are told by their own name alone.
fn dtype(value: &Bound<'_, PyAny>) -> Option<String> {
    let dtype = value.getattr(intern!(value.py(), "dtype")).ok()?;
    if dtype.is_instance_of::<PyString>() {
        return None;
    }
    let class = dtype.cast::<PyType>().map_or_else(|_| type_name(&dtype.get_type()), type_name);
    let is_of_a_library = text_attribute(dtype.get_type().as_any(), "__module__") != "builtins";
    let text = dtype.str().ok()?.to_string_lossy().into_owned();
    let says_a_type = text.chars().all(|letter| letter.is_alphanumeric() || "[]<>|_., ".contains(letter));
    Some(if is_of_a_library && says_a_type { text } else { class })
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= MOST_CHARACTERS {
        return text.to_owned();
    }
    text.chars().take(MOST_CHARACTERS - 1).chain(['…']).collect()
}
