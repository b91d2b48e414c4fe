"""The rules of a key, each with a change of the source that switches it off, and the tests that must notice.

    make rules                     all of them: builds hozon once for each (about half a minute each)
    make rules ONLY='decorators'   those whose name has this text

Works on a copy of the project's tracked files; production code has no switches. Prints a table, and ends with
1 if there is a rule that no test guards, or one whose text is no longer to be found.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass
from pathlib import Path

PYTHON = ".venv/bin/python"
ROOT = Path(__file__).resolve().parents[2]
STALE = "tests/never_stale/test_must_recompute.py"
THEMES = "tests/never_stale/test_edits_by_theme.py"
HITS = "tests/never_stale/test_must_hit.py"
PINS = "tests/distributions/test_pins.py"
BUILD = "crates/hozon-python/src/reach_build.rs"
EXPAND = "crates/hozon-python/src/reach_expand.rs"
CLASS = "crates/hozon-python/src/reach_class.rs"
UNSEEN = "crates/hozon-python/src/reach_unseen.rs"
CODE = "crates/hozon-python/src/code.rs"
WALK = "crates/hozon-python/src/walk.rs"
PLACES = "crates/hozon-python/src/places.rs"
SOURCES = "python/hozon/_sources.py"


@dataclass(frozen=True)
class Rule:
    """One rule: where it stands, the text that is replaced, and the tests that must fail then."""

    name: str
    file: str
    old: str
    new: str
    tests: str
    chosen: str = ""


RULES = [
    Rule("defaults count", BUILD, "        for (name, value) in defaults(function)? {",
         "        for (name, value) in defaults(function)?.into_iter().take(0) {", STALE, "default"),
    Rule("decorators count", BUILD, "            counted.push(decorator.digest);\n            self.fragment_edges(decorator, scope, edges)?;",
         "", THEMES, "decorator"),
    Rule("closures count", BUILD, "        if let Some(cell) = scope.cells.get(name) {",
         "        if scope.cells.contains_key(name) { return Ok(()); }\n        if let Some(cell) = scope.cells.get(name) {", STALE, "closure"),
    Rule("globals count by value", "crates/hozon-python/src/reach.rs", "node_digest(slot.kind, &slot.label, Some(digest), &[]))\n            .collect();",
         "{ let _ = digest; node_digest(slot.kind, &slot.label, None, &[]) })\n            .collect();", STALE, "constant or global"),
    Rule("helpers count by their code", BUILD, "        definition.own = own;", "        definition.own = named_digest(\"x\"); let _ = own;",
         STALE, "helper"),
    Rule("what helpers reach counts", BUILD, "            let edges = self.expand(number, &object)?;",
         "            let edges = if number == 0 { self.expand(number, &object)? } else { self.expand(number, &object)?; Vec::new() };",
         STALE, "helper"),
    Rule("modules are followed by attribute", BUILD, "        while used < path.len() && object.is_instance_of::<PyModule>()",
         "        while used < 1 && object.is_instance_of::<PyModule>()", HITS, "module"),
    Rule("computed names bring the whole module", BUILD, "        if uses_dynamic_names {", "        if false && uses_dynamic_names {",
         THEMES, "globals"),
    Rule("a shadowed built-in counts", BUILD, "            Some(found) if reach::is_local_definition(&found)? => {",
         "            Some(found) if false && reach::is_local_definition(&found)? => {", THEMES, "built-in"),
    Rule("a default that has no digest goes by its source", BUILD, "                Err(Refusal::Undigestible { .. }) => edges.push(named(label, \"default by its source\")),",
         "", HITS, ""),
    Rule("a connection goes by its statements", "crates/hozon-python/src/reach_path.rs", "        hasher.update(statement.digest.as_bytes());",
         "        let _ = (&mut hasher, statement);", STALE, "connection"),
    Rule("attributes of functions count", BUILD, "            Some(value) => self.value_edge(&value, format!(\"{label}.{attribute}\"), attribute, None, edges),",
         "            Some(_) => Ok(()),", STALE, "attribute"),
    Rule("registries of single dispatch count", BUILD, "            self.lenient_edge(&registry, \"registry\", function.as_ptr() as usize, &mut edges)?;",
         "            let _ = &registry;", THEMES, "dispatch"),
    Rule("bases of classes count", EXPAND, "            self.target_edges(&base?, \"base\", &[], &mut edges)?;", "            base?;", THEMES, "base"),
    Rule("metaclasses count", EXPAND, "        self.target_edges(class.get_type().as_any(), \"metaclass\", &[], &mut edges)?;", "", THEMES, "metaclass"),
    Rule("attributes of classes count", EXPAND, "        self.lenient_edge(value, &label, class.as_ptr() as usize, edges)\n    }\n\n    /// A module that",
         "        let _ = value; Ok(())\n    }\n\n    /// A module that", THEMES, "class and attribute"),
    Rule("methods from elsewhere count", EXPAND, "            } else if !reach_class::is_generated(class, function)? {\n                self.target_edges(function, &label, &[], edges)?;\n            }",
         "            }", THEMES, "method"),
    Rule("registered classes of an abstract base count", EXPAND, "            self.target_edges(&registered, \"registered class\", &[], &mut edges)?;",
         "            let _ = registered;", THEMES, "ABC"),
    Rule("bodies of classes count", CODE, "        let candidates = source.module.class_candidates(&qualified_name);",
         "        let candidates: Vec<&Definition> = source.module.class_candidates(&qualified_name).into_iter().take(0).collect();", THEMES, "annotation or __ or class"),
    Rule("imports in bodies count", EXPAND, "        let Some(module_name) = absolute_name(scope, import)? else { return Ok(()) };",
         "        if true { return Ok(()); }\n        let Some(module_name) = absolute_name(scope, import)? else { return Ok(()) };", STALE, "imported"),
    Rule("where an import in a body leads", EXPAND, "        self.lenient_edge(&wanted, &label, wanted.as_ptr() as usize, edges)", "        let _ = (&wanted, label); Ok(())", STALE, "imported"),
    Rule("a module's __getattr__ counts", EXPAND, " || name == \"__getattr__\"", "", THEMES, "lazy"),
    Rule("unseen code brings every local source", UNSEEN, "        if self.reached.unseen.is_empty() && self.walker.unseen.is_empty() {", "        if true {", THEMES, "computed module"),
    Rule("unseen code under another name", UNSEEN, "        if own_name == path[0] ||", "        if true || own_name == path[0] ||", THEMES, "another name"),
    Rule("what runs unseen code is told", "crates/hozon-syntax/src/fragment.rs", "        rest => rest.iter().find(|name| UNSEEN.contains(name)).copied(),", "        _ => None,", THEMES, ""),
    Rule("methods by single dispatch count", CLASS, "    if class_name == \"functools.singledispatchmethod\" {", "    if false {", THEMES, "dispatch"),
    Rule("names in quoted annotations count", "crates/hozon-syntax/src/walk_expression.rs", "            self.quoted_names(annotation);\n        }", "        }", THEMES, "annotation"),
    Rule("annotations of classes are read", "crates/hozon-syntax/src/walk_expression.rs", "            self.visit_expr(annotation);\n", "", THEMES, "annotation"),
    Rule("source changed on disk after import", SOURCES, "    return changed_ns == 0 or changed_ns / 1e9 < _process_start", "    return True", "tests/never_stale/test_bad_source.py", ""),
    Rule("extension modules count by their file", BUILD, "        if let Some(digest) = places::compiled_digest(self.py, module_name)? {", "        if let (Some(digest), true) = (places::compiled_digest(self.py, module_name)?, false) {", PINS, "extension"),
    Rule("installs from a folder are local", "python/hozon/_distributions.py", "    return not owners or any(_is_from_a_folder(os.path.join(folder, owner[2])) for owner in owners)", "    return False", PINS, "folder or loose"),
    Rule("distributions count", "crates/hozon-python/src/distributions.rs", "        group.children.push(node.with_shown(version.as_str()));", "        let _ = node;", PINS, "upgrade"),
    Rule("versions count at the pin", "crates/hozon-key/src/pins.rs", "        Pin::Minor => 2,", "        Pin::Minor => 1,", PINS, "upgrade"),
    Rule("a pre-release counts whole", "crates/hozon-key/src/pins.rs", "(well_formed && is_post_or_local(rest)).then(", "well_formed.then(", PINS, "upgrade"),
    Rule("foreign code reached by value counts", WALK, "            self.touched.insert(package);\n            // The names alone", "            let _ = package;\n            // The names alone", PINS, "reached"),
    Rule("comments do not count", "crates/hozon-python/src/code.rs", "            digest: definition.body.digest,", "            digest: Digest::of(self.lines(definition.first_line, definition.last_line).as_bytes()),", HITS, "comment"),
    Rule("positions do not count", "crates/hozon-python/src/code.rs", "            digest: definition.body.digest,", "            digest: Digest::of(format!(\"{} {}\", definition.first_line, definition.body.digest.short()).as_bytes()),", HITS, "moved"),
    Rule("file names do not count", "crates/hozon-python/src/code.rs", "            digest: definition.body.digest,", "            digest: Digest::of(format!(\"{} {}\", self.file, definition.body.digest.short()).as_bytes()),", HITS, "project or file"),
    Rule("only what is reached counts", BUILD, "        if uses_dynamic_names {", "        if uses_dynamic_names || true {", HITS, "unrelated"),
    Rule("hozon's own decorators do not count", BUILD, "            if self.is_of_hozon(decorator, scope)? {", "            if false && self.is_of_hozon(decorator, scope)? {", HITS, "decorator or parameter or hozon"),
]  # fmt: skip


def run(command: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **more}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def prepared(folder: Path) -> Path:
    """A copy of the tracked files, with a target folder of its own that starts from this one's."""
    copy = folder / "hozon"
    if not copy.exists():
        copy.mkdir(parents=True)
    names = run(["git", "ls-files", "-z"], ROOT).stdout.split("\0")
    for name in filter(None, names):
        source, target = ROOT / name, copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copyfile(source, target)
    if not (copy / "target").exists() and (ROOT / "target/fast").exists():
        (copy / "target").mkdir()
        run(["cp", "-al", str(ROOT / "target/fast"), str(copy / "target/fast")], ROOT)
    _environment(copy)
    return copy


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
    cargo = ["cargo", "build", "--quiet", "--locked", "--profile", "fast", "-p", "hozon-python"]
    done = run(cargo, copy, PYO3_PYTHON=sys.executable, RUSTFLAGS="-Awarnings")
    if done.returncode:
        return done.stderr[-1500:]
    built = next(path for path in (copy / "target/fast").glob("lib*hozon*.so"))
    shutil.copyfile(built, copy / "python/hozon/_hozon.abi3.so")
    return ""


def guarded(copy: Path, rule: Rule) -> tuple[str, str]:
    """Switches a rule off. Returns the verdict and the test that noticed, or what is wrong."""
    path = copy / rule.file
    text = path.read_text()
    if text.count(rule.old) != 1:
        return "LOST", f"its text stands {text.count(rule.old)} times in {rule.file}"
    path.write_text(text.replace(rule.old, rule.new))
    try:
        wrong = build(copy) if rule.file.endswith(".rs") else ""
        if wrong:
            return "BROKEN", wrong
        return _tests(copy, rule)
    finally:
        path.write_text(text)


def _tests(copy: Path, rule: Rule) -> tuple[str, str]:
    chosen = ["-k", rule.chosen] if rule.chosen else []
    command = [str(copy / PYTHON), "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", rule.tests, *chosen]
    done = run(command, copy, HOZON_HOME=str(copy / "home"))
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    if done.returncode == 1 and failed:
        return "guarded", failed[0].partition("::")[2].split(" - ")[0]
    return "UNGUARDED", done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr[-500:]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="rules whose name has this text")
    parser.add_argument("--folder", type=Path, default=ROOT / "target/rules", help="where the copy is made")
    parser.add_argument("--list", action="store_true", help="only see that every rule's text is there")
    options = parser.parse_args()
    rules = [rule for rule in RULES if options.only in rule.name]
    if options.list:
        lost = [rule.name for rule in rules if (ROOT / rule.file).read_text().count(rule.old) != 1]
        print(f"{len(rules)} rules", *[f"LOST: {name}" for name in lost], sep="\n")
        return int(bool(lost))
    copy = prepared(options.folder)
    print(f"{'rule':52} {'verdict':10} {'s':>4}  test that noticed", flush=True)
    bad = 0
    for rule in rules:
        started = time.monotonic()
        verdict, note = guarded(copy, rule)
        bad += verdict != "guarded"
        print(f"{rule.name:52} {verdict:10} {time.monotonic() - started:4.0f}  {note}", flush=True)
    print(f"{len(rules) - bad} of {len(rules)} rules are guarded")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
