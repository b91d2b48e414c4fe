//! Roots: names that keep entries.

use hozon_format::{Key, Root};
use hozon_sys::Durability;

use crate::store::{Inner, at};
use crate::{Store, StoreError};

/// Names are texts of a person: this is ample.
const ROOT_BYTES: u64 = 1 << 20;

impl Store {
    /// Gives `key` the name `name`; a key that had it loses it.
    ///
    /// # Errors
    ///
    /// `Io` if the file cannot be written, `TooLarge` if the name is too long to be read again.
    pub fn set_root(&self, name: &str, key: &Key) -> Result<(), StoreError> {
        let root = Root { name: name.to_owned(), key: *key, set_ms: self.0.system.now_ms() };
        let sealed = root.seal(&self.0.seal);
        let (size, most) = (sealed.len() as u64, ROOT_BYTES);
        if size > most {
            return Err(StoreError::TooLarge { size, most });
        }
        let path = self.0.layout.root(name);
        self.0.publish(&path, &[&sealed], 0o600, Durability::Synced).map_err(at(&path)).map(drop)
    }

    /// Returns the key that has the name `name`.
    pub fn root(&self, name: &str) -> Option<Key> {
        self.0.read_root(&Root::file_name(name)).map(|root| root.key)
    }

    /// Takes the name away. Returns whether there was such a root.
    ///
    /// # Errors
    ///
    /// `Io` if the file cannot be removed.
    pub fn remove_root(&self, name: &str) -> Result<bool, StoreError> {
        self.0.remove_if_there(&self.0.layout.root(name))
    }

    /// Returns all names and their keys, sorted by name.
    pub fn roots(&self) -> Vec<(String, Key)> {
        let mut roots: Vec<_> = self.0.all_roots().map(|root| (root.name, root.key)).collect();
        roots.sort_unstable();
        roots
    }
}

impl Inner {
    pub(crate) fn all_roots(&self) -> impl Iterator<Item = Root> {
        let files = self.system.list(&self.layout.roots).unwrap_or_default();
        files.into_iter().filter_map(|(file_name, _)| self.read_root(&file_name))
    }

    fn read_root(&self, file_name: &str) -> Option<Root> {
        let path = self.layout.roots.join(file_name);
        let bytes = self.system.read(&path, ROOT_BYTES).ok()?;
        Root::open(&bytes, file_name, &self.seal).ok()
    }
}
