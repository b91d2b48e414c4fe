//! What a store does for one call does not grow with what is stored.

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
