//! Percent scripts, read as jupytext and editors read them.

mod notebooks;

use hozon_syntax::{CellKind, Notebook, NotebookFormat};
use notebooks::{python, reads, texts};

fn kinds(notebook: &Notebook) -> Vec<CellKind> {
    notebook.cells.iter().map(|cell| cell.kind).collect()
}

fn titles(notebook: &Notebook) -> Vec<Option<&str>> {
    notebook.cells.iter().map(|cell| cell.name.as_deref()).collect()
}

#[test]
fn markers_start_cells() {
    let notebook = python("# %%\nx = 1\n\n\n#%% the title\ny = 2\n# %%\n\n");
    assert_eq!(notebook.format, NotebookFormat::Percent);
    assert_eq!(texts(&notebook), ["x = 1", "y = 2", ""]);
    assert_eq!(titles(&notebook), [None, Some("the title"), None]);
    assert_eq!(notebook.cells.iter().map(|cell| cell.first_line).collect::<Vec<_>>(), [2, 6, 8]);
}

#[test]
fn markers_of_other_kinds() {
    let notebook = python(
        "# %% [markdown]\n# # Head\n#\n#  text\n# %% [md] more\n\"\"\"\nquoted\n\"\"\"\n# %% named [raw]\n# a\n\
         # %% [code]\nx\n# %% array [1] of things\ny\n",
    );
    use CellKind::{Code, Markdown, Raw};
    assert_eq!(kinds(&notebook), [Markdown, Markdown, Raw, Code, Code]);
    assert_eq!(texts(&notebook), ["# Head\n\n text", "quoted", "a", "x", "y"]);
    assert_eq!(titles(&notebook), [None, Some("more"), Some("named"), None, Some("array [1] of things")]);
    assert_eq!(notebook.cells[0].markdown.as_deref(), Some("# Head\n\n text"));
}

#[test]
fn options_behind_a_title() {
    let notebook = python(
        "# %% tags=[\"parameters\", 'b']\nx\n# %% title name=\"n\" tags=[\"a\"]\ny\n# %% {\"tags\": [\"c\"]}\nz\n\
         # %% other {\"k\": 1}\nw\n# %%%% part\nv\n# %% plot x=3\nu\n",
    );
    assert_eq!(titles(&notebook), [None, Some("title"), None, Some("other"), Some("part"), Some("plot")]);
    let tags: Vec<String> = notebook.cells.iter().map(|cell| cell.tags.join(" ")).collect();
    assert_eq!(tags, ["parameters b", "a", "c", "", "", ""]);
}

#[test]
fn a_marker_in_a_text_or_a_block_is_none() {
    let notebook = python("# %%\nx = \"\"\"\n# %%\n\"\"\"\nif x:\n    # %%\n    y\n# %%time\nz\n");
    assert_eq!(notebook.cells.len(), 1);
    let notebook = python("x = '''\n# %%\n'''\n");
    assert_eq!(notebook.format, NotebookFormat::Script);
}

#[test]
fn what_nbconvert_writes_is_percent_too() {
    let notebook = python("#!/usr/bin/env python\n# coding: utf-8\n\n# In[1]:\n\n\nx\n\n\n# In[ ]:\n\n\ny\n");
    assert_eq!(notebook.format, NotebookFormat::Percent);
    assert_eq!(texts(&notebook), ["x", "y"]);
}

#[test]
fn the_lines_before_the_first_marker_are_a_cell_if_they_do_anything() {
    assert_eq!(
        texts(&python("\"\"\"About.\"\"\"\nimport x\n# %%\ny\n")),
        ["\"\"\"About.\"\"\"\nimport x", "y"]
    );
    assert_eq!(texts(&python("\"\"\"About.\"\"\"\n# a comment\n# %%\ny\n")), ["y"]);
}

const HEADER: &str =
    "# ---\n# jupyter:\n#   title: \"Sales\"\n#   kernelspec:\n#     name: python3\n# ---\n\n";

#[test]
fn jupytexts_header_is_no_cell() {
    let notebook = python(&format!("{HEADER}# %%\nx\n"));
    assert_eq!(texts(&notebook), ["x"]);
    assert_eq!(notebook.title.as_deref(), Some("Sales"));
    assert_eq!(notebook.cells[0].first_line, 9);
}

#[test]
fn jupytext_takes_the_comment_marks_off_magics() {
    let notebook = python(&format!(
        "{HEADER}# %%\n# %matplotlib inline\nx = 1  # %y\n# 50% of it\n# %%\n# %%time\n# a comment\ny\n# %%\n# %%bash\n\
         # echo hi\n# %%\n# !ls\n"
    ));
    assert_eq!(
        texts(&notebook),
        ["%matplotlib inline\nx = 1  # %y\n# 50% of it", "%%time\n# a comment\ny", "%%bash\necho hi", "!ls"]
    );
    let live: Vec<Option<&str>> = notebook.cells.iter().map(|cell| cell.live.as_deref()).collect();
    assert_eq!(live, [None, None, Some("uses the magic %%bash"), Some("runs a shell command")]);
    assert_eq!(reads(&notebook.cells[1]), "y");
}

#[test]
fn without_jupytexts_header_a_comment_is_a_comment() {
    let notebook = python("# %%\n# !ls\nx = 1\n# %%\n!ls\n");
    assert_eq!(texts(&notebook), ["# !ls\nx = 1", "!ls"]);
    assert_eq!(notebook.cells[0].live, None);
    assert_eq!(notebook.cells[1].live.as_deref(), Some("runs a shell command"));
}

#[test]
fn a_cell_at_fault_leaves_the_others_as_they_are() {
    let notebook = python("# %%\nx = 1\n# %%\ny = (\n# %%\nz = x\n");
    let faults: Vec<bool> = notebook.cells.iter().map(|cell| cell.code.is_err()).collect();
    assert_eq!(faults, [false, true, false]);
    assert_eq!(notebook.graph().uses[2][0].from, Some(0));
}

#[test]
fn inline_metadata() {
    let header = |text: &str| python(text).header;
    let block =
        "# /// script\n# dependencies = [\n#   \"numpy\",\n# ]\n#\n# [tool.hozon]\n# ttl = \"1d\"\n# ///\n";
    let expected = "dependencies = [\n  \"numpy\",\n]\n\n[tool.hozon]\nttl = \"1d\"\n";
    assert_eq!(header(&format!("{block}# %%\nx\n")).as_deref(), Some(expected));
    assert_eq!(header(&format!("{block}x = 1\n")).as_deref(), Some(expected));
    assert_eq!(header("# /// script\n# a = 1\nx = 1\n# ///\n"), None);
    assert_eq!(header("# /// other\n# a = 1\n# ///\n"), None);
    assert_eq!(header("x = 1\n"), None);
}
