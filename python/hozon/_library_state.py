"""What the loaded modules of a library hold, to compare two moments: module variables and attributes
of classes, with containers and instances in them, down to a few levels."""

from __future__ import annotations

import sys
import types
from typing import Any

# So deep is looked into containers and instances.
_DEEPEST = 4

# So many objects are looked at before nobody can tell.
_MOST = 300_000

_ENTERED = (dict, list, set, tuple, types.MappingProxyType)


class LibraryState:
    """What a library holds at one moment."""

    def __init__(self, library: str) -> None:
        self._library = library
        self._seen: dict[int, tuple[Any, list[Any]]] = {}
        self._is_whole = True
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] == library and isinstance(module, types.ModuleType):
                self._look(module, 0)

    def is_like(self, other: LibraryState) -> bool:
        """Whether both hold the same objects, and could be looked at whole."""
        if not (self._is_whole and other._is_whole) or self._seen.keys() != other._seen.keys():
            return False
        # Both keep what they have seen: no address has been given to another object.
        return all(_are_same(held, other._seen[place][1]) for place, (_, held) in self._seen.items())

    def _look(self, holder: Any, depth: int) -> None:
        if id(holder) in self._seen:
            return
        if len(self._seen) >= _MOST:
            self._is_whole = False
            return
        try:
            held = _held_by(holder)
        except Exception:
            self._is_whole = False
            return
        self._seen[id(holder)] = (holder, held)
        for part in held:
            if depth < _DEEPEST and self._is_entered(part):
                self._look(part, depth + 1)

    def _is_entered(self, part: Any) -> bool:
        if isinstance(part, type):
            return str(part.__module__).partition(".")[0] == self._library
        if isinstance(part, (types.FunctionType, types.ModuleType)):
            return False
        own = str(type(part).__module__).partition(".")[0] == self._library
        return type(part) in _ENTERED or own


def _held_by(holder: Any) -> list[Any]:
    """The keys and objects that something holds, in its order."""
    if isinstance(holder, types.ModuleType):
        # What Python itself keeps there, its builtins among it, is no state of the library.
        own = vars(holder).copy()
        return [part for item in own.items() if not item[0].startswith("__") for part in item]
    if isinstance(holder, (dict, types.MappingProxyType)):
        return [part for item in list(holder.items()) for part in item]
    if isinstance(holder, (list, set, tuple)):
        return list(holder)
    if isinstance(holder, type):
        filled_in = ("__slotnames__", "__abstractmethods__")
        return [part for item in vars(holder).items() if item[0] not in filled_in for part in item]
    held = list(getattr(holder, "__dict__", {}).items())
    slots = [name for cls in type(holder).__mro__ for name in _slots_of(cls)]
    held += [(name, getattr(holder, name)) for name in slots if hasattr(holder, name)]
    return [part for item in held for part in item]


def _slots_of(cls: type) -> list[str]:
    slots = cls.__dict__.get("__slots__", ())
    names = [slots] if isinstance(slots, str) else list(slots)
    return [name for name in names if name not in ("__dict__", "__weakref__")]


def _are_same(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(
        a is b or _are_equal_atoms(a, b) for a, b in zip(one, other, strict=True)
    )


def _are_equal_atoms(one: Any, other: Any) -> bool:
    return type(one) is type(other) and type(one) in (int, str, float, bytes) and one == other


__all__ = ["LibraryState"]
