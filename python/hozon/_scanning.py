"""Entries of listed folders that tell when somebody asks for their status.

`os.scandir` raises an audit event, and `DirEntry.stat` none: what it tells would be no input.
"""

from __future__ import annotations

import os
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Called with an entry whose status has been asked for.
Told = Callable[["Entry"], None]


class Entry:
    """Stands for one `os.DirEntry`, and passes for one."""

    __slots__ = ("_entry", "_tell")

    def __init__(self, entry: os.DirEntry[Any], tell: Told) -> None:
        self._entry = entry
        self._tell = tell

    def __getattr__(self, name: str) -> Any:
        return getattr(self._entry, name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return os.DirEntry

    def __fspath__(self) -> Any:
        return self._entry.__fspath__()

    def __repr__(self) -> str:
        return repr(self._entry)

    def __reduce__(self) -> Any:
        return self._entry.__reduce__()

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """The status, as `os.DirEntry.stat` gives it."""
        try:
            return self._entry.stat(follow_symlinks=follow_symlinks)
        finally:
            self._tell(self)


class Entries:
    """Stands for the iterator of `os.scandir`."""

    def __init__(self, entries: Any, tell: Told) -> None:
        self._entries = entries
        self._tell = tell

    def __iter__(self) -> Entries:
        return self

    def __next__(self) -> Entry:
        return Entry(next(self._entries), self._tell)

    def __enter__(self) -> Entries:
        return self

    def __exit__(self, *_: object) -> None:
        self._entries.close()

    def close(self) -> None:
        """Ends it, as that of `os.scandir` does."""
        self._entries.close()
