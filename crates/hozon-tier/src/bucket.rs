//! Buckets: S3 and its relatives, Google's, Azure's.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use hozon_format::Digest;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::{HttpClient, HttpConnector};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, GetResult, MultipartUpload, ObjectStore, ObjectStoreExt,
    PutMode, PutOptions, RetryConfig, UpdateVersion,
};
use tokio::sync::mpsc;

use crate::address::Bucket;
use crate::http::{client, receive, send};
use crate::moving::{Moved, while_moving, within};
use crate::runtime::{self, PerProcess};
use crate::tier::small;
use crate::{Deadlines, Kind, Object, ObjectName, PREFIX, Put, Settings, Tier, TierError, Version};

/// A blob longer than this goes in parts of this size; what one is sent as is in memory.
const PART_BYTES: u64 = 8 << 20;

/// Whose bucket it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Provider {
    S3,
    Google,
    Azure,
}

/// A bucket as a tier.
#[derive(Debug)]
pub(crate) struct BucketTier {
    provider: Provider,
    bucket: Bucket,
    settings: Settings,
    stores: PerProcess<Arc<dyn ObjectStore>>,
}

impl BucketTier {
    pub(crate) fn new(provider: Provider, bucket: Bucket, settings: &Settings) -> Self {
        Self { provider, bucket, settings: settings.clone(), stores: PerProcess::default() }
    }

    fn store(&self) -> Result<Arc<dyn ObjectStore>, TierError> {
        let make = || store(self.provider, &self.bucket, &self.settings);
        runtime::of_process(&self.stores, make)
            .map_err(|_| TierError::Refused("its configuration is not complete"))
    }

    fn path(&self, name: &ObjectName) -> Result<Path, TierError> {
        self.below(&name.to_string())
    }

    fn below(&self, name: &str) -> Result<Path, TierError> {
        let path = Path::parse(format!("{}/{name}", self.bucket.prefix));
        path.map_err(|_| TierError::Refused("its prefix cannot be used"))
    }

    fn deadlines(&self) -> Deadlines {
        self.settings.deadlines
    }

    /// How long a request with its answer may take.
    fn time(&self) -> Duration {
        self.settings.deadlines.connect + self.settings.deadlines.small
    }

    fn put(&self, name: &ObjectName, bytes: &[u8], mode: PutMode) -> Result<Put, TierError> {
        small(name)?;
        let (store, path) = (self.store()?, self.path(name)?);
        let windows = u32::try_from(bytes.len() as u64 / self.deadlines().least_bytes.max(1));
        let longer = self.deadlines().stall.saturating_mul(windows.unwrap_or(u32::MAX));
        let (time, bytes) = (self.time().saturating_add(longer), Bytes::copy_from_slice(bytes));
        runtime::run(within(time, async move {
            match store.put_opts(&path, bytes.into(), PutOptions::from(mode)).await {
                Ok(_) => Ok(Put::Stored),
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotFound { .. }) => {
                    Ok(Put::Taken)
                }
                Err(error) => Err(failure(&error)),
            }
        }))
    }
}

impl Tier for BucketTier {
    fn get(&self, name: &ObjectName, cap: u64) -> Result<Option<Object>, TierError> {
        small(name)?;
        let (store, path, deadlines) = (self.store()?, self.path(name)?, self.deadlines());
        let time = self.time();
        runtime::run(async move {
            let Some(found) = within(time, start(&*store, &path)).await? else { return Ok(None) };
            let version = Version { tag: found.meta.e_tag.clone(), generation: found.meta.version.clone() };
            let bytes = whole(found, cap, &deadlines).await?;
            Ok(Some(Object { bytes, version }))
        })
    }

    fn get_blob(&self, digest: &Digest, length: u64, sink: &mut dyn Write) -> Result<bool, TierError> {
        let (store, path, time) = (self.store()?, self.path(&ObjectName::blob(digest))?, self.time());
        receive(digest, length, sink, self.deadlines(), move |downward| async move {
            let Some(found) = within(time, start(&*store, &path)).await? else { return Ok(false) };
            if found.meta.size != length {
                return Err(TierError::Wrong("a blob has another length than its entry says"));
            }
            let mut pieces = found.into_stream();
            while let Some(piece) = pieces.next().await {
                downward.give(piece.map_err(|error| failure(&error))?).await?;
            }
            Ok(true)
        })
    }

    fn put_if_absent(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, TierError> {
        self.put(name, bytes, PutMode::Create)
    }

    fn put_if_version(&self, name: &ObjectName, bytes: &[u8], version: &Version) -> Result<Put, TierError> {
        let (e_tag, version) = (version.tag.clone(), version.generation.clone());
        self.put(name, bytes, PutMode::Update(UpdateVersion { e_tag, version }))
    }

    fn put_blob(&self, digest: &Digest, length: u64, reader: &mut dyn Read) -> Result<(), TierError> {
        if self.has_blob(digest, length)? {
            return Ok(());
        }
        let (store, path) = (self.store()?, self.path(&ObjectName::blob(digest))?);
        send(length, reader, self.deadlines(), move |pieces, moved| async move {
            if length <= PART_BYTES {
                let bytes = part(&mut Coming::new(pieces, moved)).await;
                store.put(&path, bytes.into()).await.map_err(|error| failure(&error)).map(drop)
            } else {
                let upload = store.put_multipart(&path).await.map_err(|error| failure(&error))?;
                in_parts(upload, Coming::new(pieces, moved), length).await
            }
        })
    }

    fn has_blob(&self, digest: &Digest, length: u64) -> Result<bool, TierError> {
        let (store, path) = (self.store()?, self.path(&ObjectName::blob(digest))?);
        runtime::run(within(self.time(), async move {
            match store.head(&path).await {
                Ok(meta) => Ok(meta.size == length),
                Err(Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(failure(&error)),
            }
        }))
    }

    fn list(&self, kind: Kind) -> Result<Vec<ObjectName>, TierError> {
        let store = self.store()?;
        let folder = self.below(&format!("{PREFIX}/{}", kind.folder()))?;
        let (deadlines, prefix) = (self.deadlines(), self.bucket.prefix.clone());
        let moved = Moved::default();
        runtime::run(async move {
            let listing = list(&*store, &folder, &prefix, &moved, deadlines.least_bytes);
            while_moving(&deadlines, deadlines.connect + deadlines.small, &moved, listing).await
        })
    }

    fn delete(&self, name: &ObjectName) -> Result<(), TierError> {
        let (store, path) = (self.store()?, self.path(name)?);
        runtime::run(within(self.time(), async move {
            match store.delete(&path).await {
                Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(failure(&error)),
            }
        }))
    }
}

async fn start(store: &dyn ObjectStore, path: &Path) -> Result<Option<GetResult>, TierError> {
    match store.get_opts(path, GetOptions::default()).await {
        Ok(found) => Ok(Some(found)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(failure(&error)),
    }
}

async fn whole(found: GetResult, cap: u64, deadlines: &Deadlines) -> Result<Vec<u8>, TierError> {
    const TOO_LONG: TierError = TierError::Wrong("an object is too long");
    if found.meta.size > cap {
        return Err(TOO_LONG);
    }
    let (moved, mut pieces) = (Moved::default(), found.into_stream());
    let reading = async {
        let mut bytes = Vec::new();
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| failure(&error))?;
            if (bytes.len() + piece.len()) as u64 > cap {
                return Err(TOO_LONG);
            }
            moved.fetch_add(piece.len() as u64, std::sync::atomic::Ordering::Relaxed);
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    };
    while_moving(deadlines, deadlines.small, &moved, reading).await
}

async fn list(
    store: &dyn ObjectStore,
    folder: &Path,
    prefix: &str,
    moved: &Moved,
    step: u64,
) -> Result<Vec<ObjectName>, TierError> {
    let mut names = Vec::new();
    let mut listed = store.list(Some(folder));
    while let Some(meta) = listed.next().await {
        let meta = meta.map_err(|error| failure(&error))?;
        let below = meta.location.as_ref().strip_prefix(prefix).unwrap_or_default();
        names.extend(below.trim_start_matches('/').parse::<ObjectName>());
        moved.fetch_add(step, std::sync::atomic::Ordering::Relaxed);
    }
    names.sort_unstable();
    Ok(names)
}

/// The pieces of a blob on their way up.
struct Coming {
    pieces: mpsc::Receiver<Bytes>,
    moved: Moved,
}

impl Coming {
    fn new(pieces: mpsc::Receiver<Bytes>, moved: Moved) -> Self {
        Self { pieces, moved }
    }
}

/// Collects the next part; shorter than others only at the end.
async fn part(coming: &mut Coming) -> Bytes {
    let mut part = Vec::new();
    while (part.len() as u64) < PART_BYTES
        && let Some(piece) = coming.pieces.recv().await
    {
        coming.moved.fetch_add(piece.len() as u64, std::sync::atomic::Ordering::Relaxed);
        part.extend_from_slice(&piece);
    }
    part.into()
}

/// Sends a blob in parts. What was begun and not ended is taken back.
async fn in_parts(
    mut upload: Box<dyn MultipartUpload>,
    mut coming: Coming,
    length: u64,
) -> Result<(), TierError> {
    let sent = async {
        let mut left = length;
        while left > 0 {
            let part = part(&mut coming).await;
            left = left.saturating_sub(part.len() as u64);
            if part.is_empty() {
                return Err(TierError::Local(std::io::ErrorKind::UnexpectedEof.into()));
            }
            upload.put_part(part.into()).await.map_err(|error| failure(&error))?;
        }
        upload.complete().await.map_err(|error| failure(&error)).map(drop)
    };
    let ended = sent.await;
    if ended.is_err() {
        // The bucket's own rules end what cannot be taken back now.
        let _ = upload.abort().await;
    }
    ended
}

/// What an error of the crate means. Its text has words of the remote and addresses: none of it is kept.
fn failure(error: &Error) -> TierError {
    match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            TierError::Refused("it asks for other credentials")
        }
        Error::NotImplemented { .. } | Error::NotSupported { .. } => {
            TierError::Refused("it does not take the request")
        }
        Error::NotFound { .. } => TierError::Refused("there is no such bucket"),
        _ => TierError::Unreachable("it does not answer as it should"),
    }
}

/// Makes the HTTP side of the crate the same as of every other tier.
#[derive(Debug)]
struct Connector(Settings);

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = client(&self.0);
        client.map(HttpClient::new).map_err(|error| Error::Generic { store: "tier", source: Box::new(error) })
    }
}

fn store(
    provider: Provider,
    bucket: &Bucket,
    settings: &Settings,
) -> object_store::Result<Arc<dyn ObjectStore>> {
    let connector = Connector(settings.clone());
    let retry = RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: 2,
        retry_timeout: settings.deadlines.small,
    };
    Ok(match provider {
        Provider::S3 => {
            let start = AmazonS3Builder::new().with_conditional_put(S3ConditionalPut::ETagMatch);
            let configured = configured(settings, "AWS_", start, |builder, key, value| {
                key.parse::<AmazonS3ConfigKey>().map(|key| builder.clone().with_config(key, value)).ok()
            });
            let named = configured.with_bucket_name(&bucket.name);
            Arc::new(named.with_http_connector(connector).with_retry(retry).build()?)
        }
        Provider::Google => {
            let start = GoogleCloudStorageBuilder::new();
            let configured = configured(settings, "GOOGLE_", start, |builder, key, value| {
                key.parse::<GoogleConfigKey>().map(|key| builder.clone().with_config(key, value)).ok()
            });
            let named = configured.with_bucket_name(&bucket.name);
            Arc::new(named.with_http_connector(connector).with_retry(retry).build()?)
        }
        Provider::Azure => {
            let start = MicrosoftAzureBuilder::new();
            let configured = configured(settings, "AZURE_", start, |builder, key, value| {
                key.parse::<AzureConfigKey>().map(|key| builder.clone().with_config(key, value)).ok()
            });
            let named = configured.with_container_name(&bucket.name);
            Arc::new(named.with_http_connector(connector).with_retry(retry).build()?)
        }
    })
}

/// Gives a builder what the variables of its provider say; those that it does not know are passed over.
fn configured<B>(
    settings: &Settings,
    prefix: &str,
    start: B,
    with: impl Fn(&B, &str, &str) -> Option<B>,
) -> B {
    let variables = settings.variables.iter().filter(|(name, _)| name.starts_with(prefix));
    variables.fold(start, |builder, (name, value)| {
        with(&builder, &name.to_ascii_lowercase(), value.reveal()).unwrap_or(builder)
    })
}
