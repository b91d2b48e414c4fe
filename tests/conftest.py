"""Common to all tests: a project of its own for each, and runs of it in fresh processes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class Runs:
    """Counts how often a body ran. To hozon it is always the same value."""

    def __init__(self) -> None:
        self.items: list[Any] = []

    def __hozon_digest__(self) -> str:
        return "runs"

    def add(self, item: Any = None) -> None:
        self.items.append(item)

    def __len__(self) -> int:
        return len(self.items)


class Project:
    """A folder with code, a store, and a user's own home folder."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.home = home
        self.store = folder / ".hozon"
        folder.mkdir()
        self.write("pyproject.toml", "[project]\nname = 'example'\n")

    def write(self, name: str, text: str) -> Path:
        """Writes a file. A text that is indented as a whole is moved to the left."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def run(
        self,
        *arguments: str,
        options: tuple[str, ...] = (),
        python: str = sys.executable,
        check: bool = True,
        stdin: str | None = None,
        seconds: float = 60,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        """Runs Python in the folder, in a process of its own, for so many seconds at most."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOZON_")}
        done = subprocess.run(
            [python, *options, *(arguments or ("main.py",))],
            cwd=self.folder,
            env=inherited | self.settings() | environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            input=stdin,
            timeout=seconds,
        )
        if check:
            assert done.returncode == 0, done.stderr
        return done

    def settings(self) -> dict[str, str]:
        """Variables of every run. What bodies print tells that they ran, so a hit must not show it again;
        and Python's own cache of bytecode would miss an edit of the same second and size."""
        return {"HOZON_HOME": str(self.home), "HOZON_REPLAY": "0", "PYTHONDONTWRITEBYTECODE": "1"}

    def lines(self, *arguments: str, **settings: Any) -> list[str]:
        """What a run printed."""
        return self.run(*arguments, **settings).stdout.splitlines()

    def main(self, text: str, **settings: Any) -> list[str]:
        """What `main.py` with this text prints."""
        self.write("main.py", text)
        return self.lines("main.py", **settings)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project", tmp_path / "home")


@pytest.fixture
def runs() -> Runs:
    return Runs()


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """This process as a new one would be to hozon: no open stores, nothing warned of, no settings."""
    from hozon import _config, _runtime

    for name in list(os.environ):
        if name.startswith("HOZON_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOZON_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOZON_SAVE_PATH", str(tmp_path / "store"))
    monkeypatch.setattr(_runtime, "_stores", {})
    monkeypatch.setattr(_runtime, "_warned", set())
    monkeypatch.setattr(_config, "_headers", {})
    monkeypatch.setattr(_config, "_projects", {})
    return tmp_path


@pytest.fixture(autouse=True)
def nothing_left_watched() -> Iterator[None]:
    """A computation that a test leaves under way would be part of all tests after it."""
    yield
    watching, randomness = sys.modules.get("hozon._watching"), sys.modules.get("hozon._randomness")
    left = [
        *([] if watching is None else watching._stand_ins.running),
        *([] if randomness is None else randomness._active),
    ]
    assert not left, f"still under way: {left}"
