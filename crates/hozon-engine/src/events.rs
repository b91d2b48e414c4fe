//! What the cache did in this process: the log that the front and the command line read.

use std::collections::{HashMap, VecDeque};

use hozon_format::Key;
use hozon_sys::Brief;

/// Something that the cache did.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, in Unix milliseconds.
    pub when_ms: u64,
    /// The label of the computation.
    pub name: String,
    /// The key, where there is one.
    pub key: Option<Key>,
    /// What it was.
    pub kind: EventKind,
}

/// What the cache did.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum EventKind {
    /// A stored result was used.
    Hit {
        /// The computing time that this saved.
        seconds_saved: f64,
    },
    /// There was no result to use.
    Miss {
        /// Why, for people.
        why: String,
    },
    /// A result was stored.
    Stored {
        /// The bytes that were written.
        bytes: u64,
    },
    /// Something of the cache failed; the computation did not.
    Fault {
        /// What, for people.
        what: String,
    },
}

/// Sums over events.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// Results used.
    pub hits: u64,
    /// Results missing.
    pub misses: u64,
    /// Computing time saved, in seconds.
    pub seconds_saved: f64,
    /// Results stored.
    pub stored: u64,
    /// Bytes written for them.
    pub stored_bytes: u64,
    /// Failures of the cache.
    pub faults: u64,
}

/// The events of this process: sums of all, and the latest ones themselves. A forked child starts anew.
#[derive(Debug, Default)]
pub struct EventLog(Brief<Events>);

#[derive(Debug, Default)]
struct Events {
    all: Totals,
    by_name: HashMap<String, Totals>,
    recent: VecDeque<Event>,
}

/// How many events are kept one by one.
const RECENT: usize = 1000;

impl EventLog {
    /// Starts empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event that happened in the process `process`.
    pub fn record(&self, process: u32, event: Event) {
        self.0.with(process, |events| events.record(event));
    }

    /// Returns the sums over all events.
    pub fn totals(&self, process: u32) -> Totals {
        self.0.with(process, |events| events.all)
    }

    /// Returns the sums over the events of computations called `name`.
    pub fn totals_of(&self, process: u32, name: &str) -> Totals {
        self.0.with(process, |events| events.by_name.get(name).copied().unwrap_or_default())
    }

    /// Returns the latest events, oldest first.
    pub fn recent(&self, process: u32) -> Vec<Event> {
        self.0.with(process, |events| events.recent.iter().cloned().collect())
    }
}

impl Events {
    fn record(&mut self, event: Event) {
        self.all.add(&event.kind);
        match self.by_name.get_mut(&event.name) {
            Some(totals) => totals.add(&event.kind),
            None => self.by_name.entry(event.name.clone()).or_default().add(&event.kind),
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(event);
    }
}

impl Totals {
    fn add(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Hit { seconds_saved } => {
                self.hits += 1;
                self.seconds_saved += seconds_saved;
            }
            EventKind::Miss { .. } => self.misses += 1,
            EventKind::Stored { bytes } => {
                self.stored += 1;
                self.stored_bytes += bytes;
            }
            EventKind::Fault { .. } => self.faults += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, kind: EventKind) -> Event {
        Event { when_ms: 0, name: name.into(), key: None, kind }
    }

    #[test]
    fn sums_are_kept_for_all_and_by_name_and_a_child_starts_anew() {
        let log = EventLog::new();
        log.record(1, event("a", EventKind::Hit { seconds_saved: 2.0 }));
        log.record(1, event("a", EventKind::Miss { why: String::new() }));
        log.record(1, event("b", EventKind::Stored { bytes: 10 }));
        log.record(1, event("b", EventKind::Fault { what: String::new() }));
        let a = Totals { hits: 1, misses: 1, seconds_saved: 2.0, ..Totals::default() };
        assert_eq!(log.totals_of(1, "a"), a);
        assert_eq!(log.totals(1), Totals { stored: 1, stored_bytes: 10, faults: 1, ..a });
        assert_eq!(log.recent(1).len(), 4);
        assert_eq!(log.totals(2), Totals::default());
    }

    #[test]
    fn only_the_latest_events_are_kept() {
        let log = EventLog::new();
        for bytes in 0..RECENT as u64 + 5 {
            log.record(1, event("a", EventKind::Stored { bytes }));
        }
        let recent = log.recent(1);
        assert_eq!((recent.len(), log.totals(1).stored), (RECENT, RECENT as u64 + 5));
        assert_eq!(recent[0].kind, EventKind::Stored { bytes: 5 });
    }
}
