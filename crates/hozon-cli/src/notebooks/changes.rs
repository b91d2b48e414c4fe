//! Tells that something happened to files in some folders.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use notify::{Config, EventKind, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};

use crate::failure::Failure;

/// An editor writes a file in several steps: so long nothing more may happen before anyone looks.
const QUIET: Duration = Duration::from_millis(40);

/// However much happens, somebody looks after so many pauses.
const MOST_PAUSES: usize = 25;

/// How often folders are looked at where the system tells nothing.
const POLLING: Duration = Duration::from_millis(500);

/// The folders that are watched. Folders, since most editors replace a file by a new one.
pub(super) struct Changes {
    watcher: Box<dyn Watcher>,
    heard: Receiver<()>,
    folders: BTreeSet<PathBuf>,
}

impl Changes {
    /// Starts watching nothing.
    pub(super) fn new() -> Result<Self, Failure> {
        let (tell, heard) = channel();
        let handler = move |event: notify::Result<notify::Event>| {
            // That somebody read a file changes nothing. What could not be told may be anything.
            if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
                let _ = tell.send(());
            }
        };
        let system = RecommendedWatcher::new(handler.clone(), Config::default());
        let watcher: Box<dyn Watcher> =
            match system {
                Ok(watcher) => Box::new(watcher),
                Err(_) => {
                    let config = Config::default().with_poll_interval(POLLING);
                    Box::new(PollWatcher::new(handler, config).map_err(|error| {
                        Failure::unusable(format!("the files cannot be watched: {error}"))
                    })?)
                }
            };
        Ok(Self { watcher, heard, folders: BTreeSet::new() })
    }

    /// Watches these folders and no others. Returns what cannot be watched, if anything.
    pub(super) fn follow(&mut self, folders: &BTreeSet<PathBuf>) -> Option<String> {
        let gone: Vec<PathBuf> = self.folders.difference(folders).cloned().collect();
        for folder in gone {
            // It may not be there any more.
            let _ = self.watcher.unwatch(&folder);
            self.folders.remove(&folder);
        }
        let mut refused = None;
        for folder in folders.difference(&self.folders.clone()) {
            match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => _ = self.folders.insert(folder.clone()),
                Err(error) => refused = Some(error.to_string()),
            }
        }
        refused
    }

    /// Waits until something has happened and is over. False if nothing did in this time.
    pub(super) fn wait(&self, time: Duration) -> bool {
        match self.heard.recv_timeout(time) {
            Ok(()) => {}
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
        }
        for _ in 0..MOST_PAUSES {
            let Ok(()) = self.heard.recv_timeout(QUIET) else { break };
            while self.heard.try_recv().is_ok() {}
        }
        true
    }
}
