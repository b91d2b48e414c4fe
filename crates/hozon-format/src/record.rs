//! The small sealed records beside entries: roots, and the notes that a blob was checked in full.

use crate::envelope::{EnvelopeError, RecordKind, SealKey, open_record, seal_record};
use crate::{Digest, Hasher, Key, Reader, Writer};

/// A name that keeps an entry from eviction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The user's name for it: any text.
    pub name: String,
    /// The entry.
    pub key: Key,
    /// When the name was given, in Unix milliseconds.
    pub set_ms: u64,
}

/// A note that a blob's bytes were seen to have its digest while its file had this stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlobCheck {
    /// The blob.
    pub digest: Digest,
    /// The file as it was.
    pub stamp: FileStamp,
    /// The start of the machine since which the bytes may not be on the disk yet; 0: they are.
    pub boot: u64,
}

/// What the runs of a computation looked at, beside its key. The content is the business of the crate
/// that owns traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRecord {
    /// The key of the recipe that is known before the computation runs.
    pub key: Key,
    /// The label of the computation.
    pub name: String,
    /// The encoded trace sets.
    pub sets: Vec<u8>,
}

/// What changes when a file is written to or replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileStamp {
    /// The number of the file in its file system; 0 where there is none.
    pub inode: u64,
    /// Its length in bytes.
    pub size: u64,
    /// When its bytes were last written, in Unix nanoseconds.
    pub modified_ns: i64,
    /// When its inode was last changed, in Unix nanoseconds.
    pub changed_ns: i64,
}

impl Root {
    /// Returns the file name of the root called `name`: names of any letters never become paths.
    pub fn file_name(name: &str) -> String {
        Hasher::in_domain("hozon 2026 file name of a root v1").update(name.as_bytes()).finish().to_string()
    }

    /// Returns the sealed bytes.
    pub fn seal(&self, key: &SealKey) -> Vec<u8> {
        let body = Writer::new().text(&self.name).raw(self.key.as_bytes()).u64(self.set_ms).finish();
        seal_record(RecordKind::Root, &body, key)
    }

    /// Reads a root whose file is called `file_name`.
    pub fn open(bytes: &[u8], file_name: &str, key: &SealKey) -> Result<Self, EnvelopeError> {
        let mut from = Reader::new(open_record(RecordKind::Root, bytes, key)?);
        let name = from.text()?.to_owned();
        let root =
            Self { name, key: Key::from_digest(Digest::from_bytes(from.array()?)), set_ms: from.u64()? };
        from.end()?;
        if Self::file_name(&root.name) == file_name { Ok(root) } else { Err(EnvelopeError::WrongKey) }
    }
}

impl TraceRecord {
    /// Returns the sealed bytes.
    pub fn seal(&self, key: &SealKey) -> Vec<u8> {
        let body = Writer::new().raw(self.key.as_bytes()).text(&self.name).bytes(&self.sets).finish();
        seal_record(RecordKind::TraceSets, &body, key)
    }

    /// Reads the record of the key `expected`.
    pub fn open(bytes: &[u8], expected: &Key, key: &SealKey) -> Result<Self, EnvelopeError> {
        let mut from = Reader::new(open_record(RecordKind::TraceSets, bytes, key)?);
        let record = Self {
            key: Key::from_digest(Digest::from_bytes(from.array()?)),
            name: from.text()?.to_owned(),
            sets: from.bytes()?.to_vec(),
        };
        from.end()?;
        if record.key == *expected { Ok(record) } else { Err(EnvelopeError::WrongKey) }
    }
}

impl BlobCheck {
    /// Returns the sealed bytes.
    pub fn seal(&self, key: &SealKey) -> Vec<u8> {
        let mut body = Writer::new();
        body.raw(self.digest.as_bytes()).u64(self.stamp.inode).u64(self.stamp.size);
        body.u64(self.stamp.modified_ns.cast_unsigned()).u64(self.stamp.changed_ns.cast_unsigned());
        body.u64(self.boot);
        seal_record(RecordKind::BlobCheck, &body.finish(), key)
    }

    /// Reads the note about the blob `expected`.
    pub fn open(bytes: &[u8], expected: &Digest, key: &SealKey) -> Result<Self, EnvelopeError> {
        let mut from = Reader::new(open_record(RecordKind::BlobCheck, bytes, key)?);
        let digest = Digest::from_bytes(from.array()?);
        let stamp = FileStamp {
            inode: from.u64()?,
            size: from.u64()?,
            modified_ns: from.u64()?.cast_signed(),
            changed_ns: from.u64()?.cast_signed(),
        };
        let boot = from.u64()?;
        from.end()?;
        if digest == *expected { Ok(Self { digest, stamp, boot }) } else { Err(EnvelopeError::WrongKey) }
    }
}
