//! A process is killed before each call that changes something, and in the middle of each write, of everything
//! that writes. What is there after each is right, a sweep leaves no orphan, and no lock is stuck.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hozon_store::{Filter, LeaseAttempt, Store, load_or_create_seal_key};
use hozon_sys::{Durability, Fault, Os};

use crate::common::*;

/// Entries that are there from the start and must stay: a name keeps each.
const KEPT: std::ops::Range<u64> = 100..103;
/// Entries that come and go.
const PASSING: std::ops::Range<u64> = 0..6;
/// Every so many kills, the whole store is looked through.
const WHOLE: u64 = 40;
const POINTS: u64 = 2000;
const MORE_THAN_ALL: u64 = 200;

/// What a process does until it is killed. The number tells rounds apart.
type Act = fn(&Store, u64);

const ACTS: [(&str, Act); 9] = [
    ("put", |store, round| drop(store.put(entry(round % 6, Some(&large(round % 6)))))),
    ("put, synced", |store, round| drop(store.put(synced_entry((round + 1) % 6, &large((round + 1) % 6))))),
    ("lease and put", |store, round| {
        let _lease = store.try_lease(&key(round % 6));
        let _ = store.put(entry(round % 6, Some(&large(round % 6))));
    }),
    ("name", |store, round| drop(store.set_root(&format!("passing {}", round % 6), &key(100)))),
    ("traces", |store, round| {
        drop(store.put_trace_sets(&key(round % 6), "work", vec![7; 300], Durability::Synced));
    }),
    ("clear", |store, round| drop(store.clear(&Filter::KeyPrefix(key(round % 6).to_string())))),
    ("evict", |store, _| drop(store.collect(Some(1), false))),
    ("repair", |store, _| drop(store.verify(true))),
    ("key", |store, round| {
        let path = store.folder().join(format!("home-{round}/seal.key"));
        drop(load_or_create_seal_key(&**store.system(), &path));
    }),
];

/// Forks a child that does the act and is killed at its `point`th moment. Returns whether it was.
#[expect(unsafe_code, reason = "std cannot fork")]
fn is_killed(folder: &Path, act: Act, round: u64, point: u64) -> bool {
    // SAFETY: the child ends by a signal or `_exit`, without unwinding into the test's frames.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let fault = Fault::new(Os);
        let store = open_in(fault.clone(), folder);
        let moment = Arc::new(AtomicU64::new(0));
        fault.watch_writes(move |_| {
            if moment.fetch_add(1, Ordering::SeqCst) == point {
                // SAFETY: a plain call; the process is gone after it.
                unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
            }
        });
        act(&store, round);
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(0) };
    }
    let mut status = -1;
    // SAFETY: `child` is our child, not waited for yet, and `status` is valid for writes.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert!(libc::WIFSIGNALED(status) || libc::WEXITSTATUS(status) == 0, "{status}");
    libc::WIFSIGNALED(status)
}

/// Tells whether this test has its process for itself, and else runs it in one that it has: a child that is forked
/// beside other tests may wait for ever for what one of their threads holds.
fn is_alone(test: &str) -> bool {
    if std::env::var_os("NEXTEST").is_some() {
        return true;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    let status = again.args(["--exact", test, "--nocapture"]).env("NEXTEST", "1").status().unwrap();
    assert!(status.success(), "{status}");
    false
}

fn check(folder: &Path, told: &str, whole: bool) {
    let store = open(folder);
    store.sweep().unwrap();
    let left = files_under(&folder.join("v1/tmp"));
    assert!(left.is_empty(), "{told}: {left:?}");
    for number in KEPT.chain(PASSING) {
        let found = value(&store, number);
        assert!(found.is_some() || !KEPT.contains(&number), "{told}: {number} is lost");
        assert!(found.is_none_or(|found| found == expected(number, Some(&large(number)))), "{told}");
        assert!(matches!(store.try_lease(&key(number)), LeaseAttempt::Won(_)), "{told}: a stuck lease");
    }
    if whole {
        assert_eq!(store.verify(false).unwrap().problems, [], "{told}");
        store.collect(None, true).unwrap();
        assert_eq!(files_under(&folder.join("v1/quarantine")).len(), 0, "{told}");
    }
}

#[test]
fn a_kill_before_each_call_of_everything_that_writes_leaves_nothing_wrong() {
    if !is_alone("kill_points::a_kill_before_each_call_of_everything_that_writes_leaves_nothing_wrong") {
        return;
    }
    let folder = quick_folder();
    let store = open(folder.path());
    for number in KEPT {
        store.put(synced_entry(number, &large(number))).unwrap();
        store.set_root(&format!("kept {number}"), &key(number)).unwrap();
    }
    let began = std::time::Instant::now();
    let mut kills = 0;
    let is_enough = |kills| match soak_seconds() {
        Some(seconds) => began.elapsed().as_secs() >= seconds,
        None => kills >= POINTS,
    };
    for round in 0.. {
        if is_enough(kills) {
            break;
        }
        for (name, act) in ACTS {
            for point in 0..MORE_THAN_ALL {
                if !is_killed(folder.path(), act, round, point) {
                    break;
                }
                kills += 1;
                let told = format!("{name}, round {round}, moment {point}");
                check(folder.path(), &told, kills % WHOLE == 0);
            }
        }
    }
    check(folder.path(), "at the end", true);
    println!("bar 3: {kills} kills, 0 wrong, 0 orphans, 0 stuck locks");
}

/// The calls of the system that change something, those of the index's database among them.
const CALLS: [&str; 12] = [
    "openat",
    "write",
    "pwrite64",
    "ftruncate",
    "fsync",
    "fdatasync",
    "close",
    "rename",
    "unlink",
    "mkdir",
    "utimensat",
    "flock",
];
const FOLDER: &str = "HOZON_TEST_KILL_FOLDER";
const ROUND: &str = "HOZON_TEST_KILL_ROUND";

#[test]
#[ignore = "the child of the test below, not a test of its own"]
fn child_that_does_everything() {
    let of = |name| std::env::var(name).expect("started by a test of this file");
    let store = open(Path::new(&of(FOLDER)));
    let round: u64 = of(ROUND).parse().unwrap();
    for (_, act) in ACTS.iter().filter(|(name, _)| *name != "key") {
        act(&store, round);
        store.record_use(&key(100), 1.0);
        let _ = store.flush_uses();
    }
}

/// Runs the child with a kill at the `nth` call of that name. Returns whether it was killed.
fn is_killed_at(folder: &Path, call: &str, nth: u64) -> bool {
    let status = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={call}:signal=KILL:when={nth}")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "kill_points::child_that_does_everything", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUND, nth.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("strace is there");
    !status.success()
}

/// A cross-check from outside: real calls, and those that the database of the index makes by itself.
#[test]
#[ignore = "needs strace: make test-power"]
fn a_kill_at_each_call_of_the_system_leaves_nothing_wrong() {
    let folder = quick_folder();
    let store = open(folder.path());
    for number in KEPT {
        store.put(synced_entry(number, &large(number))).unwrap();
        store.set_root(&format!("kept {number}"), &key(number)).unwrap();
    }
    let mut kills = 0;
    for call in CALLS {
        for nth in (1..2000).step_by(if soak_seconds().is_some() { 1 } else { 5 }) {
            if !is_killed_at(folder.path(), call, nth) {
                break;
            }
            kills += 1;
            check(folder.path(), &format!("{call} {nth}"), kills % WHOLE == 0);
            assert!(open(folder.path()).summaries().unwrap().len() >= 3, "{call} {nth}: the index is of use");
        }
    }
    println!("bar 3: {kills} kills at calls of the system, 0 wrong, 0 orphans, 0 stuck locks");
    assert!(kills > 100, "{kills}");
}
