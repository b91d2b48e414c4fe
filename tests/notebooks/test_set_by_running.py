"""What cells put on libraries, and set in them, that only running the cells does again."""

from __future__ import annotations

import pytest

from notebooks.notebook_project import Project, Run

METHOD = "def zz(self):\n    return self * {number}"
# How a cell puts a method or an accessor on a class of a library, and what a later cell says of it. `{number}`
# is what is edited.
PLANTED = {
    "assigned": ["from fractions import Fraction", f"{METHOD}\nFraction.zz = zz", "print(Fraction(2).zz())"],
    "assigned through the module": [
        "import fractions",
        f"{METHOD}\nfractions.Fraction.zz = zz",
        "print(fractions.Fraction(2).zz())",
    ],
    "setattr": [
        "from fractions import Fraction",
        f"{METHOD}\nsetattr(Fraction, 'zz', zz)",
        "print(Fraction(2).zz())",
    ],
    "in a loop": [
        "from decimal import Decimal\nfrom fractions import Fraction",
        f"{METHOD}\nfor cls in (Decimal, Fraction):\n    try:\n        cls.zz = zz\n"
        "    except TypeError:\n        pass",
        "print(Fraction(2).zz())",
    ],
    "by a function": [
        "from fractions import Fraction\ndef install(method):\n    Fraction.zz = method",
        f"{METHOD}\ninstall(zz)",
        "print(Fraction(2).zz())",
    ],
    "accessor": [
        "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2]})",
        "@pd.api.extensions.register_dataframe_accessor('acc')\nclass Acc:\n    def __init__(self, frame):\n"
        "        self.frame = frame\n    def total(self):\n        return int(self.frame.a.sum()) * {number}",
        "print(frame.acc.total())",
    ],
    "registered by a call": [
        "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2]})",
        "class Acc:\n    def __init__(self, frame):\n        self.frame = frame\n    def total(self):\n"
        "        return int(self.frame.a.sum()) * {number}\n"
        "register = pd.api.extensions.register_dataframe_accessor\nregister('acc')(Acc)",
        "print(frame.acc.total())",
    ],
    "a global that it reads": [
        "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2]})\nfactor = {number}",
        "@pd.api.extensions.register_dataframe_accessor('acc')\nclass Acc:\n    def __init__(self, frame):\n"
        "        self.frame = frame\n    def total(self):\n        return int(self.frame.a.sum()) * factor",
        "print(frame.acc.total())",
    ],
    "a global that is given after it": [
        "from fractions import Fraction\ndef zz(self):\n    return self * factor",
        "Fraction.zz = zz",
        "factor = {number}",
        "print(Fraction(2).zz())",
    ],
    "through an instance": [
        "from fractions import Fraction\nhalf = Fraction(1, 2)",
        f"{METHOD}\ntype(half).zz = zz",
        "print(half.zz())",
    ],
    "through the class of an instance": [
        "from fractions import Fraction\nhalf = Fraction(1, 2)",
        f"{METHOD}\nsetattr(half.__class__, 'zz', zz)",
        "print(half.zz())",
    ],
    "by a method": [
        "from fractions import Fraction\nclass Own:\n    def install(self, number):\n"
        "        self._put(number)\n    def _put(self, number):\n        Fraction.zz = number",
        "Own().install({number})",
        "print(Fraction.zz)",
    ],
    "by a lambda": [
        "from fractions import Fraction\ninstall = lambda number: setattr(Fraction, 'zz', number)",
        "install({number})",
        "print(Fraction.zz)",
    ],
    "by a local module": [
        "import planting\nfrom fractions import Fraction",
        "planting.install({number})",
        "print(Fraction.zz)",
    ],
    "a registry of the standard library": [
        "import mimetypes",
        "mimetypes.add_type('a/b{number}', '.zz')",
        "print(mimetypes.guess_type('a.zz'))",
    ],
    "a list of a module": [
        "import keyword",
        "keyword.kwlist.append('k{number}')",
        "import keyword\nprint(keyword.kwlist[-1])",
    ],
    "an adapter": [
        "import sqlite3\nclass Point:\n    pass",
        "sqlite3.register_adapter(Point, lambda point: {number})",
        "print(sqlite3.connect(':memory:').execute('select ?', [Point()]).fetchall())",
    ],
}


def cells(project: Project, how: str, number: int, *more: str) -> None:
    texts = [text.replace("{number}", str(number)) for text in PLANTED[how]]
    project.write("planting.py", "from fractions import Fraction\ndef install(n):\n    Fraction.zz = n\n")
    project.cells(*texts, *more)


def shown(project: Project, how: str, number: int, *more: str) -> str:
    """What the last cell of a notebook of its own shows that nothing is stored of."""
    cells(project, how, number, *more)
    run = project.run("--force")
    assert run.code == 0, run.err
    return run.text(len(PLANTED[how]) + len(more))


@pytest.mark.parametrize("how", PLANTED)
def test_an_edit_of_what_a_cell_puts_on_a_library_runs_what_comes_after(project: Project, how: str) -> None:
    last = len(PLANTED[how])
    cells(project, how, 3)
    first = project.run()
    assert first.code == 0, first.err
    cells(project, how, 5)
    second = project.run()
    assert second.code == 0, second.err
    assert last in second.ran
    assert second.text(last) == shown(project, how, 5) != first.text(last)


@pytest.mark.parametrize("how", PLANTED)
def test_it_is_there_for_a_cell_that_is_edited(project: Project, how: str) -> None:
    last = len(PLANTED[how])
    cells(project, how, 3)
    first = project.run()
    texts = [text.replace("{number}", "3") for text in PLANTED[how]]
    project.cells(*texts[:-1], "'another'\n" + texts[-1])
    second = project.run()
    assert second.code == 0, second.err
    assert second.text(last) == first.text(last)


@pytest.mark.parametrize("how", PLANTED)
def test_nothing_runs_again_where_nothing_has_changed(project: Project, how: str) -> None:
    cells(project, how, 3)
    project.run()
    again = project.run()
    assert again.ran == []
    assert again.report["kernel_started"] is False
    # An edit before that changes no value, and another comment, are no changes.
    texts = [text.replace("{number}", "3") for text in PLANTED[how]]
    project.cells(*[f"# {place}\n{text}" for place, text in enumerate(texts)], "new = 1")
    assert project.run().ran == [len(texts) + 1]


def test_cells_before_it_stay(project: Project) -> None:
    project.cells("from fractions import Fraction\nhalf = Fraction(1, 2)", "print(half)", "Fraction.zz = 3")
    project.run()
    project.cells("from fractions import Fraction\nhalf = Fraction(1, 2)", "print(half)", "Fraction.zz = 5")
    assert project.run().ran == [3]


def test_the_order_in_which_it_is_put_there_counts(project: Project) -> None:
    first, second = "Fraction.zz = 3", "Fraction.zz = 5"
    project.cells("from fractions import Fraction", first, second, "print(Fraction.zz)")
    assert project.run().text(4) == "5\n"
    project.cells("from fractions import Fraction", second, first, "print(Fraction.zz)")
    assert project.run().text(4) == "3\n"


def test_what_is_taken_away_is_gone(project: Project) -> None:
    project.cells("from fractions import Fraction", "Fraction.zz = 3", "print(hasattr(Fraction, 'zz'))")
    assert project.run().text(3) == "True\n"
    project.cells("from fractions import Fraction", "pass", "print(hasattr(Fraction, 'zz'))")
    assert project.run().text(3) == "False\n"


def test_attributes_of_what_the_notebook_has_made_are_followed_by_value(project: Project) -> None:
    # No such cell makes all others depend on it.
    project.cells("class Own:\n    pass\nown = Own()", "own.size = 3", "print(1)")
    project.run()
    project.cells("class Own:\n    pass\nown = Own()", "own.size = 5", "print(1)")
    assert project.run().ran == [2]


def test_an_import_beside_it_is_no_reason(project: Project) -> None:
    planting = "from fractions import Fraction\nFraction.zz = 3"
    project.cells(planting, "print(Fraction.zz)")
    project.run()
    project.cells(f"import math\n{planting}", "print(Fraction.zz)")
    assert project.run().ran == [1]
    # This one counts: what sets something reads it.
    project.cells(
        "import math\nfrom fractions import Fraction\nFraction.zz = math", "print(Fraction.zz.__name__)"
    )
    assert project.run().ran == [1, 2]
    project.cells(
        "import cmath as math\nfrom fractions import Fraction\nFraction.zz = math",
        "print(Fraction.zz.__name__)",
    )
    assert project.run().text(2) == "cmath\n"


def test_a_file_that_it_reads_counts(project: Project) -> None:
    cells = ["from fractions import Fraction\nFraction.zz = open('zz.txt').read()", "print(Fraction.zz)"]
    for text in ("three", "five"):
        project.write("zz.txt", text)
        project.cells(*cells)
        assert project.run().text(2) == f"{text}\n"


@pytest.mark.parametrize(
    "beside", ["# hozon: off\n", "import threading\nlock = threading.Lock()\n", "id(object())\n"]
)
def test_cells_that_are_not_stored_set_something_too(project: Project, beside: str) -> None:
    for number in (3, 5):
        project.cells(
            "from fractions import Fraction", f"{beside}Fraction.zz = {number}", "print(Fraction.zz)"
        )
        assert project.run().text(3) == f"{number}\n"
    project.cells("from fractions import Fraction", f"{beside}Fraction.zz = 5", "print(Fraction.zz)")
    assert 3 not in project.run().ran


def test_what_cannot_be_told_is_another_thing_each_time(project: Project) -> None:
    # An iterator that has no digest and comes from a cell that is never stored.
    made = "# hozon: off\nmade = iter([{number}])"
    for number in (3, 5):
        project.cells(
            "from fractions import Fraction",
            made.replace("{number}", str(number)),
            "Fraction.zz = next(made)",
            "print(Fraction.zz)",
        )
        assert project.run().text(4) == f"{number}\n"


def test_a_cell_that_fails_behind_it(project: Project) -> None:
    def cells(setting: str) -> list[str]:
        return ["from fractions import Fraction", setting, "import fractions\nprint(fractions.Fraction.zz)"]

    # What a cell has set that failed is seen by no other.
    project.cells(*cells("Fraction.zz = 3\n1 / 0"))
    assert project.run().text(3).startswith("AttributeError")
    project.cells(*cells("Fraction.zz = 7"))
    assert project.run().text(3) == "7\n"


def test_why_says_what_sets_it(project: Project) -> None:
    project.cells("from fractions import Fraction", "Fraction.zz = 3", "print(Fraction.zz)")
    project.run()
    project.cells("from fractions import Fraction", "Fraction.zz  =  5", "print(Fraction.zz)")
    assert "what only running sets: `Fraction.zz = 5`" in project.run().why(3)


@pytest.mark.parametrize(
    "setting",
    [
        "import io, sys\nkept = sys.stdout\nsys.stdout = io.StringIO()\nprint({number})\nsys.stdout = kept",
        "import atexit\n@atexit.register\ndef bye():\n    return {number}",
        "class Own:\n    def set(self, number):\n        self.number = number\nOwn().set({number})",
    ],
)
def test_what_later_cells_cannot_notice_is_no_reason(project: Project, setting: str) -> None:
    for number in (3, 5):
        project.cells(setting.replace("{number}", str(number)), "print(1)")
        ran = project.run().ran
    assert ran == [1]


def test_a_stream_that_is_not_put_back_stays(project: Project) -> None:
    for number in (3, 5):
        project.cells(
            "import io, sys\nsys.stdout = io.StringIO()",
            f"print({number})\nsys.stderr.write(sys.stdout.getvalue())\nNone",
        )
        assert project.run().text(2) == f"{number}\n"


def test_a_module_of_its_own_making(project: Project) -> None:
    for number in (3, 5):
        project.cells(
            f"import sys, types\nmade = types.ModuleType('made')\nmade.number = {number}\n"
            "sys.modules['made'] = made",
            "import made\nprint(made.number)",
        )
        assert project.run().text(2) == f"{number}\n"


LOGGING = (
    "import logging, sys\nlogging.basicConfig(level={level}, stream=sys.stdout, format='{sign}%(message)s')"
)


def test_settings_of_logging_are_there_for_later_cells(project: Project) -> None:
    settings = LOGGING.format(level=20, sign="> ")
    project.cells(settings, "logging.info('one')")
    assert project.run().text(2) == "> one\n"
    project.cells(settings, "logging.info('two')")
    again = project.run()
    assert (again.ran, again.text(2)) == ([2], "> two\n")
    # An edit of that cell which sets the same is no reason; one which sets another thing is.
    project.cells(f"{settings}\nnew = 1", "logging.info('two')")
    assert project.run().ran == [1]
    project.cells(LOGGING.format(level=20, sign="! "), "logging.info('two')")
    assert project.run().text(2) == "! two\n"
    project.cells(LOGGING.format(level=40, sign="! "), "logging.info('two')")
    assert project.run().outputs(2) == []


def test_loggers_with_levels_and_files_of_their_own(project: Project) -> None:
    def cells(level: int, last: str) -> list[str]:
        return [
            "import logging\nlog = logging.getLogger('own')\nlog.addHandler(logging.FileHandler('own.log'))",
            f"log.setLevel({level})",
            f"log.info('{last}')",
        ]

    log = project.folder / "own.log"
    project.cells(*cells(20, "one"))
    project.run()
    assert log.read_text() == "one\n"
    project.cells(*cells(20, "two"))
    project.run()
    assert log.read_text().endswith("two\n")
    project.cells(*cells(40, "two"))
    assert 3 in project.run().ran


def test_limits_of_python_are_there_for_later_cells(project: Project) -> None:
    setting, deep = (
        "import sys\nsys.setrecursionlimit(5000)",
        "def deep(n):\n    return n and 1 + deep(n - 1)\n",
    )
    project.cells(setting, f"{deep}print(deep(3000))")
    assert project.run().text(2) == "3000\n"
    project.cells(setting, f"{deep}print(deep(3001))")
    again = project.run()
    assert (again.ran, again.text(2)) == ([2], "3001\n")


@pytest.mark.parametrize("shell", ["get_ipython()", "shell"])
def test_what_ipython_is_told_counts_for_later_cells(project: Project, shell: str) -> None:
    for text in ("three", "five"):
        formatter = f"{shell}.display_formatter.formatters['text/plain']"
        project.cells(
            "class Own:\n    pass\nown = Own()",
            f"shell = get_ipython()\n{formatter}.for_type(Own, lambda own, p, cycle: p.text('{text}'))\nNone",
            "own",
        )
        assert project.run().text(3) == text


PATCH = "mock.patch.object(Fraction, 'zz', {number}, create=True)"
# How a library puts something on a class.
PATCHED = {
    "in one cell": [f"patch = {PATCH}\npatch.start()\nNone"],
    "at once": [f"{PATCH}.start()\nNone"],
    "in another cell": [f"patch = {PATCH}", "started = patch.start()"],
    "by name": ["mock.patch('fractions.Fraction.zz', {number}, create=True).start()\nNone"],
    "on a stack": [f"stack = contextlib.ExitStack()\nstack.enter_context({PATCH})\nNone"],
    "by a function": [
        f"def put(number):\n    {PATCH.replace('{number}', 'number')}.start()",
        "put({number})",
    ],
    "by pytest": ["patch = pytest.MonkeyPatch()\npatch.setattr(Fraction, 'zz', {number}, raising=False)"],
}


@pytest.mark.parametrize("how", PATCHED)
def test_what_a_library_puts_on_a_class(project: Project, how: str) -> None:
    imports = "import contextlib\nimport pytest\nfrom unittest import mock\nfrom fractions import Fraction"
    reads = len(PATCHED[how]) + 3

    def cells(number: int, last: str = "print(Fraction.zz)") -> list[str]:
        return [
            imports,
            "print('before')",
            *(cell.replace("{number}", str(number)) for cell in PATCHED[how]),
            last,
        ]

    for number in (3, 5):
        project.cells(*cells(number))
        done = project.run()
        assert done.text(reads) == f"{number}\n"
    assert not {1, 2} & set(done.ran)
    assert reads not in project.run().ran
    # It is there for a cell that is edited.
    project.cells(*cells(5, "print(Fraction.zz, 'edited')"))
    assert project.run().text(reads) == "5 edited\n"


def test_what_a_library_puts_back_is_no_reason(project: Project) -> None:
    for number in (3, 5):
        project.cells(
            "from unittest import mock\nfrom fractions import Fraction",
            f"with {PATCH.replace('{number}', str(number))}:\n    print(Fraction.zz)",
            "print(1)",
        )
        done = project.run()
    assert (done.ran, done.text(2)) == ([2], "5\n")


# How a cell leads what later ones print into memory: with the cell, and how its text is had.
LED_AWAY = {
    "by a name": ["kept = io.StringIO()\nsys.stdout = kept", "kept.getvalue()"],
    "by a function": ["kept = io.StringIO()\nredirected = contextlib.redirect_stdout(kept).__enter__()", "kept.getvalue()"],
    "in bytes": ["raw = io.BytesIO()\nsys.stdout = led = io.TextIOWrapper(raw, write_through=True)", "raw.getvalue().decode()"],
    "in a list": [
        "class Tee:\n    def __init__(self):\n        self.parts = []\n    def write(self, text):\n"
        "        self.parts.append(text)\n    def flush(self):\n        pass\nkept = Tee()\nsys.stdout = kept",
        "''.join(kept.parts)",
    ],
    "errors": ["kept = io.StringIO()\nsys.stderr = kept\nprint = lambda text: sys.stderr.write(text + '\\n')", "kept.getvalue()"],
}  # fmt: skip


@pytest.mark.parametrize("how", LED_AWAY)
@pytest.mark.parametrize("is_put_back", [False, True])
def test_what_cells_print_into_memory_is_what_later_ones_find_there(
    project: Project, how: str, is_put_back: bool
) -> None:
    leads, text = LED_AWAY[how]
    back = "sys.stdout, sys.stderr = streams"
    end = [back, f"found = {text}"] if is_put_back else [f"found = {text}\n{back}"]
    for number in (3, 5, 5):
        project.cells(
            "import contextlib, io, sys\nstreams = sys.stdout, sys.stderr",
            leads,
            f"print('{number}')\nNone",
            *end,
            "sys.stdout.write(found)\nNone",
        )
        done = project.run()
        assert done.code == 0, done.err
        assert done.text(len(end) + 4) == f"{number}\n"
    # What nobody has led elsewhere is restored.
    assert not {1, len(end) + 4} & set(done.ran)


def test_streams_that_lead_on_to_the_same_place(project: Project) -> None:
    leads = "import io, sys\nsys.stdout = io.TextIOWrapper(sys.stdout.buffer, 'utf-8', write_through=True)"
    for _ in range(2):
        project.cells(leads, "print('é')", "print(2)")
        done = project.run()
        assert (done.text(2), done.text(3)) == ("é\n", "2\n")
    assert done.ran == []


LIBRARY = """
class Graph:
    def __init__(self):
        self.nodes = {}


class State:
    names = []

    def __init__(self):
        self.parts = {"noted": []}
        self.last = None


NOTED = []
STATE = State()


def set_attributes(graph, value):
    graph.nodes["a"] = value


def add(graph, value):
    set_attributes(graph, value)
    NOTED.append(value)


def add_deep(graph, value):
    set_attributes(graph, value)
    STATE.parts["noted"].append(value)


def add_to_class(graph, value):
    set_attributes(graph, value)
    State.names.append(value)


def add_last(graph, value):
    set_attributes(graph, value)
    STATE.last = value


def replace(graph, value):
    global NOTED
    set_attributes(graph, value)
    NOTED = [value]


def enable(graph, value):
    NOTED.append(value)


def noted():
    return [*NOTED, *STATE.parts["noted"], *State.names, STATE.last][0]
"""
IN_ONE_CELL = "graph = library.Graph()\n"


def of_library(project: Project, *cells: str) -> Run:
    folder = project.folder / "site-packages"
    project.write("site-packages/library.py", LIBRARY)
    about = "Metadata-Version: 2.1\nName: library\nVersion: 1.0\n"
    project.write("site-packages/library-1.0.dist-info/METADATA", about)
    project.write("site-packages/library-1.0.dist-info/RECORD", "library.py,,\n")
    project.cells("import library", *cells)
    done = project.run(PYTHONPATH=str(folder))
    assert done.code == 0, done.err
    return done


def test_a_function_of_no_module_can_be_called(project: Project) -> None:
    """As libraries make them by `exec`, in a namespace without a name."""
    made = "names = {}\nexec('def f(x): return x + 1', names)\nf = names.pop('f')\nnames.clear()"
    project.cells(made, "y = f(2)\nprint(y)")
    first = project.run()
    assert "cannot tell" not in first.why(2)
    assert first.text(2) == project.run().text(2) == "3\n"


def test_a_call_of_a_local_module_that_only_changes_a_variable(project: Project) -> None:
    project.write("library.py", LIBRARY)
    for number in (3, 5):
        project.cells(
            "import library\ngraph = library.Graph()", f"library.set_attributes(graph, {number})", "print(1)"
        )
        done = project.run()
    assert done.ran == [2]


@pytest.mark.parametrize("made", ["graph = library.Graph()", ""])
def test_a_call_of_a_library_that_only_changes_a_variable(project: Project, made: str) -> None:
    before = "" if made else IN_ONE_CELL
    for number in (3, 5):
        done = of_library(
            project,
            made or "pass",
            f"{before}library.set_attributes(graph, {number})",
            "print(1)",
            "print(graph.nodes)",
        )
        assert done.text(5) == f"{{'a': {number}}}\n"
    assert done.ran == [3, 5]


@pytest.mark.parametrize("made", ["graph = library.Graph()", ""])
@pytest.mark.parametrize("name", ["add", "add_deep", "add_to_class", "add_last", "replace", "enable"])
def test_a_call_of_a_library_that_sets_something_beside(project: Project, made: str, name: str) -> None:
    before = "" if made else IN_ONE_CELL
    for number in (3, 5):
        done = of_library(
            project,
            made or "pass",
            f"{before}library.{name}(graph, {number})",
            "print(library.noted())",
        )
        assert done.text(4) == f"{number}\n"
    assert 2 not in done.ran
    # It is there for a cell that is edited.
    done = of_library(
        project, made or "pass", f"{before}library.{name}(graph, 5)", "print(library.noted(), 'edited')"
    )
    assert done.text(4) == "5 edited\n"
