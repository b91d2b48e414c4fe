//! Other processes: killed at any moment, or writing at the same time.
//!
//! The test program starts itself again as the child, with the child's part as the one test to run.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hozon_store::{LeaseAttempt, Store};

use crate::common::*;

const FOLDER: &str = "HOZON_TEST_CHILD_FOLDER";
const FIRST: &str = "HOZON_TEST_CHILD_FIRST";

fn start(part: &str, folder: &Path, first: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", part, "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn folder_of_child() -> PathBuf {
    std::env::var_os(FOLDER).expect("started by a test of this file").into()
}

/// Waits until the child has written a line that ends with `word`.
fn wait_for(child: &mut Child, word: &str) {
    let output = BufReader::new(child.stdout.as_mut().unwrap());
    assert!(output.lines().any(|line| line.unwrap().ends_with(word)), "the child ended early");
}

fn say(word: &str) {
    let mut output = std::io::stdout();
    writeln!(output, "{word}").unwrap();
    output.flush().unwrap();
}

/// Every fourth entry is synced, and sizes differ.
fn put_numbered(store: &Store, number: u64) {
    let buffer = buffer_of(number);
    let mut new = entry(number, Some(&buffer));
    new.facts.duration_ns = if number.is_multiple_of(4) { 2_000_000_000 } else { 0 };
    store.put(new).unwrap();
}

fn buffer_of(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(1000 + 5000 * (number as usize % 5))
}

#[test]
#[ignore = "the child of the tests in this file, not a test of its own"]
fn child_that_puts() {
    let store = open(&folder_of_child());
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    say("ready");
    for number in (first..first + 40).cycle() {
        put_numbered(&store, number);
    }
}

#[test]
#[ignore = "the child of the tests in this file, not a test of its own"]
fn child_that_holds_a_lease() {
    let store = open(&folder_of_child());
    let _lease = store.try_lease(&key(1));
    say("held");
    std::thread::sleep(Duration::from_secs(600));
}

#[test]
fn three_hundred_kills_at_random_moments_of_puts_leave_nothing_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (mut orphans, mut found) = (0, 0);
    // A busy machine needs longer for one put.
    let mut most_microseconds = 4000;
    for kill in 0..300 {
        let mut child = start("processes::child_that_puts", folder.path(), kill % 3 * 20);
        wait_for(&mut child, "ready");
        std::thread::sleep(Duration::from_micros(fastrand::u64(0..most_microseconds)));
        child.kill().unwrap();
        child.wait().unwrap();
        orphans += std::fs::read_dir(folder.path().join("v1/tmp")).unwrap().count();
        if kill % 25 == 24 {
            let there = check_after_kills(folder.path());
            most_microseconds *= if there == 0 { 4 } else { 1 };
            found += there;
        }
    }
    assert!(orphans > 0, "no kill met a put in the act");
    assert!(found > 0, "no put was ever done");
}

/// Checks that whatever is there is right and that a sweep leaves no orphan. Returns how much is there.
fn check_after_kills(folder: &Path) -> usize {
    let store = open(folder);
    store.sweep().unwrap();
    assert_eq!(files_under(&folder.join("v1/tmp")), Vec::<PathBuf>::new());
    assert_eq!(store.verify(false).unwrap().problems, []);
    let values = (0..80).filter_map(|number| value(&store, number).map(|value| (number, value)));
    let values: Vec<_> = values.collect();
    for (number, value) in &values {
        assert_eq!(*value, expected(*number, Some(&buffer_of(*number))));
    }
    put_numbered(&store, 99);
    assert_eq!(value(&store, 99).unwrap(), expected(99, Some(&buffer_of(99))));
    values.len()
}

#[test]
fn a_lease_ends_with_its_killed_holder() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = start("processes::child_that_holds_a_lease", folder.path(), 0);
    wait_for(&mut child, "held");
    let store = open(folder.path());
    assert!(matches!(store.try_lease(&key(1)), LeaseAttempt::Held));
    assert_eq!(store.sweep().unwrap().leases, 0);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(files_under(&folder.path().join("v1/leases")).len(), 1);
    assert!(matches!(store.try_lease(&key(1)), LeaseAttempt::Won(_)));
}

#[test]
fn the_lease_file_of_a_dead_holder_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let mut child = start("processes::child_that_holds_a_lease", folder.path(), 0);
    wait_for(&mut child, "held");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(store.sweep().unwrap().leases, 1);
    assert_eq!(files_under(&folder.path().join("v1/leases")), Vec::<PathBuf>::new());
}

#[test]
fn what_a_living_writer_is_writing_is_not_swept() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let system = store.system();
    let living =
        hozon_sys::TemporaryName { realm: system.process_realm(), process: system.process_id(), random: 1 };
    let elsewhere = hozon_sys::TemporaryName { realm: !living.realm, process: u32::MAX, random: 2 };
    for name in [living, elsewhere] {
        std::fs::write(folder.path().join("v1/tmp").join(name.to_string()), "partial").unwrap();
    }
    assert_eq!(store.sweep().unwrap().temporaries, 0);
    let old = std::time::SystemTime::UNIX_EPOCH;
    for path in files_under(&folder.path().join("v1/tmp")) {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_times(std::fs::FileTimes::new().set_modified(old)).unwrap();
    }
    // The change of times is itself a touch, seen in the inode's time: both stay.
    assert_eq!(store.sweep().unwrap().temporaries, 0);
}

#[test]
fn threads_that_put_get_clear_and_sweep_at_once_never_see_a_wrong_value() {
    let folder = tempfile::tempdir().unwrap();
    let stores: Vec<Store> = (0..4).map(|_| open(folder.path())).collect();
    std::thread::scope(|scope| {
        for (thread, store) in stores.iter().enumerate() {
            scope.spawn(move || {
                for turn in 0..150_u64 {
                    let number = turn % 7;
                    put_numbered(store, number);
                    if let Some(value) = value(store, number) {
                        assert_eq!(value, expected(number, Some(&buffer_of(number))));
                    }
                    match (thread, turn % 30) {
                        (0, 29) => drop(store.clear(&hozon_store::Filter::All)),
                        (1, 29) => assert_eq!(store.sweep().unwrap().temporaries, 0),
                        (2, 29) => drop(store.summaries().unwrap()),
                        _ => {}
                    }
                }
            });
        }
    });
    put_numbered(&stores[0], 1);
    assert_eq!(value(&stores[1], 1).unwrap(), expected(1, Some(&buffer_of(1))));
}

#[test]
#[expect(unsafe_code, reason = "std cannot fork")]
fn a_child_that_is_forked_from_a_busy_store_puts_and_gets() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    // Large enough that its digest was taken by a pool of threads, which the child does not have.
    let buffer = large(1).repeat(200);
    store.put(entry(1, Some(&buffer))).unwrap();
    // SAFETY: the child leaves by `_exit`, without unwinding into the test's frames.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: plain calls; the alarm ends a child that hangs.
        unsafe { libc::alarm(20) };
        let other = large(2).repeat(200);
        let put = store.put(entry(2, Some(&other))).is_ok();
        let right = value(&store, 2) == Some(expected(2, Some(&other)));
        let right = right && value(&store, 1) == Some(expected(1, Some(&buffer)));
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(i32::from(!(put && right))) };
    }
    let mut status = -1;
    // SAFETY: `child` is our child, not waited for yet, and `status` is valid for writes.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0);
    assert_eq!(value(&store, 2).unwrap(), expected(2, Some(&large(2).repeat(200))));
}
