//! Any text gets an answer: no panic, no overflow of the stack.

mod common;

use common::module;
use hozon_syntax::{Dialect, SourceError, analyse};
use proptest::prelude::*;

/// Texts that nest `depth` levels, one for each way of nesting.
fn nested(depth: usize) -> Vec<String> {
    let around = |open: &str, inner: &str, close: &str| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    let blocks: String = (0..depth.min(90)).map(|level| format!("{}if x:\n", " ".repeat(level))).collect();
    vec![
        around("(", "x", ")"),
        around("[", "", "]"),
        around("{", "x", "}"),
        around("{1:", "x", "}"),
        around("f(", "x", ")"),
        around("x[", "x", "]"),
        around("(x, ", "y", ")"),
        around("-", "x", ""),
        around("not ", "x", ""),
        around("lambda: ", "x", ""),
        around("await ", "x", ""),
        around("x if y else ", "z", ""),
        around("x ** ", "y", ""),
        around("", "x", ".a"),
        around("", "x", "()"),
        around("", "x", "[0]"),
        around("", "x", " + y"),
        around("[", "y", " for x in z]"),
        format!("match x:\n case {}: pass", around("[", "y", "]")),
        format!("{}pass\n", blocks + &" ".repeat(depth.min(90))),
        around("(", "", ""),
        around("", "", ")"),
        around("[[x], ", "", ""),
        around("f'{", "x", "}'"),
    ]
}

#[test]
fn nesting_beyond_the_limit_is_refused_without_harm() {
    for source in nested(10_000).into_iter().chain(nested(300_000)) {
        if let Ok(module) = analyse(&source, Dialect::Python) {
            assert!(source.lines().count() > 80, "accepted: {}", &source[..40]);
            drop(module);
        }
    }
}

#[test]
fn nesting_below_the_limit_is_read_on_a_small_stack() {
    let work = || {
        for source in nested(700) {
            let refused = matches!(analyse(&source, Dialect::Python), Err(SourceError::TooDeep { .. }));
            assert!(!refused, "refused: {}", &source[..40]);
        }
        for source in nested(2_900) {
            // Brackets count twice, so some of these are refused; chains are not.
            let refused = matches!(analyse(&source, Dialect::Python), Err(SourceError::TooDeep { .. }));
            assert!(!refused || !source.ends_with(".a"));
        }
    };
    std::thread::Builder::new().stack_size(512 * 1024).spawn(work).unwrap().join().unwrap();
}

#[test]
fn long_flat_texts_are_not_deep() {
    let row = "[1, 'a', {'k': (1, 2)}, f(x).y],\n".repeat(20_000);
    assert_eq!(module(&format!("x = [\n{row}]\n")).statements().len(), 1);
    assert_eq!(module(&"x = f(1).a[2]\n".repeat(20_000)).statements().len(), 20_000);
    let choices = format!("if x == 0: pass\n{}", "elif x == 1: pass\n".repeat(5_000));
    assert_eq!(module(&choices).statements().len(), 1);
    assert_eq!(module(&format!("x = y == 1{}", " or y == 2".repeat(5_000))).statements().len(), 1);
}

#[test]
fn errors_say_where() {
    let error = |source: &str| analyse(source, Dialect::Python).unwrap_err();
    assert!(matches!(error("x = 1\n\ny = (\n"), SourceError::Syntax { line: 3 | 4, .. }));
    assert!(matches!(error("x = 1\r\rdef f(:\n"), SourceError::Syntax { line: 3, .. }));
    assert!(matches!(error("x\n'\0'"), SourceError::Syntax { line: 2, .. }));
    assert!(matches!(error("%time x"), SourceError::Syntax { line: 1, .. }));
    assert!(matches!(error(&" ".repeat(17 << 20)), SourceError::TooLarge { .. }));
}

#[test]
fn magics_are_read_in_notebooks() {
    let module = analyse("%time x\n!ls {y}\nz?\nw = !ls\nv = %time q\nu = 1", Dialect::Ipython).unwrap();
    assert_eq!(module.statements().len(), 6);
    assert!(module.whole().uses_dynamic_names);
    assert!(!module.statements()[5].uses_dynamic_names);
    let other = analyse("%time y\n!ls {y}\nz?\nw = !ls\nv = %time q\nu = 1", Dialect::Ipython).unwrap();
    assert_ne!(module.whole().digest, other.whole().digest);
}

/// Pieces that make texts which nearly are Python.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "def f(",
        "class A",
        "lambda",
        ":",
        "\n",
        "\n    ",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        "=",
        ":=",
        "x",
        "é",
        "1",
        "'",
        "\"\"\"",
        "f'",
        "t'",
        "\\",
        "#",
        "with",
        " as ",
        " for ",
        " in ",
        "async ",
        "await ",
        "match x:\n case ",
        "*",
        "**",
        ".",
        "@",
        "del ",
        "global x",
        "import ",
        "from . ",
        "return ",
        "yield ",
        "\r",
        "\t",
        "\u{c}",
        "!",
        "?",
        "%",
        "\\ud800",
        "if ",
        " else ",
        "try:",
        "except E as e:",
        "type X[T] = ",
        ";",
        "0x",
        "1e",
        "\u{feff}",
        "ﬁ",
        "not ",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn use_it_all(source: &str) {
    for dialect in [Dialect::Python, Dialect::Ipython] {
        let Ok(module) = analyse(source, dialect) else { continue };
        for line in 0..6 {
            let _ = module.block_at(line, None);
            let _ = module.block_at(line, Some(line * 3));
        }
        for definition in module.definitions() {
            assert!(definition.first_line <= definition.line && definition.line <= definition.last_line);
            assert!(
                module
                    .function_at(&definition.name, definition.first_line, None)
                    .is_none_or(|it| it.name == definition.name)
            );
        }
        module.slice(&["x", "f"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(source in "\\PC{0,80}") {
        use_it_all(&source);
    }

    #[test]
    fn no_near_python_panics(source in pieces()) {
        use_it_all(&source);
    }
}

#[test]
fn a_panic_of_the_parser_is_a_syntax_error() {
    assert!(matches!(analyse("[)\n?", Dialect::Ipython), Err(SourceError::Syntax { .. })));
}

#[test]
fn a_module_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    shared(&module("x"));
}
