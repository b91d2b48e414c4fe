//! A system that lives in the process: nothing is on a disk, and time passes only by sleeping.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::memory_disk::{Disk, Fate, FileData, Node};
use crate::system::HeldLock;
use crate::{FileKind, LockAttempt, LockGuard, Mapping, NewFile, Stat, System};

/// A system that lives in the process. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<State>>);

#[derive(Debug, Clone, Default)]
struct State {
    disk: Disk,
    locks: BTreeSet<PathBuf>,
    elapsed: Duration,
    last_inode: u64,
    last_random: u64,
    /// How often the power has been cut.
    cuts: u64,
    /// How often the process was replaced by another one.
    restarts: u32,
}

/// When the clock starts, in Unix milliseconds: 2026-01-01.
const START_MS: u64 = 1_767_225_600_000;

impl Memory {
    /// Starts with an empty file system.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces the bytes of a file in place, as a careless or hostile program would.
    pub fn overwrite(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        state.put_file(path, 0o600, bytes.to_vec());
    }

    /// Returns the same machine as it is now, as one that goes its own way from here on.
    pub fn fork(&self) -> Self {
        Self(Arc::new(Mutex::new(self.state().clone())))
    }

    /// Returns this machine as it comes up again if the power fails now. What was not synced may be gone,
    /// there, in another order, or torn, as `fate` has it. This machine goes on.
    pub fn after_power_cut(&self, fate: Fate<'_>) -> Self {
        let mut state = self.state().clone();
        state.disk = state.disk.after_power_cut(fate);
        state.locks.clear();
        state.cuts += 1;
        Self(Arc::new(Mutex::new(state)))
    }

    /// Ends the process as a kill does: its locks are gone, and whoever uses this from now on is another one.
    pub fn restart_process(&self) {
        let mut state = self.state();
        state.locks.clear();
        state.restarts += 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn now_ns(&self) -> i64 {
        let elapsed = START_MS * 1_000_000 + u64::try_from(self.elapsed.as_nanos()).unwrap_or(0);
        elapsed.cast_signed()
    }

    fn put_file(&mut self, path: &Path, mode: u32, bytes: Vec<u8>) -> u64 {
        self.last_inode += 1;
        let (inode, now, size) = (self.last_inode, self.now_ns(), bytes.len() as u64);
        let stat = Stat { kind: FileKind::File, size, inode, modified_ns: now, changed_ns: now, mode };
        self.disk.files.insert(inode, FileData { bytes: Arc::new(bytes), synced: 0, stat });
        self.disk.set(path, Node::File(inode));
        inode
    }

    fn check_parent(&self, path: &Path) -> io::Result<()> {
        match path.parent().map(|parent| self.disk.node(parent)) {
            Some(Some(Node::Folder)) => Ok(()),
            Some(Some(Node::File(_))) => Err(io::ErrorKind::NotADirectory.into()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl System for Memory {
    fn read(&self, path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
        let state = self.state();
        let file = state.disk.file(path)?;
        let is_too_large = file.stat.size > most_bytes;
        if is_too_large { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(file.bytes.to_vec()) }
    }

    fn map(&self, path: &Path) -> io::Result<(Mapping, Stat)> {
        let state = self.state();
        state.disk.file(path).map(|file| (Mapping::copy_of(&file.bytes), file.stat))
    }

    fn open(&self, path: &Path) -> io::Result<(Box<dyn io::Read + Send>, Stat)> {
        let state = self.state();
        let file = state.disk.file(path)?;
        Ok((Box::new(io::Cursor::new(file.bytes.to_vec())), file.stat))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let state = self.state();
        match state.disk.node(path) {
            Some(Node::Folder) => {
                let (kind, mode, now) = (FileKind::Folder, 0o700, state.now_ns());
                Ok(Stat { kind, size: 0, inode: 0, modified_ns: now, changed_ns: now, mode })
            }
            _ => state.disk.file(path).map(|file| file.stat),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<(String, FileKind)>> {
        let state = self.state();
        match state.disk.node(folder) {
            Some(Node::Folder) => {}
            Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
            None => return Err(io::ErrorKind::NotFound.into()),
        }
        let kind = |node| if node == Node::Folder { FileKind::Folder } else { FileKind::File };
        Ok(state.disk.list(folder).into_iter().map(|(name, node)| (name, kind(node))).collect())
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        let ancestors: Vec<&Path> = folder.ancestors().collect();
        for ancestor in ancestors.into_iter().rev() {
            match state.disk.node(ancestor) {
                Some(Node::Folder) => {}
                Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => state.disk.set(ancestor, Node::Folder),
            }
        }
        Ok(())
    }

    fn create_shared_folder(&self, folder: &Path) -> io::Result<()> {
        self.create_folder(folder)
    }

    fn create_file(&self, path: &Path, mode: u32) -> io::Result<Box<dyn NewFile>> {
        let mut state = self.state();
        state.check_parent(path)?;
        if state.disk.node(path).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.put_file(path, mode, Vec::new());
        Ok(Box::new(MemoryFile { system: self.clone(), inode }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.disk.file(from)?;
        state.check_parent(to)?;
        if let Some(node) = state.disk.node(from) {
            state.disk.set(to, node);
            state.disk.remove(from);
        }
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.disk.file(from)?;
        state.check_parent(to)?;
        if state.disk.node(to).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if let Some(node) = state.disk.node(from) {
            state.disk.set(to, node);
        }
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.disk.file(path)?;
        state.disk.remove(path);
        Ok(())
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        let inode = self.stat(path)?.inode;
        self.state().disk.sync_file(inode);
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.stat(folder)?;
        self.state().disk.sync_folder(folder);
        Ok(())
    }

    fn try_lock(&self, path: &Path) -> io::Result<LockAttempt> {
        let mut state = self.state();
        state.check_parent(path)?;
        if !state.locks.insert(path.to_owned()) {
            return Ok(LockAttempt::Held);
        }
        let lock = MemoryLock { system: self.clone(), path: path.to_owned() };
        Ok(LockAttempt::Won(LockGuard(Box::new(lock))))
    }

    fn can_write(&self, folder: &Path) -> bool {
        self.state().disk.node(folder) == Some(Node::Folder)
    }

    fn is_network_mount(&self, _path: &Path) -> bool {
        false
    }

    fn disk_bytes(&self, _path: &Path) -> Option<u64> {
        None
    }

    fn free_bytes(&self, _path: &Path) -> Option<u64> {
        None
    }

    fn is_own(&self, _path: &Path) -> Option<bool> {
        None
    }

    fn is_native(&self) -> bool {
        false
    }

    fn now_ms(&self) -> u64 {
        START_MS + u64::try_from(self.state().elapsed.as_millis()).unwrap_or(0)
    }

    fn monotonic(&self) -> Duration {
        self.state().elapsed
    }

    fn sleep(&self, time: Duration) {
        self.state().elapsed += time;
        std::thread::yield_now();
    }

    /// Numbers in a row: enough to tell files apart, and the same in every run.
    fn fill_random(&self, bytes: &mut [u8]) -> io::Result<()> {
        let mut state = self.state();
        state.last_random += 1;
        bytes.fill(0);
        bytes.iter_mut().zip(state.last_random.to_le_bytes()).for_each(|(to, from)| *to = from);
        Ok(())
    }

    fn process_id(&self) -> u32 {
        std::process::id() + self.state().restarts
    }

    /// A machine that came up again is another realm.
    fn process_realm(&self) -> u64 {
        self.state().cuts
    }

    fn process_lives(&self, id: u32) -> bool {
        id == self.process_id()
    }

    fn boot(&self) -> u64 {
        self.state().cuts + 1
    }
}

struct MemoryFile {
    system: Memory,
    inode: u64,
}

impl NewFile for MemoryFile {
    fn write_all(&mut self, more: &[u8]) -> io::Result<()> {
        let mut state = self.system.state();
        let file = state.disk.files.get_mut(&self.inode).ok_or(io::ErrorKind::NotFound)?;
        Arc::make_mut(&mut file.bytes).extend_from_slice(more);
        file.stat.size = file.bytes.len() as u64;
        Ok(())
    }

    fn age_stamp(&mut self) -> io::Result<u64> {
        Ok(self.inode)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.system.state().disk.sync_file(self.inode);
        Ok(())
    }

    fn close(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryLock {
    system: Memory,
    path: PathBuf,
}

impl HeldLock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.system.state().locks.remove(&self.path);
    }
}
