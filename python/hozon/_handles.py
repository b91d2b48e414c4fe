"""Values that were opened or begun before a computation, and that it reads on: what they give is no matter of
the statements that made them alone."""

from __future__ import annotations

import operator
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def is_read_on(value: Any) -> bool:
    """Whether reading the value moves it on, so that another call gives something else: a file object, a
    generator or another iterator, a mapped file."""
    io = sys.modules["io"]
    mmap = sys.modules.get("mmap")
    if mmap is not None and isinstance(value, mmap.mmap):
        return True
    return isinstance(value, io.IOBase) or hasattr(type(value), "__next__") or hasattr(type(value), "send")


def files_of(value: Any) -> list[str]:
    """The files behind what a library opened: an SQLite connection, an archive, an HDF5 file, an
    array file that is read on demand; none for other values."""
    return [*_files_of_sqlite(value), *_file_behind(value)]


def _files_of_sqlite(value: Any) -> list[str]:
    sqlite3 = sys.modules.get("sqlite3")
    if sqlite3 is None or not isinstance(value, sqlite3.Connection):
        return []
    try:
        found = [row[2] for row in value.execute("PRAGMA database_list")]
    except sqlite3.Error:
        return []
    named = [os.fspath(file) for file in found if file]
    return [*named, *(f"{file}-wal" for file in named)]


# Classes of libraries that read on from a file that they have open: the module and name of the class, and the
# attributes that lead to the file's name.
_OPENED = [
    ("zipfile", "ZipFile", "filename"),
    ("zipfile", "Path", "root.filename"),
    ("tarfile", "TarFile", "name"),
    ("numpy.lib.npyio", "NpzFile", "zip.filename"),
    ("h5py", "File", "filename"),
    ("h5py", "Group", "file.filename"),
    ("h5py", "Dataset", "file.filename"),
]


def _file_behind(value: Any) -> list[str]:
    for module, name, path in _OPENED:
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and isinstance(value, kind):
            try:
                file = operator.attrgetter(path)(value)
            except Exception:  # It is closed, say; reading it will tell.
                return []
            return [os.fspath(file)] if isinstance(file, (str, os.PathLike)) else []
    return []
