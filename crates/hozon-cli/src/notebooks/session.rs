//! What all runs of a notebook in this process share: its store, and the files that were looked at.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hozon_engine::{CellOutcome, FileObserver, KnownFiles, Observer, Remote, Surroundings, plan_notebook};
use hozon_format::{Digest, Key, SealKey};
use hozon_key::{Seen, Subject, visible};
use hozon_store::Store;
use hozon_sys::{Memory, UserFiles};

use super::file::NotebookFile;
use crate::arguments::{Common, NotebookArguments};
use crate::context::{HostSettings, NotebookHost};
use crate::failure::Failure;
use crate::run::{look_at_store, make_store};
use crate::{Context, words};

/// The surroundings of a notebook's runs.
pub(super) struct Session<'a> {
    pub(super) host: &'a dyn NotebookHost,
    pub(super) files: Arc<dyn UserFiles>,
    pub(super) store: Store,
    /// What a person should know of the store, said once.
    pub(super) notes: Vec<String>,
    known: KnownFiles,
    /// What other machines have; asked once for each key.
    remote: Remote,
    asked: RefCell<HashSet<Key>>,
    path: PathBuf,
    /// The folder of the store, whatever later settings say.
    folder: PathBuf,
    parameters: Vec<(String, String)>,
}

/// Whether a store is made where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Look,
    Run,
}

impl<'a> Session<'a> {
    /// Reads a notebook, asks the host for its settings, and opens its store.
    pub(super) fn open(
        arguments: &NotebookArguments,
        common: &Common,
        context: &mut Context<'a>,
        purpose: Purpose,
    ) -> Result<(Self, NotebookFile, HostSettings), Failure> {
        let host = context.notebooks.ok_or_else(|| {
            Failure::usage("this program cannot run notebooks").hint("`hozon` of the Python package can")
        })?;
        let file = NotebookFile::read(&*context.files, &arguments.file)?;
        let mut settings = settings(host, &file, &arguments.parameters)?;
        if let Some(folder) = &common.store {
            settings.store.clone_from(folder);
        }
        let (store, notes) = open_store(common, &settings.store, context, purpose)?;
        let session = Self {
            host,
            files: context.files.clone(),
            store,
            notes,
            remote: match purpose {
                Purpose::Run => (context.tiers_of)(&settings.store),
                Purpose::Look => Remote::default(),
            },
            asked: RefCell::default(),
            known: KnownFiles::new(context.files.clone(), context.system.clone()),
            path: arguments.file.clone(),
            folder: settings.store.clone(),
            parameters: arguments.parameters.clone(),
        };
        Ok((session, file, settings))
    }

    /// Reads the notebook again, and what it is run with.
    pub(super) fn again(&self) -> Result<(NotebookFile, HostSettings), Failure> {
        let file = NotebookFile::read(&*self.files, &self.path)?;
        let settings = settings(self.host, &file, &self.parameters)?;
        Ok((file, HostSettings { store: self.folder.clone(), ..settings }))
    }

    /// Calls something with what a run looks at in this process.
    pub(super) fn with_surroundings<T>(&self, call: impl FnOnce(&Surroundings<'_>) -> T) -> T {
        let other = |subject: &Subject| self.host.observe(subject);
        let fetch = |key: &Key| self.asked.borrow_mut().insert(*key) && self.remote.fetch(&self.store, key);
        call(&Surroundings { files: &*self.files, known: &self.known, other: &other, fetch: &fetch })
    }

    /// Tells what each cell is, without running or importing anything.
    pub(super) fn plan(&self, file: &NotebookFile, settings: &HostSettings) -> Vec<CellOutcome> {
        self.with_surroundings(|surroundings| {
            plan_notebook(&self.store, &file.notebook, &file.graph, &settings.notebook, surroundings)
        })
    }

    /// The digest of a file's content, or of its absence.
    pub(super) fn digest_of(&self, path: &Path) -> Digest {
        self.known.content(path, None).0
    }

    /// The path of a subject that is a file.
    pub(super) fn path_of(&self, subject: &Subject, settings: &HostSettings) -> Option<PathBuf> {
        self.with_observer(settings, |observer| subject.place().map(|place| observer.path_of(place)))
    }

    /// What a file that was looked at is like now.
    pub(super) fn look_again(&self, seen: &Seen, settings: &HostSettings) -> Digest {
        self.with_observer(settings, |observer| observer.observe(&seen.subject, Some(seen)).digest)
    }

    fn with_observer<T>(&self, settings: &HostSettings, call: impl FnOnce(&mut FileObserver<'_>) -> T) -> T {
        call(&mut FileObserver {
            files: &self.known,
            project: &settings.notebook.project,
            working_directory: Some(&settings.notebook.working_directory),
            other: &mut |subject| self.host.observe(subject),
        })
    }
}

fn settings(
    host: &dyn NotebookHost,
    file: &NotebookFile,
    parameters: &[(String, String)],
) -> Result<HostSettings, Failure> {
    let codes = || file.notebook.cells.iter().filter_map(|cell| cell.code.as_ref().ok());
    for (name, _) in parameters {
        if !codes().any(|code| code.binds.contains(name)) {
            return Err(Failure::usage(format!(
                "no cell of {} gives {} a value",
                file.shown(),
                words::name(name)
            ))
            .hint("a parameter takes the place of the value that a cell gives its name"));
        }
    }
    let header = file.notebook.header.as_deref();
    host.settings(&file.path, header, parameters).map_err(|why| Failure::usage(visible(&why)))
}

fn open_store(
    common: &Common,
    folder: &Path,
    context: &mut Context<'_>,
    purpose: Purpose,
) -> Result<(Store, Vec<String>), Failure> {
    if purpose == Purpose::Look {
        let (store, absent) = look_at_store(folder, common.store.is_some(), context)?;
        return Ok((store, absent.into_iter().map(|absent| format!("note: {absent}")).collect()));
    }
    match make_store(folder, context) {
        Ok(store) => {
            let notices = store.notices().iter();
            let notes = notices.map(|notice| format!("note: {}", visible(&notice.to_string()))).collect();
            Ok((store, notes))
        }
        // Where nothing can be kept, the notebook runs all the same.
        Err(failure) if common.store.is_none() => {
            let store = Store::open(Arc::new(Memory::new()), folder, SealKey::from_bytes([0; 32]))?;
            Ok((store, vec![format!("note: nothing is kept of this run: {}", failure.message)]))
        }
        Err(failure) => Err(failure),
    }
}
