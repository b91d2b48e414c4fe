//! The plan of a notebook: which cells are fresh, which would run.

use hozon_store::Store;
use hozon_syntax::{Graph, Notebook};

use super::lookup::{Found, NoRun, Walk};
use super::outcome::{CellOutcome, CellStatus};
use super::run::{left_out, milliseconds};
use super::settings::{NotebookSettings, Surroundings};

/// Tells what each cell of a notebook is, in the order of the file, without running or importing anything.
pub fn plan_notebook(
    store: &Store,
    notebook: &Notebook,
    graph: &Graph,
    settings: &NotebookSettings,
    surroundings: &Surroundings<'_>,
) -> Vec<CellOutcome> {
    let mut walk = Walk::new(store, notebook, settings, surroundings);
    let mut outcomes: Vec<Option<CellOutcome>> = vec![None; notebook.cells.len()];
    for &cell in &graph.order {
        outcomes[cell] = Some(plan_cell(&mut walk, cell));
    }
    let others = outcomes.into_iter().enumerate();
    others.map(|(cell, outcome)| outcome.unwrap_or_else(|| left_out(notebook, graph, cell))).collect()
}

fn plan_cell(walk: &mut Walk<'_>, cell: usize) -> CellOutcome {
    let mut outcome =
        CellOutcome { cell, status: CellStatus::Stale, why: vec![], entry: None, displays: None };
    match walk.look(cell, None) {
        Found::Fresh(fresh) => {
            outcome.entry = Some(fresh.entry.key);
            outcome.status = CellStatus::Fresh {
                seconds: fresh.entry.facts.duration_ns as f64 / 1e9,
                made_ms: milliseconds(&fresh.entry),
            };
            walk.pass(cell, Some(fresh.entry.key), fresh.record);
        }
        Found::Stale(stale) => {
            outcome.why = walk.why(cell, &stale);
            if let Some(why) = stale.unstorable {
                outcome.status = CellStatus::NotStorable { why };
            }
            walk.leave_open(cell);
        }
        Found::Waiting(on) => {
            outcome.status = CellStatus::Waiting { on };
            walk.leave_open(cell);
        }
        Found::Nothing(NoRun::Text) => outcome.status = CellStatus::Text,
        Found::Nothing(NoRun::Disabled) => {
            outcome.status = CellStatus::Disabled;
            walk.leave_open(cell);
        }
        Found::Nothing(NoRun::Unparsable(why)) => outcome.status = CellStatus::Broken { why },
    }
    outcome
}
