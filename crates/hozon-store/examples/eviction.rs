//! A year of use, simulated: what the policy of eviction saves beside LRU, FIFO and two that know the future.
//!
//! Prints JSON: for each bound and policy, the seconds that hits have saved. The notebooks, edits, sizes and times
//! are drawn from the distributions that `docs/eviction.md` states.
#![expect(clippy::disallowed_macros, reason = "a program that prints")]

use std::collections::{BTreeSet, HashMap};

use fastrand::Rng;
use hozon_format::{Digest, Key};
use hozon_store::Simulation;

const RUNS: usize = 10_000;
const NOTEBOOKS: usize = 8;
const CELLS: usize = 30;
/// Parts of all bytes that were ever stored.
const BOUNDS: [f64; 6] = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1];

/// A result that a run asks for.
#[derive(Clone, Copy)]
struct Request {
    item: usize,
    run: usize,
}

#[derive(Clone, Copy)]
struct Item {
    seconds: f64,
    bytes: u64,
}

struct Year {
    items: Vec<Item>,
    requests: Vec<Request>,
}

fn normal(random: &mut Rng) -> f64 {
    let (one, other) = (1.0 - random.f64(), random.f64());
    (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
}

/// A place from 0 on, the first ones most often.
fn zipf(random: &mut Rng, of: usize) -> usize {
    let weights = (1..=of).map(|place| 1.0 / place as f64);
    let mut at = random.f64() * weights.clone().sum::<f64>();
    weights
        .take_while(|weight| {
            at -= weight;
            at > 0.0
        })
        .count()
        .min(of - 1)
}

/// A cell of a notebook: it reads some cells before it, and keeps its nature over edits.
struct Cell {
    reads: Vec<usize>,
    seconds: f64,
    bytes: f64,
    version: usize,
    versions: usize,
}

impl Year {
    fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let mut year = Self { items: Vec::new(), requests: Vec::new() };
        let mut notebooks: Vec<Vec<Cell>> =
            (0..NOTEBOOKS).map(|_| (0..CELLS).map(|place| Cell::new(place, &mut random)).collect()).collect();
        let mut known: HashMap<Vec<usize>, usize> = HashMap::new();
        for run in 0..RUNS {
            let number = zipf(&mut random, NOTEBOOKS);
            edit(&mut notebooks[number], &mut random);
            year.run(number, &notebooks[number], run, &mut known, &mut random);
            if random.f64() < 0.03 {
                year.sweep(run, &mut random);
            }
        }
        year
    }

    /// Every cell is asked for; it is another result if it, or anything that it reads, was edited.
    fn run(
        &mut self,
        notebook: usize,
        cells: &[Cell],
        run: usize,
        known: &mut HashMap<Vec<usize>, usize>,
        random: &mut Rng,
    ) {
        let mut behind: Vec<BTreeSet<usize>> = Vec::new();
        for (place, cell) in cells.iter().enumerate() {
            let mut all: BTreeSet<usize> = cell.reads.iter().flat_map(|read| behind[*read].clone()).collect();
            all.insert(place);
            let mut recipe = vec![notebook, place];
            recipe.extend(all.iter().map(|read| cells[*read].version));
            let item = *known.entry(recipe).or_insert_with(|| {
                let vary = |random: &mut Rng| (0.3 * normal(random)).exp();
                let (seconds, bytes) = (cell.seconds * vary(random), cell.bytes * vary(random));
                self.items.push(Item { seconds, bytes: bytes as u64 + 500 });
                self.items.len() - 1
            });
            self.requests.push(Request { item, run });
            behind.push(all);
        }
    }

    /// A parameter is tried out: many results, hardly any of them ever asked for again.
    fn sweep(&mut self, run: usize, random: &mut Rng) {
        let (seconds, bytes) = (log_normal(random, 1.0, 1.5), log_normal(random, 1e6, 1.5));
        for _ in 0..random.usize(20..200) {
            let item = self.items.len();
            self.items.push(Item { seconds, bytes: bytes as u64 + 500 });
            self.requests.push(Request { item, run });
            if random.f64() < 0.02 {
                self.requests.push(Request { item, run });
            }
        }
    }

    fn footprint(&self) -> u64 {
        self.items.iter().map(|item| item.bytes).sum()
    }

    /// What would be saved if nothing ever went.
    fn most(&self) -> f64 {
        let mut seen = vec![false; self.items.len()];
        let again = self.requests.iter().filter(|request| std::mem::replace(&mut seen[request.item], true));
        again.map(|request| self.items[request.item].seconds).sum()
    }

    /// For each request, when its item is asked for next.
    fn next(&self) -> Vec<usize> {
        let mut last = vec![usize::MAX; self.items.len()];
        let mut next = vec![usize::MAX; self.requests.len()];
        for (at, request) in self.requests.iter().enumerate().rev() {
            next[at] = std::mem::replace(&mut last[request.item], at);
        }
        next
    }

    /// No policy can save more (PFOO-U, Berger and others, 2018): an item that is to be a hit takes its bytes
    /// from one request to the next, and all of them together have the bound times the length of the year.
    fn upper_bound(&self, bound: u64) -> f64 {
        let next = self.next();
        let mut holds: Vec<(f64, f64)> = Vec::new();
        for (at, request) in self.requests.iter().enumerate().filter(|(at, _)| next[*at] != usize::MAX) {
            let item = self.items[request.item];
            if item.bytes <= bound {
                holds.push((item.bytes as f64 * (next[at] - at) as f64, item.seconds));
            }
        }
        holds.sort_by(|one, other| (other.1 / other.0).total_cmp(&(one.1 / one.0)));
        let mut room = bound as f64 * self.requests.len() as f64;
        let mut saved = 0.0;
        for (takes, seconds) in holds {
            let part = (room / takes).min(1.0);
            saved += seconds * part;
            room -= takes * part;
            if room <= 0.0 {
                break;
            }
        }
        saved
    }
}

fn log_normal(random: &mut Rng, median: f64, sigma: f64) -> f64 {
    median * (sigma * normal(random)).exp()
}

impl Cell {
    fn new(place: usize, random: &mut Rng) -> Self {
        let mut reads: Vec<usize> = Vec::new();
        for _ in 0..random.usize(1..=2).min(place) {
            // Mostly of what stands right before.
            reads.push(place - 1 - zipf(random, place));
        }
        let (seconds, bytes) = (log_normal(random, 0.5, 2.0), log_normal(random, 200e3, 2.5));
        Self { reads, seconds, bytes, version: 0, versions: 1 }
    }
}

/// Half of the runs come after an edit, mostly of a late cell; one edit in five goes back to an earlier version.
fn edit(cells: &mut [Cell], random: &mut Rng) {
    if random.f64() < 0.5 {
        let place = cells.len() - 1 - zipf(random, cells.len());
        let cell = &mut cells[place];
        if random.f64() < 0.2 {
            cell.version = random.usize(0..cell.versions);
        } else {
            cell.version = cell.versions;
            cell.versions += 1;
        }
    }
}

/// A policy, by what it is told.
trait Policy {
    fn hit(&mut self, item: usize, at: usize);
    fn put(&mut self, item: usize, of: Item, at: usize);
    fn evict(&mut self, most: u64) -> Vec<usize>;
    fn end_run(&mut self) {}
}

/// The product's own.
struct Product {
    books: Simulation,
    used: Vec<Key>,
    items: HashMap<Key, usize>,
}

fn key(item: usize) -> Key {
    Key::from_digest(Digest::of(&(item as u64).to_le_bytes()))
}

impl Policy for Product {
    fn hit(&mut self, item: usize, _: usize) {
        self.used.push(key(item));
    }

    fn put(&mut self, item: usize, of: Item, _: usize) {
        self.items.insert(key(item), item);
        self.books.put(key(item), "cell", of.seconds, of.bytes).expect("memory");
    }

    fn evict(&mut self, most: u64) -> Vec<usize> {
        self.end_run();
        self.books.evict(most).expect("memory").iter().map(|key| self.items[key]).collect()
    }

    fn end_run(&mut self) {
        self.books.record_uses(self.used.drain(..)).expect("memory");
    }
}

/// Whatever has the least number goes first.
struct Ordered<F: Fn(usize, Item, usize, bool) -> Option<f64>> {
    order: BTreeSet<(u64, usize)>,
    places: HashMap<usize, (u64, Item)>,
    bytes: u64,
    number: F,
}

impl<F: Fn(usize, Item, usize, bool) -> Option<f64>> Ordered<F> {
    fn new(number: F) -> Self {
        Self { order: BTreeSet::new(), places: HashMap::new(), bytes: 0, number }
    }

    fn place(&mut self, item: usize, of: Item, number: f64) {
        // Positive numbers are ordered as their bits are.
        let place = number.max(0.0).to_bits();
        if let Some((earlier, _)) = self.places.insert(item, (place, of)) {
            self.order.remove(&(earlier, item));
        } else {
            self.bytes += of.bytes;
        }
        self.order.insert((place, item));
    }
}

impl<F: Fn(usize, Item, usize, bool) -> Option<f64>> Policy for Ordered<F> {
    fn hit(&mut self, item: usize, at: usize) {
        let (_, of) = self.places[&item];
        if let Some(number) = (self.number)(item, of, at, true) {
            self.place(item, of, number);
        }
    }

    fn put(&mut self, item: usize, of: Item, at: usize) {
        let number = (self.number)(item, of, at, false).unwrap_or(0.0);
        self.place(item, of, number);
    }

    fn evict(&mut self, most: u64) -> Vec<usize> {
        let mut gone = Vec::new();
        while self.bytes > most
            && let Some((_, item)) = self.order.pop_first()
        {
            let (_, of) = self.places.remove(&item).expect("it has a place");
            self.bytes -= of.bytes;
            gone.push(item);
        }
        gone
    }
}

/// Plays the year; returns the seconds saved.
fn play(year: &Year, bound: u64, policy: &mut dyn Policy) -> f64 {
    let mut stored = vec![false; year.items.len()];
    let (mut bytes, mut saved, mut run) = (0_u64, 0.0, 0);
    for (at, request) in year.requests.iter().enumerate() {
        let of = year.items[request.item];
        if request.run != run {
            run = request.run;
            policy.end_run();
        }
        if stored[request.item] {
            saved += of.seconds;
            policy.hit(request.item, at);
            continue;
        }
        stored[request.item] = true;
        bytes += of.bytes;
        policy.put(request.item, of, at);
        if bytes > bound {
            for gone in policy.evict(bound - bound / 10) {
                stored[gone] = false;
                bytes -= year.items[gone].bytes;
            }
            assert!(bytes <= bound, "the bound does not hold");
        }
    }
    saved
}

fn main() {
    let year = Year::new(7);
    let next = year.next();
    let most = year.most();
    let footprint = year.footprint();
    let reused: BTreeSet<usize> = (0..year.requests.len())
        .filter(|at| next[*at] != usize::MAX)
        .map(|at| year.requests[at].item)
        .collect();
    println!(
        "{{\"runs\": {RUNS}, \"requests\": {}, \"items\": {}, \"reused\": {}, \"bytes\": {footprint}, \"seconds\": {most}}}",
        year.requests.len(),
        year.items.len(),
        reused.len(),
    );
    for part in BOUNDS {
        let bound = (footprint as f64 * part) as u64;
        let worth_ahead = |_: usize, of: Item, at: usize, _: bool| match next[at] {
            usize::MAX => Some(0.0),
            next => Some(of.seconds / of.bytes as f64 / (next - at) as f64),
        };
        let product =
            Product { books: Simulation::new().expect("memory"), used: vec![], items: HashMap::new() };
        let mut policies: Vec<(&str, Box<dyn Policy + '_>)> = vec![
            ("hozon", Box::new(product)),
            ("LRU", Box::new(Ordered::new(|_, _, at, _| Some(at as f64)))),
            ("FIFO", Box::new(Ordered::new(|_, _, at, hit| (!hit).then_some(at as f64)))),
            (
                "seconds per byte",
                Box::new(Ordered::new(|_, of: Item, _, _| Some(of.seconds / of.bytes as f64))),
            ),
            ("clairvoyant", Box::new(Ordered::new(worth_ahead))),
        ];
        for (name, policy) in &mut policies {
            let saved = play(&year, bound, &mut **policy);
            println!("{{\"policy\": \"{name}\", \"part\": {part}, \"bound\": {bound}, \"saved\": {saved}}}");
        }
        let saved = year.upper_bound(bound).min(most);
        println!("{{\"policy\": \"upper bound\", \"part\": {part}, \"bound\": {bound}, \"saved\": {saved}}}");
    }
}
