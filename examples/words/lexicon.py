"""Words, runs of words, and how far words are apart."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable


def tokens(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return re.findall(r"[a-z]+", text.lower())


def runs(words: list[str], length: int) -> Iterable[str]:
    """Every run of so many words."""
    return (" ".join(words[start : start + length]) for start in range(len(words) - length + 1))


def frequent(items: Iterable[str], most: int) -> list[tuple[str, int]]:
    """The most frequent items with their counts; of equal counts, the first in the alphabet."""
    return sorted(Counter(items).items(), key=lambda item: (-item[1], item[0]))[:most]


def known(words: list[str], at_least: int) -> list[str]:
    """The longer words that occur so often, sorted."""
    return sorted(word for word, times in Counter(words).items() if times >= at_least and len(word) > 5)


def is_one_slip(one: str, other: str) -> bool:
    """Whether one letter changed, added or left out makes one word of the other."""
    if abs(len(one) - len(other)) > 1:
        return False
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    rest, other_rest = one[same:], other[same:]
    if len(rest) == len(other_rest):
        return rest[1:] == other_rest[1:]
    return rest[1:] == other_rest if len(rest) > len(other_rest) else rest == other_rest[1:]
