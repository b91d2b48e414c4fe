"""The process of a notebook's cells, seen from the one that asks it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Any

from hozon import _descriptors
from hozon._errors import HozonError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

# Seconds that a process has to end by itself.
_PATIENCE = 8.0

# Milliseconds between two looks at whether the process is there: what it has started may hold its pipes.
_TICK = 500

# What is told of the text that it has left.
_LAST_BYTES = 16 * 1024
_LAST_LINES = 25

# How the frames of what runs cells begin, where a crash lists them.
_OWN_FRAMES = (f'  File "{os.path.dirname(os.path.abspath(__file__))}{os.sep}', '  File "<frozen runpy>"')

_IS_POSIX = os.name == "posix"


class KernelDied(HozonError):
    """The process of the cells has ended: how, and the last lines that it wrote to stderr."""


class KernelProcess:
    """A process that runs cells. See `_kernel.py` for the settings.

    Attributes:
        interrupted: Whether the last `ask` was interrupted.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        """Starts the process, and does not wait for it. Raises `OSError` if it cannot be started."""
        self.interrupted = False
        self._buffer = bytearray()
        self._is_ready = False
        self._was_killed = False
        self._errors = _appending_file()
        try:
            self._process, self._writing, self._reading = _started(self._errors)
        except BaseException:
            os.close(self._errors)
            raise
        with contextlib.suppress(OSError):
            self._send(settings)

    def __enter__(self) -> KernelProcess:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def ask(
        self, request: dict[str, Any], on_shown: Callable[[dict[str, Any]], None] | None = None
    ) -> dict[str, Any]:
        """Sends a request and waits for its reply. One thread may ask at a time.

        In the main thread, the first Ctrl-C interrupts the cell, which still gets its reply; the second
        kills the process. In others, `interrupt` and `kill` are for the main thread to call.

        Args:
            on_shown: Gets outputs as they are shown. If it raises, the process is killed.

        Raises:
            KernelDied: The process has ended, or could not begin.
        """
        self.interrupted = False
        with self._taking_interrupts():
            try:
                if not self._is_ready:
                    self._begin()
                with contextlib.suppress(OSError):
                    self._send(request)
                return self._reply(on_shown)
            except KernelDied:
                raise
            except BaseException:
                self.kill()
                raise

    def _begin(self) -> None:
        ready = self._reply(None)
        if "error" in ready:
            self.kill()
            raise KernelDied(f"the process of the cells could not begin:\n{ready['error']}")
        self._is_ready = True
        if self.interrupted:
            self.interrupt()

    def _send(self, message: dict[str, Any]) -> None:
        view = memoryview(json.dumps(message).encode() + b"\n")
        while view:
            view = view[os.write(self._writing, view) :]

    def _reply(self, on_shown: Callable[[dict[str, Any]], None] | None) -> dict[str, Any]:
        while True:
            message: dict[str, Any] = json.loads(self._line())
            if message.get("event") != "shown":
                return message
            if on_shown is not None:
                on_shown(message["output"])

    def _line(self) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            piece = os.read(self._reading, 1 << 20) if self._waits() else b""
            if not piece:
                raise KernelDied(self._told_end())
            self._buffer += piece
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _waits(self) -> bool:
        """Waits for something to read. False if nothing will come any more."""
        if not _IS_POSIX:
            return True
        import select

        poll = select.poll()
        poll.register(self._reading, select.POLLIN)
        while not poll.poll(_TICK):
            if self._process.poll() is not None:
                return bool(poll.poll(0))
        return True

    # Interrupts ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _taking_interrupts(self) -> Iterator[None]:
        """While a reply is waited for, Ctrl-C is the cell's. What it would raise here could be lost."""
        is_main = threading.current_thread() is threading.main_thread()
        before: Any = signal.getsignal(signal.SIGINT) if is_main else None
        # Someone who ignores Ctrl-C, or handles it outside of Python, goes on doing so.
        if before is None or before is signal.SIG_IGN:
            yield
            return
        signal.signal(signal.SIGINT, self._take_interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _take_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted:
            self.kill()
        else:
            self.interrupt()

    def interrupt(self) -> None:
        """Interrupts the cell that runs, and what it has started. From any thread.

        One that comes before the process can take it is passed on as soon as it can.
        """
        self.interrupted = True
        if self._is_ready:
            self._signal(signal.SIGINT if _IS_POSIX else getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))

    def kill(self) -> None:
        """Ends the process at once, with what its cells have started. From any thread."""
        self._was_killed = True
        if _IS_POSIX:
            self._signal(signal.SIGKILL)
        else:
            self._process.kill()

    def _signal(self, number: int) -> None:
        # A process that was waited for may have given its number to another.
        if self._process.poll() is not None:
            return
        with contextlib.suppress(OSError):
            if _IS_POSIX:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)

    # The end -------------------------------------------------------------------------------------

    def close(self) -> None:
        """Lets the process end, and waits for that. May be called twice."""
        if self._writing < 0:
            return
        for descriptor in (self._writing, self._reading):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._writing = self._reading = -1
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        os.close(self._errors)

    def _told_end(self) -> str:
        """How the process has ended: a sentence, and what it has written last."""
        try:
            status = self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            return "the process of the cells does not answer any more: a cell has closed its pipes"
        if self._was_killed:
            told = "was killed, as it was told to be"
        elif status < 0:
            told = f"was killed by {_signal_name(-status)}"
        else:
            told = f"has ended by itself, with exit code {status}"
        last = self._last_lines()
        return f"the process of the cells {told}" + (f". It wrote last:\n{last}" if last else "")

    def _last_lines(self) -> str:
        size = os.lseek(self._errors, 0, os.SEEK_END)
        begin = max(0, size - _LAST_BYTES)
        os.lseek(self._errors, begin, os.SEEK_SET)
        text = os.read(self._errors, _LAST_BYTES).decode("utf-8", "replace")
        lines = [line for line in text.splitlines() if not line.startswith(_OWN_FRAMES)]
        return "\n".join(lines[-_LAST_LINES:])


def _signal_name(number: int) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    described = signal.strsignal(number)
    if name == "SIGKILL":
        described = "often because memory has run out"
    return f"{name} ({described})" if described else name


def _appending_file() -> int:
    if _descriptors.IS_SUPPORTED:
        return _descriptors.appending_file()
    with tempfile.TemporaryFile(prefix="hozon-", buffering=0) as file:
        return os.dup(file.fileno())


def _started(errors: int) -> tuple[subprocess.Popen[bytes], int, int]:
    """The process, the pipe that it reads, and the one that it writes."""
    python = [sys.executable, *_flags()]
    if not _IS_POSIX:
        return _started_on_windows(python, errors)
    opened: list[int] = []
    try:
        reads, writing = os.pipe()
        opened += [reads, writing]
        reading, writes = os.pipe()
        opened += [reading, writes]
        output = _descriptors.appending_file()
        opened.append(output)
        process = subprocess.Popen(
            [*python, "-m", "hozon._kernel", str(reads), str(writes)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            pass_fds=(reads, writes),
            # The terminal's Ctrl-C is for `ask` to pass on, and its keyboard for nobody there.
            start_new_session=True,
        )
    except BaseException:
        for descriptor in opened:
            os.close(descriptor)
        raise
    for descriptor in (reads, writes, output):
        os.close(descriptor)
    return process, writing, reading


def _started_on_windows(python: list[str], errors: int) -> tuple[subprocess.Popen[bytes], int, int]:
    """Other pipes than those of the standard streams would need handles that Python does not hand on."""
    process = subprocess.Popen(
        [*python, "-m", "hozon._kernel", "0", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    return process, os.dup(process.stdin.fileno()), os.dup(process.stdout.fileno())


def _flags() -> list[str]:
    """The options of this Python, for the other; its working folder must not offer it modules."""
    own: Any = getattr(subprocess, "_args_from_interpreter_flags", list)
    return [*(flag for flag in own() if flag != "-P"), "-P"]
