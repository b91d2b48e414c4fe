//! Offsets to the lines and columns that CPython reports.

use ruff_source_file::LineIndex;
use ruff_text_size::TextSize;

/// A place in a source text, as CPython's `co_positions` counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in UTF-8 bytes, from 0.
    pub column: u32,
}

/// The start of every line of one text.
pub(crate) struct Lines(LineIndex);

impl Lines {
    pub(crate) fn of(source: &str) -> Self {
        Self(LineIndex::from_source_text(source))
    }

    pub(crate) fn line(&self, offset: TextSize) -> u32 {
        narrow(self.0.line_index(offset).get())
    }

    pub(crate) fn position(&self, offset: TextSize) -> Position {
        let line = self.0.line_index(offset);
        let starts = self.0.line_starts();
        let start = starts.get(line.to_zero_indexed()).copied().unwrap_or_default();
        Position { line: narrow(line.get()), column: offset.to_u32().saturating_sub(start.to_u32()) }
    }
}

/// Lines of a text of bounded length fit in 32 bits.
fn narrow(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}
