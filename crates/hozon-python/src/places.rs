//! Tells local code from foreign code: what is under site-packages or the standard library is foreign.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hozon_format::Digest;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyDict, PyString};

use crate::{code, names};

/// The package that stands for the interpreter and its standard library.
pub(crate) const PYTHON: &str = "python";

/// hozon's own top-level package: its code has a pin of its own and is no input.
pub(crate) const HOZON: &str = "hozon";

/// Where code is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Source of the person's own.
    Local,
    /// A distribution's, the standard library's or hozon's, by the top-level package.
    Foreign(String),
}

static BY_FILE: Mutex<Option<HashMap<String, Place>>> = Mutex::new(None);

/// Tells where the code of a file is. Names in angle brackets are no files: None.
pub(crate) fn of_file(py: Python<'_>, file: &str) -> PyResult<Option<Place>> {
    if let Some(inner) = file.strip_prefix('<') {
        return Ok(inner.starts_with("frozen ").then(|| Place::Foreign(PYTHON.to_owned())));
    }
    if let Some(known) = lock().get_or_insert_default().get(file) {
        return Ok(Some(known.clone()));
    }
    let place = classify(py, file)?;
    lock().get_or_insert_default().insert(file.to_owned(), place.clone());
    Ok(Some(place))
}

fn lock() -> std::sync::MutexGuard<'static, Option<HashMap<String, Place>>> {
    BY_FILE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn classify(py: Python<'_>, file: &str) -> PyResult<Place> {
    let normal = file.replace('\\', "/");
    if normal.starts_with(&folder_of_hozon(py)?) {
        return Ok(Place::Foreign(HOZON.to_owned()));
    }
    if let Some(inside) = inside_site(&normal) {
        let first = inside.split('/').next().unwrap_or(inside);
        let package = first.split('.').next().unwrap_or(first);
        let folder = normal[..normal.len() - inside.len()].trim_end_matches('/');
        let distributions = py.import("hozon._distributions")?;
        let is_local = distributions.call_method1("counts_as_local", (folder, package))?.extract()?;
        return Ok(if is_local { Place::Local } else { Place::Foreign(package.to_owned()) });
    }
    let standard = standard_folder(py)?;
    Ok(if normal.starts_with(&standard) { Place::Foreign(PYTHON.to_owned()) } else { Place::Local })
}

/// The part of a path behind the last folder of installed packages.
fn inside_site(normal: &str) -> Option<&str> {
    ["/site-packages/", "/dist-packages/"]
        .iter()
        .find_map(|site| normal.rsplit_once(site))
        .map(|(_, inside)| inside)
}

/// The folders, beside those of installed packages, whose files are foreign: for [`is_installed`].
pub(crate) fn foreign_folders(py: Python<'_>) -> PyResult<Vec<String>> {
    Ok(vec![standard_folder(py)?, folder_of_hozon(py)?])
}

/// As [`of_file`] without the interpreter: whether a file is a part of what is installed.
pub(crate) fn is_installed(file: &str, foreign_folders: &[String]) -> bool {
    let windows = cfg!(windows).then(|| file.replace('\\', "/"));
    let normal = windows.as_deref().unwrap_or(file);
    // Most are of the standard library, which is quicker told.
    foreign_folders.iter().any(|folder| normal.starts_with(folder.as_str())) || inside_site(normal).is_some()
}

fn standard_folder(py: Python<'_>) -> PyResult<String> {
    Ok(folder_of(&names::text_attribute(py.import("os")?.as_any(), "__file__")))
}

fn folder_of_hozon(py: Python<'_>) -> PyResult<String> {
    Ok(folder_of(&names::text_attribute(py.import("hozon")?.as_any(), "__file__")))
}

/// The folder of a file, with its last slash.
fn folder_of(file: &str) -> String {
    let normal = file.replace('\\', "/");
    normal.rsplit_once('/').map_or_else(String::new, |(folder, _)| format!("{folder}/"))
}

/// Tells where a module is, by its file. Built-in modules have none; `__main__` without one is local.
pub(crate) fn of_module(py: Python<'_>, name: &str) -> PyResult<Place> {
    let modules = py.import("sys")?.getattr(intern!(py, "modules"))?;
    let modules = modules.cast_into::<PyDict>()?;
    match modules.get_item(name)? {
        Some(module) => of_module_object(&module, name),
        // Made by exec, or its module is gone: as local as what names it.
        None => Ok(Place::Local),
    }
}

/// As [`of_module`], where the module is at hand.
pub(crate) fn of_module_object(module: &Bound<'_, PyAny>, name: &str) -> PyResult<Place> {
    let py = module.py();
    if let Some(file) = file_of(module)?
        && let Some(place) = of_file(py, &file)?
    {
        return Ok(place);
    }
    let is_package_without_file = module.hasattr(intern!(py, "__path__"))?;
    if is_package_without_file {
        let first = module.getattr("__path__")?.try_iter()?.next().transpose()?;
        if let Some(first) = first {
            return Ok(of_file(py, &format!("{first}/__init__.py"))?.unwrap_or(Place::Local));
        }
    }
    let made_by_hand = module.getattr_opt("__spec__")?.is_none_or(|spec| spec.is_none());
    if name == "__main__" || made_by_hand {
        return Ok(Place::Local);
    }
    Ok(Place::Foreign(PYTHON.to_owned()))
}

/// The digest of the file of a local module that is no source but machine code; None for other modules.
///
/// A file that has changed since the process started may not be what was loaded: then the digest holds in
/// this process only.
pub(crate) fn compiled_digest(py: Python<'_>, module_name: &str) -> PyResult<Option<Digest>> {
    let modules = py.import("sys")?.getattr(intern!(py, "modules"))?.cast_into::<PyDict>()?;
    let Some(module) = modules.get_item(module_name)? else { return Ok(None) };
    let Some(file) = file_of(&module)? else { return Ok(None) };
    let is_machine_code = [".so", ".pyd", ".dylib"].iter().any(|ending| file.ends_with(ending));
    if !is_machine_code || of_file(py, &file)? != Some(Place::Local) {
        return Ok(None);
    }
    let sources = py.import("hozon._sources")?;
    let (content, changed): (PyBackedBytes, u64) =
        sources.call_method1("machine_code", (&file,))?.extract()?;
    let digest = py.detach(|| Digest::of_large(&content));
    let settled: bool = sources.call_method1("is_settled", (file, changed))?.extract()?;
    Ok(Some(if settled { digest } else { code::of_this_process(&digest) }))
}

fn file_of(module: &Bound<'_, PyAny>) -> PyResult<Option<String>> {
    let file = module.getattr_opt(intern!(module.py(), "__file__"))?;
    Ok(file.and_then(|file| file.cast::<PyString>().ok().map(|text| text.to_string_lossy().into_owned())))
}

/// Modules of Python whose classes hold what a program puts there.
const HOLDERS: [&str; 5] = ["builtins", "abc", "typing", "types", "collections"];

/// Tells whether a value's class and its bases are the program's own, or Python's containers.
pub(crate) fn is_open(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    for class in value.get_type().mro() {
        let module = names::text_attribute(&class, "__module__");
        if !HOLDERS.contains(&module.as_str()) && of_module(value.py(), &module)? != Place::Local {
            return Ok(false);
        }
    }
    Ok(true)
}
