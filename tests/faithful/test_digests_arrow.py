"""Arrow and Polars: one digest whatever the chunks, the slice, or what lies under nulls; and back again."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import pytest

from .pairs import assert_all_differ, different
from .storing import in_band_bytes, there_and_back

np = pytest.importorskip("numpy")
pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")

TEXTS = ["a", None, "bcd" * 9, ""]
BINARY = [b"a", None, b"\xff", b""]
DECIMALS = [decimal.Decimal("1.5"), None, None, decimal.Decimal(2)]

ARRAYS = {
    "null": pa.nulls(4),
    "bool": pa.array([True, None, False, True]),
    "int64": pa.array([1, None, 3, 4]),
    "time": pa.array([1, None, 3, 4], pa.timestamp("us", "UTC")),
    "date": pa.array([1, None, 2, 3], pa.date32()),
    "decimal": pa.array(DECIMALS, pa.decimal128(10, 2)),
    "wide decimal": pa.array(DECIMALS, pa.decimal256(50, 2)),
    "half": pa.array([np.float16(1), None, np.float16(2), np.float16(3)]),
    "text": pa.array(TEXTS),
    "large text": pa.array(TEXTS, pa.large_string()),
    "text view": pa.array(TEXTS, pa.string_view()),
    "binary": pa.array(BINARY),
    "large binary": pa.array(BINARY, pa.large_binary()),
    "binary view": pa.array(BINARY, pa.binary_view()),
    "fixed binary": pa.array([b"ab", None, b"cd", b"ef"], pa.binary(2)),
    "interval": pa.array([(1, 2, 3), None, (1, 2, 4), (1, 1, 1)], pa.month_day_nano_interval()),
    "list": pa.array([[1], None, [], [2, None]]),
    "large list": pa.array([[1], None, [], [2, None]], pa.large_list(pa.int8())),
    "fixed list": pa.array([[1, 2], None, [3, 4], [5, 6]], pa.list_(pa.int8(), 2)),
    "list view": pa.array([[1], None, [], [2, 3]], pa.list_view(pa.int8())),
    "list of structures": pa.array([[{"a": "x"}], None, [{"a": None}], []]),
    "structure": pa.array([{"a": 1}, None, {"a": None}, {"a": 2}]),
    "map": pa.array([[("a", 1)], None, [], [("b", 2)]], pa.map_(pa.string(), pa.int8())),
    "dictionary": pa.array(["a", None, "b", "a"]).dictionary_encode(),
    "runs": pa.RunEndEncodedArray.from_arrays([1, 2, 4], [1, None, 3]),
    "union": pa.UnionArray.from_sparse(
        pa.array([0, 1, 0, 1], pa.int8()), [pa.array([1, 2, 3, 4]), pa.array(["a", "b", "c", "d"])]
    ),
    "extension": pa.ExtensionArray.from_storage(
        pa.uuid(), pa.array([b"a" * 16, None, b"b" * 16, b"c" * 16], pa.binary(16))
    ),
}
every_array = pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS.keys())


@every_array
def test_a_slice_is_as_its_copy(array: Any, digest: Any) -> None:
    assert digest(pa.concat_arrays([array, array, array]).slice(4, 4)) == digest(array)


@every_array
def test_chunks_do_not_count(array: Any, digest: Any) -> None:
    chunked = pa.chunked_array([array.slice(0, 1), array.slice(1, 0), array.slice(1)])
    assert digest(chunked) == digest(pa.chunked_array([array]))


@every_array
def test_scalars_have_digests(array: Any, digest: Any) -> None:
    assert digest(array[0]) == digest(array[0])
    assert array.type == pa.null() or digest(array[0]) != digest(array[1])


@every_array
def test_an_array_comes_back(array: Any, digest: Any) -> None:
    restored = there_and_back(array)
    assert type(restored) is type(array)
    assert restored.equals(array)
    assert digest(restored) == digest(array)


def with_nulls(bits: int, like: Any, children: Any = None) -> Any:
    buffers = like.buffers()[1:] if children is None else like.buffers()[1:2]
    return pa.Array.from_buffers(
        like.type, len(like), [pa.py_buffer(bytes([bits])), *buffers], children=children
    )


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (with_nulls(5, pa.array([1, 99, 3])), pa.array([1, None, 3])),
        (with_nulls(2, pa.array(["xx", "a"])), pa.array([None, "a"])),
        (with_nulls(2, pa.array([[1, 2], [3]]), [pa.array([1, 2, 3])]), pa.array([None, [3]])),
        (
            pa.StructArray.from_arrays([pa.array([1, 2])], ["a"], mask=pa.array([True, False])),
            pa.array([None, {"a": 2}]),
        ),
    ],
    ids=["number", "text", "list", "structure"],
)
def test_what_lies_under_a_null_does_not_count(left: Any, right: Any, digest: Any) -> None:
    assert left.equals(right)
    assert digest(left) == digest(right)


@different(
    arrays=list(ARRAYS.values()),
    wholes=[
        ARRAYS["text"],
        pa.chunked_array([ARRAYS["text"]]),
        pa.table({"a": TEXTS}),
        pa.record_batch({"a": TEXTS}),
        pa.table({"b": TEXTS}),
        pa.table({"a": TEXTS}, metadata={"k": "v"}),
        pa.table({"a": TEXTS[::-1]}),
    ],
    texts=[pa.array(values) for values in (["ab", "c"], ["a", "bc"], ["abc", ""], ["abc", None], ["abc"])],
    lists=[pa.array(values) for values in ([[1], [2]], [[1, 2], []], [[1, 2], None], [[1, 2]], [[], [1, 2]])],
    types=[
        pa.int8(),
        pa.list_(pa.int8()),
        pa.list_(pa.int16()),
        pa.struct({"a": pa.int8()}),
        pa.struct({"b": pa.int8()}),
        pa.list_(pa.field("x", pa.int8())),
        pa.field("a", pa.int8()),
        pa.field("a", pa.int8(), nullable=False),
        pa.schema([]),
        pa.schema([("a", pa.int8())]),
        pa.dictionary(pa.int8(), pa.string()),
    ],
)
def test_different_arrow_values(values: list[Any], digest: Any) -> None:
    assert_all_differ(values, digest)


def test_a_small_slice_is_stored_without_the_whole() -> None:
    whole = pa.array([str(number) for number in range(100_000)])
    from hozon._pickling import dumps

    _, buffers = dumps(whole.slice(10, 10))
    assert sum(len(buffer.raw()) for buffer in buffers) < 5000


# Polars -------------------------------------------------------------------------------------------

DAY = datetime.datetime(2020, 1, 1)
COLUMNS = {
    "int": pl.Series([1, None, 3]),
    "byte": pl.Series([1, None, 3], dtype=pl.UInt8),
    "wide": pl.Series([1, None, 3], dtype=pl.Int128),
    "float": pl.Series([1.5, None, 2.0]),
    "bool": pl.Series([True, None, False]),
    "text": pl.Series(["a", None, "ü" * 20]),
    "binary": pl.Series([b"a", None, b"\xff"]),
    "date": pl.Series([DAY.date(), None, DAY.date() + datetime.timedelta(1)]),
    "datetime": pl.Series([DAY, None, DAY + datetime.timedelta(1)]),
    "zoned": pl.Series([DAY, None, DAY + datetime.timedelta(1)]).dt.replace_time_zone("Europe/Paris"),
    "duration": pl.Series([datetime.timedelta(1), None, datetime.timedelta(2)]),
    "time": pl.Series([datetime.time(1), None, datetime.time(2)]),
    "decimal": pl.Series(DECIMALS[1:]),
    "list": pl.Series([[1], None, []]),
    "nested list": pl.Series([[["a"], []], None, [[None]]]),
    "array": pl.Series([[1, 2], None, [3, 4]], dtype=pl.Array(pl.Int8, 2)),
    "structure": pl.Series([{"a": 1}, None, {"a": None}]),
    "category": pl.Series(["a", None, "b"], dtype=pl.Categorical),
    "enum": pl.Series(["a", None, "b"], dtype=pl.Enum(["a", "b"])),
    "null": pl.Series([None, None, None]),
}
every_column = pytest.mark.parametrize("series", COLUMNS.values(), ids=COLUMNS.keys())


@every_column
def test_chunks_and_slices_of_a_series_do_not_count(series: Any, digest: Any) -> None:
    assert digest(pl.concat([series.slice(1), series]).slice(2)) == digest(series)
    assert digest(pl.concat([series.slice(0, 1), series.slice(1)], rechunk=False)) == digest(series)


@every_column
def test_a_series_comes_back(series: Any, digest: Any) -> None:
    restored = there_and_back(series)
    assert restored.dtype == series.dtype
    assert restored.equals(series, check_dtypes=True, check_names=True)
    assert digest(restored) == digest(series)


@pytest.mark.parametrize("names", [list(COLUMNS), ["int", "text", "zoned"], []], ids=["all", "some", "none"])
def test_a_frame_comes_back(names: list[str], digest: Any) -> None:
    frame = pl.DataFrame({name: COLUMNS[name] for name in names})
    restored = there_and_back(frame)
    assert restored.schema == frame.schema
    assert restored.equals(frame)
    assert digest(restored) == digest(frame)


def test_a_large_frame_stays_out_of_the_payload() -> None:
    assert in_band_bytes(pl.DataFrame({"a": range(100_000), "b": ["text"] * 100_000})) < 4000


@different(
    columns=list(COLUMNS.values()),
    frames=[
        pl.DataFrame({"a": [1]}),
        pl.DataFrame({"b": [1]}),
        pl.DataFrame({"a": [1.0]}),
        pl.DataFrame({"a": ["1"]}),
        pl.Series("a", [1]),
        pl.DataFrame(),
        pl.DataFrame({"a": []}),
        pl.DataFrame({"a": [1], "b": [1]}),
    ],
    texts=[pl.Series(values) for values in (["ab", "c"], ["a", "bc"], ["abc", ""], ["abc", None], ["abc"])],
    lists=[
        pl.Series(values) for values in ([[1], [2]], [[1, 2], []], [[1, 2], None], [[1, 2]], [[1, None], [2]])
    ],
    enums=[pl.Series(["a"], dtype=pl.Enum(values)) for values in (["a"], ["a", "b"], ["b", "a"])],
    types=[
        pl.Int8(),
        pl.Int16(),
        pl.List(pl.Int8),
        pl.Datetime("us"),
        pl.Datetime("ns"),
        pl.Datetime("us", "UTC"),
        pl.Struct({"a": pl.Int8}),
        pl.Struct({"b": pl.Int8}),
        pl.Array(pl.Int8, 2),
        pl.Array(pl.Int8, 3),
    ],
)
def test_different_polars_values(values: list[Any], digest: Any) -> None:
    assert_all_differ(values, digest)
