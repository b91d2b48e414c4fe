//! A table that threads share and that a fork cannot block.

use std::sync::{Mutex, MutexGuard, TryLockError};

/// A value under a lock that is held for moments only, never while calling out.
///
/// A child that was forked while another thread held the lock would wait for ever: so nobody waits
/// long, and what is kept here must be dispensable. A child starts with its own empty value.
#[derive(Debug, Default)]
pub struct Brief<T>(Mutex<(u32, T)>);

/// Far longer than any holder takes.
const MOST_TRIES: usize = 2000;

impl<T: Default> Brief<T> {
    /// Calls `with` on the value of the process `process`; `None` if the lock is stuck.
    pub fn with<R>(&self, process: u32, with: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut guard = self.lock()?;
        if guard.0 != process {
            *guard = (process, T::default());
        }
        Some(with(&mut guard.1))
    }

    fn lock(&self) -> Option<MutexGuard<'_, (u32, T)>> {
        for _ in 0..MOST_TRIES {
            match self.0.try_lock() {
                Ok(guard) => return Some(guard),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            }
        }
        None
    }
}
