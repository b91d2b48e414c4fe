//! Results in memory, by the bytes of their keys, in the order of their last use.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::watch::{Done, Heard};

const NOBODY: u32 = u32::MAX;

/// A call can be written in several ways; beyond these it is bound anew each time.
const MOST_ALIASES: usize = 8;

/// The results of one function. Nothing here runs Python code: what is removed is handed out, to be
/// dropped when the table is not borrowed any more.
pub(crate) struct Table {
    /// The most results kept; None: all.
    capacity: Option<usize>,
    index: HashMap<Arc<[u8]>, u32, RandomState>,
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    newest: u32,
    oldest: u32,
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) seconds_saved: f64,
}

/// A result. Its key is the first of its names.
pub(crate) struct Entry {
    names: Vec<Arc<[u8]>>,
    value: Py<PyAny>,
    /// Who has heard what its computation looked at.
    done: Done,
    seconds: f64,
    newer: u32,
    older: u32,
}

impl Table {
    pub(crate) fn new(capacity: Option<usize>) -> Self {
        Self {
            capacity,
            index: HashMap::default(),
            entries: Vec::new(),
            free: Vec::new(),
            newest: NOBODY,
            oldest: NOBODY,
            hits: 0,
            misses: 0,
            seconds_saved: 0.0,
        }
    }

    pub(crate) fn capacity(&self) -> Option<usize> {
        self.capacity
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Tells whether there is a result.
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.index.contains_key(key)
    }

    /// Returns a result, and counts the hit. The reference is borrowed from the table.
    ///
    /// What a computation under way has not heard it must hear: then there is none.
    #[inline]
    pub(crate) fn hit(&mut self, key: &[u8], heard: &Heard) -> Option<*mut ffi::PyObject> {
        let number = *self.index.get(key)?;
        if !heard.knows(&self.entries[number as usize].as_ref()?.done) {
            return None;
        }
        if self.capacity.is_some() && self.newest != number {
            self.detach(number);
            self.attach_newest(number);
        }
        let entry = self.entries[number as usize].as_ref()?;
        self.hits += 1;
        self.seconds_saved += entry.seconds;
        Some(entry.value.as_ptr())
    }

    /// Keeps a result. Returns what has to go for it.
    pub(crate) fn keep(&mut self, key: Arc<[u8]>, value: Py<PyAny>, done: Done, seconds: f64) -> Removed {
        // Another caller may have kept its result meanwhile: the first one stays.
        if let Some(number) = self.index.get(&key) {
            if let Some(entry) = &mut self.entries[*number as usize] {
                entry.done = entry.done.max(done);
            }
            return Removed { entry: None, value: Some(value) };
        }
        if self.capacity == Some(0) {
            return Removed { entry: None, value: Some(value) };
        }
        let full = self.capacity.is_some_and(|capacity| self.len() >= capacity);
        let entry = if full { self.take(self.oldest) } else { None };
        let number = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            (self.entries.len() - 1) as u32
        });
        self.index.insert(key.clone(), number);
        self.entries[number as usize] =
            Some(Entry { names: vec![key], value, done, seconds, newer: NOBODY, older: NOBODY });
        self.attach_newest(number);
        Removed { entry, value: None }
    }

    /// Gives a result another name, under which it is found without binding the call.
    pub(crate) fn alias(&mut self, key: &[u8], name: &[u8]) {
        let Some(number) = self.index.get(key).copied() else { return };
        let Some(entry) = self.entries[number as usize].as_mut() else { return };
        if entry.names.len() <= MOST_ALIASES && !self.index.contains_key(name) {
            let name: Arc<[u8]> = name.into();
            entry.names.push(name.clone());
            self.index.insert(name, number);
        }
    }

    /// Removes a result.
    pub(crate) fn forget(&mut self, key: &[u8]) -> Option<Entry> {
        let number = *self.index.get(key)?;
        self.take(number)
    }

    /// Removes all results and starts counting anew.
    pub(crate) fn clear(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.capacity))
    }

    /// Calls `visit` for each reference that is held here.
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(*mut ffi::PyObject)) {
        self.entries.iter().flatten().for_each(|entry| visit(entry.value.as_ptr()));
    }

    fn take(&mut self, number: u32) -> Option<Entry> {
        self.detach(number);
        let entry = self.entries[number as usize].take()?;
        for name in &entry.names {
            self.index.remove(name);
        }
        self.free.push(number);
        Some(entry)
    }

    fn detach(&mut self, number: u32) {
        let Some(entry) = &self.entries[number as usize] else { return };
        let (newer, older) = (entry.newer, entry.older);
        match newer {
            NOBODY => self.newest = older,
            newer => self.link(newer, |entry| entry.older = older),
        }
        match older {
            NOBODY => self.oldest = newer,
            older => self.link(older, |entry| entry.newer = newer),
        }
    }

    fn attach_newest(&mut self, number: u32) {
        let before = self.newest;
        self.link(number, |entry| (entry.newer, entry.older) = (NOBODY, before));
        match before {
            NOBODY => self.oldest = number,
            before => self.link(before, |entry| entry.newer = number),
        }
        self.newest = number;
    }

    fn link(&mut self, number: u32, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = &mut self.entries[number as usize] {
            change(entry);
        }
    }
}

/// What was not kept, or is not any more.
#[must_use = "it is dropped when the table is not borrowed any more"]
pub(crate) struct Removed {
    #[expect(dead_code, reason = "held for its Drop")]
    entry: Option<Entry>,
    #[expect(dead_code, reason = "held for its Drop")]
    value: Option<Py<PyAny>>,
}
