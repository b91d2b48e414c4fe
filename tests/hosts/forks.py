"""Forks a process over and over while its threads use the store: `make test-forks FORKS=1000`.

Each child uses results of its parent, computes what its parent's threads may be computing, and something
of its own. A child that hangs is killed by its alarm, and told of.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time

import hozon

THREADS = 4
AT_ONCE = 8
CHILD_SECONDS = 60


@hozon.persistent_cache(allow="subprocess")
def squares(start: int, count: int) -> list[int]:
    return [number * number for number in range(start, start + count)]


@hozon.persistent_cache(allow="subprocess")
def large(number: int) -> bytes:
    return number.to_bytes(2, "little") * 50_000


@hozon.cache
def in_memory(number: int) -> int:
    return number + 1


def in_block(number: int) -> int:
    with hozon.cached_context("block", allow="subprocess"):
        found = number * 3
    return found


def is_right(number: int) -> bool:
    """Calls everything once; whether what came back is right."""
    return (
        squares(number, 5) == [each * each for each in range(number, number + 5)]
        and large(number) == number.to_bytes(2, "little") * 50_000
        and in_memory(number) == number + 1
        and in_block(number) == number * 3
    )


def fork(number: int, last: list[int]) -> int:
    """Starts a child, which ends with 0 if all that it got was right."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        signal.alarm(CHILD_SECONDS)
        # What is stored already, what the threads have in hand, what nobody has computed yet.
        if all(is_right(each) for each in (number % 5, *last, 30_000 + number)):
            status = 0
    finally:
        os._exit(status)


def main(forks: int) -> int:
    assert all(is_right(number) for number in range(5))
    last = [0] * THREADS
    over = threading.Event()
    wrong: list[int] = []

    def use(thread: int) -> None:
        numbers = random.Random(thread)
        while not over.is_set():
            last[thread] = numbers.randrange(5_000)
            if not is_right(last[thread]):
                wrong.append(last[thread])

    threads = [threading.Thread(target=use, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    started, running, bad = time.monotonic(), set(), []
    for number in range(forks):
        running.add(fork(number, list(last)))
        while len(running) >= AT_ONCE or (running and number == forks - 1):
            child, status = os.wait()
            running.discard(child)
            if status:
                how = (
                    f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "a wrong value or an error"
                )
                bad.append(how)
    over.set()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started
    print(
        f"{forks} forks in {seconds:.0f} s; {len(bad)} bad, {len(wrong)} wrong in threads", *sorted(set(bad))
    )
    return 1 if bad or wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
