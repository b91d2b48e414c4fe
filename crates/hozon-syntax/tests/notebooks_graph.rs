//! Which cell reads what from which, and what keeps cells from running.

mod notebooks;

use hozon_syntax::{Graph, GraphFault, Notebook, Use};
use notebooks::{jupyter, marimo, python};

/// Returns `name<cell` for every name that a cell takes from another, with `?` where it may leave it as it is.
fn takes(graph: &Graph, cell: usize) -> String {
    let show = |it: &Use| Some(format!("{}<{}{}", it.name, it.from?, if it.passed_on { "?" } else { "" }));
    graph.uses[cell].iter().filter_map(show).collect::<Vec<_>>().join(" ")
}

fn faults(notebook: &Notebook) -> Vec<GraphFault> {
    notebook.graph().faults
}

#[test]
fn marimos_cells_read_wherever_the_name_is_given() {
    let graph = marimo(&["z = x + y", "x = 1", "y = x", "print(z)"]).graph();
    assert_eq!(takes(&graph, 0), "x<1 y<2");
    assert_eq!(graph.order, [1, 2, 0, 3]);
    assert!(graph.faults.is_empty());
}

#[test]
fn marimos_setup_cell_runs_first_and_reads_nothing() {
    let head = "import marimo\napp = marimo.App()\n";
    let cells = "@app.cell\ndef _():\n    y = X\n    return\n";
    let notebook = python(&format!("{head}{cells}with app.setup:\n    X = 1\n"));
    assert_eq!(notebook.graph().order, [1, 0]);
    let notebook =
        python(&format!("{head}with app.setup:\n    X = y\n@app.cell\ndef _():\n    y = 1\n    return\n"));
    assert_eq!(faults(&notebook), [GraphFault::SetupReads { name: "y".to_owned(), cell: 1 }]);
    assert_eq!(notebook.graph().order, [1]);
}

#[test]
fn a_name_of_two_cells_is_a_fault_in_marimo_with_both_places() {
    let notebook = marimo(&["x = 1", "x = 2", "print(x)", "y = 1"]);
    assert_eq!(faults(&notebook), [GraphFault::DefinedTwice { name: "x".to_owned(), cells: vec![0, 1] }]);
    assert_eq!(notebook.graph().order, [3]);
    let changing = marimo(&["x = 1", "x += 1"]);
    assert_eq!(faults(&changing).len(), 1);
    assert!(faults(&marimo(&["_x = 1", "_x = 2"])).is_empty());
    let annotated = marimo(&["x: int", "x = 1"]);
    assert_eq!(faults(&annotated).len(), 1);
}

#[test]
fn a_circle_is_a_fault_in_marimo_with_its_names() {
    let notebook = marimo(&["a = b", "b = c", "c = a", "d = a", "e = 1"]);
    let names = ["a", "b", "c"].map(str::to_owned).to_vec();
    assert_eq!(faults(&notebook), [GraphFault::Cycle { cells: vec![0, 1, 2], names }]);
    assert_eq!(notebook.graph().order, [4]);
    let by_call = marimo(&["def f(): return g()", "def g(): return f()"]);
    assert_eq!(faults(&by_call).len(), 1);
    assert!(faults(&marimo(&["def f(): return f()"])).is_empty());
}

#[test]
fn what_marimo_deletes_is_deleted_after_it_was_read() {
    let notebook = marimo(&["del x", "x = 1", "print(x)"]);
    assert_eq!(notebook.graph().order, [1, 2, 0]);
    assert!(faults(&notebook).is_empty());
}

#[test]
fn elsewhere_a_cell_reads_the_last_version_before_it() {
    let graph = jupyter(&["x = 1", "y = x", "x = 2", "z = x", "w = later", "later = 1"]).graph();
    let taken: Vec<String> = (0..6).map(|cell| takes(&graph, cell)).collect();
    assert_eq!(taken, ["", "x<0", "", "x<2", "", ""]);
    assert_eq!(graph.order, [0, 1, 2, 3, 4, 5]);
    assert!(graph.faults.is_empty());
}

#[test]
fn a_cell_that_may_give_a_name_passes_the_earlier_one_on() {
    let graph = jupyter(&["x = 1", "if p:\n    x = 2", "print(x)"]).graph();
    assert_eq!([takes(&graph, 1), takes(&graph, 2)], ["x<0?", "x<1"]);
    let graph = jupyter(&["x = 1", "x = 2", "print(x)"]).graph();
    assert_eq!([takes(&graph, 1), takes(&graph, 2)], ["", "x<1"]);
}

#[test]
fn what_is_deleted_is_gone() {
    let graph = jupyter(&["x = 1", "del x", "print(x)"]).graph();
    assert_eq!([takes(&graph, 1), takes(&graph, 2)], ["x<0", ""]);
    let graph = jupyter(&["x = 1", "if p:\n    del x", "print(x)"]).graph();
    assert_eq!([takes(&graph, 1), takes(&graph, 2)], ["x<0?", "x<1"]);
}

#[test]
fn what_gives_unseen_names_may_give_every_name_that_nobody_else_gives() {
    let graph = jupyter(&["y = 1", "from m import *", "x = f(y)"]).graph();
    assert_eq!(takes(&graph, 2), "f<1 y<0");
    let graph = jupyter(&["x = f(y)", "from m import *"]).graph();
    assert_eq!(takes(&graph, 0), "");
    let graph = jupyter(&["%run other.py", "x = f()"]).graph();
    assert_eq!(takes(&graph, 1), "f<0");
}

#[test]
fn uses_say_how_a_name_is_read() {
    let graph = jupyter(&["import np", "np.a.b(np.c)\ndef f(): return later\nlater = 1"]).graph();
    let of_np = &graph.uses[1][0];
    assert_eq!(of_np.path, [vec!["a".to_owned(), "b".to_owned()], vec!["c".to_owned()]]);
    assert!(!of_np.deferred);
    let graph = jupyter(&["def f(): return x", "x = 1"]).graph();
    assert!(graph.uses[0][0].deferred);
}

#[test]
fn text_cells_have_no_part_in_the_graph() {
    let graph = python("# %%\nx = 1\n# %% [markdown]\n# x = 2\n# %%\nx\n").graph();
    assert_eq!((graph.order, graph.uses[1].len(), graph.uses[2][0].from), (vec![0, 2], 0, Some(0)));
}

#[test]
fn scripts_are_read_in_order() {
    let graph = python("x = f()\nx = g(x)\nprint(x)\n").graph();
    assert_eq!([takes(&graph, 1), takes(&graph, 2)], ["x<0", "x<1"]);
}
