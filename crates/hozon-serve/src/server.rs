//! Listening, TLS, connections, and a graceful end.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hozon_sys::System;
use hozon_tier::{Access, FolderTier};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use crate::answer::{Answers, empty};
use crate::body::Sent;
use crate::guard::Guard;
use crate::metrics::Metrics;
use crate::shelf::Shelf;
use crate::{Identity, ServeError, ServeSettings};

/// The most connections at once; further ones wait.
const CONNECTIONS: usize = 512;
/// How long a client may take for a head or a handshake, or be silent between requests.
const HEAD: Duration = Duration::from_secs(15);
/// The most bytes of a head, and of what is read ahead.
const HEAD_BYTES: usize = 64 * 1024;
/// How long answers that are under way have at the end.
const GRACE: Duration = Duration::from_secs(30);

/// A server that listens and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    acceptor: Option<Acceptor>,
    shared: Arc<Shared>,
}

struct Acceptor(TlsAcceptor);

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptor")
    }
}

/// When a server ends.
#[derive(Debug)]
pub enum Stop {
    /// When the process is asked to end: SIGTERM or Ctrl-C.
    Signal,
    /// When its [`Stopper`] is used or dropped.
    ByHand(oneshot::Receiver<()>),
}

/// Ends a server when it is dropped.
#[derive(Debug)]
pub struct Stopper(#[expect(dead_code, reason = "held for its Drop")] oneshot::Sender<()>);

/// A way to end a server from the program that holds it.
pub fn stop_by_hand() -> (Stopper, Stop) {
    let (sender, receiver) = oneshot::channel();
    (Stopper(sender), Stop::ByHand(receiver))
}

/// What all connections share.
#[derive(Debug)]
struct Shared {
    system: Arc<dyn System>,
    guard: Guard,
    answers: Answers,
    metrics: Arc<Metrics>,
}

impl Server {
    /// Listens, and looks at what is in the folder.
    ///
    /// # Errors
    /// As [`ServeError`] says.
    pub fn bind(settings: &ServeSettings, system: Arc<dyn System>) -> Result<Self, ServeError> {
        let at = settings.listen;
        let refused = |why| ServeError::Listen { address: at, why };
        let listener = TcpListener::bind(at).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let acceptor = settings.identity.as_ref().map(acceptor).transpose()?;
        let tier = FolderTier::new(Arc::clone(&system), &settings.folder, Access::Own);
        let metrics = Arc::<Metrics>::default();
        let shelf = Shelf::open(tier, settings.quota, settings.when_full, Arc::clone(&metrics))
            .map_err(ServeError::Folder)?;
        let guard = Guard::new(settings.tokens.clone(), address, &settings.hosts);
        let answers = Answers::new(shelf, Arc::clone(&metrics));
        Ok(Self { listener, address, acceptor, shared: Arc::new(Shared { system, guard, answers, metrics }) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is stopped; then answers what is under way, for half a minute at most. Returns
    /// whether all of it was answered.
    ///
    /// # Errors
    /// `System` if there are no threads or signals.
    pub fn run(self, stop: Stop) -> Result<bool, ServeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let ended = runtime.block_on(self.serve(stop));
        // A thread that waits for a disk must not hold up the end.
        runtime.shutdown_background();
        ended
    }

    async fn serve(self, stop: Stop) -> Result<bool, ServeError> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut stopped = pin!(stopped(stop)?);
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = &mut stopped => break,
            };
            let Ok((stream, peer)) = accepted else {
                // Too many files are open: a moment later there may be room.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let _ = stream.set_nodelay(true);
            let (shared, watcher) = (Arc::clone(&self.shared), graceful.watcher());
            let acceptor = self.acceptor.as_ref().map(|acceptor| acceptor.0.clone());
            tokio::spawn(async move {
                connection(shared, watcher, acceptor, stream, peer.ip()).await;
                drop(place);
            });
        }
        drop(listener);
        Ok(timeout(GRACE, graceful.shutdown()).await.is_ok())
    }
}

async fn connection(
    shared: Arc<Shared>,
    watcher: Watcher,
    acceptor: Option<TlsAcceptor>,
    stream: tokio::net::TcpStream,
    peer: IpAddr,
) {
    match acceptor {
        None => converse(shared, watcher, stream, peer).await,
        Some(acceptor) => {
            if let Ok(Ok(stream)) = timeout(HEAD, acceptor.accept(stream)).await {
                converse(shared, watcher, stream, peer).await;
            }
        }
    }
}

async fn converse(
    shared: Arc<Shared>,
    watcher: Watcher,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: IpAddr,
) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(shared.answer(request, peer).await) }
    });
    let mut protocol = http1::Builder::new();
    protocol.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_BYTES);
    let connection = protocol.serve_connection(TokioIo::new(crate::idle::Impatient::new(stream)), service);
    // What a client does wrong with its connection is its own affair.
    let _ = watcher.watch(connection).await;
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Response<Sent> {
        let (head, body) = request.into_parts();
        let answered = match self.guard.admit(&head, peer, self.system.monotonic()) {
            Ok(admitted) => self.answers.answer(admitted, &head, body).await,
            Err(status) => Err(status),
        };
        let mut response = answered.unwrap_or_else(refusal);
        self.metrics.answered(response.status());
        let headers = response.headers_mut();
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        headers.insert("cache-control", HeaderValue::from_static("no-store"));
        response
    }
}

/// The body of what was refused may still be on its way: the connection ends with the answer.
fn refusal(status: StatusCode) -> Response<Sent> {
    let mut response = empty(status);
    if status != StatusCode::NOT_FOUND && status != StatusCode::PRECONDITION_FAILED {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn stopped(stop: Stop) -> Result<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>, ServeError> {
    Ok(match stop {
        Stop::ByHand(receiver) => Box::pin(async move { drop(receiver.await) }),
        Stop::Signal => Box::pin(signal()?),
    })
}

#[cfg(unix)]
fn signal() -> Result<impl Future<Output = ()> + Send, ServeError> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn signal() -> Result<impl Future<Output = ()> + Send, ServeError> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

fn acceptor(identity: &Identity) -> Result<Acceptor, ServeError> {
    let wrong = |why: &dyn std::fmt::Display| ServeError::Identity(why.to_string());
    let certificates = CertificateDer::pem_slice_iter(&identity.certificates)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|why| wrong(&why))?;
    let key = PrivateKeyDer::from_pem_slice(&identity.key).map_err(|why| wrong(&why))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|why| wrong(&why))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|why| wrong(&why))?;
    Ok(Acceptor(Arc::new(config).into()))
}
