//! Settings in comments, and input that is odd, huge or broken.

mod notebooks;

use hozon_syntax::{NotebookFormat, SourceError, read_notebook};
use notebooks::{code, jupyter, marimo, python, texts};
use proptest::prelude::*;

#[test]
fn settings_stand_in_comments_at_the_top_of_a_cell() {
    let settings = |text: &str| jupyter(&[text]).cells.remove(0).settings;
    assert!(settings("# hozon: off\nx = 1").off);
    assert!(settings("# a comment\n\n#hozon:off\nx = 1").off);
    assert!(!settings("x = 1\n# hozon: off").off);
    assert!(!settings("# about hozon: off\nx = 1").off);
    assert_eq!(settings("# hozon: ttl=1d\nx").ttl.as_deref(), Some("1d"));
    let both = settings("# hozon: off, ttl=90s\nx");
    assert!(both.off && both.ttl.as_deref() == Some("90s") && both.faults.is_empty());
    assert_eq!(settings("# hozon: of, ttl=, size=3\nx").faults, ["of", "ttl=", "size=3"]);
    assert!(settings("# hozon: off").off);
}

#[test]
fn settings_are_read_in_every_format() {
    let off = "# hozon: off\nx = f()";
    assert!(marimo(&[off]).cells[0].settings.off);
    assert!(python(&format!("# %%\n{off}\n")).cells[0].settings.off);
    let script = python(&format!("y = f()\n{off}\nz = g()\n"));
    let found: Vec<bool> = script.cells.iter().map(|cell| cell.settings.off).collect();
    assert_eq!(found, [false, true, false]);
    assert_eq!(code(&jupyter(&[off]).cells[0]).digest, code(&jupyter(&["x = f()"]).cells[0]).digest);
}

#[test]
fn empty_files() {
    for text in ["", "\n\n", "\u{feff}", "   \n\t\n"] {
        let notebook = python(text);
        assert_eq!((notebook.format, notebook.cells.len()), (NotebookFormat::Script, 0), "{text:?}");
    }
    assert_eq!(texts(&python("# only a comment\n")), ["# only a comment"]);
    assert!(marimo(&[]).cells.is_empty());
    assert_eq!(marimo(&[]).format, NotebookFormat::Marimo);
    assert!(jupyter(&[]).cells.is_empty());
    assert!(jupyter(&[]).graph().order.is_empty());
    assert_eq!(texts(&python("# %%")), [""]);
}

#[test]
fn a_nul_is_an_error_of_its_cell_alone() {
    let notebook = jupyter(&["x = 1", "y = '\0'", "z = x"]);
    let faults: Vec<bool> = notebook.cells.iter().map(|cell| cell.code.is_err()).collect();
    assert_eq!(faults, [false, true, false]);
    let Err(SourceError::Syntax { line: 1, message }) = &notebook.cells[1].code else { panic!() };
    assert!(message.contains("null bytes"), "{message}");
    let notebook = python("# %%\nx = 1\n# %%\ny = '\0'\n");
    assert_eq!(notebook.cells.iter().map(|cell| cell.code.is_err()).collect::<Vec<_>>(), [false, true]);
    let text = "import marimo\napp = marimo.App()\n@app.cell\ndef _():\n    x = 1\n    return\n\n@app.cell\ndef _():\n    y = '\0'\n    return\n";
    assert_eq!(python(text).cells.iter().map(|cell| cell.code.is_err()).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn line_ends_and_marks_of_byte_order_change_nothing() {
    let text = "# %%\nx = '''a\nb'''\n# %% [markdown]\n# text\n# more\n";
    let plain = python(text);
    assert_eq!(python(&text.replace('\n', "\r\n")), plain);
    assert_eq!(python(&text.replace('\n', "\r")), plain);
    assert_eq!(python(&format!("\u{feff}{text}")), plain);
    let text =
        "import marimo\napp = marimo.App()\n@app.cell\ndef _():\n    x = '''a\n    b'''\n    return x,\n";
    assert_eq!(python(&format!("\u{feff}{}", text.replace('\n', "\r\n"))), python(text));
}

#[test]
fn other_scripts_than_latin() {
    let notebook = marimo(&["é = \"日本語\"  # ü\nprint(f\"{é}\")", "_ж = 1\nж = _ж"]);
    assert_eq!(
        (code(&notebook.cells[0]).binds.join(" "), code(&notebook.cells[1]).binds.join(" ")),
        ("é".to_owned(), "ж".to_owned())
    );
    assert!(notebook.cells[1].source.starts_with("_ж_"), "{}", notebook.cells[1].source);
}

#[test]
fn ten_thousand_cells() {
    let cells: Vec<String> = (0..10_000).map(|index| format!("x{} = x{index} + 1", index + 1)).collect();
    let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
    for notebook in [marimo(&cells), jupyter(&cells), python(&format!("# %%\n{}\n", cells.join("\n# %%\n")))]
    {
        let graph = notebook.graph();
        assert_eq!((notebook.cells.len(), graph.order.len(), graph.faults.len()), (10_000, 10_000, 0));
        assert_eq!(graph.uses[9_999][0].from, Some(9_998));
    }
}

#[test]
fn a_circle_of_ten_thousand_cells() {
    let cells: Vec<String> =
        (0..10_000).map(|index| format!("x{} = x{index}", (index + 1) % 10_000)).collect();
    let graph = marimo(&cells.iter().map(String::as_str).collect::<Vec<_>>()).graph();
    assert_eq!((graph.faults.len(), graph.order.len()), (1, 0));
}

#[test]
fn a_line_of_ten_megabytes() {
    let long = "a".repeat(10 * 1024 * 1024);
    let notebook = jupyter(&["x = 1", &format!("y = '{long}'"), "z = x"]);
    assert!(notebook.cells.iter().all(|cell| cell.code.is_ok()));
    let notebook = python(&format!("# %%\ny = '{long}'\n# %%\nz = y\n"));
    assert_eq!(notebook.graph().uses[1][0].from, Some(0));
    let notebook = python(&format!("# %%\nx = 1\n# %%\n{long}\u{a0}(\n"));
    assert!(notebook.cells[0].code.is_ok() && notebook.cells[1].code.is_err());
}

#[test]
fn a_cell_that_is_too_long_or_too_deep_is_an_error_of_its_own() {
    let long = format!("y = '{}'", "a".repeat(17 * 1024 * 1024));
    let deep = format!("y = {}{}", "(".repeat(4000), ")".repeat(4000));
    let notebook = jupyter(&["x = 1", &long, &deep]);
    assert!(notebook.cells[0].code.is_ok());
    assert!(matches!(notebook.cells[1].code, Err(SourceError::TooLarge { .. })));
    assert!(matches!(notebook.cells[2].code, Err(SourceError::TooDeep { .. })));
}

/// Pieces of notebooks, whole and broken.
const PIECES: &[&str] = &[
    "import marimo\n",
    "app = marimo.App()\n",
    "@app.cell\n",
    "def _():\n",
    "    return\n",
    "    x = 1\n",
    "# %%\n",
    "# %% [markdown]\n",
    "# ---\n",
    "%time x",
    "%%bash\n",
    "!ls\n",
    "x?\n",
    ">>> ",
    "'''",
    "\"",
    "(",
    ")",
    "{",
    "é",
    "with app.setup:\n",
    "app._unparsable_cell(",
    "if __name__ == \"__main__\":\n",
    "# /// script\n",
    "# ///\n",
    "\0",
    "\r",
    "\t",
    "\u{c}",
    "\\\n",
    "_x = _y\n",
    "f'{_x=}'",
    "mo.sql('",
    "select * from t",
    "')",
    "get_ipython()",
    "from a import *\n",
    "\u{feff}",
    "del x\n",
    "@app.function\n",
    "class A:\n",
    "# hozon: off\n",
    "import _a.b\n",
];

fn piece() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(PIECES), 0..24);
    pieces.prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_gets_an_answer(text in prop_oneof![piece(), any::<String>()]) {
        let notebook = python(&text);
        let graph = notebook.graph();
        prop_assert_eq!(graph.uses.len(), notebook.cells.len());
        prop_assert!(graph.order.len() <= notebook.cells.len());
        prop_assert_eq!(jupyter(&[&text]).cells.len(), 1);
        // Whatever it is, it is an answer.
        drop(read_notebook(&text, "n.ipynb"));
    }
}
