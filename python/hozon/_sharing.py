"""Which variables of a notebook share objects that can change, and so have to be kept together."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, NamedTuple

from hozon._hozon import Numbering, value_digest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

# More objects than these are not followed.
MOST_OBJECTS = 5_000_000

# Sharing them says nothing: they go by their names.
_BY_NAME = (type, types.FunctionType, types.BuiltinFunctionType, types.ModuleType)


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
    given as well, since none of them can be had from where it was.
    """

    def __init__(self, found: dict[str, Any], given: dict[str, Any], changed: Collection[str]) -> None:
        values = {**found, **given}
        self._names = [name for name, value in values.items() if not isinstance(value, types.ModuleType)]
        self._met = self._objects_of([values[name] for name in self._names])
        self._holders = self._holders_of()
        own = set(given)
        # Names that are given because they share something with what was changed.
        self.drawn_in = self._reached(changed) - own
        self._own = own | self.drawn_in

    def _objects_of(self, values: list[Any]) -> dict[str, list[int]]:
        """For each name, the numbers of the objects that it leads to, those that can be shared."""
        numbering = Numbering(values, False, MOST_OBJECTS)
        if numbering.too_many is not None:
            # Nobody knows: as if all shared something.
            return {name: [0] for name in self._names}
        objects, kinds = numbering.objects(), numbering.kind_names()
        counts = [
            kind != "Fixed" and not isinstance(value, _BY_NAME) for value, kind in zip(objects, kinds, strict=True)
        ]
        found: dict[str, list[int]] = {}
        names = iter(self._names)
        current: list[int] = []
        for number in numbering.met():
            if number < 0:
                current = found[next(names)] = []
            elif counts[number]:
                current.append(number)
        # What an earlier name leads to as well is listed by its topmost objects only; that name lists the rest.
        return found

    def _holders_of(self) -> dict[int, list[str]]:
        holders: dict[int, list[str]] = {}
        for name, numbers in self._met.items():
            for number in set(numbers):
                holders.setdefault(number, []).append(name)
        return {number: names for number, names in holders.items() if len(names) > 1}

    def _partners(self, name: str) -> set[str]:
        found = {other for names in self._holders.values() if name in names for other in names}
        return found - {name}

    def _reached(self, names: Iterable[str]) -> set[str]:
        reached: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting.extend(self._partners(name))
        return reached

    def groups(self, names: Iterable[str]) -> list[Group]:
        """The names that the cell gave, those that share objects with each other in one group each."""
        wanted = set(names)
        done: set[str] = set()
        found = []
        for name in sorted(wanted):
            if name in done:
                continue
            group = self._connected(name, wanted)
            done |= group
            shares = {other for member in group for other in self._partners(member)} - group - self._own
            together = sorted(group), sorted(shares)
            found.append(Group(*together, self._pattern(*together)))
        return found

    def _connected(self, name: str, wanted: set[str]) -> set[str]:
        group: set[str] = set()
        waiting = [name]
        while waiting:
            member = waiting.pop()
            if member not in group:
                group.add(member)
                waiting.extend(self._partners(member) & wanted)
        return group

    def _pattern(self, names: list[str], shares: list[str]) -> bytes | None:
        if len(names) + len(shares) < 2:
            return None
        order: dict[int, int] = {}
        pattern = [
            [order.setdefault(number, len(order)) for number in self._met[name]] for name in (*names, *shares)
        ]
        return value_digest(pattern)
