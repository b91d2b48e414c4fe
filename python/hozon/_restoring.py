"""Brings values of a notebook's names back: from the store, by their definitions, by importing."""

from __future__ import annotations

import ast
import contextlib
import os
import types
from typing import TYPE_CHECKING, Any

from hozon._changes import Before
from hozon._config import resolve
from hozon._executing import note_futures, register_source
from hozon._hozon import CellReach
from hozon._pickling import loads
from hozon._runtime import open_store
from hozon._sources import CELL_FILE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hozon._hozon import Hit


class Names:
    """The names of a notebook in one namespace.

    `settings`: `path`, `store`, `project` and `site_folders`.
    """

    def __init__(self, settings: dict[str, Any], namespace: dict[str, Any]) -> None:
        options = resolve(settings["path"], {}, name=None, when=None)
        # What cells show is kept with their displays.
        self.options = options._replace(folder=settings["store"], project=settings["project"], replay=False)
        self.label = os.path.basename(settings["path"])
        self.site_folders: list[str] = settings["site_folders"]
        self.namespace = namespace

    def file_of(self, cell: int, tag: str) -> str:
        """The file name that the code of a cell has."""
        return f"{CELL_FILE}{cell + 1} of {self.label} #{tag}>"

    def reach(self) -> CellReach:
        return CellReach(self.namespace, self.options.pins, self.site_folders)

    def values(self, names: list[str]) -> dict[str, Any]:
        """The values of those names that are there, but for modules, in the order of the names."""
        found = {name: self.namespace[name] for name in names if name in self.namespace}
        return {name: value for name, value in found.items() if not isinstance(value, types.ModuleType)}

    def take(self, step: dict[str, Any]) -> None:
        """Takes a step of `hozon_engine`. Raises what keeps it from being taken."""
        what = step["step"]
        if what == "import":
            from importlib import import_module

            self.namespace[step["name"]] = import_module(step["module"])
        elif what == "define":
            self._define(step)
        elif what == "load":
            self._load(step)
        elif what == "assign":
            self.namespace[step["name"]] = self.parameter(step["name"], step["source"])
        elif what == "take":
            self.namespace.update(self.given())
        elif what == "delete":
            for name in step["names"]:
                self.namespace.pop(name, None)
        else:
            raise ValueError(f"{what!r} is no step")

    def have_submodules(self, modules: Iterable[str]) -> None:
        """Imports what cells have imported that were not run here, so that it is to be found in its package.

        Args:
            modules: `a.b`, and `a:b` for what was taken from a module, which may be another one in it.
        """
        from importlib import import_module

        for module in modules:
            holder, _, name = module.partition(":")
            # What cannot be imported was not there for its cell, either, which caught that.
            with contextlib.suppress(Exception):
                if name and not hasattr(import_module(holder), name):
                    holder = f"{holder}.{name}"
                import_module(holder)

    def parameter(self, name: str, source: str) -> Any:
        """The value of a parameter."""
        return ast.literal_eval(source)

    def given(self) -> dict[str, Any]:
        """The next values that the process of the cells has given."""
        raise ValueError("nothing was given")

    def _define(self, step: dict[str, Any]) -> None:
        """Runs the statements that define functions and classes. They must come out as they were."""
        wanted = dict(step["names"])
        file = self.file_of(step["cell"], step["tag"])
        note_futures(step["source"])
        register_source(step["source"], file, step["first_line"])
        tree = ast.parse(step["source"])
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        tree.body = [part for part in tree.body if isinstance(part, kinds) and part.name in wanted]
        ast.increment_lineno(tree, step["first_line"] - 1)
        exec(compile(tree, file, "exec", dont_inherit=True), self.namespace)
        reach = self.reach()
        for name, digest in wanted.items():
            found, *_ = reach.value(self.namespace[name], False)
            if digest is None or found is None or found.hex() != digest:
                raise ValueError(f"`{name}` is not what it was when its cell ran")

    def _entry(self, key: str) -> Hit:
        hit = open_store(self.options.folder).get_named(bytes.fromhex(key))
        if hit is None:
            raise ValueError("the entry is gone")
        return hit

    def _load(self, step: dict[str, Any]) -> None:
        """Binds the names of a group of values."""
        wanted = f"group {step['group']}"
        found = [output for output in self._entry(step["entry"]).outputs() if output[0] == wanted]
        if not found:
            raise ValueError(f"the entry holds no {wanted}")
        _, _, payload, buffers = found[0]
        if not step["inputs"]:
            pattern, values = loads(payload, buffers, namespace=self.namespace)
        else:
            there = self.values(step["inputs"])
            before = Before(there.items(), snapshots=False)
            pattern, values = loads(
                payload, buffers, namespace=self.namespace, persistent_load=before._object_of
            )
            if pattern != before.pattern():
                raise ValueError("what its cell read is shared in another way")
        self.namespace.update(values)


def parameter_file(exchange: str, name: str) -> str:
    """Where the value of a parameter is, for the process of the cells."""
    return os.path.join(exchange, f"parameter {name}")


def given_file(exchange: str) -> str:
    """Where values are that the process of the cells gives."""
    return os.path.join(exchange, "given")
