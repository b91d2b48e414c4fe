//! One cell of a notebook.

use super::code::CellCode;
use crate::error::SourceError;

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CellKind {
    /// Python.
    Code,
    /// Text to be shown.
    Markdown,
    /// Text for another program.
    Raw,
    /// marimo's `with app.setup`: it runs before all others.
    Setup,
    /// Python that marimo could not parse when it wrote the file.
    Unparsable,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// What it holds.
    pub kind: CellKind,
    /// The name of marimo's function but for `_`, the title of a percent cell, the id of a Jupyter cell.
    pub name: Option<String>,
    /// What its author wrote, dedented.
    pub text: String,
    /// The Python that runs: `text` with private names renamed, magics translated away, and without the
    /// decorator that makes a definition a cell.
    pub source: String,
    /// Private names and the names that stand for them in `source`.
    pub renamed: Vec<(String, String)>,
    /// The line of the file that `text` starts on, from 1; 1 in a Jupyter notebook.
    pub first_line: u32,
    /// The text of a Markdown cell, or of a code cell that does nothing but show a literal Markdown text.
    pub markdown: Option<String>,
    /// What its author set for it.
    pub settings: CellSettings,
    /// What it takes and gives; of nothing for what is not code.
    pub code: Result<CellCode, SourceError>,
    /// Why it may never be restored, said for people.
    pub live: Option<String>,
}

/// What the author of a cell set for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CellSettings {
    /// `# hozon: off`
    pub off: bool,
    /// The value of `# hozon: ttl=…`, as written.
    pub ttl: Option<String>,
    /// marimo's `disabled=True`.
    pub disabled: bool,
    /// marimo's `hide_code=True`.
    pub hide_code: bool,
    /// Words after `# hozon:` that say nothing that is known.
    pub faults: Vec<String>,
    /// `%%capture`
    pub capture: bool,
}
