//! The log of one computation, and the rules of what is an input. Pure.
//!
//! What a computation reads is an input, unless it has written, made or removed it itself before. What is
//! in a folder that it has made is its own.
//! What it writes is reported. What it overwrites in part or extends is read as well, if it looks.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use hozon_format::{Digest, FileStamp};
use hozon_key::{Seen, StatusPart};

/// The most details kept of each kind of what cannot be verified.
const MOST_DETAILS: usize = 8;

/// A path as the program named it, and where that was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedPath {
    /// As the program named it, maybe relative to the working directory.
    pub(crate) named: PathBuf,
    /// Resolved against the working directory of that moment; links are not resolved.
    pub(crate) absolute: PathBuf,
    /// Whether `named` is relative and the computation had changed the working directory before.
    pub(crate) moved: bool,
}

/// A file that was opened for reading before the computation wrote to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadFile {
    pub(crate) path: NamedPath,
    /// What it was like when it was first opened.
    pub(crate) stamp: Option<FileStamp>,
    /// Its digest at that moment, taken if it was so young that a later write could leave the stamp
    /// as it is.
    pub(crate) digest: Option<Digest>,
}

/// A folder whose names the computation has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedDirectory {
    pub(crate) path: NamedPath,
    /// What it was like when it was first listed; None where it was so young that a later change could
    /// leave the stamp as it is.
    pub(crate) stamp: Option<FileStamp>,
}

/// A file that the computation has written, replaced or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrittenFile {
    pub(crate) path: NamedPath,
    /// Whether earlier bytes stay: opened to append, or to overwrite in part.
    pub(crate) appended: bool,
    /// Whether the computation has read it before it wrote, or what it kept of it afterwards.
    pub(crate) read_before: bool,
    /// Whether it was there before.
    pub(crate) existed_before: bool,
    /// Whether it is gone at the end.
    pub(crate) gone: bool,
}

/// What a computation was seen to do. Paths are in the order of their absolute forms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Observations {
    pub(crate) read: Vec<ReadFile>,
    /// What was opened or asked for and was not there.
    pub(crate) absent: Vec<NamedPath>,
    pub(crate) listed: Vec<ListedDirectory>,
    pub(crate) statuses: Vec<(NamedPath, StatusPart)>,
    pub(crate) written: Vec<WrittenFile>,
    /// The names of variables that were read, whether set or not.
    pub(crate) environment: BTreeSet<String>,
    /// Whether all variables were asked for at once.
    pub(crate) whole_environment: bool,
    /// The names of variables that the computation has set or deleted.
    pub(crate) environment_written: BTreeSet<String>,
    /// What variables that it read were before it set or deleted them.
    pub(crate) environment_before: BTreeMap<String, Digest>,
    /// What all of them were, if it asked for all before it set any.
    pub(crate) whole_environment_before: Option<Digest>,
    /// Whether local code has asked for the working directory.
    pub(crate) working_directory: bool,
    /// The state of the process that was read, by its names: the time zone, the locale.
    pub(crate) states: BTreeSet<&'static str>,
    /// What nobody can verify: by kind, short details (a host, a program), at most 8 of each.
    pub(crate) unverifiable: BTreeMap<&'static str, BTreeSet<String>>,
    /// What stored results that it used had looked at, each with the folder of its project.
    pub(crate) inherited: Vec<(Seen, PathBuf)>,
}

/// How a file is opened for writing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writing {
    /// Earlier bytes stay.
    pub(crate) keeps: bool,
    /// It is open for reading as well.
    pub(crate) reads: bool,
    /// What it was like before; None: it was not there.
    pub(crate) before: Option<FileStamp>,
    /// Whether `before` is so old that a write changes it.
    pub(crate) settled: bool,
}

/// What one computation has done so far.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// By the text of the absolute path: comparing paths part by part costs more than all the rest.
    files: HashMap<OsString, Met, foldhash::fast::RandomState>,
    listed: BTreeMap<PathBuf, ListedDirectory>,
    /// The folders that it has made.
    made: BTreeSet<PathBuf>,
    moved: bool,
    others: Observations,
}

/// What is known of one path.
#[derive(Debug)]
struct Met {
    path: NamedPath,
    read: Option<(Option<FileStamp>, Option<Digest>)>,
    absent: bool,
    statuses: BTreeSet<StatusPart>,
    own: Option<Own>,
}

/// A path that the computation itself has changed.
#[derive(Debug)]
struct Own {
    writing: Writing,
    read_before: bool,
    folder: bool,
}

impl Log {
    /// Tells whether another read of a path adds nothing.
    pub(crate) fn knows_read(&self, absolute: &Path) -> bool {
        self.files.get(absolute.as_os_str()).is_some_and(|met| met.read.is_some() || met.is_made_here())
            || self.is_in_made_folder(absolute)
    }

    /// A file was opened for reading.
    pub(crate) fn read(&mut self, path: &NamedPath, stamp: Option<FileStamp>, digest: Option<Digest>) {
        if self.is_in_made_folder(&path.absolute) {
            return;
        }
        let met = self.met(path);
        if met.read.is_some() {
            return;
        }
        match &mut met.own {
            None => met.read = Some((stamp, digest)),
            Some(own) if own.keeps_earlier_bytes() => {
                own.read_before = true;
                met.read = Some((own.writing.before, None));
            }
            Some(_) => {}
        }
    }

    /// A path was looked for and nothing was there.
    pub(crate) fn absent(&mut self, path: &NamedPath) {
        if self.is_in_made_folder(&path.absolute) {
            return;
        }
        let met = self.met(path);
        met.absent |= met.own.is_none();
    }

    /// A folder was listed.
    pub(crate) fn list(&mut self, path: &NamedPath, stamp: Option<FileStamp>) {
        if self.is_in_made_folder(&path.absolute) {
            return;
        }
        let path = self.placed(path);
        self.listed.entry(path.absolute.clone()).or_insert(ListedDirectory { path, stamp });
    }

    /// The status of something that is there was asked for.
    pub(crate) fn status(&mut self, path: &NamedPath, part: StatusPart) {
        if self.is_in_made_folder(&path.absolute) {
            return;
        }
        let met = self.met(path);
        if met.own.is_none() {
            met.statuses.insert(part);
        }
    }

    /// A file was opened for writing, or replaced.
    pub(crate) fn write(&mut self, path: &NamedPath, writing: Writing) {
        let met = self.met(path);
        if writing.reads && writing.keeps && writing.before.is_some() && met.own.is_none() {
            met.read.get_or_insert((writing.before, None));
        }
        met.change(writing, false);
    }

    /// A file was opened for reading and writing: as [`Log::write`], with the digest of a young file.
    pub(crate) fn write_over(&mut self, path: &NamedPath, writing: Writing, digest: Option<Digest>) {
        if writing.before.is_some() {
            self.read(path, writing.before, digest);
        }
        self.write(path, writing);
    }

    /// Something was removed.
    pub(crate) fn remove(&mut self, path: &NamedPath, before: Option<FileStamp>) {
        let writing = Writing { keeps: false, reads: false, before, settled: true };
        self.met(path).change(writing, false);
    }

    /// A folder was made.
    pub(crate) fn make_folder(&mut self, path: &NamedPath) {
        let writing = Writing { keeps: false, reads: false, before: None, settled: true };
        self.met(path).change(writing, true);
        self.made.insert(path.absolute.clone());
    }

    /// A folder got another name.
    pub(crate) fn rename_folder(&mut self, from: &NamedPath, to: &NamedPath, before: Option<FileStamp>) {
        let is_made_here = self.made.remove(&from.absolute);
        self.remove(from, before);
        let writing = Writing { keeps: false, reads: false, before: None, settled: true };
        self.met(to).change(writing, true);
        if is_made_here {
            self.made.insert(to.absolute.clone());
        }
    }

    /// A file got another name, or a second one.
    pub(crate) fn rename(
        &mut self,
        (from, from_before): (&NamedPath, Option<FileStamp>),
        (to, to_before): (&NamedPath, Option<FileStamp>),
        stays: bool,
    ) {
        if from_before.is_some() {
            self.read(from, from_before, None);
        }
        if !stays {
            self.remove(from, from_before);
        }
        self.write(to, Writing { keeps: false, reads: false, before: to_before, settled: true });
    }

    /// The working directory was changed.
    pub(crate) fn change_directory(&mut self) {
        self.moved = true;
    }

    /// Local code asked for the working directory.
    pub(crate) fn working_directory(&mut self) {
        self.others.working_directory = true;
    }

    /// A variable was read, whether it is set or not.
    pub(crate) fn environment(&mut self, name: &str) {
        let others = &mut self.others;
        if !others.environment_written.contains(name) && !others.environment.contains(name) {
            others.environment.insert(name.to_owned());
        }
    }

    /// Tells whether a variable was read that nobody has set yet, and whether all were.
    pub(crate) fn has_read_environment(&self, name: &str) -> (bool, bool) {
        let others = &self.others;
        let is_read = others.environment.contains(name) && !others.environment_written.contains(name);
        (is_read, others.whole_environment && others.environment_written.is_empty())
    }

    /// A variable that was read is about to be set or deleted.
    pub(crate) fn keep_environment(&mut self, name: &str, digest: Digest) {
        if self.has_read_environment(name).0 {
            self.others.environment_before.insert(name.to_owned(), digest);
        }
    }

    /// All variables were read, and the first one is about to be set or deleted.
    pub(crate) fn keep_whole_environment(&mut self, digest: Digest) {
        if self.others.whole_environment && self.others.environment_written.is_empty() {
            self.others.whole_environment_before = Some(digest);
        }
    }

    /// A variable was set or deleted.
    pub(crate) fn write_environment(&mut self, name: &str) {
        if !self.others.environment_written.contains(name) {
            self.others.environment_written.insert(name.to_owned());
        }
    }

    /// All variables were asked for.
    pub(crate) fn whole_environment(&mut self) {
        self.others.whole_environment = true;
    }

    /// State of the process was read.
    pub(crate) fn state(&mut self, name: &'static str) {
        self.others.states.insert(name);
    }

    /// Something was done that cannot be verified.
    pub(crate) fn unverifiable(&mut self, kind: &'static str, detail: &str) {
        let details = self.others.unverifiable.entry(kind).or_default();
        if details.len() < MOST_DETAILS && !detail.is_empty() && !details.contains(detail) {
            details.insert(detail.to_owned());
        }
    }

    /// A stored result was used whose computation had looked at this.
    pub(crate) fn inherit(&mut self, seen: &[Seen], project: &Path) {
        let own = seen.iter().map(|seen| (seen.clone(), project.to_owned()));
        self.others.inherited.extend(own);
    }

    /// Ends the log. `stamp_now` tells what is at a path at the end.
    pub(crate) fn into_observations(self, stamp_now: impl Fn(&Path) -> Option<FileStamp>) -> Observations {
        let mut all = self.others;
        all.listed = self.listed.into_values().collect();
        let mut files: Vec<_> = self.files.into_iter().collect();
        files.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let files: Vec<Met> = files.into_iter().map(|(_, met)| met).collect();
        let implied = implied_kinds(&files);
        for met in files {
            if met.absent {
                all.absent.push(met.path.clone());
            }
            let has_times = met.statuses.contains(&StatusPart::Times);
            let has_all = has_times || met.statuses.contains(&StatusPart::All);
            let is_implied = |part| match part {
                StatusPart::Kind => {
                    met.read.is_some() || implied.contains(&met.path.absolute) || met.statuses.len() > 1
                }
                StatusPart::Size => met.read.is_some() || has_all,
                StatusPart::Permissions => has_all,
                StatusPart::All => has_times,
                StatusPart::Link | StatusPart::Identity | StatusPart::Times => false,
            };
            let statuses = met.statuses.iter().filter(|part| !is_implied(**part));
            all.statuses.extend(statuses.map(|part| (met.path.clone(), *part)));
            if let Some(written) = met.written(&stamp_now) {
                all.written.push(written);
            }
            if let Some((stamp, digest)) = met.read {
                all.read.push(ReadFile { path: met.path, stamp, digest });
            }
        }
        all
    }

    fn is_in_made_folder(&self, absolute: &Path) -> bool {
        !self.made.is_empty() && absolute.ancestors().any(|above| self.made.contains(above))
    }

    fn met(&mut self, path: &NamedPath) -> &mut Met {
        let moved = self.moved && path.named.is_relative();
        let met = || Met {
            path: NamedPath { moved, ..path.clone() },
            read: None,
            absent: false,
            statuses: BTreeSet::new(),
            own: None,
        };
        self.files.entry(path.absolute.clone().into_os_string()).or_insert_with(met)
    }

    fn placed(&self, path: &NamedPath) -> NamedPath {
        NamedPath { moved: self.moved && path.named.is_relative(), ..path.clone() }
    }
}

/// The folders above what was read: that they are folders goes without saying.
fn implied_kinds(files: &[Met]) -> BTreeSet<PathBuf> {
    let asked = files.iter().filter(|met| met.statuses.contains(&StatusPart::Kind) && met.read.is_none());
    let asked: BTreeSet<&Path> = asked.map(|met| met.path.absolute.as_path()).collect();
    if asked.is_empty() {
        return BTreeSet::new();
    }
    let read = files.iter().filter(|met| met.read.is_some());
    let above = read.flat_map(|met| met.path.absolute.ancestors().skip(1));
    above.filter(|folder| asked.contains(folder)).map(Path::to_path_buf).collect()
}

impl Met {
    fn is_made_here(&self) -> bool {
        self.own.as_ref().is_some_and(|own| !own.keeps_earlier_bytes())
    }

    /// What was there before the first change stays known; whether its bytes stay is for the last.
    fn change(&mut self, writing: Writing, folder: bool) {
        let read_before = self.read.is_some();
        match &mut self.own {
            None => self.own = Some(Own { writing, read_before, folder }),
            Some(own) => {
                own.writing.keeps &= writing.keeps;
                own.folder = folder;
            }
        }
    }

    fn written(&self, stamp_now: impl Fn(&Path) -> Option<FileStamp>) -> Option<WrittenFile> {
        let own = self.own.as_ref().filter(|own| !own.folder)?;
        let now = stamp_now(&self.path.absolute);
        let untouched = now == own.writing.before && own.writing.settled;
        if untouched || (now.is_none() && own.writing.before.is_none()) {
            return None;
        }
        Some(WrittenFile {
            path: self.path.clone(),
            appended: own.writing.keeps,
            read_before: own.read_before,
            existed_before: own.writing.before.is_some(),
            gone: now.is_none(),
        })
    }
}

impl Own {
    fn keeps_earlier_bytes(&self) -> bool {
        self.writing.keeps && self.writing.before.is_some()
    }
}
