//! What came of each cell, and what is told while a notebook runs.

use hozon_format::Key;

/// What came of one cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CellOutcome {
    /// The position in the notebook.
    pub cell: usize,
    /// What it was.
    pub status: CellStatus,
    /// Why it ran, or would run: lines for people.
    pub why: Vec<String>,
    /// Its entry, if it has one.
    pub entry: Option<Key>,
    /// What it shows, a JSON list; none if that is in its entry, or nothing.
    pub displays: Option<String>,
}

/// What a cell was.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CellStatus {
    /// Its results are in the store.
    Fresh {
        /// How long it took when it ran.
        seconds: f64,
        /// When it ran, in Unix milliseconds.
        made_ms: u64,
    },
    /// It ran, and its results are stored.
    Ran {
        /// How long it took.
        seconds: f64,
    },
    /// It ran, and its results are not stored.
    Live {
        /// How long it took.
        seconds: f64,
        /// Why not.
        why: String,
    },
    /// It raised an exception.
    Failed {
        /// How long it took.
        seconds: f64,
    },
    /// The person stopped it, and with it the run.
    Interrupted {
        /// How long it took until then.
        seconds: f64,
    },
    /// It ended early, by `mo.stop`.
    Stopped {
        /// How long it took.
        seconds: f64,
    },
    /// It did not run, as something else came to nothing or was not asked for.
    Skipped {
        /// Why not.
        why: String,
    },
    /// It cannot run: its text or its place among the cells is at fault, or what it reads cannot be had.
    Broken {
        /// Why not.
        why: String,
    },
    /// Its author has turned it off.
    Disabled,
    /// Planned: it would run.
    Stale,
    /// Planned: it would run, as it does each time, since its results are not to be stored.
    NotStorable {
        /// Why not.
        why: String,
    },
    /// Planned: it may run, which only running another cell tells.
    Waiting {
        /// The position of that cell.
        on: usize,
    },
    /// It holds text.
    Text,
}

/// What happens while a notebook runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum NotebookEvent<'a> {
    /// A cell begins to run.
    Started {
        /// Its position.
        cell: usize,
    },
    /// Another run of the notebook has the turn to run a cell: its result is waited for.
    Waits {
        /// Its position.
        cell: usize,
    },
    /// A moment has passed in which another run is waited for, or a cell that was begun ahead of its turn.
    Waiting,
    /// A cell is done, restored or skipped.
    Ended(&'a CellOutcome),
}
