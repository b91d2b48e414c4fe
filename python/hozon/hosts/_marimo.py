"""What code may expect of marimo where its kernel does not run: `mo.output` shows outputs of the cell."""

from __future__ import annotations

from typing import Any

from hozon._displaying import current


def show_outputs(module: Any) -> None:
    """Gives `marimo._runtime.output._output`, which has just been loaded, functions that show."""
    module.append = append
    module.replace = replace
    module.clear = clear


def append(value: object) -> None:
    """As `mo.output.append`: shows one more value."""
    displays = current()
    if displays is not None:
        displays.show(value)


def replace(value: object) -> None:
    """As `mo.output.replace`: shows a value instead of those that were shown before; text stays."""
    displays = current()
    if displays is not None:
        displays.take_back()
        if value is not None:
            displays.show(value)


def clear() -> None:
    """As `mo.output.clear`."""
    replace(None)
