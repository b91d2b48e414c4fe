"""What the study's steps share. An edit to one function touches only the steps that reach it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.ensemble import RandomForestClassifier

COLOUR = "steelblue"


def tidy_name(name: str) -> str:
    """A column's name as an identifier."""
    return name.strip().lower().replace(" ", "_")


def with_ratios(table: pd.DataFrame) -> pd.DataFrame:
    """Adds how far a shape is from a circle: 1 for a circle, more for others."""
    return table.assign(roundness=table["mean_perimeter"] ** 2 / (12.566 * table["mean_area"]))


def forest(depth: int, trees: int) -> RandomForestClassifier:
    """A forest that gives the same answer each time."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=trees, max_depth=depth, random_state=0)
