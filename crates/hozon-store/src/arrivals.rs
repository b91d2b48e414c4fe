//! What was stored and is not in the index yet.
//!
//! A put leaves an empty file named by its key before the entry can be seen. So the index learns of every
//! entry, also where the process that stored it was killed, and without looking through the store; and
//! whoever removes a blob can know all entries that hold it.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use hozon_format::{Digest, Entry, EnvelopeError, Key, limits, open, unverified_blobs};
use hozon_sys::{FileKind, Stat};

use crate::index::{Index, NewRow, Row};
use crate::store::{Inner, make_folders};
use crate::summaries::EntryFile;

/// What this process has stored and not entered yet.
#[derive(Debug, Default)]
pub(crate) struct Arriving {
    rows: HashMap<Key, NewRow>,
    bytes: u64,
    /// When this process stored what, by a clock that does not jump.
    stored: HashMap<Key, Duration>,
    /// With so many of these, those that are not young any more are forgotten.
    stored_enough: usize,
}

/// What was read of files of entries.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) rows: Vec<NewRow>,
    /// Entries that another user's key sealed, with the blobs that they may hold.
    pub(crate) strangers: Vec<(Key, Vec<Digest>)>,
    /// Whether there was an entry that cannot be understood: it may hold any blob.
    pub(crate) opaque: bool,
}

/// So many are entered at a time, at least.
const MOST_ARRIVING: usize = 1024;
/// A file that stands for no entry is left by a put that failed, after this time without one.
const ABANDONED_MS: u64 = 24 * 3600 * 1000;

impl Arriving {
    /// Notes when an entry was stored, and now and then forgets those that are not young any more.
    fn note(&mut self, key: Key, now: Duration, grace: Duration) {
        if self.stored.len() >= self.stored_enough.max(MOST_ARRIVING) {
            self.stored.retain(|_, at| now.saturating_sub(*at) < grace);
            self.stored_enough = self.stored.len() * 2;
        }
        self.stored.insert(key, now);
    }
}

impl Found {
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.strangers.is_empty()
    }
}

impl Inner {
    /// Tells whether the index is kept in a file here.
    pub(crate) fn keeps_index(&self) -> bool {
        self.keeps_index
    }

    /// Notes that an entry is about to be stored; `known` is the key that look-ups of it begin with, if it is
    /// another one. What cannot be noted is found when the store is looked through.
    pub(crate) fn announce(&self, key: &Key, known: Option<&Key>) {
        if !self.keeps_index() {
            return;
        }
        let path = self.layout.arrival(key, known);
        let make = || self.system.create_file(&path, 0o600).and_then(|file| file.close());
        if make().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
            && make_folders(&*self.system, &self.layout).is_ok()
        {
            let _ = make();
        }
    }

    /// Takes an announcement back: the entry was not stored.
    pub(crate) fn renounce(&self, key: &Key, known: Option<&Key>) {
        if self.system.stat(&self.layout.entry(key)).is_err() {
            let _ = self.system.remove_file(&self.layout.arrival(key, known));
        }
    }

    /// Remembers an entry that was stored. Returns whether it is time to enter what has come together.
    pub(crate) fn arrived(&self, entry: &Entry, known: Option<&Key>, stat: Option<Stat>, bytes: u64) -> bool {
        let now = self.system.monotonic();
        self.arriving.with(self.process(), |arriving| {
            arriving.note(entry.key, now, self.grace);
            arriving.bytes = arriving.bytes.saturating_add(bytes);
            if let Some(stat) = stat {
                arriving.rows.insert(
                    entry.key,
                    new_row(entry, &stat, known.filter(|known| **known != entry.key).copied()),
                );
            }
            let enough = self.bound.map_or(u64::MAX, |bound| bound / 64);
            arriving.rows.len() >= MOST_ARRIVING || arriving.bytes > enough
        })
    }

    /// Counts bytes of blobs that come before their entry, so that room is made in time.
    pub(crate) fn note_arrived_bytes(&self, bytes: u64) {
        self.arriving.with(self.process(), |arriving| arriving.bytes = arriving.bytes.saturating_add(bytes));
    }

    /// Tells whether this process has stored an entry just now.
    pub(crate) fn has_just_stored(&self, key: &Key) -> bool {
        let now = self.system.monotonic();
        self.arriving.with(self.process(), |arriving| {
            arriving.stored.get(key).is_some_and(|at| now.saturating_sub(*at) < self.grace)
        })
    }

    /// Enters what was announced by any process and is stored.
    pub(crate) fn absorb(&self, index: &mut Index) -> rusqlite::Result<()> {
        if !index.in_file {
            return Ok(());
        }
        let arrivals = self.list(&self.layout.arrivals).unwrap_or_default();
        let (mut found, mut done) = (Found::default(), Vec::new());
        let mut entered = HashSet::new();
        for (name, kind) in arrivals {
            let path = self.layout.arrivals.join(&name);
            let Some((key, known)) = keys_of(&name).filter(|_| kind == FileKind::File) else { continue };
            if self.find_arrival(&key, known, &mut found) {
                entered.insert(key);
                done.push(path);
            } else if self.is_older(&path, ABANDONED_MS) {
                done.push(path);
            }
        }
        index.reconcile(&found, &[], self.system.now_ms())?;
        if found.opaque {
            index.note_opaque(true)?;
        }
        self.arriving.with(self.process(), |arriving| {
            arriving.rows.retain(|key, _| !entered.contains(key));
            arriving.bytes = 0;
        });
        done.iter().for_each(|path| drop(self.system.remove_file(path)));
        Ok(())
    }

    /// Adds what there is to an announcement; returns whether there is anything.
    fn find_arrival(&self, key: &Key, known: Option<Key>, found: &mut Found) -> bool {
        let path = self.layout.entry(key);
        let Ok(stat) = self.system.stat(&path) else { return false };
        let own = self.arriving.with(self.process(), |arriving| arriving.rows.get(key).cloned());
        match own.filter(|own| own.row.describes(&stat)) {
            Some(own) => found.rows.push(own),
            None => self.find(&EntryFile { key: *key, path, stat }, known, found),
        }
        true
    }

    /// Reads the file of an entry. One that is refused is a miss, and holds nothing.
    pub(crate) fn find(&self, file: &EntryFile, known: Option<Key>, found: &mut Found) {
        let Ok(bytes) = self.system.read(&file.path, limits::ENVELOPE_BYTES) else {
            found.opaque |= self.system.stat(&file.path).is_ok();
            return;
        };
        match open(&bytes, &file.key, &self.keys.seal) {
            Ok(entry) => found.rows.push(new_row(&entry, &file.stat, known)),
            Err(EnvelopeError::Foreign) => {
                found.strangers.push((file.key, unverified_blobs(&bytes).unwrap_or_default()));
            }
            Err(EnvelopeError::UnknownVersion { .. }) => found.opaque = true,
            Err(_) => {}
        }
    }

    /// Enters everything that is stored, `files`: what the index does not know of is read.
    pub(crate) fn reconcile(
        &self,
        index: &mut Index,
        files: &[EntryFile],
    ) -> rusqlite::Result<HashMap<Key, Row>> {
        let known = index.rows()?;
        let present: HashSet<Key> = files.iter().map(|file| file.key).collect();
        let known_by = self.known_by_arrivals();
        let mut found = Found::default();
        for file in files {
            if !known.get(&file.key).is_some_and(|row| row.describes(&file.stat)) {
                self.find(file, known_by.get(&file.key).copied(), &mut found);
            }
        }
        // In the order in which they were made, as they would have been entered.
        found.rows.sort_by_key(|new| (new.row.facts.created_ms, new.row.key));
        let gone: Vec<Key> =
            known.keys().filter(|key| !present.contains(key) && self.is_gone(key)).copied().collect();
        index.reconcile(&found, &gone, self.system.now_ms())?;
        index.forget_strangers(&present)?;
        index.note_opaque(found.opaque)?;
        index.note_complete()?;
        // To read a million rows takes seconds: not twice where nothing has changed.
        if found.is_empty() && gone.is_empty() { Ok(known) } else { index.rows() }
    }

    fn is_gone(&self, key: &Key) -> bool {
        let stat = self.system.stat(&self.layout.entry(key));
        stat.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    }

    /// The keys that look-ups begin with, by the keys of entries that are announced.
    fn known_by_arrivals(&self) -> HashMap<Key, Key> {
        let arrivals = self.list(&self.layout.arrivals).unwrap_or_default();
        let keys = arrivals.iter().filter_map(|(name, _)| keys_of(name));
        keys.filter_map(|(key, known)| Some((key, known?))).collect()
    }

    /// Makes the index know of all that is stored, the quick way if it can.
    pub(crate) fn catch_up(&self, index: &mut Index) -> rusqlite::Result<()> {
        if index.is_complete()? {
            return self.absorb(index);
        }
        let Ok(files) = self.entry_files() else { return Ok(()) };
        self.reconcile(index, &files)?;
        self.absorb(index)
    }

    /// How many bytes this process has stored since this was last asked.
    pub(crate) fn take_arrived_bytes(&self) -> u64 {
        self.arriving.with(self.process(), |arriving| {
            arriving.rows.clear();
            std::mem::take(&mut arriving.bytes)
        })
    }

    /// Tells whether this process has stored anything that is not entered.
    pub(crate) fn has_arrivals(&self) -> bool {
        self.arriving.with(self.process(), |arriving| arriving.bytes > 0 || !arriving.rows.is_empty())
    }

    /// Enters entries again that are not to be removed after all.
    pub(crate) fn enter_again(&self, index: &mut Index, keys: &[Key]) -> rusqlite::Result<()> {
        let mut found = Found::default();
        for key in keys {
            let path = self.layout.entry(key);
            if let Ok(stat) = self.system.stat(&path) {
                self.find(&EntryFile { key: *key, path, stat }, None, &mut found);
            }
        }
        index.reconcile(&found, &[], self.system.now_ms())?;
        if found.opaque { index.note_opaque(true) } else { Ok(()) }
    }
}

fn new_row(entry: &Entry, stat: &Stat, known: Option<Key>) -> NewRow {
    // Each blob once, however often the entry names it.
    let blobs: HashMap<Digest, u64> = entry.blobs().collect();
    let row = Row {
        key: entry.key,
        size: stat.size,
        modified_ns: stat.modified_ns,
        inode: stat.inode,
        blob_bytes: blobs.values().fold(0, |sum: u64, length| sum.saturating_add(*length)),
        facts: entry.facts.clone(),
    };
    NewRow { row, blobs, known }
}

/// Reads the name of an announcement: the key, and behind a dash the key that look-ups begin with.
fn keys_of(name: &str) -> Option<(Key, Option<Key>)> {
    let key = |text: &str| text.parse().ok().map(Key::from_digest);
    match name.split_once('-') {
        Some((first, known)) => Some((key(first)?, Some(key(known)?))),
        None => Some((key(name)?, None)),
    }
}

/// The name of an announcement.
pub(crate) fn arrival_name(key: &Key, known: Option<&Key>) -> PathBuf {
    match known {
        Some(known) if known != key => format!("{key}-{known}").into(),
        _ => key.to_string().into(),
    }
}
