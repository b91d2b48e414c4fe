//! Why something ran: the smallest difference between a recipe and the nearest earlier one.

mod compare;
mod words;

use crate::node::{Node, NodeKind};

/// Why a computation with one recipe was not served by the entries of others.
///
/// `Display` gives it in lines, in the user's words; many changes of one sort are grouped into one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation<Tag> {
    /// The tag of the nearest earlier recipe; `None` if there was none.
    pub nearest: Option<Tag>,
    /// What differs from it. Empty if there is none or if it is the same recipe.
    pub changes: Vec<Change>,
}

/// One difference between two recipes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// What sort of part it happened to. For a change of code: what the code belongs to.
    pub node: NodeKind,
    /// The part's label, as it is now or was last.
    pub label: String,
    /// What it was, as shown to people.
    pub before: Option<String>,
    /// What it is now, as shown to people.
    pub after: Option<String>,
    /// Where it is written: `utils.py:12`.
    pub place: Option<String>,
    /// A unified difference of a definition's source text.
    pub code_difference: Option<String>,
}

/// What happened to a part of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It is in both recipes, with another content.
    Changed,
    /// It was not in the earlier recipe.
    Added,
    /// It is not in the recipe any more.
    Removed,
}

impl ChangeKind {
    /// Returns the word for it, the same in every release.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Added => "added",
            Self::Removed => "removed",
        }
    }
}

/// Explains why `now` ran although the `earlier` recipes had been computed, each with a tag of the caller's.
///
/// The nearest is the one with the fewest changes; of equals, the first: give the newest first.
pub fn explain<Tag: Clone>(now: &Node, earlier: &[(&Node, Tag)]) -> Explanation<Tag> {
    let changes = compare::changes_since_each(now, earlier.iter().map(|(node, _)| *node));
    let nearest = changes.into_iter().zip(earlier).min_by_key(|(changes, _)| changes.len());
    match nearest {
        Some((changes, (_, tag))) => Explanation { nearest: Some(tag.clone()), changes },
        None => Explanation { nearest: None, changes: vec![] },
    }
}
