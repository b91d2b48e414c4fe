//! What a subject of a trace is like now: a digest, got by one look at its stamp where that is enough.

use std::collections::HashMap;
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use hozon_format::{Digest, FileStamp, Hasher, Writer};
use hozon_key::{Base, Place, Seen, StatusPart, Subject};
use hozon_store::stamp_of;
use hozon_sys::{Brief, FileKind, Shortcuts, System, UserFiles};

/// Tells what subjects are like now.
pub trait Observer {
    /// Looks at a subject. `last` is how it was when somebody looked before.
    fn observe(&mut self, subject: &Subject, last: Option<&Seen>) -> Seen;
}

/// Looks at files, and asks someone else about everything that is not one.
pub struct FileObserver<'a> {
    /// The files and the stamps that are known of them.
    pub files: &'a KnownFiles,
    /// The folder of the project that the computation belongs to.
    pub project: &'a Path,
    /// The folder that relative names start from, where it is not this process's.
    pub working_directory: Option<&'a Path>,
    /// Gives the digest of a subject that is no file.
    pub other: &'a mut dyn FnMut(&Subject) -> Digest,
}

/// The user's files, with the digests that this process has taken.
#[derive(Debug)]
pub struct KnownFiles {
    files: Arc<dyn UserFiles>,
    system: Arc<dyn System>,
    digests: Brief<HashMap<PathBuf, (FileStamp, Digest)>>,
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// The digest of a file's content, or of its absence.
    pub digest: Digest,
    /// The stamp, if that proves the digest next time.
    pub proof: Option<FileStamp>,
    /// The stamp of the file with this content; `None` if there is no regular file, or if it changed
    /// while it was read.
    pub stamp: Option<FileStamp>,
}

/// With fewer files than this for each thread, starting it costs more than it saves.
const LEAST_FILES: usize = 32;

/// More threads than this only wait for the file system.
const MOST_THREADS: usize = 8;

/// A file that was written to so short a time ago may be written to again without another stamp: the
/// clocks of file systems have ticks, the coarsest of two seconds.
const SETTLED_AFTER_NS: i64 = 2_000_000_000;

/// How often a file is read again that changes while it is read.
const MOST_READS: usize = 3;

impl Observer for FileObserver<'_> {
    fn observe(&mut self, subject: &Subject, last: Option<&Seen>) -> Seen {
        let Some(place) = subject.place() else {
            return Seen { subject: subject.clone(), digest: (self.other)(subject), stamp: None };
        };
        let path = self.path_of(place);
        let (digest, stamp) = match subject {
            Subject::Directory(_) => (self.files.directory(&path), None),
            Subject::Status(_, part) => (self.files.status(&path, *part), None),
            Subject::Appended(_, length) => self.files.beginning(&path, *length, last),
            _ => self.files.content(&path, last),
        };
        Seen { subject: subject.clone(), digest, stamp }
    }
}

impl FileObserver<'_> {
    /// Returns the path of a place.
    pub fn path_of(&self, place: &Place) -> PathBuf {
        let path = path_of(place, self.project);
        match (place.base, self.working_directory) {
            (Base::WorkingDirectory, Some(folder)) => folder.join(path),
            _ => path,
        }
    }
}

/// Returns the path of a place in this process.
pub fn path_of(place: &Place, project: &Path) -> PathBuf {
    let path = path_of_bytes(&place.path);
    match place.base {
        Base::Root | Base::WorkingDirectory => path,
        Base::Project => project.join(path),
    }
}

/// How many threads look at this many files.
fn threads_for(files: usize) -> usize {
    // To find the number of cores, the system's limits are read from files: not for every computation.
    static CORES: OnceLock<usize> = OnceLock::new();
    let worth = files / LEAST_FILES;
    if worth < 2 {
        return 1;
    }
    let cores = *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from));
    cores.min(MOST_THREADS).min(worth)
}

#[cfg(unix)]
fn path_of_bytes(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path_of_bytes(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

impl KnownFiles {
    /// Starts knowing nothing.
    pub fn new(files: Arc<dyn UserFiles>, system: Arc<dyn System>) -> Self {
        Self { files, system, digests: Brief::default() }
    }

    /// Returns the digest of a file's content or of its absence, and the stamp if that proves it next time.
    pub fn content(&self, path: &Path, last: Option<&Seen>) -> (Digest, Option<FileStamp>) {
        let looked = self.look_at(path, last);
        (looked.digest, looked.proof)
    }

    /// Returns the digest of a file's first bytes or of its absence, and the stamp if that proves it next time.
    pub fn beginning(&self, path: &Path, length: u64, last: Option<&Seen>) -> (Digest, Option<FileStamp>) {
        let stamp = self.stamp(path);
        if let Some(last) = last.filter(|last| stamp.is_some() && last.stamp == stamp) {
            return (last.digest, stamp);
        }
        match self.read_once(path, length) {
            Ok((digest, stamp)) => (digest, stamp.filter(|stamp| self.proves(stamp))),
            Err(error) => (of_failure(&error), None),
        }
    }

    /// Looks at many files, on several threads where that pays. The results are in the order of the paths.
    pub fn look_at_all(&self, paths: &[PathBuf]) -> Vec<Looked> {
        let threads = threads_for(paths.len());
        let look = |paths: &[PathBuf]| -> Vec<Looked> {
            paths.iter().map(|path| self.look_at(path, None)).collect()
        };
        let mut chunks = paths.chunks(paths.len().div_ceil(threads).max(1));
        let own = chunks.next().unwrap_or_default();
        std::thread::scope(|scope| {
            let others: Vec<_> = chunks
                .map(|chunk| (chunk, std::thread::Builder::new().spawn_scoped(scope, move || look(chunk))))
                .collect();
            let mut looked = look(own);
            for (chunk, thread) in others {
                // Where no more threads can be had, this one does it.
                let done = thread.ok().and_then(|thread| thread.join().ok());
                looked.extend(done.unwrap_or_else(|| look(chunk)));
            }
            looked
        })
    }

    fn look_at(&self, path: &Path, last: Option<&Seen>) -> Looked {
        let other = |digest| Looked { digest, proof: None, stamp: None };
        let stat = match self.files.look(path) {
            Ok(stat) => stat,
            Err(error) => return other(of_failure(&error)),
        };
        match stat.kind {
            FileKind::File => {}
            FileKind::Folder => return other(of_state(State::Folder, &[])),
            FileKind::Other => return other(of_state(State::Other, &[])),
        }
        let stamp = stamp_of(&stat);
        if let Some(digest) = self.known(path, &stamp, last) {
            return Looked { digest, proof: Some(stamp), stamp: Some(stamp) };
        }
        match self.read(path) {
            Ok(looked) => looked,
            Err(error) => Looked { digest: of_failure(&error), proof: None, stamp: Some(stamp) },
        }
    }

    fn known(&self, path: &Path, stamp: &FileStamp, last: Option<&Seen>) -> Option<Digest> {
        if let Some(last) = last.filter(|last| last.stamp.as_ref() == Some(stamp)) {
            return Some(last.digest);
        }
        let known = self.with_digests(|digests| digests.get(path).copied())?;
        (known.0 == *stamp).then_some(known.1)
    }

    fn read(&self, path: &Path) -> io::Result<Looked> {
        let (mut digest, mut stamp) = self.read_once(path, u64::MAX)?;
        for _ in 1..MOST_READS {
            if stamp.is_some() {
                break;
            }
            (digest, stamp) = self.read_once(path, u64::MAX)?;
        }
        let proof = stamp.filter(|stamp| self.proves(stamp));
        if let Some(proof) = proof {
            self.with_digests(|digests| digests.insert(path.to_owned(), (proof, digest)));
        }
        Ok(Looked { digest, proof, stamp })
    }

    /// Reads a file, of which so many bytes count; without a stamp if it changed while it was read.
    fn read_once(&self, path: &Path, most_bytes: u64) -> io::Result<(Digest, Option<FileStamp>)> {
        let mut hasher = Hasher::plain();
        let mut left = most_bytes;
        let (before, after) = self.files.read_pieces(path, &mut |piece| {
            let counting = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            hasher.update_large(&piece[..counting]);
            left -= counting as u64;
        })?;
        let digest = of_content(&hasher.finish());
        Ok((digest, (before == after).then(|| stamp_of(&after))))
    }

    /// Returns the stamp of a file; none if there is no file.
    pub fn stamp(&self, path: &Path) -> Option<FileStamp> {
        let stat = self.files.look(path).ok()?;
        (stat.kind == FileKind::File).then(|| stamp_of(&stat))
    }

    /// Tells whether a file that has this stamp again surely has the same bytes.
    pub fn proves(&self, stamp: &FileStamp) -> bool {
        let now_ns = i64::try_from(self.system.now_ms()).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let written = stamp.changed_ns.max(stamp.modified_ns);
        Shortcuts::are_taken() && now_ns.saturating_sub(written) > SETTLED_AFTER_NS
    }

    /// Returns the digest of the names in a directory, with what each is.
    pub fn directory(&self, path: &Path) -> Digest {
        match self.files.names(path) {
            Ok(mut names) => {
                // Python's own cache of bytecode comes with the first import.
                names.retain(|(name, _)| name != b"__pycache__");
                let mut to = Writer::new();
                to.u64(names.len() as u64);
                for (name, kind) in names {
                    to.bytes(&name).u8(kind_number(kind));
                }
                of_state(State::Folder, &to.finish())
            }
            Err(error) => of_failure(&error),
        }
    }

    /// Returns the digest of what the system tells of a file.
    pub fn status(&self, path: &Path, part: StatusPart) -> Digest {
        if part == StatusPart::Link
            && let Ok(target) = self.files.link(path)
        {
            return of_state(State::Link, &target);
        }
        let stat = match self.files.look(path) {
            Ok(stat) => stat,
            Err(error) => return of_failure(&error),
        };
        let mut to = Writer::new();
        to.u8(kind_number(stat.kind));
        // The size of a directory is its file system's own matter, and libraries that look at its times are
        // served better by its listing.
        let is_file = stat.kind == FileKind::File;
        match part {
            StatusPart::Size if is_file => _ = to.u64(stat.size),
            StatusPart::All | StatusPart::Times => {
                let has_times = is_file || part == StatusPart::Times;
                to.u64(if is_file { stat.size } else { 0 });
                to.u64(if has_times { stat.modified_ns.cast_unsigned() } else { 0 });
                to.u64(stat.mode.into());
            }
            StatusPart::Permissions => _ = to.u64(stat.mode.into()),
            StatusPart::Identity => _ = to.u64(stat.inode),
            StatusPart::Kind | StatusPart::Size | StatusPart::Link => {}
        }
        of_state(State::Status, &to.finish())
    }

    fn with_digests<T>(&self, with: impl FnOnce(&mut HashMap<PathBuf, (FileStamp, Digest)>) -> T) -> T {
        self.digests.with(self.system.process_id(), with)
    }
}

/// What there is at a path. The numbers are in digests.
#[derive(Clone, Copy)]
enum State {
    Absent = 0,
    File = 1,
    Folder = 2,
    Other = 3,
    Unreadable = 4,
    Status = 5,
    Link = 6,
}

fn of_state(state: State, content: &[u8]) -> Digest {
    let mut hasher = Hasher::in_domain("hozon 2026 state of a path v1");
    hasher.update(&[state as u8]).update(content);
    hasher.finish()
}

/// Returns the digest of a file whose bytes have this digest.
pub fn of_content(bytes: &Digest) -> Digest {
    of_state(State::File, bytes.as_bytes())
}

/// Returns the digest that a generator counts by whose state has this digest.
pub fn of_random_state(state: &Digest) -> Digest {
    Hasher::in_domain("hozon 2026 state of a random generator v1").update(state.as_bytes()).finish()
}

/// Returns the digest of a path where nothing is.
pub fn of_absence() -> Digest {
    of_state(State::Absent, &[])
}

fn of_failure(error: &io::Error) -> Digest {
    let absent = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
    if absent { of_absence() } else { of_state(State::Unreadable, &[]) }
}

fn kind_number(kind: FileKind) -> u8 {
    match kind {
        FileKind::File => 0,
        FileKind::Folder => 1,
        FileKind::Other => 2,
    }
}
