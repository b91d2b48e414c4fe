//! Removing what dead writers left behind.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hozon_sys::{FileKind, LockAttempt, TemporaryName};

use crate::store::Inner;
use crate::{Store, StoreError};

/// What a sweep has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Temporary files of writers that are no more.
    pub temporaries: u64,
    /// Lease files that nobody holds.
    pub leases: u64,
    /// Bad files that have been in quarantine for long.
    pub quarantined: u64,
}

/// A writer that cannot be asked about is taken for dead after this time without a write.
const ABANDONED_MS: u64 = 24 * 3600 * 1000;
/// How long bad files are kept for whoever wants to look at them.
const QUARANTINE_MS: u64 = 30 * 24 * 3600 * 1000;

impl Store {
    /// Removes temporary files and leases of dead processes, and bad files that are old.
    ///
    /// A writer in this realm of processes is asked whether it lives; one of another machine or
    /// container is taken for dead after a day.
    ///
    /// # Errors
    ///
    /// `Io` if a folder cannot be listed. A file that cannot be removed is left for the next sweep.
    pub fn sweep(&self) -> Result<Swept, StoreError> {
        let temporaries = self.0.sweep_folder(&self.0.layout.temporary, |name, path| {
            self.0.is_abandoned(name, path) && self.0.system.remove_file(path).is_ok()
        })?;
        let leases = self.0.sweep_folder(&self.0.layout.leases, |name, path| {
            // The guard removes the file: only a holder may.
            name.parse::<hozon_format::Digest>().is_ok()
                && matches!(self.0.system.try_lock(path), Ok(LockAttempt::Won(_)))
        })?;
        let quarantined = self.0.sweep_folder(&self.0.layout.quarantine, |_, path| {
            self.0.is_older(path, QUARANTINE_MS) && self.0.system.remove_file(path).is_ok()
        })?;
        Ok(Swept { temporaries, leases, quarantined })
    }

    /// Sweeps unless this process has swept this folder.
    pub(crate) fn sweep_once(&self) {
        static SWEPT: Mutex<Vec<(u32, PathBuf)>> = Mutex::new(Vec::new());
        // A lock that a fork left stuck means one sweep less.
        let Ok(mut swept) = SWEPT.try_lock() else { return };
        let this = (self.0.process(), self.0.layout.folder.clone());
        if swept.contains(&this) {
            return;
        }
        swept.push(this);
        drop(swept);
        let _ = self.sweep();
    }
}

impl Inner {
    fn sweep_folder(
        &self,
        folder: &Path,
        mut remove: impl FnMut(&str, &Path) -> bool,
    ) -> Result<u64, StoreError> {
        let mut removed = 0;
        for (name, kind) in self.list(folder)? {
            if kind == FileKind::File && remove(&name, &folder.join(&name)) {
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Tells whether a file of `tmp/` was left by a writer that is no more.
    pub(crate) fn is_abandoned(&self, name: &str, path: &Path) -> bool {
        // What is not named like our temporary files is not ours to remove.
        let Ok(name) = name.parse::<TemporaryName>() else { return false };
        let dead = name.realm == self.system.process_realm() && !self.system.process_lives(name.process);
        dead || self.is_older(path, ABANDONED_MS)
    }

    /// Tells whether a file was last touched longer ago than `age_ms`.
    pub(crate) fn is_older(&self, path: &Path, age_ms: u64) -> bool {
        let Ok(stat) = self.system.stat(path) else { return false };
        let touched_ms = stat.modified_ns.max(stat.changed_ns).cast_unsigned() / 1_000_000;
        touched_ms.saturating_add(age_ms) < self.system.now_ms()
    }
}
