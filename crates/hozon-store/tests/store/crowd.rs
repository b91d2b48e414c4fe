//! Sixteen processes at once on one store: they put, get, name, forget, clear, evict, check, and are killed.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use hozon_format::SealKey;
use hozon_store::{Bound, Filter, LeaseAttempt, Limits, Store};
use hozon_sys::Os;

use crate::common::*;

const PROCESSES: u64 = 16;
const NUMBERS: u64 = 24;
/// In every run.
const SECONDS: u64 = 3;
/// Whoever takes so much longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

const FOLDER: &str = "HOZON_TEST_CROWD_FOLDER";
const ENDS_AFTER: &str = "HOZON_TEST_CROWD_SECONDS";
const SEED: &str = "HOZON_TEST_CROWD_SEED";

fn buffer_of(number: u64) -> Vec<u8> {
    number.to_le_bytes().repeat(700 + 3000 * (number as usize % 4))
}

fn open_bounded(folder: &Path) -> Store {
    let limits = Limits { bound: Bound::Bytes(400_000), grace: Duration::ZERO };
    Store::open_with(Arc::new(Os), folder, SealKey::from_bytes(SEAL), limits).unwrap()
}

/// One thing that a process may do. What fails is a cost; what is wrong is a panic.
fn act(store: &Store, rng: &mut Rng) {
    let number = rng.u64(0..NUMBERS);
    let buffer = buffer_of(number);
    match rng.u32(0..100) {
        0..=39 => {
            let found = value(store, number);
            assert!(found.is_none_or(|found| found == expected(number, Some(&buffer))), "a wrong value");
            store.record_use(&key(number), 1.0);
        }
        40..=79 => {
            let lease = store.try_lease(&key(number));
            if !matches!(lease, LeaseAttempt::Held) {
                let new = if rng.u8(..) < 16 {
                    synced_entry(number, &buffer)
                } else {
                    entry(number, Some(&buffer))
                };
                store.put(new).unwrap();
            }
        }
        80..=84 => store.set_root(&number.to_string(), &key(number)).unwrap(),
        85..=89 => drop(store.remove_root(&number.to_string()).unwrap()),
        90..=93 => drop(store.forget(&key(number)).unwrap()),
        94 => drop(store.clear(&Filter::KeyPrefix(key(number).to_string()[..4].to_owned()))),
        95 => drop(store.collect(Some(rng.u64(0..400_000)), false)),
        96 => drop(store.summaries().unwrap()),
        97 => drop(store.flush_uses()),
        98 => drop(store.sweep().unwrap()),
        _ => drop(store.verify(false).unwrap()),
    }
}

#[test]
#[ignore = "the child of the test in this file, not a test of its own"]
fn child_of_the_crowd() {
    let of = |name| std::env::var(name).expect("started by the test of this file");
    let mut rng = Rng::with_seed(of(SEED).parse().unwrap());
    let store = open_bounded(Path::new(&of(FOLDER)));
    let ends = Instant::now() + Duration::from_secs(of(ENDS_AFTER).parse().unwrap());
    let mut acts = 0_u64;
    while Instant::now() < ends {
        act(&store, &mut rng);
        acts += 1;
    }
    println!("acts={acts}");
}

fn start(folder: &Path, seconds: u64, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crowd::child_of_the_crowd", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(ENDS_AFTER, seconds.to_string())
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for the end of a child that was not killed. Returns how much it has done.
fn finish(mut child: Child) -> u64 {
    let began = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if began.elapsed() > PATIENCE => {
                child.kill().unwrap();
                panic!("a process hangs");
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.unwrap().read_to_string(&mut out).unwrap();
    child.stderr.unwrap().read_to_string(&mut err).unwrap();
    assert!(status.success(), "{err}");
    let acts = out.split("acts=").nth(1).expect("it says what it did");
    acts.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn sixteen_processes_that_do_everything_and_are_killed_see_nothing_wrong() {
    let folder = quick_folder();
    let seconds = soak_seconds().unwrap_or(SECONDS);
    let ends = Instant::now() + Duration::from_secs(seconds);
    let mut rng = Rng::with_seed(1);
    let mut children: Vec<Child> = (0..PROCESSES).map(|seed| start(folder.path(), seconds, seed)).collect();
    let mut kills = 0;
    while Instant::now() + Duration::from_millis(500) < ends {
        std::thread::sleep(Duration::from_millis(rng.u64(20..200)));
        let victim = rng.usize(0..children.len());
        children[victim].kill().unwrap();
        let status = children[victim].wait().unwrap();
        // One that had failed before would not have waited for the kill; near the end, it may be done.
        assert!(status.code().is_none_or(|code| code == 0), "a process has failed: {status}");
        kills += 1;
        let left = ends.saturating_duration_since(Instant::now()).as_secs();
        children[victim] = start(folder.path(), left, PROCESSES + kills);
    }
    let acts: u64 = children.into_iter().map(finish).sum();
    let store = open_bounded(folder.path());
    store.sweep().unwrap();
    assert_eq!(files_under(&folder.path().join("v1/tmp")), Vec::<std::path::PathBuf>::new());
    // A blob may go, by an eviction, right before its entry is put: that entry is a miss, and no damage.
    for number in 0..NUMBERS {
        assert!(matches!(store.try_lease(&key(number)), LeaseAttempt::Won(_)), "a stuck lease");
        let found = value(&store, number);
        assert!(found.is_none_or(|found| found == expected(number, Some(&buffer_of(number)))));
    }
    assert_eq!(files_under(&folder.path().join("v1/quarantine")).len(), 0, "nothing was damaged");
    println!(
        "bar 13: {PROCESSES} processes, {acts} acts of those that lived, {kills} kills, 0 wrong, 0 hangs"
    );
}
