"""Runs the code of one cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hozon._displaying import Displays


@dataclass
class Executed:
    """How the code of a cell ended.

    Attributes:
        end: "done", "failed" (an exception, also one of the compiler), "stopped" (`mo.stop`, `sys.exit(0)`
            of a script), "interrupted".
        error: What was raised; None where it ended well.
    """

    end: str
    error: BaseException | None = None


def note_futures(source: str) -> None:
    """Carries a restored cell's `from __future__` over to the cells that are executed after it."""


def execute(
    source: str,
    *,
    namespace: dict[str, Any],
    filename: str,
    first_line: int,
    shows_last: bool,
    has_magics: bool,
    displays: Displays,
) -> Executed:
    """Runs a cell, inside of `displays`, which is active already. What it raises is shown, not raised.

    Args:
        source: The code, from column 0.
        first_line: The line of the file that the source begins at, from 1.
        shows_last: Whether the value of a last expression is shown.
        has_magics: Whether IPython has to run it.
    """
    raise NotImplementedError
