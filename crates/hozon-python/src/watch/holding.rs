//! Holding back what a computation would do outside of its process.
//!
//! A cell that runs ahead of its turn may be run once more, or have been run in vain: nothing that others see
//! may have been done. Hooks hear of such a thing before it is done, and then it is not.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use pyo3::prelude::*;

/// What was held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Effect {
    /// A file or folder would have been made, written, renamed or removed.
    Write = 1,
    /// Another process would have been started, or sent something.
    Program = 2,
    /// The network would have been used.
    Network = 3,
}

static HOLDS: AtomicBool = AtomicBool::new(false);
static HELD: AtomicU8 = AtomicU8::new(0);

/// Tells whether effects are held back in this process.
#[inline]
pub(super) fn is_on() -> bool {
    HOLDS.load(Ordering::Relaxed)
}

/// Notes that an effect was held back.
pub(super) fn note(effect: Effect) {
    HELD.store(effect as u8, Ordering::Relaxed);
}

/// From now on, in this process, what watched computations would do outside of it is not done.
#[pyfunction]
pub(crate) fn hold_effects() {
    HELD.store(0, Ordering::Relaxed);
    HOLDS.store(true, Ordering::Relaxed);
}

/// What was held back since the last `hold_effects`, for people; None: nothing.
#[pyfunction]
pub(crate) fn held_effect() -> Option<&'static str> {
    match HELD.load(Ordering::Relaxed) {
        1 => Some("writes files"),
        2 => Some("starts other programs"),
        3 => Some("uses the network"),
        _ => None,
    }
}
