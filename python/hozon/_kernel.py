"""The process that runs a notebook's cells: `python -P -m hozon._kernel READ WRITE`.

Speaks lines of JSON over two pipes whose descriptors are given (0 and 1, where a system hands on no
others). The first line is the settings:

    path               the notebook's file; its folder becomes sys.path[0]
    host               "jupyter", "marimo" or "script"
    working_directory  where the cells run; default: where the process was started
    arguments          sys.argv[1:]
    class              "module:name" of what answers; default "hozon._cells:Notebook"

The class is called with the settings, once `sys.modules["__main__"]` is the cells' module (it is loaded
before that). If its instance has an attribute `on_shown`, that is set to a
function that sends `{"event": "shown", "output": {...}}` while a request is being answered. The reply to
the settings is `{"ready": true}`. Then each line is a request, and what `answer(request)` returns is the
reply. An exception of either is the reply `{"error": "traceback"}`.

The cells' streams are the descriptors 1 and 2, files that are only appended to; 0 is empty.
"""

from __future__ import annotations

import builtins
import importlib
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
import types
from typing import TYPE_CHECKING, Any

from hozon import _descriptors, _executing, _figures, _streams

if TYPE_CHECKING:
    from collections.abc import Iterator

# Seconds that a cell has to react to an interrupt, once nobody waits for it any more, and that what
# cells have left to be done at the end of the process may take.
_PATIENCE = 5.0
# Seconds that the storing of a finished cell may take then.
_LONGEST_STORING = 600.0

_UNABLE = 70


class _Channel:
    """The pipes to the process that asks. A child that a cell forks has no part in them."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._process = os.getpid()
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._is_busy = False
        for descriptor in (reading, writing):
            os.set_inheritable(descriptor, False)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)
        threading.Thread(target=self._read, name="hozon-requests", daemon=True).start()

    def _forget(self) -> None:
        os.close(self._reading)
        os.close(self._writing)
        self._writing = -1

    def _read(self) -> None:
        with os.fdopen(self._reading, "rb", closefd=False) as lines:
            for line in lines:
                # What has no end was being written when its writer died.
                if line.endswith(b"\n"):
                    self._is_busy = True
                    self._requests.put(line)
        self._requests.put(None)
        self._end_cell()

    def _end_cell(self) -> None:
        """Nobody waits any more: the cell that runs is interrupted; what is done is still stored."""
        began = time.monotonic()
        if self._is_busy:
            _signal_all(signal.SIGINT)
        while self._is_busy:
            waited = time.monotonic() - began
            if waited > (_PATIENCE if _executing.is_running() else _LONGEST_STORING):
                _end_all()
            time.sleep(0.05)

    def lines(self) -> Iterator[Any]:
        """What is asked, until the other side is gone. Each is to be answered with `reply`."""
        while (line := self._requests.get()) is not None:
            yield json.loads(line)

    def reply(self, message: dict[str, Any]) -> None:
        if os.getpid() != self._process:
            os._exit(0)
        with self._lock:
            self._is_busy = False
            _executing.forget_interrupt()
            self._send(message)

    def show(self, output: dict[str, Any]) -> None:
        """Sends an output of the cell that runs."""
        with self._lock:
            if self._is_busy and self._writing >= 0:
                self._send({"event": "shown", "output": output})

    def _send(self, message: dict[str, Any]) -> None:
        try:
            line = json.dumps(message).encode() + b"\n"
        except (TypeError, ValueError, RecursionError):
            line = json.dumps({"error": traceback.format_exc()}).encode() + b"\n"
        view = memoryview(line)
        try:
            while view:
                view = view[os.write(self._writing, view) :]
        except BrokenPipeError:
            # The reader of requests finds out as well, and ends the process.
            return
        except OSError:
            # A cell has closed the pipe: there is no way left to answer.
            os._exit(_UNABLE)


def _signal_all(number: int) -> None:
    """Sends a signal to this process and what its cells have started."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), number)
    else:
        os.kill(os.getpid(), number)


def _end_all() -> None:
    if hasattr(signal, "SIGKILL"):
        _signal_all(signal.SIGKILL)
    os._exit(_UNABLE)


def main(arguments: list[str]) -> None:
    """Serves until the other side is gone. Does not return."""
    channel = _Channel(*_pipes(int(arguments[0]), int(arguments[1])))
    _descriptors.adopt()
    _streams.install()
    _report_crashes()
    _executing.be_interruptible()
    try:
        _serve(channel)
    finally:
        _end()


def _pipes(reading: int, writing: int) -> tuple[int, int]:
    """The pipes, away from the descriptors that cells know."""
    if reading > 2:
        return reading, writing
    pipes = os.dup(reading), os.dup(writing)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return pipes


def _report_crashes() -> None:
    """A crash of the interpreter writes where it was to the descriptor 2, wherever cells lead it."""
    import faulthandler

    faulthandler.enable(os.dup(2), all_threads=False)


def _serve(channel: _Channel) -> None:
    notebook: Any = None
    answer: dict[str, Any]
    for message in channel.lines():
        try:
            if notebook is None:
                notebook = _notebook(message, channel)
                answer = {"ready": True}
            else:
                answer = notebook.answer(message)
        except BaseException:
            answer = {"error": traceback.format_exc()}
        channel.reply(answer)


def _notebook(settings: dict[str, Any], channel: _Channel) -> Any:
    """What answers. It is loaded before the notebook's folder can offer modules of the same names."""
    module, _, name = settings.get("class", "hozon._cells:Notebook").partition(":")
    cls = getattr(importlib.import_module(module), name)
    _become_main(settings)
    notebook = cls(settings)
    if hasattr(notebook, "on_shown"):
        notebook.on_shown = channel.show
    return notebook


def _become_main(settings: dict[str, Any]) -> None:
    """Makes this process look to cells as if it had been started for their file."""
    from hozon.hosts import _ipython

    path = settings["path"]
    main_module: Any = types.ModuleType("__main__")
    host = settings.get("host", "script")
    # As where a module that is no program is run, which is how marimo runs cells: `mo.cache` looks into it.
    main_module.__builtins__ = vars(builtins) if host == "marimo" else builtins
    # Jupyter gives its notebooks no name of a file, and workers could not load one.
    if path.endswith((".py", ".pyw")):
        main_module.__file__ = path
    sys.modules["__main__"] = main_module
    sys.argv = [path, *settings.get("arguments", ())]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    if "working_directory" in settings:
        os.chdir(settings["working_directory"])
    _figures.set_backend(host)
    _ipython.install(host, vars(main_module), path)


# The end ---------------------------------------------------------------------------------------------


def _end() -> None:
    """Ends the process, whatever threads are left. What cells have registered for the end is done."""
    watch = threading.Timer(_PATIENCE, _end_all)
    watch.daemon = True
    watch.start()
    pools = sys.modules.get("concurrent.futures.process")
    for step in (getattr(pools, "_python_exit", None), _run_exit_functions):
        try:
            if step is not None:
                step()
        except BaseException:
            traceback.print_exc()
    os._exit(0)


def _run_exit_functions() -> None:
    import atexit

    atexit._run_exitfuncs()


# The module that is run holds nothing: its namespace would stand in `__main__`, which is the cells'.
if __name__ == "__main__":
    from hozon._kernel import main as _main

    _main(sys.argv[1:])
