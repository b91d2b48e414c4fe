//! The hozon command: words, tables, exit codes.
//!
//! [`run`] is the whole command. It reads no environment and prints only through the writers of its
//! [`Context`]; `docs/command.md` is what it promises.
#![forbid(unsafe_code)]

mod arguments;
mod context;
mod failure;
mod notebooks;
mod page;
mod reaching;
mod report;
mod run;
mod select;
mod serving;
mod sources;
mod table;
mod verbs;
mod words;

pub use context::{BoundOf, Context, HostSettings, NotebookHost, TiersOf};
pub use notebooks::{CalledRun, FailedCell, call_notebook};
pub use page::{Report, ReportCell, ReportKind, Status, html, ipynb};
pub use run::{EXIT_DONE, EXIT_INTERRUPTED, EXIT_MISSING, EXIT_STALE, EXIT_UNUSABLE, EXIT_USAGE, run};
