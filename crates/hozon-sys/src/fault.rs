//! A system whose chosen calls fail.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::{FileKind, LockAttempt, Mapping, NewFile, Stat, System};

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
}

#[derive(Debug, Default)]
struct Plan {
    calls: AtomicU64,
    failing: Mutex<Option<(Range<u64>, io::ErrorKind)>>,
}

impl Plan {
    fn fail(&self, calls: Range<u64>, kind: io::ErrorKind) {
        self.calls.store(0, Ordering::SeqCst);
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = Some((calls, kind));
    }

    fn heal(&self) {
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn step(&self) -> io::Result<()> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        match &*self.failing.lock().unwrap_or_else(PoisonError::into_inner) {
            Some((calls, kind)) if calls.contains(&call) => Err((*kind).into()),
            _ => Ok(()),
        }
    }
}

impl<S: System> Fault<S> {
    /// Wraps `inner`; nothing fails yet.
    pub fn new(inner: S) -> Self {
        Self { inner, reads: Arc::default(), writes: Arc::default(), clock_off_ms: Arc::default() }
    }

    /// Makes the calls that change something fail whose number, counted from now on, is in `calls`.
    pub fn fail_writes(&self, calls: Range<u64>, kind: io::ErrorKind) {
        self.writes.fail(calls, kind);
    }

    /// Makes the calls that read fail whose number, counted from now on, is in `calls`.
    pub fn fail_reads(&self, calls: Range<u64>, kind: io::ErrorKind) {
        self.reads.fail(calls, kind);
    }

    /// Makes the time of day that much later, or earlier, than it is. Times of files stay what they are.
    pub fn set_clock_off(&self, by_ms: i64) {
        self.clock_off_ms.store(by_ms, Ordering::SeqCst);
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
}

impl<S: System> System for Fault<S> {
    fn read(&self, path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
        self.reads.step()?;
        self.inner.read(path, most_bytes)
    }

    fn map(&self, path: &Path) -> io::Result<(Mapping, Stat)> {
        self.reads.step()?;
        self.inner.map(path)
    }

    fn open(&self, path: &Path) -> io::Result<(Box<dyn io::Read + Send>, Stat)> {
        self.reads.step()?;
        let (file, stat) = self.inner.open(path)?;
        Ok((Box::new(FaultyRead { file, reads: Arc::clone(&self.reads) }), stat))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.reads.step()?;
        self.inner.stat(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<(String, FileKind)>> {
        self.reads.step()?;
        self.inner.list(folder)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.writes.step()?;
        self.inner.create_folder(folder)
    }

    fn create_shared_folder(&self, folder: &Path) -> io::Result<()> {
        self.writes.step()?;
        self.inner.create_shared_folder(folder)
    }

    fn create_file(&self, path: &Path, mode: u32) -> io::Result<Box<dyn NewFile>> {
        self.writes.step()?;
        let file = self.inner.create_file(path, mode)?;
        Ok(Box::new(FaultyFile { file, writes: Arc::clone(&self.writes) }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.writes.step()?;
        self.inner.rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.writes.step()?;
        self.inner.link(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.writes.step()?;
        self.inner.remove_file(path)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.writes.step()?;
        self.inner.sync_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.writes.step()?;
        self.inner.sync_folder(folder)
    }

    fn try_lock(&self, path: &Path) -> io::Result<LockAttempt> {
        self.writes.step()?;
        self.inner.try_lock(path)
    }

    fn can_write(&self, folder: &Path) -> bool {
        self.writes.step().is_ok() && self.inner.can_write(folder)
    }

    fn is_network_mount(&self, path: &Path) -> bool {
        self.inner.is_network_mount(path)
    }

    fn disk_bytes(&self, path: &Path) -> Option<u64> {
        self.inner.disk_bytes(path)
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
}

impl NewFile for FaultyFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        // A full disk takes a part: the first half is written.
        self.writes.step().or_else(|error| {
            self.file.write_all(&bytes[..bytes.len() / 2])?;
            Err(error)
        })?;
        self.file.write_all(bytes)
    }

    fn age_stamp(&mut self) -> io::Result<u64> {
        self.writes.step()?;
        self.file.age_stamp()
    }

    fn sync(&mut self) -> io::Result<()> {
        self.writes.step()?;
        self.file.sync()
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        self.writes.step()?;
        self.file.close()
    }
}
