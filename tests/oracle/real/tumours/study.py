"""Runs the first steps of the example beside it, without showing how long they take."""

from __future__ import annotations

import analysis


def main() -> None:
    table = analysis.features(analysis.load())
    print(len(table), sorted(table.columns)[:3])
    print(table[["roundness", "mean_area"]].describe().round(4).to_string())
