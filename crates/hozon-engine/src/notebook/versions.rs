//! What every name of a notebook is at one moment of its run: which cell made it, and what it is.

use std::collections::{BTreeMap, BTreeSet};

use hozon_format::{CellRecord, Digest, GroupRecord, Hasher, Key, NameKind, NameRecord};
use hozon_syntax::{CellCode, shown_values_meant};

use super::settings::Parameter;

/// Stands among deferred names for all names of the notebook: code that finds names while it runs.
const EVERY_NAME: &str = "*";

/// The names of a notebook and what else later cells may notice, at one moment of its run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Versions {
    names: BTreeMap<String, State>,
    /// Values that share objects. Those whose values are gone stay, and count for nothing.
    links: Vec<Link>,
    /// States of random generators that cells have left.
    pub(crate) random: BTreeMap<String, Digest>,
    /// What cells have set for the whole process: options of libraries, the working directory.
    pub(crate) process: BTreeMap<String, Digest>,
    /// Environment variables that cells have set.
    pub(crate) variables: BTreeMap<String, Digest>,
    /// What cells read that have put code on libraries: it may read that whenever a later cell runs.
    read_behind: BTreeSet<String>,
    /// The names that values which cells show are kept under, in the order of the cells.
    shown: Vec<String>,
}

/// What a name is.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "nearly all are values that are known")]
pub(crate) enum State {
    /// It has a value that is known.
    Known(Version),
    /// The cell with this position has to run before anyone can tell.
    Pending(usize),
}

/// A value of a name.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    /// The position of the cell that made it.
    pub(crate) cell: usize,
    /// The entry that it is kept in; none if that cell's results are not stored.
    pub(crate) entry: Option<Key>,
    /// What is known of it.
    pub(crate) record: NameRecord,
    /// The expression that it comes from, if it is a parameter.
    pub(crate) parameter: Option<String>,
}

/// Values that share objects: names, each with the position of the cell that made its value.
#[derive(Debug, Clone)]
struct Link {
    values: Vec<(String, usize)>,
    pattern: Digest,
}

/// The names that share objects with some, and what tells this sharing from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sharing {
    /// Sorted; those that were asked for are among them only if they share something.
    pub(crate) names: BTreeSet<String>,
    /// Of how they share objects, and of what each of them is: a cell that changes one gives all of them.
    pub(crate) digest: Digest,
    /// One of them enters no digest.
    pub(crate) is_uncertain: bool,
}

/// How a value enters a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// By its digest.
    Value(Digest),
    /// By the entry of the cell that made it.
    Path(Key),
    /// Not at all: it has no digest, and its cell has no entry.
    Uncertain,
}

impl Sharing {
    /// What tells it from any other.
    pub(crate) fn known_digest(&self) -> Option<Digest> {
        (!self.is_uncertain).then_some(self.digest)
    }
}

impl Version {
    pub(crate) fn input(&self) -> Input {
        match (self.record.digest, self.entry) {
            (Some(digest), _) => Input::Value(digest),
            (None, Some(entry)) => Input::Path(entry),
            (None, None) => Input::Uncertain,
        }
    }
}

impl Versions {
    /// Starts knowing nothing. `shown`: the names that values which cells show are kept under, in the order of
    /// the cells.
    pub(crate) fn new(shown: Vec<String>) -> Self {
        Self { shown, ..Self::default() }
    }

    /// Returns which of some names are values that cells have shown, in their order.
    pub(crate) fn shown_among(&self, names: &[String]) -> Vec<String> {
        self.shown.iter().filter(|name| names.contains(name)).cloned().collect()
    }

    /// Returns the names of the values that have been shown last, of which one that no cell has given a value
    /// may mean so many.
    fn last_shown(&self, name: &str) -> impl Iterator<Item = String> {
        let count = shown_values_meant(name).unwrap_or(0);
        self.shown.iter().rev().filter(|name| self.names.contains_key(*name)).take(count).cloned()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&State> {
        self.names.get(name)
    }

    /// Returns all names, sorted.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&String, &State)> {
        self.names.iter()
    }

    /// Returns the value of a name, if that is known.
    pub(crate) fn known(&self, name: &str) -> Option<&Version> {
        match self.names.get(name)? {
            State::Known(version) => Some(version),
            State::Pending(_) => None,
        }
    }

    /// Returns the names of the notebook that a cell may read: those in its text, and those that code in
    /// their values reads when it is called. Sorted.
    pub(crate) fn inputs(&self, code: &CellCode) -> Vec<String> {
        let waiting = if code.uses_dynamic_names {
            self.names.keys().cloned().collect()
        } else if code.only_definitions && !self.has_values_among(&code.immediate_reads) {
            // Nothing is called: what the functions read counts where they are called.
            code.immediate_reads.iter().cloned().collect()
        } else {
            let reads = code.reads.iter().map(|read| &read.path[0]);
            reads.chain(&code.deletes).cloned().collect()
        };
        self.with_deferred(waiting).into_iter().collect()
    }

    /// Returns the names of the notebook that code which cells have put on libraries may read, whoever calls it.
    pub(crate) fn read_behind(&self) -> BTreeSet<String> {
        self.with_deferred(self.read_behind.iter().cloned().collect())
    }

    /// Returns those of some names that are there, with those that code in their values reads when it is called.
    fn with_deferred(&self, mut waiting: Vec<String>) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        while let Some(name) = waiting.pop() {
            let Some(state) = self.names.get(&name) else {
                waiting.extend(self.last_shown(&name));
                continue;
            };
            if !found.insert(name) {
                continue;
            }
            if let State::Known(version) = state {
                let deferred = &version.record.deferred;
                if deferred.iter().any(|name| name == EVERY_NAME) {
                    waiting.extend(self.names.keys().cloned());
                }
                waiting.extend(deferred.iter().cloned());
            }
        }
        found
    }

    /// Notes that what a cell did only running it does again: code that it put on a library may be called by
    /// any later cell.
    pub(crate) fn note_set_by_running(&mut self, code: &CellCode) {
        self.read_behind.extend(code.reads.iter().map(|read| read.path[0].clone()));
    }

    /// Tells whether names of the notebook that are more than modules are among some: decorators may be.
    fn has_values_among(&self, names: &BTreeSet<String>) -> bool {
        names.iter().any(|name| self.names.contains_key(name) && !self.is_module(name))
    }

    /// Takes over what a cell did. `parameters` are those that take the place of what it gives names.
    pub(crate) fn apply(
        &mut self,
        cell: usize,
        entry: Option<Key>,
        record: &CellRecord,
        parameters: &[&Parameter],
    ) {
        let links: Vec<Link> =
            record.groups.iter().filter_map(|group| self.link(cell, record, group)).collect();
        for name in &record.deleted {
            self.names.remove(name);
        }
        for name in &record.names {
            let version = Version { cell, entry, record: name.clone(), parameter: None };
            self.names.insert(name.name.clone(), State::Known(version));
            if let Some(parameter) = parameters.iter().find(|parameter| parameter.name == name.name) {
                self.set_parameter(cell, parameter);
            }
        }
        self.links.extend(links);
        self.random.extend(record.random.iter().cloned());
        self.process.extend(record.process.iter().cloned());
        self.variables.extend(record.variables.iter().cloned());
    }

    /// What the values of a group share with each other and with what the cell found.
    fn link(&self, cell: usize, record: &CellRecord, group: &GroupRecord) -> Option<Link> {
        let pattern = group.pattern?;
        let own = group.names.iter().map(|name| (name.clone(), cell));
        let found = group.shares.iter().filter_map(|name| {
            let maker = if record.name(name).is_some() { cell } else { self.known(name)?.cell };
            Some((name.clone(), maker))
        });
        Some(Link { values: own.chain(found).collect(), pattern })
    }

    /// Returns the names that share objects with some, directly or through others.
    pub(crate) fn sharing(&self, inputs: &[String]) -> Sharing {
        let is_there =
            |(name, cell): &&(String, usize)| self.known(name).is_some_and(|now| now.cell == *cell);
        let links: Vec<(BTreeSet<&str>, &Digest)> = self
            .links
            .iter()
            .map(|link| {
                let names = link.values.iter().filter(is_there).map(|(name, _)| name.as_str());
                (names.collect::<BTreeSet<&str>>(), &link.pattern)
            })
            .filter(|(names, _)| names.len() > 1)
            .collect();
        let mut reached: BTreeSet<&str> = inputs.iter().map(String::as_str).collect();
        let mut used = BTreeSet::new();
        loop {
            let touches = |at: &usize| !used.contains(at) && !links[*at].0.is_disjoint(&reached);
            let Some(at) = (0..links.len()).find(touches) else { break };
            used.insert(at);
            reached.extend(&links[at].0);
        }
        let mut parts: Vec<Vec<u8>> = used.iter().map(|at| part_of(&links[*at])).collect();
        parts.sort();
        let mut hasher = Hasher::in_domain("hozon 2026 shared objects v2");
        parts.iter().for_each(|part| {
            hasher.update(part);
        });
        let names: BTreeSet<&str> = used.iter().flat_map(|at| links[*at].0.iter().copied()).collect();
        let mut is_uncertain = false;
        for version in names.iter().filter_map(|name| self.known(name)) {
            match version.input() {
                Input::Value(digest) => hasher.update(&[0]).update(digest.as_bytes()),
                Input::Path(entry) => hasher.update(&[1]).update(entry.as_bytes()),
                Input::Uncertain => {
                    is_uncertain = true;
                    &mut hasher
                }
            };
        }
        let names = names.into_iter().map(str::to_owned).collect();
        Sharing { names, digest: hasher.finish(), is_uncertain }
    }

    fn set_parameter(&mut self, cell: usize, parameter: &Parameter) {
        let record = NameRecord {
            name: parameter.name.clone(),
            digest: Some(parameter.digest),
            kind: NameKind::Live { why: "it is a parameter".to_owned() },
            deferred: vec![],
            shown: parameter.source.clone(),
        };
        let version = Version { cell, entry: None, record, parameter: Some(parameter.source.clone()) };
        self.names.insert(parameter.name.clone(), State::Known(version));
    }

    /// Notes that a cell will run: what it may give or change is not known until then.
    pub(crate) fn expect(&mut self, cell: usize, code: &CellCode) {
        for name in code.binds.iter().chain(&code.mutates) {
            if code.binds.contains(name) || self.names.contains_key(name) {
                self.names.insert(name.clone(), State::Pending(cell));
            }
        }
    }

    /// Notes that a cell gives nothing: it failed, or will not run. Modules stay: that it calls functions of
    /// one makes nobody depend on it who calls others.
    pub(crate) fn give_up(&mut self, cell: usize, code: &CellCode) {
        for name in code.binds.iter().chain(&code.mutates) {
            let is_given = code.binds.contains(name);
            if is_given || (self.names.contains_key(name) && !self.is_module(name)) {
                self.names.insert(name.clone(), State::Pending(cell));
            }
        }
    }

    /// Notes that a cell was stopped: what it has not come to is not there. What it changed until then is
    /// known from its record.
    pub(crate) fn leave_unbound(&mut self, cell: usize, code: &CellCode) {
        for name in &code.binds {
            self.names.insert(name.clone(), State::Pending(cell));
        }
    }

    fn is_module(&self, name: &str) -> bool {
        self.known(name).is_some_and(|version| matches!(version.record.kind, NameKind::Module { .. }))
    }
}

/// A link as bytes that no other link has.
fn part_of((names, pattern): &(BTreeSet<&str>, &Digest)) -> Vec<u8> {
    let mut bytes = (names.len() as u64).to_le_bytes().to_vec();
    for name in names {
        bytes.extend((name.len() as u64).to_le_bytes());
        bytes.extend(name.as_bytes());
    }
    bytes.extend(pattern.as_bytes());
    bytes
}
