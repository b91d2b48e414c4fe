//! Any course of puts, uses, names and collections against a model of what may go.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hozon_format::SealKey;
use hozon_store::{Bound, Limits, Store};
use hozon_sys::{Fault, Memory, Os, System};
use proptest::prelude::*;

use crate::common::*;

const GRACE: Duration = Duration::from_secs(10);

#[derive(Debug, Clone)]
enum Step {
    /// Stores an entry with this blob, which took so many milliseconds.
    Put {
        number: u64,
        blob: u64,
        milliseconds: u64,
    },
    Use(u64),
    Name(u64),
    Unname(u64),
    Wait(u64),
    SetClock(i64),
    Flush,
    LoseIndex,
    Collect(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let number = 0..20_u64;
    let step = prop_oneof![
        6 => (number.clone(), 0..8_u64, 1..10_000_u64)
            .prop_map(|(number, blob, milliseconds)| Step::Put { number, blob, milliseconds }),
        3 => number.clone().prop_map(Step::Use),
        1 => number.clone().prop_map(Step::Name),
        1 => number.prop_map(Step::Unname),
        2 => (0..20_u64).prop_map(Step::Wait),
        1 => prop_oneof![Just(0), Just(-10), Just(10), Just(-56), Just(80)].prop_map(Step::SetClock),
        1 => Just(Step::Flush),
        1 => Just(Step::LoseIndex),
        2 => (0..80_000_u64).prop_map(Step::Collect),
    ];
    proptest::collection::vec(step, 1..40)
}

/// What must be so, whatever the policy.
#[derive(Default)]
struct Model {
    /// The blob of each entry that was stored and is not known to have gone, and when it was stored.
    stored: BTreeMap<u64, (u64, Duration)>,
    named: BTreeSet<u64>,
}

struct Run {
    store: Store,
    model: Model,
    now: Duration,
    grace: Duration,
    bound: u64,
}

impl Run {
    fn is_spared(&self, number: u64, at: Duration) -> bool {
        self.model.named.contains(&number) || self.now.saturating_sub(at) < self.grace
    }

    /// Compares what is there with the model, and forgets what may have gone.
    fn check(&mut self) {
        for (number, (blob, at)) in self.model.stored.clone() {
            match value(&self.store, number) {
                Some(found) => assert_eq!(found, expected(number, Some(&large(blob)))),
                None => {
                    assert!(hit(&self.store, number).is_none(), "{number} has lost a blob that it needs");
                    assert!(!self.is_spared(number, at), "{number} is gone, and was to be spared");
                    self.model.stored.remove(&number);
                    self.model.named.remove(&number);
                    self.store.remove_root(&number.to_string()).unwrap();
                }
            }
        }
        assert_eq!(self.store.verify(false).unwrap().problems, []);
    }

    fn bytes_left(&self) -> u64 {
        self.store.collect(None, true).unwrap().bytes_before
    }

    /// The most that may be left: the bound, or what is spared.
    fn check_bound(&self, most: u64) {
        let spared: Vec<_> =
            self.model.stored.iter().filter(|(n, (_, at))| self.is_spared(**n, *at)).collect();
        if spared.is_empty() {
            assert!(self.bytes_left() <= most, "{} bytes are left of {most}", self.bytes_left());
        } else if self.bytes_left() > most {
            assert_eq!(spared.len(), self.model.stored.len(), "something that is not spared is left");
        }
    }
}

fn check_course<S: System + Clone + 'static>(
    steps: &[Step],
    system: Fault<S>,
    folder: &Path,
    grace: Duration,
    sleep: &dyn Fn(Duration),
) {
    const YEAR_MS: i64 = 365 * 24 * 3600 * 1000;
    let bound = 60_000;
    let limits = Limits { bound: Bound::Bytes(bound), grace };
    let open =
        || Store::open_with(Arc::new(system.clone()), folder, SealKey::from_bytes(SEAL), limits).unwrap();
    let mut run = Run { store: open(), model: Model::default(), now: Duration::ZERO, grace, bound };
    for step in steps {
        match step {
            Step::Put { number, blob, milliseconds } => {
                let buffer = large(*blob);
                let mut entry = entry(*number, Some(&buffer));
                // Shorter than what is synced: the tests' time goes elsewhere.
                entry.facts.duration_ns = milliseconds * 100_000;
                run.store.put(entry).unwrap();
                run.model.stored.insert(*number, (*blob, run.now));
            }
            Step::Use(number) => run.store.record_use(&key(*number), 1.0),
            Step::Name(number) if run.model.stored.contains_key(number) => {
                if hit(&run.store, *number).is_some() {
                    run.store.set_root(&number.to_string(), &key(*number)).unwrap();
                    run.model.named.insert(*number);
                }
            }
            Step::Name(_) => {}
            Step::Unname(number) => {
                run.store.remove_root(&number.to_string()).unwrap();
                run.model.named.remove(number);
            }
            Step::Wait(seconds) => {
                sleep(Duration::from_secs(*seconds));
                run.now += Duration::from_secs(*seconds);
            }
            Step::SetClock(years) => system.set_clock_off(years * YEAR_MS),
            Step::Flush => run.store.flush_uses().unwrap(),
            Step::LoseIndex => {
                // Another process opens the store, and finds no index.
                for name in ["index.db", "index.db-wal", "index.db-shm"] {
                    let _ = system.remove_file(&folder.join("v1").join(name));
                }
                run.store.flush_uses().unwrap();
            }
            Step::Collect(most) => {
                run.store.collect(Some(*most), false).unwrap();
                run.check();
                run.check_bound(*most);
            }
        }
        run.check();
    }
    sleep(grace);
    run.now += grace;
    run.store.collect(None, false).unwrap();
    run.check();
    run.check_bound(run.bound);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn in_memory_with_a_grace_window_and_a_clock_that_jumps(steps in steps()) {
        let memory = Memory::new();
        let sleep = |time| memory.sleep(time);
        check_course(&steps, Fault::new(memory.clone()), Path::new("/store"), GRACE, &sleep);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]
    #[test]
    fn on_disk_with_an_index(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        check_course(&steps, Fault::new(Os), folder.path(), Duration::ZERO, &|_| {});
    }
}
