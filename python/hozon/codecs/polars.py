"""Polars: columns by type, nulls and values; not by chunks, nor by what lies under a null."""

from __future__ import annotations

import io
import pickle
import struct

import polars as pl

from hozon._errors import NoDigestError
from hozon._hozon import PiecedBuffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from hozon.codecs import Reducer, ShapeFunction

_PIECE_ROWS = 1 << 20

# How many bytes a value takes in Arrow, by the name of its type.
_WIDTHS = {
    "Int8": 1,
    "UInt8": 1,
    "Int16": 2,
    "UInt16": 2,
    "Float16": 2,
    "Int32": 4,
    "UInt32": 4,
    "Float32": 4,
    "Int64": 8,
    "UInt64": 8,
    "Float64": 8,
    "Int128": 16,
    "UInt128": 16,
    "Decimal": 16,
    "Date": 4,
    "Datetime": 8,
    "Duration": 8,
    "Time": 8,
}


def shape_for(base: type, cls: type) -> ShapeFunction | None:
    """Returns the shape function of a class of Polars, or of one that inherits it."""
    if base is pl.DataFrame:
        return _frame_shape
    if base is pl.Series:
        return _series_shape
    return _type_shape if issubclass(base, pl.DataType) else None


def _frame_shape(frame: Any) -> tuple[Any, ...]:
    columns = tuple((column.name, *_column_parts(column)) for column in frame.get_columns())
    return ("polars.DataFrame", frame.height, columns)


def _series_shape(series: Any) -> tuple[Any, ...]:
    return ("polars.Series", series.name, *_column_parts(series))


def _type_shape(data_type: Any) -> tuple[Any, ...]:
    return ("polars.DataType", _type_part(data_type))


def _type_part(data_type: Any) -> Any:
    if not isinstance(data_type, pl.DataType):
        return str(data_type)
    name = type(data_type).__name__
    if name == "Enum":
        return (name, data_type.categories.to_list())
    if name == "Struct":
        return (name, tuple((field.name, _type_part(field.dtype)) for field in data_type.fields))
    if name in ("List", "Array"):
        return (name, _type_part(data_type.inner), getattr(data_type, "size", None))
    return repr(data_type)


def _column_parts(series: Any) -> tuple[Any, ...]:
    return (_type_part(series.dtype), len(series), _validity_part(series), *_value_parts(series))


def _validity_part(series: Any) -> PiecedBuffer | None:
    if not series.null_count():
        return None
    pieces = (_words(piece.is_not_null().cast(pl.UInt8), 1) for piece in _pieces(series))
    return PiecedBuffer(len(series), pieces)


def _value_parts(series: Any) -> tuple[Any, ...]:
    name = type(series.dtype).__name__
    if name in _WIDTHS:
        return (_fixed_part(series, _WIDTHS[name]),)
    if name == "Boolean":
        return (_fixed_part(series.cast(pl.UInt8), 1),)
    if name in ("String", "Categorical", "Enum"):
        return _text_parts(series.cast(pl.String))
    if name == "Null":
        return ()
    if name == "List":
        lengths = series.list.len().fill_null(0).cast(pl.Int64)
        return (_fixed_part(lengths, 8), _column_parts(series.filter(lengths > 0).explode()))
    if name == "Array" and series.dtype.size and len(series.dtype.shape) == 1:
        return (_column_parts(series.drop_nulls().explode()),)
    if name == "Struct":
        present = series.drop_nulls()
        return tuple(_column_parts(present.struct.field(field.name)) for field in series.dtype.fields)
    return (series.to_list(),)


def _pieces(series: Any) -> Iterator[Any]:
    for start in range(0, len(series), _PIECE_ROWS):
        yield series.slice(start, _PIECE_ROWS)


def _fixed_part(series: Any, width: int) -> PiecedBuffer:
    return PiecedBuffer(width * len(series), (_words(_filled(piece), width) for piece in _pieces(series)))


def _filled(series: Any) -> Any:
    """Puts zeros under nulls."""
    if not series.null_count():
        return series
    decimal = type(series.dtype).__name__ == "Decimal"
    return series.fill_null(0) if decimal else series.to_physical().fill_null(0)


def _words(series: Any, width: int) -> memoryview:
    """Returns the bytes of values of one width, none of them null, as Arrow's stream format spells them."""
    file = io.BytesIO()
    compatible = pl.CompatLevel.oldest()
    series.rechunk().alias("").to_frame().write_ipc_stream(
        file, compression="uncompressed", compat_level=compatible
    )
    stream = file.getbuffer()
    body = 0
    for _message in ("schema", "batch"):
        _continuation, metadata_bytes = struct.unpack_from("<Ii", stream, body)
        body += 8 + metadata_bytes
    # The values are the last buffer of the body, padded; an end mark of 8 bytes follows it.
    size = width * len(series)
    start = len(stream) - 8 - (size + 63) // 64 * 64
    if start < body:
        raise NoDigestError(f"Polars wrote {type(series.dtype).__name__} in a layout that is not known")
    return stream[start : start + size]


def _text_parts(series: Any) -> tuple[Any, ...]:
    lengths = series.str.len_bytes()
    pieces = (piece.fill_null("").str.join("").item().encode() for piece in _pieces(series))
    return (_fixed_part(lengths.cast(pl.Int64), 8), PiecedBuffer(lengths.sum() or 0, pieces))


# Storing -----------------------------------------------------------------------------------------


def reducer_for(cls: type) -> Reducer | None:
    """Returns what stores a frame or a series as Arrow memory, out of band."""
    if cls is pl.DataFrame:
        return _reduce_frame
    return _reduce_series if cls is pl.Series else None


def _reduce_series(series: Any) -> Any:
    reduced = _reduce_frame(series.alias("").to_frame())
    return reduced if reduced is NotImplemented else (restore_series, (series.name, *reduced))


def _reduce_frame(frame: Any) -> Any:
    if frame.width == 0 or any(_holds_objects(data_type) for data_type in frame.dtypes):
        return NotImplemented
    table = _arrow_table(frame)
    if table is not None:
        return restore_table, (table,)
    file = io.BytesIO()
    frame.write_ipc(file, compression="uncompressed", compat_level=pl.CompatLevel.oldest())
    return restore_frame, (pickle.PickleBuffer(file.getbuffer()),)


def _holds_objects(data_type: Any) -> bool:
    return "Object" in repr(data_type)


def _arrow_table(frame: Any) -> Any:
    """Returns the frame's own memory as a table, where pyarrow is there and gives every type back."""
    try:
        table = frame.to_arrow(compat_level=pl.CompatLevel.newest())
        same: Any = pl.from_arrow(table.slice(0, 0))
    except Exception:  # Any refusal leads to the other way, which needs nothing but Polars.
        return None
    return table if same.schema == frame.schema else None


def restore_table(table: Any) -> Any:
    """Makes the frame whose memory is an Arrow table's."""
    return pl.from_arrow(table, rechunk=False)


def restore_frame(content: Any) -> Any:
    """Makes the frame that was written as an Arrow file."""
    return pl.read_ipc(bytes(content))


def restore_series(name: str, restore: Any, parts: tuple[Any, ...]) -> Any:
    """Makes the series that was stored as a frame of one column."""
    return restore(*parts).to_series().alias(name)
