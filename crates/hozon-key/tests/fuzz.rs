//! Mutated bytes of every format: never a panic, no more memory than the bytes can stand for, and what is
//! accepted is written again as it was read.
//!
//! `make fuzz` goes on for as long as it is told.
#![expect(clippy::disallowed_macros, reason = "it tells what it has counted")]
#![expect(clippy::disallowed_methods, reason = "it is told how long to go on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Instant;

use fastrand::Rng;
use hozon_format::{
    Acceptance, AcceptedDefinition, BlobCheck, Buffer, CellRecord, Codec, Digest, Entry, Facts, FileStamp,
    GroupRecord, Key, NameKind, NameRecord, Output, Part, Root, SealKey, TraceRecord, open, seal,
    unverified_blobs,
};
use hozon_key::{
    Base, Node, NodeKind, Place, Seen, StatusPart, Subject, TraceSet, decode, decode_trace_sets, encode,
    encode_trace_sets,
};

/// Notes the largest allocation of each thread.
struct Noting;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "an allocator is unsafe by nature")]
// SAFETY: every call is handed on as it is.
unsafe impl GlobalAlloc for Noting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(layout.size())));
        // SAFETY: the caller's promises are those that are asked for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Noting = Noting;

const SEAL: [u8; 32] = [7; 32];
/// Inputs for each format in every run.
const INPUTS: u64 = 200_000;
const MOST_BYTES: usize = 4096;
/// No format takes more memory at once for input of `MOST_BYTES`: far below 64 MiB, and above what lists of
/// small items unfold to.
const MOST_MEMORY: usize = 2 << 20;
const CORPUS: usize = 64;

/// Reads bytes as a format and tells whether they were accepted. Whatever is accepted has to be written again
/// as it was read, which this checks.
type Format = fn(&[u8]) -> bool;

fn sealing() -> SealKey {
    SealKey::from_bytes(SEAL)
}

fn digest() -> Digest {
    Digest::of(b"key")
}

/// Puts a body into an envelope whose seal holds: only so do hostile bytes come past it.
fn envelope(magic: &[u8; 8], body: &[u8]) -> Vec<u8> {
    let mut header = magic.to_vec();
    header.extend(1_u16.to_le_bytes());
    header.extend(sealing().id());
    header.extend((body.len() as u64).to_le_bytes());
    let mut hasher = blake3::Hasher::new_keyed(&SEAL);
    hasher.update(b"hozon 2026 sealed envelope v1\0").update(&header).update(body);
    [&header[..], hasher.finalize().as_bytes(), body].concat()
}

fn body_of(envelope: &[u8]) -> Vec<u8> {
    envelope[58..].to_vec()
}

fn entry() -> Entry {
    let part = |inline: bool| match inline {
        true => Part::Inline(b"payload".to_vec()),
        false => Part::Blob { digest: digest(), length: 9000 },
    };
    let output = |codec, inline| Output {
        name: "x".into(),
        codec,
        payload: part(inline),
        buffers: vec![Buffer { part: part(!inline), read_only: inline }],
    };
    let more = vec![("accepted".to_owned(), "yes".to_owned())];
    Entry {
        key: Key::from_digest(digest()),
        facts: Facts { name: "work".into(), expires_ms: Some(5), more, ..Facts::default() },
        recipe: recipe_bytes(),
        traces: trace_bytes(),
        outputs: vec![output(Codec::Pickle5, true), output(Codec::Displays, false)],
    }
}

fn recipe_bytes() -> Vec<u8> {
    let leaf = |kind, label: &str| Node::leaf(kind, label, digest()).with_shown("1").with_place("a.py:1");
    let root = Node::new(NodeKind::Computation, "work")
        .with_child(leaf(NodeKind::Code, "").with_text("def f(): pass"))
        .with_child(Node::new(NodeKind::Group, "values").with_child(leaf(NodeKind::Value, "x")));
    encode(&root)
}

fn trace_bytes() -> Vec<u8> {
    let place = || Place { base: Base::Project, path: b"data/a.csv".to_vec() };
    let subjects = [
        Subject::File(place()),
        Subject::Directory(place()),
        Subject::Status(place(), StatusPart::All),
        Subject::Written(place()),
        Subject::Appended(place(), 9),
        Subject::Environment("HOME".into()),
        Subject::WholeEnvironment,
        Subject::RandomState("numpy".into()),
        Subject::Definition(place(), "f".into()),
        Subject::Loaded { module: "m".into(), name: "n".into() },
        Subject::Sharing,
        Subject::Version(place()),
    ];
    let stamp = Some(FileStamp { inode: 1, size: 2, modified_ns: 3, changed_ns: 4 });
    let seen = |subject: &Subject| Seen { subject: subject.clone(), digest: digest(), stamp };
    let set = TraceSet { seen: subjects.iter().map(seen).collect() };
    encode_trace_sets(&[set.clone(), TraceSet { seen: set.seen[..2].to_vec() }])
}

fn cell_bytes() -> Vec<u8> {
    let name = |name: &str, kind| NameRecord {
        name: name.into(),
        digest: Some(digest()),
        kind,
        deferred: vec!["g".into()],
        shown: "int".into(),
    };
    let group = GroupRecord {
        names: vec!["a".into()],
        needs: vec!["C".into()],
        uses_inputs: true,
        shares: vec!["s".into()],
        pattern: Some(digest()),
    };
    let record = CellRecord {
        names: vec![
            name("a", NameKind::Value { group: 0 }),
            name("m", NameKind::Module { module: "os".into() }),
            name("z", NameKind::Live { why: "open".into() }),
        ],
        deleted: vec!["d".into()],
        groups: vec![group],
        random: vec![("numpy".into(), digest())],
        variables: vec![("V".into(), digest())],
        ..CellRecord::default()
    };
    record.encode()
}

fn acceptance() -> Acceptance {
    let definition = AcceptedDefinition {
        kind: 1,
        label: "f".into(),
        digest: digest(),
        place: "a.py:1".into(),
        by: "ada".into(),
        when_ms: 5,
        difference: "-a\n+b".into(),
    };
    Acceptance { name: "work".into(), definitions: vec![definition], reached: Some(vec![digest()]) }
}

/// Makes bytes of a format that are accepted.
type Sample = fn() -> Vec<u8>;

const FORMATS: [(&str, Sample, Format); 10] = [
    (
        "envelope",
        || seal(&entry(), &sealing()),
        |bytes| {
            let _ = unverified_blobs(bytes);
            open(bytes, &Key::from_digest(digest()), &sealing()).is_ok()
        },
    ),
    (
        "entry",
        || body_of(&seal(&entry(), &sealing())),
        |body| {
            let envelope = envelope(b"hozonENT", body);
            let opened = open(&envelope, &Key::from_digest(digest()), &sealing());
            opened.is_ok_and(|entry| written_again(&seal(&entry, &sealing()), &envelope))
        },
    ),
    (
        "facts",
        || Facts::default().encode(),
        |bytes| Facts::decode(bytes).is_ok_and(|facts| written_again(&facts.encode(), bytes)),
    ),
    (
        "root",
        || body_of(&Root { name: "r".into(), key: Key::from_digest(digest()), set_ms: 5 }.seal(&sealing())),
        |body| {
            let envelope = envelope(b"hozonROT", body);
            let opened = Root::open(&envelope, &Root::file_name("r"), &sealing());
            opened.is_ok_and(|root| written_again(&root.seal(&sealing()), &envelope))
        },
    ),
    (
        "note",
        || {
            let stamp = FileStamp { inode: 1, size: 2, modified_ns: 3, changed_ns: 4 };
            body_of(&BlobCheck { digest: digest(), stamp, boot: 5 }.seal(&sealing()))
        },
        |body| {
            let envelope = envelope(b"hozonCHK", body);
            let opened = BlobCheck::open(&envelope, &digest(), &sealing());
            opened.is_ok_and(|note| written_again(&note.seal(&sealing()), &envelope))
        },
    ),
    (
        "list of traces",
        || {
            let key = Key::from_digest(digest());
            body_of(&TraceRecord { key, name: "work".into(), sets: trace_bytes() }.seal(&sealing()))
        },
        |body| {
            let envelope = envelope(b"hozonTRC", body);
            let opened = TraceRecord::open(&envelope, &Key::from_digest(digest()), &sealing());
            opened.is_ok_and(|record| written_again(&record.seal(&sealing()), &envelope))
        },
    ),
    (
        "acceptance",
        || body_of(&acceptance().seal(&sealing())),
        |body| {
            let envelope = envelope(b"hozonACC", body);
            let opened = Acceptance::open(&envelope, &Acceptance::file_name("work"), &sealing());
            opened.is_ok_and(|acceptance| written_again(&acceptance.seal(&sealing()), &envelope))
        },
    ),
    ("cell record", cell_bytes, |bytes| {
        CellRecord::decode(bytes).is_ok_and(|record| written_again(&record.encode(), bytes))
    }),
    ("recipe", recipe_bytes, |bytes| decode(bytes).is_ok_and(|node| written_again(&encode(&node), bytes))),
    ("trace sets", trace_bytes, |bytes| {
        decode_trace_sets(bytes).is_ok_and(|sets| written_again(&encode_trace_sets(&sets), bytes))
    }),
];

/// Two spellings of one record would be two names for one thing.
fn written_again(written: &[u8], read: &[u8]) -> bool {
    assert_eq!(written, read, "what was accepted is not written as it was read");
    true
}

/// Numbers that lengths and counts go wrong at.
const NUMBERS: [u64; 10] =
    [0, 1, 2, u64::MAX, u64::MAX - 1, 1 << 31, 1 << 32, 1 << 63, (1 << 63) - 1, u32::MAX as u64];

fn mutate(bytes: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    for _ in 0..=rng.usize(0..3) {
        let at = rng.usize(0..=bytes.len());
        match rng.u32(0..9) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, rng.u8(..)),
            2 if at < bytes.len() => drop(bytes.remove(at)),
            3 | 4 if at < bytes.len() => bytes[at] ^= 1 << rng.u32(0..8),
            5 if at < bytes.len() => bytes[at] = rng.u8(..),
            6 if at + 8 <= bytes.len() => {
                bytes[at..at + 8].copy_from_slice(&NUMBERS[rng.usize(0..NUMBERS.len())].to_le_bytes());
            }
            7 => {
                let from = rng.usize(0..=other.len());
                let to = from + rng.usize(0..=(other.len() - from).min(64));
                drop(bytes.splice(at..at, other[from..to].iter().copied()));
            }
            8 if at + 2 <= bytes.len() => {
                let end = at + rng.usize(0..=(bytes.len() - at).min(40));
                let piece = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            _ => bytes.push(rng.u8(..)),
        }
    }
    bytes.truncate(MOST_BYTES);
}

/// Feeds mutated bytes to a format until `is_enough`. Returns how many, and how many were accepted.
fn fuzz(first: Vec<u8>, format: Format, seed: u64, is_enough: &dyn Fn(u64) -> bool) -> (u64, u64) {
    assert!(format(&first), "the sample itself has to be accepted");
    let mut rng = Rng::with_seed(seed);
    let mut corpus = vec![first];
    let (mut inputs, mut accepted) = (0, 0);
    while !is_enough(inputs) {
        let mut bytes = corpus[rng.usize(0..corpus.len())].clone();
        let other = &corpus[rng.usize(0..corpus.len())];
        mutate(&mut bytes, other, &mut rng);
        LARGEST.set(0);
        let is_accepted = format(&bytes);
        assert!(LARGEST.get() <= MOST_MEMORY, "{} bytes at once, of {bytes:02x?}", LARGEST.get());
        if is_accepted {
            accepted += 1;
            let place = rng.usize(1..=CORPUS);
            if place < corpus.len() { corpus[place] = bytes } else { corpus.push(bytes) }
        }
        inputs += 1;
    }
    (inputs, accepted)
}

#[test]
fn mutated_bytes_of_every_format_are_refused_or_read_as_what_they_are() {
    let seconds: Option<u64> = std::env::var("SECONDS_OF_SOAK").ok().and_then(|seconds| seconds.parse().ok());
    let seed = std::env::var("HOZON_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    for (name, sample, format) in FORMATS {
        let began = Instant::now();
        let share = seconds.map(|seconds| seconds as f64 / FORMATS.len() as f64);
        let is_enough = |inputs: u64| match share {
            // The clock is asked now and then.
            Some(share) => inputs.is_multiple_of(1024) && began.elapsed().as_secs_f64() >= share,
            None => inputs >= INPUTS,
        };
        let (inputs, accepted) = fuzz(sample(), format, seed, &is_enough);
        println!("bar 6: {name}: {inputs} inputs, {accepted} accepted, seed {seed}");
        assert!(
            accepted > 0 || name == "envelope",
            "{name}: mutations that are accepted show that it gets far"
        );
    }
}

#[test]
fn every_length_that_lies_is_refused_before_memory_is_taken() {
    for (name, sample, format) in FORMATS {
        let bytes = sample();
        for at in 0..bytes.len().saturating_sub(7) {
            for number in NUMBERS {
                let mut changed = bytes.clone();
                changed[at..at + 8].copy_from_slice(&number.to_le_bytes());
                LARGEST.set(0);
                format(&changed);
                assert!(LARGEST.get() <= MOST_MEMORY, "{name}: {} bytes for {number} at {at}", LARGEST.get());
            }
        }
    }
}
