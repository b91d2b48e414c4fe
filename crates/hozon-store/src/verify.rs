//! Checking a whole store.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use hozon_format::{
    Acceptance, BlobCheck, Digest, EnvelopeError, Key, Root, TraceRecord, limits, open, unverified_blobs,
};
use hozon_sys::{FileKind, Stat};

use crate::get::untrusted_words;
use crate::index::{self, IndexHealth};
use crate::layout::{digest_of_check, digest_of_names};
use crate::leftovers::Leftovers;
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
    /// What nothing needs: no damage. With `repair`, it was removed.
    pub leftovers: Leftovers,
}

/// One thing that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub kind: ProblemKind,
    /// Whether it can do no harm any more: it was put right as [`ProblemKind::repair`] says.
    pub repaired: bool,
}

/// How a problem is put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// The file is moved to the quarantine: what it held is computed again.
    Aside,
    /// The file is removed: nothing is lost by it.
    Removed,
    /// The file is made anew from the entries.
    MadeAnew,
    /// Nothing can be done about it from here.
    None,
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
    /// A record of what a person accepted that is refused.
    #[error("the record of what was accepted is refused: {0}")]
    Acceptance(EnvelopeError),
    /// A note about a blob that is refused.
    #[error("the note that the blob was checked is refused: {0}")]
    Note(EnvelopeError),
    /// A root whose entry is not stored.
    #[error("the root names an entry that is not stored")]
    DanglingRoot,
    /// The index is no sound database.
    #[error("the index is damaged: {0}")]
    Index(String),
    /// A link, or another thing that is no folder, where a folder of the store should be.
    #[error("it is no folder, and files of the store should be in it")]
    NoFolder,
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

impl ProblemKind {
    /// Tells how this is put right.
    pub const fn repair(&self) -> Repair {
        match self {
            Self::Stray | Self::Unreadable(_) | Self::NoFolder => Repair::None,
            Self::Note(_) => Repair::Removed,
            Self::Index(_) => Repair::MadeAnew,
            _ => Repair::Aside,
        }
    }
}

impl Store {
    /// Checks every entry, blob, root, note and list in full, and the index. With `repair`, what is bad is
    /// put right as [`ProblemKind::repair`] says, and what nothing needs is removed; strays and files of
    /// other users and versions are left alone.
    ///
    /// # Errors
    ///
    /// `Io` if a folder cannot be listed.
    pub fn verify(&self, repair: bool) -> Result<Verification, StoreError> {
        let store = &*self.0;
        let mut check = Check {
            store,
            repair,
            found: Verification::default(),
            named: HashSet::new(),
            opaque: false,
            sound: Vec::new(),
        };
        check.folders();
        let blobs = check.blobs()?;
        check.entries(&blobs)?;
        check.roots()?;
        check.trace_sets()?;
        check.acceptances()?;
        check.index()?;
        let named = (!check.opaque).then_some(&check.named);
        check.found.leftovers = store.leftovers(named, repair)?;
        // Not before, and not of a blob that nothing needs: one with a new note counts as young.
        let needed = check.sound.iter().filter(|(digest, _)| check.opaque || check.named.contains(digest));
        needed.for_each(|(digest, stat)| store.note_if_unchanged(digest, stat));
        Ok(check.found)
    }
}

struct Check<'s> {
    store: &'s Inner,
    repair: bool,
    found: Verification,
    /// The blobs that sound entries and those of other users name.
    named: HashSet<Digest>,
    /// Whether there is an entry that cannot be understood: it may name any blob.
    opaque: bool,
    /// Blobs that were checked, and what their files were like.
    sound: Vec<(Digest, Stat)>,
}

impl Check<'_> {
    fn problem(&mut self, path: &Path, kind: ProblemKind) {
        let repaired = self.repair
            && match kind.repair() {
                Repair::Aside => self.store.quarantine(path) != path,
                Repair::Removed => self.store.remove_if_there(path).is_ok(),
                Repair::MadeAnew => index::make_anew(self.store),
                Repair::None => false,
            };
        self.found.problems.push(Problem { path: path.to_owned(), kind, repaired });
    }

    /// A link in place of a folder leads out of the store: nothing is read or written through it.
    fn folders(&mut self) {
        let layout = &self.store.layout;
        for folder in [&layout.entries, &layout.blobs, &layout.traces] {
            for (shard, kind) in self.store.list(folder).unwrap_or_default() {
                if kind == FileKind::Other && digest_of_names(&shard, &"0".repeat(62)).is_some() {
                    self.problem(&folder.join(shard), ProblemKind::NoFolder);
                }
            }
        }
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
                None => match digest_of_check(&shard, &name) {
                    Some(digest) => self.note(&digest, &path),
                    None => self.problem(&path, ProblemKind::Stray),
                },
            }
        }
        Ok(sound)
    }

    fn note(&mut self, digest: &Digest, path: &Path) {
        let Ok(bytes) = self.store.system.read(path, limits::ENVELOPE_BYTES) else { return };
        match BlobCheck::open(&bytes, digest, &self.store.keys.seal) {
            Ok(_) => self.found.bytes += bytes.len() as u64,
            // One that we have sealed and cannot read has the shape of another release: it says nothing.
            Err(EnvelopeError::Corrupt(_)) => {}
            Err(why) if why.is_of_others() => {}
            Err(why) => self.problem(path, ProblemKind::Note(why)),
        }
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
        if !self.store.is_checked(digest, &stamp_of(&stat)) {
            self.sound.push((*digest, stat));
        }
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
            Err(error) => {
                self.opaque = true;
                return self.problem(path, ProblemKind::Unreadable(error.to_string()));
            }
        };
        self.found.bytes += bytes.len() as u64;
        match open(&bytes, key, &self.store.keys.seal) {
            Ok(entry) => {
                let missing = entry.blobs().find(|(digest, length)| blobs.get(digest) != Some(length));
                if let Some((digest, _)) = missing {
                    return self.problem(path, ProblemKind::BlobOfEntry(digest));
                }
                self.named.extend(entry.blobs().map(|(digest, _)| digest));
                let (origin, name) = (entry.facts.origin(), entry.facts.name.as_str());
                match self.store.keys.verdict(origin, &[name]) {
                    Verdict::Trusted => self.found.entries += 1,
                    verdict => self.problem(path, ProblemKind::NotTrusted(untrusted_words(origin, verdict))),
                }
            }
            Err(why) if why.is_of_others() => {
                self.found.foreign += 1;
                match why {
                    EnvelopeError::Foreign => {
                        self.named.extend(unverified_blobs(&bytes).unwrap_or_default());
                    }
                    _ => self.opaque = true,
                }
            }
            Err(why) => self.problem(path, ProblemKind::Entry(why)),
        }
    }

    fn acceptances(&mut self) -> Result<(), StoreError> {
        for (name, kind) in self.store.list(&self.store.layout.accepted)? {
            let path = self.store.layout.accepted.join(&name);
            if kind != FileKind::File || name.parse::<Digest>().is_err() {
                self.problem(&path, ProblemKind::Stray);
                continue;
            }
            match self.store.system.read(&path, limits::ENVELOPE_BYTES) {
                Ok(bytes) => match Acceptance::open(&bytes, &name, &self.store.keys.seal) {
                    Ok(_) => self.found.bytes += bytes.len() as u64,
                    Err(why) if why.is_of_others() => self.found.foreign += 1,
                    Err(why) => self.problem(&path, ProblemKind::Acceptance(why)),
                },
                Err(error) => self.problem(&path, ProblemKind::Unreadable(error.to_string())),
            }
        }
        Ok(())
    }

    /// After a repair, the index is told of what has gone.
    fn index(&mut self) -> Result<(), StoreError> {
        if let IndexHealth::Damaged(why) = index::health(self.store) {
            self.problem(&self.store.layout.index, ProblemKind::Index(why));
        }
        let any = self.found.problems.iter().any(|problem| problem.repaired);
        if any && self.store.keeps_index() {
            let files = self.store.entry_files()?;
            index::with(self.store, |index| self.store.reconcile(index, &files).map(drop))?;
        }
        Ok(())
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
            Err(why) if why.is_of_others() => self.found.foreign += 1,
            Err(why) => self.problem(path, ProblemKind::Root(why)),
        }
    }
}
