"""Short runs of the differential oracles. `make oracle EDITS=5000 SEED=7` and `make oracle-notebooks` run long ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def test_random_edits_show_no_difference() -> None:
    assert_no_difference("run.py", "--edits", "60", "--seed", "1")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="runs each notebook in forks")
def test_random_edits_of_notebooks_show_no_difference() -> None:
    assert_no_difference("run_notebooks.py", "--edits", "40", "--seed", "1")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="runs each notebook in forks")
def test_notebooks_by_hand_show_no_difference() -> None:
    assert_no_difference("run_notebooks.py", "--by-hand")


def assert_no_difference(program: str, *options: str) -> None:
    run = Path(__file__).with_name(program)
    done = subprocess.run([sys.executable, run, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
