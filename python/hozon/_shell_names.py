"""What IPython's names for shown values and for sources stand for in a cell: `_`, `Out`, `In`, `_i`.

The values themselves are variables of the notebook (`_3`), as `hozon_syntax` has it; these names lead to
them while a cell runs that may read them.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

_MISSING: Any = object()


@contextlib.contextmanager
def shell_names(
    namespace: dict[str, Any], shown: list[str], sources: list[str], own: Set[str]
) -> Iterator[None]:
    """Has the names in a namespace.

    Args:
        shown: The names of the values that have been shown and may be read, in their order.
        sources: The texts of the cells up to this one; empty if it does not read them.
        own: Names that cells have given a value: those keep it.
    """
    given = {**_of_values(namespace, shown), **_of_sources(sources)}
    given = {name: value for name, value in given.items() if name not in own or name not in namespace}
    before = {name: namespace.get(name, _MISSING) for name in given}
    namespace.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if namespace.get(name, _MISSING) is given[name]:
                namespace.pop(name)
                if value is not _MISSING:
                    namespace[name] = value


def _of_values(namespace: dict[str, Any], shown: list[str]) -> dict[str, Any]:
    values = {int(name[1:]): namespace[name] for name in shown if name in namespace}
    last = [*reversed(values.values()), "", "", ""]
    return {"_": last[0], "__": last[1], "___": last[2], "Out": values, "_oh": values}


def _of_sources(sources: list[str]) -> dict[str, Any]:
    if not sources:
        return {}
    every = ["", *sources]
    last = [*reversed(every[:-1]), "", ""]
    numbered = {f"_i{number}": text for number, text in enumerate(every) if number}
    return {**numbered, "In": every, "_ih": every, "_i": last[0], "_ii": last[1], "_iii": last[2]}


__all__ = ["shell_names"]
