"""Exceptions of cells as outputs: their traceback, without the frames of what runs the cell."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, Any

from hozon._mime_json import json_text

if TYPE_CHECKING:
    from types import TracebackType

_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep

# More characters of an exception's text are not kept.
_MOST_TEXT = 100_000


def error_output(error: BaseException) -> dict[str, Any]:
    """An `error` output of nbformat 4. Raises nothing, whatever the exception's own methods do."""
    lines = traceback_lines(error)
    return {
        "output_type": "error",
        "ename": json_text(type(error).__name__),
        "evalue": _text_of(error),
        "traceback": lines,
    }


def traceback_lines(error: BaseException) -> list[str]:
    """The traceback as Python prints it, line by line."""
    try:
        told = traceback.TracebackException(type(error), error, own_traceback(error), compact=True)
        text = "".join(told.format())
    except Exception as fault:
        text = f"{type(error).__name__} (its traceback cannot be told: {type(fault).__name__})"
    if len(text) > 2 * _MOST_TEXT:
        text = f"{text[:_MOST_TEXT]}\n...\n{text[-_MOST_TEXT:]}"
    return json_text(text).splitlines()


def own_traceback(error: BaseException) -> TracebackType | None:
    """An exception's traceback from the first frame that is not of what runs cells.

    Where there is no such frame, as of an error of syntax, there is nothing to tell.
    """
    found = error.__traceback__
    while found is not None and _runs_cells(found.tb_frame.f_code.co_filename):
        found = found.tb_next
    return found


def _runs_cells(filename: str) -> bool:
    if filename.startswith(_FOLDER):
        return True
    folder, name = os.path.split(filename)
    return os.path.basename(folder) == "IPython" or (
        name in {"interactiveshell.py", "async_helpers.py"} and f"{os.sep}IPython{os.sep}" in filename
    )


def _text_of(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception as fault:
        text = f"<its text cannot be told: {type(fault).__name__}>"
    return json_text(text[:_MOST_TEXT])
