//! Markdown as HTML that is safe in the page.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

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

/// Returns the HTML of `markdown`; its headings go to `headings`, their ids beginning with `prefix`.
///
/// Images that do not lie in the text become links: a page loads nothing.
pub(super) fn html(markdown: &str, prefix: &str, math: &Math, headings: &mut Vec<Heading>) -> String {
    if markdown.len() > LARGEST {
        return format!("<pre class=\"text\">\n{}</pre>", text::escaped(markdown));
    }
    let mut rewriter = Rewriter { prefix, math, headings, inserts: Vec::new() };
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
    prefix: &'a str,
    math: &'a Math,
    headings: &'a mut Vec<Heading>,
    /// What is put into the text once it is sanitized.
    inserts: Vec<String>,
}

impl Rewriter<'_> {
    fn rewrite<'t>(&mut self, event: Event<'t>, parser: &mut Parser<'t>, events: &mut Vec<Event<'t>>) {
        match event {
            Event::InlineMath(latex) => events.push(self.insert(self.math.html(&latex, false))),
            Event::DisplayMath(latex) => {
                let html = format!("<span class=\"math\">{}</span>", self.math.html(&latex, true));
                events.push(self.insert(html));
            }
            Event::TaskListMarker(done) => events.push(Event::Text(if done { "☑ " } else { "☐ " }.into())),
            Event::Start(Tag::Image { dest_url, .. }) => {
                push_image(&dest_url, &words_until_image_ends(parser), events)
            }
            Event::Start(Tag::Heading { level, .. }) => self.heading(level, parser, events),
            other => events.push(other),
        }
    }

    fn insert<'t>(&mut self, html: String) -> Event<'t> {
        self.inserts.push(html);
        Event::Text(format!("{MARK}{};", self.inserts.len() - 1).into())
    }

    fn heading<'t>(&mut self, level: HeadingLevel, parser: &mut Parser<'t>, events: &mut Vec<Event<'t>>) {
        let id = format!("{}-{}", self.prefix, self.headings.len() + 1);
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

fn push_image<'t>(target: &CowStr<'t>, words: &str, events: &mut Vec<Event<'t>>) {
    if target.starts_with("data:image/") {
        let html = format!("<img src=\"{}\" alt=\"{}\">", text::escaped(target), text::escaped(words));
        return events.push(Event::InlineHtml(html.into()));
    }
    let words = if words.is_empty() { "Image" } else { words };
    let html = format!("<a href=\"{}\">{}</a>", text::escaped(target), text::escaped(words));
    events.push(Event::InlineHtml(html.into()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(markdown: &str) -> String {
        html(markdown, "s", &Math::new(), &mut Vec::new())
    }

    #[test]
    fn markdown_of_every_kind() {
        let mut headings = Vec::new();
        let markdown = "# One `two` $x$\n\n- [x] done\n- **b** ~~s~~\n\n|a|b|\n|-|-:|\n|1|2|\n\n```python\n1 < 2\n```\n\n$$\\sqrt{2}$$\n\n![a *b*](https://example.org/x.png) ![c](data:image/png;base64,AA)\n";
        let html = html(markdown, "section-3", &Math::new(), &mut headings);
        insta::assert_snapshot!(html);
        assert_eq!(headings, [Heading { level: 1, words: "One two x".into(), id: "section-3-1".into() }]);
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
