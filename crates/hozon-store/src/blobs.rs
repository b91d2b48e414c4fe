//! Blobs: immutable bytes named by their digest, and the notes that they were checked in full.

use std::io;
use std::path::PathBuf;

use hozon_format::{BlobCheck, Digest, FileStamp, Part, limits};
use hozon_sys::{Durability, Mapping, Shortcuts, Stat};

use crate::store::{Inner, at, stamp_of};
use crate::{BlobFault, Store, StoreError};

/// What `write_blob` found or did.
pub(crate) enum Written {
    New,
    Shared,
}

/// Of notes about blobs whose bytes are on the disk for certain: they hold for as long as the stamp does.
/// Others hold until the machine is started again: a power cut may leave a file with its stamp and other bytes.
const ON_DISK: u64 = 0;
/// What a system that cannot tell one start of the machine from another says.
const UNKNOWN_BOOT: u64 = 0;
/// Of notes that hold for nobody: where starts cannot be told apart.
const NO_BOOT: u64 = u64::MAX;
/// Enough for any note about a blob.
const CHECK_BYTES: u64 = 4096;

impl Store {
    /// Returns the bytes of a part: a copy if it is inline, a private mapping of its blob if not.
    ///
    /// The blob's bytes are checked in full unless its file is just as it was at its last full check.
    ///
    /// # Errors
    ///
    /// Each error is a miss to the caller: the blob is missing, damaged (it is then moved to the
    /// quarantine), or cannot be read.
    pub fn part(&self, part: &Part) -> Result<Mapping, BlobFault> {
        match part {
            Part::Inline(bytes) => Ok(Mapping::copy_of(bytes)),
            Part::Blob { digest, length } => self.blob(digest, *length),
        }
    }

    fn blob(&self, digest: &Digest, length: u64) -> Result<Mapping, BlobFault> {
        let path = self.0.layout.blob(digest);
        let (mapping, stat) = self.0.system.map(&path).map_err(|error| unreadable(digest, &path, error))?;
        if mapping.len() as u64 == length && stat.size == length {
            if self.0.is_checked(digest, &stamp_of(&stat)) {
                return Ok(mapping);
            }
            if Digest::of_large(mapping.as_slice()) == *digest {
                self.0.note_if_unchanged(digest, &stat);
                return Ok(mapping);
            }
        }
        drop(mapping);
        Err(BlobFault::Corrupt { digest: *digest, path: self.0.quarantine_blob(digest) })
    }
}

impl Inner {
    /// Stores bytes under their digest unless they are stored already.
    pub(crate) fn write_blob(
        &self,
        digest: &Digest,
        bytes: &[u8],
        durability: Durability,
    ) -> Result<Written, StoreError> {
        let path = self.layout.blob(digest);
        // A blob that cannot be made young again may have been removed just now: it is written anew.
        if self.has_sound_blob(digest, bytes.len() as u64) && self.refresh(digest, durability).is_ok() {
            return Ok(Written::Shared);
        }
        let published = self.publish(&path, &[bytes], 0o400, durability).map_err(at(&path))?;
        if let Some(stat) = published {
            self.note_check(digest, stamp_of(&stat), self.boot_of(durability));
        }
        Ok(Written::New)
    }

    /// Tells whether the blob is there, just as it was at its last full check.
    pub(crate) fn has_sound_blob(&self, digest: &Digest, length: u64) -> bool {
        let stat = self.system.stat(&self.layout.blob(digest));
        stat.is_ok_and(|stat| stat.size == length && self.is_checked(digest, &stamp_of(&stat)))
    }

    /// Makes a blob that a new entry shares young again, so that no sweep takes it from under the
    /// entry, and as durable as the entry is to be.
    pub(crate) fn refresh(&self, digest: &Digest, durability: Durability) -> io::Result<()> {
        let path = self.layout.blob(digest);
        if durability == Durability::Synced {
            let folder = path.parent().unwrap_or(&path);
            self.system.sync_file(&path)?;
            self.system.sync_folder(folder)?;
            // The put that made the folder may not have synced it.
            self.system.sync_folder(folder.parent().unwrap_or(folder))?;
            self.anchor()?;
        }
        let stat = self.system.stat(&path)?;
        let was_on_disk =
            self.note_of(digest).is_some_and(|noted| noted.stamp == stamp_of(&stat) && noted.boot == ON_DISK);
        let boot = if was_on_disk { ON_DISK } else { self.boot_of(durability) };
        self.note_check(digest, stamp_of(&stat), boot);
        Ok(())
    }

    /// Tells whether the blob was checked in full while its file had this stamp.
    pub(crate) fn is_checked(&self, digest: &Digest, stamp: &FileStamp) -> bool {
        if !Shortcuts::are_taken() {
            return false;
        }
        let known = self.checked.with(self.process(), |checked| checked.get(digest).copied());
        if known.as_ref() == Some(stamp) {
            return true;
        }
        let noted = self.note_of(digest).filter(|noted| noted.stamp == *stamp);
        let holds = noted.is_some_and(|noted| noted.boot == ON_DISK || noted.boot == self.system.boot());
        if holds {
            self.remember(digest, *stamp);
        }
        holds
    }

    fn note_of(&self, digest: &Digest) -> Option<BlobCheck> {
        let bytes = self.system.read(&self.layout.blob_check(digest), CHECK_BYTES).ok()?;
        BlobCheck::open(&bytes, digest, &self.keys.seal).ok()
    }

    /// Until when a note about a blob that was written so holds.
    pub(crate) fn boot_of(&self, durability: Durability) -> u64 {
        match (durability, self.system.boot()) {
            (Durability::Synced, _) => ON_DISK,
            (Durability::Batched, UNKNOWN_BOOT) => NO_BOOT,
            (Durability::Batched, boot) => boot,
        }
    }

    /// Tells whether the bytes that a note is about, which have just been read, were read from the disk: they
    /// were written before the machine was started.
    fn has_reached_disk(&self, noted: &BlobCheck) -> bool {
        let boot = self.system.boot();
        noted.boot == ON_DISK || (boot != UNKNOWN_BOOT && ![boot, NO_BOOT].contains(&noted.boot))
    }

    /// Notes a full check, unless the file was changed while it was read.
    pub(crate) fn note_if_unchanged(&self, digest: &Digest, before: &Stat) {
        let after = self.system.stat(&self.layout.blob(digest));
        if after.is_ok_and(|after| stamp_of(&after) == stamp_of(before)) {
            let earlier = self.note_of(digest).filter(|noted| noted.stamp == stamp_of(before));
            let is_on_disk = earlier.is_some_and(|noted| self.has_reached_disk(&noted));
            let boot = if is_on_disk { ON_DISK } else { self.boot_of(Durability::Batched) };
            self.note_check(digest, stamp_of(before), boot);
        }
    }

    pub(crate) fn note_check(&self, digest: &Digest, stamp: FileStamp, boot: u64) {
        self.remember(digest, stamp);
        let bytes = BlobCheck { digest: *digest, stamp, boot }.seal(&self.keys.seal);
        // Without the note, another process checks once more: no harm.
        let _ = self.publish(&self.layout.blob_check(digest), &[&bytes], 0o600, Durability::Batched);
    }

    fn remember(&self, digest: &Digest, stamp: FileStamp) {
        self.checked.with(self.process(), |checked| checked.insert(*digest, stamp));
    }

    pub(crate) fn quarantine_blob(&self, digest: &Digest) -> PathBuf {
        self.checked.with(self.process(), |checked| checked.remove(digest));
        let _ = self.remove_if_there(&self.layout.blob_check(digest));
        self.quarantine(&self.layout.blob(digest))
    }
}

fn unreadable(digest: &Digest, path: &std::path::Path, source: io::Error) -> BlobFault {
    match source.kind() {
        io::ErrorKind::NotFound => BlobFault::Missing { digest: *digest },
        _ => BlobFault::Unreadable { path: path.to_owned(), source },
    }
}

/// Tells whether bytes of this length stay inside an entry that has `inline` such bytes already.
pub(crate) fn fits_inline(length: usize, inline: usize) -> bool {
    length < limits::INLINE_PART_BYTES && inline + length <= limits::INLINE_TOTAL_BYTES
}
