//! The names that a cell reads, binds, deletes and changes.

mod notebooks;

use hozon_syntax::Cell;
use notebooks::{binds, code, jupyter, marimo, reads};

fn cell(text: &str) -> Cell {
    jupyter(&[text]).cells.remove(0)
}

#[track_caller]
fn names(text: &str, expected_reads: &str, expected_binds: &str) {
    let cell = cell(text);
    assert_eq!((reads(&cell).as_str(), binds(&cell).as_str()), (expected_reads, expected_binds), "{text}");
}

#[test]
fn functions() {
    names("def f(a, b=c, *d, e: g = h, **i) -> j: return a + k + f", "c g h j k", "f");
    names("async def f(): return await g(x)", "g x", "f");
    names("f = lambda x, y=z: x + w + y", "w z", "f");
    names("def f():\n    import os\n    return os.sep", "", "f");
    names("def f():\n    for x in x: pass", "", "f");
    names("@decorate(argument)\ndef f(): pass", "argument decorate", "f");
    names("def f(x=x): return x", "x", "f");
    names("def f():\n    x = 1\n    def g():\n        nonlocal x\n        x = y\n    return g", "y", "f");
}

#[test]
fn globals_of_functions_are_the_cells() {
    names("def f():\n    global G\n    G = 1", "", "G f");
    names("def f():\n    global G\n    return G", "G", "f");
    names("def f():\n    def g():\n        global H\n        H = 2\n    return g", "", "H f");
    names("class A:\n    global Z\n    Z = 1", "", "A Z");
    let deleting = cell("def f():\n    global G\n    del G");
    assert_eq!(code(&deleting).deletes, ["G"]);
}

#[test]
fn classes() {
    names("class A(B, metaclass=M):\n    x = y", "B M y", "A");
    names("class C:\n    x = x", "x", "C");
    names("class C:\n    x = 1\n    def m(self): return x", "x", "C");
    names("class C:\n    a = 1\n    b = [a for _ in range(a)]", "a range", "C");
    names("class C:\n    def m(self): return C, __class__", "", "C");
    names("def f():\n    y = 1\n    class Inner:\n        z = y\n        w = q\n    return Inner", "q", "f");
}

#[test]
fn comprehensions() {
    names("[i for i in range(n) if i > t]", "n range t", "");
    names("{k: v for k, v in items}", "items", "");
    names("[x for x in x]", "x", "");
    names("[a for a in b for b in c]", "b c", "");
    names("[last := f(x) for x in xs]", "f xs", "last");
    names("def f():\n    [y := 1 for _ in z]\n    return y", "z", "f");
}

#[test]
fn statements_that_bind() {
    names("x = y = z", "z", "x y");
    names("a, *b = c", "c", "a b");
    names("x += 1", "x", "x");
    names("x: T = y", "T y", "x");
    names("for i, (j, k) in enumerate(l): m[i] = j", "enumerate l m", "i j k");
    names("while (n := next(it)): pass", "it next", "n");
    names("with open(p) as fh, q() as (r, s): pass", "open p q", "fh r s");
    names("import a.b.c, d as e", "", "a e");
    names("from a import b as c, d", "", "c d");
    names("try: pass\nexcept E as error: error", "E", "");
    names("try: pass\nexcept* E as group: group", "E", "");
    names("a[b] = c\na.d = c\na.e += c", "a b c", "");
    names("(a := b)", "b", "a");
}

#[test]
fn patterns() {
    names("match s:\n    case {'a': p, **r}: pass\n    case [q, *w]: pass", "s", "p q r w");
    names(
        "match s:\n    case K(z=u) as whole if u > t: pass\n    case X.Y: pass\n    case _: pass",
        "K X s t",
        "u whole",
    );
}

#[test]
fn type_parameters() {
    names("class A[T: B]:\n    x: T", "B", "A");
    names("def f[T, *U, **P](a: T) -> T: return a", "", "f");
    names("type X[T] = list[T] | Q", "Q list", "X");
}

#[test]
fn what_a_cell_gives_first_it_does_not_read() {
    names("x = 1\nprint(x)", "print", "x");
    names("print(x)\nx = 1", "print x", "x");
    names("if p:\n    v = 1\nprint(v)", "p print v", "v");
    names("if p:\n    v = 1\nelse:\n    v = 2\nprint(v)", "p print", "v");
    names("def f(): return x\nx = 1\nf()", "", "f x");
    names("def f(): return x\nf()\nx = 1", "x", "f x");
    names("try:\n    v = 1\nexcept E:\n    raise\nv", "E", "v");
}

#[test]
fn texts_with_names_in_them() {
    names("f\"{a!r:{b}} {c=}\"", "a b c", "");
    names("t\"{a}\"", "a", "");
    names("x: 'Later' = 1", "", "x");
}

#[test]
fn what_is_read_at_once_is_told_from_what_waits_for_a_call() {
    let cell = cell("def f(a=b): return c\nd\nclass E:\n    g\n    def m(self): return h");
    let immediate: Vec<&str> = code(&cell).immediate_reads.iter().map(String::as_str).collect();
    assert_eq!(immediate, ["b", "d", "g"]);
    assert_eq!(reads(&cell), "b c d g h");
}

#[test]
fn names_that_surely_have_a_value_at_the_end() {
    let sure = |text: &str| code(&cell(text)).surely_binds.join(" ");
    assert_eq!(sure("x = 1"), "x");
    assert_eq!(sure("if p: x = 1"), "");
    assert_eq!(sure("if p: x = 1\nelse: x = 2"), "x");
    assert_eq!(sure("for i in l: x = 1"), "");
    assert_eq!(sure("try:\n    x = 1\nexcept E:\n    pass"), "");
    assert_eq!(sure("try:\n    x = 1\nfinally:\n    y = 2"), "x y");
    assert_eq!(sure("with suppress(E):\n    x = 1"), "");
    assert_eq!(sure("x = 1\nif p: del x"), "");
}

#[test]
fn deletions() {
    let deleted = |text: &str| {
        let code = code(&cell(text)).clone();
        (code.deletes.join(" "), code.surely_deletes.join(" "), code.binds.join(" "))
    };
    let owned = |one: &str, two: &str, three: &str| (one.to_owned(), two.to_owned(), three.to_owned());
    assert_eq!(deleted("del x"), owned("x", "x", ""));
    assert_eq!(deleted("if p: del x"), owned("x", "", ""));
    assert_eq!(deleted("x = 1\ndel x"), owned("x", "x", "x"));
    assert_eq!(deleted("del x\nx = 1"), owned("x", "", "x"));
    assert_eq!(deleted("del a.b, c[d]"), owned("", "", ""));
    assert_eq!(deleted("def f():\n    del x"), owned("", "", "f"));
}

#[test]
fn names_whose_value_may_be_changed_in_place() {
    let mutated = |text: &str| code(&cell(text)).mutates.join(" ");
    assert_eq!(mutated("rows.append(1)"), "rows");
    assert_eq!(mutated("frame['a'] = 1"), "frame");
    assert_eq!(mutated("thing.part.x = y"), "thing");
    assert_eq!(mutated("x = y + 1"), "");
    assert_eq!(mutated("def f():\n    rows.append(1)"), "rows");
    assert_eq!(mutated("def f(rows):\n    rows.append(1)"), "");
    assert_eq!(mutated("x += y"), "x");
    assert_eq!(mutated("print(z)"), "print z");
}

#[test]
fn definitions_and_imports_are_told_apart() {
    let kind = |text: &str| {
        let code = code(&cell(text)).clone();
        (code.only_imports, code.only_definitions, code.only_declarations)
    };
    assert_eq!(kind("import a\nfrom b import c"), (true, false, true));
    assert_eq!(kind("def f(): pass\nclass A: pass"), (false, true, true));
    assert_eq!(kind("X = [1, -2, {'a': None}]\nimport b\n'text'"), (false, false, true));
    assert_eq!(kind("X = f()"), (false, false, false));
    assert_eq!(kind(""), (false, false, false));
    assert_eq!(code(&cell("def f(): pass\nf = g(f)\ndef h(): pass")).definitions, ["h"]);
}

#[test]
fn code_that_finds_names_while_it_runs_says_so() {
    for text in ["eval('x')", "exec(code)", "globals()['x']", "getattr(m, name)"] {
        assert!(code(&cell(text)).uses_dynamic_names, "{text}");
    }
    assert!(!code(&cell("getattr(m, 'name')")).uses_dynamic_names);
    assert!(code(&cell("from m import *")).star_import);
}

#[test]
fn pandas_finds_names_behind_an_at_sign() {
    names("frame.query('a > @limit and b < @other.x')", "frame limit other", "");
    names("frame.eval(f'a > @limit * {scale}')", "frame limit scale", "");
    names("frame.query('a > 1')", "frame", "");
    let notebook = marimo(&["limit = 1", "frame.query('a > @limit')"]);
    assert_eq!(notebook.graph().uses[1].iter().filter(|it| it.from == Some(0)).count(), 1);
}
