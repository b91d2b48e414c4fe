//! Names of people never become paths, and links never lead out of the store.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use hozon_format::{Acceptance, Root};
use hozon_store::{Filter, ProblemKind, Store};
use hozon_sys::{Memory, System};

use crate::common::*;

/// Parts of names that have led out of folders, or that some system takes for something else.
const PARTS: [&str; 22] = [
    "..",
    "/",
    "\\",
    "C:",
    "\\\\?\\",
    "//server/share",
    "CON",
    "nul.txt",
    ".",
    " ",
    "\0",
    "é",
    "e\u{301}",
    "🦀",
    "a",
    "~",
    "$HOME",
    "%2e%2e%2f",
    "\n",
    "\u{202e}",
    "-rf",
    "....//",
];

fn name_of(rng: &mut fastrand::Rng) -> String {
    let length = if rng.u8(..) == 0 { 300 } else { rng.usize(0..8) };
    (0..length).map(|_| PARTS[rng.usize(0..PARTS.len())]).collect()
}

fn is_hex(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[test]
fn a_million_names_give_file_names_of_hex_digits() {
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..1_000_000 {
        let name = name_of(&mut rng);
        assert!(is_hex(&Root::file_name(&name)), "{name:?}");
    }
    for _ in 0..10_000 {
        let name = name_of(&mut rng);
        assert!(is_hex(&Acceptance::file_name(&name)), "{name:?}");
    }
}

#[test]
fn whatever_names_are_given_every_file_stands_in_its_place() {
    let memory = Memory::new();
    let store = open_in(memory.clone(), Path::new("/a/store"));
    let mut rng = fastrand::Rng::with_seed(2);
    for number in 0..300 {
        let name = name_of(&mut rng);
        let mut new = entry(number, None);
        new.facts.name.clone_from(&name);
        new.outputs[0].name.clone_from(&name);
        store.put(new).unwrap();
        store.set_root(&name, &key(number)).unwrap();
        assert_eq!(store.root(&name), Some(key(number)));
        store.put_trace_sets(&key(number), &name, vec![1], hozon_sys::Durability::Batched).unwrap();
    }
    let only = |folder: &str, expected: &[&str]| {
        let names = memory.list(Path::new(folder)).unwrap();
        let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, expected, "{folder}");
    };
    only("/", &["a"]);
    only("/a", &["store"]);
    only("/a/store", &[".gitignore", "CACHEDIR.TAG", "v1"]);
    for (name, _) in memory.list(Path::new("/a/store/v1/roots")).unwrap() {
        assert!(is_hex(&name));
    }
}

/// A folder of a victim, with files named as those of a store that an attacker may foresee.
struct Victim {
    folder: PathBuf,
    before: Vec<(PathBuf, Vec<u8>)>,
}

impl Victim {
    fn new(folder: PathBuf, names: &[String]) -> Self {
        std::fs::create_dir(&folder).unwrap();
        for name in names.iter().map(String::as_str).chain(["letter.txt"]) {
            std::fs::write(folder.join(name), "dear").unwrap();
        }
        let before = contents(&folder);
        Self { folder, before }
    }

    fn is_untouched(&self) -> bool {
        contents(&self.folder) == self.before
    }
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    files_under(folder).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Puts a link to `victim` in the place of each subfolder of entries, blobs and lists of traces.
fn link_shards(store: &Store, victim: &Path) -> usize {
    let mut linked = 0;
    for part in ["entries", "blobs", "traces"] {
        let folder = store.folder().join("v1").join(part);
        for shard in (0..=255).map(|byte| folder.join(format!("{byte:02x}"))) {
            let _ = std::fs::remove_dir_all(&shard);
            symlink(victim, &shard).unwrap();
            linked += 1;
        }
    }
    linked
}

#[test]
fn nothing_is_written_or_removed_through_a_link_in_place_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store"));
    store.put(entry(1, Some(&large(1)))).unwrap();
    let hex = key(1).to_string();
    let victim = Victim::new(folder.path().join("victim"), &[hex[2..].to_owned()]);
    let linked = link_shards(&store, &victim.folder);
    let store = open(store.folder());
    assert!(store.put(entry(2, Some(&large(2)))).is_err());
    assert_eq!(value(&store, 1), None);
    assert!(store.put(entry(1, None)).is_err());
    assert!(store.forget(&key(1)).is_err());
    let _ = store.forget_trace_sets(&key(1));
    let _ = store.clear(&Filter::All);
    let _ = store.collect(Some(0), false);
    let problems = store.verify(true).unwrap().problems;
    assert_eq!(problems.iter().filter(|problem| problem.kind == ProblemKind::NoFolder).count(), linked);
    assert!(victim.is_untouched());
}

#[test]
fn a_link_in_place_of_a_file_is_removed_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store"));
    let victim = Victim::new(folder.path().join("victim"), &[]);
    let hex = key(1).to_string();
    let path = store.folder().join("v1/entries").join(&hex[..2]).join(&hex[2..]);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    symlink(victim.folder.join("letter.txt"), &path).unwrap();
    assert_eq!(value(&store, 1), None);
    assert!(store.forget(&key(1)).unwrap());
    assert!(victim.is_untouched());
    symlink(victim.folder.join("letter.txt"), &path).unwrap();
    store.put(entry(1, Some(&large(1)))).unwrap();
    assert_eq!(value(&store, 1).unwrap(), expected(1, Some(&large(1))));
    assert!(victim.is_untouched());
}

/// Files are reached by their paths, so whoever may write to the store's folder can win a race: then a file
/// with the name of an entry is put or removed in a folder of their choice. No other file of that folder is.
#[test]
fn a_racer_with_links_reaches_no_file_but_those_named_like_entries() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store"));
    store.put(entry(1, Some(&large(1)))).unwrap();
    let hex = key(1).to_string();
    let shard = store.folder().join("v1/entries").join(&hex[..2]);
    let victim = Victim::new(folder.path().join("victim"), &[]);
    let aside = folder.path().join("aside");
    let ends = std::time::Instant::now() + std::time::Duration::from_secs(soak_seconds().unwrap_or(1));
    let mut reached = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while std::time::Instant::now() < ends {
                // Each may fail where the store has made the folder again.
                let _ = std::fs::rename(&shard, &aside);
                let _ = symlink(&victim.folder, &shard);
                let _ = std::fs::remove_file(&shard);
                let _ = std::fs::rename(&aside, &shard);
                let _ = std::fs::remove_dir_all(&aside);
            }
        });
        while std::time::Instant::now() < ends {
            let _ = store.put(entry(1, Some(&large(1))));
            assert!(value(&store, 1).is_none_or(|found| found == expected(1, Some(&large(1)))));
            let _ = store.forget(&key(1));
            let _ = store.verify(true);
            if std::fs::remove_file(victim.folder.join(&hex[2..])).is_ok() {
                reached += 1;
            }
        }
    });
    let _ = std::fs::remove_file(victim.folder.join(&hex[2..]));
    println!("T9: a racer got {reached} entries written to a folder of its own");
    assert!(victim.is_untouched());
}
