"""Heat that spreads over a plate, and a random walk on it."""

from __future__ import annotations

import os

import numpy as np
import stencil

import hozon

SIZE = 24
SEED = 7


@hozon.persistent_cache
def plate(size: int) -> np.ndarray:
    made = np.zeros((size, size))
    made[size // 4 : size // 2, size // 3] = 100.0
    made[-1, :] = 25.0
    return made


@hozon.persistent_cache
def spread(start: np.ndarray, steps: int, rate: float = 0.1) -> np.ndarray:
    now = start
    for _ in range(steps):
        now = now + rate * stencil.laplacian(now)
    return now


@hozon.persistent_cache
def walk(steps: int) -> np.ndarray:
    np.random.seed(SEED)
    moves = np.random.randint(-1, 2, size=(steps, 2))
    return np.cumsum(moves, axis=0)


@hozon.persistent_cache
def jitter(count: int) -> float:
    return float(np.random.normal(0, 1, count).sum())


@hozon.persistent_cache
def summary(values: np.ndarray) -> dict[str, float]:
    return {"mean": float(values.mean()), "most": float(values.max()), "spread": stencil.roughness(values)}


def main() -> None:
    steps = int(os.environ.get("HEAT_STEPS", "12"))
    final = spread(plate(SIZE), steps)
    for name, value in summary(final).items():
        print(f"{name:8}{value:.6f}")
    path = walk(40)
    print("walked to", path[-1].tolist(), "jitter", round(jitter(5), 6))
    print("next number", int(np.random.randint(1000)))
