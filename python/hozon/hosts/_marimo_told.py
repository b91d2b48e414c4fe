"""What came of each cell in `marimo edit`: told by the kernel, shown on marimo's page.

The kernel is a process of its own. It writes a file into the folder of the user's data, from which the
server, its parent, answers the page (`_marimo_server.py`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from typing import TYPE_CHECKING, Any

from hozon._config import data_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

# Files of servers that have ended stay behind for so many seconds.
_OLD = 24 * 3600


class Teller:
    """Tells what came of the cells of one notebook, by the names that marimo has for them."""

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)
        self._cells: dict[str, dict[str, Any]] = {}
        folder = _folder()
        os.makedirs(folder, mode=0o700, exist_ok=True)
        name = hashlib.sha256(self._path.encode()).hexdigest()[:16]
        self._file = os.path.join(folder, f"{os.getppid()}-{name}.json")
        _remove_old(folder)
        self._write()

    def tell(self, cell: str, told: dict[str, Any] | None) -> None:
        """Args: told: `state`, `seconds` and `why`; None: nothing is known of the cell any more."""
        if told is not None:
            self._cells[cell] = told
        elif self._cells.pop(cell, None) is None:
            return
        self._write()

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            beside = f"{self._file}.{os.getpid()}"
            with open(beside, "w", encoding="utf-8") as file:
                json.dump({"path": self._path, "cells": self._cells}, file)
            os.replace(beside, self._file)


def told_of(file: str | None) -> dict[str, Any]:
    """What the kernels of this process have told of a notebook's cells; empty if there is nothing.

    Args:
        file: The notebook, as the address of its page has it; None where the server has a single one.
    """
    found = [told for told in _told() if file is None or _is_file(told["path"], file)]
    exact = [told for told in found if file is not None and told["path"] == os.path.abspath(file)]
    found = exact or found
    return dict(found[0]["cells"]) if len(found) == 1 else {}


def _told() -> Iterator[dict[str, Any]]:
    folder = _folder()
    if not os.path.isdir(folder):
        return
    for name in os.listdir(folder):
        if name.startswith(f"{os.getpid()}-") and name.endswith(".json"):
            with open(os.path.join(folder, name), encoding="utf-8") as held:
                yield json.load(held)


def _is_file(path: str, file: str) -> bool:
    parts = file.replace("\\", "/").lstrip("/").split("/")
    return path.replace("\\", "/").split("/")[-len(parts) :] == parts


def _folder() -> str:
    return os.path.join(data_folder(), "marimo")


def _remove_old(folder: str) -> None:
    for name in os.listdir(folder):
        with contextlib.suppress(OSError):
            path = os.path.join(folder, name)
            if os.stat(path).st_mtime < time.time() - _OLD:
                os.unlink(path)
