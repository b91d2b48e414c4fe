//! Edits that change a digest, and edits that do not.

mod common;

use common::{module, named};
use hozon_format::Digest;
use proptest::prelude::*;

#[track_caller]
fn digest(source: &str) -> Digest {
    named(&module(source), "f").body.digest
}

const ORIGINAL: &str = r#"
def f(a, b=1, *c, d: int = 2, **e) -> str:
    """Does it."""
    x = a + b * 3
    y = ('ab', 'c', 1, 1.0, True, b'q', None, ...)
    for i in range(10):
        if i > 2 and x:
            y.append(f"{i!r:>{x}} t")
    return helper(x, key=y)[1:2].z
"#;

#[test]
fn layout_is_left_out() {
    let layouts = [
        ("    x = a", "\n    # a comment\n\n    x = a"),
        ("a + b * 3", "(a + (b * 3))"),
        ("a + b * 3", "a \\\n  + b*3"),
        ("'ab'", "\"ab\""),
        ("'ab'", "'a' 'b'"),
        ("'ab'", "r'ab'"),
        ("'ab'", "'\\x61b'"),
        ("1.0", "1.00"),
        ("1.0", "1e0"),
        ("range(10)", "range(0xA)"),
        ("\"\"\"Does it.\"\"\"", "'Does it.'"),
        ("return helper", "return  helper"),
        ("key=y)", "key=y,)"),
        ("f\"{i!r:>{x}} t\"", "f'{i!r:>{x}}' ' t'"),
        ("i!r", " i !r"),
        ("def f(", "import os\n\nx = 1\ndef f("),
        ("def f(", "@decorated\ndef f("),
        ("\n", "\r\n"),
        ("\n", "\r"),
    ];
    for (from, to) in layouts {
        let edited = ORIGINAL.replace(from, to);
        assert_ne!(edited, ORIGINAL, "{from}");
        assert_eq!(digest(&edited), digest(ORIGINAL), "{from} -> {to}");
    }
    let tabs: String = ORIGINAL.replace("    ", "\t");
    assert_eq!(digest(&tabs), digest(ORIGINAL));
    let nested = format!("class C:{}", ORIGINAL.replace('\n', "\n  "));
    assert_eq!(digest(&nested), digest(ORIGINAL));
    assert_eq!(digest(&format!("\u{feff}{ORIGINAL}")), digest(ORIGINAL));
    assert_eq!(digest(&format!("\u{c}{ORIGINAL}")), digest(ORIGINAL));
}

#[test]
fn what_a_program_can_see_is_in() {
    let edits = [
        ("def f(", "async def f("),
        ("a, b=1", "a, /, b=1"),
        ("*c,", "*, "),
        ("b=1", "b=2"),
        ("b=1", "b"),
        ("d: int", "d: str"),
        ("d: int", "d"),
        ("-> str", ""),
        ("f(a", "f[T](a"),
        ("Does it.", "Does it"),
        ("x = a", "z = a"),
        ("a + b", "a - b"),
        ("a + b * 3", "(a + b) * 3"),
        ("x = a", "x += a"),
        ("x = a", "x: int = a"),
        ("('ab', 'c',", "('a', 'bc',"),
        ("'ab'", "b'ab'"),
        ("'ab'", "'aB'"),
        (" 1,", " True,"),
        (" 1,", " 1.0,"),
        (" 1,", " '1',"),
        (" 1,", " 1j,"),
        (" 1.0,", " -1.0,"),
        ("None", "..."),
        ("i > 2", "i >= 2"),
        ("and", "or"),
        ("!r", "!s"),
        ("!r:", ":"),
        (":>{x}", ":<{x}"),
        ("{i!r", "{i=!r"),
        ("key=y", "kee=y"),
        ("key=y", "y"),
        ("key=y", "**y"),
        ("[1:2]", "[1]"),
        (".z", ".w"),
        ("            y.append", "            pass\n        y.append"),
        ("    return helper", "    helper"),
        ("return helper", "yield helper"),
    ];
    let mut seen = std::collections::HashSet::from([digest(ORIGINAL)]);
    for (from, to) in edits {
        let edited = ORIGINAL.replacen(from, to, 1);
        assert_ne!(edited, ORIGINAL, "{from}");
        assert!(seen.insert(digest(&edited)), "{from} -> {to}");
    }
}

/// The parser alone does not tell these apart.
#[test]
fn text_that_the_tree_does_not_hold_is_in() {
    let literals = [
        r"'\ud800'",
        r"'\udbff'",
        r"'\ufffd'",
        r"'\U0000d800'",
        r"f'\ud800{a}'",
        r"f'\udbff{a}'",
        r"f'\ufffd{a}'",
        "t'{a + 1}'",
        "t'{a+1}'",
        "rt'{a }'",
        "f'{a=}'",
        "f'{a =}'",
        "f'{a}'",
    ];
    let mut seen = std::collections::HashSet::new();
    for literal in literals {
        assert!(seen.insert(digest(&format!("def f(a): return {literal}"))), "{literal}");
        assert!(seen.insert(digest(&format!("class f(g({literal})): pass"))), "class {literal}");
    }
    let alone = digest("def f(): return '\u{fffd}'");
    assert_eq!(alone, digest("x = '\\u0041'\ndef f(): return '\u{fffd}'"));
}

#[test]
fn future_imports_change_the_code_below_them() {
    assert_ne!(
        digest("from __future__ import annotations\ndef f(a: int): pass"),
        digest("def f(a: int): pass")
    );
}

#[test]
fn kinds_of_fragments_are_kept_apart() {
    let module = module("f\nlambda: f\n@f\ndef g(): f\nclass f: f");
    let mut all: Vec<Digest> = module.definitions().iter().map(|it| it.body.digest).collect();
    all.extend(module.definitions().iter().flat_map(|it| it.decorators.iter().map(|it| it.digest)));
    all.extend(module.statements().iter().map(|it| it.digest));
    all.push(module.whole().digest);
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!((count, all.len()), (9, 9));
}

/// A parser or compiler that changes digests must not go unseen: every stored recipe would be a miss.
#[test]
fn golden_vectors() {
    let samples = [
        ORIGINAL,
        "class f(A, k=1):\n x: int = 1\n @p\n def m(self): return super().m()\n",
        "async def f[T: int, *U](a, /, *, b):\n async with a as (c, d): await c\n async for x in y: break\n else: del x\n",
        "def f():\n global g\n import a.b as c, d\n from ..e import f as h, i\n while 1: continue\n assert 0, 'm'\n raise X from Y\n",
        "def f():\n try: a\n except* E as e: b\n else: c\n finally: d\n match s:\n  case [1, *r] | {'k': v, **w} if g: pass\n  case C(x, y=-1.5) as z: pass\n  case None | 'a' | _: pass\n",
        "def f(): return lambda x=1: [a async for b in c if d], {e: g for h in i}, {*j, k}, {**l}, (yield), not -x @ y ** 2 // 3 << 1, 10**20, 123456789012345678901234567890, 1j, t'{a}'\n",
    ];
    let found: Vec<String> = samples.iter().map(|source| digest(source).short()).collect();
    insta::assert_snapshot!(found.join("\n"), @r"
    5fcfe15e6dc5
    091096e03d73
    e009ecf5a549
    ad16afbe65cb
    ba597aee04de
    451bdc91567d
    ");
}

/// Lines that can be put between any two logical lines.
fn filler() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("\n"),
        Just("# comment 'quote\n"),
        Just("        # deeper\n"),
        Just("\t\n"),
        Just("\u{c}\n")
    ]
    .prop_map(str::to_owned)
}

const PROGRAM: &str = "\
import numpy as np
@deco(1)
class f(Base):
    x = 1
    def m(self, a=[1, 2]):
        if a:
            return lambda q: q + np.sum(a)
        with open(a) as h:
            y = [i for i in h]
        return y
z = f().m({'a': 1,
    'b': 2})
";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn comments_blank_lines_and_indentation_keep_every_digest(
        fillers in prop::collection::vec(prop::option::of(filler()), 13),
        indentation in prop_oneof![Just(" "), Just("  "), Just("\t"), Just("        ")],
        trailing in any::<bool>(),
    ) {
        let mut edited = String::new();
        for (line, filler) in PROGRAM.lines().zip(&fillers) {
            edited.extend(filler.iter().map(String::as_str));
            edited.push_str(&line.replace("    ", indentation));
            edited.push_str(if trailing { "  # end\n" } else { "\n" });
        }
        let (one, other) = (module(PROGRAM), module(&edited));
        prop_assert_eq!(one.whole(), other.whole());
        let fragments = |module: &hozon_syntax::Module| -> Vec<_> {
            module.definitions().iter().map(|it| (it.qualname.clone(), it.body.clone(), it.decorators.clone())).collect()
        };
        prop_assert_eq!(fragments(&one), fragments(&other));
        let block = |module: &hozon_syntax::Module| {
            let lines = 1..60;
            lines.filter_map(|line| module.block_at(line, None).ok()).map(|block| block.body).next()
        };
        prop_assert!(block(&one).is_some());
        prop_assert_eq!(block(&one), block(&other));
    }
}
