"""`hozon.pytest.fixture`, `--hozon-disable`, and the line at the end of a session."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import hozon.pytest

from ..conftest import Project


class Suite(Project):
    """A project whose tests are run in processes of their own."""

    def tests(self, *arguments: str, check: bool = True, **settings: str) -> str:
        """What a session prints. Plug-ins that are installed beside hozon's are not loaded."""
        settings = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **settings}
        plugins = ("-p", "hozon._pytest_plugin", "-p", "no:cacheprovider")
        done = self.run("-m", "pytest", "-q", *plugins, *arguments, check=False, **settings)
        assert (done.returncode == 0) is check, done.stdout + done.stderr
        return done.stdout

    def runs(self) -> int:
        """How often the body of a fixture ran."""
        path = self.folder / "runs"
        return len(path.read_text(encoding="utf-8")) if path.exists() else 0

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    it = Suite(tmp_path / "project", tmp_path / "home")
    it.write("counting.py", COUNTING)
    return it


# `ran` leaves a mark in a file that is no output of the body.
COUNTING = """
    def ran():
        with open("runs", "a") as runs:
            runs.write("r")
"""

CONFTEST = """
    import hozon.pytest, pytest
    from counting import ran
    from helping import helped

    FACTOR = 2

    @pytest.fixture
    def rows():
        return [1, 2, 3]

    @hozon.pytest.fixture(track_files=False, allow="append")
    def table(rows):
        ran()
        assert rows, "there are rows"
        return [helped(row) * FACTOR for row in rows]
"""

HELPING = """
    def helped(row):
        return row + 1

    def other(row):
        return row
"""

TESTS = """
    def test_one(table):
        table.append("changed by a test")

    def test_two(table):
        assert "changed by a test" not in table
        print("TABLE", table)
"""


def table_of(printed: str) -> str:
    (line,) = re.findall(r"TABLE (.*)", printed)
    return str(line)


@pytest.fixture
def cached(suite: Suite) -> Suite:
    """A suite with a cached fixture, which has run once."""
    suite.write("conftest.py", CONFTEST)
    suite.write("helping.py", HELPING)
    suite.write("test_it.py", TESTS)
    assert table_of(suite.tests("-s")) == "[4, 6, 8]"
    assert suite.runs() == 1
    return suite


def test_a_second_session_restores_the_value(cached: Suite) -> None:
    assert table_of(cached.tests("-s")) == "[4, 6, 8]"
    assert cached.runs() == 1


@pytest.mark.parametrize(
    ("file", "old", "new", "table"),
    [
        ("conftest.py", "FACTOR = 2", "FACTOR = 3", "[6, 9, 12]"),
        ("conftest.py", ") * FACTOR", ") * -FACTOR", "[-4, -6, -8]"),
        ("conftest.py", "[1, 2, 3]", "[1, 2]", "[4, 6]"),
        ("conftest.py", "there are rows", "no rows", "[4, 6, 8]"),
        ("helping.py", "row + 1", "row + 2", "[6, 8, 10]"),
    ],
    ids=["a global", "its code", "another fixture's value", "an assertion", "a helper"],
)
def test_an_edit_that_counts_computes_again(cached: Suite, file: str, old: str, new: str, table: str) -> None:
    cached.edit(file, old, new)
    assert table_of(cached.tests("-s")) == table
    assert cached.runs() == 2


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("conftest.py", "FACTOR = 2", "# A comment.\nFACTOR = 2"),
        ("conftest.py", "[1, 2, 3]", "list(range(1, 4))"),
        ("helping.py", "return row\n", "return row - 1\n"),
        ("test_it.py", 'changed by a test")', 'changed")'),
    ],
    ids=["a comment", "another way to an equal value", "another helper", "a test"],
)
def test_an_edit_that_does_not_count_restores(cached: Suite, file: str, old: str, new: str) -> None:
    cached.edit(file, old, new)
    assert table_of(cached.tests("-s")) == "[4, 6, 8]"
    assert cached.runs() == 1


def test_the_line_at_the_end(cached: Suite) -> None:
    assert re.search(r"^hozon: restored 2 results, saved [\d.]+ (µs|ms)$", cached.tests(), re.MULTILINE)
    cached.edit("conftest.py", "FACTOR = 2", "FACTOR = 3")
    assert "; computed 1\n" in cached.tests()
    cached.write("test_it.py", "def test_nothing(): pass")
    assert "hozon:" not in cached.tests()


def test_disabled(cached: Suite) -> None:
    cached.edit("conftest.py", "FACTOR = 2", "FACTOR = 3")
    entries = sorted(cached.store.rglob("*"))
    printed = cached.tests("-s", "--hozon-disable")
    assert table_of(printed) == "[6, 9, 12]"
    assert "hozon:" not in printed
    assert cached.runs() == 3, "each test computes"
    assert sorted(cached.store.rglob("*")) == entries
    cached.tests()
    assert cached.runs() == 4


def test_disabled_before_the_first_conftest_is_loaded(suite: Suite) -> None:
    suite.write(
        "conftest.py",
        """
        import hozon
        from counting import ran

        @hozon.persistent_cache(track_files=False, allow="append")
        def loaded():
            ran()

        loaded()
        """,
    )
    suite.write("test_it.py", "def test_nothing(): pass")
    for expected in (1, 2):
        suite.tests("--hozon-disable")
        assert suite.runs() == expected


def test_every_scope(suite: Suite) -> None:
    scopes = ["function", "class", "module", "package", "session"]
    fixtures = [
        f"""
@hozon.pytest.fixture(scope="{scope}", track_files=False, allow="append")
def of_{scope}():
    ran()
    return ["{scope}"]
"""
        for scope in scopes
    ]
    suite.write("conftest.py", "import hozon.pytest\nfrom counting import ran\n" + "".join(fixtures))
    names = ", ".join(f"of_{scope}" for scope in scopes)
    test = f"    def test_{{}}(self, {names}):\n        assert of_session == ['session']\n        print('IDS', {{}})\n"
    ids = "[id(each) for each in (of_class, of_module, of_package, of_session)]"
    suite.write("test_it.py", "class TestIt:\n" + "".join(test.format(name, ids) for name in ("one", "two")))
    one, two = re.findall(r"IDS (.*)", suite.tests("-s"))
    assert one == two, "one object for each scope, as ever"
    suite.tests()
    assert suite.runs() == len(scopes)


def test_parameters_enter_the_key(suite: Suite) -> None:
    suite.write(
        "test_it.py",
        """
        import hozon.pytest
        from counting import ran

        @hozon.pytest.fixture(params=[2, 3, [4]], ids=str, track_files=False, allow="append")
        def doubled(request):
            ran()
            return request.param * 2

        def test_it(doubled):
            assert doubled in (4, 6, [4, 4])
        """,
    )
    for _ in range(2):
        assert "3 passed" in suite.tests()
        assert suite.runs() == 3
    suite.edit("test_it.py", "[2, 3, [4]]", "[3, 2, [4]]")
    suite.tests()
    assert suite.runs() == 3


def test_a_fixture_of_a_class_by_another_name(suite: Suite) -> None:
    suite.write(
        "test_it.py",
        """
        import hozon.pytest
        from counting import ran

        class TestIt:
            base = 3

            @hozon.pytest.fixture(name="data", track_files=False, allow="append")
            def _data(self):
                ran()
                return self.base

            def test_it(self, data):
                assert data == self.base
        """,
    )
    suite.tests()
    suite.tests()
    assert suite.runs() == 1
    suite.edit("test_it.py", "base = 3", "base = 4")
    suite.tests()
    assert suite.runs() == 2


def test_workers_of_xdist_compute_once(suite: Suite) -> None:
    suite.write(
        "conftest.py",
        """
        import hozon.pytest, time
        from counting import ran

        @hozon.pytest.fixture(scope="session", track_files=False, allow="append")
        def slow():
            ran()
            time.sleep(0.5)
            return 3
        """,
    )
    suite.write("test_it.py", "\n".join(f"def test_{n}(slow): assert slow == 3" for n in range(2)))
    assert re.search(
        r"^hozon: restored 1 result, saved 5\d\d ms; computed 1$",
        suite.tests("-p", "xdist", "-n", "2"),
        re.MULTILINE,
    )
    assert suite.runs() == 1
    suite.tests("-p", "xdist", "-n", "2", "--hozon-disable")
    assert suite.runs() == 3


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def it():\n    yield 1", "'it' yields: .* clean up in a fixture of pytest's"),
        ("async def it():\n    return 1", "'it' is async"),
        ("async def it():\n    yield 1", "'it' is async"),
        (
            "@pytest.fixture\ndef it():\n    return 1",
            "in place of pytest.fixture, on a function, not on a fixture",
        ),
        ("class it: pass", "on a function, not on <class"),
    ],
)
def test_what_cannot_be_cached_is_refused_at_once(body: str, said: str) -> None:
    namespace = {"hozon": hozon, "pytest": pytest}
    with pytest.raises(TypeError, match=said):
        exec(f"@hozon.pytest.fixture\n{body}", namespace)


def test_a_parameter_that_nobody_knows_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'tlt'"):
        hozon.pytest.fixture(tlt="7d")(lambda: 1)


def test_what_a_request_does_not_show_says_what_to_do(suite: Suite) -> None:
    suite.write(
        "test_it.py",
        """
        import hozon.pytest, pytest

        @hozon.pytest.fixture
        def asks(request):
            return request.node.name

        @hozon.pytest.fixture
        def reads(request):
            return request.param

        def test_asks(asks): pass
        def test_reads(reads): pass
        """,
    )
    printed = suite.tests(check=False)
    assert "a cached fixture reads request.node, which cannot enter its key" in printed
    assert "a cached fixture reads request.param, but it has no parameters" in printed


def test_an_argument_without_a_digest_is_named_and_may_be_ignored(suite: Suite) -> None:
    suite.write(
        "test_it.py",
        """
        import hozon.pytest, threading, pytest

        @pytest.fixture
        def lock():
            return threading.Lock(), iter([])

        @hozon.pytest.fixture
        def value(lock):
            return 1

        @hozon.pytest.fixture(ignore=["lock"])
        def other(lock):
            return 2

        def test_value(value): pass
        def test_other(other): assert other == 2
        """,
    )
    printed = suite.tests(check=False)
    assert "UndigestibleError" in printed
    assert "lock" in printed
    assert "1 passed, 1 error" in printed


def test_pytest_loads_the_plug_in_where_hozon_is_installed() -> None:
    (plugin,) = entry_points(group="pytest11", name="hozon")
    assert plugin.value == "hozon._pytest_plugin"


def test_hozon_does_without_pytest() -> None:
    code = (
        "import sys, hozon; hozon.persistent_cache; assert 'pytest' not in sys.modules; hozon.pytest.fixture"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    missing = "import sys; sys.modules['pytest'] = None; import hozon; hozon.cache; hozon.pytest"
    done = subprocess.run([sys.executable, "-c", missing], capture_output=True, text=True)
    assert "pytest" in done.stderr.splitlines()[-1]
