"""The names of a notebook, in the process that runs its cells: runs them, stores what they give, and brings
back what is stored.

`Notebook` answers what `hozon_engine` asks through `_kernel.py`. A cell that runs is a `Course`: what it
looks at goes into the trace, what it gives into an entry, with a record that says which names it gave,
how each is had again, and which of them share objects.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import sys
import types
import warnings
from enum import EnumMeta
from typing import TYPE_CHECKING, Any

from hozon import _process_state, _settings, _sources
from hozon._changes import Before, names_stored_by
from hozon._displaying import Displays
from hozon._errors import HozonWarning, said
from hozon._executing import execute
from hozon._held import (
    attributes_of_code,
    differ,
    is_code,
    is_no_change,
    is_own_code,
    kept_by,
    kept_results,
    local_modules,
    pickled,
    registered,
)
from hozon._hozon import (
    cell_record,
    held_effect,
    hold_effects,
    loaded_variable,
    set_by_running,
    unseeded_state,
    value_digest,
)
from hozon._led_away import Streams, names_behind
from hozon._library_state import LibraryState
from hozon._open_figures import NAME as FIGURES
from hozon._open_figures import OpenFigures
from hozon._pickling import loads
from hozon._restoring import Names, given_file, parameter_file
from hozon._running import PROCESS, STATES, VARIABLES, NotStored, Run, apply, set_process
from hozon._runtime import open_store
from hozon._sharing import Sharing
from hozon._shell_names import shell_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from hozon._executing import Executed
    from hozon._hozon import Trace
    from hozon._pickling import Output
    from hozon._sharing import Group

# Names that belong to the interpreter, and not to a notebook, unless one of its cells gives them a value.
_NO_NAMES = frozenset(
    {"_", "__", "___", "_i", "_ii", "_iii", "_ih", "_oh", "_dh", "In", "Out", "exit", "quit"}
)

_MISSING: Any = object()


class Notebook(Names):
    """The names of a notebook, and what its cells have done to this process.

    `settings`: those of `Names`; `host`, as `_kernel.py` has it; and for `hozon.run` `exchange`, a folder for
    values that the store does not hold.
    """

    def __init__(self, settings: dict[str, Any], namespace: dict[str, Any] | None = None) -> None:
        super().__init__(settings, vars(sys.modules["__main__"]) if namespace is None else namespace)
        self.host: str = settings.get("host", "script")
        self.exchange: str | None = settings.get("exchange")
        # Where outputs go as they are shown.
        self.on_shown: Any = None
        # The digests of the states that cells have left generators in.
        self.random: dict[str, bytes] = {}
        self.folder = os.getcwd()
        self.streams = Streams()
        # Names of the interpreter's that cells have given a value.
        self.taken: set[str] = set()
        self._first = dict(self.namespace)
        _process_state.note_start(self.host)

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Does what is asked: "run", "restore", "observe", "give", "reset"."""
        what = request["do"]
        if what == "run":
            return Course(self, request).answer()
        if what == "restore":
            return self._restore(request["steps"])
        if what == "observe":
            return {"digest": loaded_variable(request["module"], request["name"]).hex()}
        if what == "give":
            return {"refused": self._give(request["names"])}
        self.namespace.clear()
        self.namespace.update(self._first)
        self.taken.clear()
        return {}

    def is_own(self, name: str) -> bool:
        """Whether a name of the namespace is one of the notebook's."""
        if name in _NO_NAMES:
            return name in self.taken
        if name.startswith("__") and name.endswith("__"):
            return False
        return not (name.startswith("_i") and name[2:].isdigit())

    # Restoring ----------------------------------------------------------------------------------------

    def _restore(self, steps: list[dict[str, Any]]) -> dict[str, Any]:
        """Takes steps. Tells the first one that cannot be taken, and why; those before it have been."""
        for index, step in enumerate(steps):
            try:
                self.take(step)
            except Exception as error:
                return {"failed": index, "why": said(error)}
        return {"failed": None, "why": ""}

    def take(self, step: dict[str, Any]) -> None:
        if step["step"] == "effects":
            self._have_effects(step["entry"])
        else:
            before = {name: self.namespace.get(name) for name in _NO_NAMES}
            super().take(step)
            self.taken |= {name for name in before if self.namespace.get(name) is not before[name]}

    def parameter(self, name: str, source: str) -> Any:
        import pickle

        if self.exchange is not None and os.path.exists(file := parameter_file(self.exchange, name)):
            with open(file, "rb") as pickled:
                return loads(*pickle.load(pickled), namespace=self.namespace)
        return super().parameter(name, source)

    def _give(self, groups: list[list[str]]) -> list[tuple[str, str]]:
        """Writes values for another process. Gives the names of those that cannot be written, and why."""
        from hozon._pickling import pickler

        if self.exchange is None:
            raise ValueError("nobody has asked for values")
        refused: list[tuple[str, str]] = []
        with open(given_file(self.exchange), "wb") as file:
            writer = pickler(file, self.namespace)
            for names in groups:
                why_not = {name: why for name in names if (why := self._why_not_given(name)) is not None}
                refused += why_not.items()
                values = {name: self.namespace[name] for name in names if name not in why_not}
                if values:
                    writer.dump(values)
        return refused

    def _why_not_given(self, name: str) -> str | None:
        """Why another process cannot have a value; None if it can."""
        from hozon._pickling import dumps

        named: set[str] = set()
        try:
            dumps(self.namespace[name], namespace=self.namespace, named=named)
        except Exception as error:
            return said(error)
        is_own = name in {part.partition(".")[0] for part in named}
        return "it is a function or class that only its cell makes" if is_own else None

    def _have_effects(self, key: str) -> None:
        """Does to the process what a cell did."""
        outputs = {
            name: (codec, loads(payload, buffers, namespace=self.namespace))
            for name, codec, payload, buffers in self._entry(key).outputs()
            if codec == "effect"
        }
        set_process(outputs)
        apply(outputs, None, self.options)
        if STATES in outputs:
            self.note_random(outputs[STATES][1])

    def note_random(self, states: dict[str, Any]) -> list[tuple[str, bytes]]:
        """Notes the states that generators were left in. Gives the digest of each."""
        from hozon import _randomness

        found = [(name, _randomness.state_digest(name)) for name in states]
        self.random.update(found)
        return found


class Course:
    """One run of a cell."""

    def __init__(self, notebook: Notebook, cell: dict[str, Any]) -> None:
        self.notebook = notebook
        self.cell = cell
        self.namespace = notebook.namespace
        self.reach = notebook.reach()
        notebook.taken |= _NO_NAMES.intersection(cell["binds"])
        self.present: list[str] = cell["present"]
        self.file = notebook.file_of(cell["cell"], cell["tag"])
        # Why nothing is stored: a sentence, or None.
        self.unstored: str | None = None
        # Variables of local modules that it has changed.
        self.in_modules: dict[str, Any] = {}
        # The first statement that may have set something of a library.
        self.first_that_sets: str | None = None
        # Attributes of `sys` that are what they were before it: a stream that was put back, say.
        self.same_in_sys: set[str] = set()
        self._plain_names: set[str] | None = None
        self.displays: list[dict[str, Any]] = []

    def answer(self) -> dict[str, Any]:
        """Runs the cell, and stores what it gave."""
        with Displays(self.notebook.host, self.notebook.on_shown) as displays:
            self.begin(displays)
            try:
                executed = self._execute(displays)
            finally:
                self.leave()
        return self.end(executed, displays)

    def begin(self, displays: Displays) -> None:
        """Notes what there is before the cell's code runs, and watches from then on."""
        self.notebook.have_submodules(self.cell.get("submodules", ()))
        self.led_away = self.notebook.streams.led_away()
        self._taken_away = self._take_bound_names_away()
        self.found = dict(self.namespace)
        self.code = attributes_of_code(self.namespace)
        self.kept = {name: kept_by(self.namespace[name]) for name in self.present if name in self.namespace}
        self.folder = os.getcwd()
        self.process = _process_state.snapshot()
        called = _settings.libraries_called(self.cell["source"], self.namespace)
        self.libraries = {name: LibraryState(name) for name in called}
        self.variables = dict(os.environ)
        self._notes: list[str] = []
        self._running = self._run_shown(displays, self._notes)
        if self.cell["is_ahead"]:
            hold_effects()
        self._running.__enter__()
        self._sys_before = dict(vars(sys))
        self.figures = OpenFigures()

    def leave(self) -> None:
        """The cell's code has run, or was stopped: nothing is watched any more."""
        now = vars(sys)
        before, self._sys_before = self._sys_before, {}
        self.same_in_sys = {name for name in before if now.get(name, _MISSING) is before[name]}
        self._running.__exit__()

    def end(self, executed: Executed, displays: Displays) -> dict[str, Any]:
        """Stores what the cell gave, and tells what came of it."""
        for name, value in self._taken_away.items():
            # What the cell has not given a value is what it was.
            if name not in self.namespace:
                self.namespace[name] = self.found[name] = value
        if self.cell["is_ahead"] and (held := held_effect()) is not None:
            self.unstored = f"it {held}, which it does not do ahead of its turn"
        self.displays = [] if self.cell["is_captured"] else displays.outputs
        with _warnings_noted(self._notes):
            answer = self._end(self._running, executed)
        return {**answer, "displays": json.dumps(self.displays), "notes": self._notes}

    def _run_shown(self, displays: Displays, notes: list[str]) -> Run:
        """The run, before it begins. Local modules that the cell imports are loaded for its key: what they
        write and warn of is the cell's, and nothing else that is written then."""
        kept = displays.mark()
        warned: list[warnings.WarningMessage] = []
        begin = 0

        def hear(is_loaded: bool | None) -> None:
            nonlocal kept, begin
            if is_loaded:
                kept = displays.mark()
                warned.extend(caught[begin:])
            else:
                displays.forget(kept)
                begin = len(caught)

        with _warnings_noted(notes) as caught, _sources.hearing_imports(hear):
            run = self._run()
        displays.forget(kept)
        for warning in warned:
            if not issubclass(warning.category, HozonWarning):
                warnings.showwarning(warning.message, warning.category, warning.filename, warning.lineno)
        return run

    def _execute(self, displays: Displays) -> Executed:
        shown_as = self.cell.get("shown_as")
        displays.keeps_result = shown_as is not None
        with self._shell_names():
            executed = self._executed(displays)
        if shown_as is not None and displays.result is not None:
            self.namespace[shown_as] = displays.result
        return executed

    def _shell_names(self) -> contextlib.AbstractContextManager[None]:
        """In Jupyter's notebooks, the names that IPython gives to what cells have shown; a shell that runs
        them itself has given them."""
        if "shown" not in self.cell or not self.notebook.label.endswith(".ipynb"):
            return contextlib.nullcontext()
        return shell_names(self.namespace, self.cell["shown"], self.cell["sources"], self.notebook.taken)

    def _executed(self, displays: Displays) -> Executed:
        return execute(
            self.cell["source"],
            namespace=self.namespace,
            filename=self.file,
            first_line=self.cell["first_line"],
            shows_last=not self.cell["is_suppressed"],
            has_magics=self.cell["has_magics"],
            displays=displays,
        )

    def _take_bound_names_away(self) -> dict[str, Any]:
        """Names that the cell gives a value without reading them, itself or by a function that declares them
        `global`: what is there afterwards is its own."""
        bound = {*self.cell["binds"], *names_stored_by(self.namespace)} - set(self.present)
        names = [name for name in bound if name in self.namespace and self.notebook.is_own(name)]
        return {name: self.namespace.pop(name) for name in names}

    def _run(self) -> Run:
        name = self.cell["name"]
        recipe = self.cell["recipe"]
        known = None if recipe is None else bytes.fromhex(recipe)
        source, only_imports = self.cell["source"], self.cell["only_imports"]
        is_told = True
        try:
            if self.cell["has_magics"]:
                keyed = self.reach.keyed("", False, self.present, known)
            else:
                keyed = self.reach.keyed(source, only_imports, self.present, known)
        except Exception as error:
            is_told = False
            self.unstored = f"what it depends on cannot be told ({said(error)})"
            keyed = self.reach.keyed("", False, [], known)
        self.keyed = keyed
        values = self.notebook.values(self.present)
        # Values without a digest: what they are pickled to, or None where that cannot be told.
        undigested = keyed.undigested() if is_told else list(values)
        self.opaque = {
            label: pickled(values[label], self.namespace) for label in undigested if label in values
        }
        self.before = Before(values.items(), snapshots=False)
        namespaces, _ = keyed.bindable(None)
        self.modules = [(module, dict(module)) for module in namespaces if module is not self.namespace]
        return Run(keyed, self.notebook.options, name, lambda: self.before, is_cell=True)

    # The end ------------------------------------------------------------------------------------------

    def _end(self, run: Run, executed: Executed) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "end": executed.end,
            "raised": self._raised(executed),
            "seconds": run.seconds,
            "entry": None,
            "unstored": None,
            "record": cell_record([], [], [], [], [], [], False, False, False).hex(),
        }
        if executed.end in ("done", "stopped"):
            is_stopped = executed.end == "stopped"
            try:
                answer.update(self._kept(run, is_stopped=is_stopped))
            except Exception as error:
                # A fault of the cache is no fault of the cell's: what it gave is there, and nothing is kept.
                answer.update(self._unkept(f"hozon cannot tell what it gave ({said(error)})", is_stopped))
        elif executed.end == "failed":
            answer["record"] = self._half_done(run)
        self._remember(executed, answer)
        return answer

    def _remember(self, executed: Executed, answer: dict[str, Any]) -> None:
        """Notes for `hozon why` that it has run, and why that is kept nowhere."""
        why = answer["unstored"] or (f"it raised {type(executed.error).__name__}" if executed.error else "")
        if answer["entry"] is not None or not why or self.cell["key"] is None or self.cell["is_ahead"]:
            return
        # The index is derived: what it does not learn is no loss.
        with contextlib.suppress(Exception):
            store = open_store(self.notebook.options.folder)
            store.record_run(bytes.fromhex(self.cell["key"]), self.cell["name"], answer["seconds"], why)

    def _half_done(self, run: Run) -> str:
        """The record of a cell that failed: what it has done to its process, which then serves no more."""
        try:
            self.figures.end(has_changed_values=True)
            self.first_that_sets = self._find_first_that_sets(())
            effects, random, process = self._effects(run, None)
            has_to_run = self._has_to_run()
        except Exception:
            effects, random, process, has_to_run = [], [], [], True
        names = {*self.variables, *os.environ}
        variables = sorted(name for name in names if self.variables.get(name) != os.environ.get(name))
        return cell_record([], [], [], random, variables, process, bool(effects), has_to_run, False).hex()

    def _raised(self, executed: Executed) -> str | None:
        """What the cell raised, for a program that has asked for the notebook's values; if it pickles."""
        import pickle

        from hozon._pickling import dumps

        if self.notebook.exchange is None or executed.end != "failed" or executed.error is None:
            return None
        try:
            return pickle.dumps(dumps(executed.error, namespace=self.namespace)).hex()
        except Exception:
            return None

    def _unkept(self, why: str, is_stopped: bool) -> dict[str, Any]:
        """The record of a cell all of whose names can only be had by running it."""
        given, deleted = self._given()
        for name in self.notebook.values(self.present):
            given.setdefault(name, self.namespace[name])
        names: list[tuple[Any, ...]] = [
            (name, None, "live", why, [], type(value).__name__) for name, value in sorted(given.items())
        ]
        record = cell_record(names, deleted, [], [], [], [], False, False, is_stopped)
        return {"record": record.hex(), "unstored": why}

    def _kept(self, run: Run, *, is_stopped: bool) -> dict[str, Any]:
        """Makes the record, and stores all that the cell gave, where that can be had again."""
        given, deleted = self._given()
        changed = self._changed_in_place(given)
        changed |= self._changed_by_writing(given)
        self.local_modules = local_modules(self.notebook.options.project)
        outside = self._outside()
        sharing = Sharing(self.notebook.values(self.present), given, changed, outside)
        self.in_modules |= {label: outside[label] for label in sharing.changed_outside}
        for name in sharing.drawn_in:
            given[name] = self.namespace[name]
        records = [self._name(name, value, sharing) for name, value in sorted(given.items())]
        groups, outputs = self._groups(sharing, records)
        classes = [name for name, value in given.items() if isinstance(value, type)]
        # Whoever changes what a class holds changes it for all.
        groups += [(*group[:1], [], False, *group[1:]) for group in sharing.of_classes(classes)]
        self.figures.end(has_changed_values=bool(changed))
        trace = self._trace(run, is_changing=bool(changed))
        self.first_that_sets = self._find_first_that_sets(given)
        effects, random, process = self._effects(run, trace)
        record = cell_record(
            records,
            deleted,
            groups,
            random,
            run._variables,
            process,
            bool(effects),
            self._has_to_run(),
            is_stopped,
        )
        answer: dict[str, Any] = {"record": record.hex(), "unstored": self.unstored}
        if self.unstored is None and self.cell["key"] is not None and trace is not None:
            outputs += [*effects, *self._more_outputs(given)]
            answer.update(self._stored(run, trace, outputs, record))
        return answer

    def _more_outputs(self, given: dict[str, Any]) -> list[Output]:
        """What its host keeps beside what names were given."""
        return []

    def _given(self) -> tuple[dict[str, Any], list[str]]:
        """The names that have another object than before, and those that are gone."""
        own = self.notebook.is_own
        given = {
            name: value
            for name, value in self.namespace.items()
            if own(name) and self.found.get(name, _MISSING) is not value
        }
        return given, sorted(name for name in self.found if own(name) and name not in self.namespace)

    def _changed_in_place(self, given: dict[str, Any]) -> set[str]:
        """The names whose objects hold something else now. What else has changed cannot be told later."""
        changed = set()
        held = dict(self.keyed.inputs())
        for label in self.keyed.changed_inputs():
            if label not in self.present:
                self.in_modules[label] = held.get(label)
            elif label in self.namespace and label not in given:
                changed.add(label)
        there = [name for name in self.opaque if name in self.namespace and name not in given]
        changed |= {name for name in there if self._may_have_changed(name)}
        changed |= {
            name
            for name, before in self.kept.items()
            if name in self.namespace and name not in given and before != kept_by(self.namespace[name])
        }
        now = attributes_of_code(self.namespace)
        changed |= {
            name for name, held in now.items() if name not in given and differ(self.code.get(name), held)
        }
        changed_code = self.keyed.changed_code(None)
        for name, definition in changed_code:
            # What a local module's is now, no name of the notebook tells later cells.
            if not is_own_code(definition):
                self.in_modules[f"{definition.__module__}.{name}"] = definition
        code = {name for name, _ in changed_code}
        code |= {name for name in changed if is_code(self.namespace[name])}
        if code:
            self.unstored = f"it changes `{min(code)}`, a function or class, in place"
        for name in changed:
            given[name] = self.namespace[name]
        return changed

    def _changed_by_writing(self, given: dict[str, Any]) -> set[str]:
        """The names whose objects hold what was written to streams, which earlier cells have led there."""
        if not self.led_away:
            return set()
        self.unstored = self.unstored or "an earlier cell has led `sys.stdout` or `sys.stderr` elsewhere"
        there = {name: value for name, value in self.namespace.items() if self.notebook.is_own(name)}
        changed = names_behind(self.led_away, there) - given.keys()
        given |= {name: there[name] for name in changed}
        return changed

    def _may_have_changed(self, name: str) -> bool:
        """Whether a value without a digest may hold something else than before the run."""
        before = self.opaque[name]
        return before is None or before != pickled(self.namespace[name], self.namespace)

    def _outside(self) -> dict[str, Any]:
        """What variables of local modules, and the notebook's own classes, hold that can change."""
        holders = {module["__name__"]: module for module in self.local_modules}
        own = {name: value for name, value in self.namespace.items() if is_own_code(value)}
        # Members of enumerations are known by their names.
        classes = {name: cls for name, cls in own.items() if type(cls) is not EnumMeta}
        holders |= {name: dict(vars(cls)) for name, cls in classes.items()}
        return {
            f"{holder}.{name}": value
            for holder, held in holders.items()
            for name, value in held.items()
            if not (name.startswith("__") or callable(value) or isinstance(value, types.ModuleType))
        }

    def _name(self, name: str, value: Any, sharing: Sharing) -> tuple[Any, ...]:
        """What is known of a name that the cell gave a value: the kind is completed with the groups."""
        if isinstance(value, types.ModuleType):
            if sys.modules.get(value.__name__) is value:
                by_name = value_digest(("a module of a notebook", value.__name__))
                return (name, by_name, "module", value.__name__, [], f"module {value.__name__}")
            return (name, None, "live", "it is a module that cannot be imported", [], "module")
        in_clear = self.notebook.options.explain_values
        looked: tuple[bytes | None, list[str], str, str | None]
        try:
            looked = self.reach.value(value, in_clear)
        except Exception as error:
            looked = (None, [], type(value).__name__, said(error))
        digest, deferred, shown, why = looked
        # What is done to a function or class is done to whatever leads to it.
        code = sharing.code_behind(name, self.namespace)
        local = {"__main__", *(module["__name__"] for module in self.local_modules)}
        deferred = sorted({*deferred, *(one for one in code if self.namespace[one].__module__ in local)})
        if sharing.leads_outside(name):
            why = "it shares objects with a variable of a module"
            return (name, None, "live", why, deferred, shown)
        if self._has_own_state(name, value):
            digest = None
        is_definition = digest is not None and name in self.cell["definitions"] and name in self._plain()
        is_definition = is_definition and not sharing.shares(name)
        return (name, digest, "definition" if is_definition else "value", why or "", deferred, shown)

    def _has_own_state(self, name: str, value: Any) -> bool:
        """Whether a function or class holds what neither its digest tells nor its statement makes."""
        if registered(value) or kept_results(value):
            return True
        if isinstance(value, EnumMeta):
            return name not in self.cell["definitions"]
        if not isinstance(value, types.FunctionType) or vars(value).keys() <= {"__wrapped__"}:
            return False
        if name not in self.cell["definitions"]:
            return True
        tree = ast.parse(self.cell["source"])
        own = [part for part in tree.body if getattr(part, "name", None) == name]
        is_used = any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(tree))
        # Decorators may have set them, and do so again.
        return is_used or not all(getattr(part, "decorator_list", ()) for part in own)

    def _plain(self) -> set[str]:
        """The functions and classes whose statements do nothing else: no function of the notebook decorates
        them, which may register them somewhere."""
        if self._plain_names is None:
            kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
            parts = [part for part in ast.parse(self.cell["source"]).body if isinstance(part, kinds)]
            self._plain_names = {part.name for part in parts if not self._is_decorated_here(part)}
        return self._plain_names

    def _is_decorated_here(self, definition: Any) -> bool:
        reads = [
            part.id
            for decorator in definition.decorator_list
            for part in ast.walk(decorator)
            if isinstance(part, ast.Name)
        ]
        found = [self.namespace.get(name) for name in reads]
        return any(getattr(value, "__module__", None) == "__main__" for value in found)

    def _groups(
        self, sharing: Sharing, records: list[tuple[Any, ...]]
    ) -> tuple[list[tuple[Any, ...]], list[Output]]:
        """The groups of values that are stored together, as records and as outputs. Completes the kinds."""
        values = [record[0] for record in records if record[2] == "value"]
        places = {record[0]: place for place, record in enumerate(records)}
        groups: list[tuple[Any, ...]] = []
        outputs: list[Output] = []
        for group in sharing.groups(values):
            packed, needs, why = self._packed(len(groups), group, sharing)
            uses_inputs = bool(group.shares) and packed is not None
            groups.append((group.names, needs, uses_inputs, group.shares, group.pattern))
            for name in group.names:
                record = records[places[name]]
                kind = ("live", why) if packed is None else ("value", str(len(groups) - 1))
                records[places[name]] = (*record[:2], *kind, *record[4:])
            if packed is not None:
                outputs.append(packed)
        return groups, outputs

    def _packed(self, number: int, group: Group, sharing: Sharing) -> tuple[Output | None, list[str], str]:
        """A group as an output, and the functions and classes that it needs; or why there is none."""
        from hozon._pickling import dumps, with_access

        values = {name: self.namespace[name] for name in group.names}
        named: set[str] = set()
        before = self.before if group.shares else None
        number_of = (lambda value: None) if before is None else before._numbering.number_of
        try:
            if before is not None and before.why_not is not None:
                raise NotStored(before.why_not)
            payload, buffers = dumps(
                (None if before is None else before.pattern(), values),
                namespace=self.namespace,
                persistent_id=None if before is None else number_of,
                named=named,
                reduce_first=sharing.reduce_views(group, number_of) if group.pattern is not None else None,
            )
        except Exception as error:
            return None, [], said(error)
        referred = {name.partition(".")[0] for name in named}
        if not referred.isdisjoint(group.names):
            return None, [], "it is a function or class that only its cell makes"
        needs = sorted(referred)
        return (f"group {number}", "pickle", payload, with_access(buffers)), needs, ""

    def _set_in_modules(self) -> list[tuple[str, bytes]]:
        """What it has set of local modules, with digests: later cells may notice any of it."""
        for module, before in self.modules:
            for name, value in module.items():
                if before.get(name, _MISSING) is not value and not is_no_change(module, name, value):
                    self.in_modules[f"{module.get('__name__')}.{name}"] = value
        found = []
        for label, value in sorted(self.in_modules.items()):
            digest, *_ = self.reach.value(value, False)
            # What has no digest is another thing each time.
            found.append((label, digest or os.urandom(32)))
        return found

    def _has_to_run(self) -> bool:
        """Whether it has set something that only running it sets again."""
        return bool(self.in_modules) or self.first_that_sets is not None or self.figures.have_changed

    def _find_first_that_sets(self, changed: Collection[str]) -> str | None:
        shows_value = any(output["output_type"] == "execute_result" for output in self.displays)
        noticed = _settings.Noticed(
            shows_value=shows_value,
            same_in_sys=self.same_in_sys,
            changed=changed,
            unchanged_libraries=[
                name for name, before in self.libraries.items() if before.is_like(LibraryState(name))
            ],
        )
        found = _settings.first_that_sets(self.cell["source"], self.namespace, noticed)
        is_led_elsewhere = not {"stdout", "stderr"} <= self.same_in_sys
        return found or ("sys.stdout" if is_led_elsewhere else None)

    def _figures_left(self, trace: Trace | None) -> list[tuple[str, bytes]]:
        """What later cells find of open figures: what this one and those before it have made of them."""
        if not self.figures.have_changed:
            return []
        if not self.figures.are_open:
            return [(FIGURES, unseeded_state())]
        code, known = _settings.without_unused_imports(self.cell["source"]), self.cell["recipe"]
        recipe = None if known is None else bytes.fromhex(known)
        return [(FIGURES, set_by_running(FIGURES, code, recipe, trace)[1])]

    def _set_by_running(self, trace: Trace | None) -> list[tuple[str, bytes]]:
        """What only running sets, for the keys of later cells."""
        if self.first_that_sets is None:
            return []
        code, known = _settings.without_unused_imports(self.cell["source"]), self.cell["recipe"]
        recipe = None if known is None else bytes.fromhex(known)
        return [set_by_running(self.first_that_sets, code, recipe, trace)]

    def _trace(self, run: Run, *, is_changing: bool) -> Trace | None:
        known = self.cell["sharing"]
        sharing = bytes.fromhex(known) if is_changing and known is not None else None
        if is_changing and known is None:
            self.unstored = self.unstored or "it changes what shares objects with a value that has no digest"
        moved = self.folder if self.folder != self.notebook.folder else None

        def make(watch: Any, project: str, states: list[tuple[str, bytes]], _: Any, likely: list[str]) -> Any:
            known = self.notebook.random
            seen = [(name, digest if name in known else unseeded_state()) for name, digest in states]
            if self.figures.count:
                before = self.cell.get("figures")
                seen.append((FIGURES, unseeded_state() if before is None else bytes.fromhex(before)))
            # What cells have set is in the keys of later ones: beside it counts how the process started.
            process = _process_state.first_digests()
            return self.reach.trace(watch, project, (seen, process, likely), sharing, moved)

        try:
            return run.trace(make)
        except NotStored as refusal:
            self.unstored = self.unstored or str(refusal)
        except Exception as error:
            self.unstored = self.unstored or f"what it looked at cannot be told ({said(error)})"
        return None

    def _effects(
        self, run: Run, trace: Trace | None
    ) -> tuple[list[Output], list[tuple[str, bytes]], list[tuple[str, bytes]]]:
        """What the cell did to its process: as outputs, and for the record generators and settings."""
        from hozon._pickling import packed

        set_now = _process_state.changed(self.process, _process_state.snapshot())
        random: list[tuple[str, bytes]] = []
        process: list[tuple[str, bytes]] = []
        effects: list[Output] = []
        try:
            if run._states.after is not None:
                random = self.notebook.note_random(run._states.after)
            random += self._figures_left(trace)
            process = [(name, value_digest(state)) for name, state in set_now.items()]
            process += self._set_in_modules()
            process += self._set_by_running(trace)
            effects = run.effects()
            if set_now:
                effects.append(packed(PROCESS, "effect", set_now))
        except Exception as error:
            self.unstored = self.unstored or f"what it did to its process cannot be kept ({said(error)})"
        return effects, random, process

    def _stored(self, run: Run, trace: Trace, outputs: list[Output], record: bytes) -> dict[str, Any]:
        shown = json.dumps(self.displays).encode()
        own: list[Output] = [("record", "record", record, []), ("displays", "displays", shown, [])]
        name, place = self.cell["name"], self.cell["place"]
        try:
            store = open_store(self.notebook.options.folder)
            if store.is_read_only():
                return {"unstored": "the store can only be read"}
            recipe = bytes.fromhex(self.cell["recipe"])
            key = bytes.fromhex(self.cell["key"])
            entry = store.put(
                key,
                recipe,
                trace,
                name,
                "cell",
                place,
                run.seconds,
                [*own, *outputs],
                run.notes,
                self.notebook.options.max_size,
            )
            if not self.cell["is_ahead"]:
                store.record_run(entry, name, run.seconds, "")
        except Exception as error:
            return {"unstored": f"it could not be stored: {said(error)}"}
        run.warn()
        return {"entry": entry.hex()}


@contextlib.contextmanager
def _warnings_noted(notes: list[str]) -> Iterator[list[warnings.WarningMessage]]:
    """What hozon warns of is for the person who runs the notebook, and not of what its cells show. Gives the
    list in which all warnings are noted."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", HozonWarning)
        yield caught
    notes.extend(str(warning.message) for warning in caught if issubclass(warning.category, HozonWarning))


__all__ = ["PROCESS", "STATES", "VARIABLES", "Course", "Notebook"]
