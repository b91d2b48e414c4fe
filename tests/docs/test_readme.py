"""Every example in the README and in the public docstrings runs, and prints what is shown.

In the README, a block "python name.py" is a file, and a block "console" holds commands with what they
print. They are run in order, in one folder. Figures that differ from run to run are not compared.
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import pytest

import hozon

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^```(\w*) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What differs between runs and machines, and what stands for it.
VARYING = [
    (r"\b[0-9a-f]{12}\b", "KEY"),
    (r"time_saved=[\d.e-]+", "time_saved=T"),
    (r"\b\d+(\.\d+)? (µs|ms|s|B|KiB|MiB)(?!\w)", "N"),
    (r"\b(just now|\d+ seconds? ago|\d+ minutes? ago)\b", "AGO"),
    (r"(?<= )-(?= |$)", "N"),
    (r"[ \t]+", " "),
]


def plain(output: str) -> str:
    """What an output says apart from what varies."""
    for pattern, stands in VARYING:
        output = re.sub(pattern, stands, output)
    return "\n".join(line.strip() for line in output.strip().splitlines())


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOZON_")}
    path = os.pathsep.join([sysconfig.get_path("scripts"), str(Path(sys.executable).parent), kept["PATH"]])
    return kept | {"HOZON_HOME": str(folder / "home"), "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def run(command: str, folder: Path) -> str:
    """What a command prints."""
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_readme(tmp_path: Path) -> None:
    shown = 0
    for language, name, content in BLOCK.findall(README.read_text()):
        if language == "python":
            assert name, "a block of Python in the README needs a file name, so that it is run"
            (tmp_path / name).write_text(content)
        elif language == "console":
            for part in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
                command, _, expected = part.partition("\n")
                assert plain(run(command, tmp_path)) == plain(expected), command
                shown += 1
    assert shown >= 8
    assert README.read_text().count("\n$ hozon why") == 3


PRELUDE = """
import hozon

def expensive_call(): return 1
def another_expensive_call(x): return x + 1
def add(x, y): return x + y
x_value, y_value = 1, 2
"""


def examples(text: str) -> list[str]:
    """The examples of a docstring: what is indented further than its text, before the sections."""
    prose = inspect.cleandoc(text).split("\nArgs:")[0]
    blocks = re.findall(r"(?:^    .*\n?|^\n(?=    ))+", prose, re.MULTILINE)
    return [textwrap.dedent(block).strip() for block in blocks if "hozon" in block]


DOCUMENTED = {
    f"{name}-{number}": example
    for name in hozon.__all__
    for number, example in enumerate(examples(getattr(hozon, name).__doc__ or ""))
}


@pytest.mark.parametrize("place", DOCUMENTED)
def test_docstring(place: str, tmp_path: Path) -> None:
    (tmp_path / "example.py").write_text(f"{PRELUDE}\n{DOCUMENTED[place]}\n")
    assert run(f'"{sys.executable}" -W error example.py', tmp_path) == ""


def test_the_main_entry_points_have_examples() -> None:
    assert {"persistent_cache-0", "cached_context-0"} <= set(DOCUMENTED)
