//! The body of a `with` statement, which a cached block skips on a hit.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Comprehension, Expr, Stmt, StmtWith};
use ruff_text_size::{Ranged, TextSize};

use crate::bindings::Bindings;
use crate::error::SourceError;
use crate::fragment::Fragment;
use crate::lines::{Lines, Position};
use crate::normal::Normalizer;
use crate::notebook::query_variables;
use crate::walk::{Found, Walker};

/// The kind of scope that a statement runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScopeKind {
    /// A module or a notebook cell.
    Module,
    /// A function.
    Function,
    /// A class body.
    Class,
}

/// A `with` statement and one of its managers: what its body takes, gives, and where it may leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The statements of the body. Its reads are the names that it may read before it has given them a
    /// value itself, of the scope around it and of the module alike.
    pub body: Fragment,
    /// Names of the scope around it that the body may give a value, sorted. A name of `except … as` is
    /// here and in `deletes`.
    pub binds: Vec<String>,
    /// Names of the scope around it that the body may delete, sorted.
    pub deletes: Vec<String>,
    /// Names declared `global` around it that the body may give a value or delete, sorted.
    pub global_binds: Vec<String>,
    /// Names declared `nonlocal` around it that the body may give a value or delete, sorted.
    pub nonlocal_binds: Vec<String>,
    /// Where the first statement of the body starts.
    pub body_start: Position,
    /// Where the last statement of the body ends.
    pub body_end: Position,
    /// Where control may leave the body other than at its end or by an exception, in source order.
    pub escapes: Vec<Escape>,
    /// Names bound by the `as` of this manager.
    pub target_names: Vec<String>,
    /// Names bound by the `as` of the statement's other managers.
    pub other_target_names: Vec<String>,
    /// How many managers of the statement are entered before this one.
    pub managers_before: usize,
    /// How many managers of the statement are entered after this one.
    pub managers_after: usize,
    /// It is an `async with`.
    pub is_async: bool,
    /// The scope that the statement runs in.
    pub scope: ScopeKind,
}

/// A place where control may leave a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Escape {
    /// How it leaves.
    pub kind: EscapeKind,
    /// The line, from 1.
    pub line: u32,
}

/// How control leaves a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EscapeKind {
    /// `return`
    Return,
    /// `break` of a loop around the body.
    Break,
    /// `continue` of a loop around the body.
    Continue,
    /// `yield` or `yield from`: the body is suspended.
    Yield,
    /// `await`, `async for`, `async with`: other tasks run before the body ends.
    Await,
}

/// Why a block was not given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlockError {
    /// No `with` statement has a manager there.
    #[error("line {line}: no with statement has a context manager here")]
    NotFound {
        /// The line that was asked for.
        line: u32,
    },
    /// Several managers fit: the column was not told, or is that of a statement with several.
    #[error(
        "line {line}: several context managers fit; the place of the call that makes one tells them apart"
    )]
    Ambiguous {
        /// The line that was asked for.
        line: u32,
    },
    /// The text could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Finds the block one of whose managers covers the position.
pub(crate) fn block_at(
    body: &[Stmt],
    lines: &Lines,
    source: &str,
    line: u32,
    column: Option<u32>,
) -> Result<Block, BlockError> {
    let mut finder = Finder { lines, line, column, managers: Vec::new() };
    finder.visit_body(body);
    match finder.managers[..] {
        [] => Err(BlockError::NotFound { line }),
        [(with, index)] => read_block(body, lines, source, with, index).ok_or(BlockError::NotFound { line }),
        _ => Err(BlockError::Ambiguous { line }),
    }
}

/// Collects the managers that cover a position.
struct Finder<'a, 'n> {
    lines: &'n Lines,
    line: u32,
    column: Option<u32>,
    managers: Vec<(&'a StmtWith, usize)>,
}

impl Finder<'_, '_> {
    /// CPython 3.11 gives the start of the statement as the place where any of its managers is entered.
    fn covers(&self, with: &StmtWith, manager: &Expr) -> bool {
        let position = |offset| self.lines.position(offset);
        let (statement, start, end) =
            (position(with.start()), position(manager.start()), position(manager.end()));
        match self.column {
            Some(column) => {
                let wanted = Position { line: self.line, column };
                wanted == statement || (start <= wanted && wanted < end)
            }
            None => self.line == statement.line || (start.line <= self.line && self.line <= end.line),
        }
    }
}

impl<'a> Visitor<'a> for Finder<'a, '_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        if let Stmt::With(with) = statement {
            for (index, item) in with.items.iter().enumerate() {
                if self.covers(with, &item.context_expr) {
                    self.managers.push((with, index));
                }
            }
        }
        visitor::walk_stmt(self, statement);
    }

    /// No statement stands in an expression.
    fn visit_expr(&mut self, _: &'a Expr) {}
}

fn read_block(body: &[Stmt], lines: &Lines, source: &str, with: &StmtWith, index: usize) -> Option<Block> {
    let normalizer = Normalizer::new(source, body);
    let queries = query_variables(body, source);
    let mut walker = Walker::new(Bindings::of_body(body), None, lines);
    walker.queries = Some(&queries);
    walker.target = Some(with.range);
    walker.visit_body(body);
    let Found { collector, scope_kind, globals, nonlocals } = walker.found.take()?;
    let bindings = Bindings::of_body(&with.body);
    let elsewhere = |name: &&&str| globals.contains(**name) || nonlocals.contains(**name);
    let here = |name: &&&str| !elsewhere(name);
    let touched = || bindings.given_values.union(&bindings.deleted);
    Some(Block {
        body: collector.finish(normalizer.statements(&with.body)),
        binds: owned(bindings.given_values.iter().filter(here)),
        deletes: owned(bindings.deleted.iter().filter(here)),
        global_binds: owned(touched().filter(|name| globals.contains(**name))),
        nonlocal_binds: owned(touched().filter(|name| nonlocals.contains(**name))),
        body_start: lines.position(with.body.first()?.start()),
        body_end: lines.position(with.body.last()?.end()),
        escapes: escapes(&with.body, lines),
        target_names: target_names(with, |other| other == index),
        other_target_names: target_names(with, |other| other != index),
        managers_before: index,
        managers_after: with.items.len().saturating_sub(index + 1),
        is_async: with.is_async,
        scope: scope_kind.into(),
    })
}

fn owned<'s>(names: impl Iterator<Item = &'s &'s str>) -> Vec<String> {
    names.map(|name| (*name).to_owned()).collect()
}

fn target_names(with: &StmtWith, wanted: impl Fn(usize) -> bool) -> Vec<String> {
    let mut bindings = Bindings::default();
    for (index, item) in with.items.iter().enumerate() {
        if let Some(target) = item.optional_vars.as_deref().filter(|_| wanted(index)) {
            bindings.visit_expr(target);
        }
    }
    owned(bindings.given_values.iter())
}

/// Returns the places where control may leave `body`, in source order; those of functions in it are their own.
pub(crate) fn escapes(body: &[Stmt], lines: &Lines) -> Vec<Escape> {
    let mut finder = Escapes { lines, loops: 0, found: Vec::new() };
    finder.visit_body(body);
    finder.found.sort_by_key(|(offset, _)| *offset);
    finder.found.into_iter().map(|(_, escape)| escape).collect()
}

/// Collects the places where control may leave, not entering functions: what they do is their own.
struct Escapes<'n> {
    lines: &'n Lines,
    /// How many loops inside the body surround this place.
    loops: usize,
    found: Vec<(TextSize, Escape)>,
}

impl Escapes<'_> {
    fn note(&mut self, kind: EscapeKind, place: TextSize) {
        self.found.push((place, Escape { kind, line: self.lines.line(place) }));
    }

    fn repeated<'a>(&mut self, body: &'a [Stmt], orelse: &'a [Stmt]) {
        self.loops += 1;
        self.visit_body(body);
        self.loops -= 1;
        self.visit_body(orelse);
    }
}

impl<'a> Visitor<'a> for Escapes<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        let place = statement.start();
        match statement {
            Stmt::FunctionDef(function) => {
                function.decorator_list.iter().for_each(|decorator| self.visit_decorator(decorator));
                let parameters = function.parameters.iter_non_variadic_params();
                parameters
                    .filter_map(|parameter| parameter.default())
                    .for_each(|default| self.visit_expr(default));
                return;
            }
            Stmt::For(repetition) => {
                if repetition.is_async {
                    self.note(EscapeKind::Await, place);
                }
                self.visit_expr(&repetition.iter);
                return self.repeated(&repetition.body, &repetition.orelse);
            }
            Stmt::While(repetition) => {
                self.visit_expr(&repetition.test);
                return self.repeated(&repetition.body, &repetition.orelse);
            }
            Stmt::Return(_) => self.note(EscapeKind::Return, place),
            Stmt::Break(_) if self.loops == 0 => self.note(EscapeKind::Break, place),
            Stmt::Continue(_) if self.loops == 0 => self.note(EscapeKind::Continue, place),
            Stmt::With(with) if with.is_async => self.note(EscapeKind::Await, place),
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Yield(_) | Expr::YieldFrom(_) => self.note(EscapeKind::Yield, expression.start()),
            Expr::Await(_) => self.note(EscapeKind::Await, expression.start()),
            Expr::Lambda(lambda) => {
                let parameters = lambda.parameters.iter().flat_map(|it| it.iter_non_variadic_params());
                return parameters
                    .filter_map(|parameter| parameter.default())
                    .for_each(|default| self.visit_expr(default));
            }
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }

    fn visit_comprehension(&mut self, comprehension: &'a Comprehension) {
        if comprehension.is_async {
            self.note(EscapeKind::Await, comprehension.start());
        }
        visitor::walk_comprehension(self, comprehension);
    }
}
