//! The body of a `with` statement: what it takes, what it gives, where it may leave.

mod common;

use common::{module, shown};
use hozon_syntax::{Block, BlockError, EscapeKind, Position, ScopeKind};

/// The block whose manager is the text `MANAGER`.
#[track_caller]
fn block(source: &str) -> Block {
    let offset = source.find("MANAGER").expect("a manager");
    let line = source[..offset].matches('\n').count() as u32 + 1;
    let column = offset - source[..offset].rfind('\n').map_or(0, |end| end + 1);
    let found = module(source).block_at(line, Some(column as u32));
    found.unwrap_or_else(|error| panic!("{error}\n{source}"))
}

/// The block with this body, given as lines.
#[track_caller]
fn body(lines: &str) -> Block {
    block(&format!("with MANAGER as ctx:\n    {}\n", lines.replace('\n', "\n    ")))
}

#[track_caller]
fn reads(lines: &str, expected: &str) {
    assert_eq!(shown(&body(lines).body.reads), expected, "{lines}");
    let inside = format!("def f():\n  with MANAGER as ctx:\n    {}\n", lines.replace('\n', "\n    "));
    assert_eq!(shown(&block(&inside).body.reads), expected, "in a function: {lines}");
}

#[track_caller]
fn binds(lines: &str, expected: &[&str]) {
    assert_eq!(body(lines).binds, expected, "{lines}");
}

#[test]
fn a_name_assigned_before_it_is_read_is_no_input() {
    reads("x = 1\ny = x + z", "z");
    reads("x = x + 1", "x");
    reads("x += 1", "x");
    reads("x: int = y\nx", "y");
    reads("a = b = c\na, b", "c");
    reads("print(x := y, x)", "print() y");
    reads("import numpy as np\nnp.sum()", "");
    reads("del x\nx", "");
    reads("x = ctx.value", "ctx.value");
}

#[test]
fn a_name_assigned_on_some_ways_only_is_an_input() {
    reads("if c: x = 1\nx", "c x");
    reads("if c: x = 1\nelse: x = 2\nx", "c");
    reads("if c: x = 1\nelif d: x = 2\nx", "c d x");
    reads("if c: x = 1\nelse: raise E\nx", "E c");
    reads("for i in s: x = i\nx", "s x");
    reads("for i in s: pass\ni", "i s");
    reads("while c: x = 1\nx", "c x");
    reads("c and (x := 1)\nx", "c x");
    reads("(x := c) and 1\nx", "c");
    reads("y = (x := 1) if c else 2\nx", "c x");
    reads("[x := i for i in s]\nx", "s x");
    reads("match c:\n  case 1: x = 1\nx", "c x");
    reads("match c:\n  case 1: x = 1\n  case _: x = 2\nx", "c");
    reads("match c:\n  case [y]: y\ny", "c y");
}

#[test]
fn exceptions_may_come_before_any_assignment() {
    reads("try: x = 1\nexcept E: pass\nx", "E x");
    reads("try: x = 1\nexcept E: x = 2\nx", "E");
    reads("try: x = g()\nexcept E: raise\nx", "E g()");
    reads("try: x = 1\nfinally: x", "x");
    reads("try: x = 1\nfinally: y = 2\nx, y", "");
    reads("try: pass\nexcept E as e: e", "E");
    reads("with open(p) as h: x = h\nx, h", "open() p");
    reads("with suppress(E): x = 1\nx", "E suppress() x");
}

#[test]
fn functions_read_when_they_are_called() {
    reads("def g(): return h()\ndef h(): return 1\ng()", "");
    reads("def g(): return y\ng()\ny = 1", "y");
    reads("def g(): return y\ny = 1\ng()", "");
    reads("def g(): return h()\ndef h(): return y\nmap(g)\ny = 1", "map() y");
    reads("def g(): return y", "y");
    reads("@run\ndef g(): return y\ny = 1", "run() y".replace("()", "").as_str());
    reads("class C:\n  def m(self): return y\ny = 1\nC().m()", "");
    reads("g = lambda: y\ny = 1", "y");
}

#[test]
fn everything_that_binds_is_listed() {
    binds("a = 1; (b, *c), [d] = s; e.f = 1; g[0] = 1", &["a", "b", "c", "d"]);
    binds("a += 1; b: int = 1; c: int", &["a", "b"]);
    binds("for a, b in s:\n  with t as c: pass", &["a", "b", "c"]);
    binds("import a, b.c, d.e as f\nfrom g import h, i as j", &["a", "b", "f", "h", "j"]);
    binds("def a(x=(b := 1)):\n  c = 1\nclass d(e):\n  f = 1", &["a", "b", "d"]);
    binds("g((a := 1), [b := x for x in s], lambda: (c := 1))", &["a", "b"]);
    binds("try: pass\nexcept E as a: pass", &["a"]);
    binds("match s:\n  case [a, *b] | {'k': a, **b}: pass\n  case C(x=c) as d: pass", &["a", "b", "c", "d"]);
    binds("type A[T] = list[T]", &["A"]);
    binds("del a", &[]);
}

#[test]
fn deleted_and_declared_names_are_listed_apart() {
    assert_eq!(body("del a, b[0], (c, d)").deletes, ["a", "c", "d"]);
    assert_eq!(body("try: pass\nexcept E as a: pass").deletes, ["a"]);
    let found =
        block("def o():\n n = 1\n def f():\n  global g\n  nonlocal n\n  with MANAGER:\n   g = n = x = 1\n");
    assert_eq!(
        (found.binds, found.global_binds, found.nonlocal_binds),
        (vec!["x".into()], vec!["g".into()], vec!["n".into()])
    );
}

#[test]
fn ways_out_are_listed_with_their_lines() {
    use EscapeKind::{Await, Break, Continue, Return, Yield};
    let source = "
async def f():
  for _ in s:
    with MANAGER:
      for _ in t:
        break
      else:
        continue
      while a: continue
      if b: break
      await c
      async for _ in d: break
      async with e: pass
      [x async for x in y]
      yield z
      def g():
        yield
        return
      lambda: (yield)
      return
";
    let found: Vec<_> = block(source).escapes.iter().map(|it| (it.kind, it.line)).collect();
    let expected = [
        (Continue, 8),
        (Break, 10),
        (Await, 11),
        (Await, 12),
        (Await, 13),
        (Await, 14),
        (Yield, 15),
        (Return, 20),
    ];
    assert_eq!(found, expected);
    assert!(body("for _ in s: break\nx = 1").escapes.is_empty());
}

#[test]
fn one_manager_of_several() {
    let found = block("with a as (b, c), MANAGER as d, e as f.g, h:\n  pass");
    assert_eq!((found.managers_before, found.managers_after), (1, 2));
    assert_eq!(
        (found.target_names, found.other_target_names),
        (vec!["d".into()], vec!["b".into(), "c".into()])
    );
    let two = module("with a, b: pass\nwith (\n  c,\n  d):\n  pass\nwith f(\n 1): pass\n");
    assert_eq!(two.block_at(1, None), Err(BlockError::Ambiguous { line: 1 }));
    assert_eq!(two.block_at(4, None).unwrap().managers_before, 1);
    assert_eq!(two.block_at(7, None).unwrap().managers_after, 0);
    assert_eq!(two.block_at(2, Some(0)), Err(BlockError::Ambiguous { line: 2 }));
    assert_eq!(two.block_at(6, Some(0)).unwrap().managers_after, 0);
    assert_eq!(two.block_at(5, None), Err(BlockError::NotFound { line: 5 }));
    assert_eq!(two.block_at(1, Some(6)), Err(BlockError::NotFound { line: 1 }));
}

#[test]
fn place_and_scope() {
    let found = block("class C:\n  with MANAGER: a = 1; b = 2\n");
    assert_eq!(found.scope, ScopeKind::Class);
    assert_eq!(found.body_start, Position { line: 2, column: 16 });
    assert_eq!(found.body_end, Position { line: 2, column: 28 });
    assert_eq!(block("with MANAGER: é = x").body_end, Position { line: 1, column: 20 });
    assert_eq!(block("with MANAGER: x").scope, ScopeKind::Module);
    let asynchronous = block("async def f():\n  async with MANAGER: x");
    assert_eq!((asynchronous.scope, asynchronous.is_async), (ScopeKind::Function, true));
}

#[test]
fn names_assigned_before_the_block_are_inputs() {
    assert_eq!(shown(&block("x = 1\nwith MANAGER: y = x").body.reads), "x");
    assert_eq!(shown(&block("class C:\n  x = 1\n  with MANAGER: y = x").body.reads), "x");
    assert_eq!(shown(&block("def f(x):\n  with MANAGER: y = x + x.z").body.reads), "x x.z");
}

#[test]
fn the_digest_is_of_the_body_alone() {
    let digest = |source: &str| block(source).body.digest;
    let one = digest("with MANAGER as a: x = 1");
    assert_eq!(one, digest("def f():\n  if y:\n    with other, MANAGER:\n      x = (1)  # note\n"));
    assert_ne!(one, digest("with MANAGER as a: x = 2"));
}
