//! What a verb hands back: text for standard output, notes for standard error, an exit code.

use serde::Serialize;

use crate::EXIT_DONE;

/// The outcome of a verb.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) out: String,
    pub(crate) notes: Vec<String>,
    pub(crate) code: u8,
}

/// How results are to be shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) json: bool,
    pub(crate) now_ms: u64,
    /// Columns of the terminal; `None`: no terminal, nothing is cut.
    pub(crate) width: Option<usize>,
}

impl Report {
    pub(crate) fn text(out: impl Into<String>) -> Self {
        Self { out: out.into(), notes: vec![], code: EXIT_DONE }
    }

    pub(crate) fn json(value: &impl Serialize) -> Self {
        // Only maps with keys that are not text can fail, and there are none.
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        Self::text(text + "\n")
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(crate) fn code(self, code: u8) -> Self {
        Self { code, ..self }
    }
}
