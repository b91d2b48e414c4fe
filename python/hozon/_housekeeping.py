"""Numbers that a scheduler of workers draws for itself, while a computation runs in another thread.

Dask's workers draw from the generator of `random` all the time, in their main thread (`dask.sizeof`
takes samples). No result depends on that, but the generator's state would be an input of each
computation meanwhile, in each worker another one.
"""

from __future__ import annotations

import random
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any

# The two that every number of a `random.Random` comes from.
_SOURCES = ("random", "getrandbits")


class Watch:
    """Tells of such draws, from `start` to `stop`. `hear` is given what draws a number and tells it with
    the states before and after; it returns the number."""

    def __init__(self, hear: Callable[[Callable[[], tuple[Any, Any, Any]]], Any]) -> None:
        self._hear = hear
        self._originals: dict[str, Any] = {}

    def start(self) -> None:
        shared: Any = random._inst
        for name in _SOURCES:
            if name in vars(shared):
                continue
            original = getattr(shared, name)
            stand_in = _stand_in(name, original, self._hear)
            # Methods of the generator look at the instance first, whoever has imported them by name.
            setattr(shared, name, stand_in)
            if vars(random).get(name) == original:
                setattr(random, name, stand_in)
            self._originals[name] = original

    def stop(self) -> None:
        shared: Any = random._inst
        for name, original in self._originals.items():
            stand_in = vars(shared).pop(name, None)
            if vars(random).get(name) is stand_in:
                setattr(random, name, original)
        self._originals.clear()


def _stand_in(name: str, original: Any, hear: Callable[[Callable[[], tuple[Any, Any, Any]]], Any]) -> Any:
    # Keys see through it by this name and `__wrapped__`.
    def wrapper(*arguments: Any) -> Any:
        if not _is_by_a_scheduler(sys._getframe(1)):
            return original(*arguments)

        def draw() -> tuple[Any, Any, Any]:
            before = random.getstate()
            number = original(*arguments)
            return number, before, _after(name, arguments, before)

        return hear(draw)

    wrapper.__wrapped__ = original  # type: ignore[attr-defined]
    return wrapper


def _is_by_a_scheduler(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_globals.get("__name__") == "random":
        frame = frame.f_back
    module = "" if frame is None else str(frame.f_globals.get("__name__"))
    return module == "dask.sizeof" or module.startswith("distributed.")


def _after(name: str, arguments: tuple[Any, ...], before: Any) -> Any:
    """The state after this draw and no other: one of another thread in between does not hide behind it."""
    alike = random.Random()
    alike.setstate(before)
    getattr(alike, name)(*arguments)
    return alike.getstate()
