//! The files whose change makes a notebook run again, and what they were like.
//!
//! Sources count as they were before a run: who saves one while cells run wants another run. What cells read
//! counts as they saw it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use hozon_engine::CellOutcome;
use hozon_format::Digest;
use hozon_key::{Seen, Subject, decode_trace_sets, visible};
use hozon_store::{Lookup, Store};
use hozon_sys::{FileKind, UserFiles};

use super::session::Session;
use crate::context::HostSettings;

/// So many folders are searched for sources.
const MOST_FOLDERS: usize = 500;

/// Names of folders that hold no sources of the person's own.
const FOREIGN: [&str; 3] = ["__pycache__", "node_modules", "site-packages"];

/// What makes a folder a virtual environment.
const ENVIRONMENT_MARK: &[u8] = b"pyvenv.cfg";

/// Files and what they were like, and the folders that they are in.
#[derive(Debug, Clone, Default)]
pub(super) struct Interest {
    /// Sources, by their content.
    sources: BTreeMap<PathBuf, Digest>,
    /// What cells have looked at.
    data: BTreeMap<Subject, Seen>,
    pub(super) folders: BTreeSet<PathBuf>,
}

impl Interest {
    /// The sources that a notebook may use, as they are now.
    pub(super) fn in_sources(session: &Session<'_>, notebook: &Path, settings: &HostSettings) -> Self {
        let mut interest = Self::default();
        interest.add_source(session, notebook.to_owned());
        let roots = [folder_of(notebook), settings.notebook.project.clone()];
        interest.add_source(session, roots[1].join("pyproject.toml"));
        for path in sources_below(&*session.files, &roots) {
            interest.add_source(session, path);
        }
        interest
    }

    fn add_source(&mut self, session: &Session<'_>, path: PathBuf) {
        self.folders.insert(folder_of(&path));
        self.sources.entry(path).or_insert_with_key(|path| session.digest_of(path));
    }

    /// Adds what cells have looked at.
    pub(super) fn add_traced(
        &mut self,
        session: &Session<'_>,
        settings: &HostSettings,
        outcomes: &[CellOutcome],
    ) {
        for seen in outcomes.iter().flat_map(|outcome| seen_by(&session.store, outcome)) {
            let Some(path) = session.path_of(&seen.subject, settings) else { continue };
            match &seen.subject {
                Subject::Definition(..)
                | Subject::Variable(..)
                | Subject::Source(_)
                | Subject::Version(_) => {
                    self.add_source(session, path);
                }
                subject => {
                    let is_listed = matches!(subject, Subject::Directory(_));
                    self.folders.insert(if is_listed { path } else { folder_of(&path) });
                    self.data.insert(subject.clone(), seen);
                }
            }
        }
    }

    /// Takes over what is known of sources from before.
    pub(super) fn or_as_in(&mut self, earlier: &Self) {
        for (path, state) in &mut self.sources {
            *state = earlier.sources.get(path).copied().unwrap_or(*state);
        }
    }

    /// The names of the files that are not like that any more. One that is being replaced is not there for a
    /// moment: that a notebook is gone is no reason to run it.
    pub(super) fn changed(
        &self,
        session: &Session<'_>,
        notebook: &Path,
        settings: &HostSettings,
    ) -> Vec<String> {
        let is_there = |path: &Path| path != notebook || session.files.look(path).is_ok();
        let sources = self.sources.iter().filter(|(path, state)| session.digest_of(path) != **state);
        let sources = sources.map(|(path, _)| path.clone()).filter(|path| is_there(path));
        let data = self.data.values().filter(|seen| session.look_again(seen, settings) != seen.digest);
        let data = data.filter_map(|seen| session.path_of(&seen.subject, settings));
        let paths: BTreeSet<PathBuf> = sources.chain(data).collect();
        paths.iter().map(|path| name_of(path)).collect()
    }

    /// Takes everything as it is now.
    pub(super) fn settle(&mut self, session: &Session<'_>, settings: &HostSettings) {
        self.sources.iter_mut().for_each(|(path, state)| *state = session.digest_of(path));
        for seen in self.data.values_mut() {
            seen.digest = session.look_again(seen, settings);
        }
    }
}

fn name_of(path: &Path) -> String {
    visible(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()).into_owned()
}

fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

fn seen_by(store: &Store, outcome: &CellOutcome) -> Vec<Seen> {
    let Some(Lookup::Hit(entry)) = outcome.entry.as_ref().map(|key| store.get(key)) else { return vec![] };
    let sets = decode_trace_sets(&entry.traces).unwrap_or_default();
    sets.into_iter().flat_map(|set| set.seen).collect()
}

/// The Python files below some folders.
fn sources_below(files: &dyn UserFiles, roots: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    let mut open: VecDeque<PathBuf> = roots.iter().cloned().collect();
    while let Some(folder) = open.pop_front() {
        if known.len() == MOST_FOLDERS || !known.insert(folder.clone()) {
            continue;
        }
        let names = files.names(&folder).unwrap_or_default();
        if names.iter().any(|(name, _)| name == ENVIRONMENT_MARK) {
            continue;
        }
        for (name, kind) in &names {
            let name = String::from_utf8_lossy(name);
            match kind {
                FileKind::Folder if !name.starts_with('.') && !FOREIGN.contains(&&*name) => {
                    open.push_back(folder.join(&*name));
                }
                FileKind::File if name.ends_with(".py") => found.push(folder.join(&*name)),
                _ => {}
            }
        }
    }
    found
}
