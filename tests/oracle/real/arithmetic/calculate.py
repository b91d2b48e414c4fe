"""Works out the lines of a file: `name = expression`, in order."""

from __future__ import annotations

import tokens
import trees

import hozon

FIRST = {"one": 1.0}


@hozon.persistent_cache
def cut(text: str) -> list[list[tokens.Token]]:
    return [tokens.tokens(line) for line in text.splitlines() if line.strip()]


@hozon.persistent_cache
def worked_out(lines: list[list[tokens.Token]]) -> dict[str, float]:
    names = dict(FIRST)
    for line in lines:
        names[line[0].text] = trees.tree(line[2:]).value(names)
    return names


@hozon.persistent_cache
def forest(lines: list[list[tokens.Token]]) -> list[trees.Node]:
    return [trees.tree(line[2:]) for line in lines]


def main() -> None:
    with open("sums.txt") as file:
        lines = cut(file.read())
    for name, value in worked_out(lines).items():
        print(name, "=", round(value, 6))
    print(sum(tree.value({"a": 2.0, "b": 3.0}) for tree in forest(lines)))
