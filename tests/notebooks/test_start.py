"""A warm run loads no more of Python than it needs: most of its time is that of starting."""

from __future__ import annotations

import os
import subprocess
import sys

from notebooks.notebook_project import Project

# As an installed script starts: `-m` loads modules of its own.
START = "import sys; sys.argv = ['hozon', 'run', 'notebook.py']; from hozon._command import main; sys.exit(main())"


def loaded(project: Project) -> set[str]:
    """The modules that a warm run loads, without those that Python starts with."""
    project.cells("x = 2", "x + 1")
    project.run()
    return modules(project, START) - modules(project, "pass")


def modules(project: Project, program: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program],
        cwd=project.folder,
        env={**os.environ, "HOZON_DISABLE": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


def test_a_warm_run_loads_nothing_that_caches_functions(project: Project) -> None:
    found = loaded(project)
    assert "hozon._hosting" in found
    own = {name for name in found if name.startswith("hozon.")}
    assert own == {
        f"hozon.{name}"
        for name in ("_command", "_config", "_errors", "_hosting", "_hozon", "_records", "_runtime")
    }
    assert not found & {"typing", "getpass", "inspect", "asyncio", "logging", "json", "subprocess", "pickle"}


def test_a_warm_run_loads_no_pathlib(project: Project) -> None:
    assert not loaded(project) & {"pathlib", "re", "urllib.parse", "ipaddress", "fnmatch", "enum"}
