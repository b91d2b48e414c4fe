//! From arguments to an exit code.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use clap::Parser;
use hozon_format::SealKey;
use hozon_key::visible;
use hozon_store::{Keys, Limits, Store};
use hozon_sys::{Memory, System};

use crate::arguments::{Arguments, CiStep, Common, TrustStep, Verb};
use crate::failure::Failure;
use crate::report::{Report, View};
use crate::verbs::{self, Asker, ToClear};
use crate::{Context, notebooks, serving, words};

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
        Verb::Serve(of) => serving::serve(&of, context),
        Verb::Keys { public, ssh, own } => {
            verbs::keys(&context.keyring, &verbs::KeysAsked { public, ssh, own }, common.json)
        }
        Verb::Trust { step: TrustStep::Add { key, name, scopes } } => {
            verbs::trust_add(context, &key, name.as_deref(), scopes)
        }
        Verb::Trust { step: TrustStep::Remove { name } } => verbs::trust_remove(&context.keyring, &name),
        Verb::Trust { step: TrustStep::List } => {
            verbs::trust_list(&context.keyring, common.json, context.width)
        }
        Verb::Trust { step: TrustStep::Tier { .. } } => {
            // The Python front takes it before it comes here.
            Err(Failure::usage("`trust tier` comes first: hozon trust tier [ADDRESS]"))
        }
        Verb::Pull { names, all } => pull(&names, all, &common, context),
        Verb::Trust { step: TrustStep::Revoke { name } } => revoke(&name.join(" "), &common, context),
        Verb::Import { file, dry_run } => import(&file, dry_run, &common, context),
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
        Place::Store => match take_keys(context) {
            Err(failure) => ground.without_key = Some(failure.message),
            Ok(keys) => store = Some(open(&ground.folder, keys, context)?),
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
    let keys = take_keys(context)?;
    let store = open_or_make(&folder, &keys, context)?;
    match what_is_at(&*context.system, from) {
        Place::Store => {
            let from = Store::open(context.system.clone(), from, keys)?;
            verbs::ci_restore(&store, Some(&from), common.json)
        }
        Place::Nothing => verbs::ci_restore(&store, None, common.json),
        Place::Other => Err(no_store(&visible(&from.to_string_lossy()))),
        Place::Unreadable(error) => Err(unreadable_store(&visible(&from.to_string_lossy()), &error)),
    }
}

/// `hozon import`, which makes the store where there is none, unless it is only asked.
fn import(file: &Path, dry_run: bool, common: &Common, context: &mut Context<'_>) -> Result<Report, Failure> {
    let folder = common.store.clone().unwrap_or_else(|| context.default_store.clone());
    if dry_run {
        let keys = Keys::with_ring(SealKey::from_bytes([0; 32]), context.keyring.clone());
        let nowhere = Store::open(Arc::new(Memory::new()), &folder, keys)?;
        return verbs::import(&nowhere, &*context.files, file, true, common.json);
    }
    let store = make_store(&folder, context)?;
    verbs::import(&store, &*context.files, file, false, common.json)
}

/// `hozon trust revoke`: the key first, whatever the store is like.
fn revoke(name: &str, common: &Common, context: &mut Context<'_>) -> Result<Report, Failure> {
    let key = verbs::trust_revoke(context, name)?;
    let folder = common.store.clone().unwrap_or_else(|| context.default_store.clone());
    let cleared = look_at_store(&folder, common.store.is_some(), context)
        .and_then(|(store, _)| verbs::clear_signer(&store, key));
    Ok(verbs::revoked(name, cleared))
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
    let keys = take_keys(context)?;
    let store = open_or_make(&folder, &keys, context)?;
    // What the CI keeps has a bound of its own: `--max-size`.
    let to = match what_is_at(&*context.system, to) {
        Place::Other => return Err(no_store(&visible(&to.to_string_lossy()))),
        _ => Store::open(context.system.clone(), to, keys)?,
    };
    verbs::ci_save(&store, &to, common.json, asked)
}

/// `hozon pull`, which makes the store where there is none.
fn pull(names: &[String], all: bool, common: &Common, context: &mut Context<'_>) -> Result<Report, Failure> {
    let folder = common.store.clone().unwrap_or_else(|| context.default_store.clone());
    let remote = (context.tiers_of)(&folder);
    let store = make_store(&folder, context)?;
    let view = View { json: common.json, now_ms: context.system.now_ms(), width: None };
    verbs::pull(&store, &remote, view, names, all)
}

/// Opens the store in a folder, or makes one there if the folder holds nothing else.
fn open_or_make(folder: &Path, keys: &Keys, context: &Context<'_>) -> Result<Store, Failure> {
    match what_is_at(&*context.system, folder) {
        Place::Other => Err(no_store(&visible(&folder.to_string_lossy()))),
        _ => open(folder, keys.clone(), context),
    }
}

/// Opens a store with its bound.
fn open(folder: &Path, keys: Keys, context: &Context<'_>) -> Result<Store, Failure> {
    let bound = (context.bound_of)(folder).map_err(|why| Failure::usage(words::name(&why).into_owned()))?;
    let limits = Limits { bound, ..Limits::default() };
    Ok(Store::open_with(context.system.clone(), folder, keys, limits)?)
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
        Verb::Export { what, output } => verbs::export(&store, view, &what, &output),
        Verb::Plan(_)
        | Verb::Run(_)
        | Verb::Watch(_)
        | Verb::Doctor
        | Verb::Audit { .. }
        | Verb::Serve(_)
        | Verb::Keys { .. }
        | Verb::Trust { .. }
        | Verb::Import { .. }
        | Verb::Pull { .. }
        | Verb::Ci { step: CiStep::Restore { .. } | CiStep::Save { .. } } => {
            Err(Failure::usage("`audit` comes first: hozon audit [OPTIONS] PROGRAM"))
        }
        Verb::Stats => verbs::stats(&store, view),
        Verb::Clear { what, all, unused_for, yes } => {
            let answers = context.answers.as_mut().filter(|_| !yes).map(|answers| &mut **answers as _);
            let asker = Asker::new(answers, context.stderr);
            let what = match unused_for {
                Some(time) => ToClear::Unused(time),
                None if all => ToClear::All,
                None => ToClear::Named(&what),
            };
            verbs::clear(&store, view, what, asker)
        }
        Verb::Push { what } => verbs::push(&store, (context.tiers_of)(&folder), view, &what),
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
            let keys = take_keys(context)?;
            Ok((open(folder, keys, context)?, None))
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
            let keys = take_keys(context)?;
            open(folder, keys, context)
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

fn take_keys(context: &mut Context<'_>) -> Result<Keys, Failure> {
    let load =
        std::mem::replace(&mut context.load_seal_key, Box::new(|| Err("it was asked for twice".into())));
    let seal = load().map_err(|why| {
        Failure::unusable(format!("the key that seals results cannot be had: {}", words::name(&why)))
            .hint("without it no stored result can be told from a forged one")
    })?;
    Ok(Keys::with_ring(seal, context.keyring.clone()))
}
