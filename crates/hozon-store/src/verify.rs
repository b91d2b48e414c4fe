//! Checking a whole store.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use hozon_format::{Digest, EnvelopeError, Key, Root, TraceRecord, limits, open};
use hozon_sys::FileKind;

use crate::get::untrusted_words;
use crate::layout::{digest_of_check, digest_of_names};
use crate::store::{Inner, stamp_of};
use crate::{Store, StoreError, Verdict};

/// What a check of a whole store found.
#[derive(Debug, Default)]
pub struct Verification {
    /// Sound entries.
    pub entries: u64,
    /// Sound blobs.
    pub blobs: u64,
    /// Sound roots.
    pub roots: u64,
    /// Entries of other users or versions, which cannot be judged.
    pub foreign: u64,
    /// The bytes that were checked.
    pub bytes: u64,
    /// Everything that is not as it should be.
    pub problems: Vec<Problem>,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub kind: ProblemKind,
    /// Whether it was moved to the quarantine, so that it can do no harm.
    pub repaired: bool,
}

/// What can be wrong with a file of a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProblemKind {
    /// An entry that is refused.
    #[error("the entry is refused: {0}")]
    Entry(EnvelopeError),
    /// An entry of someone whom the user does not trust with it any more.
    #[error("the entry is not used: {0}")]
    NotTrusted(String),
    /// A root that is refused.
    #[error("the root is refused: {0}")]
    Root(EnvelopeError),
    /// A list of what computations looked at that is refused.
    #[error("the list of what a computation looked at is refused: {0}")]
    TraceSets(EnvelopeError),
    /// A root whose entry is not stored.
    #[error("the root names an entry that is not stored")]
    DanglingRoot,
    /// A blob whose bytes do not have its digest.
    #[error("the blob's bytes do not have its digest")]
    Blob,
    /// An entry that names a blob which is missing or bad.
    #[error("the entry's blob {} is missing or bad", .0.short())]
    BlobOfEntry(Digest),
    /// A file that cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// A file that hozon did not make.
    #[error("it is not a file of the store")]
    Stray,
}

impl Store {
    /// Checks every entry, blob and root in full. With `repair`, what is bad is moved to the quarantine;
    /// strays and files of other users and versions are left alone.
    ///
    /// # Errors
    ///
    /// `Io` if a folder cannot be listed.
    pub fn verify(&self, repair: bool) -> Result<Verification, StoreError> {
        let mut check = Check { store: &self.0, repair, found: Verification::default() };
        let blobs = check.blobs()?;
        check.entries(&blobs)?;
        check.roots()?;
        check.trace_sets()?;
        Ok(check.found)
    }
}

struct Check<'s> {
    store: &'s Inner,
    repair: bool,
    found: Verification,
}

impl Check<'_> {
    fn problem(&mut self, path: &Path, kind: ProblemKind) {
        let removable = !matches!(kind, ProblemKind::Stray | ProblemKind::Unreadable(_));
        let repaired = self.repair && removable && self.store.quarantine(path) != path;
        self.found.problems.push(Problem { path: path.to_owned(), kind, repaired });
    }

    /// Checks all blobs and returns the length of each sound one.
    fn blobs(&mut self) -> Result<HashMap<Digest, u64>, StoreError> {
        let mut sound = HashMap::new();
        for (shard, name, path) in self.store.sharded_files(&self.store.layout.blobs)? {
            match digest_of_names(&shard, &name) {
                Some(digest) => {
                    if let Some(length) = self.blob(&digest, &path) {
                        sound.insert(digest, length);
                    }
                }
                None if digest_of_check(&shard, &name).is_some() => {}
                None => self.problem(&path, ProblemKind::Stray),
            }
        }
        Ok(sound)
    }

    fn blob(&mut self, digest: &Digest, path: &Path) -> Option<u64> {
        let (mapping, stat) = match self.store.system.map(path) {
            Ok(mapped) => mapped,
            Err(error) => {
                self.problem(path, ProblemKind::Unreadable(error.to_string()));
                return None;
            }
        };
        self.found.bytes += stat.size;
        if Digest::of_large(mapping.as_slice()) != *digest {
            self.problem(path, ProblemKind::Blob);
            return None;
        }
        self.store.note_if_unchanged(digest, &stat);
        self.found.blobs += 1;
        Some(stamp_of(&stat).size)
    }

    fn entries(&mut self, blobs: &HashMap<Digest, u64>) -> Result<(), StoreError> {
        for (shard, name, path) in self.store.sharded_files(&self.store.layout.entries)? {
            match digest_of_names(&shard, &name) {
                Some(digest) => self.entry(&Key::from_digest(digest), &path, blobs),
                None => self.problem(&path, ProblemKind::Stray),
            }
        }
        Ok(())
    }

    fn entry(&mut self, key: &Key, path: &Path, blobs: &HashMap<Digest, u64>) {
        let bytes = match self.store.system.read(path, limits::ENVELOPE_BYTES) {
            Ok(bytes) => bytes,
            Err(error) => return self.problem(path, ProblemKind::Unreadable(error.to_string())),
        };
        self.found.bytes += bytes.len() as u64;
        match open(&bytes, key, &self.store.keys.seal) {
            Ok(entry) => {
                let missing = entry.blobs().find(|(digest, length)| blobs.get(digest) != Some(length));
                let (origin, name) = (entry.facts.origin(), entry.facts.name.as_str());
                match (missing, self.store.keys.verdict(origin, &[name])) {
                    (Some((digest, _)), _) => self.problem(path, ProblemKind::BlobOfEntry(digest)),
                    (None, Verdict::Trusted) => self.found.entries += 1,
                    (None, verdict) => {
                        self.problem(path, ProblemKind::NotTrusted(untrusted_words(origin, verdict)));
                    }
                }
            }
            Err(EnvelopeError::Foreign | EnvelopeError::UnknownVersion { .. }) => self.found.foreign += 1,
            Err(why) => self.problem(path, ProblemKind::Entry(why)),
        }
    }

    fn trace_sets(&mut self) -> Result<(), StoreError> {
        for (shard, name, path) in self.store.sharded_files(&self.store.layout.traces)? {
            let Some(digest) = digest_of_names(&shard, &name) else {
                self.problem(&path, ProblemKind::Stray);
                continue;
            };
            match self.store.system.read(&path, limits::ENVELOPE_BYTES) {
                Ok(bytes) => {
                    match TraceRecord::open(&bytes, &Key::from_digest(digest), &self.store.keys.seal) {
                        Ok(_) => self.found.bytes += bytes.len() as u64,
                        Err(why) if why.is_of_others() => self.found.foreign += 1,
                        Err(why) => self.problem(&path, ProblemKind::TraceSets(why)),
                    }
                }
                Err(error) => self.problem(&path, ProblemKind::Unreadable(error.to_string())),
            }
        }
        Ok(())
    }

    fn roots(&mut self) -> Result<(), StoreError> {
        for (name, kind) in self.store.list(&self.store.layout.roots)? {
            let path = self.store.layout.roots.join(&name);
            if kind != FileKind::File || name.parse::<Digest>().is_err() {
                self.problem(&path, ProblemKind::Stray);
                continue;
            }
            match self.store.system.read(&path, limits::ENVELOPE_BYTES) {
                Ok(bytes) => self.root(&bytes, &name, &path),
                Err(error) => self.problem(&path, ProblemKind::Unreadable(error.to_string())),
            }
        }
        Ok(())
    }

    fn root(&mut self, bytes: &[u8], name: &str, path: &Path) {
        match Root::open(bytes, name, &self.store.keys.seal) {
            Ok(root) if self.store.system.stat(&self.store.layout.entry(&root.key)).is_err() => {
                self.problem(path, ProblemKind::DanglingRoot);
            }
            Ok(_) => self.found.roots += 1,
            Err(EnvelopeError::Foreign | EnvelopeError::UnknownVersion { .. }) => self.found.foreign += 1,
            Err(why) => self.problem(path, ProblemKind::Root(why)),
        }
    }
}
