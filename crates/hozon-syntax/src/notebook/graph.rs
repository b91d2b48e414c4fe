//! Which cell reads what from which.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use super::cell::{Cell, CellKind};
use super::code::CellCode;
use super::cycles::circles;
use super::shell_names::shown_values_meant;
use super::tables;
use super::{Notebook, NotebookFormat};

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
    /// The cell may leave the name as it is, though it gives it a value or deletes it on some ways: what it
    /// leaves to later cells is then the version named here. `path` may be empty: it need not read the name.
    pub passed_on: bool,
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
    ///
    /// In marimo's notebooks each name has one cell, wherever it stands; in the others a cell reads what the
    /// last earlier one made of a name.
    pub fn graph(&self) -> Graph {
        match self.format {
            NotebookFormat::Marimo => by_name(&self.cells),
            NotebookFormat::Percent | NotebookFormat::Jupyter | NotebookFormat::Script => {
                by_order(&self.cells)
            }
        }
    }
}

fn code_of(cell: &Cell) -> Option<&CellCode> {
    cell.code.as_ref().ok().filter(|_| cell.is_code())
}

/// Returns the names that a cell reads, `from` being open.
fn reads_of(code: &CellCode) -> BTreeMap<&str, Use> {
    let mut uses: BTreeMap<&str, Use> = BTreeMap::new();
    for read in &code.reads {
        let (name, path) = (read.path[0].as_str(), read.path[1..].to_vec());
        let entry = uses.entry(name).or_insert_with(|| Use::of(name, !code.immediate_reads.contains(name)));
        entry.path.push(path);
    }
    uses
}

impl Use {
    fn of(name: &str, deferred: bool) -> Self {
        Self { name: name.to_owned(), from: None, path: Vec::new(), deferred, passed_on: false }
    }
}

fn by_order(cells: &[Cell]) -> Graph {
    let mut versions: HashMap<&str, usize> = HashMap::new();
    // The last cell that may have given any name, as `from module import *` does: builtins, too.
    let mut giver = None;
    let mut graph = Graph::default();
    for (index, cell) in cells.iter().enumerate() {
        let Some(code) = code_of(cell) else {
            graph.uses.push(Vec::new());
            continue;
        };
        let mut uses = reads_of(code);
        for name in names_left_open(code).filter(|name| versions.contains_key(name)) {
            uses.entry(name).or_insert_with(|| Use::of(name, true)).passed_on = true;
        }
        if uses.keys().any(|name| shown_values_meant(name).is_some() && !versions.contains_key(name)) {
            let shown = cells[..index].iter().filter_map(|cell| cell.shown_as.as_deref());
            shown.for_each(|name| _ = uses.entry(name).or_insert_with(|| Use::of(name, true)));
        }
        uses.iter_mut().for_each(|(name, it)| it.from = versions.get(name).copied().or(giver));
        giver = if code.star_import { Some(index) } else { giver };
        versions.extend(code.binds.iter().map(|name| (name.as_str(), index)));
        versions
            .extend(names_left_open(code).filter(|name| uses.contains_key(name)).map(|name| (name, index)));
        code.surely_deletes.iter().for_each(|name| _ = versions.remove(name.as_str()));
        graph.uses.push(uses.into_values().collect());
    }
    graph.order = (0..cells.len()).filter(|index| cells[*index].is_code()).collect();
    graph
}

/// Returns the names that a cell gives a value or deletes on some ways, but not on all.
fn names_left_open(code: &CellCode) -> impl Iterator<Item = &str> {
    let has = |names: &[String], name: &String| names.binary_search(name).is_ok();
    let touched = code.binds.iter().chain(&code.deletes);
    let open = touched.filter(move |name| !has(&code.surely_binds, name) && !has(&code.surely_deletes, name));
    open.map(String::as_str)
}

/// The cells that give each name a value, in order.
type Binders<'c> = BTreeMap<&'c str, Vec<usize>>;

fn by_name(cells: &[Cell]) -> Graph {
    let mut binders = Binders::new();
    for (index, code) in codes(cells) {
        code.binds.iter().for_each(|name| binders.entry(name).or_default().push(index));
    }
    let uses: Vec<Vec<Use>> =
        cells.iter().enumerate().map(|(index, cell)| uses_by_name(index, cell, &binders)).collect();
    let tables = tables_made(cells, &binders);
    let mut faults: Vec<GraphFault> = defined_twice(&binders).collect();
    faults.extend(defined_twice(&tables));
    faults.extend(setup_reads(cells, &uses));
    let parents = parents(cells, &uses, &binders);
    faults.extend(circles(&parents).into_iter().map(|circle| cycle(circle, &uses, &parents)));
    let order = order(cells, &parents, &faults);
    Graph { uses, order, faults }
}

fn codes(cells: &[Cell]) -> impl Iterator<Item = (usize, &CellCode)> {
    cells.iter().enumerate().filter_map(|(index, cell)| Some((index, code_of(cell)?)))
}

fn uses_by_name(index: usize, cell: &Cell, binders: &Binders<'_>) -> Vec<Use> {
    let Some(code) = code_of(cell) else { return Vec::new() };
    let mut uses = reads_of(code);
    uses.retain(|name, it| {
        let cells = binders.get(name).map_or(&[][..], Vec::as_slice);
        it.from = cells.first().copied();
        !cells.contains(&index)
    });
    uses.into_values().collect()
}

/// Returns the cells that make each table, with those that bind its name: a table and a variable with one name
/// are defined twice. Names that no table has are left out.
fn tables_made<'c>(cells: &'c [Cell], binders: &Binders<'c>) -> Binders<'c> {
    let mut tables = Binders::new();
    for (index, cell) in cells.iter().enumerate() {
        cell.tables_made.iter().for_each(|name| tables.entry(name).or_default().push(index));
    }
    for (name, makers) in &mut tables {
        makers.extend(binders.get(name).into_iter().flatten());
        makers.sort_unstable();
        makers.dedup();
    }
    tables
}

fn defined_twice(binders: &Binders<'_>) -> impl Iterator<Item = GraphFault> {
    let several = binders.iter().filter(|(_, cells)| cells.len() > 1);
    several.map(|(name, cells)| GraphFault::DefinedTwice { name: (*name).to_owned(), cells: cells.clone() })
}

fn setup_reads(cells: &[Cell], uses: &[Vec<Use>]) -> Vec<GraphFault> {
    let is_setup = |index: &usize| cells[*index].kind == CellKind::Setup;
    let read = (0..cells.len()).filter(is_setup).flat_map(|index| &uses[index]);
    read.filter_map(|it| Some(GraphFault::SetupReads { name: it.name.clone(), cell: it.from? })).collect()
}

/// Returns the cells that each one has to run after, sorted. The setup cell runs after none.
fn parents(cells: &[Cell], uses: &[Vec<Use>], binders: &Binders<'_>) -> Vec<Vec<usize>> {
    let mut parents: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); cells.len()];
    let after = |index: usize| cells[index].kind != CellKind::Setup;
    for (index, uses) in uses.iter().enumerate().filter(|(index, _)| after(*index)) {
        let makers = uses.iter().filter_map(|it| binders.get(it.name.as_str()));
        parents[index].extend(makers.flatten().copied());
        parents[index].extend(tables::makers(cells, index));
    }
    for (index, others) in deleted_after(cells, uses) {
        parents[index].extend(others);
    }
    parents.into_iter().map(|cells| cells.into_iter().collect()).collect()
}

/// Returns the cells that delete a name of another cell, with all others that read it: they run before.
fn deleted_after(cells: &[Cell], uses: &[Vec<Use>]) -> Vec<(usize, Vec<usize>)> {
    let foreign = |code: &CellCode| {
        let names = code.deletes.iter().filter(|name| code.binds.binary_search(name).is_err());
        names.cloned().collect::<Vec<_>>()
    };
    let deleting: Vec<(usize, Vec<String>)> = codes(cells)
        .map(|(index, code)| (index, foreign(code)))
        .filter(|(_, names)| !names.is_empty())
        .collect();
    let readers = |deleting: usize, names: &[String]| {
        let reads = |index: &usize| uses[*index].iter().any(|it| names.contains(&it.name));
        (0..cells.len()).filter(|index| *index != deleting).filter(reads).collect()
    };
    deleting.into_iter().map(|(index, names)| (index, readers(index, &names))).collect()
}

fn cycle(circle: Vec<usize>, uses: &[Vec<Use>], parents: &[Vec<usize>]) -> GraphFault {
    let is_inside = |cell: &usize| circle.binary_search(cell).is_ok();
    let mut names = BTreeSet::new();
    for cell in &circle {
        let within: Vec<usize> = parents[*cell].iter().copied().filter(is_inside).collect();
        let shared = |it: &&Use| {
            it.from.is_some_and(|from| within.contains(&from))
                || within.iter().any(|other| uses[*other].iter().any(|theirs| theirs.name == it.name))
        };
        names.extend(uses[*cell].iter().filter(shared).map(|it| it.name.clone()));
    }
    GraphFault::Cycle { cells: circle, names: names.into_iter().collect() }
}

/// Returns an order in which each cell comes after its parents, else that of the file.
fn order(cells: &[Cell], parents: &[Vec<usize>], faults: &[GraphFault]) -> Vec<usize> {
    let mut waiting: Vec<usize> = parents.iter().map(Vec::len).collect();
    // A cell with a fault waits for ever, and so does everything that depends on it.
    faults.iter().flat_map(|fault| fault.stopped(cells)).for_each(|cell| waiting[cell] = usize::MAX);
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); cells.len()];
    for (child, parents) in parents.iter().enumerate() {
        parents.iter().for_each(|parent| children[*parent].push(child));
    }
    let rank = |cell: usize| Reverse((cells[cell].kind != CellKind::Setup, cell));
    let ready = (0..cells.len()).filter(|cell| waiting[*cell] == 0 && cells[*cell].is_code());
    let mut ready: BinaryHeap<_> = ready.map(rank).collect();
    let mut order = Vec::with_capacity(cells.len());
    while let Some(Reverse((_, cell))) = ready.pop() {
        order.push(cell);
        for child in
            children[cell].iter().copied().filter(|child| waiting[*child] != usize::MAX).collect::<Vec<_>>()
        {
            waiting[child] -= 1;
            if waiting[child] == 0 {
                ready.push(rank(child));
            }
        }
    }
    order
}

impl GraphFault {
    /// Returns the cells that cannot run because of it.
    fn stopped(&self, cells: &[Cell]) -> Vec<usize> {
        match self {
            Self::Cycle { cells, .. } | Self::DefinedTwice { cells, .. } => cells.clone(),
            Self::SetupReads { .. } => {
                (0..cells.len()).filter(|index| cells[*index].kind == CellKind::Setup).collect()
            }
        }
    }
}
