//! How other systems name files: what the store must get along with.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Stat;

/// Whose rules for names hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Naming {
    /// Any name but `/` and NUL.
    #[default]
    Unix,
    /// Case is folded.
    MacOs,
    /// Case is folded; devices have names, names end in no dot or space; a path has at most 260 characters; a
    /// file that is open is neither renamed, replaced nor removed; files have no number.
    Windows,
}

/// The files that are being written.
pub(crate) type OpenFiles = Arc<Mutex<BTreeSet<PathBuf>>>;

const MOST_CHARACTERS: usize = 260;
const DEVICES: [&str; 7] = ["con", "prn", "aux", "nul", "com1", "lpt1", "conin$"];

impl Naming {
    /// Returns the path that the file system goes by.
    ///
    /// # Errors
    ///
    /// `InvalidFilename` if there can be no file of that name.
    pub(crate) fn path(self, path: &Path) -> io::Result<PathBuf> {
        if self == Self::Unix {
            return Ok(path.to_owned());
        }
        let folded = path.to_string_lossy().to_lowercase();
        if self == Self::Windows && !fits_windows(&folded) {
            return Err(io::ErrorKind::InvalidFilename.into());
        }
        Ok(folded.into())
    }

    /// Refuses to touch a file that is open.
    pub(crate) fn check_closed(self, path: &Path, open: &OpenFiles) -> io::Result<()> {
        let is_open = || open.lock().unwrap_or_else(PoisonError::into_inner).contains(path);
        if self == Self::Windows && is_open() { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }

    pub(crate) fn stat(self, stat: Stat) -> Stat {
        if self == Self::Windows { Stat { inode: 0, mode: 0, ..stat } } else { stat }
    }
}

fn fits_windows(path: &str) -> bool {
    let fits = |name: &str| {
        let stem = name.split('.').next().unwrap_or_default();
        !DEVICES.contains(&stem)
            && !name.ends_with(['.', ' '])
            && !name.contains(['<', '>', ':', '"', '|', '?', '*', '\\'])
    };
    path.chars().count() <= MOST_CHARACTERS && path.split('/').all(|name| name.is_empty() || fits(name))
}
