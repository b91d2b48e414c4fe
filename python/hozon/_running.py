"""One computation under way: what it looks at, and what it does beside giving a result.

A `Run` stands around the computation. What it has seen decides whether the result may be stored, and
goes with it: the trace, as inputs; text, random states and environment variables, as effects, which are
outputs. `set_process_alike` and `apply` have the effects again on a hit.
"""

from __future__ import annotations

import os
import time

from hozon import _process_state, _unnamed_state
from hozon._errors import said
from hozon._hozon import inherit_trace, note_open, resume_watching, suspend_watching, trace_of
from hozon._pickling import packed, with_access
from hozon._runtime import warn_once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from hozon._changes import Before
    from hozon._config import Options
    from hozon._hozon import Deeds, Keyed, Trace
    from hozon._pickling import Output

# Names of the outputs that are no results.
TEXT, STATES, VARIABLES, CHANGES = "shown", "random states", "environment variables", "changed inputs"
PROCESS = "process"

# What a computation may do that nobody can verify: the word of `allow`, and how a warning says it.
_UNVERIFIABLE = {
    "network": ("network", "uses the network"),
    "subprocess": ("subprocess", "starts other programs"),
    "fork": ("subprocess", "forks"),
    "randomness": ("randomness", "draws random numbers that no seed repeats"),
    "native": ("native", "may read files through libraries whose reads cannot be seen here"),
    "registry": ("native", "reads the registry"),
    "missed": ("native", "may have read files that were not seen"),
    "clock": ("clock", "reads the clock"),
    "identity": ("identity", "uses numbers that differ in every process"),
    "dynamic": ("dynamic", "runs code that cannot be followed"),
}


# What names in the code bring in that differs at each run.
_CAUSES = {
    "the clock": "clock",
    "addresses of objects": "identity",
    "the number of the process": "identity",
}


class NotStored(Exception):
    """A hit could not stand for this run: a sentence that says why."""


class Run:
    """Watches one computation. A fault of the watching itself means that the result is not stored."""

    def __init__(
        self,
        keyed: Keyed,
        options: Options,
        name: str,
        before: Callable[..., Before],
        *,
        is_task: bool = False,
        is_cell: bool = False,
    ) -> None:
        from hozon._randomness import RandomStates

        self.keyed = keyed
        self.options = options
        self.name = name
        self.seconds = 0.0
        # Of the result, once it is packed; what lies out of band is none of it.
        self.pickling_seconds = 0.0
        # What a person should know of the entry: pairs of words.
        self.notes: list[tuple[str, str]] = []
        self._fault: str | None = None
        self._before: Any = None
        self._handles: list[tuple[str, Any]] = []
        self._do(self._number_inputs, before)
        self._variables: list[str] = []
        # What is set for the process at the start, and the digests of what can be read of it unnamed. Of
        # cells, their notebook knows.
        self._is_cell = is_cell
        self._set_before: dict[str, Any] = {}
        self._process: list[tuple[str, bytes]] = []
        # What to warn of, by the word that allows it.
        self._cautions: dict[str, str] = {}
        self._states = RandomStates()
        self._recording: Any = None
        self._watching: Any = None
        if options.replay:
            from hozon._replaying import Recording

            self._recording = Recording(is_task=is_task)
        if options.track_files:
            from hozon import _watching

            if not _watching.after_import:
                _watching.after_import.append(_note_new_libraries)
            self._watching = _watching.Watching(options.watch == "native")
        self._parts = [part for part in (self._states, self._recording, self._watching) if part is not None]
        self._started = 0.0

    def __enter__(self) -> Run:
        self._do(self._note_process)
        self._each("start", self._parts)
        if self._handles:
            self._do(self._note_handles)
        self._started = time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds += time.perf_counter() - self._started
        self._each("stop", self._parts[::-1])

    def _note_process(self) -> None:
        if not self._is_cell:
            self._process = unwatched(_unnamed_state.digests)
            self._set_before = unwatched(_process_state.left_behind)

    def _note_handles(self) -> None:
        """What is read through a handle that was opened before is read by nobody's open."""
        from hozon import _handles

        for label, value in self._handles:
            if _handles.is_read_on(value):
                why = "was opened or begun before, and gives something else each time: make it inside"
                self._fault = f"it reads `{label}`, which {why}"
            for file in _handles.files_of(value):
                note_open(file, os.O_RDONLY)

    def pause(self) -> None:
        """A generator has given an item: what comes now is its consumer's."""
        self.seconds += time.perf_counter() - self._started
        self._each("pause", self._parts[::-1])

    def resume(self) -> None:
        """The consumer asks for the next item."""
        self._each("resume", self._parts)
        self._started = time.perf_counter()

    def _each(self, step: str, parts: list[Any]) -> None:
        for part in parts:
            self._do(getattr(part, step))

    def _do(self, step: Callable[..., None], *arguments: Any) -> None:
        """Takes a step of the watching. What fails there is no matter of the computation."""
        try:
            step(*arguments)
        except Exception as error:
            self._fault = f"it could not be watched ({said(error)})"

    def _number_inputs(self, before: Callable[..., Before]) -> None:
        self._before = before()
        self._handles = self.keyed.handles()

    def trace(self, make: Callable[..., tuple[Trace, Deeds]] = trace_of) -> Trace:
        """What the computation has looked at. Raises `NotStored` if a hit could not stand for it."""
        watch = None if self._watching is None else self._watching.watch
        sees_calls = self._watching is not None and self._watching.sees_native
        likely = [] if sees_calls else self.keyed.likely_states()
        trace, deeds = make(watch, self.options.project, self._states.inputs, self._process, likely)
        why_not = self._fault
        if self._states.interleaved:
            why_not = "its consumer draws from the same random generators, so a hit could not repeat it"
        if deeds.changed:
            why_not = f"{', '.join(deeds.changed)} changed while it ran"
        if why_not is not None:
            raise NotStored(why_not)
        self._variables = deeds.variables
        self._note(deeds)
        return trace

    def _note(self, deeds: Deeds) -> None:
        """Notes what a person should know, and what there is to warn of."""
        if deeds.written:
            self.notes.append(("writes", ", ".join(deeds.written)))
        if deeds.appended:
            files = ", ".join(deeds.appended)
            self.notes.append(("appends to", files))
            self._cautions["append"] = f"appends to {files}, which a hit does not do again"
        unverifiable = {kind: sorted(details) for kind, details in deeds.unverifiable.items()}
        for generator in self._states.unseeded:
            unverifiable.setdefault("randomness", []).append(f"{generator} without a seed")
        for cause in self.keyed.likely_causes():
            what, _, name = cause.partition(" (")
            # How long something took is shown, and seldom kept.
            if what in _CAUSES and "perf_counter" not in name and "monotonic" not in name:
                unverifiable.setdefault(_CAUSES[what], []).append(name.rstrip(")"))
        for kind, details in unverifiable.items():
            word, what = _UNVERIFIABLE[kind]
            about = ", ".join(details)
            self.notes.append((f"unverifiable: {kind}", about))
            told = f"{what} ({about})" if about else what
            self._cautions[word] = f"{told}, which cannot be verified: a hit gives what it was then"

    def warn(self) -> None:
        """Warns of what cannot be verified, once for each function and sort."""
        for word, what in self._cautions.items():
            if word not in self.options.allow:
                warn_once(f"allow {word}", self.name, f'{self.name} {what}. allow=["{word}"] accepts that')

    def packed(self, name: str, codec: str, value: Any, namespace: dict[str, Any]) -> list[Output]:
        """The result as an output, with the changes of inputs, if there are any.

        Raises what pickle raises, and `Unsupported` for a change that a hit could not repeat.
        """
        keyed = self.keyed
        changed_code = [name for name, _ in keyed.changed_code(self._before.root)]
        changes = self._before.changed(keyed.changed_inputs(), changed_code)
        started = time.perf_counter()
        if changes is None:
            outputs = [packed(name, codec, value, namespace)]
        else:
            payload, buffers = self._before.dumps(changes, value, namespace=namespace)
            outputs = [(name, codec, payload, with_access(buffers)), (CHANGES, "effect", b"", [])]
        self.pickling_seconds = time.perf_counter() - started
        return outputs

    def effects(self) -> list[Output]:
        """What the computation did beside its result, as outputs.

        Raises what pickle raises, and `NotStored` for more text than is kept.
        """
        variables = {name: os.environ.get(name) for name in self._variables}
        shown = None
        if self._recording is not None:
            if self._recording.too_much:
                raise NotStored(self._recording.too_much)
            shown = self._recording.events()
        set_now: dict[str, Any] = {}
        if not self._is_cell:
            set_now = _process_state.changed(self._set_before, unwatched(_process_state.left_behind))
        found = (
            (STATES, self._states.after),
            (VARIABLES, variables or None),
            (PROCESS, set_now or None),
            (TEXT, shown),
        )
        return [packed(name, "effect", effect) for name, effect in found if effect is not None]


def _note_new_libraries() -> None:
    """A computation has imported something: its generators and loggers count from now on."""
    from hozon import _randomness, _replaying

    _randomness.note_new_libraries()
    _replaying.note_new_libraries()


def set_process(outputs: dict[str, tuple[str, Any]]) -> None:
    """Sets for the process what a computation has set. Raises what a library raises that does not take it."""
    set_variables(outputs)
    if PROCESS in outputs:
        unwatched(_process_state.restore, outputs[PROCESS][1])


def set_process_alike(outputs: dict[str, tuple[str, Any]]) -> None:
    """As `set_process`, of a function or block. Raises if it is not set as it was."""
    set_process(outputs)
    if PROCESS in outputs:
        now = unwatched(_process_state.left_behind)
        for name, state in outputs[PROCESS][1].items():
            if now[name] != state:
                raise ValueError(f"{name} cannot be set as it was")


def set_variables(outputs: dict[str, tuple[str, Any]]) -> None:
    """Sets the environment variables that a computation has set."""
    if VARIABLES in outputs:
        for name, value in outputs[VARIABLES][1].items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def apply(outputs: dict[str, tuple[str, Any]], trace: Trace | None, options: Options) -> None:
    """Has the other effects of a computation again, and tells those around what it had looked at."""
    if trace is not None:
        inherit_trace(trace)
    if STATES in outputs:
        from hozon import _randomness

        _randomness.restore(outputs[STATES][1])
    if TEXT in outputs and options.replay:
        from hozon import _replaying

        _replaying.replay(outputs[TEXT][1])


def unwatched(work: Callable[..., Any], *arguments: Any) -> Any:
    """Calls hozon's own work: what it reads is no input of a computation that is under way."""
    suspend_watching()
    try:
        return work(*arguments)
    finally:
        resume_watching()
