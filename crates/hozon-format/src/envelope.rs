//! The sealed envelope: a header with a keyed BLAKE3 over everything, then a body.
//!
//! ```text
//! offset  bytes  field
//!      0      8  magic: the kind of record
//!      8      2  version, u16
//!     10      8  id of the seal key
//!     18      8  length of the body, u64
//!     26     32  keyed BLAKE3 over the domain, bytes 0..26, and the body
//!     58      …  body, to the end of the file
//! ```
//!
//! Nothing of the body is looked at before the seal holds.

use std::fmt;

use crate::limits::ENVELOPE_BYTES;
use crate::{Digest, Reader, WireError, Writer};

/// The secret of one user that seals envelopes: 32 random bytes, kept outside every store.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey([u8; 32]);

/// Why sealed bytes were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// Another user's key sealed it: it may be sound, and is not ours to judge or to remove.
    #[error("it was sealed with another key")]
    Foreign,
    /// A version, or a kind of content, that this program does not know.
    #[error("it has version {version}, which this hozon does not know")]
    UnknownVersion {
        /// The version in the header.
        version: u16,
    },
    /// The bytes do not begin like an envelope of this kind.
    #[error("it is not a sealed record of this kind")]
    NotAnEnvelope,
    /// The seal does not fit the bytes, or the length is wrong: damage or tampering.
    #[error("its seal does not fit its bytes")]
    BrokenSeal,
    /// The seal holds and yet the body cannot be read.
    #[error("its body cannot be read: {0}")]
    Corrupt(#[from] WireError),
    /// The record is sound and belongs under another name.
    #[error("it belongs under another name")]
    WrongKey,
}

impl EnvelopeError {
    /// Tells whether another user or another version wrote the file: it may be sound, and stays.
    pub const fn is_of_others(&self) -> bool {
        matches!(self, Self::Foreign | Self::UnknownVersion { .. })
    }
}

/// What an envelope holds. The kind is under the seal, so no record passes for one of another kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RecordKind {
    Entry,
    Root,
    BlobCheck,
    TraceSets,
    Acceptance,
}

/// The version of every record that this program writes.
pub const FORMAT_VERSION: u16 = 1;

const SEAL_DOMAIN: &[u8] = b"hozon 2026 sealed envelope v1\0";
const KEY_ID_DOMAIN: &str = "hozon 2026 id of a seal key v1";
const SIGN_DOMAIN: &str = "hozon 2026 signs of values in explanations v1";
/// Enough to tell a few values apart, and too few to find one by.
const SIGN_BYTES: usize = 4;
const UNSEALED_HEADER_BYTES: usize = 26;
const HEADER_BYTES: usize = UNSEALED_HEADER_BYTES + 32;

impl SealKey {
    /// Wraps 32 secret bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the public id of this key: eight bytes that do not tell the key.
    pub fn id(&self) -> [u8; 8] {
        let hash = blake3::derive_key(KEY_ID_DOMAIN, &self.0);
        hash.first_chunk().copied().unwrap_or_default()
    }

    /// Returns a short sign of a digest: equal digests have equal signs, and nobody without this key can
    /// find out a digest from its sign by trying values.
    pub fn sign_of(&self, digest: &Digest) -> String {
        let key = blake3::derive_key(SIGN_DOMAIN, &self.0);
        let hash = blake3::keyed_hash(&key, digest.as_bytes());
        hash.as_bytes()[..SIGN_BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn seal_of(&self, header: &[u8], body: &[u8]) -> blake3::Hash {
        blake3::Hasher::new_keyed(&self.0).update(SEAL_DOMAIN).update(header).update(body).finalize()
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey(secret)")
    }
}

impl RecordKind {
    const fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Entry => b"hozonENT",
            Self::Root => b"hozonROT",
            Self::BlobCheck => b"hozonCHK",
            Self::TraceSets => b"hozonTRC",
            Self::Acceptance => b"hozonACC",
        }
    }
}

/// Puts `body` into a sealed envelope.
pub(crate) fn seal_record(kind: RecordKind, body: &[u8], key: &SealKey) -> Vec<u8> {
    let mut header = Writer::new();
    header.raw(kind.magic()).u16(FORMAT_VERSION).raw(&key.id()).u64(body.len() as u64);
    let header = header.finish();
    let seal = key.seal_of(&header, body);
    let mut envelope = Vec::with_capacity(HEADER_BYTES + body.len());
    envelope.extend_from_slice(&header);
    envelope.extend_from_slice(seal.as_bytes());
    envelope.extend_from_slice(body);
    envelope
}

/// Returns the body of an envelope whose seal holds.
pub(crate) fn open_record<'a>(
    kind: RecordKind,
    bytes: &'a [u8],
    key: &SealKey,
) -> Result<&'a [u8], EnvelopeError> {
    let (key_id, seal, body) = split(kind, bytes)?;
    if key_id != key.id() {
        return Err(EnvelopeError::Foreign);
    }
    // `blake3::Hash` compares in constant time.
    if key.seal_of(&bytes[..UNSEALED_HEADER_BYTES], body) != blake3::Hash::from_bytes(seal) {
        return Err(EnvelopeError::BrokenSeal);
    }
    Ok(body)
}

/// Returns the body of a known version without looking at its seal.
///
/// What it says is hearsay: good only for keeping something, never for serving or removing.
pub(crate) fn unverified_body(kind: RecordKind, bytes: &[u8]) -> Result<&[u8], EnvelopeError> {
    split(kind, bytes).map(|(_, _, body)| body)
}

type Split<'a> = ([u8; 8], [u8; 32], &'a [u8]);

fn split(kind: RecordKind, bytes: &[u8]) -> Result<Split<'_>, EnvelopeError> {
    let mut reader = Reader::new(bytes);
    let not_one = |_| EnvelopeError::NotAnEnvelope;
    if reader.array().map_err(not_one)? != *kind.magic() {
        return Err(EnvelopeError::NotAnEnvelope);
    }
    let version = reader.u16().map_err(not_one)?;
    if version != FORMAT_VERSION {
        return Err(EnvelopeError::UnknownVersion { version });
    }
    let key_id = reader.array().map_err(not_one)?;
    let length = reader.u64().map_err(not_one)?;
    let seal = reader.array().map_err(not_one)?;
    let body = reader.raw(reader.remaining())?;
    if length != body.len() as u64 || bytes.len() as u64 > ENVELOPE_BYTES {
        return Err(EnvelopeError::BrokenSeal);
    }
    Ok((key_id, seal, body))
}
