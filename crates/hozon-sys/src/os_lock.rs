//! Locks that die with their holder, on files that vanish at release.
#![expect(clippy::disallowed_methods, reason = "part of the seam")]

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::os::stat_of;
use crate::system::HeldLock;
use crate::{LockAttempt, LockGuard};

/// Invariant: only the holder of the lock on the file that `path` names removes that name. So a lock
/// counts only if, once it is held, `path` still names the locked file.
#[derive(Debug)]
struct OsLock {
    file: File,
    path: PathBuf,
    process: u32,
}

impl HeldLock for OsLock {}

impl Drop for OsLock {
    fn drop(&mut self) {
        // A forked child shares the parent's lock: to unlock here would end the parent's hold.
        if std::process::id() != self.process {
            return;
        }
        let _ = fs::remove_file(&self.path);
        // Not left to closing: a child that was forked meanwhile still has the file open.
        let _ = self.file.unlock();
    }
}

/// How often a file may be removed by its holder between our opening and locking it.
const MOST_TRIES: usize = 16;

pub(crate) fn try_lock(path: &Path) -> io::Result<LockAttempt> {
    for _ in 0..MOST_TRIES {
        let file = open_lock_file(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(LockAttempt::Held),
            Err(TryLockError::Error(error)) if locks_do_not_work(&error) => {
                return Ok(LockAttempt::Unsupported);
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if path_names_file(path, &file)? {
            let lock = OsLock { file, path: path.to_owned(), process: std::process::id() };
            return Ok(LockAttempt::Won(LockGuard(Box::new(lock))));
        }
    }
    Ok(LockAttempt::Held)
}

fn open_lock_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    }
    options.open(path)
}

#[cfg(unix)]
fn path_names_file(path: &Path, file: &File) -> io::Result<bool> {
    let opened = stat_of(&file.metadata()?);
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(stat_of(&metadata).inode == opened.inode),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// An open file keeps its name there.
#[cfg(not(unix))]
fn path_names_file(_path: &Path, file: &File) -> io::Result<bool> {
    stat_of(&file.metadata()?);
    Ok(true)
}

fn locks_do_not_work(error: &io::Error) -> bool {
    if error.kind() == io::ErrorKind::Unsupported {
        return true;
    }
    #[cfg(unix)]
    {
        let codes = [libc::ENOLCK, libc::EOPNOTSUPP, libc::ENOTSUP, libc::ENOSYS, libc::EINVAL];
        error.raw_os_error().is_some_and(|code| codes.contains(&code))
    }
    #[cfg(not(unix))]
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn won(path: &Path) -> Option<LockGuard> {
        match try_lock(path).unwrap() {
            LockAttempt::Won(guard) => Some(guard),
            LockAttempt::Held => None,
            LockAttempt::Unsupported => panic!("locks work in the tests"),
        }
    }

    #[test]
    fn one_holder_at_a_time_and_nothing_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lease");
        let first = won(&path).unwrap();
        assert!(won(&path).is_none());
        drop(first);
        assert!(fs::symlink_metadata(&path).is_err());
        assert!(won(&path).is_some());
    }

    #[test]
    fn threads_that_lock_and_release_at_random_never_hold_it_together() {
        use std::sync::atomic::{AtomicU32, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lease");
        let (inside, turns) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..3000 {
                        let Some(guard) = won(&path) else { continue };
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        turns.fetch_add(1, Ordering::SeqCst);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(guard);
                    }
                });
            }
        });
        assert!(turns.load(Ordering::SeqCst) > 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_place_of_the_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lease");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(try_lock(&path).is_err());
        assert!(fs::symlink_metadata(folder.path().join("elsewhere")).is_err());
    }

    /// Forks; the child drops `guard` and then lives for as long as the returned pipe end is open.
    #[cfg(unix)]
    #[expect(unsafe_code, reason = "std cannot fork")]
    fn child_that_drops(guard: LockGuard) -> (LockGuard, io::PipeWriter, libc::pid_t) {
        use std::io::{Read, Write};
        let (mut told, mut tell) = io::pipe().unwrap();
        let (mut ends, end) = io::pipe().unwrap();
        // SAFETY: the child only frees memory, reads and writes pipes, and leaves without unwinding.
        let child = unsafe { libc::fork() };
        if child == 0 {
            drop((guard, end));
            let _ = tell.write_all(b"x");
            let _ = ends.read(&mut [0]);
            // SAFETY: ends the child at once, as a forked child of a threaded program must.
            unsafe { libc::_exit(0) };
        }
        told.read_exact(&mut [0]).unwrap();
        (guard, end, child)
    }

    #[cfg(unix)]
    #[test]
    #[expect(unsafe_code, reason = "std cannot wait for a process that it has not started")]
    fn a_forked_child_neither_releases_nor_prolongs_its_parents_hold() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lease");
        let (guard, end, child) = child_that_drops(won(&path).unwrap());
        assert!(won(&path).is_none(), "the child has released it");
        assert!(fs::symlink_metadata(&path).is_ok());
        drop(guard);
        assert!(won(&path).is_some(), "the child still holds it");
        drop(end);
        // SAFETY: `child` is our child, not waited for yet; no status is asked for.
        unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    }
}
