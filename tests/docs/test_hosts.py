"""docs/hosts.md says of no host that something works there which no test holds."""

from __future__ import annotations

import re
from pathlib import Path

from ..hosts import test_workers
from ..hosts.workers import HOSTS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/hosts.md").read_text(encoding="utf-8")

# The test of each column, for workers.
COLUMNS = {
    "function": "test_function",
    "block": "test_block",
    "outputs replayed": "test_text_is_replayed",
    "RNG": "test_random_states",
    "files": "test_files",
    "single flight": "test_single_flight",
}


def table() -> list[dict[str, str]]:
    """The table of hosts, which stands above all sections."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in TEXT.partition("\n## ")[0].splitlines()
        if line.startswith("| ")
    ]
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def test_each_cell_of_a_worker_has_its_test() -> None:
    rows = {row["host"]: row for row in table()}
    for host in HOSTS:
        working = [name for name, cell in rows[host.name].items() if cell.startswith("yes")]
        assert sorted(working) == sorted(COLUMNS), host.name
    for test in COLUMNS.values():
        assert hasattr(test_workers, test)


def test_each_other_host_names_its_tests() -> None:
    others = [row["host"] for row in table() if row["host"] not in {host.name for host in HOSTS}]
    assert others
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)
    assert named
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), test
    for host in others:
        assert any(host.lower() in (file + test).lower() for file, test in named), host


def test_the_versions_are_those_of_the_requirements() -> None:
    requirements = [ROOT / "requirements-dev.txt", ROOT / "tests/hosts/requirements.txt"]
    pinned = dict(
        line.strip().lower().split("==")
        for file in requirements
        for line in file.read_text(encoding="utf-8").splitlines()
        if "==" in line
    )
    for row in table():
        # The newest version of each stands last; those before it have environments of their own.
        tried = dict(part.split(" ") for part in row["tried with"].lower().split(", "))
        for name, version in tried.items():
            if name not in ("python", "java"):
                assert pinned[name] == version, f"{row['host']}: {name}"


def test_the_badges_were_tried_with_the_front_ends_of_the_requirements() -> None:
    lines = (ROOT / "tests/hosts/requirements-lab.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line.replace("==", " ") for line in lines if "==" in line]
    assert pinned
    for front_end in pinned:
        assert front_end in TEXT.lower()
