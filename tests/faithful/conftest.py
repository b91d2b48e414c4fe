"""Common to the tests of the promise that values are seen, and come back, as they are."""

from __future__ import annotations

from typing import Any

import pytest

from hozon import _hozon


@pytest.fixture
def digest() -> Any:
    """The digest of a value."""
    return _hozon.value_digest
