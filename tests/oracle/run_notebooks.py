"""Runs notebooks with a store that lasts and without one, edit after edit, and compares all that they show.

    python tests/oracle/run_notebooks.py --edits 2000 --seed 1 [--jobs 2]
    python tests/oracle/run_notebooks.py --by-hand
    python tests/oracle/run_notebooks.py --edits 500 --live

The truth is plain Python: the cells one after the other in one namespace. Where a cell fails, and for marimo, it is
a run with an empty store: what a failure stops is a matter of notebooks. Each has a folder of its own, so that what
a run leaves behind is there at its next. A notebook that does not give the same twice in a row, since an edit took
its seed away, is left as it was before. Ends with 1 if anything was different, or if anything that is stored ran
after a harmless edit, or at a second run without any edit.

To be quick, the command and the process of the cells are forks of this process, which has loaded both and used them
for nothing. One notebook of so many (`REAL_ONES`) has its cells in a process that is started as always.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))
from oracle.notebooks import FILES, IMPORTS, Notebook, State, notebook
from oracle.notebooks_by_hand import KNOWN, NOTEBOOKS
from oracle.run import Tally

EDITS_A_NOTEBOOK = 20
EDITS_A_LINE = 50
MOST_SECONDS = 30
REAL_ONES = 8
RAN = "ran"


class Seen(NamedTuple):
    """What one cell shows: its text, its errors, the value of its last expression."""

    out: str = ""
    err: str = ""
    result: str = ""
    error: str = ""


@dataclass
class Shown:
    """What a run shows: its cells, the files that it left, and which cells ran and were stored."""

    cells: list[Seen]
    files: dict[str, str] = field(default_factory=dict)
    ran: list[int] = field(default_factory=list)
    fault: str = ""

    def fails(self) -> bool:
        return any(cell.error for cell in self.cells)

    def same_as(self, other: Shown) -> bool:
        return not self.fault and (self.cells, self.files) == (other.cells, other.files)


class Folders(NamedTuple):
    """Where a notebook lies: with a store that lasts, with none, and with an empty one at each run."""

    cached: Path
    plain: Path
    fresh: Path


def in_fork(folder: Path, environment: dict[str, str], work: Callable[[], Any]) -> Any:
    """What a function gives in a process of its own, in a folder; a text if it fails."""
    answer = folder.parent / "answer.json"
    answer.unlink(missing_ok=True)
    process = os.fork()
    if process:
        status = _wait(process)
        return json.loads(answer.read_text()) if answer.exists() else f"ended without an answer: {status}"
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        os.environ.pop("MODE", None)
        os.environ.update(environment)
        try:
            found = work()
        except BaseException:
            found = traceback.format_exc()
        answer.write_text(json.dumps(found))
    finally:
        os._exit(0)


def _wait(process: int) -> int:
    end = time.monotonic() + MOST_SECONDS
    while (ended := os.waitpid(process, os.WNOHANG)) == (0, 0):
        if time.monotonic() > end:
            os.kill(process, 9)
        time.sleep(0.002)
    return os.waitstatus_to_exitcode(ended[1])


# --- plain Python


def plain_cells(cells: tuple[str, ...], seed: int) -> list[Seen]:
    """Runs cells as a person who types them would, and gives what each shows."""
    import ast

    # How values look is a matter of hosts, and is tested with them.
    from hozon._mime import plain_text

    sys.path.insert(0, os.getcwd())
    main = sys.modules["__main__"] = type(sys)("__main__")
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    vars(main)["display"] = lambda value: shown.append(plain_text(value, "jupyter"))
    found = []
    for cell in cells:
        shown: list[str] = []
        out, err = io.StringIO(), io.StringIO()
        error = ""
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                tree = ast.parse(cell)
                last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
                exec(compile(tree, "cell", "exec"), vars(main))
                if isinstance(last, ast.Expr):
                    value = eval(compile(ast.Expression(last.value), "cell", "eval"), vars(main))
                    if value is not None and not _is_suppressed(cell):
                        shown.append(plain_text(value, "jupyter"))
            except Exception as raised:
                error = f"{type(raised).__name__}: {raised}"
        found.append(Seen(out.getvalue(), err.getvalue(), "\n".join(shown), error))
    return found


def _is_suppressed(cell: str) -> bool:
    from tokenize import COMMENT, ENDMARKER, NEWLINE, NL, generate_tokens

    tokens = generate_tokens(io.StringIO(cell).readline)
    words = [token.string for token in tokens if token.type not in (COMMENT, NL, NEWLINE, ENDMARKER)]
    return bool(words) and words[-1] == ";"


def run_plain(folder: Path, made: Notebook, seed: int) -> Shown:
    environment = dict(made.state.environment)
    answer = in_fork(folder, environment, lambda: plain_cells(made.state.cells, seed))
    if isinstance(answer, str):
        return Shown([], fault=answer)
    return Shown([Seen(*cell) for cell in answer], left(folder))


# --- hozon


def run_hozon(folder: Path, made: Notebook, *arguments: str, is_real: bool = False) -> Shown:
    environment = {**dict(made.state.environment), "HOZON_HOME": str(folder.parent / "home")}
    answer = in_fork(folder, environment, lambda: command(arguments, is_real))
    report = folder / "report.json"
    if isinstance(answer, str):
        return Shown([], fault=answer)
    try:
        states = json.loads(report.read_text())["cells"]
        cells = json.loads((folder / "shown.ipynb").read_text())["cells"]
    except (OSError, ValueError) as error:
        return Shown([], fault=f"{error}: {(folder / 'messages.txt').read_text()[-2000:]}")
    ran = [state["number"] for state in states if state["state"] == RAN]
    return Shown([_seen(cell["outputs"]) for cell in cells], left(folder), ran)


def command(arguments: tuple[str, ...], is_real: bool) -> int:
    from hozon import _notebooks
    from hozon._command import main

    if not is_real:
        _notebooks._started = start_by_fork
    for name, descriptor in (("report.json", 1), ("messages.txt", 2)):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
    sys.argv = ["hozon", "run", "notebook.py", "--json", "--ipynb", "shown.ipynb", *arguments]
    return main()


def _seen(outputs: list[dict[str, Any]]) -> Seen:
    parts: dict[str, list[str]] = {"stdout": [], "stderr": [], "result": [], "error": []}
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream":
            parts[output["name"]].append("".join(output["text"]))
        elif kind == "error":
            parts["error"].append(f"{output['ename']}: {output['evalue']}")
        else:
            parts["result"].append("".join(output["data"].get("text/plain", str(output["data"]))))
    return Seen(*("".join(parts[name]) for name in ("stdout", "stderr")), *("\n".join(parts[name]) for name in ("result", "error")))  # fmt: skip


def left(folder: Path) -> dict[str, str]:
    """The files that cells write."""
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("out_*.txt"))}


class ForkedProcess:
    """What `subprocess.Popen` is of the process of the cells, for a fork of this one."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float = MOST_SECONDS) -> int:
        end = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("kernel", timeout)
            time.sleep(0.001)
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        os.kill(self.pid, 9)


def start_by_fork(errors: int) -> tuple[Any, int, int]:
    """As `hozon._notebooks._started`."""
    from hozon import _descriptors, _kernel, _sources, _streams

    reads, writing = os.pipe()
    reading, writes = os.pipe()
    output = _descriptors.appending_file()
    process = os.fork()
    if not process:
        try:
            os.setsid()
            for source, descriptor in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (errors, 2)):
                os.dup2(source, descriptor)
            os.close(writing)
            os.close(reading)
            # What the driver has imported is as old as this process.
            _sources._process_start = time.time()
            _streams._is_child = False
            # What is done at the end of this process is not the other's.
            atexit._clear()
            _kernel.main([str(reads), str(writes)])
        finally:
            os._exit(70)
    for descriptor in (reads, writes, output):
        os.close(descriptor)
    return ForkedProcess(process), writing, reading


# --- one notebook


def write(folders: Iterable[Path], files: dict[str, str], before: dict[str, str]) -> None:
    for folder in folders:
        for name in before.keys() - files.keys():
            (folder / name).unlink(missing_ok=True)
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_text() != text or name == "data.txt":
                path.write_text(text)


@dataclass
class Trial:
    """One notebook under edits."""

    seed: int
    edits: int
    folders: Folders
    made: Notebook
    tally: Tally = field(default_factory=Tally)
    history: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    def go(self) -> Tally:
        rng = random.Random(self.seed)
        if not self._runs(harmless=False):
            return self.tally
        tried = 0
        while self.tally.edits < self.edits and tried < 3 * self.edits:
            tried += 1
            what, is_harmless = self.made.edit(rng)
            self.history.append(what)
            if not self._runs(harmless=is_harmless):
                return self.tally
        return self.tally

    def _runs(self, *, harmless: bool) -> bool:
        """Runs the notebook as it is. False: it shows something else than it should."""
        made, folders = self.made, self.folders
        files = made.files()
        write(folders, files, self.files)
        self.files = files
        truth = run_plain(folders.plain, made, 1)
        if "random" in made.text() and run_plain(folders.plain, made, 2).cells != truth.cells:
            self._take_back()
            return True
        left_before = left(folders.cached)
        warm = run_hozon(folders.cached, made, is_real=self.seed % REAL_ONES == 0)
        if made.is_marimo or truth.fails():
            # What cells have written that are gone is still there; and nothing has run in this folder for it.
            write((folders.fresh,), left_before, left(folders.fresh))
            truth = run_hozon(
                folders.fresh, made, "--store", str(folders.fresh / f"store_{len(self.history)}")
            )
        self.tally.edits += 1
        if not warm.same_as(truth):
            self.tally.failures += 1
            self._report("DIFFERENT", warm, truth)
            return False
        again = run_hozon(folders.cached, made)
        if not again.same_as(warm):
            self.tally.failures += 1
            self._report("DIFFERENT WITHOUT AN EDIT", again, warm)
            return False
        if made.writes_a_file_twice():
            return True
        for ran, what in ((warm.ran if harmless else [], "harmless"), (again.ran, "no edit")):
            self.tally.harmless += harmless or what == "no edit"
            self.tally.harmless_hits += (harmless or what == "no edit") and not ran
            if ran:
                last = self.history[-1:] if harmless else []
                print(
                    f"needless: --one {self.seed} --edits {self.tally.edits}: {what} {last}: cells {ran}",
                    flush=True,
                )
        return True

    def _take_back(self) -> None:
        if self.made.earlier:
            self.made.take_back(1)
            self.made.earlier.pop()
            self.history.append("taken back: it does not give the same twice")
            write(self.folders, self.made.files(), self.files)
            self.files = self.made.files()

    def _report(self, what: str, got: Shown, wanted: Shown) -> None:
        lines = [
            f"\n{what}: python tests/oracle/run_notebooks.py --one {self.seed} --edits {self.tally.edits}"
        ]
        lines += [f"    {edit}" for edit in self.history[-4:]]
        if got.fault or wanted.fault:
            lines += [f"  faults: {got.fault!r} {wanted.fault!r}"]
        for number, cells in enumerate(zip(got.cells, wanted.cells, strict=False), 1):
            if cells[0] != cells[1]:
                lines += [f"  cell {number}: {cells[0]}", f"     instead of {cells[1]}"]
        if got.files != wanted.files:
            lines += [f"  files: {got.files} instead of {wanted.files}"]
        lines += [f"  ---- ran {got.ran}", *(f"  {line}" for line in self.made.text().splitlines() if line)]
        print("\n".join(lines), flush=True)


class LiveTrial(Trial):
    """One notebook under edits, in sessions of IPython: with `%hozon on` and without. Some cells run again
    later, or out of their order."""

    def _runs(self, *, harmless: bool) -> bool:
        folders, made = self.folders, self.made
        files = made.files()
        write(folders[:2], files, self.files)
        self.files = files
        cells = self._sequence()
        truth = self._session(folders.plain, ["None", *cells], 1)
        if "random" in made.text() and self._session(folders.plain, ["None", *cells], 2).cells != truth.cells:
            self._take_back()
            return True
        for seed in (3, 4):
            live = self._session(folders.cached, ["%load_ext hozon\n%hozon on", *cells], seed)
            if not live.same_as(truth):
                self.tally.failures += 1
                self._report("DIFFERENT", live, truth)
                return False
        self.tally.edits += 1
        return True

    def _sequence(self) -> list[str]:
        rng = random.Random(self.seed)
        cells = list(self.made.state.cells)
        for _ in range(rng.randrange(4)):
            place = rng.randrange(1, len(cells))
            cells.insert(rng.randrange(place, len(cells) + 1), cells[place])
        return cells

    def _session(self, folder: Path, cells: list[str], seed: int) -> Shown:
        environment = {**dict(self.made.state.environment), "HOZON_HOME": str(folder.parent / "home")}
        answer = in_fork(folder, environment, lambda: live_cells(cells, seed))
        if isinstance(answer, str):
            return Shown([], fault=answer)
        return Shown([Seen(*cell) for cell in answer[1:]], left(folder))


def live_cells(cells: list[str], seed: int) -> list[Seen]:
    from hosts.prompt import run_cells

    sys.path.insert(0, os.getcwd())
    random.seed(seed)
    found = []
    for cell in run_cells(cells)["cells"]:
        parts = dict.fromkeys(("stdout", "stderr", "value", "display"), "")
        for kind, shown, *_ in cell["shown"]:
            if kind in parts:
                parts[kind] += shown if isinstance(shown, str) else str(shown.get("text/plain", shown))
        result = parts["value"] + parts["display"] + cell["out"]
        found.append(Seen(parts["stdout"], parts["stderr"], result, cell["error"] or ""))
    return found


def try_live(seed: int, edits: int, keep: str | None = None) -> Tally:
    """Runs one notebook and its edits in sessions of IPython."""
    return try_notebook(seed, edits, keep, LiveTrial)


def try_notebook(seed: int, edits: int, keep: str | None = None, kind: type[Trial] = Trial) -> Tally:
    """Runs one notebook and its edits, the store kept from one to the next."""
    with tempfile.TemporaryDirectory(prefix="oracle-", ignore_cleanup_errors=True) as place:
        home = Path(keep or place)
        folders = Folders(*(home / name / "project" for name in Folders._fields))
        for folder in folders:
            folder.mkdir(parents=True)
        return kind(seed, edits, folders, notebook(seed)).go()


def try_by_hand(name: str) -> str:
    """Runs a notebook of `notebooks_by_hand.py` and its edit. Gives what was different, or nothing."""
    cells, place, edited = NOTEBOOKS[name]
    state = State(tuple(cells), FILES)
    made = Notebook(state, [], is_marimo=False, shows_calls=False)
    with tempfile.TemporaryDirectory(prefix="oracle-") as home:
        folders = Folders(*(Path(home, part, "project") for part in Folders._fields))
        for folder in folders:
            folder.mkdir(parents=True)
        write(folders, made.files(), {})
        run_hozon(folders.cached, made)
        made.state = state.with_cell(place, edited)
        write(folders, made.files(), {})
        truth, warm = run_plain(folders.plain, made, 1), run_hozon(folders.cached, made)
        return "" if warm.same_as(truth) else f"{name}: {warm} instead of {truth}"


def run_by_hand(jobs: int) -> int:
    with ProcessPoolExecutor(jobs, mp_context=get_context("fork")) as pool:
        found = dict(zip(NOTEBOOKS, pool.map(try_by_hand, NOTEBOOKS), strict=True))
    wrong = [what for name, what in found.items() if what and name not in KNOWN]
    mended = [f"{name}: shows what it should: no longer KNOWN" for name in KNOWN if not found[name]]
    print(*wrong, *mended, f"{len(found)} notebooks by hand: {len(wrong)} different", sep="\n")
    return int(bool(wrong or mended))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one", type=int, help="the seed of one notebook, as a failure prints it")
    parser.add_argument("--keep", help="a new folder for that notebook, which is left behind")
    parser.add_argument("--by-hand", action="store_true", help="the notebooks of notebooks_by_hand.py")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--live", action="store_true", help="in sessions of IPython with `%%hozon on`")
    options = parser.parse_args()
    attempt = try_live if options.live else try_notebook
    os.environ.update({"HOZON_DISABLE": "", "PYTHONDONTWRITEBYTECODE": "1"})
    prepare()
    if options.one is not None:
        tally = attempt(options.one, options.edits, options.keep)
        print(tally)
        return int(tally.failures > 0)
    if options.by_hand:
        return run_by_hand(options.jobs)
    rounds = -(-options.edits // EDITS_A_NOTEBOOK)
    edits = min(options.edits, EDITS_A_NOTEBOOK)
    seeds = [options.seed * 1_000_000 + number for number in range(rounds)]
    total, started = Tally(), time.monotonic()
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("fork")) as pool:
        for tally in pool.map(attempt, seeds, [edits] * rounds):
            total.add(tally)
            if total.edits // EDITS_A_LINE > (total.edits - tally.edits) // EDITS_A_LINE:
                print(f"after {time.monotonic() - started:.0f} s, {total}", flush=True)
    print(f"{rounds} notebooks in {time.monotonic() - started:.0f} s, {total}")
    return int(total.failures > 0 or total.harmless_hits < total.harmless)


def prepare() -> None:
    """Loads what forks need, so that each need not."""
    sys.dont_write_bytecode = True
    with contextlib.suppress(ImportError):
        import numpy  # noqa: F401
    import hozon._cells
    import hozon._command
    import hozon._hosting
    import hozon._kernel
    import hozon._notebooks
    import hozon._pickling
    import hozon.hosts._ipython  # noqa: F401

    exec(IMPORTS.partition("\n")[0], {})


if __name__ == "__main__":
    sys.exit(main())
