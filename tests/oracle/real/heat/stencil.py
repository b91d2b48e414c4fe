"""Neighbours on a plate."""

from __future__ import annotations

import numpy as np

WEIGHT = 4


def laplacian(values: np.ndarray) -> np.ndarray:
    around = sum(shifted(values, *move) for move in ((0, 1), (0, -1), (1, 0), (-1, 0)))
    return around - WEIGHT * values


def shifted(values: np.ndarray, down: int, right: int) -> np.ndarray:
    return np.roll(np.roll(values, down, axis=0), right, axis=1)


def roughness(values: np.ndarray) -> float:
    return float(np.abs(np.diff(values, axis=0)).mean())


def edges(values: np.ndarray) -> np.ndarray:
    return values[[0, -1], :]
