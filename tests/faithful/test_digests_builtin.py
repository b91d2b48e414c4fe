"""The standard library: equal values have one digest however they were made, different values differ."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import enum
import fractions
import functools
import pathlib
import re
import socket
import subprocess
import sys
import threading
import types
import uuid
import weakref
import zoneinfo
from typing import Any

import pytest

from hozon._digests import register_digest, shape_function

from .pairs import assert_all_differ, different, equal


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class Shade(enum.Enum):
    RED = 1


class Number(enum.IntEnum):
    ONE = 1


class Permission(enum.Flag):
    READ = 1
    WRITE = 2


class Labels(set):  # type: ignore[type-arg]
    owner: str


class Folder(pathlib.PurePosixPath):
    pass


class Counted:
    """Has no meaning beyond its number, whatever else it holds."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lock = threading.Lock()

    def __hozon_digest__(self) -> Any:
        return self.number


def labels(items: Any, owner: str) -> Labels:
    made = Labels(items)
    made.owner = owner
    return made


@equal(
    ("sets", set("abcdefgh"), set("hgfedcba")),
    ("subclass of set", labels("abcdefgh", "x"), labels("hgfedcba", "x")),
    ("path", pathlib.PurePosixPath("a/b"), pathlib.PurePosixPath("a//b/")),
    ("pattern", re.compile("a"), re.compile("a")),
    ("memory view", memoryview(b"abcdef")[::2], memoryview(b"ace")),
    ("read-only memory view", memoryview(b"abc"), memoryview(bytearray(b"abc"))),
    ("enum", Color.RED, Color(1)),
    ("flags", Permission.READ | Permission.WRITE, Permission(3)),
    ("hook on the class", Counted(3), Counted(3)),
    ("zone", zoneinfo.ZoneInfo("UTC"), zoneinfo.ZoneInfo.no_cache("UTC")),
    ("fraction", fractions.Fraction(1, 2), fractions.Fraction(2, 4)),
    ("keys", {1: 2}.keys(), {1: 3}.keys()),
)
def test_equal_values_of_the_standard_library(left: Any, right: Any, digest: Any) -> None:
    assert digest(left) == digest(right)


@different(
    numbers=[1, 1.0, True, complex(1), decimal.Decimal(1), fractions.Fraction(1), Number.ONE, "1", b"1"],
    zeros=[0, 0.0, -0.0, False, None, "", b"", (), [], {}, set(), frozenset(), bytearray(), range(0)],
    decimals=[decimal.Decimal(text) for text in ("1", "1.0", "1.00", "NaN", "-0", "0")],
    enums=[Color.RED, Color.GREEN, Shade.RED, Permission.READ, Permission.WRITE, Permission(0), Number.ONE],
    paths=[
        pathlib.PurePosixPath("a"),
        pathlib.PureWindowsPath("a"),
        pathlib.PurePosixPath("b"),
        "a",
        pathlib.Path("a"),
        Folder("a"),
    ],
    containers=[
        {1: 2},
        {1: 2}.items(),
        {1: 2}.keys(),
        {2: 1}.values(),
        types.MappingProxyType({1: 2}),
        collections.OrderedDict({1: 2}),
        collections.Counter({1: 2}),
        collections.defaultdict(list, {1: 2}),
        collections.defaultdict(int, {1: 2}),
        types.SimpleNamespace(a=1),
        collections.ChainMap({1: 2}),
    ],
    sequences=[
        [1, 2],
        (1, 2),
        collections.deque([1, 2]),
        collections.deque([1, 2], 2),
        collections.deque([2, 1]),
        array.array("i", [1, 2]),
        array.array("h", [1, 2]),
        array.array("l", [1, 2]),
        array.array("q", [1, 2]),
    ],
    sets=[{1, 2}, frozenset({1, 2}), labels({1, 2}, "x"), labels({1, 2}, "y"), labels({1}, "x")],
    order=[{"a": 1, "b": 2}, {"b": 2, "a": 1}],
    memory=[
        memoryview(b"ab"),
        b"ab",
        bytearray(b"ab"),
        memoryview(b"ab").cast("b"),
        memoryview(b"ab").cast("H"),
        memoryview(b"abcd").cast("B", (2, 2)),
        memoryview(b"abcd"),
        memoryview(b"acbd").cast("B", (2, 2)),
    ],
    times=[datetime.datetime(2020, 1, 1), datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1, fold=1)]
    + [datetime.datetime(2020, 1, 1, tzinfo=zone) for zone in (datetime.UTC, zoneinfo.ZoneInfo("UTC"))]
    + [datetime.time(), datetime.timedelta(1), datetime.timedelta(hours=1)],
    zones=[zoneinfo.ZoneInfo("UTC"), zoneinfo.ZoneInfo("Europe/Paris"), datetime.UTC, datetime.timezone.min],
    patterns=[re.compile("a"), re.compile("b"), re.compile("a", re.I), re.compile(b"a")],
    partials=[
        functools.partial(int),
        functools.partial(int, "1"),
        functools.partial(int, base=2),
        functools.partial(int, base=3),
        functools.partial(float),
    ],
    methods=[[1].append, [2].append, [1].extend, Counted(1).__init__, Counted(2).__init__],
    wrappers=[
        property(len),
        classmethod(len),
        staticmethod(len),
        functools.lru_cache(len),
        len,
        functools.lru_cache(maxsize=3)(len),
        functools.cached_property(len),
    ],
    unions=[int | None, int | str, list[int], list[str], int],
    identifiers=[uuid.UUID(int=1), uuid.UUID(int=2), 1],
    hooks=[Counted(1), Counted(2), 1],
)
def test_different_values_of_the_standard_library(values: list[Any], digest: Any) -> None:
    assert_all_differ(values, digest)


def generator() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (generator, "read only once"),
        (threading.Lock, "lock"),
        (threading.RLock, "lock"),
        (threading.Event, "lock"),
        (lambda: open(__file__), "open file"),  # noqa: SIM115
        (lambda: open(__file__, "rb", buffering=0), "open file"),  # noqa: SIM115
        (socket.socket, "connection"),
        (lambda: weakref.ref(Color), "weak reference"),
        (lambda: __import__("sqlite3").connect(":memory:"), "connection"),
    ],
    ids=["generator", "lock", "rlock", "event", "file", "raw file", "socket", "weak reference", "database"],
)
def test_what_has_no_value_is_refused_with_the_reason(make: Any, why: str) -> None:
    value = make()
    shape = shape_function(type(value))
    assert shape is not None
    with pytest.raises(TypeError, match=why):
        shape(value)
    if hasattr(value, "close"):
        value.close()


def test_a_registered_hook_says_what_identifies_a_value(digest: Any) -> None:
    class Base:
        def __init__(self, number: int, noise: int) -> None:
            self.number, self.noise = number, noise

    class Derived(Base):
        pass

    assert digest(Base(1, 2)) != digest(Base(1, 3))
    register_digest(Base, lambda value: value.number)
    assert digest(Base(1, 2)) == digest(Base(1, 3))
    assert digest(Derived(1, 2)) == digest(Derived(1, 3))
    assert digest(Base(1, 2)) != digest(Derived(1, 2))
    register_digest(Derived, lambda value: value.noise)
    assert digest(Derived(1, 2)) == digest(Derived(3, 2))
    assert digest(Base(1, 2)) == digest(Base(1, 3))


@pytest.mark.parametrize("arguments", [(1, len), (int, 1)], ids=["no class", "no function"])
def test_a_wrong_registration_says_what_is_wrong(arguments: Any) -> None:
    with pytest.raises(TypeError, match="register_digest needs a"):
        register_digest(*arguments)


def test_digesting_imports_no_library() -> None:
    heavy = ("numpy", "pandas", "dataclasses", "inspect")
    code = f"""
import sys, hozon._digests
hozon._digests.shape_function(Exception)
print([name for name in {heavy} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
