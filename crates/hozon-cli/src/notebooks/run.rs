//! `hozon run`.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;

use hozon_engine::{CellOutcome, NotebookEvent, Parties, RunOptions, run_notebook};
use serde::Serialize;

use super::faults::{self, FaultFields};
use super::file::NotebookFile;
use super::plan::notes_of;
use super::session::{Purpose, Session};
use super::state::{self, CellFields, Totals};
use super::teller::{Manner, Teller, Texts};
use super::{cells, pages};
use crate::arguments::{Common, RunArguments, RunOutputs};
use crate::context::HostSettings;
use crate::failure::Failure;
use crate::report::Report;
use crate::{Context, EXIT_DONE, EXIT_INTERRUPTED, EXIT_MISSING, EXIT_STALE};

/// One run of a notebook that has been read.
pub(super) struct Round {
    pub(super) file: NotebookFile,
    pub(super) settings: HostSettings,
    pub(super) options: RunOptions,
}

/// What came of a run.
pub(super) struct Ended {
    pub(super) outcomes: Vec<CellOutcome>,
    pub(super) totals: Totals,
    /// Whether a process was needed.
    pub(super) kernel_started: bool,
    /// Why the cells' text could not be written.
    pub(super) unwritable: Option<io::Error>,
}

/// Runs a notebook: its stale cells run, everything else comes from the store.
pub(crate) fn run(
    arguments: &RunArguments,
    common: &Common,
    context: &mut Context<'_>,
) -> Result<Report, Failure> {
    let outputs = &arguments.outputs;
    pages::check(outputs, &*context.system)?;
    let (session, file, settings) = Session::open(&arguments.notebook, common, context, Purpose::Run)?;
    let (frozen, force, jobs) = (arguments.frozen, arguments.force, usize::from(arguments.jobs));
    let options = RunOptions { frozen, force, jobs, ..RunOptions::default() };
    let round = Round::new(file, settings, &arguments.notebook.cells, options)?;
    let texts = if common.json { Texts::None } else { Texts::All };
    let manner = Manner { texts, quiet: outputs.quiet, columns: context.stderr_width };
    write_notes(&session, &round, outputs, context);
    let ended = round.run(&session, manner, context);
    pages::write(outputs, &session, &round, &ended, context)?;
    let report = if common.json { Report::json(&fields(&session, &round, &ended)) } else { Report::text("") };
    let report = if outputs.quiet { report } else { report.note(ended.totals.line()) };
    match ended.unwritable {
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::unusable(format!("what the cells print cannot be written: {error}")))
        }
        _ => Ok(report.code(code_of(&ended.totals))),
    }
}

fn write_notes(session: &Session<'_>, round: &Round, outputs: &RunOutputs, context: &mut Context<'_>) {
    let notes = session.notes.iter().cloned().chain(notes_of(&round.file));
    for line in notes.filter(|line| !outputs.quiet || !line.starts_with("note: ")) {
        // Where standard error cannot be written, nobody listens.
        let _ = writeln!(context.stderr, "{line}");
    }
}

impl Round {
    /// `words` are the cells that were asked for; none: all.
    pub(super) fn new(
        file: NotebookFile,
        settings: HostSettings,
        words: &[String],
        options: RunOptions,
    ) -> Result<Self, Failure> {
        let forced = cells::select(&file.notebook, words)?;
        let only = forced.as_ref().map(|wanted| cells::with_sources(&file, wanted));
        Ok(Self { file, settings, options: RunOptions { only, forced, ..options } })
    }

    /// The cells that count.
    pub(super) fn asked(&self) -> Option<&BTreeSet<usize>> {
        self.options.only.as_ref()
    }

    /// Runs the notebook, and tells of it.
    pub(super) fn run(&self, session: &Session<'_>, manner: Manner, context: &mut Context<'_>) -> Ended {
        let streams = (&mut *context.stdout as _, &mut *context.stderr as _);
        let all = self.file.graph.order.iter().filter(|cell| state::is_asked(self.asked(), **cell)).count();
        let mut teller = Teller::new(streams, manner, &self.file, &session.store, all);
        let kernel_started = Cell::new(false);
        let mut start = || {
            kernel_started.set(true);
            session.host.start(&self.file.path, &self.settings)
        };
        let mut tell = |event: NotebookEvent<'_>| {
            if !self.is_left_out(&event) {
                teller.hear(&event);
            }
            teller.is_over |= session.host.interrupted();
            if teller.is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let outcomes = session.with_surroundings(|surroundings| {
            let settings = &self.settings.notebook;
            let (notebook, graph) = (&self.file.notebook, &self.file.graph);
            let (store, options) = (&session.store, &self.options);
            let parties = Parties { start: &mut start, tell: &mut tell, receiver: None };
            run_notebook(store, notebook, graph, settings, surroundings, options, parties)
        });
        // The index is derived: what it does not learn of a use is no loss.
        let _ = session.store.flush_uses();
        teller.end(if self.asked().is_some() { &[] } else { &outcomes });
        let mut totals = Totals::of(&outcomes, self.asked());
        totals.interrupted |= teller.is_over;
        Ended { totals, kernel_started: kernel_started.get(), unwritable: teller.unwritable, outcomes }
    }

    fn is_left_out(&self, event: &NotebookEvent<'_>) -> bool {
        let NotebookEvent::Ended(outcome) = event else { return false };
        !state::is_asked(self.asked(), outcome.cell)
    }
}

#[derive(Serialize)]
struct RunFields {
    notebook: String,
    store: String,
    kernel_started: bool,
    totals: Totals,
    cells: Vec<CellFields>,
    faults: Vec<FaultFields>,
}

/// A run in JSON.
pub(super) fn fields(session: &Session<'_>, round: &Round, ended: &Ended) -> impl Serialize + use<> {
    RunFields {
        notebook: round.file.path.to_string_lossy().into_owned(),
        store: session.store.folder().to_string_lossy().into_owned(),
        kernel_started: ended.kernel_started,
        totals: ended.totals,
        cells: CellFields::all(&round.file, &ended.outcomes, round.asked(), state::word),
        faults: faults::fields(&round.file),
    }
}

fn code_of(totals: &Totals) -> u8 {
    match totals {
        _ if totals.interrupted => EXIT_INTERRUPTED,
        _ if totals.stale > 0 => EXIT_STALE,
        _ if totals.failed + totals.cannot_run > 0 => EXIT_MISSING,
        _ => EXIT_DONE,
    }
}
