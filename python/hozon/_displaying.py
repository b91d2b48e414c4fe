"""What the code of a cell shows, as outputs of nbformat 4."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Output = dict[str, Any]


class Displays:
    """Collects what code shows from `__enter__` to `__exit__`, as outputs of nbformat 4.

    Attributes:
        outputs: What was shown, in order; complete after `__exit__`.
        left_out: Characters of text that were dropped, because there were more than are kept.
        host: "jupyter" (also percent scripts), "marimo" or "script": whose manners count.
    """

    def __init__(self, host: str = "script", on_shown: Callable[[Output], None] | None = None) -> None:
        """Args: on_shown: called with each output, or piece of text, as it comes; from any thread."""
        self.outputs: list[Output] = []
        self.left_out = 0
        self.host = host

    def __enter__(self) -> Displays:
        return self

    def __exit__(self, *error: object) -> None: ...

    def write(self, stream: str, text: str) -> None:
        """Adds text of "stdout" or "stderr"."""

    def show(self, value: Any, *, display_id: str | None = None, update: bool = False) -> None:
        """As `display(value)`."""

    def show_bundle(self, data: dict[str, Any], metadata: dict[str, Any], **named: Any) -> None:
        """A display whose mime bundle is made already."""

    def show_result(self, value: Any) -> None:
        """The value of a cell's last expression; None shows nothing."""

    def show_error(self, error: BaseException) -> None:
        """An exception, without hozon's own frames."""

    def clear(self, wait: bool = False) -> None:
        """As `IPython.display.clear_output`."""


def current() -> Displays | None:
    """The innermost `Displays` that is active in this process."""


def mime_bundle(value: Any, host: str = "script") -> tuple[dict[str, Any], dict[str, Any]]:
    """A value's representations by mime type, and their metadata; all of it JSON. Raises nothing."""
    return {}, {}
