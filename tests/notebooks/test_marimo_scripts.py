"""Marimo notebooks run as scripts, by marimo's own runner: functions and blocks in their cells."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from notebooks.notebook_project import Project

NOTE = "print('it runs')"
# A function that reads a private name, a private function, and a name of another cell.
FUNCTION = f"""_factor = 3
def _helper(x):
    return x + 1
@hozon.persistent_cache
def slow(x):
    {NOTE}
    return x * _factor + _helper(x) + base
print(slow(5))"""
# A block that reads and binds private names, and a value that an earlier one may leave it.
BLOCK = f"""_factor = 3
_left = 1
def _helper(x):
    return x + 1
with hozon.persistent_cache("block") as _block:
    {NOTE}
    _twice = 2 * _factor
    total = _twice + _helper(base)
    if total < 0:
        _left = 2
print(total, _twice, _left)"""
BASE = "import hozon\nbase = 10"
CACHED = {"function": FUNCTION, "block": BLOCK}
SHOWN = {"function": "31\n", "block": "17 6 1\n"}


@pytest.fixture
def script(project: Project) -> Callable[..., tuple[str, int]]:
    """Runs a notebook of these cells as a script. Gives what it prints, and how often what is cached ran."""

    def run(*cells: str) -> tuple[str, int]:
        project.marimo(*cells)
        done = subprocess.run(
            [sys.executable, "notebook.py"],
            cwd=project.folder,
            env={**os.environ, "HOZON_REPLAY": "0", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.replace("it runs\n", ""), done.stdout.count("it runs\n")

    return run


@pytest.mark.parametrize("what", CACHED)
def test_a_second_run_is_a_hit(script: Callable[..., tuple[str, int]], what: str) -> None:
    assert script(BASE, CACHED[what]) == (SHOWN[what], 1)
    assert script(BASE, CACHED[what]) == (SHOWN[what], 0)


@pytest.mark.parametrize("what", CACHED)
@pytest.mark.parametrize(
    ("old", "new"), [("_factor = 3", "_factor = 4"), ("x + 1", "x + 2")], ids=["value", "function"]
)
def test_an_edit_of_a_private_name_recomputes(
    script: Callable[..., tuple[str, int]], what: str, old: str, new: str
) -> None:
    script(BASE, CACHED[what])
    shown, ran = script(BASE, CACHED[what].replace(old, new))
    assert shown != SHOWN[what]
    assert ran == 1


@pytest.mark.parametrize("what", CACHED)
def test_an_edit_of_another_cell_recomputes(script: Callable[..., tuple[str, int]], what: str) -> None:
    script(BASE, CACHED[what])
    shown, ran = script(BASE.replace("10", "11"), CACHED[what])
    assert shown != SHOWN[what]
    assert ran == 1


@pytest.mark.parametrize("what", CACHED)
def test_places_and_comments_do_not_count(script: Callable[..., tuple[str, int]], what: str) -> None:
    script(BASE, CACHED[what])
    assert script("# another\n" + BASE, "# a comment\n" + CACHED[what].replace("3", "(3)")) == (
        SHOWN[what],
        0,
    )


def test_a_value_that_a_block_may_leave_counts(script: Callable[..., tuple[str, int]]) -> None:
    script(BASE, BLOCK)
    assert script(BASE, BLOCK.replace("_left = 1", "_left = 7")) == ("17 6 7\n", 1)


@pytest.mark.parametrize("what", CACHED)
def test_the_same_cell_at_another_place(script: Callable[..., tuple[str, int]], what: str) -> None:
    # Marimo names private names by the place of their cell.
    script(BASE, CACHED[what])
    assert script("other = 1", BASE, CACHED[what]) == (SHOWN[what], 0)


def test_private_names_of_two_cells(script: Callable[..., tuple[str, int]]) -> None:
    second = BLOCK.replace('"block"', '"second"').replace("total", "result").replace("= 3", "= 5")
    assert script(BASE, BLOCK, second) == ("17 6 1\n21 10 1\n", 2)
    assert script(BASE, BLOCK, second) == ("17 6 1\n21 10 1\n", 0)
    assert script(BASE, BLOCK, second.replace("= 5", "= 6")) == ("17 6 1\n23 12 1\n", 1)


@pytest.mark.parametrize("what", CACHED)
def test_what_marimos_kernel_has_stored_is_a_hit(
    project: Project, script: Callable[..., tuple[str, int]], what: str
) -> None:
    project.marimo(BASE, CACHED[what])
    exported = [sys.executable, "-m", "marimo", "-q", "export", "html", "notebook.py", "-o", "out.html"]
    subprocess.run(exported, cwd=project.folder, capture_output=True, timeout=240, check=True)
    assert script(BASE, CACHED[what]) == (SHOWN[what], 0)
