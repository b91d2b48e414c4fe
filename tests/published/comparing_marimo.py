"""marimo's own kernel dresses values for its page; what is in them is compared with what hozon shows."""

from __future__ import annotations

import html
import json
import re
from typing import Any

from comparing import Shown, alike_images, visible, where

# A word, or a number without its closing zeros: tables write them in their own ways.
_TOKEN = re.compile(r"\w+(?:[.:]\w+)*")

# Errors of the graph, and of what is no Python.
_CANNOT_RUN = ("multiple-defs", "cycle", "setup-refs", "syntax", "SyntaxError")

# A name that is not there, in marimo's words.
_NO_NAME = "exception: Name `"

# Cells that were not run because of another. (Where that one could not run, marimo runs them, without its names.)
_NOT_RUN = (
    "ancestor-stopped",
    "ancestor-prevented",
    "exception: An ancestor",
    _NO_NAME,
    "skipped: ",
)

# marimo writes tracebacks to standard error as well, as HTML.
_TRACEBACK = re.compile(r'<span class="codehilite"><div class="highlight">.*?</div>\s*</span>', re.DOTALL)


def differences(expected: list[Shown], found: list[Shown]) -> list[str]:
    """In what a run by hozon differs from marimo's; none if they show the same."""
    if len(expected) != len(found):
        return [f"{len(expected)} cells and {len(found)} cells"]
    told = []
    for number, (one, other) in enumerate(zip(expected, found, strict=True), 1):
        told += [f"code cell {number}: {difference}" for difference in _of_cell(one, other)]
    return told


def _of_cell(one: Shown, other: Shown) -> list[str]:
    texts = {"stdout": (one.stdout, other.stdout), "stderr": (_TRACEBACK.sub("", one.stderr), other.stderr)}
    told = [
        f"{stream}: {where(*pair)}" for stream, pair in texts.items() if pair[0].strip() != pair[1].strip()
    ]
    own, shown = ([item for item in cell.displays if not _is_not_run(item)] for cell in (one, other))
    if any(item[0] == "error" and item[1]["error"].startswith(_NO_NAME) for item in one.displays):
        shown = [
            item for item in shown if not (item[0] == "error" and item[1]["error"].startswith("NameError"))
        ]
    if len(other.displays) > len(shown) and all(item[0] == "error" for item in own):
        # What hozon does not run, since a cell before it failed, marimo may run, without that one's names.
        return told
    if own and all(item[0] == "error" and item[1]["error"].startswith(_CANNOT_RUN) for item in own):
        # hozon names one fault of a cell, marimo all of them.
        own = own[:1]
    if len(own) != len(shown):
        return [*told, f"displays: {[_brief(item) for item in own]} != {[_brief(item) for item in shown]}"]
    return told + [
        _told(item, found) for item, found in zip(own, shown, strict=True) if not _is_same(item, found)
    ]


def _told(item: tuple[str, Any], shown: tuple[str, Any]) -> str:
    """In what two displays differ: where they have the same types, the first place."""
    common = [mime for mime in item[1] if mime in shown[1]]
    if common and isinstance(item[1][common[0]], str):
        return f"{item[0]} {common[0]}: {where(item[1][common[0]], shown[1][common[0]])}"
    return f"{_brief(item)} != {_brief(shown)}"


def _is_not_run(item: tuple[str, Any]) -> bool:
    return item[0] == "error" and item[1]["error"].startswith(_NOT_RUN)


def _brief(item: tuple[str, Any]) -> str:
    return item[0] + " " + ", ".join(f"{mime}: {str(part)[:300]!r}" for mime, part in item[1].items())


def _is_same(item: tuple[str, Any], other: tuple[str, Any]) -> bool:
    (kind, data), (other_kind, shown) = item, other
    if "error" in (kind, other_kind):
        return kind == other_kind and _is_same_error(data["error"], shown["error"])
    ((mime, part),) = data.items()
    if mime == "application/vnd.marimo+mimebundle":
        parts = json.loads(part) if isinstance(part, str) else part
        return any(_is_same_part(mime, part, shown) for mime, part in parts.items() if "/" in mime)
    return _is_same_part(mime, part, shown)


def _is_same_error(own: str, other: str) -> bool:
    if own.startswith(_CANNOT_RUN):
        return other.startswith("cannot run: ")
    return own.partition(": ")[2].strip() in other


def _is_same_part(mime: str, part: Any, shown: dict[str, Any]) -> bool:
    if mime.startswith("image/"):
        image = shown.get("image/png") or shown.get(mime)
        return image is not None and (part == image or alike_images(_bare(part), image))
    if part in shown.values():
        return True
    if mime.startswith("application/vnd.vegalite"):
        return _is_chart(part, str(shown.get("text/html", "")))
    text = part if isinstance(part, str) else json.dumps(part)
    if "<marimo-table" in text:
        return _is_same_table(text, shown)
    if mime == "application/json" and (elements := _elements_in(json.loads(text))):
        return all(element in str(shown.get("text/html", "")) for element in elements)
    if mime == "application/json":
        return _tokens(_leaves(text)) == _tokens(str(shown.get("text/plain", "")))
    texts = [visible(text), visible(_undressed(text))]
    return any(visible(str(other)) in texts for other in shown.values())


def _is_chart(part: Any, page: str) -> bool:
    """Whether a page draws a chart of Altair: its last script is given the chart and how to show it."""
    found = re.search(r"\}\)\((\{.*\}), \{\"mode\": \"vega-lite\"", page, re.DOTALL)
    own = json.loads(part) if isinstance(part, str) else part
    return found is not None and _chart(json.loads(found[1])) == _chart(own)


def _chart(parts: dict[str, Any]) -> str:
    """A chart without the names that are drawn for its parts, and what marimo adds."""
    text = json.dumps({name: part for name, part in parts.items() if name != "usermeta"}, sort_keys=True)
    return re.sub(r"\b(view|param)_[0-9a-f]{16}", r"\1", text)


def _elements_in(tree: Any) -> list[str]:
    """The elements of the page in a structure, as HTML."""
    if isinstance(tree, dict | list):
        parts = tree.values() if isinstance(tree, dict) else tree
        return [element for part in parts for element in _elements_in(part)]
    is_element = isinstance(tree, str) and tree.startswith("text/html:<marimo-")
    return [tree.removeprefix("text/html:")] if is_element else []


def _bare(image: str) -> str:
    return image.partition(",")[2] if image.startswith("data:") else image


def _undressed(text: str) -> str:
    """The value that a `<pre>` of marimo shows."""
    return html.unescape(re.sub(r"</?pre[^>]*>", "", text))


def _leaves(text: str) -> str:
    """A structure of marimo without the types that it notes at its leaves."""
    return (
        re.sub(r"text/plain(\+\w+)?:", "", text)
        .replace("true", "True")
        .replace("false", "False")
        .replace("null", "None")
    )


def _tokens(text: str) -> list[str]:
    text = re.sub(r"datetime\.date\((\d+), (\d+), (\d+)\)", r"\1-\2-\3", text)
    return [re.sub(r"\.0+$", "", token) for token in _TOKEN.findall(text)]


def _is_same_table(text: str, shown: dict[str, Any]) -> bool:
    """Whether all that the first page of a table of marimo holds stands in what hozon shows: the same table,
    or the frame's own HTML, which may cut it in the middle."""
    data = _data_of_table(text)
    markup = str(shown.get("text/html", ""))
    if "<marimo-table" in markup:
        return data == _data_of_table(markup)
    if data is None:
        return False
    rows = json.loads(html.unescape(data))
    rows = json.loads(rows) if isinstance(rows, str) else rows
    there = set(_tokens(visible(markup).lower()) + _tokens(str(shown.get("text/plain", "")).lower()))
    first = [value for row in rows[:3] for value in row.values() if isinstance(value, str | int)]
    return all(token in there for value in first for token in _tokens(str(value).lower()))


def _data_of_table(markup: str) -> str | None:
    found = re.search(r"data-data='([^']*)'", markup)
    return None if found is None else found[1]
