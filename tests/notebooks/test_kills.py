"""The process of the cells, or the whole command, is killed at random moments. What was finished is kept, and the
next run gives what an undisturbed one does.

HOZON_KILLS says how many moments; the soak takes 200 of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from notebooks.notebook_project import Project, Run

KILLS = int(os.environ.get("HOZON_KILLS", "12"))
SEED = 20261127

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the process by /proc"),
]

HELPERS = """
LOG = {log!r}


def note(name):
    '''Says that a cell runs. Each has a file of its own: what others append to it would count as a change.'''
    with open(f"{{LOG}}/{{name}}", "a") as log:
        log.write("x")


def work(amount):
    total = 0
    for number in range(amount * 40_000):
        total = (total * 31 + number) % 1_000_003
    return total
"""

# The shape of the example's notebook, in a second: what one cell gives is read by later ones, changed in place, drawn
# from a generator, shown.
CELLS = {
    "imports": "import random\nimport helpers\nimport numpy as np",
    "settings": "COUNT = 300\nrandom.seed(4)",
    "rows": "rows = [{'place': n % 7, 'taken': helpers.work(1) % (n + 5)} for n in range(3)]\nlen(rows)",
    "more_rows": "rows.extend({'place': n % 7, 'taken': n * n % 11} for n in range(COUNT))\nhelpers.work(2)",
    "by_place": "by_place = {}\nfor row in rows:\n    by_place.setdefault(row['place'], []).append(row['taken'])\nby_place",
    "drawn": "drawn = [random.random() for _ in range(5)]\nprint(drawn, helpers.work(2))",
    "matrix": "matrix = np.arange(COUNT * COUNT, dtype='int64').reshape(COUNT, COUNT) % 17\nhelpers.work(3)",
    "product": "product = matrix @ matrix.T\nproduct.sum()",
    "scaled": "matrix //= 2\nprint(matrix.sum(), helpers.work(2))",
    "drawn_again": "again = random.random()\nagain",
    "text": "text = ', '.join(f'{place}: {sum(taken)}' for place, taken in sorted(by_place.items()))\nprint(text)",
    "summary": "print(len(text), product.max(), matrix.max(), sum(drawn) + again, helpers.work(3))",
}


def written(folder: Path) -> Project:
    """The notebook, in a folder with an empty store."""
    folder.mkdir()
    (folder / "log").mkdir()
    project = Project(folder)
    project.write("pyproject.toml", "[tool.hozon]\nallow = ['append']\n")
    project.write("helpers.py", HELPERS.format(log=str(folder / "log")))
    parts = []
    for name, source in CELLS.items():
        noted = (
            source + "\nhelpers.note('imports')" if name == "imports" else f"helpers.note({name!r})\n{source}"
        )
        parts.append(f"# %% {name}\n{noted}\n\n")
    project.write("notebook.py", "".join(parts))
    return project


def noted(project: Project) -> Counter[str]:
    """How often each cell has begun."""
    return Counter({path.name: path.stat().st_size for path in (project.folder / "log").iterdir()})


def shown(run: Run) -> list[object]:
    return [run.outputs(number) for number in range(1, len(CELLS) + 1)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """What the cells show if nobody kills anything."""
    pytest.importorskip("numpy")
    project = written(tmp_path_factory.mktemp("undisturbed") / "notebook")
    run = project.run()
    assert run.states == ["ran"] * len(CELLS), run.err
    assert noted(project) == Counter(list(CELLS))
    assert project.run().ran == []
    return shown(run)


@pytest.mark.parametrize("number", range(KILLS))
def test_what_was_finished_outlives_a_kill(undisturbed: list[object], tmp_path: Path, number: int) -> None:
    moment = random.Random(SEED + number)
    project = written(tmp_path / "notebook")
    began = killed(project, moment, whole=number % 2 == 1)
    finished = stored(project)
    assert finished <= set(began)
    assert max(began.values(), default=1) == 1
    assert len(began) - len(finished) <= 1, "more than the cell that was killed is lost"
    # What does not depend on the cell that was killed runs after it: with a random state that it has no more
    # once that cell has run.
    if "settings" not in finished:
        finished.discard("drawn")
    if "drawn" not in finished:
        finished.discard("drawn_again")

    run = project.run()
    assert run.code == 0, run.err
    assert shown(run) == undisturbed
    again = noted(project) - began
    assert not finished & set(again), "a finished cell ran again"
    assert again == Counter(set(CELLS) - finished)
    assert project.command("verify").code == 0
    assert project.run().report["kernel_started"] is False


def killed(project: Project, moment: random.Random, *, whole: bool) -> Counter[str]:
    """Runs the notebook and kills it at a moment. Returns the cells that have begun."""
    after, pause, takes_kernel_too = (
        moment.randrange(len(CELLS)),
        moment.uniform(0, 0.2),
        moment.random() < 0.5,
    )
    command = subprocess.Popen(
        [sys.executable, "-m", "hozon", "run", "notebook.py", "--quiet"],
        cwd=project.folder,
        env={**os.environ, "HOZON_DISABLE": ""},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    kernel = None
    while command.poll() is None and (kernel is None or noted(project).total() < after):
        kernel = kernel or child_of(command.pid)
        time.sleep(0.002)
    time.sleep(pause)
    if whole:
        command.kill()
    if kernel is not None and (takes_kernel_too or not whole):
        with contextlib.suppress(ProcessLookupError):
            os.kill(kernel, signal.SIGKILL)
    command.wait(timeout=240)
    # A process that nobody asks any more interrupts its cell, stores what is done and ends.
    while kernel is not None and is_alive(kernel):
        time.sleep(0.01)
    return noted(project)


def child_of(process: int) -> int | None:
    """The process that runs the cells of a command."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return None
    return int(children[0]) if children else None


def is_alive(process: int) -> bool:
    """Whether it is there and does something: nobody may wait for it."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def stored(project: Project) -> set[str]:
    """The cells whose results are in the store."""
    if not (project.folder / ".hozon").exists():
        return set()
    listed = json.loads(project.command("ls", "--json").out)
    return {entry["name"].partition(": ")[2] for entry in listed["entries"]}
