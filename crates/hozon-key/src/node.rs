//! The tree of a recipe and its Merkle digest.

use std::sync::LazyLock;

use hozon_format::{Digest, Hasher, Key, Writer};

/// One part of a recipe.
///
/// Kind, label, digest and children enter the key. `shown`, `place` and `text` are for people only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What this part is.
    pub kind: NodeKind,
    /// How the program names it: `utils.clean` for a helper, `config.RATE` for a value, `x` for an argument.
    pub label: String,
    /// The digest of this node's own content, its children left out.
    pub digest: Option<Digest>,
    /// The parts that this one reaches, in an order that does not depend on the run.
    pub children: Vec<Node>,
    /// A short text of the content: `0.5`, `ndarray float64 (1000, 3)`, `2.3.1`.
    pub shown: Option<Shown>,
    /// Where it is written: `utils.py:12`.
    pub place: Option<String>,
    /// The source text of a definition, for code differences.
    pub text: Option<String>,
}

/// What a part of a recipe is. The numbers are on disk and in keys: they are never given a second meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u16)]
pub enum NodeKind {
    /// The root: a function call, a block, a notebook cell, a saved value.
    Computation = 1,
    /// The name of a block or of a saved value, where it is part of the key.
    Name = 2,
    /// How much of a version counts.
    Pin = 3,
    /// The code of the node above.
    Code = 4,
    /// A function that the code reaches.
    Helper = 5,
    /// A class that the code reaches.
    Class = 6,
    /// A local module that counts by its version.
    Module = 7,
    /// A value that the code reads: a global, a constant, a closed-over variable.
    Value = 8,
    /// An argument of the call.
    Argument = 9,
    /// An installed distribution, the interpreter and hozon itself among them.
    Distribution = 10,
    /// An execution-path input: it enters by the key of the computation that produced it.
    Path = 11,
    /// A labelled part of the tree, with no content of its own.
    Group = 12,
    /// Another node of the same recipe, by index: for cycles and for what is reached twice.
    Reference = 13,
    /// A file that was read while running, or found to be missing.
    File = 14,
    /// A directory that was listed while running.
    Directory = 15,
    /// What was asked about a file without reading it: whether it is there, its size, its times.
    Status = 16,
    /// An environment variable that was read while running.
    Environment = 17,
    /// The state of a global random generator before the run, which consumed it.
    RandomState = 18,
    /// The directory that relative names started from.
    WorkingDirectory = 19,
    /// State of the process that code reads without naming it: an option of a library, the time zone.
    ProcessState = 20,
}

/// A short text for people. At most [`Shown::MOST_CHARACTERS`] are kept; a longer text is cut at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown(String);

impl Shown {
    /// How many characters are kept, the ellipsis of a cut text included.
    pub const MOST_CHARACTERS: usize = 160;

    /// Keeps `text`, cut if it is long.
    pub fn new(text: &str) -> Self {
        if text.chars().nth(Self::MOST_CHARACTERS).is_none() {
            return Self(text.to_owned());
        }
        Self(text.chars().take(Self::MOST_CHARACTERS - 1).chain(['…']).collect())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Shown {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Shown {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl NodeKind {
    /// Every kind, in the order of the numbers.
    pub const ALL: [NodeKind; 20] = [
        NodeKind::Computation,
        NodeKind::Name,
        NodeKind::Pin,
        NodeKind::Code,
        NodeKind::Helper,
        NodeKind::Class,
        NodeKind::Module,
        NodeKind::Value,
        NodeKind::Argument,
        NodeKind::Distribution,
        NodeKind::Path,
        NodeKind::Group,
        NodeKind::Reference,
        NodeKind::File,
        NodeKind::Directory,
        NodeKind::Status,
        NodeKind::Environment,
        NodeKind::RandomState,
        NodeKind::WorkingDirectory,
        NodeKind::ProcessState,
    ];

    /// Returns the number on disk and in keys.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Returns the kind of a number, if there is one.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Returns the kind in one lower-case word, the same in every release.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Computation => "computation",
            Self::Name => "name",
            Self::Pin => "pin",
            Self::Code => "code",
            Self::Helper => "helper",
            Self::Class => "class",
            Self::Module => "module",
            Self::Value => "value",
            Self::Argument => "argument",
            Self::Distribution => "distribution",
            Self::Path => "path",
            Self::Group => "group",
            Self::Reference => "reference",
            Self::File => "file",
            Self::Directory => "directory",
            Self::Status => "status of a file",
            Self::Environment => "environment variable",
            Self::RandomState => "random state",
            Self::WorkingDirectory => "working directory",
            Self::ProcessState => "state of the process",
        }
    }
}

impl Node {
    /// Starts a node with no content of its own and no children.
    pub fn new(kind: NodeKind, label: impl Into<String>) -> Self {
        Self {
            kind,
            label: label.into(),
            digest: None,
            children: vec![],
            shown: None,
            place: None,
            text: None,
        }
    }

    /// Starts a leaf whose content has `digest`.
    pub fn leaf(kind: NodeKind, label: impl Into<String>, digest: Digest) -> Self {
        Self { digest: Some(digest), ..Self::new(kind, label) }
    }

    /// Refers to another node of the same recipe by the `index` that the builder gave it.
    ///
    /// The label is that of the node referred to. The index is the content: two references that agree in
    /// label and lead to different nodes have different digests.
    pub fn reference(index: u64, label: impl Into<String>) -> Self {
        Self::leaf(NodeKind::Reference, label, Digest::of(&index.to_le_bytes()))
    }

    /// Adds a child at the end.
    pub fn with_child(mut self, child: Node) -> Self {
        self.children.push(child);
        self
    }

    /// Sets the short text for people.
    pub fn with_shown(mut self, shown: impl Into<Shown>) -> Self {
        self.shown = Some(shown.into());
        self
    }

    /// Sets where it is written.
    pub fn with_place(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Sets the source text.
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Returns the Merkle digest: over kind, label, own digest and the children's digests in order.
    pub fn digest(&self) -> Digest {
        let children: Vec<Digest> = self.children.iter().map(Node::digest).collect();
        node_digest(self.kind, &self.label, self.digest.as_ref(), &children)
    }
}

/// Names the version of the digest of a node: a change of the layout below changes this sentence.
const NODE_DOMAIN: &str = "hozon 2026 recipe node v1";

/// Returns the Merkle digest of a node from its parts, as [`Node::digest`] does from the tree.
///
/// The hashed bytes: kind u16, label with its length, 0 or 1 and the own digest, the number of children
/// u64, their digests. Every field has a known end, so no two nodes have the same bytes.
#[inline(never)] // a hasher takes 2 KB of stack, which the recursion above must not hold at every level
pub fn node_digest(kind: NodeKind, label: &str, own: Option<&Digest>, children: &[Digest]) -> Digest {
    let mut fields = Writer::with_capacity(64 + label.len() + 32 * children.len());
    fields.u16(kind.number()).text(label).u8(own.is_some().into());
    if let Some(own) = own {
        fields.raw(own.as_bytes());
    }
    fields.u64(children.len() as u64);
    children.iter().for_each(|child| {
        fields.raw(child.as_bytes());
    });
    static START: LazyLock<Hasher> = LazyLock::new(|| Hasher::in_domain(NODE_DOMAIN));
    START.digest_in_domain(&fields.finish())
}

/// Returns the key of the recipe with this root.
pub fn key(root: &Node) -> Key {
    Key::from_digest(root.digest())
}

/// Returns the key of a recipe from the parts of its root, without the tree.
pub fn key_from_parts(kind: NodeKind, label: &str, own: Option<&Digest>, children: &[Digest]) -> Key {
    Key::from_digest(node_digest(kind, label, own, children))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_numbers_agree() {
        for (index, kind) in NodeKind::ALL.into_iter().enumerate() {
            assert_eq!(kind.number() as usize, index + 1);
            assert_eq!(NodeKind::from_number(kind.number()), Some(kind));
        }
        assert_eq!((NodeKind::from_number(0), NodeKind::from_number(21)), (None, None));
    }

    #[test]
    fn long_shown_text_is_cut_between_characters() {
        let shown = Shown::new(&"é".repeat(1000));
        assert_eq!(shown.as_str().chars().count(), Shown::MOST_CHARACTERS);
        assert!(shown.as_str().ends_with('…'));
        let whole = "é".repeat(Shown::MOST_CHARACTERS);
        assert_eq!(Shown::new(&whole).as_str(), whole);
    }
}
