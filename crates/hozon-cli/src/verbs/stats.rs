//! `hozon stats`.

use std::collections::BTreeMap;

use hozon_store::{Store, Summary};
use serde::Serialize;

use super::{nanoseconds, total_bytes};
use crate::failure::Failure;
use crate::report::{Report, View};
use crate::table::{Align, facts, table};
use crate::words;

/// Sums over entries. Blobs that entries share are counted for each.
#[derive(Debug, Default, Clone, Serialize)]
struct Sums {
    entries: u64,
    bytes: u64,
    uses: u64,
    ran_seconds: f64,
    saved_seconds: f64,
}

#[derive(Serialize)]
struct Stats {
    store: String,
    #[serde(flatten)]
    sums: Sums,
    roots: usize,
    oldest_ms: Option<u64>,
    newest_ms: Option<u64>,
    names: Vec<Named>,
}

#[derive(Serialize)]
struct Named {
    name: String,
    #[serde(flatten)]
    sums: Sums,
}

impl Sums {
    fn add(&mut self, summary: &Summary) {
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(total_bytes(summary));
        self.uses = self.uses.saturating_add(summary.uses);
        self.ran_seconds += summary.facts.duration_ns as f64 / 1e9;
        self.saved_seconds += summary.seconds_saved;
    }
}

/// Sums up the store and each name in it, those that saved the most time first.
pub(crate) fn stats(store: &Store, view: View) -> Result<Report, Failure> {
    let summaries = store.summaries()?;
    let stats = sum_up(store, &summaries);
    Ok(if view.json { Report::json(&stats) } else { Report::text(text(&stats, view)) })
}

fn sum_up(store: &Store, summaries: &[Summary]) -> Stats {
    let mut sums = Sums::default();
    let mut names: BTreeMap<&str, Sums> = BTreeMap::new();
    for summary in summaries {
        sums.add(summary);
        names.entry(&summary.facts.name).or_default().add(summary);
    }
    let mut names: Vec<Named> =
        names.into_iter().map(|(name, sums)| Named { name: name.to_owned(), sums }).collect();
    names.sort_by(|one, other| other.sums.saved_seconds.total_cmp(&one.sums.saved_seconds));
    let made = || summaries.iter().map(|summary| summary.facts.created_ms);
    Stats {
        store: store.folder().to_string_lossy().into_owned(),
        sums,
        roots: store.roots().len(),
        oldest_ms: made().min(),
        newest_ms: made().max(),
        names,
    }
}

fn text(stats: &Stats, view: View) -> String {
    let ago = |ms: Option<u64>| ms.map_or("-".to_owned(), |ms| words::age(ms, view.now_ms));
    let sums = &stats.sums;
    let text = facts(&[
        ("store", words::name(&stats.store).into_owned()),
        ("entries", sums.entries.to_string()),
        ("kept by name", stats.roots.to_string()),
        ("size", words::size(sums.bytes)),
        ("oldest", ago(stats.oldest_ms)),
        ("newest", ago(stats.newest_ms)),
        ("computed", words::duration(nanoseconds(sums.ran_seconds))),
        ("used", words::count_of(sums.uses, "time", "times")),
        ("saved", words::duration(nanoseconds(sums.saved_seconds))),
    ]);
    if stats.names.is_empty() {
        return text;
    }
    let rows = stats.names.iter().map(row).collect();
    format!("{text}\n{}", table(HEADER, rows, view.width))
}

const HEADER: [(&str, Align); 6] = [
    ("NAME", Align::Left),
    ("ENTRIES", Align::Right),
    ("SIZE", Align::Right),
    ("COMPUTED", Align::Right),
    ("USED", Align::Right),
    ("SAVED", Align::Right),
];

fn row(named: &Named) -> [String; 6] {
    [
        words::name(&named.name).into_owned(),
        named.sums.entries.to_string(),
        words::size(named.sums.bytes),
        words::duration(nanoseconds(named.sums.ran_seconds)),
        named.sums.uses.to_string(),
        words::duration(nanoseconds(named.sums.saved_seconds)),
    ]
}
