//! HTML that is plain enough to stand in the page itself: tables and simple formatting.
//!
//! Two things look at it. A strict reader decides whether anything would be lost, and lets only short, flat
//! text through, which also bounds the cost. What keeps the page safe is the sanitizer behind it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

use ammonia::Builder;

const TAGS: [&str; 53] = [
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "caption",
    "center",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "s",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "u",
    "ul",
];

const EMPTY_TAGS: [&str; 4] = ["br", "col", "hr", "img"];

/// Attributes that are kept.
const ATTRIBUTES: [&str; 18] = [
    "align", "alt", "color", "colspan", "dir", "height", "href", "lang", "open", "rowspan", "scope", "size",
    "span", "src", "start", "style", "title", "width",
];

/// Attributes that go without a loss: nothing here styles by them.
const WITHOUT_LOSS: [&str; 8] =
    ["border", "cellpadding", "cellspacing", "class", "frame", "halign", "rules", "valign"];

/// Properties of a `style` that cannot lead out of the box of an output.
const PROPERTIES: [&str; 33] = [
    "background",
    "background-color",
    "border",
    "border-bottom",
    "border-collapse",
    "border-color",
    "border-left",
    "border-radius",
    "border-right",
    "border-spacing",
    "border-style",
    "border-top",
    "border-width",
    "color",
    "font-family",
    "font-size",
    "font-style",
    "font-weight",
    "line-height",
    "list-style-type",
    "max-width",
    "min-width",
    "overflow",
    "overflow-x",
    "padding",
    "padding-left",
    "padding-right",
    "text-align",
    "text-decoration",
    "vertical-align",
    "white-space",
    "width",
    "word-break",
];

/// Functions of CSS that load nothing.
const FUNCTIONS: [&str; 4] = ["rgb(", "rgba(", "hsl(", "hsla("];

/// Longer HTML goes into a frame, as its own page.
const LARGEST: usize = 4 * 1024 * 1024;
const DEEPEST: usize = 64;
const MOST_ATTRIBUTES: usize = 16;

/// Marks what is put into sanitized HTML afterwards; it never stands in an attribute.
pub(super) const MARK: char = '\u{f0000}';

static SANITIZER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder
        .tags(HashSet::from(TAGS))
        .clean_content_tags(HashSet::from(["script", "style"]))
        .generic_attributes(HashSet::from(ATTRIBUTES))
        .url_schemes(HashSet::from(["http", "https", "mailto", "data"]))
        .filter_style_properties(HashSet::from(PROPERTIES))
        .link_rel(Some("noopener noreferrer"))
        .attribute_filter(|tag, name, value| is_kept(tag, name, value).then_some(Cow::Borrowed(value)));
    builder
});

/// HTML of any kind with everything removed that is not plain.
pub(super) fn sanitized(html: &str) -> String {
    SANITIZER.clean(html).to_string()
}

/// The same HTML, safe, if it is plain; nothing if something would be missing from it.
pub(super) fn plain(html: &str) -> Option<String> {
    let html = without_table_style(html);
    (html.len() <= LARGEST && Reader { rest: &html, depth: 0 }.reads_all()).then(|| sanitized(&html))
}

/// What holds for the value of an attribute, wherever it comes from.
fn is_kept(tag: &str, name: &str, value: &str) -> bool {
    let starts = |prefix: &str| {
        value.trim_start().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if value.contains(MARK) {
        return false;
    }
    match (tag, name) {
        ("img", "src") => starts("data:image/"),
        (_, "src") => false,
        (_, "href") => tag == "a" && !starts("data:"),
        (_, "style") => is_plain_style(value),
        _ => true,
    }
}

/// Whether a `style` has only properties that are known, and values that load nothing.
fn is_plain_style(style: &str) -> bool {
    let style = style.to_ascii_lowercase();
    let calls = style.matches('(').count();
    let known: usize = FUNCTIONS.iter().map(|function| style.matches(function).count()).sum();
    // `rgba(` holds no `rgb(`, and `hsla(` no `hsl(`.
    calls == known
        && !style.contains(['\\', '@', '<', '{', '}', '"', '/'])
        && style.split(';').filter(|rule| !rule.trim().is_empty()).all(|rule| {
            let property = rule.split_once(':').map(|(property, _)| property.trim());
            property.is_some_and(|property| PROPERTIES.contains(&property))
        })
}

/// Leaves out the style that pandas and polars send along with every table: the page has its own.
fn without_table_style(html: &str) -> Cow<'_, str> {
    let Some(start) = html.find("<style") else { return Cow::Borrowed(html) };
    let Some((open, content_on)) = html[start..].split_once('>') else { return Cow::Borrowed(html) };
    let Some((content, after)) = content_on.split_once("</style>") else { return Cow::Borrowed(html) };
    if !["<style", "<style scoped"].contains(&open) || !is_table_style(content) {
        return Cow::Borrowed(html);
    }
    Cow::Owned(format!("{}{after}", &html[..start]))
}

fn is_table_style(style: &str) -> bool {
    style.len() < 4096
        && style.split('}').all(|rule| {
            let selectors = rule.split('{').next().unwrap_or_default();
            rule.trim().is_empty() || selectors.split(',').all(|one| one.trim().starts_with(".dataframe"))
        })
}

/// Reads HTML of the plainest kind: known tags, quoted attributes, text.
struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl Reader<'_> {
    fn reads_all(mut self) -> bool {
        while let Some(place) = self.rest.find('<') {
            self.rest = &self.rest[place + 1..];
            let is_read = if self.take("/") { self.closing_tag() } else { self.opening_tag() };
            if is_read.is_none() {
                return false;
            }
        }
        true
    }

    fn take(&mut self, prefix: &str) -> bool {
        let rest = self.rest.strip_prefix(prefix);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn word(&mut self) -> Option<String> {
        let is_part = |character: char| character.is_ascii_alphanumeric() || character == '-';
        let end = self.rest.find(|character| !is_part(character))?;
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_ascii_lowercase())
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }

    fn closing_tag(&mut self) -> Option<()> {
        let tag = self.word()?;
        self.skip_spaces();
        self.depth = self.depth.saturating_sub(1);
        (TAGS.contains(&tag.as_str()) && self.take(">")).then_some(())
    }

    fn opening_tag(&mut self) -> Option<()> {
        let tag = self.word()?;
        let is_empty = EMPTY_TAGS.contains(&tag.as_str());
        self.depth += usize::from(!is_empty);
        if !TAGS.contains(&tag.as_str()) || self.depth > DEEPEST {
            return None;
        }
        for _ in 0..MOST_ATTRIBUTES {
            self.skip_spaces();
            if self.take(">") || self.take("/>") {
                return Some(());
            }
            self.attribute(&tag)?;
        }
        None
    }

    fn attribute(&mut self, tag: &str) -> Option<()> {
        let name = self.word()?;
        let value = if self.take("=") { self.value()? } else { "" };
        let is_kept = ATTRIBUTES.contains(&name.as_str()) && is_kept(tag, &name, value);
        let goes =
            WITHOUT_LOSS.contains(&name.as_str()) || name.starts_with("data-") || name.starts_with("aria-");
        (is_kept || goes).then_some(())
    }

    fn value(&mut self) -> Option<&str> {
        let quote = self.rest.chars().next().filter(|first| ['"', '\''].contains(first));
        let end = match quote {
            Some(quote) => self.rest[1..].find(quote)? + 2,
            None => self
                .rest
                .find(|character: char| !character.is_ascii_alphanumeric() && !"#%.".contains(character))?,
        };
        let (value, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(if quote.is_some() { &value[1..end - 1] } else { value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_pandas_is_plain() {
        let html = "<div>\n<style scoped>\n    .dataframe tbody tr th:only-of-type {\n        vertical-align: middle;\n    }\n\n    .dataframe thead th {\n        text-align: right;\n    }\n</style>\n<table border=\"1\" class=\"dataframe\">\n  <thead>\n    <tr style=\"text-align: right;\"><th></th><th>a &amp; b</th></tr></thead><tbody><tr><th>0</th><td>&lt;1&gt;</td></tr></tbody></table>\n</div>";
        let plain = plain(html).unwrap();
        assert!(plain.contains("<table>") && plain.contains("<th>a &amp; b</th>"), "{plain}");
        assert!(plain.contains("<tr style=\"text-align:right\">") && !plain.contains("dataframe"), "{plain}");
    }

    #[test]
    fn what_would_lose_something_is_not_plain() {
        let lossy = [
            "<script>1</script>",
            "<b onclick=\"x()\">b</b>",
            "<img src=\"https://example.org/a.png\">",
            "<img src=x onerror=alert(1)>",
            "<svg><path/></svg>",
            "<style>td { color: red }</style>",
            "<style>.dataframe td {}, body {}</style>",
            "<p style=\"background: url(https://example.org)\">",
            "<p style=\"position: fixed\">",
            "<p style=\"color: \\75rl(x)\">",
            "<p id=\"theme\">",
            "<iframe srcdoc=\"x\"></iframe>",
            "a < b",
            "<p title=\"never ends>",
            "<a href=\"data:text/html,x\">x</a>",
            "<!-- comment -->",
        ];
        for html in lossy {
            assert_eq!(plain(html), None, "{html}");
        }
        assert_eq!(plain(&"<div>".repeat(DEEPEST + 1)), None);
    }

    #[test]
    fn the_sanitizer_alone_lets_nothing_run() {
        let table = [
            ("<script>alert(1)</script>x", "x"),
            ("<img src=x onerror=alert(1)>", "<img>"),
            ("<a href=\"javascript:alert(1)\">x</a>", "<a rel=\"noopener noreferrer\">x</a>"),
            ("<a href=\" &#106;avascript:alert(1)\">x</a>", "<a rel=\"noopener noreferrer\">x</a>"),
            ("<p id=a class=b style='position:fixed'>x</p>", "<p>x</p>"),
            ("<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style>", ""),
            ("<p title='\u{f0000}0'>x</p>", "<p>x</p>"),
            ("<p style=\"color:red;background:url(x)\">x</p>", "<p>x</p>"),
        ];
        for (html, safe) in table {
            assert_eq!(sanitized(html), safe, "{html}");
        }
    }
}
