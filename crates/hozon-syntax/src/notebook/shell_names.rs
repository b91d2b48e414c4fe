//! Names that IPython's shell gives to what cells have shown (`_`, `_3`, `Out[3]`) and to their sources (`In`,
//! `_i`). A cell that one of them may mean keeps the value that it shows under the name `_3`, and cells that read
//! it depend on that as on any other variable. Notebooks that read none of them are as they were.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use hozon_format::{Digest, Hasher};
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ExprSubscript, Stmt};

use super::cell::Cell;
use super::code::CellCode;
use crate::fragment::Read;
use crate::parse::{Dialect, with_tree};

/// The last values shown, and how far back each name may reach.
const LAST_SHOWN: [(&str, usize); 5] =
    [("_", 1), ("__", 2), ("___", 3), ("Out", usize::MAX), ("_oh", usize::MAX)];

/// The sources of the cells before.
const SOURCES: [&str; 5] = ["In", "_ih", "_i", "_ii", "_iii"];

/// Returns how many of the last values shown a name may mean; none if it is no such name.
pub fn shown_values_meant(name: &str) -> Option<usize> {
    LAST_SHOWN.iter().find(|(known, _)| *known == name).map(|(_, count)| *count)
}

/// Gives the cells what the others of their notebook read by the names of the shell.
pub(super) fn resolve(cells: &mut [Cell]) {
    let numbers = numbers(cells);
    let mut asked = Asked::default();
    for (index, number) in numbers.iter().enumerate() {
        asked.note_reads(&mut cells[index], index, *number);
    }
    for (index, number) in numbers.iter().enumerate() {
        if asked.shown.contains(number) || *number < asked.shown_before {
            keep_shown(&mut cells[index], *number, &asked.bound);
        }
    }
    if let Some(first) = asked.first_of_sources {
        give_sources(cells, first);
    }
}

/// The number that each cell has in a run from top to bottom; 0 for those that do not run.
fn numbers(cells: &[Cell]) -> Vec<usize> {
    let mut count = 0;
    let number = |cell: &Cell| {
        let runs = cell.is_code() && !cell.text.trim().is_empty();
        count += usize::from(runs);
        if runs { count } else { 0 }
    };
    cells.iter().map(number).collect()
}

/// What cells read by names that no cell before them gives.
#[derive(Default)]
struct Asked {
    /// The names that cells have bound so far.
    bound: HashSet<String>,
    /// The numbers of cells whose values are read by them.
    shown: BTreeSet<usize>,
    /// The values of all cells with lower numbers may be read.
    shown_before: usize,
    /// The first cell that reads sources.
    first_of_sources: Option<usize>,
}

impl Asked {
    fn note_reads(&mut self, cell: &mut Cell, index: usize, number: usize) {
        let Ok(code) = &mut cell.code else { return };
        let is_free = |name: &str| name.starts_with('_') || name == "In" || name == "Out";
        let names: BTreeSet<String> = code.reads.iter().map(|read| read.path[0].clone()).collect();
        for name in names.iter().filter(|name| is_free(name) && !self.bound.contains(*name)) {
            if matches!(name.as_str(), "Out" | "_oh")
                && let Some(numbers) = only_numbers_of(name, &cell.source)
            {
                code.read_shown(name, &numbers);
                self.shown.extend(numbers);
            } else if shown_values_meant(name).is_some() {
                // A function may be called later.
                let before = if code.immediate_reads.contains(name) { number } else { usize::MAX };
                self.shown_before = self.shown_before.max(before);
            } else if let Some(number) = number_in(name, "_") {
                self.shown.insert(number);
            } else if SOURCES.contains(&name.as_str()) || number_in(name, "_i").is_some() {
                self.first_of_sources.get_or_insert(index);
            }
        }
        self.bound.extend(code.binds.iter().cloned());
    }
}

impl CellCode {
    /// Notes that it reads shown values by their numbers, and not by a name for all of them.
    fn read_shown(&mut self, name: &str, numbers: &BTreeSet<usize>) {
        let is_immediate = self.immediate_reads.remove(name);
        self.reads.retain(|read| read.path[0] != name);
        for number in numbers {
            let own = format!("_{number}");
            self.reads.push(Read { path: vec![own.clone()], bare: true });
            if is_immediate {
                self.immediate_reads.insert(own);
            }
        }
        self.reads.sort_unstable();
        self.reads.dedup();
    }
}

/// Has a cell keep the value that it shows.
fn keep_shown(cell: &mut Cell, number: usize, bound: &HashSet<String>) {
    let name = format!("_{number}");
    let Ok(code) = &mut cell.code else { return };
    let shows = code.last_expression.as_ref().is_some_and(|last| !last.suppressed);
    if number == 0 || !shows || bound.contains(&name) {
        return;
    }
    code.binds.push(name.clone());
    code.binds.sort_unstable();
    code.only_declarations = false;
    cell.shown_as = Some(name);
}

/// Has all cells from the first that reads sources on depend on those before them.
fn give_sources(cells: &mut [Cell], first: usize) {
    let mut hasher = Hasher::in_domain("hozon 2026 sources of cells, version 1");
    for (index, cell) in cells.iter_mut().enumerate() {
        let text = Digest::of(cell.text.as_bytes());
        if cell.is_code() && !cell.text.trim().is_empty() {
            hasher.update(text.as_bytes());
        }
        cell.sources = (index >= first).then(|| hasher.finish());
    }
}

/// Reads the number of `_3`, or of `_i3`.
fn number_in(name: &str, mark: &str) -> Option<usize> {
    let digits = name.strip_prefix(mark)?;
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    if is_plain { digits.parse().ok() } else { None }
}

/// Returns the numbers by which a text reads `Out`; none if it is read in any other way.
fn only_numbers_of(name: &str, text: &str) -> Option<BTreeSet<usize>> {
    let mut finder = Numbers { name, read: 0, numbers: BTreeMap::new() };
    with_tree(text, Dialect::Ipython, |tree, _| finder.visit_body(&tree.body)).ok()?;
    let known: usize = finder.numbers.values().sum();
    (known == finder.read).then(|| finder.numbers.into_keys().collect())
}

/// Counts how a name is read: at all, and by the numbers that stand in brackets behind it.
struct Numbers<'n> {
    name: &'n str,
    read: usize,
    numbers: BTreeMap<usize, usize>,
}

impl Numbers<'_> {
    fn number_of(&self, subscript: &ExprSubscript) -> Option<usize> {
        let is_it = subscript.value.as_name_expr().is_some_and(|it| it.id.as_str() == self.name);
        let number = subscript.slice.as_number_literal_expr().filter(|_| is_it)?;
        number.value.as_int()?.as_usize()
    }
}

impl<'a> Visitor<'a> for Numbers<'_> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(it) if it.id.as_str() == self.name => self.read += 1,
            Expr::Subscript(subscript) if subscript.ctx.is_load() => {
                if let Some(number) = self.number_of(subscript) {
                    *self.numbers.entry(number).or_default() += 1;
                }
            }
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }

    fn visit_stmt(&mut self, statement: &'a Stmt) {
        visitor::walk_stmt(self, statement);
    }
}
