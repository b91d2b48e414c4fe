//! `hozon ci restore` and `hozon ci save`: results between a store and the folder that a CI keeps.

use std::collections::{BTreeMap, HashMap, HashSet};

use hozon_engine::{Transfer, known_key, transfer};
use hozon_format::{Digest, Key};
use hozon_key::visible;
use hozon_store::{Filter, Store, Summary};
use serde::{Deserialize, Serialize};

use super::total_bytes;
use crate::failure::Failure;
use crate::report::Report;
use crate::words;

/// The name under which a store remembers the last `ci restore`.
const MARK: &str = "ci restore";

/// When `ci restore` was, what it brought, and what the store had been good for until then.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) restored_ms: u64,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) refused: u64,
    pub(super) uses: u64,
    pub(super) saved_seconds: f64,
}

/// What `ci save` was asked for.
pub(crate) struct SaveAsked {
    pub(crate) touched_only: bool,
    pub(crate) max_size: Option<u64>,
}

/// What came of the entries of a folder.
#[derive(Default, Serialize)]
struct Moved {
    store: String,
    folder: Option<String>,
    /// Entries that are there now and were not.
    copied: u64,
    copied_bytes: u64,
    present: u64,
    /// Reasons, and how many entries were not taken for each.
    refused: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct Saved {
    #[serde(flatten)]
    moved: Moved,
    bytes: u64,
    untouched: u64,
    over_max_size: u64,
    removed: u64,
}

/// Returns when and how results were restored; `None` if the store does not know.
pub(super) fn mark_of(store: &Store) -> Option<Mark> {
    let text = store.mark(MARK).ok()??;
    serde_json::from_str(&text).ok()
}

/// Brings every entry of the folder that this user's key sealed into the store.
pub(crate) fn ci_restore(store: &Store, from: Option<&Store>, json: bool) -> Result<Report, Failure> {
    let restored_ms = store.system().now_ms();
    let before = store.summaries()?;
    let mut moved = Moved::of(store, from);
    if let Some(from) = from {
        for key in from.keys()? {
            let size = moved.take(from, store, &key)?;
            moved.copied_bytes += size;
        }
        let roots = from.roots().into_iter().filter(|(name, _)| store.root(name).is_none());
        set_roots(store, roots.collect(), |key| store.entry_for_explaining(key).is_some())?;
    }
    let refused = moved.refused.values().sum();
    let uses = before.iter().map(|summary| summary.uses).sum();
    let saved_seconds = before.iter().map(|summary| summary.seconds_saved).sum();
    let (entries, bytes) = (moved.copied + moved.present, moved.copied_bytes);
    let mark = Mark { restored_ms, entries, bytes, refused, uses, saved_seconds };
    store.set_mark(MARK, &serde_json::to_string(&mark).unwrap_or_default())?;
    let report = if json { Report::json(&moved) } else { Report::text(restored_text(&moved)) };
    Ok(with_refusals(report, &moved))
}

fn restored_text(moved: &Moved) -> String {
    let Some(folder) = &moved.folder else {
        return "nothing to restore: there is nothing in the folder yet\n".to_owned();
    };
    let results = words::count_of(moved.copied, "result", "results");
    let mut text =
        format!("restored {results} ({}) from {}\n", words::size(moved.copied_bytes), visible(folder));
    if moved.present > 0 {
        text += &format!("there already: {}\n", moved.present);
    }
    text
}

/// Each reason is told once; none is an error: what was not taken is computed.
fn with_refusals(report: Report, moved: &Moved) -> Report {
    moved.refused.iter().fold(report, |report, (why, count)| {
        let results = words::count_of(*count, "result was", "results were");
        report.note(format!("note: {results} not taken: {}", visible(why)))
    })
}

/// Writes entries of the store to the folder, and removes what else this user's key has sealed there.
pub(crate) fn ci_save(store: &Store, to: &Store, json: bool, asked: &SaveAsked) -> Result<Report, Failure> {
    if store.folder() == to.folder() {
        return Err(Failure::usage("the folder is the store itself").hint("give another folder"));
    }
    let summaries = store.summaries()?;
    let since_ms = mark_of(store).filter(|_| asked.touched_only).map_or(0, |mark| mark.restored_ms);
    let touched = |summary: &&Summary| {
        summary.facts.created_ms >= since_ms || summary.last_used_ms.is_some_and(|used| used >= since_ms)
    };
    let wanted: Vec<&Summary> = summaries.iter().filter(touched).collect();
    let chosen = within(store, &wanted, asked.max_size);
    let mut moved = Moved::of(store, Some(to));
    let mut keep = HashSet::new();
    for key in &chosen.keys {
        let size = moved.take(store, to, key)?;
        moved.copied_bytes += size;
        keep.insert(*key);
        keep.extend(store.entry_for_explaining(key).and_then(|entry| known_key(&entry)));
    }
    let removed = to.clear_because(&Filter::AllBut(keep.clone()), "left out")?.entries;
    set_roots(to, store.roots(), |key| keep.contains(key))?;
    let saved = Saved {
        moved,
        bytes: chosen.bytes,
        untouched: (summaries.len() - wanted.len()) as u64,
        over_max_size: (wanted.len() - chosen.keys.len()) as u64,
        removed,
    };
    let report = if json { Report::json(&saved) } else { Report::text(saved_text(&saved)) };
    let report = with_refusals(report, &saved.moved);
    let no_mark = asked.touched_only && since_ms == 0;
    Ok(if no_mark {
        report.note("note: `hozon ci restore` did not run before, so all counts as touched")
    } else {
        report
    })
}

fn saved_text(saved: &Saved) -> String {
    let moved = &saved.moved;
    let results = words::count_of(moved.copied + moved.present, "result", "results");
    let folder = moved.folder.as_deref().unwrap_or_default();
    let mut text = format!(
        "saved {results} ({}) to {}: {} new, {} there already\n",
        words::size(saved.bytes),
        visible(folder),
        moved.copied,
        moved.present
    );
    let others = [
        ("not touched", saved.untouched),
        ("over the size", saved.over_max_size),
        ("removed there", saved.removed),
    ];
    for (what, count) in others.iter().filter(|(_, count)| *count > 0) {
        text += &format!("{what}: {count}\n");
    }
    text
}

impl Moved {
    fn of(store: &Store, folder: Option<&Store>) -> Self {
        let shown = |store: &Store| store.folder().to_string_lossy().into_owned();
        Self { store: shown(store), folder: folder.map(shown), ..Self::default() }
    }

    /// Brings one entry over, counts it, and returns how many bytes are new.
    fn take(&mut self, from: &Store, to: &Store, key: &Key) -> Result<u64, Failure> {
        match transfer(from, to, key)? {
            Transfer::Copied(blob_bytes) => {
                self.copied += 1;
                let entry = to.entry_for_explaining(key).map_or(0, |entry| entry.recipe.len() as u64);
                return Ok(blob_bytes + entry);
            }
            Transfer::Present | Transfer::Disagrees => self.present += 1,
            Transfer::Refused(why) => *self.refused.entry(general(why.to_string())).or_default() += 1,
        }
        Ok(0)
    }
}

/// The reason without the place of one file, so that equal ones are told once.
fn general(why: String) -> String {
    match why.split_once("; it is now at ") {
        Some((reason, _)) => reason.to_owned(),
        None if why.starts_with("the blob ") => "a part of it was damaged or missing".to_owned(),
        None => why,
    }
}

fn set_roots(to: &Store, roots: Vec<(String, Key)>, is_there: impl Fn(&Key) -> bool) -> Result<(), Failure> {
    for (name, key) in roots.iter().filter(|(_, key)| is_there(key)) {
        to.set_root(name, key)?;
    }
    Ok(())
}

/// Entries that are to be saved.
struct Chosen {
    keys: Vec<Key>,
    bytes: u64,
}

/// Chooses what took longest for its size first. Blobs that entries share are counted once.
fn within(store: &Store, wanted: &[&Summary], max_size: Option<u64>) -> Chosen {
    let worth = |summary: &Summary| summary.facts.duration_ns as f64 / total_bytes(summary).max(1) as f64;
    let mut order: Vec<&&Summary> = wanted.iter().collect();
    order.sort_by(|one, other| worth(other).total_cmp(&worth(one)));
    let (mut chosen, mut counted) = (Chosen { keys: Vec::new(), bytes: 0 }, HashSet::<Digest>::new());
    for summary in order {
        let Some(entry) = store.entry_for_explaining(&summary.key) else { continue };
        let blobs: HashMap<Digest, u64> =
            entry.blobs().filter(|(digest, _)| !counted.contains(digest)).collect();
        let bytes = summary.size_bytes + blobs.values().sum::<u64>();
        if max_size.is_some_and(|most| chosen.bytes + bytes > most) {
            continue;
        }
        chosen.bytes += bytes;
        counted.extend(blobs.into_keys());
        chosen.keys.push(summary.key);
    }
    chosen
}
