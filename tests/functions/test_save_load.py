"""`save` and `load`."""

from __future__ import annotations

from typing import Any

import pytest

import hozon

from ..conftest import Project

ODD_NAMES = [
    "snow ☃",
    "a/b\\c",
    "..",
    ".",
    "/",
    "C:\\con",
    "x" * 10_000,
    "new\nline",
    "nul\0",
    "\ud800",
    "\\ud800",
    " ",
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_names_of_any_characters(fresh: Any, runs: Any, name: str) -> None:
    value = [name, 1]
    for _ in range(2):
        assert hozon.save(lambda: (runs.add(), list(value))[1], name) == value
    assert hozon.load(name) == value
    assert len(runs) == 1


def test_odd_names_are_told_apart(fresh: Any) -> None:
    for number, name in enumerate(ODD_NAMES):
        hozon.save(lambda: number, name)  # noqa: B023
    assert [hozon.load(name) for name in ODD_NAMES] == list(range(len(ODD_NAMES)))


@pytest.mark.parametrize("call", [lambda name: hozon.save(lambda: 1, name), hozon.load])
def test_bad_names(fresh: Any, call: Any) -> None:
    with pytest.raises(ValueError, match="empty"):
        call("")
    for name in (None, 5, b"x"):
        with pytest.raises(TypeError, match="must be a str"):
            call(name)


def test_a_missing_name_says_what_to_do(fresh: Any) -> None:
    with pytest.raises(hozon.NotSavedError, match="nothing is saved as 'missing'") as raised:
        hozon.load("missing")
    assert isinstance(raised.value, KeyError)
    assert "hozon.save(function, 'missing')" in str(raised.value)


def test_the_last_save_wins_and_an_earlier_one_is_a_hit_again(fresh: Any, runs: Any) -> None:
    def f(x: int) -> int:
        return hozon.save(lambda: (runs.add(), x)[1], "x")

    assert [f(1), hozon.load("x"), f(2), hozon.load("x"), f(1), hozon.load("x")] == [1, 1, 2, 2, 1, 1]
    assert len(runs) == 2


def test_the_root_outlives_other_entries(fresh: Any) -> None:
    hozon.save(lambda: 1, "kept")
    assert hozon.load("kept") == 1
    assert hozon.load("kept") == 1


def test_exceptions_pass_and_store_nothing(fresh: Any) -> None:
    error = ValueError("mine")

    def fail() -> None:
        raise error

    with pytest.raises(ValueError) as raised:
        hozon.save(fail, "failed")
    assert raised.value is error
    with pytest.raises(hozon.NotSavedError):
        hozon.load("failed")


def test_what_cannot_be_stored_is_given_all_the_same(fresh: Any) -> None:
    with pytest.warns(hozon.HozonWarning, match="cannot be stored"):
        made = hozon.save(lambda: (number for number in range(3)), "generator")
    assert list(made) == [0, 1, 2]
    with pytest.raises(hozon.NotSavedError):
        hozon.load("generator")


def test_what_is_loaded_is_independent(fresh: Any) -> None:
    hozon.save(lambda: [1], "list").append("mine")
    hozon.load("list").append("mine")
    assert hozon.load("list") == [1]


def test_save_path_and_ttl(fresh: Any, runs: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    def f() -> int:
        return hozon.save(lambda: (runs.add(), 1)[1], "x", save_path=tmp_path / "here", ttl="1h")

    assert [f(), f()] == [1, 1]
    with pytest.raises(hozon.NotSavedError):
        hozon.load("x")
    assert hozon.load("x", save_path=tmp_path / "here") == 1
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3601)
    f()
    assert len(runs) == 2


def test_a_store_that_cannot_be_used(fresh: Any, tmp_path: Any) -> None:
    (tmp_path / "file").write_text("")
    with pytest.warns(hozon.HozonWarning):
        assert hozon.save(lambda: 1, "x", save_path=tmp_path / "file") == 1
    with pytest.raises(hozon.StoreError):
        hozon.load("x", save_path=tmp_path / "file")


def test_a_fresh_process_loads_without_the_code(project: Project) -> None:
    saved = project.main(
        """
        import hozon
        def make(): print("ran"); return {"x": [1, 2]}
        print(hozon.save(make, "made"))
        """
    )
    assert saved == ["ran", "{'x': [1, 2]}"]
    assert project.main("import hozon\nprint(hozon.load('made'))") == ["{'x': [1, 2]}"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_damaged_entry_is_no_value(project: Project, damage: str) -> None:
    text = "import hozon\nprint(hozon.save(lambda: [1] * 5, 'made'))\n"
    project.main(text)
    for entry in (project.store / "v1" / "entries").rglob("*"):
        if not entry.is_file():
            continue
        content = bytearray(entry.read_bytes())
        if damage == "gone":
            entry.unlink()
        elif damage == "cut":
            entry.write_bytes(content[: len(content) // 2])
        else:
            content[len(content) // 2] ^= 1
            entry.write_bytes(content)
    loading = """
        import hozon
        try: print(hozon.load("made"))
        except hozon.NotSavedError as error: print("gone or damaged" in str(error))
    """
    assert project.main(loading) == ["True"]
    assert project.main(text) == ["[1, 1, 1, 1, 1]"]
    assert project.main(loading) == ["[1, 1, 1, 1, 1]"]


def test_loading_what_needs_a_class_that_is_not_there(project: Project) -> None:
    project.main("import hozon\nclass Point: x = 1\nhozon.save(Point, 'point')")
    printed = project.main(
        """
        import hozon
        try: hozon.load("point")
        except hozon.HozonError as error: print(type(error).__name__, "Point" in str(error))
        """
    )
    assert printed == ["NotSavedError True"]
