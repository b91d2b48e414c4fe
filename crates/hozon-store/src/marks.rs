//! Marks: moments and figures that a later command wants to know. Kept in the derived index.

use rusqlite::{OptionalExtension, params};

use crate::index::{self, Index};
use crate::{Store, StoreError};

/// Beside the tables of the index; made where it is not there, whatever its version.
pub(crate) const SCHEMA: &str =
    "CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;";

impl Store {
    /// Remembers a text under a name, in place of an earlier one.
    ///
    /// # Errors
    ///
    /// `Index` if it cannot be written.
    pub fn set_mark(&self, name: &str, value: &str) -> Result<(), StoreError> {
        index::with(&self.0, |index| index.set_mark(name, value))
    }

    /// Returns what was remembered under a name, as far as the index remembers.
    ///
    /// # Errors
    ///
    /// `Index` if it cannot be read.
    pub fn mark(&self, name: &str) -> Result<Option<String>, StoreError> {
        index::with(&self.0, |index| index.mark(name))
    }
}

impl Index {
    pub(crate) fn set_mark(&self, name: &str, value: &str) -> rusqlite::Result<()> {
        self.connection.execute("REPLACE INTO marks VALUES (?, ?)", params![name, value]).map(drop)
    }

    pub(crate) fn mark(&self, name: &str) -> rusqlite::Result<Option<String>> {
        self.connection
            .query_row("SELECT value FROM marks WHERE name = ?", [name], |row| row.get(0))
            .optional()
    }
}
