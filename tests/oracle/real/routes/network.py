"""The network as text: `A B 4`, one line a connection, both ways."""

from __future__ import annotations

CHANGES = {"C", "E"}


def parsed(text: str) -> dict[str, dict[str, float]]:
    graph: dict[str, dict[str, float]] = {}
    for line in text.splitlines():
        if is_connection(line):
            one, other, length = line.split()
            connect(graph, one, other, float(length))
    return graph


def connect(graph: dict[str, dict[str, float]], one: str, other: str, length: float) -> None:
    for here, there in ((one, other), (other, one)):
        graph.setdefault(here, {})[there] = length


def is_connection(line: str) -> bool:
    return len(line.split()) == 3 and not line.startswith("#")
