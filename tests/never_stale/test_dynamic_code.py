"""Edits of code that no name leads to: one row, one edit, one test in fresh processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from never_stale import edits_dynamic
from never_stale.harness import Case, check_recomputes


@pytest.mark.parametrize("case", edits_dynamic.RECOMPUTE, ids=lambda case: case.name)
def test_an_edit_recomputes(case: Case, tmp_path: Path) -> None:
    check_recomputes(case, tmp_path)
