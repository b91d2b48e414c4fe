"""A short look at the mutation run over the rules: each rule's text and its tests are where the run looks for them.

`make rules` switches them off, one after the other, which takes some minutes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_every_rule_and_its_tests_are_where_the_run_looks_for_them() -> None:
    script = Path(__file__).with_name("mutations.py")
    done = subprocess.run([sys.executable, script, "--list"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
