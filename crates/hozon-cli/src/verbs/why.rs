//! `hozon why`.

use hozon_engine::{Memory, Told, explain_entry, removal_words};
use hozon_format::Key;
use hozon_key::{Change, Explanation, RecipeError, decode, visible};
use hozon_store::{Store, Summary};
use serde::Serialize;

use super::accepted::{AcceptedFields, accepted_fields, accepted_line};
use super::cascade::{Computed, Scope, report};
use super::show::went_away;
use crate::failure::Failure;
use crate::reaching::{Spot, all_known, by_function, by_spot};
use crate::report::{Report, View};
use crate::select::{Selected, select};
use crate::words;

#[derive(Serialize)]
struct Why {
    key: String,
    name: String,
    made_ms: u64,
    ran_seconds: f64,
    cause: &'static str,
    first_run: bool,
    nearest: Option<String>,
    compared: usize,
    explanation: String,
    changes: Vec<ChangeFields>,
    accepted: Option<AcceptedFields>,
}

#[derive(Serialize)]
pub(super) struct ChangeFields {
    change: &'static str,
    part: &'static str,
    label: String,
    before: Option<String>,
    after: Option<String>,
    place: Option<String>,
    code_difference: Option<String>,
    text: String,
}

/// Explains why computations ran: one by its name or key, all that reach a function, a file or a line,
/// or all of the last session.
pub(crate) fn why(store: &Store, view: View, word: Option<&str>) -> Result<Report, Failure> {
    let summaries = store.summaries()?;
    let memory = Memory::of(store);
    let Some(word) = word else { return super::cascade::last_session(store, view, &summaries, &memory) };
    match select(store, &summaries, word) {
        Ok(selected) => one(store, view, &summaries, &memory, &selected),
        Err(failure) if failure.code != crate::EXIT_MISSING => Err(failure),
        Err(failure) => reaching(store, view, &summaries, &memory, word)
            .or_else(|| never_stored(view, &memory, word))
            .unwrap_or(Err(failure)),
    }
}

fn one(
    store: &Store,
    view: View,
    summaries: &[Summary],
    memory: &Memory,
    selected: &Selected<'_>,
) -> Result<Report, Failure> {
    let (summary, note) = selected.newest();
    let entry = store.entry_for_explaining(&summary.key).ok_or_else(|| went_away(store, summary))?;
    let now = decode(&entry.recipe).map_err(|error| no_recipe(summary, &error))?;
    let told = explain_entry(store, memory, summary, &now, earlier_than(summary, summaries));
    let report = if view.json {
        Report::json(&fields(summary, &told, accepted_fields(&entry.facts), view.now_ms))
    } else {
        let accepted = accepted_line(&entry.facts, view.now_ms);
        Report::text(text(summary, &told, accepted, summaries, view.now_ms))
    };
    Ok(note.into_iter().fold(report, Report::note))
}

/// Entries of the same name that were there before. The listing has the newest first, so they follow it.
pub(super) fn earlier_than<'a>(
    summary: &'a Summary,
    all: &'a [Summary],
) -> impl Iterator<Item = &'a Summary> {
    let later = all.iter().skip_while(|other| other.key != summary.key).skip(1);
    later.filter(|other| other.facts.name == summary.facts.name)
}

/// `None` if the word means no function, file or line that computations reach.
fn reaching(
    store: &Store,
    view: View,
    summaries: &[Summary],
    memory: &Memory,
    word: &str,
) -> Option<Result<Report, Failure>> {
    let all = all_known(store, memory, summaries);
    let found = match Spot::parse(word) {
        Some(spot) => by_spot(&**store.system(), &all, &spot),
        None => by_function(&all, word),
    };
    if found.is_empty() {
        return None;
    }
    let computed: Vec<Computed<'_>> = super::cascade::latest(&found);
    Some(Ok(report(store, view, summaries, memory, &Scope::Reaching(word), computed)))
}

/// A name that has run and of which nothing was ever stored.
fn never_stored(view: View, memory: &Memory, word: &str) -> Option<Result<Report, Failure>> {
    let run = memory.runs.iter().find(|run| run.name == word)?;
    let (name, when) = (words::name(word), words::age(run.when_ms, view.now_ms));
    let removed = memory.removed.iter().find(|removed| removed.key == run.key);
    let what = match (&run.unstored, removed) {
        (Some(why), _) => format!("its result was not stored: {}", visible(why)),
        (None, Some(removed)) => {
            let age = words::age(removed.when_ms, view.now_ms);
            format!("its stored result was {} {age}", visible(removal_words(&removed.why)))
        }
        (None, None) => "its stored result is not there any more".to_owned(),
    };
    if view.json {
        #[derive(Serialize)]
        struct Never {
            key: String,
            name: String,
            made_ms: u64,
            ran_seconds: f64,
            cause: &'static str,
            explanation: String,
        }
        let cause = if run.unstored.is_some() { "never_stored" } else { "removed" };
        let (key, ran_seconds) = (run.key.to_string(), run.seconds);
        let (name, made_ms) = (word.to_owned(), run.when_ms);
        return Some(Ok(Report::json(&Never { key, name, made_ms, ran_seconds, cause, explanation: what })));
    }
    let ran = words::duration(super::nanoseconds(run.seconds));
    Some(Ok(Report::text(format!("{name} ({}) ran {when}, for {ran}\n  {what}\n", run.key.short()))))
}

fn no_recipe(summary: &Summary, error: &RecipeError) -> Failure {
    let (name, key) = (words::name(&summary.facts.name), summary.key.short());
    Failure::missing(format!("the recipe of {name} ({key}) cannot be read: {error}"))
        .hint("another release of hozon may have written it: explain it with that one")
}

fn fields(summary: &Summary, told: &Told, accepted: Option<AcceptedFields>, now_ms: u64) -> Why {
    let explanation = &told.explanation;
    Why {
        key: summary.key.to_string(),
        name: summary.facts.name.clone(),
        made_ms: summary.facts.created_ms,
        ran_seconds: summary.facts.duration_ns as f64 / 1e9,
        cause: told.word(),
        first_run: explanation.nearest.is_none(),
        nearest: explanation.nearest.map(|key| key.to_string()),
        compared: told.compared,
        explanation: told.lines(now_ms).join("\n"),
        changes: change_fields(explanation),
        accepted,
    }
}

pub(super) fn change_fields(explanation: &Explanation<Key>) -> Vec<ChangeFields> {
    explanation.changes.iter().map(one_change).collect()
}

pub(super) fn one_change(change: &Change) -> ChangeFields {
    ChangeFields {
        change: change.kind.word(),
        part: change.node.word(),
        label: change.label.clone(),
        before: change.before.clone(),
        after: change.after.clone(),
        place: change.place.clone(),
        code_difference: change.code_difference.clone(),
        text: change.to_string(),
    }
}

fn text(summary: &Summary, told: &Told, accepted: Option<String>, all: &[Summary], now_ms: u64) -> String {
    let (name, key) = (words::name(&summary.facts.name), summary.key.short());
    let ran = words::duration(summary.facts.duration_ns.into());
    let mut text =
        format!("{name} ({key}) ran {}, for {ran}\n", words::age(summary.facts.created_ms, now_ms));
    if let Some(accepted) = accepted {
        text += &format!("{accepted}\n");
    }
    let nearest = told.explanation.nearest.and_then(|key| all.iter().find(|other| other.key == key));
    if let Some(nearest) = nearest.filter(|_| told.cause == hozon_engine::Cause::Changed) {
        let age = words::age(nearest.facts.created_ms, now_ms);
        text += &format!("the nearest earlier run is {}, {age}; since then:\n", nearest.key.short());
    }
    text += &told.lines(now_ms).iter().map(|line| format!("  {line}\n")).collect::<String>();
    if told.cause == hozon_engine::Cause::Changed {
        text += &code_of(&told.explanation.changes);
    }
    text
}

/// The differences of code, each below an empty line.
pub(super) fn code_of(changes: &[Change]) -> String {
    let blocks = changes.iter().map(Change::code_lines).filter(|lines| !lines.is_empty());
    blocks.map(|lines| format!("\n{}\n", lines.join("\n"))).collect()
}
