//! What the command needs from the program that holds it.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hozon_engine::{Executor, NotebookSettings, Remote};
use hozon_format::{Digest, SealKey};
use hozon_key::Subject;
use hozon_store::{Bound, Keyring};
use hozon_sys::{System, UserFiles};

/// Tells how large the store in a folder may get, or in a sentence why that cannot be told.
pub type BoundOf<'a> = Box<dyn Fn(&Path) -> Result<Bound, String> + 'a>;

/// Opens the tiers that stand behind the store in a folder.
pub type TiersOf<'a> = Box<dyn Fn(&Path) -> Remote + 'a>;

/// Everything that the command would otherwise take from its surroundings.
pub struct Context<'a> {
    /// Files and clock.
    pub system: Arc<dyn System>,
    /// The user's own files: notebooks, and what their cells read.
    pub files: Arc<dyn UserFiles>,
    /// What the verbs on notebooks need; without it there are none.
    pub notebooks: Option<&'a dyn NotebookHost>,
    /// The store that is used without `--store`.
    pub default_store: PathBuf,
    /// Gives the user's seal key, or says in a sentence why there is none. Called once, if a store is
    /// opened.
    pub load_seal_key: Box<dyn FnOnce() -> Result<SealKey, String> + 'a>,
    /// The user's other keys: what the user signs with, and whom the user trusts.
    pub keyring: Keyring,
    /// The file of that key, for `doctor` to look at; `None`: there is none.
    pub seal_key_file: Option<PathBuf>,
    /// The version of Python that the command was started with, if it was.
    pub python: Option<String>,
    /// Tells how large the store in a folder may get, or says in a sentence what is wrong with the
    /// configuration.
    pub bound_of: BoundOf<'a>,
    /// Opens the tiers that stand behind the store in a folder, by the user's configuration.
    pub tiers_of: TiersOf<'a>,
    /// Who uses the command, for the records of what a person accepts.
    pub user: String,
    /// Where answers to questions come from: standard input if it is a terminal, else nothing.
    pub answers: Option<&'a mut dyn BufRead>,
    /// Where results go.
    pub stdout: &'a mut dyn Write,
    /// Where errors, hints, notes and questions go.
    pub stderr: &'a mut dyn Write,
    /// The number of columns of the terminal that `stdout` is, if it is one.
    pub width: Option<usize>,
    /// The number of columns of the terminal that `stderr` is, if it is one: progress is drawn there.
    pub stderr_width: Option<usize>,
}

/// What the verbs on notebooks need of the program that holds the command.
pub trait NotebookHost {
    /// Tells what a notebook's cells are keyed and run with, beside the text. `header` is the text of its
    /// PEP 723 header, if it has one; `parameters` are names and values as they were written.
    ///
    /// # Errors
    /// What is wrong with the header or a parameter: a sentence for people.
    fn settings(
        &self,
        notebook: &Path,
        header: Option<&str>,
        parameters: &[(String, String)],
    ) -> Result<HostSettings, String>;

    /// Gives the digest of a subject that is neither file nor code: the environment, above all.
    fn observe(&self, subject: &Subject) -> Digest;

    /// Starts a process that runs the cells of one notebook.
    ///
    /// # Errors
    /// Why there is none: a sentence for people.
    fn start(&self, notebook: &Path, settings: &HostSettings) -> Result<Box<dyn Executor>, String>;

    /// Tells whether the person has asked to stop since the last call.
    fn interrupted(&self) -> bool;
}

/// The settings of a notebook, and the store that its results go to.
#[derive(Debug, Clone)]
pub struct HostSettings {
    /// The folder of the store.
    pub store: PathBuf,
    /// What enters the keys of all cells, and where files are.
    pub notebook: NotebookSettings,
}
