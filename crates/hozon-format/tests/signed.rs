//! A signed entry comes back as it was, with its signer; and no other bytes are taken for one.

use hozon_format::{
    Claim, Codec, ComputationKind, Digest, Entry, Facts, Key, Origin, Output, Part, PublicKey, SealKey,
    SignedError, SigningKey, seal, sign_entry,
};
use proptest::collection::vec;
use proptest::prelude::*;

fn signer() -> SigningKey {
    SigningKey::from_seed([7; 32])
}

fn entry() -> Entry {
    let payload = Part::Blob { digest: Digest::of(b"blob"), length: 4 };
    Entry {
        key: Key::from_digest(Digest::of(b"key")),
        facts: Facts {
            name: "team.features".to_owned(),
            kind: ComputationKind::Saved,
            place: "utils.py:12".to_owned(),
            created_ms: 5,
            duration_ns: 7,
            expires_ms: None,
            python: "3.13.1".to_owned(),
            hozon: "0.1.0".to_owned(),
            more: vec![("a".to_owned(), "b".to_owned())],
        },
        recipe: b"recipe".to_vec(),
        traces: vec![],
        outputs: vec![Output { name: String::new(), codec: Codec::Pickle5, payload, buffers: vec![] }],
    }
}

fn signed() -> Vec<u8> {
    sign_entry(&entry(), &signer()).unwrap()
}

fn verified(bytes: &[u8]) -> Result<Entry, SignedError> {
    Claim::parse(bytes)?.verify().map(|verified| verified.entry().clone())
}

#[test]
fn it_says_who_signed_what_before_it_is_verified() {
    let bytes = signed();
    let claim = Claim::parse(&bytes).unwrap();
    assert_eq!(
        (claim.signer(), claim.namespace(), claim.key()),
        (signer().public(), "team.features", entry().key)
    );
    let verified = claim.verify().unwrap();
    assert_eq!(verified.signer(), signer().public());
    assert_eq!(verified.entry().facts.origin(), Origin::Signed(signer().public()));
    let mut own = verified.entry().clone();
    own.facts.more.truncate(1);
    assert_eq!(own, entry());
    assert_eq!(own.facts.origin(), Origin::Own);
}

/// Golden: a change of the bytes must come with a change of their version.
#[test]
fn the_bytes_are_as_documented() {
    let bytes = signed();
    assert_eq!(signer().public().to_string(), "hozon-ed25519 6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=");
    assert_eq!(&bytes[..11], b"hozonSIG\x01\0\x01");
    assert_eq!(&bytes[11..43], signer().public().as_bytes());
    assert_eq!(bytes[43..51], 13_u64.to_le_bytes());
    assert_eq!(&bytes[51..64], b"team.features");
    assert_eq!(&bytes[64..96], entry().key.as_bytes());
    let (length, body) = (&bytes[96..104], &bytes[200..]);
    assert_eq!(length, (body.len() as u64).to_le_bytes());
    assert_eq!(&bytes[104..136], Digest::of(body).as_bytes());
    let hex: String = bytes[136..200].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((hex.as_str(), Digest::of(&bytes).to_string().as_str()), (GOLDEN_SIGNATURE, GOLDEN_ENVELOPE));
}

const GOLDEN_SIGNATURE: &str = "b4194881c46515d79c941ab6ba3b5b3dcbe2cc65e5f0ec91159de71502cc987d\
    ffdb23eee90422f5fb61d5fab7c4214c9b96a885635fddc4822d4f9e9503d908";
const GOLDEN_ENVELOPE: &str = "32d0ec5c50272cd25a0ffc5f9141188e749b8a03fdb5343e25c522ffc1734d97";

#[test]
fn every_changed_bit_and_every_other_length_is_refused() {
    let bytes = signed();
    for index in 0..bytes.len() {
        for bit in 0..8 {
            let mut other = bytes.clone();
            other[index] ^= 1 << bit;
            assert!(verified(&other).is_err(), "byte {index}, bit {bit}");
        }
        assert!(verified(&bytes[..index]).is_err(), "{index} bytes");
    }
    assert!(verified(&[&bytes[..], &[0]].concat()).is_err());
    assert!(verified(&bytes).is_ok());
}

#[test]
fn what_is_wrong_is_told() {
    let bytes = signed();
    let with = |index: usize, byte: u8| {
        let mut other = bytes.clone();
        other[index] = byte;
        other
    };
    assert_eq!(verified(b"hozon"), Err(SignedError::NotSigned));
    assert_eq!(verified(&seal(&entry(), &SealKey::from_bytes([7; 32]))), Err(SignedError::NotSigned));
    assert_eq!(verified(&with(8, 2)), Err(SignedError::UnknownVersion));
    assert_eq!(verified(&with(10, 2)), Err(SignedError::UnknownVersion));
    assert_eq!(verified(&with(11, 0)), Err(SignedError::BadSignature));
    assert_eq!(verified(&with(140, 0)), Err(SignedError::BadSignature));
    assert_eq!(verified(&with(bytes.len() - 1, 9)), Err(SignedError::WrongBody));
    // Under the neutral point, a signature of zeros and the neutral point holds for anything.
    let mut anyones = bytes.clone();
    anyones[11..43].copy_from_slice(&{
        let mut neutral = [0; 32];
        neutral[0] = 1;
        neutral
    });
    anyones[136..200].fill(0);
    anyones[136] = 1;
    assert_eq!(verified(&anyones), Err(SignedError::BadSignature));
}

/// A signature over the same bytes for another purpose, without the domain tag, does not hold.
#[test]
fn a_signature_for_something_else_is_none_of_an_entry() {
    let bytes = signed();
    let mut other = bytes.clone();
    for message in [&bytes[..136], &bytes[200..], &bytes[104..136]] {
        let plain = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let signature = ed25519_dalek::Signer::sign(&plain, message).to_bytes();
        other[136..200].copy_from_slice(&signature);
        assert_eq!(verified(&other), Err(SignedError::BadSignature));
    }
}

#[test]
fn what_was_taken_is_passed_on_as_it_was_and_only_so() {
    let theirs = signed();
    let taken = verified(&theirs).unwrap();
    let me = SigningKey::from_seed([9; 32]);
    assert_eq!(sign_entry(&taken, &me).unwrap(), theirs);
    // Bound to other code by an acceptance: neither theirs any more nor mine.
    let changed = Entry { key: Key::from_digest(Digest::of(b"other")), ..taken.clone() };
    assert_eq!(sign_entry(&changed, &me), Err(SignedError::ChangedSince));
    let mut unreadable = taken;
    unreadable.facts.more[1].1 = "nobody".to_owned();
    assert_eq!(unreadable.facts.origin(), Origin::Unreadable);
    assert_eq!(sign_entry(&unreadable, &me), Err(SignedError::ChangedSince));
}

/// The signer decides what it signs: that must not be what only a reader may say.
#[test]
fn a_signer_cannot_say_who_signed_it() {
    for label in ["signed by", "signature"] {
        let mut lying = entry();
        lying.facts.more.push((label.to_owned(), PublicKey::from_bytes([1; 32]).hex()));
        // `sign_entry` leaves such facts out or refuses: so it is signed by hand.
        assert_eq!(verified(&signed_by_hand(&lying)), Err(SignedError::SaysItself), "{label}");
    }
    assert!(verified(&signed_by_hand(&entry())).is_ok());
}

#[test]
fn the_names_outside_and_inside_are_the_same() {
    let bytes = signed_by_hand(&entry());
    for (at, with) in [(51, b'T'), (64, bytes[64] ^ 1)] {
        let mut header = bytes[..136].to_vec();
        header[at] = with;
        assert_eq!(verified(&signed_header(&header, &bytes[200..])), Err(SignedError::OtherEntry));
    }
}

fn signed_by_hand(entry: &Entry) -> Vec<u8> {
    // The body of a sealed entry is that of a signed one.
    let body = seal(entry, &SealKey::from_bytes([7; 32]))[58..].to_vec();
    let mut header = signed()[..136].to_vec();
    header[96..104].copy_from_slice(&(body.len() as u64).to_le_bytes());
    header[104..136].copy_from_slice(Digest::of(&body).as_bytes());
    signed_header(&header, &body)
}

fn signed_header(header: &[u8], body: &[u8]) -> Vec<u8> {
    let message = [b"hozon 2026 signed entry v1\0", header].concat();
    let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let signature = ed25519_dalek::Signer::sign(&key, &message).to_bytes();
    [header, &signature, body].concat()
}

proptest! {
    #[test]
    fn hostile_bytes_are_never_a_panic(mut bytes in vec(any::<u8>(), 0..400), lengths in vec(any::<u64>(), 2)) {
        let _ = verified(&bytes);
        if bytes.len() > 120 {
            bytes[..11].copy_from_slice(b"hozonSIG\x01\0\x01");
            prop_assert!(verified(&bytes).is_err());
            bytes[43..51].copy_from_slice(&lengths[0].to_le_bytes());
            prop_assert!(verified(&bytes).is_err());
            bytes[43..51].copy_from_slice(&13_u64.to_le_bytes());
            bytes[96..104].copy_from_slice(&lengths[1].to_le_bytes());
            prop_assert!(verified(&bytes).is_err());
        }
        let _ = PublicKey::parse(&String::from_utf8_lossy(&bytes));
    }
}
