//! Storing an entry: its blobs first, the entry last.

use std::borrow::Cow;

use hozon_format::{Buffer, Codec, Digest, Entry, Facts, Key, Output, Part, limits, seal};
use hozon_sys::{Durability, Stat};

#[cfg(doc)]
use crate::Disagreement;
use crate::blobs::{Written, fits_inline};
use crate::store::at;
use crate::{MostOfName, Store, StoreError};

/// An entry to be stored.
#[derive(Debug, Clone)]
pub struct NewEntry<'a> {
    /// The digest of the recipe.
    pub key: Key,
    /// When, how long, by which versions.
    pub facts: Facts,
    /// The encoded recipe.
    pub recipe: Vec<u8>,
    /// The encoded trace set that the run had; empty without one.
    pub traces: Vec<u8>,
    /// The results.
    pub outputs: Vec<NewOutput<'a>>,
    /// The key that look-ups of the entry begin with, where that is another one.
    pub known: Option<Key>,
    /// The most that is to be kept of its name.
    pub most: Option<MostOfName>,
}

/// A result to be stored.
#[derive(Debug, Clone)]
pub struct NewOutput<'a> {
    /// The name that it is bound to; empty for a return value.
    pub name: String,
    /// How the payload turns into a value.
    pub codec: Codec,
    /// The bytes that the codec reads.
    pub payload: Cow<'a, [u8]>,
    /// The buffers out of band.
    pub buffers: Vec<NewBuffer<'a>>,
}

/// A buffer to be stored beside a payload. Its bytes are not copied unless they are few.
#[derive(Debug, Clone, Copy)]
pub struct NewBuffer<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Whether the value's owner saw it as read-only.
    pub read_only: bool,
}

/// What a put has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stored {
    /// The size of the entry's file in bytes.
    pub entry_bytes: u64,
    /// Bytes of blobs that were new.
    pub new_blob_bytes: u64,
    /// Bytes of blobs that were stored already.
    pub shared_blob_bytes: u64,
}

/// A computation that ran longer than this is synced to the disk before the put returns.
const WORTH_SYNCING_NS: u64 = 1_000_000_000;

/// A put under way.
struct Put<'s> {
    store: &'s Store,
    durability: Durability,
    inline_bytes: usize,
    stored: Stored,
}

impl Store {
    /// Stores an entry, replacing one of the same key; if that had other outputs, a [`Disagreement`] is noted.
    /// Where that makes the store too large, what is worth
    /// least is evicted; so it is, for a second try, where the disk is full.
    ///
    /// # Errors
    ///
    /// `Io` if a file cannot be written, `TooLarge` if the entry is; no part of this entry can be seen then.
    /// Nothing stored earlier is lost by it, but for what was evicted to make room.
    pub fn put(&self, new: NewEntry<'_>) -> Result<Stored, StoreError> {
        let durability = new.durability();
        let earlier = self.replaced_by_put(&new.key);
        let NewEntry { key, facts, recipe, traces, outputs, known, most } = new;
        let mut entry = Entry { key, facts, recipe, traces, outputs: Vec::new() };
        let mut put = || self.put_once(&mut entry, &outputs, known.as_ref(), durability);
        let (stored, is_due) = match put() {
            Err(error) if error.is_full_disk() && self.0.bound.is_some() => {
                match self.make_room(bytes_of(&outputs)) {
                    true => put()?,
                    false => return Err(error),
                }
            }
            other => other?,
        };
        if let Some(earlier) = earlier {
            self.compare(&earlier, &entry);
        }
        if is_due || most.is_some() {
            let newest = most.map(|most| (entry.key, &*entry.facts.name, most));
            // What cannot be evicted now is evicted by the next one.
            let _ = self.settle(newest);
        }
        Ok(stored)
    }

    /// Returns what was stored, and whether it is time to settle.
    fn put_once(
        &self,
        entry: &mut Entry,
        outputs: &[NewOutput<'_>],
        known: Option<&Key>,
        durability: Durability,
    ) -> Result<(Stored, bool), StoreError> {
        self.0.announce(&entry.key, known);
        let mut put = Put { store: self, durability, inline_bytes: 0, stored: Stored::default() };
        let stat = put.whole(entry, outputs).inspect_err(|_| self.0.renounce(&entry.key, known))?;
        let bytes = put.stored.entry_bytes + put.stored.new_blob_bytes;
        Ok((put.stored, self.0.arrived(entry, known, stat, bytes)))
    }
}

fn bytes_of(outputs: &[NewOutput<'_>]) -> u64 {
    let of = |output: &NewOutput<'_>| {
        let buffers: usize = output.buffers.iter().map(|buffer| buffer.bytes.len()).sum();
        (output.payload.len() + buffers) as u64
    };
    outputs.iter().map(of).sum()
}

impl NewEntry<'_> {
    /// Returns how its files are written: what took long to compute is on the disk when the put returns.
    pub const fn durability(&self) -> Durability {
        if self.facts.duration_ns > WORTH_SYNCING_NS { Durability::Synced } else { Durability::Batched }
    }
}

impl Put<'_> {
    /// Stores blobs and entry. Returns what the file of the entry is like.
    fn whole(&mut self, entry: &mut Entry, outputs: &[NewOutput<'_>]) -> Result<Option<Stat>, StoreError> {
        entry.outputs = outputs.iter().map(|output| self.output(output)).collect::<Result<_, _>>()?;
        let stat = self.entry(entry)?;
        // Someone may have taken a blob for unneeded until the entry could be seen.
        if !self.store.has_blobs_of(entry) {
            self.inline_bytes = 0;
            outputs.iter().try_for_each(|output| self.output(output).map(drop))?;
        }
        Ok(stat)
    }

    fn output(&mut self, output: &NewOutput<'_>) -> Result<Output, StoreError> {
        let payload = self.part(&output.payload)?;
        let buffers = output
            .buffers
            .iter()
            .map(|buffer| Ok(Buffer { part: self.part(buffer.bytes)?, read_only: buffer.read_only }));
        let buffers = buffers.collect::<Result<_, StoreError>>()?;
        Ok(Output { name: output.name.clone(), codec: output.codec, payload, buffers })
    }

    fn part(&mut self, bytes: &[u8]) -> Result<Part, StoreError> {
        if fits_inline(bytes.len(), self.inline_bytes) {
            self.inline_bytes += bytes.len();
            return Ok(Part::Inline(bytes.to_vec()));
        }
        let (digest, length) = (Digest::of_large(bytes), bytes.len() as u64);
        match self.store.0.write_blob(&digest, bytes, self.durability)? {
            Written::New => self.stored.new_blob_bytes += length,
            Written::Shared => self.stored.shared_blob_bytes += length,
        }
        Ok(Part::Blob { digest, length })
    }

    fn entry(&mut self, entry: &Entry) -> Result<Option<Stat>, StoreError> {
        let sealed = seal(entry, &self.store.0.keys.seal);
        let (size, most) = (sealed.len() as u64, limits::ENVELOPE_BYTES);
        if size > most {
            return Err(StoreError::TooLarge { size, most });
        }
        let path = self.store.0.layout.entry(&entry.key);
        let stat = self.store.0.publish(&path, &[&sealed], 0o600, self.durability).map_err(at(&path))?;
        self.stored.entry_bytes = size;
        Ok(stat)
    }
}
