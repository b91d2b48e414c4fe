//! Notebooks: files of several formats to cells, what each cell takes and gives, and the graph of cells.

mod cell;
mod code;
mod error;
mod graph;

pub use cell::{Cell, CellKind, CellSettings};
pub use code::{CellCode, LastExpression};
pub use error::NotebookError;
pub use graph::{Graph, GraphFault, Use};

/// Which kind of file a notebook is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotebookFormat {
    /// A marimo notebook: Python, each cell a function.
    Marimo,
    /// Python with `# %%` between the cells.
    Percent,
    /// Jupyter's JSON.
    Jupyter,
    /// Plain Python: statements are cells.
    Script,
}

/// A notebook as it stands in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notebook {
    /// Which kind of file it is.
    pub format: NotebookFormat,
    /// Its cells, in the order of the file.
    pub cells: Vec<Cell>,
    /// The TOML text of its inline script metadata (PEP 723), comment marks removed.
    pub header: Option<String>,
    /// The title that the file gives itself.
    pub title: Option<String>,
    /// The keyword arguments of `marimo.App`, each value as source text.
    pub options: Vec<(String, String)>,
    /// The language that a Jupyter notebook names.
    pub kernel_language: Option<String>,
    /// What was noticed and is no error, said for people.
    pub notes: Vec<String>,
}

/// Reads a notebook. `file_name` decides by its ending, `.ipynb` or another; for Python, the text does:
/// marimo's, percent, or else a script.
///
/// # Errors
/// The text is no notebook at all. A cell that is not Python is no error here: its `code` is one.
pub fn read_notebook(text: &str, file_name: &str) -> Result<Notebook, NotebookError> {
    let _ = (text, file_name);
    Ok(Notebook {
        format: NotebookFormat::Script,
        cells: Vec::new(),
        header: None,
        title: None,
        options: Vec::new(),
        kernel_language: None,
        notes: Vec::new(),
    })
}
