//! The page of a notebook run, and the executed notebook.
//!
//! [`html`] is total: whatever a notebook and its outputs hold, the page shows it and obeys none of it.

mod document;
mod notebook;
mod report;

pub use document::html;
pub use notebook::ipynb;
pub use report::{Report, ReportCell, ReportKind, Status};
