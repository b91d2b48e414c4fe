"""THREATS.md: each row names tests, and the tests are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "THREATS.md").read_text(encoding="utf-8")

# Rows that nothing holds yet, each with the reason. One that has got its test goes from this list.
OPEN: dict[str, str] = {}
ROWS = [*(f"T{number}" for number in range(1, 26)), *(str(number) for number in range(1, 16))]


def rows(page: str) -> dict[str, str]:
    """The text of each row, by its number. A row that is there twice is a mistake."""
    found = re.findall(r"^\| (T?\d+) \| (.*) \|$", page, re.MULTILINE)
    assert len(found) == len(dict(found))
    return dict(found)


def named_in(text: str) -> list[str]:
    """The tests that a text names: `tests/FILE.py[::TEST]`, or `hozon-CRATE::MODULE::TEST`."""
    return re.findall(r"`(tests/[\w/]+\.py(?:::\w+)?|hozon-\w+(?:::\w+)+)`", text)


def is_there(test: str) -> bool:
    """Whether a test of that name is in the file of that name."""
    file, *names = test.split("::")
    if file.endswith(".py"):
        path = ROOT / file
        return path.is_file() and all(f"\ndef {name}(" in path.read_text(encoding="utf-8") for name in names)
    *modules, name = names
    for path in (ROOT / "crates" / file).rglob("*.rs"):
        is_module = path.stem in modules or path.parent.name in modules
        text = path.read_text(encoding="utf-8")
        if is_module and re.search(rf"^ *fn {name}\(", text, re.MULTILINE):
            return True
    return False


@pytest.mark.parametrize("row", ROWS)
def test_each_row_names_a_test(row: str) -> None:
    named = named_in(rows(PAGE)[row])
    assert bool(named) != (row in OPEN), f"{row}: {named}"


def test_each_test_that_is_named_is_there() -> None:
    named = named_in(PAGE)
    assert len(named) > 60
    assert [test for test in named if not is_there(test)] == []


def test_there_are_no_other_rows() -> None:
    assert list(rows(PAGE)) == ROWS
    assert set(OPEN) <= set(ROWS)


def test_a_test_that_is_gone_is_missed() -> None:
    assert not is_there("tests/never_lost/test_damage.py::test_that_never_was")
    assert not is_there("tests/never_lost/test_gone.py")
    assert not is_there("hozon-store::power::never_was")
    assert not is_there("hozon-store::links::the_store_works_without_locks"), "it is in another module"
    assert named_in("| T1 | a | b | |") == []
