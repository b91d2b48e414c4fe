//! Files of the user, as a program sees them: links are followed, and nothing is ever written.

use std::fmt::Debug;
use std::io::{self, Read};
use std::path::Path;

use crate::{FileKind, Memory, Os, Stat, System};

/// Reading what a computation has read.
pub trait UserFiles: Send + Sync + Debug {
    /// Tells what is at `path`, behind links.
    fn look(&self, path: &Path) -> io::Result<Stat>;

    /// Reads a regular file in pieces. Returns what it was like before and after.
    fn read_pieces(&self, path: &Path, each: &mut dyn FnMut(&[u8])) -> io::Result<(Stat, Stat)>;

    /// Opens a file for reading once, from its start.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>>;

    /// Returns the bytes of where a link leads to. It is an error if there is none.
    fn link(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Lists the names in a directory as bytes, sorted, each with its kind; links are not followed.
    fn names(&self, directory: &Path) -> io::Result<Vec<(Vec<u8>, FileKind)>>;
}

#[expect(clippy::disallowed_methods, reason = "this is the seam that the bans point to")]
impl UserFiles for Os {
    fn look(&self, path: &Path) -> io::Result<Stat> {
        crate::seen_stat(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(std::fs::File::open(path)?))
    }

    fn link(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read_link(path).map(|target| target.into_os_string().into_encoded_bytes())
    }

    fn read_pieces(&self, path: &Path, each: &mut dyn FnMut(&[u8])) -> io::Result<(Stat, Stat)> {
        const PIECE_BYTES: usize = 256 * 1024;
        let mut options = std::fs::OpenOptions::new();
        options.read(true);
        // A pipe without a writer must not hold us up.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
        let mut file = options.open(path)?;
        let before = crate::os::stat_of(&file.metadata()?);
        if before.kind != FileKind::File {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let length = usize::try_from(before.size).unwrap_or(PIECE_BYTES);
        let mut piece = vec![0; PIECE_BYTES.min(length + 1)];
        let mut done = 0;
        // What has grown by then shows at the second look: nothing has to be read to find the end.
        while done == 0 || done != length {
            match file.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => {
                    each(&piece[..read]);
                    done += read;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok((before, crate::os::stat_of(&file.metadata()?)))
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<(Vec<u8>, FileKind)>> {
        let mut names = Vec::new();
        for item in std::fs::read_dir(directory)? {
            let item = item?;
            let kind = crate::os::kind_of(item.file_type()?);
            names.push((item.file_name().into_encoded_bytes(), kind));
        }
        names.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        Ok(names)
    }
}

impl UserFiles for Memory {
    fn look(&self, path: &Path) -> io::Result<Stat> {
        self.stat(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(io::Cursor::new(self.read(path, u64::MAX)?)))
    }

    fn link(&self, _: &Path) -> io::Result<Vec<u8>> {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "there are no links here"))
    }

    fn read_pieces(&self, path: &Path, each: &mut dyn FnMut(&[u8])) -> io::Result<(Stat, Stat)> {
        each(&self.read(path, u64::MAX)?);
        let stat = self.stat(path)?;
        Ok((stat, stat))
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<(Vec<u8>, FileKind)>> {
        let names = self.list(directory)?;
        Ok(names.into_iter().map(|(name, kind)| (name.into_bytes(), kind)).collect())
    }
}
