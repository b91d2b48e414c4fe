//! What people read when something ran again.

use hozon_format::Digest;
use hozon_key::{Explanation, Node, NodeKind, explain};

fn leaf(kind: NodeKind, label: &str, content: &str) -> Node {
    Node::leaf(kind, label, Digest::of(content.as_bytes())).with_shown(content)
}

fn helper(label: &str, code: &str, place: &str) -> Node {
    Node::leaf(NodeKind::Helper, label, Digest::of(code.as_bytes())).with_place(place).with_text(code)
}

fn features(children: impl IntoIterator<Item = Node>) -> Node {
    let code = Node::leaf(NodeKind::Code, "", Digest::of(b"body")).with_text("def features(x):\n    ...\n");
    let mut root = Node::new(NodeKind::Computation, "features").with_place("features.py:3").with_child(code);
    root.children.extend(children);
    root
}

fn because(now: &Node, before: &Node) -> Explanation<&'static str> {
    let explanation = explain(now, &[(before, "before")]);
    assert_eq!(explanation.nearest, Some("before"));
    explanation
}

fn lines(now: impl IntoIterator<Item = Node>, before: impl IntoIterator<Item = Node>) -> String {
    because(&features(now), &features(before)).to_string()
}

#[test]
fn without_an_earlier_recipe_it_is_the_first_run() {
    let explanation = explain::<u8>(&features([]), &[]);
    assert_eq!((explanation.to_string().as_str(), explanation.nearest), ("first run", None));
}

#[test]
fn the_same_recipe_has_no_changes() {
    let explanation = because(&features([]), &features([]));
    assert_eq!((explanation.to_string().as_str(), explanation.changes), ("nothing changed", vec![]));
}

#[test]
fn each_sort_of_part_has_its_words() {
    use NodeKind::{Argument, Class, Distribution, Module, Name, Path, Pin, Value};
    let before = [
        helper("utils.clean", "a", "utils.py:10"),
        Node::leaf(Class, "utils.Model", Digest::of(b"a")).with_place("utils.py:30"),
        leaf(Value, "THRESHOLD", "0.5"),
        leaf(Argument, "alpha", "1"),
        Node::leaf(Argument, "x", Digest::of(b"a")),
        leaf(Distribution, "pandas", "pandas 2.3"),
        leaf(Distribution, "numpy", "2.1"),
        leaf(Module, "local", "1.0"),
        leaf(Pin, "pin_sys_libs", "major"),
        leaf(Pin, "hozon", "hozon 0.1.0"),
        leaf(Name, "", "one"),
    ];
    let after = [
        helper("utils.clean", "b", "utils.py:12"),
        Node::leaf(Class, "utils.Model", Digest::of(b"b")).with_place("utils.py:30"),
        leaf(Value, "THRESHOLD", "0.6"),
        leaf(Argument, "alpha", "2"),
        Node::leaf(Argument, "x", Digest::of(b"b")),
        leaf(Distribution, "pandas", "pandas 3.0"),
        leaf(Distribution, "numpy", "2.2"),
        leaf(Module, "local", "1.1"),
        leaf(Pin, "pin_sys_libs", "minor"),
        leaf(Pin, "hozon", "hozon 0.2.0"),
        leaf(Name, "", "two"),
        Node::leaf(Path, "connection", Digest::of(b"b")),
    ];
    let told = lines(after, before);
    let expected = [
        "helper utils.clean() changed (utils.py:12)",
        "class utils.Model changed (utils.py:30)",
        "THRESHOLD: 0.5 → 0.6",
        "argument alpha: 1 → 2",
        "argument x changed",
        "pandas 2.3 → 3.0",
        "numpy 2.1 → 2.2",
        "module local: 1.0 → 1.1",
        "pin_sys_libs: major → minor",
        "hozon: 0.1.0 → 0.2.0",
        "name: one → two",
        "connection, known by how it was made, added",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn values_that_look_alike_are_told_by_their_shape() {
    let value = |content: &str| {
        Node::leaf(NodeKind::Value, "DATA", Digest::of(content.as_bytes())).with_shown("ndarray float64 (3,)")
    };
    assert_eq!(lines([value("b")], [value("a")]), "DATA changed (ndarray float64 (3,))");
}

#[test]
fn the_code_of_a_definition_is_told_by_the_definition_with_its_difference() {
    let clean = |code: &str| {
        let code = Node::leaf(NodeKind::Code, "", Digest::of(code.as_bytes())).with_text(code);
        Node::new(NodeKind::Helper, "clean").with_place("utils.py:12").with_child(code)
    };
    let before = features([clean("def clean(x):\n    x = x.strip()\n    return x\n")]);
    let now = features([clean("def clean(x):\n    x = x.strip().lower()\n    return x\n")]);
    let explanation = because(&now, &before);
    assert_eq!(explanation.to_string(), "helper clean() changed (utils.py:12)");
    let told = explanation.changes[0].code_difference.as_ref().unwrap();
    let expected = [
        "--- before",
        "+++ now",
        "@@ -1,3 +1,3 @@",
        " def clean(x):",
        "-    x = x.strip()",
        "+    x = x.strip().lower()",
        "     return x",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_change_far_down_is_told_alone_and_once() {
    let tree = |rate: &str| {
        let rate = || leaf(NodeKind::Value, "config.RATE", rate);
        let inner = helper("utils.inner", "inner", "utils.py:1").with_child(rate());
        features([helper("utils.outer", "outer", "utils.py:5").with_child(inner).with_child(rate()), rate()])
    };
    assert_eq!(because(&tree("2"), &tree("1")).to_string(), "config.RATE: 1 → 2");
}

#[test]
fn parts_that_come_and_go() {
    let before =
        [leaf(NodeKind::Argument, "x", "1"), helper("old", "a", "u.py:1"), leaf(NodeKind::Value, "Z", "3")];
    let group = Node::new(NodeKind::Group, "helpers")
        .with_child(helper("new", "b", "u.py:2").with_child(leaf(NodeKind::Value, "Y", "1")))
        .with_child(helper("newer", "c", "u.py:9"));
    let told = lines([leaf(NodeKind::Argument, "x", "1"), group], before);
    let expected = [
        "helper new() added (u.py:2)",
        "helper newer() added (u.py:9)",
        "helper old() removed (u.py:1)",
        "Z removed: 3",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_helper_that_is_reached_another_way_is_told_only_if_it_changed() {
    let shared = |code: &str| helper("shared", code, "u.py:1");
    let before =
        |code| features([helper("a", "a", "u.py:5").with_child(shared(code)), Node::reference(2, "shared")]);
    let now = |code| {
        features([helper("a", "a2", "u.py:5").with_child(Node::new(NodeKind::Value, "V")), shared(code)])
    };
    assert_eq!(because(&now("s"), &before("s")).to_string(), "helper a() changed (u.py:5)\nV added");
    let both = because(&now("t"), &before("s")).to_string();
    assert_eq!(both, "helper a() changed (u.py:5)\nhelper shared() changed (u.py:1)\nV added");
}

/// Label, code, and the references to others, each with an index and a label.
type Definition<'a> = (&'a str, &'a str, &'a [(u64, &'a str)]);

/// The shape in which definitions stand side by side and reach each other by index.
fn graph<const N: usize>(definitions: [Definition<'_>; N]) -> Node {
    let group = definitions.map(|(label, code, references)| {
        let children = references.iter().map(|(index, label)| Node::reference(*index, *label)).collect();
        Node { children, ..helper(label, code, "u.py:1") }
    });
    features([Node { children: group.into(), ..Node::new(NodeKind::Group, "code") }])
}

#[test]
fn references_that_only_shifted_are_not_told() {
    let before = graph([("f", "f", &[(1, "g"), (2, "h")]), ("g", "g", &[(2, "h")]), ("h", "h", &[])]);
    let one_more = graph([
        ("f", "f2", &[(1, "a"), (2, "g"), (3, "h")]),
        ("a", "a", &[]),
        ("g", "g", &[(3, "h")]),
        ("h", "h", &[]),
    ]);
    let told = because(&one_more, &before).to_string();
    assert_eq!(told, "helper f() changed (u.py:1)\nhelper a() added (u.py:1)");
    let swapped = graph([("f", "f2", &[(1, "h"), (2, "g")]), ("h", "h", &[]), ("g", "g", &[(1, "h")])]);
    assert_eq!(because(&swapped, &before).to_string(), "helper f() changed (u.py:1)");
}

#[test]
fn a_name_that_refers_to_something_else_is_told_also_beside_other_changes() {
    let before = graph([("f", "f", &[(7, "sin")]), ("g", "g", &[])]);
    let alias = graph([("f", "f", &[(8, "sin")]), ("g", "g", &[])]);
    assert_eq!(because(&alias, &before).to_string(), "what sin refers to changed");
    let both = graph([("f", "f", &[(8, "sin")]), ("g", "g2", &[])]);
    assert_eq!(
        because(&both, &before).to_string(),
        "what sin refers to changed\nhelper g() changed (u.py:1)"
    );
    let more_calls = graph([("f", "f2", &[(7, "sin"), (1, "g")]), ("g", "g", &[])]);
    assert_eq!(because(&more_calls, &before).to_string(), "helper f() changed (u.py:1)");
}

#[test]
fn another_order_or_place_alone_is_a_change_too() {
    let (a, b) = (|| leaf(NodeKind::Argument, "a", "1"), || leaf(NodeKind::Argument, "b", "2"));
    let expected = "the arrangement of the parts of features changed";
    assert_eq!(lines([a(), b()], [b(), a()]), expected);
    let group = |child: Option<Node>| Node {
        children: child.into_iter().collect(),
        ..Node::new(NodeKind::Group, "g")
    };
    assert_eq!(lines([group(Some(a())), group(None)], [group(None), a(), group(None)]).lines().count(), 1);
}

#[test]
fn one_of_several_parts_with_one_label_is_found() {
    let calls = |contents: [&str; 3]| contents.map(|content| leaf(NodeKind::Value, "V", content));
    assert_eq!(lines(calls(["1", "9", "3"]), calls(["1", "2", "3"])), "V: 2 → 9");
    assert_eq!(lines(calls(["0", "1", "2"]), calls(["1", "2", "3"])), "V: 3 → 0");
}

#[test]
fn the_nearest_earlier_recipe_is_taken_and_of_equals_the_first() {
    let recipe =
        |a: &str, b: &str| features([leaf(NodeKind::Argument, "a", a), leaf(NodeKind::Argument, "b", b)]);
    let earlier = [recipe("9", "9"), recipe("1", "8"), recipe("7", "2")];
    let tagged: Vec<(&Node, usize)> = earlier.iter().zip(0..).collect();
    let explanation = explain(&recipe("1", "2"), &tagged);
    assert_eq!((explanation.nearest, explanation.to_string().as_str()), (Some(1), "argument b: 8 → 2"));
}

#[test]
fn another_computation_name_is_told() {
    let renamed = Node { label: "more".into(), ..features([]) };
    assert_eq!(
        because(&renamed, &features([])).to_string(),
        "the code of more: features → more (features.py:3)"
    );
}

#[test]
fn hundreds_of_changes_are_grouped() {
    let helpers = |version: &str| {
        (0..200).map(|n| helper(&format!("h{n}"), &format!("{version}{n}"), "u.py:1")).collect()
    };
    let mut now: Vec<Node> = helpers("b");
    now.push(leaf(NodeKind::Value, "RATE", "2"));
    let mut before: Vec<Node> = helpers("a");
    before.push(leaf(NodeKind::Value, "RATE", "1"));
    let explanation = because(&features(now), &features(before));
    assert_eq!(explanation.changes.len(), 201);
    assert_eq!(explanation.to_string(), "200 helpers changed: h0(), h1(), h2() and 197 more\nRATE: 1 → 2");
}

#[test]
fn names_cannot_play_with_the_terminal() {
    let name = "a\u{1b}[2J\nb";
    let line = lines([leaf(NodeKind::Value, name, "\r1")], [leaf(NodeKind::Value, name, "\u{202e}2")]);
    assert_eq!(line, r"a\u{1b}[2J\nb: \u{202e}2 → \r1");
}
