//! Acceptances, and entries that are bound to another one's outputs by them.

use hozon_format::{Acceptance, Entry, Key, limits, seal};
use hozon_sys::Durability;

use crate::store::at;
use crate::{Store, StoreError};

/// Labels, places and differences of code: this is ample.
const ACCEPTANCE_BYTES: u64 = 16 << 20;

impl Store {
    /// Returns what is accepted for a name; nothing where the record is damaged or another user's.
    pub fn acceptance(&self, name: &str) -> Option<Acceptance> {
        self.read_acceptance(&Acceptance::file_name(name))
    }

    /// Returns all that is accepted, sorted by name.
    pub fn acceptances(&self) -> Vec<Acceptance> {
        let files = self.0.system.list(&self.0.layout.accepted).unwrap_or_default();
        let mut all: Vec<Acceptance> =
            files.iter().filter_map(|(file_name, _)| self.read_acceptance(file_name)).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// Keeps what is accepted for a name, replacing what was.
    ///
    /// # Errors
    ///
    /// `Io` if the file cannot be written, `TooLarge` if it would be too long to be read again.
    pub fn set_acceptance(&self, acceptance: &Acceptance) -> Result<(), StoreError> {
        let sealed = acceptance.seal(&self.0.keys.seal);
        let (size, most) = (sealed.len() as u64, ACCEPTANCE_BYTES);
        if size > most {
            return Err(StoreError::TooLarge { size, most });
        }
        let path = self.0.layout.accepted.join(Acceptance::file_name(&acceptance.name));
        self.0.publish(&path, &[&sealed], 0o600, Durability::Synced).map_err(at(&path)).map(drop)
    }

    /// Forgets what was accepted for a name. Returns whether there was anything.
    ///
    /// # Errors
    ///
    /// `Io` if the file cannot be removed.
    pub fn remove_acceptance(&self, name: &str) -> Result<bool, StoreError> {
        self.0.remove_if_there(&self.0.layout.accepted.join(Acceptance::file_name(name)))
    }

    /// Stores an entry whose outputs are those of another one: its blobs are there already. `known` is the key
    /// that look-ups of it begin with, if it is another one.
    ///
    /// # Errors
    ///
    /// `Io` if the file cannot be written, `TooLarge` if the entry is.
    pub fn put_bound(&self, entry: &Entry, known: Option<&Key>) -> Result<(), StoreError> {
        let sealed = seal(entry, &self.0.keys.seal);
        let (size, most) = (sealed.len() as u64, limits::ENVELOPE_BYTES);
        if size > most {
            return Err(StoreError::TooLarge { size, most });
        }
        let path = self.0.layout.entry(&entry.key);
        self.0.announce(&entry.key, known);
        let stat = self.0.publish(&path, &[&sealed], 0o600, Durability::Batched).map_err(at(&path))?;
        if self.0.arrived(entry, known, stat, size) {
            // What cannot be evicted now is evicted by the next one.
            let _ = self.settle(None);
        }
        Ok(())
    }

    fn read_acceptance(&self, file_name: &str) -> Option<Acceptance> {
        let path = self.0.layout.accepted.join(file_name);
        let bytes = self.0.system.read(&path, ACCEPTANCE_BYTES).ok()?;
        Acceptance::open(&bytes, file_name, &self.0.keys.seal).ok()
    }
}
