"""In every kind of worker: the same keys, one store, one that computes, and everything that a hit gives.

The ids of the tests are those of the table in docs/hosts.md.
"""

from __future__ import annotations

import random

import pytest

from .workers import CALLERS, HOSTS, Host, Seen, run


@pytest.fixture(params=HOSTS, ids=lambda host: host.name)
def seen(request: pytest.FixtureRequest) -> Seen:
    host: Host = request.param
    if host.why_not():
        pytest.skip(host.why_not())
    return run(host)


def test_function(seen: Seen) -> None:
    for facts in (seen.cold, seen.warm):
        assert len(set(facts["keys"])) == len(set(facts["own keys"])) == 1
        assert facts["slow"] == [[2, "done"]] * CALLERS
        assert facts["own"] == [3] * CALLERS
        assert facts["in memory"] == [2, 4, 4]
    assert seen.cold["keys"] == seen.warm["keys"]
    assert seen.cold["own keys"] == seen.warm["own keys"]


def test_block(seen: Seen) -> None:
    (value, key), *others = [*seen.cold["blocks"], *seen.warm["blocks"]]
    assert value == [2, "done"]
    assert key
    assert others == [[value, key]] * (2 * CALLERS - 1)


def test_text_is_replayed(seen: Seen) -> None:
    assert seen.cold["heard"] == seen.warm["heard"] == ["spoken 1\n"] * 2


def test_random_states(seen: Seen) -> None:
    plain = []
    for seed in (5, 5, 6):
        generator = random.Random(seed)
        plain.append([[generator.random(), generator.random()], generator.random()])
    assert seen.cold["drawn"] == seen.warm["drawn"] == plain
    assert [runs["drawn"] for runs in seen.runs] == [2, 2]


def test_files(seen: Seen) -> None:
    one, two, again = seen.cold["counted"]
    assert [numbers for numbers, _ in (one, two, again)] == [[1], [1, 2], [1]]
    assert one == again
    assert one[1] != two[1]
    assert seen.warm["counted"] == seen.cold["counted"]


def test_single_flight(seen: Seen) -> None:
    for runs in seen.runs:
        assert {name: runs[name] for name in ("slow", "own", "block")} == {"slow": 1, "own": 1, "block": 1}
