//! One cell of the page.

use super::badge::{self, Badge};
use super::report::{ReportCell, ReportKind};
use super::writer::Writer;
use super::{code, output, text};

/// Appends a cell.
pub(super) fn push(page: &mut Writer, cell: &ReportCell) {
    match cell.kind {
        ReportKind::Code => push_code_cell(page, cell),
        ReportKind::Markdown => push_prose(page, cell),
        ReportKind::Raw => push_raw(page, cell),
    }
}

fn push_prose(page: &mut Writer, cell: &ReportCell) {
    let words = cell.markdown.as_deref().unwrap_or(&cell.code);
    let html = page.prose(words, cell.attachments.as_ref());
    page.out.push_str(&format!("<section class=\"prose\" id=\"cell-{}\">{html}", cell.number));
    output::push_all(page, &cell.outputs, cell.number);
    page.out.push_str("</section>");
}

fn push_raw(page: &mut Writer, cell: &ReportCell) {
    let number = cell.number;
    let words = text::escaped(&cell.code);
    page.out.push_str(&format!(
        "<section class=\"raw\" id=\"cell-{number}\"><pre class=\"text\" tabindex=\"0\">\n{words}</pre></section>"
    ));
}

fn push_code_cell(page: &mut Writer, cell: &ReportCell) {
    let badge = badge::badge(&cell.status);
    let class = badge.as_ref().map_or("text", |badge| badge.class);
    page.out.push_str(&format!(
        "<section class=\"cell {class}\" id=\"cell-{number}\" aria-label=\"Cell {number}\">",
        number = cell.number
    ));
    push_bar(page, cell, badge.as_ref());
    push_code(page, cell);
    if let Some(words) = &cell.markdown {
        let html = page.prose(words, cell.attachments.as_ref());
        page.out.push_str(&format!("<div class=\"outputs\"><div class=\"output prose\">{html}</div></div>"));
    }
    if !cell.outputs.is_empty() {
        page.out.push_str("<div class=\"outputs\">");
        output::push_all(page, &cell.outputs, cell.number);
        page.out.push_str("</div>");
    }
    page.out.push_str("</section>");
}

/// The line above the code: which cell it is, what became of it, and why.
fn push_bar(page: &mut Writer, cell: &ReportCell, badge: Option<&Badge>) {
    let reasons: Vec<String> =
        badge::reason(&cell.status).into_iter().chain(cell.why.iter().cloned()).collect();
    let line = bar_line(cell, badge, reasons.first());
    if reasons.is_empty() && cell.key.is_none() {
        page.out.push_str(&format!("<div class=\"bar\">{line}</div>"));
        return;
    }
    page.out.push_str(&format!("<details class=\"why\"><summary class=\"bar\">{line}</summary><ul>"));
    for reason in &reasons {
        page.out.push_str(&format!("<li>{}</li>", text::escaped(reason)));
    }
    if let Some(key) = &cell.key {
        let short: String = key.chars().take(12).collect();
        page.out.push_str(&format!("<li class=\"key\">key <code>{}</code></li>", text::escaped(&short)));
    }
    page.out.push_str("</ul></details>");
}

fn bar_line(cell: &ReportCell, badge: Option<&Badge>, reason: Option<&String>) -> String {
    let mut line = format!("<span class=\"number\">{}</span>", cell.number);
    if let Some(name) = cell.name.as_deref().filter(|name| !name.is_empty()) {
        line.push_str(&format!("<span class=\"name\">{}</span>", text::escaped(name)));
    }
    if let Some(reason) = reason {
        // It stands in the list, too, for those who listen and for those whose window is narrow.
        let reason = text::escaped(reason);
        line.push_str(&format!("<span class=\"because\" aria-hidden=\"true\">{reason}</span>"));
    }
    if let Some(Badge { class, word, figure }) = badge {
        let figure = if figure.is_empty() { String::new() } else { format!(" <small>{figure}</small>") };
        line.push_str(&format!("<span class=\"badge\">{}{word}{figure}</span>", badge::icon(class)));
    }
    line
}

fn push_code(page: &mut Writer, cell: &ReportCell) {
    if cell.code.trim().is_empty() {
        return;
    }
    if cell.hide_code {
        page.out.push_str("<details class=\"hidden-code\"><summary>Code</summary>");
    }
    code::push(&mut page.out, &cell.code);
    if cell.hide_code {
        page.out.push_str("</details>");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Status;
    use serde_json::json;

    fn shown(cell: &ReportCell) -> String {
        let mut page = Writer::new();
        push(&mut page, cell);
        page.out
    }

    fn of(status: Status) -> ReportCell {
        ReportCell { number: 3, code: "x".to_owned(), status, ..ReportCell::default() }
    }

    #[test]
    fn every_status() {
        let cells = [
            Status::Restored { saved_seconds: 61.0, made: "yesterday".to_owned() },
            Status::Ran { seconds: 0.25 },
            Status::Failed { seconds: 0.0 },
            Status::Live { seconds: 2.0, why: "a <connection>".to_owned() },
            Status::Skipped { why: "x is not there".to_owned() },
            Status::Disabled,
            Status::Stale { why: "LIMIT: 1 → 2".to_owned() },
            Status::Text,
        ];
        insta::assert_snapshot!(cells.map(|status| shown(&of(status))).join("\n"));
    }

    #[test]
    fn everything_that_a_cell_of_code_has() {
        insta::assert_snapshot!(shown(&ReportCell {
            name: Some("<load>".to_owned()),
            hide_code: true,
            markdown: Some("## T".to_owned()),
            why: vec!["first run".to_owned(), "<b>".to_owned()],
            outputs: vec![json!({ "output_type": "stream", "name": "stdout", "text": "out" })],
            key: Some("0123456789abcdef".to_owned()),
            ..of(Status::Ran { seconds: 1.0 })
        }));
    }

    #[test]
    fn cells_of_text() {
        let prose = ReportCell { kind: ReportKind::Markdown, code: "*a*".to_owned(), ..of(Status::Text) };
        let raw = ReportCell { kind: ReportKind::Raw, code: "<a>".to_owned(), ..of(Status::Text) };
        insta::assert_snapshot!([shown(&prose), shown(&raw)].join("\n"));
    }

    #[test]
    fn a_cell_without_anything_has_its_line() {
        let empty = ReportCell { code: " \n".to_owned(), ..of(Status::Ran { seconds: 0.0 }) };
        let html = shown(&empty);
        assert!(html.contains("Ran") && !html.contains("<pre") && !html.contains("outputs"), "{html}");
    }
}
