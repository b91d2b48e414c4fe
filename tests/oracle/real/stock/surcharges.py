"""Surcharges by name, registered by a decorator."""

from __future__ import annotations

from collections.abc import Callable

SURCHARGES: dict[str, Callable[[int], int]] = {}


def surcharge(function: Callable[[int], int]) -> Callable[[int], int]:
    SURCHARGES[function.__name__] = function
    return function


@surcharge
def weekend(day: int) -> int:
    return 2 if day % 7 in (5, 6) else 0


@surcharge
def holiday(day: int) -> int:
    return 3 if day == 1 else 0


def is_plain(line: str) -> bool:
    return line.startswith("day") and " 0 " not in line
