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

from hozon import _config, _results, _runtime, _sources
from hozon._errors import StoreError
from hozon._generators import Items, advanced, played, played_async, recorded, recorded_async
from hozon._hozon import Computation, Hit, inherit_trace
from hozon._pickling import loads
from hozon._running import Run
from hozon._runtime import WAIT_SECONDS, store_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from typing import Any

    from hozon._changes import Before
    from hozon._hozon import Keyed, Store, Trace

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
            options.pins,
            None,
        )
        self.namespace: dict[str, Any] = getattr(function, "__globals__", {})
        # Results of this process's own look-ups, by key: value or payload, whether it is the value
        # itself, the seconds that it took, when it was stored, and what its run had looked at.
        self.front: dict[bytes, tuple[Any, bool, float, float, Trace | None]] = {}

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

    def before(self, keyed: Keyed) -> Callable[..., Before]:
        """Numbers the objects that a call may change, when it is called."""
        return functools.partial(_results.numbered, keyed, self.function)

    def run(self, keyed: Keyed, *, is_task: bool = False) -> Run:
        return Run(keyed, self.options, self.name, self.before(keyed), is_task=is_task)

    def audited(self, keyed: Keyed, value: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A hit's value; under `hozon audit`, it is computed again and compared."""
        if _runtime.auditor is not None:
            _runtime.auditor(value, functools.partial(self.function, *args, **kwargs), self.name, keyed)
        return value

    def store(self) -> Store | None:
        return store_of(self.options.folder)

    def place(self) -> str:
        return self.computation.place() or ""

    # A call from start to end. Each flavour of function has its own course; the parts are shared.

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a plain function."""
        if _config.disabled():
            return self.function(*args, **kwargs)
        key = self.computation.known_key(args, kwargs)
        if key is not None and _runtime.auditor is None:
            found, value = self.from_front(key)
            if found:
                return value
        began = time.perf_counter()
        keyed = self.computation.keyed(args, kwargs)
        if keyed is None:
            return self.function(*args, **kwargs)
        keyed_at = time.perf_counter()
        found, value = self.from_front(keyed.key)
        if found:
            return self.audited(keyed, value, args, kwargs)
        store = self.store()
        if store is None:
            return self.function(*args, **kwargs)
        begun = _results.begin(store, keyed, self.options, self.name)
        if isinstance(begun, Hit):
            found_at = time.perf_counter()
            outputs = self.restore(store, keyed, begun)
            if outputs is not None:
                ended = time.perf_counter()
                store.record_hit_cost(self.name, keyed_at - began, found_at - keyed_at, ended - found_at)
                return self.audited(keyed, self.answer(outputs), args, kwargs)
            begun = store.begin(keyed.key, self.name, WAIT_SECONDS, self.options.project)
            if isinstance(begun, Hit):
                return self.function(*args, **kwargs)
        try:
            bound = _results.accepted(store, keyed, self.options, self.name)
            outputs = None if bound is None else self.restore(store, keyed, bound)
            if outputs is not None:
                return self.answer(outputs)
            _results.note_miss(store, keyed, begun, self.name)
            run = self.run(keyed)
            try:
                with run:
                    value = self.function(*args, **kwargs)
            except Exception as error:
                self.keep_exception(store, run, error)
                raise
            self.keep(store, run, value)
            return value
        finally:
            begun.close()

    async def call_async(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a coroutine function: other tasks run while it waits."""
        keyed = None if _config.disabled() else self.computation.keyed(args, kwargs)
        if keyed is None:
            return await self.function(*args, **kwargs)
        found, value = self.from_front(keyed.key)
        if found:
            return value
        store = self.store()
        if store is None:
            return await self.function(*args, **kwargs)
        begun = await _results.begin_in_task(store, keyed, self.options, self.name)
        if isinstance(begun, Hit):
            outputs = self.restore(store, keyed, begun)
            if outputs is not None:
                return self.answer(outputs)
            begun = await _results.begin_in_task(store, keyed, self.options, self.name)
            if isinstance(begun, Hit):
                return await self.function(*args, **kwargs)
        try:
            bound = _results.accepted(store, keyed, self.options, self.name)
            outputs = None if bound is None else self.restore(store, keyed, bound)
            if outputs is not None:
                return self.answer(outputs)
            _results.note_miss(store, keyed, begun, self.name)
            run = self.run(keyed, is_task=True)
            try:
                with run:
                    value = await self.function(*args, **kwargs)
            except Exception as error:
                self.keep_exception(store, run, error)
                raise
            self.keep(store, run, value)
            return value
        finally:
            begun.close()

    def generate(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Generator[Any, Any, Any]:
        """A call of a generator function: a hit plays the items and the return value."""
        keyed = None if _config.disabled() else self.computation.keyed(args, kwargs)
        store = None if keyed is None else self.store()
        if keyed is None or store is None:
            return (yield from self.function(*args, **kwargs))
        begun = _results.begin(store, keyed, self.options, self.name)
        if isinstance(begun, Hit):
            outputs = self.restore(store, keyed, begun)
            if outputs is None:
                return (yield from self.function(*args, **kwargs))
            items, returned = self.answer(outputs)
            return (yield from played(items, returned, lambda: self.function(*args, **kwargs)))
        try:
            _results.note_miss(store, keyed, begun, self.name)
            seen, run = Items(self.name), self.run(keyed)
            returned = yield from recorded(self.function(*args, **kwargs), seen, run)
            if seen.hold():
                self.keep(store, run, (seen.items, returned))
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
        begun = await _results.begin_in_task(store, keyed, self.options, self.name)
        if isinstance(begun, Hit):
            outputs = self.restore(store, keyed, begun)
            if outputs is None:
                return plain(*args, **kwargs)
            return played_async(self.answer(outputs)[0], lambda: self.function(*args, **kwargs))
        _results.note_miss(store, keyed, begun, self.name)
        seen, run = Items(self.name), self.run(keyed, is_task=True)

        def finish() -> None:
            if seen.hold():
                self.keep(store, run, (seen.items, None))

        return recorded_async(plain(*args, **kwargs), seen, run, finish, begun.close)

    # Parts.

    def from_front(self, key: bytes) -> tuple[bool, Any]:
        """The result of an earlier look-up of this process: whether there is one, and the value."""
        kept = self.front.get(key)
        if kept is None or _config.SHORTCUTS == "never":
            return False, None
        value, is_value, seconds, created, trace = kept
        ttl = self.options.ttl
        too_old = ttl is not None and time.time() - created >= ttl
        if too_old or (trace is not None and not trace.holds()):
            self.front.pop(key, None)
            return False, None
        if not is_value:
            try:
                value = loads(value, [], namespace=self.namespace)
            except Exception:
                # The store gives the same bytes: its course warns, forgets them and computes.
                self.front.pop(key, None)
                return False, None
        if trace is not None:
            inherit_trace(trace)
        store = self.store()
        if store is not None:
            store.record_hit(key, self.name, seconds)
        return True, value

    def remember(
        self, key: bytes, payload: bytes, value: Any, seconds: float, created: float, trace: Trace | None
    ) -> None:
        """Keeps a small result in memory for the next look-up."""
        if len(self.front) >= _FRONT_RESULTS:
            self.front.pop(next(iter(self.front)), None)
        is_atom = type(value) in _ATOMS
        self.front[key] = (value if is_atom else payload, is_atom, seconds, created, trace)

    def restore(self, store: Store, keyed: Keyed, hit: Hit) -> dict[str, tuple[str, Any]] | None:
        outputs = _results.restored(
            store, keyed, hit, self.options, self.name, self.namespace, self.before(keyed)
        )
        if outputs is None:
            return None
        store.record_hit(hit.key, self.name, hit.seconds)
        payload = hit.small_payload(_FRONT_BYTES)
        if payload is not None and outputs[""][0] == "pickle":
            self.remember(keyed.key, payload, outputs[""][1], hit.seconds, hit.created, hit.trace)
        return outputs

    def answer(self, outputs: dict[str, tuple[str, Any]]) -> Any:
        codec, value = outputs[""]
        if codec == "exception":
            raise value
        return value

    def keep(self, store: Store, run: Run, value: Any) -> None:
        if _results.is_worth(self.options.when, value, run.seconds, self.name):
            self.keep_output(store, run, "pickle", value)
        else:
            _results.note_run(store, run.keyed, self.name, run.seconds, "its `when` said no")

    def keep_exception(self, store: Store, run: Run, error: Exception) -> None:
        if self.options.cache_exceptions:
            self.keep_output(store, run, "exception", error)
        else:
            why = f"it raised {type(error).__name__}"
            _results.note_run(store, run.keyed, self.name, run.seconds, why)

    def keep_output(self, store: Store, run: Run, codec: str, value: Any) -> None:
        kept = _results.keep(
            store,
            run,
            kind="function",
            place=self.place(),
            namespace=self.namespace,
            results=lambda: [("", codec, value)],
        )
        if kept is None or codec != "pickle" or len(kept.outputs) > 1:
            return
        _name, _codec, payload, buffers = kept.outputs[0]
        if not buffers and len(payload) <= _FRONT_BYTES:
            self.remember(run.keyed.key, payload, value, run.seconds, time.time(), kept.trace)

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
        hit = store.get(keyed.key, self.name, self.options.project)
        if hit is not None:
            too_old = _results.is_too_old(hit, self.options.ttl)
            return f"older than its ttl of {self.options.ttl:g} seconds" if too_old else "hit"
        recipe = keyed.recipe(self.options.explain_values)
        return "\n".join(store.explain(recipe, self.name, self.options.project))

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
                    item = await advanced(generator, sent, thrown)
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
