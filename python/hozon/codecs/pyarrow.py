"""Arrow: columns by type, nulls and values; not by chunks, offsets, or what lies under a null."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from hozon._hozon import PiecedBuffer, RawBuffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from hozon.codecs import Reducer, ShapeFunction

    Chunks = list[Any]

_PIECE_ROWS = 1 << 20

# Memory around a slice that is not worth a copy to be rid of.
_SLACK_BYTES = 4096


def shape_for(base: type, cls: type) -> ShapeFunction | None:
    """Returns the shape function of a class of Arrow, or of one that inherits it."""
    for known, function in _FAMILIES.items():
        if issubclass(base, known):
            return function
    return None


def _array_shape(array: Any) -> tuple[Any, ...]:
    return ("pyarrow.Array", type_part(array.type), _column_parts([array], array.type))


def _chunked_shape(column: Any) -> tuple[Any, ...]:
    return ("pyarrow.ChunkedArray", type_part(column.type), _column_parts(column.chunks, column.type))


def _table_shape(table: Any) -> tuple[Any, ...]:
    columns = tuple(_column_parts(column.chunks, column.type) for column in table.columns)
    return ("pyarrow.Table", _schema_part(table.schema), table.num_rows, columns)


def _batch_shape(batch: Any) -> tuple[Any, ...]:
    columns = tuple(_column_parts([column], column.type) for column in batch.columns)
    return ("pyarrow.RecordBatch", _schema_part(batch.schema), batch.num_rows, columns)


def _scalar_shape(scalar: Any) -> tuple[Any, ...]:
    array = pa.repeat(scalar, 1) if scalar.is_valid else pa.nulls(1, scalar.type)
    return ("pyarrow.Scalar", type_part(scalar.type), _column_parts([array], scalar.type))


def _buffer_shape(buffer: Any) -> tuple[Any, ...]:
    return ("pyarrow.Buffer", RawBuffer(buffer))


# Types -------------------------------------------------------------------------------------------


def _type_shape(data_type: Any) -> tuple[Any, ...]:
    return ("pyarrow.DataType", type_part(data_type))


def _field_shape(field: Any) -> tuple[Any, ...]:
    return ("pyarrow.Field", _field_part(field))


def _schema_shape(schema: Any) -> tuple[Any, ...]:
    return ("pyarrow.Schema", _schema_part(schema))


def type_part(data_type: Any) -> Any:
    """Returns an Arrow type as a part of a shape, with the names, nullability and metadata inside it."""
    if isinstance(data_type, pa.BaseExtensionType):
        serialized = (
            data_type.__arrow_ext_serialize__() if hasattr(data_type, "__arrow_ext_serialize__") else None
        )
        return ("extension", data_type.extension_name, serialized, type_part(data_type.storage_type))
    if pa.types.is_dictionary(data_type):
        return ("dictionary", str(data_type.index_type), type_part(data_type.value_type), data_type.ordered)
    if data_type.num_fields == 0:
        return str(data_type)
    fields = tuple(_field_part(data_type.field(position)) for position in range(data_type.num_fields))
    options = [getattr(data_type, name, None) for name in ("list_size", "keys_sorted", "mode", "type_codes")]
    return (data_type.id, fields, options)


def _field_part(field: Any) -> tuple[Any, ...]:
    return (field.name, type_part(field.type), field.nullable, _metadata(field.metadata))


def _schema_part(schema: Any) -> tuple[Any, ...]:
    return (tuple(_field_part(field) for field in schema), _metadata(schema.metadata))


def _metadata(metadata: Any) -> list[Any] | None:
    return sorted(metadata.items()) if metadata else None


# Columns -----------------------------------------------------------------------------------------


def _column_parts(chunks: Chunks, data_type: Any) -> tuple[Any, ...]:
    """Returns length, nulls and values of a column that is the concatenation of chunks."""
    if isinstance(data_type, pa.BaseExtensionType):
        return _column_parts([chunk.storage for chunk in chunks], data_type.storage_type)
    if pa.types.is_run_end_encoded(data_type):
        decoded = [pc.run_end_decode(chunk) for chunk in chunks]  # type: ignore[attr-defined, unused-ignore]
        return _column_parts(decoded, data_type.value_type)
    if pa.types.is_dictionary(data_type):
        return _dictionary_parts(chunks, data_type)
    length = sum(len(chunk) for chunk in chunks)
    if pa.types.is_null(data_type):
        return (length,)
    if pa.types.is_union(data_type):
        return (length, *_union_parts(chunks))
    return (length, _validity_part(chunks, length), *_value_parts(chunks, data_type, length))


def _validity_part(chunks: Chunks, length: int) -> PiecedBuffer | None:
    if not any(chunk.null_count for chunk in chunks):
        return None
    pieces = (_primitive_bytes(piece.is_valid().cast(pa.uint8()), 1) for piece in _pieces(chunks))
    return PiecedBuffer(length, pieces)


def _value_parts(chunks: Chunks, data_type: Any, length: int) -> tuple[Any, ...]:
    kinds = pa.types
    if _is_text(data_type):
        return _text_parts(chunks, length)
    if kinds.is_struct(data_type):
        return _struct_parts(chunks, data_type)
    if kinds.is_map(data_type):
        return _map_parts(chunks, data_type, length)
    if kinds.is_nested(data_type):
        return _list_parts(chunks, data_type, length)
    if kinds.is_boolean(data_type):
        pieces = (_primitive_bytes(_zeroed(piece.cast(pa.uint8())), 1) for piece in _pieces(chunks))
        return (PiecedBuffer(length, pieces),)
    width = data_type.bit_width // 8
    return (PiecedBuffer(length * width, (_fixed_bytes(piece, width) for piece in _pieces(chunks))),)


def _pieces(chunks: Iterable[Any]) -> Iterator[Any]:
    for chunk in chunks:
        for start in range(0, len(chunk), _PIECE_ROWS):
            yield chunk.slice(start, _PIECE_ROWS)


def _zeroed(array: Any) -> Any:
    return array.fill_null(0) if array.null_count else array


def _fixed_bytes(array: Any, width: int) -> memoryview:
    """Returns the bytes of values of one width, with zeros under nulls."""
    if array.null_count:
        words = {1: pa.uint8(), 2: pa.uint16(), 4: pa.uint32(), 8: pa.uint64()}
        if width in words:
            array = array.view(words[width]).fill_null(0)
        else:
            array = array.view(pa.binary(width)).fill_null(bytes(width))
    return _primitive_bytes(array, width)


def _primitive_bytes(array: Any, width: int) -> memoryview:
    memory = array.buffers()[1]
    if memory is None:
        return memoryview(b"")
    return memoryview(memory)[array.offset * width : (array.offset + len(array)) * width]


def _is_text(data_type: Any) -> bool:
    names = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view")
    return str(data_type) in names


def _text_parts(chunks: Chunks, length: int) -> tuple[Any, ...]:
    """Returns the lengths of texts, then their bytes one after another."""
    size = sum(pc.sum(pc.binary_length(piece)).as_py() or 0 for piece in _text_pieces(chunks))
    lengths = (_lengths(piece, pc.binary_length) for piece in _text_pieces(chunks))
    texts = (_text_bytes(piece) for piece in _text_pieces(chunks))
    return (PiecedBuffer(8 * length, lengths), PiecedBuffer(size, texts))


def _text_pieces(chunks: Chunks) -> Iterator[Any]:
    for piece in _pieces(chunks):
        yield piece.cast(pa.large_binary()) if str(piece.type).endswith("_view") else piece


def _text_bytes(array: Any) -> memoryview:
    if array.null_count:
        array = array.fill_null(b"" if "binary" in str(array.type) else "")
    _, offsets, content = array.buffers()
    if content is None:
        return memoryview(b"")
    plain = memoryview(offsets).cast("B")
    ends = plain.cast("q") if str(array.type).startswith("large") else plain.cast("i")
    return memoryview(content)[ends[array.offset] : ends[array.offset + len(array)]]


def _lengths(array: Any, measure: Any) -> memoryview:
    return _primitive_bytes(_zeroed(measure(array)).cast(pa.int64()), 8)


def _list_parts(chunks: Chunks, data_type: Any, length: int) -> tuple[Any, ...]:
    """Returns the lengths of lists, then their items one after another."""
    lengths = (_lengths(piece, pc.list_value_length) for piece in _pieces(chunks))
    items = [chunk.flatten() for chunk in chunks]
    return (PiecedBuffer(8 * length, lengths), _column_parts(items, data_type.value_type))


def _struct_parts(chunks: Chunks, data_type: Any) -> tuple[Any, ...]:
    columns = [chunk.flatten() for chunk in chunks]
    fields = [data_type.field(position) for position in range(data_type.num_fields)]
    return tuple(
        _column_parts([column[position] for column in columns], field.type)
        for position, field in enumerate(fields)
    )


def _map_parts(chunks: Chunks, data_type: Any, length: int) -> tuple[Any, ...]:
    """A map is a list of its entries."""
    entries = pa.list_(
        pa.struct([data_type.key_field.with_name("key"), data_type.item_field.with_name("value")])
    )
    lists = [chunk.cast(entries) for chunk in chunks]
    return _list_parts(lists, entries, length)


def _union_parts(chunks: Chunks) -> tuple[Any, ...]:
    """The codes tell types apart whose values look alike; a slice gives them only one by one."""
    scalars = [scalar for chunk in chunks for scalar in chunk]
    return ([scalar.type_code for scalar in scalars], [scalar.as_py() for scalar in scalars])


def _dictionary_parts(chunks: Chunks, data_type: Any) -> tuple[Any, ...]:
    if len(chunks) != 1:
        chunks = pa.chunked_array(chunks, data_type).unify_dictionaries().chunks
    values = [chunks[0].dictionary] if chunks else []
    indices = [chunk.indices for chunk in chunks]
    return (_column_parts(indices, data_type.index_type), _column_parts(values, data_type.value_type))


_FAMILIES: dict[Any, ShapeFunction] = {
    pa.Array: _array_shape,
    pa.ChunkedArray: _chunked_shape,
    pa.Table: _table_shape,
    pa.RecordBatch: _batch_shape,
    pa.Scalar: _scalar_shape,
    pa.Buffer: _buffer_shape,
    pa.DataType: _type_shape,
    pa.Field: _field_shape,
    pa.Schema: _schema_shape,
}


# Storing -----------------------------------------------------------------------------------------


def reducer_for(cls: type) -> Reducer | None:
    """Returns what keeps a slice of an array from being stored with the whole array's memory."""
    if issubclass(cls, pa.Array):
        return _reduce_array
    return None


def _reduce_array(array: Any) -> Any:
    if array.get_total_buffer_size() <= 2 * array.nbytes + _SLACK_BYTES:
        return NotImplemented
    # Two arrays become one in memory of its own.
    return pa.concat_arrays, ([pa.concat_arrays([array, array.slice(0, 0)])],)
