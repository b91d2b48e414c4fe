"""In every kind of worker: the same keys, one store, one that computes, and everything that a hit gives.

The ids of the tests are those of the table in docs/hosts.md.
"""

from __future__ import annotations

import os
import pickle
import random
from pathlib import Path

import pytest

from .workers import AGAIN, CALLERS, HOSTS, Host, Seen, run


# Of the module, so that tests of one host stand together.
@pytest.fixture(params=HOSTS, ids=lambda host: host.name, scope="module")
def seen(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    host: Host = request.param
    if host.why_not():
        pytest.skip(host.why_not())
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return run(host)
    return shared(host, tmp_path_factory.getbasetemp().parent)


def shared(host: Host, folder: Path) -> Seen:
    """What another process of this session has seen, if it has run the program: that takes long."""
    import fcntl

    file = folder / f"{host.name}.pickle"
    with open(folder / f"{host.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            file.write_bytes(pickle.dumps(run(host)))
    seen: Seen = pickle.loads(file.read_bytes())
    return seen


def test_function(seen: Seen) -> None:
    for facts, callers in ((seen.cold, CALLERS), (seen.warm, AGAIN)):
        assert facts["slow"] in ([], [[2, "done"]] * callers)
        assert [one["slow"] for one in facts["all"]] == [[2, "done"]] * callers
        assert [one["own"] for one in facts["all"]] == [3] * callers
        assert [one["in memory"] for one in facts["all"]] == [2] * callers
        for one in facts["all"]:
            assert [one["key"], one["own key"]] == seen.cold["keys"]
    assert seen.cold["keys"] == seen.warm["keys"]


def test_block(seen: Seen) -> None:
    (value, key), *others = [one["block"] for facts in (seen.cold, seen.warm) for one in facts["all"]]
    assert value == [2, "done"]
    assert key
    assert others == [[value, key]] * (CALLERS + AGAIN - 1)


def test_text_is_replayed(seen: Seen) -> None:
    for facts in (seen.cold, seen.warm):
        assert facts["steps"][:2] == ["spoken 1\n"] * 2


def test_random_states(seen: Seen) -> None:
    plain = []
    for seed in (5, 5, 6):
        generator = random.Random(seed)
        plain.append([[generator.random(), generator.random()], generator.random()])
    assert seen.cold["steps"][2:5] == seen.warm["steps"][2:5] == plain
    assert [runs["drawn"] for runs in seen.runs] == [2, 2]


def test_files(seen: Seen) -> None:
    one, two, again = seen.cold["steps"][6::2]
    assert [numbers for numbers, _ in (one, two, again)] == [[1], [1, 2], [1]]
    assert one == again
    assert one[1] != two[1]
    assert seen.warm["steps"][6::2] == [one, two, again]


def test_single_flight(seen: Seen) -> None:
    for runs in seen.runs:
        assert {name: runs[name] for name in ("slow", "own", "block")} == {"slow": 1, "own": 1, "block": 1}
