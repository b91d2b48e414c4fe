//! What ran and was stored or not, and why: for explanations. Kept in the derived index, in batches.

use hozon_format::{Digest, Key};
use rusqlite::params;

use crate::index::{self, Index, Removed};
use crate::{Store, StoreError};

/// A computation that ran.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The digest of its recipe.
    pub key: Key,
    /// The label of the computation.
    pub name: String,
    /// How long it ran, in seconds.
    pub seconds: f64,
    /// When it ended, in Unix milliseconds. [`Store::record_run`] sets it.
    pub when_ms: u64,
    /// The process that it ran in, by a random number. [`Store::record_run`] sets it.
    pub session: u64,
    /// Why its result was not stored; `None`: it was.
    pub unstored: Option<String>,
}

/// The runs of this process that are not in the index yet. A forked child starts a session of its own.
#[derive(Debug, Default)]
pub(crate) struct PendingRuns {
    session: Option<u64>,
    runs: Vec<Run>,
}

/// Beside the tables of the index; made where they are not there, whatever its version.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS runs (number INTEGER PRIMARY KEY, session INTEGER NOT NULL,
        when_ms INTEGER NOT NULL, key BLOB NOT NULL, name TEXT NOT NULL, seconds REAL NOT NULL,
        unstored TEXT);
    CREATE TABLE IF NOT EXISTS returned (key BLOB PRIMARY KEY, name TEXT NOT NULL,
        when_ms INTEGER NOT NULL, why TEXT NOT NULL) WITHOUT ROWID;";

/// So many runs are kept, the latest.
const MOST_RUNS: i64 = 100_000;

/// A process that runs more than this between two batches writes one in between.
const MOST_PENDING: usize = 4096;

impl Store {
    /// Notes that a computation ran, in memory; time and session are set here.
    pub fn record_run(&self, run: Run) {
        let when_ms = self.0.system.now_ms();
        let pending = self.0.runs.with(self.0.process(), |pending| {
            let session = *pending.session.get_or_insert_with(|| self.new_session(when_ms));
            pending.runs.push(Run { when_ms, session, ..run });
            pending.runs.len()
        });
        if pending >= MOST_PENDING {
            // A fault of the index is no matter of the program: then the runs are forgotten.
            let _ = self.flush_runs();
        }
    }

    /// Returns the runs that are remembered, latest first, those not written yet included.
    ///
    /// # Errors
    ///
    /// `Index` if it cannot be read.
    pub fn runs(&self) -> Result<Vec<Run>, StoreError> {
        let mut runs = index::with(&self.0, |index| index.runs())?;
        let pending = self.0.runs.with(self.0.process(), |pending| pending.runs.clone());
        runs.splice(0..0, pending.into_iter().rev());
        Ok(runs)
    }

    /// Returns entries that were removed and have been stored again since, latest removal first.
    ///
    /// # Errors
    ///
    /// `Index` if it cannot be read.
    pub fn returned(&self) -> Result<Vec<Removed>, StoreError> {
        index::with(&self.0, |index| index.removed("returned"))
    }

    pub(crate) fn flush_runs(&self) -> Result<(), StoreError> {
        let take = |pending: &mut PendingRuns| std::mem::take(&mut pending.runs);
        let runs = self.0.runs.with(self.0.process(), take);
        if runs.is_empty() {
            return Ok(());
        }
        index::with(&self.0, |index| index.add_runs(&runs))
    }

    fn new_session(&self, when_ms: u64) -> u64 {
        let mut random = [0; 8];
        match self.0.system.fill_random(&mut random) {
            Ok(()) => u64::from_le_bytes(random),
            Err(_) => when_ms ^ u64::from(self.0.process()) << 48,
        }
    }
}

impl Index {
    fn add_runs(&mut self, runs: &[Run]) -> rusqlite::Result<()> {
        let changes = self.connection.transaction()?;
        for run in runs {
            changes
                .prepare_cached(
                    "INSERT INTO runs (session, when_ms, key, name, seconds, unstored)
                        VALUES (?, ?, ?, ?, ?, ?)",
                )?
                .execute(params![
                    run.session.cast_signed(),
                    run.when_ms.cast_signed(),
                    run.key.as_bytes(),
                    run.name,
                    run.seconds,
                    run.unstored
                ])?;
        }
        changes
            .execute("DELETE FROM runs WHERE number <= (SELECT max(number) FROM runs) - ?", [MOST_RUNS])?;
        changes.commit()
    }

    fn runs(&self) -> rusqlite::Result<Vec<Run>> {
        let mut statement = self.connection.prepare(
            "SELECT key, name, seconds, when_ms, session, unstored FROM runs ORDER BY number DESC",
        )?;
        let runs = statement.query_map([], |row| {
            let (when_ms, session): (i64, i64) = (row.get(3)?, row.get(4)?);
            Ok(Run {
                key: Key::from_digest(Digest::from_bytes(row.get(0)?)),
                name: row.get(1)?,
                seconds: row.get(2)?,
                when_ms: when_ms.cast_unsigned(),
                session: session.cast_unsigned(),
                unstored: row.get(5)?,
            })
        })?;
        runs.collect()
    }
}
