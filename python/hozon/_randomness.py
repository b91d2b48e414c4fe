"""The global random generators: an input of a computation that draws from them, and an output.

Watched are the generator of `random`, NumPy's legacy one, and PyTorch's (of the CPU, and of CUDA once it
is in use), as far as they are loaded. A computation that seeds a generator before it draws anything
does not depend on the state that it found.

The generators belong to the process: what another thread draws meanwhile counts for all computations
that are under way, which then have one input too many; what a scheduler of workers draws for itself does
not count (`_housekeeping.py`). Not seen: a computation that looks at a state
(`random.getstate()`) and draws nothing, and seeding by a function that was imported by its name
(`from random import seed`), which counts as drawing.
"""

from __future__ import annotations

import functools
import os
import sys
from _thread import RLock, get_ident
from importlib import import_module

from hozon._hozon import value_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    States = dict[str, tuple[Any, bool]]

# The computations that are under way.
_active: tuple[RandomStates, ...] = ()
# The functions that seed, by module and name, each with what stands for it; and where that stands now.
_seeders: dict[tuple[str, str], tuple[Any, Any]] = {}
_standing: set[tuple[str, str]] = set()
# Guards these. A child process gets one of its own: its parent's may be taken.
_lock = RLock()
# Hears of the draws of a scheduler of workers, while computations are under way.
_schedulers: Any = None


def _go_on_in_child() -> None:
    """Of the parent's threads, only the one that forked goes on."""
    global _lock, _active
    _lock = RLock()
    _active = tuple(one for one in _active if one._thread == get_ident())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_go_on_in_child)


class RandomStates:
    """What one computation does to the global generators, from `start` to `stop`."""

    def __init__(self) -> None:
        self._thread = get_ident()
        # Generators from which was drawn, each with the digest of the state that was found.
        self.inputs: list[tuple[str, bytes]] = []
        # The states to `restore` on a hit; None if the computation leaves them as they were.
        self.after: States | None = None
        # The caller of a generator changed, between items, a state that the computation uses too.
        self.interleaved = False
        # Generators whose numbers no seed decides: a hit would repeat what would not repeat itself.
        self.unseeded: list[str] = []
        self._before: dict[str, Any] = {}
        # The states at the start of the present stretch: the last `start` or `resume`.
        self._mark: dict[str, Any] = {}
        self._first_seen: set[str] = set()
        self._drawn: set[str] = set()
        # Seeded before anything was drawn, and how that was done last: True by a seed.
        self._seeded: dict[str, bool] = {}
        self._disturbed: set[str] = set()

    def start(self) -> None:
        self._thread = get_ident()
        with _lock:
            _enter(self)
            self._before = _states()
            self._mark = dict(self._before)

    def pause(self) -> None:
        """A generator has given an item: what its caller draws now is not the computation's."""
        with _lock:
            if self in _active:
                try:
                    self._mark = self._looked_at()
                finally:
                    _leave(self)

    def resume(self) -> None:
        if self in _active:
            return
        with _lock:
            self._look_again()

    def _look_again(self) -> None:
        now = _states()
        for name, state in now.items():
            if name not in self._before:
                self._first_sight(name, state)
            elif state != self._mark.get(name, state):
                self._disturbed.add(name)
        self._mark = now
        _enter(self)

    def stop(self) -> None:
        """Ends the record and fills in the results. Stopping again changes nothing."""
        self.pause()
        now = self._mark
        used = {*self._drawn, *self._seeded}
        self.interleaved = not used.isdisjoint(self._disturbed)
        known = self._drawn - self._first_seen
        self.inputs = [(name, _digest(self._before[name])) for name in _GENERATORS if name in known]
        self.unseeded.extend(sorted((self._drawn & self._first_seen).difference(self.unseeded)))
        self.after = {
            name: (now[name], name in self._seeded)
            for name in _GENERATORS
            if name in used and self._is_output(name, now[name])
        } or None

    def _is_output(self, name: str, state: Any) -> bool:
        """A state that was put back as it was found is none; a seed says the same whatever was found."""
        return bool(state != self._before[name] or name in self._first_seen or self._seeded.get(name))

    def _looked_at(self) -> dict[str, Any]:
        """The states now; those that have changed in this stretch were drawn from, if not seeded."""
        now = _states()
        for name, state in now.items():
            if name not in self._before:
                # Loaded, and maybe drawn from, before anyone looked.
                self._first_sight(name, state)
                if name not in self._seeded:
                    self._drawn.add(name)
            elif state != self._mark.get(name, state) and name not in self._seeded:
                self._drawn.add(name)
        return now

    def _first_sight(self, name: str, state: Any) -> None:
        """A library has been loaded meanwhile: it has seeded itself, with what no one knows."""
        self._first_seen.add(name)
        self._before[name] = self._mark[name] = state

    def _note_housekeeping(self, thread: int, before: Any, after: Any) -> None:
        """A scheduler in another thread has drawn. If nobody else has, the state is one found later."""
        name = "random"
        if thread == self._thread or name in self._seeded or self._mark.get(name) != before:
            return
        self._mark[name] = after
        if name not in self._drawn:
            self._before[name] = after

    def _note_seeding(self, name: str, *, is_seed: bool, is_unknown: bool) -> None:
        if name not in self._drawn and name not in self._seeded and _GENERATORS[name].is_loaded():
            state = _GENERATORS[name].state()
            if name not in self._before:
                self._first_sight(name, state)
            elif state != self._mark[name]:
                self._drawn.add(name)
        if name not in self._drawn:
            self._seeded[name] = is_seed
        if is_unknown and name not in self.unseeded:
            self.unseeded.append(name)


def state_digest(generator: str) -> bytes:
    """The digest of a generator's present state, 32 bytes; one of its own if it is not loaded."""
    if generator not in _GENERATORS or not _GENERATORS[generator].is_loaded():
        return value_digest(("not loaded", generator))
    return _digest(_GENERATORS[generator].state())


def loaded_generators() -> list[str]:
    """The generators whose libraries are loaded."""
    return list(_states())


def restore(after: States | None) -> None:
    """Gives the generators the states that a computation left them in. Loads their libraries.

    Raises what a library raises that does not take the state: another kind of generator stands there.
    """
    for name, (state, was_seeded) in (after or {}).items():
        generator = _GENERATORS[name]
        generator.load()
        for one in _active:
            if was_seeded:
                one._note_seeding(name, is_seed=True, is_unknown=False)
        generator.set(state)


def note_new_libraries() -> None:
    """Looks at the generators of libraries that an import has just loaded: call it after imports."""
    with _lock:
        for one in _active:
            for name, state in _states(leave_out=one._before).items():
                one._first_sight(name, state)
        if _active:
            _wrap_all()


# The functions that seed -------------------------------------------------------------------------


def _enter(states: RandomStates) -> None:
    global _active
    with _lock:
        _active = (*_active, states)
        _wrap_all()
        _hear_schedulers()


def _leave(states: RandomStates) -> None:
    global _active
    with _lock:
        _active = tuple(one for one in _active if one is not states)
        if not _active:
            for place in _standing:
                original, wrapper = _seeders[place]
                namespace = sys.modules[place[0]].__dict__ if place[0] in sys.modules else {}
                if namespace.get(place[1]) is wrapper:
                    namespace[place[1]] = original
            _standing.clear()
            if _schedulers is not None:
                _schedulers.stop()


def _hear_schedulers() -> None:
    global _schedulers
    if "distributed" in sys.modules:
        from hozon import _housekeeping

        if _schedulers is None:
            _schedulers = _housekeeping.Watch(_drawn_by_a_scheduler)
        _schedulers.start()


def _drawn_by_a_scheduler(draw: Callable[[], tuple[Any, Any, Any]]) -> Any:
    """Draws a number, and notes the states before and after: nobody looks at the states in between."""
    with _lock:
        number, before, after = draw()
        for one in _active:
            one._note_housekeeping(get_ident(), before, after)
    return number


def _wrap_all() -> None:
    for generator in _GENERATORS.values():
        for place in generator.seeders:
            module = sys.modules.get(place[0])
            if module is None or place in _standing:
                continue
            original = module.__dict__.get(place[1])
            if original is None:
                continue
            known = _seeders.get(place)
            if known is None or known[0] is not original:
                known = _seeders[place] = original, _seeder(generator.name, place[1], original)
            # In this order: a fork of another thread may come between them.
            _standing.add(place)
            module.__dict__[place[1]] = known[1]


def _seeder(generator: str, name: str, original: Any) -> Any:
    """What stands for a function that seeds a generator: the function, and a note before it."""
    is_seed = "state" not in name

    # Keys see through it by this name and `__wrapped__`.
    def wrapper(*args: Any, **named: Any) -> Any:
        given = [*args, *named.values()]
        is_unknown = is_seed and (not given or given[0] is None)
        for one in _active:
            one._note_seeding(generator, is_seed=is_seed, is_unknown=is_unknown)
        return original(*args, **named)

    return functools.wraps(original)(wrapper)


# The generators ----------------------------------------------------------------------------------


class _Generator:
    """A global generator: how its state is read and set, and which functions seed it.

    States are plain values that compare with `==`, pickle, and are equal just if the generators will
    give the same numbers.
    """

    def __init__(
        self,
        name: str,
        module: str,
        state: Callable[[], Any],
        set_state: Callable[[Any], None],
        seeders: tuple[tuple[str, str], ...],
    ) -> None:
        self.name = name
        self.module = module
        self.state = state
        self.set = set_state
        self.seeders = seeders

    def is_loaded(self) -> bool:
        module = sys.modules.get(self.module)
        # It may be in the middle of its own import.
        return module is not None and _IS_READY[self.name](module)

    def load(self) -> None:
        import_module(self.module)


def _random_state() -> Any:
    return sys.modules["random"]._inst.getstate()


def _set_random_state(state: Any) -> None:
    sys.modules["random"]._inst.setstate(state)


def _numpy_state() -> Any:
    state = sys.modules["numpy.random.mtrand"]._rand.get_state(legacy=False)
    if not state.get("has_gauss"):
        # What is left of a number that was given out already.
        state["gauss"] = 0.0
    return _plain(state)


def _set_numpy_state(state: Any) -> None:
    sys.modules["numpy.random.mtrand"]._rand.set_state(_numpys(state))


def _plain(value: Any) -> Any:
    """NumPy's description of a state with bytes for arrays, in one order of keys."""
    if type(value) is dict:
        return {name: _plain(value[name]) for name in sorted(value)}
    if hasattr(value, "tobytes"):
        if sys.byteorder != "little":
            value = value.astype(value.dtype.newbyteorder("<"))
        return ("array", value.dtype.str, value.shape, value.tobytes())
    return value


def _numpys(value: Any) -> Any:
    if type(value) is dict:
        return {name: _numpys(part) for name, part in value.items()}
    if type(value) is tuple:
        import numpy as np

        _, dtype, shape, content = value
        return np.frombuffer(content, dtype).astype(np.dtype(dtype).newbyteorder("=")).reshape(shape)
    return value


def _torch_state() -> Any:
    return bytes(sys.modules["torch"].get_rng_state().numpy())


def _set_torch_state(state: Any) -> None:
    torch: Any = sys.modules["torch"]
    torch.default_generator.set_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))


def _cuda_state() -> Any:
    return [bytes(state.numpy()) for state in sys.modules["torch"].cuda.get_rng_state_all()]


def _set_cuda_state(states: Any) -> None:
    torch: Any = sys.modules["torch"]
    for number, state in enumerate(states):
        torch.cuda.set_rng_state(torch.frombuffer(bytearray(state), dtype=torch.uint8), number)


_IS_READY: dict[str, Callable[[Any], bool]] = {
    "random": lambda module: hasattr(module, "_inst"),
    "numpy": lambda module: hasattr(module, "_rand"),
    "torch": lambda module: hasattr(module, "get_rng_state") and hasattr(module, "default_generator"),
    "torch.cuda": lambda module: bool(getattr(module, "is_initialized", lambda: False)()),
}

_TORCH_SEEDERS = (("torch", "manual_seed"), ("torch.random", "manual_seed"), ("torch", "seed"))
_CUDA_SEEDERS = tuple(
    (module, name)
    for module in ("torch.cuda", "torch.cuda.random")
    for name in ("manual_seed", "manual_seed_all", "seed", "seed_all", "set_rng_state", "set_rng_state_all")
)

_GENERATORS = {
    generator.name: generator
    for generator in (
        _Generator(
            "random", "random", _random_state, _set_random_state, (("random", "seed"), ("random", "setstate"))
        ),
        _Generator(
            "numpy",
            "numpy.random.mtrand",
            _numpy_state,
            _set_numpy_state,
            tuple(
                (f"numpy.random{part}", name) for part in ("", ".mtrand") for name in ("seed", "set_state")
            ),
        ),
        _Generator(
            "torch",
            "torch",
            _torch_state,
            _set_torch_state,
            (
                *_TORCH_SEEDERS,
                ("torch.random", "seed"),
                ("torch", "set_rng_state"),
                ("torch.random", "set_rng_state"),
            ),
        ),
        _Generator("torch.cuda", "torch.cuda", _cuda_state, _set_cuda_state, _CUDA_SEEDERS),
    )
}


def _states(leave_out: dict[str, Any] | None = None) -> dict[str, Any]:
    return dict(_present(leave_out or {}))


def _present(leave_out: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, generator in _GENERATORS.items():
        if name not in leave_out and generator.is_loaded():
            yield name, generator.state()


def _digest(state: Any) -> bytes:
    return value_digest(state)
