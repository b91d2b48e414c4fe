"""Of many callers of one missing key, one runs the body and the others get its result."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from never_stale.harness import Project

CALLERS = 8

# `work.py`: its body leaves a line in a file, so that runs in any process are counted:
# that file is no output of it.
WORK = """
    import os, time
    import hozon
    @hozon.persistent_cache(track_files=False, allow="identity")
    def slow(x, pause=0.5):
        with open("runs", "a") as runs:
            runs.write(f"{os.getpid()}\\n")
        time.sleep(pause)
        return [x, "done"]
    def call(_=None):
        return slow(1)
    """

THREADS = """
    from concurrent.futures import ThreadPoolExecutor
    from work import call
    with ThreadPoolExecutor(8) as pool:
        print(list(pool.map(call, range(8))))
    """

TASKS = """
    import asyncio
    import hozon
    @hozon.persistent_cache(track_files=False, allow="identity")
    async def slow(x):
        with open("runs", "a") as runs:
            runs.write("task\\n")
        await asyncio.sleep(0.5)
        return [x, "done"]
    async def main():
        return list(await asyncio.gather(*(slow(1) for _ in range(8))))
    print(asyncio.run(main()))
    """

PROCESSES = """
    import multiprocessing
    from work import call
    if __name__ == "__main__":
        with multiprocessing.get_context("{method}").Pool(8) as pool:
            print(pool.map(call, range(8), chunksize=1))
    """

LOKY = """
    import joblib
    from work import slow
    if __name__ == "__main__":
        print(joblib.Parallel(8, "loky")(joblib.delayed(slow)(1) for _ in range(8)))
    """

LOKY_WITH_MAIN = """
    import os, time
    import hozon, joblib
    @hozon.persistent_cache(track_files=False, allow="identity")
    def slow(x):
        with open("runs", "a") as runs:
            runs.write(f"{os.getpid()}\\n")
        time.sleep(0.5)
        return [x, "done"]
    if __name__ == "__main__":
        print(joblib.Parallel(8, "loky")(joblib.delayed(slow)(1) for _ in range(8)))
    """

THREADS_AND_PROCESSES = """
    import subprocess, sys
    children = [subprocess.Popen([sys.executable, "threads.py"], stdout=subprocess.PIPE) for _ in range(4)]
    results = [child.communicate()[0] for child in children]
    assert len(set(results)) == 1, results
    print(results[0].decode(), end="")
    """

FORK_WITH_LEASE = """
    import os, threading, time
    from work import slow
    holder = threading.Thread(target=slow, args=(1,))
    holder.start()
    while not os.path.exists("runs"):
        time.sleep(0.01)
    # The thread holds the lease now; the child has its copy of all memory and none of its threads.
    child = os.fork()
    if child == 0:
        os._exit(0 if slow(1) == [1, "done"] and slow(2, pause=0) == [2, "done"] else 1)
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    print([slow(1)] * 8)
    """

PROGRAMS = [
    ("threads", THREADS),
    ("asyncio tasks", TASKS),
    ("multiprocessing fork", PROCESSES.format(method="fork")),
    ("multiprocessing spawn", PROCESSES.format(method="spawn")),
    ("multiprocessing forkserver", PROCESSES.format(method="forkserver")),
    ("loky", LOKY),
    ("loky, function of the main script", LOKY_WITH_MAIN),
    ("four processes with eight threads each", THREADS_AND_PROCESSES),
]


def project(folder: Path, main: str) -> Project:
    return Project(folder, {"main.py": main, "work.py": WORK, "threads.py": THREADS})


def runs(project: Project) -> int:
    return len((project.folder / "runs").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("program", [row[1] for row in PROGRAMS], ids=[row[0] for row in PROGRAMS])
def test_eight_callers_run_the_body_once(program: str, tmp_path: Path) -> None:
    it = project(tmp_path, program)
    assert it.run().result == [str([[1, "done"]] * CALLERS)]
    assert runs(it) == 1


def test_a_fork_while_a_lease_is_held_waits_for_its_holder(tmp_path: Path) -> None:
    it = project(tmp_path, FORK_WITH_LEASE)
    assert it.run().result == [str([[1, "done"]] * CALLERS)]
    # slow(1) once in the parent, slow(2) once in the child.
    assert runs(it) == 2


def test_a_killed_holder_delays_the_others_but_not_for_ever(tmp_path: Path) -> None:
    holder_text = "from work import slow\nslow(1, 3600)\n"
    waiter_text = "from work import slow\nprint(slow(1, 3600))\n"
    it = project(tmp_path, holder_text)
    (it.folder / "waiter.py").write_text(waiter_text, encoding="utf-8")
    environment = it.environment(HOZON_DISABLE="0")
    start = {"cwd": it.folder, "env": environment, "text": True}
    holder = subprocess.Popen([sys.executable, "main.py"], **start)  # type: ignore[call-overload]
    wait_for_runs(it, 1)
    waiters = [
        subprocess.Popen([sys.executable, "waiter.py"], **start)  # type: ignore[call-overload]
        for _ in range(2)
    ]
    try:
        time.sleep(1)
        assert runs(it) == 1, "the others wait"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        # One of the others gets the turn. It would compute for an hour: so it is enough that it began.
        wait_for_runs(it, 2)
        time.sleep(0.5)
        assert runs(it) == 2
    finally:
        for process in (holder, *waiters):
            process.kill()
            process.wait()


def wait_for_runs(project: Project, count: int) -> None:
    deadline = time.monotonic() + 30
    while not (project.folder / "runs").exists() or runs(project) < count:
        assert time.monotonic() < deadline, f"the body has not begun for the {count}. time"
        time.sleep(0.02)


def test_a_holder_that_raises_lets_the_next_one_try(tmp_path: Path) -> None:
    it = project(tmp_path, """
        import threading, time
        import hozon
        @hozon.persistent_cache(track_files=False, allow="identity")
        def slow(x):
            with open("runs", "a") as runs:
                first = runs.write("run\\n") and runs.tell() == 4
            time.sleep(0.2)
            if first:
                raise ValueError("first")
            return x
        results = []
        def call():
            try:
                results.append(slow(1))
            except ValueError as error:
                results.append(str(error))
        threads = [threading.Thread(target=call) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print(sorted(map(str, results)))
        """)  # fmt: skip
    assert it.run().result == [str(["1"] * 7 + ["first"])]
    assert runs(it) == 2


def test_a_cached_function_may_call_itself_and_others(tmp_path: Path) -> None:
    it = project(tmp_path, """
        import threading
        import hozon
        @hozon.persistent_cache(track_files=False, allow="identity")
        def one(x):
            return 1 if x < 1 else 1 + two(x - 1)
        @hozon.persistent_cache(track_files=False, allow="identity")
        def two(x):
            return 1 if x < 1 else 1 + one(x - 1)
        results = []
        threads = [
            threading.Thread(target=lambda f=f: results.append(f(9))) for f in (one, two) for _ in range(4)
        ]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print(results)
        """)  # fmt: skip
    assert it.run().result == [str([10] * 8)]
