//! What a page tells: one run of a notebook, cell by cell.

use serde_json::Value;

/// One run of a notebook, or the plan of one.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The name of the notebook, as a person says it.
    pub title: String,
    /// The path of the file, as it was given.
    pub file: String,
    /// When the run was, as a person writes it.
    pub made: String,
    /// How long the run took.
    pub seconds: f64,
    /// How long the restored cells would have taken.
    pub seconds_saved: f64,
    /// Whether a Python process was needed.
    pub kernel_started: bool,
    /// The cells, in the order of the file.
    pub cells: Vec<ReportCell>,
    /// What a reader should know about the run as a whole, one sentence each.
    pub notes: Vec<String>,
}

/// A cell and what became of it.
#[derive(Debug, Clone, Default)]
pub struct ReportCell {
    /// Its place in the notebook, from 1.
    pub number: usize,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What it holds.
    pub kind: ReportKind,
    /// Its source.
    pub code: String,
    /// The notebook says that the code is not to be seen at first.
    pub hide_code: bool,
    /// The text to be shown as Markdown.
    pub markdown: Option<String>,
    /// The files that its Markdown names as `attachment:name`, as nbformat has them: name to kind to data.
    pub attachments: Option<Value>,
    /// What became of it.
    pub status: Status,
    /// Why it ran, or was restored: lines of an explanation.
    pub why: Vec<String>,
    /// Its outputs, as objects of nbformat 4.5: `stream`, `display_data`, `execute_result`, `error`.
    pub outputs: Vec<Value>,
    /// The key of its entry, in hexadecimal digits.
    pub key: Option<String>,
}

/// What a cell holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReportKind {
    /// Python.
    #[default]
    Code,
    /// Markdown.
    Markdown,
    /// Text that is neither.
    Raw,
}

/// What became of a cell.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Status {
    /// Its result was in the store.
    Restored {
        /// How long it took when it was computed.
        saved_seconds: f64,
        /// When it was computed, as a person writes it.
        made: String,
    },
    /// It was computed, and is stored.
    Ran {
        /// How long it took.
        seconds: f64,
    },
    /// It raised.
    Failed {
        /// How long it took until then.
        seconds: f64,
    },
    /// It was computed, and is not stored.
    Live {
        /// How long it took.
        seconds: f64,
        /// Why it is not stored.
        why: String,
    },
    /// It did not run, as something that it needs is not there.
    Skipped {
        /// What is not there.
        why: String,
    },
    /// The notebook switches it off.
    Disabled,
    /// It would have to run, and was only planned.
    Stale {
        /// Why it would have to run.
        why: String,
    },
    /// It is text; nothing runs.
    #[default]
    Text,
}
