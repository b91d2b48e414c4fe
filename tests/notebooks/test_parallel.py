"""`hozon run -j N`: cells that do not depend on each other run at once, and nothing comes out otherwise."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from notebooks.notebook_project import Project

# Cells meet at a named pipe: none of them leaves without the other, or a generous time.
MEETS = """\
import os, time
end = time.monotonic() + 60
met = False
while not met and time.monotonic() < end:
    try:
        os.close(os.open('pipe', os.O_WRONLY | os.O_NONBLOCK))
        met = True
    except OSError:
        time.sleep(0.01)
"""
WAITS = """\
import os, select
own = os.open('pipe', os.O_RDONLY | os.O_NONBLOCK)
poll = select.poll()
poll.register(own, select.POLLIN | select.POLLHUP)
seen = bool(poll.poll(60_000))
os.close(own)
del poll
"""


@pytest.mark.skipif(sys.platform != "linux", reason="runs ahead need a system whose native calls are seen")
class TestAtOnce:
    def test_two_cells_run_at_the_same_time(self, project: Project) -> None:
        os.mkfifo(project.folder / "pipe")
        # The first cell is the runner's, the second one runs ahead.
        project.cells(MEETS, WAITS, "print(met, seen)")
        found = project.run("-j", "2")
        assert found.states == ["ran", "ran", "ran"]
        assert found.text(3) == "True True\n"
        assert project.run().states == ["restored"] * 3

    def test_text_comes_in_the_order_of_the_file(self, project: Project) -> None:
        project.cells("x = 1\nprint('one')", *[f"print('cell {number}')" for number in range(2, 9)])
        done = project.command("run", "notebook.py", "-j", "3")
        assert done.out == "one\n" + "".join(f"cell {number}\n" for number in range(2, 9))

    def test_a_process_that_dies_ahead(self, project: Project) -> None:
        """The cell ends any process but the runner's own, which runs it in its turn."""
        project.cells(
            SLOW,
            "import os, pathlib\nif not pathlib.Path('ended').exists():\n    os._exit(9)\nx = 5",
            "print(x)",
        )
        found = project.run("-j", "2")
        assert found.text(3) == "5\n"
        assert found.states == ["ran", "ran", "ran"]
        assert "it ran ahead of its turn" in found.why(2)
        assert "exit code 9" in found.why(2)

    def test_nothing_is_written_ahead(self, project: Project) -> None:
        """A file that a later cell writes is not there when an earlier one looks."""
        project.cells(
            SLOW + "import os\nseen = os.path.exists('out.txt')",
            "f = open('out.txt', 'w')\nf.close()\ndel f\ndone = True",
            "print(seen, done)",
        )
        found = project.run("-j", "2")
        assert found.text(3) == "False True\n"
        assert (project.folder / "out.txt").exists()


# Takes long enough for others to run ahead, and marks when it began and ended.
SLOW = (
    "import time, pathlib\npathlib.Path('started').touch()\ntime.sleep(1.5)\npathlib.Path('ended').touch()\n"
)


TRICKY = {
    "random, unseeded by nobody": ["import random\nrandom.seed(3)", "a = random.random()", "b = random.random()", "print(a, b)"],
    "numpy's generator": ["import numpy as np\nnp.random.seed(1)", "a = np.random.rand()", "b = np.random.rand(2).sum()", "print(a, b)"],
    "a file that an earlier cell writes": ["import time\ntime.sleep(0.5)\nwith open('f.txt', 'w') as f:\n    n = f.write('new')", "text = open('f.txt').read()", "print(text)"],
    "a file that a later cell overwrites": ["import time\ntime.sleep(0.5)\na = open('old.txt').read()", "with open('old.txt', 'w') as f:\n    n = f.write('new')", "b = open('old.txt').read()", "print(a, b)"],
    "one file, appended to": ["f = open('log', 'a')\nf.write('1')\nf.close()\ndel f", "f = open('log', 'a')\nf.write('2')\nf.close()\ndel f", "print(open('log').read())"],
    "an environment variable": ["import os, time\ntime.sleep(0.5)\nos.environ['MODE'] = 'fast'", "import os\nmode = os.environ.get('MODE')", "print(mode)"],
    "the working directory": ["import os, time\ntime.sleep(0.5)\nos.makedirs('d', exist_ok=True)\nos.chdir('d')", "import os\nhere = os.path.basename(os.getcwd())", "print(here)"],
    "options of a library": ["import numpy as np, time\ntime.sleep(0.5)\nnp.set_printoptions(precision=2)", "import numpy\ntext = str(numpy.array([1.23456]))", "print(text)"],
    "changes in place": ["a = [1]", "b = [0]\nc = 2", "a.append(c)", "d = list(a)", "print(a, b, d)"],
    "changes in place by a function": ["a = []\ndef add(x):\n    a.append(x)\n    return len(a)", "import time\ntime.sleep(0.5)\none = add(1)", "two = add(2)", "print(a, one, two)"],
    "shared objects": ["a = [1]\nb = [a, a]", "c = [a]", "d = {'b': b}", "c[0].append(2)", "print(a, b, c, d, d['b'][0] is a)"],
    "an error": ["a = 1", "b = a / 0", "c = a + 1", "print(c)", "print(b)"],
    "an error that only comes ahead": ["import time, pathlib\ntime.sleep(0.5)\nn = pathlib.Path('in.txt').write_text('4')", "x = int(open('in.txt').read())", "print(x)"],
    "an early end": ["import sys, time\ntime.sleep(0.2)\na = 1", "import sys\nsys.exit(0)", "b = 2", "print(a, b)"],
    "a name given anew": ["x = 1", "y = x + 1", "x = 10", "z = x + 1", "print(x, y, z)"],
    "a value that is not stored": ["import threading\nlock = threading.Lock()", "a = 3", "b = lock.locked()", "print(a, b)"],
    "functions and classes": ["class P:\n    def __init__(self, x):\n        self.x = x", "def f(x):\n    return P(x + K)", "K = 3", "p = f(1)", "q = f(2)", "print(p.x, q.x, type(p) is P)"],
    "a setting of a local module": ["import settings, time\ntime.sleep(0.5)\nsettings.LEVEL = 5", "import settings\nlevel = settings.level()", "print(level)"],
    "names found while running": ["import time\ntime.sleep(0.3)\nhidden_1 = 4", "x = globals().get('hidden_1')", "exec('made = 7')", "print(x, globals()['made'])"],
    "a caught refusal": ["import time\ntime.sleep(0.5)\nx = 1", "try:\n    with open('maybe.txt', 'w') as f:\n        n = f.write('x')\n    how = 'written'\nexcept BaseException:\n    how = 'refused'", "print(how)"],
    "another program": ["import time\ntime.sleep(0.3)\nx = 1", "import os\npid = os.fork()\nif pid == 0:\n    os._exit(0)\nstatus = os.waitpid(pid, 0)[1]", "print(status)"],
    "warnings and displays": ["x = 1\nx", "import warnings\nwarnings.warn('careful')\nx + 1", "{'a': x}"],
}  # fmt: skip


@pytest.mark.parametrize("name", TRICKY)
def test_what_comes_out_is_what_the_serial_run_gives(tmp_path: Path, name: str) -> None:
    shown = []
    for jobs in ("1", "3"):
        folder = tmp_path / f"jobs {jobs}"
        folder.mkdir()
        project = Project(folder)
        project.write("old.txt", "old")
        project.write("settings.py", "LEVEL = 1\n\n\ndef level():\n    return LEVEL\n")
        project.cells(*TRICKY[name])
        count = range(1, len(TRICKY[name]) + 1)
        runs = [project.run("-j", jobs), project.run()]
        files = {path.name: path.read_text() for path in folder.glob("*.txt")}
        shown.append([([run.text(number) for number in count], run.states, run.code, files) for run in runs])
    (serial_cold, serial_warm), (cold, warm) = shown
    assert cold == serial_cold
    assert warm == serial_warm


def test_early_cutoff(project: Project) -> None:
    cells = ["a = 1 + 1", "b = a * 10", "c = b + 1", "d = 5"]
    project.cells(*cells)
    project.run("-j", "2")
    project.cells("a = 3 - 1", *cells[1:3], "d = 6")
    assert project.run("-j", "2").ran == [1, 4]


def test_an_interrupted_run_keeps_what_is_done(project: Project) -> None:
    """Of cells that ran ahead, too: their turn comes in the next run."""
    project.cells(
        "import time, pathlib\npathlib.Path('started').touch()\nif pathlib.Path('slow').exists():\n    time.sleep(60)",
        "b = 2",
        "c = 3",
    )
    project.write("slow", "")
    process = subprocess.Popen(
        [sys.executable, "-m", "hozon", "run", "notebook.py", "-j", "2"],
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    store = project.folder / ".hozon"
    end = time.monotonic() + 60
    while time.monotonic() < end:
        listed = project.command("ls", "--json").report.get("entries", []) if store.exists() else []
        if {entry["name"] for entry in listed} >= {"notebook.py: cell 2", "notebook.py: cell 3"}:
            break
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=60)
    assert process.returncode == 130, text
    (project.folder / "slow").unlink()
    again = project.run()
    assert again.states == ["ran", "restored", "restored"]
    assert again.states == ["ran", "restored", "restored"]
    names = [entry["name"] for entry in project.command("ls", "--json").report["entries"]]
    assert sorted(names) == [f"notebook.py: cell {number}" for number in (1, 2, 3)]


def test_forced_and_chosen_cells(project: Project) -> None:
    project.cells("a = 1", "b = 2", "c = a + 1", "print(b)")
    project.run("-j", "2")
    assert project.run("-j", "2", "--force").ran == [1, 2, 3, 4]
    assert project.run("-j", "2").ran == []
    project.cells("a = 3", "b = 4", "c = a + 1", "print(b)")
    assert project.run("-j", "2", "--cell", "3").ran == [1, 3]
    assert project.run("-j", "2").ran == [2, 4]


def test_parameters(project: Project) -> None:
    project.cells("a = 1", "import time\ntime.sleep(0.3)", "b = a * 2", "c = a * 3", "print(b, c)")
    assert project.run("-j", "3", "-p", "a=5").text(5) == "10 15\n"


@pytest.mark.parametrize("count", ["0", "65", "x"])
def test_numbers_that_cannot_be_meant(project: Project, count: str) -> None:
    project.cells("a = 1")
    assert project.command("run", "notebook.py", "-j", count).code == 2
