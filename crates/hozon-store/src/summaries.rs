//! What is stored, for listings, and how often it was used.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use hozon_format::{Facts, Key};
use hozon_sys::{FileKind, Stat};

use crate::index::{self, Removed, Row};
use crate::layout::digest_of_names;
use crate::store::Inner;
use crate::{Store, StoreError};

/// An entry as listings show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The digest of the recipe.
    pub key: Key,
    /// When, how long, by which versions.
    pub facts: Facts,
    /// The size of the entry's file in bytes.
    pub size_bytes: u64,
    /// The bytes of its blobs, shared ones included.
    pub blob_bytes: u64,
    /// How often it was used instead of computing.
    pub uses: u64,
    /// The last of these times, in Unix milliseconds.
    pub last_used_ms: Option<u64>,
    /// The computing time that these uses have saved, in seconds.
    pub seconds_saved: f64,
    /// Whether a root names it.
    pub rooted: bool,
}

/// Uses of one entry.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Use {
    pub(crate) count: u64,
    pub(crate) last_ms: u64,
    pub(crate) seconds_saved: f64,
}

/// The file of an entry, as the folder shows it.
#[derive(Debug, Clone)]
pub(crate) struct EntryFile {
    pub(crate) key: Key,
    pub(crate) path: PathBuf,
    pub(crate) stat: Stat,
}

impl Store {
    /// Lists the entries that this user's key sealed, newest first, uses that are not flushed included.
    ///
    /// # Errors
    ///
    /// `Io` if the folder cannot be listed.
    pub fn summaries(&self) -> Result<Vec<Summary>, StoreError> {
        let files = self.0.entry_files()?;
        let rows = index::with(&self.0, |index| self.0.reconcile(index, &files))?;
        let uses = index::with(&self.0, |index| index.uses())?;
        Ok(self.newest_first(rows, &uses))
    }

    /// Lists the entries of one name, newest first. What else is stored is no matter: the index tells which
    /// they are, and what has been stored since by the announcements.
    ///
    /// # Errors
    ///
    /// `Index` if it cannot be read.
    pub fn summaries_of(&self, name: &str) -> Result<Vec<Summary>, StoreError> {
        let (mut rows, uses) = index::with(&self.0, |index| {
            self.0.catch_up(index)?;
            Ok((index.rows_of(name)?, index.uses_of(name)?))
        })?;
        // The files are the truth: some may be gone, or be others.
        rows.retain(|key, row| {
            let stat = self.0.system.stat(&self.0.layout.entry(key));
            stat.is_ok_and(|stat| row.describes(&stat))
        });
        Ok(self.newest_first(rows, &uses))
    }

    fn newest_first(&self, rows: HashMap<Key, Row>, uses: &HashMap<Key, Use>) -> Vec<Summary> {
        let rooted: HashSet<Key> = self.roots().into_iter().map(|(_, key)| key).collect();
        let pending = self.0.pending_uses();
        let mut summaries: Vec<Summary> = rows.into_values().map(|row| summary(row, uses, &rooted)).collect();
        for summary in &mut summaries {
            summary.add(pending.get(&summary.key));
        }
        summaries.sort_by_key(|summary| (Reverse(summary.facts.created_ms), summary.key));
        summaries
    }

    /// Notes that an entry was used and how much computing that saved, in memory.
    pub fn record_use(&self, key: &Key, seconds_saved: f64) {
        let last_ms = self.0.system.now_ms();
        self.0.uses.with(self.0.process(), |uses| {
            let used = uses.entry(*key).or_default();
            used.add(&Use { count: 1, last_ms, seconds_saved });
        });
    }

    /// Writes what was stored, used and run so far to the index, and evicts if the store is too large now.
    ///
    /// # Errors
    ///
    /// `Index` if it cannot be written; the uses are then forgotten.
    pub fn flush_uses(&self) -> Result<(), StoreError> {
        self.flush_runs()?;
        self.flush_hit_costs()?;
        let is_due = self.0.has_arrivals() || self.0.uses.with(self.0.process(), |uses| !uses.is_empty());
        if is_due { self.settle(None) } else { Ok(()) }
    }

    /// Returns the entries that were removed, latest first, as far as the index remembers.
    ///
    /// # Errors
    ///
    /// `Index` if it cannot be read.
    pub fn removed(&self) -> Result<Vec<Removed>, StoreError> {
        index::with(&self.0, |index| index.removed("removed"))
    }
}

impl Use {
    pub(crate) fn add(&mut self, more: &Self) {
        self.count = self.count.saturating_add(more.count);
        self.last_ms = self.last_ms.max(more.last_ms);
        self.seconds_saved += more.seconds_saved;
    }
}

impl Summary {
    fn add(&mut self, more: Option<&Use>) {
        let Some(more) = more else { return };
        self.uses = self.uses.saturating_add(more.count);
        self.last_used_ms = self.last_used_ms.max(Some(more.last_ms));
        self.seconds_saved += more.seconds_saved;
    }
}

fn summary(row: Row, uses: &HashMap<Key, Use>, rooted: &HashSet<Key>) -> Summary {
    let mut summary = Summary {
        key: row.key,
        facts: row.facts,
        size_bytes: row.size,
        blob_bytes: row.blob_bytes,
        uses: 0,
        last_used_ms: None,
        seconds_saved: 0.0,
        rooted: rooted.contains(&row.key),
    };
    summary.add(uses.get(&row.key));
    summary
}

impl Inner {
    fn pending_uses(&self) -> HashMap<Key, Use> {
        self.uses.with(self.process(), |uses| uses.clone())
    }

    /// Lists the files that are named like entries.
    pub(crate) fn entry_files(&self) -> Result<Vec<EntryFile>, StoreError> {
        let named = self.sharded_files(&self.layout.entries)?;
        let files = named.into_iter().filter_map(|(shard, name, path)| {
            let key = Key::from_digest(digest_of_names(&shard, &name)?);
            let stat = self.system.stat(&path).ok()?;
            (stat.kind == FileKind::File).then_some(EntryFile { key, path, stat })
        });
        Ok(files.collect())
    }

    /// Lists the files in the subfolders of `folder`, each with the subfolder's name and its own.
    pub(crate) fn sharded_files(
        &self,
        folder: &std::path::Path,
    ) -> Result<Vec<(String, String, PathBuf)>, StoreError> {
        let mut files = Vec::new();
        for (shard, kind) in self.list(folder)? {
            if kind != FileKind::Folder {
                continue;
            }
            let inside = self.list(&folder.join(&shard))?;
            files.extend(inside.into_iter().map(|(name, _)| {
                let path = folder.join(&shard).join(&name);
                (shard.clone(), name, path)
            }));
        }
        Ok(files)
    }

    /// Lists a folder; one that is not there is empty.
    pub(crate) fn list(&self, folder: &std::path::Path) -> Result<Vec<(String, FileKind)>, StoreError> {
        match self.system.list(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            other => other.map_err(crate::store::at(folder)),
        }
    }
}
