//! What has to be in the process before a cell can run there, and the steps that bring it.

use std::collections::{BTreeMap, BTreeSet};

use hozon_format::{Key, NameKind};

use super::executor::Step;
use super::lookup::Walk;
use super::presence::Presence;
use super::versions::Version;

/// Values by the rank and position of the cell that made them.
pub(crate) type Wanted = BTreeMap<(usize, usize), BTreeSet<String>>;

/// Collects the values that are needed for others.
pub(crate) struct Needs<'w, 'a> {
    pub(crate) walk: &'w Walk<'a>,
    /// The place of each cell in the order of the run.
    pub(crate) ranks: &'w [usize],
    pub(crate) presence: &'w Presence,
    pub(crate) wanted: Wanted,
}

impl Needs<'_, '_> {
    /// Adds a value, and all that is needed to have it again.
    pub(crate) fn add(&mut self, version: &Version) {
        let cell = version.cell;
        let name = &version.record.name;
        if !self.wanted.entry((self.ranks[cell], cell)).or_default().insert(name.clone()) {
            return;
        }
        if version.parameter.is_some() || self.presence.has(name, cell) {
            return;
        }
        match &version.record.kind {
            _ if is_live(version, self.presence) => self.add_read(cell, |_| true),
            NameKind::Definition => {
                let immediate = &self.walk.code(cell).immediate_reads;
                self.add_read(cell, |name| immediate.contains(name));
            }
            NameKind::Value { group } => self.add_group(cell, *group as usize),
            _ => {}
        }
    }

    fn add_group(&mut self, cell: usize, group: usize) {
        let Some((entry, record)) = self.walk.records.get(&cell) else { return };
        let Some(group) = record.groups.get(group) else { return };
        for name in &group.needs {
            if let Some(record) = record.name(name) {
                let record = record.clone();
                self.add(&Version { cell, entry: *entry, record, parameter: None });
            } else {
                self.add_read(cell, |read| read == name);
            }
        }
        if group.uses_inputs {
            self.add_read(cell, |_| true);
        }
    }

    /// Adds what a cell read, as it was then.
    pub(crate) fn add_read(&mut self, cell: usize, is_needed: impl Fn(&str) -> bool) {
        let walk = self.walk;
        for version in walk.read.get(&cell).into_iter().flatten() {
            if is_needed(&version.record.name) {
                self.add(version);
            }
        }
    }
}

/// Tells whether a value can only be had by running its cell.
pub(crate) fn is_live(version: &Version, presence: &Presence) -> bool {
    version.parameter.is_none()
        && (version.entry.is_none()
            || matches!(version.record.kind, NameKind::Live { .. })
            || presence.unrestorable.contains(&version.cell))
}

/// Returns the steps that give names the values that a cell made, from its entry.
pub(crate) fn steps_of(walk: &Walk<'_>, cell: usize, names: &BTreeSet<&str>) -> Vec<Step> {
    let Some((entry, record)) = walk.records.get(&cell) else { return vec![] };
    let mut steps = Vec::new();
    let mut defined = Vec::new();
    let mut groups = BTreeSet::new();
    for name in names.iter().filter_map(|name| record.name(name)) {
        match &name.kind {
            NameKind::Module { module } => {
                steps.push(Step::Import { name: name.name.clone(), module: module.clone() });
            }
            NameKind::Definition => defined.push((name.name.clone(), name.digest)),
            NameKind::Value { group } => {
                groups.insert(*group);
            }
            _ => {}
        }
    }
    if !defined.is_empty() {
        let source = walk.cell(cell);
        steps.push(Step::Define {
            cell,
            source: source.source.clone(),
            first_line: source.first_line,
            tag: walk.code(cell).digest.to_string()[..8].to_owned(),
            names: defined,
        });
    }
    if let Some(entry) = entry {
        steps.extend(groups.into_iter().map(|group| load(walk, cell, *entry, group)));
    }
    steps
}

fn load(walk: &Walk<'_>, cell: usize, entry: Key, group: u32) -> Step {
    let uses_inputs = walk
        .records
        .get(&cell)
        .and_then(|(_, record)| record.groups.get(group as usize))
        .is_some_and(|it| it.uses_inputs);
    let read = walk.read.get(&cell).into_iter().flatten().map(|version| version.record.name.clone());
    Step::Load { entry, group, inputs: if uses_inputs { read.collect() } else { vec![] } }
}
