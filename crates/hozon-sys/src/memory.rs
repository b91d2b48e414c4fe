//! A system that lives in the process: nothing is on a disk, and time passes only by sleeping.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::system::HeldLock;
use crate::{FileKind, LockAttempt, LockGuard, Mapping, NewFile, Stat, System};

/// A system that lives in the process. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    nodes: BTreeMap<PathBuf, Node>,
    locks: BTreeSet<PathBuf>,
    elapsed: Duration,
    last_inode: u64,
    last_random: u64,
}

#[derive(Debug, Clone)]
enum Node {
    Folder,
    File { bytes: Vec<u8>, stat: Stat },
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
        let stat = state.new_stat(0o600, bytes.len());
        state.nodes.insert(path.to_owned(), Node::File { bytes: bytes.to_vec(), stat });
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

    fn new_stat(&mut self, mode: u32, length: usize) -> Stat {
        self.last_inode += 1;
        let (inode, now) = (self.last_inode, self.now_ns());
        Stat { kind: FileKind::File, size: length as u64, inode, modified_ns: now, changed_ns: now, mode }
    }

    fn file(&self, path: &Path) -> io::Result<(&Vec<u8>, Stat)> {
        match self.nodes.get(path) {
            Some(Node::File { bytes, stat }) => Ok((bytes, *stat)),
            Some(Node::Folder) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn check_parent(&self, path: &Path) -> io::Result<()> {
        match path.parent().map(|parent| self.nodes.get(parent)) {
            Some(Some(Node::Folder)) => Ok(()),
            Some(Some(Node::File { .. })) => Err(io::ErrorKind::NotADirectory.into()),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl System for Memory {
    fn read(&self, path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
        let state = self.state();
        let (bytes, stat) = state.file(path)?;
        if stat.size > most_bytes { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes.clone()) }
    }

    fn map(&self, path: &Path) -> io::Result<(Mapping, Stat)> {
        let state = self.state();
        state.file(path).map(|(bytes, stat)| (Mapping::copy_of(bytes), stat))
    }

    fn open(&self, path: &Path) -> io::Result<(Box<dyn io::Read + Send>, Stat)> {
        let state = self.state();
        let (bytes, stat) = state.file(path)?;
        Ok((Box::new(io::Cursor::new(bytes.clone())), stat))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let state = self.state();
        match state.nodes.get(path) {
            Some(Node::Folder) => {
                let (kind, mode, now) = (FileKind::Folder, 0o700, state.now_ns());
                Ok(Stat { kind, size: 0, inode: 0, modified_ns: now, changed_ns: now, mode })
            }
            _ => state.file(path).map(|(_, stat)| stat),
        }
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<(String, FileKind)>> {
        let state = self.state();
        match state.nodes.get(folder) {
            Some(Node::Folder) => {}
            Some(Node::File { .. }) => return Err(io::ErrorKind::NotADirectory.into()),
            None => return Err(io::ErrorKind::NotFound.into()),
        }
        let inside = state.nodes.iter().filter(|(path, _)| path.parent() == Some(folder));
        let named = inside.filter_map(|(path, node)| {
            let kind = if matches!(node, Node::Folder) { FileKind::Folder } else { FileKind::File };
            Some((path.file_name()?.to_str()?.to_owned(), kind))
        });
        Ok(named.collect())
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        for ancestor in folder.ancestors() {
            if let Node::File { .. } = state.nodes.entry(ancestor.to_owned()).or_insert(Node::Folder) {
                return Err(io::ErrorKind::NotADirectory.into());
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
        if state.nodes.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let stat = state.new_stat(mode, 0);
        state.nodes.insert(path.to_owned(), Node::File { bytes: Vec::new(), stat });
        Ok(Box::new(MemoryFile { system: self.clone(), path: path.to_owned() }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.file(from)?;
        state.check_parent(to)?;
        if let Some(node) = state.nodes.remove(from) {
            state.nodes.insert(to.to_owned(), node);
        }
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.file(from)?;
        state.check_parent(to)?;
        if state.nodes.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let node = state.nodes[from].clone();
        state.nodes.insert(to.to_owned(), node);
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.file(path)?;
        state.nodes.remove(path);
        Ok(())
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        self.stat(path).map(drop)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.stat(folder).map(drop)
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
        matches!(self.state().nodes.get(folder), Some(Node::Folder))
    }

    fn is_network_mount(&self, _path: &Path) -> bool {
        false
    }

    fn disk_bytes(&self, _path: &Path) -> Option<u64> {
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
        std::process::id()
    }

    fn process_realm(&self) -> u64 {
        0
    }

    fn process_lives(&self, id: u32) -> bool {
        id == std::process::id()
    }
}

struct MemoryFile {
    system: Memory,
    path: PathBuf,
}

impl NewFile for MemoryFile {
    fn write_all(&mut self, more: &[u8]) -> io::Result<()> {
        match self.system.state().nodes.get_mut(&self.path) {
            Some(Node::File { bytes, stat }) => {
                bytes.extend_from_slice(more);
                stat.size = bytes.len() as u64;
                Ok(())
            }
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn age_stamp(&mut self) -> io::Result<u64> {
        self.system.state().file(&self.path).map(|(_, stat)| stat.inode)
    }

    fn sync(&mut self) -> io::Result<()> {
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
