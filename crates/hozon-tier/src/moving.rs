//! Transfers that go on only as long as they move.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::{Deadlines, TierError};

/// How many pieces of a blob wait between network and caller.
pub(crate) const PIECES: usize = 4;

/// The bytes that a transfer has moved.
pub(crate) type Moved = Arc<AtomicU64>;

const TOO_SLOW: TierError = TierError::Unreachable("it does not answer in time");

/// Waits for a future that has to end in a time.
pub(crate) async fn within<T>(
    time: Duration,
    future: impl Future<Output = Result<T, TierError>>,
) -> Result<T, TierError> {
    timeout(time, future).await.unwrap_or(Err(TOO_SLOW))
}

/// Waits for a transfer as long as it moves enough bytes in every window of time.
pub(crate) async fn while_moving<T>(
    deadlines: &Deadlines,
    first: Duration,
    moved: &Moved,
    transfer: impl Future<Output = Result<T, TierError>>,
) -> Result<T, TierError> {
    let mut transfer = pin!(transfer);
    let (mut window, mut before) = (first, 0);
    loop {
        if let Ok(ended) = timeout(window, &mut transfer).await {
            return ended;
        }
        let now = moved.load(Ordering::Relaxed);
        if now.saturating_sub(before) < deadlines.least_bytes {
            return Err(TOO_SLOW);
        }
        (window, before) = (deadlines.stall, now);
    }
}

/// The end of a transfer that takes bytes from the network and gives them to the caller.
pub(crate) struct Downward {
    pub(crate) pieces: mpsc::Sender<Bytes>,
    pub(crate) moved: Moved,
}

impl Downward {
    /// Hands a piece over.
    pub(crate) async fn give(&self, piece: Bytes) -> Result<(), TierError> {
        self.moved.fetch_add(piece.len() as u64, Ordering::Relaxed);
        let given = self.pieces.send(piece).await;
        given.map_err(|_| TierError::Unreachable("nobody waits for it any more"))
    }
}
