//! The server by its own client: the suite of all tiers, TLS, quotas, restarts.
#![expect(clippy::disallowed_methods, reason = "tests look at files, and wait, themselves")]

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use hozon_format::{Digest, Key};
use hozon_serve::{Identity, ServeSettings, Server, Stopper, Tokens, WhenFull, stop_by_hand};
use hozon_sys::Os;
use hozon_tier::{Address, Notify, ObjectName, Put, Secret, Settings, Tier, TierError, conformance, open};

const READER: &str = "reader-reader-reader-reader";
const WRITER: &str = "writer-writer-writer-writer";

struct Running {
    address: std::net::SocketAddr,
    stopper: Option<Stopper>,
    thread: Option<JoinHandle<bool>>,
}

impl Running {
    fn start(settings: &ServeSettings) -> Self {
        let server = Server::bind(settings, Arc::new(Os)).unwrap();
        let address = server.address();
        let (stopper, stop) = stop_by_hand();
        let thread = std::thread::spawn(move || server.run(stop).unwrap());
        Self { address, stopper: Some(stopper), thread: Some(thread) }
    }

    /// Stops it, and tells whether all that was under way was answered.
    fn stop(&mut self) -> bool {
        self.stopper = None;
        self.thread.take().is_none_or(|thread| thread.join().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serving(folder: &Path) -> ServeSettings {
    ServeSettings {
        folder: folder.to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        tokens: Tokens::parse(&format!("read {READER}\nwrite {WRITER}")).unwrap(),
        hosts: Vec::new(),
        quota: None,
        when_full: WhenFull::Remove,
        identity: None,
    }
}

fn silent() -> Notify {
    Arc::new(|_: &str| {})
}

fn client(address: &str, token: &str) -> Arc<dyn Tier> {
    let settings = Settings { token: Some(Secret::new(token)), ..Settings::default() };
    open(&Address::parse(address).unwrap(), &settings, Arc::new(Os), silent()).unwrap()
}

fn client_of(running: &Running, token: &str) -> Arc<dyn Tier> {
    client(&format!("http://{}", running.address), token)
}

#[test]
fn the_server_is_a_tier_and_stops_gracefully() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(&serving(folder.path()));
    conformance::check(&client_of(&running, WRITER));
    assert!(running.stop());
}

#[test]
fn a_token_to_read_reads_alone_and_a_wrong_one_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&serving(folder.path()));
    let digest = Digest::of(b"hozon");
    client_of(&running, WRITER).put_blob(&digest, 5, &mut &b"hozon"[..]).unwrap();
    let read = |token| client_of(&running, token).has_blob(&digest, 5);
    for refused in 0..4 {
        let reader = client_of(&running, READER);
        assert!(reader.has_blob(&digest, 5).unwrap());
        let name = ObjectName::entries(&Key::from_digest(digest));
        let ended = match refused {
            0 => reader.put_if_absent(&name, b"x").map(drop),
            1 => reader.put_blob(&Digest::of(b"x"), 1, &mut &b"x"[..]),
            2 => reader.delete(&ObjectName::blob(&digest)),
            _ => reader.put_if_version(&name, b"x", &hozon_tier::Version::of_tag("\"x\"")).map(drop),
        };
        assert!(matches!(ended, Err(TierError::Refused(_))), "{refused}: {ended:?}");
    }
    for wrong in ["", "wrong", "reader-reader-reader-reader-"] {
        assert!(matches!(read(wrong), Err(TierError::Refused(_))), "{wrong}");
    }
    assert!(read(READER).unwrap());
}

#[test]
fn bytes_that_are_not_those_of_their_digest_are_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(&serving(folder.path()));
    let tier = client_of(&running, WRITER);
    let refused = tier.put_blob(&Digest::of(b"hozon"), 5, &mut &b"other"[..]);
    assert!(refused.is_err());
    assert!(!client_of(&running, WRITER).has_blob(&Digest::of(b"hozon"), 5).unwrap());
    assert_eq!(std::fs::read_dir(folder.path().join("v1/tmp")).unwrap().count(), 0);
}

#[test]
fn a_server_that_starts_again_has_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = serving(folder.path());
    let mut running = Running::start(&settings);
    let tier = client_of(&running, WRITER);
    let name = ObjectName::entries(&Key::from_digest(Digest::of(b"x")));
    assert_eq!(tier.put_if_absent(&name, b"x").unwrap(), Put::Stored);
    running.stop();
    assert!(matches!(tier.get(&name, 10), Err(TierError::Unreachable(_))));
    settings.listen = running.address;
    let again = Running::start(&settings);
    assert_eq!(client_of(&again, READER).get(&name, 10).unwrap().unwrap().bytes, b"x");
}

#[test]
fn at_its_quota_a_server_removes_or_refuses() {
    for (when_full, there) in [(WhenFull::Remove, [false, true]), (WhenFull::Refuse, [true, false])] {
        let folder = tempfile::tempdir().unwrap();
        let running =
            Running::start(&ServeSettings { quota: Some(150_000), when_full, ..serving(folder.path()) });
        let tier = client_of(&running, WRITER);
        let blobs = [vec![1; 100_000], vec![2; 100_000]];
        let digests = blobs.each_ref().map(|blob| Digest::of(blob));
        tier.put_blob(&digests[0], 100_000, &mut &blobs[0][..]).unwrap();
        let second = tier.put_blob(&digests[1], 100_000, &mut &blobs[1][..]);
        assert_eq!(second.is_ok(), there[1], "{second:?}");
        assert_eq!(digests.map(|digest| tier.has_blob(&digest, 100_000).unwrap()), there);
        let large = vec![3; 150_001];
        let never = tier.put_blob(&Digest::of(&large), 150_001, &mut &large[..]);
        assert!(matches!(never, Err(TierError::Full | TierError::Unreachable(_))), "{never:?}");
    }
}

/// A certificate for `localhost` with its key, made by OpenSSL's command; `None` where there is none.
fn identity(folder: &Path) -> Option<Identity> {
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.join(name));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-out")
        .arg(&certificate)
        .arg("-keyout")
        .arg(&key)
        .output();
    made.ok().filter(|made| made.status.success())?;
    Some(Identity { certificates: std::fs::read(certificate).ok()?, key: std::fs::read(key).ok()? })
}

#[test]
fn with_tls_a_client_that_believes_the_certificate_is_served_and_another_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let Some(identity) = identity(folder.path()) else { return };
    let settings = ServeSettings { identity: Some(identity.clone()), ..serving(folder.path()) };
    let running = Running::start(&settings);
    let address = Address::parse(&format!("https://localhost:{}", running.address.port())).unwrap();
    let believing = Settings {
        token: Some(Secret::new(WRITER)),
        certificates: Some(identity.certificates),
        ..Settings::default()
    };
    conformance::check(&open(&address, &believing, Arc::new(Os), silent()).unwrap());
    let doubting = Settings { certificates: None, ..believing };
    let doubts = open(&address, &doubting, Arc::new(Os), silent()).unwrap();
    let name = ObjectName::entries(&Key::from_digest(Digest::of(b"x")));
    assert!(matches!(doubts.get(&name, 10), Err(TierError::Unreachable(_))));
}

#[test]
fn a_certificate_that_is_none_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity { certificates: b"none".to_vec(), key: b"none".to_vec() };
    let settings = ServeSettings { identity: Some(identity), ..serving(folder.path()) };
    assert!(matches!(Server::bind(&settings, Arc::new(Os)), Err(hozon_serve::ServeError::Identity(_))));
}
