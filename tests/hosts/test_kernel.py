"""Whole cells in a kernel of Jupyter: messages that a front end gets, with `%hozon on` and without."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ..conftest import Project

pytest.importorskip("ipykernel")
from .kernels import Kernel

R, S = "restored", "stored"


@pytest.fixture
def start(project: Project) -> Iterator[Any]:
    """Starts kernels, which end with the test."""
    kernels = []

    def start(*, on: bool = True) -> Kernel:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HOZON_")}
        settings = {**project.settings(), "JUPYTER_PLATFORM_DIRS": "1"}
        kernels.append(Kernel(project.folder, kept | settings, on=on))
        return kernels[-1]

    yield start
    for kernel in kernels:
        kernel.close()


def alike(output: dict[str, Any]) -> Any:
    """An output without what differs each time."""
    return re.sub(r"0x[0-9a-f]+|[0-9a-f]{32}|ipykernel_\d+/\d+|\d+(\.\d+)? [µmun]?s\b", "…", repr(output))


def shown(kernel: Kernel, cells: list[str]) -> list[Any]:
    return [[alike(output) for output in kernel.run(cell)] for cell in cells]


CASES: dict[str, tuple[list[str], list[str]]] = {
    "values and prompts": (["x = 3\nx", "print('a')\nx + 1", "Out[1], _2"], [R, R, "ran"]),
    "frames": (["import pandas as pd", "d = pd.DataFrame({'a': [1, 2]})\nd", "d['b'] = 3", "d"], [R, R, S, R]),
    "figures": (["%matplotlib inline\nimport matplotlib.pyplot as plt", "plt.plot([1, 2]);",
                 "fig, ax = plt.subplots()\nax.plot([3, 1])\nplt.show()", "print('after')"], None),
    "updates": (["from IPython.display import display, clear_output\nh = display('a', display_id='q')",
                 "h.update('b')", "print('gone')\nclear_output(wait=True)\nprint('stays')"], [R, R, R]),
    "random numbers": (["import random\nimport numpy as np\nrandom.seed(3)\nnp.random.seed(4)",
                        "a = random.random(), float(np.random.rand())\na",
                        "random.random(), float(np.random.rand())"], [R, R, R]),
    "await": (["import asyncio\nawait asyncio.sleep(0.01)\nr = 1", "r"], [R, R]),
    "errors": (["1 / 0", "print('before')\nundefined", "x = 1\nx"], ["ran", "ran", R]),
    "commands": (["!echo hello", "files = !echo there\nfiles", "%%bash\necho shell", "x = 5"], None),
    "streams": (["import sys\nprint('o')\nprint('e', file=sys.stderr)\nprint('p')",
                 "sys.stdout.write('raw\\n')\nNone", "import logging\nlogging.warning('w')"], [R, R, R]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_kernel_shows_what_it_does_without_hozon(name: str, start: Any) -> None:
    cells, states = CASES[name]
    plain = shown(start(on=False), cells)
    assert shown(start(), cells) == plain
    second = start()
    assert shown(second, cells) == plain
    if states is not None:
        assert second.states() == states


def test_executions_that_nobody_sees_are_no_cells(start: Any) -> None:
    kernel = start()
    kernel.run("x = 1")
    kernel.run("x = 2", silent=True)
    assert kernel.run("x")[0]["data"]["text/plain"] == "2"
    again = start()
    again.run("x = 1")
    assert again.run("x")[0]["data"]["text/plain"] == "1"
    assert again.states() == [R, S]


def test_an_interrupted_cell_is_not_stored(start: Any) -> None:
    kernel = start()
    sent = kernel.client.execute("import time\nx = 1\ntime.sleep(30)\nx = 2", stop_on_error=False)
    time.sleep(1.5)
    kernel.manager.interrupt_kernel()
    while kernel.client.get_shell_msg(timeout=60)["parent_header"].get("msg_id") != sent:
        pass
    assert kernel.run("x")[0]["data"]["text/plain"] == "1"
    assert kernel.states() == ["ran", S]


def test_a_module_that_is_reloaded_counts(start: Any, project: Project) -> None:
    project.write("helping.py", "def add(x):\n    return x + 1\n")
    kernel = start()
    for cell in ("%load_ext autoreload\n%autoreload 2", "import helping", "y = helping.add(1)"):
        kernel.run(cell)
    time.sleep(1.1)
    project.write("helping.py", "def add(x):\n    return x + 20\n")
    kernel.run("y = helping.add(1)")
    assert kernel.run("y")[0]["data"]["text/plain"] == "21"


def test_a_file_that_changes_runs_what_reads_it(start: Any, project: Project) -> None:
    cells = ["text = open('data.txt').read()", "size = len(text)", "size"]
    for text, states in (("one", [S, S, S]), ("one", [R, R, R]), ("two", [S, S, R]), ("three", [S, S, S])):
        project.write("data.txt", text)
        kernel = start()
        assert [kernel.run(cell) for cell in cells][-1][0]["data"]["text/plain"] == str(len(text))
        assert kernel.states() == states


def test_of_kernels_at_once_one_runs_a_cell(start: Any, project: Project) -> None:
    cell = "import time\ntime.sleep(1.0)\nopen('runs.txt', 'a').write('x')\nx = 5"
    kernels = [start() for _ in range(3)]
    for kernel in kernels:
        kernel.client.execute(cell, stop_on_error=False)
    assert [kernel.run("x")[0]["data"]["text/plain"] for kernel in kernels] == ["5"] * 3
    assert sorted(kernel.states()[0] for kernel in kernels) == [R, R, S]
    assert (project.folder / "runs.txt").read_text() == "x"


def test_long_work_is_not_done_again_after_a_restart(start: Any, project: Project) -> None:
    cell = "import time\ntime.sleep(1.5)\nopen('runs.txt', 'a').write('x')\nresult = 5"
    start().run(cell)
    kernel = start()
    kernel.run(cell)
    assert kernel.run("result")[0]["data"]["text/plain"] == "5"
    assert (project.folder / "runs.txt").read_text() == "x"
