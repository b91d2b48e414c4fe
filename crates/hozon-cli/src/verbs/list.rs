//! `hozon ls`.

use hozon_key::visible;
use hozon_store::{Store, Summary};
use serde::Serialize;

use super::{EntryFields, nanoseconds, total_bytes};
use crate::failure::Failure;
use crate::report::{Report, View};
use crate::table::{Align, table};
use crate::words;

#[derive(Serialize)]
struct Listing {
    store: String,
    entries: Vec<EntryFields>,
}

/// Lists the entries, newest first.
pub(crate) fn list(store: &Store, view: View) -> Result<Report, Failure> {
    let summaries = store.summaries()?;
    let folder = store.folder().to_string_lossy();
    if view.json {
        let entries = summaries.iter().map(EntryFields::from).collect();
        return Ok(Report::json(&Listing { store: folder.into_owned(), entries }));
    }
    if summaries.is_empty() {
        return Ok(Report::text("").note(format!("nothing is stored in {}", visible(&folder))));
    }
    let rows = summaries.iter().map(|summary| row(summary, view.now_ms)).collect();
    Ok(Report::text(table(HEADER, rows, view.width)))
}

const HEADER: [(&str, Align); 6] = [
    ("NAME", Align::Left),
    ("KEY", Align::Left),
    ("SIZE", Align::Right),
    ("RAN", Align::Right),
    ("SAVED", Align::Right),
    ("MADE", Align::Left),
];

fn row(summary: &Summary, now_ms: u64) -> [String; 6] {
    let saved = nanoseconds(summary.seconds_saved);
    [
        words::name(&summary.facts.name).into_owned(),
        summary.key.short(),
        words::size(total_bytes(summary)),
        words::duration(summary.facts.duration_ns.into()),
        if saved == 0 { "-".to_owned() } else { words::duration(saved) },
        words::age(summary.facts.created_ms, now_ms),
    ]
}
