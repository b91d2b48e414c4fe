"""The plug-in that pytest loads where hozon is installed: `--hozon-disable`, and a line at the end.

It loads nothing of hozon that the tests themselves do not use.
"""

from __future__ import annotations

import os
import sys
from collections import Counter

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_DISABLE = "HOZON_DISABLE"

# What workers of pytest-xdist have told, and the key by which they tell it.
_told: pytest.StashKey[Counter[str]] = pytest.StashKey()
_before: pytest.StashKey[str | None] = pytest.StashKey()
_OUTPUT = "hozon"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("hozon").addoption(
        "--hozon-disable",
        action="store_true",
        help="Compute everything that hozon would cache or restore, and store nothing.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before the first conftest is loaded. What tests start, and workers of xdist, inherit it."""
    if early_config.known_args_namespace.hozon_disable:
        early_config.stash[_before] = os.environ.get(_DISABLE)
        os.environ[_DISABLE] = "1"


def pytest_unconfigure(config: pytest.Config) -> None:
    if _before not in config.stash:
        return
    before = config.stash[_before]
    if before is None:
        os.environ.pop(_DISABLE, None)
    else:
        os.environ[_DISABLE] = before


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of xdist tells what it has restored."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[_OUTPUT] = dict(_totals())


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """In the process that started the workers."""
    told = node.config.stash.setdefault(_told, Counter())
    told.update(getattr(node, "workeroutput", {}).get(_OUTPUT, {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    totals = _totals() + config.stash.get(_told, Counter())
    if totals["restored"] or totals["computed"]:
        terminalreporter.write_line(_line(totals))


def _totals() -> Counter[str]:
    """What this process has restored and computed, of results on disk; times in microseconds."""
    runtime = sys.modules.get("hozon._runtime")
    totals: Counter[str] = Counter()
    for store in () if runtime is None else runtime._stores.values():
        if store is not None:
            hits, misses, saved = store.totals()
            totals.update(restored=hits, computed=misses, saved=round(saved * 1e6))
    return totals


def _duration(microseconds: int) -> str:
    if microseconds < 1000:
        return f"{microseconds} µs"
    if microseconds < 1_000_000:
        return f"{microseconds / 1e3:.3g} ms"
    return f"{microseconds / 1e6:.1f} s"


def _line(totals: Counter[str]) -> str:
    restored, computed = totals["restored"], totals["computed"]
    parts = []
    if restored:
        results = "result" if restored == 1 else "results"
        parts.append(f"restored {restored} {results}, saved {_duration(totals['saved'])}")
    if computed:
        parts.append(f"computed {computed}")
    return f"hozon: {'; '.join(parts)}"
