//! `hozon clear`.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::time::Duration;

use hozon_format::Key;
use hozon_store::{Cleared, Filter, Store, Summary};
use serde::Serialize;

use super::total_bytes;
use crate::failure::Failure;
use crate::report::{Report, View};
use crate::select::{Selected, select};
use crate::words;

/// Asks the person at the terminal, if there is one to be asked.
pub(crate) struct Asker<'a> {
    answers: Option<&'a mut dyn BufRead>,
    questions: &'a mut dyn Write,
}

/// An answer is a word: more than this is not read.
const MOST_ANSWER_BYTES: u64 = 100;

impl<'a> Asker<'a> {
    pub(crate) fn new(answers: Option<&'a mut dyn BufRead>, questions: &'a mut dyn Write) -> Self {
        Self { answers, questions }
    }

    /// Returns whether to go on. With nobody to ask, that is so; an unclear answer means no.
    fn agrees(self, question: &str) -> bool {
        let Some(answers) = self.answers else { return true };
        if write!(self.questions, "{question} [y/N] ").and_then(|()| self.questions.flush()).is_err() {
            return false;
        }
        let mut answer = String::new();
        let read = std::io::Read::take(answers, MOST_ANSWER_BYTES).read_line(&mut answer);
        read.is_ok() && matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }
}

#[derive(Serialize)]
struct Removal {
    removed_entries: u64,
    removed_blobs: u64,
    removed_roots: u64,
    removed_bytes: u64,
    entries: Vec<Gone>,
}

#[derive(Serialize)]
struct Gone {
    key: String,
    name: String,
}

/// What a person wants removed.
#[derive(Clone, Copy)]
pub(crate) enum ToClear<'a> {
    All,
    /// Names, or beginnings of keys.
    Named(&'a [String]),
    /// What was neither stored nor used for so long and has no name.
    Unused(Duration),
}

/// Removes the entries that are meant; asks first if there is somebody to ask.
pub(crate) fn clear(
    store: &Store,
    view: View,
    what: ToClear<'_>,
    asker: Asker<'_>,
) -> Result<Report, Failure> {
    let summaries = store.summaries()?;
    let (filters, meant) = match what {
        ToClear::All => (vec![Filter::All], summaries.iter().map(|summary| (summary.key, summary)).collect()),
        ToClear::Named(what) => meant(store, &summaries, what)?,
        ToClear::Unused(time) => unused(&summaries, view.now_ms, time),
    };
    if !meant.is_empty() && !asker.agrees(&question(&meant)) {
        return Ok(Report::text("").note("nothing was removed"));
    }
    let mut total = Cleared::default();
    for filter in &filters {
        add(&mut total, store.clear(filter)?);
    }
    Ok(if view.json { Report::json(&fields(&meant, total)) } else { Report::text(text(&meant, total)) })
}

type Meant<'a> = BTreeMap<Key, &'a Summary>;

/// All words are looked up before anything is removed: one that is wrong removes nothing.
fn meant<'a>(
    store: &Store,
    summaries: &'a [Summary],
    what: &[String],
) -> Result<(Vec<Filter>, Meant<'a>), Failure> {
    let (mut filters, mut meant) = (Vec::new(), Meant::new());
    for word in what {
        let (filter, entries) = match select(store, summaries, word)? {
            Selected::Name(entries) => (Filter::Name(word.clone()), entries),
            Selected::Key(entry) => (Filter::KeyPrefix(entry.key.to_string()), vec![entry]),
        };
        filters.push(filter);
        meant.extend(entries.into_iter().map(|summary| (summary.key, summary)));
    }
    Ok((filters, meant))
}

/// An entry from the future, by a clock that was wrong, stays.
fn unused(summaries: &[Summary], now_ms: u64, time: Duration) -> (Vec<Filter>, Meant<'_>) {
    let since_ms = u128::from(now_ms).saturating_sub(time.as_millis());
    let last_ms = |summary: &Summary| summary.facts.created_ms.max(summary.last_used_ms.unwrap_or(0));
    let is_unused = |summary: &&Summary| !summary.rooted && u128::from(last_ms(summary)) < since_ms;
    let meant: Meant<'_> = summaries.iter().filter(is_unused).map(|summary| (summary.key, summary)).collect();
    (vec![Filter::Only(meant.keys().copied().collect())], meant)
}

fn add(total: &mut Cleared, one: Cleared) {
    total.entries += one.entries;
    total.blobs += one.blobs;
    total.roots += one.roots;
    total.bytes += one.bytes;
}

fn question(meant: &Meant<'_>) -> String {
    let bytes = meant.values().map(|summary| total_bytes(summary)).fold(0, u64::saturating_add);
    let entries = words::count_of(meant.len() as u64, "entry", "entries");
    format!("Remove {entries} ({}): {}?", words::size(bytes), names(meant))
}

/// The names of entries, each once, with how many there are of it.
fn names(meant: &Meant<'_>) -> String {
    const MOST_NAMES: usize = 5;
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    meant.values().for_each(|summary| *counts.entry(&summary.facts.name).or_default() += 1);
    let named = |(name, count): (&&str, &u64)| match count {
        1 => words::name(name).into_owned(),
        _ => format!("{} ({count})", words::name(name)),
    };
    let mut shown: Vec<String> = counts.iter().take(MOST_NAMES).map(named).collect();
    if counts.len() > MOST_NAMES {
        shown.push(format!(
            "and {} more",
            words::count_of((counts.len() - MOST_NAMES) as u64, "name", "names")
        ));
    }
    shown.join(", ")
}

fn fields(meant: &Meant<'_>, total: Cleared) -> Removal {
    let gone = |summary: &&Summary| Gone { key: summary.key.to_string(), name: summary.facts.name.clone() };
    Removal {
        removed_entries: total.entries,
        removed_blobs: total.blobs,
        removed_roots: total.roots,
        removed_bytes: total.bytes,
        entries: meant.values().map(gone).collect(),
    }
}

fn text(meant: &Meant<'_>, total: Cleared) -> String {
    if total == Cleared::default() {
        return "nothing to remove\n".to_owned();
    }
    let entries = words::count_of(total.entries, "entry", "entries");
    let blobs = words::count_of(total.blobs, "blob", "blobs");
    let colon = if meant.is_empty() { String::new() } else { format!(": {}", names(meant)) };
    format!("removed {entries} and {blobs} ({}){colon}\n", words::size(total.bytes))
}
