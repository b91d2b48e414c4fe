//! The list of pieces that a large blob is kept as on a tier.
//!
//! ```text
//! magic "hozonPCS", version u16, count u64, then of each piece:
//! packing u8 (0 as it is, 1 a zstd frame), digest of the stored bytes 32, their length u64, length of the piece u64
//! ```
//!
//! It is not signed: what the pieces come to is checked against the digest of the blob.

use crate::{Digest, Reader, WireError, Writer};

const MAGIC: &[u8; 8] = b"hozonPCS";
const VERSION: u16 = 1;
const PIECE_BYTES: usize = 1 + 32 + 8 + 8;

/// The most bytes of one piece, packed or not.
pub const MOST_OF_PIECE: u64 = 16 << 20;
/// The most bytes of a list of pieces.
pub const MOST_OF_LIST: u64 = 4 << 20;

/// How the bytes of a piece are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// As they are.
    Plain,
    /// As a zstd frame.
    Zstd,
}

/// One piece of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// How it is stored.
    pub packing: Packing,
    /// The digest of the stored bytes.
    pub digest: Digest,
    /// How many bytes are stored.
    pub stored: u64,
    /// How many bytes of the blob it is.
    pub length: u64,
}

/// Returns the bytes of a list of pieces.
pub fn encode_pieces(pieces: &[Piece]) -> Vec<u8> {
    let mut to = Writer::new();
    to.raw(MAGIC).u16(VERSION).u64(pieces.len() as u64);
    for piece in pieces {
        let packing = u8::from(piece.packing == Packing::Zstd);
        to.u8(packing).raw(piece.digest.as_bytes()).u64(piece.stored).u64(piece.length);
    }
    to.finish()
}

/// Reads a list of pieces and adds up how many bytes of the blob they are.
///
/// # Errors
///
/// `BadValue` for another version, a piece without bytes or a too large one; else what is wrong with the bytes.
pub fn decode_pieces(bytes: &[u8]) -> Result<(Vec<Piece>, u64), WireError> {
    let mut from = Reader::new(bytes);
    if from.array()? != *MAGIC || from.u16()? != VERSION {
        return Err(WireError::BadValue);
    }
    let count = from.u64()?;
    if count.checked_mul(PIECE_BYTES as u64) != Some(from.remaining() as u64) {
        return Err(WireError::Truncated);
    }
    let pieces: Vec<Piece> = (0..count).map(|_| decode_piece(&mut from)).collect::<Result<_, _>>()?;
    from.end()?;
    // At most a list's bytes over a piece's, times the most of a piece: far from an overflow.
    let length = pieces.iter().map(|piece| piece.length).sum();
    Ok((pieces, length))
}

fn decode_piece(from: &mut Reader<'_>) -> Result<Piece, WireError> {
    let packing = match from.u8()? {
        0 => Packing::Plain,
        1 => Packing::Zstd,
        _ => return Err(WireError::BadValue),
    };
    let digest = Digest::from_bytes(from.array()?);
    let (stored, length) = (from.u64()?, from.u64()?);
    let are_sizes = [stored, length].iter().all(|size| (1..=MOST_OF_PIECE).contains(size));
    let fits = packing == Packing::Zstd || stored == length;
    if are_sizes && fits { Ok(Piece { packing, digest, stored, length }) } else { Err(WireError::BadValue) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(packing: Packing, stored: u64, length: u64) -> Piece {
        Piece { packing, digest: Digest::of(b"x"), stored, length }
    }

    #[test]
    fn a_list_comes_back() {
        let pieces = [piece(Packing::Plain, 7, 7), piece(Packing::Zstd, 5, MOST_OF_PIECE)];
        let bytes = encode_pieces(&pieces);
        assert_eq!(decode_pieces(&bytes), Ok((pieces.to_vec(), 7 + MOST_OF_PIECE)));
        assert_eq!(decode_pieces(&encode_pieces(&[])), Ok((Vec::new(), 0)));
        for end in 0..bytes.len() {
            assert!(decode_pieces(&bytes[..end]).is_err(), "{end}");
        }
        assert!(decode_pieces(&[&bytes[..], b"x"].concat()).is_err());
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        let wrong = [
            piece(Packing::Plain, 6, 7),
            piece(Packing::Plain, 0, 0),
            piece(Packing::Zstd, 1, 0),
            piece(Packing::Zstd, 1, MOST_OF_PIECE + 1),
            piece(Packing::Zstd, u64::MAX, 1),
        ];
        for piece in wrong {
            assert_eq!(decode_pieces(&encode_pieces(&[piece])), Err(WireError::BadValue), "{piece:?}");
        }
        let mut bytes = encode_pieces(&[piece(Packing::Plain, 7, 7)]);
        for count in [0, 2, 1 << 31, 1 << 32, 1 << 63, u64::MAX] {
            bytes[10..18].copy_from_slice(&u64::to_le_bytes(count));
            assert!(decode_pieces(&bytes).is_err(), "{count}");
        }
    }
}
