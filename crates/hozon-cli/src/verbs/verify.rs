//! `hozon verify`.

use hozon_key::visible;
use hozon_store::{Disagreement, Problem, Store, Verification};
use serde::Serialize;

use crate::failure::Failure;
use crate::report::{Report, View};
use crate::{EXIT_DONE, EXIT_MISSING, words};

#[derive(Serialize)]
struct Verified {
    store: String,
    sound: bool,
    entries: u64,
    blobs: u64,
    roots: u64,
    foreign: u64,
    bytes: u64,
    problems: Vec<ProblemFields>,
    disagreements: Vec<DisagreementFields>,
}

/// Two results of one key.
#[derive(Serialize)]
struct DisagreementFields {
    key: String,
    name: String,
    when_ms: u64,
    first: String,
    second: String,
}

#[derive(Serialize)]
struct ProblemFields {
    path: String,
    problem: String,
    repaired: bool,
}

/// Checks every entry and blob in full.
pub(crate) fn verify(store: &Store, view: View, repair: bool) -> Result<Report, Failure> {
    let found = store.verify(repair)?;
    let differing = store.disagreements()?;
    let report = match view.json {
        true => Report::json(&fields(store, &found, &differing)),
        false => Report::text(text(&found, repair) + &differing_text(&differing)),
    };
    Ok(report.code(if found.problems.is_empty() { EXIT_DONE } else { EXIT_MISSING }))
}

fn fields(store: &Store, found: &Verification, differing: &[Disagreement]) -> Verified {
    Verified {
        store: store.folder().to_string_lossy().into_owned(),
        sound: found.problems.is_empty(),
        entries: found.entries,
        blobs: found.blobs,
        roots: found.roots,
        foreign: found.foreign,
        bytes: found.bytes,
        problems: found.problems.iter().map(problem_fields).collect(),
        disagreements: differing.iter().map(disagreement_fields).collect(),
    }
}

fn problem_fields(problem: &Problem) -> ProblemFields {
    ProblemFields {
        path: problem.path.to_string_lossy().into_owned(),
        problem: problem.kind.to_string(),
        repaired: problem.repaired,
    }
}

fn disagreement_fields(of: &Disagreement) -> DisagreementFields {
    DisagreementFields {
        key: of.key.to_string(),
        name: of.name.clone(),
        when_ms: of.when_ms,
        first: of.first.clone(),
        second: of.second.clone(),
    }
}

/// What was stored twice with other bytes: no damage, but perhaps no function of what its key holds.
fn differing_text(differing: &[Disagreement]) -> String {
    let line = |of: &Disagreement| {
        let (key, name) = (of.key.short(), words::name(&of.name));
        format!(
            "{key}  {name}: the result of {} differs from that of {}\n",
            whose(&of.second),
            whose(&of.first)
        )
    };
    differing.iter().map(line).collect()
}

fn whose(text: &str) -> String {
    if text == "own" { "a run here".to_owned() } else { visible(text).into_owned() }
}

fn text(found: &Verification, repair: bool) -> String {
    let problems = &found.problems;
    let mut text: String = problems.iter().map(problem_line).collect();
    let sound = [
        words::count_of(found.entries, "entry", "entries"),
        words::count_of(found.blobs, "blob", "blobs"),
        words::count_of(found.roots, "kept name", "kept names"),
    ];
    text += &format!("sound: {} ({} checked)\n", sound.join(", "), words::size(found.bytes));
    if found.foreign > 0 {
        let entries = words::count_of(found.foreign, "entry", "entries");
        text += &format!("not judged: {entries} of other users or of other releases\n");
    }
    if problems.is_empty() {
        return text;
    }
    let repaired = problems.iter().filter(|problem| problem.repaired).count();
    text += &format!(
        "damage: {}, {repaired} repaired\n",
        words::count_of(problems.len() as u64, "file", "files")
    );
    if !repair {
        text += "`hozon verify --repair` moves damaged files aside; what they held is computed again\n";
    }
    text
}

fn problem_line(problem: &Problem) -> String {
    let path = problem.path.to_string_lossy();
    let repaired = if problem.repaired { " (moved to the quarantine)" } else { "" };
    format!("{}: {}{repaired}\n", visible(&path), visible(&problem.kind.to_string()))
}
