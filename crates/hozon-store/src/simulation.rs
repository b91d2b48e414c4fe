//! Eviction without files: the same books, ranks and choices, for measuring them.

use std::collections::HashMap;

use hozon_format::{Facts, Key};

use crate::StoreError;
use crate::arrivals::Found;
use crate::books::{Books, Goal};
use crate::index::{Index, NewRow, Row, remember_removal};
use crate::summaries::Use;

/// A store of which there are only the books, in memory.
pub struct Simulation(Index);

impl Simulation {
    /// Begins with nothing stored.
    ///
    /// # Errors
    ///
    /// `Index` if there is no memory for it; so the others.
    pub fn new() -> Result<Self, StoreError> {
        Ok(Self(Index::in_memory()?))
    }

    /// Stores an entry of so many bytes that took so many seconds.
    ///
    /// # Errors
    ///
    /// As [`Simulation::new`].
    pub fn put(&mut self, key: Key, name: &str, seconds: f64, bytes: u64) -> Result<(), StoreError> {
        let duration_ns = (seconds * 1e9) as u64;
        let facts = Facts { name: name.to_owned(), duration_ns, ..Facts::default() };
        let row = Row { key, size: bytes, modified_ns: 0, inode: 0, blob_bytes: 0, facts };
        let new = NewRow { row, blobs: HashMap::new(), known: None };
        Ok(self.0.reconcile(&Found { rows: vec![new], ..Found::default() }, &[], 0)?)
    }

    /// Notes a use of each of these entries.
    ///
    /// # Errors
    ///
    /// As [`Simulation::new`].
    pub fn record_uses(&mut self, keys: impl IntoIterator<Item = Key>) -> Result<(), StoreError> {
        let once = Use { count: 1, ..Use::default() };
        let uses = keys.into_iter().map(|key| (key, once)).collect();
        Ok(self.0.add_uses(&uses)?)
    }

    /// Evicts down to so many bytes; returns what went.
    ///
    /// # Errors
    ///
    /// As [`Simulation::new`].
    pub fn evict(&mut self, most_bytes: u64) -> Result<Vec<Key>, StoreError> {
        let changes = self.0.changes()?;
        let mut books = Books::open(&changes)?;
        let victims = books.take_out(Goal::Store(most_bytes), usize::MAX, |_| false)?;
        for victim in &victims {
            remember_removal(&changes, &books, &victim.key, Some(&victim.name), 0, "evicted")?;
        }
        books.close()?;
        changes.commit()?;
        Ok(victims.into_iter().map(|victim| victim.key).collect())
    }
}
