"""How long a notebook takes of which nothing is stale, as a whole process: interleaved runs, medians.

    make bench-notebooks            or: python benches/notebooks.py [--rounds 11] [--quick]

The targets: 30 realistic cells in 100 ms, 300 trivial ones in 150 ms, and ten cells that read a list of
300 000 elements no slower than Python runs the same file without a cache. Build for release first: what
`make setup` builds checks its own assumptions, and is slower.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

EXAMPLE = Path(__file__).parents[1] / "examples" / "notebook"
CELLS = 300
ELEMENTS = 300_000
READERS = 10

# What `hozon run` starts with, but for its own work; a script that is installed starts so, too.
START = "import sys; sys.argv[0] = 'hozon'; from hozon._command import main; sys.exit(main())"


class Case(NamedTuple):
    """A command that is timed, and the figure to reach, if there is one."""

    name: str
    command: list[str]
    folder: Path
    target: float | None = None


class Took(NamedTuple):
    """Seconds: by the clock, and of the processor."""

    wall: float
    processor: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--quick", action="store_true", help="three rounds, and less computing at first")
    options = parser.parse_args()
    rounds = 3 if options.quick else options.rounds
    with tempfile.TemporaryDirectory() as folder:
        cases = prepared(Path(folder), is_quick=options.quick)
        environment = surroundings(Path(folder))
        for case in cases:
            # Stores what there is to be stored, and writes bytecode.
            once(case, environment)
        times: dict[str, list[Took]] = {case.name: [] for case in cases}
        for _ in range(rounds):
            for case in cases:
                times[case.name].append(once(case, environment))
    report(cases, times)


def prepared(folder: Path, *, is_quick: bool) -> list[Case]:
    """Writes the notebooks. The cases in the order in which they are timed."""
    run = [sys.executable, "-c", START, "run", "--quiet"]
    example = folder / "example"
    shutil.copytree(EXAMPLE, example, ignore=shutil.ignore_patterns("__pycache__", ".hozon"))
    if is_quick:
        text = (example / "analysis.py").read_text()
        (example / "analysis.py").write_text(
            text.replace("DAYS = 366", "DAYS = 40").replace("2_000_000", "9")
        )
    trivial = written(folder / "trivial", [f"x{number} = {number}" for number in range(CELLS)])
    readers = [f"print(sum(values[{number}::7]))" for number in range(READERS)]
    large = written(folder / "list", [f"values = [n % 1000 for n in range({ELEMENTS})]", *readers])
    return [
        Case("python -c pass", [sys.executable, "-c", "pass"], folder),
        Case("hozon --version", [sys.executable, "-c", START, "--version"], folder),
        Case("30 realistic cells, warm", [*run, "analysis.py"], example, 0.100),
        Case(f"{CELLS} trivial cells, warm", [*run, "notebook.py"], trivial, 0.150),
        Case("a long list and its readers, warm", [*run, "notebook.py"], large),
        Case("the same, by Python alone", [sys.executable, "notebook.py"], large),
    ]


def written(folder: Path, cells: list[str]) -> Path:
    """A percent script in a folder of its own."""
    folder.mkdir()
    (folder / "notebook.py").write_text("".join(f"# %%\n{cell}\n\n" for cell in cells))
    return folder


def surroundings(folder: Path) -> dict[str, str]:
    """The variables of the runs: a seal key of their own, bytecode as installed programs have it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOZON_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"HOZON_HOME": str(folder / "home")}


def once(case: Case, environment: dict[str, str]) -> Took:
    """Runs a case as a whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(case.command, cwd=case.folder, env=environment, capture_output=True, check=False)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr.decode()
    return Took(wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def report(cases: list[Case], times: dict[str, list[Took]]) -> None:
    """Prints a table of medians in milliseconds."""
    print(f"{'':36}{'median':>10}{'least':>10}{'processor':>12}{'target':>10}")
    for case in cases:
        walls = [took.wall * 1000 for took in times[case.name]]
        processor = statistics.median(took.processor * 1000 for took in times[case.name])
        target = "" if case.target is None else f"{case.target * 1000:.0f}"
        print(
            f"{case.name:36}{statistics.median(walls):10.1f}{min(walls):10.1f}{processor:12.1f}{target:>10}"
        )
    warm, plain = (statistics.median(took.wall for took in times[case.name]) for case in cases[-2:])
    print(f"\nthe long list: warm takes {warm / plain:.2f} of what Python takes (target: at most 1)")


if __name__ == "__main__":
    main()
