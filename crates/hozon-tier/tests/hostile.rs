//! A remote that lies, stalls, breaks off and points elsewhere: bar 9 of the threat model.
//!
//! Each behaviour is tried with a small object and with a blob. Whatever it does, the caller gets a miss, an
//! error, or the right bytes; in time; and the remote's words are in no error.
#![expect(clippy::disallowed_methods, reason = "tests look at files, and wait, themselves")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hozon_format::{Digest, Key};
use hozon_sys::Os;
use hozon_tier::{Address, Deadlines, Notify, ObjectName, Secret, Settings, Tier, TierError, open};

const RIGHT: &[u8] = b"the right bytes";
const CANARY: &str = "c4n4ry";
const CAP: u64 = 10_000;

fn deadlines() -> Deadlines {
    let short = Duration::from_millis(400);
    Deadlines { connect: short, small: short, stall: short, least_bytes: 1000 }
}

/// What a remote does with a connection whose request it has read.
type Behaviour = Box<dyn Fn(&mut TcpStream) + Send + Sync>;

/// What has to come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fallback {
    /// There is no such object.
    Miss,
    /// An error, or, for a small object, bytes that whoever asked will find wrong.
    Refused,
    /// The right bytes.
    Right,
}

struct Case {
    name: &'static str,
    behaviour: Behaviour,
    fallback: Fallback,
}

fn says(text: impl Into<Vec<u8>>) -> Behaviour {
    let text = text.into();
    Box::new(move |stream| drop(stream.write_all(&text)))
}

fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Writes pieces of a text for ever, or until nobody listens.
fn endless(head: &'static str, piece: &'static [u8], pause: Duration) -> Behaviour {
    Box::new(move |stream| {
        let _ = stream.write_all(head.as_bytes());
        while stream.write_all(piece).is_ok() {
            std::thread::sleep(pause);
        }
    })
}

fn silent_for_long(_: &mut TcpStream) {
    std::thread::sleep(Duration::from_secs(4));
}

fn reset(stream: &TcpStream) {
    // Closing with bytes unread resets; nothing unread is left here, so both ways are shut at once.
    let _ = stream.shutdown(Shutdown::Both);
}

#[expect(clippy::too_many_lines, reason = "one line or so for each of forty behaviours")]
fn cases() -> Vec<Case> {
    use Fallback::{Miss, Refused, Right};
    static LARGE: &[u8] = &[b'x'; 1 << 16];
    let escape = format!("\u{1b}]0;{CANARY}\u{7}\u{1b}[2J{CANARY}");
    let redirect = |to: &str| says(answer("302 Found", &format!("Location: {to}\r\n"), b""));
    let none = Duration::ZERO;
    let list: Vec<(&'static str, Behaviour, Fallback)> = vec![
        ("the right bytes", says(answer("200 OK", "", RIGHT)), Right),
        (
            "the right bytes in chunks",
            says(
                [
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
                    [&b"4\r\n"[..], &RIGHT[..4], b"\r\nb\r\n", &RIGHT[4..], b"\r\n0\r\n\r\n"].concat(),
                ]
                .concat(),
            ),
            Right,
        ),
        (
            "the right bytes up to the end of the connection",
            says([b"HTTP/1.0 200 OK\r\n\r\n", RIGHT].concat()),
            Right,
        ),
        ("there is none", says(answer("404 Not Found", "", escape.as_bytes())), Miss),
        ("wrong bytes", says(answer("200 OK", "", b"the wrong bytes")), Refused),
        ("longer", says(answer("200 OK", "", b"the right bytes and more")), Refused),
        ("shorter", says(answer("200 OK", "", b"the right")), Refused),
        ("nothing", says(answer("200 OK", "", b"")), Refused),
        ("over the cap", says(answer("200 OK", "", LARGE)), Refused),
        ("endless", endless("HTTP/1.1 200 OK\r\n\r\n", LARGE, none), Refused),
        (
            "endless in chunks",
            endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"4\r\nxxxx\r\n", none),
            Refused,
        ),
        (
            "a byte at a time",
            endless("HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n", b"t", Duration::from_millis(150)),
            Refused,
        ),
        ("a head that never ends", endless("HTTP/1.1 200 OK\r\n", b"X-A: b\r\n", none), Refused),
        ("a header that never ends", endless("HTTP/1.1 200 OK\r\nX: ", LARGE, none), Refused),
        (
            "a head that comes slowly",
            endless("HTTP/1.1 200 OK\r\nX: ", b"a", Duration::from_millis(150)),
            Refused,
        ),
        (
            "a length that is too long",
            says(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort".to_vec()),
            Refused,
        ),
        (
            "a length of 2^63",
            says(b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nx".to_vec()),
            Refused,
        ),
        ("a length below zero", says(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx".to_vec()), Refused),
        (
            "two lengths",
            says(
                [&b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\nContent-Length: 3\r\n\r\n"[..], RIGHT].concat(),
            ),
            Refused,
        ),
        (
            "a chunk of 2^64",
            says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx".to_vec()),
            Refused,
        ),
        (
            "a chunk of no size",
            says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n".to_vec()),
            Refused,
        ),
        (
            "chunks that break off",
            says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nf\r\nthe".to_vec()),
            Refused,
        ),
        (
            "an encoding that nobody asked for",
            says(answer("200 OK", "Content-Encoding: gzip\r\n", RIGHT)),
            Refused,
        ),
        (
            "a page of HTML",
            says(answer("200 OK", "Content-Type: text/html\r\n", b"<html>Sign in</html>")),
            Refused,
        ),
        ("a part", says(answer("206 Partial Content", "Content-Range: bytes 0-14/15\r\n", RIGHT)), Refused),
        ("not modified", says(answer("304 Not Modified", "", b"")), Refused),
        ("401", says(answer("401 Unauthorized", "WWW-Authenticate: Basic\r\n", escape.as_bytes())), Refused),
        ("403", says(answer("403 Forbidden", "", escape.as_bytes())), Refused),
        ("429", says(answer("429 Too Many Requests", "Retry-After: 99999\r\n", b"")), Refused),
        ("500", says(answer("500 Oh", "", escape.as_bytes())), Refused),
        ("503 with escapes in its reason", says(answer(&format!("503 \u{1b}[2J{CANARY}"), "", b"")), Refused),
        ("a status that is none", says(answer("999 What", "", RIGHT)), Refused),
        (
            "101",
            says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".to_vec()),
            Refused,
        ),
        ("to a file", redirect("file:///etc/passwd"), Refused),
        ("to the metadata of a cloud", redirect("http://169.254.169.254/latest/meta-data"), Refused),
        ("to another host", redirect("http://localhost:1/x"), Refused),
        ("to itself", redirect("/v1/entries/again"), Refused),
        ("closed at once", Box::new(|stream| reset(stream)), Refused),
        ("silence", Box::new(silent_for_long), Refused),
        ("no HTTP", says(format!("SSH-2.0-{escape}\r\n")), Refused),
        (
            "another version of HTTP",
            says(b"HTTP/9.9 200 OK\r\nContent-Length: 15\r\n\r\nthe right bytes".to_vec()),
            Refused,
        ),
        (
            "answers to what nobody asked",
            says([answer("100 Continue", "", b""), answer("200 OK", "", b"the wrong bytes")].concat()),
            Refused,
        ),
    ];
    list.into_iter().map(|(name, behaviour, fallback)| Case { name, behaviour, fallback }).collect()
}

/// A remote of one behaviour.
struct Remote {
    address: String,
    over: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Remote {
    fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (over, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (ends, counts) = (Arc::clone(&over), Arc::clone(&asked));
        let behaviour = Arc::new(behaviour);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                counts.fetch_add(1, Ordering::SeqCst);
                let (mut stream, behaviour) = (stream.unwrap(), Arc::clone(&behaviour));
                std::thread::spawn(move || {
                    let mut request = [0; 4096];
                    let _ = stream.read(&mut request);
                    behaviour(&mut stream);
                    let _ = stream.shutdown(Shutdown::Write);
                    let _ = stream.read(&mut request);
                });
            }
        });
        Self { address, over, asked }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the one that accepts.
        let _ = TcpStream::connect(self.address.trim_start_matches("http://"));
    }
}

fn client(address: &str) -> (Arc<dyn Tier>, Arc<std::sync::Mutex<Vec<String>>>) {
    let settings =
        Settings { token: Some(Secret::new(CANARY)), deadlines: deadlines(), ..Settings::default() };
    let said = Arc::<std::sync::Mutex<Vec<String>>>::default();
    let told = Arc::clone(&said);
    let notify: Notify = Arc::new(move |why| told.lock().unwrap().push(why.to_owned()));
    (open(&Address::parse(address).unwrap(), &settings, Arc::new(Os), notify).unwrap(), said)
}

/// Asks for an object, and gives its bytes if there is one; in time.
fn in_time<T>(name: &str, ask: impl FnOnce() -> Result<T, TierError>) -> Result<T, TierError> {
    let (Deadlines { connect, small, stall, .. }, started) = (deadlines(), Instant::now());
    let ended = ask();
    let most = connect + small + stall + Duration::from_secs(1);
    // Not how fast it is, but that it does not hang: the machine may be busy.
    assert!(started.elapsed() < most * 4, "{name}: {:?}", started.elapsed());
    if let Err(error) = &ended {
        let (shown, debug) = (error.to_string(), format!("{error:?}"));
        assert!(!shown.contains(CANARY) && !debug.contains(CANARY), "{name}: {debug}");
        assert!(!shown.contains(char::is_control), "{name}: {debug}");
    }
    ended
}

#[test]
fn whatever_a_remote_does_the_fallback_is_right() {
    let cases = cases();
    assert!(cases.len() >= 40, "{}", cases.len());
    let threads: Vec<_> = cases.into_iter().map(|case| std::thread::spawn(move || try_case(case))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn try_case(Case { name, behaviour, fallback }: Case) {
    let remote = Remote::start(behaviour);
    let digest = Digest::of(RIGHT);
    let (tier, said) = client(&remote.address);
    let small = in_time(name, || tier.get(&ObjectName::entries(&Key::from_digest(digest)), CAP));
    let (tier, _) = client(&remote.address);
    let mut sink = Vec::new();
    let blob = in_time(name, || tier.get_blob(&digest, RIGHT.len() as u64, &mut sink));
    assert!(sink.len() <= RIGHT.len(), "{name}: no more than was asked for");
    match fallback {
        Fallback::Miss => {
            assert!(matches!((&small, &blob), (Ok(None), Ok(false))), "{name}: {small:?} {blob:?}")
        }
        Fallback::Right => {
            assert_eq!(small.unwrap().unwrap().bytes, RIGHT, "{name}");
            assert!(blob.unwrap() && sink == RIGHT, "{name}");
        }
        Fallback::Refused => {
            // A small object is checked by its signature: here it may be anything, up to the cap.
            let small = small.map(|object| object.map(|object| object.bytes.len() as u64));
            assert!(
                !matches!(small, Ok(None)) && small.as_ref().is_ok_and(|length| *length <= Some(CAP))
                    || small.is_err(),
                "{name}: {small:?}"
            );
            assert!(blob.is_err(), "{name}: {blob:?}");
        }
    }
    let said = said.lock().unwrap();
    assert!(said.iter().all(|line| !line.contains(CANARY) && !line.contains(char::is_control)), "{said:?}");
}

/// The connection breaks off after each byte of the answer.
#[test]
fn an_answer_that_breaks_off_anywhere_is_never_taken_for_whole() {
    let whole = answer("200 OK", "ETag: \"x\"\r\n", RIGHT);
    let digest = Digest::of(RIGHT);
    for length in 0..whole.len() {
        let remote = Remote::start(says(whole[..length].to_vec()));
        let (tier, _) = client(&remote.address);
        let mut sink = Vec::new();
        let ended = tier.get_blob(&digest, RIGHT.len() as u64, &mut sink);
        assert!(ended.is_err(), "{length}: {ended:?}");
        let (tier, _) = client(&remote.address);
        let ended = tier.get(&ObjectName::entries(&Key::from_digest(digest)), CAP);
        assert!(ended.is_err(), "{length}: {ended:?}");
    }
}

#[test]
fn redirects_are_not_followed_anywhere() {
    let other = Remote::start(says(answer("200 OK", "", RIGHT)));
    let to = answer("307 Temporary Redirect", &format!("Location: {}/x\r\n", other.address), b"");
    let remote = Remote::start(says(to));
    let (tier, _) = client(&remote.address);
    assert!(tier.get(&ObjectName::entries(&Key::from_digest(Digest::of(RIGHT))), CAP).is_err());
    assert_eq!(other.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn a_dead_remote_is_asked_once_and_then_left_alone() {
    let remote = Remote::start(Box::new(silent_for_long));
    let (tier, said) = client(&remote.address);
    let name = ObjectName::entries(&Key::from_digest(Digest::of(RIGHT)));
    assert!(matches!(tier.get(&name, CAP), Err(TierError::Unreachable(_))));
    for _ in 0..1000 {
        assert!(matches!(tier.get(&name, CAP), Err(TierError::Paused)));
    }
    assert_eq!(remote.asked.load(Ordering::SeqCst), 1);
    assert_eq!(said.lock().unwrap().len(), 1);
}

/// What is left of an endless answer is not read: memory stays bounded.
#[test]
#[cfg(target_os = "linux")]
fn an_endless_answer_takes_no_memory() {
    static PIECE: &[u8] = &[b'x'; 1 << 16];
    let remote = Remote::start(endless("HTTP/1.1 200 OK\r\n\r\n", PIECE, Duration::ZERO));
    let before = resident_bytes();
    for _ in 0..20 {
        let (tier, _) = client(&remote.address);
        let digest = Digest::of(RIGHT);
        assert!(tier.get_blob(&digest, 1 << 24, &mut std::io::sink()).is_err());
        assert!(tier.get(&ObjectName::entries(&Key::from_digest(digest)), 1 << 24).is_err());
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < (1 << 24) + (64 << 20), "{grown} bytes");
}

#[cfg(target_os = "linux")]
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
