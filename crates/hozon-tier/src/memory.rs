//! A tier in the process, for tests.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hozon_format::Digest;

use crate::stream::Checked;
use crate::tier::small;
use crate::{Kind, Object, ObjectName, Put, Tier, TierError, Version};

/// A tier in the process. Clones share what it keeps.
#[derive(Debug, Clone, Default)]
pub struct MemoryTier(Arc<Mutex<BTreeMap<ObjectName, Vec<u8>>>>);

impl MemoryTier {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts any bytes under a name, as a hostile remote would.
    pub fn plant(&self, name: ObjectName, bytes: Vec<u8>) {
        self.objects().insert(name, bytes);
    }

    /// How many bytes are kept under a name.
    pub fn length(&self, name: &ObjectName) -> Option<u64> {
        self.objects().get(name).map(|bytes| bytes.len() as u64)
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<ObjectName, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put_if(&self, name: &ObjectName, bytes: &[u8], there: Option<&Version>) -> Result<Put, TierError> {
        small(name)?;
        let mut objects = self.objects();
        if objects.get(name).map(|bytes| version_of(bytes)).as_ref() != there {
            return Ok(Put::Taken);
        }
        objects.insert(*name, bytes.to_vec());
        Ok(Put::Stored)
    }
}

impl Tier for MemoryTier {
    fn get(&self, name: &ObjectName, cap: u64) -> Result<Option<Object>, TierError> {
        small(name)?;
        match self.objects().get(name) {
            Some(bytes) if bytes.len() as u64 > cap => Err(TierError::Wrong("an object is too long")),
            found => Ok(found.map(|bytes| Object { bytes: bytes.clone(), version: version_of(bytes) })),
        }
    }

    fn get_blob(&self, digest: &Digest, length: u64, sink: &mut dyn Write) -> Result<bool, TierError> {
        let Some(bytes) = self.objects().get(&ObjectName::blob(digest)).cloned() else { return Ok(false) };
        let mut checked = Checked::new(sink, length);
        checked.take(&bytes)?;
        checked.finish(digest).map(|()| true)
    }

    fn put_if_absent(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, TierError> {
        self.put_if(name, bytes, None)
    }

    fn put_if_version(&self, name: &ObjectName, bytes: &[u8], version: &Version) -> Result<Put, TierError> {
        self.put_if(name, bytes, Some(version))
    }

    fn put_blob(&self, digest: &Digest, length: u64, reader: &mut dyn Read) -> Result<(), TierError> {
        let mut bytes = Vec::new();
        reader.take(length).read_to_end(&mut bytes).map_err(TierError::Local)?;
        if (bytes.len() as u64) < length {
            return Err(TierError::Local(std::io::ErrorKind::UnexpectedEof.into()));
        }
        let mut nowhere = std::io::sink();
        let mut checked = Checked::new(&mut nowhere, length);
        checked.take(&bytes)?;
        checked.finish(digest)?;
        self.objects().entry(ObjectName::blob(digest)).or_insert(bytes);
        Ok(())
    }

    fn has_blob(&self, digest: &Digest, length: u64) -> Result<bool, TierError> {
        let name = ObjectName::blob(digest);
        Ok(self.objects().get(&name).is_some_and(|bytes| bytes.len() as u64 == length))
    }

    fn list(&self, kind: Kind) -> Result<Vec<ObjectName>, TierError> {
        Ok(self.objects().keys().filter(|name| name.kind() == kind).copied().collect())
    }

    fn delete(&self, name: &ObjectName) -> Result<(), TierError> {
        self.objects().remove(name);
        Ok(())
    }
}

/// The version of an object whose bytes are these.
pub(crate) fn version_of(bytes: &[u8]) -> Version {
    Version::of_tag(Digest::of(bytes).to_string())
}
