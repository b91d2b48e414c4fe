"""Blocks in every place that Python has for a `with` statement: run, and skipped on a hit.

Each script is run twice in fresh processes. `ran` is printed by the bodies. HOZON_TEST_PYTHONS, paths of
other interpreters separated by colons, adds those to the one that runs the tests.
"""

from __future__ import annotations

import os
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import hozon

from ..conftest import Project

PYTHONS = [sys.executable, *filter(None, os.environ.get("HOZON_TEST_PYTHONS", "").split(os.pathsep))]


@pytest.fixture(params=PYTHONS)
def python(request: pytest.FixtureRequest) -> Any:
    return request.param


def twice(project: Project, python: str, text: str, **settings: Any) -> tuple[list[str], list[str]]:
    """What two runs of a script print; `h` is hozon in it."""
    script = "import hozon as h\n" + textwrap.dedent(text)
    package = str(Path(hozon.__file__).parent.parent)
    project.write("main.py", script)
    return tuple(project.lines(python=python, PYTHONPATH=package, **settings) for _ in range(2))  # type: ignore[return-value]


# Each script prints "ran" in its body, and then what it has. Without "ran", both runs print the same.
PLACES = {
    "module": """
        with h.cached_context("n") as block:
            print("ran")
            x = 1
            y = [x]
        print(x, y, block.hit is not None)
    """,
    "function": """
        def f(a):
            with h.cached_context("n") as block:
                print("ran")
                x = a + 1
                y = [x]
            return x, y
        print(f(1))
    """,
    "method": """
        class C:
            def __init__(self): self.a = 1
            def m(self):
                with h.cached_context("n"):
                    print("ran")
                    x = self.a + 1
                return x
        print(C().m())
    """,
    "class body": """
        class C:
            a = 1
            with h.cached_context("n"):
                print("ran")
                b = a + 1
            c = b + 1
        print(C.a, C.b, C.c)
    """,
    "loop": """
        found = []
        for i in range(1):
            with h.cached_context("n"):
                print("ran")
                x = i * 2
            found.append(x)
        print(found)
    """,
    "while in a function": """
        def f():
            i = 0
            while i < 1:
                with h.cached_context("n"):
                    print("ran")
                    j = i + 1
                i = j
            return i
        print(f())
    """,
    "if, elif and else": """
        if True:
            with h.cached_context("n"):
                print("ran"); x = 1
        else:
            x = 2
        print(x)
    """,
    "try around": """
        try:
            with h.cached_context("n"):
                print("ran")
                x = 1
        finally:
            print("finally")
        print(x)
    """,
    "except around, a bare one": """
        try:
            with h.cached_context("n"):
                print("ran")
                x = 1
        except:
            print("caught")
        print(x)
    """,
    "handler": """
        try:
            1 / 0
        except ZeroDivisionError as error:
            with h.cached_context("n"):
                print("ran")
                x = 1
        print(x)
    """,
    "try opens the body": """
        with h.cached_context("n"):
            try:
                print("ran")
                x = 1
            except:
                x = 2
            finally:
                y = 3
        print(x, y)
    """,
    "try opens the body, in a function, as a name": """
        def f():
            with h.cached_context("n") as block:
                try:
                    print("ran")
                    x = int("x")
                except:
                    x = 2
            return x, type(block).__name__
        print(f())
    """,
    "a statement, then try": """
        with h.cached_context("n"):
            print("ran")
            try:
                x = int("3")
            except BaseException:
                x = 2
        print(x)
    """,
    "with opens the body": """
        import contextlib
        with h.cached_context("n"):
            with contextlib.suppress(BaseException):
                print("ran")
                x = 1
        print(x)
    """,
    "loop opens the body": """
        with h.cached_context("n"):
            while True:
                print("ran")
                x = 1
                break
        print(x)
    """,
    "for opens the body": """
        with h.cached_context("n"):
            for i in (1, 2):
                if i == 1:
                    print("ran")
                    continue
                x = i
        print(x, i)
    """,
    "one line": """
        with h.cached_context("n"): print("ran"); x = 1
        print(x)
    """,
    "one line in a function": """
        def f():
            with h.cached_context("n") as block: print("ran"); x = 1
            return x
        print(f())
    """,
    "a manager before": """
        import contextlib
        with contextlib.nullcontext(5) as five, h.cached_context("n") as block:
            print("ran")
            x = five + 1
        print(x, five)
    """,
    "a manager after": """
        import contextlib
        with h.cached_context("n") as block, contextlib.nullcontext(5) as five:
            print("ran")
            x = five + 1
        print(x, five)
    """,
    "managers around, in parentheses, in a function": """
        import contextlib
        class Manager:
            def __enter__(self): print("enter"); return 7
            def __exit__(self, *_): print("exit")
        def f():
            with (
                Manager() as a,
                h.cached_context("n") as block,
                Manager() as b,
            ):
                print("ran")
                x = a + b
            return x, a, b
        print(f())
    """,
    "a manager after that swallows everything": """
        import contextlib
        def f():
            with h.cached_context("n"), contextlib.suppress(Exception):
                print("ran")
                x = 1
            return x
        print(f())
    """,
    "parentheses around one": """
        with (h.cached_context("n")):
            print("ran")
            x = 1
        print(x)
    """,
    "the call over several lines": """
        with h.cached_context(
            "n",
            ttl="1d",
        ) as block:
            print("ran")
            x = 1
        print(x)
    """,
    "made before": """
        made = h.cached_context("n")
        with made:
            print("ran")
            x = 1
        print(x)
    """,
    "persistent_cache": """
        with h.persistent_cache("n") as block:
            print("ran")
            x = 1
        print(x, type(block).__name__)
    """,
    "nested": """
        with h.cached_context("outer"):
            print("ran")
            with h.cached_context("inner") as inner:
                print("ran")
                x = 1
            y = x + 1
        print(x, y)
    """,
    "nested in a function": """
        def f():
            with h.cached_context("outer"):
                print("ran")
                with h.cached_context("inner"):
                    print("ran")
                    x = 1
                y = x + 1
            return x, y
        print(f())
    """,
    "inside a generator": """
        def f():
            yield 1
            with h.cached_context("n"):
                print("ran")
                x = 2
            yield x
        print(list(f()))
    """,
    "inside a coroutine, with await": """
        import asyncio
        async def f():
            with h.cached_context("n"):
                await asyncio.sleep(0)
                print("ran")
                x = await g()
            return x
        async def g(): return 5
        print(asyncio.run(f()))
    """,
    "inside an asynchronous generator": """
        import asyncio
        async def f():
            yield 1
            with h.cached_context("n"):
                await asyncio.sleep(0)
                print("ran")
                x = 2
            yield x
        async def main(): return [item async for item in f()]
        print(asyncio.run(main()))
    """,
    "inside a decorated context": """
        import contextlib
        @contextlib.contextmanager
        def context():
            with h.cached_context("n"):
                print("ran")
                x = 2
            yield x
        with context() as x:
            print(x)
    """,
    "nested function": """
        def outer(a):
            def inner(b):
                with h.cached_context("n"):
                    print("ran")
                    x = a + b
                return x
            return inner
        print(outer(1)(2))
    """,
    "match": """
        match 3:
            case 3:
                with h.cached_context("n"):
                    print("ran")
                    x = 1
        print(x)
    """,
    "recursion": """
        def f(n):
            with h.cached_context("n"):
                if n == 1: print("ran")
                below = f(n - 1) if n else 0
                x = below + n
            return x
        print(f(1))
    """,
    # What `as` binds.
    "as an attribute": """
        class Place: pass
        place = Place()
        with h.cached_context("n") as place.block:
            print("ran")
            x = 1
        print(x, type(place.block).__name__)
    """,
    "as an item": """
        places = {}
        with h.cached_context("n") as places["block"]:
            print("ran")
            x = 1
        print(x, list(places))
    """,
    "as a global": """
        def f():
            global block
            with h.cached_context("n") as block:
                print("ran")
                x = 1
            return x
        print(f(), type(block).__name__)
    """,
    "as a nonlocal": """
        def f():
            block = None
            def g():
                nonlocal block
                with h.cached_context("n") as block:
                    print("ran")
                    x = 1
                return x
            return g(), type(block).__name__
        print(f())
    """,
    "as a name that a closure holds": """
        def f():
            with h.cached_context("n") as block:
                print("ran")
                x = 1
            return x, (lambda: type(block).__name__)()
        print(f())
    """,
    "as in a class body": """
        class C:
            with h.cached_context("n") as block:
                print("ran")
                x = 1
        print(C.x, type(C.block).__name__)
    """,
    # What the body binds.
    "global": """
        def f():
            global g
            with h.cached_context("n"):
                print("ran")
                g = 5
        f()
        print(g)
    """,
    "nonlocal": """
        def f():
            x = 1
            def g():
                nonlocal x
                with h.cached_context("n"):
                    print("ran")
                    x = 5
            g()
            return x
        print(f())
    """,
    "a name that a closure holds": """
        def f():
            with h.cached_context("n"):
                print("ran")
                x = 5
            return (lambda: x)()
        print(f())
    """,
    "bound on one path only": """
        def f(flag):
            with h.cached_context("n"):
                print("ran") if flag is None else None
                y = 1
                if flag:
                    x = 1
            return sorted(name for name in locals() if name != "flag")
        print(f(True), f(False)); f(None)
    """,
    "bound on one path, bound before": """
        x = "before"
        with h.cached_context("n"):
            print("ran")
            if not x:
                x = "body"
        print(x)
    """,
    "deleted": """
        x = y = 1
        with h.cached_context("n"):
            print("ran")
            y = x + 1
            del x
        print("x" in globals(), y)
    """,
    "made and deleted": """
        with h.cached_context("n"):
            print("ran")
            t = 1
            x = t + 1
            del t
        print("t" in globals(), x)
    """,
    "augmented": """
        total = 5
        def f():
            count = 1
            with h.cached_context("m"):
                print("ran")
                count += 1
            return count
        with h.cached_context("n"):
            print("ran")
            total += 1
        print(total, f())
    """,
    "imports": """
        with h.cached_context("n"):
            print("ran")
            import json
            import os.path as p
            from math import pi, sqrt
            x = json.dumps([1])
        print(x, json.dumps([2]), p.basename("a/b"), pi, sqrt(4))
    """,
    "walrus": """
        with h.cached_context("n"):
            print("ran")
            found = [last := i for i in range(3)]
            if (big := 10) > 5:
                y = big
        print(found, last, big, y, "i" in globals())
    """,
    "unpacking, starred, loop variables, except and with targets": """
        import contextlib
        with h.cached_context("n"):
            print("ran")
            a, (b, *c) = 1, (2, 3, 4)
            for i, j in [(5, 6)]: pass
            with contextlib.nullcontext(7) as k: pass
            try: 1 / 0
            except ZeroDivisionError as e: z = str(e)
            d: int = 8
        print(a, b, c, i, j, k, d, z, "e" in globals())
    """,
    "match captures": """
        with h.cached_context("n"):
            print("ran")
            match {"a": [1, 2, 3], "b": 4}:
                case {"a": [first, *others], **rest}: pass
        print(first, others, rest)
    """,
    "shared objects stay shared": """
        with h.cached_context("n"):
            print("ran")
            a = [1]
            b = {"a": a}
        a.append(2)
        print(b)
    """,
    "nothing bound": """
        with h.cached_context("n"):
            print("ran")
        print("end")
    """,
    "a cached function called inside": """
        @h.persistent_cache
        def f(x): return x * 2
        with h.cached_context("n"):
            print("ran")
            x = f(3)
        print(x)
    """,
    "exec made a module's names": """
        exec("base = 4")
        with h.cached_context("n"):
            print("ran")
            x = base + 1
        print(x)
    """,
    "an instance of a class of the script": """
        class Point:
            def __init__(self, x): self.x = x
        with h.cached_context("n"):
            print("ran")
            p = Point(3)
        print(p.x, type(p) is Point)
    """,
}


@pytest.mark.parametrize("place", PLACES)
def test_a_body_is_skipped_on_a_hit(project: Project, python: str, place: str) -> None:
    first, second = twice(project, python, PLACES[place])
    assert "ran" in first
    assert "ran" not in second
    assert second == [line for line in first if line != "ran"]


def test_many_rounds_of_a_loop(project: Project, python: str) -> None:
    text = """
        found = []
        for _ in range(2):
            for i in range(3):
                with h.cached_context("n") as block:
                    print("ran", i)
                    x = i * 2
                found.append((x, block.hit))
        print(found)
    """
    first, second = twice(project, python, text)
    assert first[:3] == ["ran 0", "ran 1", "ran 2"]
    assert first[3] == str([(0, False), (2, False), (4, False), (0, True), (2, True), (4, True)])
    assert second == [str([(0, True), (2, True), (4, True)] * 2)]


def test_threads_and_tasks_side_by_side(project: Project, python: str) -> None:
    """Skipping one frame's body leaves the same code in other frames alone."""
    text = """
        import threading, asyncio
        def f(n):
            with h.cached_context("n") as block:
                x = n * 2
            return x, block.hit
        async def g(n):
            with h.cached_context("n") as block:
                await asyncio.sleep(0.001)
                x = n * 2
            return x
        f(1)
        found = {}
        threads = [threading.Thread(target=lambda n=n: found.setdefault(n, f(n % 4)[0])) for n in range(16)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        async def main(): return await asyncio.gather(*(g(n % 4) for n in range(16)))
        print([found[n] for n in range(16)] == asyncio.run(main()) == [n % 4 * 2 for n in range(16)])
    """
    assert twice(project, python, text) == (["True"], ["True"])


def test_what_a_block_tells(project: Project, python: str) -> None:
    text = """
        import time
        def f(a):
            with h.cached_context("n") as block:
                time.sleep(0.02)
                x = a
            return block
        block, again, other = f(1), f(1), f(2)
        print(block.hit, again.hit, block.key == again.key != other.key, len(block.key))
        print(block.saved_seconds, 0.02 <= again.saved_seconds < 5)
        print(again.explain(), repr(again)[:26])
        print(other.explain())
    """
    first, second = twice(project, python, text)
    assert first[:3] == ["False True True 64", "0.0 True", "hit <hozon block 'n', hit, key"]
    assert second[:2] == ["True True True 64", first[1].replace("0.0 ", second[1].split()[0] + " ")]


def test_disabled(project: Project, python: str) -> None:
    text = """
        def f():
            with h.cached_context("n") as block:
                print("ran")
                x = 1
            return x, block.hit, block.key, block.explain()
        print(f())
    """
    expected = ["ran", "(1, False, '', 'caching is off')"]
    assert twice(project, python, text, HOZON_DISABLE="1") == (expected, expected)


def test_two_blocks_on_one_line_and_two_alike(project: Project, python: str) -> None:
    text = """
        def f():
            with h.cached_context("a") as a, h.cached_context("b") as b:
                print("ran")
                x = 1
            return x, a.hit, b.hit
        for _ in range(2):
            with h.cached_context("same") as block:
                y = 1
        with h.cached_context("same") as third:
            y = 1
        print(f(), block.hit, third.hit)
    """
    first, second = twice(project, python, text)
    assert first == ["ran", "(1, False, False) True True"]
    assert second == ["(1, True, True) True True"]


def test_a_local_that_is_deleted(project: Project, python: str) -> None:
    """From Python 3.12 on nothing can delete a function's name from outside: run, and warned of."""
    text = """
        import sys, warnings
        warnings.simplefilter("error")
        def f():
            a = b = 1
            with h.cached_context("m"):
                print("ran")
                b = a + 1
                del a
            return sorted(locals())
        if sys.version_info >= (3, 12):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                print(f(), f(), ["`a`" in str(warning.message) for warning in caught])
        else:
            print(f(), f())
    """
    first, second = twice(project, python, text)
    if first[-1].endswith("[True]"):
        assert first == second == ["ran", "ran", "['b'] ['b'] [True]"]
    else:
        assert (first, second) == (["ran", "['b'] ['b']"], ["['b'] ['b']"])
