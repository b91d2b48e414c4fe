//! `hozon trust`: whose results are used.

use std::io::Read;
use std::path::Path;

use hozon_format::PublicKey;
use hozon_key::visible;
use hozon_store::{Filter, Keyring, Signer, Store, Trust};
use hozon_sys::UserFiles;
use serde::Serialize;

use crate::failure::Failure;
use crate::report::Report;
use crate::table::{Align, table};
use crate::{Context, words};

#[derive(Serialize)]
struct Listing {
    file: String,
    own: Option<String>,
    own_revoked: bool,
    keys: Vec<SignerFields>,
}

#[derive(Serialize)]
struct SignerFields {
    name: String,
    key: String,
    scopes: Vec<String>,
    revoked: Option<String>,
}

/// A line with a key is short; so is a file of some.
const MOST_BYTES: u64 = 64 * 1024;

/// Uses what the owner of a key has signed from now on.
pub(crate) fn trust_add(
    context: &Context<'_>,
    given: &[String],
    name: Option<&str>,
    scopes: Vec<String>,
) -> Result<Report, Failure> {
    let line = line_of(&*context.files, given)?;
    let (key, comment) = PublicKey::parse(&line).map_err(|why| not_a_key(&why.to_string()))?;
    let name = name.or_else(|| comment.split_whitespace().next());
    let name = name.ok_or_else(|| {
        Failure::usage("the key has no comment to take its name from").hint("give it one with --name NAME")
    })?;
    let told = match scopes.is_empty() {
        true => "all computations".to_owned(),
        false => format!("computations called {}", scopes.join(", ")),
    };
    context.keyring.change_trust(|trust| trust.add(name, key, scopes))?;
    Ok(Report::text(format!("{} is trusted with {}\n", visible(name), visible(&told))))
}

/// The key itself, or that of a file.
fn line_of(files: &dyn UserFiles, given: &[String]) -> Result<String, Failure> {
    let line = given.join(" ");
    if PublicKey::parse(&line).is_ok() || given.len() > 1 {
        return Ok(line);
    }
    let shown = visible(&line).into_owned();
    let mut text = String::new();
    let read = files.open(Path::new(&line)).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
    read.map_err(|error| {
        not_a_key("it is neither the line of a key nor a file that can be read")
            .hint(format!("{shown}: {error}"))
    })?;
    let mut keys = text.lines().filter(|line| PublicKey::parse(line).is_ok());
    match (keys.next(), keys.next()) {
        (Some(one), None) => Ok(one.to_owned()),
        (None, _) => Err(not_a_key(&format!("there is none in {shown}"))),
        _ => Err(not_a_key(&format!("there are several in {shown}; give one of them"))),
    }
}

fn not_a_key(why: &str) -> Failure {
    Failure::usage(format!("that is no key: {}", visible(why)))
        .hint("`hozon keys --public` prints yours; keys of SSH are in files such as id_ed25519.pub")
}

/// Does not use what a key has signed any more.
pub(crate) fn trust_remove(ring: &Keyring, name: &str) -> Result<Report, Failure> {
    ring.change_trust(|trust| trust.remove(name))?;
    Ok(Report::text(format!("{} is not trusted any more: what it signed is not used\n", visible(name)))
        .note("note: `hozon verify --repair` moves what is stored of it aside"))
}

/// Revokes a key for good.
pub(crate) fn trust_revoke(context: &Context<'_>, name: &str) -> Result<PublicKey, Failure> {
    let day = words::day(context.system.now_ms());
    Ok(context.keyring.change_trust(|trust| trust.revoke(name, &day))?)
}

/// Removes what a store has of a key. Returns how many entries.
pub(crate) fn clear_signer(store: &Store, key: PublicKey) -> Result<u64, Failure> {
    Ok(store.clear_because(&Filter::SignedBy(key), "revoked")?.entries)
}

/// What came of a revocation. That a store cannot be cleared is no failure: nothing of the key is used anyway.
pub(crate) fn revoked(name: &str, cleared: Result<u64, Failure>) -> Report {
    let mut text = format!("{} is revoked: nothing that it signed is used from now on\n", visible(name));
    match cleared {
        Ok(entries) => {
            text += &format!("removed here: {}\n", words::count_of(entries, "result of it", "results of it"));
            Report::text(text)
        }
        Err(failure) => {
            Report::text(text).note(format!("note: nothing is removed here: {}", failure.message))
        }
    }
}

/// Lists the keys.
pub(crate) fn trust_list(ring: &Keyring, json: bool, width: Option<usize>) -> Result<Report, Failure> {
    let trust = ring.read_trust()?;
    if json {
        return Ok(Report::json(&listing(ring, &trust)));
    }
    let own = trust.own.map(|key| {
        let is_revoked = revoked_on(&trust, &key).is_some();
        [
            "(you)".to_owned(),
            key.to_string(),
            "*".to_owned(),
            if is_revoked { "revoked" } else { "" }.to_owned(),
        ]
    });
    let rows: Vec<[String; 4]> = own.into_iter().chain(trust.signers.iter().map(row)).collect();
    if rows.is_empty() {
        return Ok(Report::text("").note("nobody is trusted; `hozon trust add KEY` changes that"));
    }
    Ok(Report::text(table(HEADER, rows, width)))
}

const HEADER: [(&str, Align); 4] =
    [("NAME", Align::Left), ("KEY", Align::Left), ("SCOPES", Align::Left), ("REVOKED", Align::Left)];

fn row(signer: &Signer) -> [String; 4] {
    let scopes = if signer.scopes.is_empty() { "*".to_owned() } else { signer.scopes.join(",") };
    let revoked = signer.revoked.clone().unwrap_or_default();
    [signer.name.clone(), signer.key.to_string(), scopes, revoked].map(|text| visible(&text).into_owned())
}

fn listing(ring: &Keyring, trust: &Trust) -> Listing {
    let fields = |signer: &Signer| SignerFields {
        name: signer.name.clone(),
        key: signer.key.to_string(),
        scopes: signer.scopes.clone(),
        revoked: signer.revoked.clone(),
    };
    Listing {
        file: ring.trust_file().to_string_lossy().into_owned(),
        own: trust.own.map(|key| key.to_string()),
        own_revoked: trust.own.is_some_and(|key| revoked_on(trust, &key).is_some()),
        keys: trust.signers.iter().map(fields).collect(),
    }
}

fn revoked_on<'t>(trust: &'t Trust, key: &PublicKey) -> Option<&'t str> {
    trust.signers.iter().find_map(|signer| signer.revoked.as_deref().filter(|_| signer.key == *key))
}
