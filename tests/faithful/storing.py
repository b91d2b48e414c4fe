"""Stores values and restores them, without a store."""

from __future__ import annotations

from typing import Any


def stored(value: object, namespace: dict[str, Any] | None = None) -> tuple[bytes, list[bytes]]:
    """Returns what would lie in the store for a value."""
    from hozon._pickling import dumps

    payload, buffers = dumps(value, namespace=namespace)
    return payload, [bytes(buffer.raw()) for buffer in buffers]


def there_and_back(value: Any) -> Any:
    """Stores a value and restores it from memory of its own, writable as the store's maps are."""
    from hozon._pickling import loads

    payload, buffers = stored(value)
    return loads(payload, [memoryview(bytearray(buffer)) for buffer in buffers])


def in_band_bytes(value: Any) -> int:
    """Tells how long a value's payload is without its buffers."""
    return len(stored(value)[0])
