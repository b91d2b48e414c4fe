"""What may be decorated: each kind of function gives on a hit what it gave when it ran."""

from __future__ import annotations

import asyncio
import functools
import inspect
import operator
from typing import Any

import pytest

import hozon

pytestmark = pytest.mark.usefixtures("fresh")


def test_a_function(runs: Any) -> None:
    @hozon.persistent_cache
    def double(x: int) -> int:
        runs.add(x)
        return x * 2

    assert [double(2), double(3), double(2)] == [4, 6, 4]
    assert runs.items == [2, 3]


def test_calls_with_parentheses_a_name_or_neither_are_the_same_cache(runs: Any) -> None:
    def double(x: int) -> int:
        runs.add(x)
        return x * 2

    wrappers = [
        hozon.persistent_cache(double),
        hozon.persistent_cache()(double),
        hozon.persistent_cache("doubles")(double),
        hozon.persistent_cache(name="other doubles")(double),
    ]
    assert [wrapper(2) for wrapper in wrappers] == [4] * 4
    assert len(runs) == 1


def test_a_coroutine_function(runs: Any) -> None:
    @hozon.persistent_cache
    async def double(x: int) -> int:
        await asyncio.sleep(0)
        runs.add(x)
        return x * 2

    async def main() -> list[int]:
        return [await double(2), await double(2), *await asyncio.gather(*(double(3) for _ in range(4)))]

    assert asyncio.run(main()) == [4, 4, 6, 6, 6, 6]
    assert runs.items == [2, 3]


def test_a_cancelled_coroutine_stores_nothing(runs: Any) -> None:
    @hozon.persistent_cache(cache_exceptions=True)
    async def slow(pause: Any) -> int:
        runs.add()
        await pause()
        return 1

    async def main() -> int:
        task = asyncio.ensure_future(slow(functools.partial(asyncio.sleep, 0.01)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await slow(functools.partial(asyncio.sleep, 0.01))

    assert asyncio.run(main()) == 1
    assert len(runs) == 2
    assert slow.cache_info().currsize == 1


class Scaled:
    def __init__(self, factor: int, runs: Any) -> None:
        self.factor = factor
        self.runs = runs

    @hozon.persistent_cache
    def times(self, x: int) -> int:
        self.runs.add(x)
        return self.factor * x

    @hozon.persistent_cache
    async def times_later(self, x: int) -> int:
        self.runs.add(x)
        return self.factor * x

    @property
    @hozon.persistent_cache
    def doubled(self) -> int:
        self.runs.add()
        return self.factor * 2


def test_a_method_goes_by_the_state_of_its_object(runs: Any) -> None:
    first, alike, other = Scaled(2, runs), Scaled(2, runs), Scaled(3, runs)
    assert [first.times(5), alike.times(5), other.times(5)] == [10, 10, 15]
    assert len(runs) == 2
    first.factor = 3
    assert first.times(5) == 15
    assert len(runs) == 2
    assert [first.doubled, alike.doubled, other.doubled] == [6, 4, 6]
    assert len(runs) == 4
    assert asyncio.run(alike.times_later(5)) == asyncio.run(alike.times_later(5)) == 10
    assert len(runs) == 5


def test_bound_methods_offer_what_functions_do(runs: Any) -> None:
    scaled = Scaled(2, runs)
    key = Scaled.times.cache_key(scaled, 7)
    scaled.times(7)
    assert len(key) == 64
    assert Scaled.times.cache_explain(scaled, 7) == "hit"
    assert Scaled.times.cache_explain(scaled, 8) != "hit"
    assert Scaled.times.cache_forget(scaled, 7)
    scaled.times(7)
    assert len(runs) == 2


@pytest.mark.parametrize("order", ["cache outside", "cache inside"])
@pytest.mark.parametrize("kind", [staticmethod, classmethod])
def test_static_and_class_methods_in_both_orders(runs: Any, kind: Any, order: str) -> None:
    def body(*args: Any) -> Any:
        runs.add()
        return args[-1] * 2

    decorated: Any = (
        hozon.persistent_cache(kind(body)) if order == "cache outside" else kind(hozon.persistent_cache(body))
    )

    class Holder:
        double = decorated

    assert isinstance(inspect.getattr_static(Holder, "double"), kind)
    assert [Holder.double(4), Holder().double(4), Holder.double(5)] == [8, 8, 10]
    assert len(runs) == 2
    assert Holder.double.cache_info().hits == 1


def test_a_class_method_of_a_subclass_has_its_own_results(runs: Any) -> None:
    class Base:
        factor = 2

        @classmethod
        @hozon.persistent_cache
        def times(cls, x: int) -> int:
            runs.add()
            return cls.factor * x

    class Other(Base):
        factor = 3

    assert [Base.times(2), Other.times(2), Base.times(2), Other.times(2)] == [4, 6, 4, 6]
    assert len(runs) == 2


def test_a_lambda(runs: Any) -> None:
    double = hozon.persistent_cache(lambda x: (runs.add(), x * 2)[1])
    assert [double(2), double(2)] == [4, 4]
    assert len(runs) == 1


def test_two_lambdas_on_one_line_are_told_apart() -> None:
    double, triple = hozon.persistent_cache(lambda x: x * 2), hozon.persistent_cache(lambda x: x * 3)
    assert [double(2), triple(2), double(2), triple(2)] == [4, 6, 4, 6]


def test_functions_made_in_a_loop_go_by_what_they_close_over(runs: Any) -> None:
    def make(factor: int) -> Any:
        @hozon.persistent_cache
        def times(x: int) -> int:
            runs.add()
            return factor * x

        return times

    made = [make(factor) for factor in (1, 2, 1, 3)]
    assert [times(10) for times in made] == [10, 20, 10, 30]
    assert len(runs) == 3


def test_late_binding_in_loops_is_pythons_own(runs: Any) -> None:
    made = []
    for factor in (1, 2, 3):

        @hozon.persistent_cache
        def times(x: int) -> int:
            runs.add()
            return factor * x  # noqa: B023

        made.append(times)
    assert [times(10) for times in made] == [30, 30, 30]
    assert len(runs) == 1


def test_a_nested_function_sees_its_closure_change(runs: Any) -> None:
    factor = 2

    @hozon.persistent_cache
    def times(x: int) -> int:
        runs.add()
        return factor * x

    assert times(2) == 4
    factor = 3
    assert times(2) == 6
    factor = 2
    assert times(2) == 4
    assert len(runs) == 2


def test_a_recursive_function(runs: Any) -> None:
    @hozon.persistent_cache
    def fibonacci(n: int) -> int:
        runs.add(n)
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    assert fibonacci(30) == 832040
    assert sorted(runs.items) == list(range(31))


@hozon.persistent_cache
def countdown(n: int) -> list[int]:
    return [n, *countdown(n - 1)] if n else [0]


@hozon.persistent_cache
def is_even(n: int) -> bool:
    return n == 0 or is_odd(n - 1)


@hozon.persistent_cache
def is_odd(n: int) -> bool:
    return n != 0 and is_even(n - 1)


def test_recursion_through_module_names() -> None:
    assert countdown(3) == [3, 2, 1, 0]
    assert [is_even(6), is_odd(6), is_even(7)] == [True, False, False]
    assert is_even.cache_explain(6) == "hit"


def test_cached_functions_call_each_other(runs: Any) -> None:
    @hozon.persistent_cache
    def inner(x: int) -> int:
        runs.add("inner")
        return x + 1

    @hozon.persistent_cache
    def outer(x: int) -> int:
        runs.add("outer")
        return inner(x) * 2

    assert [outer(1), outer(1), inner(1)] == [4, 4, 2]
    assert runs.items == ["outer", "inner"]


def with_wraps(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs) + 100

    return wrapper


def without_wraps(function: Any) -> Any:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs) + 100

    return wrapper


@pytest.mark.parametrize("other", [with_wraps, without_wraps])
def test_stacked_below_and_above_another_decorator(runs: Any, other: Any) -> None:
    def double(x: int) -> int:
        runs.add()
        return x * 2

    def triple(x: int) -> int:
        runs.add()
        return x * 3

    above = [hozon.persistent_cache(other(function)) for function in (double, triple)]
    below = [other(hozon.persistent_cache(function)) for function in (double, triple)]
    for functions in (above, below):
        assert [function(2) for function in functions * 2] == [104, 106] * 2
    assert len(runs) == 4


def test_stacked_on_itself(runs: Any) -> None:
    @hozon.persistent_cache
    @hozon.persistent_cache
    def double(x: int) -> int:
        runs.add()
        return x * 2

    assert [double(2), double(2)] == [4, 4]
    assert len(runs) == 1


def test_above_functools_caches(runs: Any) -> None:
    @hozon.persistent_cache
    @functools.lru_cache
    def double(x: int) -> int:
        runs.add()
        return x * 2

    assert [double(2), double(2), double(3)] == [4, 4, 6]
    assert len(runs) == 2


def add(runs: Any, x: int, y: int = 0) -> int:
    runs.add()
    return x + y


def test_partial_objects(runs: Any) -> None:
    adders = [functools.partial(add, runs, y=y) for y in (1, 2, 1)]
    cached = [hozon.persistent_cache(adder) for adder in adders]
    assert [adder(10) for adder in cached] == [11, 12, 11]
    assert len(runs) == 2


def test_builtins_and_callable_instances(runs: Any) -> None:
    class Adder:
        def __init__(self, y: int) -> None:
            self.y = y

        def __call__(self, x: int) -> int:
            runs.add()
            return x + self.y

    assert hozon.persistent_cache(operator.add)(2, 3) == 5
    assert hozon.persistent_cache(operator.mul)(2, 3) == 6
    assert hozon.persistent_cache(sorted)([3, 1, 2], reverse=True) == [3, 2, 1]
    assert hozon.persistent_cache(len)("four") == 4
    adders = [hozon.persistent_cache(Adder(y)) for y in (1, 2, 1)]
    assert [adder(10) for adder in adders] == [11, 12, 11]
    assert len(runs) == 2


def test_bound_methods_and_classes_as_the_decorated_thing(runs: Any) -> None:
    class Point:
        def __init__(self, x: int) -> None:
            runs.add()
            self.x = x

        def moved(self, by: int) -> int:
            runs.add()
            return self.x + by

    moved = [hozon.persistent_cache(Point(x).moved) for x in (1, 2, 1)]
    assert len(runs) == 3
    assert [move(10) for move in moved] == [11, 12, 11]
    assert len(runs) == 5


@pytest.mark.parametrize("thing", [3, "text", None, [1]])
def test_what_cannot_be_called_is_refused(thing: Any) -> None:
    if thing is None or isinstance(thing, str):
        assert callable(hozon.persistent_cache(thing))
        return
    with pytest.raises(TypeError, match="needs a function"):
        hozon.persistent_cache(thing)


# How arguments bind.


def test_positions_keywords_and_defaults_are_one_call(runs: Any) -> None:
    @hozon.persistent_cache
    def f(a: int, b: int = 2, *, c: int = 3) -> tuple[int, ...]:
        runs.add()
        return a, b, c

    calls = [f(1), f(1, 2), f(1, b=2), f(a=1, b=2), f(b=2, a=1), f(c=3, b=2, a=1)]
    assert calls == [(1, 2, 3)] * 6
    assert len(runs) == 1
    assert f(2, 1) == (2, 1, 3)
    assert f(1, c=2) == (1, 2, 2)
    assert len(runs) == 3


def test_rest_arguments_and_keywords(runs: Any) -> None:
    @hozon.persistent_cache
    def f(a: int, *rest: int, **named: int) -> Any:
        runs.add()
        return a, rest, sorted(named.items())

    assert f(1, 2, x=3, y=4) == f(1, 2, y=4, x=3) == (1, (2,), [("x", 3), ("y", 4)])
    assert len(runs) == 1
    assert f(1, 2, 3) == (1, (2, 3), [])
    assert f(1, (2, 3)) == (1, ((2, 3),), [])
    assert f(1, x=2) == (1, (), [("x", 2)])
    assert f(1) == (1, (), [])
    assert len(runs) == 5


def test_positional_only_names_may_come_again_as_keywords(runs: Any) -> None:
    @hozon.persistent_cache
    def f(a: int, /, b: int = 0, **named: int) -> Any:
        runs.add()
        return a, b, named

    assert f(1, a=2) == (1, 0, {"a": 2})
    assert f(1, 2) == f(1, b=2) == (1, 2, {})
    assert f(2, a=1) == (2, 0, {"a": 1})
    assert len(runs) == 3


def test_the_order_of_keywords_counts_where_the_function_can_see_it(runs: Any) -> None:
    @hozon.persistent_cache
    def f(**named: int) -> list[str]:
        runs.add()
        return sorted(named)

    assert f(x=1, y=2) == f(y=2, x=1) == ["x", "y"]
    assert len(runs) == 1


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2), {}), ((1,), {"a": 1}), ((1,), {"z": 1})])
def test_arguments_that_do_not_fit_raise_pythons_own_error(args: Any, kwargs: Any) -> None:
    def f(a: int) -> int:
        return a

    cached = hozon.persistent_cache(f)
    with pytest.raises(TypeError) as expected:
        f(*args, **kwargs)
    for call in (cached, cached.cache_key, cached.cache_explain, cached.cache_forget):
        with pytest.raises(TypeError) as raised:
            call(*args, **kwargs)
        if call is cached:
            assert str(raised.value) == str(expected.value)


def test_a_default_that_changes_is_another_input(runs: Any) -> None:
    @hozon.persistent_cache
    def f(x: int, factor: int = 2) -> int:
        runs.add()
        return x * factor

    assert f(5) == 10
    f.__wrapped__.__defaults__ = (3,)
    assert f(5) == 15
    assert f(5, 2) == 10


def test_a_sentinel_default_needs_no_digest(runs: Any) -> None:
    missing = object()

    @hozon.persistent_cache
    def f(x: int, y: Any = missing) -> str:
        runs.add()
        return "no y" if y is not x and not isinstance(y, int) else "y"

    assert [f(1), f(1), f(1, 5)] == ["no y", "no y", "y"]
    assert len(runs) == 2


def test_types_of_equal_arguments_are_told_apart(runs: Any) -> None:
    @hozon.persistent_cache
    def kind(x: Any) -> str:
        runs.add()
        return type(x).__name__

    assert [kind(1), kind(1.0), kind(True), kind("1"), kind(b"1")] == ["int", "float", "bool", "str", "bytes"]
    assert [kind(x) for x in (1, 1.0, True, "1", b"1")] == ["int", "float", "bool", "str", "bytes"]
    assert len(runs) == 5


def test_an_argument_without_a_digest_names_the_ways_out() -> None:
    @hozon.persistent_cache
    def f(rows: Any, connection: Any) -> int:
        return len(rows)

    with pytest.raises(hozon.UndigestibleError) as raised:
        f([1], (number for number in [1]))
    assert raised.value.name == "connection"
    assert raised.value.type_name == "generator"
    assert "ignore=['connection']" in str(raised.value)
    assert "register_digest" in str(raised.value)
    assert hozon.persistent_cache(ignore="connection")(f.__wrapped__)([1], object()) == 1
