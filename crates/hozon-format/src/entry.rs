//! An entry: what is stored under one key, and its bytes.

use crate::envelope::{EnvelopeError, FORMAT_VERSION, RecordKind, SealKey};
use crate::envelope::{open_record, seal_record, unverified_body};
use crate::{Digest, Key, Reader, WireError, Writer};

/// Everything that is stored under one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The digest of the recipe.
    pub key: Key,
    /// When, how long, by which versions.
    pub facts: Facts,
    /// The encoded recipe, for explanations.
    pub recipe: Vec<u8>,
    /// The encoded list of inputs that were seen while running; empty: none.
    pub traces: Vec<u8>,
    /// The results, in the order in which they were given.
    pub outputs: Vec<Output>,
}

/// What is known about the making of an entry. Nothing here enters a key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// The label of the computation in listings.
    pub name: String,
    /// What kind of computation it was.
    pub kind: ComputationKind,
    /// Where its code stands, as `utils.py:12`; for display only.
    pub place: String,
    /// When it was stored, in Unix milliseconds.
    pub created_ms: u64,
    /// How long the computation ran, in nanoseconds.
    pub duration_ns: u64,
    /// From when on it is a miss, in Unix milliseconds.
    pub expires_ms: Option<u64>,
    /// The version of Python that ran it.
    pub python: String,
    /// The version of hozon that stored it.
    pub hozon: String,
    /// Further facts as label and text, in the order in which they were given.
    pub more: Vec<(String, String)>,
}

/// What was cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
#[non_exhaustive]
pub enum ComputationKind {
    /// A call of a function.
    #[default]
    Function,
    /// A `with` block.
    Block,
    /// A call of `save`.
    Saved,
    /// A cell of a notebook.
    Cell,
}

/// One named result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The name that it is bound to; empty for a return value.
    pub name: String,
    /// How the payload turns into a value.
    pub codec: Codec,
    /// The bytes that the codec reads.
    pub payload: Part,
    /// Large buffers that the codec keeps out of the payload, in its order.
    pub buffers: Vec<Buffer>,
}

/// How a payload turns into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// A pickle of protocol 5, its buffers out of band.
    Pickle5,
    /// A pickle of an exception that was raised.
    Exception,
    /// A name that the block deleted: no payload.
    DeletedName,
    /// A pickle of what the computation did beside its result: text that it wrote, random states that
    /// it left, inputs that it changed.
    Effect,
    /// The record of a cell: see [`CellRecord`](crate::CellRecord).
    CellRecord,
    /// What a cell shows: a JSON list of outputs as notebooks keep them.
    Displays,
}

/// A buffer beside a payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buffer {
    /// Its bytes.
    pub part: Part,
    /// Whether the value's owner saw it as read-only.
    pub read_only: bool,
}

/// Bytes, in the entry or in a blob of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The bytes themselves.
    Inline(Vec<u8>),
    /// The name of a blob.
    Blob {
        /// The digest of the blob's bytes.
        digest: Digest,
        /// Their number.
        length: u64,
    },
}

/// Returns the sealed bytes of an entry.
pub fn seal(entry: &Entry, key: &SealKey) -> Vec<u8> {
    seal_record(RecordKind::Entry, &encode(entry), key)
}

/// Reads an entry that must be the one named `expected`. The seal is checked before the body is read.
pub fn open(bytes: &[u8], expected: &Key, key: &SealKey) -> Result<Entry, EnvelopeError> {
    let body = open_record(RecordKind::Entry, bytes, key)?;
    let entry = decode(body)?;
    if entry.key == *expected { Ok(entry) } else { Err(EnvelopeError::WrongKey) }
}

/// Returns the blobs that an entry names, whoever sealed it, without looking at the seal.
///
/// Only for keeping those blobs: a stranger may have written anything.
pub fn unverified_blobs(bytes: &[u8]) -> Result<Vec<Digest>, EnvelopeError> {
    let entry = decode(unverified_body(RecordKind::Entry, bytes)?)?;
    Ok(entry.blobs().map(|(digest, _)| digest).collect())
}

impl Entry {
    /// Returns the digest and length of each blob that the outputs name, repeats included.
    pub fn blobs(&self) -> impl Iterator<Item = (Digest, u64)> + '_ {
        let parts = self.outputs.iter().flat_map(|output| {
            std::iter::once(&output.payload).chain(output.buffers.iter().map(|buffer| &buffer.part))
        });
        parts.filter_map(|part| match part {
            Part::Inline(_) => None,
            Part::Blob { digest, length } => Some((*digest, *length)),
        })
    }
}

impl Part {
    /// Returns the number of bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Blob { length, .. } => *length,
        }
    }
}

impl Facts {
    /// Returns the facts as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut to = Writer::new();
        to.text(&self.name).u8(self.kind.number()).text(&self.place);
        to.u64(self.created_ms).u64(self.duration_ns);
        to.u8(self.expires_ms.is_some().into()).u64(self.expires_ms.unwrap_or(0));
        to.text(&self.python).text(&self.hozon).u64(self.more.len() as u64);
        for (label, text) in &self.more {
            to.text(label).text(text);
        }
        to.finish()
    }

    /// Reads facts from all of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut from = Reader::new(bytes);
        let facts = Self {
            name: from.text()?.to_owned(),
            kind: ComputationKind::from_number(from.u8()?).ok_or(WireError::BadValue)?,
            place: from.text()?.to_owned(),
            created_ms: from.u64()?,
            duration_ns: from.u64()?,
            expires_ms: read_expiry(&mut from)?,
            python: from.text()?.to_owned(),
            hozon: from.text()?.to_owned(),
            more: from.list(16, |from| Ok((from.text()?.to_owned(), from.text()?.to_owned())))?,
        };
        from.end()?;
        Ok(facts)
    }
}

impl ComputationKind {
    const fn number(self) -> u8 {
        match self {
            Self::Function => 0,
            Self::Block => 1,
            Self::Saved => 2,
            Self::Cell => 3,
        }
    }

    const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Function,
            1 => Self::Block,
            2 => Self::Saved,
            3 => Self::Cell,
            _ => return None,
        })
    }
}

impl Codec {
    const fn number(self) -> u16 {
        match self {
            Self::Pickle5 => 1,
            Self::Exception => 2,
            Self::DeletedName => 3,
            Self::Effect => 4,
            Self::CellRecord => 5,
            Self::Displays => 6,
        }
    }

    const fn from_number(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::Pickle5,
            2 => Self::Exception,
            3 => Self::DeletedName,
            4 => Self::Effect,
            5 => Self::CellRecord,
            6 => Self::Displays,
            _ => return None,
        })
    }
}

pub(crate) fn encode(entry: &Entry) -> Vec<u8> {
    let mut to = Writer::new();
    to.raw(entry.key.as_bytes()).bytes(&entry.facts.encode()).bytes(&entry.recipe).bytes(&entry.traces);
    to.u64(entry.outputs.len() as u64);
    for output in &entry.outputs {
        to.text(&output.name).u16(output.codec.number());
        write_part(&mut to, &output.payload);
        to.u64(output.buffers.len() as u64);
        for buffer in &output.buffers {
            to.u8(buffer.read_only.into());
            write_part(&mut to, &buffer.part);
        }
    }
    to.finish()
}

pub(crate) fn decode(body: &[u8]) -> Result<Entry, EnvelopeError> {
    let mut from = Reader::new(body);
    let entry = Entry {
        key: Key::from_digest(Digest::from_bytes(from.array()?)),
        facts: Facts::decode(from.bytes()?)?,
        recipe: from.bytes()?.to_vec(),
        traces: from.bytes()?.to_vec(),
        outputs: from.list(LEAST_OUTPUT_BYTES, read_output)?,
    };
    from.end()?;
    Ok(entry)
}

/// A name's length, the codec, an empty inline part, the count of buffers.
const LEAST_OUTPUT_BYTES: usize = 8 + 2 + LEAST_PART_BYTES + 8;
/// The tag and the length.
const LEAST_PART_BYTES: usize = 1 + 8;

fn read_output(from: &mut Reader<'_>) -> Result<Output, EnvelopeError> {
    let name = from.text()?.to_owned();
    let unknown = EnvelopeError::UnknownVersion { version: FORMAT_VERSION };
    let codec = Codec::from_number(from.u16()?).ok_or(unknown)?;
    let payload = read_part(from)?;
    let buffers = from.list(1 + LEAST_PART_BYTES, |from| {
        Ok::<_, EnvelopeError>(Buffer { read_only: from.flag()?, part: read_part(from)? })
    })?;
    Ok(Output { name, codec, payload, buffers })
}

fn write_part(to: &mut Writer, part: &Part) {
    match part {
        Part::Inline(bytes) => to.u8(0).bytes(bytes),
        Part::Blob { digest, length } => to.u8(1).raw(digest.as_bytes()).u64(*length),
    };
}

fn read_part(from: &mut Reader<'_>) -> Result<Part, WireError> {
    match from.u8()? {
        0 => Ok(Part::Inline(from.bytes()?.to_vec())),
        1 => Ok(Part::Blob { digest: Digest::from_bytes(from.array()?), length: from.u64()? }),
        _ => Err(WireError::BadValue),
    }
}

fn read_expiry(from: &mut Reader<'_>) -> Result<Option<u64>, WireError> {
    let has_one = from.flag()?;
    match (has_one, from.u64()?) {
        (true, at) => Ok(Some(at)),
        (false, 0) => Ok(None),
        (false, _) => Err(WireError::BadValue),
    }
}
