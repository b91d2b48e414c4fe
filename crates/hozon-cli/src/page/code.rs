//! Source code, coloured.

use hozon_syntax::{Dialect, TokenKind, highlight};

use super::text;

/// Appends `source` as code that can be scrolled.
pub(super) fn push(out: &mut String, source: &str) {
    let source = source.trim_end();
    out.push_str("<pre class=\"code\" tabindex=\"0\"><code>");
    let mut written = 0;
    for (range, kind) in highlight(source, Dialect::Ipython) {
        text::push(out, &source[written..range.start]);
        out.push_str(&format!("<span class=\"{}\">", class(kind)));
        text::push(out, &source[range.clone()]);
        out.push_str("</span>");
        written = range.end;
    }
    text::push(out, &source[written..]);
    out.push_str("</code></pre>");
}

fn class(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Keyword => "tk",
        TokenKind::Constant => "tc",
        TokenKind::String => "ts",
        TokenKind::Number => "tn",
        TokenKind::Comment => "tm",
        TokenKind::Operator => "to",
        TokenKind::Definition => "td",
        TokenKind::Call => "tf",
        TokenKind::Decorator => "ta",
        TokenKind::Magic => "tg",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_coloured_and_escaped() {
        let mut out = String::new();
        push(&mut out, "if x < '</script>':  # \u{202e}\n    pass\n");
        insta::assert_snapshot!(out);
    }
}
