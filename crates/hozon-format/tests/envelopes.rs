//! Sealed records come back as they were, and nothing else comes back at all.

use hozon_format::{
    BlobCheck, Buffer, Codec, ComputationKind, Digest, Entry, EnvelopeError, Facts, FileStamp, Key, Output,
    Part, Root, SealKey, open, seal, unverified_blobs,
};
use proptest::collection::vec;
use proptest::prelude::*;

const SEAL: SealKey = SealKey::from_bytes([7; 32]);

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_bytes)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..40)
}

fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..6).prop_map(|letters| letters.into_iter().collect())
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        bytes().prop_map(Part::Inline),
        (digest(), any::<u64>()).prop_map(|(digest, length)| Part::Blob { digest, length })
    ]
}

fn output() -> impl Strategy<Value = Output> {
    let codec = prop_oneof![Just(Codec::Pickle5), Just(Codec::Exception), Just(Codec::DeletedName)];
    let buffer = (part(), any::<bool>()).prop_map(|(part, read_only)| Buffer { part, read_only });
    (text(), codec, part(), vec(buffer, 0..3)).prop_map(|(name, codec, payload, buffers)| Output {
        name,
        codec,
        payload,
        buffers,
    })
}

fn facts() -> impl Strategy<Value = Facts> {
    use ComputationKind::{Block, Cell, Function, Saved};
    let kind = prop_oneof![Just(Function), Just(Block), Just(Saved), Just(Cell)];
    let numbers = (any::<u64>(), any::<u64>(), any::<Option<u64>>());
    (text(), kind, text(), numbers, text(), vec((text(), text()), 0..3)).prop_map(
        |(name, kind, place, (created_ms, duration_ns, expires_ms), python, more)| Facts {
            name,
            kind,
            place,
            created_ms,
            duration_ns,
            expires_ms,
            python,
            hozon: "0.1.0".into(),
            more,
        },
    )
}

fn entry() -> impl Strategy<Value = Entry> {
    (digest(), facts(), bytes(), bytes(), vec(output(), 0..4)).prop_map(
        |(digest, facts, recipe, traces, outputs)| Entry {
            key: Key::from_digest(digest),
            facts,
            recipe,
            traces,
            outputs,
        },
    )
}

fn with_byte_changed(bytes: &[u8], index: usize, mask: u8) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[index] ^= mask;
    changed
}

proptest! {
    #[test]
    fn an_entry_comes_back_as_it_was(entry in entry()) {
        let sealed = seal(&entry, &SEAL);
        prop_assert_eq!(open(&sealed, &entry.key, &SEAL).unwrap(), entry.clone());
        prop_assert_eq!(Facts::decode(&entry.facts.encode()).unwrap(), entry.facts.clone());
        let named: Vec<Digest> = entry.blobs().map(|(digest, _)| digest).collect();
        prop_assert_eq!(unverified_blobs(&sealed).unwrap(), named);
    }

    #[test]
    fn every_changed_byte_and_length_is_refused(entry in entry(), mask in 1..=255_u8, tail in bytes()) {
        let sealed = seal(&entry, &SEAL);
        for index in 0..sealed.len() {
            prop_assert!(open(&with_byte_changed(&sealed, index, mask), &entry.key, &SEAL).is_err());
            prop_assert!(open(&sealed[..index], &entry.key, &SEAL).is_err());
        }
        let longer = [&sealed[..], &tail[..], &[0]].concat();
        prop_assert!(open(&longer, &entry.key, &SEAL).is_err());
    }

    #[test]
    fn another_key_or_name_or_kind_is_refused(entry in entry(), other in any::<[u8; 32]>(), name in text()) {
        let sealed = seal(&entry, &SEAL);
        prop_assume!(other != [7; 32] && other != *entry.key.as_bytes());
        let stranger = SealKey::from_bytes(other);
        prop_assert_eq!(open(&sealed, &entry.key, &stranger), Err(EnvelopeError::Foreign));
        let elsewhere = Key::from_digest(Digest::from_bytes(other));
        prop_assert_eq!(open(&sealed, &elsewhere, &SEAL), Err(EnvelopeError::WrongKey));
        let root = Root { name: name.clone(), key: entry.key, set_ms: 5 }.seal(&SEAL);
        prop_assert_eq!(open(&root, &entry.key, &SEAL), Err(EnvelopeError::NotAnEnvelope));
    }

    #[test]
    fn hostile_bodies_are_never_a_panic(body in vec(any::<u8>(), 0..300)) {
        // Parsing without the seal is the one way to get hostile bytes past it.
        let mut bytes = seal(&empty_entry(), &SEAL)[..58].to_vec();
        bytes[18..26].copy_from_slice(&(body.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&body);
        let _ = unverified_blobs(&bytes);
        let _ = Facts::decode(&body);
    }

    #[test]
    fn roots_and_notes_come_back_and_nothing_else_does(
        name in text(), digest in digest(), numbers in any::<(u64, u64, i64, i64)>(), mask in 1..=255_u8,
    ) {
        let root = Root { name, key: Key::from_digest(digest), set_ms: numbers.0 };
        let file = Root::file_name(&root.name);
        let sealed = root.seal(&SEAL);
        prop_assert_eq!(Root::open(&sealed, &file, &SEAL).unwrap(), root);
        let (inode, size, modified_ns, changed_ns) = numbers;
        let note = BlobCheck { digest, stamp: FileStamp { inode, size, modified_ns, changed_ns }, boot: inode };
        let sealed_note = note.seal(&SEAL);
        prop_assert_eq!(BlobCheck::open(&sealed_note, &digest, &SEAL).unwrap(), note);
        for index in 0..sealed.len() {
            prop_assert!(Root::open(&with_byte_changed(&sealed, index, mask), &file, &SEAL).is_err());
            prop_assert!(Root::open(&sealed[..index], &file, &SEAL).is_err());
        }
        for index in 0..sealed_note.len() {
            let changed = with_byte_changed(&sealed_note, index, mask);
            prop_assert!(BlobCheck::open(&changed, &digest, &SEAL).is_err());
            prop_assert!(BlobCheck::open(&sealed_note[..index], &digest, &SEAL).is_err());
        }
        let other_name = Root::file_name("some other name");
        prop_assert_eq!(Root::open(&sealed, &other_name, &SEAL), Err(EnvelopeError::WrongKey));
    }
}

fn empty_entry() -> Entry {
    Entry {
        key: Key::from_digest(Digest::of(b"key")),
        facts: Facts::default(),
        recipe: Vec::new(),
        traces: Vec::new(),
        outputs: Vec::new(),
    }
}

#[test]
fn the_header_is_as_documented() {
    let sealed = seal(&empty_entry(), &SEAL);
    assert_eq!(&sealed[..8], b"hozonENT");
    assert_eq!(sealed[8..10], 1_u16.to_le_bytes());
    assert_eq!(sealed[10..18], SEAL.id());
    assert_eq!(sealed[18..26], (sealed.len() as u64 - 58).to_le_bytes());
    assert_eq!(&sealed[58..90], Digest::of(b"key").as_bytes());
    // Golden: a change of the format must come with a change of its version.
    assert_eq!(Digest::of(&sealed).to_string(), GOLDEN_EMPTY_ENTRY);
}

const GOLDEN_EMPTY_ENTRY: &str = "0b597d785d3cbaff00b39771fa39556bb9a8270fd807e78d752a5b35113bb1ee";

#[test]
fn another_version_is_told_apart_from_damage() {
    let sealed = with_byte_changed(&seal(&empty_entry(), &SEAL), 8, 3);
    let key = empty_entry().key;
    assert_eq!(open(&sealed, &key, &SEAL), Err(EnvelopeError::UnknownVersion { version: 2 }));
    assert_eq!(open(b"", &key, &SEAL), Err(EnvelopeError::NotAnEnvelope));
}

#[test]
fn the_secret_is_not_shown() {
    let shown = format!("{:?}", SealKey::from_bytes([0xab; 32]));
    assert!(!shown.contains("171") && !shown.contains("ab"), "{shown}");
    assert_ne!(SealKey::from_bytes([1; 32]).id(), SealKey::from_bytes([2; 32]).id());
}
