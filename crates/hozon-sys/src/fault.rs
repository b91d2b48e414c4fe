//! A system whose chosen calls fail, or that is another than it claims to be.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::naming::OpenFiles;
use crate::{FileKind, LockAttempt, Mapping, Naming, NewFile, Stat, System};

/// Wraps a system and makes chosen calls of it fail before they have an effect.
///
/// Calls that read and calls that change are counted apart, each from 0. Randomness and questions about
/// processes never fail, nor does the clock, which can be set.
#[derive(Debug, Clone)]
pub struct Fault<S> {
    inner: S,
    reads: Arc<Plan>,
    writes: Arc<Plan>,
    clock_off_ms: Arc<AtomicI64>,
    nature: Arc<Mutex<Nature>>,
    open: OpenFiles,
}

/// What the system is like, beside single failures.
#[derive(Debug, Clone, Copy, Default)]
struct Nature {
    naming: Naming,
    /// Whether there are no locks.
    lockless: bool,
    /// Syncs that claim to be done and are not.
    forgets: Forgets,
}

/// Which syncs are claimed to be done and are not: as of a disk that lies, or a store that leaves them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Forgets {
    /// None.
    #[default]
    Nothing,
    /// Those of files.
    Files,
    /// Those of folders.
    Folders,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// With an error of this kind.
    Kind(io::ErrorKind),
    /// With this number of the system.
    Errno(i32),
}

impl From<io::ErrorKind> for Failure {
    fn from(kind: io::ErrorKind) -> Self {
        Self::Kind(kind)
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Kind(kind) => kind.into(),
            Failure::Errno(errno) => Self::from_raw_os_error(errno),
        }
    }
}

/// Called before a call that changes something, with its number.
type Hook = dyn Fn(u64) + Send + Sync;

#[derive(Default)]
struct Plan {
    calls: AtomicU64,
    failing: Mutex<Option<(Range<u64>, Failure)>>,
    /// Whether a failing call has its effect all the same, as an answer that is lost on the network has.
    late: AtomicBool,
    hook: Mutex<Option<Arc<Hook>>>,
    has_hook: AtomicBool,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("calls", &self.calls).field("failing", &self.failing).finish()
    }
}

impl Plan {
    fn fail(&self, calls: Range<u64>, failure: Failure) {
        self.calls.store(0, Ordering::SeqCst);
        *lock(&self.failing) = Some((calls, failure));
    }

    fn heal(&self) {
        *lock(&self.failing) = None;
        self.late.store(false, Ordering::SeqCst);
    }

    fn step(&self) -> io::Result<()> {
        match self.next() {
            Some(failure) => Err(failure.into()),
            None => Ok(()),
        }
    }

    /// Counts a call and tells how it is to fail.
    fn next(&self) -> Option<Failure> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        self.tell(call);
        lock(&self.failing).as_ref().filter(|(calls, _)| calls.contains(&call)).map(|(_, failure)| *failure)
    }

    /// Does something that changes the system, unless it is to fail before it has an effect.
    fn change<T>(&self, change: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.next() {
            Some(failure) if self.late.load(Ordering::SeqCst) => {
                change()?;
                Err(failure.into())
            }
            Some(failure) => Err(failure.into()),
            None => change(),
        }
    }

    fn tell(&self, call: u64) {
        if self.has_hook.load(Ordering::SeqCst)
            && let Some(hook) = lock(&self.hook).clone()
        {
            hook(call);
        }
    }

    fn watch(&self, hook: Option<Arc<Hook>>) {
        self.calls.store(0, Ordering::SeqCst);
        self.has_hook.store(hook.is_some(), Ordering::SeqCst);
        *lock(&self.hook) = hook;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: System> Fault<S> {
    /// Wraps `inner`; nothing fails yet.
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            reads: Arc::default(),
            writes: Arc::default(),
            clock_off_ms: Arc::default(),
            nature: Arc::default(),
            open: Arc::default(),
        }
    }

    /// Makes the calls that change something fail whose number, counted from now on, is in `calls`.
    pub fn fail_writes(&self, calls: Range<u64>, failure: impl Into<Failure>) {
        self.writes.fail(calls, failure.into());
    }

    /// As [`Fault::fail_writes`], but the calls have their effect all the same.
    pub fn fail_writes_late(&self, calls: Range<u64>, failure: impl Into<Failure>) {
        self.fail_writes(calls, failure);
        self.writes.late.store(true, Ordering::SeqCst);
    }

    /// Makes the calls that read fail whose number, counted from now on, is in `calls`.
    pub fn fail_reads(&self, calls: Range<u64>, failure: impl Into<Failure>) {
        self.reads.fail(calls, failure.into());
    }

    /// Calls `hook` before each call that changes something, with its number, counted from now on; and in the
    /// middle of a write of bytes, when half of them are written. A hook may end the process.
    pub fn watch_writes(&self, hook: impl Fn(u64) + Send + Sync + 'static) {
        self.writes.watch(Some(Arc::new(hook)));
    }

    /// Calls no hook any more.
    pub fn unwatch(&self) {
        self.writes.watch(None);
    }

    /// Makes the time of day that much later, or earlier, than it is. Times of files stay what they are.
    pub fn set_clock_off(&self, by_ms: i64) {
        self.clock_off_ms.store(by_ms, Ordering::SeqCst);
    }

    /// Names files as another system does.
    pub fn set_naming(&self, naming: Naming) {
        lock(&self.nature).naming = naming;
    }

    /// Takes locks away: each try says that they do not work there.
    pub fn set_lockless(&self, lockless: bool) {
        lock(&self.nature).lockless = lockless;
    }

    /// Makes syncs claim to be done that are not.
    pub fn set_forgets(&self, forgets: Forgets) {
        lock(&self.nature).forgets = forgets;
    }

    /// Makes every call work again.
    pub fn heal(&self) {
        self.reads.heal();
        self.writes.heal();
    }

    /// Returns how many calls would have changed something since the last plan for them.
    pub fn write_calls(&self) -> u64 {
        self.writes.calls.load(Ordering::SeqCst)
    }

    /// Returns how many calls have read something since the last plan for them.
    pub fn read_calls(&self) -> u64 {
        self.reads.calls.load(Ordering::SeqCst)
    }

    fn nature(&self) -> Nature {
        *lock(&self.nature)
    }

    fn path(&self, path: &Path) -> io::Result<PathBuf> {
        self.nature().naming.path(path)
    }

    /// The path of a file that nobody has open.
    fn closed(&self, path: &Path) -> io::Result<PathBuf> {
        let naming = self.nature().naming;
        let path = naming.path(path)?;
        naming.check_closed(&path, &self.open).map(|()| path)
    }
}

impl<S: System> System for Fault<S> {
    fn read(&self, path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
        self.reads.step()?;
        self.inner.read(&self.path(path)?, most_bytes)
    }

    fn map(&self, path: &Path) -> io::Result<(Mapping, Stat)> {
        self.reads.step()?;
        let (mapping, stat) = self.inner.map(&self.path(path)?)?;
        Ok((mapping, self.nature().naming.stat(stat)))
    }

    fn open(&self, path: &Path) -> io::Result<(Box<dyn io::Read + Send>, Stat)> {
        self.reads.step()?;
        let (file, stat) = self.inner.open(path)?;
        Ok((Box::new(FaultyRead { file, reads: Arc::clone(&self.reads) }), stat))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.reads.step()?;
        self.inner.stat(&self.path(path)?).map(|stat| self.nature().naming.stat(stat))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<(String, FileKind)>> {
        self.reads.step()?;
        self.inner.list(&self.path(folder)?)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.writes.change(|| self.inner.create_folder(&self.path(folder)?))
    }

    fn create_shared_folder(&self, folder: &Path) -> io::Result<()> {
        self.writes.step()?;
        self.inner.create_shared_folder(folder)
    }

    fn create_file(&self, path: &Path, mode: u32) -> io::Result<Box<dyn NewFile>> {
        let path = self.path(path)?;
        let file = self.writes.change(|| self.inner.create_file(&path, mode))?;
        lock(&self.open).insert(path.clone());
        let open = OpenFile { path, open: Arc::clone(&self.open) };
        let (writes, nature) = (Arc::clone(&self.writes), self.nature());
        Ok(Box::new(FaultyFile { file, writes, nature, open }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.writes.change(|| self.inner.rename(&self.closed(from)?, &self.closed(to)?))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.writes.step()?;
        self.inner.link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.writes.change(|| self.inner.remove_file(&self.closed(path)?))
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.writes.step()?;
        match self.nature().forgets {
            Forgets::Files => Ok(()),
            _ => self.inner.sync_file(&self.path(path)?),
        }
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.writes.step()?;
        match self.nature().forgets {
            Forgets::Folders => Ok(()),
            _ => self.inner.sync_folder(&self.path(folder)?),
        }
    }

    fn try_lock(&self, path: &Path) -> io::Result<LockAttempt> {
        self.writes.step()?;
        match self.nature().lockless {
            true => Ok(LockAttempt::Unsupported),
            false => self.inner.try_lock(&self.path(path)?),
        }
    }

    fn can_write(&self, folder: &Path) -> bool {
        self.writes.step().is_ok() && self.path(folder).is_ok_and(|folder| self.inner.can_write(&folder))
    }

    fn is_network_mount(&self, path: &Path) -> bool {
        self.inner.is_network_mount(path)
    }

    fn disk_bytes(&self, path: &Path) -> Option<u64> {
        self.inner.disk_bytes(path)
    }

    fn free_bytes(&self, path: &Path) -> Option<u64> {
        self.inner.free_bytes(path)
    }

    fn is_own(&self, path: &Path) -> Option<bool> {
        self.inner.is_own(path)
    }

    fn is_native(&self) -> bool {
        self.inner.is_native()
    }

    fn now_ms(&self) -> u64 {
        self.inner.now_ms().saturating_add_signed(self.clock_off_ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.inner.monotonic()
    }

    fn sleep(&self, time: Duration) {
        self.inner.sleep(time);
    }

    fn fill_random(&self, bytes: &mut [u8]) -> io::Result<()> {
        self.inner.fill_random(bytes)
    }

    fn process_id(&self) -> u32 {
        self.inner.process_id()
    }

    fn process_realm(&self) -> u64 {
        self.inner.process_realm()
    }

    fn process_lives(&self, id: u32) -> bool {
        self.inner.process_lives(id)
    }

    fn boot(&self) -> u64 {
        self.inner.boot()
    }
}

struct FaultyRead {
    file: Box<dyn io::Read + Send>,
    reads: Arc<Plan>,
}

impl io::Read for FaultyRead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads.step()?;
        self.file.read(buffer)
    }
}

struct FaultyFile {
    file: Box<dyn NewFile>,
    writes: Arc<Plan>,
    nature: Nature,
    open: OpenFile,
}

/// A file that counts as open until this is dropped.
struct OpenFile {
    path: PathBuf,
    open: OpenFiles,
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        lock(&self.open).remove(&self.path);
    }
}

impl NewFile for FaultyFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        let stepped = self.writes.step();
        self.file.write_all(first)?;
        // A full disk takes a part: the first half is written.
        stepped?;
        self.writes.tell(self.writes.calls.load(Ordering::SeqCst).saturating_sub(1));
        self.file.write_all(second)
    }

    fn age_stamp(&mut self) -> io::Result<u64> {
        self.writes.step()?;
        let inode = self.file.age_stamp()?;
        Ok(if self.nature.naming == Naming::Windows { 0 } else { inode })
    }

    fn sync(&mut self) -> io::Result<()> {
        self.writes.step()?;
        if self.nature.forgets == Forgets::Files { Ok(()) } else { self.file.sync() }
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        self.writes.step()?;
        let Self { file, open, .. } = *self;
        drop(open);
        file.close()
    }
}
