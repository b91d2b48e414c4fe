"""What the code of a cell shows, as outputs of nbformat 4.

Text of Python code is taken as it is written (`_streams.py`), that of C code and of other programs from
the descriptors (`_descriptors.py`): before each piece of Python's text, a few times a second, and at the
end. So the order is right, but among the two descriptors while no Python code writes, and for what C
keeps in its own buffers.
"""

from __future__ import annotations

import codecs
import threading
import uuid
from typing import TYPE_CHECKING, Any

from hozon import _descriptors, _streams
from hozon._errors_shown import error_output
from hozon._mime import mime_bundle, plain_text
from hozon._mime_json import json_data, json_text

if TYPE_CHECKING:
    from collections.abc import Callable

    Output = dict[str, Any]

__all__ = [
    "IN_CONSOLE",
    "MOST_TEXT",
    "Displays",
    "current",
    "display",
    "error_output",
    "mime_bundle",
    "plain_text",
]

# What stands under "marimo" in the metadata of a display that marimo shows in the console, under a cell.
IN_CONSOLE = {"channel": "media"}

# More characters of text than this are not kept of one cell.
MOST_TEXT = 8 * 1024 * 1024

# Seconds between two looks at what C code and other programs write.
_TICK = 0.1

_active: list[Displays] = []


def current() -> Displays | None:
    """The innermost `Displays` that is active in this process; None in a child that was forked."""
    return _active[-1] if _active and not _streams.is_forked_child() else None


class Displays:
    """Collects what code shows from `__enter__` to `__exit__`, as outputs of nbformat 4.

    Any thread may show something. All that is shown is valid JSON, and no live object.

    Attributes:
        outputs: What was shown, in order; complete after `__exit__`. Displays with a name have `transient`,
            as messages of Jupyter do. Beside nbformat's outputs, the last update of each name stands at the
            end: `{"output_type": "update_display_data", ..., "transient": {"display_id": str}}`. It has
            been made in this cell's outputs; it is for those of the cells before.
        left_out: Bytes of text that were dropped, because there were more than `MOST_TEXT`.
        host: "jupyter" (also percent scripts), "marimo" or "script": whose manners count.
    """

    def __init__(self, host: str = "script", on_shown: Callable[[Output], None] | None = None) -> None:
        """Args:
        on_shown: Called with each output, or piece of text, as it comes, from any thread, but one at a
            time. Beside those, there is `{"output_type": "clear_output", "wait": bool}`.
            What it raises is not caught.
        """
        self.outputs: list[Output] = []
        self.left_out = 0
        self.host = host
        # The value of the last expression, where it is to be kept.
        self.keeps_result = False
        self.result: Any = None
        self._on_shown = on_shown
        self._lock = threading.RLock()
        # Text that was written last, to one stream.
        self._stream = ""
        self._chunks: list[str] = []
        self._unsent: list[tuple[str, str]] = []
        self._size = 0
        self._clears_next = False
        self._last_error: BaseException | None = None
        self._named: dict[str, list[Output]] = {}
        # The last update of each name: earlier cells may have displays of it.
        self._updates: dict[str, Output] = {}
        self._descriptors: list[_descriptors.Descriptor] = []
        self._decoders: dict[str, codecs.IncrementalDecoder] = {}
        self._routing = _streams.Routing(self.write)
        self._ended = threading.Event()
        self._pump = threading.Thread(target=self._run_pump, name="hozon-displays", daemon=True)

    def __enter__(self) -> Displays:
        self._descriptors = _descriptors.led()
        make = codecs.getincrementaldecoder("utf-8")
        self._decoders = {descriptor.name: make("replace") for descriptor in self._descriptors}
        self._routing.start()
        _active.append(self)
        self._pump.start()
        return self

    def __exit__(self, *error: object) -> None:
        if _streams.is_forked_child():
            return
        self._ended.set()
        self._pump.join()
        _descriptors.flush_c()
        self.finish()
        if self in _active:
            _active.remove(self)
        self._routing.stop()
        _descriptors.let_go(self._descriptors)
        self._descriptors = []
        self._last_error = None

    def finish(self) -> None:
        """Completes the outputs: nothing more is shown. For one that was not entered, to which its host tells
        what is shown."""
        with self._lock:
            self._drain()
            for name, decoder in self._decoders.items():
                self._add_text(name, decoder.decode(b"", final=True))
            self._end_text()
            if self.left_out:
                self._add(_note(self.left_out))
            self.outputs.extend(self._updates.values())

    # Text ----------------------------------------------------------------------------------------

    def write(self, stream: str, text: str) -> None:
        """Adds text of "stdout" or "stderr"."""
        with self._lock:
            self._drain()
            self._add_text(stream, text)

    def _drain(self) -> None:
        """Takes what was written to the descriptors."""
        try:
            self._take_written()
        except OSError:
            # Code has closed every descriptor there is, as programs do that go into the background.
            self._descriptors = []

    def _take_written(self) -> None:
        for descriptor in self._descriptors:
            if not descriptor.is_behind():
                continue
            while self._size < MOST_TEXT and (piece := descriptor.read()):
                self._add_text(descriptor.name, self._decoders[descriptor.name].decode(piece))
            if self._size >= MOST_TEXT:
                self.left_out += descriptor.forget()

    def _add_text(self, stream: str, text: str) -> None:
        kept = text[: max(0, MOST_TEXT - self._size)]
        if len(kept) < len(text):
            self.left_out += len(text[len(kept) :].encode("utf-8", "replace"))
        if not kept:
            return
        if self._clears_next:
            self._clear_now()
        if stream != self._stream:
            self._end_text()
            self._stream = stream
        self._size += len(kept)
        kept = json_text(kept)
        self._chunks.append(kept)
        if self._on_shown is not None:
            self._unsent.append((stream, kept))

    def _end_text(self) -> None:
        """What comes next stands in an output of its own."""
        self._send_text()
        if self._chunks:
            self.outputs.append(_stream_output(self._stream, "".join(self._chunks)))
            self._chunks.clear()
        self._stream = ""

    def _send_text(self) -> None:
        if self._on_shown is None or not self._unsent:
            return
        unsent, self._unsent = self._unsent, []
        self._on_shown(_stream_output(unsent[0][0], "".join(text for _, text in unsent)))

    def _run_pump(self) -> None:
        while not self._ended.wait(_TICK):
            with self._lock:
                self._drain()
                self._send_text()

    # Displays ------------------------------------------------------------------------------------

    def show(
        self,
        value: Any,
        *,
        metadata: dict[str, Any] | None = None,
        display_id: str | None = None,
        update: bool = False,
    ) -> None:
        """As `display(value)`."""
        data, found = mime_bundle(value, self.host, self.show_error)
        if data:
            self.show_bundle(data, {**found, **(metadata or {})}, display_id=display_id, update=update)

    def show_bundle(
        self,
        data: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        *,
        display_id: str | None = None,
        update: bool = False,
    ) -> None:
        """A display whose mime bundle is made already, of JSON.

        Args:
            display_id: By what name it can be updated, by this cell and later ones.
            update: Only changes the displays of that name.
        """
        parts = {"data": data, "metadata": metadata or {}}
        named = {"transient": {"display_id": display_id}} if display_id is not None else {}
        with self._lock:
            self._drain()
            if update:
                if display_id is not None:
                    self._update(display_id, {"output_type": "update_display_data", **parts, **named})
                return
            output = {"output_type": "display_data", **parts, **named}
            if display_id is not None:
                self._named.setdefault(display_id, []).append(output)
            self._add(output)

    def _update(self, display_id: str, update: Output) -> None:
        for output in self._named.get(display_id, ()):
            output.update(data=update["data"], metadata=update["metadata"])
        self._updates[display_id] = update
        if self._on_shown is not None:
            self._send_text()
            self._on_shown(update)

    def show_result(self, value: Any) -> None:
        """The value of a cell's last expression; None shows nothing. In marimo it is shown in place of all
        that the cell has displayed."""
        if value is None:
            return
        if self.keeps_result:
            self.result = value
        if self.host == "marimo":
            self.take_back()
        data, metadata = mime_bundle(value, self.host, self.show_error)
        if data:
            self.add_result(data, metadata)

    def add_result(self, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """The mime bundle of a cell's last expression."""
        self._add(
            {"output_type": "execute_result", "execution_count": None, "data": data, "metadata": metadata}
        )

    def show_error(self, error: BaseException) -> None:
        """An exception, without hozon's own frames. One that is shown already is not shown again."""
        if error is not self._last_error:
            self._last_error = error
            self._add(error_output(error))

    def clear(self, wait: bool = False) -> None:
        """As `IPython.display.clear_output`. Args: wait: not before there is something new."""
        with self._lock:
            self._drain()
            self._clears_next = wait
            if not wait:
                self._clear_now()

    def mark(self) -> int:
        """Stands for all that has been shown until now."""
        with self._lock:
            self._drain()
            self._end_text()
            return len(self.outputs)

    def forget(self, mark: int) -> None:
        """Takes away what was shown since a mark, with nothing being updated or cleared since."""
        if self.mark() > mark:
            del self.outputs[mark:]

    def take_back(self) -> None:
        """Takes away what was displayed, as marimo does; text, errors and figures in the console stay."""
        self._keep(lambda output: output["output_type"] == "error" or _is_of_console(output))

    def clear_console(self) -> None:
        """Takes away text, and figures in the console, as marimo does."""
        self._keep(lambda output: not _is_of_console(output))

    def change(self, change: Callable[[list[Output]], None]) -> None:
        """Changes what has been shown until now."""
        with self._lock:
            self._drain()
            self._end_text()
            change(self.outputs)
            if self._on_shown is not None:
                self._on_shown({"output_type": "clear_output", "wait": False})
                for output in self.outputs:
                    self._on_shown(output)

    def _keep(self, is_kept: Callable[[Output], bool]) -> None:
        with self._lock:
            self._drain()
            self._end_text()
            kept = [output for output in self.outputs if is_kept(output)]
            if len(kept) < len(self.outputs):
                self._named.clear()
                self.change(lambda outputs: outputs.__setitem__(slice(None), kept))

    def _clear_now(self) -> None:
        self._clears_next = False
        self._end_text()
        self.outputs.clear()
        self._named.clear()
        if self._on_shown is not None:
            self._on_shown({"output_type": "clear_output", "wait": False})

    def _add(self, output: Output) -> None:
        with self._lock:
            self._drain()
            if self._clears_next:
                self._clear_now()
            self._end_text()
            self.outputs.append(output)
            if self._on_shown is not None:
                self._on_shown(output)


def is_media(output: Output) -> bool:
    """Whether marimo shows a display in the console, under its cell."""
    return bool(output.get("metadata", {}).get("marimo") == IN_CONSOLE)


def _is_of_console(output: Output) -> bool:
    return output["output_type"] == "stream" or is_media(output)


def _stream_output(stream: str, text: str) -> Output:
    return {"output_type": "stream", "name": stream, "text": text}


def _note(left_out: int) -> Output:
    size = f"{left_out / 1e6:.1f} MB" if left_out >= 100_000 else f"{left_out} bytes"
    most = MOST_TEXT // 1024 // 1024
    return _stream_output("stderr", f"\n[hozon: {size} more of text are left out, {most} MiB are kept]\n")


class Handle:
    """A display that can be shown again with another value."""

    def __init__(self, display_id: str) -> None:
        self.display_id = display_id

    def display(self, value: Any, **named: Any) -> None:
        """Shows one more under this name."""
        display(value, display_id=self.display_id, **named)

    def update(self, value: Any, **named: Any) -> None:
        """Changes all that are shown under this name."""
        display(value, display_id=self.display_id, update=True, **named)


def display(
    *values: Any,
    raw: bool = False,
    metadata: dict[str, Any] | None = None,
    display_id: str | bool | None = None,
    update: bool = False,
    clear: bool = False,
    **_: Any,
) -> Handle | None:
    """`IPython.display.display` for a process in which IPython does not run.

    Where nothing is collected, in a forked child say, it prints, as IPython does.
    """
    displays = current()
    if displays is None:
        print(*values)
        return None
    name = uuid.uuid4().hex if display_id is True else display_id or None
    if clear:
        displays.clear(wait=True)
    if not values and name:
        values, raw = ({},), True
    for value in values:
        if raw:
            data = {mime: json_data(part) for mime, part in value.items()}
            displays.show_bundle(data, json_data(metadata or {}), display_id=name, update=update)
        else:
            displays.show(value, metadata=metadata, display_id=name, update=update)
    return Handle(name) if name else None
