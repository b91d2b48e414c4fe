//! Every route, with every way to ask for it that must be refused: bar 10 of the threat model.

#![expect(clippy::disallowed_methods, reason = "the test looks at the folder itself")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use hozon_sys::Os;

use crate::route::examples;
use crate::{ServeSettings, Server, Stopper, Tokens, WhenFull, stop_by_hand};

const READER: &str = "reader-reader-reader-reader";
const WRITER: &str = "writer-writer-writer-writer";

fn start(folder: &Path) -> (SocketAddr, Stopper) {
    let settings = ServeSettings {
        folder: folder.to_owned(),
        listen: "127.0.0.1:0".parse().unwrap(),
        tokens: Tokens::parse(&format!("read {READER}\nwrite {WRITER}")).unwrap(),
        hosts: vec!["cache.example".to_owned()],
        quota: None,
        when_full: WhenFull::Remove,
        identity: None,
    };
    let server = Server::bind(&settings, Arc::new(Os)).unwrap();
    let address = server.address();
    let (stopper, stop) = stop_by_hand();
    std::thread::spawn(move || server.run(stop).unwrap());
    (address, stopper)
}

/// Sends a request as it stands, and gives the status and all else that comes back.
fn ask(address: SocketAddr, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A server that refuses may close before it has read all.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer)
}

/// Sets of headers, each of which must be refused whatever is asked for. `{host}` is the right host.
fn refused_headers() -> Vec<String> {
    let good = "Host: {host}\r\n";
    let token = format!("Authorization: Bearer {WRITER}\r\n");
    let mut sets: Vec<String> = [
        "",
        "Basic d3JpdGVy",
        "Bearer",
        "Bearer ",
        "bearer wrong",
        "Bearer reader-reader-reader-reade",
        "Bearer  ",
        "Token writer-writer-writer-writer",
        "writer-writer-writer-writer",
        "Bearer writer-writer-writer-writer,Bearer x",
        "Digest x",
        "Bearer *",
        "Bearer \"\"",
    ]
    .iter()
    .map(|value| format!("{good}Authorization: {value}\r\n"))
    .collect();
    sets.push(good.to_owned());
    sets.push(format!("{good}Cookie: token={WRITER}\r\n"));
    sets.push(format!("{good}X-Authorization: Bearer {WRITER}\r\n"));
    sets.push(format!("{good}Proxy-Authorization: Bearer {WRITER}\r\n"));
    sets.push(format!("{good}{token}{token}"));
    for host in ["evil.example", "127.0.0.1", "localhost", "cache.example.evil", "127.0.0.1:1", "", "[::1]:1"]
    {
        sets.push(format!("Host: {host}\r\n{token}"));
    }
    sets.push(token.clone());
    sets.push(format!("{good}Host: evil.example\r\n{token}"));
    sets.push(format!("Host: evil.example\r\nX-Forwarded-Host: {{host}}\r\n{token}"));
    for origin in ["https://evil.example", "null", "http://{host}", ""] {
        sets.push(format!("{good}{token}Origin: {origin}\r\n"));
    }
    for site in ["cross-site", "same-site", "same-origin", "none", "x"] {
        sets.push(format!("{good}{token}Sec-Fetch-Site: {site}\r\n"));
    }
    sets
}

#[test]
fn no_route_answers_whom_the_guard_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _stopper) = start(folder.path());
    let sets = refused_headers();
    assert!(sets.len() >= 30);
    let (mut paths, mut tried) = (examples(), 0);
    paths.extend(["/", "/nothing", "/v1/entries/..", "*"].map(str::to_owned));
    for path in &paths {
        for (number, set) in sets.iter().enumerate() {
            // All methods with some sets, and all sets with some method.
            let methods = ["GET", "PUT", "HEAD", "DELETE", "POST", "OPTIONS", "PATCH", "TRACE"];
            let method = methods[number % methods.len()];
            let headers = set.replace("{host}", &address.to_string());
            let request = format!("{method} {path} HTTP/1.1\r\n{headers}Content-Length: 0\r\n\r\n");
            let (status, answer) = ask(address, &request);
            assert!(matches!(status, 400 | 401 | 403 | 421 | 429), "{request}{answer}");
            assert!(answer.ends_with("\r\n\r\n"), "no body: {answer}");
            tried += 1;
        }
    }
    assert!(tried >= paths.len() * 30);
    let kept = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(kept, 0, "nothing was written");
}

#[test]
fn every_route_answers_whom_the_guard_lets_in() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _stopper) = start(folder.path());
    let port = address.port();
    for path in examples() {
        for host in [address.to_string(), format!("localhost:{port}"), "cache.example".to_owned()] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {READER}\r\n\
                 Connection: close\r\n\r\n"
            );
            let (status, answer) = ask(address, &request);
            assert!(matches!(status, 200 | 404), "{request}{answer}");
        }
    }
}

#[test]
fn a_token_to_read_changes_nothing_on_any_route() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _stopper) = start(folder.path());
    for path in examples() {
        for method in ["PUT", "DELETE", "POST", "PATCH", "OPTIONS"] {
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {READER}\r\n\
                 If-None-Match: *\r\nContent-Length: 1\r\n\r\nx"
            );
            assert_eq!(ask(address, &request).0, 403, "{request}");
        }
    }
}

#[test]
fn uploads_say_their_length_and_their_condition() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _stopper) = start(folder.path());
    let head = format!("Host: {address}\r\nAuthorization: Bearer {WRITER}\r\nConnection: close\r\n");
    let put = |path: &str, rest: &str| ask(address, &format!("PUT {path} HTTP/1.1\r\n{head}{rest}")).0;
    let routes = examples();
    let (entry, blob) = (&routes[0], &routes[2]);
    assert_eq!(put(entry, "Content-Length: 1\r\n\r\nx"), 428);
    assert_eq!(put(entry, "If-None-Match: *\r\nIf-Match: \"x\"\r\nContent-Length: 1\r\n\r\nx"), 400);
    assert_eq!(put(entry, "If-None-Match: x\r\nContent-Length: 1\r\n\r\nx"), 400);
    assert_eq!(put(entry, "If-None-Match: *\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"), 411);
    assert_eq!(put(entry, "If-None-Match: *\r\nContent-Length: 99999999999\r\n\r\nx"), 413);
    assert_eq!(put(blob, "Content-Length: 99999999999999\r\n\r\nx"), 413);
    assert_eq!(put(blob, "Content-Length: 1\r\n\r\nx"), 422);
    assert_eq!(put(blob, "Content-Length: 5\r\n\r\nhozon"), 201);
    assert_eq!(put(entry, "If-None-Match: *\r\nContent-Length: 1\r\n\r\nx"), 201);
    assert_eq!(put(entry, "If-None-Match: *\r\nContent-Length: 1\r\n\r\nx"), 412);
    assert_eq!(put(routes.last().unwrap(), "Content-Length: 0\r\n\r\n"), 405);
}

#[test]
fn metrics_count_what_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _stopper) = start(folder.path());
    let head = format!("Host: {address}\r\nAuthorization: Bearer {WRITER}\r\nConnection: close\r\n");
    let blob = &examples()[2];
    ask(address, &format!("PUT {blob} HTTP/1.1\r\n{head}Content-Length: 5\r\n\r\nhozon"));
    ask(address, &format!("GET {blob} HTTP/1.1\r\n{head}\r\n"));
    ask(address, &format!("GET {} HTTP/1.1\r\n{head}\r\n", examples()[0]));
    let (_, text) = ask(address, &format!("GET /metrics HTTP/1.1\r\n{head}\r\n"));
    let lines = ["hozon_hits_total 1", "hozon_misses_total 1", "hozon_objects 1", "hozon_stored_bytes 5"];
    let more =
        ["hozon_received_bytes_total 5", "hozon_sent_bytes_total 5", "hozon_answers_total{class=\"2xx\"} 2"];
    for line in lines.iter().chain(&more) {
        assert!(text.contains(line), "{line} in {text}");
    }
}
