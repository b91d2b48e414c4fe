//! marimo's files, read as marimo reads them.

mod notebooks;

use hozon_syntax::{CellKind, NotebookFormat, SourceError};
use notebooks::{binds, code, marimo, python, reads, texts};

const WHOLE: &str = r##"# /// script
# dependencies = ["marimo", "numpy"]
# ///
"""About the notebook."""
import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Sales", layout_file="x.json")

with app.setup(hide_code=True):
    import numpy as np
    LIMIT = 10


@app.function
@cached
def total(rows: list) -> int:
    # a comment: with a colon
    return sum(rows) + LIMIT


@app.class_definition
class Row:
    """A row."""

    def size(self):
        return total(self)


@app.cell(hide_code=True, disabled=True)
def intro(mo):
    mo.md(r"""
    # Title
      indented
    """)
    return


@app.cell
def _(np):
    x = np.zeros(3)

    # behind
    return (x,)


app._unparsable_cell(
    r"""
    y = (
    """,
    name="broken"
)

if __name__ == "__main__":
    app.run()

print("not a cell")
"##;

#[test]
fn every_kind_of_cell_is_read() {
    let notebook = python(WHOLE);
    assert_eq!(notebook.format, NotebookFormat::Marimo);
    let kinds: Vec<CellKind> = notebook.cells.iter().map(|cell| cell.kind).collect();
    use CellKind::{Code, Setup, Unparsable};
    assert_eq!(kinds, [Setup, Code, Code, Code, Code, Unparsable]);
    let names: Vec<Option<&str>> = notebook.cells.iter().map(|cell| cell.name.as_deref()).collect();
    let expected = [Some("setup"), Some("total"), Some("Row"), Some("intro"), None, Some("broken")];
    assert_eq!(names, expected);
    assert_eq!(
        texts(&notebook),
        [
            "import numpy as np\nLIMIT = 10",
            "@cached\ndef total(rows: list) -> int:\n    # a comment: with a colon\n    return sum(rows) + LIMIT",
            "class Row:\n    \"\"\"A row.\"\"\"\n\n    def size(self):\n        return total(self)",
            "mo.md(r\"\"\"\n# Title\n  indented\n\"\"\")",
            "x = np.zeros(3)\n\n# behind",
            "y = (",
        ]
    );
    let lines: Vec<u32> = notebook.cells.iter().map(|cell| cell.first_line).collect();
    assert_eq!(lines, [11, 16, 23, 32, 41, 49]);
}

#[test]
fn the_file_says_more_than_its_cells() {
    let notebook = python(WHOLE);
    assert_eq!(notebook.header.as_deref(), Some("dependencies = [\"marimo\", \"numpy\"]\n"));
    assert_eq!(notebook.title.as_deref(), Some("Sales"));
    let width = ("width".to_owned(), "\"medium\"".to_owned());
    assert_eq!(notebook.options[0], width);
    assert_eq!(notebook.options.len(), 3);
    assert!(notebook.cells[0].settings.hide_code && !notebook.cells[0].settings.disabled);
    assert!(notebook.cells[3].settings.hide_code && notebook.cells[3].settings.disabled);
    assert_eq!(notebook.cells[3].markdown.as_deref(), Some("# Title\n  indented"));
    assert!(matches!(notebook.cells[5].code, Err(SourceError::Syntax { line: 1, .. })));
}

#[test]
fn what_a_cell_takes_and_gives_is_in_its_body_not_in_its_signature() {
    let notebook = python(
        "import marimo\napp = marimo.App()\n@app.cell\ndef _(wrong, parameters):\n    y = x + 1\n    return lies,\n",
    );
    assert_eq!((reads(&notebook.cells[0]).as_str(), binds(&notebook.cells[0]).as_str()), ("x", "y"));
}

#[test]
fn bodies_are_found_however_they_are_written() {
    let body = |cell: &str| {
        let notebook = python(&format!("import marimo\napp = marimo.App()\n{cell}"));
        assert_eq!(notebook.cells.len(), 1, "{cell}");
        notebook.cells[0].text.clone()
    };
    for (cell, expected) in [
        ("@app.cell\ndef one(): return\n", ""),
        ("@app.cell\ndef one(): x = 1; return x,\n", "x = 1;"),
        ("@app.cell\ndef one(a,\n        b, # odd: one\n        ) -> \"a:b\":\n    x\n    return\n", "x"),
        ("@app.cell()\nasync def one(\n): # comment\n    z = 0 # other\n    return # hi\n", "z = 0 # other"),
        ("@app.cell\ndef one():\n    # only this\n    return\n", "# only this"),
        ("@app.cell\ndef one():\n    pass\n    return\n", "pass"),
        ("@app.cell\ndef one():\n    x\n    pass\n    return\n", "x\npass"),
        ("@app.cell\ndef one():\n\tif x:\n\t\ty\n\treturn x\n", "if x:\n\ty"),
        ("@app.cell\ndef one():\n    if x:\n        return\n    y\n    return y\n", "if x:\n    return\ny"),
        (
            "@app.cell\ndef one():\n    x = \"\"\"\n  left\n    \"\"\"\n    return\n",
            "x = \"\"\"\n  left\n    \"\"\"",
        ),
        (
            "@app.cell\ndef one():\n    x = \"\"\"\n    a\n      b\n    \"\"\"\n    return\n",
            "x = \"\"\"\na\n  b\n\"\"\"",
        ),
        ("@other\n@app.cell\ndef one():\n    x\n    return\n", "x"),
        ("with app.setup:\n    # only this\n    pass\n", "# only this"),
        ("@app.cell\ndef one():\n    x\n    # last\n", "x\n# last"),
    ] {
        assert_eq!(body(cell), expected, "{cell}");
    }
}

#[test]
fn the_module_may_have_another_name() {
    let notebook =
        python("import marimo as m\napp = m.App(width=\"full\")\n@app.cell\ndef _():\n    1\n    return\n");
    assert_eq!((notebook.format, notebook.cells.len()), (NotebookFormat::Marimo, 1));
    let text = "import marimo\nx = \"\"\"\napp = marimo.App()\n\"\"\"\n";
    assert_eq!(python(text).format, NotebookFormat::Script);
}

#[test]
fn a_cell_at_fault_leaves_the_others_as_they_are() {
    let notebook = python(
        "import marimo\napp = marimo.App()\n\n@app.cell\ndef a():\n    x = 1\n    return x,\n\n@app.cell\ndef b():\n    \
         y = (\n    return y,\n\n@app.cell\ndef c(x):\n    z = x\n    return z,\n\nif __name__ == \"__main__\":\n    app.run()\n",
    );
    assert_eq!(texts(&notebook), ["x = 1", "y = (", "z = x"]);
    assert!(notebook.cells[1].code.is_err());
    assert_eq!(notebook.cells[1].name.as_deref(), Some("b"));
    let graph = notebook.graph();
    assert_eq!((graph.faults.len(), graph.uses[2][0].from), (0, Some(0)));
    assert!(graph.order.contains(&0) && graph.order.contains(&2));
}

#[test]
fn what_stands_outside_of_cells_is_noted() {
    let notebook =
        python("import marimo\napp = marimo.App()\nx = 1\n@app.cell\ndef _():\n    x\n    return\n");
    assert_eq!(notebook.cells.len(), 1);
    assert_eq!(notebook.notes, ["line 3: this stands outside of the cells; it does not run"]);
}

#[test]
fn private_names_are_a_cells_own() {
    let notebook =
        marimo(&["_x = 1\ny = _x + 1", "print(_x, y)", "for _i in range(3): pass", "__ = 1\n__all = 2"]);
    let [first, second, third, fourth] = &notebook.cells[..] else { panic!() };
    assert_eq!((binds(first).as_str(), reads(first).as_str()), ("y", ""));
    assert_eq!(reads(second), "print y");
    assert_eq!((binds(third).as_str(), binds(fourth).as_str()), ("", "__all"));
    let (own, given) = &first.renamed[0];
    assert_eq!(own, "_x");
    assert_eq!(first.source, format!("{given} = 1\ny = {given} + 1"));
    assert_eq!(first.text, "_x = 1\ny = _x + 1");
    assert!(notebook.graph().faults.is_empty());
}

#[test]
fn private_names_are_renamed_where_they_mean_the_cells_and_nowhere_else() {
    for (text, expected) in [
        ("def _f(): return _f()", "def {_f}(): return {_f}()"),
        ("import q as _q\n_q.r", "import q as {_q}\n{_q}.r"),
        ("import _thread\n_thread.x", "import _thread as {_thread}\n{_thread}.x"),
        ("import _a.b\n_a.b", "import _a.b\n_a.b"),
        ("def f(_a): return _a + _b\n_b = 1", "def f(_a): return _a + {_b}\n{_b} = 1"),
        ("class A:\n    _x = 1\n    y = _x", "class A:\n    _x = 1\n    y = _x"),
        ("[_i for _i in range(3)]", "[_i for _i in range(3)]"),
        ("[_w := i for i in z]\n_w", "[{_w} := i for i in z]\n{_w}"),
        ("def f():\n    global _g\n    _g = 1", "def f():\n    global {_g}\n    {_g} = 1"),
        ("x._y = _z = 1", "x._y = {_z} = 1"),
        ("f(_k=1)", "f(_k=1)"),
        ("match m:\n    case _q: pass", "match m:\n    case {_q}: pass"),
        ("match m:\n    case _: pass", "match m:\n    case _: pass"),
        ("try: pass\nexcept E as _e: _e", "try: pass\nexcept E as {_e}: {_e}"),
    ] {
        let cell = &marimo(&[text]).cells[0];
        let mut wanted = expected.to_owned();
        for (own, given) in &cell.renamed {
            wanted = wanted.replace(&format!("{{{own}}}"), given);
        }
        assert_eq!(cell.source, wanted);
    }
}

#[test]
fn a_text_that_shows_its_own_name_shows_the_authors() {
    let cell = &marimo(&["_x = 1\nprint(f\"{_x=}\", f\"{_x = :>5}\")"]).cells[0];
    let given = &cell.renamed[0].1;
    assert_eq!(cell.source, format!("{given} = 1\nprint(f\"_x={{{given}!r}}\", f\"_x = {{{given}:>5}}\")"));
}

#[test]
fn the_digest_does_not_know_where_a_cell_stands() {
    let digest = |notebook: &str| code(&python(notebook).cells[0]).digest;
    let head = "import marimo\napp = marimo.App()\n";
    let one = digest(&format!("{head}@app.cell\ndef _():\n    _x = 1\n    return\n"));
    let moved =
        digest(&format!("{head}\n\n@app.cell\ndef named():\n\n    _x   =   1 # comment\n    return\n"));
    let other = digest(&format!("{head}@app.cell\ndef _():\n    _x = 2\n    return\n"));
    assert_eq!(one, moved);
    assert_ne!(one, other);
}

#[test]
fn importing_everything_is_refused_as_marimo_does() {
    let notebook = marimo(&["x = 1\nfrom math import *", "try:\n    from math import *\nexcept E: pass"]);
    let message = "importing symbols with `import *` is not allowed in marimo".to_owned();
    let refused = |line| Err(SourceError::Syntax { line, message: message.clone() });
    assert_eq!(notebook.cells[0].code, refused(2));
    assert_eq!(notebook.cells[1].code, refused(2));
}

#[test]
fn what_is_only_annotated_is_the_cells_too() {
    let notebook = marimo(&["x: int", "def f():\n    y: int\n    return y"]);
    assert_eq!((binds(&notebook.cells[0]).as_str(), reads(&notebook.cells[0]).as_str()), ("x", "int"));
    assert_eq!(binds(&notebook.cells[1]), "f");
}

#[test]
fn the_last_expression_is_shown_unless_a_semicolon_follows() {
    let last = |text: &str| {
        code(&marimo(&[text]).cells[0]).last_expression.clone().map(|it| (it.line, it.suppressed))
    };
    assert_eq!(last("x = 1\nx"), Some((2, false)));
    assert_eq!(last("x;"), Some((1, true)));
    assert_eq!(last("(\n  x\n) ; # quiet"), Some((1, true)));
    assert_eq!(last("x # not ;"), Some((1, false)));
    assert_eq!(last("x = 1"), None);
    assert_eq!(last("x\npass"), None);
}

#[test]
fn cells_may_await() {
    let asynchronous = |text: &str| code(&marimo(&[text]).cells[0]).is_async;
    for text in
        ["await f()", "async for i in f(): pass", "async with f() as g: pass", "x = [i async for i in f()]"]
    {
        assert!(asynchronous(text), "{text}");
    }
    assert!(!asynchronous("async def f():\n    await g()"));
}
