//! The verbs on notebooks as their users meet them, with cells in a language of sums.

#[allow(dead_code, reason = "it holds what tests of the other verbs need, too")]
mod fixture;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fixture::notebooks::{Host, Log, OnAsked};
use fixture::{Ran, captured, context, words};
use hozon_cli::{
    Context, EXIT_DONE, EXIT_INTERRUPTED, EXIT_MISSING, EXIT_STALE, EXIT_UNUSABLE, EXIT_USAGE, run,
};
use hozon_sys::{FileKind, Memory, Os, System, UserFiles};
use insta::assert_snapshot;

/// Two chains: `a`, `b`, and `total` of both; a text; a cell that shows.
const SUMS: &str = "\
# %% one
a = 1

# %% [markdown]
# Text.

# %% two
b = a + 10
print(b)

# %% other
c = 5

# %% total
a + b + c
";

/// A project in memory with a notebook, and a host.
struct Desk {
    system: Memory,
    log: Arc<Log>,
    refusal: Option<String>,
    width: Option<usize>,
}

impl Desk {
    fn with(text: &str) -> Self {
        let desk = Self { system: Memory::new(), log: Arc::default(), refusal: None, width: None };
        desk.system.create_folder(Path::new("/project")).unwrap();
        desk.write("nb.py", text);
        desk
    }

    fn write(&self, name: &str, text: &str) {
        self.system.overwrite(&Path::new("/project").join(name), text.as_bytes());
    }

    fn read(&self, name: &str) -> String {
        let bytes = self.system.read(&Path::new("/project").join(name), u64::MAX).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let files: Arc<dyn UserFiles> = Arc::new(self.system.clone());
        let host = Host {
            system: Arc::new(self.system.clone()),
            files: files.clone(),
            project: PathBuf::from("/project"),
            log: self.log.clone(),
            on_asked: Box::new(|_| {}),
            refusal: self.refusal.clone(),
        };
        self.log.ran.borrow().clear();
        captured(|stdout, stderr| {
            let context = context(&self.system, stdout, stderr);
            let context = Context { files, notebooks: Some(&host), width: self.width, ..context };
            run(words(arguments), context)
        })
    }

    /// Replaces the keys of entries, which are not the command's to make.
    fn masked(&self, text: &str) -> String {
        let json = self.run(&["ls", "--json"]).json();
        let entries = json["entries"].as_array().unwrap().iter();
        entries.fold(text.to_owned(), |text, entry| {
            let key = entry["key"].as_str().unwrap();
            text.replace(key, "(key)").replace(&key[..12], "(short key)")
        })
    }

    /// The numbers of the cells that the last command ran.
    fn ran(&self) -> Vec<usize> {
        self.log.ran.borrow().clone()
    }

    fn started(&self) -> usize {
        self.log.started.get()
    }
}

const NB: &str = "/project/nb.py";

/// What each cell was, by its number.
fn states(ran: &Ran) -> Vec<(u64, String)> {
    let json = ran.json();
    let cells = json["cells"].as_array().unwrap().iter();
    cells.map(|cell| (cell["number"].as_u64().unwrap(), cell["state"].as_str().unwrap().to_owned())).collect()
}

fn expected(states: &[(u64, &str)]) -> Vec<(u64, String)> {
    states.iter().map(|(number, state)| (*number, (*state).to_owned())).collect()
}

#[test]
fn a_plan_tells_what_would_run_and_starts_nothing() {
    let mut desk = Desk::with(SUMS);
    desk.width = Some(72);
    assert_snapshot!("plan_new", desk.run(&["plan", NB]).snapshot());
    assert!(desk.system.stat(Path::new("/project/.hozon")).is_err(), "a plan made a store");
    desk.run(&["run", NB]);
    let started = desk.started();
    desk.write("nb.py", &SUMS.replace("a + 10", "a + 20"));
    assert_snapshot!("plan_edited", desk.run(&["plan", NB]).snapshot());
    assert_snapshot!("plan_of_cells", desk.run(&["plan", NB, "--cell", "two", "--cell", "1"]).snapshot());
    assert_eq!((desk.started(), desk.ran()), (started, vec![]));
}

#[test]
fn a_warm_run_prints_the_same_and_starts_no_process() {
    let desk = Desk::with(SUMS);
    let cold = desk.run(&["run", NB]);
    assert_eq!((cold.code, desk.ran(), desk.started()), (EXIT_DONE, vec![1, 3, 4, 5], 1));
    let warm = desk.run(&["run", NB]);
    assert_eq!((warm.code, desk.ran(), desk.started()), (EXIT_DONE, vec![], 1));
    assert_eq!((cold.out.as_str(), warm.out.as_str()), ("11\n17\n", "11\n17\n"));
    assert_eq!(warm.err, "4 cells: 4 restored; 2.0 s saved\n");
    assert_snapshot!("run_cold", cold.snapshot());
}

#[test]
fn only_what_an_edit_reaches_runs_again() {
    let desk = Desk::with(SUMS);
    desk.run(&["run", NB]);
    let table: [(&str, &str, &[usize], &str); 4] = [
        ("a = 1", "# a comment\na = 1", &[], "11\n17\n"),
        ("c = 5", "c = 6", &[4, 5], "11\n18\n"),
        // The value is the same: nothing downstream runs.
        ("a = 1", "a = 0 + 1", &[1], "11\n17\n"),
        ("print(b)", "print(b + 1)", &[3], "12\n17\n"),
    ];
    for (before, after, ran, out) in table {
        desk.write("nb.py", &SUMS.replace(before, after));
        let again = desk.run(&["run", NB]);
        assert_eq!((desk.ran().as_slice(), again.out.as_str()), (ran, out), "{after}");
    }
}

#[test]
fn a_file_that_a_cell_reads_counts() {
    let desk = Desk::with("# %% load\nx = read('data.txt')\n\n# %% show\nx\n");
    desk.write("data.txt", "3");
    assert_eq!(desk.run(&["run", NB]).out, "3\n");
    assert_eq!((desk.run(&["run", NB]).out.as_str(), desk.ran()), ("3\n", vec![]));
    desk.write("data.txt", "4");
    let plan = desk.run(&["plan", NB]);
    assert!(plan.out.contains("data.txt changed"), "{}", plan.out);
    assert_eq!((desk.run(&["run", NB]).out.as_str(), desk.ran()), ("4\n", vec![1, 2]));
}

#[test]
fn frozen_runs_nothing_and_says_what_is_stale() {
    let desk = Desk::with(SUMS);
    let cold = desk.run(&["run", NB, "--frozen"]);
    assert_eq!((cold.code, desk.started()), (EXIT_STALE, 0));
    assert_snapshot!("frozen_cold", cold.snapshot());
    desk.run(&["run", NB]);
    assert_eq!(desk.run(&["run", NB, "--frozen"]).code, EXIT_DONE);
    desk.write("nb.py", &SUMS.replace("c = 5", "c = 6"));
    let stale = desk.run(&["run", NB, "--frozen"]);
    assert_eq!((stale.code, desk.ran()), (EXIT_STALE, vec![]));
    assert!(stale.err.contains("error: cell 4 (other) is stale"), "{}", stale.err);
}

#[test]
fn cells_that_run_at_once_give_and_print_what_the_serial_run_does() {
    let text = format!("{SUMS}\n# %% load\nx = read('data.txt')\n\n# %% show\nx + a\n");
    let (one, many) = (Desk::with(&text), Desk::with(&text));
    [&one, &many].into_iter().for_each(|desk| desk.write("data.txt", "3"));
    let (serial, parallel) = (one.run(&["run", NB]), many.run(&["run", NB, "-j", "3"]));
    assert_eq!((parallel.code, &parallel.out), (serial.code, &serial.out));
    let mut ran = many.ran();
    ran.sort_unstable();
    assert_eq!((ran, one.started()), (one.ran(), 1));
    let warm = many.run(&["run", NB]);
    assert_eq!(
        (many.ran(), &warm.out, warm.err.as_str()),
        (vec![], &serial.out, "6 cells: 6 restored; 3.0 s saved\n")
    );
    let names = |desk: &Desk| desk.run(&["ls", "--json"]).json()["entries"].as_array().unwrap().len();
    assert_eq!(names(&many), names(&one), "an entry from before its cell's turn is left");
}

#[test]
fn force_runs_what_is_stored() {
    let desk = Desk::with(SUMS);
    desk.run(&["run", NB]);
    desk.run(&["run", NB, "--force"]);
    assert_eq!(desk.ran(), [1, 3, 4, 5]);
    let one = desk.run(&["run", NB, "--force", "--cell", "two"]);
    assert_eq!((one.code, desk.ran(), one.out.as_str()), (EXIT_DONE, vec![3], "11\n"));
}

#[test]
fn a_cell_that_is_asked_for_brings_what_it_reads() {
    let desk = Desk::with(SUMS);
    let two = desk.run(&["run", NB, "--cell", "two", "--json"]);
    assert_eq!((two.code, desk.ran()), (EXIT_DONE, vec![1, 3]));
    assert_eq!(states(&two), expected(&[(1, "ran"), (3, "ran")]));
    desk.run(&["run", NB, "--cell", "5"]);
    assert_eq!(desk.ran(), [4, 5]);
}

#[test]
fn a_failing_cell_stops_what_depends_on_it_and_nothing_else() {
    let desk = Desk::with("# %% bad\nx = 1\nfail()\n\n# %% needs\ny = x\n\n# %% free\nz = 2\nz\n");
    let ran = desk.run(&["run", NB]);
    assert_eq!((ran.code, desk.ran()), (EXIT_MISSING, vec![1, 3]));
    assert_snapshot!("failing_cell", ran.snapshot());
    let again = desk.run(&["run", NB, "--quiet"]);
    assert_eq!((again.code, desk.ran()), (EXIT_MISSING, vec![1]));
    assert_snapshot!("failing_cell_quiet", again.snapshot());
}

#[test]
fn a_cell_that_is_no_python_leaves_the_others_alone() {
    let desk = Desk::with("# %% bad\nx = = 1\n\n# %% good\ny = 2\nprint(y)\n");
    let ran = desk.run(&["run", NB]);
    assert_eq!((ran.code, desk.ran(), ran.out.as_str()), (EXIT_MISSING, vec![2], "2\n"));
    assert!(ran.err.contains("error: cell 1 (bad, nb.py:2) cannot run: "), "{}", ran.err);
}

#[test]
fn stopping_and_interrupting() {
    let desk = Desk::with("# %% first\nx = 1\nstop()\n\n# %% second\nx\n\n# %% third\ny = 2\nprint(y)\n");
    let stopped = desk.run(&["run", NB, "--json"]);
    assert_eq!(stopped.code, EXIT_DONE);
    assert_eq!(states(&stopped), expected(&[(1, "stopped"), (2, "skipped"), (3, "ran")]));
    let again = desk.run(&["run", NB, "--json"]);
    assert_eq!(states(&again), expected(&[(1, "stopped"), (2, "skipped"), (3, "restored")]));
    desk.write("nb.py", "# %% first\nx = 1\n\n# %% second\ninterrupt()\n\n# %% third\ny = 2\n");
    let interrupted = desk.run(&["run", NB]);
    assert_eq!((interrupted.code, desk.ran()), (EXIT_INTERRUPTED, vec![1, 2]));
    assert_snapshot!("interrupted", interrupted.snapshot());
}

#[test]
fn who_asks_to_stop_between_cells_keeps_what_is_done() {
    let desk = Desk::with(SUMS);
    desk.log.interrupted.set(true);
    let ran = desk.run(&["run", NB]);
    assert_eq!((ran.code, desk.ran()), (EXIT_INTERRUPTED, vec![]));
    desk.run(&["run", NB]);
    assert_eq!(desk.ran(), [1, 3, 4, 5]);
}

#[test]
fn parameters_take_the_place_of_values() {
    let desk = Desk::with(SUMS);
    let ran = desk.run(&["run", NB, "-p", "a=100"]);
    assert_eq!((ran.code, ran.out.as_str()), (EXIT_DONE, "110\n215\n"));
    assert_eq!(desk.run(&["run", NB]).out, "11\n17\n");
    let warm = desk.run(&["run", NB, "-p", "a=100"]);
    assert_eq!((warm.out.as_str(), desk.ran()), ("110\n215\n", vec![]));
}

#[test]
fn wrong_usage_is_told_before_anything_runs() {
    let desk = Desk::with(SUMS);
    desk.write("data.csv", "1,2");
    desk.write("broken.ipynb", "{");
    let table: [(&[&str], &str); 11] = [
        (&["run"], "<FILE>"),
        (&["run", "/project/none.py"], "there is no file /project/none.py"),
        (&["run", "/project"], "/project is no notebook"),
        (&["run", "/project/data.csv"], "/project/data.csv is no notebook"),
        (&["run", "/project/broken.ipynb"], "/project/broken.ipynb is no notebook: line 1"),
        (&["plan", NB, "--cell", "nine"], "no cell is named \"nine\""),
        (&["run", NB, "--cell", "6"], "no cell is named \"6\""),
        (&["run", NB, "-p", "a"], "it is to be NAME=VALUE"),
        (&["run", NB, "-p", "a=x"], "the value of a is no number: x"),
        (&["run", NB, "-p", "q=1"], "no cell of /project/nb.py gives q a value"),
        (&["run", NB, "--html", "/nowhere/x.html"], "there is no folder /nowhere"),
    ];
    for (arguments, message) in table {
        let ran = desk.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (EXIT_USAGE, ""), "{arguments:?}");
        assert!(ran.err.contains(message), "{arguments:?}: {}", ran.err);
    }
    assert_eq!((desk.started(), desk.ran()), (0, vec![]));
}

#[test]
fn json_has_the_documented_fields() {
    let desk = Desk::with(SUMS);
    let document = include_str!("../../../docs/command.md");
    for (name, arguments) in [("json_plan", ["plan", NB, "--json"]), ("json_run", ["run", NB, "--json"])] {
        let ran = desk.run(&arguments);
        assert_snapshot!(name, desk.masked(&ran.snapshot()));
        let mut names = Vec::new();
        field_names(&ran.json(), &mut names);
        for name in names {
            let quoted = [format!("`{name}`"), format!("\"{name}\"")];
            assert!(quoted.iter().any(|name| document.contains(name)), "{arguments:?}: {name}");
        }
    }
}

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

const MARIMO: &str = "\
import marimo
app = marimo.App()

@app.cell
def first():
    x = 1
    return

@app.cell
def second():
    x = 2
    return

@app.cell
def third():
    y = 3
    print(y)
    return

@app.cell
def left():
    p = q
    return

@app.cell
def right():
    q = p
    return
";

#[test]
fn faults_of_the_graph_are_told_with_all_places() {
    let desk = Desk::with(MARIMO);
    let ran = desk.run(&["run", NB]);
    assert_eq!((ran.code, desk.ran(), ran.out.as_str()), (EXIT_MISSING, vec![3], "3\n"));
    assert_snapshot!("graph_faults", ran.snapshot());
    let plan = desk.run(&["plan", NB, "--json"]);
    assert_eq!(plan.code, EXIT_DONE);
    let json = plan.json();
    let kinds: Vec<&str> =
        json["faults"].as_array().unwrap().iter().map(|fault| fault["fault"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["defined twice", "cycle"]);
}

#[test]
fn a_page_and_a_notebook_are_written_whole_with_the_same_outputs_cold_and_warm() {
    let desk = Desk::with(SUMS);
    let arguments = ["run", NB, "--html", "/project/out.html", "--ipynb", "/project/out.ipynb"];
    for round in ["cold", "warm"] {
        assert_eq!(desk.run(&arguments).code, EXIT_DONE, "{round}");
        let page = desk.read("out.html");
        assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{round}");
        assert!(page.contains("11") && page.contains("17"), "{round}");
        let notebook: serde_json::Value = serde_json::from_str(&desk.read("out.ipynb")).unwrap();
        let cells = notebook["cells"].as_array().unwrap();
        let kinds: Vec<_> = cells.iter().map(|cell| cell["cell_type"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["code", "markdown", "code", "code", "code"], "{round}");
        assert_eq!(cells[2]["outputs"][0]["text"], "11\n", "{round}");
        assert_eq!(cells[4]["outputs"][0]["data"]["text/plain"], "17", "{round}");
    }
    assert!(desk.ran().is_empty(), "{:?}", desk.ran());
    let names: Vec<String> =
        desk.system.list(Path::new("/project")).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [".hozon", "nb.py", "out.html", "out.ipynb"], "temporary files are left");
}

#[test]
fn a_store_that_cannot_be_made_keeps_nothing_from_running() {
    let desk = Desk::with(SUMS);
    desk.write(".hozon", "a file");
    let ran = desk.run(&["run", NB]);
    assert!(ran.err.contains("note: nothing is kept of this run: "), "{}", ran.err);
    assert_eq!((ran.code, ran.out.as_str(), desk.ran()), (EXIT_DONE, "11\n17\n", vec![1, 3, 4, 5]));
    let asked_for = desk.run(&["run", NB, "--store", "/project/.hozon"]);
    assert_eq!(asked_for.code, EXIT_UNUSABLE);
}

#[test]
fn without_a_process_stale_cells_cannot_run() {
    let mut desk = Desk::with(SUMS);
    desk.refusal = Some("there is no Python here".to_owned());
    let ran = desk.run(&["run", NB]);
    assert_eq!(ran.code, EXIT_MISSING);
    assert!(
        ran.err.contains("error: cell 1 (one, nb.py:2) cannot run: there is no Python here"),
        "{}",
        ran.err
    );
}

#[test]
fn listings_and_explanations_know_cells() {
    let desk = Desk::with(SUMS);
    desk.run(&["run", NB]);
    let list = desk.run(&["ls", "--json"]);
    let json = list.json();
    let entries = json["entries"].as_array().unwrap();
    assert!(entries.iter().all(|entry| entry["kind"] == "cell"));
    assert!(entries.iter().any(|entry| entry["name"] == "nb.py: two" && entry["place"] == "nb.py:8"));
    let shown = desk.run(&["show", "nb.py: two", "--json"]).json();
    let codecs: Vec<_> =
        shown["outputs"].as_array().unwrap().iter().map(|output| output["codec"].as_str().unwrap()).collect();
    assert_eq!(codecs, ["record of a cell", "displays", "pickle"]);
    desk.write("nb.py", &SUMS.replace("a + 10", "a + 20"));
    desk.system.sleep(std::time::Duration::from_secs(60));
    desk.run(&["run", NB]);
    let why = desk.run(&["why", "nb.py: two"]).snapshot();
    assert_snapshot!("why_a_cell", desk.masked(&why));
    for spot in ["/project/nb.py:8", "/project/nb.py:9"] {
        let why = desk.run(&["why", spot, "--json"]).json();
        let groups = why["groups"].as_array().unwrap();
        let names: Vec<_> = groups
            .iter()
            .flat_map(|group| group["computations"].as_array().unwrap())
            .map(|computation| computation["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["nb.py: two"], "{spot}");
    }
}

// Watching needs real files.

struct RealDesk {
    folder: tempfile::TempDir,
    log: Arc<Log>,
}

impl RealDesk {
    fn with(text: &str) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap(), log: Arc::default() };
        desk.replace("nb.py", text);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// As editors do: a new file takes the name.
    fn replace(&self, name: &str, text: &str) {
        let publication = hozon_sys::Publication {
            temporary_folder: self.folder.path(),
            path: &self.path(name),
            mode: 0o644,
            durability: hozon_sys::Durability::Batched,
        };
        hozon_sys::publish(&Os, &publication, &[text.as_bytes()]).unwrap();
    }

    fn watch(&self, on_asked: OnAsked<'_>) -> Ran {
        let host = Host {
            system: Arc::new(Os),
            files: Arc::new(Os),
            project: self.folder.path().to_owned(),
            log: self.log.clone(),
            on_asked,
            refusal: None,
        };
        let notebook = self.path("nb.py");
        captured(|stdout, stderr| {
            let context = Context {
                system: Arc::new(Os),
                files: Arc::new(Os),
                notebooks: Some(&host),
                ..context(&Memory::new(), stdout, stderr)
            };
            run(words(&["watch", notebook.to_str().unwrap()]), context)
        })
    }
}

#[test]
fn watching_runs_again_when_the_notebook_or_its_data_are_saved() {
    let desk = RealDesk::with("# %% load\nx = read('data.txt')\n\n# %% show\nx\n\n# %% apart\n7\n");
    desk.replace("data.txt", "3");
    let steps = std::cell::Cell::new(0);
    // Each step waits for what the one before has led to, however long that takes.
    let on_asked = |log: &Log| match (steps.get(), log.ran.borrow().as_slice()) {
        (0, [1, 2, 3]) => {
            desk.replace("nb.py", "# %% load\nx = read('data.txt')\n\n# %% show\nx + 1\n\n# %% apart\n7\n");
            steps.set(1);
        }
        (1, [1, 2, 3, 2]) => {
            desk.replace("data.txt", "5");
            steps.set(2);
        }
        (2, [1, 2, 3, 2, 1, 2]) => {
            steps.set(3);
        }
        (3, _) => log.interrupted.set(true),
        _ => {}
    };
    let ran = desk.watch(Box::new(on_asked));
    assert_eq!(ran.code, EXIT_DONE);
    assert_eq!(ran.out, "3\n7\n4\n6\n");
    for line in
        ["nb.py changed\n", "data.txt changed\n", "3 cells: 2 restored, 1 ran in 500 ms; 1.0 s saved\n"]
    {
        assert!(ran.err.contains(line), "{line}: {}", ran.err);
    }
    assert_eq!(Os.stat(&desk.path("nb.py")).unwrap().kind, FileKind::File);
}

#[test]
fn watching_outlives_a_cell_that_is_no_python() {
    let desk = RealDesk::with("# %% one\nx = 1\n");
    let steps = std::cell::Cell::new(0);
    let before = std::cell::Cell::new(0);
    let on_asked = |log: &Log| match (steps.get(), log.ran.borrow().as_slice()) {
        (0, [1]) => {
            before.set(log.asked.get());
            desk.replace("nb.py", "# %% one\nx = = 1\n");
            steps.set(1);
        }
        (1, [1]) if log.asked.get() > before.get() => {
            desk.replace("nb.py", "# %% one\nx = 2\n");
            steps.set(2);
        }
        (2, [1, 1]) => steps.set(3),
        (3, _) => log.interrupted.set(true),
        _ => {}
    };
    assert_eq!(desk.watch(Box::new(on_asked)).code, EXIT_DONE);
    assert_eq!(desk.log.ran.borrow().as_slice(), [1, 1]);
}
