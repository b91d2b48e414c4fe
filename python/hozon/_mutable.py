"""Kinds of objects that can change in place: what they hold, whether it changed, how to give it back.

A class is known if all of its state can be reached: Python's own containers, classes written in Python
(by their `__dict__` and `__slots__`), also such that inherit a container, NumPy's arrays, pandas' frames
and series. All others are *opaque*: whether one has changed is told by its digest, and a change of it
cannot be repeated.
"""

from __future__ import annotations

import array
import collections
import copyreg
import sys
import types
from operator import is_

from hozon._hozon import value_digest
from hozon.codecs import codec_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

# Larger memory is not digested once more: it counts as changed where the input that holds it has changed.
_MOST_BYTES = 1 << 20

_UNKNOWN = object()

# Classes of values that never change.
ATOMS: set[type] = {
    *(type(None), bool, int, float, complex, str, bytes, range, slice, type(...), type(NotImplemented)),
}

_ATOM_NAMES = frozenset(
    {"datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta", "datetime.timezone"}
    | {"decimal.Decimal", "fractions.Fraction", "uuid.UUID", "re.Pattern", "zoneinfo.ZoneInfo"}
    | {"pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.PurePosixPath", "pathlib.PureWindowsPath"}
    | {"pathlib._local.PosixPath", "pathlib._local.WindowsPath"}
    | {"pandas.Timestamp", "pandas.Timedelta", "pandas.Period", "pandas.Interval"}
    | {f"pandas._libs.tslibs.{name}" for name in ("timestamps.Timestamp", "timedeltas.Timedelta")}
    | {f"pandas._libs.tslibs.{name}" for name in ("nattype.NaTType", "period.Period")}
    | {"pandas._libs.missing.NAType", "pandas._libs.interval.Interval"}
)


class Unsupported(Exception):
    """A change cannot be repeated exactly: a sentence that says why."""


class Mismatch(Exception):
    """Stored changes do not fit the objects of this call: it has to be computed."""


class Kind:
    """What is known of the objects of one class."""

    # Applied first: objects that others may hold as keys.
    is_first = False
    # Other objects of the class may be of another kind.
    depends_on_value = False

    def __init__(self, cls: type) -> None:
        self.name = f"{cls.__module__}.{cls.__qualname__}".removeprefix("builtins.")

    def children(self, value: Any) -> Iterable[Any]:
        """What it refers to, in an order that its digest decides."""
        return ()

    def snapshot(self, value: Any, *, is_input: bool) -> Any:
        """What `has_changed` needs. `is_input` says that the caller knows of this very object whether
        it has changed."""
        raise NotImplementedError

    def look(self, value: Any, *, is_input: bool) -> tuple[Any, Iterable[Any]]:
        """Its snapshot and its children."""
        return self.snapshot(value, is_input=is_input), self.children(value)

    def has_changed(self, value: Any, snapshot: Any) -> bool:
        raise NotImplementedError

    def state(self, value: Any) -> Any:
        """Its state, as something that is not the object and can be pickled with what it refers to."""
        raise NotImplementedError

    def check(self, value: Any, state: Any) -> None:
        """Raises `Mismatch` where `apply` would not do."""

    def apply(self, value: Any, state: Any) -> None:
        raise NotImplementedError


# Without a digest and without a state that matters to anyone but their holders.
_HARMLESS = frozenset({"_thread.lock", "_thread.RLock", "weakref.ReferenceType", "weakref"})


class Opaque(Kind):
    def snapshot(self, value: Any, *, is_input: bool) -> Any:
        return _digest(value)

    def has_changed(self, value: Any, snapshot: Any) -> bool:
        if snapshot is _UNKNOWN:
            if self.name in _HARMLESS:
                return False
            raise Unsupported(f"whether a {self.name} in it has changed cannot be told")
        return bool(_digest(value) != snapshot)

    def state(self, value: Any) -> Any:
        raise Unsupported(f"a change of a {self.name} cannot be repeated")


class Fixed(Kind):
    """Tuples: they refer to what can change, and cannot change themselves."""

    def children(self, value: Any) -> Iterable[Any]:
        return tuple.__iter__(value)

    def snapshot(self, value: Any, *, is_input: bool) -> Any:
        return None

    def has_changed(self, value: Any, snapshot: Any) -> bool:
        return False


def _digest(value: Any) -> Any:
    try:
        return value_digest(value)
    except Exception:
        return _UNKNOWN


# Containers and classes written in Python ----------------------------------------------------------


class Content:
    """How a built-in container's content is read and written, past what subclasses override."""

    def read(self, value: Any) -> Any:
        raise NotImplementedError

    def items(self, content: Any) -> Iterable[Any]:
        return ()

    def differ(self, left: Any, right: Any) -> bool:
        raise NotImplementedError

    def check(self, value: Any, content: Any) -> None:
        pass

    def write(self, value: Any, content: Any) -> None:
        raise NotImplementedError


class _List(Content):
    def read(self, value: Any) -> Any:
        return list(list.__iter__(value))

    def items(self, content: Any) -> Iterable[Any]:
        return content  # type: ignore[no-any-return]

    def differ(self, left: Any, right: Any) -> bool:
        return len(left) != len(right) or not all(map(is_, left, right))

    def write(self, value: Any, content: Any) -> None:
        list.__setitem__(value, slice(None), content)


class _Deque(_List):
    def read(self, value: Any) -> Any:
        return list(collections.deque.__iter__(value))

    def write(self, value: Any, content: Any) -> None:
        collections.deque.clear(value)
        collections.deque.extend(value, content)


class _Dict(Content):
    def read(self, value: Any) -> Any:
        return dict(dict.items(value))

    def items(self, content: Any) -> Iterable[Any]:
        for key, item in content.items():
            yield key
            yield item

    def differ(self, left: Any, right: Any) -> bool:
        return (
            len(left) != len(right)
            or not all(map(is_, left, right))
            or not all(map(is_, left.values(), right.values()))
        )

    def write(self, value: Any, content: Any) -> None:
        dict.clear(value)
        dict.update(value, content)


class _OrderedDict(_Dict):
    def read(self, value: Any) -> Any:
        return dict(collections.OrderedDict.items(value))

    def write(self, value: Any, content: Any) -> None:
        collections.OrderedDict.clear(value)
        for key, item in content.items():
            collections.OrderedDict.__setitem__(value, key, item)


class _DefaultDict(_Dict):
    def read(self, value: Any) -> Any:
        return value.default_factory, dict(dict.items(value))

    def items(self, content: Any) -> Iterable[Any]:
        yield content[0]
        yield from super().items(content[1])

    def differ(self, left: Any, right: Any) -> bool:
        return left[0] is not right[0] or super().differ(left[1], right[1])

    def write(self, value: Any, content: Any) -> None:
        value.default_factory = content[0]
        super().write(value, content[1])


class _Set(Content):
    """Only of values that never change: others have no order to go by."""

    def read(self, value: Any) -> Any:
        return set(set.__iter__(value))

    def differ(self, left: Any, right: Any) -> bool:
        return set(map(id, left)) != set(map(id, right))

    def write(self, value: Any, content: Any) -> None:
        set.clear(value)
        set.update(value, content)


class _ByteArray(Content):
    def read(self, value: Any) -> Any:
        return bytes(value)

    def differ(self, left: Any, right: Any) -> bool:
        return bool(left != right)

    def check(self, value: Any, content: Any) -> None:
        """Someone who looks at the memory keeps it from growing."""
        if len(value) == len(content):
            return
        try:
            self.resize(value)
        except BufferError as error:
            raise Mismatch(str(error)) from None

    def resize(self, value: Any) -> None:
        bytearray.append(value, 0)
        bytearray.pop(value)

    def write(self, value: Any, content: Any) -> None:
        bytearray.__setitem__(value, slice(None), content)


class _Array(_ByteArray):
    def read(self, value: Any) -> Any:
        return array.array(value.typecode, value)

    def differ(self, left: Any, right: Any) -> bool:
        return bool(left.tobytes() != right.tobytes())

    def resize(self, value: Any) -> None:
        array.array.frombytes(value, bytes(value.itemsize))
        array.array.pop(value)

    def write(self, value: Any, content: Any) -> None:
        array.array.__setitem__(value, slice(None), content)


_CONTENTS: dict[type, Content | None] = {
    object: None,
    list: _List(),
    dict: _Dict(),
    set: _Set(),
    bytearray: _ByteArray(),
    collections.deque: _Deque(),
    collections.OrderedDict: _OrderedDict(),
    collections.defaultdict: _DefaultDict(),
    array.array: _Array(),
}


# Classes whose own way of pickling says no more than what is reached here.
_KNOWN_WAYS = frozenset({collections.Counter, types.SimpleNamespace})


class Plain(Kind):
    """A container, or a class written in Python: its content, its `__dict__` and its slots."""

    def __init__(self, cls: type, content: Content | None, has_dict: bool, slots: dict[str, Any]) -> None:
        super().__init__(cls)
        self.content = content
        self.has_dict = has_dict
        self.slots = slots
        self.is_first = content is None
        self.depends_on_value = type(content) is _Set

    def _parts(self, value: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        content = self.content.read(value) if self.content is not None else None
        attributes = dict(_namespace(value)) if self.has_dict else {}
        slots: dict[str, Any] = {}
        for name, slot in self.slots.items():
            try:
                slots[name] = slot.__get__(value, type(value))
            except AttributeError:
                continue
        return content, attributes, slots

    def children(self, value: Any) -> Iterable[Any]:
        return self._children(self._parts(value))

    def _children(self, parts: tuple[Any, dict[str, Any], dict[str, Any]]) -> Iterable[Any]:
        content, attributes, slots = parts
        items = _no_atoms(self.content.items(content)) if self.content is not None else ()
        if not attributes and not slots:
            return items
        named = [part[name] for part in (attributes, slots) for name in sorted(part, key=str)]
        return (*items, *named)

    def look(self, value: Any, *, is_input: bool) -> tuple[Any, Iterable[Any]]:
        parts = self._parts(value)
        return (type(value), parts), self._children(parts)

    def snapshot(self, value: Any, *, is_input: bool) -> Any:
        return type(value), self._parts(value)

    def has_changed(self, value: Any, snapshot: Any) -> bool:
        cls, (content, attributes, slots) = snapshot
        if type(value) is not cls:
            raise Unsupported(f"a {self.name} is given another class")
        now, attributes_now, slots_now = self._parts(value)
        of_dict = _CONTENTS[dict]
        assert of_dict is not None
        return (
            (self.content is not None and self.content.differ(content, now))
            or of_dict.differ(attributes, attributes_now)
            or of_dict.differ(slots, slots_now)
        )

    def state(self, value: Any) -> Any:
        return self._parts(value)

    def check(self, value: Any, state: Any) -> None:
        if self.content is not None:
            self.content.check(value, state[0])

    def apply(self, value: Any, state: Any) -> None:
        content, attributes, slots = state
        if self.content is not None:
            self.content.write(value, content)
        if self.has_dict:
            namespace = _namespace(value)
            namespace.clear()
            namespace.update(attributes)
        for name, slot in self.slots.items():
            if name in slots:
                slot.__set__(value, slots[name])
            elif hasattr(value, slot.__name__):
                slot.__delete__(value)


def _no_atoms(items: Any) -> Iterable[Any]:
    """The items, or none if all are plain numbers and texts: found out at the speed of C."""
    if type(items) is not list:
        items = list(items)
    return () if ATOMS.issuperset(map(type, items)) else items


def _namespace(value: Any) -> dict[str, Any]:
    return object.__getattribute__(value, "__dict__")  # type: ignore[no-any-return]


def _plain(cls: type) -> Plain | None:
    """The kind of a class all of whose state is known; None if C code keeps more of it."""
    base = next(base for base in cls.__mro__ if base in _CONTENTS)
    # What pickles in a way of its own may be known by its name: a logger.
    own_ways = cls.__reduce_ex__ is not base.__reduce_ex__ or cls.__reduce__ is not base.__reduce__
    if (own_ways and cls not in _KNOWN_WAYS) or cls in copyreg.dispatch_table:
        return None
    slots = {}
    for part in cls.__mro__:
        if part in _CONTENTS:
            continue
        for name, slot in part.__dict__.items():
            if type(slot) is types.MemberDescriptorType and name not in ("__dict__", "__weakref__"):
                slots[f"{part.__qualname__}.{name}"] = slot
    has_dict = cls.__dictoffset__ != 0
    pointers = len(slots) + sum(
        getattr(cls, offset) > 0 and getattr(base, offset) == 0
        for offset in ("__dictoffset__", "__weakrefoffset__")
    )
    size = base.__basicsize__ + pointers * object.__basicsize__ // 2
    if cls.__basicsize__ != size or cls.__itemsize__ != base.__itemsize__:
        return None
    return Plain(cls, _CONTENTS[base], has_dict, slots)


# NumPy and pandas ----------------------------------------------------------------------------------


class Memory(Kind):
    """Values whose memory is one leaf."""

    def size(self, value: Any) -> int:
        return int(value.nbytes)

    def shape(self, value: Any) -> Any:
        """What has to stay as it is for the memory to be written in place."""
        return None

    def snapshot(self, value: Any, *, is_input: bool) -> Any:
        is_known = not is_input and self.size(value) <= _MOST_BYTES
        return self.shape(value), _digest(value) if is_known else _UNKNOWN

    def has_changed(self, value: Any, snapshot: Any) -> bool:
        shape, digest = snapshot
        if self.shape(value) != shape:
            raise Unsupported(f"a {self.name} is given another shape or type in place")
        return digest is _UNKNOWN or _digest(value) != digest


class NumPyArray(Memory):
    depends_on_value = True

    def shape(self, value: Any) -> Any:
        return value.shape, value.dtype, value.flags.writeable

    def state(self, value: Any) -> Any:
        return value.view()

    def check(self, value: Any, state: Any) -> None:
        if self.shape(value) != self.shape(state):
            raise Mismatch("an array has another shape or type, or is read-only")

    def apply(self, value: Any, state: Any) -> None:
        value[...] = state


class NumPyObjects(NumPyArray):
    """An array of Python objects: a container."""

    def children(self, value: Any) -> Iterable[Any]:
        return _no_atoms(value.ravel().tolist())

    def snapshot(self, value: Any, *, is_input: bool) -> Any:
        return self.shape(value), value.ravel().tolist()

    def has_changed(self, value: Any, snapshot: Any) -> bool:
        if self.shape(value) != snapshot[0]:
            raise Unsupported(f"a {self.name} is given another shape or type in place")
        return not all(map(is_, value.ravel().tolist(), snapshot[1]))


class MaskedArray(NumPyArray):
    def state(self, value: Any) -> Any:
        import numpy as np

        mask = None if value._mask is np.ma.nomask else value._mask.view()
        return value.data.view(), mask, value._fill_value, value._hardmask

    def check(self, value: Any, state: Any) -> None:
        super().check(value.data, state[0])

    def apply(self, value: Any, state: Any) -> None:
        import numpy as np

        data, mask, fill_value, hard_mask = state
        value.data[...] = data
        if mask is None:
            value._mask = np.ma.nomask
        elif value._mask is np.ma.nomask or value._sharedmask:
            # As NumPy does: a mask that others share is left to them.
            value._mask = np.array(mask)
            value._sharedmask = False
        else:
            value._mask[...] = mask
        value._fill_value = fill_value
        value._hardmask = hard_mask


class Frame(Memory):
    """A DataFrame or a Series of pandas 3: copies on write, so no one else sees its memory change."""

    def __init__(self, cls: type) -> None:
        super().__init__(cls)
        self.cls: Any = cls

    def size(self, value: Any) -> int:
        return int(value.size) * 8

    def children(self, value: Any) -> Iterable[Any]:
        if value.ndim == 1:
            columns = [value] if value.dtype == object else []
        else:
            columns = [value.iloc[:, at] for at, kind in enumerate(value.dtypes.map(str)) if kind == "object"]
        for column in columns:
            yield from _no_atoms(column.array)
        yield from value.attrs.values()

    def state(self, value: Any) -> Any:
        return value.copy(deep=False)

    def apply(self, value: Any, state: Any) -> None:
        self.cls.__init__(value, state, copy=False)
        value.attrs = state.attrs
        value.flags.allows_duplicate_labels = state.flags.allows_duplicate_labels
        if value.ndim == 1:
            value.name = state.name


class Generator(Kind):
    """A random generator: how it is told its state."""

    def snapshot(self, value: Any, *, is_input: bool) -> Any:
        return self._sequence(value), _digest(value)

    def has_changed(self, value: Any, snapshot: Any) -> bool:
        if self._sequence(value) != snapshot[0]:
            raise Unsupported(f"what a {self.name} has spawned cannot be told to another one")
        return bool(_digest(value) != snapshot[1])

    def _sequence(self, value: Any) -> Any:
        sequence = getattr(value, "seed_seq", None)
        return None if sequence is None else _digest(sequence)

    def state(self, value: Any) -> Any:
        return value.state

    def apply(self, value: Any, state: Any) -> None:
        value.state = state


class NumPyGenerator(Fixed):
    """All of its state is that of its bit generator."""

    def children(self, value: Any) -> Iterable[Any]:
        return (value.bit_generator,)


class RandomState(Generator):
    def state(self, value: Any) -> Any:
        return value.get_state(legacy=False)

    def apply(self, value: Any, state: Any) -> None:
        value.set_state(state)


class PythonRandom(Generator):
    def state(self, value: Any) -> Any:
        return value.getstate()

    def apply(self, value: Any, state: Any) -> None:
        value.setstate(state)


def _generator_kind(cls: type) -> Kind | None:
    if cls is getattr(sys.modules.get("random"), "Random", None):
        return PythonRandom(cls)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is None:
        return None
    if cls is numpy_random.Generator:
        return NumPyGenerator(cls)
    if cls is numpy_random.RandomState:
        return RandomState(cls)
    is_known = cls.__module__.startswith("numpy.random.") and issubclass(cls, numpy_random.BitGenerator)
    return Generator(cls) if is_known else None


def _library_kind(cls: type) -> Kind | None:
    np: Any = sys.modules.get("numpy")
    if np is not None and cls is np.ndarray:
        return NumPyArray(cls)
    masked = getattr(sys.modules.get("numpy.ma"), "MaskedArray", None)
    if masked is not None and cls is masked:
        return MaskedArray(cls)
    pd: Any = sys.modules.get("pandas")
    if pd is not None and cls in (getattr(pd, "DataFrame", None), getattr(pd, "Series", None)):
        return Frame(cls) if int(pd.__version__.split(".")[0]) >= 3 else Opaque(cls)
    generator = _generator_kind(cls)
    if generator is not None:
        return generator
    # What a library's own digest says of its values need not be in attributes.
    codecs = {codec.__name__ for codec in map(codec_of, cls.__mro__[:-1]) if codec is not None}
    return Opaque(cls) if codecs - {"hozon.codecs.scipy_sparse"} else None


# Which kind an object is of --------------------------------------------------------------------------

_kinds: dict[type, Kind] = {tuple: Fixed(tuple)}


def kind_of(value: Any) -> Kind:
    """The kind of an object that is no atom."""
    cls = type(value)
    kind = _kinds.get(cls)
    if kind is None:
        kind = _kinds[cls] = _library_kind(cls) or _structural_kind(cls)
    if not kind.depends_on_value:
        return kind
    if isinstance(kind, NumPyArray) and value.dtype.hasobject:
        return NumPyObjects(cls) if value.dtype == object and type(kind) is NumPyArray else Opaque(cls)
    if (
        isinstance(kind, Plain)
        and type(kind.content) is _Set
        and not all(map(is_constant, set.__iter__(value)))
    ):
        return Opaque(cls)
    return kind


def _structural_kind(cls: type) -> Kind:
    if issubclass(cls, type | types.FunctionType | BaseException):
        return Opaque(cls)
    if issubclass(cls, tuple):
        has_attributes = cls.__dictoffset__ != 0 or cls.__basicsize__ != tuple.__basicsize__
        return Opaque(cls) if has_attributes else Fixed(cls)
    return _plain(cls) or Opaque(cls)


def is_atom(value: Any) -> bool:
    """Whether a value never changes, nor anything that it holds; containers are not looked into."""
    cls = type(value)
    if cls in ATOMS:
        return True
    if cls in _kinds:
        return False
    if f"{cls.__module__}.{cls.__qualname__}" in _ATOM_NAMES or _is_scalar(cls):
        ATOMS.add(cls)
        return True
    return False


def _is_scalar(cls: type) -> bool:
    enum = sys.modules.get("enum")
    if enum is not None and issubclass(cls, enum.Enum):
        return True
    np: Any = sys.modules.get("numpy")
    scalar = getattr(np, "generic", None), getattr(np, "dtype", None)
    if scalar[0] is None or scalar[1] is None:
        return False
    return issubclass(cls, scalar[1]) or (issubclass(cls, scalar[0]) and cls is not np.void)


def is_constant(value: Any) -> bool:
    """Whether a value is an atom, or made of nothing but atoms for good."""
    if is_atom(value):
        return True
    return type(value) in (tuple, frozenset) and all(map(is_constant, value))
