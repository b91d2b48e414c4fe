//! From arguments to an exit code.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use hozon_format::SealKey;
use hozon_key::visible;
use hozon_store::{Limits, Store};
use hozon_sys::{Memory, System};

use crate::arguments::{Arguments, CiStep, Common, Verb};
use crate::failure::Failure;
use crate::report::{Report, View};
use crate::verbs::{self, Asker};
use crate::{Context, notebooks, words};

/// Done.
pub const EXIT_DONE: u8 = 0;
/// What was asked for is not there, or a check found damage.
pub const EXIT_MISSING: u8 = 1;
/// The command line is wrong.
pub const EXIT_USAGE: u8 = 2;
/// The store, or a stream for results, cannot be used.
pub const EXIT_UNUSABLE: u8 = 3;
/// `--frozen`, and a cell would have to run.
pub const EXIT_STALE: u8 = 4;
/// The person stopped it.
pub const EXIT_INTERRUPTED: u8 = 130;

/// Runs the command and returns its exit code. The first argument is the program's name.
///
/// A reader that closes the pipe early ends the command quietly, with [`EXIT_DONE`].
pub fn run(arguments: Vec<OsString>, mut context: Context<'_>) -> u8 {
    let outcome = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => dispatch(arguments, &mut context),
        Err(error) => Ok(not_run(&error)),
    };
    match outcome {
        Ok(report) => deliver(&report, &mut context),
        Err(failure) => {
            // Where standard error cannot be written, the code has to say it.
            let _ = context.stderr.write_all(failure.text().as_bytes());
            failure.code
        }
    }
}

/// Help and the version go to standard output, complaints to standard error.
fn not_run(error: &clap::Error) -> Report {
    let text: String =
        error.render().to_string().lines().map(|line| format!("{}\n", visible(line))).collect();
    let asked_for = !error.use_stderr();
    let (out, notes) =
        if asked_for { (text, vec![]) } else { (String::new(), vec![text.trim_end().to_owned()]) };
    Report { out, notes, code: if asked_for { EXIT_DONE } else { EXIT_USAGE } }
}

fn deliver(report: &Report, context: &mut Context<'_>) -> u8 {
    for note in &report.notes {
        let _ = writeln!(context.stderr, "{note}");
    }
    let written = context.stdout.write_all(report.out.as_bytes()).and_then(|()| context.stdout.flush());
    match written {
        Ok(()) => report.code,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => EXIT_DONE,
        Err(error) => {
            let failure = Failure::unusable(format!("the results cannot be written: {error}"));
            let _ = context.stderr.write_all(failure.text().as_bytes());
            failure.code
        }
    }
}

fn dispatch(arguments: Arguments, context: &mut Context<'_>) -> Result<Report, Failure> {
    let Arguments { common, verb } = arguments;
    match verb {
        Verb::Plan(of) => notebooks::plan(&of, &common, context),
        Verb::Run(of) => notebooks::run(&of, &common, context),
        Verb::Watch(of) => notebooks::watch(&of, &common, context),
        Verb::Ci { step: CiStep::Restore { folder } } => restore(&folder, &common, context),
        Verb::Ci { step: CiStep::Save { folder, touched_only, max_size } } => {
            save(&folder, &verbs::SaveAsked { touched_only, max_size }, &common, context)
        }
        Verb::Doctor => doctor(&common, context),
        verb => on_store(verb, &common, context),
    }
}

/// `hozon doctor`, which tells what is wrong where other verbs give up.
fn doctor(common: &Common, context: &mut Context<'_>) -> Result<Report, Failure> {
    let folder = common.store.clone().unwrap_or_else(|| context.default_store.clone());
    let shown = visible(&folder.to_string_lossy()).into_owned();
    let mut ground = verbs::Ground {
        system: context.system.clone(),
        key_file: context.seal_key_file.clone(),
        python: context.python.clone(),
        without_store: None,
        store_is_unusable: false,
        without_key: None,
        folder,
    };
    let mut store = None;
    match what_is_at(&*context.system, &ground.folder) {
        Place::Nothing => ground.without_store = Some(format!("there is no store at {shown} yet")),
        Place::Other => ground.cannot_use(no_store(&shown)),
        Place::Unreadable(error) => ground.cannot_use(unreadable_store(&shown, &error)),
        Place::Store => match take_seal_key(context) {
            Err(failure) => ground.without_key = Some(failure.message),
            Ok(seal) => store = Some(open(&ground.folder, seal, context)?),
        },
    }
    verbs::doctor(&ground, store.as_ref(), view_of(common, context))
}

fn view_of(common: &Common, context: &Context<'_>) -> View {
    let now_ms = context.system.now_ms();
    View { json: common.json, now_ms, width: context.width.filter(|_| !common.json) }
}

/// `hozon ci restore`, which makes the store where there is none.
fn restore(from: &Path, common: &Common, context: &mut Context<'_>) -> Result<Report, Failure> {
    let folder = common.store.clone().unwrap_or_else(|| context.default_store.clone());
    let seal = take_seal_key(context)?;
    let store = open_or_make(&folder, &seal, context)?;
    match what_is_at(&*context.system, from) {
        Place::Store => {
            let from = Store::open(context.system.clone(), from, seal)?;
            verbs::ci_restore(&store, Some(&from), common.json)
        }
        Place::Nothing => verbs::ci_restore(&store, None, common.json),
        Place::Other => Err(no_store(&visible(&from.to_string_lossy()))),
        Place::Unreadable(error) => Err(unreadable_store(&visible(&from.to_string_lossy()), &error)),
    }
}

/// `hozon ci save`, which makes the folder where there is none.
fn save(
    to: &Path,
    asked: &verbs::SaveAsked,
    common: &Common,
    context: &mut Context<'_>,
) -> Result<Report, Failure> {
    let folder = common.store.clone().unwrap_or_else(|| context.default_store.clone());
    if let Place::Nothing = what_is_at(&*context.system, &folder) {
        let shown = visible(&folder.to_string_lossy()).into_owned();
        return Ok(Report::text(format!("nothing to save: there is no store at {shown} yet\n")));
    }
    let seal = take_seal_key(context)?;
    let store = open_or_make(&folder, &seal, context)?;
    // What the CI keeps has a bound of its own: `--max-size`.
    let to = match what_is_at(&*context.system, to) {
        Place::Other => return Err(no_store(&visible(&to.to_string_lossy()))),
        _ => Store::open(context.system.clone(), to, seal)?,
    };
    verbs::ci_save(&store, &to, common.json, asked)
}

/// Opens the store in a folder, or makes one there if the folder holds nothing else.
fn open_or_make(folder: &Path, seal: &SealKey, context: &Context<'_>) -> Result<Store, Failure> {
    match what_is_at(&*context.system, folder) {
        Place::Other => Err(no_store(&visible(&folder.to_string_lossy()))),
        _ => open(folder, seal.clone(), context),
    }
}

/// Opens a store with its bound.
fn open(folder: &Path, seal: SealKey, context: &Context<'_>) -> Result<Store, Failure> {
    let bound = (context.bound_of)(folder).map_err(|why| Failure::usage(words::name(&why).into_owned()))?;
    let limits = Limits { bound, ..Limits::default() };
    Ok(Store::open_with(context.system.clone(), folder, seal, limits)?)
}

/// The verbs that work on a store and nothing else.
fn on_store(verb: Verb, common: &Common, context: &mut Context<'_>) -> Result<Report, Failure> {
    let folder = common.store.clone().unwrap_or_else(|| context.default_store.clone());
    let (store, absent) = look_at_store(&folder, common.store.is_some(), context)?;
    let view = view_of(common, context);
    let report = match verb {
        Verb::Ls => verbs::list(&store, view),
        Verb::Show { what } => verbs::show(&store, view, &what),
        Verb::Why { what } => verbs::why(&store, view, what.as_deref()),
        Verb::Accept { name, definitions, file, list, revoke } => {
            let asked = verbs::Asked { name, definitions, file, list, revoke };
            verbs::accept(&store, view, &asked, &context.user)
        }
        // The Python front takes these verbs before they come here.
        Verb::Ipython { .. } => {
            Err(Failure::usage("`ipython` comes first: hozon ipython enable | disable | status"))
        }
        Verb::Plan(_)
        | Verb::Run(_)
        | Verb::Watch(_)
        | Verb::Doctor
        | Verb::Audit { .. }
        | Verb::Ci { step: CiStep::Restore { .. } | CiStep::Save { .. } } => {
            Err(Failure::usage("`audit` comes first: hozon audit [OPTIONS] PROGRAM"))
        }
        Verb::Stats => verbs::stats(&store, view),
        Verb::Clear { what, all, yes } => {
            let answers = context.answers.as_mut().filter(|_| !yes).map(|answers| &mut **answers as _);
            let asker = Asker::new(answers, context.stderr);
            verbs::clear(&store, view, if all { None } else { Some(&what) }, asker)
        }
        Verb::Gc { dry_run, max_size } => verbs::gc(&store, view, max_size, dry_run),
        Verb::Verify { repair } => verbs::verify(&store, view, repair),
        Verb::Ci { step: CiStep::Report { format } } => verbs::ci_report(&store, view, format),
        Verb::Ci { step: CiStep::Check } => verbs::ci_check(&store, view),
    };
    let notices = store.notices().iter().map(|notice| format!("note: {}", visible(&notice.to_string())));
    match (report, absent) {
        (Ok(report), Some(absent)) => Ok(Report { notes: vec![format!("note: {absent}")], ..report }),
        (Ok(report), None) => Ok(Report { notes: notices.chain(report.notes).collect(), ..report }),
        (Err(failure), Some(absent)) => Err(Failure { hints: vec![absent], ..failure }),
        (Err(failure), None) => Err(failure),
    }
}

/// Opens a store to look at it, and tells if it is not there yet. `must_exist`: that is an error.
///
/// To look at a store must not make one: a folder that is not there, or empty, stands for an empty store.
pub(crate) fn look_at_store(
    folder: &Path,
    must_exist: bool,
    context: &mut Context<'_>,
) -> Result<(Store, Option<String>), Failure> {
    let shown = visible(&folder.to_string_lossy()).into_owned();
    match what_is_at(&*context.system, folder) {
        Place::Store => {
            let seal = take_seal_key(context)?;
            Ok((open(folder, seal, context)?, None))
        }
        Place::Nothing if must_exist => {
            Err(Failure::unusable(format!("there is no store at {shown}"))
                .hint("check the path after --store"))
        }
        Place::Nothing => {
            let empty = Store::open(Arc::new(Memory::new()), folder, SealKey::from_bytes([0; 32]))?;
            Ok((empty, Some(format!("there is no store at {shown} yet"))))
        }
        Place::Other => Err(no_store(&shown)),
        Place::Unreadable(error) => Err(unreadable_store(&shown, &error)),
    }
}

/// Opens a store to keep results in, making it where there is none.
pub(crate) fn make_store(folder: &Path, context: &mut Context<'_>) -> Result<Store, Failure> {
    let shown = visible(&folder.to_string_lossy()).into_owned();
    match what_is_at(&*context.system, folder) {
        Place::Store | Place::Nothing => {
            let seal = take_seal_key(context)?;
            open(folder, seal, context)
        }
        Place::Other => Err(no_store(&shown)),
        Place::Unreadable(error) => Err(unreadable_store(&shown, &error)),
    }
}

fn no_store(shown: &str) -> Failure {
    Failure::unusable(format!("{shown} is not a store of hozon"))
        .hint("a store is a folder that holds a CACHEDIR.TAG and a folder v1")
        .hint("give the folder of a store with --store PATH")
}

fn unreadable_store(shown: &str, error: &io::Error) -> Failure {
    Failure::unusable(format!("the store {shown} cannot be read: {error}"))
        .hint("check that you may read the folder")
}

enum Place {
    Store,
    Nothing,
    Other,
    Unreadable(io::Error),
}

/// The names that tell a store; either does, as a person may have removed one of them.
const MARKS: [&str; 2] = ["v1", "CACHEDIR.TAG"];

fn what_is_at(system: &dyn System, folder: &Path) -> Place {
    match system.list(folder) {
        Ok(names) if names.iter().any(|(name, _)| MARKS.contains(&name.as_str())) => Place::Store,
        Ok(names) if names.is_empty() => Place::Nothing,
        Ok(_) => Place::Other,
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound => Place::Nothing,
            io::ErrorKind::NotADirectory => Place::Other,
            _ => Place::Unreadable(error),
        },
    }
}

fn take_seal_key(context: &mut Context<'_>) -> Result<SealKey, Failure> {
    let load =
        std::mem::replace(&mut context.load_seal_key, Box::new(|| Err("it was asked for twice".into())));
    load().map_err(|why| {
        Failure::unusable(format!("the key that seals results cannot be had: {}", words::name(&why)))
            .hint("without it no stored result can be told from a forged one")
    })
}
