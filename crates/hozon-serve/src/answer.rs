//! What is answered to a request that the guard has let in.

use std::sync::Arc;

use hozon_format::{Digest, Hasher};
use hozon_tier::{Kind, ObjectName, OpenBlob, Put, Tier, TierError, Version};
use hyper::body::{Body, Incoming};
use hyper::header::{
    ALLOW, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::body::{self, Sent};
use crate::guard::Admitted;
use crate::metrics::Metrics;
use crate::route::Route;
use crate::shelf::Shelf;

/// The most bytes of an object that is not a blob.
const SMALL_BYTES: u64 = hozon_format::limits::ENVELOPE_BYTES;
/// The most bytes of a blob.
const BLOB_BYTES: u64 = 1 << 40;
/// The most bytes of such objects that are in memory at once, over all connections, in KiB.
const MEMORY_KIB: u32 = 256 * 1024;
/// How many names a page of a listing has.
const PAGE: usize = 1000;

/// What answers are made from. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    shelf: Shelf,
    metrics: Arc<Metrics>,
    memory: Arc<Semaphore>,
}

type Answer = Result<Response<Sent>, StatusCode>;

impl Answers {
    pub(crate) fn new(shelf: Shelf, metrics: Arc<Metrics>) -> Self {
        Self { shelf, metrics, memory: Arc::new(Semaphore::new(MEMORY_KIB as usize)) }
    }

    /// Answers a request that was let in.
    pub(crate) async fn answer(&self, admitted: Admitted, head: &Parts, mut body: Incoming) -> Answer {
        let answer = self.routed(admitted, head, &mut body).await;
        if !body.is_end_stream() {
            body::drain(body, &self.metrics).await;
        }
        answer
    }

    async fn routed(&self, _: Admitted, head: &Parts, body: &mut Incoming) -> Answer {
        let route = Route::of(head.uri.path(), head.uri.query()).ok_or(StatusCode::NOT_FOUND)?;
        match (&head.method, route) {
            (&Method::GET, Route::Metrics) => Ok(self.metrics()),
            (&Method::GET, Route::Listing(kind, after)) => Ok(self.page(kind, after.as_ref())),
            (&Method::HEAD, Route::Object(name)) => self.head(name).await,
            (&Method::GET, Route::Object(name)) if name.kind() == Kind::Blobs => self.get_blob(name).await,
            (&Method::GET, Route::Object(name)) => self.get(name).await,
            (&Method::PUT, Route::Object(name)) if name.kind() == Kind::Blobs => {
                self.put_blob(name, body).await
            }
            (&Method::PUT, Route::Object(name)) => self.put(name, &head.headers, body).await,
            (&Method::DELETE, Route::Object(name)) => self.delete(name).await,
            (_, Route::Object(_)) => Ok(not_allowed("GET, HEAD, PUT, DELETE")),
            (_, Route::Listing(..) | Route::Metrics) => Ok(not_allowed("GET")),
        }
    }

    fn metrics(&self) -> Response<Sent> {
        let (objects, bytes) = self.shelf.sums();
        text(self.metrics.text(objects, bytes))
    }

    fn page(&self, kind: Kind, after: Option<&Digest>) -> Response<Sent> {
        let names = self.shelf.page(kind, after, PAGE);
        text(names.iter().map(|name| format!("{}\n", name.digest())).collect::<String>())
    }

    async fn head(&self, name: ObjectName) -> Answer {
        let shelf = self.shelf.clone();
        let stat = blocking(move || shelf.tier.stat(&name)).await?.ok_or(StatusCode::NOT_FOUND)?;
        self.shelf.touch(&name);
        let mut response = Response::new(body::whole(""));
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(stat.size));
        Ok(response)
    }

    async fn get(&self, name: ObjectName) -> Answer {
        let shelf = self.shelf.clone();
        let Some(stat) = blocking(move || shelf.tier.stat(&name)).await? else {
            return Err(self.miss(&name));
        };
        let memory = self.memory_for(stat.size).await?;
        let shelf = self.shelf.clone();
        let found = blocking(move || shelf.tier.get(&name, SMALL_BYTES)).await?;
        let Some(object) = found else { return Err(self.miss(&name)) };
        self.hit(&name);
        let length = object.bytes.len() as u64;
        self.metrics.sent_bytes.add(length);
        let mut response = Response::new(body::held(object.bytes, memory));
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        let tag = object.version.tag().and_then(|tag| HeaderValue::from_str(&format!("\"{tag}\"")).ok());
        response.headers_mut().extend(tag.map(|tag| (ETAG, tag)));
        Ok(response)
    }

    async fn get_blob(&self, name: ObjectName) -> Answer {
        let shelf = self.shelf.clone();
        let opened = blocking(move || shelf.tier.open_blob(name.digest())).await?;
        let Some(OpenBlob { file, length }) = opened else { return Err(self.miss(&name)) };
        self.hit(&name);
        let mut response = Response::new(body::file(file, length, Arc::clone(&self.metrics)));
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        Ok(response)
    }

    async fn put(&self, name: ObjectName, headers: &HeaderMap, body: &mut Incoming) -> Answer {
        let condition = condition(headers)?;
        let length = body::length(body)?;
        if length > SMALL_BYTES {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let _memory = self.memory_for(length).await?;
        let room = self.shelf.room(length).map_err(|error| status(&error))?;
        let mut bytes = Vec::new();
        while let Some(piece) = body::next(body, &self.metrics).await? {
            bytes.extend_from_slice(&piece);
        }
        let shelf = self.shelf.clone();
        let put = blocking(move || {
            let put = match &condition {
                None => shelf.tier.put_if_absent(&name, &bytes),
                Some(version) => shelf.tier.put_if_version(&name, &bytes, version),
            }?;
            drop(room);
            if put == Put::Stored {
                shelf.put(&name, length);
            }
            Ok(put)
        });
        match put.await? {
            Put::Stored => Ok(empty(StatusCode::CREATED)),
            Put::Taken => Err(StatusCode::PRECONDITION_FAILED),
        }
    }

    async fn put_blob(&self, name: ObjectName, body: &mut Incoming) -> Answer {
        let length = body::length(body)?;
        if length > BLOB_BYTES {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let shelf = self.shelf.clone();
        if blocking(move || shelf.tier.has_blob(name.digest(), length)).await? {
            self.shelf.touch(&name);
            return Ok(empty(StatusCode::NO_CONTENT));
        }
        let room = self.shelf.room(length).map_err(|error| status(&error))?;
        let shelf = self.shelf.clone();
        let mut blob = blocking(move || shelf.tier.start_blob(length)).await?;
        let mut hasher = Hasher::plain();
        while let Some(piece) = body::next(body, &self.metrics).await? {
            let written = blocking(move || {
                hasher.update(&piece);
                blob.write(&piece).map(|()| (blob, hasher))
            });
            (blob, hasher) = written.await?;
        }
        if hasher.finish() != *name.digest() {
            self.metrics.damaged.add(1);
            return Err(StatusCode::UNPROCESSABLE_ENTITY);
        }
        let shelf = self.shelf.clone();
        let finished = blocking(move || {
            blob.finish(name.digest())?;
            drop(room);
            shelf.put(&name, length);
            Ok(())
        });
        finished.await.map(|()| empty(StatusCode::CREATED))
    }

    async fn delete(&self, name: ObjectName) -> Answer {
        let shelf = self.shelf.clone();
        let deleted = blocking(move || shelf.tier.delete(&name).map(|()| shelf.forget(&name)));
        deleted.await.map(|()| empty(StatusCode::NO_CONTENT))
    }

    /// Waits until so many bytes may be in memory.
    async fn memory_for(&self, bytes: u64) -> Result<OwnedSemaphorePermit, StatusCode> {
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(u32::MAX).min(MEMORY_KIB);
        let permit = Arc::clone(&self.memory).acquire_many_owned(kib).await;
        permit.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
    }

    fn hit(&self, name: &ObjectName) {
        self.metrics.hits.add(1);
        self.shelf.touch(name);
    }

    fn miss(&self, name: &ObjectName) -> StatusCode {
        self.metrics.misses.add(1);
        // Somebody else may have removed the file.
        self.shelf.forget(name);
        StatusCode::NOT_FOUND
    }
}

/// What must hold for a put: `None`, that nothing is there. Every put of an object says one of the two.
fn condition(headers: &HeaderMap) -> Result<Option<Version>, StatusCode> {
    match (headers.get(IF_NONE_MATCH), headers.get(IF_MATCH)) {
        (Some(any), None) if any == "*" => Ok(None),
        (None, Some(tag)) => {
            let tag = tag.to_str().ok().and_then(|tag| tag.strip_prefix('"')?.strip_suffix('"'));
            tag.map(|tag| Some(Version::of_tag(tag))).ok_or(StatusCode::BAD_REQUEST)
        }
        (None, None) => Err(StatusCode::PRECONDITION_REQUIRED),
        _ => Err(StatusCode::BAD_REQUEST),
    }
}

/// Calls what waits for the disk where that holds nobody up.
async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, TierError> + Send + 'static,
) -> Result<T, StatusCode> {
    let called = spawn_blocking(call).await.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    called.map_err(|error| status(&error))
}

fn status(error: &TierError) -> StatusCode {
    match error {
        TierError::Full => StatusCode::INSUFFICIENT_STORAGE,
        TierError::Wrong(_) => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An answer that says nothing but its status.
pub(crate) fn empty(status: StatusCode) -> Response<Sent> {
    let mut response = Response::new(body::whole(""));
    *response.status_mut() = status;
    response
}

fn not_allowed(methods: &'static str) -> Response<Sent> {
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

fn text(text: String) -> Response<Sent> {
    let mut response = Response::new(body::whole(text));
    let plain = HeaderValue::from_static("text/plain; version=0.0.4");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}
