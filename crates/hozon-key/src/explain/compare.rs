//! The differences between two trees.

use std::collections::{HashMap, HashSet, VecDeque};

use hozon_format::Digest;

use super::{Change, ChangeKind};
use crate::node::{Node, NodeKind, Shown, node_digest};

/// Compares `now` with each earlier recipe.
pub(super) fn changes_since_each<'a>(
    now: &'a Node,
    earlier: impl Iterator<Item = &'a Node>,
) -> Vec<Vec<Change>> {
    let now = Hashed::new(now);
    earlier.map(|before| changes(&now, &Hashed::new(before))).collect()
}

/// A node with its Merkle digest, taken once: equal subtrees are left aside without being walked.
struct Hashed<'a> {
    node: &'a Node,
    digest: Digest,
    children: Vec<Hashed<'a>>,
}

impl<'a> Hashed<'a> {
    fn new(node: &'a Node) -> Self {
        let children: Vec<Hashed<'a>> = node.children.iter().map(Hashed::new).collect();
        let digests: Vec<Digest> = children.iter().map(|child| child.digest).collect();
        let digest = node_digest(node.kind, &node.label, node.digest.as_ref(), &digests);
        Self { node, digest, children }
    }

    fn name(&self) -> (NodeKind, &'a str) {
        (self.node.kind, &self.node.label)
    }
}

/// A node and the definition whose code it is part of.
#[derive(Clone, Copy)]
struct Site<'t, 'a> {
    here: &'t Hashed<'a>,
    owner: &'t Hashed<'a>,
}

impl<'t, 'a> Site<'t, 'a> {
    fn root(here: &'t Hashed<'a>) -> Self {
        Self { here, owner: here }
    }

    fn child(&self, child: &'t Hashed<'a>) -> Self {
        let owner = if is_definition(child.node.kind) { child } else { self.owner };
        Self { here: child, owner }
    }

    /// The node by whose name people know this one: code has none of its own.
    fn named(&self) -> &'a Node {
        if self.here.node.kind == NodeKind::Code { self.owner.node } else { self.here.node }
    }
}

fn is_definition(kind: NodeKind) -> bool {
    matches!(kind, NodeKind::Computation | NodeKind::Helper | NodeKind::Class | NodeKind::Module)
}

/// The walk over two trees side by side.
#[derive(Default)]
struct Walk<'t, 'a> {
    changes: Vec<Change>,
    added: Vec<Site<'t, 'a>>,
    removed: Vec<Site<'t, 'a>>,
    /// Pairs of digests that have been walked: what is reached twice is told once.
    seen: HashSet<(Digest, Digest)>,
}

fn changes(now: &Hashed<'_>, before: &Hashed<'_>) -> Vec<Change> {
    let mut walk = Walk::default();
    walk.pair(Site::root(now), Site::root(before));
    walk.pair_moved();
    walk.report_unpaired();
    let mut changes = walk.changes;
    leave_out_shifted_references(&mut changes, now, before);
    if changes.is_empty() && now.digest != before.digest {
        changes.push(arrangement(Site::root(now)));
    }
    let mut told = HashSet::new();
    changes.retain(|change| {
        let what = (change.kind, change.node, change.label.clone());
        told.insert((what, change.before.clone(), change.after.clone()))
    });
    changes
}

/// Leaves out references that may have changed only because what they refer to has another index now.
fn leave_out_shifted_references(changes: &mut Vec<Change>, now: &Hashed<'_>, before: &Hashed<'_>) {
    let is_reference = |change: &Change| change.node == NodeKind::Reference;
    if changes.iter().all(is_reference) || !changes.iter().any(is_reference) {
        return;
    }
    let may_have_shifted = names(now) != names(before);
    // A reference that came or went is part of a change of code, which is told already.
    let tells = |change: &Change| change.kind == ChangeKind::Changed && !may_have_shifted;
    changes.retain(|change| !is_reference(change) || tells(change));
}

/// The names of all nodes that references can refer to, in the order that gives them their indices.
fn names<'a>(node: &Hashed<'a>) -> Vec<(NodeKind, &'a str)> {
    let mut names = vec![];
    let mut waiting = vec![node];
    while let Some(node) = waiting.pop() {
        if node.node.kind != NodeKind::Reference {
            names.push(node.name());
        }
        waiting.extend(node.children.iter().rev());
    }
    names
}

impl<'t, 'a> Walk<'t, 'a> {
    fn pair(&mut self, now: Site<'t, 'a>, before: Site<'t, 'a>) {
        let digests = (now.here.digest, before.here.digest);
        if digests.0 == digests.1 || !self.seen.insert(digests) {
            return;
        }
        let found_before = self.changes.len() + self.added.len() + self.removed.len();
        let own_changed =
            now.here.node.digest != before.here.node.digest || now.here.name() != before.here.name();
        if own_changed {
            self.changes.push(changed(now, before));
        }
        self.pair_children(now, before);
        let found = self.changes.len() + self.added.len() + self.removed.len();
        if found == found_before && same_children(now.here, before.here) {
            self.changes.push(arrangement(now));
        }
    }

    /// Pairs children of one name: first the equal ones, then the others in their order.
    fn pair_children(&mut self, now: Site<'t, 'a>, before: Site<'t, 'a>) {
        let mut waiting: HashMap<(NodeKind, &str), VecDeque<&'t Hashed<'a>>> = HashMap::new();
        for child in unlike(before.here, now.here) {
            waiting.entry(child.name()).or_default().push_back(child);
        }
        for child in unlike(now.here, before.here) {
            match waiting.get_mut(&child.name()).and_then(VecDeque::pop_front) {
                Some(earlier) => self.pair(now.child(child), before.child(earlier)),
                None => self.added.push(now.child(child)),
            }
        }
        // In the order of the tree, which a map does not keep.
        for child in &before.here.children {
            let left = waiting.get(&child.name()).into_iter().flatten();
            if left.into_iter().any(|left| std::ptr::eq(*left, child)) {
                self.removed.push(before.child(child));
            }
        }
    }

    /// Pairs what was added at one place with what was removed, under the same name, at another.
    fn pair_moved(&mut self) {
        // Each round takes away at least one site and can find only sites below, so it ends.
        while let Some((added, removed)) = self.moved_pair() {
            let (now, before) = (self.added.remove(added), self.removed.remove(removed));
            self.pair(now, before);
        }
    }

    fn moved_pair(&self) -> Option<(usize, usize)> {
        let removed: HashMap<_, usize> =
            self.removed.iter().enumerate().rev().map(|(index, site)| (site.here.name(), index)).collect();
        self.added
            .iter()
            .enumerate()
            .find_map(|(index, site)| removed.get(&site.here.name()).map(|removed| (index, *removed)))
    }

    fn report_unpaired(&mut self) {
        let added = self.added.iter().flat_map(|site| leaves_of_groups(*site));
        let added = added.map(|site| one_sided(site, ChangeKind::Added));
        let removed = self.removed.iter().flat_map(|site| leaves_of_groups(*site));
        let removed = removed.map(|site| one_sided(site, ChangeKind::Removed));
        self.changes.extend(added.chain(removed));
    }
}

/// The children of `here` that `there` has no equal of, equal ones being counted.
fn unlike<'t, 'a>(here: &'t Hashed<'a>, there: &Hashed<'_>) -> Vec<&'t Hashed<'a>> {
    let mut equal: HashMap<Digest, usize> = HashMap::new();
    there.children.iter().for_each(|child| *equal.entry(child.digest).or_default() += 1);
    let is_unlike = |child: &&Hashed<'_>| match equal.get_mut(&child.digest) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    };
    here.children.iter().filter(is_unlike).collect()
}

/// Tells whether two nodes have the same children, in whatever order.
fn same_children(now: &Hashed<'_>, before: &Hashed<'_>) -> bool {
    let digests =
        |node: &Hashed<'_>| -> HashSet<Digest> { node.children.iter().map(|child| child.digest).collect() };
    digests(now) == digests(before)
}

/// The same parts in another order or in another place.
fn arrangement(site: Site<'_, '_>) -> Change {
    let label = match site.named().label.as_str() {
        "" => "the arrangement of the parts".to_owned(),
        label => format!("the arrangement of the parts of {label}"),
    };
    Change { node: NodeKind::Group, label, place: None, ..about(site, ChangeKind::Changed) }
}

/// A group says nothing to people: its parts do.
fn leaves_of_groups<'t, 'a>(site: Site<'t, 'a>) -> Vec<Site<'t, 'a>> {
    if site.here.node.kind != NodeKind::Group || site.here.children.is_empty() {
        return vec![site];
    }
    site.here.children.iter().flat_map(|child| leaves_of_groups(site.child(child))).collect()
}

fn changed(now: Site<'_, '_>, before: Site<'_, '_>) -> Change {
    let (after_text, before_text) = (text(now), text(before));
    let digests = before.here.node.digest.zip(now.here.node.digest);
    let code_difference = before_text.zip(after_text).and_then(|(old, new)| code_difference(old, new));
    Change {
        before: shown(before.here.node, now.here.node),
        after: shown(now.here.node, before.here.node),
        code_difference,
        digests,
        ..about(now, ChangeKind::Changed)
    }
}

fn one_sided(site: Site<'_, '_>, kind: ChangeKind) -> Change {
    let shown = site.here.node.shown.as_ref().map(|shown| shown.as_str().to_owned());
    let (before, after) = if kind == ChangeKind::Added { (None, shown) } else { (shown, None) };
    Change { before, after, ..about(site, kind) }
}

fn about(site: Site<'_, '_>, kind: ChangeKind) -> Change {
    let named = site.named();
    let place = site.here.node.place.clone().or_else(|| named.place.clone());
    let label = named.label.clone();
    Change {
        kind,
        node: named.kind,
        label,
        before: None,
        after: None,
        place,
        code_difference: None,
        digests: None,
    }
}

/// The short text of a node, or its label where the label is what changed.
fn shown(node: &Node, other: &Node) -> Option<String> {
    let label = (node.label != other.label).then(|| node.label.clone());
    node.shown.as_ref().map(Shown::as_str).map(str::to_owned).or(label)
}

fn text<'a>(site: Site<'_, 'a>) -> Option<&'a str> {
    site.here.node.text.as_deref().or(site.named().text.as_deref())
}

fn code_difference(before: &str, after: &str) -> Option<String> {
    let difference = similar::TextDiff::from_lines(before, after);
    let unified = difference
        .unified_diff()
        .missing_newline_hint(false)
        .context_radius(2)
        .header("before", "now")
        .to_string();
    (!unified.is_empty()).then_some(unified)
}
