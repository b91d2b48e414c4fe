//! Sending results on without holding anybody up: noted first, sent by a thread, sent by the next process if
//! this one ends before.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use hozon_format::Key;
use hozon_store::{Store, StoreError};
use hozon_sys::Brief;

use crate::remote::{PushError, Remote};

/// What a store sends to its tiers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outgoing {
    store: Store,
    remote: Remote,
    queue: Arc<Brief<Queue>>,
}

/// What is to be sent by this process. A child of a fork begins with nothing.
#[derive(Debug, Default)]
struct Queue {
    sender: Option<Sender<Key>>,
    waiting: usize,
}

/// What another process has noted less than this long ago, it still sends itself.
const ITS_OWN_MS: u64 = 60_000;
const PAUSE: Duration = Duration::from_millis(5);

impl Outgoing {
    /// Sends to the tiers of `remote`.
    pub fn new(store: Store, remote: Remote) -> Self {
        Self { store, remote, queue: Arc::default() }
    }

    /// The tiers.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Notes that an entry is to be sent, and has it sent soon.
    ///
    /// # Errors
    /// `Io` if the note cannot be written; then it is not sent.
    pub fn send(&self, key: &Key) -> Result<(), StoreError> {
        self.store.note_outgoing(key)?;
        if self.with(|queue| queue.sender.is_none()) {
            self.start();
        }
        self.with(|queue| {
            let sent = queue.sender.as_ref().is_some_and(|sender| sender.send(*key).is_ok());
            queue.waiting += usize::from(sent);
        });
        Ok(())
    }

    /// Waits until all is sent that this process has to send, or the time is over.
    pub fn finish(&self, most: Duration) {
        let system = self.store.system();
        let started = system.monotonic();
        while self.with(|queue| queue.waiting > 0) && system.monotonic().saturating_sub(started) < most {
            system.sleep(PAUSE);
        }
    }

    /// Sends what is noted, whoever noted it. Gives what was sent and what was not.
    pub fn send_noted(&self) -> Vec<(Key, Result<(), PushError>)> {
        let noted = self.store.outgoing().into_iter();
        noted.map(|(key, _)| (key, self.send_now(&key))).collect()
    }

    /// Starts the thread that sends, with what other processes have left.
    fn start(&self) {
        let (sender, receiver) = channel();
        let this = self.clone();
        let thread = std::thread::Builder::new().name("hozon outgoing".to_owned());
        if thread.spawn(move || this.run(&receiver)).is_ok() {
            self.with(|queue| queue.sender = Some(sender));
        }
    }

    fn run(&self, keys: &Receiver<Key>) {
        let mut left = self.left_by_others();
        while let Ok(key) = keys.recv() {
            // What cannot be sent stays noted, and the next process tries.
            let sent = self.send_now(&key);
            self.with(|queue| queue.waiting -= 1);
            if sent.is_ok() {
                left.drain(..).for_each(|key| drop(self.send_now(&key)));
            }
        }
    }

    fn left_by_others(&self) -> Vec<Key> {
        let now = self.store.system().now_ms();
        let noted = self.store.outgoing().into_iter();
        noted.filter(|(_, when)| when.saturating_add(ITS_OWN_MS) < now).map(|(key, _)| key).collect()
    }

    fn send_now(&self, key: &Key) -> Result<(), PushError> {
        let signing = self.store.keyring().ok_or(PushError::NoKey)?.signing_key();
        let sent = self.remote.push(&self.store, key, &signing.map_err(|_| PushError::NoKey)?);
        if !matches!(sent, Err(PushError::Tier { .. } | PushError::Crowded { .. } | PushError::NoKey)) {
            self.store.forget_outgoing(key);
        }
        sent
    }

    fn with<R>(&self, with: impl FnOnce(&mut Queue) -> R) -> R {
        self.queue.with(self.store.system().process_id(), with)
    }
}
