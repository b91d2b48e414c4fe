"""Two runs of one notebook at the same time: each cell runs once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from notebooks.notebook_project import Project

# Runs until it may go on, and leaves a mark for each time that it began. A file under `/dev` is no input: what
# depended on one that comes while the cell runs would not be stored.
SLOW = """
import os, time
with open("begun.txt", "a") as file:
    file.write("x")
while not os.path.exists({go!r}):
    time.sleep(0.005)
print("value", 6 * 7)
"""


class Running:
    """A run of the notebook that goes on while the test does."""

    def __init__(self, project: Project, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hozon", "run", "notebook.py", *options],
            cwd=project.folder,
            env={**os.environ, "HOZON_DISABLE": ""},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.told: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.told.extend(self.process.stderr)

    def has_told(self, words: str) -> bool:
        return any(words in line for line in self.told)

    def end(self) -> tuple[int, str]:
        """Its exit code and what its cells wrote."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        out = self.process.stdout.read()
        self._reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.wait(timeout=120), out


class Slow(NamedTuple):
    """A notebook with a cell that runs until it may go on."""

    project: Project
    may_go: Path

    def go(self) -> None:
        self.may_go.touch()

    def begun(self) -> str:
        """A mark for each time that the cell began."""
        file = self.project.folder / "begun.txt"
        return file.read_text() if file.exists() else ""


@pytest.fixture
def slow(project: Project) -> Iterator[Slow]:
    may_go = Path(f"/dev/shm/{uuid.uuid4()}")
    project.cells(SLOW.format(go=str(may_go)), "print('after')")
    yield Slow(project, may_go)
    may_go.unlink(missing_ok=True)


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(24_000):
        if holds():
            return
        time.sleep(0.005)
    raise AssertionError("it never came to that")


def first_and_second(slow: Slow) -> tuple[Running, Running]:
    """A run that runs the slow cell, and one that waits for it."""
    first = Running(slow.project)
    wait_until(lambda: slow.begun() == "x")
    second = Running(slow.project)
    wait_until(lambda: second.has_told("waits for another run of it"))
    return first, second


def test_the_second_run_waits_for_what_the_first_one_runs(slow: Slow) -> None:
    first, second = first_and_second(slow)
    slow.go()
    assert first.end() == second.end() == (0, "value 42\nafter\n")
    assert slow.begun() == "x"
    assert second.has_told("1 restored") or second.has_told("2 restored")


def test_a_run_that_is_killed_leaves_its_turn(slow: Slow) -> None:
    first, second = first_and_second(slow)
    first.process.kill()
    first.end()
    wait_until(lambda: slow.begun() == "xx")
    slow.go()
    assert second.end() == (0, "value 42\nafter\n")


def test_what_is_not_stored_is_run_by_each(slow: Slow) -> None:
    source = SLOW.format(go=str(slow.may_go))
    slow.project.cells(f"{source}\nraise ValueError", "print('after')")
    first, second = first_and_second(slow)
    slow.go()
    assert first.end() == second.end() == (1, "value 42\nafter\n")
    assert slow.begun() == "xx"


def test_a_run_that_waits_can_be_interrupted(slow: Slow, interruptible: None) -> None:
    first, second = first_and_second(slow)
    second.process.send_signal(signal.SIGINT)
    assert second.end() == (130, "")
    slow.go()
    assert first.end() == (0, "value 42\nafter\n")


def test_a_run_by_force_waits_for_nobody(slow: Slow) -> None:
    first = Running(slow.project)
    wait_until(lambda: slow.begun() == "x")
    second = Running(slow.project, "--force")
    wait_until(lambda: slow.begun() == "xx")
    slow.go()
    assert first.end() == second.end() == (0, "value 42\nafter\n")
