"""hozon beside joblib and diskcache: `make bench`. One table, one run, an optimized build.

The tools take turns within each round, and a figure is the median of the rounds. What is timed is the call
that a user would make: the look-up with its key, and the result in hand.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS = 7
MEGABYTES = 200
TOOLS = ("hozon", "functools", "joblib", "joblib mmap", "diskcache")


def small(number: int) -> int:
    """A result that is quick to compare and small to keep."""
    return number + 1


def kept(number: int, array: Any) -> Any:
    """A result that is large. The argument that carries it does not enter the key."""
    return array


class Tool:
    """One cache with its two functions, and how it makes a key of an array."""

    def __init__(self, small: Any, kept: Any, key: Callable[[Any], Any]) -> None:
        self.small, self.kept, self.key = small, kept, key


def tool(name: str, folder: str) -> Tool:
    """The cache of this name, over a folder of its own."""
    # Mapping is a way to read what joblib has kept, so both of its columns share a folder.
    place = os.path.join(folder, name.split()[0])
    if name == "hozon":
        import hozon

        keep = hozon.persistent_cache(save_path=place, ignore=["array"])(kept)
        digested = hozon.persistent_cache(save_path=place)(small)
        return Tool(digested, keep, digested.cache_key)
    if name == "diskcache":
        import diskcache

        cache = diskcache.Cache(place, size_limit=1 << 40)
        # diskcache has no digest: the pickled arguments are the key.
        return Tool(cache.memoize()(small), cache.memoize(ignore={1, "array"})(kept), cache.disk.put)
    import joblib

    memory = joblib.Memory(place, verbose=0, mmap_mode="r" if name == "joblib mmap" else None)
    return Tool(memory.cache(small), memory.cache(kept, ignore=["array"]), joblib.hash)


def seconds(call: Callable[[], Any], times: int = 1) -> float:
    """How long one call takes, over so many."""
    started = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - started) / times


def medians(calls: dict[str, Callable[[int], float]], rounds: int = ROUNDS) -> dict[str, float]:
    """The median of each tool's measures; the tools take turns."""
    found: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        for name, call in calls.items():
            found[name].append(call(number))
    return {name: statistics.median(measures) for name, measures in found.items()}


def in_memory() -> dict[str, float]:
    """A hit in memory, for one int."""
    import hozon

    native = getattr(hozon, "cache", None)
    caches = {"functools": functools.cache(small)} | ({"hozon": native(small)} if native else {})
    for cached in caches.values():
        cached(1)
    return medians(
        {
            name: lambda _, cached=cached: seconds(lambda: cached(1), 200_000)
            for name, cached in caches.items()
        }
    )


def in_process(tools: dict[str, Tool]) -> dict[str, float]:
    """A hit of a small result that this process has had before."""
    for each in tools.values():
        each.small(1)
    return medians(
        {name: lambda _, each=each: seconds(lambda: each.small(1), 2000) for name, each in tools.items()}
    )


def in_fresh_process(task: str, names: list[str], folder: str) -> dict[str, float]:
    """A task in new processes, timed by them, without their start and their imports."""

    def run(name: str) -> float:
        command = [sys.executable, __file__, task, name, folder]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    return medians({name: lambda _, name=name: run(name) for name in names})


def worker(task: str, name: str, folder: str) -> None:
    """What a fresh process does: one hit, timed; for an array also its use."""
    each = tool(name, folder)
    if task == "first hit":
        print(seconds(lambda: each.small(1)))
        return
    import numpy as np  # noqa: F401  (its import is no part of a restore)

    found = []
    taken = seconds(lambda: found.append(each.kept(-1, None)))
    if found[0] is None:
        raise RuntimeError(f"{name} did not restore the array: it ran the function again")
    summing = seconds(lambda: found[0].sum())
    print(taken + summing if task == "restore and sum" else taken)


def shown(value: float | None) -> str:
    """A duration with its unit."""
    if value is None:
        return "—"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def row(what: str, found: dict[str, float]) -> None:
    """One line of the table; the last column is the best rival's time over hozon's."""
    rivals = [value for name, value in found.items() if name != "hozon"]
    ratio = f"{min(rivals) / found['hozon']:.2g}" if "hozon" in found else "—"
    cells = [shown(found.get(name)) for name in TOOLS]
    print(f"| {what} | " + " | ".join(cells) + f" | {ratio} |", flush=True)


def machine() -> str:
    """Processor, system and versions."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        cpu = next(
            (line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line),
            cpu,
        )
    versions = [
        f"{name} {importlib.metadata.version(name)}" for name in ("hozon", "joblib", "diskcache", "numpy")
    ]
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{cpu}, {os.cpu_count()} cores, {system}; {', '.join(versions)}"


def main() -> None:
    """The whole table."""
    import numpy as np

    print(machine(), end="\n\n")
    print("| what | " + " | ".join(TOOLS) + " | best rival ÷ hozon |")
    print("|---|" + "---|" * (len(TOOLS) + 1))
    with tempfile.TemporaryDirectory(prefix="hozon-bench-") as folder:
        names = [name for name in TOOLS if name not in ("functools", "joblib mmap")]
        tools = {name: tool(name, folder) for name in names}
        row("hit in memory, one int", in_memory())
        row("hit from disk, small, same process", in_process(tools))
        row("first hit, small, fresh process", in_fresh_process("first hit", names, folder))

        array = np.random.default_rng(0).random(MEGABYTES * 1_000_000 // 8)
        row(
            f"key of a {MEGABYTES} MB array",
            medians(
                {name: lambda _, each=each: seconds(lambda: each.key(array)) for name, each in tools.items()}
            ),
        )

        def put(number: int, each: Tool) -> float:
            # New bytes each time: hozon would store equal ones once, and write nothing.
            array[:] += number + 1
            return seconds(lambda: each.kept(number, array))

        row(
            f"put of a {MEGABYTES} MB array",
            medians(
                {name: lambda number, each=each: put(number, each) for name, each in tools.items()},
                rounds=5,
            ),
        )
        for each in tools.values():
            each.kept(-1, array)
        tools["joblib mmap"] = tool("joblib mmap", folder)
        row(
            f"restore of a {MEGABYTES} MB array, fresh process",
            in_fresh_process("restore", list(tools), folder),
        )
        row("the same, and its sum", in_fresh_process("restore and sum", list(tools), folder))


if __name__ == "__main__":
    worker(*sys.argv[1:]) if len(sys.argv) > 1 else main()
