//! Recipes, pins and explanations; pure.
//!
//! A recipe is a tree of [`Node`]s: everything that a computation's result is a function of. Its Merkle
//! digest is the entry's key. Encoded beside the entry, it later explains why something ran again.
#![forbid(unsafe_code)]

mod accepting;
mod causes;
mod encoding;
mod explain;
mod node;
mod observed;
pub mod pins;
mod trace;
mod visible;

pub use accepting::{
    AcceptedCode, AcceptedDifference, accepted_difference, definition_digest, value_reference_digest,
};
pub use causes::likely_causes;
pub use encoding::{MAX_DEPTH, MAX_NODES, RecipeError, decode, encode};
pub use explain::{Change, ChangeKind, Explanation, age, explain};
pub use node::{Node, NodeKind, Shown, key, key_from_parts, node_digest};
pub use observed::{OBSERVED, known, observed, with_observed_of};
pub use trace::{
    Base, Place, Seen, StatusPart, Subject, TraceSet, decode_trace_sets, encode_trace_sets, traced_key,
    traced_recipe,
};
pub use visible::visible;
