"""Sessions in kernels of Jupyter: cells are executed one after the other, and what they show is collected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager

ON = "%load_ext hozon\n%hozon on"
# Seconds that a cell may take; the machine may be busy.
LIMIT = 60


class Kernel:
    """A kernel in a folder; with `on`, hozon is switched on before the first cell."""

    def __init__(self, folder: Path, environment: dict[str, str], *, on: bool) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder), env=environment)
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=LIMIT)
        if on:
            self.run(ON, store_history=False)

    def run(self, code: str, **named: Any) -> list[dict[str, Any]]:
        """Runs a cell. Gives its outputs, text of one stream in one piece, as a front end shows them."""
        outputs: list[dict[str, Any]] = []
        clears = False

        def hear(message: dict[str, Any]) -> None:
            nonlocal clears
            kind, content = message["msg_type"], message["content"]
            if kind == "clear_output":
                clears = content["wait"]
                if not clears:
                    outputs.clear()
                return
            if kind not in ("stream", "display_data", "execute_result", "error", "update_display_data"):
                return
            if clears:
                outputs.clear()
                clears = False
            if kind == "stream" and outputs and outputs[-1].get("name") == content["name"]:
                outputs[-1]["text"] += content["text"]
            elif kind == "error":
                outputs.append({"type": kind, "ename": content["ename"], "evalue": content["evalue"]})
            else:
                outputs.append({"type": kind, **content})

        self.client.execute_interactive(
            code, output_hook=hear, timeout=LIMIT, allow_stdin=False, stop_on_error=False, **named
        )
        return outputs

    def states(self) -> list[str]:
        """What came of the cells that hozon has watched."""
        code = "[one.state for one in list(__import__('hozon.hosts._jupyter', fromlist=['x'])._loaded.values())[0].session.told]"
        reply = self.client.execute_interactive(
            "", silent=True, user_expressions={"s": code}, timeout=LIMIT, output_hook=lambda message: None
        )
        return eval(reply["content"]["user_expressions"]["s"]["data"]["text/plain"])  # type: ignore[no-any-return]

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
