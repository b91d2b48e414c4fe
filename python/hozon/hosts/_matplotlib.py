"""How matplotlib draws in cells: a backend, named by MPLBACKEND, which matplotlib loads itself.

Figures are drawn by Agg. `plt.show()` displays and closes them; what is open at the end of a cell is
shown or closed by `flush` and `close`. Where nothing is collected, in a child process say, it is Agg.
"""

from __future__ import annotations

from typing import Any

from matplotlib import interactive, is_interactive
from matplotlib._pylab_helpers import Gcf
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

from hozon._displaying import IN_CONSOLE, Displays, current


class FigureManager(FigureManagerBase):
    """One figure of pyplot."""

    def __init__(self, canvas: Any, number: Any) -> None:
        global _is_drawn
        super().__init__(canvas, number)
        # After `plt.ioff()` a person shows figures themselves.
        _is_drawn = _is_drawn or is_interactive()

    def show(self) -> None:
        """As `figure.show()`: displays the figure, which stays open."""
        displays = current()
        if displays is not None:
            _display(displays, self.canvas.figure)

    @classmethod
    def pyplot_show(cls, *, block: bool | None = None) -> None:
        """As `plt.show()`."""
        show()


class FigureCanvas(FigureCanvasAgg):  # type: ignore[misc]
    """Agg's canvas, under a manager that displays."""

    manager_class: Any = FigureManager


def show(*, block: bool | None = None) -> None:
    """Displays all open figures, in the order they were made, and closes them."""
    global _is_drawn
    displays = current()
    if displays is None:
        return
    try:
        for manager in Gcf.get_all_fig_managers():
            _display(displays, manager.canvas.figure)
    finally:
        _is_drawn = False
        close()


def _display(displays: Displays, figure: Any) -> None:
    # marimo shows figures with the text, whatever the output is.
    displays.show(figure, metadata={"marimo": IN_CONSOLE} if displays.host == "marimo" else None)


def flush() -> None:
    """At the end of a cell: as `show`, if there are new figures."""
    if _is_drawn:
        show()


def close() -> None:
    """Closes all open figures."""
    Gcf.destroy_all()


def _begin() -> None:
    """In Jupyter, figures are drawn without being asked for."""
    displays = current()
    if displays is not None and displays.host == "jupyter":
        interactive(True)


# Whether a figure was made, since the last time that figures were shown, that is shown without `show`.
_is_drawn = False
_begin()
