//! 32-byte BLAKE3 names for bytes (`Digest`) and for recipes (`Key`).

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

/// The BLAKE3 digest of some bytes. Shown as 64 hex digits; `short()` gives the first 12.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

/// The BLAKE3 digest of a recipe: the name of an entry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Digest);

/// Why a text is not a digest or a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a digest: 64 hexadecimal digits are needed, this has {length} characters or other letters")]
pub struct DigestParseError {
    length: usize,
}

/// How many hex digits people are shown.
const SHORT_HEX_DIGITS: usize = 12;

impl Digest {
    /// Wraps 32 bytes that already are a digest.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the digest of `bytes`, on the calling thread.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Returns the digest of `bytes`, with all idle cores where the length makes that pay.
    pub fn of_large(bytes: &[u8]) -> Self {
        const PAYS_FROM: usize = 256 * 1024;
        if bytes.len() < PAYS_FROM || !has_thread_pool() {
            return Self::of(bytes);
        }
        Self(*blake3::Hasher::new().update_rayon(bytes).finalize().as_bytes())
    }

    /// Returns the 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the first 12 hex digits, for people.
    pub fn short(&self) -> String {
        let mut hex = self.to_string();
        hex.truncate(SHORT_HEX_DIGITS);
        hex
    }
}

impl Key {
    /// Names an entry by the digest of its recipe.
    pub const fn from_digest(digest: Digest) -> Self {
        Self(digest)
    }

    /// Returns the digest of the recipe.
    pub const fn digest(&self) -> &Digest {
        &self.0
    }

    /// Returns the 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Returns the first 12 hex digits, for people.
    pub fn short(&self) -> String {
        self.0.short()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.short())
    }
}

impl FromStr for Digest {
    type Err = DigestParseError;

    fn from_str(text: &str) -> Result<Self, DigestParseError> {
        let wrong = DigestParseError { length: text.chars().count() };
        let digits: Option<Vec<u8>> = text.bytes().map(hex_value).collect();
        let digits = digits.filter(|digits| digits.len() == 64).ok_or(wrong)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Ok(Self(bytes))
    }
}

impl FromStr for Key {
    type Err = DigestParseError;

    fn from_str(text: &str) -> Result<Self, DigestParseError> {
        text.parse().map(Self)
    }
}

/// Tells whether the pool of threads has its threads: a child that was forked after the pool was made
/// has none of them, and would wait for ever.
fn has_thread_pool() -> bool {
    /// The first process that came here: it, or a child of it, made the pool.
    static FIRST: AtomicU32 = AtomicU32::new(0);
    let this = std::process::id();
    match FIRST.compare_exchange(0, this, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => true,
        Err(first) => first == this,
    }
}

/// The value of a lower-case hex digit: one digest has one spelling, so file names are unique.
fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// BLAKE3 over bytes that arrive in pieces, under a domain that keeps unlike uses apart.
#[derive(Clone)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// Starts an unkeyed hash of plain bytes: the same digest as [`Digest::of`] of all pieces.
    pub fn plain() -> Self {
        Self(blake3::Hasher::new())
    }

    /// Starts a hash in `domain`, a constant sentence that names the use and its version.
    pub fn in_domain(domain: &'static str) -> Self {
        Self(blake3::Hasher::new_derive_key(domain))
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(bytes);
        self
    }

    /// Adds many bytes, with all idle cores.
    pub fn update_large(&mut self, bytes: &[u8]) -> &mut Self {
        if has_thread_pool() {
            self.0.update_rayon(bytes);
        } else {
            self.0.update(bytes);
        }
        self
    }

    /// Returns the digest of everything added.
    pub fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips_and_other_text_is_refused() {
        let digest = Digest::of(b"hozon");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert_eq!(digest.short().len(), 12);
        for wrong in ["", "ab", &digest.to_string().to_uppercase(), &"é".repeat(32), &"g".repeat(64)] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn pieces_and_the_whole_have_one_digest() {
        let bytes = vec![7; 1_000_000];
        assert_eq!(Digest::of(&bytes), Digest::of_large(&bytes));
        let mut hasher = Hasher::plain();
        bytes.chunks(999).for_each(|piece| {
            hasher.update(piece);
        });
        assert_eq!(hasher.finish(), Digest::of(&bytes));
        assert_ne!(Hasher::in_domain("a").finish(), Hasher::in_domain("b").finish());
    }
}
