"""marimo: elements of its page by what they are set to. None is kept: only running makes one that lives."""

from __future__ import annotations

import pickle
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hozon.codecs import Reducer, ShapeFunction

# Stands in the HTML of whatever shows an element.
ELEMENT = "<marimo-ui-element"


def _class(module: str, name: str) -> Any:
    return getattr(sys.modules.get(module), name, None)


def shape_for(base: type, cls: type) -> ShapeFunction | None:
    """Returns the shape function of an element."""
    return _shape_of_element if base is _class("marimo._plugins.ui._core.ui_element", "UIElement") else None


def _shape_of_element(element: Any) -> tuple[Any, ...]:
    made = element._args
    parts = getattr(element, "_elements", None)
    return (
        "marimo.ui",
        type(element),
        made.component_name,
        made.label,
        made.args,
        # The property of that name complains in the cell that has made the element.
        element._value,
        parts if isinstance(parts, list | dict) else None,
    )


def reducer_for(cls: type) -> Reducer | None:
    """Returns what refuses to store an element, or HTML that shows one."""
    html = _class("marimo._output.hypertext", "Html")
    return _refuse_elements if html is not None and issubclass(cls, html) else None


def _refuse_elements(html: Any) -> Any:
    if ELEMENT in html.text:
        raise pickle.PicklingError("it holds an element of marimo's page, which only running its cell makes")
    return NotImplemented
