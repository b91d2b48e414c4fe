//! Code that cannot be followed: what stands for it in a recipe is every local source it may reach.

use hozon_format::Hasher;
use hozon_key::NodeKind;
use pyo3::prelude::*;

use crate::code;
use crate::places::{self, Place};
use crate::process_state::Aspects;
use crate::reach::{Edge, Origin, Target};
use crate::reach_build::{Builder, Scope};
use crate::reach_names::foreign_label;
use crate::walk::Walked;

/// Functions that run code which no text shows, however they are named where they are used.
const FUNCTIONS: [&str; 10] = [
    "builtins:eval",
    "builtins:exec",
    "builtins:__import__",
    "importlib:import_module",
    "importlib._bootstrap_external:spec_from_file_location",
    "runpy:run_path",
    "runpy:run_module",
    "pkgutil:resolve_name",
    "gc:get_objects",
    "sys:_getframe",
];

impl<'py> Builder<'_, 'py> {
    /// A function that runs unseen code, under another name than its own: the text does not show it.
    pub(crate) fn alias_edge(
        &mut self,
        scope: &Scope<'py>,
        found: &Bound<'py, PyAny>,
        path: &[String],
        edges: &mut Vec<Edge>,
    ) -> Walked<()> {
        if path.len() > 1 || !found.is_callable() {
            return Ok(());
        }
        let known = foreign_label(found);
        let own_name = known.rsplit(':').next().unwrap_or_default();
        if own_name == path[0] || !FUNCTIONS.contains(&known.as_str()) {
            return Ok(());
        }
        self.reached.unseen.insert(own_name.to_owned());
        self.whole_module_edge(scope, edges)
    }

    /// Where anything that was reached runs code which cannot be followed, it may be any code at hand:
    /// every source that an import finds in local folders, and every local module that is loaded.
    pub(crate) fn unseen_edges(&mut self) -> Walked<()> {
        if self.reached.unseen.is_empty() && self.walker.unseen.is_empty() {
            return Ok(());
        }
        self.walker.aspects.add(Aspects::OF_ANY_CODE);
        let found = self.py.import("hozon._sources")?.call_method0("local_sources")?;
        let (sources, is_complete): (Vec<(String, String)>, bool) = found.extract()?;
        for (name, file) in sources {
            if places::of_file(self.py, &file)? != Some(Place::Local) {
                continue;
            }
            let number = self.add_definition(NodeKind::Module, name.clone());
            self.reached.definitions[number].own = source_digest(self.py, &name, &file)?;
            self.reached.origins.insert(Origin::Module { file: file.clone() });
            self.edge_of_root(name, number);
        }
        if !is_complete {
            let number = self.add_definition(NodeKind::Module, "local code".to_owned());
            self.reached.definitions[number].own = code::of_this_process(&Hasher::plain().finish());
            self.edge_of_root("more sources than are looked at".to_owned(), number);
        }
        Ok(())
    }

    fn edge_of_root(&mut self, label: String, number: usize) {
        self.reached.definitions[0].edges.push(Edge { label, target: Target::Definition(number) });
    }
}

fn source_digest(py: Python<'_>, name: &str, file: &str) -> PyResult<hozon_format::Digest> {
    if let Some(source) = code::source_of(py, file, name)? {
        return source.unproved(py, source.module.whole().digest);
    }
    let mut hasher = Hasher::in_domain("hozon 2026 recipe 1: a file that is no source");
    let content: Vec<u8> = py.import("hozon._sources")?.call_method1("content_of", (file,))?.extract()?;
    Ok(hasher.update(&content).finish())
}
