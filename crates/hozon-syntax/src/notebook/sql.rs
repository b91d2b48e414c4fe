//! The tables that a SQL text reads and makes.

use std::collections::BTreeSet;

use super::sql_tokens::{PUT_IN, Token, tokens};

/// What a SQL text does to tables. Names are in parts: database, schema, table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SqlTables {
    /// The tables that it reads, as written, but for those that it has made before.
    pub(super) read: BTreeSet<Vec<String>>,
    /// The tables and views that it makes, in lower case.
    pub(super) made: BTreeSet<Vec<String>>,
    /// The schemas and databases that it makes, in lower case.
    pub(super) made_schemas: BTreeSet<String>,
    /// It does more than to ask.
    pub(super) has_effect: bool,
    /// It reads tables whose names its text does not show.
    pub(super) reads_unseen: bool,
}

/// What statements that only ask begin with.
const ASKING: [&str; 13] = [
    "select",
    "with",
    "from",
    "describe",
    "desc",
    "summarize",
    "explain",
    "show",
    "values",
    "pivot",
    "unpivot",
    "table",
    "analyze",
];

/// What statements that change something begin with, where other languages than SQL are met as well.
const CHANGING: [&str; 13] = [
    "create", "insert", "update", "delete", "drop", "alter", "attach", "detach", "copy", "truncate", "merge",
    "replace", "vacuum",
];

/// Tells whether a text is surely SQL: pandas has a language of its own for `frame.query("…")`.
pub(super) fn is_sql(text: &str) -> bool {
    let begins_with = |words: &[&str], token: &Token| words.iter().any(|word| token.is_word(word));
    match &tokens(text)[..] {
        [first, Token::Word(_) | Token::Quoted(_), ..] => {
            begins_with(&ASKING, first) || begins_with(&CHANGING, first)
        }
        [first, _, ..] => begins_with(&["select", "from", "with"], first),
        _ => false,
    }
}

/// Keywords after which the tables of a clause are over.
const ENDING: [&str; 19] = [
    "select",
    "where",
    "group",
    "order",
    "having",
    "limit",
    "union",
    "except",
    "intersect",
    "window",
    "qualify",
    "set",
    "values",
    "offset",
    "returning",
    "when",
    "to",
    "then",
    "end",
];

/// Keywords that stand before the name of a table.
const LEADING: [&str; 7] = ["lateral", "only", "if", "not", "exists", "table", "view"];

/// Functions with `FROM` between their arguments.
const WITH_FROM: [&str; 5] = ["extract", "substring", "trim", "overlay", "position"];

/// Files that are read as if they were tables.
const FILE_ENDINGS: [&str; 7] = [".csv", ".parquet", ".json", ".txt", ".db", ".tsv", ".xlsx"];

/// Reads a SQL text.
pub(super) fn tables(sql: &str) -> SqlTables {
    let mut found = SqlTables::default();
    let tokens = tokens(sql);
    for statement in tokens.split(|token| *token == Token::Mark(';')).filter(|it| !it.is_empty()) {
        found.has_effect |=
            !ASKING.iter().any(|word| statement[0].is_word(word)) && statement[0] != Token::Mark('(');
        let scan = Scan { tokens: statement, at: 0, levels: vec![Level::default()], read: BTreeSet::new() };
        let read = scan.read();
        let common = common_names(statement);
        let made = found.made.clone();
        found.read.extend(read.into_iter().filter(|parts| {
            let lower = lower(parts);
            !(made.contains(&lower) || lower.len() == 1 && common.contains(&lower[0]))
        }));
        found.add_made(statement);
    }
    found.leave_out_unseen();
    found
}

fn lower(parts: &[String]) -> Vec<String> {
    parts.iter().map(|part| part.to_lowercase()).collect()
}

/// Returns the names that `WITH name AS (…)` gives, in lower case.
fn common_names(statement: &[Token]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for at in 1..statement.len() {
        let before = &statement[at - 1];
        let is_place = before.is_word("with") || before.is_word("recursive") || *before == Token::Mark(',');
        let Some(name) = name_at(statement, at).filter(|_| is_place) else { continue };
        let mut next = after_parentheses(statement, at + 1);
        if !statement.get(next).is_some_and(|token| token.is_word("as")) {
            continue;
        }
        next += 1;
        while statement.get(next).is_some_and(|token| token.is_word("not") || token.is_word("materialized")) {
            next += 1;
        }
        if statement.get(next) == Some(&Token::Mark('(')) {
            names.insert(name.to_lowercase());
        }
    }
    names
}

fn name_at(statement: &[Token], at: usize) -> Option<&str> {
    match statement.get(at)? {
        Token::Word(name) | Token::Quoted(name) => Some(name),
        Token::Literal(_) | Token::Mark(_) => None,
    }
}

/// Returns the place behind the parentheses that open at `at`, if any do.
fn after_parentheses(statement: &[Token], at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in statement.iter().enumerate().skip(at) {
        match token {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return if index == at && *token != Token::Mark(')') { at } else { index + 1 };
        }
    }
    statement.len()
}

/// Returns the parts of the name at `at`, and the place behind it.
fn qualified(statement: &[Token], at: usize) -> (Vec<String>, usize) {
    let (mut parts, mut next) = (Vec::new(), at);
    while let Some(name) = name_at(statement, next) {
        parts.push(name.to_owned());
        next += 1;
        if statement.get(next) != Some(&Token::Mark('.')) {
            break;
        }
        next += 1;
    }
    (parts, next)
}

impl SqlTables {
    fn leave_out_unseen(&mut self) {
        let is_seen = |parts: &Vec<String>| !parts.iter().any(|part| part.contains(PUT_IN));
        self.reads_unseen |= !self.read.iter().all(is_seen);
        self.read.retain(is_seen);
        self.made.retain(is_seen);
        self.made_schemas.retain(|name| !name.contains(PUT_IN));
    }

    /// Notes what `CREATE` and `ATTACH` make.
    fn add_made(&mut self, statement: &[Token]) {
        let skip = |at: usize, words: &[&str]| {
            let is_word = |token: &&Token| words.iter().any(|word| token.is_word(word));
            at + statement[at.min(statement.len())..].iter().take_while(is_word).count()
        };
        if statement[0].is_word("create") {
            let at = skip(1, &["or", "replace", "temp", "temporary"]);
            let (parts, _) = qualified(statement, skip(at + 1, &["if", "not", "exists"]));
            let is = |word| statement.get(at).is_some_and(|token| token.is_word(word));
            if is("table") || is("view") {
                self.made.insert(lower(&parts));
            } else if is("schema") {
                self.made_schemas.extend(lower(&parts).pop());
            }
        } else if statement[0].is_word("attach") {
            self.made_schemas.extend(attached(statement, skip(1, &["database", "if", "not", "exists"])));
        }
    }
}

/// Returns the name of an attached database: that behind `AS`, or one made of the file's.
fn attached(statement: &[Token], at: usize) -> Option<String> {
    if statement.get(at + 1).is_some_and(|token| token.is_word("as")) {
        return name_at(statement, at + 2).map(str::to_lowercase);
    }
    let path = match statement.get(at)? {
        Token::Literal(text) | Token::Quoted(text) | Token::Word(text) => text.as_str(),
        Token::Mark(_) => return None,
    };
    let file = path.rsplit(['/', '\\', ':']).next().unwrap_or(path);
    Some(file.split('.').next().unwrap_or(file).to_lowercase())
}

/// A walk through one statement that finds the names of tables where tables stand.
struct Scan<'t> {
    tokens: &'t [Token],
    at: usize,
    /// The parentheses around this place, and the statement itself.
    levels: Vec<Level>,
    read: BTreeSet<Vec<String>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// The next name is that of a table.
    expects_table: bool,
    /// A comma is followed by another table.
    has_list: bool,
    /// `FROM` stands between arguments here.
    is_function: bool,
}

impl Scan<'_> {
    fn read(mut self) -> BTreeSet<Vec<String>> {
        while let Some(token) = self.tokens.get(self.at) {
            match token {
                Token::Mark('(') => self.open(),
                Token::Mark(')') if self.levels.len() > 1 => _ = self.levels.pop(),
                Token::Mark(',') => self.level().expects_table = self.level().has_list,
                Token::Word(word) if self.keyword(&word.to_lowercase()) => {}
                Token::Word(_) | Token::Quoted(_) if self.level().expects_table => {
                    self.table();
                    continue;
                }
                Token::Literal(_) => self.level().expects_table = false,
                _ => {}
            }
            self.at += 1;
        }
        self.read
    }

    fn level(&mut self) -> &mut Level {
        if self.levels.is_empty() {
            self.levels.push(Level::default());
        }
        let last = self.levels.len() - 1;
        &mut self.levels[last]
    }

    fn before(&self, distance: usize) -> Option<&Token> {
        self.tokens.get(self.at.checked_sub(distance)?)
    }

    fn open(&mut self) {
        let is_function =
            self.before(1).is_some_and(|token| WITH_FROM.iter().any(|function| token.is_word(function)));
        let outer = std::mem::replace(&mut self.level().expects_table, false);
        self.levels.push(Level { expects_table: outer, has_list: outer, is_function });
    }

    /// Takes a keyword; tells whether it is one.
    fn keyword(&mut self, word: &str) -> bool {
        let is_first = self.at == 0 || self.before(1).is_some_and(|token| token.is_word("explain"));
        let next_is_open = self.tokens.get(self.at + 1) == Some(&Token::Mark('('));
        let is_comparison = self.before(1).is_some_and(|token| token.is_word("distinct"))
            && self.before(2).is_some_and(|token| token.is_word("is") || token.is_word("not"));
        match word {
            "from" if self.level().is_function || is_comparison => {}
            "from" | "join" => self.expect(true),
            // `UNPIVOT … INTO NAME` names a column.
            "into" if self.tokens.get(self.at + 1).is_some_and(|token| token.is_word("name")) => {}
            "into" => self.expect(false),
            "using" if !next_is_open => self.expect(false),
            "table" | "update" | "describe" | "desc" | "summarize" | "drop" | "copy" | "pivot"
            | "unpivot" | "truncate" | "analyze"
                if is_first =>
            {
                self.expect(false);
            }
            "with" => self.level().expects_table = false,
            _ if ENDING.contains(&word) => {
                let level = self.level();
                (level.expects_table, level.has_list) = (false, false);
            }
            _ => return LEADING.contains(&word),
        }
        true
    }

    fn expect(&mut self, has_list: bool) {
        let level = self.level();
        (level.expects_table, level.has_list) = (true, has_list);
    }

    /// Takes the name of a table. What arguments follow is a function, but for `INSERT INTO name (…)`.
    fn table(&mut self) {
        let is_target = self.before(1).is_some_and(|token| token.is_word("into"));
        let (parts, next) = qualified(self.tokens, self.at);
        self.level().expects_table = false;
        self.at = next.max(self.at + 1);
        let is_function = self.tokens.get(next) == Some(&Token::Mark('(')) && !is_target;
        let last = parts.last().map(String::as_str).unwrap_or_default();
        let is_file = last.contains("://") || FILE_ENDINGS.iter().any(|ending| last.ends_with(ending));
        if !(is_function || is_file || parts.is_empty()) {
            self.read.insert(parts);
        }
    }
}
