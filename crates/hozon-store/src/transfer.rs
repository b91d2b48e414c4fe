//! What it takes to bring an entry over from another store of the same user.

use std::collections::HashMap;

use hozon_format::{Digest, Entry, Key, Part};
use hozon_sys::{Durability, FileKind};

use crate::blobs::Written;
use crate::{BlobFault, Store, StoreError};

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

    /// Stores the blobs of an entry of another store, each checked in full there, and returns how many
    /// bytes were new here. The entry itself is to follow: see [`Store::put_bound`].
    ///
    /// # Errors
    ///
    /// `Io` if a blob cannot be written; inside, what is wrong with one over there.
    pub fn take_blobs(&self, from: &Self, entry: &Entry) -> Result<Result<u64, BlobFault>, StoreError> {
        let blobs: HashMap<Digest, u64> = entry.blobs().collect();
        let mut new_bytes = 0;
        for (digest, length) in blobs {
            let bytes = match from.part(&Part::Blob { digest, length }) {
                Ok(bytes) => bytes,
                Err(fault) => return Ok(Err(fault)),
            };
            if let Written::New = self.0.write_blob(&digest, bytes.as_slice(), Durability::Batched)? {
                new_bytes += length;
            }
        }
        Ok(Ok(new_bytes))
    }
}
