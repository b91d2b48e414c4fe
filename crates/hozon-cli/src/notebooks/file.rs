//! A notebook as it stands in its file.

use std::io;
use std::path::{Path, PathBuf};

use hozon_key::visible;
use hozon_syntax::{Graph, Notebook, read_notebook};
use hozon_sys::{FileKind, UserFiles};

use super::cells;
use crate::failure::Failure;

/// A notebook, the text that it was read from, and which of its cells reads what from which.
#[derive(Debug)]
pub(super) struct NotebookFile {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) notebook: Notebook,
    pub(super) graph: Graph,
}

const ENDINGS: [&str; 3] = ["py", "pyw", "ipynb"];

impl NotebookFile {
    /// Reads the notebook at `path`.
    pub(super) fn read(files: &dyn UserFiles, path: &Path) -> Result<Self, Failure> {
        let shown = shown(path);
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if !ENDINGS.iter().any(|known| known.eq_ignore_ascii_case(ending)) {
            return Err(Failure::usage(format!("{shown} is no notebook"))
                .hint("a notebook is a .py file (marimo, `# %%` or a plain script) or an .ipynb file"));
        }
        let bytes = read_bytes(files, path)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let place = error.utf8_error().valid_up_to();
            Failure::usage(format!("{shown} is not UTF-8 text: see byte {}", place + 1))
                .hint("save it as UTF-8")
        })?;
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        let notebook = read_notebook(&text, &path.to_string_lossy()).map_err(|error| {
            Failure::usage(format!("{shown} is no notebook: {}", visible(&error.to_string())))
        })?;
        let graph = notebook.graph();
        Ok(Self { path: path.to_owned(), text, notebook, graph })
    }

    /// What reports call it: its path, as it was given.
    pub(super) fn shown(&self) -> String {
        shown(&self.path)
    }

    /// The last part of its path.
    pub(super) fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        visible(&name.to_string_lossy()).into_owned()
    }

    /// What was noticed and keeps nothing from running.
    pub(super) fn notes(&self) -> Vec<String> {
        let about_file = self.notebook.notes.iter().map(|note| visible(note).into_owned());
        let about_cells = self.notebook.cells.iter().enumerate().flat_map(|(index, cell)| {
            let words = cell.settings.faults.iter();
            words.map(move |word| {
                let cell = cells::called(cell, index);
                format!("{cell} has a comment `# hozon: {}`, which says nothing that is known", visible(word))
            })
        });
        about_file.chain(about_cells).collect()
    }
}

fn shown(path: &Path) -> String {
    visible(&path.to_string_lossy()).into_owned()
}

fn read_bytes(files: &dyn UserFiles, path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: &io::Error| match error.kind() {
        io::ErrorKind::NotFound => Failure::usage(format!("there is no file {}", shown(path))),
        _ => Failure::usage(format!("{} cannot be read: {error}", shown(path))),
    };
    let stat = files.look(path).map_err(|error| failed(&error))?;
    if stat.kind != FileKind::File {
        return Err(Failure::usage(format!("{} is not a file", shown(path))));
    }
    let mut bytes = Vec::new();
    let read = files.read_pieces(path, &mut |piece| bytes.extend_from_slice(piece));
    read.map_err(|error| failed(&error))?;
    Ok(bytes)
}
