//! The value protocol: the canonical bytes of a value, and its digest.
//!
//! A value is written as a tag byte and a payload. A *leaf* carries its payload with it. A *node*
//! (anything with parts) is written to its parent as the digest of its own bytes, so that equal parts
//! have one digest wherever they stand, shared or not, and no value needs more memory than its deepest
//! open nodes. Texts, bytes and buffers beyond [`INLINE_BYTES`] are written by digest as well.
//!
//! The page `docs/format.md#values` has the whole table, with test vectors; `tests` below hold them.

use std::sync::LazyLock;

use crate::digest::{Digest, Hasher};

/// Texts, bytes and buffers longer than this are written as their length and digest.
pub const INLINE_BYTES: usize = 1024;

/// How deeply nodes may nest. Deeper values are refused by the walker with a clear error.
pub const MAX_DEPTH: usize = 1_000;

/// An open node with more bytes than this is hashed as it grows, which bounds memory.
const STREAM_FROM: usize = 1 << 20;

const DOMAIN: &str = "hozon 2026 value protocol 1: digest of a value";

/// What a leaf or a node is. The numbers are the protocol: they never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Tag {
    /// `None`: no payload.
    None = 0x01,
    /// `False`: no payload.
    False = 0x02,
    /// `True`: no payload.
    True = 0x03,
    /// An int in 64 bits: i64.
    Int = 0x04,
    /// Any other int: a sign byte (0 or 1), then its magnitude, least byte first, without zeros at the end.
    BigInt = 0x05,
    /// A float: the bits of an f64. Zeros of either sign and all NaNs differ as their bits do.
    Float = 0x06,
    /// A complex: the bits of two f64.
    Complex = 0x07,
    /// A str: UTF-8.
    Text = 0x08,
    /// A str that holds lone surrogates: UTF-8 with the surrogates passed through.
    SurrogateText = 0x09,
    /// A bytes.
    Bytes = 0x0a,
    /// `...`: no payload.
    Ellipsis = 0x0b,
    /// `NotImplemented`: no payload.
    NotImplemented = 0x0c,
    /// The elements of a buffer in logical (C) order.
    Buffer = 0x0d,
    /// A node's digest, where the node stands in another.
    Node = 0x10,
    /// An ancestor that stands inside itself: how many nodes up, u64.
    Cycle = 0x11,
    /// A function or class of local code: the digest of its code and of what that reaches.
    Code = 0x12,
    /// Anything found by name in code that is not local: module, qualified name.
    Global = 0x13,
    /// A list: its items.
    List = 0x20,
    /// A tuple: its items.
    Tuple = 0x21,
    /// A dict: key, value, key, value, in the dict's order.
    Dict = 0x22,
    /// A set: the digests of its items, sorted.
    Set = 0x23,
    /// A frozenset: the digests of its items, sorted.
    FrozenSet = 0x24,
    /// A bytearray: its bytes as one part.
    ByteArray = 0x25,
    /// An object by its reduction: the parts that `__reduce_ex__` gives.
    Reduced = 0x26,
    /// A value by a library's own shape or a user's hook: its kind as a text, then its parts.
    Shaped = 0x27,
    /// A slice: start, stop, step.
    Slice = 0x28,
    /// A range: start, stop, step.
    Range = 0x29,
    /// An enum's member: class, name, value.
    EnumMember = 0x2a,
    /// A bound method: the function, the object.
    BoundMethod = 0x2b,
    /// A `functools.partial`: the callable, the positional and the keyword arguments.
    Partial = 0x2c,
    /// A mapping view, cell or another wrapper around one value: its kind as a text, then the value.
    Wrapper = 0x2d,
    /// A module passed as a value: its name, or the digest of its code.
    Module = 0x2e,
    /// An item of a set, while its digest is taken.
    SetItem = 0x2f,
}

/// Writes values in the protocol's bytes; nodes may be open, one inside another.
#[derive(Default)]
pub struct ValueWriter {
    bytes: Vec<u8>,
    open: Vec<OpenNode>,
}

struct OpenNode {
    start: usize,
    hashed: Option<Box<Hasher>>,
}

impl ValueWriter {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a leaf that has no payload.
    pub fn mark(&mut self, tag: Tag) {
        self.bytes.push(tag as u8);
        self.flush_if_large();
    }

    /// Writes a bool.
    pub fn bool(&mut self, value: bool) {
        self.mark(if value { Tag::True } else { Tag::False });
    }

    /// Writes an int that fits in 64 bits.
    pub fn int(&mut self, value: i64) {
        self.tagged(Tag::Int, &value.to_le_bytes());
        self.flush_if_large();
    }

    /// Writes an int of any size from its sign and magnitude (least byte first). One that fits in 64
    /// bits is written as [`Tag::Int`], so that an int has one spelling.
    pub fn big_int(&mut self, negative: bool, magnitude: &[u8]) {
        let length = magnitude.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let magnitude = &magnitude[..length];
        if let Some(value) = small_int(negative, magnitude) {
            return self.int(value);
        }
        self.bytes.push(Tag::BigInt as u8);
        self.bytes.push(u8::from(negative));
        self.payload(magnitude);
    }

    /// Writes a float by its bits.
    pub fn float(&mut self, value: f64) {
        self.tagged(Tag::Float, &value.to_bits().to_le_bytes());
        self.flush_if_large();
    }

    /// Writes a complex by its bits.
    pub fn complex(&mut self, real: f64, imaginary: f64) {
        self.tagged(Tag::Complex, &real.to_bits().to_le_bytes());
        self.bytes.extend_from_slice(&imaginary.to_bits().to_le_bytes());
        self.flush_if_large();
    }

    /// Writes a str.
    pub fn text(&mut self, value: &str) {
        self.sized(Tag::Text, value.as_bytes());
    }

    /// Writes a leaf that is a length and bytes: [`Tag::SurrogateText`], [`Tag::Bytes`], [`Tag::Buffer`].
    pub fn sized(&mut self, tag: Tag, value: &[u8]) {
        self.bytes.push(tag as u8);
        self.payload(value);
        self.flush_if_large();
    }

    /// Writes a sized leaf whose bytes were hashed elsewhere, piece by piece: the same bytes as
    /// [`Self::sized`] writes. Only for lengths beyond [`INLINE_BYTES`].
    pub fn sized_by_digest(&mut self, tag: Tag, length: u64, digest: &Digest) {
        debug_assert!(length > INLINE_BYTES as u64);
        self.bytes.push(tag as u8);
        self.length(length);
        self.bytes.extend_from_slice(digest.as_bytes());
        self.flush_if_large();
    }

    /// Writes the place of a node or of code by its digest: [`Tag::Node`] or [`Tag::Code`].
    pub fn reference(&mut self, tag: Tag, digest: &Digest) {
        self.tagged(tag, digest.as_bytes());
        self.flush_if_large();
    }

    /// Writes that here stands the ancestor `levels` nodes up (1 is the node that is open now).
    pub fn cycle(&mut self, levels: u64) {
        self.tagged(Tag::Cycle, &levels.to_le_bytes());
    }

    /// Writes a thing of non-local code by its name.
    pub fn global(&mut self, module: &str, qualified_name: &str) {
        self.bytes.push(Tag::Global as u8);
        self.payload(module.as_bytes());
        self.payload(qualified_name.as_bytes());
    }

    /// Opens a node; what is written until [`Self::end`] is inside it.
    pub fn begin(&mut self, tag: Tag) {
        self.open.push(OpenNode { start: self.bytes.len(), hashed: None });
        self.bytes.push(tag as u8);
    }

    /// Closes the innermost open node, writes its digest in its parent, and returns it.
    pub fn end(&mut self) -> Digest {
        let digest = self.close();
        self.reference(Tag::Node, &digest);
        digest
    }

    /// Closes the innermost open node without writing it in its parent: for items of sets, whose
    /// digests the caller sorts.
    pub fn close(&mut self) -> Digest {
        let Some(node) = self.open.pop() else { return Digest::of(&[]) };
        let rest = &self.bytes[node.start..];
        let digest = match node.hashed {
            Some(mut hasher) => hasher.update(rest).finish(),
            None => Digest::of(rest),
        };
        self.bytes.truncate(node.start);
        digest
    }

    /// Closes open nodes down to `depth` and drops what they held: after a walk that failed midway.
    pub fn unwind(&mut self, depth: usize, length: usize) {
        self.open.truncate(depth);
        self.bytes.truncate(length);
    }

    /// Tells how many nodes are open and how many bytes are held, for [`Self::unwind`].
    pub fn position(&self) -> (usize, usize) {
        (self.open.len(), self.bytes.len())
    }

    /// Tells how many nodes are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// Returns the digest of the node that was written last, where a node was what was written last.
    pub fn last_node(&self) -> Option<Digest> {
        let (rest, digest) = self.bytes.split_last_chunk()?;
        (rest.last() == Some(&(Tag::Node as u8))).then(|| Digest::from_bytes(*digest))
    }

    /// Returns the digest of the one value written since `start` bytes were held, and drops its bytes.
    pub fn take_digest(&mut self, start: usize) -> Digest {
        static START: LazyLock<Hasher> = LazyLock::new(|| Hasher::in_domain(DOMAIN));
        let digest = START.digest_in_domain(&self.bytes[start..]);
        self.bytes.truncate(start);
        digest
    }

    fn tagged(&mut self, tag: Tag, payload: &[u8]) {
        self.bytes.push(tag as u8);
        self.bytes.extend_from_slice(payload);
    }

    /// One byte for lengths under 255, else 255 and a u64: one spelling for each length.
    fn length(&mut self, length: u64) {
        match u8::try_from(length) {
            Ok(short) if short < u8::MAX => self.bytes.push(short),
            _ => {
                self.bytes.push(u8::MAX);
                self.bytes.extend_from_slice(&length.to_le_bytes());
            }
        }
    }

    fn payload(&mut self, value: &[u8]) {
        self.length(value.len() as u64);
        if value.len() > INLINE_BYTES {
            self.bytes.extend_from_slice(Digest::of_large(value).as_bytes());
        } else {
            self.bytes.extend_from_slice(value);
        }
    }

    fn flush_if_large(&mut self) {
        let Some(node) = self.open.last_mut() else { return };
        if self.bytes.len() - node.start > STREAM_FROM {
            let hasher = node.hashed.get_or_insert_with(|| Box::new(Hasher::plain()));
            hasher.update(&self.bytes[node.start..]);
            self.bytes.truncate(node.start);
        }
    }
}

/// The i64 of a trimmed magnitude, where it fits.
fn small_int(negative: bool, magnitude: &[u8]) -> Option<i64> {
    let mut bytes = [0; 16];
    bytes.get_mut(..magnitude.len())?.copy_from_slice(magnitude);
    let value = i128::try_from(u128::from_le_bytes(bytes)).ok()?;
    i64::try_from(if negative { -value } else { value }).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest(write: impl FnOnce(&mut ValueWriter)) -> Digest {
        let mut writer = ValueWriter::new();
        write(&mut writer);
        writer.take_digest(0)
    }

    /// The vectors of docs/format.md: a changed one changes every stored key, so it needs a new
    /// protocol version, not a new vector.
    #[test]
    fn test_vectors() {
        let list = |w: &mut ValueWriter| {
            w.begin(Tag::List);
            w.int(1);
            w.text("a");
            w.end();
        };
        let vectors = [
            ("None", digest(|w| w.mark(Tag::None))),
            ("True", digest(|w| w.bool(true))),
            ("1", digest(|w| w.int(1))),
            ("2**64", digest(|w| w.big_int(false, &[0, 0, 0, 0, 0, 0, 0, 0, 1]))),
            ("1.0", digest(|w| w.float(1.0))),
            ("'a'", digest(|w| w.text("a"))),
            ("b'a'", digest(|w| w.sized(Tag::Bytes, b"a"))),
            ("'a' * 1025", digest(|w| w.text(&"a".repeat(1025)))),
            ("[1, 'a']", digest(list)),
        ];
        let shown: Vec<String> = vectors.iter().map(|(value, digest)| format!("{value} {digest}")).collect();
        assert_eq!(shown.join("\n"), include_str!("value_vectors.txt").trim_end());
    }

    #[test]
    fn an_int_has_one_spelling() {
        for value in [0, 1, -1, i64::MAX, i64::MIN, 255, -256] {
            let magnitude = value.unsigned_abs().to_le_bytes();
            assert_eq!(digest(|w| w.int(value)), digest(|w| w.big_int(value < 0, &magnitude)), "{value}");
        }
        let beyond = (i64::MAX as u64 + 1).to_le_bytes();
        assert_ne!(digest(|w| w.int(i64::MIN)), digest(|w| w.big_int(false, &beyond)));
    }

    #[test]
    fn a_node_that_is_hashed_as_it_grows_has_the_digest_of_its_bytes() {
        let count = 3 * STREAM_FROM as i64 / 9;
        let streamed = {
            let mut writer = ValueWriter::new();
            writer.begin(Tag::List);
            (0..count).for_each(|value| writer.int(value));
            writer.end()
        };
        let mut bytes = vec![Tag::List as u8];
        for value in 0..count {
            bytes.push(Tag::Int as u8);
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        assert_eq!(streamed, Digest::of(&bytes));
    }

    #[test]
    fn bytes_hashed_elsewhere_are_written_alike() {
        let bytes = vec![3; INLINE_BYTES + 1];
        let by_digest = digest(|w| w.sized_by_digest(Tag::Buffer, bytes.len() as u64, &Digest::of(&bytes)));
        assert_eq!(by_digest, digest(|w| w.sized(Tag::Buffer, &bytes)));
    }

    /// A structure of the protocol, and how it is written: for the injectivity property.
    #[derive(Debug, Clone, PartialEq)]
    enum Value {
        Int(i64),
        FloatBits(u64),
        Text(String),
        Bytes(Vec<u8>),
        Bool(bool),
        List(Vec<Value>),
        Tuple(Vec<Value>),
    }

    fn write(value: &Value, writer: &mut ValueWriter) {
        let (tag, items) = match value {
            Value::Int(int) => return writer.int(*int),
            Value::FloatBits(bits) => return writer.float(f64::from_bits(*bits)),
            Value::Text(text) => return writer.text(text),
            Value::Bytes(bytes) => return writer.sized(Tag::Bytes, bytes),
            Value::Bool(bool) => return writer.bool(*bool),
            Value::List(items) => (Tag::List, items),
            Value::Tuple(items) => (Tag::Tuple, items),
        };
        writer.begin(tag);
        items.iter().for_each(|item| write(item, writer));
        writer.end();
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            (-3..3i64).prop_map(Value::Int),
            (0..4u64).prop_map(Value::FloatBits),
            "[ab]{0,3}".prop_map(Value::Text),
            proptest::collection::vec(0..3u8, 0..3).prop_map(Value::Bytes),
            any::<bool>().prop_map(Value::Bool),
        ];
        leaf.prop_recursive(3, 16, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
                proptest::collection::vec(inner, 0..3).prop_map(Value::Tuple),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

        #[test]
        fn digests_are_equal_just_where_structures_are(left in any_value(), right in any_value()) {
            let same = digest(|w| write(&left, w)) == digest(|w| write(&right, w));
            prop_assert_eq!(same, left == right);
        }
    }
}
