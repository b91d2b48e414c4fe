//! What has yet to go to other machines: an empty file for each key, there before it goes and removed after.

use hozon_format::Key;
use hozon_sys::{Durability, Publication, publish};

use crate::store::{at, make_folders};
use crate::{Store, StoreError};

impl Store {
    /// Notes that an entry is to go to other machines.
    ///
    /// # Errors
    ///
    /// `Io` if the note cannot be written.
    pub fn note_outgoing(&self, key: &Key) -> Result<(), StoreError> {
        let (system, layout) = (&*self.0.system, &self.0.layout);
        let path = layout.outgoing(key);
        make_folders(system, layout).map_err(at(&path))?;
        let publication = Publication {
            temporary_folder: &layout.temporary,
            path: &path,
            mode: 0o600,
            durability: Durability::Batched,
        };
        publish(system, &publication, &[]).map_err(at(&path)).map(drop)
    }

    /// Lists what is to go, with when it was noted, in Unix milliseconds.
    pub fn outgoing(&self) -> Vec<(Key, u64)> {
        let listed = self.0.system.list(&self.0.layout.outgoing).unwrap_or_default();
        let keys = listed.iter().filter_map(|(name, _)| name.parse::<Key>().ok());
        let noted = keys.map(|key| (key, self.0.system.stat(&self.0.layout.outgoing(&key))));
        noted.filter_map(|(key, stat)| Some((key, stat.ok()?.modified_ms()))).collect()
    }

    /// Notes that an entry has gone, or never will.
    pub fn forget_outgoing(&self, key: &Key) {
        // Where it stays, the entry goes once more, and is there already.
        let _ = self.0.system.remove_file(&self.0.layout.outgoing(key));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use hozon_format::{Digest, SealKey};
    use hozon_sys::Memory;

    use super::*;

    #[test]
    fn what_is_noted_is_listed_until_it_has_gone() {
        let store =
            Store::open(Arc::new(Memory::new()), Path::new("/store"), SealKey::from_bytes([1; 32])).unwrap();
        let [one, other] = [b"1", b"2"].map(|text| Key::from_digest(Digest::of(text)));
        assert_eq!(store.outgoing(), []);
        store.note_outgoing(&one).unwrap();
        store.note_outgoing(&one).unwrap();
        store.note_outgoing(&other).unwrap();
        store.forget_outgoing(&other);
        store.forget_outgoing(&other);
        let left: Vec<Key> = store.outgoing().into_iter().map(|(key, _)| key).collect();
        assert_eq!(left, [one]);
    }
}
