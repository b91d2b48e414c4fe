//! Markdown as HTML that is safe in the page.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};
use serde_json::Value;

use super::bundle::joined;
use super::image;
use super::math::Math;
use super::plain_html::{MARK, sanitized};
use super::text;

/// Longer text is shown as it is written.
const LARGEST: usize = 256 * 1024;

/// A heading, for the table of contents.
#[derive(Debug, PartialEq)]
pub(super) struct Heading {
    pub(super) level: usize,
    pub(super) words: String,
    pub(super) id: String,
}

/// Markdown, and what it is made with.
pub(super) struct Source<'a> {
    pub(super) markdown: &'a str,
    /// The files that it may name as `attachment:name`, as nbformat has them.
    pub(super) attachments: Option<&'a Value>,
    /// What the ids of its headings begin with.
    pub(super) prefix: &'a str,
    pub(super) math: &'a Math,
}

/// Returns the HTML of a text; its headings go to `headings`.
///
/// Images that lie neither in the text nor beside it become links: a page loads nothing.
pub(super) fn html(source: &Source<'_>, headings: &mut Vec<Heading>) -> String {
    let markdown = source.markdown;
    if markdown.len() > LARGEST {
        return format!("<pre class=\"text\" tabindex=\"0\">\n{}</pre>", text::escaped(markdown));
    }
    let mut rewriter = Rewriter { source, headings, inserts: Vec::new() };
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_MATH;
    let mut parser = Parser::new_ext(markdown, options);
    let mut events = Vec::new();
    while let Some(event) = parser.next() {
        rewriter.rewrite(event, &mut parser, &mut events);
    }
    let mut unsafe_html = String::with_capacity(markdown.len() * 3 / 2);
    html::push_html(&mut unsafe_html, events.into_iter());
    inserted(&sanitized(&unsafe_html), &rewriter.inserts)
}

/// Puts each insert at its mark. A mark that the text itself brought along puts the same safe HTML there.
fn inserted(html: &str, inserts: &[String]) -> String {
    let mut parts = html.split(MARK);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once(';').unwrap_or(("", part));
        if let Some(insert) = number.parse().ok().and_then(|number: usize| inserts.get(number)) {
            out.push_str(insert);
        }
        out.push_str(rest);
    }
    out
}

struct Rewriter<'a> {
    source: &'a Source<'a>,
    headings: &'a mut Vec<Heading>,
    /// What is put into the text once it is sanitized.
    inserts: Vec<String>,
}

impl Rewriter<'_> {
    fn rewrite<'t>(&mut self, event: Event<'t>, parser: &mut Parser<'t>, events: &mut Vec<Event<'t>>) {
        match event {
            Event::InlineMath(latex) => events.push(self.insert(self.source.math.html(&latex, false))),
            Event::DisplayMath(latex) => {
                let html = format!("<span class=\"math\">{}</span>", self.source.math.html(&latex, true));
                events.push(self.insert(html));
            }
            Event::TaskListMarker(done) => events.push(Event::Text(if done { "☑ " } else { "☐ " }.into())),
            Event::Start(Tag::Image { dest_url, .. }) => {
                events.push(self.image(&dest_url, &words_until_image_ends(parser)));
            }
            Event::Start(Tag::Heading { level, .. }) => self.heading(level, parser, events),
            other => events.push(other),
        }
    }

    fn insert<'t>(&mut self, html: String) -> Event<'t> {
        self.inserts.push(html);
        Event::Text(format!("{MARK}{};", self.inserts.len() - 1).into())
    }

    fn image<'t>(&mut self, target: &str, words: &str) -> Event<'t> {
        let (address, alternative) = (text::escaped(target), text::escaped(words));
        if target.starts_with("data:image/") {
            return Event::InlineHtml(format!("<img src=\"{address}\" alt=\"{alternative}\">").into());
        }
        if let Some(html) = self.attached(target, words) {
            return self.insert(html);
        }
        let words = if words.is_empty() { "Image" } else { &alternative };
        Event::InlineHtml(format!("<a href=\"{address}\">{words}</a>").into())
    }

    /// The image that lies beside the text as `attachment:name`.
    fn attached(&self, target: &str, words: &str) -> Option<String> {
        let name = target.strip_prefix("attachment:")?;
        let files = self.source.attachments?.as_object()?;
        let kinds =
            files.iter().find(|(known, _)| *known == name || is_encoded(name, known))?.1.as_object()?;
        let (kind, data) = kinds.iter().find(|(kind, _)| kind.starts_with("image/"))?;
        let data = joined(data);
        let about = image::About { words, metadata: None };
        let mut out = String::new();
        if kind == "image/svg+xml" && data.trim_start().starts_with('<') {
            image::push_drawing(&mut out, &data, &about);
            return Some(out);
        }
        image::push_bitmap(&mut out, kind, &data, &about).then_some(out)
    }

    fn heading<'t>(&mut self, level: HeadingLevel, parser: &mut Parser<'t>, events: &mut Vec<Event<'t>>) {
        let id = format!("{}-{}", self.source.prefix, self.headings.len() + 1);
        let start = Tag::Heading { level, id: None, classes: Vec::new(), attrs: Vec::new() };
        let anchor = self.insert(format!("<span class=\"anchor\" id=\"{id}\"></span>"));
        events.extend([Event::Start(start), anchor]);
        let mut words = String::new();
        while let Some(event) = parser.next() {
            if let Event::Text(part) | Event::Code(part) | Event::InlineMath(part) = &event {
                words.push_str(part);
            }
            let is_end = matches!(event, Event::End(TagEnd::Heading(_)));
            self.rewrite(event, parser, events);
            if is_end {
                break;
            }
        }
        self.headings.push(Heading { level: level as usize, words, id });
    }
}

/// Whether `address` is `name` as an address spells it: a byte that is no letter may be `%` and two digits.
fn is_encoded(address: &str, name: &str) -> bool {
    let mut written = address.bytes();
    name.bytes().all(|byte| match written.next() {
        Some(b'%') => {
            let digits = [written.next().unwrap_or(0), written.next().unwrap_or(0)];
            std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok())
                == Some(byte)
        }
        other => other == Some(byte),
    }) && written.next().is_none()
}

fn words_until_image_ends(parser: &mut Parser<'_>) -> String {
    let mut words = String::new();
    let mut depth = 1;
    for event in parser {
        match event {
            Event::Start(Tag::Image { .. }) => depth += 1,
            Event::End(TagEnd::Image) => depth -= 1,
            Event::Text(part) | Event::Code(part) | Event::InlineMath(part) => words.push_str(&part),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn made(markdown: &str, attachments: Option<&Value>, headings: &mut Vec<Heading>) -> String {
        let math = Math::new();
        html(&Source { markdown, attachments, prefix: "section-3", math: &math }, headings)
    }

    fn plain(markdown: &str) -> String {
        made(markdown, None, &mut Vec::new())
    }

    #[test]
    fn markdown_of_every_kind() {
        let mut headings = Vec::new();
        let markdown = "# One `two` $x$\n\n- [x] done\n- **b** ~~s~~\n\n|a|b|\n|-|-:|\n|1|2|\n\n```python\n1 < 2\n```\n\n$$\\sqrt{2}$$\n\n![a *b*](https://example.org/x.png) ![c](data:image/png;base64,AA)\n";
        let html = made(markdown, None, &mut headings);
        insta::assert_snapshot!(html);
        assert_eq!(headings, [Heading { level: 1, words: "One two x".into(), id: "section-3-1".into() }]);
    }

    #[test]
    fn attachments_are_images_in_the_page() {
        let files = json!({
            "a b.png": { "image/png": "iVBO\nRw0" },
            "d.svg": { "image/svg+xml": ["<svg>", "</svg>"] },
            "bad.png": { "image/png": "\"><script>" },
            "page": { "text/html": "<b>" },
        });
        let html = |markdown: &str| made(markdown, Some(&files), &mut Vec::new());
        let image = "<p><img class=\"image\" alt=\"x\" src=\"data:image/png;base64,iVBORw0=\"></p>\n";
        assert_eq!(html("![x](attachment:a%20b.png)"), image);
        assert_eq!(html("![x](<attachment:a b.png>)"), image);
        assert!(html("![x](attachment:d.svg)").contains("src=\"data:image/svg+xml;base64,"));
        for name in ["bad.png", "page", "none", "a%2", "a%20b.pngx", "%"] {
            let html = html(&format!("![x](attachment:{name})"));
            assert_eq!(html, "<p><a rel=\"noopener noreferrer\">x</a></p>\n", "{name}");
        }
    }

    #[test]
    fn nothing_in_it_runs() {
        for markdown in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "[x](javascript:alert(1))",
            "[x](data:text/html;base64,AA)",
            "![x\" onerror=\"alert(1)](data:image/png,x\" onerror=\"alert(1))",
            "<iframe src=https://example.org></iframe>",
            "`</script><script>alert(1)</script>`",
            "<p title=\"&#xF0000;0;\">$\\text{\" onclick=alert(1) \"}$",
            "![$x$](data:image/png,$y$)",
        ] {
            let html = plain(markdown);
            let tags: Vec<&str> = html.split('<').skip(1).filter_map(|part| part.split('>').next()).collect();
            for tag in tags {
                let attributes = tag.split_once(' ').map_or("", |(_, attributes)| attributes);
                assert!(!tag.starts_with("script") && !tag.starts_with("iframe"), "{markdown}: {html}");
                assert!(!attributes.contains(" on") && !attributes.starts_with("on"), "{markdown}: {html}");
                assert!(!tag.contains("javascript:") && !tag.contains("text/html"), "{markdown}: {html}");
            }
        }
    }

    #[test]
    fn a_forged_mark_brings_nothing_new() {
        assert_eq!(plain("a&#xF0000;7;b"), "<p>ab</p>\n");
        assert_eq!(plain("a\u{f0000}b"), "<p>ab</p>\n");
    }

    #[test]
    fn hostile_nesting_ends() {
        for part in ["> ", "[", "*a _b ", "<div>", "- ", "![", "$", "<a ", "#", "`"] {
            plain(&part.repeat(20_000));
        }
    }
}
