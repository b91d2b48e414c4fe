"""What code and values of a notebook hold that a cell may change: functions, classes, kept results, members.

What is compared before and after a cell, to tell what it has changed in place.
"""

from __future__ import annotations

import functools
import gc
import os
import sys
import types
from abc import ABCMeta
from enum import EnumMeta
from typing import TYPE_CHECKING, Any

from hozon._hozon import value_digest
from hozon._mutable import ATOMS

if TYPE_CHECKING:
    from collections.abc import Iterable


def is_no_change(module: dict[str, Any], name: str, value: Any) -> bool:
    """Whether a name of a module is Python's own, or a submodule that was imported."""
    is_code = callable(value) and getattr(value, "__module__", None) != "__main__"
    own = (name.startswith("__") and name.endswith("__")) or is_code
    return own or isinstance(value, types.ModuleType)


def local_modules(project: str) -> list[dict[str, Any]]:
    """The namespaces of the loaded modules whose source is the person's own."""
    folders = (os.path.join(project, ""), os.path.join(sys.path[0], ""))
    found = []
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if (
            isinstance(file, str)
            and file.startswith(folders)
            and f"{os.sep}site-packages{os.sep}" not in file
        ):
            found.append(vars(module))
    own = ("__main__", "hozon")
    return [module for module in found if str(module.get("__name__")).partition(".")[0] not in own]


def attributes_of_code(namespace: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the functions and classes of the notebook hold, whatever way leads to them."""
    own = {name: value for name, value in namespace.items() if is_own_code(value)}
    return {
        name: {
            **{part: held for part, held in vars(value).items() if not _is_filled_in(part)},
            **registered(value),
        }
        for name, value in own.items()
    }


def _is_filled_in(part: str) -> bool:
    """Whether Python itself fills it in when it is first asked for: annotations, and what copies and pickles
    of instances ask a class for."""
    return part.startswith("__anno") or part == "__slotnames__"


def registered(value: Any) -> dict[Any, Any]:
    """What was registered with a generic function of `functools`, or an abstract class."""
    if isinstance(value, types.FunctionType):
        registry = getattr(value, "registry", None)
        # The function itself is registered for all.
        others = registry.items() if isinstance(registry, types.MappingProxyType) else ()
        return {cls: function for cls, function in others if cls is not object}
    if isinstance(value, ABCMeta):
        return {reference: reference for reference in _registry_of(value)}
    return {}


def _registry_of(value: ABCMeta) -> Iterable[Any]:
    """The classes that were registered with an abstract one, by weak references."""
    import abc

    dump: Any = getattr(abc, "_get_dump", None)
    return dump(value)[0] if dump is not None else ()


def kept_by(value: Any) -> list[tuple[int, object]]:
    """What can change of what code keeps, each with its digest: results of a function of `functools`, members
    of an enumeration."""
    if isinstance(value, EnumMeta):
        return [(id(member), _digest_or_none_like_it(_held_by(member))) for member in _members_of(value)]
    return kept_results(value)


def _members_of(value: EnumMeta) -> Iterable[Any]:
    return value.__members__.values()


def _held_by(member: Any) -> dict[str, Any]:
    """What a member of an enumeration holds, but for what names its class and its place."""
    own = ("_name_", "_sort_order_", "__objclass__")
    return {name: held for name, held in vars(member).items() if name not in own}


def kept_results(value: Any) -> list[tuple[int, object]]:
    if not isinstance(value, functools._lru_cache_wrapper):
        return []
    held = [part for part in gc.get_referents(value) if part is not vars(value)]
    if value.cache_parameters()["maxsize"] is None:
        held = [result for cache in held if type(cache) is dict for result in cache.values()]
    # Beside the results there are the keys, the function, and what holds the cache together.
    return [(id(result), _digest_or_none_like_it(result)) for result in held if _can_change(result)]


def _can_change(result: Any) -> bool:
    if type(result) is tuple:
        return any(_can_change(item) for item in result)
    if type(result) is dict and any(type(item).__name__ == "_lru_list_elem" for item in result.values()):
        return False
    return (
        type(result) not in ATOMS
        and not isinstance(result, type | types.FunctionType)
        and type(result) is not object
    )


def _digest_or_none_like_it(value: Any) -> object:
    try:
        return value_digest(value)
    except Exception:
        return object()


def is_own_code(value: Any) -> bool:
    return is_code(value) and value.__module__ == "__main__"


def differ(before: dict[str, Any] | None, now: dict[str, Any]) -> bool:
    if before is None or before.keys() != now.keys():
        return before is not None
    return any(now[name] is not value for name, value in before.items())


def is_code(value: Any) -> bool:
    return isinstance(value, type | types.FunctionType)


def pickled(value: Any, namespace: dict[str, Any]) -> bytes | None:
    """Bytes that are others once a value holds something else; None where there are none."""
    from hashlib import blake2b

    from hozon._pickling import dumps

    try:
        payload, buffers = dumps(value, namespace=namespace)
        hasher = blake2b(payload)
        for buffer in buffers:
            with buffer.raw() as view:
                hasher.update(view)
    except Exception:
        return None
    return hasher.digest()
