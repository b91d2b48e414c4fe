//! The one place where what went wrong becomes a Python exception.

use hozon_key::pins::Pin;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::walk::Refusal;

/// What could not be digested.
#[derive(Clone, Copy)]
pub(crate) enum Input {
    Argument,
    Variable,
}

/// Makes an `UndigestibleError` of a refusal. The last step of a refusal is the name of the input.
pub(crate) fn undigestible(py: Python<'_>, refusal: Refusal, input: Input, computation: &str) -> PyErr {
    let (type_name, why, mut steps) = match refusal {
        Refusal::Raised(error) => return error,
        Refusal::Undigestible { type_name, why, steps } => (type_name, why, steps),
    };
    let name = steps.pop().unwrap_or_default();
    let inside: String = steps.iter().rev().map(String::as_str).collect();
    let kind = match input {
        Input::Argument => "argument",
        Input::Variable => "variable",
    };
    raise(py, "UndigestibleError", (kind, name, inside, type_name, why, computation))
}

/// Makes a `NotebookError`.
pub(crate) fn notebook(py: Python<'_>, why: &str) -> PyErr {
    raise(py, "NotebookError", (why,))
}

/// Makes an exception of a class of `hozon._errors`.
pub(crate) fn raise<'py, A>(py: Python<'py>, class: &str, arguments: A) -> PyErr
where
    A: pyo3::call::PyCallArgs<'py>,
{
    let error = py
        .import("hozon._errors")
        .and_then(|errors| errors.getattr(class))
        .and_then(|class| class.call1(arguments));
    match error {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// Reads a pin parameter.
pub(crate) fn pin(parameter: &str, text: Option<&str>) -> PyResult<Pin> {
    let Some(text) = text else { return Ok(Pin::None) };
    let expected = if parameter == "pin_local_libs" {
        "\"code\", \"patch\", \"minor\", \"major\" or None"
    } else {
        "\"patch\", \"minor\", \"major\" or None"
    };
    text.parse()
        .ok()
        .filter(|pin| *pin != Pin::Code || parameter == "pin_local_libs")
        .ok_or_else(|| PyValueError::new_err(format!("{parameter} is {text:?}; it must be {expected}")))
}
