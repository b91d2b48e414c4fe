//! Why a text could not be analysed.

/// Why a text could not be analysed. The caller falls back to the compiled code object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The text is not Python.
    #[error("line {line}: {message}")]
    Syntax {
        /// The line, from 1.
        line: u32,
        /// What is wrong, as the parser says it.
        message: String,
    },
    /// Expressions or blocks are nested deeper than any reader of the tree should follow.
    #[error("the code is nested more than {limit} levels deep")]
    TooDeep {
        /// The deepest nesting that is accepted.
        limit: usize,
    },
    /// The text is longer than the limit.
    #[error("the source has {bytes} bytes, more than {limit}")]
    TooLarge {
        /// The length of the text.
        bytes: usize,
        /// The longest text that is accepted, in bytes.
        limit: usize,
    },
}
