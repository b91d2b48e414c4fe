//! `hozon plan`.

use std::collections::{BTreeSet, HashMap};

use hozon_engine::{CellOutcome, CellStatus, name_of_cell};
use hozon_key::visible;
use serde::Serialize;

use super::file::NotebookFile;
use super::session::{Purpose, Session};
use super::state::{self, CellFields};
use super::{cells, faults};
use crate::Context;
use crate::arguments::{Common, NotebookArguments};
use crate::failure::Failure;
use crate::report::Report;
use crate::table::{Align, table_giving_way};

#[derive(Serialize)]
struct PlanFields {
    notebook: String,
    store: String,
    cells: Vec<CellFields>,
    faults: Vec<faults::FaultFields>,
}

/// Tells which cells of a notebook would run, and why. Nothing runs and no process is started.
pub(crate) fn plan(
    arguments: &NotebookArguments,
    common: &Common,
    context: &mut Context<'_>,
) -> Result<Report, Failure> {
    let (session, file, settings) = Session::open(arguments, common, context, Purpose::Look)?;
    let asked = cells::select(&file.notebook, &arguments.cells)?;
    let outcomes = session.plan(&file, &settings);
    // What was found out about files that were touched saves the next look-up from reading them.
    let notes = session.notes.iter().cloned().chain(notes_of(&file));
    if common.json {
        let report = Report::json(&PlanFields {
            notebook: file.path.to_string_lossy().into_owned(),
            store: session.store.folder().to_string_lossy().into_owned(),
            cells: CellFields::all(&file, &outcomes, asked.as_ref(), state::planned_word),
            faults: faults::fields(&file),
        });
        return Ok(notes.fold(report, Report::note));
    }
    let last = last_seconds(&session, &settings.notebook.label, &file, &outcomes);
    let text = text(&file, &outcomes, asked.as_ref(), &last, context.width);
    Ok(notes.fold(Report::text(text), Report::note))
}

/// What standard error says of a notebook beside what its cells do.
pub(super) fn notes_of(file: &NotebookFile) -> impl Iterator<Item = String> {
    faults::lines(file).into_iter().chain(file.notes().into_iter().map(|note| format!("note: {note}")))
}

/// How long stale cells took when they last ran, as far as that is stored.
fn last_seconds(
    session: &Session<'_>,
    label: &str,
    file: &NotebookFile,
    outcomes: &[CellOutcome],
) -> HashMap<usize, f64> {
    let unknown = outcomes.iter().filter(|outcome| would_run(outcome)).map(|outcome| outcome.cell);
    let mut names: HashMap<String, usize> =
        unknown.map(|cell| (name_of_cell(label, &file.notebook.cells[cell], cell), cell)).collect();
    if names.is_empty() {
        return HashMap::new();
    }
    let summaries = session.store.summaries().unwrap_or_default();
    // The newest comes first.
    let found = summaries.iter().filter_map(|summary| {
        Some((names.remove(&summary.facts.name)?, summary.facts.duration_ns as f64 / 1e9))
    });
    found.collect()
}

fn would_run(outcome: &CellOutcome) -> bool {
    matches!(outcome.status, CellStatus::Stale | CellStatus::NotStorable { .. } | CellStatus::Waiting { .. })
}

const HEADER: [(&str, Align); 5] = [
    ("CELL", Align::Right),
    ("NAME", Align::Left),
    ("STATE", Align::Left),
    ("TOOK", Align::Right),
    ("WHY", Align::Left),
];

const WHY_COLUMN: usize = 4;

fn text(
    file: &NotebookFile,
    outcomes: &[CellOutcome],
    asked: Option<&BTreeSet<usize>>,
    last: &HashMap<usize, f64>,
    width: Option<usize>,
) -> String {
    let shown = || outcomes.iter().filter(|outcome| state::is_asked(asked, outcome.cell));
    let rows: Vec<[String; 5]> = shown().map(|outcome| row(file, outcome, last)).collect();
    if rows.is_empty() {
        return "no cells\n".to_owned();
    }
    format!("{}\n{}\n", table_giving_way(WHY_COLUMN, HEADER, rows, width), summary(shown()))
}

fn row(file: &NotebookFile, outcome: &CellOutcome, last: &HashMap<usize, f64>) -> [String; 5] {
    let seconds = state::seconds(&outcome.status).or_else(|| last.get(&outcome.cell).copied());
    [
        (outcome.cell + 1).to_string(),
        cells::title(&file.notebook.cells[outcome.cell]),
        state::planned_word(outcome).to_owned(),
        seconds.map_or_else(|| "-".to_owned(), state::time),
        short_why(outcome),
    ]
}

/// The first line of why, and how many there are beside it.
pub(super) fn short_why(outcome: &CellOutcome) -> String {
    let lines = state::why(outcome);
    let Some(first) = lines.first() else { return String::new() };
    let first = visible(first.trim());
    match lines.len() - 1 {
        0 => first.into_owned(),
        more => format!("{first} (and {more} more)"),
    }
}

/// `30 cells: 28 fresh, 1 stale, 1 waiting`.
fn summary<'a>(outcomes: impl Iterator<Item = &'a CellOutcome>) -> String {
    let mut counts: Vec<(&'static str, u64)> = Vec::new();
    let mut all = 0;
    for word in outcomes.filter(|outcome| outcome.status != CellStatus::Text).map(state::planned_word) {
        all += 1;
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    let parts: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    let cells = crate::words::count_of(all, "cell", "cells");
    if parts.is_empty() { cells } else { format!("{cells}: {}", parts.join(", ")) }
}
