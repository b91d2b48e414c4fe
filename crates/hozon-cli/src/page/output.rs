//! The outputs of a cell.

use std::borrow::Cow;

use serde_json::Value;

use super::bundle::{Bundle, joined};
use super::image::{self, About};
use super::writer::Writer;
use super::{ansi, json, long, math, plain_html, text};

/// Appends the outputs of the cell `number`. Text that went to one stream piece by piece is one text.
pub(super) fn push_all(page: &mut Writer, outputs: &[Value], number: usize) {
    for group in outputs.chunk_by(is_same_stream) {
        match group {
            [output] if kind(output) != "stream" => push(page, output, number),
            parts => push_stream(page, parts),
        }
    }
}

fn kind(output: &Value) -> &str {
    output.get("output_type").and_then(Value::as_str).unwrap_or_default()
}

fn is_same_stream(one: &Value, next: &Value) -> bool {
    kind(one) == "stream" && kind(next) == "stream" && one.get("name") == next.get("name")
}

fn push_stream(page: &mut Writer, parts: &[Value]) {
    let texts: Vec<Cow<'_, str>> = parts.iter().filter_map(|part| part.get("text")).map(joined).collect();
    let is_errors = parts[0].get("name").and_then(Value::as_str) == Some("stderr");
    let class = if is_errors { "output stream errors" } else { "output stream" };
    page.out.push_str(&format!("<div class=\"{class}\">"));
    if is_errors {
        page.out.push_str("<span class=\"label\">stderr</span>");
    }
    long::push_pre(&mut page.out, "text", &ansi::lines(&texts.concat()));
    page.out.push_str("</div>");
}

fn push(page: &mut Writer, output: &Value, number: usize) {
    match kind(output) {
        "error" => push_error(page, output),
        "display_data" | "execute_result" | "update_display_data" => {
            page.out.push_str("<div class=\"output\">");
            match Bundle::of(output) {
                Some(bundle) if !bundle.data.is_empty() => push_bundle(page, &bundle, number),
                _ => push_note(page, "This output has no data."),
            }
            page.out.push_str("</div>");
        }
        other => {
            page.out.push_str("<div class=\"output\">");
            push_note(page, &format!("An output of a kind that is not known here: {other:?}."));
            page.out.push_str("</div>");
        }
    }
}

fn push_error(page: &mut Writer, output: &Value) {
    let field = |name: &str| output.get(name).map(joined).unwrap_or_default();
    let parts: Vec<_> = ["ename", "evalue"].map(field).into_iter().filter(|part| !part.is_empty()).collect();
    let message = if parts.is_empty() { "Error".to_owned() } else { parts.join(": ") };
    page.out
        .push_str("<div class=\"output failure\" role=\"group\" aria-label=\"Error\"><p class=\"message\">");
    let first = message.lines().next().unwrap_or_default();
    page.out.push_str(&ansi::lines(&cut(first, 500)).concat());
    page.out.push_str("</p>");
    let traceback: Vec<Cow<'_, str>> = match output.get("traceback") {
        Some(Value::Array(parts)) => parts.iter().map(joined).collect(),
        Some(Value::String(whole)) => vec![Cow::Borrowed(whole)],
        _ => Vec::new(),
    };
    let traceback = if traceback.is_empty() { message } else { traceback.join("\n") };
    long::push_pre(&mut page.out, "text", &ansi::lines(&traceback));
    page.out.push_str("</div>");
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

fn push_bundle(page: &mut Writer, bundle: &Bundle<'_>, number: usize) {
    let choice = bundle.choice();
    if bundle.needs_the_network() && choice.is_some_and(|(_, kind)| kind.starts_with("text/")) {
        push_note(page, "Its interactive form loads scripts from the network, which this page does not.");
    }
    match choice {
        Some((name, kind)) => push_kind(page, bundle, name, kind, number),
        None => push_unknown(page, bundle),
    }
}

fn push_kind(page: &mut Writer, bundle: &Bundle<'_>, name: &str, kind: &str, number: usize) {
    let data = bundle.text(name);
    match kind {
        "text/html" => push_html(page, &data, number),
        "text/markdown" => {
            let html = page.shown(&data);
            page.out.push_str(&format!("<div class=\"prose\">{html}</div>"));
        }
        "text/latex" | "application/x-latex" => page.out.push_str(&math::of_output(&page.math, &data)),
        "application/json" | "application/geo+json" => json::push(&mut page.out, &bundle.data[name]),
        "application/pdf" => {
            let file = format!("cell-{number}.pdf");
            let is_read = image::push_file(&mut page.out, kind, &data, &file);
            note_unless(page, is_read, name);
        }
        "text/plain" => long::push_pre(&mut page.out, "text", &ansi::lines(&data)),
        image if image.starts_with("image/") => push_image(page, bundle, name, kind, number),
        _ => push_plot_data(page, bundle, name),
    }
}

fn push_html(page: &mut Writer, html: &str, number: usize) {
    match plain_html::plain(html) {
        Some(plain) => page.out.push_str(&format!("<div class=\"html\" tabindex=\"0\">{plain}</div>")),
        None => page.frames.push(&mut page.out, html, &format!("Output of cell {number}")),
    }
}

fn push_image(page: &mut Writer, bundle: &Bundle<'_>, name: &str, kind: &str, number: usize) {
    let data = bundle.text(name);
    let plain = bundle.text("text/plain");
    let said = plain.lines().next().map(|line| cut(line, 200)).unwrap_or_default();
    let words = if said.is_empty() { format!("Image of cell {number}") } else { said };
    let about = About { words: &words, metadata: bundle.about(name) };
    if kind == "image/svg+xml" {
        return image::push_drawing(&mut page.out, &data, &about);
    }
    let is_read = image::push_bitmap(&mut page.out, kind, &data, &about);
    note_unless(page, is_read, name);
}

/// The data of a plot that only a library from elsewhere could draw.
fn push_plot_data(page: &mut Writer, bundle: &Bundle<'_>, name: &str) {
    push_note(page, "This plot is drawn by a library that this page does not hold. This is its data.");
    json::push_folded(&mut page.out, &bundle.data[name], name);
    if bundle.data.contains_key("text/plain") {
        long::push_pre(&mut page.out, "text", &ansi::lines(&bundle.text("text/plain")));
    }
}

fn push_unknown(page: &mut Writer, bundle: &Bundle<'_>) {
    let kinds: Vec<&str> = bundle.data.keys().map(String::as_str).collect();
    push_note(page, &format!("This output cannot be shown here. Its kinds: {}.", kinds.join(", ")));
}

fn note_unless(page: &mut Writer, is_read: bool, kind: &str) {
    if !is_read {
        push_note(page, &format!("The data of this {kind} is damaged."));
    }
}

fn push_note(page: &mut Writer, words: &str) {
    page.out.push_str(&format!("<p class=\"note\">{}</p>", text::escaped(words)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The HTML of outputs, a line for each; frames without what every one has.
    fn shown(outputs: &[Value]) -> String {
        let lines = outputs.iter().map(|output| {
            let mut page = Writer::new();
            push_all(&mut page, std::slice::from_ref(output), 7);
            page.out.split("<!doctype html>").map(without_head).collect::<String>()
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    fn without_head(part: &str) -> &str {
        part.split_once("</head>").map_or(part, |(_, body)| body)
    }

    fn data(data: Value) -> Value {
        json!({ "output_type": "display_data", "data": data, "metadata": {} })
    }

    #[test]
    fn html_stands_in_the_page_or_in_a_frame() {
        insta::assert_snapshot!(shown(&[
            data(json!({ "text/html": "<table><tr><td>1</td></tr></table>", "text/plain": "1" })),
            data(json!({ "text/html": ["<style>td { color: red }</style>\n", "<p>&amp;\"</p>"] })),
            data(json!({ "text/html": "<p>x</p><script>draw()</script>" })),
            data(json!({ "text/html": "<p>x</p><script src=\"https://example.org/x.js\"></script>" })),
        ]));
    }

    #[test]
    fn words_and_formulas() {
        insta::assert_snapshot!(shown(&[
            data(json!({ "text/plain": "a <b>\n  \u{1b}[1mc\u{1b}[0m" })),
            data(json!({ "text/markdown": "# A *b*\n\n<script>x</script> $x$", "text/plain": "x" })),
            data(json!({ "text/latex": "$$x^2$$", "text/plain": "x" })),
            data(json!({ "application/x-latex": "\\[x\\]" })),
            data(json!({ "application/json": { "a": [1] }, "text/plain": "x" })),
        ]));
    }

    #[test]
    fn images_and_files() {
        insta::assert_snapshot!(shown(&[
            data(json!({ "image/png": "iVBO\nRw0=\n", "text/plain": "<Figure>" })),
            data(json!({ "image/jpeg": "/9j/" })),
            data(json!({ "image/gif": "R0lG" })),
            data(json!({ "image/webp": "UklG" })),
            data(json!({ "image/svg+xml": ["<svg>", "</svg>"], "image/png": "iVBO" })),
            data(json!({ "application/pdf": "JVBE" })),
            data(json!({ "image/png": "\"><script>" })),
            data(json!({ "application/pdf": "é" })),
        ]));
    }

    #[test]
    fn plots_that_need_the_network_give_their_picture_or_their_data() {
        let html = "<script src=\"https://cdn.example.org/vega.js\"></script>";
        insta::assert_snapshot!(shown(&[
            data(json!({ "text/html": html, "image/png": "iVBO", "text/plain": "alt.Chart(...)" })),
            data(
                json!({ "text/html": html, "application/vnd.vegalite.v5+json": { "mark": "bar" }, "text/plain": "alt.Chart(...)" })
            ),
            data(json!({ "text/html": html, "application/vnd.vega.v5+json": {} })),
            data(json!({ "text/html": html, "application/vnd.plotly.v1+json": { "data": [] } })),
            data(json!({ "text/html": html, "text/plain": "a widget" })),
        ]));
    }

    #[test]
    fn errors() {
        insta::assert_snapshot!(shown(&[
            json!({ "output_type": "error", "ename": "E", "evalue": "<b>\nmore", "traceback": ["\u{1b}[31mE\u{1b}[39m: b", "at x"] }),
            json!({ "output_type": "error", "ename": "E", "evalue": "v", "traceback": [] }),
            json!({ "output_type": "error" }),
        ]));
    }

    #[test]
    fn what_is_no_output_is_said() {
        insta::assert_snapshot!(shown(&[
            data(json!({ "application/x-a": 1, "application/<b>": 2 })),
            data(json!({})),
            json!({ "output_type": "display_data" }),
            json!({ "output_type": "<b>" }),
            json!(3),
        ]));
    }

    #[test]
    fn the_parts_of_a_stream_are_one_text() {
        let part = |name: &str, text: Value| json!({ "output_type": "stream", "name": name, "text": text });
        let mut page = Writer::new();
        push_all(
            &mut page,
            &[
                part("stdout", json!("50%")),
                part("stdout", json!(["\r100", "%\n"])),
                part("stderr", json!("w")),
            ],
            1,
        );
        insta::assert_snapshot!(page.out);
    }
}
