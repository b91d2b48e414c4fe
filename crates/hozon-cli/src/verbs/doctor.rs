//! `hozon doctor`: whether hozon can do its work here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hozon_key::visible;
use hozon_store::{Checkup, IndexHealth, LockHealth, Store};
use hozon_sys::System;
use serde::Serialize;

use crate::failure::Failure;
use crate::report::{Report, View};
use crate::{EXIT_DONE, EXIT_MISSING, words};

/// What the checks stand on beside the store.
pub(crate) struct Ground {
    pub(crate) system: Arc<dyn System>,
    /// The folder of the store, be it there or not.
    pub(crate) folder: PathBuf,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) python: Option<String>,
    /// Why there is no store to be looked at, if there is none.
    pub(crate) without_store: Option<String>,
    /// Whether that is a fault. A store that is not made yet is none.
    pub(crate) store_is_unusable: bool,
    /// Why there is no seal key, if there is none.
    pub(crate) without_key: Option<String>,
}

impl Ground {
    /// Notes that there is something else where the store should be.
    pub(crate) fn cannot_use(&mut self, why: Failure) {
        self.without_store = Some(why.message);
        self.store_is_unusable = true;
    }
}

#[derive(Serialize)]
struct Examined {
    store: String,
    well: bool,
    findings: Vec<Finding>,
}

/// What one check found.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    subject: &'static str,
    state: State,
    told: String,
    hint: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Note,
    Wrong,
}

/// With less room than this, results are hardly kept.
const LITTLE_ROOM: u64 = 64 << 20;
/// With less than this, a person should know.
const SOME_ROOM: u64 = 1 << 30;
/// File times may be that far from the clock: nothing depends on less.
const CLOCK_SLACK_MS: u64 = 10_000;
/// 2026-01-01: hozon was not there before.
const FIRST_MS: u64 = 1_767_225_600_000;

impl Finding {
    fn ok(subject: &'static str, told: impl Into<String>) -> Self {
        Self { subject, state: State::Ok, told: told.into(), hint: None }
    }

    fn note(subject: &'static str, told: impl Into<String>) -> Self {
        Self { subject, state: State::Note, told: told.into(), hint: None }
    }

    fn wrong(subject: &'static str, told: impl Into<String>, hint: &'static str) -> Self {
        Self { subject, state: State::Wrong, told: told.into(), hint: Some(hint) }
    }

    fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

/// Looks at everything that hozon stands on.
pub(crate) fn doctor(ground: &Ground, store: Option<&Store>, view: View) -> Result<Report, Failure> {
    let mut findings = vec![versions(ground), key_file(ground)];
    findings.extend(place(ground));
    findings.push(disk(ground));
    if let Some(store) = store {
        let checkup = store.checkup()?;
        findings.extend(of_store(ground, store, &checkup)?);
    }
    let wrong = findings.iter().filter(|finding| finding.state == State::Wrong).count();
    let code = if wrong == 0 { EXIT_DONE } else { EXIT_MISSING };
    let report = if view.json {
        let store = ground.folder.to_string_lossy().into_owned();
        Report::json(&Examined { store, well: wrong == 0, findings })
    } else {
        Report::text(text(&findings, wrong))
    };
    Ok(report.code(code))
}

fn of_store(ground: &Ground, store: &Store, checkup: &Checkup) -> Result<Vec<Finding>, Failure> {
    let mut findings = folders(checkup);
    findings.extend([
        network(ground),
        clock(checkup, ground.system.now_ms()),
        locks(&checkup.locks),
        index(&checkup.index),
    ]);
    // To ask for the size would make a damaged index anew.
    if !matches!(checkup.index, IndexHealth::Damaged(_)) {
        findings.push(size(store)?);
    }
    if checkup.quarantined > 0 {
        let files = words::count_of(checkup.quarantined, "file", "files");
        let told = format!("{files} that were refused are in v1/quarantine; they go after 30 days");
        findings.push(Finding::note("quarantine", told));
    }
    if !checkup.other_versions.is_empty() {
        let told = format!("results of other releases are there, too: {}", checkup.other_versions.join(", "));
        findings.push(Finding::note("format", told));
    }
    Ok(findings)
}

fn versions(ground: &Ground) -> Finding {
    let python = ground.python.as_ref().map(|version| format!(", Python {version}")).unwrap_or_default();
    let format = format!("format {}", hozon_format::FORMAT_VERSION);
    Finding::ok("versions", format!("hozon {}{python}, {format}", env!("CARGO_PKG_VERSION")))
}

fn key_file(ground: &Ground) -> Finding {
    const SUBJECT: &str = "key";
    if let Some(why) = &ground.without_key {
        let hint = "give the file back to yourself alone, or name another folder with HOZON_HOME";
        return Finding::wrong(SUBJECT, why.clone(), hint);
    }
    let Some(path) = &ground.key_file else {
        return Finding::note(SUBJECT, "there is no file for the key: results are kept for one process only");
    };
    let shown = shown(path);
    let Ok(stat) = ground.system.stat(path) else {
        return Finding::ok(SUBJECT, format!("{shown} is made when it is first needed"));
    };
    if ground.system.is_own(path) == Some(false) {
        let hint = "whoever has the key can make results that are taken for yours: make a new one";
        Finding::wrong(SUBJECT, format!("{shown} belongs to another user"), hint)
    } else if stat.mode & 0o077 != 0 {
        let told = format!("{shown} can be used by others (mode {:o})", stat.mode);
        Finding::wrong(SUBJECT, told, "chmod 600 that file")
    } else {
        Finding::ok(SUBJECT, format!("{shown} is yours alone"))
    }
}

fn place(ground: &Ground) -> Option<Finding> {
    let why = ground.without_store.clone()?;
    Some(match ground.store_is_unusable {
        true => Finding::wrong("store", why, "name another folder with --store or save_path"),
        false => Finding::ok("store", why),
    })
}

fn disk(ground: &Ground) -> Finding {
    const SUBJECT: &str = "disk";
    let there = nearest_folder(&*ground.system, &ground.folder);
    let (Some(free), Some(all)) = (ground.system.free_bytes(there), ground.system.disk_bytes(there)) else {
        return Finding::note(SUBJECT, "how much room there is cannot be told");
    };
    let told = format!("{} of {} are free", words::size(free), words::size(all));
    let hint = "`hozon gc --max-size SIZE` makes room";
    match free {
        ..LITTLE_ROOM => Finding::wrong(SUBJECT, told, hint),
        LITTLE_ROOM..SOME_ROOM => Finding::note(SUBJECT, told).hint(hint),
        _ => Finding::ok(SUBJECT, told),
    }
}

/// The folder, or the nearest one above it that is there.
fn nearest_folder<'p>(system: &dyn System, folder: &'p Path) -> &'p Path {
    folder.ancestors().find(|path| system.stat(path).is_ok()).unwrap_or(folder)
}

fn folders(checkup: &Checkup) -> Vec<Finding> {
    const SUBJECT: &str = "folders";
    if checkup.folders.is_empty() {
        return vec![Finding::ok(SUBJECT, "all are there, yours, and can be written")];
    }
    let hint = "chown and chmod 700 that folder; results are computed and not kept until then";
    let wrong = |fault: &hozon_store::FolderFault| {
        Finding::wrong(SUBJECT, format!("{} {}", shown(&fault.path), fault.kind), hint)
    };
    checkup.folders.iter().map(wrong).collect()
}

fn network(ground: &Ground) -> Finding {
    match ground.system.is_network_mount(&ground.folder) {
        true => Finding::note("mount", "a network mount: no index is kept, and locks may not work")
            .hint("a local disk is faster; share results by a tier"),
        false => Finding::ok("mount", "a local file system"),
    }
}

fn clock(checkup: &Checkup, now_ms: u64) -> Finding {
    const SUBJECT: &str = "clock";
    if now_ms < FIRST_MS {
        let told = format!("it is {} by the clock of this machine", words::moment(now_ms));
        return Finding::wrong(SUBJECT, told, "set the clock: `ttl` and listings go by it");
    }
    match checkup.file_time_ahead_ms {
        None => Finding::note(SUBJECT, "no file can be made, so file times cannot be compared"),
        Some(ahead) if ahead.unsigned_abs() > CLOCK_SLACK_MS => {
            let seconds = words::duration(u128::from(ahead.unsigned_abs()) * 1_000_000);
            let way = if ahead > 0 { "ahead of" } else { "behind" };
            let told = format!("new files are {seconds} {way} the clock");
            Finding::wrong(SUBJECT, told, "set the clock of this machine, or of the file server")
        }
        Some(_) => Finding::ok(SUBJECT, "file times and the clock agree"),
    }
}

fn locks(health: &LockHealth) -> Finding {
    const SUBJECT: &str = "locks";
    match health {
        LockHealth::Work => Finding::ok(SUBJECT, "work"),
        LockHealth::Unsupported => {
            Finding::note(SUBJECT, "there are none here: callers at the same time each compute")
        }
        LockHealth::Failing(why) => Finding::note(SUBJECT, format!("cannot be had: {}", visible(why))),
        _ => {
            let hint = "callers at the same time each compute: use another file system";
            Finding::wrong(SUBJECT, "two held the same lock at once", hint)
        }
    }
}

fn index(health: &IndexHealth) -> Finding {
    const SUBJECT: &str = "index";
    match health {
        IndexHealth::Sound => Finding::ok(SUBJECT, "sound"),
        IndexHealth::Absent => Finding::ok(SUBJECT, "there is none yet"),
        IndexHealth::NotKept => Finding::ok(SUBJECT, "none is kept here"),
        IndexHealth::Damaged(why) => {
            let hint = "`hozon verify --repair` makes it anew; no result is lost";
            Finding::wrong(SUBJECT, format!("damaged: {}", visible(why)), hint)
        }
        IndexHealth::Unreadable(why) => {
            Finding::note(SUBJECT, format!("cannot be looked at now: {}", visible(why)))
        }
        _ => Finding::note(SUBJECT, "unknown"),
    }
}

fn size(store: &Store) -> Result<Finding, Failure> {
    const SUBJECT: &str = "size";
    let bytes = store.collect(None, true)?.bytes_before;
    let Some(bound) = store.bound() else {
        return Ok(Finding::ok(SUBJECT, format!("{}, without a bound", words::size(bytes))));
    };
    let told = format!("{} of {}", words::size(bytes), words::size(bound));
    // Each process may pass the bound by a 64th before it evicts.
    Ok(match bytes > bound.saturating_add(bound / 16) {
        true => Finding::note(SUBJECT, told).hint("the next put, or `hozon gc`, makes room"),
        false => Finding::ok(SUBJECT, told),
    })
}

fn shown(path: &Path) -> String {
    visible(&path.to_string_lossy()).into_owned()
}

fn text(findings: &[Finding], wrong: usize) -> String {
    let mut text: String = findings.iter().map(line).collect();
    text += &match wrong {
        0 => "nothing is wrong\n".to_owned(),
        _ => format!("{} wrong\n", words::count_of(wrong as u64, "thing is", "things are")),
    };
    text
}

fn line(finding: &Finding) -> String {
    let state = match finding.state {
        State::Ok => "ok",
        State::Note => "note",
        State::Wrong => "wrong",
    };
    let hint = finding.hint.map(|hint| format!("{:19}{hint}\n", "")).unwrap_or_default();
    format!("{state:5}  {:10}  {}\n{hint}", finding.subject, visible(&finding.told))
}
