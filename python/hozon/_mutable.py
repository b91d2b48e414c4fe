"""Kinds of objects that can change in place: what they hold, whether it changed, how to give it back.

A class is known if all of its state can be reached: Python's own containers, classes written in Python
(by their `__dict__` and `__slots__`), also such that inherit a container, NumPy's arrays, pandas' frames
and series. All others are *opaque*: whether one has changed is told by its digest, and a change of it
cannot be repeated.
"""

from __future__ import annotations

import collections
import copyreg
import sys
import types
from operator import is_

from hozon._hozon import value_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

UNKNOWN = object()

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
    # `of_value` has to be asked: other objects of the class may be of another kind.
    depends_on_value = False
    # How the native numbering looks into the objects itself: "fixed", "list", "dict",
    # "set" or "instance".
    way = ""

    def __init__(self, cls: type) -> None:
        self.name = f"{cls.__module__}.{cls.__qualname__}".removeprefix("builtins.")

    def children(self, value: Any) -> Iterable[Any]:
        """What it refers to, in an order that its digest decides."""
        return ()

    def snapshot(self, value: Any, *, is_input: bool) -> Any:
        """What `has_changed` needs. `is_input` says that the caller knows of this very object whether
        it has changed."""
        raise NotImplementedError

    def of_value(self, value: Any) -> Kind:
        return self

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
        return digest_of(value)

    def has_changed(self, value: Any, snapshot: Any) -> bool:
        if snapshot is UNKNOWN:
            if self.name in _HARMLESS:
                return False
            raise Unsupported(f"whether a {self.name} in it has changed cannot be told")
        return bool(digest_of(value) != snapshot)

    def state(self, value: Any) -> Any:
        raise Unsupported(f"a change of a {self.name} cannot be repeated")


class Fixed(Kind):
    """Tuples: they refer to what can change, and cannot change themselves."""

    way = "fixed"

    def children(self, value: Any) -> Iterable[Any]:
        return tuple.__iter__(value)

    def snapshot(self, value: Any, *, is_input: bool) -> Any:
        return None

    def has_changed(self, value: Any, snapshot: Any) -> bool:
        return False


def digest_of(value: Any) -> Any:
    try:
        return value_digest(value)
    except Exception:
        return UNKNOWN


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
    def __init__(self, array: type) -> None:
        self.array: Any = array

    def read(self, value: Any) -> Any:
        return self.array(value.typecode, value)

    def differ(self, left: Any, right: Any) -> bool:
        return bool(left.tobytes() != right.tobytes())

    def resize(self, value: Any) -> None:
        self.array.frombytes(value, bytes(value.itemsize))
        self.array.pop(value)

    def write(self, value: Any, content: Any) -> None:
        self.array.__setitem__(value, slice(None), content)


_CONTENTS: dict[type, Content | None] = {
    object: None,
    list: _List(),
    dict: _Dict(),
    set: _Set(),
    bytearray: _ByteArray(),
    collections.deque: _Deque(),
    collections.OrderedDict: _OrderedDict(),
    collections.defaultdict: _DefaultDict(),
}


def _know_array() -> None:
    """Arrays of `array` are containers too, once there are any: few programs load it."""
    array = getattr(sys.modules.get("array"), "array", None)
    if array is not None:
        _CONTENTS.setdefault(array, _Array(array))


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
        if cls in (list, dict, set):
            self.way = cls.__name__
        elif content is None and has_dict and not slots:
            self.way = "instance"

    def of_value(self, value: Any) -> Kind:
        is_leaf = type(self.content) is not _Set or all(map(is_constant, set.__iter__(value)))
        return self if is_leaf else Opaque(type(value))

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
        items = no_atoms(self.content.items(content)) if self.content is not None else ()
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


def no_atoms(items: Any) -> Iterable[Any]:
    """The items, or none if all are plain numbers and texts: found out at the speed of C."""
    if type(items) is not list:
        items = list(items)
    return () if ATOMS.issuperset(map(type, items)) else items


def _namespace(value: Any) -> dict[str, Any]:
    return object.__getattribute__(value, "__dict__")  # type: ignore[no-any-return]


def _plain(cls: type) -> Plain | None:
    """The kind of a class all of whose state is known; None if C code keeps more of it."""
    _know_array()
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


# Which kind an object is of --------------------------------------------------------------------------

_kinds: dict[type, Kind] = {tuple: Fixed(tuple)}


def kind_of_class(cls: type) -> Kind:
    """The kind of the objects of a class that are no atoms. Where it depends on the value, its `of_value`
    has to be asked."""
    kind = _kinds.get(cls)
    if kind is None:
        from hozon._mutable_libraries import library_kind

        kind = _kinds[cls] = library_kind(cls) or _structural_kind(cls)
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
