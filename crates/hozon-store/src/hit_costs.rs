//! What hits took, and where the time went: for `stats`. Kept in the derived index, in batches.

use std::collections::{BTreeMap, HashMap};

use rusqlite::params;

use crate::index::{self, Index};
use crate::{Store, StoreError};

/// Sums over hits of computations of one name that were read from the store.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct HitCost {
    /// How many hits.
    pub hits: u64,
    /// Seconds that the keys took: the code and the arguments.
    pub key_seconds: f64,
    /// Seconds until the entry was found: files of traces, and the entry's own.
    pub look_seconds: f64,
    /// Seconds until the value was there.
    pub value_seconds: f64,
}

impl HitCost {
    /// Returns all of the seconds.
    pub fn seconds(&self) -> f64 {
        self.key_seconds + self.look_seconds + self.value_seconds
    }

    /// Adds other hits.
    pub fn add(&mut self, more: &Self) {
        self.hits = self.hits.saturating_add(more.hits);
        self.key_seconds += more.key_seconds;
        self.look_seconds += more.look_seconds;
        self.value_seconds += more.value_seconds;
    }
}

/// Beside the tables of the index; made where it is not there, whatever its version.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS hit_costs (name TEXT PRIMARY KEY, hits INTEGER NOT NULL,
        key_seconds REAL NOT NULL, look_seconds REAL NOT NULL, value_seconds REAL NOT NULL) WITHOUT ROWID;";

impl Store {
    /// Notes what one hit took, in memory.
    pub fn record_hit_cost(&self, name: &str, cost: &HitCost) {
        self.0.hit_costs.with(self.0.process(), |costs| match costs.get_mut(name) {
            Some(known) => known.add(cost),
            None => {
                costs.insert(name.to_owned(), *cost);
            }
        });
    }

    /// Returns what hits took, by the names of the computations; those not written yet included.
    ///
    /// # Errors
    ///
    /// `Index` if it cannot be read.
    pub fn hit_costs(&self) -> Result<BTreeMap<String, HitCost>, StoreError> {
        let mut costs = index::with(&self.0, |index| index.hit_costs())?;
        let pending = self.0.hit_costs.with(self.0.process(), |costs| costs.clone());
        for (name, cost) in &pending {
            costs.entry(name.clone()).or_default().add(cost);
        }
        Ok(costs)
    }

    pub(crate) fn flush_hit_costs(&self) -> Result<(), StoreError> {
        let costs = self.0.hit_costs.with(self.0.process(), std::mem::take);
        if costs.is_empty() {
            return Ok(());
        }
        index::with(&self.0, |index| index.add_hit_costs(&costs))
    }
}

impl Index {
    fn add_hit_costs(&mut self, costs: &HashMap<String, HitCost>) -> rusqlite::Result<()> {
        let changes = self.changes()?;
        for (name, cost) in costs {
            changes
                .prepare_cached(
                    "INSERT INTO hit_costs VALUES (?, ?, ?, ?, ?)
                        ON CONFLICT (name) DO UPDATE SET hits = hits + excluded.hits,
                        key_seconds = key_seconds + excluded.key_seconds,
                        look_seconds = look_seconds + excluded.look_seconds,
                        value_seconds = value_seconds + excluded.value_seconds",
                )?
                .execute(params![
                    name,
                    cost.hits.cast_signed(),
                    cost.key_seconds,
                    cost.look_seconds,
                    cost.value_seconds
                ])?;
        }
        changes.commit()
    }

    fn hit_costs(&self) -> rusqlite::Result<BTreeMap<String, HitCost>> {
        let mut statement = self
            .connection
            .prepare("SELECT name, hits, key_seconds, look_seconds, value_seconds FROM hit_costs")?;
        let costs = statement.query_map([], |row| {
            let hits: i64 = row.get(1)?;
            let (key_seconds, look_seconds, value_seconds) = (row.get(2)?, row.get(3)?, row.get(4)?);
            let cost = HitCost { hits: hits.cast_unsigned(), key_seconds, look_seconds, value_seconds };
            Ok((row.get(0)?, cost))
        })?;
        costs.collect()
    }
}
