//! What a notebook is run with, beside its own text.

use std::path::PathBuf;

use hozon_format::{Digest, Key};
use hozon_key::Subject;
use hozon_key::pins::Pin;
use hozon_sys::UserFiles;

use crate::observe::KnownFiles;

/// What enters the keys of all cells, and where files are.
#[derive(Debug, Clone)]
pub struct NotebookSettings {
    /// What the notebook is called in listings: `analysis.ipynb`.
    pub label: String,
    /// The folder of the project that it belongs to.
    pub project: PathBuf,
    /// The folder that its relative names start from.
    pub working_directory: PathBuf,
    /// hozon's version, and how much of it counts.
    pub hozon: (String, Pin),
    /// Python's version.
    pub python: String,
    /// How much counts of the versions of Python and of distributions.
    pub system_pin: Pin,
    /// How much counts of the versions of local modules, or that their code does.
    pub local_pin: Pin,
    /// `audit` or `off` where runs are watched less than fully.
    pub watching: Option<String>,
    /// Whether what native libraries do with files is seen on this system.
    pub sees_native: bool,
    /// The folders of installed distributions.
    pub site_folders: Vec<PathBuf>,
    /// Results older than so many seconds are not used, unless a cell says otherwise.
    pub ttl: Option<f64>,
    /// Values that take the place of what cells give names.
    pub parameters: Vec<Parameter>,
}

/// A value from outside that a name has instead of what its cell gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The name.
    pub name: String,
    /// The value as a Python expression.
    pub source: String,
    /// The digest of the value.
    pub digest: Digest,
}

/// What a run looks at in this process.
pub struct Surroundings<'a> {
    /// The user's files.
    pub files: &'a dyn UserFiles,
    /// The digests of files that this process has taken.
    pub known: &'a KnownFiles,
    /// Gives the digest of a subject that is neither file nor code: the environment, above all.
    pub other: &'a dyn Fn(&Subject) -> Digest,
    /// Fetches what other machines have of a key into the store, and tells whether anything came.
    pub fetch: &'a dyn Fn(&Key) -> bool,
}
