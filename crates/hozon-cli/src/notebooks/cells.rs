//! Cells by the words that people use for them.

use std::collections::BTreeSet;

use hozon_key::visible;
use hozon_syntax::{Cell, CellCode, Notebook, NotebookFormat};

use super::file::NotebookFile;
use crate::failure::Failure;
use crate::words::cut_in_the_middle;

/// So many columns of a cell's first line stand for its name.
const MOST_COLUMNS: usize = 40;

/// A cell's name, or what tells a person which one it is.
pub(super) fn title(cell: &Cell) -> String {
    let name = cell.name.as_deref().or_else(|| first_line(cell)).unwrap_or("(empty)");
    cut_in_the_middle(&visible(name.trim()), MOST_COLUMNS)
}

/// The first line that is more than a comment; a comment where there is nothing else.
fn first_line(cell: &Cell) -> Option<&str> {
    let lines = || cell.text.lines().filter(|line| !line.trim().is_empty());
    lines().find(|line| !line.trim_start().starts_with('#')).or_else(|| lines().next())
}

/// What a sentence calls a cell: `cell 3 (load)`.
pub(super) fn called(cell: &Cell, index: usize) -> String {
    format!("cell {} ({})", index + 1, title(cell))
}

/// The same with its place in the file: `cell 3 (load, analysis.py:12)`.
pub(super) fn placed(file: &NotebookFile, index: usize) -> String {
    let cell = &file.notebook.cells[index];
    match line(&file.notebook, cell) {
        Some(line) => format!("cell {} ({}, {}:{line})", index + 1, title(cell), file.name()),
        None => called(cell, index),
    }
}

/// The line of the file that a cell starts on, in formats whose lines people see.
pub(super) fn line(notebook: &Notebook, cell: &Cell) -> Option<u32> {
    (notebook.format != NotebookFormat::Jupyter).then_some(cell.first_line)
}

/// Finds the cells that words mean: names first, then numbers. None: all cells.
pub(super) fn select(notebook: &Notebook, words: &[String]) -> Result<Option<BTreeSet<usize>>, Failure> {
    let mut found = BTreeSet::new();
    for word in words {
        let named = |(_, cell): &(usize, &Cell)| cell.name.as_deref() == Some(word.as_str());
        let before = found.len();
        found.extend(notebook.cells.iter().enumerate().filter(named).map(|(index, _)| index));
        if found.len() > before {
            continue;
        }
        let number = word.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let index = number.filter(|index| *index < notebook.cells.len());
        found.insert(index.ok_or_else(|| no_such_cell(notebook, word))?);
    }
    Ok((!words.is_empty()).then_some(found))
}

fn no_such_cell(notebook: &Notebook, word: &str) -> Failure {
    let failure = Failure::usage(format!("no cell is named {:?}", visible(word)));
    let names: Vec<&str> = notebook.cells.iter().filter_map(|cell| cell.name.as_deref()).take(10).collect();
    let failure = match names.is_empty() {
        true => failure,
        false => failure.hint(format!("some that are: {}", visible(&names.join(", ")))),
    };
    failure.hint(format!("numbers from 1 to {} mean cells as well", notebook.cells.len()))
}

/// Adds to some cells those that may give or change what they read.
///
/// Names decide, not the graph alone: a cell may read in a function what a cell between the two gives, and
/// may change a value in place.
pub(super) fn with_sources(file: &NotebookFile, wanted: &BTreeSet<usize>) -> BTreeSet<usize> {
    let cells = &file.notebook.cells;
    let code = |index: usize| cells[index].code.as_ref().ok();
    let mut found = wanted.clone();
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut open: Vec<usize> = found.iter().copied().collect();
    let last = file.graph.order.iter().rposition(|cell| wanted.contains(cell));
    let before = &file.graph.order[..last.map_or(0, |last| last + 1)];
    while let Some(index) = open.pop() {
        let Some(own) = code(index) else { continue };
        names.extend(own.reads.iter().map(|read| read.path[0].as_str()));
        let gives = |other: &&usize| {
            code(**other).is_some_and(|code| own.uses_dynamic_names || touches(code, &names))
        };
        let more: Vec<usize> = before.iter().filter(gives).copied().collect();
        open.extend(more.into_iter().filter(|index| found.insert(*index)));
    }
    found
}

fn touches(code: &CellCode, names: &BTreeSet<&str>) -> bool {
    let mut touched = code.binds.iter().chain(&code.mutates).chain(&code.deletes);
    touched.any(|name| names.contains(name.as_str())) || code.star_import
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use hozon_syntax::read_notebook;

    use super::*;

    fn file(text: &str) -> NotebookFile {
        let notebook = read_notebook(text, "nb.py").unwrap();
        let graph = notebook.graph();
        NotebookFile { path: PathBuf::from("nb.py"), text: text.to_owned(), notebook, graph }
    }

    #[test]
    fn a_cell_brings_what_its_functions_read_and_what_changes_its_values() {
        let file = file(
            "# %% f\ndef f():\n    return rate\n\n# %% rate\nrate = 2\n\n# %% data\nxs = []\n\n\
             # %% change\nxs.append(1)\n\n# %% apart\nz = 1\n\n# %% use\nf() + len(xs)\n\n# %% later\nxs = 2\n",
        );
        let with = |cell| with_sources(&file, &BTreeSet::from([cell])).into_iter().collect::<Vec<_>>();
        assert_eq!(with(5), [0, 1, 2, 3, 5]);
        assert_eq!(with(4), [4]);
        // What stands between a function and its caller counts only if it stands before the caller.
        assert_eq!(with(0), [0]);
    }

    #[test]
    fn cells_are_named_by_what_a_person_sees_first() {
        let file = file("# %% Load\nx = 1\n\n# %%\n# a comment\ny = 2\n\n# %%\n# only this\n");
        let titles: Vec<String> = file.notebook.cells.iter().map(title).collect();
        assert_eq!(titles, ["Load", "y = 2", "# only this"]);
        assert_eq!(
            select(&file.notebook, &["Load".into(), "2".into()]).unwrap(),
            Some(BTreeSet::from([0, 1]))
        );
        assert_eq!(select(&file.notebook, &[]).unwrap(), None);
        assert!(select(&file.notebook, &["0".into()]).is_err());
    }
}
