"""What the tests of digests have in common."""

from __future__ import annotations

import itertools
from typing import Any

import pytest


def equal(*pairs: Any) -> Any:
    """Parametrizes a test with pairs of values: (name, left, right)."""
    return pytest.mark.parametrize(
        ("left", "right"), [pair[1:] for pair in pairs], ids=[pair[0] for pair in pairs]
    )


def different(**groups: list[Any]) -> Any:
    """Parametrizes a test with groups of values that all differ."""
    return pytest.mark.parametrize("values", groups.values(), ids=groups.keys())


def assert_all_differ(values: list[Any], digest: Any) -> None:
    for (position, left), (other, right) in itertools.combinations(enumerate(values), 2):
        assert digest(left) != digest(right), f"values {position} and {other}"
