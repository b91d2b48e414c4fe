"""Words as they are counted."""

from __future__ import annotations

import re
from collections.abc import Iterator

STOPS = frozenset({"the", "a", "of", "and"})
SHORTEST = 2


def words(text: str) -> Iterator[str]:
    for word in re.findall(r"[a-z]+", text.lower()):
        if len(word) >= SHORTEST and word not in STOPS:
            yield stem(word)


def stem(word: str) -> str:
    for ending in ("ing", "ed", "s"):
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return word[: -len(ending)]
    return word


def is_long(word: str) -> bool:
    return len(word) > 9
