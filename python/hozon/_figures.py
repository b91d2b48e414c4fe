"""Figures of matplotlib that cells draw. Nothing here loads matplotlib."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hozon._displaying import Displays

_BACKEND = "module://hozon.hosts._matplotlib"

# What a kernel of Jupyter sets: its settings (`%config InlineBackend`) are known to published notebooks.
_INLINE = "matplotlib_inline"
_INLINE_BACKEND = "module://matplotlib_inline.backend_inline"


def set_backend(host: str) -> None:
    """Has matplotlib, once it is loaded, draw for cells, unless the person has set how it draws."""
    backend = _BACKEND
    if host == "jupyter":
        from importlib.util import find_spec

        if find_spec(_INLINE) is not None and find_spec("IPython") is not None:
            backend = _INLINE_BACKEND
    os.environ.setdefault("MPLBACKEND", backend)


def end(displays: Displays) -> None:
    """A cell has ended: shows and closes its figures as its host does.

    Jupyter shows what is open, marimo only closes it, a script goes on with it. (Figures of Jupyter's
    own backend are shown by the shell of IPython.)
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
