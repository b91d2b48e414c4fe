//! Plain scripts: each statement is a cell, a run of declarations together one.

use ruff_python_ast::Stmt;
use ruff_text_size::Ranged;

use super::cell::Cell;
use super::code::Privacy;
use super::declaration::is_declaration;
use super::text::{line_number, trimmed};
use super::{Notebook, NotebookFormat};
use crate::lines::Lines;
use crate::parse::{Dialect, with_tree};

/// The last line of a cell, and whether it holds declarations only.
struct Part {
    last_line: u32,
    is_declaration: bool,
}

/// Reads a script. One that does not parse is one cell.
pub(super) fn read(text: &str) -> Notebook {
    let lines: Vec<&str> = text.split('\n').collect();
    let parts = with_tree(text, Dialect::Python, |tree, index| parts(&tree.body, index));
    let mut ends: Vec<usize> = parts.into_iter().flatten().map(|part| part.last_line as usize).collect();
    // Comments behind the last statement stay with it.
    ends.pop();
    ends.push(lines.len());
    let mut cells = Vec::with_capacity(ends.len());
    let mut start = 0;
    for end in ends {
        let (kept, first_line) = trimmed(&lines[start..end], line_number(start));
        if !kept.is_empty() {
            cells.push(silent(Cell::python(kept.join("\n"), first_line, Privacy::Shared)));
        }
        start = end;
    }
    Notebook::new(NotebookFormat::Script, cells)
}

/// Python shows no values of a script's expressions.
fn silent(mut cell: Cell) -> Cell {
    if let Ok(code) = &mut cell.code
        && let Some(last) = &mut code.last_expression
    {
        last.suppressed = true;
    }
    cell
}

fn parts(body: &[Stmt], lines: &Lines) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for statement in body {
        let (first, last_line) = (lines.line(statement.start()), lines.line(statement.end()));
        let is_declaration = is_declaration(statement);
        match parts.last_mut() {
            // Statements of one line cannot be told apart by lines.
            Some(part) if part.last_line >= first || (part.is_declaration && is_declaration) => {
                part.is_declaration &= is_declaration;
                part.last_line = last_line;
            }
            _ => parts.push(Part { last_line, is_declaration }),
        }
    }
    parts
}
