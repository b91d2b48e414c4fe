//! The page as a whole.

use super::badge::ICONS;
use super::frame::source;
use super::report::Report;
use super::text::escaped;
use super::writer::Writer;
use super::{cell, summary};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// One page that needs nothing else: it loads nothing, and runs no script but its own.
pub fn html(report: &Report) -> String {
    let mut page = Writer::new();
    report.cells.iter().for_each(|cell| cell::push(&mut page, cell));
    let title = escaped(summary::title(report));
    // The policy comes first, so that it holds for everything behind it.
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"referrer\" content=\"no-referrer\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <meta http-equiv=\"x-dns-prefetch-control\" content=\"off\">\
         <link rel=\"icon\" href=\"data:,\">\
         <title>{title}</title><style>{STYLE}</style></head><body>{icons}",
        policy = policy(&page),
        icons = icons(),
    );
    out.push_str("<button type=\"button\" class=\"theme\" hidden>Theme</button>");
    let contents = summary::contents(&page.headings);
    out.push_str(if contents.is_empty() { "<main>" } else { "<main class=\"with-contents\">" });
    out.push_str(&summary::header(report));
    out.push_str(&contents);
    out.push_str(&format!("<div class=\"cells\">{}</div>", page.out));
    out.push_str(&format!("</main><script>{SCRIPT}</script></body></html>\n"));
    out
}

fn policy(page: &Writer) -> String {
    format!(
        "default-src 'none'; script-src {} {}; style-src 'unsafe-inline'; img-src data:; font-src data:; \
         media-src data:; base-uri 'none'; form-action 'none'",
        source(SCRIPT),
        page.frames.script_sources()
    )
}

fn icons() -> String {
    let symbols: String = ICONS
        .iter()
        .map(|(class, path)| {
            format!("<symbol id=\"icon-{class}\" viewBox=\"0 0 16 16\"><path d=\"{path}\"/></symbol>")
        })
        .collect();
    format!("<svg class=\"icons\" aria-hidden=\"true\" width=\"0\" height=\"0\">{symbols}</svg>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::ReportCell;
    use serde_json::json;

    fn with_html(output: &str) -> String {
        let outputs = vec![json!({ "output_type": "display_data", "data": { "text/html": output } })];
        html(&Report { cells: vec![ReportCell { outputs, ..ReportCell::default() }], ..Report::default() })
    }

    /// The policy of a page, which must come before everything that it is for.
    fn policy_of(page: &str) -> &str {
        let start = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" content=\"";
        page.strip_prefix(start).and_then(|rest| rest.split('"').next()).unwrap_or_default()
    }

    #[test]
    fn a_page_allows_its_own_script_only() {
        let page = html(&Report::default());
        let policy = policy_of(&page);
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
        assert_eq!((policy.matches("sha256-").count(), policy.contains("unsafe-eval")), (1, false));
        assert!(page.ends_with(&format!("<script>{SCRIPT}</script></body></html>\n")));
        assert_eq!(page.matches("<script").count(), 1);
    }

    #[test]
    fn the_script_of_a_plot_is_named_in_the_policy() {
        let page = with_html("<script>draw()</script>");
        assert!(policy_of(&page).contains(&source("draw()")), "{page}");
        let page = with_html("<script src=x></script><script>draw()</script>");
        assert!(!policy_of(&page).contains(&source("draw()")), "{page}");
    }

    #[test]
    fn nothing_of_the_page_is_elsewhere() {
        for part in [STYLE, SCRIPT] {
            assert!(!part.contains("http") && !part.contains("url(") && !part.contains("</"), "{part}");
        }
    }
}
