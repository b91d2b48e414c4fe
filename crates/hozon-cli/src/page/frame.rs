//! HTML that is not plain, each in a frame that can reach neither the page nor the network.
//!
//! A frame has an origin of its own (`sandbox` without `allow-same-origin`) and inherits the page's content
//! policy: no network, no navigation, scripts only by their hash. It has `allow-scripts` for one script of
//! our own, which tells the page how tall the content is. Scripts of an output run only where the output is
//! made of them (plots): then their hashes stand in the page's policy too.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::text;

/// Tells the page how tall the content of a frame is.
const MEASURE: &str = include_str!("measure.js");
const STYLE: &str = include_str!("frame.css");

/// What the frames of a page need from its policy.
#[derive(Default)]
pub(super) struct Frames {
    hashes: Vec<String>,
    has_scripts: bool,
}

impl Frames {
    /// The sources of scripts that the page's policy has to name.
    pub(super) fn script_sources(&self) -> String {
        let mut sources: Vec<String> = self.hashes.clone();
        sources.sort();
        sources.dedup();
        if self.has_scripts {
            // The page's own script makes no code from text. Plots do.
            sources.push("'unsafe-eval'".to_owned());
        }
        sources.join(" ")
    }

    /// Appends a frame that shows `html`; its scripts run if they are all in it.
    pub(super) fn push(&mut self, out: &mut String, html: &str, title: &str) {
        let html = html.replace("\r\n", "\n").replace('\r', "\n");
        let found = Scripts::of(&html);
        let runs = found.are_whole();
        self.hashes.push(source(MEASURE));
        if runs {
            self.hashes.extend(found.texts.iter().map(|script| source(script)));
            self.has_scripts = true;
        }
        let class = if runs { "frame plot" } else { "frame" };
        out.push_str(&format!(
            "<iframe class=\"{class}\" sandbox=\"allow-scripts\" referrerpolicy=\"no-referrer\" title=\"{}\" srcdoc=\"",
            text::escaped(title)
        ));
        let body = if runs { html.as_str().into() } else { without(&html, &found) };
        text::push_verbatim(out, &document(&body, runs));
        out.push_str("\"></iframe>");
    }
}

/// Whether `html` shows nothing without scripts from elsewhere.
pub(super) fn needs_the_network(html: &str) -> bool {
    let found = Scripts::of(html);
    !found.spans.is_empty() && !found.are_whole()
}

/// The source expression that allows a script.
pub(super) fn source(script: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script.as_bytes())))
}

fn document(html: &str, runs: bool) -> String {
    // The page's policy holds as well: of the scripts of an output only those run that both allow.
    let scripts = if runs { "'unsafe-inline' 'unsafe-eval'".to_owned() } else { source(MEASURE) };
    format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data:; \
         font-src data:; media-src data:; base-uri 'none'; form-action 'none'\">\
         <meta http-equiv=\"x-dns-prefetch-control\" content=\"off\"><style>{STYLE}</style>\
         <script>{MEASURE}</script></head><body>{html}</body></html>"
    )
}

/// Leaves out scripts that would not run: a browser would complain about each.
fn without(html: &str, found: &Scripts<'_>) -> String {
    let mut out = String::with_capacity(html.len());
    let mut written = 0;
    for span in &found.spans {
        out.push_str(&html[written..span.start]);
        written = span.end;
    }
    out.push_str(&html[written..]);
    out
}

/// The script elements of HTML, as far as they can be told without parsing it.
///
/// This is no safeguard. Where it is wrong, a script has a hash that the policy does not name.
struct Scripts<'a> {
    spans: Vec<std::ops::Range<usize>>,
    texts: Vec<&'a str>,
    from_elsewhere: bool,
}

/// What small scripts have that get a library from elsewhere.
const LOADERS: [&str; 9] =
    ["//cdn", "unpkg.com", "require(", "requirejs", "import(", "Plotly.", "vegaEmbed", "Bokeh", "esm.sh"];

/// A library is larger than this, and what only uses one is smaller.
const SMALLEST_LIBRARY: usize = 200 * 1024;

impl<'a> Scripts<'a> {
    fn of(html: &'a str) -> Self {
        let mut found = Self { spans: Vec::new(), texts: Vec::new(), from_elsewhere: false };
        let mut on = 0;
        while let Some(start) = find(html, on, "<script") {
            let Some(length) = html[start..].find('>') else { break };
            let (tag, content) = (&html[start..start + length], start + length + 1);
            let Some(end) = find(html, content, "</script") else { break };
            let after = html[end..].find('>').map_or(html.len(), |length| end + length + 1);
            found.from_elsewhere |= tag.contains("src=") || tag.contains("SRC=");
            found.texts.push(&html[content..end]);
            found.spans.push(start..after);
            on = after;
        }
        found
    }

    /// Whether there are scripts, and they need nothing else.
    fn are_whole(&self) -> bool {
        let size: usize = self.texts.iter().map(|script| script.len()).sum();
        let loads = || LOADERS.iter().any(|loader| self.texts.iter().any(|script| script.contains(loader)));
        !self.spans.is_empty() && !self.from_elsewhere && (size >= SMALLEST_LIBRARY || !loads())
    }
}

/// The place of `tag` from `on`, in any case of letters.
fn find(html: &str, on: usize, tag: &str) -> Option<usize> {
    let is_there = |place: &usize| {
        html.as_bytes()[*place..]
            .get(..tag.len())
            .is_some_and(|text| text.eq_ignore_ascii_case(tag.as_bytes()))
    };
    html[on..].match_indices('<').map(|(place, _)| on + place).find(is_there)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(html: &str) -> (String, String) {
        let (mut frames, mut out) = (Frames::default(), String::new());
        frames.push(&mut out, html, "a \"title\"");
        (out, frames.script_sources())
    }

    #[test]
    fn a_frame_has_its_own_origin_and_its_attributes_end_where_they_should() {
        let (frame, sources) = framed("<p class=\"x\">&amp;</p>\"></iframe><script>alert(1)//");
        assert!(frame.contains("sandbox=\"allow-scripts\"") && !frame.contains("allow-same-origin"));
        assert_eq!(frame.matches("</iframe>").count(), 2, "the one inside stands in the attribute");
        let srcdoc = frame.split("srcdoc=\"").nth(1).unwrap();
        assert_eq!(srcdoc.split('"').collect::<Vec<_>>().len(), 2, "{frame}");
        assert_eq!(sources, source(MEASURE));
    }

    #[test]
    fn scripts_of_plots_run_by_their_hash_and_others_are_left_out() {
        let (frame, sources) = framed("<div></div><SCRIPT type='x'>draw()\r\n</SCRIPT>");
        assert!(sources.contains(&source("draw()\n")) && sources.contains("'unsafe-eval'"));
        assert!(frame.contains("draw()\n"));
        let (frame, sources) =
            framed("<script src=\"https://cdn.example.org/x.js\"></script><p>x</p><script>y()</script>");
        assert!(
            !sources.contains(&source("y()"))
                && !frame.contains("cdn.example.org")
                && frame.contains("<p>x</p>")
        );
    }

    #[test]
    fn what_needs_the_network() {
        assert!(needs_the_network("<script>fetchAll('https://cdn.jsdelivr.net/npm/vega@5')</script>"));
        assert!(needs_the_network("<script src=x></script>"));
        assert!(!needs_the_network("<script>draw()</script>"));
        assert!(!needs_the_network(&format!("<script>{}Plotly.</script>", " ".repeat(SMALLEST_LIBRARY))));
        assert!(!needs_the_network("<p>"));
    }

    #[test]
    fn the_policy_of_a_page_can_be_no_other_one() {
        let sources = framed("<script>\"; script-src *</script>").1;
        assert!(
            sources
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || " '-+/=".contains(character))
        );
    }
}
