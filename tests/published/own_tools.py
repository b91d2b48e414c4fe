"""Runs notebooks with the tools that they are made for."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from comparing import Shown, as_terminal, normal, shown

# Seconds that a notebook may take.
LIMIT = 900

# matplotlib says so where figures cannot be shown.
_NOT_SHOWN = "FigureCanvasAgg is non-interactive"


def environment() -> dict[str, str]:
    """The variables with which all tools run."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("HOZON_", "MPL", "PYTHON"))
    }
    return kept | {"PYTHONHASHSEED": "0", "TZ": "UTC", "COLUMNS": "80", "LINES": "24"}


def run(form: str, path: Path) -> list[Shown]:
    """What the code cells of a notebook show. Of a script, all that it prints is one cell's."""
    return {"jupyter": jupyter, "percent": percent, "script": script, "marimo": marimo}[form](path)


def jupyter(path: Path) -> list[Shown]:
    """By nbclient, in IPython's kernel."""
    import nbformat

    return _in_kernel(nbformat.read(path, as_version=4), path)


def percent(path: Path) -> list[Shown]:
    """As jupytext reads it, by nbclient, in IPython's kernel. A docstring alone is no cell but a text."""
    import jupytext

    notebook = jupytext.read(path, fmt="py:percent")
    first = notebook.cells[0]
    if first.cell_type == "code" and _is_docstring(first.source):
        del notebook.cells[0]
    return _in_kernel(notebook, path)


def _is_docstring(source: str) -> bool:
    try:
        body = ast.parse(source).body
    except SyntaxError:  # Magics.
        return False
    return all(isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) for part in body)


def _in_kernel(notebook: Any, path: Path) -> list[Shown]:
    from nbclient import NotebookClient

    os.environ.update(environment())
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    # A cell's own allowance of errors would change nothing: all are allowed.
    client = NotebookClient(
        notebook,
        timeout=LIMIT,
        startup_timeout=LIMIT,
        allow_errors=True,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    return of_notebook(notebook, path.parent)


def of_notebook(notebook: dict[str, Any], folder: Path) -> list[Shown]:
    """What the code cells of an executed notebook show; cells without code are left out."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return [shown(cell["outputs"], str(folder)) for cell in code if _has_code("".join(cell["source"]))]


def _has_code(source: str) -> bool:
    return any(line.strip() and not line.strip().startswith("#") for line in source.split("\n"))


def script(path: Path) -> list[Shown]:
    """By Python itself."""
    done = subprocess.run(
        [sys.executable, path.name],
        cwd=path.parent,
        env=environment() | {"MPLBACKEND": "agg"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT,
    )
    found = Shown(
        stdout=done.stdout.decode("utf-8", "replace"), stderr=done.stderr.decode("utf-8", "replace")
    )
    if done.returncode:
        found.stderr, _, trace = found.stderr.rpartition("Traceback (most recent call last):")
        last = trace.strip().split("\n")[-1]
        found.displays.append(("error", {"error": normal(last, str(path.parent))}))
    found.stdout = normal(as_terminal(found.stdout), str(path.parent))
    found.stderr = of_script(found.stderr, path)
    return [found]


def of_script(text: str, path: Path) -> str:
    """What a script writes to standard error, without what it is told of figures, and its own path."""
    lines = as_terminal(text).split("\n")
    told = [place for place, line in enumerate(lines) if _NOT_SHOWN in line]
    # The warning takes two lines: the second is the code.
    kept = [line for place, line in enumerate(lines) if place not in told and place - 1 not in told]
    return normal("\n".join(kept), str(path.parent)).replace(f"<folder>/{path.name}", "<cell>")


def marimo(path: Path) -> list[Shown]:
    """By marimo's own kernel, as `marimo export session` saves it."""
    return marimo_by([Path(sys.executable).with_name("marimo")], path, {})


def marimo_by(command: list[str | Path], path: Path, settings: dict[str, str]) -> list[Shown]:
    """What cells show where a command stands for marimo's own, with further variables of the environment."""
    subprocess.run(
        [*command, "-q", "export", "session", "--no-sandbox", "--force-overwrite", path.name],
        cwd=path.parent,
        env=environment() | settings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT,
    )
    session = path.parent / "__marimo__" / "session" / f"{path.name}.json"
    cells = json.loads(session.read_text())["cells"]
    return [_of_session(cell, str(path.parent)) for cell in cells]


def _of_session(cell: dict[str, Any], folder: str) -> Shown:
    outputs: list[dict[str, Any]] = []
    for entry in cell["console"]:
        if entry["type"] == "stream":
            outputs.append({"output_type": "stream", "name": entry["name"], "text": entry["text"]})
        else:
            outputs.append({"output_type": "display_data", "data": {entry["mimetype"]: entry["data"]}})
    for output in cell["outputs"]:
        if output["type"] == "error":
            outputs.append({"output_type": "error", "ename": output["ename"], "evalue": output["evalue"]})
        elif output["data"] != {"text/plain": ""}:
            outputs.append({"output_type": "execute_result", "data": output["data"]})
    return shown(outputs, folder)
