//! Finding a definition by what CPython reports of it.

mod common;

use common::module;
use hozon_syntax::{DefinitionKind, Position};

const SOURCE: &str = "\
@a
@b(lambda q: q)
def f(x,
      y=1):
    class In:
        def m(self):
            return (lambda: 1)
    return In

async def g(): pass

class C:
    class D:
        h = lambda s: [lambda: 1 for _ in s]
        def f(self): global k; class k: pass
";

#[test]
fn definitions_are_in_source_order_with_their_qualified_names() {
    let module = module(
        "def f():\n  class In:\n    def m(self): return lambda: 1\n  global k\n  def k(): pass\nclass C:\n  class D: h = lambda s: (lambda: 1 for _ in s)",
    );
    let names: Vec<&str> = module.definitions().iter().map(|it| it.qualname.as_str()).collect();
    let expected = [
        "f",
        "f.<locals>.In",
        "f.<locals>.In.m",
        "f.<locals>.In.m.<locals>.<lambda>",
        "k",
        "C",
        "C.D",
        "C.D.<lambda>",
        "C.D.<lambda>.<locals>.<genexpr>.<locals>.<lambda>",
    ];
    assert_eq!(names, expected);
    let enclosed: Vec<bool> = module.definitions().iter().map(|it| it.enclosing_function).collect();
    assert_eq!(enclosed, [false, true, true, true, true, false, false, false, true]);
}

#[test]
fn lines_are_those_of_code_objects() {
    let module = module(&SOURCE.replace("global k; class k: pass", "pass"));
    let f = module.function_at("f", 1, None).unwrap();
    assert_eq!((f.first_line, f.line, f.last_line, f.kind), (1, 3, 8, DefinitionKind::Function));
    assert_eq!(f.decorators.len(), 2);
    assert_eq!(module.function_at("g", 10, None).unwrap().kind, DefinitionKind::AsyncFunction);
    assert_eq!(
        module.function_at("<lambda>", 7, None).unwrap().qualname,
        "f.<locals>.In.m.<locals>.<lambda>"
    );
    assert!(module.function_at("f", 3, None).is_none());
    assert!(module.function_at("In", 5, None).is_none());
    assert_eq!(module.class_candidates("f.<locals>.In").len(), 1);
    assert_eq!(module.class_at("C.D", 13).unwrap().line, 13);
    assert!(module.class_at("C.D", 12).is_none());
}

#[test]
fn the_place_of_the_body_tells_lambdas_on_one_line_apart() {
    let source = "é = lambda x: x + 1, lambda x: x + 2, lambda: lambda: 3";
    let module = module(source);
    let at = |text: &str| {
        let column = source.find(text).unwrap() as u32;
        module.function_at("<lambda>", 1, Some(Position { line: 1, column })).map(|it| it.body.digest)
    };
    let digests: Vec<_> = module.definitions().iter().map(|it| Some(it.body.digest)).collect();
    assert_eq!(module.function_at("<lambda>", 1, None), None);
    assert_eq!([at("x + 1"), at("x + 2"), at("lambda: 3"), at("3")][..], digests[..]);
    assert_eq!(at("é"), None);
}

#[test]
fn lambdas_that_are_alike_need_no_place() {
    assert!(module("x = lambda: 1, lambda: 1").function_at("<lambda>", 1, None).is_some());
    assert!(module("x = lambda: y, lambda: z").function_at("<lambda>", 1, None).is_none());
}

#[test]
fn classes_of_one_name_are_all_candidates() {
    let module = module("if a:\n  class C: x = 1\nelse:\n  class C: x = 2\n");
    assert_eq!(module.class_candidates("C").len(), 2);
    assert_eq!(module.class_at("C", 4), module.class_candidates("C").last().copied());
}
