//! Recipes of computations that were watched: what was known before the run, and what was seen in it.

use crate::node::{Node, NodeKind};

/// The label of the group of inputs that were seen while running.
pub const OBSERVED: &str = "observed";

/// Returns the part of a recipe that was known before the run: all of it, where nothing was seen.
pub fn known(root: &Node) -> &Node {
    match &root.children[..] {
        [known, observed] if is_observed(observed) && known.kind == NodeKind::Computation => known,
        _ => root,
    }
}

/// Returns the group of inputs that were seen while running.
pub fn observed(root: &Node) -> Option<&Node> {
    if std::ptr::eq(known(root), root) { None } else { root.children.last() }
}

/// Returns the recipe `now_known` with what was seen in a run of `before`, as that run's recipe has it.
pub fn with_observed_of(now_known: &Node, before: &Node) -> Node {
    match observed(before) {
        Some(observed) => Node {
            children: vec![now_known.clone(), observed.clone()],
            ..Node::new(NodeKind::Computation, "")
        },
        None => now_known.clone(),
    }
}

/// Returns the recipe as one tree, with what was seen or without it.
pub(crate) fn flattened(root: &Node, with_observed: bool) -> Node {
    let mut flat = known(root).clone();
    flat.children.extend(observed(root).filter(|_| with_observed).cloned());
    flat
}

fn is_observed(node: &Node) -> bool {
    node.kind == NodeKind::Group && node.label == OBSERVED
}
