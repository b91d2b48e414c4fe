//! A store: one folder, opened with one user's key.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hozon_format::{Digest, FileStamp, Key};
use hozon_sys::{Brief, Durability, FileKind, Publication, Stat, System, publish};

use crate::arrivals::Arriving;
use crate::hit_costs::HitCost;
use crate::layout::Layout;
use crate::runs::PendingRuns;
use crate::summaries::Use;
use crate::{Keyring, Keys, Limits, Notice, StoreError};

/// The results kept in one folder. Cheap to clone; shared by any number of threads and processes.
///
/// It holds no open file and no thread, so a forked child may go on using it.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) system: Arc<dyn System>,
    pub(crate) layout: Layout,
    pub(crate) keys: Keys,
    notices: Vec<Notice>,
    /// The stamps of blobs that this process has seen checked.
    pub(crate) checked: Brief<HashMap<Digest, FileStamp>>,
    /// Uses that are not in the index yet.
    pub(crate) uses: Brief<HashMap<Key, Use>>,
    /// Runs that are not in the index yet.
    pub(crate) runs: Brief<PendingRuns>,
    /// What hits took that are not in the index yet, by name.
    pub(crate) hit_costs: Brief<HashMap<String, HitCost>>,
    /// What was stored and is not in the index yet.
    pub(crate) arriving: Brief<Arriving>,
    /// Whether the index is kept in a file.
    pub(crate) keeps_index: bool,
    /// Whether this process has seen to it that the store's own folders are on the disk.
    anchored: AtomicBool,
    /// How many bytes the store may hold.
    pub(crate) bound: Option<u64>,
    /// For how long what was just stored is spared.
    pub(crate) grace: Duration,
}

const IGNORE_ALL: &[u8] = b"*\n";
const CACHE_TAG: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder holds results that hozon can compute again. It need not be backed up.\n";

impl Store {
    /// Opens the store in `folder`, without a bound, making it if need be. One that cannot be written opens
    /// for reading.
    ///
    /// # Errors
    ///
    /// `NotAFolder` if something else has that path, `CannotCreate` if there is no store and none can
    /// be made.
    pub fn open(system: Arc<dyn System>, folder: &Path, keys: impl Into<Keys>) -> Result<Self, StoreError> {
        Self::open_with(system, folder, keys, Limits::none())
    }

    /// As [`Store::open`], for a store that keeps to limits by itself: what is worth least is evicted.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open_with(
        system: Arc<dyn System>,
        folder: &Path,
        keys: impl Into<Keys>,
        limits: Limits,
    ) -> Result<Self, StoreError> {
        let layout = Layout::new(folder);
        let mut notices = Vec::new();
        if let Err(source) = make_folders(&*system, &layout) {
            notices.push(opens_for_reading(&*system, folder, &layout, source)?);
        } else if !system.can_write(&layout.temporary) {
            notices.push(Notice::ReadOnly { path: folder.to_owned() });
        }
        notices.extend(writable_by_others(&*system, folder));
        let is_network_mount = system.is_network_mount(folder);
        if is_network_mount {
            notices.push(Notice::NetworkMount { path: folder.to_owned() });
        }
        // Whether it is one does not change while a process has it open.
        let keeps_index = system.is_native() && !is_network_mount;
        let bound = limits.bound.bytes(&*system, folder);
        let store = Self(Arc::new(Inner {
            system,
            layout,
            keys: keys.into(),
            notices,
            checked: Brief::default(),
            uses: Brief::default(),
            runs: Brief::default(),
            hit_costs: Brief::default(),
            arriving: Brief::default(),
            keeps_index,
            anchored: AtomicBool::new(false),
            bound,
            grace: limits.grace,
        }));
        store.sweep_once();
        Ok(store)
    }

    /// Returns the folder that the store was opened with.
    pub fn folder(&self) -> &Path {
        &self.0.layout.folder
    }

    /// Returns what the user should be told about this store, once.
    pub fn notices(&self) -> &[Notice] {
        &self.0.notices
    }

    /// Returns the sign by which explanations tell values apart: of use to this user alone.
    pub fn sign_of(&self, digest: &Digest) -> String {
        self.0.keys.seal.sign_of(digest)
    }

    /// Returns the keys of its user; `None`: nothing that others signed is used.
    pub fn keyring(&self) -> Option<&Keyring> {
        self.0.keys.ring.as_ref()
    }

    /// Returns how many bytes the store may hold; `None`: as many as there is room for.
    pub fn bound(&self) -> Option<u64> {
        self.0.bound
    }

    /// Returns the system that the store works on.
    pub fn system(&self) -> &Arc<dyn System> {
        &self.0.system
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.0.layout.folder).finish()
    }
}

impl Inner {
    /// Publishes a file of the store, making the store's folders again if someone removed them.
    pub(crate) fn publish(
        &self,
        path: &Path,
        pieces: &[&[u8]],
        mode: u32,
        durability: Durability,
    ) -> io::Result<Option<Stat>> {
        self.refuse_link(path)?;
        let publication = Publication { temporary_folder: &self.layout.temporary, path, mode, durability };
        let published = match publish(&*self.system, &publication, pieces) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_folders(&*self.system, &self.layout)?;
                self.anchored.store(false, Ordering::Relaxed);
                publish(&*self.system, &publication, pieces)
            }
            other => other,
        }?;
        if durability == Durability::Synced {
            self.anchor()?;
        }
        Ok(published)
    }

    /// Refuses a file in a folder that is a link: it would be written or removed somewhere else.
    pub(crate) fn refuse_link(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(path);
        match self.system.stat(folder) {
            Ok(stat) if stat.kind != FileKind::Folder => Err(io::ErrorKind::NotADirectory.into()),
            _ => Ok(()),
        }
    }

    /// Waits until the names of the store's own folders are on the disk: whatever is in them would be gone with
    /// them. Once in a process is enough.
    pub(crate) fn anchor(&self) -> io::Result<()> {
        if self.anchored.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.system.sync_folder(&self.layout.version)?;
        self.system.sync_folder(&self.layout.folder)?;
        if let Some(parent) = self.layout.folder.parent() {
            // It is not ours, and may not be ours to open.
            let _ = self.system.sync_folder(parent);
        }
        self.anchored.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Moves a bad file aside and returns where it is now: where it was, if it cannot be moved.
    pub(crate) fn quarantine(&self, path: &Path) -> PathBuf {
        let mut random = [0; 8];
        // Without randomness, an earlier bad file of that name is replaced: no loss.
        let _ = self.system.fill_random(&mut random);
        let shard = path.parent().and_then(Path::file_name).unwrap_or_default();
        let name = path.file_name().unwrap_or_default();
        let unique = format!("{}{}-{:016x}", shard.display(), name.display(), u64::from_le_bytes(random));
        let aside = self.layout.quarantine.join(unique);
        match self.refuse_link(path).and_then(|()| self.system.rename(path, &aside)) {
            Ok(()) => aside,
            Err(_) => path.to_owned(),
        }
    }

    pub(crate) fn process(&self) -> u32 {
        self.system.process_id()
    }
}

/// Adds the path to an error of the system.
pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::Io { path, source }
}

/// Returns what tells one state of a file from another.
pub fn stamp_of(stat: &Stat) -> FileStamp {
    FileStamp {
        inode: stat.inode,
        size: stat.size,
        modified_ns: stat.modified_ns,
        changed_ns: stat.changed_ns,
    }
}

pub(crate) fn make_folders(system: &dyn System, layout: &Layout) -> io::Result<()> {
    if layout.folders().iter().all(|folder| is_folder(system, folder)) {
        return Ok(());
    }
    layout.folders().iter().try_for_each(|folder| system.create_folder(folder))?;
    for (name, content) in [(".gitignore", IGNORE_ALL), ("CACHEDIR.TAG", CACHE_TAG)] {
        let path = &layout.folder.join(name);
        if system.stat(path).is_err() {
            let (temporary_folder, mode, durability) = (&*layout.temporary, 0o600, Durability::Batched);
            publish(system, &Publication { temporary_folder, path, mode, durability }, &[content])?;
        }
    }
    Ok(())
}

fn is_folder(system: &dyn System, path: &Path) -> bool {
    system.stat(path).is_ok_and(|stat| stat.kind == FileKind::Folder)
}

fn opens_for_reading(
    system: &dyn System,
    folder: &Path,
    layout: &Layout,
    source: io::Error,
) -> Result<Notice, StoreError> {
    let path = folder.to_owned();
    if system.list(&layout.version).is_ok() {
        return Ok(Notice::ReadOnly { path });
    }
    // A link to a folder is a folder to its user: so the question is whether it can be listed.
    let occupied = system.stat(folder).is_ok() && system.list(folder).is_err();
    let not_a_folder = matches!(source.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists);
    if occupied && not_a_folder {
        return Err(StoreError::NotAFolder { path });
    }
    Err(StoreError::CannotCreate { path, source })
}

fn writable_by_others(system: &dyn System, folder: &Path) -> Option<Notice> {
    let stat = system.stat(folder).ok()?;
    let writable = stat.kind == FileKind::Folder && stat.mode & 0o022 != 0;
    writable.then(|| Notice::WritableByOthers { path: folder.to_owned(), mode: stat.mode })
}
