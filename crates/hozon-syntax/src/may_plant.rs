//! Tells from the text of a module whether it may put anything on things that are not its own.
//!
//! Text that does must be found; text that does not may be taken for such. A program reads all its local
//! modules for this at its first hit, so that it must not cost what a parser does: texts, comments, brackets
//! and the ends of statements are told apart, and no more.

use crate::plants::REGISTER;

/// Tells quickly whether a text may put anything anywhere: where not, its tree need not be read for it.
pub fn may_plant(source: &str) -> bool {
    // Looked for once, and in each statement only if it is somewhere in the text.
    let words = [REGISTER, "setattr", "delattr"].into_iter().filter(|word| source.contains(word)).collect();
    let bytes = source.as_bytes();
    Scanner { bytes, index: 0, depth: 0, code: Vec::new(), assigned: None, has_dot: false, words }.finds_any()
}

/// Reads a text by its simple statements.
struct Scanner<'s> {
    bytes: &'s [u8],
    index: usize,
    /// How many brackets are open.
    depth: u32,
    /// The present statement without comments and without what its texts hold, on one line, in ASCII.
    code: Vec<u8>,
    /// Where in `code` the last `=` stands that assigns outside brackets.
    assigned: Option<usize>,
    /// Whether a dot stands in the statement.
    has_dot: bool,
    /// The words in the text of which any statement that has one may put something on something.
    words: Vec<&'static str>,
}

/// The text is none that can be told apart.
struct Unclear;

impl Scanner<'_> {
    fn finds_any(mut self) -> bool {
        while self.index < self.bytes.len() {
            match self.step() {
                Ok(true) if self.statement_may_plant() => return true,
                Ok(true) => {
                    self.code.clear();
                    (self.assigned, self.has_dot) = (None, false);
                }
                Ok(false) => {}
                Err(Unclear) => return true,
            }
        }
        self.depth > 0 || self.statement_may_plant()
    }

    /// Reads on; tells whether a statement has ended.
    fn step(&mut self) -> Result<bool, Unclear> {
        let rest = &self.bytes[self.index..];
        let plain = rest.iter().position(|byte| !IS_PLAIN[usize::from(*byte)]).unwrap_or(rest.len());
        if plain > 0 {
            self.push(&rest[..plain]);
            self.index += plain;
            return Ok(false);
        }
        let byte = rest[0];
        self.index += 1;
        match byte {
            b'"' | b'\'' => self.skip_text(byte)?,
            b'#' => {
                let rest = &self.bytes[self.index..];
                self.index += rest.iter().position(|byte| is_end_of_line(*byte)).unwrap_or(rest.len());
            }
            // A name may be written in other letters, of full width perhaps.
            _ if !byte.is_ascii() => return Err(Unclear),
            b'\\' => {
                // The statement goes on in the next line.
                let end = self.bytes[self.index..].starts_with(b"\r\n");
                self.index += if end { 2 } else { 1 };
                self.push(b" ");
            }
            b'(' | b'[' | b'{' => {
                self.depth += 1;
                self.push(&[byte]);
            }
            b')' | b']' | b'}' => {
                self.depth = self.depth.checked_sub(1).ok_or(Unclear)?;
                self.push(&[byte]);
            }
            b';' => return Ok(self.depth == 0),
            byte if is_end_of_line(byte) => {
                self.push(b" ");
                return Ok(self.depth == 0);
            }
            b'=' => {
                if self.depth == 0 && self.assigns() {
                    self.assigned = Some(self.code.len());
                }
                self.push(b"=");
            }
            b'.' => {
                self.code.truncate(self.code.trim_ascii_end().len());
                self.code.push(b'.');
                self.has_dot = true;
            }
            _ => self.push(&[byte]),
        }
        Ok(false)
    }

    /// Adds code. No blank is left beside a dot.
    fn push(&mut self, code: &[u8]) {
        let code = if self.code.last() == Some(&b'.') { code.trim_ascii_start() } else { code };
        self.code.extend_from_slice(code);
    }

    /// Goes behind the end of a text whose first quote has been read.
    fn skip_text(&mut self, quote: u8) -> Result<(), Unclear> {
        self.push(b"\"");
        let is_triple = self.bytes[self.index..].starts_with(&[quote, quote]);
        self.index += if is_triple { 2 } else { 0 };
        let stops = |byte: &u8| *byte == quote || *byte == b'\\' || (!is_triple && is_end_of_line(*byte));
        loop {
            let rest = self.bytes.get(self.index..).ok_or(Unclear)?;
            let stop = rest.iter().position(stops).ok_or(Unclear)?;
            self.index += stop + 1;
            match rest[stop] {
                b'\\' => self.index += 1,
                byte if byte != quote => return Err(Unclear),
                _ if !is_triple => return Ok(()),
                _ if self.bytes[self.index..].starts_with(&[quote, quote]) => {
                    self.index += 2;
                    return Ok(());
                }
                _ => {}
            }
        }
    }

    /// Tells whether the `=` that has just been read assigns: it does not compare, and binds no plain name
    /// as `:=` does.
    fn assigns(&mut self) -> bool {
        let before = |back: usize| self.index.checked_sub(back + 1).map(|place| self.bytes[place]);
        match before(1) {
            Some(b'!' | b':') => false,
            // `<<=` and `>>=` assign.
            Some(angle @ (b'<' | b'>')) => before(2) == Some(angle),
            _ if self.bytes.get(self.index) == Some(&b'=') => {
                self.index += 1;
                false
            }
            _ => true,
        }
    }

    fn statement_may_plant(&self) -> bool {
        if !self.has_dot && self.words.is_empty() {
            return false;
        }
        let Ok(code) = str::from_utf8(&self.code) else { return true };
        self.has_dot
            && (self.assigned.is_some_and(|end| has_path(targets(&code[..end]))) || binds_by_words(code))
            || self.words.iter().any(|word| code.contains(word))
    }
}

/// Bytes that are of the code as they stand, whatever stands around them.
static IS_PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        plain[byte] = (byte as u8).is_ascii_graphic() || matches!(byte as u8, b' ' | b'\t' | 0x0c);
        byte += 1;
    }
    let special = br#""'#\()[]{};=."#;
    let mut index = 0;
    while index < special.len() {
        plain[special[index] as usize] = false;
        index += 1;
    }
    plain
};

fn is_end_of_line(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Tells whether `for`, `as` or `del` may bind an attribute: `for a.b in x`, `with x as a.b`, `del a.b`.
fn binds_by_words(code: &str) -> bool {
    let of_for = |rest: &str| {
        let begins = |(index, _): &(usize, &str)| {
            !is_of_name(rest.as_bytes()[index - 1]) && behind(&rest[*index..], "in").is_some()
        };
        let end = rest.match_indices("in").find(begins).map_or(rest.len(), |(index, _)| index);
        has_path(&rest[..end])
    };
    let of_as = |rest: &str| has_path(&rest[..rest.find([',', ':', ')']).unwrap_or(rest.len())]);
    let bytes = code.as_bytes();
    // A digit may stand right before a word: `1for x in y`.
    let goes_on = |index: usize| {
        let before = index.checked_sub(1).map(|before| bytes[before]);
        before.is_some_and(|it| is_of_name(it) && !it.is_ascii_digit())
    };
    let mut begun =
        (0..bytes.len()).filter(|index| matches!(bytes[*index], b'f' | b'a' | b'd') && !goes_on(*index));
    begun.any(|index| {
        let rest = &code[index..];
        match bytes[index] {
            b'f' => behind(rest, "for").is_some_and(of_for),
            b'a' => behind(rest, "as").is_some_and(of_as),
            _ => behind(rest, "del").is_some_and(has_path),
        }
    })
}

/// What stands behind a word that a text begins with.
fn behind<'l>(text: &'l str, word: &str) -> Option<&'l str> {
    text.strip_prefix(word).filter(|rest| !rest.bytes().next().is_some_and(is_of_name))
}

/// What stands before an `=` without an annotation: `x` of `x: np.ndarray`, but all of `if x: a.b`.
fn targets(before: &str) -> &str {
    let Some((target, _)) = before.split_once(':') else { return before };
    let name = target.trim();
    let is_annotated = !name.is_empty() && name.bytes().all(|it| is_of_name(it) || it == b'.');
    if is_annotated && !["else", "try", "finally"].contains(&name) { target } else { before }
}

/// Tells whether one of the targets is an attribute of a name that is not `self` or `cls`: what ends with a
/// subscript is none, `os.environ["a"]`.
fn has_path(targets: &str) -> bool {
    // Brackets around targets, and operators: `(a.b) +=`.
    let not_of_targets = |it: char| " \t\x0c)]+-*/%&|^@<>".contains(it);
    targets.split([',', '=']).any(|target| {
        let target = target.trim_end_matches(not_of_targets);
        let is_of_path = |it: &u8| is_of_name(*it) || *it == b'.';
        let path = &target[target.len() - target.bytes().rev().take_while(is_of_path).count()..];
        let root = path.split('.').next().unwrap_or(path);
        path.len() > root.len() && !["", "self", "cls"].contains(&root)
    })
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
