//! What cells show: JSON lists of outputs, as notebooks keep them, and their text.

use hozon_engine::CellOutcome;
use hozon_format::{Codec, Entry};
use hozon_store::{Lookup, Store};
use serde_json::Value;

/// What a run of a cell showed, or what is stored of it.
pub(super) fn displays_of(store: &Store, outcome: &CellOutcome) -> Vec<Value> {
    let text = outcome.displays.clone().or_else(|| stored(store, outcome));
    let value = text.and_then(|text| serde_json::from_str(&text).ok());
    match value {
        Some(Value::Array(outputs)) => outputs,
        _ => vec![],
    }
}

/// What the cells of a run show in the end, in the order of the outcomes, as notebooks keep it: displays are
/// as the last cell that updated them has left them.
///
/// `order` is that in which cells run.
pub(super) fn in_the_end(store: &Store, outcomes: &[CellOutcome], order: &[usize]) -> Vec<Vec<Value>> {
    let mut shown: Vec<_> = outcomes.iter().map(|outcome| displays_of(store, outcome)).collect();
    make_updates(&mut shown, order);
    shown
}

fn make_updates(shown: &mut [Vec<Value>], order: &[usize]) {
    for (rank, cell) in order.iter().enumerate() {
        let outputs = std::mem::take(&mut shown[*cell]);
        let (updates, others): (Vec<_>, Vec<_>) = outputs.into_iter().partition(is_update);
        shown[*cell] = others;
        for update in &updates {
            let before = order[..rank].iter();
            before.for_each(|cell| shown[*cell].iter_mut().for_each(|output| take_over(output, update)));
        }
    }
    // Notebooks keep no names of displays.
    for output in shown.iter_mut().flatten().filter_map(Value::as_object_mut) {
        output.remove("transient");
    }
}

fn take_over(output: &mut Value, update: &Value) {
    if is_update(output) || name_of(output).is_none_or(|name| name_of(update) != Some(name)) {
        return;
    }
    for field in ["data", "metadata"] {
        output[field] = update[field].clone();
    }
}

/// Tells whether an output only changes displays of cells before.
fn is_update(output: &Value) -> bool {
    output["output_type"] == "update_display_data"
}

fn name_of(output: &Value) -> Option<&str> {
    output["transient"]["display_id"].as_str()
}

/// What one cell shows as it runs. Its own displays are up to date: updates are for those of others.
pub(super) fn as_it_runs(mut outputs: Vec<Value>) -> Vec<Value> {
    let own: Vec<String> =
        outputs.iter().filter(|output| !is_update(output)).filter_map(name_of).map(str::to_owned).collect();
    outputs.retain(|output| {
        !is_update(output) || name_of(output).is_none_or(|name| !own.iter().any(|own| own == name))
    });
    outputs
}

fn stored(store: &Store, outcome: &CellOutcome) -> Option<String> {
    let Lookup::Hit(entry) = store.get(outcome.entry.as_ref()?) else { return None };
    displays_in(store, &entry)
}

fn displays_in(store: &Store, entry: &Entry) -> Option<String> {
    let output = entry.outputs.iter().find(|output| output.codec == Codec::Displays)?;
    let bytes = store.part(&output.payload).ok()?;
    String::from_utf8(bytes.as_slice().to_vec()).ok()
}

/// A piece of text and where a script would have written it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Text {
    Out(String),
    Err(String),
}

/// The text of an output: that of a stream, a value as plain text, a traceback.
pub(super) fn text_of(output: &Value) -> Option<Text> {
    match output["output_type"].as_str()? {
        "stream" => {
            let text = joined(&output["text"])?;
            Some(if output["name"] == "stderr" { Text::Err(text) } else { Text::Out(text) })
        }
        "error" => Some(Text::Err(error_text(output))),
        _ => shown_text(output["data"].as_object()?).map(|text| Text::Out(with_end(text))),
    }
}

/// Of what is no text, its kind stands for it.
fn shown_text(data: &serde_json::Map<String, Value>) -> Option<String> {
    let readable = ["text/plain", "text/markdown"].iter().find_map(|kind| joined(data.get(*kind)?));
    readable.or_else(|| data.keys().next().map(|kind| format!("[{kind}]")))
}

fn error_text(output: &Value) -> String {
    let lines = output["traceback"].as_array().map(Vec::as_slice).unwrap_or_default();
    if lines.is_empty() {
        let (name, value) = (&output["ename"], &output["evalue"]);
        let [name, value] = [name, value].map(|text| text.as_str().unwrap_or_default());
        return with_end(if value.is_empty() { name.to_owned() } else { format!("{name}: {value}") });
    }
    // Some writers end each line, some none.
    lines.iter().filter_map(Value::as_str).map(|line| with_end(line.to_owned())).collect()
}

/// A text of a notebook, which may be kept as a list of lines.
fn joined(text: &Value) -> Option<String> {
    match text {
        Value::String(text) => Some(text.clone()),
        Value::Array(lines) => Some(lines.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn with_end(text: String) -> String {
    if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn outputs_have_the_text_that_a_script_would_have_written() {
        let out = |text: &str| Some(Text::Out(text.to_owned()));
        let err = |text: &str| Some(Text::Err(text.to_owned()));
        let table = [
            (json!({"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]}), out("a\nb")),
            (json!({"output_type": "stream", "name": "stderr", "text": "w\n"}), err("w\n")),
            (
                json!({"output_type": "execute_result", "data": {"text/html": "<b>", "text/plain": "3"}}),
                out("3\n"),
            ),
            (json!({"output_type": "display_data", "data": {"image/png": "iVB"}}), out("[image/png]\n")),
            (json!({"output_type": "display_data", "data": {"text/markdown": ["# a"]}}), out("# a\n")),
            (
                json!({"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["one\n", "E: v"]}),
                err("one\nE: v\n"),
            ),
            (json!({"output_type": "error", "ename": "E", "evalue": "v", "traceback": []}), err("E: v\n")),
            (json!({"output_type": "display_data"}), None),
            (json!(7), None),
        ];
        for (output, expected) in table {
            assert_eq!(text_of(&output), expected, "{output}");
        }
    }

    fn named(kind: &str, name: &str, text: &str) -> Value {
        json!({"output_type": kind, "data": {"text/plain": text}, "metadata": {},
               "transient": {"display_id": name}})
    }

    fn texts(shown: &[Vec<Value>]) -> Vec<Vec<&str>> {
        fn text(output: &Value) -> Option<&str> {
            output["data"]["text/plain"].as_str()
        }
        shown.iter().map(|outputs| outputs.iter().filter_map(text).collect()).collect()
    }

    #[test]
    fn a_cell_updates_displays_of_the_cells_that_ran_before_it() {
        let display = |name, text| named("display_data", name, text);
        let update = |name, text| named("update_display_data", name, text);
        let mut shown = vec![
            vec![display("one", "late")],
            vec![display("one", "a"), display("two", "b")],
            vec![update("one", "c"), display("one", "own"), update("nobody", "d")],
            vec![update("two", "e")],
            vec![update("two", "f")],
        ];
        make_updates(&mut shown, &[1, 2, 3, 4, 0]);
        assert_eq!(texts(&shown), [vec!["late"], vec!["c", "f"], vec!["own"], vec![], vec![]]);
        assert!(shown.iter().flatten().all(|output| output.get("transient").is_none()), "{shown:?}");
    }

    #[test]
    fn a_cell_that_updates_its_own_display_prints_it_once() {
        let outputs = vec![
            named("display_data", "own", "2"),
            named("update_display_data", "own", "2"),
            named("update_display_data", "other", "3"),
        ];
        assert_eq!(texts(&[as_it_runs(outputs)]), [["2", "3"]]);
    }
}
