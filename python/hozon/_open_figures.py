"""Figures that pyplot keeps open from one cell to the next (`plt.plot(…)` here, `plt.savefig(…)` there):
state that no name leads to. Nothing here loads matplotlib."""

from __future__ import annotations

import contextlib
import sys
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# What it is called where random generators are: like theirs, its state is an input of who asks for it.
NAME = "the open figures of matplotlib"


class _Figures(OrderedDict[Any, Any]):
    """The open figures, as pyplot has them by number. Notes that code of a cell has asked for them."""

    is_listening = False
    was_asked = False

    def __getattribute__(self, name: str) -> Any:
        # `get`, `pop`, `values`, `items`, `keys`, `clear`, `move_to_end`
        _Figures.was_asked |= _Figures.is_listening
        return super().__getattribute__(name)

    def __len__(self) -> int:
        _Figures.was_asked |= _Figures.is_listening
        return super().__len__()

    def __contains__(self, number: object) -> bool:
        _Figures.was_asked |= _Figures.is_listening
        return super().__contains__(number)

    def __getitem__(self, number: Any) -> Any:
        _Figures.was_asked |= _Figures.is_listening
        return super().__getitem__(number)

    def __setitem__(self, number: Any, manager: Any) -> None:
        _Figures.was_asked |= _Figures.is_listening
        super().__setitem__(number, manager)

    def __iter__(self) -> Iterator[Any]:
        _Figures.was_asked |= _Figures.is_listening
        return super().__iter__()


@contextlib.contextmanager
def listening() -> Iterator[None]:
    """Code of a cell runs, and not its host's around it."""
    _Figures.is_listening = True
    try:
        yield
    finally:
        _Figures.is_listening = False


class OpenFigures:
    """What a cell does to the open figures; made before it runs."""

    def __init__(self) -> None:
        self._pyplot_was_there = _keeper() is not None
        self._before = _open_now()
        _Figures.was_asked = False

    def end(self, *, has_changed_values: bool) -> None:
        """The cell has run.

        Args:
            has_changed_values: It has changed values in place: those may be open figures.
        """
        now = _open_now()
        # What was imported meanwhile could not be listened to.
        asked = _Figures.was_asked or (not self._pyplot_was_there and _keeper() is not None)
        is_same = len(now) == len(self._before) and all(
            one is other for one, other in zip(now, self._before, strict=True)
        )
        self.are_open = bool(now)
        self.have_changed = not is_same or (bool(now) and (asked or has_changed_values))
        self.count = asked or self.have_changed


def _keeper() -> Any:
    module = sys.modules.get("matplotlib._pylab_helpers")
    return getattr(module, "Gcf", None)


def _open_now() -> list[Any]:
    """The open figures, the active one last."""
    keeper = _keeper()
    if keeper is None:
        return []
    if type(keeper.figs) is not _Figures:
        keeper.figs = _Figures(keeper.figs)
    return [manager.canvas.figure for manager in OrderedDict.values(keeper.figs)]


__all__ = ["NAME", "OpenFigures", "listening"]
