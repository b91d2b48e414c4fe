"""What `make demo` shows: an example cold, warm, and after one edit to a helper.

It works on a copy in a temporary folder, which is removed at the end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

EDITED = ("helpers.py", "12.566", "4 * 3.14159")


def show(title: str, command: list[str], shown: str, folder: Path) -> None:
    """Runs a command and shows it as it would be typed."""
    print(f"\n\033[1m{title}\033[0m" if sys.stdout.isatty() else f"\n{title}")
    print(f"$ {shown}", flush=True)
    subprocess.run(command, cwd=folder, check=True)


def edit(folder: Path) -> None:
    """Changes one number in one helper."""
    name, before, after = EDITED
    file = folder / name
    text = file.read_text()
    if text.count(before) != 1:
        raise ValueError(f"{name} does not hold {before!r} once")
    file.write_text(text.replace(before, after))


def main() -> None:
    """The demonstration."""
    hozon = shutil.which("hozon", path=sysconfig.get_path("scripts")) or "hozon"
    with tempfile.TemporaryDirectory(prefix="hozon-demo-") as temporary:
        folder = Path(temporary, "tumours")
        shutil.copytree(
            Path(__file__).parent / "tumours", folder, ignore=shutil.ignore_patterns("__pycache__")
        )
        os.environ.setdefault("HOZON_HOME", str(Path(temporary, "home")))
        script = [sys.executable, "analysis.py"]
        show("Cold: nothing is stored yet", script, "python analysis.py", folder)
        show("Warm: a new process, and nothing is computed", script, "python analysis.py", folder)
        edit(folder)
        name, before, after = EDITED
        title = f"After an edit: with_ratios() in {name} says {after} now, not {before}"
        show(title, script, "python analysis.py", folder)
        show("What is stored", [hozon, "ls"], "hozon ls", folder)
        show("Why the features ran again", [hozon, "why", "features"], "hozon why features", folder)


if __name__ == "__main__":
    main()
