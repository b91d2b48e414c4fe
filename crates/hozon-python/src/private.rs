//! Private names of marimo's cells: in the namespace that the cells share, `_x` has a name of its cell's own.

use std::collections::BTreeSet;

use hozon_syntax::is_private;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// What those names begin with; the cell and the name as it is written follow.
const PREFIX: &str = "_cell_";

/// Tells whether `found` is what marimo calls `name` in some cell.
fn is_name_of(found: &str, name: &str) -> bool {
    let cell = found.strip_prefix(PREFIX).and_then(|found| found.strip_suffix(name));
    cell.is_some_and(|cell| !cell.is_empty() && !cell.contains('_'))
}

/// Returns a qualified name as it is written, where it begins with what marimo calls a private name.
pub(crate) fn as_written(name: &str) -> &str {
    let cell_and_name = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_'));
    match cell_and_name {
        Some((cell, written)) if !cell.is_empty() => &name[name.len() - written.len() - 1..],
        _ => name,
    }
}

/// Returns the names that a private name has in the namespace of cells: the one that stands in `code`; all of
/// them, if that does not tell; itself, if there are none.
pub(crate) fn names_of_cells(
    name: &str,
    globals: &Bound<'_, PyDict>,
    code: Option<&Bound<'_, PyAny>>,
) -> PyResult<Vec<String>> {
    let mut found: Vec<String> = Vec::new();
    for key in globals.keys() {
        found.extend(key.extract::<String>().ok().filter(|key| is_name_of(key, name)));
    }
    if let Some(code) = code.filter(|_| found.len() > 1) {
        let own = names_in(code)?;
        let of_code: Vec<String> = found.iter().filter(|name| own.contains(*name)).cloned().collect();
        found = if of_code.is_empty() { found } else { of_code };
    }
    found.sort();
    Ok(if found.is_empty() { vec![name.to_owned()] } else { found })
}

/// Returns private names as they are written, each with what it is called in `code`, a cell's.
pub(crate) fn renamed_in<'n>(
    code: &Bound<'_, PyAny>,
    names: impl Iterator<Item = &'n String>,
) -> PyResult<Vec<(String, String)>> {
    let private: BTreeSet<&String> = names.filter(|name| is_private(name)).collect();
    if private.is_empty() {
        return Ok(Vec::new());
    }
    let own = names_in(code)?;
    let renamed = private.into_iter().filter(|name| !own.contains(*name)).filter_map(|name| {
        let called = own.iter().find(|own| is_name_of(own, name))?;
        Some((name.clone(), called.clone()))
    });
    Ok(renamed.collect())
}

/// Returns the names in a code object, and in those of the functions in it.
fn names_in(code: &Bound<'_, PyAny>) -> PyResult<BTreeSet<String>> {
    let py = code.py();
    let mut found = BTreeSet::new();
    let mut waiting = vec![code.clone()];
    while let Some(code) = waiting.pop() {
        for names in [intern!(py, "co_names"), intern!(py, "co_varnames"), intern!(py, "co_cellvars")] {
            found.extend(code.getattr(names)?.extract::<Vec<String>>()?);
        }
        let constants = code.getattr(intern!(py, "co_consts"))?.cast_into::<PyTuple>()?;
        for constant in constants {
            if constant.hasattr(intern!(py, "co_names"))? {
                waiting.push(constant);
            }
        }
    }
    Ok(found)
}
