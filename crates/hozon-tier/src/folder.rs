//! A folder that several machines see, or that a server keeps: one file for each object.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hozon_format::Digest;
use hozon_sys::{FileKind, LockAttempt, Stat, System, TemporaryName};

use crate::memory::version_of;
use crate::stream::{Checked, fill};
use crate::tier::small;
use crate::{Kind, Object, ObjectName, PREFIX, Put, Tier, TierError, Version};

/// How many bytes of a blob are in memory at once.
const PIECE_BYTES: usize = 256 * 1024;
/// How long a temporary file of another machine may stay untouched before it is swept.
const STALE_MS: u64 = 24 * 3600 * 1000;

/// For whom the files of a folder are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// For the process's user alone.
    Own,
    /// For whom the process's mask lets in: a folder of a team.
    Shared,
}

/// A folder as a tier. Cheap to clone.
///
/// Files appear whole, by renaming or linking. Two writers at once do no harm; where the file system has
/// neither locks nor links, one of them may lose what it has added, and adds it at its next try.
#[derive(Debug, Clone)]
pub struct FolderTier {
    system: Arc<dyn System>,
    folder: PathBuf,
    access: Access,
}

impl FolderTier {
    /// Uses a folder, which is to be there: one that is not is a mount that is missing.
    pub fn new(system: Arc<dyn System>, folder: &Path, access: Access) -> Self {
        Self { system, folder: folder.to_owned(), access }
    }

    /// Opens a blob to be read in pieces. Its digest is not checked.
    ///
    /// # Errors
    /// `Unreachable` if the folder cannot be read.
    pub fn open_blob(&self, digest: &Digest) -> Result<Option<OpenBlob>, TierError> {
        let opened = self.system.open(&self.path(&ObjectName::blob(digest)));
        Ok(found(opened)?.map(|(file, stat)| OpenBlob { file, length: stat.size }))
    }

    /// Tells length and time of the last write, in Unix milliseconds, of an object.
    ///
    /// # Errors
    /// `Unreachable` if the folder cannot be read.
    pub fn stat(&self, name: &ObjectName) -> Result<Option<Stat>, TierError> {
        Ok(found(self.system.stat(&self.path(name)))?.filter(|stat| stat.kind == FileKind::File))
    }

    /// Writes a blob that arrives in pieces. It is seen once it is finished, and gone if it is dropped.
    ///
    /// # Errors
    /// `Unreachable` or `Full` if there can be no file.
    pub fn start_blob(&self, length: u64) -> Result<ArrivingBlob, TierError> {
        let (path, file) = self.create_temporary()?;
        let system = Arc::clone(&self.system);
        Ok(ArrivingBlob { tier: self.clone(), temporary: Temporary { system, path }, file, length })
    }

    /// Removes temporary files whose writers are gone.
    pub fn sweep(&self) {
        let folder = self.temporary_folder();
        let listed = self.system.list(&folder).unwrap_or_default();
        for (name, _) in listed.iter().filter(|(name, _)| self.is_abandoned(&folder, name)) {
            // Another sweep may have been first.
            let _ = self.system.remove_file(&folder.join(name));
        }
    }

    fn is_abandoned(&self, folder: &Path, name: &str) -> bool {
        let Ok(name) = name.parse::<TemporaryName>() else { return false };
        if name.realm == self.system.process_realm() {
            return !self.system.process_lives(name.process);
        }
        let stat = self.system.stat(&folder.join(name.to_string()));
        stat.is_ok_and(|stat| stat.modified_ms().saturating_add(STALE_MS) < self.system.now_ms())
    }

    fn path(&self, name: &ObjectName) -> PathBuf {
        self.folder.join(name.to_string())
    }

    fn temporary_folder(&self) -> PathBuf {
        self.folder.join(PREFIX).join("tmp")
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        // A mount that is missing must not become a folder on the local disk.
        self.system.stat(&self.folder)?;
        match self.access {
            Access::Own => self.system.create_folder(folder),
            Access::Shared => self.system.create_shared_folder(folder),
        }
    }

    fn create_temporary(&self) -> Result<(PathBuf, Box<dyn hozon_sys::NewFile>), TierError> {
        let mode = if self.access == Access::Own { 0o600 } else { 0o666 };
        let folder = self.temporary_folder();
        let path = folder.join(TemporaryName::new(&*self.system).map_err(written)?.to_string());
        let file = in_new_folder(|| self.system.create_file(&path, mode), || self.create_folder(&folder));
        Ok((path, file.map_err(written)?))
    }

    fn write_temporary(&self, bytes: &[u8]) -> Result<Temporary, TierError> {
        let (path, mut file) = self.create_temporary()?;
        let temporary = Temporary { system: Arc::clone(&self.system), path };
        file.write_all(bytes).and_then(|()| file.sync()).and_then(|()| file.close()).map_err(written)?;
        Ok(temporary)
    }

    /// Calls what puts a file under a path, once more if the folder of the path had to be made.
    fn settle(&self, path: &Path, put: impl Fn() -> io::Result<()>) -> io::Result<()> {
        in_new_folder(put, || self.create_folder(path.parent().unwrap_or(path)))
    }

    fn link(&self, temporary: &Temporary, path: &Path) -> io::Result<()> {
        self.settle(path, || self.system.link(&temporary.path, path))
    }

    fn rename(&self, temporary: &Temporary, path: &Path) -> Result<(), TierError> {
        self.settle(path, || self.system.rename(&temporary.path, path)).map_err(written)
    }

    /// Replaces an object if it is the one that is expected, as well as the file system allows.
    fn replace(&self, name: &ObjectName, bytes: &[u8], there: Option<&Version>) -> Result<Put, TierError> {
        let temporary = self.write_temporary(bytes)?;
        let Some(_lock) = self.lock(name)? else { return Ok(Put::Taken) };
        if self.get(name, u64::MAX)?.map(|object| object.version).as_ref() != there {
            return Ok(Put::Taken);
        }
        self.rename(&temporary, &self.path(name)).map(|()| Put::Stored)
    }

    /// Takes the lock of an object; `None` if somebody is writing it just now.
    fn lock(&self, name: &ObjectName) -> Result<Option<LockAttempt>, TierError> {
        let folder = self.folder.join(PREFIX).join("locks");
        let path = folder.join(format!("{}-{}", name.kind().folder(), name.digest()));
        match in_new_folder(|| self.system.try_lock(&path), || self.create_folder(&folder)) {
            Ok(LockAttempt::Held) => Ok(None),
            Ok(attempt) => Ok(Some(attempt)),
            Err(error) => Err(written(error)),
        }
    }
}

impl Tier for FolderTier {
    fn get(&self, name: &ObjectName, cap: u64) -> Result<Option<Object>, TierError> {
        small(name)?;
        let bytes = found(self.system.read(&self.path(name), cap))?;
        Ok(bytes.map(|bytes| Object { version: version_of(&bytes), bytes }))
    }

    fn get_blob(&self, digest: &Digest, length: u64, sink: &mut dyn Write) -> Result<bool, TierError> {
        let Some(OpenBlob { mut file, length: size }) = self.open_blob(digest)? else { return Ok(false) };
        if size != length {
            return Err(TierError::Wrong("a blob has another length than its entry says"));
        }
        let mut checked = Checked::new(sink, length);
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match fill(&mut file, &mut piece).map_err(|_| TierError::Unreachable("a file cannot be read"))? {
                0 => return checked.finish(digest).map(|()| true),
                count => checked.take(&piece[..count])?,
            }
        }
    }

    fn put_if_absent(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, TierError> {
        small(name)?;
        let temporary = self.write_temporary(bytes)?;
        match self.link(&temporary, &self.path(name)) {
            Ok(()) => Ok(Put::Stored),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Put::Taken),
            Err(error) if is_full(&error) => Err(TierError::Full),
            // A file system without links.
            Err(_) => self.replace(name, bytes, None),
        }
    }

    fn put_if_version(&self, name: &ObjectName, bytes: &[u8], version: &Version) -> Result<Put, TierError> {
        small(name)?;
        self.replace(name, bytes, Some(version))
    }

    fn put_blob(&self, digest: &Digest, length: u64, reader: &mut dyn Read) -> Result<(), TierError> {
        if self.has_blob(digest, length)? {
            return Ok(());
        }
        let mut blob = self.start_blob(length)?;
        let mut hasher = hozon_format::Hasher::plain();
        let mut piece = vec![0; PIECE_BYTES];
        let mut left = length;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
            let count = fill(reader, &mut piece[..most]).map_err(TierError::Local)?;
            if count == 0 {
                return Err(TierError::Local(io::ErrorKind::UnexpectedEof.into()));
            }
            hasher.update(&piece[..count]);
            blob.write(&piece[..count])?;
            left -= count as u64;
        }
        match hasher.finish() == *digest {
            true => blob.finish(digest),
            false => Err(TierError::Wrong("the bytes of a blob are not those of its digest")),
        }
    }

    fn has_blob(&self, digest: &Digest, length: u64) -> Result<bool, TierError> {
        Ok(self.stat(&ObjectName::blob(digest))?.is_some_and(|stat| stat.size == length))
    }

    fn list(&self, kind: Kind) -> Result<Vec<ObjectName>, TierError> {
        let folder = self.folder.join(PREFIX).join(kind.folder());
        let mut names = Vec::new();
        for (shard, _) in found(self.system.list(&folder))?.unwrap_or_default() {
            let files = found(self.system.list(&folder.join(&shard)))?.unwrap_or_default();
            names.extend(files.iter().filter_map(|(rest, _)| ObjectName::of_parts(kind, &shard, rest)));
        }
        Ok(names)
    }

    fn delete(&self, name: &ObjectName) -> Result<(), TierError> {
        match self.system.remove_file(&self.path(name)) {
            Err(error) if !is_absent(&error) => Err(written(error)),
            _ => Ok(()),
        }
    }
}

/// A blob that is being read.
pub struct OpenBlob {
    /// Its bytes.
    pub file: Box<dyn Read + Send>,
    /// How many they are.
    pub length: u64,
}

impl std::fmt::Debug for OpenBlob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpenBlob({} bytes)", self.length)
    }
}

/// A blob that is being written. Whoever writes it checks its digest.
pub struct ArrivingBlob {
    tier: FolderTier,
    temporary: Temporary,
    file: Box<dyn hozon_sys::NewFile>,
    length: u64,
}

impl std::fmt::Debug for ArrivingBlob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ArrivingBlob({} bytes to come)", self.length)
    }
}

impl ArrivingBlob {
    /// Writes the next bytes.
    ///
    /// # Errors
    /// `Wrong` if they are too many; `Full` or `Unreachable` if they cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), TierError> {
        let left = self.length.checked_sub(bytes.len() as u64);
        self.length = left.ok_or(TierError::Wrong("a blob is longer than was said"))?;
        self.file.write_all(bytes).map_err(written)
    }

    /// Gives the blob its name.
    ///
    /// # Errors
    /// `Wrong` if bytes are missing; `Full` or `Unreachable` if it cannot be put in its place.
    pub fn finish(mut self, digest: &Digest) -> Result<(), TierError> {
        if self.length > 0 {
            return Err(TierError::Wrong("a blob is shorter than was said"));
        }
        self.file.sync().and_then(|()| self.file.close()).map_err(written)?;
        self.tier.rename(&self.temporary, &self.tier.path(&ObjectName::blob(digest)))
    }
}

/// A temporary file, gone in the end if it still has its name.
#[derive(Debug)]
struct Temporary {
    system: Arc<dyn System>,
    path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Renamed, or the sweep finds it.
        let _ = self.system.remove_file(&self.path);
    }
}

fn in_new_folder<T>(call: impl Fn() -> io::Result<T>, create: impl Fn() -> io::Result<()>) -> io::Result<T> {
    match call() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => create().and_then(|()| call()),
        other => other,
    }
}

/// What a read found: `None` for a name that is not there.
fn found<T>(read: io::Result<T>) -> Result<Option<T>, TierError> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            Err(TierError::Wrong("an object is too long"))
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            Err(TierError::Refused("its folder may not be read"))
        }
        Err(_) => Err(TierError::Unreachable("its folder cannot be read")),
    }
}

fn written(error: io::Error) -> TierError {
    match error.kind() {
        _ if is_full(&error) => TierError::Full,
        io::ErrorKind::ReadOnlyFilesystem => TierError::ReadOnly,
        io::ErrorKind::PermissionDenied => TierError::Refused("its folder may not be written to"),
        io::ErrorKind::NotFound => TierError::Unreachable("its folder is not there"),
        _ => TierError::Unreachable("its folder cannot be written to"),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
