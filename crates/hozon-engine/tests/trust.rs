//! What comes in from others: rows T1 to T4 of the threats, below Python.

use std::collections::HashMap;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hozon_engine::{
    ImportError, Imported, NoBlobs, Refusal, Transfer, examine, export, import, sign_entry, take_signed,
};
use hozon_format::{
    Codec, ComputationKind, Digest, Entry, Facts, FileStamp, Key, PublicKey, SealKey, SigningKey,
};
use hozon_key::{
    Base, Node, NodeKind, Place, Seen, Subject, TraceSet, decode_trace_sets, encode, encode_trace_sets, key,
    traced_recipe,
};
use hozon_store::{
    BlobSource, Bound, Keyring, Keys, Limits, Lookup, Miss, NewBuffer, NewEntry, NewOutput, Store, Verdict,
};
use hozon_sys::{Memory, Os, System};

/// One user on a machine of their own.
struct User {
    store: Store,
    ring: Keyring,
    _folder: Option<tempfile::TempDir>,
}

impl User {
    fn new(seal: u8) -> Self {
        Self::of(Arc::new(Memory::new()), Path::new("/"), seal)
    }

    /// One whose store keeps an index.
    fn on_disk(seal: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let user = Self::of(Arc::new(Os), folder.path(), seal);
        Self { _folder: Some(folder), ..user }
    }

    fn of(system: Arc<dyn System>, folder: &Path, seal: u8) -> Self {
        let ring = Keyring::new(system.clone(), &folder.join("home/hozon"));
        let store = Self::opened(system, folder, &ring, seal);
        Self { store, ring, _folder: None }
    }

    fn opened(system: Arc<dyn System>, folder: &Path, ring: &Keyring, seal: u8) -> Store {
        let keys = Keys::with_ring(SealKey::from_bytes([seal; 32]), ring.clone());
        Store::open(system, &folder.join("store"), keys).unwrap()
    }

    fn trusts(&self, name: &str, key: PublicKey, scopes: &[&str]) {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self.ring.change_trust(|trust| trust.add(name, key, scopes)).unwrap();
    }

    fn take(&self, bytes: &[u8], blobs: &mut dyn BlobSource) -> Transfer {
        take_signed(&self.store, bytes, None, blobs).unwrap()
    }

    fn payload(&self, key: &Key) -> Option<Vec<u8>> {
        let Lookup::Hit(entry) = self.store.get(key) else { return None };
        Some(self.store.part(&entry.outputs[0].payload).unwrap().as_slice().to_vec())
    }

    fn is_empty(&self) -> bool {
        self.store.keys().unwrap().is_empty()
    }
}

fn signer(number: u8) -> SigningKey {
    SigningKey::from_seed([number; 32])
}

fn recipe(label: &str) -> Node {
    Node::new(NodeKind::Computation, label)
}

/// An entry of the computation `label`, called `name`, as its owner's store has it.
fn made(owner: &User, label: &str, name: &str, payload: &[u8]) -> Entry {
    let recipe = recipe(label);
    let output = NewOutput {
        name: String::new(),
        codec: Codec::Pickle5,
        payload: payload.into(),
        buffers: vec![NewBuffer { bytes: &[], read_only: true }],
    };
    let facts = Facts { name: name.to_owned(), kind: ComputationKind::Saved, ..Facts::default() };
    let (key, recipe) = (key(&recipe), encode(&recipe));
    let outputs = vec![output];
    owner
        .store
        .put(NewEntry { key, facts, recipe, traces: vec![], outputs, known: None, most: None })
        .unwrap();
    let Lookup::Hit(entry) = owner.store.get(&key) else { panic!("it was put") };
    *entry
}

fn large(number: usize) -> Vec<u8> {
    number.to_le_bytes().repeat(2000)
}

/// Blobs by their digests, whatever they are.
#[derive(Default)]
struct Given(HashMap<Digest, Vec<u8>>);

impl BlobSource for Given {
    fn blob(&mut self, digest: &Digest, _: u64) -> io::Result<Box<dyn Read + '_>> {
        match self.0.get(digest) {
            Some(bytes) => Ok(Box::new(&bytes[..])),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

#[test]
fn what_a_trusted_user_signed_is_taken_with_its_blobs() {
    let (ana, bob) = (User::new(1), User::new(2));
    let entry = made(&ana, "f", "f", &large(1));
    let signed = sign_entry(&entry, &signer(1)).unwrap();
    bob.trusts("ana", signer(1).public(), &[]);
    assert!(matches!(bob.take(&signed, &mut NoBlobs), Transfer::Refused(Refusal::Blob(_))));
    assert!(bob.is_empty());
    let other_key = Key::from_digest(Digest::of(b"other"));
    let other = take_signed(&bob.store, &signed, Some(&other_key), &mut &ana.store).unwrap();
    assert!(matches!(other, Transfer::Refused(Refusal::OtherKey)));
    let Transfer::Copied(bytes) = bob.take(&signed, &mut &ana.store) else { panic!("it is sound") };
    assert_eq!((bytes, bob.payload(&entry.key)), (16_000, Some(large(1))));
    assert!(matches!(bob.take(&signed, &mut NoBlobs), Transfer::Present));
}

/// Row T2: who signed it × who says so × who was first. What is served is the signer's only where the first two
/// are right and nothing was there; else it is the user's own or nothing.
#[test]
fn the_table_of_signers() {
    for (trust, is_covered) in [
        ("trusted", true),
        ("scoped in", true),
        ("scoped out", false),
        ("revoked", false),
        ("unknown", false),
    ] {
        for owns_key in [true, false] {
            for is_first in [true, false] {
                let case = format!("{trust}, owner {owns_key}, first {is_first}");
                let (eve, user) = (User::new(1), User::on_disk(2));
                let entry = made(&eve, "f", "team.f", b"theirs");
                let mut signed = sign_entry(&entry, &signer(if owns_key { 1 } else { 3 })).unwrap();
                signed[11..43].copy_from_slice(signer(1).public().as_bytes());
                match trust {
                    "trusted" => user.trusts("eve", signer(1).public(), &[]),
                    "scoped in" => user.trusts("eve", signer(1).public(), &["team.*"]),
                    "scoped out" => user.trusts("eve", signer(1).public(), &["other.*", "tea"]),
                    "revoked" => {
                        user.ring
                            .change_trust(|trust| trust.revoke(&signer(1).public().to_string(), "x"))
                            .map(drop)
                            .unwrap();
                    }
                    _ => {}
                }
                if !is_first {
                    made(&user, "f", "team.f", b"own");
                }
                let taken = user.take(&signed, &mut NoBlobs);
                let is_good = is_covered && owns_key;
                match (is_good, is_first) {
                    (true, true) => assert!(matches!(taken, Transfer::Copied(_)), "{case}"),
                    (true, false) => assert!(matches!(taken, Transfer::Disagrees), "{case}"),
                    (false, _) => assert!(matches!(taken, Transfer::Refused(_)), "{case}: {taken:?}"),
                }
                let served = user.payload(&entry.key);
                let due: Option<&[u8]> = if !is_first {
                    Some(b"own")
                } else if is_good {
                    Some(b"theirs")
                } else {
                    None
                };
                assert_eq!(served.as_deref(), due, "{case}");
                assert_eq!(
                    user.store.disagreements().unwrap().len(),
                    usize::from(is_good && !is_first),
                    "{case}"
                );
            }
        }
    }
}

/// Row T2: after a revocation nothing of that signer is served, local copies included; by nobody who has the
/// store open.
#[test]
fn of_a_revoked_signer_nothing_is_served_any_more() {
    let (ana, bob, user) = (User::new(1), User::new(2), User::new(3));
    for (name, of) in [("ana", 1), ("bob", 2)] {
        user.trusts(name, signer(of).public(), &[]);
    }
    let mut keys = Vec::new();
    for number in 0..40 {
        let (owner, of) = if number % 2 == 0 { (&ana, 1) } else { (&bob, 2) };
        let entry = made(owner, &format!("f{number}"), "f", &large(number));
        let signed = sign_entry(&entry, &signer(of)).unwrap();
        assert!(matches!(user.take(&signed, &mut &owner.store), Transfer::Copied(_)));
        keys.push(entry.key);
    }
    let served = || keys.iter().filter(|key| user.payload(key).is_some()).count();
    assert_eq!(served(), 40);
    user.ring.change_trust(|trust| trust.revoke("ana", "2026-11-28")).unwrap();
    assert_eq!(served(), 20);
    for (number, key) in keys.iter().enumerate() {
        let is_revoked = matches!(
            user.store.get(key),
            Lookup::Miss(Miss::NoLongerTrusted { verdict: Verdict::Revoked, .. })
        );
        assert_eq!(is_revoked, number % 2 == 0);
    }
    // Neither does it come back the way it came, nor by a copy through another user's hands.
    let again = sign_entry(&made(&ana, "f0", "f", &large(0)), &signer(1)).unwrap();
    assert!(matches!(
        user.take(&again, &mut &ana.store),
        Transfer::Refused(Refusal::Untrusted(Verdict::Revoked))
    ));
    let carol = User::new(4);
    carol.trusts("ana", signer(1).public(), &[]);
    assert!(matches!(carol.take(&again, &mut &ana.store), Transfer::Copied(_)));
    let Lookup::Hit(passed_on) = carol.store.get(&keys[0]) else { panic!("Carol trusts Ana") };
    user.trusts("carol", signer(4).public(), &[]);
    let through = sign_entry(&passed_on, &signer(4)).unwrap();
    assert!(matches!(
        user.take(&through, &mut &ana.store),
        Transfer::Refused(Refusal::Untrusted(Verdict::Revoked))
    ));
    assert_eq!(served(), 20);
    // The user's own computation takes the place of what was revoked.
    made(&user, "f0", "f", b"own");
    assert_eq!(user.payload(&keys[0]).as_deref(), Some(&b"own"[..]));
}

/// A signer for one name must not give results to computations of another by calling them so.
#[test]
fn a_name_does_not_let_a_signer_into_other_computations() {
    let (eve, user) = (User::new(1), User::new(2));
    user.trusts("eve", signer(1).public(), &["team.*"]);
    let payroll = made(&eve, "payroll", "team.f", b"theirs");
    // It has the key of `payroll` and says that it is `team.f`.
    assert!(matches!(
        user.take(&sign_entry(&payroll, &signer(1)).unwrap(), &mut NoBlobs),
        Transfer::Copied(_)
    ));
    let asked = |name: &str| matches!(user.store.get_for(&payroll.key, name), Lookup::Hit(_));
    assert!(asked("team.f"));
    assert!(!asked("payroll"));
    // Nor does it keep out what the right signer brings.
    let ci = User::new(3);
    user.trusts("ci", signer(3).public(), &["payroll"]);
    let right = sign_entry(&made(&ci, "payroll", "payroll", b"right"), &signer(3)).unwrap();
    assert!(matches!(user.take(&right, &mut NoBlobs), Transfer::Copied(_)));
    assert!(asked("payroll") && user.payload(&payroll.key).as_deref() == Some(&b"right"[..]));
    // Whoever of two with other scopes comes last stays; `payroll` is computed then, and never given Eve's.
    let eves = user.take(&sign_entry(&payroll, &signer(1)).unwrap(), &mut NoBlobs);
    assert!(matches!(eves, Transfer::Copied(_)));
    assert!(!asked("payroll"));
}

/// The recipe, which explanations show, is that of the key; and so are the traces.
#[test]
fn a_recipe_or_a_trace_that_does_not_lead_to_the_key_is_refused() {
    let (eve, user) = (User::new(1), User::new(2));
    user.trusts("eve", signer(1).public(), &[]);
    let good = made(&eve, "f", "f", b"x");
    let traced = traced(&good);
    for (entry, is_good) in [
        (good.clone(), true),
        (traced.clone(), true),
        (Entry { recipe: encode(&recipe("g")), ..good.clone() }, false),
        (Entry { recipe: vec![], ..good.clone() }, false),
        (Entry { traces: vec![1], ..good.clone() }, false),
        (Entry { traces: traced.traces.clone(), ..good.clone() }, false),
        (Entry { key: good.key, ..traced.clone() }, false),
        (Entry { traces: encode_trace_sets(&[set(2)]), ..traced.clone() }, false),
        (Entry { traces: encode_trace_sets(&[set(1), set(1)]), ..traced.clone() }, false),
    ] {
        assert_eq!(sign_entry(&entry, &signer(1)).is_ok(), is_good);
        let by_force = hozon_format::sign_entry(&entry, &signer(1)).unwrap();
        match user.take(&by_force, &mut NoBlobs) {
            Transfer::Refused(Refusal::Recipe) => assert!(!is_good),
            Transfer::Copied(_) => assert!(is_good),
            other => panic!("{other:?}"),
        }
    }
    // What an honest machine's stamps tell stays there.
    let signed = sign_entry(&traced, &signer(1)).unwrap();
    let sent = hozon_format::Claim::parse(&signed).unwrap().verify().unwrap().entry().clone();
    let sets = decode_trace_sets(&sent.traces).unwrap();
    assert!(
        sets[0].seen[0].stamp.is_none()
            && decode_trace_sets(&traced.traces).unwrap()[0].seen[0].stamp.is_some()
    );
    assert_eq!((sent.key, sent.outputs), (traced.key, traced.outputs));
}

fn set(number: u8) -> TraceSet {
    let stamp = FileStamp { inode: 1, size: 2, modified_ns: 3, changed_ns: 4 };
    let place = Place { base: Base::Project, path: b"data.csv".to_vec() };
    TraceSet::of(vec![Seen {
        subject: Subject::File(place),
        digest: Digest::of(&[number]),
        stamp: Some(stamp),
    }])
}

fn traced(entry: &Entry) -> Entry {
    let recipe = traced_recipe(recipe("f"), &set(1).seen);
    Entry {
        key: key(&recipe),
        recipe: encode(&recipe),
        traces: encode_trace_sets(&[set(1)]),
        ..entry.clone()
    }
}

/// Where the fields of a signed envelope are, whose name has one letter.
const FIELDS: [(&str, std::ops::Range<usize>); 9] = [
    ("version", 8..10),
    ("kind", 10..11),
    ("signer", 11..43),
    ("namespace", 51..52),
    ("key", 52..84),
    ("length", 84..92),
    ("digest", 92..124),
    ("signature", 124..188),
    ("body", 188..usize::MAX),
];

/// Row T4 and bar 8: every field of each of 20 entries of two signers in the place of that of each other one,
/// alone and with those that go with it; other codecs and versions; each other's blobs.
#[test]
fn no_part_of_one_entry_passes_in_another() {
    let (ana, user) = (User::new(1), User::new(2));
    user.trusts("one", signer(1).public(), &[]);
    user.trusts("two", signer(2).public(), &[]);
    let letters = "abcdefghijklmnopqrst";
    let entries: Vec<Entry> = letters
        .char_indices()
        .map(|(number, letter)| made(&ana, &format!("f{number}"), &letter.to_string(), &large(number)))
        .collect();
    let signed: Vec<Vec<u8>> = entries
        .iter()
        .enumerate()
        .map(|(number, entry)| sign_entry(entry, &signer(1 + (number % 2) as u8)).unwrap())
        .collect();
    let mut swaps = 0;
    let mut refuse = |bytes: &[u8], what: &str| {
        swaps += 1;
        let taken = user.take(bytes, &mut &ana.store);
        assert!(matches!(taken, Transfer::Refused(_)), "{what}: {taken:?}");
    };
    for (at, own) in signed.iter().enumerate() {
        for other in signed.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, other)| other) {
            for together in
                [&[2][..], &[3], &[4], &[6], &[7], &[8], &[6, 8], &[2, 7], &[4, 6, 8], &[2, 3, 4, 6, 8]]
            {
                let mut swapped = own.clone();
                for field in together {
                    let range = FIELDS[*field].1.clone();
                    let range = range.start..range.end.min(own.len());
                    if other.len() == own.len() {
                        swapped[range.clone()].copy_from_slice(&other[range]);
                    }
                }
                // Two of one signer have the same.
                if swapped != *own && swapped != *other {
                    refuse(&swapped, &format!("{together:?} of another in {at}"));
                }
            }
        }
        for (name, range) in FIELDS {
            for value in [0, 1, 2, 0xff] {
                let mut swapped = own.clone();
                swapped[range.start..range.end.min(own.len())].fill(value);
                if swapped != *own {
                    refuse(&swapped, &format!("{name} of {at} is all {value}"));
                }
            }
        }
    }
    assert!(swaps >= 2000, "{swaps}");
    assert!(user.is_empty());
    // A codec is under the signature, too; nobody else's blob is taken for it.
    for (at, entry) in entries.iter().enumerate() {
        let mut lied = entry.clone();
        lied.outputs[0].codec = Codec::Exception;
        let theirs = hozon_format::sign_entry(&lied, &signer(9)).unwrap();
        let mut swapped = theirs.clone();
        swapped[11..43].copy_from_slice(&signed[at][11..43]);
        for signature in [&signed[at][124..188], &theirs[124..188]] {
            swapped[124..188].copy_from_slice(signature);
            assert!(matches!(user.take(&swapped, &mut &ana.store), Transfer::Refused(_)));
        }
        let (digest, _) = entry.blobs().next().unwrap();
        for other in 0..entries.len() {
            let blobs = match other == at {
                true => vec![Vec::new(), large(other)[1..].to_vec(), [large(other), vec![0]].concat()],
                false => vec![large(other)],
            };
            for blob in blobs {
                let mut given = Given([(digest, blob)].into());
                assert!(matches!(user.take(&signed[at], &mut given), Transfer::Refused(Refusal::Blob(_))));
            }
        }
    }
    assert!(user.is_empty());
    for (entry, bytes) in entries.iter().zip(&signed) {
        assert!(matches!(user.take(bytes, &mut &ana.store), Transfer::Copied(_)));
        assert!(user.payload(&entry.key).is_some());
    }
}

/// Row T3: two results of one key, in both orders.
#[test]
fn two_results_of_one_key_are_noted_and_the_first_stays() {
    for own_first in [true, false] {
        let (ana, bob, user) = (User::new(1), User::new(2), User::on_disk(3));
        for (name, of) in [("ana", 1), ("bob", 2)] {
            user.trusts(name, signer(of).public(), &[]);
        }
        let entry = made(&ana, "f", "f", b"0.1");
        let theirs = sign_entry(&entry, &signer(1)).unwrap();
        let others = sign_entry(&made(&bob, "f", "f", b"0.2"), &signer(2)).unwrap();
        let (first, second) = if own_first { (&theirs, &others) } else { (&others, &theirs) };
        assert!(matches!(user.take(first, &mut NoBlobs), Transfer::Copied(_)));
        let served = user.payload(&entry.key);
        assert!(matches!(user.take(first, &mut NoBlobs), Transfer::Present));
        assert_eq!(user.store.disagreements().unwrap(), []);
        assert!(matches!(user.take(second, &mut NoBlobs), Transfer::Disagrees));
        assert_eq!(user.payload(&entry.key), served);
        let noted = user.store.disagreements().unwrap();
        assert_eq!((noted.len(), noted[0].key, noted[0].name.as_str()), (1, entry.key, "f"));
        // A result that is computed here replaces it, and that is noted as well.
        made(&user, "f", "f", b"0.3");
        made(&user, "f", "f", b"0.3");
        assert_eq!(user.payload(&entry.key).as_deref(), Some(&b"0.3"[..]));
        assert_eq!(user.store.disagreements().unwrap().len(), 2);
    }
}

fn exported(owner: &User, keys: &[Key], of: u8) -> Vec<u8> {
    let mut file = Vec::new();
    let exported = export(&owner.store, keys, &signer(of), &mut |bytes| {
        file.extend_from_slice(bytes);
        Ok(())
    })
    .unwrap();
    assert_eq!((exported.left_out.len(), exported.bytes), (0, file.len() as u64));
    file
}

fn imported(user: &User, file: &[u8]) -> Result<Imported, ImportError> {
    let examined = examine(&user.store, &mut &file[..])?;
    import(&user.store, &examined, &mut &file[..])
}

#[test]
fn a_file_brings_what_its_signer_is_trusted_with_and_nothing_else() {
    let (ana, user) = (User::new(1), User::new(2));
    let shared = large(7);
    let entries = [
        made(&ana, "f", "team.f", &shared),
        made(&ana, "g", "team.g", &shared),
        made(&ana, "h", "own.h", &large(8)),
    ];
    let file = exported(&ana, &entries.each_ref().map(|entry| entry.key), 1);
    assert!(file.len() < 3 * shared.len(), "the blob that two share is there once");
    let nothing = examine(&user.store, &mut &file[..]).unwrap();
    assert_eq!((nothing.accepted.len(), nothing.refused.len()), (0, 3));
    assert_eq!(imported(&user, &file).unwrap().copied, 0);
    assert!(user.is_empty());
    user.trusts("ana", signer(1).public(), &["team.*"]);
    let some = examine(&user.store, &mut &file[..]).unwrap();
    assert_eq!((some.accepted.len(), some.refused.len()), (2, 1));
    let taken = imported(&user, &file).unwrap();
    assert_eq!((taken.copied, taken.copied_bytes, taken.names.len()), (2, shared.len() as u64, 2));
    assert_eq!(user.payload(&entries[1].key), Some(shared));
    assert_eq!(user.store.root("team.g"), Some(entries[1].key));
    assert_eq!(user.payload(&entries[2].key), None);
    let again = imported(&user, &file).unwrap();
    assert_eq!((again.copied, again.present, again.copied_bytes), (0, 2, 0));
    // What was taken can be passed on with its signature; who trusts the first signer takes it.
    let third = User::new(3);
    third.trusts("ana", signer(1).public(), &[]);
    assert_eq!(imported(&third, &exported(&user, &[entries[0].key], 2)).unwrap().copied, 1);
}

/// A store with a bound keeps to it while a file is taken.
#[test]
fn an_import_keeps_to_the_bound_of_the_store() {
    let ana = User::new(1);
    let keys: Vec<Key> =
        (0..60).map(|number| made(&ana, &format!("f{number}"), "f", &large(number)).key).collect();
    let file = exported(&ana, &keys, 1);
    let folder = tempfile::tempdir().unwrap();
    let user = User::of(Arc::new(Os), folder.path(), 2);
    user.trusts("ana", signer(1).public(), &[]);
    let limits = Limits { bound: Bound::Bytes(400_000), grace: Duration::ZERO };
    let keys = Keys::with_ring(SealKey::from_bytes([2; 32]), user.ring.clone());
    let store = Store::open_with(Arc::new(Os), &folder.path().join("store"), keys, limits).unwrap();
    let user = User { store, ..user };
    assert_eq!(imported(&user, &file).unwrap().copied, 60);
    user.store.flush_uses().unwrap();
    let left: u64 =
        user.store.summaries().unwrap().iter().map(|entry| entry.size_bytes + entry.blob_bytes).sum();
    assert!(left <= 400_000 && left > 100_000, "{left}");
}

/// A name that the user has given stays with what it names.
#[test]
fn an_import_takes_no_name_away() {
    let (ana, user) = (User::new(1), User::new(2));
    let theirs = made(&ana, "f", "model", b"theirs");
    let own = made(&user, "g", "model", b"own");
    user.store.set_root("model", &own.key).unwrap();
    user.trusts("ana", signer(1).public(), &[]);
    assert_eq!(imported(&user, &exported(&ana, &[theirs.key], 1)).unwrap().names, [""; 0]);
    assert_eq!(user.store.root("model"), Some(own.key));
}

/// From a file that is damaged anywhere, nothing is taken.
#[test]
fn every_flipped_bit_and_every_cut_of_a_file_is_seen() {
    let (ana, user) = (User::new(1), User::new(2));
    user.trusts("ana", signer(1).public(), &[]);
    let entry = made(&ana, "f", "f", &large(1)[..4200]);
    let file = exported(&ana, &[entry.key], 1);
    for index in (0..file.len()).filter(|index| index % 7 == 0 || *index < 60 || *index + 700 > file.len()) {
        let mut other = file.clone();
        other[index] ^= 1 << (index % 8);
        assert!(examine(&user.store, &mut &other[..]).is_err(), "byte {index}");
        assert!(examine(&user.store, &mut &file[..index]).is_err(), "cut at {index}");
    }
    assert!(examine(&user.store, &mut &[&file[..], &[0]].concat()[..]).is_err());
    // A file that was another one when it was looked through.
    let examined = examine(&user.store, &mut &file[..]).unwrap();
    let mut other = file.clone();
    other[100] ^= 1;
    assert!(import(&user.store, &examined, &mut &other[..]).is_err());
    assert!(user.is_empty());
    assert_eq!(import(&user.store, &examined, &mut &file[..]).unwrap().copied, 1);
    assert!(matches!(
        examine(&user.store, &mut &b"PK\x03\x04 no such file"[..]),
        Err(ImportError::NotAnExport)
    ));
    assert!(matches!(examine(&user.store, &mut &b"hozonEXP\x02\0"[..]), Err(ImportError::UnknownVersion)));
}

/// An entry whose blobs the file does not have is not taken, whatever the store has.
#[test]
fn an_entry_without_its_blobs_is_refused() {
    let (ana, user) = (User::new(1), User::new(2));
    user.trusts("ana", signer(1).public(), &[]);
    let entry = made(&ana, "f", "f", &large(1));
    let signed = sign_entry(&entry, &signer(1)).unwrap();
    let frame = |frame: hozon_format::Frame| frame.encode();
    let file = [
        hozon_format::EXPORT_HEADING.to_vec(),
        frame(hozon_format::Frame::Entry(Digest::of(&signed), signed.len() as u64)),
        signed,
        frame(hozon_format::Frame::End(1)),
    ]
    .concat();
    let examined = examine(&user.store, &mut &file[..]).unwrap();
    assert!(matches!(examined.refused[..], [(Some(_), Refusal::Blob(_))]));
    assert_eq!(import(&user.store, &examined, &mut &file[..]).unwrap().copied, 0);
    assert!(user.is_empty());
}

/// A length alone makes nobody allocate, and an endless blob is read no further than it may be.
#[test]
fn lengths_that_lie_cost_nothing() {
    let user = User::new(1);
    for length in [u64::MAX, 1 << 63, 1 << 40, (64 << 20) + 1] {
        for frame in [
            hozon_format::Frame::Entry(Digest::of(b""), length),
            hozon_format::Frame::Blob(Digest::of(b""), length),
        ] {
            let file = [hozon_format::EXPORT_HEADING.to_vec(), frame.encode(), vec![0; 100]].concat();
            assert!(matches!(examine(&user.store, &mut &file[..]), Err(ImportError::Damaged { .. })));
        }
    }
    struct Endless(u64);
    impl Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.0 += into.len() as u64;
            Ok(into.len())
        }
    }
    let mut endless = Endless(0);
    let refused = user.store.take_blob(&Digest::of(b"x"), 1 << 20, &mut endless).unwrap();
    assert!(refused.is_err() && endless.0 <= (1 << 20) + 1, "{}", endless.0);
    assert_eq!(user.store.system().list(Path::new("/store/v1/tmp")).unwrap(), []);
}
