"""What notebooks show, in a form that two runs have in common: without addresses, folders, clocks and ids."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# What is different each time, by whatever tool a notebook runs: a text that it holds, a pattern, a stand-in.
# (Texts can be long: pages with images.)
_VARYING = [
    (hint, re.compile(pattern), stand_in)
    for hint, pattern, stand_in in [
        ("-id=", r"((?:object|random)-id=(?:&[^;]*;|\\|['\"])*)[\w-]+", r"\1…"),
        ("0x", r"0x[0-9a-fA-F]{6,}", "0x…"),
        ("...x", r"\.\.\.x[0-9a-f]{6,}", "...x…"),
        # A cell has no file: each tool names it in its own way.
        ("/ipykernel_", r"/[\w./-]{0,60}?/ipykernel_\d+/\d+\.py", "<cell>"),
        ("<cell ", r"<cell \d+ of [^>]*>", "<cell>"),
        ("&lt;cell ", r"&lt;cell \d+ of .{0,60}?&gt;", "<cell>"),
        ("__marimo__cell_", r"[\w./-]{0,60}__marimo__cell_\w+\.py", "<cell>"),
        ("-", r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", "<uuid>"),
        ("&quot;", r"&quot;[A-Za-z]{4}-\d+&quot;", "&quot;<uuid>&quot;"),
        ("altair-viz-", r"altair-viz-[0-9a-f]{32}", "<id>"),
        ("T_", r"\bT_[0-9a-f]{5}", "<id>"),
        ("Date:", r"Date:(?:\s|<[^>]*>)+\w{3}, \d{1,2} \w{3} \d{4}", "Date: …"),
        ("Time:", r"Time:(?:\s|<[^>]*>)+\d\d:\d\d:\d\d", "Time: …"),
    ]
]

# great_tables draws a name for each table, which its style sheet has in many places.
_TABLE = re.compile(r'<div id="([a-z]{10})"')

# Streams and displays of a cell.
Item = tuple[str, Any]


@dataclass
class Shown:
    """What one code cell shows.

    Attributes:
        stdout, stderr: All of its text.
        displays: Its displays, results and errors, in order.
    """

    stdout: str = ""
    stderr: str = ""
    displays: list[Item] = field(default_factory=list)


def shown(outputs: list[dict[str, Any]], folder: str) -> Shown:
    """What a cell shows by its outputs of nbformat 4.

    Args:
        folder: Where it ran; left out of what it shows.
    """
    found = Shown()
    for output in outputs:
        kind = output["output_type"]
        if kind == "stream":
            text = "".join(output["text"])
            setattr(found, output["name"], getattr(found, output["name"]) + text)
        elif kind == "error":
            found.displays.append(
                ("error", {"error": normal(f"{output['ename']}: {output['evalue']}", folder)})
            )
        else:
            data = {mime: normal_part(mime, part, folder) for mime, part in output["data"].items()}
            found.displays.append((kind, data))
    found.stdout = normal(as_terminal(found.stdout), folder)
    found.stderr = normal(as_terminal(found.stderr), folder)
    return found


def as_terminal(text: str) -> str:
    """Text as it stands in the end where it goes back to the begin of a line, as progress bars do."""
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def normal(text: str, folder: str) -> str:
    """Text without what is different each time."""
    text = text.replace(folder, "<folder>")
    for own in _TABLE.findall(text) if "gt_table" in text else ():
        text = text.replace(own, "<id>")
    for hint, pattern, stand_in in _VARYING:
        if hint in text:
            text = pattern.sub(stand_in, text)
    return text


def normal_part(mime: str, part: Any, folder: str) -> Any:
    """A representation of a display without what is different each time."""
    if isinstance(part, list) and all(isinstance(line, str) for line in part):
        part = "".join(part)
    if mime.endswith("+mimebundle"):
        parts = json.loads(part) if isinstance(part, str) else part
        return {kind: normal_part(kind, value, folder) for kind, value in parts.items()}
    if mime.startswith("image/") and mime != "image/svg+xml":
        return "".join(part.split()) if isinstance(part, str) else part
    if isinstance(part, str):
        return normal(part, folder).rstrip("\n")
    return json.loads(normal(json.dumps(part, sort_keys=True), folder))


def same_image(one: str, other: str) -> bool:
    """Whether two images, in base64, have the same pixels."""
    return one == other or _pixels(one) == _pixels(other)


def _pixels(image: str) -> tuple[Any, bytes]:
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(image))) as opened:
        return opened.size, opened.convert("RGBA").tobytes()


def alike_images(one: str, other: str) -> bool:
    """Whether two images show the same at different resolutions."""
    import numpy
    from PIL import Image

    size = (120, 90)
    pictures = []
    for image in (one, other):
        with Image.open(io.BytesIO(base64.b64decode(image))) as opened:
            white = Image.new("RGBA", opened.size, "white")
            flat = Image.alpha_composite(white, opened.convert("RGBA")).convert("L").resize(size)
            pictures.append(numpy.asarray(flat, dtype=float))
    return bool(numpy.abs(pictures[0] - pictures[1]).mean() < 6)


def differences(expected: list[Shown], found: list[Shown]) -> list[str]:
    """In what two runs differ, in words; none if they show the same."""
    if len(expected) != len(found):
        return [f"{len(expected)} cells and {len(found)} cells"]
    told = []
    for number, (one, other) in enumerate(zip(expected, found, strict=True), 1):
        told += [f"code cell {number}: {difference}" for difference in _differences_of_cell(one, other)]
    return told


def _differences_of_cell(one: Shown, other: Shown) -> list[str]:
    told = [
        f"{stream}: {where(getattr(one, stream), getattr(other, stream))}"
        for stream in ("stdout", "stderr")
        if getattr(one, stream) != getattr(other, stream)
    ]
    if [kind for kind, _ in one.displays] != [kind for kind, _ in other.displays]:
        return [*told, f"displays: {_kinds(one)} != {_kinds(other)}"]
    for place, ((_, data), (_, found)) in enumerate(zip(one.displays, other.displays, strict=True), 1):
        if sorted(data) != sorted(found):
            told.append(f"display {place}: {sorted(data)} != {sorted(found)}")
            continue
        told += [
            f"display {place}, {mime}: {where(part, found[mime])}"
            for mime, part in data.items()
            if not _is_same_part(mime, part, found[mime])
        ]
    return told


def _kinds(cell: Shown) -> list[str]:
    return [
        f"{kind} {'/'.join(sorted(data)) if kind != 'error' else data['error']}"
        for kind, data in cell.displays
    ]


def _is_same_part(mime: str, one: Any, other: Any) -> bool:
    if mime in ("image/png", "image/jpeg", "image/gif") and isinstance(one, str):
        return same_image(one, other)
    return bool(one == other)


def where(one: Any, other: Any) -> str:
    """The first place in which two texts differ."""
    one, other = (part if isinstance(part, str) else json.dumps(part) for part in (one, other))
    at = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    begin = max(0, at - 60)
    return f"{one[begin : at + 60]!r} != {other[begin : at + 60]!r}"


def visible(markup: str) -> str:
    """The text of HTML, as one reads it."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


Renderer = Callable[[dict[str, Any]], str]
