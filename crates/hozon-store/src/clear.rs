//! Removing entries, and the blobs that nothing names any more.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use hozon_format::{Digest, EnvelopeError, Facts, Key, Origin, PublicKey, limits, open, unverified_blobs};
use hozon_sys::FileKind;

use crate::layout::{digest_of_check, digest_of_names};
use crate::store::{Inner, at};
use crate::{Store, StoreError, index};

/// Which entries are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filter {
    /// Every entry that this user's key sealed.
    All,
    /// Those with this label.
    Name(String),
    /// Those whose key begins with these hex digits.
    KeyPrefix(String),
    /// Those that were taken from this signer.
    SignedBy(PublicKey),
    /// All but those with these keys. Of traces, the keys are those that look-ups begin with.
    AllBut(HashSet<Key>),
    /// Those with these keys. Trace sets stay: other entries may be found by them.
    Only(HashSet<Key>),
}

/// What a clear has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cleared {
    /// Entries.
    pub entries: u64,
    /// Blobs that no entry names any more.
    pub blobs: u64,
    /// Roots of removed entries.
    pub roots: u64,
    /// The bytes of all these files.
    pub bytes: u64,
}

/// A blob that no entry names may belong to a put that is under way: it is spared for this long.
const GRACE_MS: u64 = 3600 * 1000;

impl Store {
    /// Removes the entries that `filter` means, their roots, and blobs that nothing names any more.
    ///
    /// Entries of other users and versions, and their blobs, stay.
    ///
    /// # Errors
    ///
    /// `Io` if a folder cannot be listed or a file cannot be removed; what was removed by then stays so.
    pub fn clear(&self, filter: &Filter) -> Result<Cleared, StoreError> {
        self.clear_because(filter, "cleared")
    }

    /// As [`Store::clear`], with a word for the reason that explanations give later.
    ///
    /// # Errors
    ///
    /// As [`Store::clear`].
    pub fn clear_because(&self, filter: &Filter, why: &str) -> Result<Cleared, StoreError> {
        let mut cleared = Cleared::default();
        let (mut removed, mut orphaned) = (Vec::new(), HashSet::new());
        for summary in self.summaries()? {
            if !filter.means_entry(&summary.key, &summary.facts) {
                continue;
            }
            let blobs = self.read_entry(&summary.key).ok();
            orphaned.extend(blobs.iter().flat_map(|entry| entry.blobs().map(|(digest, _)| digest)));
            if self.0.remove_if_there(&self.0.layout.entry(&summary.key))? {
                cleared.entries += 1;
                cleared.bytes += summary.size_bytes;
            }
            removed.push((summary.key, summary.facts.name));
        }
        self.clear_trace_sets(filter)?;
        cleared.roots = self.remove_roots_of(&removed)?;
        self.0.remember_removal(&removed, why);
        self.0.remove_blobs(&orphaned, &mut cleared)?;
        self.sweep()?;
        Ok(cleared)
    }

    /// Removes one entry. Returns whether there was one. Its blobs go at the next clear.
    ///
    /// # Errors
    ///
    /// `Io` if the file cannot be removed.
    pub fn forget(&self, key: &Key) -> Result<bool, StoreError> {
        self.forget_because(key, "forgotten")
    }

    /// As [`Store::forget`], with a word for the reason that explanations give later.
    ///
    /// # Errors
    ///
    /// As [`Store::forget`].
    pub fn forget_because(&self, key: &Key, why: &str) -> Result<bool, StoreError> {
        let entry = self.read_entry(key).ok();
        let was_there = self.0.remove_if_there(&self.0.layout.entry(key))?;
        if let Some(entry) = entry.filter(|_| was_there) {
            self.0.remember_removal(&[(*key, entry.facts.name)], why);
        }
        Ok(was_there)
    }

    fn remove_roots_of(&self, removed: &[(Key, String)]) -> Result<u64, StoreError> {
        let removed: HashSet<Key> = removed.iter().map(|(key, _)| *key).collect();
        let mut roots = 0;
        for (name, key) in self.roots() {
            if removed.contains(&key) && self.remove_root(&name)? {
                roots += 1;
            }
        }
        Ok(roots)
    }
}

impl Filter {
    pub(crate) fn means_entry(&self, key: &Key, facts: &Facts) -> bool {
        match self {
            Self::SignedBy(signer) => facts.origin() == Origin::Signed(*signer),
            _ => self.means(key, &facts.name),
        }
    }

    /// Of what the runs of a computation looked at, nobody else signs anything.
    pub(crate) fn means(&self, key: &Key, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::SignedBy(_) => false,
            Self::Name(wanted) => name == wanted,
            Self::KeyPrefix(prefix) => key.to_string().starts_with(prefix),
            Self::AllBut(keys) => !keys.contains(key),
            Self::Only(keys) => keys.contains(key),
        }
    }
}

impl Inner {
    pub(crate) fn remove_if_there(&self, path: &Path) -> Result<bool, StoreError> {
        match self.refuse_link(path).and_then(|()| self.system.remove_file(path)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(at(path)(error)),
        }
    }

    /// Tells the index why entries went. What it cannot keep, an explanation will not know.
    pub(crate) fn remember_removal(&self, removed: &[(Key, String)], why: &str) {
        let now_ms = self.system.now_ms();
        let _ = index::with(self, |index| index.remove(removed, now_ms, why));
    }

    /// Removes the blobs of `orphaned` that no entry names, and any other such blob that is old.
    fn remove_blobs(&self, orphaned: &HashSet<Digest>, cleared: &mut Cleared) -> Result<(), StoreError> {
        let Some(named) = self.named_blobs()? else { return Ok(()) };
        for (shard, name, path) in self.sharded_files(&self.layout.blobs)? {
            if let Some(digest) = digest_of_check(&shard, &name) {
                if self.system.stat(&self.layout.blob(&digest)).is_err() && self.is_older(&path, GRACE_MS) {
                    self.remove_if_there(&path)?;
                }
                continue;
            }
            let Some(digest) = digest_of_names(&shard, &name) else { continue };
            let unwanted = !named.contains(&digest);
            if unwanted && (orphaned.contains(&digest) || self.is_old_blob(&digest, &path)) {
                self.remove_blob(&digest, &path, cleared)?;
            }
        }
        Ok(())
    }

    pub(crate) fn is_old_blob(&self, digest: &Digest, path: &Path) -> bool {
        // A put that shares a blob renews its note.
        let note = self.layout.blob_check(digest);
        self.is_older(path, GRACE_MS) && (self.system.stat(&note).is_err() || self.is_older(&note, GRACE_MS))
    }

    pub(crate) fn remove_blob(
        &self,
        digest: &Digest,
        path: &Path,
        cleared: &mut Cleared,
    ) -> Result<(), StoreError> {
        let Ok(stat) = self.system.stat(path) else { return Ok(()) };
        if stat.kind != FileKind::File {
            return Ok(());
        }
        if self.remove_if_there(path)? {
            cleared.blobs += 1;
            cleared.bytes += stat.size;
        }
        self.checked.with(self.process(), |checked| checked.remove(digest));
        self.remove_if_there(&self.layout.blob_check(digest)).map(drop)
    }

    /// Returns the blobs that entries name, those of strangers included; `None` if some entry cannot be
    /// understood, so that no blob may be taken for unnamed.
    fn named_blobs(&self) -> Result<Option<HashSet<Digest>>, StoreError> {
        let mut named = HashSet::new();
        for file in self.entry_files()? {
            let Ok(bytes) = self.system.read(&file.path, limits::ENVELOPE_BYTES) else {
                return Ok(None);
            };
            match open(&bytes, &file.key, &self.keys.seal) {
                Ok(entry) => named.extend(entry.blobs().map(|(digest, _)| digest)),
                Err(EnvelopeError::Foreign) => named.extend(unverified_blobs(&bytes).unwrap_or_default()),
                Err(EnvelopeError::UnknownVersion { .. }) => return Ok(None),
                // A bad entry is a miss: it has no blobs.
                Err(_) => {}
            }
        }
        Ok(Some(named))
    }
}
