//! HTML that is not plain, each in a frame of its own.
//!
//! What is shown is a document without scripts. Its sandbox lets none run and obeys no refresh, and it inherits
//! the page's content policy, by which nothing is loaded. The page may look into it (`allow-same-origin`), to
//! see how tall it is; where nothing runs, that gives nothing away. A link opens in a new tab.
//!
//! An output that draws itself by its own scripts can be run, when its reader asks for it: in a frame that has
//! an origin of its own, and by hashes that the page's policy names. No policy keeps a script from leading a
//! frame elsewhere (Chromium connects before it asks the policy) or from opening a WebRTC connection, and so
//! from telling a server that it runs; that is why none runs unasked.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::scripts::{Scripts, find};
use super::text;

/// Tells the page how tall the content of a frame is that it may not look into.
const MEASURE: &str = include_str!("measure.js");
const STYLE: &str = include_str!("frame.css");

const SANDBOX: &str = "allow-same-origin allow-popups allow-popups-to-escape-sandbox";

/// What a button says that runs the scripts of an output.
const OFFER: &str = "Run its script";
const RISK: &str = "It cannot reach this page, but could tell a server that it runs";

/// What the frames of a page need from its policy.
#[derive(Default)]
pub(super) struct Frames {
    /// The sources of the scripts that may run when they are asked for.
    scripts: Vec<String>,
}

impl Frames {
    /// The sources of scripts that the page's policy has to name.
    pub(super) fn script_sources(&self) -> String {
        let mut sources: Vec<&str> = self.scripts.iter().map(String::as_str).collect();
        sources.sort_unstable();
        sources.dedup();
        if !sources.is_empty() {
            // The page's own script makes no code from text. Plots do.
            sources.push("'unsafe-eval'");
        }
        sources.join(" ")
    }

    /// Appends a frame that shows `html`, and a button in front of it if its scripts can be run.
    pub(super) fn push(&mut self, out: &mut String, html: &str, title: &str) {
        let html = html.replace("\r\n", "\n").replace('\r', "\n");
        let scripts = Scripts::of(&html);
        let can_run = scripts.are_whole();
        let still_html = scripts.left_out(&html);
        let bare = without_frames(&still_html);
        if bare != still_html {
            out.push_str("<p class=\"note\">It embeds another page, which this page does not load.</p>");
        }
        if can_run {
            out.push_str(&format!(
                "<button type=\"button\" class=\"run\" title=\"{RISK}\" hidden>{OFFER}</button>"
            ));
        }
        out.push_str(&format!(
            "<iframe class=\"frame\" sandbox=\"{SANDBOX}\" referrerpolicy=\"no-referrer\" title=\"{}\"",
            text::escaped(title)
        ));
        push_attribute(out, "srcdoc", &still(&bare));
        if can_run {
            self.scripts.push(source(MEASURE));
            self.scripts.extend(scripts.texts.iter().map(|script| source(script)));
            push_attribute(out, "data-live", &live(&html));
        }
        out.push_str("></iframe>");
    }
}

/// The source expression that allows a script.
pub(super) fn source(script: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script.as_bytes())))
}

fn push_attribute(out: &mut String, name: &str, value: &str) {
    out.push_str(&format!(" {name}=\""));
    text::push_verbatim(out, value);
    out.push('"');
}

/// `html` without frames of its own. A policy forbids what they would show, but Chromium connects to its server
/// before it looks at the policy. A tag begins with these very characters or is none, so nothing needs parsing.
fn without_frames(html: &str) -> String {
    ["<iframe", "<frame"].into_iter().fold(html.to_owned(), |html, tag| without_tag(&html, tag))
}

fn without_tag(html: &str, tag: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut on = 0;
    while let Some(place) = find(html, on, tag) {
        out.push_str(&html[on..place]);
        out.push_str("<span");
        on = place + tag.len();
    }
    out.push_str(&html[on..]);
    out
}

fn still(html: &str) -> String {
    document("", "<base target=\"_blank\">", html)
}

/// The page's policy holds as well: only those scripts run that both allow.
fn live(html: &str) -> String {
    let script = format!("<script>{MEASURE}</script>");
    document("script-src 'unsafe-inline' 'unsafe-eval'; ", &script, html)
}

fn document(policy: &str, head: &str, body: &str) -> String {
    format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; {policy}style-src 'unsafe-inline'; img-src data:; font-src data:; \
         media-src data:; base-uri 'none'; form-action 'none'\">\
         <meta http-equiv=\"x-dns-prefetch-control\" content=\"off\"><style>{STYLE}</style>{head}</head>\
         <body>{body}</body></html>"
    )
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
    fn no_frame_is_of_the_page_and_may_run_scripts() {
        let (frame, sources) = framed("<p class=\"x\">&amp;</p>\"></iframe><b onclick=\"x()\">");
        assert!(frame.contains(&format!(" sandbox=\"{SANDBOX}\"")) && !SANDBOX.contains("scripts"));
        assert_eq!((sources.as_str(), frame.contains("data-live")), ("", false));
    }

    #[test]
    fn attributes_end_where_they_should() {
        let (frame, _) = framed("<p class=\"x\">&amp;</p>\"></iframe><script>alert(\"1\")</script>");
        for name in ["srcdoc", "data-live"] {
            let value = frame.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap();
            assert!(value.ends_with("</body></html>"), "{name}: {value}");
        }
    }

    #[test]
    fn scripts_run_by_their_hash_when_they_are_asked_for() {
        let (frame, sources) = framed("<div></div><SCRIPT type='x'>draw()\r\n</SCRIPT>");
        assert!(sources.contains(&source("draw()\n")) && sources.contains("'unsafe-eval'"));
        let (shown, live) = frame.split_once(" data-live=").unwrap();
        assert!(!shown.contains("draw()") && live.contains("draw()\n") && frame.contains(OFFER));
    }

    #[test]
    fn frames_in_a_frame_are_left_out() {
        let (frame, _) =
            framed("<style>a</style><IFrame src=\"https://example.org\"></iframe><frameset><frame src=x>");
        let shown = frame.split(" srcdoc=").nth(1).unwrap().to_lowercase();
        assert!(
            !shown.contains("<iframe src") && !shown.contains("<frame") && shown.contains("<style>a</style>")
        );
        assert!(frame.contains("It embeds another page"));
    }

    #[test]
    fn scripts_from_elsewhere_are_left_out() {
        let (frame, sources) =
            framed("<script src=\"https://cdn.example.org/x.js\"></script><p>x</p><script>y()</script>");
        assert!(!frame.contains("cdn.example.org") && frame.contains("<p>x</p>") && !frame.contains(OFFER));
        assert_eq!(sources, "");
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
