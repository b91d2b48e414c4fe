//! What every tier, and everything that stands around one, has to do: one suite for all of them.

use std::io;
use std::sync::Arc;

use hozon_format::{Digest, Key};

use crate::{Kind, ObjectName, Put, Tier, TierError, Version};

/// Runs every check on a tier that has nothing in it. It is left with a few objects.
///
/// # Panics
/// At the first check that fails.
pub fn check(tier: &Arc<dyn Tier>) {
    small_objects(&**tier);
    conditions(&**tier);
    caps(&**tier);
    blobs(&**tier);
    wrong_blobs(&**tier);
    listings(&**tier);
    races(tier);
}

/// Runs what a tier can do that is only read from, on one that holds `blob`, and shows that it is.
///
/// # Panics
/// At the first check that fails.
pub fn check_read_only(tier: &dyn Tier, blob: &[u8]) {
    let digest = Digest::of(blob);
    assert_eq!(blob_of(tier, &digest, blob.len() as u64), Some(blob.to_vec()));
    let refused = |ended: Result<(), TierError>| {
        assert!(matches!(ended, Err(TierError::ReadOnly | TierError::Refused(_))), "{ended:?}");
    };
    refused(tier.put_if_absent(&entry(99), b"x").map(drop));
    refused(tier.put_if_version(&entry(99), b"x", &Version::of_tag("\"x\"")).map(drop));
    refused(tier.put_blob(&Digest::of(b"new"), 3, &mut &b"new"[..]));
    refused(tier.delete(&ObjectName::blob(&digest)));
    assert!(tier.has_blob(&digest, blob.len() as u64).unwrap());
}

fn key(number: u32) -> Key {
    Key::from_digest(Digest::of(&number.to_le_bytes()))
}

fn entry(number: u32) -> ObjectName {
    ObjectName::entries(&key(number))
}

/// Bytes that differ from each other, so that a piece in the wrong place is seen.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index / 251 + index) as u8).collect()
}

fn blob_of(tier: &dyn Tier, digest: &Digest, length: u64) -> Option<Vec<u8>> {
    let mut sink = Vec::new();
    tier.get_blob(digest, length, &mut sink).unwrap().then_some(sink)
}

fn small_objects(tier: &dyn Tier) {
    for name in [entry(1), ObjectName::found(&key(1)), ObjectName::lease(&key(1))] {
        assert_eq!(tier.get(&name, 100).unwrap(), None);
        assert_eq!(tier.put_if_absent(&name, name.to_string().as_bytes()).unwrap(), Put::Stored);
    }
    for name in [entry(1), ObjectName::found(&key(1)), ObjectName::lease(&key(1))] {
        let object = tier.get(&name, 100).unwrap().unwrap();
        assert_eq!(object.bytes, name.to_string().as_bytes(), "kinds are apart");
    }
    assert_eq!(tier.put_if_absent(&entry(2), b"").unwrap(), Put::Stored);
    assert_eq!(tier.get(&entry(2), 0).unwrap().unwrap().bytes, b"");
    tier.delete(&entry(2)).unwrap();
    tier.delete(&entry(2)).unwrap();
    assert_eq!(tier.get(&entry(2), 0).unwrap(), None);
    let large = bytes(3_000_000);
    assert_eq!(tier.put_if_absent(&entry(3), &large).unwrap(), Put::Stored);
    assert!(tier.get(&entry(3), 3_000_000).unwrap().unwrap().bytes == large);
    let blob = ObjectName::blob(&Digest::of(b"x"));
    assert!(
        tier.get(&blob, 10).is_err() && tier.put_if_absent(&blob, b"x").is_err(),
        "not as a small object"
    );
}

fn conditions(tier: &dyn Tier) {
    let name = entry(10);
    assert_eq!(tier.put_if_absent(&name, b"one").unwrap(), Put::Stored);
    assert_eq!(tier.put_if_absent(&name, b"two").unwrap(), Put::Taken);
    let first = tier.get(&name, 100).unwrap().unwrap();
    assert_eq!(first.bytes, b"one");
    assert_eq!(tier.put_if_version(&name, b"two", &first.version).unwrap(), Put::Stored);
    let second = tier.get(&name, 100).unwrap().unwrap();
    assert_eq!(second.bytes, b"two");
    assert_ne!(first.version, second.version);
    assert_eq!(tier.put_if_version(&name, b"three", &first.version).unwrap(), Put::Taken);
    assert_eq!(tier.get(&name, 100).unwrap().unwrap(), second);
    tier.delete(&name).unwrap();
    assert_eq!(tier.put_if_version(&name, b"three", &second.version).unwrap(), Put::Taken, "it is gone");
    assert_eq!(tier.get(&name, 100).unwrap(), None);
}

fn caps(tier: &dyn Tier) {
    let name = entry(20);
    tier.put_if_absent(&name, &bytes(1000)).unwrap();
    assert_eq!(tier.get(&name, 1000).unwrap().unwrap().bytes.len(), 1000);
    for cap in [0, 1, 999] {
        assert!(matches!(tier.get(&name, cap), Err(TierError::Wrong(_))), "{cap}");
    }
}

fn blobs(tier: &dyn Tier) {
    // Longer than a piece, and longer than a part.
    for length in [0, 1, 262_144, 300_001, 9_000_001] {
        let (blob, size) = (bytes(length), length as u64);
        let digest = Digest::of(&blob);
        assert!(!tier.has_blob(&digest, size).unwrap());
        assert_eq!(blob_of(tier, &digest, size), None);
        tier.put_blob(&digest, size, &mut &blob[..]).unwrap();
        assert!(tier.has_blob(&digest, size).unwrap());
        assert!(!tier.has_blob(&digest, size + 1).unwrap());
        assert!(blob_of(tier, &digest, size) == Some(blob.clone()), "{length}");
        tier.put_blob(&digest, size, &mut &blob[..]).unwrap();
    }
}

/// A sink that takes so many bytes and no more.
struct Short(usize);

impl io::Write for Short {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn wrong_blobs(tier: &dyn Tier) {
    let blob = bytes(700_000);
    let (digest, length) = (Digest::of(&blob), blob.len() as u64);
    let early = tier.put_blob(&digest, length, &mut &blob[..600_000]);
    assert!(matches!(early, Err(TierError::Local(_))), "{early:?}");
    assert!(!tier.has_blob(&digest, length).unwrap(), "what broke off is not there");
    tier.put_blob(&digest, length, &mut &blob[..]).unwrap();
    for wrong in [0, 1, length - 1, length + 1] {
        let mut sink = Vec::new();
        assert!(matches!(tier.get_blob(&digest, wrong, &mut sink), Err(TierError::Wrong(_))), "{wrong}");
        assert!(sink.len() as u64 <= wrong);
    }
    let local = tier.get_blob(&digest, length, &mut Short(1000));
    assert!(matches!(local, Err(TierError::Local(_))), "{local:?}");
}

fn listings(tier: &dyn Tier) {
    let before = tier.list(Kind::Found).unwrap();
    let mut names: Vec<ObjectName> = (100..140).map(|number| ObjectName::found(&key(number))).collect();
    for name in &names {
        tier.put_if_absent(name, b"x").unwrap();
    }
    names.extend(before);
    names.sort_unstable();
    assert_eq!(tier.list(Kind::Found).unwrap(), names);
    let blobs = tier.list(Kind::Blobs).unwrap();
    assert!(blobs.len() >= 5 && blobs.iter().all(|name| name.kind() == Kind::Blobs));
}

/// Eight at once: one of them makes an object, and none of what they add to it is lost.
fn races(tier: &Arc<dyn Tier>) {
    let name = entry(30);
    let threads: Vec<_> = (0..8_u8)
        .map(|number| {
            let tier = Arc::clone(tier);
            std::thread::spawn(move || append(&*tier, &name, number))
        })
        .collect();
    let firsts = threads.into_iter().map(|thread| thread.join().unwrap()).filter(|first| *first).count();
    let mut added = tier.get(&name, 100).unwrap().unwrap().bytes;
    added.sort_unstable();
    assert_eq!((firsts, &added[..]), (1, &[0, 1, 2, 3, 4, 5, 6, 7][..]));
}

/// Adds a byte to an object; tells whether it was the first.
fn append(tier: &dyn Tier, name: &ObjectName, byte: u8) -> bool {
    loop {
        let put = match tier.get(name, 100).unwrap() {
            None if tier.put_if_absent(name, &[byte]).unwrap() == Put::Stored => return true,
            None => continue,
            Some(object) => {
                let bytes = [&object.bytes[..], &[byte]].concat();
                tier.put_if_version(name, &bytes, &object.version).unwrap()
            }
        };
        if put == Put::Stored {
            return false;
        }
    }
}
