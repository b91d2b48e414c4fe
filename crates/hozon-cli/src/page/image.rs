//! Images and files of outputs, as data in the page.

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use serde_json::Value;

use super::text;

/// Reads base64 with its padding or without, as programs write both.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes of an output that are written as base64, in the spelling that data addresses have.
fn canonical(data: &str) -> Option<String> {
    let compact: String = data.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    let bytes = LENIENT.decode(compact).ok().filter(|bytes| !bytes.is_empty())?;
    Some(STANDARD.encode(bytes))
}

/// Appends an image; false if `data` is no base64.
pub(super) fn push_bitmap(out: &mut String, mime: &str, data: &str, about: &About<'_>) -> bool {
    let Some(data) = canonical(data) else { return false };
    push_image(out, mime, &data, about);
    true
}

/// Appends a drawing. As an image it cannot run scripts, and loads nothing.
pub(super) fn push_drawing(out: &mut String, svg: &str, about: &About<'_>) {
    const NAMESPACE: &str = "xmlns=\"http://www.w3.org/2000/svg\"";
    // An image must say what it is; a drawing inside of HTML need not.
    let data = if svg.contains("http://www.w3.org/2000/svg") {
        STANDARD.encode(svg)
    } else {
        STANDARD.encode(svg.replacen("<svg", &format!("<svg {NAMESPACE}"), 1))
    };
    push_image(out, "image/svg+xml", &data, about);
}

/// Appends a link that saves a file; false if `data` is no base64.
pub(super) fn push_file(out: &mut String, mime: &str, data: &str, name: &str) -> bool {
    let Some(data) = canonical(data) else { return false };
    let size = crate::words::size(data.len() as u64 / 4 * 3);
    out.push_str(&format!(
        "<p><a class=\"file\" download=\"{name}\" href=\"data:{mime};base64,{data}\">{name} <small>{size}</small></a></p>",
        name = text::escaped(name),
        mime = text::escaped(mime),
    ));
    true
}

/// What is known of an image beside its data.
pub(super) struct About<'a> {
    pub(super) words: &'a str,
    /// The metadata of its kind: `width` and `height`, if they are given.
    pub(super) metadata: Option<&'a Value>,
}

fn push_image(out: &mut String, mime: &str, data: &str, about: &About<'_>) {
    out.push_str(&format!("<img class=\"image\" alt=\"{}\"", text::escaped(about.words)));
    for side in ["width", "height"] {
        let pixels = about.metadata.and_then(|metadata| metadata.get(side)).and_then(Value::as_u64);
        if let Some(pixels) = pixels.filter(|pixels| *pixels <= 10_000) {
            out.push_str(&format!(" {side}=\"{pixels}\""));
        }
    }
    out.push_str(&format!(" src=\"data:{};base64,{data}\">", text::escaped(mime)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_image_is_data_and_nothing_else() {
        let mut out = String::new();
        let metadata = json!({ "width": 12, "height": "1\" onload=\"x" });
        let about = About { words: "\"><script>", metadata: Some(&metadata) };
        assert!(push_bitmap(&mut out, "image/png", "iVBO\nRw0\n", &about));
        assert_eq!(
            out,
            "<img class=\"image\" alt=\"&quot;&gt;&lt;script&gt;\" width=\"12\" src=\"data:image/png;base64,iVBORw0=\">"
        );
        for data in ["", "a\" onerror=\"x", "é", "*"] {
            assert!(!push_bitmap(&mut out, "image/png", data, &about), "{data}");
        }
    }

    #[test]
    fn a_drawing_gets_its_namespace() {
        let mut out = String::new();
        push_drawing(&mut out, "<svg></svg>", &About { words: "", metadata: None });
        let data = out.split("base64,").nth(1).unwrap().trim_end_matches("\">");
        let svg = STANDARD.decode(data).unwrap();
        assert_eq!(String::from_utf8(svg).unwrap(), "<svg xmlns=\"http://www.w3.org/2000/svg\"></svg>");
    }
}
