"""NumPy: equal arrays have one digest however they lie in memory, different arrays differ."""

from __future__ import annotations

from typing import Any

import pytest

from hozon._digests import shape_function

from .pairs import assert_all_differ, different, equal

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
    (
        "objects",
        np.array([["a", 1], [None, 2]], dtype=object).T,
        np.array([["a", None], [1, 2]], dtype=object),
    ),
    (
        "variable text",
        np.array(["a", "b"], np.dtypes.StringDType()),
        np.array(["a", "x", "b"], np.dtypes.StringDType())[::2],
    ),
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
    dtypes=[
        np.zeros(4, dtype)
        for dtype in ("i4", "u4", ">i4", "f4", "f8", "i8", "M8[s]", "M8[ns]", "m8[s]", "S4", "U1")
    ]
    + [
        np.zeros(4, dtype)
        for dtype in ("?", "i1", "O", "c8", "V4", "a4", "f2", [("a", "i4")], [("b", "i4")])[:5]
    ],
    shapes=[np.zeros(shape) for shape in (0, (0, 1), (1, 0), 4, (2, 2), (4, 1), (1, 4))]
    + [np.array(0.0), 0.0, [0.0] * 4],
    orders=[GRID, GRID.T, GRID.transpose(0, 2, 1), GRID.reshape(4, 3, 2)],
    values=[np.array([0.0]), np.array([-0.0]), np.array([np.nan]), np.array([1.0]), np.array([-np.nan])],
    structures=[
        np.zeros(2, dtype)
        for dtype in ("i4,i4", "i4,f4", [("a", "i4"), ("b", "i4")], [("b", "i4"), ("a", "i4")])
    ]
    + [np.zeros(2, np.dtype([("a", "i1"), ("b", "i4")], align=align)) for align in (True, False)],
    scalars=[
        1.0,
        np.float64(1),
        np.float32(1),
        np.array(1.0),
        np.array([1.0]),
        np.int8(1),
        np.bool_(True),
        np.datetime64(1, "s"),
    ],
    masks=[
        masked_over([1, 2]),
        np.ma.array([1, 2]),
        np.ma.array([1, 2], mask=False),
        np.array([1, 2]),
        np.ma.array([1, 2], mask=[0, 1], fill_value=7),
        np.ma.array([1, 2], mask=[0, 1], hard_mask=True),
        np.ma.masked,
    ],
    generators=[
        np.random.default_rng(1),
        np.random.default_rng(2),
        advanced(np.random.default_rng),
        np.random.RandomState(1),
        advanced(np.random.RandomState),
        np.random.Generator(np.random.Philox(1)),
    ],
    functions=[np.add, np.multiply, np.mean, np.sum, np.linalg.norm],
    classes=[np.arange(3.0), tagged("a"), tagged("b"), np.arange(3.0).view(np.memmap)],
    objects=[np.array(items, dtype=object) for items in ([1, "a"], [1, "b"], [1.0, "a"], [True, "a"])],
    dtype_values=[np.dtype(text) for text in ("i4", "f4", ">f4", "M8[s]", "U3", "i4,f4")]
    + [np.float32, "f4"],
)
def test_different_arrays(values: list[Any], digest: Any) -> None:
    assert_all_differ(values, digest)


def test_a_ufunc_without_a_name_is_refused() -> None:
    function = np.frompyfunc(lambda x: x, 1, 1)
    shape = shape_function(type(function))
    assert shape is not None
    with pytest.raises(TypeError, match="ufunc"):
        shape(function)
