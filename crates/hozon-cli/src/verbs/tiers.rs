//! `hozon push` and `hozon pull`: results to and from the tiers behind a store.

use std::collections::BTreeMap;

use hozon_engine::{Outgoing, PushError, Remote};
use hozon_key::visible;
use hozon_store::Store;
use serde::Serialize;

use super::export::{counted, wanted, with_reasons};
use crate::failure::Failure;
use crate::report::{Report, View};
use crate::{EXIT_MISSING, words};

#[derive(Serialize)]
struct Pushed {
    tiers: Vec<String>,
    sent: u64,
    /// Reasons, and how many entries were not sent for each.
    not_sent: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct PulledFields {
    tiers: Vec<String>,
    copied: u64,
    present: u64,
    /// Reasons, and how many entries were not taken for each.
    refused: BTreeMap<String, u64>,
    /// Tiers that could not be read to the end, and why.
    failed: BTreeMap<String, String>,
}

/// Sends results to all tiers of a store; without a word, what is noted to be sent.
pub(crate) fn push(store: &Store, remote: Remote, view: View, what: &[String]) -> Result<Report, Failure> {
    let tiers = names_of(&remote)?;
    let outgoing = Outgoing::new(store.clone(), remote);
    if !what.is_empty() {
        wanted(store, what)?.iter().try_for_each(|key| store.note_outgoing(key))?;
    }
    let ends = outgoing.send_noted();
    let sent = ends.iter().filter(|(_, end)| end.is_ok()).count() as u64;
    // What others have computed is not ours to sign, and is no failure.
    let failed = ends.iter().filter_map(|(_, end)| end.as_ref().err());
    let failed = failed.filter(|why| !matches!(why, PushError::OfOthers)).map(ToString::to_string);
    let fields = Pushed { tiers, sent, not_sent: counted(failed) };
    let report = match view.json {
        true => Report::json(&fields),
        false => Report::text(format!("sent {}\n", words::count_of(sent, "result", "results"))),
    };
    let report = with_reasons(report, &fields.not_sent, "not sent");
    Ok(if fields.not_sent.is_empty() { report } else { report.code(EXIT_MISSING) })
}

/// Fetches results from all tiers of a store: those of these names, or all.
pub(crate) fn pull(
    store: &Store,
    remote: &Remote,
    view: View,
    names: &[String],
    all: bool,
) -> Result<Report, Failure> {
    let tiers = names_of(remote)?;
    let pulled = remote.pull(store, &|name| all || names.iter().any(|wanted| wanted == name))?;
    let fields = PulledFields {
        tiers,
        copied: pulled.copied,
        present: pulled.present,
        refused: counted(pulled.refused.iter().map(ToString::to_string)),
        failed: pulled.failed.into_iter().map(|(name, why)| (name, why.to_string())).collect(),
    };
    let report = if view.json { Report::json(&fields) } else { Report::text(pulled_text(&fields)) };
    let report = with_reasons(report, &fields.refused, "not taken");
    let report = fields.failed.iter().fold(report, |report, (name, why)| {
        report.note(format!("note: {} could not be read to its end: {why}", visible(name)))
    });
    let nothing = fields.copied + fields.present == 0;
    Ok(if nothing || !fields.failed.is_empty() { report.code(EXIT_MISSING) } else { report })
}

fn pulled_text(fields: &PulledFields) -> String {
    let present = match fields.present {
        0 => String::new(),
        count => format!("; {count} were there already"),
    };
    format!("fetched {}{present}\n", words::count_of(fields.copied, "result", "results"))
}

fn names_of(remote: &Remote) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = remote.tiers().iter().map(|tier| tier.name.clone()).collect();
    match names.is_empty() {
        true => Err(Failure::usage("there are no tiers behind this store")
            .hint("`hozon trust tier ADDRESS --everywhere`, or HOZON_TIERS=ADDRESS; docs/tiers.md has more")),
        false => Ok(names),
    }
}
