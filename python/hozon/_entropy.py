"""Whether randomness of the system decides anything: who asks for it, and for what."""

from __future__ import annotations

import ast
import linecache
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

# The call that stands at a place of code: the expression of its first argument, or None without one.
_calls: dict[tuple[CodeType, int], ast.expr | None] = {}


def matters(frame: FrameType | None, is_local: Callable[[str], bool]) -> bool:
    """Whether what a call of `os.urandom` gives may decide a result; `frame` is the caller's.

    Not so: what processes of a pool greet each other with; the numbers by which libraries name their
    own things; and what `numpy.random.RandomState(seed)` draws before it takes the seed.
    """
    if frame is None:
        return True
    if os.path.basename(os.path.dirname(frame.f_code.co_filename)) == "multiprocessing":
        return False
    if _name(frame) == "uuid.py":
        while frame is not None and _name(frame) == "uuid.py":
            frame = frame.f_back
        return frame is None or is_local(frame.f_code.co_filename)
    while frame is not None and _name(frame) in ("random.py", "secrets.py"):
        frame = frame.f_back
    return frame is None or not _gives_a_seed(frame)


def _name(frame: FrameType) -> str:
    return os.path.basename(frame.f_code.co_filename)


def _gives_a_seed(frame: FrameType) -> bool:
    """Whether the call under way in a frame makes a `RandomState` and has a seed for it."""
    place = frame.f_code, frame.f_lasti
    if place not in _calls:
        _calls[place] = _seed_at(*place)
    seed = _calls[place]
    if seed is None or isinstance(seed, ast.Constant):
        return seed is not None and seed.value is not None
    if isinstance(seed, ast.Name):
        found: Any = frame.f_locals.get(seed.id, frame.f_globals.get(seed.id))
        return found is not None
    return True


def _seed_at(code: CodeType, offset: int) -> ast.expr | None:
    for position, (line, end_line, column, end_column) in enumerate(code.co_positions()):
        if position == offset // 2 and None not in (line, end_line, column, end_column):
            lines = linecache.getlines(code.co_filename)[line - 1 : end_line]  # type: ignore[operator]
            return _seed_of(_cut(lines, column or 0, end_column or 0))
    return None


def _cut(lines: list[str], column: int, end_column: int) -> str:
    """The text between columns, which count bytes."""
    whole = [line.encode() for line in lines]
    if whole:
        whole[-1] = whole[-1][:end_column]
        whole[0] = whole[0][column:]
    return b"".join(whole).decode(errors="replace")


def _seed_of(text: str) -> ast.expr | None:
    try:
        call = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return None
    if not isinstance(call, ast.Call) or not ast.unparse(call.func).endswith("RandomState"):
        return None
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return given[0] if given else None
