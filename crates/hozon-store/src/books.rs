//! The books of what is stored: sizes, which entry holds which blob, and in what order entries go.
//!
//! Tables of the derived index. All changes of one call stand in one transaction; what goes is found by two
//! ordered looks, whatever the number of entries.

use hozon_format::{Digest, Key};
use rusqlite::{Connection, OptionalExtension, params};

use crate::MostOfName;
use crate::index::{NewRow, digest_in, key_in, signed, unsigned};
use crate::worth::{Queue, next_from, worth};

/// `counted` of an entry is its file and those of its blobs that count for it: of the entries that hold a blob,
/// it counts for one. `rank` is for the whole store, `rank_in_name` among entries of the name.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, size INTEGER NOT NULL,
        modified_ns INTEGER NOT NULL, inode INTEGER NOT NULL, blob_bytes INTEGER NOT NULL,
        counted INTEGER NOT NULL, name TEXT NOT NULL, seconds REAL NOT NULL, queue INTEGER NOT NULL,
        rank REAL NOT NULL, rank_in_name REAL NOT NULL, number INTEGER NOT NULL, known BLOB,
        facts BLOB NOT NULL) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS entries_by_rank ON entries (queue, rank, number);
    CREATE INDEX IF NOT EXISTS entries_by_name ON entries (name, queue, rank_in_name, number);
    CREATE INDEX IF NOT EXISTS entries_by_known ON entries (known) WHERE known IS NOT NULL;
    CREATE TABLE IF NOT EXISTS holds (digest BLOB NOT NULL, key BLOB NOT NULL, length INTEGER NOT NULL,
        counts INTEGER NOT NULL, PRIMARY KEY (digest, key)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS holds_by_key ON holds (key);
    CREATE TABLE IF NOT EXISTS orphans (digest BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS doomed (key BLOB PRIMARY KEY, modified_ns INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS strangers (key BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS clocks (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sums (name TEXT NOT NULL, queue INTEGER NOT NULL, entries INTEGER NOT NULL,
        bytes INTEGER NOT NULL, clock REAL NOT NULL, PRIMARY KEY (name, queue)) WITHOUT ROWID;
    CREATE TRIGGER IF NOT EXISTS entry_in AFTER INSERT ON entries BEGIN
        INSERT INTO sums VALUES (new.name, new.queue, 1, new.counted, 0) ON CONFLICT (name, queue)
            DO UPDATE SET entries = entries + 1, bytes = bytes + excluded.bytes; END;
    CREATE TRIGGER IF NOT EXISTS entry_out AFTER DELETE ON entries BEGIN
        UPDATE sums SET entries = entries - 1, bytes = bytes - old.counted
            WHERE name = old.name AND queue = old.queue; END;
    CREATE TRIGGER IF NOT EXISTS entry_changed AFTER UPDATE OF counted, queue ON entries BEGIN
        UPDATE sums SET entries = entries - 1, bytes = bytes - old.counted
            WHERE name = old.name AND queue = old.queue;
        INSERT INTO sums VALUES (new.name, new.queue, 1, new.counted, 0) ON CONFLICT (name, queue)
            DO UPDATE SET entries = entries + 1, bytes = bytes + excluded.bytes; END;";

/// The books, open for changes within a transaction of the caller's.
pub(crate) struct Books<'c> {
    changes: &'c Connection,
    clocks: [f64; 2],
    number: i64,
}

/// An entry that is next in one queue.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub(crate) key: Key,
    pub(crate) name: String,
    pub(crate) modified_ns: i64,
    pub(crate) seconds: f64,
    pub(crate) known: Option<Key>,
    rank: f64,
    number: i64,
}

/// What went, or would go.
#[derive(Debug, Clone, PartialEq)]
pub struct Victim {
    /// The digest of its recipe.
    pub key: Key,
    /// Its label.
    pub name: String,
    /// The seconds that it took to compute.
    pub seconds: f64,
    /// The bytes that are free without it: a blob that others hold as well is none of them.
    pub bytes: u64,
    /// The key that look-ups of it begin with, where that is another one and known.
    pub(crate) known: Option<Key>,
    pub(crate) modified_ns: i64,
}

/// Entries and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

/// What came of taking an entry out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Left {
    /// The bytes that are free once its files are gone.
    pub(crate) free: u64,
    /// Whether a blob that counted for it counts for another entry now.
    moved: bool,
}

/// What entries are to be brought down to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal<'n> {
    /// All of them: to so many bytes.
    Store(u64),
    /// Those of a name.
    Name(&'n str, MostOfName),
}

/// Where in a queue the next look begins: behind this rank and number.
type Place = (f64, i64);
const BEGIN: Place = (f64::NEG_INFINITY, i64::MIN);

impl<'c> Books<'c> {
    pub(crate) fn open(changes: &'c Connection) -> rusqlite::Result<Self> {
        let value = |name: &str| {
            let mut statement = changes.prepare_cached("SELECT value FROM clocks WHERE name = ?")?;
            statement.query_row([name], |row| row.get::<_, f64>(0)).optional()
        };
        let clocks = [value("probation")?.unwrap_or(0.0), value("used")?.unwrap_or(0.0)];
        let number = value("number")?.unwrap_or(0.0) as i64;
        Ok(Self { changes, clocks, number })
    }

    /// Writes the clocks down.
    pub(crate) fn close(self) -> rusqlite::Result<()> {
        let number = self.number as f64;
        for (name, value) in [("probation", self.clocks[0]), ("used", self.clocks[1]), ("number", number)] {
            self.changes
                .prepare_cached("REPLACE INTO clocks VALUES (?, ?)")?
                .execute(params![name, value])?;
        }
        Ok(())
    }

    /// Enters an entry, in place of one with its key. `wanted_again`: it had been evicted.
    pub(crate) fn enter(&mut self, new: &NewRow, wanted_again: bool) -> rusqlite::Result<()> {
        let NewRow { row, blobs, known } = new;
        self.leave(&row.key)?;
        let mut counted = row.size;
        for (digest, length) in blobs {
            if self.hold(digest, &row.key, *length, true)? {
                counted = counted.saturating_add(*length);
            }
        }
        let uses = self.uses_of(&row.key)?.max(u64::from(wanted_again));
        let (queue, seconds) = (Queue::of(uses), row.facts.duration_ns as f64 / 1e9);
        let worth = worth(seconds, uses, row.size.saturating_add(row.blob_bytes));
        self.number += 1;
        let rank = self.clocks[queue.number()] + worth;
        let in_name = self.clock_of(&row.facts.name, queue)? + worth;
        self.changes
            .prepare_cached("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")?
            .execute(params![
                row.key.as_bytes(),
                signed(row.size),
                row.modified_ns,
                signed(row.inode),
                signed(row.blob_bytes),
                signed(counted),
                row.facts.name,
                seconds,
                queue.number() as i64,
                rank,
                in_name,
                self.number,
                known.as_ref().map(|known| known.as_bytes().to_vec()),
                row.facts.encode()
            ])
            .map(drop)
    }

    /// Notes that an entry holds a blob; returns whether the blob counts for it.
    fn hold(&self, digest: &Digest, key: &Key, length: u64, may_count: bool) -> rusqlite::Result<bool> {
        let counts_already = self
            .changes
            .prepare_cached("SELECT 1 FROM holds WHERE digest = ? AND counts = 1")?
            .exists([digest.as_bytes()])?;
        let counts = may_count && !counts_already;
        self.changes.prepare_cached("REPLACE INTO holds VALUES (?, ?, ?, ?)")?.execute(params![
            digest.as_bytes(),
            key.as_bytes(),
            signed(length),
            counts
        ])?;
        self.changes.prepare_cached("DELETE FROM orphans WHERE digest = ?")?.execute([digest.as_bytes()])?;
        Ok(counts)
    }

    /// Enters another user's entry: nothing is known of it but the blobs that it may hold.
    pub(crate) fn enter_stranger(&self, key: &Key, blobs: &[Digest]) -> rusqlite::Result<()> {
        self.leave(key)?;
        self.changes.prepare_cached("REPLACE INTO strangers VALUES (?)")?.execute([key.as_bytes()])?;
        blobs.iter().try_for_each(|digest| self.hold(digest, key, 0, false).map(drop))
    }

    /// Returns the strangers that are entered.
    pub(crate) fn strangers(&self) -> rusqlite::Result<Vec<Key>> {
        let mut statement = self.changes.prepare_cached("SELECT key FROM strangers")?;
        statement.query_map([], |row| key_in(row, 0))?.collect()
    }

    /// Takes an entry out. Blobs that nothing else holds are orphans then.
    pub(crate) fn leave(&self, key: &Key) -> rusqlite::Result<Left> {
        let size: Option<i64> = self
            .changes
            .prepare_cached("SELECT size FROM entries WHERE key = ?")?
            .query_row([key.as_bytes()], |row| row.get(0))
            .optional()?;
        let mut left = Left { free: unsigned(size.unwrap_or(0)), moved: false };
        let held: Vec<(Digest, u64, bool)> = self
            .changes
            .prepare_cached("SELECT digest, length, counts FROM holds WHERE key = ?")?
            .query_map([key.as_bytes()], |row| Ok((digest_in(row, 0)?, unsigned(row.get(1)?), row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        for (digest, length, counts) in held {
            match self.release(&digest, length, counts, key)? {
                true => left.free = left.free.saturating_add(length),
                false => left.moved |= counts,
            }
        }
        for statement in ["DELETE FROM entries WHERE key = ?", "DELETE FROM strangers WHERE key = ?"] {
            self.changes.prepare_cached(statement)?.execute([key.as_bytes()])?;
        }
        Ok(left)
    }

    /// Ends a hold. If the blob counted for its holder, it counts for the next one. Returns whether there is
    /// none.
    fn release(&self, digest: &Digest, length: u64, counts: bool, key: &Key) -> rusqlite::Result<bool> {
        self.changes
            .prepare_cached("DELETE FROM holds WHERE digest = ? AND key = ?")?
            .execute(params![digest.as_bytes(), key.as_bytes()])?;
        // A stranger comes last: nothing counts for it.
        let heir: Option<Key> = self
            .changes
            .prepare_cached(
                "SELECT holds.key FROM holds LEFT JOIN entries ON entries.key = holds.key
                    WHERE digest = ? ORDER BY entries.key IS NULL LIMIT 1",
            )?
            .query_row([digest.as_bytes()], |row| key_in(row, 0))
            .optional()?;
        let Some(heir) = heir else {
            self.changes.prepare_cached("REPLACE INTO orphans VALUES (?)")?.execute([digest.as_bytes()])?;
            return Ok(true);
        };
        if counts {
            let counted = self
                .changes
                .prepare_cached("UPDATE entries SET counted = counted + ? WHERE key = ?")?
                .execute(params![signed(length), heir.as_bytes()])?;
            self.changes
                .prepare_cached("UPDATE holds SET counts = ? WHERE digest = ? AND key = ?")?
                .execute(params![counted > 0, digest.as_bytes(), heir.as_bytes()])?;
        }
        Ok(false)
    }

    /// Ranks an entry anew after it was used: `uses` of it are known by now.
    pub(crate) fn used(&self, key: &Key) -> rusqlite::Result<()> {
        let found: Option<(f64, u64, String)> = self
            .changes
            .prepare_cached("SELECT seconds, size + blob_bytes, name FROM entries WHERE key = ?")?
            .query_row([key.as_bytes()], |row| Ok((row.get(0)?, unsigned(row.get(1)?), row.get(2)?)))
            .optional()?;
        let Some((seconds, bytes, name)) = found else { return Ok(()) };
        let worth = worth(seconds, self.uses_of(key)?.max(1), bytes);
        let used = Queue::Used;
        let (rank, in_name) = (self.clocks[used.number()] + worth, self.clock_of(&name, used)? + worth);
        self.changes
            .prepare_cached("UPDATE entries SET queue = ?, rank = ?, rank_in_name = ? WHERE key = ?")?
            .execute(params![used.number() as i64, rank, in_name, key.as_bytes()])
            .map(drop)
    }

    fn uses_of(&self, key: &Key) -> rusqlite::Result<u64> {
        let count: Option<i64> = self
            .changes
            .prepare_cached("SELECT count FROM uses WHERE key = ?")?
            .query_row([key.as_bytes()], |row| row.get(0))
            .optional()?;
        Ok(unsigned(count.unwrap_or(0)))
    }

    fn clock_of(&self, name: &str, queue: Queue) -> rusqlite::Result<f64> {
        let clock = self
            .changes
            .prepare_cached("SELECT clock FROM sums WHERE name = ? AND queue = ?")?
            .query_row(params![name, queue.number() as i64], |row| row.get(0))
            .optional()?;
        Ok(clock.unwrap_or(0.0))
    }

    /// Returns what stands in each queue, of a name or of all. Each blob counts once.
    pub(crate) fn sums(&self, name: Option<&str>) -> rusqlite::Result<[Sum; 2]> {
        let mut sums = [Sum::default(); 2];
        let mut statement = self.changes.prepare_cached(
            "SELECT queue, sum(entries), sum(bytes) FROM sums WHERE ?1 IS NULL OR name = ?1 GROUP BY queue",
        )?;
        let mut rows = statement.query([name])?;
        while let Some(row) = rows.next()? {
            let queue = Queue::from_number(row.get(0)?);
            sums[queue.number()] = Sum { entries: unsigned(row.get(1)?), bytes: unsigned(row.get(2)?) };
        }
        Ok(sums)
    }

    /// Takes entries out, the least worthy first, until the goal is reached or `most` have gone. What
    /// `is_spared` says yes to stays.
    pub(crate) fn take_out(
        &mut self,
        goal: Goal<'_>,
        most: usize,
        mut is_spared: impl FnMut(&Candidate) -> bool,
    ) -> rusqlite::Result<Vec<Victim>> {
        let name = goal.name();
        let mut sums = self.sums(name)?;
        let mut places = [BEGIN; 2];
        let mut victims = Vec::new();
        while victims.len() < most && !goal.is_reached(&sums) {
            let mut next = [const { None }; 2];
            for queue in Queue::ALL {
                next[queue.number()] =
                    self.candidate(name, queue, &mut places[queue.number()], &mut is_spared)?;
            }
            let Some((queue, candidate)) = self.choose(goal, &sums, next)? else { break };
            self.advance(name, queue, candidate.rank)?;
            let left = self.leave(&candidate.key)?;
            if left.moved {
                sums = self.sums(name)?;
            } else {
                let sum = &mut sums[queue.number()];
                sum.entries = sum.entries.saturating_sub(1);
                sum.bytes = sum.bytes.saturating_sub(left.free);
            }
            let Candidate { key, name, seconds, known, modified_ns, .. } = candidate;
            victims.push(Victim { key, name, seconds, bytes: left.free, known, modified_ns });
        }
        Ok(victims)
    }

    /// Returns the first of a queue that is not spared, and moves the place up to it.
    fn candidate(
        &self,
        name: Option<&str>,
        queue: Queue,
        place: &mut Place,
        is_spared: &mut impl FnMut(&Candidate) -> bool,
    ) -> rusqlite::Result<Option<Candidate>> {
        let query = match name {
            None => {
                "SELECT key, name, modified_ns, seconds, known, rank, number FROM entries
                    WHERE queue = ?1 AND (rank, number) > (?2, ?3) AND ?4 IS NULL ORDER BY rank, number"
            }
            Some(_) => {
                "SELECT key, name, modified_ns, seconds, known, rank_in_name, number FROM entries
                    WHERE queue = ?1 AND (rank_in_name, number) > (?2, ?3) AND name = ?4
                    ORDER BY rank_in_name, number"
            }
        };
        let mut statement = self.changes.prepare_cached(query)?;
        let mut rows = statement.query(params![queue.number() as i64, place.0, place.1, name])?;
        while let Some(row) = rows.next()? {
            let candidate = Candidate::read(row)?;
            if !is_spared(&candidate) {
                return Ok(Some(candidate));
            }
            *place = (candidate.rank, candidate.number);
        }
        Ok(None)
    }

    fn choose(
        &self,
        goal: Goal<'_>,
        sums: &[Sum; 2],
        next: [Option<Candidate>; 2],
    ) -> rusqlite::Result<Option<(Queue, Candidate)>> {
        Ok(match next {
            [Some(on_probation), Some(used)] => {
                let clock = |queue| match goal.name() {
                    Some(name) => self.clock_of(name, queue),
                    None => Ok(self.clocks[queue.number()]),
                };
                let probation_credit = on_probation.rank - clock(Queue::Probation)?;
                let used_credit = used.rank - clock(Queue::Used)?;
                match next_from(probation_credit, used_credit, goal.probation_part(sums)) {
                    Queue::Probation => Some((Queue::Probation, on_probation)),
                    Queue::Used => Some((Queue::Used, used)),
                }
            }
            [Some(on_probation), None] => Some((Queue::Probation, on_probation)),
            [None, used] => used.map(|used| (Queue::Used, used)),
        })
    }

    /// Moves a clock on to the rank of what goes.
    fn advance(&mut self, name: Option<&str>, queue: Queue, rank: f64) -> rusqlite::Result<()> {
        match name {
            None => self.clocks[queue.number()] = self.clocks[queue.number()].max(rank),
            Some(name) => {
                self.changes
                    .prepare_cached("UPDATE sums SET clock = max(clock, ?) WHERE name = ? AND queue = ?")?
                    .execute(params![rank, name, queue.number() as i64])?;
            }
        }
        Ok(())
    }

    /// Notes entries whose files are to be removed, as they are now.
    pub(crate) fn doom(&self, victims: &[Victim]) -> rusqlite::Result<()> {
        for victim in victims {
            self.changes
                .prepare_cached("REPLACE INTO doomed VALUES (?, ?)")?
                .execute(params![victim.key.as_bytes(), victim.modified_ns])?;
        }
        Ok(())
    }

    /// Returns the entries whose files are to be removed, each with the time of its file.
    pub(crate) fn doomed(&self) -> rusqlite::Result<Vec<(Key, i64)>> {
        let mut statement = self.changes.prepare_cached("SELECT key, modified_ns FROM doomed")?;
        statement.query_map([], |row| Ok((key_in(row, 0)?, row.get(1)?)))?.collect()
    }

    pub(crate) fn orphans(&self) -> rusqlite::Result<Vec<Digest>> {
        let mut statement = self.changes.prepare_cached("SELECT digest FROM orphans")?;
        statement.query_map([], |row| digest_in(row, 0))?.collect()
    }

    /// Notes a blob that no entry holds.
    pub(crate) fn add_orphan(&self, digest: &Digest) -> rusqlite::Result<()> {
        self.changes.prepare_cached("REPLACE INTO orphans VALUES (?)")?.execute([digest.as_bytes()]).map(drop)
    }

    pub(crate) fn is_held(&self, digest: &Digest) -> rusqlite::Result<bool> {
        self.changes.prepare_cached("SELECT 1 FROM holds WHERE digest = ?")?.exists([digest.as_bytes()])
    }

    /// Tells whether look-ups that begin with a key may still lead to an entry.
    pub(crate) fn is_known(&self, known: &Key) -> rusqlite::Result<bool> {
        self.changes.prepare_cached("SELECT 1 FROM entries WHERE known = ?")?.exists([known.as_bytes()])
    }

    pub(crate) fn forget_doomed(&self, doomed: &[(Key, i64)]) -> rusqlite::Result<()> {
        for (key, _) in doomed {
            self.changes.prepare_cached("DELETE FROM doomed WHERE key = ?")?.execute([key.as_bytes()])?;
        }
        Ok(())
    }

    pub(crate) fn forget_orphans(&self, digests: &[Digest]) -> rusqlite::Result<()> {
        for digest in digests {
            self.changes
                .prepare_cached("DELETE FROM orphans WHERE digest = ?")?
                .execute([digest.as_bytes()])?;
        }
        Ok(())
    }
}

impl Candidate {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let known: Option<[u8; 32]> = row.get(4)?;
        Ok(Self {
            key: key_in(row, 0)?,
            name: row.get(1)?,
            modified_ns: row.get(2)?,
            seconds: row.get(3)?,
            known: known.map(|bytes| Key::from_digest(Digest::from_bytes(bytes))),
            rank: row.get(5)?,
            number: row.get(6)?,
        })
    }
}

impl Goal<'_> {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Store(_) => None,
            Self::Name(name, _) => Some(name),
        }
    }

    pub(crate) fn is_reached(&self, sums: &[Sum; 2]) -> bool {
        let bytes = sums[0].bytes.saturating_add(sums[1].bytes);
        match self {
            Self::Store(most) => bytes <= *most,
            Self::Name(_, most) => {
                most.bytes.is_none_or(|most| bytes <= most)
                    && most.entries.is_none_or(|most| sums[0].entries + sums[1].entries <= most)
            }
        }
    }

    /// The part of what may be kept that was never used.
    fn probation_part(&self, sums: &[Sum; 2]) -> f64 {
        let part = |of: u64, most: u64| of as f64 / most.max(1) as f64;
        match self {
            Self::Store(most) => part(sums[0].bytes, *most),
            Self::Name(_, MostOfName { entries: Some(most), .. }) => part(sums[0].entries, *most),
            Self::Name(_, most) => part(sums[0].bytes, most.bytes.unwrap_or(u64::MAX)),
        }
    }
}
