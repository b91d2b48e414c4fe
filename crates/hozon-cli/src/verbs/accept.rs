//! `hozon accept`.

use std::path::{Path, PathBuf};

use hozon_engine::revoke;
use hozon_format::{Acceptance, AcceptedDefinition, ComputationKind};
use hozon_key::{Change, Node, NodeKind, decode, explain, known, visible};
use hozon_store::{Store, Summary};
use serde::Serialize;

use super::show::went_away;
use super::why::{ChangeFields, code_of, one_change};
use crate::failure::Failure;
use crate::report::{Report, View};
use crate::sources::{Present, Sources, Untold};
use crate::words;

/// What was asked of the verb.
pub(crate) struct Asked {
    pub(crate) name: Option<String>,
    pub(crate) definitions: Vec<String>,
    pub(crate) file: Option<PathBuf>,
    pub(crate) list: bool,
    pub(crate) revoke: bool,
}

#[derive(Serialize)]
struct Accepted {
    name: String,
    by: String,
    accepted: Vec<ChangeFields>,
    not_accepted: Vec<String>,
}

#[derive(Serialize)]
struct Listed {
    accepted: Vec<ListedDefinition>,
}

#[derive(Serialize)]
struct ListedDefinition {
    name: String,
    label: String,
    place: String,
    by: String,
    when_ms: u64,
    digest: String,
    used: bool,
    code_difference: String,
}

#[derive(Serialize)]
struct Revoked {
    name: String,
    removed_entries: u64,
}

/// Accepts the present code of a name's definitions, lists what is accepted, or takes it back.
pub(crate) fn accept(store: &Store, view: View, asked: &Asked, by: &str) -> Result<Report, Failure> {
    match &asked.name {
        _ if asked.list => Ok(list(store, view, asked.name.as_deref())),
        Some(name) if asked.revoke => take_back(store, view, name),
        Some(name) => accept_name(store, view, name, asked, by),
        None => Err(Failure::usage("a name is needed: hozon accept NAME")),
    }
}

fn list(store: &Store, view: View, name: Option<&str>) -> Report {
    let all = store.acceptances();
    let meant = all.iter().filter(|one| name.is_none_or(|name| one.name == name));
    let listed = meant.flat_map(|one| one.definitions.iter().map(|definition| listed(one, definition)));
    let listed: Vec<ListedDefinition> = listed.collect();
    if view.json {
        return Report::json(&Listed { accepted: listed });
    }
    if listed.is_empty() {
        return Report::text("").note("nothing is accepted");
    }
    let line = |one: &ListedDefinition| {
        let (name, label, place) = (words::name(&one.name), visible(&one.label), visible(&one.place));
        let (by, when) = (words::name(&one.by), words::age(one.when_ms, view.now_ms));
        let used = if one.used { "" } else { ", not used yet" };
        format!("{name}: {label} ({place}), accepted by {by} {when}{used}\n")
    };
    Report::text(listed.iter().map(line).collect::<String>())
}

fn listed(acceptance: &Acceptance, definition: &AcceptedDefinition) -> ListedDefinition {
    ListedDefinition {
        name: acceptance.name.clone(),
        label: definition.label.clone(),
        place: definition.place.clone(),
        by: definition.by.clone(),
        when_ms: definition.when_ms,
        digest: definition.digest.to_string(),
        used: acceptance.reached.is_some(),
        code_difference: definition.difference.clone(),
    }
}

fn take_back(store: &Store, view: View, name: &str) -> Result<Report, Failure> {
    let Some(removed_entries) = revoke(store, name)? else {
        return Err(Failure::missing(format!("nothing is accepted for {}", words::name(name)))
            .hint("`hozon accept --list` lists what is"));
    };
    if view.json {
        return Ok(Report::json(&Revoked { name: name.to_owned(), removed_entries }));
    }
    let entries = words::count_of(removed_entries, "entry", "entries");
    Ok(Report::text(format!(
        "nothing is accepted for {} any more; {entries} that it gave results to removed\n",
        words::name(name)
    )))
}

/// A definition whose code on disk is another one than in the recipe.
struct Edited {
    at: usize,
    present: Present,
}

fn accept_name(store: &Store, view: View, name: &str, asked: &Asked, by: &str) -> Result<Report, Failure> {
    let summaries = store.summaries()?;
    let Some(newest) = summaries.iter().find(|summary| summary.facts.name == name) else {
        return Err(crate::select::not_there(store, &summaries, name));
    };
    let recipe = recipe_of(store, newest)?;
    let folder = store.folder().parent().unwrap_or(Path::new(".")).to_owned();
    let mut sources = Sources::new(&**store.system(), &folder, asked.file.as_deref());
    let (edited, untold) = edits(&mut sources, &recipe, newest);
    let meant = |edited: &&Edited| {
        let label = &code_of_recipe(&recipe)[edited.at].label;
        asked.definitions.is_empty() || asked.definitions.contains(label)
    };
    if let Some(unknown) = asked
        .definitions
        .iter()
        .find(|wanted| !code_of_recipe(&recipe).iter().any(|node| node.label == **wanted))
    {
        return Err(not_reached(&recipe, name, unknown));
    }
    let accepted: Vec<&Edited> = edited.iter().filter(meant).collect();
    let left: Vec<String> =
        edited.iter().filter(|one| !meant(one)).map(|one| title(&code_of_recipe(&recipe)[one.at])).collect();
    if accepted.is_empty() {
        return Err(nothing_to_accept(name, &untold, &left));
    }
    let changes = changes_of(&recipe, &accepted);
    let record = record(store, view, name, by, &recipe, &accepted, &changes);
    store.set_acceptance(&record)?;
    let untold = untold.into_iter().map(|why| format!("note: {why}"));
    let left_notes = left.iter().map(|title| {
        format!("note: {title} changed too and is not accepted, so earlier results are not used")
    });
    let report = if view.json {
        let accepted = changes.iter().map(one_change).collect();
        Report::json(&Accepted {
            name: name.to_owned(),
            by: by.to_owned(),
            accepted,
            not_accepted: left.clone(),
        })
    } else {
        Report::text(text(name, by, &changes))
    };
    Ok(untold.chain(left_notes).fold(report, Report::note))
}

fn recipe_of(store: &Store, summary: &Summary) -> Result<Node, Failure> {
    let entry = store.entry_for_explaining(&summary.key).ok_or_else(|| went_away(store, summary))?;
    let recipe = decode(&entry.recipe).map_err(|error| {
        Failure::missing(format!(
            "the recipe of {} cannot be read: {error}",
            words::name(&summary.facts.name)
        ))
    })?;
    Ok(known(&recipe).clone())
}

/// The definitions of a recipe.
fn code_of_recipe(recipe: &Node) -> &[Node] {
    let is_code = |node: &&Node| node.kind == NodeKind::Group && node.label == "code";
    recipe.children.iter().find(is_code).map_or(&[], |code| &code.children)
}

/// Compares every definition with what its file holds now.
fn edits(sources: &mut Sources<'_>, recipe: &Node, entry: &Summary) -> (Vec<Edited>, Vec<String>) {
    let (mut edited, mut untold) = (vec![], vec![]);
    for (at, node) in code_of_recipe(recipe).iter().enumerate() {
        let is_body = node.kind == NodeKind::Computation && entry.facts.kind == ComputationKind::Block;
        let has_source = is_body || node.text.is_some();
        match node.kind {
            NodeKind::Computation | NodeKind::Helper | NodeKind::Class => {}
            // Foreign and whole modules, and values by the statements that made them.
            _ => continue,
        }
        if node.place.is_none() {
            continue;
        }
        let block = is_body.then_some(entry.facts.name.as_str());
        let present = if has_source { sources.present(node, block) } else { Err(Untold::NotBySource) };
        match present {
            Ok(present) if Some(present.digest) == node.digest => {}
            Ok(present) if node.text.as_deref() == Some(present.text.as_str()) => {
                untold.push(sentence(node, &Untold::NotBySource));
            }
            Ok(present) => edited.push(Edited { at, present }),
            Err(why) => untold.push(sentence(node, &why)),
        }
    }
    (edited, untold)
}

fn sentence(node: &Node, why: &Untold) -> String {
    let title = title(node);
    match why {
        Untold::NoFile(file) => {
            format!("{title} cannot be accepted: no {} is found beside the store", visible(file))
        }
        Untold::NoDefinition(file) => {
            format!("{title} cannot be accepted: it is not in {} any more", visible(file))
        }
        Untold::Several(file) => format!(
            "{title} cannot be accepted: several definitions in files called {} have its name; name one with --file",
            visible(file)
        ),
        Untold::NotBySource => format!(
            "{title} cannot be accepted: it is not known by its source alone (bytecode, a decorator found while running, or a file that changed while it was loaded)"
        ),
    }
}

fn title(node: &Node) -> String {
    let label = visible(&node.label);
    match node.kind {
        NodeKind::Helper => format!("helper {label}()"),
        NodeKind::Class => format!("class {label}"),
        _ => format!("the code of {label}"),
    }
}

fn not_reached(recipe: &Node, name: &str, wanted: &str) -> Failure {
    let known: Vec<&str> = code_of_recipe(recipe).iter().map(|node| node.label.as_str()).collect();
    Failure::missing(format!(
        "{} does not reach a definition called {}",
        words::name(name),
        words::name(wanted)
    ))
    .hint(format!("it reaches {}", visible(&known.join(", "))))
}

fn nothing_to_accept(name: &str, untold: &[String], left: &[String]) -> Failure {
    let name = words::name(name);
    let failure = match (untold.is_empty(), left.is_empty()) {
        (true, true) => Failure::missing(format!(
            "there is nothing to accept: the code that {name} reaches is on disk as it was when it last ran"
        ))
        .hint(format!(
            "changed values, files and versions cannot be accepted; `hozon why {name}` tells them"
        )),
        (_, false) => {
            Failure::missing(format!("there is nothing to accept there: only {} changed", left.join(", ")))
        }
        (false, true) => {
            Failure::missing(format!("there is nothing to accept for {name} that can be told from files"))
        }
    };
    untold.iter().fold(failure, |failure, why| failure.hint(why))
}

/// What is accepted, as an explanation tells it: the recipe against itself with the present code.
fn changes_of(recipe: &Node, accepted: &[&Edited]) -> Vec<Change> {
    let mut now = recipe.clone();
    let code = now.children.iter_mut().find(|node| node.kind == NodeKind::Group && node.label == "code");
    if let Some(code) = code {
        for edited in accepted {
            let node = &mut code.children[edited.at];
            node.digest = Some(edited.present.digest);
            node.place = Some(edited.present.place.clone());
            node.text = node.text.is_some().then(|| edited.present.text.clone());
        }
    }
    explain(&now, &[(recipe, ())]).changes
}

fn record(
    store: &Store,
    view: View,
    name: &str,
    by: &str,
    recipe: &Node,
    accepted: &[&Edited],
    changes: &[Change],
) -> Acceptance {
    let mut record = store.acceptance(name).unwrap_or_default();
    record.name = name.to_owned();
    // The code that is accepted now may reach other parts than what was accepted before.
    record.reached = None;
    for edited in accepted {
        let node = &code_of_recipe(recipe)[edited.at];
        let change = changes.iter().find(|change| change.label == node.label);
        let difference = change.and_then(|change| change.code_difference.clone());
        record.definitions.retain(|known| {
            (known.kind, &known.label, known.digest)
                != (node.kind.number(), &node.label, edited.present.digest)
        });
        record.definitions.push(AcceptedDefinition {
            kind: node.kind.number(),
            label: node.label.clone(),
            digest: edited.present.digest,
            place: edited.present.place.clone(),
            by: by.to_owned(),
            when_ms: view.now_ms,
            difference: difference.unwrap_or_default(),
        });
    }
    record
}

fn text(name: &str, by: &str, changes: &[Change]) -> String {
    let name = words::name(name);
    let lines: String = changes.iter().map(|change| format!("  {change}\n")).collect();
    let code = code_of(changes);
    format!(
        "accepted for {name} by {}: with this code its earlier results hold\n{lines}{code}\n\
        a later edit is not accepted by this; `hozon accept --revoke {name}` takes it back\n",
        words::name(by)
    )
}
