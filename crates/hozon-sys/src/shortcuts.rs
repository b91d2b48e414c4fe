//! Whether shortcuts are taken: ways that give sooner what the long way gives. Tests take either.

use std::sync::atomic::{AtomicU8, Ordering};

/// When shortcuts are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Shortcuts {
    /// Where they pay: as programs run.
    WherePaying,
    /// Never: what could be known is found out again.
    Never,
    /// Wherever they can be, even where they do not pay.
    Always,
}

static CHOSEN: AtomicU8 = AtomicU8::new(Shortcuts::WherePaying as u8);

impl Shortcuts {
    /// Chooses for the whole process.
    pub fn choose(self) {
        CHOSEN.store(self as u8, Ordering::Relaxed);
    }

    /// Returns what was chosen.
    #[inline]
    pub fn chosen() -> Self {
        match CHOSEN.load(Ordering::Relaxed) {
            1 => Self::Never,
            2 => Self::Always,
            _ => Self::WherePaying,
        }
    }

    /// Tells whether what was found out before may be used.
    #[inline]
    pub fn are_taken() -> bool {
        Self::chosen() != Self::Never
    }
}
