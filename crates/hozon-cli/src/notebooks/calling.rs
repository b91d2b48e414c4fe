//! A notebook that a program runs to have its values: nothing is printed.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::path::PathBuf;

use hozon_engine::{CellOutcome, CellStatus, NotebookEvent, Parties, Receiver, RunOptions, run_notebook};

use super::cells;
use super::displays::{Text, displays_of, text_of};
use super::file::NotebookFile;
use super::plan::notes_of;
use super::session::{Purpose, Session};
use super::state;
use crate::Context;
use crate::arguments::{Common, NotebookArguments};

/// What came of a notebook that a program has run.
#[derive(Debug)]
pub struct CalledRun {
    /// What a person should know of the notebook and its store: sentences.
    pub notes: Vec<String>,
    /// The cells that came to nothing through a fault of their own, in the order of the file.
    pub failed: Vec<FailedCell>,
    /// The run was stopped.
    pub interrupted: bool,
}

/// A cell that came to nothing.
#[derive(Debug)]
pub struct FailedCell {
    /// Its position in the notebook.
    pub cell: usize,
    /// What a sentence calls it, with its place: `cell 3 (load, analysis.py:12)`.
    pub called: String,
    /// `failed`, or `cannot run`.
    pub state: &'static str,
    /// The name of what it raised and what that said, or why it cannot run.
    pub why: String,
    /// What it wrote to standard error last: the traceback.
    pub text: String,
}

/// Runs a notebook, and hands the values of its names over.
///
/// # Errors
/// What is wrong with the notebook, the parameters or the store: sentences for people.
pub fn call_notebook(
    notebook: PathBuf,
    parameters: Vec<(String, String)>,
    context: &mut Context<'_>,
    receiver: &mut dyn Receiver,
) -> Result<CalledRun, String> {
    let arguments = NotebookArguments { file: notebook, parameters, cells: vec![] };
    let common = Common { json: false, store: None };
    let opened = Session::open(&arguments, &common, context, Purpose::Run);
    let (session, file, settings) = opened.map_err(|failure| failure.sentences())?;
    let is_over = Cell::new(false);
    let mut start = || session.host.start(&file.path, &settings);
    let mut tell = |_: NotebookEvent<'_>| {
        is_over.set(is_over.get() || session.host.interrupted());
        if is_over.get() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let outcomes = session.with_surroundings(|surroundings| {
        let parties = Parties { start: &mut start, tell: &mut tell, receiver: Some(receiver) };
        let (notebook, graph) = (&file.notebook, &file.graph);
        let options = RunOptions::default();
        run_notebook(&session.store, notebook, graph, &settings.notebook, surroundings, &options, parties)
    });
    // The index is derived: what it does not learn of a use is no loss.
    let _ = session.store.flush_uses();
    let stopped = outcomes.iter().any(|outcome| matches!(outcome.status, CellStatus::Interrupted { .. }));
    Ok(CalledRun {
        notes: session.notes.iter().cloned().chain(notes_of(&file)).collect(),
        failed: outcomes.iter().filter_map(|outcome| failed(&session, &file, outcome)).collect(),
        interrupted: stopped || is_over.get(),
    })
}

fn failed(session: &Session<'_>, file: &NotebookFile, outcome: &CellOutcome) -> Option<FailedCell> {
    let displays = displays_of(&session.store, outcome);
    let why = match &outcome.status {
        CellStatus::Failed { .. } => {
            let error = displays.iter().rev().find(|output| output["output_type"] == "error");
            let part =
                |name: &str| error.and_then(|error| error[name].as_str()).unwrap_or_default().to_owned();
            format!("{}: {}", part("ename"), part("evalue"))
        }
        CellStatus::Broken { why } => why.clone(),
        _ => return None,
    };
    let text = displays.iter().rev().filter_map(text_of).find_map(|text| match text {
        Text::Err(text) => Some(text),
        Text::Out(_) => None,
    });
    let (cell, state) = (outcome.cell, state::word(outcome));
    Some(FailedCell { cell, called: cells::placed(file, cell), state, why, text: text.unwrap_or_default() })
}
