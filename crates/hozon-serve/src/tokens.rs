//! Who may do what: bearer tokens.

use blake3::Hash;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// To read.
    Read,
    /// To read, to store and to remove.
    Write,
}

/// The tokens that a server knows, by their digests.
#[derive(Clone)]
pub struct Tokens(Vec<(Hash, Scope)>);

/// Why a text with tokens cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// A line is not a scope and a token.
    #[error("line {0} is not `read TOKEN` or `write TOKEN`")]
    Line(usize),
    /// A token can be guessed.
    #[error("the token on line {0} is shorter than 22 characters: it could be guessed")]
    Short(usize),
    /// Nobody could ask anything.
    #[error("there is no token in it")]
    None,
}

/// 128 bits in base 64.
const LEAST_CHARACTERS: usize = 22;

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens({})", self.0.len())
    }
}

impl Tokens {
    /// Reads a text with a scope and a token on each line; empty lines and those with `#` are passed over.
    ///
    /// # Errors
    /// The first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let tokens: Vec<_> = lines.map(|(number, line)| token(number, line)).collect::<Result<_, _>>()?;
        if tokens.is_empty() { Err(TokenError::None) } else { Ok(Self(tokens)) }
    }

    /// Tells what a token is good for. Takes the same time for each that is wrong.
    pub(crate) fn scope_of(&self, token: &str) -> Option<Scope> {
        let asked = blake3::hash(token.as_bytes());
        // The comparison of two digests takes the same time wherever they differ.
        let fitting = self.0.iter().map(|(known, scope)| (*known == asked).then_some(*scope));
        fitting.fold(None, Option::max)
    }
}

fn token(number: usize, line: &str) -> Result<(Hash, Scope), TokenError> {
    let (scope, token) = line.split_once(char::is_whitespace).ok_or(TokenError::Line(number))?;
    let scope = match scope {
        "read" => Scope::Read,
        "write" => Scope::Write,
        _ => return Err(TokenError::Line(number)),
    };
    let token = token.trim();
    if token.len() < LEAST_CHARACTERS {
        return Err(TokenError::Short(number));
    }
    if token.contains(|character: char| !character.is_ascii_graphic()) {
        return Err(TokenError::Line(number));
    }
    Ok((blake3::hash(token.as_bytes()), scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    const READER: &str = "reader-reader-reader-reader";
    const WRITER: &str = "writer-writer-writer-writer";

    #[test]
    fn a_token_is_good_for_its_scope_and_no_other_is_good() {
        let tokens = Tokens::parse(&format!("# team\nread {READER}\n\nwrite  {WRITER} \n")).unwrap();
        assert_eq!(tokens.scope_of(READER), Some(Scope::Read));
        assert_eq!(tokens.scope_of(WRITER), Some(Scope::Write));
        for wrong in ["", "reader", &READER[1..], &format!("{READER}x"), &READER.to_uppercase()] {
            assert_eq!(tokens.scope_of(wrong), None, "{wrong}");
        }
        assert!(!format!("{tokens:?}").contains("reader"));
    }

    #[test]
    fn a_text_that_is_no_list_of_tokens_is_refused() {
        let wrong = [
            ("", TokenError::None),
            ("# nobody\n", TokenError::None),
            ("read", TokenError::Line(1)),
            ("\nadmin reader-reader-reader-reader", TokenError::Line(2)),
            ("read reader-reader reader-reader", TokenError::Line(1)),
            ("write short", TokenError::Short(1)),
        ];
        for (text, why) in wrong {
            assert_eq!(Tokens::parse(text).unwrap_err(), why, "{text}");
        }
    }
}
