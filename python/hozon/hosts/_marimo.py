"""What code may expect of marimo where its kernel does not run: `mo.output` shows outputs of the cell,
`mo.refs` and `mo.defs` tell its names, `mo.cache` finds the notebook's `app`, and `mo.sql` the frames that
are its variables. And the notebook's file does not stand in for a package that marimo imports, whatever its
name is."""

from __future__ import annotations

import contextlib
import functools
import importlib.abc
import importlib.util
import sys
import weakref
from typing import TYPE_CHECKING, Any

from hozon._displaying import current, mime_bundle
from hozon._executing import running_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from hozon._displaying import Displays


def show_outputs(module: Any) -> None:
    """Gives `marimo._runtime.output._output`, which has just been loaded, functions that show."""
    for function in (append, replace, replace_at_index, clear, flush, remove, clear_console):
        setattr(module, function.__name__, function)


# What each cell that runs has stacked: values, and their outputs.
_stacks: weakref.WeakKeyDictionary[Displays, list[tuple[Any, dict[str, Any]]]] = weakref.WeakKeyDictionary()


def append(value: object) -> None:
    """As `mo.output.append`: shows one more value."""
    displays = current()
    if displays is not None:
        mark = displays.mark()
        displays.show(value)
        stack = _stacks.setdefault(displays, [])
        stack.extend((value, output) for output in displays.outputs[mark:])


def replace(value: object) -> None:
    """As `mo.output.replace`: shows a value instead of those that were shown before; text stays."""
    displays = current()
    if displays is not None:
        displays.take_back()
        _stacks.pop(displays, None)
        if value is not None:
            append(value)


def replace_at_index(value: object, idx: int) -> None:
    """As `mo.output.replace_at_index`: shows a value instead of one that was shown before."""
    displays = current()
    if displays is None:
        return
    stack = _stacks.setdefault(displays, [])
    if idx > len(stack):
        raise IndexError(f"idx is {idx}, must be <= {len(stack)}")
    if idx == len(stack):
        append(value)
    else:
        stack[idx] = (value, stack[idx][1])
        flush()


def clear() -> None:
    """As `mo.output.clear`."""
    replace(None)


def flush() -> None:
    """Shows what has changed of values that are shown, as bars of progress do."""
    displays = current()
    if displays is None:
        return
    for value, output in _stacks.get(displays, ()):
        output["data"], output["metadata"] = mime_bundle(value, displays.host, displays.show_error)
    displays.change(lambda outputs: None)


def remove(value: object) -> None:
    """Takes a value away that is shown."""
    displays = current()
    if displays is None:
        return
    stack = _stacks.get(displays, [])
    gone = [id(output) for shown, output in stack if shown is value]
    stack[:] = [part for part in stack if part[0] is not value]

    def take_away(outputs: list[dict[str, Any]]) -> None:
        outputs[:] = [output for output in outputs if id(output) not in gone]

    displays.change(take_away)


def clear_console() -> None:
    """As `mo.output.clear_console`."""
    displays = current()
    if displays is not None:
        displays.clear_console()


def give_app(module: Any, path: str) -> None:
    """Gives `marimo._save.toplevel`, which has just been loaded, the app of the file at a path.

    A notebook that is run as a script has it as a variable, which cells here do not have.
    """

    @functools.cache
    def load() -> Any:
        from marimo._ast.load import load_app

        return load_app(path)

    module.get_app_from_scope = lambda scope: load()


def give_names(module: Any) -> None:
    """Gives `marimo._runtime.runtime`, which has just been loaded, functions that tell a cell's names."""

    def defs() -> tuple[str, ...]:
        return tuple(sorted(_cell().defs))

    def refs() -> tuple[str, ...]:
        return tuple(sorted(_cell().refs - module.BUILTINS))

    module.defs, module.refs = defs, refs


def _cell() -> Any:
    from marimo._ast.compiler import compile_cell

    no_id: Any = ""
    return compile_cell(running_source(), no_id)


def give_methods(module: Any) -> None:
    """Gives `marimo._save.save`, which has just been loaded, methods that are cached outside of the kernel:
    marimo makes what it keys them by for functions alone."""
    call: Any = module._cache_call
    bind = call.__get__

    def bound(self: Any, instance: Any, owner: type | None = None) -> Any:
        method = bind(self, instance, owner)
        if method is not self and method.base_block is None and self._external:
            from marimo._save import toplevel

            graph = toplevel.graph_from_scope(self.scope)
            cell = toplevel.get_cell_id_from_scope(self.__wrapped__, self.scope)
            method.base_block = self._build_base_block(self.__wrapped__, graph, cell)
        return method

    call.__get__ = bound


def give_variables(module: Any, namespace: dict[str, Any]) -> None:
    """Gives `marimo._sql.utils`, which has just been loaded, functions that run SQL in a namespace: DuckDB
    takes names of tables that it does not know for variables of the code that calls it."""

    def duckdb() -> Any:
        import duckdb

        return duckdb

    def wrapped_sql(query: str, connection: Any) -> Any:
        names = {"query": query, "connection": duckdb() if connection is None else connection}
        return eval("connection.sql(query=query)", namespace, names)

    def execute_duckdb_sql(query: str, params: list[Any], connection: Any = None) -> Any:
        names = {"query": query, "params": params, "connection": connection or duckdb()}
        return eval("connection.execute(query, params)", namespace, names)

    module.wrapped_sql = wrapped_sql
    module.execute_duckdb_sql = execute_duckdb_sql


class Importer(importlib.abc.MetaPathFinder):
    """Imports marimo as its kernel does, which is loaded before the notebook's folder is looked into: from
    there a `markdown.py` would be what marimo imports by that name."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._is_asked = False

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "marimo" or self._is_asked:
            return None
        self._is_asked = True
        try:
            with _left_out(self._folder):
                spec = importlib.util.find_spec(name)
        finally:
            self._is_asked = False
        if spec is None or spec.loader is None:
            return spec
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            with _left_out(self._folder):
                execute(module)

        loader.exec_module = exec_module
        return spec


@contextlib.contextmanager
def _left_out(folder: str) -> Iterator[None]:
    """Nothing is imported from a folder of the path, but for what is loaded already."""
    place = sys.path.index(folder) if folder in sys.path else None
    if place is not None:
        del sys.path[place]
    try:
        yield
    finally:
        if place is not None:
            sys.path.insert(place, folder)
