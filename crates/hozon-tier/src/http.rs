//! What `hozon serve` speaks, from the side that asks. `docs/format.md` has the protocol.

use std::future::Future;
use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use hozon_format::Digest;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Request, Response, StatusCode, Url};
use tokio::sync::mpsc;

use crate::moving::{Downward, Moved, PIECES, while_moving, within};
use crate::runtime::{self, PerProcess};
use crate::stream::{Checked, fill};
use crate::tier::small;
use crate::{Deadlines, Kind, Object, ObjectName, PREFIX, Put, Secret, Settings, Tier, TierError, Version};

/// How many bytes of a blob are sent at once.
const PIECE_BYTES: usize = 256 * 1024;
/// The most bytes of one page of a listing, and the most pages.
const PAGE_BYTES: u64 = 1 << 20;
const PAGES: usize = 10_000;
/// The most characters of an entity tag.
const TAG_BYTES: usize = 200;

/// A server that speaks hozon's protocol.
#[derive(Debug)]
pub(crate) struct HttpTier {
    base: Url,
    token: Option<Secret>,
    settings: Settings,
    clients: PerProcess<Client>,
}

/// What one request needs, apart from its method and address.
struct Asking {
    client: Client,
    deadlines: Deadlines,
    request: Request,
}

impl HttpTier {
    pub(crate) fn new(base: Url, settings: &Settings) -> Self {
        let token = settings.token.clone();
        Self { base, token, settings: settings.clone(), clients: PerProcess::default() }
    }

    fn url(&self, below: &str) -> Result<Url, TierError> {
        self.base.join(below).map_err(|_| TierError::Refused("its address cannot be asked"))
    }

    fn asking(&self, method: Method, below: &str) -> Result<Asking, TierError> {
        let client = runtime::of_process(&self.clients, || client(&self.settings))?;
        let mut request = Request::new(method, self.url(below)?);
        if let Some(token) = &self.token {
            request.headers_mut().insert(header::AUTHORIZATION, bearer(token)?);
        }
        Ok(Asking { client, deadlines: self.settings.deadlines, request })
    }

    fn put(&self, name: &ObjectName, bytes: &[u8], condition: Condition<'_>) -> Result<Put, TierError> {
        small(name)?;
        let mut asking = self.asking(Method::PUT, &name.to_string())?;
        let (named, value) = condition.header()?;
        asking.request.headers_mut().insert(named, value);
        let body = Bytes::copy_from_slice(bytes);
        let sent = body.len() as u64;
        *asking.request.body_mut() = Some(body.into());
        runtime::run(async move {
            match asking.answer_to(sent).await?.status() {
                StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(Put::Stored),
                StatusCode::PRECONDITION_FAILED => Ok(Put::Taken),
                other => Err(failure(other)),
            }
        })
    }
}

/// What must hold for a put.
enum Condition<'a> {
    Absent,
    Version(&'a Version),
}

impl Condition<'_> {
    fn header(&self) -> Result<(header::HeaderName, HeaderValue), TierError> {
        match self {
            Self::Absent => Ok((header::IF_NONE_MATCH, HeaderValue::from_static("*"))),
            Self::Version(version) => {
                let tag = version.tag.as_deref().and_then(|tag| HeaderValue::from_str(tag).ok());
                tag.map(|tag| (header::IF_MATCH, tag)).ok_or(TierError::Wrong("it names no version"))
            }
        }
    }
}

impl Asking {
    /// Sends the request, and waits for the head of its answer.
    async fn answer(self) -> Result<Response, TierError> {
        let time = self.deadlines.connect + self.deadlines.small;
        within(time, async { self.client.execute(self.request).await.map_err(broken) }).await
    }

    /// The same for a request with a body of some length: a long one may take longer.
    async fn answer_to(self, length: u64) -> Result<Response, TierError> {
        let Deadlines { connect, small, stall, least_bytes } = self.deadlines;
        let windows = u32::try_from(length / least_bytes.max(1)).unwrap_or(u32::MAX);
        let time = (connect + small).saturating_add(stall.saturating_mul(windows));
        within(time, async { self.client.execute(self.request).await.map_err(broken) }).await
    }
}

impl Tier for HttpTier {
    fn get(&self, name: &ObjectName, cap: u64) -> Result<Option<Object>, TierError> {
        small(name)?;
        let asking = self.asking(Method::GET, &name.to_string())?;
        runtime::run(async move {
            let deadlines = asking.deadlines;
            let Some(response) = present(asking.answer().await?)? else { return Ok(None) };
            let version = version_of(response.headers());
            let bytes = body(response, cap, &deadlines).await?;
            Ok(Some(Object { bytes, version }))
        })
    }

    fn get_blob(&self, digest: &Digest, length: u64, sink: &mut dyn Write) -> Result<bool, TierError> {
        let asking = self.asking(Method::GET, &ObjectName::blob(digest).to_string())?;
        receive(digest, length, sink, asking.deadlines, move |downward| async move {
            let Some(response) = present(asking.answer().await?)? else { return Ok(false) };
            if response.content_length().is_some_and(|announced| announced != length) {
                return Err(TierError::Wrong("a blob has another length than its entry says"));
            }
            let mut pieces = response.bytes_stream();
            while let Some(piece) = pieces.next().await {
                downward.give(piece.map_err(broken)?).await?;
            }
            Ok(true)
        })
    }

    fn put_if_absent(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, TierError> {
        self.put(name, bytes, Condition::Absent)
    }

    fn put_if_version(&self, name: &ObjectName, bytes: &[u8], version: &Version) -> Result<Put, TierError> {
        self.put(name, bytes, Condition::Version(version))
    }

    fn put_blob(&self, digest: &Digest, length: u64, reader: &mut dyn Read) -> Result<(), TierError> {
        if self.has_blob(digest, length)? {
            return Ok(());
        }
        let mut asking = self.asking(Method::PUT, &ObjectName::blob(digest).to_string())?;
        asking.request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        send(length, reader, asking.deadlines, move |pieces, moved| async move {
            asking.request.body_mut().replace(upward(pieces, moved));
            match asking.client.execute(asking.request).await.map_err(broken)?.status() {
                StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(()),
                other => Err(failure(other)),
            }
        })
    }

    fn has_blob(&self, digest: &Digest, length: u64) -> Result<bool, TierError> {
        let asking = self.asking(Method::HEAD, &ObjectName::blob(digest).to_string())?;
        runtime::run(async move {
            let response = present(asking.answer().await?)?;
            Ok(response.is_some_and(|response| length_said(response.headers()) == Some(length)))
        })
    }

    fn list(&self, kind: Kind) -> Result<Vec<ObjectName>, TierError> {
        let mut names: Vec<ObjectName> = Vec::new();
        for _ in 0..PAGES {
            let after = names.last().map(|name| format!("?after={}", name.digest())).unwrap_or_default();
            let asking = self.asking(Method::GET, &format!("{PREFIX}/{}{after}", kind.folder()))?;
            let page = runtime::run(async move {
                let deadlines = asking.deadlines;
                let Some(response) = present(asking.answer().await?)? else { return Ok(Vec::new()) };
                body(response, PAGE_BYTES, &deadlines).await
            })?;
            let page = names_of(&page, kind, names.last())?;
            if page.is_empty() {
                return Ok(names);
            }
            names.extend(page);
        }
        Err(TierError::Wrong("its listing has no end"))
    }

    fn delete(&self, name: &ObjectName) -> Result<(), TierError> {
        let asking = self.asking(Method::DELETE, &name.to_string())?;
        runtime::run(async move { present(asking.answer().await?).map(drop) })
    }
}

/// Has a blob come from the network, by a future that gives its pieces, and passes them on to `sink`.
pub(crate) fn receive<F: Future<Output = Result<bool, TierError>> + Send + 'static>(
    digest: &Digest,
    length: u64,
    sink: &mut dyn Write,
    deadlines: Deadlines,
    transfer: impl FnOnce(Downward) -> F,
) -> Result<bool, TierError> {
    let (pieces, mut coming) = mpsc::channel(PIECES);
    let moved = Moved::default();
    let transfer = transfer(Downward { pieces, moved: Arc::clone(&moved) });
    let first = deadlines.connect + deadlines.small + deadlines.stall;
    let ended = runtime::spawn(async move { while_moving(&deadlines, first, &moved, transfer).await })?;
    let mut checked = Checked::new(sink, length);
    while let Some(piece) = coming.blocking_recv() {
        checked.take(&piece)?;
    }
    match runtime::wait(&ended)? {
        true => checked.finish(digest).map(|()| true),
        false => Ok(false),
    }
}

/// Gives the pieces of a reader to a future that sends them.
pub(crate) fn send<F: Future<Output = Result<(), TierError>> + Send + 'static>(
    length: u64,
    reader: &mut dyn Read,
    deadlines: Deadlines,
    transfer: impl FnOnce(mpsc::Receiver<Bytes>, Moved) -> F,
) -> Result<(), TierError> {
    let (pieces, going) = mpsc::channel(PIECES);
    let moved = Moved::default();
    let transfer = transfer(going, Arc::clone(&moved));
    let first = deadlines.connect + deadlines.small + deadlines.stall;
    let ended = runtime::spawn(async move { while_moving(&deadlines, first, &moved, transfer).await })?;
    let mut left = length;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let mut piece = vec![0; most];
        // With a part of the blob missing, the other side never takes it for whole.
        let count = fill(reader, &mut piece).map_err(TierError::Local)?;
        if count < most {
            return Err(TierError::Local(std::io::ErrorKind::UnexpectedEof.into()));
        }
        left -= count as u64;
        if pieces.blocking_send(piece.into()).is_err() {
            break; // It has its answer already, or none will come.
        }
    }
    drop(pieces);
    runtime::wait(&ended)
}

fn upward(pieces: mpsc::Receiver<Bytes>, moved: Moved) -> reqwest::Body {
    let stream = futures_util::stream::unfold((pieces, moved), |(mut pieces, moved)| async move {
        let piece = pieces.recv().await?;
        moved.fetch_add(piece.len() as u64, std::sync::atomic::Ordering::Relaxed);
        Some((Ok::<_, std::convert::Infallible>(piece), (pieces, moved)))
    });
    reqwest::Body::wrap_stream(stream)
}

/// Makes what speaks HTTP: no redirects, no proxies or cookies of the surroundings, no decompression.
pub(crate) fn client(settings: &Settings) -> Result<Client, TierError> {
    // Of this extension alone; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificates = match &settings.certificates {
        Some(pem) => reqwest::Certificate::from_pem_bundle(pem)
            .map_err(|_| TierError::Refused("the configured certificates cannot be read"))?,
        None => Vec::new(),
    };
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .connect_timeout(settings.deadlines.connect)
        .tls_certs_merge(certificates)
        .build()
        .map_err(|_| TierError::Refused("there is no TLS on this machine"))
}

fn bearer(token: &Secret) -> Result<HeaderValue, TierError> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.reveal()));
    let mut value = value.map_err(|_| TierError::Refused("the token is no word that can be sent"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Tells an answer with something in it from one that says that there is nothing.
fn present(response: Response) -> Result<Option<Response>, TierError> {
    let plain = response.headers().get(header::CONTENT_ENCODING).is_none();
    match response.status() {
        StatusCode::OK if plain => Ok(Some(response)),
        StatusCode::OK => Err(TierError::Wrong("it answers in an encoding that was not asked for")),
        StatusCode::NO_CONTENT | StatusCode::NOT_FOUND => Ok(None),
        other => Err(failure(other)),
    }
}

fn failure(status: StatusCode) -> TierError {
    match status.as_u16() {
        401 | 403 => TierError::Refused("it asks for other credentials"),
        413 | 507 => TierError::Full,
        300..=399 => TierError::Wrong("it sends elsewhere, and hozon does not follow"),
        408 | 429 | 500..=599 => TierError::Unreachable("it says that it cannot answer now"),
        400..=499 => TierError::Refused("it does not take the request"),
        _ => TierError::Wrong("it answers what was not asked"),
    }
}

fn broken(error: reqwest::Error) -> TierError {
    match () {
        () if error.is_timeout() => TierError::Unreachable("it does not answer in time"),
        () if error.is_connect() => TierError::Unreachable("there is no connection"),
        () => TierError::Unreachable("its answer broke off"),
    }
}

/// Reads a body of at most `cap` bytes.
async fn body(mut response: Response, cap: u64, deadlines: &Deadlines) -> Result<Vec<u8>, TierError> {
    const TOO_LONG: TierError = TierError::Wrong("an object is too long");
    if response.content_length().is_some_and(|announced| announced > cap) {
        return Err(TOO_LONG);
    }
    let moved = Moved::default();
    let reading = async {
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            if (bytes.len() + piece.len()) as u64 > cap {
                return Err(TOO_LONG);
            }
            bytes.extend_from_slice(&piece);
            moved.fetch_add(piece.len() as u64, std::sync::atomic::Ordering::Relaxed);
        }
        Ok(bytes)
    };
    while_moving(deadlines, deadlines.small, &moved, reading).await
}

fn version_of(headers: &HeaderMap) -> Version {
    let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok());
    Version { tag: tag.filter(|tag| tag.len() <= TAG_BYTES).map(str::to_owned), generation: None }
}

fn length_said(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a page of a listing: digests, one a line, sorted, each after the last one.
fn names_of(page: &[u8], kind: Kind, last: Option<&ObjectName>) -> Result<Vec<ObjectName>, TierError> {
    const NO_PAGE: TierError = TierError::Wrong("its listing cannot be read");
    let text = std::str::from_utf8(page).map_err(|_| NO_PAGE)?;
    let mut names: Vec<ObjectName> = Vec::new();
    for line in text.lines() {
        let (shard, rest) = line.split_at_checked(2).ok_or(NO_PAGE)?;
        let name = ObjectName::of_parts(kind, shard, rest).ok_or(NO_PAGE)?;
        if names.last().or(last).is_some_and(|before| *before >= name) {
            return Err(NO_PAGE);
        }
        names.push(name);
    }
    Ok(names)
}
