//! IPython's magics, shell commands, help and prompts.

mod notebooks;

use hozon_syntax::Cell;
use notebooks::{binds, code, jupyter, reads};

fn cell(text: &str) -> Cell {
    jupyter(&[text]).cells.remove(0)
}

/// Expects a cell that is Python without its magics.
#[track_caller]
fn plain(text: &str, source: &str) {
    let cell = cell(text);
    assert_eq!((cell.source.as_str(), cell.live.as_deref()), (source, None), "{text}");
    assert!(cell.code.is_ok(), "{text}");
}

/// Expects a cell that has to run in IPython, as its author wrote it.
#[track_caller]
fn live(text: &str, reason: &str) {
    let cell = cell(text);
    assert_eq!((cell.source.as_str(), cell.live.as_deref()), (text, Some(reason)), "{text}");
    assert!(cell.code.is_ok(), "{text}");
}

#[test]
fn magics_that_change_no_value_are_translated_away() {
    plain("%matplotlib inline\nimport x", "\nimport x");
    plain("%load_ext autoreload\n%autoreload 2\nx", "\n\nx");
    plain("%config InlineBackend.figure_format = 'retina'", "");
    plain("if x:\n    %matplotlib inline", "if x:\n    pass");
    plain("%matplotlib inline \\\n  foo\ny = 1", "\n\ny = 1");
}

#[test]
fn what_is_timed_runs_as_itself() {
    plain("%time x = f()", "x = f()");
    plain("%time", "pass");
    plain("x = %time f()", "x = f()");
    plain("a, b =%time f()", "a, b =f()");
    plain("for i in x:\n    %time f(i)", "for i in x:\n    f(i)");
    plain("%%time\nx = f()", "\nx = f()");
    plain("\n%%time  \nx", "\n\nx");
    live("%time !ls", "uses the magic %time");
    live("%time --no-raise-error f()", "uses the magic %time");
    live("%%time x = f()\ny = 2", "uses the magic %%time");
    assert_eq!(
        (reads(&cell("%%time\nx = f(y)")).as_str(), binds(&cell("%time x = 1")).as_str()),
        ("f y", "x")
    );
}

#[test]
fn capturing_is_a_setting_unless_its_result_is_kept() {
    plain("%%capture\nprint(1)", "\nprint(1)");
    assert!(cell("%%capture\nprint(1)").settings.capture);
    assert!(!cell("print(1)").settings.capture);
    live("%%capture out\nprint(1)", "uses the magic %%capture");
    assert_eq!(binds(&cell("%%capture out --no-stderr\nx = 1")), "out x");
    assert_eq!(binds(&cell("%%capture --no-stderr\nx = 1")), "x");
}

#[test]
fn a_cell_magic_may_hold_another() {
    plain("%%capture\n%%time\nx = 1", "\n\nx = 1");
    plain("%%time\n%%capture\n%matplotlib inline\nx = 1", "\n\n\nx = 1");
    assert!(cell("%%time\n%%capture\nx = 1").settings.capture);
    live("%%capture\n%%bash\nls", "uses the magic %%bash");
}

#[test]
fn other_magics_and_commands_keep_a_cell_live() {
    live("!ls", "runs a shell command");
    live("x = !ls {y}", "runs a shell command");
    live("if x:\n    !ls", "runs a shell command");
    live("%pip install foo", "uses the magic %pip");
    live("x = %sql select 1", "uses the magic %sql");
    live("%%html\n<b>x</b>", "uses the magic %%html");
    live("/f 1 2", "calls a function the way only IPython does");
    live(",f a b", "calls a function the way only IPython does");
    assert_eq!(binds(&cell("x = !ls")), "x");
    assert!(code(&cell("%prun f(x)")).uses_dynamic_names);
    assert!(code(&cell("%%bash\nls")).uses_dynamic_names);
}

#[test]
fn magics_may_give_names() {
    assert_eq!(binds(&cell("%%bash --out text --err problems\nls")), "problems text");
    assert_eq!(binds(&cell("%%R -i x -o y,z\ny <- x")), "y z");
    assert_eq!(binds(&cell("%%sql result << select 1\nfrom t")), "result");
    assert_eq!(binds(&cell("%%bigquery frame --project p\nselect 1")), "frame");
    assert_eq!(binds(&cell("%%prun\nx = 1")), "x");
    assert!(code(&cell("%run other.py")).star_import);
    assert!(code(&cell("%pylab inline")).star_import);
    assert!(!code(&cell("%pip list")).star_import);
}

#[test]
fn what_timeit_assigns_is_gone_afterwards() {
    let timed = cell("%%timeit -n 3\nx = f(y)");
    assert_eq!((binds(&timed).as_str(), reads(&timed).as_str()), ("", "f y"));
}

#[test]
fn help_is_asked_for_in_front_or_at_the_end() {
    for text in ["x?", "?x", "x??", "obj.attr?", "*foo*?", "x = y?", "a\nx = y?"] {
        live(text, "asks for help");
    }
    assert!(cell("print(x)?").code.is_err());
    assert!(cell("x=1 ?").code.is_err());
}

#[test]
fn texts_and_operators_are_no_magics() {
    for text in [
        "x = 5 % 3\ny = '%d' % x",
        "print('!ls', '%time', 'x?')",
        "'''\n%time\n!ls\n'''",
        "x = (1\n  % 3)",
        "# %%time\nx",
    ] {
        plain(text, text);
    }
}

#[test]
fn indentation_and_prompts_are_taken_off() {
    plain("    x = 1\n    y = 2", "x = 1\ny = 2");
    plain(">>> for i in x:\n...     print(i)\n>>> y", "for i in x:\n    print(i)\ny");
    plain("In [12]: x = 1\n    ...: y = 2", "x = 1\ny = 2");
    plain("  %matplotlib inline\n  x", "\nx");
    assert_eq!(code(&cell(">>> x = 1")).digest, code(&cell("x = 1")).digest);
    assert_eq!(cell(">>> x = 1").text, ">>> x = 1");
}

#[test]
fn what_nbconvert_makes_of_magics_is_read_as_magics() {
    plain("get_ipython().run_line_magic('matplotlib', 'inline')\nx", "\nx");
    plain("get_ipython().magic('matplotlib inline')", "");
    plain("get_ipython().run_line_magic('time', 'x = f()')", "x = f()");
    plain("get_ipython().run_cell_magic('time', '', 'x = f()\\n')", "\nx = f()\n");
    live("get_ipython().system('ls')", "runs a shell command");
    live("get_ipython().run_cell_magic('bash', '', 'ls\\n')", "uses the magic %%bash");
    live("x = get_ipython()", "asks for IPython itself");
    assert_eq!(binds(&cell("get_ipython().run_cell_magic('time', '', 'x = f()\\n')")), "x");
}

#[test]
fn extensions_are_loaded_if_a_magic_is_left_that_may_be_theirs() {
    let notebook = jupyter(&["%load_ext sql\nx = 1", "%sql select 1"]);
    assert_eq!(notebook.cells[0].live.as_deref(), Some("uses the magic %load_ext"));
    let notebook = jupyter(&["%load_ext sql\nx = 1", "y = 1"]);
    assert_eq!(notebook.cells[0].live, None);
    let notebook = jupyter(&["%load_ext autoreload\nx = 1", "%sql select 1"]);
    assert_eq!(notebook.cells[0].live, None);
}
