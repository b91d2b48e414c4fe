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
    from collections.abc import Collection, Iterator

# Their calls set nothing but what `_process_state` and the watching of a run see.
_KNOWN = frozenset({"hozon", "marimo", "matplotlib", "numpy", "pandas", "seaborn", "IPython"})

# Of known libraries, what may be assigned to: it is looked at.
_LOOKED_AT = frozenset({"rcParams", "options", "environ", "path"})

# Functions of the standard library that set something nobody looks at.
_SETTERS = frozenset(
    {
        ("asyncio", "set_event_loop_policy"),
        ("copyreg", "pickle"),
        ("csv", "field_size_limit"),
        ("mimetypes", "add_type"),
        ("multiprocessing", "set_start_method"),
        ("socket", "setdefaulttimeout"),
        ("sys", "setprofile"),
        ("sys", "settrace"),
    }
)

# Methods of containers that change them: `sys.meta_path.append(finder)`.
_CHANGERS = frozenset(
    {"add", "append", "clear", "discard", "extend", "insert", "pop", "remove", "setdefault", "update"}
)

# Modules of classes and functions that put something in the place of attributes of others, with the packages
# below them, and what does so.
_PATCHERS = (
    "_pytest.monkeypatch",
    "freezegun",
    "httpretty",
    "moto",
    "pyfakefs",
    "requests_mock",
    "responses",
    "respx",
    "time_machine",
    "unittest.mock",
)
_PATCH = frozenset(
    {"start", "stop", "stopall", "stop_all", "__enter__", "enter_context", "enable", "setattr", "delattr"}
    | {"setitem", "delitem", "syspath_prepend", "undo", "setUp", "tearDown"}
)

# What the names of functions that register begin with.
_REGISTER = "register"

# They read names that no text shows.
_READ_ANY_NAME = frozenset({"eval", "exec", "globals", "locals", "vars"})

# Methods that run where a class is called.
_MAKE_INSTANCES = ("__new__", "__init__", "__post_init__")

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Noticed:
    """What was seen of a cell that has run, beside its text.

    Attributes:
        shows_value: Its last expression has a value: then that is no call for what it does.
        same_in_sys: Attributes of `sys` that are what they were before the cell ran.
        changed: Names of the notebook that it has given a value, or has changed the value of in place.
        unchanged_libraries: Libraries that hold what they did before.
    """

    def __init__(
        self,
        *,
        shows_value: bool,
        same_in_sys: Collection[str] = (),
        changed: Collection[str] = (),
        unchanged_libraries: Collection[str] = (),
    ) -> None:
        self.shows_value = shows_value
        self.same_in_sys = same_in_sys
        self.changed = changed
        self.unchanged_libraries = unchanged_libraries

    def inside(self) -> Noticed:
        """What counts in a function that the cell calls: its variables are others."""
        return Noticed(shows_value=False, same_in_sys=self.same_in_sys)


def first_that_sets(source: str, namespace: dict[str, Any], noticed: Noticed) -> str | None:
    """The first statement of a cell that has run which may have set something of a library, in one line."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return "commands that are no Python"
    finder = _Finder(namespace, noticed, shown=body[-1] if noticed.shows_value and body else None)
    found = next((statement for statement in _statements(body) if finder.sets(statement)), None)
    return None if found is None else _in_one_line(found)


def libraries_called(source: str, namespace: dict[str, Any]) -> set[str]:
    """The libraries whose functions a cell calls alone in a line with a variable, before it runs: such a call
    may change that, and set nothing."""
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    finder = _Finder(namespace, Noticed(shows_value=False))
    calls = (_call_alone(statement) for statement in _statements(body))
    found = (
        finder.unknown_library_of(call.func) for call in calls if call is not None and _variables_given(call)
    )
    return {library for library in found if library}


def _call_alone(statement: ast.stmt) -> ast.Call | None:
    """The call that a statement is, awaited or not."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    value = value.value if isinstance(value, ast.Await) else value
    return value if isinstance(value, ast.Call) else None


def _variables_given(call: ast.Call) -> set[str]:
    """The names that the arguments of a call begin with."""
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    return {path[0] for argument in arguments if (path := _path(argument))}


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

    def __init__(self, namespace: dict[str, Any], noticed: Noticed, shown: ast.stmt | None = None) -> None:
        self.namespace = namespace
        self.noticed = noticed
        self.shown = shown
        # Functions of the notebook that have been looked into, or are being.
        self.looked_into: set[types.FunctionType] = set()

    def sets(self, statement: ast.stmt) -> bool:
        if isinstance(statement, _DEFINITIONS):
            return any(self._decorator_sets(decorator) for decorator in statement.decorator_list)
        if any(self._is_assigned(target) for target in _targets(statement)):
            return True
        alone = _call_alone(statement) if statement is not self.shown else None
        if alone is not None and (self._sets_unknown_library(alone) or self._is_of_shell(alone)):
            return True
        return any(self._call_sets(call) for part in _parts(statement) for call in _calls(part))

    def _is_of_shell(self, call: ast.Call) -> bool:
        """Whether it tells IPython something (`get_ipython().events.register(…)`), but not of plots."""
        path = _path(call.func, through_calls=True)
        shell = self.namespace.get(path[0]) if len(path) > 1 else None
        names = {cls.__name__ for cls in type(shell).__mro__}
        if path[:1] != ["get_ipython"] and "InteractiveShell" not in names:
            return False
        first = call.args[0] if call.args else None
        return not (isinstance(first, ast.Constant) and first.value == "matplotlib")

    def _decorator_sets(self, decorator: ast.expr) -> bool:
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        return (
            self._registers(function)
            or self._own_function_sets(function)
            or any(self._call_sets(call) for call in _calls(decorator))
        )

    def _call_sets(self, call: ast.Call) -> bool:
        if isinstance(call.func, ast.Name) and call.func.id in ("setattr", "delattr") and call.args:
            return self._is_foreign_owner(call.args[0])
        return (
            self._registers(call.func)
            or self._is_setter(_path(call.func))
            or self._patches(call)
            or self._own_function_sets(call.func)
        )

    def _patches(self, call: ast.Call) -> bool:
        """Whether it has a library put something elsewhere: `mock.patch("json.dumps").start()`."""
        path = _path(call.func, through_calls=True)
        if len(path) < 2 or path[-1] not in _PATCH:
            return False
        if path[-1] == "enter_context":
            # What is entered there stays until the stack is closed, in another cell perhaps.
            return any(self._is_patcher(part) for argument in call.args for part in ast.walk(argument))
        return self._is_patcher(call.func)

    def _is_patcher(self, expression: ast.AST) -> bool:
        path = _path(expression, through_calls=True) if isinstance(expression, ast.expr) else []
        found = self.namespace.get(path[0]) if path else None
        name = _module_of(found) or _module_of(type(found))
        return any(name == patcher or name.startswith(f"{patcher}.") for patcher in _PATCHERS)

    def _is_setter(self, path: list[str]) -> bool:
        found = self.namespace.get(path[0]) if path else None
        if len(path) == 1 and isinstance(found, types.FunctionType | types.BuiltinFunctionType):
            return (_module_of(found).lstrip("_"), found.__name__) in _SETTERS
        if not isinstance(found, types.ModuleType) or len(path) < 2:
            return False
        changes = len(path) > 2 and path[-1] in _CHANGERS and path[1] not in _LOOKED_AT
        holder = vars(found).get(path[1]) if changes and len(path) == 3 else None
        is_changed = isinstance(holder, list | dict | set) and self._is_foreign(path)
        return is_changed or (found.__name__, path[1]) in _SETTERS

    def _registers(self, function: ast.expr) -> bool:
        path = _path(function)
        if not path or not self._is_foreign(path[:1]):
            return False
        if path[:1] == ["atexit"]:
            # No cell is there to notice it.
            return False
        # A name may stand for what registers: `register = pd.api.extensions.register_dataframe_accessor`.
        found = self.namespace.get(path[0])
        last = getattr(found, "__name__", "") if len(path) == 1 else path[-1]
        return last.startswith(_REGISTER)

    def _own_function_sets(self, called: ast.expr) -> bool:
        """Whether it leads to code of the person's own that sets something when it is called."""
        return any(self._code_sets(function, owner) for function, owner in self._own_functions(called))

    def _own_functions(self, called: ast.expr) -> Iterator[tuple[types.FunctionType, type | None]]:
        """Functions, with the class that they are called on, as far as the text and the values tell."""
        path = _path(called, through_calls=True)
        found, owner = self.namespace.get(path[0]) if path else None, None
        for name in path[1:]:
            owner = found if isinstance(found, type) else type(found)
            owner = None if isinstance(found, types.ModuleType) else owner
            found = inspect.getattr_static(found, name, None)
        candidates = [found]
        if isinstance(found, type):
            owner = found
            candidates = [inspect.getattr_static(found, name, None) for name in _MAKE_INSTANCES]
        elif not isinstance(found, types.FunctionType) and is_local_module(type(found).__module__):
            owner, candidates = type(found), [inspect.getattr_static(type(found), "__call__", None)]
        for function in candidates:
            while function is not None:
                if isinstance(function, types.FunctionType) and is_local_module(function.__module__):
                    yield function, owner
                function = _inner(function)

    def _code_sets(self, function: types.FunctionType, owner: type | None) -> bool:
        if function in self.looked_into:
            return False
        self.looked_into.add(function)
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
        except (OSError, TypeError, SyntaxError, ValueError, RecursionError, MemoryError):
            return False
        finder = _Finder(_seen_by(function, owner), self.noticed.inside())
        finder.looked_into = self.looked_into
        definition = tree.body[0]
        if isinstance(definition, ast.FunctionDef | ast.AsyncFunctionDef):
            return any(finder.sets(statement) for statement in _statements(definition.body))
        lambdas = [part for part in ast.walk(tree) if isinstance(part, ast.Lambda)]
        return any(finder._call_sets(call) for part in lambdas for call in _calls(part.body))

    def _is_assigned(self, target: ast.expr) -> bool:
        """Whether a target is a part of a module, or of a class of a library."""
        if isinstance(target, ast.Attribute) and _whose_class(target.value) is not None:
            return self._is_foreign_owner(target.value)
        path = _path(target)
        if len(path) < 2 or path[1] in _LOOKED_AT:
            return False
        is_put_back = isinstance(target, ast.Attribute) and path[1] in self.noticed.same_in_sys
        if len(path) == 2 and is_put_back and self.namespace.get(path[0]) is sys:
            return False
        return self._is_foreign(path[:1])

    def _is_foreign_owner(self, owner: ast.expr) -> bool:
        instance = _whose_class(owner)
        if instance is None:
            return self._is_foreign(_path(owner))
        if isinstance(instance, ast.Name) and instance.id in self.namespace:
            found = self.namespace[instance.id]
            return not is_local_module((found if isinstance(found, type) else type(found)).__module__)
        return True

    def _is_foreign(self, path: list[str]) -> bool:
        """Whether a path starts from a module, class or function that is not the person's own."""
        found = self.namespace.get(path[0]) if path else None
        name = _module_of(found)
        return bool(name) and not is_local_module(name)

    def _sets_unknown_library(self, call: ast.Call) -> bool:
        library = self.unknown_library_of(call.func)
        if not library:
            return False
        # It is there for what it does to a variable, where it has changed one and nothing of its own.
        is_changing = not _variables_given(call).isdisjoint(self.noticed.changed)
        return not (is_changing and library in self.noticed.unchanged_libraries)

    def unknown_library_of(self, called: ast.expr) -> str:
        """The library of a function whose settings nobody looks at; empty for other functions."""
        path = _path(called)
        found = self.namespace.get(path[0]) if path else None
        if not isinstance(found, types.ModuleType) and len(path) != 1:
            return ""
        name = _module_of(found)
        top = name.partition(".")[0]
        is_known = not top or top in _KNOWN or top in sys.stdlib_module_names
        return "" if is_known or is_local_module(name) else top


def _inner(function: Any) -> Any:
    """What a method, a partial function or a wrapper leads to, in its turn; None if nothing."""
    if isinstance(function, types.FunctionType):
        return getattr(function, "__wrapped__", None)
    for name in ("__func__", "func", "__wrapped__"):
        inner = inspect.getattr_static(function, name, None)
        if inner is not None:
            return getattr(function, name, None)
    return None


def _seen_by(function: types.FunctionType, owner: type | None) -> dict[str, Any]:
    """What the names in its code stand for, before it is called; its first parameter is the class's."""
    code = function.__code__
    seen = {name: value for name, value in function.__globals__.items() if name not in code.co_varnames}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=False):
        try:
            seen[name] = cell.cell_contents
        except ValueError:
            seen.pop(name, None)
    for name in code.co_cellvars:
        seen.pop(name, None)
    if owner is not None and code.co_argcount:
        seen[code.co_varnames[0]] = owner
    return seen


def _whose_class(expression: ast.expr) -> ast.expr | None:
    """What stands in `type(…)`, or before `.__class__`."""
    if isinstance(expression, ast.Attribute) and expression.attr == "__class__":
        return expression.value
    if (
        isinstance(expression, ast.Call)
        and isinstance(expression.func, ast.Name)
        and expression.func.id == "type"
        and len(expression.args) == 1
    ):
        return expression.args[0]
    return None


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


def _path(expression: ast.expr, *, through_calls: bool = False) -> list[str]:
    """The names of `a.b.c`, and of `a.b[0].c` without what is in brackets; none for other expressions.

    Args:
        through_calls: Of `a(1).b`, too.
    """
    names: list[str] = []
    while not isinstance(expression, ast.Name):
        if isinstance(expression, ast.Attribute):
            names.append(expression.attr)
            expression = expression.value
        elif isinstance(expression, ast.Subscript):
            expression = expression.value
        elif isinstance(expression, ast.Call) and through_calls:
            expression = expression.func
        else:
            return []
    return [expression.id, *reversed(names)]
