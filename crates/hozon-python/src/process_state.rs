//! State of the process that code reads without naming it: which of it a computation may read.
//!
//! The options of a library, and the context of decimals, count for whatever reaches that library; of those
//! that are not how the library starts, the recipe has a node each. The time zone and the locale are read by
//! functions of the C library, whose calls are seen: they are in the trace of a run. Where they are not seen,
//! names tell.

use std::ops::BitOr;

use hozon_format::Digest;
use hozon_key::{Node, NodeKind, node_digest};
use pyo3::intern;
use pyo3::prelude::*;

use crate::{names, places};

/// Parts of the state, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Aspects(u16);

impl Aspects {
    pub(crate) const NONE: Self = Self(0);
    const DECIMAL: Self = Self(1);
    const NUMPY: Self = Self(1 << 1);
    const PANDAS: Self = Self(1 << 2);
    const MATPLOTLIB: Self = Self(1 << 3);
    const TORCH: Self = Self(1 << 4);
    const ARGUMENTS: Self = Self(1 << 5);
    const LIMITS: Self = Self(1 << 6);
    const ZONE: Self = Self(1 << 8);
    const LOCALE: Self = Self(1 << 9);
    /// What code may read of which nothing more is known. Styles of plots are not in it: they are changed often,
    /// and what draws nearly always names Matplotlib.
    pub(crate) const OF_ANY_CODE: Self = Self(
        Self::DECIMAL.0 | Self::NUMPY.0 | Self::PANDAS.0 | Self::TORCH.0 | Self::ZONE.0 | Self::LOCALE.0,
    );

    /// Those that enter recipes, as `_unnamed_state.differing` takes them.
    const fn of_recipes(self) -> u16 {
        self.0 & 0xff
    }

    pub(crate) const fn enter_recipes(self) -> bool {
        self.of_recipes() != 0
    }

    pub(crate) fn add(&mut self, others: Self) {
        *self = *self | others;
    }

    /// The names of those that are seen while code runs, where calls of the C library are seen.
    pub(crate) fn of_traces(self) -> Vec<&'static str> {
        let all = [(Self::ZONE, TIME_ZONE), (Self::LOCALE, LOCALE)];
        all.into_iter().filter(|(aspect, _)| self.0 & aspect.0 != 0).map(|(_, name)| name).collect()
    }
}

impl BitOr for Aspects {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The time zone that local times are told in.
pub(crate) const TIME_ZONE: &str = "the time zone";
/// How numbers, dates and the order of texts are told.
pub(crate) const LOCALE: &str = "the locale";

/// What code reads that uses a name of a foreign module: `name` is `datetime:datetime`, or the module's own.
/// `package` is the top-level package that the module is of.
pub(crate) fn read_by(py: Python<'_>, package: &str, name: &str) -> PyResult<Aspects> {
    let (module, name) = name.split_once(':').unwrap_or((name, ""));
    let top = names::top_level(module);
    if package == places::PYTHON || package.is_empty() || is_of_python(py, top)? {
        return Ok(of_python(top.trim_start_matches('_'), name));
    }
    Ok(match package {
        places::HOZON | "_hozon" | "__main__" => Aspects::NONE,
        "numpy" | "scipy" => Aspects::NUMPY,
        "matplotlib" | "mpl_toolkits" => {
            Aspects::MATPLOTLIB | Aspects::NUMPY | Aspects::ZONE | Aspects::LOCALE
        }
        "seaborn" => Aspects::OF_ANY_CODE | Aspects::MATPLOTLIB,
        "absl" | "click" | "docopt" | "fire" | "jsonargparse" | "simple_parsing" | "typer" | "tyro" => {
            Aspects::OF_ANY_CODE | Aspects::ARGUMENTS
        }
        _ => Aspects::OF_ANY_CODE,
    })
}

fn is_of_python(py: Python<'_>, top: &str) -> PyResult<bool> {
    py.import(intern!(py, "sys"))?.getattr(intern!(py, "stdlib_module_names"))?.contains(top)
}

/// What a module of the standard library reads.
fn of_python(module: &str, name: &str) -> Aspects {
    let first = names::top_level(name);
    match (module, first) {
        ("decimal" | "pydecimal" | "statistics", _) => Aspects::DECIMAL,
        // What is in a pickle has no name in the code.
        ("pickle" | "shelve", _) => Aspects::OF_ANY_CODE,
        ("argparse" | "fileinput" | "optparse", _) => Aspects::ARGUMENTS,
        ("sys", "getrecursionlimit" | "get_int_max_str_digits") => Aspects::LIMITS,
        ("locale" | "calendar", _) => Aspects::LOCALE,
        ("time", "" | "strftime" | "strptime") | ("strptime", _) => Aspects::ZONE | Aspects::LOCALE,
        ("time", "localtime" | "mktime" | "ctime" | "asctime" | "tzset" | "tzname") => Aspects::ZONE,
        ("time" | "datetime", "timezone" | "timedelta" | "tzinfo" | "UTC") => Aspects::NONE,
        ("datetime", _) => Aspects::ZONE | Aspects::LOCALE,
        (
            "email" | "http" | "imaplib" | "logging" | "mailbox" | "sqlite3" | "tarfile" | "xmlrpc"
            | "zipfile",
            _,
        ) => Aspects::ZONE,
        _ => Aspects::NONE,
    }
}

/// What is not how Python or a library starts, of what a computation may read.
pub(crate) struct Differing {
    name: String,
    digest: Digest,
    shown: String,
}

/// Looks at what a computation may read.
pub(crate) fn differing(py: Python<'_>, aspects: Aspects) -> PyResult<Vec<Differing>> {
    if aspects.of_recipes() == 0 {
        return Ok(Vec::new());
    }
    let module = py.import(intern!(py, "hozon._unnamed_state"))?;
    let found = module.call_method1(intern!(py, "differing"), (aspects.of_recipes(),))?;
    if !found.is_truthy()? {
        return Ok(Vec::new());
    }
    let found: Vec<(String, [u8; 32], String)> = found.extract()?;
    let differing = |(name, digest, shown)| Differing { name, digest: Digest::from_bytes(digest), shown };
    Ok(found.into_iter().map(differing).collect())
}

impl Differing {
    pub(crate) fn node_digest(&self) -> Digest {
        node_digest(NodeKind::ProcessState, &self.name, Some(&self.digest), &[])
    }

    pub(crate) fn node(&self) -> Node {
        Node::leaf(NodeKind::ProcessState, self.name.as_str(), self.digest).with_shown(self.shown.as_str())
    }
}
