//! What nothing in a store needs any more: no damage, only room that is taken.

use std::collections::HashSet;

use hozon_format::Digest;
use hozon_sys::FileKind;

use crate::layout::{digest_of_check, digest_of_names};
use crate::store::Inner;
use crate::{Cleared, StoreError};

/// Files that nothing needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leftovers {
    /// Files that a writer which is no more had not finished.
    pub temporaries: u64,
    /// Blobs that no entry names, and that no put under way is about to.
    pub blobs: u64,
    /// Notes about blobs that are not stored.
    pub notes: u64,
    /// The bytes of all these.
    pub bytes: u64,
}

/// A note may be there before its blob can be seen: it is spared for this long.
const NOTE_GRACE_MS: u64 = 3600 * 1000;

impl Leftovers {
    /// Tells whether there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Inner {
    /// Finds what nothing needs, and removes it if asked to. `named`: the blobs that entries name; `None`: it
    /// cannot be told, so no blob is taken for unneeded.
    pub(crate) fn leftovers(
        &self,
        named: Option<&HashSet<Digest>>,
        remove: bool,
    ) -> Result<Leftovers, StoreError> {
        let mut found = Leftovers::default();
        self.unfinished(remove, &mut found)?;
        for (shard, name, path) in self.sharded_files(&self.layout.blobs)? {
            let Ok(stat) = self.system.stat(&path) else { continue };
            if stat.kind != FileKind::File {
                continue;
            }
            if let Some(digest) = digest_of_check(&shard, &name) {
                let dangles = self.system.stat(&self.layout.blob(&digest)).is_err();
                if dangles && self.is_older(&path, NOTE_GRACE_MS) {
                    found.notes += 1;
                    found.bytes += stat.size;
                    if remove {
                        self.remove_if_there(&path)?;
                    }
                }
            } else if let Some(digest) = digest_of_names(&shard, &name)
                && named.is_some_and(|named| !named.contains(&digest))
                && self.is_old_blob(&digest, &path)
            {
                found.blobs += 1;
                found.bytes += stat.size;
                if remove {
                    self.remove_blob(&digest, &path, &mut Cleared::default())?;
                }
            }
        }
        Ok(found)
    }

    fn unfinished(&self, remove: bool, found: &mut Leftovers) -> Result<(), StoreError> {
        for (name, kind) in self.list(&self.layout.temporary)? {
            let path = self.layout.temporary.join(&name);
            if kind != FileKind::File || !self.is_abandoned(&name, &path) {
                continue;
            }
            found.temporaries += 1;
            found.bytes += self.system.stat(&path).map_or(0, |stat| stat.size);
            if remove {
                self.remove_if_there(&path)?;
            }
        }
        Ok(())
    }
}
