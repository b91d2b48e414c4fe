//! Text to tree, within limits, and with nothing left that could overflow the stack.

use std::borrow::Cow;

use ruff_python_ast::token::Tokens;
use ruff_python_ast::{Mod, ModModule};
use ruff_python_parser::{Mode, ParseOptions, Parsed, parse_unchecked};

use crate::error::SourceError;
use crate::lines::Lines;
use crate::nesting;

/// Which grammar a text follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Modules and scripts.
    Python,
    /// Notebook cells: `%magic`, `!command` and `name?` are allowed.
    Ipython,
}

/// The longest text that is accepted, in bytes.
const LARGEST: usize = 16 * 1024 * 1024;

/// Stack for freeing the remains of a text that did not parse: recovery may nest them in its own way.
const DEPTH_OF_REMAINS: usize = nesting::DEEPEST;

/// Returns the text as CPython's tokenizer sees it: no byte order mark, every line end a line feed.
pub(crate) fn as_tokenized(source: &str) -> Cow<'_, str> {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    if source.contains('\r') {
        Cow::Owned(source.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(source)
    }
}

/// Parses `source` and runs `read` on the tree, with stack enough for both and for freeing it.
pub(crate) fn with_tree<T>(
    source: &str,
    dialect: Dialect,
    read: impl FnOnce(&ModModule, &Lines) -> T,
) -> Result<T, SourceError> {
    with_tokens(source, dialect, |tree, _, lines| read(tree, lines))
}

/// As [`with_tree`], with the tokens of the text as well.
pub(crate) fn with_tokens<T>(
    source: &str,
    dialect: Dialect,
    read: impl FnOnce(&ModModule, &Tokens, &Lines) -> T,
) -> Result<T, SourceError> {
    let mode = match dialect {
        Dialect::Python => Mode::Module,
        Dialect::Ipython => Mode::Ipython,
    };
    if source.len() > LARGEST {
        return Err(SourceError::TooLarge { bytes: source.len(), limit: LARGEST });
    }
    let lines = Lines::of(source);
    if let Some(offset) = source.bytes().position(|byte| byte == 0) {
        let line = source[..offset].bytes().filter(|byte| *byte == b'\n').count() + 1;
        let line = u32::try_from(line).unwrap_or(u32::MAX);
        return Err(SourceError::Syntax { line, message: "source code cannot contain null bytes".into() });
    }
    let depth = nesting::depth_bound(source, mode);
    if depth > nesting::DEEPEST {
        return Err(SourceError::TooDeep { limit: nesting::DEEPEST });
    }
    nesting::with_stack_for(depth, || {
        let parsed = parse_guarded(source, mode)?;
        if let Some(error) = parsed.errors().first() {
            let line = lines.line(error.location.start());
            let message = error.error.to_string();
            nesting::with_stack_for(DEPTH_OF_REMAINS, || drop(parsed));
            return Err(SourceError::Syntax { line, message });
        }
        let parsed = parsed.try_into_module();
        parsed
            .map(|module| read(module.syntax(), module.tokens(), &lines))
            .ok_or_else(|| SourceError::Syntax { line: 1, message: "not a module".into() })
    })
}

/// Parses; a parser that panics has met a text that is not Python.
///
/// It does so where it recovers from unbalanced brackets before a notebook's `?`.
fn parse_guarded(source: &str, mode: Mode) -> Result<Parsed<Mod>, SourceError> {
    std::panic::catch_unwind(|| parse_unchecked(source, ParseOptions::from(mode)))
        .map_err(|_| SourceError::Syntax { line: 1, message: "the parser cannot make sense of this".into() })
}
