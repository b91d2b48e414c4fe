//! Which entries a word on the command line means.

use hozon_engine::removal_words;
use hozon_key::visible;
use hozon_store::{Store, Summary};

use crate::failure::Failure;
use crate::words;

/// How many hex digits of a key a person must give.
const LEAST_DIGITS: usize = 4;
const DIGITS_OF_A_KEY: usize = 64;
const MOST_CANDIDATES: usize = 10;

/// What a word means, entries newest first.
#[derive(Debug)]
pub(crate) enum Selected<'a> {
    /// It is the name of these entries.
    Name(Vec<&'a Summary>),
    /// It is a root's name or the start of one key.
    Key(&'a Summary),
}

impl<'a> Selected<'a> {
    /// The newest entry, and a note if there are others.
    pub(crate) fn newest(&self) -> (&'a Summary, Option<String>) {
        match self {
            Self::Key(summary) => (summary, None),
            Self::Name(entries) if entries.len() == 1 => (entries[0], None),
            Self::Name(entries) => {
                let name = words::name(&entries[0].facts.name);
                let (count, key) = (entries.len(), entries[0].key.short());
                (
                    entries[0],
                    Some(format!("note: {count} entries are named {name}; this is the newest, {key}")),
                )
            }
        }
    }
}

/// Finds what `word` means: an exact name first, then a root, then the start of a key.
pub(crate) fn select<'a>(
    store: &Store,
    summaries: &'a [Summary],
    word: &str,
) -> Result<Selected<'a>, Failure> {
    let mut named: Vec<&Summary> = summaries.iter().filter(|summary| summary.facts.name == word).collect();
    // Stable: the listing has the newest first already.
    named.sort_by_key(|summary| std::cmp::Reverse(last_ms(summary)));
    if !named.is_empty() {
        return Ok(Selected::Name(named));
    }
    if let Some(rooted) = store.root(word).and_then(|key| summaries.iter().find(|other| other.key == key)) {
        return Ok(Selected::Key(rooted));
    }
    by_key(summaries, word).unwrap_or_else(|| Err(not_there(store, summaries, word)))
}

/// When an entry was made, or got its result by an acceptance.
fn last_ms(summary: &Summary) -> u64 {
    let accepted = summary.facts.more.iter().find(|(label, _)| label == "accepted at");
    let accepted = accepted.and_then(|(_, when)| when.parse().ok()).unwrap_or(0);
    summary.facts.created_ms.max(accepted)
}

/// `None` if `word` cannot be the start of a key or is the start of none.
fn by_key<'a>(summaries: &'a [Summary], word: &str) -> Option<Result<Selected<'a>, Failure>> {
    let prefix = word.to_ascii_lowercase();
    let is_prefix = (LEAST_DIGITS..=DIGITS_OF_A_KEY).contains(&prefix.len())
        && prefix.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_prefix {
        return None;
    }
    let begins = |summary: &&Summary| summary.key.to_string().starts_with(&prefix);
    let found: Vec<&Summary> = summaries.iter().filter(begins).collect();
    match found[..] {
        [] => None,
        [one] => Some(Ok(Selected::Key(one))),
        _ => Some(Err(ambiguous(&prefix, &found))),
    }
}

fn ambiguous(prefix: &str, found: &[&Summary]) -> Failure {
    let failure = Failure::usage(format!("{} keys begin with {prefix}", found.len()));
    let candidate = |summary: &&Summary| format!("{}  {}", summary.key, words::name(&summary.facts.name));
    let failure = found.iter().take(MOST_CANDIDATES).map(candidate).fold(failure, Failure::hint);
    match found.len().checked_sub(MOST_CANDIDATES + 1) {
        Some(more) => failure.hint(format!("and {} more", more + 1)),
        None => failure,
    }
}

pub(crate) fn not_there(store: &Store, summaries: &[Summary], word: &str) -> Failure {
    let failure = Failure::missing(format!(
        "no entry has the name or the key {:?} in {}",
        visible(word),
        visible(&store.folder().to_string_lossy())
    ));
    let mut failure = match earlier_removal(store, word) {
        Some(sentence) => failure.hint(sentence),
        None => failure,
    };
    let lower = word.to_lowercase();
    let alike = summaries.iter().map(|summary| summary.facts.name.as_str());
    let mut alike: Vec<&str> = alike.filter(|name| is_alike(&name.to_lowercase(), &lower)).collect();
    alike.dedup();
    if let Some(name) = alike.first() {
        failure = failure.hint(format!("there is {}", words::name(name)));
    }
    failure.hint("`hozon ls` lists what is there")
}

/// One holds the other: `clean` and `utils.clean`.
fn is_alike(name: &str, word: &str) -> bool {
    !name.is_empty() && !word.is_empty() && (name.contains(word) || word.contains(name))
}

fn earlier_removal(store: &Store, word: &str) -> Option<String> {
    let removed = store.removed().ok()?;
    let lower = word.to_ascii_lowercase();
    let is_key = |key: String| lower.len() >= LEAST_DIGITS && key.starts_with(&lower);
    let found = removed.iter().find(|entry| entry.name == word || is_key(entry.key.to_string()))?;
    let age = words::age(found.when_ms, store.system().now_ms());
    Some(format!("it was {} {age}", visible(removal_words(&found.why))))
}
