"""Row T1 and bar 7: hostile pickles, by every way in, of which none may run.

Each pickle makes a folder when it is loaded. With the signer trusted it does: so it would show.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import hozon
from hozon import _runtime
from hozon._hozon import Store, run_command
from trust.digests import blake3

MARKER = ""


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (MARKER,)


class HostileError(Exception):
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (MARKER,)


def hostile() -> Hostile:
    return Hostile()


async def hostile_async() -> Hostile:
    return Hostile()


def hostile_items() -> Iterator[Any]:
    yield Hostile()


def hostile_raise() -> None:
    raise HostileError


def hostile_print() -> int:
    print("shown")
    return len([Hostile()])


def call(folder: Path) -> None:
    hozon.persistent_cache(hostile, save_path=folder)()


def call_async(folder: Path) -> None:
    asyncio.run(hozon.persistent_cache(hostile_async, save_path=folder)())


def call_items(folder: Path) -> None:
    list(hozon.persistent_cache(hostile_items, save_path=folder)())


def call_raising(folder: Path) -> None:
    with pytest.raises((HostileError, TypeError)):
        hozon.persistent_cache(hostile_raise, save_path=folder, cache_exceptions=True)()


def call_block(folder: Path) -> None:
    with hozon.cached_context("hostile block", save_path=folder):
        value = Hostile()
    del value


def call_saved(folder: Path) -> None:
    hozon.save(hostile, "hostile saved", save_path=folder)


WAYS: dict[str, Callable[[Path], None]] = {
    "hostile": call,
    "hostile_async": call_async,
    "hostile_items": call_items,
    "hostile_raise": call_raising,
    "hostile block": call_block,
    "hostile saved": call_saved,
}


class User:
    """A person with keys and stores of their own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.home = folder / name
        self.seal_key = str(self.home / "seal.key")
        self.folder = folder / f"{name}'s stores"

    def store(self, name: str) -> Path:
        """Opens a store of this person in this process."""
        path = self.folder / name
        _runtime._stores[str(path)] = Store(str(path), self.seal_key)
        return path

    def command(self, store: Path, *words: str) -> int:
        arguments = ["hozon", *words, "--store", str(store)]
        none: Any = lambda folder: None  # noqa: E731
        return run_command(arguments, str(store), self.seal_key, none, none, None, None, False, "user", None)

    def key(self, store: Path, capfd: pytest.CaptureFixture[str]) -> str:
        capfd.readouterr()
        assert self.command(store, "keys", "--public") == 0
        return capfd.readouterr().out.strip()


class Course:
    """A stranger's result of one kind, and a reader whom it is brought to."""

    def __init__(self, folder: Path, way: str, capfd: pytest.CaptureFixture[str]) -> None:
        self.way, self.capfd, self.plants = way, capfd, 0
        self.stranger, self.reader = User(folder, "stranger"), User(folder, "reader")
        self.friend = User(folder, "friend")
        theirs = self.stranger.store("theirs")
        WAYS[way](theirs)
        assert not os.path.exists(MARKER), "to store it does not load it"
        self.file = folder / "export.hozon"
        assert self.stranger.command(theirs, "export", way, "-o", str(self.file)) == 0
        self.signed = self._signed(self.file.read_bytes())
        [self.entry] = [path for path in (theirs / "v1/entries").rglob("*") if path.is_file()]
        self.stranger_key = self.stranger.key(theirs, capfd)
        # The friend is trusted by the reader; the stranger is not.
        self.friend_key = self.friend.key(self.friend.store("x"), capfd)
        empty = self.reader.store("empty")
        assert self.reader.command(empty, "trust", "add", self.friend_key, "--name", "friend") == 0

    @staticmethod
    def _signed(file: bytes) -> bytes:
        """The signed entry in a file that has one and no blobs."""
        assert (file[:10], file[10]) == (b"hozonEXP\x01\0", 2)
        length = int.from_bytes(file[43:51], "little")
        return file[51 : 51 + length]

    def framed(self, entry: bytes) -> bytes:
        """A file with this in the place of its entry, and all digests right."""
        frame = b"\2" + blake3(entry) + len(entry).to_bytes(8, "little")
        return b"hozonEXP\x01\0" + frame + entry + b"\0" * 33 + (1).to_bytes(8, "little")

    def imported(self, file: bytes, *, taken: bool = False) -> None:
        """Brings a file to a new store of the reader, and calls."""
        self.plants += 1
        store = self.reader.store(f"import {self.plants}")
        path = store.parent / "plant"
        path.write_bytes(file)
        assert (self.reader.command(store, "import", str(path)) == 0) == taken
        self.capfd.readouterr()
        self.called(store, taken=taken)

    def planted(self, content: bytes) -> None:
        """Writes a file where the reader's store has the entry of the key, and calls."""
        self.plants += 1
        store = self.reader.store(f"plant {self.plants}")
        path = store / "v1/entries" / self.entry.parent.name / self.entry.name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        self.called(store, taken=False)

    def called(self, store: Path, *, taken: bool) -> None:
        _runtime._warned.clear()
        WAYS[self.way](store)
        assert os.path.exists(MARKER) == taken
        if taken:
            os.rmdir(MARKER)

    def fields(self) -> dict[str, range]:
        """Where the fields of the signed entry are."""
        name = int.from_bytes(self.signed[43:51], "little")
        return {"signer": range(11, 43), "signature": range(51 + name + 80, 51 + name + 144)}


@pytest.fixture(params=list(WAYS))
def course(
    request: pytest.FixtureRequest,
    fresh: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Course:
    monkeypatch.setitem(globals(), "MARKER", str(fresh / "marker"))
    return Course(fresh, request.param, capfd)


@pytest.mark.filterwarnings("ignore::hozon.HozonWarning")
def test_no_planted_pickle_runs(course: Course) -> None:
    signed, fields = course.signed, course.fields()
    friend = bytes.fromhex(_hex_of(course.friend_key))
    # Signed by a stranger; not signed; signed by a key that says that it is another.
    course.imported(course.file.read_bytes())
    course.imported(course.framed(course.entry.read_bytes()))
    swapped = bytearray(signed)
    swapped[fields["signer"].start : fields["signer"].stop] = friend
    course.imported(course.framed(bytes(swapped)))
    for at in fields["signature"]:
        other = bytearray(swapped)
        other[at] ^= 1
        course.imported(course.framed(bytes(other)))
    # Truncated signatures, at some lengths each.
    for length in range(0, 64, 8):
        start = fields["signature"].start
        course.imported(course.framed(bytes(swapped[: start + length] + swapped[start + 64 :])))
    # Other versions, algorithms and kinds.
    for at, value in [(8, 0), (8, 2), (9, 1), (10, 0), (10, 2)]:
        other = bytearray(swapped)
        other[at] = value
        course.imported(course.framed(bytes(other)))
    planted_in_the_store(course)
    assert course.plants >= 100, "500 over all ways in"


def planted_in_the_store(course: Course) -> None:
    """The same without the command: files where the reader's store keeps entries."""
    sealed = course.entry.read_bytes()
    own = course.reader.store("own")
    hozon.persistent_cache(lambda: 1, save_path=own)()
    [entry] = [path for path in (own / "v1/entries").rglob("*") if path.is_file()]
    key_id = entry.read_bytes()[10:18]
    swapped = bytearray(sealed)
    swapped[10:18] = key_id
    course.planted(sealed)
    course.planted(course.signed)
    course.planted(bytes(swapped))
    for at in range(26, 58):
        other = bytearray(swapped)
        other[at] ^= 1
        course.planted(bytes(other))
    for length in range(26, 58, 8):
        course.planted(bytes(swapped[:length] + swapped[58:]))
    for at, value in [(0, 0), (8, 0), (8, 2), (9, 1)]:
        other = bytearray(swapped)
        other[at] = value
        course.planted(bytes(other))
    # The seal of an entry of the reader's own before the body of the stranger's.
    course.planted(entry.read_bytes()[:58] + sealed[58:])


@pytest.mark.filterwarnings("ignore::hozon.HozonWarning")
def test_the_same_pickle_runs_where_its_signer_is_trusted(course: Course) -> None:
    """The control: else the test above would pass with pickles that do nothing."""
    empty = course.reader.store("empty")
    assert course.reader.command(empty, "trust", "add", course.stranger_key, "--name", "stranger") == 0
    course.imported(course.file.read_bytes(), taken=True)
    scoped = ("trust", "add", course.stranger_key, "--name", "stranger", "--scope", "other.*")
    assert course.reader.command(empty, *scoped) == 0
    course.imported(course.file.read_bytes())
    assert course.reader.command(empty, "trust", "add", course.stranger_key, "--name", "stranger") == 0
    course.imported(course.file.read_bytes(), taken=True)
    assert course.reader.command(empty, "trust", "revoke", "stranger") == 0
    course.imported(course.file.read_bytes())
    # What was taken while the stranger was trusted is not used either.
    course.called(course.reader.folder / f"import {course.plants - 1}", taken=False)


def _hex_of(line: str) -> str:
    import base64

    return base64.b64decode(line.split()[1]).hex()


def test_the_digests_of_these_tests_are_those_of_hozon(fresh: Path) -> None:
    store = User(fresh, "user").store("store")
    hozon.persistent_cache(lambda: bytes(5000), save_path=store)()
    blobs = [path for path in (store / "v1/blobs").rglob("*") if path.is_file() and path.suffix != ".ok"]
    assert blobs
    for blob in blobs:
        assert blake3(blob.read_bytes()).hex() == blob.parent.name + blob.name
