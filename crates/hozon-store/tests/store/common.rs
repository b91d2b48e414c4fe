//! What the tests of the store share.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hozon_format::{Codec, Digest, Entry, Facts, Key, SealKey};
use hozon_store::{Lookup, Miss, NewBuffer, NewEntry, NewOutput, Store};
use hozon_sys::{Memory, Os, System};

pub(crate) const SEAL: [u8; 32] = [7; 32];

pub(crate) fn open_in(system: impl System + 'static, folder: &Path) -> Store {
    Store::open(Arc::new(system), folder, SealKey::from_bytes(SEAL)).unwrap()
}

pub(crate) fn open(folder: &Path) -> Store {
    open_in(Os, folder)
}

pub(crate) fn in_memory() -> (Memory, Store) {
    let memory = Memory::new();
    (memory.clone(), open_in(memory, Path::new("/store")))
}

pub(crate) fn key(number: u64) -> Key {
    Key::from_digest(Digest::of(&number.to_le_bytes()))
}

/// Bytes that depend on `number` and are long enough for a blob.
pub(crate) fn large(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(1000)
}

/// An entry with a small payload and, if it is given, one buffer.
pub(crate) fn entry<'a>(number: u64, buffer: Option<&'a [u8]>) -> NewEntry<'a> {
    let buffers = buffer.iter().map(|bytes| NewBuffer { bytes, read_only: true }).collect();
    let payload = Cow::Owned(number.to_le_bytes().to_vec());
    let outputs = vec![NewOutput { name: "x".into(), codec: Codec::Pickle5, payload, buffers }];
    let facts = Facts { name: "work".into(), created_ms: number, duration_ns: 5, ..Facts::default() };
    NewEntry {
        key: key(number),
        facts,
        recipe: b"recipe".to_vec(),
        traces: Vec::new(),
        outputs,
        known: None,
        most: None,
    }
}

/// An entry with one blob that is synced before the put returns.
pub(crate) fn synced_entry(number: u64, buffer: &[u8]) -> NewEntry<'_> {
    let mut entry = entry(number, Some(buffer));
    entry.facts.duration_ns = 2_000_000_000;
    entry
}

pub(crate) fn hit(store: &Store, number: u64) -> Option<Box<Entry>> {
    match store.get(&key(number)) {
        Lookup::Hit(entry) => Some(entry),
        Lookup::Miss(_) => None,
    }
}

pub(crate) fn miss(store: &Store, number: u64) -> Miss {
    match store.get(&key(number)) {
        Lookup::Hit(_) => panic!("a hit where a miss was due"),
        Lookup::Miss(miss) => miss,
    }
}

/// Returns the bytes of all parts of an entry, in order; `None` if there is no entry or a blob is bad.
pub(crate) fn value(store: &Store, number: u64) -> Option<Vec<Vec<u8>>> {
    let entry = hit(store, number)?;
    let parts = entry.outputs.iter().flat_map(|output| {
        std::iter::once(&output.payload).chain(output.buffers.iter().map(|buffer| &buffer.part))
    });
    parts.map(|part| store.part(part).ok().map(|bytes| bytes.as_slice().to_vec())).collect()
}

/// Returns what `entry(number, buffer)` must give back.
pub(crate) fn expected(number: u64, buffer: Option<&[u8]>) -> Vec<Vec<u8>> {
    let payload = number.to_le_bytes().to_vec();
    std::iter::once(payload).chain(buffer.map(<[u8]>::to_vec)).collect()
}

/// Returns all files under `folder`, sorted.
pub(crate) fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(folder).unwrap() {
            let item = item.unwrap();
            if item.file_type().unwrap().is_dir() {
                folders.push(item.path())
            } else {
                files.push(item.path())
            }
        }
    }
    files.sort();
    files
}

/// How many seconds a soak is to go on for; `None`: this is no soak.
pub(crate) fn soak_seconds() -> Option<u64> {
    std::env::var("SECONDS_OF_SOAK").ok()?.parse().ok()
}

/// All results that a store of these tests can hold beside entries: names, lists of traces, acceptances.
pub(crate) fn put_everything(store: &Store) {
    store.put(entry(1, Some(&large(1)))).unwrap();
    store.put(every_codec(2)).unwrap();
    store.set_root("root", &key(1)).unwrap();
    store.put_trace_sets(&key(1), "work", b"sets".to_vec(), hozon_sys::Durability::Batched).unwrap();
    let acceptance = hozon_format::Acceptance { name: "work".into(), ..Default::default() };
    store.set_acceptance(&acceptance).unwrap();
}

/// An entry with an output of each codec.
pub(crate) fn every_codec(number: u64) -> NewEntry<'static> {
    let codecs = [
        Codec::Pickle5,
        Codec::Exception,
        Codec::DeletedName,
        Codec::Effect,
        Codec::CellRecord,
        Codec::Displays,
    ];
    let output = |codec| NewOutput {
        name: format!("{codec:?}"),
        codec,
        payload: Cow::Owned(number.to_le_bytes().to_vec()),
        buffers: vec![NewBuffer { bytes: b"buffer", read_only: false }],
    };
    NewEntry { outputs: codecs.map(output).into(), ..entry(number, None) }
}

/// A folder in memory, where there is one: whoever is killed leaves the same there as on a disk.
pub(crate) fn quick_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}
