//! The user's own files, as the user's program sees them: links are followed.
//!
//! A recorder asks this in the middle of somebody else's call, on any thread: nothing here waits,
//! takes a lock or keeps anything.
#![expect(clippy::disallowed_methods, reason = "this is the seam that the bans point to")]

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::Stat;
use crate::os::stat_of;

/// Tells what a program finds at `path`.
pub fn seen_stat(path: &Path) -> io::Result<Stat> {
    fs::metadata(path).map(|metadata| stat_of(&metadata))
}

/// Tells what an open descriptor of this process is.
#[cfg(unix)]
#[expect(unsafe_code, reason = "std asks only of files that it owns")]
pub fn descriptor_stat(descriptor: i32) -> io::Result<Stat> {
    use std::mem::ManuallyDrop;
    use std::os::fd::FromRawFd;
    if descriptor < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: the file is never dropped, so the descriptor stays its owner's; one that is not open
    // only makes the call fail.
    let file = ManuallyDrop::new(unsafe { fs::File::from_raw_fd(descriptor) });
    file.metadata().map(|metadata| stat_of(&metadata))
}

/// Tells which path an open descriptor of this process has, where the system says it.
pub fn descriptor_path(descriptor: i32) -> Option<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{descriptor}")).ok().filter(|path| path.is_absolute())
}

/// Reads a file of at most `most_bytes`; a longer one is an error of kind `FileTooLarge`.
pub fn seen_bytes(path: &Path, most_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(most_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most_bytes { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// Returns the working directory of this process.
pub fn working_directory() -> io::Result<PathBuf> {
    std::env::current_dir()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileKind;

    #[test]
    fn links_are_followed_and_lengths_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data.txt");
        fs::write(&file, b"four").unwrap();
        assert_eq!(seen_stat(&file).unwrap().size, 4);
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&file, &link).unwrap();
            assert_eq!(seen_stat(&link).unwrap().kind, FileKind::File);
        }
        assert_eq!(seen_stat(folder.path()).unwrap().kind, FileKind::Folder);
        assert_eq!(seen_bytes(&file, 4).unwrap(), b"four");
        assert_eq!(seen_bytes(&file, 3).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_descriptor_tells_its_file() {
        use std::os::fd::AsRawFd;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("data.txt");
        fs::write(&file, b"four").unwrap();
        let open = fs::File::open(&file).unwrap();
        assert_eq!(descriptor_stat(open.as_raw_fd()).unwrap(), seen_stat(&file).unwrap());
        assert_eq!(descriptor_path(open.as_raw_fd()), Some(file));
        assert!(descriptor_stat(-1).is_err());
    }
}
