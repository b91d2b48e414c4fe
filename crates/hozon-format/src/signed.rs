//! The signed envelope: an entry as it goes from one user to another.
//!
//! ```text
//! magic "hozonSIG", version u16, kind u8, signer 32 bytes, namespace text, key 32 bytes,
//! length of the body u64, BLAKE3 of the body 32 bytes, signature 64 bytes, body
//! ```
//!
//! The signature covers a domain tag and everything before the signature. Nothing of the body is read before
//! signature and digest hold. An entry names its blobs by digest and length, so these need no signature.

use crate::entry::{decode, encode};
use crate::limits::ENVELOPE_BYTES;
use crate::{Digest, Entry, EnvelopeError, Facts, Key, PublicKey, Reader, SigningKey, WireError, Writer};

/// The label of the fact that holds the signer of an entry that was taken from others, in hex.
const SIGNED_BY: &str = "signed by";
/// The label of the fact that holds the signature, in hex: with it, the entry can be passed on as it was.
const SIGNATURE: &str = "signature";

const MAGIC: &[u8; 8] = b"hozonSIG";
const VERSION: u16 = 1;
const KIND_ENTRY: u8 = 1;
const DOMAIN: &[u8] = b"hozon 2026 signed entry v1\0";
const SIGNATURE_BYTES: usize = 64;

/// Why a signed envelope was refused, or an entry could not be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignedError {
    /// The bytes do not begin like a signed envelope.
    #[error("it is not signed")]
    NotSigned,
    /// A version, an algorithm or a kind of content that this program does not know.
    #[error("it was signed in a way that this hozon does not know")]
    UnknownVersion,
    /// Its fields cannot be read.
    #[error("it is damaged: {0}")]
    Corrupt(#[from] WireError),
    /// It is larger than an entry may be.
    #[error("it is larger than an entry may be")]
    TooLarge,
    /// The signature is not the signer's.
    #[error("its signature does not hold")]
    BadSignature,
    /// The body is not the one that was signed.
    #[error("its content is not what was signed")]
    WrongBody,
    /// The signature holds and yet the body is no entry.
    #[error("its content cannot be read: {0}")]
    BadEntry(EnvelopeError),
    /// The entry has another key or another name than the envelope says.
    #[error("its content belongs to another computation than it says")]
    OtherEntry,
    /// The entry says itself who signed it.
    #[error("its content says itself who signed it")]
    SaysItself,
    /// What was taken from others was changed since, so that their signature does not hold any more.
    #[error(
        "it came from someone else and was bound to other code here, so that their signature does not hold"
    )]
    ChangedSince,
}

/// What a signed envelope says of itself: hearsay, until it is verified.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    signer: PublicKey,
    namespace: &'a str,
    key: Key,
    digest: Digest,
    signature: [u8; SIGNATURE_BYTES],
    /// Everything before the signature.
    signed: &'a [u8],
    body: &'a [u8],
}

/// An entry whose signature holds. Its facts tell the signer. Whether that one is trusted is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    signer: PublicKey,
    entry: Entry,
}

/// Returns the signed envelope of an entry. One that was taken from others is passed on with their signature.
///
/// # Errors
///
/// `TooLarge`, or `ChangedSince` if an entry of others is not as they signed it.
pub fn sign_entry(entry: &Entry, key: &SigningKey) -> Result<Vec<u8>, SignedError> {
    let (facts, signed_by) = entry.facts.without_signature();
    let body = encode(&Entry { facts, ..entry.clone() });
    let signer = signed_by.map_or_else(|| key.public(), |(signer, _)| signer);
    let header = header_of(signer, entry, &body);
    let message = message_of(&header);
    let signature = match signed_by {
        None => key.sign(&message),
        Some((signer, signature)) if signer.signed(&message, &signature) => signature,
        Some(_) => return Err(SignedError::ChangedSince),
    };
    let envelope = [&header[..], &signature, &body].concat();
    if envelope.len() as u64 > ENVELOPE_BYTES { Err(SignedError::TooLarge) } else { Ok(envelope) }
}

fn header_of(signer: PublicKey, entry: &Entry, body: &[u8]) -> Vec<u8> {
    let mut to = Writer::new();
    to.raw(MAGIC).u16(VERSION).u8(KIND_ENTRY).raw(signer.as_bytes()).text(&entry.facts.name);
    to.raw(entry.key.as_bytes()).u64(body.len() as u64).raw(Digest::of_large(body).as_bytes());
    to.finish()
}

fn message_of(header: &[u8]) -> Vec<u8> {
    [DOMAIN, header].concat()
}

impl<'a> Claim<'a> {
    /// Reads the fields before the body.
    ///
    /// # Errors
    ///
    /// `NotSigned`, `UnknownVersion`, `TooLarge`, or `Corrupt` where the bytes are fewer or more than it says.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SignedError> {
        let mut from = Reader::new(bytes);
        if from.array().map_err(|_| SignedError::NotSigned)? != *MAGIC {
            return Err(SignedError::NotSigned);
        }
        if bytes.len() as u64 > ENVELOPE_BYTES {
            return Err(SignedError::TooLarge);
        }
        if from.u16()? != VERSION || from.u8()? != KIND_ENTRY {
            return Err(SignedError::UnknownVersion);
        }
        let signer = PublicKey::from_bytes(from.array()?);
        let namespace = from.text()?;
        let key = Key::from_digest(Digest::from_bytes(from.array()?));
        let length = from.u64()?;
        let digest = Digest::from_bytes(from.array()?);
        let signed = &bytes[..bytes.len() - from.remaining()];
        let signature = from.array()?;
        let body = from.raw(usize::try_from(length).map_err(|_| WireError::Truncated)?)?;
        from.end()?;
        Ok(Self { signer, namespace, key, digest, signature, signed, body })
    }

    /// Returns who is said to have signed it.
    pub const fn signer(&self) -> PublicKey {
        self.signer
    }

    /// Returns the name of the computation that it is said to be of.
    pub const fn namespace(&self) -> &'a str {
        self.namespace
    }

    /// Returns the key that it is said to have.
    pub const fn key(&self) -> Key {
        self.key
    }

    /// Checks signature and digest, then reads the entry.
    ///
    /// # Errors
    ///
    /// What does not hold. Nothing of the body was read unless signature and digest did.
    pub fn verify(&self) -> Result<Verified, SignedError> {
        if !self.signer.signed(&message_of(self.signed), &self.signature) {
            return Err(SignedError::BadSignature);
        }
        if Digest::of_large(self.body) != self.digest {
            return Err(SignedError::WrongBody);
        }
        let mut entry = decode(self.body).map_err(SignedError::BadEntry)?;
        if entry.key != self.key || entry.facts.name != self.namespace {
            return Err(SignedError::OtherEntry);
        }
        if entry.facts.more.iter().any(|(label, _)| Facts::is_of_signature(label)) {
            return Err(SignedError::SaysItself);
        }
        let signature: String = self.signature.iter().map(|byte| format!("{byte:02x}")).collect();
        entry.facts.more.push((SIGNED_BY.to_owned(), self.signer.hex()));
        entry.facts.more.push((SIGNATURE.to_owned(), signature));
        Ok(Verified { signer: self.signer, entry })
    }
}

impl Verified {
    /// Returns who signed it.
    pub const fn signer(&self) -> PublicKey {
        self.signer
    }

    /// Returns the entry.
    pub const fn entry(&self) -> &Entry {
        &self.entry
    }
}

/// Who signed a stored entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It was made with this store's own seal key: nobody had to sign it.
    Own,
    /// It was taken from this signer.
    Signed(PublicKey),
    /// The facts name a signer that cannot be read.
    Unreadable,
}

impl Facts {
    /// Returns where an entry with these facts came from.
    pub fn origin(&self) -> Origin {
        match self.more.iter().find(|(label, _)| label == SIGNED_BY) {
            None => Origin::Own,
            Some((_, hex)) => PublicKey::from_hex(hex).map_or(Origin::Unreadable, Origin::Signed),
        }
    }

    /// Tells whether a further fact says who signed the entry.
    pub fn is_of_signature(label: &str) -> bool {
        label == SIGNED_BY || label == SIGNATURE
    }

    /// The facts as their signer had them, with signer and signature if there are any.
    fn without_signature(&self) -> (Self, Option<(PublicKey, [u8; SIGNATURE_BYTES])>) {
        let signature = self.more.iter().find(|(label, _)| label == SIGNATURE);
        let signature = signature.and_then(|(_, hex)| signature_of_hex(hex)).unwrap_or([0; SIGNATURE_BYTES]);
        let signed_by = match self.origin() {
            Origin::Own => None,
            Origin::Signed(signer) => Some((signer, signature)),
            // Nobody's signature: it is never passed on as the user's own.
            Origin::Unreadable => Some((PublicKey::from_bytes([0; 32]), signature)),
        };
        let mut facts = self.clone();
        facts.more.retain(|(label, _)| !Self::is_of_signature(label));
        (facts, signed_by)
    }
}

fn signature_of_hex(hex: &str) -> Option<[u8; SIGNATURE_BYTES]> {
    let (first, second) = hex.split_at_checked(SIGNATURE_BYTES)?;
    let half = |hex: &str| hex.parse::<Digest>().ok().map(|half| *half.as_bytes());
    let mut signature = [0; SIGNATURE_BYTES];
    signature[..32].copy_from_slice(&half(first)?);
    signature[32..].copy_from_slice(&half(second)?);
    Some(signature)
}
