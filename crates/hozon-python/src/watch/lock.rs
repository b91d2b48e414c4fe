//! A lock that hooks may take: on any thread, without the interpreter, and across a fork.
//!
//! It is held for moments, never while calling out, and the thread that forks holds it over the fork,
//! so that a child finds what it guards whole. Waiting ends after some time, in case a child was made
//! behind the back of the C library.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, Ordering};

/// How often a taken lock is tried again, the processor being given away in between: far longer than
/// any holder takes.
const MOST_TRIES: u32 = 200_000;

/// A value under a spin lock.
pub(super) struct SpinLock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

#[expect(unsafe_code, reason = "a lock of one's own")]
// SAFETY: `taken` lets one thread at a time reach the value.
unsafe impl<T: Send> Sync for SpinLock<T> {}

impl<T> SpinLock<T> {
    pub(super) const fn new(value: T) -> Self {
        Self { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Calls `with` on the value; None if the lock is stuck. `with` calls nothing that could come back.
    pub(super) fn with<R>(&self, with: impl FnOnce(&mut T) -> R) -> Option<R> {
        if !self.take() {
            return None;
        }
        let _held = Held(self);
        #[expect(unsafe_code, reason = "a lock of one's own")]
        // SAFETY: this thread has taken the lock, and gives it back when `_held` is dropped.
        let value = unsafe { &mut *self.value.get() };
        Some(with(value))
    }

    /// Takes the lock and keeps it until [`SpinLock::give_back`]. False if it is stuck.
    pub(super) fn take(&self) -> bool {
        for _ in 0..MOST_TRIES {
            if self.taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    /// Gives back what [`SpinLock::take`] has taken, on this thread or on its image in a forked child.
    pub(super) fn give_back(&self) {
        self.taken.store(false, Ordering::Release);
    }
}

struct Held<'lock, T>(&'lock SpinLock<T>);

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        self.0.give_back();
    }
}
