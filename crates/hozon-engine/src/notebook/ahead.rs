//! Cells that run ahead of their turn, in processes of their own.
//!
//! The runner alone says what a cell gives, in the order of the cells. Here, stale cells run early whose
//! inputs are all known, and their results are stored under a key that no look-up of a cell makes. When the
//! cell's turn comes and what its run looked at is still the same, the runner takes the result over; else the
//! cell runs as if nobody had tried. While a cell runs ahead, it may do nothing that is seen outside of its
//! process: see [`CellToRun::is_ahead`](super::CellToRun).

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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

impl Job {
    fn needs(&self) -> Vec<usize> {
        self.effects.iter().map(|(cell, _)| *cell).collect()
    }

    /// Tells whether it can run in a process that has had these effects: no others than it needs.
    fn fits(&self, effects: &[usize]) -> bool {
        self.effects.len() >= effects.len()
            && self.effects.iter().zip(effects).all(|((needed, _), had)| needed == had)
    }
}

/// The processes that run cells ahead, and the cells that are to begin.
pub(super) struct Ahead {
    most: usize,
    shared: Arc<Shared>,
    workers: Vec<Worker>,
    /// Threads whose process is to end, or has.
    ending: Vec<JoinHandle<()>>,
    sender: Sender<Done>,
    done: Receiver<Done>,
    next_number: usize,
    /// Why no process can be started: nobody tries twice.
    is_unstartable: bool,
    /// What was tried in this run, successfully or not.
    tried: HashSet<Key>,
    finished: HashMap<Key, Result<CellRun, ExecutorError>>,
}

struct Worker {
    number: usize,
    stopper: Arc<dyn Stopper>,
    thread: JoinHandle<()>,
}

struct Done {
    key: Key,
    run: Result<CellRun, ExecutorError>,
}

/// So many cells wait for each process, so that it has something to do while the runner is busy.
const MOST_WAITING: usize = 4;

impl Ahead {
    /// `most` processes may be at work at one time beside the runner's own.
    pub(super) fn new(most: usize) -> Self {
        let (sender, done) = channel();
        Self {
            most,
            shared: Arc::default(),
            workers: vec![],
            ending: vec![],
            sender,
            done,
            next_number: 0,
            is_unstartable: false,
            tried: HashSet::new(),
            finished: HashMap::new(),
        }
    }

    /// How many more cells are wanted.
    pub(super) fn wants(&self) -> usize {
        if self.is_unstartable {
            return 0;
        }
        (self.most * MOST_WAITING).saturating_sub(self.shared.state().queue.len())
    }

    pub(super) fn was_tried(&self, key: &Key) -> bool {
        self.tried.contains(key)
    }

    pub(super) fn is_running(&self, key: &Key) -> bool {
        self.shared.state().at_work.iter().any(|it| it.running.is_some_and(|(_, running)| running == *key))
    }

    /// A cell has its turn: what has not begun of it does not begin any more, and what runs of it with
    /// other inputs than those of this key is stopped.
    pub(super) fn has_turn(&mut self, cell: usize, key: &Key) {
        let mut state = self.shared.state();
        state.queue.retain(|job| job.cell.cell != cell);
        let is_other = |it: &&AtWork| it.running.is_some_and(|(of, other)| of == cell && other != *key);
        let stopped: Vec<usize> = state.at_work.iter().filter(is_other).map(|it| it.number).collect();
        drop(state);
        let workers = self.workers.iter().filter(|worker| stopped.contains(&worker.number));
        workers.for_each(|worker| worker.stopper.interrupt());
    }

    /// What came of a cell, once.
    pub(super) fn take(&mut self, key: &Key) -> Option<Result<CellRun, ExecutorError>> {
        while let Ok(done) = self.done.try_recv() {
            self.finished.insert(done.key, done.run);
        }
        self.finished.remove(key)
    }

    /// Waits a moment for a cell that runs. True: one has ended.
    pub(super) fn wait(&mut self) -> bool {
        let done = self.done.recv_timeout(TICK);
        done.map(|done| self.finished.insert(done.key, done.run)).is_ok()
    }

    /// Has cells begin, as soon as there are processes for them. `more` is one where the runner's own process
    /// does nothing meanwhile.
    pub(super) fn begin(
        &mut self,
        jobs: Vec<Job>,
        more: usize,
        start: &mut dyn FnMut() -> Result<Box<dyn Executor>, String>,
    ) {
        self.tried.extend(jobs.iter().map(|job| job.key));
        let mut state = self.shared.state();
        state.queue.extend(jobs);
        state.allowed = self.most + more;
        drop(state);
        self.shared.changed.notify_all();
        for _ in 0..self.most + more {
            if !self.start_one(start) {
                break;
            }
        }
    }

    /// Starts a process if a cell waits for one, and dismisses one that cannot run it.
    fn start_one(&mut self, start: &mut dyn FnMut() -> Result<Box<dyn Executor>, String>) -> bool {
        self.prune();
        let mut state = self.shared.state();
        let idle = |it: &&AtWork| it.running.is_none();
        let has_fitting = |job: &Job| state.at_work.iter().filter(idle).any(|it| job.fits(&it.effects));
        let lacks = state.queue.iter().any(|job| !has_fitting(job));
        if !lacks || self.is_unstartable {
            return false;
        }
        if state.at_work.len() >= state.allowed {
            let fits_none = |it: &AtWork| state.queue.iter().all(|job| !job.fits(&it.effects));
            let unfit = state.at_work.iter().position(|it| it.running.is_none() && fits_none(it));
            let Some(at) = unfit else { return false };
            state.at_work.remove(at);
            self.shared.changed.notify_all();
        }
        drop(state);
        self.start(start)
    }

    fn start(&mut self, start: &mut dyn FnMut() -> Result<Box<dyn Executor>, String>) -> bool {
        let Ok(executor) = start() else {
            self.is_unstartable = true;
            return false;
        };
        let number = self.next_number;
        self.next_number += 1;
        self.shared.state().at_work.push(AtWork { number, running: None, effects: vec![] });
        let stopper = executor.stopper();
        let (shared, done) = (self.shared.clone(), self.sender.clone());
        let thread = std::thread::spawn(move || serve(executor, number, &shared, &done));
        self.workers.push(Worker { number, stopper, thread });
        true
    }

    /// Takes note of processes that are at work no more.
    fn prune(&mut self) {
        let state = self.shared.state();
        let is_at_work = |worker: &Worker| state.at_work.iter().any(|it| it.number == worker.number);
        let (staying, leaving) = std::mem::take(&mut self.workers).into_iter().partition(is_at_work);
        self.workers = staying;
        self.ending.extend(leaving.into_iter().map(|worker: Worker| worker.thread));
    }

    /// Ends all processes. `wants_on` says whether the person has patience with what still runs.
    pub(super) fn end(mut self, wants_on: &mut dyn FnMut() -> bool) {
        let mut state = self.shared.state();
        state.is_over = true;
        let running: Vec<usize> =
            state.at_work.iter().filter(|it| it.running.is_some()).map(|it| it.number).collect();
        drop(state);
        self.shared.changed.notify_all();
        let is_running = |worker: &&Worker| running.contains(&worker.number);
        self.workers.iter().filter(is_running).for_each(|worker| worker.stopper.interrupt());
        for tick in 0.. {
            if self.shared.state().at_work.iter().all(|it| it.running.is_none()) {
                break;
            }
            if tick >= PATIENCE || (tick >= PATIENCE_AFTER_INTERRUPT && !wants_on()) {
                self.workers.iter().for_each(|worker| worker.stopper.kill());
            }
            self.wait();
        }
        let threads = self.workers.into_iter().map(|worker| worker.thread).chain(self.ending);
        // A thread that has panicked has nothing to give.
        threads.for_each(|thread| drop(thread.join()));
    }
}

/// What the runner and the threads of the processes both know.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    at_work: Vec<AtWork>,
    /// So many cells may run at one time.
    allowed: usize,
    is_over: bool,
}

/// A process that is not dismissed.
struct AtWork {
    number: usize,
    running: Option<(usize, Key)>,
    /// The cells whose effects it has had, in their order.
    effects: Vec<usize>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next cell for a process, waited for; none once it is dismissed.
    fn next(&self, number: usize) -> Option<Job> {
        let mut state = self.state();
        loop {
            let own = state.at_work.iter().position(|it| it.number == number).filter(|_| !state.is_over)?;
            let running = state.at_work.iter().filter(|it| it.running.is_some()).count();
            let fits = |job: &Job| job.fits(&state.at_work[own].effects);
            let at = state.queue.iter().position(fits).filter(|_| running < state.allowed);
            if let Some(job) = at.and_then(|at| state.queue.remove(at)) {
                state.at_work[own].running = Some((job.cell.cell, job.key));
                return Some(job);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes that a cell has ended. `stays` says whether the process is there for others.
    fn ended(&self, number: usize, effects: Vec<usize>, stays: bool) {
        let mut state = self.state();
        if let Some(own) = state.at_work.iter_mut().find(|it| it.number == number) {
            own.running = None;
            own.effects = effects;
        }
        if !stays {
            state.at_work.retain(|it| it.number != number);
        }
        drop(state);
        self.changed.notify_all();
    }
}

fn serve(mut executor: Box<dyn Executor>, number: usize, shared: &Shared, done: &Sender<Done>) {
    let mut had = 0;
    while let Some(job) = shared.next(number) {
        let (key, needed) = (job.key, job.needs());
        let effects = job.effects[had..].iter().map(|(_, entry)| Step::Effects { entry: *entry });
        let steps: Vec<Step> = effects.chain(job.steps).collect();
        had = needed.len();
        let brought = executor.reset().and_then(|()| executor.restore(&steps));
        let run = brought.and_then(|()| executor.run(&job.cell));
        let stays = leaves_nothing(&run);
        // First what came of it: who sees that it does not run any more looks for that.
        let is_heard = done.send(Done { key, run }).is_ok();
        shared.ended(number, needed, stays);
        if !stays || !is_heard {
            break;
        }
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
    store.put_bound(&entry, Some(&known))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_say_so_reach_out() {
        assert!(says_that_it_reaches_out("df.to_csv('out.csv')"));
        assert!(says_that_it_reaches_out("import subprocess"));
        assert!(!says_that_it_reaches_out("df = pd.read_csv('in.csv')"));
    }
}
