//! Taking entries from a file that someone has exported: looked through as a whole first, then taken.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};

use hozon_format::{
    ComputationKind, Digest, EXPORT_HEADING, Entry, FRAME_BYTES, Frame, Hasher, Key, PublicKey, WireError,
    limits,
};
use hozon_store::{BlobFault, Store, StoreError};

use crate::transfer::{NoBlobs, Refusal, Transfer, check_signed, take_signed};

/// An entry of such a file. Of one that is refused, nothing of this is sure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfFile {
    /// Its key.
    pub key: Key,
    /// The name of its computation.
    pub name: String,
    /// Who signed it.
    pub signer: PublicKey,
    /// The bytes of its blobs.
    pub blob_bytes: u64,
}

/// What is in a file.
#[derive(Debug, Default)]
pub struct Examined {
    /// Entries that would be taken.
    pub accepted: Vec<OfFile>,
    /// Entries that would not be, and why; `None` for what cannot be read at all.
    pub refused: Vec<(Option<OfFile>, Refusal)>,
    /// The digests of the envelopes that would be taken.
    envelopes: HashSet<Digest>,
    /// The blobs that they name.
    blobs: HashSet<Digest>,
}

/// What came of an import.
#[derive(Debug, Default)]
pub struct Imported {
    /// Entries that are there now and were not.
    pub copied: u64,
    /// The bytes of blobs that are there now and were not.
    pub copied_bytes: u64,
    /// Entries that were there already.
    pub present: u64,
    /// Entries under whose keys other results are stored.
    pub disagreeing: u64,
    /// Entries that were refused only now, and why.
    pub refused: Vec<Refusal>,
    /// Names that can be loaded now.
    pub names: Vec<String>,
}

/// Why nothing was taken from a file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is no such file.
    #[error("it is not a file that `hozon export` wrote")]
    NotAnExport,
    /// Its version is not known.
    #[error("another version of hozon wrote it")]
    UnknownVersion,
    /// It is cut off, or other bytes than were written.
    #[error("it is damaged, {at} bytes from its start: {why}")]
    Damaged {
        /// Where.
        at: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// The store cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const PIECE_BYTES: usize = 256 * 1024;

/// Looks through a whole file: every signature, every digest. Nothing is stored.
///
/// # Errors
///
/// If it is damaged anywhere, nothing of it is to be taken.
pub fn examine(store: &Store, file: &mut dyn Read) -> Result<Examined, ImportError> {
    let mut frames = Frames::of(file)?;
    let (mut examined, mut blobs) = (Examined::default(), HashMap::new());
    while let Some(frame) = frames.next()? {
        match frame {
            Frame::Blob(digest, length) => {
                frames.pass(&digest, length, &mut |_| {})?;
                blobs.insert(digest, length);
            }
            Frame::Entry(digest, length) => {
                let bytes = frames.envelope(&digest, length)?;
                examined.add(store, digest, &bytes, &blobs);
            }
            Frame::End(_) => {}
        }
    }
    Ok(examined)
}

/// Takes from a file what was found good in it. The file is checked once more as it is read.
///
/// # Errors
///
/// If it cannot be read or is another one now, or the store cannot be written. Entries that were taken by
/// then stay; each is whole.
pub fn import(store: &Store, examined: &Examined, file: &mut dyn Read) -> Result<Imported, ImportError> {
    let mut frames = Frames::of(file)?;
    let mut imported = Imported::default();
    while let Some(frame) = frames.next()? {
        match frame {
            Frame::Blob(digest, length) if examined.blobs.contains(&digest) => {
                imported.copied_bytes += frames.take_blob(store, &digest, length)?;
            }
            Frame::Blob(digest, length) => frames.pass(&digest, length, &mut |_| {})?,
            Frame::Entry(digest, length) => {
                let bytes = frames.envelope(&digest, length)?;
                if examined.envelopes.contains(&digest) {
                    imported.take(store, &bytes)?;
                }
            }
            Frame::End(_) => {}
        }
    }
    Ok(imported)
}

impl Examined {
    fn add(&mut self, store: &Store, digest: Digest, bytes: &[u8], blobs: &HashMap<Digest, u64>) {
        let said = hozon_format::Claim::parse(bytes).ok().map(|claim| OfFile {
            key: claim.key(),
            name: claim.namespace().to_owned(),
            signer: claim.signer(),
            blob_bytes: 0,
        });
        match check_signed(store, bytes, None).and_then(|verified| has_all(verified.entry(), blobs)) {
            Ok(named) => {
                let blob_bytes = named.values().sum();
                self.blobs.extend(named.into_keys());
                self.envelopes.insert(digest);
                self.accepted.extend(said.map(|said| OfFile { blob_bytes, ..said }));
            }
            Err(why) => self.refused.push((said, why)),
        }
    }
}

/// Returns the blobs that an entry names, if all of them stand before it.
fn has_all(entry: &Entry, blobs: &HashMap<Digest, u64>) -> Result<HashMap<Digest, u64>, Refusal> {
    let missing = entry.blobs().find(|(digest, length)| blobs.get(digest) != Some(length));
    match missing {
        Some((digest, _)) => Err(Refusal::Blob(BlobFault::Missing { digest })),
        None => Ok(entry.blobs().collect()),
    }
}

impl Imported {
    fn take(&mut self, store: &Store, bytes: &[u8]) -> Result<(), ImportError> {
        match take_signed(store, bytes, None, &mut NoBlobs)? {
            Transfer::Copied(_) => {
                self.copied += 1;
                self.name_again(store, bytes)?;
            }
            Transfer::Present => self.present += 1,
            Transfer::Disagrees => self.disagreeing += 1,
            Transfer::Refused(why) => self.refused.push(why),
        }
        Ok(())
    }

    /// What was saved under a name can be loaded by it, unless the user has something of that name.
    fn name_again(&mut self, store: &Store, bytes: &[u8]) -> Result<(), ImportError> {
        let Ok(verified) = check_signed(store, bytes, None) else { return Ok(()) };
        let Entry { key, facts, .. } = verified.entry();
        if facts.kind == ComputationKind::Saved && store.root(&facts.name).is_none() {
            store.set_root(&facts.name, key)?;
            self.names.push(facts.name.clone());
        }
        Ok(())
    }
}

/// The frames of a file, one after the other. Whoever is given one reads its content next.
struct Frames<'f> {
    file: &'f mut dyn Read,
    at: u64,
    count: u64,
}

impl<'f> Frames<'f> {
    fn of(file: &'f mut dyn Read) -> Result<Self, ImportError> {
        let mut frames = Self { file, at: 0, count: 0 };
        let mut heading = [0; EXPORT_HEADING.len()];
        frames.exactly(&mut heading).map_err(|error| match error {
            ImportError::Damaged { .. } => ImportError::NotAnExport,
            other => other,
        })?;
        match heading {
            EXPORT_HEADING => Ok(frames),
            _ if heading[..8] == EXPORT_HEADING[..8] => Err(ImportError::UnknownVersion),
            _ => Err(ImportError::NotAnExport),
        }
    }

    /// The next frame; `None` at the end, behind which nothing may stand.
    fn next(&mut self) -> Result<Option<Frame>, ImportError> {
        let mut bytes = [0; FRAME_BYTES];
        self.exactly(&mut bytes)?;
        let frame = Frame::decode(&bytes).map_err(|_: WireError| self.damaged("there is no such part"))?;
        let Frame::End(count) = frame else {
            self.count += 1;
            return Ok(Some(frame));
        };
        if count != self.count {
            return Err(self.damaged("parts are missing or were added"));
        }
        match self.some(&mut [0])? {
            0 => Ok(None),
            _ => Err(self.damaged("something stands behind its end")),
        }
    }

    /// Reads past a part, and checks its digest.
    fn pass(&mut self, digest: &Digest, length: u64, each: &mut dyn FnMut(&[u8])) -> Result<(), ImportError> {
        let (mut hasher, mut left, mut piece) = (Hasher::plain(), length, vec![0; PIECE_BYTES]);
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
            let read = self.some(&mut piece[..most])?;
            if read == 0 {
                return Err(self.damaged("it is cut off"));
            }
            hasher.update(&piece[..read]);
            each(&piece[..read]);
            left -= read as u64;
        }
        match hasher.finish() == *digest {
            true => Ok(()),
            false => Err(self.damaged("a part is not what its digest says")),
        }
    }

    fn envelope(&mut self, digest: &Digest, length: u64) -> Result<Vec<u8>, ImportError> {
        if length > limits::ENVELOPE_BYTES {
            return Err(self.damaged("an entry is larger than any can be"));
        }
        // It grows as the bytes come: a length alone makes nobody allocate.
        let mut bytes = Vec::new();
        self.pass(digest, length, &mut |piece| bytes.extend_from_slice(piece))?;
        Ok(bytes)
    }

    /// Stores a blob, or reads past it where it is stored. Returns how many bytes are new.
    fn take_blob(&mut self, store: &Store, digest: &Digest, length: u64) -> Result<u64, ImportError> {
        let mut content = Content { frames: self, left: length };
        let taken = store.take_blob(digest, length, &mut content)?;
        io::copy(&mut content, &mut io::sink())?;
        match taken {
            Ok(true) => Ok(length),
            Ok(false) => Ok(0),
            Err(_) => Err(self.damaged("a part is not what its digest says")),
        }
    }

    fn exactly(&mut self, into: &mut [u8]) -> Result<(), ImportError> {
        let mut done = 0;
        while done < into.len() {
            match self.some(&mut into[done..])? {
                0 => return Err(self.damaged("it is cut off")),
                read => done += read,
            }
        }
        Ok(())
    }

    fn some(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    self.at += *read.as_ref().unwrap_or(&0) as u64;
                    return read;
                }
            }
        }
    }

    fn damaged(&self, why: &'static str) -> ImportError {
        ImportError::Damaged { at: self.at, why }
    }
}

/// The content of one part.
struct Content<'c, 'f> {
    frames: &'c mut Frames<'f>,
    left: u64,
}

impl Read for Content<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let read = self.frames.some(&mut into[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}
