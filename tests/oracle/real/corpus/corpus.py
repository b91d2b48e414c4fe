"""An index of a folder of texts, written to a file; and queries of it."""

from __future__ import annotations

import os
from pathlib import Path

import wording

import hozon

FOLDER = Path("texts")


@hozon.persistent_cache
def names() -> list[str]:
    return sorted(path.name for path in FOLDER.glob("*.txt"))


@hozon.persistent_cache
def counts(name: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for word in wording.words((FOLDER / name).read_text()):
        found[word] = found.get(word, 0) + 1
    return found


@hozon.persistent_cache
def index(files: list[str]) -> dict[str, list[str]]:
    places: dict[str, list[str]] = {}
    for name in files:
        for word in counts(name):
            places.setdefault(word, []).append(name)
    print("words in all:", len(places))
    return places


@hozon.persistent_cache
def export(places: dict[str, list[str]]) -> int:
    lines = [f"{word}: {', '.join(where)}" for word, where in sorted(places.items())]
    with open("out_index.txt", "w") as file:
        file.write("\n".join(lines))
    return len(lines)


@hozon.persistent_cache
def notes() -> str:
    return Path("notes.txt").read_text() if os.path.exists("notes.txt") else "no notes"


def main() -> None:
    files = names()
    places = index(files)
    print("written:", export(places))
    with hozon.cached_context("rare"):
        rare = sorted(word for word, where in places.items() if len(where) == 1)
    print(rare[:5], notes())
    print(max(sum(counts(name).values()) for name in files))
