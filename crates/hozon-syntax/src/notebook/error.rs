//! Why a text is no notebook.

/// Why a text is no notebook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotebookError {
    /// An `.ipynb` file is not JSON.
    #[error("line {line}, column {column}: this is not JSON: {message}")]
    NotJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// An `.ipynb` file is JSON but no notebook.
    #[error("{place}: {message}")]
    NotNotebook {
        /// The place in the JSON, such as `cells[3].source`.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// An `.ipynb` file is of a format that Jupyter itself converts before it opens it.
    #[error(
        "the notebook is of format {version}, and only format 4 is read: \
         `jupyter nbconvert --to notebook --inplace FILE` converts it"
    )]
    TooOld {
        /// The major version of the format.
        version: u64,
    },
    /// The notebook's language is not Python.
    #[error("the notebook is written in {language}, not in Python")]
    NotPython {
        /// The language, as the notebook names it.
        language: String,
    },
}
