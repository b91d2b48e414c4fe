"""A short run of the differential oracle. `make oracle EDITS=5000 SEED=7` runs a long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_random_edits_show_no_difference() -> None:
    run = Path(__file__).with_name("run.py")
    done = subprocess.run(
        [sys.executable, run, "--edits", "60", "--seed", "1"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
