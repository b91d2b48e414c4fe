//! Eviction: what is worth least goes, until the rest fits.
//!
//! Entries go before their blobs, and a blob goes only if no entry holds it. What is to go is written down
//! before anything is removed, so whoever is killed in between leaves a whole store, and the next one goes on.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::Duration;

use hozon_format::{Digest, Key};
use hozon_sys::{LockAttempt, LockGuard};

use crate::books::{Books, Candidate, Goal, Victim};
use crate::index::{self, Index, remember_removal, trim_removed};
use crate::layout::digest_of_names;
use crate::store::Inner;
use crate::{Cleared, MostOfName, Store, StoreError};

/// What a collection has removed, or would remove.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Collected {
    /// Entries, in the order in which they went.
    pub victims: Vec<Victim>,
    /// The bytes of entries and their blobs before, each blob once.
    pub bytes_before: u64,
    /// The same after it.
    pub bytes: u64,
    /// How many entries there were before.
    pub entries_before: u64,
    /// What the store was to be brought down to; `None`: it has no bound.
    pub bound: Option<u64>,
    /// The files that were removed: those of blobs that nothing needed any more are among them.
    pub removed: Cleared,
}

/// So many entries are taken out in one change of the index, for others not to wait for it.
const CHUNK: usize = 256;
/// A put that finds the store too large removes no more than this: the next one goes on.
const MOST_AT_A_PUT: usize = 4096;
/// How long a person's command waits for another process that removes.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// What was stored just now, by its name, and the most that is to be kept of that name.
pub(crate) type Newest<'n> = (Key, &'n str, MostOfName);

/// What must stay, whatever it is worth.
struct Spared<'s> {
    store: &'s Inner,
    named: HashSet<Key>,
    leased: HashSet<Key>,
    /// Stored just now, so not to go by the limit of its name; what else is young may. Without it, what is
    /// young stays.
    newest: Option<Key>,
    /// Could not be removed: whoever comes next tries again.
    stuck: HashSet<Key>,
}

/// An eviction: what is to be reached, and what it may do.
#[derive(Clone, Copy)]
struct Eviction<'n> {
    goal: Goal<'n>,
    newest: Option<Key>,
    most: usize,
}

impl Store {
    /// Removes the entries that are worth least until the rest has no more than `most_bytes` (else the store's
    /// own bound), and blobs that nothing needs. With `dry_run`, nothing is removed.
    ///
    /// What a name keeps stays, what is being computed, and what was stored within the grace window.
    ///
    /// # Errors
    ///
    /// `Io` if a folder cannot be listed, `Index` if no index can be had, `Collecting` if another process has
    /// been removing for long. A file that cannot be removed is left for the next time.
    pub fn collect(&self, most_bytes: Option<u64>, dry_run: bool) -> Result<Collected, StoreError> {
        let store = &*self.0;
        let bound = most_bytes.or(store.bound);
        let goal = Goal::Store(bound.unwrap_or(u64::MAX));
        let _lock = if dry_run { None } else { store.wait_to_collect()? };
        if !dry_run {
            self.sweep()?;
        }
        let files = store.entry_files()?;
        let unnamed = store.old_blobs()?;
        index::with(store, |index| {
            store.reconcile(index, &files)?;
            index.add_orphans(&unnamed)?;
            let mut collected = index.before(bound)?;
            collected.victims = match dry_run {
                true => store.would_go(index, goal)?,
                false => {
                    let all = Eviction { goal, newest: None, most: usize::MAX };
                    store.evict(index, all, &mut collected.removed)?
                }
            };
            let free: u64 = collected.victims.iter().map(|victim| victim.bytes).sum();
            collected.bytes = collected.bytes_before.saturating_sub(free);
            Ok(collected)
        })
    }

    /// Removes what is worth least until `bytes` more fit on a full disk. Returns whether anything went.
    pub(crate) fn make_room(&self, bytes: u64) -> bool {
        let store = &*self.0;
        let Some(_lock) = store.try_to_collect() else { return false };
        let Ok(files) = store.entry_files() else { return false };
        let mut removed = Cleared::default();
        let uses = index::with(store, |index| index.uses()).unwrap_or_default();
        // Where nothing can be written, the index in its file cannot be relied on.
        let evicted = Index::in_memory().and_then(|mut index| {
            store.reconcile(&mut index, &files)?;
            index.add_uses(&uses)?;
            let held = index.before(None)?.bytes_before;
            let goal = Goal::Store(held.saturating_sub(bytes.saturating_mul(2).max(held / 10)));
            store.evict(&mut index, Eviction { goal, newest: None, most: usize::MAX }, &mut removed)
        });
        let victims = evicted.unwrap_or_default();
        store.remember_removal(
            &victims.iter().map(|victim| (victim.key, victim.name.clone())).collect::<Vec<_>>(),
            "evicted",
        );
        removed.bytes > 0
    }

    /// Enters what was stored and used, and evicts where the store, or what is kept of the name of `newest`,
    /// is too large now.
    ///
    /// # Errors
    ///
    /// `Index` if the index cannot be written; what was noted is forgotten then.
    pub(crate) fn settle(&self, newest: Option<Newest<'_>>) -> Result<(), StoreError> {
        let store = &*self.0;
        let uses = store.uses.with(store.process(), std::mem::take);
        if !store.keeps_index() {
            return store.settle_by_looking(newest);
        }
        let due = index::with(store, |index| {
            if !index.in_file {
                return Ok(false);
            }
            store.catch_up(index)?;
            index.add_uses(&uses)?;
            index.is_eviction_due(store.bound, newest)
        })?;
        if !due {
            return Ok(());
        }
        // Whoever is at it does it for us, too.
        let Some(_lock) = store.try_to_collect() else { return Ok(()) };
        index::with(store, |index| match index.in_file {
            true => store.evict_what_is_due(index, newest),
            false => Ok(()),
        })
    }
}

/// What an eviction brings a store down to, so that the next one is not due at once.
const fn target(bound: u64) -> u64 {
    bound - bound / 10
}

impl Inner {
    /// The lock of whoever removes. Where there are no locks, it goes without one: two at once remove what
    /// either would.
    fn try_to_collect(&self) -> Option<Option<LockGuard>> {
        match self.system.try_lock(&self.layout.collecting) {
            Ok(LockAttempt::Won(guard)) => Some(Some(guard)),
            Ok(LockAttempt::Held) => None,
            Ok(LockAttempt::Unsupported) | Err(_) => Some(None),
        }
    }

    fn wait_to_collect(&self) -> Result<Option<LockGuard>, StoreError> {
        let began = self.system.monotonic();
        loop {
            match self.try_to_collect() {
                Some(lock) => return Ok(lock),
                None if self.system.monotonic().saturating_sub(began) > PATIENCE => {
                    return Err(StoreError::Collecting);
                }
                None => self.system.sleep(PAUSE),
            }
        }
    }

    /// Where no index is kept, only looking through the store tells its size. That is done now and then: the
    /// more this process has stored, the likelier.
    fn settle_by_looking(&self, newest: Option<Newest<'_>>) -> Result<(), StoreError> {
        let stored = self.take_arrived_bytes();
        let due = self.bound.is_some_and(|bound| stored as f64 > self.chance() * (bound / 64) as f64);
        if !due && newest.is_none() {
            return Ok(());
        }
        let files = self.entry_files()?;
        let Some(_lock) = self.try_to_collect() else { return Ok(()) };
        index::with(self, |index| {
            self.reconcile(index, &files)?;
            self.evict_what_is_due(index, newest)
        })
    }

    /// A number from 0 to 1; 0 where there is no randomness.
    fn chance(&self) -> f64 {
        let mut random = [0; 8];
        let _ = self.system.fill_random(&mut random);
        u64::from_le_bytes(random) as f64 / u64::MAX as f64
    }

    fn evict_what_is_due(&self, index: &mut Index, newest: Option<Newest<'_>>) -> rusqlite::Result<()> {
        let mut removed = Cleared::default();
        if let Some((key, name, most)) = newest {
            let goal = Goal::Name(name, most);
            self.evict(index, Eviction { goal, newest: Some(key), most: MOST_AT_A_PUT }, &mut removed)?;
        }
        let bytes = index.before(None)?.bytes_before;
        let goal = match self.bound {
            Some(bound) if bytes > bound => Goal::Store(target(bound)),
            _ => Goal::Store(u64::MAX),
        };
        self.evict(index, Eviction { goal, newest: None, most: MOST_AT_A_PUT }, &mut removed).map(drop)
    }

    /// Tells what would go, and changes nothing.
    fn would_go(&self, index: &mut Index, goal: Goal<'_>) -> rusqlite::Result<Vec<Victim>> {
        let Some(spared) = self.spared(None) else { return Ok(Vec::new()) };
        let changes = index.changes()?;
        let victims = Books::open(&changes)?.take_out(goal, usize::MAX, |entry| spared.spares(entry))?;
        changes.rollback()?;
        Ok(victims)
    }

    /// Takes entries out, then removes their files, then blobs that nothing holds. What an earlier one has not
    /// finished is done first.
    fn evict(
        &self,
        index: &mut Index,
        eviction: Eviction<'_>,
        removed: &mut Cleared,
    ) -> rusqlite::Result<Vec<Victim>> {
        let Some(mut spared) = self.spared(eviction.newest) else { return Ok(Vec::new()) };
        spared.stuck.extend(self.remove_doomed(index, removed)?);
        self.remove_orphans(index, removed)?;
        let mut all = Vec::new();
        while all.len() < eviction.most {
            let most = CHUNK.min(eviction.most - all.len());
            let mut victims = self.take_out(index, eviction.goal, most, &spared)?;
            if victims.is_empty() {
                break;
            }
            spared.stuck.extend(self.remove_doomed(index, removed)?);
            victims.retain(|victim| !spared.stuck.contains(&victim.key));
            self.remove_trace_sets(index, &victims)?;
            self.remove_orphans(index, removed)?;
            all.extend(victims);
        }
        if !all.is_empty() {
            trim_removed(&index.connection)?;
        }
        Ok(all)
    }

    fn take_out(
        &self,
        index: &mut Index,
        goal: Goal<'_>,
        most: usize,
        spared: &Spared<'_>,
    ) -> rusqlite::Result<Vec<Victim>> {
        let now_ms = self.system.now_ms();
        let changes = index.changes()?;
        let mut books = Books::open(&changes)?;
        let victims = books.take_out(goal, most, |entry| spared.spares(entry))?;
        books.doom(&victims)?;
        for victim in &victims {
            remember_removal(&changes, &books, &victim.key, Some(&victim.name), now_ms, "evicted")?;
        }
        books.close()?;
        changes.commit()?;
        Ok(victims)
    }

    /// Removes the files of entries that are taken out. One that was stored again since, or cannot be removed,
    /// is entered again, and returned.
    fn remove_doomed(&self, index: &mut Index, removed: &mut Cleared) -> rusqlite::Result<Vec<Key>> {
        let doomed = index.doomed()?;
        let mut kept = Vec::new();
        for (key, modified_ns) in &doomed {
            let path = self.layout.entry(key);
            let stat = match self.system.stat(&path) {
                Ok(stat) => stat,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(_) => {
                    // It may still be there: until the store is looked through, no blob goes.
                    index.note_opaque(true)?;
                    continue;
                }
            };
            if stat.modified_ns != *modified_ns {
                kept.push(*key);
                continue;
            }
            match self.remove_if_there(&path) {
                Ok(was_there) => {
                    removed.entries += u64::from(was_there);
                    removed.bytes += stat.size;
                }
                Err(_) => kept.push(*key),
            }
        }
        self.enter_again(index, &kept)?;
        index.forget_doomed(&doomed)?;
        Ok(kept)
    }

    /// Removes blobs that no entry holds, unless they are young: a put under way may be about to.
    fn remove_orphans(&self, index: &mut Index, removed: &mut Cleared) -> rusqlite::Result<()> {
        let orphans = index.orphans()?;
        if orphans.is_empty() {
            return Ok(());
        }
        // What was stored meanwhile may hold them.
        self.absorb(index)?;
        if index.is_opaque()? {
            return Ok(());
        }
        let mut done = Vec::new();
        for digest in index.orphans()? {
            let path = self.layout.blob(&digest);
            let is_there = self.system.stat(&path).is_ok();
            if is_there && self.is_young_blob(&digest) {
                continue;
            }
            if !is_there || self.remove_blob(&digest, &path, removed).is_ok() {
                done.push(digest);
            }
        }
        index.forget_orphans(&done)
    }

    /// Removes lists of what computations looked at that lead to no entry any more.
    fn remove_trace_sets(&self, index: &mut Index, victims: &[Victim]) -> rusqlite::Result<()> {
        for known in victims.iter().filter_map(|victim| victim.known) {
            let path = self.layout.trace_sets(&known);
            let is_young = self.system.stat(&path).is_ok_and(|stat| self.is_young(stat.modified_ns));
            if !is_young && !index.is_known(&known)? {
                // One that stays leads to nothing: no harm.
                let _ = self.remove_if_there(&path);
            }
        }
        Ok(())
    }

    /// `None` if it cannot be told what must stay: then nothing goes.
    fn spared(&self, newest: Option<Key>) -> Option<Spared<'_>> {
        let named = self.keys_with_names().ok()?;
        let leases = self.list(&self.layout.leases).ok()?;
        let leased = leases.iter().filter_map(|(name, _)| name.parse().ok()).map(Key::from_digest).collect();
        Some(Spared { store: self, named, leased, newest, stuck: HashSet::new() })
    }

    /// Tells whether a time is within the grace window of now, on either side: where the clock was set back,
    /// what seems to come from the future must not stay for ever.
    fn is_young(&self, at_ns: i64) -> bool {
        let now_ns = i128::from(self.system.now_ms()) * 1_000_000;
        (now_ns - i128::from(at_ns)).unsigned_abs() < self.grace.as_nanos()
    }

    /// A put that shares a blob renews its note.
    fn is_young_blob(&self, digest: &Digest) -> bool {
        [self.layout.blob(digest), self.layout.blob_check(digest)].iter().any(|path| {
            let stat = self.system.stat(path);
            stat.is_ok_and(|stat| self.is_young(stat.modified_ns) || self.is_young(stat.changed_ns))
        })
    }

    /// The blobs that are too old to belong to a put under way, with their lengths.
    fn old_blobs(&self) -> Result<HashMap<Digest, u64>, StoreError> {
        let mut old = HashMap::new();
        for (shard, name, path) in self.sharded_files(&self.layout.blobs)? {
            let Some(digest) = digest_of_names(&shard, &name) else { continue };
            if self.is_old_blob(&digest, &path) {
                let length = self.system.stat(&path).map_or(0, |stat| stat.size);
                old.insert(digest, length);
            }
        }
        Ok(old)
    }
}

impl Spared<'_> {
    fn spares(&self, entry: &Candidate) -> bool {
        let is_of = |keys: &HashSet<Key>| {
            keys.contains(&entry.key) || entry.known.is_some_and(|known| keys.contains(&known))
        };
        let is_young = match self.newest {
            Some(newest) => newest == entry.key,
            None => self.store.is_young(entry.modified_ns) || self.store.has_just_stored(&entry.key),
        };
        is_young || is_of(&self.named) || is_of(&self.leased) || self.stuck.contains(&entry.key)
    }
}

impl Index {
    fn before(&mut self, bound: Option<u64>) -> rusqlite::Result<Collected> {
        let sums = Books::open(&self.connection)?.sums(None)?;
        let bytes_before = sums.iter().map(|sum| sum.bytes).sum();
        let entries_before = sums.iter().map(|sum| sum.entries).sum();
        Ok(Collected { bytes_before, entries_before, bound, ..Collected::default() })
    }

    fn is_eviction_due(&mut self, bound: Option<u64>, newest: Option<Newest<'_>>) -> rusqlite::Result<bool> {
        let bytes = self.before(None)?.bytes_before;
        let books = Books::open(&self.connection)?;
        let too_many = match newest {
            Some((_, name, most)) => !Goal::Name(name, most).is_reached(&books.sums(Some(name))?),
            None => false,
        };
        let unfinished = !books.orphans()?.is_empty() || !books.doomed()?.is_empty();
        Ok(too_many || unfinished || bound.is_some_and(|bound| bytes > bound))
    }

    /// Notes blobs that no entry holds.
    fn add_orphans(&mut self, blobs: &HashMap<Digest, u64>) -> rusqlite::Result<()> {
        let changes = self.changes()?;
        let books = Books::open(&changes)?;
        for digest in blobs.keys() {
            if !books.is_held(digest)? {
                books.add_orphan(digest)?;
            }
        }
        changes.commit()
    }

    fn doomed(&self) -> rusqlite::Result<Vec<(Key, i64)>> {
        Books::open(&self.connection)?.doomed()
    }

    fn orphans(&self) -> rusqlite::Result<Vec<Digest>> {
        Books::open(&self.connection)?.orphans()
    }

    fn is_known(&self, known: &Key) -> rusqlite::Result<bool> {
        Books::open(&self.connection)?.is_known(known)
    }

    fn forget_doomed(&mut self, doomed: &[(Key, i64)]) -> rusqlite::Result<()> {
        let changes = self.changes()?;
        Books::open(&changes)?.forget_doomed(doomed)?;
        changes.commit()
    }

    fn forget_orphans(&mut self, digests: &[Digest]) -> rusqlite::Result<()> {
        let changes = self.changes()?;
        Books::open(&changes)?.forget_orphans(digests)?;
        changes.commit()
    }
}
