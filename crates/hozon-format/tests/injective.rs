//! Different values have different digests, and the same one each time.
#![expect(clippy::disallowed_macros, reason = "it tells what it has counted")]
#![expect(clippy::disallowed_methods, reason = "it is told how long to go on")]

use std::collections::HashMap;
use std::time::Instant;

use fastrand::Rng;
use hozon_format::{Digest, Tag, ValueWriter};

/// So many different values make more than ten million pairs.
const VALUES: usize = 6000;

/// A value as the protocol tells them apart.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Mark(Tag),
    Bool(bool),
    Int(i64),
    BigInt(bool, Vec<u8>),
    /// By its bits: zeros of either sign and all NaNs differ.
    Float(u64),
    Complex(u64, u64),
    Text(String),
    Sized(Tag, Vec<u8>),
    Global(String, String),
    Cycle(u64),
    Node(Tag, Vec<Value>),
}

const NODES: [Tag; 12] = [
    Tag::List,
    Tag::Tuple,
    Tag::Dict,
    Tag::Set,
    Tag::FrozenSet,
    Tag::ByteArray,
    Tag::Reduced,
    Tag::Shaped,
    Tag::Slice,
    Tag::Range,
    Tag::BoundMethod,
    Tag::SetItem,
];
const FLOATS: [u64; 7] = [
    0,
    1 << 63,
    0x3ff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0x7ff8_0000_0000_0001,
    0xfff8_0000_0000_0000,
    0x7ff0_0000_0000_0000,
];
/// Pieces that run into each other if lengths are not kept.
const PIECES: [&str; 8] = ["", "a", "b", "ab", "\u{1}", "\0", "1", "é"];

fn text(rng: &mut Rng) -> String {
    // Around the lengths where the spelling changes.
    match rng.u32(0..30) {
        0 => "a".repeat(rng.usize(253..=257)),
        1 => "a".repeat(rng.usize(1022..=1026)),
        _ => (0..rng.usize(0..3)).map(|_| PIECES[rng.usize(0..PIECES.len())]).collect(),
    }
}

fn value(rng: &mut Rng, depth: u32) -> Value {
    match rng.u32(0..if depth == 0 { 10 } else { 20 }) {
        0 => Value::Mark([Tag::None, Tag::Ellipsis, Tag::NotImplemented][rng.usize(0..3)]),
        1 => Value::Bool(rng.bool()),
        2 => Value::Int([0, 1, -1, 2, 97, 255, i64::MAX, i64::MIN][rng.usize(0..8)]),
        3 => Value::BigInt(rng.bool(), [vec![0; 8], vec![rng.u8(1..4)]].concat()),
        4 => Value::Float(FLOATS[rng.usize(0..FLOATS.len())]),
        5 => Value::Complex(FLOATS[rng.usize(0..FLOATS.len())], FLOATS[rng.usize(0..FLOATS.len())]),
        6 | 7 => Value::Text(text(rng)),
        8 => {
            let tag = [Tag::Bytes, Tag::Buffer, Tag::SurrogateText][rng.usize(0..3)];
            Value::Sized(tag, text(rng).into_bytes())
        }
        9 if rng.bool() => Value::Global(text(rng), text(rng)),
        9 => Value::Cycle(rng.u64(0..3)),
        _ => {
            let items = (0..rng.usize(0..4)).map(|_| value(rng, depth - 1)).collect();
            Value::Node(NODES[rng.usize(0..NODES.len())], items)
        }
    }
}

fn write(value: &Value, to: &mut ValueWriter) {
    match value {
        Value::Mark(tag) => to.mark(*tag),
        Value::Bool(value) => to.bool(*value),
        Value::Int(value) => to.int(*value),
        Value::BigInt(negative, magnitude) => to.big_int(*negative, magnitude),
        Value::Float(bits) => to.float(f64::from_bits(*bits)),
        Value::Complex(real, imaginary) => to.complex(f64::from_bits(*real), f64::from_bits(*imaginary)),
        Value::Text(text) => to.text(text),
        Value::Sized(tag, bytes) => to.sized(*tag, bytes),
        Value::Global(module, name) => to.global(module, name),
        Value::Cycle(levels) => to.cycle(*levels),
        Value::Node(tag, items) => {
            to.begin(*tag);
            items.iter().for_each(|item| write(item, to));
            to.end();
        }
    }
}

fn digest(value: &Value) -> Digest {
    let mut writer = ValueWriter::new();
    write(value, &mut writer);
    writer.take_digest(0)
}

#[test]
fn ten_million_pairs_of_different_values_have_different_digests() {
    let seconds: Option<u64> = std::env::var("SECONDS_OF_SOAK").ok().and_then(|seconds| seconds.parse().ok());
    let began = Instant::now();
    let mut rng = Rng::with_seed(if seconds.is_some() { 2 } else { 1 });
    let mut values: HashMap<Digest, Value> = HashMap::new();
    let is_enough = |values: usize| match seconds {
        // So many fit into memory; they make 2e12 pairs.
        Some(seconds) => began.elapsed().as_secs() >= seconds || values >= 2_000_000,
        None => values >= VALUES,
    };
    while !is_enough(values.len()) {
        let value = value(&mut rng, 3);
        let digest = digest(&value);
        if let Some(earlier) = values.get(&digest) {
            assert_eq!(*earlier, value, "two values of one digest");
        } else {
            values.insert(digest, value);
        }
    }
    let count = values.len() as u64;
    println!("T12: {count} values, {} pairs, 0 collisions", count * (count - 1) / 2);
    assert!(count * (count - 1) / 2 >= 10_000_000);
}

#[test]
fn values_that_people_take_for_one_another_differ() {
    let pairs = [
        (
            Value::Node(Tag::List, vec![Value::Text("a".into()), Value::Text("b".into())]),
            Value::Node(Tag::List, vec![Value::Text("ab".into())]),
        ),
        (Value::Int(1), Value::Float(0x3ff0_0000_0000_0000)),
        (Value::Int(1), Value::Bool(true)),
        (Value::Float(0), Value::Float(1 << 63)),
        (Value::Float(0x7ff8_0000_0000_0000), Value::Float(0x7ff8_0000_0000_0001)),
        (Value::Text("a".into()), Value::Sized(Tag::Bytes, b"a".to_vec())),
        (Value::Node(Tag::List, vec![]), Value::Node(Tag::Tuple, vec![])),
        (Value::Node(Tag::List, vec![Value::Node(Tag::List, vec![])]), Value::Node(Tag::List, vec![])),
    ];
    for (one, other) in pairs {
        assert_ne!(digest(&one), digest(&other), "{one:?} {other:?}");
        assert_eq!(digest(&one), digest(&one.clone()));
    }
}
