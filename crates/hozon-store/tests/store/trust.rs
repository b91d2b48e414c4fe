//! Whom a user trusts: the file, the keys, and what a store serves of what others signed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hozon_format::{Claim, Entry, Origin, PublicKey, SealKey, SigningKey, sign_entry};
use hozon_store::{
    Filter, Keyring, KeyringError, Keys, Lookup, Miss, ProblemKind, Signer, Store, Trust, TrustError, Verdict,
};
use hozon_sys::{Memory, Os, System};
use proptest::prelude::*;

use crate::common::{SEAL, entry, key, open};

const HOME: &str = "/home/ana/hozon";

fn signer(number: u8) -> SigningKey {
    SigningKey::from_seed([number; 32])
}

fn public(number: u8) -> PublicKey {
    signer(number).public()
}

fn ring(system: &Memory) -> Keyring {
    Keyring::new(Arc::new(system.clone()), Path::new(HOME))
}

fn store(system: &Memory) -> Store {
    let keys = Keys::with_ring(SealKey::from_bytes(SEAL), ring(system));
    Store::open(Arc::new(system.clone()), Path::new("/store"), keys).unwrap()
}

fn write(system: &dyn System, path: &str, text: &str) {
    let _ = system.remove_file(Path::new(path));
    let mut file = system.create_file(Path::new(path), 0o600).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.close().unwrap();
}

/// An entry that signer 1 has signed, as a store keeps it.
fn taken(number: u64, name: &str) -> Entry {
    let own =
        Store::open(Arc::new(Memory::new()), Path::new("/theirs"), SealKey::from_bytes([9; 32])).unwrap();
    let mut new = entry(number, None);
    new.facts.name = name.to_owned();
    own.put(new).unwrap();
    let Lookup::Hit(entry) = own.get(&key(number)) else { panic!("it is there") };
    let signed = sign_entry(&entry, &signer(1)).unwrap();
    Claim::parse(&signed).unwrap().verify().unwrap().entry().clone()
}

fn verdict_of(lookup: Lookup) -> Option<Verdict> {
    match lookup {
        Lookup::Hit(_) => None,
        Lookup::Miss(Miss::NoLongerTrusted { verdict, signer }) => {
            assert_eq!(signer, Origin::Signed(public(1)));
            Some(verdict)
        }
        Lookup::Miss(other) => panic!("{other}"),
    }
}

#[test]
fn what_others_signed_is_served_only_while_they_are_trusted() {
    let system = Memory::new();
    let (store, ring) = (store(&system), ring(&system));
    store.put_bound(&taken(1, "team.a"), None).unwrap();
    // The same open store, all the time: the file of trusted keys is looked at again.
    let look = || verdict_of(store.get(&key(1)));
    assert_eq!(look(), Some(Verdict::Unknown));
    ring.change_trust(|trust| trust.add("ana", public(1), vec![])).unwrap();
    assert_eq!(look(), None);
    assert!(store.entry_for_explaining(&key(1)).is_some());
    ring.change_trust(|trust| trust.add("ana", public(1), vec!["team.b*".into()])).unwrap();
    assert_eq!(look(), Some(Verdict::OutOfScope));
    ring.change_trust(|trust| trust.add("ana", public(1), vec!["team.*".into()])).unwrap();
    assert_eq!(look(), None);
    ring.change_trust(|trust| trust.remove("ana")).unwrap();
    assert_eq!(look(), Some(Verdict::Unknown));
    ring.change_trust(|trust| trust.add("ana", public(1), vec![])).unwrap();
    ring.change_trust(|trust| trust.revoke("ana", "2026-11-28")).unwrap();
    assert_eq!(look(), Some(Verdict::Revoked));
    assert!(store.entry_for_explaining(&key(1)).is_none());
}

/// The name of an entry is its signer's choice: a signer for `team.a` must not give results to `payroll`.
#[test]
fn the_name_of_the_computation_that_asks_counts() {
    let system = Memory::new();
    let store = store(&system);
    store.put_bound(&taken(1, "team.a"), None).unwrap();
    ring(&system).change_trust(|trust| trust.add("ana", public(1), vec!["team.*".into()])).unwrap();
    assert_eq!(verdict_of(store.get_for(&key(1), "team.z")), None);
    assert_eq!(verdict_of(store.get_for(&key(1), "payroll")), Some(Verdict::OutOfScope));
    ring(&system).change_trust(|trust| trust.add("ana", public(1), vec!["pay*".into()])).unwrap();
    assert_eq!(verdict_of(store.get_for(&key(1), "payroll")), Some(Verdict::OutOfScope));
    ring(&system).change_trust(|trust| trust.add("ana", public(1), vec![])).unwrap();
    assert_eq!(verdict_of(store.get_for(&key(1), "payroll")), None);
}

#[test]
fn a_store_without_keys_serves_nothing_that_others_signed_and_all_that_is_its_own() {
    let system = Memory::new();
    let store = Store::open(Arc::new(system), Path::new("/store"), SealKey::from_bytes(SEAL)).unwrap();
    store.put_bound(&taken(1, "f"), None).unwrap();
    store.put(entry(2, None)).unwrap();
    assert_eq!(verdict_of(store.get(&key(1))), Some(Verdict::Unknown));
    assert!(matches!(store.get(&key(2)), Lookup::Hit(_)));
}

#[test]
fn a_trust_file_that_cannot_be_read_trusts_nobody() {
    let system = Memory::new();
    let (store, ring) = (store(&system), ring(&system));
    store.put_bound(&taken(1, "f"), None).unwrap();
    ring.change_trust(|trust| trust.add("ana", public(1), vec![])).unwrap();
    assert_eq!(verdict_of(store.get(&key(1))), None);
    let good = ring.read_trust().unwrap().text();
    for bad in [&good.replace("ana", "ana ana"), &format!("{good}bob"), &format!("{good}x ssh-rsa AAAA\n")] {
        write(&system, "/home/ana/hozon/trust", bad);
        assert_eq!(verdict_of(store.get(&key(1))), Some(Verdict::Unknown), "{bad}");
        assert!(matches!(ring.read_trust(), Err(KeyringError::Damaged { .. })), "{bad}");
        // No change may lose what it says.
        assert!(ring.change_trust(|trust| trust.add("eve", public(2), vec![])).is_err());
    }
    write(&system, "/home/ana/hozon/trust", &good);
    assert_eq!(verdict_of(store.get(&key(1))), None);
}

#[test]
fn ones_own_key_is_trusted_until_it_is_revoked() {
    let system = Memory::new();
    let (store, ring) = (store(&system), ring(&system));
    system.create_folder(Path::new(HOME)).unwrap();
    let mut seed = system.create_file(&Path::new(HOME).join("signing.key"), 0o600).unwrap();
    seed.write_all(&[1; 32]).unwrap();
    seed.close().unwrap();
    store.put_bound(&taken(1, "f"), None).unwrap();
    assert_eq!(verdict_of(store.get(&key(1))), None);
    assert!(matches!(
        ring.change_trust(|trust| trust.add("me", public(1), vec![])),
        Err(KeyringError::Refused(TrustError::OwnKey))
    ));
    ring.change_trust(|trust| trust.revoke(&public(1).to_string(), "2026-11-28")).unwrap();
    assert_eq!(verdict_of(store.get(&key(1))), Some(Verdict::Revoked));
}

#[test]
fn verify_tells_and_a_clear_by_signer_removes() {
    let system = Memory::new();
    let (store, ring) = (store(&system), ring(&system));
    store.put(entry(3, None)).unwrap();
    store.put_bound(&taken(1, "f"), None).unwrap();
    store.put_bound(&taken(2, "g"), None).unwrap();
    ring.change_trust(|trust| trust.add("ana", public(1), vec!["f".into()])).unwrap();
    let found = store.verify(false).unwrap();
    assert_eq!((found.entries, found.problems.len()), (2, 1));
    assert!(
        matches!(&found.problems[0].kind, ProblemKind::NotTrusted(why) if why.contains("other computations"))
    );
    ring.change_trust(|trust| trust.revoke("ana", "today")).unwrap();
    assert_eq!(store.clear_because(&Filter::SignedBy(public(2)), "revoked").unwrap().entries, 0);
    assert_eq!(store.clear_because(&Filter::SignedBy(public(1)), "revoked").unwrap().entries, 2);
    assert_eq!(store.keys().unwrap(), [key(3)]);
    assert!(store.verify(false).unwrap().problems.is_empty());
}

#[test]
fn what_is_revoked_stays_so() {
    let mut trust = Trust::default();
    trust.add("ana", public(1), vec![]).unwrap();
    trust.revoke("ana", "2026-11-28").unwrap();
    trust.revoke("ana", "2027-01-01").unwrap();
    let revoked = TrustError::Revoked { name: "ana".into(), date: "2026-11-28".into() };
    assert_eq!(trust.add("ana again", public(1), vec![]), Err(TrustError::BadName("ana again".into())));
    assert_eq!(trust.add("again", public(1), vec![]), Err(revoked.clone()));
    assert_eq!(trust.remove("ana"), Err(revoked));
    assert_eq!(trust.verdict(&public(1), &["f"]), Verdict::Revoked);
    // A line that someone adds by hand does not undo it, wherever it stands.
    for signers in [[0, 1], [1, 0]] {
        let line = Signer { name: "back".into(), key: public(1), scopes: vec![], revoked: None };
        let both = [trust.signers[0].clone(), line];
        let by_hand = Trust { own: Some(public(1)), signers: signers.map(|at| both[at].clone()).to_vec() };
        assert_eq!(by_hand.verdict(&public(1), &["f"]), Verdict::Revoked);
    }
    assert_eq!(trust.revoke("bob", "today"), Err(TrustError::NoSuchName("bob".into())));
    trust.revoke(&public(2).to_string(), "today").unwrap();
    assert_eq!(trust.verdict(&public(2), &["f"]), Verdict::Revoked);
}

#[test]
fn names_and_patterns_that_the_file_cannot_hold_are_refused() {
    let mut trust = Trust::default();
    for name in ["", "a b", "#a", "a=b", "a\nb", "\u{7}"] {
        assert_eq!(trust.add(name, public(1), vec![]), Err(TrustError::BadName(name.into())));
    }
    for scope in ["", "a b", "a,b", "a\n"] {
        assert_eq!(trust.add("a", public(1), vec![scope.into()]), Err(TrustError::BadScope(scope.into())));
    }
    trust.add("a", public(1), vec![]).unwrap();
    assert_eq!(trust.add("a", public(2), vec![]), Err(TrustError::NameTaken("a".into())));
    trust.add("b", public(1), vec!["x*".into()]).unwrap();
    assert_eq!(trust.signers.len(), 1);
    assert_eq!(trust.remove("a"), Err(TrustError::NoSuchName("a".into())));
    trust.remove("b").unwrap();
    assert_eq!(trust.verdict(&public(1), &["x"]), Verdict::Unknown);
}

#[test]
fn lines_that_are_no_lines_are_refused_with_their_number() {
    let good = format!("# a\n\n ana {} scopes=a*,b? revoked=2026-11-28 \n", public(1));
    let trust = Trust::parse(&good).unwrap();
    assert_eq!((trust.signers[0].scopes.len(), trust.signers[0].revoked.as_deref()), (2, Some("2026-11-28")));
    for bad in
        ["scopes=", "scopes=a,,b", "revoked=", "revoke=1", "x", "scopes=a scopes=b", "revoked=a revoked=b"]
    {
        let text = format!("# a\nana {} {bad}\n", public(1));
        assert!(matches!(Trust::parse(&text), Err(TrustError::BadLine { line: 2, .. })), "{bad}");
    }
}

proptest! {
    #[test]
    fn the_file_comes_back_and_no_text_is_a_panic(text in ".{0,200}", scopes in proptest::collection::vec("[a-z.*?]{1,5}", 0..4)) {
        let _ = Trust::parse(&text);
        let mut trust = Trust::default();
        trust.add("ana", public(1), scopes).unwrap();
        trust.add("bob", public(2), vec![]).unwrap();
        trust.revoke("bob", "2026-11-28").unwrap();
        prop_assert_eq!(Trust::parse(&trust.text()).unwrap(), trust);
    }
}

/// Row T3: two processes store other results under one key. Both orders are noted, for whoever asks.
#[test]
fn two_results_of_one_key_are_noted() {
    for first in [0, 1] {
        let folder = tempfile::tempdir().unwrap();
        let stores = [open(folder.path()), open(folder.path())];
        let (one, other) = (&stores[first], &stores[1 - first]);
        one.put(entry(1, None)).unwrap();
        other.put(entry(1, None)).unwrap();
        assert_eq!(other.disagreements().unwrap(), []);
        let mut differing = entry(1, None);
        differing.outputs[0].payload = std::borrow::Cow::Borrowed(b"other");
        other.put(differing).unwrap();
        for store in &stores {
            let noted = store.disagreements().unwrap();
            assert_eq!((noted.len(), noted[0].key, noted[0].second.as_str()), (1, key(1), "own"));
        }
        // What has expired may well be other now.
        let mut expired = entry(2, None);
        expired.facts.expires_ms = Some(1);
        one.put(expired.clone()).unwrap();
        expired.outputs[0].payload = std::borrow::Cow::Borrowed(b"later");
        one.put(expired).unwrap();
        assert_eq!(one.disagreements().unwrap().len(), 1);
    }
}

fn folder_with(key: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("id_ed25519");
    std::fs::write(&path, key).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

#[test]
fn the_signing_key_is_made_once_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("hozon");
    let ring = Keyring::new(Arc::new(Os), &home);
    assert_eq!(ring.own_key().unwrap(), None);
    assert!(!home.exists());
    let made = ring.signing_key().unwrap().public();
    assert_eq!(ring.signing_key().unwrap().public(), made);
    assert_eq!(ring.own_key().unwrap(), Some(made));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&home), mode(&home.join("signing.key"))), (0o700, 0o600));
    std::fs::set_permissions(home.join("signing.key"), std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(ring.signing_key().unwrap_err().to_string().contains("chmod 600"));
    // Neither a link nor a large file is taken for one.
    let elsewhere = folder.path().join("elsewhere");
    std::fs::rename(home.join("signing.key"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, home.join("signing.key")).unwrap();
    assert!(ring.signing_key().is_err());
    std::fs::remove_file(home.join("signing.key")).unwrap();
    std::fs::write(home.join("signing.key"), vec![0; 1 << 20]).unwrap();
    assert!(ring.signing_key().is_err());
}

#[test]
fn an_ssh_key_signs_instead_if_the_user_says_so() {
    let (_held, path) = folder_with(SSH_KEY, 0o600);
    let home = tempfile::tempdir().unwrap();
    let ring = Keyring::new(Arc::new(Os), home.path());
    let chosen = ring.choose_ssh_key(Some(&path)).unwrap();
    let own = ring.choose_ssh_key(None).unwrap();
    assert_ne!(own, chosen);
    assert_eq!(ring.choose_ssh_key(Some(&path)).unwrap(), chosen);
    assert_eq!(PublicKey::parse(SSH_PUBLIC).unwrap().0, chosen);
    assert_eq!(ring.signing_key().unwrap().public(), chosen);
    assert_eq!(ring.own_key().unwrap(), Some(chosen));
    assert_eq!(ring.trust().own, Some(chosen));
    assert_eq!(ring.choose_ssh_key(None).unwrap(), own);
    assert_eq!(ring.trust().own, Some(own));
}

#[test]
fn ssh_keys_that_cannot_sign_are_refused_with_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let ring = Keyring::new(Arc::new(Os), home.path());
    for (key, mode, told) in [
        (SSH_KEY, 0o644, "chmod 600"),
        (SSH_KEY_WITH_PASSPHRASE, 0o600, "passphrase"),
        ("-----BEGIN NONSENSE", 0o600, "OpenSSH"),
        (SSH_PUBLIC, 0o600, "OpenSSH"),
    ] {
        let (_held, path) = folder_with(key, mode);
        let error = ring.choose_ssh_key(Some(&path)).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        assert_eq!(ring.ssh_choice().unwrap(), None);
    }
    // What was chosen and is gone: nothing is signed, and others stay trusted.
    let (held, path) = folder_with(SSH_KEY, 0o600);
    ring.choose_ssh_key(Some(&path)).unwrap();
    ring.change_trust(|trust| trust.add("ana", public(1), vec![])).unwrap();
    drop(held);
    assert!(ring.signing_key().is_err());
    assert_eq!(ring.trust().verdict(&public(1), &["f"]), Verdict::Trusted);
}

/// Made for this test by `ssh-keygen -t ed25519`; it opens nothing.
const SSH_KEY: &str = "\
-----BEGIN OPENSSH PRIVATE KEY-----\n\
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n\
QyNTUxOQAAACCNXe6YPG7Pku0xx8/e3lG+iydtCtyPEXBjjt2LJWSDUQAAAJBINTCySDUw\n\
sgAAAAtzc2gtZWQyNTUxOQAAACCNXe6YPG7Pku0xx8/e3lG+iydtCtyPEXBjjt2LJWSDUQ\n\
AAAEBUeh8guDrYhnsAp1r92JgJGs3CqtP97AeU6tBRRBh8DY1d7pg8bs+S7THHz97eUb6L\n\
J20K3I8RcGOO3YslZINRAAAACmFuYUBsYXB0b3ABAgM=\n\
-----END OPENSSH PRIVATE KEY-----\n";
const SSH_PUBLIC: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII1d7pg8bs+S7THHz97eUb6LJ20K3I8RcGOO3YslZINR ana@laptop";
/// The same, with a passphrase.
const SSH_KEY_WITH_PASSPHRASE: &str = "\
-----BEGIN OPENSSH PRIVATE KEY-----\n\
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABBIIIf5fM\n\
lgFn9esZaSZV2PAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIADORO6OE1r0itHj\n\
8qX85+4q2H8umK4TAeptZwCt92o4AAAAkIJz3VdDSZTyjf8cfB7QZ3m1AM3iMT/paT11xO\n\
G5DUtYhjAHxl08tGJzwr9528zVXYYfhV0lHopODQznCXr0C28W7tdPyzk1wHyC/TscN/rH\n\
v0w2BjEJITNI+dL50Yoau5kKE5SQRI2K6BXAxEZmQn4odxO2ddQ9HjpXfZN9estWeuW2tW\n\
/r1CO4Od0v6mDxng==\n\
-----END OPENSSH PRIVATE KEY-----\n";
