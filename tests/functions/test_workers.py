"""Wrappers pickle: they have the same keys, and share the store, in other processes."""

from __future__ import annotations

import copy
import json
import multiprocessing
import pickle
from typing import Any

import pytest

import hozon

from ..conftest import Project

cloudpickle = pytest.importorskip("cloudpickle")


@hozon.persistent_cache
def double(x: int) -> int:
    return x * 2


class Scaled:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    @hozon.persistent_cache
    def times(self, x: int) -> int:
        return x * self.factor


def test_pickle_sends_a_function_of_a_module_by_its_name(fresh: Any) -> None:
    assert pickle.loads(pickle.dumps(double)) is double
    assert copy.deepcopy(double) is double


def test_cloudpickle_sends_nested_functions_by_value(fresh: Any) -> None:
    factor = 3

    @hozon.persistent_cache(ignore=["verbose"], name="tripled")
    def triple(x: int, verbose: bool = False) -> int:
        return x * factor

    sent = cloudpickle.loads(cloudpickle.dumps(triple))
    assert sent is not triple
    assert sent.cache_key(2) == triple.cache_key(2) == triple.cache_key(2, verbose=True)
    assert triple(2) == 6
    assert sent.cache_explain(2) == "hit"
    assert sent(2) == 6
    assert sent.cache_info().hits == 1
    assert sent.__wrapped__.__name__ == "triple"


def test_cloudpickle_of_bound_methods_lambdas_and_generators(fresh: Any) -> None:
    bound = cloudpickle.loads(cloudpickle.dumps(Scaled(4).times))
    assert bound(2) == 8

    for function in (lambda x: x + 1, generated, coroutine):
        cached = hozon.persistent_cache(function)
        sent = cloudpickle.loads(cloudpickle.dumps(cached))
        assert sent.cache_key(2) == cached.cache_key(2)


def generated(x: int) -> Any:
    yield x


async def coroutine(x: int) -> int:
    return x


MAIN = """
    import sys
    import hozon

    FACTOR = 3

    def helper(x):
        return x * FACTOR

    @hozon.persistent_cache
    def times(x):
        return helper(x)

    class Scaled:
        def __init__(self, factor):
            self.factor = factor

        @hozon.persistent_cache
        def times(self, x):
            return helper(x) * self.factor

    class Point:
        x: int = 2

    @hozon.persistent_cache
    def of_point(point=Point()):
        return point.x

    def keys(_):
        return of_point.cache_key(), times.cache_key(1), Scaled.times.cache_key(Scaled(2), 1), times.cache_explain(1)

    if __name__ == "__main__":
        times(1)
        mine = keys(0)
        assert mine[-1] == "hit", mine
"""


@pytest.mark.parametrize(
    "way",
    [
        """
        from loky import get_reusable_executor
        theirs = get_reusable_executor(max_workers=1).submit(keys, 0).result()
        """,
        """
        import joblib
        theirs = joblib.Parallel(n_jobs=2)(joblib.delayed(keys)(0) for _ in range(2))[0]
        """,
        """
        import multiprocessing
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            theirs = pool.map(keys, [0])[0]
        """,
        """
        import multiprocessing
        with multiprocessing.get_context("forkserver").Pool(1) as pool:
            theirs = pool.map(keys, [0])[0]
        """,
    ],
    ids=["loky", "joblib", "spawn", "forkserver"],
)
def test_a_worker_has_the_same_keys_as_main(project: Project, way: str) -> None:
    if "loky" in way:
        pytest.importorskip("loky")
    if "joblib" in way:
        pytest.importorskip("joblib")
    import textwrap

    body = textwrap.indent(textwrap.dedent(way), "    ")
    end = "    print(theirs == mine)\n"
    project.write("main.py", textwrap.dedent(MAIN) + body + end)
    assert project.lines() == ["True"]


def test_fork_shares_the_store(project: Project) -> None:
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system does not fork")
    printed = project.main(
        """
        import multiprocessing, os, hozon

        @hozon.persistent_cache
        def slow(x):
            os.write(1, b"ran\\n")
            return x * 2

        if __name__ == "__main__":
            slow(0)
            with multiprocessing.get_context("fork").Pool(2) as pool:
                print(pool.map(slow, [0, 0, 1, 1, 1, 1]))
            print(slow(1))
        """
    )
    assert sorted(printed) == sorted(["ran", "ran", "[0, 0, 2, 2, 2, 2]", "2"])


def test_a_worker_without_the_source_file_has_the_same_key(project: Project) -> None:
    """A worker on another machine gets `__main__`'s functions by value, and has no file of them."""
    main = project.write(
        "sender/main.py",
        """
        import sys, cloudpickle, hozon

        FACTOR = 3

        def helper(x):
            return x * FACTOR  # a comment

        @hozon.persistent_cache(save_path=sys.argv[1])
        def times(x):
            return helper(x)

        times(1)
        print(times.cache_key(1))
        with open(sys.argv[2], "wb") as file:
            cloudpickle.dump(times, file)
        """,
    )
    store, sent = str(project.folder / "shared"), str(project.folder / "sent.pickle")
    key = project.lines(str(main), store, sent)[0]
    main.unlink()
    project.write(
        "worker.py",
        """
        import pickle, sys
        with open(sys.argv[1], "rb") as file:
            times = pickle.load(file)
        print(times.cache_key(1))
        print(times.cache_explain(1), times(1))
        """,
    )
    assert project.lines("worker.py", sent) == [key, "hit 3"]


def test_a_notebooks_function_in_a_worker(project: Project) -> None:
    pytest.importorskip("IPython")
    printed = project.main(
        """
        from IPython.core.interactiveshell import InteractiveShell
        import cloudpickle, subprocess, sys

        shell = InteractiveShell.instance()
        import hozon
        shell.run_cell("import hozon\\nFACTOR = 3\\ndef helper(x): return x * FACTOR")
        shell.run_cell("@hozon.persistent_cache\\ndef times(x):\\n    return helper(x)")
        times = shell.user_ns["times"]
        times(1)
        print(times.cache_key(1))
        code = "import pickle, sys; f = pickle.load(sys.stdin.buffer); print(f.cache_key(1), f(1))"
        sent = cloudpickle.dumps(times)
        print(subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True).stdout.decode())
        """
    )
    assert printed[1] == f"{printed[0]} 3"


@pytest.mark.parametrize("opened", ["before", "in the worker"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_what_workers_of_multiprocessing_used_is_counted(project: Project, method: str, opened: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    project.write("work.py", USED)
    project.main("from work import call; call(1)")
    project.main(
        f"""
        import multiprocessing
        from work import call
        if __name__ == "__main__":
            if {opened == "before"}:
                call(1)
            pool = multiprocessing.get_context("{method}").Pool(1)
            pool.map(call, [1, 1, 2])
            pool.close()
            pool.join()
        """
    )
    told = project.run("-m", "hozon", "stats", "--json").stdout
    assert json.loads(told)["uses"] == 2 + (opened == "before")
    assert "2 entries are named call" in project.run("-m", "hozon", "why", "call").stderr
    assert "1 computation ran" in project.run("-m", "hozon", "why").stdout


USED = """
    import hozon

    @hozon.persistent_cache
    def call(x):
        return x
"""
