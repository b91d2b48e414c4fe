//! What is kept, how large it is, and what goes when there is no room.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hozon_format::Digest;
use hozon_tier::{FolderTier, Kind, ObjectName, Tier, TierError};

use crate::WhenFull;
use crate::metrics::Metrics;

/// The objects of a folder, by size and last use. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    pub(crate) tier: FolderTier,
    quota: Option<u64>,
    when_full: WhenFull,
    metrics: Arc<Metrics>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<ObjectName, Held>,
    /// Of all objects, and of what has room kept for it.
    bytes: u64,
    /// Counts uses: no time of day is asked for.
    uses: u64,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    bytes: u64,
    used: u64,
}

/// Room for something that is on its way; given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    shelf: Shelf,
    bytes: u64,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shelf.state().bytes -= self.bytes;
    }
}

impl Shelf {
    /// Looks at what is in the folder. What was written last counts as used last.
    pub(crate) fn open(
        tier: FolderTier,
        quota: Option<u64>,
        when_full: WhenFull,
        metrics: Arc<Metrics>,
    ) -> Result<Self, TierError> {
        tier.sweep();
        let mut found = Vec::new();
        for kind in Kind::ALL {
            for name in tier.list(kind)? {
                found.extend(tier.stat(&name)?.map(|stat| (stat.modified_ns, name, stat.size)));
            }
        }
        found.sort_unstable();
        let shelf = Self { tier, quota, when_full, metrics, state: Arc::default() };
        found.into_iter().for_each(|(_, name, bytes)| shelf.put(&name, bytes));
        Ok(shelf)
    }

    /// Notes that an object is there.
    pub(crate) fn put(&self, name: &ObjectName, bytes: u64) {
        let mut state = self.state();
        state.uses += 1;
        let held = Held { bytes, used: state.uses };
        let before = state.objects.insert(*name, held).map_or(0, |held| held.bytes);
        state.bytes = state.bytes + bytes - before;
    }

    /// Notes that an object was asked for.
    pub(crate) fn touch(&self, name: &ObjectName) {
        let mut state = self.state();
        state.uses += 1;
        let uses = state.uses;
        if let Some(held) = state.objects.get_mut(name) {
            held.used = uses;
        }
    }

    /// Notes that an object is gone.
    pub(crate) fn forget(&self, name: &ObjectName) {
        let mut state = self.state();
        let gone = state.objects.remove(name).map_or(0, |held| held.bytes);
        state.bytes -= gone;
    }

    /// Keeps room for something that is to come, or says that there is none.
    pub(crate) fn room(&self, bytes: u64) -> Result<Room, TierError> {
        let quota = self.quota.unwrap_or(u64::MAX);
        let doomed = {
            let mut state = self.state();
            let over = state.bytes.saturating_add(bytes).saturating_sub(quota);
            if bytes > quota || over > 0 && self.when_full == WhenFull::Refuse {
                return Err(TierError::Full);
            }
            let doomed = state.take_oldest(over);
            if state.bytes.saturating_add(bytes) > quota {
                // The rest is on its way in.
                doomed.iter().for_each(|(name, held)| state.put_back(*name, *held));
                return Err(TierError::Full);
            }
            state.bytes += bytes;
            doomed
        };
        for (name, _) in &doomed {
            // What cannot be removed is found again at the next start.
            let _ = self.tier.delete(name);
        }
        self.metrics.removed.add(doomed.len() as u64);
        Ok(Room { shelf: self.clone(), bytes })
    }

    /// How many objects there are, and their bytes.
    pub(crate) fn sums(&self) -> (u64, u64) {
        let state = self.state();
        (state.objects.len() as u64, state.bytes)
    }

    /// The names of a kind after a digest, sorted, as many as a page has.
    pub(crate) fn page(&self, kind: Kind, after: Option<&Digest>, most: usize) -> Vec<ObjectName> {
        let state = self.state();
        let zero = Digest::from_bytes([0; 32]);
        let hex = after.unwrap_or(&zero).to_string();
        let Some(name) = ObjectName::of_parts(kind, &hex[..2], &hex[2..]) else { return Vec::new() };
        let start = if after.is_some() { Bound::Excluded(name) } else { Bound::Included(name) };
        let from = state.objects.range((start, Bound::Unbounded)).map(|(name, _)| *name);
        from.take_while(|name| name.kind() == kind).take(most).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes out what was used longest ago, until `bytes` are free; a little more, so that the next one
    /// need not look again.
    fn take_oldest(&mut self, bytes: u64) -> Vec<(ObjectName, Held)> {
        if bytes == 0 {
            return Vec::new();
        }
        let enough = bytes.saturating_add(self.bytes / 32);
        let mut oldest: Vec<(u64, ObjectName)> =
            self.objects.iter().map(|(name, held)| (held.used, *name)).collect();
        oldest.sort_unstable();
        let (mut freed, mut taken) = (0, Vec::new());
        for (_, name) in oldest {
            if freed >= enough {
                break;
            }
            if let Some(held) = self.objects.remove(&name) {
                freed += held.bytes;
                taken.push((name, held));
            }
        }
        self.bytes -= freed;
        taken
    }

    fn put_back(&mut self, name: ObjectName, held: Held) {
        self.objects.insert(name, held);
        self.bytes += held.bytes;
    }
}

#[cfg(test)]
mod tests {
    use hozon_format::Key;
    use hozon_sys::{Memory, System};
    use hozon_tier::Access;
    use std::path::Path;

    use super::*;

    fn name(number: u8) -> ObjectName {
        ObjectName::entries(&Key::from_digest(Digest::of(&[number])))
    }

    fn shelf(quota: u64, when_full: WhenFull) -> Shelf {
        let system = Arc::new(Memory::new());
        system.create_folder(Path::new("/folder")).unwrap();
        let tier = FolderTier::new(system, Path::new("/folder"), Access::Own);
        Shelf::open(tier, Some(quota), when_full, Arc::default()).unwrap()
    }

    fn store(shelf: &Shelf, number: u8, bytes: u64) -> Result<(), TierError> {
        let room = shelf.room(bytes)?;
        shelf.tier.put_if_absent(&name(number), &vec![0; usize::try_from(bytes).unwrap()])?;
        drop(room);
        shelf.put(&name(number), bytes);
        Ok(())
    }

    #[test]
    fn what_was_used_longest_ago_goes_and_the_quota_holds() {
        let shelf = shelf(100, WhenFull::Remove);
        for number in 0..10 {
            store(&shelf, number, 10).unwrap();
        }
        shelf.touch(&name(0));
        store(&shelf, 10, 10).unwrap();
        let there = |number| shelf.tier.get(&name(number), 100).unwrap().is_some();
        assert!(there(0) && !there(1) && there(10));
        for number in 11..200 {
            store(&shelf, number, u64::from(number % 40)).unwrap();
            assert!(shelf.sums().1 <= 100);
        }
        assert!(matches!(store(&shelf, 250, 101), Err(TierError::Full)));
        assert!(there(199), "nothing goes for what never fits");
    }

    #[test]
    fn room_that_is_kept_counts_and_comes_back() {
        let shelf = shelf(100, WhenFull::Remove);
        let room = shelf.room(60).unwrap();
        assert!(matches!(shelf.room(60), Err(TierError::Full)));
        drop(room);
        drop(shelf.room(60).unwrap());
        assert_eq!(shelf.sums(), (0, 0));
    }

    #[test]
    fn a_server_that_removes_nothing_refuses() {
        let shelf = shelf(100, WhenFull::Refuse);
        store(&shelf, 1, 60).unwrap();
        assert!(matches!(store(&shelf, 2, 60), Err(TierError::Full)));
        store(&shelf, 2, 40).unwrap();
        assert_eq!(shelf.sums(), (2, 100));
        shelf.forget(&name(1));
        assert_eq!(shelf.sums(), (1, 40));
    }

    #[test]
    fn a_server_that_starts_again_knows_what_it_has() {
        let first = shelf(100, WhenFull::Remove);
        store(&first, 1, 60).unwrap();
        let again = Shelf::open(first.tier.clone(), Some(100), WhenFull::Remove, Arc::default()).unwrap();
        assert_eq!(again.sums(), (1, 60));
        assert_eq!(again.page(Kind::Entries, None, 10), [name(1)]);
    }
}
