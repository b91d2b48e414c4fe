"""Whole cells in IPython and Jupyter: `%load_ext hozon`, `%hozon on`, `%%cache`.

A cell is looked up right before its code would run, when all that other extensions do before cells is done.
Where it is restored, an expression with its last value takes the place of its code, so the shell numbers and
keeps that as ever; how it is shown comes from the store.
"""

from __future__ import annotations

import ast
import os
import sys
import threading
import warnings
from typing import TYPE_CHECKING, Any

from hozon import _process_state
from hozon._config import cells_are_kept, disabled
from hozon._errors import HozonWarning, said
from hozon._executing import Executed
from hozon._mime_json import json_data
from hozon._replaying import (
    Recording,
    as_a_whole,
    hook,
    places_of_displays,
    places_of_questions,
    places_of_text,
)
from hozon.hosts._badges import Badges
from hozon.hosts._live import ASKS, LiveCourse, LiveSession, Restored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hozon._displaying import Displays
    from hozon._replaying import Event, Place

# Lines of magic commands that are hozon's own: a cell of nothing else is no cell.
_OWN_LINES = ("%hozon", "%load_ext hozon", "%reload_ext hozon", "%%cache")


_NOT_KEPT = (
    "this value was shown by a cell that hozon restored, and only how it looked was kept; "
    "to have it, give it a name in its cell, or run that cell under `%hozon off`"
)


class NotRestored:
    """Stands in `Out` for a value that was not kept when its cell ran: it could not be, or it was large."""

    def __repr__(self) -> str:
        # Not how it looked: what it was made of may have changed since.
        return f"<{_NOT_KEPT}>"

    def __getattr__(self, name: str) -> Any:
        if (name.startswith("__") and name.endswith("__")) or name.startswith("_repr_"):
            raise AttributeError(name)
        return self._refuse()

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise RuntimeError(_NOT_KEPT)

    __getitem__ = __iter__ = __len__ = __call__ = _refuse


class CellRecording(Recording):
    """Tells the outputs of a cell what the shell shows while its code runs."""

    def __init__(self, shell: Any, displays: Displays) -> None:
        super().__init__()
        self._shell = shell
        self._displays = displays
        self.has_asked = False

    def _places(self) -> Iterable[Place]:
        yield from places_of_text()
        yield from places_of_displays()
        yield from places_of_questions()
        yield self._shell.displayhook, "write_format_data", _shown_value

    def _add(self, event: Event, size: int = 0) -> None:
        kind, *parts = event
        if kind == "display":
            data, metadata, transient, is_update = parts
            bundle, about = json_data(data), json_data(metadata)
            name = transient.get("display_id")
            self._displays.show_bundle(bundle, about, display_id=name, update=is_update)
        elif kind == "clear output":
            self._displays.clear(*parts)
        elif kind == "value":
            self._displays.add_result(*parts)
        elif kind == "asked":
            self.has_asked = True

    def _add_text(self, kind: str, stream: str, text: Any) -> None:
        if kind == "bytes":
            self._displays.write(stream, text.decode("utf-8", "replace"))
        elif text:
            self._displays.write(stream, text)


def _shown_value(layer: Any) -> Any:
    def wrapper(format_dict: Any, md_dict: Any = None) -> Any:
        def event() -> Event:
            return "value", json_data(dict(format_dict)), json_data(dict(md_dict or {}))

        return as_a_whole(layer, event, layer.original, format_dict, md_dict)

    return hook(layer, wrapper)


class ShellSession(LiveSession):
    """The cells of one shell."""

    def __init__(self, shell: Any, earlier: Iterable[str]) -> None:
        self._shell = shell
        hidden = dict(shell.user_ns_hidden)
        super().__init__(_path_of(shell), shell.user_ns, host="jupyter", hidden=hidden, earlier=earlier)

    def kept_by_host(self) -> dict[str, Any]:
        return {f"Out.{number}": value for number, value in self.namespace.get("_oh", {}).items()}

    def renew_kept(self, heirs: list[tuple[Any, Any]]) -> None:
        """In `Out`, `_3` and `_`: there, too, stands what a cell would have changed."""
        by_old = {id(old): new for old, new in heirs}
        shell = self._shell
        out = self.namespace.get("_oh", {})
        for holder in (out, self.namespace, shell.user_ns_hidden, vars(shell.displayhook)):
            for name, value in list(holder.items()):
                if id(value) in by_old and not (holder is self.namespace and self.is_own(name)):
                    holder[name] = by_old[id(value)]


class Cells:
    """Caches the whole cells of a shell, while it is on."""

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.session: LiveSession | None = None
        # None until something says so; then the configuration decides.
        self.is_on: bool | None = None
        self.badges = Badges(shell)
        # The cell that was announced, until its code is about to run.
        self._announced: tuple[str | None, str] | None = None
        self._now: LiveCourse | Restored | None = None
        self._recording: CellRecording | None = None
        self._after: list[dict[str, Any]] = []
        # How many cells run inside of the one that was announced, as magic commands have it; and its thread.
        self._depth = 0
        self._thread = 0
        # How often code has run since the last cell that was watched.
        self._executions = 0
        self._is_once = False

    # Hooks of the shell -------------------------------------------------------------------------------

    def register(self) -> None:
        self.shell.events.register("pre_execute", self.before_anything)
        self.shell.events.register("pre_run_cell", self.before_cell)
        self.shell.events.register("post_run_cell", self.after_cell)
        self.shell.ast_transformers.append(self)

    def unregister(self) -> None:
        self.badges.close()
        self.shell.events.unregister("pre_execute", self.before_anything)
        self.shell.events.unregister("pre_run_cell", self.before_cell)
        self.shell.events.unregister("post_run_cell", self.after_cell)
        if self in self.shell.ast_transformers:
            self.shell.ast_transformers.remove(self)

    def before_anything(self) -> None:
        """Some code is about to run: a cell, or what a front end runs for itself. It may change anything."""
        self._executions += self._now is None and self._announced is None

    def before_cell(self, info: Any = None) -> None:
        """A cell has been entered."""
        if self._now is not None or self._announced is not None:
            self._depth += 1
            if threading.get_ident() != self._thread:
                self._spoil()
            return
        if not self._is_once:
            self.badges.enter(info)
        text = getattr(info, "raw_cell", None)
        self._depth, self._thread = 0, threading.get_ident()
        if not isinstance(text, str):
            return
        if _is_own(text):
            self._executions -= 1
        elif self._is_on_now():
            self._announced = (getattr(info, "cell_id", None), text)

    def _is_on_now(self) -> bool:
        if disabled() or not (self._is_switched_on() or self._is_once):
            return False
        # What a cell shows depends on this setting, and it is in no key.
        return bool(self.shell.ast_node_interactivity == "last_expr")

    def _is_switched_on(self) -> bool:
        if self.is_on is None:
            try:
                self.is_on = cells_are_kept(_path_of(self.shell))
            except ValueError as error:
                self.is_on = False
                _warn(error)
        return self.is_on

    def visit(self, tree: ast.AST) -> ast.AST:
        """Called with the syntax tree of code that is about to run."""
        announced, self._announced = self._announced, None
        if announced is None:
            return tree
        try:
            session = self._session()
            if self._executions > 1:
                session.doubt()
            self._now = session.begin(*announced)
            self.badges.begin(session)
            if isinstance(self._now, Restored):
                return self._instead(self._now, tree)
            if self._now is not None:
                self._watch(self._now)
        except KeyboardInterrupt:
            self._abandon()
            return _raising_interrupt(tree)
        except Exception as error:
            self._abandon()
            _warn(error)
        return tree

    def after_cell(self, result: Any = None) -> None:
        """A cell has ended."""
        if self._depth:
            self._depth -= 1
            return
        now, self._now = self._now, None
        self._announced = None
        vars(self.shell.displayhook).pop("compute_format_data", None)
        if now is None or self.session is None:
            self.badges.end(None, None)
            return
        told = None
        try:
            if isinstance(now, Restored):
                self._show(self._after)
                self.session.end_restored(now)
            else:
                self._stop_watching(now)
                error = getattr(result, "error_in_exec", None) or getattr(result, "error_before_exec", None)
                executed = Executed("done" if error is None else "failed", error)
                self.session.end_course(now, executed, getattr(result, "result", None))
            self._executions = 0
            told = self.session.told[-1]
        except Exception as error:
            _warn(error)
        self.badges.end(self.session, told)

    # A cell that runs ---------------------------------------------------------------------------------

    def _session(self) -> LiveSession:
        if self.session is None:
            _process_state.note_start("jupyter")
            history = getattr(self.shell.history_manager, "input_hist_raw", [])
            earlier = [text for text in history[1:-1] if text and not _is_own(text)]
            self.session = ShellSession(self.shell, earlier)
        return self.session

    def _watch(self, course: LiveCourse) -> None:
        self._recording = CellRecording(self.shell, course.shown)
        self._recording.start()
        course.begin(course.shown)

    def _stop_watching(self, course: LiveCourse) -> None:
        course.leave()
        if self._recording is not None:
            self._recording.stop()
            if self._recording.has_asked:
                course.unstored = course.unstored or ASKS
            self._recording = None
        course.shown.finish()

    def _spoil(self) -> None:
        """What it gives, and what a cell in another thread gives, is not told apart."""
        if isinstance(self._now, LiveCourse):
            self._now.unstored = "another cell ran at the same time"

    def _abandon(self) -> None:
        """Something of hozon's own has failed: the cell runs as if hozon were not there."""
        self._now = None
        if self.session is not None:
            self.session.cells.end_turn()
        if self._recording is not None:
            self._recording.stop()
            self._recording = None

    # A cell that is restored --------------------------------------------------------------------------

    def _instead(self, restored: Restored, tree: ast.AST) -> ast.AST:
        """Shows what the cell has shown, and gives the code that runs in its place."""
        outputs = restored.displays
        kinds = [output["output_type"] for output in outputs]
        at = kinds.index("execute_result") if "execute_result" in kinds else len(outputs)
        self._show(outputs[:at])
        self._after = outputs[at + 1 :]
        if at == len(outputs):
            return ast.copy_location(ast.Module(body=[], type_ignores=[]), tree)
        shown = outputs[at]
        value = restored.value if restored.has_value else NotRestored()
        _last.append(value)
        self._give_format(shown)
        return ast.parse("__import__('hozon.hosts._jupyter', fromlist=['taken']).taken()")

    def _give_format(self, shown: dict[str, Any]) -> None:
        """The next value that is shown looks as it did when its cell ran."""
        displayhook = self.shell.displayhook

        def compute_format_data(result: Any) -> tuple[dict[str, Any], dict[str, Any]]:
            vars(displayhook).pop("compute_format_data", None)
            return shown["data"], shown.get("metadata", {})

        displayhook.compute_format_data = compute_format_data

    def _show(self, outputs: list[dict[str, Any]]) -> None:
        for output in outputs:
            if output["output_type"] == "stream":
                stream = getattr(sys, output["name"], None)
                if stream is not None:
                    stream.write(output["text"])
            elif "data" in output:
                more: dict[str, Any] = {}
                if "transient" in output:
                    more["transient"] = output["transient"]
                if output["output_type"] == "update_display_data":
                    more["update"] = True
                self.shell.display_pub.publish(output["data"], output.get("metadata", {}), **more)

    # What people ask ----------------------------------------------------------------------------------

    def once(self, text: str) -> None:
        """Runs one cell whose results are kept, whether it is on or not."""
        announced, self._is_once = self._is_once, True
        try:
            self.shell.run_cell(text, store_history=False)
        finally:
            self._is_once = announced

    def status(self) -> str:
        """What came of the cells of this session, in lines."""
        lines = [f"hozon is {'on' if self._is_switched_on() else 'off'}"]
        told = self.session.told if self.session is not None else []
        saved = sum(one.seconds for one in told if one.state == "restored")
        if told:
            restored = sum(one.state == "restored" for one in told)
            kept = sum(one.state == "stored" for one in told)
            cells = "1 cell" if len(told) == 1 else f"{len(told)} cells"
            lines.append(
                f"{cells}: {restored} restored ({saved:.1f} s saved), {kept} ran and are stored, "
                f"{len(told) - restored - kept} ran and are not"
            )
        for one in told:
            note = f" ({one.why})" if one.why else ""
            lines.append(f"  {one.name}: {_WORDS[one.state]}, {one.seconds:.2f} s{note}")
        return "\n".join(lines)

    def why(self) -> str:
        """Why the last cell ran, or that it did not."""
        told = self.session.told if self.session is not None else []
        if self.session is None or not told:
            return "no cell has run since hozon was switched on"
        last = told[-1]
        if last.state == "restored":
            return f"{last.name} was restored: nothing that it depends on has changed"
        lines = last.reasons(self.session.why(last.number))
        return "\n".join([f"{last.name} ran", *(f"  {line}" for line in lines)])

    def clear(self) -> str:
        """Removes what is kept of the cells of this session; says how many were."""
        removed = 0 if self.session is None else self.session.clear()
        return f"removed the results of {removed} cell{'' if removed == 1 else 's'}"


_WORDS = {"restored": "restored", "stored": "ran, stored", "ran": "ran, not stored"}

# The value that the code in the place of a restored cell gives.
_last: list[Any] = []


def taken() -> Any:
    """The last value of the cell that has just been restored."""
    return _last.pop()


def _is_own(text: str) -> bool:
    """Whether a cell holds only commands of hozon's, or begins with one for all of it."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if lines and lines[0].startswith("%%cache"):
        return True
    return all(line.startswith(_OWN_LINES) for line in lines)


def _raising_interrupt(tree: ast.AST) -> ast.AST:
    return ast.copy_location(ast.parse("raise KeyboardInterrupt"), tree)


def _path_of(shell: Any) -> str:
    """The file of the notebook, as far as its host tells; else a name in the working folder."""
    named = shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
    if isinstance(named, str) and named:
        return os.path.abspath(named) if os.path.exists(named) else os.path.abspath(os.path.basename(named))
    return os.path.abspath("notebook.ipynb")


def _warn(error: BaseException) -> None:
    warnings.warn(
        f"hozon could not cache this cell, which ran without it: {said(error)}", HozonWarning, stacklevel=2
    )


# The extension ------------------------------------------------------------------------------------------

_loaded: dict[int, Cells] = {}


def load(shell: Any) -> None:
    """Gives a shell `%hozon` and `%%cache`."""
    if id(shell) in _loaded:
        return
    cells = _loaded[id(shell)] = Cells(shell)
    cells.register()
    shell.register_magic_function(_hozon_magic(cells), "line", "hozon")
    shell.register_magic_function(_cache_magic(cells), "cell", "cache")


def unload(shell: Any) -> None:
    """Takes the hooks from a shell again."""
    cells = _loaded.pop(id(shell), None)
    if cells is not None:
        cells.unregister()


def _hozon_magic(cells: Cells) -> Callable[[str], None]:
    def hozon(line: str) -> None:
        """%hozon on | off | status | why | clear

        on      keep the results of whole cells, and restore those that nothing has changed for
        off     run cells as ever
        status  what came of each cell
        why     why the last cell ran
        clear   remove what is kept of the cells of this session: in the next one they run
        """
        word = line.strip()
        if word in ("on", "off"):
            cells.is_on = word == "on"
            cells.badges.ask_again()
        elif word in ("", "status"):
            print(cells.status())
        elif word == "why":
            print(cells.why())
        elif word == "clear":
            print(cells.clear())
        else:
            from IPython.core.error import UsageError

            raise UsageError(f"%hozon {word}: it must be on, off, status, why or clear")

    return hozon


def _cache_magic(cells: Cells) -> Callable[[str, str], None]:
    def cache(line: str, cell: str) -> None:
        """%%cache: keeps the results of this cell, or restores them."""
        cells.once(cell)

    return cache
