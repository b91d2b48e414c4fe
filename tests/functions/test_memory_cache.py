"""`hozon.cache` and `hozon.lru_cache`: as functools where they must agree, and never stale."""

from __future__ import annotations

import abc
import asyncio
import copy
import decimal
import functools
import gc
import inspect
import pickle
import subprocess
import sys
import textwrap
import threading
import time
import types
import weakref
from typing import Any

import numpy as np
import pytest

import hozon


@pytest.fixture
def module(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a module of a text; the text may be replaced, as an edit and a reload would."""
    made: list[types.ModuleType] = []

    def make(text: str) -> types.ModuleType:
        import importlib

        name = f"memory_module_{tmp_path.name}".replace("-", "_")
        file = tmp_path / f"{name}.py"
        file.write_text("import hozon\n" + textwrap.dedent(text))
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        try:
            module = importlib.reload(made[0]) if made else importlib.import_module(name)
        finally:
            sys.dont_write_bytecode = before
        made[:] = [module]
        monkeypatch.setitem(sys.modules, name, module)
        return module

    yield make
    for module in made:
        sys.modules.pop(module.__name__, None)


CACHES = [functools.lru_cache(maxsize=None, typed=True), hozon.cache]


@pytest.mark.parametrize("decorate", CACHES)
def test_a_hit_is_the_very_object(decorate: Any) -> None:
    @decorate
    def made(x: Any, y: Any = 2) -> object:
        return object()

    assert made(1) is made(1)
    assert made(1) is not made(1.0)
    assert made(1) is not made(True)
    assert made("a", y="é") is made("a", y="é")
    assert made(b"a") is not made("a")
    assert made.cache_info()[:2] == (4, 6)
    assert made.cache_info().currsize == 6
    made.cache_clear()
    assert made.cache_info()[:4] == (0, 0, None, 0)


@pytest.mark.parametrize("decorate", CACHES)
def test_the_cached_function_looks_like_the_function(decorate: Any) -> None:
    def plain(a: int, *, b: str = "") -> str:
        """Says something."""
        return b * a

    cached = decorate(plain)
    assert cached.__wrapped__ is plain
    assert (cached.__name__, cached.__qualname__, cached.__doc__, cached.__module__) == (
        plain.__name__,
        plain.__qualname__,
        plain.__doc__,
        plain.__module__,
    )
    assert inspect.signature(cached) == inspect.signature(plain)
    assert copy.copy(cached) is copy.deepcopy(cached) is cached
    assert weakref.ref(cached)() is cached
    cached.mark = 1
    assert cached.mark == 1
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        cached()
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        cached(1, c=2)


@pytest.mark.parametrize("decorate", CACHES)
def test_exceptions_are_not_kept(decorate: Any) -> None:
    @decorate
    def failing(x: int) -> None:
        raise ValueError(x)

    first, second = pytest.raises(ValueError, failing, 1), pytest.raises(ValueError, failing, 1)
    assert first.value is not second.value
    assert failing.cache_info()[:4] == (0, 2, None, 0)


@pytest.mark.parametrize("decorate", CACHES)
def test_recursion(decorate: Any) -> None:
    @decorate
    def fib(n: int) -> int:
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    @decorate
    def endless(n: int) -> int:
        return endless(n)

    assert fib(100) == 354224848179261915075
    assert fib.cache_info()[:2] == (98, 101)
    with pytest.raises(RecursionError):
        endless(1)


@pytest.mark.parametrize("lru_cache", [functools.lru_cache, hozon.lru_cache])
def test_the_least_recently_used_goes_first(lru_cache: Any) -> None:
    @lru_cache(maxsize=2)
    def made(x: int) -> object:
        return object()

    one, two = made(1), made(2)
    assert made(1) is one
    made(3)
    assert made(1) is one
    assert made(2) is not two
    assert made.cache_info()[:4] == (2, 4, 2, 2)
    assert made.cache_parameters()["maxsize"] == 2


@pytest.mark.parametrize("lru_cache", [functools.lru_cache, hozon.lru_cache])
def test_forms_of_lru_cache(lru_cache: Any) -> None:
    bare = lru_cache(lambda x: object())
    assert bare(1) is bare(1)
    assert bare.cache_info().maxsize == 128
    never = lru_cache(maxsize=-3)(lambda x: object())
    assert never(1) is not never(1)
    assert never.cache_info()[:4] == (0, 2, 0, 0)
    unbounded = lru_cache(None, typed=True)(lambda x: object())
    assert [unbounded(n) for n in range(500)] == [unbounded(n) for n in range(500)]
    with pytest.raises(TypeError):
        lru_cache("many")


def test_ways_to_pass_an_argument_are_one_call() -> None:
    @hozon.cache
    def made(x: int, /, y: int = 2, *rest: int, z: int = 3, **more: int) -> object:
        return object()

    assert made(1) is made(1, 2) is made(1, y=2) is made(1, z=3) is made(1, 2, z=3)
    assert made(1, a=1, b=2) is made(1, b=2, a=1)
    different = [made(1), made(1, 2, 3), made(1, z=4), made(1, 3), made(1, a=3), made(1, 2, 3, 3)]
    assert len(set(map(id, different))) == len(different)


def test_floats_count_by_their_bits() -> None:
    @hozon.cache
    def made(x: float) -> object:
        return object()

    assert made(0.0) is not made(-0.0)
    assert made(float("nan")) is made(float("nan"))
    assert made(10**30) is made(10**30)
    assert made("\ud800") is made("\ud800")  # type: ignore[arg-type]
    assert made("a" * 5000) is made("a" * 5000)  # type: ignore[arg-type]


def test_arguments_that_functools_refuses() -> None:
    numpy = pytest.importorskip("numpy")

    @hozon.cache
    def made(x: Any) -> object:
        return object()

    items = [1, {"a": [2]}]
    first = made(items)
    assert made([1, {"a": [2]}]) is first
    items[1]["a"].append(3)  # type: ignore[index]
    assert made(items) is not first
    array = numpy.arange(3)
    assert made(array) is made(numpy.arange(3))
    with pytest.raises(hozon.UndigestibleError, match="argument `x`"):
        made(threading.Lock())


def test_a_rebound_global_is_a_miss_and_going_back_is_a_hit(module: Any) -> None:
    made = module("FACTOR = 2\n@hozon.cache\ndef made(x): return [x * FACTOR]\n")
    first = made.made(3)
    made.FACTOR = 5
    assert made.made(3) == [15]
    made.FACTOR = 2
    assert made.made(3) is first


def test_a_mutated_global_is_a_miss_and_going_back_is_a_hit(module: Any) -> None:
    made = module("ITEMS = [1]\n@hozon.cache\ndef made(x): return [x, *ITEMS]\n")
    first = made.made(0)
    made.ITEMS.append(2)
    assert made.made(0) == [0, 1, 2]
    made.ITEMS.pop()
    assert made.made(0) is first


def test_a_closed_over_value_counts() -> None:
    factor = 2

    @hozon.cache
    def scaled(x: int) -> int:
        return x * factor

    assert scaled(3) == 6
    factor = 5
    assert scaled(3) == 15


def test_another_default_is_another_call() -> None:
    def plain(x: int, *, y: int = 1) -> int:
        return x + y

    cached = hozon.cache(plain)
    assert cached(1) == 2
    plain.__kwdefaults__["y"] = 5
    assert cached(1) == 6
    plain.__kwdefaults__ = {"y": 7}
    assert cached(1) == 8


def test_an_edited_helper_is_a_miss(module: Any) -> None:
    text = "def helper(x): return x + {}\n@hozon.cache\ndef made(x): return helper(x)\n"
    made = module(text.format(1))
    cached = made.made
    assert cached(1) == 2
    helper = made.helper
    exec("def helper(x): return x + 50", made.__dict__)
    helper.__code__, made.helper = made.helper.__code__, helper
    assert cached(1) == 51


def test_a_reloaded_helper_is_a_miss(module: Any) -> None:
    made = module("def helper(x): return x + 1\n")

    @hozon.cache
    def total(x: int) -> int:
        return made.helper(x)

    assert total(1) == 2
    made = module("def helper(x): return x + 100\n# longer\n")
    assert total(1) == 101


def test_another_module_under_the_name_that_a_body_imports_is_a_miss(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    file = tmp_path / "imported_in_a_body.py"

    @hozon.cache
    def total(x: int) -> int:
        import imported_in_a_body  # type: ignore[import-not-found]

        return int(imported_in_a_body.helper(x))

    for text, expected in [("x + 1", 2), ("x + 100", 101)]:
        file.write_text(f"def helper(x):\n    return {text}\n")
        monkeypatch.delitem(sys.modules, file.stem, raising=False)
        assert [total(1), total(1)] == [expected] * 2
    assert total.cache_info().hits == 2


def test_a_function_that_changes_its_inputs_is_not_kept() -> None:
    @hozon.cache
    def grow(items: list[int]) -> int:
        items.append(1)
        return len(items)

    items: list[int] = []
    with pytest.warns(hozon.HozonWarning, match="changes `items` in place"):
        assert grow(items) == 1
    assert grow([]) == 1
    assert items == [1]


class Scaled:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    @hozon.cache
    def times(self, x: int) -> list[int]:
        return [self.factor * x]

    @hozon.cache
    @staticmethod
    def plain(x: int) -> list[int]:
        return [x]

    @hozon.lru_cache(maxsize=4)
    @classmethod
    def of_class(cls, x: int) -> list[Any]:
        return [cls.__name__, x]


def test_methods() -> None:
    two = Scaled(2)
    assert two.times(3) is two.times(3) is Scaled(2).times(x=3)
    assert two.times.__self__ is two
    bound = two.times
    assert bound(3) == [6]
    two.factor = 5
    assert two.times(3) == [15]
    assert Scaled.plain(1) is two.plain(1)
    assert Scaled.of_class(1) is two.of_class(1) == ["Scaled", 1]
    assert Scaled.times.cache_info().currsize == 2


def test_threads_that_ask_for_one_result_run_the_body_once() -> None:
    @hozon.cache
    def slow(x: int) -> object:
        time.sleep(0.2)
        return object()

    results: list[object] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        results.append(slow(1))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(results) == 8
    assert len(set(map(id, results))) == 1
    assert slow.cache_info()[:2] == (7, 1)


def test_threads_that_wait_for_each_other_go_on() -> None:
    # Each holds its own result while it asks for the other's: a circle that one of them must break.
    @hozon.cache
    def ping(x: int) -> int:
        time.sleep(0.2)
        return pong(x) + 1 if threading.current_thread().name == "ping" else 1

    @hozon.cache
    def pong(x: int) -> int:
        time.sleep(0.2)
        return ping(x) + 1 if threading.current_thread().name == "pong" else 1

    results: list[int] = []
    threads = [
        threading.Thread(target=lambda f=f: results.append(f(0)), name=name, daemon=True)
        for name, f in (("ping", ping), ("pong", pong))
    ]
    [thread.start() for thread in threads]
    [thread.join(30) for thread in threads]
    assert len(results) == 2


def test_tasks_share_one_run_and_await_many_times() -> None:
    @hozon.cache
    async def slow(x: int) -> object:
        await asyncio.sleep(0.05)
        return object()

    async def main() -> list[object]:
        first = await asyncio.gather(*(slow(1) for _ in range(8)))
        return [*first, await slow(1), await asyncio.create_task(slow(x=1))]

    assert inspect.iscoroutinefunction(slow)
    assert len(set(map(id, asyncio.run(main())))) == 1
    assert asyncio.run(slow(1)) is asyncio.run(slow(1))
    assert slow.cache_info().misses == 1


def test_a_cancelled_task_does_not_cancel_others() -> None:
    @hozon.cache
    async def slow(x: int) -> int:
        await asyncio.sleep(0.05)
        return x

    async def main() -> int:
        first = asyncio.create_task(slow(1))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(slow(1))
        await asyncio.sleep(0.01)
        first.cancel()
        return await second

    assert asyncio.run(main()) == 1


def test_generators_are_replayed() -> None:
    @hozon.cache
    def counted(n: int) -> Any:
        yield from (object() for _ in range(n))
        return "end"

    first = list(counted(3))
    assert list(map(id, counted(3))) == list(map(id, first))
    assert inspect.isgeneratorfunction(counted)
    assert counted.cache_info()[:2] == (1, 1)
    half = counted(4)
    next(half)
    half.close()
    assert counted.cache_info().currsize == 1

    @hozon.cache
    async def later(n: int) -> Any:
        for _ in range(n):
            yield object()

    async def collected() -> list[int]:
        return [id(item) async for item in later(2)]

    assert asyncio.run(collected()) == asyncio.run(collected())


@hozon.cache
def importable(x: int) -> list[int]:
    return [x]


def test_pickles_by_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or types.ModuleType(__name__))
    monkeypatch.setattr(sys.modules[__name__], "importable", importable, raising=False)
    assert pickle.loads(pickle.dumps(importable)) is importable


def test_cloudpickle_carries_a_function_of_main(tmp_path: Any) -> None:
    pytest.importorskip("cloudpickle")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, hozon, cloudpickle\n"
        "@hozon.lru_cache(maxsize=7)\n"
        "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\n"
        "@hozon.cache\n"
        "async def later(n): return n\n"
        "sys.stdout.buffer.write(cloudpickle.dumps((fib, later)))\n"
    )
    dumped = subprocess.run([sys.executable, script], capture_output=True, check=True).stdout
    fib, later = pickle.loads(dumped)
    assert fib(30) == 832040
    assert fib.cache_info().misses == 31
    assert fib.cache_parameters()["maxsize"] == 7
    assert asyncio.run(later(5)) == 5


def test_keys_explanations_and_forgetting(module: Any) -> None:
    made = module("FACTOR = 2\n@hozon.cache\ndef made(x): return x * FACTOR\n")
    cached = made.made
    assert cached.cache_explain(1) == "first run"
    cached(1)
    assert cached.cache_explain(x=1) == "hit"
    assert "x: 1 → 2" in cached.cache_explain(2)
    key = cached.cache_key(1)
    assert len(key) == 64
    assert cached.cache_key(x=1) == key
    made.FACTOR = 3
    assert "FACTOR: 2 → 3" in cached.cache_explain(1)
    assert cached.cache_key(1) != key
    assert not cached.cache_forget(1)
    made.FACTOR = 2
    assert cached.cache_forget(1)
    assert cached.cache_info().currsize == 0
    assert "not kept any more" in cached.cache_explain(1)
    with pytest.raises(TypeError):
        cached.cache_key()


def test_time_saved() -> None:
    @hozon.cache
    def slow(x: int) -> int:
        time.sleep(0.02)
        return x

    slow(1)
    assert slow.cache_info().time_saved == 0
    slow(1)
    assert slow.cache_info().time_saved >= 0.02


def test_the_garbage_collector_frees_a_function_that_reaches_itself() -> None:
    def make() -> weakref.ref[Any]:
        @hozon.cache
        def fib(n: int) -> int:
            return n if n < 2 else fib(n - 1) + fib(n - 2)

        fib(5)
        return weakref.ref(fib)

    made = make()
    gc.collect()
    assert made() is None


def test_callables_that_are_no_functions() -> None:
    power = hozon.cache(functools.partial(pow, 2))
    assert power(10) == power(10) == 1024
    assert power.cache_info()[:2] == (1, 1)
    assert hozon.cache(len)("abc") == 3
    with pytest.raises(TypeError):
        hozon.cache(3)  # type: ignore[call-overload]


def test_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOZON_DISABLE", "1")
    made = hozon.cache(lambda x: object())
    assert made(1) is not made(1)
    assert made.cache_info().currsize == 0


def test_caches_may_be_stacked() -> None:
    @hozon.cache
    @functools.lru_cache
    @hozon.cache
    def made(x: int) -> object:
        return object()

    assert made(1) is made(1)
    assert made.cache_info()[:2] == (1, 1)


class Shape(metaclass=abc.ABCMeta):  # noqa: B024 (it is only registered with)
    """What nothing is, until something is registered."""


class Square:
    """Registered by the test below."""


def test_a_class_that_is_registered_after_the_first_call() -> None:
    @hozon.cache
    def is_shape(side: int) -> bool:
        return issubclass(Square, Shape) and side > 0

    assert not is_shape(1)
    Shape.register(Square)
    assert is_shape(1)


def test_options_of_libraries_that_the_function_reads_without_naming_them_count() -> None:
    @hozon.cache
    def third(number: int) -> str:
        return str(decimal.Decimal(number) / 3)

    @hozon.cache
    def shown(array: Any) -> str:
        return str(array)

    @hozon.cache
    def reads_nothing(number: int) -> int:
        return number + 1

    def misses() -> list[int]:
        return [function.cache_info().misses for function in (third, shown, reads_nothing)]

    array = np.array([1 / 3])
    with decimal.localcontext(), np.printoptions():
        before = third(1), shown(array), reads_nothing(1)
        decimal.getcontext().prec = 5
        np.set_printoptions(precision=2)
        assert (third(1), shown(array), reads_nothing(1)) == ("0.33333", "[0.33]", 2)
        assert (third(1), shown(array)) == ("0.33333", "[0.33]")
        assert misses() == [2, 2, 1]
    assert (third(1), shown(array), reads_nothing(1)) == before
    assert misses() == [2, 2, 1]


def test_options_count_for_what_came_into_a_container_later() -> None:
    held: list[Any] = [1]

    @hozon.cache
    def third() -> str:
        return str(held[0] / 3)

    with decimal.localcontext():
        assert third() == str(1 / 3)
        held[0] = decimal.Decimal(1)
        assert third() == str(decimal.Decimal(1) / 3)
        decimal.getcontext().prec = 5
        assert third() == "0.33333"
        misses = third.cache_info().misses
        assert third() == "0.33333"
        assert third.cache_info().misses == misses
