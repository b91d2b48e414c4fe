//! Bytes on disk and wire: digests, keys, the value protocol, sealed envelopes, limits.
//!
//! Everything here is pure and total: no I/O, no clock, no panic on any input.
#![forbid(unsafe_code)]

mod acceptance;
mod bundle;
mod cell;
mod digest;
mod entry;
mod envelope;
mod export;
pub mod limits;
mod pieces;
mod record;
mod signed;
mod signing;
mod value;
mod wire;

pub use acceptance::{Acceptance, AcceptedDefinition};
pub use bundle::{BUNDLE_ENTRIES, Bundle, FOUND_KEYS, FoundKeys, NOTE_BYTES};
pub use cell::{CellRecord, GroupRecord, NameKind, NameRecord, SET_BY_RUNNING};
pub use digest::{Digest, DigestParseError, Hasher, Key};
pub use entry::{Buffer, Codec, ComputationKind, Entry, Facts, Output, Part, open, seal, unverified_blobs};
pub use envelope::{EnvelopeError, FORMAT_VERSION, SealKey};
pub use export::{EXPORT_HEADING, FRAME_BYTES, Frame};
pub use pieces::{MOST_OF_LIST, MOST_OF_PIECE, Packing, Piece, decode_pieces, encode_pieces};
pub use record::{BlobCheck, FileStamp, Root, TraceRecord};
pub use signed::{Claim, Origin, SignedError, Verified, sign_entry};
pub use signing::{PublicKey, PublicKeyError, SigningKey};
pub use value::{INLINE_BYTES, MAX_DEPTH, Tag, ValueWriter};
pub use wire::{Reader, WireError, Writer};
