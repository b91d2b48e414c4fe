//! Plain scripts: statements are cells.

mod notebooks;

use hozon_syntax::NotebookFormat;
use notebooks::{binds, python, texts};

#[test]
fn each_statement_is_a_cell_and_a_run_of_declarations_one() {
    let notebook = python(
        "\"\"\"About.\"\"\"\nimport a\nfrom b import c\n\nLIMIT = 10\n\ndef f():\n    return 1\n\n\nx = f()\ny = g(x)\n\
         class A: pass\nz = 1\nfor i in x:\n    print(i)\n",
    );
    assert_eq!(notebook.format, NotebookFormat::Script);
    assert_eq!(
        texts(&notebook),
        [
            "\"\"\"About.\"\"\"\nimport a\nfrom b import c\n\nLIMIT = 10\n\ndef f():\n    return 1",
            "x = f()",
            "y = g(x)",
            "class A: pass\nz = 1",
            "for i in x:\n    print(i)",
        ]
    );
    assert_eq!(notebook.cells.iter().map(|cell| cell.first_line).collect::<Vec<_>>(), [1, 11, 12, 13, 15]);
}

#[test]
fn comments_go_with_what_follows_and_the_last_ones_with_the_end() {
    let notebook = python("# first\nx = f()  # same line\n# second\ny = g()\n# last\n");
    assert_eq!(texts(&notebook), ["# first\nx = f()  # same line", "# second\ny = g()\n# last"]);
}

#[test]
fn statements_on_one_line_stay_together() {
    let notebook = python("x = f(); y = g()\nz = (h(),\n     h())\n");
    assert_eq!(texts(&notebook), ["x = f(); y = g()", "z = (h(),\n     h())"]);
    assert_eq!(binds(&notebook.cells[0]), "x y");
}

#[test]
fn what_takes_time_is_no_declaration() {
    for text in ["X = f()", "X = [f()]", "x.y = 1", "X = f'{y}'", "if p:\n    import a", "X = Y"] {
        let notebook = python(&format!("import a\n{text}\nimport b\n"));
        assert_eq!(notebook.cells.len(), 3, "{text}");
    }
    for text in ["X = -1", "X: int = (1, 'a')", "if TYPE_CHECKING:\n    import a", "pass", "type T = int"] {
        let notebook = python(&format!("import a\n{text}\nimport b\n"));
        assert_eq!(notebook.cells.len(), 1, "{text}");
    }
}

#[test]
fn a_script_that_does_not_parse_is_one_cell_and_its_error() {
    let notebook = python("x = 1\ny = (\nz = 2\n");
    assert_eq!(notebook.cells.len(), 1);
    assert!(notebook.cells[0].code.is_err());
}

#[test]
fn a_script_has_no_magics() {
    assert!(python("x = f()\n!ls\n").cells[0].code.is_err());
}
