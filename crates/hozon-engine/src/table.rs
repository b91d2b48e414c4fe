//! Who computes what, and who waits for it, in this process.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};

/// Someone who computes and waits as one: a thread, or a task of an event loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Caller {
    is_task: bool,
    number: u64,
}

/// The keys that callers of this process are computing, and those that they wait for.
#[derive(Debug)]
pub struct Table<Key> {
    holders: HashMap<Key, Holder>,
    waiting: HashMap<Caller, Key>,
    last_claim: u64,
}

#[derive(Debug)]
struct Holder {
    caller: Caller,
    claim: u64,
}

/// What the table says to a caller who wants to compute a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// The key is the caller's, until it gives back this number.
    Granted(u64),
    /// The caller must not wait: it holds the key itself, or its holder waits for the caller.
    WouldDeadlock,
    /// Another caller holds it.
    Held,
}

impl Caller {
    /// Returns the calling thread.
    pub fn this_thread() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        thread_local! {
            static NUMBER: u64 = LAST.fetch_add(1, Ordering::Relaxed);
        }
        Self { is_task: false, number: NUMBER.with(|number| *number) }
    }

    /// Returns a task, by a number that no other living task has.
    pub const fn task(number: u64) -> Self {
        Self { is_task: true, number }
    }
}

impl<Key> Default for Table<Key> {
    fn default() -> Self {
        Self { holders: HashMap::new(), waiting: HashMap::new(), last_claim: 0 }
    }
}

impl<Key: Clone + Eq + Hash> Table<Key> {
    /// Gives a free key to `caller`; otherwise notes that it waits, unless that could never end.
    pub fn claim(&mut self, key: &Key, caller: Caller) -> Claim {
        self.waiting.remove(&caller);
        if self.leads_to(key, caller) {
            return Claim::WouldDeadlock;
        }
        if self.holders.contains_key(key) {
            self.waiting.insert(caller, key.clone());
            return Claim::Held;
        }
        self.last_claim += 1;
        self.holders.insert(key.clone(), Holder { caller, claim: self.last_claim });
        Claim::Granted(self.last_claim)
    }

    /// Frees a key, if the claim still stands.
    pub fn release(&mut self, key: &Key, claim: u64) {
        if self.holders.get(key).is_some_and(|holder| holder.claim == claim) {
            self.holders.remove(key);
        }
    }

    /// Tells whether someone computes `key`.
    pub fn is_held(&self, key: &Key) -> bool {
        self.holders.contains_key(key)
    }

    /// Notes that a caller has given up.
    pub fn stop_waiting(&mut self, caller: Caller) {
        self.waiting.remove(&caller);
    }

    /// Tells whether whoever holds `key` is `caller`, or waits for someone who does, and so on.
    fn leads_to(&self, key: &Key, caller: Caller) -> bool {
        let mut key = key;
        // A chain without `caller` in it may have a loop of its own: no longer than all who wait.
        for _ in 0..=self.waiting.len() {
            let Some(holder) = self.holders.get(key) else { return false };
            if holder.caller == caller {
                return true;
            }
            let Some(next) = self.waiting.get(&holder.caller) else { return false };
            key = next;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hozon_format::{Digest, Key};

    fn key(number: u8) -> Key {
        Key::from_digest(Digest::of(&[number]))
    }

    #[test]
    fn a_key_has_one_holder_until_it_is_released() {
        let (mut table, one, other) = (Table::default(), Caller::task(1), Caller::task(2));
        let Claim::Granted(claim) = table.claim(&key(1), one) else { panic!("it is free") };
        assert_eq!(table.claim(&key(1), other), Claim::Held);
        table.release(&key(1), claim + 1);
        assert_eq!(table.claim(&key(1), other), Claim::Held);
        table.release(&key(1), claim);
        assert!(matches!(table.claim(&key(1), other), Claim::Granted(_)));
    }

    #[test]
    fn waiting_for_oneself_over_any_number_of_others_is_seen() {
        for length in 1..6 {
            let mut table = Table::default();
            for number in 0..length {
                assert!(matches!(table.claim(&key(number), Caller::task(number.into())), Claim::Granted(_)));
            }
            for number in 1..length {
                let answer = table.claim(&key(number - 1), Caller::task(number.into()));
                assert_eq!(answer, Claim::Held);
            }
            // The first holder asks for the key of the last: the circle would close.
            assert_eq!(table.claim(&key(length - 1), Caller::task(0)), Claim::WouldDeadlock);
            assert_eq!(table.claim(&key(length - 1), Caller::task(99)), Claim::Held);
        }
    }

    #[test]
    fn a_thread_and_a_task_of_one_number_are_two_callers() {
        let (thread, other) =
            (Caller::this_thread(), std::thread::spawn(Caller::this_thread).join().unwrap());
        assert_ne!(thread, other);
        assert_eq!(thread, Caller::this_thread());
        assert!((0..100).all(|number| Caller::task(number) != thread));
    }
}
