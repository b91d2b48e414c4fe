//! What can go wrong, by what the caller can do about it.

use std::io;
use std::path::PathBuf;

use hozon_format::Digest;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Something other than a folder has the store's path.
    #[error("{path} is not a folder, so no results can be kept there")]
    NotAFolder {
        /// The path that was given for the store.
        path: PathBuf,
    },
    /// The store's folder is not there and cannot be made.
    #[error("the folder {path} cannot be made: {source}")]
    CannotCreate {
        /// The path that was given for the store.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of the store could not be written, removed or listed.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The parts of an entry that are not blobs are larger than an entry may be.
    #[error("the entry would have {size} bytes beside its blobs; at most {most} are stored")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        most: u64,
    },
    /// Another process has been removing for longer than this one waits.
    #[error("another process is removing results from this store; try again when it is done")]
    Collecting,
    /// The index failed twice, the second time when it was new.
    #[error("the index of the store cannot be used: {0}")]
    Index(#[from] rusqlite::Error),
}

impl StoreError {
    /// Tells whether there was no room for a file.
    pub(crate) fn is_full_disk(&self) -> bool {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        matches!(self, Self::Io { source, .. } if full.contains(&source.kind()))
    }
}

/// Why a blob cannot be had. To the caller, its entry is a miss.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobFault {
    /// It is not there.
    #[error("the blob {} is missing", digest.short())]
    Missing {
        /// Its name.
        digest: Digest,
    },
    /// Its bytes do not have its digest; it has been moved to `path`, if that could be done.
    #[error("the blob {} was damaged; it is now at {path}", digest.short())]
    Corrupt {
        /// Its name.
        digest: Digest,
        /// Where the damaged file is.
        path: PathBuf,
    },
    /// The system cannot read it.
    #[error("{path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Where it was to come from does not give it.
    #[error("the blob {} cannot be had: {source}", digest.short())]
    NotGiven {
        /// Its name.
        digest: Digest,
        /// Why.
        source: io::Error,
    },
    /// Other bytes came than its name says, or fewer or more of them.
    #[error("the blob {} is not what its name says", digest.short())]
    Other {
        /// Its name.
        digest: Digest,
    },
}

/// Something about a store that its user should know, once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Notice {
    /// Other users may write to the folder. They cannot plant results, but they can remove them.
    #[error("{path} can be written by other users (mode {mode:o})")]
    WritableByOthers {
        /// The folder.
        path: PathBuf,
        /// Its Unix permissions.
        mode: u32,
    },
    /// The folder cannot be written: results are read, and none are kept.
    #[error("{path} cannot be written: stored results are used, new ones are not kept")]
    ReadOnly {
        /// The folder.
        path: PathBuf,
    },
    /// The folder is on a network mount: locks may not work there, and no index is kept.
    #[error("{path} is on a network mount: callers on several machines may compute the same thing")]
    NetworkMount {
        /// The folder.
        path: PathBuf,
    },
}
