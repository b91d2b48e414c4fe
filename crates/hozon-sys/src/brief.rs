//! A table that threads share and that a fork cannot block.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use once_cell::race::OnceBox;

/// A value under a lock that is held for moments only, never while calling out.
///
/// A child that was forked while another thread held the lock would wait for it for ever: so each
/// process has a lock and a value of its own. A child starts with an empty value.
#[derive(Debug, Default)]
pub struct Brief<T> {
    /// The process that the value belongs to; 0: nobody's yet.
    process: AtomicU32,
    value: Mutex<T>,
    /// The value of a child of that process, in that child's memory. Nothing here blocks.
    of_child: OnceBox<Brief<T>>,
}

impl<T: Default> Brief<T> {
    /// Calls `with` on the value of the process `process`.
    pub fn with<R>(&self, process: u32, with: impl FnOnce(&mut T) -> R) -> R {
        let mut guard = self.of(process).value.lock().unwrap_or_else(PoisonError::into_inner);
        with(&mut guard)
    }

    /// Only the last of the chain may be the process's own: an earlier one with its number is that of an
    /// ancestor that is gone.
    fn of(&self, process: u32) -> &Self {
        let mut last = self;
        while let Some(later) = last.of_child.get() {
            last = later;
        }
        loop {
            match last.process.compare_exchange(0, process, Ordering::Relaxed, Ordering::Relaxed) {
                Err(owner) if owner != process => last = last.of_child.get_or_init(Box::default),
                _ => return last,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_has_a_value_of_its_own() {
        let brief = Brief::<Vec<u32>>::default();
        brief.with(1, |values| values.push(1));
        assert_eq!(brief.with(1, |values| values.clone()), [1]);
        assert_eq!(brief.with(2, |values| values.clone()), []);
        brief.with(2, |values| values.push(2));
        assert_eq!(brief.with(2, |values| values.clone()), [2]);
    }

    #[test]
    fn a_child_does_not_wait_for_a_lock_of_its_parent() {
        let brief = Brief::<u32>::default();
        brief.with(1, |_| brief.with(2, |value| *value += 1));
        assert_eq!(brief.with(2, |value| *value), 1);
    }

    #[test]
    fn a_number_that_is_used_again_finds_nothing_of_its_ancestor() {
        let brief = Brief::<u32>::default();
        brief.with(1, |value| *value = 1);
        brief.with(2, |value| *value = 2);
        assert_eq!(brief.with(1, |value| *value), 0);
    }
}
