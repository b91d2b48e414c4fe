//! marimo notebooks that do not parse as a whole: split at the lines that begin cells, so that only the
//! cells at fault are bad.

use super::cell::{Cell, CellKind};
use super::code::Privacy;
use super::dedent::{StringLines, dedented, indentation};
use super::marimo::Reading;
use super::text::{line_number, trimmed};

/// What a line that begins a cell begins with.
const BEGINNINGS: [&str; 6] = [
    "@app.cell",
    "@app.function",
    "@app.class_definition",
    "with app.setup",
    "app._unparsable_cell(",
    "if __name__ ==",
];

/// Reads the notebook part by part.
pub(super) fn read(text: &str, reading: &mut Reading) {
    let lines: Vec<&str> = text.split('\n').collect();
    let begins = |line: &str| BEGINNINGS.iter().any(|beginning| line.starts_with(beginning));
    let begin = lines.iter().enumerate().filter(|(_, line)| begins(line)).map(|(index, _)| index);
    let starts: Vec<usize> = std::iter::once(0).chain(begin.filter(|index| *index > 0)).collect();
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    for (start, end) in starts.iter().copied().zip(ends) {
        let part = &lines[start..end];
        let is_read = reading.read_part(&part.join("\n"), line_number(start) - 1).is_ok();
        if !is_read && start > 0 && !reading.is_over {
            reading.cells.push(bad_cell(part, start));
        } else if !is_read && start == 0 {
            reading.read_preamble(part);
        }
    }
}

/// Makes a cell of a part that does not parse, as well as its lines tell.
fn bad_cell(lines: &[&str], start: usize) -> Cell {
    let is_function = |line: &&str| line.starts_with("def ") || line.starts_with("async def ");
    let Some(header) = lines.iter().position(is_function) else {
        let cell = cell_of(lines, start);
        return Cell { kind: CellKind::Unparsable, ..cell };
    };
    let is_end = |line: &&str| line.split(" #").next().unwrap_or_default().trim_end().ends_with(':');
    let body = header + lines[header..].iter().position(is_end).unwrap_or_default() + 1;
    let cell = cell_of(without_return(&lines[body..]), start + body);
    let name = lines[header].trim_start_matches("async ").trim_start_matches("def ").split('(').next();
    Cell { name: name.filter(|name| !["_", "__"].contains(name)).map(str::to_owned), ..cell }
}

/// Leaves the last `return` of a body out.
fn without_return<'l, 't>(lines: &'l [&'t str]) -> &'l [&'t str] {
    let Some(first) = lines.iter().find(|line| !line.trim().is_empty()) else { return lines };
    let margin = indentation(first);
    let is_return = |line: &&str| {
        let rest = line.strip_prefix(margin).and_then(|line| line.strip_prefix("return"));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '(']))
    };
    &lines[..lines.iter().rposition(is_return).unwrap_or(lines.len())]
}

fn cell_of(lines: &[&str], start: usize) -> Cell {
    let text = dedented(lines, line_number(start), &StringLines::default());
    let lines: Vec<&str> = text.split('\n').collect();
    let (kept, first_line) = trimmed(&lines, line_number(start));
    Cell::python(kept.join("\n"), first_line, Privacy::Private)
}
