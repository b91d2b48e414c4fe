"""Watches what a computation reads while it runs.

The native part sees what CPython's audit events and native libraries' calls show. What neither shows
is seen by standing in for functions of the standard library, only while something is being watched:

- the environment, through the class of `os.environ`;
- `os.stat`, `os.lstat`, `os.access` and `os.readlink`: who calls says how much of the status matters;
- `os.scandir`, for the statuses that its entries give (`_scanning.py`);
- local modules' own names for these functions;
- `os.getcwd`, where local code asks for it;
- `os.urandom`, the system's randomness;
- `os.open` and `os.stat` with `dir_fd`, whose audit events do not say the folder;
- the times of lines of logs, which are no reads of the time zone;
- processes that `multiprocessing` starts, and work given to processes that run already.

What happens during an import is no part of the computation: modules count by their code.
"""

from __future__ import annotations

import os

# Loaded before the computation: what its generator gives is then known by its state from the start.
import random
import sys
from _thread import RLock, get_ident
from collections.abc import Callable, Iterable, Mapping, Set

from hozon._hozon import (
    Observed,
    Watch,
    note_absent,
    note_entropy,
    note_environment,
    note_environment_before,
    note_environment_written,
    note_open,
    note_status,
    note_unverifiable,
    note_whole_environment,
    note_working_directory,
    rescan_libraries,
    resume_watching,
    suspend_watching,
    watching_is_local,
)
from hozon._runtime import finish_imports
from hozon._scanning import Entries, Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    _Arguments = tuple[Any, ...]
    _Keywords = Mapping[str, Any] | None
    _Error = BaseException | None
    _Before = Callable[[_Arguments, _Keywords], bool] | None
    _After = Callable[[_Arguments, _Keywords, _Error], None] | None
    _Becomes = Callable[[Any, _Arguments], Any] | None
    _Place = tuple[str, str | None, str, *tuple[Any, ...]]

__all__ = ["Watching", "after_import", "resume_watching", "suspend_watching"]

# Called when an import that a watched computation has begun is done.
after_import: list[Callable[[], None]] = []

# Libraries that read files by themselves, which audit events do not show.
_NATIVE_READERS = (
    "cv2",
    "datatable",
    "duckdb",
    "fastparquet",
    "fiona",
    "h5py",
    "lance",
    "lightgbm",
    "netCDF4",
    "osgeo",
    "polars",
    "pyarrow",
    "pyogrio",
    "rasterio",
    "safetensors",
    "tables",
    "tensorflow",
    "tiledb",
    "tokenizers",
    "torchaudio",
    "vaex",
    "xgboost",
)


class Watching:
    """One computation that is watched, by everything there is."""

    def __init__(self, native: bool) -> None:
        """Args: native: whether import tables of native libraries may be patched."""
        self.watch = Watch(native)
        # Whether calls of the C library are seen.
        self.sees_native = native and Watch.sees_native()
        self._running = False

    def start(self) -> None:
        """Begins, for the thread that calls."""
        self._stand_in(True)
        try:
            self.watch.start()
        except BaseException:
            self._stand_in(False)
            raise

    def pause(self) -> None:
        """Stops for a while: a generator has handed an item out."""
        self.watch.pause()
        self._stand_in(False)

    def resume(self) -> None:
        """Goes on, for the thread that calls."""
        self._stand_in(True)
        self.watch.resume()

    def stop(self) -> None:
        """Ends. Once is enough."""
        try:
            if not self.sees_native:
                for name in _NATIVE_READERS:
                    if name in sys.modules:
                        self.watch.add_unverifiable("native", name)
            self.watch.stop()
        finally:
            self._stand_in(False)

    def _stand_in(self, running: bool) -> None:
        if self._running is not running:
            self._running = running
            if running:
                _stand_ins.begin(self)
            else:
                _stand_ins.end(self)


class _StandIn:
    """One attribute that is something else while anything is watched."""

    def __init__(
        self,
        holder: Any,
        name: str,
        before: _Before = None,
        after: _After = None,
        suspends: bool = False,
        becomes: _Becomes = None,
    ) -> None:
        self.holder = holder
        self.namespace = vars(holder)
        self.name = name
        self.how = (before, after, suspends, becomes)
        self.original: Any = None
        self.observed: Any = None

    def install(self) -> None:
        original = self.namespace.get(self.name)
        if self.observed is None or original is not self.original:
            if original is None or isinstance(original, Observed):
                return
            self.original = original
            self.observed = Observed(original, *self.how)
        setattr(self.holder, self.name, self.observed)

    def remove(self) -> None:
        # Where somebody has put something of their own in between, it stays: ours inside it is silent.
        if self.observed is not None and self.namespace.get(self.name) is self.observed:
            setattr(self.holder, self.name, self.original)


class _StandIns:
    """All of them, while at least one watch runs."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.held_over_fork = False
        # What runs, and the thread that it runs on.
        self.running: dict[Watching, int] = {}
        self.made: list[_StandIn] = []
        # Those in modules that nothing has imported yet.
        self.to_come = list(_LATER)
        self.aliases = _Aliases()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._hold_over_fork,
                after_in_parent=self._give_back,
                after_in_child=self._go_on_in_child,
            )

    def _hold_over_fork(self) -> None:
        finish_imports()
        self.lock.acquire()
        self.held_over_fork = True

    def _give_back(self) -> None:
        # Not held where this module has been loaded by the fork itself.
        if self.held_over_fork:
            self.held_over_fork = False
            self.lock.release()

    def begin(self, watching: Watching) -> None:
        with self.lock:
            if not self.running:
                self._install()
            self.running[watching] = get_ident()

    def end(self, watching: Watching) -> None:
        with self.lock:
            if self.running.pop(watching, None) is not None and not self.running:
                self._remove()

    def _install(self) -> None:
        if not self.made:
            self.made = _make_stand_ins()
        for stand_in in self.made:
            stand_in.install()
        self.find_loaded()
        self.aliases.install(self.made)

    def find_loaded(self) -> None:
        """Takes in those whose modules have been loaded meanwhile."""
        for place in [place for place in self.to_come if place[0] in sys.modules]:
            module, owner, name, *how = place
            holder: Any = sys.modules[module]
            if owner is not None:
                holder = getattr(holder, owner, None)
            if hasattr(holder, name):
                self.to_come.remove(place)
                self.made.append(_StandIn(holder, name, *how))
                self.made[-1].install()

    def _remove(self) -> None:
        self.aliases.remove()
        for stand_in in self.made:
            stand_in.remove()

    def _go_on_in_child(self) -> None:
        """Drops what ran on threads that the child does not have."""
        here = get_ident()
        self.running = {watching: thread for watching, thread in self.running.items() if thread == here}
        if not self.running:
            self._remove()
        self._give_back()


class _Aliases:
    """Names of local modules for functions of `os` that something stands in for: `from os import stat`."""

    def __init__(self) -> None:
        # What `sys.modules` was like when the local ones were looked for.
        self.seen: tuple[int, str] = (0, "")
        self.namespaces: list[dict[str, Any]] = []
        self.installed: list[tuple[dict[str, Any], str, _StandIn]] = []

    def install(self, made: Iterable[_StandIn]) -> None:
        originals = {id(each.original): each for each in made if each.holder is os}
        self._find_local_modules(originals.keys())
        for namespace in self.namespaces:
            for name, value in list(namespace.items()):
                stand_in = originals.get(id(value))
                if stand_in is not None:
                    namespace[name] = stand_in.observed
                    self.installed.append((namespace, name, stand_in))

    def remove(self) -> None:
        for namespace, name, stand_in in self.installed:
            if namespace.get(name) is stand_in.observed:
                namespace[name] = stand_in.original
        self.installed.clear()

    def _find_local_modules(self, originals: Set[int]) -> None:
        now = len(sys.modules), next(reversed(sys.modules))
        if now != self.seen:
            self.seen = now
            # Not by `getattr`: some modules are loaded by it.
            namespaces = [getattr(module, "__dict__", None) for module in list(sys.modules.values())]
            found = (each for each in namespaces if isinstance(each, dict))
            self.namespaces = [each for each in found if _may_be_own(each, originals) and _is_own(each)]


def _may_be_own(namespace: dict[str, Any], originals: Set[int]) -> bool:
    """Whether it is worth asking whose an installed module is, which takes long where no distribution has the
    name of its package: it has such a function."""
    file = namespace.get("__file__")
    is_installed = isinstance(file, str) and ("site-packages" in file or "dist-packages" in file)
    return not is_installed or not originals.isdisjoint(map(id, list(namespace.values())))


def _is_own(namespace: dict[str, Any]) -> bool:
    file = namespace.get("__file__")
    return namespace.get("__name__") == "__main__" or (isinstance(file, str) and _is_local(file))


def _make_stand_ins() -> list[_StandIn]:
    environment = os._Environ
    made = [
        _StandIn(environment, "__getitem__", after=_variable_read),
        _StandIn(environment, "__iter__", after=_all_variables_read),
        _StandIn(environment, "__len__", after=_all_variables_read),
        _StandIn(environment, "__repr__", after=_all_variables_read),
        _StandIn(environment, "__setitem__", before=_variable_to_be_written, after=_variable_written),
        _StandIn(environment, "__delitem__", before=_variable_to_be_written, after=_variable_written),
        _StandIn(os, "stat", after=_status_read),
        _StandIn(os, "lstat", after=_status_read),
        _StandIn(os, "scandir", becomes=_entries_watched),
        _StandIn(os, "access", after=_access_asked),
        _StandIn(os, "readlink", after=_link_read),
        _StandIn(os, "open", before=_opens_in_folder),
        _StandIn(os, "getcwd", after=_working_directory_read),
        _StandIn(os, "getcwdb", after=_working_directory_read),
        _StandIn(os, "urandom", after=_entropy_used),
        _StandIn(random, "_urandom", after=_entropy_used),
        _StandIn(sys.modules["_frozen_importlib"], "_find_and_load", after=_imported, suspends=True),
    ]
    try:
        import _posixsubprocess
    except ImportError:
        return made
    return [*made, _StandIn(_posixsubprocess, "fork_exec", after=_process_started)]


def _is_of_a_log(arguments: _Arguments, keywords: _Keywords) -> bool:
    return True


# --- processes


def _work_given_away(arguments: _Arguments, keywords: _Keywords, error: _Error) -> None:
    # A pool of threads is a subclass of a pool of processes in multiprocessing.
    name = type(arguments[0]).__name__
    if name != "ThreadPool":
        note_unverifiable("subprocess", name)


# --- the environment


def _variable_read(arguments: _Arguments, keywords: _Keywords, error: _Error) -> None:
    note_environment(arguments[1])


def _variable_to_be_written(arguments: _Arguments, keywords: _Keywords) -> bool:
    note_environment_before(arguments[1])
    return False


def _variable_written(arguments: _Arguments, keywords: _Keywords, error: _Error) -> None:
    note_environment_written(arguments[1])


def _all_variables_read(arguments: _Arguments, keywords: _Keywords, error: _Error) -> None:
    note_whole_environment()


# --- the status of files

# Modules of the standard library that ask on behalf of their callers, and what a caller of each of
# their functions learns. A function that is not named says nothing: its caller does.
_ASKING = ("genericpath.py", "posixpath.py", "ntpath.py", "pathlib.py", "os.py", "fnmatch.py")
_ASKING_FOLDERS = ("/pathlib/", "\\pathlib\\")
_KIND = "kind"
_LEARNED: dict[str, str | None] = {
    **dict.fromkeys(
        (
            *("exists", "lexists", "isfile", "isdir", "islink", "isjunction", "ismount", "isdevdrive"),
            *("is_file", "is_dir", "is_symlink", "is_mount", "is_junction", "is_socket", "is_fifo"),
            *("is_block_device", "is_char_device", "realpath", "_joinrealpath"),
            *("resolve", "glob", "rglob", "walk", "_walk", "fwalk", "_fwalk", "removedirs"),
        ),
        _KIND,
    ),
    "getsize": "size",
    "samefile": "identity",
    # Makes folders that are missing: that they were is no input.
    "makedirs": None,
}
# Modules of the standard library that look for reasons of their own: to find out whether something is
# there, and of what kind.
_LOOKING = ("shutil.py", "glob.py", "tempfile.py", "zipfile.py", "tarfile.py", "mimetypes.py", "filecmp.py")
_SILENT = ("linecache.py", "traceback.py", "warnings.py", "inspect.py")


def _status_read(arguments: _Arguments, keywords: _Keywords, error: _Error) -> None:
    _note_status(arguments, keywords, error, _part_learned(sys._getframe(1)))


def _entries_watched(entries: Any, arguments: _Arguments) -> Any:
    # The entries of a descriptor have no paths.
    return entries if arguments and isinstance(arguments[0], int) else Entries(entries, _entry_asked)


def _entry_asked(entry: Entry) -> None:
    part = _part_learned(sys._getframe(2))
    if part is not None:
        note_status(entry.path, part)


def _link_read(arguments: _Arguments, keywords: _Keywords, error: _Error) -> None:
    part = _part_learned(sys._getframe(1))
    _note_status(arguments, keywords, error, part and "link")


def _access_asked(arguments: _Arguments, keywords: _Keywords, error: _Error) -> None:
    path = _path_asked(arguments, keywords)
    mode = arguments[1] if len(arguments) > 1 else (keywords or {}).get("mode")
    if path is not None:
        if os.path.lexists(path):
            note_status(path, _KIND if mode == os.F_OK else "permissions")
        else:
            note_absent(path)


def _note_status(arguments: _Arguments, keywords: _Keywords, error: _Error, part: str | None) -> None:
    path = _path_asked(arguments, keywords)
    if part is None or path is None:
        return
    if error is None:
        note_status(path, part)
    elif isinstance(error, (FileNotFoundError, NotADirectoryError)):
        note_absent(path)


def _path_asked(arguments: _Arguments, keywords: _Keywords) -> Any:
    """The path of a call such as `os.stat(path, dir_fd=7)`; None for a descriptor."""
    keywords = keywords or {}
    path: Any = arguments[0] if arguments else keywords.get("path")
    if isinstance(path, int):
        return None
    folder = keywords.get("dir_fd")
    if folder is None:
        return path
    try:
        return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), os.fsdecode(path))
    except OSError:
        return None


def _part_learned(frame: FrameType | None) -> str | None:
    """How much of a status the code learns that asks for it, from the frames of who asks."""
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        name = _module_file(file)
        if name in _SILENT:
            return None
        if name in _LOOKING:
            return _KIND if not _is_local(file) else "times"
        if name not in _ASKING and not any(folder in file for folder in _ASKING_FOLDERS):
            return "times" if _is_local(file) else "all"
        if _is_local(file):
            return "times"
        if code.co_name in _LEARNED:
            return _LEARNED[code.co_name]
        frame = frame.f_back
    return "all"


def _module_file(file: str) -> str:
    """The name of a module's file, without its folder. Frozen modules have no folder."""
    if file.startswith("<frozen "):
        return file[len("<frozen ") : -1].rpartition(".")[2] + ".py"
    return os.path.basename(file)


def _shows_source(arguments: _Arguments, keywords: _Keywords) -> bool:
    """Whether lines of source are looked up to be shown, in a warning or a traceback."""
    frame: FrameType | None = sys._getframe(1)
    file_of_it = getattr(sys.modules.get("linecache"), "__file__", None)
    while frame is not None and frame.f_code.co_filename == file_of_it:
        frame = frame.f_back
    if frame is None:
        return True
    file = frame.f_code.co_filename
    return _module_file(file) != "inspect.py" and not _is_local(file)


def _opens_in_folder(arguments: _Arguments, keywords: _Keywords) -> bool:
    """Tells of an `os.open` with `dir_fd` here: its audit event has the path alone."""
    if not keywords or keywords.get("dir_fd") is None:
        return False
    flags = arguments[1] if len(arguments) > 1 else keywords.get("flags", 0)
    path = _path_asked(arguments, keywords)
    if path is not None:
        note_open(path, flags)
    return True


# --- the working directory, randomness, processes, imports


def _working_directory_read(arguments: _Arguments, keywords: _Keywords, error: _Error) -> None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _asks_for_callers(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is not None and _is_local(frame.f_code.co_filename):
        note_working_directory()


def _asks_for_callers(file: str) -> bool:
    is_asking = _module_file(file) in _ASKING or any(folder in file for folder in _ASKING_FOLDERS)
    return is_asking and not _is_local(file)


def _entropy_used(arguments: _Arguments, keywords: _Keywords, error: _Error) -> None:
    from hozon import _entropy

    if _entropy.matters(sys._getframe(1), _is_local):
        note_entropy()


def _process_started(arguments: _Arguments, keywords: _Keywords, error: _Error) -> None:
    note_unverifiable("subprocess", os.path.basename(os.fsdecode(arguments[1][0])))


def _imported(arguments: _Arguments, keywords: _Keywords, error: _Error) -> None:
    rescan_libraries()
    suspend_watching()
    try:
        with _stand_ins.lock:
            if _stand_ins.running:
                _stand_ins.find_loaded()
        for callback in after_import:
            callback()
    finally:
        resume_watching()


def _module_looked_for(spec: Any, arguments: _Arguments) -> Any:
    """Tells where a module was looked for in vain among the person's own files, or found there. That the
    import system lists folders for that is its own matter: it does so once in a while."""
    name, path = arguments[0], arguments[1] if len(arguments) > 1 else None
    if spec is None:
        for folder in sys.path if path is None else path:
            if isinstance(folder, str) and _is_local(folder):
                base = os.path.join(folder, name.rpartition(".")[2])
                note_absent(base)
                note_absent(base + ".py")
    else:
        for place in [spec.origin] if spec.has_location else spec.submodule_search_locations or ():
            if _is_local(place):
                note_status(place, _KIND)
    return spec


_local_files: dict[str, bool] = {}


def _is_local(file: str) -> bool:
    try:
        return _local_files[file]
    except KeyError:
        is_local = _local_files[file] = watching_is_local(file)
        return is_local


# What may be loaded only later: module, class in it if any, name, and how its calls are looked at.
_LATER: list[_Place] = [
    ("linecache", None, "updatecache", _shows_source, None),
    ("linecache", None, "checkcache", _shows_source, None),
    # What a line of a log says of its time is no part of a result.
    ("logging", "Formatter", "formatTime", _is_of_a_log, None),
    ("importlib.util", None, "_find_spec", None, None, True, _module_looked_for),
    # Versions are looked for in every folder of the path, which are listed for that once in a while.
    ("importlib.metadata", "FastPath", "search", None, None, True),
    ("importlib_metadata", "FastPath", "search", None, None, True),
    # Where work is given to processes that may have been started before.
    ("concurrent.futures.process", "ProcessPoolExecutor", "submit", None, _work_given_away),
    ("multiprocessing.pool", "Pool", "apply_async", None, _work_given_away),
    ("multiprocessing.pool", "Pool", "_map_async", None, _work_given_away),
    ("multiprocessing.pool", "Pool", "imap", None, _work_given_away),
    ("multiprocessing.pool", "Pool", "imap_unordered", None, _work_given_away),
    ("joblib.externals.loky.process_executor", "ProcessPoolExecutor", "submit", None, _work_given_away),
    ("loky.process_executor", "ProcessPoolExecutor", "submit", None, _work_given_away),
    ("distributed.client", "Client", "submit", None, _work_given_away),
    ("distributed.client", "Client", "compute", None, _work_given_away),
]

_stand_ins = _StandIns()
