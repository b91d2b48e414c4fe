"""How a store behaves as it grows: `make bench-scale`. Entries from a thousand to a million, 100 GB of blobs,
64 processes at once.

    python benches/scale.py [--entries 1000,10000,100000] [--blobs 100] [--processes 64] [--rounds 5]

A million entries take some minutes to write, 1.1 million inodes and 5 GB: `--entries 1000,1000000`. The
targets: a hit and a put take at most twice what they take beside a thousand entries, and in processes that
work at once no call fails and every key is computed once.

Each measure is taken in a fresh process, the stores taking turns, so that what else the machine does falls on
all of them; the ratios are what to go by. Entries are written through the store's own `put`, with the key and
the recipe of a real call, so that calls are hits. Build for release first, as `make bench-scale` does.
"""

from __future__ import annotations

import argparse
import datetime
import json
import mmap
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# The cached functions: what they give is small, and made in no time.
SUBJECT = """
import time
import hozon

@hozon.persistent_cache
def f(x):
    return {"x": x, "squares": [x * x + i for i in range(20)]}

@hozon.persistent_cache
def slow(x):
    time.sleep(0.002)
    return {"x": x}

@hozon.persistent_cache
def large(x):
    raise AssertionError("it is stored")
"""

START = "import sys; sys.argv[0] = 'hozon'; from hozon._command import main; sys.exit(main())"

# Calls of one measure: enough for a median, few enough to touch no entry twice in a thousand.
CALLS = 150
KEYS_TOGETHER = 100
GIGABYTE = 1 << 30


# In the measured process.


def cached(name: str) -> Any:
    """What the wrapper of a function of the subject closes over."""
    import subject

    return getattr(subject, name).__closure__[0].cell_contents


def fill(first: int, last: int) -> dict[str, Any]:
    """Stores the results of `f` for these arguments, as a run of each would."""
    import pickle

    import subject

    function = cached("f")
    store = function.store()
    for x in range(first, last):
        keyed = function.computation.keyed((x,), {})
        outputs = [("", "pickle", pickle.dumps(subject.f.__wrapped__(x), 5), [])]
        store.put(
            keyed.key,
            keyed.recipe(),
            None,
            f"{function.name}_{x % 50}" if x % 10 else function.name,
            "function",
            "subject.py:5",
            1e-4,
            outputs,
            [],
        )
    return {}


def fill_large(first: int, last: int) -> dict[str, Any]:
    """Stores results of a gigabyte each; all but a page of each blob then is a hole, which takes no disk."""
    function = cached("large")
    store = function.store()
    blobs = Path(store_folder(), "v1", "blobs")
    for x in range(first, last):
        keyed = function.computation.keyed((x,), {})
        # Private: what nobody has written to is one page of zeros.
        with mmap.mmap(-1, GIGABYTE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
            memory[:8] = x.to_bytes(8, "little")
            payload, buffers = pickled(memory)
            before = set(blobs.glob("*/*"))
            outputs = [("", "pickle", payload, buffers)]
            store.put(keyed.key, keyed.recipe(), None, "large", "function", "", 1.0, outputs, [])
            del outputs, buffers
            for path in set(blobs.glob("*/*")) - before:
                if path.stat().st_size == GIGABYTE:
                    dig(path)
    return {}


def pickled(memory: mmap.mmap) -> tuple[bytes, list[tuple[Any, bool]]]:
    """A memory view's payload, and the memory out of band."""
    import pickle

    buffers: list[pickle.PickleBuffer] = []
    payload = pickle.dumps(pickle.PickleBuffer(memory), 5, buffer_callback=buffers.append)
    return payload, [(buffer, False) for buffer in buffers]


def dig(path: Path) -> None:
    """Makes holes of the zeros of a file: the same bytes without the disk."""
    mode = path.stat().st_mode
    path.chmod(0o600)
    page = mmap.PAGESIZE
    subprocess.run(
        ["fallocate", "--punch-hole", "--offset", str(page), "--length", str(GIGABYTE - page), str(path)],
        check=True,
    )
    path.chmod(mode)


def store_folder() -> str:
    return str(cached("f").options.folder)


def first_hit(x: int) -> dict[str, Any]:
    """From the end of the import to the first result."""
    import subject

    subject.f.__wrapped__(x)
    started = time.perf_counter()
    subject.f(x)
    return {"first hit": time.perf_counter() - started, **all_hits(1)}


def opening(_: int) -> dict[str, Any]:
    """The store alone."""
    from hozon._hozon import Store
    from hozon._runtime import seal_key_file

    folder, key = store_folder(), seal_key_file()
    started = time.perf_counter()
    Store(folder, key)
    return {"opening": time.perf_counter() - started}


def hits(start: int) -> dict[str, Any]:
    """Calls whose results are on the disk and not in memory."""
    import subject

    subject.f(start)
    times = timed(subject.f, range(start + 1, start + 1 + CALLS))
    return {"hit": statistics.median(times), **all_hits(CALLS + 1)}


def puts(start: int) -> dict[str, Any]:
    """Calls that run and whose results are stored; and the writing of what was counted, at the end."""
    import subject

    subject.f(start)
    times = timed(subject.f, range(start + 1, start + 1 + CALLS))
    started = time.perf_counter()
    cached("f").store().flush()
    ended = time.perf_counter()
    return {"put": statistics.median(times), "flush at the end": ended - started}


def info(start: int) -> dict[str, Any]:
    """What a function tells of itself: how many results it has, too."""
    import subject

    subject.f(start)
    started = time.perf_counter()
    subject.f.cache_info()
    return {"cache_info()": time.perf_counter() - started}


def large_hits(start: int) -> dict[str, Any]:
    """The first gigabyte is checked in full by the first process that reads it; later ones map it."""
    import subject

    times = timed(subject.large, range(start, start + 5))
    return {"hit of a gigabyte": statistics.median(times)}


def timed(call: Callable[[int], Any], arguments: range) -> list[float]:
    times = []
    for x in arguments:
        started = time.perf_counter()
        call(x)
        times.append(time.perf_counter() - started)
    return times


def all_hits(expected: int) -> dict[str, Any]:
    hits, misses, _ = cached("f").store().totals()
    assert (hits, misses) == (expected, 0), f"{hits} hits and {misses} misses instead of {expected} hits"
    return {}


def together(number: int, what: str, go: str) -> dict[str, Any]:
    """One of many processes at once: when it began and ended, and how many results it computed."""
    import subject

    if what == "the same keys":
        arguments = list(range(KEYS_TOGETHER))
        function = subject.slow
    else:
        # Negative ones are nowhere else.
        arguments = [-1 - number * KEYS_TOGETHER - i for i in range(KEYS_TOGETHER)]
        function = subject.f
    # What the first run of a process loads is no part of it.
    function(1_000_000 + number)
    store = cached("f").store()
    before = store.totals()[1]
    Path(f"{go}.{number}").touch()
    while not os.path.exists(go):
        time.sleep(0.002)
    started = time.time()
    wrong = [x for x in arguments if function(x)["x"] != x]
    ended = time.time()
    computed = store.totals()[1] - before
    return {"started": started, "ended": ended, "computed": computed, "wrong": len(wrong)}


STEPS: dict[str, Callable[..., dict[str, Any]]] = {
    step.__name__: step
    for step in (fill, fill_large, first_hit, opening, hits, puts, info, large_hits, together)
}


def step(name: str, *given: str) -> None:
    """Runs one step in this process; its last line is JSON."""
    import warnings

    sys.path.insert(0, os.getcwd())
    # Nothing may go wrong silently.
    warnings.simplefilter("error")
    arguments = [int(text) if text.lstrip("-").isdigit() else text for text in given]
    print(json.dumps(STEPS[name](*arguments)), flush=True)


# In the process that asks.


class Project:
    """A folder with a store of so many entries."""

    def __init__(self, scratch: Path, name: str, entries: int) -> None:
        self.folder, self.entries = scratch / name, entries
        self.folder.mkdir()
        (self.folder / "pyproject.toml").touch()
        (self.folder / "subject.py").write_text(SUBJECT)
        # Arguments that are not stored.
        self.fresh = 1_000_000_000
        self.random = random.Random(entries)

    def command(self, name: str, *given: object) -> list[str]:
        return [sys.executable, str(Path(__file__).resolve()), "--step", name, *map(str, given)]

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HOZON_")}
        kept.pop("PYTHONDONTWRITEBYTECODE", None)
        return {**kept, "HOZON_HOME": str(self.folder / "home")}

    def start(self, name: str, *given: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(name, *given),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ask(self, name: str, *given: object) -> dict[str, Any]:
        return answer_of(self.start(name, *given))

    def fill(self) -> float:
        """Writes the entries, by two processes."""
        started = time.perf_counter()
        half = self.entries // 2
        # Before both, so that one of them makes the seal key and the bytecode.
        self.ask("fill", 0, 1)
        halves = [self.start("fill", 0, half), self.start("fill", half, self.entries)]
        for process in halves:
            answer_of(process)
        # What the system still has to write would be a part of what is measured next.
        os.sync()
        return time.perf_counter() - started

    def warm(self, start: int) -> None:
        """Has the system read the folders, and what the hits will read. The files of a small store are in its
        memory anyway, those of a large one are not: the disk's part is for `--cold` to tell."""
        for shard in (self.folder / ".hozon" / "v1" / "entries").iterdir():
            os.listdir(shard)
        self.ask("hits", start)

    def measures(self, *, is_cold: bool = False) -> dict[str, float]:
        """One of each."""
        start = self.random.randrange(self.entries - 2 * CALLS)
        self.warm(start)
        found = self.ask("opening", 0) | self.ask("first_hit", start) | self.ask("hits", start)
        found |= self.ask("puts", self.fresh)
        self.fresh += 2 * CALLS
        if is_cold:
            os.sync()
            Path("/proc/sys/vm/drop_caches").write_text("3")
            start = self.random.randrange(self.entries - 2 * CALLS)
            found["hit, all from the disk"] = self.ask("hits", start)["hit"]
        return found

    def of_command(self, *words: str) -> tuple[float, float] | None:
        """Seconds and megabytes of a command; None where there is none of that name."""
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", START, *words],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        return None if status else (seconds, used.ru_maxrss / 1024)


def answer_of(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate()
    if process.returncode:
        raise SystemExit(f"a step failed:\n{err}")
    answer: dict[str, Any] = json.loads(out.splitlines()[-1])
    return answer


def duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def line(what: str, cells: list[str]) -> str:
    return "| " + " | ".join([what, *cells]) + " |"


def medians(projects: list[Project], rounds: int, *, is_cold: bool = False) -> dict[str, list[float]]:
    """What each measure takes in each project: the projects take turns."""
    found: dict[str, list[list[float]]] = {}
    for _ in range(rounds):
        for at, project in enumerate(projects):
            for what, seconds in project.measures(is_cold=is_cold).items():
                found.setdefault(what, [[] for _ in projects])[at].append(seconds)
    return {what: [statistics.median(of_one) for of_one in all_] for what, all_ in found.items()}


def table_of_entries(projects: list[Project], rounds: int, *, is_cold: bool) -> Iterator[str]:
    yield line("what", [f"{project.entries:,}" for project in projects] + ["most ÷ least", "at most 2"])
    yield "|---" * (len(projects) + 3) + "|"
    for what, seconds in medians(projects, rounds, is_cold=is_cold).items():
        ratio = seconds[-1] / seconds[0]
        yield line(what, [*map(duration, seconds), f"{ratio:.2f}", "met" if ratio <= 2 else "**not met**"])
    for words in (["ls"], ["stats"], ["gc", "--dry-run"]):
        title = f"`hozon {' '.join(words)}`"
        for which in ("the first time", "again"):
            taken = [project.of_command(*words) for project in projects]
            if None in taken:
                break
            cells = [f"{duration(seconds)}, {megabytes:.0f} MB" for seconds, megabytes in filter(None, taken)]
            yield line(f"{title}, {which}", [*cells, "", "grows"])
    cells = [duration(project.ask("info", 0)["cache_info()"]) for project in projects]
    yield line("`cache_info()`", [*cells, "", "grows"])


def table_of_blobs(scratch: Path, gigabytes: int, rounds: int) -> Iterator[str]:
    """The same beside much in blobs: each a gigabyte."""
    little, much = Project(scratch, "little", 1000), Project(scratch, "blobs", 1000)
    for project in (little, much):
        project.fill()
    little.ask("fill_large", 0, 5)
    for first in range(0, gigabytes, 5):
        much.ask("fill_large", first, min(first + 5, gigabytes))
    yield line("what", ["5 GB", f"{gigabytes} GB", "ratio", "at most 2"])
    yield "|---|---|---|---|---|"
    whole = [project.ask("large_hits", 0)["hit of a gigabyte"] for project in (little, much)]
    yield line("hit of a gigabyte that is checked in full", [*map(duration, whole), "", ""])
    found: dict[str, list[list[float]]] = {}
    for _ in range(rounds):
        for at, project in enumerate((little, much)):
            for what, seconds in (project.measures() | project.ask("large_hits", 0)).items():
                found.setdefault(what, [[], []])[at].append(seconds)
    for what, (one, other) in found.items():
        few, many = statistics.median(one), statistics.median(other)
        told = "met" if many / few <= 2 else "**not met**"
        yield line(what, [duration(few), duration(many), f"{many / few:.2f}", told])


def table_of_processes(scratch: Path, processes: int) -> Iterator[str]:
    yield line("processes at once", ["calls", "computed", "wrong", "calls a second", "each computed once"])
    yield "|---" * 6 + "|"
    for count in sorted({1, min(8, processes), processes}):
        project = Project(scratch, f"together-{count}", 1000)
        project.fill()
        for what, keys in (
            ("keys of their own", count * KEYS_TOGETHER),
            ("the same, from the disk", 0),
            ("the same keys", KEYS_TOGETHER),
        ):
            yield at_once(project, count, what, keys)


def at_once(project: Project, count: int, what: str, keys: int) -> str:
    """Starts so many processes and lets them go at one moment."""
    go = project.folder / f"go {what}"
    running = [project.start("together", number, what, go) for number in range(count)]
    while len(list(project.folder.glob(f"{go.name}.*"))) < count:
        if any(process.poll() for process in running):
            break
        time.sleep(0.05)
    go.touch()
    answers = [answer_of(process) for process in running]
    calls = count * KEYS_TOGETHER
    computed, wrong = (sum(answer[name] for answer in answers) for name in ("computed", "wrong"))
    seconds = max(answer["ended"] for answer in answers) - min(answer["started"] for answer in answers)
    told = "met" if computed == keys and not wrong else "**not met**"
    return line(f"{count}: {what}", [str(calls), str(computed), str(wrong), f"{calls / seconds:,.0f}", told])


def machine() -> str:
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    names = [row.partition(": ")[2] for row in text.splitlines() if row.startswith("model name")]
    processor = names[0] if names else platform.machine()
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{datetime.date.today().isoformat()}: {processor}, {os.cpu_count()} cores, {system}"


def check_room(scratch: Path, entries: int) -> None:
    """Ends where the disk has no room for so many entries: a page and an inode each."""
    about = os.statvfs(scratch)
    if about.f_bavail * about.f_frsize < 6 * 1024 * entries + GIGABYTE or 0 < about.f_favail < 1.2 * entries:
        raise SystemExit(f"no room for {entries:,} entries in {scratch}: TMPDIR names another folder")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--entries", default="1000,10000,100000", help="how many, with commas")
    parser.add_argument("--blobs", type=int, default=0, help="measures beside so many GB of blobs, too")
    parser.add_argument("--processes", type=int, default=64, help="at once; 0: none")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--cold", action="store_true", help="hits with nothing in the system's memory (Linux, root)"
    )
    parser.add_argument("--step", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        step(*options.step)
        return
    counts = [int(text) for text in options.entries.split(",") if text]
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="hozon-scale-") as folder:
        scratch = Path(folder)
        check_room(scratch, sum(counts))
        projects = [Project(scratch, str(count), count) for count in counts]
        for project in projects:
            print(f"{project.entries:,} entries written in {project.fill():.0f} s", flush=True)
        if projects:
            report(table_of_entries(projects, options.rounds, is_cold=options.cold))
        if options.blobs:
            report(table_of_blobs(scratch, options.blobs, options.rounds))
        if options.processes:
            report(table_of_processes(scratch, options.processes))


def report(lines: Iterator[str]) -> None:
    print()
    for text in lines:
        print(text, flush=True)


if __name__ == "__main__":
    main()
