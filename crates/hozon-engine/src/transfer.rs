//! Bringing an entry over from elsewhere, with what look-ups need to find it. There are two ways in: from
//! another store of the same user, and from others, signed. Both end in [`bring`].

use std::io;

use hozon_format::{Claim, Entry, Key, SignedError, SigningKey, Verified};
use hozon_key::{TraceSet, decode, decode_trace_sets, encode_trace_sets, known, traced_key};
use hozon_store::{BlobFault, BlobSource, Lookup, Miss, Store, StoreError, Verdict};
use hozon_sys::Durability;

use crate::traced::add_set;

/// What came of bringing one entry over.
#[derive(Debug)]
pub enum Transfer {
    /// It is there now; with the bytes of blobs that were new.
    Copied(u64),
    /// It was there already.
    Present,
    /// Another result is stored under its key, and stays. The store has noted it.
    Disagrees,
    /// It was not taken.
    Refused(Refusal),
}

/// Why an entry was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The other store does not give it.
    #[error("{0}")]
    Missed(Miss),
    /// Its envelope does not hold.
    #[error("{0}")]
    Signature(#[from] SignedError),
    /// Its signer is not trusted with it.
    #[error("{}", words_of(*.0))]
    Untrusted(Verdict),
    /// It is of another key than the one that was asked for.
    #[error("it is not the entry that was asked for")]
    OtherKey,
    /// Its recipe or its traces cannot be read, or do not give its key.
    #[error("its recipe or its traces cannot be read or do not lead to its key")]
    Recipe,
    /// A blob cannot be had, or is not what it should be.
    #[error("{0}")]
    Blob(BlobFault),
}

fn words_of(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Revoked => "its signer is revoked",
        Verdict::OutOfScope => "its signer is trusted with other computations only",
        Verdict::Unknown | Verdict::Trusted => "its signer is not trusted",
    }
}

/// Brings the entry of a key from one store to another, its seal and every blob checked.
///
/// # Errors
///
/// `Io` if something cannot be written.
pub fn transfer(from: &Store, to: &Store, key: &Key) -> Result<Transfer, StoreError> {
    match from.get(key) {
        Lookup::Hit(entry) => bring(to, &entry, &mut &*from),
        Lookup::Miss(why) => Ok(Transfer::Refused(Refusal::Missed(why))),
    }
}

/// Takes an entry that others have signed: the one way in for what comes from outside. `asked` is the key that
/// it must have, where one was asked for. The store's user must trust the signer with it, and every blob is
/// checked. What is stored and used already stays.
///
/// # Errors
///
/// `Io` if something cannot be written.
pub fn take_signed(
    store: &Store,
    bytes: &[u8],
    asked: Option<&Key>,
    blobs: &mut dyn BlobSource,
) -> Result<Transfer, StoreError> {
    match check_signed(store, bytes, asked) {
        Ok(verified) => bring(store, verified.entry(), blobs),
        Err(why) => Ok(Transfer::Refused(why)),
    }
}

/// Checks all of an entry that others have signed but its blobs; nothing is stored.
///
/// # Errors
///
/// Why it would not be taken.
pub fn check_signed(store: &Store, bytes: &[u8], asked: Option<&Key>) -> Result<Verified, Refusal> {
    let claim = Claim::parse(bytes)?;
    if asked.is_some_and(|asked| *asked != claim.key()) {
        return Err(Refusal::OtherKey);
    }
    let trust = store.keyring().map(|ring| ring.trust());
    let verdict =
        trust.map_or(Verdict::Unknown, |trust| trust.verdict(&claim.signer(), &[claim.namespace()]));
    if verdict != Verdict::Trusted {
        return Err(Refusal::Untrusted(verdict));
    }
    let verified = claim.verify()?;
    match is_led_to(verified.entry()) {
        true => Ok(verified),
        false => Err(Refusal::Recipe),
    }
}

/// Signs an entry, for others. Stamps of files tell of this machine, and stay behind.
///
/// # Errors
///
/// `Recipe` for an entry that nobody could take; else as [`hozon_format::sign_entry`].
pub fn sign_entry(entry: &Entry, key: &SigningKey) -> Result<Vec<u8>, Refusal> {
    if !is_led_to(entry) {
        return Err(Refusal::Recipe);
    }
    let (_, sets) = found_by(entry).ok_or(Refusal::Recipe)?;
    let traces = if entry.traces.is_empty() { Vec::new() } else { encode_trace_sets(&sets) };
    Ok(hozon_format::sign_entry(&Entry { traces, ..entry.clone() }, key)?)
}

/// Stores a checked entry with its blobs, unless one is there that its computation would be given. (One that a
/// signer has put under a key of someone else's computations does not keep the right one out.)
fn bring(to: &Store, entry: &Entry, blobs: &mut dyn BlobSource) -> Result<Transfer, StoreError> {
    if let Lookup::Hit(there) = to.get_for(&entry.key, &entry.facts.name)
        && to.has_blobs_of(&there)
    {
        return Ok(if to.compare(&there, entry) { Transfer::Disagrees } else { Transfer::Present });
    }
    let Some((known, sets)) = found_by(entry) else { return Ok(Transfer::Refused(Refusal::Recipe)) };
    let new_bytes = match to.take_blobs(entry, blobs)? {
        Ok(bytes) => bytes,
        Err(fault) => return Ok(Transfer::Refused(Refusal::Blob(fault))),
    };
    // Before the entry, as where it is stored first: one that no list leads to is found by nobody.
    for set in sets {
        add_set(to, &known, &entry.facts.name, set, Durability::Batched)?;
    }
    to.put_bound(entry, Some(&known))?;
    Ok(Transfer::Copied(new_bytes))
}

/// Returns the key that look-ups of an entry begin with: of what was known before its run.
pub fn known_key(entry: &Entry) -> Option<Key> {
    found_by(entry).map(|(key, _)| key)
}

/// The key that look-ups begin with, and what they have to look at. A stamp tells of files on the machine
/// that it was taken on, so none goes along: each file is read once.
fn found_by(entry: &Entry) -> Option<(Key, Vec<TraceSet>)> {
    if entry.traces.is_empty() {
        return Some((entry.key, Vec::new()));
    }
    let recipe = decode(&entry.recipe).ok()?;
    let mut sets = decode_trace_sets(&entry.traces).ok()?;
    sets.iter_mut().flat_map(|set| &mut set.seen).for_each(|seen| seen.stamp = None);
    Some((hozon_key::key(known(&recipe)), sets))
}

/// Tells whether an entry has the key of its recipe, and its traces lead there: so its recipe, which people
/// are shown, is that of the computation whose result it claims to be.
fn is_led_to(entry: &Entry) -> bool {
    let Ok(recipe) = decode(&entry.recipe) else { return false };
    let Some((known, sets)) = found_by(entry) else { return false };
    hozon_key::key(&recipe) == entry.key
        && sets.len() <= 1
        && sets.iter().all(|set| traced_key(&known, &set.seen) == entry.key)
}

/// For an entry whose blobs have all been stored before.
#[derive(Debug)]
pub struct NoBlobs;

impl BlobSource for NoBlobs {
    fn blob(&mut self, _: &hozon_format::Digest, _: u64) -> io::Result<Box<dyn io::Read + '_>> {
        Err(io::ErrorKind::NotFound.into())
    }
}
