"""How values of well-known libraries are digested and stored: one module a library.

A codec is imported when a value of its library is met, so its library is loaded already. It offers

- ``shape_for(base, cls)``: the function that gives the shape of values of ``cls``, a class that is or
  inherits ``base``; None where the codec knows nothing of ``base``;
- ``reducer_for(cls)``, if it stores values otherwise than pickle does: a function as
  ``Pickler.reducer_override`` calls it; None where pickle's own way is right.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

    ShapeFunction = Callable[[Any], tuple[Any, ...]]
    Reducer = Callable[[Any], Any]

# Module (or its first two parts) in which a class is defined, and the codec that knows its values.
_MODULES = {
    "numpy": "numpy",
    "pandas": "pandas",
    "polars": "polars",
    "pyarrow": "pyarrow",
    "scipy.sparse": "scipy_sparse",
    "torch": "torch",
    "matplotlib": "matplotlib",
    "PIL": "pil",
    "marimo": "marimo",
    "ipywidgets": "ipywidgets",
}


def codec_of(cls: type) -> ModuleType | None:
    """Returns the codec of the library that defines a class; None for any other class."""
    parts = str(getattr(cls, "__module__", "")).split(".", 2)
    name = _MODULES.get(parts[0]) or _MODULES.get(".".join(parts[:2]))
    if name is None:
        return None
    from importlib import import_module

    return import_module(f"hozon.codecs.{name}")


def state_of(value: object, base: type, left_out: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Returns what a value holds beyond what its class's ``base`` keeps for itself.

    That is its ``__dict__``, but for the names ``left_out``, and the slots that subclasses of ``base`` add.
    """
    state = dict(getattr(value, "__dict__", None) or {})
    for cls in type(value).__mro__:
        if cls is base:
            break
        slots = cls.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot.startswith("__") and not slot.endswith("__"):
                slot = f"_{cls.__name__.lstrip('_')}{slot}"
            if slot not in ("__dict__", "__weakref__") and hasattr(value, slot):
                state[slot] = getattr(value, slot)
    return {name: part for name, part in state.items() if name not in left_out}


def for_subclass(
    function: ShapeFunction, base: type, cls: type, left_out: frozenset[str] = frozenset()
) -> ShapeFunction:
    """Returns a shape function for ``cls`` from that for ``base``: a subclass adds itself and its state."""
    if cls is base:
        return function

    def shape_of_subclass(value: Any) -> tuple[Any, ...]:
        return ("hozon.subclass", cls, function(value), state_of(value, base, left_out))

    return shape_of_subclass
