//! Storing an entry: its blobs first, the entry last.

use std::borrow::Cow;

use hozon_format::{Buffer, Codec, Digest, Entry, Facts, Key, Output, Part, limits, seal};
use hozon_sys::Durability;

use crate::blobs::{Written, fits_inline};
use crate::store::at;
use crate::{Store, StoreError};

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
    /// Stores an entry, replacing one of the same key.
    ///
    /// # Errors
    ///
    /// `Io` if a file cannot be written, `TooLarge` if the entry is; nothing stored earlier is lost, and
    /// no part of this entry can be seen.
    pub fn put(&self, entry: NewEntry<'_>) -> Result<Stored, StoreError> {
        let durability = entry.durability();
        let mut put = Put { store: self, durability, inline_bytes: 0, stored: Stored::default() };
        let outputs = entry.outputs.iter().map(|output| put.output(output)).collect::<Result<_, _>>()?;
        let NewEntry { key, facts, recipe, traces, .. } = entry;
        put.entry(&Entry { key, facts, recipe, traces, outputs })?;
        Ok(put.stored)
    }
}

impl NewEntry<'_> {
    /// Returns how its files are written: what took long to compute is on the disk when the put returns.
    pub const fn durability(&self) -> Durability {
        if self.facts.duration_ns > WORTH_SYNCING_NS { Durability::Synced } else { Durability::Batched }
    }
}

impl Put<'_> {
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

    fn entry(&mut self, entry: &Entry) -> Result<(), StoreError> {
        let sealed = seal(entry, &self.store.0.seal);
        let (size, most) = (sealed.len() as u64, limits::ENVELOPE_BYTES);
        if size > most {
            return Err(StoreError::TooLarge { size, most });
        }
        let path = self.store.0.layout.entry(&entry.key);
        self.store.0.publish(&path, &[&sealed], 0o600, self.durability).map_err(at(&path))?;
        self.stored.entry_bytes = size;
        Ok(())
    }
}
