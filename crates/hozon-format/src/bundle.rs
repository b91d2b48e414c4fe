//! What stands on a tier beside blobs: signed entries of one key in a bundle, and the keys that were found
//! from one known before a run. Neither is believed: entries are verified one by one.

use crate::limits::ENVELOPE_BYTES;
use crate::{Digest, Key, Reader, WireError, Writer};

/// The most entries of one key: of different signers, so that whoever is first keeps nobody out.
pub const BUNDLE_ENTRIES: usize = 8;
/// The most keys that are found from one.
pub const FOUND_KEYS: usize = 64;
/// The most bytes of a list of found keys.
pub const NOTE_BYTES: u64 = 4096;

const VERSION: u16 = 1;
const BUNDLE: [u8; 8] = *b"hozonBDL";
const FOUND: [u8; 8] = *b"hozonFND";

/// Signed entries of one key, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bundle(Vec<Vec<u8>>);

/// The keys of entries with traces that were found from a key known before a run, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundKeys(Vec<Key>);

impl Bundle {
    /// Reads a bundle.
    ///
    /// # Errors
    /// If the bytes are no bundle of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = headed(bytes, BUNDLE)?;
        let entries: Vec<Vec<u8>> = reader.list(8, |reader| reader.bytes().map(<[u8]>::to_vec))?;
        reader.end()?;
        if entries.len() > BUNDLE_ENTRIES { Err(WireError::BadValue) } else { Ok(Self(entries)) }
    }

    /// The bytes of it.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = heading(BUNDLE);
        writer.u64(self.0.len() as u64);
        self.0.iter().for_each(|entry| _ = writer.bytes(entry));
        writer.finish()
    }

    /// The signed entries, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.iter().map(Vec::as_slice)
    }

    /// Removes the entries for which `stays` says no.
    pub fn retain(&mut self, stays: impl Fn(&[u8]) -> bool) {
        self.0.retain(|entry| stays(entry));
    }

    /// Adds an entry, and tells whether it was new. Where there are too many, those that are not `kept` go
    /// first, then the oldest; so do all but it where together they would be too long.
    pub fn add(&mut self, entry: Vec<u8>, kept: impl Fn(&[u8]) -> bool) -> bool {
        if self.0.contains(&entry) {
            return false;
        }
        while !self.0.is_empty()
            && (self.0.len() >= BUNDLE_ENTRIES || self.bytes_with(&entry) > ENVELOPE_BYTES)
        {
            let goes = self.0.iter().position(|there| !kept(there)).unwrap_or(0);
            self.0.remove(goes);
        }
        self.0.push(entry);
        true
    }

    fn bytes_with(&self, entry: &[u8]) -> u64 {
        let bytes = |entry: &[u8]| entry.len() as u64 + 8;
        18 + bytes(entry) + self.entries().map(bytes).sum::<u64>()
    }
}

impl FoundKeys {
    /// Reads a list.
    ///
    /// # Errors
    /// If the bytes are no list of this version.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut reader = headed(bytes, FOUND)?;
        let key =
            |reader: &mut Reader<'_>| reader.array().map(|key| Key::from_digest(Digest::from_bytes(key)));
        let keys: Vec<Key> = reader.list(32, key)?;
        reader.end()?;
        if keys.len() > FOUND_KEYS { Err(WireError::BadValue) } else { Ok(Self(keys)) }
    }

    /// The bytes of it.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = heading(FOUND);
        writer.u64(self.0.len() as u64);
        self.0.iter().for_each(|key| _ = writer.raw(key.as_bytes()));
        writer.finish()
    }

    /// The keys, oldest first.
    pub fn keys(&self) -> &[Key] {
        &self.0
    }

    /// Adds a key, and tells whether it was new. Where there are too many, the oldest goes.
    pub fn add(&mut self, key: Key) -> bool {
        if self.0.contains(&key) {
            return false;
        }
        let over = (self.0.len() + 1).saturating_sub(FOUND_KEYS);
        self.0.drain(..over);
        self.0.push(key);
        true
    }
}

fn heading(magic: [u8; 8]) -> Writer {
    let mut writer = Writer::new();
    writer.raw(&magic).u16(VERSION);
    writer
}

fn headed(bytes: &[u8], magic: [u8; 8]) -> Result<Reader<'_>, WireError> {
    let mut reader = Reader::new(bytes);
    match reader.array()? == magic && reader.u16()? == VERSION {
        true => Ok(reader),
        false => Err(WireError::BadValue),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> Key {
        Key::from_digest(Digest::of(&[number]))
    }

    #[test]
    fn what_is_written_is_read_and_damage_is_seen() {
        let mut bundle = Bundle::default();
        assert!(bundle.add(b"one".to_vec(), |_| true) && bundle.add(b"two".to_vec(), |_| true));
        assert!(!bundle.add(b"one".to_vec(), |_| true));
        let mut found = FoundKeys::default();
        assert!(found.add(key(1)) && found.add(key(2)) && !found.add(key(1)));
        assert_eq!(Bundle::decode(&bundle.encode()).unwrap(), bundle);
        assert_eq!(FoundKeys::decode(&found.encode()).unwrap(), found);
        for bytes in [bundle.encode(), found.encode()] {
            let read = |bytes: &[u8]| [Bundle::decode(bytes).is_ok(), FoundKeys::decode(bytes).is_ok()];
            assert_eq!(read(&bytes).iter().filter(|read| **read).count(), 1, "kinds are apart");
            assert_eq!(read(&[&bytes[..], b"x"].concat()), [false; 2]);
            for length in 0..bytes.len() {
                assert_eq!(read(&bytes[..length]), [false; 2], "{length}");
            }
            let other_version = [&bytes[..8], &[9, 0], &bytes[10..]].concat();
            assert_eq!(read(&other_version), [false; 2]);
        }
    }

    #[test]
    fn strangers_leave_a_full_bundle_first_and_keep_nobody_out() {
        let mut bundle = Bundle::default();
        for number in 0..8 {
            bundle.add(vec![number], |_| true);
        }
        let kept = |entry: &[u8]| entry[0].is_multiple_of(2);
        for number in 20..24 {
            bundle.add(vec![number], kept);
        }
        let left: Vec<u8> = bundle.entries().map(|entry| entry[0]).collect();
        assert_eq!(left, [0, 2, 4, 6, 20, 21, 22, 23]);
        bundle.add(vec![30], |_| true);
        assert_eq!(bundle.entries().next(), Some(&[2][..]), "then the oldest");
        assert_eq!(bundle.entries().count(), BUNDLE_ENTRIES);
    }

    #[test]
    fn counts_beyond_what_may_be_are_refused() {
        let many = heading(BUNDLE).u64(9).raw(&[0; 72]).finish();
        assert_eq!(Bundle::decode(&many), Err(WireError::BadValue));
        let none = heading(FOUND).u64(u64::MAX).finish();
        assert_eq!(FoundKeys::decode(&none), Err(WireError::Truncated));
        let mut found = FoundKeys::default();
        (0..=u8::MAX).for_each(|number| _ = found.add(key(number)));
        assert_eq!((found.keys().len(), found.keys()[0]), (FOUND_KEYS, key(192)));
        assert!((found.encode().len() as u64) < NOTE_BYTES);
    }
}
