"""What cells show in marimo's own kernel and scripts: recorded while they run, and shown again on a hit.

Text goes to the console under a cell, and so do figures that `plt.show()` shows. The output above it is what
`mo.output` has stacked, or else the value of the last expression. What counts of it is how it is in the end,
so a progress bar is kept as it was left.
"""

from __future__ import annotations

import base64
import contextlib
import json
import random
import string
import sys
import threading
from typing import TYPE_CHECKING, Any

from hozon._displaying import IN_CONSOLE, is_media
from hozon._mime import undressed
from hozon._replaying import Recording, hook, led_to, places_of_questions, places_of_text
from hozon.codecs.marimo import embedded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hozon._displaying import Displays
    from hozon._replaying import Event, Place

    Output = dict[str, Any]

_BUNDLE = "application/vnd.marimo+mimebundle"

# More characters of a value that marimo dresses for its page are not kept.
_MOST_DATA = 32 * 1024 * 1024

_Data = tuple[str, Any]


class OutputRecording(Recording):
    """Tells the outputs of a cell what its code shows.

    Attributes:
        has_asked: Whether the cell has asked the person for something.
        why_not_kept: Why something that it shows cannot be kept; None if it can.
    """

    def __init__(self, displays: Displays, *, is_seeded: bool) -> None:
        """Args: is_seeded: whether a cell has seeded the generator of `random`."""
        super().__init__()
        self._random = None if is_seeded else random.getstate()
        self.has_asked = False
        self.why_not_kept: str | None = None
        self._displays = displays
        self._led_to = {name: led_to(name) for name in ("stdout", "stderr")}
        # What was written last to the output: all that is stacked, or a value that replaced it.
        self._written: Any = None
        self._stack = None if _execution() is not None else _new_stack()

    def keep_output(self, value: Any) -> None:
        """The cell has ended with this value to show; None shows what it has stacked."""
        with _no_virtual_files():
            if value is None:
                stack = _execution().output if self._stack is None else self._stack
                for item in list(stack._items):
                    notes = {"output": "alone", "mimetype": item._mime_()[0]}
                    self._displays.show(item, metadata={"marimo": notes} if item is self._written else None)
            else:
                self._displays.show_result(value)
                _note_mime(self._displays, value)

    def draws_for_itself(self) -> bool:
        """Whether marimo may draw a name from another generator than that of `random`: nobody can tell,
        since its state is nobody's. Else each cell that shows a file would count as drawing."""
        return self._random is not None and random.getstate() == self._random

    def finish(self) -> None:
        """Nothing more is shown."""
        self._displays.finish()
        try:
            self._displays.outputs[:] = _embedded(self._displays.outputs)
        except Exception as error:
            self.why_not_kept = f"it shows a file of marimo's that cannot be read: {error}"

    def _places(self) -> Iterable[Place]:
        yield from places_of_text()
        yield from places_of_questions()
        places = _PLACES if has_page() else (*_PLACES, *_PLACES_OF_SCRIPTS)
        for module, name, make in places if self._stack is None else (*places, *_PLACES_OF_STACK):
            owner: Any = sys.modules.get(module)
            if name == "broadcast_console_output":
                owner = getattr(owner, "CellNotificationUtils", None)
            if hasattr(owner, name):
                yield owner, name, make

    def _add(self, event: Event, size: int = 0) -> None:
        kind, *parts = event
        if kind == "asked":
            self.has_asked = True
        elif kind == "media":
            self._displays.show_bundle(*_bundle(*parts))
        elif kind == "console cleared":
            self._displays.clear_console()
        elif kind == "figures":
            for figure in _open_figures():
                self._displays.show(figure, metadata={"marimo": IN_CONSOLE})
        elif kind == "written":
            (self._written,) = parts
        else:
            self._do_in_stack(*parts)

    def _add_text(self, kind: str, stream: str, text: Any) -> None:
        # What marimo captures is not shown, and what it redirects is in the output.
        if text and led_to(stream) == self._led_to[stream]:
            self._displays.write(stream, text if kind == "text" else text.decode("utf-8", "replace"))

    def _do_in_stack(self, name: str, value: Any, *more: Any) -> None:
        from marimo._output.formatting import as_html

        assert self._stack is not None
        try:
            if name == "replace":
                self._stack.clear()
            if name == "remove":
                self._stack.remove(value)
            elif name != "replace" or value is not None:
                html = as_html(value)
                add = self._stack.replace_at_index if name == "replace_at_index" else self._stack.append
                add(html, *more)
                self._written = html if name == "replace" else None
        except Exception as error:
            self.why_not_kept = f"what it shows cannot be kept: {error}"


def _shown_in_console(layer: Any) -> Any:
    def wrapper(*args: Any, **named: Any) -> Any:
        if not args and getattr(named.get("channel"), "value", None) == "media":
            for recording in layer.receivers():
                recording._add(("media", named["mimetype"], named["data"]))
        return layer.original(*args, **named)

    return hook(layer, wrapper)


def _notified(layer: Any) -> Any:
    def wrapper(notification: Any, *args: Any, **named: Any) -> Any:
        if getattr(notification, "console", None) == []:
            for recording in layer.receivers():
                recording._add(("console cleared",))
        return layer.original(notification, *args, **named)

    return hook(layer, wrapper)


def _written(layer: Any) -> Any:
    def wrapper(cell_id: Any, value: Any) -> Any:
        for recording in layer.receivers():
            recording._add(("written", value))
        return layer.original(cell_id=cell_id, value=value)

    return hook(layer, wrapper)


def _console_cleared(layer: Any) -> Any:
    def wrapper() -> None:
        for recording in layer.receivers():
            recording._add(("console cleared",))
        layer.original()

    return hook(layer, wrapper)


def _figures_shown(layer: Any) -> Any:
    def wrapper(*args: Any, **named: Any) -> Any:
        for recording in layer.receivers():
            recording._add(("figures",))
        return layer.original(*args, **named)

    return hook(layer, wrapper)


def _open_figures() -> list[Any]:
    from matplotlib._pylab_helpers import Gcf

    return [manager.canvas.figure for manager in Gcf.get_all_fig_managers()]


def _named(layer: Any) -> Any:
    def wrapper(ext: str) -> str:
        recordings = layer.receivers()
        if not recordings or not all(one.draws_for_itself() for one in recordings):
            return str(layer.original(ext))
        letters = "".join(_own.choices(string.ascii_letters + string.digits, k=8))
        return f"{threading.get_native_id()}-{letters}.{ext}"

    return hook(layer, wrapper)


# Draws marimo's names for files.
_own = random.Random()


def _stacked(layer: Any) -> Any:
    def wrapper(value: Any, *args: Any, **named: Any) -> Any:
        done = layer.original(value, *args, **named)
        for recording in layer.receivers():
            recording._add(("stacked", layer.name, value, *args, *named.values()))
        return done

    return hook(layer, wrapper)


# Modules of marimo, and their functions that hear of what is shown. (They are what it has since 0.23.)
_PLACES = (
    ("marimo._messaging.notification_utils", "broadcast_console_output", _shown_in_console),
    ("marimo._runtime.output._output", "broadcast_notification", _notified),
    ("marimo._runtime.output._output", "write_internal", _written),
    ("marimo._runtime.virtual_file.virtual_file", "random_filename", _named),
)

# In scripts, nothing comes of these; a kernel may restore what a script has stored.
_PLACES_OF_SCRIPTS = (
    ("marimo._runtime.output", "clear_console", _console_cleared),
    ("matplotlib.pyplot", "show", _figures_shown),
)

# Nor of these, where marimo has no place for what a cell shows.
_PLACES_OF_STACK = tuple(
    (module, name, _stacked)
    for module in ("marimo._runtime.output._output", "marimo._runtime.output")
    for name in ("append", "replace", "replace_at_index", "remove")
)


def show_again(displays: list[Output]) -> None:
    """Writes and shows what a cell wrote and showed, but for the value of its last expression."""
    stacked = []
    for output in displays:
        if output["output_type"] == "stream":
            getattr(sys, output["name"]).write(output["text"])
        elif is_media(output):
            _show_in_console(*_media(output))
        elif output["output_type"] == "display_data":
            stacked.append(output)
    execution = _execution()
    if not stacked or execution is None:
        return
    from marimo._output.formatting import as_html
    from marimo._runtime.output import _output

    for output in stacked:
        execution.output.append(as_html(Shown(output["data"])))
    if stacked[-1]["metadata"].get("marimo", {}).get("output") == "alone":
        # It has replaced what was stacked, and is shown as it is.
        _output.write_internal(execution.cell_id, shown_value(stacked[-1]))
    else:
        _output.flush()


def shown_value(output: Output) -> Shown:
    """What looks like the value that a cell has shown."""
    notes = output["metadata"].get("marimo", {})
    mime = notes.get("mimetype")
    return Shown({**output["data"], mime: notes["data"]} if "data" in notes else output["data"], mime)


def _note_mime(displays: Displays, value: Any) -> None:
    """HTML may be shown as Markdown: by that, where no page can be served."""
    from marimo._output.hypertext import Html

    if isinstance(value, Html) and displays.outputs:
        displays.outputs[-1]["metadata"]["marimo"] = {"mimetype": value._mime_()[0]}


def note_look(displays: list[Output], value: Any) -> None:
    """Notes how marimo shows a value that is not kept: trees and tables of its page are its own."""
    results = [output for output in displays if output["output_type"] == "execute_result"]
    if not results or "marimo" in results[-1]["metadata"]:
        return
    from marimo._output.formatting import try_format

    with _no_virtual_files():
        found = try_format(value)
    if found.exception is None and isinstance(found.data, str) and len(found.data) < _MOST_DATA:
        results[-1]["metadata"]["marimo"] = {"mimetype": found.mimetype, "data": found.data}


def close_figures() -> None:
    """What marimo does once it has shown what a cell shows: no later cell finds open figures of pyplot."""
    mpl = sys.modules.get("marimo._output.mpl")
    if mpl is not None and has_page():
        mpl.close_figures()


def has_page() -> bool:
    """Whether there is a page on which a cell shows something: scripts have none."""
    from marimo._runtime.context.utils import get_mode

    return get_mode() in ("edit", "run")


def _show_in_console(mime: str, data: Any) -> None:
    from marimo._messaging.cell_output import CellChannel
    from marimo._messaging.notification_utils import CellNotificationUtils

    if _execution() is None:
        return
    given: dict[str, Any] = {"mimetype": mime, "data": data}
    CellNotificationUtils.broadcast_console_output(
        channel=CellChannel.MEDIA, cell_id=None, status=None, **given
    )


class Shown:
    """Looks like a value that was shown when its cell ran."""

    def __init__(self, data: dict[str, Any], mime: str | None = None) -> None:
        self._data = data
        self._mime = mime

    def _mime_(self) -> _Data:
        for mime in (self._mime,) if self._mime in self._data else ():
            return str(mime), _dressed(str(mime), self._data[mime])
        for mime in ("text/html", "image/svg+xml", "text/markdown", "image/png", "image/jpeg"):
            if mime in self._data:
                is_image = mime in ("image/png", "image/jpeg")
                return mime, _dressed(mime, self._data[mime]) if is_image else self._data[mime]
        mime = next((mime for mime in self._data if mime != "text/plain"), "text/plain")
        return mime, self._data.get(mime, "")

    def __repr__(self) -> str:
        return str(self._data.get("text/plain", ""))


def _bundle(mime: str, data: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What marimo shows in a console, as data and metadata of nbformat."""
    if mime != _BUNDLE:
        return {mime: undressed(data)}, {"marimo": IN_CONSOLE}
    parts = json.loads(data)
    notes = parts.pop("__metadata__", {})
    return {name: undressed(part) for name, part in parts.items()}, {**notes, "marimo": IN_CONSOLE}


def _media(output: Output) -> _Data:
    """What `_bundle` was given."""
    data = {name: part for name, part in output["data"].items() if name != "text/plain"} or output["data"]
    parts = {name: _dressed(name, part) for name, part in data.items()}
    notes = {name: note for name, note in output["metadata"].items() if name != "marimo"}
    if notes:
        return _BUNDLE, json.dumps({**parts, "__metadata__": notes})
    return next(iter(parts.items()))


def _dressed(mime: str, data: Any) -> Any:
    """Data of an image as a `data:` address."""
    if not mime.startswith("image/") or data.startswith("data:"):
        return data
    held = base64.b64encode(data.encode()).decode() if mime.endswith("+xml") else data
    return f"data:{mime};base64,{held}"


def _embedded(part: Any) -> Any:
    """A structure of JSON whose texts hold the files that they lead to."""
    if isinstance(part, str):
        return embedded(part)
    if isinstance(part, dict):
        return {name: _embedded(value) for name, value in part.items()}
    return [_embedded(value) for value in part] if isinstance(part, list) else part


def _new_stack() -> Any:
    from marimo._runtime.cell_output_list import CellOutputList

    return CellOutputList()


def _execution() -> Any:
    """The cell that marimo runs, with what it has stacked; None where there is no place for that."""
    return getattr(_context(), "execution_context", None)


def _context() -> Any:
    from marimo._runtime.context import ContextNotInitializedError, get_context

    try:
        return get_context()
    except ContextNotInitializedError:
        return None


@contextlib.contextmanager
def _no_virtual_files() -> Iterator[None]:
    """What is kept holds its files itself: those of a kernel end with it."""
    context = _context()
    before = getattr(context, "virtual_files_supported", None)
    try:
        if before:
            context.virtual_files_supported = False
        yield
    finally:
        if before:
            context.virtual_files_supported = before
