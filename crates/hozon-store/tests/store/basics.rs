//! Get, put, roots, leases, listings: what every caller relies on.

use std::path::Path;
use std::sync::Arc;

use hozon_format::SealKey;
use hozon_store::{Filter, LeaseAttempt, Miss, Store, StoreError};
use hozon_sys::Os;

use crate::common::*;

#[test]
fn what_is_put_comes_back_in_this_and_in_another_store_object() {
    let folder = tempfile::tempdir().unwrap();
    let buffer = large(1);
    let store = open(folder.path());
    let stored = store.put(entry(1, Some(&buffer))).unwrap();
    assert_eq!((stored.new_blob_bytes, stored.shared_blob_bytes), (8000, 0));
    for store in [&store, &open(folder.path())] {
        let entry = hit(store, 1).unwrap();
        assert_eq!((entry.facts.name.as_str(), &entry.recipe[..]), ("work", &b"recipe"[..]));
        assert!(entry.outputs[0].buffers[0].read_only);
        assert_eq!(value(store, 1).unwrap(), expected(1, Some(&buffer)));
    }
    assert!(matches!(miss(&store, 2), Miss::Absent));
}

#[test]
fn equal_buffers_are_stored_once() {
    let folder = tempfile::tempdir().unwrap();
    let buffer = large(1);
    let store = open(folder.path());
    store.put(entry(1, Some(&buffer))).unwrap();
    assert_eq!(store.put(synced_entry(2, &buffer)).unwrap().shared_blob_bytes, 8000);
    let blobs = files_under(&folder.path().join("v1/blobs"));
    assert_eq!(blobs.iter().filter(|path| path.extension().is_none()).count(), 1);
}

#[test]
fn a_restored_buffer_is_private_to_its_holder() {
    let folder = tempfile::tempdir().unwrap();
    let buffer = large(1);
    let store = open(folder.path());
    store.put(entry(1, Some(&buffer))).unwrap();
    let part = hit(&store, 1).unwrap().outputs[0].buffers[0].part.clone();
    let mut mapping = store.part(&part).unwrap();
    assert!(mapping.is_mapped());
    mapping.as_mut_slice().fill(0xff);
    assert_eq!(store.part(&part).unwrap().as_slice(), buffer);
}

#[test]
fn an_expired_entry_is_a_miss_and_can_still_be_explained() {
    let (memory, store) = in_memory();
    let mut new = entry(1, None);
    let now = hozon_sys::System::now_ms(&memory);
    new.facts.expires_ms = Some(now + 1000);
    store.put(new).unwrap();
    assert!(hit(&store, 1).is_some());
    hozon_sys::System::sleep(&memory, std::time::Duration::from_secs(1));
    assert!(matches!(miss(&store, 1), Miss::Expired { .. }));
    assert!(store.entry_for_explaining(&key(1)).is_some());
}

#[test]
fn another_users_entry_is_left_alone_until_it_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.put(entry(1, None)).unwrap();
    let other = Store::open(Arc::new(Os), folder.path(), SealKey::from_bytes([8; 32])).unwrap();
    assert!(matches!(miss(&other, 1), Miss::Foreign));
    assert!(hit(&store, 1).is_some());
    assert_eq!(other.summaries().unwrap(), []);
    other.clear(&Filter::All).unwrap();
    assert!(hit(&store, 1).is_some());
    other.put(entry(1, None)).unwrap();
    assert!(hit(&other, 1).is_some());
    assert!(matches!(miss(&store, 1), Miss::Foreign));
}

#[test]
fn roots_keep_names_of_any_letters() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let names = ["", "x", "../../etc/passwd", "a\0b", "CON", "保存", "\u{1f980}", &"n".repeat(5000)];
    for (number, name) in names.iter().enumerate() {
        store.set_root(name, &key(number as u64)).unwrap();
    }
    for (number, name) in names.iter().enumerate() {
        assert_eq!(store.root(name), Some(key(number as u64)));
    }
    assert_eq!(store.roots().len(), names.len());
    assert_eq!(files_under(&folder.path().join("v1/roots")).len(), names.len());
    store.set_root("x", &key(77)).unwrap();
    assert_eq!(store.root("x"), Some(key(77)));
    assert!(store.remove_root("x").unwrap());
    assert_eq!((store.root("x"), store.remove_root("x").unwrap()), (None, false));
}

#[test]
fn a_lease_has_one_holder_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (open(folder.path()), open(folder.path()));
    let LeaseAttempt::Won(lease) = one.try_lease(&key(1)) else { panic!("nobody holds it") };
    assert!(matches!(other.try_lease(&key(1)), LeaseAttempt::Held));
    assert!(matches!(other.try_lease(&key(2)), LeaseAttempt::Won(_)));
    drop(lease);
    assert_eq!(files_under(&folder.path().join("v1/leases")), Vec::<std::path::PathBuf>::new());
    assert!(matches!(other.try_lease(&key(1)), LeaseAttempt::Won(_)));
}

#[test]
fn summaries_follow_the_folder_and_count_uses() {
    let folder = tempfile::tempdir().unwrap();
    let buffer = large(1);
    let store = open(folder.path());
    store.put(entry(1, Some(&buffer))).unwrap();
    store.put(entry(2, None)).unwrap();
    store.set_root("r", &key(2)).unwrap();
    store.record_use(&key(1), 1.5);
    assert_eq!(store.summaries().unwrap()[1].uses, 1);
    store.flush_uses().unwrap();
    let other = open(folder.path());
    other.record_use(&key(1), 1.5);
    other.flush_uses().unwrap();
    let summaries = store.summaries().unwrap();
    let brief: Vec<_> = summaries.iter().map(|it| (it.key, it.blob_bytes, it.uses, it.rooted)).collect();
    assert_eq!(brief, [(key(2), 0, 0, true), (key(1), 8000, 2, false)]);
    assert_eq!(summaries[1].seconds_saved, 3.0);
    assert!(summaries[1].last_used_ms.is_some());
    assert!(store.forget(&key(1)).unwrap());
    assert!(!store.forget(&key(1)).unwrap());
    std::fs::remove_file(&files_under(&folder.path().join("v1/entries"))[0]).unwrap();
    assert_eq!(store.summaries().unwrap(), []);
    let mut removed: Vec<_> =
        store.removed().unwrap().into_iter().map(|it| (it.key, it.name, it.why)).collect();
    removed.sort();
    let mut wanted =
        vec![(key(1), "work".into(), "forgotten".into()), (key(2), "work".into(), "gone".into())];
    wanted.sort();
    assert_eq!(removed, wanted);
}

#[test]
fn clear_removes_what_is_meant_with_its_blobs_and_keeps_what_others_name() {
    let folder = tempfile::tempdir().unwrap();
    let (own, shared) = (large(1), large(2));
    let store = open(folder.path());
    store.put(entry(1, Some(&own))).unwrap();
    store.put(entry(2, Some(&shared))).unwrap();
    let mut kept = entry(3, Some(&shared));
    kept.facts.name = "kept".into();
    store.put(kept).unwrap();
    store.set_root("gone", &key(1)).unwrap();
    store.set_root("stays", &key(3)).unwrap();
    let cleared = store.clear(&Filter::Name("work".into())).unwrap();
    assert_eq!((cleared.entries, cleared.blobs, cleared.roots), (2, 1, 1));
    assert_eq!(value(&store, 3).unwrap(), expected(3, Some(&shared)));
    assert_eq!(store.roots(), [("stays".to_owned(), key(3))]);
    let prefix = key(3).to_string()[..6].to_owned();
    assert_eq!(store.clear(&Filter::KeyPrefix(prefix)).unwrap().entries, 1);
    assert_eq!(files_under(&folder.path().join("v1/blobs")), Vec::<std::path::PathBuf>::new());
    assert!(store.removed().unwrap().iter().all(|removed| removed.why == "cleared"));
}

#[test]
fn a_path_that_is_a_file_is_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "mine").unwrap();
    for wrong in [&path, &path.join("below")] {
        let error = Store::open(Arc::new(Os), wrong, SealKey::from_bytes(SEAL)).unwrap_err();
        let named = matches!(&error, StoreError::NotAFolder { path } | StoreError::CannotCreate { path, .. } if path == wrong);
        assert!(named, "{error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    let error = Store::open(Arc::new(Os), &path, SealKey::from_bytes(SEAL)).unwrap_err();
    assert!(matches!(error, StoreError::NotAFolder { .. }), "{error}");
}

#[test]
fn a_new_store_marks_itself_and_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/.hozon");
    let store = open(&path);
    let buffer = large(1);
    store.put(entry(1, Some(&buffer))).unwrap();
    store.set_root("r", &key(1)).unwrap();
    store.summaries().unwrap();
    let tag = std::fs::read_to_string(path.join("CACHEDIR.TAG")).unwrap();
    assert!(tag.starts_with("Signature: 8a477f597d28d172789f06886806bc55\n"));
    assert_eq!(std::fs::read_to_string(path.join(".gitignore")).unwrap(), "*\n");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    for file in files_under(&path) {
        assert_eq!(mode(&file) & 0o077, 0, "{}", file.display());
    }
    assert_eq!(store.notices(), []);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o775)).unwrap();
    assert_eq!(open(&path).notices().len(), 1);
}

#[test]
fn verify_counts_what_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let buffer = large(1);
    let store = open(folder.path());
    store.put(entry(1, Some(&buffer))).unwrap();
    store.set_root("r", &key(1)).unwrap();
    let found = store.verify(false).unwrap();
    assert_eq!((found.entries, found.blobs, found.roots, found.foreign), (1, 1, 1, 0));
    assert_eq!(found.problems, []);
}
