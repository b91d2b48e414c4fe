"""A notebook in a folder of its own, run by the command as a person would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


class Run:
    """What one run of the command gave."""

    def __init__(self, done: subprocess.CompletedProcess[str], notebook: Path | None = None) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr
        self.report: dict[str, Any] = json.loads(done.stdout) if done.stdout.startswith("{") else {}
        shown = json.loads(notebook.read_text()) if notebook is not None and notebook.exists() else {}
        self._shown: list[dict[str, Any]] = shown.get("cells", [])

    def _cell(self, number: int) -> dict[str, Any]:
        (cell,) = [cell for cell in self.report["cells"] if cell["number"] == number]
        return dict(cell)

    @property
    def states(self) -> list[str]:
        """What each code cell was."""
        return [cell["state"] for cell in self.report["cells"] if cell["state"] != "text"]

    @property
    def ran(self) -> list[int]:
        """The numbers of the cells that ran, from 1."""
        states = ("ran", "ran, not stored", "failed", "stopped")
        return [cell["number"] for cell in self.report["cells"] if cell["state"] in states]

    @property
    def stale(self) -> list[int]:
        """Of a plan: the cells that would run, or may."""
        states = ("stale", "waiting", "not storable")
        return [cell["number"] for cell in self.report["cells"] if cell["state"] in states]

    def outputs(self, number: int) -> list[dict[str, Any]]:
        """What a cell shows, as nbformat has it."""
        return list(self._shown[number - 1]["outputs"])

    def text(self, number: int) -> str:
        """What a cell shows, as text."""
        found = []
        for output in self.outputs(number):
            kind = output["output_type"]
            if kind == "stream":
                found.append("".join(output["text"]))
            elif kind == "error":
                found.append(f"{output['ename']}: {output['evalue']}")
            else:
                found.append("".join(output["data"].get("text/plain", "")))
        return "".join(found)

    def why(self, number: int) -> str:
        """Why a cell ran."""
        return "\n".join(self._cell(number)["why"])


class Project:
    """A folder with notebooks, local modules and data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "pyproject.toml").write_text("")

    def write(self, name: str, text: str) -> Path:
        """Writes a file, and makes it as old as files are that nobody works on."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (path.stat().st_mtime - 60,) * 2)
        return path

    def cells(self, *cells: str, name: str = "notebook.py") -> Path:
        """Writes a percent script."""
        return self.write(name, "".join(f"# %%\n{cell}\n\n" for cell in cells))

    def marimo(self, *cells: str, name: str = "notebook.py") -> Path:
        """Writes a notebook of marimo."""
        bodies = ("".join(f"    {line}\n" for line in cell.split("\n")) for cell in cells)
        functions = "".join(f"@app.cell\ndef _():\n{body}    return\n\n\n" for body in bodies)
        end = 'if __name__ == "__main__":\n    app.run()\n'
        return self.write(name, f"import marimo\n\napp = marimo.App()\n\n\n{functions}{end}")

    def command(self, *arguments: str, **variables: str) -> Run:
        """`hozon` with arguments."""
        environment = {**os.environ, "HOZON_DISABLE": "", **variables}
        done = subprocess.run(
            [sys.executable, "-m", "hozon", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return Run(done, self.folder / "shown.ipynb" if "shown.ipynb" in arguments else None)

    def run(self, *arguments: str, name: str = "notebook.py", **variables: str) -> Run:
        """`hozon run` of the notebook, with a report as JSON and what its cells show."""
        done = self.command("run", name, "--json", "--ipynb", "shown.ipynb", *arguments, **variables)
        assert done.report, done.err
        return done

    def plan(self, *arguments: str, name: str = "notebook.py", **variables: str) -> Run:
        """`hozon plan` of the notebook, as JSON."""
        done = self.command("plan", name, "--json", *arguments, **variables)
        assert done.report, done.err
        return done
