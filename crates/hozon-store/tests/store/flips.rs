//! Every byte of every file of a store changed, every length, every name: never a wrong value.

use std::path::{Path, PathBuf};

use hozon_store::{Lookup, Store};
use hozon_sys::{FileKind, Memory, System};

use crate::common::*;

/// All single bits, and two that change more.
const MASKS: [u8; 10] = [1, 2, 4, 8, 0x10, 0x20, 0x40, 0x80, 0xff, 0x5a];

/// A store with everything in it, and what each part of it gives.
struct Sample {
    memory: Memory,
    files: Vec<(PathBuf, Vec<u8>)>,
    given: Given,
}

/// What a store gives for all that was put into it.
#[derive(Debug, Clone, PartialEq)]
struct Given {
    value: Option<Vec<Vec<u8>>>,
    codecs: Option<String>,
    root: Option<hozon_format::Key>,
    traces: Option<Vec<u8>>,
    acceptance: Option<hozon_format::Acceptance>,
}

fn folder() -> &'static Path {
    Path::new("/store")
}

fn given(store: &Store) -> Given {
    let codecs = match store.get(&key(2)) {
        Lookup::Hit(entry) => Some(format!("{:?}", entry.outputs)),
        Lookup::Miss(_) => None,
    };
    Given {
        value: value(store, 1),
        codecs,
        root: store.root("root"),
        traces: store.trace_sets(&key(1)),
        acceptance: store.acceptance("work"),
    }
}

fn files(memory: &Memory, folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for (name, kind) in memory.list(folder).unwrap() {
        let path = folder.join(name);
        match kind {
            FileKind::Folder => files(memory, &path, found),
            _ => found.push((path.clone(), memory.read(&path, u64::MAX).unwrap())),
        }
    }
}

impl Sample {
    fn new() -> Self {
        let memory = Memory::new();
        let store = open_in(memory.clone(), folder());
        let buffer: Vec<u8> = (0..4100_u32).map(|index| (index % 251) as u8).collect();
        put_everything(&store);
        store.put(entry(1, Some(&buffer))).unwrap();
        let given = given(&store);
        let mut found = Vec::new();
        files(&memory, &folder().join("v1"), &mut found);
        // Those of the blob that nothing names any more say nothing.
        found.retain(|(_, bytes)| bytes.len() != 8000);
        assert!(found.len() >= 7, "{}", found.len());
        Self { memory, files: found, given }
    }

    /// Checks that a store with these bytes in that place gives what is right, or nothing.
    fn with(&self, path: &Path, bytes: &[u8]) {
        let memory = self.memory.fork();
        memory.overwrite(path, bytes);
        let found = given(&open_in(memory, folder()));
        assert!(is_part_of(&found, &self.given), "{}: {found:?}", path.display());
    }
}

/// Tells whether each part is what it should be, or is missing.
fn is_part_of(found: &Given, all: &Given) -> bool {
    (found.value.is_none() || found.value == all.value)
        && (found.codecs.is_none() || found.codecs == all.codecs)
        && (found.root.is_none() || found.root == all.root)
        && (found.traces.is_none() || found.traces == all.traces)
        && (found.acceptance.is_none() || found.acceptance == all.acceptance)
}

#[test]
fn fifty_thousand_changed_bytes_are_never_served() {
    let sample = Sample::new();
    let mut done = 0;
    for (path, bytes) in &sample.files {
        for index in 0..bytes.len() {
            for mask in MASKS {
                let mut changed = bytes.clone();
                changed[index] ^= mask;
                sample.with(path, &changed);
                done += 1;
            }
        }
    }
    println!("bar 1: {done} changed bytes, 0 wrong");
    assert!(done >= 50_000, "{done}");
}

#[test]
fn no_file_of_another_length_is_served() {
    let sample = Sample::new();
    let mut done = 0;
    for (path, bytes) in &sample.files {
        for length in 0..bytes.len() {
            sample.with(path, &bytes[..length]);
        }
        for more in 1..=64 {
            for byte in [0, 0xa5] {
                sample.with(path, &[bytes.clone(), vec![byte; more]].concat());
            }
        }
        done += bytes.len() + 128;
    }
    println!("bar 2: {done} other lengths, 0 wrong");
}

#[test]
fn no_file_is_served_under_the_name_of_another() {
    let sample = Sample::new();
    for (path, bytes) in &sample.files {
        for (_, others) in sample.files.iter().filter(|(_, others)| others != bytes) {
            sample.with(path, others);
        }
    }
}
