"""hozon beside other caches: `make bench`. One run, the peers taking turns, each measure in a fresh process.

    python benches/peers/run.py [--only REGEX] [--peers A,B] [--rounds N] [--out FOLDER]

Prints a table of medians, one of memory, and which figures are met; writes `results.json`, `table.md` and
`plot.svg`. Build for release first, as `make bench` does.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import reporting
from peers import PEERS
from workloads import WORKLOADS, Workload

HERE = Path(__file__).parent

# A measure that takes longer is none: seconds.
LIMIT = 60.0


class Row:
    """What was measured for one workload.

    Attributes:
        seconds, megabytes: The measures of each peer.
        missing: Why there are none.
    """

    def __init__(self, name: str, workload: Workload) -> None:
        self.name, self.workload = name, workload
        self.seconds: dict[str, list[float]] = {}
        self.megabytes: dict[str, list[float]] = {}
        self.missing: dict[str, str] = {}

    def add(self, peer: str, answer: dict[str, Any]) -> None:
        if "missing" in answer:
            self.missing[peer] = answer["missing"]
        elif "seconds" in answer:
            self.seconds.setdefault(peer, []).append(answer["seconds"])
            self.megabytes.setdefault(peer, []).append(answer["megabytes"])

    def median(self, peer: str) -> float | None:
        found = self.seconds.get(peer)
        return statistics.median(found) if found and peer not in self.missing else None

    def memory(self, peer: str) -> float | None:
        found = self.megabytes.get(peer)
        return max(found) if found and peer not in self.missing else None


def asked(name: str, peer: str, folder: Path, step: str) -> dict[str, Any]:
    """Runs one step in a fresh process."""
    command = [sys.executable, str(HERE / "measure.py"), name, peer, str(folder / "store"), step]
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("HOZON_")},
        "HOZON_HOME": str(folder / "home"),
        "BENCH_FOLDER": str(folder),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        return {"missing": f"it took more than {LIMIT:.0f} s"}
    try:
        answer = json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        return {"missing": f"it ended with {done.returncode}: {done.stderr[-200:]}"}
    return answer  # type: ignore[no-any-return]


def measured(name: str, workload: Workload, peers: list[str], rounds: int | None, scratch: Path) -> Row:
    """One row: the peers take turns."""
    row = Row(name, workload)
    stores = {}
    for peer in peers:
        stores[peer] = Path(tempfile.mkdtemp(dir=scratch))
        if workload.prepare is not None:
            row.add(peer, asked(name, peer, stores[peer], "prepare"))
    measuring = [*peers, *(["floor"] if workload.floor else [])]
    for _ in range(rounds or workload.rounds):
        for peer in measuring:
            if peer in row.missing:
                continue
            with tempfile.TemporaryDirectory(dir=scratch) as fresh:
                folder = stores.get(peer) if workload.prepare is not None else None
                row.add(peer, asked(name, peer, folder or Path(fresh), "measure"))
    for folder in stores.values():
        shutil.rmtree(folder, ignore_errors=True)
    return row


def import_row(peers: list[str], rounds: int) -> Row:
    """What an import takes over bare Python."""
    row = Row("import", Workload("import, over bare Python", _no_measure, at_most_seconds=25e-3))
    for _ in range(rounds):
        bare = _seconds_of("pass")
        for peer in peers:
            if PEERS[peer].imported:
                taken = _seconds_of(PEERS[peer].imported)
                row.add(peer, {"seconds": max(taken - bare, 0.0), "megabytes": 0.0})
    return row


def _no_measure(peer: Any) -> Any:
    raise AssertionError("it is timed from outside")


def _seconds_of(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return time.perf_counter() - started


def notebook_rows(scratch: Path, rounds: int) -> Iterator[Row]:
    """Notebooks of which nothing is stale, as whole processes; the floor is Python without a cache."""
    sys.path.insert(0, str(HERE.parent))
    import notebooks

    environment = notebooks.surroundings(scratch)
    for case in notebooks.prepared(Path(tempfile.mkdtemp(dir=scratch)), is_quick=False):
        if case.target is None:
            continue
        title = f"notebook, {case.name}, whole process"
        plain = notebooks.Case(case.name, [sys.executable, case.command[-1]], case.folder)
        workload = Workload(
            title, _no_measure, floor_title="Python, nothing cached", at_most_seconds=case.target
        )
        row = Row(f"notebook {case.name}", workload)
        notebooks.once(case, environment)
        for _ in range(rounds):
            row.add("hozon", {"seconds": notebooks.once(case, environment).wall, "megabytes": 0.0})
        for _ in range(3):
            row.add("floor", {"seconds": notebooks.once(plain, environment).wall, "megabytes": 0.0})
        yield row


def machine() -> str:
    """Processor, system and versions."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*: (.*)", info.read_text()) if info.exists() else []
    versions = [f"{name} {cache.version()}" for name, cache in PEERS.items() if cache.version()]
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    date = datetime.date.today().isoformat()
    processor = names[0] if names else platform.machine()
    return f"{date}: {processor}, {os.cpu_count()} cores, {system}; {', '.join(dict.fromkeys(versions))}"


def rows(options: argparse.Namespace, peers: list[str], scratch: Path) -> Iterator[Row]:
    if re.search(options.only, "import"):
        yield import_row(peers, options.rounds or 11)
    for name, workload in WORKLOADS.items():
        if re.search(options.only, name):
            yield measured(name, workload, peers, options.rounds, scratch)
    if re.search(options.only, "notebook"):
        yield from notebook_rows(scratch, options.rounds or 9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="a regular expression that finds names of workloads")
    parser.add_argument("--peers", default=",".join(PEERS), help="names, with commas")
    parser.add_argument("--rounds", type=int, help="instead of each workload's own number")
    parser.add_argument("--out", type=Path, default=Path("target/bench"), help="where results are written")
    options = parser.parse_args()
    peers = [name for name in options.peers.split(",") if PEERS[name].version() is not None]
    absent = sorted(set(options.peers.split(",")) - set(peers))
    print(machine(), *([f"not installed: {', '.join(absent)}"] if absent else []), "", sep="\n")
    found = []
    with tempfile.TemporaryDirectory(prefix="hozon-bench-") as scratch:
        print(reporting.head(peers))
        for row in rows(options, peers, Path(scratch)):
            found.append(row)
            print(reporting.line(row, peers), flush=True)
            # A run takes most of an hour: what is measured is kept even if the rest never comes.
            reporting.write(options.out, machine(), found, peers)
    print(reporting.rest(found, peers))


if __name__ == "__main__":
    main()
