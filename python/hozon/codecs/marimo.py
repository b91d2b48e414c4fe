"""marimo: elements of its page by what they are set to. None is kept: only running makes one that lives.
HTML by its text, with the files in it: those that marimo's kernel serves end with it."""

from __future__ import annotations

import base64
import pickle
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hozon.codecs import Reducer, ShapeFunction

# Stands in the HTML of whatever shows an element.
ELEMENT = "<marimo-ui-element"


def _class(module: str, name: str) -> Any:
    return getattr(sys.modules.get(module), name, None)


# The address of a file that marimo's kernel serves, for as long as it runs: its length and its name.
_FILE = re.compile(r"(?:\./|/)@file/(\d+)-([\w.-]+)")


def shape_for(base: type, cls: type) -> ShapeFunction | None:
    """Returns the shape function of an element, or of HTML."""
    if base is _class("marimo._plugins.ui._core.ui_element", "UIElement"):
        return _shape_of_element
    return _shape_of_html if base is _class("marimo._output.hypertext", "Html") else None


def embedded(text: str) -> str:
    """Returns a text in which each address of a file that the kernel serves is the file itself.

    Raises `KeyError`, `OSError` or an exception of marimo's for one that is no more.
    """
    return _FILE.sub(_as_data, text) if "@file/" in text else text


def _as_data(found: re.Match[str]) -> str:
    import mimetypes

    from marimo._runtime.virtual_file.virtual_file import read_virtual_file

    length, name = int(found[1]), found[2]
    content = read_virtual_file(name, length) if length else b""
    return f"data:{mimetypes.guess_type(name)[0] or 'text/plain'};base64,{base64.b64encode(content).decode()}"


def _shape_of_html(html: Any) -> tuple[Any, ...]:
    return "marimo.html", type(html), _state_of_html(html)


def _state_of_html(html: Any) -> dict[str, Any]:
    """Returns what HTML holds, with the files that it leads to."""
    state = {name: part for name, part in vars(html).items() if name not in _MADE_OF_TEXT}
    return {name: embedded(part) if type(part) is str else part for name, part in state.items()}


# Attributes that HTML makes of its text when it is made.
_MADE_OF_TEXT = ("_serialized_mime_bundle", "serialized_mime_bundle", "_virtual_filenames")


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
    """Returns what stores HTML, with the files in it, and refuses to store an element, or what shows one."""
    html = _class("marimo._output.hypertext", "Html")
    return _reduce_html if html is not None and issubclass(cls, html) else None


def _reduce_html(html: Any) -> Any:
    if ELEMENT in html.text:
        raise pickle.PicklingError("it holds an element of marimo's page, which only running its cell makes")
    if "@file/" not in html.text:
        return NotImplemented
    try:
        return _html_of, (type(html), _state_of_html(html))
    except Exception as error:
        raise pickle.PicklingError(f"it shows a file of marimo's that cannot be read: {error}") from error


def _html_of(cls: Any, state: dict[str, Any]) -> Any:
    html = cls.__new__(cls)
    html.__dict__.update(state, _virtual_filenames=[])
    bundle = {"mimetype": "text/html", "data": html.text}
    html.__dict__.update(_serialized_mime_bundle=bundle, serialized_mime_bundle=bundle)
    return html
