"""What a kernel tells JupyterLab's badges, and that the wheel holds JupyterLab's side of them."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ..conftest import Project

pytest.importorskip("ipykernel")
from .kernels import LIMIT, Kernel

TARGET = "hozon.badges"


class Notebook(Kernel):
    """A kernel whose front end tells it which cell it runs, and hears what is told of the cells."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.told: dict[str, Any] = {}
        self.stale: dict[str, str] = {}
        self.opened: list[str] = []
        super().__init__(*arguments, **named)

    def cell(self, name: str, code: str) -> Any:
        """Runs a cell. Gives what is told of it."""
        self.outputs: list[str] = []
        message = self.client.session.msg("execute_request", self._content(code), metadata={"cellId": name})
        self.client.shell_channel.send(message)
        self._hear(message["header"]["msg_id"])
        self.client.get_shell_msg(timeout=LIMIT)
        return self.told.get(name)

    def _content(self, code: str) -> dict[str, Any]:
        return {
            "code": code, "silent": False, "store_history": True, "user_expressions": {},
            "allow_stdin": False, "stop_on_error": False,
        }  # fmt: skip

    def send(self, kind: str, **content: Any) -> None:
        """Sends a message, and hears what comes until the kernel has dealt with it."""
        message = self.client.session.msg(kind, content)
        self.client.shell_channel.send(message)
        self._hear(message["header"]["msg_id"])

    def until(self, is_so: Callable[[], bool]) -> None:
        """Hears what is told while no cell runs, until something is so."""
        while not is_so():
            self._hear_one()

    def _hear(self, sent: str) -> None:
        while True:
            message = self._hear_one()
            is_idle = message["content"].get("execution_state") == "idle"
            if is_idle and message["parent_header"].get("msg_id") == sent:
                return

    def _hear_one(self) -> dict[str, Any]:
        message: dict[str, Any] = self.client.get_iopub_msg(timeout=LIMIT)
        kind, content = message["msg_type"], message["content"]
        if kind == "comm_open":
            self.opened.append(content["target_name"])
        if kind in ("comm_open", "comm_msg"):
            self.comm = content["comm_id"]
            self.told |= content["data"]["cells"]
            self.stale = content["data"]["stale"]
        elif kind not in ("status", "execute_input", "comm_close"):
            self.outputs.append(kind)
        return message


@pytest.fixture
def start(project: Project) -> Iterator[Any]:
    """Starts kernels, which end with the test."""
    kernels = []

    def start(*, on: bool = True) -> Notebook:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HOZON_")}
        settings = {**project.settings(), "JUPYTER_PLATFORM_DIRS": "1"}
        kernels.append(Notebook(project.folder, kept | settings, on=on))
        return kernels[-1]

    yield start
    for kernel in kernels:
        kernel.close()


def test_what_came_of_each_cell_is_told(start: Any) -> None:
    first = start()
    stored = first.cell("a", "x = [1]\nx")
    assert (stored["state"], stored["text"], stored["reads"]) == ("stored", "x = [1]\nx", {})
    assert first.opened == [TARGET]
    assert first.cell("b", "y = x + [2]")["reads"] == {"x": "a"}
    failed = first.cell("c", "1 / 0")
    assert failed["state"] == "ran"
    assert "it raised ZeroDivisionError" in failed["why"]
    assert first.opened == [TARGET]

    second = start()
    restored = second.cell("a", "x = [1]\nx")
    assert (restored["state"], restored["why"]) == ("restored", [])
    assert second.outputs == ["execute_result"]
    assert second.cell("b", "y = x + [3]")["state"] == "stored"
    second.until(lambda: any(line.startswith("the code changed") for line in second.told["b"]["why"]))


def test_why_cells_ran_is_told_when_the_kernel_has_nothing_to_do(start: Any, project: Project) -> None:
    project.write("rows.txt", "1\n2\n")
    cells = {"a": "x = 1", "b": "rows = open('rows.txt').read()", "c": "y = rows * x", "d": "open('missing')"}
    first = start()
    for name, code in cells.items():
        first.cell(name, code)
    first.until(lambda: [first.told[name]["why"] for name in "abc"] == [["first run"]] * 3)
    project.write("rows.txt", "1\n2\n3\n")
    second = start()
    second.cell("a", "x = 2")
    for name in "bcd":
        second.cell(name, cells[name])
    second.until(lambda: all(second.told[name]["why"] for name in "abc"))
    assert second.told["b"]["why"] == ["rows.txt changed"]
    assert {"x: 1 → 2"} < set(second.told["c"]["why"])
    assert second.told["d"]["why"] == ["it raised FileNotFoundError"]


def test_what_reads_a_value_that_is_another_now_is_stale(start: Any) -> None:
    kernel = start()
    kernel.cell("a", "x = 1")
    kernel.cell("b", "y = x + 1")
    kernel.cell("c", "z = 5")
    kernel.cell("counts", "z += 1")
    assert kernel.stale == {}
    kernel.cell("a", "x = 2")
    assert kernel.stale == {"b": "x"}
    kernel.cell("b", "y = x + 1")
    assert kernel.stale == {}
    kernel.cell("a", "x = int('2')")
    assert kernel.stale == {}
    kernel.cell("d", "del x")
    assert kernel.stale == {"b": "x"}


def test_a_value_without_a_digest_is_another_when_its_cell_has_run_again(start: Any) -> None:
    kernel = start()
    kernel.cell("a", "import threading\nlock = threading.Lock()\nheld = [lock]")
    kernel.cell("b", "kept = held")
    kernel.cell("c", "w = 1")
    assert kernel.stale == {}
    kernel.cell("a", "import threading\nlock = threading.Lock()\nheld = [lock]")
    assert kernel.stale == {"b": "held"}


def test_a_cell_that_is_changed_in_place_by_another_is_stale(start: Any) -> None:
    kernel = start()
    kernel.cell("a", "x = [1]")
    kernel.cell("b", "y = len(x)")
    kernel.cell("c", "x.append(2)")
    assert kernel.stale == {"b": "x"}
    assert kernel.cell("d", "len(x)")["reads"] == {"x": "c"}


def test_nothing_is_told_of_what_hozon_does_not_watch(start: Any) -> None:
    kernel = start(on=False)
    kernel.cell("load", "%load_ext hozon")
    assert kernel.cell("a", "x = 1") is None
    assert kernel.cell("b", "%%cache\ny = 2")["text"] == "%%cache\ny = 2"
    kernel.cell("on", "%hozon on")
    assert kernel.cell("a", "x = 1") is not None
    kernel.run("no_cell_of_the_notebook = 1")
    kernel.cell("off", "%hozon off")
    # Its badge would speak of an earlier run.
    assert kernel.cell("a", "x = 1") is None
    assert set(kernel.told) == {"a", "b"}


def test_a_page_that_is_loaded_anew_is_told_everything_again(start: Any) -> None:
    kernel = start()
    kernel.cell("a", "x = 1")
    kernel.cell("b", "y = x")
    told, kernel.told = kernel.told, {}
    kernel.send("comm_open", comm_id="asking", target_name=TARGET, data={})
    assert kernel.told == told
    # What a page asks is no code that may have changed values.
    kernel.cell("c", "z = 1")
    assert kernel.states() == ["stored"] * 3


def test_a_front_end_that_knows_no_badges_is_left_alone(start: Any) -> None:
    kernel = start()
    kernel.cell("a", "x = 1")
    kernel.send("comm_close", comm_id=kernel.comm, data={})
    kernel.told = {}
    assert kernel.cell("b", "y = x") is None
    assert kernel.outputs == []
    kernel.cell("on", "%hozon on")
    kernel.cell("c", "z = x")
    assert (kernel.opened, list(kernel.told)) == ([TARGET, TARGET], ["a", "c"])


def test_cells_without_an_identity_have_no_badges(start: Any) -> None:
    kernel = start()
    assert kernel.run("x = 1\nx")[0]["data"]["text/plain"] == "1"
    assert kernel.cell("a", "x")["reads"] == {"x": None}
    assert list(kernel.told) == ["a"]


def test_the_wheel_holds_jupyterlabs_side() -> None:
    files = importlib.metadata.files("hozon") or []
    found = {
        match[1]: file
        for file in files
        if (match := re.search(r"share/jupyter/labextensions/hozon/(.+)", file.as_posix()))
    }
    package = json.loads(found["package.json"].read_text())
    assert (package["name"], package["version"]) == ("hozon", importlib.metadata.version("hozon"))
    assert package["jupyterlab"]["_build"]["load"] in found
    assert {"install.json", "static/badges.js", "static/badges.css"} <= set(found)
