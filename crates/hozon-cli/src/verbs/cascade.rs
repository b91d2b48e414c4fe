//! Why several computations ran, those with the same cause together.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use hozon_engine::{Cause, Memory, Told, explain_entry, removal_words};
use hozon_format::{Digest, Key};
use hozon_key::{Change, Node, NodeKind, known, visible};
use hozon_store::{Run, Store, Summary};
use serde::Serialize;

use super::why::{ChangeFields, code_of, one_change};
use crate::failure::Failure;
use crate::reaching::Known;
use crate::report::{Report, View};
use crate::words;

/// So many computations are explained at once.
const MOST_EXPLAINED: usize = 500;
const MOST_NAMES: usize = 8;

/// A stored computation that is to be explained.
pub(super) struct Computed<'a> {
    summary: &'a Summary,
    recipe: Rc<Node>,
}

/// What the computations have in common.
pub(super) enum Scope<'a> {
    /// They ran in the last session that ran anything.
    LastSession { ended_ms: u64, runs: Vec<&'a Run> },
    /// They ran since `hozon ci restore`, in whatever session.
    SinceRestore { runs: Vec<&'a Run> },
    /// They reach a function, a file or a line.
    Reaching(&'a str),
}

/// Computations that ran for the same cause.
struct Group<'a> {
    cause: Cause,
    changes: Vec<Change>,
    computed: Vec<(&'a Summary, Option<Key>)>,
}

#[derive(Serialize)]
pub(super) struct Groups {
    scope: &'static str,
    what: Option<String>,
    ended_ms: Option<u64>,
    ran: usize,
    ran_seconds: f64,
    groups: Vec<GroupFields>,
    not_stored: Vec<UnstoredFields>,
}

impl Groups {
    /// Tells whether nothing ran.
    pub(super) fn is_empty(&self) -> bool {
        self.ran == 0
    }
}

#[derive(Serialize)]
struct GroupFields {
    cause: &'static str,
    explanation: String,
    changes: Vec<ChangeFields>,
    computations: Vec<ComputationFields>,
}

#[derive(Serialize)]
struct ComputationFields {
    key: String,
    name: String,
    made_ms: u64,
    ran_seconds: f64,
    nearest: Option<String>,
}

#[derive(Serialize)]
struct UnstoredFields {
    key: String,
    name: String,
    made_ms: u64,
    ran_seconds: f64,
    why: String,
}

/// Of each name and each set of arguments the newest entry.
pub(super) fn latest<'a>(found: &[Known<'a>]) -> Vec<Computed<'a>> {
    let mut seen: HashSet<(&str, Option<Digest>)> = HashSet::new();
    let is_first = |(summary, recipe): &&Known<'a>| seen.insert((&summary.facts.name, arguments(recipe)));
    let newest = found.iter().filter(is_first);
    newest.map(|(summary, recipe)| Computed { summary, recipe: recipe.clone() }).collect()
}

fn arguments(recipe: &Node) -> Option<Digest> {
    let is_arguments = |node: &&Node| node.kind == NodeKind::Group && node.label == "arguments";
    known(recipe).children.iter().find(is_arguments).map(Node::digest)
}

/// All that ran since a moment, each key once, and what is stored of it.
pub(super) fn since<'a>(
    store: &Store,
    summaries: &'a [Summary],
    memory: &'a Memory,
    since_ms: u64,
) -> (Scope<'a>, Vec<Computed<'a>>) {
    let mut seen = HashSet::new();
    let is_first = |run: &&Run| run.when_ms >= since_ms && seen.insert(run.key);
    let runs: Vec<&Run> = memory.runs.iter().filter(is_first).collect();
    let computed = stored_of(store, summaries, memory, &runs);
    (Scope::SinceRestore { runs }, computed)
}

fn stored_of<'a>(
    store: &Store,
    summaries: &'a [Summary],
    memory: &Memory,
    runs: &[&Run],
) -> Vec<Computed<'a>> {
    let stored: HashSet<Key> = runs.iter().filter(|run| run.unstored.is_none()).map(|run| run.key).collect();
    let computed = summaries
        .iter()
        .filter(|summary| stored.contains(&summary.key))
        .filter_map(|summary| Some(Computed { summary, recipe: memory.recipe(store, &summary.key)? }));
    computed.collect()
}

/// Explains all that ran in the last session that ran anything.
pub(super) fn last_session(
    store: &Store,
    view: View,
    summaries: &[Summary],
    memory: &Memory,
) -> Result<Report, Failure> {
    let Some(last) = memory.runs.first() else {
        return Err(Failure::missing("no run is remembered here, so there is nothing to explain")
            .hint("runs are remembered in the index of the store, when the program that ran them ends")
            .hint("`hozon why NAME` explains an entry by its recipe alone"));
    };
    let mut seen = HashSet::new();
    let runs: Vec<&Run> =
        memory.runs.iter().filter(|run| run.session == last.session && seen.insert(run.key)).collect();
    let stored: HashSet<Key> = runs.iter().filter(|run| run.unstored.is_none()).map(|run| run.key).collect();
    let computed = stored_of(store, summaries, memory, &runs);
    let used = summaries.iter().filter(|summary| summary.last_used_ms > Some(last.when_ms)).count() as u64;
    let younger =
        |summary: &&Summary| summary.facts.created_ms > last.when_ms && !stored.contains(&summary.key);
    let unknown = summaries.iter().filter(younger).count() as u64;
    let scope = Scope::LastSession { ended_ms: last.when_ms, runs };
    let mut report = report(store, view, summaries, memory, &scope, computed);
    if used > 0 {
        let results = words::count_of(used, "result was", "results were");
        report = report.note(format!("note: {results} used since then"));
    }
    if unknown > 0 {
        let entries = words::count_of(unknown, "entry was", "entries were");
        report = report.note(format!("note: {entries} stored since then by programs that left no record"));
    }
    Ok(report)
}

/// Explains computations, those with one cause together.
pub(super) fn report(
    store: &Store,
    view: View,
    summaries: &[Summary],
    memory: &Memory,
    scope: &Scope<'_>,
    mut computed: Vec<Computed<'_>>,
) -> Report {
    let left_out = computed.len().saturating_sub(MOST_EXPLAINED);
    computed.truncate(MOST_EXPLAINED);
    let groups = groups_of(store, summaries, memory, &computed);
    let report = if view.json {
        Report::json(&fields(scope, &groups, &computed, view.now_ms))
    } else {
        Report::text(text(scope, &groups, &computed, view.now_ms))
    };
    if left_out > 0 {
        report.note(format!("note: {left_out} more, older ones were left out"))
    } else {
        report
    }
}

/// The same as JSON has it.
pub(super) fn report_fields(
    store: &Store,
    view: View,
    summaries: &[Summary],
    memory: &Memory,
    (scope, computed): &(Scope<'_>, Vec<Computed<'_>>),
) -> Groups {
    let computed = &computed[..computed.len().min(MOST_EXPLAINED)];
    fields(scope, &groups_of(store, summaries, memory, computed), computed, view.now_ms)
}

/// Computations by their cause, the cause of most first.
fn groups_of<'a>(
    store: &Store,
    summaries: &[Summary],
    memory: &Memory,
    computed: &[Computed<'a>],
) -> Vec<Group<'a>> {
    let sessions: HashMap<Key, u64> = memory.runs.iter().rev().map(|run| (run.key, run.session)).collect();
    let mut groups: Vec<Group<'_>> = vec![];
    for one in computed {
        let session = sessions.get(&one.summary.key);
        // What ran beside it in its own session is no earlier run.
        let earlier = super::why::earlier_than(one.summary, summaries)
            .filter(|other| session.is_none() || sessions.get(&other.key) != session);
        let told = explain_entry(store, memory, one.summary, &one.recipe, earlier);
        add(&mut groups, one.summary, told);
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.computed.len()));
    groups
}

/// A cause, what ran for it, and how long that took in seconds: for tables.
pub(super) fn causes(
    store: &Store,
    view: View,
    summaries: &[Summary],
    memory: &Memory,
    (scope, computed): &(Scope<'_>, Vec<Computed<'_>>),
) -> Vec<(String, String, f64)> {
    let computed = &computed[..computed.len().min(MOST_EXPLAINED)];
    let groups = groups_of(store, summaries, memory, computed);
    let seconds = |group: &Group<'_>| -> f64 {
        group.computed.iter().map(|(summary, _)| summary.facts.duration_ns as f64 / 1e9).sum()
    };
    let stored = groups.iter().map(|group| (group.title(view.now_ms), group.names(), seconds(group)));
    let others = unstored(scope).into_iter().map(|(why, runs)| {
        let title = format!("{} ran and was not stored: {}", runs.len(), visible(why));
        (title, names_of(&runs), runs.iter().map(|run| run.seconds).sum())
    });
    stored.chain(others).collect()
}

fn add<'a>(groups: &mut Vec<Group<'a>>, summary: &'a Summary, told: Told) {
    let (nearest, mut changes) = (told.explanation.nearest, told.explanation.changes);
    if told.cause != Cause::Changed {
        changes.clear();
    }
    let same = groups
        .iter_mut()
        .find(|group| sort_of(&group.cause) == sort_of(&told.cause) && alike(&group.changes, &changes));
    match same {
        Some(group) => {
            if group.changes != changes {
                group.changes.iter_mut().for_each(generalize);
            }
            group.computed.push((summary, nearest));
        }
        None => groups.push(Group { cause: told.cause, changes, computed: vec![(summary, nearest)] }),
    }
}

/// Removals by the same hand at different moments are one cause.
fn sort_of(cause: &Cause) -> (u8, &str) {
    match cause {
        Cause::FirstRun => (0, ""),
        Cause::Changed => (1, ""),
        Cause::Removed { why, .. } => (2, why),
        Cause::NeverStored { why, .. } => (3, why),
        _ => (4, ""),
    }
}

/// Changes of arguments are one cause whatever their values are: every other change must be the same.
fn alike(one: &[Change], other: &[Change]) -> bool {
    let same = |(one, other): (&Change, &Change)| {
        let both_arguments = one.node == NodeKind::Argument && other.node == NodeKind::Argument;
        one == other || (both_arguments && one.label == other.label && one.kind == other.kind)
    };
    one.len() == other.len() && one.iter().zip(other).all(same)
}

fn generalize(change: &mut Change) {
    if change.node == NodeKind::Argument {
        (change.before, change.after, change.digests) = (None, None, None);
    }
}

impl Group<'_> {
    /// `7 ran because of 1 change: helper clean() changed (utils.py:12)`.
    fn title(&self, now_ms: u64) -> String {
        let count = self.computed.len();
        match &self.cause {
            Cause::FirstRun => format!("{count} ran for the first time"),
            Cause::Changed => self.title_of_changes(count),
            Cause::Removed { when_ms, why } => {
                let results = if count == 1 { "its stored result was" } else { "their stored results were" };
                let how = visible(removal_words(why)).into_owned();
                format!("{count} ran because {results} {how} {}", words::age(*when_ms, now_ms))
            }
            Cause::NeverStored { why, .. } => {
                let results =
                    if count == 1 { "its earlier result was" } else { "their earlier results were" };
                format!("{count} ran because {results} not stored: {}", visible(why))
            }
            _ => format!("{count} ran, and why is not known"),
        }
    }

    fn title_of_changes(&self, count: usize) -> String {
        match &self.changes[..] {
            [] => format!("{count} ran, though nothing changed"),
            [only] => format!("{count} ran because of 1 change: {only}"),
            several => {
                let lines: String = several.iter().map(|change| format!("\n  {change}")).collect();
                format!("{count} ran because of {} changes:{lines}", several.len())
            }
        }
    }

    fn names(&self) -> String {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        self.computed.iter().for_each(|(summary, _)| *counts.entry(&summary.facts.name).or_default() += 1);
        let named = |(name, count): (&&str, &u64)| match count {
            1 => words::name(name).into_owned(),
            _ => format!("{} ({count})", words::name(name)),
        };
        let mut names: Vec<String> = counts.iter().take(MOST_NAMES).map(named).collect();
        if counts.len() > MOST_NAMES {
            names.push(format!("and {} more", counts.len() - MOST_NAMES));
        }
        names.join(", ")
    }
}

fn text(scope: &Scope<'_>, groups: &[Group<'_>], computed: &[Computed<'_>], now_ms: u64) -> String {
    let mut text = header(scope, computed, now_ms);
    for group in groups {
        text += &format!("\n{}\n  in {}\n", group.title(now_ms), group.names());
        text += &code_of(&group.changes);
    }
    for (why, runs) in unstored(scope) {
        let (count, names) = (runs.len(), names_of(&runs));
        text += &format!("\n{count} ran and was not stored: {}\n  in {names}\n", visible(why));
    }
    text
}

fn names_of(runs: &[&Run]) -> String {
    let mut names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let names: Vec<_> = names.into_iter().map(words::name).collect();
    names.join(", ")
}

fn header(scope: &Scope<'_>, computed: &[Computed<'_>], now_ms: u64) -> String {
    match scope {
        Scope::LastSession { ended_ms, runs } => {
            let (count, ran) = ran(runs);
            let when = words::age(*ended_ms, now_ms);
            format!("in the last session that ran anything, {when}, {count} ran, for {ran}\n")
        }
        Scope::SinceRestore { runs } => {
            let (count, ran) = ran(runs);
            format!("since `hozon ci restore`, {count} ran, for {ran}\n")
        }
        Scope::Reaching(what) => {
            let count = words::count_of(computed.len() as u64, "computation reaches", "computations reach");
            format!("{count} {}\n", visible(what))
        }
    }
}

/// How many computations ran, and for how long, in words.
fn ran(runs: &[&Run]) -> (String, String) {
    let seconds: f64 = runs.iter().map(|run| run.seconds).sum();
    let count = words::count_of(runs.len() as u64, "computation", "computations");
    (count, words::duration(super::nanoseconds(seconds)))
}

/// The runs of a session whose results were not stored, by the reason.
fn unstored<'a>(scope: &'a Scope<'_>) -> BTreeMap<&'a str, Vec<&'a Run>> {
    let mut by_reason: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
    if let Scope::LastSession { runs, .. } | Scope::SinceRestore { runs } = scope {
        for run in runs {
            if let Some(why) = &run.unstored {
                by_reason.entry(why).or_default().push(run);
            }
        }
    }
    by_reason
}

fn fields(scope: &Scope<'_>, groups: &[Group<'_>], computed: &[Computed<'_>], now_ms: u64) -> Groups {
    let seconds = |one: &Computed<'_>| one.summary.facts.duration_ns as f64 / 1e9;
    let (word, what, ended_ms, ran, ran_seconds) = match scope {
        Scope::LastSession { ended_ms, runs } => {
            let seconds = runs.iter().map(|run| run.seconds).sum();
            ("last session", None, Some(*ended_ms), runs.len(), seconds)
        }
        Scope::SinceRestore { runs } => {
            let seconds = runs.iter().map(|run| run.seconds).sum();
            ("since restore", None, None, runs.len(), seconds)
        }
        Scope::Reaching(what) => {
            let seconds = computed.iter().map(seconds).sum();
            ("reaching", Some((*what).to_owned()), None, computed.len(), seconds)
        }
    };
    let not_stored = unstored(scope).into_values().flatten().map(|run| UnstoredFields {
        key: run.key.to_string(),
        name: run.name.clone(),
        made_ms: run.when_ms,
        ran_seconds: run.seconds,
        why: run.unstored.clone().unwrap_or_default(),
    });
    let groups = groups.iter().map(|group| group_fields(group, now_ms)).collect();
    Groups { scope: word, what, ended_ms, ran, ran_seconds, groups, not_stored: not_stored.collect() }
}

fn group_fields(group: &Group<'_>, now_ms: u64) -> GroupFields {
    let cause = match group.cause {
        Cause::FirstRun => "first_run",
        Cause::Changed => "changed",
        Cause::Removed { .. } => "removed",
        Cause::NeverStored { .. } => "never_stored",
        _ => "unknown",
    };
    let computations = group.computed.iter().map(|(summary, nearest)| ComputationFields {
        key: summary.key.to_string(),
        name: summary.facts.name.clone(),
        made_ms: summary.facts.created_ms,
        ran_seconds: summary.facts.duration_ns as f64 / 1e9,
        nearest: nearest.map(|key| key.to_string()),
    });
    GroupFields {
        cause,
        explanation: group.title(now_ms),
        changes: group.changes.iter().map(one_change).collect(),
        computations: computations.collect(),
    }
}
