//! One benchmark for each thing that a layer does on the way of a call. `run.py` counts its instructions,
//! with valgrind: `make bench-micro`.
//!
//! The name of a benchmark says how much is done. What is measured runs in [`measured`] and nowhere else, after
//! it has run once: what is made at first use is no part of it. Nothing here uses a second thread or touches the
//! disk, and what is random (the seeds of hash maps) is run often enough to even out, so that the counts are the
//! same every time, within a tenth of a percent.

use std::hint::black_box;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hozon_engine::{FileObserver, KnownFiles, Observer, TracedLookup, look_up, put_traced};
use hozon_format::{Codec, Digest, Facts, Key, SealKey, Tag, ValueWriter, open, seal};
use hozon_key::{Base, Node, NodeKind, Place, Seen, Subject, decode, encode, key};
use hozon_store::{Lookup, NewBuffer, NewEntry, NewOutput, Store};
use hozon_syntax::{Dialect, analyse, read_notebook};
use hozon_sys::{Memory, System};

/// What `run.py` looks for. The instructions in here are counted, each time it is left.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
}

/// Runs the benchmarks and prints how often each was run, and its name, in the order in which they were measured.
struct Bench<W: Write> {
    out: W,
}

impl<W: Write> Bench<W> {
    fn measure<T>(&mut self, layer: &str, name: &str, work: impl FnMut() -> T) -> io::Result<()> {
        self.measure_often(1, layer, name, work)
    }

    fn measure_often<T>(
        &mut self,
        times: u32,
        layer: &str,
        name: &str,
        mut work: impl FnMut() -> T,
    ) -> io::Result<()> {
        black_box(work());
        measured(&mut || (0..times).for_each(|_| drop(black_box(work()))));
        writeln!(self.out, "{times}\t{layer}: {name}")
    }
}

fn main() -> io::Result<()> {
    let mut bench = Bench { out: io::stdout().lock() };
    format(&mut bench)?;
    recipes(&mut bench)?;
    syntax(&mut bench)?;
    store(&mut bench)?;
    engine(&mut bench)
}

fn format<W: Write>(bench: &mut Bench<W>) -> io::Result<()> {
    let bytes = vec![7; 1 << 20];
    bench.measure("format", "digest of 1 MiB, one thread", || Digest::of(&bytes))?;
    let mut writer = ValueWriter::new();
    bench.measure("format", "value: list of 10 000 ints", || {
        writer.begin(Tag::List);
        (0..10_000).for_each(|number| writer.int(number));
        writer.end();
        writer.take_digest(0)
    })?;
    bench.measure("format", "value: 1 000 dicts of 3 items", || nested_dicts(&mut writer))?;
    let (entry, seal_key) = (sealed_entry(), SealKey::from_bytes([7; 32]));
    let sealed = seal(&entry, &seal_key);
    bench.measure("format", "entry of 20 parts and 1 KiB, sealed", || seal(&entry, &seal_key))?;
    bench.measure("format", "the same, opened", || open(&sealed, &entry.key, &seal_key).is_ok())
}

fn nested_dicts(writer: &mut ValueWriter) -> Digest {
    writer.begin(Tag::List);
    for number in 0..1000 {
        writer.begin(Tag::Dict);
        writer.text("number");
        writer.int(number);
        writer.text("half");
        writer.float(number as f64 / 2.0);
        writer.text("name");
        writer.text("a name of some length");
        writer.end();
    }
    writer.end();
    writer.take_digest(0)
}

fn sealed_entry() -> hozon_format::Entry {
    let recipe = recipe(20);
    let payload = hozon_format::Part::Inline(vec![1; 1024]);
    let output =
        hozon_format::Output { name: String::new(), codec: Codec::Pickle5, payload, buffers: vec![] };
    let key = key(&recipe);
    hozon_format::Entry {
        key,
        facts: facts(),
        recipe: encode(&recipe),
        traces: vec![],
        outputs: vec![output],
    }
}

fn facts() -> Facts {
    Facts {
        name: "features.clean".to_owned(),
        place: "features.py:12".to_owned(),
        created_ms: 1_700_000_000_000,
        duration_ns: 1_000_000,
        python: "3.11.4".to_owned(),
        hozon: "0.1.0".to_owned(),
        ..Facts::default()
    }
}

/// A recipe of so many definitions, each with its text and a value that it reads.
fn recipe(parts: u64) -> Node {
    let mut code = Node::new(NodeKind::Group, "code");
    let mut values = Node::new(NodeKind::Group, "values");
    for number in 0..parts {
        let digest = Digest::of(&number.to_le_bytes());
        let definition = Node::leaf(NodeKind::Helper, format!("features.helper_{number}"), digest);
        let text = format!("def helper_{number}(x):\n    return x * RATE_{number}\n");
        let reads = Node::reference(number, format!("RATE_{number}"));
        code.children.push(definition.with_place("features.py:12").with_text(text).with_child(reads));
        let value = Node::leaf(NodeKind::Value, format!("features.RATE_{number}"), digest);
        values.children.push(value.with_shown(hozon_key::Shown::new("0.5")));
    }
    Node::new(NodeKind::Computation, "").with_child(code).with_child(values)
}

fn recipes<W: Write>(bench: &mut Bench<W>) -> io::Result<()> {
    let recipe = recipe(100);
    let encoded = encode(&recipe);
    bench.measure("key", "recipe of 100 definitions and values, its key", || key(&recipe))?;
    bench.measure("key", "the same, encoded", || encode(&recipe))?;
    bench.measure("key", "the same, decoded", || decode(&encoded).is_ok())
}

const MODULE: &str = include_str!("module.py.txt");

/// The cells of a notebook: each reads what the one before it has made.
fn notebook() -> String {
    let cell = |number: usize| {
        format!(
            "# %%\ntable_{} = clean(table_{number}, rate={number})\ntable_{} .head()\n",
            number + 1,
            number + 1
        )
    };
    let cells: String = (0..30).map(cell).collect();
    format!("# %%\nimport pandas as pd\n\ndef clean(x, rate):\n    return x * rate\n\ntable_0 = 1\n{cells}")
}

fn syntax<W: Write>(bench: &mut Bench<W>) -> io::Result<()> {
    bench.measure("syntax", "a module of 430 lines: definitions and digests", || {
        analyse(MODULE, Dialect::Python).map(|module| module.definitions().len())
    })?;
    let notebook = notebook();
    bench.measure("syntax", "a notebook of 31 cells: names and order", || {
        read_notebook(&notebook, "notebook.py").map(|notebook| notebook.cells.len())
    })
}

fn opened() -> (Memory, Store) {
    let memory = Memory::new();
    let seal_key = SealKey::from_bytes([7; 32]);
    let store = Store::open(Arc::new(memory.clone()), Path::new("/project/.hozon"), seal_key);
    (memory, store.expect("a store in memory opens"))
}

fn numbered_key(number: u64) -> Key {
    Key::from_digest(Digest::of(&number.to_le_bytes()))
}

fn new_entry<'a>(key: Key, recipe: Vec<u8>, buffers: Vec<NewBuffer<'a>>) -> NewEntry<'a> {
    let output =
        NewOutput { name: String::new(), codec: Codec::Pickle5, payload: vec![1; 1024].into(), buffers };
    NewEntry { key, facts: facts(), recipe, traces: vec![], outputs: vec![output], known: None, most: None }
}

fn store<W: Write>(bench: &mut Bench<W>) -> io::Result<()> {
    let (_memory, store) = opened();
    let recipe = encode(&recipe(20));
    bench.measure("store", "put of 1 KiB", || {
        store.put(new_entry(numbered_key(0), recipe.clone(), vec![])).map(|stored| stored.entry_bytes).ok()
    })?;
    bench.measure("store", "hit of 1 KiB", || matches!(store.get(&numbered_key(0)), Lookup::Hit(_)))?;
    bench.measure("store", "miss", || matches!(store.get(&numbered_key(1)), Lookup::Miss(_)))?;
    let buffer = vec![7; 128 * 1024];
    bench.measure("store", "put of 128 KiB that are stored already", || {
        let buffers = vec![NewBuffer { bytes: &buffer, read_only: false }];
        store.put(new_entry(numbered_key(2), recipe.clone(), buffers)).is_ok()
    })?;
    bench.measure("store", "hit of 128 KiB, checked before", || match store.get(&numbered_key(2)) {
        Lookup::Hit(entry) => store.part(&entry.outputs[0].buffers[0].part).is_ok(),
        Lookup::Miss(_) => false,
    })
}

/// So many files that a computation has read, and when nobody has written to them for long.
fn files(memory: &Memory, count: u32) -> io::Result<Vec<Subject>> {
    memory.create_folder(Path::new("/project/data"))?;
    let file = |number: u32| {
        let name = format!("data/{number}.csv");
        memory.overwrite(&Path::new("/project").join(&name), name.as_bytes());
        Subject::File(Place { base: Base::Project, path: name.into_bytes() })
    };
    let files = (0..count).map(file).collect();
    memory.sleep(Duration::from_secs(60));
    Ok(files)
}

/// Look-ups have hash maps, each with its own seed.
const TIMES: u32 = 32;

fn engine<W: Write>(bench: &mut Bench<W>) -> io::Result<()> {
    let (memory, store) = opened();
    let subjects = files(&memory, 50)?;
    let known = KnownFiles::new(Arc::new(memory.clone()), Arc::new(memory.clone()));
    let mut other = |_: &Subject| Digest::of(&[]);
    let project = Path::new("/project");
    let mut observer = FileObserver { files: &known, project, working_directory: None, other: &mut other };
    let missing = numbered_key(9);
    bench.measure_often(TIMES, "engine", "look-up that misses", || {
        matches!(look_up(&store, &missing, "work", &mut observer), TracedLookup::Miss(_))
    })?;
    for (parts, seen) in [(20, &[][..]), (21, &subjects)] {
        let recipe = recipe(parts);
        let known = key(&recipe);
        let seen: Vec<Seen> = seen.iter().map(|subject| observer.observe(subject, None)).collect();
        let name = format!("look-up that hits, {} files read", seen.len());
        put_traced(&store, new_entry(known, vec![], vec![]), recipe, seen, |_| {})
            .map_err(io::Error::other)?;
        bench.measure_often(TIMES, "engine", &name, || {
            matches!(look_up(&store, &known, "work", &mut observer), TracedLookup::Hit(..))
        })?;
    }
    Ok(())
}
