"""What the command asks of Python for `hozon run`, `plan` and `watch`."""

from __future__ import annotations

import os
import sys

from hozon._config import resolve
from hozon._hozon import value_digest
from hozon._records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hozon._notebooks import KernelProcess


class Settings(Record):
    """What the cells of a notebook are keyed and run with, beside its text.

    Attributes:
        store: The folder of the store.
        label: What listings call the notebook.
        project: The folder of the project that it belongs to.
        working_directory: Where its relative names start.
        pins: What of the options enters keys.
        python: The version of Python.
        site_folders: The folders of installed distributions.
        ttl: Seconds, or None.
        parameters: Name, expression and digest of the value of each parameter.
    """

    store: str
    label: str
    project: str
    working_directory: str
    pins: tuple[str | None, str | None, str | None, str]
    python: str
    site_folders: list[str]
    ttl: float | None
    parameters: list[tuple[str, str, bytes]]


class Host:
    """Finds out what notebooks are run with, and starts the processes that run them."""

    def __init__(self) -> None:
        self._arguments: list[str] = []

    def settings(self, path: str | os.PathLike[str], parameters: list[tuple[str, str]]) -> Settings:
        """Raises `ValueError` for what is wrong with the configuration or a parameter."""
        file = os.path.abspath(path)
        options = resolve(file, {}, name=None, when=None)
        return Settings(
            store=options.folder,
            label=os.path.basename(file),
            project=options.project,
            working_directory=os.getcwd(),
            pins=options.pins,
            python=".".join(str(part) for part in sys.version_info[:3]),
            site_folders=site_folders(),
            ttl=options.ttl,
            parameters=[_parameter(name, value) for name, value in parameters],
        )

    def start(
        self,
        path: str | os.PathLike[str],
        store: str | os.PathLike[str],
        project: str | os.PathLike[str],
        working_directory: str | os.PathLike[str],
        folders: list[str | os.PathLike[str]],
    ) -> KernelProcess:
        """A process for the cells of a notebook."""
        file = os.path.abspath(path)
        return self.process(
            {
                "path": file,
                "host": manners_of(file),
                "working_directory": os.fspath(working_directory),
                "arguments": self._arguments,
                "store": os.fspath(store),
                "project": os.fspath(project),
                "site_folders": [os.fspath(folder) for folder in folders],
            }
        )

    def process(self, settings: dict[str, Any]) -> KernelProcess:
        from hozon._notebooks import KernelProcess

        return KernelProcess(settings)


def site_folders() -> list[str]:
    """The folders of installed distributions, in the order in which imports look."""
    names = ("site-packages", "dist-packages")
    return [folder for folder in dict.fromkeys(sys.path) if os.path.basename(folder) in names]


def manners_of(file: str) -> str:
    """Whose manners count when its cells show something: "jupyter", "marimo" or "script"."""
    import re

    if file.endswith(".ipynb"):
        return "jupyter"
    try:
        with open(file, encoding="utf-8", errors="replace") as source:
            text = source.read()
    except OSError:
        return "script"
    if re.search(r"^\w+\s*=\s*marimo\.App\(", text, re.MULTILINE):
        return "marimo"
    return "jupyter" if re.search(r"^# ?%%", text, re.MULTILINE) else "script"


def _parameter(name: str, text: str) -> tuple[str, str, bytes]:
    """A parameter as it is run with. What is no literal of Python is a text."""
    import ast
    import keyword

    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"{name!r} is no name of a variable: -p NAME=VALUE")
    value: Any
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = text
    return name, repr(value), value_digest(value)
