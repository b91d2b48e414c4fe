"""Shortest ways through a network of stations, with and without changes of line."""

from __future__ import annotations

import configparser
import functools
import heapq
from collections.abc import Iterator

import network

import hozon

START = "A"


@hozon.persistent_cache
def stations(text: str) -> dict[str, dict[str, float]]:
    return network.parsed(text)


@hozon.persistent_cache
def distances(graph: dict[str, dict[str, float]], start: str) -> dict[str, float]:
    best = {start: 0.0}
    waiting = [(0.0, start)]
    for _ in range(200):
        if not waiting:
            break
        so_far, here = heapq.heappop(waiting)
        for there, length in sorted(graph.get(here, {}).items()):
            longer = so_far + length + penalty(there)
            if longer < best.get(there, 1e9):
                best[there] = longer
                heapq.heappush(waiting, (longer, there))
    return best


@functools.lru_cache
def penalty(station: str) -> float:
    return settings()["change"] if station in network.CHANGES else 0.0


@hozon.cache
def settings() -> dict[str, float]:
    parser = configparser.ConfigParser()
    parser.read("routes.ini")
    return {name: float(value) for name, value in parser["costs"].items()}


@hozon.persistent_cache
def ways(graph: dict[str, dict[str, float]], start: str, longest: int) -> Iterator[str]:
    """Every way of so many steps without coming back."""
    way = [start]
    for _ in range(longest):
        near = [there for there in sorted(graph.get(way[-1], {})) if there not in way]
        if not near:
            break
        way.append(near[0])
        yield "-".join(way)


def main() -> None:
    with open("network.txt") as file:
        graph = stations(file.read())
    for station, length in sorted(distances(graph, START).items()):
        print(station, length)
    print(list(ways(graph, START, 4)))
