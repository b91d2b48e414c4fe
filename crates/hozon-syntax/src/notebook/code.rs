//! What the code of one cell takes and gives.

use std::collections::BTreeSet;

use hozon_format::Digest;
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, Stmt};
use ruff_text_size::{Ranged, TextSize};

use super::declaration::{consists_of, is_declaration, is_definition, is_import};
use super::markdown;
use super::names::{self, BoundNames};
use super::queries::Queries;
use super::renaming::Renaming;
use super::sql::SqlTables;
use crate::bindings::Bindings;
use crate::block::{self, Escape, EscapeKind};
use crate::error::SourceError;
use crate::fragment::{Fragment, Import, Read};
use crate::lines::Lines;
use crate::normal::Normalizer;
use crate::parse::{Dialect, with_tree};
use crate::walk::{CellNotes, Walker, is_private};

/// What the code of one cell takes and gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellCode {
    /// The digest of the syntax tree, private names as their author wrote them: where a cell stands does not count.
    pub digest: Digest,
    /// The names that it may read before it gives them a value itself, those that its functions read when
    /// they are called too; sorted. Builtins are among them.
    pub reads: Vec<Read>,
    /// First names of `reads` that are read by code outside of function bodies.
    pub immediate_reads: BTreeSet<String>,
    /// The names that it may give a value, sorted.
    pub binds: Vec<String>,
    /// The names of `binds` that have a value at its end, whatever way it takes; sorted.
    pub surely_binds: Vec<String>,
    /// The names that it may delete, sorted.
    pub deletes: Vec<String>,
    /// The names that have no value at its end, whatever way it takes; sorted.
    pub surely_deletes: Vec<String>,
    /// The names whose value it may change in place, sorted.
    pub mutates: Vec<String>,
    /// The imports that run in it, in the functions and classes inside it too; sorted.
    pub imports: Vec<Import>,
    /// It imports `*` from somewhere, or a magic gives it names that its text does not show.
    pub star_import: bool,
    /// The names that it binds by `def` and `class` and in no other way, sorted.
    pub definitions: Vec<String>,
    /// It may read names that cannot be seen in its text.
    pub uses_dynamic_names: bool,
    /// What it uses to run code that its text does not show; sorted.
    pub unseen: Vec<String>,
    /// It awaits something itself: `await`, `async for`, `async with` outside of functions.
    pub is_async: bool,
    /// Its last statement, if that is an expression.
    pub last_expression: Option<LastExpression>,
    /// It holds imports and nothing else, and at least one.
    pub only_imports: bool,
    /// It holds definitions of functions and classes and nothing else, and at least one.
    pub only_definitions: bool,
    /// It holds nothing that takes time or has an effect, and at least one statement: imports, definitions,
    /// names for literals, texts.
    pub only_declarations: bool,
}

/// The expression that a cell ends with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastExpression {
    /// The line of the cell's text that it starts on, from 1.
    pub line: u32,
    /// Its value is not shown: it is followed by `;`, or stands in a script.
    pub suppressed: bool,
}

/// Whether names with one leading underscore belong to the cell alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Privacy {
    /// Every name is the notebook's.
    Shared,
    /// As marimo has it.
    Private,
}

/// What the text of a cell says.
pub(super) struct ReadCode {
    pub(super) code: CellCode,
    /// What gives its private names names of their own.
    pub(super) renaming: Renaming,
    /// The text that it shows, if it does nothing but show a literal one.
    pub(super) markdown: Option<String>,
    /// What its SQL does to tables.
    pub(super) tables: SqlTables,
}

/// Reads the code of a cell.
pub(super) fn read(text: &str, dialect: Dialect, privacy: Privacy) -> Result<ReadCode, SourceError> {
    with_tree(text, dialect, |tree, lines| {
        let escapes = block::escapes(&tree.body, lines);
        let star = StarImport::of(&tree.body).filter(|_| privacy == Privacy::Private);
        let forbidden = star.map(|place| SourceError::Syntax {
            line: lines.line(place),
            message: "importing symbols with `import *` is not allowed in marimo".to_owned(),
        });
        match escapes.iter().find_map(misplaced).or(forbidden) {
            Some(error) => Err(error),
            None => Ok(read_tree(&tree.body, text, lines, privacy, !escapes.is_empty())),
        }
    })?
}

/// Finds `from module import *`: marimo's cells become functions, which cannot hold it.
#[derive(Default)]
struct StarImport(Option<TextSize>);

impl StarImport {
    fn of(body: &[Stmt]) -> Option<TextSize> {
        let mut finder = Self::default();
        finder.visit_body(body);
        finder.0
    }
}

impl<'a> Visitor<'a> for StarImport {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::ImportFrom(import) if import.names.iter().any(|alias| &*alias.name == "*") => {
                self.0.get_or_insert(import.start());
            }
            _ => visitor::walk_stmt(self, statement),
        }
    }

    /// No statement stands in an expression.
    fn visit_expr(&mut self, _: &'a Expr) {}
}

/// Returns the fault of a statement that stands where Python does not take it.
fn misplaced(escape: &Escape) -> Option<SourceError> {
    let message = match escape.kind {
        EscapeKind::Return => "'return' outside function",
        EscapeKind::Yield => "'yield' outside function",
        EscapeKind::Break => "'break' outside loop",
        EscapeKind::Continue => "'continue' not properly in loop",
        EscapeKind::Await => return None,
    };
    Some(SourceError::Syntax { line: escape.line, message: message.to_owned() })
}

fn read_tree(body: &[Stmt], text: &str, lines: &Lines, privacy: Privacy, is_async: bool) -> ReadCode {
    let mut bindings = Bindings::of_body(body);
    if text.contains("global") {
        names::add_global_bindings(body, &mut bindings);
    }
    let mut bound = BoundNames::of(&bindings, body);
    if privacy == Privacy::Private {
        // `x: int` alone makes `x` the cell's in marimo.
        bound.add_declared(&bindings);
    }
    let mut walker = Walker::new(bindings, None, lines);
    let queries = Queries::of(body, text, privacy);
    walker.queries = Some(&queries.variables);
    walker.cell = Some(CellNotes::default());
    walker.start_region();
    walker.visit_body(body);
    let flow = walker.scopes.top().and_then(|scope| scope.flow.clone()).unwrap_or_default();
    let digest = Normalizer::new(text, body).statements(body);
    let fragment = walker.finish_region().finish(digest);
    let notes = walker.cell.take().unwrap_or_default();
    let surely_binds = bound.binds.iter().filter(|name| flow.has(name) && !bound.deletes.contains(name));
    let surely_binds = surely_binds.cloned().collect();
    let mut code = CellCode { surely_binds, is_async, ..CellCode::of_parts(fragment, bound) };
    code.immediate_reads = notes.immediate.iter().map(|name| (*name).to_owned()).collect();
    code.mutates = names::mutated(body);
    code.last_expression = last_expression(body, text, lines);
    code.only_imports = consists_of(body, is_import);
    code.only_definitions = consists_of(body, is_definition);
    code.only_declarations = consists_of(body, is_declaration);
    code.leave_out_what_is_its_own(privacy);
    let renaming = match privacy {
        Privacy::Shared => Renaming::default(),
        Privacy::Private => Renaming::of(&notes.private, digest, body, text),
    };
    ReadCode { code, renaming, markdown: markdown::shown_literal(body), tables: queries.tables }
}

impl CellCode {
    /// Of a cell without code.
    pub(super) fn nothing() -> Self {
        let digest = Normalizer::new("", &[]).statements(&[]);
        Self::of_digest(digest)
    }

    /// Of a cell in another language, of which nothing is known but its text.
    pub(super) fn opaque(text: &str) -> Self {
        const DOMAIN: &str = "hozon 2026 text of a notebook cell in another language, version 1";
        let digest = hozon_format::Hasher::in_domain(DOMAIN).update(text.as_bytes()).finish();
        Self { uses_dynamic_names: true, ..Self::of_digest(digest) }
    }

    fn of_digest(digest: Digest) -> Self {
        let (reads, imports, unseen) = (Vec::new(), Vec::new(), Vec::new());
        let fragment =
            Fragment { digest, reads, imports, uses_dynamic_names: false, unseen, attributes: [].into() };
        Self::of_parts(fragment, BoundNames::default())
    }

    fn of_parts(fragment: Fragment, bound: BoundNames) -> Self {
        Self {
            digest: fragment.digest,
            reads: fragment.reads,
            immediate_reads: BTreeSet::new(),
            binds: bound.binds,
            surely_binds: Vec::new(),
            deletes: bound.deletes,
            surely_deletes: bound.surely_deletes,
            mutates: Vec::new(),
            star_import: fragment.imports.iter().any(|import| import.bound_as == "*"),
            imports: fragment.imports,
            definitions: bound.definitions,
            uses_dynamic_names: fragment.uses_dynamic_names,
            unseen: fragment.unseen,
            is_async: false,
            last_expression: None,
            only_imports: false,
            only_definitions: false,
            only_declarations: false,
        }
    }

    /// Adds what magics give: some names, and possibly more that no text shows.
    pub(super) fn with_magics(mut self, names: Vec<String>, gives_unseen: bool) -> Self {
        self.star_import |= gives_unseen;
        for own in [&mut self.binds, &mut self.surely_binds] {
            own.extend(names.iter().cloned());
            own.sort_unstable();
            own.dedup();
        }
        self
    }

    /// Takes away what it does to names: it runs in a namespace that is thrown away.
    pub(super) fn keeping_nothing(mut self) -> Self {
        self.bound_names().into_iter().for_each(Vec::clear);
        self
    }

    /// Leaves the cell's private names out, and what it changes that no other cell can see.
    fn leave_out_what_is_its_own(&mut self, privacy: Privacy) {
        if privacy == Privacy::Private {
            self.reads.retain(|read| !is_private(&read.path[0]));
            self.immediate_reads.retain(|name| !is_private(name));
            for names in self.bound_names() {
                names.retain(|name| !is_private(name));
            }
        }
        let seen: BTreeSet<&str> = self.reads.iter().map(|read| read.path[0].as_str()).collect();
        let binds = &self.binds;
        self.mutates.retain(|name| seen.contains(name.as_str()) || binds.binary_search(name).is_ok());
    }

    fn bound_names(&mut self) -> [&mut Vec<String>; 5] {
        let definitions = &mut self.definitions;
        [&mut self.binds, &mut self.surely_binds, &mut self.deletes, &mut self.surely_deletes, definitions]
    }
}

fn last_expression(body: &[Stmt], text: &str, lines: &Lines) -> Option<LastExpression> {
    let expression = body.last()?.as_expr_stmt()?;
    let rest = text.get(expression.end().to_usize()..).unwrap_or_default();
    // Parentheses around the expression and continued lines may stand before it.
    let rest =
        rest.trim_start_matches(|character: char| character.is_whitespace() || ")\\".contains(character));
    Some(LastExpression { line: lines.line(expression.start()), suppressed: rest.starts_with(';') })
}
