//! What it takes to bring an entry over from elsewhere: from another store, a file, another machine.

use std::collections::HashSet;
use std::io::{self, Read};

use hozon_format::{Digest, Entry, Hasher, Key, Part};
use hozon_sys::{Durability, FileKind, Mapping, NewFile, Publication, publish_with};

use crate::store::{Inner, at, make_folders, stamp_of};
use crate::{BlobFault, Store, StoreError};

/// Where the blobs of an entry come from. What it gives is checked: it may be anything.
pub trait BlobSource {
    /// Gives the bytes of a blob. Not more than `length` and one of them are read.
    ///
    /// # Errors
    ///
    /// Why there are none.
    fn blob(&mut self, digest: &Digest, length: u64) -> io::Result<Box<dyn Read + '_>>;
}

/// Another store of the same user.
impl BlobSource for &Store {
    fn blob(&mut self, digest: &Digest, length: u64) -> io::Result<Box<dyn Read + '_>> {
        let part = Part::Blob { digest: *digest, length };
        let mapping = self.part(&part).map_err(io::Error::other)?;
        Ok(Box::new(MappingReader { mapping, done: 0 }))
    }
}

struct MappingReader {
    mapping: Mapping,
    done: usize,
}

impl Read for MappingReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = (&self.mapping.as_slice()[self.done..]).read(into)?;
        self.done += read;
        Ok(read)
    }
}

const PIECE_BYTES: usize = 256 * 1024;

impl Store {
    /// Lists the keys of all files that are named like entries, sorted. Nothing is read.
    ///
    /// # Errors
    ///
    /// `Io` if the folder cannot be listed.
    pub fn keys(&self) -> Result<Vec<Key>, StoreError> {
        let mut keys: Vec<Key> = self.0.entry_files()?.into_iter().map(|file| file.key).collect();
        keys.sort_unstable();
        Ok(keys)
    }

    /// Tells whether there is a file under the name of an entry. It is not read.
    pub fn has_entry(&self, key: &Key) -> bool {
        self.0.system.stat(&self.0.layout.entry(key)).is_ok_and(|stat| stat.kind == FileKind::File)
    }

    /// Tells whether all blobs of an entry are there, by their lengths: they are checked when they are read.
    pub fn has_blobs_of(&self, entry: &Entry) -> bool {
        entry.blobs().all(|(digest, length)| {
            let stat = self.0.system.stat(&self.0.layout.blob(&digest));
            stat.is_ok_and(|stat| stat.kind == FileKind::File && stat.size == length)
        })
    }

    /// Stores the blobs of an entry, each checked in full, and returns how many bytes were new here. The entry
    /// itself is to follow: see [`Store::put_bound`].
    ///
    /// # Errors
    ///
    /// `Io` if a blob cannot be written; inside, what is wrong with one over there.
    pub fn take_blobs(
        &self,
        entry: &Entry,
        from: &mut dyn BlobSource,
    ) -> Result<Result<u64, BlobFault>, StoreError> {
        let (mut new_bytes, mut taken) = (0, HashSet::new());
        for (digest, length) in entry.blobs() {
            if !taken.insert((digest, length)) || self.0.shares_blob(&digest, length) {
                continue;
            }
            let given = from.blob(&digest, length);
            let taken = match given {
                Ok(mut bytes) => self.0.take_blob(&digest, length, &mut bytes)?,
                Err(source) => Err(BlobFault::NotGiven { digest, source }),
            };
            match taken {
                Ok(()) => new_bytes += length,
                Err(fault) => return Ok(Err(fault)),
            }
        }
        Ok(Ok(new_bytes))
    }

    /// Stores one blob, as [`Store::take_blobs`] does. Returns whether it was new.
    ///
    /// # Errors
    ///
    /// As [`Store::take_blobs`].
    pub fn take_blob(
        &self,
        digest: &Digest,
        length: u64,
        bytes: &mut dyn Read,
    ) -> Result<Result<bool, BlobFault>, StoreError> {
        if self.0.shares_blob(digest, length) {
            return Ok(Ok(false));
        }
        Ok(self.0.take_blob(digest, length, bytes)?.map(|()| true))
    }
}

impl Inner {
    /// Tells whether a sound blob is there, which is young again then.
    fn shares_blob(&self, digest: &Digest, length: u64) -> bool {
        self.has_sound_blob(digest, length) && self.refresh(digest, Durability::Batched).is_ok()
    }

    fn take_blob(
        &self,
        digest: &Digest,
        length: u64,
        bytes: &mut dyn Read,
    ) -> Result<Result<(), BlobFault>, StoreError> {
        let path = self.layout.blob(digest);
        make_folders(&*self.system, &self.layout).map_err(at(&path))?;
        let publication = Publication {
            temporary_folder: &self.layout.temporary,
            path: &path,
            mode: 0o400,
            durability: Durability::Batched,
        };
        let mut fault = None;
        let published = publish_with(&*self.system, &publication, &mut |file| {
            copy_checked(digest, length, bytes, file).map_err(|why| match why {
                CopyError::Fault(why) => {
                    fault = Some(why);
                    io::Error::other("refused")
                }
                CopyError::Write(error) => error,
            })
        });
        match (published, fault) {
            (_, Some(fault)) => Ok(Err(fault)),
            (Err(error), None) => Err(at(&path)(error)),
            (Ok(stat), None) => {
                let boot = self.boot_of(Durability::Batched);
                stat.iter().for_each(|stat| self.note_check(digest, stamp_of(stat), boot));
                self.note_arrived_bytes(length);
                Ok(Ok(()))
            }
        }
    }
}

enum CopyError {
    Fault(BlobFault),
    Write(io::Error),
}

/// Writes bytes that must have this digest and this length.
fn copy_checked(
    digest: &Digest,
    length: u64,
    bytes: &mut dyn Read,
    file: &mut dyn NewFile,
) -> Result<(), CopyError> {
    let mut hasher = Hasher::plain();
    let mut piece = vec![0; PIECE_BYTES];
    let mut left = length;
    // One byte too many is seen, and no more is read.
    let mut bytes = bytes.take(length.saturating_add(1));
    loop {
        let read = match bytes.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(CopyError::Fault(BlobFault::NotGiven { digest: *digest, source })),
        };
        left = left.checked_sub(read as u64).ok_or(CopyError::Fault(BlobFault::Other { digest: *digest }))?;
        hasher.update(&piece[..read]);
        file.write_all(&piece[..read]).map_err(CopyError::Write)?;
    }
    match left == 0 && hasher.finish() == *digest {
        true => Ok(()),
        false => Err(CopyError::Fault(BlobFault::Other { digest: *digest })),
    }
}
