//! Bodies: what is sent in pieces, and what is received with a cap.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::StatusCode;
use hyper::body::{Body, Frame, Incoming};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::metrics::Metrics;

/// The body of an answer.
pub(crate) type Sent = UnsyncBoxBody<Bytes, std::io::Error>;

/// How many bytes of a blob are in memory for one connection.
const PIECE_BYTES: usize = 256 * 1024;
/// How long a client may take for the next piece.
const NEXT_PIECE: Duration = Duration::from_secs(30);

/// A short body.
pub(crate) fn whole(bytes: impl Into<Bytes>) -> Sent {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Sends bytes in pieces, and keeps the room that they take in memory until the last one has gone.
pub(crate) fn held(bytes: Vec<u8>, room: OwnedSemaphorePermit) -> Sent {
    let pieces = futures_util::stream::unfold((Bytes::from(bytes), room), |(mut bytes, room)| async move {
        let piece = bytes.split_to(bytes.len().min(PIECE_BYTES));
        (!piece.is_empty()).then_some((Ok(Frame::data(piece)), (bytes, room)))
    });
    BodyExt::boxed_unsync(StreamBody::new(pieces))
}

/// Sends a file of a length in pieces. One that ends early breaks the connection off.
pub(crate) fn file(file: Box<dyn Read + Send>, length: u64, metrics: Arc<Metrics>) -> Sent {
    let pieces = futures_util::stream::try_unfold((file, length), move |(file, left)| {
        let metrics = Arc::clone(&metrics);
        async move {
            if left == 0 {
                return Ok(None);
            }
            let (piece, file) =
                spawn_blocking(move || piece(file, left)).await.map_err(std::io::Error::other)??;
            metrics.sent_bytes.add(piece.len() as u64);
            let left = left - piece.len() as u64;
            Ok::<_, std::io::Error>(Some((Frame::data(piece), (file, left))))
        }
    });
    BodyExt::boxed_unsync(StreamBody::new(pieces))
}

fn piece(mut file: Box<dyn Read + Send>, left: u64) -> std::io::Result<(Bytes, Box<dyn Read + Send>)> {
    let most = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
    let mut piece = vec![0; most];
    file.read_exact(&mut piece)?;
    Ok((piece.into(), file))
}

/// Gives the next bytes of what a client sends; `None` at its end.
pub(crate) async fn next(body: &mut Incoming, metrics: &Metrics) -> Result<Option<Bytes>, StatusCode> {
    loop {
        let frame = timeout(NEXT_PIECE, body.frame()).await.map_err(|_| StatusCode::REQUEST_TIMEOUT)?;
        let Some(frame) = frame else { return Ok(None) };
        if let Ok(bytes) = frame.map_err(|_| StatusCode::BAD_REQUEST)?.into_data() {
            metrics.received_bytes.add(bytes.len() as u64);
            return Ok(Some(bytes));
        }
    }
}

/// Tells how long a body will be, which every upload has to say.
pub(crate) fn length(body: &Incoming) -> Result<u64, StatusCode> {
    body.size_hint().exact().ok_or(StatusCode::LENGTH_REQUIRED)
}

/// Takes what is left of a body that has been answered already, within limits: a client that is still
/// sending would else lose the answer.
pub(crate) async fn drain(mut body: Incoming, metrics: &Metrics) {
    const MOST_BYTES: usize = 64 << 20;
    let draining = async {
        let mut drained = 0;
        while let Ok(Some(piece)) = next(&mut body, metrics).await {
            drained += piece.len();
            if drained > MOST_BYTES {
                break;
            }
        }
    };
    // In time or not: the answer goes out now.
    let _ = timeout(Duration::from_secs(5), draining).await;
}
