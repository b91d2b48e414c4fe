"""The cache broken in many ways: the program ends with the right answer, and says so once for each function at most."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from never_stale.harness import Project

PROGRAM = """
    import hozon
    @hozon.persistent_cache
    def small(x):
        return x + 1
    @hozon.persistent_cache
    def large(x):
        return bytes([x]) * 9000
    @hozon.persistent_cache
    def reads():
        return open("data.txt").read()
    print(small(1), large(7) == b"\\x07" * 9000, reads())
    """
ANSWER = "2 True seven\n"

Break = Callable[[Project], object]


def files(it: Project, part: str = "") -> list[Path]:
    return sorted(path for path in (it.store / "v1" / part).rglob("*") if path.is_file())


def overwrite(path: Path, content: bytes) -> None:
    path.unlink()
    path.write_bytes(content)


def all_empty(it: Project) -> None:
    for path in files(it):
        overwrite(path, b"")


def all_flipped(it: Project) -> None:
    for path in files(it):
        content = path.read_bytes() or b"\0"
        overwrite(path, bytes([content[0] ^ 1]) + content[1:])


def last_bytes_gone(it: Project) -> None:
    for path in files(it, "entries") + files(it, "traces"):
        overwrite(path, path.read_bytes()[:-1])


def changed_places(it: Project) -> None:
    entries = files(it, "entries")
    contents = [path.read_bytes() for path in entries]
    for path, content in zip(entries, contents[1:] + contents[:1], strict=True):
        overwrite(path, content)


def pipes(it: Project) -> None:
    for path in files(it, "entries") + files(it, "blobs"):
        path.unlink()
        os.mkfifo(path)


def links_to_nowhere(it: Project) -> None:
    for path in files(it):
        path.unlink()
        path.symlink_to("/nowhere")


def a_file_in_place_of(part: str) -> Break:
    def put(it: Project) -> None:
        path = it.store / part
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"a file")

    return put


def a_folder_in_place_of_the_index(it: Project) -> None:
    (it.store / "v1/index.db").unlink(missing_ok=True)
    (it.store / "v1/index.db").mkdir()


def key_of_another(it: Project) -> None:
    overwrite(it.home / "hozon/seal.key", bytes(32))


def half_a_key(it: Project) -> None:
    overwrite(it.home / "hozon/seal.key", b"half")


def home_is_a_file(it: Project) -> None:
    shutil.rmtree(it.home)
    it.home.write_bytes(b"")


BREAKS: dict[str, Break] = {
    "nothing is there": lambda it: shutil.rmtree(it.store),
    "entries are gone": lambda it: shutil.rmtree(it.store / "v1/entries"),
    "blobs are gone": lambda it: shutil.rmtree(it.store / "v1/blobs"),
    "lists of traces are gone": lambda it: shutil.rmtree(it.store / "v1/traces"),
    "all files are empty": all_empty,
    "all files are flipped": all_flipped,
    "the last byte is gone": last_bytes_gone,
    "entries have changed places": changed_places,
    "files are pipes": pipes,
    "files are links to nowhere": links_to_nowhere,
    "the store is a file": a_file_in_place_of(""),
    "the version is a file": a_file_in_place_of("v1"),
    "tmp is a file": a_file_in_place_of("v1/tmp"),
    "leases is a file": a_file_in_place_of("v1/leases"),
    "the quarantine is a file": a_file_in_place_of("v1/quarantine"),
    "arrivals is a file": a_file_in_place_of("v1/arrivals"),
    "the index is rubbish": a_file_in_place_of("v1/index.db"),
    "the index is a folder": a_folder_in_place_of_the_index,
    "the key is another": key_of_another,
    "the key is half": half_a_key,
    "the home is a file": home_is_a_file,
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Project:
    it = Project(tmp_path_factory.mktemp("filled"), {"main.py": PROGRAM, "data.txt": "seven"})
    assert run(it).stdout == ANSWER
    # A second one has the index, and uses in it.
    assert run(it).stdout == ANSWER
    assert all(files(it, part) for part in ("entries", "blobs", "traces"))
    return it


@pytest.fixture
def it(filled: Project, tmp_path: Path) -> Project:
    """A copy of the project with its store and home."""
    copy = Project(tmp_path, {"main.py": PROGRAM})
    for of in ("folder", "home"):
        shutil.rmtree(getattr(copy, of), ignore_errors=True)
        shutil.copytree(getattr(filled, of), getattr(copy, of), symlinks=True)
    return copy


def run(it: Project, **options: object) -> subprocess.CompletedProcess[str]:
    environment = it.environment() | options.pop("more", {})  # type: ignore[operator]
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=it.folder, env=environment, capture_output=True, text=True,
        timeout=60, check=False, **options,
    )  # type: ignore[call-overload]  # fmt: skip
    print(f"{time.monotonic() - began:.2f} s")
    return done  # type: ignore[no-any-return]


def is_right(done: subprocess.CompletedProcess[str]) -> None:
    assert (done.returncode, done.stdout) == (0, ANSWER), done.stderr
    assert "Traceback" not in done.stderr
    warned = [line for line in done.stderr.splitlines() if "HozonWarning" in line]
    assert len(warned) <= 3, done.stderr
    for function in ("small", "large", "reads"):
        assert sum(function in line for line in warned) <= 1, done.stderr


@pytest.mark.parametrize("way", BREAKS)
def test_a_broken_cache_costs_no_answer(way: str, it: Project) -> None:
    BREAKS[way](it)
    is_right(run(it))


def test_there_are_twenty_ways_at_least() -> None:
    assert len(BREAKS) >= 20


def test_no_home_at_all_costs_no_answer(it: Project) -> None:
    environment = it.environment()
    for name in ("HOME", "HOZON_HOME", "XDG_DATA_HOME"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "main.py"], cwd=it.folder, env=environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    is_right(done)


def _no_files() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def test_files_that_cannot_be_written_cost_no_answer(it: Project) -> None:
    shutil.rmtree(it.store)
    is_right(run(it, preexec_fn=_no_files))


def test_an_index_that_another_program_holds_costs_no_answer(it: Project) -> None:
    with contextlib.closing(sqlite3.connect(it.store / "v1/index.db")) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        is_right(run(it))


def test_a_path_that_can_be_none_costs_no_answer(it: Project) -> None:
    is_right(run(it, more={"HOZON_SAVE_PATH": "/dev/null/store"}))


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "hozon-test", str(folder)],
        capture_output=True, check=False,
    )  # fmt: skip
    if mounted.returncode != 0:
        pytest.skip("only root can mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


FILLS = """
    import hozon, warnings
    warnings.simplefilter("always")
    @hozon.persistent_cache
    def f(x):
        return bytes([x]) * 60_000
    wrong = sum(f(x) != bytes([x]) * 60_000 for x in range(60))
    print(wrong)
    """


@pytest.mark.skipif(sys.platform != "linux", reason="a small disk is made as Linux does")
@pytest.mark.parametrize(
    "size", ["300k", "1m", *(("4m", "16m", "64m") if "SECONDS_OF_SOAK" in os.environ else ())]
)
def test_a_real_disk_that_fills_costs_no_answer_and_goes_on_when_there_is_room(
    size: str, tmp_path: Path
) -> None:
    it = Project(tmp_path, {"main.py": FILLS})
    it.store.mkdir()
    with small_disk(it.store, size):
        unbounded = {"HOZON_MAX_STORE_SIZE": "none"}
        done = run(it, more=unbounded)
        assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
        assert done.stderr.count("HozonWarning") <= 1, done.stderr
        verified = [sys.executable, "-m", "hozon._command", "verify"]
        checked = subprocess.run(
            verified, cwd=it.folder, env=it.environment(), capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert list((it.store / "v1/tmp").iterdir()) == []
        # Room again: what is computed now is kept.
        for path in files(it, "entries")[2:] + files(it, "blobs")[4:]:
            path.unlink()
        stored = len(files(it, "entries"))
        assert run(it, more=unbounded).stdout == "0\n"
        assert len(files(it, "entries")) > stored
