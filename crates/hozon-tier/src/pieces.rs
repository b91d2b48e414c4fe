//! Large blobs in pieces that a later version of the value shares, each compressed where that pays.
//!
//! A piece ends where its content says so (FastCDC), so that what was inserted or changed moves no piece but its
//! own. Pieces are blobs of the tier like others, named by the digest of what is stored; the list of them stands
//! under the digest of the whole. Whoever reads checks the whole, so neither list nor pieces have to be believed.

use std::io::{Read, Write};
use std::thread;

use fastcdc::v2020::{ChunkData, Error as CutError, StreamCDC};
use hozon_format::{
    Digest, MOST_OF_LIST, MOST_OF_PIECE, Packing, Piece, WireError, decode_pieces, encode_pieces,
};
use zstd::bulk::{Decompressor, compress};

use crate::stream::Checked;
use crate::{Kind, Object, ObjectName, Put, Tier, TierError, Version};

/// Blobs shorter than this are stored whole: their transfer costs little beside that of a list.
pub const LEAST_IN_PIECES: u64 = 256 << 10;

/// How long pieces are, in bytes: at least, on average, at most. Each is a request or two, so that shorter ones
/// would share more and cost more.
const SIZES: (usize, usize, usize) = (256 << 10, 1 << 20, 4 << 20);

/// So many bytes of a piece are compressed to see whether it pays, and how much has to be saved of them.
const SAMPLE: usize = 64 << 10;
const WORTH: f64 = 0.9;
/// zstd's quickest: networks are slower, disks too, and higher ones save a few percent more.
const LEVEL: i32 = 1;

/// How many pieces are on their way at once.
const AT_ONCE: usize = 4;

const _: () = assert!(SIZES.2 as u64 <= MOST_OF_PIECE);

/// Stores large blobs in pieces on another tier.
#[derive(Debug)]
pub struct InPieces<T>(pub T);

impl<T: Tier> InPieces<T> {
    /// The pieces of a blob; `None` if it is not kept in pieces.
    fn pieces(&self, digest: &Digest) -> Result<Option<(Vec<Piece>, u64)>, TierError> {
        let Some(object) = self.0.get(&ObjectName::pieces(digest), MOST_OF_LIST)? else { return Ok(None) };
        let wrong = |_: WireError| TierError::Wrong("a list of pieces cannot be read");
        decode_pieces(&object.bytes).map(Some).map_err(wrong)
    }

    /// Gives a blob from its pieces; false if one of them is gone.
    fn joined(&self, pieces: &[Piece], digest: &Digest, sink: Checked<'_>) -> Result<bool, TierError> {
        let mut sink = sink;
        for some in pieces.chunks(AT_ONCE) {
            for bytes in at_once(some, |piece| self.piece(piece)) {
                let Some(bytes) = bytes? else { return Ok(false) };
                sink.take(&bytes)?;
            }
        }
        sink.finish(digest).map(|()| true)
    }

    fn piece(&self, piece: &Piece) -> Result<Option<Vec<u8>>, TierError> {
        let mut stored = Vec::with_capacity(piece.stored as usize);
        if !self.0.get_blob(&piece.digest, piece.stored, &mut stored)? {
            return Ok(None);
        }
        match piece.packing {
            Packing::Plain => Ok(Some(stored)),
            Packing::Zstd => unpacked(&stored, piece.length as usize).map(Some),
        }
    }

    /// Cuts what a reader gives, which has to be the blob of a digest, and stores the pieces.
    fn cut(&self, digest: &Digest, length: u64, reader: &mut dyn Read) -> Result<Vec<Piece>, TierError> {
        let mut nowhere = std::io::sink();
        let mut whole = Checked::new(&mut nowhere, length);
        let mut reader = reader.take(length);
        let mut cutting = StreamCDC::new(&mut reader, SIZES.0, SIZES.1, SIZES.2);
        let mut pieces = Vec::new();
        loop {
            let some: Vec<ChunkData> =
                cutting.by_ref().take(AT_ONCE).collect::<Result<_, _>>().map_err(unread)?;
            if some.is_empty() {
                break;
            }
            some.iter().try_for_each(|chunk| whole.take(&chunk.data))?;
            for stored in at_once(&some, |chunk| self.store(&chunk.data)) {
                pieces.push(stored?);
            }
        }
        if pieces.iter().map(|piece: &Piece| piece.length).sum::<u64>() < length {
            return Err(TierError::Local(std::io::ErrorKind::UnexpectedEof.into()));
        }
        whole.finish(digest).map(|()| pieces)
    }

    fn store(&self, bytes: &[u8]) -> Result<Piece, TierError> {
        let compressed = packed(bytes);
        let packing = if compressed.is_some() { Packing::Zstd } else { Packing::Plain };
        let stored = compressed.as_deref().unwrap_or(bytes);
        let digest = Digest::of(stored);
        self.0.put_blob(&digest, stored.len() as u64, &mut &*stored)?;
        Ok(Piece { packing, digest, stored: stored.len() as u64, length: bytes.len() as u64 })
    }
}

/// Does something with each of a few, at once; the results in their order.
fn at_once<I: Sync, R: Send>(items: &[I], work: impl Fn(&I) -> R + Sync) -> Vec<R> {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = items.iter().map(|item| scope.spawn(move || work(item))).collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended.map(|ended| ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

fn unread(error: CutError) -> TierError {
    TierError::Local(error.into())
}

/// The bytes compressed, if a sample of them says that it pays, and it does.
fn packed(bytes: &[u8]) -> Option<Vec<u8>> {
    let pays = |bytes: &[u8]| {
        let compressed = compress(bytes, LEVEL).ok()?;
        ((compressed.len() as f64) < WORTH * bytes.len() as f64).then_some(compressed)
    };
    // From the middle: the beginning may be a heading.
    let start = bytes.len().saturating_sub(SAMPLE) / 2;
    pays(&bytes[start..bytes.len().min(start + SAMPLE)])?;
    pays(bytes)
}

/// The piece of a zstd frame. What would come to more bytes than it should is not unpacked further.
fn unpacked(stored: &[u8], length: usize) -> Result<Vec<u8>, TierError> {
    let wrong = TierError::Wrong("a piece of a blob cannot be unpacked");
    let mut decompressor = Decompressor::new().map_err(TierError::Local)?;
    match decompressor.decompress(stored, length) {
        Ok(bytes) if bytes.len() == length => Ok(bytes),
        _ => Err(wrong),
    }
}

impl<T: Tier> Tier for InPieces<T> {
    fn get(&self, name: &ObjectName, cap: u64) -> Result<Option<Object>, TierError> {
        self.0.get(name, cap)
    }

    fn get_blob(&self, digest: &Digest, length: u64, sink: &mut dyn Write) -> Result<bool, TierError> {
        if length < LEAST_IN_PIECES && self.0.get_blob(digest, length, sink)? {
            return Ok(true);
        }
        match self.pieces(digest)? {
            Some((pieces, whole)) if whole == length => {
                self.joined(&pieces, digest, Checked::new(sink, length))
            }
            Some(_) => Err(TierError::Wrong("the pieces of a blob are not as long as its entry says")),
            None if length < LEAST_IN_PIECES => Ok(false),
            None => self.0.get_blob(digest, length, sink),
        }
    }

    fn put_if_absent(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, TierError> {
        self.0.put_if_absent(name, bytes)
    }

    fn put_if_version(&self, name: &ObjectName, bytes: &[u8], version: &Version) -> Result<Put, TierError> {
        self.0.put_if_version(name, bytes, version)
    }

    fn put_blob(&self, digest: &Digest, length: u64, reader: &mut dyn Read) -> Result<(), TierError> {
        if length < LEAST_IN_PIECES {
            return self.0.put_blob(digest, length, reader);
        }
        let list = encode_pieces(&self.cut(digest, length, reader)?);
        let name = ObjectName::pieces(digest);
        if self.0.put_if_absent(&name, &list)? == Put::Taken {
            self.replace(&name, &list)?;
        }
        Ok(())
    }

    fn has_blob(&self, digest: &Digest, length: u64) -> Result<bool, TierError> {
        if length < LEAST_IN_PIECES {
            return self.0.has_blob(digest, length);
        }
        match self.pieces(digest) {
            Ok(Some((pieces, whole))) if whole == length => {
                let has = |piece: &Piece| self.0.has_blob(&piece.digest, piece.stored);
                let mut all = pieces.chunks(AT_ONCE).flat_map(|some| at_once(some, has));
                all.try_fold(true, |all, has| Ok(all && has?))
            }
            Ok(Some(_)) | Err(TierError::Wrong(_)) => Ok(false),
            Ok(None) => self.0.has_blob(digest, length),
            Err(error) => Err(error),
        }
    }

    fn list(&self, kind: Kind) -> Result<Vec<ObjectName>, TierError> {
        self.0.list(kind)
    }

    fn delete(&self, name: &ObjectName) -> Result<(), TierError> {
        if name.kind() == Kind::Blobs {
            self.0.delete(&ObjectName::pieces(name.digest()))?;
        }
        self.0.delete(name)
    }
}

impl<T: Tier> InPieces<T> {
    /// Replaces a list that is there: it may be somebody's nonsense. Who was quicker has written a list of the
    /// same blob, too.
    fn replace(&self, name: &ObjectName, list: &[u8]) -> Result<(), TierError> {
        match self.0.get(name, MOST_OF_LIST) {
            Ok(Some(there)) if there.bytes == list => Ok(()),
            Ok(Some(there)) => self.0.put_if_version(name, list, &there.version).map(drop),
            Ok(None) => self.0.put_if_absent(name, list).map(drop),
            Err(TierError::Wrong(_)) => {
                self.0.delete(name)?;
                self.0.put_if_absent(name, list).map(drop)
            }
            Err(error) => Err(error),
        }
    }
}
