"""Parameters from the call, the environment, the notebook's header and `pyproject.toml`, in that order."""

from __future__ import annotations

import os
import sys

from hozon._hozon import check_bound, choose_shortcuts, resume_watching, size_of_text, suspend_watching
from hozon._records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

PIN_WORDS = ("patch", "minor", "major", None)

# What a computation may do that cannot be verified, without a warning.
ALLOW_WORDS = ("network", "subprocess", "clock", "randomness", "identity", "append", "native", "dynamic")

# How reads of files are seen: "native" sees those of libraries written in C and Rust, too.
WATCH_WORDS = ("native", "audit")


# Whether what was found out before may be used again, or is found out each time: for tests, which take
# either way.
SHORTCUTS = os.environ.get("HOZON_SHORTCUTS")
if SHORTCUTS:
    choose_shortcuts(SHORTCUTS)


class _Unset:
    """Tells a parameter that was not given from any value that may be given."""

    def __repr__(self) -> str:
        return "<not given>"

    def __reduce__(self) -> str:
        return "UNSET"


UNSET: Any = _Unset()


class Options(Record):
    """What a cache was asked to do, all sources taken together."""

    name: str | None
    folder: str
    ttl: float | None
    ignore: tuple[str, ...]
    pin_hozon_lib: str | None
    pin_sys_libs: str | None
    pin_local_libs: str | None
    cache_exceptions: bool
    when: Callable[[Any, float], bool] | None
    track_files: bool = True
    allow: frozenset[str] = frozenset()
    replay: bool = True
    explain_values: bool = False
    watch: str = "native"
    project: str = ""
    max_size: tuple[int | None, int | None] | None = None

    @property
    def pins(self) -> tuple[str | None, str | None, str | None, str]:
        """What of the options enters keys."""
        watching = self.watch if self.track_files else "off"
        return self.pin_hozon_lib, self.pin_sys_libs, self.pin_local_libs, watching


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


# The keys of [tool.hozon] and of HOZON_* variables, and how each is read from a text.
_READERS: dict[str, Callable[[str], Any]] = {
    "save_path": str,
    "ttl": str,
    "ignore": _list,
    "pin_hozon_lib": lambda text: None if text.lower() == "none" else text,
    "pin_sys_libs": lambda text: None if text.lower() == "none" else text,
    "pin_local_libs": lambda text: None if text.lower() == "none" else text,
    "track_files": lambda text: _truth("HOZON_TRACK_FILES", text),
    "cache_exceptions": lambda text: _truth("HOZON_CACHE_EXCEPTIONS", text),
    "allow": _list,
    "replay": lambda text: _truth("HOZON_REPLAY", text),
    "explain_values": lambda text: _truth("HOZON_EXPLAIN_VALUES", text),
    "watch": str,
    "max_size": str,
    "max_store_size": str,
    "cells": lambda text: _truth("HOZON_CELLS", text),
    "tiers": _list,
}

_DEFAULTS: dict[str, Any] = {
    "save_path": None,
    "ttl": None,
    "ignore": (),
    "pin_hozon_lib": "minor",
    "pin_sys_libs": "major",
    "pin_local_libs": "code",
    "track_files": True,
    "cache_exceptions": False,
    "allow": (),
    "replay": True,
    "explain_values": False,
    "watch": "native",
    "max_size": None,
    "max_store_size": None,
    "cells": False,
    "tiers": (),
}

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


# `os.environ.get` encodes and decodes, which is most of the time of a small hit: a missing name, the
# usual case, is seen in the mapping beneath it.
_raw_environment: Any = getattr(os.environ, "_data", {"HOZON_DISABLE": ""})
_disable_key: Any = getattr(os.environ, "encodekey", str)("HOZON_DISABLE")


def disabled() -> bool:
    """Whether `HOZON_DISABLE` turns every cache off."""
    if _disable_key not in _raw_environment:
        return False
    value = os.environ.get("HOZON_DISABLE")
    return value is not None and _truth("HOZON_DISABLE", value)


def _truth(name: str, text: str) -> bool:
    if text.lower() in {"1", "true", "yes", "on"}:
        return True
    if text.lower() in {"", "0", "false", "no", "off"}:
        return False
    raise ValueError(f"{name} is {text!r}; it must be 1 or 0")


def resolve(file: str | None, given: dict[str, Any], *, name: str | None, when: Any) -> Options:
    """Puts the sources together for a computation whose code stands in `file` (None: nowhere).

    What is read for that is no input of a computation that is under way.
    """
    suspend_watching()
    try:
        return _resolved(file, given, name, when)
    finally:
        resume_watching()


def _resolved(file: str | None, given: dict[str, Any], name: str | None, when: Any) -> Options:
    project = project_folder(file)
    layers = [given, _from_environment(), _from_header(file), _from_project(project)]
    values = {key: _first(key, layers) for key in _DEFAULTS}
    _bound(values["max_store_size"])
    return Options(
        name=None if name is None else label(name),
        folder=_store_folder(values["save_path"], project, from_project="save_path" in layers[3]),
        ttl=_seconds(values["ttl"]),
        ignore=_names("ignore", values["ignore"], "names of parameters"),
        pin_hozon_lib=_pin("pin_hozon_lib", values["pin_hozon_lib"], PIN_WORDS),
        pin_sys_libs=_pin("pin_sys_libs", values["pin_sys_libs"], PIN_WORDS),
        pin_local_libs=_pin("pin_local_libs", values["pin_local_libs"], ("code", *PIN_WORDS)),
        cache_exceptions=bool(values["cache_exceptions"]),
        when=_predicate(when),
        track_files=bool(values["track_files"]),
        allow=_allowed(values["allow"]),
        replay=bool(values["replay"]),
        explain_values=bool(values["explain_values"]),
        watch=_word("watch", values["watch"], WATCH_WORDS),
        project=project,
        max_size=_most_of_name(values["max_size"]),
    )


def store_bound(folder: str | os.PathLike[str]) -> str | None:
    """How large the store in a folder may get: a size, a part of the disk or "none"; None for the default.

    The environment says it, or the project that the folder lies in: a store has one bound, whoever uses it.
    Raises `ValueError` for what is wrong with it.
    """
    suspend_watching()
    try:
        layers = [_from_environment(), _from_project(project_folder(os.path.join(folder, "store")))]
        return _bound(_first("max_store_size", layers))
    finally:
        resume_watching()


def may_have_tiers(folder: str) -> bool:
    """Whether anything says that tiers stand behind the store in a folder. Loads nothing."""
    if "HOZON_TIERS" in os.environ:
        return bool(os.environ["HOZON_TIERS"].strip())
    if os.path.exists(os.path.join(data_folder(), "tiers")):
        return True
    try:
        return bool(project_tiers(folder))
    except (TypeError, ValueError):
        return False


def project_tiers(folder: str) -> list[str]:
    """The tiers that the project names in whose folder a store lies. They need the user's consent.

    Raises `TypeError` for what is no list of addresses.
    """
    table = _from_project(project_folder(os.path.join(folder, "store")))
    return list(_names("tiers", table.get("tiers", ()), "addresses"))


def cells_are_kept(file: str) -> bool:
    """Whether whole cells of a notebook are kept where its own tool runs it. Raises `ValueError` for what is
    wrong with the configuration."""
    layers = [_from_environment(), _from_header(file), _from_project(project_folder(file))]
    return not disabled() and bool(_first("cells", layers))


def _first(key: str, layers: Iterable[dict[str, Any]]) -> Any:
    for layer in layers:
        value = layer.get(key, UNSET)
        if value is not UNSET:
            return value
    return _DEFAULTS[key]


def _from_environment() -> dict[str, Any]:
    found = {}
    for key, read in _READERS.items():
        text = os.environ.get(f"HOZON_{key.upper()}")
        if text is not None:
            found[key] = read(text)
    return found


_headers: dict[str, dict[str, Any]] = {}
_projects: dict[str, dict[str, Any]] = {}


def _from_header(file: str | None) -> dict[str, Any]:
    """`[tool.hozon]` of the script metadata (PEP 723) at the top of a file."""
    if file is None:
        return {}
    if file not in _headers:
        _headers[file] = _table(_script_metadata(_read(file)), file)
    return _headers[file]


def _script_metadata(text: str) -> str:
    lines = iter(text.splitlines())
    for line in lines:
        if line.rstrip() == "# /// script":
            break
    content: list[str] = []
    for line in lines:
        if line.rstrip() == "# ///":
            return "\n".join(content)
        if not line.startswith("#"):
            break
        content.append(line[2:])
    return ""


def _from_project(project: str) -> dict[str, Any]:
    if project not in _projects:
        file = os.path.join(project, "pyproject.toml")
        _projects[project] = _table(_read(file), file)
    return _projects[project]


def _read(file: str) -> str:
    try:
        with open(file, encoding="utf-8", errors="replace") as opened:
            return opened.read()
    except OSError:
        return ""


def _table(text: str, file: str) -> dict[str, Any]:
    if "tool.hozon" not in text:
        return {}
    import tomllib

    try:
        table = tomllib.loads(text).get("tool", {}).get("hozon", {})
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"[tool.hozon] in {file} cannot be read: {error}") from None
    if not isinstance(table, dict):
        raise ValueError(f"tool.hozon in {file} is {table!r}; it must be a table")
    unknown = sorted(set(table) - set(_DEFAULTS))
    if unknown:
        known = ", ".join(sorted(_DEFAULTS))
        raise ValueError(f"[tool.hozon] in {file} has `{unknown[0]}`, which is not one of {known}")
    return dict(table)


def project_folder(file: str | None) -> str:
    """The nearest folder above `file` with a `pyproject.toml` or a `.git`, else the file's own.

    Code without a file (a notebook, a prompt) belongs to the working directory.
    """
    start = os.path.dirname(os.path.abspath(file)) if file else os.getcwd()
    folder = start
    while True:
        if any(os.path.exists(os.path.join(folder, mark)) for mark in ("pyproject.toml", ".git")):
            return folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return start
        folder = parent


def _store_folder(save_path: Any, project: str, *, from_project: bool) -> str:
    if save_path is None:
        return os.path.join(project, ".hozon")
    path: str = os.fspath(save_path) if from_project else os.path.expanduser(os.fspath(save_path))
    if not path:
        raise ValueError("save_path is empty; it must name a folder")
    if not from_project:
        return os.path.abspath(path)
    # A project's file must not point the store at other places of the machine.
    inside = os.path.abspath(os.path.join(project, path))
    if os.path.commonpath([inside, os.path.abspath(project)]) != os.path.abspath(project):
        raise ValueError(f"save_path in pyproject.toml must be inside the project: {save_path!r} is not")
    return inside


def _seconds(ttl: Any) -> float | None:
    """Reads a time to live: seconds, or a number with s, m, h, d or w."""
    if ttl is None:
        return None
    seconds = ttl
    if isinstance(ttl, str):
        number, unit = ttl.strip()[:-1], ttl.strip()[-1:]
        try:
            seconds = float(ttl) if unit.isdigit() else float(number) * _UNITS[unit]
        except (ValueError, KeyError):
            raise ValueError(
                f"ttl is {ttl!r}; it must be seconds, or a text like '45s', '12h' or '7d'"
            ) from None
    elif hasattr(ttl, "total_seconds"):
        seconds = ttl.total_seconds()
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not seconds > 0:
        raise ValueError(f"ttl is {ttl!r}; it must be more than 0 seconds")
    return float(seconds)


def _most_of_name(given: Any) -> tuple[int | None, int | None] | None:
    """Reads how much of a name is kept: a number of entries, or a text with a number of bytes."""
    if given is None:
        return None
    if isinstance(given, str) and not given.strip().isdigit():
        try:
            return None, size_of_text(given)
        except ValueError as error:
            raise ValueError(
                f"max_size is {given!r}; {error}. It is a number of entries, or a size like '2 GiB'"
            ) from None
    if isinstance(given, bool) or not isinstance(given, (int, str)):
        raise TypeError(f"max_size is {given!r}; it must be a number of entries, or a size like '2 GiB'")
    if int(given) < 1:
        raise ValueError(f"max_size is {given!r}; at least 1 entry is kept. To store nothing, use `when`")
    return int(given), None


def _bound(given: Any) -> str | None:
    """Reads how large a store may get."""
    if given is None:
        return None
    text = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if not isinstance(text, str):
        raise TypeError(f"max_store_size is {given!r}; it must be a size like '20 GB', '10 %' or 'none'")
    try:
        check_bound(text)
    except ValueError as error:
        raise ValueError(
            f"max_store_size is {given!r}; {error}. It is a size like '20 GB', a part of the disk like "
            "'10 %', or 'none'"
        ) from None
    return text


def _names(parameter: str, given: Any, what: str) -> tuple[str, ...]:
    try:
        names = (given,) if isinstance(given, str) else tuple(given)
    except TypeError:
        raise TypeError(f"{parameter} must hold {what}, not {given!r}") from None
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{parameter} must hold {what}, not {name!r}")
    return names


def _allowed(given: Any) -> frozenset[str]:
    words = _names("allow", given, "words")
    for word in words:
        _word("allow", word, ALLOW_WORDS)
    return frozenset(words)


def _word(parameter: str, value: Any, words: tuple[str, ...]) -> str:
    if value not in words:
        expected = ", ".join(repr(word) for word in words)
        raise ValueError(f"{parameter} is {value!r}; it must be one of {expected}")
    return str(value)


def _pin(parameter: str, value: Any, words: tuple[str | None, ...]) -> str | None:
    if value not in words:
        expected = ", ".join(repr(word) for word in words)
        raise ValueError(f"{parameter} is {value!r}; it must be one of {expected}")
    return value  # type: ignore[no-any-return]


def _predicate(when: Any) -> Any:
    if when is not None and not callable(when):
        raise TypeError(f"when is {when!r}; it must be a function of (result, seconds)")
    return when


def label(name: str) -> str:
    """A name as UTF-8 can hold it. One with lone surrogates is escaped, so that no other name is like it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        escaped = name.replace("\\", "\\\\").encode("utf-8", "backslashreplace").decode()
        return f"\0{escaped}"
    return name


def data_folder() -> str:
    """Where the user's seal key is kept: outside every store."""
    home = os.environ.get("HOZON_HOME")
    if home:
        return os.path.abspath(home)
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA") or os.path.expanduser("~"), "hozon")
    if sys.platform == "darwin":
        return os.path.expanduser("~/Library/Application Support/hozon")
    return os.path.join(os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share"), "hozon")


def pin_of_modules(pin_modules: bool, pin_sys_libs: Any) -> Any:
    """The pin that marimo's parameter `pin_modules` stands for: with True, any other version is a miss."""
    if not isinstance(pin_modules, bool):
        raise TypeError(f"pin_modules is {pin_modules!r}; it must be True or False")
    if not pin_modules:
        return pin_sys_libs
    if pin_sys_libs is not UNSET:
        raise TypeError("pin_modules and pin_sys_libs say the same thing; give one of them")
    return "patch"
