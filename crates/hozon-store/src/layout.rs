//! Which file is where. Names never come from users: each is the hex form of a digest.

use std::path::{Path, PathBuf};

use hozon_format::{Digest, Key, Root};

/// The folders of a store. The version is in the name, so that versions live side by side.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) folder: PathBuf,
    pub(crate) version: PathBuf,
    pub(crate) entries: PathBuf,
    pub(crate) blobs: PathBuf,
    pub(crate) leases: PathBuf,
    pub(crate) roots: PathBuf,
    pub(crate) traces: PathBuf,
    pub(crate) accepted: PathBuf,
    pub(crate) arrivals: PathBuf,
    pub(crate) outgoing: PathBuf,
    pub(crate) quarantine: PathBuf,
    pub(crate) temporary: PathBuf,
    pub(crate) index: PathBuf,
    pub(crate) collecting: PathBuf,
}

/// The end of the name of a note that a blob was checked.
const CHECK_SUFFIX: &str = ".ok";
/// How many hex digits of a digest name the subfolder.
const SHARD_DIGITS: usize = 2;

impl Layout {
    pub(crate) fn new(folder: &Path) -> Self {
        let version = folder.join("v1");
        Self {
            folder: folder.to_owned(),
            entries: version.join("entries"),
            blobs: version.join("blobs"),
            leases: version.join("leases"),
            roots: version.join("roots"),
            traces: version.join("traces"),
            accepted: version.join("accepted"),
            arrivals: version.join("arrivals"),
            outgoing: version.join("outgoing"),
            quarantine: version.join("quarantine"),
            temporary: version.join("tmp"),
            index: version.join("index.db"),
            collecting: version.join("gc.lock"),
            version,
        }
    }

    /// The folders that every store has, parents first.
    pub(crate) fn folders(&self) -> [&Path; 8] {
        let Self { entries, blobs, leases, roots, traces, arrivals, quarantine, temporary, .. } = self;
        [entries, blobs, leases, roots, traces, arrivals, quarantine, temporary]
    }

    pub(crate) fn entry(&self, key: &Key) -> PathBuf {
        sharded(&self.entries, key.digest())
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        sharded(&self.blobs, digest)
    }

    pub(crate) fn blob_check(&self, digest: &Digest) -> PathBuf {
        let mut path = self.blob(digest).into_os_string();
        path.push(CHECK_SUFFIX);
        path.into()
    }

    pub(crate) fn lease(&self, key: &Key) -> PathBuf {
        self.leases.join(key.to_string())
    }

    pub(crate) fn arrival(&self, key: &Key, known: Option<&Key>) -> PathBuf {
        self.arrivals.join(crate::arrivals::arrival_name(key, known))
    }

    pub(crate) fn outgoing(&self, key: &Key) -> PathBuf {
        self.outgoing.join(key.to_string())
    }

    pub(crate) fn trace_sets(&self, key: &Key) -> PathBuf {
        sharded(&self.traces, key.digest())
    }

    pub(crate) fn root(&self, name: &str) -> PathBuf {
        self.roots.join(Root::file_name(name))
    }
}

/// Returns the digest that a file in a subfolder stands for.
pub(crate) fn digest_of_names(shard: &str, name: &str) -> Option<Digest> {
    if shard.len() == SHARD_DIGITS { format!("{shard}{name}").parse().ok() } else { None }
}

/// Returns the digest of the blob that a note is about.
pub(crate) fn digest_of_check(shard: &str, name: &str) -> Option<Digest> {
    digest_of_names(shard, name.strip_suffix(CHECK_SUFFIX)?)
}

fn sharded(folder: &Path, digest: &Digest) -> PathBuf {
    let hex = digest.to_string();
    let (shard, rest) = hex.split_at(SHARD_DIGITS);
    folder.join(shard).join(rest)
}
