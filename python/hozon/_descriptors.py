"""What C code and other programs write to the descriptors 1 and 2, read back while a cell runs.

A descriptor is led to a file that is only ever appended to. A pipe would do for programs, but not for
C code: it may write while it holds the interpreter, and then nobody could empty the pipe.
"""

from __future__ import annotations

import contextlib
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Bytes that are read at once.
_PIECE = 1024 * 1024

# Bytes before the place of reading that are looked at again: a program may have begun the file anew.
_TAIL = 32

# Windows has no reads at a place, and no appending that a child process would inherit.
IS_SUPPORTED = hasattr(os, "pread")

_NAMES = {1: "stdout", 2: "stderr"}


class Descriptor:
    """One descriptor, and the file that it is led to."""

    def __init__(self, number: int, file: int) -> None:
        """Args: file: open for reading and appending; it is this object's own from now on."""
        self.name = _NAMES[number]
        self._number = number
        self._file = file
        self._offset = 0
        self._tail = b""
        self._before: int | None = None

    def lead(self) -> None:
        """Leads the descriptor to the file. What was written before is forgotten."""
        with contextlib.suppress(OSError):
            self._before = os.dup(self._number)
        os.dup2(self._file, self._number)
        self.forget()

    def put_back(self) -> None:
        """Puts back what the descriptor was before `lead`. One that was closed stays at the file."""
        if self._before is not None:
            os.dup2(self._before, self._number)
            os.close(self._before)
            self._before = None

    def repair(self) -> None:
        """Leads the descriptor to the file again, if code has closed it or put another file there."""
        with contextlib.suppress(OSError):
            if os.path.sameopenfile(self._number, self._file):
                return
        with contextlib.suppress(OSError):
            os.dup2(self._file, self._number)

    def is_behind(self) -> bool:
        """Whether something was written that has not been read."""
        return os.lseek(self._file, 0, os.SEEK_END) != self._offset

    def read(self) -> bytes:
        """The next piece of what was written; nothing at the end."""
        if self._has_begun_anew():
            self._offset, self._tail = 0, b""
        piece = os.pread(self._file, _PIECE, self._offset)
        self._offset += len(piece)
        self._tail = (self._tail + piece)[-_TAIL:]
        return piece

    def _has_begun_anew(self) -> bool:
        """A program that opens /dev/stdout for writing cuts the file to nothing and begins at its start."""
        known = len(self._tail)
        return os.pread(self._file, known, self._offset - known) != self._tail

    def forget(self) -> int:
        """Drops what was written and gives its room back to the disk. Returns how many bytes were not
        read yet."""
        end = os.lseek(self._file, 0, os.SEEK_END)
        unread = max(0, end - self._offset)
        os.ftruncate(self._file, 0)
        self._offset, self._tail = 0, b""
        return unread

    def close(self) -> None:
        os.close(self._file)


def appending_file() -> int:
    """A descriptor of a new file without a name, for reading and appending. Raises `OSError`."""
    import fcntl
    import tempfile

    with tempfile.TemporaryFile(prefix="hozon-", buffering=0) as file:
        descriptor = os.dup(file.fileno())
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_APPEND)
    return descriptor


# The descriptors of a process that lead to such files all its life.
_standing: list[Descriptor] = []


def adopt() -> None:
    """Takes it that the descriptors 1 and 2 are `appending_file`s already, and stay so."""
    _standing[:] = [Descriptor(number, os.dup(number)) for number in _NAMES] if IS_SUPPORTED else []


def led() -> list[Descriptor]:
    """The descriptors, led to files. Hand them back with `let_go`."""
    if _standing:
        for descriptor in _standing:
            descriptor.repair()
            with contextlib.suppress(OSError):
                descriptor.forget()
        return list(_standing)
    found: list[Descriptor] = []
    if IS_SUPPORTED:
        # Without room for the files, what C code writes goes where it always goes.
        with contextlib.suppress(OSError):
            for number in _NAMES:
                descriptor = Descriptor(number, appending_file())
                descriptor.lead()
                found.append(descriptor)
    return found


def let_go(descriptors: list[Descriptor]) -> None:
    """Puts back what `led` has changed."""
    for descriptor in descriptors:
        if descriptor not in _standing:
            descriptor.put_back()
            descriptor.close()


def flush_c() -> None:
    """Has C's own buffers of stdout and stderr written, which it keeps full where no terminal reads."""
    global _flush
    if _flush is None:
        _flush = _find_flush()
    _flush()


_flush: Callable[[], Any] | None = None


def _find_flush() -> Callable[[], Any]:
    try:
        import ctypes

        library = ctypes.CDLL(None)
        prefix = "__{}p" if sys.platform == "darwin" else "{}"
        files = [ctypes.c_void_p.in_dll(library, prefix.format(name)) for name in _NAMES.values()]
        function = library.fflush
    except (ImportError, OSError, ValueError, AttributeError, TypeError):
        return lambda: None
    # All files at once (NULL) would wait for a thread that is reading one of them.
    return lambda: [function(file) for file in files]
