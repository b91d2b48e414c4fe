//! What the parts of a text are, for colouring it.

use std::ops::Range;
use std::panic::catch_unwind;

use ruff_python_ast::token::{Token, TokenKind as Kind};
use ruff_python_parser::{Mode, ParseOptions, parse_unchecked};
use ruff_text_size::Ranged;

use crate::nesting;
use crate::parse::Dialect;

/// What a part of a text is to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// `if`, `def`, `and`.
    Keyword,
    /// `True`, `None`, `...`.
    Constant,
    /// A string with its quotes; of an f-string what is no expression.
    String,
    /// A number.
    Number,
    /// A comment.
    Comment,
    /// An operator.
    Operator,
    /// The name that a `def` or a `class` gives.
    Definition,
    /// A name that is called.
    Call,
    /// The name of a decorator, with its `@`.
    Decorator,
    /// A magic or a shell command of a notebook.
    Magic,
}

/// The longest text that is coloured, in bytes: nobody reads a longer one.
const LARGEST: usize = 1024 * 1024;

/// Returns the parts of `source` that a reader wants coloured, in order, as ranges of bytes.
///
/// This goes by tokens, so that a text need not parse. One that is too long or too deep has no parts;
/// neither have names, brackets and separators that say nothing special.
pub fn highlight(source: &str, dialect: Dialect) -> Vec<(Range<usize>, TokenKind)> {
    let mode = match dialect {
        Dialect::Python => Mode::Module,
        Dialect::Ipython => Mode::Ipython,
    };
    if source.len() > LARGEST || source.contains('\0') {
        return Vec::new();
    }
    let depth = nesting::depth_bound(source, mode);
    if depth > nesting::DEEPEST {
        return Vec::new();
    }
    // Recovery from errors may nest what it leaves in its own way, so the stack is made for the deepest.
    let parse = || parse_unchecked(source, ParseOptions::from(mode));
    nesting::with_stack_for(nesting::DEEPEST, || {
        // The parser panics on some texts that are no Python; such a text stays uncoloured.
        catch_unwind(|| parts(parse().tokens())).unwrap_or_default()
    })
}

fn parts(tokens: &[Token]) -> Vec<(Range<usize>, TokenKind)> {
    let mut parts = Vec::new();
    let mut before = Kind::Newline;
    let mut decorating = false;
    for (place, token) in tokens.iter().enumerate() {
        let after = tokens.get(place + 1).map_or(Kind::EndOfFile, |next| next.kind());
        decorating = match token.kind() {
            Kind::At => begins_line(before),
            Kind::Name | Kind::Dot => decorating,
            _ => false,
        };
        let kind = if decorating { Some(TokenKind::Decorator) } else { kind_of(before, token.kind(), after) };
        if let Some(kind) = kind {
            let range = token.range();
            parts.push((range.start().to_usize()..range.end().to_usize(), kind));
        }
        before = token.kind();
    }
    parts
}

fn begins_line(before: Kind) -> bool {
    matches!(
        before,
        Kind::Newline | Kind::NonLogicalNewline | Kind::Indent | Kind::Dedent | Kind::Comment | Kind::Semi
    )
}

fn kind_of(before: Kind, token: Kind, after: Kind) -> Option<TokenKind> {
    match token {
        Kind::Name => kind_of_name(before, after),
        Kind::Int | Kind::Float | Kind::Complex => Some(TokenKind::Number),
        Kind::True | Kind::False | Kind::None | Kind::Ellipsis => Some(TokenKind::Constant),
        Kind::Comment => Some(TokenKind::Comment),
        Kind::IpyEscapeCommand => Some(TokenKind::Magic),
        token if is_text(token) => Some(TokenKind::String),
        token if token.is_keyword() => Some(TokenKind::Keyword),
        token if is_operator(token) => Some(TokenKind::Operator),
        _ => None,
    }
}

fn kind_of_name(before: Kind, after: Kind) -> Option<TokenKind> {
    match (before, after) {
        (Kind::Def | Kind::Class, _) => Some(TokenKind::Definition),
        (_, Kind::Lpar) => Some(TokenKind::Call),
        _ => None,
    }
}

fn is_text(token: Kind) -> bool {
    use Kind::{FStringEnd, FStringMiddle, FStringStart, String, TStringEnd, TStringMiddle, TStringStart};
    matches!(
        token,
        String | FStringStart | FStringMiddle | FStringEnd | TStringStart | TStringMiddle | TStringEnd
    )
}

/// Everything else that is no layout, bracket or separator.
fn is_operator(token: Kind) -> bool {
    use Kind as K;
    !matches!(
        token,
        K::Lpar
            | K::Rpar
            | K::Lsqb
            | K::Rsqb
            | K::Lbrace
            | K::Rbrace
            | K::Colon
            | K::Comma
            | K::Semi
            | K::Dot
    ) && !matches!(
        token,
        K::Newline | K::NonLogicalNewline | K::Indent | K::Dedent | K::EndOfFile | K::Unknown
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(source: &str) -> Vec<(&str, TokenKind)> {
        let parts = highlight(source, Dialect::Ipython);
        parts.into_iter().map(|(range, kind)| (&source[range], kind)).collect()
    }

    #[test]
    fn the_parts_of_a_function() {
        use TokenKind::*;
        let source = "@hozon.cache\ndef clean(rows, limit=0.5):\n    # all\n    return None if limit else f'{len(rows)}!'\n";
        let parts = [
            ("@", Decorator),
            ("hozon", Decorator),
            (".", Decorator),
            ("cache", Decorator),
            ("def", Keyword),
            ("clean", Definition),
            ("=", Operator),
            ("0.5", Number),
            ("# all", Comment),
            ("return", Keyword),
            ("None", Constant),
            ("if", Keyword),
            ("else", Keyword),
            ("f'", String),
            ("len", Call),
            ("!", String),
            ("'", String),
        ];
        assert_eq!(said(source), parts);
    }

    #[test]
    fn a_product_of_matrices_is_no_decorator_and_a_name_may_be_a_soft_keyword() {
        use TokenKind::*;
        assert_eq!(said("a @ b"), [("@", Operator)]);
        assert_eq!(said("match = type(x)"), [("=", Operator), ("type", Call)]);
        assert_eq!(said("%time x"), [("%time x", Magic)]);
    }

    #[test]
    fn any_text_will_do() {
        assert_eq!(said("def (:"), [("def", TokenKind::Keyword)]);
        for text in
            ["", "\0", "'", "f'{", "é = \"日", "\u{feff}x = 1\r\ny = 2\r", "[)?", "x?(", &"(".repeat(100_000)]
        {
            for (range, _) in highlight(text, Dialect::Ipython) {
                assert!(text.get(range).is_some(), "{text:?}");
            }
        }
    }
}
