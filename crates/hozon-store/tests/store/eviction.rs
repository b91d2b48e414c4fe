//! What goes, what stays, and that what is left is whole.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hozon_format::SealKey;
use hozon_store::{Bound, LeaseAttempt, Limits, MostOfName, NewEntry, Store};
use hozon_sys::{Fault, Memory, Os, System};

use crate::common::*;

const SECOND: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_secs(10);

fn bounded(system: impl System + 'static, folder: &Path, bytes: u64, grace: Duration) -> Store {
    let limits = Limits { bound: Bound::Bytes(bytes), grace };
    Store::open_with(Arc::new(system), folder, SealKey::from_bytes(SEAL), limits).unwrap()
}

/// An entry whose blob is `buffer`, that took so many seconds.
fn costing(number: u64, buffer: &[u8], seconds: f64) -> NewEntry<'_> {
    let mut entry = entry(number, Some(buffer));
    entry.facts.duration_ns = (seconds * 1e9) as u64;
    entry
}

fn use_it(store: &Store, number: u64) {
    store.record_use(&key(number), 1.0);
    store.flush_uses().unwrap();
}

fn stored(store: &Store, numbers: impl IntoIterator<Item = u64>) -> Vec<u64> {
    numbers.into_iter().filter(|number| hit(store, *number).is_some()).collect()
}

fn bytes_on_disk(store: &Store) -> u64 {
    let folder = store.folder().join("v1");
    let size = |path: &std::path::PathBuf| std::fs::metadata(path).unwrap().len();
    ["entries", "blobs"]
        .iter()
        .flat_map(|part| files_under(&folder.join(part)))
        .filter(|path| path.extension().is_none())
        .map(|path| size(&path))
        .sum()
}

#[test]
fn what_is_worth_least_for_its_bytes_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = bounded(Os, folder.path(), u64::MAX, Duration::ZERO);
    for number in 1..=9 {
        store.put(costing(number, &large(number), number as f64)).unwrap();
    }
    let collected = store.collect(Some(30_000), false).unwrap();
    assert_eq!(
        collected.victims.iter().map(|victim| victim.seconds).collect::<Vec<_>>(),
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    );
    assert_eq!(stored(&store, 1..=9), [7, 8, 9]);
    assert_eq!(collected.bytes, bytes_on_disk(&store));
    assert!(collected.bytes <= 30_000 && collected.bytes_before > 72_000);
    let removed = store.removed().unwrap();
    assert_eq!(removed.len(), 6);
    assert!(removed.iter().all(|removed| removed.why == "evicted" && removed.name == "work"));
}

#[test]
fn a_dry_run_tells_what_would_go_and_removes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = bounded(Os, folder.path(), 30_000, Duration::ZERO);
    for number in 1..=3 {
        store.put(costing(number, &large(number), number as f64)).unwrap();
    }
    let before = files_under(folder.path());
    let would = store.collect(Some(10_000), true).unwrap();
    let after: Vec<_> = files_under(folder.path());
    let kept = |path: &std::path::PathBuf| !path.to_string_lossy().contains("index.db");
    let arrivals = |path: &std::path::PathBuf| kept(path) && !path.to_string_lossy().contains("arrivals");
    assert_eq!(
        before.into_iter().filter(arrivals).collect::<Vec<_>>(),
        after.into_iter().filter(arrivals).collect::<Vec<_>>()
    );
    let did = store.collect(Some(10_000), false).unwrap();
    assert_eq!(would.victims, did.victims);
    assert_eq!(would.bytes, did.bytes);
    assert_eq!(stored(&store, 1..=3), [3]);
}

#[test]
fn a_sweep_of_results_that_nobody_asks_for_pushes_out_nothing_that_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let store = bounded(Os, folder.path(), 200_000, Duration::ZERO);
    for number in 0..10 {
        store.put(costing(number, &large(number), 1.0)).unwrap();
        use_it(&store, number);
    }
    for number in 1000..1200 {
        store.put(costing(number, &large(number), 1.0)).unwrap();
    }
    store.flush_uses().unwrap();
    assert_eq!(stored(&store, 0..10), (0..10).collect::<Vec<_>>());
    assert!(bytes_on_disk(&store) <= 200_000);
    assert!(stored(&store, 1000..1200).contains(&1199), "the latest has its time to be of use");
}

#[test]
fn what_was_used_long_ago_goes_before_what_is_used_now() {
    let folder = tempfile::tempdir().unwrap();
    let store = bounded(Os, folder.path(), 100_000, Duration::ZERO);
    for number in 0..10 {
        store.put(costing(number, &large(number), 1.0)).unwrap();
        use_it(&store, number);
    }
    for number in 1000..1030 {
        store.put(costing(number, &large(number), 1.0)).unwrap();
        use_it(&store, number);
    }
    assert_eq!(stored(&store, 0..10), [] as [u64; 0]);
    assert!(stored(&store, 1000..1030).len() >= 9);
}

#[test]
fn what_is_wanted_again_after_it_went_is_no_newcomer() {
    let folder = tempfile::tempdir().unwrap();
    let store = bounded(Os, folder.path(), u64::MAX, Duration::ZERO);
    store.put(costing(1, &large(1), 1.0)).unwrap();
    store.collect(Some(0), false).unwrap();
    store.put(costing(1, &large(1), 1.0)).unwrap();
    for number in 2..12 {
        store.put(costing(number, &large(number), 1.0)).unwrap();
    }
    store.collect(Some(10_000), false).unwrap();
    assert_eq!(stored(&store, 1..12), [1]);
}

#[test]
fn a_blob_counts_once_and_goes_with_the_last_entry_that_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = bounded(Os, folder.path(), u64::MAX, Duration::ZERO);
    let shared = large(7);
    for number in 1..=5 {
        store.put(costing(number, &shared, number as f64)).unwrap();
    }
    let whole = store.collect(None, true).unwrap();
    assert_eq!(whole.bytes_before, bytes_on_disk(&store));
    let entry_bytes = (whole.bytes_before - shared.len() as u64) / 5;
    // Four entries have to go, and free only their own files.
    let collected = store.collect(Some(shared.len() as u64 + entry_bytes), false).unwrap();
    assert_eq!(collected.victims.iter().map(|victim| victim.bytes).collect::<Vec<_>>(), [entry_bytes; 4]);
    assert_eq!(collected.removed.blobs, 0);
    assert_eq!(value(&store, 5).unwrap(), expected(5, Some(&shared)));
    let last = store.collect(Some(0), false).unwrap();
    assert_eq!((last.victims.len(), last.removed.blobs, last.bytes), (1, 1, 0));
    assert_eq!(bytes_on_disk(&store), 0);
}

#[test]
fn named_leased_and_young_entries_are_spared() {
    let memory = Memory::new();
    let store = bounded(memory.clone(), Path::new("/store"), u64::MAX, GRACE);
    for number in 1..=3 {
        store.put(costing(number, &large(number), 1.0)).unwrap();
    }
    memory.sleep(GRACE + SECOND);
    store.set_root("kept", &key(1)).unwrap();
    let LeaseAttempt::Won(lease) = store.try_lease(&key(2)) else { panic!("nobody has it") };
    store.put(costing(4, &large(4), 1.0)).unwrap();
    store.collect(Some(0), false).unwrap();
    // In memory a lease is no file, so only what stands in the folder is told by it.
    assert_eq!(stored(&store, [1, 4]), [1, 4]);
    assert_eq!(stored(&store, [3]), []);
    drop(lease);
    memory.sleep(GRACE + SECOND);
    store.remove_root("kept").unwrap();
    store.collect(Some(0), false).unwrap();
    assert_eq!(stored(&store, 1..=4), []);
}

#[test]
fn what_is_being_computed_is_spared() {
    let folder = tempfile::tempdir().unwrap();
    let store = bounded(Os, folder.path(), u64::MAX, Duration::ZERO);
    let LeaseAttempt::Won(lease) = store.try_lease(&key(1)) else { panic!("nobody has it") };
    store.put(costing(1, &large(1), 1.0)).unwrap();
    let buffer = large(3);
    let mut traced = costing(3, &buffer, 1.0);
    traced.known = Some(key(2));
    let LeaseAttempt::Won(lease_of_known) = store.try_lease(&key(2)) else { panic!("nobody has it") };
    store.put(traced).unwrap();
    store.collect(Some(0), false).unwrap();
    assert_eq!(stored(&store, [1, 3]), [1, 3]);
    drop((lease, lease_of_known));
    store.collect(Some(0), false).unwrap();
    assert_eq!(stored(&store, [1, 3]), []);
}

#[test]
fn jumps_of_the_clock_neither_take_what_is_young_nor_keep_what_is_old() {
    const YEAR_MS: i64 = 365 * 24 * 3600 * 1000;
    // 1970, ten years back, daylight saving, 2106.
    for jump_ms in [-56 * YEAR_MS, -10 * YEAR_MS, -3_600_000, 3_600_000, 10 * YEAR_MS, 80 * YEAR_MS] {
        let memory = Memory::new();
        let fault = Fault::new(memory.clone());
        let store = bounded(fault.clone(), Path::new("/store"), u64::MAX, GRACE);
        store.put(costing(1, &large(1), 1.0)).unwrap();
        fault.set_clock_off(jump_ms);
        store.collect(Some(0), false).unwrap();
        assert_eq!(stored(&store, [1]), [1], "young, after a jump by {jump_ms}");
        memory.sleep(GRACE + SECOND);
        store.collect(Some(0), false).unwrap();
        assert_eq!(stored(&store, [1]), [], "old, after a jump by {jump_ms}");
    }
}

#[test]
fn a_store_keeps_to_its_bound_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = bounded(Os, folder.path(), 100_000, Duration::ZERO);
    for number in 0..100 {
        store.put(costing(number, &large(number), 1.0)).unwrap();
        assert!(bytes_on_disk(&store) <= 100_000 + 9_000, "a put may be one too many until it returns");
        assert_eq!(value(&store, number).unwrap(), expected(number, Some(&large(number))));
    }
    assert_eq!(store.verify(false).unwrap().problems, []);
    assert!(stored(&store, 0..100).len() >= 8);
}

#[test]
fn a_store_without_an_index_keeps_to_its_bound_too() {
    let memory = Memory::new();
    let store = bounded(memory.clone(), Path::new("/store"), 100_000, Duration::ZERO);
    for number in 0..50 {
        store.put(costing(number, &large(number), 1.0)).unwrap();
    }
    store.flush_uses().unwrap();
    assert!(store.collect(None, true).unwrap().bytes_before <= 100_000);
    assert!(stored(&store, 0..50).len() >= 8);
}

#[test]
fn entries_of_processes_that_were_killed_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..20 {
        // Never flushed.
        bounded(Os, folder.path(), u64::MAX, Duration::ZERO)
            .put(costing(number, &large(number), 1.0))
            .unwrap();
    }
    let store = bounded(Os, folder.path(), 50_000, Duration::ZERO);
    store.put(costing(100, &large(100), 1.0)).unwrap();
    assert!(bytes_on_disk(&store) <= 50_000);
}

#[test]
fn a_lost_index_is_made_again_and_the_bound_holds() {
    let folder = tempfile::tempdir().unwrap();
    let store = bounded(Os, folder.path(), 100_000, Duration::ZERO);
    for round in 0..4 {
        for number in round * 20..round * 20 + 20 {
            store.put(costing(number, &large(number), 1.0)).unwrap();
        }
        assert!(bytes_on_disk(&store) <= 100_000 + 9_000);
        for name in ["index.db", "index.db-wal", "index.db-shm"] {
            let _ = std::fs::remove_file(folder.path().join("v1").join(name));
        }
    }
    assert_eq!(store.verify(false).unwrap().problems, []);
}

#[test]
fn of_a_name_no_more_is_kept_than_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let store = bounded(Os, folder.path(), u64::MAX, GRACE);
    store.put(costing(100, &large(100), 0.1)).unwrap();
    let buffer = large(101);
    let mut other = costing(101, &buffer, 0.1);
    other.facts.name = "other".into();
    store.put(other).unwrap();
    for number in 0..10 {
        let buffer = large(number);
        let mut new = costing(number, &buffer, 1.0);
        new.facts.name = "few".into();
        new.most = Some(MostOfName { entries: Some(3), bytes: None });
        store.put(new).unwrap();
        assert!(hit(&store, number).is_some(), "what was stored just now stays");
        assert!(stored(&store, 0..10).len() <= 3);
    }
    assert_eq!(stored(&store, 0..10).len(), 3);
    assert_eq!(stored(&store, [100, 101]), [100, 101], "other names are left alone");
}

#[test]
fn of_a_name_old_worth_fades() {
    let folder = tempfile::tempdir().unwrap();
    let store = bounded(Os, folder.path(), u64::MAX, Duration::ZERO);
    for number in 0..200 {
        let buffer = large(number);
        // Those that came first took longest.
        let mut new = costing(number, &buffer, if number < 3 { 5.0 } else { 1.0 });
        new.most = Some(MostOfName { entries: None, bytes: Some(30_000) });
        store.put(new).unwrap();
    }
    assert_eq!(stored(&store, 0..3), [], "they do not keep all others out for ever");
}

/// A store of entries that share blobs, with a name for one of them.
fn store_of_ten(system: impl System + 'static, folder: &Path) -> Store {
    let store = bounded(system, folder, u64::MAX, Duration::ZERO);
    for number in 0..10 {
        store.put(costing(number, &large(number / 2), 0.1 + number as f64 / 100.0)).unwrap();
    }
    store.set_root("kept", &key(0)).unwrap();
    store
}

/// Stops a collection at each call that changes something, as a kill would; then goes on with another process.
fn check_stopped_collections<S: System + Clone + 'static>(make: impl Fn() -> (Fault<S>, tempfile::TempDir)) {
    for call in 0..200 {
        let (fault, folder) = make();
        let store = store_of_ten(fault.clone(), folder.path());
        fault.fail_writes(call..u64::MAX, ErrorKind::Other);
        let _ = store.collect(Some(20_000), false);
        let calls = fault.write_calls();
        fault.heal();
        let again = bounded(fault.clone(), folder.path(), u64::MAX, Duration::ZERO);
        assert_eq!(again.verify(false).unwrap().problems, [], "stopped at call {call}");
        for number in stored(&again, 0..10) {
            assert_eq!(value(&again, number).unwrap(), expected(number, Some(&large(number / 2))));
        }
        let after = again.collect(Some(20_000), false).unwrap();
        assert!(after.bytes <= 20_000, "stopped at call {call}");
        assert!(hit(&again, 0).is_some());
        if calls <= call {
            assert!(call > 5, "nothing was removed");
            return;
        }
    }
    panic!("a collection makes more calls than were tried");
}

#[test]
fn a_collection_that_is_stopped_at_any_call_leaves_a_whole_store() {
    check_stopped_collections(|| (Fault::new(Os), tempfile::tempdir().unwrap()));
    check_stopped_collections(|| (Fault::new(Memory::new()), tempfile::tempdir().unwrap()));
}

#[test]
fn what_cannot_be_removed_is_left_for_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let fault = Fault::new(Os);
    let store = store_of_ten(fault.clone(), folder.path());
    store.collect(None, false).unwrap();
    // A lock is taken first: that works.
    fault.fail_writes(1..u64::MAX, ErrorKind::PermissionDenied);
    store.collect(Some(20_000), false).unwrap();
    fault.heal();
    assert_eq!(stored(&store, 0..10).len(), 10);
    let collected = store.collect(Some(20_000), false).unwrap();
    assert!(collected.bytes <= 20_000);
    assert_eq!(bytes_on_disk(&store), collected.bytes);
    assert_eq!(store.verify(false).unwrap().problems, []);
}

#[test]
fn where_the_disk_is_full_what_is_worth_least_makes_room() {
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        let folder = tempfile::tempdir().unwrap();
        let fault = Fault::new(Os);
        let store = bounded(fault.clone(), folder.path(), u64::MAX, Duration::ZERO);
        for number in 0..10 {
            store.put(costing(number, &large(number), 1.0 + number as f64)).unwrap();
        }
        // An announcement is made and closed, then a file is made and written.
        fault.fail_writes(3..4, kind);
        store.put(costing(50, &large(50), 1.0)).unwrap();
        fault.heal();
        assert_eq!(value(&store, 50).unwrap(), expected(50, Some(&large(50))));
        assert_eq!(stored(&store, 0..2), [], "those that took the least went");
        assert!(hit(&store, 9).is_some());
        assert!(store.removed().unwrap().iter().all(|removed| removed.why == "evicted"));
        fault.fail_writes(0..u64::MAX, kind);
        assert!(store.put(costing(60, &large(60), 1.0)).is_err(), "it is tried once again, not for ever");
    }
}

#[test]
fn blobs_that_a_strangers_entry_holds_stay() {
    let folder = tempfile::tempdir().unwrap();
    let shared = large(1);
    let theirs = Store::open(Arc::new(Os), folder.path(), SealKey::from_bytes([9; 32])).unwrap();
    theirs.put(entry(1, Some(&shared))).unwrap();
    let ours = bounded(Os, folder.path(), u64::MAX, Duration::ZERO);
    ours.put(entry(2, Some(&shared))).unwrap();
    ours.collect(Some(0), false).unwrap();
    assert_eq!(stored(&ours, [2]), []);
    assert_eq!(value(&theirs, 1).unwrap(), expected(1, Some(&shared)));
}

#[test]
fn an_index_of_an_earlier_version_keeps_what_it_remembers() {
    let folder = tempfile::tempdir().unwrap();
    let store = bounded(Os, folder.path(), u64::MAX, Duration::ZERO);
    store.put(costing(1, &large(1), 1.0)).unwrap();
    let index = folder.path().join("v1/index.db");
    let _ = std::fs::remove_file(&index);
    let old = rusqlite::Connection::open(&index).unwrap();
    old.execute_batch(
        "CREATE TABLE entries (key BLOB PRIMARY KEY, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL,
            inode INTEGER NOT NULL, blob_bytes INTEGER NOT NULL, facts BLOB NOT NULL) WITHOUT ROWID;
         CREATE TABLE uses (key BLOB PRIMARY KEY, count INTEGER NOT NULL, last_ms INTEGER NOT NULL,
            seconds_saved REAL NOT NULL) WITHOUT ROWID;
         CREATE TABLE removed (key BLOB PRIMARY KEY, name TEXT NOT NULL, when_ms INTEGER NOT NULL,
            why TEXT NOT NULL) WITHOUT ROWID;
         PRAGMA user_version = 1;",
    )
    .unwrap();
    old.execute("INSERT INTO uses VALUES (?, 5, 7, 9.0)", [key(1).as_bytes()]).unwrap();
    drop(old);
    let summaries = store.summaries().unwrap();
    assert_eq!((summaries.len(), summaries[0].uses), (1, 5));
}

#[test]
fn processes_that_put_get_and_collect_at_once_see_no_wrong_value_and_leave_a_whole_store() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..6_u64 {
            let folder = folder.path();
            scope.spawn(move || {
                // As another process has it: a store of its own.
                let store = bounded(Os, folder, 150_000, Duration::from_millis(50));
                let mut random = fastrand::Rng::with_seed(thread);
                for _ in 0..150 {
                    let number = random.u64(0..60);
                    let buffer = large(number / 3);
                    match random.u32(0..10) {
                        0 => drop(store.collect(Some(random.u64(0..150_000)), false)),
                        1 => store.flush_uses().unwrap(),
                        2..6 => drop(store.put(costing(number, &buffer, 0.001)).unwrap()),
                        _ => {
                            // A blob may go between the entry and the look at it: then it is a miss.
                            if let Some(found) = value(&store, number) {
                                assert_eq!(found, expected(number, Some(&buffer)));
                                store.record_use(&key(number), 1.0);
                            }
                        }
                    }
                }
            });
        }
    });
    let store = bounded(Os, folder.path(), 150_000, Duration::ZERO);
    assert_eq!(store.verify(false).unwrap().problems, []);
    let collected = store.collect(None, false).unwrap();
    assert!(collected.bytes <= 150_000);
    assert_eq!(collected.bytes, bytes_on_disk(&store));
}
