"""Runs the steps of the example beside it on a small text, without showing how long they take."""

from __future__ import annotations

import lexicon
import words

import hozon


def main() -> None:
    with open("text.txt") as file:
        found = words.words(file.read())
    for length in (1, 2):
        for phrase, times in words.phrases(found, length):
            print(times, phrase)
    with hozon.cached_context("twins"):
        common = lexicon.known(found, at_least=2)
        twins = [
            (one, other)
            for one in common
            for other in common
            if one < other and lexicon.is_one_slip(one, other)
        ]
    print(len(common), twins)
    print(len(words.text()) > 1000)
