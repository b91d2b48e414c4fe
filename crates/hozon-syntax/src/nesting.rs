//! How deep a text nests, told before it is parsed: the tree is read, and freed, by recursion.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer};

/// The deepest nesting that is accepted. CPython itself gives up in the same region.
pub(crate) const DEEPEST: usize = 3000;

/// Stack that one level of the tree may take in the deepest of the recursions, unoptimised builds included.
const STACK_PER_LEVEL: usize = 24 * 1024;

/// Stack for everything that does not depend on the depth.
const STACK_BASE: usize = 256 * 1024;

/// Runs `work` with stack enough for a tree of `depth` levels.
pub(crate) fn with_stack_for<T>(depth: usize, work: impl FnOnce() -> T) -> T {
    let needed = STACK_BASE + depth * STACK_PER_LEVEL;
    stacker::maybe_grow(needed, needed, work)
}

/// Returns an upper bound of the depth of the tree of `source`.
///
/// A text shorter than the limit cannot nest deeper than it has bytes, so its tokens need not be read
/// for the limit; they are read all the same above `CHEAP`, to know how much stack to provide.
pub(crate) fn depth_bound(source: &str, mode: Mode) -> usize {
    const CHEAP: usize = 16;
    if source.len() <= CHEAP { source.len() } else { bound_by_tokens(source, mode) }
}

/// One bracket, or the file itself: how deep the expression since the last comma may be.
#[derive(Default)]
struct Level {
    current: usize,
    deepest: usize,
}

impl Level {
    fn close_part(&mut self) -> usize {
        self.deepest = self.deepest.max(std::mem::take(&mut self.current));
        self.deepest
    }
}

fn bound_by_tokens(source: &str, mode: Mode) -> usize {
    let mut lexer = lexer::lex(source, mode);
    let mut levels = vec![Level::default()];
    let mut indentation = 0_usize;
    let mut deepest = 0;
    loop {
        match lexer.next_token() {
            TokenKind::EndOfFile => break,
            TokenKind::Indent => indentation += 1,
            TokenKind::Dedent => indentation = indentation.saturating_sub(1),
            kind if opens(kind) => levels.push(Level::default()),
            kind if closes(kind) && levels.len() > 1 => close(&mut levels),
            TokenKind::Newline => {
                while levels.len() > 1 {
                    close(&mut levels);
                }
                deepest = deepest.max(levels[0].close_part() + 2 * indentation);
                levels[0] = Level::default();
            }
            TokenKind::Comma | TokenKind::Semi => {
                if let Some(level) = levels.last_mut() {
                    level.close_part();
                }
            }
            kind if deepens(kind) => {
                if let Some(level) = levels.last_mut() {
                    level.current += 1;
                }
            }
            _ => {}
        }
        // Unbalanced brackets are a syntax error; the parser must not follow them for ever before it says so.
        if levels.len() > DEEPEST || indentation > DEEPEST {
            return usize::MAX;
        }
    }
    while levels.len() > 1 {
        close(&mut levels);
    }
    deepest.max(levels[0].close_part() + 2 * indentation)
}

/// A closed bracket is one operand of what stands around it, and as deep as its deepest part.
fn close(levels: &mut Vec<Level>) {
    let inner = levels.pop().map_or(0, |mut level| level.close_part());
    if let Some(outer) = levels.last_mut() {
        outer.current += inner + 2;
    }
}

fn opens(kind: TokenKind) -> bool {
    use TokenKind::{FStringStart, Lbrace, Lpar, Lsqb, TStringStart};
    matches!(kind, Lpar | Lsqb | Lbrace | FStringStart | TStringStart)
}

fn closes(kind: TokenKind) -> bool {
    use TokenKind::{FStringEnd, Rbrace, Rpar, Rsqb, TStringEnd};
    matches!(kind, Rpar | Rsqb | Rbrace | FStringEnd | TStringEnd)
}

/// Operands, comments, and the operators whose chains are flat in the tree add no level.
fn deepens(kind: TokenKind) -> bool {
    use TokenKind as T;
    !matches!(
        kind,
        T::Name
            | T::Int
            | T::Float
            | T::Complex
            | T::String
            | T::FStringMiddle
            | T::TStringMiddle
            | T::True
            | T::False
            | T::None
            | T::Ellipsis
            | T::Comment
            | T::NonLogicalNewline
            | T::And
            | T::Or
            | T::EqEqual
            | T::NotEqual
            | T::Less
            | T::Greater
            | T::LessEqual
            | T::GreaterEqual
    )
}
