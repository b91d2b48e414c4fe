//! `hozon verify`.

use hozon_key::visible;
use hozon_store::{Disagreement, Leftovers, Problem, ProblemKind, Repair, Store, Verification};
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
    leftovers: LeftoverFields,
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
    repair: Option<&'static str>,
}

/// What nothing needs.
#[derive(Serialize)]
struct LeftoverFields {
    removed: bool,
    unfinished: u64,
    blobs: u64,
    notes: u64,
    lists: u64,
    bytes: u64,
}

/// Checks every entry and blob in full. With `repair`, puts right what can be.
pub(crate) fn verify(store: &Store, view: View, repair: bool) -> Result<Report, Failure> {
    let found = store.verify(repair)?;
    let idle_lists = hozon_engine::idle_lists(store, repair)?;
    let differing = store.disagreements()?;
    let fields = fields(store, &found, &differing, idle_lists, repair);
    let report = match view.json {
        true => Report::json(&fields),
        false => Report::text(text(&found, &fields.leftovers, repair) + &differing_text(&differing)),
    };
    Ok(report.code(if found.problems.is_empty() { EXIT_DONE } else { EXIT_MISSING }))
}

fn fields(
    store: &Store,
    found: &Verification,
    differing: &[Disagreement],
    idle_lists: u64,
    repair: bool,
) -> Verified {
    let Leftovers { temporaries, blobs, notes, bytes } = found.leftovers;
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
        leftovers: LeftoverFields {
            removed: repair,
            unfinished: temporaries,
            blobs,
            notes,
            lists: idle_lists,
            bytes,
        },
    }
}

fn problem_fields(problem: &Problem) -> ProblemFields {
    ProblemFields {
        path: problem.path.to_string_lossy().into_owned(),
        problem: problem.kind.to_string(),
        repaired: problem.repaired,
        repair: repair_words(&problem.kind),
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

/// What `--repair` does about a problem.
const fn repair_words(kind: &ProblemKind) -> Option<&'static str> {
    match kind.repair() {
        Repair::Aside => Some("moved to the quarantine"),
        Repair::Removed => Some("removed"),
        Repair::MadeAnew => Some("made anew"),
        Repair::None => None,
    }
}

/// What a repair of such a problem means to the user.
const fn meaning(kind: &ProblemKind) -> Option<&'static str> {
    match kind {
        ProblemKind::Entry(_) | ProblemKind::BlobOfEntry(_) => Some("these results are computed again"),
        ProblemKind::TraceSets(_) => Some("what these computations looked at is found out by a run"),
        ProblemKind::Root(_) | ProblemKind::DanglingRoot => {
            Some("these names are gone until a program saves them again")
        }
        ProblemKind::Acceptance(_) => Some("what was accepted there has to be accepted again"),
        ProblemKind::Note(_) => Some("these blobs are checked in full once more"),
        ProblemKind::Index(_) => Some("the uses and runs that the index had counted are lost"),
        _ => None,
    }
}

fn text(found: &Verification, leftovers: &LeftoverFields, repair: bool) -> String {
    let mut text: String = found.problems.iter().map(problem_line).collect();
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
    text += &leftovers_line(leftovers);
    text + &damage_lines(&found.problems, repair)
}

fn damage_lines(problems: &[Problem], repair: bool) -> String {
    if problems.is_empty() {
        return String::new();
    }
    let repaired: Vec<&Problem> = problems.iter().filter(|problem| problem.repaired).collect();
    let files = words::count_of(problems.len() as u64, "file", "files");
    let mut text = format!("damage: {files}, {} repaired\n", repaired.len());
    let mut told: Vec<&str> = repaired.iter().filter_map(|problem| meaning(&problem.kind)).collect();
    told.sort_unstable();
    told.dedup();
    text.extend(told.iter().map(|meaning| format!("  {meaning}\n")));
    if problems.iter().any(|problem| problem.kind.repair() == Repair::None) {
        text += "  what is no file of the store, is a link, or cannot be read is left for you to look at\n";
    }
    if !repair {
        text += "`hozon verify --repair` moves damaged files aside; what they held is computed again\n";
    }
    text
}

fn leftovers_line(leftovers: &LeftoverFields) -> String {
    let counts = [
        (leftovers.unfinished, "unfinished file", "unfinished files"),
        (leftovers.blobs, "blob", "blobs"),
        (leftovers.notes, "note", "notes"),
        (leftovers.lists, "list of traces", "lists of traces"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, ..)| *count > 0)
        .map(|(count, one, many)| words::count_of(*count, one, many))
        .collect();
    if counts.is_empty() {
        return String::new();
    }
    let done = if leftovers.removed { "removed, as nothing needed it" } else { "not needed by anything" };
    format!("{done}: {} ({})\n", counts.join(", "), words::size(leftovers.bytes))
}

fn problem_line(problem: &Problem) -> String {
    let path = problem.path.to_string_lossy();
    let repaired = match repair_words(&problem.kind) {
        Some(words) if problem.repaired => format!(" ({words})"),
        _ => String::new(),
    };
    format!("{}: {}{repaired}\n", visible(&path), visible(&problem.kind.to_string()))
}
