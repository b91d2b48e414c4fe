//! Private names of a cell get names of their own, so that all cells can run in one namespace.

use std::collections::{BTreeMap, BTreeSet};

use hozon_format::Digest;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{ConversionFlag, InterpolatedElement, InterpolatedStringElement, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::edit::{self, Edit};
use crate::walk::{Occurrence, OccurrenceForm};

/// How the private names of one cell are called in what runs.
#[derive(Debug, Default)]
pub(super) struct Renaming {
    edits: Vec<Edit>,
    /// Each private name and the name that stands for it, sorted.
    pub(super) names: Vec<(String, String)>,
}

impl Renaming {
    pub(super) fn of(occurrences: &[Occurrence<'_>], digest: Digest, body: &[Stmt], text: &str) -> Self {
        let packages = occurrences.iter().filter(|it| it.form == OccurrenceForm::Package);
        let kept: BTreeSet<&str> = packages.map(|occurrence| occurrence.name).collect();
        let renamed: Vec<_> = occurrences.iter().filter(|it| !kept.contains(it.name)).collect();
        if renamed.is_empty() {
            return Self::default();
        }
        let suffix = &digest.to_string()[..8];
        let names: BTreeMap<&str, String> =
            renamed.iter().map(|it| (it.name, format!("{}_{suffix}", it.name))).collect();
        let mut edits: Vec<Edit> = renamed.iter().map(|it| edit_of(it, &names[it.name])).collect();
        edits.sort_by_key(|edit| edit.range.start());
        edits.dedup();
        keep_self_documentation(body, text, &mut edits);
        Self { edits, names: names.into_iter().map(|(old, new)| (old.to_owned(), new)).collect() }
    }

    /// Returns the text with the new names.
    pub(super) fn applied(&self, text: &str) -> String {
        edit::apply(text, self.edits.clone())
    }
}

fn edit_of(occurrence: &Occurrence<'_>, name: &str) -> Edit {
    match occurrence.form {
        OccurrenceForm::Import => {
            Edit { range: TextRange::empty(occurrence.range.end()), replacement: format!(" as {name}") }
        }
        OccurrenceForm::Name | OccurrenceForm::Package => {
            Edit { range: occurrence.range, replacement: name.to_owned() }
        }
    }
}

/// Lets `f"{_x=}"` show the name as its author wrote it.
fn keep_self_documentation(body: &[Stmt], text: &str, edits: &mut Vec<Edit>) {
    let mut finder = SelfDocumenting::default();
    finder.visit_body(body);
    for element in finder.0 {
        let range = element.expression.range();
        // `edits` is sorted up to here: those inside the expression are found without looking at all.
        let first = edits.partition_point(|edit| edit.range.start() < range.start());
        let is_renamed = edits.get(first).is_some_and(|edit| range.contains_range(edit.range));
        if is_renamed {
            edits.extend(documented_by_hand(element, text).into_iter().flatten());
            edits.sort_by_key(|edit| edit.range.start());
        }
    }
}

/// Returns the edits that make `x={x!r}` of `{x=}`; none where the expression cannot stand in a literal.
fn documented_by_hand(element: &InterpolatedElement, text: &str) -> Option<[Edit; 2]> {
    let inner = TextRange::new(element.start() + ruff_text_size::TextSize::from(1), element.expression.end());
    let expression = text.get(inner.to_std_range())?;
    let rest = text.get(element.expression.end().to_usize()..)?;
    let sign = rest.find('=')? + 1;
    let blank = rest[sign..].len() - rest[sign..].trim_start_matches([' ', '\t']).len();
    let shown = rest.get(..sign + blank)?;
    let is_plain = |part: &str| !part.contains(['"', '\'', '\\', '\n', '{', '}', '#']);
    if !is_plain(shown) || !is_plain(expression) || shown.contains(')') {
        return None;
    }
    let has_format = element.conversion != ConversionFlag::None || element.format_spec.is_some();
    let length = u32::try_from(shown.len()).ok()?;
    Some([
        Edit { range: TextRange::empty(element.start()), replacement: format!("{expression}{shown}") },
        Edit {
            range: TextRange::at(element.expression.end(), length.into()),
            replacement: if has_format { String::new() } else { "!r".to_owned() },
        },
    ])
}

#[derive(Default)]
struct SelfDocumenting<'a>(Vec<&'a InterpolatedElement>);

impl<'a> Visitor<'a> for SelfDocumenting<'a> {
    fn visit_interpolated_string_element(&mut self, element: &'a InterpolatedStringElement) {
        if let InterpolatedStringElement::Interpolation(interpolation) = element
            && interpolation.debug_text.is_some()
        {
            self.0.push(interpolation);
        }
        visitor::walk_interpolated_string_element(self, element);
    }
}
