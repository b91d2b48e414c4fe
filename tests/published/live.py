"""Runs notebooks of Jupyter in IPython's kernel with `%hozon on`, and those of marimo in its own with hozon's
plug-in."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import own_tools

# What the kernel is told before the first cell, and after the last.
_ON = "%load_ext hozon\n%hozon on"
_TELL = """
import json as _json
from hozon.hosts._jupyter import _loaded
(_cells,) = _loaded.values()
_told = [] if _cells.session is None else _cells.session.told
with open({path!r}, "w") as _file:
    _json.dump(
        [
            [one.number, one.name, one.state, one.seconds,
             [one.why] if one.why else _cells.session.cells.why(_cells.session.store, one.number)]
            for one in _told
        ],
        _file,
    )
"""


def jupyter(path: Path) -> tuple[list[dict[str, Any]], list[own_tools.Shown], float]:
    """What came of each cell, as `hozon run --json` tells it, what they show, and the seconds that it took."""
    import nbformat
    from nbclient import NotebookClient

    class Client(NotebookClient):
        """Switches hozon on first, and asks it at the end."""

        async def async_execute_cell(self, cell: Any, cell_index: int, *more: Any, **named: Any) -> Any:
            if cell_index == 0:
                await self._tell_kernel(_ON)
            return await super().async_execute_cell(cell, cell_index, *more, **named)

        async def _tell_kernel(self, code: str) -> None:
            sent = self.kc.execute(code, store_history=False)
            while (await self.kc.get_shell_msg())["parent_header"].get("msg_id") != sent:
                pass
            # Nothing of it is the next cell's.
            while True:
                message = await self.kc.get_iopub_msg()
                is_idle = message["msg_type"] == "status" and message["content"]["execution_state"] == "idle"
                if is_idle and message["parent_header"].get("msg_id") == sent:
                    return

    os.environ.update(own_tools.environment())
    notebook = nbformat.read(path, as_version=4)
    # The first cell may be a text, which is not executed.
    notebook.cells.insert(0, nbformat.v4.new_code_cell("None", id="first"))
    result = path.parent / "told.json"
    notebook.cells.append(nbformat.v4.new_code_cell(_TELL.format(path=str(result)), id="last"))
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    client = Client(
        notebook,
        timeout=own_tools.LIMIT,
        startup_timeout=own_tools.LIMIT,
        allow_errors=True,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    begin = time.monotonic()
    client.execute()
    seconds = time.monotonic() - begin
    del notebook.cells[0], notebook.cells[-1]
    told = _told(json.loads(result.read_text()))
    return told[1:], own_tools.of_notebook(notebook, path.parent), seconds


def marimo(path: Path) -> tuple[list[dict[str, Any]], list[own_tools.Shown], float]:
    """As `jupyter`."""
    result = path.parent / "told.json"
    result.unlink(missing_ok=True)
    session = path.parent / "__marimo__"
    begin = time.monotonic()
    shown = own_tools.marimo_by(
        [sys.executable, Path(__file__).with_name("telling_marimo.py")], path, {"HOZON_CELLS": "1"}
    )
    seconds = time.monotonic() - begin
    shutil.rmtree(session)
    # It may be that no cell can run.
    return _told(json.loads(result.read_text()) if result.exists() else []), shown, seconds


def _told(found: list[list[Any]]) -> list[dict[str, Any]]:
    return [
        {"number": number, "name": name, "state": _WORDS[state], "seconds": took, "why": why}
        for number, name, state, took, why in found
    ]


# As `hozon run --json` calls it.
_WORDS = {"restored": "restored", "stored": "ran", "ran": "ran, not stored"}
