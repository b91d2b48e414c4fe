"""A fault of hozon's own watching costs a warning, never the person's value."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

import pytest

import hozon
from hozon import _changes, _randomness, _replaying, _watching

PLACES = [
    (_changes.Before, "of"),
    (_changes.Before, "changed"),
    (_randomness.RandomStates, "start"),
    (_randomness.RandomStates, "stop"),
    (_replaying.Recording, "start"),
    (_replaying.Recording, "events"),
    (_watching.Watching, "start"),
    (_watching.Watching, "stop"),
]


@pytest.mark.parametrize(("owner", "name"), PLACES, ids=lambda part: getattr(part, "__name__", part))
def test_a_fault_of_the_watching_costs_no_value(
    owner: Any, name: str, fresh: Path, monkeypatch: pytest.MonkeyPatch, runs: Any
) -> None:
    original = getattr(owner, name)

    def fail(*arguments: Any, **named: Any) -> NoReturn:
        if name == "stop":
            original(*arguments, **named)
        raise RuntimeError("a fault of ours")

    @hozon.persistent_cache
    def f(x: int) -> list[int]:
        runs.add()
        return [x]

    monkeypatch.setattr(owner, name, fail)
    with pytest.warns(hozon.HozonWarning, match="not stored") as said:
        assert [f(1), f(1)] == [[1], [1]]
        with hozon.cached_context("block"):
            y = len(runs)
    assert (y, len(runs)) == (2, 2)
    assert len(said) == 2
