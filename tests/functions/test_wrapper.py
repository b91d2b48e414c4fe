"""What a wrapper shows and offers."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import hozon

pytestmark = pytest.mark.usefixtures("fresh")


def plain(a: int, b: str = "b", *rest: int, c: float = 1.0, **named: Any) -> str:
    """Says something."""
    return f"{a}{b}{rest}{c}{named}"


async def coroutine(a: int) -> int:
    return a


def generator(a: int) -> Any:
    yield a


async def asynchronous_generator(a: int) -> Any:
    yield a


KINDS = [plain, coroutine, generator, asynchronous_generator]


@pytest.mark.parametrize("function", KINDS, ids=lambda function: function.__name__)
def test_the_wrapper_is_a_real_function_of_the_same_kind(function: Any) -> None:
    cached = hozon.persistent_cache(function)
    for question in (
        inspect.isfunction,
        inspect.iscoroutinefunction,
        inspect.isgeneratorfunction,
        inspect.isasyncgenfunction,
    ):
        expected = question(function)
        assert question(cached) == expected, question.__name__


@pytest.mark.parametrize("function", KINDS, ids=lambda function: function.__name__)
def test_the_wrapper_keeps_names_doc_and_signature(function: Any) -> None:
    function.extra = "attribute"
    cached = hozon.persistent_cache(function)
    for name in ("__name__", "__qualname__", "__doc__", "__module__", "__annotations__", "extra"):
        assert getattr(cached, name) == getattr(function, name)
    assert inspect.signature(cached) == inspect.signature(function)
    assert cached.__wrapped__ is function


@pytest.mark.parametrize("function", KINDS, ids=lambda function: function.__name__)
def test_every_wrapper_offers_the_same(function: Any) -> None:
    cached = hozon.persistent_cache(function)
    assert cached.cache_info() == (0, 0, None, 0, 0.0)
    assert cached.cache_key(1) == cached.cache_key(a=1) != cached.cache_key(2)
    assert "first run" in cached.cache_explain(1)
    assert cached.cache_forget(1) is False
    cached.cache_clear()


def test_info_counts_hits_misses_entries_and_seconds(runs: Any) -> None:
    @hozon.persistent_cache
    def work(x: int) -> int:
        return sum(range(x))

    work(100_000)
    work(100_000)
    work(10)
    info = work.cache_info()
    assert (info.hits, info.misses, info.maxsize, info.currsize) == (1, 2, None, 2)
    assert info.time_saved > 0


def test_clear_removes_what_this_function_stored_and_no_more(runs: Any) -> None:
    @hozon.persistent_cache("first")
    def first(x: int) -> int:
        runs.add("first")
        return x

    @hozon.persistent_cache("second")
    def second(x: int) -> int:
        runs.add("second")
        return -x

    for _ in range(2):
        first(1), first(2), second(1)
    first.cache_clear()
    assert first.cache_info().currsize == 0
    assert second.cache_info().currsize == 1
    first(1), second(1)
    assert runs.items == ["first", "first", "second", "first"]


def test_forget_removes_one_call(runs: Any) -> None:
    @hozon.persistent_cache
    def double(x: int) -> int:
        runs.add(x)
        return x * 2

    double(1), double(2)
    assert double.cache_forget(1)
    assert not double.cache_forget(1)
    double(1), double(2)
    assert runs.items == [1, 2, 1]


FACTOR = 2


def uses_a_global(x: int) -> int:
    return x * FACTOR


def test_explain_says_hit_and_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    cached = hozon.persistent_cache(uses_a_global)
    assert cached.cache_explain(3) == "first run"
    cached(3)
    assert cached.cache_explain(3) == "hit"
    monkeypatch.setitem(globals(), "FACTOR", 5)
    explained = cached.cache_explain(3)
    assert "FACTOR" in explained
    assert "2" in explained
    assert "5" in explained
    assert cached(3) == 15


def test_explain_names_the_argument(runs: Any) -> None:
    cached = hozon.persistent_cache(plain)
    cached(1)
    assert "a" in cached.cache_explain(2).split("\n")[0]
    assert "1 → 2" in cached.cache_explain(2)


def test_explain_of_an_entry_past_its_time_is_no_hit(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    cached = hozon.persistent_cache(ttl="1h")(plain)
    cached(1)
    assert cached.cache_explain(1) == "hit"
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3601)
    assert cached.cache_explain(1) != "hit"


def test_the_key_is_the_one_of_the_entry(tmp_path: Any) -> None:
    cached = hozon.persistent_cache(save_path=tmp_path / "here")(plain)
    cached(1)
    key = cached.cache_key(1)
    entries = [entry for entry in (tmp_path / "here" / "v1" / "entries").rglob("*") if entry.is_file()]
    assert [key] == [(entry.parent.name + entry.name)[:64] for entry in entries]
