"""A value's representations by mime type.

As IPython's formatters make them, by the methods that values have for that, whether IPython is there or
not; where a shell of IPython runs, its formatters are asked, since code may have registered its own with
them. And by marimo's protocol: `_display_` gives another value, `_mime_` one type and its data.
"""

from __future__ import annotations

import base64
import collections
import io
import json
import re
import sys
import types
from typing import TYPE_CHECKING, Any

from hozon._mime_json import json_data, json_text

if TYPE_CHECKING:
    from collections.abc import Callable

    Data = dict[str, Any]
    OnError = Callable[[BaseException], None]

# The methods that give one representation, in the order of IPython's formatters.
_METHODS = {
    "text/html": "_repr_html_",
    "text/markdown": "_repr_markdown_",
    "image/svg+xml": "_repr_svg_",
    "image/png": "_repr_png_",
    "application/pdf": "_repr_pdf_",
    "image/jpeg": "_repr_jpeg_",
    "text/latex": "_repr_latex_",
    "application/json": "_repr_json_",
    "application/javascript": "_repr_javascript_",
}

# More characters of plain text are not kept of one value.
_MOST_TEXT = 1024 * 1024

# A value whose `_display_` leads on and on.
_MOST_STEPS = 20


def mime_bundle(
    value: Any, host: str = "script", on_error: OnError | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A value's representations by mime type, and their metadata, as JSON.

    Both are empty if the value has displayed itself. Raises only what is no `Exception`: an interrupt.

    Args:
        host: Whose manners count, as in `Displays`.
        on_error: Gets the exceptions of faulty methods; the other representations are given all the same.
    """
    report = on_error or (lambda error: None)
    value = _stand_in(value, report)
    formatter = _shell_formatter(host)
    if formatter is not None and not hasattr(type(value), "_mime_"):
        data, metadata = formatter.format(value)
        # The shell knows figures only once Jupyter's own backend is used.
        if data and not any(mime.startswith("image/") for mime in data):
            data = data | dict(_by_library(value, host, report))
        return _clean(data, metadata)
    if _displays_itself(value, report):
        return {}, {}
    data, metadata = {}, {}
    try:
        data["text/plain"] = plain_text(value, host)
    except Exception as error:
        report(error)
    for mime, method in _METHODS.items():
        _take(data, metadata, mime, _called(value, method, report))
    bundle = _called(value, "_repr_mimebundle_", report, include=None, exclude=None)
    if bundle is not None:
        found, notes = bundle if isinstance(bundle, tuple) else (bundle, {})
        data.update(found)
        metadata.update(notes)
    if host == "marimo" and "text/html" not in data and _has_elements(value):
        data["text/html"] = _elements(value, report)
    for mime, found in _by_marimo(value, report) + _by_library(value, host, report):
        data[mime] = found
    return _clean(data, metadata)


def _shell_formatter(host: str) -> Any:
    """The formatters of IPython's shell, if one runs."""
    if host != "jupyter":
        return None
    shell = getattr(sys.modules.get("hozon.hosts._shell"), "running", None)
    return None if shell is None else shell.display_formatter


def _stand_in(value: Any, report: OnError) -> Any:
    """What is displayed in a value's stead, by marimo's protocol."""
    for _ in range(_MOST_STEPS):
        other = _called(value, "_display_", report)
        if other is None:
            return value
        value = other
    return value


def _displays_itself(value: Any, report: OnError) -> bool:
    method = _method(value, "_ipython_display_")
    if method is None:
        return False
    try:
        method()
    except NotImplementedError:
        return False
    except Exception as error:
        report(error)
    return True


def _take(data: Data, metadata: Data, mime: str, found: Any) -> None:
    if found is None:
        return
    if isinstance(found, tuple) and len(found) == 2:
        found, metadata[mime] = found
    data[mime] = found


def _method(value: Any, name: str) -> Callable[..., Any] | None:
    """A method of a value, if it has it by intention: some objects answer every name."""
    if isinstance(value, type):
        return None
    try:
        if getattr(value, "_ipython_canary_method_should_not_exist_", None) is not None:
            return None
        found = getattr(value, name, None)
    except Exception:
        return None
    return found if callable(found) else None


def _called(value: Any, name: str, report: OnError, **named: Any) -> Any:
    method = _method(value, name)
    if method is None:
        return None
    try:
        return method(**named)
    except NotImplementedError:
        return None
    except Exception as error:
        report(error)
        return None


def _by_marimo(value: Any, report: OnError) -> list[tuple[str, Any]]:
    found = _called(value, "_mime_", report)
    if not isinstance(found, tuple) or len(found) != 2:
        return []
    mime, data = found
    if mime == "application/vnd.marimo+mimebundle":
        parts = json.loads(data) if isinstance(data, str) else data
        return [(name, undressed(part)) for name, part in parts.items() if "/" in name]
    return [(str(mime), undressed(data))]


def _has_elements(value: Any) -> bool:
    """Whether a structure holds what marimo shows as elements of its page."""
    if type(value) is dict:
        value = list(value.values())
    if type(value) not in (list, tuple):
        return False
    return any(_has_elements(item) or _method(item, "_mime_") is not None for item in value)


def _elements(value: Any, report: OnError) -> str:
    """A structure, or what is in it, as HTML: one part below the other, where marimo shows a tree."""
    import html

    if type(value) is dict:
        parts = [f"{html.escape(repr(key))}: {_elements(part, report)}" for key, part in value.items()]
    elif type(value) in (list, tuple):
        parts = [_elements(part, report) for part in value]
    else:
        found = dict(_by_marimo(value, report))
        return str(found["text/html"]) if "text/html" in found else html.escape(repr(value))
    return "<div>" + "".join(f"<div>{part}</div>" for part in parts) + "</div>"


def undressed(data: Any) -> Any:
    """Data of a `data:` address; nbformat wants them bare."""
    if isinstance(data, str) and data.startswith("data:"):
        head, _, body = data.partition(",")
        if head.endswith("+xml;base64"):
            return base64.b64decode(body).decode("utf-8", "replace")
        if head.endswith(";base64"):
            return body
    return data


def _by_library(value: Any, host: str, report: OnError) -> list[tuple[str, Any]]:
    """Figures of matplotlib, for which IPython has a formatter; in marimo their parts too."""
    artists = sys.modules.get("matplotlib.artist")
    figures = sys.modules.get("matplotlib.figure")
    if artists is None or figures is None or not hasattr(figures, "Figure"):
        return []
    figure = value if isinstance(value, figures.Figure) else None
    if figure is None and host == "marimo":
        figure = _figure_of_parts(value, artists.Artist)
    if figure is None or not (figure.axes or figure.lines):
        return []
    try:
        return [("image/png", figure_png(figure))]
    except Exception as error:
        report(error)
        return []


def _figure_of_parts(value: Any, artist: type) -> Any:
    """The figure of an artist, or the one to which all artists of a structure belong: what `plt.plot` and
    `plt.boxplot` give. None for other values."""
    containers = sys.modules.get("matplotlib.container")
    if containers is not None and isinstance(value, containers.BarContainer):
        value = list(value.patches[:1])
    if isinstance(value, dict):
        value = [
            part for item in value.values() for part in (item if isinstance(item, list | tuple) else [item])
        ]
    parts = value if isinstance(value, list | tuple) else [value]
    if not parts or not all(isinstance(part, artist) for part in parts):
        return None
    figure = getattr(parts[0], "figure", None)
    return figure if all(getattr(part, "figure", None) is figure for part in parts) else None


def figure_png(figure: Any) -> bytes:
    """A figure of matplotlib as Jupyter's inline backend draws it. Raises what drawing raises."""
    if figure.canvas is None:
        from matplotlib.backend_bases import FigureCanvasBase

        FigureCanvasBase(figure)
    file = io.BytesIO()
    colors = {"facecolor": figure.get_facecolor(), "edgecolor": figure.get_edgecolor()}
    figure.canvas.print_figure(file, format="png", dpi=figure.dpi, bbox_inches="tight", **colors)
    return file.getvalue()


def _clean(data: Data, metadata: Data) -> tuple[Data, Data]:
    found = {str(mime): json_data(value) for mime, value in data.items() if value is not None}
    text = found.get("text/plain")
    if isinstance(text, str) and len(text) > _MOST_TEXT:
        left_out = len(text) - _MOST_TEXT
        found["text/plain"] = f"{text[:_MOST_TEXT]}\n[hozon: {left_out} more characters are left out]"
    return found, json_data(dict(metadata))


# Plain text --------------------------------------------------------------------------------------

_SIMPLE = (int, float, bool, type(None), complex)

# Types that IPython writes in its own way: what derives from them is not told by `repr`.
_PRETTY: frozenset[type] = frozenset(
    [
        *(list, tuple, dict, set, frozenset, super, type, BaseException, re.Pattern),
        *(types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.SimpleNamespace),
        *(types.MappingProxyType, collections.deque, collections.defaultdict),
        *(collections.OrderedDict, collections.Counter, collections.UserList),
    ]
)

# Columns that a container fills before it is broken into lines, of IPython.
_WIDTH = 79


def plain_text(value: Any, host: str = "script") -> str:
    """A value as text: in Jupyter as IPython breaks it into lines. Raises what `repr` raises."""
    if type(value) in _SIMPLE:
        return repr(value)
    if host == "jupyter" and not _tells_itself(type(value)) and not _is_short(value):
        try:
            from IPython.lib.pretty import pretty
        except ImportError:
            return json_text(_broken_into_lines(value))
        return json_text(pretty(value))
    return json_text(_broken_into_lines(value))


def _tells_itself(cls: type) -> bool:
    """Whether IPython takes the `repr` of a type's objects. It need not be loaded to know that."""
    for base in cls.__mro__:
        own = vars(base)
        if base in _PRETTY or "_repr_pretty_" in own:
            return False
        if "__repr__" in own and base is not object:
            return True
    return False


def _is_short(value: Any) -> bool:
    """Whether a value is a container that IPython writes in one line, as `repr` does."""
    if type(value) not in (list, tuple, dict) or len(value) > _WIDTH:
        return False
    items = [*value, *value.values()] if type(value) is dict else value
    if any(type(item) not in _SIMPLE and type(item) is not str for item in items):
        return False
    return len(repr(value)) <= _WIDTH


def _broken_into_lines(value: Any) -> str:
    if isinstance(value, (list, tuple, dict, set, frozenset)):
        import pprint

        return pprint.pformat(value, width=_WIDTH, sort_dicts=False)
    return repr(value)
