"""What answers in the tests of the process: runs a source, and says what came of it."""

from __future__ import annotations

import sys
from typing import Any

from hozon._displaying import Displays
from hozon._executing import execute


class Notebook:
    def __init__(self, settings: dict[str, Any]) -> None:
        if settings.get("fails"):
            raise ValueError("such settings")
        self.host = settings.get("host", "script")
        self.on_shown = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["do"] == "fail":
            raise RuntimeError("a fault of hozon's own")
        if request["do"] == "stuff":
            return {"stuff": object()}
        with Displays(self.host, self.on_shown) as displays:
            executed = execute(
                request["source"],
                namespace=vars(sys.modules["__main__"]),
                filename="/cells/one.py",
                first_line=1,
                shows_last=True,
                has_magics=request.get("has_magics", False),
                displays=displays,
            )
        return {"end": executed.end, "outputs": displays.outputs, "left_out": displays.left_out}


class WithoutShown:
    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"settings": self.settings}
