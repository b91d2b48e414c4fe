"""Figures that pyplot keeps open from one cell to the next: no name leads to them."""

from __future__ import annotations

import pytest

from notebooks.notebook_project import Project

IMPORTS = "import matplotlib\nmatplotlib.use('agg')\nimport matplotlib.pyplot as plt"
READS = "print([line.get_ydata().tolist() for line in plt.gca().lines], plt.gca().get_title())"


@pytest.mark.parametrize("how", ["percent", "script", "marimo"])
def test_what_a_cell_draws_on_the_current_figure_is_there_for_later_ones(project: Project, how: str) -> None:
    def run(*cells: str) -> tuple[list[str], list[int]]:
        if how == "script":
            project.write("notebook.py", "\n".join([IMPORTS, *cells]) + "\n")
        elif how == "percent":
            project.cells(IMPORTS, *cells)
        else:
            project.marimo(IMPORTS, *cells)
        done = project.run()
        assert done.code == 0, done.err
        numbers = [cell["number"] for cell in done.report["cells"]]
        return [text for number in numbers if (text := done.text(number)).startswith("[[")], done.ran

    draw, title = "lines = plt.plot([1, 2])", "title = plt.title('x')"
    first, _ = run(draw, title, READS)
    assert first == ["[[1, 2]] x\n"]
    assert run(draw, title, READS) == (first, [])
    # Edits of what was drawn, of who reads it, and of one that has nothing to do with it.
    shown, _ = run("lines = plt.plot([1, 7])", title, READS)
    assert shown == ["[[1, 7]] x\n"]
    shown, _ = run("lines = plt.plot([1, 7])", "title = plt.title('y')", READS)
    assert shown == ["[[1, 7]] y\n"]
    again = f"{READS}\nprint('edited')"
    shown, _ = run("lines = plt.plot([1, 7])", "title = plt.title('y')", again)
    assert shown[0].startswith("[[1, 7]] y\n")
    _, ran = run("lines = plt.plot([1, 7])", "title = plt.title('y')", again, "other = 3")
    assert len(ran) == 1


def test_what_is_drawn_through_a_variable_and_what_is_closed(project: Project) -> None:
    def run(value: int, *more: str) -> str:
        project.cells(
            IMPORTS,
            "fig, ax = plt.subplots()",
            f"lines = ax.plot([0, {value}])",
            *more,
            "print([line.get_ydata().tolist() for line in plt.gca().lines])",
        )
        return project.run().text(4 + len(more))

    assert run(3) == "[[0, 3]]\n"
    assert run(5) == "[[0, 5]]\n"
    assert run(5, "plt.close('all')") == "[]\n"
    assert run(5) == "[[0, 5]]\n"


def test_figures_that_a_host_closes_make_no_cell_depend_on_another(project: Project) -> None:
    def cells(number: int) -> None:
        project.cells(
            "import matplotlib.pyplot as plt", f"lines = plt.plot([{number}])", "lines = plt.plot([1])"
        )

    cells(3)
    project.run()
    cells(5)
    assert project.run().ran == [2]


def test_the_folder_that_a_cell_has_moved_to(project: Project) -> None:
    (project.folder / "inner").mkdir()
    cells = ["import os", "os.chdir('inner')", "print(os.path.basename(os.getcwd()))"]
    for _ in range(2):
        project.cells(*cells)
        done = project.run()
        assert done.text(3) == "inner\n"
    assert done.ran == []
    project.cells(cells[0], "pass", cells[2])
    assert project.run().text(3) == f"{project.folder.name}\n"
