//! What a person sees while a notebook runs: the text of its cells, what runs now, what came of it.

use std::collections::BTreeSet;
use std::io::{self, Write};

use hozon_engine::{CellOutcome, CellStatus, NotebookEvent};
use hozon_key::visible;
use hozon_store::Store;

use super::displays::{Text, as_it_runs, displays_of, text_of};
use super::file::NotebookFile;
use super::plan::short_why;
use super::{cells, state};
use crate::words::cut_in_the_middle;

/// So many cells that did not run are named.
const MOST_SKIPPED: usize = 10;

/// Whose text is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Texts {
    /// That of all cells, as a script would print it.
    All,
    /// That of cells that ran, not of those that were restored.
    OfRan,
    /// No cell's.
    None,
}

/// How much is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) texts: Texts,
    /// Errors only.
    pub(super) quiet: bool,
    /// The columns of the terminal, if there is one.
    pub(super) columns: Option<usize>,
}

/// Tells what happens in one run.
pub(super) struct Teller<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    manner: Manner,
    file: &'a NotebookFile,
    store: &'a Store,
    /// How many cells there are to come to.
    all: usize,
    ended: usize,
    skipped: usize,
    /// A line stands on the terminal that makes way for the next one.
    has_passing_line: bool,
    /// The person has asked to stop: what did not run then goes without saying.
    pub(super) is_over: bool,
    /// Why the cells' text cannot be written any more.
    pub(super) unwritable: Option<io::Error>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(
        streams: (&'a mut dyn Write, &'a mut dyn Write),
        manner: Manner,
        file: &'a NotebookFile,
        store: &'a Store,
        all: usize,
    ) -> Self {
        let (out, err) = streams;
        Self {
            out,
            err,
            manner,
            file,
            store,
            all,
            ended: 0,
            skipped: 0,
            has_passing_line: false,
            is_over: false,
            unwritable: None,
        }
    }

    pub(super) fn hear(&mut self, event: &NotebookEvent<'_>) {
        match event {
            NotebookEvent::Started { cell } => self.under_way(*cell, "runs"),
            NotebookEvent::Waits { cell } => self.under_way(*cell, "waits for another run of it"),
            NotebookEvent::Ended(outcome) => {
                self.ended += 1;
                self.is_over |= matches!(outcome.status, CellStatus::Interrupted { .. });
                self.show(outcome);
                self.tell(outcome);
            }
            _ => {}
        }
    }

    /// Tells of the cells that nobody came to, and ends.
    pub(super) fn end(&mut self, outcomes: &[CellOutcome]) {
        let order: BTreeSet<usize> = self.file.graph.order.iter().copied().collect();
        let left_out = outcomes.iter().filter(|outcome| !order.contains(&outcome.cell));
        let skipped: Vec<_> =
            left_out.filter(|outcome| matches!(outcome.status, CellStatus::Skipped { .. })).collect();
        skipped.into_iter().for_each(|outcome| self.tell(outcome));
        if let Some(more) = self.skipped.checked_sub(MOST_SKIPPED + 1) {
            self.say(&format!("and {} more did not run", more + 1));
        }
        self.clear_passing_line();
        let _ = self.err.flush();
    }

    /// A line for standard error.
    pub(super) fn say(&mut self, line: &str) {
        self.clear_passing_line();
        // Where standard error cannot be written, nobody listens.
        let _ = writeln!(self.err, "{line}");
    }

    /// Tells what a cell does now.
    fn under_way(&mut self, cell: usize, does: &str) {
        if self.manner.quiet {
            return;
        }
        let cell = cells::called(&self.file.notebook.cells[cell], cell);
        let Some(columns) = self.manner.columns else { return self.say(&format!("{cell} {does}")) };
        let line = format!("[{}/{}] {cell} {does}", self.ended + 1, self.all);
        let line = cut_in_the_middle(&line, columns.saturating_sub(1));
        self.clear_passing_line();
        let _ = write!(self.err, "{line}").and_then(|()| self.err.flush());
        self.has_passing_line = true;
    }

    fn clear_passing_line(&mut self) {
        if std::mem::take(&mut self.has_passing_line) {
            let _ = write!(self.err, "\r\u{1b}[2K").and_then(|()| self.err.flush());
        }
    }

    /// Prints what a cell shows.
    fn show(&mut self, outcome: &CellOutcome) {
        let restored = state::is_restored(outcome);
        if self.manner.texts == Texts::OfRan && restored {
            return;
        }
        let outputs = as_it_runs(displays_of(self.store, outcome));
        for text in outputs.iter().filter_map(text_of) {
            match text {
                Text::Out(text) if self.manner.texts != Texts::None => self.print(&text),
                Text::Out(_) => {}
                Text::Err(text) => {
                    self.clear_passing_line();
                    let _ = self.err.write_all(text.as_bytes());
                }
            }
        }
        if self.unwritable.is_none() {
            self.unwritable = self.out.flush().err();
        }
    }

    fn print(&mut self, text: &str) {
        self.clear_passing_line();
        if self.unwritable.is_none() {
            self.unwritable = self.out.write_all(text.as_bytes()).err();
        }
    }

    fn tell(&mut self, outcome: &CellOutcome) {
        let cell = &self.file.notebook.cells[outcome.cell];
        let (called, placed) = (cells::called(cell, outcome.cell), cells::placed(self.file, outcome.cell));
        let took = state::time(state::seconds(&outcome.status).unwrap_or_default());
        let why = short_why(outcome);
        match &outcome.status {
            CellStatus::Failed { .. } => self.say(&format!("error: {placed} failed after {took}")),
            CellStatus::Broken { why } => self.say(&format!("error: {placed} cannot run: {}", visible(why))),
            CellStatus::Stale | CellStatus::NotStorable { .. } => {
                self.say(&format!("error: {called} is stale: {why}"));
            }
            _ if self.manner.quiet => {}
            CellStatus::Ran { .. } => self.say(&with_reason(format!("{called} ran in {took}"), &why)),
            CellStatus::Live { why, .. } => {
                self.say(&format!("{called} ran in {took}, not stored: {}", visible(why)));
            }
            CellStatus::Interrupted { .. } => self.say(&format!("{called} was interrupted after {took}")),
            CellStatus::Stopped { .. } if !state::is_restored(outcome) => {
                self.say(&format!("{called} stopped after {took}"));
            }
            CellStatus::Skipped { why } if !self.is_over => self.skipped(&called, why),
            _ => {}
        }
    }

    fn skipped(&mut self, called: &str, why: &str) {
        self.skipped += 1;
        if self.skipped <= MOST_SKIPPED {
            self.say(&format!("{called} did not run: {}", visible(why)));
        }
    }
}

fn with_reason(sentence: String, why: &str) -> String {
    if why.is_empty() { sentence } else { format!("{sentence}: {why}") }
}
