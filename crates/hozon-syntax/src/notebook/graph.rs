//! Which cell reads what from which.

use super::Notebook;

/// Which cell reads what from which, and an order to run them in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// For each cell, the names that it takes from outside, sorted.
    pub uses: Vec<Vec<Use>>,
    /// An order to run the code cells in. Cells with a fault, and those that depend on one, are not in it.
    pub order: Vec<usize>,
    /// What keeps cells from running.
    pub faults: Vec<GraphFault>,
}

/// A name that a cell takes from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The name.
    pub name: String,
    /// The cell whose version of the name is read; none if no earlier cell gives it: a builtin, or missing.
    pub from: Option<usize>,
    /// The attribute paths that are read from it, without the name itself; an empty one for the whole value.
    pub path: Vec<Vec<String>>,
    /// It is read inside function bodies only.
    pub deferred: bool,
}

/// Why cells cannot run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GraphFault {
    /// Cells read each other's names in a circle.
    Cycle {
        /// The cells of the circle, sorted.
        cells: Vec<usize>,
        /// The names that close it, sorted.
        names: Vec<String>,
    },
    /// A name is given a value by several cells.
    DefinedTwice {
        /// The name.
        name: String,
        /// The cells, sorted.
        cells: Vec<usize>,
    },
    /// The setup cell, which runs first, reads a name of another cell.
    SetupReads {
        /// The name.
        name: String,
        /// The cell that gives it a value.
        cell: usize,
    },
}

impl Notebook {
    /// Returns which cell reads what from which.
    pub fn graph(&self) -> Graph {
        Graph { uses: vec![Vec::new(); self.cells.len()], ..Graph::default() }
    }
}
