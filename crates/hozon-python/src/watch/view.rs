//! Observations as plain dicts and lists.

use hozon_format::FileStamp;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySet};

use super::log::{NamedPath, Observations};

/// Shows all observations.
pub(super) fn of_observations<'py>(py: Python<'py>, all: &Observations) -> PyResult<Bound<'py, PyDict>> {
    let view = PyDict::new(py);
    let read = all.read.iter().map(|file| {
        let item = of_path(py, &file.path)?;
        item.set_item("stamp", file.stamp.map(of_stamp))?;
        item.set_item("digest", file.digest.map(|digest| digest.to_string()))?;
        Ok(item)
    });
    view.set_item("read", list(py, read)?)?;
    view.set_item("absent", list(py, all.absent.iter().map(|path| of_path(py, path)))?)?;
    let listed = all.listed.iter().map(|folder| {
        let item = of_path(py, &folder.path)?;
        item.set_item("stamp", folder.stamp.map(of_stamp))?;
        Ok(item)
    });
    view.set_item("listed", list(py, listed)?)?;
    let statuses = all.statuses.iter().map(|(path, part)| {
        let item = of_path(py, path)?;
        item.set_item("part", part.name())?;
        Ok(item)
    });
    view.set_item("statuses", list(py, statuses)?)?;
    let written = all.written.iter().map(|file| {
        let item = of_path(py, &file.path)?;
        item.set_item("appended", file.appended)?;
        item.set_item("read_before", file.read_before)?;
        item.set_item("existed_before", file.existed_before)?;
        item.set_item("gone", file.gone)?;
        Ok(item)
    });
    view.set_item("written", list(py, written)?)?;
    view.set_item("environment", PySet::new(py, &all.environment)?)?;
    view.set_item("whole_environment", all.whole_environment)?;
    view.set_item("environment_written", PySet::new(py, &all.environment_written)?)?;
    view.set_item("working_directory", all.working_directory)?;
    view.set_item("states", PySet::new(py, &all.states)?)?;
    let unverifiable = PyDict::new(py);
    for (kind, details) in &all.unverifiable {
        unverifiable.set_item(kind, PySet::new(py, details)?)?;
    }
    view.set_item("unverifiable", unverifiable)?;
    Ok(view)
}

fn list<'py>(
    py: Python<'py>,
    items: impl Iterator<Item = PyResult<Bound<'py, PyDict>>>,
) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, items.collect::<PyResult<Vec<_>>>()?)
}

fn of_path<'py>(py: Python<'py>, path: &NamedPath) -> PyResult<Bound<'py, PyDict>> {
    let item = PyDict::new(py);
    item.set_item("named", path.named.as_os_str())?;
    item.set_item("path", path.absolute.as_os_str())?;
    item.set_item("moved", path.moved)?;
    Ok(item)
}

fn of_stamp(stamp: FileStamp) -> (u64, u64, i64, i64) {
    (stamp.inode, stamp.size, stamp.modified_ns, stamp.changed_ns)
}
