//! Why a computation ran, or would run: by its recipe, the entries of its name, and what the index
//! remembers of removals and of results that were not stored.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use hozon_format::Key;
use hozon_key::{Explanation, Node, age, decode, explain, visible};
use hozon_store::{Removed, Run, Store, StoreError, Summary};

use crate::accepting::{Acceptable, acceptable};

/// With how many earlier entries of its name a recipe is compared, the newest first.
const MOST_COMPARED: usize = 256;

/// Why a computation ran, or would run.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// What it comes down to.
    pub cause: Cause,
    /// What differs from the nearest earlier entry.
    pub explanation: Explanation<Key>,
    /// With how many entries it was compared.
    pub compared: usize,
    /// Why what was accepted for its name does not cover it.
    pub not_accepted: Option<String>,
}

/// What an explanation comes down to.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// Nothing of its name is known that it could be compared with.
    FirstRun,
    /// It differs from the nearest earlier entry.
    Changed,
    /// Its result was stored, and removed.
    Removed {
        /// When, in Unix milliseconds.
        when_ms: u64,
        /// By what: a word of [`Removed`].
        why: String,
    },
    /// It ran before, and its result was not stored.
    NeverStored {
        /// When it last ran, in Unix milliseconds.
        when_ms: u64,
        /// Why it was not stored, for people.
        why: String,
    },
}

/// What the index remembers, read once for many explanations. It may know nothing.
#[derive(Debug, Default)]
pub struct Memory {
    /// Entries that are gone.
    pub removed: Vec<Removed>,
    /// Entries that were gone once and are stored again.
    pub returned: Vec<Removed>,
    /// What ran, latest first.
    pub runs: Vec<Run>,
    /// Recipes that have been read.
    recipes: RefCell<HashMap<Key, Option<Rc<Node>>>>,
}

impl Memory {
    /// Reads what the index of a store remembers. Without an index, that is nothing.
    pub fn of(store: &Store) -> Self {
        Self {
            removed: store.removed().unwrap_or_default(),
            returned: store.returned().unwrap_or_default(),
            runs: store.runs().unwrap_or_default(),
            recipes: RefCell::default(),
        }
    }

    /// Returns the recipe of an entry, read once; `None` if it is gone or of another release.
    pub fn recipe(&self, store: &Store, key: &Key) -> Option<Rc<Node>> {
        let read = || {
            let entry = store.entry_for_explaining(key)?;
            decode(&entry.recipe).ok().map(Rc::new)
        };
        self.recipes.borrow_mut().entry(*key).or_insert_with(read).clone()
    }
}

/// Explains a call that is not stored, before or after it ran.
///
/// # Errors
///
/// Those of [`Store::summaries_of`].
pub fn explain_call(store: &Store, key: &Key, now: &Node, name: &str) -> Result<Told, StoreError> {
    explain_among(store, &Memory::of(store), &store.summaries_of(name)?, key, now, name, u64::MAX)
}

/// As [`explain_call`], by what has been read of the store, and of that what was there at a time: a computation
/// that has run since is no earlier run of its own.
///
/// # Errors
///
/// Those of [`Store::summaries_of`].
pub fn explain_among(
    store: &Store,
    memory: &Memory,
    summaries: &[Summary],
    key: &Key,
    now: &Node,
    name: &str,
    at_ms: u64,
) -> Result<Told, StoreError> {
    let is_earlier = |other: &&Summary| other.facts.created_ms <= at_ms && other.key != *key;
    let earlier = summaries.iter().filter(|other| other.facts.name == name).filter(is_earlier);
    let cause =
        removal(&memory.removed, key).or_else(|| unstored(&memory.runs, key, at_ms.saturating_add(1)));
    let not_accepted = match acceptable(store, now, name)? {
        Acceptable::Refused(why) => Some(why),
        _ => None,
    };
    Ok(Told { not_accepted, ..told(store, memory, now, earlier, cause) })
}

/// Explains why a stored entry ran: what differs from the nearest of the `earlier` ones, newest first.
pub fn explain_entry<'a>(
    store: &Store,
    memory: &Memory,
    entry: &Summary,
    now: &Node,
    earlier: impl Iterator<Item = &'a Summary>,
) -> Told {
    let made_ms = entry.facts.created_ms;
    let was_removed = |removed: &&Removed| removed.when_ms <= made_ms;
    let removed = memory.returned.iter().filter(was_removed).find(|removed| removed.key == entry.key);
    let cause = removed.map(cause_of).or_else(|| unstored(&memory.runs, &entry.key, made_ms));
    told(store, memory, now, earlier, cause)
}

fn told<'a>(
    store: &Store,
    memory: &Memory,
    now: &Node,
    earlier: impl Iterator<Item = &'a Summary>,
    cause: Option<Cause>,
) -> Told {
    let recipes: Vec<(Rc<Node>, Key)> = earlier
        .take(MOST_COMPARED)
        .filter_map(|other| Some((memory.recipe(store, &other.key)?, other.key)))
        .collect();
    let tagged: Vec<(&Node, Key)> = recipes.iter().map(|(node, key)| (&**node, *key)).collect();
    let explanation = explain(now, &tagged).with_signs(|digest| store.sign_of(digest));
    let compared = if explanation.nearest.is_some() { Cause::Changed } else { Cause::FirstRun };
    Told { cause: cause.unwrap_or(compared), explanation, compared: recipes.len(), not_accepted: None }
}

fn removal(removed: &[Removed], key: &Key) -> Option<Cause> {
    removed.iter().find(|removed| removed.key == *key).map(cause_of)
}

fn cause_of(removed: &Removed) -> Cause {
    Cause::Removed { when_ms: removed.when_ms, why: removed.why.clone() }
}

/// The latest run of a key before a time, if its result was not stored.
fn unstored(runs: &[Run], key: &Key, before_ms: u64) -> Option<Cause> {
    let run = runs.iter().find(|run| run.key == *key && run.when_ms < before_ms)?;
    run.unstored.as_ref().map(|why| Cause::NeverStored { when_ms: run.when_ms, why: why.clone() })
}

impl Told {
    /// The explanation in lines, without the differences of code.
    pub fn lines(&self, now_ms: u64) -> Vec<String> {
        match &self.cause {
            Cause::FirstRun | Cause::Changed => {
                self.explanation.to_string().lines().map(str::to_owned).collect()
            }
            Cause::Removed { when_ms, why } => {
                vec![format!("its stored result was {} {}", removal_words(why), age(*when_ms, now_ms))]
            }
            Cause::NeverStored { when_ms, why } => {
                let when = age(*when_ms, now_ms);
                vec![format!("it ran before, {when}, and its result was not stored: {}", visible(why))]
            }
        }
    }

    /// The lines, and below them the differences of code.
    pub fn text(&self, now_ms: u64) -> String {
        let mut lines = self.lines(now_ms);
        lines.extend(
            self.not_accepted.iter().map(|why| format!("what was accepted does not cover it: {why}")),
        );
        if self.cause == Cause::Changed {
            for change in &self.explanation.changes {
                let code = change.code_lines();
                if !code.is_empty() {
                    lines.push(String::new());
                    lines.extend(code);
                }
            }
        }
        lines.join("\n")
    }

    /// The word for the cause, the same in every release.
    pub fn word(&self) -> &'static str {
        match self.cause {
            Cause::FirstRun => "first_run",
            Cause::Changed => "changed",
            Cause::Removed { .. } => "removed",
            Cause::NeverStored { .. } => "never_stored",
        }
    }
}

/// How an entry went, as it is told to people.
pub fn removal_words(why: &str) -> &str {
    match why {
        "cleared" => "removed by `hozon clear`",
        "cleared by code" => "removed by cache_clear()",
        "forgotten" => "removed by cache_forget()",
        "cleared in a session" => "removed by `%hozon clear`",
        "expired" => "removed because it was older than its ttl",
        "unusable" => "removed because it could not be restored",
        "revoked" => "removed by `hozon accept --revoke`",
        "gone" => "found removed from the store's folder",
        other => other,
    }
}
