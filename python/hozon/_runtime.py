"""The stores that this process has open, and what it has warned of."""

from __future__ import annotations

import _thread
import atexit
import os
import sys
from importlib import import_module

from hozon._config import data_folder, may_have_tiers, store_bound
from hozon._errors import HozonWarning, StoreError
from hozon._hozon import Store, resume_watching, suspend_watching, tier_warnings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

    from hozon._hozon import Keyed

_stores: dict[str, Store | None] = {}
_warned: set[tuple[str, str]] = set()

# What is given each hit while a program is audited: its value, how to compute it again, name and key.
auditor: Callable[[Any, Callable[[], Any], str, Keyed], None] | None = None

# How long a caller waits for another one's result before it computes it itself, in seconds.
WAIT_SECONDS = 900.0


def store_of(folder: str) -> Store | None:
    """The store in a folder, opened once; None where it cannot be used, which is warned of once."""
    try:
        return _stores[folder]
    except KeyError:
        store = _stores[folder] = _open(folder)
        return store


def _open(folder: str) -> Store | None:
    try:
        bound = _bound_of(folder)
        try:
            store = Store(folder, seal_key_file(), bound, tiers=_tiers_of(folder))
        except OSError as error:
            warn_once("seal key", folder, f"{error}; results are kept for this process only")
            store = Store(folder, None, bound)
    except StoreError as error:
        warn_once("store", folder, f"nothing is cached: {error}")
        return None
    for notice in store.notices():
        warn_once("notice", folder, notice)
    tell_of_tiers()
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        _flush_at_end_of_worker()
    return store


def _bound_of(folder: str) -> str | None:
    try:
        return store_bound(folder)
    except (TypeError, ValueError) as error:
        warn_once("bound", folder, f"the store keeps to its usual bound: {error}")
        return None


def _tiers_of(folder: str) -> dict[str, Any] | None:
    """What stands behind the store in a folder; what is wrong with that is warned of."""
    suspend_watching()
    try:
        if not may_have_tiers(folder):
            return None
        from hozon._tiers import configured

        tiers, notes = configured(folder)
    finally:
        resume_watching()
    for note in notes:
        warn_once("tier", note, note)
    return tiers


def tell_of_tiers() -> None:
    """Warns of what has gone wrong with tiers."""
    for said in tier_warnings():
        warn_once("tier", said, said)


def open_store(folder: str) -> Store:
    """The store in a folder, or its error."""
    store = store_of(folder)
    if store is None:
        raise StoreError(f"the store {folder} cannot be used")
    return store


def seal_key_file() -> str:
    return os.path.join(data_folder(), "seal.key")


def warn_once(kind: str, about: str, message: str) -> None:
    """Warns of a fault of the cache, once for each thing that it is about."""
    if (kind, about) in _warned:
        return
    import warnings

    _warned.add((kind, about))
    warnings.warn(message, HozonWarning, stacklevel=_level_outside())


def _level_outside() -> int:
    """How many frames up the first one stands that is not hozon's."""
    level = 2
    frame: FrameType | None = sys._getframe(2)
    here = os.path.dirname(__file__)
    while frame is not None and frame.f_code.co_filename.startswith(here):
        level += 1
        frame = frame.f_back
    return level


# What calls load when they first need it; nothing that has hooks of a fork, which would be half done, nor
# random generators, which a computation under way would take for its own.
_LATE = (
    *("hozon._replaying", "hozon._randomness", "hozon._handles", "hozon._entropy"),
    *("hozon._changes", "hozon._mutable", "hozon._mutable_libraries", "hozon._blocks", "hozon._bodies"),
    *("hozon._time_zone", "hozon._generators", "hozon._memory"),
    *("copy", "ctypes", "dis", "importlib.util", "inspect", "pickle", "tokenize"),
)


def finish_imports() -> None:
    """Before a fork: a child would wait for ever for an import that another thread has under way here."""
    if not _stores or not _thread._count():
        return
    for name in (*_LATE, *_being_loaded()):
        try:
            import_module(name)
        except Exception:
            # Whoever needs it will say so.
            continue


def _being_loaded() -> list[str]:
    loaded = [(name, module) for name, module in tuple(sys.modules.items()) if name.startswith("hozon.")]
    return [
        name for name, module in loaded if getattr(getattr(module, "__spec__", None), "_initializing", False)
    ]


def _before_fork() -> None:
    # Where `_watching` is loaded, it does that before it takes its lock.
    if "hozon._watching" not in sys.modules:
        finish_imports()


def _after_fork_in_child() -> None:
    util = sys.modules.get("multiprocessing.util")
    if util is not None and _stores:
        # If this is a worker of multiprocessing, it calls that when it begins.
        util.register_after_fork(_flush, lambda _: _flush_at_end_of_worker())


def _flush_at_end_of_worker() -> None:
    """Workers of multiprocessing end without `atexit`."""
    util: Any = sys.modules["multiprocessing.util"]
    util.Finalize(None, _flush, exitpriority=0)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)


# How long the end of a process waits for what is on its way to other machines: the next one sends the rest.
SENDING_SECONDS = 5.0


def _flush() -> None:
    for store in _stores.values():
        if store is not None:
            store.flush()
            if store.has_tiers:
                store.finish_sending(SENDING_SECONDS)


atexit.register(_flush)
