//! Whether a store can do its work where it is: folders, clock, locks, index.

use std::path::{Path, PathBuf};

use hozon_format::Digest;
use hozon_sys::{FileKind, LockAttempt, TemporaryName};

use crate::index::{self, IndexHealth};
use crate::store::Inner;
use crate::{Store, StoreError};

/// How a store and what is under it are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkup {
    /// What is wrong with folders.
    pub folders: Vec<FolderFault>,
    /// By how many milliseconds the times of new files are ahead of the clock; `None`: no file can be made.
    pub file_time_ahead_ms: Option<i64>,
    /// Whether locks work.
    pub locks: LockHealth,
    /// How the index is.
    pub index: IndexHealth,
    /// How many files that were refused are kept for whoever wants to look at them.
    pub quarantined: u64,
    /// Folders of other versions of the format: they are left alone.
    pub other_versions: Vec<String>,
}

/// A folder of the store that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderFault {
    /// The folder.
    pub path: PathBuf,
    /// What is wrong.
    pub kind: FolderFaultKind,
}

/// What can be wrong with a folder of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FolderFaultKind {
    /// Nothing is there, or something else.
    #[error("is no folder")]
    NoFolder,
    /// Others may remove what is in it.
    #[error("can be written by other users (mode {0:o})")]
    WritableByOthers(u32),
    /// It is another user's.
    #[error("belongs to another user")]
    OfAnother,
    /// Nothing can be stored in it.
    #[error("cannot be written")]
    ReadOnly,
}

/// How locks do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockHealth {
    /// They exclude each other.
    Work,
    /// There are none: callers of the same thing at the same time each compute it.
    Unsupported,
    /// Two held the same one at once.
    DoNotExclude,
    /// No lock could be tried.
    Failing(String),
}

/// The lock that is tried is named by the digest of this: no key is, and a sweep removes it like a lease.
const LOCK_TO_TRY: &[u8] = b"hozon 2026 lock of a checkup";

impl Store {
    /// Looks whether the store can do its work where it is. Makes a file for a moment.
    ///
    /// # Errors
    ///
    /// `Io` if a folder cannot be listed.
    pub fn checkup(&self) -> Result<Checkup, StoreError> {
        let store = &*self.0;
        let quarantined = store.list(&store.layout.quarantine)?;
        Ok(Checkup {
            folders: store.folder_faults(),
            file_time_ahead_ms: store.file_time_ahead_ms(),
            locks: store.lock_health(),
            index: index::health(store),
            quarantined: quarantined.iter().filter(|(_, kind)| *kind == FileKind::File).count() as u64,
            other_versions: store.other_versions()?,
        })
    }
}

impl Inner {
    fn folder_faults(&self) -> Vec<FolderFault> {
        let own = [&*self.layout.folder, &*self.layout.version];
        let all = own.into_iter().chain(self.layout.folders());
        let faults = all.filter_map(|path| Some((path, self.folder_fault(path)?)));
        faults.map(|(path, kind)| FolderFault { path: path.to_owned(), kind }).collect()
    }

    fn folder_fault(&self, path: &Path) -> Option<FolderFaultKind> {
        let Some(stat) = self.system.stat(path).ok().filter(|stat| stat.kind == FileKind::Folder) else {
            // The whole store may stand behind a link.
            let is_link = path == self.layout.folder && self.system.list(path).is_ok();
            return (!is_link).then_some(FolderFaultKind::NoFolder);
        };
        if stat.mode & 0o022 != 0 {
            Some(FolderFaultKind::WritableByOthers(stat.mode))
        } else if self.system.is_own(path) == Some(false) {
            Some(FolderFaultKind::OfAnother)
        } else if !self.system.can_write(path) {
            Some(FolderFaultKind::ReadOnly)
        } else {
            None
        }
    }

    /// A file system on another machine has a clock of its own.
    fn file_time_ahead_ms(&self) -> Option<i64> {
        let mut random = [0; 8];
        self.system.fill_random(&mut random).ok()?;
        let (realm, process) = (self.system.process_realm(), self.system.process_id());
        let name = TemporaryName { realm, process, random: u64::from_le_bytes(random) };
        let path = self.layout.temporary.join(name.to_string());
        self.system.create_file(&path, 0o600).and_then(|file| file.close()).ok()?;
        let stat = self.system.stat(&path);
        let now_ms = self.system.now_ms();
        // The sweep finds what cannot be removed now.
        let _ = self.system.remove_file(&path);
        Some(stat.ok()?.modified_ms().cast_signed().saturating_sub(now_ms.cast_signed()))
    }

    fn lock_health(&self) -> LockHealth {
        let path = self.layout.leases.join(Digest::of(LOCK_TO_TRY).to_string());
        let held = match self.system.try_lock(&path) {
            Ok(LockAttempt::Won(guard)) => guard,
            // Another checkup is at it: so they exclude.
            Ok(LockAttempt::Held) => return LockHealth::Work,
            Ok(LockAttempt::Unsupported) => return LockHealth::Unsupported,
            Err(error) => return LockHealth::Failing(error.to_string()),
        };
        let second = self.system.try_lock(&path);
        drop(held);
        match second {
            Ok(LockAttempt::Held) => LockHealth::Work,
            Ok(_) => LockHealth::DoNotExclude,
            Err(error) => LockHealth::Failing(error.to_string()),
        }
    }

    fn other_versions(&self) -> Result<Vec<String>, StoreError> {
        let names = self.list(&self.layout.folder)?;
        let is_version = |name: &str| {
            name.strip_prefix('v').is_some_and(|rest| !rest.is_empty() && rest.parse::<u32>().is_ok())
        };
        let others = names.into_iter().filter(|(name, kind)| {
            *kind == FileKind::Folder && is_version(name) && !self.layout.version.ends_with(name)
        });
        Ok(others.map(|(name, _)| name).collect())
    }
}
