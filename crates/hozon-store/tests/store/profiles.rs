//! The store on systems that are not like this one: other names, no locks, clocks that jump.

use std::path::Path;
use std::time::Duration;

use hozon_store::{Filter, LeaseAttempt, Store};
use hozon_sys::{Durability, Fault, Memory, Naming, System};

use crate::common::*;

const YEAR_MS: i64 = 365 * 24 * 3600 * 1000;

/// What any store must do. `jump` is called between its steps.
fn conform(store: &Store, jump: &dyn Fn(), with_locks: bool) {
    for number in 0..5 {
        store.put(entry(number, Some(&large(number)))).unwrap();
        jump();
        assert_eq!(value(store, number).unwrap(), expected(number, Some(&large(number))));
    }
    store.put(synced_entry(1, &large(7))).unwrap();
    assert_eq!(value(store, 1).unwrap(), expected(1, Some(&large(7))));
    store.set_root("CON. ", &key(1)).unwrap();
    jump();
    assert_eq!(store.root("CON. "), Some(key(1)));
    assert_eq!(store.root("con. "), None, "names of people keep their case on every system");
    store.put_trace_sets(&key(1), "work", b"sets".to_vec(), Durability::Synced).unwrap();
    assert_eq!(store.trace_sets(&key(1)).unwrap(), b"sets");
    let lease = store.try_lease(&key(1));
    assert_eq!(matches!(lease, LeaseAttempt::Won(_)), with_locks);
    assert!(!matches!(store.try_lease(&key(1)), LeaseAttempt::Won(_)));
    drop(lease);
    // What has just been stored is not evicted, whatever the clock says.
    store.put(entry(6, Some(&large(6)))).unwrap();
    jump();
    store.collect(Some(0), false).unwrap();
    assert_eq!(value(store, 6).unwrap(), expected(6, Some(&large(6))));
    assert_eq!(value(store, 1).unwrap(), expected(1, Some(&large(7))), "a name keeps it");
    store.sweep().unwrap();
    assert_eq!(store.verify(true).unwrap().problems, []);
    jump();
    store.clear(&Filter::All).unwrap();
    assert!(store.keys().unwrap().is_empty());
    store.put(entry(1, Some(&large(1)))).unwrap();
    assert_eq!(value(store, 1).unwrap(), expected(1, Some(&large(1))));
}

#[test]
fn the_store_works_with_the_names_of_windows_and_macos() {
    for naming in [Naming::Unix, Naming::MacOs, Naming::Windows] {
        let fault = Fault::new(Memory::new());
        fault.set_naming(naming);
        let store = open_in(fault, Path::new("/Users/Ada/Project.Files/.hozon"));
        conform(&store, &|| {}, true);
    }
}

#[test]
fn the_profile_of_windows_refuses_what_windows_does() {
    let fault = Fault::new(Memory::new());
    fault.set_naming(Naming::Windows);
    let folder = Path::new("/folder");
    fault.create_folder(folder).unwrap();
    for name in ["con", "NUL.txt", "ends in a dot.", "a:b", &"long".repeat(70)] {
        assert!(fault.create_file(&folder.join(name), 0o600).is_err(), "{name}");
    }
    let open = fault.create_file(&folder.join("Open"), 0o600).unwrap();
    assert!(fault.rename(&folder.join("open"), &folder.join("other")).is_err());
    assert!(fault.remove_file(&folder.join("OPEN")).is_err());
    open.close().unwrap();
    fault.rename(&folder.join("open"), &folder.join("other")).unwrap();
    fault.remove_file(&folder.join("OTHER")).unwrap();
}

#[test]
fn the_store_works_without_locks() {
    let fault = Fault::new(Memory::new());
    fault.set_lockless(true);
    conform(&open_in(fault, Path::new("/store")), &|| {}, false);
}

/// To 1970, ten years back, an hour either way (as of daylight saving), ten years on, 2106.
const JUMPS: [i64; 6] = [-60 * YEAR_MS, -10 * YEAR_MS, -3_600_000, 3_600_000, 10 * YEAR_MS, 80 * YEAR_MS];

#[test]
fn the_store_works_whatever_the_clock_says() {
    for first in JUMPS {
        for second in JUMPS {
            let fault = Fault::new(Memory::new());
            fault.set_clock_off(first);
            let store = open_in(fault.clone(), Path::new("/store"));
            let turn = std::cell::Cell::new(false);
            let jump = || {
                fault.set_clock_off(if turn.replace(!turn.get()) { first } else { second });
                fault.sleep(Duration::from_millis(1));
            };
            conform(&store, &jump, true);
        }
    }
}

#[test]
fn files_from_the_future_do_not_stay_for_ever() {
    let fault = Fault::new(Memory::new());
    let store = open_in(fault.clone(), Path::new("/store"));
    store.put(entry(1, Some(&large(1)))).unwrap();
    fault.sleep(Duration::from_secs(3600));
    fault.set_clock_off(-10 * YEAR_MS);
    let collected = store.collect(Some(0), false).unwrap();
    assert_eq!(collected.victims.len(), 1, "its time lies in the future of this clock");
}

/// Two machines wrote to copies of one store, and the copies are put together, in either order: each result of
/// both is served.
#[test]
fn two_copies_of_a_store_that_are_merged_serve_what_either_has() {
    for back_to_front in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let copies = [folder.path().join("one"), folder.path().join("other")];
        for (copy, numbers) in copies.iter().zip([0..6_u64, 3..9]) {
            let store = open(copy);
            for number in numbers {
                store.put(entry(number, Some(&large(number)))).unwrap();
                store.set_root(&number.to_string(), &key(number)).unwrap();
            }
            store.flush_uses().unwrap();
        }
        let [from, to] = if back_to_front { [&copies[1], &copies[0]] } else { [&copies[0], &copies[1]] };
        for path in files_under(from) {
            let target = to.join(path.strip_prefix(from).unwrap());
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::copy(&path, &target).unwrap();
        }
        let merged = open(to);
        for number in 0..9 {
            assert_eq!(value(&merged, number).unwrap(), expected(number, Some(&large(number))));
            assert_eq!(merged.root(&number.to_string()), Some(key(number)));
        }
        assert_eq!(merged.verify(false).unwrap().problems, []);
        assert_eq!(merged.summaries().unwrap().len(), 9, "the index is made to fit");
    }
}
