//! What the process that runs cells holds at one moment.

use std::collections::{BTreeSet, HashMap};

/// Which cell's value each name has in the process, and whose effects it has had.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    /// By name, the cell that made its present value.
    pub(crate) names: HashMap<String, usize>,
    /// The cells whose effects were had: they ran, or their effects were had again.
    pub(crate) effects: BTreeSet<usize>,
    /// Cells whose values turned out not to be had from the store in this run.
    pub(crate) unrestorable: BTreeSet<usize>,
}

impl Presence {
    /// Tells whether a name has the value of a cell.
    pub(crate) fn has(&self, name: &str, cell: usize) -> bool {
        self.names.get(name) == Some(&cell)
    }

    /// Notes that the process holds nothing any more.
    pub(crate) fn clear(&mut self) {
        self.names.clear();
        self.effects.clear();
    }
}
