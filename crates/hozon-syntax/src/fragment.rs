//! What is known of a piece of code: its digest and what it takes from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hozon_format::Digest;

/// A piece of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The digest of its syntax tree, without comments, layout and positions.
    pub digest: Digest,
    /// The names that it takes from outside, sorted, each path once.
    pub reads: Vec<Read>,
    /// The imports that run in it, in the functions and classes inside it too; sorted, each once.
    pub imports: Vec<Import>,
    /// It may read names that cannot be seen in its text: `eval`, `exec`, `globals`, `locals`, `vars`,
    /// `getattr` with a computed name, `__import__`, `importlib`, `sys.modules`, notebook magics.
    pub uses_dynamic_names: bool,
    /// What it uses to run code that its text does not show: `exec`, a computed module's name,
    /// `run_path`, `sys.modules`, frames. Sorted, each once.
    pub unseen: Vec<String>,
    /// The attributes that it uses of whatever it has at hand, results of calls included; sorted, each once.
    pub attributes: Arc<[String]>,
}

/// A name taken from outside, with the attributes read from it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Read {
    /// `np.linalg.norm` is `["np", "linalg", "norm"]`. Never empty.
    pub path: Vec<String>,
    /// What the path leads to is used as a value, not only called.
    pub bare: bool,
}

/// An import statement, one alias of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Import {
    /// The module, as written: empty for `from . import x`.
    pub module: String,
    /// How many dots stand before it.
    pub level: u32,
    /// The name taken from the module, `*` included; none for `import module`.
    pub name: Option<String>,
    /// The name that it gets here; `*` where that is unknown.
    pub bound_as: String,
    /// What is read of it, as paths that begin with `bound_as`; none where all of it may be used, or where
    /// nothing is read: it is imported for what it does then.
    pub uses: Option<Vec<Vec<String>>>,
}

impl Import {
    /// Tells whether this is the machinery that imports by computed names.
    pub(crate) fn is_of_importlib(&self) -> bool {
        self.level == 0 && self.module.split('.').next() == Some("importlib")
    }

    /// Tells whether this import gives its module a name of its own: `import a.b` gives one to `a`.
    pub fn names_its_module(&self) -> bool {
        !self.module.contains('.') || self.module.split('.').next() != Some(self.bound_as.as_str())
    }
}

/// Gathers what a fragment takes from outside.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    reads: BTreeMap<Vec<String>, bool>,
    imports: BTreeSet<Import>,
    dynamic: bool,
    unseen: BTreeSet<String>,
    attributes: BTreeSet<String>,
}

impl Collector {
    pub(crate) fn read(&mut self, path: &[&str], bare: bool) {
        let known = self.reads.entry(path.iter().map(|part| (*part).to_owned()).collect()).or_default();
        *known |= bare;
        self.dynamic |= is_dynamic(path);
    }

    pub(crate) fn import(&mut self, import: &Import) {
        self.dynamic |= import.is_of_importlib();
        self.imports.insert(import.clone());
    }

    /// Tells whether the code may read names that its text does not show.
    pub(crate) fn is_dynamic(&self) -> bool {
        self.dynamic
    }

    pub(crate) fn mark_dynamic(&mut self) {
        self.dynamic = true;
    }

    pub(crate) fn mark_unseen(&mut self, name: &str) {
        self.dynamic = true;
        self.unseen.insert(name.to_owned());
    }

    pub(crate) fn uses_attribute(&mut self, name: &str) {
        if !self.attributes.contains(name) {
            self.attributes.insert(name.to_owned());
        }
    }

    pub(crate) fn finish(self, digest: Digest) -> Fragment {
        Fragment {
            digest,
            reads: self.reads.into_iter().map(|(path, bare)| Read { path, bare }).collect(),
            imports: self.imports.into_iter().collect(),
            uses_dynamic_names: self.dynamic,
            unseen: self.unseen.into_iter().collect(),
            attributes: self.attributes.into_iter().collect(),
        }
    }
}

/// Functions and attributes that lead to code by its place, by a text, or by what happens to be loaded.
const UNSEEN: [&str; 19] = [
    "import_module",
    "spec_from_file_location",
    "exec_module",
    "load_module",
    "resolve_name",
    "iter_modules",
    "walk_packages",
    "entry_points",
    "run_path",
    "run_module",
    "_getframe",
    "currentframe",
    "f_globals",
    "f_locals",
    "f_back",
    "get_objects",
    "get_referrers",
    "__globals__",
    "__subclasses__",
];

/// Returns the name of what runs code that no text shows, if a path leads to it.
///
/// Methods count by their name alone: what they are called on is mostly an import of the same function.
pub(crate) fn unseen_name<'a>(path: &[&'a str], is_free: bool) -> Option<&'a str> {
    match path {
        [name] if is_free && ["exec", "__import__"].contains(name) => Some(name),
        ["sys", "modules", ..] => Some("sys.modules"),
        // What is looked up on it, too: `frame.f_globals["name"]`, `module.__globals__.get`.
        rest => rest.iter().find(|name| UNSEEN.contains(name)).copied(),
    }
}

/// Tells whether a path leads to something that finds names while it runs.
fn is_dynamic(path: &[&str]) -> bool {
    const FUNCTIONS: [&str; 6] = ["eval", "exec", "globals", "locals", "vars", "__import__"];
    match path {
        ["builtins" | "__builtins__", name, ..] | [name] if FUNCTIONS.contains(name) => true,
        ["importlib", ..] | ["sys", "modules", ..] => true,
        _ => false,
    }
}
