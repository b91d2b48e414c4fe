//! Results of one key whose bytes differ: a computation that is not a function of what its key holds, or a
//! signer who is wrong. Kept in the derived index.

use hozon_format::{Entry, Facts, Key, Origin};
use rusqlite::params;

use crate::index::{self, Index, key_in};
use crate::{Lookup, Store, StoreError};

/// Two results of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The key.
    pub key: Key,
    /// The name of the computation.
    pub name: String,
    /// When the second one came, in Unix milliseconds.
    pub when_ms: u64,
    /// Whose result was there, for people.
    pub first: String,
    /// Whose came then, for people. If it is the user's own, it replaced the first.
    pub second: String,
}

/// Beside the tables of the index; made where it is not there, whatever its version.
pub(crate) const SCHEMA: &str =
    "CREATE TABLE IF NOT EXISTS disagreements (key BLOB NOT NULL, name TEXT NOT NULL,
    when_ms INTEGER NOT NULL, first TEXT NOT NULL, second TEXT NOT NULL, PRIMARY KEY (key, first, second))
    WITHOUT ROWID;";
/// What is found out again when it happens again need not be kept for ever.
const MOST: i64 = 10_000;

impl Store {
    /// Returns the disagreements, latest first, as far as the index remembers.
    ///
    /// # Errors
    ///
    /// `Index` if it cannot be read.
    pub fn disagreements(&self) -> Result<Vec<Disagreement>, StoreError> {
        index::with(&self.0, |index| index.disagreements())
    }

    /// Notes it if two entries of one key have other outputs. What cannot be noted is noted the next time.
    pub fn compare(&self, there: &Entry, other: &Entry) -> bool {
        let differs = there.outputs != other.outputs;
        if differs {
            let disagreement = Disagreement {
                key: there.key,
                name: there.facts.name.clone(),
                when_ms: self.0.system.now_ms(),
                first: whose(&there.facts),
                second: whose(&other.facts),
            };
            let _ = index::with(&self.0, |index| index.note_disagreement(&disagreement));
        }
        differs
    }

    /// Returns the entry that a new one of its key replaces, if it would be used.
    pub(crate) fn replaced_by_put(&self, key: &Key) -> Option<Box<Entry>> {
        match self.get(key) {
            Lookup::Hit(entry) => Some(entry),
            Lookup::Miss(_) => None,
        }
    }
}

fn whose(facts: &Facts) -> String {
    match facts.origin() {
        Origin::Own => "own".to_owned(),
        Origin::Signed(signer) => signer.to_string(),
        Origin::Unreadable => "unknown".to_owned(),
    }
}

impl Index {
    fn note_disagreement(&self, of: &Disagreement) -> rusqlite::Result<()> {
        let when_ms = i64::try_from(of.when_ms).unwrap_or(i64::MAX);
        self.connection.execute(
            "REPLACE INTO disagreements VALUES (?, ?, ?, ?, ?)",
            params![of.key.as_bytes(), of.name, when_ms, of.first, of.second],
        )?;
        self.connection.execute(
            "DELETE FROM disagreements WHERE when_ms < (SELECT when_ms FROM disagreements
                ORDER BY when_ms DESC LIMIT 1 OFFSET ?)",
            [MOST],
        )?;
        Ok(())
    }

    fn disagreements(&self) -> rusqlite::Result<Vec<Disagreement>> {
        let mut statement = self
            .connection
            .prepare("SELECT key, name, when_ms, first, second FROM disagreements ORDER BY when_ms DESC")?;
        let rows = statement.query_map([], |row| {
            let when_ms: i64 = row.get(2)?;
            Ok(Disagreement {
                key: key_in(row, 0)?,
                name: row.get(1)?,
                when_ms: when_ms.try_into().unwrap_or(0),
                first: row.get(3)?,
                second: row.get(4)?,
            })
        })?;
        rows.collect()
    }
}
