//! From what a watch has observed to a trace: every subject as it is at the end of the run, and what has
//! changed meanwhile, so that nobody can say what the computation saw.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hozon_engine::{Looked, Observer, of_absence, of_content, of_random_state, path_of};
use hozon_format::{Digest, FileStamp};
use hozon_key::{Base, Place, Seen, Subject, TraceSet};
use pyo3::prelude::*;

use crate::traces::{Trace, known_files, observing, of_process_state};
use crate::watch::{NamedPath, Observations, ReadFile, Watch};

/// Names, each with a digest.
pub(crate) type Digests = Vec<(String, [u8; 32])>;

/// What a run did that is no input.
#[pyclass(frozen, get_all, module = "hozon._hozon")]
pub(crate) struct Deeds {
    /// Inputs that changed while it ran.
    changed: Vec<String>,
    /// Files that it left behind.
    written: Vec<String>,
    /// Files that it made longer, or changed in part.
    appended: Vec<String>,
    /// Environment variables that it set or removed.
    variables: Vec<String>,
    /// What cannot be verified: kind, and details for people.
    unverifiable: BTreeMap<String, BTreeSet<String>>,
}

/// Makes the trace of a run that has ended. `states` are the random generators that it consumed, each
/// with the digest of its state before; `process` is the state of the process that can be read unnamed, each
/// with its digest before, of which that counts which is in `likely` or was seen to be read.
#[pyfunction]
pub(crate) fn trace_of(
    py: Python<'_>,
    watch: Option<&Watch>,
    project: PathBuf,
    states: Digests,
    process: Digests,
    likely: Vec<String>,
) -> (Trace, Deeds) {
    let all = watch.map(Watch::take).unwrap_or_default();
    py.detach(|| {
        let mut build = Build { project: &project, seen: Vec::new(), changed: BTreeSet::new() };
        observing(&project, |observer| build.subjects(&all, observer));
        let known = states.into_iter().map(|(generator, digest)| {
            let digest = of_random_state(&Digest::from_bytes(digest));
            Seen { subject: Subject::RandomState(generator), digest, stamp: None }
        });
        build.seen.extend(known);
        let is_inherited = |name: &String| {
            all.inherited.iter().any(|(seen, _)| seen.subject == Subject::ProcessState(name.clone()))
        };
        let is_read =
            |name: &String| likely.contains(name) || all.states.contains(name.as_str()) || is_inherited(name);
        let read = process.into_iter().filter(|(name, _)| is_read(name)).map(|(name, digest)| {
            let digest = of_process_state(&Digest::from_bytes(digest));
            Seen { subject: Subject::ProcessState(name), digest, stamp: None }
        });
        build.seen.extend(read);
        // Of state of the process, what it was at the start counts, whoever has read it.
        let is_no_state = |seen: &&(Seen, PathBuf)| !matches!(seen.0.subject, Subject::ProcessState(_));
        let inherited = all.inherited.iter().filter(is_no_state);
        build.seen.extend(inherited.map(|(seen, from)| rebased(seen, from, &project)));
        let (seen, changed) = (TraceSet::of(build.seen).seen, build.changed.into_iter().collect());
        (Trace::new(seen, project.clone()), deeds(all, changed))
    })
}

struct Build<'a> {
    project: &'a Path,
    seen: Vec<Seen>,
    changed: BTreeSet<String>,
}

impl Build<'_> {
    fn subjects(&mut self, all: &Observations, observer: &mut dyn Observer) {
        self.files(all);
        for path in &all.absent {
            let own = all.written.iter().any(|written| written.path.absolute == path.absolute);
            let subject = Subject::File(self.place(path));
            // What it has made since was absent when it looked.
            let seen = Seen { subject, digest: of_absence(), stamp: None };
            if own || observer.observe(&seen.subject, None).digest == seen.digest {
                self.seen.push(seen);
            } else {
                self.changed.insert(path.named.display().to_string());
            }
        }
        for listed in &all.listed {
            let now = stamp_of_any(&listed.path.absolute);
            if listed.stamp.is_some() && now != listed.stamp {
                self.changed.insert(listed.path.named.display().to_string());
            }
            self.look(Subject::Directory(self.place(&listed.path)), observer);
        }
        for (path, part) in &all.statuses {
            self.look(Subject::Status(self.place(path), *part), observer);
        }
        for written in all.written.iter().filter(|written| !written.read_before) {
            let place = self.place(&written.path);
            let stamp = stamp_of_any(&written.path.absolute).filter(|_| written.appended);
            let subject = match stamp {
                Some(stamp) => Subject::Appended(place, stamp.size),
                None => Subject::Written(place),
            };
            self.look(subject, observer);
        }
        for name in &all.environment {
            let before = all.environment_before.get(name).copied();
            self.look_as_before(Subject::Environment(name.clone()), before, observer);
        }
        if all.whole_environment {
            self.look_as_before(Subject::WholeEnvironment, all.whole_environment_before, observer);
        }
        if all.working_directory {
            self.look(Subject::WorkingDirectory, observer);
        }
    }

    /// What the computation itself has changed counts as it was before.
    fn look_as_before(&mut self, subject: Subject, before: Option<Digest>, observer: &mut dyn Observer) {
        match before {
            Some(digest) => self.seen.push(Seen { subject, digest, stamp: None }),
            None => self.look(subject, observer),
        }
    }

    fn look(&mut self, subject: Subject, observer: &mut dyn Observer) {
        self.seen.push(observer.observe(&subject, None));
    }

    /// A file must be at the end what it was when it was opened.
    fn files(&mut self, all: &Observations) {
        let places: Vec<Place> = all.read.iter().map(|file| self.place(&file.path)).collect();
        let paths: Vec<PathBuf> = places.iter().map(|place| path_of(place, self.project)).collect();
        let looked = known_files().look_at_all(&paths);
        for ((file, place), now) in all.read.iter().zip(places).zip(looked) {
            if !is_as_read(file, &now, all) {
                self.changed.insert(file.path.named.display().to_string());
            }
            self.seen.push(Seen { subject: Subject::File(place), digest: now.digest, stamp: now.proof });
        }
    }

    /// Names a path so that the same place has the same name in another copy of the project.
    fn place(&self, path: &NamedPath) -> Place {
        if path.named.is_relative() && !path.moved {
            return Place { base: Base::WorkingDirectory, path: bytes_of(&path.named) };
        }
        place_of(&path.absolute, self.project)
    }
}

/// Names an absolute path so that the same place has the same name in another copy of the project.
pub(crate) fn place_of(path: &Path, project: &Path) -> Place {
    match path.strip_prefix(project) {
        Ok(inside) => Place { base: Base::Project, path: bytes_of(inside) },
        Err(_) => Place { base: Base::Root, path: bytes_of(path) },
    }
}

fn is_as_read(file: &ReadFile, now: &Looked, all: &Observations) -> bool {
    let same_bytes = file.digest.is_none_or(|digest| of_content(&digest) == now.digest);
    let overwritten = all.written.iter().any(|written| written.read_before && written.path == file.path);
    now.stamp == file.stamp && same_bytes && !overwritten
}

/// A subject of a computation of another project, as one of this project names it.
fn rebased(seen: &Seen, from: &Path, project: &Path) -> Seen {
    let mut seen = seen.clone();
    if from != project
        && let Some(place) = seen.subject.place_mut()
        && place.base == Base::Project
    {
        let path = bytes_of(&path_of(place, from));
        *place = Place { base: Base::Root, path };
    }
    seen
}

fn bytes_of(path: &Path) -> Vec<u8> {
    path.as_os_str().as_encoded_bytes().to_vec()
}

fn stamp_of_any(path: &Path) -> Option<FileStamp> {
    hozon_sys::UserFiles::look(&hozon_sys::Os, path).ok().map(|stat| hozon_store::stamp_of(&stat))
}

fn deeds(all: Observations, changed: Vec<String>) -> Deeds {
    let label = |path: &NamedPath| path.named.display().to_string();
    let (appended, written): (Vec<_>, Vec<_>) =
        all.written.iter().partition(|written| written.appended && written.existed_before);
    let own = |(kind, details): (&str, _)| (kind.to_owned(), details);
    Deeds {
        changed,
        written: written.into_iter().map(|written| label(&written.path)).collect(),
        appended: appended.into_iter().map(|written| label(&written.path)).collect(),
        variables: all.environment_written.into_iter().collect(),
        unverifiable: all.unverifiable.into_iter().map(own).collect(),
    }
}
