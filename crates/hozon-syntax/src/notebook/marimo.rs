//! marimo notebooks: each cell a decorated function whose parameters and last `return` are advisory.

use ruff_python_ast::token::Tokens;
use ruff_python_ast::{
    Arguments, Decorator, Expr, ExprCall, Keyword, Stmt, StmtClassDef, StmtFunctionDef, StmtWith,
};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::cell::{Cell, CellKind};
use super::code::Privacy;
use super::dedent::{StringLines, dedented, indentation, without_margin};
use super::marimo_lines;
use super::text::{line_number, trimmed};
use super::{Notebook, NotebookFormat};
use crate::error::SourceError;
use crate::lines::Lines;
use crate::parse::{Dialect, with_tokens};
use crate::walk_expression::path_of;

/// Reads a marimo notebook; none if the text is another kind of Python.
pub(super) fn read(text: &str) -> Option<Notebook> {
    if !may_be_marimo(text) {
        return None;
    }
    let mut reading = Reading::default();
    match reading.read_part(text, 0) {
        Ok(()) => {}
        // A text that does not parse, or is too much at once, is read cell by cell.
        Err(_) => {
            reading = Reading::default();
            marimo_lines::read(text, &mut reading);
        }
    }
    reading.has_app.then(|| reading.finish())
}

/// `app = marimo.App(`, or the same by another name of the module.
fn may_be_marimo(text: &str) -> bool {
    let makes_app = |line: &str| line.starts_with("app") && line.contains(".App(");
    text.contains("import marimo") && text.lines().any(makes_app)
}

/// A notebook that is being read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) cells: Vec<Cell>,
    has_app: bool,
    /// `if __name__ == "__main__"` was met: nothing behind it counts.
    pub(super) is_over: bool,
    title: Option<String>,
    options: Vec<(String, String)>,
    notes: Vec<String>,
}

/// A part of the file that is being read: all of it, or what may be one cell.
struct Part<'t> {
    text: &'t str,
    lines: Vec<&'t str>,
    index: &'t Lines,
    strings: StringLines,
    /// How many lines of the file stand before it.
    offset: u32,
}

impl Reading {
    /// Reads a part of the file.
    pub(super) fn read_part(&mut self, text: &str, offset: u32) -> Result<(), SourceError> {
        with_tokens(text, Dialect::Python, |tree, tokens, index| {
            let part = Part::new(text, tokens, index, offset);
            tree.body.iter().for_each(|statement| self.statement(statement, &part));
        })
    }

    /// Takes what can be known of the lines before the first cell, where they do not parse.
    pub(super) fn read_preamble(&mut self, lines: &[&str]) {
        let is_app = |line: &&&str| line.starts_with("app") && line.contains(".App(");
        let app: String =
            lines.iter().skip_while(|line| !is_app(line)).map(|line| format!("{line}\n")).collect();
        self.has_app = true;
        self.notes.push("line 1: what stands before the first cell is not Python".to_owned());
        // The options are a loss that shows in the look of a page only.
        _ = self.read_part(&app, 0);
    }

    fn finish(self) -> Notebook {
        let mut notebook = Notebook::new(NotebookFormat::Marimo, self.cells);
        (notebook.title, notebook.options, notebook.notes) = (self.title, self.options, self.notes);
        notebook
    }

    fn statement(&mut self, statement: &Stmt, part: &Part<'_>) {
        if self.is_over {
            return;
        }
        if is_run_guard(statement) {
            self.is_over = true;
        } else if let Some(call) = app_call(statement) {
            self.app(call, part.text);
        } else if let Some(cell) = self.has_app.then(|| part.cell(statement)).flatten() {
            self.cells.push(cell);
        } else if self.has_app {
            let line = part.line(statement.start());
            self.notes.push(format!("line {line}: this stands outside of the cells; it does not run"));
        }
    }

    fn app(&mut self, call: &ExprCall, text: &str) {
        self.has_app = true;
        for Keyword { arg, value, .. } in &call.arguments.keywords {
            let Some(name) = arg else { continue };
            if let ("app_title", Expr::StringLiteral(title)) = (name.as_str(), value) {
                self.title = Some(title.value.to_str().to_owned());
            }
            self.options.push((name.to_string(), text[value.range().to_std_range()].to_owned()));
        }
    }
}

/// Returns the call of `app = marimo.App(…)`.
fn app_call(statement: &Stmt) -> Option<&ExprCall> {
    let assignment = statement.as_assign_stmt()?;
    let [Expr::Name(target)] = &assignment.targets[..] else { return None };
    let call = assignment.value.as_call_expr()?;
    let is_app = matches!(path_of(&call.func)?[..], [_, "App"]);
    (is_app && target.id == "app").then_some(call)
}

fn is_run_guard(statement: &Stmt) -> bool {
    let test = statement.as_if_stmt().and_then(|choice| choice.test.as_compare_expr());
    test.is_some_and(|test| test.left.as_name_expr().is_some_and(|name| name.id == "__name__"))
}

/// Returns the name of what an expression takes from `app`, called or not, and the arguments of the call.
fn of_app(expression: &Expr) -> Option<(&str, Option<&Arguments>)> {
    let (function, arguments) = match expression {
        Expr::Call(call) => (&*call.func, Some(&call.arguments)),
        _ => (expression, None),
    };
    match path_of(function)?[..] {
        ["app", name] => Some((name, arguments)),
        _ => None,
    }
}

fn cell_decorator(decorators: &[Decorator]) -> Option<(usize, &str, Option<&Arguments>)> {
    decorators.iter().enumerate().find_map(|(index, decorator)| {
        let (name, arguments) = of_app(&decorator.expression)?;
        ["cell", "function", "class_definition"].contains(&name).then_some((index, name, arguments))
    })
}

fn is_true(arguments: Option<&Arguments>, name: &str) -> bool {
    let value = arguments.and_then(|arguments| arguments.find_keyword(name));
    value.is_some_and(|keyword| keyword.value.as_boolean_literal_expr().is_some_and(|literal| literal.value))
}

impl<'t> Part<'t> {
    fn new(text: &'t str, tokens: &Tokens, index: &'t Lines, offset: u32) -> Self {
        let strings = StringLines::of(tokens, index);
        Self { text, lines: text.split('\n').collect(), index, strings, offset }
    }

    /// Returns the line of the file.
    fn line(&self, place: TextSize) -> u32 {
        self.offset + self.index.line(place)
    }

    fn cell(&self, statement: &Stmt) -> Option<Cell> {
        match statement {
            Stmt::FunctionDef(function) => self.function(function),
            Stmt::ClassDef(class) => self.class(class),
            Stmt::With(with) => self.setup(with),
            Stmt::Expr(expression) => self.unparsable(expression.value.as_call_expr()?),
            _ => None,
        }
    }

    fn function(&self, function: &StmtFunctionDef) -> Option<Cell> {
        let (index, form, arguments) = cell_decorator(&function.decorator_list)?;
        if form == "cell" {
            let header_end = function.returns.as_ref().map_or(function.parameters.end(), |it| it.end());
            let cell = self.block(header_end, &function.body, function.end(), arguments);
            let name = function.name.as_str();
            return Some(Cell { name: (!["_", "__"].contains(&name)).then(|| name.to_owned()), ..cell });
        }
        let decorator = &function.decorator_list[index];
        Some(self.definition(decorator, function.name.as_str(), &function.body, function.range(), arguments))
    }

    fn class(&self, class: &StmtClassDef) -> Option<Cell> {
        let (index, _, arguments) = cell_decorator(&class.decorator_list)?;
        let decorator = &class.decorator_list[index];
        Some(self.definition(decorator, class.name.as_str(), &class.body, class.range(), arguments))
    }

    fn setup(&self, with: &StmtWith) -> Option<Cell> {
        let [item] = &with.items[..] else { return None };
        let ("setup", arguments) = of_app(&item.context_expr)? else { return None };
        let mut cell = self.block(item.context_expr.end(), &with.body, with.end(), arguments);
        // A block needs a statement: marimo writes this one behind comments.
        if let Some(text) = cell.text.strip_suffix("\npass") {
            cell = python(text.to_owned(), cell.first_line, arguments);
        }
        Some(Cell { kind: CellKind::Setup, name: Some("setup".to_owned()), ..cell })
    }

    /// A definition that is a cell itself: what stands behind the decorator.
    fn definition(
        &self,
        decorator: &Decorator,
        name: &str,
        body: &[Stmt],
        range: TextRange,
        arguments: Option<&Arguments>,
    ) -> Cell {
        let start = self.index.line(decorator.end()) as usize;
        let end = self.end_of_block(body, range.end());
        let cell = self.cell_of_lines(start, &self.lines[start..end], arguments);
        Cell { name: Some(name.to_owned()), ..cell }
    }

    fn unparsable(&self, call: &ExprCall) -> Option<Cell> {
        if path_of(&call.func)? != ["app", "_unparsable_cell"] {
            return None;
        }
        let Expr::StringLiteral(literal) = call.arguments.args.first()? else { return None };
        let text = without_margin(literal.value.to_str());
        let lines: Vec<&str> = text.split('\n').collect();
        let (kept, first_line) = trimmed(&lines, self.line(literal.start()));
        let mut cell = python(kept.join("\n"), first_line, Some(&call.arguments));
        cell.kind = CellKind::Unparsable;
        let name = call.arguments.find_keyword("name").and_then(|name| name.value.as_string_literal_expr());
        let name = name.map(|name| name.value.to_str().to_owned());
        cell.name = name.filter(|name| !["_", "__"].contains(&name.as_str()));
        Some(cell)
    }

    /// A cell that is the body of a function or of `with`.
    fn block(
        &self,
        header_end: TextSize,
        body: &[Stmt],
        end: TextSize,
        arguments: Option<&Arguments>,
    ) -> Cell {
        let colon = self.text[header_end.to_usize()..].find(':').unwrap_or_default();
        let after_colon = header_end.to_usize() + colon + 1;
        let header_line = self.index.line(header_end) as usize - 1;
        let header_line = header_line + self.text[header_end.to_usize()..after_colon].matches('\n').count();
        let rest = self.text[after_colon..].split('\n').next().unwrap_or_default().trim();
        if !(rest.is_empty() || rest.starts_with('#')) {
            return self.block_on_one_line(after_colon, body, end, header_line, arguments);
        }
        let last = body.last().filter(|last| last.is_return_stmt());
        let start = header_line + 1;
        let Some(last) = last else {
            let lines = &self.lines[start..self.end_of_block(body, end)];
            return self.cell_of_lines(start, lines, arguments);
        };
        let return_line = self.index.line(last.start()) as usize - 1;
        let mut lines = self.lines[start..return_line].to_vec();
        // What stands on the same line before it.
        lines.extend(self.before_on_line(last.start()));
        self.cell_of_lines(start, &lines, arguments)
    }

    fn before_on_line(&self, place: TextSize) -> Option<&'t str> {
        let before = &self.text[..place.to_usize()];
        let line = before.rsplit('\n').next().unwrap_or_default();
        (!line.trim().is_empty()).then(|| line.trim_end())
    }

    /// `def _(): x = 1; return x`
    fn block_on_one_line(
        &self,
        start: usize,
        body: &[Stmt],
        end: TextSize,
        line: usize,
        arguments: Option<&Arguments>,
    ) -> Cell {
        let end = body.last().filter(|last| last.is_return_stmt()).map_or(end, |last| last.start());
        let text = self.text[start..end.to_usize()].trim();
        python(text.to_owned(), self.offset + line_number(line), arguments)
    }

    /// Returns the index behind the last line of a block: comments as deep as its body belong to it.
    fn end_of_block(&self, body: &[Stmt], end: TextSize) -> usize {
        let end = self.index.line(end) as usize;
        let first = body.first().map_or(0, |first| self.index.line(first.start()) as usize - 1);
        let margin = indentation(self.lines[first]);
        if margin.is_empty() {
            return end;
        }
        let belongs = |line: &&&str| line.trim().is_empty() || line.starts_with(margin);
        end + self.lines[end..].iter().take_while(belongs).count()
    }

    fn cell_of_lines(&self, start: usize, lines: &[&str], arguments: Option<&Arguments>) -> Cell {
        let text = dedented(lines, line_number(start), &self.strings);
        let lines: Vec<&str> = text.split('\n').collect();
        let (kept, first_line) = trimmed(&lines, self.offset + line_number(start));
        python(kept.join("\n"), first_line, arguments)
    }
}

/// A cell of marimo's.
fn python(text: String, first_line: u32, arguments: Option<&Arguments>) -> Cell {
    let mut cell = Cell::python(text, first_line, Privacy::Private);
    cell.settings.disabled = is_true(arguments, "disabled");
    cell.settings.hide_code = is_true(arguments, "hide_code");
    cell
}
