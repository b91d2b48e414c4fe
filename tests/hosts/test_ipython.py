"""Whole cells in IPython: what a session with `%hozon on` shows and keeps, beside one without."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ..conftest import Project

pytest.importorskip("IPython")
ON = "%load_ext hozon\n%hozon on"
PROMPT = (Path(__file__).parent / "prompt.py").read_text(encoding="utf-8")


class Session(NamedTuple):
    """What the cells of a session have shown, and what came of those that hozon has watched."""

    cells: list[dict[str, Any]]
    states: list[str]
    whys: list[str]

    def text(self, cell: int) -> str:
        """What a cell has written to stdout."""
        return "".join(one[1] for one in self.cells[cell]["shown"] if one[0] == "stdout")


def session(project: Project, cells: list[str], *, on: bool = True) -> Session:
    project.write("prompt.py", PROMPT)
    first = ON if on else "None"
    project.write("cells.json", json.dumps([first, *cells]))
    project.run("prompt.py", "cells.json", "result.json")
    result = json.loads((project.folder / "result.json").read_text(encoding="utf-8"))
    return Session(result["cells"][1:], result["states"], result["whys"])


def both(project: Project, cells: list[str]) -> tuple[Session, Session]:
    """A first session and a second one, each of which shows what one without hozon does."""
    plain = session(project, cells, on=False)
    first = session(project, cells)
    second = session(project, cells)
    assert first.cells == plain.cells
    assert second.cells == plain.cells
    return first, second


# Names of cases: cells, and how many of them the second session restores.
ALIKE: dict[str, tuple[list[str], int]] = {
    "values and functions": (["x = 1", "def f(a):\n    return a + x", "y = f(2)\ny", "print(y)"], 4),
    "imports": (["import math\nfrom os import path", "math.floor(2.5), path.basename('a/b')"], 2),
    "text and displays in their order": (
        ["import sys\nfrom IPython.display import display, HTML\nprint('a')\ndisplay(HTML('<b>b</b>'))\n"
         "print('c', file=sys.stderr)\n'd'"], 1),
    "a value by Out": (["[1, 2]", "Out[2][0]", "_ + 1", "_3"], 1),
    "a value that is a variable": (["a = [1]\na", "Out[2] is a"], 1),
    "nothing shown after a semicolon": (["a = 3", "a;"], 2),
    "changed in place": (["a = [1]", "b = a", "a.append(2)", "a, b, a is b"], 4),
    "order of execution": (["x = 1", "y = x + 1\ny", "x = 5", "y = x + 1\ny", "x = 1", "y = x + 1\ny"], 6),
    "deleted": (["a, b = 1, 2", "del a", "'a' in globals(), b"], 3),
    "an error": (["a = 1", "a = 2\n1 / 0", "a", "a + 1"], 3),
    "no Python": (["a = 1", "a b", "a"], 2),
    "a generator": (["g = (i for i in range(3))", "next(g)", "next(g)"], 0),
    "await": (["import asyncio\nasync def slow():\n    await asyncio.sleep(0)\n    return 4",
               "r = await slow()\nr", "r + 1"], 3),
    "seeded numbers": (["import random\nrandom.seed(3)", "a = random.random()\na", "b = random.random()\nb"], 3),
    "timed": (["%%capture\nprint('gone')\na = 1", "a"], 2),
    "a class": (["class A:\n    y = 2\n    def go(self):\n        return self.y", "a = A()\na.go()", "A.y = 3",
                 "a.go()"], 3),
    "a magic": (["a = 2", "%who_ls int", "a"], 2),
    "options": (["import decimal\ndecimal.getcontext().prec = 3", "str(decimal.Decimal(1) / 3)"], 2),
    "an environment variable": (["import os\nos.environ['HZ'] = 'a'", "os.environ['HZ']"], 2),
    "named displays": (["from IPython.display import display\nh = display(1, display_id='q')", "h.update(2)",
                        "display(3, display_id='r', update=True)"], 3),
    "threads": (["import threading\nr = []\nt = threading.Thread(target=lambda: (print('in'), r.append(1)))\n"
                 "t.start()\nt.join()\ndel t", "r"], 2),
    "a file": (["open('made.txt', 'w').write('a')", "open('made.txt').read()"], 2),
    "a warning": (["import warnings\nwarnings.simplefilter('always')", "a = 1\na"], 2),
    "star import": (["from math import *", "floor(2.5)"], 2),
    "walrus and comprehension": (["[y := x for x in range(3)]", "y"], 2),
    "indented": (["    a = 1\n    b = 2", "a + b"], 2),
    "empty cells": (["", "# a comment", "1"], 1),
    "a name of a builtin": (["list = [3]", "list[0]", "del list", "list('ab')"], 4),
}


@pytest.mark.parametrize("name", ALIKE)
def test_a_session_shows_what_it_does_without_hozon(name: str, project: Project) -> None:
    cells, restored = ALIKE[name]
    _, second = both(project, cells)
    assert second.states.count("restored") == restored, second
