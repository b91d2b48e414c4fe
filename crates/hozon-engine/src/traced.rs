//! Look-ups of computations that look at files and the like while they run.
//!
//! Under a key there is either an entry, for a computation that has looked at nothing, or a list of
//! trace sets: what its runs have looked at. What those subjects are like now gives the key of the entry
//! to look for. So a file that changes and changes back is a hit again, and nothing is replaced.

use std::collections::HashMap;

use hozon_format::{Entry, Key};
use hozon_key::{
    Node, Seen, Subject, TraceSet, decode_trace_sets, encode_trace_sets, traced_key, traced_recipe,
};
use hozon_store::{Lookup, Miss, NewEntry, Store, StoreError, Stored};
use hozon_sys::Durability;

use crate::observe::Observer;

/// How a look-up ended.
#[derive(Debug)]
pub enum TracedLookup {
    /// The entry, and what its computation had looked at, as it is now.
    Hit(Box<Entry>, Vec<Seen>),
    /// No entry that may be used.
    Miss(TracedMiss),
}

/// Why there is no entry that may be used.
#[derive(Debug)]
pub struct TracedMiss {
    /// What the store says.
    pub why: Miss,
    /// What the last run had looked at and is not like that any more.
    pub changed: Vec<Subject>,
}

/// How many different sets of subjects are kept of one computation; the one used last comes first.
const MOST_SETS: usize = 16;

/// Looks up the entry of a key whose trace holds, for a computation that is called `name`.
pub fn look_up(store: &Store, key: &Key, name: &str, observer: &mut dyn Observer) -> TracedLookup {
    let why = match store.get_for(key, name) {
        Lookup::Hit(entry) => return TracedLookup::Hit(entry, Vec::new()),
        Lookup::Miss(why) => why,
    };
    let mut sets = sets_of(store, key);
    let mut looked = HashMap::new();
    let mut miss = TracedMiss { why, changed: Vec::new() };
    for index in 0..sets.len() {
        let now = seen_now(&sets[index], observer, &mut looked);
        match store.get_for(&traced_key(key, &now), name) {
            Lookup::Hit(entry) => {
                remember_stamps(store, key, &entry.facts.name, &mut sets, index, &now);
                return TracedLookup::Hit(entry, now);
            }
            Lookup::Miss(Miss::Absent) => {}
            Lookup::Miss(why) => miss.why = why,
        }
        if index == 0 {
            let changed = sets[0].seen.iter().zip(&now).filter(|(then, now)| then.digest != now.digest);
            miss.changed = changed.map(|(then, _)| then.subject.clone()).collect();
        }
    }
    TracedLookup::Miss(miss)
}

/// Returns the recipe of a computation as it would be if a run looked at what the last one did; `recipe`
/// itself where there was none, or it looked at nothing.
pub fn recipe_now(store: &Store, recipe: Node, observer: &mut dyn Observer) -> Node {
    let sets = sets_of(store, &hozon_key::key(&recipe));
    match sets.first() {
        Some(set) => traced_recipe(recipe, &seen_now(set, observer, &mut HashMap::new())),
        None => recipe,
    }
}

/// Stores an entry whose computation has looked at `seen`. Its key and recipe are those known before the
/// run, and become those with the trace; `complete` may add to that recipe what is for people. Returns the
/// key of the entry.
///
/// # Errors
///
/// As [`Store::put`]; nothing of the entry can be seen then.
pub fn put_traced(
    store: &Store,
    mut entry: NewEntry<'_>,
    recipe: Node,
    seen: Vec<Seen>,
    complete: impl FnOnce(&mut Node),
) -> Result<(Key, Stored), StoreError> {
    let base = entry.key;
    if seen.is_empty() {
        entry.recipe = hozon_key::encode(&recipe);
        return store.put(entry).map(|stored| (base, stored));
    }
    let set = TraceSet::of(seen);
    let durability = entry.durability();
    let name = entry.facts.name.clone();
    entry.key = traced_key(&base, &set.seen);
    entry.known = Some(base);
    entry.traces = encode_trace_sets(std::slice::from_ref(&set));
    let mut recipe = traced_recipe(recipe, &set.seen);
    complete(&mut recipe);
    entry.recipe = hozon_key::encode(&recipe);
    let key = entry.key;
    // Before the entry: one that no list leads to is found by nobody, and whoever is killed between the two
    // leaves nothing that counts as stored. A list that leads to no entry is a miss.
    add_set(store, &base, &name, set, durability)?;
    store.put(entry).map(|stored| (key, stored))
}

/// Removes the entries of a key, whatever their traces. Returns whether there was one.
///
/// # Errors
///
/// `Io` if a file cannot be removed.
pub fn forget_traced(store: &Store, key: &Key, why: &str) -> Result<bool, StoreError> {
    let mut any = store.forget_because(key, why)?;
    for set in sets_of(store, key) {
        any |= store.forget_because(&traced_key(key, &set.seen), why)?;
    }
    store.forget_trace_sets(key)?;
    Ok(any)
}

/// Finds lists of traces that lead to no entry any more, and removes them if asked to. Returns how many.
///
/// # Errors
///
/// `Io` if a folder cannot be listed or a file cannot be removed.
pub fn idle_lists(store: &Store, remove: bool) -> Result<u64, StoreError> {
    let mut idle = 0;
    for key in store.settled_trace_keys()? {
        let leads = |set: &TraceSet| store.has_entry(&traced_key(&key, &set.seen));
        let sets = sets_of(store, &key);
        if sets.is_empty() || store.has_entry(&key) || sets.iter().any(leads) {
            continue;
        }
        idle += 1;
        if remove {
            store.forget_trace_sets(&key)?;
        }
    }
    Ok(idle)
}

fn sets_of(store: &Store, key: &Key) -> Vec<TraceSet> {
    let bytes = store.trace_sets(key);
    bytes.and_then(|bytes| decode_trace_sets(&bytes).ok()).unwrap_or_default()
}

fn seen_now(set: &TraceSet, observer: &mut dyn Observer, looked: &mut HashMap<Subject, Seen>) -> Vec<Seen> {
    let mut now = Vec::with_capacity(set.seen.len());
    for last in &set.seen {
        let seen =
            looked.entry(last.subject.clone()).or_insert_with(|| observer.observe(&last.subject, Some(last)));
        now.push(seen.clone());
    }
    now
}

/// Keeps what was found out about files that were touched, so that the next look-up need not read them.
/// Failing to is no matter: they are read again.
fn remember_stamps(
    store: &Store,
    key: &Key,
    name: &str,
    sets: &mut Vec<TraceSet>,
    index: usize,
    now: &[Seen],
) {
    if sets[index].seen == now {
        return;
    }
    let mut set = sets.remove(index);
    set.seen = now.to_vec();
    sets.insert(0, set);
    let _ = store.put_trace_sets(key, name, encode_trace_sets(sets), Durability::Batched);
}

/// Lists the traces of an entry under the key of a recipe that is known before a run: look-ups of that
/// recipe find the entry then.
///
/// # Errors
///
/// `Io` if the file cannot be written.
pub(crate) fn list_traces(store: &Store, known: &Key, entry: &Entry) -> Result<(), StoreError> {
    for set in decode_trace_sets(&entry.traces).unwrap_or_default() {
        add_set(store, known, &entry.facts.name, set, Durability::Batched)?;
    }
    Ok(())
}

/// Two writers at once can lose one of two sets: then its computation runs once more than it need.
pub(crate) fn add_set(
    store: &Store,
    key: &Key,
    name: &str,
    set: TraceSet,
    durability: Durability,
) -> Result<(), StoreError> {
    let mut sets = sets_of(store, key);
    sets.retain(|earlier| !earlier.has_subjects_of(&set));
    sets.insert(0, set);
    sets.truncate(MOST_SETS);
    store.put_trace_sets(key, name, encode_trace_sets(&sets), durability)
}
