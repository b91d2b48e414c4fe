//! JSON as a tree that folds.

use serde_json::Value;

use super::{long, text};

/// A larger value is written as text.
const MOST_NODES: usize = 5000;
/// Deeper parts are written in one line.
const DEEPEST: usize = 32;
/// Parts down to here are open at first, if the whole is small.
const OPEN_DEPTH: usize = 1;
const OPEN_NODES: usize = 60;

/// Appends `value`.
pub(super) fn push(out: &mut String, value: &Value) {
    let nodes = count(value, MOST_NODES + 1);
    if nodes > MOST_NODES {
        return push_folded(out, value, "JSON");
    }
    let open = if nodes <= OPEN_NODES { DEEPEST } else { OPEN_DEPTH };
    out.push_str("<div class=\"json\">");
    push_node(out, value, 0, open);
    out.push_str("</div>");
}

/// Appends `value` as text that is folded away, under a caption.
pub(super) fn push_folded(out: &mut String, value: &Value, caption: &str) {
    let pretty = serde_json::to_string_pretty(value).unwrap_or_default();
    let lines: Vec<String> = pretty.split_inclusive('\n').map(text::escaped).collect();
    out.push_str(&format!("<details class=\"fold\"><summary>{}</summary>", text::escaped(caption)));
    long::push_pre(out, "text", &lines);
    out.push_str("</details>");
}

/// The number of values in a value, at most `most`.
fn count(value: &Value, most: usize) -> usize {
    let mut waiting = vec![value];
    let mut nodes = 0;
    while let Some(value) = waiting.pop() {
        nodes += 1;
        if nodes >= most {
            break;
        }
        match value {
            Value::Array(items) => waiting.extend(items.iter().take(most)),
            Value::Object(fields) => waiting.extend(fields.values().take(most)),
            _ => {}
        }
    }
    nodes
}

fn push_node(out: &mut String, value: &Value, depth: usize, open: usize) {
    match value {
        Value::Array(items) if !items.is_empty() && depth < DEEPEST => {
            let said = said(items.len(), "item", "items");
            push_branch(out, ('[', ']'), &said, depth < open, |out| {
                items.iter().for_each(|item| push_row(out, None, item, depth + 1, open));
            });
        }
        Value::Object(fields) if !fields.is_empty() && depth < DEEPEST => {
            let said = said(fields.len(), "key", "keys");
            push_branch(out, ('{', '}'), &said, depth < open, |out| {
                fields.iter().for_each(|(key, item)| push_row(out, Some(key), item, depth + 1, open));
            });
        }
        Value::String(words) => push_leaf(out, "s", &Value::String(words.clone())),
        Value::Number(_) => push_leaf(out, "n", value),
        _ => push_leaf(out, "k", value),
    }
}

fn push_leaf(out: &mut String, class: &str, value: &Value) {
    out.push_str(&format!("<span class=\"{class}\">{}</span>", text::escaped(&value.to_string())));
}

fn push_row(out: &mut String, key: Option<&str>, value: &Value, depth: usize, open: usize) {
    out.push_str("<li>");
    if let Some(key) = key {
        out.push_str(&format!("<span class=\"key\">{}</span>: ", text::escaped(key)));
    }
    push_node(out, value, depth, open);
    out.push_str("</li>");
}

fn push_branch(
    out: &mut String,
    brackets: (char, char),
    said: &str,
    open: bool,
    inner: impl FnOnce(&mut String),
) {
    let open = if open { " open" } else { "" };
    let (left, right) = brackets;
    out.push_str(&format!("<details{open}><summary>{left}<small> {said} </small>{right}</summary><ul>"));
    inner(out);
    out.push_str("</ul></details>");
}

fn said(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_tree() {
        let mut out = String::new();
        push(&mut out, &json!({ "a<b": [1, "x\"</script>"] }));
        insta::assert_snapshot!(out);
    }

    #[test]
    fn large_and_deep_values() {
        let mut out = String::new();
        push(&mut out, &json!(vec![1; MOST_NODES]));
        assert!(out.starts_with("<details class=\"fold\">"));
        let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
        out.clear();
        push(&mut out, &deep);
        assert_eq!(out.matches("<details").count(), DEEPEST);
    }
}
