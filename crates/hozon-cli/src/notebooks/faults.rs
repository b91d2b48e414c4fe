//! What keeps cells from running: circles, names that several cells give a value.

use hozon_key::visible;
use hozon_syntax::{CellKind, GraphFault};
use serde::Serialize;

use super::cells;
use super::file::NotebookFile;

/// A fault of the graph, in JSON.
#[derive(Debug, Serialize)]
pub(super) struct FaultFields {
    fault: &'static str,
    names: Vec<String>,
    cells: Vec<usize>,
    pub(super) text: String,
}

/// The faults of a notebook's graph.
pub(super) fn fields(file: &NotebookFile) -> Vec<FaultFields> {
    file.graph.faults.iter().map(|fault| fault_fields(file, fault)).collect()
}

fn fault_fields(file: &NotebookFile, fault: &GraphFault) -> FaultFields {
    let (fault_word, names, cells) = match fault {
        GraphFault::Cycle { cells, names } => ("cycle", names.clone(), cells.clone()),
        GraphFault::DefinedTwice { name, cells } => ("defined twice", vec![name.clone()], cells.clone()),
        GraphFault::SetupReads { name, cell } => {
            let setup = file.notebook.cells.iter().position(|cell| cell.kind == CellKind::Setup);
            ("setup reads", vec![name.clone()], setup.into_iter().chain([*cell]).collect())
        }
    };
    let places: Vec<String> = cells.iter().map(|cell| cells::placed(file, *cell)).collect();
    let shown: Vec<String> = names.iter().map(|name| format!("`{}`", visible(name))).collect();
    let (places, shown) = (places.join(" and "), shown.join(", "));
    let text = match fault {
        GraphFault::Cycle { .. } => format!("{places} read each other's names in a circle: {shown}"),
        GraphFault::DefinedTwice { .. } => format!("{shown} is given a value by {places}"),
        GraphFault::SetupReads { .. } => format!("the setup cell runs first and reads {shown}: {places}"),
    };
    FaultFields { fault: fault_word, names, cells: cells.iter().map(|cell| cell + 1).collect(), text }
}

/// The faults in lines for standard error.
pub(super) fn lines(file: &NotebookFile) -> Vec<String> {
    let mut lines = Vec::new();
    for fault in &file.graph.faults {
        lines.push(format!("error: {}", fault_fields(file, fault).text));
        lines.push(format!("hint: {}", hint(fault)));
    }
    lines.dedup();
    lines
}

fn hint(fault: &GraphFault) -> &'static str {
    match fault {
        GraphFault::Cycle { .. } => "put what they need of each other into one cell",
        GraphFault::DefinedTwice { .. } => {
            "give one another name; a name that begins with an underscore is its cell's own"
        }
        GraphFault::SetupReads { .. } => "move what it needs into the setup cell",
    }
}
