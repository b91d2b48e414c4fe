"""Named values that do not change: as `typing.NamedTuple`, for what the command loads at its start.

Loading `typing` would take a good part of the time of a warm run.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as Record
else:

    class Record:
        """What a subclass annotates are its fields; what it gives a value has that as its default."""

        def __init__(self, **given):
            fields = type(self).__annotations__
            unknown = [name for name in given if name not in fields]
            missing = [name for name in fields if name not in given and not hasattr(type(self), name)]
            if unknown or missing:
                raise TypeError(f"{type(self).__name__} has other fields: {unknown + missing}")
            self.__dict__.update(given)

        def __setattr__(self, name, value):
            raise AttributeError(f"{type(self).__name__}.{name} does not change")

        def __repr__(self):
            fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in type(self).__annotations__)
            return f"{type(self).__name__}({fields})"

        def _replace(self, **changes):
            return type(self)(**{**self.__dict__, **changes})


__all__ = ["Record"]
