"""Digests of the standard library's types whose reduction is missing or differs between Pythons."""

from __future__ import annotations

import sys
from copyreg import dispatch_table

from hozon._errors import NoDigestError
from hozon._hozon import PiecedBuffer, RawBuffer
from hozon.codecs import for_subclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from hozon.codecs import ShapeFunction

_PIECE_BYTES = 1 << 23


def shape_for(base: type, cls: type) -> ShapeFunction | None:
    """Returns the shape function of a class of the standard library, or of one that inherits it."""
    name = f"{base.__module__}.{base.__qualname__}"
    if name in ("enum.Enum", "enum.Flag"):
        return _flag if name == "enum.Flag" else _enum_member
    if name in ("builtins.set", "builtins.frozenset") and cls is not base:
        return for_subclass(_set, base, cls)
    if name in _REFUSED:
        return _refusal(_REFUSED[name])
    function = _path if _is_path_class(base) else _SHAPES.get(name)
    if function is not None:
        return for_subclass(function, base, cls)
    if base is cls and cls in dispatch_table:
        return _registered_with_copyreg
    return None


def _enum_member(value: Any) -> tuple[Any, ...]:
    return ("enum.Enum", type(value), value.name, value.value)


def _flag(value: Any) -> tuple[Any, ...]:
    """Names of combined flags differ between Pythons; their numbers do not."""
    return ("enum.Flag", type(value), value.value)


def _set(value: Any) -> tuple[Any, ...]:
    """The reduction of a set's subclass lists the items in the order of their hashes."""
    return ("set", frozenset(value))


def _is_path_class(cls: type) -> bool:
    return cls.__module__ in ("pathlib", "pathlib._local") and cls.__name__ in _PATH_CLASSES


def _path(value: Any) -> tuple[Any, ...]:
    """The module and the reduction of a path differ between Pythons."""
    kind = next(cls.__name__ for cls in type(value).__mro__ if _is_path_class(cls))
    return ("pathlib", kind, str(value))


def _partial(value: Any) -> tuple[Any, ...]:
    attributes = dict(value.__dict__)
    return ("functools.partial", value.func, list(value.args), value.keywords, attributes)


def _method(value: Any) -> tuple[Any, ...]:
    return ("method", value.__func__, value.__self__)


def _lru_cache(value: Any) -> tuple[Any, ...]:
    return ("functools.lru_cache", value.__wrapped__, value.cache_parameters())


def _cached_property(value: Any) -> tuple[Any, ...]:
    return ("functools.cached_property", value.func, value.attrname)


def _property(value: Any) -> tuple[Any, ...]:
    return ("property", value.fget, value.fset, value.fdel, value.__doc__)


def _class_method(value: Any) -> tuple[Any, ...]:
    return ("classmethod", value.__func__)


def _static_method(value: Any) -> tuple[Any, ...]:
    return ("staticmethod", value.__func__)


def _cell(value: Any) -> tuple[Any, ...]:
    try:
        return ("cell", value.cell_contents)
    except ValueError:
        return ("cell.empty",)


def _mapping_proxy(value: Any) -> tuple[Any, ...]:
    return ("mappingproxy", dict(value))


def _keys(value: Any) -> tuple[Any, ...]:
    return ("dict_keys", list(value))


def _values(value: Any) -> tuple[Any, ...]:
    return ("dict_values", list(value))


def _items(value: Any) -> tuple[Any, ...]:
    return ("dict_items", list(value))


def _range_iterator(value: Any) -> tuple[Any, ...]:
    """What is left of a range; Pythons differ in whether it is spelled as a range or as a position."""
    _, (whole,), position = value.__reduce__()
    return ("range_iterator", whole[position or 0 :])


def _memory_view(value: Any) -> tuple[Any, ...]:
    if value.c_contiguous:
        content: Any = RawBuffer(value)
    elif value.ndim == 1:
        content = PiecedBuffer(value.nbytes, _pieces(value))
    else:
        content = RawBuffer(value.tobytes())
    return ("memoryview", value.format, list(value.shape), content)


def _pieces(view: memoryview) -> Iterator[bytes]:
    step = max(1, _PIECE_BYTES // view.itemsize)
    for start in range(0, len(view), step):
        yield view[start : start + step].tobytes()


def _array(value: Any) -> tuple[Any, ...]:
    return ("array.array", value.typecode, value.itemsize, sys.byteorder, RawBuffer(memoryview(value)))


def _pattern(value: Any) -> tuple[Any, ...]:
    return ("re.Pattern", value.pattern, value.flags)


def _union(value: Any) -> tuple[Any, ...]:
    return ("union", list(value.__args__))


def _decimal(value: Any) -> tuple[Any, ...]:
    return ("decimal.Decimal", str(value))


def _fraction(value: Any) -> tuple[Any, ...]:
    return ("fractions.Fraction", value.numerator, value.denominator)


def _uuid(value: Any) -> tuple[Any, ...]:
    return ("uuid.UUID", value.int)


def _zone(value: Any) -> tuple[Any, ...]:
    if value.key is None:
        raise NoDigestError("a ZoneInfo read from a file has no key that names it")
    return ("zoneinfo.ZoneInfo", value.key)


def _registered_with_copyreg(value: Any) -> tuple[Any, ...]:
    reduced: Any = dispatch_table[type(value)](value)
    if isinstance(reduced, str):
        return ("copyreg.global", type(value), reduced)
    return ("copyreg", *reduced[:3], *(None if part is None else list(part) for part in reduced[3:5]))


def _refusal(why: str) -> ShapeFunction:
    def refuse(value: Any) -> tuple[Any, ...]:
        raise NoDigestError(why)

    return refuse


_PATH_CLASSES = ("PurePath", "PurePosixPath", "PureWindowsPath", "Path", "PosixPath", "WindowsPath")

_SHAPES: dict[str, ShapeFunction] = {
    "functools.partial": _partial,
    "functools._lru_cache_wrapper": _lru_cache,
    "functools.cached_property": _cached_property,
    "builtins.method": _method,
    "builtins.property": _property,
    "builtins.classmethod": _class_method,
    "builtins.staticmethod": _static_method,
    "builtins.cell": _cell,
    "builtins.mappingproxy": _mapping_proxy,
    "builtins.dict_keys": _keys,
    "builtins.dict_values": _values,
    "builtins.dict_items": _items,
    "collections.OrderedDict_keys": _keys,
    "builtins.odict_keys": _keys,
    "builtins.odict_values": _values,
    "builtins.odict_items": _items,
    "builtins.range_iterator": _range_iterator,
    "builtins.memoryview": _memory_view,
    "array.array": _array,
    "re.Pattern": _pattern,
    "types.UnionType": _union,
    "typing.Union": _union,
    "decimal.Decimal": _decimal,
    "fractions.Fraction": _fraction,
    "uuid.UUID": _uuid,
    "zoneinfo.ZoneInfo": _zone,
}

_ONE_PASS = "it can be read only once, so its content cannot be looked at beforehand; pass a list instead"
_AWAITED = "it is work in progress, not a value; await it and pass the result"
_LOCK = "a lock has no value, only the threads that wait for it"
_FILE = "an open file has no value of its own; pass its path or its content"
_CONNECTION = "a connection has no value of its own; pass what it was opened with, or what was read from it"
_WEAK = "what a weak reference refers to may vanish; pass the object itself"
_RUNNING = "a part of the running program has no value"

_REFUSED = {
    "builtins.generator": _ONE_PASS,
    "builtins.async_generator": _ONE_PASS,
    "builtins.coroutine": _AWAITED,
    "_asyncio.Future": _AWAITED,
    "_asyncio.Task": _AWAITED,
    "concurrent.futures._base.Future": _AWAITED,
    "_thread.lock": _LOCK,
    "_thread.RLock": _LOCK,
    "threading.Condition": _LOCK,
    "threading.Event": _LOCK,
    "threading.Semaphore": _LOCK,
    "threading.Barrier": _LOCK,
    "multiprocessing.synchronize.SemLock": _LOCK,
    "threading.Thread": _RUNNING,
    "_thread._local": _RUNNING,
    "builtins.frame": _RUNNING,
    "builtins.traceback": _RUNNING,
    "subprocess.Popen": _RUNNING,
    "_io.FileIO": _FILE,
    "_io.TextIOWrapper": _FILE,
    "_io.BufferedReader": _FILE,
    "_io.BufferedWriter": _FILE,
    "_io.BufferedRandom": _FILE,
    "_io.BufferedRWPair": _FILE,
    "mmap.mmap": _FILE,
    "posix.ScandirIterator": _ONE_PASS,
    "_csv.reader": _ONE_PASS,
    "_csv.writer": _FILE,
    "socket.socket": _CONNECTION,
    "_socket.socket": _CONNECTION,
    "ssl.SSLContext": _CONNECTION,
    "_ssl._SSLContext": _CONNECTION,
    "sqlite3.Connection": _CONNECTION,
    "sqlite3.Cursor": _CONNECTION,
    "weakref.ReferenceType": _WEAK,
    "weakref.ProxyType": _WEAK,
    "weakref.CallableProxyType": _WEAK,
}
