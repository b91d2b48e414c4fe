"""Figures of matplotlib that cells draw. Nothing here loads matplotlib."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hozon._displaying import Displays

_BACKEND = "module://hozon.hosts._matplotlib"


def set_backend() -> None:
    """Has matplotlib, once it is loaded, draw for cells, unless the person has set how it draws."""
    os.environ.setdefault("MPLBACKEND", _BACKEND)


def end(displays: Displays) -> None:
    """A cell has ended: shows and closes its figures as its host does.

    Jupyter shows what is open, marimo only closes it, a script goes on with it. (Figures of IPython's own
    backend, which `%matplotlib inline` sets, are shown by its shell.)
    """
    backend = sys.modules.get("hozon.hosts._matplotlib")
    if backend is not None:
        if displays.host == "jupyter":
            _tried(displays, backend.flush)
        elif displays.host == "marimo":
            _tried(displays, backend.close)


def _tried(displays: Displays, step: Any) -> None:
    try:
        step()
    except Exception as error:
        displays.show_error(error)
