//! The person's source files, as far as traces ask for them: read and analysed once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hozon_format::Digest;
use hozon_key::pins::{Pin, pinned};
use hozon_key::{Node, NodeKind, Seen, Subject};
use hozon_syntax::{Dialect, Module, analyse};
use hozon_sys::UserFiles;

use crate::observe::{KnownFiles, of_absence};

/// Source files that were analysed. Nothing is imported and nothing runs.
#[derive(Debug, Clone)]
pub struct CodeFiles<'a> {
    files: &'a dyn UserFiles,
    known: &'a KnownFiles,
    /// How much of versions counts.
    pin: Pin,
    modules: HashMap<PathBuf, Option<Arc<Module>>>,
}

impl<'a> CodeFiles<'a> {
    /// Starts knowing no file. Of versions, all counts.
    pub fn new(files: &'a dyn UserFiles, known: &'a KnownFiles) -> Self {
        Self { files, known, pin: Pin::Patch, modules: HashMap::new() }
    }

    /// Has so much of versions count.
    pub fn count_versions_at(&mut self, pin: Pin) {
        self.pin = pin;
    }

    /// Looks at a definition, a variable or all code of the file at `path`. A file that has the stamp it
    /// had when somebody looked before is not read.
    pub fn observe(&mut self, subject: &Subject, path: &Path, last: Option<&Seen>) -> Seen {
        let stamp = self.known.stamp(path);
        if let (Some(last), Some(stamp)) = (last, stamp)
            && last.stamp == Some(stamp)
        {
            return last.clone();
        }
        let digest =
            self.module(path).and_then(|module| self.digest_in(&module, subject)).unwrap_or_else(of_absence);
        let unchanged = stamp.is_some() && self.known.stamp(path) == stamp;
        let stamp = stamp.filter(|stamp| unchanged && self.known.proves(stamp));
        Seen { subject: subject.clone(), digest, stamp }
    }

    /// Adds the lines that definitions stand on to the places in a recipe that holds a trace: the trace
    /// itself knows files only, since a line says nothing of what is there.
    pub fn add_lines(&mut self, recipe: &mut Node, project: &Path) {
        let Some(observed) = recipe.children.last_mut() else { return };
        for node in observed.children.iter_mut().filter(|node| node.kind == NodeKind::Helper) {
            let Some(place) = &node.place else { continue };
            let line = self.module(&project.join(place)).and_then(|module| module.line_of(&node.label));
            if let Some(line) = line {
                node.place = Some(format!("{place}:{line}"));
            }
        }
    }

    fn digest_in(&self, module: &Module, subject: &Subject) -> Option<Digest> {
        match subject {
            Subject::Definition(_, name) => module.code_of(name),
            Subject::Variable(_, name) => module.plain_variable(name).map(|variable| variable.digest),
            Subject::Version(_) => {
                module.version().map(|version| Digest::of(pinned(version, self.pin).as_bytes()))
            }
            _ => Some(module.whole().digest),
        }
    }

    /// Returns the analysed file; none if it cannot be read or is no Python.
    pub fn module(&mut self, path: &Path) -> Option<Arc<Module>> {
        let files = self.files;
        self.modules.entry(path.to_owned()).or_insert_with(|| read_module(files, path).map(Arc::new)).clone()
    }
}

fn read_module(files: &dyn UserFiles, path: &Path) -> Option<Module> {
    let mut bytes = Vec::new();
    files.read_pieces(path, &mut |piece| bytes.extend_from_slice(piece)).ok()?;
    // Sources in other encodings are not known without running: they are as if they were gone.
    analyse(std::str::from_utf8(&bytes).ok()?, Dialect::Python).ok()
}
