"""`hozon audit`: what it calls different, where, and why."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from hozon._auditing import Audit, differences


@dataclasses.dataclass
class Point:
    x: float
    tags: list[str]


class Slotted:
    __slots__ = ("x",)

    def __init__(self, x: float) -> None:
        self.x = x


def told(stored: Any, computed: Any, tolerance: float = 0.0) -> list[str]:
    return [str(difference) for difference in differences(stored, computed, tolerance)]


SAME = [
    (1, 1),
    (math.nan, math.nan),
    ([1, {"a": (2.5, None)}], [1, {"a": (2.5, None)}]),
    ({1, 2, 3}, {3, 2, 1}),
    (np.array([1.0, math.nan]), np.array([1.0, math.nan])),
    (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))),
    (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 2]})),
    (Point(1.0, ["a"]), Point(1.0, ["a"])),
]


@pytest.mark.parametrize("number", range(len(SAME)))
def test_equal_results_have_no_differences(number: int) -> None:
    assert told(*SAME[number]) == []


DIFFERENT: list[tuple[Any, Any, list[str]]] = [
    (1, 2, ["result: 1 → 2"]),
    (1, 1.0, ["result: 1 → 1.0"]),
    (0.0, -0.0, ["result: 0.0 → -0.0"]),
    (True, 1, ["result: True → 1"]),
    ({"score": [1, 2, 3, 0.51]}, {"score": [1, 2, 3, 0.52]}, ["result['score'][3]: 0.51 → 0.52"]),
    ([1], [1, 2], ["len(result): 1 → 2"]),
    ({"a": 1}, {"b": 1}, ["result['a']: 1 → nothing", "result['b']: nothing → 1"]),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}, ["result: its keys → the same keys in another order"]),
    ("abcd", "abxd", ["result: str of 4 → str of 4, from 2 on"]),
    ({1, 2}, {1, 3}, ["result: set of 2 → set of 2, 2 items differ"]),
    (np.zeros((2, 2)), np.array([[0.0, 0.0], [1.5, 0.0]]), ["result[1, 0]: 0.0 → 1.5"]),
    (np.zeros(2), np.zeros(3), ["result: float64 (2,) → float64 (3,)"]),
    (np.zeros(1), np.zeros(1, dtype="float32"), ["result: float64 (1,) → float32 (1,)"]),
    (pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 3]}), ["result['a'][1]: 2 → 3"]),
    (
        pd.DataFrame({"a": ["x"]}),
        pd.DataFrame({"a": ["yy"]}),
        ["result['a'][0]: str of 1 → str of 2, from 0 on"],
    ),
    (pd.Series([1.0], index=[5]), pd.Series([1.0], index=[6]), ["result['index'][0]: 5 → 6"]),
    (pl.DataFrame({"a": [1.0]}), pl.DataFrame({"a": [2.0]}), ["result['a'][0]: 1.0 → 2.0"]),
    (Point(1.0, ["a"]), Point(2.0, ["a"]), ["result.x: 1.0 → 2.0"]),
    ([Point(1.0, ["a"])], [Point(1.0, ["b"])], ["result[0].tags[0]: str of 1 → str of 1, from 0 on"]),
    (Slotted(1.0), Slotted(2.0), ["result.x: 1.0 → 2.0"]),
]


@pytest.mark.parametrize("number", range(len(DIFFERENT)))
def test_the_place_of_a_difference_is_named(number: int) -> None:
    stored, computed, expected = DIFFERENT[number]
    assert told(stored, computed) == expected


CLOSE = [
    (1.0, 1.0 + 1e-12),
    ([1.0, {"a": 2.0}], [1.0 + 1e-12, {"a": 2.0}]),
    (np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-12])),
    (np.array([1j]), np.array([1j + 1e-12])),
    (pd.DataFrame({"a": [1.0]}), pd.DataFrame({"a": [1.0 + 1e-12]})),
    (Point(1.0, ["a"]), Point(1.0 + 1e-12, ["a"])),
    (0.0, -0.0),
]


@pytest.mark.parametrize("number", range(len(CLOSE)))
def test_a_tolerance_is_for_floats_anywhere(number: int) -> None:
    stored, computed = CLOSE[number]
    assert told(stored, computed, 1e-9) == []
    assert told(stored, computed) != []


@pytest.mark.parametrize(("stored", "computed"), [(1, 2), (math.inf, 1.0), (1.0, math.nan), ("a", "b")])
def test_a_tolerance_is_for_nothing_else(stored: Any, computed: Any) -> None:
    assert told(stored, computed, 1e-9) != []


def test_cycles_and_depth_end() -> None:
    one: list[Any] = [1]
    one.append(one)
    other: list[Any] = [2]
    other.append(other)
    assert told(one, other) == ["result[0]: 1 → 2"]
    deep_one: list[Any] = [1]
    deep_other: list[Any] = [2]
    for _ in range(5000):
        deep_one, deep_other = [deep_one], [deep_other]
    assert "too deep" in told(deep_one, deep_other)[0]


class _Keyed:
    def __init__(self, number: int) -> None:
        self.key = number.to_bytes(32, "big")
        self.hex = self.key.hex()

    def likely_causes(self) -> list[str]:
        return []

    def unseen(self) -> list[str]:
        return ["exec"]


def test_the_first_hits_are_all_checked_and_later_ones_ever_fewer() -> None:
    audit = Audit(20, 0.0, 7)
    for number in range(20):
        audit.audited(1, lambda: 1, "f", _Keyed(number))  # type: ignore[arg-type]
    assert audit.checked == 20
    for number in range(20, 2000):
        audit.audited(1, lambda: 1, "f", _Keyed(number))  # type: ignore[arg-type]
    assert 60 < audit.checked < 220
    again = Audit(20, 0.0, 7)
    for number in range(2000):
        again.audited(1, lambda: 1, "f", _Keyed(number))  # type: ignore[arg-type]
    assert again.checked == audit.checked


def test_a_computation_that_raises_now_differs() -> None:
    audit = Audit(20, 0.0, 7)

    def fails() -> None:
        raise KeyError("secret")

    audit.audited(1, fails, "f", _Keyed(1))  # type: ignore[arg-type]
    report = audit.report()
    assert "result: 1 → raises KeyError" in report
    assert "secret" not in report
    assert "likely cause: code that cannot be followed (`exec`)" in report


PROGRAM = """
    import sys, time
    import hozon

    @hozon.persistent_cache
    def stamped(x):
        return {"x": x, "when": [0, time.time()]}

    @hozon.persistent_cache
    def steady(x):
        return x * 0.1

    print(stamped(1)["x"], steady(2), sys.argv[1:])
    """


def test_the_command_finds_what_differs(project: Any) -> None:
    project.write("main.py", PROGRAM)
    first = project.lines("main.py", "a")
    done = project.run("-m", "hozon._command", "audit", "--seed", "5", "main.py", "a", check=False)
    assert done.stdout.splitlines() == first
    assert done.returncode == 1
    assert "audit: 2 of 2 hits computed again (seed 5)" in done.stderr
    assert "audit: stamped (" in done.stderr
    assert "result['when'][1]: " in done.stderr
    assert "likely cause: the clock (`time.time`)" in done.stderr
    assert "steady" not in done.stderr


def test_the_command_is_content_where_nothing_differs(project: Any) -> None:
    project.write("main.py", PROGRAM)
    project.run("main.py")
    near = ("--tolerance", "0.5")
    done = project.run("-m", "hozon._command", "audit", *near, "main.py", check=False)
    assert (done.returncode, "audit: all agree" in done.stderr) == (0, True)
    module = project.run("-m", "hozon._command", "audit", *near, "-m", "main", check=False)
    assert "2 of 2 hits" in module.stderr
    none = project.run("-m", "hozon._command", "audit", "--sample", "0", "main.py", check=False)
    assert "audit: 0 of 2 hits" in none.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["--sample"], 2),
        (["--sample", "x", "main.py"], 2),
        (["--what", "main.py"], 2),
        (["--help"], 0),
    ],
)
def test_wrong_usage(project: Any, arguments: list[str], code: int) -> None:
    done = project.run("-m", "hozon._command", "audit", *arguments, check=False)
    assert done.returncode == code
    assert "usage: hozon audit" in done.stdout + done.stderr


def test_the_programs_own_end_is_kept(project: Any) -> None:
    project.write("main.py", "import sys\nsys.exit(7)\n")
    assert project.run("-m", "hozon._command", "audit", "main.py", check=False).returncode == 7
    project.write("main.py", "1 / 0\n")
    done = project.run("-m", "hozon._command", "audit", "main.py", check=False)
    assert (done.returncode, "ZeroDivisionError" in done.stderr) == (1, True)
