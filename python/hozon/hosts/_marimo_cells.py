"""Whole cells in marimo's own kernel and scripts: its entry point `marimo.cell.executor`.

Off unless the configuration says `cells = true`. Where it is on, marimo asks this to run each cell. What
runs is what marimo has compiled, but for cells with private names: those run as `hozon run` runs them, so
that what is kept of them has the same names in both.
"""

from __future__ import annotations

import ast
import contextlib
import os
import sys
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from hozon import _process_state
from hozon._config import cells_are_kept
from hozon._displaying import is_media
from hozon._executing import Executed, compiled, is_stop, register_source
from hozon._runtime import warn_once
from hozon.codecs.marimo import ELEMENT
from hozon.hosts._live import ASKS, LiveCourse, LiveSession, Restored
from hozon.hosts._marimo_outputs import (
    OutputRecording,
    close_figures,
    has_page,
    note_look,
    show_again,
    shown_value,
)
from hozon.hosts._marimo_told import Teller

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hozon._displaying import Displays
    from hozon._pickling import Output
    from hozon.hosts._live import Told

# The versions of marimo that this was tried with: major and minor.
KNOWN = ("0.23", "0.24", "0.25")

# So many sessions of one process are remembered: in `marimo run`, each visitor has one.
_MOST_SESSIONS = 16

# What cells ask of marimo that is in no key.
_NOT_IN_KEYS = (
    "query_params",
    "cli_args",
    "app_meta",
    "running_in_notebook",
    "state",
    "watch",
    "notebook_dir",
    "notebook_location",
    "Thread",
)

_sessions: OrderedDict[int, tuple[dict[str, Any], MarimoSession]] = OrderedDict()
_lock = threading.RLock()


def executor() -> Any:
    """What runs the cells of marimo: its own way, where hozon is not to keep them or does not know it."""
    from marimo import __version__
    from marimo._runtime.executor.executor import DefaultExecutor

    if not is_known():
        known = ", ".join(KNOWN)
        warn_once("marimo", __version__, f"cells are not cached in marimo {__version__}: hozon knows {known}")
        return DefaultExecutor()
    return Executor(DefaultExecutor())


def is_known() -> bool:
    """Whether hozon was tried with the marimo that is installed."""
    from marimo import __version__

    return ".".join(__version__.split(".")[:2]) in KNOWN


class Executor:
    """Runs cells, or restores them."""

    name = "hozon"

    def __init__(self, own: Any) -> None:
        self._own = own

    def execute_cell(self, cell: Any, glbls: dict[str, Any]) -> Any:
        turn = _Turn.of(cell, glbls)
        if turn is None:
            return self._own.execute_cell(cell, glbls)
        if turn.restored is not None:
            return turn.restored_value()
        with turn.watched() as outcome:
            outcome.value = self._own.execute_cell(turn.runnable(), glbls)
        return outcome.value

    async def execute_cell_async(self, cell: Any, glbls: dict[str, Any]) -> Any:
        turn = _Turn.of(cell, glbls)
        if turn is None:
            return await self._own.execute_cell_async(cell, glbls)
        if turn.restored is not None:
            return turn.restored_value()
        with turn.watched() as outcome:
            outcome.value = await self._own.execute_cell_async(turn.runnable(), glbls)
        return outcome.value


class _Outcome:
    value: Any = None


class _Turn:
    """One cell that is about to run."""

    def __init__(self, session: MarimoSession, cell: Any, begun: Restored | LiveCourse) -> None:
        self._session = session
        self._cell = cell
        self.restored = begun if isinstance(begun, Restored) else None
        self._course = begun if isinstance(begun, LiveCourse) else None

    @classmethod
    def of(cls, cell: Any, glbls: dict[str, Any]) -> _Turn | None:
        """None if hozon has no part in it."""
        if cell.body is None:
            return None
        session = None
        try:
            session = _session_of(glbls)
            begun = None if session is None else session.begin_cell(cell)
        except Exception as error:
            warn_once("marimo cell", type(error).__name__, f"a cell ran uncached: {error}")
            begun = None
        if session is None or begun is None:
            if session is not None:
                session.cells.end_turn()
                session.doubt()
            return None
        return cls(session, cell, begun)

    def restored_value(self) -> Any:
        """Shows what the cell wrote and stacked, and gives the value that it showed."""
        restored = self.restored
        assert restored is not None
        show_again(restored.displays)
        self._session.end_restored(restored)
        if restored.has_value:
            return restored.value
        name = _last_name(self._cell.code)
        if has_page() and name in self._session.namespace:
            # `hozon run` keeps no values of last expressions.
            return self._session.namespace[name]
        shown = [output for output in restored.displays if output["output_type"] == "execute_result"]
        return shown_value(shown[-1]) if shown else None

    def runnable(self) -> Any:
        """The cell as it runs: with private names as they are kept. Its functions are known by that text."""
        assert self._course is not None
        if not self._course.cell["renamed"]:
            return self._cell
        import dataclasses

        source, file = self._course.cell["source"], self._course.file
        register_source(source, file, 1)
        codes = compiled(source, file, 1, not self._course.cell["is_suppressed"])
        last = codes[1] if len(codes) > 1 else compile("None", "<none>", "eval")
        return dataclasses.replace(self._cell, body=codes[0], last_expr=last)

    @contextlib.contextmanager
    def watched(self) -> Iterator[_Outcome]:
        course, outcome = self._course, _Outcome()
        assert course is not None
        recording = OutputRecording(course.shown, is_seeded=self._session.is_seeded())
        recording.start()
        course.begin(course.shown)
        error: BaseException | None = None
        try:
            yield outcome
        except BaseException as raised:
            error = raised.__cause__ or raised
            raise
        finally:
            close_figures()
            course.leave()
            recording.stop()
            if recording.has_asked:
                course.unstored = course.unstored or ASKS
            self._end(course, error, outcome.value, recording)

    def _end(
        self, course: LiveCourse, error: BaseException | None, value: Any, recording: OutputRecording
    ) -> None:
        end = "done" if error is None else "stopped" if is_stop(error) else "failed"
        shown = getattr(error, "output", None) if end == "stopped" else value
        try:
            if end != "failed":
                recording.keep_output(shown)
            recording.finish()
            course.unstored = course.unstored or recording.why_not_kept
            self._session.end_course(course, Executed(end, error), shown)
            self._session.forget_temporaries(self._cell, course)
        except Exception as fault:
            warn_once("marimo cell", type(fault).__name__, f"what a cell gave was not kept: {fault}")


class MarimoCourse(LiveCourse):
    """One run of a cell."""

    # What the process was before the cell was restored, where it has to run all the same.
    process_before: Any = None

    def begin(self, displays: Displays) -> None:
        super().begin(displays)
        if self.process_before is not None:
            self.process = self.process_before

    def _last_value_output(self) -> list[Output]:
        outputs = super()._last_value_output()
        if not outputs:
            note_look(self.displays, self.last_value)
        return outputs


class MarimoSession(LiveSession):
    """The cells of one session of marimo."""

    def __init__(self, path: str, namespace: dict[str, Any]) -> None:
        # Private names of each cell, as they run.
        self._private: dict[str, list[str]] = {}
        # Nobody has seeded a generator before the first cell of a kernel, or of a notebook run as a script.
        programs = [os.path.abspath(argument) for argument in sys.orig_argv[1:]]
        self._starts_process = has_page() or os.path.abspath(path) in programs
        self._has_seeded = not self._starts_process
        super().__init__(path, namespace, host="marimo", hidden={})
        self._cell_id = ""
        self._places: dict[str, int] = {}
        # Why the present cell runs.
        self._reasons: list[str] = []
        self._teller = _teller(path)

    def is_own(self, name: str) -> bool:
        return super().is_own(name) and not name.startswith("_cell_")

    def again(self, restored: Restored, why: str) -> MarimoCourse:
        course = super().again(restored, why)
        assert isinstance(course, MarimoCourse)
        return course

    def _course(self, number: int, cell: dict[str, Any]) -> LiveCourse:
        return MarimoCourse(self, number, cell)

    def is_seeded(self) -> bool:
        """Whether somebody may have seeded the generator of `random`: a cell, or what runs the notebook."""
        return self._has_seeded

    def note_random(self, states: dict[str, Any]) -> list[tuple[str, bytes]]:
        if self._starts_process:
            # Those that are there at the start are nobody's.
            states = {name: held for name, held in states.items() if held is not None}
        held = states.get("random")
        self._has_seeded = self._has_seeded or (held is not None and held[1])
        return super().note_random(states)

    def begin_cell(self, cell: Any) -> Restored | LiveCourse | None:
        """Restores a cell, or notes what there is before it runs."""
        self._cell_id = cell.cell_id
        self._reasons = []
        self._tell(None)
        for name in self._private.pop(cell.cell_id, ()):
            self.namespace.pop(name, None)
        process = _process_state.snapshot()
        begun = self.begin(self._name(cell.cell_id), cell.code)
        if isinstance(begun, Restored) and has_page() and _shows_element(begun):
            again = self.again(begun, "it shows elements of marimo's page, which only running it makes")
            again.process_before = process
            return again
        if isinstance(begun, LiveCourse):
            if self._teller is not None:
                # Once it is stored, nothing will have changed.
                self._reasons = self.cells.why(self.store, begun.number)
            begun.unstored = begun.unstored or _why_not_stored(cell, self.namespace)
            self._private[cell.cell_id] = [name for _, name in begun.cell["renamed"]]
        return begun

    def forget_temporaries(self, cell: Any, course: LiveCourse) -> None:
        """Private names that no function reads end with their cell, as marimo has it."""
        for written, name in course.cell["renamed"]:
            if f"_cell_{cell.cell_id}{written}" not in cell.closed_over_temporaries:
                self.namespace.pop(name, None)

    def _name(self, cell: str) -> str:
        """What listings call a cell: always the same, whenever it runs."""
        for one in (*_cells_of_file(), cell):
            self._places.setdefault(one, len(self._places) + 1)
        return f"cell {self._places[cell]}"

    def _note(self, told: Told) -> None:
        super()._note(told)
        self._tell(told)

    def _tell(self, told: Told | None) -> None:
        if self._teller is None:
            return
        if told is None:
            self._teller.tell(self._cell_id, None)
            return
        notes = [told.why] if told.why else []
        why = notes if told.state == "ran" else [*self._reasons, *notes]
        self._teller.tell(self._cell_id, {"state": told.state, "seconds": told.seconds, "why": why})

    def _suspects(self, now: dict[str, Any]) -> set[str]:
        return {name for name, value in now.items() if _has_elements(value)}


def _session_of(glbls: dict[str, Any]) -> MarimoSession | None:
    """The session of a namespace; None where cells are not to be kept."""
    with _lock:
        known = _sessions.get(id(glbls))
        if known is not None and known[0] is glbls:
            return known[1]
        path = glbls.get("__file__") or "notebook.py"
        if not cells_are_kept(path):
            return None
        _process_state.note_start("marimo")
        session = MarimoSession(path, glbls)
        _sessions[id(glbls)] = (glbls, session)
        while len(_sessions) > _MOST_SESSIONS:
            _sessions.popitem(last=False)
        return session


def _why_not_stored(cell: Any, namespace: dict[str, Any]) -> str | None:
    """Why a cell's results are not stored: it reads what marimo keeps outside of its cells' names."""
    for name in _attributes_of_marimo(cell, namespace):
        if name in _NOT_IN_KEYS:
            return f"it uses `mo.{name}`, which is in no key"
    for name in cell.refs:
        if type(namespace.get(name)).__module__ == "marimo._runtime.state":
            return f"it uses `{name}`, a state of marimo's"
    return None


def _attributes_of_marimo(cell: Any, namespace: dict[str, Any]) -> Iterator[str]:
    marimo = sys.modules.get("marimo")
    for part in ast.walk(ast.parse(cell.code)):
        name = part.value.id if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) else ""
        if isinstance(part, ast.Attribute) and name and (namespace.get(name) is marimo or name == "mo"):
            yield part.attr


def _cells_of_file() -> list[str]:
    """marimo's names for the cells that it knows: at first, in the order of the file."""
    from marimo._runtime.context import ContextNotInitializedError, get_context

    try:
        return list(get_context().graph.cells)
    except ContextNotInitializedError:
        return []


def _last_name(code: str) -> str:
    """The name that a cell shows, if its last expression is no more than that."""
    body = ast.parse(code).body
    last = body[-1] if body else None
    is_name = isinstance(last, ast.Expr) and isinstance(last.value, ast.Name)
    is_shown = is_name and not code.rstrip().endswith(";")
    return last.value.id if is_shown else ""  # type: ignore[union-attr]


def _teller(path: str) -> Teller | None:
    """None where nobody looks, or where nothing can be written for the page."""
    try:
        return Teller(path) if _is_edited() else None
    except OSError:
        return None


def _is_edited() -> bool:
    """Whether a person has the notebook open in marimo's editor."""
    from marimo._runtime.context.utils import get_mode

    return get_mode() == "edit"


def _shows_element(restored: Restored) -> bool:
    """Whether it shows an element that is not made anew from the value of its last expression."""
    return any(
        ELEMENT in str(output)
        for output in restored.displays
        if not is_media(output) and not (restored.has_value and output["output_type"] == "execute_result")
    )


def _has_elements(value: Any) -> bool:
    from marimo._plugins.ui._core.ui_element import UIElement

    if type(value) in (list, tuple, set):
        return any(isinstance(part, UIElement) for part in value)
    if type(value) is dict:
        return any(isinstance(part, UIElement) for part in value.values())
    return isinstance(value, UIElement)
