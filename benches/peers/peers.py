"""The caches that are compared, each in the way that its own documentation shows first."""

from __future__ import annotations

import functools
import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import Any

Function = Callable[..., Any]


class Peer:
    """One cache. A method that gives None stands for what the cache does not have.

    Attributes:
        folder: Where it may keep its files.
        package: Its distribution.
        imported: What a program imports that uses it.
        leaves_out: Whether its `keeping` keys a result by the number alone.
    """

    package = ""
    imported = ""
    leaves_out = True

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def quick(self, function: Function) -> Function | None:
        """The function with results in memory."""
        return None

    def persistent(self, function: Function) -> Function | None:
        """The function with results on disk."""
        return None

    def keeping(self, function: Function) -> Function | None:
        """`subjects.kept` with results on disk; `value` does not enter the key."""
        return None

    @classmethod
    def version(cls) -> str | None:
        """None if it is not installed."""
        try:
            return importlib.metadata.version(cls.package)
        except importlib.metadata.PackageNotFoundError:
            return None


class Hozon(Peer):
    package = "hozon"
    imported = "from hozon import persistent_cache"

    def quick(self, function: Function) -> Function:
        import hozon

        return hozon.cache(function)

    def persistent(self, function: Function) -> Function:
        import hozon

        return hozon.persistent_cache(save_path=self.folder)(function)

    def keeping(self, function: Function) -> Function:
        import hozon

        return hozon.persistent_cache(save_path=self.folder, ignore=["value"])(function)


class Functools(Peer):
    def quick(self, function: Function) -> Function:
        return functools.cache(function)

    @classmethod
    def version(cls) -> str | None:
        return ""


class Joblib(Peer):
    package = "joblib"
    imported = "import joblib"
    mapping: str | None = None

    def persistent(self, function: Function) -> Function:
        return self._memory().cache(function)  # type: ignore[no-any-return]

    def keeping(self, function: Function) -> Function:
        return self._memory().cache(function, ignore=["value"])  # type: ignore[no-any-return]

    def _memory(self) -> Any:
        import joblib

        return joblib.Memory(self.folder, verbose=0, mmap_mode=self.mapping)


class JoblibMapped(Joblib):
    mapping = "r"


class Diskcache(Peer):
    package = "diskcache"
    imported = "import diskcache"

    def persistent(self, function: Function) -> Function:
        return self._cache().memoize()(function)  # type: ignore[no-any-return]

    def keeping(self, function: Function) -> Function:
        return self._cache().memoize(ignore={1, "value"})(function)  # type: ignore[no-any-return]

    def _cache(self) -> Any:
        import diskcache

        return diskcache.Cache(self.folder, size_limit=1 << 40)


class Cachier(Peer):
    package = "cachier"
    imported = "import cachier"

    def quick(self, function: Function) -> Function:
        import cachier

        return cachier.cachier(backend="memory")(function)

    def persistent(self, function: Function) -> Function:
        import cachier

        return cachier.cachier(cache_dir=self.folder, separate_files=True)(function)

    def keeping(self, function: Function) -> Function:
        import cachier

        def by_number(args: Any, kwds: Any) -> str:
            return str(kwds["number"])

        return cachier.cachier(cache_dir=self.folder, separate_files=True, hash_func=by_number)(function)


class Marimo(Peer):
    package = "marimo"
    imported = "import marimo"
    leaves_out = False

    def quick(self, function: Function) -> Function:
        import marimo

        return marimo.cache(function)  # type: ignore[no-any-return]

    def persistent(self, function: Function) -> Function:
        import marimo

        return marimo.persistent_cache(save_path=self.folder)(function)  # type: ignore[no-any-return]

    def keeping(self, function: Function) -> Function:
        return self.persistent(function)


class Checkpointer(Peer):
    package = "checkpointer"
    imported = "import checkpointer"

    def quick(self, function: Function) -> Function:
        import checkpointer

        return checkpointer.memory_checkpoint(function)  # type: ignore[no-any-return]

    def persistent(self, function: Function) -> Function:
        import checkpointer

        options = {"directory": self.folder, "verbosity": 0}
        return checkpointer.checkpoint(**options)(function)  # type: ignore[arg-type]

    def keeping(self, function: Function) -> Function:
        import checkpointer

        function.__annotations__["value"] = checkpointer.NoHash[Any]
        return self.persistent(function)


class Klepto(Peer):
    package = "klepto"
    imported = "import klepto"

    def quick(self, function: Function) -> Function:
        import klepto

        return klepto.inf_cache()(function)  # type: ignore[no-any-return]

    def persistent(self, function: Function) -> Function:
        return self._decorator()(function)  # type: ignore[no-any-return]

    def keeping(self, function: Function) -> Function:
        return self._decorator(ignore="value")(function)  # type: ignore[no-any-return]

    def _decorator(self, **more: Any) -> Any:
        import klepto
        from klepto.archives import dir_archive
        from klepto.keymaps import picklemap

        return klepto.no_cache(
            cache=dir_archive(self.folder, cached=False, serialized=True),
            keymap=picklemap(serializer="pickle") + klepto.keymaps.hashmap(algorithm="md5"),
            **more,
        )


class Rote(Peer):
    package = "rote"
    imported = "import rote"
    leaves_out = False

    def persistent(self, function: Function) -> Function:
        import rote

        rote.configure(cache_dir=Path(self.folder), min_duration_s=0.0, telemetry=False)
        return rote.cache(function)  # type: ignore[no-any-return]

    def keeping(self, function: Function) -> Function:
        return self.persistent(function)


PEERS: dict[str, type[Peer]] = {
    "hozon": Hozon,
    "functools": Functools,
    "joblib": Joblib,
    "joblib mmap": JoblibMapped,
    "diskcache": Diskcache,
    "cachier": Cachier,
    "marimo": Marimo,
    "checkpointer": Checkpointer,
    "klepto": Klepto,
    "rote": Rote,
}
