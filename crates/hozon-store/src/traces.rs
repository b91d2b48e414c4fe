//! What the runs of a computation looked at: one sealed file for each key that has traces.

use hozon_format::{EnvelopeError, Key, TraceRecord, limits};
use hozon_sys::Durability;

use crate::layout::digest_of_names;
use crate::store::at;
use crate::{Filter, Store, StoreError};

/// A put under way takes less than this.
const SETTLED_MS: u64 = 3600 * 1000;

impl Store {
    /// Returns the encoded trace sets of a key; `None` if there are none that can be used.
    ///
    /// A file that is refused is moved to the quarantine: without it, the computation runs again.
    pub fn trace_sets(&self, key: &Key) -> Option<Vec<u8>> {
        self.trace_record(key).map(|record| record.sets)
    }

    /// Replaces the trace sets of a key, whose computation is called `name`.
    ///
    /// # Errors
    ///
    /// `Io` if the file cannot be written, `TooLarge` if it could not be read again.
    pub fn put_trace_sets(
        &self,
        key: &Key,
        name: &str,
        sets: Vec<u8>,
        durability: Durability,
    ) -> Result<(), StoreError> {
        let sealed = TraceRecord { key: *key, name: name.to_owned(), sets }.seal(&self.0.keys.seal);
        let (size, most) = (sealed.len() as u64, limits::ENVELOPE_BYTES);
        if size > most {
            return Err(StoreError::TooLarge { size, most });
        }
        let path = self.0.layout.trace_sets(key);
        self.0.publish(&path, &[&sealed], 0o600, durability).map_err(at(&path)).map(drop)
    }

    /// Removes the trace sets of a key. Returns whether there were any.
    ///
    /// # Errors
    ///
    /// `Io` if the file cannot be removed.
    pub fn forget_trace_sets(&self, key: &Key) -> Result<bool, StoreError> {
        self.0.remove_if_there(&self.0.layout.trace_sets(key))
    }

    /// Lists the keys whose trace sets nobody has written within the last hour: those of a put under way are
    /// stored before its entry is.
    ///
    /// # Errors
    ///
    /// `Io` if a folder cannot be listed.
    pub fn settled_trace_keys(&self) -> Result<Vec<Key>, StoreError> {
        let mut keys = self.trace_keys()?;
        keys.retain(|key| self.0.is_older(&self.0.layout.trace_sets(key), SETTLED_MS));
        Ok(keys)
    }

    /// Removes the trace sets of the computations that `filter` means.
    pub(crate) fn clear_trace_sets(&self, filter: &Filter) -> Result<(), StoreError> {
        for key in self.trace_keys()? {
            let means = |record: &TraceRecord| filter.means(&key, &record.name);
            if self.trace_record(&key).as_ref().is_some_and(means) {
                self.forget_trace_sets(&key)?;
            }
        }
        Ok(())
    }

    /// Lists the keys that have a file of trace sets.
    pub(crate) fn trace_keys(&self) -> Result<Vec<Key>, StoreError> {
        let files = self.0.sharded_files(&self.0.layout.traces)?;
        let digests = files.iter().filter_map(|(shard, name, _)| digest_of_names(shard, name));
        Ok(digests.map(Key::from_digest).collect())
    }

    fn trace_record(&self, key: &Key) -> Option<TraceRecord> {
        let path = self.0.layout.trace_sets(key);
        let bytes = self.0.system.read(&path, limits::ENVELOPE_BYTES).ok()?;
        let record = TraceRecord::open(&bytes, key, &self.0.keys.seal);
        if record.as_ref().is_err_and(|error| !EnvelopeError::is_of_others(error)) {
            self.0.quarantine(&path);
        }
        record.ok()
    }
}
