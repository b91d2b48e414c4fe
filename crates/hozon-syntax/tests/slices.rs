//! Top-level statements, and which of them made a value.

mod common;

use common::{module, shown};

#[track_caller]
fn slice(source: &str, names: &[&str], expected: &[usize]) {
    assert_eq!(module(source).slice(names), expected, "{names:?} of\n{source}");
}

#[test]
fn statements_that_bind_and_what_they_read() {
    slice("a = 1\nb = 2\nc = a\n", &["c"], &[0, 2]);
    slice("a = 1\nb = a\na = 2\n", &["b"], &[0, 1, 2]);
    slice("a = 1\n", &["unknown"], &[]);
    slice("if x:\n  a = y\nfor b in z: pass\nz = 1", &["a", "b"], &[0, 1, 2]);
    slice("i = 0\nfor i in r: a = i\nb = a", &["b"], &[1, 2]);
}

#[test]
fn code_is_known_by_its_digest_and_stays_out() {
    slice("import db\ndef make(): return db.connect(URL)\nURL = 1\nc = make()\n", &["c"], &[3]);
    slice("import db\nURL = 1\nc = db.connect(URL)\n", &["c"], &[1, 2]);
    slice("def f(): pass\nf = wrap(f)\n", &["f"], &[0, 1]);
}

#[test]
fn changes_in_place_belong_to_the_value() {
    for change in [
        "a.append(1)",
        "a.b.c(1)",
        "a[0].b()",
        "a.x = 1",
        "a[0] = 1",
        "del a[0]",
        "a += 1",
        "fill(a)",
        "fill(x=[a])",
        "x = fill(a.b)",
        "x, y = a",
        "for x in a: pass",
        "x = [y for y in a]",
        "a()",
        "a >> b",
        "b >> a",
        "with a: pass",
        "if c: fill(a)",
        "x = lambda: a.append(1)",
        "f([*a])",
        "await a",
        "yield_(a if c else b)",
    ] {
        slice(&format!("a = make()\n{change}\n"), &["a"], &[0, 1]);
    }
    for other in ["x = a", "x = a + 1", "x = a.b", "def f(): a.append(1)", "f = lambda a: a"] {
        slice(&format!("a = make()\n{other}\n"), &["a"], &[0]);
    }
    slice("a = []\nx = len(y)\nz = a + y\n", &["a"], &[0]);
}

#[test]
fn changes_through_another_name_belong_to_the_value() {
    slice("a = make()\nb = a\nb.append(1)\n", &["a"], &[0, 1, 2]);
    slice("a = make()\nd = {'k': [a]}\ne = d['k']\ne[0].append(x)\nx = 1\n", &["a"], &[0, 1, 2, 3, 4]);
    slice("a = make()\nb = a\nb = 1\n", &["a"], &[0]);
    slice("a = make()\nfor x in a:\n  x.clear()\n", &["a"], &[0, 1]);
}

#[test]
fn changes_by_called_functions_belong_to_the_value() {
    slice("a = []\ndef f(): a.append(1)\ndef g(): f()\ng()\nh()\n", &["a"], &[0, 3]);
    slice("a = 0\ndef f():\n  global a\n  a = 1\nf()\n", &["a"], &[0, 2]);
    slice("a = []\ndef f(a): a.append(1)\nf(b)\n", &["a"], &[0]);
}

#[test]
fn statements_that_may_bind_anything_are_always_in() {
    slice("from m import *\nexec(s)\na = 1\nb = 2\n", &["a"], &[0, 1, 2]);
}

#[test]
fn a_statement_tells_what_it_is() {
    let module = module("import a.b\n\n@deco\ndef f(x=y): return z\nfor i in s:\n  t = i\n");
    let shape: Vec<_> = module
        .statements()
        .iter()
        .map(|it| {
            (it.line, it.last_line, it.is_import, it.is_definition, it.binds.join(" "), shown(&it.reads))
        })
        .collect();
    assert_eq!(shape[0], (1, 1, true, false, "a".into(), "".into()));
    assert_eq!(shape[1], (3, 4, false, true, "f".into(), "deco y z".into()));
    assert_eq!(shape[2], (5, 6, false, false, "i t".into(), "s".into()));
}

#[test]
fn the_whole_module_reads_what_it_does_not_make() {
    assert_eq!(
        shown(&module("x = y\ndef f(): return x + g() + z\ndef g(): return 1\nf()").whole().reads),
        "y z"
    );
    assert_eq!(shown(&module("x = x + 1").whole().reads), "x");
}
