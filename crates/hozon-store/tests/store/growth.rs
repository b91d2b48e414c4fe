//! What a store does for one call does not grow with what is stored.
#![expect(clippy::disallowed_methods, reason = "the tests remove files as a person does")]

use std::path::Path;

use hozon_format::Key;
use hozon_store::{LeaseAttempt, Store};
use hozon_sys::{Fault, Os};

use crate::common::*;

const MANY: u64 = 600;

/// How many calls of the system, those that read and those that change, something takes.
fn calls(system: &Fault<Os>, work: impl FnOnce()) -> (u64, u64) {
    let before = (system.read_calls(), system.write_calls());
    work();
    (system.read_calls() - before.0, system.write_calls() - before.1)
}

fn shard(key: &Key) -> String {
    key.to_string()[..2].to_owned()
}

/// A number of an entry that is not stored, in the subfolder of entry 1: none has to be made for it.
fn beside_the_first(after: u64) -> u64 {
    (after..).find(|number| shard(&key(*number)) == shard(&key(1))).unwrap()
}

/// What each kind of call takes, in a store object that knows nothing yet.
fn all_calls(system: &Fault<Os>, folder: &Path, new: u64) -> [(u64, u64); 5] {
    let opening = calls(system, || drop(open_in(system.clone(), folder)));
    let store: Store = open_in(system.clone(), folder);
    let hit = calls(system, || assert_eq!(value(&store, 1), Some(expected(1, Some(&large(1))))));
    let miss = calls(system, || drop(miss(&store, new)));
    let lease = calls(system, || assert!(matches!(store.try_lease(&key(new)), LeaseAttempt::Won(_))));
    let put = calls(system, || assert!(store.put(entry(new, None)).is_ok()));
    [opening, hit, miss, lease, put]
}

#[test]
fn opening_hits_misses_leases_and_puts_take_as_many_calls_beside_many_entries() {
    let folder = tempfile::tempdir().unwrap();
    let system = Fault::new(Os);
    let store = open_in(system.clone(), folder.path());
    store.put(entry(1, Some(&large(1)))).unwrap();
    let beside_one = all_calls(&system, folder.path(), beside_the_first(1_000_000));
    for number in 2..MANY {
        store.put(entry(number, None)).unwrap();
        store.record_use(&key(number), 1.0);
    }
    store.flush_uses().unwrap();
    let beside_many = all_calls(&system, folder.path(), beside_the_first(2_000_000));
    assert_eq!(beside_many, beside_one);
    assert!(beside_one.iter().all(|(reads, writes)| reads + writes > 0));
}

fn named<'a>(number: u64, name: &str) -> hozon_store::NewEntry<'a> {
    let mut entry = entry(number, None);
    entry.facts.name = name.to_owned();
    entry
}

#[test]
fn the_entries_of_one_name_are_those_of_the_whole_list() {
    let folder = tempfile::tempdir().unwrap();
    let (store, other) = (open(folder.path()), open(folder.path()));
    for number in 0..6 {
        store.put(named(number, if number % 2 == 0 { "even" } else { "odd" })).unwrap();
    }
    store.record_use(&key(2), 1.5);
    store.flush_uses().unwrap();
    store.record_use(&key(4), 2.5);
    store.set_root("kept", &key(2)).unwrap();
    let listed = |store: &Store, name: &str| {
        let mut all = store.summaries().unwrap();
        all.retain(|summary| summary.facts.name == name);
        all
    };
    let even = store.summaries_of("even").unwrap();
    assert_eq!(even.iter().map(|summary| summary.key).collect::<Vec<_>>(), [key(4), key(2), key(0)]);
    assert_eq!(even.iter().map(|summary| summary.uses).collect::<Vec<_>>(), [1, 1, 0]);
    assert!(even[1].rooted);
    assert_eq!(even, listed(&store, "even"));
    // What another process stores, or a person removes, counts at once.
    other.put(named(8, "even")).unwrap();
    std::fs::remove_file(entry_file(folder.path(), 0)).unwrap();
    let keys = |found: &[hozon_store::Summary]| found.iter().map(|one| one.key).collect::<Vec<_>>();
    assert_eq!(keys(&store.summaries_of("even").unwrap()), [key(8), key(4), key(2)]);
    // Without the index, it is made anew.
    for path in files_under(&folder.path().join("v1")) {
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("index.db")) {
            std::fs::remove_file(path).unwrap();
        }
    }
    assert_eq!(keys(&store.summaries_of("even").unwrap()), [key(8), key(4), key(2)]);
    assert_eq!(store.summaries_of("odd").unwrap(), listed(&store, "odd"));
    assert_eq!(store.summaries_of("neither").unwrap(), []);
}

fn entry_file(folder: &Path, number: u64) -> std::path::PathBuf {
    let hex = key(number).to_string();
    folder.join("v1/entries").join(&hex[..2]).join(&hex[2..])
}

#[test]
fn the_entries_of_one_name_take_as_many_calls_beside_many_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let system = Fault::new(Os);
    let store = open_in(system.clone(), folder.path());
    (0..3).for_each(|number| assert!(store.put(named(number, "few")).is_ok()));
    let ask = || calls(&system, || assert_eq!(store.summaries_of("few").unwrap().len(), 3));
    ask();
    let beside_none = ask();
    (10..MANY).for_each(|number| assert!(store.put(named(number, "many")).is_ok()));
    ask();
    assert_eq!(ask(), beside_none);
}
