//! `hozon export` and `hozon import`: results in one file, signed.

use std::collections::BTreeMap;
use std::path::Path;

use hozon_engine::{Examined, Exported, ImportError, OfFile, examine};
use hozon_format::Key;
use hozon_key::visible;
use hozon_store::Store;
use hozon_sys::{Durability, Publication, UserFiles, publish_with};
use serde::Serialize;

use crate::failure::Failure;
use crate::report::{Report, View};
use crate::select::{Selected, select};
use crate::{EXIT_MISSING, words};

#[derive(Serialize)]
struct ExportedFields {
    file: String,
    signer: String,
    entries: u64,
    blobs: u64,
    bytes: u64,
    /// Reasons, and how many entries were left out for each.
    left_out: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct ImportedFields {
    file: String,
    dry_run: bool,
    /// What would be taken, or was offered.
    entries: Vec<OfFileFields>,
    copied: u64,
    copied_bytes: u64,
    present: u64,
    disagreeing: u64,
    /// Reasons, and how many entries were not taken for each.
    refused: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct OfFileFields {
    key: String,
    name: String,
    signer: String,
    blob_bytes: u64,
}

/// Writes results to a file, with all that they need.
pub(crate) fn export(store: &Store, view: View, what: &[String], to: &Path) -> Result<Report, Failure> {
    let keys = wanted(store, what)?;
    let ring = store.keyring().ok_or_else(|| Failure::unusable("there is no key to sign with"))?;
    let signer = ring.signing_key()?;
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let publication =
        Publication { temporary_folder: folder, path: to, mode: 0o600, durability: Durability::Synced };
    let mut exported = Exported::default();
    let published = publish_with(&**store.system(), &publication, &mut |file| {
        exported = hozon_engine::export(store, &keys, &signer, &mut |bytes| file.write_all(bytes))?;
        Ok(())
    });
    let shown = visible(&to.to_string_lossy()).into_owned();
    published.map_err(|error| Failure::unusable(format!("{shown} cannot be written: {error}")))?;
    let left_out = counted(exported.left_out.iter().map(|(_, why)| why.to_string()));
    let fields = ExportedFields {
        file: to.to_string_lossy().into_owned(),
        signer: signer.public().to_string(),
        entries: exported.entries,
        blobs: exported.blobs,
        bytes: exported.bytes,
        left_out,
    };
    let report = if view.json { Report::json(&fields) } else { Report::text(exported_text(&fields)) };
    let report = with_reasons(report, &fields.left_out, "left out");
    Ok(if fields.left_out.is_empty() { report } else { report.code(EXIT_MISSING) })
}

/// All entries of a name, or the one of a key or of a kept name; each once.
pub(super) fn wanted(store: &Store, what: &[String]) -> Result<Vec<Key>, Failure> {
    let summaries = store.summaries()?;
    let mut keys = Vec::new();
    for word in what {
        match select(store, &summaries, word)? {
            Selected::Name(entries) => keys.extend(entries.iter().map(|summary| summary.key)),
            Selected::Key(summary) => keys.push(summary.key),
        }
    }
    let mut seen = std::collections::HashSet::new();
    keys.retain(|key| seen.insert(*key));
    Ok(keys)
}

fn exported_text(fields: &ExportedFields) -> String {
    format!(
        "wrote {} ({}) to {}\n",
        words::count_of(fields.entries, "result", "results"),
        words::size(fields.bytes),
        visible(&fields.file)
    )
}

/// Takes the results of a file, if all of it is sound; those whose signers are trusted.
pub(crate) fn import(
    store: &Store,
    files: &dyn UserFiles,
    from: &Path,
    dry_run: bool,
    json: bool,
) -> Result<Report, Failure> {
    let open = || files.open(from).map_err(|error| failure(from, error.into()));
    let examined = examine(store, &mut open()?).map_err(|error| failure(from, error))?;
    let mut imported = hozon_engine::Imported::default();
    if !dry_run {
        let taken = hozon_engine::import(store, &examined, &mut open()?);
        imported = taken.map_err(|error| failure(from, error))?;
    }
    let refused = examined.refused.iter().map(|(said, why)| refusal(said.as_ref(), &why.to_string()));
    let refused = counted(refused.chain(imported.refused.iter().map(ToString::to_string)));
    let fields = ImportedFields {
        file: from.to_string_lossy().into_owned(),
        dry_run,
        entries: examined.accepted.iter().map(OfFileFields::from).collect(),
        copied: imported.copied,
        copied_bytes: imported.copied_bytes,
        present: imported.present,
        disagreeing: imported.disagreeing,
        refused,
    };
    let report = match json {
        true => Report::json(&fields),
        false => Report::text(if dry_run { would_be_taken(&examined) } else { imported_text(&fields) }),
    };
    let report = imported
        .names
        .iter()
        .fold(report, |report, name| report.note(format!("note: hozon.load({:?}) gives it", visible(name))));
    let report = with_reasons(report, &fields.refused, "not taken");
    Ok(if fields.refused.is_empty() { report } else { report.code(EXIT_MISSING) })
}

fn refusal(said: Option<&OfFile>, why: &str) -> String {
    match said {
        Some(said) => format!("{why} ({})", said.signer),
        None => why.to_owned(),
    }
}

fn would_be_taken(examined: &Examined) -> String {
    let line = |of: &OfFile| {
        let (name, size) = (words::name(&of.name).into_owned(), words::size(of.blob_bytes));
        format!("{}  {name}  {size} of blobs, signed by {}\n", of.key.short(), of.signer.short())
    };
    let lines: String = examined.accepted.iter().map(line).collect();
    let results = words::count_of(examined.accepted.len() as u64, "result", "results");
    format!("{lines}would take {results}\n")
}

fn imported_text(fields: &ImportedFields) -> String {
    let results = words::count_of(fields.copied, "result", "results");
    let mut text = format!("took {results} ({} of blobs)\n", words::size(fields.copied_bytes));
    if fields.present > 0 {
        text += &format!("there already: {}\n", fields.present);
    }
    if fields.disagreeing > 0 {
        text += &format!(
            "other results are stored here and stay: {} (`hozon verify` lists them)\n",
            fields.disagreeing
        );
    }
    text
}

pub(super) fn counted(reasons: impl Iterator<Item = String>) -> BTreeMap<String, u64> {
    let mut counted = BTreeMap::new();
    reasons.for_each(|why| *counted.entry(why).or_default() += 1);
    counted
}

pub(super) fn with_reasons(report: Report, reasons: &BTreeMap<String, u64>, what: &str) -> Report {
    reasons.iter().fold(report, |report, (why, count)| {
        let results = words::count_of(*count, "result was", "results were");
        report.note(format!("note: {results} {what}: {}", visible(why)))
    })
}

fn failure(from: &Path, error: ImportError) -> Failure {
    let shown = visible(&from.to_string_lossy()).into_owned();
    match error {
        ImportError::Store(error) => error.into(),
        ImportError::Io(error) => Failure::missing(format!("{shown} cannot be read: {error}")),
        refused => Failure::missing(format!("nothing is taken from {shown}: {refused}")),
    }
}

impl From<&OfFile> for OfFileFields {
    fn from(of: &OfFile) -> Self {
        Self {
            key: of.key.to_string(),
            name: of.name.clone(),
            signer: of.signer.to_string(),
            blob_bytes: of.blob_bytes,
        }
    }
}
