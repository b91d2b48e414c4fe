"""Kinds of objects of libraries that can change in place: arrays, frames, random generators."""

from __future__ import annotations

import sys
from operator import is_

from hozon._mutable import UNKNOWN, Fixed, Kind, Mismatch, Opaque, Unsupported, digest_of, no_atoms
from hozon.codecs import codec_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

# Larger memory is not digested once more: it counts as changed where the input that holds it has changed.
_MOST_BYTES = 1 << 20


class Memory(Kind):
    """Values whose memory is one leaf."""

    def size(self, value: Any) -> int:
        return int(value.nbytes)

    def shape(self, value: Any) -> Any:
        """What has to stay as it is for the memory to be written in place."""
        return None

    def snapshot(self, value: Any, *, is_input: bool) -> Any:
        is_known = not is_input and self.size(value) <= _MOST_BYTES
        return self.shape(value), digest_of(value) if is_known else UNKNOWN

    def has_changed(self, value: Any, snapshot: Any) -> bool:
        shape, digest = snapshot
        if self.shape(value) != shape:
            raise Unsupported(f"a {self.name} is given another shape or type in place")
        return digest is UNKNOWN or digest_of(value) != digest


class NumPyArray(Memory):
    depends_on_value = True

    def of_value(self, value: Any) -> Kind:
        return NumPyObjects(type(value)) if value.dtype == object else self._of_memory(value)

    def _of_memory(self, value: Any) -> Kind:
        return Opaque(type(value)) if value.dtype.hasobject else self

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
        return no_atoms(value.ravel().tolist())

    def snapshot(self, value: Any, *, is_input: bool) -> Any:
        return self.shape(value), value.ravel().tolist()

    def has_changed(self, value: Any, snapshot: Any) -> bool:
        if self.shape(value) != snapshot[0]:
            raise Unsupported(f"a {self.name} is given another shape or type in place")
        return not all(map(is_, value.ravel().tolist(), snapshot[1]))


class MaskedArray(NumPyArray):
    def of_value(self, value: Any) -> Kind:
        return self._of_memory(value)

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
            yield from no_atoms(column.array)
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
        return self._sequence(value), digest_of(value)

    def has_changed(self, value: Any, snapshot: Any) -> bool:
        if self._sequence(value) != snapshot[0]:
            raise Unsupported(f"what a {self.name} has spawned cannot be told to another one")
        return bool(digest_of(value) != snapshot[1])

    def _sequence(self, value: Any) -> Any:
        sequence = getattr(value, "seed_seq", None)
        return None if sequence is None else digest_of(sequence)

    def state(self, value: Any) -> Any:
        return value.state

    def apply(self, value: Any, state: Any) -> None:
        value.state = state


class NumPyGenerator(Fixed):
    """All of its state is that of its bit generator."""

    way = ""

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


def library_kind(cls: type) -> Kind | None:
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
