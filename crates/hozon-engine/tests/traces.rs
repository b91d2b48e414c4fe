//! Entries of computations that looked at files: hits while their traces hold, and only then.
#![expect(clippy::disallowed_methods, reason = "the tests write files as a user does")]

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hozon_engine::{FileObserver, KnownFiles, Observer, TracedLookup, forget_traced, look_up, put_traced};
use hozon_format::{Digest, Facts, Key, SealKey};
use hozon_key::{Base, Node, NodeKind, Place, Seen, StatusPart, Subject};
use hozon_store::{Filter, NewEntry, Store, StoreError};
use hozon_sys::{Fault, Memory, Os, System};

struct World {
    memory: Memory,
    store: Store,
    known: KnownFiles,
    environment: HashMap<String, String>,
}

impl World {
    fn new() -> Self {
        let memory = Memory::new();
        Self::on(Arc::new(memory.clone()), memory)
    }

    /// With a store on a system of its own.
    fn on(system: Arc<dyn System>, memory: Memory) -> Self {
        memory.create_folder(Path::new("/project")).unwrap();
        let store = Store::open(system, Path::new("/store"), SealKey::from_bytes([7; 32]));
        let known = KnownFiles::new(Arc::new(memory.clone()), Arc::new(memory.clone()));
        Self { memory, store: store.unwrap(), known, environment: HashMap::new() }
    }

    fn write(&self, name: &str, content: &str) {
        self.memory.overwrite(&Path::new("/project").join(name), content.as_bytes());
    }

    fn observed<T>(&self, with: impl FnOnce(&mut dyn Observer) -> T) -> T {
        let mut other = |subject: &Subject| match subject {
            Subject::Environment(name) => {
                Digest::of(self.environment.get(name).map_or("", String::as_str).as_bytes())
            }
            other => panic!("{other:?} was not looked at"),
        };
        let project = Path::new("/project");
        with(&mut FileObserver { files: &self.known, project, working_directory: None, other: &mut other })
    }

    fn look(&self) -> Result<String, Vec<Subject>> {
        match self.observed(|observer| look_up(&self.store, &base(), "f", observer)) {
            TracedLookup::Hit(entry, _) => Ok(entry.facts.place),
            TracedLookup::Miss(miss) => Err(miss.changed),
        }
    }

    /// Stores a run that looked at these subjects; `result` stands in a field that comes back.
    fn put(&self, subjects: &[Subject], result: &str) {
        self.try_put(subjects, result).unwrap();
    }

    fn try_put(&self, subjects: &[Subject], result: &str) -> Result<(), StoreError> {
        let seen = self.observed(|observer| {
            subjects.iter().map(|subject| observer.observe(subject, None)).collect::<Vec<_>>()
        });
        let facts = Facts { place: result.to_owned(), name: "f".to_owned(), ..Facts::default() };
        let entry = NewEntry {
            key: base(),
            facts,
            recipe: vec![],
            traces: vec![],
            outputs: vec![],
            known: None,
            most: None,
        };
        put_traced(&self.store, entry, recipe(), seen, |_| {}).map(drop)
    }
}

fn recipe() -> Node {
    Node::new(NodeKind::Computation, "f")
}

fn base() -> Key {
    hozon_key::key(&recipe())
}

fn file(name: &str) -> Subject {
    Subject::File(place(name))
}

fn place(name: &str) -> Place {
    Place { base: Base::Project, path: name.into() }
}

#[test]
fn a_changed_file_is_a_miss_that_names_it_and_changing_it_back_is_a_hit() {
    let world = World::new();
    world.write("data", "one");
    world.put(&[file("data")], "first");
    assert_eq!(world.look(), Ok("first".to_owned()));
    world.write("data", "two");
    assert_eq!(world.look(), Err(vec![file("data")]));
    world.put(&[file("data")], "second");
    assert_eq!(world.look(), Ok("second".to_owned()));
    world.write("data", "one");
    assert_eq!(world.look(), Ok("first".to_owned()));
}

#[test]
fn an_entry_of_a_writer_that_died_at_any_step_is_found_or_is_not_there() {
    let mut stored = Vec::new();
    for steps in 0.. {
        let memory = Memory::new();
        let fault = Fault::new(memory.clone());
        let world = World::on(Arc::new(fault.clone()), memory);
        world.write("data", "one");
        fault.fail_writes(steps..u64::MAX, ErrorKind::StorageFull);
        let is_whole = world.try_put(&[file("data")], "first").is_ok();
        fault.heal();
        let is_there = !world.store.summaries().unwrap().is_empty();
        assert_eq!(world.look().is_ok(), is_there, "after {steps} steps");
        stored.push(is_there);
        if is_whole {
            break;
        }
    }
    assert!(stored.contains(&false) && stored.contains(&true));
}

#[test]
fn a_file_that_was_missing_counts_as_missing() {
    let world = World::new();
    world.put(&[file("settings")], "without");
    assert_eq!(world.look(), Ok("without".to_owned()));
    world.write("settings", "");
    assert_eq!(world.look(), Err(vec![file("settings")]));
}

#[test]
fn runs_that_looked_at_different_things_are_found_each_by_its_own() {
    let mut world = World::new();
    world.write("a", "content of a");
    world.write("b", "content of b");
    world.environment.insert("WHICH".to_owned(), "a".to_owned());
    let which = Subject::Environment("WHICH".to_owned());
    world.put(&[which.clone(), file("a")], "by a");
    world.environment.insert("WHICH".to_owned(), "b".to_owned());
    assert!(world.look().is_err());
    world.put(&[which, file("b")], "by b");
    assert_eq!(world.look(), Ok("by b".to_owned()));
    world.write("a", "edited");
    assert_eq!(world.look(), Ok("by b".to_owned()));
    world.environment.insert("WHICH".to_owned(), "a".to_owned());
    assert!(world.look().is_err());
    world.write("a", "content of a");
    assert_eq!(world.look(), Ok("by a".to_owned()));
}

#[test]
fn directories_count_by_their_names_and_statuses_by_what_was_asked() {
    let world = World::new();
    world.memory.create_folder(Path::new("/project/many")).unwrap();
    world.write("many/one", "1");
    world.write("size", "four");
    world.put(
        &[
            Subject::Directory(place("many")),
            Subject::Status(place("size"), StatusPart::Size),
            Subject::Status(place("many/one"), StatusPart::Kind),
        ],
        "first",
    );
    world.memory.sleep(Duration::from_secs(10));
    world.write("many/one", "another content");
    world.write("size", "five");
    assert_eq!(world.look(), Ok("first".to_owned()));
    world.write("size", "six");
    assert_eq!(world.look(), Err(vec![Subject::Status(place("size"), StatusPart::Size)]));
    world.write("size", "four");
    world.write("many/two", "2");
    assert_eq!(world.look(), Err(vec![Subject::Directory(place("many"))]));
}

#[test]
fn forgetting_and_clearing_take_every_trace() {
    let world = World::new();
    for content in ["one", "two"] {
        world.write("data", content);
        world.put(&[file("data")], content);
    }
    assert!(forget_traced(&world.store, &base(), "forgotten").unwrap());
    assert!(world.look().is_err());
    assert_eq!(world.store.trace_sets(&base()), None);

    world.put(&[file("data")], "again");
    world.store.clear(&Filter::Name("g".to_owned())).unwrap();
    assert_eq!(world.look(), Ok("again".to_owned()));
    world.store.clear(&Filter::Name("f".to_owned())).unwrap();
    assert_eq!((world.look(), world.store.trace_sets(&base())), (Err(vec![]), None));
}

#[test]
fn a_damaged_list_of_traces_is_a_miss_and_goes_to_the_quarantine() {
    let world = World::new();
    world.write("data", "one");
    world.put(&[file("data")], "first");
    let hex = base().to_string();
    let path = PathBuf::from("/store/v1/traces").join(&hex[..2]).join(&hex[2..]);
    let mut bytes = world.memory.read(&path, u64::MAX).unwrap();
    for index in 0..bytes.len() {
        bytes[index] ^= 1;
        world.memory.overwrite(&path, &bytes);
        assert!(world.look().is_err(), "byte {index}");
        bytes[index] ^= 1;
        world.memory.overwrite(&path, &bytes);
        assert_eq!(world.look(), Ok("first".to_owned()));
    }
}

#[test]
fn many_files_are_looked_at_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let known = KnownFiles::new(Arc::new(Os), Arc::new(Os));
    let paths: Vec<_> = (0..300).map(|number| folder.path().join(number.to_string())).collect();
    for (number, path) in paths.iter().enumerate().filter(|(number, _)| number % 7 != 0) {
        std::fs::write(path, format!("content {number}")).unwrap();
    }
    for (path, looked) in paths.iter().zip(known.look_at_all(&paths)) {
        assert_eq!((looked.digest, looked.proof), known.content(path, None));
        assert_eq!(looked.stamp.is_some(), path.exists());
    }
    assert_eq!(known.look_at_all(&[]), []);
}

#[test]
fn a_file_has_the_stamp_of_what_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let known = KnownFiles::new(Arc::new(Os), Arc::new(Os));
    let stamp = || known.look_at_all(std::slice::from_ref(&path))[0].stamp;
    assert_eq!(stamp(), None);
    std::fs::write(&path, "content").unwrap();
    let first = stamp();
    assert!(first.is_some() && stamp() == first);
    std::fs::write(&path, "another content").unwrap();
    assert!(stamp().is_some() && stamp() != first);
    assert_eq!(known.look_at_all(&[folder.path().to_owned()])[0].stamp, None);
}

#[test]
fn an_old_file_is_read_once_and_a_fresh_one_at_every_look() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    std::fs::write(&path, "content").unwrap();
    let known = KnownFiles::new(Arc::new(Os), Arc::new(Os));
    let (digest, stamp) = known.content(&path, None);
    assert_eq!(stamp, None, "a file written just now could change within a tick of the clock");
    // A stamp that was seen with this digest is believed.
    let stamp = known.look_at_all(std::slice::from_ref(&path))[0].stamp;
    let other = Digest::of(b"what a look at the bytes would not give");
    let last = Seen { subject: file("data"), digest: other, stamp };
    assert_eq!(known.content(&path, Some(&last)), (other, stamp));
    std::fs::write(&path, "CONTENT").unwrap();
    let (changed, _) = known.content(&path, Some(&last));
    assert!(changed != other && changed != digest);
}
