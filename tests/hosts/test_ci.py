"""`hozon ci`: results of one run of a CI in the next one, on another machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Project

WORK = """
    import sys
    import hozon

    def helper(x):
        return x + 1

    @hozon.persistent_cache
    def small(x):
        print("RAN small", x)
        return helper(x)

    @hozon.persistent_cache
    def large(x):
        print("RAN large", x)
        return bytes([x]) * 100_000

    @hozon.persistent_cache
    def of_file(name):
        print("RAN of_file", name)
        with open(name) as file:
            return file.read()

    for name, argument in zip(sys.argv[1::2], sys.argv[2::2]):
        function = globals()[name]
        print(repr(function(int(argument) if argument.isdigit() else argument))[:20])
"""


class Machine(Project):
    """A checkout on a machine of a CI: what is kept from run to run is `kept`, and the seal key."""

    def __init__(self, folder: Path, name: str, kept: Path, key: bytes) -> None:
        (folder / name).mkdir()
        super().__init__(folder / name / "project", folder / name / "home")
        self.kept = kept
        self.home.mkdir()
        (self.home / "seal.key").write_bytes(key)
        self.write("main.py", WORK)
        self.write("data.txt", "one")

    def work(self, *calls: str) -> list[str]:
        """Calls `small 1 large 2 …`; which bodies ran."""
        return [line for line in self.lines("main.py", *calls) if line.startswith("RAN")]

    def ci(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        """What `hozon ci` prints, and what it says on its error stream."""
        done = self.run("-m", "hozon", "ci", *arguments, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout, done.stderr

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.ci(*arguments, "--json", code=code)[0])

    def restore(self) -> Any:
        return self.json("restore", str(self.kept))

    def save(self, *options: str) -> Any:
        return self.json("save", str(self.kept), *options)


ALL = ("small", "1", "small", "2", "large", "3", "of_file", "data.txt")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept"


@pytest.fixture
def machine(tmp_path: Path, kept: Path) -> Any:
    return lambda name, key=b"k" * 32: Machine(tmp_path, name, kept, key)


@pytest.fixture
def saved(machine: Any) -> Machine:
    """A first run, whose results are kept."""
    first: Machine = machine("first")
    assert (
        first.ci("restore", str(first.kept))[0] == "nothing to restore: there is nothing in the folder yet\n"
    )
    assert len(first.work(*ALL)) == 4
    assert first.save("--touched-only")["copied"] == 4
    return first


def test_the_next_run_restores_what_the_last_one_computed(saved: Machine, machine: Any) -> None:
    second = machine("second")
    restored = second.restore()
    assert (restored["copied"], restored["present"], restored["refused"]) == (4, 0, {})
    assert second.work(*ALL) == []
    assert second.restore()["present"] == 4


def test_a_file_that_differs_on_the_other_machine_is_read(saved: Machine, machine: Any) -> None:
    second = machine("second")
    second.write("data.txt", "two")
    second.restore()
    assert second.work("of_file", "data.txt") == ["RAN of_file data.txt"]


def test_touched_only_leaves_out_what_was_not_used(saved: Machine, machine: Any) -> None:
    second = machine("second")
    second.restore()
    assert second.work("small", "1", "of_file", "data.txt", "small", "9") == ["RAN small 9"]
    told = second.save("--touched-only")
    figures = [told[name] for name in ("copied", "present", "untouched", "removed")]
    assert figures == [1, 2, 2, 2]
    third = machine("third")
    assert third.restore()["copied"] == 3
    assert third.work("small", "1", "of_file", "data.txt", "small", "9", "small", "2") == ["RAN small 2"]


def test_without_it_all_is_saved(saved: Machine, machine: Any) -> None:
    second = machine("second")
    second.restore()
    told = second.save()
    assert (told["present"], told["untouched"], told["removed"]) == (4, 0, 0)


def test_max_size_bounds_what_is_saved(saved: Machine, machine: Any) -> None:
    told = saved.save("--max-size", "50 KiB")
    assert told["over_max_size"] == 1
    assert told["removed"] == 1
    assert told["bytes"] <= 50 * 1024
    assert (
        sum(path.stat().st_size for path in (saved.kept / "v1/blobs").rglob("*") if path.is_file()) < 100_000
    )
    second = machine("second")
    second.restore()
    assert second.work(*ALL) == ["RAN large 3"]


@pytest.mark.parametrize("size", ["", "x", "5 parsecs", "-1"])
def test_a_size_that_is_none_is_refused(saved: Machine, size: str) -> None:
    saved.ci("save", str(saved.kept), f"--max-size={size}", code=2)


def test_results_of_another_key_are_not_taken(saved: Machine, machine: Any) -> None:
    stranger = machine("stranger", b"s" * 32)
    out, said = stranger.ci("restore", str(saved.kept))
    assert out.startswith("restored 0 results")
    assert "4 results were not taken: another user stored it" in said
    assert len(stranger.work(*ALL)) == 4


@pytest.mark.parametrize("part", ["entries", "blobs"])
def test_damaged_results_are_not_taken(saved: Machine, machine: Any, part: str) -> None:
    for path in (saved.kept / "v1" / part).rglob("*"):
        if path.is_file() and path.suffix != ".ok":
            content = bytearray(path.read_bytes())
            content[-1] ^= 1
            path.chmod(0o600)
            path.write_bytes(content)
    second = machine("second")
    refused = second.restore()["refused"]
    assert sum(refused.values()) == (4 if part == "entries" else 1)
    assert len(second.work(*ALL)) == sum(refused.values())
    assert second.run("-m", "hozon", "verify").returncode == 0


def test_an_entry_under_another_key_is_not_taken(saved: Machine, machine: Any) -> None:
    one, other = [path for path in (saved.kept / "v1/entries").rglob("*") if path.is_file()][:2]
    shutil.copyfile(one, other)
    second = machine("second")
    assert sum(second.restore()["refused"].values()) == 1


def test_names_of_saved_results_come_along(saved: Machine, machine: Any) -> None:
    saved.write("keep.py", "import hozon\nhozon.save(lambda: 5, 'five')\n")
    saved.run("keep.py")
    saved.save()
    second = machine("second")
    second.restore()
    assert second.lines("-c", "import hozon; print(hozon.load('five'))") == ["5"]


def test_report(saved: Machine, machine: Any) -> None:
    second = machine("second")
    second.restore()
    source = second.folder / "main.py"
    source.write_text(source.read_text(encoding="utf-8").replace("x + 1", "x + 2"), encoding="utf-8")
    second.work(*ALL)
    told = second.json("report")
    assert (told["restored"], told["used"], told["computed"]["ran"]) == (4, 2, 2)
    assert told["saved_seconds"] > 0
    assert told == second.json("report", "--format", "json")
    text = second.ci("report")[0]
    assert "restored 4 results" in text
    assert "2 ran because of 1 change: helper helper() changed (main.py:4)" in text
    page = second.ci("report", "--format", "md")[0]
    assert page.startswith("### hozon\n\nrestored 4 results")
    assert "| 2 ran because of 1 change: helper helper() changed (main.py:4) | small (2) |" in page
    assert page.count("\n|") == 3


def test_markdown_is_not_made_by_names(machine: Any) -> None:
    one = machine("one")
    one.restore()
    one.write(
        "main.py",
        """
        import hozon

        @hozon.persistent_cache(name="a|b\\n<script>![x](y)")
        def f():
            return 1

        f()
        """,
    )
    one.run("main.py")
    page = one.ci("report", "--format", "md")[0]
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert page.count("\n|") == 3
    assert "\\!\\[x\\](y)" in page


def test_check(saved: Machine, machine: Any) -> None:
    second = machine("second")
    _, said = second.ci("check", code=1)
    assert "`hozon ci restore` did not run" in said
    second.restore()
    second.work(*ALL)
    assert second.ci("check")[0] == "nothing was computed since `hozon ci restore`\n"
    second.work("small", "8")
    out, _ = second.ci("check", code=4)
    assert "1 computation ran" in out
    assert second.json("check", code=4)["fresh"] is False
    second.restore()
    second.ci("check")
    (blob,) = [path for path in (second.store / "v1/blobs").rglob("*") if path.is_file() and not path.suffix]
    blob.chmod(0o600)
    blob.write_bytes(b"damaged")
    out, _ = second.ci("check", code=1)
    assert "the store is damaged" in out


def test_a_folder_that_is_something_else_is_left_alone(saved: Machine, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    for step in ("restore", "save"):
        _, said = saved.ci(step, str(tmp_path / "other"), code=3)
        assert "is not a store of hozon" in said
    _, said = saved.ci("save", str(saved.store), code=2)
    assert "the folder is the store itself" in said


def test_saving_where_nothing_was_cached(machine: Any) -> None:
    one = machine("one")
    assert one.ci("save", str(one.kept))[0].startswith("nothing to save")
    assert not one.kept.exists()
