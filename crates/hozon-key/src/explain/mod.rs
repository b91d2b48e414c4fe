//! Why something ran: the smallest difference between a recipe and the nearest earlier one.

mod age;
mod compare;
mod nearest;
mod words;

pub use age::age;

use hozon_format::Digest;

use crate::node::{Node, NodeKind};
use crate::observed::flattened;

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
    /// The digests of the content before and now, where both are known.
    pub digests: Option<(Digest, Digest)>,
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
/// The nearest is one whose code stands in the same file, if there is one; of those, one with the same
/// arguments: had nothing else changed, it would have been used. Then the one with the fewest changes,
/// and of equals the first: give the newest first. Inputs seen while running are compared only where
/// both recipes have them.
pub fn explain<Tag: Clone>(now: &Node, earlier: &[(&Node, Tag)]) -> Explanation<Tag> {
    let has_observed = crate::observed::observed(now).is_some();
    let now = flattened(now, true);
    let before: Vec<Node> = earlier.iter().map(|(node, _)| flattened(node, has_observed)).collect();
    let all = compare::changes_since_each(&now, before.iter());
    let tagged = all.into_iter().zip(&before).zip(earlier);
    let nearest = tagged.min_by_key(|((changes, before), _)| {
        let (elsewhere, other_arguments) = nearest::remoteness(&now, before);
        (elsewhere, other_arguments, changes.len())
    });
    match nearest {
        Some(((changes, _), (_, tag))) => Explanation { nearest: Some(tag.clone()), changes },
        None => Explanation { nearest: None, changes: vec![] },
    }
}

impl<Tag> Explanation<Tag> {
    /// Tells values that look alike apart, by a short sign that `sign_of` makes of a digest.
    pub fn with_signs(mut self, sign_of: impl Fn(&Digest) -> String) -> Self {
        for change in &mut self.changes {
            let is_value =
                matches!(change.node, NodeKind::Value | NodeKind::Argument | NodeKind::Environment);
            let (Some(before), Some(after)) = (&change.before, &change.after) else { continue };
            if let Some(digests) = change.digests
                && is_value
                && before == after
            {
                (change.before, change.after) = (
                    Some(format!("{before} #{}", sign_of(&digests.0))),
                    Some(format!("{after} #{}", sign_of(&digests.1))),
                );
            }
        }
        self
    }
}
