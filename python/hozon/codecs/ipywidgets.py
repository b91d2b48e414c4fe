"""ipywidgets: by what they are set to. None is kept: only running makes one that its page knows."""

from __future__ import annotations

import pickle
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hozon.codecs import Reducer, ShapeFunction


def _widget() -> Any:
    return getattr(sys.modules.get("ipywidgets.widgets.widget"), "Widget", None)


def shape_for(base: type, cls: type) -> ShapeFunction | None:
    """Returns the shape function of a widget."""
    return _shape if base is _widget() else None


def _shape(widget: Any) -> tuple[Any, ...]:
    state = {name: getattr(widget, name) for name in sorted(widget.keys) if not name.startswith("_")}
    return "ipywidgets", type(widget), state


def reducer_for(cls: type) -> Reducer | None:
    """Returns what refuses to store a widget."""
    widget = _widget()
    return _refuse if widget is not None and issubclass(cls, widget) else None


def _refuse(widget: Any) -> Any:
    raise pickle.PicklingError("it is a widget, which only running its cell makes")
