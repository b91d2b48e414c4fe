"""In every kind of worker: the same keys, one store, one that computes, and everything that a hit gives.

The ids of the tests are those of the table in docs/hosts.md.
"""

from __future__ import annotations

import random

import pytest

from .workers import CALLERS, HOSTS, Host, Seen, run


# Of the module, so that tests of one host stand together: with pytest-xdist, one process runs its program.
@pytest.fixture(params=HOSTS, ids=lambda host: host.name, scope="module")
def seen(request: pytest.FixtureRequest) -> Seen:
    host: Host = request.param
    if host.why_not():
        pytest.skip(host.why_not())
    return run(host)


def test_function(seen: Seen) -> None:
    for facts in (seen.cold, seen.warm):
        assert facts["slow"] == [[2, "done"]] * CALLERS
        assert [one["own"] for one in facts["all"]] == [3] * CALLERS
        assert [one["in memory"] for one in facts["all"]] == [2] * CALLERS
        for one in facts["all"]:
            assert [one["key"], one["own key"]] == seen.cold["keys"]
    assert seen.cold["keys"] == seen.warm["keys"]


def test_block(seen: Seen) -> None:
    (value, key), *others = [one["block"] for facts in (seen.cold, seen.warm) for one in facts["all"]]
    assert value == [2, "done"]
    assert key
    assert others == [[value, key]] * (2 * CALLERS - 1)


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
