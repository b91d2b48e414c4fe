"""Blocks that cannot be cached say so at their first run; what cannot be stored is warned of once."""

from __future__ import annotations

import contextlib
import textwrap
from typing import Any

import pytest

import hozon

from ..conftest import Project

pytestmark = pytest.mark.usefixtures("fresh")


@pytest.mark.parametrize("word", ["return", "break", "continue", "yield"])
@pytest.mark.parametrize("manager", ["cached_context", "persistent_cache"])
def test_bodies_that_leave_are_refused_before_they_run(project: Project, word: str, manager: str) -> None:
    leave = {"return": "return 1", "yield": "yield 1"}.get(word, word)
    printed = project.main(
        f"""
        import hozon
        def f():
            for _ in range(2):
                with hozon.{manager}("n"):
                    print("ran")
                    if True:
                        {leave}
        try:
            for _ in f() or (): pass
        except hozon.BlockError as error:
            print(error)
        """
    )
    assert len(printed) == 1
    assert f"line 7 leaves its body by `{word}`" in printed[0]


def test_loops_and_functions_inside_the_body_may_leave_themselves(runs: Any) -> None:
    def f() -> Any:
        with hozon.cached_context("inner jumps"):
            runs.add()
            for i in range(5):
                if i == 1:
                    continue
                if i == 3:
                    break
            x = [(lambda: i)() for i in range(2)]
        return i, x

    assert f() == f() == (3, [0, 1])
    assert len(runs) == 1


def test_code_made_by_exec_is_refused() -> None:
    code = "import hozon\nwith hozon.cached_context('n'):\n    raise AssertionError('ran')\n"
    with pytest.raises(hozon.BlockError, match="made by exec"):
        exec(code, {"__name__": "made"})


def test_an_exit_stack_is_refused() -> None:
    def entered() -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(hozon.cached_context("n"))
            raise AssertionError("ran")

    with pytest.raises(hozon.BlockError, match="ExitStack"):
        entered()


def test_a_call_by_hand_is_refused() -> None:
    manager = hozon.cached_context("n")
    with pytest.raises(hozon.BlockError, match="by hand"):
        manager.__enter__()


@pytest.mark.parametrize("manager", ["cached_context", "persistent_cache"])
def test_a_block_without_positions_is_refused(project: Project, manager: str) -> None:
    project.write("main.py", f"import hozon\nwith hozon.{manager}('n'):\n    print('ran')\n")
    done = project.run(options=("-X", "no_debug_ranges"), check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "BlockError" in done.stderr
    assert "no_debug_ranges" in done.stderr


def test_async_with_is_refused(project: Project) -> None:
    import asyncio

    async def f() -> None:
        async with hozon.cached_context("n"):  # type: ignore[attr-defined]
            pass

    with pytest.raises((TypeError, AttributeError)):
        asyncio.run(f())


@pytest.mark.parametrize("name", [5, None, b"n"])
def test_names_that_are_no_text(name: Any) -> None:
    with pytest.raises(TypeError, match="name must be a str"):
        hozon.cached_context(name)


def test_empty_and_missing_names() -> None:
    with pytest.raises(ValueError, match="empty"):
        hozon.cached_context("")
    with pytest.raises(TypeError, match="a block needs a name"), hozon.persistent_cache(ttl=5):
        raise AssertionError("ran")


@pytest.mark.parametrize("parameter", ["ignore", "cache_exceptions"])
def test_parameters_of_functions_alone_are_refused(parameter: str) -> None:
    value: Any = {"ignore": ["x"], "cache_exceptions": True}[parameter]
    with pytest.raises(TypeError, match=parameter), hozon.persistent_cache("n", **{parameter: value}):
        raise AssertionError("ran")


@pytest.mark.parametrize(
    "name", ["snow ☃", "a/b\\c", "..", "x" * 10_000, "new\nline", "nul\0", "\ud800"], ids=ascii
)
def test_names_of_any_characters(runs: Any, name: str) -> None:
    def f() -> int:
        with hozon.cached_context(name):
            runs.add()
            x = 1
        return x

    assert [f(), f()] == [1, 1]
    assert len(runs) == 1


def test_the_name_is_part_of_the_key(runs: Any) -> None:
    def f(name: str) -> str:
        with hozon.cached_context(name) as block:
            runs.add()
        return block.key

    assert f("one") == f("one") != f("two")
    assert len(runs) == 2


def test_exceptions_pass_as_they_are_and_nothing_is_stored(runs: Any) -> None:
    error = ValueError("mine")

    def f() -> None:
        with hozon.cached_context("n"):
            runs.add()
            raise error

    for _ in range(2):
        with pytest.raises(ValueError) as raised:
            f()
        assert raised.value is error
        assert raised.value.__cause__ is raised.value.__context__ is None
    assert len(runs) == 2


def test_a_suppressing_manager_beside_a_failing_body(runs: Any) -> None:
    def f() -> str:
        x = "before"
        with contextlib.suppress(KeyError), hozon.cached_context("n"):
            runs.add()
            x = {}["missing"]
        return x

    assert [f(), f()] == ["before", "before"]
    assert len(runs) == 2


@pytest.mark.parametrize(
    "definition",
    ["def made(): pass", "class made: pass", "class made:\n  def m(self): pass", "made = lambda: 1"],
)
def test_a_body_that_defines_code_is_run_and_warned_of(project: Project, definition: str) -> None:
    body = textwrap.indent(definition, "    ")
    project.write(
        "main.py",
        f"import hozon\nfor _ in range(2):\n  with hozon.cached_context('n') as block:\n{body}\n    x = 1\n"
        "  print(block.hit, made.__name__, x)\n",
    )
    for _ in range(2):
        done = project.run()
        assert [line.split()[0] for line in done.stdout.splitlines()] == ["False", "False"]
        assert done.stderr.count("`made` is defined in the block") == 1


def test_what_cannot_be_stored_stays_bound(runs: Any) -> None:
    def f() -> Any:
        with hozon.cached_context("n"):
            runs.add()
            x = (number for number in range(3))
            y = 1
        return list(x), y

    with pytest.warns(hozon.HozonWarning, match="cannot be stored"):
        assert f() == ([0, 1, 2], 1)
    assert f() == ([0, 1, 2], 1)
    assert len(runs) == 2


def test_an_input_changed_in_place_is_changed_again(runs: Any) -> None:
    def f(items: list[int]) -> list[int]:
        with hozon.cached_context("n"):
            runs.add()
            items.append(1)
            x = len(items)
        return [*items, x]

    assert f([0]) == [0, 1, 2]
    assert f([0]) == [0, 1, 2]
    assert len(runs) == 1


def test_a_local_without_a_digest_is_named() -> None:
    def f(numbers: Any) -> Any:
        with hozon.cached_context("n"):
            x = list(numbers)
        return x

    with pytest.raises(hozon.UndigestibleError, match="numbers") as raised:
        f(number for number in range(3))
    assert raised.value.name == "numbers"


def test_a_fault_in_when_loses_nothing(runs: Any) -> None:
    def f() -> int:
        with hozon.cached_context("n", when=lambda names, seconds: 1 / 0):
            runs.add()
            x = 1
        return x

    with pytest.warns(hozon.HozonWarning, match="`when`"):
        assert f() == 1
    assert f() == 1
    assert len(runs) == 2


def test_when_and_ttl(runs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    def f(a: int) -> int:
        with hozon.cached_context("n", when=lambda names, seconds: names["x"] > 1, ttl=60):
            runs.add(a)
            x = a
        return x

    assert [f(1), f(1), f(2), f(2)] == [1, 1, 2, 2]
    assert runs.items == [1, 1, 2]
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert f(2) == 2
    assert runs.items == [1, 1, 2, 2]
