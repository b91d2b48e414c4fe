"""What is measured. Each workload runs in a process of its own, once for each peer in each round.

A workload has two steps: `prepare` fills the store, in an earlier process; `measure` gives seconds. What is
timed is the call that a user would make.
"""

from __future__ import annotations

import os
import pickle
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import subjects
from peers import Peer

Function = Callable[..., Any]


class Missing(Exception):
    """The peer has no such cache, or fails at it. The text says which."""


class Measured(NamedTuple):
    """One measure.

    Attributes:
        seconds: Of the call.
        megabytes: By how much the peak of the process's memory rose over what it had before the call.
    """

    seconds: float
    megabytes: float


class Workload(NamedTuple):
    """One row of the table.

    Attributes:
        title: What the row is called.
        measure: Gives the figure for a peer.
        prepare: Fills the peer's store before, in another process.
        floor: What the machine takes for what cannot be left out; `floor_title` says what that is.
        target: The figure to reach: how many times the floor, or the best rival, or seconds.
        rounds: How often it is measured.
    """

    title: str
    measure: Callable[[Peer], Measured]
    prepare: Callable[[Peer], None] | None = None
    floor: Callable[[], Measured] | None = None
    floor_title: str = ""
    at_most_of_floor: float | None = None
    at_least_of_rival: float | None = None
    at_most_seconds: float | None = None
    at_most_megabytes: float | None = None
    rounds: int = 5


# Values ---------------------------------------------------------------------------------------------------


def array(megabytes: int) -> Any:
    import numpy as np

    return np.random.default_rng(0).random(megabytes * 1_000_000 // 8)


def frame_of_numbers(rows: int) -> Any:
    import numpy as np
    import pandas as pd

    numbers = np.random.default_rng(0)
    return pd.DataFrame({f"c{column}": numbers.random(rows) for column in range(6)})


def mixed_frame(rows: int) -> Any:
    """Numbers, times, categories and text."""
    import numpy as np
    import pandas as pd

    numbers = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "number": numbers.random(rows),
            "count": numbers.integers(0, 1000, rows),
            "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows), unit="s"),
            "kind": pd.Categorical.from_codes(numbers.integers(0, 4, rows), list("abcd")),
            "text": np.char.add("row ", numbers.integers(0, 100_000, rows).astype(str)),
        }
    )


def integers(count: int) -> list[int]:
    return list(range(10**6, 10**6 + count))


def nested(count: int) -> list[dict[str, Any]]:
    return [{"id": n, "name": f"n{n}", "at": {"x": n / 7, "y": [n, n + 1]}} for n in range(count)]


def forest() -> Any:
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor

    numbers = np.random.default_rng(0)
    x = numbers.random((4000, 10))
    return RandomForestRegressor(50, random_state=0, n_jobs=1).fit(x, x.sum(axis=1))


# Measuring ------------------------------------------------------------------------------------------------


def timed(call: Callable[[], Any], times: int = 1) -> Measured:
    """One call, over so many."""
    before = _peak()
    started = time.perf_counter()
    for _ in range(times):
        call()
    return Measured((time.perf_counter() - started) / times, _peak() - before)


def _peak() -> float:
    """Megabytes: the most that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def had(function: Function | None) -> Function:
    if function is None:
        raise Missing("it has none")
    return function


def _median(calls: Iterator[Measured]) -> Measured:
    found = list(calls)
    return Measured(statistics.median(one.seconds for one in found), max(one.megabytes for one in found))


def quick_hit(peer: Peer) -> Measured:
    function = had(peer.quick(subjects.small))
    function(1)
    return _median(timed(lambda: function(1), 5_000) for _ in range(5))


def repeated_hit(peer: Peer) -> Measured:
    function = had(peer.persistent(subjects.small))
    assert function(1) == 2
    return _median(timed(lambda: function(1), 500) for _ in range(5))


def store_small(peer: Peer) -> None:
    had(peer.persistent(subjects.small))(1)


def first_hit(peer: Peer) -> Measured:
    """With the decoration: some open their store then, some at the first call. Modules are loaded before."""
    exec(peer.imported)
    return timed(lambda: had(peer.persistent(subjects.small))(1))


def hit_with(make: Callable[[], Any]) -> Callable[[Peer], Measured]:
    """A warm hit with a large argument."""

    def measure(peer: Peer) -> Measured:
        function, value = had(peer.persistent(subjects.sized)), make()
        function(value)
        return _median(timed(lambda: function(value)) for _ in range(3))

    return measure


def put_of(make: Callable[[], Any]) -> Callable[[Peer], Measured]:
    def measure(peer: Peer) -> Measured:
        function, value = had(peer.keeping(subjects.kept)), make()
        # What is loaded and opened once is no part of it.
        function(number=1, value=0)
        return timed(lambda: function(number=2, value=value))

    return measure


def store_of(make: Callable[[], Any]) -> Callable[[Peer], None]:
    def prepare(peer: Peer) -> None:
        function = had(peer.keeping(subjects.kept))
        function(number=1, value=0)
        function(number=2, value=make())

    return prepare


def restore_of(make: Callable[[], Any], load: str) -> Callable[[Peer], Measured]:
    """A hit in a fresh process that has used the store for something small, and loaded the library."""

    def measure(peer: Peer) -> Measured:
        __import__(load)
        function = had(peer.keeping(subjects.kept))
        function(number=1, value=0)
        found: list[Any] = []
        # Who cannot leave the argument out of the key has to have it.
        value = None if peer.leaves_out else make()
        taken = timed(lambda: found.append(function(number=2, value=value)))
        if found[0] is None:
            raise Missing("it ran the function again")
        return taken

    return measure


def scan_of(make: Callable[[], Any]) -> Callable[[Peer], Measured]:
    """A restore, and all of the array read."""

    def measure(peer: Peer) -> Measured:
        import numpy

        function = had(peer.keeping(subjects.kept))
        function(number=1, value=0)
        value = None if peer.leaves_out else make()
        found = function(number=2, value=value)
        if found is None:
            raise Missing("it ran the function again")
        return _median(timed(lambda: numpy.add.reduce(function(number=2, value=value))) for _ in range(3))

    return measure


# What the machine takes -----------------------------------------------------------------------------------


def _scratch() -> Path:
    return Path(tempfile.mkdtemp(dir=os.environ["BENCH_FOLDER"]))


def hashing(make: Callable[[], Any]) -> Callable[[], Measured]:
    def floor() -> Measured:
        import blake3

        held = memoryview(make()).cast("B")
        return _median(timed(lambda: blake3.blake3(held).digest()) for _ in range(3))

    return floor


def pickling(make: Callable[[], Any]) -> Callable[[], Measured]:
    def floor() -> Measured:
        value = make()
        return _median(timed(lambda: pickle.dumps(value, protocol=5)) for _ in range(3))

    return floor


def writing(make: Callable[[], Any]) -> Callable[[], Measured]:
    """Writing the bytes or hashing them, whichever is longer."""

    def floor() -> Measured:
        held, file = memoryview(make()).cast("B"), _scratch() / "bytes"
        written = timed(lambda: file.write_bytes(held))
        file.unlink()
        return max(written, hashing(make)())

    return floor


def scanning_a_map(make: Callable[[], Any]) -> Callable[[], Measured]:
    """Mapping a file of NumPy's and reading all of it."""

    def floor() -> Measured:
        import numpy

        file = _scratch() / "array.npy"
        numpy.save(file, make())
        mapped = _median(timed(lambda: numpy.add.reduce(numpy.load(file, mmap_mode="r"))) for _ in range(3))
        file.unlink()
        return mapped

    return floor


WORKLOADS: dict[str, Workload] = {
    "quick": Workload(
        "hit in memory, one int", quick_hit, at_least_of_rival=1.0
    ),
    "hit": Workload(
        "hit on disk, small, same process", repeated_hit, at_most_seconds=5e-6, at_least_of_rival=7.0
    ),
    "first": Workload(
        "first hit, small, fresh process", first_hit, store_small, at_most_seconds=300e-6, rounds=9
    ),
    "key-array": Workload(
        "hit with a 200 MB array", hit_with(lambda: array(200)), floor=hashing(lambda: array(200)),
        floor_title="BLAKE3, one thread", at_most_of_floor=1 / 0.9, at_least_of_rival=5.0,
        at_most_megabytes=64,
    ),
    "key-numbers": Workload(
        "hit with a frame of numbers, 1 M rows", hit_with(lambda: frame_of_numbers(1_000_000)),
        at_least_of_rival=5.0,
    ),
    "key-mixed": Workload(
        "hit with a frame with text, 1 M rows", hit_with(lambda: mixed_frame(1_000_000)),
        at_least_of_rival=5.0, rounds=3,
    ),
    "key-integers": Workload(
        "hit with a list of 1 M ints", hit_with(lambda: integers(1_000_000)),
        floor=pickling(lambda: integers(1_000_000)), floor_title="pickle.dumps", at_most_of_floor=1.0,
    ),
    "key-dicts": Workload(
        "hit with 100 k nested dicts", hit_with(lambda: nested(100_000)),
        floor=pickling(lambda: nested(100_000)), floor_title="pickle.dumps", at_most_of_floor=1.0,
    ),
    "key-model": Workload(
        "hit with a fitted forest", hit_with(forest), floor=pickling(forest), floor_title="pickle.dumps",
        rounds=3,
    ),
    **{
        f"put-array-{size}": Workload(
            f"put of a {size} MB array", put_of(lambda size=size: array(size)),
            floor=writing(lambda size=size: array(size)), floor_title="writing or hashing",
            at_most_of_floor=1.3 if size == 200 else None, at_most_megabytes=64, rounds=3,
        )
        for size in (8, 200, 800)
    },
    **{
        f"restore-array-{size}": Workload(
            f"restore of a {size} MB array", restore_of(lambda size=size: array(size), "numpy"),
            store_of(lambda size=size: array(size)), at_most_seconds=2e-3, rounds=5,
        )
        for size in (8, 200, 800)
    },
    "scan-array-800": Workload(
        "restore of an 800 MB array, and its sum", scan_of(lambda: array(800)), store_of(lambda: array(800)),
        floor=scanning_a_map(lambda: array(800)), floor_title="np.load, mapped",
        at_most_of_floor=1.1, rounds=3,
    ),
    "put-frame": Workload(
        "put of a mixed frame, 5 M rows", put_of(lambda: mixed_frame(5_000_000)), rounds=3
    ),
    "restore-frame": Workload(
        "restore of a mixed frame, 5 M rows", restore_of(lambda: mixed_frame(5_000_000), "pandas"),
        store_of(lambda: mixed_frame(5_000_000)), at_most_seconds=10e-3, rounds=3,
    ),
    "put-dicts": Workload("put of 100 k nested dicts", put_of(lambda: nested(100_000)), rounds=3),
    "restore-dicts": Workload(
        "restore of 100 k nested dicts", restore_of(lambda: nested(100_000), "json"),
        store_of(lambda: nested(100_000)), rounds=3,
    ),
    "put-forest": Workload("put of a fitted forest", put_of(forest), rounds=3),
    "restore-forest": Workload(
        "restore of a fitted forest", restore_of(forest, "sklearn.ensemble"), store_of(forest), rounds=3
    ),
}  # fmt: skip
