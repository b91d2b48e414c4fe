"""`hozon accept`: a person says that an edit cannot matter. A later edit, a value, an argument is not covered."""

from __future__ import annotations

import json
from typing import Any

import pytest

UTILS = """
RATE = 2


def clean(x):
    return x * RATE


class Scaler:
    factor = 3

    def scale(self, x):
        return x * self.factor
"""

MAIN = """
import sys

import hozon
import utils


@hozon.persistent_cache
def total(x):
    print("RAN")
    return utils.clean(x) + utils.Scaler().scale(x)


print(*(total(int(x)) for x in sys.argv[1:]))
"""


@pytest.fixture
def accepting(project: Any) -> Any:
    project.write("utils.py", UTILS)
    project.write("main.py", MAIN)
    assert project.lines("main.py", "1", "2") == ["RAN", "RAN", "5 10"]
    return project


def hozon(project: Any, *arguments: str, check: bool = True) -> str:
    done = project.run("-m", "hozon._command", *arguments, check=check)
    return str(done.stdout + done.stderr)


def edit(project: Any, old: str, new: str) -> None:
    text = (project.folder / "utils.py").read_text()
    assert text.count(old) == 1
    project.write("utils.py", text.replace(old, new))


def test_an_accepted_edit_gives_the_earlier_results(accepting: Any) -> None:
    edit(accepting, "    return x * RATE", "    print('cleaning')\n    return x * RATE")
    said = hozon(accepting, "accept", "total")
    assert "accepted for total by " in said
    assert "helper clean() changed (utils.py:4)" in said
    assert "+    print('cleaning')" in said
    assert accepting.lines("main.py", "1", "2") == ["5 10"]
    assert accepting.lines("main.py", "1", "2") == ["5 10"]
    # An argument that was never computed is computed.
    assert accepting.lines("main.py", "3") == ["RAN", "cleaning", "15"]


def test_show_and_why_tell_of_it(accepting: Any) -> None:
    edit(accepting, "return x * RATE", "return RATE * x")
    hozon(accepting, "accept", "total")
    accepting.run("main.py", "1")
    shown = json.loads(accepting.run("-m", "hozon._command", "show", "total", "--json").stdout)
    facts = shown["accepted"]
    assert facts["definitions"] == "helper clean() (utils.py:4)"
    assert facts["by"]
    entries = json.loads(hozon(accepting, "ls", "--json"))["entries"]
    assert facts["from"] in [entry["key"] for entry in entries]
    for verb in ("show", "why"):
        said = hozon(accepting, verb, "total")
        assert "it did not run again: " in said
        assert "in spite of helper clean() (utils.py:4)" in said


def test_a_later_edit_is_not_covered(accepting: Any) -> None:
    edit(accepting, "return x * RATE", "return RATE * x")
    hozon(accepting, "accept", "total")
    edit(accepting, "return RATE * x", "return RATE * x + 1")
    assert accepting.lines("main.py", "1") == ["RAN", "6"]


def test_what_the_accepted_code_calls_is_covered_as_it_was(accepting: Any) -> None:
    edit(accepting, "    return x * RATE", "    note(x)\n    return x * RATE")
    edit(accepting, "RATE = 2", "RATE = 2\n\n\ndef note(x):\n    pass")
    hozon(accepting, "accept", "total")
    assert accepting.lines("main.py", "1") == ["5"]
    edit(accepting, "    pass", "    global RATE\n    RATE = 5")
    assert accepting.lines("main.py", "2") == ["RAN", "16"]


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        ("RATE = 2", "RATE = 4", "7"),
        ("factor = 3", "factor = 4", "6"),
        ("x * self.factor", "x * self.factor + 1", "6"),
    ],
)
def test_values_and_other_definitions_are_not_covered(
    accepting: Any, old: str, new: str, result: str
) -> None:
    edit(accepting, "return x * RATE", "return RATE * x")
    hozon(accepting, "accept", "total", "--definition", "clean")
    edit(accepting, old, new)
    assert accepting.lines("main.py", "1") == ["RAN", result]


def test_a_single_definition_can_be_accepted(accepting: Any) -> None:
    edit(accepting, "return x * RATE", "return RATE * x")
    edit(accepting, "return x * self.factor", "return self.factor * x")
    said = hozon(accepting, "accept", "total", "--definition", "clean")
    assert "note: class Scaler changed too and is not accepted" in said
    assert accepting.lines("main.py", "1") == ["RAN", "5"]
    hozon(accepting, "accept", "total", "--revoke")
    hozon(accepting, "clear", "total")


def test_nothing_to_accept_says_why(accepting: Any) -> None:
    assert "on disk as it was when it last ran" in hozon(accepting, "accept", "total", check=False)
    assert "does not reach a definition called cleam" in hozon(
        accepting, "accept", "total", "--definition", "cleam", check=False
    )
    assert "no entry has the name" in hozon(accepting, "accept", "tota", check=False)
    (accepting.folder / "utils.py").rename(accepting.folder / "helpers.py")
    said = hozon(accepting, "accept", "total", check=False)
    assert "no utils.py is found beside the store" in said


def test_two_files_of_one_name_need_a_choice(accepting: Any) -> None:
    edit(accepting, "return x * RATE", "return RATE * x")
    accepting.write("old/utils.py", "def clean(x):\n    return None\n")
    said = hozon(accepting, "accept", "total", check=False)
    assert "several definitions in files called utils.py" in said
    assert "accepted for total" in hozon(
        accepting, "accept", "total", "--file", str(accepting.folder / "utils.py")
    )


def test_list_and_revoke(accepting: Any) -> None:
    assert "nothing is accepted" in hozon(accepting, "accept", "--list")
    edit(accepting, "return x * RATE", "return RATE * x")
    hozon(accepting, "accept", "total")
    assert "total: clean (utils.py:4), accepted by " in hozon(accepting, "accept", "--list")
    assert accepting.lines("main.py", "1") == ["5"]
    assert "1 entry" in hozon(accepting, "accept", "--revoke", "total")
    assert "nothing is accepted" in hozon(accepting, "accept", "--list")
    assert accepting.lines("main.py", "1") == ["RAN", "5"]
    assert "nothing is accepted for total" in hozon(accepting, "accept", "--revoke", "total", check=False)
    assert "was removed by `hozon accept --revoke`" in hozon(accepting, "why", "total")


def test_accept_runs_nothing(accepting: Any) -> None:
    edit(accepting, "RATE = 2", "RATE = 2\nopen('ran', 'w')")
    edit(accepting, "return x * RATE", "return RATE * x")
    hozon(accepting, "accept", "total")
    assert not (accepting.folder / "ran").exists()


def test_a_block_is_accepted_by_its_name(project: Any) -> None:
    text = """
        import hozon
        from hozon import _blocks, _results

        with hozon.cached_context("sums") as block:
            total = 2 + 3
        print(total, block.hit)
        """
    assert project.main(text) == ["5 False"]
    project.write("main.py", text.replace("2 + 3", "3 + 2"))
    said = hozon(project, "accept", "sums")
    assert "the code of body changed (main.py:4)" in said
