"""Streams that cells have led into memory or to a file: what later cells print changes what is there."""

from __future__ import annotations

import contextlib
import gc
import sys
import types
from typing import TYPE_CHECKING, Any

from hozon._mutable import ATOMS

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAMES = ("stdout", "stderr")

# Nothing that is written goes through them to something of their own.
_NOT_ENTERED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.FrameType)

# The most objects that are looked at.
_MOST = 10_000


class Streams:
    """The streams of a process as its host has made them."""

    def __init__(self) -> None:
        self._own = [getattr(sys, name, None) for name in _NAMES]

    def led_away(self) -> list[Any]:
        """Those that are others now, and do not lead to the host's in the end."""
        now = [getattr(sys, name, None) for name in _NAMES]
        return [stream for stream in now if stream is not None and not self._is_own(stream)]

    def _is_own(self, stream: Any) -> bool:
        with contextlib.suppress(Exception):
            # What stands for a stream of the host's, to record what is written, is equal to it.
            return any(stream is own or stream == own for own in self._own) or stream.fileno() in (1, 2)
        return False


def names_behind(streams: Iterable[Any], values: dict[str, Any]) -> set[str]:
    """The names of the values that streams write to, or keep something in."""
    seen: dict[int, Any] = {}
    waiting = list(streams)
    while waiting and len(seen) < _MOST:
        part = waiting.pop()
        if id(part) not in seen and not isinstance(part, _NOT_ENTERED):
            seen[id(part)] = part
            waiting += gc.get_referents(part)
    return {name for name, value in values.items() if id(value) in seen and type(value) not in ATOMS}


__all__ = ["Streams", "names_behind"]
