"""Inputs that a computation changes in place: recorded, and changed again on a hit, in the same objects.

`Before` numbers the objects that can be reached from the inputs, in an order that the inputs' digests
decide. After the run, `changed` finds those that hold something else now, and `dumps` stores their new
states with the result in one pickle, in which objects that were there before stand by their numbers. On
a hit, the objects of that call are numbered alike: if the same of them are shared, `loads` gives the
result, and its `apply` changes them. Either all is applied or nothing.

Names that the computation binds for good (`global`, `nonlocal`) are changes as well.
"""

from __future__ import annotations

import sys
import types
from operator import is_

from hozon._hozon import Numbering, value_digest
from hozon._mutable import Mismatch, Unsupported
from hozon._pickling import dumps as _dumps
from hozon._pickling import loads as _loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pickle
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from hozon._hozon import Keyed

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
        self._namespaces = namespaces
        self._cells = cells
        self._own = own
        self._left_out = left_out
        self._inputs = [label for label, _ in inputs]
        self._numbering = Numbering([value for _, value in inputs], snapshots, MOST_OBJECTS)
        if self._numbering.too_many is not None:
            label = self._inputs[self._numbering.too_many]
            self.why_not = f"`{label}` holds more than {MOST_OBJECTS} objects"
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

    def pattern(self) -> bytes:
        """Which objects there are, and which of them are shared, in 32 bytes."""
        # Not the classes' names: a module is called otherwise where it is the program.
        met, kinds = self._numbering.met(), self._numbering.kind_names()
        return value_digest((met, kinds, self._overlaps(), len(self._namespaces), len(self._cells)))

    def _overlaps(self) -> list[tuple[int, int, int]]:
        """Which arrays lie in the same memory: numbers, and how far apart they begin."""
        np: Any = sys.modules.get("numpy")
        if np is None:
            return []
        objects = enumerate(self._numbering.objects())
        arrays = [(number, value) for number, value in objects if isinstance(value, np.ndarray)]
        if len(arrays) < 2:
            return []
        from numpy.lib.array_utils import byte_bounds

        bounds = sorted((*byte_bounds(value), number) for number, value in arrays)
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
        numbering = self._numbering
        # An object that has changed has changed the first input that leads to it.
        wanted = {number for number, label in enumerate(self._inputs) if label in labels}
        first_inputs = numbering.first_inputs()
        states = []
        for number in numbering.suspects(wanted):
            value, kind = numbering.object(number), numbering.kind(number)
            try:
                if kind.has_changed(value, numbering.snapshot(number)):
                    states.append((number, kind.state(value)))
            except Unsupported as error:
                raise Unsupported(f"`{self._inputs[first_inputs[number]]}`: {error}") from None
        found = {number for number, _ in states}
        self._refuse_unexplained(labels, found)
        return states

    def _refuse_unexplained(self, labels: Collection[str], found: set[int]) -> None:
        """Every input that has changed must hold an object that has."""
        explained = set()
        first_inputs = [self._inputs[number] for number in self._numbering.first_inputs()]
        label, inputs = "", iter(self._inputs)
        for number in self._numbering.met():
            if number < 0:
                label = next(inputs)
            # What an earlier input leads to is not listed again: it may be in there.
            elif number in found or (found and first_inputs[number] != label):
                explained.add(label)
        for label in labels:
            if label not in explained:
                raise Unsupported(f"`{label}` is changed in a way that hozon cannot follow")

    def _rebound(self) -> Iterator[Bound]:
        for number, (namespace, names) in enumerate(zip(self._namespaces, self._names, strict=True)):
            # Modules have many names, and nearly always all stay: found out at the speed of C.
            if _holds_the_same(namespace, names):
                continue
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
                    stored = names_stored_by(namespace)
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
        return _dumps(stored, namespace=namespace, persistent_id=self._numbering.number_of)

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
            self._numbering.kind(number).check(self._numbering.object(number), state)
        return Loaded(self, Changes(states, bound, cells), result)

    def _object_of(self, number: Any) -> Any:
        try:
            return self._numbering.object(number)
        except (IndexError, OverflowError):
            raise Mismatch("the objects of this call are others") from None

    def _apply(self, changes: Changes) -> None:
        for is_first in (True, False):
            for number, state in changes.states:
                kind = self._numbering.kind(number)
                if kind.is_first is is_first:
                    kind.apply(self._numbering.object(number), state)
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


def _holds_the_same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    """Whether the same names have the same values, in the same order."""
    is_alike = len(left) == len(right) and all(map(is_, left, right))
    return is_alike and all(map(is_, left.values(), right.values()))


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


def names_stored_by(namespace: dict[str, Any]) -> frozenset[str]:
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
            function = _attribute_of(part, name) if name else part
            while function is not None:
                if isinstance(function, types.FunctionType):
                    yield function
                function = _attribute_of(function, "__wrapped__")


def _attribute_of(value: Any, name: str) -> Any:
    """None where a value has none, or raises whatever it likes."""
    try:
        return getattr(value, name, None)
    except Exception:
        return None


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
