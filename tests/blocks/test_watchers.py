"""Blocks under tracers, debuggers and coverage: right, skipped on a hit, and the watchers see the rest."""

from __future__ import annotations

from typing import Any

import pytest

from ..conftest import Project

WORK = """
import hozon

def f():
    before = 1
    with hozon.cached_context("n") as block:
        x = before + 1
        y = x + 1
    after = x + y
    return block.hit, after

def g():
    return 7
"""


def test_a_tracer_sees_what_runs_and_is_there_afterwards(project: Project) -> None:
    project.write("work.py", WORK)
    project.write(
        "main.py",
        """
        import sys, work

        lines = []
        def trace(frame, event, argument):
            if frame.f_code.co_filename.endswith("work.py") and event == "line":
                lines.append(frame.f_lineno)
            return trace

        sys.settrace(trace)
        result = work.f()
        still = sys.gettrace() is trace
        work.g()
        sys.settrace(None)
        print(result, still)
        print(lines)
        """,
    )
    assert project.lines() == ["(False, 5) True", "[4, 5, 6, 7, 5, 8, 9, 12]"]
    result, lines = project.lines()
    assert result == "(True, 5) True"
    seen = [int(line) for line in lines.strip("[]").split(",")]
    assert 7 not in seen
    assert seen[0] == 4
    assert seen[-3:] == [8, 9, 12]


def test_a_tracer_of_the_frame_alone(project: Project) -> None:
    project.write(
        "work.py",
        WORK.replace("    before = 1", "    import sys; sys._getframe().f_trace = tracer\n    before = 1")
        + "\nlines = []\ndef tracer(frame, event, argument):\n    lines.append(event)\n    return tracer\n",
    )
    project.write(
        "main.py",
        "import sys, work\nsys.settrace(lambda *_: None)\nprint(work.f())\nsys.settrace(None)\nprint('line' in work.lines)\n",
    )
    # The function reads names that change while it runs, but its block does not.
    assert project.lines() == ["(False, 5)", "True"]
    assert project.lines() == ["(True, 5)", "True"]


def test_pdb_stops_before_and_behind_a_skipped_body(project: Project) -> None:
    project.write("main.py", WORK + "\nprint(f())\n")
    commands = "break 4\nbreak 8\ncontinue\np 'at', before if 'before' in dir() else None\ncontinue\np x, y, block.hit\ncontinue\nquit\n"
    for hit in ("False", "True"):
        done = project.run("-m", "pdb", "main.py", stdin=commands)
        assert f"(2, 3, {hit})" in done.stdout
        assert f"({hit}, 5)" in done.stdout, done.stdout


def test_pdb_steps_over_a_skipped_body(project: Project) -> None:
    project.write("main.py", WORK + "\nprint(f())\n")
    project.run()
    done = project.run(
        "-m", "pdb", "main.py", stdin="break 4\ncontinue\nnext\nnext\nnext\np 'x is', x\ncontinue\nquit\n"
    )
    assert "'x is', 2" in done.stdout
    assert "-> y = x + 1" not in done.stdout
    assert "(True, 5)" in done.stdout


@pytest.mark.parametrize("branch", [(), ("--branch",)], ids=["lines", "branches"])
@pytest.mark.parametrize("core", ["ctrace", "pytrace"])
def test_coverage_counts_what_runs(project: Project, branch: tuple[str, ...], core: str) -> None:
    pytest.importorskip("coverage")
    project.write("main.py", WORK + "\nprint(f())\nprint(g())\n")

    def missing() -> Any:
        import json

        printed = project.lines(
            "-m", "coverage", "run", *branch, "--include=main.py", "main.py", COVERAGE_CORE=core
        )
        project.run("-m", "coverage", "json", "-o", "coverage.json")
        report = json.loads((project.folder / "coverage.json").read_text())
        return printed, report["files"]["main.py"]["missing_lines"]

    assert missing() == (["(False, 5)", "7"], [])
    printed, lines = missing()
    assert printed == ["(True, 5)", "7"]
    assert lines in ([6, 7], [7])


def test_a_profiler(project: Project) -> None:
    project.write("main.py", WORK + "\nprint(f())\n")
    for hit in ("False", "True"):
        assert project.lines("-m", "cProfile", "main.py")[0] == f"({hit}, 5)"
