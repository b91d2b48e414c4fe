"""From tokens to a tree, by precedence, and from a tree to a number."""

from __future__ import annotations

from tokens import Token

STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2}


class Node:
    def value(self, names: dict[str, float]) -> float:
        raise NotImplementedError


class Number(Node):
    def __init__(self, text: str) -> None:
        self.number = float(text)

    def value(self, names: dict[str, float]) -> float:
        return self.number


class Name(Node):
    default = 0.0

    def __init__(self, text: str) -> None:
        self.text = text

    def value(self, names: dict[str, float]) -> float:
        return names.get(self.text, self.default)


def divided(one: float, other: float) -> float:
    return one / other if other else 0.0


ACTIONS = {
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
    "/": divided,
}


class Pair(Node):
    def __init__(self, sign: str, one: Node, other: Node) -> None:
        self.sign, self.one, self.other = sign, one, other

    def value(self, names: dict[str, float]) -> float:
        return ACTIONS[self.sign](self.one.value(names), self.other.value(names))


def tree(found: list[Token]) -> Node:
    """The tree of an expression without parentheses: the weakest sign, the last of them, divides it."""
    if len(found) == 1:
        token = found[0]
        return Number(token.text) if token.kind == "number" else Name(token.text)
    place = weakest(found)
    return Pair(found[place].text, tree(found[:place]), tree(found[place + 1 :]))


def weakest(found: list[Token]) -> int:
    best = -1
    for place, token in enumerate(found):
        if token.kind == "sign" and (best < 0 or STRENGTH[token.text] <= STRENGTH[found[best].text]):
            best = place
    return best
