"""Values that are hostile, huge or deep: a clear error or a result, never a crash."""

from __future__ import annotations

import pytest

from ..conftest import Project

HOSTILE = [
    "__getattr__",
    "__eq__",
    "__len__",
    "__bool__",
    "__hash__",
    "__str__",
    "__repr__",
    "__iter__",
    "__contains__",
]


@pytest.mark.parametrize("method", HOSTILE)
def test_a_class_that_raises(project: Project, method: str) -> None:
    text = f"""
        import hozon
        class Hostile:
            y = 1
            def {method}(self, *arguments):
                if arguments[:1] and str(arguments[0]).startswith("__"):
                    raise AttributeError(arguments[0])
                raise RuntimeError("hostile")
        @hozon.persistent_cache
        def f(x, z):
            print("RAN")
            return x
        a = Hostile()
        print(type(f(a, [a])).__name__, type(f(a, {{"a": a}})).__name__)
        """
    assert project.main(text) == ["RAN", "RAN", "Hostile Hostile"]
    assert project.main(text) == ["Hostile Hostile"]


@pytest.mark.parametrize("method", ["__reduce__", "__reduce_ex__", "__getstate__"])
def test_a_class_that_refuses_to_be_taken_apart(project: Project, method: str) -> None:
    text = f"""
        import hozon
        class Hostile:
            def refuse(self, *arguments): raise RuntimeError("hostile")
        Hostile.{method} = Hostile.refuse
        @hozon.persistent_cache
        def f(x):
            return 1
        try:
            print(f(Hostile()))
        except hozon.UndigestibleError as error:
            # What the person's class says may hold values: it is not repeated.
            print("x" in str(error), "hostile" not in str(error))
        @hozon.persistent_cache
        def g():
            return Hostile()
        print(isinstance(g(), object))
        """
    assert project.main(text)[0] in ("True True", "1")


DEEP = {
    "list": "x = [x]",
    "tuple": "x = (x,)",
    "dict": "x = {'a': x}",
    "dict's key": "x = (frozenset([x]),)",
    "object": "a = A(); a.y = x; x = a",
    "slotted object": "a = S(); a.y = x; x = a",
    "exception's cause": "e = ValueError(); e.__cause__ = x if isinstance(x, ValueError) else None; x = e",
    "exception's argument": "x = ValueError(x)",
    "partial": "x = functools.partial(print, x)",
    "closure": "x = (lambda y: lambda: y)(x)",
    "deque": "x = collections.deque([x])",
    "method": "a = A(); a.y = x; x = a.go",
}


@pytest.mark.parametrize("where", ["argument", "global", "result"])
@pytest.mark.parametrize("kind", DEEP)
def test_a_value_100_000_deep(project: Project, kind: str, where: str) -> None:
    parameter, argument = ("x", "x") if where == "argument" else ("", "")
    result = {"argument": "1", "global": "len([x])", "result": "make()"}[where]
    text = f"""
        import collections, functools, os, sys, warnings
        import hozon
        warnings.simplefilter("ignore")
        class A:
            def go(self): pass
        class S:
            __slots__ = ("y",)
        def make():
            x = 1
            for _ in range(100_000):
                {DEEP[kind]}
            return x
        x = make() if {where!r} != "result" else 1
        @hozon.persistent_cache
        def f({parameter}):
            return {result}
        try:
            y = f({argument})
            print("result")
        except hozon.UndigestibleError as error:
            assert len(str(error)) < 2000, len(str(error))
            print("refused:", error)
        sys.stdout.flush()
        # Python itself may not take such a value apart without a fault of its own.
        os._exit(0)
        """
    (line,) = project.main(text)
    assert line.startswith(("result", "refused:"))


@pytest.mark.parametrize(
    "made", ["list(range(5_000_000))", "[[]] * 5_000_000", "dict.fromkeys(range(2_500_000))"]
)
def test_a_value_of_millions_of_nodes(project: Project, made: str) -> None:
    # What is quicker to make than to read back would not be stored.
    text = f"""
        import time
        import hozon
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            time.sleep(1)
            return len(x), x
        print(f({made})[0])
        """
    assert project.main(text)[0] == "RAN"
    assert project.main(text)[0] != "RAN"


def test_objects_in_a_dense_knot_are_refused_and_not_walked_for_ever(project: Project) -> None:
    text = """
        import hozon
        class Node: pass
        nodes = [Node() for _ in range(20)]
        for node in nodes:
            node.others = list(nodes)
        @hozon.persistent_cache
        def f(x): return 1
        try:
            f(nodes[0])
        except hozon.UndigestibleError as error:
            print("refer to each other" in str(error))
        """
    assert project.main(text) == ["True"]


def test_long_chains_of_objects_that_refer_back_are_no_knot(project: Project) -> None:
    text = """
        import hozon
        class Node: pass
        nodes = [Node() for _ in range(50_000)]
        for place, node in enumerate(nodes):
            node.partner = pair = Node()
            pair.partner = node
        @hozon.persistent_cache
        def f(x): return len(x)
        print(f(nodes))
        """
    assert project.main(text) == ["50000"]


def test_axes_of_matplotlib_are_refused_at_once(project: Project) -> None:
    pytest.importorskip("matplotlib")
    text = """
        import hozon
        from matplotlib.figure import Figure
        axes = Figure().subplots(3, 3)
        @hozon.persistent_cache
        def f(x): return 1
        try:
            f(axes[0, 0])
        except hozon.UndigestibleError as error:
            print("matplotlib have no digest" in str(error))
        """
    assert project.main(text) == ["True"]
