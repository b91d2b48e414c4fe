//! The page of a notebook run, and the executed notebook.
//!
//! [`html`] is total: whatever a notebook and its outputs hold, the page shows it and obeys none of it.
//! Text is escaped (`text`), simple HTML sanitized (`plain_html`), everything else put into frames in which
//! nothing runs unless its reader asks for it (`frame`), and the page's own policy forbids what could be left.

mod ansi;
mod badge;
mod bundle;
mod cell;
mod code;
mod document;
mod frame;
mod image;
mod json;
mod long;
mod markdown;
mod math;
mod notebook;
mod output;
mod plain_html;
mod report;
mod scripts;
mod summary;
mod text;
mod writer;

pub use document::html;
pub use notebook::ipynb;
pub use report::{Report, ReportCell, ReportKind, Status};
