"""Fixtures for notebooks."""

from __future__ import annotations

from pathlib import Path

import pytest
from notebooks.notebook_project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A folder of its own."""
    return Project(tmp_path)
