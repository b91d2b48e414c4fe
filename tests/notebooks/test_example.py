"""The example with thirty cells: after an edit, exactly the cells run that must, and outputs are as they would be
without a store."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from notebooks.notebook_project import Project, Run

EXAMPLE = Path(__file__).parents[2] / "examples" / "notebook"

# The example as it is shipped computes for 20 seconds; what runs when does not depend on the amount.
LESS = {
    "DAYS = 366": "DAYS = 40",
    "TREES = 40": "TREES = 4",
    "TRIPS = 2_000_000": "TRIPS = 9_000",
    "SAMPLES = 600": "SAMPLES = 30",
}

CODE = [2, 3, *range(5, 9), *range(10, 13), *range(14, 20), *range(21, 32), 33, 34, 36, 37]
AFTER_STATIONS = [number for number in CODE if number >= 5 and number not in (10, 11, 12)]

pytestmark = [pytest.mark.timeout(600)]


def edit(folder: Path, file: str, before: str, after: str) -> None:
    """Replaces a text that is there once."""
    path = folder / file
    text = path.read_text()
    assert text.count(before) == 1, f"{before!r} in {file}"
    path.write_text(text.replace(before, after))


class Filled(NamedTuple):
    """The example after a run with an empty store."""

    folder: Path
    run: Run


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Runs once for all tests of this file."""
    for library in ("pandas", "sklearn", "matplotlib"):
        pytest.importorskip(library)
    folder = tmp_path_factory.mktemp("filled") / "notebook"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".hozon"))
    for before, after in LESS.items():
        edit(folder, "analysis.py", before, after)
    return Filled(folder, Project(folder).run(name="analysis.py"))


@pytest.fixture
def example(filled: Filled, tmp_path: Path) -> Project:
    """A copy of the example with its filled store."""
    folder = tmp_path / "notebook"
    shutil.copytree(filled.folder, folder)
    return Project(folder)


def shown(run: Run) -> list[object]:
    """What the cells show."""
    return [run.outputs(number) for number in CODE]


def without_store(example: Project) -> list[object]:
    """What the cells show when all of them run."""
    run = example.run("--store", "empty", name="analysis.py")
    assert run.ran == CODE, run.err
    return shown(run)


def test_the_first_run_runs_all(filled: Filled) -> None:
    assert len(CODE) == 30
    assert filled.run.ran == CODE
    assert filled.run.code == 0
    assert {cell["state"] for cell in filled.run.report["cells"]} == {"ran", "text"}


def test_each_cell_that_shows_something_does(filled: Filled) -> None:
    nothing = [2, 3, 5, 21, 26, 29, 33]
    assert [number for number in CODE if not filled.run.outputs(number)] == nothing
    drawn = [
        number
        for number in CODE
        if any("image/png" in output.get("data", {}) for output in filled.run.outputs(number))
    ]
    assert drawn == [8, 12, 18, 28, 30]
    assert "<table" in filled.run.outputs(7)[0]["data"]["text/html"]


def test_it_warns_of_nothing(filled: Filled) -> None:
    assert "hozon:" not in filled.run.err
    assert not [cell["why"] for cell in filled.run.report["cells"] if "not stored" in cell["state"]]


def test_another_run_starts_no_process(filled: Filled, example: Project) -> None:
    run = example.run(name="analysis.py")
    assert run.ran == []
    assert run.report["totals"]["restored"] == 30
    assert run.report["kernel_started"] is False
    assert shown(run) == shown(filled.run)


def test_a_plan_of_the_unedited_example_is_fresh(example: Project) -> None:
    plan = example.plan(name="analysis.py")
    assert [cell["number"] for cell in plan.report["cells"] if cell["state"] == "fresh"] == CODE


class Edit(NamedTuple):
    """An edit, the cells that run after it, and the words that say why for some of them."""

    file: str
    before: str
    after: str
    ran: list[int]
    why: dict[int, str]


ERROR = "helper error_of() changed (helpers.py"

EDITS = {
    "a leaf cell": Edit("analysis.py", "head(8)", "head(5)", [6], {6: "code changed"}),
    "a root cell": Edit(
        "analysis.py",
        "TREES = 4",
        "TREES = 5",
        [3, *range(25, 32), 37],
        {3: "code changed", 25: "TREES: 4 → 5", 31: "guess_forest: ", 37: "scores: "},
    ),
    "a helper that two cells reach": Edit(
        "helpers.py", "np.asarray(guess)) ** 2)", "np.asarray(guess)) ** 4)", [23, 27, 28, 37], {23: ERROR, 27: ERROR, 37: "scores: "}
    ),
    "a helper of the plots": Edit("helpers.py", '"steelblue"', '"seagreen"', [28, 30], {28: "COLOUR", 30: "COLOUR"}),
    "a table": Edit("stations.csv", "13.40870,37,113", "13.40870,36,113", AFTER_STATIONS, {5: "stations.csv changed", 14: "stations: "}),
}  # fmt: skip


@pytest.mark.parametrize("edited", EDITS.values(), ids=list(EDITS))
def test_an_edit_runs_what_it_reaches(filled: Filled, example: Project, edited: Edit) -> None:
    edit(example.folder, *edited[:3])
    run = example.run(name="analysis.py")
    assert run.ran == edited.ran
    for number, words in edited.why.items():
        assert words in run.why(number)
        assert words in explained(example, run, number)
    assert shown(run) == without_store(example)
    assert shown(run) != shown(filled.run)


def explained(example: Project, run: Run, number: int) -> str:
    """What `hozon why` says of a cell."""
    (cell,) = [cell for cell in run.report["cells"] if cell["number"] == number]
    done = example.command("why", cell["key"], "--json")
    assert done.code == 0, done.err
    return str(done.report["explanation"])


SAME = {
    "a comment": Edit("analysis.py", "TREES = 4\n", "# How many are grown.\nTREES = 4  # few\n\n", [], {}),
    "text": Edit("analysis.py", "# ## Models", "# ## Four models", [], {}),
    "a comment in the helpers": Edit("helpers.py", "    return figure\n", "    # Shown by the cell.\n    return figure\n", [], {}),
    "a helper that nobody reaches": Edit("helpers.py", "warmth * 9 / 5 + 32", "warmth * 1.8 + 32", [], {}),
    "a helper to an equal one": Edit("helpers.py", "np.asarray(guess)) ** 2)", "np.asarray(guess)) ** (1 + 1))", [23, 27], {23: ERROR, 27: ERROR}),
    "a blank line in the table": Edit("stations.csv", "Docks,Height\n", "Docks,Height\n\n", [5], {5: "stations.csv changed"}),
}  # fmt: skip


@pytest.mark.parametrize("edited", SAME.values(), ids=list(SAME))
def test_an_edit_that_changes_no_result_goes_no_further(
    filled: Filled, example: Project, edited: Edit
) -> None:
    edit(example.folder, *edited[:3])
    run = example.run(name="analysis.py")
    assert run.ran == edited.ran
    for number, words in edited.why.items():
        assert words in run.why(number)
    assert shown(run) == shown(filled.run)


def test_the_session_is_explained(example: Project) -> None:
    edit(example.folder, "helpers.py", "np.asarray(guess)) ** 2)", "np.asarray(guess)) ** 4)")
    run = example.run(name="analysis.py")
    told = example.command("why", "--json").report
    assert told["ran"] == len(run.ran)
    names = {one["name"].partition(": ")[2] for group in told["groups"] for one in group["computations"]}
    assert names == {"baseline", "scores", "scores_drawn", "summary"}
    by_helper = [group for group in told["groups"] if ERROR in group["explanation"]]
    assert [len(group["computations"]) for group in by_helper] == [2]


@pytest.mark.parametrize("word", ["helpers.py", "error_of", "helpers.error_of"])
def test_what_reaches_a_helper_is_explained(example: Project, word: str) -> None:
    told = example.command("why", word)
    assert told.code == 0, told.err
    assert "baseline" in told.out
    assert "scores" in told.out
