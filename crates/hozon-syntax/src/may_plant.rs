//! Tells from the text of a module whether it may put anything on things that are not its own.
//!
//! Text that does must be found; text that does not may be taken for such. A program reads all its local
//! modules for this at its first hit, so that it must not cost what a parser does: texts, comments, brackets
//! and the ends of statements are told apart, and no more.

use crate::plants::REGISTER;

/// Tells quickly whether a text may put anything anywhere: where not, its tree need not be read for it.
pub fn may_plant(source: &str) -> bool {
    Scanner { bytes: source.as_bytes(), index: 0, depth: 0, code: Vec::new(), assigned: None }.finds_any()
}

/// Reads a text by its simple statements.
struct Scanner<'s> {
    bytes: &'s [u8],
    index: usize,
    /// How many brackets are open.
    depth: u32,
    /// The present statement without comments and without what its texts hold, on one line.
    code: Vec<u8>,
    /// Where in `code` the last `=` stands that assigns outside brackets.
    assigned: Option<usize>,
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
                    self.assigned = None;
                }
                Ok(false) => {}
                Err(Unclear) => return true,
            }
        }
        self.depth > 0 || self.statement_may_plant()
    }

    /// Reads on; tells whether a statement has ended.
    fn step(&mut self) -> Result<bool, Unclear> {
        let byte = self.bytes[self.index];
        self.index += 1;
        match byte {
            b'"' | b'\'' => self.skip_text(byte)?,
            b'#' => {
                let rest = &self.bytes[self.index..];
                self.index += rest.iter().position(|byte| is_end_of_line(*byte)).unwrap_or(rest.len());
            }
            b'\\' => {
                // The statement goes on in the next line.
                let end = self.bytes[self.index..].starts_with(b"\r\n");
                self.index += if end { 2 } else { 1 };
                self.push(b' ');
            }
            b'(' | b'[' | b'{' => {
                self.depth += 1;
                self.push(byte);
            }
            b')' | b']' | b'}' => {
                self.depth = self.depth.checked_sub(1).ok_or(Unclear)?;
                self.push(byte);
            }
            b';' => return Ok(self.depth == 0),
            byte if is_end_of_line(byte) => {
                self.push(b' ');
                return Ok(self.depth == 0);
            }
            b'=' => {
                if self.depth == 0 && self.assigns() {
                    self.assigned = Some(self.code.len());
                }
                self.push(byte);
            }
            _ => self.push(byte),
        }
        Ok(false)
    }

    /// Adds a byte of code. No space is left beside a dot.
    fn push(&mut self, byte: u8) {
        if byte == b'.' {
            let kept = self.code.iter().rposition(|before| *before != b' ').map_or(0, |last| last + 1);
            self.code.truncate(kept);
        }
        let byte = if byte == b'\t' { b' ' } else { byte };
        if byte != b' ' || !matches!(self.code.last(), None | Some(b' ' | b'.')) {
            self.code.push(byte);
        }
    }

    /// Goes behind the end of a text whose first quote has been read.
    fn skip_text(&mut self, quote: u8) -> Result<(), Unclear> {
        self.push(b'"');
        let is_triple = self.bytes[self.index..].starts_with(&[quote, quote]);
        self.index += if is_triple { 2 } else { 0 };
        while let Some(&byte) = self.bytes.get(self.index) {
            self.index += 1;
            match byte {
                b'\\' => self.index += 1,
                b'\n' | b'\r' if !is_triple => return Err(Unclear),
                _ if byte == quote && !is_triple => return Ok(()),
                _ if byte == quote && self.bytes[self.index..].starts_with(&[quote, quote]) => {
                    self.index += 2;
                    return Ok(());
                }
                _ => {}
            }
        }
        Err(Unclear)
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
        // What was cut stands between ASCII: the rest is whole.
        let code = String::from_utf8_lossy(&self.code);
        let binds =
            self.assigned.is_some_and(|end| has_path(targets(&String::from_utf8_lossy(&self.code[..end]))));
        binds
            || code.contains(REGISTER)
            || (code.contains('.') && binds_by_words(&code))
            || code.contains("setattr")
            || code.contains("delattr")
    }
}

fn is_end_of_line(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

/// Tells whether `for`, `as` or `del` may bind an attribute: `for a.b in x`, `with x as a.b`, `del a.b`.
fn binds_by_words(code: &str) -> bool {
    let of_for = |rest: &str| {
        let end = words(rest, "in").next().map_or(rest.len(), |(index, _)| index);
        has_path(&rest[..end])
    };
    let of_as = |rest: &str| has_path(&rest[..rest.find([',', ':', ')']).unwrap_or(rest.len())]);
    words(code, "for").any(|(_, rest)| of_for(rest))
        || words(code, "as").any(|(_, rest)| of_as(rest))
        || words(code, "del").any(|(_, rest)| has_path(rest))
}

/// The places of a word, and what stands behind each.
fn words<'l>(code: &'l str, word: &'static str) -> impl Iterator<Item = (usize, &'l str)> {
    code.match_indices(word).filter_map(move |(index, _)| {
        let (before, rest) = (&code[..index], &code[index + word.len()..]);
        // A digit may stand right before a word: `1for x in y`.
        let goes_on = before.ends_with(|it: char| is_of_name(it) && !it.is_ascii_digit());
        (!goes_on && !rest.starts_with(is_of_name)).then_some((index, rest))
    })
}

/// What stands before an `=` without an annotation: `x` of `x: np.ndarray`, but all of `if x: a.b`.
fn targets(before: &str) -> &str {
    let Some((target, _)) = before.split_once(':') else { return before };
    let name = target.trim();
    let is_annotated = !name.is_empty() && name.chars().all(|it| is_of_name(it) || it == '.');
    if is_annotated && !["else", "try", "finally"].contains(&name) { target } else { before }
}

/// Tells whether one of the targets is an attribute of a name that is not `self` or `cls`: what ends with a
/// subscript is none, `os.environ["a"]`.
fn has_path(targets: &str) -> bool {
    // Brackets around targets, and operators: `(a.b) +=`.
    let not_of_targets = |it: char| " )]+-*/%&|^@<>".contains(it);
    targets.split([',', '=']).any(|target| {
        let target = target.trim_end_matches(not_of_targets);
        let is_of_path = |it: char| is_of_name(it) || it == '.';
        let path = &target[target.rfind(|it| !is_of_path(it)).map_or(0, |index| index + 1)..];
        let root = path.split('.').next().unwrap_or(path);
        path.len() > root.len() && !["", "self", "cls"].contains(&root)
    })
}

/// Bytes of UTF-8 beyond ASCII may be of a name.
fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || !character.is_ascii()
}
