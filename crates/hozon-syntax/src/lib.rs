//! Python source to definitions, the names that they read, and code digests; pure.
//!
//! [`analyse`] parses a text once and returns an owned [`Module`]. Digests stand for syntax trees
//! without comments, layout and positions; reads are the names that a piece of code takes from outside.
//! [`read_notebook`] reads files of cells, and [`Notebook::graph`] tells which cell reads what from which.
#![forbid(unsafe_code)]

mod bindings;
mod block;
mod definition;
mod error;
mod flow;
mod fragment;
mod highlight;
mod lines;
mod may_plant;
mod module;
mod mutation;
mod nesting;
mod normal;
mod notebook;
mod parse;
mod plain;
mod plants;
mod scope;
mod statement;
mod walk;
mod walk_expression;
mod walk_statement;

pub use block::{Block, BlockError, Escape, EscapeKind, ScopeKind};
pub use definition::{Definition, DefinitionKind};
pub use error::SourceError;
pub use fragment::{Fragment, Import, Read};
pub use highlight::{TokenKind, highlight};
pub use lines::Position;
pub use may_plant::may_plant;
pub use module::{Module, PlainVariable, analyse};
pub use notebook::{
    Cell, CellCode, CellKind, CellSettings, Graph, GraphFault, LastExpression, Notebook, NotebookError,
    NotebookFormat, Use, read_notebook, shown_values_meant,
};
pub use parse::Dialect;
pub use plants::Plant;
pub use statement::Statement;
pub use walk::is_private;
