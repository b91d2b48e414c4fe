"""Data of displays as JSON."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any


def json_text(text: str) -> str:
    """A text that UTF-8 can hold: lone surrogates are spelled out."""
    if text.isascii():
        return str(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return str(text)


def json_data(value: Any) -> Any:
    """A copy of a value of JSON's types alone.

    Bytes become base64, what JSON has no number for None, other objects their text.
    """
    if type(value) is str:
        return json_text(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    try:
        # The quick way for large data; it refuses what needs a closer look.
        return json.loads(json.dumps(value, allow_nan=False, ensure_ascii=False).encode())
    except (TypeError, ValueError, RecursionError):
        return _closely(value, 0)


def _closely(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, str):
        return json_text(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if depth < 100:
        if isinstance(value, Mapping):
            return {json_text(str(key)): _closely(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [_closely(item, depth + 1) for item in value]
        number = getattr(value, "item", None)
        if callable(number) and getattr(value, "ndim", None) == 0:
            return _closely(number(), depth + 1)
        to_list = getattr(value, "tolist", None)
        if callable(to_list):
            return _closely(to_list(), depth + 1)
    return json_text(str(value))
