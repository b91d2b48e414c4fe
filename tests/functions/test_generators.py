"""Generators: a hit replays the items; what was not run to its end is not stored."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

import hozon

pytestmark = pytest.mark.usefixtures("fresh")


def counting(runs: Any) -> Any:
    @hozon.persistent_cache
    def count(n: int) -> Any:
        runs.add("start")
        for number in range(n):
            yield number
        runs.add("end")
        return "done"

    return count


def returned(generator: Any) -> tuple[list[Any], Any]:
    items = []
    while True:
        try:
            items.append(next(generator))
        except StopIteration as stop:
            return items, stop.value


def test_items_and_return_value_are_replayed(runs: Any) -> None:
    count = counting(runs)
    assert [returned(count(3)), returned(count(3)), returned(count(0))] == [
        ([0, 1, 2], "done"),
        ([0, 1, 2], "done"),
        ([], "done"),
    ]
    assert len(runs) == 4


def test_nothing_runs_before_the_first_item_is_asked_for(runs: Any) -> None:
    count = counting(runs)
    count(3)
    assert len(runs) == 0


def test_items_come_one_by_one_as_they_are_made(runs: Any) -> None:
    generator = counting(runs)(3)
    assert next(generator) == 0
    assert runs.items == ["start"]
    assert list(generator) == [1, 2]


@pytest.mark.parametrize("end", ["close", "drop", "break", "throw"])
def test_what_was_consumed_in_part_is_not_stored(runs: Any, end: str) -> None:
    count = counting(runs)
    generator = count(3)
    assert next(generator) == 0
    if end == "close":
        generator.close()
    elif end == "throw":
        with pytest.raises(KeyError):
            generator.throw(KeyError("thrown"))
    elif end == "break":
        for _ in generator:
            break
    del generator
    assert count.cache_info().currsize == 0
    assert list(count(3)) == [0, 1, 2]
    assert runs.items == ["start", "start", "end"]


def test_the_generators_own_finally_runs_when_it_is_closed(runs: Any) -> None:
    @hozon.persistent_cache
    def count() -> Any:
        try:
            yield 1
            yield 2
        finally:
            runs.add("closed")

    generator = count()
    next(generator)
    generator.close()
    assert runs.items == ["closed"]


def test_exceptions_thrown_into_a_generator_reach_it(runs: Any) -> None:
    @hozon.persistent_cache
    def forgiving() -> Any:
        try:
            yield 1
        except KeyError:
            runs.add("caught")
            yield "after"

    generator = forgiving()
    assert next(generator) == 1
    assert generator.throw(KeyError("thrown")) == "after"
    with pytest.warns(hozon.HozonWarning, match="not stored"):
        assert list(generator) == []
    assert runs.items == ["caught"]
    assert list(forgiving()) == [1]


def test_values_that_are_sent_reach_the_generator_and_it_is_not_stored(runs: Any) -> None:
    @hozon.persistent_cache
    def echo() -> Any:
        runs.add()
        received = yield "first"
        yield received

    generator = echo()
    assert next(generator) == "first"
    assert generator.send("sent") == "sent"
    with pytest.warns(hozon.HozonWarning, match="sent"):
        assert list(generator) == []
    assert list(echo()) == ["first", None]
    assert len(runs) == 2


def test_an_exception_in_a_generator_is_raised_after_its_items(runs: Any) -> None:
    @hozon.persistent_cache
    def failing() -> Any:
        runs.add()
        yield 1
        raise ValueError("broken")

    for _ in range(2):
        generator = failing()
        assert next(generator) == 1
        with pytest.raises(ValueError, match="broken"):
            next(generator)
    assert len(runs) == 2


def test_items_changed_by_the_consumer_are_not_stored(runs: Any) -> None:
    @hozon.persistent_cache
    def lists() -> Any:
        runs.add()
        yield [1]
        yield [2]

    with pytest.warns(hozon.HozonWarning, match="changed"):
        for item in lists():
            item.append("mine")
    assert list(lists()) == [[1], [2]]
    assert len(runs) == 2


def test_a_consumer_that_draws_from_the_same_random_numbers_is_no_hit(runs: Any) -> None:
    @hozon.persistent_cache
    def numbers() -> Any:
        runs.add()
        yield random.random()
        yield random.random()

    state = random.getstate()
    with pytest.warns(hozon.HozonWarning, match="draws from the same random generators"):
        first = [(number, random.random()) for number in numbers()]
    random.setstate(state)
    assert [(number, random.random()) for number in numbers()] == first
    assert len(runs) == 2


def test_replayed_items_are_independent(runs: Any) -> None:
    @hozon.persistent_cache
    def lists() -> Any:
        runs.add()
        yield [1]

    assert list(lists()) == [[1]]
    next(lists()).append("mine")
    assert list(lists()) == [[1]]
    assert len(runs) == 1


def test_two_generators_of_one_call_side_by_side(runs: Any) -> None:
    count = counting(runs)
    first = count(2)
    assert next(first) == 0
    assert list(count(2)) == [0, 1]
    assert list(first) == [1]
    assert list(count(2)) == [0, 1]


def test_a_generator_method_and_yield_from(runs: Any) -> None:
    class Numbers:
        def __init__(self, limit: int) -> None:
            self.limit = limit

        @hozon.persistent_cache
        def each(self) -> Any:
            runs.add()
            result = yield from inner(self.limit)
            yield result

    def inner(limit: int) -> Any:
        yield from range(limit)
        return "inner is done"

    for _ in range(2):
        assert list(Numbers(2).each()) == [0, 1, "inner is done"]
    assert len(runs) == 1


def async_counting(runs: Any) -> Any:
    @hozon.persistent_cache
    async def count(n: int) -> Any:
        runs.add("start")
        for number in range(n):
            await asyncio.sleep(0)
            yield number
        runs.add("end")

    return count


async def collected(items: Any) -> list[Any]:
    return [item async for item in items]


def test_an_asynchronous_generator_is_replayed(runs: Any) -> None:
    count = async_counting(runs)
    assert [asyncio.run(collected(count(3))) for _ in range(2)] == [[0, 1, 2]] * 2
    assert runs.items == ["start", "end"]


def test_an_asynchronous_generator_that_was_left_is_not_stored(runs: Any) -> None:
    count = async_counting(runs)

    async def first() -> Any:
        generator = count(3)
        item = await anext(generator)
        await generator.aclose()
        return item

    assert asyncio.run(first()) == 0
    assert count.cache_info().currsize == 0
    assert asyncio.run(collected(count(3))) == [0, 1, 2]
    assert runs.items == ["start", "start", "end"]


def test_the_finally_of_an_asynchronous_generator_runs_when_it_is_closed(runs: Any) -> None:
    @hozon.persistent_cache
    async def count() -> Any:
        try:
            yield 1
            yield 2
        finally:
            runs.add("closed")

    async def main() -> list[Any]:
        generator = count()
        await anext(generator)
        await generator.aclose()
        return list(runs.items)

    assert asyncio.run(main()) == ["closed"]


def test_values_sent_to_an_asynchronous_generator(runs: Any) -> None:
    @hozon.persistent_cache
    async def echo() -> Any:
        runs.add()
        received = yield "first"
        yield received

    async def main() -> list[Any]:
        generator = echo()
        return [await anext(generator), await generator.asend("sent"), await collected(generator)]

    with pytest.warns(hozon.HozonWarning, match="sent"):
        assert asyncio.run(main()) == ["first", "sent", []]
    assert asyncio.run(collected(echo())) == ["first", None]
    assert len(runs) == 2


def test_exceptions_thrown_into_an_asynchronous_generator(runs: Any) -> None:
    @hozon.persistent_cache
    async def forgiving() -> Any:
        try:
            yield 1
        except KeyError:
            yield "after"

    async def main() -> list[Any]:
        generator = forgiving()
        return [
            await anext(generator),
            await generator.athrow(KeyError("thrown")),
            await collected(generator),
        ]

    with pytest.warns(hozon.HozonWarning, match="not stored"):
        assert asyncio.run(main()) == [1, "after", []]
    assert asyncio.run(collected(forgiving())) == [1]


def test_cache_exceptions_does_not_concern_generators(runs: Any) -> None:
    @hozon.persistent_cache(cache_exceptions=True)
    def failing() -> Any:
        runs.add()
        yield 1
        raise ValueError("broken")

    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            list(failing())
    assert len(runs) == 2
