//! Which computations a function, a file or a line of it means.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use hozon_engine::Memory;
use hozon_format::Digest;
use hozon_key::{Node, NodeKind, known, observed};
use hozon_store::{Store, Summary};
use hozon_syntax::{Definition, DefinitionKind, Dialect, NotebookFormat, analyse, read_notebook};
use hozon_sys::System;

/// So many entries are looked through, the newest first.
const MOST_READ: usize = 10_000;

/// A longer file is no source that a person points into.
const MOST_SOURCE_BYTES: u64 = 16 << 20;

/// A file on the command line, perhaps with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) path: PathBuf,
    /// Recipes know files by their last part alone.
    pub(crate) file: String,
    pub(crate) line: Option<u32>,
}

/// A stored computation and its recipe.
pub(crate) type Known<'a> = (&'a Summary, Rc<Node>);

impl Spot {
    /// Reads `utils.py` or `src/utils.py:12`; other words are no files.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        let (path, line) = match word.rsplit_once(':') {
            Some((path, line)) if line.parse::<u32>().is_ok() => (path, line.parse().ok()),
            _ => (word, None),
        };
        let file = path.rsplit(['/', '\\']).next()?;
        let is_source = [".py", ".pyw", ".ipynb"].iter().any(|end| file.ends_with(end));
        is_source.then(|| Self { path: PathBuf::from(path), file: file.to_owned(), line })
    }
}

/// Reads the recipes of the newest entries.
pub(crate) fn all_known<'a>(store: &Store, memory: &Memory, summaries: &'a [Summary]) -> Vec<Known<'a>> {
    let newest = summaries.iter().take(MOST_READ);
    newest.filter_map(|summary| Some((summary, memory.recipe(store, &summary.key)?))).collect()
}

/// Finds the computations that reach a definition, by its qualified name, the module's name before it
/// or not: `clean`, `Model.fit`, `utils.clean`.
pub(crate) fn by_function<'a>(known: &[Known<'a>], name: &str) -> Vec<Known<'a>> {
    let matches = |node: &Node| {
        let stem = file_of(node).and_then(|file| file.strip_suffix(".py"));
        let with_module = stem.map(|stem| format!("{stem}.{}", node.label));
        is_definition(node) && (node.label == name || with_module.is_some_and(|known| known == name))
    };
    reaching(known, matches)
}

/// Finds the computations that a file or a line of it means.
pub(crate) fn by_spot<'a>(system: &dyn System, known: &[Known<'a>], spot: &Spot) -> Vec<Known<'a>> {
    let in_file = |node: &Node| file_of(node) == Some(spot.file.as_str());
    let Some(line) = spot.line else {
        let own = |node: &Node| node.kind == NodeKind::Computation && in_file(node);
        let standing = reaching(known, own);
        return if standing.is_empty() { reaching(known, in_file) } else { standing };
    };
    for name in names_at(system, &spot.path, line) {
        let found = reaching(known, |node| in_file(node) && is_definition(node) && node.label == name);
        if !found.is_empty() {
            return found;
        }
    }
    if let Some(code) = cell_at(system, &spot.path, line) {
        let found = reaching(known, |node| in_file(node) && is_cell(node) && node.digest == Some(code));
        if !found.is_empty() {
            return found;
        }
    }
    let found = reaching(known, |node| in_file(node) && covers(node, line));
    if found.is_empty() { blocks_above(known, spot, line) } else { found }
}

/// The definitions around a line of a file as it is now, innermost first.
fn names_at(system: &dyn System, path: &Path, line: u32) -> Vec<String> {
    let Ok(bytes) = system.read(path, MOST_SOURCE_BYTES) else { return vec![] };
    let Ok(module) = analyse(&String::from_utf8_lossy(&bytes), Dialect::Python) else { return vec![] };
    let around = |definition: &&Definition| (definition.first_line..=definition.last_line).contains(&line);
    let mut found: Vec<&Definition> = module.definitions().iter().filter(around).collect();
    found.sort_by_key(|definition| {
        (definition.kind == DefinitionKind::Lambda, definition.last_line - definition.first_line)
    });
    found.iter().map(|definition| definition.qualname.clone()).collect()
}

/// The code of the cell that holds a line of a notebook as it is now.
fn cell_at(system: &dyn System, path: &Path, line: u32) -> Option<Digest> {
    let bytes = system.read(path, MOST_SOURCE_BYTES).ok()?;
    let notebook = read_notebook(&String::from_utf8_lossy(&bytes), &path.to_string_lossy()).ok()?;
    if notebook.format == NotebookFormat::Jupyter {
        // The lines of its file are those of JSON.
        return None;
    }
    let cell = notebook.cells.iter().rev().find(|cell| cell.first_line <= line)?;
    cell.code.as_ref().ok().map(|code| code.digest)
}

/// Tells whether a part of a recipe is the code of a notebook's cell.
fn is_cell(node: &Node) -> bool {
    node.kind == NodeKind::Code && node.label == "cell"
}

/// Tells whether a definition's text, as it was when it ran, holds a line.
fn covers(node: &Node, line: u32) -> bool {
    let (Some(place), Some(text)) = (line_of(node), &node.text) else { return line_of(node) == Some(line) };
    let is_head = |text: &str| {
        let text = text.trim_start();
        ["def ", "async def ", "class "].iter().any(|word| text.starts_with(word))
    };
    // The place of a cell is that of its first line, whatever it holds.
    let above = if is_cell(node) { 0 } else { text.lines().position(is_head).unwrap_or(0) as u32 };
    let first = place.saturating_sub(above);
    (first..first + text.lines().count() as u32).contains(&line)
}

/// The block that begins last above a line: where it ends, its recipe does not say.
fn blocks_above<'a>(known: &[Known<'a>], spot: &Spot, line: u32) -> Vec<Known<'a>> {
    let start = |node: &Node| {
        let is_block = node.kind == NodeKind::Computation && node.text.is_none();
        line_of(node).filter(|start| is_block && file_of(node) == Some(&spot.file) && *start <= line)
    };
    let starts = known.iter().flat_map(|(_, recipe)| definitions(recipe).filter_map(start));
    match starts.max() {
        Some(last) => reaching(known, |node| start(node) == Some(last)),
        None => vec![],
    }
}

fn reaching<'a>(known: &[Known<'a>], matches: impl Fn(&Node) -> bool) -> Vec<Known<'a>> {
    known.iter().filter(|(_, recipe)| definitions(recipe).any(&matches)).cloned().collect()
}

/// The definitions of a recipe: the root, its parts, those of its groups, and what was reached in its run.
pub(crate) fn definitions(recipe: &Node) -> impl Iterator<Item = &Node> {
    let root = known(recipe);
    let parts = root.children.iter().flat_map(|child| {
        let inside: &[Node] = if child.kind == NodeKind::Group { &child.children } else { &[] };
        [child].into_iter().chain(inside)
    });
    let reached = observed(recipe).into_iter().flat_map(|observed| &observed.children);
    [root].into_iter().chain(parts).chain(reached).filter(|node| node.place.is_some())
}

fn is_definition(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Computation | NodeKind::Helper | NodeKind::Class)
}

fn file_of(node: &Node) -> Option<&str> {
    let (path, _) = node.place.as_deref()?.rsplit_once(':')?;
    path.rsplit(['/', '\\']).next()
}

fn line_of(node: &Node) -> Option<u32> {
    node.place.as_deref()?.rsplit_once(':')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_from_names() {
        let spot = |word: &str| Spot::parse(word).map(|spot| (spot.file, spot.line));
        assert_eq!(spot("utils.py"), Some(("utils.py".into(), None)));
        assert_eq!(spot("src/utils.py:12"), Some(("utils.py".into(), Some(12))));
        assert_eq!(spot("C:\\x\\utils.py:3"), Some(("utils.py".into(), Some(3))));
        assert_eq!(
            (spot("features"), spot("Model.fit"), spot("a:b"), spot("utils.pyc")),
            (None, None, None, None)
        );
    }

    #[test]
    fn a_line_belongs_to_the_text_from_its_first_decorator_on() {
        let node = Node::new(NodeKind::Helper, "f")
            .with_place("a.py:12")
            .with_text("@one\n@two\ndef f():\n    pass");
        let covered: Vec<u32> = (8..16).filter(|line| covers(&node, *line)).collect();
        assert_eq!(covered, [10, 11, 12, 13]);
    }
}
