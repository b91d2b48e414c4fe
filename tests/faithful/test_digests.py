"""Equal values have one digest however they were made; different values never share one."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import enum
import fractions
import functools
import itertools
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


def equal(*pairs: Any) -> Any:
    return pytest.mark.parametrize(("left", "right"), [pair[1:] for pair in pairs], ids=[pair[0] for pair in pairs])


def different(**groups: list[Any]) -> Any:
    return pytest.mark.parametrize("values", groups.values(), ids=groups.keys())


def assert_all_differ(values: list[Any], digest: Any) -> None:
    for (position, left), (other, right) in itertools.combinations(enumerate(values), 2):
        assert digest(left) != digest(right), f"values {position} and {other}"


# The standard library -----------------------------------------------------------------------------


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
    paths=[pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a"), pathlib.PurePosixPath("b"), "a"]
    + [pathlib.Path("a"), Folder("a")],
    containers=[{1: 2}, {1: 2}.items(), {1: 2}.keys(), {2: 1}.values(), types.MappingProxyType({1: 2})]
    + [collections.OrderedDict({1: 2}), collections.Counter({1: 2}), collections.defaultdict(list, {1: 2})]
    + [collections.defaultdict(int, {1: 2}), types.SimpleNamespace(a=1), collections.ChainMap({1: 2})],
    sequences=[[1, 2], (1, 2), collections.deque([1, 2]), collections.deque([1, 2], 2), collections.deque([2, 1])]
    + [array.array("i", [1, 2]), array.array("h", [1, 2]), array.array("l", [1, 2]), array.array("q", [1, 2])],
    sets=[{1, 2}, frozenset({1, 2}), labels({1, 2}, "x"), labels({1, 2}, "y"), labels({1}, "x")],
    order=[{"a": 1, "b": 2}, {"b": 2, "a": 1}],
    memory=[memoryview(b"ab"), b"ab", bytearray(b"ab"), memoryview(b"ab").cast("b"), memoryview(b"ab").cast("H")]
    + [memoryview(b"abcd").cast("B", (2, 2)), memoryview(b"abcd"), memoryview(b"acbd").cast("B", (2, 2))],
    times=[datetime.datetime(2020, 1, 1), datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1, fold=1)]
    + [datetime.datetime(2020, 1, 1, tzinfo=zone) for zone in (datetime.UTC, zoneinfo.ZoneInfo("UTC"))]
    + [datetime.time(), datetime.timedelta(1), datetime.timedelta(hours=1)],
    zones=[zoneinfo.ZoneInfo("UTC"), zoneinfo.ZoneInfo("Europe/Paris"), datetime.UTC, datetime.timezone.min],
    patterns=[re.compile("a"), re.compile("b"), re.compile("a", re.I), re.compile(b"a")],
    partials=[functools.partial(int), functools.partial(int, "1"), functools.partial(int, base=2)]
    + [functools.partial(int, base=3), functools.partial(float)],
    methods=[[1].append, [2].append, [1].extend, Counted(1).__init__, Counted(2).__init__],
    wrappers=[property(len), classmethod(len), staticmethod(len), functools.lru_cache(len), len]
    + [functools.lru_cache(maxsize=3)(len), functools.cached_property(len)],
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
        (lambda: open(__file__), "open file"),
        (lambda: open(__file__, "rb", buffering=0), "open file"),
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
    code = (
        "import sys\n"
        + (f"sys.path[:0] = {sys.path[:2]!r}; import stand_in; stand_in.install()\n" if _is_stand_in() else "")
        + "import hozon._digests\nhozon._digests.shape_function(type(Exception()))\n"
        "print([name for name in ('numpy', 'pandas', 'dataclasses', 'inspect', 'typing', 're') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def _is_stand_in() -> bool:
    return getattr(sys.modules["hozon._hozon"], "__file__", None) is None


# NumPy --------------------------------------------------------------------------------------------

np = pytest.importorskip("numpy")

GRID = np.arange(24.0).reshape(2, 3, 4)
LARGE = np.arange(3 << 20).reshape(3, -1)


class Tagged(np.ndarray):  # type: ignore[misc]
    tag: str


def tagged(tag: str) -> Any:
    made = np.arange(3.0).view(Tagged)
    made.tag = tag
    return made


def dirty_long_doubles() -> Any:
    memory = np.full(32, 0xFF, "u1")
    made = memory.view(np.longdouble)
    made[:] = [1, 2]
    return made


def padded(fill: int) -> Any:
    memory = np.full(32, fill, "u1")
    made = memory.view(np.dtype([("a", "i1"), ("b", "f8")], align=True))
    made["a"], made["b"] = 1, 2.5
    return made


def masked_over(values: Any) -> Any:
    return np.ma.array(values, mask=[False, True])


@equal(
    ("fortran order", GRID, np.asfortranarray(GRID)),
    ("transposed view", GRID.T, GRID.T.copy()),
    ("strided view", GRID[:, ::2], GRID[:, ::2].copy()),
    ("reversed view", GRID[::-1], GRID[::-1].copy()),
    ("large transposed", LARGE.T, np.ascontiguousarray(LARGE.T)),
    ("large with long rows", np.asfortranarray(LARGE), LARGE),
    ("broadcast", np.broadcast_to(1.5, (3, 4)), np.full((3, 4), 1.5)),
    ("read-only", np.frombuffer(b"\1\2", "u1"), np.array([1, 2], "u1")),
    ("objects", np.array([["a", 1], [None, 2]], dtype=object).T, np.array([["a", None], [1, 2]], dtype=object)),
    ("variable text", np.array(["a", "b"], np.dtypes.StringDType()), np.array(["a", "x", "b"], np.dtypes.StringDType())[::2]),
    ("padding of long doubles", dirty_long_doubles(), np.array([1, 2], np.longdouble)),
    ("padding of structures", padded(0), padded(255)),
    ("not a number", np.array([np.nan]), np.array([float("nan")])),
    ("generator", np.random.default_rng(1), np.random.default_rng(1)),
    ("random state", np.random.RandomState(1), np.random.RandomState(1)),
    ("subclass", tagged("a"), tagged("a")),
    ("memory map", np.arange(3).view(np.memmap), np.arange(3).view(np.memmap)),
)
def test_equal_arrays(left: Any, right: Any, digest: Any) -> None:
    assert digest(left) == digest(right)


def advanced(make: Any) -> Any:
    made = make(1)
    made.random()
    return made


@different(
    dtypes=[np.zeros(4, dtype) for dtype in ("i4", "u4", ">i4", "f4", "f8", "i8", "M8[s]", "M8[ns]", "m8[s]", "S4", "U1")]
    + [np.zeros(4, dtype) for dtype in ("?", "i1", "O", "c8", "V4", "a4", "f2", [("a", "i4")], [("b", "i4")])[:5]],
    shapes=[np.zeros(shape) for shape in (0, (0, 1), (1, 0), 4, (2, 2), (4, 1), (1, 4))] + [np.array(0.0), 0.0, [0.0] * 4],
    orders=[GRID, GRID.T, GRID.transpose(0, 2, 1), GRID.reshape(4, 3, 2)],
    values=[np.array([0.0]), np.array([-0.0]), np.array([np.nan]), np.array([1.0]), np.array([-np.nan])],
    structures=[np.zeros(2, dtype) for dtype in ("i4,i4", "i4,f4", [("a", "i4"), ("b", "i4")], [("b", "i4"), ("a", "i4")])]
    + [np.zeros(2, np.dtype([("a", "i1"), ("b", "i4")], align=align)) for align in (True, False)],
    scalars=[1.0, np.float64(1), np.float32(1), np.array(1.0), np.array([1.0]), np.int8(1), np.bool_(True), np.datetime64(1, "s")],
    masks=[masked_over([1, 2]), np.ma.array([1, 2]), np.ma.array([1, 2], mask=False), np.array([1, 2])]
    + [np.ma.array([1, 2], mask=[0, 1], fill_value=7), np.ma.array([1, 2], mask=[0, 1], hard_mask=True), np.ma.masked],
    generators=[np.random.default_rng(1), np.random.default_rng(2), advanced(np.random.default_rng)]
    + [np.random.RandomState(1), advanced(np.random.RandomState), np.random.Generator(np.random.Philox(1))],
    functions=[np.add, np.multiply, np.mean, np.sum, np.linalg.norm],
    classes=[np.arange(3.0), tagged("a"), tagged("b"), np.arange(3.0).view(np.memmap)],
    objects=[np.array(items, dtype=object) for items in ([1, "a"], [1, "b"], [1.0, "a"], [True, "a"])],
    dtype_values=[np.dtype(text) for text in ("i4", "f4", ">f4", "M8[s]", "U3", "i4,f4")] + [np.float32, "f4"],
)
def test_different_arrays(values: list[Any], digest: Any) -> None:
    assert_all_differ(values, digest)


def test_a_ufunc_without_a_name_is_refused(digest: Any) -> None:
    with pytest.raises(TypeError, match="ufunc"):
        digest(np.frompyfunc(lambda x: x, 1, 1))


# pandas -------------------------------------------------------------------------------------------

pd = pytest.importorskip("pandas")


def frame(**changes: Any) -> Any:
    columns = {"a": [1, 2], "b": [0.5, np.nan], "c": ["x", None]}
    return pd.DataFrame({**columns, **changes}, index=[10, 20])


def built_by_columns() -> Any:
    made = pd.DataFrame(index=[10, 20])
    for name, values in {"a": [1, 2], "b": [0.5, np.nan], "c": ["x", None]}.items():
        made[name] = values
    return made


def garbage_under_the_mask() -> Any:
    return pd.arrays.IntegerArray(np.array([1, 77, 3]), np.array([False, True, False]))


def with_attributes() -> Any:
    made = frame()
    made.attrs["unit"] = "m"
    return made


@equal(
    ("column by column", frame(), built_by_columns()),
    ("blocks", pd.DataFrame(np.arange(6.0).reshape(3, 2)), pd.DataFrame({0: [0.0, 2.0, 4.0], 1: [1.0, 3.0, 5.0]}, columns=pd.RangeIndex(2))),
    ("concatenated", pd.concat([frame(), frame()]), pd.DataFrame(frame().loc[[10, 20, 10, 20]])),
    ("copy", frame(), frame().copy()),
    ("column", frame()["a"], pd.Series([1, 2], index=[10, 20], name="a")),
    ("nullable", garbage_under_the_mask(), pd.array([1, None, 3], dtype="Int64")),
    ("arrow text", pd.Series(["a", "b", None], dtype="string[pyarrow]")[1:].reset_index(drop=True), pd.Series(["b", None], dtype="string[pyarrow]")),
    ("categories", pd.Categorical(["a", "b"]), pd.Categorical.from_codes([0, 1], ["a", "b"])),
    ("zoned", pd.DatetimeIndex(["2020-01-01 01:00"], tz="Europe/Paris"), pd.DatetimeIndex(["2020-01-01"], tz="UTC").tz_convert("Europe/Paris")),
    ("interned or not", pd.Series(["ab", "ab"], dtype=object), pd.Series(["".join("ab"), "ab"], dtype=object)),
    ("multi-index", pd.MultiIndex.from_tuples([(1, "a"), (2, "b")]), pd.MultiIndex.from_arrays([[1, 2], ["a", "b"]])),
)
def test_equal_frames(left: Any, right: Any, digest: Any) -> None:
    assert digest(left) == digest(right)


@different(
    frames=[frame(), frame(a=[1, 3]), frame(a=[1.0, 2.0]), frame(a=np.array([1, 2], "i4")), frame(b=[0.5, None]), frame(d=1)][:4]
    + [frame(d=1), frame().rename(columns={"a": "A"}), frame()[["b", "a", "c"]], frame().set_index("a"), frame()[:1]]
    + [frame().rename_axis("i"), frame().rename_axis(columns="i"), frame().reset_index(drop=True), with_attributes()]
    + [frame().set_flags(allows_duplicate_labels=False), frame().set_axis([10, 21])],
    nulls=[pd.Series([None, 1], dtype=object), pd.Series([np.nan, 1], dtype=object), pd.Series([pd.NA, 1], dtype=object)]
    + [pd.Series([pd.NaT, 1], dtype=object), pd.array([None, 1], dtype="Int64"), pd.Series([np.nan, 1])]
    + [pd.array([None, 1], dtype="Float64"), pd.Series([0, 1], dtype="Int64")],
    texts=[pd.Series(["a", None], dtype=dtype) for dtype in ("str", "string[python]", "string[pyarrow]", object, "category")],
    text_values=[pd.Series(values, dtype="str") for values in (["ab", "c"], ["a", "bc"], ["abc", ""], ["abc", None])],
    names=[pd.Series([1]), pd.Series([1], name="a"), pd.Series([1], name="b"), pd.DataFrame({"a": [1]}), pd.Index([1])],
    indexes=[pd.Index([0, 1, 2]), pd.RangeIndex(3), pd.Index([0, 1, 2], name="n"), pd.Index([0.0, 1, 2]), pd.Index([0, 2, 1])]
    + [pd.CategoricalIndex([0, 1, 2]), pd.Index([0, 1, 2], dtype="i4"), pd.Index([0, 1, 2], dtype=object)],
    times=[pd.DatetimeIndex(["2020-01-01", "2020-01-02"], tz=zone) for zone in (None, "UTC", "Europe/Paris")]
    + [pd.date_range("2020", periods=2), pd.DatetimeIndex(["2020-01-01", "2020-01-02"]).as_unit("ns")]
    + [pd.period_range("2020", periods=2, freq="D"), pd.period_range("2020", periods=2, freq="M")],
    categories=[pd.Categorical(["a"], ["a", "b"]), pd.Categorical(["a"], ["b", "a"]), pd.Categorical(["a"])]
    + [pd.Categorical(["a"], ordered=True), pd.Categorical([None], ["a"]), pd.Categorical(["b"], ["a", "b"])],
    levels=[pd.MultiIndex.from_product(pair) for pair in ([["a"], [1]], [["a"], [2]], [["a"], ["1"]])]
    + [pd.MultiIndex.from_tuples([("a", 1)], names=["x", None])],
    scalars=[pd.Timestamp("2020"), pd.Timestamp("2020", tz="UTC"), pd.Timestamp("2020").as_unit("ms"), pd.NaT, pd.NA, None]
    + [pd.Timedelta(1), pd.Timedelta(2), pd.Period("2020"), pd.Period("2020-01"), pd.Interval(0, 1), pd.Interval(0, 1, "both")]
    + [datetime.datetime(2020, 1, 1), np.datetime64("2020"), float("nan")],
    offsets=[pd.offsets.MonthEnd(), pd.offsets.MonthEnd(2), pd.offsets.MonthBegin(), pd.offsets.Day(1), pd.offsets.Hour(24)]
    + [pd.offsets.MonthEnd(normalize=True), pd.DateOffset(months=1), pd.DateOffset(months=2)],
    dtypes=[pd.CategoricalDtype(["a"]), pd.CategoricalDtype(["b"]), pd.CategoricalDtype(["a"], ordered=True), pd.Int64Dtype()]
    + [pd.Int32Dtype(), pd.StringDtype("python"), pd.StringDtype("pyarrow"), pd.StringDtype("pyarrow", np.nan)]
    + [pd.DatetimeTZDtype(tz="UTC"), pd.PeriodDtype("M"), pd.IntervalDtype("i8"), pd.SparseDtype("i8"), pd.SparseDtype("i8", 7)],
    sparse=[pd.arrays.SparseArray([0, 1]), pd.arrays.SparseArray([0, 1], fill_value=1), pd.arrays.SparseArray([1, 0])],
    intervals=[pd.interval_range(0, 2), pd.interval_range(0, 2, closed="left"), pd.interval_range(0.0, 2.0)],
    arrow=[pd.Series([1, None], dtype=f"{kind}[pyarrow]") for kind in ("int64", "int32", "double")],
)
def test_different_frames(values: list[Any], digest: Any) -> None:
    assert_all_differ(values, digest)


def test_looking_at_a_frame_does_not_change_its_digest(digest: Any) -> None:
    value, before = frame(), digest(frame())
    repr(value), value.index.is_unique, value["a"].sum(), value.loc[10], value.columns.get_loc("b")
    assert digest(value) == before
