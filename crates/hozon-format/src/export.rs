//! The file that `hozon export` writes: signed entries and their blobs, one after the other.
//!
//! ```text
//! magic "hozonEXP", version u16, then frames:
//! kind u8 (1 blob, 2 signed entry, 0 end), digest 32 bytes, length u64, that many bytes
//! ```
//!
//! Blobs stand before the first entry that names them. The last frame is the end; its length is the number of
//! frames before it, its digest is zero, and no bytes follow.

use crate::{Digest, Reader, WireError, Writer};

/// How the file begins.
pub const EXPORT_HEADING: [u8; 10] = *b"hozonEXP\x01\0";
/// The bytes of a frame before its content.
pub const FRAME_BYTES: usize = 41;

/// What stands before the content of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// A blob, by its digest and length.
    Blob(Digest, u64),
    /// A signed envelope, by its digest and length.
    Entry(Digest, u64),
    /// The end, with the number of frames before it.
    End(u64),
}

impl Frame {
    /// Returns its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, digest, length) = match self {
            Self::Blob(digest, length) => (1, *digest, *length),
            Self::Entry(digest, length) => (2, *digest, *length),
            Self::End(frames) => (0, Digest::from_bytes([0; 32]), *frames),
        };
        Writer::with_capacity(FRAME_BYTES).u8(kind).raw(digest.as_bytes()).u64(length).finish()
    }

    /// Reads one from its bytes.
    ///
    /// # Errors
    ///
    /// `BadValue` if there is no such frame.
    pub fn decode(bytes: &[u8; FRAME_BYTES]) -> Result<Self, WireError> {
        let mut from = Reader::new(bytes);
        let (kind, digest, length) = (from.u8()?, Digest::from_bytes(from.array()?), from.u64()?);
        match kind {
            0 if digest.as_bytes() == &[0; 32] => Ok(Self::End(length)),
            1 => Ok(Self::Blob(digest, length)),
            2 => Ok(Self::Entry(digest, length)),
            _ => Err(WireError::BadValue),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_and_others_are_refused() {
        let digest = Digest::of(b"x");
        for frame in [Frame::Blob(digest, 1 << 40), Frame::Entry(digest, 0), Frame::End(7)] {
            let bytes: [u8; FRAME_BYTES] = frame.encode().try_into().unwrap();
            assert_eq!(Frame::decode(&bytes), Ok(frame));
            let mut other = bytes;
            other[0] = 3;
            assert_eq!(Frame::decode(&other), Err(WireError::BadValue));
        }
        let mut end: [u8; FRAME_BYTES] = Frame::End(7).encode().try_into().unwrap();
        end[5] = 1;
        assert_eq!(Frame::decode(&end), Err(WireError::BadValue));
    }
}
