//! What the code of one cell takes and gives.

use std::collections::BTreeSet;

use hozon_format::Digest;

use crate::fragment::{Import, Read};

/// What the code of one cell takes and gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellCode {
    /// The digest of the syntax tree, private names as their author wrote them: where a cell stands does not count.
    pub digest: Digest,
    /// The names that it may read before it gives them a value itself, those that its functions read when
    /// they are called too; sorted. Builtins are among them.
    pub reads: Vec<Read>,
    /// First names of `reads` that are read by code outside of function bodies.
    pub immediate_reads: BTreeSet<String>,
    /// The names that it may give a value, sorted.
    pub binds: Vec<String>,
    /// The names that it may delete, sorted.
    pub deletes: Vec<String>,
    /// The names whose value it may change in place, sorted.
    pub mutates: Vec<String>,
    /// The imports that run in it, in the functions and classes inside it too; sorted.
    pub imports: Vec<Import>,
    /// It imports `*` from somewhere.
    pub star_import: bool,
    /// The names that it binds by `def` and `class` and in no other way, sorted.
    pub definitions: Vec<String>,
    /// It may read names that cannot be seen in its text.
    pub uses_dynamic_names: bool,
    /// What it uses to run code that its text does not show; sorted.
    pub unseen: Vec<String>,
    /// It awaits something itself: `await`, `async for`, `async with` outside of functions.
    pub is_async: bool,
    /// Its last statement, if that is an expression.
    pub last_expression: Option<LastExpression>,
    /// It holds imports and nothing else, and at least one.
    pub only_imports: bool,
    /// It holds definitions of functions and classes and nothing else, and at least one.
    pub only_definitions: bool,
}

/// The expression that a cell ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastExpression {
    /// The line of the cell's text that it starts on, from 1.
    pub line: u32,
    /// It is followed by `;`: its value is not shown.
    pub suppressed: bool,
}
