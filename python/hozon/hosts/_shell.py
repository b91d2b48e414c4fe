"""A shell of IPython for cells that need one: magic commands, `get_ipython()`, `IPython.display`.

It runs no cell itself: it rewrites the source of one, and `_executing.py` runs it. It writes no history
and reads no configuration of the person's.
"""

from __future__ import annotations

import atexit
import builtins
import shutil
import sys
import tempfile
import types
from typing import TYPE_CHECKING, Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import ExecutionInfo, ExecutionResult, InteractiveShell
from traitlets.config import Config

from hozon._displaying import current
from hozon._mime_json import json_data
from hozon._running import unwatched

if TYPE_CHECKING:
    from collections.abc import Callable

# Names of the last results, which the shell would bind; they could be the cells' own.
_LAST_RESULTS = ("_", "__", "___")

# The shell of this process; made when something first needs one.
running: ZMQInteractiveShell | None = None


class _Publisher(DisplayPublisher):  # type: ignore[misc]
    """Shows displays where those of cells are collected."""

    def publish(
        self, data: Any, metadata: Any = None, *_: Any, transient: Any = None, update: bool = False, **__: Any
    ) -> None:
        displays = current()
        if displays is None:
            print(data.get("text/plain", ""))
            return
        name = (transient or {}).get("display_id")
        bundle = {mime: json_data(value) for mime, value in data.items()}
        displays.show_bundle(bundle, json_data(dict(metadata or {})), display_id=name, update=update)

    def clear_output(self, wait: bool = False) -> None:
        displays = current()
        if displays is not None:
            displays.clear(wait)


class _Hook(DisplayHook):  # type: ignore[misc]
    """Shows the values of expressions that magic commands run."""

    def __call__(self, result: Any = None) -> None:
        displays = current()
        if displays is not None:
            displays.show_result(result)

    def quiet(self) -> bool:
        return False


class ZMQInteractiveShell(InteractiveShell):  # type: ignore[misc]
    """The shell. Libraries know that they are shown in a notebook by the name of this class and of its
    module (plotly gives its figures as data then, and not as pages), by its `kernel` (pandas prints frames in
    full width then), or by the application in its configuration."""

    __module__ = "ipykernel.zmqshell"
    kernel = None

    def __init__(self, **named: Any) -> None:
        self._info: ExecutionInfo | None = None
        super().__init__(**named)

    def init_user_ns(self) -> None:
        """Only the names that magic commands cannot do without: the rest would hide builtins."""
        history = self.history_manager
        names = {"_ih": history.input_hist_parsed, "_oh": history.output_hist, "_dh": history.dir_hist}
        names.update(In=names["_ih"], Out=names["_oh"])
        self.user_ns_hidden.update(names)
        for name, value in names.items():
            self.user_ns.setdefault(name, value)

    def showtraceback(self, exc_tuple: Any = None, *_: Any, **__: Any) -> None:
        """Shows an exception as an output of the cell."""
        error = exc_tuple[1] if exc_tuple else sys.exc_info()[1]
        displays = current()
        if displays is not None and error is not None:
            displays.show_error(error)

    def showsyntaxerror(self, *_: Any, **__: Any) -> None:
        self.showtraceback()

    def showindentationerror(self) -> None:
        self.showtraceback()

    def enable_gui(self, gui: Any = None) -> None:
        """There is no event loop of windows here; figures are drawn as outputs."""

    def _atexit_once(self) -> None:
        """The namespace is a module's: it is not emptied while things still end."""

    def rewritten(self, source: str) -> str:
        """The source of a cell with its magic commands as calls. Raises `SyntaxError`, and what
        transformers raise that code has added."""
        return str(self.transform_cell(source))

    def before_cell(self, source: str) -> None:
        """Tells extensions that a cell begins."""
        try:
            self._info = ExecutionInfo(source, False, False, True, None)
        except TypeError:
            # Earlier versions know no ids of cells.
            self._info = ExecutionInfo(source, False, False, True)
        self.events.trigger("pre_execute")
        self.events.trigger("pre_run_cell", self._info)

    def after_cell(self, error: BaseException | None) -> None:
        """Tells extensions that a cell has ended. Figures of IPython's own backend are shown here."""
        result = ExecutionResult(self._info)
        result.error_in_exec = error
        self.execution_count += 1
        self.events.trigger("post_execute")
        self.events.trigger("post_run_cell", result)


def shell_of(namespace: dict[str, Any]) -> ZMQInteractiveShell:
    """The shell of this process, for the cells of a namespace."""
    global running
    if running is None:
        # What the shell needs for itself is no input of the cell that first needs it.
        running = unwatched(_made, namespace)
    return running


def _made(namespace: dict[str, Any]) -> ZMQInteractiveShell:
    # A folder that the shell may fill: the person's own holds their history and configuration.
    folder = tempfile.mkdtemp(prefix="hozon-ipython-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    module: Any = sys.modules.get("__main__")
    if module is None or vars(module) is not namespace:
        module = types.ModuleType("hozon_cells")
    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryManager.hist_file = ":memory:"
    config.IPKernelApp.connection_file = ""
    streams, hook = (sys.stdout, sys.stderr), sys.excepthook
    own = {name: namespace[name] for name in _LAST_RESULTS if name in namespace}
    shell: ZMQInteractiveShell = ZMQInteractiveShell.instance(
        ipython_dir=folder,
        user_module=module,
        user_ns=namespace,
        config=config,
        display_pub_class=_Publisher,
        displayhook_class=_Hook,
    )
    (sys.stdout, sys.stderr), sys.excepthook = streams, hook
    for name in _LAST_RESULTS:
        namespace.pop(name, None)
    namespace.update(own)
    # The calls that magic commands are rewritten to.
    vars(builtins).setdefault("get_ipython", shell.get_ipython)
    _keep_pages(shell)
    return shell


def _keep_pages(shell: ZMQInteractiveShell) -> None:
    """Help texts go to a pager, as in Jupyter, which is no part of a cell's outputs."""
    show: Callable[..., None] = lambda shell, text, *_, **__: None  # noqa: E731
    shell.set_hook("show_in_pager", show, priority=1)
