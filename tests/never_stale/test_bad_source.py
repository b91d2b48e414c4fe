"""Source that is not what runs, or is not there: a result is never stale, and hits are given where they can be."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from never_stale.harness import Case, Launch, Project, check_hits, check_recomputes, project_of

MAIN = """
    import local
    @hozon.persistent_cache
    def f(x):
        print("RAN")
        return local.helper(x)
    """
HELPER = "def helper(x):\n    return x + 1\n"


@pytest.mark.parametrize("what", ["helper", "class without methods", "module as a value"])
def test_source_changed_on_disk_after_import(what: str, tmp_path: Path) -> None:
    texts = {
        "helper": (HELPER, HELPER.replace("+ 1", "+ 2"), "local.helper(x)"),
        "class without methods": ("class A:\n    y = [2]\n", "class A:\n    y = [3]\n", "local.A.y[0]"),
        "module as a value": (HELPER, HELPER.replace("+ 1", "+ 2"), "getattr(local, 'hel' + 'per')(x)"),
    }
    before, after, body = texts[what]
    main = f"""
        import pathlib, sys, local
        if len(sys.argv) > 1:
            pathlib.Path(local.__file__).write_text(sys.argv[1])
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return {body}
        """
    project = project_of(Case(what, main, modules={"local.py": before}), tmp_path)
    old = project.run(Launch(("main.py", after)))
    assert old.result == ["2"], "what runs is what was loaded"
    project.edit(lambda folder: folder)
    new = project.run()
    assert (new.marks, new.result) == (["RAN"], ["3"])


def _zipped(project: Project, text: str) -> None:
    with zipfile.ZipFile(project.folder / "code.zip", "w") as archive:
        archive.writestr("local.py", text)


def test_source_in_a_zip_file(tmp_path: Path) -> None:
    case = Case("zip", "import sys\nsys.path.insert(0, __file__[:-7] + 'code.zip')\n" + _dedented(MAIN))
    project = project_of(case, tmp_path)
    _zipped(project, HELPER)
    assert project.run().marks == ["RAN"]
    assert project.run().marks == []
    _zipped(project, HELPER + "def other():\n    pass\n")
    assert project.run().marks == []
    _zipped(project, HELPER.replace("+ 1", "+ 2"))
    assert project.run().result == ["3"]


def _compiled(project: Project, text: str) -> None:
    (project.folder / "local.py").write_text(text)
    subprocess.run(
        [sys.executable, "-m", "compileall", "-b", "-f", "-q", "local.py"], cwd=project.folder, check=True
    )
    (project.folder / "local.py").unlink()


def test_code_that_is_only_compiled(tmp_path: Path) -> None:
    project = project_of(Case("compiled", MAIN), tmp_path)
    _compiled(project, HELPER)
    assert project.run().marks == ["RAN"]
    assert project.run().marks == []
    # Of another size: Python's own cache of bytecode tells files apart by whole seconds and size.
    _compiled(project, HELPER.replace("+ 1", "+ 1 + 1"))
    assert project.run().result == ["3"]


GENERATED = """
    import linecache
    TEXT = "def helper(x):\\n    return x + 1\\n"
    linecache.cache["<made 1>"] = (len(TEXT), None, TEXT.splitlines(True), "<made 1>")
    exec(compile(TEXT, NAME, "exec"))
    @hozon.persistent_cache
    def f(x):
        print("RAN")
        return helper(x)
    """


@pytest.mark.parametrize("name", ["<made 1>", "<string>", "no/such/file.py"])
def test_code_that_was_generated(name: str, tmp_path: Path) -> None:
    main = GENERATED.replace("NAME", repr(name))
    check_recomputes(Case(name, main, ("x + 1", "x + 2")), tmp_path / "again")
    check_hits(Case(name, main + "# more\n", ("# more", "# other")), tmp_path / "hit")


def test_source_that_is_gone(tmp_path: Path) -> None:
    main = _dedented(MAIN).replace("import local", "import local, os\nos.unlink(local.__file__)")
    project = project_of(Case("gone", main), tmp_path)
    (project.folder / "local.py").write_text(HELPER)
    assert project.run().result == ["2"]
    (project.folder / "local.py").write_text(HELPER.replace("+ 1", "+ 1 + 1"))
    assert project.run().result == ["3"]


def test_source_that_is_not_in_utf8(tmp_path: Path) -> None:
    project = project_of(Case("latin", MAIN), tmp_path)
    for text, expected in [("'\u00e9'", "\u00e9"), ("'\u00e8'", "\u00e8")]:
        # Of another size each: Python's own cache of bytecode tells files apart by seconds and size.
        source = f"# coding: latin-1\ndef helper(x):\n    return {text}{' ' * ord(expected)}\n"
        (project.folder / "local.py").write_bytes(source.encode("latin-1"))
        project.edit(lambda folder: folder)
        output = project.run()
        assert (output.marks, output.result) == (["RAN"], [expected])


def _dedented(text: str) -> str:
    from textwrap import dedent

    return dedent(text)
