"""Functions and blocks in cells: of IPython's shell, and of a Jupyter kernel."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from ..conftest import Project

CELLS = [
    "import hozon\nFACTOR = 3",
    "def helper(x):\n    return x * FACTOR",
    "@hozon.persistent_cache\ndef times(x):\n    print('function ran')\n    return helper(x)",
    "print(times(2))",
    "with hozon.cached_context('block') as block:\n    print('block ran')\n    a = helper(5)\n    b = [a]",
    "print(a, b, block.hit)",
]


def in_shell(project: Project, cells: list[str]) -> list[str]:
    project.write("cells.json", json.dumps(cells))
    return project.main(
        """
        import json
        from IPython.core.interactiveshell import InteractiveShell

        shell = InteractiveShell.instance()
        for cell in json.load(open("cells.json")):
            shell.run_cell(cell, store_history=True).raise_error()
        """
    )


def test_cells_of_ipython(project: Project) -> None:
    pytest.importorskip("IPython")
    first = ["function ran", "6", "block ran", "15 [15] False"]
    assert in_shell(project, CELLS) == first
    assert in_shell(project, CELLS) == ["6", "15 [15] True"]
    again = in_shell(project, [*CELLS, CELLS[4], CELLS[5]])
    assert again == ["6", "15 [15] True", "15 [15] True"]
    edited = [cell.replace("x * FACTOR", "x + FACTOR") for cell in CELLS]
    assert in_shell(project, edited) == ["function ran", "5", "block ran", "8 [8] False"]
    commented = [f"# a comment\n\n{cell}  # another" for cell in CELLS]
    assert in_shell(project, commented) == ["6", "15 [15] True"]


def test_a_redefined_helper_is_seen_within_one_session(project: Project) -> None:
    pytest.importorskip("IPython")
    cells = [*CELLS, "def helper(x):\n    return -x", CELLS[3], CELLS[4], CELLS[5]]
    printed = in_shell(project, cells)
    assert printed[4:] == ["function ran", "-2", "block ran", "-5 [-5] False"]


def test_cells_with_magics_and_top_level_await(project: Project) -> None:
    pytest.importorskip("IPython")
    cells = [
        "import hozon, asyncio",
        "%pwd",
        "with hozon.cached_context('awaits') as block:\n    await asyncio.sleep(0)\n    x = 1",
        "print(x, block.hit)",
    ]
    assert in_shell(project, cells)[-1] == "1 False"
    assert in_shell(project, cells)[-1] == "1 True"


def printed_by_kernel(project: Project, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    notebook: Any = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    monkeypatch.setenv("HOZON_HOME", str(project.home))
    monkeypatch.setenv("HOZON_REPLAY", "0")
    monkeypatch.setenv("IPYTHONDIR", str(project.home / "ipython"))
    for name in list(os.environ):
        if name.startswith("HOZON_") and name not in ("HOZON_HOME", "HOZON_REPLAY"):
            monkeypatch.delenv(name)
    client = nbclient.NotebookClient(
        notebook, timeout=60, resources={"metadata": {"path": str(project.folder)}}
    )
    client.execute()
    texts = [
        output.text for cell in notebook.cells for output in cell.outputs if output.output_type == "stream"
    ]
    return "".join(texts).splitlines()


@pytest.mark.filterwarnings("ignore")
def test_cells_of_a_jupyter_kernel(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ipykernel")
    assert printed_by_kernel(project, monkeypatch) == ["function ran", "6", "block ran", "15 [15] False"]
    assert printed_by_kernel(project, monkeypatch) == ["6", "15 [15] True"]


def test_a_cell_and_a_script_have_the_same_key(project: Project) -> None:
    pytest.importorskip("IPython")
    in_shell(project, CELLS)
    assert project.main("\n".join(CELLS)) == ["6", "15 [15] True"]
