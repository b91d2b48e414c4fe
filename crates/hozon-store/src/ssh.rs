//! The user's SSH key as the key that signs.

use std::io;
use std::path::Path;

use hozon_format::{PublicKey, SigningKey};
use hozon_sys::System;
use ssh_key::PrivateKey;
use ssh_key::private::KeypairData;
use ssh_key::public::KeyData;

/// An Ed25519 key has some 400 bytes; those of other kinds have a few thousand.
const MOST_BYTES: u64 = 64 * 1024;

/// Reads a private key that needs no passphrase.
pub(crate) fn signing_key(system: &dyn System, path: &Path) -> io::Result<SigningKey> {
    check_is_private(system, path)?;
    let key = private_key(system, path)?;
    match key.key_data() {
        KeypairData::Ed25519(pair) => Ok(SigningKey::from_seed(pair.private.to_bytes())),
        KeypairData::Encrypted(_) => Err(unusable(
            "it has a passphrase, which hozon does not ask for, and keys of an SSH agent are not supported; \
             `hozon keys --own` signs with hozon's own key",
        )),
        _ => Err(unusable("it is no Ed25519 key; `ssh-keygen -t ed25519` makes one")),
    }
}

/// Reads the public part, which needs no passphrase.
pub(crate) fn public_key(system: &dyn System, path: &Path) -> io::Result<PublicKey> {
    match private_key(system, path)?.public_key().key_data() {
        KeyData::Ed25519(key) => Ok(PublicKey::from_bytes(key.0)),
        _ => Err(unusable("it is no Ed25519 key; `ssh-keygen -t ed25519` makes one")),
    }
}

/// Refuses a secret that others can read, as SSH does.
pub(crate) fn check_is_private(system: &dyn System, path: &Path) -> io::Result<()> {
    match system.stat(path)?.mode & 0o077 {
        0 => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "other users can read or write it; `chmod 600` makes it yours alone",
        )),
    }
}

fn private_key(system: &dyn System, path: &Path) -> io::Result<PrivateKey> {
    let bytes = system.read(path, MOST_BYTES)?;
    PrivateKey::from_openssh(&bytes).map_err(|_| unusable("it is no private key in OpenSSH's format"))
}

fn unusable(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
