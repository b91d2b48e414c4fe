"""pandas: equal frames have one digest however they were built, different frames differ."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from .pairs import assert_all_differ, different, equal
from .storing import there_and_back

np = pytest.importorskip("numpy")
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
    (
        "blocks",
        pd.DataFrame(np.arange(6.0).reshape(3, 2)),
        pd.DataFrame({0: [0.0, 2.0, 4.0], 1: [1.0, 3.0, 5.0]}, columns=pd.RangeIndex(2)),
    ),
    ("concatenated", pd.concat([frame(), frame()]), pd.DataFrame(frame().loc[[10, 20, 10, 20]])),
    ("copy", frame(), frame().copy()),
    ("column", frame()["a"], pd.Series([1, 2], index=[10, 20], name="a")),
    ("nullable", garbage_under_the_mask(), pd.array([1, None, 3], dtype="Int64")),
    (
        "arrow text",
        pd.Series(["a", "b", None], dtype="string[pyarrow]")[1:].reset_index(drop=True),
        pd.Series(["b", None], dtype="string[pyarrow]"),
    ),
    ("categories", pd.Categorical(["a", "b"]), pd.Categorical.from_codes([0, 1], ["a", "b"])),
    (
        "zoned",
        pd.DatetimeIndex(["2020-01-01 01:00"], tz="Europe/Paris"),
        pd.DatetimeIndex(["2020-01-01"], tz="UTC").tz_convert("Europe/Paris"),
    ),
    (
        "interned or not",
        pd.Series(["ab", "ab"], dtype=object),
        pd.Series(["".join("ab"), "ab"], dtype=object),
    ),
    (
        "multi-index",
        pd.MultiIndex.from_tuples([(1, "a"), (2, "b")]),
        pd.MultiIndex.from_arrays([[1, 2], ["a", "b"]]),
    ),
)
def test_equal_frames(left: Any, right: Any, digest: Any) -> None:
    assert digest(left) == digest(right)


@different(
    frames=[
        *[
            frame(),
            frame(a=[1, 3]),
            frame(a=[1.0, 2.0]),
            frame(a=np.array([1, 2], "i4")),
            frame(b=[0.5, None]),
            frame(d=1),
        ][:4],
        frame(d=1),
        frame().rename(columns={"a": "A"}),
        frame()[["b", "a", "c"]],
        frame().set_index("a"),
        frame()[:1],
        frame().rename_axis("i"),
        frame().rename_axis(columns="i"),
        frame().reset_index(drop=True),
        with_attributes(),
        frame().set_flags(allows_duplicate_labels=False),
        frame().set_axis([10, 21]),
    ],
    nulls=[
        pd.Series([None, 1], dtype=object),
        pd.Series([np.nan, 1], dtype=object),
        pd.Series([pd.NA, 1], dtype=object),
        pd.Series([pd.NaT, 1], dtype=object),
        pd.array([None, 1], dtype="Int64"),
        pd.Series([np.nan, 1]),
        pd.array([None, 1], dtype="Float64"),
        pd.Series([0, 1], dtype="Int64"),
    ],
    texts=[
        pd.Series(["a", None], dtype=dtype)
        for dtype in ("str", "string[python]", "string[pyarrow]", object, "category")
    ],
    text_values=[
        pd.Series(values, dtype="str") for values in (["ab", "c"], ["a", "bc"], ["abc", ""], ["abc", None])
    ],
    names=[
        pd.Series([1]),
        pd.Series([1], name="a"),
        pd.Series([1], name="b"),
        pd.DataFrame({"a": [1]}),
        pd.Index([1]),
    ],
    indexes=[
        pd.Index([0, 1, 2]),
        pd.RangeIndex(3),
        pd.Index([0, 1, 2], name="n"),
        pd.Index([0.0, 1, 2]),
        pd.Index([0, 2, 1]),
        pd.CategoricalIndex([0, 1, 2]),
        pd.Index([0, 1, 2], dtype="i4"),
        pd.Index([0, 1, 2], dtype=object),
    ],
    times=[pd.DatetimeIndex(["2020-01-01", "2020-01-02"], tz=zone) for zone in (None, "UTC", "Europe/Paris")]
    + [pd.date_range("2020", periods=2), pd.DatetimeIndex(["2020-01-01", "2020-01-02"]).as_unit("ns")]
    + [pd.period_range("2020", periods=2, freq="D"), pd.period_range("2020", periods=2, freq="M")],
    categories=[
        pd.Categorical(["a"], ["a", "b"]),
        pd.Categorical(["a"], ["b", "a"]),
        pd.Categorical(["a"]),
        pd.Categorical(["a"], ordered=True),
        pd.Categorical([None], ["a"]),
        pd.Categorical(["b"], ["a", "b"]),
    ],
    levels=[pd.MultiIndex.from_product(pair) for pair in ([["a"], [1]], [["a"], [2]], [["a"], ["1"]])]
    + [pd.MultiIndex.from_tuples([("a", 1)], names=["x", None])],
    scalars=[
        pd.Timestamp("2020"),
        pd.Timestamp("2020", tz="UTC"),
        pd.Timestamp("2020").as_unit("ms"),
        pd.NaT,
        pd.NA,
        None,
        pd.Timedelta(1),
        pd.Timedelta(2),
        pd.Period("2020"),
        pd.Period("2020-01"),
        pd.Interval(0, 1),
        pd.Interval(0, 1, "both"),
        datetime.datetime(2020, 1, 1),
        np.datetime64("2020"),
        float("nan"),
    ],
    offsets=[
        pd.offsets.MonthEnd(),
        pd.offsets.MonthEnd(2),
        pd.offsets.MonthBegin(),
        pd.offsets.Day(1),
        pd.offsets.Hour(24),
        pd.offsets.MonthEnd(normalize=True),
        pd.DateOffset(months=1),
        pd.DateOffset(months=2),
    ],
    dtypes=[
        pd.CategoricalDtype(["a"]),
        pd.CategoricalDtype(["b"]),
        pd.CategoricalDtype(["a"], ordered=True),
        pd.Int64Dtype(),
        pd.Int32Dtype(),
        pd.StringDtype("python"),
        pd.StringDtype("pyarrow"),
        pd.StringDtype("pyarrow", np.nan),
        pd.DatetimeTZDtype(tz="UTC"),
        pd.PeriodDtype("M"),
        pd.IntervalDtype("i8"),
        pd.SparseDtype("i8"),
        pd.SparseDtype("i8", 7),
    ],
    sparse=[
        pd.arrays.SparseArray([0, 1]),
        pd.arrays.SparseArray([0, 1], fill_value=1),
        pd.arrays.SparseArray([1, 0]),
    ],
    intervals=[pd.interval_range(0, 2), pd.interval_range(0, 2, closed="left"), pd.interval_range(0.0, 2.0)],
    arrow=[pd.Series([1, None], dtype=f"{kind}[pyarrow]") for kind in ("int64", "int32", "double")],
)
def test_different_frames(values: list[Any], digest: Any) -> None:
    assert_all_differ(values, digest)


def test_looking_at_a_frame_does_not_change_its_digest(digest: Any) -> None:
    value, before = frame(), digest(frame())
    repr(value), value.index.is_unique, value["a"].sum(), value.loc[10], value.columns.get_loc("b")
    assert digest(value) == before


class Measured(pd.DataFrame):  # type: ignore[misc]
    _metadata = ["unit"]  # noqa: RUF012

    @property
    def _constructor(self) -> type:
        return Measured


def measured(unit: str) -> Any:
    made = Measured({"a": [1]})
    made.unit = unit
    return made


def test_a_subclass_of_a_frame_is_known_by_its_class_and_attributes(digest: Any) -> None:
    assert_all_differ([measured("m"), measured("s"), pd.DataFrame({"a": [1]})], digest)
    restored = there_and_back(measured("m"))
    assert type(restored) is Measured
    assert restored.unit == "m"
    assert digest(restored) == digest(measured("m"))
