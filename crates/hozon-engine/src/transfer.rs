//! Bringing an entry over from another store, with what look-ups need to find it.

use hozon_format::{Entry, Key};
use hozon_key::{TraceSet, decode, decode_trace_sets, known};
use hozon_store::{Lookup, Store, StoreError};
use hozon_sys::Durability;

use crate::traced::add_set;

/// What came of bringing one entry over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transfer {
    /// It is there now; with the bytes of blobs that were new.
    Copied(u64),
    /// It was there already.
    Present,
    /// It was not taken: why, for people.
    Refused(String),
}

/// Brings the entry of a key from one store to another, its seal and every blob checked.
///
/// # Errors
///
/// `Io` if something cannot be written.
pub fn transfer(from: &Store, to: &Store, key: &Key) -> Result<Transfer, StoreError> {
    let entry = match from.get(key) {
        Lookup::Hit(entry) => entry,
        Lookup::Miss(why) => return Ok(Transfer::Refused(why.to_string())),
    };
    if matches!(to.get(key), Lookup::Hit(there) if to.has_blobs_of(&there)) {
        return Ok(Transfer::Present);
    }
    let Some((known, sets)) = found_by(&entry) else {
        return Ok(Transfer::Refused("its recipe or its traces cannot be read".to_owned()));
    };
    let new_bytes = match to.take_blobs(from, &entry)? {
        Ok(bytes) => bytes,
        Err(fault) => return Ok(Transfer::Refused(fault.to_string())),
    };
    // Before the entry, as where it is stored first: one that no list leads to is found by nobody.
    for set in sets {
        add_set(to, &known, &entry.facts.name, set, Durability::Batched)?;
    }
    to.put_bound(&entry, Some(&known))?;
    Ok(Transfer::Copied(new_bytes))
}

/// Returns the key that look-ups of an entry begin with: of what was known before its run.
pub fn known_key(entry: &Entry) -> Option<Key> {
    found_by(entry).map(|(key, _)| key)
}

/// The key that look-ups begin with, and what they have to look at. A stamp tells of files on the machine
/// that it was taken on, so none goes along: each file is read once.
fn found_by(entry: &Entry) -> Option<(Key, Vec<TraceSet>)> {
    if entry.traces.is_empty() {
        return Some((entry.key, Vec::new()));
    }
    let recipe = decode(&entry.recipe).ok()?;
    let mut sets = decode_trace_sets(&entry.traces).ok()?;
    sets.iter_mut().flat_map(|set| &mut set.seen).for_each(|seen| seen.stamp = None);
    Some((hozon_key::key(known(&recipe)), sets))
}
