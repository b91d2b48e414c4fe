//! Two machines and what stands between them.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hozon_engine::{
    Begin, Caller, Flights, NamedTier, Observer, Outgoing, PushError, Remote, known_key, put_traced,
};
use hozon_format::{Bundle, Codec, ComputationKind, Digest, Facts, FoundKeys, Key, SealKey};
use hozon_key::{Node, NodeKind, Seen, Subject};
use hozon_store::{Keyring, Keys, NewBuffer, NewEntry, NewOutput, Store};
use hozon_sys::Memory;
use hozon_tier::{Failure, Faulty, MemoryTier, ObjectName, Tier};

/// One user on one machine.
struct Machine {
    store: Store,
    ring: Keyring,
}

/// Every subject is as this says.
struct World(&'static [u8]);

impl Observer for World {
    fn observe(&mut self, subject: &Subject, _last: Option<&Seen>) -> Seen {
        Seen { subject: subject.clone(), digest: Digest::of(self.0), stamp: None }
    }
}

impl Machine {
    fn new(number: u8) -> Self {
        let system = Arc::new(Memory::new());
        // Keys are random, and randomness is the same in every system of this kind.
        let mut spent = [0; 8];
        (0..number).for_each(|_| hozon_sys::System::fill_random(&*system, &mut spent).unwrap());
        let ring = Keyring::new(system.clone(), Path::new("/home/user/hozon"));
        let keys = Keys::with_ring(SealKey::from_bytes([number; 32]), ring.clone());
        Self { store: Store::open(system, Path::new("/store"), keys).unwrap(), ring }
    }

    fn trusts(&self, other: &Self) {
        let key = other.ring.signing_key().unwrap().public();
        self.ring.change_trust(|trust| trust.add("other", key, Vec::new())).unwrap();
    }

    /// Stores a result of a function called `f`, with a blob; by `seen`, what it looked at.
    fn put(&self, recipe: &Node, value: &'static [u8], seen: Vec<Seen>) -> Key {
        let large = vec![value[0]; 100_000];
        let buffer = NewBuffer { bytes: &large, read_only: true };
        let payload = Cow::Borrowed(value);
        let output = NewOutput { name: String::new(), codec: Codec::Pickle5, payload, buffers: vec![buffer] };
        let facts = Facts { name: "f".to_owned(), kind: ComputationKind::Function, ..Facts::default() };
        let entry = NewEntry {
            key: hozon_key::key(recipe),
            facts,
            recipe: Vec::new(),
            traces: Vec::new(),
            outputs: vec![output],
            known: None,
            most: None,
        };
        put_traced(&self.store, entry, recipe.clone(), seen, |_| ()).unwrap().0
    }

    fn begin(&self, flights: &Flights, key: &Key, world: &'static [u8]) -> Option<Vec<u8>> {
        let mut patient = || ControlFlow::Continue(());
        let long = Duration::from_secs(3600);
        match flights.begin(key, "f", Caller::this_thread(), long, &mut World(world), &mut patient) {
            Begin::Hit(entry, _) => {
                let blobs = entry.blobs().map(|(digest, length)| hozon_format::Part::Blob { digest, length });
                blobs.for_each(|part| drop(self.store.part(&part).unwrap()));
                let payload = self.store.part(&entry.outputs[0].payload).unwrap();
                Some(payload.as_slice().to_vec())
            }
            Begin::Compute(_) => None,
            Begin::Stopped => panic!("nobody stops it"),
        }
    }

    fn looks_up(&self, tier: &Arc<dyn Tier>, recipe: &Node, world: &'static [u8]) -> Option<Vec<u8>> {
        let flights = Flights::with_remote(self.store.clone(), remote(tier));
        self.begin(&flights, &hozon_key::key(recipe), world)
    }

    fn pushes(&self, tier: &Arc<dyn Tier>, key: &Key) -> Result<(), PushError> {
        remote(tier).push(&self.store, key, &self.ring.signing_key().unwrap())
    }
}

fn remote(tier: &Arc<dyn Tier>) -> Remote {
    Remote::new(vec![NamedTier { name: "memory".to_owned(), tier: Arc::clone(tier) }])
}

fn recipe(label: &str) -> Node {
    Node::new(NodeKind::Computation, label)
}

fn seen(world: &[u8]) -> Vec<Seen> {
    vec![Seen { subject: Subject::Environment("X".to_owned()), digest: Digest::of(world), stamp: None }]
}

fn tier() -> Arc<dyn Tier> {
    Arc::new(MemoryTier::new())
}

#[test]
fn what_one_machine_computes_another_that_trusts_it_has() {
    let (ada, bob, tier) = (Machine::new(1), Machine::new(2), tier());
    let recipe = recipe("f");
    let key = ada.put(&recipe, b"value", Vec::new());
    ada.pushes(&tier, &key).unwrap();
    assert_eq!(bob.looks_up(&tier, &recipe, b""), None, "nobody is trusted at first");
    bob.trusts(&ada);
    assert_eq!(bob.looks_up(&tier, &recipe, b""), Some(b"value".to_vec()));
    tier.delete(&ObjectName::entries(&key)).unwrap();
    assert_eq!(bob.looks_up(&tier, &recipe, b""), Some(b"value".to_vec()), "it is in the local store now");
}

#[test]
fn results_with_traces_are_found_by_what_was_known_before_the_run() {
    let (ada, bob, tier) = (Machine::new(1), Machine::new(2), tier());
    bob.trusts(&ada);
    let recipe = recipe("f");
    let one = ada.put(&recipe, b"of one", seen(b"one"));
    let other = ada.put(&recipe, b"of other", seen(b"other"));
    assert!(one != other && one != hozon_key::key(&recipe));
    ada.pushes(&tier, &one).unwrap();
    ada.pushes(&tier, &other).unwrap();
    assert_eq!(bob.looks_up(&tier, &recipe, b"something else"), None);
    assert_eq!(bob.looks_up(&tier, &recipe, b"one"), Some(b"of one".to_vec()));
    assert_eq!(bob.looks_up(&tier, &recipe, b"other"), Some(b"of other".to_vec()));
}

#[test]
fn a_hostile_first_writer_keeps_nobody_out() {
    let (ada, mallory, bob, tier) = (Machine::new(1), Machine::new(2), Machine::new(3), tier());
    bob.trusts(&ada);
    let recipe = recipe("f");
    let key = mallory.put(&recipe, b"wrong", Vec::new());
    mallory.pushes(&tier, &key).unwrap();
    assert_eq!(bob.looks_up(&tier, &recipe, b""), None);
    ada.put(&recipe, b"right", Vec::new());
    ada.pushes(&tier, &key).unwrap();
    ada.pushes(&tier, &key).unwrap();
    let bundle = tier.get(&ObjectName::entries(&key), 1 << 20).unwrap().unwrap();
    assert_eq!(Bundle::decode(&bundle.bytes).unwrap().entries().count(), 2, "one of each signer");
    assert_eq!(bob.looks_up(&tier, &recipe, b""), Some(b"right".to_vec()));
}

#[test]
fn what_a_tier_makes_up_is_a_miss_and_can_be_replaced() {
    let (ada, bob) = (Machine::new(1), Machine::new(2));
    bob.trusts(&ada);
    let recipe = recipe("f");
    let key = ada.put(&recipe, b"value", Vec::new());
    let other = ada.put(&self::recipe("g"), b"other", Vec::new());
    let honest = tier();
    ada.pushes(&honest, &other).unwrap();
    let of_other = honest.get(&ObjectName::entries(&other), 1 << 20).unwrap().unwrap().bytes;
    let mut found = FoundKeys::default();
    found.add(other);
    let planted = [b"".to_vec(), b"garbage".to_vec(), of_other, found.encode(), vec![0xff; 1000]];
    for bytes in planted {
        let lying = MemoryTier::new();
        lying.plant(ObjectName::entries(&key), bytes.clone());
        lying.plant(ObjectName::found(&key), bytes);
        let lying: Arc<dyn Tier> = Arc::new(lying);
        assert_eq!(bob.looks_up(&lying, &recipe, b""), None);
        ada.pushes(&lying, &key).unwrap();
        let fresh = Machine::new(4);
        fresh.trusts(&ada);
        assert_eq!(fresh.looks_up(&lying, &recipe, b""), Some(b"value".to_vec()));
    }
}

#[test]
fn a_blob_that_is_missing_or_wrong_makes_a_miss() {
    let (ada, bob) = (Machine::new(1), Machine::new(2));
    bob.trusts(&ada);
    let recipe = recipe("f");
    let key = ada.put(&recipe, b"value", Vec::new());
    let blob = Digest::of(&vec![b'v'; 100_000]);
    for wrong in
        [None, Some(vec![b'w'; 100_000]), Some(vec![b'v'; 99_999]), Some(vec![b'v'; 100_001]), Some(vec![])]
    {
        let inner = MemoryTier::new();
        let tier: Arc<dyn Tier> = Arc::new(inner.clone());
        ada.pushes(&tier, &key).unwrap();
        match wrong {
            None => tier.delete(&ObjectName::blob(&blob)).unwrap(),
            Some(bytes) => inner.plant(ObjectName::blob(&blob), bytes),
        }
        assert_eq!(bob.looks_up(&tier, &recipe, b""), None);
    }
}

#[test]
fn a_tier_that_fails_at_any_call_costs_a_result_or_nothing() {
    let (ada, recipe) = (Machine::new(1), recipe("f"));
    let key = ada.put(&recipe, b"value", seen(b"one"));
    for failure in
        [Failure::Unreachable, Failure::LostAnswer, Failure::Wrong, Failure::Refused, Failure::Full]
    {
        for call in 0.. {
            let faulty = Arc::new(Faulty::new(MemoryTier::new()));
            let tier: Arc<dyn Tier> = faulty.clone();
            faulty.fail(call..call + 1, failure);
            let pushed = ada.pushes(&tier, &key);
            let over = faulty.calls() <= call;
            faulty.heal();
            assert_eq!(pushed.is_ok(), over);
            ada.pushes(&tier, &key).unwrap();
            let bob = Machine::new(2);
            bob.trusts(&ada);
            faulty.fail(call..call + 1, failure);
            let value = bob.looks_up(&tier, &recipe, b"one");
            assert!(value.is_none() || value.as_deref() == Some(b"value"));
            faulty.heal();
            assert_eq!(bob.looks_up(&tier, &recipe, b"one"), Some(b"value".to_vec()));
            if over {
                break;
            }
        }
    }
}

#[test]
fn what_others_signed_is_not_signed_again() {
    let (ada, bob, tier) = (Machine::new(1), Machine::new(2), tier());
    bob.trusts(&ada);
    let recipe = recipe("f");
    let key = ada.put(&recipe, b"value", Vec::new());
    ada.pushes(&tier, &key).unwrap();
    bob.looks_up(&tier, &recipe, b"").unwrap();
    assert!(matches!(bob.pushes(&tier, &key), Err(PushError::OfOthers)));
}

#[test]
fn what_was_forgotten_is_not_fetched_again_and_its_successor_replaces_it() {
    let (ada, bob, tier) = (Machine::new(1), Machine::new(2), tier());
    bob.trusts(&ada);
    let recipe = recipe("f");
    let key = ada.put(&recipe, b"old", Vec::new());
    ada.pushes(&tier, &key).unwrap();
    let flights = Flights::with_remote(ada.store.clone(), remote(&tier));
    hozon_engine::forget_traced(&ada.store, &key, "expired").unwrap();
    flights.keep_from_tiers(&key);
    assert_eq!(ada.begin(&flights, &key, b""), None);
    ada.put(&recipe, b"new", Vec::new());
    ada.pushes(&tier, &key).unwrap();
    assert_eq!(bob.looks_up(&tier, &recipe, b""), Some(b"new".to_vec()));
}

#[test]
fn results_are_fetched_by_name() {
    let (ada, bob, tier) = (Machine::new(1), Machine::new(2), tier());
    let key = ada.put(&recipe("f"), b"value", Vec::new());
    ada.pushes(&tier, &key).unwrap();
    let refused = remote(&tier).pull(&bob.store, &|name| name == "f").unwrap();
    assert_eq!((refused.copied, refused.refused.len()), (0, 1));
    bob.trusts(&ada);
    let other = remote(&tier).pull(&bob.store, &|name| name == "g").unwrap();
    assert_eq!((other.copied, other.refused.len()), (0, 0));
    let pulled = remote(&tier).pull(&bob.store, &|name| name == "f").unwrap();
    let again = remote(&tier).pull(&bob.store, &|name| name == "f").unwrap();
    assert_eq!((pulled.copied, again.copied, again.present), (1, 0, 1));
}

#[test]
fn what_cannot_be_sent_stays_noted_and_the_next_process_sends_it() {
    let (ada, recipe) = (Machine::new(1), recipe("f"));
    let key = ada.put(&recipe, b"value", Vec::new());
    let faulty = Arc::new(Faulty::new(MemoryTier::new()));
    let tier: Arc<dyn Tier> = faulty.clone();
    faulty.fail(0..u64::MAX, Failure::Unreachable);
    let outgoing = Outgoing::new(ada.store.clone(), remote(&tier));
    outgoing.send(&key).unwrap();
    outgoing.finish(Duration::from_secs(3600));
    assert_eq!(ada.store.outgoing().len(), 1);
    faulty.heal();
    let next = Outgoing::new(ada.store.clone(), remote(&tier));
    assert!(next.send_noted().iter().all(|(_, end)| end.is_ok()));
    assert_eq!(ada.store.outgoing(), []);
    let entry = tier.get(&ObjectName::entries(&key), 1 << 20).unwrap();
    assert!(entry.is_some());
    assert_eq!(known_key(&get(&ada.store, &key)), Some(key));
}

#[test]
fn what_is_gone_before_it_was_sent_is_no_longer_noted() {
    let (ada, tier) = (Machine::new(1), tier());
    let key = Key::from_digest(Digest::of(b"gone"));
    ada.store.note_outgoing(&key).unwrap();
    let outgoing = Outgoing::new(ada.store.clone(), remote(&tier));
    assert!(matches!(&outgoing.send_noted()[..], [(_, Err(PushError::Refused(_)))]));
    assert_eq!(ada.store.outgoing(), []);
}

fn get(store: &Store, key: &Key) -> hozon_format::Entry {
    match store.get(key) {
        hozon_store::Lookup::Hit(entry) => *entry,
        hozon_store::Lookup::Miss(why) => panic!("{why}"),
    }
}
