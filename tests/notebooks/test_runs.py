"""Notebooks run whole: what is stored is restored, what has changed runs, and nothing else does."""

from __future__ import annotations

import time

import pytest

from notebooks.notebook_project import Project

COUNT = "import pathlib\nwith open('runs.txt', 'a') as file:\n    file.write('x')\n"


def test_a_second_run_starts_no_process(project: Project) -> None:
    project.cells("x = 2", "y = x * 3\nprint('y is', y)", "y + 1")
    first = project.run()
    assert first.states == ["ran", "ran", "ran"]
    assert first.text(2) == "y is 6\n"
    assert first.text(3) == "7"
    second = project.run()
    assert second.states == ["restored"] * 3
    assert second.report["kernel_started"] is False
    assert [second.outputs(number) for number in (1, 2, 3)] == [first.outputs(number) for number in (1, 2, 3)]


def test_only_what_depends_on_an_edit_runs(project: Project) -> None:
    project.cells("a = 1", "b = 10", "c = a + 1\nc", "d = b + 1\nd")
    project.run()
    project.cells("a = 5", "b = 10", "c = a + 1\nc", "d = b + 1\nd")
    second = project.run()
    assert second.ran == [1, 3]
    assert second.text(3) == "6"
    assert second.text(4) == "11"


def test_what_comes_out_alike_stops_the_cascade(project: Project) -> None:
    project.cells("a = 1 + 1", "b = a * 10\nb", "b")
    project.run()
    project.cells("a = 3 - 1", "b = a * 10\nb", "b")
    assert project.run().ran == [1]


def test_comments_and_places_do_not_count(project: Project) -> None:
    project.cells("a = 1", "a + 1")
    project.run()
    project.cells("# what a is\na = (1)", "'new'", "a  +  1  # more")
    assert project.run().ran == [2]


def test_a_name_given_anew_is_another_value(project: Project) -> None:
    project.cells("x = 1", "print(x)", "x = 2", "print(x)")
    first = project.run()
    assert [first.text(2), first.text(4)] == ["1\n", "2\n"]
    project.cells("x = 1", "print(x)", "x = 3", "print(x)")
    second = project.run()
    assert second.ran == [3, 4]
    assert second.text(4) == "3\n"


def test_a_cell_that_gives_the_same_value_as_an_earlier_one(project: Project) -> None:
    project.cells("x = 1", "x = 1", "print(x)")
    project.run()
    project.cells("x = 2", "x = 1", "print(x)")
    second = project.run()
    assert second.ran == [1]
    assert second.text(3) == "1\n"


def test_plan_tells_what_would_run(project: Project) -> None:
    project.cells("a = 1", "b = 10", "c = a + 1", "d = b + 1")
    assert project.plan().stale == [1, 2, 3, 4]
    project.run()
    assert project.plan().stale == []
    project.cells("a = 5", "b = 10", "c = a + 1", "d = b + 1")
    plan = project.plan()
    assert plan.stale == [1, 3]
    assert not (project.folder / "runs.txt").exists()


def test_why_a_cell_ran(project: Project) -> None:
    project.cells("RATE = 2", "price = RATE * 10\nprice")
    project.run()
    project.cells("RATE = 3", "price = RATE * 10\nprice")
    assert "RATE: 2 → 3" in project.run().why(2)


# Local code ---------------------------------------------------------------------------------------


HELPERS = "def double(x):\n    return x * 2\n\n\ndef other(x):\n    return x - 1\n\n\nRATE = 5\n"


@pytest.mark.parametrize(
    "cell",
    ["import utils\nprint(utils.double(4))", "from utils import double\nprint(double(4))"],
)
def test_a_helper_that_changes_runs_the_cell_again(project: Project, cell: str) -> None:
    project.write("utils.py", HELPERS)
    project.cells(cell)
    assert project.run().text(1) == "8\n"
    project.write("utils.py", HELPERS.replace("x * 2", "x * 3"))
    second = project.run()
    assert second.ran == [1]
    assert second.text(1) == "12\n"


def test_a_helper_in_another_cell_than_its_import(project: Project) -> None:
    project.write("utils.py", HELPERS)
    project.cells("import utils", "print(utils.double(4))", "print(utils.other(4))")
    project.run()
    project.write("utils.py", HELPERS.replace("x * 2", "x * 3"))
    second = project.run()
    assert second.ran == [2]
    assert second.text(2) == "12\n"
    assert "double() changed (utils.py:1)" in second.why(2)


def test_what_a_module_writes_while_it_is_imported_is_shown(project: Project) -> None:
    project.write(
        "loud.py", "import warnings\nprint('loud')\nwarnings.warn('careful')\ndef f():\n    return 1"
    )
    project.write("broken.py", "print('breaks')\n1 / 0")
    project.cells("from loud import *\nprint('after')", "import broken")
    first = project.run()
    texts = [output["text"] for output in first.outputs(1) if output["name"] == "stdout"]
    assert "".join(texts) == "loud\nafter\n"
    assert "careful" in first.text(1)
    assert first.text(2).startswith("breaks\nZeroDivisionError")
    assert project.run().outputs(1) == first.outputs(1)


def test_what_values_write_while_they_are_digested_is_not_shown(project: Project) -> None:
    loud = "class Loud:\n    def __reduce__(self):\n        print('loud')\n        return Loud, ()"
    project.cells(loud, "value = Loud()", "value\nprint('mine')")
    assert project.run().text(3) == "mine\n"


def test_other_code_of_the_helpers_file_does_not_count(project: Project) -> None:
    project.write("utils.py", HELPERS)
    project.cells("from utils import double", "print(double(4))")
    project.run()
    project.write("utils.py", "import os\n\n\n" + HELPERS.replace("x - 1", "x - 2"))
    assert project.run().ran == []


def test_a_variable_of_a_local_module(project: Project) -> None:
    project.write("utils.py", HELPERS)
    project.cells("from utils import RATE", "import utils", "print(RATE)", "print(utils.RATE)")
    project.run()
    project.write("utils.py", HELPERS.replace("RATE = 5", "RATE = 6"))
    second = project.run()
    assert second.ran == [1, 3, 4]
    assert [second.text(3), second.text(4)] == ["6\n", "6\n"]


def test_a_computed_variable_of_a_local_module(project: Project) -> None:
    project.write("numbers_of.py", "def make():\n    return [1, 2]\n\n\nTABLE = {n: n * n for n in make()}\n")
    project.cells("import numbers_of", "print(numbers_of.TABLE)")
    project.run()
    assert project.run().ran == []
    project.write("numbers_of.py", "def make():\n    return [1, 3]\n\n\nTABLE = {n: n * n for n in make()}\n")
    second = project.run()
    assert second.ran == [2]
    assert second.text(2) == "{1: 1, 3: 9}\n"


# Functions and classes of the notebook ------------------------------------------------------------


def test_functions_of_cells_count_by_their_code_and_what_they_read(project: Project) -> None:
    cells = ["K = 2", "def scale(x):\n    return x * K", "print(scale(10))", "print('other')"]
    project.cells(*cells)
    assert project.run().text(3) == "20\n"
    project.cells("K = 3", *cells[1:])
    second = project.run()
    assert second.ran == [1, 3]
    assert second.text(3) == "30\n"
    project.cells("K = 3", cells[1].replace("x * K", "x * K + 1"), *cells[2:])
    third = project.run()
    assert third.ran == [2, 3]
    assert third.text(3) == "31\n"


def test_instances_of_classes_of_cells_are_restored(project: Project) -> None:
    cells = ["class P:\n    def __init__(self, x):\n        self.x = x", "p = P(3)", "print(p.x)"]
    project.cells(*cells)
    project.run()
    project.cells(*cells[:2], "print(p.x + 1, type(p) is P)")
    second = project.run()
    assert second.ran == [3]
    assert second.text(3) == "4 True\n"


def test_a_cell_that_reads_a_restored_instance_is_stored(project: Project) -> None:
    # Restoring the instance makes Python note something in the class, which the cell has not done.
    cells = ["class Own:\n    size = 1", "own = Own()", "print(isinstance(own, Own), 0)"]
    project.cells(*cells)
    project.run()
    project.cells(*cells[:2], "print(isinstance(own, Own), 1)")
    assert project.run().states == ["restored", "restored", "ran"]
    assert project.run().ran == []


def test_lambdas_and_closures_are_made_again_by_their_cell(project: Project) -> None:
    project.cells("k = 2", COUNT + "f = lambda x: x * k", "print(f(4))")
    project.run()
    project.cells("k = 2", COUNT + "f = lambda x: x * k", "print(f(5))")
    second = project.run()
    assert second.text(3) == "10\n"
    project.cells("k = 3", COUNT + "f = lambda x: x * k", "print(f(5))")
    assert project.run().text(3) == "15\n"


# What is not stored -------------------------------------------------------------------------------


def test_what_cannot_be_stored_runs_only_for_what_needs_it(project: Project) -> None:
    cells = ["import threading\nlock = threading.Lock()", "n = int(lock.locked())\nprint(n)", "print('end')"]
    project.cells(*cells)
    project.run()
    assert project.run().ran == []
    project.cells(*cells[:2], "print('END')")
    assert project.run().ran == [3]
    project.cells(cells[0], "n = int(lock.locked()) + 1\nprint(n)", cells[2])
    second = project.run()
    assert 2 in second.ran
    assert second.text(2) == "1\n"


def test_a_consumed_generator_is_never_restored_halfway(project: Project) -> None:
    cells = ["g = (n for n in range(5))", "print(next(g))", "print(next(g))"]
    project.cells(*cells)
    first = project.run()
    assert [first.text(2), first.text(3)] == ["0\n", "1\n"]
    second = project.run()
    assert [second.text(2), second.text(3)] == ["0\n", "1\n"]


def test_settings_of_cells(project: Project) -> None:
    project.cells("# hozon: off\nprint('always')", "print('once')", "# hozon: ttl=0s\nprint('old')")
    project.run()
    assert project.run().ran == [1, 3]


# Files, variables, random numbers -----------------------------------------------------------------


def test_files_that_a_cell_reads_count(project: Project) -> None:
    project.write("data.txt", "one")
    project.cells("text = open('data.txt').read()", "print(text)", "print('other')")
    project.run()
    project.write("data.txt", "two")
    second = project.run()
    assert second.ran == [1, 2]
    assert second.text(2) == "two\n"
    assert "data.txt changed" in second.why(1)


def test_cells_that_append_to_one_file_come_to_rest(project: Project) -> None:
    project.write("pyproject.toml", "[tool.hozon]\nallow = ['append']\n")
    append = "with open('log.txt', 'a') as log:\n    log.write('x')"
    project.cells(append, f"{append}\nprint(2)")
    project.run()
    assert project.run().ran == []
    (project.folder / "log.txt").write_text("y")
    assert project.run().ran == [1, 2]


def test_environment_variables_that_a_cell_reads_count(project: Project) -> None:
    project.cells("import os", "print(os.environ.get('MODE'))")
    assert project.run(MODE="a").text(2) == "a\n"
    assert project.run(MODE="a").ran == []
    second = project.run(MODE="b")
    assert second.ran == [2]
    assert second.text(2) == "b\n"


def test_a_variable_that_a_cell_sets_is_there_for_later_cells(project: Project) -> None:
    cells = ["import os", "os.environ['MODE'] = 'set'", "print(os.environ['MODE'])"]
    project.cells(*cells)
    assert project.run().text(3) == "set\n"
    assert project.run().ran == []
    project.cells(*cells[:2], "print(os.environ['MODE'], 2)")
    second = project.run()
    assert second.ran == [3]
    assert second.text(3) == "set 2\n"


def test_random_numbers_go_on_where_they_were(project: Project) -> None:
    cells = ["import random", "random.seed(1)", "a = random.random()", "b = random.random()\nprint(a, b)"]
    project.cells(*cells)
    first = project.run()
    assert project.run().ran == []
    project.cells(*cells[:3], "b = random.random()\nprint(a, b, '')")
    second = project.run()
    assert second.ran == [4]
    assert second.text(4).split() == first.text(4).split()
    project.cells(cells[0], "random.seed(2)", *cells[2:])
    assert project.run().ran == [2, 3, 4]


def test_what_is_set_for_the_whole_process_counts_for_later_cells(project: Project) -> None:
    cells = [
        "import numpy as np",
        "np.set_printoptions(precision=2)",
        "values = np.array([1.23456])\nvalues",
        "print(values)",
    ]
    project.cells(*cells)
    assert project.run().text(4) == "[1.23]\n"
    project.cells(*cells[:3], "print(values, 'x')")
    second = project.run()
    assert second.ran == [4]
    assert second.text(4) == "[1.23] x\n"
    project.cells(cells[0], "np.set_printoptions(precision=3)", *cells[2:])
    third = project.run()
    assert third.text(4) == "[1.235]\n"


def test_a_context_of_decimals_that_a_cell_sets_counts_for_later_cells(project: Project) -> None:
    cells = ["import decimal", "decimal.getcontext().prec = 5", "print(decimal.Decimal(1) / 3)"]
    project.cells(*cells)
    assert project.run().text(3) == "0.33333\n"
    project.cells(*cells[:2], "print(decimal.Decimal(2) / 3)")
    second = project.run()
    assert second.ran == [3]
    assert second.text(3) == "0.66667\n"
    project.cells(cells[0], "decimal.getcontext().prec = 4", "print(decimal.Decimal(2) / 3)")
    assert project.run().text(3) == "0.6667\n"


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="needs zones that a variable can name")
def test_the_time_zone_counts_for_cells_that_read_it(project: Project) -> None:
    cells = ["import time", "print(time.localtime(0).tm_hour)", "print('other')"]
    project.cells(*cells)
    assert project.run(TZ="UTC").text(2) == "0\n"
    assert project.run(TZ="UTC").ran == []
    second = project.run(TZ="JST-9")
    assert second.ran == [2]
    assert second.text(2) == "9\n"
    assert "the time zone changed" in second.why(2)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="needs zones that a variable can name")
def test_a_time_zone_that_a_cell_sets_is_there_for_later_cells(project: Project) -> None:
    cells = [
        "import os, time",
        "os.environ['TZ'] = 'JST-9'\ntime.tzset()",
        "print(time.localtime(0).tm_hour)",
    ]
    project.cells(*cells)
    assert project.run(TZ="UTC").text(3) == "9\n"
    assert project.run(TZ="UTC").ran == []
    project.cells(*cells[:2], "print(time.localtime(3600).tm_hour)")
    second = project.run(TZ="UTC")
    assert second.ran == [3]
    assert second.text(3) == "10\n"


def test_the_first_figure_sets_nothing_for_later_cells(project: Project) -> None:
    pytest.importorskip("matplotlib")
    draw = "figure, axes = plt.subplots(figsize=(1, 1))\nplt.show()"
    cells = ["import matplotlib.pyplot as plt", draw, "print('later')", draw + "\nprint('drawn')"]
    project.cells(*cells)
    project.run()
    project.cells(cells[0], "print('none')", *cells[2:])
    assert project.run().ran == [2]


def test_interactive_stays_off_where_a_restored_cell_turned_it_off(project: Project) -> None:
    pytest.importorskip("matplotlib")
    draw = "figure, axes = plt.subplots(figsize=(1, 1))"
    off = f"{draw}\nplt.close()\nplt.ioff()\nNone"
    cells = [
        "import matplotlib.pyplot as plt\nimport matplotlib",
        off,
        f"{draw}\nprint(matplotlib.is_interactive())",
    ]
    project.cells(*cells)
    first = project.run()
    assert first.text(3) == "False\n"
    project.cells(*cells[:2], cells[2] + "\nprint('again')")
    second = project.run()
    assert second.ran == [3]
    assert second.text(3) == "False\nagain\n"


def test_a_folder_that_a_cell_goes_to(project: Project) -> None:
    project.write("inner/data.txt", "inner")
    project.write("data.txt", "outer")
    cells = ["import os\nos.chdir('inner')", "print(open('data.txt').read())", "print(1)"]
    project.cells(*cells)
    assert project.run().text(2) == "inner\n"
    assert project.run().ran == []
    project.write("inner/data.txt", "INNER")
    second = project.run()
    assert second.ran == [2]
    assert second.text(2) == "INNER\n"


# Errors -------------------------------------------------------------------------------------------


def test_an_error_stops_what_depends_on_it_and_nothing_else(project: Project) -> None:
    project.cells("x = 1 / 0", "print(x)", "print('fine')")
    done = project.run()
    assert done.code == 1
    assert done.states == ["failed", "skipped", "ran"]
    assert "ZeroDivisionError" in done.text(1)
    why = project.plan().why(1)
    assert "it ran before" in why
    assert "ZeroDivisionError" in why


def test_an_error_does_not_stop_other_cells_that_call_the_same_module(project: Project) -> None:
    project.cells("import math", "math.sqrt(-1)", "math.sqrt(4)")
    done = project.run()
    assert done.states == ["ran", "failed", "ran"]
    assert done.text(3) == "2.0"


def test_what_a_failed_cell_has_set_is_not_seen_by_later_cells(project: Project) -> None:
    setting = "os.environ['HOZON_TEST_HALF'] = 'set'"
    cells = ["import os", f"{setting}\n1 / 0", "print(os.environ.get('HOZON_TEST_HALF'))"]
    project.cells(*cells)
    first = project.run()
    assert first.states == ["ran", "failed", "ran"]
    assert first.text(3) == "None\n"
    project.cells(cells[0], setting, cells[2])
    second = project.run()
    assert second.ran == [2, 3]
    assert second.text(3) == "set\n"


def test_a_syntax_error_stops_its_cell_alone(project: Project) -> None:
    project.cells("x = = 1", "print('fine')")
    done = project.run()
    assert done.code == 1
    assert done.states == ["cannot run", "ran"]


@pytest.mark.parametrize("death", ["import os; os._exit(3)", "import os, signal; os.kill(os.getpid(), 9)"])
def test_a_process_that_dies_loses_nothing_that_was_done(project: Project, death: str) -> None:
    project.cells("x = 1", death, "print(x)")
    done = project.run()
    assert done.states == ["ran", "failed", "ran"]
    assert project.run("--frozen").states[0] == "restored"


# Options ------------------------------------------------------------------------------------------


def test_frozen_runs_nothing(project: Project) -> None:
    project.cells("x = 1", "print(x)")
    done = project.run("--frozen")
    assert done.code == 4
    assert done.ran == []
    project.run()
    assert project.run("--frozen").code == 0


def test_force_runs_all(project: Project) -> None:
    project.cells("x = 1", "print(x)")
    project.run()
    assert project.run("--force").ran == [1, 2]


def test_one_cell_with_what_it_needs(project: Project) -> None:
    project.cells("x = 1", "y = 2", "print(x)")
    done = project.run("--cell", "3")
    assert done.ran == [1, 3]
    assert done.text(3) == "1\n"


def test_parameters_take_the_place_of_values(project: Project) -> None:
    project.cells("n = 1", "print(n + 1)")
    assert project.run().text(2) == "2\n"
    second = project.run("-p", "n=41")
    assert second.text(2) == "42\n"
    assert second.ran == [2]
    assert project.run().ran == []


# Names from local modules ----------------------------------------------------------------------------


MADE = "def one():\n    return 3\n\ndef other():\n    return 5\n"
# How a name comes from a module that has not made it: the module as written, the edit that leads elsewhere, one
# that does not, and a cell that shows 3.
HANDED_ON = {
    "renamed": ("from made import one as number", "one", "import handing", "print(handing.number())"),
    "taken by the cell": ("from made import one as number", "one", "from handing import number", "print(number())"),
    "taken in one cell": ("from made import one as number", "one", "1", "from handing import number\nprint(number())"),
    "a module": ("import made as m\nnumber = 1", "made", "import handing", "print(handing.m.one())"),
    "used by a function": ("from made import one as number\ndef f():\n    return number()", "one", "import handing", "print(handing.f())"),
    "taken by a function": ("def f():\n    from through import number\n    return number()", "one", "import handing", "print(handing.f())"),
    "through two": ("from through import number", "one", "import handing", "print(handing.number())"),
    "by a star": ("from through import *", "one", "import handing", "print(handing.number())"),
    "in a choice": ("try:\n    from made import one as number\nexcept ImportError:\n    number = None", "one", "import handing", "print(handing.number())"),
    "of a library": ("from math import floor as number", "floor", "import handing", "print(handing.number(3.5))"),
}  # fmt: skip


@pytest.mark.parametrize("how", HANDED_ON)
def test_a_name_that_a_local_module_hands_on_from_another(project: Project, how: str) -> None:
    handing, led, *cells = HANDED_ON[how]
    through = "from made import one as number\n"

    def write(handing: str, through: str) -> None:
        project.write("handing.py", handing + "\n")
        project.write("through.py", through)

    project.write("made.py", MADE)
    project.write("elsewhere.py", MADE.replace("3", "5"))
    write(handing, through)
    project.cells(*cells)
    assert project.run().text(2) == "3\n"
    assert project.run().report["kernel_started"] is False
    write(f"# a comment\nimport os\n{handing}", through)
    assert project.run().text(2) == "3\n"
    elsewhere = {"one": "other", "made": "elsewhere", "floor": "ceil"}[led]
    after = "4\n" if led == "floor" else "5\n"
    if "made" in handing or led == "floor":
        write(handing.replace(led, elsewhere), through)
    else:
        write(handing, through.replace(led, elsewhere))
    assert project.run().text(2) == after


def test_other_lines_of_a_module_that_hands_a_name_on_do_not_count(project: Project) -> None:
    project.write("made.py", MADE)
    project.write("handing.py", "from made import one as number\n")
    project.cells("import handing", "print(handing.number())")
    project.run()
    project.write("handing.py", "import os\nfrom made import one as number\nfrom made import other\n")
    assert project.run().ran == []


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    ("imports", "reads"),
    [
        (["import package.inner"], "package.inner.deep()"),
        (["import package.inner", "import package"], "package.inner.deep()"),
        (["import package", "from package import inner as one"], "package.inner.deep()"),
        (["import package", "from package.inner import deep"], "package.inner.deep()"),
        (["import package.inner\ndef f():\n    return package.inner.deep()"], "f()"),
        (["import xml.dom.minidom"], "xml.dom.minidom.parseString('<a/>').documentElement.tagName"),
    ],
)
def test_what_earlier_cells_have_imported_is_in_its_package(
    project: Project, jobs: int, imports: list[str], reads: str
) -> None:
    project.write("package/__init__.py", "")
    project.write("package/inner.py", "def deep():\n    return 3\n")
    number = len(imports) + 1
    project.cells(*imports, f"print({reads})")
    first = project.run("-j", str(jobs))
    assert first.text(number) in ("3\n", "a\n")
    project.cells(*imports, f"print({reads})  # as before")
    assert project.run("-j", str(jobs)).ran == []
    project.cells(*imports, f"print({reads})\n'another'")
    again = project.run("-j", str(jobs))
    assert (again.ran, again.text(number)) == ([number], first.text(number) + "'another'")
    # Only the last of the imports runs again.
    project.cells(*imports[:-1], f"{imports[-1]}\n'another'", f"print({reads})\n'a third'")
    assert project.run("-j", str(jobs)).text(number) == first.text(number) + "'a third'"
