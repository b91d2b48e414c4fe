//! Whose entries a user takes: the file of trusted keys, and what it says of one signer. Pure.
//!
//! One line for each key: a name, the key in its text form, then `scopes=PATTERN,PATTERN` and
//! `revoked=DATE` where they apply. Lines that begin with `#` are for people.

use std::collections::HashSet;
use std::fmt::Write as _;

use hozon_format::{PublicKey, PublicKeyError};
use wildmatch::WildMatch;

/// Whose entries a user takes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trust {
    /// The user's own key: trusted unless it is revoked.
    pub own: Option<PublicKey>,
    /// Everybody else that the file names.
    pub signers: Vec<Signer>,
}

/// A line of the file of trusted keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// What the user calls it: one word.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// Patterns of names of computations, with `*` and `?`; empty: all.
    pub scopes: Vec<String>,
    /// The day from which on nothing of it is taken or used.
    pub revoked: Option<String>,
}

/// What a user's trust says of a signer and a computation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// What it signed is used.
    Trusted,
    /// It is trusted with other computations.
    OutOfScope,
    /// It was trusted once.
    Revoked,
    /// Nobody said that it is trusted.
    Unknown,
}

/// Why the file of trusted keys, or a line for it, is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// A name is not one word.
    #[error("{0:?} is no name for a key: it is to be one word, with neither `#` nor `=`")]
    BadName(String),
    /// A pattern holds what the file cannot.
    #[error("{0:?} is no pattern of names: it is to have neither spaces nor commas, `?` stands for one")]
    BadScope(String),
    /// A line of the file cannot be read.
    #[error("line {line}: {why}")]
    BadLine {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// Another key has the name.
    #[error("another key is named {0}; give this one another name, or remove that one first")]
    NameTaken(String),
    /// The key was revoked.
    #[error("that key was revoked on {date}, as {name}: it stays so")]
    Revoked {
        /// Its name.
        name: String,
        /// When it was.
        date: String,
    },
    /// No key has the name.
    #[error("no key is named {0}")]
    NoSuchName(String),
    /// The key is the user's own.
    #[error("that is your own key, which is trusted anyway")]
    OwnKey,
}

const HEADING: &str = "# Whose results hozon takes. `hozon trust` edits this file.\n";
const SCOPES: &str = "scopes=";
const REVOKED: &str = "revoked=";

impl Trust {
    /// Reads the file. A line that cannot be read makes all of it unreadable: it may revoke a key.
    ///
    /// # Errors
    ///
    /// What is wrong with which line.
    pub fn parse(text: &str) -> Result<Self, TrustError> {
        let mut trust = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let signer = Signer::parse(line).map_err(|why| TrustError::BadLine { line: index + 1, why })?;
            trust.signers.push(signer);
        }
        Ok(trust)
    }

    /// Returns the text of the file.
    pub fn text(&self) -> String {
        self.signers.iter().fold(HEADING.to_owned(), |text, signer| text + &signer.line())
    }

    /// Says whether what `signer` signed is used for computations of all of these names.
    pub fn verdict(&self, signer: &PublicKey, names: &[&str]) -> Verdict {
        let entered: Vec<&Signer> = self.signers.iter().filter(|entered| entered.key == *signer).collect();
        if entered.iter().any(|entered| entered.revoked.is_some()) {
            return Verdict::Revoked;
        }
        if self.own == Some(*signer) {
            return Verdict::Trusted;
        }
        let covers = |name: &&str| entered.iter().any(|entered| entered.covers(name));
        match entered.is_empty() {
            true => Verdict::Unknown,
            false if names.iter().all(covers) => Verdict::Trusted,
            false => Verdict::OutOfScope,
        }
    }

    /// Adds a key, or gives one that is there another name and other scopes.
    ///
    /// # Errors
    ///
    /// `Revoked`, `OwnKey`, `NameTaken`, `BadName` or `BadScope`.
    pub fn add(&mut self, name: &str, key: PublicKey, scopes: Vec<String>) -> Result<(), TrustError> {
        if !is_name(name) {
            return Err(TrustError::BadName(name.to_owned()));
        }
        if let Some(bad) = scopes.iter().find(|scope| !is_scope(scope)) {
            return Err(TrustError::BadScope(bad.clone()));
        }
        if let Some((name, date)) = self.revocation(&key) {
            return Err(TrustError::Revoked { name: name.to_owned(), date: date.to_owned() });
        }
        if self.own == Some(key) {
            return Err(TrustError::OwnKey);
        }
        if self.signers.iter().any(|other| other.name == name && other.key != key) {
            return Err(TrustError::NameTaken(name.to_owned()));
        }
        self.signers.retain(|other| other.key != key);
        self.signers.push(Signer { name: name.to_owned(), key, scopes, revoked: None });
        Ok(())
    }

    /// Forgets a key that is not revoked, and returns it.
    ///
    /// # Errors
    ///
    /// `NoSuchName`, or `Revoked`: what is revoked stays listed.
    pub fn remove(&mut self, name: &str) -> Result<PublicKey, TrustError> {
        let key = self.key_of(name)?;
        if let Some((name, date)) = self.revocation(&key) {
            return Err(TrustError::Revoked { name: name.to_owned(), date: date.to_owned() });
        }
        self.signers.retain(|signer| signer.key != key);
        Ok(key)
    }

    /// Revokes a key for good, by its name or, be it listed or not, itself; and returns it. `date` is that of
    /// today, for people.
    ///
    /// # Errors
    ///
    /// `NoSuchName`.
    pub fn revoke(&mut self, name_or_key: &str, date: &str) -> Result<PublicKey, TrustError> {
        let key = match PublicKey::parse(name_or_key) {
            Ok((key, _)) => key,
            Err(_) => self.key_of(name_or_key)?,
        };
        if !self.signers.iter().any(|signer| signer.key == key) {
            let name = format!("revoked-{}", &key.hex()[..8]);
            self.signers.push(Signer { name, key, scopes: vec![], revoked: None });
        }
        for signer in self.signers.iter_mut().filter(|signer| signer.key == key) {
            signer.revoked.get_or_insert_with(|| date.to_owned());
        }
        Ok(key)
    }

    /// Returns the name and the date of the line that revokes a key.
    fn revocation(&self, key: &PublicKey) -> Option<(&str, &str)> {
        let mut entered = self.signers.iter().filter(|signer| signer.key == *key);
        entered.find_map(|signer| Some((signer.name.as_str(), signer.revoked.as_deref()?)))
    }

    fn key_of(&self, name: &str) -> Result<PublicKey, TrustError> {
        let named = self.signers.iter().find(|signer| signer.name == name);
        named.map(|signer| signer.key).ok_or_else(|| TrustError::NoSuchName(name.to_owned()))
    }
}

impl Signer {
    fn parse(line: &str) -> Result<Self, String> {
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        if !is_name(name) {
            return Err(TrustError::BadName(name.to_owned()).to_string());
        }
        let (key, options) = PublicKey::parse(rest).map_err(|error: PublicKeyError| error.to_string())?;
        let mut signer = Self { name: name.to_owned(), key, scopes: vec![], revoked: None };
        let mut seen = HashSet::new();
        for option in options.split_whitespace() {
            signer.read_option(option)?;
            if !seen.insert(option.split('=').next()) {
                return Err(format!("{option:?} is there twice"));
            }
        }
        Ok(signer)
    }

    fn read_option(&mut self, option: &str) -> Result<(), String> {
        if let Some(scopes) = option.strip_prefix(SCOPES) {
            self.scopes = scopes.split(',').map(str::to_owned).collect();
            return match self.scopes.iter().all(|scope| is_scope(scope)) {
                true => Ok(()),
                false => Err(format!("{option:?} has an empty pattern")),
            };
        }
        match option.strip_prefix(REVOKED) {
            Some(date) if !date.is_empty() => {
                self.revoked = Some(date.to_owned());
                Ok(())
            }
            _ => Err(format!("{option:?} is neither `scopes=` nor `revoked=`")),
        }
    }

    fn line(&self) -> String {
        let mut line = format!("{} {}", self.name, self.key);
        if !self.scopes.is_empty() {
            let _ = write!(line, " {SCOPES}{}", self.scopes.join(","));
        }
        if let Some(date) = &self.revoked {
            let _ = write!(line, " {REVOKED}{date}");
        }
        line + "\n"
    }

    /// Tells whether it is trusted with computations of this name.
    fn covers(&self, name: &str) -> bool {
        self.scopes.is_empty() || self.scopes.iter().any(|scope| WildMatch::new(scope).matches(name))
    }
}

fn is_name(name: &str) -> bool {
    let is_of_names =
        |letter: char| !letter.is_whitespace() && !letter.is_control() && !"#=".contains(letter);
    !name.is_empty() && name.chars().all(is_of_names)
}

fn is_scope(scope: &str) -> bool {
    let is_of_scopes = |letter: char| !letter.is_whitespace() && !letter.is_control() && letter != ',';
    !scope.is_empty() && scope.chars().all(is_of_scopes)
}
