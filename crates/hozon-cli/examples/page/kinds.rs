//! Short ways to write cells and outputs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hozon_cli::{ReportCell, ReportKind, Status};
use serde_json::{Value, json};

pub(crate) fn display(data: Value) -> Value {
    json!({ "output_type": "display_data", "data": data, "metadata": {} })
}

pub(crate) fn stream(name: &str, text: &str) -> Value {
    json!({ "output_type": "stream", "name": name, "text": text })
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn code(status: Status, code: &str, outputs: Vec<Value>) -> ReportCell {
    ReportCell { status, code: code.to_owned(), outputs, ..ReportCell::default() }
}

pub(crate) fn markdown(text: &str) -> ReportCell {
    let kind = ReportKind::Markdown;
    ReportCell { kind, code: text.to_owned(), markdown: Some(text.to_owned()), ..ReportCell::default() }
}

pub(crate) fn restored(saved_seconds: f64) -> Status {
    Status::Restored { saved_seconds, made: "2026-11-24 17:02".to_owned() }
}

pub(crate) fn ran(seconds: f64) -> Status {
    Status::Ran { seconds }
}

/// `cell` with a name and the reasons for what became of it.
pub(crate) fn explained(cell: ReportCell, name: &str, why: &[&str]) -> ReportCell {
    let why = why.iter().map(|&reason| reason.to_owned()).collect();
    let key = Some("5c1f0e9a7d3b42d6".repeat(4));
    ReportCell { name: Some(name.to_owned()), why, key, ..cell }
}

/// `cells` with their numbers.
pub(crate) fn numbered(cells: Vec<ReportCell>) -> Vec<ReportCell> {
    cells.into_iter().zip(1..).map(|(cell, number)| ReportCell { number, ..cell }).collect()
}
