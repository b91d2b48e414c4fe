"""`sys.stdout` and `sys.stderr` while cells run: what Python code writes, as it is written."""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    # Gets the name of a stream and a text.
    Sink = Callable[[str, str], None]

_NUMBERS = {"stdout": 1, "stderr": 2}

# Who gets what is written, innermost last. Without one, and in a child that was forked, it goes to the
# descriptor.
_sinks: list[Sink] = []
_is_child = False


def _note_child() -> None:
    global _is_child
    _is_child = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_child)


def is_forked_child() -> bool:
    """Whether this process was forked by one that had loaded this module."""
    return _is_child


class CellStream(io.TextIOBase):
    """Stands in `sys` for a stream. There is one of each name in a process, since handlers of logs and
    the like keep it longer than a cell lasts. It cannot be closed."""

    mode = "w"
    line_buffering = True
    write_through = True

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = f"<{name}>"
        self._name = name
        self._buffer = _Bytes(self)

    @property
    def buffer(self) -> Any:
        return self._buffer

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "replace"

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            self._emit(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        for line in lines:
            self.write(line)

    def _emit(self, text: str) -> None:
        if _sinks and not _is_child:
            _sinks[-1](self._name, text)
            return
        data = text.encode("utf-8", "replace")
        try:
            while data:
                data = data[os.write(_NUMBERS[self._name], data) :]
        except OSError:
            # Nobody runs that it could be shown to, and the descriptor is closed.
            return

    def fileno(self) -> int:
        return _NUMBERS[self._name]

    def isatty(self) -> bool:
        return False

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """The next cell needs it."""

    def reconfigure(self, **_: Any) -> None:
        """Accepts what programs set on a stream of text; there is nothing to set."""


class _Bytes(io.RawIOBase):
    """The binary stream under a `CellStream`."""

    def __init__(self, stream: CellStream) -> None:
        super().__init__()
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def write(self, data: Any) -> int:
        view = bytes(data)
        text = self._decode(view)
        if text:
            self._stream._emit(text)
        return len(view)

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """The next cell needs it."""


_streams = {name: CellStream(name) for name in _NUMBERS}
_is_installed = False


def install() -> None:
    """Puts the streams into `sys` for good: this process is there for cells."""
    global _is_installed
    _is_installed = True
    for name, stream in _streams.items():
        setattr(sys, name, stream)


class Routing:
    """While it is active, the streams stand in `sys`, and their text goes to a sink.

    In a process of cells a stream that code has put into `sys` stays there, as in Jupyter.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._before: dict[str, Any] = {}

    def start(self) -> None:
        _sinks.append(self._sink)
        for name, stream in _streams.items():
            standing = getattr(sys, name, None)
            if standing is not stream and not (_is_installed and _is_usable(standing)):
                self._before[name] = standing
                setattr(sys, name, stream)

    def stop(self) -> None:
        if self._sink in _sinks:
            _sinks.remove(self._sink)
        for name, before in self._before.items():
            if not _is_installed and getattr(sys, name, None) is _streams[name]:
                setattr(sys, name, before)


def _is_usable(stream: Any) -> bool:
    return stream is not None and not getattr(stream, "closed", False)
