"""SciPy's sparse arrays and matrices: format, shape and entries."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from hozon.codecs import ShapeFunction

_BY_ATTRIBUTES = {
    "bsr": ("indptr", "indices", "data"),
    "coo": ("coords", "data"),
    "csc": ("indptr", "indices", "data"),
    "csr": ("indptr", "indices", "data"),
    "dia": ("offsets", "data"),
    "lil": ("rows", "data"),
}


def shape_for(base: type, cls: type) -> ShapeFunction | None:
    """Returns the shape function of a sparse array or matrix."""
    return _sparse_shape if hasattr(base, "_format") and issubclass(base, _SPARSE) else None


def _sparse_shape(value: Any) -> tuple[Any, ...]:
    """The width of indices depends on how a value was made, so it does not count; stored zeros do."""
    kind = (type(value).__name__, value.dtype, list(value.shape))
    if value.format == "dok":
        return ("scipy.sparse", *kind, dict(value.items()))
    parts = [_canonical(name, getattr(value, name)) for name in _BY_ATTRIBUTES[value.format]]
    return ("scipy.sparse", *kind, *parts)


def _canonical(name: str, part: Any) -> Any:
    if name == "coords":
        return tuple(np.asarray(indices).astype("<i8", copy=False) for indices in part)
    if name in ("indptr", "indices", "offsets"):
        return part.astype("<i8", copy=False)
    return part


_SPARSE: tuple[type, ...] = (sparse.sparray, sparse.spmatrix)
