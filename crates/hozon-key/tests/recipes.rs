//! Recipes: what the key depends on and what it does not, the encoding, and values that must never change.

use std::collections::HashMap;

use hozon_format::Digest;
use hozon_key::{Node, NodeKind, Shown, decode, encode, explain, key, key_from_parts, node_digest};
use proptest::prelude::*;

/// Trees from few words, so that many pairs differ only in where a boundary lies.
fn any_tree() -> impl Strategy<Value = Node> {
    let optional_text = || proptest::option::of("[ab保\0]{0,3}");
    let parts = (0..NodeKind::ALL.len(), "[ab\0]{0,3}", proptest::option::of(any::<bool>()));
    let leaf = (parts, optional_text(), optional_text(), optional_text());
    let leaf = leaf.prop_map(|((kind, label, digest), shown, place, text)| Node {
        digest: digest.map(|one| Digest::of(&[one.into()])),
        shown: shown.map(Shown::from),
        place,
        text,
        ..Node::new(NodeKind::ALL[kind], label)
    });
    leaf.prop_recursive(5, 40, 4, |inner| {
        (inner.clone(), proptest::collection::vec(inner, 0..4))
            .prop_map(|(root, children)| Node { children, ..root })
    })
}

/// The parts that the key is made of, in a form that cannot be ambiguous.
fn without_what_people_see(node: &Node) -> Node {
    let children = node.children.iter().map(without_what_people_see).collect();
    Node { digest: node.digest, children, ..Node::new(node.kind, node.label.clone()) }
}

/// The key, the way a caller computes it who keeps digests and no tree.
fn digest_without_the_tree(node: &Node) -> Digest {
    let children: Vec<Digest> = node.children.iter().map(digest_without_the_tree).collect();
    node_digest(node.kind, &node.label, node.digest.as_ref(), &children)
}

/// Every tree that comes from `node` by one small step, boundary shifts among them.
fn neighbours(node: &Node) -> Vec<Node> {
    let mut all = vec![];
    let mut add = |change: &dyn Fn(&mut Node)| {
        let mut neighbour = node.clone();
        change(&mut neighbour);
        all.push(neighbour);
    };
    add(&|node| node.label.push('a'));
    add(&|node| node.label.clear());
    add(&|node| node.label.push('\0'));
    add(&|node| node.digest = node.digest.is_none().then(|| Digest::of(b"x")));
    add(&|node| node.digest = Some(Digest::of(b"y")));
    add(&|node| node.digest = node.children.first().map(Node::digest));
    add(&|node| node.children.reverse());
    add(&|node| node.children.push(Node::new(NodeKind::Group, "")));
    add(&|node| drop(node.children.pop()));
    add(&|node| node.children.extend(node.children.clone()));
    add(&|node| node.kind = NodeKind::ALL[node.kind.number() as usize % NodeKind::ALL.len()]);
    add(&|node| {
        let grandchildren: Vec<Node> =
            node.children.iter_mut().flat_map(|child| child.children.drain(..)).collect();
        node.children.extend(grandchildren);
    });
    add(&|node| {
        let children = std::mem::take(&mut node.children);
        node.children = vec![Node { children, ..Node::new(NodeKind::Group, "") }];
    });
    add(&|node| {
        if let Some(child) = node.children.first_mut() {
            child.label = std::mem::take(&mut node.label) + &child.label;
        }
    });
    for index in 0..node.children.len() {
        for child in neighbours(&node.children[index]) {
            let mut neighbour = node.clone();
            neighbour.children[index] = child;
            all.push(neighbour);
        }
    }
    all
}

proptest! {
    #[test]
    fn an_encoded_recipe_comes_back_as_it_was(tree in any_tree()) {
        prop_assert_eq!(decode(&encode(&tree)).unwrap(), tree);
    }

    #[test]
    fn bytes_after_the_recipe_or_missing_ones_are_refused(tree in any_tree(), cut in 1usize..10) {
        let mut bytes = encode(&tree);
        prop_assert!(decode(&bytes[..bytes.len() - cut.min(bytes.len())]).is_err());
        bytes.push(0);
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn any_bytes_decode_to_a_recipe_or_an_error(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes);
        bytes.splice(0..0, [1, 0]);
        let _ = decode(&bytes);
    }

    #[test]
    fn a_damaged_recipe_decodes_to_one_that_encodes_to_the_same_bytes_or_an_error(
        tree in any_tree(), at in any::<prop::sample::Index>(), bit in 0u8..8,
    ) {
        let mut bytes = encode(&tree);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(other) = decode(&bytes) {
            prop_assert_eq!(encode(&other), bytes);
        }
    }

    #[test]
    fn the_key_depends_on_every_part_but_what_people_see(tree in any_tree()) {
        let bare = without_what_people_see(&tree);
        prop_assert_eq!(key(&tree), key(&bare));
        let mut seen = HashMap::from([(key(&bare), bare.clone())]);
        for other in neighbours(&bare) {
            let first = seen.entry(key(&other)).or_insert_with(|| other.clone());
            prop_assert_eq!(&*first, &other);
        }
    }

    #[test]
    fn recipes_have_a_difference_exactly_if_their_keys_differ(now in any_tree(), before in any_tree()) {
        for (one, other) in neighbours(&now).iter().zip(std::iter::repeat(&now)).chain([(&now, &before)]) {
            let explanation = explain(one, &[(other, ())]);
            prop_assert_eq!(explanation.changes.is_empty(), key(one) == key(other));
            prop_assert_eq!(explanation.to_string() == "nothing changed", key(one) == key(other));
        }
    }

    #[test]
    fn kept_digests_give_the_key_of_the_tree(tree in any_tree()) {
        let children: Vec<Digest> = tree.children.iter().map(digest_without_the_tree).collect();
        let from_parts = key_from_parts(tree.kind, &tree.label, tree.digest.as_ref(), &children);
        prop_assert_eq!(from_parts, key(&tree));
    }
}

#[test]
fn references_to_different_nodes_differ_although_their_labels_agree() {
    let references = [Node::reference(0, "f"), Node::reference(1, "f"), Node::reference(0, "g")];
    let digests: std::collections::HashSet<Digest> = references.iter().map(Node::digest).collect();
    assert_eq!(digests.len(), 3);
}

fn golden() -> Node {
    Node::new(NodeKind::Computation, "features")
        .with_child(
            Node::leaf(NodeKind::Helper, "utils.clean", Digest::of(b"code"))
                .with_place("utils.py:12")
                .with_text("def clean(x):\n    return x\n"),
        )
        .with_child(Node::leaf(NodeKind::Value, "THRESHOLD", Digest::of(b"0.5")).with_shown("0.5"))
        .with_child(Node::reference(1, "utils.clean"))
}

/// A change here means that every stored entry is missed: change the domain's version as well.
#[test]
fn keys_never_change() {
    let empty = Node::new(NodeKind::Computation, "");
    assert_eq!(key(&empty).to_string(), "2a14e82ac49a75491af0c773b741bfdd56ead4330c88324b207b8f126359c643");
    assert_eq!(
        key(&golden()).to_string(),
        "069fcffb13c25a814d1fbdf256556a86f0cae312aeaeff5f8ea31607cc794d7d"
    );
}

/// A change here means that recipes on disk cannot be read: change the encoding's version as well.
#[test]
fn the_encoding_never_changes() {
    let hex: String = encode(&golden()).iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = "\
         010001000008000000000000006665617475726573030000000000000005000d0b000000000000007574696c73\
         2e636c65616ebd124bf390b2978f6fa38a38904b8d7d773fc518b52ebefa6462bf2d7b6f5a3f0b000000000000\
         007574696c732e70793a31321b0000000000000064656620636c65616e2878293a0a2020202072657475726e20\
         780a000000000000000008000309000000000000005448524553484f4c449f9766fd7510e7b4ff14cb9694fad6\
         f13ad67a3b0371fbcbd56516dea158e7940300000000000000302e3500000000000000000d00010b0000000000\
         00007574696c732e636c65616e1a0d12016999e47689dae5744d2b8c1903faf7ca2886a658150083100ef2c8ee\
         0000000000000000";
    assert_eq!(hex, expected);
}
