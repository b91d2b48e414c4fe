"""Results go from one machine to another over a folder and over `hozon serve`; nothing is asked without consent."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .machines import HOZON, Machine

PROGRAM = """
    import sys, time, warnings
    import hozon

    @hozon.persistent_cache
    def slow(x):
        time.sleep(0.12)
        return [x, bytes(100_000)]

    value = slow(7)
    assert value == [7, bytes(100_000)]
    # What a computation prints itself is had again on a hit.
    print("computed" if slow.cache_info().misses else "restored", file=sys.stderr)
"""


@pytest.fixture
def machines(tmp_path: Path) -> tuple[Machine, Machine]:
    ada, bob = (Machine(tmp_path, name, PROGRAM) for name in ("ada", "bob"))
    bob.trusts(ada)
    return ada, bob


@pytest.fixture
def folder(tmp_path: Path) -> str:
    (tmp_path / "team").mkdir()
    return str(tmp_path / "team")


class Server:
    """`hozon serve` over a folder, on a port of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.options, self.port = folder, options, 0
        self.start()

    def start(self) -> None:
        listen = f"127.0.0.1:{self.port}"
        command = [*HOZON, "serve", str(self.folder), "--listen", listen, *self.options]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        for line in self.process.stderr:
            found = re.search(r"at (http://127\.0\.0\.1:(\d+))", line)
            if found:
                self.address, self.port = found[1], int(found[2])
                return
        raise AssertionError("it did not start")

    def token(self, scope: str) -> str:
        lines = (self.folder / "tokens").read_text().splitlines()
        return dict(line.split() for line in lines)[scope]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        self.process.communicate(timeout=60)
        return self.process.returncode


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    served = Server(tmp_path / "served")
    yield served
    if served.process.poll() is None:
        served.stop()


def test_what_one_computes_the_other_has(machines: tuple[Machine, Machine], folder: str) -> None:
    ada, bob = machines
    ada.variables["HOZON_TIERS"] = bob.variables["HOZON_TIERS"] = folder
    assert ada.program()[0]
    assert ada.notes() == []
    assert not bob.program()[0]
    del bob.variables["HOZON_TIERS"]
    assert not bob.program()[0], "it is in the local store now"


def test_whom_nobody_trusts_gives_nothing(machines: tuple[Machine, Machine], folder: str) -> None:
    ada, bob = machines
    ada.variables["HOZON_TIERS"] = bob.variables["HOZON_TIERS"] = folder
    assert bob.program()[0]
    assert ada.program()[0], "ada does not trust bob"


def test_a_projects_tiers_are_used_once_the_user_allows_them(
    machines: tuple[Machine, Machine], folder: str
) -> None:
    ada, bob = machines
    for machine in machines:
        (machine.project / "pyproject.toml").write_text(f"[tool.hozon]\ntiers = ['{folder}']\n")
    computed, said = ada.program()
    assert computed
    assert said.count("is not used: `hozon trust tier ADDRESS` allows it") == 1
    assert os.listdir(folder) == []
    for machine in machines:
        machine.command("trust", "tier", folder)
    ada.command("clear", "--all", "--yes")
    assert "not used" not in ada.program()[1]
    assert not bob.program()[0]
    bob.command("trust", "tier", folder, "--remove")
    bob.command("clear", "--all", "--yes")
    assert bob.program()[0]


def test_a_tier_for_every_project(machines: tuple[Machine, Machine], folder: str) -> None:
    ada, bob = machines
    for machine in machines:
        machine.command("trust", "tier", folder, "--everywhere")
    assert ada.program()[0]
    assert not bob.program()[0]
    assert f"{folder} everywhere" in bob.command("trust", "tier")
    bob.variables["HOZON_TIERS"] = ""
    bob.command("clear", "--all", "--yes")
    assert bob.program()[0], "an empty variable turns them off"


def test_over_http_with_the_server_killed_and_started_again(
    machines: tuple[Machine, Machine], server: Server
) -> None:
    ada, bob = machines
    ada.variables = {"HOZON_TIERS": server.address, "HOZON_TIER_TOKEN": server.token("write")}
    bob.variables = {"HOZON_TIERS": server.address, "HOZON_TIER_TOKEN": server.token("read")}
    server.stop(signal.SIGKILL)
    computed, said = ada.program()
    assert computed
    assert len(ada.notes()) == 1, "it stays noted"
    assert said.count("going on without it") == 1
    server.start()
    assert "sent 1 result" in ada.command("push")
    assert ada.notes() == []
    assert not bob.program()[0]
    assert server.stop() == 0
    assert not bob.program()[0]
    bob.command("clear", "--all", "--yes")
    assert bob.program()[0], "with the server gone it computes"


def test_tokens_that_are_wrong_cost_a_warning_and_are_never_shown(
    machines: tuple[Machine, Machine], server: Server
) -> None:
    ada, _ = machines
    canary = "c4n4ry" * 5
    ada.variables = {"HOZON_TIERS": server.address, "HOZON_TIER_TOKEN": canary}
    computed, said = ada.program()
    assert computed
    assert "asks for other credentials" in said
    assert canary not in said
    for address in (f"http://{canary}@127.0.0.1:1", f"https://host/?x={canary}", "http://cache.example"):
        ada.variables["HOZON_TIERS"] = address
        ada.command("clear", "--all", "--yes")
        computed, said = ada.program()
        assert computed
        assert "not used" in said
        assert canary not in said


def test_tokens_of_a_file_and_a_reader_that_may_not_write(
    machines: tuple[Machine, Machine], server: Server
) -> None:
    ada, bob = machines
    for machine, scope in ((ada, "write"), (bob, "read")):
        machine.variables["HOZON_TIERS"] = server.address
        tokens = machine.home / "tier_tokens"
        tokens.write_text(f"{server.address}/ {server.token(scope)}\n")
        tokens.chmod(0o600)
    assert ada.program()[0]
    assert not bob.program()[0]
    (bob.home / "tier_tokens").chmod(0o644)
    bob.command("clear", "--all", "--yes")
    computed, said = bob.program()
    assert computed
    assert "chmod 600" in said


def test_push_and_pull_by_name(machines: tuple[Machine, Machine], folder: str) -> None:
    ada, bob = machines
    assert ada.program()[0]
    assert ada.run(*HOZON, "push").returncode == 2, "there is no tier"
    ada.variables["HOZON_TIERS"] = bob.variables["HOZON_TIERS"] = folder
    assert "sent 1 result" in ada.command("push", "slow")
    assert bob.run(*HOZON, "pull", "other").returncode == 1
    assert "fetched 1 result" in bob.command("pull", "slow")
    bob.variables = {}
    assert not bob.program()[0]


def test_what_is_read_only_sends_nothing(machines: tuple[Machine, Machine], folder: str) -> None:
    ada, _ = machines
    ada.variables = {"HOZON_TIERS": folder, "HOZON_TIERS_READ_ONLY": "1"}
    assert ada.program()[0]
    assert os.listdir(folder) == []
    assert ada.notes() == []


EXPIRING = """
    import sys, time
    import hozon

    @hozon.persistent_cache(ttl=1)
    def slow():
        time.sleep(0.12)
        return time.time()

    async def slow_async():
        time.sleep(0.12)
        return time.time()

    slow_async = hozon.persistent_cache(ttl=1)(slow_async)
    import asyncio
    for call in (slow, lambda: asyncio.run(slow_async())):
        first = call()
        time.sleep(1.1)
        assert call() > first
"""


def test_a_result_that_is_too_old_is_not_fetched_again(
    machines: tuple[Machine, Machine], folder: str
) -> None:
    ada, _ = machines
    ada.variables["HOZON_TIERS"] = folder
    ada.write(EXPIRING)
    ada.program()


FORKING = """
    import os, time
    import hozon

    @hozon.persistent_cache
    def slow(x):
        time.sleep(0.11)
        return x

    slow(0)
    for number in range(20):
        child = os.fork()
        if not child:
            assert slow(number % 3) == number % 3
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_children_of_a_fork_speak_to_tiers_by_threads_of_their_own(
    machines: tuple[Machine, Machine], server: Server
) -> None:
    ada, _ = machines
    ada.variables = {"HOZON_TIERS": server.address, "HOZON_TIER_TOKEN": server.token("write")}
    ada.write(FORKING)
    ada.program()


THREADS = """
    import os, time
    import hozon

    @hozon.persistent_cache
    def slow(x):
        time.sleep(0.11)
        return x

    slow(1)
    names = {open(f"/proc/self/task/{task}/comm").read().strip() for task in os.listdir("/proc/self/task")}
    assert not any(name.startswith("hozon") for name in names), names
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="threads are listed in /proc alone")
def test_without_a_tier_there_is_no_thread(machines: tuple[Machine, Machine]) -> None:
    ada, _ = machines
    ada.write(THREADS)
    ada.program()
