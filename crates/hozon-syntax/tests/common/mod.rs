//! What the specifications share.
#![allow(dead_code, reason = "not every test file uses every helper")]

use hozon_syntax::{Definition, Dialect, Module, Read, analyse};

/// Analyses a text that is Python.
#[track_caller]
pub(crate) fn module(source: &str) -> Module {
    analyse(source, Dialect::Python).unwrap_or_else(|error| panic!("{error}\n{source}"))
}

/// Returns the first definition with this name.
#[track_caller]
pub(crate) fn named<'m>(module: &'m Module, name: &str) -> &'m Definition {
    module.definitions().iter().find(|it| it.name == name).unwrap_or_else(|| panic!("no {name}"))
}

/// Reads as text: `np.sum()` is only called, `np.sum` is used as a value.
pub(crate) fn shown(reads: &[Read]) -> String {
    let show = |read: &Read| format!("{}{}", read.path.join("."), if read.bare { "" } else { "()" });
    reads.iter().map(show).collect::<Vec<_>>().join(" ")
}
