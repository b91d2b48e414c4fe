//! Secrets of 32 bytes: made once, kept outside every store, for their owner's eyes alone.

use std::io;
use std::path::Path;
use std::time::Duration;

use hozon_format::SealKey;
use hozon_sys::{Durability, LockAttempt, LockGuard, Publication, System, publish};

const SECRET_BYTES: usize = 32;
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
    load_or_create_secret(system, path).map(SealKey::from_bytes)
}

/// The same for any secret.
pub(crate) fn load_or_create_secret(system: &dyn System, path: &Path) -> io::Result<[u8; SECRET_BYTES]> {
    if let Some(secret) = load_secret(system, path)? {
        return Ok(secret);
    }
    let _lock = lock_beside(system, path)?;
    if let Some(secret) = load_secret(system, path)? {
        return Ok(secret);
    }
    let mut bytes = [0; SECRET_BYTES];
    system.fill_random(&mut bytes)?;
    write_beside(system, path, &bytes)?;
    Ok(bytes)
}

/// Reads a secret; `None` if there is no such file.
pub(crate) fn load_secret(system: &dyn System, path: &Path) -> io::Result<Option<[u8; SECRET_BYTES]>> {
    let bytes = match system.read(path, SECRET_BYTES as u64) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match <[u8; SECRET_BYTES]>::try_from(bytes) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "it does not hold a key of 32 bytes")),
    }
}

/// Waits for the lock that goes with a file of the user's, in its folder, which is made if need be. `None`
/// where locks do not work.
pub(crate) fn lock_beside(system: &dyn System, path: &Path) -> io::Result<Option<LockGuard>> {
    if let Some(folder) = path.parent() {
        system.create_folder(folder)?;
    }
    let lock = path.with_extension("lock");
    for _ in 0..MOST_PAUSES {
        match system.try_lock(&lock)? {
            LockAttempt::Held => system.sleep(PAUSE),
            LockAttempt::Won(held) => return Ok(Some(held)),
            LockAttempt::Unsupported => return Ok(None),
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "another process has been writing it for too long"))
}

/// Replaces a file of the user's, for its owner alone; it is on the disk then.
pub(crate) fn write_beside(system: &dyn System, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let durability = Durability::Synced;
    let publication = Publication { temporary_folder: folder, path, mode: 0o600, durability };
    publish(system, &publication, &[bytes]).map(drop)
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
