//! Ed25519 keys: whose entries a user takes, and what the user signs with.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey as Secret, VerifyingKey};

use crate::Digest;

/// A user's secret that signs what others are to take.
#[derive(Clone)]
pub struct SigningKey(Secret);

/// The key that tells who signed something.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; 32]);

/// Why a text is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublicKeyError {
    /// It does not begin with the name of a kind of key that hozon knows.
    #[error(
        "it does not begin with `hozon-ed25519` or `ssh-ed25519`, the kinds of keys that can sign results"
    )]
    UnknownKind,
    /// What follows is not the text form of such a key.
    #[error("the key is cut off or mistyped")]
    NotAKey,
}

const KIND: &str = "hozon-ed25519";
const SSH_KIND: &str = "ssh-ed25519";
const KEY_BYTES: usize = 32;

impl SigningKey {
    /// Wraps 32 secret bytes, the seed of an Ed25519 key.
    pub fn from_seed(seed: [u8; KEY_BYTES]) -> Self {
        Self(Secret::from_bytes(&seed))
    }

    /// Returns the key that others know this one by.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(secret)")
    }
}

impl PublicKey {
    /// Wraps the 32 bytes of a key. That they are one shows when a signature is checked.
    pub const fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Reads `hozon-ed25519 BASE64` or `ssh-ed25519 BASE64`; returns the key and the comment behind it.
    pub fn parse(line: &str) -> Result<(Self, &str), PublicKeyError> {
        let (kind, rest) = word_of(line);
        let (encoded, comment) = word_of(rest);
        if ![KIND, SSH_KIND].contains(&kind) {
            return Err(PublicKeyError::UnknownKind);
        }
        let bytes = STANDARD.decode(encoded).map_err(|_| PublicKeyError::NotAKey)?;
        let bytes = if kind == SSH_KIND { out_of_ssh(&bytes) } else { Some(&bytes[..]) };
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(PublicKeyError::NotAKey)?;
        // A weak key is one under which anybody can sign.
        let is_sound = VerifyingKey::from_bytes(&bytes).is_ok_and(|key| !key.is_weak());
        if is_sound { Ok((Self(bytes), comment)) } else { Err(PublicKeyError::NotAKey) }
    }

    /// Returns the 64 hex digits, as facts of entries hold them.
    pub fn hex(&self) -> String {
        Digest::from_bytes(self.0).to_string()
    }

    /// Reads 64 hex digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        text.parse::<Digest>().ok().map(|bytes| Self(*bytes.as_bytes()))
    }

    /// Returns the last 12 characters of the text form: the first ones of many keys are the same.
    pub fn short(&self) -> String {
        let text = self.to_string();
        let encoded = text.trim_end_matches('=');
        format!("…{}", &encoded[encoded.len().saturating_sub(12)..])
    }

    /// Tells whether this key's owner signed `message`. Keys and signatures that more than one way of
    /// reading would accept are refused.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        let signature = Signature::from_bytes(signature);
        VerifyingKey::from_bytes(&self.0).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
    }
}

/// The text form, without a comment.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{KIND} {}", STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.hex())
    }
}

/// The first word of a line, and what stands behind it.
fn word_of(line: &str) -> (&str, &str) {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    (word, rest.trim())
}

/// The key in the bytes that SSH writes: its kind and the key, each with its length before it.
fn out_of_ssh(bytes: &[u8]) -> Option<&[u8]> {
    let kind = bytes.strip_prefix(&(SSH_KIND.len() as u32).to_be_bytes())?;
    kind.strip_prefix(SSH_KIND.as_bytes())?.strip_prefix(&(KEY_BYTES as u32).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_SSH_KEYGEN: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4 ana@laptop";

    #[test]
    fn the_text_form_comes_back_and_secrets_are_not_shown() {
        let key = SigningKey::from_seed([7; 32]);
        let line = format!("  {} ana  at home ", key.public());
        assert_eq!(PublicKey::parse(&line), Ok((key.public(), "ana  at home")));
        assert_eq!(PublicKey::from_hex(&key.public().hex()), Some(key.public()));
        assert_eq!(PublicKey::from_hex("abc"), None);
        assert_eq!(format!("{key:?}"), "SigningKey(secret)");
        assert!(key.public().to_string().contains(key.public().short().trim_start_matches('…')));
    }

    #[test]
    fn keys_of_ssh_are_read_and_all_else_is_refused() {
        let (key, comment) = PublicKey::parse(OF_SSH_KEYGEN).unwrap();
        assert_eq!(comment, "ana@laptop");
        assert_eq!(PublicKey::parse(&key.to_string()), Ok((key, "")));
        for (line, why) in [
            ("", PublicKeyError::UnknownKind),
            ("ssh-rsa AAAA x", PublicKeyError::UnknownKind),
            ("ssh-ed25519", PublicKeyError::NotAKey),
            ("hozon-ed25519 !!!", PublicKeyError::NotAKey),
            (&OF_SSH_KEYGEN[..60], PublicKeyError::NotAKey),
            (&OF_SSH_KEYGEN.replace("ssh-", "hozon-"), PublicKeyError::NotAKey),
            // The neutral point: anybody can sign under it.
            ("hozon-ed25519 AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", PublicKeyError::NotAKey),
        ] {
            assert_eq!(PublicKey::parse(line), Err(why), "{line}");
        }
    }
}
