//! Handing over the values that the names of a notebook have at its end, to a program that asked for them.

use std::collections::{BTreeSet, HashSet};

use hozon_format::{Digest, NameKind};
use hozon_syntax::Cell;

use super::executor::{ExecutorError, Step};
use super::presence::Presence;
use super::restore::{Needs, Wanted, steps_of};
use super::run::Runner;
use super::versions::{State, Version};

/// Gets the values of a notebook's names.
pub trait Receiver {
    /// Takes a step, as an [`Executor`](super::Executor) does.
    ///
    /// # Errors
    /// [`ExecutorError::Step`]: it cannot be taken.
    fn take(&mut self, step: &Step) -> Result<(), ExecutorError>;

    /// Hears that the value of a name is not to be had, and why: a sentence.
    fn miss(&mut self, name: &str, why: &str);

    /// Hears which names there are at the end, with the digests of their values. Others were means to these.
    fn end(&mut self, names: &[(String, Option<Digest>)]);
}

impl Runner<'_, '_> {
    /// Gives a receiver what the names have now. Runs nothing: what is neither stored nor in the process
    /// of the cells is missed.
    pub(super) fn hand_over(&mut self, receiver: &mut dyn Receiver) {
        let last = self.last_versions(receiver);
        let wanted = self.needed_for(&last);
        let in_process = self.given_by_process(&last, receiver);
        for ((_, cell), names) in &wanted {
            self.hand_over_from(*cell, names, &in_process, receiver);
        }
        let names: Vec<_> =
            last.into_iter().map(|version| (version.record.name, version.record.digest)).collect();
        receiver.end(&names);
    }

    /// The values of all names but private ones and those of what cells show, in the order of their cells.
    fn last_versions(&self, receiver: &mut dyn Receiver) -> Vec<Version> {
        let cells = self.walk.notebook.cells.iter();
        fn own(cell: &Cell) -> impl Iterator<Item = &str> {
            let renamed = cell.renamed.iter().map(|(_, name)| name.as_str());
            renamed.chain(cell.shown_as.as_deref())
        }
        let private: HashSet<&str> = cells.flat_map(own).collect();
        let mut last = Vec::new();
        for (name, state) in self.walk.versions.all().filter(|(name, _)| !private.contains(name.as_str())) {
            match state {
                State::Known(version) => last.push(version.clone()),
                State::Pending(cell) => {
                    receiver.miss(name, &format!("cell {} has given it no value", cell + 1));
                }
            }
        }
        last.sort_by_key(|version| (self.ranks[version.cell], version.record.name.clone()));
        last
    }

    fn needed_for(&self, last: &[Version]) -> Wanted {
        let presence = Presence { unrestorable: self.presence.unrestorable.clone(), ..Presence::default() };
        let mut needs =
            Needs { walk: &self.walk, ranks: &self.ranks, presence: &presence, wanted: Wanted::new() };
        last.iter().for_each(|version| needs.add(version));
        needs.wanted
    }

    /// Has the process of the cells give what is not stored. Returns the cells whose values it has given.
    fn given_by_process(
        &mut self,
        last: &[Version],
        receiver: &mut dyn Receiver,
    ) -> BTreeSet<(usize, String)> {
        let mut groups: Vec<(usize, Vec<String>)> = Vec::new();
        for version in last.iter().filter(|version| self.is_unstored(version)) {
            let (name, cell) = (&version.record.name, version.cell);
            if !self.presence.has(name, cell) {
                receiver.miss(name, &why_missed(version));
                continue;
            }
            match groups.last_mut().filter(|(other, _)| *other == cell) {
                Some((_, names)) => names.push(name.clone()),
                None => groups.push((cell, vec![name.clone()])),
            }
        }
        let Some(executor) = self.executor.as_mut().filter(|_| !groups.is_empty()) else {
            return BTreeSet::new();
        };
        let names: Vec<Vec<String>> = groups.iter().map(|(_, names)| names.clone()).collect();
        let refused = match executor.give(&names) {
            Ok(refused) => refused,
            Err(error) => names.concat().into_iter().map(|name| (name, error.to_string())).collect(),
        };
        for (name, why) in &refused {
            receiver.miss(name, &format!("it cannot leave the process of the cells: {why}"));
        }
        let refused: HashSet<String> = refused.into_iter().map(|(name, _)| name).collect();
        let all =
            groups.into_iter().flat_map(|(cell, names)| names.into_iter().map(move |name| (cell, name)));
        all.filter(|(_, name)| !refused.contains(name)).collect()
    }

    /// Tells whether a value is not to be had from the store.
    fn is_unstored(&self, version: &Version) -> bool {
        let is_lost = || version.entry.is_none() || self.presence.unrestorable.contains(&version.cell);
        version.parameter.is_none()
            && match version.record.kind {
                NameKind::Live { .. } => true,
                NameKind::Value { .. } => is_lost(),
                _ => false,
            }
    }

    fn hand_over_from(
        &self,
        cell: usize,
        names: &BTreeSet<String>,
        in_process: &BTreeSet<(usize, String)>,
        receiver: &mut dyn Receiver,
    ) {
        let all: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        let versions = self.versions_of(cell, &all);
        let stored = versions.iter().filter(|it| it.parameter.is_none() && !self.is_unstored(it));
        let stored: BTreeSet<&str> = stored.map(|version| version.record.name.as_str()).collect();
        let mut steps = steps_of(&self.walk, cell, &stored);
        steps.extend(versions.iter().filter_map(|version| {
            let source = version.parameter.clone()?;
            Some(Step::Assign { name: version.record.name.clone(), source })
        }));
        let taken: Vec<String> =
            names.iter().filter(|name| in_process.contains(&(cell, (*name).clone()))).cloned().collect();
        if !taken.is_empty() {
            steps.push(Step::Take { names: taken });
        }
        for step in &steps {
            if let Err(error) = receiver.take(step) {
                let why = match error {
                    ExecutorError::Step { why, .. } => why,
                    other => other.to_string(),
                };
                self.names_of(cell, step).iter().for_each(|name| receiver.miss(name, &why));
            }
        }
    }

    /// The names that a step binds.
    fn names_of(&self, cell: usize, step: &Step) -> Vec<String> {
        match step {
            Step::Import { name, .. } | Step::Assign { name, .. } => vec![name.clone()],
            Step::Define { names, .. } => names.iter().map(|(name, _)| name.clone()).collect(),
            Step::Take { names } | Step::Delete { names } => names.clone(),
            Step::Load { group, .. } => {
                let record = self.walk.records.get(&cell).map(|(_, record)| record);
                let group = record.and_then(|record| record.groups.get(*group as usize));
                group.map(|group| group.names.clone()).unwrap_or_default()
            }
            Step::Effects { .. } => vec![],
        }
    }
}

fn why_missed(version: &Version) -> String {
    let (shown, cell) = (&version.record.shown, version.cell + 1);
    match &version.record.kind {
        NameKind::Live { why } if !why.is_empty() => {
            format!("cell {cell} made it ({shown}), and only running that cell makes it again: {why}")
        }
        _ => format!("cell {cell} made it ({shown}), and what that cell gives is not stored"),
    }
}
