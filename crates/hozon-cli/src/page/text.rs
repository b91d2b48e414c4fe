//! Text of unknown origin, as HTML.

/// Appends `text` so that it can stand between tags and in a quoted attribute.
///
/// What would reorder the text around it, or has no look at all, is shown as an escape, as the command
/// does. Line feeds and tabs stay; a carriage return before a line feed goes.
pub(super) fn push(out: &mut String, text: &str) {
    let mut written = 0;
    for (place, character) in text.char_indices() {
        if is_plain(character) {
            continue;
        }
        out.push_str(&text[written..place]);
        written = place + character.len_utf8();
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\r' if text[written..].starts_with('\n') => {}
            hidden => out.extend(hidden.escape_default()),
        }
    }
    out.push_str(&text[written..]);
}

/// `text`, as [`push`] would append it.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    push(&mut out, text);
    out
}

/// Appends `html` so that a quoted attribute has exactly this value, less what a parser of HTML replaces
/// anyway.
pub(super) fn push_verbatim(out: &mut String, html: &str) {
    for part in html.split_inclusive(['&', '"', '\0']) {
        let (rest, last) = part.split_at(part.len() - part.ends_with(['&', '"', '\0']) as usize);
        out.push_str(rest);
        out.push_str(match last {
            "&" => "&amp;",
            "\"" => "&quot;",
            "\0" => "\u{fffd}",
            _ => "",
        });
    }
}

fn is_plain(character: char) -> bool {
    match character {
        '&' | '<' | '>' | '"' | '\'' => false,
        '\n' | '\t' => true,
        other => !other.is_control() && !is_direction(other),
    }
}

/// Characters that change the direction of the text around them.
fn is_direction(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escaped("a<b>&\"'é\n\t"), "a&lt;b&gt;&amp;&quot;&#39;é\n\t");
    }

    #[test]
    fn what_deceives_is_shown() {
        assert_eq!(escaped("a\u{202e}b\0\u{1b}\r\nc\rd"), "a\\u{202e}b\\u{0}\\u{1b}\nc\\rd");
    }

    #[test]
    fn an_attribute_keeps_its_value() {
        let mut out = String::new();
        push_verbatim(&mut out, "<a b=\"&amp;\">é\0");
        assert_eq!(out, "<a b=&quot;&amp;amp;&quot;>é\u{fffd}");
    }
}
