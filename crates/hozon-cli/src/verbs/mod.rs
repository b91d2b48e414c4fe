//! One file for each verb, and what they share.

mod accept;
mod accepted;
mod cascade;
mod ci;
mod ci_report;
mod clear;
mod doctor;
mod export;
mod gc;
mod keys;
mod list;
mod show;
mod stats;
mod tiers;
mod trust;
mod verify;
mod why;

pub(crate) use accept::{Asked, accept};
pub(crate) use ci::{SaveAsked, ci_restore, ci_save};
pub(crate) use ci_report::{ci_check, ci_report};
pub(crate) use clear::{Asker, ToClear, clear};
pub(crate) use doctor::{Ground, doctor};
pub(crate) use export::{export, import};
pub(crate) use gc::gc;
pub(crate) use keys::{KeysAsked, keys};
pub(crate) use list::list;
pub(crate) use show::show;
pub(crate) use stats::stats;
pub(crate) use tiers::{pull, push};
pub(crate) use trust::{clear_signer, revoked, trust_add, trust_list, trust_remove, trust_revoke};
pub(crate) use verify::verify;
pub(crate) use why::why;

use hozon_format::ComputationKind;
use hozon_store::Summary;
use serde::Serialize;

/// An entry in JSON, the same wherever one is listed.
#[derive(Debug, Serialize)]
struct EntryFields {
    key: String,
    name: String,
    kind: &'static str,
    place: String,
    made_ms: u64,
    expires_ms: Option<u64>,
    ran_seconds: f64,
    size_bytes: u64,
    blob_bytes: u64,
    uses: u64,
    last_used_ms: Option<u64>,
    saved_seconds: f64,
    rooted: bool,
}

impl From<&Summary> for EntryFields {
    fn from(summary: &Summary) -> Self {
        let facts = &summary.facts;
        Self {
            key: summary.key.to_string(),
            name: facts.name.clone(),
            kind: kind_word(facts.kind),
            place: facts.place.clone(),
            made_ms: facts.created_ms,
            expires_ms: facts.expires_ms,
            ran_seconds: facts.duration_ns as f64 / 1e9,
            size_bytes: summary.size_bytes,
            blob_bytes: summary.blob_bytes,
            uses: summary.uses,
            last_used_ms: summary.last_used_ms,
            saved_seconds: summary.seconds_saved,
            rooted: summary.rooted,
        }
    }
}

fn kind_word(kind: ComputationKind) -> &'static str {
    match kind {
        ComputationKind::Function => "function",
        ComputationKind::Block => "block",
        ComputationKind::Saved => "saved",
        ComputationKind::Cell => "cell",
        _ => "other",
    }
}

/// All bytes of an entry, shared blobs counted in full.
fn total_bytes(summary: &Summary) -> u64 {
    summary.size_bytes.saturating_add(summary.blob_bytes)
}

/// Seconds as the nanoseconds that words are made of. Saturates.
fn nanoseconds(seconds: f64) -> u128 {
    (seconds * 1e9).round() as u128
}
