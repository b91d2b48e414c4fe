//! Execution-path inputs: a global whose value has no digest goes by the statements that made it.

use hozon_format::Hasher;
use hozon_key::NodeKind;
use hozon_syntax::Import;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::code;
use crate::reach::Origin;
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
    let Some(source) = code::source_of(py, &file, &module_name)? else { return Ok(None) };
    let indices = source.module.slice(&[name]);
    let statements: Vec<_> = indices.iter().map(|index| &source.module.statements()[*index]).collect();
    let binds =
        |name: &str| statements.iter().any(|statement| statement.binds.iter().any(|bound| bound == name));
    if !binds(name) {
        return Ok(None);
    }
    let mut hasher = Hasher::in_domain("hozon 2026 recipe 1: the statements that made a value");
    statements.iter().for_each(|statement| {
        hasher.update(statement.digest.as_bytes());
    });
    let mut scope = Scope::of_globals(namespace.clone());
    scope.skipped = statements.iter().flat_map(|statement| statement.binds.iter().cloned()).collect();
    let number = builder.add_definition(NodeKind::Path, label.to_owned());
    builder.reached.definitions[number].own = source.unproved(py, hasher.finish())?;
    // No process can be asked what a value without a digest is: all of its module counts.
    builder.reached.origins.insert(Origin::Module { file });
    builder.reached.definitions[number].place = statements.first().map(|first| source.place(first.line));
    let mut edges = Vec::new();
    for statement in &statements {
        builder.attributes.push(statement.attributes.clone());
        builder.reading_edges(
            &statement.reads,
            &whole_modules(&statement.imports),
            statement.uses_dynamic_names,
            &scope,
            &mut edges,
        )?;
    }
    builder.reached.definitions[number].edges = edges;
    Ok(Some(number))
}

/// A value without a digest that is imported was made by the module that it comes from: all of it counts.
fn whole_modules(imports: &[Import]) -> Vec<Import> {
    imports.iter().map(|import| Import { name: None, uses: None, ..import.clone() }).collect()
}
