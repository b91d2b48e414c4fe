"""What earlier releases stored is read, and nothing of a format that is not known is removed or changed.

`PYTHONPATH=tests python tests/never_lost/test_old_formats.py NAME` makes a golden store by the present release.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from never_stale.harness import Project

GOLDEN = Path(__file__).parent / "golden"
STORES = sorted(path.name for path in GOLDEN.glob("*"))

MAKE = """
    import hozon
    hozon.save(lambda: 42, "answer")
    hozon.save(lambda: b"\\x07" * 9000, "large")
    hozon.save(lambda: {"a": [1, 2.5, None], "b": ("x", True)}, "nested")
    """
LOAD = """
    import hozon
    print(hozon.load("answer"), hozon.load("large") == b"\\x07" * 9000, hozon.load("nested"))
    """
LOADED = "42 True {'a': [1, 2.5, None], 'b': ('x', True)}\n"


def run(it: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=it.folder, env=it.environment(), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def hozon(it: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(it, "-m", "hozon._command", *arguments)


def golden(name: str, folder: Path) -> Project:
    """A project with a copy of a golden store and the key that sealed it."""
    it = Project(folder, {"load.py": LOAD})
    shutil.copytree(GOLDEN / name / "store", it.store)
    (it.home / "hozon").mkdir(parents=True)
    shutil.copy(GOLDEN / name / "seal.key", it.home / "hozon/seal.key")
    (it.home / "hozon/seal.key").chmod(0o600)
    return it


@pytest.mark.parametrize("name", STORES)
def test_what_an_earlier_release_stored_is_read(name: str, tmp_path: Path) -> None:
    it = golden(name, tmp_path)
    done = run(it, "load.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, LOADED, "")
    checked = hozon(it, "verify")
    assert checked.returncode == 0, checked.stdout
    assert "sound: 3 entries" in checked.stdout


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_of_another_format_is_removed_or_changed(tmp_path: Path) -> None:
    it = golden(STORES[0], tmp_path)
    for version in ("v0", "v2"):
        shutil.copytree(it.store / "v1", it.store / version)
    # An entry of a later release beside ours, and one of a kind that nobody knows.
    (later,) = (path for path in it.store.glob("v1/entries/*/*") if path.stat().st_size < 700)
    sealed = later.read_bytes()
    shard = it.store / "v1/entries/00"
    shard.mkdir(exist_ok=True)
    (shard / ("1" * 62)).write_bytes(sealed[:8] + b"\x02\x00" + sealed[10:])
    foreign = {version: contents(it.store / version) for version in ("v0", "v2")}
    stranger = contents(shard)
    for arguments in (
        ["clear", "--all", "--yes"],
        ["gc", "--max-size", "1"],
        ["verify", "--repair"],
        ["doctor"],
    ):
        done = hozon(it, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    assert {version: contents(it.store / version) for version in ("v0", "v2")} == foreign
    assert contents(shard) == stranger
    told = hozon(it, "doctor").stdout
    assert "v0, v2" in told


if __name__ == "__main__":
    import tempfile

    made = Project(Path(tempfile.mkdtemp()), {"make.py": MAKE})
    assert run(made, "make.py").returncode == 0
    target = GOLDEN / sys.argv[1]
    for part in ("entries", "blobs", "roots"):
        shutil.copytree(made.store / "v1" / part, target / "store/v1" / part)
    # A note is about one file on one disk.
    for note in target.rglob("*.ok"):
        note.unlink()
    shutil.copy(made.home / "hozon/seal.key", target / "seal.key")
