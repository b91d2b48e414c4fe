"""A small study with pandas and scikit-learn: load, features, cross-validated models, a plot.

Run it twice: the second time nothing is computed. Then edit a function of `helpers.py`: only what that
edit touches runs again, and the reason is printed.

    python examples/tumours/analysis.py
"""

# scikit-learn and matplotlib are imported by the functions that use them: a warm run needs neither.
from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import helpers
import pandas as pd

import hozon

FOLDS = 5
DEPTHS = (2, 4, 8)
TREES = (40, 80)


@hozon.persistent_cache
def load() -> pd.DataFrame:
    """569 tumours, 30 measurements each, and whether they were benign: data that scikit-learn ships."""
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer(as_frame=True).frame
    return table.rename(columns=helpers.tidy_name)


@hozon.persistent_cache
def features(table: pd.DataFrame) -> pd.DataFrame:
    """The measurements and what they say together."""
    return helpers.with_ratios(table)


@hozon.persistent_cache
def score(table: pd.DataFrame, depth: int, trees: int) -> float:
    """Mean area under the curve of one forest, cross-validated."""
    from sklearn.model_selection import cross_val_score

    inputs, target = table.drop(columns="target"), table["target"]
    model = helpers.forest(depth, trees)
    return float(cross_val_score(model, inputs, target, cv=FOLDS, scoring="roc_auc").mean())


@hozon.persistent_cache
def plot(scores: dict[tuple[int, int], float]) -> bytes:
    """A bar for each forest, as a PNG."""
    import io

    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    labels = [f"{trees} trees\ndepth {depth}" for depth, trees in scores]
    axes.bar(labels, list(scores.values()), color=helpers.COLOUR)
    axes.set_ylim(min(scores.values()) - 0.002, max(scores.values()) + 0.001)
    axes.set_ylabel("area under the curve")
    axes.tick_params(axis="x", labelsize=7)
    image = io.BytesIO()
    figure.savefig(image, format="png", metadata={"Software": None})
    return image.getvalue()


def step(function: Any, *arguments: Any, label: str = "") -> Any:
    """Calls a cached function and tells whether it was restored, or why it ran."""
    why = function.cache_explain(*arguments)
    started = time.perf_counter()
    result = function(*arguments)
    seconds = time.perf_counter() - started
    did = "restored" if why == "hit" else "ran     "
    reason = "" if why == "hit" else "  because: " + "; ".join(line.strip() for line in why.splitlines())
    print(f"  {did}  {function.__name__ + label:<18}{seconds * 1000:9.1f} ms{reason}")
    return result


def main() -> None:
    """The whole study."""
    table = step(features, step(load))
    grid = [(depth, trees) for depth in DEPTHS for trees in TREES]
    scores = {forest: step(score, table, *forest, label=str(forest)) for forest in grid}
    Path(__file__).with_name("scores.png").write_bytes(step(plot, scores))
    depth, trees = max(scores, key=lambda forest: scores[forest])
    print(f"best: {trees} trees of depth {depth}, area under the curve {scores[depth, trees]:.4f}")


if __name__ == "__main__":
    started = time.perf_counter()
    main()
    print(f"own time: {time.perf_counter() - started:.2f} s")
