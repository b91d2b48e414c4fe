"""Notebooks of each format, and what their own tools do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from notebooks.notebook_project import Project


def test_a_marimo_notebook(project: Project) -> None:
    project.write(
        "app.py",
        "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _(x):\n    _y = x + 1\n    print(_y)\n    return\n\n\n"
        "@app.cell\ndef _():\n    x = 1\n    _y = 5\n    return (x,)\n\n\n"
        'if __name__ == "__main__":\n    app.run()\n',
    )
    first = project.run(name="app.py")
    assert first.states == ["ran", "ran"]
    assert first.text(1) == "2\n"
    assert project.run(name="app.py").states == ["restored", "restored"]


def test_what_stops_a_marimo_cell_stops_no_other_cell_that_uses_marimo(project: Project) -> None:
    project.marimo("import marimo as mo", "mo.stop(True, 'why')\nx = 1", "mo.md('text')", "print(x)")
    for state in ("ran", "restored"):
        done = project.run()
        assert done.states == [state, "stopped", state, "skipped"]
        assert "text" in done.text(3) or "text" in str(done.outputs(3))


def test_a_stopped_cell_stops_no_cell_that_reads_the_same_value(project: Project) -> None:
    project.marimo(
        "import marimo as mo", "word = ['x']", "mo.stop(len(word) < 2)\none = 1", "print(word)", "print(one)"
    )
    for state in ("ran", "restored"):
        done = project.run()
        assert done.states == [state, state, "stopped", state, "skipped"]
        assert done.text(4) == "['x']\n"


def test_a_function_that_reaches_a_part_of_a_library_that_loads_late_is_stored(project: Project) -> None:
    pytest.importorskip("numpy")
    project.cells(
        "import numpy as np", "def draw(n):\n    return np.random.rand(n)", "np.random.seed(0)\nx = draw(3)"
    )
    assert project.run().states == ["ran", "ran", "ran"]
    assert project.run().ran == []


def test_what_marimo_asks_its_kernel_for(project: Project) -> None:
    cached = "@mo.cache\ndef twice(n):\n    return n * 2"
    method = "class Model:\n    @mo.persistent_cache\n    def fit(self, n):\n        print('fit')\n        return n * 3"
    project.marimo(
        "import marimo as mo",
        cached,
        "print(twice(3), twice(3))",
        method,
        "print(Model().fit(1), Model().fit(1))",
        "_own = six = twice(3)\nprint(mo.refs(), mo.defs())",
    )
    done = project.run()
    assert done.states == ["ran", "ran", "ran", "ran", "ran, not stored", "ran"], done.err
    assert [done.text(3), done.text(5)] == ["6 6\n", "fit\n3 3\n"]
    assert done.text(6) == "('mo', 'twice') ('six',)\n"


@pytest.mark.parametrize("name", ["markdown.py", "marimo.py"])
def test_a_marimo_notebook_with_the_name_of_a_package_of_marimos(project: Project, name: str) -> None:
    project.write("beside.py", "WORD = 'found'")
    project.marimo("import marimo as mo", "mo.md('*a*').text", "import beside\nbeside.WORD", name=name)
    first = project.run(name=name)
    assert first.states == ["ran"] * 3
    assert "<em>a</em>" in first.text(2)
    assert first.text(3) == "'found'"


def test_sql_of_marimo_reads_variables(project: Project) -> None:
    pytest.importorskip("duckdb")
    cells = [
        "import marimo as mo\nimport polars",
        "frame = polars.DataFrame({'a': [1, 42]})",
        'total = mo.sql(f"SELECT max(a) AS total FROM frame", output=False)',
        "print(total['total'].to_list())",
    ]
    project.marimo(*cells)
    first = project.run()
    assert first.text(4) == "[42]\n", first.err
    assert project.run().ran == []
    project.marimo(cells[0], cells[1].replace("42", "43"), *cells[2:])
    assert project.run().text(4) == "[43]\n"


def test_a_display_that_later_cells_update(project: Project) -> None:
    cells = [
        "shown = display('begun', display_id='progress')",
        "shown.update('half')",
        "shown.update('done')",
    ]
    project.cells(*cells)
    first = project.run()
    assert [first.text(number) for number in (1, 2, 3)] == ["'done'", "", ""]
    assert set(first.outputs(1)[0]) == {"output_type", "data", "metadata"}
    second = project.run()
    assert second.ran == []
    assert second.text(1) == "'done'"
    project.cells(*cells[:2], "shown.update('over')")
    third = project.run()
    assert third.ran == [3]
    assert third.text(1) == "'over'"
    assert project.command("run", "notebook.py").out == "'begun'\n'half'\n'over'\n"


def test_a_jupyter_notebook_is_not_rewritten(project: Project) -> None:
    def cell(source: str) -> dict[str, object]:
        return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}

    notebook = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell("x = 3"), cell("x * 2")]}
    path = project.write("n.ipynb", json.dumps(notebook))
    before = path.read_bytes()
    first = project.run(name="n.ipynb")
    assert first.text(2) == "6"
    assert project.run(name="n.ipynb").ran == []
    assert path.read_bytes() == before


def test_the_shell_of_ipython_is_no_input_of_the_cell_that_needs_it_first(project: Project) -> None:
    project.cells("x = 1", "from IPython.display import display\ndisplay(x)")
    assert project.run().states == ["ran", "ran"]
    assert project.run().ran == []


def test_a_plain_script(project: Project) -> None:
    project.write(
        "script.py", "import math\nx = math.floor(2.5)\nprint(x)\nfor i in range(2):\n    print(i)\n"
    )
    done = project.command("run", "script.py")
    assert done.out == "2\n0\n1\n"
    assert project.command("run", "script.py").out == "2\n0\n1\n"


def test_top_level_await(project: Project) -> None:
    project.cells("import asyncio", "await asyncio.sleep(0)\nx = 4", "print(x)")
    assert project.run().text(3) == "4\n"
    assert project.run().ran == []


def test_outputs_of_the_same_cell_are_the_same_in_the_page(project: Project, tmp_path: Path) -> None:
    project.cells("print('shown <b>text</b>')")
    project.run("--html", "page.html")
    page = (project.folder / "page.html").read_text()
    assert "shown &lt;b&gt;text&lt;/b&gt;" in page
