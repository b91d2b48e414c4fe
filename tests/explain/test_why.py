"""`hozon why`: by name, function, file and line, and for a whole session; what was removed or never stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

UTILS = """
def clean(x):
    return x + 1


@str
def decorated(x):
    return x


def other(x):
    return x
"""

MAIN = """
import sys
import hozon
import utils

LIMIT = 3


@hozon.persistent_cache
def total(x):
    return utils.clean(x) + LIMIT


class Model:
    def __init__(self, rate):
        self.rate = rate

    @hozon.persistent_cache
    def fit(self, x):
        return x * self.rate


@hozon.persistent_cache
def report(x):
    return utils.clean(x) * 2


for number in range(1, 4):
    total(number)
report(1)
Model(2).fit(1)
with hozon.cached_context("sums") as block:
    numbers = [utils.other(1)]
    length = len(numbers)
"""


@pytest.fixture
def ran(project: Any) -> Any:
    project.write("utils.py", UTILS)
    project.write("main.py", MAIN)
    project.run()
    return project


def why(project: Any, *arguments: str, check: bool = True) -> str:
    done = project.run("-m", "hozon._command", "why", *arguments, check=check)
    return str(done.stdout + done.stderr)


def asjson(project: Any, *arguments: str) -> Any:
    return json.loads(project.run("-m", "hozon._command", "why", *arguments, "--json").stdout)


def edit(project: Any, name: str, old: str, new: str) -> None:
    text = (project.folder / name).read_text()
    assert text.count(old) == 1
    project.write(name, text.replace(old, new))


def test_a_cascade_is_one_cause(ran: Any) -> None:
    edit(ran, "utils.py", "return x + 1", "return 1 + x")
    ran.run()
    said = why(ran)
    assert "4 ran because of 1 change: helper clean() changed (utils.py:1)\n  in report, total (3)\n" in said
    assert "-    return x + 1\n  +    return 1 + x" in said
    assert "4 computations ran" in said
    told = asjson(ran)
    assert (told["scope"], told["ran"], len(told["groups"])) == ("last session", 4, 1)
    group = told["groups"][0]
    assert (group["cause"], len(group["computations"])) == ("changed", 4)
    assert group["changes"][0]["label"] == "clean"
    assert all(one["nearest"] for one in group["computations"])


def test_several_causes_are_told_apart(ran: Any) -> None:
    edit(ran, "utils.py", "return x + 1", "return 1 + x")
    edit(ran, "main.py", "LIMIT = 3", "LIMIT = 4")
    ran.run()
    said = why(ran)
    assert (
        "3 ran because of 2 changes:\n  helper clean() changed (utils.py:1)\n  LIMIT: 3 → 4\n  in total (3)"
        in said
    )
    assert "1 ran because of 1 change: helper clean() changed (utils.py:1)\n  in report" in said


def test_a_first_session_is_all_first_runs(ran: Any) -> None:
    assert "6 ran for the first time\n  in Model.fit, report, sums, total (3)\n" in why(ran)


def test_new_arguments_are_one_cause(ran: Any) -> None:
    edit(ran, "main.py", "range(1, 4)", "range(1, 6)")
    ran.run()
    assert "2 ran because of 1 change: argument x changed\n  in total (2)" in why(ran)


def test_the_same_arguments_are_nearest(ran: Any) -> None:
    edit(ran, "main.py", "LIMIT = 3", "LIMIT = 4")
    edit(ran, "utils.py", "return x + 1", "return 1 + x")
    ran.run()
    changes = asjson(ran, "total")["changes"]
    assert sorted(change["label"] for change in changes) == ["LIMIT", "clean"]


@pytest.mark.parametrize("word", ["clean", "utils.clean", "utils.py:1", "utils.py:2", "utils.py"])
def test_what_reaches_a_helper_is_found(ran: Any, word: str) -> None:
    if word == "utils.py":
        edit(ran, "main.py", "utils.other(1)", "1")
        ran.run()
        ran.run("-m", "hozon._command", "clear", "sums")
    said = why(ran, word)
    assert said.startswith(f"4 computations reach {word}\n")
    assert "report, total (3)" in said
    assert len(asjson(ran, word)["groups"][0]["computations"]) == 4


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("main.py:8", "total"),
        ("main.py:10", "total"),
        ("main.py:19", "Model.fit"),
        ("main.py:32", "sums"),
        ("other", "sums"),
    ],
)
def test_a_line_means_the_definition_that_holds_it(ran: Any, word: str, names: str) -> None:
    found = {one["name"] for group in asjson(ran, word)["groups"] for one in group["computations"]}
    assert found == {names}


def test_a_line_is_one_of_the_file_as_it_is_now(ran: Any) -> None:
    text = (ran.folder / "utils.py").read_text()
    ran.write("utils.py", "# one\n# two\n# three\n" + text)
    assert "4 computations reach utils.py:5" in why(ran, "utils.py:5")
    (ran.folder / "utils.py").unlink()
    assert "4 computations reach utils.py:2" in why(ran, "utils.py:2")


def test_what_nothing_reaches_is_told(ran: Any) -> None:
    for word in ("nobody.py", "utils.py:6", "cleam"):
        done = ran.run("-m", "hozon._command", "why", word, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert "no entry has the name or the key" in done.stderr


def test_what_was_removed_is_told_with_the_hand_that_did_it(ran: Any) -> None:
    ran.run("-m", "hozon._command", "clear", "total")
    assert "its stored result was removed by `hozon clear` " in why(ran, "total")
    ran.run()
    said = why(ran)
    assert "3 ran because their stored results were removed by `hozon clear` " in said
    assert "its stored result was removed by `hozon clear` " in why(ran, "total")
    assert asjson(ran, "total")["cause"] == "removed"


CASES = [
    (
        "def f(x):\n    next(x)\n    return 1\nf(iter([1, 2]))",
        "",
        "it changes an input in place, and a hit could not: `x`: a change of a list_iterator cannot be repeated",
    ),
    (
        "def f(x):\n    return (i for i in [1])\nf(1)",
        "",
        "it cannot be stored (TypeError: cannot pickle 'generator' object)",
    ),
    ("def f(x):\n    return 1\nf(1)", "(when=lambda result, seconds: False)", "its `when` said no"),
    (
        "def f(x):\n    raise KeyError('secret')\ntry:\n    f(1)\nexcept KeyError:\n    pass",
        "",
        "it raised KeyError",
    ),
]


@pytest.mark.parametrize(("code", "parameters", "reason"), CASES)
def test_what_was_never_stored_is_told_with_the_reason(
    project: Any, code: str, parameters: str, reason: str
) -> None:
    text = f"import hozon\n@hozon.persistent_cache{parameters}\n{code}\n"
    project.write("main.py", text)
    project.run()
    assert f"its result was not stored: {reason}\n" in why(project, "f")
    assert f"1 ran and was not stored: {reason}\n  in f\n" in why(project)
    assert asjson(project, "f")["cause"] == "never_stored"
    assert asjson(project)["not_stored"][0]["why"] == reason
    if "next(x)" not in code:
        project.write("main.py", text + "print(f.cache_explain(1))\n")
        assert "it ran before, just now, and its result was not stored" in project.run().stdout


def test_a_result_beyond_its_ttl_is_told(project: Any) -> None:
    project.write(
        "main.py",
        """
        import hozon, time

        @hozon.persistent_cache(ttl=0.01)
        def f(x):
            return x

        f(1)
        time.sleep(0.05)
        f.__closure__[0].cell_contents.front.clear()
        f(1)
        """,
    )
    project.run()
    assert "removed because it was older than its ttl" in why(project, "f")


def test_a_session_of_hits_alone_is_told(ran: Any) -> None:
    ran.run()
    assert "6 computations ran" in why(ran)
    assert "results were used since then" in why(ran)


def test_without_an_index_nothing_is_guessed(ran: Any) -> None:
    for path in (ran.store / "v1").glob("index.db*"):
        path.unlink()
    assert "no run is remembered here" in why(ran, check=False)
    assert "ran just now" in why(ran, "report") or "second" in why(ran, "report")


def test_cache_explain_and_block_explain_use_the_same_words(ran: Any) -> None:
    edit(ran, "utils.py", "return x + 1", "return 1 + x")
    text = (ran.folder / "main.py").read_text()
    ran.write("main.py", text.replace("for number", "print(total.cache_explain(1))\nfor number"))
    said = ran.run().stdout
    assert (
        "helper clean() changed (utils.py:1)\n\nclean:\n   def clean(x):\n  -    return x + 1\n  +    return 1 + x"
        in said
    )


def test_what_read_a_file_is_explained_with_its_session(project: Any) -> None:
    project.write("numbers.txt", "1")
    body = "    with open('numbers.txt') as file:\n        return int(file.read())\n"
    project.write("main.py", f"import hozon\n\n\n@hozon.persistent_cache\ndef total():\n{body}\n\ntotal()\n")
    project.run()
    project.write("numbers.txt", "22")
    project.run()
    assert "1 ran because of 1 change: numbers.txt changed\n  in total\n" in why(project)
