//! The command as its users meet it: what each verb prints, what it removes, which code it ends with.

mod fixture;

use std::io;
use std::path::Path;
use std::sync::Arc;

use fixture::{FOLDER, Machine, Refusing, captured, context, features, put_into, words};
use hozon_cli::{Context, EXIT_DONE, EXIT_MISSING, EXIT_UNUSABLE, EXIT_USAGE, run};
use hozon_format::SealKey;
use hozon_key::{Node, NodeKind, Shown};
use hozon_store::{NewEntry, Store};
use hozon_sys::{Fault, FileKind, Os, System};
use insta::assert_snapshot;

const VERBS: [&[&str]; 8] = [
    &["accept", "--list"],
    &["ls"],
    &["show", "features"],
    &["why", "features"],
    &["stats"],
    &["verify"],
    &["doctor"],
    &["clear", "--all"],
];

#[test]
fn each_verb_on_a_store_of_three_entries() {
    let machine = Machine::with_three_entries();
    for arguments in VERBS {
        assert_snapshot!(format!("three_entries_{}", arguments[0]), machine.run(arguments).snapshot());
    }
}

#[test]
fn each_verb_in_json() {
    let machine = Machine::with_three_entries();
    for arguments in VERBS {
        let ran = machine.run(&[arguments, &["--json"]].concat());
        assert_eq!(ran.code, EXIT_DONE);
        ran.json();
        assert_snapshot!(format!("json_{}", arguments[0]), ran.snapshot());
    }
}

#[test]
fn every_json_field_is_documented() {
    let machine = Machine::with_three_entries();
    for arguments in VERBS {
        let mut names = Vec::new();
        field_names(&machine.run(&[arguments, &["--json"]].concat()).json(), &mut names);
        for name in names {
            let quoted = [format!("`{name}`"), format!("\"{name}\"")];
            assert!(quoted.iter().any(|name| DOCUMENT.contains(name)), "{arguments:?}: {name}");
        }
    }
}

const DOCUMENT: &str = include_str!("../../../docs/command.md");

fn field_names(value: &serde_json::Value, names: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => fields.iter().for_each(|(name, field)| {
            names.push(name.clone());
            field_names(field, names);
        }),
        serde_json::Value::Array(items) => items.iter().for_each(|item| field_names(item, names)),
        _ => {}
    }
}

#[test]
fn help_lists_the_verbs_and_the_exit_codes() {
    let machine = Machine::default();
    for arguments in [&["--help"][..], &["clear", "--help"]] {
        assert_snapshot!(
            format!("help_{}", arguments[0].trim_start_matches('-')),
            machine.run(arguments).snapshot()
        );
    }
    let version = machine.run(&["--version"]);
    assert_eq!((version.code, version.out), (EXIT_DONE, format!("hozon {}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn wrong_usage_is_told_on_stderr_alone() {
    let machine = Machine::default();
    for arguments in [&[][..], &["lss"], &["ls", "--jsn"], &["show"], &["clear"], &["clear", "x", "--all"]] {
        let ran = machine.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (EXIT_USAGE, ""), "{arguments:?}");
        assert!(!ran.err.is_empty());
    }
}

#[test]
fn looking_at_a_store_that_is_not_there_makes_none() {
    for arguments in VERBS {
        let machine = Machine::default();
        let ran = machine.run(arguments);
        assert_snapshot!(format!("no_store_{}", arguments[0]), ran.snapshot());
        assert!(machine.system.stat(Path::new(FOLDER)).is_err(), "{arguments:?} made a folder");
    }
}

#[test]
fn a_store_that_cannot_be_used_ends_with_its_own_code() {
    let machine = Machine::with_three_entries();
    machine.system.create_folder(Path::new("/home")).unwrap();
    machine.system.overwrite(Path::new("/home/letter.txt"), b"Dear");
    for path in ["/nowhere", "/home", "/home/letter.txt"] {
        let ran = machine.run(&["ls", "--store", path]);
        assert_eq!((ran.code, ran.out.as_str()), (EXIT_UNUSABLE, ""));
        assert_snapshot!(format!("unusable{}", path.replace(['/', '.'], "_")), ran.err);
    }
    assert_eq!(machine.system.list(Path::new("/home")).unwrap(), [("letter.txt".to_owned(), FileKind::File)]);
    assert_eq!(machine.run(&["--store", FOLDER, "ls"]).out, machine.run(&["ls"]).out);
}

#[test]
fn without_a_seal_key_nothing_is_shown() {
    let machine = Machine::with_three_entries();
    let ran = captured(|stdout, stderr| {
        let load_seal_key = Box::new(|| Err("/home/.key can be read by others".into()));
        run(words(&["ls"]), Context { load_seal_key, ..context(&machine.system, stdout, stderr) })
    });
    assert_eq!((ran.code, ran.out.as_str()), (EXIT_UNUSABLE, ""));
    let expected = "error: the key that seals results cannot be had: /home/.key can be read by others\n";
    assert!(ran.err.starts_with(expected), "{}", ran.err);
}

#[test]
fn a_store_that_cannot_be_read_is_told_from_one_that_is_not_there() {
    let faulty = Fault::new(Machine::with_three_entries().system);
    faulty.fail_reads(0..u64::MAX, io::ErrorKind::PermissionDenied);
    let ran = captured(|stdout, stderr| run(words(&["ls"]), context(&faulty, stdout, stderr)));
    assert_snapshot!("unreadable_store", ran.snapshot());
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let machine = Machine::with_three_entries();
    let ran = machine.run(&["show", "model"]);
    assert_snapshot!("not_there", ran.snapshot());
}

#[test]
fn uses_are_counted_and_removals_remembered_where_an_index_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("store");
    let store = Store::open(Arc::new(Os), &folder, fixture::seal_key()).unwrap();
    let key = put_into(&store, "features", &features("0.5", ""), b"payload");
    store.record_use(&key, 1.5);
    store.record_use(&key, 1.5);
    store.flush_uses().unwrap();

    let path = folder.to_str().unwrap();
    let on_disk = |arguments: &[&str]| {
        let arguments = [arguments, &["--store", path]].concat();
        captured(|stdout, stderr| run(words(&arguments), context(&Os, stdout, stderr)))
    };
    let entry = &on_disk(&["ls", "--json"]).json()["entries"][0];
    assert_eq!((entry["uses"].as_u64(), entry["saved_seconds"].as_f64()), (Some(2), Some(3.0)));
    assert!(on_disk(&["stats"]).out.contains("used          2 times\nsaved         3.0 s\n"));
    assert!(on_disk(&["show", "features"]).out.contains("used    2 times, last "));

    assert_eq!(on_disk(&["clear", "features"]).code, EXIT_DONE);
    for word in ["features", &key.short()] {
        let ran = on_disk(&["why", word]);
        assert_eq!(ran.code, EXIT_MISSING);
        assert!(ran.err.contains("\nhint: it was removed by `hozon clear` "), "{}", ran.err);
    }
}

#[test]
fn keys_roots_and_names_select_an_entry() {
    let machine = Machine::with_three_entries();
    let key = machine.store().root("best model").unwrap().to_string();
    for word in [&key, &key[..4], &key[..12].to_uppercase(), "best model", "training.pipelines.model"] {
        let ran = machine.run(&["show", "--json", word]);
        assert_eq!((ran.json()["key"].as_str(), ran.err.as_str()), (Some(key.as_str()), ""), "{word}");
    }
    for word in [&key[..3], &(key.clone() + "0"), "zzzz"] {
        assert_eq!(machine.run(&["show", word]).code, EXIT_MISSING, "{word}");
    }
}

#[test]
fn an_ambiguous_key_lists_its_candidates() {
    let machine = Machine::default();
    let mut by_prefix = std::collections::HashMap::new();
    // Among 2000 keys two begin alike; the search is the same in every run.
    let (one, other) = (0..2000)
        .find_map(|number: u32| {
            let recipe = Node::new(NodeKind::Computation, number.to_string());
            let prefix = hozon_key::key(&recipe).to_string()[..4].to_owned();
            by_prefix.insert(prefix, recipe.clone()).map(|earlier| (earlier, recipe))
        })
        .unwrap();
    let keys = [machine.put("one", &one).to_string(), machine.put("other", &other).to_string()];
    let ran = machine.run(&["show", &keys[0][..4]]);
    assert_eq!((ran.code, ran.out.as_str()), (EXIT_USAGE, ""));
    assert!(keys.iter().all(|key| ran.err.contains(&format!("hint: {key}  o"))), "{}", ran.err);
    let clear = machine.run(&["clear", &keys[0][..4]]);
    assert_eq!((clear.code, machine.store().summaries().unwrap().len()), (EXIT_USAGE, 2));
}

#[test]
fn clear_removes_what_is_named_and_says_so() {
    let machine = Machine::with_three_entries();
    assert_snapshot!("clear_a_name", machine.run(&["clear", "features"]).snapshot());
    let left = machine.store().summaries().unwrap();
    assert_eq!(
        left.iter().map(|one| one.facts.name.as_str()).collect::<Vec<_>>(),
        ["training.pipelines.model"]
    );

    let ran = machine.run(&["clear", &left[0].key.short()]);
    assert_eq!((ran.code, machine.store().summaries().unwrap().len()), (EXIT_DONE, 0));
    assert_eq!(machine.store().roots(), []);
}

#[test]
fn clear_removes_nothing_if_one_word_is_wrong() {
    let machine = Machine::with_three_entries();
    assert_eq!(machine.run(&["clear", "features", "faetures"]).code, EXIT_MISSING);
    assert_eq!(machine.store().summaries().unwrap().len(), 3);
}

#[test]
fn clear_asks_a_person_and_only_a_clear_yes_counts() {
    let machine = Machine::with_three_entries();
    for answer in ["n\n", "\n", "", "yess\n", "never\n"] {
        let ran = machine.run_answering(&["clear", "--all"], Some(answer));
        assert_eq!((ran.code, ran.out.as_str()), (EXIT_DONE, ""), "{answer:?}");
        assert!(ran.err.starts_with("Remove 3 entries ("), "{}", ran.err);
        assert!(ran.err.ends_with("nothing was removed\n"), "{}", ran.err);
    }
    assert_eq!(machine.store().summaries().unwrap().len(), 3);
    let ran = machine.run_answering(&["clear", "features"], Some("Y\n"));
    assert!(ran.out.starts_with("removed 2 entries"), "{}", ran.out);
    let ran = machine.run_answering(&["clear", "--all", "--yes"], Some("n\n"));
    assert_eq!((ran.err.as_str(), machine.store().summaries().unwrap().len()), ("", 0));
}

#[test]
fn clear_removes_what_was_not_used_for_long() {
    let machine = Machine::with_three_entries();
    let left = || machine.store().summaries().unwrap().len();
    assert_eq!(machine.run(&["clear", "--unused-for", "520w", "--yes"]).code, EXIT_DONE);
    assert_eq!(left(), 3);
    for wrong in ["30", "d", "-3d", "3y", "", "nand", "9999999999999999999999w"] {
        assert_eq!(machine.run(&["clear", "--unused-for", wrong]).code, EXIT_USAGE, "{wrong}");
    }
    assert_eq!(machine.run(&["clear", "--unused-for", "1d", "features"]).code, EXIT_USAGE);
    assert_eq!(left(), 3);
    let ran = machine.run(&["clear", "--unused-for", "0s"]);
    assert!(ran.out.starts_with("removed 2 entries"), "{}", ran.out);
    // The model has a name, so it stays.
    assert_eq!(left(), 1);
}

#[test]
fn gc_tells_what_would_go_and_what_it_would_cost_and_removes_only_without_dry_run() {
    let machine = Machine::with_three_entries();
    let would = machine.run(&["gc", "--dry-run", "--max-size", "0"]);
    assert_eq!(would.code, EXIT_DONE);
    assert!(would.out.starts_with("NAME      ENTRIES"), "{}", would.out);
    assert!(would.out.contains("features        2"), "{}", would.out);
    assert!(would.out.contains("2 of 3 entries would go: "), "{}", would.out);
    assert!(would.out.ends_with("to compute them again would take 3.0 s\n"), "{}", would.out);
    // The model has a name, so it stays.
    assert!(would.err.starts_with("note: 1.9 MiB too much stays: "), "{}", would.err);
    assert_eq!(machine.store().summaries().unwrap().len(), 3);
    let gone = machine.run(&["gc", "--max-size", "0", "--json"]).json();
    assert_eq!(gone["entries"].as_u64(), Some(2));
    assert_eq!(gone["names"][0]["name"].as_str(), Some("features"));
    assert_eq!(gone["seconds"].as_f64(), Some(3.0));
    let left = machine.store().summaries().unwrap();
    assert_eq!(
        left.iter().map(|summary| &*summary.facts.name).collect::<Vec<_>>(),
        ["training.pipelines.model"]
    );
    assert_eq!(machine.store().verify(false).unwrap().problems, []);
}

#[test]
fn gc_keeps_everything_where_there_is_room() {
    let machine = Machine::with_three_entries();
    let ran = machine.run(&["gc"]);
    assert!(ran.out.starts_with("nothing has to go: 1.9 MiB of no bound"), "{}", ran.out);
    let ran = machine.run(&["gc", "--max-size", "2GB"]);
    assert!(ran.out.starts_with("nothing has to go: 1.9 MiB of 1.9 GiB"), "{}", ran.out);
    assert_eq!(machine.store().summaries().unwrap().len(), 3);
}

#[test]
fn verify_finds_damage_and_repairs_it() {
    let machine = Machine::with_three_entries();
    let key = machine.store().root("best model").unwrap().to_string();
    let path = format!("{FOLDER}/v1/entries/{}/{}", &key[..2], &key[2..]);
    machine.system.overwrite(Path::new(&path), b"not an entry");
    assert_snapshot!("verify_damage", machine.run(&["verify"]).snapshot());
    let repaired = machine.run(&["verify", "--repair", "--json"]);
    assert_eq!((repaired.code, repaired.json()["sound"].as_bool()), (EXIT_MISSING, Some(false)));
    assert_eq!(repaired.json()["problems"][0]["repaired"].as_bool(), Some(true));
}

#[test]
fn why_takes_the_entry_that_is_named_by_its_key() {
    let machine = Machine::with_three_entries();
    let oldest = machine.store().summaries().unwrap().pop().unwrap();
    let ran = machine.run(&["why", &oldest.key.short()]);
    assert!(ran.out.ends_with("\n  first run\n"), "{}", ran.out);
    let json = machine.run(&["why", "features", "--json"]).json();
    assert_eq!(json["nearest"].as_str(), Some(oldest.key.to_string().as_str()));
}

#[test]
fn names_of_any_characters_keep_the_table_and_the_terminal_whole() {
    let machine = Machine { width: Some(80), ..Machine::default() };
    let names =
        ["", "a\u{1b}[2J\nb", "保存".repeat(30).leak(), "x".repeat(300).leak(), "../../etc", "\u{202e}evil"];
    for name in names {
        machine.put(name, &Node::new(NodeKind::Computation, name));
    }
    let ran = machine.run(&["ls"]);
    assert_snapshot!("odd_names", ran.snapshot());
    for name in names {
        for verb in ["show", "why"] {
            let ran = machine.run(&[verb, name]);
            assert_eq!(ran.code, EXIT_DONE, "{verb} {name:?}: {}", ran.err);
            assert!(!(ran.out + &ran.err).contains(['\u{1b}', '\u{202e}']));
        }
    }
}

#[test]
fn wrong_usage_cannot_command_the_terminal() {
    let ran = Machine::default().run(&["\u{1b}[2J\u{202e}\u{9b}x"]);
    assert!(!ran.err.contains(['\u{1b}', '\u{202e}', '\u{9b}']), "{:?}", ran.err);
    assert!(ran.err.contains(r"\u{202e}"), "{:?}", ran.err);
}

#[test]
fn an_expired_entry_is_shown_as_such() {
    let machine = Machine::default();
    let recipe = features("0.5", "");
    let key = machine.put("features", &recipe);
    let mut entry = *machine.store().entry_for_explaining(&key).unwrap();
    entry.facts.expires_ms = Some(machine.system.now_ms() + 60_000);
    let key = entry.key;
    let new = NewEntry {
        key,
        facts: entry.facts,
        recipe: entry.recipe,
        traces: vec![],
        outputs: vec![],
        known: None,
        most: None,
    };
    machine.store().put(new).unwrap();
    let expiry = |seconds| {
        machine.later(seconds);
        let ran = machine.run(&["show", "features"]);
        ran.out.lines().find_map(|line| line.strip_prefix("expires  ").map(str::to_owned)).unwrap()
    };
    assert_eq!(expiry(59), "2026-01-01 00:01:00 UTC");
    assert_eq!(expiry(1), "2026-01-01 00:01:00 UTC: over, so it is not used any more");
}

#[test]
fn without_a_terminal_nothing_is_cut() {
    let machine = Machine::default();
    let name = "a_long_module.".repeat(20);
    machine.put(&name, &Node::new(NodeKind::Computation, ""));
    assert!(machine.run(&["ls"]).out.contains(&name));
}

#[test]
fn a_large_recipe_and_a_large_difference_are_shown_in_part() {
    let machine = Machine::default();
    let recipe = |version: u32| {
        let code: String = (0..100).map(|line| format!("line({line}, {version})\n")).collect();
        let values = (0..200).map(|number| Node {
            shown: Some(Shown::from("1")),
            ..Node::new(NodeKind::Value, format!("v{number}"))
        });
        let mut root = features("0.5", &code);
        root.children.extend(values);
        root
    };
    machine.put("f", &recipe(1));
    machine.later(1);
    machine.put("f", &recipe(2));
    assert!(machine.run(&["show", "f"]).out.ends_with("  … and 145 more (--json gives all)\n"));
    assert!(machine.run(&["why", "f"]).out.ends_with(" more lines (--json gives all)\n"));
}

#[test]
fn a_closed_pipe_ends_quietly_and_a_full_disk_does_not() {
    let machine = Machine::with_three_entries();
    for (kind, code) in [(io::ErrorKind::BrokenPipe, EXIT_DONE), (io::ErrorKind::StorageFull, EXIT_UNUSABLE)]
    {
        let ran =
            captured(|_, stderr| run(words(&["ls"]), context(&machine.system, &mut Refusing(kind), stderr)));
        assert_eq!((ran.code, ran.err.is_empty()), (code, code == EXIT_DONE));
    }
    let mut closed = Refusing(io::ErrorKind::BrokenPipe);
    let ran = captured(|stdout, _| run(words(&["show", "x"]), context(&machine.system, stdout, &mut closed)));
    assert_eq!(ran.code, EXIT_MISSING);
}

#[test]
fn another_users_entries_are_not_listed() {
    let machine = Machine::with_three_entries();
    let ran = captured(|stdout, stderr| {
        let load_seal_key = Box::new(|| Ok(SealKey::from_bytes([8; 32])));
        run(words(&["ls"]), Context { load_seal_key, ..context(&machine.system, stdout, stderr) })
    });
    assert_eq!((ran.code, ran.out.as_str()), (EXIT_DONE, ""));
    assert_eq!(ran.err, format!("nothing is stored in {FOLDER}\n"));
}
