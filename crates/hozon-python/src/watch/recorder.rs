//! The recorders of this process, and whose events are whose.
//!
//! A thread that runs watched computations tells all of its own recorders, so that what is nested
//! counts for what is around it; and those of other threads that were there before: one of them may
//! have given it its work. A thread that runs none (of a pool, of a native library) tells all recorders
//! of the process: nobody knows for whom it works, and one input too many is sound.
//!
//! Events come from hooks: on any thread, without the interpreter, in the middle of anything. So they
//! take no lock but [`SpinLock`]'s, and an event inside of an event (a signal) is only counted: a
//! computation during which events were missed has an unverifiable input.

use std::cell::Cell;
use std::sync::Once;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::lock::SpinLock;
use super::log::Log;

/// How many recorders are active: what a hook looks at first.
static ACTIVE: AtomicUsize = AtomicUsize::new(0);
/// How many events got lost.
static MISSED: AtomicUsize = AtomicUsize::new(0);
static RECORDERS: SpinLock<Vec<Recorder>> = SpinLock::new(Vec::new());
static LAST_NUMBER: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static THREAD: Cell<u64> = const { Cell::new(0) };
    static SUSPENDED: Cell<u32> = const { Cell::new(0) };
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// Whether the fork under way on this thread holds the lock.
    static FORKING: Cell<bool> = const { Cell::new(false) };
}

struct Recorder {
    number: u64,
    /// When it began or went on last: counted by the process.
    since: u64,
    thread: u64,
    active: bool,
    missed_before: usize,
    log: Log,
}

/// Holds off events that handling one event might cause.
pub(super) struct Inside(());

impl Inside {
    /// Begins an event on this thread; None where nobody listens.
    #[inline]
    pub(super) fn begin() -> Option<Self> {
        if ACTIVE.load(Ordering::Relaxed) == 0 { None } else { Self::begin_watched() }
    }

    #[cold]
    fn begin_watched() -> Option<Self> {
        if SUSPENDED.get() > 0 {
            return None;
        }
        if INSIDE.replace(true) {
            MISSED.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(Self(()))
    }

    /// As [`Inside::begin`], whether somebody listens or not: while the recorders themselves change.
    fn hold_off() -> Option<Self> {
        (!INSIDE.replace(true)).then_some(Self(()))
    }

    /// Tells the logs that an event of this thread concerns.
    pub(super) fn tell(&self, mut tell: impl FnMut(&mut Log)) {
        let me = this_thread();
        let told = RECORDERS.with(|recorders| {
            let first = first_of(recorders, me);
            let told = recorders.iter_mut().filter(|recorder| recorder.hears(me, first));
            told.for_each(|recorder| tell(&mut recorder.log));
        });
        if told.is_none() {
            MISSED.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Tells whether any log that an event of this thread concerns answers yes.
    pub(super) fn any(&self, mut asked: impl FnMut(&Log) -> bool) -> bool {
        let mut any = false;
        self.tell(|log| any = any || asked(log));
        any
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}

/// Tells whether an event of this thread would be recorded.
pub(super) fn listens() -> bool {
    ACTIVE.load(Ordering::Relaxed) != 0 && SUSPENDED.get() == 0
}

/// Starts a recorder for the computation that this thread begins. Returns its number.
pub(super) fn start() -> u64 {
    static FORKS: Once = Once::new();
    FORKS.call_once(forks::prepare);
    let number = LAST_NUMBER.fetch_add(1, Ordering::Relaxed) + 1;
    let missed_before = MISSED.load(Ordering::Relaxed);
    let (thread, log) = (this_thread(), Log::default());
    let recorder = Recorder { number, since: number, thread, active: true, missed_before, log };
    change(|recorders| recorders.push(recorder));
    number
}

/// Stops recording for a while.
pub(super) fn pause(number: u64) {
    change(|recorders| {
        if let Some(recorder) = find(recorders, number) {
            recorder.active = false;
        }
    });
}

/// Goes on recording, for this thread.
pub(super) fn resume(number: u64) {
    let me = this_thread();
    let since = LAST_NUMBER.fetch_add(1, Ordering::Relaxed) + 1;
    change(|recorders| {
        if let Some(recorder) = find(recorders, number) {
            (recorder.active, recorder.thread, recorder.since) = (true, me, since);
        }
    });
}

/// When of recorders that hear a thread: for results that are kept in memory without a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// The last of those that hear this thread now began or went on then; 0 for none.
    latest: u64,
    /// All that began or went on up to then, and are still at it, hear it.
    complete_to: u64,
}

impl Heard {
    /// Asks for this thread, now.
    #[inline]
    pub(crate) fn now() -> Self {
        if ACTIVE.load(Ordering::Relaxed) == 0 { Self { latest: 0, complete_to: 0 } } else { Self::asked() }
    }

    #[cold]
    fn asked() -> Self {
        let me = this_thread();
        let unknown = Self { latest: u64::MAX, complete_to: 0 };
        let Some(_inside) = Inside::hold_off() else { return unknown };
        let heard = RECORDERS.with(|recorders| {
            let first = first_of(recorders, me);
            let active = || recorders.iter().filter(|recorder| recorder.active);
            let hearing = active().filter(|recorder| recorder.hears(me, first));
            let deaf = active().filter(|recorder| !recorder.hears(me, first));
            Self {
                latest: hearing.map(|recorder| recorder.since).max().unwrap_or(0),
                complete_to: deaf.map(|recorder| recorder.since - 1).min().unwrap_or(u64::MAX - 1),
            }
        });
        heard.unwrap_or(unknown)
    }

    /// Tells whether all that hear now have heard what was done at `then`.
    ///
    /// A recorder that began after `then` has a number that was not given yet.
    pub(crate) fn knows(&self, then: &Done) -> bool {
        self.latest == 0 || self.latest <= then.0
    }

    /// Returns the mark of what is done now.
    pub(crate) fn done(&self) -> Done {
        Done(self.complete_to.min(LAST_NUMBER.load(Ordering::Relaxed)))
    }
}

/// The mark of something that was done: the recorders up to this number have heard it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Done(u64);

impl Recorder {
    /// Tells whether what a thread does concerns this recorder; `first` is when the thread's own first
    /// recorder began.
    fn hears(&self, thread: u64, first: Option<u64>) -> bool {
        self.active && first.is_none_or(|first| self.thread == thread || self.since < first)
    }
}

fn first_of(recorders: &[Recorder], thread: u64) -> Option<u64> {
    let own = recorders.iter().filter(|recorder| recorder.active && recorder.thread == thread);
    own.map(|recorder| recorder.since).min()
}

/// Ends a recorder and returns its log; None where a fork has left it behind.
pub(super) fn stop(number: u64) -> Option<Log> {
    let mut ended = None;
    change(|recorders| {
        let place = recorders.iter().position(|recorder| recorder.number == number);
        ended = place.map(|place| recorders.remove(place));
    });
    ended.map(|mut recorder| {
        if MISSED.load(Ordering::Relaxed) != recorder.missed_before {
            recorder.log.unverifiable("missed", "");
        }
        recorder.log
    })
}

/// Tells one recorder's log, active or not.
pub(super) fn tell_one(number: u64, tell: impl FnOnce(&mut Log)) {
    change(|recorders| {
        if let Some(recorder) = find(recorders, number) {
            tell(&mut recorder.log);
        }
    });
}

/// Lets nothing of this thread be recorded until [`resume_thread`] was called as often.
pub(super) fn suspend_thread() {
    SUSPENDED.set(SUSPENDED.get().saturating_add(1));
}

/// Takes back one [`suspend_thread`]. Returns whether it was the last.
pub(super) fn resume_thread() -> bool {
    SUSPENDED.set(SUSPENDED.get().saturating_sub(1));
    SUSPENDED.get() == 0
}

fn find(recorders: &mut [Recorder], number: u64) -> Option<&mut Recorder> {
    recorders.iter_mut().find(|recorder| recorder.number == number)
}

fn change(with: impl FnOnce(&mut Vec<Recorder>)) {
    let _inside = Inside::hold_off();
    RECORDERS.with(|recorders| {
        with(recorders);
        count_active(recorders);
    });
}

fn count_active(recorders: &[Recorder]) {
    ACTIVE.store(recorders.iter().filter(|recorder| recorder.active).count(), Ordering::Relaxed);
}

fn this_thread() -> u64 {
    if THREAD.get() == 0 {
        static LAST: AtomicU64 = AtomicU64::new(0);
        THREAD.set(LAST.fetch_add(1, Ordering::Relaxed) + 1);
    }
    THREAD.get()
}

/// A child keeps what its one thread had started: the others' computations are not running there.
#[cfg(unix)]
mod forks {
    use super::{ACTIVE, FORKING, Ordering, RECORDERS, count_active, this_thread};

    pub(super) fn prepare() {
        #[expect(unsafe_code, reason = "std cannot be told of forks")]
        // SAFETY: the handlers are plain functions of this library, which is never unloaded.
        unsafe {
            libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child));
        }
    }

    extern "C" fn before() {
        FORKING.set(RECORDERS.take());
    }

    extern "C" fn in_parent() {
        if FORKING.replace(false) {
            RECORDERS.give_back();
        }
    }

    extern "C" fn in_child() {
        if !FORKING.replace(false) {
            // The lock is stuck for ever, and what it guards may be half changed: nothing listens.
            ACTIVE.store(0, Ordering::Relaxed);
            return;
        }
        RECORDERS.give_back();
        let me = this_thread();
        RECORDERS.with(|recorders| {
            recorders.retain(|recorder| recorder.thread == me);
            count_active(recorders);
        });
    }
}

#[cfg(not(unix))]
mod forks {
    pub(super) fn prepare() {}
}
