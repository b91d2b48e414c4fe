"""What only the syntax of a block's body tells, for the few runs that need to know it.

Parsed here and not with the rest: most runs never ask.
"""

from __future__ import annotations

import ast
from functools import lru_cache

from hozon import _sources

Extent = tuple[int, int, int, int]


@lru_cache(maxsize=256)
def _statement(file: str, module_name: str, extent: Extent) -> ast.With | ast.AsyncWith | None:
    found = _sources.text_of(file, module_name)
    if found is None:
        return None
    try:
        tree = ast.parse(found[0])
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, (ast.With, ast.AsyncWith)) and _starts_at(node.body[0], extent):
            return node
    return None


def _body(file: str, module_name: str, extent: Extent) -> list[ast.stmt]:
    statement = _statement(file, module_name, extent)
    return [] if statement is None else statement.body


def bound_by_managers(file: str, module_name: str, extent: Extent) -> set[str]:
    """Names that stand behind `as` in the `with` statement of the body."""
    statement = _statement(file, module_name, extent)
    items = [] if statement is None else statement.items
    return {name for item in items if item.optional_vars for name in _targets(item.optional_vars)}


def _starts_at(statement: ast.stmt, extent: Extent) -> bool:
    first = getattr(statement, "decorator_list", None) or [statement]
    places = {(statement.lineno, statement.col_offset), (first[0].lineno, first[0].col_offset - 1)}
    return extent[:2] in places


def surely_bound(file: str, module_name: str, extent: Extent) -> frozenset[str]:
    """Names that every run of the body to its end gives a value."""
    return frozenset(_bound_by(_body(file, module_name, extent)))


def _bound_by(statements: list[ast.stmt]) -> set[str]:
    names: set[str] = set()
    for statement in statements:
        match statement:
            case ast.Assign(targets=targets):
                names.update(*(_targets(target) for target in targets))
            case ast.AugAssign(target=target) | ast.AnnAssign(target=target, value=ast.expr()):
                names |= _targets(target)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update(alias.asname or alias.name.partition(".")[0] for alias in aliases)
            case ast.If(body=body, orelse=other):
                names |= _bound_by(body) & _bound_by(other)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
        names -= _deleted_by(statement)
    return names


def _deleted_by(statement: ast.stmt) -> set[str]:
    """Names that a statement may delete; that of `except ... as` is one."""
    nodes = list(ast.walk(statement))
    caught = {node.name for node in nodes if isinstance(node, ast.ExceptHandler) and node.name}
    return caught | {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del)
    }


def _targets(target: ast.expr) -> set[str]:
    nodes = ast.walk(target)
    return {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}


def classes_made(file: str, module_name: str, extent: Extent) -> frozenset[str]:
    """Names of the classes that the body defines."""
    nodes = (node for statement in _body(file, module_name, extent) for node in ast.walk(statement))
    return frozenset(node.name for node in nodes if isinstance(node, ast.ClassDef))
