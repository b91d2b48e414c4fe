"""Inputs that a computation changes in place: recorded, and changed again on a hit, in the same objects.

`Before` numbers the objects that can be reached from the inputs, in an order that the inputs' digests
decide. After the run, `changed` finds those that hold something else now, and `dumps` stores their new
states with the result in one pickle, in which objects that were there before stand by their numbers. On
a hit, the objects of that call are numbered alike: if the same of them are shared, `loads` gives the
result, and its `apply` changes them. Either all is applied or nothing.

Names that the computation binds for good (`global`, `nonlocal`) are changes as well.
"""

from __future__ import annotations

import hashlib
import sys
import types

from hozon._mutable import Mismatch, Unsupported, is_atom, is_constant, kind_of
from hozon._pickling import dumps as _dumps
from hozon._pickling import loads as _loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pickle
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from hozon._hozon import Keyed
    from hozon._mutable import Kind

    Bound = tuple[Any, ...]

# Objects beyond this number are not followed: their changes are refused.
MOST_OBJECTS = 100_000

_EMPTY = object()

# Names that Python and libraries bind in modules for themselves.
_NOT_CHANGES = frozenset(
    {"__warningregistry__", "__builtins__", "__annotations__", "__conditional_annotations__"}
)


class Changes:
    """What a computation changed: new states by number of object, names that it bound, cells."""

    def __init__(self, states: list[tuple[int, Any]], bound: list[Bound], cells: list[Bound]) -> None:
        self.states = states
        self.bound = bound
        self.cells = cells


class Before:
    """The objects that a computation gets, as they are before it runs.

    `inputs` are labels and objects, `namespaces` the modules' in which it may bind names, `cells` its
    closed-over variables: each in an order that the key decides. `own` is the namespace in which the
    names `left_out` do not count: those that a block binds. For a hit, `snapshots=False` is enough.
    """

    def __init__(
        self,
        inputs: Iterable[tuple[str, Any]],
        namespaces: Sequence[dict[str, Any]] = (),
        cells: Sequence[Any] = (),
        *,
        own: dict[str, Any] | None = None,
        left_out: Collection[str] = (),
        snapshots: bool = True,
    ) -> None:
        inputs = list(inputs)
        # The function of the call; None for a block.
        self.root: Any = None
        # Why changes cannot be followed: a sentence, or None.
        self.why_not: str | None = None
        self._objects: list[Any] = []
        self._kinds: list[Kind] = []
        self._snapshots: list[Any] = []
        self._labels: list[str] = []
        self._numbers: dict[int, int] = {}
        # The numbers of the objects, in the order in which they are met; -1 begins an input.
        self._met: list[int] = []
        self._namespaces = namespaces
        self._cells = cells
        self._own = own
        self._left_out = left_out
        self._inputs = [label for label, _ in inputs]
        self._number(inputs, snapshots)
        self._names = [dict(namespace) for namespace in namespaces] if snapshots else []
        self._contents = [_content(cell) for cell in cells] if snapshots else []

    @classmethod
    def of(
        cls,
        keyed: Keyed,
        root: Any = None,
        *,
        own: dict[str, Any] | None = None,
        left_out: Collection[str] = (),
        snapshots: bool = True,
    ) -> Before:
        """What a call of the function `root`, or a block (None), gets."""
        namespaces, cells = keyed.bindable(root)
        before = cls(keyed.inputs(), namespaces, cells, own=own, left_out=left_out, snapshots=snapshots)
        before.root = root
        return before

    def _number(self, inputs: Iterable[tuple[str, Any]], snapshots: bool) -> None:
        for label, value in inputs:
            self._met.append(-1)
            pending: list[Iterator[Any]] = [iter((value,))]
            while pending:
                child = next(pending[-1], _EMPTY)
                if child is _EMPTY:
                    pending.pop()
                elif not is_atom(child):
                    if len(self._met) >= MOST_OBJECTS:
                        self.why_not = f"`{label}` holds more than {MOST_OBJECTS} objects"
                        return
                    children = self._meet(child, label, snapshots, is_input=len(pending) == 1)
                    if children:
                        pending.append(iter(children))

    def _meet(self, value: Any, label: str, snapshots: bool, *, is_input: bool) -> Any:
        """Numbers an object; gives what it refers to, nothing if it was met before."""
        number = self._numbers.get(id(value))
        if number is not None:
            self._met.append(number)
            return ()
        # Equal constants may be one object or several, as the interpreter likes.
        if type(value) in (tuple, frozenset) and is_constant(value):
            return ()
        kind = kind_of(value)
        number = len(self._objects)
        self._numbers[id(value)] = number
        self._met.append(number)
        self._objects.append(value)
        self._kinds.append(kind)
        self._labels.append(label)
        if not snapshots:
            return kind.children(value)
        snapshot, children = kind.look(value, is_input=is_input)
        self._snapshots.append(snapshot)
        return children

    def pattern(self) -> bytes:
        """Which objects there are, and which of them are shared, in 32 bytes."""
        # Not the classes' names: a module is called otherwise where it is the program.
        kinds = [type(kind).__name__ for kind in self._kinds]
        shape = (self._met, kinds, self._overlaps(), len(self._namespaces), len(self._cells))
        return hashlib.blake2b(repr(shape).encode(), digest_size=32).digest()

    def _overlaps(self) -> list[tuple[int, int, int]]:
        """Which arrays lie in the same memory: numbers, and how far apart they begin."""
        np: Any = sys.modules.get("numpy")
        if np is None:
            return []
        arrays = [number for number, value in enumerate(self._objects) if isinstance(value, np.ndarray)]
        if len(arrays) < 2:
            return []
        from numpy.lib.array_utils import byte_bounds

        bounds = sorted((*byte_bounds(self._objects[number]), number) for number in arrays)
        found = []
        for position, (low, high, number) in enumerate(bounds):
            for other_low, _, other in bounds[position + 1 :]:
                if other_low >= high:
                    break
                found.append((number, other, other_low - low))
        return found

    # After the run.

    def changed(self, labels: Collection[str], code: Collection[str] = ()) -> Changes | None:
        """What the run has changed; None if it is nothing.

        `labels` are the inputs whose digests are others now, `code` the classes and functions.
        Raises `Unsupported` where a hit could not do the same.
        """
        if code:
            raise Unsupported(f"`{next(iter(code))}` is given another attribute, which a hit cannot do")
        if labels and self.why_not is not None:
            raise Unsupported(self.why_not)
        states = self._changed_states(labels) if labels else []
        bound = list(self._rebound())
        cells = [
            (number, *_as_bound(_content(cell)))
            for number, (cell, content) in enumerate(zip(self._cells, self._contents, strict=True))
            if _content(cell) is not content
        ]
        return Changes(states, bound, cells) if states or bound or cells else None

    def _changed_states(self, labels: Collection[str]) -> list[tuple[int, Any]]:
        states = []
        found = set()
        for number, (value, kind) in enumerate(zip(self._objects, self._kinds, strict=True)):
            label = self._labels[number]
            # An object that has changed has changed the first input that leads to it.
            if label not in labels:
                continue
            try:
                if kind.has_changed(value, self._snapshots[number]):
                    states.append((number, kind.state(value)))
                    found.add(number)
            except Unsupported as error:
                raise Unsupported(f"`{label}`: {error}") from None
        self._refuse_unexplained(labels, found)
        return states

    def _refuse_unexplained(self, labels: Collection[str], found: set[int]) -> None:
        """Every input that has changed must hold an object that has."""
        explained = set()
        label, inputs = "", iter(self._inputs)
        for number in self._met:
            if number < 0:
                label = next(inputs)
            # What an earlier input leads to is not listed again: it may be in there.
            elif number in found or (found and self._labels[number] != label):
                explained.add(label)
        for label in labels:
            if label not in explained:
                raise Unsupported(f"`{label}` is changed in a way that hozon cannot follow")

    def _rebound(self) -> Iterator[Bound]:
        for number, (namespace, names) in enumerate(zip(self._namespaces, self._names, strict=True)):
            changed = [
                name
                for name in (*namespace, *(name for name in names if name not in namespace))
                if namespace.get(name, _EMPTY) is not names.get(name, _EMPTY)
            ]
            stored: frozenset[str] | None = None
            for name in changed:
                value = namespace.get(name, _EMPTY)
                if self._is_no_change(number, name, value):
                    continue
                if stored is None:
                    stored = _names_stored_by(namespace)
                if name not in stored:
                    module = namespace.get("__name__")
                    raise Unsupported(f"`{module}.{name}` is bound from outside of its module")
                yield (number, name, *_as_bound(value))

    def _is_no_change(self, number: int, name: str, value: Any) -> bool:
        namespace = self._namespaces[number]
        if name in _NOT_CHANGES or (namespace is self._own and name in self._left_out):
            return True
        # A submodule that was imported.
        package = namespace.get("__name__")
        return isinstance(value, types.ModuleType) and value.__name__ == f"{package}.{name}"

    def dumps(
        self, changes: Changes, result: Any, *, namespace: Mapping[str, Any] | None = None
    ) -> tuple[bytes, list[pickle.PickleBuffer]]:
        """A result and changes as payload and buffers. Raises what pickle raises."""
        stored = (self.pattern(), changes.states, changes.bound, changes.cells, result)
        return _dumps(stored, namespace=namespace, persistent_id=self._number_of)

    def _number_of(self, value: Any) -> int | None:
        return self._numbers.get(id(value))

    # On a hit.

    def loads(
        self, payload: bytes, buffers: Iterable[Any], *, namespace: Mapping[str, Any] | None = None
    ) -> Loaded:
        """A stored result, and its changes ready to be applied to these objects. Touches none of them.

        Raises `Mismatch` where they are shared otherwise, or cannot take the changes; else what
        unpickling raises.
        """
        if self.why_not is not None:
            raise Mismatch(self.why_not)
        stored = _loads(payload, buffers, namespace=namespace, persistent_load=self._object_of)
        pattern, states, bound, cells, result = stored
        if pattern != self.pattern():
            raise Mismatch("the objects of this call are shared in another way")
        for number, state in states:
            self._kinds[number].check(self._objects[number], state)
        return Loaded(self, Changes(states, bound, cells), result)

    def _object_of(self, number: Any) -> Any:
        if not 0 <= number < len(self._objects):
            raise Mismatch("the objects of this call are others")
        return self._objects[number]

    def _apply(self, changes: Changes) -> None:
        for is_first in (True, False):
            for number, state in changes.states:
                if self._kinds[number].is_first is is_first:
                    self._kinds[number].apply(self._objects[number], state)
        for number, name, *value in changes.bound:
            if value:
                self._namespaces[number][name] = _from_bound(value)
            else:
                self._namespaces[number].pop(name, None)
        for number, *value in changes.cells:
            if value:
                self._cells[number].cell_contents = _from_bound(value)
            elif _content(self._cells[number]) is not _EMPTY:
                del self._cells[number].cell_contents


class Loaded:
    """A stored result, and what it takes to be as if the computation had run."""

    def __init__(self, before: Before, changes: Changes, result: Any) -> None:
        self.result = result
        self._before = before
        self._changes = changes

    def apply(self) -> None:
        """Changes the objects of the call."""
        self._before._apply(self._changes)


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _EMPTY


def _as_bound(value: Any) -> tuple[Any, ...]:
    """A value as it is stored: nothing for none, modules by their name."""
    if value is _EMPTY:
        return ()
    return ("module", value.__name__) if isinstance(value, types.ModuleType) else ("value", value)


def _from_bound(stored: Sequence[Any]) -> Any:
    kind, value = stored
    if kind == "value":
        return value
    from importlib import import_module

    return import_module(value)


def _names_stored_by(namespace: dict[str, Any]) -> frozenset[str]:
    """The names that functions of a module declare `global` and bind."""
    found: set[str] = set()
    for value in list(namespace.values()):
        for function in _functions_in(value):
            if getattr(function, "__globals__", None) is namespace:
                found |= _global_names(function.__code__)
    return frozenset(found)


def _functions_in(value: Any) -> Iterator[Any]:
    """Functions that a module's name leads to: itself, what it wraps, the methods of a class."""
    parts = list(vars(value).values()) if isinstance(value, type) else [value]
    for part in parts:
        for name in ("", "__func__", "fget", "fset", "fdel", "func"):
            function = getattr(part, name, None) if name else part
            while function is not None:
                if isinstance(function, types.FunctionType):
                    yield function
                function = getattr(function, "__wrapped__", None)


def _global_names(code: types.CodeType) -> set[str]:
    from opcode import opmap

    stores = {opmap["STORE_GLOBAL"], opmap["DELETE_GLOBAL"]}
    extended = opmap["EXTENDED_ARG"]
    found: set[str] = set()
    high = 0
    content = code.co_code
    for position in range(0, len(content), 2):
        operation, argument = content[position], content[position + 1] | high
        high = argument << 8 if operation == extended else 0
        if operation in stores:
            found.add(code.co_names[argument])
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _global_names(constant)
    return found
