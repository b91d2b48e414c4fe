"""State of the process that code reads without naming it: the time zone, the locale, options of libraries.

Each with the change that must recompute, and with what must hit: the same state set in another way, and state
that the function does not read.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from never_stale.harness import Case, Launch, Project, check_hits, check_recomputes, project_of, run_twice

TOKYO = "Asia/Tokyo"
FILE_OF_TOKYO = "/usr/share/zoneinfo/Asia/Tokyo"

# Between the imports and the function stands what the program sets.
PROGRAM = """
    import datetime, decimal, locale, os, time
    pass  # SETS
    @hozon.persistent_cache
    def f(x):
        print("RAN")
        return BODY
    """


def program(body: str, sets: str = "pass  # SETS") -> str:
    return PROGRAM.replace("BODY", body).replace("pass  # SETS", sets)


def zone(name: str) -> Launch:
    return Launch(environment={"TZ": name})


def moved(name: str, body: str, before: str = "UTC", after: str = TOKYO, **more: bool | None) -> Case:
    """A case in which the process starts in another time zone."""
    return Case(name, program(body), launch=zone(before), relaunch=zone(after), **more)  # type: ignore[arg-type]


def sets(name: str, body: str, before: str, after: str, **more: bool | None) -> Case:
    """A case in which the program sets something else before it calls the function."""
    return Case(name, program(body, before), (before, after), **more)  # type: ignore[arg-type]


needs_zones = pytest.mark.skipif(
    not hasattr(time, "tzset") or not Path(FILE_OF_TOKYO).exists(),
    reason="needs zones that a variable can name",
)
THIRD = "decimal.Decimal(x) / 3"

ZONES = [
    moved("datetime.fromtimestamp", "str(datetime.datetime.fromtimestamp(0))"),
    moved("datetime.astimezone", "str(datetime.datetime(2024, 1, 1).astimezone())"),
    moved("datetime.timestamp of a naive time", "datetime.datetime(2024, 1, 1).timestamp()"),
    moved("time.localtime", "time.localtime(0).tm_hour"),
    moved("time.mktime", "time.mktime((2024, 1, 1, 0, 0, 0, 0, 1, 0))"),
    moved("time.ctime", "time.ctime(0)"),
    moved("strftime with a zone's name", "time.strftime('%Z', (2024, 1, 1, 0, 0, 0, 0, 1, 0))"),
    moved("a library of Python's", "__import__('email.utils').utils.formatdate(0, localtime=True)"),
    moved(
        "zones that differ in their past alone", "time.localtime(-615_000_000).tm_hour", "Asia/Tokyo", "JST-9"
    ),
    sets(
        "tzset in the program",
        "time.localtime(0).tm_hour",
        "os.environ['TZ'] = 'UTC'; time.tzset()",
        "os.environ['TZ'] = 'Asia/Tokyo'; time.tzset()",
    ),
]

DECIMALS = [
    sets("prec", f"str({THIRD})", "decimal.getcontext().prec = 9", "decimal.getcontext().prec = 5"),
    sets("rounding", f"str({THIRD})", "pass", "decimal.getcontext().rounding = decimal.ROUND_UP"),
    sets("another context", f"str({THIRD})", "pass", "decimal.setcontext(decimal.Context(prec=5))"),
    sets(
        "traps",
        "str(decimal.Decimal(1) / 3)",
        "pass",
        "decimal.getcontext().traps[decimal.Subnormal] = True",
        same_result=True,
    ),
    Case(
        "decimals as arguments alone",
        """
        import decimal
        decimal.getcontext().prec = 9
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x / 3
        """,
        ("prec = 9", "prec = 5"),
        call="f(decimal.Decimal(1))",
    ),
    Case(
        "decimals in a module that the function imports",
        """
        import decimal
        decimal.getcontext().prec = 9
        @hozon.persistent_cache
        def f(x):
            from third import third
            print("RAN")
            return third(x)
        """,
        ("prec = 9", "prec = 5"),
        modules={"third.py": "from decimal import Decimal\ndef third(x):\n    return str(Decimal(x) / 3)\n"},
    ),
    Case(
        "a block",
        """
        import decimal
        decimal.getcontext().prec = 9
        with hozon.cached_context("third") as block:
            print("RAN")
            third = decimal.Decimal(1) / 3
        """,
        ("prec = 9", "prec = 5"),
        call="third",
    ),
]

C_UTF8 = "locale.setlocale(locale.LC_ALL, 'C.UTF-8')"

LOCALES = [
    sets(name, body, "pass", C_UTF8, same_result=True)
    for name, body in [
        ("the format n", "f'{1234.5:n}'"),
        ("format_string", "locale.format_string('%.2f', 1234.5, grouping=True)"),
        ("strxfrm", "locale.strxfrm('a')"),
        ("names of months", "datetime.date(2024, 1, 1).strftime('%B')"),
        ("strptime", "str(datetime.datetime.strptime('1 January 2024', '%d %B %Y'))"),
    ]
]

MUST_HIT = [
    moved("the same zone by its file", "time.ctime(0)", TOKYO, f":{FILE_OF_TOKYO}", same_result=True),
    moved("UTC by another name", "time.ctime(0)", "UTC", "Etc/UTC"),
    moved("a time that no zone moves", "str(datetime.datetime(2024, 1, 1) + datetime.timedelta(x))"),
    moved("a time of a zone of its own", "str(datetime.datetime.fromtimestamp(0, datetime.timezone.utc))"),
    moved("sleep", "time.sleep(0)"),
    moved("a date's digits", "datetime.date(2024, 1, 1).strftime('%Y-%m-%d')"),
    sets("a zone for a function of decimals", THIRD, "pass", "os.environ['TZ'] = 'JST-9'; time.tzset()"),
    sets("prec for a function without decimals", "x / 3", "pass", "decimal.getcontext().prec = 5"),
    sets(
        "prec that is set back",
        THIRD,
        "pass",
        "decimal.getcontext().prec = 5; decimal.getcontext().prec = 28",
    ),
    sets(
        "prec in another way",
        THIRD,
        "decimal.getcontext().prec = 5",
        "decimal.setcontext(decimal.Context(prec=5))",
    ),
    sets("a locale for a function without one", "f'{x / 3:.3f}'", "pass", C_UTF8),
    sets(
        "prec inside the function",
        "[setattr(decimal.getcontext(), 'prec', 28), decimal.Decimal(1) / 3]",
        "pass",
        "decimal.getcontext().prec = 28",
    ),
]


def name(case: Case) -> str:
    return case.name


@needs_zones
@pytest.mark.parametrize("case", ZONES, ids=name)
def test_another_time_zone_recomputes(case: Case, tmp_path: Path) -> None:
    check_recomputes(case, tmp_path)


@pytest.mark.parametrize("case", DECIMALS, ids=name)
def test_another_context_of_decimals_recomputes(case: Case, tmp_path: Path) -> None:
    check_recomputes(case, tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a second locale that is always there")
@pytest.mark.parametrize("case", LOCALES, ids=name)
def test_another_locale_recomputes(case: Case, tmp_path: Path) -> None:
    check_recomputes(case, tmp_path)


@needs_zones
@pytest.mark.parametrize("case", MUST_HIT, ids=name)
def test_state_that_is_the_same_or_is_not_read_hits(case: Case, tmp_path: Path) -> None:
    check_hits(case, tmp_path)


@needs_zones
@pytest.mark.parametrize("case", [ZONES[0], ZONES[3]], ids=name)
def test_where_calls_of_c_are_not_seen_names_tell(case: Case, tmp_path: Path) -> None:
    audits = {"pyproject.toml": "[tool.hozon]\nwatch = 'audit'\n"}
    check_recomputes(replace(case, modules=audits), tmp_path)


@needs_zones
def test_a_zone_that_a_cached_helper_reads_counts(tmp_path: Path) -> None:
    main = """
        import time
        @hozon.persistent_cache
        def hour(x):
            return time.localtime(x).tm_hour
        hour(0)
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return hour(0) + x
        """
    check_recomputes(Case("", main, launch=zone("UTC"), relaunch=zone(TOKYO)), tmp_path)


@needs_zones
def test_a_zone_counts_as_it_was_before_the_body_set_one(tmp_path: Path) -> None:
    body = "[os.environ.update(TZ='JST-9'), time.tzset(), time.localtime(0).tm_hour][-1]"
    project, _ = run_twice(Case("", program(body), launch=zone("UTC")), tmp_path)
    assert project.run(zone("UTC")).marks == []


# What a program sets, one after the other, and which functions run again then.
OPTIONS = [
    ("pass", "numpy pandas matplotlib none"),
    ("np.set_printoptions(precision=3)", "numpy pandas matplotlib"),
    ("np.set_printoptions(threshold=1000)", ""),
    ("np.seterr(all='raise')", "numpy pandas matplotlib"),
    ("pd.set_option('display.precision', 2)", "pandas"),
    ("pd.options.display.precision = 2", ""),
    ("matplotlib.rcParams['figure.dpi'] = 50", "matplotlib"),
    ("matplotlib.rc('figure', dpi=50)", ""),
    (
        "pd.reset_option('display.precision'); matplotlib.rcdefaults(); np.seterr(all='warn', under='ignore')",
        "",
    ),
]

LIBRARIES = """
    import hozon
    import matplotlib
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    @hozon.persistent_cache
    def of_numpy(x):
        print("RAN numpy")
        return str(x)

    @hozon.persistent_cache
    def of_pandas(x):
        print("RAN pandas")
        return pd.DataFrame({"a": [x]}).to_string()

    @hozon.persistent_cache
    def of_matplotlib(x):
        print("RAN matplotlib")
        return Figure().dpi

    @hozon.persistent_cache
    def of_none(x):
        print("RAN none")
        return str(x)

    CALLS = {of_numpy: np.array([1 / 3, 2 / 3]), of_pandas: 1 / 3, of_matplotlib: 1, of_none: 1 / 3}
    for number, sets in enumerate(OPTIONS):
        exec(sets)
        print("RAN", number)
        print(*(function(argument) for function, argument in CALLS.items()))
    """


def test_options_of_libraries_count_for_what_reaches_them(tmp_path: Path) -> None:
    texts = repr([sets for sets, _ in OPTIONS])
    project = Project(tmp_path, {"main.py": LIBRARIES.replace("OPTIONS", texts)})
    cold, warm, plain = project.run(), project.run(), project.run(disabled=True)
    assert cold.result == warm.result == plain.result
    expected = [
        [f"RAN {number}", *(f"RAN {name}" for name in ran.split())] for number, (_, ran) in enumerate(OPTIONS)
    ]
    assert cold.marks == [mark for marks in expected for mark in marks]
    assert warm.marks == [f"RAN {number}" for number in range(len(OPTIONS))]


LEFT = """
    import os, time, decimal, locale
    @hozon.persistent_cache
    def f(x):
        print("RAN")
        BODY
    """


@needs_zones
@pytest.mark.parametrize(
    ("body", "call"),
    [
        ("decimal.getcontext().prec = 5", "f(1), decimal.Decimal(1) / 3"),
        ("decimal.getcontext().traps[decimal.Inexact] = True", "f(1), decimal.getcontext()"),
        ("os.environ['TZ'] = 'JST-9'; time.tzset()", "f(1), time.localtime(0).tm_hour"),
        ("locale.setlocale(locale.LC_NUMERIC, 'C.UTF-8')", "f(1), locale.setlocale(locale.LC_ALL)"),
    ],
    ids=["prec", "traps", "zone", "locale"],
)
def test_what_a_body_leaves_set_is_set_again_on_a_hit(body: str, call: str, tmp_path: Path) -> None:
    case = Case("", LEFT.replace("BODY", body), call=f"({call})[-1]", launch=zone("UTC"))
    project, cold = run_twice(case, tmp_path)
    assert cold.result == project.run(case.launch, disabled=True).result


def test_what_cannot_be_set_again_is_computed(tmp_path: Path) -> None:
    body = "import gone\n        decimal.getcontext().prec = 5"
    case = Case("", LEFT.replace("BODY", body), modules={"gone.py": ""})
    project = project_of(case, tmp_path)
    project.run()
    spoils = "import hozon._process_state as s\ns._ASPECTS['the decimal context'] = ('decimal', None, None)\n"
    main = (project.folder / "main.py").read_text()
    (project.folder / "main.py").write_text(spoils + main)
    assert project.run(says="cannot be restored").marks == ["RAN"]


@needs_zones
def test_why_names_the_state(tmp_path: Path) -> None:
    explained = "f.cache_explain(1), f(1) and 0"
    project = project_of(Case("", program("time.ctime(0)"), call=explained), tmp_path / "zones")
    project.run(zone("UTC"))
    assert project.run(zone(TOKYO)).result == ["the time zone changed 0"]
    main = program(THIRD, "decimal.getcontext().prec = 9")
    project = project_of(Case("", main, call=explained), tmp_path / "decimals")
    project.run()
    project.edit(("prec = 9", "prec = 5"))
    assert project.run().result == ["the decimal context: prec=9 → prec=5 0"]
    project.edit(("decimal.getcontext().prec = 5", "pass"))
    assert project.run().result == ["the decimal context: prec=5 → as it starts 0"]


ASSERTS = """
    @hozon.persistent_cache
    def f(x):
        print("RAN")
        found = []
        assert not found.append(x)
        return found
    """
PARSED = program("argparse.ArgumentParser().parse_known_args()[1]", "import argparse")

STARTS = [
    Case("arguments", PARSED, launch=Launch(("main.py", "a")), relaunch=Launch(("main.py", "b"))),
    Case("no assertions", ASSERTS, relaunch=Launch(("-O", "main.py"))),
    Case("no __debug__", program("__debug__"), relaunch=Launch(("-O", "main.py"))),
    sets("the recursion limit", "sys.getrecursionlimit()", "import sys; sys.setrecursionlimit(2000)",
         "import sys; sys.setrecursionlimit(3000)"),
]  # fmt: skip


@pytest.mark.parametrize("case", STARTS, ids=[case.name for case in STARTS])
def test_how_the_program_was_started_recomputes(case: Case, tmp_path: Path) -> None:
    check_recomputes(case, tmp_path)


STARTS_ALIKE = [
    Case("arguments that are not read", program("x"), relaunch=Launch(("main.py", "b"))),
    Case("arguments, and others of Python", PARSED, relaunch=Launch(("-W", "default", "main.py"))),
    Case("no assertions where there were none", program("x"), relaunch=Launch(("-O", "main.py"))),
    sets("a limit that is not read", "x", "pass", "import sys; sys.setrecursionlimit(3000)"),
]


@pytest.mark.parametrize("case", STARTS_ALIKE, ids=[case.name for case in STARTS_ALIKE])
def test_another_start_that_changes_nothing_hits(case: Case, tmp_path: Path) -> None:
    check_hits(case, tmp_path)
