//! Long text, folded so that the page stays readable.

/// Text of more lines than this is folded.
const MOST_LINES: usize = 300;

/// Text of more bytes of HTML than this is folded.
const MOST_BYTES: usize = 512 * 1024;

/// What of a folded text is seen at once.
const SHOWN_LINES: usize = 60;
const SHOWN_BYTES: usize = 64 * 1024;

/// Appends a `pre` of lines of HTML, the most of them in a `details` if there are many.
pub(super) fn push_pre(out: &mut String, class: &str, lines: &[String]) {
    let bytes: usize = lines.iter().map(String::len).sum();
    if lines.len() <= MOST_LINES && bytes <= MOST_BYTES {
        return push_lines(out, class, lines);
    }
    let (shown, rest) = lines.split_at(shown(lines));
    push_lines(out, class, shown);
    out.push_str(&format!(
        "<details class=\"more\"><summary>Show all: {} more {} of {}</summary>",
        grouped(rest.len()),
        if rest.len() == 1 { "line" } else { "lines" },
        grouped(lines.len()),
    ));
    push_lines(out, class, rest);
    out.push_str("</details>");
}

fn push_lines(out: &mut String, class: &str, lines: &[String]) {
    // A parser of HTML drops a line feed that comes first.
    out.push_str(&format!("<pre class=\"{class}\" tabindex=\"0\">\n"));
    lines.iter().for_each(|line| out.push_str(line));
    out.push_str("</pre>");
}

/// How many of the lines are seen at once.
fn shown(lines: &[String]) -> usize {
    let mut bytes = 0;
    let fits = |line: &&String| {
        bytes += line.len();
        bytes <= SHOWN_BYTES
    };
    lines.iter().take(SHOWN_LINES).take_while(fits).count()
}

/// `1234567` as `1 234 567`, with narrow spaces that do not break.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_text_is_whole() {
        let mut out = String::new();
        push_pre(&mut out, "text", &["a\n".to_owned(), "b".to_owned()]);
        assert_eq!(out, "<pre class=\"text\" tabindex=\"0\">\na\nb</pre>");
    }

    #[test]
    fn long_text_is_folded_and_complete() {
        let lines: Vec<String> = (0..12_345).map(|number| format!("{number}\n")).collect();
        let mut out = String::new();
        push_pre(&mut out, "text", &lines);
        assert!(out.contains("Show all: 12\u{202f}285 more lines of 12\u{202f}345"), "{}", &out[..200]);
        assert!(lines.iter().all(|line| out.contains(line)));
    }

    #[test]
    fn a_line_that_is_too_long_to_be_shown_is_folded() {
        let mut out = String::new();
        push_pre(&mut out, "text", &["x".repeat(MOST_BYTES + 1)]);
        assert!(out.contains("1 more line of 1"));
    }
}
