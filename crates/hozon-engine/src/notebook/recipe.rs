//! The recipe of a cell, as it is known before the cell runs.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use hozon_format::{Digest, Key};
use hozon_key::pins::{Pin, pinned};
use hozon_key::{Node, NodeKind, key};
use hozon_syntax::{Cell, CellCode};

use super::settings::NotebookSettings;
use super::versions::{Input, Sharing, State, Version, Versions};

/// The key of a cell before it runs, and what it is made of.
#[derive(Debug, Clone)]
pub(crate) struct CellKey {
    pub(crate) key: Key,
    pub(crate) recipe: Node,
    /// The names of the notebook that it may read, sorted.
    pub(crate) inputs: Vec<String>,
    /// Other names that code which earlier cells have put on libraries may read.
    pub(crate) behind: Vec<String>,
    /// A name that enters no key: the cell can be neither restored nor stored.
    pub(crate) uncertain: Option<String>,
    /// What else may change when it changes something in place.
    pub(crate) sharing: Sharing,
}

impl CellKey {
    /// The names that have to be there when the cell runs.
    pub(crate) fn needed(&self) -> Vec<String> {
        let mut all = self.present();
        all.extend(self.behind.iter().cloned());
        all
    }

    /// The names that it may read or change: those in its inputs, and those that share objects with them. Sorted.
    pub(crate) fn present(&self) -> Vec<String> {
        let all: BTreeSet<&String> = self.inputs.iter().chain(&self.sharing.names).collect();
        all.into_iter().cloned().collect()
    }
}

/// What a random generator counts by that no cell has seeded: whatever state its process found it in.
pub fn unseeded() -> Digest {
    static UNSEEDED: LazyLock<Digest> =
        LazyLock::new(|| Digest::of(b"hozon: a generator that nobody has seeded"));
    *UNSEEDED
}

/// Makes the key of a cell; or gives the position of the cell that has to run before it can be made.
pub(crate) fn cell_key(
    cell: &Cell,
    code: &CellCode,
    versions: &Versions,
    settings: &NotebookSettings,
) -> Result<CellKey, usize> {
    let inputs = versions.inputs(code);
    let mut group = Node::new(NodeKind::Group, "inputs");
    let mut uncertain = None;
    let mut add = |group: &mut Node, name: &str, version: &Version| match input_node(name, version) {
        Some(node) => group.children.push(node),
        None => uncertain = Some(name.to_owned()),
    };
    for name in &inputs {
        match versions.get(name) {
            Some(State::Known(version)) => add(&mut group, name, version),
            Some(State::Pending(cell)) => return Err(*cell),
            None => {}
        }
    }
    let mut process = process_node(versions);
    let behind: Vec<String> =
        versions.read_behind().into_iter().filter(|name| !inputs.contains(name)).collect();
    for name in &behind {
        // What gives nothing in this run is there for nobody.
        versions.known(name).into_iter().for_each(|version| add(&mut process, name, version));
    }
    let mut recipe = Node::new(NodeKind::Computation, "");
    recipe.children = fixed_nodes(settings);
    recipe.children.push(code_node(cell, code, settings));
    recipe.children.push(group);
    recipe.children.extend(Some(process).filter(|group| !group.children.is_empty()));
    recipe.children.push(python_node(settings));
    let sharing = versions.sharing(&inputs);
    Ok(CellKey { key: key(&recipe), recipe, inputs, behind, uncertain, sharing })
}

/// How a name enters a key; none if it enters none.
fn input_node(name: &str, version: &Version) -> Option<Node> {
    let node = match version.input() {
        Input::Value(digest) => Node::leaf(NodeKind::Value, name, digest),
        Input::Path(entry) => Node::leaf(NodeKind::Path, name, *entry.digest()),
        Input::Uncertain => return None,
    };
    Some(node.with_shown(version.record.shown.as_str()))
}

fn fixed_nodes(settings: &NotebookSettings) -> Vec<Node> {
    let mut nodes = Vec::new();
    let (version, pin) = &settings.hozon;
    if *pin != Pin::None {
        let digest = Digest::of(pinned(version, *pin).as_bytes());
        nodes.push(Node::leaf(NodeKind::Pin, "hozon", digest).with_shown(format!("hozon {version}")));
    }
    if settings.local_pin != Pin::Code {
        let word = settings.local_pin.word();
        nodes.push(Node::leaf(NodeKind::Pin, "local modules", Digest::of(word.as_bytes())).with_shown(word));
    }
    if let Some(word) = &settings.watching {
        nodes.push(
            Node::leaf(NodeKind::Pin, "watching", Digest::of(word.as_bytes())).with_shown(word.as_str()),
        );
    }
    nodes
}

fn code_node(cell: &Cell, code: &CellCode, settings: &NotebookSettings) -> Node {
    let place = format!("{}:{}", settings.label, cell.first_line);
    let node = Node::leaf(NodeKind::Code, "cell", code.digest).with_text(cell.text.as_str());
    let node = node.with_place(place);
    // What is shown is a result: a semicolon alone makes another one.
    let suppressed = code.last_expression.as_ref().is_some_and(|last| last.suppressed);
    let node = match cell.sources {
        Some(sources) => node.with_child(Node::leaf(NodeKind::Value, "sources of cells", sources)),
        None => node,
    };
    let marks = [
        (cell.settings.capture, "captured"),
        (suppressed, "last value not shown"),
        (cell.shown_as.is_some(), "last value kept"),
    ];
    let marks = marks.into_iter().filter(|(is_set, _)| *is_set);
    marks.fold(node, |node, (_, mark)| node.with_child(Node::new(NodeKind::Name, mark)))
}

/// What earlier cells have set for the whole process.
fn process_node(versions: &Versions) -> Node {
    let mut group = Node::new(NodeKind::Group, "process");
    for (what, digest) in &versions.process {
        group.children.push(Node::leaf(NodeKind::Value, what.as_str(), *digest));
    }
    group
}

fn python_node(settings: &NotebookSettings) -> Node {
    let group = Node::new(NodeKind::Group, "distributions");
    if settings.system_pin == Pin::None {
        return group;
    }
    let digest = Digest::of(pinned(&settings.python, settings.system_pin).as_bytes());
    group
        .with_child(Node::leaf(NodeKind::Distribution, "Python", digest).with_shown(settings.python.as_str()))
}
