//! Roots: names that keep entries.

use std::collections::HashSet;
use std::io;

use hozon_format::{Key, Root};
use hozon_sys::{Durability, FileKind};

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
        let sealed = root.seal(&self.0.keys.seal);
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
        let files = self.0.system.list(&self.0.layout.roots).unwrap_or_default();
        let roots = files.iter().filter_map(|(file_name, _)| self.0.read_root(file_name));
        let mut roots: Vec<_> = roots.map(|root| (root.name, root.key)).collect();
        roots.sort_unstable();
        roots
    }
}

impl Inner {
    /// Returns the keys that have a name.
    ///
    /// # Errors
    ///
    /// `Io` if a file cannot be read: it may name anything.
    pub(crate) fn keys_with_names(&self) -> Result<HashSet<Key>, StoreError> {
        let mut keys = HashSet::new();
        let files = self.list(&self.layout.roots)?;
        for (file_name, _) in files.into_iter().filter(|(_, kind)| *kind == FileKind::File) {
            let path = self.layout.roots.join(&file_name);
            match self.system.read(&path, ROOT_BYTES) {
                // What is refused names nothing of this user's.
                Ok(bytes) => {
                    keys.extend(Root::open(&bytes, &file_name, &self.keys.seal).map(|root| root.key))
                }
                Err(error) if is_no_root(&error) => {}
                Err(error) => return Err(at(&path)(error)),
            }
        }
        Ok(keys)
    }

    fn read_root(&self, file_name: &str) -> Option<Root> {
        let path = self.layout.roots.join(file_name);
        let bytes = self.system.read(&path, ROOT_BYTES).ok()?;
        Root::open(&bytes, file_name, &self.keys.seal).ok()
    }
}

/// Tells whether there is nothing at a place that could be a root: it is gone, or too large.
fn is_no_root(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::FileTooLarge)
}
