//! What every tier can do, and how it fails.

use std::fmt::Debug;
use std::io::{self, Read, Write};

use hozon_format::Digest;

use crate::{Kind, ObjectName};

/// A place behind the local store that keeps bytes under names.
///
/// Any call may take as long as the tier's deadlines say, and no longer. What comes from a tier is hostile:
/// the digest of a blob is checked here, everything else by whoever asked. Small objects are whole or not
/// there; no reader sees a part of one.
pub trait Tier: Send + Sync + Debug {
    /// Returns an object that is not a blob, or `None` if there is none. One of more than `cap` bytes is
    /// `Wrong`, and no more than these are read.
    ///
    /// # Errors
    /// As [`TierError`] says.
    fn get(&self, name: &ObjectName, cap: u64) -> Result<Option<Object>, TierError>;

    /// Writes the bytes of a blob to `sink`, and tells whether there was such a blob.
    ///
    /// At most `length` bytes are written. Their digest is known only at the end: until this has returned
    /// `Ok(true)`, what the sink has got is to be believed in nothing.
    ///
    /// # Errors
    /// `Wrong` for another digest or length; `Local` if the sink fails; else as [`TierError`] says.
    fn get_blob(&self, digest: &Digest, length: u64, sink: &mut dyn Write) -> Result<bool, TierError>;

    /// Stores an object that is not a blob, if its name is free.
    ///
    /// # Errors
    /// As [`TierError`] says.
    fn put_if_absent(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, TierError>;

    /// Stores an object that is not a blob in place of the one of `version`, if that is still there.
    ///
    /// # Errors
    /// As [`TierError`] says.
    fn put_if_version(&self, name: &ObjectName, bytes: &[u8], version: &Version) -> Result<Put, TierError>;

    /// Stores `length` bytes of `reader` as the blob of their digest. A blob that is there is left alone.
    ///
    /// # Errors
    /// `Local` if the reader fails or ends early, `Wrong` if its bytes have another digest and the tier can
    /// tell; else as [`TierError`] says.
    fn put_blob(&self, digest: &Digest, length: u64, reader: &mut dyn Read) -> Result<(), TierError>;

    /// Tells whether there is a blob of this digest and length.
    ///
    /// # Errors
    /// As [`TierError`] says.
    fn has_blob(&self, digest: &Digest, length: u64) -> Result<bool, TierError>;

    /// Lists the names of objects of a kind, sorted. What is not named like one is left out.
    ///
    /// # Errors
    /// As [`TierError`] says.
    fn list(&self, kind: Kind) -> Result<Vec<ObjectName>, TierError>;

    /// Removes an object; one that is not there is removed already.
    ///
    /// # Errors
    /// As [`TierError`] says.
    fn delete(&self, name: &ObjectName) -> Result<(), TierError>;
}

/// An object as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What tells this state of it from others.
    pub version: Version,
}

/// What tells one state of an object from others. Opaque: it is only given back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Version {
    pub(crate) tag: Option<String>,
    pub(crate) generation: Option<String>,
}

/// How a conditional put ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// The object is stored.
    Stored,
    /// Somebody else was first: there is an object, or another one.
    Taken,
}

/// Why a tier did not do what was asked. It has no words of the remote, and no address.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TierError {
    /// No connection, no answer in time, an answer that breaks off, a server that cannot answer now.
    #[error("{0}")]
    Unreachable(&'static str),
    /// It answers that this is not for us.
    #[error("{0}")]
    Refused(&'static str),
    /// What it gives is not what it should be.
    #[error("{0}")]
    Wrong(&'static str),
    /// It has no room for that.
    #[error("it has no room for that")]
    Full,
    /// This tier is only read from.
    #[error("it is only read from")]
    ReadOnly,
    /// It has failed a moment ago and is left alone for a while.
    #[error("it has failed a moment ago and is left alone for a while")]
    Paused,
    /// The bytes could not be read from, or written to, where the caller has them.
    #[error("{0}")]
    Local(#[source] io::Error),
}

impl TierError {
    /// Tells whether asking again at once would cost time for nothing.
    pub const fn is_lasting(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Refused(_))
    }
}

impl Version {
    /// The version that has this tag, as a server gives it.
    pub fn of_tag(tag: impl Into<String>) -> Self {
        Self { tag: Some(tag.into()), generation: None }
    }

    /// Its tag, if it has one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }
}

/// Refuses the name of a blob where only small objects are meant.
pub(crate) fn small(name: &ObjectName) -> Result<(), TierError> {
    match name.kind() {
        Kind::Blobs => Err(TierError::Wrong("a blob is read and written as one")),
        _ => Ok(()),
    }
}
