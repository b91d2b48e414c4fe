//! Counters, as Prometheus reads them.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::StatusCode;

/// What a server counts.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    answers: [AtomicU64; 6],
    pub(crate) received_bytes: Counter,
    pub(crate) sent_bytes: Counter,
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) removed: Counter,
    pub(crate) damaged: Counter,
}

/// A number that grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Metrics {
    pub(crate) fn answered(&self, status: StatusCode) {
        self.answers[usize::from(status.as_u16() / 100).min(5)].fetch_add(1, Ordering::Relaxed);
    }

    /// Writes them down, with what is kept now.
    pub(crate) fn text(&self, objects: u64, bytes: u64) -> String {
        let mut text = String::from("# TYPE hozon_answers_total counter\n");
        for (class, count) in self.answers.iter().enumerate().skip(2) {
            let count = count.load(Ordering::Relaxed);
            // Writing to a text cannot fail.
            let _ = writeln!(text, "hozon_answers_total{{class=\"{class}xx\"}} {count}");
        }
        let counters = [
            ("received_bytes", &self.received_bytes),
            ("sent_bytes", &self.sent_bytes),
            ("hits", &self.hits),
            ("misses", &self.misses),
            ("removed_objects", &self.removed),
            ("refused_uploads", &self.damaged),
        ];
        for (name, counter) in counters {
            let _ = writeln!(text, "# TYPE hozon_{name}_total counter\nhozon_{name}_total {}", counter.get());
        }
        for (name, value) in [("objects", objects), ("stored_bytes", bytes)] {
            let _ = writeln!(text, "# TYPE hozon_{name} gauge\nhozon_{name} {value}");
        }
        text
    }
}
