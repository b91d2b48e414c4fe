//! `hozon stats`.

use std::collections::BTreeMap;

use hozon_store::{HitCost, Run, Store, Summary};
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
    hits: Hits,
}

/// What hits took that were read from the store.
#[derive(Debug, Default, Clone, Copy, Serialize)]
struct Hits {
    count: u64,
    key_seconds: f64,
    look_seconds: f64,
    value_seconds: f64,
}

impl Hits {
    fn add(&mut self, cost: &HitCost) {
        self.count = self.count.saturating_add(cost.hits);
        self.key_seconds += cost.key_seconds;
        self.look_seconds += cost.look_seconds;
        self.value_seconds += cost.value_seconds;
    }

    fn seconds(&self) -> f64 {
        self.key_seconds + self.look_seconds + self.value_seconds
    }

    /// What one hit takes, in seconds; none if none was counted.
    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.seconds() / self.count as f64)
    }

    /// `412 µs: key 60 %, look-up 25 %, value 15 %`.
    fn told(&self) -> String {
        let Some(mean) = self.mean() else { return "-".to_owned() };
        let part = |seconds: f64| 100.0 * seconds / self.seconds().max(f64::MIN_POSITIVE);
        format!(
            "{}: key {:.0} %, look-up {:.0} %, value {:.0} %",
            words::duration(nanoseconds(mean)),
            part(self.key_seconds),
            part(self.look_seconds),
            part(self.value_seconds)
        )
    }
}

#[derive(Serialize)]
struct Stats {
    store: String,
    #[serde(flatten)]
    sums: Sums,
    /// How many bytes the store may hold; none: as many as there is room for.
    bound: Option<u64>,
    roots: usize,
    oldest_ms: Option<u64>,
    newest_ms: Option<u64>,
    names: Vec<Named>,
    unstored: Vec<Unstored>,
}

/// Runs whose results were not stored, for one reason.
#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Unstored {
    name: String,
    why: String,
    times: u64,
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

    /// What hits take and save, in seconds each, where they take more.
    fn loss(&self) -> Option<(f64, f64)> {
        let (takes, saves) = (self.hits.mean()?, self.saved_seconds / self.uses.max(1) as f64);
        (self.uses > 0 && takes > saves).then_some((takes, saves))
    }
}

/// Sums up the store and each name in it, those that saved the most time first.
pub(crate) fn stats(store: &Store, view: View) -> Result<Report, Failure> {
    let summaries = store.summaries()?;
    let stats = sum_up(store, &summaries, &store.hit_costs()?, &store.runs()?);
    Ok(if view.json { Report::json(&stats) } else { Report::text(text(&stats, view)) })
}

fn sum_up(store: &Store, summaries: &[Summary], costs: &BTreeMap<String, HitCost>, runs: &[Run]) -> Stats {
    let mut sums = Sums::default();
    let mut names: BTreeMap<&str, Sums> = BTreeMap::new();
    for summary in summaries {
        sums.add(summary);
        names.entry(&summary.facts.name).or_default().add(summary);
    }
    // Of names whose entries are all gone nothing is told.
    for (name, cost) in costs {
        if let Some(of_name) = names.get_mut(name.as_str()) {
            of_name.hits.add(cost);
            sums.hits.add(cost);
        }
    }
    let mut names: Vec<Named> =
        names.into_iter().map(|(name, sums)| Named { name: name.to_owned(), sums }).collect();
    names.sort_by(|one, other| other.sums.saved_seconds.total_cmp(&one.sums.saved_seconds));
    let made = || summaries.iter().map(|summary| summary.facts.created_ms);
    Stats {
        store: store.folder().to_string_lossy().into_owned(),
        sums,
        bound: store.bound(),
        roots: store.roots().len(),
        oldest_ms: made().min(),
        newest_ms: made().max(),
        names,
        unstored: unstored(runs),
    }
}

/// Sums up the runs whose results were not stored.
fn unstored(runs: &[Run]) -> Vec<Unstored> {
    let mut times: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for run in runs {
        if let Some(why) = &run.unstored {
            *times.entry((&run.name, why)).or_default() += 1;
        }
    }
    let told = |((name, why), times): ((&str, &str), u64)| Unstored {
        name: name.to_owned(),
        why: why.to_owned(),
        times,
    };
    times.into_iter().map(told).collect()
}

fn text(stats: &Stats, view: View) -> String {
    let ago = |ms: Option<u64>| ms.map_or("-".to_owned(), |ms| words::age(ms, view.now_ms));
    let sums = &stats.sums;
    let text = facts(&[
        ("store", words::name(&stats.store).into_owned()),
        ("entries", sums.entries.to_string()),
        ("kept by name", stats.roots.to_string()),
        ("size", of_bound(sums.bytes, stats.bound)),
        ("oldest", ago(stats.oldest_ms)),
        ("newest", ago(stats.newest_ms)),
        ("computed", words::duration(nanoseconds(sums.ran_seconds))),
        ("used", words::count_of(sums.uses, "time", "times")),
        ("saved", words::duration(nanoseconds(sums.saved_seconds))),
        ("a hit takes", sums.hits.told()),
    ]);
    let unstored: String = stats.unstored.iter().map(not_stored).collect();
    if stats.names.is_empty() {
        return text + &unstored;
    }
    let rows = stats.names.iter().map(row).collect();
    let losses: String = stats.names.iter().filter_map(loss).collect();
    format!("{text}\n{}{losses}{unstored}", table(HEADER, rows, view.width))
}

fn of_bound(bytes: u64, bound: Option<u64>) -> String {
    let bound = bound.map(|bound| format!(" of at most {}", words::size(bound)));
    words::size(bytes) + &bound.unwrap_or_default()
}

/// Says of what results were not stored, and why.
fn not_stored(unstored: &Unstored) -> String {
    let (name, times) = (words::name(&unstored.name), words::count_of(unstored.times, "time", "times"));
    format!("\nthe result of {name} was not stored, {times}: {}\n", words::name(&unstored.why))
}

/// Says that caching does not pay, where it does not.
fn loss(named: &Named) -> Option<String> {
    let (takes, saves) = named.sums.loss()?;
    let (takes, saves) = (words::duration(nanoseconds(takes)), words::duration(nanoseconds(saves)));
    let name = words::name(&named.name);
    Some(format!("\ncaching does not pay for {name}: a hit takes {takes} and saves {saves}\n"))
}

const HEADER: [(&str, Align); 7] = [
    ("NAME", Align::Left),
    ("ENTRIES", Align::Right),
    ("SIZE", Align::Right),
    ("COMPUTED", Align::Right),
    ("USED", Align::Right),
    ("SAVED", Align::Right),
    ("A HIT", Align::Right),
];

fn row(named: &Named) -> [String; 7] {
    [
        words::name(&named.name).into_owned(),
        named.sums.entries.to_string(),
        words::size(named.sums.bytes),
        words::duration(nanoseconds(named.sums.ran_seconds)),
        named.sums.uses.to_string(),
        words::duration(nanoseconds(named.sums.saved_seconds)),
        named.sums.hits.mean().map_or("-".to_owned(), |mean| words::duration(nanoseconds(mean))),
    ]
}
