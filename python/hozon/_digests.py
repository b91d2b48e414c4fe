"""Says what a value of a type is made of, where its digest is not simply that of its reduction.

The walk over values is native; it asks :func:`shape_function` once for each type it meets. A *shape* is
a tuple of a kind (a text, part of the protocol) and parts: tuples of parts, buffers (``RawBuffer``,
``PiecedBuffer``), or any values, which are digested in turn.
"""

from __future__ import annotations

from hozon import _hozon
from hozon.codecs import builtin, codec_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from hozon.codecs import ShapeFunction

    Value = TypeVar("Value")

_registered: dict[type, Callable[[Any], Any]] = {}


def register_digest(cls: type[Value], function: Callable[[Value], Any]) -> None:
    """Makes ``function`` say what identifies a value of ``cls``, or of its subclasses.

    The function gets the value and returns any value that has a digest; two values of one class are
    then the same input just if what it returns for them is the same. Keys change with it, so register
    before the first cached call. A later registration for the same class replaces an earlier one.

    Raises ``TypeError`` if ``cls`` is no class or ``function`` cannot be called.
    """
    if not isinstance(cls, type):
        raise TypeError(f"register_digest needs a class first, not {cls!r}")
    if not callable(function):
        raise TypeError(f"register_digest needs a function second, not {function!r}")
    _registered[cls] = function
    _hozon.forget_shape_functions()


def shape_function(cls: type) -> ShapeFunction | None:
    """Returns the function that gives the shape of values of a class; None: walk what they reduce to."""
    return _registered_shape(cls) or _own_shape(cls) or _known_shape(cls)


def _registered_shape(cls: type) -> ShapeFunction | None:
    for base in cls.__mro__:
        function = _registered.get(base)
        if function is not None:
            return _shape_by_hook(cls, function)
    return None


def _own_shape(cls: type) -> ShapeFunction | None:
    function = getattr(cls, "__hozon_digest__", None)
    return _shape_by_hook(cls, function) if callable(function) else None


def _shape_by_hook(cls: type, function: Callable[[Any], Any]) -> ShapeFunction:
    def shape(value: Any) -> tuple[Any, ...]:
        return ("hozon_digest", cls, function(value))

    return shape


def _known_shape(cls: type) -> ShapeFunction | None:
    for base in cls.__mro__:
        for codec in (codec_of(base), builtin):
            shape: ShapeFunction | None = codec.shape_for(base, cls) if codec is not None else None
            if shape is not None:
                return shape
    return None
