"""Finds which installed distribution a top-level package comes from, and its version.

`importlib.metadata` answers the same in 10 ms and more; the names of the `*.dist-info` folders answer
nearly always.
"""

from __future__ import annotations

import os
import sys

_found: dict[str, tuple[str, str] | None] = {}

# Normal name, version and metadata folder.
_Distribution = tuple[str, str, str]

# What a folder holds, with the time of its last change, and who of that delivers the packages asked for.
_listed: dict[str, tuple[int, list[_Distribution], dict[str, list[_Distribution]]]] = {}


def find(package: str) -> tuple[str, str] | None:
    """The name and version of the distribution that delivers a top-level package.

    None where no distribution is found.
    """
    if package not in _found:
        _found[package] = _search(package)
    return _found[package]


def _search(package: str) -> tuple[str, str] | None:
    for folder in _site_folders(package):
        owners = _owners(folder, package)
        if owners:
            return " + ".join(item[0] for item in owners), " + ".join(item[1] for item in owners)
    version = getattr(sys.modules.get(package), "__version__", None)
    return (package, version) if isinstance(version, str) else None


def counts_as_local(folder: str, package: str) -> bool:
    """Whether a package in a folder of installed ones is code of the person's own: installed from their
    folder, or put there without being a distribution's."""
    owners = _owners(folder, package)
    return not owners or any(_is_from_a_folder(os.path.join(folder, owner[2])) for owner in owners)


def _is_from_a_folder(metadata: str) -> bool:
    """Conda builds its packages in folders as well; they are no person's own."""
    direct = "".join(_lines(os.path.join(metadata, "direct_url.json")))
    if "dir_info" not in direct or "conda" in _lines(os.path.join(metadata, "INSTALLER")):
        return False
    import json

    try:
        found = json.loads(direct)
        return "dir_info" in found and str(found.get("url", "")).startswith("file:")
    except (ValueError, AttributeError, TypeError):
        return False


def _owners(folder: str, package: str) -> list[_Distribution]:
    """The distributions that deliver a package: the ones named like it, else those that say so."""
    installed, owners = _installed(folder)
    if package not in owners:
        named_alike = [item for item in installed if item[0] == _normal(package)]
        owners[package] = named_alike or [item for item in installed if _delivers(folder, item[2], package)]
    return owners[package]


def _site_folders(package: str) -> list[str]:
    """The folders that hold the package, in the order in which imports look."""
    module = sys.modules.get(package)
    file = getattr(module, "__file__", None)
    roots = [os.path.dirname(os.path.dirname(file))] if file else []
    roots += [os.path.dirname(str(path)) for path in getattr(module, "__path__", [])]
    if file and not file.endswith(("__init__.py", "__init__.pyc")):
        roots.insert(0, os.path.dirname(file))
    return list(dict.fromkeys(roots)) or [path for path in sys.path if path]


def _installed(folder: str) -> tuple[list[_Distribution], dict[str, list[_Distribution]]]:
    """Every distribution of one folder, sorted, and those found to deliver packages."""
    try:
        changed = os.stat(folder).st_mtime_ns
        known = _listed.get(folder)
        if known is not None and known[0] == changed:
            return known[1:]
        names = os.listdir(folder)
    except OSError:
        return [], {}
    found = []
    for name in names:
        stem, dot, ending = name.rpartition(".")
        if dot and ending in {"dist-info", "egg-info"} and "-" in stem:
            parts = stem.split("-")
            found.append((_normal(parts[0]), parts[1], name))
    found.sort()
    _listed[folder] = changed, found, {}
    return _listed[folder][1:]


def _normal(name: str) -> str:
    normal = name.lower().replace("_", "-").replace(".", "-")
    while "--" in normal:
        normal = normal.replace("--", "-")
    return normal


def _delivers(folder: str, metadata: str, package: str) -> bool:
    """Whether a distribution says that it delivers the package: in top_level.txt or in RECORD."""
    if package in _lines(os.path.join(folder, metadata, "top_level.txt")):
        return True
    return _lists(_content(os.path.join(folder, metadata, "RECORD")), package.encode())


def _lists(record: bytes, package: bytes) -> bool:
    """Whether a RECORD has files of the package. Every record of a folder is looked through: as bytes, and
    without making lines of them."""
    ends = (b"/", b".py,", b".cpython", b".abi3", b".so")
    if record.startswith(tuple(package + end for end in ends)):
        return True
    line = b"\n" + package
    at = record.find(line)
    while at >= 0:
        if record.startswith(ends, at + len(line)):
            return True
        at = record.find(line, at + 1)
    return False


def _lines(path: str) -> list[str]:
    return _content(path).decode(errors="replace").splitlines()


def _content(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError:
        return b""
