"""Runs cells in a shell of IPython, in a process of its own, and tells what each shows.

    python prompt.py CELLS.json RESULT.json

`CELLS.json` is a list of texts. Names that begin with `SHELL:` are not run as cells: they are Python that is run
in the process between cells, with `shell`.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

shown: list[Any] = []
# Beside the streams: what cells print there is the cells'.
ran: list[str] = []


class Publisher(DisplayPublisher):  # type: ignore[misc]
    """Notes displays."""

    def publish(
        self, data: Any, metadata: Any = None, *_: Any, transient: Any = None, update: bool = False, **__: Any
    ) -> None:
        shown.append(
            ["update" if update else "display", data, (transient or {}).get("display_id") is not None]
        )

    def clear_output(self, wait: bool = False) -> None:
        shown.append(["clear", wait])


class Hook(DisplayHook):  # type: ignore[misc]
    """Notes shown values."""

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        shown.append(["value", dict(format_dict)])

    def finish_displayhook(self) -> None:
        pass


class Stream:
    """Notes text."""

    encoding = "utf-8"

    def __init__(self, name: str) -> None:
        self.name = name

    def write(self, text: str) -> int:
        if shown and shown[-1][0] == self.name:
            shown[-1][1] += text
        elif text:
            shown.append([self.name, text])
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


def run_cells(cells: list[str]) -> dict[str, Any]:
    """What cells show, one after the other, and what came of those that hozon has watched."""
    config = Config()
    config.HistoryManager.hist_file = ":memory:"
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config, display_pub_class=Publisher, displayhook_class=Hook)
    shell.display_formatter.active_types = shell.display_formatter.format_types
    told = []
    real = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Stream("stdout"), Stream("stderr")  # type: ignore[assignment]
    for cell in cells:
        shown.clear()
        if cell.startswith("SHELL:"):
            exec(cell.removeprefix("SHELL:"), {"shell": shell})
            continue
        result = shell.run_cell(cell, store_history=True)
        error = result.error_in_exec or result.error_before_exec
        outputs = [one for one in shown if error is None or one[0] != "stderr"]
        # An update stands nowhere among the outputs.
        outputs.sort(key=lambda one: one[0] == "update")
        told.append(
            {
                "shown": [list(one) for one in outputs],
                "error": None if error is None else f"{type(error).__name__}: {error}",
                "count": shell.execution_count,
                "out": repr(shell.user_ns["Out"].get(shell.execution_count - 1)),
            }
        )
    sys.stdout, sys.stderr = real
    from hozon.hosts import _jupyter

    sessions = [cells.session for cells in _jupyter._loaded.values() if cells.session]
    states = [one.state for session in sessions for one in session.told]
    whys = [one.why for session in sessions for one in session.told]
    return {"cells": told, "states": states, "whys": whys}


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        cells = json.load(file)
    result = run_cells(cells)
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        json.dump(result, file, default=str)
    os._exit(0)


if __name__ == "__main__":
    main()
