//! The installed distributions that reached code comes from, at their pin.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use hozon_format::Digest;
use hozon_key::pins::{Pin, pinned};
use hozon_key::{Node, NodeKind};
use pyo3::prelude::*;

use crate::places;

/// Name and version by top-level package. A distribution does not change under a running process that
/// has imported it.
static FOUND: Mutex<Option<Versions>> = Mutex::new(None);

type Versions = HashMap<String, Option<(String, String)>>;

/// Returns the recipe's group of distributions: those of the packages, and Python itself.
pub(crate) fn node(py: Python<'_>, packages: &BTreeSet<String>, pin: Pin) -> PyResult<Node> {
    let mut versions = BTreeMap::new();
    let python = places::PYTHON.to_owned();
    for package in packages.iter().chain([&python]) {
        if package == places::HOZON || package == "_hozon" {
            continue;
        }
        if let Some((name, version)) = distribution(py, package)? {
            versions.insert(name, version);
        }
    }
    let mut group = Node::new(NodeKind::Group, "distributions");
    for (name, version) in versions {
        if pin == Pin::None {
            continue;
        }
        let pinned = pinned(&version, pin);
        let node = Node::leaf(NodeKind::Distribution, name.as_str(), Digest::of(pinned.as_bytes()));
        group.children.push(node.with_shown(version.as_str()));
    }
    Ok(group)
}

fn distribution(py: Python<'_>, package: &str) -> PyResult<Option<(String, String)>> {
    let known = FOUND
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .as_ref()
        .and_then(|found| found.get(package).cloned());
    if let Some(known) = known {
        return Ok(known);
    }
    let package_of_python = is_of_python(py, package)?;
    let asked = if package_of_python { places::PYTHON } else { package };
    let found: Option<(String, String)> =
        py.import("hozon._distributions")?.call_method1("find", (asked,))?.extract()?;
    FOUND
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .get_or_insert_default()
        .insert(package.to_owned(), found.clone());
    Ok(found)
}

fn is_of_python(py: Python<'_>, package: &str) -> PyResult<bool> {
    py.import("sys")?.getattr("stdlib_module_names")?.contains(package)
}
