//! Every call of everything that writes fails, each in every way: the error is told, nothing earlier is lost,
//! nothing partial is left after the next open, and the next put works.

use std::path::Path;

use hozon_store::{Filter, Store, StoreError};
use hozon_sys::{Durability, Failure, Fault, Memory, System};

use crate::common::*;

const ERRORS: [i32; 4] = [libc::ENOSPC, libc::EIO, libc::EDQUOT, libc::ESTALE];
/// More than any act here makes: the loops check that they came to the end.
const MORE_THAN_ALL: u64 = 200;

type Act = fn(&Store) -> Result<(), StoreError>;
type Look = fn(&Store);

/// What writes, and changes nothing of the entries 1 and 2.
const ACTS: [(&str, Act); 10] = [
    ("put", |store| store.put(entry(3, Some(&large(3)))).map(drop)),
    ("put, synced", |store| store.put(synced_entry(3, &large(3))).map(drop)),
    ("put over another", |store| store.put(synced_entry(5, &large(3))).map(drop)),
    ("put of a shared blob", |store| store.put(synced_entry(3, &large(1))).map(drop)),
    ("name", |store| store.set_root("another", &key(2))),
    ("list of traces", |store| store.put_trace_sets(&key(3), "work", vec![1; 99], Durability::Synced)),
    ("acceptance", |store| {
        let name = "other work".to_owned();
        store.set_acceptance(&hozon_format::Acceptance { name, ..Default::default() })
    }),
    ("clear", |store| store.clear(&Filter::KeyPrefix(key(5).to_string())).map(drop)),
    ("gc", |store| store.collect(Some(1), false).map(drop)),
    ("repair", |store| store.verify(true).map(drop)),
];

/// A store with what must outlive all of it, and with something to remove.
fn prepared() -> Memory {
    let memory = Memory::new();
    let store = open_in(memory.clone(), Path::new("/store"));
    put_everything(&store);
    store.set_root("kept from gc", &key(2)).unwrap();
    store.put(entry(5, Some(&large(5)))).unwrap();
    // A blob that nothing needs: what a repair removes.
    store.put(entry(6, Some(&large(6)))).unwrap();
    store.forget(&key(6)).unwrap();
    memory.sleep(std::time::Duration::from_secs(7200));
    memory
}

/// How the calls from `first` on fail.
#[derive(Debug, Clone, Copy)]
enum Way {
    Once,
    Late,
    FromThenOn,
}

fn plan(fault: &Fault<Memory>, way: Way, first: u64, errno: i32) {
    match way {
        Way::Once => fault.fail_writes(first..first + 1, Failure::Errno(errno)),
        Way::Late => fault.fail_writes_late(first..first + 1, Failure::Errno(errno)),
        Way::FromThenOn => fault.fail_writes(first..u64::MAX, Failure::Errno(errno)),
    }
}

fn check_earlier(store: &Store, told: &str) {
    assert_eq!(value(store, 1).as_ref(), Some(&expected(1, Some(&large(1)))), "{told}");
    assert!(value(store, 2).is_some(), "{told}");
    assert_eq!((store.root("root"), store.root("kept from gc")), (Some(key(1)), Some(key(2))), "{told}");
}

/// Runs an act with a failure; returns whether the failure was met.
fn run(memory: &Memory, act: Act, way: Way, call: u64, errno: i32, told: &str) -> bool {
    let memory = memory.fork();
    let fault = Fault::new(memory.clone());
    let store = open_in(fault.clone(), Path::new("/store"));
    plan(&fault, way, call, errno);
    let done = act(&store);
    let met = fault.write_calls() > call;
    fault.heal();
    if let Err(error) = &done {
        assert!(
            matches!(error, StoreError::Io { source, .. } if source.raw_os_error() == Some(errno)),
            "{told}"
        );
    }
    check_earlier(&store, told);
    // The next process opens the store.
    memory.restart_process();
    let next = open_in(memory.clone(), Path::new("/store"));
    next.sweep().unwrap();
    assert_eq!(memory.list(Path::new("/store/v1/tmp")).unwrap(), [], "{told}");
    check_earlier(&next, told);
    for number in [3, 5] {
        let is_right = |found| [1, 3, 5].iter().any(|blob| found == expected(number, Some(&large(*blob))));
        assert!(value(&next, number).is_none_or(is_right), "{told}");
    }
    next.put(synced_entry(3, &large(3))).unwrap();
    assert_eq!(value(&next, 3).unwrap(), expected(3, Some(&large(3))), "{told}");
    assert_eq!(next.verify(false).unwrap().problems, [], "{told}");
    met
}

#[test]
fn each_call_of_everything_that_writes_fails_in_each_way_and_nothing_is_lost() {
    let memory = prepared();
    let mut met = 0;
    for (name, act) in ACTS {
        for way in [Way::Once, Way::Late, Way::FromThenOn] {
            for errno in ERRORS {
                let told = |call: u64| format!("{name}, {way:?}, call {call}, errno {errno}");
                let calls = (0..MORE_THAN_ALL)
                    .take_while(|call| run(&memory, act, way, *call, errno, &told(*call)))
                    .count();
                assert!(calls > 0 && calls < MORE_THAN_ALL as usize, "{}: {calls} calls", told(0));
                met += calls;
            }
        }
    }
    println!("bar 5: {met} failures, each call of {} acts, 0 lost", ACTS.len());
    assert!(met > 1000, "{met}");
}

#[test]
fn each_read_of_everything_that_reads_fails_and_is_a_miss_at_most() {
    let memory = prepared();
    let reads: [(&str, Look); 5] = [
        ("get", |store| {
            let found = value(store, 1);
            assert!(found.is_none_or(|found| found == expected(1, Some(&large(1)))));
        }),
        ("root", |store| assert!(store.root("root").is_none_or(|root| root == key(1)))),
        ("traces", |store| assert!(store.trace_sets(&key(1)).is_none_or(|sets| sets == b"sets"))),
        ("list", |store| drop(store.summaries())),
        ("verify", |store| drop(store.verify(false))),
    ];
    for (name, read) in reads {
        for errno in ERRORS {
            for call in 0..MORE_THAN_ALL {
                let fault = Fault::new(memory.fork());
                let store = open_in(fault.clone(), Path::new("/store"));
                fault.fail_reads(call..call + 1, Failure::Errno(errno));
                read(&store);
                let met = fault.read_calls() > call;
                fault.heal();
                check_earlier(&store, name);
                if !met {
                    assert!(call > 0);
                    break;
                }
            }
        }
    }
}
