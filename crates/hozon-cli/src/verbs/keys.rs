//! `hozon keys`.

use std::path::PathBuf;

use hozon_key::visible;
use hozon_store::Keyring;
use serde::Serialize;

use crate::failure::Failure;
use crate::report::Report;

/// What `hozon keys` was asked for.
pub(crate) struct KeysAsked {
    pub(crate) public: bool,
    pub(crate) ssh: Option<PathBuf>,
    pub(crate) own: bool,
}

#[derive(Serialize)]
struct OwnKey {
    public: String,
    ssh_key: Option<String>,
    trust_file: String,
}

/// Shows the user's own key, and chooses which one that is.
pub(crate) fn keys(ring: &Keyring, asked: &KeysAsked, json: bool) -> Result<Report, Failure> {
    let key = match (&asked.ssh, asked.own) {
        (None, false) => ring.signing_key()?.public(),
        (ssh, _) => ring.choose_ssh_key(ssh.as_deref())?,
    };
    if asked.public {
        return Ok(Report::text(format!("{key}\n")));
    }
    let ssh = ring.ssh_choice()?.map(|path| path.to_string_lossy().into_owned());
    let trust_file = ring.trust_file().to_string_lossy().into_owned();
    if json {
        return Ok(Report::json(&OwnKey { public: key.to_string(), ssh_key: ssh, trust_file }));
    }
    let what = ssh.map_or_else(|| "hozon's own".to_owned(), |path| format!("SSH, {}", visible(&path)));
    Ok(Report::text(format!("{key}\n"))
        .note(format!("note: this is the key that you sign with ({what}); others take what it signed after"))
        .note(format!("note:   hozon trust add {key} --name YOU")))
}
