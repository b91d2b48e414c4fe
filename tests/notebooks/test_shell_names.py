"""Names that IPython's shell gives in Jupyter's notebooks: what cells have shown, and their sources."""

from __future__ import annotations

import json

import pytest

from notebooks.notebook_project import Project, Run


def run(project: Project, *cells: str, **options: str) -> Run:
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    made = [{**cell, "id": f"c{number}", "source": text} for number, text in enumerate(cells)]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}
    project.write("notebook.ipynb", json.dumps(notebook))
    done = project.run(*(f"{name}={value}" for name, value in options.items()), name="notebook.ipynb")
    assert done.code == 0, done.err
    return done


READS = ["Out[1] * 2", "_1 * 2", "_ * 2", "___ * 2", "_oh[1] * 2", "Out.get(1) * 2", "(lambda: Out[1] * 2)()"]


@pytest.mark.parametrize("read", READS)
def test_what_a_cell_has_shown_is_an_input_of_who_reads_it(project: Project, read: str) -> None:
    others = ["x = 5", "x;", "None"]
    # `___` is the third from last.
    others = ["2", "3", *others] if "___" in read else others
    number = len(others) + 2

    def cells(first: str, *more: str) -> list[str]:
        return [first, *others, *more, read]

    assert run(project, *cells("1 + 1")).text(number) == "4"
    assert run(project, *cells("1 + 1  # as before")).ran == []
    # Another cell before it changes nothing of what it reads.
    assert run(project, *cells("1 + 1", "y = 8")).ran == [number]
    assert run(project, *cells("3 - 1", "y = 8")).ran == [1]
    again = run(project, *cells("3 + 1", "y = 8"))
    assert (again.ran, again.text(number + 1)) == ([1, number + 1], "8")
    # It is there again for a cell that is edited.
    edited = run(project, *cells("3 + 1", "y = 8")[:-1], f"{read} + 1")
    assert (edited.ran, edited.text(number + 1)) == ([number + 1], "9")


def test_only_the_one_that_is_meant_counts(project: Project) -> None:
    run(project, "1", "2", "Out[1] + _1", "_ + 1")
    again = run(project, "1", "3", "Out[1] + _1", "_ + 1")
    assert again.ran == [2]


def test_a_cell_that_shows_something_between(project: Project) -> None:
    assert run(project, "1", "x = 2", "_ + 1").text(3) == "2"
    assert run(project, "1", "x = 2\nx", "_ + 1").text(3) == "3"
    assert run(project, "1", "x = 2\nx;", "_ + 1").text(3) == "2"
    assert run(project, "1", "x = 2\nNone", "_ + 1").text(3) == "2"


def test_numbers_count_cells_that_run(project: Project) -> None:
    assert run(project, "", "5", "   ", "6", "[_1, _2]").text(5) == "[5, 6]"


def test_what_was_shown_is_the_same_object(project: Project) -> None:
    first = run(project, "rows = [1]\nrows", "_.append(2)", "rows", "_1.append(3)", "rows")
    assert (first.text(3), first.text(5)) == ("[1, 2]", "[1, 2, 3]")
    again = run(project, "rows = [1]\nrows", "_.append(7)", "rows", "_1.append(3)", "rows")
    assert (again.text(3), again.text(5)) == ("[1, 7]", "[1, 7, 3]")
    assert 1 not in again.ran


def test_functions_read_what_is_shown_when_they_are_called(project: Project) -> None:
    cells = ["def last():\n    return _", "2", "last() + 1", "5", "last() + 1"]
    assert [run(project, *cells).text(number) for number in (3, 5)] == ["3", "6"]
    cells[3] = "7"
    again = run(project, *cells)
    assert (again.ran, again.text(5)) == ([4, 5], "8")


def test_nothing_was_shown(project: Project) -> None:
    assert run(project, "x = 1", "[_, __, len(Out)]").text(2) == "['', '', 0]"


def test_a_value_that_is_not_stored(project: Project) -> None:
    shown = "import threading\nthreading.Lock()"
    assert run(project, shown, "print(type(_).__name__)").text(2) == "lock\n"
    assert run(project, shown, "print(type(_).__name__, 2)").text(2) == "lock 2\n"


@pytest.mark.parametrize(
    ("gives", "reads", "shown"),
    [
        ("_ = str.upper", "print(_('a'))", "A\n"),
        ("from math import floor as _", "print(_(2.5))", "2\n"),
        ("for _ in range(3):\n    pass", "print(_)", "2\n"),
        ("Out = {1: 7}", "print(Out[1])", "7\n"),
        ("In = [3]\nIn", "print(In[0])", "3\n"),
        ("_1 = 8\n'text'", "print(_1)", "8\n"),
    ],
)
def test_names_that_the_notebook_gives_are_its_own(
    project: Project, gives: str, reads: str, shown: str
) -> None:
    assert run(project, "'first'", gives, reads).text(3) == shown
    assert run(project, "'first'", gives, reads).ran == []
    again = run(project, "'second'", gives, f"{reads}  \n'another'")
    assert (again.ran, again.text(3)) == ([1, 3], f"{shown}'another'")


def test_names_of_their_own_in_other_formats(project: Project) -> None:
    for reads in ("print(_('a'))", "print(_('a'), 2)"):
        project.cells("_ = str.upper", reads)
        last = project.run()
    assert (last.ran, last.text(2)) == ([2], "A 2\n")


def test_sources_of_cells_are_inputs_of_who_reads_them(project: Project) -> None:
    reads = "print([In[1], _i, _ii, _i1, len(In)])"
    first = run(project, "x = 1", "y = 2", reads)
    assert first.text(3) == "['x = 1', 'y = 2', 'x = 1', 'x = 1', 4]\n"
    again = run(project, "x  = 1", "y = 2", reads)
    assert (again.ran, again.text(3)) == ([3], "['x  = 1', 'y = 2', 'x  = 1', 'x  = 1', 4]\n")
    assert run(project, "x  = 1", "y = 2", reads).ran == []


def test_notebooks_that_read_none_of_them_are_as_they_were(project: Project) -> None:
    first = run(project, "1 + 1", "x = 3\nx")
    keys = [cell["key"] for cell in first.report["cells"]]
    again = run(project, "1 + 1", "x = 3\nx", "print(x)")
    assert [cell["key"] for cell in again.report["cells"]][:2] == keys
    assert again.ran == [3]
    # One that reads has those before it keep what they show, and no others.
    assert run(project, "1 + 1", "x = 3\nx", "y = x", "_ + 1", "print(x)").ran == [1, 2, 3, 4]
    assert run(project, "1 + 1", "x = 3\nx", "y = x", "y", "print(x)").ran == [4]


def test_what_is_shown_is_no_name_of_the_notebook(project: Project) -> None:
    run(project, "1 + 1", "x = _ + 1")
    project.write("program.py", "import hozon\nprint(dict(hozon.run('notebook.ipynb')))\n")
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "program.py"], cwd=project.folder, capture_output=True, text=True, check=True
    )
    assert done.stdout == "{'x': 3}\n"


def test_only_one_cell_and_what_it_means(project: Project) -> None:
    run(project, "2", "3", "x = 1", "_ + 1")
    done = project.command("run", "notebook.ipynb", "--cell", "4", "--force", "--json")
    assert done.report, done.err
    assert 1 not in done.ran or 2 in done.ran
    assert 4 in done.ran
