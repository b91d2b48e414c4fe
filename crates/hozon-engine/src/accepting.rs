//! Taking an earlier result for a computation whose code differs only by accepted edits.

use std::collections::BTreeSet;

use hozon_format::{Acceptance, Digest, Entry, Key};
use hozon_key::{
    AcceptedCode, AcceptedDifference, Node, NodeKind, accepted_difference, decode, encode, key, known,
    with_observed_of,
};
use hozon_store::{Store, StoreError};

use crate::traced::list_traces;

/// So many earlier entries are tried, the newest first.
const MOST_TRIED: usize = 256;

/// What the acceptances of a name make of a computation that is not stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Acceptable {
    /// Nothing is accepted for the name.
    NothingAccepted,
    /// No earlier entry differs by accepted edits alone; a sentence says what else differs.
    Refused(String),
    /// This entry does.
    Entry(Key, AcceptedDifference),
}

/// Tells whether an earlier entry of the name gives the result of `now`, by accepted edits.
///
/// # Errors
///
/// Those of [`Store::summaries_of`].
pub fn acceptable(store: &Store, now: &Node, name: &str) -> Result<Acceptable, StoreError> {
    let Some(acceptance) = store.acceptance(name) else { return Ok(Acceptable::NothingAccepted) };
    let accepted = codes(&acceptance);
    let mut refusal = None;
    let of_name = store.summaries_of(name)?;
    let now_ms = store.system().now_ms();
    let usable = of_name.iter().filter(|summary| summary.facts.expires_ms.is_none_or(|at| at > now_ms));
    for summary in usable.take(MOST_TRIED) {
        let Some(entry) = store.entry_for_explaining(&summary.key) else { continue };
        let Ok(before) = decode(&entry.recipe) else { continue };
        match covered(now, &before, &accepted, acceptance.reached.as_deref()) {
            Ok(difference) => return Ok(Acceptable::Entry(summary.key, difference)),
            // The newest entry says best what else has changed since; arguments say least.
            Err(why) if refusal.is_none() || !why.starts_with("the arguments") => {
                refusal.get_or_insert(why);
            }
            Err(_) => {}
        }
    }
    Ok(Acceptable::Refused(refusal.unwrap_or_else(|| "there is no earlier result of that name".to_owned())))
}

fn covered(
    now: &Node,
    before: &Node,
    accepted: &[AcceptedCode],
    reached: Option<&[Digest]>,
) -> Result<AcceptedDifference, String> {
    let difference = accepted_difference(now, before, accepted)?;
    let known: Option<BTreeSet<Digest>> = reached.map(|reached| reached.iter().copied().collect());
    match known {
        Some(known) if !difference.reached.is_subset(&known) => {
            Err("what the accepted code calls has changed since it was accepted".to_owned())
        }
        _ => Ok(difference),
    }
}

fn codes(acceptance: &Acceptance) -> Vec<AcceptedCode> {
    let code = |definition: &hozon_format::AcceptedDefinition| {
        let kind = NodeKind::from_number(definition.kind)?;
        Some(AcceptedCode { kind, label: definition.label.clone(), digest: definition.digest })
    };
    acceptance.definitions.iter().filter_map(code).collect()
}

/// Binds the outputs of an earlier entry to a computation whose code differs by accepted edits alone.
///
/// `now` is the recipe as it is known before a run. Returns the key under which the result is now stored:
/// that of `now`, or, where the earlier run was watched, that of `now` with what was seen then. Inputs
/// that were seen are for the caller to verify, as after any look-up.
///
/// # Errors
///
/// Those of [`Store::summaries_of`] and of writing the entry.
pub fn accepted_entry(store: &Store, now: &Node, name: &str) -> Result<Option<Key>, StoreError> {
    let Acceptable::Entry(earlier, difference) = acceptable(store, now, name)? else { return Ok(None) };
    let (Some(entry), Some(acceptance)) = (store.entry_for_explaining(&earlier), store.acceptance(name))
    else {
        return Ok(None);
    };
    let Ok(before) = decode(&entry.recipe) else { return Ok(None) };
    let recipe = with_observed_of(known(now), &before);
    let bound = bound_entry(*entry, &recipe, &acceptance, &difference);
    store.put_bound(&bound, Some(&key(known(now))))?;
    list_traces(store, &key(known(now)), &bound)?;
    remember_reached(store, acceptance, &difference)?;
    Ok(Some(bound.key))
}

fn bound_entry(
    earlier: Entry,
    recipe: &Node,
    acceptance: &Acceptance,
    difference: &AcceptedDifference,
) -> Entry {
    let mut facts = earlier.facts;
    facts.more.retain(|(label, _)| label != "accepted" && !label.starts_with("accepted "));
    let latest = acceptance.definitions.last();
    let by = latest.map(|definition| definition.by.clone()).unwrap_or_default();
    let when_ms = latest.map(|definition| definition.when_ms).unwrap_or_default();
    facts.more.extend([
        ("accepted".to_owned(), earlier.key.to_string()),
        ("accepted by".to_owned(), by),
        ("accepted at".to_owned(), when_ms.to_string()),
        ("accepted changes".to_owned(), difference.definitions.join(", ")),
    ]);
    Entry {
        key: key(recipe),
        facts,
        recipe: encode(recipe),
        traces: earlier.traces,
        outputs: earlier.outputs,
    }
}

/// What the accepted code reached when it was first used is what was accepted with it: a later edit of
/// that is a change like any other.
fn remember_reached(
    store: &Store,
    mut acceptance: Acceptance,
    difference: &AcceptedDifference,
) -> Result<(), StoreError> {
    if acceptance.reached.is_some() {
        return Ok(());
    }
    acceptance.reached = Some(difference.reached.iter().copied().collect());
    store.set_acceptance(&acceptance)
}

/// Forgets what was accepted for a name and the entries that it bound. Returns their number; `None` if
/// nothing was accepted.
///
/// # Errors
///
/// `Io` if a file cannot be removed.
pub fn revoke(store: &Store, name: &str) -> Result<Option<u64>, StoreError> {
    // The record first: no run in between may bind another entry.
    if !store.remove_acceptance(name)? {
        return Ok(None);
    }
    let mut removed = 0;
    for summary in store.summaries_of(name)? {
        let is_bound = summary.facts.more.iter().any(|(label, _)| label == "accepted");
        if is_bound {
            removed += u64::from(store.forget_because(&summary.key, "revoked")?);
        }
    }
    Ok(Some(removed))
}
