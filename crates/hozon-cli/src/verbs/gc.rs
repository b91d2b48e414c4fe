//! `hozon gc`: what is worth least goes, until the rest fits.

use std::collections::BTreeMap;

use hozon_store::{Collected, Store};
use serde::Serialize;

use super::nanoseconds;
use crate::failure::Failure;
use crate::report::{Report, View};
use crate::table::{Align, table};
use crate::words;

#[derive(Serialize)]
struct Gone {
    store: String,
    dry_run: bool,
    max_bytes: Option<u64>,
    entries_before: u64,
    bytes_before: u64,
    bytes: u64,
    entries: u64,
    seconds: f64,
    removed_blobs: u64,
    removed_bytes: u64,
    names: Vec<Named>,
    gone: Vec<Entry>,
}

#[derive(Default, Serialize)]
struct Named {
    name: String,
    entries: u64,
    bytes: u64,
    seconds: f64,
}

#[derive(Serialize)]
struct Entry {
    key: String,
    name: String,
    bytes: u64,
    seconds: f64,
}

/// Brings the store down to `max_bytes`, else to its own bound; or tells what would go.
pub(crate) fn gc(
    store: &Store,
    view: View,
    max_bytes: Option<u64>,
    dry_run: bool,
) -> Result<Report, Failure> {
    let collected = store.collect(max_bytes, dry_run)?;
    let gone = fields(store, &collected, dry_run);
    let report = if view.json { Report::json(&gone) } else { Report::text(text(&gone, view)) };
    Ok(match gone.max_bytes {
        Some(most) if gone.bytes > most => report.note(format!(
            "note: {} too much stays: it is kept by names, being computed, was stored just now, or cannot be \
             removed",
            words::size(gone.bytes - most)
        )),
        _ => report,
    })
}

fn fields(store: &Store, collected: &Collected, dry_run: bool) -> Gone {
    let mut names: BTreeMap<&str, Named> = BTreeMap::new();
    for victim in &collected.victims {
        let named = names.entry(&victim.name).or_default();
        named.entries += 1;
        named.bytes += victim.bytes;
        named.seconds += victim.seconds;
    }
    let mut names: Vec<Named> =
        names.into_iter().map(|(name, named)| Named { name: name.to_owned(), ..named }).collect();
    names.sort_by_key(|named| std::cmp::Reverse(named.bytes));
    let gone = collected.victims.iter().map(|victim| Entry {
        key: victim.key.to_string(),
        name: victim.name.clone(),
        bytes: victim.bytes,
        seconds: victim.seconds,
    });
    Gone {
        store: store.folder().to_string_lossy().into_owned(),
        dry_run,
        max_bytes: collected.bound,
        entries_before: collected.entries_before,
        bytes_before: collected.bytes_before,
        bytes: collected.bytes,
        entries: collected.victims.len() as u64,
        seconds: collected.victims.iter().map(|victim| victim.seconds).sum(),
        removed_blobs: collected.removed.blobs,
        removed_bytes: collected.removed.bytes,
        names,
        gone: gone.collect(),
    }
}

const HEADER: [(&str, Align); 4] = [
    ("NAME", Align::Left),
    ("ENTRIES", Align::Right),
    ("SIZE", Align::Right),
    ("TO COMPUTE AGAIN", Align::Right),
];

fn text(gone: &Gone, view: View) -> String {
    let bound = gone.max_bytes.map_or_else(|| "no bound".to_owned(), words::size);
    if gone.entries == 0 {
        let size = words::size(gone.bytes_before);
        let unneeded = match gone.removed_bytes {
            0 => String::new(),
            bytes => format!("; {} that nothing needed is removed", words::size(bytes)),
        };
        return format!("nothing has to go: {size} of {bound}{unneeded}\n");
    }
    let rows = gone.names.iter().map(row).collect();
    let (would, take) = if gone.dry_run { (" would go", "would take") } else { (" went", "takes") };
    format!(
        "{}\n{} of {}{would}: {} of {} ({bound} may stay); to compute them again {take} {}\n",
        table(HEADER, rows, view.width),
        gone.entries,
        words::count_of(gone.entries_before, "entry", "entries"),
        words::size(gone.bytes_before - gone.bytes),
        words::size(gone.bytes_before),
        words::duration(nanoseconds(gone.seconds)),
    )
}

fn row(named: &Named) -> [String; 4] {
    [
        words::name(&named.name).into_owned(),
        named.entries.to_string(),
        words::size(named.bytes),
        words::duration(nanoseconds(named.seconds)),
    ]
}
