//! The files that a run may leave behind: a page, an executed notebook.

use std::path::Path;

use hozon_engine::{CellOutcome, CellStatus};
use hozon_key::visible;
use hozon_syntax::{CellKind, NotebookFormat};
use hozon_sys::{Durability, FileKind, Publication, System, publish};
use serde_json::Value;

use super::displays::in_the_end;
use super::run::{Ended, Round};
use super::session::Session;
use super::{faults, state};
use crate::arguments::RunOutputs;
use crate::failure::Failure;
use crate::page::{Report, ReportCell, ReportKind, Status, html, ipynb};
use crate::{Context, words};

/// Refuses files that could not be written after hours of computing, before they begin.
pub(super) fn check(outputs: &RunOutputs, system: &dyn System) -> Result<(), Failure> {
    for path in [&outputs.html, &outputs.ipynb].into_iter().flatten() {
        let shown = visible(&path.to_string_lossy()).into_owned();
        if system.stat(path).is_ok_and(|stat| stat.kind != FileKind::File) {
            return Err(Failure::usage(format!("{shown} is there and no regular file")));
        }
        let folder = folder_of(path);
        if system.stat(folder).is_err() {
            let folder = visible(&folder.to_string_lossy()).into_owned();
            return Err(Failure::usage(format!("{shown} cannot be written: there is no folder {folder}")));
        }
        if !system.can_write(folder) {
            return Err(Failure::usage(format!("{shown} cannot be written: its folder is not writable")));
        }
    }
    Ok(())
}

/// Writes the files that were asked for, each whole or not at all.
pub(super) fn write(
    outputs: &RunOutputs,
    session: &Session<'_>,
    round: &Round,
    ended: &Ended,
    context: &Context<'_>,
) -> Result<(), Failure> {
    if outputs.html.is_none() && outputs.ipynb.is_none() {
        return Ok(());
    }
    let system = &*context.system;
    let original = original(round);
    let report = report(session, round, ended, original.as_ref(), system.now_ms());
    if let Some(path) = &outputs.html {
        write_whole(system, path, html(&report).as_bytes())?;
    }
    if let Some(path) = &outputs.ipynb {
        let notebook = ipynb(&report, original.as_ref());
        // Only maps with keys that are not text can fail, and there are none.
        let text = serde_json::to_string_pretty(&notebook).unwrap_or_default() + "\n";
        write_whole(system, path, text.as_bytes())?;
    }
    Ok(())
}

/// A Jupyter notebook as it stands in its file.
fn original(round: &Round) -> Option<Value> {
    let is_jupyter = round.file.notebook.format == NotebookFormat::Jupyter;
    is_jupyter.then(|| serde_json::from_str(&round.file.text).ok()).flatten()
}

/// The permissions of a new file, before the process's mask.
const NEW_FILE_MODE: u32 = 0o666;

fn write_whole(system: &dyn System, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let known = system.stat(path).ok().map(|stat| stat.mode & 0o777).filter(|mode| *mode != 0);
    let publication = Publication {
        temporary_folder: folder_of(path),
        path,
        mode: known.unwrap_or(NEW_FILE_MODE),
        durability: Durability::Batched,
    };
    publish(system, &publication, &[bytes]).map(drop).map_err(|error| {
        Failure::unusable(format!("{} cannot be written: {error}", visible(&path.to_string_lossy())))
    })
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

fn report(
    session: &Session<'_>,
    round: &Round,
    ended: &Ended,
    original: Option<&Value>,
    now_ms: u64,
) -> Report {
    let file = &round.file;
    let shown = in_the_end(&session.store, &ended.outcomes, &file.graph.order);
    let cell = |(outcome, outputs): (&CellOutcome, Vec<Value>)| ReportCell {
        attachments: original
            .and_then(|original| original["cells"][outcome.cell].get("attachments").cloned()),
        ..report_cell(round, outcome, outputs)
    };
    Report {
        title: file.notebook.title.clone().unwrap_or_else(|| file.name()),
        file: file.shown(),
        made: words::moment(now_ms),
        seconds: ended.totals.ran_seconds,
        seconds_saved: ended.totals.saved_seconds,
        kernel_started: ended.kernel_started,
        cells: ended.outcomes.iter().zip(shown).map(cell).collect(),
        notes: faults::fields(file).into_iter().map(|fault| fault.text).chain(file.notes()).collect(),
    }
}

fn report_cell(round: &Round, outcome: &CellOutcome, outputs: Vec<Value>) -> ReportCell {
    let cell = &round.file.notebook.cells[outcome.cell];
    ReportCell {
        number: outcome.cell + 1,
        name: cell.name.clone(),
        kind: match cell.kind {
            CellKind::Markdown => ReportKind::Markdown,
            CellKind::Raw => ReportKind::Raw,
            _ => ReportKind::Code,
        },
        code: cell.text.clone(),
        hide_code: cell.settings.hide_code,
        markdown: cell.markdown.clone(),
        attachments: None,
        status: status(outcome),
        why: state::why(outcome),
        outputs,
        key: outcome.entry.map(|key| key.to_string()),
    }
}

fn status(outcome: &CellOutcome) -> Status {
    let seconds = state::seconds(&outcome.status).unwrap_or_default();
    match &outcome.status {
        CellStatus::Fresh { made_ms, .. } => {
            Status::Restored { saved_seconds: seconds, made: words::moment(*made_ms) }
        }
        CellStatus::Ran { .. } | CellStatus::Stopped { .. } => Status::Ran { seconds },
        CellStatus::Live { why, .. } => Status::Live { seconds, why: why.clone() },
        CellStatus::Failed { .. } => Status::Failed { seconds },
        CellStatus::Interrupted { .. } => Status::Skipped { why: "the run was interrupted".to_owned() },
        CellStatus::Disabled => Status::Disabled,
        CellStatus::Text => Status::Text,
        CellStatus::Stale | CellStatus::NotStorable { .. } => {
            Status::Stale { why: state::why(outcome).join("\n") }
        }
        _ => Status::Skipped { why: state::why(outcome).join("\n") },
    }
}
