//! Jupyter's files.

mod notebooks;

use hozon_syntax::{CellKind, NotebookError, read_notebook};
use notebooks::{code, json, jupyter, texts};
use serde_json::{Value, json};

fn of_cells(cells: Value) -> Value {
    json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})
}

#[track_caller]
fn error(text: &str) -> NotebookError {
    read_notebook(text, "n.ipynb").expect_err(text)
}

#[test]
fn cells_of_every_kind() {
    let notebook = json(&json!({
        "nbformat": 4, "nbformat_minor": 5,
        "metadata": {"title": "Sales", "kernelspec": {"name": "python3", "language": "python", "display_name": "P"}},
        "cells": [
            {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# Head\n", "text"]},
            {"cell_type": "code", "id": "b", "metadata": {}, "source": ["x = 1\n", "x"], "outputs": [{"output_type": "x"}]},
            {"cell_type": "raw", "id": "c", "metadata": {}, "source": "raw"},
            {"cell_type": "code", "metadata": {}, "source": [], "outputs": [], "execution_count": null},
        ],
    }));
    use CellKind::{Code, Markdown, Raw};
    assert_eq!(notebook.cells.iter().map(|cell| cell.kind).collect::<Vec<_>>(), [Markdown, Code, Raw, Code]);
    assert_eq!(texts(&notebook), ["# Head\ntext", "x = 1\nx", "raw", ""]);
    let names: Vec<Option<&str>> = notebook.cells.iter().map(|cell| cell.name.as_deref()).collect();
    assert_eq!(names, [Some("a"), Some("b"), Some("c"), None]);
    assert_eq!(notebook.title.as_deref(), Some("Sales"));
    assert_eq!(notebook.kernel_language.as_deref(), Some("python"));
    assert_eq!(notebook.cells[0].markdown.as_deref(), Some("# Head\ntext"));
}

#[test]
fn tags_and_what_they_say() {
    let tagged = |metadata: Value| {
        let cell = json!({"cell_type": "code", "metadata": metadata, "source": "x = 1", "outputs": []});
        json(&of_cells(json!([cell]))).cells.remove(0)
    };
    let cell = tagged(json!({"tags": ["parameters", "more"]}));
    assert_eq!(cell.tags, ["parameters", "more"]);
    assert!(!cell.settings.disabled && !cell.settings.hide_code);
    assert!(tagged(json!({"tags": ["skip-execution"]})).settings.disabled);
    assert!(tagged(json!({"tags": ["hide-input"]})).settings.hide_code);
    assert!(tagged(json!({"jupyter": {"source_hidden": true}})).settings.hide_code);
    assert!(tagged(json!({"tags": [1, null, {"a": []}]})).tags.is_empty());
}

#[test]
fn inline_metadata_stands_in_a_cell() {
    let notebook = jupyter(&["x = 1", "# /// script\n# dependencies = []\n# ///"]);
    assert_eq!(notebook.header.as_deref(), Some("dependencies = []\n"));
}

#[test]
fn a_byte_order_mark_and_carriage_returns_do_no_harm() {
    let text =
        of_cells(json!([{"cell_type": "code", "metadata": {}, "source": "x = 1\r\ny = 2\r", "outputs": []}]));
    let notebook = read_notebook(&format!("\u{feff}{text}"), "N.IPYNB").expect("a notebook");
    assert_eq!(texts(&notebook), ["x = 1\ny = 2\n"]);
}

#[test]
fn format_3_is_refused_and_the_way_out_is_said() {
    let old = json!({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": []}]});
    let error = error(&old.to_string());
    assert_eq!(error, NotebookError::TooOld { version: 3 });
    assert!(error.to_string().contains("nbconvert --to notebook"), "{error}");
}

#[test]
fn what_is_no_notebook_is_refused_with_its_place() {
    assert!(matches!(error("{\"cells\": [\n  ,,\n"), NotebookError::NotJson { line: 2, column: 3, .. }));
    assert!(matches!(error(""), NotebookError::NotJson { .. }));
    assert!(matches!(error("[1]"), NotebookError::NotNotebook { .. }));
    assert!(matches!(error("{\"nbformat\": 4}"), NotebookError::NotNotebook { .. }));
    let number = of_cells(json!([{"cell_type": "code", "metadata": {}, "source": 3}]));
    assert!(matches!(error(&number.to_string()), NotebookError::NotNotebook { .. }));
}

#[test]
fn another_language_is_refused_by_name() {
    let mut notebook = of_cells(json!([]));
    notebook["metadata"] = json!({"kernelspec": {"name": "ir", "language": "R", "display_name": "R"}});
    assert_eq!(error(&notebook.to_string()), NotebookError::NotPython { language: "R".to_owned() });
    notebook["metadata"] = json!({"language_info": {"name": "julia"}});
    assert_eq!(error(&notebook.to_string()), NotebookError::NotPython { language: "julia".to_owned() });
    notebook["metadata"] = json!({"language_info": {"name": "ipython"}});
    assert!(read_notebook(&notebook.to_string(), "n.ipynb").is_ok());
}

#[test]
fn a_cell_at_fault_leaves_the_others_as_they_are() {
    let notebook = jupyter(&["x = 1", "y = (", "return x", "z = x"]);
    let faults: Vec<bool> = notebook.cells.iter().map(|cell| cell.code.is_err()).collect();
    assert_eq!(faults, [false, true, true, false]);
    assert_eq!(notebook.graph().uses[3][0].from, Some(0));
}

#[test]
fn the_same_cell_has_the_same_digest_in_every_format() {
    let in_jupyter = code(&jupyter(&["x = f(1)"]).cells[0]).digest;
    let in_percent = code(&notebooks::python("# %%\nx = f( 1 )\n").cells[0]).digest;
    let in_marimo = code(&notebooks::marimo(&["x = f(1)  # here"]).cells[0]).digest;
    let in_script = code(&notebooks::python("x = f(1)\n").cells[0]).digest;
    assert_eq!([in_percent, in_marimo, in_script], [in_jupyter; 3]);
}
