"""A store keeps to its bound, and what it gives is right all the while."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import hozon
from hozon import _config, _runtime
from hozon._hozon import Store

from ..conftest import Project, Runs

pytestmark = pytest.mark.usefixtures("fresh")


def size_of(folder: Path) -> int:
    """The bytes of entries and blobs."""
    files = [path for part in ("entries", "blobs") for path in (folder / "v1" / part).rglob("*")]
    return sum(path.stat().st_size for path in files if path.is_file() and path.suffix != ".ok")


def bounded(folder: Path, bound: str) -> None:
    """Opens a store that spares nothing for being young."""
    _runtime._stores[str(folder)] = Store(str(folder), _runtime.seal_key_file(), bound, 0.0)


def test_a_small_bound_holds_over_many_calls_and_all_values_are_right(tmp_path: Path) -> None:
    bounded(tmp_path / "store", "2 MB")
    runs = Runs()

    @hozon.persistent_cache(save_path=tmp_path / "store")
    def table(number: int) -> bytes:
        runs.add(number)
        return number.to_bytes(4, "little") * 25_000

    for number in [*range(60), *range(60), *range(50, 60)]:
        assert table(number) == number.to_bytes(4, "little") * 25_000
        # One that is being stored may be too many until its put returns.
        assert size_of(tmp_path / "store") <= 2_000_000
    assert 60 < len(runs) <= 120
    assert size_of(tmp_path / "store") > 1_000_000, "it keeps what fits"


def test_max_size_bounds_the_entries_of_one_name(tmp_path: Path) -> None:
    @hozon.persistent_cache(save_path=tmp_path / "store")
    def other(x: int) -> int:
        return x

    @hozon.persistent_cache(save_path=tmp_path / "store", max_size=3)
    def few(x: int) -> int:
        return x

    for number in range(10):
        assert (few(number), other(number)) == (number, number)
        assert few.cache_info().currsize <= 3
    assert few.cache_info().currsize == 3
    assert other.cache_info().currsize == 10
    hits = few.cache_info().hits
    assert few(9) == 9
    assert few.cache_info().hits == hits + 1, "what was stored last is there"


def test_max_size_bounds_the_bytes_of_one_name(tmp_path: Path) -> None:
    @hozon.persistent_cache(save_path=tmp_path / "store", max_size="100 kB")
    def table(number: int) -> bytes:
        return number.to_bytes(4, "little") * 2500

    for number in range(30):
        table(number)
    # The blobs of what was stored within the last seconds go later.
    assert 2 <= table.cache_info().currsize <= 10


@pytest.mark.parametrize("given", [3, "3", " 3 "])
def test_a_number_is_a_number_of_entries(given: Any) -> None:
    assert _config.resolve(None, {"max_size": given}, name=None, when=None).max_size == (3, None)


def test_a_size_is_a_number_of_bytes() -> None:
    assert _config.resolve(None, {"max_size": "2 GiB"}, name=None, when=None).max_size == (None, 2 << 30)


BAD: list[tuple[str, Any, type[Exception]]] = [
    ("max_size", 0, ValueError),
    ("max_size", -1, ValueError),
    ("max_size", "much", ValueError),
    ("max_size", True, TypeError),
    ("max_size", 1.5, TypeError),
    ("max_store_size", "much", ValueError),
    ("max_store_size", "0 %", ValueError),
    ("max_store_size", 1.5, TypeError),
]


@pytest.mark.parametrize(("parameter", "value", "error"), BAD)
def test_a_bad_bound_is_an_error_that_names_it(parameter: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=parameter):
        _config.resolve(None, {parameter: value}, name=None, when=None)


def test_the_bound_of_a_store_comes_from_the_environment_or_its_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.hozon]\nmax_store_size = "3 MB"\n')
    assert _config.store_bound(tmp_path / ".hozon") == "3 MB"
    monkeypatch.setenv("HOZON_MAX_STORE_SIZE", "none")
    assert _config.store_bound(tmp_path / ".hozon") == "none"
    assert Store(str(tmp_path / "store"), None, "3 MB").bound == 3_000_000
    assert Store(str(tmp_path / "store"), None, "none").bound is None
    usual = Store(str(tmp_path / "store"), None).bound
    assert usual is not None
    assert 0 < usual <= 50_000_000_000


def test_a_bad_bound_in_a_project_is_warned_of_and_the_usual_one_holds(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.hozon]\nmax_store_size = "much"\n')
    with pytest.warns(hozon.HozonWarning, match="max_store_size"):
        store = _runtime.store_of(str(tmp_path / "store"))
    assert store is not None
    assert store.bound is not None


PROGRAM = """
    import hozon

    @hozon.persistent_cache
    def table(number):
        return number.to_bytes(4, "little") * 2500

    hozon.save(lambda: b"keep" * 2500, "kept")
    print([table(number) == number.to_bytes(4, "little") * 2500 for number in range(20)].count(True))
"""


def test_the_command_tells_what_would_go_and_why_says_that_it_was_evicted(project: Project) -> None:
    project.write("program.py", PROGRAM)
    assert project.run("program.py").stdout == "20\n"
    project.run("-c", AGE, str(project.store))
    arguments = ("-m", "hozon", "gc", "--max-size", "60 kB", "--json")
    would = json.loads(project.run(*arguments, "--dry-run").stdout)
    assert would["dry_run"] is True
    assert 10 <= would["entries"] < 20
    assert {named["name"] for named in would["names"]} == {"table"}
    did = json.loads(project.run(*arguments).stdout)
    assert did["gone"] == would["gone"]
    assert did["bytes"] <= 60_000
    again = project.run("program.py")
    assert again.stdout == "20\n"
    assert "evicted" in project.run("-m", "hozon", "why").stdout


# Another process has the files look older: what was stored just now is not evicted.
AGE = """
import os, sys, time
from pathlib import Path

for path in Path(sys.argv[1], "v1", "entries").rglob("*"):
    if path.is_file():
        os.utime(path, (time.time() - 60, time.time() - 60))
"""
