//! `hozon serve`: a folder of results for a team, over HTTP.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use hozon_key::visible;
use hozon_serve::{Identity, ServeError, ServeSettings, Server, Stop, Tokens, WhenFull};
use hozon_sys::{Durability, Publication, System, publish};

use crate::Context;
use crate::arguments::{Full, ServeArguments};
use crate::failure::Failure;
use crate::report::Report;

/// The most bytes of a file with tokens, a certificate or a key.
const MOST_BYTES: u64 = 1 << 20;
const TOKEN_BYTES: usize = 16;

/// Serves a folder until the process is asked to end.
pub(crate) fn serve(asked: &ServeArguments, context: &mut Context<'_>) -> Result<Report, Failure> {
    let system = context.system.clone();
    system
        .create_folder(&asked.folder)
        .map_err(|error| Failure::unusable(format!("{} cannot be made: {error}", shown(&asked.folder))))?;
    let tokens_file = asked.token_file.clone().unwrap_or_else(|| asked.folder.join("tokens"));
    let (tokens, made) = tokens(&*system, &tokens_file, asked.token_file.is_none())?;
    let settings = ServeSettings {
        folder: asked.folder.clone(),
        listen: asked.listen,
        tokens,
        hosts: asked.hosts.clone(),
        quota: asked.quota,
        when_full: match asked.when_full {
            Full::Remove => WhenFull::Remove,
            Full::Refuse => WhenFull::Refuse,
        },
        identity: identity(&*system, asked)?,
    };
    let server = Server::bind(&settings, system).map_err(failure)?;
    tell(&settings, &server, &tokens_file, made, context);
    match server.run(Stop::Signal).map_err(failure)? {
        true => Ok(Report::text("stopped\n")),
        false => {
            Ok(Report::text("stopped\n").note("note: some answers were under way for too long and broke off"))
        }
    }
}

fn tell(settings: &ServeSettings, server: &Server, tokens: &Path, made: bool, context: &mut Context<'_>) {
    let scheme = if settings.identity.is_some() { "https" } else { "http" };
    let address = server.address();
    let mut text = String::new();
    if made {
        let _ =
            writeln!(text, "made {}: a token to read and one to write; keep it to yourself", shown(tokens));
    }
    if settings.identity.is_none() && !address.ip().is_loopback() {
        text.push_str(
            "note: without TLS, tokens and results cross the network in clear: --tls-cert, --tls-key\n",
        );
    }
    let _ = writeln!(text, "serving {} at {scheme}://{address}", shown(&settings.folder));
    // Nobody may be reading; the server serves all the same.
    let _ = context.stderr.write_all(text.as_bytes()).and_then(|()| context.stderr.flush());
}

/// Reads the tokens; tells whether they were made, where nobody has said which to use.
fn tokens(system: &dyn System, file: &Path, may_make: bool) -> Result<(Tokens, bool), Failure> {
    let (text, made) = match system.read(file, MOST_BYTES) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && may_make => {
            let text = new_tokens(system).and_then(|text| write_secret(system, file, &text).map(|()| text));
            (text.map_err(|error| unreadable(file, &error))?.into_bytes(), true)
        }
        read => (read.map_err(|error| unreadable(file, &error))?, false),
    };
    let open_to_others = system.stat(file).is_ok_and(|stat| stat.mode & 0o077 != 0);
    if open_to_others {
        let wrong = format!("others may read the tokens in {}", shown(file));
        return Err(Failure::unusable(wrong).hint(format!("chmod 600 {}", shown(file))));
    }
    let text = String::from_utf8(text).unwrap_or_default();
    let tokens = Tokens::parse(&text).map_err(|why| Failure::usage(format!("{}: {why}", shown(file))))?;
    Ok((tokens, made))
}

fn new_tokens(system: &dyn System) -> io::Result<String> {
    let mut text = String::new();
    for scope in ["read", "write"] {
        let mut bytes = [0; TOKEN_BYTES];
        system.fill_random(&mut bytes)?;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("{scope} {hex}\n"));
    }
    Ok(text)
}

fn write_secret(system: &dyn System, path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let publication =
        Publication { temporary_folder: folder, path, mode: 0o600, durability: Durability::Synced };
    publish(system, &publication, &[text.as_bytes()]).map(drop)
}

fn identity(system: &dyn System, asked: &ServeArguments) -> Result<Option<Identity>, Failure> {
    let (Some(certificates), Some(key)) = (&asked.tls_cert, &asked.tls_key) else { return Ok(None) };
    let read = |path: &PathBuf| system.read(path, MOST_BYTES).map_err(|error| unreadable(path, &error));
    Ok(Some(Identity { certificates: read(certificates)?, key: read(key)? }))
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::unusable(format!("{}: {error}", shown(path)))
}

fn failure(error: ServeError) -> Failure {
    let failure = Failure::unusable(visible(&error.to_string()));
    match error {
        ServeError::Listen { .. } => failure.hint("give another address with --listen ADDRESS:PORT"),
        _ => failure,
    }
}

fn shown(path: &Path) -> String {
    visible(&path.to_string_lossy()).into_owned()
}

#[cfg(test)]
mod tests {
    use hozon_sys::Memory;

    use super::*;

    #[test]
    fn tokens_are_made_once_and_only_where_nobody_names_a_file() {
        let system = Memory::new();
        let folder = Path::new("/served");
        system.create_folder(folder).unwrap();
        let file = folder.join("tokens");
        assert_eq!(tokens(&system, &file, false).unwrap_err().code, crate::EXIT_UNUSABLE);
        assert!(tokens(&system, &file, true).unwrap().1);
        let text = system.read(&file, MOST_BYTES).unwrap();
        assert!(!tokens(&system, &file, true).unwrap().1);
        assert_eq!(system.read(&file, MOST_BYTES).unwrap(), text);
        assert_eq!(system.stat(&file).unwrap().mode, 0o600);
        let lines = String::from_utf8(text).unwrap();
        assert!(lines.starts_with("read ") && lines.contains("\nwrite ") && lines.len() == 5 + 33 + 6 + 33);
    }

    #[test]
    fn tokens_that_others_may_read_are_refused() {
        let system = Memory::new();
        system.create_folder(Path::new("/served")).unwrap();
        let file = Path::new("/served/tokens");
        system.create_file(file, 0o644).unwrap().write_all(b"read reader-reader-reader-reader").unwrap();
        let refused = tokens(&system, file, true).unwrap_err();
        assert!(refused.text().contains("chmod 600"), "{}", refused.text());
    }
}
