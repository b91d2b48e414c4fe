"""Cuts a line into tokens."""

from __future__ import annotations

import re
from typing import NamedTuple

PATTERN = re.compile(r"\s*(?:(\d+(?:\.\d+)?)|([a-z]+)|(.))")


class Token(NamedTuple):
    kind: str
    text: str


def tokens(line: str) -> list[Token]:
    found = []
    for number, name, sign in PATTERN.findall(line):
        if number:
            found.append(Token("number", number))
        elif name:
            found.append(Token("name", name))
        elif sign.strip():
            found.append(Token("sign", sign))
    return found


def shown(found: list[Token]) -> str:
    return " ".join(f"{token.kind}:{token.text}" for token in found)
