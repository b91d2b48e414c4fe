//! Of many callers of one missing key, one computes; and nobody waits for ever.
#![expect(clippy::disallowed_methods, reason = "the tests start processes and look at files themselves")]

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::time::Duration;

use hozon_engine::{Begin, Caller, Flights, Observer, Poll, Turn};
use hozon_format::{Codec, Digest, Facts, Key, SealKey};
use hozon_key::{Seen, Subject};
use hozon_store::{LeaseAttempt, Miss, NewEntry, NewOutput, Store};
use hozon_sys::{Fault, Memory, Os, System};

const LONG: Duration = Duration::from_secs(3600);

/// None of these computations looks at anything.
struct Nothing;

impl Observer for Nothing {
    fn observe(&mut self, subject: &Subject, _last: Option<&Seen>) -> Seen {
        panic!("nothing looked at {subject:?}")
    }
}

fn flights(system: impl System + 'static, folder: &Path) -> Flights {
    Flights::new(Store::open(Arc::new(system), folder, SealKey::from_bytes([7; 32])).unwrap())
}

fn in_memory() -> (Memory, Flights) {
    let memory = Memory::new();
    (memory.clone(), flights(memory, Path::new("/store")))
}

fn key(number: u8) -> Key {
    Key::from_digest(Digest::of(&[number]))
}

fn put(flights: &Flights, key: Key) {
    let payload = Cow::Borrowed(&b"value"[..]);
    let output = NewOutput { name: String::new(), codec: Codec::Pickle5, payload, buffers: Vec::new() };
    let entry = NewEntry {
        key,
        facts: Facts::default(),
        recipe: Vec::new(),
        traces: Vec::new(),
        outputs: vec![output],
        known: None,
        most: None,
    };
    flights.store().put(entry).unwrap();
}

fn patient() -> ControlFlow<()> {
    ControlFlow::Continue(())
}

fn turn_of(poll: Poll) -> Turn {
    match poll {
        Poll::Compute(turn) => turn,
        other => panic!("a turn was due, not {other:?}"),
    }
}

#[test]
fn eight_threads_over_two_tables_compute_once() {
    let folder = tempfile::tempdir().unwrap();
    // Two tables over one folder meet only through the lease, as two processes do.
    let tables = [flights(Os, folder.path()), flights(Os, folder.path())];
    for round in 0..20 {
        let (computed, start) = (AtomicU32::new(0), Barrier::new(8));
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (flights, computed, start) = (&tables[number % 2], &computed, &start);
                scope.spawn(move || {
                    start.wait();
                    let begun = flights.begin(
                        &key(round),
                        "f",
                        Caller::this_thread(),
                        LONG,
                        &mut Nothing,
                        &mut patient,
                    );
                    if let Begin::Compute(turn) = begun {
                        computed.fetch_add(1, Ordering::SeqCst);
                        put(flights, *turn.key());
                    }
                });
            }
        });
        assert_eq!(computed.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn a_turn_that_ends_without_a_result_goes_to_the_next() {
    let (_, flights) = in_memory();
    let turn = turn_of(flights.poll(&key(1), "f", Caller::task(1), &mut Nothing));
    assert!(turn.has_lease() && turn.has_claim() && matches!(turn.why(), Miss::Absent));
    assert!(matches!(flights.poll(&key(1), "f", Caller::task(2), &mut Nothing), Poll::Wait));
    drop(turn);
    turn_of(flights.poll(&key(1), "f", Caller::task(2), &mut Nothing));
}

#[test]
fn a_waiter_computes_when_its_budget_is_spent() {
    let (memory, flights) = in_memory();
    let turn = turn_of(flights.poll(&key(1), "f", Caller::task(1), &mut Nothing));
    let mut pauses = 0;
    let budget = Duration::from_secs(2);
    let begun = flights.begin(&key(1), "f", Caller::task(2), budget, &mut Nothing, &mut || {
        pauses += 1;
        ControlFlow::Continue(())
    });
    assert!(matches!(begun, Begin::Compute(turn) if !turn.has_lease()));
    assert_eq!(memory.monotonic(), budget);
    // 1, 2, 4, 8, 16, 32 and then 50 ms at a time.
    assert!((40..60).contains(&pauses), "{pauses}");
    drop(turn);
}

#[test]
fn a_waiter_stops_when_it_is_told_to() {
    let (_, flights) = in_memory();
    let _turn = turn_of(flights.poll(&key(1), "f", Caller::task(1), &mut Nothing));
    let mut left = 3;
    let begun = flights.begin(&key(1), "f", Caller::task(2), LONG, &mut Nothing, &mut || {
        left -= 1;
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(begun, Begin::Stopped));
}

#[test]
fn a_caller_never_waits_for_itself() {
    let (_, flights) = in_memory();
    let _outer = turn_of(flights.poll(&key(1), "f", Caller::task(1), &mut Nothing));
    let inner = turn_of(flights.poll(&key(1), "f", Caller::task(1), &mut Nothing));
    assert!(!inner.has_lease() && !inner.has_claim());
    drop(inner);
    assert!(matches!(flights.poll(&key(1), "f", Caller::task(2), &mut Nothing), Poll::Wait));
}

#[test]
fn a_circle_of_waiters_is_broken_by_who_would_close_it() {
    let (_, flights) = in_memory();
    let _one = turn_of(flights.poll(&key(1), "f", Caller::task(1), &mut Nothing));
    let _two = turn_of(flights.poll(&key(2), "f", Caller::task(2), &mut Nothing));
    assert!(matches!(flights.poll(&key(2), "f", Caller::task(1), &mut Nothing), Poll::Wait));
    let broken = turn_of(flights.poll(&key(1), "f", Caller::task(2), &mut Nothing));
    assert!(!broken.has_lease());
    drop(broken);
    flights.stop_waiting(Caller::task(1));
    assert!(matches!(flights.poll(&key(1), "f", Caller::task(2), &mut Nothing), Poll::Wait));
}

#[test]
fn threads_in_a_circle_all_end() {
    let folder = tempfile::tempdir().unwrap();
    let flights = flights(Os, folder.path());
    let start = Barrier::new(3);
    std::thread::scope(|scope| {
        for number in 0..3 {
            let (flights, start) = (&flights, &start);
            scope.spawn(move || {
                let own =
                    flights.begin(&key(number), "f", Caller::this_thread(), LONG, &mut Nothing, &mut patient);
                start.wait();
                let next = key((number + 1) % 3);
                if let Begin::Compute(turn) =
                    flights.begin(&next, "f", Caller::this_thread(), LONG, &mut Nothing, &mut patient)
                {
                    put(flights, *turn.key());
                }
                put(flights, key(number));
                drop(own);
            });
        }
    });
    assert!((0..3).all(|number| matches!(
        flights.poll(&key(number), "f", Caller::task(0), &mut Nothing),
        Poll::Hit(..)
    )));
}

#[test]
fn the_winner_of_a_lease_looks_again() {
    let fault = Fault::new(Memory::new());
    let flights = flights(fault.clone(), Path::new("/store"));
    put(&flights, key(1));
    // The first look fails, as if the holder had stored the result just after it.
    fault.fail_reads(0..1, std::io::ErrorKind::NotFound);
    assert!(matches!(flights.poll(&key(1), "f", Caller::task(1), &mut Nothing), Poll::Hit(..)));
    // The entry, the list of traces, the entry again.
    assert_eq!(fault.read_calls(), 3);
    let LeaseAttempt::Won(_lease) = flights.store().try_lease(&key(1)) else {
        panic!("the hit has given the lease back")
    };
}

#[test]
fn without_locks_threads_of_one_process_still_wait_for_each_other() {
    let fault = Fault::new(Memory::new());
    let flights = flights(fault.clone(), Path::new("/store"));
    fault.fail_writes(0..u64::MAX, std::io::ErrorKind::ReadOnlyFilesystem);
    let turn = turn_of(flights.poll(&key(1), "f", Caller::task(1), &mut Nothing));
    assert!(!turn.has_lease() && turn.has_claim());
    assert!(matches!(flights.poll(&key(1), "f", Caller::task(2), &mut Nothing), Poll::Wait));
}

#[test]
fn the_turn_tells_why_there_was_no_result() {
    let memory = Memory::new();
    let flights = flights(memory.clone(), Path::new("/store"));
    put(&flights, key(1));
    let hex = key(1).to_string();
    memory.overwrite(&Path::new("/store/v1/entries").join(&hex[..2]).join(&hex[2..]), b"damaged");
    let turn = turn_of(flights.poll(&key(1), "f", Caller::task(1), &mut Nothing));
    assert!(matches!(turn.why(), Miss::Quarantined { .. }));
}

const FOLDER: &str = "HOZON_TEST_CHILD_FOLDER";
const KEYS: u8 = 10;

/// Four threads ask for ten keys, each in its own order; who computes leaves a file.
#[test]
#[ignore = "the child of the test below, not a test of its own"]
fn child_with_four_threads() {
    let folder = std::path::PathBuf::from(std::env::var_os(FOLDER).expect("started by the test below"));
    let flights = flights(Os, &folder.join("store"));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (flights, folder) = (&flights, &folder);
            scope.spawn(move || {
                for number in (0..KEYS).map(|number| (number + thread) % KEYS) {
                    let begun = flights.begin(
                        &key(number),
                        "f",
                        Caller::this_thread(),
                        LONG,
                        &mut Nothing,
                        &mut patient,
                    );
                    let Begin::Compute(turn) = begun else { continue };
                    assert!(turn.has_lease());
                    let name = format!("computed-{number}-{}-{thread}", std::process::id());
                    std::fs::write(folder.join(name), "").unwrap();
                    Os.sleep(Duration::from_millis(5));
                    put(flights, key(number));
                }
            });
        }
    });
}

#[test]
fn three_processes_with_four_threads_each_compute_every_key_once() {
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_with_four_threads", "--ignored"])
            .env(FOLDER, folder.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..3).map(|_| start()).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let names = std::fs::read_dir(folder.path()).unwrap();
    let names: Vec<_> = names.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    for number in 0..KEYS {
        let of_key = names.iter().filter(|name| name.starts_with(&format!("computed-{number}-")));
        assert_eq!(of_key.count(), 1, "{names:?}");
    }
}
