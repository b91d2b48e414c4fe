//! The definitions of a project as its files hold them now. Nothing is imported and nothing is run.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use hozon_format::Digest;
use hozon_key::{Node, NodeKind, definition_digest};
use hozon_syntax::{Definition, DefinitionKind, Dialect, Module, analyse};
use hozon_sys::{FileKind, System};

/// A definition as a file holds it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Present {
    pub(crate) digest: Digest,
    pub(crate) text: String,
    pub(crate) place: String,
}

/// Why the present code of a part of a recipe cannot be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Untold {
    /// No file of that name, or none that can be read.
    NoFile(String),
    /// The file has no such definition any more.
    NoDefinition(String),
    /// Several definitions have the name.
    Several(String),
    /// It is not known by its source.
    NotBySource,
}

/// Folders that hold no code of the person's own.
const FOREIGN_FOLDERS: [&str; 8] =
    ["__pycache__", "node_modules", "site-packages", "venv", "env", "target", "build", "dist"];
const MOST_FOLDERS: usize = 5_000;
const MOST_SOURCE_BYTES: u64 = 16 << 20;

/// The files of a project, read when they are asked for.
pub(crate) struct Sources<'s> {
    system: &'s dyn System,
    by_name: HashMap<String, Vec<PathBuf>>,
    modules: HashMap<PathBuf, Option<(String, Module)>>,
}

impl<'s> Sources<'s> {
    /// Lists the Python files below `folder`; only `file`, if it is given.
    pub(crate) fn new(system: &'s dyn System, folder: &Path, file: Option<&Path>) -> Self {
        let mut by_name: HashMap<String, Vec<PathBuf>> = HashMap::new();
        let files = match file {
            Some(file) => vec![file.to_owned()],
            None => python_files(system, folder),
        };
        for path in files {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            by_name.entry(name.unwrap_or_default()).or_default().push(path);
        }
        Self { system, by_name, modules: HashMap::new() }
    }

    /// Finds the present code of a part of a recipe; `block` is the name of the block that it is the
    /// body of.
    pub(crate) fn present(&mut self, node: &Node, block: Option<&str>) -> Result<Present, Untold> {
        let file = node.place.as_deref().and_then(|place| place.rsplit_once(':')).map(|(file, _)| file);
        let Some(file) = file else { return Err(Untold::NotBySource) };
        let paths = self.by_name.get(file).cloned().unwrap_or_default();
        let mut found = Vec::new();
        let mut was_read = false;
        for path in paths {
            let Some((text, module)) = self.module(&path) else { continue };
            was_read = true;
            match block {
                Some(name) => found.extend(block_in(text, module, file, name)),
                None => found.extend(definitions_in(text, module, file, node)),
            }
        }
        if !was_read {
            return Err(Untold::NoFile(file.to_owned()));
        }
        if let Some(same) = found.iter().find(|present| Some(present.digest) == node.digest) {
            return Ok(same.clone());
        }
        let digests: BTreeSet<Digest> = found.iter().map(|present| present.digest).collect();
        match (digests.len(), found.into_iter().next()) {
            (1, Some(only)) => Ok(only),
            (0, _) => Err(Untold::NoDefinition(file.to_owned())),
            _ => Err(Untold::Several(file.to_owned())),
        }
    }

    fn module(&mut self, path: &Path) -> Option<&(String, Module)> {
        let system = self.system;
        let read = || {
            let bytes = system.read(path, MOST_SOURCE_BYTES).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
            let module = analyse(&text, Dialect::Python).ok()?;
            Some((text, module))
        };
        self.modules.entry(path.to_owned()).or_insert_with(read).as_ref()
    }
}

fn python_files(system: &dyn System, folder: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files, mut seen) = (vec![folder.to_owned()], vec![], 0);
    while let Some(folder) = folders.pop() {
        seen += 1;
        if seen > MOST_FOLDERS {
            break;
        }
        for (name, kind) in system.list(&folder).unwrap_or_default() {
            let is_own = !name.starts_with('.') && !FOREIGN_FOLDERS.contains(&name.as_str());
            match kind {
                FileKind::Folder if is_own => folders.push(folder.join(&name)),
                FileKind::File if name.ends_with(".py") || name.ends_with(".pyw") => {
                    files.push(folder.join(&name));
                }
                _ => {}
            }
        }
    }
    files
}

fn definitions_in(text: &str, module: &Module, file: &str, node: &Node) -> Vec<Present> {
    let is_meant = |definition: &&Definition| {
        let is_class = definition.kind == DefinitionKind::Class;
        definition.qualname == node.label && is_class == (node.kind == NodeKind::Class)
    };
    let present = |definition: &Definition| {
        let counted = definition.decorators.iter().filter(|decorator| !is_of_hozon(module, decorator));
        Present {
            digest: definition_digest(&definition.body.digest, counted.map(|decorator| &decorator.digest)),
            text: lines(text, definition.first_line, definition.last_line),
            place: format!("{file}:{}", definition.line),
        }
    };
    module.definitions().iter().filter(is_meant).map(present).collect()
}

/// Tells whether a decorator is one of hozon's: those are no part of a definition's digest.
fn is_of_hozon(module: &Module, decorator: &hozon_syntax::Fragment) -> bool {
    let imports = &module.whole().imports;
    decorator.reads.iter().any(|read| {
        let is_bound = |import: &hozon_syntax::Import| {
            import.bound_as == read.path[0] && import.module.split('.').next() == Some("hozon")
        };
        imports.iter().any(is_bound)
    })
}

/// The body of the block that is given its name on some line of the file.
fn block_in(text: &str, module: &Module, file: &str, name: &str) -> Vec<Present> {
    let quoted = [format!("\"{name}\""), format!("'{name}'")];
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if !quoted.iter().any(|name| line.contains(name)) {
            continue;
        }
        let number = index as u32 + 1;
        if let Ok(block) = module.block_at(number, None) {
            let text = lines(text, number, block.body_end.line);
            found.push(Present { digest: block.body.digest, text, place: format!("{file}:{number}") });
        }
    }
    found
}

fn lines(text: &str, first: u32, last: u32) -> String {
    let count = (last.saturating_sub(first) + 1) as usize;
    text.lines().skip(first.saturating_sub(1) as usize).take(count).collect::<Vec<_>>().join("\n")
}
