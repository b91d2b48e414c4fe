"""What code may expect of IPython: its names in cells of Jupyter, and displays in every cell.

IPython is loaded only if a cell, or a library that it uses, needs it.
"""

from __future__ import annotations

import builtins
import importlib.abc
import importlib.util
import sys
from typing import TYPE_CHECKING, Any

from hozon._displaying import display
from hozon.hosts import _marimo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def install(host: str, namespace: dict[str, Any], path: str = "") -> None:
    """Prepares a process that runs cells of a host in a namespace. Call it before IPython is loaded.

    Args:
        path: The notebook's file.
    """
    patch: dict[str, Callable[[Any], None]]
    if host == "jupyter":
        _name_in_builtins(namespace)
        patch = {"IPython.core.interactiveshell": lambda module: _give_shell(module, namespace)}
    else:
        patch = {"IPython.core.display_functions": _give_display}
    patch["marimo._runtime.output._output"] = _marimo.show_outputs
    if host == "marimo":
        patch["marimo._save.toplevel"] = lambda module: _marimo.give_app(module, path)
        patch["marimo._save.save"] = _marimo.give_methods
        patch["marimo._runtime.runtime"] = _marimo.give_names
        patch["marimo._sql.utils"] = lambda module: _marimo.give_variables(module, namespace)
        sys.meta_path.insert(0, _marimo.Importer(sys.path[0]))
    sys.meta_path.insert(0, _AfterImport(patch))


def _name_in_builtins(namespace: dict[str, Any]) -> None:
    named: Any = builtins
    named.display = _display
    if importlib.util.find_spec("IPython") is None:
        return

    def get_ipython() -> Any:
        """The shell of IPython that runs these cells."""
        from hozon.hosts._shell import shell_of

        return shell_of(namespace)

    named.get_ipython = get_ipython
    named.__IPYTHON__ = True


def _display(*values: Any, **named: Any) -> Any:
    """Shows values as outputs of the cell, as `IPython.display.display` does."""
    functions = sys.modules.get("IPython.core.display_functions")
    return (display if functions is None else functions.display)(*values, **named)


def _give_shell(module: ModuleType, namespace: dict[str, Any]) -> None:
    """Makes the shell when IPython is first asked for one: that is how `display` finds what to show with."""
    shell: Any = module.InteractiveShell
    was_initialized = shell.initialized.__func__
    is_being_made = False

    def initialized(cls: Any) -> bool:
        nonlocal is_being_made
        if not is_being_made and not was_initialized(cls):
            is_being_made = True
            try:
                from hozon.hosts._shell import shell_of

                shell_of(namespace)
            finally:
                is_being_made = False
        return bool(was_initialized(cls))

    shell.initialized = classmethod(initialized)


def _give_display(module: ModuleType) -> None:
    """Without a shell, IPython only prints; here its displays are outputs like others."""
    functions: Any = module
    functions.display = display
    functions.update_display = _update_display
    functions.clear_output = _clear_output
    functions.publish_display_data = _publish


def _update_display(value: Any, *, display_id: str, **named: Any) -> None:
    display(value, display_id=display_id, update=True, **named)


def _clear_output(wait: bool = False) -> None:
    from hozon._displaying import current

    displays = current()
    if displays is not None:
        displays.clear(wait)


def _publish(
    data: Any, metadata: Any = None, *_: Any, transient: Any = None, update: bool = False, **__: Any
) -> None:
    name = (transient or {}).get("display_id")
    display(data, raw=True, metadata=metadata, display_id=name, update=update)


class _AfterImport(importlib.abc.MetaPathFinder):
    """Calls functions with modules that have just been loaded."""

    def __init__(self, functions: dict[str, Callable[[Any], None]]) -> None:
        self._functions = functions

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._functions:
            return None
        after = self._functions.pop(name)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: Any) -> None:
            execute(module)
            after(module)

        loader.exec_module = exec_module
        return spec
