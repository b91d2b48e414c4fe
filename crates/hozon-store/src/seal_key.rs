//! The user's seal key: made once, kept outside every store.

use std::io;
use std::path::Path;
use std::time::Duration;

use hozon_format::SealKey;
use hozon_sys::{Durability, LockAttempt, Publication, System, publish};

const KEY_BYTES: usize = 32;
const PAUSE: Duration = Duration::from_millis(5);
const MOST_PAUSES: u32 = 400;

/// Reads the key of the file `path`, or makes one there (mode 0600, in a folder of mode 0700).
///
/// Of several processes that find none, one makes it and the others read that one.
///
/// # Errors
///
/// `InvalidData` if the file holds something else than 32 bytes, or whatever the system says.
pub fn load_or_create_seal_key(system: &dyn System, path: &Path) -> io::Result<SealKey> {
    let lock = path.with_extension("lock");
    for _ in 0..MOST_PAUSES {
        if let Some(key) = load(system, path)? {
            return Ok(key);
        }
        if let Some(folder) = path.parent() {
            system.create_folder(folder)?;
        }
        match system.try_lock(&lock)? {
            LockAttempt::Held => system.sleep(PAUSE),
            LockAttempt::Won(_held) => return make_unless_there(system, path),
            LockAttempt::Unsupported => return make_unless_there(system, path),
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "another process has been making the key for too long"))
}

fn load(system: &dyn System, path: &Path) -> io::Result<Option<SealKey>> {
    let bytes = match system.read(path, KEY_BYTES as u64) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match <[u8; KEY_BYTES]>::try_from(bytes) {
        Ok(bytes) => Ok(Some(SealKey::from_bytes(bytes))),
        Err(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "it does not hold a key of 32 bytes")),
    }
}

fn make_unless_there(system: &dyn System, path: &Path) -> io::Result<SealKey> {
    if let Some(key) = load(system, path)? {
        return Ok(key);
    }
    let mut bytes = [0; KEY_BYTES];
    system.fill_random(&mut bytes)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let durability = Durability::Synced;
    publish(system, &Publication { temporary_folder: folder, path, mode: 0o600, durability }, &[&bytes])?;
    Ok(SealKey::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hozon_sys::Memory;

    #[test]
    fn a_key_is_made_once_and_a_damaged_one_is_refused() {
        let system = Memory::new();
        let path = Path::new("/home/hozon/seal.key");
        let made = load_or_create_seal_key(&system, path).unwrap();
        assert_eq!(load_or_create_seal_key(&system, path).unwrap().id(), made.id());
        assert_eq!(system.stat(path).unwrap().mode & 0o777, 0o600);
        let other = Path::new("/home/other/seal.key");
        assert_ne!(load_or_create_seal_key(&system, other).unwrap().id(), made.id());
        system.remove_file(path).unwrap();
        system.create_file(path, 0o600).unwrap().write_all(b"short").unwrap();
        assert_eq!(load_or_create_seal_key(&system, path).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
