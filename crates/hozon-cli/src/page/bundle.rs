//! The kinds in which one output is given, and which of them is shown.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::scripts::Scripts;

/// The kinds that can be shown, the best first: what Jupyter prefers, less what would need the network.
const PREFERENCE: [&str; 16] = [
    HTML,
    "text/markdown",
    "image/svg+xml",
    "text/latex",
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "application/pdf",
    "application/json",
    "application/geo+json",
    "application/vnd.plotly.v1+json",
    VEGA_LITE,
    VEGA,
    "application/x-latex",
    "text/plain",
];
const HTML: &str = "text/html";
const VEGA_LITE: &str = "application/vnd.vegalite.json";
const VEGA: &str = "application/vnd.vega.json";

/// One output in several kinds.
pub(super) struct Bundle<'a> {
    pub(super) data: &'a Map<String, Value>,
    pub(super) metadata: Option<&'a Map<String, Value>>,
}

impl<'a> Bundle<'a> {
    /// The bundle of a `display_data` or an `execute_result`.
    pub(super) fn of(output: &'a Value) -> Option<Self> {
        let data = output.get("data")?.as_object()?;
        Some(Self { data, metadata: output.get("metadata").and_then(Value::as_object) })
    }

    /// The kind to show, if there is one: its name here, and the kind that this stands for.
    ///
    /// HTML that needs the network is better than nothing only.
    pub(super) fn choice(&self) -> Option<(&'a str, &'static str)> {
        let found = |kind: &'static str| self.named(kind).map(|name| (name, kind));
        let is_whole = |kind: &str| kind != HTML || !self.needs_the_network();
        PREFERENCE.into_iter().filter(|kind| is_whole(kind)).find_map(found).or_else(|| found(HTML))
    }

    /// Whether there is HTML that is nothing without the network.
    pub(super) fn needs_the_network(&self) -> bool {
        self.named(HTML).is_some_and(|name| Scripts::of(&self.text(name)).need_the_network())
    }

    /// The name of a kind here. Those with a version, as `vnd.vegalite.v5+json`, count as theirs.
    fn named(&self, kind: &str) -> Option<&'a str> {
        self.data.keys().map(String::as_str).find(|name| family(name) == kind)
    }

    /// The data of a kind as text.
    pub(super) fn text(&self, kind: &str) -> Cow<'a, str> {
        self.data.get(kind).map_or(Cow::Borrowed(""), joined)
    }

    /// What is said of a kind.
    pub(super) fn about(&self, kind: &str) -> Option<&'a Value> {
        self.metadata?.get(kind)
    }
}

/// The kind that a name stands for, in spite of parameters and versions.
fn family(name: &str) -> &str {
    let bare = name.split(';').next().unwrap_or(name).trim();
    let is_of = |prefix: &str| bare.starts_with(prefix) && bare.ends_with("+json");
    match bare {
        _ if is_of("application/vnd.vegalite.v") => VEGA_LITE,
        _ if is_of("application/vnd.vega.v") => VEGA,
        other => other,
    }
}

/// Text that a notebook may hold as one string or as a list of lines.
pub(super) fn joined(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Array(lines) if lines.iter().all(Value::is_string) => {
            Cow::Owned(lines.iter().filter_map(Value::as_str).collect())
        }
        Value::Null => Cow::Borrowed(""),
        other => Cow::Owned(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn choice(data: Value) -> Option<String> {
        let output = json!({ "data": data });
        Bundle::of(&output).unwrap().choice().map(|(found, _)| found.to_owned())
    }

    #[test]
    fn the_richest_kind_that_needs_no_network() {
        let table = [
            (json!({ "text/plain": "x", "text/html": "<b>" }), Some("text/html")),
            (json!({ "text/html": "<script src=x></script>", "image/png": "" }), Some("image/png")),
            (
                json!({ "text/html": "<script src=x></script>", "application/vnd.vegalite.v5+json": {} }),
                Some("application/vnd.vegalite.v5+json"),
            ),
            (json!({ "image/png": "", "image/svg+xml": "<svg/>" }), Some("image/svg+xml")),
            (json!({ "text/html": "<script src=x></script>", "text/plain": "" }), Some("text/plain")),
            (json!({ "text/html": "<script src=x></script>" }), Some("text/html")),
            (
                json!({ "text/html; charset=utf-8": "<b>", "text/plain": "" }),
                Some("text/html; charset=utf-8"),
            ),
            (json!({ "application/x-nothing": "" }), None),
        ];
        for (data, kind) in table {
            assert_eq!(choice(data.clone()).as_deref(), kind, "{data}");
        }
    }

    #[test]
    fn text_in_lines() {
        assert_eq!(joined(&json!(["a\n", "b"])), "a\nb");
        assert_eq!(joined(&json!([1, 2])), "[1,2]");
    }
}
