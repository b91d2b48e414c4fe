"""`save` and `load`: results with a name of their own."""

from __future__ import annotations

import functools
import sys

from hozon import _config, _results
from hozon._config import UNSET
from hozon._errors import NotSavedError, said
from hozon._functions import file_of
from hozon._hozon import Computation, Hit
from hozon._running import Run
from hozon._runtime import open_store, store_of, warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")


def save(function: Callable[[], T], name: str, *, save_path: Any = UNSET, ttl: Any = UNSET) -> T:
    """Computes `function()` once and keeps the result under a name that spares it from eviction.

    The key is made of the function's code and the values it reads, as for `persistent_cache`, and of
    the name: a later call with nothing changed restores the result.

    Args:
        function: Called without arguments; a lambda or a function.
        name: What `hozon.load` finds the result by. Any text that is not empty.
        save_path: The folder of the store.
        ttl: How long the result is used: seconds, or a text such as "7d".

    Raises:
        UndigestibleError: A value that the function reads has no digest.
        ValueError: The name is empty.
    """
    name = _checked(name)
    if _config.disabled():
        return function()
    options = _options(file_of(function), save_path, ttl)
    computation = Computation(function, [], options.pins, name)
    keyed = computation.keyed((), {})
    store = store_of(options.folder)
    if keyed is None or store is None:
        return function()
    namespace = getattr(function, "__globals__", {})
    objects = functools.partial(_results.numbered, keyed, function)
    begun = _results.begin(store, keyed, options, name)
    if isinstance(begun, Hit):
        outputs = _results.restored(store, keyed, begun, options, name, namespace, objects)
        if outputs is None:
            return function()
        store.record_hit(begun.key, name, begun.seconds)
        _set_root(store, name, begun.key)
        value: T = outputs[""][1]
        return value
    try:
        _results.note_miss(store, keyed, begun, name)
        with Run(keyed, options, name, objects) as run:
            value = function()
        kept = _results.keep(
            store,
            run,
            kind="saved",
            place=computation.place() or "",
            namespace=namespace,
            results=lambda: [("", "pickle", value)],
        )
        if kept is not None:
            _set_root(store, name, kept.key)
        return value
    finally:
        begun.close()


def load(name: str, *, save_path: Any = UNSET) -> Any:
    """The result that was last saved under a name; no code is needed for it.

    Raises:
        NotSavedError: Nothing is saved under the name, it is gone or damaged, or it needs what this
            program does not have.
        StoreError: The store cannot be used.
    """
    name = _checked(name)
    caller = sys._getframe(1)
    options = _options(_existing(caller.f_globals.get("__file__")), save_path, UNSET)
    store = open_store(options.folder)
    key = store.root(name)
    if key is None:
        raise NotSavedError(
            f"nothing is saved as {name!r} in {options.folder}; hozon.save(function, {name!r}) does it"
        )
    hit = store.get_named(key)
    if hit is None:
        raise NotSavedError(
            f"the result saved as {name!r} in {options.folder} is gone or damaged; save it again"
        )
    try:
        outputs, _ = _results.unpacked(hit, caller.f_globals)
    except Exception as error:
        why = said(error)
        raise NotSavedError(f"the result saved as {name!r} cannot be restored here ({why})") from error
    store.record_hit(key, name, hit.seconds)
    return outputs[""][1]


def _checked(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name must be a str, not {name!r}")
    if not name:
        raise ValueError("the name is empty; give the result a name to load it by")
    return _config.label(name)


def _options(file: str | None, save_path: Any, ttl: Any) -> _config.Options:
    given = {"save_path": save_path, "ttl": ttl}
    return _config.resolve(file, given, name=None, when=None)


def _existing(file: Any) -> str | None:
    import os

    return file if isinstance(file, str) and os.path.isfile(file) else None


def _set_root(store: Any, name: str, key: bytes) -> None:
    try:
        store.set_root(name, key)
    except Exception as error:
        warn_once("root", name, f"the name {name!r} could not be set: {error}")
