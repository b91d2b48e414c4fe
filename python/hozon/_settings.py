"""Statements of cells that set something of a library, seen in their text.

`alt.renderers.enable("svg")`, `pio.templates.default = "none"`, `pd.DataFrame.shape_of = f`: nobody outside
of the library can tell what they have changed, so that only running them again does it. What
`_process_state` looks at is left out, and what is there to draw, print or seed.
"""

from __future__ import annotations

import ast
import sys
import types
from typing import TYPE_CHECKING, Any

from hozon._sources import origin_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# Their calls set nothing but what `_process_state` and the watching of a run see.
_KNOWN = frozenset({"hozon", "marimo", "matplotlib", "numpy", "pandas", "seaborn", "IPython"})

# Of known libraries, what may be assigned to: it is looked at.
_LOOKED_AT = frozenset({"rcParams", "options", "environ", "path"})


def sets_something(source: str, namespace: dict[str, Any], *, shows_value: bool) -> bool:
    """Whether a cell that has run holds a statement that may have set something of a library.

    Args:
        shows_value: Its last expression has a value: then that is no call for what it does.
    """
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    if shows_value and body and isinstance(body[-1], ast.Expr):
        body = body[:-1]
    return any(_sets(statement, namespace) for statement in _statements(body))


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run with the cell, those in blocks as well, but not those of functions."""
    for statement in body:
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for part in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, part, []))
            for handler in getattr(statement, "handlers", []):
                yield from _statements(handler.body)


def _sets(statement: ast.stmt, namespace: dict[str, Any]) -> bool:
    if isinstance(statement, ast.Expr):
        value = statement.value.value if isinstance(statement.value, ast.Await) else statement.value
        return isinstance(value, ast.Call) and _is_of_unknown_library(value.func, namespace)
    if isinstance(statement, ast.Assign):
        return any(_is_assigned(target, namespace) for target in statement.targets)
    return isinstance(statement, ast.AugAssign | ast.AnnAssign) and _is_assigned(statement.target, namespace)


def _is_assigned(target: ast.expr, namespace: dict[str, Any]) -> bool:
    """Whether a target is a part of a module: an attribute of a class in it, say."""
    path = _path(target)
    if len(path) < 2 or not isinstance(namespace.get(path[0]), types.ModuleType):
        return False
    return path[1] not in _LOOKED_AT and not _is_local(namespace[path[0]].__name__)


def _is_of_unknown_library(called: ast.expr, namespace: dict[str, Any]) -> bool:
    path = _path(called)
    found = namespace.get(path[0]) if path else None
    if isinstance(found, types.ModuleType):
        name = found.__name__
    elif isinstance(found, types.FunctionType | types.BuiltinFunctionType | type) and len(path) == 1:
        name = getattr(found, "__module__", None) or ""
    else:
        return False
    top = name.partition(".")[0]
    return bool(top) and top not in _KNOWN and top not in sys.stdlib_module_names and not _is_local(name)


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


def _is_local(module: str) -> bool:
    """Whether a module is the person's own: the code of its functions is followed."""
    if module == "__main__":
        return True
    origin = origin_of(module) or ""
    return bool(origin) and not any(part in origin for part in ("site-packages", "dist-packages"))
