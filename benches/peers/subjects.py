"""The functions that the caches keep: each peer decorates these."""

from __future__ import annotations

from typing import Any


def small(number: int) -> int:
    """A result that is quick to compute, to compare and to keep."""
    return number + 1


def sized(value: Any) -> int:
    """A small result from an argument that may be large: what a hit costs is the key of the argument."""
    return 1


def kept(number: int, value: Any) -> Any:
    """A result that may be large. What carries it does not enter the key, where a peer can leave it out."""
    return value
