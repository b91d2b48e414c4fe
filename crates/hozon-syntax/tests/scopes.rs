//! Which names a definition takes from outside.

mod common;

use common::{module, named, shown};

#[track_caller]
fn reads(source: &str, expected: &str) {
    assert_eq!(shown(&named(&module(source), "f").body.reads), expected, "{source}");
}

#[test]
fn names_that_are_not_bound_inside_are_reads() {
    reads("def f(a): return a + B", "B");
    reads("def f():\n x = 1\n return x + y", "y");
    reads("def f(): return f()", "f()");
    reads("def f(a, /, b, *c, d, **e): return a, b, c, d, e, g", "g");
    reads("f = 1\nclass f: x = 1", "");
}

#[test]
fn a_path_goes_as_far_as_attributes_do() {
    reads("def f(x): return np.linalg.norm(x)", "np.linalg.norm()");
    reads("def f(x): return np.pi", "np.pi");
    reads("def f(x): return np.array(x).sum().real", "np.array()");
    reads("def f(x): return g(np), np.sum(x)", "g() np np.sum()");
    reads("def f(): np.x = 1", "np");
    reads("def f(): np.x += 1", "np");
    reads("def f(): return CONFIG['a'].b", "CONFIG");
    reads("def f(): return np.sum() + len(map(np.sum, []))", "len() map() np.sum");
}

#[test]
fn every_form_of_binding_makes_a_local() {
    for source in [
        "for v in (): v",
        "with g as v: v",
        "import v; v",
        "import v.w; v.w.x",
        "from g import v; v",
        "from g import w as v; v",
        "v = 1; v",
        "(v, *w), [u] = 1; v, w, u",
        "v: int = 1; v",
        "v: int\n v",
        "v += 1",
        "(v := 1); v",
        "[v := 1 for _ in ()]; v",
        "def v(): pass\n v",
        "class v: pass\n v",
        "try: pass\n except g as v: v",
        "del v\n v",
        "type v = int\n v",
        "match 1:\n  case v: v",
        "match 1:\n  case [1, *v]: v",
        "match 1:\n  case {'a': 1, **v}: v",
        "match 1:\n  case g(v) | g(w=v): v",
        "match 1:\n  case (1 | 2) as v: v",
        "async def w():\n  async for v in (): v\n  async with g as u: u",
    ] {
        let module = module(&format!("def f():\n {source}\n"));
        let names = shown(&named(&module, "f").body.reads);
        let names = names.replace("g()", "").replace("int", "").replace('g', "");
        assert_eq!(names.trim(), "", "{source}");
    }
}

#[test]
fn comprehensions_have_a_scope_and_their_first_iterable_is_outside() {
    reads("def f(): return [x for x in x]", "x");
    reads("def f(): return [y for x in xs for y in x if p(y)]", "p() xs");
    reads("def f(): return {k: v for k, v in d}, {s for s in t}, (g for g in h), k", "d h k t");
    reads("def f():\n class C:\n  a = 1\n  b = [a for _ in a]\n", "a");
}

#[test]
fn nested_definitions_count_with_their_defaults_and_decorators() {
    reads("def f():\n @deco\n def g(a=default) -> note: return a + deep\n return g", "deco deep default");
    reads("def f():\n x = 1\n def g(): return x + y\n return g", "y");
    reads("def f(): return lambda a, b=c: a + b + d", "c d");
    reads(
        "def f():\n class C(Base, metaclass=Meta):\n  def m(self, a=dflt): return helper(a)\n",
        "Base Meta dflt helper()",
    );
}

#[test]
fn own_defaults_decorators_and_annotations_do_not_count() {
    reads("@deco(arg)\ndef f(a: note = default, *b: other) -> result:\n x: local_note = a\n", "");
    let module = module("@deco(arg)\n@other.one\ndef f(): pass");
    let decorators: Vec<String> = named(&module, "f").decorators.iter().map(|it| shown(&it.reads)).collect();
    assert_eq!(decorators, ["arg deco()", "other.one"]);
}

#[test]
fn inner_functions_do_not_see_class_scopes() {
    reads("class f:\n x = 1\n def m(self): return x\n y = x", "x");
    reads("class f:\n x = 1\n y = x", "");
    reads("class f:\n x = x\n", "x");
    reads("class f:\n if c: x = 1\n y = x", "c x");
    reads("class f:\n a: Note = 1\n def m(self): return super().m(), __class__", "Note super()");
}

#[test]
fn global_and_nonlocal_names_belong_elsewhere() {
    reads("def f():\n global g\n g = g + 1", "g");
    reads("def f():\n global g\n g = 1", "");
    reads("def f():\n x = 1\n def g():\n  nonlocal x\n  x += 1", "");
    reads("x = 1\ndef o():\n x = 2\n def f():\n  global x\n  return x", "x");
    reads("def o():\n x = 2\n def f():\n  nonlocal x\n  x += 1", "x");
}

#[test]
fn type_parameters_are_bound() {
    reads("def f[T](a: T) -> T:\n x = T\n return y", "y");
    reads("class f[T](Base[T]):\n x = T", "Base");
    reads("def f():\n type A[T] = list[T]", "list");
}

#[test]
fn imports_inside_are_listed() {
    let module = module(
        "def f():\n import a.b, c.d as e\n from ..g import h as i\n from . import j\n from k import *",
    );
    let imports: Vec<String> = named(&module, "f")
        .body
        .imports
        .iter()
        .map(|it| {
            format!(
                "{}{}:{} as {}",
                ".".repeat(it.level as usize),
                it.module,
                it.name.as_deref().unwrap_or("-"),
                it.bound_as
            )
        })
        .collect();
    assert_eq!(imports, [".:j as j", "a.b:- as a", "c.d:- as e", "..g:h as i", "k:* as *"]);
}

#[test]
fn what_is_read_of_an_import_inside_is_told() {
    let uses = |source: &str, expected: &str| {
        let module = module(source);
        let imports = &named(&module, "f").body.imports;
        let shown: Vec<String> = imports
            .iter()
            .map(|import| match &import.uses {
                Some(paths) => paths.iter().map(|path| path.join(".")).collect::<Vec<_>>().join(" "),
                None => "all".to_owned(),
            })
            .collect();
        assert_eq!(shown.join(", "), expected, "{source}");
    };
    uses("def f():\n import m\n return m.g(1), m.h.i", "m.g m.h.i");
    uses("def f():\n import m\n return m, m.g", "m m.g");
    uses("def f():\n import a.b, a.c\n a.b.g, a.c.h", "a.b.g a.c.h, a.b.g a.c.h");
    uses("def f():\n import a.b as c\n c.g", "c.g");
    uses("def f():\n import a.b as a\n a.g", "all");
    uses("def f():\n from m import g as h\n h.i()", "h.i");
    uses("def f():\n def g(): return m.h\n import m\n return lambda: m.i", "m.h m.i");
    uses("def f():\n import m\n return [m.g for m in ()]", "all");
    uses("def f():\n import m", "all");
    uses("def f():\n import m\n m.g, eval(s)", "all");
    uses("def f():\n import importlib, m\n m.g", "all, all");
    uses("def f():\n global m\n import m\n m.g", "all");
    uses("class f:\n import m\n m.g", "all");
    uses("class f:\n def g(self):\n  import m\n  m.g", "m.g");
}

#[test]
fn what_finds_names_while_it_runs_is_told() {
    for dynamic in [
        "eval('x')",
        "exec(s)",
        "globals()",
        "locals()['x']",
        "vars(a)",
        "__import__('x')",
        "getattr(a, name)",
        "importlib.import_module('x')",
        "map(eval, s)",
        "builtins.eval('x')",
        "sys.modules['x']",
        "(lambda: eval('x'))",
    ] {
        assert!(
            named(&module(&format!("def f(a, s): return {dynamic}")), "f").body.uses_dynamic_names,
            "{dynamic}"
        );
    }
    assert!(named(&module("def f():\n import importlib.util as u\n"), "f").body.uses_dynamic_names);
    for plain in ["getattr(a, 'x')", "a.eval('x')", "model.globals", "s"] {
        assert!(
            !named(&module(&format!("def f(a, s): return {plain}")), "f").body.uses_dynamic_names,
            "{plain}"
        );
    }
    assert!(!named(&module("def f(eval): return eval(1)"), "f").body.uses_dynamic_names);
}

#[test]
fn identifiers_are_what_python_has_at_run_time() {
    reads("def f(): return ﬁx.ﬁeld + Ⅷ", "VIII fix.field");
    reads("def f(ﬁ): return fi", "");
}
