//! Whether two recipes differ in nothing but code that a person has accepted.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use hozon_format::{Digest, Hasher};

use crate::node::{Node, NodeKind, node_digest};
use crate::observed::known;

/// The present code of a definition that a person says cannot matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedCode {
    /// What sort of definition it is.
    pub kind: NodeKind,
    /// Its qualified name.
    pub label: String,
    /// The digest of its node: of its syntax tree and its decorators.
    pub digest: Digest,
}

/// How one recipe follows from another by accepted edits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AcceptedDifference {
    /// The definitions that differ, by name and place: `clean (utils.py:12)`.
    pub definitions: Vec<String>,
    /// Signs of the parts that the accepted code reaches newly.
    pub reached: BTreeSet<Digest>,
}

/// Returns the digest of a definition's node from that of its body and of the decorators that count.
pub fn definition_digest<'a>(body: &Digest, decorators: impl IntoIterator<Item = &'a Digest>) -> Digest {
    let mut hasher = Hasher::in_domain("hozon 2026 recipe 1: definition with its decorators");
    hasher.update(body.as_bytes());
    decorators.into_iter().for_each(|decorator| {
        hasher.update(decorator.as_bytes());
    });
    hasher.finish()
}

/// Returns the digest by which an edge refers to the value of this number in a recipe's group of values.
pub fn value_reference_digest(index: u64) -> Digest {
    Hasher::in_domain("hozon 2026 recipe 1: reference to a value").update(&index.to_le_bytes()).finish()
}

/// Tells how `now` follows from `before` by accepted edits and by nothing else. Inputs seen while
/// running are left aside.
///
/// A definition may differ if its present code is accepted; then what it reaches newly, or no longer,
/// may differ too. Arguments, values, versions and every other definition must be the same.
///
/// # Errors
///
/// A sentence on the first thing that differs and is not accepted.
pub fn accepted_difference(
    now: &Node,
    before: &Node,
    accepted: &[AcceptedCode],
) -> Result<AcceptedDifference, String> {
    let (now, before) = (Parts::of(known(now))?, Parts::of(known(before))?);
    if now.fixed != before.fixed {
        return Err("its name, the version of hozon or a state of the process is another one".to_owned());
    }
    if now.arguments.digest() != before.arguments.digest() {
        return Err(format!("{} differ, and only edits of code can be accepted", arguments(&now, &before)));
    }
    let mut walk = Walk::new(&now, &before, accepted);
    walk.run()?;
    walk.all_accounted_for()?;
    same_distributions(&now, &before, walk.edges_differ)?;
    Ok(walk.difference)
}

/// The parts of a recipe's root.
struct Parts<'a> {
    fixed: Vec<Digest>,
    code: &'a [Node],
    values: &'a [Node],
    arguments: &'a Node,
    distributions: &'a [Node],
    definition_numbers: HashMap<Digest, usize>,
    value_numbers: HashMap<Digest, usize>,
}

impl<'a> Parts<'a> {
    fn of(root: &'a Node) -> Result<Self, String> {
        let group = |label: &str| {
            let found = root.children.iter().find(|node| node.kind == NodeKind::Group && node.label == label);
            found.ok_or_else(|| format!("its recipe has no {label}"))
        };
        let (code, values) = (&group("code")?.children, &group("values")?.children);
        let fixed = root.children.iter().filter(|node| node.kind != NodeKind::Group).map(Node::digest);
        Ok(Self {
            fixed: fixed.collect(),
            code,
            values,
            arguments: group("arguments")?,
            distributions: &group("distributions")?.children,
            definition_numbers: (0..code.len())
                .map(|at| (Digest::of(&(at as u64).to_le_bytes()), at))
                .collect(),
            value_numbers: (0..values.len()).map(|at| (value_reference_digest(at as u64), at)).collect(),
        })
    }

    fn target(&self, edge: &Node) -> Target {
        let digest = edge.digest.unwrap_or_else(|| edge.digest());
        match (self.definition_numbers.get(&digest), self.value_numbers.get(&digest)) {
            (Some(number), _) => Target::Definition(*number),
            (None, Some(number)) => Target::Value(*number),
            (None, None) => Target::Named(digest),
        }
    }
}

/// What an edge of a definition leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Definition(usize),
    Value(usize),
    Named(Digest),
}

struct Walk<'a> {
    now: &'a Parts<'a>,
    before: &'a Parts<'a>,
    accepted: &'a [AcceptedCode],
    waiting: VecDeque<(usize, usize)>,
    paired: HashSet<(usize, usize)>,
    /// What was met on each side: definitions, values.
    met_now: (HashSet<usize>, HashSet<usize>),
    met_before: (HashSet<usize>, HashSet<usize>),
    edges_differ: bool,
    difference: AcceptedDifference,
}

impl<'a> Walk<'a> {
    fn new(now: &'a Parts<'a>, before: &'a Parts<'a>, accepted: &'a [AcceptedCode]) -> Self {
        Self {
            now,
            before,
            accepted,
            waiting: VecDeque::new(),
            paired: HashSet::new(),
            met_now: Default::default(),
            met_before: Default::default(),
            edges_differ: false,
            difference: AcceptedDifference::default(),
        }
    }

    fn run(&mut self) -> Result<(), String> {
        if self.now.code.is_empty() || self.before.code.is_empty() {
            return Err("its code is not known".to_owned());
        }
        self.meet(0, 0);
        while let Some((now, before)) = self.waiting.pop_front() {
            self.pair(&self.now.code[now], &self.before.code[before])?;
        }
        Ok(())
    }

    fn meet(&mut self, now: usize, before: usize) {
        self.met_now.0.insert(now);
        self.met_before.0.insert(before);
        if self.paired.insert((now, before)) {
            self.waiting.push_back((now, before));
        }
    }

    fn pair(&mut self, now: &'a Node, before: &'a Node) -> Result<(), String> {
        if (now.kind, &now.label) != (before.kind, &before.label) {
            return Err(format!("{} stands where {} stood", name(now), name(before)));
        }
        let same_code = now.digest == before.digest;
        if !same_code {
            let is_accepted = self.accepted.iter().any(|code| {
                (code.kind, &code.label, Some(code.digest)) == (now.kind, &now.label, now.digest)
            });
            if !is_accepted {
                return Err(format!("{} changed, and its present code is not accepted", name(now)));
            }
            let place = now.place.as_ref().map(|place| format!(" ({place})")).unwrap_or_default();
            self.difference.definitions.push(format!("{}{place}", name(now)));
        }
        let mut earlier: HashMap<&str, VecDeque<&'a Node>> = HashMap::new();
        before.children.iter().for_each(|edge| earlier.entry(&edge.label).or_default().push_back(edge));
        for edge in &now.children {
            match earlier.get_mut(edge.label.as_str()).and_then(VecDeque::pop_front) {
                Some(other) => self.pair_targets(edge, other)?,
                None if same_code => return Err(format!("{} in {} leads elsewhere", edge.label, name(now))),
                None => self.reach_newly(edge),
            }
        }
        for edge in earlier.into_values().flatten() {
            if same_code {
                return Err(format!("{} in {} leads elsewhere", edge.label, name(now)));
            }
            self.reach_no_longer(edge);
        }
        Ok(())
    }

    fn pair_targets(&mut self, now: &Node, before: &Node) -> Result<(), String> {
        match (self.now.target(now), self.before.target(before)) {
            (Target::Definition(now), Target::Definition(before)) => {
                self.meet(now, before);
                Ok(())
            }
            (Target::Value(one), Target::Value(other)) => {
                self.met_now.1.insert(one);
                self.met_before.1.insert(other);
                let (one, other) = (&self.now.values[one], &self.before.values[other]);
                let same = one.digest() == other.digest();
                let what =
                    || format!("the value of {} changed, and only edits of code can be accepted", one.label);
                if same { Ok(()) } else { Err(what()) }
            }
            (one, other) if one == other => Ok(()),
            _ => Err(format!("{} means something else than it did", now.label)),
        }
    }

    fn reach_newly(&mut self, edge: &'a Node) {
        self.edges_differ = true;
        let mut edges = vec![edge];
        while let Some(edge) = edges.pop() {
            let found = match self.now.target(edge) {
                Target::Definition(number) if self.met_now.0.insert(number) => {
                    edges.extend(&self.now.code[number].children);
                    &self.now.code[number]
                }
                Target::Value(number) if self.met_now.1.insert(number) => &self.now.values[number],
                Target::Named(_) => edge,
                _ => continue,
            };
            let sign = node_digest(found.kind, &found.label, found.digest.as_ref(), &[]);
            self.difference.reached.insert(sign);
        }
    }

    fn reach_no_longer(&mut self, edge: &'a Node) {
        self.edges_differ = true;
        let mut edges = vec![edge];
        while let Some(edge) = edges.pop() {
            match self.before.target(edge) {
                Target::Definition(number) if self.met_before.0.insert(number) => {
                    edges.extend(&self.before.code[number].children);
                }
                Target::Value(number) => {
                    self.met_before.1.insert(number);
                }
                _ => {}
            }
        }
    }

    /// A part that no edge leads to belongs to nothing that could have been accepted.
    fn all_accounted_for(&self) -> Result<(), String> {
        let sides = [(self.now, &self.met_now), (self.before, &self.met_before)];
        for (parts, met) in sides {
            let code = parts.code.iter().enumerate().find(|(at, _)| !met.0.contains(at));
            let value = parts.values.iter().enumerate().find(|(at, _)| !met.1.contains(at));
            if let Some((_, part)) = code.or(value) {
                return Err(format!("{} cannot be told to belong to accepted code", name(part)));
            }
        }
        Ok(())
    }
}

/// Code that is reached newly may bring its own distributions; those that were there must be the same.
fn same_distributions(now: &Parts<'_>, before: &Parts<'_>, may_differ: bool) -> Result<(), String> {
    let earlier: HashMap<&str, Digest> =
        before.distributions.iter().map(|node| (node.label.as_str(), node.digest())).collect();
    let mut common = 0;
    for node in now.distributions {
        match earlier.get(node.label.as_str()) {
            Some(digest) if *digest == node.digest() => common += 1,
            Some(_) => return Err(format!("the version of {} changed", node.label)),
            None if may_differ => {}
            None => return Err(format!("{} is used newly", node.label)),
        }
    }
    if common < earlier.len() && !may_differ {
        return Err("a distribution is not used any more".to_owned());
    }
    Ok(())
}

fn name(node: &Node) -> String {
    match node.kind {
        NodeKind::Helper => format!("helper {}()", node.label),
        NodeKind::Class => format!("class {}", node.label),
        NodeKind::Computation => format!("the code of {}", node.label),
        _ => node.label.clone(),
    }
}

fn arguments(now: &Parts<'_>, before: &Parts<'_>) -> String {
    let differ =
        |node: &&Node| !before.arguments.children.iter().any(|other| other.digest() == node.digest());
    let names: Vec<&str> =
        now.arguments.children.iter().filter(differ).map(|node| node.label.as_str()).collect();
    if names.is_empty() { "the arguments".to_owned() } else { format!("the arguments {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    fn group(label: &str, children: Vec<Node>) -> Node {
        Node { children, ..Node::new(NodeKind::Group, label) }
    }

    fn to_value(index: u64, label: &str) -> Node {
        Node::leaf(NodeKind::Reference, label, value_reference_digest(index))
    }

    fn named(label: &str) -> Node {
        Node::leaf(NodeKind::Reference, label, digest(label))
    }

    /// total() calls clean(), which reads RATE; `more` are further edges of clean.
    fn recipe(clean: &str, rate: &str, x: &str, more: Vec<Node>, definitions: Vec<Node>) -> Node {
        let total = Node::leaf(NodeKind::Computation, "total", digest("total"))
            .with_child(Node::reference(1, "clean"));
        let mut helper = Node::leaf(NodeKind::Helper, "clean", digest(clean)).with_place("utils.py:3");
        helper.children.push(to_value(0, "RATE"));
        helper.children.extend(more);
        let mut root = Node::new(NodeKind::Computation, "");
        root.children.push(group("code", [vec![total, helper], definitions].concat()));
        root.children.push(group("values", vec![Node::leaf(NodeKind::Value, "RATE", digest(rate))]));
        root.children.push(group("arguments", vec![Node::leaf(NodeKind::Argument, "x", digest(x))]));
        root.children
            .push(group("distributions", vec![Node::leaf(NodeKind::Distribution, "python", digest("3"))]));
        root
    }

    fn before() -> Node {
        recipe("old", "1", "x", vec![], vec![])
    }

    fn accepts(code: &str) -> Vec<AcceptedCode> {
        vec![AcceptedCode { kind: NodeKind::Helper, label: "clean".into(), digest: digest(code) }]
    }

    fn refusal(now: &Node, code: &str) -> String {
        accepted_difference(now, &before(), &accepts(code)).unwrap_err()
    }

    #[test]
    fn an_accepted_edit_and_what_it_reaches_newly_are_covered() {
        let now = recipe("new", "1", "x", vec![named("print")], vec![]);
        let difference = accepted_difference(&now, &before(), &accepts("new")).unwrap();
        assert_eq!(difference.definitions, ["helper clean() (utils.py:3)"]);
        assert_eq!(difference.reached.len(), 1);
        let log = Node::leaf(NodeKind::Helper, "log", digest("log"));
        let now = recipe("new", "1", "x", vec![Node::reference(2, "log")], vec![log]);
        assert!(accepted_difference(&now, &before(), &accepts("new")).is_ok());
        let back = accepted_difference(&before(), &now, &accepts("old")).unwrap();
        assert_eq!(back.reached.len(), 0);
    }

    #[test]
    fn a_further_edit_a_value_or_an_argument_is_not() {
        let cases = [
            (
                recipe("newer", "1", "x", vec![], vec![]),
                "helper clean() changed, and its present code is not accepted",
            ),
            (recipe("new", "2", "x", vec![], vec![]), "the value of RATE changed"),
            (recipe("new", "1", "y", vec![], vec![]), "the arguments x differ"),
        ];
        for (now, why) in cases {
            assert!(refusal(&now, "new").starts_with(why), "{}", refusal(&now, "new"));
        }
    }

    #[test]
    fn an_edit_beside_the_accepted_one_is_not() {
        let mut now = recipe("new", "1", "x", vec![], vec![]);
        now.children[0].children[0].digest = Some(digest("total, edited"));
        assert!(refusal(&now, "new").starts_with("the code of total changed"));
        let mut now = recipe("new", "1", "x", vec![], vec![]);
        now.children[3].children[0].digest = Some(digest("4"));
        assert!(refusal(&now, "new").starts_with("the version of python"));
        let mut now = recipe("new", "1", "x", vec![], vec![]);
        now.children[0].children[0].children[0] = named("clean");
        assert!(refusal(&now, "new").starts_with("clean means something else"));
        let stray = Node::leaf(NodeKind::Helper, "stray", digest("stray"));
        assert!(refusal(&recipe("new", "1", "x", vec![], vec![stray]), "new").contains("stray"));
    }
}
