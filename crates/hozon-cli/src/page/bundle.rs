//! The kinds in which one output is given, and which of them is shown.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::frame;

/// The kinds that can be shown, the best first: what Jupyter prefers, less what would need the network.
const PREFERENCE: [&str; 16] = [
    "text/html",
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

    /// The kind to show, if there is one. Kinds with a version, as `vnd.vegalite.v5+json`, count as theirs.
    pub(super) fn choice(&self) -> Option<(&'a str, &'static str)> {
        PREFERENCE.iter().find_map(|kind| {
            let found = self.data.keys().find(|name| family(name) == *kind)?;
            let is_shown = *kind != "text/html" || !frame::needs_the_network(&self.text(found));
            is_shown.then_some((found.as_str(), *kind))
        })
    }

    /// Whether there is HTML that is not shown, as it needs the network.
    pub(super) fn leaves_html_out(&self, shown: Option<&str>) -> bool {
        self.data.contains_key("text/html") && shown != Some("text/html")
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
