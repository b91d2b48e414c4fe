//! Looking an entry up.

use std::io;
use std::path::PathBuf;

use hozon_format::{Entry, EnvelopeError, Key, Origin, limits, open};

use crate::{Store, Verdict};

/// What a look-up gave.
#[derive(Debug)]
pub enum Lookup {
    /// The entry, its seal checked.
    Hit(Box<Entry>),
    /// No entry that may be used, and why.
    Miss(Miss),
}

/// Why there is no entry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Miss {
    /// Nothing is stored under this key.
    #[error("nothing is stored")]
    Absent,
    /// Another user's key sealed it.
    #[error("another user stored it")]
    Foreign,
    /// Another version of hozon wrote it.
    #[error("another version of hozon stored it")]
    UnknownVersion,
    /// It was damaged or not what its name says, and has been moved to `path`, if that could be done.
    #[error("the stored entry was refused, {why}; it is now at {path}")]
    Quarantined {
        /// Where the bad file is.
        path: PathBuf,
        /// What was wrong.
        why: EnvelopeError,
    },
    /// The system cannot read it.
    #[error("{path}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It was taken from someone whom the user does not trust with it any more.
    #[error("{}", untrusted_words(*.signer, *.verdict))]
    NoLongerTrusted {
        /// Who signed it.
        signer: Origin,
        /// What the user's trust says of them.
        verdict: Verdict,
    },
    /// Its time is over.
    #[error("it has expired")]
    Expired {
        /// Since when, in Unix milliseconds.
        since_ms: u64,
    },
}

impl Store {
    /// Looks up an entry. Nothing that is wrong with a stored file is more than a miss.
    pub fn get(&self, key: &Key) -> Lookup {
        self.look(key, None)
    }

    /// The same for a computation that is called `asked`: what others signed is a hit only if they are
    /// trusted with computations of that name, too. The name that an entry has itself is its signer's choice.
    pub fn get_for(&self, key: &Key, asked: &str) -> Lookup {
        self.look(key, Some(asked))
    }

    fn look(&self, key: &Key, asked: Option<&str>) -> Lookup {
        match self.read_entry(key).and_then(|entry| self.trusted(entry, asked)) {
            Ok(entry) => match entry.facts.expires_ms {
                Some(since_ms) if since_ms <= self.0.system.now_ms() => {
                    Lookup::Miss(Miss::Expired { since_ms })
                }
                _ => Lookup::Hit(Box::new(entry)),
            },
            Err(miss) => Lookup::Miss(miss),
        }
    }

    /// Returns an entry, be it expired, for showing what it was made of.
    pub fn entry_for_explaining(&self, key: &Key) -> Option<Box<Entry>> {
        self.read_entry(key).and_then(|entry| self.trusted(entry, None)).ok().map(Box::new)
    }

    /// Refuses an entry whose signer is not trusted with it. What this user's key sealed needs no signer.
    fn trusted(&self, entry: Entry, asked: Option<&str>) -> Result<Entry, Miss> {
        let signer = entry.facts.origin();
        let name = entry.facts.name.as_str();
        match self.0.keys.verdict(signer, &[name, asked.unwrap_or(name)]) {
            Verdict::Trusted => Ok(entry),
            verdict => Err(Miss::NoLongerTrusted { signer, verdict }),
        }
    }

    /// Reads an entry that this user's key sealed, whoever signed it.
    pub(crate) fn read_entry(&self, key: &Key) -> Result<Entry, Miss> {
        let path = self.0.layout.entry(key);
        let bytes = match self.0.system.read(&path, limits::ENVELOPE_BYTES) {
            Ok(bytes) => bytes,
            Err(error) => return Err(self.unread(path, error)),
        };
        open(&bytes, key, &self.0.keys.seal).or_else(|why| self.refused(key, path, why))
    }

    fn unread(&self, path: PathBuf, error: io::Error) -> Miss {
        match error.kind() {
            io::ErrorKind::NotFound => Miss::Absent,
            io::ErrorKind::FileTooLarge => {
                Miss::Quarantined { path: self.0.quarantine(&path), why: EnvelopeError::BrokenSeal }
            }
            _ => Miss::Unreadable { path, error },
        }
    }

    fn refused(&self, key: &Key, path: PathBuf, why: EnvelopeError) -> Result<Entry, Miss> {
        match why {
            EnvelopeError::Foreign => return Err(Miss::Foreign),
            EnvelopeError::UnknownVersion { .. } => return Err(Miss::UnknownVersion),
            _ => {}
        }
        let aside = self.0.quarantine(&path);
        // A writer may have replaced the bad file before it was moved: then a good one was.
        let moved = self.0.system.read(&aside, limits::ENVELOPE_BYTES).ok();
        match moved.and_then(|bytes| open(&bytes, key, &self.0.keys.seal).ok()) {
            Some(entry) => {
                let _ = self.0.system.rename(&aside, &path);
                Ok(entry)
            }
            None => Err(Miss::Quarantined { path: aside, why }),
        }
    }
}

/// Why what this signer signed is not used, for people.
pub(crate) fn untrusted_words(signer: Origin, verdict: Verdict) -> String {
    let whose = match signer {
        Origin::Signed(key) => format!("the key {}", key.short()),
        _ => "a key that cannot be read".to_owned(),
    };
    match verdict {
        Verdict::Revoked => format!("it was signed by {whose}, which is revoked"),
        Verdict::OutOfScope => {
            format!("it was signed by {whose}, which is trusted with other computations only")
        }
        _ => format!("it was signed by {whose}, which is not trusted"),
    }
}
