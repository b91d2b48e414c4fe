"""Functions whose results are kept in memory: `hozon.cache` and `hozon.lru_cache`.

Plain functions become a native callable. Coroutine functions and generator functions stay functions of
their kind: a wrapper around the same native table.
"""

from __future__ import annotations

import functools
import sys
import time
import weakref

from hozon import _config, _sources
from hozon._config import UNSET
from hozon._functions import (
    CO_ASYNC_GENERATOR,
    CO_COROUTINE,
    CO_GENERATOR,
    CacheInfo,
    _is_coroutine_function,
    file_of,
)
from hozon._generators import Items
from hozon._hozon import Memory, memory_of
from hozon._records import Record
from hozon._runtime import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Generator
    from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

    from hozon._hozon import Missing

    P = ParamSpec("P")
    R = TypeVar("R")
    S = TypeVar("S")

    class Cached(Protocol, Generic[P, R]):
        """A function whose results are kept in memory."""

        __wrapped__: Callable[P, R]
        __name__: str
        __qualname__: str

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R: ...
        @overload
        def __get__(self, instance: None, owner: type) -> Cached[P, R]: ...
        @overload
        def __get__(
            self: Cached[Concatenate[S, P], R], instance: S, owner: type | None = None
        ) -> Cached[P, R]: ...
        def cache_info(self) -> CacheInfo: ...
        def cache_parameters(self) -> dict[str, Any]: ...
        def cache_clear(self) -> None: ...
        def cache_key(self, *args: P.args, **kwargs: P.kwargs) -> str: ...
        def cache_forget(self, *args: P.args, **kwargs: P.kwargs) -> bool: ...
        def cache_explain(self, *args: P.args, **kwargs: P.kwargs) -> str: ...
else:

    def overload(function: Callable[..., Any]) -> Callable[..., Any]:
        """As `typing.overload`, which ruff knows: loading `typing` would take a good part of a short run."""
        return function


_METHODS = ("cache_info", "cache_parameters", "cache_clear", "cache_key", "cache_forget", "cache_explain")


class Parameters(Record):
    """What a memory is made with, beside its function."""

    maxsize: int | None
    pins: tuple[str | None, str | None, str | None, str]


@overload
def cache(
    function: Callable[P, R],
    /,
    *,
    pin_hozon_lib: str | None = ...,
    pin_sys_libs: str | None = ...,
    pin_local_libs: str | None = ...,
    pin_modules: bool = ...,
) -> Cached[P, R]: ...
@overload
def cache(  # noqa: F811
    *,
    pin_hozon_lib: str | None = ...,
    pin_sys_libs: str | None = ...,
    pin_local_libs: str | None = ...,
    pin_modules: bool = ...,
) -> Callable[[Callable[P, R]], Cached[P, R]]: ...
def cache(  # noqa: F811
    function: Any = None,
    /,
    *,
    pin_hozon_lib: str | None = UNSET,
    pin_sys_libs: str | None = UNSET,
    pin_local_libs: str | None = UNSET,
    pin_modules: bool = False,
    name: Any = None,
    loader: Any = None,
) -> Any:
    """Keeps the results of a function in memory, for as long as they are right.

    As `functools.cache`, and never stale: a change to the function, to a helper that it calls, or to a
    value that it reads is a miss. Going back to what it was is a hit again. Any argument that has a
    digest will do: lists, dicts, arrays, frames.

        PI = 3.14

        @hozon.cache
        def area(radius):
            return PI * radius**2

        area(2)                    # 12.56
        PI = 3.14159
        area(2)                    # 12.56636: another value of PI, another result
        area.cache_info().misses   # 2

    A hit gives the very object that was computed, as `functools.cache` does. Types always count: 1, 1.0
    and True are three arguments. A result is not kept if the function has changed its own inputs in
    place, since a hit would not do that.

    `HOZON_DISABLE=1` is read when the function is decorated: every call then goes through. `pin_modules`
    is `mo.cache`'s: True is `pin_sys_libs="patch"`.
    """
    _refuse_block("cache", function, name)
    if loader is not None:
        raise TypeError(
            "hozon.cache takes no loader: it keeps results in memory; leave it out, or use "
            "hozon.persistent_cache to keep them on disk"
        )
    given = {
        "pin_hozon_lib": pin_hozon_lib,
        "pin_sys_libs": _config.pin_of_modules(pin_modules, pin_sys_libs),
        "pin_local_libs": pin_local_libs,
    }
    if function is None:
        return lambda function: _decorated(function, None, given)
    return _decorated(function, None, given)


@overload
def lru_cache(maxsize: Callable[P, R], /) -> Cached[P, R]: ...
@overload
def lru_cache(  # noqa: F811
    maxsize: int | None = ...,
    typed: bool = ...,
    *,
    pin_hozon_lib: str | None = ...,
    pin_sys_libs: str | None = ...,
    pin_local_libs: str | None = ...,
    pin_modules: bool = ...,
) -> Callable[[Callable[P, R]], Cached[P, R]]: ...
def lru_cache(  # noqa: F811
    first: Any = UNSET,
    /,
    typed: bool = False,
    *,
    maxsize: Any = UNSET,
    pin_hozon_lib: str | None = UNSET,
    pin_sys_libs: str | None = UNSET,
    pin_local_libs: str | None = UNSET,
    pin_modules: bool = False,
    name: Any = None,
) -> Any:
    """Keeps the last used results of a function in memory, at most `maxsize` of them (None: all).

    As `functools.lru_cache`, and never stale: see `hozon.cache`. `typed` is there for compatibility;
    types always count.

        @hozon.lru_cache(maxsize=32)
        def initials(name): ...

        @hozon.lru_cache
        def twice(number): ...

    `pin_modules` is `mo.lru_cache`'s: True is `pin_sys_libs="patch"`.
    """
    _refuse_block("lru_cache", first, name)
    given = {
        "pin_hozon_lib": pin_hozon_lib,
        "pin_sys_libs": _config.pin_of_modules(pin_modules, pin_sys_libs),
        "pin_local_libs": pin_local_libs,
    }
    if callable(first) or isinstance(first, (classmethod, staticmethod)):
        return _decorated(first, _size(maxsize), given)
    if first is not UNSET and maxsize is not UNSET:
        raise TypeError(f"maxsize is given twice: {first!r} and {maxsize!r}")
    size = _size(maxsize if first is UNSET else first)
    return lambda function: _decorated(function, size, given)


def _size(maxsize: Any) -> int | None:
    if maxsize is UNSET:
        return 128
    if maxsize is not None and not isinstance(maxsize, int):
        raise TypeError(f"maxsize is {maxsize!r}; it must be an int or None")
    return None if maxsize is None else max(maxsize, 0)


def _refuse_block(cache: str, function: Any, name: Any) -> None:
    """marimo's caches in memory take a name, and serve as blocks then."""
    given = function if isinstance(function, str) else name
    if given is not None:
        raise TypeError(
            f"hozon.{cache} is for functions, and takes no name ({given!r}); for a block, write "
            f"`with hozon.cached_context({given!r}):`, which keeps its result on disk"
        )


def _decorated(function: Any, maxsize: int | None, given: dict[str, Any]) -> Any:
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(_decorated(function.__func__, maxsize, given))
    if not callable(function):
        raise TypeError(f"a function is needed, not {function!r}")
    options = _config.resolve(file_of(function), given, name=None, when=None)
    return _made(function, Parameters(maxsize=maxsize, pins=options.pins))


def _made(function: Any, parameters: Parameters) -> Any:
    memory = _memory(function, parameters)
    wrapper = _wrapper_of(memory, function)
    if wrapper is not memory:
        functools.update_wrapper(wrapper, function)
        for method in _METHODS:
            setattr(wrapper, method, getattr(memory, method))
    return wrapper


def _memory(function: Any, parameters: Parameters) -> Memory:
    memory = memory_of(function, parameters.maxsize, _config.disabled(), parameters.pins)
    functools.update_wrapper(memory, function)
    # A function that another cache made brings its own: what is asked of this one is answered by it.
    for method in _METHODS:
        memory.__dict__.pop(method, None)
    _parameters[memory] = parameters
    return memory


def _wrapper_of(memory: Memory, function: Any) -> Any:
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    if flags & CO_COROUTINE or _is_coroutine_function(function):
        return _coroutine_wrapper(memory)
    if flags & CO_ASYNC_GENERATOR:
        return _async_generator_wrapper(memory)
    if flags & CO_GENERATOR:
        return _generator_wrapper(memory)
    return memory


# The analysis of code knows a wrapper by its file and by its name `wrapper`.


def _coroutine_wrapper(memory: Memory) -> Any:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await _await(memory, args, kwargs)

    return wrapper


def _async_generator_wrapper(memory: Memory) -> Any:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        async for item in _generate_async(memory, args, kwargs):
            yield item

    return wrapper


def _generator_wrapper(memory: Memory) -> Any:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        return (yield from _generate(memory, args, kwargs))

    return wrapper


def _generate(memory: Memory, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Generator[Any, Any, Any]:
    """A call of a generator function: a hit replays the items and the return value.

    Each consumer that comes before the first has reached the end runs a generator of its own.
    """
    function = memory.__wrapped__
    begun = memory._begin(*args, **kwargs)
    if begun is None:
        return (yield from function(*args, **kwargs))
    if isinstance(begun, tuple):
        items, returned = begun[0]
        yield from items
        return returned
    memory._note_run(begun, args, kwargs)
    return (yield from _record(memory, begun, function(*args, **kwargs)))


def _record(
    memory: Memory, missing: Missing, generator: Generator[Any, Any, Any]
) -> Generator[Any, Any, Any]:
    """Runs a generator and keeps what it gave, if it was run to its end and sent nothing."""
    items = Items(memory.__qualname__)
    started = time.perf_counter()
    action: Any = generator.__next__
    try:
        while True:
            try:
                item = action()
            except StopIteration as stop:
                if items.hold():
                    memory._keep(missing, (items.items, stop.value), time.perf_counter() - started)
                return stop.value
            items.add(item)
            try:
                sent = yield item
            except GeneratorExit:
                raise
            except BaseException as error:
                items.was_sent(None, error)
                action = functools.partial(generator.throw, error)
            else:
                items.was_sent(sent, None)
                action = generator.__next__ if sent is None else functools.partial(generator.send, sent)
    finally:
        generator.close()


async def _generate_async(
    memory: Memory, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> AsyncIterator[Any]:
    """A call of an asynchronous generator function."""
    begun = memory._begin(*args, **kwargs)
    if isinstance(begun, tuple):
        for item in begun[0][0]:
            yield item
        return
    if begun is not None:
        memory._note_run(begun, args, kwargs)
    items = Items(memory.__qualname__)
    started = time.perf_counter()
    async for item in memory.__wrapped__(*args, **kwargs):
        if begun is not None:
            items.add(item)
        yield item
    if begun is not None and items.hold():
        memory._keep(begun, (items.items, None), time.perf_counter() - started)


class _Run:
    """A coroutine under way: its task, and what wakes the tasks that wait for it."""

    def __init__(self, task: asyncio.Task[Any] | None, done: asyncio.Future[None]) -> None:
        self.task = task
        self.done = done


# The runs under way of all event loops, by function and key; and what each waiting task waits for.
_runs: dict[tuple[int, bytes], _Run] = {}
_waiting: dict[Any, _Run] = {}


async def _await(memory: Memory, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A call of a coroutine function: of the tasks that ask for one missing result, one runs.

    If that one fails or is cancelled, the next runs: nobody gets another's exception.
    """
    import asyncio

    while True:
        begun = memory._begin(*args, **kwargs)
        if begun is None:
            return await memory.__wrapped__(*args, **kwargs)
        if isinstance(begun, tuple):
            return begun[0]
        task = asyncio.current_task()
        place = id(memory), begun.key
        run = _runs.get(place)
        if run is None:
            done = asyncio.get_running_loop().create_future()
            run = _runs[place] = _Run(task, done)
            try:
                return await _compute(memory, begun, args, kwargs)
            finally:
                _runs.pop(place, None)
                if not done.done():
                    done.set_result(None)
        # Another event loop cannot be waited for, nor can a task that waits for this one.
        if run.done.get_loop() is not asyncio.get_running_loop() or _leads_to(run, task):
            return await _compute(memory, begun, args, kwargs)
        _waiting[task] = run
        try:
            await asyncio.shield(run.done)
        finally:
            _waiting.pop(task, None)


async def _compute(memory: Memory, missing: Missing, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    memory._note_run(missing, args, kwargs)
    started = time.perf_counter()
    result = await memory.__wrapped__(*args, **kwargs)
    memory._keep(missing, result, time.perf_counter() - started)
    return result


def _leads_to(run: _Run | None, task: Any) -> bool:
    """Whether a run's task is `task`, or waits for a run whose task is, and so on."""
    for _ in range(len(_waiting) + 1):
        if run is None:
            return False
        if run.task is task:
            return True
        run = _waiting.get(run.task)
    return False


def warn_of_changed_inputs(name: str, changed: list[str]) -> None:
    """Says why a result is not kept."""
    names = ", ".join(f"`{changed_name}`" for changed_name in changed)
    message = f"{name} changes {names} in place, so its result is not kept: a hit would not do that"
    warn_once("changed input", name, message)


# Pickling.

_parameters: weakref.WeakKeyDictionary[Memory, Parameters] = weakref.WeakKeyDictionary()


def reduced(memory: Memory) -> Any:
    """Pickles by name, as functions do; cloudpickle gets the function of a notebook or script itself."""
    caller = sys._getframe(1).f_globals.get("__name__", "")
    by_value = getattr(memory, "__module__", "") == "__main__" and "cloudpickle" in caller
    if not by_value and _is_found(memory):
        return memory.__qualname__
    function = memory.__wrapped__
    return rebuild, (function, _parameters[memory], _sources.to_ship(function))


def _is_found(memory: Memory) -> bool:
    found: Any = sys.modules.get(getattr(memory, "__module__", ""))
    for part in getattr(memory, "__qualname__", "").split("."):
        found = getattr(found, part, None)
    return found is memory


def rebuild(function: Any, parameters: Parameters, sources: dict[str, tuple[str, bool]]) -> Memory:
    """A worker's memory starts empty."""
    _sources.ship(sources)
    return _memory(function, parameters)
