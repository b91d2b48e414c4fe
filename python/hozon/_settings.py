"""Statements of cells that set something of a library, seen in their text.

`alt.renderers.enable("svg")`, `pio.templates.default = "none"`, `pd.DataFrame.shape_of = f`, what is
registered with pandas: nobody outside of the library can tell what they have changed, so that only running
them again does it, and whatever runs later depends on them. What `_process_state` looks at is left out, and
what is there to draw, print or seed.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
import types
from typing import TYPE_CHECKING, Any

from hozon._hozon import is_local_module

if TYPE_CHECKING:
    from collections.abc import Iterator

# Their calls set nothing but what `_process_state` and the watching of a run see.
_KNOWN = frozenset({"hozon", "marimo", "matplotlib", "numpy", "pandas", "seaborn", "IPython"})

# Of known libraries, what may be assigned to: it is looked at.
_LOOKED_AT = frozenset({"rcParams", "options", "environ", "path"})

# What the names of functions that register begin with.
_REGISTER = "register"

# They read names that no text shows.
_READ_ANY_NAME = frozenset({"eval", "exec", "globals", "locals", "vars"})

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def first_that_sets(source: str, namespace: dict[str, Any], *, shows_value: bool) -> str | None:
    """The first statement of a cell that has run which may have set something of a library, in one line.

    Args:
        shows_value: Its last expression has a value: then that is no call for what it does.
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "commands that are no Python"
    finder = _Finder(namespace, shown=body[-1] if shows_value and body else None)
    found = next((statement for statement in _statements(body) if finder.sets(statement)), None)
    return None if found is None else _in_one_line(found)


def without_unused_imports(source: str) -> str:
    """The code of a cell without the imports of names that it does not read itself, in one form: what is
    imported beside does not count for what the cell sets."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
    others = [statement for statement in body if not isinstance(statement, ast.Import | ast.ImportFrom)]
    used = {part.id for statement in others for part in ast.walk(statement) if isinstance(part, ast.Name)}
    if used.isdisjoint(_READ_ANY_NAME):
        body = [statement for statement in body if statement in others or _binds_one_of(statement, used)]
    return ast.unparse(ast.Module(body=body, type_ignores=[]))


def _binds_one_of(statement: Any, used: set[str]) -> bool:
    names = {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    return "*" in names or not names.isdisjoint(used)


def _in_one_line(statement: ast.stmt) -> str:
    """A statement as it is called: for a definition its decorators, which are what sets something."""
    if isinstance(statement, _DEFINITIONS):
        return f"@{ast.unparse(statement.decorator_list[0])} … {statement.name}"
    return textwrap.shorten(ast.unparse(statement), 80, placeholder=" …")


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run with the cell, those in blocks as well, but not those of functions."""
    for statement in body:
        yield statement
        if not isinstance(statement, _DEFINITIONS):
            for part in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, part, []))
            for block in (*getattr(statement, "handlers", []), *getattr(statement, "cases", [])):
                yield from _statements(block.body)


class _Finder:
    """Tells which statements set something, by what their names stand for."""

    def __init__(self, namespace: dict[str, Any], shown: ast.stmt | None = None) -> None:
        self.namespace = namespace
        self.shown = shown
        # Functions of the notebook that have been looked into, or are being.
        self.looked_into: set[types.FunctionType] = set()

    def sets(self, statement: ast.stmt) -> bool:
        if isinstance(statement, _DEFINITIONS):
            return any(self._decorator_sets(decorator) for decorator in statement.decorator_list)
        if any(self._is_assigned(target) for target in _targets(statement)):
            return True
        if isinstance(statement, ast.Expr) and statement is not self.shown:
            value = statement.value.value if isinstance(statement.value, ast.Await) else statement.value
            if isinstance(value, ast.Call) and self._is_of_unknown_library(value.func):
                return True
        return any(self._call_sets(call) for part in _parts(statement) for call in _calls(part))

    def _decorator_sets(self, decorator: ast.expr) -> bool:
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        return (
            self._registers(function)
            or self._own_function_sets(function)
            or any(self._call_sets(call) for call in _calls(decorator))
        )

    def _call_sets(self, call: ast.Call) -> bool:
        if isinstance(call.func, ast.Name) and call.func.id in ("setattr", "delattr") and call.args:
            return self._is_foreign(_path(call.args[0]))
        return self._registers(call.func) or self._own_function_sets(call.func)

    def _registers(self, function: ast.expr) -> bool:
        path = _path(function)
        if not path or not self._is_foreign(path[:1]):
            return False
        # A name may stand for what registers: `register = pd.api.extensions.register_dataframe_accessor`.
        found = self.namespace.get(path[0])
        last = getattr(found, "__name__", "") if len(path) == 1 else path[-1]
        return last.startswith(_REGISTER)

    def _own_function_sets(self, function: ast.expr) -> bool:
        """Whether it is a function of the notebook that sets something when it is called."""
        found = self.namespace.get(function.id) if isinstance(function, ast.Name) else None
        if not isinstance(found, types.FunctionType) or found.__module__ != "__main__":
            return False
        if found in self.looked_into:
            return False
        self.looked_into.add(found)
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(found)))
        except (OSError, TypeError, SyntaxError, ValueError, RecursionError, MemoryError):
            return False
        own = {*found.__code__.co_varnames, *found.__code__.co_cellvars}
        seen = {name: value for name, value in found.__globals__.items() if name not in own}
        finder = _Finder(seen)
        finder.looked_into = self.looked_into
        definition = tree.body[0]
        body = definition.body if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef) else []
        return any(finder.sets(statement) for statement in _statements(body))

    def _is_assigned(self, target: ast.expr) -> bool:
        """Whether a target is a part of a module, or of a class of a library."""
        path = _path(target)
        if len(path) < 2 or path[1] in _LOOKED_AT:
            return False
        return self._is_foreign(path[:1])

    def _is_foreign(self, path: list[str]) -> bool:
        """Whether a path starts from a module, class or function that is not the person's own."""
        found = self.namespace.get(path[0]) if path else None
        name = _module_of(found)
        return bool(name) and not is_local_module(name)

    def _is_of_unknown_library(self, called: ast.expr) -> bool:
        path = _path(called)
        found = self.namespace.get(path[0]) if path else None
        if not isinstance(found, types.ModuleType) and len(path) != 1:
            return False
        name = _module_of(found)
        top = name.partition(".")[0]
        is_known = not top or top in _KNOWN or top in sys.stdlib_module_names
        return not is_known and not is_local_module(name)


def _module_of(found: Any) -> str:
    """The name of a module, or of the one that a function or class comes from; empty for other values."""
    if isinstance(found, types.ModuleType):
        return found.__name__
    if isinstance(found, types.FunctionType | types.BuiltinFunctionType | type):
        return getattr(found, "__module__", None) or ""
    return ""


def _targets(statement: ast.stmt) -> list[ast.expr]:
    """What a statement gives a value, or removes."""
    if isinstance(statement, ast.Assign | ast.Delete):
        return [part for target in statement.targets for part in _unpacked(target)]
    if isinstance(statement, ast.AugAssign | ast.AnnAssign | ast.For | ast.AsyncFor):
        return _unpacked(statement.target)
    return []


def _unpacked(target: ast.expr) -> list[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        return [part for item in target.elts for part in _unpacked(item)]
    return [target.value] if isinstance(target, ast.Starred) else [target]


def _parts(statement: ast.stmt) -> Iterator[ast.expr]:
    """The expressions of a statement itself, without those of the statements in it."""
    for part in ast.iter_child_nodes(statement):
        if isinstance(part, ast.expr):
            yield part
        elif isinstance(part, ast.withitem):
            yield part.context_expr


def _calls(expression: ast.expr) -> Iterator[ast.Call]:
    return (part for part in ast.walk(expression) if isinstance(part, ast.Call))


def _path(expression: ast.expr) -> list[str]:
    """The names of `a.b.c`, and of `a.b[0].c` without what is in brackets; none for other expressions."""
    names: list[str] = []
    while not isinstance(expression, ast.Name):
        if isinstance(expression, ast.Attribute):
            names.append(expression.attr)
            expression = expression.value
        elif isinstance(expression, ast.Subscript):
            expression = expression.value
        else:
            return []
    return [expression.id, *reversed(names)]
