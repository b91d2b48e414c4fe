//! `hozon doctor` and `hozon verify --repair`: what is wrong is named, and put right where it can be.

mod fixture;

use std::path::Path;

use fixture::{FOLDER, Machine, Ran, captured, context, words};
use hozon_cli::{Context, EXIT_DONE, EXIT_MISSING, run};
use hozon_sys::{Fault, Os, System};
use insta::assert_snapshot;

fn states(ran: &Ran) -> Vec<(String, String)> {
    let json = ran.json();
    let findings = json["findings"].as_array().unwrap().iter();
    let word = |finding: &serde_json::Value, field: &str| finding[field].as_str().unwrap().to_owned();
    findings.map(|finding| (word(finding, "subject"), word(finding, "state"))).collect()
}

fn wrong(ran: &Ran) -> Vec<String> {
    let all = states(ran).into_iter();
    all.filter(|(_, state)| state == "wrong").map(|(subject, _)| subject).collect()
}

fn examine(system: &(impl System + Clone + 'static), arguments: &[&str]) -> Ran {
    captured(|stdout, stderr| run(words(arguments), context(system, stdout, stderr)))
}

#[test]
fn a_store_that_is_well_is_told_so() {
    let machine = Machine::with_three_entries();
    let ran = machine.run(&["doctor"]);
    assert_eq!(ran.code, EXIT_DONE);
    assert_snapshot!("doctor_well", ran.snapshot());
    assert_eq!(wrong(&machine.run(&["doctor", "--json"])), Vec::<String>::new());
}

#[test]
fn where_there_is_no_store_yet_none_is_made() {
    let machine = Machine::default();
    let ran = machine.run(&["doctor"]);
    assert_snapshot!("doctor_no_store", ran.snapshot());
    assert_eq!(ran.code, EXIT_DONE);
    assert!(machine.system.stat(Path::new(FOLDER)).is_err());
}

#[test]
fn doctor_names_what_is_wrong_and_ends_with_one() {
    let machine = Machine::with_three_entries();
    machine.system.create_folder(Path::new("/home/ada")).unwrap();
    machine.system.create_file(Path::new("/home/ada/seal.key"), 0o644).unwrap();
    let fault = Fault::new(machine.system.clone());
    // Ten years back: before there was a hozon.
    fault.set_clock_off(-10 * 365 * 86_400_000);
    let ran = examine(&fault, &["doctor"]);
    assert_eq!(ran.code, EXIT_MISSING);
    assert_snapshot!("doctor_wrong", ran.snapshot());
    assert_eq!(wrong(&examine(&fault, &["doctor", "--json"])), ["key", "clock"]);
}

#[test]
fn a_clock_that_differs_from_file_times_is_wrong() {
    let fault = Fault::new(Machine::with_three_entries().system);
    for off in [-60_000, 60_000] {
        fault.set_clock_off(off);
        assert_eq!(wrong(&examine(&fault, &["doctor", "--json"])), ["clock"]);
    }
    fault.set_clock_off(5_000);
    assert_eq!(wrong(&examine(&fault, &["doctor", "--json"])), Vec::<String>::new());
}

#[test]
fn something_else_in_place_of_the_store_is_wrong() {
    let machine = Machine::default();
    machine.system.create_folder(Path::new(FOLDER)).unwrap();
    machine.system.overwrite(&Path::new(FOLDER).join("letter.txt"), b"Dear");
    assert_eq!(wrong(&machine.run(&["doctor", "--json"])), ["store"]);
}

#[test]
fn a_key_that_cannot_be_had_is_wrong_and_the_rest_is_told_all_the_same() {
    let machine = Machine::with_three_entries();
    let ran = captured(|stdout, stderr| {
        let load_seal_key = Box::new(|| Err("/home/.key can be read by others".into()));
        let context = Context { load_seal_key, ..context(&machine.system, stdout, stderr) };
        run(words(&["doctor", "--json"]), context)
    });
    assert_eq!((ran.code, wrong(&ran)), (EXIT_MISSING, vec!["key".to_owned()]));
    assert!(states(&ran).len() >= 3);
}

#[test]
fn no_locks_and_files_aside_are_noted() {
    let machine = Machine::with_three_entries();
    let aside = Path::new(FOLDER).join("v1/quarantine/bad");
    machine.system.overwrite(&aside, b"bad");
    machine.system.create_folder(&Path::new(FOLDER).join("v2")).unwrap();
    let fault = Fault::new(machine.system);
    fault.set_lockless(true);
    let states = states(&examine(&fault, &["doctor", "--json"]));
    for subject in ["locks", "quarantine", "format"] {
        assert!(states.contains(&(subject.to_owned(), "note".to_owned())), "{subject}: {states:?}");
    }
}

/// A store on a real disk, with an index.
fn on_disk(folder: &Path) -> hozon_store::Store {
    let store = hozon_store::Store::open(std::sync::Arc::new(Os), folder, fixture::seal_key()).unwrap();
    fixture::put_into(&store, "work", &fixture::features("1", "    pass\n"), &[7; 20_000]);
    store.flush_uses().unwrap();
    store
}

fn on(folder: &Path, arguments: &[&str]) -> Ran {
    let arguments = [arguments, &["--store", folder.to_str().unwrap()]].concat();
    examine(&Os, &arguments)
}

#[test]
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "the test damages files itself")]
fn a_real_store_is_examined_and_repaired() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = on_disk(&path);
    assert_eq!(wrong(&on(&path, &["doctor", "--json"])), Vec::<String>::new());
    std::fs::set_permissions(path.join("v1/entries"), std::fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(wrong(&on(&path, &["doctor", "--json"])), ["folders"]);
    std::fs::set_permissions(path.join("v1/entries"), std::fs::Permissions::from_mode(0o700)).unwrap();
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(path.join(format!("v1/index.db{suffix}")));
    }
    std::fs::write(path.join("v1/index.db"), b"no database".repeat(500)).unwrap();
    assert_eq!(wrong(&on(&path, &["doctor", "--json"])), ["index"]);
    let repaired = on(&path, &["verify", "--repair"]);
    assert_eq!(repaired.code, EXIT_MISSING);
    assert!(
        repaired.out.contains("the index is damaged") && repaired.out.contains("(made anew)"),
        "{}",
        repaired.out
    );
    assert_eq!(on(&path, &["verify"]).code, EXIT_DONE);
    assert_eq!(wrong(&on(&path, &["doctor", "--json"])), Vec::<String>::new());
    assert_eq!(store.summaries().unwrap().len(), 1);
}

#[test]
fn a_repair_removes_what_leads_nowhere_and_says_so() {
    let machine = Machine::with_three_entries();
    let v1 = Path::new(FOLDER).join("v1");
    let hex = hozon_format::Digest::of(b"a blob that nothing names").to_string();
    let blob = v1.join("blobs").join(&hex[..2]).join(&hex[2..]);
    machine.system.create_folder(blob.parent().unwrap()).unwrap();
    machine.system.overwrite(&blob, b"a blob that nothing names");
    machine.later(7200);
    let told = machine.run(&["verify"]);
    assert_eq!(told.code, EXIT_DONE, "what is not needed is no damage");
    assert!(told.out.contains("not needed by anything: 1 blob ("), "{}", told.out);
    let repaired = machine.run(&["verify", "--repair"]);
    assert!(repaired.out.contains("removed, as nothing needed it: 1 blob ("), "{}", repaired.out);
    assert!(machine.system.stat(&blob).is_err());
    assert_eq!(machine.run(&["verify"]).out, machine.run(&["verify", "--repair"]).out);
    assert!(!machine.run(&["verify"]).out.contains("nothing"));
}

#[test]
fn a_repair_says_what_it_means() {
    let machine = Machine::with_three_entries();
    let v1 = Path::new(FOLDER).join("v1");
    let damage = |part: &str| {
        let folder = v1.join(part);
        let names = machine.system.list(&folder).unwrap();
        let shard = folder.join(&names[0].0);
        let path = match machine.system.list(&shard) {
            Ok(inside) => shard.join(&inside[0].0),
            Err(_) => shard,
        };
        machine.system.overwrite(&path, b"damaged");
    };
    damage("entries");
    damage("roots");
    let ran = machine.run(&["verify", "--repair"]);
    assert_eq!(ran.code, EXIT_MISSING);
    assert!(ran.out.contains("  these results are computed again\n"), "{}", ran.out);
    assert!(ran.out.contains("  these names are gone until a program saves them again\n"), "{}", ran.out);
    assert_eq!(machine.run(&["verify"]).code, EXIT_DONE);
}
