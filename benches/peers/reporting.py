"""What `run.py` prints and writes: tables, which figures are met, and a plot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from run import Row


def duration(value: float | None) -> str:
    """With its unit."""
    if value is None:
        return "—"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def head(peers: list[str]) -> str:
    columns = ["what", *peers, "the machine", "best rival ÷ hozon"]
    return "| " + " | ".join(columns) + " |\n|" + "---|" * len(columns)


def line(row: Row, peers: list[str]) -> str:
    """One row of the table of times."""
    floor = row.median("floor")
    told = f"{duration(floor)} ({row.workload.floor_title})" if floor is not None else ""
    ratio = times_of_rival(row)
    cells = [row.workload.title, *(duration(row.median(peer)) for peer in peers), told]
    return "| " + " | ".join([*cells, f"{ratio:.2g}" if ratio is not None else "—"]) + " |"


def times_of_rival(row: Row) -> float | None:
    """How many times what hozon takes the quickest of the others takes."""
    own = row.median("hozon")
    rivals = [row.median(peer) for peer in row.seconds if peer not in ("hozon", "floor")]
    known = [seconds for seconds in rivals if seconds is not None]
    return min(known) / own if own and known else None


def rest(rows: list[Row], peers: list[str]) -> str:
    """Memory, figures, and why something is missing."""
    lines = ["", "Megabytes by which the peak of the process rose:", "", memory_head(peers)]
    lines += [memory_line(row, peers) for row in rows if row.name.startswith(("key-", "put-", "restore-"))]
    lines += ["", "| figure | reached | met |", "|---|---|---|"]
    lines += [told for row in rows for told in figures(row)]
    why = [
        f"- {row.workload.title}, {peer}: {text}"
        for row in rows
        for peer, text in row.missing.items()
        if text != "it has none"
    ]
    return "\n".join([*lines, *(["", "Not measured:", "", *why] if why else [])])


def memory_head(peers: list[str]) -> str:
    return "| what | " + " | ".join(peers) + " |\n|" + "---|" * (len(peers) + 1)


def memory_line(row: Row, peers: list[str]) -> str:
    known = [row.memory(peer) for peer in peers]
    cells = ["—" if megabytes is None else f"{megabytes:.0f}" for megabytes in known]
    return f"| {row.workload.title} | " + " | ".join(cells) + " |"


def figures(row: Row) -> list[str]:
    """The figures to reach, and what was reached."""
    own, floor, ratio = row.median("hozon"), row.median("floor"), times_of_rival(row)
    workload, told = row.workload, []
    if own is None:
        return []
    if workload.at_most_seconds is not None:
        reached = own <= workload.at_most_seconds
        told.append((f"at most {duration(workload.at_most_seconds)}", duration(own), reached))
    if workload.at_most_of_floor is not None and floor:
        times = own / floor
        limit = f"at most {workload.at_most_of_floor:.2g} × {workload.floor_title}"
        told.append((limit, f"{times:.2f} ×", times <= workload.at_most_of_floor))
    if workload.at_least_of_rival is not None and ratio is not None:
        limit = f"{workload.at_least_of_rival:g} × as fast as the best rival"
        told.append((limit, f"{ratio:.2f} ×", ratio >= workload.at_least_of_rival))
    megabytes = row.memory("hozon")
    if workload.at_most_megabytes is not None and megabytes is not None:
        limit, got = f"at most {workload.at_most_megabytes:g} MB more", f"{megabytes:.0f} MB"
        told.append((limit, got, megabytes <= workload.at_most_megabytes))
    return [
        f"| {workload.title}: {limit} | {got} | {'yes' if met else '**no**'} |" for limit, got, met in told
    ]


def write(folder: Path, machine: str, rows: list[Row], peers: list[str]) -> None:
    """`results.json`, `table.md` and, with matplotlib, `plot.svg`."""
    folder.mkdir(parents=True, exist_ok=True)
    results = {
        row.name: {"seconds": row.seconds, "megabytes": row.megabytes, "missing": row.missing} for row in rows
    }
    (folder / "results.json").write_text(json.dumps({"machine": machine, "rows": results}, indent=1))
    table = [machine, "", head(peers), *(line(row, peers) for row in rows), rest(rows, peers), ""]
    (folder / "table.md").write_text("\n".join(table), encoding="utf-8")
    try:
        plot(folder / "plot.svg", rows, peers)
    except ImportError:
        print("matplotlib is not installed: there is no plot")


def plot(file: Path, rows: list[Row], peers: list[str]) -> None:
    """Seconds of each peer, a row for each workload, on a logarithmic scale. What is left is quick."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 0.33 * len(rows) + 1.4), layout="constrained")
    places = {row.name: len(rows) - number for number, row in enumerate(rows)}
    marks = ["o", "s", "v", "^", "D", "P", "X", "<", ">", "*", "p"]
    for number, peer in enumerate([*peers, "floor"]):
        known = [(row.median(peer), places[row.name]) for row in rows]
        points = [(seconds, place) for seconds, place in known if seconds]
        if not points:
            continue
        look = {
            "marker": marks[number % len(marks)],
            "color": f"C{number}",
            "s": 26,
            "zorder": 2,
            "alpha": 0.75,
        }
        if peer == "hozon":
            look |= {"color": "#c2410c", "s": 70, "zorder": 3, "alpha": 1}
        elif peer == "floor":
            look |= {"marker": "|", "color": "black"}
        axes.scatter(*zip(*points, strict=True), label="the machine" if peer == "floor" else peer, **look)
    axes.set_yticks(list(places.values()), [row.workload.title for row in rows])
    axes.set_xscale("log")
    axes.set_xlabel("seconds (left is quick)")
    axes.grid(axis="both", alpha=0.25)
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.4, -0.12 - 1 / len(rows)), ncols=6, fontsize=8, frameon=False
    )
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
