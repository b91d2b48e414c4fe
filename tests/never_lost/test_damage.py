"""Damaged and planted files in the store: never a wrong value, never an exception, no code runs."""

from __future__ import annotations

import contextlib
import os
import pickle
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import hozon
from hozon import _runtime
from hozon._hozon import Computation, Store
from never_stale.harness import Project

from ..conftest import Runs

SEED = 20261122
KILLS = 300

# `make damage` tries each mask at each byte, and each length, which takes minutes. Else the masks take turns.
ALL = os.environ.get("HOZON_TESTS_ALL") == "1"
MASKS: list[tuple[int, ...]] = [(0x01,), (0x80,)] if ALL else [(0x01, 0x80)]


class Sample:
    """A small entry with a blob of its own and a root, and the bytes of all files of its store."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOZON_HOME", str(folder / "home"))
        self.folder = folder / "store"
        self.expected = np.arange(1000)  # 8000 bytes: more than an entry holds itself
        # A file to count in would be an input, and each try a miss for that reason alone.
        self.counted = Runs()
        # What it reads is noted in a file of its own.
        self.data = folder / "data.txt"
        self.data.write_text("7")
        assert self.value_is_right()
        assert self.runs == 1
        before = set(self.store_files())
        hozon.save(lambda: 1, "root", save_path=self.folder)
        # A call of the function does not look at these.
        self.saved = set(self.store_files()) - before
        assert self.value_is_right()
        self.list()  # makes the index
        assert self.runs == 1, "the sample must be cached"
        self.files = {path: path.read_bytes() for path in self.store_files()}

    @property
    def runs(self) -> int:
        """How often the function ran."""
        return len(self.counted)

    def hits(self) -> bool:
        """Whether the files as they are serve the function."""
        runs = self.runs
        return self.value_is_right() and self.runs == runs

    def list(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "hozon._command", "ls", "--json"],
            env={**os.environ, "HOZON_SAVE_PATH": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def store_files(self) -> list[Path]:
        files = [path for path in (self.folder / "v1").rglob("*") if path.is_file()]
        return sorted(path for path in files if "quarantine" not in path.parts)

    def value_is_right(self) -> bool:
        """Calls the function with nothing kept in memory: neither results, nor what was checked."""
        self.forget_what_was_seen()
        counted, data = self.counted, str(self.data)

        def body(x: int) -> object:
            counted.add()
            with open(data, encoding="utf-8") as file:
                return x * int(file.read()), np.arange(1000)

        value = hozon.persistent_cache(body, save_path=self.folder)(7)
        product, array = value
        return bool(product == 49 and array.dtype == self.expected.dtype and (array == self.expected).all())

    def saved_is_right_or_lost(self) -> bool:
        """Loads what was saved. Nothing can compute it anew: that it is not there is an answer."""
        self.forget_what_was_seen()
        try:
            return bool(hozon.load("root", save_path=self.folder) == 1)
        except hozon.NotSavedError:
            return True

    def forget_what_was_seen(self) -> None:
        _runtime._stores[str(self.folder)] = Store(str(self.folder), _runtime.seal_key_file())
        _runtime._warned.clear()

    def try_all(self, path: Path, contents: Iterable[bytes]) -> None:
        """Asks for what a file is of, with each content in its place."""
        is_right = self.saved_is_right_or_lost if path in self.saved else self.value_is_right
        for number, content in enumerate(contents, 1):
            self.replace(path, content)
            assert is_right()
            self.replace(path, self.files[path])
            # To look at the whole store takes longer than all else.
            if number % 50 == 0:
                self.restore()
        self.restore()

    def restore(self) -> None:
        """Brings the files back as they were."""
        shutil.rmtree(self.folder / "v1/quarantine", ignore_errors=True)
        for path, content in self.files.items():
            if not path.is_file() or path.read_bytes() != content:
                self.replace(path, content)
        for path in set(self.store_files()) - set(self.files):
            path.unlink()
            # Hundreds of empty folders would make each look at the store a long one.
            with contextlib.suppress(OSError):
                path.parent.rmdir()

    def replace(self, path: Path, content: bytes) -> None:
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sample:
    return Sample(tmp_path, monkeypatch)


def kind_of(path: Path) -> str:
    parts = path.parts
    kind = parts[parts.index("v1") + 1]
    return "check" if path.suffix == ".ok" else kind


def test_the_sample_has_every_kind_of_file(sample: Sample) -> None:
    assert {kind_of(path) for path in sample.files} >= {
        "entries",
        "traces",
        "blobs",
        "roots",
        "check",
        "index.db",
    }


def flipped(content: bytes, masks: Sequence[int]) -> Iterator[bytes]:
    for index in range(len(content)):
        changed = bytearray(content)
        changed[index] ^= masks[index % len(masks)]
        yield bytes(changed)


def flipped_at_random(content: bytes, generator: random.Random) -> bytes:
    changed = bytearray(content)
    changed[generator.randrange(len(changed))] ^= generator.randrange(1, 256)
    return bytes(changed)


def resized(content: bytes, step: int) -> Iterator[bytes]:
    yield from (content[:length] for length in range(0, len(content), step))
    yield content + b"\0"
    yield content + content
    yield b"\0" * len(content)


# Blobs and the index are long, and every byte of them is alike to the code: a share of them will do.
@pytest.mark.filterwarnings("ignore::hozon.HozonWarning")
@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("kind", ["entries", "traces", "roots", "check"])
def test_every_flipped_byte_is_noticed(sample: Sample, kind: str, masks: tuple[int, ...]) -> None:
    for path, content in sample.files.items():
        if kind_of(path) == kind:
            sample.try_all(path, flipped(content, masks))
    assert sample.hits(), "else each would have been a miss, damaged or not"
    assert hozon.load("root", save_path=sample.folder) == 1


@pytest.mark.filterwarnings("ignore::hozon.HozonWarning")
@pytest.mark.parametrize("mask", [0x01, 0x80])
def test_every_flipped_byte_of_a_blob_is_noticed(sample: Sample, mask: int) -> None:
    [(path, content)] = [row for row in sample.files.items() if kind_of(row[0]) == "blobs"]
    runs = sample.runs
    step = 8
    sample.try_all(path, list(flipped(content, [mask]))[mask >> 5 :: step])
    assert sample.runs - runs == len(range(mask >> 5, len(content), step)), "each was a miss"


@pytest.mark.filterwarnings("ignore::hozon.HozonWarning")
@pytest.mark.parametrize("kind", ["entries", "traces", "blobs", "roots", "check", "index.db"])
def test_every_length_is_noticed(sample: Sample, kind: str) -> None:
    for path, content in sample.files.items():
        if kind_of(path) == kind:
            step = 97 if len(content) > 2000 else 1 if ALL or len(content) < 500 else 7
            sample.try_all(path, resized(content, step))
    assert sample.hits(), "else each would have been a miss, damaged or not"
    assert hozon.load("root", save_path=sample.folder) == 1


@pytest.mark.filterwarnings("ignore::hozon.HozonWarning")
def test_a_damaged_index_harms_nothing(sample: Sample) -> None:
    generator = random.Random(SEED)
    path = sample.folder / "v1/index.db"
    runs = sample.runs
    sample.try_all(path, (flipped_at_random(sample.files[path], generator) for _ in range(200)))
    assert sample.runs == runs, "the index is off the path of a hit"


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str, str], object], tuple[str, str]]:
        return open, (str(self.mark), "w")


def test_the_bomb_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "exploded"))).close()
    assert (tmp_path / "exploded").exists()


def plants(content: bytes, bomb: bytes) -> Iterator[bytes]:
    """The bomb alone, in the place of, before, behind and within what was there."""
    yield bomb
    yield bomb + content
    yield content + bomb
    for start in range(0, len(content), max(1, len(content) // 40)):
        yield content[:start] + bomb + content[start:]
        yield (content[:start] + bomb + content[start + len(bomb) :])[: len(content)]
    for start in find_all(content, b"\x80\x05"):
        yield content[:start] + bomb + content[start + len(bomb) :]


def find_all(content: bytes, part: bytes) -> Iterator[int]:
    start = content.find(part)
    while start >= 0:
        yield start
        start = content.find(part, start + 1)


@pytest.mark.filterwarnings("ignore::hozon.HozonWarning")
def test_a_planted_pickle_never_runs(sample: Sample, tmp_path: Path) -> None:
    mark = tmp_path / "exploded"
    bomb = pickle.dumps(Bomb(mark), protocol=5)
    planted = 0
    for path, content in sample.files.items():
        for changed in plants(content, bomb):
            sample.replace(path, changed)
            assert sample.value_is_right()
            with contextlib.suppress(hozon.HozonError):
                assert hozon.load("root", save_path=sample.folder) == 1
            sample.restore()
            planted += 1
    assert planted > 300
    assert not mark.exists()


@pytest.mark.filterwarnings("ignore::hozon.HozonWarning")
def test_an_envelope_sealed_by_another_user_never_runs(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attacker has hozon too: a perfect entry for the same key, sealed with a key of their own."""
    mark = tmp_path / "exploded"
    key = _key_of_the_only_call(sample)
    monkeypatch.setenv("HOZON_HOME", str(tmp_path / "attacker"))
    theirs = Store(str(tmp_path / "theirs"), _runtime.seal_key_file())
    output = ("return", "pickle", pickle.dumps(Bomb(mark), protocol=5), [])
    keyed = Computation(lambda: None, [], (None, None, None, "native"), None).keyed((), {})
    assert keyed is not None
    theirs.put(key, keyed.recipe(), None, "body", "function", "", 0.0, [output], [])
    monkeypatch.setenv("HOZON_HOME", str(tmp_path / "home"))
    [planted] = [path for path in (tmp_path / "theirs/v1/entries").rglob("*") if path.is_file()]
    for path in sample.files:
        if kind_of(path) == "entries":
            sample.replace(path, planted.read_bytes())
    assert sample.value_is_right()
    assert not mark.exists()


def _key_of_the_only_call(sample: Sample) -> bytes:
    paths = [path for path in sample.files if kind_of(path) == "entries"]
    return bytes.fromhex(paths[0].parent.name + paths[0].name)


@pytest.mark.filterwarnings("ignore::hozon.HozonWarning")
def test_entries_that_change_places_are_no_hits(sample: Sample) -> None:
    one, other = [path for path in sample.files if kind_of(path) == "entries"]
    sample.replace(one, sample.files[other])
    sample.replace(other, sample.files[one])
    assert sample.value_is_right()


@pytest.mark.filterwarnings("ignore::hozon.HozonWarning")
def test_files_that_are_folders_harm_nothing(sample: Sample) -> None:
    for path in sample.files:
        path.unlink()
        path.mkdir()
        assert sample.value_is_right()
        shutil.rmtree(path, ignore_errors=True)
        path.unlink(missing_ok=True)
        sample.restore()


@pytest.mark.filterwarnings("ignore::hozon.HozonWarning")
def test_foreign_files_are_left_alone(sample: Sample) -> None:
    places = ("", "v1", "v1/entries/zz", "v1/tmp", "v1/leases", "v1/roots", "v1/blobs/00", "v9/entries/00")
    strangers = [sample.folder / place / "stranger" for place in places]
    for path in strangers:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not hozon's")
    runs = sample.runs
    assert sample.value_is_right()
    assert sample.runs == runs
    assert all(path.read_bytes() == b"not hozon's" for path in strangers)


# A process that was forked from the one with everything imported is killed: that is quick, so 300 fit.
FORKS = """
    import os, random, signal, sys, time
    import hozon
    import numpy as np
    @hozon.persistent_cache
    def f(x):
        return x, np.full(600, x)
    generator = random.Random(int(sys.argv[1]))
    f(-1)
    for kill in range(int(sys.argv[2])):
        child = os.fork()
        if child == 0:
            for x in range(kill * 1000, kill * 1000 + 1000):
                f(x)
            os._exit(1)
        time.sleep(generator.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "the child came to its end before it was killed"
    wrong = right = 0
    for kill in range(int(sys.argv[2])):
        for x in range(kill * 1000, kill * 1000 + 4):
            value, array = f(x)
            wrong += not (value == x and array.shape == (600,) and (array == x).all())
            right += value == x
    print(wrong, right)
    """


def test_kills_at_random_moments_of_puts(tmp_path: Path) -> None:
    it = Project(tmp_path, {"main.py": FORKS})
    done = subprocess.run(
        [sys.executable, "main.py", str(SEED), str(KILLS)],
        cwd=it.folder, env=it.environment(), capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["0", str(KILLS * 4)]
    temporary = it.store / "v1/tmp"
    orphans = list(temporary.iterdir())
    # The next process that opens the store sweeps them.
    Store(str(it.store), str(it.home / "hozon/seal.key"))
    assert list(temporary.iterdir()) == []
    assert list((it.store / "v1/quarantine").iterdir()) == []
    assert orphans, "no kill fell into a put, so that this shows nothing"


def test_nothing_is_left_in_the_way_of_the_next_put(tmp_path: Path) -> None:
    """A process killed within its body leaves a lease behind: the next one takes it at once."""
    it = Project(tmp_path, {"main.py": """
        import os, sys, time
        import hozon
        @hozon.persistent_cache
        def f(x):
            open("began", "w").close()
            while not os.path.exists("go"):
                time.sleep(0.01)
            return x
        print(f(1))
        """})  # fmt: skip
    child = subprocess.Popen([sys.executable, "main.py"], cwd=it.folder, env=it.environment())
    while not (it.folder / "began").exists():
        time.sleep(0.01)
    child.kill()
    child.wait()
    (it.folder / "go").touch()
    assert it.run().result == ["1"]
