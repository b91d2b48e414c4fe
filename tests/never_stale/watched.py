"""What a watch has seen, in short, for the tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hozon._watching import Watching


class Seen:
    """Observations below one folder, by names relative to it; the rest by its absolute path."""

    def __init__(self, observations: dict[str, Any], folder: Path) -> None:
        self.all = observations
        self.folder = folder

    def names(self, what: str) -> list[str]:
        return [self.short(item["path"]) for item in self.all[what]]

    def short(self, path: str) -> str:
        inside = os.path.relpath(path, self.folder)
        return path if inside.startswith("..") else inside

    @property
    def read(self) -> list[str]:
        return self.names("read")

    @property
    def absent(self) -> list[str]:
        return self.names("absent")

    @property
    def listed(self) -> list[str]:
        return self.names("listed")

    @property
    def written(self) -> list[str]:
        return self.names("written")

    @property
    def statuses(self) -> list[tuple[str, str]]:
        return [(self.short(item["path"]), item["part"]) for item in self.all["statuses"]]

    @property
    def environment(self) -> set[str]:
        return self.all["environment"]

    @property
    def unverifiable(self) -> dict[str, set[str]]:
        return self.all["unverifiable"]


def watch(function: Callable[[], Any], folder: Path, native: bool = True) -> Seen:
    """What is seen while a function runs; its exception, if it raises one, is raised."""
    watching = Watching(native)
    watching.start()
    try:
        function()
    finally:
        watching.stop()
    return Seen(watching.watch.observations(), folder)
