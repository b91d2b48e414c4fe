//! The files whose change makes a notebook run again, and what they were like.
//!
//! Sources count as they were before a run: who saves one while cells run wants another run. Data counts as
//! it was after it: cells write files, and must not make themselves run for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hozon_engine::{CellOutcome, path_of};
use hozon_format::{Digest, FileStamp};
use hozon_key::{Base, Place, Subject, decode_trace_sets};
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
    files: BTreeMap<PathBuf, State>,
    pub(super) folders: BTreeSet<PathBuf>,
}

/// What a file was like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A source, by its content.
    Content(Digest),
    /// Data, which may be large, by what is known without reading it; none if there is no file.
    Stamp(Option<FileStamp>),
    /// A folder, by the names in it.
    Names(Digest),
}

impl Interest {
    /// The sources that a notebook may use, as they are now.
    pub(super) fn in_sources(session: &Session<'_>, notebook: &Path, settings: &HostSettings) -> Self {
        let mut interest = Self::default();
        interest.add_source(session, notebook);
        let roots = [folder_of(notebook), settings.notebook.project.clone()];
        interest.add_source(session, &roots[1].join("pyproject.toml"));
        for (folder, files) in sources_below(&*session.files, &roots) {
            interest.folders.insert(folder);
            files.iter().for_each(|file| interest.add_source(session, file));
        }
        interest
    }

    /// Adds what cells have looked at, as it is now. What is known of a file already stays.
    pub(super) fn add_traced(
        &mut self,
        session: &Session<'_>,
        settings: &HostSettings,
        outcomes: &[CellOutcome],
    ) {
        for subject in outcomes.iter().flat_map(|outcome| subjects_of(&session.store, outcome)) {
            if let Some(place) = subject.place() {
                self.add_data(session, &path_in(place, settings));
            }
        }
    }

    fn add_source(&mut self, session: &Session<'_>, path: &Path) {
        self.files.insert(path.to_owned(), State::Content(session.digest_of(path)));
        self.folders.insert(folder_of(path));
    }

    fn add_data(&mut self, session: &Session<'_>, path: &Path) {
        let is_folder = session.files.look(path).is_ok_and(|stat| stat.kind == FileKind::Folder);
        let state = match is_folder {
            true => State::Names(session.digest_of_names(path)),
            false => State::Stamp(session.stamp_of(path)),
        };
        self.files.entry(path.to_owned()).or_insert(state);
        self.folders.insert(if is_folder { path.to_owned() } else { folder_of(path) });
    }

    /// Takes over what is known of files from before.
    pub(super) fn or_as_in(&mut self, earlier: &Self) {
        for (path, state) in &mut self.files {
            *state = earlier.files.get(path).copied().unwrap_or(*state);
        }
    }

    /// The files that are not like that any more. One that is being replaced is not there for a moment: that a
    /// notebook is gone is no reason to run it.
    pub(super) fn changed(&self, session: &Session<'_>, notebook: &Path) -> Vec<&Path> {
        let changed = self.files.iter().filter(|(path, state)| state.now(session, path) != **state);
        let is_there = |path: &Path| path != notebook || session.files.look(path).is_ok();
        changed.map(|(path, _)| path.as_path()).filter(|path| is_there(path)).collect()
    }
}

impl State {
    /// What the file is like now.
    fn now(self, session: &Session<'_>, path: &Path) -> Self {
        match self {
            Self::Content(_) => Self::Content(session.digest_of(path)),
            Self::Stamp(_) => Self::Stamp(session.stamp_of(path)),
            Self::Names(_) => Self::Names(session.digest_of_names(path)),
        }
    }
}

fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}

fn path_in(place: &Place, settings: &HostSettings) -> PathBuf {
    let path = path_of(place, &settings.notebook.project);
    match place.base {
        Base::WorkingDirectory => settings.notebook.working_directory.join(path),
        _ => path,
    }
}

fn subjects_of(store: &Store, outcome: &CellOutcome) -> Vec<Subject> {
    let Some(Lookup::Hit(entry)) = outcome.entry.as_ref().map(|key| store.get(key)) else { return vec![] };
    let sets = decode_trace_sets(&entry.traces).unwrap_or_default();
    sets.into_iter().flat_map(|set| set.seen).map(|seen| seen.subject).collect()
}

/// The folders that hold Python files, with these.
fn sources_below(files: &dyn UserFiles, roots: &[PathBuf]) -> Vec<(PathBuf, Vec<PathBuf>)> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open: std::collections::VecDeque<PathBuf> = roots.iter().cloned().collect();
    while let Some(folder) = open.pop_front() {
        if seen.len() == MOST_FOLDERS {
            break;
        }
        if !seen.insert(folder.clone()) {
            continue;
        }
        let names = files.names(&folder).unwrap_or_default();
        if names.iter().any(|(name, _)| name == ENVIRONMENT_MARK) {
            continue;
        }
        let mut sources = Vec::new();
        for (name, kind) in &names {
            let name = String::from_utf8_lossy(name);
            match kind {
                FileKind::Folder if !name.starts_with('.') && !FOREIGN.contains(&&*name) => {
                    open.push_back(folder.join(&*name));
                }
                FileKind::File if name.ends_with(".py") => sources.push(folder.join(&*name)),
                _ => {}
            }
        }
        if !sources.is_empty() {
            found.push((folder, sources));
        }
    }
    found
}
