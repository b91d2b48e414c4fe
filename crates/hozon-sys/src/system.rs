//! The trait that all effects go through.

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::Mapping;

/// The effects that hozon has on the world. No call follows a symbolic link at the end of its path.
pub trait System: Send + Sync + Debug {
    /// Reads a whole regular file; more than `most_bytes` is an error of kind `FileTooLarge`.
    fn read(&self, path: &Path, most_bytes: u64) -> io::Result<Vec<u8>>;

    /// Maps a regular file privately: writes to the mapping never reach the file. Returns what the
    /// opened file was like as well.
    fn map(&self, path: &Path) -> io::Result<(Mapping, Stat)>;

    /// Opens a regular file to be read in pieces: for files that others may shorten, which must not be
    /// mapped. Returns what the opened file is like as well.
    fn open(&self, path: &Path) -> io::Result<(Box<dyn io::Read + Send>, Stat)>;

    /// Tells what is at `path`.
    fn stat(&self, path: &Path) -> io::Result<Stat>;

    /// Lists the names in a folder that are UTF-8, sorted, each with its kind.
    fn list(&self, folder: &Path) -> io::Result<Vec<(String, FileKind)>>;

    /// Makes a folder and its parents, for the owner alone; one that is there already is left as it is.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;

    /// Makes a folder and its parents as other programs do: for whom the process's mask lets in.
    fn create_shared_folder(&self, folder: &Path) -> io::Result<()>;

    /// Makes a file that was not there, with these Unix permissions, open for writing.
    fn create_file(&self, path: &Path, mode: u32) -> io::Result<Box<dyn NewFile>>;

    /// Gives a file another name on the same file system, replacing a file that had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file a second name on the same file system; a name that is taken is an error of kind
    /// `AlreadyExists`.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Waits until the bytes of a file are on the disk.
    fn sync_file(&self, path: &Path) -> io::Result<()>;

    /// Waits until the names in a folder are on the disk, where the system can.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Tries to hold the lock of the file `path`, which is made for it and removed at release.
    ///
    /// At most one holder exists among all processes and threads; the lock dies with its holder.
    fn try_lock(&self, path: &Path) -> io::Result<LockAttempt>;

    /// Tells whether files can be made in a folder, as far as can be told without making one.
    fn can_write(&self, folder: &Path) -> bool;

    /// Tells whether `path` is on a mount where shared memory and locks cannot be relied on.
    fn is_network_mount(&self, path: &Path) -> bool;

    /// Returns how many bytes the disk that `path` is on can hold; `None` where that cannot be told.
    fn disk_bytes(&self, path: &Path) -> Option<u64>;

    /// Returns how many more bytes this user may write to the disk that `path` is on; `None` where that cannot
    /// be told.
    fn free_bytes(&self, path: &Path) -> Option<u64>;

    /// Tells whether what is at `path` belongs to this user; `None` where that cannot be told.
    fn is_own(&self, path: &Path) -> Option<bool>;

    /// Tells whether paths of this system mean the same to other libraries of the process.
    fn is_native(&self) -> bool;

    /// Returns the time of day in Unix milliseconds. It may jump.
    fn now_ms(&self) -> u64;

    /// Returns the time since some moment; it never goes back.
    fn monotonic(&self) -> Duration;

    /// Waits.
    fn sleep(&self, time: Duration);

    /// Fills `bytes` with randomness fit for secrets.
    fn fill_random(&self, bytes: &mut [u8]) -> io::Result<()>;

    /// Returns the number of this process.
    fn process_id(&self) -> u32;

    /// Returns a number for the realm in which process numbers mean one thing: machine, boot and
    /// namespace together.
    fn process_realm(&self) -> u64;

    /// Tells whether a process of this realm lives. In doubt it does.
    fn process_lives(&self, id: u32) -> bool;

    /// Returns a number for the time since this machine came up, not 0: bytes that were written to a file in
    /// another one are on the disk, or lost. 0: it cannot be told.
    fn boot(&self) -> u64;
}

/// A file that is being written and has no reader yet.
pub trait NewFile: Send {
    /// Appends all of `bytes`.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Sets the time of the last write a second back, so that a later write in the same tick of the
    /// file system's clock still changes it. Returns the inode.
    fn age_stamp(&mut self) -> io::Result<u64>;

    /// Waits until the bytes are on the disk. After a failure the file must be discarded: a second
    /// try may claim success for bytes that the kernel has dropped.
    fn sync(&mut self) -> io::Result<()>;

    /// Closes the file and reports what only closing tells.
    fn close(self: Box<Self>) -> io::Result<()>;
}

/// What kind of thing has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A link, socket, pipe or device.
    Other,
}

/// What is known about a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Its kind.
    pub kind: FileKind,
    /// Its length in bytes.
    pub size: u64,
    /// Its number in its file system; 0 where there is none.
    pub inode: u64,
    /// When its bytes were last written, in Unix nanoseconds.
    pub modified_ns: i64,
    /// When its inode last changed, in Unix nanoseconds.
    pub changed_ns: i64,
    /// Its Unix permissions; 0 where there are none.
    pub mode: u32,
}

impl Stat {
    /// Returns when the bytes were last written, in Unix milliseconds.
    pub fn modified_ms(&self) -> u64 {
        u64::try_from(self.modified_ns / 1_000_000).unwrap_or(0)
    }
}

/// How a try for a lock ended.
#[derive(Debug)]
pub enum LockAttempt {
    /// This caller holds it until it drops the guard.
    Won(LockGuard),
    /// Someone else holds it.
    Held,
    /// Locks do not work there.
    Unsupported,
}

/// A lock that is held; dropping it releases it. Dropped in a forked child, it leaves the parent's
/// hold as it is.
#[derive(Debug)]
pub struct LockGuard(#[expect(dead_code, reason = "held for its Drop")] pub(crate) Box<dyn HeldLock>);

/// What a system keeps for a held lock: its `Drop` releases.
pub(crate) trait HeldLock: Send + Sync + Debug {}
