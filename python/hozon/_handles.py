"""Values that were opened or begun before a computation, and that it reads on: what they give is no matter of
the statements that made them alone."""

from __future__ import annotations

import os
import sys
from typing import Any


def is_read_on(value: Any) -> bool:
    """Whether reading the value moves it on, so that another call gives something else: a file object, a
    generator or another iterator."""
    io = sys.modules["io"]
    return isinstance(value, io.IOBase) or hasattr(type(value), "__next__") or hasattr(type(value), "send")


def files_of(value: Any) -> list[str]:
    """The files behind a connection to an SQLite database; none for other values."""
    sqlite3 = sys.modules.get("sqlite3")
    if sqlite3 is None or not isinstance(value, sqlite3.Connection):
        return []
    try:
        found = [row[2] for row in value.execute("PRAGMA database_list")]
    except sqlite3.Error:
        return []
    named = [os.fspath(file) for file in found if file]
    return [*named, *(f"{file}-wal" for file in named)]
