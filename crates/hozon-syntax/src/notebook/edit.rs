//! Replacing pieces of a text.

use ruff_text_size::TextRange;

/// A piece of a text and what stands there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) range: TextRange,
    pub(super) replacement: String,
}

/// Replaces pieces of `text`. Of pieces that overlap, the first one counts.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.range.start(), edit.range.end()));
    let mut result = String::with_capacity(text.len() + 16 * edits.len());
    let mut done = 0;
    for edit in edits {
        let range = edit.range.to_std_range();
        if let Some(before) = text.get(done..range.start) {
            result.push_str(before);
            result.push_str(&edit.replacement);
            done = range.end;
        }
    }
    result.push_str(text.get(done..).unwrap_or_default());
    result
}
