//! `hozon why`.

use hozon_format::Key;
use hozon_key::{Change, Explanation, Node, RecipeError, decode, explain, visible};
use hozon_store::{Store, Summary};
use serde::Serialize;

use super::show::went_away;
use crate::failure::Failure;
use crate::report::{Report, View};
use crate::select::select;
use crate::words;

/// With how many earlier entries of its name an entry is compared, the newest first.
const MOST_COMPARED: usize = 256;

/// How many lines of a code difference are shown to people, for each change.
const MOST_CODE_LINES: usize = 20;

#[derive(Serialize)]
struct Why {
    key: String,
    name: String,
    made_ms: u64,
    ran_seconds: f64,
    first_run: bool,
    nearest: Option<String>,
    compared: usize,
    explanation: String,
    changes: Vec<ChangeFields>,
}

#[derive(Serialize)]
struct ChangeFields {
    change: &'static str,
    part: &'static str,
    label: String,
    before: Option<String>,
    after: Option<String>,
    place: Option<String>,
    code_difference: Option<String>,
    text: String,
}

/// Explains why an entry was computed: what differs from the nearest earlier one of its name.
pub(crate) fn why(store: &Store, view: View, word: &str) -> Result<Report, Failure> {
    let summaries = store.summaries()?;
    let (summary, note) = select(store, &summaries, word)?.newest();
    let now = recipe(store, summary)?.map_err(|error| no_recipe(summary, &error))?;
    let earlier = earlier_than(summary, &summaries);
    let recipes: Vec<(Node, Key)> = earlier
        .take(MOST_COMPARED)
        .filter_map(|other| Some((recipe(store, other).ok()?.ok()?, other.key)))
        .collect();
    let tagged: Vec<(&Node, Key)> = recipes.iter().map(|(node, key)| (node, *key)).collect();
    let explanation = explain(&now, &tagged);
    let report = if view.json {
        Report::json(&fields(summary, &explanation, recipes.len()))
    } else {
        Report::text(text(summary, &explanation, &summaries, view.now_ms))
    };
    Ok(note.into_iter().fold(report, Report::note))
}

/// Entries of the same name that were there before. The listing has the newest first, so they follow it.
fn earlier_than<'a>(summary: &'a Summary, all: &'a [Summary]) -> impl Iterator<Item = &'a Summary> {
    let later = all.iter().skip_while(|other| other.key != summary.key).skip(1);
    later.filter(|other| other.facts.name == summary.facts.name)
}

fn recipe(store: &Store, summary: &Summary) -> Result<Result<Node, RecipeError>, Failure> {
    let entry = store.entry_for_explaining(&summary.key).ok_or_else(|| went_away(summary))?;
    Ok(decode(&entry.recipe))
}

fn no_recipe(summary: &Summary, error: &RecipeError) -> Failure {
    let (name, key) = (words::name(&summary.facts.name), summary.key.short());
    Failure::missing(format!("the recipe of {name} ({key}) cannot be read: {error}"))
        .hint("another release of hozon may have written it: explain it with that one")
}

fn fields(summary: &Summary, explanation: &Explanation<Key>, compared: usize) -> Why {
    Why {
        key: summary.key.to_string(),
        name: summary.facts.name.clone(),
        made_ms: summary.facts.created_ms,
        ran_seconds: summary.facts.duration_ns as f64 / 1e9,
        first_run: explanation.nearest.is_none(),
        nearest: explanation.nearest.map(|key| key.to_string()),
        compared,
        explanation: explanation.to_string(),
        changes: explanation.changes.iter().map(change_fields).collect(),
    }
}

fn change_fields(change: &Change) -> ChangeFields {
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

fn text(summary: &Summary, explanation: &Explanation<Key>, all: &[Summary], now_ms: u64) -> String {
    let (name, key) = (words::name(&summary.facts.name), summary.key.short());
    let ran = words::duration(summary.facts.duration_ns.into());
    let mut text =
        format!("{name} ({key}) ran {}, for {ran}\n", words::age(summary.facts.created_ms, now_ms));
    let nearest = explanation.nearest.and_then(|key| all.iter().find(|other| other.key == key));
    if let Some(nearest) = nearest {
        let age = words::age(nearest.facts.created_ms, now_ms);
        text += &format!("the nearest earlier run is {}, {age}; since then:\n", nearest.key.short());
    }
    text += &explanation.to_string().lines().map(|line| format!("  {line}\n")).collect::<String>();
    text + &explanation.changes.iter().map(code_lines).collect::<String>()
}

/// The changed lines of a definition, below its name.
fn code_lines(change: &Change) -> String {
    let Some(difference) = &change.code_difference else { return String::new() };
    // The first two lines name files, which there are none of, and the third says where the first hunk is.
    let place_of_hunk = |line: &str| line.starts_with("@@ ");
    let lines = difference.lines().skip(3).map(|line| if place_of_hunk(line) { "…" } else { line });
    let lines: Vec<&str> = lines.collect();
    let shown = lines.iter().take(MOST_CODE_LINES).map(|line| format!("  {}\n", visible(line)));
    let more = lines.len().saturating_sub(MOST_CODE_LINES);
    let rest =
        if more > 0 { format!("  … and {more} more lines (--json gives all)\n") } else { String::new() };
    format!("\n{}:\n{}{rest}", visible(&change.label), shown.collect::<String>())
}
