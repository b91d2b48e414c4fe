"""Values come back as they were: type, value, dtype, order, writability, and what is shared inside."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import pathlib
import pickle
import re
import subprocess
import sys
import threading
import types
import uuid
import zoneinfo
from typing import Any, NamedTuple

import pytest

from hozon._pickling import dumps, loads

from .storing import in_band_bytes, stored, there_and_back

np = pytest.importorskip("numpy")
pd = pytest.importorskip("pandas")


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Permission(enum.Flag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: float
    y: float


Pair = collections.namedtuple("Pair", "left right")


@dataclasses.dataclass
class Account:
    owner: str
    amounts: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, slots=True)
class Fixed:
    size: int


class Tagged(np.ndarray):  # type: ignore[misc]
    """An array with an attribute, which NumPy's own reduction loses."""

    tag: str


def tagged() -> Any:
    array = np.arange(3.0).view(Tagged)
    array.tag = "kilograms"
    return array


def read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array


def frame() -> Any:
    return pd.DataFrame(
        {
            "number": [1, 2, 3],
            "float": [0.5, np.nan, -0.0],
            "text": ["a", None, "ü"],
            "object": pd.Series([1, "x", None], dtype=object),
            "category": pd.Categorical(["b", "a", None], categories=["b", "a", "unused"], ordered=True),
            "time": pd.to_datetime(["2020", None, "2021"]),
            "zoned": pd.date_range("2020", periods=3, tz="Europe/Paris"),
            "delta": pd.to_timedelta([1, 2, None]),
            "period": pd.period_range("2020", periods=3, freq="M"),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "interval": pd.interval_range(0, 3),
            7: [True, False, True],
        },
        index=pd.Index([10, 20, 30], name="key"),
    )


def marked_frame() -> Any:
    marked = frame()
    marked.attrs["source"] = "test"
    return marked.set_flags(allows_duplicate_labels=False)


PLAIN: dict[str, Any] = {
    "none": None,
    "true": True,
    "int": 1,
    "big int": 2**200,
    "negative big int": -(2**64),
    "float": -0.0,
    "nan": float("nan"),
    "complex": complex(1, -0.0),
    "text": "ü",
    "lone surrogate": "\ud800",
    "bytes": b"\0a",
    "bytearray": bytearray(b"ab"),
    "tuple": (1, (2,)),
    "set": {1, "a", None},
    "frozenset": frozenset({1}),
    "mixed keys": {1: "a", "b": 2, None: 3, (1, 2): 4, 2.5: 5},
    "decimal": decimal.Decimal("1.10"),
    "fraction": fractions.Fraction(1, 3),
    "uuid": uuid.UUID(int=7),
    "path": pathlib.Path("a/b"),
    "windows path": pathlib.PureWindowsPath("c:/b"),
    "date": datetime.date(2020, 1, 2),
    "datetime": datetime.datetime(2020, 1, 2, 3, 4, 5, 6, fold=1),
    "zoned datetime": datetime.datetime(2020, 1, 2, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")),
    "timedelta": datetime.timedelta(1, 2, 3),
    "timezone": datetime.timezone(datetime.timedelta(hours=1), "x"),
    "enum": Color.RED,
    "int enum": Level.LOW,
    "flags": Permission.READ | Permission.WRITE,
    "typed named tuple": Point(1.0, 2.0),
    "named tuple": Pair(1, [2]),
    "dataclass": Account("a", [1]),
    "slotted dataclass": Fixed(3),
    "deque": collections.deque([1, 2], maxlen=5),
    "ordered dict": collections.OrderedDict(b=1, a=2),
    "counter": collections.Counter("aab"),
    "default dict": collections.defaultdict(list, a=[1]),
    "namespace": types.SimpleNamespace(a=1),
    "pattern": re.compile("a+", re.IGNORECASE),
    "partial": functools.partial(int, base=2),
    "slice": slice(1, None, 2),
    "range": range(1, 10, 3),
    "ellipsis": ...,
    "class": Account,
    "function": tagged,
    "builtin": len,
    "exception": ValueError("a", 1),
}

ARRAYS: dict[str, Any] = {
    **{
        f"dtype {text}": np.ones((2, 3)).astype(text)
        for text in ("?", "i1", ">i4", "u8", "f2", "f4", ">f8", "c16", "g")
    },
    **{f"text dtype {text}": np.array([["a", "bc"]]).astype(text) for text in ("U", "S", "O")},
    "datetime64": np.array(["2020-01-01", "NaT"], "M8[D]"),
    "timedelta64": np.array([[1, 2], [3, 4]], "m8[us]").T,
    "structured": np.array([(1, 2.0, "a")], dtype=[("a", "i4"), ("b", ">f8"), ("c", "U3")]),
    "aligned": np.zeros(2, np.dtype([("a", "i1"), ("b", "f8")], align=True)),
    "with times inside": np.zeros(2, [("t", "M8[s]"), ("grid", "f4", (2, 2))]),
    "variable text": np.array(["a", "bcd"], dtype=np.dtypes.StringDType()),
    "empty": np.zeros(0),
    "empty of shape": np.zeros((0, 3), "f4"),
    "empty read-only": read_only(np.zeros((3, 0))),
    "zero-dimensional": np.array(5),
    "zero-dimensional time": np.array("2020", "M8[Y]"),
    "fortran order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "transposed": np.arange(24).reshape(2, 3, 4).T,
    "read-only": read_only(np.arange(3)),
    "read-only fortran": read_only(np.asfortranarray(np.ones((2, 3)))),
    "nan payloads": np.array([0x7FF8000000000001, 0xFFF8000000000000], "u8").view("f8"),
    "record": np.rec.array([(1, "a")], dtype=[("n", "i4"), ("t", "U1")]),
    "subclass": tagged(),
    "masked": np.ma.array([1, 2, 3], mask=[0, 1, 0], fill_value=99),
    "masked, no mask": np.ma.array([1.5, 2.5]),
    "masked, hard mask": np.ma.array([[1.5, 2.5]], mask=[[True, False]], hard_mask=True),
    "masked structure": np.ma.array([(1, 2.0)], mask=[(True, False)], dtype="i4,f8"),
}

SCALARS: dict[str, Any] = {
    **{
        f"scalar {kind.__name__}": kind(1)
        for kind in (np.bool_, np.int8, np.uint64, np.float16, np.float32, np.float64)
    },
    "scalar complex64": np.complex64(1 + 2j),
    "scalar long double": np.longdouble(1) / 3,
    "scalar text": np.str_("a"),
    "scalar time": np.datetime64("2020-01-01", "ns"),
    "masked constant": np.ma.masked,
    "dtype": np.dtype([("a", "<i4")]),
    "generator": np.random.default_rng(3),
    "random state": np.random.RandomState(3),
    "ufunc": np.add,
    "array function": np.mean,
}

PANDAS: dict[str, Any] = {
    "frame": frame(),
    "frame with marks": marked_frame(),
    "frame without columns": pd.DataFrame(index=[1, 2]),
    "frame without rows": frame().iloc[:0],
    "frame, columns of two levels": pd.DataFrame(
        np.ones((2, 2)), columns=pd.MultiIndex.from_product([["a"], [1, 2]])
    ),
    "frame, repeated columns": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "series without name": pd.Series([1.5, None]),
    "series named by a tuple": pd.Series([1], name=("a", 1)),
    "series of objects": pd.Series([1, [2], None], dtype=object),
    "series of surrogates": pd.Series(["\ud800"], dtype=object),
    **{
        f"series {dtype}": pd.Series(["a", None], dtype=dtype)
        for dtype in ("str", "string[python]", "string[pyarrow]")
    },
    "series of arrow ints": pd.Series([1, None], dtype="int64[pyarrow]"),
    "sparse": pd.Series(pd.arrays.SparseArray([0, 0, 1])),
    "range index": pd.RangeIndex(1, 10, 3, name="r"),
    "time index with frequency": pd.date_range("2020", periods=3, freq="MS", tz="UTC"),
    "time index in seconds": pd.date_range("2020", periods=3).as_unit("s"),
    "time index without frequency": pd.DatetimeIndex(["2020-01-01", "2020-03-01"]),
    "delta index": pd.timedelta_range(0, periods=3),
    "period index": pd.period_range("2020", periods=2, freq="Q"),
    "category index": pd.CategoricalIndex(["a", "b"], name="c"),
    "interval index": pd.interval_range(0.0, 2.0, closed="left"),
    "multi-index": pd.MultiIndex.from_tuples([(1, "a"), (2, None)], names=["n", None]),
    "timestamp": pd.Timestamp("2020-10-25 02:30").tz_localize("Europe/Paris", ambiguous=False),
    "timestamp in seconds": pd.Timestamp("2020").as_unit("s"),
    "timedelta": pd.Timedelta("1.5s"),
    "period": pd.Period("2020-01", "M"),
    "interval": pd.Interval(0, 1, "both"),
    "no time": pd.NaT,
    "missing": pd.NA,
    "offset": pd.offsets.MonthEnd(2),
    "category dtype": pd.CategoricalDtype(["a"], ordered=True),
}


def assert_same(restored: Any, original: Any) -> None:
    assert type(restored) is type(original)
    if original is np.ma.masked:
        assert restored is np.ma.masked
    elif isinstance(original, np.ma.MaskedArray):
        assert_same(restored.data, original.data)
        assert restored.mask.tobytes() == original.mask.tobytes()
        assert (restored.mask is np.ma.nomask) == (original.mask is np.ma.nomask)
        assert restored.fill_value == original.fill_value
        assert restored.hardmask == original.hardmask
    elif isinstance(original, np.ndarray):
        assert restored.dtype == original.dtype
        assert restored.dtype.isalignedstruct == original.dtype.isalignedstruct
        assert restored.shape == original.shape
        for flag in ("WRITEABLE", "C_CONTIGUOUS", "F_CONTIGUOUS"):
            assert restored.flags[flag] == original.flags[flag], flag
        assert getattr(restored, "tag", None) == getattr(original, "tag", None)
        if original.dtype.hasobject or original.dtype.kind == "T":
            assert restored.tolist() == original.tolist()
        else:
            assert restored.tobytes() == original.tobytes()
    elif isinstance(original, pd.DataFrame):
        pd.testing.assert_frame_equal(restored, original, check_exact=True, check_freq=True, check_flags=True)
        assert restored.attrs == original.attrs
    elif isinstance(original, pd.Series):
        pd.testing.assert_series_equal(
            restored, original, check_exact=True, check_freq=True, check_flags=True
        )
    elif isinstance(original, pd.Index):
        pd.testing.assert_index_equal(restored, original, exact=True, check_exact=True)
        assert restored.names == original.names
        assert getattr(restored, "freq", None) == getattr(original, "freq", None)
    elif isinstance(original, (set, frozenset)):
        assert restored == original
    else:
        assert repr(restored) == repr(original) or " at 0x" in repr(original)


def cases(*tables: dict[str, Any]) -> Any:
    values = {name: value for table in tables for name, value in table.items()}
    return pytest.mark.parametrize("value", values.values(), ids=values.keys())


@cases(PLAIN, ARRAYS, SCALARS, PANDAS)
def test_a_value_comes_back_as_it_was(value: Any, digest: Any) -> None:
    restored = there_and_back(value)
    assert_same(restored, value)
    assert digest(restored) == digest(value)


@cases(PLAIN, ARRAYS, SCALARS, PANDAS)
def test_a_value_comes_back_inside_others(value: Any, digest: Any) -> None:
    restored = there_and_back({"a": [value, (value,)]})
    assert_same(restored["a"][0], value)
    assert restored["a"][0] is restored["a"][1][0] or not isinstance(value, (np.ndarray, pd.DataFrame, list))


IN_BUFFERS = {
    name: array
    for name, array in ARRAYS.items()
    if array.nbytes and not array.dtype.hasobject and array.dtype.kind != "T"
}


@cases(IN_BUFFERS)
def test_a_restored_array_uses_the_buffers_themselves(value: Any) -> None:
    payload, buffers = stored(value)
    memory = [bytearray(buffer) for buffer in buffers]
    restored = loads(payload, memory)
    for index, buffer in enumerate(memory):
        memory[index][:] = bytes(byte ^ 1 for byte in buffer)
    assert restored.tobytes() != value.tobytes()


@pytest.mark.parametrize(
    "value",
    [
        np.zeros(100_000),
        np.zeros(100_000, "M8[ns]"),
        np.zeros((1000, 100)).T,
        np.zeros(200_000)[::2],
        np.zeros(100_000, [("a", "M8[s]")]),
        np.ma.zeros(100_000),
        np.zeros(100_000).view(Tagged),
        pd.DataFrame({"a": np.zeros(100_000), "t": np.zeros(100_000, "M8[ns]")}),
        pd.Series(["text"] * 100_000, dtype="str"),
        pd.Series(pd.Categorical(["a", "b"] * 50_000)),
        pd.date_range("2020", periods=100_000, freq="s", tz="UTC"),
        pd.Series([1] * 100_000, dtype="Int64"),
    ],
    ids=[
        "floats",
        "times",
        "transposed",
        "strided",
        "structured",
        "masked",
        "subclass",
        "frame",
        "texts",
        "categories",
        "zoned times",
        "nullable",
    ],
)
def test_large_memory_stays_out_of_the_payload(value: Any) -> None:
    assert in_band_bytes(value) < 4000


def test_shared_references_stay_shared() -> None:
    array, items = np.arange(3), [1]
    items.append(items)
    left, right, first, second = there_and_back((array, array, items, items))
    assert left is right
    assert first is second
    assert first[1] is first


def test_a_view_comes_back_with_memory_of_its_own() -> None:
    """What pickle does not keep, and hozon neither: memory shared by different objects."""
    array = np.arange(4)
    whole, view = there_and_back((array, array[1:]))
    whole[1] = 99
    assert view.tolist() == [1, 2, 3]


def test_buffers_are_the_values_own_memory() -> None:
    array = np.arange(1000.0)
    _, [buffer] = dumps(array)
    array[0] = 7
    assert memoryview(buffer.raw()).cast("d")[0] == 7


@pytest.mark.parametrize(
    "make",
    [lambda: lambda: 1, lambda: open(__file__), threading.Lock, lambda: (x for x in "a")],  # noqa: SIM115
    ids=["lambda", "file", "lock", "generator"],
)
def test_what_pickle_refuses_is_refused(make: Any) -> None:
    value = make()
    with pytest.raises((pickle.PicklingError, TypeError, AttributeError)):
        dumps([value])
    if hasattr(value, "close"):
        value.close()


# Classes of the program ---------------------------------------------------------------------------

PROGRAM = """
import dataclasses, enum, sys
from hozon._pickling import dumps, loads

@dataclasses.dataclass
class Row:
    name: str
    class Inner:
        pass

class Kind(enum.Enum):
    A = 1

def helper():
    return 3
"""


def namespace_of(name: str) -> dict[str, Any]:
    module = types.ModuleType(name)
    sys.modules[name] = module
    try:
        exec(PROGRAM, module.__dict__)
    finally:
        del sys.modules[name]
    return module.__dict__


@pytest.mark.parametrize("loading_name", ["__main__", "file", "package.file"])
@pytest.mark.parametrize("storing_name", ["__main__", "file"])
def test_names_of_a_program_are_found_however_it_was_started(storing_name: str, loading_name: str) -> None:
    main = sys.modules["__main__"]
    try:
        storing, loading = namespace_of(storing_name), namespace_of(loading_name)
    finally:
        sys.modules["__main__"] = main
    value = [storing["Row"]("a"), storing["Kind"].A, storing["helper"], storing["Row"].Inner]
    payload, buffers = stored(value, storing)
    row, kind, helper, inner = loads(payload, buffers, namespace=loading)
    assert type(row) is loading["Row"]
    assert row.name == "a"
    assert kind is loading["Kind"].A
    assert helper is loading["helper"]
    assert inner is loading["Row"].Inner


def test_a_script_and_a_module_read_each_others_results(tmp_path: pathlib.Path) -> None:
    ends = """
from pathlib import Path
file = Path("result")
if file.exists():
    assert loads(file.read_bytes(), [], namespace=globals()) == [Row("a"), Kind.A]
    print("read")
else:
    file.write_bytes(dumps([Row("a"), Kind.A], namespace=globals())[0])
"""
    (tmp_path / "program.py").write_text(PROGRAM + ends)
    runs = [["program.py"], ["-m", "program"], ["-c", "import program"]]
    outputs = [
        subprocess.run(
            [sys.executable, *run], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout
        for run in runs
    ]
    assert outputs == ["", "read\n", "read\n"]


def test_a_class_that_is_gone_is_an_attribute_error() -> None:
    main = sys.modules["__main__"]
    try:
        storing = namespace_of("file")
    finally:
        sys.modules["__main__"] = main
    payload, buffers = stored(storing["Row"]("a"), storing)
    with pytest.raises(AttributeError, match="does not define Row"):
        loads(payload, buffers, namespace={"__name__": "file"})
