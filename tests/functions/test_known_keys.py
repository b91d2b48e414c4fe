"""Keys that are found again by plain arguments: always the key that would be made anew, or none."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hozon
from hozon import _config
from hozon._functions import CachedFunction

pytestmark = pytest.mark.usefixtures("fresh")

is_remembered = pytest.mark.skipif(
    _config.SHORTCUTS == "never", reason="without shortcuts no key is remembered"
)

RATE = 2
TABLE = {"a": 1}


def helper(x: Any) -> Any:
    return x


def other_helper(x: Any) -> Any:
    return -x


class Settings:
    factor = 3


def made(offset: int) -> Callable[..., Any]:
    def inner(x: Any = 1) -> Any:
        nonlocal offset
        return x, offset, bump

    def bump() -> None:
        nonlocal offset
        offset += 1

    return inner


def reads_a_number(x: Any, y: Any = 5) -> Any:
    return x * RATE + y


def reads_a_dict(x: Any) -> Any:
    return x, TABLE["a"]


def calls_a_helper(x: Any) -> Any:
    return helper(x)


def reads_a_class(x: Any) -> Any:
    return x * Settings.factor


def divides(x: Any) -> Any:
    return decimal.Decimal(1) / x


def shows(x: Any) -> Any:
    return str(np.array([x / 3]))


def cached(function: Callable[..., Any]) -> CachedFunction:
    return CachedFunction(function, _config.resolve(None, {}, name=None, when=None))


def known_and_made(function: CachedFunction, *args: Any, **kwargs: Any) -> tuple[bytes | None, bytes]:
    """What is known before anything is looked at, and what the key is."""
    known = function.computation.known_key(args, kwargs)
    keyed = function.computation.keyed(args, kwargs)
    assert keyed is not None
    return known, keyed.key


def set_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads_a_number, "__defaults__", (6,))


CHANGES: list[tuple[Callable[..., Any], Callable[[pytest.MonkeyPatch], object]]] = [
    (reads_a_number, lambda patch: patch.setitem(globals(), "RATE", 3)),
    (reads_a_number, set_default),
    (reads_a_number, lambda patch: patch.setattr(reads_a_number, "__code__", reads_a_class.__code__)),
    (reads_a_dict, lambda patch: patch.setitem(TABLE, "a", 2)),
    (calls_a_helper, lambda patch: patch.setitem(globals(), "helper", other_helper)),
    (calls_a_helper, lambda patch: patch.setattr(helper, "__code__", other_helper.__code__)),
    (reads_a_class, lambda patch: patch.setattr(Settings, "factor", 4)),
    (divides, lambda patch: patch.setattr(decimal.getcontext(), "prec", 5)),
    (shows, lambda patch: np.set_printoptions(precision=3)),
]


@pytest.mark.parametrize(("function", "change"), CHANGES)
def test_what_changes_the_key_makes_it_unknown(function: Any, change: Any) -> None:
    asked = cached(function)
    _, before = known_and_made(asked, 7)
    with np.printoptions(), pytest.MonkeyPatch.context() as patch:
        change(patch)
        known, after = known_and_made(asked, 7)
        assert (known, after != before) == (None, True)
    known, again = known_and_made(asked, 7)
    assert again == before
    assert known in (None, before)


def test_a_closed_over_variable_that_is_bound_anew() -> None:
    inner = made(1)
    asked = cached(inner)
    _, before = known_and_made(asked, 7)
    inner()[2]()
    known, after = known_and_made(asked, 7)
    assert (known, after != before) == (None, True)


@is_remembered
@pytest.mark.parametrize("function", [reads_a_number, calls_a_helper, reads_a_class, divides, shows])
def test_a_call_that_was_keyed_is_known(function: Any) -> None:
    asked = cached(function)
    for value in (7, 0.5, True, None, "text", b"bytes", 1 << 40, -1):
        assert known_and_made(asked, value)[0] is None
        known, key = known_and_made(asked, value)
        assert known == key


@is_remembered
def test_types_and_bits_of_arguments_are_told_apart() -> None:
    asked = cached(calls_a_helper)
    values = [1, 1.0, True, 0.0, -0.0, "1", b"1", None, float("nan")]
    keys = [known_and_made(asked, value)[1] for value in values]
    assert len(set(keys)) == len(values)
    assert [asked.computation.known_key((value,), {}) for value in values] == keys


@is_remembered
def test_each_way_to_pass_an_argument_has_the_one_key() -> None:
    asked = cached(reads_a_number)
    ways: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((1,), {}), ((1, 5), {}), ((1,), {"y": 5}), ((), {"x": 1, "y": 5}), ((), {"y": 5, "x": 1}),
    ]  # fmt: skip
    keys = {asked.computation.keyed(*way).key for way in ways}  # type: ignore[union-attr]
    assert len(keys) == 1
    assert {asked.computation.known_key(*way) for way in ways} == keys


@pytest.mark.parametrize("value", [[1], (1, 2), {"a": 1}, 1 << 70, "x" * 600, np.float64(1)])
def test_other_arguments_are_digested_each_time(value: Any) -> None:
    asked = cached(calls_a_helper)
    known_and_made(asked, value)
    assert known_and_made(asked, value)[0] is None


def test_many_calls_are_forgotten_and_keyed_again() -> None:
    asked = cached(calls_a_helper)
    keys = [known_and_made(asked, number)[1] for number in range(5000)]
    for number, key in enumerate(keys):
        assert asked.computation.known_key((number,), {}) in (None, key)


def test_a_known_call_hits_and_a_changed_one_runs(runs: Any) -> None:
    @hozon.persistent_cache
    def scaled(x: int) -> int:
        runs.add(x)
        return x * RATE

    assert [scaled(2), scaled(2), scaled(2)] == [4, 4, 4]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(globals(), "RATE", 5)
        assert [scaled(2), scaled(2)] == [10, 10]
    assert scaled(2) == 4
    assert runs.items == [2, 2]
