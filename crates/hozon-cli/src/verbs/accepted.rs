//! What `show` and `why` tell of an entry whose result is another one's, by a person's word.

use hozon_format::Facts;
use hozon_key::visible;
use serde::Serialize;

use crate::words;

/// The facts of an acceptance, in JSON.
#[derive(Serialize)]
pub(super) struct AcceptedFields {
    from: String,
    by: String,
    when_ms: Option<u64>,
    definitions: String,
}

const ACCEPTED: &str = "accepted";

fn fact<'a>(facts: &'a Facts, label: &str) -> Option<&'a str> {
    facts.more.iter().find(|(known, _)| known == label).map(|(_, text)| text.as_str())
}

/// Tells whether a fact is part of [`accepted_line`].
pub(super) fn is_told_apart(label: &str) -> bool {
    label == ACCEPTED || label.starts_with("accepted ")
}

/// Returns what was accepted, if the entry's result is another one's.
pub(super) fn accepted_fields(facts: &Facts) -> Option<AcceptedFields> {
    let text = |label| fact(facts, label).unwrap_or_default().to_owned();
    Some(AcceptedFields {
        from: fact(facts, ACCEPTED)?.to_owned(),
        by: text("accepted by"),
        when_ms: fact(facts, "accepted at").and_then(|when| when.parse().ok()),
        definitions: text("accepted changes"),
    })
}

/// Returns the line for people.
pub(super) fn accepted_line(facts: &Facts, now_ms: u64) -> Option<String> {
    let fields = accepted_fields(facts)?;
    let when = fields.when_ms.map(|when| format!(" {}", words::age(when, now_ms))).unwrap_or_default();
    let from = fields.from.get(..12).unwrap_or(&fields.from);
    let by = words::name(&fields.by);
    Some(format!(
        "it did not run again: {by} accepted{when} that its result is that of {}, in spite of {}",
        visible(from),
        visible(&fields.definitions)
    ))
}
