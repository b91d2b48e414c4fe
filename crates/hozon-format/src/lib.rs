//! Bytes on disk and wire: digests, keys, the value protocol, sealed envelopes, limits.
//!
//! Everything here is pure and total: no I/O, no clock, no panic on any input.
#![forbid(unsafe_code)]

mod digest;
mod value;
mod wire;

pub use digest::{Digest, DigestParseError, Hasher, Key};
pub use value::{INLINE_BYTES, MAX_DEPTH, Tag, ValueWriter};
pub use wire::{Reader, WireError, Writer};
