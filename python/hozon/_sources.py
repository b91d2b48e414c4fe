"""Finds the source text that running code was compiled from, and says when it cannot be trusted.

The analysis of source is Rust's; what only the interpreter knows (its line cache, its loaders, its
code objects) is read here.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, ModuleType

from hozon import _config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Source texts that came with a pickled function from another process, by file name, and whether its
# sender knew that all its code is from that text.
_shipped: dict[str, tuple[str, bool]] = {}

# What the file names of a notebook's cells begin with, where hozon runs them.
CELL_FILE = "<cell "

# Code objects that a file's present text compiles to, by file name and stamp.
_compiled: dict[tuple[str, int, int], frozenset[CodeType]] = {}


def process_start() -> float:
    """Seconds since the epoch by when this process had surely started, and had read no source yet.

    Linux tells the start in ticks of 10 ms; a Python needs longer than that to its first source.
    Elsewhere it is a time well before hozon was imported.
    """
    try:
        with open("/proc/self/stat", "rb") as stat:
            ticks = int(stat.read().rpartition(b")")[2].split()[19]) + 1
        boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        return boot + ticks / os.sysconf("SC_CLK_TCK")
    except (AttributeError, OSError, ValueError, IndexError):
        return _imported_at - 10.0


_imported_at = time.time()
_process_start = process_start()


def ship(sources: dict[str, tuple[str, bool]]) -> None:
    """Remembers texts that came with a pickled function: a worker may have no source of its own.

    Where two senders disagree about a file, neither is believed without looking at the code itself.
    """
    for file, (text, settled) in sources.items():
        known = _shipped.get(file)
        agreed = known is None or known == (text, True)
        _shipped[file] = text, settled and agreed


def text_of(filename: str, module_name: str) -> tuple[str, int, int] | None:
    """The text of a source file as the interpreter knows it, with a stamp (time of change, size).

    The time is that of the last change of the file or of its inode, so that a file put back with an
    old time is seen; 0 where the text cannot change under its name.

    None where there is no text: code made by exec, frozen or compiled only.
    """
    if filename in _shipped:
        text = _shipped[filename][0]
        return text, 0, len(text)
    try:
        status = os.stat(filename)
        text = _text_at(filename, status)
        if module_name == "__main__" and "marimo" in sys.modules:
            text = _as_marimo_runs_it(text)
        return text, max(status.st_mtime_ns, status.st_ctime_ns), status.st_size
    except (OSError, ValueError, SyntaxError, UnicodeDecodeError):
        known = _from_line_cache(filename) or _from_loader(filename, module_name)
    return None if known is None else (known, 0, len(known))


def _as_marimo_runs_it(text: str) -> str:
    """The cells of a notebook that marimo runs as a script: they are compiled as they are, and not the
    functions around them."""
    if "marimo.App(" not in text:
        return text
    if text not in _flat:
        from hozon._hozon import marimo_module

        _flat.clear()
        _flat[text] = marimo_module(text) or text
    return _flat[text]


# The text of the last notebook of marimo that was asked for, and its cells as one module.
_flat: dict[str, str] = {}


def _text_at(filename: str, status: os.stat_result) -> str:
    """The text of a file that has this status now. One that was changed in the last two seconds may change
    again without another stamp: it is read each time."""
    stamp = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    known = _texts.get(filename)
    if known is not None and known[0] == stamp and _config.SHORTCUTS != "never":
        return known[1]
    text = _read(filename)
    if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) > _SETTLED_AFTER_NS:
        if len(_texts) >= _MOST_TEXTS:
            _texts.clear()
        _texts[filename] = stamp, text
    return text


# Texts of files by their names, with the stamps that prove them.
_texts: dict[str, tuple[tuple[int, int, int, int], str]] = {}

_SETTLED_AFTER_NS = 2_000_000_000
_MOST_TEXTS = 256


def _read(filename: str) -> str:
    with open(filename, "rb") as file:
        content = file.read()
    try:
        head = content[:400].split(b"\n", 2)[:2]
        if not any(b"coding" in line for line in head):
            return content.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError:
        pass
    import tokenize

    with tokenize.open(filename) as decoded:
        return decoded.read()


def _from_line_cache(filename: str) -> str | None:
    """Cells of notebooks and REPLs have their text only in the line cache."""
    line_cache = sys.modules.get("linecache")
    entry = line_cache.cache.get(filename) if line_cache is not None else None
    if entry is None or len(entry) < 3:
        return None
    return "".join(entry[2])


def cells() -> list[str]:
    """The names of the texts that have no file, in the order they came: cells of a shell, above all."""
    line_cache = sys.modules.get("linecache")
    known = {} if line_cache is None else line_cache.cache
    return [name for name, entry in list(known.items()) if len(entry) == 4 and entry[1] is None]


def _from_loader(filename: str, module_name: str) -> str | None:
    """Modules in zip files have their text in their loader."""
    module = sys.modules.get(module_name)
    loader = getattr(module, "__loader__", None)
    get_source = getattr(loader, "get_source", None)
    if get_source is None or getattr(module, "__file__", None) != filename:
        return None
    try:
        text = get_source(module_name)
    except (ImportError, OSError, UnicodeDecodeError):
        return None
    return text if isinstance(text, str) else None


def is_settled(filename: str, changed_ns: int) -> bool:
    """Whether all code that was loaded from a file was loaded from its present text.

    A file that was last changed before the process started cannot have been read otherwise. Of a text
    that came from another process, that process knew it.
    """
    if filename in _shipped:
        return _shipped[filename][1]
    return changed_ns == 0 or changed_ns / 1e9 < _process_start


def made_from(code: CodeType, filename: str, text: str, changed_ns: int, size: int) -> bool:
    """Whether this code object was compiled from this text: what is not settled is compiled again and
    must give an equal code object."""
    if is_settled(filename, changed_ns):
        return True
    stamp = (filename, changed_ns, hash(text) if filename in _shipped else size)
    if stamp not in _compiled:
        _compiled[stamp] = _code_objects(text, filename)
    return code in _compiled[stamp]


def _code_objects(text: str, filename: str) -> frozenset[CodeType]:
    try:
        todo = [compile(text, filename, "exec", dont_inherit=True)]
    except (SyntaxError, ValueError):
        return frozenset()
    found = set()
    while todo:
        code = todo.pop()
        found.add(code)
        todo.extend(constant for constant in code.co_consts if isinstance(constant, CodeType))
    return frozenset(found)


def first_position(code: CodeType) -> tuple[int, int] | None:
    """Line and column (bytes of UTF-8) of the first part of a code object's body that has an extent."""
    for line, end_line, column, end_column in code.co_positions():
        if line is None or column is None or end_column is None:
            continue
        if (line, column) != (end_line, end_column):
            return line, column
    return None


def bytecode_parts(code: CodeType) -> tuple[Any, ...]:
    """What a code object does, as a value: for code that has no source."""
    constants = tuple(
        bytecode_parts(constant) if isinstance(constant, CodeType) else (type(constant).__name__, constant)
        for constant in code.co_consts
    )
    return (
        sys.version_info[:2],
        code.co_name,
        code.co_code,
        constants,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        code.co_cellvars,
        code.co_flags,
        (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount),
        code.co_exceptiontable,
    )


def bytecode_reads(code: CodeType) -> list[list[str]]:
    """The global names that a code object reads, each with the attributes read from it at once."""
    import dis

    found: set[tuple[str, ...]] = set()
    path: list[str] = []
    for instruction in dis.get_instructions(code):
        if instruction.opname in {"LOAD_ATTR", "LOAD_METHOD"} and path:
            path.append(str(instruction.argval))
            continue
        found.add(tuple(path))
        starts = instruction.opname in {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLASSDEREF"}
        path = [str(instruction.argval)] if starts else []
    found.add(tuple(path))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found.update(tuple(read) for read in bytecode_reads(constant))
    return [list(read) for read in sorted(found) if read]


# Hears of imports for keys.
_hear: Callable[[bool | None], None] | None = None


@contextlib.contextmanager
def hearing_imports(hear: Callable[[bool | None], None]) -> Iterator[None]:
    """Has a function called before a module is loaded for a key, with None, and after, with whether it is."""
    global _hear
    _hear = hear
    try:
        yield
    finally:
        _hear = None


def bytecode_names(code: CodeType) -> list[str]:
    """The names that a code object uses, of globals and of attributes alike."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found.update(bytecode_names(constant))
    return sorted(found)


def imported(name: str) -> ModuleType | None:
    """The module of this name, imported now if need be; None where it cannot be."""
    import importlib

    hear = _hear if name not in sys.modules else None
    if hear is not None:
        hear(None)
    module = None
    try:
        module = importlib.import_module(name)
    except Exception:
        return None
    finally:
        if hear is not None:
            hear(module is not None)
    return module


def origin_of(name: str) -> str | None:
    """The file of a module that may not have been imported yet, found without importing it."""
    module = sys.modules.get(name)
    if module is not None:
        return getattr(module, "__file__", None) or _of_folders(getattr(module, "__path__", None))
    from importlib.util import find_spec

    try:
        spec = find_spec(name.partition(".")[0])
    except (ImportError, ValueError, AttributeError):
        return None
    return None if spec is None else (spec.origin or _of_folders(spec.submodule_search_locations))


def file_to_be_imported(name: str) -> str | None:
    """The file of a module that is not loaded, found without importing the packages that it is in."""
    finder = sys.modules["_frozen_importlib_external"].PathFinder
    folders, spec = None, None
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        spec = finder.find_spec(".".join(parts[:count]), folders)
        if spec is None:
            return None
        folders = spec.submodule_search_locations
    return None if spec is None else spec.origin


def _of_folders(folders: Iterable[str] | None) -> str:
    """The file that a package without one would have."""
    return next((os.path.join(folder, "__init__.py") for folder in folders or ()), "")


def files_of_module(name: str) -> list[str]:
    """The files that may hold a module's source: its own, or the cells of a notebook, newest first."""
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    # In a worker, the main program of the sender stands in what was sent.
    sent = list(_shipped) if name == "__main__" else []
    line_cache = sys.modules.get("linecache")
    known = list(line_cache.cache) if line_cache is not None and name == "__main__" else []
    cells = [
        cell for cell in reversed(known) if cell.startswith((CELL_FILE, "<ipython")) or "ipykernel" in cell
    ]
    return [*sent, *cells, file] if isinstance(file, str) else sent + cells


# More files are not looked at for code that cannot be followed.
_MOST_LOCAL_SOURCES = 10_000


def local_sources() -> tuple[list[tuple[str, str]], bool]:
    """Names and files of all source that code may come from which no text names, and whether that is all:
    what an import finds in the folders of `sys.path`, and every module that is loaded from elsewhere.

    Files under site-packages and of the standard library are among them where they are loaded.
    """
    found: dict[str, str] = {}
    for folder in _local_roots():
        for name, file in _sources_under(folder):
            found.setdefault(file, name)
            if len(found) > _MOST_LOCAL_SOURCES:
                return [], False
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if isinstance(origin, str) and origin.endswith(".py"):
            found.setdefault(os.path.realpath(origin), name)
    return sorted((name, file) for file, name in found.items()), True


def _local_roots() -> list[str]:
    standard = os.path.dirname(os.__file__)
    folders = [os.path.realpath(folder or os.getcwd()) for folder in sys.path]
    return [
        folder
        for folder in dict.fromkeys(folders)
        if not folder.startswith(standard) and not _is_foreign(folder) and os.path.isdir(folder)
    ]


def _is_foreign(folder: str) -> bool:
    return not {"site-packages", "dist-packages"}.isdisjoint(folder.replace("\\", "/").split("/"))


def _sources_under(root: str) -> Iterator[tuple[str, str]]:
    own = os.path.dirname(os.path.realpath(__file__))
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith((".", "__pycache__"))
            and name not in {"node_modules", "site-packages", "dist-packages"}
            and os.path.join(folder, name) != own
            and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
        )
        for name in files:
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                yield os.path.relpath(path, root).replace("\\", "/"), path


def machine_code(file: str) -> tuple[bytes, int]:
    """The bytes of an extension module, and when it was last changed (ns)."""
    try:
        status = os.stat(file)
        return content_of(file), max(status.st_mtime_ns, status.st_ctime_ns)
    except OSError:
        return b"", 0


def content_of(file: str) -> bytes:
    """The bytes of a file, none where it cannot be read."""
    try:
        with open(file, "rb") as opened:
            return opened.read()
    except OSError:
        return b""


# A longer text is not sent along with a pickled function.
_MOST_SHIPPED_BYTES = 1 << 20


def to_ship(function: Any) -> dict[str, tuple[str, bool]]:
    """The texts that a function pickled by value needs with it, and whether each is settled: its file's,
    and those of a notebook's cells."""
    code = getattr(function, "__code__", None)
    files = [code.co_filename] if code is not None else []
    main = sys.modules.get("__main__")
    if getattr(function, "__module__", None) == "__main__" and not hasattr(main, "__file__"):
        files += files_of_module("__main__")
    found = {file: text_of(file, getattr(function, "__module__", "") or "") for file in files}
    return {
        file: (text[0], is_settled(file, text[1]))
        for file, text in found.items()
        if text is not None and len(text[0]) <= _MOST_SHIPPED_BYTES
    }
