"""hozon: cached results for notebooks and scripts. Never stale, never lost, never in the way, fast."""

from __future__ import annotations

from hozon._hozon import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hozon import pytest as pytest
    from hozon._blocks import cached_context
    from hozon._calling import Namespace, run
    from hozon._digests import register_digest
    from hozon._errors import (
        BlockError,
        CellError,
        HozonError,
        HozonWarning,
        NotebookError,
        NotSavedError,
        StoreError,
        UnavailableError,
        UndigestibleError,
    )
    from hozon._memory import cache, lru_cache
    from hozon._persistent import persistent_cache
    from hozon._saved import load, save

__all__ = [
    "BlockError",
    "CellError",
    "HozonError",
    "HozonWarning",
    "Namespace",
    "NotSavedError",
    "NotebookError",
    "StoreError",
    "UnavailableError",
    "UndigestibleError",
    "__version__",
    "cache",
    "cached_context",
    "load",
    "lru_cache",
    "persistent_cache",
    "register_digest",
    "run",
    "save",
]

# Where each name is. They are loaded when one is used: the command, which uses none, starts in half the time.
_MODULES = {
    "BlockError": "_errors",
    "CellError": "_errors",
    "HozonError": "_errors",
    "HozonWarning": "_errors",
    "Namespace": "_calling",
    "NotSavedError": "_errors",
    "NotebookError": "_errors",
    "StoreError": "_errors",
    "UnavailableError": "_errors",
    "UndigestibleError": "_errors",
    "cache": "_memory",
    "cached_context": "_blocks",
    "load": "_saved",
    "lru_cache": "_memory",
    "persistent_cache": "_persistent",
    "register_digest": "_digests",
    "run": "_calling",
    "save": "_saved",
}


def __getattr__(name: str) -> object:
    if name == "pytest":
        # It imports pytest, so it is loaded by itself; the import binds the name.
        from importlib import import_module

        return import_module("hozon.pytest")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    # All of them are set: what hozon is must not depend on which name was used first.
    for each, module in _MODULES.items():
        globals()[each] = getattr(import_module(f"{__name__}.{module}"), each)
    return globals()[name]


def load_ipython_extension(shell: object) -> None:
    """`%load_ext hozon`: gives a shell of IPython `%hozon` and `%%cache`."""
    from hozon.hosts._jupyter import load

    load(shell)


def unload_ipython_extension(shell: object) -> None:
    """`%unload_ext hozon`"""
    from hozon.hosts._jupyter import unload

    unload(shell)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
