//! The index: a derived SQLite database for listings. It may be deleted at any time.

use std::collections::{HashMap, HashSet};

use hozon_format::{Digest, Facts, Key};
use hozon_sys::{FileKind, Stat};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::StoreError;
use crate::arrivals::Found;
use crate::books::Books;
use crate::store::Inner;
use crate::summaries::Use;

/// An entry that is no longer stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The digest of its recipe.
    pub key: Key,
    /// The label that it had.
    pub name: String,
    /// When it was removed or first missed, in Unix milliseconds.
    pub when_ms: u64,
    /// By what: `cleared`, `cleared by code`, `cleared in a session`, `forgotten`, `expired`, `evicted`,
    /// `unusable`, `revoked`, or `gone` for a file that something else removed.
    pub why: String,
}

/// What the index knows about one entry file.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) key: Key,
    pub(crate) size: u64,
    pub(crate) modified_ns: i64,
    pub(crate) inode: u64,
    pub(crate) blob_bytes: u64,
    pub(crate) facts: Facts,
}

/// What is entered of one entry file.
#[derive(Debug, Clone)]
pub(crate) struct NewRow {
    pub(crate) row: Row,
    /// The blobs that it names, each with its length.
    pub(crate) blobs: HashMap<Digest, u64>,
    /// The key that look-ups of it begin with, where that is another one and known.
    pub(crate) known: Option<Key>,
}

/// The index, open: in its file, or in memory for the time of one call.
pub(crate) struct Index {
    pub(crate) connection: Connection,
    pub(crate) in_file: bool,
}

const SCHEMA_VERSION: i64 = 2;
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS uses (key BLOB PRIMARY KEY, count INTEGER NOT NULL,
        last_ms INTEGER NOT NULL, seconds_saved REAL NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS removed (key BLOB PRIMARY KEY, name TEXT NOT NULL,
        when_ms INTEGER NOT NULL, why TEXT NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS removed_by_time ON removed (when_ms);
    PRAGMA user_version = 2;";
/// What version 1 had in another shape. It is read from the entries again.
const FROM_VERSION_1: &str = "DROP TABLE entries;";
/// The names of marks: whether everything was entered once, and whether something cannot be understood.
const COMPLETE: &str = "everything is entered";
const OPAQUE: &str = "an entry cannot be understood";
const MOST_REMOVED: i64 = 100_000;
const BUSY_MS: u64 = 2000;

/// Calls `work` on the index. A damaged index is made anew; where none can be kept, it works in memory.
pub(crate) fn with<T>(
    store: &Inner,
    work: impl Fn(&mut Index) -> rusqlite::Result<T>,
) -> Result<T, StoreError> {
    if store.keeps_index() {
        match Index::open_file(store).and_then(|mut index| work(&mut index)) {
            Ok(done) => return Ok(done),
            Err(error) if is_damage(&error) => {
                remove_files(store);
                if let Ok(done) = Index::open_file(store).and_then(|mut index| work(&mut index)) {
                    return Ok(done);
                }
            }
            Err(_) => {}
        }
    }
    Ok(work(&mut Index::in_memory()?)?)
}

fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            matches!(failure.code, ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt | ErrorCode::Unknown)
        }
        // A row that cannot have been written: a foreign or damaged database.
        _ => true,
    }
}

/// What state an index is in.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexHealth {
    /// None is kept here: on a network mount.
    NotKept,
    /// There is none yet.
    Absent,
    /// It is a sound database.
    Sound,
    /// It is not, and why. Whoever uses it next makes it anew.
    Damaged(String),
    /// It cannot be looked at now.
    Unreadable(String),
}

/// Looks through the whole file of the index. Nothing is changed.
pub(crate) fn health(store: &Inner) -> IndexHealth {
    if !store.keeps_index() {
        return IndexHealth::NotKept;
    }
    if store.system.stat(&store.layout.index).is_err() {
        return IndexHealth::Absent;
    }
    let checked = Index::open_file(store)
        .and_then(|index| index.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)));
    match checked {
        Ok(told) if told == "ok" => IndexHealth::Sound,
        Ok::<String, _>(told) => IndexHealth::Damaged(told),
        Err(error) if is_damage(&error) => IndexHealth::Damaged(error.to_string()),
        Err(error) => IndexHealth::Unreadable(error.to_string()),
    }
}

/// Throws the index away and makes it from the entries. What it had counted of uses and runs is lost.
/// Returns whether there is a sound one now.
pub(crate) fn make_anew(store: &Inner) -> bool {
    remove_files(store);
    let Ok(files) = store.entry_files() else { return false };
    let made = with(store, |index| store.reconcile(index, &files).map(|_| index.in_file));
    made.unwrap_or(false)
}

fn remove_files(store: &Inner) {
    for suffix in ["", "-wal", "-shm"] {
        let mut path = store.layout.index.clone().into_os_string();
        path.push(suffix);
        let _ = store.system.remove_file(path.as_ref());
    }
}

impl Index {
    fn open_file(store: &Inner) -> rusqlite::Result<Self> {
        let path = &store.layout.index;
        // Made here so that it is for its owner alone; SQLite gives its side files the same mode.
        match store.system.stat(path) {
            Ok(stat) if stat.kind != FileKind::File => return Err(cannot_open()),
            Ok(_) => {}
            Err(_) => drop(store.system.create_file(path, 0o600).map_err(|_| cannot_open())?),
        }
        let connection = Connection::open(path)?;
        connection.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // Nobody waits for the disk: a power cut may damage the index, and then it is made anew.
        connection.pragma_update(None, "synchronous", "OFF")?;
        Self::with_schema(connection, true)
    }

    pub(crate) fn in_memory() -> rusqlite::Result<Self> {
        Self::with_schema(Connection::open_in_memory()?, false)
    }

    fn with_schema(mut connection: Connection, in_file: bool) -> rusqlite::Result<Self> {
        if user_version(&connection)? != SCHEMA_VERSION {
            let changes = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // Another process may have done it meanwhile.
            match user_version(&changes)? {
                SCHEMA_VERSION => {}
                0 => make_tables(&changes)?,
                1 => {
                    changes.execute_batch(FROM_VERSION_1)?;
                    make_tables(&changes)?;
                }
                other => return Err(rusqlite::Error::IntegralValueOutOfRange(0, other)),
            }
            changes.commit()?;
        }
        connection.set_prepared_statement_cache_capacity(64);
        connection.execute_batch(crate::runs::SCHEMA)?;
        connection.execute_batch(crate::hit_costs::SCHEMA)?;
        connection.execute_batch(crate::marks::SCHEMA)?;
        connection.execute_batch(crate::disagreements::SCHEMA)?;
        Ok(Self { connection, in_file })
    }

    pub(crate) fn rows(&self) -> rusqlite::Result<HashMap<Key, Row>> {
        self.rows_where("", [])
    }

    pub(crate) fn rows_of(&self, name: &str) -> rusqlite::Result<HashMap<Key, Row>> {
        self.rows_where("WHERE name = ?", [name])
    }

    fn rows_where(
        &self,
        condition: &str,
        parameters: impl rusqlite::Params,
    ) -> rusqlite::Result<HashMap<Key, Row>> {
        let query =
            format!("SELECT key, size, modified_ns, inode, blob_bytes, facts FROM entries {condition}");
        let mut statement = self.connection.prepare(&query)?;
        let rows = statement.query_map(parameters, |row| {
            let key = key_in(row, 0)?;
            let facts: Vec<u8> = row.get(5)?;
            // Facts that cannot be read make the row stale, and the entry is read again.
            let Ok(facts) = Facts::decode(&facts) else { return Ok(None) };
            let (size, blob_bytes) = (unsigned(row.get(1)?), unsigned(row.get(4)?));
            let (modified_ns, inode) = (row.get(2)?, unsigned(row.get(3)?));
            Ok(Some((key, Row { key, size, modified_ns, inode, blob_bytes, facts })))
        })?;
        rows.filter_map(Result::transpose).collect()
    }

    pub(crate) fn uses(&self) -> rusqlite::Result<HashMap<Key, Use>> {
        self.uses_where("", [])
    }

    pub(crate) fn uses_of(&self, name: &str) -> rusqlite::Result<HashMap<Key, Use>> {
        self.uses_where("WHERE key IN (SELECT key FROM entries WHERE name = ?)", [name])
    }

    fn uses_where(
        &self,
        condition: &str,
        parameters: impl rusqlite::Params,
    ) -> rusqlite::Result<HashMap<Key, Use>> {
        let query = format!("SELECT key, count, last_ms, seconds_saved FROM uses {condition}");
        let mut statement = self.connection.prepare(&query)?;
        let uses = statement.query_map(parameters, |row| {
            let (count, last_ms) = (unsigned(row.get(1)?), unsigned(row.get(2)?));
            Ok((key_in(row, 0)?, Use { count, last_ms, seconds_saved: row.get(3)? }))
        })?;
        uses.collect()
    }

    pub(crate) fn removed(&self, from: &str) -> rusqlite::Result<Vec<Removed>> {
        let query = format!("SELECT key, name, when_ms, why FROM {from} ORDER BY when_ms DESC, key");
        let mut statement = self.connection.prepare(&query)?;
        let removed = statement.query_map([], |row| {
            let when_ms = unsigned(row.get(2)?);
            Ok(Removed { key: key_in(row, 0)?, name: row.get(1)?, when_ms, why: row.get(3)? })
        })?;
        removed.collect()
    }

    /// Takes in what was read of new files and drops those whose file is gone.
    pub(crate) fn reconcile(&mut self, found: &Found, gone: &[Key], now_ms: u64) -> rusqlite::Result<()> {
        if found.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let changes = self.changes()?;
        let mut books = Books::open(&changes)?;
        for new in &found.rows {
            let key = &new.row.key;
            let wanted_again = changes
                .prepare_cached("SELECT 1 FROM removed WHERE key = ? AND why = 'evicted'")?
                .exists([key.as_bytes()])?;
            books.enter(new, wanted_again)?;
            // What is stored again is not removed any more: but that is why it ran again.
            changes
                .prepare_cached("REPLACE INTO returned SELECT * FROM removed WHERE key = ?")?
                .execute([key.as_bytes()])?;
            changes.prepare_cached("DELETE FROM removed WHERE key = ?")?.execute([key.as_bytes()])?;
        }
        for (key, blobs) in &found.strangers {
            books.enter_stranger(key, blobs)?;
        }
        for key in gone {
            remember_removal(&changes, &books, key, None, now_ms, "gone")?;
        }
        books.close()?;
        changes.commit()
    }

    /// Tells whether everything was entered once: then announcements tell what has come since.
    pub(crate) fn is_complete(&self) -> rusqlite::Result<bool> {
        Ok(self.in_file && self.mark(COMPLETE)?.is_some())
    }

    pub(crate) fn note_complete(&self) -> rusqlite::Result<()> {
        self.set_mark(COMPLETE, "")
    }

    /// Notes whether there is an entry that cannot be understood. It may hold any blob.
    pub(crate) fn note_opaque(&self, opaque: bool) -> rusqlite::Result<()> {
        self.set_mark(OPAQUE, if opaque { "yes" } else { "" })
    }

    pub(crate) fn is_opaque(&self) -> rusqlite::Result<bool> {
        Ok(self.mark(OPAQUE)?.is_some_and(|mark| !mark.is_empty()))
    }

    /// Takes strangers out that are not stored any more.
    pub(crate) fn forget_strangers(&mut self, present: &HashSet<Key>) -> rusqlite::Result<()> {
        let changes = self.changes()?;
        let books = Books::open(&changes)?;
        for key in books.strangers()?.iter().filter(|key| !present.contains(key)) {
            books.leave(key)?;
        }
        changes.commit()
    }

    /// Begins a change. What it reads is as it is until it ends.
    pub(crate) fn changes(&mut self) -> rusqlite::Result<Transaction<'_>> {
        self.connection.transaction_with_behavior(TransactionBehavior::Immediate)
    }

    /// Drops an entry's row and remembers why it went.
    pub(crate) fn remove(
        &mut self,
        removed: &[(Key, String)],
        now_ms: u64,
        why: &str,
    ) -> rusqlite::Result<()> {
        let changes = self.changes()?;
        let books = Books::open(&changes)?;
        for (key, name) in removed {
            remember_removal(&changes, &books, key, Some(name), now_ms, why)?;
        }
        trim_removed(&changes)?;
        changes.commit()
    }

    pub(crate) fn add_uses(&mut self, uses: &HashMap<Key, Use>) -> rusqlite::Result<()> {
        let changes = self.changes()?;
        let books = Books::open(&changes)?;
        for (key, more) in uses {
            changes
                .prepare_cached(
                    "INSERT INTO uses VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
                        count = count + excluded.count,
                        last_ms = max(last_ms, excluded.last_ms),
                        seconds_saved = seconds_saved + excluded.seconds_saved",
                )?
                .execute(params![
                    key.as_bytes(),
                    signed(more.count),
                    signed(more.last_ms),
                    more.seconds_saved
                ])?;
            books.used(key)?;
        }
        changes.commit()
    }
}

impl Row {
    /// Tells whether the row was made from the file as it is now.
    pub(crate) fn describes(&self, stat: &Stat) -> bool {
        (self.size, self.modified_ns, self.inode) == (stat.size, stat.modified_ns, stat.inode)
    }
}

fn user_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn make_tables(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(crate::books::SCHEMA)?;
    connection.execute_batch(SCHEMA)
}

/// Forgets the removals that are longest ago, if there are too many.
pub(crate) fn trim_removed(changes: &Connection) -> rusqlite::Result<()> {
    changes
        .execute(
            "DELETE FROM removed WHERE when_ms <=
                (SELECT when_ms FROM removed ORDER BY when_ms DESC LIMIT 1 OFFSET ?)",
            [MOST_REMOVED],
        )
        .map(drop)
}

/// Takes an entry out and remembers when and by what it went.
pub(crate) fn remember_removal(
    changes: &Connection,
    books: &Books<'_>,
    key: &Key,
    name: Option<&str>,
    now_ms: u64,
    why: &str,
) -> rusqlite::Result<()> {
    let known: Option<String> = changes
        .prepare_cached("SELECT name FROM entries WHERE key = ?")?
        .query_row([key.as_bytes()], |row| row.get(0))
        .optional()?;
    let name = name.map(str::to_owned).or(known).unwrap_or_default();
    changes.prepare_cached("REPLACE INTO removed VALUES (?, ?, ?, ?)")?.execute(params![
        key.as_bytes(),
        name,
        signed(now_ms),
        why
    ])?;
    books.leave(key)?;
    changes.prepare_cached("DELETE FROM uses WHERE key = ?")?.execute([key.as_bytes()])?;
    Ok(())
}

pub(crate) fn digest_in(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    Ok(Digest::from_bytes(row.get(column)?))
}

pub(crate) fn key_in(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Key> {
    Ok(Key::from_digest(digest_in(row, column)?))
}

/// SQLite's integers are signed; ours are kept bit for bit.
pub(crate) fn signed(number: u64) -> i64 {
    number.cast_signed()
}

pub(crate) fn unsigned(number: i64) -> u64 {
    number.cast_unsigned()
}

fn cannot_open() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CANTOPEN), None)
}
