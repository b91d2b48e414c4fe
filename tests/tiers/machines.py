"""Users on machines of their own, for tests of what goes from one to another."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

HOZON = [sys.executable, "-m", "hozon"]


class Machine:
    """A user on a machine: a project, a folder of keys."""

    def __init__(self, root: Path, name: str, program: str) -> None:
        self.project, self.home = root / name / "project", root / name / "home"
        self.project.mkdir(parents=True)
        (self.project / "pyproject.toml").write_text("")
        self.write(program)
        self.variables: dict[str, str] = {}

    def write(self, program: str) -> None:
        (self.project / "program.py").write_text(textwrap.dedent(program))

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOZON_", "AWS_"))}
        return {**kept, "HOZON_HOME": str(self.home), **self.variables}

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.project,
            env=self.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.project, env=self.environment(), capture_output=True, text=True, timeout=100
        )

    def program(self) -> tuple[bool, str]:
        """Whether it computed, and what it said."""
        ran = self.run(sys.executable, "program.py")
        assert ran.returncode == 0, ran.stderr
        return "computed" in ran.stderr, ran.stderr

    def command(self, *words: str) -> str:
        ran = self.run(*HOZON, *words)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def trusts(self, other: Machine, name: str = "other") -> None:
        self.command("trust", "add", *other.command("keys", "--public").split(), "--name", name)

    def notes(self) -> list[str]:
        folder = self.project / ".hozon" / "v1" / "outgoing"
        return sorted(os.listdir(folder)) if folder.exists() else []
