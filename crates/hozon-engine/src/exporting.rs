//! One file with entries and all that they need, signed.

use std::collections::HashSet;
use std::io;

use hozon_format::{Digest, EXPORT_HEADING, Entry, Frame, Key, Part, SigningKey};
use hozon_store::{Lookup, Store};

use crate::transfer::{Refusal, sign_entry};

/// What was written.
#[derive(Debug, Default)]
pub struct Exported {
    /// Entries.
    pub entries: u64,
    /// Blobs.
    pub blobs: u64,
    /// All bytes of the file.
    pub bytes: u64,
    /// The keys of entries that were left out, and why.
    pub left_out: Vec<(Key, Refusal)>,
}

const PIECE_BYTES: usize = 1 << 20;

/// Writes the entries of these keys with their blobs, each entry signed. What cannot be signed or is not whole
/// is left out.
///
/// # Errors
///
/// Those of `write`.
pub fn export(
    store: &Store,
    keys: &[Key],
    key: &SigningKey,
    write: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Exported> {
    let mut file = File { write, frames: 0, blobs: HashSet::new(), exported: Exported::default() };
    file.put(&EXPORT_HEADING)?;
    for wanted in keys {
        if let Err(why) = file.entry(store, wanted, key)? {
            file.exported.left_out.push((*wanted, why));
        }
    }
    file.put(&Frame::End(file.frames).encode())?;
    Ok(file.exported)
}

struct File<'w> {
    write: &'w mut dyn FnMut(&[u8]) -> io::Result<()>,
    frames: u64,
    blobs: HashSet<Digest>,
    exported: Exported,
}

impl File<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.exported.bytes += bytes.len() as u64;
        (self.write)(bytes)
    }

    fn frame(&mut self, frame: Frame, content: &[u8]) -> io::Result<()> {
        self.frames += 1;
        self.put(&frame.encode())?;
        content.chunks(PIECE_BYTES).try_for_each(|piece| self.put(piece))
    }

    fn entry(&mut self, store: &Store, wanted: &Key, key: &SigningKey) -> io::Result<Result<(), Refusal>> {
        let entry = match store.get(wanted) {
            Lookup::Hit(entry) => entry,
            Lookup::Miss(why) => return Ok(Err(Refusal::Missed(why))),
        };
        let signed = match sign_entry(&entry, key) {
            Ok(signed) => signed,
            Err(why) => return Ok(Err(why)),
        };
        if let Err(why) = self.blobs_of(store, &entry)? {
            return Ok(Err(why));
        }
        self.frame(Frame::Entry(Digest::of_large(&signed), signed.len() as u64), &signed)?;
        self.exported.entries += 1;
        Ok(Ok(()))
    }

    fn blobs_of(&mut self, store: &Store, entry: &Entry) -> io::Result<Result<(), Refusal>> {
        for (digest, length) in entry.blobs() {
            if self.blobs.contains(&digest) {
                continue;
            }
            let bytes = match store.part(&Part::Blob { digest, length }) {
                Ok(bytes) => bytes,
                Err(fault) => return Ok(Err(Refusal::Blob(fault))),
            };
            self.frame(Frame::Blob(digest, length), bytes.as_slice())?;
            self.blobs.insert(digest);
            self.exported.blobs += 1;
        }
        Ok(Ok(()))
    }
}
