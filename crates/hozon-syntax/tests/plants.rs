//! Attributes that code uses, and what a module puts on things that are not its own.

mod common;

use common::{module, named};
use hozon_syntax::{Plant, may_plant};

#[track_caller]
fn attributes(source: &str, expected: &str) {
    assert_eq!(named(&module(source), "f").body.attributes.join(" "), expected, "{source}");
}

#[track_caller]
fn plants(source: &str, expected: &str) {
    let shown = |plant: &Plant| {
        let (onto, name) = (plant.onto.join("."), plant.name.as_deref().unwrap_or("?"));
        format!("{onto}{}{name}", if plant.is_registered { "()" } else { "." })
    };
    let found = module(source);
    assert_eq!(found.plants().iter().map(shown).collect::<Vec<_>>().join(" "), expected, "{source}");
    assert!(expected.is_empty() || may_plant(source), "not expected of the text: {source}");
}

#[test]
fn attributes_of_all_values_are_used() {
    attributes("def f(x): return x.a.b + y.c", "a b c");
    attributes("def f(x): return g(x).acc.k()", "acc k");
    attributes("def f(x):\n x.a = 1\n x.b += 1\n del x.c", "a b c");
    attributes("def f(x): return getattr(x, 'a'), hasattr(x, 'b')", "a b");
    attributes("def f(x): return operator.attrgetter('a.b', 'c')(x)", "a attrgetter b c");
    attributes("def f(x):\n match x:\n  case C(a=1): pass", "a");
    attributes("def f(x):\n def g(): return x.a\n class A: y = x.b\n return [z.c for z in x]", "a b c");
    attributes("def f(x): return x + y", "");
    attributes("def g(x): return x.a\ndef f(x): return g(x)", "");
}

#[test]
fn an_attribute_set_from_outside_is_a_plant() {
    plants("a.B.c = 1", "a.B.c");
    plants("a.b, c.d = 1, 2", "a.b c.d");
    plants("a.b += 1", "a.b");
    plants("a.b: int = 1", "a.b");
    plants("x = a.b = 1", "a.b");
    plants("(a.b) = 1", "a.b");
    plants("if x: a.b = 1", "a.b");
    plants("for a.b in (): pass", "a.b");
    plants("with x as a.b: pass", "a.b");
    plants("del a.b", "a.b");
    plants("a.\\\nb = 1", "a.b");
    plants("a\t.\t b\t= 1", "a.b");
    plants("a.b\x0c= 1", "a.b");
    plants("(a\n  .  # c\n  b) = 1", "a.b");
    plants("with x  as\ta . b:\n pass", "a.b");
    plants("setattr(A.b, 'c', 1)", "A.b.c");
    plants("setattr(A, name, 1)", "A.?");
    plants("delattr(A, 'c')", "A.c");
    plants("type.__setattr__(A, 'c', 1)", "A.c");
}

#[test]
fn what_is_set_in_a_function_is_a_plant_if_its_root_is_global() {
    plants("def f(): A.b = 1", "A.b");
    plants("def f(A): A.b = 1", "");
    plants("class C:\n def f(self): self.b = 1", "");
    plants("def f():\n A = g()\n A.b = 1", "");
    plants("def f(A): setattr(A, 'b', 1)", "");
}

#[test]
fn a_name_that_is_registered_is_a_plant() {
    plants(
        "@pd.register_accessor('acc')\nclass A: pass",
        "pd.register_accessor()A pd.register_accessor()acc",
    );
    plants("@register(name='acc')\nclass A: pass", "register()A register()acc");
    plants("pd.register_accessor('acc')(A)", "pd.register_accessor()acc");
    plants("@pf.register_method\ndef f(): pass", "pf.register_method()f");
    plants(
        "def f():\n @pd.register_accessor('acc')\n class A: pass",
        "pd.register_accessor()A pd.register_accessor()acc",
    );
    plants("register('no name')", "");
    plants("@route('acc')\nclass A: pass", "");
}

#[test]
fn other_texts_put_nothing_anywhere() {
    for source in [
        "class A:\n def __init__(self, x): self.x = x",
        "x = a.b",
        "a.b == 1",
        "a['b'] = 1",
        "f(x)(1).b = 1",
        "f(x, y=a.b)",
    ] {
        plants(source, "");
    }
}

#[test]
fn most_texts_need_no_tree() {
    for source in [
        "",
        "import a.b\nx = 1",
        "def f(self):\n    self.x = 1\n    return a.b",
        "if a.b == c or a.b <= c or a.b != c:\n    pass",
        "x = np.zeros(3, dtype=np.int64)",
        "x: np.ndarray = np.zeros(3)",
        "def f(x: np.ndarray = None, y: float = np.pi) -> np.ndarray:\n    return x",
        "x = f(\n    y=np.pi,\n)",
        "for x in np.arange(3):\n    pass",
        "x = [a.b for a in c.d if a.e]",
        "with open(a.b) as f:\n    pass",
        "import a.b as c",
        "if (x := a.b) > 1:\n    pass",
        "print(f\"{a.b=}\")  # a.b = 1",
        "\"\"\"Text. And more.\"\"\"",
        "x = a.b[\"=\"]",
        "os.environ['x'] = a.b[0] = 1",
        "\"\"\"Text for a.b. As c.d, it registers.\n\na.b = 1\n\"\"\"",
        "x = f(\n    a.b, y=1,\n    z=2)",
        "def f(\n    x: np.ndarray = np.pi,\n): pass",
    ] {
        assert!(!may_plant(source), "{source}");
    }
}

#[test]
fn what_texts_and_brackets_hide_is_found() {
    plants("a[\"(\"].b = 1; c.d = 2", "c.d");
    plants("x = \"\"\"\n(\" \"\"\"; a.b = 1", "a.b");
    plants("x = \"\"\"\nit's\"\"\"; a.b = 1", "a.b");
    plants("x = '\\''; a.b = 1", "a.b");
    plants("(\n  a.b,\n  c,\n) = 1, 2", "a.b");
    plants("[\n  a.b,\n] = 1,", "a.b");
    plants("else_ = 1\nif x: pass\nelse: a.b = 1", "a.b");
    plants("try: a.b = 1\nfinally: c.d = 1", "a.b c.d");
    plants("x = [1for a.b in y]", "a.b");
    plants("def f():\n  global a\n  for x, (a.b) in y: pass", "a.b");
    plants("with x as (a.b, c): pass", "a.b");
    plants("with x as c, y as a.b: pass", "a.b");
    plants("del x, a.b", "a.b");
    plants("a.b <<= 1", "a.b");
    plants("a.b//=1", "a.b");
    plants("x = y == z; a.b = 1", "a.b");
    plants("*a.b, c = y", "a.b");
    plants("a . b = 1", "a.b");
    plants("x[0], a.b = 1, 2", "a.b");
    plants("x[0] = a.b = 1", "a.b");
    plants("[a.b] = x[0], = 1,", "a.b");
    plants("(a\n. b) = 1", "a.b");
    plants("x = f\"{y}\"; a.b = 1", "a.b");
    plants("x = f'{y['a']}'\na.b = 1", "a.b");
    plants("é.b = 1", "é.b");
}

#[test]
#[ignore = "reads the Python files of a folder that CORPUS names"]
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "run by hand, on files of the person's"
)]
fn no_text_of_a_corpus_is_missed() {
    let mut folders = vec![std::path::PathBuf::from(std::env::var("CORPUS").unwrap())];
    let (mut read, mut planting, mut suspected) = (0, 0, 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "py")
                && let Ok(text) = std::fs::read_to_string(&path)
                && let Ok(module) = hozon_syntax::analyse(&text, hozon_syntax::Dialect::Python)
            {
                let plants = !module.plants().is_empty();
                read += 1;
                planting += usize::from(plants);
                suspected += usize::from(may_plant(&text));
                assert!(!plants || may_plant(&text), "{}: {:?}", path.display(), module.plants());
            }
        }
    }
    println!("{read} files, {planting} plant something, {suspected} may");
}

#[test]
fn a_plant_knows_its_statement() {
    let source = module("import a\nx = 1\ndef f():\n    a.B.c = 1\n@a.register('d')\nclass A: pass\ny = 2\n");
    let statements: Vec<usize> = source.plants().iter().map(|plant| plant.statement).collect();
    assert_eq!(statements, [2, 3, 3]);
}

#[test]
fn letters_that_are_not_ascii_may_spell_any_name() {
    plants("ｓｅｔａｔｔｒ(A, 'c', 1)", "A.c");
    plants("a.ｂ = 1", "a.b");
    assert!(may_plant("ｄｅｌａｔｔｒ(A, 'c')"));
    assert!(may_plant("größe = 1"), "it is not told what letters it is");
    assert!(!may_plant("x = 'größe'  # größe"), "texts and comments are none of the code");
}
