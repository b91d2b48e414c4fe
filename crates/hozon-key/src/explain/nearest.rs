//! How far an earlier recipe is, apart from the number of changes.

use hozon_format::Digest;

use crate::node::{Node, NodeKind};

/// Tells whether the code stands in another file, and whether the arguments differ.
pub(super) fn remoteness(now: &Node, before: &Node) -> (bool, bool) {
    let elsewhere = file(now).zip(file(before)).is_some_and(|(now, before)| now != before);
    (elsewhere, arguments(now) != arguments(before))
}

/// The arguments, which stand under the root or in a group of it.
fn arguments(root: &Node) -> Vec<(&str, Option<Digest>)> {
    parts(root)
        .filter(|node| node.kind == NodeKind::Argument)
        .map(|node| (node.label.as_str(), node.digest))
        .collect()
}

/// The file of the computation's own code.
fn file(root: &Node) -> Option<&str> {
    let computations = parts(root).filter(|node| node.kind == NodeKind::Computation);
    let place = [root].into_iter().chain(computations).find_map(|node| node.place.as_deref())?;
    Some(place.rsplit_once(':').map_or(place, |(file, _)| file))
}

/// The root's children and those of its groups.
fn parts(root: &Node) -> impl Iterator<Item = &Node> {
    root.children.iter().flat_map(|child| {
        let inside: &[Node] = if child.kind == NodeKind::Group { &child.children } else { &[] };
        [child].into_iter().chain(inside)
    })
}
