//! The names of objects. Each is the hex form of a digest: no user's text ever becomes a path.

use std::fmt;
use std::str::FromStr;

use hozon_format::{Digest, Key};

/// The folder that all names begin with: the version of the layout.
pub const PREFIX: &str = "v1";
const SHARD_DIGITS: usize = 2;

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A bundle of signed entries of one key.
    Entries,
    /// Under a key that was known before a run: the keys of entries with traces.
    Found,
    /// The bytes of a blob, named by their digest.
    Blobs,
    /// Who computes a key.
    Leases,
    /// Under the digest of a large blob: the pieces that it is kept in.
    Pieces,
}

/// The name of an object. Shown as its path: `v1/entries/ab/cdef…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectName {
    kind: Kind,
    digest: Digest,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Entries, Self::Found, Self::Blobs, Self::Leases, Self::Pieces];

    /// The name of its folder.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Found => "found",
            Self::Blobs => "blobs",
            Self::Leases => "leases",
            Self::Pieces => "pieces",
        }
    }

    /// The kind whose folder has this name.
    pub fn of_folder(folder: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.folder() == folder)
    }
}

impl ObjectName {
    /// The entries of a key.
    pub const fn entries(key: &Key) -> Self {
        Self { kind: Kind::Entries, digest: *key.digest() }
    }

    /// The list of keys that a key known before a run leads to.
    pub const fn found(key: &Key) -> Self {
        Self { kind: Kind::Found, digest: *key.digest() }
    }

    /// A blob.
    pub const fn blob(digest: &Digest) -> Self {
        Self { kind: Kind::Blobs, digest: *digest }
    }

    /// The lease of a key.
    pub const fn lease(key: &Key) -> Self {
        Self { kind: Kind::Leases, digest: *key.digest() }
    }

    /// The list of pieces of a blob.
    pub const fn pieces(digest: &Digest) -> Self {
        Self { kind: Kind::Pieces, digest: *digest }
    }

    /// What is named.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The digest in the name.
    pub const fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The name whose parts below the version are these.
    pub fn of_parts(kind: Kind, shard: &str, rest: &str) -> Option<Self> {
        let whole = shard.len() == SHARD_DIGITS;
        let digest = whole.then(|| format!("{shard}{rest}").parse().ok()).flatten()?;
        Some(Self { kind, digest })
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = self.digest.to_string();
        let (shard, rest) = hex.split_at(SHARD_DIGITS);
        write!(f, "{PREFIX}/{}/{shard}/{rest}", self.kind.folder())
    }
}

/// A text that is not the name of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an object")]
pub struct NotAName;

impl FromStr for ObjectName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let mut parts = text.split('/');
        let mut next = || parts.next().ok_or(NotAName);
        let (version, kind, shard, rest) = (next()?, next()?, next()?, next()?);
        let kind = Kind::of_folder(kind).filter(|_| version == PREFIX && next().is_err()).ok_or(NotAName)?;
        Self::of_parts(kind, shard, rest).ok_or(NotAName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_as_it_is_written_and_nothing_else_does() {
        let digest = Digest::of(b"hozon");
        for kind in Kind::ALL {
            let name = ObjectName { kind, digest };
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        let good = ObjectName::blob(&digest).to_string();
        let wrong = [
            good.replace("v1", "v2"),
            good.replace("blobs", ".."),
            good.replace("blobs", "roots"),
            good.to_uppercase(),
            format!("{good}/"),
            format!("/{good}"),
            format!("{good}/../x"),
            good.replacen('/', "//", 1),
            good[..good.len() - 1].to_owned(),
            format!("{good}0"),
            good.replace('/', "\\"),
            format!("v1/blobs/{}", "a".repeat(64)),
            format!("v1/blobs/abc/{}", "a".repeat(61)),
            format!("v1/blobs/../{}", "a".repeat(62)),
            String::new(),
        ];
        for text in wrong {
            assert_eq!(text.parse::<ObjectName>(), Err(NotAName), "{text}");
        }
    }
}
