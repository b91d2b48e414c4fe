//! What became of cells, in words, in JSON and in sums.

use std::collections::BTreeSet;

use hozon_engine::{CellOutcome, CellStatus};
use hozon_syntax::CellKind;
use serde::Serialize;

use super::cells;
use super::file::NotebookFile;
use crate::words;

/// A cell in JSON.
#[derive(Debug, Serialize)]
pub(super) struct CellFields {
    number: usize,
    name: Option<String>,
    line: Option<u32>,
    kind: &'static str,
    state: &'static str,
    seconds: Option<f64>,
    why: Vec<String>,
    key: Option<String>,
}

impl CellFields {
    /// Of the cells that were asked for, in the order of the file.
    pub(super) fn all(
        file: &NotebookFile,
        outcomes: &[CellOutcome],
        asked: Option<&BTreeSet<usize>>,
        states: fn(&CellOutcome) -> &'static str,
    ) -> Vec<Self> {
        let outcomes = outcomes.iter().filter(|outcome| is_asked(asked, outcome.cell));
        outcomes.map(|outcome| Self::of(file, outcome, states(outcome))).collect()
    }

    fn of(file: &NotebookFile, outcome: &CellOutcome, state: &'static str) -> Self {
        let cell = &file.notebook.cells[outcome.cell];
        Self {
            number: outcome.cell + 1,
            name: cell.name.clone(),
            line: cells::line(&file.notebook, cell),
            kind: kind_word(cell.kind),
            state,
            seconds: seconds(&outcome.status),
            why: why(outcome),
            key: outcome.entry.map(|key| key.to_string()),
        }
    }
}

pub(super) fn is_asked(asked: Option<&BTreeSet<usize>>, cell: usize) -> bool {
    asked.is_none_or(|asked| asked.contains(&cell))
}

fn kind_word(kind: CellKind) -> &'static str {
    match kind {
        CellKind::Markdown => "markdown",
        CellKind::Raw => "raw",
        _ => "code",
    }
}

/// What a cell is before a run.
pub(super) fn planned_word(outcome: &CellOutcome) -> &'static str {
    match &outcome.status {
        CellStatus::Fresh { .. } => "fresh",
        _ => word(outcome),
    }
}

/// What became of a cell in a run.
pub(super) fn word(outcome: &CellOutcome) -> &'static str {
    match &outcome.status {
        CellStatus::Fresh { .. } => "restored",
        CellStatus::Ran { .. } => "ran",
        CellStatus::Live { .. } => "ran, not stored",
        CellStatus::Failed { .. } => "failed",
        CellStatus::Interrupted { .. } => "interrupted",
        CellStatus::Stopped { .. } => "stopped",
        CellStatus::Skipped { .. } => "skipped",
        CellStatus::Broken { .. } => "cannot run",
        CellStatus::Disabled => "disabled",
        CellStatus::Stale => "stale",
        CellStatus::NotStorable { .. } => "not storable",
        CellStatus::Waiting { .. } => "waiting",
        CellStatus::Text => "text",
        _ => "other",
    }
}

/// How long a cell ran: now, or when its result was made.
pub(super) fn seconds(status: &CellStatus) -> Option<f64> {
    match status {
        CellStatus::Fresh { seconds, .. }
        | CellStatus::Ran { seconds }
        | CellStatus::Live { seconds, .. }
        | CellStatus::Failed { seconds }
        | CellStatus::Interrupted { seconds }
        | CellStatus::Stopped { seconds } => Some(*seconds),
        _ => None,
    }
}

/// Why a cell ran, would run or did not: lines for people.
pub(super) fn why(outcome: &CellOutcome) -> Vec<String> {
    match &outcome.status {
        CellStatus::Skipped { why } | CellStatus::Broken { why } | CellStatus::NotStorable { why } => {
            vec![why.clone()]
        }
        CellStatus::Waiting { on } => vec![format!("cell {} runs first", on + 1)],
        CellStatus::Live { why, .. } => {
            let unstored = format!("not stored: {why}");
            let others = outcome.why.iter().filter(|line| **line != unstored).cloned();
            others.chain([unstored.clone()]).collect()
        }
        _ => outcome.why.clone(),
    }
}

/// Sums over the cells of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Totals {
    /// Without those that hold text.
    pub(super) cells: usize,
    pub(super) restored: usize,
    pub(super) ran: usize,
    pub(super) failed: usize,
    pub(super) cannot_run: usize,
    pub(super) skipped: usize,
    pub(super) stale: usize,
    pub(super) interrupted: bool,
    pub(super) ran_seconds: f64,
    pub(super) saved_seconds: f64,
}

impl Totals {
    /// Sums up a run of the cells that were asked for.
    pub(super) fn of(outcomes: &[CellOutcome], asked: Option<&BTreeSet<usize>>) -> Self {
        let mut totals = Self::default();
        let asked = outcomes.iter().filter(|outcome| is_asked(asked, outcome.cell));
        asked.filter(|outcome| outcome.status != CellStatus::Text).for_each(|outcome| totals.add(outcome));
        totals
    }

    fn add(&mut self, outcome: &CellOutcome) {
        self.cells += 1;
        let seconds = seconds(&outcome.status).unwrap_or(0.0);
        if is_restored(outcome) {
            self.restored += 1;
            self.saved_seconds += seconds;
            return;
        }
        self.ran_seconds += seconds;
        match &outcome.status {
            CellStatus::Ran { .. } | CellStatus::Live { .. } | CellStatus::Stopped { .. } => self.ran += 1,
            CellStatus::Failed { .. } => self.failed += 1,
            CellStatus::Interrupted { .. } => self.interrupted = true,
            CellStatus::Broken { .. } => self.cannot_run += 1,
            CellStatus::Stale | CellStatus::NotStorable { .. } => self.stale += 1,
            CellStatus::Skipped { .. } | CellStatus::Waiting { .. } => self.skipped += 1,
            _ => {}
        }
    }

    /// One line: `30 cells: 28 restored, 2 ran in 3.1 s; 21.4 s saved`.
    pub(super) fn line(&self) -> String {
        let mut parts = vec![format!("{} restored", self.restored)];
        if self.ran > 0 {
            parts.push(format!("{} ran in {}", self.ran, time(self.ran_seconds)));
        }
        let others = [
            (self.failed, "failed"),
            (self.cannot_run, "cannot run"),
            (self.stale, "stale"),
            (self.skipped, "skipped"),
        ];
        parts.extend(
            others.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")),
        );
        if self.interrupted {
            parts.push("interrupted".to_owned());
        }
        let cells = words::count_of(self.cells as u64, "cell", "cells");
        format!("{cells}: {}; {} saved", parts.join(", "), time(self.saved_seconds))
    }
}

/// Tells whether a cell's results, and how it ended, came from the store.
pub(super) fn is_restored(outcome: &CellOutcome) -> bool {
    match &outcome.status {
        CellStatus::Fresh { .. } => true,
        CellStatus::Stopped { .. } => outcome.displays.is_none(),
        _ => false,
    }
}

/// Seconds in words.
pub(super) fn time(seconds: f64) -> String {
    words::duration((seconds * 1e9).round() as u128)
}
