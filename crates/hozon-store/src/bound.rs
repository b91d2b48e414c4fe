//! How large a store may get.

use std::path::Path;
use std::time::Duration;

use hozon_sys::System;

/// How large a store may get.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Bound {
    /// A tenth of the disk that it is on, at most 50 GB.
    #[default]
    Default,
    /// So many bytes.
    Bytes(u64),
    /// This part of the disk that it is on.
    Share(f64),
    /// As large as it likes.
    None,
}

/// What a store keeps to by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// How large it may get.
    pub bound: Bound,
    /// For how long what was just stored is spared.
    pub grace: Duration,
}

/// The most that may be kept under one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MostOfName {
    /// How many entries.
    pub entries: Option<u64>,
    /// How many bytes.
    pub bytes: Option<u64>,
}

const DEFAULT_SHARE: f64 = 0.1;
const MOST_BY_DEFAULT: u64 = 50_000_000_000;
/// Whoever waits for a result looks again within moments, and whoever names one does so at once.
const GRACE: Duration = Duration::from_secs(10);

impl Default for Limits {
    fn default() -> Self {
        Self { bound: Bound::Default, grace: GRACE }
    }
}

impl Limits {
    /// No bound.
    pub const fn none() -> Self {
        Self { bound: Bound::None, grace: GRACE }
    }
}

impl Bound {
    /// Returns the bound in bytes for a store in `folder`; `None`: there is none.
    pub fn bytes(&self, system: &dyn System, folder: &Path) -> Option<u64> {
        let share = |share: f64| system.disk_bytes(folder).map(|disk| (disk as f64 * share) as u64);
        match self {
            Self::Default => {
                Some(share(DEFAULT_SHARE).map_or(MOST_BY_DEFAULT, |bytes| bytes.min(MOST_BY_DEFAULT)))
            }
            Self::Bytes(bytes) => Some(*bytes),
            Self::Share(part) => Some(share(*part).unwrap_or(MOST_BY_DEFAULT)),
            Self::None => None,
        }
    }
}
