"""Blocks: what an edit must recompute, and what it must not."""

from __future__ import annotations

import textwrap

import pytest

from ..conftest import Project

BASE = """
import hozon

RATE = 2

def helper(x):
    return x * RATE

def unrelated():
    return 1

with hozon.cached_context("n") as block:
    x = helper(3)
    y = [i for i in range(x)]
print(block.hit, x, y)
"""

IN_FUNCTION = """
import hozon

RATE = 2

def helper(x):
    return x * RATE

def unrelated():
    return 1

def f(a, unread):
    with hozon.cached_context("n") as block:
        x = helper(a)
        y = [i for i in range(x)]
    return block.hit, x, y

print(*f(3, 0))
"""

RECOMPUTE = {
    "body": ("y = [i for", "y = [-i for"),
    "a constant of the body": ("range(x)", "range(x + 1)"),
    "helper": ("return x * RATE", "return x + RATE"),
    "a global that the helper reads": ("RATE = 2", "RATE = 3"),
    "its type": ("RATE = 2", "RATE = 2.0\nrange = lambda x: (1,)"),
    "a name that was built in": ("RATE = 2", "RATE = 2\nrange = lambda x: (1,)"),
    "the block's name": ('"n"', '"m"'),
}

MUST_HIT = {
    "nothing": ("", ""),
    "comment in the body": ("y = [i", "# why\n    y = [i"),
    "formatting": ("helper(3)", "helper( 3 )"),
    "unrelated code": ("    return 1", "    return 2"),
    "moved in the file": ("RATE = 2", "\n\n\nRATE = 2"),
    "the name of `as`": ("block", "other"),
    "another manager beside it": ("with hozon", "import contextlib\nwith contextlib.suppress(), hozon"),
}


def outcome(project: Project, base: str, edit: tuple[str, str]) -> tuple[str, str]:
    assert edit[0] in base
    project.main(base)
    edited = base.replace(*edit) if edit[0] else base
    expected = project.main(edited, HOZON_DISABLE="1")[0]
    found = project.main(edited)[0]
    return found, expected


@pytest.mark.parametrize("edit", RECOMPUTE)
def test_must_recompute(project: Project, edit: str) -> None:
    found, expected = outcome(project, BASE, RECOMPUTE[edit])
    assert found == expected
    assert found.startswith("False")


@pytest.mark.parametrize("edit", MUST_HIT)
def test_must_hit(project: Project, edit: str) -> None:
    found, expected = outcome(project, BASE, MUST_HIT[edit])
    assert found == expected.replace("False", "True")


@pytest.mark.parametrize(
    "edit",
    [
        ("f(3, 0)", "f(4, 0)"),
        ("f(3, 0)", "f(True, 0)"),
        ("helper(a)", "helper(a + 1)"),
        ("RATE = 2", "RATE = 3"),
    ],
    ids=str,
)
def test_must_recompute_in_a_function(project: Project, edit: tuple[str, str]) -> None:
    found, expected = outcome(project, IN_FUNCTION, edit)
    assert found == expected
    assert found.startswith("False")


@pytest.mark.parametrize(
    "edit",
    [
        ("f(3, 0)", "f(3, 1)"),
        ("f(3, 0)", "f(3, object())"),
        ("unread", "renamed"),
        ("def f(", "def g(): pass\n\ndef f("),
        ("    return block.hit", "    other = 5\n    return block.hit"),
    ],
    ids=str,
)
def test_must_hit_in_a_function(project: Project, edit: tuple[str, str]) -> None:
    found, expected = outcome(project, IN_FUNCTION, edit)
    assert found == expected.replace("False", "True")


def test_what_the_body_reads_from_an_earlier_block(project: Project) -> None:
    base = textwrap.dedent(
        """
        import hozon
        with hozon.cached_context("one") as one:
            x = 1 + 1
        with hozon.cached_context("two") as two:
            y = x * 10
        print(one.hit, two.hit, y)
        """
    )
    assert project.main(base) == ["False False 20"]
    assert project.main(base) == ["True True 20"]
    assert project.main(base.replace("1 + 1", "2 * 1")) == ["False True 20"]
    assert project.main(base.replace("1 + 1", "1 + 2")) == ["False False 30"]


def test_a_name_that_the_body_may_not_bind_counts_with_its_earlier_value(project: Project) -> None:
    base = textwrap.dedent(
        """
        import hozon
        x = 1
        flag = False
        with hozon.cached_context("n") as block:
            if flag:
                x = 5
            y = 0
        print(block.hit, x, y)
        """
    )
    assert project.main(base) == ["False 1 0"]
    assert project.main(base.replace("x = 1", "x = 2"))[0].endswith(" 2 0")
    assert project.main(
        base.replace("x = 1\n", "").replace("print(block.hit, x, y)", "print('x' in globals())")
    ) == ["False"]


def test_a_name_that_stays_is_the_very_object_and_needs_no_digest(project: Project) -> None:
    base = textwrap.dedent(
        """
        import hozon
        def f(flag, x):
            with hozon.cached_context("n") as block:
                if flag:
                    x = 5
                y = 0
            return block.hit, x
        mine = object()
        print(f(False, mine) == (False, mine), f(False, mine) == (True, mine), f(True, mine)[1], f(True, 5), f(True, 7)[1])
        """
    )
    assert project.main(base) == ["True True 5 (False, 5) 5"]
    assert project.main(base) == ["False True 5 (True, 5) 5"]
