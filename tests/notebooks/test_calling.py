"""`hozon.run`: what a notebook's names hold, in a program, with as little running as `hozon run`."""

from __future__ import annotations

import os
import random
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hozon
from hozon import _hosting, _receiving
from notebooks.notebook_project import Project


@pytest.fixture(autouse=True)
def in_project(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs stand in the folder of the notebook, as the command does."""
    monkeypatch.chdir(project.folder)
    # pytest makes this one up.
    monkeypatch.delenv("PYTEST_CURRENT_TEST", raising=False)


class Started:
    """The processes that were started."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ran: list[int] = []
        self.processes = 0
        counted = self

        class Counted(_receiving._HeardProcess):
            def __init__(self, *arguments: Any) -> None:
                counted.processes += 1
                super().__init__(*arguments)

            def ask(self, request: dict[str, Any], on_shown: Any = None) -> dict[str, Any]:
                if request["do"] == "run":
                    counted.ran.append(request["cell"] + 1)
                return super().ask(request, on_shown)

        monkeypatch.setattr(_receiving, "_HeardProcess", Counted)

    def clear(self) -> None:
        self.ran.clear()
        self.processes = 0


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    return Started(monkeypatch)


def test_names_and_values(project: Project, started: Started) -> None:
    project.cells("x = 2", "y = [x, x * 3]\nprint('not shown')", "z = {'y': y}\n'shown'")
    found = hozon.run("notebook.py")
    assert isinstance(found, dict)
    assert found == {"x": 2, "y": [2, 6], "z": {"y": [2, 6]}}
    assert found["z"]["y"] is found["y"]
    assert started.ran == [1, 2, 3]


def test_where_nothing_is_stale_no_process_is_started(project: Project, started: Started) -> None:
    project.cells("x = 2", "y = [x]")
    first = hozon.run("notebook.py")
    started.clear()
    second = hozon.run(project.folder / "notebook.py")
    assert started.processes == 0
    assert second == first
    # Each caller has values of its own.
    second["y"].append(3)
    assert hozon.run("notebook.py")["y"] == [2]


def test_only_what_an_edit_concerns_runs(project: Project, started: Started) -> None:
    project.cells("a = 1", "b = 10", "c = a + 1", "d = b + 1")
    hozon.run("notebook.py")
    started.clear()
    project.cells("a = 5", "b = 10", "c = a + 1", "d = b + 1")
    assert hozon.run("notebook.py") == {"a": 5, "b": 10, "c": 6, "d": 11}
    assert started.ran == [1, 3]


def test_an_edited_helper_counts_though_this_process_has_the_old_one(
    project: Project, started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("own_helpers_1.py", "def double(x):\n    return x * 2\n")
    project.cells("from own_helpers_1 import double", "y = double(4)")
    first = hozon.run("notebook.py")
    assert first["y"] == 8
    assert first["double"](1) == 2
    project.write("own_helpers_1.py", "def double(x):\n    return x * 3\n")
    second = hozon.run("notebook.py")
    assert second["y"] == 12
    # The old code must not pass for the new one.
    assert "double" not in second
    with pytest.raises(hozon.UnavailableError, match="before its file changed"):
        second["double"]
    monkeypatch.delitem(sys.modules, "own_helpers_1")


def test_the_command_and_programs_restore_what_the_other_stored(project: Project, started: Started) -> None:
    project.cells("a = 1", "b = [a]", "c = len(b)")
    assert project.run().ran == [1, 2, 3]
    assert hozon.run("notebook.py")["b"] == [1]
    assert started.processes == 0
    assert hozon.run("notebook.py", a=7)["b"] == [7]
    assert project.run("-p", "a=7").ran == []
    project.run("-p", "a=8")
    started.clear()
    assert hozon.run("notebook.py", a=8) == {"a": 8, "b": [8], "c": 1}
    assert started.processes == 0


# Parameters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        3,
        -0.0,
        float("inf"),
        True,
        None,
        "7",
        "a'b",
        b"x",
        (1, "a"),
        [1, [2]],
        {"a": {1}},
        np.float64(2.5),
        np.arange(5.0),
    ],
    ids=repr,
)
def test_parameters_are_what_cells_read(project: Project, value: Any, started: Started) -> None:
    project.cells("a = 1", "seen = (type(a).__name__, repr(a))")
    for _ in range(2):
        found = hozon.run("notebook.py", a=value)
        assert found["a"] is value
        assert found["seen"] == (type(value).__name__, repr(value))
    assert started.processes == 1


def test_a_parameter_that_is_changed_in_place(project: Project) -> None:
    project.cells("a = [1]", "a.append(2)", "b = sum(a)")
    given = [5] * 2000
    assert hozon.run("notebook.py", a=given)["b"] == 10002
    assert given == [5] * 2000
    assert hozon.run("notebook.py", a=given)["a"] == [*given, 2]


def test_other_parameters_are_another_run(project: Project, started: Started) -> None:
    project.cells("a = 1", "other = 2", "b = a * 10")
    assert hozon.run("notebook.py", a=2)["b"] == 20
    started.clear()
    assert hozon.run("notebook.py", a=3)["b"] == 30
    assert started.ran == [3]
    assert hozon.run("notebook.py")["b"] == 10


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"nothing": 1}, "gives nothing a value"),
        ({"a": open(os.devnull)}, "parameter `a` has no digest"),  # noqa: SIM115
    ],
)
def test_parameters_that_cannot_be_used(project: Project, parameters: dict[str, Any], said: str) -> None:
    project.cells("a = 1")
    with pytest.raises(hozon.NotebookError, match=said):
        hozon.run("notebook.py", **parameters)


def test_a_function_of_this_program_alone_is_refused(project: Project) -> None:
    project.cells("a = 1")
    with pytest.raises(hozon.NotebookError, match="parameter `a` cannot be given to the cells"):
        hozon.run("notebook.py", a=lambda: 1)


# Errors -------------------------------------------------------------------------------------------


def test_a_cell_that_fails(project: Project, started: Started) -> None:
    project.cells("a = 1", "b = a / 0", "c = b", "d = a + 1")
    with pytest.raises(
        hozon.CellError, match=r"cell 2 \(b = a / 0, notebook.py:\d+\) failed: ZeroDivisionError"
    ) as raised:
        hozon.run("notebook.py")
    error = raised.value
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert error.number == 2
    assert error.namespace == {"a": 1, "d": 2}
    assert "b = a / 0" in "".join(error.__notes__)
    started.clear()
    project.cells("a = 1", "b = a / 1", "c = b", "d = a + 1")
    assert hozon.run("notebook.py") == {"a": 1, "b": 1.0, "c": 1.0, "d": 2}
    assert started.ran == [2, 3]


def test_an_exception_of_the_notebooks_own(project: Project) -> None:
    project.cells(
        "class Odd(Exception):\n    pass",
        "def fail():\n    raise Odd('one', 2)",
        "fail()",
        "raise KeyError('other')",
    )
    with pytest.raises(hozon.CellError) as raised:
        hozon.run("notebook.py")
    cause = raised.value.__cause__
    assert type(cause).__name__ == "Odd"
    assert cause.args == ("one", 2)
    assert "cell 4" in "".join(raised.value.__notes__)


def test_an_exception_that_does_not_pickle(project: Project) -> None:
    project.cells("import threading\nraise ValueError(threading.Lock())")
    with pytest.raises(hozon.CellError, match="failed: ValueError: <unlocked") as raised:
        hozon.run("notebook.py")
    assert raised.value.__cause__ is None


def test_a_cell_whose_text_is_no_python(project: Project) -> None:
    project.cells("a = 1", "b = = 2")
    with pytest.raises(hozon.CellError, match=r"cell 2 .* cannot run") as raised:
        hozon.run("notebook.py")
    assert raised.value.namespace == {"a": 1}


def test_a_process_that_dies(project: Project) -> None:
    project.cells("a = 1", "import os\nos._exit(3)", "b = 2")
    with pytest.raises(hozon.CellError, match="exit code 3") as raised:
        hozon.run("notebook.py")
    assert raised.value.namespace == {"a": 1, "b": 2}


@pytest.mark.parametrize(("name", "text"), [("data.csv", "a,b"), ("broken.ipynb", "{")])
def test_files_that_are_no_notebooks(project: Project, name: str, text: str) -> None:
    project.write(name, text)
    with pytest.raises(hozon.NotebookError, match=name):
        hozon.run(name)


def test_no_file(project: Project) -> None:
    with pytest.raises(FileNotFoundError):
        hozon.run("nothing.py")


# What comes here, and what does not ---------------------------------------------------------------


def test_functions_classes_and_modules(project: Project, started: Started) -> None:
    project.cells(
        "import math",
        "RATE = 3",
        "class Pair:\n    def __init__(self, x):\n        self.x = x",
        "def tripled(x):\n    return RATE * x + math.floor(0.5)",
        "pair = Pair(tripled(2))",
    )
    for _ in range(2):
        found = hozon.run("notebook.py")
        assert found["math"] is sys.modules["math"]
        assert found["tripled"](5) == 15
        assert type(found["pair"]) is found["Pair"]
        assert found["pair"].x == 6
    assert started.processes == 1


def test_what_cannot_leave_the_process_of_the_cells(project: Project) -> None:
    project.cells("import threading\nlock = threading.Lock()", "half = lambda x: x / 2", "y = half(3)")
    for _ in range(2):
        found = hozon.run("notebook.py")
        assert found["y"] == 1.5
        assert sorted(found) == ["threading", "y"]
        assert sorted(found.unavailable) == ["half", "lock"]
        with pytest.raises(hozon.UnavailableError, match="`lock` is not here"):
            found["lock"]
        with pytest.raises(KeyError, match="nothing"):
            found["nothing"]


def test_values_that_are_not_stored(project: Project, started: Started) -> None:
    project.cells(
        "# hozon: off\nclass Own:\n    pass\nown = Own()\nitems = [own]",
        "# hozon: off\nagain = items",
        "size = len(again)",
    )
    for _ in range(2):
        started.clear()
        found = hozon.run("notebook.py")
        assert type(found["own"]) is found["Own"]
        assert found["items"] == [found["own"]]
        assert found["again"] is found["items"]
        assert found["size"] == 1
        assert started.processes == 1


def test_names_that_are_gone_or_given_anew(project: Project) -> None:
    project.cells("x = [1]", "y = x", "x = 2", "z = 3", "del z")
    for _ in range(2):
        assert hozon.run("notebook.py") == {"x": 2, "y": [1]}


def test_changes_in_place_and_shared_objects(project: Project) -> None:
    project.cells("a = [1]", "b = {'a': a}", "a.append(2)")
    for _ in range(2):
        found = hozon.run("notebook.py")
        assert found == {"a": [1, 2], "b": {"a": [1, 2]}}
        assert found["b"]["a"] is found["a"]


def test_a_marimo_notebook_without_its_private_names(project: Project) -> None:
    pytest.importorskip("marimo")
    project.write(
        "app.py",
        "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n    _private = 4\n    x = _private + 1\n"
        "    return (x,)\n\n\n@app.cell\ndef _(x):\n    y = x * 2\n    return (y,)\n",
    )
    assert hozon.run("app.py") == {"x": 5, "y": 10}
    assert hozon.run("app.py", x=1)["y"] == 2


def test_mo_stop_leaves_names_out(project: Project) -> None:
    pytest.importorskip("marimo")
    project.write(
        "app.py",
        "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n    import marimo as mo\n"
        "    return (mo,)\n\n\n@app.cell\ndef _(mo):\n    mo.stop(True)\n    late = 2\n    return (late,)\n\n\n"
        "@app.cell\ndef _():\n    other = 3\n    return (other,)\n",
    )
    found = hozon.run("app.py")
    assert found["other"] == 3
    assert "late" not in found
    assert found.unavailable["late"] == "cell 2 has given it no value"


def state_of_this_process() -> tuple[object, ...]:
    return (
        os.getcwd(),
        list(sys.path),
        sys.modules["__main__"],
        random.getstate(),
        list(warnings.filters),
        sys.stdout,
    )


def test_this_process_stays_as_it_is(project: Project) -> None:
    project.write("data/x.txt", "x")
    project.cells(
        "import os, sys, random, warnings\nos.chdir('data')\nsys.path.insert(0, '/nowhere')\nrandom.seed(5)",
        "os.environ['FROM_A_CELL'] = '1'\nwarnings.simplefilter('ignore')",
        "text = open('x.txt').read() + str(random.random())",
    )
    random.seed(1)
    before = state_of_this_process()
    for _ in range(2):
        assert hozon.run("notebook.py")["text"].startswith("x0.")
        assert state_of_this_process() == before
        assert "FROM_A_CELL" not in os.environ


def test_what_cells_do_that_cannot_be_verified_is_warned_of(project: Project) -> None:
    project.cells("import os\nx = os.urandom(3)")
    with pytest.warns(hozon.HozonWarning, match="draws random numbers"):
        hozon.run("notebook.py")


def test_inside_a_cached_function(project: Project) -> None:
    """Its notebook is an input of the function; what else the cells look at is warned of."""
    project.cells("x = 1")

    @hozon.persistent_cache
    def of_notebook() -> int:
        return int(hozon.run("notebook.py")["x"])

    with pytest.warns(hozon.HozonWarning, match="hozon.run of notebook.py"):
        assert of_notebook() == 1
    project.cells("x = 2")
    assert of_notebook() == 2


def test_settings_are_found_as_the_command_finds_them(project: Project, tmp_path: Path) -> None:
    project.write("pyproject.toml", "[tool.hozon]\nsave_path = 'elsewhere'\n")
    project.cells("x = 1")
    hozon.run("notebook.py")
    assert (tmp_path / "elsewhere" / "CACHEDIR.TAG").exists()
    assert project.run().ran == []
    assert _hosting.site_folders()
