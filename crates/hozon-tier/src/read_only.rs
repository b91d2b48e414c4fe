//! A tier that is only read from.

use std::io::{Read, Write};

use hozon_format::Digest;

use crate::{Kind, Object, ObjectName, Put, Tier, TierError, Version};

/// Lets reads through and nothing else.
#[derive(Debug)]
pub struct ReadOnly<T>(pub T);

impl<T: Tier> Tier for ReadOnly<T> {
    fn get(&self, name: &ObjectName, cap: u64) -> Result<Option<Object>, TierError> {
        self.0.get(name, cap)
    }

    fn get_blob(&self, digest: &Digest, length: u64, sink: &mut dyn Write) -> Result<bool, TierError> {
        self.0.get_blob(digest, length, sink)
    }

    fn put_if_absent(&self, _name: &ObjectName, _bytes: &[u8]) -> Result<Put, TierError> {
        Err(TierError::ReadOnly)
    }

    fn put_if_version(&self, _: &ObjectName, _: &[u8], _: &Version) -> Result<Put, TierError> {
        Err(TierError::ReadOnly)
    }

    fn put_blob(&self, _: &Digest, _: u64, _: &mut dyn Read) -> Result<(), TierError> {
        Err(TierError::ReadOnly)
    }

    fn has_blob(&self, digest: &Digest, length: u64) -> Result<bool, TierError> {
        self.0.has_blob(digest, length)
    }

    fn list(&self, kind: Kind) -> Result<Vec<ObjectName>, TierError> {
        self.0.list(kind)
    }

    fn delete(&self, _name: &ObjectName) -> Result<(), TierError> {
        Err(TierError::ReadOnly)
    }
}
