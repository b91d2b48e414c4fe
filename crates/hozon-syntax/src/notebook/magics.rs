//! IPython's magics: those that change nothing of a result are translated away, the others make a cell live.

use std::borrow::Cow;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, IpyEscapeKind, Stmt};
use ruff_text_size::{Ranged, TextRange};

use super::cell_magics::{CellMagic, ipython_call, is_get_ipython, unconverted};
use super::dedent::indentation;
use super::edit::{self, Edit};
use super::prompts::without_prompts;
use crate::error::SourceError;
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
    /// The names that its cell magics give a value.
    pub(super) gives: Vec<String>,
    /// What its code assigns is gone afterwards.
    pub(super) keeps_nothing: bool,
    /// It may give a value to names that its text does not show.
    pub(super) gives_unseen: bool,
}

/// Line magics that change how things look or are loaded, and no value.
const HARMLESS: [&str; 4] = ["matplotlib", "config", "autoreload", "hozon"];

/// Line magics that load IPython's extensions.
const LOADING: [&str; 2] = ["load_ext", "reload_ext"];

/// Extensions that are not needed where hozon runs the cells.
const NEEDLESS: [&str; 2] = ["autoreload", "hozon"];

/// Cell magics whose cell is Python, and whose effect is their own.
const AROUND_PYTHON: [&str; 4] = ["capture", "timeit", "prun", "debug"];

/// Line magics that give values to names which their text does not show.
const GIVING_UNSEEN: [&str; 5] = ["run", "pylab", "store", "load", "macro"];

/// Translates a cell. `needs_extensions`: what loads an extension is no longer translated away.
pub(super) fn translate(text: &str, needs_extensions: bool) -> Translation {
    let text = without_prompts(text);
    let text = unconverted(&text).map_or(text, Cow::Owned);
    let mut translation = Translation::default();
    if !may_have_magics(&text) {
        translation.python = Some(text.into_owned());
        return translation;
    }
    let Some(body) = translation.take_cell_magics(&text) else { return translation };
    let escapes = escapes(&body, needs_extensions);
    let rewritten = if escapes.is_err() { with_help_first(&body) } else { None };
    let again = rewritten.as_ref().map(|rewritten| self::escapes(rewritten, needs_extensions));
    let (body, escapes) = match (rewritten, again) {
        (Some(rewritten), Some(Ok(again))) => (rewritten, Ok(again)),
        _ => (body, escapes),
    };
    // A text that does not parse keeps its magics: whoever reads it next says what is wrong.
    translation.has_magics = escapes.is_err();
    translation.finish(body, escapes.unwrap_or_default());
    translation
}

/// Returns the magics of a text, each as an edit or as the reason why the cell is live.
fn escapes(text: &str, needs_extensions: bool) -> Result<Found, SourceError> {
    let mut escapes = Escapes { text, needs_extensions, found: Found::default() };
    with_tree(text, Dialect::Ipython, |tree, _| escapes.visit_body(&tree.body))?;
    Ok(escapes.found)
}

fn may_have_magics(text: &str) -> bool {
    let by_line = |line: &str| line.trim_start().starts_with([',', ';', '/']);
    text.contains(['%', '!', '?']) || text.contains("get_ipython") || text.lines().any(by_line)
}

/// Moves the `?` of lines such as `x = y?` and `*x*?` to their front: only what stands right before it counts.
fn with_help_first(text: &str) -> Option<String> {
    let help = |line: &str| {
        let rest = line.trim_end().strip_suffix('?')?;
        let rest = rest.strip_suffix('?').unwrap_or(rest);
        let is_part = |character: char| character.is_alphanumeric() || "_.*%[]".contains(character);
        let start = rest.trim_end_matches(is_part).len();
        (start < rest.len()).then(|| format!("{}?{}", indentation(line), &rest[start..]))
    };
    let lines: Vec<Option<String>> = text.split('\n').map(help).collect();
    if lines.iter().all(Option::is_none) {
        return None;
    }
    let lines = lines.into_iter().zip(text.split('\n'));
    Some(lines.map(|(help, line)| help.unwrap_or_else(|| line.to_owned())).collect::<Vec<_>>().join("\n"))
}

impl Translation {
    /// Returns the cell without its cell magics, a blank line in the place of each; none if it is not Python.
    fn take_cell_magics(&mut self, text: &str) -> Option<String> {
        let mut text = text.to_owned();
        while let Some(magic) = CellMagic::of(&text) {
            let CellMagic { name, arguments, .. } = magic;
            match name {
                // With anything behind it IPython complains, or does it in another way.
                "time" if arguments.is_empty() => {}
                "cache" if arguments.is_empty() => {}
                "capture" if arguments.is_empty() => self.captures = true,
                _ => self.live = self.live.take().or_else(|| Some(format!("uses the magic %%{name}"))),
            }
            self.gives.extend(magic.names_given().into_iter().filter(|_| name != "timeit" && name != "prun"));
            self.keeps_nothing |= name == "timeit";
            if !["time", "cache"].contains(&name) && !AROUND_PYTHON.contains(&name) {
                return None;
            }
            text = magic.body;
        }
        Some(text)
    }

    fn finish(&mut self, body: String, escapes: Found) {
        let live = escapes.magics.iter().find_map(|escape| escape.as_ref().err());
        self.has_magics |= live.is_some();
        self.live = self.live.take().or_else(|| live.cloned());
        self.gives_unseen |= escapes.gives_unseen;
        let edits = escapes.magics.into_iter().filter_map(Result::ok).collect();
        self.python = Some(if self.live.is_some() { body } else { edit::apply(&body, edits) });
    }
}

/// Finds magics, each as an edit or as the reason why the cell is live.
struct Escapes<'t> {
    text: &'t str,
    needs_extensions: bool,
    found: Found,
}

/// The magics of a text.
#[derive(Default)]
struct Found {
    magics: Vec<Result<Edit, String>>,
    /// One of them may give a value to names that no text shows.
    gives_unseen: bool,
}

impl Escapes<'_> {
    fn statement(&mut self, kind: IpyEscapeKind, range: TextRange) {
        let written = &self.text[range.to_std_range()];
        match magic_of(kind, written) {
            Some((name, rest)) => self.magic(name, rest, range),
            None => self.found.magics.push(Err(reason(kind, written))),
        }
    }

    /// A line magic that is a statement.
    fn magic(&mut self, name: &str, rest: &str, range: TextRange) {
        let is_needless = || !self.needs_extensions || NEEDLESS.contains(&rest.trim());
        let found = match name {
            _ if HARMLESS.contains(&name) => Ok(self.without(range)),
            _ if LOADING.contains(&name) && is_needless() => Ok(self.without(range)),
            "time" if rest.is_empty() => Ok(Edit { range, replacement: "pass".to_owned() }),
            "time" if is_python(rest) => Ok(Edit { range, replacement: rest.to_owned() }),
            _ => Err(format!("uses the magic %{name}")),
        };
        self.found.gives_unseen |= GIVING_UNSEEN.contains(&name);
        self.found.magics.push(found);
    }

    fn value(&mut self, kind: IpyEscapeKind, range: TextRange) {
        let written = &self.text[range.to_std_range()];
        self.found.magics.push(match magic_of(kind, written) {
            Some(("time", timed)) if !timed.is_empty() && is_python(timed) => {
                Ok(Edit { range, replacement: timed.to_owned() })
            }
            _ => Err(reason(kind, written)),
        });
    }

    /// What `jupyter nbconvert --to script` makes of magics and shell commands; tells whether it is that.
    fn converted(&mut self, statement: &Stmt) -> bool {
        let expression = statement.as_expr_stmt().map(|statement| &*statement.value);
        let Some((method, arguments)) = expression.and_then(ipython_call) else { return false };
        match (method, &arguments[..]) {
            ("run_line_magic", [name, rest]) => self.magic(name, rest.trim(), statement.range()),
            ("magic", [line]) => {
                let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
                self.magic(name, rest.trim(), statement.range());
            }
            ("run_cell_magic", [name, ..]) => self.found.magics.push(Err(format!("uses the magic %%{name}"))),
            ("system" | "getoutput", _) => self.found.magics.push(Err("runs a shell command".to_owned())),
            _ => return false,
        }
        true
    }

    /// Takes a statement away, the number of lines being kept; in a block one must be left.
    fn without(&self, range: TextRange) -> Edit {
        let before = &self.text[..range.start().to_usize()];
        let is_alone = before.is_empty() || before.ends_with('\n');
        let breaks = "\n".repeat(self.text[range.to_std_range()].matches('\n').count());
        Edit { range, replacement: format!("{}{breaks}", if is_alone { "" } else { "pass" }) }
    }
}

/// Tells whether what is timed can stand in the place of the magic: IPython takes magics there, too.
fn is_python(timed: &str) -> bool {
    with_tree(timed, Dialect::Python, |_, _| ()).is_ok()
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
            _ if self.converted(statement) => {}
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::IpyEscapeCommand(escape) => self.value(escape.kind, escape.range()),
            Expr::Call(call) if is_get_ipython(&call.func) => {
                self.found.magics.push(Err("asks for IPython itself".to_owned()));
            }
            _ => visitor::walk_expr(self, expression),
        }
    }
}
