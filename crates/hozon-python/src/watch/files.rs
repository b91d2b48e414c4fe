//! What hooks see of files, made into entries of the logs: which paths count, and what they are like.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use hozon_format::Digest;
use hozon_key::StatusPart;
use hozon_store::stamp_of;
use hozon_sys::{FileKind, Os, Stat, System, seen_bytes, seen_stat, working_directory};
use pyo3::prelude::*;

use super::access::Access;
use super::log::{NamedPath, Writing};
use super::recorder::Inside;
use crate::places;

/// A file whose inode has changed less than this ago may change again and keep its stamp: the clock of
/// file systems ticks every 1 to 10 ms.
const YOUNG_MS: i64 = 30;

/// Young files up to this size are digested when they are opened. With larger ones it is quicker to
/// wait until they are old enough.
const MOST_DIGESTED: u64 = 8 << 20;

static FOREIGN: OnceLock<Vec<String>> = OnceLock::new();

/// Finds out once where foreign code is. To be called before anything is recorded.
pub(super) fn know_places(py: Python<'_>) -> PyResult<()> {
    if FOREIGN.get().is_none() {
        let folders = places::foreign_folders(py)?;
        let _ = FOREIGN.set(folders);
    }
    Ok(())
}

/// Resolves a path as the program named it; None for one that never is an input: of the system's
/// views of itself, or of installed code, which counts by its version.
pub(super) fn located(inside: &Inside, named: PathBuf) -> Option<NamedPath> {
    let absolute: PathBuf = if named.is_absolute() {
        named.components().collect()
    } else {
        working_directory().ok()?.join(&named).components().collect()
    };
    if is_randomness(&absolute) {
        inside.tell(|log| log.unverifiable("randomness", &absolute.to_string_lossy()));
        return None;
    }
    (!never_counts(&absolute)).then_some(NamedPath { named, absolute, moved: false })
}

fn is_randomness(absolute: &Path) -> bool {
    absolute == Path::new("/dev/urandom") || absolute == Path::new("/dev/random")
}

fn never_counts(absolute: &Path) -> bool {
    let text = absolute.to_string_lossy();
    ["/proc", "/sys", "/dev"].iter().any(|system| absolute.starts_with(system))
        || text.contains("/__pycache__/")
        || text.ends_with("/site-packages")
        || is_of_host(&text)
        || places::is_installed(&text, FOREIGN.get().map_or(&[], Vec::as_slice))
}

/// What IPython keeps for itself, on a thread of its own: its profile and history.
fn is_of_host(text: &str) -> bool {
    text.contains("/.ipython/") || text.contains("/history.sqlite")
}

/// A file is opened for reading; `stat` is what it is like, None if it is not there.
pub(super) fn reading(inside: &Inside, path: &NamedPath, stat: impl FnOnce() -> Option<Stat>) {
    if !inside.any(|log| !log.knows_read(&path.absolute)) {
        return;
    }
    match stat() {
        None => inside.tell(|log| log.absent(path)),
        Some(stat) if stat.kind == FileKind::File => {
            let digest = digest_of_young(path, &stat);
            inside.tell(|log| log.read(path, Some(stamp_of(&stat)), digest));
        }
        Some(_) => {}
    }
}

/// A file is opened; `before` is what it was like before.
pub(super) fn opening(inside: &Inside, path: &NamedPath, access: Access, before: Option<Stat>) {
    let Access::Write { keeps, reads, creates } = access else {
        return reading(inside, path, || before);
    };
    match before {
        None if !creates => inside.tell(|log| log.absent(path)),
        Some(stat) if stat.kind != FileKind::File => {}
        None => inside.tell(|log| log.write(path, new_file(keeps))),
        Some(stat) => {
            let settled = !is_young(&stat);
            let writing = Writing { keeps, reads, before: Some(stamp_of(&stat)), settled };
            let digest = if reads { digest_of_young(path, &stat) } else { None };
            inside.tell(
                |log| {
                    if reads { log.write_over(path, writing, digest) } else { log.write(path, writing) }
                },
            );
        }
    }
}

fn new_file(keeps: bool) -> Writing {
    Writing { keeps, reads: false, before: None, settled: true }
}

/// A folder is listed.
pub(super) fn listing(inside: &Inside, path: &NamedPath) {
    match stat_at(&path.absolute) {
        None => inside.tell(|log| log.absent(path)),
        Some(stat) if stat.kind == FileKind::Folder => {
            let stamp = (!is_young(&stat)).then(|| stamp_of(&stat));
            inside.tell(|log| log.list(path, stamp));
        }
        Some(_) => {}
    }
}

/// The status of something that is there is asked for.
pub(super) fn status(inside: &Inside, path: &NamedPath, part: StatusPart) {
    inside.tell(|log| log.status(path, part));
}

/// Something is removed.
pub(super) fn removing(inside: &Inside, path: &NamedPath, before: Option<Stat>) {
    match before {
        None => inside.tell(|log| log.absent(path)),
        Some(stat) => inside.tell(|log| log.remove(path, Some(stamp_of(&stat)))),
    }
}

/// A name is given to what has another one; `stays`: the other one stays as well.
pub(super) fn renaming(
    inside: &Inside,
    (from, from_before): (&NamedPath, Option<Stat>),
    (to, to_before): (&NamedPath, Option<Stat>),
    stays: bool,
) {
    match from_before {
        None => inside.tell(|log| log.absent(from)),
        Some(stat) if stat.kind == FileKind::Folder => {
            inside.tell(|log| log.rename_folder(from, to, Some(stamp_of(&stat))));
        }
        Some(stat) => {
            let to_before = to_before.map(|stat| stamp_of(&stat));
            inside.tell(|log| log.rename((from, Some(stamp_of(&stat))), (to, to_before), stays));
        }
    }
}

/// Tells what is at a path.
pub(super) fn stat_at(absolute: &Path) -> Option<Stat> {
    seen_stat(absolute).ok()
}

/// A file that is young is digested now, or waited for until it is not.
fn digest_of_young(path: &NamedPath, stat: &Stat) -> Option<Digest> {
    if !is_young(stat) {
        return None;
    }
    if stat.size > MOST_DIGESTED {
        Os.sleep(Duration::from_millis(YOUNG_MS.cast_unsigned()));
        return None;
    }
    seen_bytes(&path.absolute, MOST_DIGESTED).ok().map(|bytes| Digest::of(&bytes))
}

fn is_young(stat: &Stat) -> bool {
    let now_ms = i64::try_from(Os.now_ms()).unwrap_or(i64::MAX);
    now_ms.saturating_sub(stat.changed_ns / 1_000_000) < YOUNG_MS
}
