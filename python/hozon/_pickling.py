"""Results to bytes and back: pickle protocol 5 with large memory out of band.

A payload holds the structure; buffers hold the memory of arrays. The codecs of libraries send through
buffers what pickle would copy into the payload. What plain pickle refuses is refused as pickle does.

Identity is kept as pickle keeps it: an object that stands in several places of one result is one
object again. Memory shared between different objects (an array and a view of it, a frame and its
column) is not: each comes back with memory of its own.
"""

from __future__ import annotations

# `pickle` itself, with `re` and `enum`, would be a third of what the import of hozon takes.
import _pickle as pickle
import io
import sys
import types

from hozon.codecs import codec_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from hozon.codecs import Reducer

    Namespace = Mapping[str, Any]
    # Name, codec, payload, buffers with whether they are read-only.
    Output = tuple[str, str, bytes, list[tuple[Any, bool]]]

_PROTOCOL = 5

_reducers: dict[type, Reducer | None] = {}


def dumps(
    value: object,
    *,
    namespace: Namespace | None = None,
    persistent_id: Callable[[Any], Any] | None = None,
    named: set[str] | None = None,
    reduce_first: Callable[[Any], Any] | None = None,
) -> tuple[bytes, list[pickle.PickleBuffer]]:
    """Returns a value's payload and the buffers that go with it, in order.

    The buffers lend the value's own memory: write them before the value changes. Classes and functions
    of ``namespace`` (the globals of the cached function) and of ``__main__`` are stored by their name
    in it, so that the same code can load them however it was started. ``persistent_id`` names objects
    that are not stored: for them it returns anything but None, which :func:`loads` hands on. The names
    that were stored for classes and functions are added to ``named``. ``reduce_first`` may give another
    way to reduce an object than its own; NotImplemented says no.

    Raises what pickle raises for a value that it refuses: ``pickle.PicklingError``, ``TypeError``,
    ``AttributeError``, or ``RecursionError``.
    """
    file = io.BytesIO()
    buffers: list[pickle.PickleBuffer] = []
    kind = _Pickler if persistent_id is None else _NamingPickler
    pickler = kind(file, protocol=_PROTOCOL, buffer_callback=buffers.append)
    pickler.namespace = namespace
    pickler.name_of = persistent_id
    pickler.named = named
    pickler.reduce_first = reduce_first
    pickler.dump(value)
    return file.getvalue(), buffers


def packed(name: str, codec: str, value: object, namespace: Namespace | None = None) -> Output:
    """One result as an output of a store. Raises as :func:`dumps`."""
    if codec == "deleted":
        return name, codec, b"", []
    payload, buffers = dumps(value, namespace=namespace)
    return name, codec, payload, with_access(buffers)


def with_access(buffers: list[pickle.PickleBuffer]) -> list[tuple[Any, bool]]:
    """Buffers with whether they are read-only."""
    return [(buffer, _is_read_only(buffer)) for buffer in buffers]


def _is_read_only(buffer: pickle.PickleBuffer) -> bool:
    with buffer.raw() as view:
        return bool(view.readonly)


def loads(
    payload: bytes,
    buffers: Iterable[Any],
    *,
    namespace: Namespace | None = None,
    persistent_load: Callable[[Any], Any] | None = None,
) -> Any:
    """Returns the value of a payload and its buffers, which become its memory.

    A buffer has to be writable if what used it was; what was read-only comes back read-only. Names of
    the storing program are looked up in ``namespace`` first, then in ``__main__``; objects that were
    not stored come from ``persistent_load``.

    Runs code that the payload names: only for payloads of a trusted writer. Raises what unpickling
    raises, ``AttributeError`` and ``ImportError`` among it where a class is not there any more.
    """
    unpickler = _Unpickler(io.BytesIO(payload), buffers=buffers)
    unpickler.namespace = namespace
    unpickler.object_of = persistent_load
    return unpickler.load()


def pickler(file: Any, namespace: Namespace) -> pickle.Pickler:
    """Writes values to a file, one after the other: an object of two of them is one object again."""
    made = _Pickler(file, protocol=_PROTOCOL)
    made.namespace, made.name_of, made.named, made.reduce_first = namespace, None, None, None
    return made


def unpickler(pickled: bytes, namespace: Namespace) -> pickle.Unpickler:
    """Reads the values that :func:`pickler` has written, in their order."""
    made = _Unpickler(io.BytesIO(pickled))
    made.namespace, made.object_of = namespace, None
    return made


class _Pickler(pickle.Pickler):
    namespace: Namespace | None
    name_of: Callable[[Any], Any] | None
    named: set[str] | None
    reduce_first: Callable[[Any], Any] | None

    def reducer_override(self, value: Any) -> Any:
        if self.reduce_first is not None and (reduced := self.reduce_first(value)) is not NotImplemented:
            return reduced
        cls = type(value)
        try:
            reducer = _reducers[cls]
        except KeyError:
            reducer = _reducers[cls] = _reducer_for(cls)
        if reducer is not None:
            return reducer(value)
        if cls is types.FunctionType or isinstance(value, type):
            return self._reduce_named(value)
        return NotImplemented

    def _reduce_named(self, value: Any) -> Any:
        """Refers to a class or function of the running program by its name alone."""
        module = getattr(value, "__module__", None)
        name = getattr(value, "__qualname__", "")
        own_module = None if self.namespace is None else self.namespace.get("__name__")
        if module not in ("__main__", own_module):
            return NotImplemented
        for namespace in _namespaces(self.namespace):
            if _find(namespace, name) is value:
                if self.named is not None:
                    self.named.add(name)
                return here, (name,)
        return NotImplemented


class _NamingPickler(_Pickler):
    """Asks for every object whether it has a name: apart, since that takes its time."""

    def persistent_id(self, value: Any) -> Any:
        assert self.name_of is not None
        return self.name_of(value)


class _Unpickler(pickle.Unpickler):
    namespace: Namespace | None
    object_of: Callable[[Any], Any] | None

    def persistent_load(self, name: Any) -> Any:
        if self.object_of is None:
            raise pickle.UnpicklingError("the result refers to objects of the call")
        return self.object_of(name)

    def find_class(self, module: str, name: str) -> Any:
        if module == __name__ and name == "here":
            return self._find_here
        return super().find_class(module, name)

    def _find_here(self, name: str) -> Any:
        for namespace in _namespaces(self.namespace):
            found = _find(namespace, name)
            if found is not None:
                return found
        raise AttributeError(
            f"the program that loads a result does not define {name}, which the result needs"
        )


def here(name: str) -> Any:
    """Stands in payloads for "what the storing program calls ``name``"; only :func:`loads` resolves it."""
    raise pickle.UnpicklingError(f"{name} can only be found by hozon")


def _namespaces(namespace: Namespace | None) -> list[Namespace]:
    main = sys.modules.get("__main__")
    if namespace is not None and namespace.get("__name__") == "__main__":
        # It is a program of its own, wherever it is.
        return [namespace]
    return [space for space in (namespace, getattr(main, "__dict__", None)) if space is not None]


def _find(namespace: Namespace, qualified_name: str) -> Any:
    first, *rest = qualified_name.split(".")
    found = namespace.get(first)
    for name in rest:
        found = getattr(found, name, None)
    return found


def _reducer_for(cls: type) -> Reducer | None:
    for base in cls.__mro__[:-1]:
        codec = codec_of(base)
        find = getattr(codec, "reducer_for", None)
        reducer: Reducer | None = find(cls) if find is not None else None
        if reducer is not None:
            return reducer
    return None
