"""A fork after the store was opened is safe; `make test-forks` makes a thousand."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from ..conftest import Project


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork")
def test_forks_of_a_process_whose_threads_use_the_store(project: Project) -> None:
    project.write("forks.py", Path(__file__).with_name("forks.py").read_text(encoding="utf-8"))
    done = project.run("forks.py", "40", options=("-W", "ignore::DeprecationWarning"))
    assert "0 bad, 0 wrong in threads" in done.stdout
    assert done.stderr == ""
