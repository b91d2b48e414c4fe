"""Kinds of workers, and a program that calls cached functions and blocks in each of them.

The program prints one JSON object of what its workers have seen. `run` gives it, for a run with an
empty store and for another one after it.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import multiprocessing
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from ..conftest import Project

# How many ask at once: in the first run, and in the second, where all is stored.
CALLERS, AGAIN = 8, 2

# What workers call. In the version for asyncio, functions are coroutines. `note` leaves a line in a file
# that is no output of the body, so that runs in any process are counted.
WORK = """
    import asyncio, contextlib, io, os, random, time
    import hozon

    HERE = os.path.dirname(os.path.abspath(__file__))

    def note(name):
        with open(os.path.join(HERE, "runs"), "a") as runs:
            runs.write(f"{name}\\n")

    def helper(x):
        return x * 2

    @hozon.persistent_cache(track_files=False, allow="identity")
    $define slow(x):
        note("slow")
        $sleep
        return [helper(x), "done"]

    $define slow_block(x):
        with hozon.persistent_cache("slow block", track_files=False, allow="identity") as block:
            note("block")
            $pause
            doubled = [helper(x), "done"]
        return doubled, block.key

    @hozon.cache
    def in_memory(x):
        return helper(x)

    @hozon.persistent_cache
    $define speaking(x):
        print("spoken", x)
        return x

    $define heard(x):
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            $call speaking(x)
        return text.getvalue()

    @hozon.persistent_cache(track_files=False)
    $define drawn(count):
        note("drawn")
        return [random.random() for _ in range(count)]

    $define draw(seed):
        random.seed(seed)
        return $call drawn(2), random.random()

    @hozon.persistent_cache(allow=["append", "randomness"])
    $define count(name):
        with open(os.path.join(HERE, name)) as file:
            return [int(line) for line in file], os.urandom(8).hex()

    def write(numbers):
        with open(os.path.join(HERE, "data.txt"), "w") as file:
            file.write("".join(f"{number}\\n" for number in numbers))

    $define one_after_the_other(steps):
        results = []
        for name, argument in steps:
            result = globals()[name](argument)
            results.append($call_if_needed)
        return results
"""

SYNCHRONOUS = {
    "define": "def",
    "sleep": "time.sleep(0.4)",
    "pause": "time.sleep(0.4)",
    "call": "",
    "call_if_needed": "result",
}
COROUTINES = {
    "define": "async def",
    "sleep": "await asyncio.sleep(0.4)",
    # A block cannot wait for another task without stopping its event loop: its body does not give way here.
    "pause": "time.sleep(0.4)",
    "call": "await",
    "call_if_needed": "await result if asyncio.iscoroutine(result) else result",
}

# Each host has `workers()`, a context whose value maps a function over items, all at once.
MAIN = """
    import asyncio, contextlib, json, os, sys, time
    import hozon
    import work

    CALLERS = int(os.environ["CALLERS"])
    FACTOR = 3

    def helper(x):
        return x * FACTOR

    @hozon.persistent_cache(track_files=False, allow="identity")
    $define own(x):
        work.note("own")
        $sleep
        return helper(x)

    $define all_of(x):
        return {
            "key": work.slow.cache_key(x),
            "own key": own.cache_key(x),
            "slow": $call work.slow(x),
            "own": $call own(x),
            "in memory": work.in_memory(x),
            "block": $call work.slow_block(x),
        }
$host
    STEPS = [
        *[["heard", 1]] * 2,
        *(["draw", seed] for seed in (5, 5, 6)),
        *(step for numbers in ([1], [1, 2], [1]) for step in (["write", numbers], ["count", "data.txt"])),
    ]

    if __name__ == "__main__":
        with workers() as at_once:
            facts = {
                "keys": [work.slow.cache_key(1), own.cache_key(1)],
                "slow": at_once(work.slow, [1] * CALLERS) if $direct else [],
                "all": at_once(all_of, [1] * CALLERS),
                "steps": at_once(work.one_after_the_other, [STEPS])[0],
            }
        print("FACTS", json.dumps(facts))
"""

THREADS = """
    @contextlib.contextmanager
    def workers():
        import threading
        def at_once(function, items):
            results = [None] * len(items)
            def call(number, item):
                results[number] = function(item)
            threads = [threading.Thread(target=call, args=pair) for pair in enumerate(items)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            return results
        yield at_once
"""

TASKS = """
    @contextlib.contextmanager
    def workers():
        def at_once(function, items):
            async def call(item):
                result = function(item)
                return await result if asyncio.iscoroutine(result) else result
            async def gathered():
                return await asyncio.gather(*map(call, items))
            return asyncio.run(gathered())
        yield at_once
"""

POOL = """
    @contextlib.contextmanager
    def workers():
        import multiprocessing
        with multiprocessing.get_context("METHOD").Pool(CALLERS) as pool:
            yield lambda function, items: pool.map(function, items, chunksize=1)
"""

EXECUTOR = """
    @contextlib.contextmanager
    def workers():
        import concurrent.futures
        with concurrent.futures.KIND(CALLERS) as pool:
            yield lambda function, items: list(pool.map(function, items))
"""

JOBLIB = """
    @contextlib.contextmanager
    def workers():
        import joblib
        with joblib.Parallel(CALLERS, "BACKEND", batch_size=1) as parallel:
            yield lambda function, items: parallel(joblib.delayed(function)(item) for item in items)
"""

LOKY = """
    @contextlib.contextmanager
    def workers():
        import loky
        with loky.get_reusable_executor(CALLERS) as pool:
            yield lambda function, items: list(pool.map(function, items))
"""

DASK = """
    @contextlib.contextmanager
    def workers():
        from distributed import Client, LocalCluster
        with (
            LocalCluster(WORKERS, dashboard_address=None) as cluster,
            Client(cluster) as client,
        ):
            client.wait_for_workers(len(cluster.workers))
            def at_once(function, items):
                # Dask itself would join calls that look alike.
                return client.gather([client.submit(function, item, pure=False) for item in items])
            yield at_once
"""

RAY = """
    @contextlib.contextmanager
    def workers():
        import ray
        ray.init(num_cpus=CALLERS, include_dashboard=False, log_to_driver=False, _temp_dir=os.environ["RAY_FILES"])
        try:
            def at_once(function, items):
                # Ray takes plain functions only.
                plain = function if hasattr(function, "__code__") else lambda item: function(item)
                remote = ray.remote(plain)
                return ray.get([remote.remote(item) for item in items])
            yield at_once
        finally:
            ray.shutdown()
"""

SPARK = """
    @contextlib.contextmanager
    def workers():
        os.environ["PYSPARK_PYTHON"] = sys.executable
        from pyspark import SparkConf, SparkContext
        settings = SparkConf().setMaster(f"local[{CALLERS}]").set("spark.ui.enabled", "false")
        spark = SparkContext(conf=settings.set("spark.driver.host", "127.0.0.1"))
        spark.setLogLevel("ERROR")
        try:
            yield lambda function, items: spark.parallelize(items, len(items)).map(function).collect()
        finally:
            spark.stop()
"""

# pytest-xdist runs tests, no functions: each call of `at_once` is a session with a worker for each item.
XDIST = """
    @contextlib.contextmanager
    def workers():
        import pickle, subprocess
        def at_once(function, items):
            with open("called.pickle", "wb") as file:
                pickle.dump((function.__module__.replace("__main__", "main"), function.__name__, items), file)
            count = str(len(items))
            command = ["-m", "pytest", "-q", "-n", count, "-p", "xdist", "call_in_worker.py"]
            # Each worker would load every plug-in that is installed.
            environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
            done = subprocess.run(
                [sys.executable, *command], capture_output=True, text=True, env=environment
            )
            assert done.returncode == 0, done.stdout + done.stderr
            results = []
            for number in range(len(items)):
                with open(f"result{number}.json") as file:
                    results.append(json.load(file))
            return results
        yield at_once
"""

CALL_IN_WORKER = """
    import importlib, json, pickle
    import pytest

    with open("called.pickle", "rb") as file:
        module, name, items = pickle.load(file)

    @pytest.mark.parametrize("number", range(len(items)))
    def test_call(number):
        result = getattr(importlib.import_module(module), name)(items[number])
        with open(f"result{number}.json", "w") as file:
            json.dump(result, file)
"""


@dataclass(frozen=True)
class Host:
    """A kind of workers.

    Attributes:
        name: What it is called in docs/hosts.md and in the ids of tests.
        text: The Python text that defines `workers`.
        needs: The distribution that must be there.
        way: How functions are defined.
        direct: Whether a cached function is also sent by itself, rather than called by one that is sent.
        missing: Why it cannot run here beside a missing distribution; empty: it can.
    """

    name: str
    text: str
    needs: str = ""
    way: str = "synchronous"
    direct: bool = True
    missing: Callable[[], str] = lambda: ""

    def why_not(self) -> str:
        """Why the host cannot run here; empty: it can."""
        if self.needs and importlib.util.find_spec(self.needs) is None:
            return f"{self.needs} is not installed: make test-workers installs it"
        return self.missing()


def _cannot_fork() -> str:
    return "" if "fork" in multiprocessing.get_all_start_methods() else "this system does not fork"


def _no_java() -> str:
    return "" if shutil.which("java") else "Spark needs Java, which is not here"


HOSTS = [
    Host("threads", THREADS),
    Host("asyncio", TASKS, way="coroutines"),
    Host("multiprocessing fork", POOL.replace("METHOD", "fork"), missing=_cannot_fork),
    Host("multiprocessing spawn", POOL.replace("METHOD", "spawn")),
    Host("multiprocessing forkserver", POOL.replace("METHOD", "forkserver"), missing=_cannot_fork),
    Host("concurrent.futures threads", EXECUTOR.replace("KIND", "ThreadPoolExecutor")),
    Host("concurrent.futures processes", EXECUTOR.replace("KIND", "ProcessPoolExecutor")),
    Host("joblib loky", JOBLIB.replace("BACKEND", "loky"), needs="joblib"),
    Host("joblib threading", JOBLIB.replace("BACKEND", "threading"), needs="joblib"),
    Host("loky", LOKY, needs="loky"),
    Host("pytest-xdist", XDIST, needs="xdist", direct=False),
    Host(
        "Dask threads",
        DASK.replace("WORKERS", "n_workers=1, threads_per_worker=CALLERS, processes=False"),
        needs="distributed",
    ),
    Host(
        "Dask processes",
        DASK.replace("WORKERS", "n_workers=CALLERS, threads_per_worker=1"),
        needs="distributed",
    ),
    Host("Ray", RAY, needs="ray"),
    Host("Spark", SPARK, needs="pyspark", missing=_no_java),
]


@dataclass(frozen=True)
class Seen:
    """What the workers of a host have seen.

    Attributes:
        cold: With an empty store.
        warm: In a second run of the program.
        runs: How often each body ran in the first run; and in both.
    """

    cold: dict[str, Any]
    warm: dict[str, Any]
    runs: tuple[dict[str, int], dict[str, int]]


@functools.cache
def run(host: Host) -> Seen:
    """Runs the program with the workers of a host, twice. Kept: a test looks at one part of it."""
    with tempfile.TemporaryDirectory(prefix="hozon-hosts-") as folder:
        project = Project(Path(folder) / "project", Path(folder) / "home")
        way = COROUTINES if host.way == "coroutines" else SYNCHRONOUS
        project.write("work.py", Template(WORK).substitute(way))
        texts = {"host": host.text, "direct": host.direct, **way}
        project.write("main.py", Template(MAIN).substitute(texts))
        project.write("call_in_worker.py", CALL_IN_WORKER)
        cold = _facts(project, folder, CALLERS)
        runs = _runs(project)
        return Seen(cold, _facts(project, folder, AGAIN), (runs, _runs(project)))


def _facts(project: Project, folder: str, callers: int) -> dict[str, Any]:
    settings = {
        "CALLERS": str(callers),
        "HOZON_REPLAY": "1",
        "PYTHONPATH": str(project.folder),
        "RAY_FILES": f"{folder}/ray",
    }
    lines = project.lines(seconds=110, **settings)
    (facts,) = [line for line in lines if line.startswith("FACTS ")]
    seen: dict[str, Any] = json.loads(facts.removeprefix("FACTS "))
    return seen


def _runs(project: Project) -> dict[str, int]:
    names = (project.folder / "runs").read_text(encoding="utf-8").split()
    return {name: names.count(name) for name in sorted(set(names))}
