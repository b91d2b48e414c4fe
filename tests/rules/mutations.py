"""Switches off each rule of `table.py`, one after the other, and sees whether the tests chosen for it notice.

    make rules                     all of them: a build, then some seconds each
    make rules ONLY='decorators'   those whose name this regular expression finds

Works on a copy of the project's tracked files; production code has no switches. The copy's Rust sources get
a switch for every rule, so that they are built once; a file names the rule that is off. Python sources are
changed one after the other. Prints a table, and ends with 1 if there is a rule that no test guards, or one
whose text is no longer to be found.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from table import RULES, Rule

PYTHON = ".venv/bin/python"
FORMAT = "crates/hozon-format/src/lib.rs"
# In the copy: holds the name of the rule of the Rust sources that is off.
SWITCHED_OFF = "off"
SWITCHED = re.compile(r"\bOFF\b")
ROOT = Path(__file__).resolve().parents[2]
# The copy's own crates need not be quick.
CRATES = ("python", "cli", "engine", "store", "key", "syntax", "sys", "format")
QUICK = [f"--config=profile.fast.package.hozon-{crate}.opt-level=0" for crate in CRATES]
# What a switch is in Rust: the rule that is off is read once, and not while a read is watched.
SWITCH = """
/// Tells whether a rule is switched off.
pub fn is_off(rule: &str) -> bool {
    static OFF: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    static READING: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    if let Some(off) = OFF.get() {
        return off == rule;
    }
    if READING.swap(true, std::sync::atomic::Ordering::SeqCst) {
        return false;
    }
    OFF.get_or_init(|| std::fs::read_to_string("PLACE").unwrap_or_default()) == rule
}
"""


def run(command: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **more}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def prepared(folder: Path) -> Path:
    """A copy of the tracked files with switches, and a target folder of its own that starts from this one's."""
    copy = folder / "hozon"
    copy.mkdir(parents=True, exist_ok=True)
    texts = with_switches(copy)
    names = run(["git", "ls-files", "-z"], ROOT).stdout.split("\0")
    for name in filter(None, names):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        content = texts[name].encode() if name in texts else (ROOT / name).read_bytes()
        # What is as it was is not built again.
        if not target.exists() or target.read_bytes() != content:
            target.write_bytes(content)
    if not (copy / "target").exists() and (ROOT / "target/fast").exists():
        (copy / "target").mkdir()
        # No hard links: cargo writes into files of a target folder where they stand.
        run(["cp", "-a", "--reflink=auto", str(ROOT / "target/fast"), str(copy / "target/fast")], ROOT)
    _environment(copy)
    return copy


def with_switches(copy: Path) -> dict[str, str]:
    """The Rust sources in which rules stand, with a switch for each."""
    place = str(copy / SWITCHED_OFF).replace("\\", "/")
    texts = {FORMAT: (ROOT / FORMAT).read_text() + SWITCH.replace("PLACE", place)}
    for rule in RULES:
        if rule.is_native:
            text = texts.setdefault(rule.file, (ROOT / rule.file).read_text())
            new = SWITCHED.sub(f'hozon_format::is_off("{rule.name}")', rule.new)
            texts[rule.file] = text.replace(rule.old, new, 1)
    return texts


def _environment(copy: Path) -> None:
    """An environment whose hozon is the copy's, and whose other packages are those of this one."""
    run([sys.executable, "-m", "venv", "--without-pip", ".venv"], copy)
    packages = Path(
        run([str(copy / PYTHON), "-c", "import site; print(site.getsitepackages()[0])"], copy).stdout.strip()
    )
    paths = [copy / "python", sysconfig.get_path("purelib")]
    (packages / "rules.pth").write_text("".join(f"{path}\n" for path in paths))


def build(copy: Path) -> str:
    """Builds the extension of the copy and puts it where the copy's Python finds it. Returns what went wrong."""
    cargo = ["cargo", "build", "--quiet", "--locked", "--profile", "fast", "-p", "hozon-python", *QUICK]
    done = run(cargo, copy, PYO3_PYTHON=sys.executable, CARGO_INCREMENTAL="1")
    if done.returncode:
        return done.stderr[-1500:]
    built = next(path for path in (copy / "target/fast").glob("lib*hozon*.so"))
    # Another file, not other bytes in the same one: processes may have it mapped.
    shutil.copyfile(built, copy / "new.so")
    os.replace(copy / "new.so", copy / "python/hozon/_hozon.abi3.so")
    return ""


def tried(copy: Path, rule: Rule) -> tuple[str, str]:
    """Switches a rule off. Returns the verdict, and the test that noticed or what is wrong."""
    text = (ROOT / rule.file).read_text()
    if text.count(rule.old) != 1:
        return "LOST", f"its text stands {text.count(rule.old)} times in {rule.file}"
    path = copy / (SWITCHED_OFF if rule.is_native else rule.file)
    path.write_text(rule.name if rule.is_native else text.replace(rule.old, rule.new))
    try:
        return _noticed(copy, rule)
    finally:
        path.write_text("" if rule.is_native else text)


def _noticed(copy: Path, rule: Rule) -> tuple[str, str]:
    chosen = ["-k", rule.chosen] if rule.chosen else []
    done = run_tests(copy, "-x", rule.tests, *chosen)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    if "TimeoutExpired" in done.stdout or "Failed: Timeout" in done.stdout:
        # Says more about the machine than about the rule.
        return "TOO SLOW", failed[0] if failed else ""
    if done.returncode == 1 and failed:
        return "guarded", failed[0].removeprefix("FAILED ").split(" - ")[0]
    return "UNGUARDED", done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-500:]


def run_tests(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(copy / PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return run(command, copy, HOZON_HOME=str(copy / "home"))


def failing_anyway(copy: Path, tests: list[str]) -> list[str]:
    """Of the tests that noticed, those that fail with all rules in force: they guard nothing."""
    done = run_tests(copy, *sorted(set(tests)))
    if done.returncode == 0:
        return []
    failed = [test for test in tests if f"FAILED {test}" in done.stdout or f"ERROR {test}" in done.stdout]
    return failed or [done.stdout[-500:] + done.stderr[-500:]]


def run_all(rules: list[Rule], folder: Path) -> int:
    """Tries the rules and prints a table. Returns how many are not guarded."""
    copy = prepared(folder)
    wrong = build(copy)
    if wrong:
        print(wrong)
        return len(rules)
    print(f"{'rule':52} {'verdict':10} {'s':>4}  test that noticed", flush=True)
    noticed = []
    for rule in rules:
        started = time.monotonic()
        verdict, note = tried(copy, rule)
        if verdict == "guarded":
            noticed.append(note)
        shown = note.partition("::")[2] or note
        print(f"{rule.name:52} {verdict:10} {time.monotonic() - started:4.0f}  {shown}", flush=True)
    failing = failing_anyway(copy, noticed) if noticed else []
    for test in failing:
        print(f"fails with all rules in force: {test}")
    guarded = len(noticed) - len(failing)
    print(f"{guarded} of {len(rules)} rules are guarded")
    return len(rules) - guarded


def list_all(rules: list[Rule]) -> int:
    """Names the rules that cannot be tried. Returns how many these are."""
    tests = collected(sorted({rule.tests for rule in rules}))
    lost = [rule.name for rule in rules if (ROOT / rule.file).read_text().count(rule.old) != 1]
    without = [rule.name for rule in rules if not any(is_chosen(rule, test) for test in tests)]
    print(f"{len(rules)} rules")
    for name in lost:
        print(f"its text does not stand once: {name}")
    for name in without:
        print(f"no test is chosen for it: {name}")
    return len(lost) + len(without)


def collected(files: list[str]) -> list[str]:
    """The tests of these files, as `file::name`."""
    options = ["--collect-only", "-q", "-o", "addopts=--import-mode=importlib", "-p", "no:cacheprovider"]
    done = run([sys.executable, "-m", "pytest", *options, *files], ROOT)
    tests = [line for line in done.stdout.splitlines() if "::" in line]
    assert tests, done.stdout + done.stderr
    return tests


def is_chosen(rule: Rule, test: str) -> bool:
    """Whether the rule's tests include this one, by what pytest's `-k` means with names alone."""
    file, _, name = test.partition("::")
    name = f"{Path(file).name} {name}".lower()

    def is_there(word: re.Match[str]) -> str:
        return word[0] if word[0] in ("and", "or", "not") else str(word[0].lower() in name)

    return file == rule.tests and (not rule.chosen or eval(re.sub(r"[^\s()]+", is_there, rule.chosen)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="rules whose name this regular expression finds")
    parser.add_argument("--folder", type=Path, default=ROOT / "target/rules", help="where the copy is made")
    parser.add_argument(
        "--list", action="store_true", help="only see that every rule's text and tests are there"
    )
    options = parser.parse_args()
    rules = [rule for rule in RULES if re.search(options.only, rule.name)]
    if options.list:
        return int(list_all(rules) > 0)
    return int(run_all(rules, options.folder) > 0)


if __name__ == "__main__":
    sys.exit(main())
