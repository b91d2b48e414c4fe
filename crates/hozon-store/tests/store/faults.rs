//! Every call to the system fails once: nothing earlier is lost, nothing partial is left.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use hozon_format::SealKey;
use hozon_store::{LeaseAttempt, Notice, Store, StoreError};
use hozon_sys::{Fault, Memory, Os, System};

use crate::common::*;

/// How many calls a put of `synced_entry` makes, with room: the loop checks that all were tried.
const MORE_THAN_ALL: u64 = 100;

fn check_put_with_failing_write<S: System + Clone + 'static>(fault: &Fault<S>, store: &Store) {
    let (earlier, buffer) = (large(1), large(2));
    store.put(entry(1, Some(&earlier))).unwrap();
    let mut failed = 0;
    for call in 0..MORE_THAN_ALL {
        fault.fail_writes(call..call + 1, ErrorKind::StorageFull);
        let result = store.put(synced_entry(2, &buffer));
        let tried_all = fault.write_calls() <= call;
        fault.heal();
        match &result {
            Ok(_) => assert_eq!(value(store, 2).unwrap(), expected(2, Some(&buffer))),
            Err(StoreError::Io { source, .. }) => assert_eq!(source.kind(), ErrorKind::StorageFull),
            Err(other) => panic!("{other}"),
        }
        failed += u32::from(result.is_err());
        assert!(value(store, 2).is_none_or(|found| found == expected(2, Some(&buffer))));
        assert_eq!(value(store, 1).unwrap(), expected(1, Some(&earlier)));
        let left = fault.list(&store.folder().join("v1/tmp")).unwrap();
        assert_eq!(left, [], "call {call} left a partial file");
        if tried_all {
            assert!(result.is_ok());
            // Each of: two files made, written, stamped, synced, closed, renamed, folders synced.
            assert!(failed >= 14, "{failed}");
            return;
        }
        store.put(synced_entry(3, &buffer)).unwrap();
        assert_eq!(value(store, 3).unwrap(), expected(3, Some(&buffer)));
        store.clear(&hozon_store::Filter::KeyPrefix(key(2).to_string())).unwrap();
        store.clear(&hozon_store::Filter::KeyPrefix(key(3).to_string())).unwrap();
    }
    panic!("a put makes more calls than were tried");
}

#[test]
fn a_put_survives_the_failure_of_each_write_in_memory() {
    let fault = Fault::new(Memory::new());
    let store = open_in(fault.clone(), Path::new("/store"));
    check_put_with_failing_write(&fault, &store);
}

#[test]
fn a_put_survives_the_failure_of_each_write_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let fault = Fault::new(Os);
    let store = open_in(fault.clone(), folder.path());
    check_put_with_failing_write(&fault, &store);
}

#[test]
fn when_all_writes_fail_from_some_call_on_nothing_earlier_is_lost_and_the_next_put_works() {
    let (earlier, buffer) = (large(1), large(2));
    for call in 0..30 {
        let fault = Fault::new(Memory::new());
        let store = open_in(fault.clone(), Path::new("/store"));
        store.put(entry(1, Some(&earlier))).unwrap();
        fault.fail_writes(call..u64::MAX, ErrorKind::QuotaExceeded);
        let put = store.put(synced_entry(2, &buffer));
        assert!(value(&store, 2).is_none_or(|found| found == expected(2, Some(&buffer))));
        assert_eq!(value(&store, 1).unwrap(), expected(1, Some(&earlier)));
        assert!(put.is_err() || value(&store, 2).is_some());
        fault.heal();
        store.put(entry(2, Some(&buffer))).unwrap();
        assert_eq!(value(&store, 2).unwrap(), expected(2, Some(&buffer)));
    }
}

#[test]
fn a_read_that_fails_is_a_miss_and_no_more() {
    let fault = Fault::new(Memory::new());
    let store = open_in(fault.clone(), Path::new("/store"));
    let buffer = large(1);
    store.put(entry(1, Some(&buffer))).unwrap();
    store.set_root("r", &key(1)).unwrap();
    let mut misses = 0;
    for kind in [ErrorKind::Other, ErrorKind::PermissionDenied, ErrorKind::StaleNetworkFileHandle] {
        for call in 0..10 {
            // A fresh store has checked nothing yet, so it reads the most.
            let fresh = open_in(fault.clone(), Path::new("/store"));
            fault.fail_reads(call..call + 1, kind);
            let found = value(&fresh, 1);
            misses += u32::from(found.is_none());
            assert!(found.is_none_or(|found| found == expected(1, Some(&buffer))));
            assert!(fresh.root("r").is_none_or(|root| root == key(1)));
            fault.heal();
            assert_eq!(value(&fresh, 1).unwrap(), expected(1, Some(&buffer)));
        }
    }
    assert_eq!(misses, 6, "the entry and the blob, for each kind");
}

#[test]
fn a_folder_that_cannot_be_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let buffer = large(1);
    open(folder.path()).put(entry(1, Some(&buffer))).unwrap();
    for kind in [ErrorKind::ReadOnlyFilesystem, ErrorKind::PermissionDenied] {
        let fault = Fault::new(Os);
        fault.fail_writes(0..u64::MAX, kind);
        let store = open_in(fault, folder.path());
        assert_eq!(store.notices(), [Notice::ReadOnly { path: folder.path().to_owned() }]);
        assert_eq!(value(&store, 1).unwrap(), expected(1, Some(&buffer)));
        assert_eq!(store.summaries().unwrap().len(), 1);
        store.record_use(&key(1), 1.0);
        store.flush_uses().unwrap();
        assert!(matches!(store.try_lease(&key(2)), LeaseAttempt::Unsupported));
        assert!(store.put(entry(2, None)).is_err());
        assert_eq!(store.verify(false).unwrap().problems, []);
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error_with_its_path() {
    let fault = Fault::new(Memory::new());
    fault.fail_writes(0..u64::MAX, ErrorKind::PermissionDenied);
    let error = Store::open(Arc::new(fault), Path::new("/store"), SealKey::from_bytes(SEAL)).unwrap_err();
    assert!(matches!(&error, StoreError::CannotCreate { path, .. } if path == Path::new("/store")));
}

#[test]
fn a_store_that_is_removed_while_it_is_open_comes_back_with_the_next_put() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open(&path);
    let buffer = large(1);
    store.put(entry(1, Some(&buffer))).unwrap();
    std::fs::remove_dir_all(&path).unwrap();
    assert_eq!(value(&store, 1), None);
    store.put(entry(1, Some(&buffer))).unwrap();
    assert_eq!(value(&store, 1).unwrap(), expected(1, Some(&buffer)));
    assert!(matches!(store.try_lease(&key(1)), LeaseAttempt::Won(_)));
}
