"""Functions whose results are kept on disk.

Each wrapper is a plain Python function that closes over one `CachedFunction`, and nothing else: that is
what pickles, cloudpickles, and is recognised by the analysis of code, which looks through it.
"""

from __future__ import annotations

import functools
import sys
import time
from collections import namedtuple
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from hozon import _config, _results, _runtime, _sources
from hozon._errors import StoreError
from hozon._hozon import Computation, Hit
from hozon._pickling import loads
from hozon._runtime import WAIT_SECONDS, store_of, warn_once

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from hozon._hozon import Keyed, Store, Turn

CacheInfo = namedtuple("CacheInfo", ["hits", "misses", "maxsize", "currsize", "time_saved"])

CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR = 0x20, 0x80, 0x200

# Types whose values no caller can change: the memory front hands the value itself out again.
_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})

# What the memory front keeps for each function: this many results of at most this many bytes each.
_FRONT_RESULTS = 1024
_FRONT_BYTES = 64 * 1024


class CachedFunction:
    """A function and how its results are kept: what a wrapper closes over."""

    def __init__(self, function: Callable[..., Any], options: _config.Options) -> None:
        self.function = function
        self.options = options
        self.name = options.name or getattr(function, "__qualname__", None) or repr(function)
        self.computation = Computation(
            function,
            list(options.ignore),
            options.pin_hozon_lib,
            options.pin_sys_libs,
            options.pin_local_libs,
            None,
        )
        self.namespace: dict[str, Any] = getattr(function, "__globals__", {})
        # Results of this process's own look-ups, by key: value or payload, whether it is the value
        # itself, the seconds that it took, and when it was stored.
        self.front: dict[bytes, tuple[Any, bool, float, float]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """A worker gets the texts that the function's code may stand in: it may have no source."""
        return _rebuild, (self.function, self.options, _sources.to_ship(self.function)), self.definitions()

    def definitions(self) -> dict[str, Any]:
        """The functions, classes and modules of its module that its key needs. A pickle by value has
        those that the code reads, but not those that its decorators do."""
        kinds = (FunctionType, ModuleType, type)
        names = self.computation.module_names()
        found = {name: self.namespace[name] for name in names if name in self.namespace}
        return {name: value for name, value in found.items() if isinstance(value, kinds)}

    def __setstate__(self, definitions: dict[str, Any]) -> None:
        for name, value in definitions.items():
            self.namespace.setdefault(name, value)

    def store(self) -> Store | None:
        return store_of(self.options.folder)

    def place(self) -> str:
        return self.computation.place() or ""

    # A call from start to end. Each flavour of function has its own course; the parts are shared.

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a plain function."""
        if _config.disabled():
            return self.function(*args, **kwargs)
        keyed = self.computation.keyed(args, kwargs)
        if keyed is None:
            return self.function(*args, **kwargs)
        found, value = self.from_front(keyed)
        if found:
            if _runtime.auditor is not None:
                _runtime.auditor(value, functools.partial(self.function, *args, **kwargs), self.name, keyed)
            return value
        store = self.store()
        if store is None:
            return self.function(*args, **kwargs)
        begun = _results.begin(store, keyed, self.options.ttl)
        if isinstance(begun, Hit):
            outputs = self.restore(store, keyed, begun)
            if outputs is not None:
                value = self.answer(outputs)
                if _runtime.auditor is not None:
                    _runtime.auditor(
                        value, functools.partial(self.function, *args, **kwargs), self.name, keyed
                    )
                return value
            begun = store.begin(keyed.key, WAIT_SECONDS)
            if isinstance(begun, Hit):
                return self.function(*args, **kwargs)
        try:
            return self.compute(store, keyed, begun, args, kwargs)
        finally:
            begun.close()

    def compute(
        self, store: Store, keyed: Keyed, turn: Turn, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        _results.note_miss(store, keyed, turn, self.name)
        started = time.perf_counter()
        try:
            value = self.function(*args, **kwargs)
        except Exception as error:
            self.keep_exception(store, keyed, error, time.perf_counter() - started)
            raise
        self.keep(store, keyed, value, time.perf_counter() - started)
        return value

    async def call_async(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a coroutine function: other tasks run while it waits."""
        if _config.disabled():
            return await self.function(*args, **kwargs)
        keyed = self.computation.keyed(args, kwargs)
        if keyed is None:
            return await self.function(*args, **kwargs)
        found, value = self.from_front(keyed)
        if found:
            return value
        store = self.store()
        if store is None:
            return await self.function(*args, **kwargs)
        begun = await _results.begin_in_task(store, keyed, self.options.ttl)
        if isinstance(begun, Hit):
            outputs = self.restore(store, keyed, begun)
            if outputs is not None:
                return self.answer(outputs)
            begun = await _results.begin_in_task(store, keyed, None)
            if isinstance(begun, Hit):
                return await self.function(*args, **kwargs)
        try:
            _results.note_miss(store, keyed, begun, self.name)
            started = time.perf_counter()
            try:
                value = await self.function(*args, **kwargs)
            except Exception as error:
                self.keep_exception(store, keyed, error, time.perf_counter() - started)
                raise
            self.keep(store, keyed, value, time.perf_counter() - started)
            return value
        finally:
            begun.close()

    def generate(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Generator[Any, Any, Any]:
        """A call of a generator function: a hit replays the items and the return value."""
        if _config.disabled():
            return (yield from self.function(*args, **kwargs))
        keyed = self.computation.keyed(args, kwargs)
        store = self.store()
        if keyed is None or store is None:
            return (yield from self.function(*args, **kwargs))
        begun = _results.begin(store, keyed, self.options.ttl)
        if isinstance(begun, Hit):
            outputs = self.restore(store, keyed, begun)
            if outputs is None:
                return (yield from self.function(*args, **kwargs))
            items, returned = self.answer(outputs)
            return (yield from _replay(items, returned, lambda: self.function(*args, **kwargs)))
        try:
            _results.note_miss(store, keyed, begun, self.name)
            seen = _Items(self.name)
            started = time.perf_counter()
            returned = yield from _driven(self.function(*args, **kwargs), seen)
            if seen.hold():
                self.keep(store, keyed, (seen.items, returned), time.perf_counter() - started)
            return returned
        finally:
            begun.close()

    async def generate_async(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> AsyncGenerator[Any, Any]:
        """A call of an asynchronous generator function: gives what drives it, with what keeps it."""
        plain: Callable[..., AsyncGenerator[Any, Any]] = self.function
        keyed = None if _config.disabled() else self.computation.keyed(args, kwargs)
        store = self.store() if keyed is not None else None
        if keyed is None or store is None:
            return plain(*args, **kwargs)
        begun = await _results.begin_in_task(store, keyed, self.options.ttl)
        if isinstance(begun, Hit):
            outputs = self.restore(store, keyed, begun)
            if outputs is None:
                return plain(*args, **kwargs)
            return _replay_async(self.answer(outputs)[0], lambda: self.function(*args, **kwargs))
        return self.record_async(store, keyed, begun, self.function(*args, **kwargs))

    async def record_async(
        self, store: Store, keyed: Keyed, turn: Any, generator: AsyncGenerator[Any, Any]
    ) -> AsyncGenerator[Any, Any]:
        """Runs an asynchronous generator and stores what it gave, if it ran to its end by itself."""
        try:
            _results.note_miss(store, keyed, turn, self.name)
            seen = _Items(self.name)
            started = time.perf_counter()
            sent = thrown = None
            try:
                while True:
                    try:
                        item = await _advanced(generator, sent, thrown)
                    except StopAsyncIteration:
                        break
                    thrown = None
                    seen.add(item)
                    try:
                        sent = yield item
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        sent, thrown = None, error
                    seen.was_sent(sent, thrown)
            finally:
                await generator.aclose()
            if seen.hold():
                self.keep(store, keyed, (seen.items, None), time.perf_counter() - started)
        finally:
            turn.close()

    # Parts.

    def from_front(self, keyed: Keyed) -> tuple[bool, Any]:
        """The result of an earlier look-up of this process: whether there is one, and the value."""
        kept = self.front.get(keyed.key)
        if kept is None:
            return False, None
        value, is_value, seconds, created = kept
        ttl = self.options.ttl
        if ttl is not None and time.time() - created >= ttl:
            self.front.pop(keyed.key, None)
            return False, None
        if not is_value:
            try:
                value = loads(value, [], namespace=self.namespace)
            except Exception:
                # The store gives the same bytes: its course warns, forgets them and computes.
                self.front.pop(keyed.key, None)
                return False, None
        store = self.store()
        if store is not None:
            store.record_hit(keyed.key, self.name, seconds)
        return True, value

    def remember(self, key: bytes, payload: bytes, value: Any, seconds: float, created: float) -> None:
        """Keeps a small result in memory for the next look-up."""
        if len(self.front) >= _FRONT_RESULTS:
            self.front.pop(next(iter(self.front)), None)
        is_atom = type(value) in _ATOMS
        self.front[key] = (value if is_atom else payload, is_atom, seconds, created)

    def restore(self, store: Store, keyed: Keyed, hit: Hit) -> dict[str, tuple[str, Any]] | None:
        outputs = _results.restored(store, keyed, hit, self.name, self.namespace)
        if outputs is None:
            return None
        store.record_hit(keyed.key, self.name, hit.seconds)
        payload = hit.small_payload(_FRONT_BYTES)
        if payload is not None and outputs[""][0] == "pickle":
            self.remember(keyed.key, payload, outputs[""][1], hit.seconds, hit.created)
        return outputs

    def answer(self, outputs: dict[str, tuple[str, Any]]) -> Any:
        codec, value = outputs[""]
        if codec == "exception":
            raise value
        return value

    def keep(self, store: Store, keyed: Keyed, value: Any, seconds: float) -> None:
        if not _results.is_worth(self.options.when, value, seconds, self.name):
            _results.note_run(store, keyed, self.name, seconds, "its `when` said no")
            return
        outputs = self.keep_output(store, keyed, "pickle", value, seconds)
        if outputs is not None:
            _name, _codec, payload, buffers = outputs[0]
            if not buffers and len(payload) <= _FRONT_BYTES:
                self.remember(keyed.key, payload, value, seconds, time.time())

    def keep_exception(self, store: Store, keyed: Keyed, error: Exception, seconds: float) -> None:
        if self.options.cache_exceptions:
            self.keep_output(store, keyed, "exception", error, seconds)
        else:
            _results.note_run(store, keyed, self.name, seconds, f"it raised {type(error).__name__}")

    def keep_output(
        self, store: Store, keyed: Keyed, codec: str, value: Any, seconds: float
    ) -> list[_results.Output] | None:
        return _results.keep(
            store,
            keyed,
            name=self.name,
            kind="function",
            place=self.place(),
            seconds=seconds,
            pack=lambda: [_results.packed("", codec, value, self.namespace)],
            explain_values=self.options.explain_values,
        )

    # What the wrapper offers beside the call.

    def info(self) -> CacheInfo:
        store = self.store()
        if store is None:
            return CacheInfo(0, 0, None, 0, 0.0)
        hits, misses, saved = store.totals_of(self.name)
        return CacheInfo(hits, misses, None, store.count_of(self.name), saved)

    def clear(self) -> None:
        self.front.clear()
        store = self.store()
        if store is not None:
            store.forget_name(self.name)

    def key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        return self.fitting(args, kwargs).hex

    def explain(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        keyed = self.fitting(args, kwargs)
        store = self.store()
        if store is None:
            return f"the store {self.options.folder} cannot be used"
        hit = store.get(keyed.key)
        if hit is not None:
            too_old = _results.is_too_old(hit, self.options.ttl)
            return f"older than its ttl of {self.options.ttl:g} seconds" if too_old else "hit"
        return "\n".join(store.explain(keyed.key, keyed.recipe(self.options.explain_values), self.name))

    def forget(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        keyed = self.fitting(args, kwargs)
        self.front.pop(keyed.key, None)
        store = self.store()
        return store is not None and store.forget(keyed.key)

    def fitting(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Keyed:
        """The key of a call. Raises Python's own error where the arguments do not fit."""
        keyed = self.computation.keyed(args, kwargs)
        if keyed is not None:
            return keyed
        import inspect

        inspect.signature(self.function).bind(*args, **kwargs)
        raise TypeError(f"the arguments do not fit {self.name}")


class _Items:
    """What a generator has given: it can be stored if the consumer has changed none of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.items: list[Any] = []
        self.digests: list[bytes | None] = []
        self.interactive = False

    def add(self, item: Any) -> None:
        self.items.append(item)
        self.digests.append(None if type(item) in _ATOMS else _digest(item))

    def was_sent(self, sent: Any, thrown: BaseException | None) -> None:
        self.interactive = self.interactive or sent is not None or thrown is not None

    def hold(self) -> bool:
        if self.interactive:
            warn_once(
                "sent", self.name, f"{self.name} was sent values or exceptions, so its items are not stored"
            )
            return False
        for item, digest in zip(self.items, self.digests, strict=True):
            if digest is not None and _digest(item) != digest:
                warn_once("items", self.name, f"items of {self.name} were changed while it ran: not stored")
                return False
        return True


def _digest(value: Any) -> bytes | None:
    from hozon._errors import UndigestibleError
    from hozon._hozon import value_digest

    try:
        return value_digest(value)
    except UndigestibleError:
        return None


def _driven(
    generator: Generator[Any, Any, Any],
    seen: _Items | None,
    sent: Any = None,
    thrown: BaseException | None = None,
) -> Generator[Any, Any, Any]:
    """`yield from`, with an eye on what goes to and fro."""
    try:
        while True:
            try:
                # `next` suits iterators that are no generators.
                idle = sent is None and thrown is None
                item = next(generator) if idle else _resumed(generator, sent, thrown)
            except StopIteration as stop:
                return stop.value
            thrown = None
            if seen is not None:
                seen.add(item)
            try:
                sent = yield item
            except GeneratorExit:
                raise
            except BaseException as error:
                sent, thrown = None, error
            if seen is not None:
                seen.was_sent(sent, thrown)
    finally:
        generator.close()


def _resumed(generator: Generator[Any, Any, Any], sent: Any, thrown: BaseException | None) -> Any:
    return generator.send(sent) if thrown is None else generator.throw(thrown)


def _replay(
    items: list[Any], returned: Any, start: Callable[[], Generator[Any, Any, Any]]
) -> Generator[Any, Any, Any]:
    """Gives stored items. A value or an exception that is sent needs the generator itself, which is run
    to the same item then."""
    for index, item in enumerate(items):
        sent = thrown = None
        try:
            sent = yield item
        except GeneratorExit:
            raise
        except BaseException as error:
            thrown = error
        if sent is not None or thrown is not None:
            generator = start()
            for _ in range(index + 1):
                next(generator)
            return (yield from _driven(generator, None, sent, thrown))
    return returned


async def _advanced(generator: AsyncGenerator[Any, Any], sent: Any, thrown: BaseException | None) -> Any:
    return await (generator.asend(sent) if thrown is None else generator.athrow(thrown))


async def _replay_async(
    items: list[Any], start: Callable[[], AsyncGenerator[Any, Any]]
) -> AsyncGenerator[Any, Any]:
    """As `_replay`, for an asynchronous generator."""
    generator = None
    sent = thrown = None
    index = 0
    try:
        while True:
            if generator is None and (sent is not None or thrown is not None):
                generator = start()
                for _ in range(index):
                    await anext(generator)
            if generator is None and index == len(items):
                return
            try:
                item = items[index] if generator is None else await _advanced(generator, sent, thrown)
            except StopAsyncIteration:
                return
            index += 1
            sent = thrown = None
            try:
                sent = yield item
            except GeneratorExit:
                raise
            except BaseException as error:
                thrown = error
    finally:
        if generator is not None:
            await generator.aclose()


def _rebuild(
    function: Callable[..., Any], options: _config.Options, sources: dict[str, tuple[str, bool]]
) -> CachedFunction:
    _sources.ship(sources)
    return CachedFunction(function, options)


def wrap(function: Callable[..., Any], options: _config.Options) -> Any:
    """A function that looks the results of `function` up before it runs it."""
    if isinstance(function, (classmethod, staticmethod)):
        return type(function)(wrap(function.__func__, options))
    if not callable(function):
        raise TypeError(f"persistent_cache needs a function, not {function!r}")
    cached = CachedFunction(function, options)
    wrapper = _wrapper_of(cached)
    functools.update_wrapper(wrapper, function)
    wrapper.cache_info = cached.info
    wrapper.cache_clear = cached.clear
    wrapper.cache_key = lambda *args, **kwargs: cached.key(args, kwargs)
    wrapper.cache_explain = lambda *args, **kwargs: cached.explain(args, kwargs)
    wrapper.cache_forget = lambda *args, **kwargs: cached.forget(args, kwargs)
    return wrapper


def _wrapper_of(cached: CachedFunction) -> Any:
    flags = getattr(getattr(cached.function, "__code__", None), "co_flags", 0)
    if flags & CO_COROUTINE or _is_coroutine_function(cached.function):
        return _coroutine_wrapper(cached)
    if flags & CO_ASYNC_GENERATOR:
        return _async_generator_wrapper(cached)
    if flags & CO_GENERATOR:
        return _generator_wrapper(cached)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return cached.call(args, kwargs)

    return wrapper


# The analysis of code knows a wrapper by its file and by its name `wrapper`.


def _coroutine_wrapper(cached: CachedFunction) -> Any:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await cached.call_async(args, kwargs)

    return wrapper


def _async_generator_wrapper(cached: CachedFunction) -> Any:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        generator = await cached.generate_async(args, kwargs)
        sent = thrown = None
        try:
            while True:
                try:
                    item = await _advanced(generator, sent, thrown)
                except StopAsyncIteration:
                    return
                sent = thrown = None
                try:
                    sent = yield item
                except GeneratorExit:
                    raise
                except BaseException as error:
                    thrown = error
        finally:
            await generator.aclose()

    return wrapper


def _generator_wrapper(cached: CachedFunction) -> Any:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        return (yield from cached.generate(args, kwargs))

    return wrapper


def _is_coroutine_function(function: Any) -> bool:
    """Wrappers of coroutine functions by others are marked, where they are marked at all."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and bool(asyncio.iscoroutinefunction(function))


def file_of(function: Any) -> str | None:
    """The file that a function's code stands in; None for notebooks and prompts."""
    import os

    code = getattr(function, "__code__", None)
    file = getattr(code, "co_filename", None)
    if file is None or not os.path.isfile(file):
        module = sys.modules.get(getattr(function, "__module__", None) or "")
        file = getattr(module, "__file__", None)
    return file if file is not None and os.path.isfile(file) else None


__all__ = ["CacheInfo", "CachedFunction", "StoreError", "wrap"]
