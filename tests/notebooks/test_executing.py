"""Running the code of one cell."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from hozon import _executing
from hozon._displaying import Displays
from hozon._executing import execute

FILE = "/cells/file.py"


class Cells:
    """Runs cells in a namespace of their own."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.end = ""
        self.error: BaseException | None = None
        self.outputs: list[dict[str, Any]] = []

    def run(
        self, source: str, host: str = "script", first_line: int = 1, **options: Any
    ) -> list[dict[str, Any]]:
        with Displays(host) as displays:
            done = execute(
                source if host == "jupyter" else textwrap.dedent(source),
                namespace=self.namespace,
                filename=FILE,
                first_line=first_line,
                shows_last=options.get("shows_last", True),
                has_magics=options.get("has_magics", False),
                displays=displays,
            )
        self.end, self.error, self.outputs = done.end, done.error, displays.outputs
        return self.outputs

    def value(self, source: str, host: str = "script") -> str:
        outputs = self.run(source, host)
        assert self.end == "done", outputs
        return outputs[-1]["data"]["text/plain"]

    def traceback(self) -> str:
        return "\n".join(self.outputs[-1]["traceback"])


@pytest.fixture
def cells(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cells]:
    monkeypatch.setattr(_executing._Process, "future_flags", 0)
    monkeypatch.setattr(_executing._Process, "loop", None)
    yield Cells()
    if _executing._Process.loop is not None:
        import asyncio

        _executing._Process.loop.close()
        asyncio.set_event_loop(None)


# Values ------------------------------------------------------------------------------------------


def test_the_last_expression_is_the_result(cells: Cells) -> None:
    assert cells.value("x = 2\nx + 1") == "3"
    assert cells.run("x + 1", shows_last=False) == []
    assert cells.run("x = 5") == []
    assert cells.run("None") == []
    assert cells.run("") == []
    assert cells.run("# nothing") == []
    assert cells.value("'''text'''") == "'text'"
    assert cells.end == "done"


def test_a_cell_of_jupyter_may_be_indented(cells: Cells) -> None:
    assert (
        cells.value("\n    x = 1\n    if x:\n        x = 2\n    x".replace("\n", "\n ") + "\n", "jupyter")
        == "2"
    )
    cells.run("x = 1\n    ", "jupyter")
    assert cells.end == "done"


def test_what_was_bound_before_a_failure_stays(cells: Cells) -> None:
    cells.run("x = 1\ny = 1 / 0\nz = 2")
    assert (cells.end, cells.namespace["x"], "z" in cells.namespace) == ("failed", 1, False)


def test_decimal_contexts_and_their_like_last(cells: Cells) -> None:
    cells.run("import contextvars\nv = contextvars.ContextVar('v', default=0)\nv.set(1)")
    cells.run("import asyncio\nawait asyncio.sleep(0)\nv.set(2)")
    assert cells.value("v.get()") == "2"


# Positions ---------------------------------------------------------------------------------------


def test_tracebacks_have_the_lines_of_the_file_and_no_frames_of_hozon(cells: Cells) -> None:
    cells.run("def f(x):\n    return 1 / x\n", first_line=100)
    cells.run("# comment\nf(0)", first_line=200)
    assert cells.end == "failed"
    lines = cells.traceback().splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1] == f'  File "{FILE}", line 201, in <module>'
    assert lines[2] == "    f(0)"
    assert f'  File "{FILE}", line 101, in f' in lines
    assert "    return 1 / x" in lines
    assert lines[-1] == "ZeroDivisionError: division by zero"
    assert "_executing" not in cells.traceback()


@pytest.mark.parametrize(
    ("source", "line"), [("x = 1\ndef f(:", 51), ("x = 1\nreturn 1", 51), ("\n\nbreak", 52), ("x = '", 50)]
)
def test_errors_of_syntax_have_the_lines_of_the_file(cells: Cells, source: str, line: int) -> None:
    cells.run(source, first_line=50)
    assert (cells.end, cells.outputs[0]["ename"]) == ("failed", "SyntaxError")
    assert f'File "{FILE}", line {line}' in cells.traceback()
    assert source.splitlines()[-1].strip() in cells.traceback()
    assert "Traceback" not in cells.traceback()


def test_the_source_of_functions_and_classes_can_be_had(cells: Cells) -> None:
    cells.run("def f():\n    return 1\n", first_line=10)
    cells.run("class C:\n    def m(self):\n        return 2\n", first_line=20)
    assert inspect.getsource(cells.namespace["f"]) == "def f():\n    return 1\n"
    assert inspect.getsource(cells.namespace["C"].m) == "    def m(self):\n        return 2\n"


@pytest.mark.parametrize(
    "source", ["x = 1\0", "x = '\udcff'", "(" * 300 + ")" * 300, "-" * 50_000 + "1", "1" * 10_000]
)
def test_source_that_cannot_be_compiled_fails_as_a_cell(cells: Cells, source: str) -> None:
    cells.run(source)
    assert cells.end == "failed"
    assert cells.outputs[-1]["output_type"] == "error"


def test_a_line_of_ten_megabytes(cells: Cells) -> None:
    assert cells.value("x = '" + "a" * 10_000_000 + "'\nlen(x)") == "10000000"


def test_future_imports_hold_for_the_cells_after(cells: Cells) -> None:
    cells.run("from __future__ import annotations")
    assert cells.value("def f(x: not_there): ...\nf.__annotations__") == "{'x': 'not_there'}"


def test_future_imports_of_restored_cells_hold_too(cells: Cells) -> None:
    _executing.note_futures("x = '__future__' (")
    _executing.note_futures("from __future__ import annotations")
    assert cells.value("def f(x: not_there): ...\nf.__annotations__") == "{'x': 'not_there'}"


def test_hozons_own_future_imports_do_not_hold(cells: Cells) -> None:
    cells.run("def f(x: not_there): ...\nf.__annotations__")
    assert (
        cells.end == ("done" if sys.version_info >= (3, 14) else "failed")
        or cells.outputs[0]["ename"] == "NameError"
    )


# Ends --------------------------------------------------------------------------------------------


def test_the_stop_of_marimo(cells: Cells) -> None:
    pytest.importorskip("marimo")
    cells.run("import marimo as mo\nx = 1\nmo.stop(True, 'why')\nx = 2", "marimo")
    assert (cells.end, cells.namespace["x"]) == ("stopped", 1)
    assert [output["data"]["text/plain"] for output in cells.outputs] == ["'why'"]


@pytest.mark.parametrize(
    ("leave", "host", "end"),
    [
        ("sys.exit()", "script", "stopped"),
        ("sys.exit(0)", "marimo", "stopped"),
        ("sys.exit(0)", "jupyter", "failed"),
        ("sys.exit(1)", "script", "failed"),
        ("sys.exit('why')", "script", "failed"),
    ],
)
def test_leaving_the_program(cells: Cells, leave: str, host: str, end: str) -> None:
    cells.run(f"import sys\n{leave}", host)
    assert cells.end == end
    assert [output["ename"] for output in cells.outputs] == (["SystemExit"] if end == "failed" else [])


def test_an_interrupt_ends_the_cell(cells: Cells) -> None:
    before = signal.getsignal(signal.SIGINT)
    cells.run("import signal\nsignal.raise_signal(signal.SIGINT)\nwhile True: pass")
    assert (cells.end, cells.outputs[-1]["ename"]) == ("interrupted", "KeyboardInterrupt")
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_of_showing_the_result_ends_the_cell(cells: Cells) -> None:
    cells.run("class Slow:\n    def __repr__(self): raise KeyboardInterrupt\nSlow()")
    assert cells.end == "interrupted"


def test_a_cell_may_catch_its_interrupt(cells: Cells) -> None:
    source = """
    import signal
    try:
        signal.raise_signal(signal.SIGINT)
        while True: pass
    except KeyboardInterrupt:
        caught = True
    caught
    """
    assert cells.value(source) == "True"


def test_deep_recursion_is_an_error_like_others(cells: Cells) -> None:
    cells.run("def f(): f()\nf()")
    assert (cells.end, cells.outputs[-1]["ename"]) == ("failed", "RecursionError")
    assert len(cells.outputs[-1]["traceback"]) < 50


# Await -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["script", "jupyter", "marimo"])
def test_await_stands_at_the_top_level(cells: Cells, host: str) -> None:
    source = "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x\ny = await f(2)\ny + await f(1)"
    assert cells.value(source, host) == "3"
    assert cells.value("[await f(n) for n in range(2)]", host) == "[0, 1]"


def test_tasks_go_on_in_the_next_cell(cells: Cells) -> None:
    cells.run("import asyncio\nseen = []\nasync def later():\n    await asyncio.sleep(0)\n    seen.append(1)")
    cells.run("await asyncio.sleep(0)\ntask = asyncio.ensure_future(later())\nseen.append(0)\npass")
    assert cells.value("await task\nseen") == "[0, 1]"


def test_in_jupyter_a_loop_runs_around_plain_code(cells: Cells) -> None:
    cells.run("import asyncio\nasync def f(): return 5\ntask = asyncio.create_task(f())", "jupyter")
    assert cells.value("await task", "jupyter") == "5"
    cells.run("c = f()\ntry: asyncio.run(c)\nfinally: c.close()", "jupyter")
    assert cells.outputs[-1]["ename"] == "RuntimeError"


def test_a_script_may_run_loops_of_its_own(cells: Cells) -> None:
    cells.run("import asyncio\nawait asyncio.sleep(0)")
    assert cells.value("async def f(): return 5\nasyncio.run(f())") == "5"
    assert cells.value("await f()") == "5"


def test_errors_of_awaiting_code_have_its_frames_alone(cells: Cells) -> None:
    cells.run("async def f():\n    1 / 0\nawait f()")
    lines = cells.traceback().splitlines()
    assert [line for line in lines if "File" in line] == [
        f'  File "{FILE}", line 3, in <module>',
        f'  File "{FILE}", line 2, in f',
    ]


# Magic commands ----------------------------------------------------------------------------------


def test_without_ipython_magic_commands_say_what_is_missing(
    cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "hozon.hosts._shell", raising=False)
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.setitem(sys.modules, "IPython.core.displayhook", None)
    cells.run("%time 1", "jupyter", has_magics=True)
    assert cells.end == "failed"
    assert "pip install ipython" in cells.outputs[-1]["evalue"]
    assert "hozon" not in cells.traceback()


def test_cells_are_loaded_by_no_library_of_theirs() -> None:
    """What runs cells brings nothing along that they do not ask for."""
    heavy = {"IPython", "matplotlib", "asyncio", "inspect", "ctypes", "pandas", "numpy"}
    code = f"import sys, hozon._executing, hozon._displaying\nprint(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "[]"
