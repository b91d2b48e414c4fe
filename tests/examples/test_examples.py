"""Every example runs cold, then warm with nothing computed, then recomputes just what an edit touches."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


class Example:
    """A copy of an example in a folder of its own, with a store and a seal key of its own."""

    def __init__(self, name: str, script: str, folder: Path) -> None:
        self.folder = folder / name
        self.script = script
        shutil.copytree(EXAMPLES / name, self.folder, ignore=shutil.ignore_patterns("__pycache__", "*.png"))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HOZON_")}
        self.environment = kept | {"HOZON_HOME": str(folder / "home"), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self) -> str:
        """What a run in a fresh process prints."""
        done = subprocess.run(
            [sys.executable, "-W", "error", self.script],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    def ran(self) -> Counter[str]:
        """Which steps a run computes, and how often."""
        return Counter(re.findall(r"^  ran +(\w+)", self.run(), re.MULTILINE))

    def edit(self, file: str, before: str, after: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert text.count(before) == 1
        path.write_text(text.replace(before, after))


# Cross-validates three times; a busy machine takes its time.
@pytest.mark.timeout(600)
def test_tumours(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("pandas")
    pytest.importorskip("matplotlib")
    example = Example("tumours", "analysis.py", tmp_path)
    # What runs when does not depend on the amount of work.
    example.edit("analysis.py", "FOLDS = 5", "FOLDS = 2")
    example.edit("analysis.py", "TREES = (40, 80)", "TREES = (4, 8)")
    assert example.ran() == {"load": 1, "features": 1, "score": 6, "plot": 1}
    image = (example.folder / "scores.png").read_bytes()
    assert image.startswith(b"\x89PNG")

    (example.folder / "scores.png").unlink()
    assert example.ran() == {}
    assert (example.folder / "scores.png").read_bytes() == image

    example.edit("helpers.py", "import annotations\n", "import annotations\n\n# A remark.\n\n")
    assert example.ran() == {}
    example.edit("helpers.py", "steelblue", "seagreen")
    assert example.ran() == {"plot": 1}
    assert (example.folder / "scores.png").read_bytes() != image
    example.edit("analysis.py", "DEPTHS = (2, 4, 8)", "DEPTHS = (2, 4, 8, 16)")
    assert example.ran() == {"score": 2, "plot": 1}
    # Its result is the same: the steps behind it stay as they are.
    example.edit("helpers.py", 'lower().replace(" ", "_")', 'replace(" ", "_").lower()')
    assert example.ran() == {"load": 1}
    example.edit("helpers.py", '"mean_perimeter"] ** 2', '"mean_perimeter"] ** 3')
    ran = example.ran()
    assert ran - Counter(plot=1) == {"features": 1, "score": 8}


def test_words(tmp_path: Path) -> None:
    example = Example("words", "words.py", tmp_path)
    assert example.ran() == {"text": 1, "words": 1, "phrases": 2, "twins": 1}
    assert example.ran() == {}
    example.edit("lexicon.py", "import re\n", "import re  # A remark.\n")
    assert example.ran() == {}
    example.edit("lexicon.py", "len(word) > 5", "len(word) > 6")
    assert example.ran() == {"twins": 1}
    example.edit("lexicon.py", "(-item[1], item[0])", "(-item[1], len(item[0]), item[0])")
    assert example.ran() == {"phrases": 2}
    example.edit("lexicon.py", "[a-z]+", "[a-z0-9]+")
    assert example.ran() == {"words": 1, "phrases": 2, "twins": 1}


def test_fetch(tmp_path: Path) -> None:
    example = Example("fetch", "fetch.py", tmp_path)

    def said(output: str) -> tuple[int, int, int]:
        """How many pages were fetched and how many read, and how often the server was asked."""
        asked = re.search(r"^the server was asked (\d+) times; 12 links found$", output, re.MULTILINE)
        assert asked is not None
        return len(re.findall(r"fetch \w+ +ran", output)), output.count("links: ran"), int(asked[1])

    assert said(example.run()) == (6, 6, 6)
    assert said(example.run()) == (0, 0, 0)
    example.edit("parsing.py", '([^"]*)', "(.*?)")
    assert said(example.run()) == (0, 6, 0)
