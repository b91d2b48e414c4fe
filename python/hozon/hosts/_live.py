"""Whole cells in a live session: the names are in its process, and its host runs what has to run.

The session is taken for a notebook that holds its cells in the order in which they were run, each as often as
it was. So a cell has the key that it has for `hozon run` in a file with the same cells in that order. What
names hold that no cell has given them (they were there before, a magic command or a widget has set them) is
known by its digest; what has none makes the cells that read it run each time.
"""

from __future__ import annotations

import sys
import time
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from hozon import _process_state, _randomness, _settings
from hozon._cells import Course, Notebook
from hozon._displaying import Displays
from hozon._errors import said
from hozon._executing import Executed
from hozon._held import local_modules
from hozon._hosting import Host
from hozon._hozon import LiveCells, cell_record, set_by_running
from hozon._pickling import loads, packed
from hozon._running import NotStored
from hozon._runtime import WAIT_SECONDS, open_store
from hozon._sharing import Sharing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from hozon._hozon import Trace
    from hozon._pickling import Output
    from hozon._sharing import Group

# The output that holds the value of a cell's last expression, where it was kept.
LAST_VALUE = "last value"

# The output that names the variables whose objects a cell has changed in place, or may have.
IN_PLACE = "in place"

# More bytes of such a value are not kept.
_MOST_BYTES = 32 * 1024 * 1024

# Why a cell is not stored that has asked the person for something.
ASKS = "it asks for input, and its answer is in no key"

_WIDGET = "application/vnd.jupyter.widget-view+json"


class Told(NamedTuple):
    """What came of a cell.

    Attributes:
        number: Its number, from 0.
        name: What listings call it.
        state: "restored", "stored" (it ran, and its results are kept) or "ran".
        seconds: How long it took; for one that was restored, how long it took when it ran.
        why: Why nothing was kept, or why it ran although its results were stored, or what a person should
            know of it, or "".
    """

    number: int
    name: str
    state: str
    seconds: float
    why: str = ""

    def reasons(self, why: list[str]) -> list[str]:
        """Why it ran, in given lines, and why nothing was kept."""
        is_said = not self.why or any(self.why in line for line in why)
        return why if is_said else [*why, self.why]


class Restored(NamedTuple):
    """A cell whose names have their values again.

    Attributes:
        number: Its number, from 0.
        entry: The key of its entry.
        seconds: How long it took when it ran.
        record: What it did.
        displays: What it shows, as outputs of nbformat.
        has_value: Whether `value` is the value of its last expression.
    """

    number: int
    entry: str
    seconds: float
    record: str
    displays: list[dict[str, Any]]
    has_value: bool
    value: Any


class _KeptOutputs(NamedTuple):
    """What an entry holds beside the values of names.

    Attributes:
        shown: What the cell shows, as outputs of nbformat.
        in_place: The names whose objects it has changed, and those that lead elsewhere since and whose
            objects it may have changed; None if the entry does not say.
        has_value, value: Of its last expression.
    """

    shown: list[dict[str, Any]]
    in_place: tuple[list[str], list[str]] | None
    has_value: bool
    value: Any


class LiveSession(Notebook):
    """The cells of one session, and its names.

    Args:
        path: The file of the notebook; it need not be there.
        namespace: The names of the session.
        hidden: Names that its host gives.
        earlier: The texts of cells that were run before.
    """

    def __init__(
        self,
        path: str,
        namespace: dict[str, Any],
        *,
        host: str,
        hidden: dict[str, Any],
        earlier: Iterable[str] = (),
    ) -> None:
        settings = Host().settings(path, [])
        given = {"path": path, "host": host, "store": settings.store, "project": settings.project}
        super().__init__({**given, "site_folders": settings.site_folders}, namespace)
        self.hidden = hidden
        self.store = open_store(settings.store)
        self.cells = LiveCells(settings, _process_state.first_digests())
        self.told: list[Told] = []
        # The keys of cells whose results are kept.
        self._kept: set[str] = set()
        # The request to run the cell that was looked up last.
        self._found: dict[str, Any] = {}
        # What names held when the last cell had ended.
        self._after: dict[str, Any] = {}
        # Names whose objects something else than watched cells may have changed in place since.
        self._doubtful: set[str] = set()
        self._take_over_what_is_there(list(earlier))

    def is_own(self, name: str) -> bool:
        if not super().is_own(name) or (name.startswith("_") and name[1:].isdigit()):
            return False
        return name not in self.hidden or self.namespace.get(name) is not self.hidden[name]

    def begin(self, name: str | None, text: str) -> Restored | LiveCourse | None:
        """Restores a cell that is about to run, or notes what there is before it does. None if it is no
        Python: nobody watches it."""
        self._note_changes_outside()
        number = self._add(name, text)
        found = self._looked_up(number)
        self._found = found.get("cell", {})
        if found["found"] == "stored":
            restored = self._restored(number, found)
            if restored is not None:
                return restored
        elif found["found"] == "unparsable":
            return None
        if found.get("unstorable") is not None:
            # What it reads of shown values may be any variable's.
            found["cell"]["present"] = sorted(name for name in self.namespace if self.is_own(name))
        course = self._course(number, found["cell"])
        course.unstored = found.get("unstorable")
        course.again = found.get("again")
        course.known_to_set = found.get("set_by_running")
        course.leaves_doubt = course.unstored is not None or found["cell"]["has_magics"]
        return course

    def _looked_up(self, number: int) -> dict[str, Any]:
        """What is known of a cell; where it has to run, that is this session's turn. Where another one runs
        it, its result is waited for, as long as for that of a function."""
        found = self._look(number)
        key = found.get("cell", {}).get("key") if found["found"] == "to run" else None
        if key is None or found["again"] is not None:
            return found
        until, pause = time.monotonic() + WAIT_SECONDS, 0.001
        while not self.cells.take_turn(self.store, key) and time.monotonic() < until:
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
        # Whoever had the turn may have stored it between the look and the turn.
        found = self._look(number)
        if found["found"] == "stored":
            self.cells.end_turn()
        return found

    def _look(self, number: int) -> dict[str, Any]:
        """What is known of a cell, once what it may read is known to be what it was."""
        while True:
            found = self.cells.look(self.store, number)
            doubtful = self._doubtful.intersection(found.get("cell", {}).get("present", ()))
            if not doubtful:
                return found
            self._doubtful -= doubtful
            changed = self._changed_behind({name: self.namespace[name] for name in doubtful})
            if changed:
                self._take_over(changed, [], [], [])

    def doubt(self) -> None:
        """Something has run that nobody has watched: any object may hold something else."""
        self._doubtful = {name for name in self.namespace if self.is_own(name)}

    def inputs(self) -> dict[str, int]:
        """The names that the cell which was looked up last may read, each with the number of the cell that
        has given it its value."""
        givers = {name: cell for name, cell, _ in self.cells.versions()}
        return {name: givers[name] for name in self._found.get("inputs", ()) if name in givers}

    def why(self, number: int) -> list[str]:
        """Why a cell ran, in lines for people."""
        return self.cells.why(self.store, number)

    def again(self, restored: Restored, why: str) -> LiveCourse:
        """Has a cell run all the same whose names have their values again."""
        course = self._course(restored.number, self._found)
        course.again = why
        return course

    def _course(self, number: int, cell: dict[str, Any]) -> LiveCourse:
        return LiveCourse(self, number, cell)

    def _add(self, name: str | None, text: str) -> int:
        return self.cells.add(name, text, self.host == "marimo")

    # Restoring ----------------------------------------------------------------------------------------

    def _restored(self, number: int, found: dict[str, Any]) -> Restored | None:
        """None if what the entry holds is not to be had."""
        before = dict(self.namespace)
        try:
            for step in found["steps"]:
                self.take(step)
            self.have_submodules(found["cell"]["submodules"])
            kept = self._kept_outputs(found["entry"])
            heirs = self._heirs(before, kept.in_place)
        except Exception as error:
            # Whatever was bound until then is as it was, and the cell runs.
            for name in self.namespace.keys() - before.keys():
                del self.namespace[name]
            self.namespace.update(before)
            why = str(error) if isinstance(error, NotStored) else said(error)
            found["again"] = f"what was kept of it cannot be had again: {why}"
            return None
        self.renew_kept(heirs)
        return Restored(
            number, found["entry"], found["seconds"], found["record"], kept.shown, kept.has_value, kept.value
        )

    def _heirs(
        self, before: dict[str, Any], in_place: tuple[list[str], list[str]] | None
    ) -> list[tuple[Any, Any]]:
        """The objects that the cell would have changed in place, each with the one that is there instead.

        Raises `NotStored` where the host holds an object, or a part of one, that the cell may have changed
        and that nothing takes the place of. `in_place` are the names whose objects it has changed, and those
        that lead elsewhere since, or nowhere, and whose objects it may have changed; None if the entry does
        not say, as those of `hozon run` do not: then each name that has another object now may be one.
        """
        now, kept = self.namespace, self.kept_by_host()
        same, touched = (list(before), []) if in_place is None else in_place
        other = {
            name: before[name]
            for name in sorted({*same, *touched} & before.keys())
            if self.is_own(name) and (name in touched or now.get(name, self) is not before[name])
        }
        if not other or not kept:
            return []
        renewed = [] if in_place is None else [name for name in other if name in same and name in now]
        heirs = [(other[name], now[name]) for name in renewed]
        olds = {id(old) for old, _ in heirs}
        others = {label: value for label, value in kept.items() if id(value) not in olds}
        sharing = Sharing(other, {}, set(), others)
        split = [name for name in other if sharing.leads_outside(name)]
        if split:
            raise NotStored(f"`{split[0]}` is changed in place, and is among the values that were shown")
        return heirs

    def kept_by_host(self) -> dict[str, Any]:
        """Values that the host keeps beside the names: what cells have shown."""
        return {}

    def renew_kept(self, heirs: list[tuple[Any, Any]]) -> None:
        """Has the host keep other objects in place of some."""

    def _kept_outputs(self, key: str) -> _KeptOutputs:
        import json

        shown: list[dict[str, Any]] = []
        in_place: tuple[list[str], list[str]] | None = None
        has_value, value = False, None
        for name, codec, payload, buffers in self._entry(key).outputs():
            if codec == "displays":
                shown = json.loads(bytes(payload))
            elif name == IN_PLACE:
                in_place = loads(payload, buffers, namespace={})
            elif name == LAST_VALUE:
                kind, held = loads(payload, buffers, namespace=self.namespace)
                has_value, value = True, self.namespace[held] if kind == "name" else held
        return _KeptOutputs(shown, in_place, has_value, value)

    def end_restored(self, restored: Restored) -> None:
        """What it shows has been shown."""
        self.cells.take_over(self.store, restored.number, restored.entry, restored.record, restored.seconds)
        self._kept.add(self._found["key"])
        self._note(Told(restored.number, self.cells.name(restored.number), "restored", restored.seconds))

    def clear(self) -> int:
        """Removes what is kept of the cells that this session has restored or stored; gives how many cells'
        results there were."""
        kept, self._kept = self._kept, set()
        return sum(self.store.forget(bytes.fromhex(key), "cleared in a session") for key in sorted(kept))

    def _note(self, told: Told) -> None:
        self.told.append(told)
        self._after = self._own_values()

    # Running ------------------------------------------------------------------------------------------

    def end_course(self, course: LiveCourse, executed: Executed, value: Any = None) -> None:
        """A cell that was watched has ended."""
        course.last_value = value
        try:
            answer = course.end(executed, course.shown)
            self.cells.take_over(self.store, course.number, answer["entry"], answer["record"], None)
        except BaseException:
            self.doubt()
            raise
        finally:
            self.cells.end_turn()
        if course.leaves_doubt:
            # Commands, and what is done to values that were shown, may change what no text shows.
            self.doubt()
        state = "ran" if answer["entry"] is None else "stored"
        if answer["entry"] is not None:
            self._kept.add(course.cell["key"])
        why = answer["unstored"] or course.again or "; ".join(answer["notes"])
        told = Told(course.number, self.cells.name(course.number), state, answer["seconds"], why)
        self._note(told)

    # What no cell has done ----------------------------------------------------------------------------

    def _own_values(self) -> dict[str, Any]:
        return {name: value for name, value in self.namespace.items() if self.is_own(name)}

    def _take_over_what_is_there(self, earlier: list[str]) -> None:
        """What was there before the session: values by their digests, and the states of generators, if
        something may have set them."""
        names = self._own_values()
        if not names and not any(text.strip() for text in earlier):
            return
        set_before = [
            first
            for text in earlier
            if (
                first := _settings.first_that_sets(text, self.namespace, _settings.Noticed(shows_value=False))
            )
            is not None
        ]
        process = [set_by_running(first, first, None, None) for first in set_before]
        self._take_over(names, [], self.note_random(dict.fromkeys(_randomness.loaded_generators())), process)

    def _note_changes_outside(self) -> None:
        """Takes over what names hold now that no cell has given them."""
        now = self._own_values()
        given = {name: value for name, value in now.items() if self._after.get(name, self) is not value}
        gone = sorted(name for name in self._after if name not in now)
        self._doubtful = self._doubtful.intersection(now).union(self._suspects(now)).difference(given)
        self._after = {}
        if given or gone:
            self._take_over(given, gone, [], [])

    def _changed_behind(self, values: dict[str, Any]) -> dict[str, Any]:
        """Those of some values that hold something else than known, or of which that cannot be told."""
        known, reach = {name: digest for name, _, digest in self.cells.versions()}, self.reach()
        changed = {}
        for name, value in values.items():
            if isinstance(value, types.ModuleType):
                continue
            digest = reach.value(value, False)[0]
            if digest is None or digest != known.get(name):
                changed[name] = value
        return changed

    def _suspects(self, now: dict[str, Any]) -> set[str]:
        """The names whose objects may change between cells: by what people do with widgets."""
        return set(now) if "ipywidgets" in sys.modules else set()

    def _take_over(
        self,
        given: dict[str, Any],
        gone: list[str],
        random: list[tuple[str, bytes]],
        process: list[tuple[str, bytes]],
    ) -> None:
        number = self._add(None, "")
        request = self.cells.look(self.store, number)["cell"]
        record = self._course(number, request).record_of(given, gone, random, process)
        self.cells.take_over(self.store, number, None, record, None)


class LiveCourse(Course):
    """One run of a cell that its host runs, between `begin` and `leave`."""

    def __init__(self, session: LiveSession, number: int, cell: dict[str, Any]) -> None:
        super().__init__(session, cell)
        self.session = session
        self.number = number
        # What its host tells that it shows.
        self.shown = Displays(session.host)
        self.last_value: Any = None
        # Why it runs although its results are stored; None if they are not.
        self.again: str | None = None
        # What only running it sets, as its stored results say: what it looked at then holds, so it is the
        # same. A library that is loaded later than it was then would look like something that is set.
        self.known_to_set: list[tuple[str, bytes]] | None = None
        # Whether it may have changed what nobody has looked at.
        self.leaves_doubt = False
        self._why_not_kept: str | None = None

    def record_of(
        self,
        given: dict[str, Any],
        gone: list[str],
        random: list[tuple[str, bytes]],
        process: list[tuple[str, bytes]],
    ) -> str:
        """The record of values that no cell has given: nothing of them is kept."""
        self._why_not_kept = "no cell has made it since hozon was switched on"
        self.local_modules = local_modules(self.session.options.project)
        sharing = Sharing(self.session.values(list(self.namespace)), given, set(), self._outside())
        records = [self._name(name, value, sharing) for name, value in sorted(given.items())]
        groups, _ = self._groups(sharing, records)
        records = [
            (*record[:2], "live", self._why_not_kept, *record[4:]) if record[2] != "module" else record
            for record in records
        ]
        return cell_record(records, gone, groups, random, [], process, False, False, False).hex()

    def _packed(self, number: int, group: Group, sharing: Sharing) -> tuple[Output | None, list[str], str]:
        if self._why_not_kept is not None:
            return None, [], self._why_not_kept
        return super()._packed(number, group, sharing)

    def _find_first_that_sets(self, changed: Collection[str]) -> str | None:
        if self.known_to_set is not None:
            return self.known_to_set[0][0] if self.known_to_set else None
        return super()._find_first_that_sets(changed)

    def _set_by_running(self, trace: Trace | None) -> list[tuple[str, bytes]]:
        return super()._set_by_running(trace) if self.known_to_set is None else self.known_to_set

    def _end(self, run: Any, executed: Executed) -> dict[str, Any]:
        """What a cell that failed has done stays: later cells read it."""
        if executed.end == "stopped":
            return super()._end(run, executed)
        if executed.error is not None:
            self.unstored = self.unstored or f"it raised {type(executed.error).__name__}"
        elif any(_WIDGET in output.get("data", ()) for output in self.displays):
            self.unstored = self.unstored or "it shows a widget, which only running it makes"
        return super()._end(run, Executed("done"))

    def _more_outputs(self, given: dict[str, Any]) -> list[Output]:
        """Which names it has changed in place, and the value of its last expression."""
        same = sorted(name for name, value in given.items() if self.found.get(name, self) is value)
        named = same, self._touched(given)
        return [packed(IN_PLACE, "pickle", named, namespace={}), *self._last_value_output()]

    def _touched(self, given: dict[str, Any]) -> list[str]:
        """The names that lead elsewhere now, or nowhere, and whose objects it may have changed before: that
        is known of those with a digest. Or what names were given shares something with them."""
        moved = {name: self.found[name] for name in self.found if self.session.is_own(name)}
        moved = {name: old for name, old in moved.items() if self.namespace.get(name, self) is not old}
        if not moved:
            return []
        sharing = Sharing(moved, {}, set(), {f"given {name}": value for name, value in given.items()})
        may_have = {*self.opaque, *self.keyed.changed_inputs()}
        return sorted(name for name in moved if name in may_have or sharing.leads_outside(name))

    def _last_value_output(self) -> list[Output]:
        """If it can be kept at little cost."""
        if not any(output["output_type"] == "execute_result" for output in self.displays):
            return []
        named = [name for name, value in self.session._own_values().items() if value is self.last_value]
        kept = ("name", named[0]) if named else ("value", self.last_value)
        if not named and self._is_shared(self.last_value):
            # A copy would not change with the variables.
            return []
        try:
            output = packed(LAST_VALUE, "pickle", kept, namespace=self.namespace)
        except Exception:
            return []
        return [output] if _bytes_of(output) <= _MOST_BYTES else []

    def _is_shared(self, value: Any) -> bool:
        """Whether a value shares objects that can change with variables."""
        names = self.session._own_values()
        sharing = Sharing(self.session.values(list(names)), {}, set(), {"Out.": value})
        return any(sharing.leads_outside(name) for name in names)


def _bytes_of(output: Output) -> int:
    return len(output[2]) + sum(int(buffer.raw().nbytes) for buffer, _ in output[3])
