//! Results of other machines: read through at a miss, and sent on after a put.
//!
//! Nothing that a tier gives is believed: every entry goes the way of [`take_signed`]. Whatever goes wrong
//! with a tier is a miss, or is sent later.

use std::io::{self, Read};
use std::sync::{Arc, mpsc};

use hozon_format::{
    Bundle, Claim, Digest, Entry, FoundKeys, Key, NOTE_BYTES, Part, PublicKey, SigningKey, limits,
};
use hozon_store::{BlobSource, Lookup, Store, StoreError};
use hozon_tier::{Kind, Object, ObjectName, Put, Tier, TierError};

use crate::transfer::{Refusal, Transfer, check_signed, known_key, sign_entry, take_signed};

/// The tiers behind a store, in the order in which they are asked. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Remote(Arc<[NamedTier]>);

/// A tier, and what people know it by: its address.
#[derive(Debug, Clone)]
pub struct NamedTier {
    /// Its address.
    pub name: String,
    /// The tier.
    pub tier: Arc<dyn Tier>,
}

/// Why an entry did not go to a tier.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// There is none, or it cannot be signed.
    #[error("{0}")]
    Refused(#[from] Refusal),
    /// Others have computed it: who trusts them has it from them.
    #[error("others have computed it")]
    OfOthers,
    /// The user's key to sign with cannot be had.
    #[error("there is no key to sign it with")]
    NoKey,
    /// A tier does not take it.
    #[error("{name}: {error}")]
    Tier {
        /// Its address.
        name: String,
        /// Why.
        error: TierError,
    },
    /// So many add to the same object that there was no turn.
    #[error("{name}: others add to the same object all the time")]
    Crowded {
        /// The tier's address.
        name: String,
    },
}

/// Of the entries that a key known before a run leads to, so many are fetched: those that were added last.
const MOST_FOUND: usize = 8;
/// So many tries to add to an object that others add to.
const TRIES: usize = 10;
/// How many pieces of a blob wait between a tier and the store.
const PIECES: usize = 4;

impl Remote {
    /// Stands behind a store.
    pub fn new(tiers: Vec<NamedTier>) -> Self {
        Self(tiers.into())
    }

    /// The tiers.
    pub fn tiers(&self) -> &[NamedTier] {
        &self.0
    }

    /// Fetches what there is of a key: the entry itself, or entries with traces whose computations had this
    /// key before they ran. Tells whether anything is in the store now that was not.
    pub fn fetch(&self, store: &Store, key: &Key) -> bool {
        self.0.iter().any(|tier| fetch(&tier.tier, store, key))
    }

    /// Sends an entry of the store's own user to all tiers, signed, its blobs first.
    ///
    /// # Errors
    /// The first of them, after all tiers were tried.
    pub fn push(&self, store: &Store, key: &Key, signing: &SigningKey) -> Result<(), PushError> {
        let entry = match store.get(key) {
            Lookup::Hit(entry) => entry,
            Lookup::Miss(why) => return Err(Refusal::Missed(why).into()),
        };
        if entry.facts.origin() != hozon_format::Origin::Own {
            return Err(PushError::OfOthers);
        }
        let signed = sign_entry(&entry, signing)?;
        let sending = Sending { store, entry: &entry, signed: &signed, signer: signing.public() };
        let ends: Vec<_> = self.0.iter().map(|tier| sending.to(tier)).collect();
        ends.into_iter().collect()
    }
}

fn fetch(tier: &Arc<dyn Tier>, store: &Store, key: &Key) -> bool {
    let Ok(bundle) = tier.get(&ObjectName::entries(key), limits::ENVELOPE_BYTES) else { return false };
    if bundle.is_some_and(|bundle| take(tier, store, key, &bundle)) {
        return true;
    }
    let Ok(Some(list)) = tier.get(&ObjectName::found(key), NOTE_BYTES) else { return false };
    let found = FoundKeys::decode(&list.bytes).unwrap_or_default();
    let latest = found.keys().iter().rev().take(MOST_FOUND);
    let new: Vec<&Key> = latest.filter(|key| !matches!(store.get(key), Lookup::Hit(_))).collect();
    new.into_iter().filter(|key| fetch_one(tier, store, key)).count() > 0
}

fn fetch_one(tier: &Arc<dyn Tier>, store: &Store, key: &Key) -> bool {
    let bundle = tier.get(&ObjectName::entries(key), limits::ENVELOPE_BYTES);
    bundle.is_ok_and(|bundle| bundle.is_some_and(|bundle| take(tier, store, key, &bundle)))
}

/// Takes the first entry of a bundle that holds, the one that was added last first.
fn take(tier: &Arc<dyn Tier>, store: &Store, key: &Key, bundle: &Object) -> bool {
    let bundle = Bundle::decode(&bundle.bytes).unwrap_or_default();
    bundle.entries().rev().any(|signed| {
        let taken = take_signed(store, signed, Some(key), &mut TierBlobs(tier));
        matches!(taken, Ok(Transfer::Copied(_) | Transfer::Present))
    })
}

/// The blobs of a tier, as a store takes them.
struct TierBlobs<'t>(&'t Arc<dyn Tier>);

impl BlobSource for TierBlobs<'_> {
    fn blob(&mut self, digest: &Digest, length: u64) -> io::Result<Box<dyn Read + '_>> {
        let (sender, pieces) = mpsc::sync_channel(PIECES);
        let (tier, digest) = (Arc::clone(self.0), *digest);
        let thread = std::thread::Builder::new().name("hozon blob".to_owned());
        thread.spawn(move || {
            let mut sink = Pieces(sender.clone());
            let end = match tier.get_blob(&digest, length, &mut sink) {
                Ok(true) => Ok(Vec::new()),
                Ok(false) => Err(io::ErrorKind::NotFound.into()),
                Err(error) => Err(io::Error::other(error)),
            };
            // Whoever reads may have given up.
            let _ = sender.send(end);
        })?;
        Ok(Box::new(Arriving { pieces, piece: Vec::new(), done: 0 }))
    }
}

struct Pieces(mpsc::SyncSender<io::Result<Vec<u8>>>);

impl io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.is_empty() {
            self.0.send(Ok(bytes.to_vec())).map_err(|_| io::ErrorKind::BrokenPipe)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The bytes of a blob on their way. They end only where the tier says that all of them were right.
struct Arriving {
    pieces: mpsc::Receiver<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
    done: usize,
}

impl Read for Arriving {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.done == self.piece.len() {
            self.done = 0;
            self.piece = self.pieces.recv().map_err(|_| io::ErrorKind::UnexpectedEof)??;
        }
        let read = (&self.piece[self.done..]).read(into)?;
        self.done += read;
        Ok(read)
    }
}

/// One entry on its way out.
struct Sending<'e> {
    store: &'e Store,
    entry: &'e Entry,
    signed: &'e [u8],
    signer: PublicKey,
}

impl Sending<'_> {
    fn to(&self, to: &NamedTier) -> Result<(), PushError> {
        let failed = |error| PushError::Tier { name: to.name.clone(), error };
        let tier = &*to.tier;
        let key = self.entry.key;
        for (digest, length) in self.entry.blobs() {
            let bytes = self.store.part(&Part::Blob { digest, length }).map_err(Refusal::Blob)?;
            tier.put_blob(&digest, length, &mut bytes.as_slice()).map_err(failed)?;
        }
        let added =
            add(tier, &ObjectName::entries(&key), limits::ENVELOPE_BYTES, &|there| self.bundle(there));
        let found = match known_key(self.entry).filter(|known| *known != key) {
            // The list after what it leads to.
            Some(known) => added.and_then(|added| {
                let listed = add(tier, &ObjectName::found(&known), NOTE_BYTES, &|there| list(there, key));
                listed.map(|listed| added && listed)
            }),
            None => added,
        };
        match found.map_err(failed)? {
            true => Ok(()),
            false => Err(PushError::Crowded { name: to.name.clone() }),
        }
    }

    /// The bundle with this entry in it, in place of an earlier one of its signer; `None` if it is in it.
    fn bundle(&self, there: &[u8]) -> Option<Vec<u8>> {
        let mut bundle = Bundle::decode(there).unwrap_or_default();
        if bundle.entries().any(|signed| signed == self.signed) {
            return None;
        }
        bundle.retain(|signed| Claim::parse(signed).is_ok_and(|claim| claim.signer() != self.signer));
        let kept = |signed: &[u8]| check_signed(self.store, signed, Some(&self.entry.key)).is_ok();
        bundle.add(self.signed.to_vec(), kept);
        Some(bundle.encode())
    }
}

fn list(there: &[u8], key: Key) -> Option<Vec<u8>> {
    let mut found = FoundKeys::decode(there).unwrap_or_default();
    found.add(key).then(|| found.encode())
}

/// Changes an object that others may change at the same time. What cannot be read is replaced. Tells whether
/// it is done, or somebody else was first each time.
fn add(
    tier: &dyn Tier,
    name: &ObjectName,
    cap: u64,
    changed: &dyn Fn(&[u8]) -> Option<Vec<u8>>,
) -> Result<bool, TierError> {
    for _ in 0..TRIES {
        let there = tier.get(name, cap)?;
        let bytes = there.as_ref().map_or(&[][..], |object| &object.bytes);
        let Some(bytes) = changed(bytes) else { return Ok(true) };
        let put = match &there {
            None => tier.put_if_absent(name, &bytes)?,
            Some(object) => tier.put_if_version(name, &bytes, &object.version)?,
        };
        if put == Put::Stored {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What came of fetching by name.
#[derive(Debug, Default)]
pub struct Pulled {
    /// Entries that are in the store now and were not.
    pub copied: u64,
    /// Entries that were there already.
    pub present: u64,
    /// What was not taken, and why.
    pub refused: Vec<Refusal>,
    /// Tiers that failed, by their addresses.
    pub failed: Vec<(String, TierError)>,
}

impl Remote {
    /// Fetches all entries of the computations whose names are `wanted`. Every entry of every tier is read
    /// for that: names stand inside of them.
    ///
    /// # Errors
    /// `Io` if the store cannot be written.
    pub fn pull(&self, store: &Store, wanted: &dyn Fn(&str) -> bool) -> Result<Pulled, StoreError> {
        let mut pulled = Pulled::default();
        for NamedTier { name, tier } in self.tiers() {
            if let Err(error) = pull(tier, store, wanted, &mut pulled)? {
                pulled.failed.push((name.clone(), error));
            }
        }
        Ok(pulled)
    }
}

fn pull(
    tier: &Arc<dyn Tier>,
    store: &Store,
    wanted: &dyn Fn(&str) -> bool,
    pulled: &mut Pulled,
) -> Result<Result<(), TierError>, StoreError> {
    let names = match tier.list(Kind::Entries) {
        Ok(names) => names,
        Err(error) => return Ok(Err(error)),
    };
    for name in names {
        let bundle = match tier.get(&name, limits::ENVELOPE_BYTES) {
            Ok(bundle) => bundle.and_then(|bundle| Bundle::decode(&bundle.bytes).ok()).unwrap_or_default(),
            // One object says nothing of others.
            Err(TierError::Wrong(_)) => continue,
            Err(error) => return Ok(Err(error)),
        };
        pull_bundle(tier, store, Key::from_digest(*name.digest()), &of_names(&bundle, wanted), pulled)?;
    }
    Ok(Ok(()))
}

/// The signed entries of a bundle that claim to be of wanted names, the one that was added last first.
fn of_names<'b>(bundle: &'b Bundle, wanted: &dyn Fn(&str) -> bool) -> Vec<&'b [u8]> {
    let named = |signed: &&[u8]| Claim::parse(signed).is_ok_and(|claim| wanted(claim.namespace()));
    bundle.entries().rev().filter(named).collect()
}

/// Takes the first of a key's signed entries that holds; if none does, it is told why the first did not.
fn pull_bundle(
    tier: &Arc<dyn Tier>,
    store: &Store,
    key: Key,
    signed: &[&[u8]],
    pulled: &mut Pulled,
) -> Result<(), StoreError> {
    let mut refused = None;
    for signed in signed {
        match take_signed(store, signed, Some(&key), &mut TierBlobs(tier))? {
            Transfer::Copied(_) => pulled.copied += 1,
            Transfer::Present | Transfer::Disagrees => pulled.present += 1,
            Transfer::Refused(why) => {
                refused.get_or_insert(why);
                continue;
            }
        }
        return Ok(());
    }
    pulled.refused.extend(refused);
    Ok(())
}
