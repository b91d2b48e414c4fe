"""Bad names, bad folders, bad values: the user's own result, or a clear error of the user's own making."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import hozon
from hozon import _runtime
from never_lost.blocks import run_block
from never_stale.harness import Project

NAMES = [
    "a b", "../../outside", "/outside", "a/b\\c", "C:\\x", "CON", "nul.", ".", "..", "-rf", "*?<>|", "\n\r\t",
    "\0", "\x1b[31mred", "\u202eright to left", "e\u0301", "\u00e9", "\U0001f600", "\udc80", "x" * 5000,
    "%s{0}", "'; drop --",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HOZON_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HOZON_DISABLE", raising=False)
    _runtime._warned.clear()
    yield
    for folder in [folder for folder in _runtime._stores if folder.startswith(str(tmp_path))]:
        del _runtime._stores[folder]


def counted(folder: Path, **parameters: Any) -> tuple[Callable[[int], Any], Callable[[], int]]:
    """A cached function, and how often its body has run."""
    runs = str(folder.with_name("runs"))

    def body(x: int) -> list[int]:
        with open(runs, "a", encoding="utf-8") as file:
            file.write("x")
        return [x]

    def count() -> int:
        return os.path.getsize(runs)

    # The file that counts is no output of the body.
    return hozon.persistent_cache(save_path=folder, track_files=False, **parameters)(body), count


# Names.


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:20] for name in NAMES])
def test_a_name_may_have_any_characters(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "store"
    folder.parent.mkdir()
    function, count = counted(folder, name=name)
    assert [function(1), function(1)] == [[1], [1]]
    assert count() == 1
    assert hozon.save(lambda: [2], name, save_path=folder) == [2]
    assert hozon.load(name, save_path=folder) == [2]
    assert {path.name for path in tmp_path.iterdir()} == {"deep", "home"}
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"store", "runs"}
    assert all(name not in path.name for path in folder.rglob("*") if len(name) > 2)


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:20] for name in NAMES])
def test_a_block_s_name_may_have_any_characters(name: str, tmp_path: Path) -> None:
    assert [run_block(name, tmp_path / "store") for _ in range(2)] == [([1], False), ([1], True)]


def test_saved_names_that_look_alike_are_different(tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        hozon.save(lambda number=number: number, name, save_path=tmp_path)
    assert [hozon.load(name, save_path=tmp_path) for name in NAMES] == list(range(len(NAMES)))


def test_an_empty_name_is_an_error() -> None:
    with pytest.raises(ValueError, match="name is empty"):
        hozon.persistent_cache("")
    with pytest.raises(ValueError, match="name is empty"):
        hozon.persistent_cache(name="")
    with pytest.raises(ValueError, match="name is empty"):
        hozon.save(lambda: 1, "")
    with pytest.raises(ValueError, match="name is empty"):
        hozon.load("")
    with pytest.raises(ValueError, match="name is empty"), hozon.cached_context(""):
        pass


def test_a_name_that_is_no_text_is_an_error() -> None:
    with pytest.raises(TypeError, match="name"):
        hozon.persistent_cache(name=1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="name"):
        hozon.save(lambda: 1, 1)  # type: ignore[arg-type]


def test_a_name_that_was_never_saved_is_an_error_with_the_name_in_it(tmp_path: Path) -> None:
    with pytest.raises(hozon.NotSavedError, match="unheard-of"):
        hozon.load("unheard-of", save_path=tmp_path)


@pytest.mark.parametrize(
    ("parameters", "error", "text"),
    [
        ({"ttl": "soon"}, ValueError, "ttl"),
        ({"ttl": 0}, ValueError, "ttl"),
        ({"ttl": -1}, ValueError, "ttl"),
        ({"pin_sys_libs": "macro"}, ValueError, "pin_sys_libs"),
        ({"pin_hozon_lib": 1}, ValueError, "pin_hozon_lib"),
        ({"ignore": ["y"]}, ValueError, "y"),
        ({"ignore": [1]}, TypeError, "ignore"),
        ({"when": 1}, TypeError, "when"),
        ({"save_path": ""}, ValueError, "save_path"),
        ({"allow": ["anything"]}, ValueError, "allow"),
        ({"max_size": 0}, ValueError, "max_size"),
    ],
    ids=str,
)
def test_a_bad_parameter_is_an_error_that_names_it(
    parameters: Any, error: Any, text: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=text):
        hozon.persistent_cache(**{"save_path": tmp_path, **parameters})(lambda x: x)


# Folders.


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    function, count = counted(tmp_path / "a" / "b" / "c")
    (tmp_path / "a" / "b").mkdir(parents=True)  # where the body counts
    assert [function(1), function(1)] == [[1], [1]]
    assert count() == 1
    assert (tmp_path / "a/b/c/.gitignore").read_text() == "*\n"


def test_a_folder_that_is_a_file_is_one_warning(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.write_text("mine")
    function, count = counted(folder)
    with pytest.warns(hozon.HozonWarning, match="store") as warned:
        assert [function(1), function(1), function(2)] == [[1], [1], [2]]
    assert len(warned) == 1
    assert count() == 3
    assert folder.read_text() == "mine"


def test_a_folder_within_a_file_is_one_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    cached = hozon.persistent_cache(lambda x: [x], save_path=tmp_path / "file" / "store")
    with pytest.warns(hozon.HozonWarning) as warned:
        assert [cached(1), cached(1)] == [[1], [1]]
    assert len(warned) == 1


def test_a_folder_removed_while_in_use_is_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    function, count = counted(folder)
    assert function(1) == [1]
    shutil.rmtree(folder)
    assert [function(2), function(1)] == [[2], [1]]
    assert count() in {2, 3}
    assert folder.is_dir()


def test_a_folder_replaced_by_a_file_while_in_use_loses_no_value(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    function, _count = counted(folder)
    assert function(1) == [1]
    shutil.rmtree(folder)
    folder.write_text("mine")
    with pytest.warns(hozon.HozonWarning):
        assert [function(2), function(3)] == [[2], [3]]
    assert folder.read_text() == "mine"


def test_a_home_that_is_a_file_costs_no_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("HOZON_HOME", str(tmp_path / "file"))
    function, _count = counted(tmp_path / "store")
    with pytest.warns(hozon.HozonWarning) as warned:
        assert [function(1), function(1)] == [[1], [1]]
    assert len(warned) == 1


@pytest.mark.parametrize("content", [b"", b"short", bytes(31), bytes(1000)], ids=len)
def test_a_damaged_key_of_the_user_costs_no_value(content: bytes, tmp_path: Path) -> None:
    key = tmp_path / "home" / "seal.key"
    key.parent.mkdir()
    key.write_bytes(content)
    key.chmod(0o600)
    function, _count = counted(tmp_path / "store")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert [function(1), function(1)] == [[1], [1]]
    assert len(warned) <= 1


PROGRAM = """
    import hozon, sys, warnings
    @hozon.persistent_cache(save_path=sys.argv[1])
    def f(x):
        print("RAN", x)
        return [x]
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        print([f(1), f(2), f(2), f(3)])
    print([warning.category.__name__ for warning in warned])
    """


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Makes a folder read-only: by a mount for root, who may write anywhere else."""
    if os.geteuid() != 0:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        return
    with mounted(folder, "--bind", str(folder)):
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield


@contextlib.contextmanager
def mounted(folder: Path, *arguments: str) -> Iterator[None]:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount")
    done = subprocess.run(["mount", *arguments, str(folder)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def run_program(
    folder: Path, text: str, *arguments: str, prepare: Callable[[], None] | None = None
) -> list[str]:
    it = Project(folder, {"main.py": text})
    done = subprocess.run(
        [sys.executable, "main.py", *arguments],
        cwd=it.folder, env=it.environment(), capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=prepare,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout.splitlines()


def test_a_read_only_folder_gives_hits_and_one_warning(tmp_path: Path) -> None:
    store = tmp_path / "store"
    first = run_program(tmp_path, PROGRAM, str(store))
    assert first == ["RAN 1", "RAN 2", "RAN 3", "[[1], [2], [2], [3]]", "[]"]
    entries = [path for path in (store / "v1/entries").rglob("*") if path.is_file()]
    entries[0].unlink()
    with read_only(store):
        lines = run_program(tmp_path, PROGRAM, str(store))
    assert lines[-2:] == ["[[1], [2], [2], [3]]", "['HozonWarning']"]
    # What could not be stored is kept by nobody: f(2) may run twice. What is stored is used.
    assert len({line for line in lines if line.startswith("RAN")}) == 1


def test_a_folder_that_cannot_be_made_is_one_warning(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    with read_only(closed):
        lines = run_program(tmp_path, PROGRAM, str(closed / "store"))
    assert lines[-2:] == ["[[1], [2], [2], [3]]", "['HozonWarning']"]


FULL = """
    import hozon, sys, time, warnings
    @hozon.persistent_cache(save_path=sys.argv[1])
    def f(x, size):
        time.sleep(0.05)  # what is quicker to make than to read back would not be stored
        return x, bytes([x]) * size
    def right(x, size):
        return f(x, size) == (x, bytes([x]) * size)
    warnings.simplefilter("error")
    assert right(1, 10_000)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        print(all(right(x, 3_000_000) for x in (2, 3, 2, 3)))
    print(len(warned), "could not be stored" in str(warned[0].message))
    print(right(1, 10_000), right(4, 10_000))
    """


def _no_great_files() -> None:
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))


def test_a_file_that_cannot_be_written_in_full_loses_no_value(tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert run_program(tmp_path, FULL, str(store), prepare=_no_great_files) == ["True", "1 True", "True True"]
    assert list((store / "v1/tmp").iterdir()) == []
    assert sum(path.stat().st_size for path in (store / "v1").rglob("*") if path.is_file()) < 1_000_000


def test_a_full_disk_loses_no_value(tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    with mounted(store, "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs"):
        assert run_program(tmp_path, FULL, str(store)) == ["True", "1 True", "True True"]
        assert list((store / "v1/tmp").iterdir()) == []


def test_a_damaged_entry_is_one_warning_with_its_place(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    function, count = counted(folder)
    assert function(1) == [1]
    [entry] = [path for path in (folder / "v1/entries").rglob("*") if path.is_file()]
    content = entry.read_bytes()
    entry.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    again, _ = counted(folder)
    with pytest.warns(hozon.HozonWarning, match="damaged") as warned:
        assert [again(1), again(1)] == [[1], [1]]
    assert len(warned) == 1
    assert count() == 2
    assert len(list((folder / "v1/quarantine").iterdir())) == 1


# Values.


def test_an_argument_without_a_digest_names_itself_its_type_and_three_ways_out(tmp_path: Path) -> None:
    function, _count = counted(tmp_path / "store")
    with pytest.raises(hozon.UndigestibleError) as raised:
        function(threading.Lock())  # type: ignore[arg-type]
    text = str(raised.value)
    assert "argument `x` of" in text
    assert "lock" in text
    assert "body" in text
    ways = ("close over it", "ignore=['x']", "hozon.register_digest", "__hozon_digest__")
    assert all(way in text for way in ways)
    assert raised.value.name == "x"
    assert "lock" in raised.value.type_name


def test_the_message_tells_where_in_an_argument_the_part_is(tmp_path: Path) -> None:
    function, _count = counted(tmp_path / "store")
    with pytest.raises(hozon.UndigestibleError, match=r"x\[str of 1\]\[1\]"):
        function({"a": [1, threading.Lock()]})  # type: ignore[arg-type]


def test_the_ways_out_are_ways_out(tmp_path: Path) -> None:
    class Held:
        def __init__(self, x: int) -> None:
            self.x, self.lock = x, threading.Lock()

    class Digested(Held):
        def __hozon_digest__(self) -> object:
            return self.x

    ignoring = hozon.persistent_cache(lambda x: type(x).__name__, ignore=["x"], save_path=tmp_path / "store")
    assert [ignoring(threading.Lock()), ignoring(1)] == ["lock", "lock"]
    cached = hozon.persistent_cache(lambda held: held.x, save_path=tmp_path / "store")
    assert [cached(Digested(1)), cached(Digested(1)), cached(Digested(2))] == [1, 1, 2]
    hozon.register_digest(Held, lambda held: held.x)
    assert [cached(Held(1)), cached(Held(3))] == [1, 3]


def unstorable() -> Iterator[tuple[str, Callable[[], Any]]]:
    class Refuses:
        def __init__(self, error: BaseException) -> None:
            self.error = error

        def __reduce__(self) -> Any:
            raise self.error

    def deep() -> list[Any]:
        value: list[Any] = []
        for _ in range(200_000):
            value = [value]
        return value

    yield "lock", threading.Lock
    yield "open file", lambda: open(os.devnull, encoding="utf-8")  # noqa: SIM115
    yield "generator", lambda: (x for x in (1, 2))
    yield "frame", lambda: sys._getframe()
    yield "raises", lambda: Refuses(RuntimeError("no"))
    yield "out of memory", lambda: Refuses(MemoryError())
    yield "recursion", lambda: Refuses(RecursionError())
    yield "deep", deep


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("make", [row[1] for row in unstorable()], ids=[row[0] for row in unstorable()])
def test_a_result_that_cannot_be_stored_is_returned_with_one_warning(
    make: Callable[[], Any], tmp_path: Path
) -> None:
    made: list[Any] = []

    def body(make: Callable[[], Any], made: list[Any]) -> Any:
        made.append(make())
        return made[-1]

    cached = hozon.persistent_cache(body, ignore=["make", "made"], save_path=tmp_path / "store")
    with pytest.warns(hozon.HozonWarning, match="cannot be stored") as warned:
        results = [cached(make, made) for _ in range(3)]
    assert len(made) == 3
    assert all(result is value for result, value in zip(results, made, strict=True))
    # Files that other tests left open may be collected meanwhile, which warns too.
    assert len([one for one in warned if issubclass(one.category, hozon.HozonWarning)]) == 1
    assert list((tmp_path / "store/v1/entries").rglob("*/*")) == []


def test_an_exception_is_raised_as_it_is_and_not_stored(tmp_path: Path) -> None:
    class Own(Exception):
        pass

    error = Own("mine")
    runs: list[int] = []

    def note(x: int) -> None:
        runs.append(x)
        raise error

    cached = hozon.persistent_cache(ignore=["note"], save_path=tmp_path / "store")(lambda x, note: note(x))
    for _ in range(2):
        with pytest.raises(Own) as raised:
            cached(1, note)
        assert raised.value is error
        assert raised.value.__cause__ is None
        assert raised.value.__context__ is None
        assert traceback.extract_tb(raised.value.__traceback__)[-1].name == "note"
        error.__traceback__ = None
    assert runs == [1, 1]
    assert list((tmp_path / "store/v1/entries").rglob("*/*")) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interrupt_passes_through(error: type[BaseException], tmp_path: Path) -> None:
    class Raise:
        def __hozon_digest__(self) -> object:
            return 1

        def __call__(self) -> None:
            raise error

    cached = hozon.persistent_cache(lambda x: x(), save_path=tmp_path / "store")
    for _ in range(2):
        with pytest.raises(error):
            cached(Raise())


def test_wrong_arguments_raise_what_the_function_raises(tmp_path: Path) -> None:
    def body(x: int) -> int:
        return x

    cached = hozon.persistent_cache(body, save_path=tmp_path / "store")
    for arguments, keywords in [((), {}), ((1, 2), {}), ((), {"y": 1}), ((1,), {"x": 1})]:
        with pytest.raises(TypeError) as plain:
            body(*arguments, **keywords)
        with pytest.raises(TypeError) as raised:
            cached(*arguments, **keywords)
        assert str(raised.value) == str(plain.value)


class Fickle:
    """Pickles, but cannot be restored while `broken`."""

    broken = True

    def __reduce__(self) -> Any:
        return _restore, ()


def _restore() -> int:
    raise ValueError("cannot be restored")


def test_a_result_that_cannot_be_restored_is_computed_anew(tmp_path: Path) -> None:
    cached = hozon.persistent_cache(lambda: Fickle(), save_path=tmp_path / "store")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        assert [type(cached()) for _ in range(3)] == [Fickle] * 3
    assert len(warned) <= 1
    assert all(issubclass(warning.category, hozon.HozonWarning) for warning in warned)


def test_a_predicate_that_raises_costs_no_value(tmp_path: Path) -> None:
    def when(result: Any, seconds: float) -> bool:
        raise RuntimeError("in when")

    function, _count = counted(tmp_path / "store", when=when)
    with pytest.warns(hozon.HozonWarning) as warned:
        assert [function(1), function(1)] == [[1], [1]]
    assert len(warned) == 1


def test_what_a_caller_changes_harms_no_other(tmp_path: Path) -> None:
    function, count = counted(tmp_path / "store")
    for _ in range(4):
        value = function(1)
        assert value == [1]
        value.append(2)
    assert count() == 1
