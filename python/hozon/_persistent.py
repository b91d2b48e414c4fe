"""`persistent_cache`: a decorator, and a block."""

from __future__ import annotations

import sys

from hozon import _config
from hozon._config import UNSET
from hozon._functions import file_of, wrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Any


class PersistentCache:
    """What `persistent_cache(...)` gives: call it with a function, or enter it as a block."""

    def __init__(self, name: str | None, given: dict[str, Any], when: Any, made: Any) -> None:
        self._name = name
        self._given = given
        self._when = when
        self._made = made
        self._blocks: list[Any] = []

    def __call__(self, function: Callable[..., Any]) -> Any:
        inner = getattr(function, "__func__", function)
        options = _config.resolve(file_of(inner), self._given, name=self._name, when=self._when)
        return wrap(function, options)

    def __enter__(self) -> Any:
        from hozon._blocks import CachedBlock

        for parameter in ("ignore", "cache_exceptions"):
            if self._given.get(parameter, UNSET) is not UNSET:
                raise TypeError(f"{parameter} is for functions; a block has no use for it")
        block = CachedBlock(self._name, self._given, self._when)
        block._made = self._made
        self._blocks.append(block)
        try:
            return block.enter(levels=2)
        except BaseException:
            self._blocks.pop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return bool(self._blocks.pop().leave(kind, error))


def persistent_cache(
    function: Any = None,
    /,
    save_path: Any = UNSET,
    method: str = "pickle",
    store: Any = None,
    fn: Any = None,
    *,
    name: str | None = None,
    max_size: Any = UNSET,
    ttl: Any = UNSET,
    ignore: str | Iterable[str] = UNSET,
    pin_hozon_lib: str | None = UNSET,
    pin_sys_libs: str | None = UNSET,
    pin_local_libs: str | None = UNSET,
    track_files: bool = UNSET,
    cache_exceptions: bool = UNSET,
    allow: str | Iterable[str] = UNSET,
    replay: bool = UNSET,
    explain_values: bool = UNSET,
    when: Callable[[Any, float], bool] | None = None,
    pin_modules: bool = False,
) -> Any:
    """Keeps the results of a function, or of a block, on disk.

    A result is used again only if the function's code, the code that it reaches, the values that it
    reads, its arguments, and the files, environment variables and random states that it looked at are
    what they were. What a hit gives is independent of every other hit. Arguments that the function
    changes in place are changed on a hit, too, and what it printed is shown again.

        @hozon.persistent_cache
        def features(table, window=7): ...

        @hozon.persistent_cache("features", ttl="7d", ignore=["verbose"])
        def features(table, window=7, verbose=False): ...

        with hozon.persistent_cache("expensive"):
            x = expensive_call()

    Args:
        function: The function, or a name.
        name: The label in listings; for a function the qualified name is the default. It is part of
            the key only for blocks.
        save_path: The folder of the store. Default: `.hozon` in the project's folder.
        max_size: The most that is kept of this name: a number of entries, or a size such as "2 GiB". Of
            more, what is worth least for its size goes.
        ttl: How long a result is used: seconds, or a text such as "45s", "12h", "7d".
        ignore: Names of arguments that do not enter the key.
        pin_hozon_lib: How much of hozon's version counts: "patch", "minor", "major" or None.
        pin_sys_libs: How much of the versions of installed distributions counts, of those that the
            code reaches.
        pin_local_libs: "code": local code counts as it is written. Or how much of `__version__` of
            other local modules counts.
        track_files: Record the files, directories and environment variables that the computation reads,
            and verify them at look-up. False: they are no inputs.
        cache_exceptions: Keep an exception that was raised, and raise it on a hit.
        allow: What the computation may do although it cannot be verified, without a warning: "network",
            "subprocess", "clock", "randomness", "identity", "append", "native", "dynamic".
        replay: Show text, warnings and log records of the computation again on a hit.
        explain_values: Keep texts and other values in clear for explanations. By default only numbers,
            booleans and None are; of everything else the type and size.
        pin_modules: As `mo.persistent_cache` has it: True is `pin_sys_libs="patch"`.
        method, store, fn: `mo.persistent_cache` has them. The methods "pickle" and "lazy" are what hozon
            does; anything else raises TypeError or ValueError and says what to do.
        when: Called with the result and the seconds it took; if it gives False, nothing is stored.

    Raises:
        UndigestibleError: When called: an input has no digest.
        ValueError: A parameter has a value that it cannot have.
    """
    _refuse_of_marimo(method, store, fn)
    if isinstance(function, str):
        if name is not None:
            raise TypeError("the name is given twice")
        function, name = None, function
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name must be a str, not {name!r}")
    if name == "":
        raise ValueError("the name is empty; leave it out, or give one that listings can show")
    given = {
        "save_path": save_path,
        "max_size": max_size,
        "ttl": ttl,
        "ignore": ignore,
        "pin_hozon_lib": pin_hozon_lib,
        "pin_sys_libs": _config.pin_of_modules(pin_modules, pin_sys_libs),
        "pin_local_libs": pin_local_libs,
        "track_files": track_files,
        "cache_exceptions": cache_exceptions,
        "allow": allow,
        "replay": replay,
        "explain_values": explain_values,
    }
    caller = sys._getframe(1)
    cache = PersistentCache(name, given, when, (caller.f_code, caller.f_lasti))
    return cache if function is None else cache(function)


def _refuse_of_marimo(method: str, store: Any, fn: Any) -> None:
    """Raises for parameters of `mo.persistent_cache` that mean something that hozon does not do."""
    if method not in ("pickle", "lazy"):
        raise ValueError(
            f"method is {method!r}; hozon keeps values as they are, by 'pickle' or 'lazy': leave it out"
        )
    if store is not None:
        raise TypeError("hozon takes no store of marimo's; give save_path, the folder of a store")
    if fn is not None:
        raise TypeError("give the function as the first argument, without fn=")
