//! Damaged, misplaced and foreign files: never a wrong value, never an error out of a look-up.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use hozon_format::{BlobCheck, Digest, FileStamp, SealKey, limits};
use hozon_store::{Filter, Miss, ProblemKind};
use hozon_sys::System;

use crate::common::*;

/// Writes into the file itself, as a failing disk or a careless program would.
fn overwrite(path: &Path, bytes: &[u8]) {
    let mut options = fs::OpenOptions::new();
    options.write(true).truncate(true);
    let mut file = options.open(path).unwrap_or_else(|_| {
        // Blobs are read-only, and only root may write them all the same.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        options.open(path).unwrap()
    });
    file.write_all(bytes).unwrap();
}

/// A small entry with a blob and a root, and the bytes of its files.
struct Sample {
    folder: tempfile::TempDir,
    buffer: Vec<u8>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Sample {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let buffer: Vec<u8> = (0..limits::INLINE_PART_BYTES).map(|index| (index % 251) as u8).collect();
        let store = open(folder.path());
        store.put(entry(1, Some(&buffer))).unwrap();
        store.set_root("root", &key(1)).unwrap();
        let files = files_under(&folder.path().join("v1"));
        let files = files.into_iter().map(|path| (path.clone(), fs::read(path).unwrap()));
        Self { files: files.collect(), buffer, folder }
    }

    fn file(&self, part: &str) -> (&PathBuf, &Vec<u8>) {
        let is_it = |path: &Path| match part {
            "check" => path.extension().is_some(),
            _ => path.extension().is_none() && path.to_string_lossy().contains(&format!("/v1/{part}/")),
        };
        self.files.iter().find(|(path, _)| is_it(path)).unwrap()
    }

    /// Puts `bytes` in the place of a file and tells whether the value came back, and the root.
    fn with(&self, path: &Path, bytes: &[u8]) -> (bool, bool) {
        overwrite(path, bytes);
        let store = open(self.folder.path());
        let value = value(&store, 1);
        if let Some(value) = &value {
            assert_eq!(*value, expected(1, Some(&self.buffer)), "a wrong value was served");
        }
        let root = store.root("root");
        assert!(root.is_none_or(|root| root == key(1)), "a wrong root was served");
        (value.is_some(), root.is_some())
    }

    /// Brings every file back and empties the quarantine.
    fn restore(&self) {
        for path in files_under(&self.folder.path().join("v1/quarantine")) {
            fs::remove_file(path).unwrap();
        }
        for (path, bytes) in &self.files {
            if fs::read(path).ok().as_ref() != Some(bytes) {
                let _ = fs::remove_file(path);
                fs::write(path, bytes).unwrap();
            }
        }
    }

    fn every_change(&self, part: &str, changes: impl Iterator<Item = Vec<u8>>) -> Vec<(bool, bool)> {
        let path = self.file(part).0;
        let served = changes.map(|bytes| {
            let served = self.with(path, &bytes);
            self.restore();
            served
        });
        served.collect()
    }
}

fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len()).flat_map(|index| [1, 0x80].map(|mask| (index, mask))).map(|(index, mask)| {
        let mut flipped = bytes.to_vec();
        flipped[index] ^= mask;
        flipped
    })
}

fn other_lengths(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    let shorter = (0..bytes.len()).map(|length| bytes[..length].to_vec());
    let longer = (1..20).flat_map(move |more| [0, 0xa5].map(|byte| [bytes, &vec![byte; more]].concat()));
    shorter.chain(longer)
}

#[test]
fn no_changed_byte_or_length_of_an_entry_is_served() {
    let sample = Sample::new();
    let bytes = sample.file("entries").1;
    let changes = flips(bytes).chain(other_lengths(bytes));
    assert!(sample.every_change("entries", changes).iter().all(|served| *served == (false, true)));
}

#[test]
fn no_changed_byte_of_a_blob_is_served() {
    let sample = Sample::new();
    let served = sample.every_change("blobs", flips(sample.file("blobs").1));
    assert!(served.iter().all(|served| *served == (false, true)));
}

#[test]
fn no_other_length_of_a_blob_is_served() {
    let sample = Sample::new();
    let served = sample.every_change("blobs", other_lengths(sample.file("blobs").1));
    assert!(served.iter().all(|served| *served == (false, true)));
}

#[test]
fn a_changed_note_about_a_blob_only_means_a_full_check() {
    let sample = Sample::new();
    let bytes = sample.file("check").1;
    let served = sample.every_change("check", flips(bytes).chain(other_lengths(bytes)));
    assert!(served.iter().all(|served| *served == (true, true)));
}

#[test]
fn no_changed_byte_or_length_of_a_root_is_served() {
    let sample = Sample::new();
    let bytes = sample.file("roots").1;
    let served = sample.every_change("roots", flips(bytes).chain(other_lengths(bytes)));
    assert!(served.iter().all(|served| *served == (true, false)));
}

#[test]
fn a_blob_that_is_changed_behind_an_open_store_is_noticed() {
    let sample = Sample::new();
    let store = open(sample.folder.path());
    assert!(value(&store, 1).is_some());
    let (path, bytes) = sample.file("blobs");
    let mut changed = bytes.clone();
    changed[17] ^= 1;
    overwrite(path, &changed);
    assert_eq!(value(&store, 1), None);
    assert_eq!(files_under(&sample.folder.path().join("v1/quarantine")).len(), 1);
    store.put(entry(1, Some(&sample.buffer))).unwrap();
    assert_eq!(value(&store, 1).unwrap(), expected(1, Some(&sample.buffer)));
}

#[test]
fn a_blob_with_a_fitting_note_is_mapped_without_being_read() {
    // Only a note that vouches for wrong bytes can show that they are not read: we forge one with the key.
    let sample = Sample::new();
    let (path, bytes) = sample.file("blobs");
    let wrong = vec![1; bytes.len()];
    overwrite(path, &wrong);
    let stat = hozon_sys::Os.stat(path).unwrap();
    let (modified_ns, changed_ns) = (stat.modified_ns, stat.changed_ns);
    let stamp = FileStamp { inode: stat.inode, size: stat.size, modified_ns, changed_ns };
    let note = BlobCheck { digest: Digest::of(bytes), stamp, boot: 0 };
    fs::write(sample.file("check").0, note.seal(&SealKey::from_bytes(SEAL))).unwrap();
    assert_eq!(value(&open(sample.folder.path()), 1).unwrap()[1], wrong);
    // Sealed by anyone else, it says nothing.
    fs::write(sample.file("check").0, note.seal(&SealKey::from_bytes([8; 32]))).unwrap();
    assert_eq!(value(&open(sample.folder.path()), 1), None);
}

#[test]
fn files_under_each_others_names_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let buffers: Vec<Vec<u8>> = (0..6).map(large).collect();
    let put_all = || {
        for number in 0..6 {
            store.put(entry(number, Some(&buffers[number as usize]))).unwrap();
            store.set_root(&number.to_string(), &key(number)).unwrap();
        }
    };
    for part in ["entries", "blobs", "roots"] {
        put_all();
        let files = files_under(&folder.path().join("v1").join(part));
        for one in &files {
            for other in files.iter().filter(|other| *other != one) {
                fs::copy(one, folder.path().join("copy")).unwrap();
                fs::rename(folder.path().join("copy"), other).unwrap();
                let fresh = open(folder.path());
                for number in 0..6 {
                    let found = value(&fresh, number);
                    let right = expected(number, Some(&buffers[number as usize]));
                    assert!(found.is_none_or(|found| found == right));
                    assert!(fresh.root(&number.to_string()).is_none_or(|root| root == key(number)));
                }
                put_all();
            }
        }
    }
    assert_eq!(store.verify(false).unwrap().problems, []);
}

#[test]
fn foreign_files_in_every_folder_do_no_harm_and_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let buffer = large(1);
    let store = open(folder.path());
    store.put(entry(1, Some(&buffer))).unwrap();
    let mut folders = vec![folder.path().to_owned(), folder.path().join("v1"), folder.path().join("v0")];
    fs::create_dir(folder.path().join("v0")).unwrap();
    for part in ["entries", "blobs", "leases", "roots", "quarantine", "tmp", "entries/zz", "blobs/00"] {
        folders.push(folder.path().join("v1").join(part));
    }
    let mut foreign = Vec::new();
    for folder in &folders {
        fs::create_dir_all(folder).unwrap();
        for name in ["README", "x.tmp", "0-0-0.tmp", ".DS_Store", "ünï", "a.ok"] {
            foreign.push(folder.join(name));
            fs::write(folder.join(name), "mine").unwrap();
        }
        std::os::unix::fs::symlink("/etc/hostname", folder.join("link")).unwrap();
        fs::create_dir(folder.join("ab-folder")).unwrap();
        let raw: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"not-utf8-\xff");
        fs::write(folder.join(raw), "mine").unwrap();
    }
    let store = open(folder.path());
    assert_eq!(value(&store, 1).unwrap(), expected(1, Some(&buffer)));
    assert_eq!((store.roots(), store.summaries().unwrap().len()), (Vec::new(), 1));
    store.sweep().unwrap();
    let found = store.verify(true).unwrap();
    assert!(found.problems.iter().all(|problem| problem.kind == ProblemKind::Stray && !problem.repaired));
    assert_eq!((found.entries, found.blobs), (1, 1));
    assert_eq!(store.clear(&Filter::All).unwrap().entries, 1);
    assert!(matches!(miss(&store, 1), Miss::Absent));
    for path in foreign {
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine", "{}", path.display());
    }
}

#[test]
fn links_and_folders_in_place_of_files_are_misses() {
    let sample = Sample::new();
    for part in ["entries", "blobs"] {
        let (path, bytes) = sample.file(part);
        let elsewhere = sample.folder.path().join("elsewhere");
        fs::write(&elsewhere, bytes).unwrap();
        fs::remove_file(path).unwrap();
        std::os::unix::fs::symlink(&elsewhere, path).unwrap();
        assert_eq!(value(&open(sample.folder.path()), 1), None);
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
        assert_eq!(value(&open(sample.folder.path()), 1), None);
        fs::remove_dir(path).unwrap();
        fs::write(path, bytes).unwrap();
        assert!(value(&open(sample.folder.path()), 1).is_some());
    }
}

#[test]
fn verify_finds_each_kind_of_damage_and_repairs_it_once() {
    let sample = Sample::new();
    let store = open(sample.folder.path());
    store.put(entry(2, None)).unwrap();
    let (blob, bytes) = sample.file("blobs");
    overwrite(blob, &bytes[1..]);
    let second = files_under(&sample.folder.path().join("v1/entries"));
    let second = second.iter().find(|path| *path != sample.file("entries").0).unwrap();
    overwrite(second, b"damaged");
    let kinds = |repair| -> Vec<String> {
        let problems = store.verify(repair).unwrap().problems;
        problems.iter().map(|problem| format!("{:?} {}", problem.kind, problem.repaired)).collect()
    };
    assert_eq!(kinds(false).len(), 3);
    // The root's entry is moved aside as well, since its blob is bad: that makes one problem more.
    let repaired = kinds(true);
    assert_eq!(repaired.len(), 4, "{repaired:?}");
    assert!(repaired.iter().all(|problem| problem.ends_with("true")), "{repaired:?}");
    assert_eq!(kinds(false), Vec::<String>::new());
}

#[test]
fn a_damaged_index_is_made_anew() {
    let sample = Sample::new();
    let store = open(sample.folder.path());
    let before = store.summaries().unwrap();
    let path = sample.folder.path().join("v1/index.db");
    let good = fs::read(&path).unwrap();
    let mut spoiled = vec![Vec::new(), b"not a database at all".repeat(500), good[..good.len() / 2].to_vec()];
    for page in (0..good.len()).step_by(512) {
        let mut bytes = good.clone();
        bytes[page..(page + 256).min(good.len())].fill(0xff);
        spoiled.push(bytes);
    }
    for bytes in spoiled {
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(sample.folder.path().join(format!("v1/index.db{suffix}")));
        }
        fs::write(&path, bytes).unwrap();
        assert_eq!(store.summaries().unwrap(), before);
    }
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert_eq!(store.summaries().unwrap(), before);
}
