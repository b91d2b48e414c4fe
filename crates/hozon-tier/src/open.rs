//! A tier by its address, with what stands around every tier.

use std::io::{Read, Write};
use std::sync::{Arc, mpsc};

use hozon_format::Digest;
use hozon_sys::System;

use crate::bucket::{BucketTier, Provider};
use crate::http::HttpTier;
use crate::{
    Access, Address, AddressError, Breaker, Deadlines, FolderTier, InPieces, Kind, Object, ObjectName, Put,
    ReadOnly, Settings, Tier, TierError, Version,
};

/// Is told, once in a process, that a tier is left alone, in words for people.
pub type Notify = Arc<dyn Fn(&str) + Send + Sync>;

/// Opens a tier. Nothing is asked of it yet.
///
/// # Errors
/// `Plain` for HTTP without TLS to another machine, if the settings do not allow it.
pub fn open(
    address: &Address,
    settings: &Settings,
    system: Arc<dyn System>,
    notify: Notify,
) -> Result<Arc<dyn Tier>, AddressError> {
    if address.is_in_clear() && !settings.plain_http {
        return Err(AddressError::Plain);
    }
    let name = address.to_string();
    let bucket = |provider, bucket: &_| BucketTier::new(provider, Clone::clone(bucket), settings);
    Ok(match address {
        Address::S3(named) => around(bucket(Provider::S3, named), settings, system, name, notify),
        Address::Google(named) => around(bucket(Provider::Google, named), settings, system, name, notify),
        Address::Azure(named) => around(bucket(Provider::Azure, named), settings, system, name, notify),
        Address::Http(base) => around(HttpTier::new(base.clone(), settings), settings, system, name, notify),
        Address::Folder(path) => {
            let folder = FolderTier::new(Arc::clone(&system), path, Access::Shared);
            around(Hanging { folder, deadlines: settings.deadlines }, settings, system, name, notify)
        }
    })
}

fn around(
    tier: impl Tier + 'static,
    settings: &Settings,
    system: Arc<dyn System>,
    name: String,
    notify: Notify,
) -> Arc<dyn Tier> {
    let guarded = InPieces(Breaker::new(tier, system, name, notify));
    if settings.read_only { Arc::new(ReadOnly(guarded)) } else { Arc::new(guarded) }
}

/// A folder whose mount may hang. Whatever is asked first of a tier is a small object, so a deadline for
/// those is enough for the breaker to keep the rest away.
#[derive(Debug)]
struct Hanging {
    folder: FolderTier,
    deadlines: Deadlines,
}

impl Hanging {
    fn in_time<R: Send + 'static>(
        &self,
        call: impl FnOnce(&FolderTier) -> Result<R, TierError> + Send + 'static,
    ) -> Result<R, TierError> {
        const HANGS: TierError = TierError::Unreachable("its folder does not answer in time");
        let (sender, receiver) = mpsc::sync_channel(1);
        let folder = self.folder.clone();
        let thread = std::thread::Builder::new().name("hozon folder".to_owned());
        // A thread that hangs stays behind until the mount answers.
        let started = thread.spawn(move || drop(sender.send(call(&folder))));
        started.map_err(|_| HANGS)?;
        receiver.recv_timeout(self.deadlines.connect + self.deadlines.small).unwrap_or(Err(HANGS))
    }
}

impl Tier for Hanging {
    fn get(&self, name: &ObjectName, cap: u64) -> Result<Option<Object>, TierError> {
        let name = *name;
        self.in_time(move |folder| folder.get(&name, cap))
    }

    fn get_blob(&self, digest: &Digest, length: u64, sink: &mut dyn Write) -> Result<bool, TierError> {
        self.folder.get_blob(digest, length, sink)
    }

    fn put_if_absent(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, TierError> {
        let (name, bytes) = (*name, bytes.to_vec());
        self.in_time(move |folder| folder.put_if_absent(&name, &bytes))
    }

    fn put_if_version(&self, name: &ObjectName, bytes: &[u8], version: &Version) -> Result<Put, TierError> {
        let (name, bytes, version) = (*name, bytes.to_vec(), version.clone());
        self.in_time(move |folder| folder.put_if_version(&name, &bytes, &version))
    }

    fn put_blob(&self, digest: &Digest, length: u64, reader: &mut dyn Read) -> Result<(), TierError> {
        self.folder.put_blob(digest, length, reader)
    }

    fn has_blob(&self, digest: &Digest, length: u64) -> Result<bool, TierError> {
        let digest = *digest;
        self.in_time(move |folder| folder.has_blob(&digest, length))
    }

    fn list(&self, kind: Kind) -> Result<Vec<ObjectName>, TierError> {
        self.folder.list(kind)
    }

    fn delete(&self, name: &ObjectName) -> Result<(), TierError> {
        let name = *name;
        self.in_time(move |folder| folder.delete(&name))
    }
}
