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

/// Returns the digest of [`node`], which is made once for each set of packages.
pub(crate) fn digest(py: Python<'_>, packages: &BTreeSet<String>, pin: Pin) -> PyResult<Digest> {
    let known = {
        let digests = DIGESTS.lock().unwrap_or_else(PoisonError::into_inner);
        digests.as_ref().and_then(|digests| digests.get(&pin)?.get(packages).copied())
    };
    if let Some(known) = known {
        return Ok(known);
    }
    let digest = node(py, packages, pin)?.digest();
    let mut digests = DIGESTS.lock().unwrap_or_else(PoisonError::into_inner);
    digests.get_or_insert_default().entry(pin).or_default().insert(packages.clone(), digest);
    Ok(digest)
}

/// Returns the names of the distributions that deliver a top-level package.
pub(crate) fn names_of(py: Python<'_>, package: &str) -> PyResult<Vec<String>> {
    if is_of_python(py, package)? {
        return Ok(vec![]);
    }
    let found = distribution(py, package)?;
    Ok(found.map(|(names, _)| names.split(" + ").map(str::to_owned).collect()).unwrap_or_default())
}

type DigestsByPackages = HashMap<Pin, HashMap<BTreeSet<String>, Digest>>;

static DIGESTS: Mutex<Option<DigestsByPackages>> = Mutex::new(None);

fn distribution(py: Python<'_>, package: &str) -> PyResult<Option<(String, String)>> {
    let known = FOUND
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .as_ref()
        .and_then(|found| found.get(package).cloned());
    if let Some(known) = known {
        return Ok(known);
    }
    let found: Option<(String, String)> = if package == places::PYTHON || is_of_python(py, package)? {
        let version = py.version_info();
        Some((places::PYTHON.to_owned(), format!("{}.{}.{}", version.major, version.minor, version.patch)))
    } else {
        py.import("hozon._distributions")?.call_method1("find", (package,))?.extract()?
    };
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
