"""Finds which installed distribution a top-level package comes from, and its version.

`importlib.metadata` answers the same in 10 ms and more; the names of the `*.dist-info` folders answer
nearly always.
"""

from __future__ import annotations

import os
import sys

_found: dict[str, tuple[str, str] | None] = {}


def find(package: str) -> tuple[str, str] | None:
    """The name and version of the distribution that delivers a top-level package.

    "python" stands for the interpreter and its standard library. None where no distribution is found.
    """
    if package not in _found:
        _found[package] = _search(package)
    return _found[package]


def _search(package: str) -> tuple[str, str] | None:
    if package == "python":
        return "python", ".".join(str(part) for part in sys.version_info[:3])
    for folder in _site_folders(package):
        installed = _installed(folder)
        named_alike = [item for item in installed if item[0] == _normal(package)]
        owners = named_alike or [item for item in installed if _delivers(folder, item[2], package)]
        if owners:
            return " + ".join(item[0] for item in owners), " + ".join(item[1] for item in owners)
    version = getattr(sys.modules.get(package), "__version__", None)
    return (package, version) if isinstance(version, str) else None


def _site_folders(package: str) -> list[str]:
    """The folders that hold the package, in the order in which imports look."""
    module = sys.modules.get(package)
    file = getattr(module, "__file__", None)
    roots = [os.path.dirname(os.path.dirname(file))] if file else []
    roots += [os.path.dirname(str(path)) for path in getattr(module, "__path__", [])]
    if file and not file.endswith(("__init__.py", "__init__.pyc")):
        roots.insert(0, os.path.dirname(file))
    return list(dict.fromkeys(roots)) or [path for path in sys.path if path]


def _installed(folder: str) -> list[tuple[str, str, str]]:
    """Normal name, version and metadata folder of every distribution of one folder, sorted."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    found = []
    for name in names:
        stem, dot, ending = name.rpartition(".")
        if dot and ending in {"dist-info", "egg-info"} and "-" in stem:
            parts = stem.split("-")
            found.append((_normal(parts[0]), parts[1], name))
    return sorted(found)


def _normal(name: str) -> str:
    normal = name.lower().replace("_", "-").replace(".", "-")
    while "--" in normal:
        normal = normal.replace("--", "-")
    return normal


def _delivers(folder: str, metadata: str, package: str) -> bool:
    """Whether a distribution says that it delivers the package: in top_level.txt or in RECORD."""
    listed = _lines(os.path.join(folder, metadata, "top_level.txt"))
    if package in listed:
        return True
    starts = (f"{package}/", f"{package}.py,", f"{package}.cpython", f"{package}.abi3", f"{package}.so")
    return any(line.startswith(starts) for line in _lines(os.path.join(folder, metadata, "RECORD")))


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []
