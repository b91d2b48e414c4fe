//! `hozon ci report` and `hozon ci check`: what was restored and what ran since `hozon ci restore`.

use hozon_engine::Memory;
use hozon_store::{Store, Summary};
use serde::Serialize;

use super::cascade::{self, Groups};
use super::ci::{Mark, mark_of};
use super::nanoseconds;
use crate::arguments::ReportFormat;
use crate::failure::Failure;
use crate::report::{Report, View};
use crate::{EXIT_MISSING, EXIT_STALE, words};

#[derive(Serialize)]
struct CiReport {
    store: String,
    restored_ms: Option<u64>,
    restored: u64,
    restored_bytes: u64,
    refused: u64,
    used: u64,
    saved_seconds: f64,
    computed: Groups,
}

#[derive(Serialize)]
struct Checked {
    sound: bool,
    fresh: bool,
    damaged: Vec<String>,
    computed: Groups,
}

/// What happened since the mark; without one, since the store was made.
struct Since {
    mark: Mark,
    is_marked: bool,
    used: u64,
    saved_seconds: f64,
}

impl Since {
    fn of(store: &Store, summaries: &[Summary]) -> Self {
        let mark = mark_of(store);
        let (is_marked, mark) = (mark.is_some(), mark.unwrap_or_default());
        let uses: u64 = summaries.iter().map(|summary| summary.uses).sum();
        let seconds: f64 = summaries.iter().map(|summary| summary.seconds_saved).sum();
        let (used, saved_seconds) = (uses.saturating_sub(mark.uses), (seconds - mark.saved_seconds).max(0.0));
        Self { mark, is_marked, used, saved_seconds }
    }
}

/// Tells what was restored and what was computed, and why.
pub(crate) fn ci_report(store: &Store, view: View, format: ReportFormat) -> Result<Report, Failure> {
    let summaries = store.summaries()?;
    let memory = Memory::of(store);
    let since = Since::of(store, &summaries);
    let ran = cascade::since(store, &summaries, &memory, since.mark.restored_ms);
    let format = if view.json { ReportFormat::Json } else { format };
    let report = match format {
        ReportFormat::Json => Report::json(&CiReport {
            store: store.folder().to_string_lossy().into_owned(),
            restored_ms: since.is_marked.then_some(since.mark.restored_ms),
            restored: since.mark.entries,
            restored_bytes: since.mark.bytes,
            refused: since.mark.refused,
            used: since.used,
            saved_seconds: since.saved_seconds,
            computed: cascade::report_fields(store, view, &summaries, &memory, &ran),
        }),
        ReportFormat::Md => {
            let causes = cascade::causes(store, view, &summaries, &memory, &ran);
            Report::text(markdown(&since, &causes))
        }
        ReportFormat::Text => {
            let (scope, computed) = ran;
            let report = cascade::report(store, view, &summaries, &memory, &scope, computed);
            let out = format!("{}\n{}", summed_up(&since), report.out);
            Report { out, ..report }
        }
    };
    Ok(match since.is_marked {
        true => report,
        false => report.note("note: `hozon ci restore` did not run here: this is all that is remembered"),
    })
}

/// `restored 12 results (3.4 MiB); 30 were used, which saved 4 min 2 s`
fn summed_up(since: &Since) -> String {
    let results = words::count_of(since.mark.entries, "result", "results");
    let (size, used) = (words::size(since.mark.bytes), words::count_of(since.used, "use", "uses"));
    let saved = words::duration(nanoseconds(since.saved_seconds));
    format!("restored {results} ({size}); {used} saved {saved}\n")
}

fn markdown(since: &Since, causes: &[(String, String, f64)]) -> String {
    let mut text = format!("### hozon\n\n{}", summed_up(since));
    if since.mark.refused > 0 {
        text += &format!("\n{} stored results were not taken.\n", since.mark.refused);
    }
    if causes.is_empty() {
        return text + "\nNothing was computed.\n";
    }
    text += "\n| why | what | took |\n|---|---|---:|\n";
    for (why, names, seconds) in causes {
        let took = words::duration(nanoseconds(*seconds));
        text += &format!("| {} | {} | {took} |\n", cell(why), cell(names));
    }
    text
}

/// A text in a cell of a table: nothing in it is markup. Names are those of a person's code.
fn cell(text: &str) -> String {
    let mut cell = String::new();
    for character in text.trim().chars() {
        match character {
            '\n' => cell += "<br>",
            '<' => cell += "&lt;",
            '>' => cell += "&gt;",
            '&' => cell += "&amp;",
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '!' | '@' | '$' => {
                cell.push('\\');
                cell.push(character);
            }
            _ => cell.push(character),
        }
    }
    cell
}

/// Fails where anything was computed since the restore, or the store is damaged.
pub(crate) fn ci_check(store: &Store, view: View) -> Result<Report, Failure> {
    let Some(mark) = mark_of(store) else {
        return Err(Failure::missing("`hozon ci restore` did not run on this store, so nothing is expected")
            .hint("run it first, then what is to be checked"));
    };
    let damaged: Vec<String> = store
        .verify(false)?
        .problems
        .iter()
        .map(|problem| format!("{}: {}", problem.path.display(), problem.kind))
        .collect();
    let summaries = store.summaries()?;
    let memory = Memory::of(store);
    let ran = cascade::since(store, &summaries, &memory, mark.restored_ms);
    let fields = cascade::report_fields(store, view, &summaries, &memory, &ran);
    let fresh = fields.is_empty();
    let code = match (damaged.is_empty(), fresh) {
        (false, _) => EXIT_MISSING,
        (true, false) => EXIT_STALE,
        (true, true) => crate::EXIT_DONE,
    };
    let report = if view.json {
        Report::json(&Checked { sound: damaged.is_empty(), fresh, damaged, computed: fields })
    } else {
        let (scope, computed) = ran;
        let told = cascade::report(store, view, &summaries, &memory, &scope, computed);
        Report::text(check_text(&damaged, fresh, &told.out))
    };
    Ok(report.code(code))
}

fn check_text(damaged: &[String], fresh: bool, told: &str) -> String {
    let mut text: String = damaged.iter().map(|problem| format!("{}\n", words::name(problem))).collect();
    if !damaged.is_empty() {
        text += "the store is damaged: `hozon verify --repair` moves damaged files aside\n";
    }
    text + if fresh { "nothing was computed since `hozon ci restore`\n" } else { told }
}
