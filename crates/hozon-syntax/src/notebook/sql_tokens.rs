//! A SQL text in pieces, as far as finding the names of tables takes.

/// Stands where a program puts something into the text.
pub(super) const PUT_IN: char = '\u{e000}';

/// One piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A keyword or a name, as written.
    Word(String),
    /// A name in quotes, without them.
    Quoted(String),
    /// A text or a number.
    Literal(String),
    /// Anything else.
    Mark(char),
}

impl Token {
    pub(super) fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own.eq_ignore_ascii_case(word))
    }
}

/// Returns the pieces of a text, comments left out.
pub(super) fn tokens(sql: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = sql.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = next(rest, first);
        tokens.extend(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    tokens
}

/// Returns the first piece, none for a comment, and its length.
fn next(rest: &str, first: char) -> (Option<Token>, usize) {
    let is_part =
        |character: char| character.is_alphanumeric() || "_$".contains(character) || character == PUT_IN;
    let run = || rest.find(|character: char| !is_part(character)).unwrap_or(rest.len());
    match first {
        '-' if rest.starts_with("--") => (None, rest.find('\n').unwrap_or(rest.len())),
        '/' if rest.starts_with("/*") => (None, rest.find("*/").map_or(rest.len(), |end| end + 2)),
        '\'' => quoted(rest, '\'', Token::Literal),
        '"' | '`' => quoted(rest, first, Token::Quoted),
        '$' => dollar_quoted(rest),
        _ if first.is_ascii_digit() => (Some(Token::Literal(rest[..run()].to_owned())), run()),
        _ if is_part(first) => (Some(Token::Word(rest[..run()].to_owned())), run()),
        _ => (Some(Token::Mark(first)), first.len_utf8()),
    }
}

/// A piece in quotes; one in the text is written twice.
fn quoted(rest: &str, quote: char, make: fn(String) -> Token) -> (Option<Token>, usize) {
    let mut content = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((place, character)) = characters.next() {
        if character != quote {
            content.push(character);
        } else if characters.next_if(|(_, next)| *next == quote).is_some() {
            content.push(quote);
        } else {
            return (Some(make(content)), place + 1);
        }
    }
    (Some(make(content)), rest.len())
}

/// `$$text$$`, `$tag$text$tag$`, and parameters such as `$1`.
fn dollar_quoted(rest: &str) -> (Option<Token>, usize) {
    let tag = rest[1..].find('$').map(|end| &rest[..end + 2]);
    let tag = tag.filter(|tag| tag[1..tag.len() - 1].chars().all(char::is_alphanumeric));
    let content = tag.and_then(|tag| Some((tag, rest[tag.len()..].find(tag)?)));
    match content {
        Some((tag, length)) => {
            let text = rest[tag.len()..tag.len() + length].to_owned();
            (Some(Token::Literal(text)), 2 * tag.len() + length)
        }
        None => (Some(Token::Mark('$')), 1),
    }
}
