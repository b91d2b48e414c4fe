//! A tier that has just failed is left alone for a while.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use hozon_format::Digest;
use hozon_sys::{Brief, System};

use crate::{Kind, Notify, Object, ObjectName, Put, Tier, TierError, Version};

const FIRST_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// So many wrong answers in a row count as a failure of the tier, not of an object.
const MOST_WRONG: u32 = 8;

/// Leaves a tier alone after a failure, longer after each further one, and says so once in a process.
pub struct Breaker<T> {
    inner: T,
    system: Arc<dyn System>,
    name: String,
    notify: Notify,
    state: Brief<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Until when, on the monotonic clock, the tier is left alone.
    until: Duration,
    /// How long it was left alone last.
    pause: Duration,
    wrong_in_a_row: u32,
    told: bool,
}

impl<T: std::fmt::Debug> std::fmt::Debug for Breaker<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Breaker({:?})", self.inner)
    }
}

impl<T: Tier> Breaker<T> {
    /// Stands before `inner`, which people know by `name`: its address.
    pub fn new(inner: T, system: Arc<dyn System>, name: String, notify: Notify) -> Self {
        Self { inner, system, name, notify, state: Brief::default() }
    }

    fn through<R>(&self, call: impl FnOnce(&T) -> Result<R, TierError>) -> Result<R, TierError> {
        let now = self.system.monotonic();
        if self.with(|state| state.until > now) {
            return Err(TierError::Paused);
        }
        let ended = call(&self.inner);
        match &ended {
            Ok(_) => self.with(|state| *state = State { told: state.told, ..State::default() }),
            Err(error) if self.counts(error) => self.open(error),
            Err(_) => {}
        }
        ended
    }

    /// Tells whether the tier is to be left alone after an error.
    fn counts(&self, error: &TierError) -> bool {
        let wrong = matches!(error, TierError::Wrong(_));
        let in_a_row = self.with(|state| {
            state.wrong_in_a_row = if wrong { state.wrong_in_a_row + 1 } else { 0 };
            state.wrong_in_a_row
        });
        error.is_lasting() || in_a_row >= MOST_WRONG
    }

    fn open(&self, error: &TierError) {
        let now = self.system.monotonic();
        let told = self.with(|state| {
            state.pause =
                if state.pause.is_zero() { FIRST_PAUSE } else { state.pause * 2 }.min(LONGEST_PAUSE);
            state.until = now + state.pause;
            std::mem::replace(&mut state.told, true)
        });
        if !told {
            let why = format!("tier {}: {error}; going on without it", self.name);
            (self.notify)(&why);
        }
    }

    fn with<R>(&self, with: impl FnOnce(&mut State) -> R) -> R {
        self.state.with(self.system.process_id(), with)
    }
}

impl<T: Tier> Tier for Breaker<T> {
    fn get(&self, name: &ObjectName, cap: u64) -> Result<Option<Object>, TierError> {
        self.through(|tier| tier.get(name, cap))
    }

    fn get_blob(&self, digest: &Digest, length: u64, sink: &mut dyn Write) -> Result<bool, TierError> {
        self.through(|tier| tier.get_blob(digest, length, sink))
    }

    fn put_if_absent(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, TierError> {
        self.through(|tier| tier.put_if_absent(name, bytes))
    }

    fn put_if_version(&self, name: &ObjectName, bytes: &[u8], version: &Version) -> Result<Put, TierError> {
        self.through(|tier| tier.put_if_version(name, bytes, version))
    }

    fn put_blob(&self, digest: &Digest, length: u64, reader: &mut dyn Read) -> Result<(), TierError> {
        self.through(|tier| tier.put_blob(digest, length, reader))
    }

    fn has_blob(&self, digest: &Digest, length: u64) -> Result<bool, TierError> {
        self.through(|tier| tier.has_blob(digest, length))
    }

    fn list(&self, kind: Kind) -> Result<Vec<ObjectName>, TierError> {
        self.through(|tier| tier.list(kind))
    }

    fn delete(&self, name: &ObjectName) -> Result<(), TierError> {
        self.through(|tier| tier.delete(name))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use hozon_format::Key;
    use hozon_sys::Memory;

    use super::*;
    use crate::{Failure, Faulty, MemoryTier};

    fn name() -> ObjectName {
        ObjectName::entries(&Key::from_digest(Digest::of(b"hozon")))
    }

    type Said = Arc<Mutex<Vec<String>>>;

    /// A breaker over a tier that fails, its clock, and what it has said.
    fn failing(failure: Failure) -> (Breaker<Faulty<MemoryTier>>, Memory, Said) {
        let (system, said) = (Memory::new(), Said::default());
        let faulty = Faulty::new(MemoryTier::new());
        faulty.fail(0..u64::MAX, failure);
        let told = Arc::clone(&said);
        let notify: Notify = Arc::new(move |why| told.lock().unwrap().push(why.to_owned()));
        (Breaker::new(faulty, Arc::new(system.clone()), "s3://bucket".to_owned(), notify), system, said)
    }

    #[test]
    fn a_dead_tier_costs_one_call_and_is_tried_again_later_and_later() {
        let (breaker, system, said) = failing(Failure::Unreachable);
        let mut asked = Vec::new();
        for second in 0..3000 {
            let before = breaker.inner.calls();
            let _ = breaker.get(&name(), 10);
            if breaker.inner.calls() > before {
                asked.push(second);
            }
            system.sleep(Duration::from_secs(1));
        }
        assert_eq!(asked, [0, 30, 90, 210, 450, 930, 1530, 2130, 2730]);
        assert_eq!(*said.lock().unwrap(), ["tier s3://bucket: it does not answer; going on without it"]);
    }

    #[test]
    fn a_tier_that_answers_again_is_asked_at_once() {
        let (breaker, system, _) = failing(Failure::Unreachable);
        assert!(matches!(breaker.get(&name(), 10), Err(TierError::Unreachable(_))));
        assert!(matches!(breaker.get(&name(), 10), Err(TierError::Paused)));
        breaker.inner.heal();
        system.sleep(FIRST_PAUSE);
        assert!(breaker.get(&name(), 10).unwrap().is_none());
        assert!(breaker.get(&name(), 10).unwrap().is_none());
    }

    #[test]
    fn one_wrong_object_says_nothing_of_others_but_many_do() {
        let (breaker, _, said) = failing(Failure::Wrong);
        let ends = (0..MOST_WRONG + 2).map(|_| breaker.get(&name(), 10).unwrap_err());
        let wrong = ends.filter(|error| matches!(error, TierError::Wrong(_))).count();
        assert_eq!(wrong, MOST_WRONG as usize);
        assert_eq!(said.lock().unwrap().len(), 1);
    }
}
