"""Which variables of a notebook share objects that can change, and so have to be kept together."""

from __future__ import annotations

import functools
import gc
import sys
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from hozon._hozon import Numbering, value_digest
from hozon._mutable import Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

# More objects than these are not followed.
MOST_OBJECTS = 5_000_000

# Sharing them says nothing: they go by their names.
_BY_NAME = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)

# Where the search for what an object holds ends.
_ENDS = (
    *(type, types.ModuleType, types.CodeType, types.FrameType, types.MappingProxyType),
    *(types.WrapperDescriptorType, types.MethodDescriptorType, types.GetSetDescriptorType),
    *(types.MemberDescriptorType, types.ClassMethodDescriptorType, str, bytes, int, float, complex),
)


class Group(NamedTuple):
    """Values that share objects with each other.

    Attributes:
        names: Sorted.
        shares: Names outside of the group that they share objects with, sorted.
        pattern: What tells this sharing from another, 32 bytes; None where nothing is shared.
    """

    names: list[str]
    shares: list[str]
    pattern: bytes | None


class Sharing:
    """What the values share that a cell has found, and those that it gave.

    Names whose objects it has changed, `changed`, draw in all that share something with them: those are
    given as well, since none of them can be had from where it was. `outside` are variables of modules, by
    labels that are no names.
    """

    def __init__(
        self,
        found: dict[str, Any],
        given: dict[str, Any],
        changed: Collection[str],
        outside: dict[str, Any] | None = None,
    ) -> None:
        self._outside = outside or {}
        values = {**found, **given, **self._outside}
        # Objects that have no number, kept so that no other takes the place of one.
        self._unnumbered: dict[int, Any] = {}
        # For each name, the functions and classes that its value leads to, by their places in memory.
        self._code: dict[str, set[int]] = {}
        self._classes: dict[type, frozenset[int]] = {}
        self._names = [name for name, value in values.items() if not isinstance(value, types.ModuleType)]
        # By what owns memory, the names whose arrays lie in it.
        self._in_memory: dict[int, set[str]] = {}
        # For each name, what it holds of what can be shared: numbers of objects, and places in memory.
        self._met = self._parts_of([values[name] for name in self._names])
        self._holders = self._holders_of()
        self._led_outside = self._reached(self._outside)
        # Names that are given because they share something with what was changed.
        reached = self._reached(changed)
        self.drawn_in = reached - set(given) - set(self._outside)
        # Variables of modules that share something with what was changed.
        self.changed_outside = reached & set(self._outside)
        self._own = set(given) | self.drawn_in

    def _parts_of(self, values: list[Any]) -> dict[str, list[Any]]:
        numbering = Numbering(values, False, MOST_OBJECTS)
        if numbering.too_many is not None:
            # Nobody knows: as if all shared something.
            return {name: [0] for name in self._names}
        parts = []
        code = []
        for number, (value, kind) in enumerate(zip(numbering.objects(), numbering.kind_names(), strict=True)):
            behind, code_behind = self._behind(value, kind, numbering)
            parts.append([*_parts(number, value, kind), *behind])
            code.append(code_behind)
        found: dict[str, list[Any]] = {}
        names = iter(self._names)
        name = ""
        # What an earlier name leads to as well is listed by its topmost objects only: that name lists the
        # rest.
        for number in numbering.met():
            if number < 0:
                name = next(names)
                found[name] = []
                self._code[name] = set()
            else:
                found[name] += parts[number]
                self._code[name].update(code[number])
        for name, of_name in found.items():
            for part in of_name:
                if type(part) is tuple:
                    self._in_memory.setdefault(part[0], set()).add(name)
        return found

    def _behind(self, value: Any, kind: str, numbering: Numbering) -> tuple[Collection[int], Collection[int]]:
        """What an object holds that the numbering does not look into: iterators, bound methods, functions;
        and the functions and classes that it leads to."""
        if kind != "Opaque":
            return (), self._code_of(value)
        code = set(self._code_of(value))
        found: list[int] = []
        met: set[int] = set()
        waiting = [value]
        while waiting:
            for part in _held(waiting.pop()):
                if id(part) in met or _is_end(part):
                    continue
                met.add(id(part))
                code |= self._code_of(part)
                number = numbering.number_of(part)
                if number is not None and not isinstance(part, _BY_NAME):
                    found.append(number)
                    continue
                if not isinstance(part, _BY_NAME):
                    self._unnumbered[id(part)] = part
                    found.append(id(part))
                waiting.append(part)
        return found, code

    def _code_of(self, value: Any) -> frozenset[int]:
        """The functions and classes that an object is or is made by, by their places in memory."""
        cls = type(value)
        if cls not in self._classes:
            self._classes[cls] = frozenset(id(base) for base in cls.__mro__ if base.__module__ != "builtins")
        if isinstance(value, type):
            return frozenset(id(base) for base in value.__mro__)
        return self._classes[cls] | {id(value)} if cls is types.FunctionType else self._classes[cls]

    def code_behind(self, name: str, namespace: dict[str, Any]) -> list[str]:
        """The names of the notebook's functions and classes that the value of a name leads to."""
        behind = self._code.get(name, set())
        return [
            other for other, value in namespace.items() if id(value) in behind and isinstance(value, _BY_NAME)
        ]

    def leads_outside(self, name: str) -> bool:
        """Whether a value shares something with a variable of a module."""
        return name in self._led_outside

    def shares(self, name: str) -> bool:
        """Whether a value shares something with that of another name."""
        return name in self._holders

    def _holders_of(self) -> dict[str, set[frozenset[str]]]:
        """For each name the sets of names, itself among them, that lead to an object or a memory."""
        by_object: dict[int, set[str]] = {}
        for name, parts in self._met.items():
            for part in parts:
                if type(part) is int:
                    by_object.setdefault(part, set()).add(name)
        found: dict[str, set[frozenset[str]]] = {}
        # Many objects have the same holders.
        for names in {frozenset(names) for names in (*by_object.values(), *self._in_memory.values())}:
            for name in names if len(names) > 1 else ():
                found.setdefault(name, set()).add(names)
        return found

    def _reached(self, names: Iterable[str], within: Collection[str] | None = None) -> set[str]:
        reached: set[str] = set()
        gone_through: set[frozenset[str]] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in reached and (within is None or name in within):
                reached.add(name)
                for holders in self._holders.get(name, set()) - gone_through:
                    gone_through.add(holders)
                    waiting.extend(holders)
        return reached

    def groups(self, names: Iterable[str]) -> list[Group]:
        """The names that the cell gave, those that share objects with each other in one group each."""
        wanted = set(names)
        done: set[str] = set()
        found = []
        for name in sorted(wanted):
            if name not in done:
                group = self._reached([name], wanted)
                done |= group
                holders = {names for member in group for names in self._holders.get(member, ())}
                shares = set().union(*holders) - group - self._own
                together = sorted(group), sorted(shares)
                found.append(Group(*together, self._pattern(*together)))
        return found

    def of_classes(self, names: Iterable[str]) -> list[Group]:
        """The classes among some names whose variables share objects with values of other names."""
        found = []
        for name in sorted(names):
            parts = sorted(label for label in self._outside if label.rpartition(".")[0] == name)
            holders: set[str] = set()
            for part in parts:
                holders.update(*self._holders.get(part, ()))
            shares = sorted(holders - set(self._outside) - {name})
            if shares:
                found.append(Group([name], shares, self._pattern(parts, shares)))
        return found

    def _pattern(self, names: list[str], shares: list[str]) -> bytes | None:
        if len(names) + len(shares) < 2:
            return None
        order: dict[Any, int] = {}

        def place(part: Any) -> Any:
            if type(part) is tuple:
                return order.setdefault(("memory", part[0]), len(order)), part[1]
            return order.setdefault(part, len(order))

        return value_digest([[place(part) for part in self._met[name]] for name in (*names, *shares)])

    def reduce_views(self, group: Group, number_of: Callable[[Any], int | None]) -> Callable[[Any], Any]:
        """How arrays of a group are reduced that lie in memory which others lie in, too."""
        shared = {owner for owner, names in self._in_memory.items() if len(names) > 1}
        outside = {owner for owner in shared if not self._in_memory[owner].isdisjoint(group.shares)}

        def reduce(value: Any) -> Any:
            np: Any = sys.modules.get("numpy")
            if np is None or type(value) is not np.ndarray:
                return NotImplemented
            owner, offset = memory_of(value)
            if id(owner) not in shared:
                return NotImplemented
            if id(owner) in outside and number_of(owner) is None:
                raise Unsupported(f"it lies in the memory of {', '.join(group.shares)}")
            if owner is value:
                return NotImplemented
            if type(owner) is not np.ndarray or not value.flags.writeable:
                raise Unsupported("it lies in memory that other variables lie in")
            return _view, (owner, value.dtype, value.shape, value.strides, offset)

        return reduce


def _is_end(value: Any) -> bool:
    if value is None or isinstance(value, _ENDS):
        return True
    # The namespace of a module.
    return type(value) is dict and "__name__" in value and "__builtins__" in value


def _held(value: Any) -> Iterable[Any]:
    """What an object holds, as far as its class tells the collector of garbage."""
    if isinstance(value, types.FunctionType):
        return (
            *(value.__closure__ or ()),
            *(value.__defaults__ or ()),
            *(value.__kwdefaults__ or {}).values(),
            *vars(value).values(),
        )
    if isinstance(value, memoryview):
        return (value.obj,)
    if isinstance(value, functools._lru_cache_wrapper):
        # What it keeps cannot be put back: whatever it has given would have to be made again with it.
        return ()
    return gc.get_referents(value)


def _parts(number: int, value: Any, kind: str) -> list[Any]:
    """What of an object can be shared: its number, and for an array what owns its memory and where it is."""
    if kind == "Fixed" or isinstance(value, _BY_NAME):
        return []
    np: Any = sys.modules.get("numpy")
    if np is None or not isinstance(value, np.ndarray):
        return [number]
    owner, offset = memory_of(value)
    return [number, (id(owner), (offset, value.shape, value.strides))]


def memory_of(array: Any) -> tuple[Any, int]:
    """What owns the memory of an array, and where in it the array begins, in bytes."""
    owner = array
    while getattr(owner, "base", None) is not None:
        owner = owner.base
    if not hasattr(owner, "__array_interface__"):
        return owner, 0
    return owner, array.__array_interface__["data"][0] - owner.__array_interface__["data"][0]


def _view(owner: Any, dtype: Any, shape: Any, strides: Any, offset: int) -> Any:
    """The part of an array's memory that another array lies in."""
    import numpy as np

    return np.ndarray(shape, dtype, owner, offset, strides)
