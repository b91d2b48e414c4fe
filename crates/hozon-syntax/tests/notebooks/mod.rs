//! What the specifications of notebooks share.
#![allow(dead_code, reason = "not every test file uses every helper")]

use hozon_syntax::{Cell, CellCode, Notebook, read_notebook};

/// Reads a Python file that is a notebook.
#[track_caller]
pub(crate) fn python(text: &str) -> Notebook {
    read_notebook(text, "notebook.py").unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Makes a marimo notebook of the bodies of its cells.
#[track_caller]
pub(crate) fn marimo(cells: &[&str]) -> Notebook {
    let mut text = "import marimo\n\napp = marimo.App()\n".to_owned();
    for cell in cells {
        text.push_str("\n\n@app.cell\ndef _():\n");
        cell.lines().for_each(|line| text.push_str(&format!("    {line}\n")));
        text.push_str("    return\n");
    }
    python(&text)
}

/// Makes a Jupyter notebook of the sources of code cells.
#[track_caller]
pub(crate) fn jupyter(cells: &[&str]) -> Notebook {
    let cell = |source: &&str| serde_json::json!({"cell_type": "code", "metadata": {}, "source": source, "outputs": []});
    let cells: Vec<_> = cells.iter().map(cell).collect();
    json(&serde_json::json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))
}

#[track_caller]
pub(crate) fn json(value: &serde_json::Value) -> Notebook {
    read_notebook(&value.to_string(), "notebook.ipynb").unwrap_or_else(|error| panic!("{error}\n{value}"))
}

/// Returns what the code of a cell takes and gives.
#[track_caller]
pub(crate) fn code(cell: &Cell) -> &CellCode {
    cell.code.as_ref().unwrap_or_else(|error| panic!("{error}\n{}", cell.text))
}

/// Returns the names that a cell reads, with blanks between.
#[track_caller]
pub(crate) fn reads(cell: &Cell) -> String {
    let mut names: Vec<&str> = code(cell).reads.iter().map(|read| read.path[0].as_str()).collect();
    names.dedup();
    names.join(" ")
}

/// Returns the names that a cell gives a value, with blanks between.
#[track_caller]
pub(crate) fn binds(cell: &Cell) -> String {
    code(cell).binds.join(" ")
}

/// Returns the texts of all cells.
pub(crate) fn texts(notebook: &Notebook) -> Vec<&str> {
    notebook.cells.iter().map(|cell| cell.text.as_str()).collect()
}
