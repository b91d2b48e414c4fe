//! The thread that speaks to the network: one for each process, from the first need on.

use std::future::Future;
use std::sync::mpsc;

use hozon_sys::Brief;
use once_cell::race::OnceBox;
use tokio::runtime::{Builder, Handle};

use crate::TierError;

/// The runtime of each process. A child of a fork has no thread of its parent's, and starts its own.
static RUNTIMES: OnceBox<Brief<Option<Handle>>> = OnceBox::new();

/// What each process has one of, and a child of a fork has to make anew.
pub(crate) type PerProcess<T> = Brief<Option<T>>;

/// Gives the value of this process, made at the first call.
pub(crate) fn of_process<T: Clone, E>(
    values: &PerProcess<T>,
    make: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    values.with(std::process::id(), |slot| match slot {
        Some(value) => Ok(value.clone()),
        None => make().map(|value| slot.insert(value).clone()),
    })
}

fn handle() -> Result<Handle, TierError> {
    of_process(RUNTIMES.get_or_init(Box::default), start)
        .map_err(|_| TierError::Unreachable("there is no thread to speak to the network"))
}

fn start() -> std::io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_io().enable_time().max_blocking_threads(4).build()?;
    let handle = runtime.handle().clone();
    let serve = move || runtime.block_on(std::future::pending::<()>());
    std::thread::Builder::new().name("hozon tiers".to_owned()).spawn(serve)?;
    Ok(handle)
}

/// Starts a future on that thread. What it ends in comes out of the receiver.
///
/// The future has deadlines of its own.
pub(crate) fn spawn<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> Result<mpsc::Receiver<T>, TierError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    handle()?.spawn(async move {
        // Nobody may be waiting any more.
        let _ = sender.send(future.await);
    });
    Ok(receiver)
}

/// Waits for what a started future ends in.
pub(crate) fn wait<T>(ended: &mpsc::Receiver<Result<T, TierError>>) -> Result<T, TierError> {
    ended.recv().unwrap_or(Err(TierError::Unreachable("the request broke off")))
}

/// Runs a future on that thread and waits for it.
pub(crate) fn run<T: Send + 'static>(
    future: impl Future<Output = Result<T, TierError>> + Send + 'static,
) -> Result<T, TierError> {
    wait(&spawn(future)?)
}
