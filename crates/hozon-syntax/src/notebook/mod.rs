//! Notebooks: files of several formats to cells, what each cell takes and gives, and the graph of cells.

mod cell;
mod cell_magics;
mod code;
mod cycles;
mod declaration;
mod dedent;
mod edit;
mod error;
mod graph;
mod header;
mod jupyter;
mod magics;
mod marimo;
mod marimo_lines;
mod markdown;
mod names;
mod percent;
mod prompts;
mod queries;
mod renaming;
mod script;
mod settings;
mod shell_names;
mod sql;
mod sql_tokens;
mod tables;
mod text;

use crate::parse::as_tokenized;

pub(crate) use queries::query_variables;

pub use cell::{Cell, CellKind, CellSettings};
pub use code::{CellCode, LastExpression};
pub use error::NotebookError;
pub use graph::{Graph, GraphFault, Use};
pub use shell_names::shown_values_meant;

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
    let ending = file_name.rsplit_once('.').map_or("", |(_, ending)| ending);
    if ending.eq_ignore_ascii_case("ipynb") {
        let mut notebook = jupyter::read(text)?;
        shell_names::resolve(&mut notebook.cells);
        tables::keep_readers_live(&mut notebook.cells);
        return Ok(notebook);
    }
    let text = as_tokenized(text);
    let notebook = marimo::read(&text).or_else(|| percent::read(&text));
    let mut notebook = notebook.unwrap_or_else(|| script::read(&text));
    notebook.header = header::inline_metadata(&text);
    tables::keep_readers_live(&mut notebook.cells);
    Ok(notebook)
}

impl Notebook {
    /// A notebook without cells, for those that a live session of IPython runs one after the other.
    pub fn of_session() -> Self {
        Self::new(NotebookFormat::Jupyter, Vec::new())
    }

    /// Returns the code of the cells as one module, each on the lines that it has in the file: what marimo
    /// runs, which compiles cells as they are, dedented, and not the functions that hold them.
    pub fn as_module(&self) -> String {
        let mut lines: Vec<&str> = Vec::new();
        for cell in self.cells.iter().filter(|cell| cell.is_code()) {
            let first = cell.first_line.saturating_sub(1) as usize;
            lines.resize(lines.len().max(first), "");
            lines.truncate(first);
            lines.extend(cell.text.lines());
        }
        let mut text = lines.join("\n");
        text.push('\n');
        text
    }

    fn new(format: NotebookFormat, cells: Vec<Cell>) -> Self {
        Self {
            format,
            cells,
            header: None,
            title: None,
            options: Vec::new(),
            kernel_language: None,
            notes: Vec::new(),
        }
    }

    /// Keeps what loads IPython's extensions, if a magic is left that may come from one.
    fn read_again_with_extensions(&mut self) {
        let is_magic = |reason: &str| reason.starts_with("uses the magic");
        if !self.cells.iter().any(|cell| cell.live.as_deref().is_some_and(is_magic)) {
            return;
        }
        let loading = |cell: &&mut Cell| cell.is_code() && cell.text.contains("load_ext");
        for cell in self.cells.iter_mut().filter(loading) {
            let again = Cell::interactive(cell.text.clone(), cell.first_line, true);
            (cell.source, cell.code, cell.live) = (again.source, again.code, again.live);
        }
    }
}
