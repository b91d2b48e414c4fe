//! The executed notebook, as nbformat 4.5 has it.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::bundle::joined;
use super::report::{Report, ReportCell, ReportKind, Status};

/// The notebook with the outputs of the run.
///
/// Of the `original`, if there is one, everything is kept that the run does not know better: metadata,
/// sources, ids of cells, attachments, unknown fields. Its cells are those of the report by their numbers.
pub fn ipynb(report: &Report, original: Option<&Value>) -> Value {
    let original = original.and_then(Value::as_object).filter(|notebook| is_version_4(notebook));
    let known =
        original.and_then(|notebook| notebook.get("cells")?.as_array()).map_or(&[][..], Vec::as_slice);
    let mut notebook = original.cloned().unwrap_or_default();
    let mut cells: Vec<Value> = known.to_vec();
    let mut runs = 0;
    for cell in &report.cells {
        let count = ran(&cell.status).then(|| {
            runs += 1;
            runs
        });
        let place = cell.number.wrapping_sub(1);
        match cells.get_mut(place).filter(|known| known.is_object()) {
            Some(known) => update(known, cell, count),
            None => cells.push(made(cell, count)),
        }
    }
    give_ids(&mut cells);
    notebook.insert("cells".to_owned(), Value::Array(cells));
    notebook.insert("nbformat".to_owned(), json!(4));
    let minor = notebook.get("nbformat_minor").and_then(Value::as_u64).unwrap_or(5);
    notebook.insert("nbformat_minor".to_owned(), json!(minor.max(5)));
    if !notebook.get("metadata").is_some_and(Value::is_object) {
        notebook.insert("metadata".to_owned(), metadata(report));
    }
    Value::Object(notebook)
}

fn is_version_4(notebook: &Map<String, Value>) -> bool {
    notebook.get("nbformat").and_then(Value::as_u64) == Some(4)
}

fn ran(status: &Status) -> bool {
    use Status::{Failed, Live, Ran, Restored};
    matches!(status, Restored { .. } | Ran { .. } | Failed { .. } | Live { .. })
}

fn metadata(report: &Report) -> Value {
    let mut metadata = json!({
        "kernelspec": { "display_name": "Python 3", "language": "python", "name": "python3" },
        "language_info": { "name": "python" },
    });
    if !report.title.is_empty() {
        metadata["title"] = json!(report.title);
    }
    metadata
}

/// Gives a cell of the original the results of the run, if it is code.
fn update(known: &mut Value, cell: &ReportCell, count: Option<usize>) {
    if known.get("cell_type").and_then(Value::as_str) == Some("code") {
        known["execution_count"] = json!(count);
        known["outputs"] = outputs(cell, count);
    }
}

fn made(cell: &ReportCell, count: Option<usize>) -> Value {
    let mut metadata = Map::new();
    if let Some(name) = cell.name.as_ref().filter(|name| !name.is_empty()) {
        metadata.insert("name".to_owned(), json!(name));
    }
    if cell.hide_code {
        metadata.insert("jupyter".to_owned(), json!({ "source_hidden": true }));
    }
    let source = |text: &str| -> Vec<String> { text.split_inclusive('\n').map(str::to_owned).collect() };
    match cell.kind {
        ReportKind::Code => json!({
            "cell_type": "code",
            "execution_count": count,
            "metadata": metadata,
            "outputs": outputs(cell, count),
            "source": source(&cell.code),
        }),
        ReportKind::Markdown => {
            let mut made = json!({
                "cell_type": "markdown",
                "metadata": metadata,
                "source": source(cell.markdown.as_deref().unwrap_or(&cell.code)),
            });
            if let Some(files) = cell.attachments.as_ref().filter(|files| files.is_object()) {
                made["attachments"] = files.clone();
            }
            made
        }
        ReportKind::Raw => json!({ "cell_type": "raw", "metadata": metadata, "source": source(&cell.code) }),
    }
}

fn outputs(cell: &ReportCell, count: Option<usize>) -> Value {
    cell.outputs.iter().filter_map(|output| valid(output, count)).collect()
}

/// An output with the fields that the format has, and no others; nothing if it is none.
fn valid(output: &Value, count: Option<usize>) -> Option<Value> {
    let field = |name: &str| output.get(name).map(joined).unwrap_or_default();
    let object =
        |name: &str| output.get(name).filter(|value| value.is_object()).cloned().unwrap_or(json!({}));
    match output.get("output_type")?.as_str()? {
        "stream" => Some(json!({
            "output_type": "stream",
            "name": if field("name") == "stderr" { "stderr" } else { "stdout" },
            "text": field("text"),
        })),
        "display_data" | "update_display_data" => Some(
            json!({ "output_type": "display_data", "data": data(output), "metadata": object("metadata") }),
        ),
        "execute_result" => Some(json!({
            "output_type": "execute_result",
            "data": data(output),
            "metadata": object("metadata"),
            "execution_count": count,
        })),
        "error" => Some(json!({
            "output_type": "error",
            "ename": field("ename"),
            "evalue": field("evalue"),
            "traceback": lines(output.get("traceback")),
        })),
        _ => None,
    }
}

/// The kinds of an output: text is text, and only kinds of JSON are anything else.
fn data(output: &Value) -> Value {
    let kinds = output.get("data").and_then(Value::as_object);
    let valid = |(kind, value): (&String, &Value)| {
        let is_json = kind.starts_with("application/") && kind.ends_with("json");
        let value = if is_json { value.clone() } else { json!(joined(value)) };
        (kind.clone(), value)
    };
    Value::Object(kinds.into_iter().flatten().map(valid).collect())
}

fn lines(traceback: Option<&Value>) -> Vec<String> {
    match traceback {
        Some(Value::Array(parts)) => parts.iter().map(|part| joined(part).into_owned()).collect(),
        Some(Value::String(whole)) => vec![whole.clone()],
        _ => Vec::new(),
    }
}

/// Gives an id to every cell that has none, or none that is valid and its own.
fn give_ids(cells: &mut [Value]) {
    let mut taken = HashSet::new();
    let mut without = Vec::new();
    for (place, cell) in cells.iter().enumerate() {
        let id = cell.get("id").and_then(Value::as_str).filter(|id| is_id(id));
        if !id.is_some_and(|id| taken.insert(id.to_owned())) {
            without.push(place);
        }
    }
    for place in without {
        let plain = format!("cell-{}", place + 1);
        let mut names = std::iter::once(plain.clone()).chain((2..).map(|number| format!("{plain}-{number}")));
        let id = names.find(|name| taken.insert(name.clone()));
        if let (Some(cell), Some(id)) = (cells[place].as_object_mut(), id) {
            cell.insert("id".to_owned(), Value::String(id));
        }
    }
}

fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.chars().all(|character| character.is_ascii_alphanumeric() || "-_".contains(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(number: usize, kind: ReportKind, status: Status, outputs: Vec<Value>) -> ReportCell {
        ReportCell {
            number,
            name: Some("load".into()),
            kind,
            code: "x = 1\nx".into(),
            hide_code: number == 1,
            markdown: (kind == ReportKind::Markdown).then(|| "# T".into()),
            attachments: (kind == ReportKind::Markdown).then(|| json!({ "a.png": { "image/png": "AA==" } })),
            status,
            outputs,
            ..ReportCell::default()
        }
    }

    fn report() -> Report {
        let result = json!({ "output_type": "execute_result", "data": { "text/plain": ["a", "b"] }, "transient": {}, "execution_count": 99 });
        let error = json!({ "output_type": "error", "ename": "E", "evalue": "v", "traceback": "t" });
        let stream = json!({ "output_type": "stream", "name": "other", "text": ["a\n", "b"] });
        Report {
            title: "T".into(),
            cells: vec![
                cell(1, ReportKind::Code, Status::Ran { seconds: 1.0 }, vec![result, stream]),
                cell(2, ReportKind::Markdown, Status::Text, vec![]),
                cell(3, ReportKind::Raw, Status::Text, vec![]),
                cell(4, ReportKind::Code, Status::Stale { why: "x".into() }, vec![]),
                cell(
                    5,
                    ReportKind::Code,
                    Status::Failed { seconds: 0.1 },
                    vec![error, json!({ "output_type": "?" })],
                ),
            ],
            ..Report::default()
        }
    }

    #[test]
    fn a_notebook_of_its_own() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&ipynb(&report(), None)).unwrap());
    }

    #[test]
    fn an_original_keeps_what_the_run_does_not_know() {
        let original = json!({
            "nbformat": 4, "nbformat_minor": 4, "metadata": { "authors": ["a"] }, "extra": 1,
            "cells": [
                { "cell_type": "code", "id": "abc", "metadata": { "tags": ["t"] }, "source": ["x = 1"], "outputs": [], "execution_count": 7, "more": 1 },
                { "cell_type": "markdown", "metadata": {}, "attachments": { "a.png": {} }, "source": "# T" },
                { "cell_type": "raw", "id": "abc", "metadata": {}, "source": "" },
                { "cell_type": "code", "id": "not valid", "metadata": {}, "source": "", "outputs": [{ "output_type": "stream", "name": "stdout", "text": "old" }], "execution_count": 3 },
            ]
        });
        insta::assert_snapshot!(serde_json::to_string_pretty(&ipynb(&report(), Some(&original))).unwrap());
    }

    #[test]
    fn an_original_of_another_kind_is_none() {
        for original in
            [json!([]), json!({ "nbformat": 3, "worksheets": [] }), json!({ "nbformat": 4, "cells": 1 })]
        {
            assert_eq!(ipynb(&report(), Some(&original))["cells"].as_array().unwrap().len(), 5);
        }
    }
}
