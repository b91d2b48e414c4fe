"""One computation under way: what it looks at, and what it does beside giving a result.

A `Run` stands around the computation. What it has seen decides whether the result may be stored, and
goes with it: the trace, as inputs; text, random states and changed inputs, as outputs. `apply` does the
outputs again on a hit.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hozon._errors import MismatchError
from hozon._runtime import warn_once

if TYPE_CHECKING:
    from hozon._config import Options
    from hozon._hozon import Hit, Keyed, Trace
    from hozon._results import Output

# Names of the outputs that are no results.
TEXT, STATES, CHANGES = "shown", "random states", "changed inputs"

# What a computation may do that nobody can verify: the word of `allow`, and how a warning says it.
_UNVERIFIABLE = {
    "network": ("network", "uses the network"),
    "subprocess": ("subprocess", "starts other programs"),
    "fork": ("subprocess", "forks"),
    "randomness": ("randomness", "draws random numbers that no seed repeats"),
    "native": ("native", "may read files through libraries whose reads cannot be seen here"),
    "registry": ("native", "reads the registry"),
    "clock": ("clock", "reads the clock"),
    "missed": ("native", "may have read files that were not seen"),
    "identity": ("identity", "uses identities of objects, which differ in every process"),
    "dynamic": ("dynamic", "runs code that cannot be followed"),
}


class Run:
    """Watches one computation. A fault of the watching itself means that the result is not stored."""

    def __init__(self, keyed: Keyed, options: Options, name: str, *, is_task: bool = False) -> None:
        from hozon._changes import Before
        from hozon._randomness import RandomStates

        self.keyed = keyed
        self.options = options
        self.name = name
        self.seconds = 0.0
        # What happened that a person should know of the entry: pairs of words.
        self.notes: list[tuple[str, str]] = []
        self.states = RandomStates()
        self.before = Before(keyed.inputs())
        self._fault: str | None = None
        self._recording: Any = None
        self._watching: Any = None
        if options.replay:
            from hozon._replaying import Recording

            self._recording = Recording(is_task=is_task)
        if options.track_files:
            from hozon._watching import Watching

            self._watching = Watching(options.watch == "native")
        self._parts = [part for part in (self.states, self._recording, self._watching) if part is not None]
        self._started = 0.0

    def __enter__(self) -> Run:
        for part in self._parts:
            self._do(part.start)
        self._started = time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds += time.perf_counter() - self._started
        for part in reversed(self._parts):
            self._do(part.stop)

    def pause(self) -> None:
        """A generator has given an item: what comes now is its consumer's."""
        self.seconds += time.perf_counter() - self._started
        for part in reversed(self._parts):
            self._do(part.pause)

    def resume(self) -> None:
        for part in self._parts:
            self._do(part.resume)
        self._started = time.perf_counter()

    def _do(self, step: Any) -> None:
        try:
            step()
        except Exception as error:
            self._fault = f"it could not be watched ({type(error).__name__}: {error})"

    def trace(self) -> Trace | None:
        """What the computation has looked at; None if its result must not be stored, which is warned of."""
        if self._fault is not None:
            return self._refuse("watching", self._fault)
        if self.states.interleaved:
            why = "its consumer draws from the same random generators, so a hit could not repeat it"
            return self._refuse("random states", why)
        from hozon._hozon import trace_of

        watch = None if self._watching is None else self._watching.watch
        trace, seen = trace_of(watch, self.options.project, self.states.inputs)
        if seen.changed:
            files = ", ".join(seen.changed)
            return self._refuse("changed file", f"{files} changed while it ran")
        for generator in self.states.unseeded:
            seen.unverifiable.setdefault("randomness", []).append(f"{generator} without a seed")
        self._report(seen)
        return trace

    def _refuse(self, kind: str, why: str) -> None:
        warn_once(kind, self.name, f"the result of {self.name} is not stored: {why}")

    def _report(self, seen: Any) -> None:
        if seen.written:
            self.notes.append(("writes", ", ".join(seen.written)))
        if seen.appended:
            files = ", ".join(seen.appended)
            self.notes.append(("appends to", files))
            self._warn("append", f"appends to {files}, which a hit does not do again")
        for kind, details in seen.unverifiable.items():
            word, what = _UNVERIFIABLE[kind]
            about = ", ".join(detail for detail in details if detail)
            self.notes.append((f"unverifiable: {kind}", about))
            self._warn(word, f"{what} ({about})" if about else what, "; that cannot be verified")

    def _warn(self, word: str, what: str, why: str = "") -> None:
        if word not in self.options.allow:
            message = f'{self.name} {what}{why}: a hit gives what it was then. allow=["{word}"] accepts that'
            warn_once(f"unverifiable {word}", self.name, message)

    def outputs(self) -> list[Output]:
        """What the computation did beside its result, but for the changes of its inputs.

        Raises what pickle raises, and RuntimeError for more text than is kept.
        """
        from hozon import _results

        outputs = []
        for name, effect in ((STATES, self.states.after), (TEXT, self._shown())):
            if effect is not None:
                outputs.append(_results.packed(name, "effect", effect, {}))
        return outputs

    def _shown(self) -> Any:
        return None if self._recording is None else self._recording.events()


def inherit(hit_or_trace: Hit | Trace | None) -> None:
    """Tells the computations around that they depend on what this one had looked at."""


def apply(outputs: dict[str, tuple[str, Any]], options: Options) -> None:
    """Does again what the computation of a hit did beside giving its result."""
    if STATES in outputs:
        from hozon import _randomness

        _randomness.restore(outputs[STATES][1])
    if TEXT in outputs and options.replay:
        from hozon import _replaying

        _replaying.replay(outputs[TEXT][1])


__all__ = ["CHANGES", "MismatchError", "Run", "apply", "inherit"]
