//! The rules of what is an input, on logs without a system.
//!
//! The crate is an extension module, which a test program cannot link: the pure modules are taken in
//! here as they stand.
#![allow(dead_code, missing_docs, reason = "the modules serve more than these tests")]

#[path = "../src/watch/access.rs"]
mod access;
#[path = "../src/watch/log.rs"]
mod log;

use std::path::{Path, PathBuf};

use access::Access;
use hozon_format::FileStamp;
use hozon_key::StatusPart;
use log::{Log, NamedPath, Observations, Writing};

fn path(name: &str) -> NamedPath {
    NamedPath { named: PathBuf::from(name), absolute: Path::new("/folder").join(name), moved: false }
}

fn stamp(size: u64) -> FileStamp {
    FileStamp { inode: 1, size, modified_ns: 0, changed_ns: 0 }
}

fn writing(keeps: bool, before: Option<FileStamp>) -> Writing {
    Writing { keeps, reads: false, before, settled: true }
}

/// What a log says at the end, when `there` are the files that there are.
fn ended(log: Log, there: &[(&str, u64)]) -> Observations {
    log.into_observations(|path| {
        there.iter().find(|(name, _)| Path::new("/folder").join(name) == path).map(|(_, size)| stamp(*size))
    })
}

fn names<'all>(paths: impl IntoIterator<Item = &'all NamedPath>) -> Vec<&'all str> {
    paths.into_iter().map(|path| path.named.to_str().unwrap()).collect()
}

#[test]
fn the_first_read_counts() {
    let mut log = Log::default();
    log.read(&path("a"), Some(stamp(1)), None);
    log.read(&path("a"), Some(stamp(2)), None);
    let all = ended(log, &[("a", 2)]);
    assert_eq!(all.read.iter().map(|file| file.stamp).collect::<Vec<_>>(), [Some(stamp(1))]);
}

#[test]
fn what_is_written_first_is_no_input() {
    let mut log = Log::default();
    log.write(&path("a"), writing(false, None));
    log.read(&path("a"), Some(stamp(1)), None);
    log.absent(&path("a"));
    log.status(&path("a"), StatusPart::All);
    let all = ended(log, &[("a", 1)]);
    assert_eq!(all.read, []);
    assert_eq!(all.absent, []);
    assert_eq!(all.statuses, []);
    assert_eq!(names(all.written.iter().map(|file| &file.path)), ["a"]);
}

#[test]
fn what_is_extended_and_then_read_is_an_input_as_it_was() {
    let mut log = Log::default();
    log.write(&path("a"), writing(true, Some(stamp(1))));
    log.read(&path("a"), Some(stamp(5)), None);
    let all = ended(log, &[("a", 5)]);
    assert_eq!(all.read[0].stamp, Some(stamp(1)));
    assert!(all.written[0].appended && all.written[0].read_before);
}

#[test]
fn what_is_emptied_after_it_was_extended_is_no_input() {
    let mut log = Log::default();
    log.write(&path("a"), writing(true, Some(stamp(1))));
    log.write(&path("a"), writing(false, Some(stamp(5))));
    log.read(&path("a"), Some(stamp(0)), None);
    let all = ended(log, &[("a", 9)]);
    assert_eq!(all.read, []);
    assert!(!all.written[0].appended);
}

#[test]
fn an_open_for_update_that_changes_nothing_is_a_read() {
    let mut log = Log::default();
    let update = Writing { reads: true, ..writing(true, Some(stamp(1))) };
    log.write_over(&path("same"), update, None);
    log.write_over(&path("other"), update, None);
    log.write_over(&path("young"), Writing { settled: false, ..update }, None);
    let all = ended(log, &[("same", 1), ("other", 2), ("young", 1)]);
    assert_eq!(names(all.read.iter().map(|file| &file.path)), ["other", "same", "young"]);
    assert_eq!(names(all.written.iter().map(|file| &file.path)), ["other", "young"]);
}

#[test]
fn what_comes_and_goes_is_nothing_and_what_was_there_is_gone() {
    let mut log = Log::default();
    log.write(&path("new"), writing(false, None));
    log.remove(&path("new"), Some(stamp(1)));
    log.remove(&path("old"), Some(stamp(1)));
    let all = ended(log, &[]);
    assert_eq!(names(all.written.iter().map(|file| &file.path)), ["old"]);
    assert!(all.written[0].gone && all.written[0].existed_before);
}

#[test]
fn a_new_name_makes_the_old_file_an_input_and_the_new_one_written() {
    let mut log = Log::default();
    log.rename((&path("from"), Some(stamp(1))), (&path("to"), None), false);
    log.read(&path("to"), Some(stamp(1)), None);
    let all = ended(log, &[("to", 1)]);
    assert_eq!(names(all.read.iter().map(|file| &file.path)), ["from"]);
    assert_eq!(names(all.written.iter().map(|file| &file.path)), ["from", "to"]);
}

#[test]
fn a_file_made_here_and_renamed_is_written_alone() {
    let mut log = Log::default();
    log.write(&path("a.tmp"), writing(false, None));
    log.rename((&path("a.tmp"), Some(stamp(1))), (&path("a"), Some(stamp(9))), false);
    let all = ended(log, &[("a", 1)]);
    assert_eq!(all.read, []);
    assert_eq!(names(all.written.iter().map(|file| &file.path)), ["a"]);
}

#[test]
fn a_folder_made_here_is_not_listed() {
    let mut log = Log::default();
    log.make_folder(&path("made"));
    log.list(&path("made"), Some(stamp(1)));
    log.list(&path("given"), Some(stamp(1)));
    log.list(&path("given"), Some(stamp(2)));
    let all = ended(log, &[]);
    assert_eq!(names(all.listed.iter().map(|folder| &folder.path)), ["given"]);
    assert_eq!(all.listed[0].stamp, Some(stamp(1)));
    assert_eq!(all.written, []);
}

#[test]
fn what_is_in_a_folder_made_here_is_its_own_under_any_name() {
    let mut log = Log::default();
    log.make_folder(&path("made"));
    log.rename_folder(&path("made"), &path("renamed"), Some(stamp(1)));
    log.rename_folder(&path("given"), &path("moved"), Some(stamp(1)));
    for folder in ["made", "renamed", "moved"] {
        log.read(&path(&format!("{folder}/read")), Some(stamp(1)), None);
        log.absent(&path(&format!("{folder}/absent")));
        log.status(&path(&format!("{folder}/asked")), StatusPart::Size);
    }
    let all = ended(log, &[("made/read", 1)]);
    // The old name is free again: what is there now came from elsewhere.
    assert_eq!(names(all.read.iter().map(|file| &file.path)), ["made/read", "moved/read"]);
    assert_eq!(names(&all.absent), ["made/absent", "moved/absent"]);
    assert_eq!(names(all.statuses.iter().map(|(path, _)| path)), ["made/asked", "moved/asked"]);
}

#[test]
fn a_status_that_a_read_or_another_one_implies_is_left_out() {
    let mut log = Log::default();
    for part in [StatusPart::Kind, StatusPart::Size, StatusPart::All] {
        log.status(&path("sub/read"), part);
        log.status(&path("asked"), part);
    }
    log.status(&path("sub"), StatusPart::Kind);
    log.status(&path("su"), StatusPart::Kind);
    log.read(&path("sub/read"), Some(stamp(1)), None);
    let all = ended(log, &[]);
    let left: Vec<_> =
        all.statuses.iter().map(|(path, part)| (path.named.to_str().unwrap(), *part)).collect();
    assert_eq!(left, [("asked", StatusPart::All), ("su", StatusPart::Kind), ("sub/read", StatusPart::All)]);
}

#[test]
fn relative_names_after_a_change_of_folder_are_marked() {
    let mut log = Log::default();
    log.read(&path("before"), None, None);
    log.change_directory();
    log.read(&path("after"), None, None);
    log.list(&path("folder"), None);
    let absolute = NamedPath { named: PathBuf::from("/x"), absolute: PathBuf::from("/x"), moved: false };
    log.read(&absolute, None, None);
    let all = ended(log, &[]);
    let moved: Vec<_> =
        all.read.iter().map(|file| (file.path.named.to_str().unwrap(), file.path.moved)).collect();
    assert_eq!(moved, [("after", true), ("before", false), ("/x", false)]);
    assert!(all.listed[0].path.moved);
}

#[test]
fn variables_set_here_are_no_inputs() {
    let mut log = Log::default();
    log.environment("READ_FIRST");
    log.write_environment("READ_FIRST");
    log.write_environment("WRITTEN_FIRST");
    log.environment("WRITTEN_FIRST");
    let all = ended(log, &[]);
    assert_eq!(all.environment.iter().collect::<Vec<_>>(), ["READ_FIRST"]);
    assert_eq!(all.environment_written.len(), 2);
}

#[test]
fn eight_details_of_a_kind_are_kept() {
    let mut log = Log::default();
    (0..20).for_each(|number| log.unverifiable("network", &number.to_string()));
    log.unverifiable("fork", "");
    let all = ended(log, &[]);
    assert_eq!(all.unverifiable["network"].len(), 8);
    assert_eq!(all.unverifiable["fork"].len(), 0);
}

#[test]
fn modes_and_flags_say_what_is_read_and_what_stays() {
    let write = |keeps, reads, creates| Access::Write { keeps, reads, creates };
    for (mode, access) in [
        ("r", Access::Read),
        ("rb", Access::Read),
        ("r+", write(true, true, false)),
        ("rb+", write(true, true, false)),
        ("w", write(false, false, true)),
        ("w+", write(false, false, true)),
        ("wx", write(false, false, true)),
        ("a", write(true, false, true)),
        ("a+b", write(true, true, true)),
    ] {
        assert_eq!(Access::of_mode(mode.as_bytes()), access, "{mode}");
    }
}

#[cfg(unix)]
#[test]
fn flags_say_the_same() {
    let write = |keeps, reads, creates| Access::Write { keeps, reads, creates };
    for (flags, access) in [
        (libc::O_RDONLY | libc::O_CLOEXEC, Access::Read),
        (libc::O_WRONLY, write(true, false, false)),
        (libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC, write(false, false, true)),
        (libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND, write(true, false, true)),
        (libc::O_RDWR, write(true, true, false)),
        (libc::O_RDWR | libc::O_CREAT, write(true, true, true)),
        (libc::O_RDWR | libc::O_TRUNC, write(false, false, false)),
        (libc::O_RDWR | libc::O_CREAT | libc::O_EXCL, write(false, false, true)),
    ] {
        assert_eq!(Access::of_flags(flags), access, "{flags:o}");
    }
}
