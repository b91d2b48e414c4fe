//! The scripts of an output: whether they could run in a page that loads nothing.

use std::ops::Range;

/// The script elements of HTML, as far as they can be told without parsing it.
///
/// This is no safeguard. Where it is wrong, a script stands where none may run, or has a hash that no policy
/// names.
pub(super) struct Scripts<'a> {
    spans: Vec<Range<usize>>,
    pub(super) texts: Vec<&'a str>,
    from_elsewhere: bool,
}

/// What small scripts have that get a library from elsewhere.
const LOADERS: [&str; 9] =
    ["//cdn", "unpkg.com", "require(", "requirejs", "import(", "Plotly.", "vegaEmbed", "Bokeh", "esm.sh"];

/// A library is larger than this, and what only uses one is smaller.
const SMALLEST_LIBRARY: usize = 200 * 1024;

impl<'a> Scripts<'a> {
    pub(super) fn of(html: &'a str) -> Self {
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
    pub(super) fn are_whole(&self) -> bool {
        let size: usize = self.texts.iter().map(|script| script.len()).sum();
        let loads = || LOADERS.iter().any(|loader| self.texts.iter().any(|script| script.contains(loader)));
        !self.spans.is_empty() && !self.from_elsewhere && (size >= SMALLEST_LIBRARY || !loads())
    }

    /// Whether there are scripts, and they need something else.
    pub(super) fn need_the_network(&self) -> bool {
        !self.spans.is_empty() && !self.are_whole()
    }

    /// `html` without its scripts: a browser would complain about each.
    pub(super) fn left_out(&self, html: &str) -> String {
        let mut out = String::with_capacity(html.len());
        let mut written = 0;
        for span in &self.spans {
            out.push_str(&html[written..span.start]);
            written = span.end;
        }
        out.push_str(&html[written..]);
        out
    }
}

/// The place of `tag` from `on`, in any case of letters.
pub(super) fn find(html: &str, on: usize, tag: &str) -> Option<usize> {
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

    #[test]
    fn what_needs_the_network() {
        let needs = |html: &str| Scripts::of(html).need_the_network();
        assert!(needs("<script>fetchAll('https://cdn.jsdelivr.net/npm/vega@5')</script>"));
        assert!(needs("<script src=x></script>"));
        assert!(!needs("<script>draw()</script>"));
        assert!(!needs(&format!("<script>{}Plotly.</script>", " ".repeat(SMALLEST_LIBRARY))));
        assert!(!needs("<p>"));
    }

    #[test]
    fn scripts_are_found_in_any_spelling_and_left_out() {
        let html = "<p>a</p><SCRIPT type='x'>one</Script ><p>b<script>two</script><script>open";
        let found = Scripts::of(html);
        assert_eq!(found.texts, ["one", "two"]);
        assert_eq!(found.left_out(html), "<p>a</p><p>b<script>open");
    }
}
