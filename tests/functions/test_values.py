"""Hits are independent; inputs changed in place are seen; exceptions are the function's own."""

from __future__ import annotations

import traceback
import warnings
from typing import Any

import pytest

import hozon

pytestmark = pytest.mark.usefixtures("fresh")

LIMITS = [1]
np = pytest.importorskip("numpy")


def test_a_hit_belongs_to_its_caller(runs: Any) -> None:
    def make() -> dict[str, Any]:
        runs.add()
        return {"list": [1, 2], "array": np.arange(5)}

    for cached in [hozon.persistent_cache(make)] * 2 + [hozon.persistent_cache(make)]:
        for _ in range(2):
            value = cached()
            assert value["list"] == [1, 2]
            assert value["array"].tolist() == [0, 1, 2, 3, 4]
            value["list"].append("mine")
            value["array"][:] = 9
    assert len(runs) == 1


def test_large_arrays_are_writable_and_independent(runs: Any) -> None:
    @hozon.persistent_cache
    def make() -> Any:
        runs.add()
        return np.zeros(1_000_000)

    first = make()
    first[:] = 1
    second, third = make(), make()
    second[:] = 2
    assert third.sum() == 0
    assert make().sum() == 0
    assert len(runs) == 1


def test_an_argument_changed_in_place_is_changed_again_on_a_hit(runs: Any) -> None:
    @hozon.persistent_cache
    def grow(items: list[int]) -> int:
        runs.add()
        items.append(1)
        return len(items)

    mine, other = [0], [0]
    assert [grow(mine), grow(other)] == [2, 2]
    assert mine == other == [0, 1]
    assert len(runs) == 1


def test_an_array_and_self_changed_in_place(runs: Any) -> None:
    class Counter:
        count = 0

        @hozon.persistent_cache
        def step(self, array: Any) -> Any:
            runs.add()
            array += 1
            self.count += 1
            return array

    counters, arrays = [Counter(), Counter()], [np.zeros(2), np.zeros(2)]
    for counter, array in zip(counters, arrays, strict=True):
        assert counter.step(array) is array
    assert [counter.count for counter in counters] == [1, 1]
    assert [array.tolist() for array in arrays] == [[1, 1], [1, 1]]
    assert len(runs) == 1


def test_a_global_changed_in_place(runs: Any) -> None:
    @hozon.persistent_cache
    def grow() -> int:
        runs.add()
        LIMITS.append(1)
        return len(LIMITS)

    before = list(LIMITS)
    first = grow()
    after, LIMITS[:] = list(LIMITS), before
    assert grow() == first
    assert after == LIMITS
    assert len(runs) == 1
    LIMITS[:] = before


def test_a_change_that_a_hit_could_not_make_is_not_stored_and_warned_of_once(runs: Any) -> None:
    @hozon.persistent_cache
    def grow(array: Any) -> int:
        runs.add()
        array.resize(3, refcheck=False)
        return len(array)

    with pytest.warns(hozon.HozonWarning, match="`array`") as caught:
        assert [grow(np.zeros(2)), grow(np.zeros(2))] == [3, 3]
    assert len(caught) == 1
    assert len(runs) == 2


def test_what_cannot_be_stored_is_given_to_the_caller_with_one_warning(runs: Any) -> None:
    @hozon.persistent_cache
    def make() -> Any:
        runs.add()
        return lambda: 5

    with pytest.warns(hozon.HozonWarning, match="cannot be stored") as caught:
        assert [make()(), make()()] == [5, 5]
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert len(runs) == 2


def test_exceptions_are_the_same_object_with_the_users_frames() -> None:
    error = ValueError("mine")

    def helper() -> None:
        raise error

    @hozon.persistent_cache
    def fail() -> None:
        helper()

    with pytest.raises(ValueError) as raised:
        fail()
    assert raised.value is error
    assert raised.value.__cause__ is raised.value.__context__ is None
    names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
    assert names[-2:] == ["fail", "helper"]
    assert not hasattr(error, "__notes__")


def test_none_and_falsy_results_are_results(runs: Any) -> None:
    @hozon.persistent_cache
    def echo(x: Any) -> Any:
        runs.add()
        return x

    values: list[Any] = [None, 0, "", [], False, (), 0.0]
    for _ in range(2):
        for value in values:
            assert echo(value) == value
            assert type(echo(value)) is type(value)
    assert len(runs) == len(values)


def test_no_warnings_in_the_common_case() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cached = hozon.persistent_cache(lambda x: [x])
        assert [cached(1), cached(1)] == [[1], [1]]
