"""Runs published notebooks by their own tools and by hozon, cold and warm, and compares what they show.

    python tests/published/run.py [--only TEXT] [--format FORMAT] [--twice] [--live]

Prints a table. The exit code is 1 if a notebook differs that `list.toml` gives no reason for.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import comparing_marimo
import own_tools
from comparing import Shown, differences
from fetching import CACHE, folder_of
from listing import FORMATS, LIST, Notebook, notebooks

# Runs that go on at once are not in each other's way.
_WORK = CACHE / "work" / str(os.getpid())

# The formats whose own tools can have hozon inside.
_LIVE = ("jupyter", "marimo")

# What `run --json` calls cells that ran, in a warm run.
_RAN = ("ran", "ran, not stored", "failed", "stopped")


class Hozon(NamedTuple):
    """One run by hozon.

    Attributes:
        cells: As `--json` reports them.
        shown: What the code cells show.
        seconds: Of the whole process.
    """

    cells: list[dict[str, Any]]
    shown: list[Shown]
    seconds: float


class Result(NamedTuple):
    """How a notebook fared.

    Attributes:
        cold, warm: In what they differ: from the own tool, from the cold run.
        again: The cells that ran in the warm run, with what hozon says of it.
        unexpected: Those of `again` that had been stored by the cold run.
        own: In what the own tool differs from itself; only looked for if asked.
    """

    notebook: Notebook
    cells: int
    cold: list[str]
    warm: list[str]
    again: list[str]
    unexpected: list[str]
    own: list[str]
    seconds: tuple[float, float, float]

    @property
    def is_good(self) -> bool:
        """Whether it showed the same, cold and warm."""
        return not (self.cold or self.warm or self.unexpected)


def examine(notebook: Notebook, *, twice: bool, is_live: bool) -> Result:
    """Runs a notebook in all ways.

    Args:
        twice: Whether the own tool runs it a second time.
        is_live: Whether its own tool runs it for hozon as well, with hozon inside.
    """
    by_hozon = live if is_live else by_command
    source = folder_of(notebook.archive) / notebook.path
    begin = time.monotonic()
    own = own_tools.run(notebook.format, _fresh(source, notebook.format))
    own_seconds = time.monotonic() - begin
    again = own_tools.run(notebook.format, _fresh(source, notebook.format)) if twice else own
    path = _fresh(source, notebook.format)
    cold, warm = by_hozon(path, notebook.format), by_hozon(path, notebook.format)
    # What marimo itself shows, with hozon and without, is compared as it is.
    dresses = notebook.format == "marimo" and not is_live
    found = cold.shown if notebook.format != "script" else [of_script(cold.shown, path)]
    return Result(
        notebook,
        sum(cell["state"] != "text" for cell in cold.cells),
        (comparing_marimo.differences if dresses else differences)(own, found),
        differences(cold.shown, warm.shown),
        [_told(cell) for cell in warm.cells if _has_run(cell)],
        [_told(cell) for cell in _unexpected(cold.cells, warm.cells)],
        differences(own, again),
        (own_seconds, cold.seconds, warm.seconds),
    )


def _fresh(source: Path, form: str) -> Path:
    """A copy of a notebook and what stands beside it, where nothing has run yet.

    It is always in the same place, since paths are shown. Notebooks of marimo are alone: what stands beside
    them, they would import (`markdown.py`, `sql.py`).
    """
    folder = _WORK / form
    shutil.rmtree(folder, ignore_errors=True)
    if form == "marimo":
        folder.mkdir(parents=True)
        shutil.copy(source, folder)
    else:
        shutil.copytree(source.parent, folder, ignore=shutil.ignore_patterns("__pycache__", ".hozon"))
    (folder / "pyproject.toml").touch()
    return folder / source.name


def live(path: Path, form: str) -> Hozon:
    """A run by the own tool, with hozon switched on, with the store beside the notebook."""
    import live as sessions

    return Hozon(*{"jupyter": sessions.jupyter, "marimo": sessions.marimo}[form](path))


def by_command(path: Path, form: str) -> Hozon:
    """A run by the command, with the store beside the notebook."""
    out = path.parent.with_suffix(".ipynb")
    out.unlink(missing_ok=True)
    begin = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "hozon", "run", path.name, "--json", "--ipynb", str(out), "--store", ".hozon"],
        cwd=path.parent,
        env=own_tools.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * own_tools.LIMIT,
    )
    seconds = time.monotonic() - begin
    if done.returncode not in (0, 1) or not out.exists():
        raise RuntimeError(f"hozon run {path.name} ended with {done.returncode}:\n{done.stderr}")
    report = json.loads(done.stdout)
    notebook = json.loads(out.read_text())
    for cell, told in zip(notebook["cells"], report["cells"], strict=True):
        if told["state"] in ("cannot run", "skipped") and cell["cell_type"] == "code" and not cell["outputs"]:
            why = "; ".join(told["why"])
            cell["outputs"] = [{"output_type": "error", "ename": told["state"], "evalue": why}]
    if form == "marimo":
        # marimo has no other cells than those with code, be it none.
        shown = [own_tools.shown(cell.get("outputs", []), str(path.parent)) for cell in notebook["cells"]]
    else:
        shown = own_tools.of_notebook(notebook, path.parent)
    return Hozon(report["cells"], shown, seconds)


def of_script(cells: list[Shown], path: Path) -> Shown:
    """All that a script's cells write, as one text; figures are shown by hozon alone."""
    errors = [item for cell in cells for item in cell.displays if item[0] == "error"]
    stderr = "".join(cell.stderr for cell in cells)
    return Shown("".join(cell.stdout for cell in cells), own_tools.of_script(stderr, path), errors)


def _unexpected(cold: list[dict[str, Any]], warm: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Cells that ran again although the cold run had stored them and nothing before them is unstorable."""
    stored = {cell["number"] for cell in cold if cell["state"] == "ran"}
    return [cell for cell in warm if _has_run(cell) and cell["number"] in stored and not _is_needed(cell)]


def _has_run(cell: dict[str, Any]) -> bool:
    # Those that were restored are called stopped as well, but there is no reason why they would have run.
    return cell["state"] in _RAN and not (cell["state"] == "stopped" and not cell["why"])


def _is_needed(cell: dict[str, Any]) -> bool:
    """Whether a cell ran because another had to run that needs its values live; or in a live session, which has
    all values."""
    words = ("need", "only had by running", "only running", "magic commands", "stopped before")
    return any(word in line for line in cell["why"] for word in words)


def _told(cell: dict[str, Any]) -> str:
    return f"cell {cell['number']} ({cell['name']}) {cell['state']}: {'; '.join(cell['why'])}"


def told(result: Result) -> str:
    """A line of the table, and lines on what is not the same."""
    words = ["yes" if not result.cold else "NO", "yes" if not result.warm else "NO"]
    again = f"{len(result.again)} of {result.cells}"
    took = "/".join(f"{seconds:.1f}" for seconds in result.seconds)
    lines = [
        f"{result.notebook.format:8} {words[0]:4} {words[1]:4} {again:10} {took:16} {result.notebook.label}"
    ]
    for name in ("own", "cold", "warm", "unexpected"):
        lines += [f"    {name}: {difference}" for difference in getattr(result, name)[:8]]
    if os.environ.get("PUBLISHED_AGAIN"):
        lines += [f"    again: {line}" for line in result.again]
    if result.notebook.differs:
        lines.append(f"    listed: {result.notebook.differs}")
    return "\n".join(lines)


def summary(results: list[Result], failed: list[Notebook]) -> str:
    """How many of each format are the same."""
    lines = [f"{'format':8} {'run':>4} {'same cold':>10} {'same warm':>10} {'listed':>7} {'unlisted':>9}"]
    for form in FORMATS:
        of_form = [result for result in results if result.notebook.format == form]
        broken = [notebook for notebook in failed if notebook.format == form]
        lines.append(
            f"{form:8} {len(of_form) + len(broken):4} {sum(not r.cold for r in of_form):10} "
            f"{sum(not r.warm and not r.unexpected for r in of_form):10} "
            f"{sum(bool(r.notebook.differs) for r in of_form):7} "
            f"{sum(not r.is_good and not r.notebook.differs for r in of_form) + len(broken):9}"
        )
    return "\n".join(lines)


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="only notebooks whose package or path contains this text")
    parser.add_argument("--format", choices=FORMATS, help="only notebooks of this format")
    parser.add_argument("--list", type=Path, default=LIST, help="another list")
    parser.add_argument(
        "--twice", action="store_true", help="tell as well in what the own tool differs from itself"
    )
    parser.add_argument(
        "--live",
        action="store_true",
        help="run notebooks of Jupyter in IPython's kernel with `%%hozon on`, those of marimo in its own",
    )
    options = parser.parse_args()
    if options.live and options.format not in _LIVE:
        if options.format is not None:
            parser.error(f"--live: {options.format} has no session that hozon can be a part of")
        options.format = "jupyter"
    chosen = [
        notebook
        for notebook in notebooks(options.list.read_text(), is_live=options.live)
        if options.only in notebook.label and options.format in (None, notebook.format)
    ]
    results, failed = [], []
    print(f"{'format':8} {'cold':4} {'warm':4} {'ran again':10} {'own/cold/warm s':16} notebook", flush=True)
    for notebook in chosen:
        try:
            results.append(examine(notebook, twice=options.twice, is_live=options.live))
        except Exception as error:
            failed.append(notebook)
            print(f"{notebook.format:8} {notebook.label}: {type(error).__name__}: {error}", flush=True)
        else:
            print(told(results[-1]), flush=True)
    shutil.rmtree(_WORK, ignore_errors=True)
    print(summary(results, failed))
    return int(bool(failed) or any(not r.is_good and not r.notebook.differs for r in results))


if __name__ == "__main__":
    sys.exit(main())
