//! Names that a local module hands on from another: not only what they lead to counts, but the import that
//! says so. A process that runs sees where they lead; what only reads texts has to look at the imports.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hozon_engine::CodeFiles;
use hozon_key::Subject;
use hozon_syntax::Import;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use crate::guards::loaded_modules;
use crate::places::{self, Place};
use crate::planting::namespace_of;
use crate::reach::{self, Origin};
use crate::reach_build::{Builder, Scope};
use crate::reach_import::absolute_name;
use crate::reach_names::is_named;
use crate::trace_build::place_of;
use crate::{code, names};

impl<'py> Builder<'_, 'py> {
    /// Notes that a name of a local module leads to code which that module has not made.
    pub(crate) fn note_handed_on(
        &mut self,
        namespace: &Bound<'py, PyDict>,
        name: &str,
        found: &Bound<'py, PyAny>,
    ) -> PyResult<()> {
        if !self.is_notebook(namespace)
            && let Some(handed) = handed_on(namespace, name, found)?
        {
            self.reached.origins.insert(handed);
        }
        Ok(())
    }
}

/// The place of a name of a local module that leads to code which the module has not made.
fn handed_on<'py>(
    namespace: &Bound<'py, PyDict>,
    name: &str,
    found: &Bound<'py, PyAny>,
) -> PyResult<Option<Origin>> {
    let found = names::unwrapped(found)?;
    let is_module = found.is_instance_of::<PyModule>();
    if !is_module && reach::definition_kind(&found).is_none() && !is_named(&found)? {
        return Ok(None);
    }
    let module = text_in(namespace, "__name__")?;
    let is_its_own = if is_module {
        names::text_attribute(&found, "__name__") == format!("{module}.{name}")
    } else {
        names::text_attribute(&found, "__module__") == module && names::qualified_name(&found) == name
    };
    if is_its_own || places::of_module(namespace.py(), &module)? != Place::Local {
        return Ok(None);
    }
    let file = text_in(namespace, "__file__")?;
    Ok((!file.is_empty()).then(|| Origin::Handed { file, module, name: name.to_owned() }))
}

fn text_in(namespace: &Bound<'_, PyDict>, key: &str) -> PyResult<String> {
    Ok(namespace.get_item(key)?.and_then(|value| value.extract().ok()).unwrap_or_default())
}

/// Adds what tells later where a name leads that a module hands on: the import that binds it, and those in the
/// modules that it comes through.
pub(crate) fn add_subjects_of_handed(
    py: Python<'_>,
    first: (String, String, String),
    project: &Path,
    code: &mut CodeFiles<'_>,
    subjects: &mut BTreeSet<Subject>,
) -> PyResult<()> {
    let modules = loaded_modules(py)?;
    let mut waiting = vec![first];
    while let Some((file, module, name)) = waiting.pop() {
        let path = PathBuf::from(&file);
        let place = place_of(&path, project);
        let plain = code.module(&path).and_then(|source| source.plain_variable(&name));
        let is_plain = plain.is_some();
        let imports = match plain {
            Some(plain) => plain.imports,
            None => imports_of(py, &file, &module)?,
        };
        let subject = if is_plain { Subject::Variable(place, name.clone()) } else { Subject::Source(place) };
        if !subjects.insert(subject) {
            continue;
        }
        let Some(namespace) = namespace_of(&modules, &module)? else { continue };
        let scope = Scope::of_globals(namespace);
        for import in imports.iter().filter(|import| [name.as_str(), "*"].contains(&import.bound_as.as_str()))
        {
            let (Some(from), Some(taken)) = (absolute_name(&scope, import)?, &import.name) else { continue };
            let taken = if taken == "*" { &name } else { taken };
            let Some(there) = namespace_of(&modules, &from)? else { continue };
            let Some(found) = there.get_item(taken)? else { continue };
            if let Some(Origin::Handed { file, module, name }) = handed_on(&there, taken, &found)? {
                waiting.push((file, module, name));
            }
        }
    }
    Ok(())
}

/// All imports of a module, where no plain statement binds the name.
fn imports_of(py: Python<'_>, file: &str, module: &str) -> PyResult<Vec<Import>> {
    let source = code::source_of(py, file, module)?;
    Ok(source.map(|source| source.module.whole().imports.clone()).unwrap_or_default())
}
