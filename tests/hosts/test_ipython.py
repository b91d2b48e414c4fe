"""Whole cells in IPython: what a session with `%hozon on` shows and keeps, beside one without."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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
    for cell, without in zip([*first.cells, *second.cells], [*plain.cells, *plain.cells], strict=True):
        # A stand-in says that it is one.
        stands_in = "only how it looked was kept" in cell["out"]
        assert cell == (without | {"out": cell["out"]} if stands_in else without)
    return first, second


# Names of cases: cells, and how many of them the second session restores.
ALIKE: dict[str, tuple[list[str], int]] = {
    "values and functions": (["x = 1", "def f(a):\n    return a + x", "y = f(2)\ny", "print(y)"], 4),
    "imports": (["import math\nfrom os import path", "math.floor(2.5), path.basename('a/b')"], 2),
    "text and displays in their order": (
        [
            "import sys\nfrom IPython.display import display, HTML\nprint('a')\ndisplay(HTML('<b>b</b>'))\n"
            "print('c', file=sys.stderr)\n'd'"
        ],
        1,
    ),
    "a value by Out": (["[1, 2]", "Out[2][0]", "_ + 1", "_3"], 1),
    "a value that is a variable": (["a = [1]\na", "Out[2] is a"], 1),
    "nothing shown after a semicolon": (["a = 3", "a;"], 2),
    "changed in place": (["a = [1]", "b = a", "a.append(2)", "a, b, a is b"], 4),
    "order of execution": (["x = 1", "y = x + 1\ny", "x = 5", "y = x + 1\ny", "x = 1", "y = x + 1\ny"], 6),
    "deleted": (["a, b = 1, 2", "del a", "'a' in globals(), b"], 3),
    "an error": (["a = 1", "a = 2\n1 / 0", "a", "a + 1"], 3),
    "no Python": (["a = 1", "a b", "a"], 2),
    "a generator": (["g = (i for i in range(3))", "next(g)", "next(g)"], 0),
    "await": (
        [
            "import asyncio\nasync def slow():\n    await asyncio.sleep(0)\n    return 4",
            "r = await slow()\nr",
            "r + 1",
        ],
        3,
    ),
    "seeded numbers": (
        ["import random\nrandom.seed(3)", "a = random.random()\na", "b = random.random()\nb"],
        3,
    ),
    "timed": (["%%capture\nprint('gone')\na = 1", "a"], 2),
    "a class": (
        [
            "class A:\n    y = 2\n    def go(self):\n        return self.y",
            "a = A()\na.go()",
            "A.y = 3",
            "a.go()",
        ],
        3,
    ),
    "a magic": (["a = 2", "%who_ls int", "a"], 2),
    "options": (["import decimal\ndecimal.getcontext().prec = 3", "str(decimal.Decimal(1) / 3)"], 2),
    "an environment variable": (["import os\nos.environ['HZ'] = 'a'", "os.environ['HZ']"], 2),
    "named displays": (
        [
            "from IPython.display import display\nh = display(1, display_id='q')",
            "h.update(2)",
            "display(3, display_id='r', update=True)",
        ],
        3,
    ),
    "threads": (
        [
            "import threading\nr = []\nt = threading.Thread(target=lambda: (print('in'), r.append(1)))\n"
            "t.start()\nt.join()\ndel t",
            "r",
        ],
        2,
    ),
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


def states_after(project: Project, cells: list[str], edited: list[str]) -> list[str]:
    """What comes of cells that were edited, after a session of those before; they show what they would without."""
    session(project, cells)
    plain = session(project, edited, on=False)
    now = session(project, edited)
    assert now.cells == plain.cells
    return now.states


CELLS = [
    "import helping",
    "K = 2",
    "def f(a):\n    return a * K",
    "y = f(3)",
    "z = helping.add(y)",
    "print(y, z)",
]
HELPING = "def add(x):\n    return x + 1\n\ndef other(x):\n    return x\n"
R, S = "restored", "stored"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a * K", "a * K  # a comment", [R, R, R, R, R, R]),
        ("a * K", "a * K + 1", [R, R, S, S, S, S]),
        ("K = 2", "K = 2\nL = 1", [R, S, R, R, R, R]),
        ("K = 2", "K = 3", [R, S, R, S, S, S]),
        ("f(3)", "f(1 + 2)", [R, R, R, S, R, R]),
        ("print(y, z)", "print(y, z, 1)", [R, R, R, R, R, S]),
    ],
)
def test_an_edit_runs_what_depends_on_it(old: str, new: str, expected: list[str], project: Project) -> None:
    project.write("helping.py", HELPING)
    edited = [cell.replace(old, new) for cell in CELLS]
    assert states_after(project, CELLS, edited) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [("x + 1", "x + 2", [R, R, R, R, S, S]), ("    return x\n", "    return -x\n", [R, R, R, R, R, R])],
)
def test_an_edit_of_a_local_module(old: str, new: str, expected: list[str], project: Project) -> None:
    project.write("helping.py", HELPING)
    session(project, CELLS)
    project.write("helping.py", HELPING.replace(old, new))
    assert session(project, CELLS).states == expected


def test_a_file_that_changes_runs_what_reads_it(project: Project) -> None:
    cells = ["text = open('data.txt').read()", "text.upper()", "1 + 1"]
    project.write("data.txt", "one")
    session(project, cells)
    project.write("data.txt", "two")
    assert states_after(project, cells, cells) == [R, R, R]
    project.write("data.txt", "three")
    now = session(project, cells)
    assert now.states == [S, S, R]
    assert now.cells[1]["out"] == "'THREE'"


def test_names_that_were_there_before_count_by_their_values(project: Project) -> None:
    cells = ["y = x * 2\ny", "lock = [g]\nlen(lock)"]

    def started_with(value: str) -> Session:
        before = f"SHELL:shell.user_ns.update(x={value}, g=(i for i in []))"
        return session(project, [before, *cells])

    assert started_with("1").states == [S, "ran"]
    assert started_with("1").states == [R, "ran"]
    edited = started_with("5")
    assert edited.states == [S, "ran"]
    assert edited.cells[0]["out"] == "10"


def test_a_name_that_no_cell_has_set_counts_by_what_it_is(project: Project) -> None:
    cells = ["x = 1", "SHELL:shell.user_ns['x'] = 7", "y = x\ny"]
    assert session(project, cells).cells[-1]["out"] == "7"
    now = session(project, [cells[0].replace("1", "2"), *cells[1:]])
    assert (now.states, now.cells[-1]["out"]) == ([S, R], "7")
    now = session(project, ["x = 1", "SHELL:shell.user_ns['x'] = 8", "y = x\ny"])
    assert (now.states, now.cells[-1]["out"]) == ([R, S], "8")


def test_seeds_before_hozon_was_switched_on_count(project: Project) -> None:
    def drawn(seed: int) -> Session:
        cells = [f"import random\nrandom.seed({seed})", ON, "a = random.random()\na"]
        return session(project, cells, on=False)

    first = drawn(1).cells[-1]["out"]
    assert drawn(1).cells[-1]["out"] == first
    again = drawn(2)
    assert again.cells[-1]["out"] != first
    assert again.states == [S]


def test_hozon_run_has_what_a_session_stored_and_the_other_way_round(project: Project) -> None:
    cells = ["import math\nx = 2", "def f(a):\n    return math.sqrt(a)", "y = f(x)\nprint('made')\ny"]
    notebook = {
        "nbformat": 4, "nbformat_minor": 5, "metadata": {},
        "cells": [
            {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "id": f"c{at}", "source": text}
            for at, text in enumerate([ON, *cells])
        ],
    }  # fmt: skip
    project.write("notebook.ipynb", json.dumps(notebook))
    session(project, cells)
    report = json.loads(project.run("-m", "hozon", "run", "notebook.ipynb", "--json").stdout)
    assert [cell["state"] for cell in report["cells"]] == ["ran", R, R, R]

    project.write("other/pyproject.toml", "")
    for name in ("notebook.ipynb", "prompt.py"):
        project.write(f"other/{name}", (project.folder / name).read_text())
    project.folder /= "other"
    project.run("-m", "hozon", "run", "notebook.ipynb")
    assert session(project, cells).states == [R, R, R]


def test_a_fault_of_hozon_runs_the_cell(project: Project) -> None:
    break_it = (
        "SHELL:import hozon.hosts._live as live\n"
        "def begin(*_): raise OSError('no')\n"
        "live.LiveSession.begin = begin"
    )
    now = session(project, ["x = 1", break_it, "x = 2\nprint(x)", "x"])
    assert now.text(1) == "2\n"
    assert now.cells[2]["out"] == "2"
    assert now.states == [S]


def test_a_damaged_store_runs_the_cells(project: Project) -> None:
    cells = ["x = list(range(1000))", "sum(x)"]
    plain = session(project, cells)
    for path in project.store.rglob("*"):
        if path.is_file() and "index" not in path.name:
            path.write_bytes(b"\0" * path.stat().st_size)
    now = session(project, cells)
    assert now.cells == plain.cells


def test_one_cell_alone(project: Project) -> None:
    cells = ["%load_ext hozon", "x = 1\nprint('in x')", "%%cache\ny = x + 1\nprint('in y')\ny"]
    assert session(project, cells, on=False).states == [S]
    again = session(project, cells, on=False)
    assert again.states == [R]
    assert (again.text(2), [one for one in again.cells[2]["shown"] if one[0] == "value"]) == (
        "in y\n", [["value", {"text/plain": "2"}]]
    )  # fmt: skip


def test_what_unwatched_code_changes_in_place_counts(project: Project) -> None:
    """What cells have done while hozon was off is in no key; what they have left counts."""
    cells = ["a = [1]", "b = 7", "%hozon off", "a.append(2)", "%hozon on", "c = len(a)\nc", "b"]
    assert session(project, cells).cells[5]["out"] == "2"
    without = [cell for cell in cells if "append" not in cell]
    now = session(project, without)
    assert (now.cells[4]["out"], now.states) == ("1", [R, R, S, R])
    assert session(project, cells).states == [R, R, R, R]
    silent = ["a = [1]", "b = 7", "SHELL:shell.run_cell('a.append(2)', silent=True)", "c = len(a)\nc", "b"]
    now = session(project, silent)
    assert (now.cells[2]["out"], now.states) == ("2", [R, R, R, R])
    by_command = ["a = [1]", "b = 7", "%timeit -n1 -r1 a.append(2)", "c = len(a)\nc"]
    assert session(project, by_command).cells[3]["out"] == "2"


@pytest.mark.parametrize(
    ("cells", "old", "new"),
    [
        (["a = [1]\na", "a.append(2)", "Out[2]"], "append(2)", "append(5)"),
        (["a = [1]", "a", "Out[3].append(3)", "b = len(a)\nb"], "append(3)", "extend([3, 4])"),
        (["a = [1]", "a", "_.append(3)", "len(a)"], "_.append(3)", "None"),
        (
            ["a = [1]\na", "a.append(2)", "_, _2, Out[2] is a, _2 is a", "__, ___"],
            "append(2)",
            "extend([5, 6])",
        ),
        (["a = [1]\nb = {'k': a}\nb", "b", "a.append(2)", "Out[2], Out[3] is b"], "append(2)", "append(5)"),
    ],
)
def test_values_that_were_shown_are_the_variables_own(
    cells: list[str], old: str, new: str, project: Project
) -> None:
    both(project, cells)
    edited = [cell.replace(old, new) for cell in cells]
    both(project, edited)
    both(project, cells)


@pytest.mark.parametrize(
    "cells",
    [
        ["a = [1]\nb = [2]\na", "b", "a, b = b, a", "a.append(5)", "Out[2], Out[3], a, b"],
        ["a = [1]\na", "a.append(2); a = [7]", "Out[2], a"],
        ["a = [1]\na", "def f():\n    global a\n    a.append(2)\n    a = [3]", "f()", "Out[2], a"],
        ["a = [1]\na", "a.append(2); del a", "Out[2]"],
        ["a = [1]\na", "b = (a, 7); a = [9]", "b[0].append(3)", "Out[2], a, b"],
        ["a = [1]\na", "y = _", "a.append(2)", "y is a, y"],
    ],
)
def test_what_was_shown_is_changed_though_no_name_leads_to_it(cells: list[str], project: Project) -> None:
    both(project, cells)


def test_a_name_that_is_given_anew_is_restored_though_it_was_shown(project: Project) -> None:
    cells = ["a = [1]\na", "a = [*a, 2]", "a = [5]", "a"]
    assert both(project, cells)[1].states == [R, R, R, R]


def test_a_stand_in_does_not_look_like_a_value(project: Project) -> None:
    """What it was made of may have changed since."""
    cells = ["d = {'a': 1}\nd.keys()", "d['b'] = 2", "Out[2]"]
    session(project, cells)
    now = session(project, cells)
    assert now.cells[0]["shown"] == [["value", {"text/plain": "dict_keys(['a'])"}]]
    assert "only how it looked was kept" in now.cells[2]["out"]


def test_what_was_shown_changes_with_a_variable_that_is_restored(project: Project) -> None:
    cells = ["a = [1]\na", "a.append(2)", "a", "_.append(3)\nOut[2] is a, a"]
    first, second = both(project, cells)
    assert first.states == [S, S, S, "ran"]
    assert second.states == [R, R, R, "ran"]


def test_what_was_shown_stays_where_a_name_is_given_anew(project: Project) -> None:
    """By a function, so that the cell's text does not say so."""
    cells = ["a = [1]\na", "def renew():\n    global a\n    a = [2]", "renew()", "Out[2], a"]
    assert both(project, cells)[1].states == [R, R, R, "ran"]


def test_a_part_of_what_was_shown_is_changed_by_running_the_cell(project: Project) -> None:
    cells = ["a = [1]\nb = (a, 7)", "(a, 8)", "a.append(2)", "a"]
    second = both(project, cells)[1]
    assert second.states == [R, R, R, R]
    cells[1:1] = ["SHELL:shell.user_ns['Out'][100] = (shell.user_ns['a'], 9)"]
    second = both(project, [*cells, "Out[100]"])[1]
    assert second.states == [R, R, S, R, "ran"]
    assert "`a` is changed in place, and is among the values that were shown" in second.whys[2]


def test_a_library_that_is_loaded_later_sets_nothing_for_later_cells(project: Project) -> None:
    """The cell that loads more of it first is restored; another one, which has to run, loads that then."""
    project.write(
        "site-packages/library/__init__.py",
        "def warm():\n    from library import more\n    return 1\n\ndef fill(target):\n    warm()\n    target.append(2)\n",
    )
    project.write("site-packages/library/more.py", "HELD = [1]\n")
    project.write(
        "site-packages/library-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: library\nVersion: 1.0\n"
    )
    project.write("site-packages/library-1.0.dist-info/RECORD", "library/__init__.py,,\n")
    reach = "SHELL:import os, sys; sys.path.insert(0, os.path.abspath('site-packages'))"
    cells = [
        reach,
        "import library\nn = library.warm()\na = [1]",
        "library.fill(a)\ng = (i for i in [1])",
        "x = 5",
    ]
    assert session(project, cells).states == [S, S, S]
    now = session(project, cells)
    assert now.states == [R, S, R]
    assert "`g` is only had by running it" in now.whys[1]


def test_a_shown_value_that_holds_a_variable_is_not_made_again(project: Project) -> None:
    """A copy would not change with the variable: what stands in its place says so."""
    cells = ["a = [1]\n(a, 7)", "a.append(2)", "Out[2][0]"]
    session(project, cells)
    now = session(project, cells)
    assert now.cells[0]["shown"] == [["value", {"text/plain": "([1], 7)"}]]
    assert "only how it looked was kept" in now.cells[2]["error"]


def test_answers_are_not_stored(project: Project) -> None:
    def asked(answer: str) -> Session:
        stand_in = f"SHELL:import builtins; builtins.input = lambda *_: {answer!r}"
        return session(project, [stand_in, "name = input('who? ')\nname", "x = 1"])

    assert asked("one").cells[0]["out"] == "'one'"
    now = asked("two")
    assert (now.cells[0]["out"], now.states) == ("'two'", ["ran", R])


def test_every_value_that_is_shown_where_the_shell_shows_all(project: Project) -> None:
    cells = ["SHELL:shell.ast_node_interactivity = 'all'", "1\n2", "x = 3\nx"]
    plain = session(project, cells, on=False)
    assert session(project, cells).cells == plain.cells
    assert session(project, cells).cells == plain.cells


def test_a_future_import_counts_for_later_cells(project: Project) -> None:
    cells = ["from __future__ import annotations", "def f(a: undefined): ...", "f.__annotations__"]
    session(project, cells)
    assert session(project, cells).cells[2]["out"] == "{'a': 'undefined'}"


def test_switched_off_cells_run(project: Project) -> None:
    cells = ["x = 1", "%hozon off", "x = 2\nprint('ran')", "%hozon on", "y = x\ny"]
    session(project, cells)
    now = session(project, cells)
    assert now.states == [R, R]
    assert now.cells[-1]["out"] == "2"


def test_a_cell_that_says_off_runs(project: Project) -> None:
    cells = ["# hozon: off\nx = 1", "x"]
    session(project, cells)
    now = session(project, cells)
    assert now.states == ["ran", R]
    assert now.whys[0] == "it says `# hozon: off`"


def test_status_and_why(project: Project) -> None:
    now = session(project, ["x = 1", "%hozon status", "y = x", "%hozon why", "%hozon nonsense"])
    assert "1 cell: 0 restored" in now.text(1)
    assert "notebook.ipynb: cell 1: ran, stored" in now.text(1)
    assert now.text(3).splitlines() == ["notebook.ipynb: cell 2 ran", "  first run"]
    now = session(project, ["x = 2", "y = x", "%hozon why"])
    assert "x" in now.text(2)


def test_what_is_cleared_runs_in_the_next_session(project: Project) -> None:
    """Whether it was restored or has run, and nothing of another notebook."""
    project.write("other.py", "import hozon\nwith hozon.persistent_cache('kept'):\n    a = 1\n")
    project.run("other.py")
    cells = ["x = 1", "y = x + 1"]
    session(project, cells)
    now = session(project, [*cells, "z = y\nz", "%hozon clear", "%hozon clear", "z + 1"])
    assert now.text(3) == "removed the results of 3 cells\n"
    assert now.text(4) == "removed the results of 0 cells\n"
    assert now.cells[5]["out"] == "3"
    now = session(project, [*cells, "%hozon why"])
    assert now.states == [S, S]
    assert "removed by `%hozon clear`" in now.text(2)
    assert "kept" in project.run("-m", "hozon", "ls").stdout


def test_the_configuration_switches_it_on(project: Project) -> None:
    project.write("pyproject.toml", "[tool.hozon]\ncells = true\n")
    cells = ["%load_ext hozon", "x = 1", "%hozon off", "y = 1", "%hozon on", "z = 1"]
    assert session(project, cells, on=False).states == [S, S]
    assert session(project, cells, on=False).states == [R, R]
    project.write("pyproject.toml", "[tool.hozon]\ncells = false\n")
    assert session(project, cells, on=False).states == [R]


def test_of_sessions_at_once_one_runs_a_cell(project: Project) -> None:
    project.write("prompt.py", PROMPT)
    cell = "import time\ntime.sleep(1.0)\nopen('runs.txt', 'a').write('x')\nprint('made')\nx = 5"
    project.write("cells.json", json.dumps([ON, cell, "x"]))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOZON_")}
    started = [
        subprocess.Popen(
            [sys.executable, "prompt.py", "cells.json", f"result{number}.json"],
            cwd=project.folder, env=inherited | project.settings(),
        )
        for number in range(4)
    ]  # fmt: skip
    assert [process.wait(timeout=60) for process in started] == [0] * 4
    assert (project.folder / "runs.txt").read_text() == "x"
    for number in range(4):
        result = json.loads((project.folder / f"result{number}.json").read_text(encoding="utf-8"))
        assert result["cells"][2]["out"] == "5"
        assert result["cells"][1]["shown"] == [["stdout", "made\n"]]


def test_the_extension_can_be_unloaded(project: Project) -> None:
    cells = ["x = 1", "%unload_ext hozon", "y = x\ny"]
    assert session(project, cells).cells[-1]["out"] == "1"
