//! Which names surely have a value at a place, where the order of statements decides.

use std::collections::BTreeSet;

/// The names that have been given a value on every way to here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flow<'a> {
    assigned: BTreeSet<&'a str>,
    /// Nothing comes here: after `return`, `raise`, `break`, `continue`.
    unreachable: bool,
}

impl<'a> Flow<'a> {
    pub(crate) fn with<const N: usize>(names: [&'a str; N]) -> Self {
        Self { assigned: names.into(), unreachable: false }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.assigned.contains(name)
    }

    pub(crate) fn assign(&mut self, name: &'a str) {
        self.assigned.insert(name);
    }

    pub(crate) fn unassign(&mut self, name: &str) {
        self.assigned.remove(name);
    }

    pub(crate) fn leave(&mut self) {
        self.unreachable = true;
    }

    /// Returns what holds where two ways meet.
    pub(crate) fn join(self, other: Self) -> Self {
        match (self.unreachable, other.unreachable) {
            (true, false) => other,
            (false, true) => self,
            (unreachable, _) => {
                let assigned = self.assigned.intersection(&other.assigned).copied().collect();
                Self { assigned, unreachable }
            }
        }
    }

    /// Adds what holds after `later`, which runs on every way on from here.
    pub(crate) fn then(mut self, later: &Self) -> Self {
        self.assigned.extend(&later.assigned);
        self.unreachable |= later.unreachable;
        self
    }
}
