//! Single flight: of many callers of one missing key, one computes and the others wait.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use hozon_format::{Entry, Key};
use hozon_key::{Seen, Subject};
use hozon_store::{Lease, LeaseAttempt, Miss, Store};
use hozon_sys::Brief;

use crate::observe::Observer;
use crate::remote::Remote;
use crate::table::{Caller, Claim, Table};
use crate::traced::{TracedLookup, TracedMiss, look_up};

/// The computations under way in this process over one store. Cheap to clone.
///
/// No lock is held while anything waits or is called back. A forked child starts with none under way.
#[derive(Debug, Clone)]
pub struct Flights {
    store: Store,
    remote: Remote,
    /// Keys whose results were found to be of no use here: what tiers have of them is not fetched again.
    unwanted: Arc<Brief<HashSet<Key>>>,
    table: Arc<Brief<Table<Key>>>,
}

/// How a computation begins.
#[derive(Debug)]
pub enum Begin {
    /// The result is stored; with what its computation had looked at.
    Hit(Box<Entry>, Vec<Seen>),
    /// The caller computes: it puts the result, then drops the turn.
    Compute(Turn),
    /// The callback asked to stop waiting.
    Stopped,
}

/// How a computation stands now.
#[derive(Debug)]
pub enum Poll {
    /// The result is stored; with what its computation had looked at.
    Hit(Box<Entry>, Vec<Seen>),
    /// The caller computes: it puts the result, then drops the turn.
    Compute(Turn),
    /// Someone else computes: ask again after a pause.
    Wait,
}

/// The turn to compute a key. While it lives, others wait; dropping it lets them look.
#[derive(Debug)]
pub struct Turn {
    key: Key,
    why: TracedMiss,
    // Before the claim: whoever gets the claim next finds the lease free.
    lease: Option<Lease>,
    claim: Option<HeldClaim>,
}

#[derive(Debug)]
struct HeldClaim {
    flights: Flights,
    key: Key,
    number: u64,
}

pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(1);
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_millis(50);

impl Flights {
    /// Starts with no computation under way.
    pub fn new(store: Store) -> Self {
        Self::with_remote(store, Remote::default())
    }

    /// The same, with tiers that are asked before anything is computed.
    pub fn with_remote(store: Store, remote: Remote) -> Self {
        Self { store, remote, unwanted: Arc::default(), table: Arc::default() }
    }

    /// Tells whether tiers are asked before anything is computed.
    pub fn has_tiers(&self) -> bool {
        !self.remote.tiers().is_empty()
    }

    /// Has a key computed here in this process, whatever tiers have of it: it was forgotten, or is too old.
    pub fn keep_from_tiers(&self, key: &Key) {
        if self.has_tiers() {
            self.unwanted.with(self.store.system().process_id(), |unwanted| unwanted.insert(*key));
        }
    }

    /// Fetches what tiers have of a key, if it is wanted. Tells whether anything came.
    fn fetch(&self, key: &Key) -> bool {
        let process = self.store.system().process_id();
        self.has_tiers()
            && !self.unwanted.with(process, |unwanted| unwanted.contains(key))
            && self.remote.fetch(&self.store, key)
    }

    /// Returns the store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Looks `key` up for a computation that is called `name` and, if it is missing, waits for the turn to compute it or for its result.
    ///
    /// `between` is called before each pause; breaking out of it ends the wait. After `budget` the
    /// caller computes, whoever else does. A caller who finds that a blob of the hit is bad forgets
    /// the entry and begins again.
    pub fn begin(
        &self,
        key: &Key,
        name: &str,
        caller: Caller,
        budget: Duration,
        observer: &mut dyn Observer,
        between: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> Begin {
        let system = self.store.system();
        let started = system.monotonic();
        let mut pause = FIRST_PAUSE;
        loop {
            match self.poll(key, name, caller, observer) {
                Poll::Hit(entry, seen) => return Begin::Hit(entry, seen),
                Poll::Compute(turn) => return Begin::Compute(turn),
                Poll::Wait => {}
            }
            let waited = system.monotonic().saturating_sub(started);
            let left = budget.saturating_sub(waited);
            if left.is_zero() {
                return Begin::Compute(self.compute_anyway(key, caller));
            }
            if between().is_break() {
                self.stop_waiting(caller);
                return Begin::Stopped;
            }
            system.sleep(pause.min(left));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// The same without waiting: for event loops, which pause in their own way.
    ///
    /// A caller that gives up before it has a hit or a turn calls [`Flights::stop_waiting`].
    pub fn poll(&self, key: &Key, name: &str, caller: Caller, observer: &mut dyn Observer) -> Poll {
        let why = match look_up(&self.store, key, name, observer) {
            TracedLookup::Hit(entry, seen) => {
                self.stop_waiting(caller);
                return Poll::Hit(entry, seen);
            }
            TracedLookup::Miss(why) => why,
        };
        match self.with_table(|table| table.claim(key, caller)) {
            Claim::Granted(number) => {
                let claim = HeldClaim { flights: self.clone(), key: *key, number };
                self.poll_lease(name, why, claim, observer)
            }
            Claim::Held => Poll::Wait,
            Claim::WouldDeadlock => Poll::Compute(Turn::alone(key, why)),
        }
    }

    /// Ends the wait of a caller for whatever it waits for.
    pub fn stop_waiting(&self, caller: Caller) {
        self.with_table(|table| table.stop_waiting(caller));
    }

    /// Gives the turn to a caller whose patience is at its end.
    pub fn compute_anyway(&self, key: &Key, caller: Caller) -> Turn {
        self.stop_waiting(caller);
        Turn::alone(key, TracedMiss { why: Miss::Absent, changed: Vec::new() })
    }

    /// Asks the other processes, then the tiers, for a caller who has the claim in this one.
    fn poll_lease(&self, name: &str, why: TracedMiss, claim: HeldClaim, observer: &mut dyn Observer) -> Poll {
        let key = claim.key;
        let lease = match self.store.try_lease(&key) {
            LeaseAttempt::Won(lease) => Some(lease),
            LeaseAttempt::Held => return Poll::Wait,
            LeaseAttempt::Unsupported => None,
        };
        // Its holder stored it between our look and our lease.
        let later = match look_up(&self.store, &key, name, observer) {
            TracedLookup::Hit(entry, seen) => return Poll::Hit(entry, seen),
            TracedLookup::Miss(later) => later,
        };
        if self.fetch(&key)
            && let TracedLookup::Hit(entry, seen) = look_up(&self.store, &key, name, observer)
        {
            return Poll::Hit(entry, seen);
        }
        // A bad file is gone at the second look: the first knows more.
        let why = if matches!(later.why, Miss::Absent) { why } else { later };
        Poll::Compute(Turn { key, why, lease, claim: Some(claim) })
    }

    fn with_table<T>(&self, with: impl FnOnce(&mut Table<Key>) -> T) -> T {
        self.table.with(self.store.system().process_id(), with)
    }
}

impl Turn {
    /// A turn that nobody waits for.
    fn alone(key: &Key, why: TracedMiss) -> Self {
        Self { key: *key, why, lease: None, claim: None }
    }

    /// Returns the key to be computed.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Returns why there was no result.
    pub fn why(&self) -> &Miss {
        &self.why.why
    }

    /// Returns what the last run had looked at and is not like that any more.
    pub fn changed(&self) -> &[Subject] {
        &self.why.changed
    }

    /// Tells whether callers in other processes wait for this one.
    pub fn has_lease(&self) -> bool {
        self.lease.is_some()
    }

    /// Tells whether other callers in this process wait for this one.
    pub fn has_claim(&self) -> bool {
        self.claim.is_some()
    }
}

impl Drop for HeldClaim {
    fn drop(&mut self) {
        // In a forked child the table is new and knows nothing of this claim.
        self.flights.with_table(|table| table.release(&self.key, self.number));
    }
}
