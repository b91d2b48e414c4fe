"""The process of a notebook's cells, seen from the one that asks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hozon._errors import HozonError


class KernelDied(HozonError):
    """The process of the cells has ended: how, and the last lines that it wrote to stderr."""


class KernelProcess:
    """A process that runs cells.

    Attributes:
        interrupted: Whether the last `ask` was interrupted.
    """

    interrupted = False

    def __init__(self, settings: dict[str, Any]) -> None:
        """Starts the process. Raises `KernelDied` from the first `ask` on if that failed."""

    def ask(
        self, request: dict[str, Any], on_shown: Callable[[dict[str, Any]], None] | None = None
    ) -> dict[str, Any]:
        """Sends a request and waits for its reply. Raises `KernelDied`.

        In the main thread, the first Ctrl-C interrupts the cell, the second kills the process.
        """
        raise NotImplementedError

    def interrupt(self) -> None:
        """Interrupts the cell that runs."""

    def kill(self) -> None:
        """Ends the process at once, with what its cells have started."""

    def close(self) -> None:
        """Lets the process end. May be called twice."""
