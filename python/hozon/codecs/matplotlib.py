"""matplotlib: figures and their axes have no digest.

All that is drawn in a figure refers to it and to each other in a great many ways, and some of it to bare
objects: walking one of two axes takes a minute, to find that out. (They can be stored, as pickles.)
"""

from __future__ import annotations

from hozon._errors import NoDigestError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hozon.codecs import ShapeFunction

# Modules and names of the classes from which figures, axes and axis derive.
_BASES = frozenset(
    {
        ("matplotlib.figure", "FigureBase"),
        ("matplotlib.axes._base", "_AxesBase"),
        ("matplotlib.axis", "Axis"),
    }
)


def shape_for(base: type, cls: type) -> ShapeFunction | None:
    """Returns the function that refuses figures and axes."""
    return _refuse if (base.__module__, base.__name__) in _BASES else None


def _refuse(value: Any) -> tuple[Any, ...]:
    raise NoDigestError("figures and axes of matplotlib have no digest; pass what is drawn in them")
