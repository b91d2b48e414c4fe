//! `hozon show`.

use hozon_format::{Codec, Entry, Facts, Origin, Output, Part};
use hozon_key::{Node, NodeKind, decode, visible};
use hozon_store::{Lookup, Miss, Store, Summary};
use serde::Serialize;

use super::accepted::{AcceptedFields, accepted_fields, accepted_line, is_told_apart};
use super::{EntryFields, kind_word, nanoseconds};
use crate::failure::Failure;
use crate::report::{Report, View};
use crate::select::select;
use crate::table::{Align, facts, table};
use crate::words;

/// How many lines of a recipe are shown to people.
const MOST_RECIPE_LINES: usize = 60;

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    entry: EntryFields,
    python: String,
    hozon: String,
    facts: Vec<Fact>,
    roots: Vec<String>,
    outputs: Vec<OutputFields>,
    recipe: Option<PartFields>,
    accepted: Option<AcceptedFields>,
}

#[derive(Serialize)]
struct Fact {
    label: String,
    text: String,
}

#[derive(Serialize)]
struct OutputFields {
    name: String,
    codec: &'static str,
    size_bytes: u64,
    buffers: usize,
}

#[derive(Serialize)]
struct PartFields {
    part: &'static str,
    label: String,
    digest: Option<String>,
    shown: Option<String>,
    place: Option<String>,
    children: Vec<PartFields>,
}

/// Shows one entry: its facts, outputs and recipe.
pub(crate) fn show(store: &Store, view: View, word: &str) -> Result<Report, Failure> {
    let summaries = store.summaries()?;
    let (summary, note) = select(store, &summaries, word)?.newest();
    let entry = store.entry_for_explaining(&summary.key).ok_or_else(|| went_away(store, summary))?;
    let roots = store.roots().into_iter().filter(|(_, key)| *key == summary.key);
    let roots: Vec<String> = roots.map(|(name, _)| name).collect();
    let recipe = decode(&entry.recipe);
    let unreadable = recipe.as_ref().err().map(|error| format!("note: {error}"));
    let recipe = recipe.ok();
    let report = if view.json {
        Report::json(&fields(store, summary, &entry, roots, recipe.as_ref()))
    } else {
        Report::text(text(store, summary, &entry, &roots, recipe.as_ref(), view))
    };
    Ok(note.into_iter().chain(unreadable).fold(report, Report::note))
}

pub(super) fn went_away(store: &Store, summary: &Summary) -> Failure {
    let key = summary.key.short();
    if let Lookup::Miss(why @ Miss::NoLongerTrusted { .. }) = store.get(&summary.key) {
        return Failure::missing(format!("the entry {key} is not used: {why}"))
            .hint("`hozon trust list` lists the keys that are trusted");
    }
    Failure::missing(format!("the entry {key} cannot be read: it has just been removed, or it is damaged"))
        .hint("`hozon verify` checks the store")
}

fn fields(
    store: &Store,
    summary: &Summary,
    entry: &Entry,
    roots: Vec<String>,
    recipe: Option<&Node>,
) -> Shown {
    let more = entry.facts.more.iter();
    Shown {
        entry: summary.into(),
        python: entry.facts.python.clone(),
        hozon: entry.facts.hozon.clone(),
        facts: more.map(|(label, text)| Fact { label: label.clone(), text: text.clone() }).collect(),
        roots,
        outputs: entry.outputs.iter().map(output_fields).collect(),
        recipe: recipe.map(|recipe| part_fields(store, recipe)),
        accepted: accepted_fields(&entry.facts),
    }
}

fn output_fields(output: &Output) -> OutputFields {
    let buffers = output.buffers.iter().map(|buffer| &buffer.part);
    let size_bytes = buffers.chain([&output.payload]).map(Part::length).fold(0, u64::saturating_add);
    let (name, codec) = (output.name.clone(), codec_word(output.codec));
    OutputFields { name, codec, size_bytes, buffers: output.buffers.len() }
}

fn codec_word(codec: Codec) -> &'static str {
    match codec {
        Codec::Pickle5 => "pickle",
        Codec::Exception => "exception",
        Codec::DeletedName => "deleted",
        Codec::Effect => "effect",
        Codec::CellRecord => "record of a cell",
        Codec::Displays => "displays",
        _ => "other",
    }
}

fn part_fields(store: &Store, node: &Node) -> PartFields {
    PartFields {
        part: node.kind.word(),
        label: node.label.clone(),
        digest: node.digest.map(|digest| match is_value(node) {
            true => store.sign_of(&digest),
            false => digest.to_string(),
        }),
        shown: node.shown.as_ref().map(|shown| shown.as_str().to_owned()),
        place: node.place.clone(),
        children: node.children.iter().map(|child| part_fields(store, child)).collect(),
    }
}

fn text(
    store: &Store,
    summary: &Summary,
    entry: &Entry,
    roots: &[String],
    recipe: Option<&Node>,
    view: View,
) -> String {
    let mut text = facts(&lines_of_facts(summary, entry, roots, view.now_ms));
    if !entry.outputs.is_empty() {
        let rows = entry.outputs.iter().map(output_row).collect();
        let header = [("OUTPUT", Align::Left), ("SIZE", Align::Right), ("STORED AS", Align::Left)];
        text += &format!("\n{}", table(header, rows, view.width));
    }
    if let Some(recipe) = recipe {
        text += &format!("\nRECIPE\n{}", tree(store, recipe));
    }
    text
}

fn lines_of_facts<'a>(
    summary: &Summary,
    entry: &'a Entry,
    roots: &[String],
    now_ms: u64,
) -> Vec<(&'a str, String)> {
    let known = &entry.facts;
    let ago = |ms: u64| format!("{} ({})", words::age(ms, now_ms), words::moment(ms));
    let uses = words::count_of(summary.uses, "time", "times");
    let last_use = summary.last_used_ms.map(|ms| format!(", last {}", words::age(ms, now_ms)));
    let size = format!("{} + {} in blobs", words::size(summary.size_bytes), words::size(summary.blob_bytes));
    let mut lines = vec![
        ("name", words::name(&known.name).into_owned()),
        ("key", entry.key.to_string()),
        ("kind", kind_word(known.kind).to_owned()),
        ("place", visible(&known.place).into_owned()),
        ("made", ago(known.created_ms)),
        ("expires", known.expires_ms.map_or_else(String::new, |ms| expiry(ms, now_ms))),
        ("ran", words::duration(known.duration_ns.into())),
        ("used", uses + &last_use.unwrap_or_default()),
        ("saved", words::duration(nanoseconds(summary.seconds_saved))),
        ("size", size),
        ("kept by", roots.iter().map(|root| words::name(root)).collect::<Vec<_>>().join(", ")),
        ("python", visible(&known.python).into_owned()),
        ("hozon", visible(&known.hozon).into_owned()),
    ];
    lines.retain(|(_, text)| !text.is_empty());
    lines.extend(accepted_line(known, now_ms).map(|line| ("accepted", line)));
    if let Origin::Signed(signer) = known.origin() {
        lines.push(("signed by", signer.to_string()));
    }
    let told = known.more.iter().filter(|(label, _)| !is_told_apart(label) && !Facts::is_of_signature(label));
    let more = told.map(|(label, text)| ("fact", format!("{}: {}", visible(label), visible(text))));
    lines.extend(more);
    lines
}

fn expiry(at_ms: u64, now_ms: u64) -> String {
    let moment = words::moment(at_ms);
    if at_ms <= now_ms { format!("{moment}: over, so it is not used any more") } else { moment }
}

fn output_row(output: &Output) -> [String; 3] {
    let name = if output.name.is_empty() { "(result)".into() } else { visible(&output.name) };
    let fields = output_fields(output);
    let buffers = match fields.buffers as u64 {
        0 => String::new(),
        count => format!(", {}", words::count_of(count, "buffer", "buffers")),
    };
    [name.into_owned(), words::size(fields.size_bytes), fields.codec.to_owned() + &buffers]
}

fn tree(store: &Store, recipe: &Node) -> String {
    let mut lines = Vec::new();
    tree_lines(store, recipe, 1, &mut lines);
    let more = lines.len().saturating_sub(MOST_RECIPE_LINES);
    lines.truncate(MOST_RECIPE_LINES);
    if more > 0 {
        lines.push(format!("  … and {more} more (--json gives all)"));
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn tree_lines(store: &Store, node: &Node, depth: usize, lines: &mut Vec<String>) {
    let mut line = format!("{}{}", "  ".repeat(depth), node.kind.word());
    let shown = node.shown.as_ref().map(|shown| shown_content(store, node, shown.as_str()));
    let digest = node.digest.filter(|_| shown.is_none()).map(|digest| digest.short());
    if !node.label.is_empty() {
        line += &format!(" {}", visible(&node.label));
    }
    if let Some(content) = shown.or(digest) {
        line += &format!(" = {}", visible(&content));
    }
    if let Some(place) = &node.place {
        line += &format!(" ({})", visible(place));
    }
    lines.push(line);
    node.children.iter().for_each(|child| tree_lines(store, child, depth + 1, lines));
}

/// Tells whether a part stands for a value, whose plain digest might let somebody guess it.
fn is_value(node: &Node) -> bool {
    matches!(node.kind, NodeKind::Value | NodeKind::Argument | NodeKind::Environment)
}

/// The short text of a part; with the sign of its content, where the text does not say all of it.
fn shown_content(store: &Store, node: &Node, shown: &str) -> String {
    let says_all = shown.parse::<f64>().is_ok() || matches!(shown, "None" | "True" | "False");
    match node.digest.filter(|_| is_value(node) && !says_all) {
        Some(digest) => format!("{shown} #{}", store.sign_of(&digest)),
        None => shown.to_owned(),
    }
}
