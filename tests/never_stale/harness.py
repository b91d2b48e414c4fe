"""Small projects, each run in fresh processes: before an edit, again, and after it.

A program prints `RAN` (or `RAN name`) each time that a cached body really runs, and its result. What
it prints beside those marks must be the same with the cache and without it, before and after the edit.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

# An edit: texts to replace, each of which stands exactly once in the project; or a function that
# changes the project's folder and gives the place where it is afterwards.
Pair = tuple[str, str]
Edit = Pair | Sequence[Pair] | Callable[[Path], Path]

_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "LLVM_PROFILE_FILE")
_SECONDS = 60


@dataclass(frozen=True)
class Launch:
    """How a program is started."""

    arguments: tuple[str, ...] = ("main.py",)
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "."


@dataclass(frozen=True)
class Case:
    """A program, and an edit of it or another way to start it.

    Attributes:
        name: The case in words: the test's id.
        main: The text of `main.py`, without the import of hozon before and the call after it.
        edit: What is changed after two runs.
        call: The expression that is printed at the end of `main.py`; empty: `main.py` prints itself.
        modules: The project's other files.
        mark: The line that must be printed (or must not be) after the edit.
        warned: What the first run's warning names; empty: nothing is said.
        same_result: Whether the edit leaves what is printed as it is; None: it may or may not.
        launch: How the program is started before the edit.
        relaunch: How it is started after the edit; None: as before.
    """

    name: str
    main: str
    edit: Edit = ()
    call: str = "f(1)"
    modules: dict[str, str] = field(default_factory=dict)
    mark: str = "RAN"
    same_result: bool | None = False
    warned: str = ""
    launch: Launch = Launch()
    relaunch: Launch | None = None


@dataclass(frozen=True)
class Output:
    """What a program printed: its marks, and the rest."""

    marks: list[str]
    result: list[str]


class Project:
    """A project's folder, with a home of its own beside it."""

    def __init__(self, folder: Path, files: dict[str, str]) -> None:
        self.folder = folder / "project"
        self.home = folder / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        # The project's mark: the store lies beside it.
        (self.folder / "pyproject.toml").touch()
        self._age(3600)

    @property
    def store(self) -> Path:
        return self.folder / ".hozon"

    def run(self, launch: Launch = Launch(), *, disabled: bool = False, says: str | None = "") -> Output:
        """Runs the program in a fresh process. It must succeed, and say `says` on its error stream; empty:
        nothing; None: anything."""
        done = subprocess.run(
            [sys.executable, *launch.arguments],
            cwd=self.folder / launch.folder,
            env=self.environment(HOZON_DISABLE="1" if disabled else "0", **launch.environment),
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        if says is not None:
            assert says in done.stderr if says else not done.stderr, f"said: {done.stderr!r}"
        lines = done.stdout.splitlines()
        marks = [line for line in lines if line.startswith("RAN")]
        return Output(marks, [line for line in lines if not line.startswith("RAN")])

    def environment(self, **more: str) -> dict[str, str]:
        """The variables of a process of this project: nothing of the caller's own cache."""
        passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        home = {"HOME": str(self.home), "HOZON_HOME": str(self.home / "hozon"), "PYTHONUTF8": "1"}
        # The marks are printed by the bodies: a hit must not show them again.
        return {**passed_on, **home, "HOZON_REPLAY": "0", **more}

    def edit(self, edit: Edit) -> None:
        """Changes the project's files, as an editor would some time later."""
        if callable(edit):
            self.folder = edit(self.folder)
        else:
            pairs = [edit] if edit and isinstance(edit[0], str) else edit
            for old, new in pairs:
                self._replace(old, new)
        self._age(1800)

    def _replace(self, old: str, new: str) -> None:
        found = [path for path in self._sources() if old in path.read_text(encoding="utf-8")]
        assert len(found) == 1, f"{old!r} stands in {len(found)} files"
        text = found[0].read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {found[0].name}"
        found[0].write_text(text.replace(old, new), encoding="utf-8")
        os.utime(found[0], (time.time(),) * 2)

    def _sources(self) -> list[Path]:
        return [path for path in self.folder.rglob("*.py") if ".hozon" not in path.parts]

    def _age(self, seconds: float) -> None:
        """Dates what was just written back: no file is as old as the process that reads it.

        Python's own cache of compiled modules tells files apart by whole seconds and size.
        """
        now = time.time()
        for path in self._sources():
            if now - path.stat().st_mtime < 600:
                os.utime(path, (now - seconds,) * 2)


def project_of(case: Case, folder: Path) -> Project:
    main = "import hozon\n" + textwrap.dedent(case.main)
    if case.call:
        main += f"\nprint({case.call})\n"
    return Project(folder, {"main.py": main, **case.modules})


def run_twice(case: Case, folder: Path) -> tuple[Project, Output]:
    """Runs a case's program cold and warm, in two processes: the first computes, the second hits."""
    project = project_of(case, folder)
    cold = project.run(case.launch, says=case.warned)
    assert case.mark in cold.marks, "the first run must compute"
    warm = project.run(case.launch, says=None if case.warned else "")
    assert case.mark not in warm.marks, "the case is not cached, so that it shows nothing"
    assert warm.result == cold.result
    return project, cold


def check_recomputes(case: Case, folder: Path) -> None:
    """After the edit the body must run, and the result must be that of an uncached run."""
    project, before = run_twice(case, folder)
    project.edit(case.edit)
    launch = case.relaunch or case.launch
    says = None if case.warned else ""
    after, plain = project.run(launch, says=says), project.run(launch, disabled=True)
    assert after.result == plain.result, "a stale result was served"
    assert case.mark in after.marks, "the body must run again"
    same = plain.result == before.result
    assert case.same_result in (same, None), "the case's edit is not what it says"


def check_hits(case: Case, folder: Path) -> None:
    """After the edit the body must not run, and the result must be what it was: the edit changes nothing."""
    project, before = run_twice(case, folder)
    project.edit(case.edit)
    after = project.run(case.relaunch or case.launch, says=None if case.warned else "")
    assert after.result == before.result
    assert case.mark not in after.marks, "the body must not run again"


class Row(NamedTuple):
    """One row of a table of values.

    Attributes:
        name: The row in words: the test's id.
        preparation: Statements before all values, such as imports.
        before: An expression for the value.
        after: The expression after the edit.
    """

    name: str
    preparation: str
    before: str
    after: str


@dataclass(frozen=True)
class RowRuns:
    """What a row's function did and gave in each process, and in one without the cache after the edit."""

    ran: dict[str, bool]
    results: dict[str, str]


class Rows:
    """A table of values, all edited in one program, in which each is read by a cached function of its own.

    Most of a test's time is the start of processes: the rows of a table share four of them.
    """

    def __init__(self, where: str, rows: Sequence[Row], returned: str) -> None:
        """`where` is what the values are to the functions, "global" or "argument"; `returned` is the
        expression of the value `X` that each function returns."""
        self.where = where
        self.rows = rows
        self.returned = returned
        self._runs: dict[str, Output] = {}

    def params(self) -> list[object]:
        """The rows as parameters of a test, by their numbers."""
        names = (f"{self.where}: {row.name}" for row in self.rows)
        return [pytest.param((self, number), id=name) for number, name in enumerate(names)]

    def _program(self) -> str:
        preparations = dict.fromkeys(textwrap.dedent(row.preparation) for row in self.rows)
        functions = (self._function(number, row) for number, row in enumerate(self.rows))
        return "\n".join(["import hozon", *preparations, *functions])

    def _function(self, number: int, row: Row) -> str:
        name = f"X{number}"
        parameter = name if self.where == "argument" else ""
        returned = self.returned.replace("X", name)
        return textwrap.dedent(f"""
            {name} = {row.before}
            @hozon.persistent_cache
            def f{number}({parameter}):
                print("RAN {number}")
                return {returned}
            print(({number}, f{number}({parameter})))
            """)

    def run(self, make_folder: pytest.TempPathFactory) -> dict[str, Output]:
        """Runs the program cold, warm, after the edit of all values, and then without the cache: once for
        all rows."""
        if not self._runs:
            project = Project(make_folder.mktemp("rows"), {"main.py": self._program()})
            self._runs = {"cold": project.run(), "warm": project.run()}
            numbered = enumerate(self.rows)
            edits = [
                (f"X{number} = {row.before}\n", f"X{number} = {row.after}\n") for number, row in numbered
            ]
            project.edit(edits)
            self._runs |= {"after": project.run(), "plain": project.run(disabled=True)}
        return self._runs

    def row(self, number: int, make_folder: pytest.TempPathFactory) -> RowRuns:
        """What became of one row: its function ran cold, and was served warm."""
        runs = self.run(make_folder)
        ran = {name: f"RAN {number}" in output.marks for name, output in runs.items()}
        results = {name: self._result(number, output) for name, output in runs.items()}
        assert ran["cold"], "the first run must compute"
        assert not ran["warm"], "the row is not cached, so that it shows nothing"
        assert results["warm"] == results["cold"]
        return RowRuns(ran, results)

    def _result(self, number: int, output: Output) -> str:
        [result] = [line for line in output.result if line.startswith(f"({number}, ")]
        return result
