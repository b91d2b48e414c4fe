"""Plain text processing, without dependencies: the words of Python's own documentation.

The text is the help topics that come with every Python (`help("LAMBDA")`). Run it twice: the second time
nothing is computed. Then edit a function of `lexicon.py`.

    python examples/words/words.py
"""

from __future__ import annotations

import time
from typing import Any

import lexicon

import hozon

MOST = 5


@hozon.persistent_cache
def text() -> str:
    """About half a megabyte of English."""
    from pydoc_data.topics import topics

    return "\n".join(topics[name] for name in sorted(topics))


@hozon.persistent_cache
def words(of: str) -> list[str]:
    """Its words, in order."""
    return lexicon.tokens(of)


@hozon.persistent_cache
def phrases(of: list[str], length: int) -> list[tuple[str, int]]:
    """The most frequent runs of so many words."""
    return lexicon.frequent(lexicon.runs(of, length), MOST)


def step(function: Any, *arguments: Any) -> Any:
    """Calls a cached function and tells whether it was restored, or why it ran."""
    why = function.cache_explain(*arguments)
    started = time.perf_counter()
    result = function(*arguments)
    report(function.__name__, why, time.perf_counter() - started)
    return result


def report(name: str, why: str, seconds: float) -> None:
    """One line on a step."""
    did = "restored" if why == "hit" else "ran     "
    reason = "" if why == "hit" else "  because: " + "; ".join(line.strip() for line in why.splitlines())
    print(f"  {did}  {name:<10}{seconds * 1000:9.1f} ms{reason}")


def main() -> None:
    """Phrases, and words that are one slip of the pen apart."""
    found = step(words, step(text))
    for length in (2, 3):
        for phrase, times in step(phrases, found, length):
            print(f"              {times:5} × {phrase}")

    started = time.perf_counter()
    with hozon.cached_context("twins") as block:
        common = lexicon.known(found, at_least=3)
        twins = [
            (one, other)
            for index, one in enumerate(common)
            for other in common[index + 1 :]
            if lexicon.is_one_slip(one, other)
        ]
    report("twins", block.explain(), time.perf_counter() - started)
    shown = ", ".join(f"{one}/{other}" for one, other in twins[:MOST])
    print(f"              {len(twins)} pairs of {len(common)} words: {shown} …")


if __name__ == "__main__":
    began = time.perf_counter()
    main()
    print(f"own time: {time.perf_counter() - began:.2f} s")
