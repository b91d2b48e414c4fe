//! Cells that run ahead of their turn, in processes of their own.
//!
//! The runner alone says what a cell gives, in the order of the cells. Here, stale cells run early whose
//! inputs are all known, and their results are stored under a key that no look-up of a cell makes. When the
//! cell's turn comes and what its run looked at is still the same, the runner takes the result over; else the
//! cell runs as if nobody had tried. While a cell runs ahead, it may do nothing that is seen outside of its
//! process: see [`CellToRun::is_ahead`](super::CellToRun).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use hozon_format::{CellRecord, Entry, Key};
use hozon_key::{Node, NodeKind, decode_trace_sets, encode, key, traced_key, traced_recipe};
use hozon_store::{Store, StoreError};

use super::executor::{CellRun, CellToRun, Executor, ExecutorError, RunEnd, Step, Stopper};
use crate::traced::list_traces;

/// How long nobody looks whether the person wants to stop.
const TICK: Duration = Duration::from_millis(50);

/// How many ticks a cell has to end that nobody waits for any more.
const PATIENCE: u32 = 100;

/// The same if the person wants to stop.
const PATIENCE_AFTER_INTERRUPT: u32 = 20;

/// The recipe of a cell that runs before its turn: no look-up of a cell makes its key.
pub(super) fn ahead_recipe(recipe: &Node) -> Node {
    Node::new(NodeKind::Computation, "ahead of its turn").with_child(recipe.clone())
}

/// A cell that is to run ahead.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) cell: CellToRun,
    /// Under which it is stored, and found at its turn.
    pub(super) key: Key,
    /// What brings its inputs.
    pub(super) steps: Vec<Step>,
    /// The earlier cells whose effects it needs, in their order, with the entries that keep these.
    pub(super) effects: Vec<(usize, Key)>,
}

/// The processes that run cells ahead.
pub(super) struct Ahead {
    most: usize,
    workers: Vec<Worker>,
    /// Threads whose process is to end, or has.
    ending: Vec<JoinHandle<()>>,
    sender: Sender<Done>,
    done: Receiver<Done>,
    next_number: usize,
    /// What was tried in this run, successfully or not.
    tried: HashSet<Key>,
    finished: HashMap<Key, Result<CellRun, ExecutorError>>,
}

struct Worker {
    number: usize,
    jobs: Sender<(Vec<Step>, CellToRun, Key)>,
    stopper: Arc<dyn Stopper>,
    thread: JoinHandle<()>,
    running: Option<(usize, Key)>,
    /// The cells whose effects its process has had, in their order.
    effects: Vec<usize>,
}

struct Done {
    worker: usize,
    key: Key,
    run: Result<CellRun, ExecutorError>,
}

impl Ahead {
    /// `most` processes may be at work at one time beside the runner's own.
    pub(super) fn new(most: usize) -> Self {
        let (sender, done) = channel();
        Self {
            most,
            workers: vec![],
            ending: vec![],
            sender,
            done,
            next_number: 0,
            tried: HashSet::new(),
            finished: HashMap::new(),
        }
    }

    /// How many more cells may begin. `more` is one where the runner's own process does nothing.
    pub(super) fn free(&mut self, more: usize) -> usize {
        while let Ok(done) = self.done.try_recv() {
            self.finish(done);
        }
        let running = self.workers.iter().filter(|worker| worker.running.is_some()).count();
        (self.most + more).saturating_sub(running)
    }

    pub(super) fn was_tried(&self, key: &Key) -> bool {
        self.tried.contains(key)
    }

    pub(super) fn is_running(&self, key: &Key) -> bool {
        self.workers.iter().any(|worker| worker.running.is_some_and(|(_, running)| running == *key))
    }

    /// Stops the run of a cell with any other key than this: its inputs have turned out otherwise.
    pub(super) fn stop_other(&self, cell: usize, key: &Key) {
        for worker in &self.workers {
            if worker.running.is_some_and(|(running, other)| running == cell && other != *key) {
                worker.stopper.interrupt();
            }
        }
    }

    /// What came of a cell, once.
    pub(super) fn take(&mut self, key: &Key) -> Option<Result<CellRun, ExecutorError>> {
        self.finished.remove(key)
    }

    /// Waits a moment for a cell that runs. True: one has ended.
    pub(super) fn wait(&mut self) -> bool {
        let done = self.done.recv_timeout(TICK);
        done.map(|done| self.finish(done)).is_ok()
    }

    /// Has a cell begin. Where no process can be started, it waits for its turn.
    pub(super) fn begin(&mut self, job: Job, start: &mut dyn FnMut() -> Result<Box<dyn Executor>, String>) {
        self.tried.insert(job.key);
        let needed: Vec<usize> = job.effects.iter().map(|(cell, _)| *cell).collect();
        let fits = |worker: &Worker| worker.running.is_none() && needed.starts_with(&worker.effects);
        let at = match self.workers.iter().position(fits) {
            Some(at) => at,
            None => {
                self.retire_one_that_idles();
                let Ok(executor) = start() else { return };
                self.workers.push(worker(executor, self.next_number, self.sender.clone()));
                self.next_number += 1;
                self.workers.len() - 1
            }
        };
        let worker = &mut self.workers[at];
        let missing = job.effects.iter().skip(worker.effects.len());
        let effects = missing.map(|(_, entry)| Step::Effects { entry: *entry });
        let steps = effects.chain(job.steps).collect();
        worker.effects = needed;
        let cell = job.cell.cell;
        if worker.jobs.send((steps, job.cell, job.key)).is_ok() {
            worker.running = Some((cell, job.key));
        }
    }

    /// A process that has had effects which the next cell must not find makes way.
    fn retire_one_that_idles(&mut self) {
        if let Some(at) = self.workers.iter().position(|worker| worker.running.is_none()) {
            self.retire(at);
        }
    }

    fn retire(&mut self, at: usize) {
        let Worker { thread, jobs, .. } = self.workers.remove(at);
        drop(jobs);
        self.ending.push(thread);
    }

    fn finish(&mut self, done: Done) {
        if let Some(at) = self.workers.iter().position(|worker| worker.number == done.worker) {
            self.workers[at].running = None;
            if !leaves_nothing(&done.run) {
                self.retire(at);
            }
        }
        self.finished.insert(done.key, done.run);
    }

    /// Ends all processes. `wants_on` says whether the person has patience with what still runs.
    pub(super) fn end(mut self, wants_on: &mut dyn FnMut() -> bool) {
        let running = |worker: &&Worker| worker.running.is_some();
        self.workers.iter().filter(running).for_each(|worker| worker.stopper.interrupt());
        for tick in 0.. {
            if !self.workers.iter().any(|worker| worker.running.is_some()) {
                break;
            }
            if tick >= PATIENCE || (tick >= PATIENCE_AFTER_INTERRUPT && !wants_on()) {
                self.workers.iter().for_each(|worker| worker.stopper.kill());
            }
            match self.done.recv_timeout(TICK) {
                Ok(done) => self.finish(done),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        while !self.workers.is_empty() {
            self.retire(0);
        }
        // A thread that has panicked has nothing to give.
        self.ending.into_iter().for_each(|thread| drop(thread.join()));
    }
}

/// Tells whether a process is after a run as it was before.
fn leaves_nothing(run: &Result<CellRun, ExecutorError>) -> bool {
    let Ok(run) = run else { return false };
    let CellRecord { random, variables, process, has_effects, only_by_running, .. } = &run.record;
    run.end == RunEnd::Done
        && run.entry.is_some()
        && !has_effects
        && !only_by_running
        && random.is_empty()
        && variables.is_empty()
        && process.is_empty()
}

fn worker(executor: Box<dyn Executor>, number: usize, done: Sender<Done>) -> Worker {
    let (jobs, given) = channel();
    let stopper = executor.stopper();
    let thread = std::thread::spawn(move || serve(executor, number, &given, &done));
    Worker { number, jobs, stopper, thread, running: None, effects: vec![] }
}

fn serve(
    mut executor: Box<dyn Executor>,
    number: usize,
    jobs: &Receiver<(Vec<Step>, CellToRun, Key)>,
    done: &Sender<Done>,
) {
    for (steps, cell, key) in jobs {
        let brought = executor.reset().and_then(|()| executor.restore(&steps));
        let run = brought.and_then(|()| executor.run(&cell));
        if done.send(Done { worker: number, key, run }).is_err() {
            break;
        }
    }
}

/// Stores the entry of a cell that ran ahead as that of the cell; `recipe` is what is known of it before it
/// runs.
pub(super) fn confirmed(store: &Store, ahead: Entry, recipe: &Node) -> Result<Entry, StoreError> {
    let sets = decode_trace_sets(&ahead.traces).unwrap_or_default();
    let known = key(recipe);
    let (own_key, recipe) = match sets.first() {
        Some(set) => (traced_key(&known, &set.seen), traced_recipe(recipe.clone(), &set.seen)),
        None => (known, recipe.clone()),
    };
    let entry = Entry { key: own_key, recipe: encode(&recipe), ..ahead };
    store.put_bound(&entry)?;
    list_traces(store, &known, &entry)?;
    Ok(entry)
}

/// Tells whether the text of a cell says that it writes, or starts something. Such a cell would be held up in
/// the middle if it ran ahead: it is not tried. What no text says is found when it happens.
pub(super) fn says_that_it_reaches_out(text: &str) -> bool {
    const WORDS: [&str; 22] = [
        ".to_csv(",
        ".to_parquet(",
        ".to_excel(",
        ".to_feather(",
        ".to_sql(",
        ".to_hdf(",
        "savefig(",
        ".save(",
        "savez",
        "savetxt(",
        "dump(",
        "write_text(",
        "write_bytes(",
        ".write(",
        ".write_",
        "mkdir(",
        "unlink(",
        "subprocess",
        "Popen",
        "requests.",
        "urlopen",
        "n_jobs",
    ];
    WORDS.iter().any(|word| text.contains(word))
}
