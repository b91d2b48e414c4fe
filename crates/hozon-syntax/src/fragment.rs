//! What is known of a piece of code: its digest and what it takes from outside.

use std::collections::{BTreeMap, BTreeSet};

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
}

/// Gathers what a fragment takes from outside.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    reads: BTreeMap<Vec<String>, bool>,
    imports: BTreeSet<Import>,
    dynamic: bool,
}

impl Collector {
    pub(crate) fn read(&mut self, path: &[&str], bare: bool) {
        let known = self.reads.entry(path.iter().map(|part| (*part).to_owned()).collect()).or_default();
        *known |= bare;
        self.dynamic |= is_dynamic(path);
    }

    pub(crate) fn import(&mut self, import: &Import) {
        self.dynamic |= import.level == 0 && import.module.split('.').next() == Some("importlib");
        self.imports.insert(import.clone());
    }

    pub(crate) fn mark_dynamic(&mut self) {
        self.dynamic = true;
    }

    pub(crate) fn finish(self, digest: Digest) -> Fragment {
        Fragment {
            digest,
            reads: self.reads.into_iter().map(|(path, bare)| Read { path, bare }).collect(),
            imports: self.imports.into_iter().collect(),
            uses_dynamic_names: self.dynamic,
        }
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
