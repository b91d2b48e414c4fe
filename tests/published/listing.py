"""The list of published notebooks: what `list.toml` says, checked."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

FORMATS = ("marimo", "percent", "jupyter", "script")
LIST = Path(__file__).with_name("list.toml")


@dataclass(frozen=True)
class Archive:
    """A source archive, as package indexes deliver it.

    Attributes:
        sha256: Of the archive's file.
        license: What the archive says of itself.
    """

    package: str
    version: str
    sha256: str
    license: str

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.package}-{self.version}"


@dataclass(frozen=True)
class Notebook:
    """A notebook of an archive.

    Attributes:
        path: Within the archive's folder.
        differs: Why its outputs cannot be the same twice; empty if they can.
    """

    archive: Archive
    format: str
    path: str
    differs: str = ""

    @property
    def label(self) -> str:
        """How it is called in tables."""
        return f"{self.archive.package}:{self.path}"


def archives(text: str) -> dict[str, Archive]:
    """The archives of a list, by package. Raises `TypeError` where a field is missing or unknown."""
    return {
        package: Archive(package=package, **fields)
        for package, fields in tomllib.loads(text)["archives"].items()
    }


def notebooks(text: str, *, is_live: bool = False) -> list[Notebook]:
    """The notebooks of a list, in its order. Raises `KeyError` for an archive that the list does not have.

    Args:
        is_live: With the reasons of runs by their own tools with hozon inside.
    """
    known = archives(text)
    found = []
    reasons = tomllib.loads(text).get("live", {}) if is_live else {}
    for form in FORMATS:
        for package, paths in tomllib.loads(text).get(form, {}).items():
            for path, differs in paths.items():
                reason = reasons.get(f"{package}:{path}", differs)
                found.append(Notebook(known[package], form, path, reason))
    return found
