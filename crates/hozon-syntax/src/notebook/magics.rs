//! IPython's magics: those that change nothing of a result are translated away, the others make a cell live.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, IpyEscapeKind, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::dedent::indentation;
use super::edit::{self, Edit};
use crate::parse::{Dialect, with_tree};

/// A cell of IPython's as far as it is Python.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Translation {
    /// The Python that stands for the cell; none if the cell is in another language.
    pub(super) python: Option<String>,
    /// Magics are left in it.
    pub(super) has_magics: bool,
    /// Why it may never be restored.
    pub(super) live: Option<String>,
    /// `%%capture`
    pub(super) captures: bool,
}

/// Line magics that change how things look or are loaded, and no value.
const HARMLESS: [&str; 3] = ["matplotlib", "config", "autoreload"];

/// Line magics that load IPython's extensions.
const LOADING: [&str; 2] = ["load_ext", "reload_ext"];

/// Extensions that are not needed where hozon runs the cells.
const NEEDLESS: [&str; 2] = ["autoreload", "hozon"];

/// Cell magics whose cell is Python, and whose effect is their own.
const AROUND_PYTHON: [&str; 4] = ["capture", "timeit", "prun", "debug"];

/// Translates a cell. `needs_extensions`: what loads an extension is no longer translated away.
pub(super) fn translate(text: &str, needs_extensions: bool) -> Translation {
    if !may_have_magics(text) {
        return Translation { python: Some(text.to_owned()), ..Translation::default() };
    }
    let mut translation = Translation::default();
    let Some(body) = translation.take_cell_magic(text) else { return translation };
    let escapes = with_tree(&body, Dialect::Ipython, |tree, _| {
        let mut finder = Escapes { text: &body, needs_extensions, found: Vec::new() };
        finder.visit_body(&tree.body);
        finder.found
    });
    // A text that does not parse keeps its magics: whoever reads it next says what is wrong.
    translation.has_magics = escapes.is_err();
    let escapes = escapes.unwrap_or_default();
    let live = escapes.iter().find_map(|escape| escape.as_ref().err());
    translation.live = translation.live.take().or_else(|| live.cloned());
    translation.has_magics |= live.is_some();
    let edits = escapes.into_iter().filter_map(Result::ok).collect();
    let is_live = translation.live.is_some();
    translation.python = Some(if is_live { body } else { edit::apply(&body, edits) });
    translation
}

fn may_have_magics(text: &str) -> bool {
    let by_line = |line: &str| line.trim_start().starts_with([',', ';', '/']);
    text.contains(['%', '!', '?']) || text.lines().any(by_line)
}

impl Translation {
    /// Returns the cell with a line magic in the place of its cell magic; none if it is not Python.
    fn take_cell_magic(&mut self, text: &str) -> Option<String> {
        let start = text.len() - text.trim_start().len();
        let Some(rest) = text[start..].strip_prefix("%%") else { return Some(text.to_owned()) };
        let line = rest.lines().next().unwrap_or_default();
        let (name, arguments) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let arguments = arguments.trim();
        let first_line = if name == "time" { arguments } else { "" };
        let body = format!("{}{first_line}{}", &text[..start], &rest[line.len()..]);
        match name {
            "time" => {}
            "capture" if arguments.is_empty() => self.captures = true,
            _ => self.live = Some(format!("uses the magic %%{name}")),
        }
        (self.live.is_none() || AROUND_PYTHON.contains(&name)).then_some(body)
    }
}

/// Finds magics, each as an edit or as the reason why the cell is live.
struct Escapes<'t> {
    text: &'t str,
    needs_extensions: bool,
    found: Vec<Result<Edit, String>>,
}

impl Escapes<'_> {
    fn statement(&mut self, kind: IpyEscapeKind, range: TextRange) {
        let written = &self.text[range.to_std_range()];
        let found = match magic_of(kind, written) {
            Some((name, rest)) if HARMLESS.contains(&name) => Ok(self.without(range, rest)),
            Some((name, extension)) if LOADING.contains(&name) => {
                let needed = self.needs_extensions && !NEEDLESS.contains(&extension.trim());
                if needed { Err(reason(kind, written)) } else { Ok(self.without(range, extension)) }
            }
            Some(("time", timed)) if !timed.starts_with("--") => {
                let replacement = if timed.is_empty() { "pass" } else { timed }.to_owned();
                Ok(Edit { range, replacement })
            }
            _ => Err(reason(kind, written)),
        };
        self.found.push(found);
    }

    fn value(&mut self, kind: IpyEscapeKind, range: TextRange) {
        let written = &self.text[range.to_std_range()];
        self.found.push(match magic_of(kind, written) {
            Some(("time", timed)) if !timed.is_empty() && !timed.starts_with("--") => {
                Ok(Edit { range, replacement: timed.to_owned() })
            }
            _ => Err(reason(kind, written)),
        });
    }

    /// Takes a statement away, the number of lines being kept; in a block one must be left.
    fn without(&self, range: TextRange, rest: &str) -> Edit {
        let before = &self.text[..range.start().to_usize()];
        let line = &before[before.rfind('\n').map_or(0, |end| end + 1)..];
        let is_alone = line.is_empty() && indentation(line).is_empty();
        let breaks = "\n".repeat(rest.matches('\n').count());
        Edit { range, replacement: format!("{}{breaks}", if is_alone { "" } else { "pass" }) }
    }
}

/// Returns the name of a line magic and what stands behind it.
fn magic_of(kind: IpyEscapeKind, written: &str) -> Option<(&str, &str)> {
    let magic = written.strip_prefix('%').filter(|_| kind == IpyEscapeKind::Magic)?.trim_start();
    let (name, rest) = magic.split_once(char::is_whitespace).unwrap_or((magic, ""));
    Some((name, rest.trim()))
}

fn reason(kind: IpyEscapeKind, written: &str) -> String {
    let name = written.split_whitespace().next().unwrap_or_default();
    match kind {
        IpyEscapeKind::Shell | IpyEscapeKind::ShCap => "runs a shell command".to_owned(),
        IpyEscapeKind::Help | IpyEscapeKind::Help2 => "asks for help".to_owned(),
        IpyEscapeKind::Magic | IpyEscapeKind::Magic2 => format!("uses the magic {name}"),
        IpyEscapeKind::Quote | IpyEscapeKind::Quote2 | IpyEscapeKind::Paren => {
            "calls a function the way only IPython does".to_owned()
        }
    }
}

impl<'a> Visitor<'a> for Escapes<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::IpyEscapeCommand(escape) => self.statement(escape.kind, escape.range()),
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::IpyEscapeCommand(escape) => self.value(escape.kind, escape.range()),
            _ => visitor::walk_expr(self, expression),
        }
    }
}
