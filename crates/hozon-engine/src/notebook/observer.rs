//! What the subjects of a cell's trace are like at one moment of a notebook's run.

use hozon_format::{Digest, Hasher};
use hozon_key::{Seen, Subject};

use super::distributions::Distributions;
use super::lookup::Asker;
use super::recipe::unseeded;
use super::settings::{NotebookSettings, Surroundings};
use super::versions::Versions;
use crate::code_files::CodeFiles;
use crate::observe::{FileObserver, Observer, of_random_state};

/// Looks at subjects as a cell would find them, without running anything.
pub(crate) struct CellObserver<'o, 'a, 'l> {
    pub(crate) surroundings: &'o Surroundings<'a>,
    pub(crate) settings: &'o NotebookSettings,
    pub(crate) versions: &'o Versions,
    pub(crate) code: &'o mut CodeFiles<'a>,
    pub(crate) distributions: &'o mut Distributions<'a>,
    /// What shares objects with what the cell reads.
    pub(crate) sharing: Digest,
    /// Asks a process that has imported the notebook's modules, if there is one.
    pub(crate) loaded: Option<Asker<'l>>,
    /// What only a process can tell, and none was asked.
    pub(crate) untold: Vec<Subject>,
}

impl Observer for CellObserver<'_, '_, '_> {
    fn observe(&mut self, subject: &Subject, last: Option<&Seen>) -> Seen {
        let mut other = |subject: &Subject| (self.surroundings.other)(subject);
        let mut files = FileObserver {
            files: self.surroundings.known,
            project: &self.settings.project,
            working_directory: Some(&self.settings.working_directory),
            other: &mut other,
        };
        let digest = match subject {
            Subject::Definition(place, _)
            | Subject::Variable(place, _)
            | Subject::Source(place)
            | Subject::Version(place) => {
                return self.code.observe(subject, &files.path_of(place), last);
            }
            Subject::Distribution(name) => self.distributions.digest(name),
            Subject::RandomState(generator) => {
                of_random_state(&self.versions.random.get(generator).copied().unwrap_or_else(unseeded))
            }
            Subject::Environment(name) if self.versions.variables.contains_key(name) => {
                self.versions.variables[name]
            }
            Subject::Sharing => self.sharing,
            Subject::Loaded { .. } => self.loaded_digest(subject),
            _ => return files.observe(subject, last),
        };
        Seen { subject: subject.clone(), digest, stamp: None }
    }
}

impl CellObserver<'_, '_, '_> {
    fn loaded_digest(&mut self, subject: &Subject) -> Digest {
        if let Some(digest) = self.loaded.as_mut().and_then(|loaded| loaded(subject)) {
            return digest;
        }
        self.untold.push(subject.clone());
        Hasher::in_domain("hozon 2026 nobody was asked v1").finish()
    }
}
