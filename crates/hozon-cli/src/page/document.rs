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
