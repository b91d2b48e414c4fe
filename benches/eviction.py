"""A year of use, simulated: the seconds that hozon's eviction saves beside LRU, FIFO and the best possible.

    make bench-eviction            or: python benches/eviction.py [--from FILE]

`crates/hozon-store/examples/eviction.rs` plays 10 000 runs of notebooks with edits against the product's own
books; `docs/eviction.md` says what is drawn from which distribution. This prints the table of that page and
draws its plot, `docs/eviction.svg`. `--from` takes what the program printed earlier.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
COMMAND = (
    "cargo",
    "run",
    "--quiet",
    "--locked",
    "--profile",
    "fast",
    "-p",
    "hozon-store",
    "--example",
    "eviction",
)
COLOURS = {
    "upper bound": "#bbbbbb",
    "clairvoyant": "#777777",
    "hozon": "#d1495b",
    "seconds per byte": "#8ab17d",
    "LRU": "#2a6f97",
    "FIFO": "#e9a03b",
}
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 400, 60, 20, 150, 50


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--from", dest="file", type=Path, help="what the program printed earlier")
    file = parser.parse_args().file
    text = (
        file.read_text()
        if file
        else subprocess.run(COMMAND, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    )
    year, *rows = [json.loads(line) for line in text.splitlines()]
    saved = shares(year, rows)
    print(f"{year}\n\n{table(saved)}")
    (ROOT / "docs" / "eviction.svg").write_text(plot(saved), encoding="utf-8")


def shares(year: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, dict[int, float]]:
    """For each policy and bound, the part saved of what a store without a bound would save."""
    saved: dict[str, dict[int, float]] = {}
    for row in rows:
        saved.setdefault(row["policy"], {})[row["bound"]] = row["saved"] / year["seconds"]
    return saved


def size(number: float) -> str:
    return f"{number / 1e6:.0f} MB" if number < 1e9 else f"{number / 1e9:.1f} GB"


def table(saved: dict[str, dict[int, float]]) -> str:
    bounds = list(saved["hozon"])
    lines = [
        "| bound | " + " | ".join(size(bound) for bound in bounds) + " |",
        "|---" * (len(bounds) + 1) + "|",
    ]
    for policy in COLOURS:
        cells = " | ".join(f"{saved[policy][bound] * 100:.1f} %" for bound in bounds)
        lines.append(f"| {policy} | {cells} |")
    return "\n".join(lines)


def plot(saved: dict[str, dict[int, float]]) -> str:
    """The lines of all policies over the bound, on a logarithmic axis."""
    bounds = list(saved["hozon"])
    low, high = math.log10(bounds[0]), math.log10(bounds[-1])

    def place(bound: float, part: float) -> tuple[float, float]:
        across = (math.log10(bound) - low) / (high - low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), TOP + (1 - part) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
        ' font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for tenth in range(0, 11, 2):
        (x, y), (end, _) = place(bounds[0], tenth / 10), place(bounds[-1], tenth / 10)
        parts.append(f'<path d="M{x:.0f} {y:.1f}H{end:.0f}" stroke="#eeeeee"/>')
        parts.append(f'<text x="{x - 8:.0f}" y="{y + 4:.1f}" text-anchor="end">{tenth * 10} %</text>')
    for bound in bounds:
        x, y = place(bound, 0)
        parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{size(bound)}</text>')
    middle = LEFT + (WIDTH - LEFT - RIGHT) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 10}" text-anchor="middle">size of the store</text>')
    for number, (policy, colour) in enumerate(COLOURS.items()):
        points = " ".join(
            "{:.1f},{:.1f}".format(*place(bound, part)) for bound, part in saved[policy].items()
        )
        thick = 3 if policy == "hozon" else 1.5
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{thick}"/>')
        y = TOP + 20 + number * 20
        parts.append(f'<path d="M{WIDTH - RIGHT + 15} {y}h20" stroke="{colour}" stroke-width="{thick}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 42}" y="{y + 4}">{policy}</text>')
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    main()
