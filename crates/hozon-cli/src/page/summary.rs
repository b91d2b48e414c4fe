//! The head of the page: what the run came to, and what the notebook holds.

use super::badge::{self, KINDS, duration};
use super::markdown::Heading;
use super::report::{Report, ReportCell};
use super::text::escaped;

/// A table of contents is worth its place from so many headings.
const FEWEST_HEADINGS: usize = 3;

/// The header of the page.
pub(super) fn header(report: &Report) -> String {
    let mut out = format!("<header><h1>{}</h1><p class=\"origin\">", escaped(title(report)));
    if !report.file.is_empty() && report.file != title(report) {
        out.push_str(&format!("<code>{}</code>", escaped(&report.file)));
    }
    if !report.made.is_empty() {
        out.push_str(&format!("<span>{}</span>", escaped(&report.made)));
    }
    out.push_str("</p>");
    out.push_str(&figures(report));
    out.push_str(&strip(&report.cells));
    for note in &report.notes {
        out.push_str(&format!("<p class=\"note\">{}</p>", escaped(note)));
    }
    out.push_str("</header>");
    out
}

/// The title, or what stands for it.
pub(super) fn title(report: &Report) -> &str {
    [report.title.as_str(), report.file.as_str()]
        .into_iter()
        .find(|name| !name.trim().is_empty())
        .unwrap_or("Notebook")
}

fn figures(report: &Report) -> String {
    let mut out = "<dl class=\"figures\">".to_owned();
    for (class, word) in KINDS {
        let count = report.cells.iter().filter(|cell| class_of(cell) == Some(class)).count();
        if count > 0 {
            out.push_str(&format!(
                "<div class=\"{class}\"><dt>{}{word}</dt><dd>{count}</dd></div>",
                badge::icon(class)
            ));
        }
    }
    if report.seconds_saved > 0.0 {
        out.push_str(&format!("<div><dt>saved</dt><dd>{}</dd></div>", duration(report.seconds_saved)));
    }
    out.push_str(&format!("<div><dt>took</dt><dd>{}</dd></div></dl>", duration(report.seconds)));
    if !report.kernel_started {
        out.push_str("<p class=\"kernel\">No Python process was started.</p>");
    }
    out
}

fn class_of(cell: &ReportCell) -> Option<&'static str> {
    badge::badge(&cell.status).map(|badge| badge.class)
}

/// One mark for each cell that could run, in the order of the notebook, leading to it.
fn strip(cells: &[ReportCell]) -> String {
    let marks: String = cells.iter().filter_map(mark).collect();
    if marks.is_empty() { marks } else { format!("<nav class=\"strip\" aria-label=\"Cells\">{marks}</nav>") }
}

fn mark(cell: &ReportCell) -> Option<String> {
    let badge = badge::badge(&cell.status)?;
    let name = cell.name.as_deref().map(|name| format!(" {}", escaped(name))).unwrap_or_default();
    let said = format!("Cell {}{name}: {}", cell.number, badge.word);
    Some(format!(
        "<a class=\"{}\" href=\"#cell-{}\" title=\"{said}\" aria-label=\"{said}\"></a>",
        badge.class, cell.number
    ))
}

/// The table of contents, if the notebook has headings enough.
pub(super) fn contents(headings: &[Heading]) -> String {
    if headings.len() < FEWEST_HEADINGS {
        return String::new();
    }
    let top = headings.iter().map(|heading| heading.level).min().unwrap_or(1);
    let mut out =
        "<nav class=\"contents\" aria-label=\"Contents\"><details open><summary>Contents</summary><ol>"
            .to_owned();
    for heading in headings.iter().filter(|heading| heading.level < top + 3) {
        out.push_str(&format!(
            "<li class=\"level-{}\"><a href=\"#{}\">{}</a></li>",
            heading.level - top,
            heading.id,
            escaped(&heading.words)
        ));
    }
    out.push_str("</ol></details></nav>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Status;

    #[test]
    fn what_the_run_came_to() {
        let cell = |number, status| ReportCell { number, status, ..ReportCell::default() };
        let report = Report {
            title: "<T>".to_owned(),
            file: "a.py".to_owned(),
            made: "now".to_owned(),
            seconds: 1.0,
            seconds_saved: 90.0,
            kernel_started: false,
            cells: vec![
                cell(1, Status::Text),
                cell(2, Status::Restored { saved_seconds: 90.0, made: String::new() }),
                ReportCell { name: Some("<n>".to_owned()), ..cell(3, Status::Disabled) },
            ],
            notes: vec!["a <note>".to_owned()],
        };
        insta::assert_snapshot!(header(&report));
    }

    #[test]
    fn a_run_of_nothing() {
        let header = header(&Report { kernel_started: true, ..Report::default() });
        assert!(header.contains("<h1>Notebook</h1>") && !header.contains("strip"), "{header}");
    }

    #[test]
    fn contents_from_three_headings_on() {
        let heading =
            |level, words: &str| Heading { level, words: words.to_owned(), id: format!("s-{level}") };
        let headings = [heading(2, "a"), heading(3, "<b>"), heading(5, "too deep"), heading(4, "c")];
        assert_eq!(contents(&headings[..2]), "");
        insta::assert_snapshot!(contents(&headings));
    }
}
