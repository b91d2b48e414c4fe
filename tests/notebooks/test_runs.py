"""Notebooks run whole: what is stored is restored, what has changed runs, and nothing else does."""

from __future__ import annotations

import json
import time
from pathlib import Path

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


# Sharing and changes in place ---------------------------------------------------------------------


def test_a_function_is_the_same_before_and_after_what_it_reads_is_there(project: Project) -> None:
    project.cells("def f():\n    return g()", "g = lambda: 3", "print(f())")
    project.run()
    project.cells("def f():\n    return g()", "g = lambda: 4", "print(f())")
    assert project.run().text(3) == "4\n"
    # The first cell was run again behind the second one.
    assert project.run().ran == []


def test_a_change_in_place_is_an_output(project: Project) -> None:
    cells = ["rows = [1]", "rows.append(2)", "print(rows)"]
    project.cells(*cells)
    assert project.run().text(3) == "[1, 2]\n"
    assert project.run().ran == []
    project.cells(*cells[:2], "print(rows, 'again')")
    second = project.run()
    assert second.ran == [3]
    assert second.text(3) == "[1, 2] again\n"
    project.cells("rows = [7]", *cells[1:])
    third = project.run()
    assert third.text(3) == "[7, 2]\n"


def test_a_change_through_another_name(project: Project) -> None:
    cells = ["rows = [1]", "box = {'rows': rows}", "box['rows'].append(2)", "print(rows)"]
    project.cells(*cells)
    assert project.run().text(4) == "[1, 2]\n"
    project.cells(*cells[:3], "print(rows, box)")
    second = project.run()
    assert second.ran == [4]
    assert second.text(4) == "[1, 2] {'rows': [1, 2]}\n"
    project.cells(cells[0], "box = {'rows': list(rows)}", *cells[2:])
    third = project.run()
    assert third.text(4) == "[1]\n"


def test_a_value_that_a_class_holds_too(project: Project) -> None:
    cells = ["class A:\n    shared = []", "held = A.shared", "A.shared.append(8)", "print(held, A.shared)"]
    project.cells(*cells)
    assert project.run().text(4) == "[8] [8]\n"
    assert project.run().text(4) == "[8] [8]\n"
    project.cells(*cells[:3], "print(held, A.shared, 1)")
    assert project.run().text(4) == "[8] [8] 1\n"


def test_a_change_of_what_a_class_holds_depends_on_where_the_class_is_made(project: Project) -> None:
    """The cell that changes the list is the same before and after the class; what it does is not."""
    start, change, made = "held = [4, 6]", "held.pop()", "class A:\n    shared = held"
    project.cells(start, change, made, "print(held, A.shared)")
    assert project.run().text(4) == "[4] [4]\n"
    project.cells(start, made, change, "print(held, A.shared)")
    assert project.run().text(4) == "[4] [4]\n"
    project.cells(start, made, change, "print(held, A.shared, 1)")
    assert project.run().text(4) == "[4] [4] 1\n"


def test_a_change_in_place_depends_on_all_that_shares_the_object(project: Project) -> None:
    """The cell that changes `a` gives `b` too, as it is then."""
    cells = ["a = [1]\nc = [1]", "b = [a, 3]", "a.append(2)", "c.append(4)", "print(b, c)"]
    project.cells(*cells)
    assert project.run().text(5) == "[[1, 2], 3] [1, 4]\n"
    project.cells(cells[0], "b = [a, 8]", *cells[2:])
    second = project.run()
    assert second.ran == [2, 3, 5]
    assert second.text(5) == "[[1, 2], 8] [1, 4]\n"
    project.cells(*cells)
    assert project.run().ran == []


def test_a_change_of_what_is_shared_with_something_without_a_digest(project: Project) -> None:
    lock = "import threading\na = [1]\nb = [a, {}, threading.Lock()]"
    cells = [lock.format(3), "a.append(2)", "print(a, b[1])"]
    project.cells(*cells)
    assert project.run().text(3) == "[1, 2] 3\n"
    project.cells(lock.format(8), *cells[1:])
    assert project.run().text(3) == "[1, 2] 8\n"


def test_restored_values_share_what_they_shared(project: Project) -> None:
    cells = ["a = [1]\nb = [a, a]\nc = {'a': a}", "print(1)"]
    project.cells(*cells)
    project.run()
    project.cells(cells[0], "a.append(2)\nprint(b, c)")
    second = project.run()
    assert second.ran == [2]
    assert second.text(2) == "[[1, 2], [1, 2]] {'a': [1, 2]}\n"


def test_values_of_two_cells_share_what_they_shared(project: Project) -> None:
    cells = ["a = [1]", "b = [a, 5]", "print(1)"]
    project.cells(*cells)
    project.run()
    project.cells(*cells[:2], "a.append(2)\nprint(b)")
    second = project.run()
    assert second.ran == [3]
    assert second.text(3) == "[[1, 2], 5]\n"


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


# Formats ------------------------------------------------------------------------------------------


def test_a_marimo_notebook(project: Project) -> None:
    project.write(
        "app.py",
        "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _(x):\n    _y = x + 1\n    print(_y)\n    return\n\n\n"
        "@app.cell\ndef _():\n    x = 1\n    _y = 5\n    return (x,)\n\n\n"
        'if __name__ == "__main__":\n    app.run()\n',
    )
    first = project.run(name="app.py")
    assert first.states == ["ran", "ran"]
    assert first.text(1) == "2\n"
    assert project.run(name="app.py").states == ["restored", "restored"]


def test_what_stops_a_marimo_cell_stops_no_other_cell_that_uses_marimo(project: Project) -> None:
    project.marimo("import marimo as mo", "mo.stop(True, 'why')\nx = 1", "mo.md('text')", "print(x)")
    for state in ("ran", "restored"):
        done = project.run()
        assert done.states == [state, "stopped", state, "skipped"]
        assert "text" in done.text(3) or "text" in str(done.outputs(3))


def test_a_stopped_cell_stops_no_cell_that_reads_the_same_value(project: Project) -> None:
    project.marimo(
        "import marimo as mo", "word = ['x']", "mo.stop(len(word) < 2)\none = 1", "print(word)", "print(one)"
    )
    for state in ("ran", "restored"):
        done = project.run()
        assert done.states == [state, state, "stopped", state, "skipped"]
        assert done.text(4) == "['x']\n"


def test_a_function_that_reaches_a_part_of_a_library_that_loads_late_is_stored(project: Project) -> None:
    pytest.importorskip("numpy")
    project.cells(
        "import numpy as np", "def draw(n):\n    return np.random.rand(n)", "np.random.seed(0)\nx = draw(3)"
    )
    assert project.run().states == ["ran", "ran", "ran"]
    assert project.run().ran == []


def test_what_marimo_asks_its_kernel_for(project: Project) -> None:
    cached = "@mo.cache\ndef twice(n):\n    return n * 2"
    method = "class Model:\n    @mo.persistent_cache\n    def fit(self, n):\n        print('fit')\n        return n * 3"
    project.marimo(
        "import marimo as mo",
        cached,
        "print(twice(3), twice(3))",
        method,
        "print(Model().fit(1), Model().fit(1))",
        "_own = six = twice(3)\nprint(mo.refs(), mo.defs())",
    )
    done = project.run()
    assert done.states == ["ran", "ran", "ran", "ran", "ran, not stored", "ran"], done.err
    assert [done.text(3), done.text(5)] == ["6 6\n", "fit\n3 3\n"]
    assert done.text(6) == "('mo', 'twice') ('six',)\n"


@pytest.mark.parametrize("name", ["markdown.py", "marimo.py"])
def test_a_marimo_notebook_with_the_name_of_a_package_of_marimos(project: Project, name: str) -> None:
    project.write("beside.py", "WORD = 'found'")
    project.marimo("import marimo as mo", "mo.md('*a*').text", "import beside\nbeside.WORD", name=name)
    first = project.run(name=name)
    assert first.states == ["ran"] * 3
    assert "<em>a</em>" in first.text(2)
    assert first.text(3) == "'found'"


def test_sql_of_marimo_reads_variables(project: Project) -> None:
    pytest.importorskip("duckdb")
    cells = [
        "import marimo as mo\nimport polars",
        "frame = polars.DataFrame({'a': [1, 42]})",
        'total = mo.sql(f"SELECT max(a) AS total FROM frame", output=False)',
        "print(total['total'].to_list())",
    ]
    project.marimo(*cells)
    first = project.run()
    assert first.text(4) == "[42]\n", first.err
    assert project.run().ran == []
    project.marimo(cells[0], cells[1].replace("42", "43"), *cells[2:])
    assert project.run().text(4) == "[43]\n"


def test_a_display_that_later_cells_update(project: Project) -> None:
    cells = [
        "shown = display('begun', display_id='progress')",
        "shown.update('half')",
        "shown.update('done')",
    ]
    project.cells(*cells)
    first = project.run()
    assert [first.text(number) for number in (1, 2, 3)] == ["'done'", "", ""]
    assert set(first.outputs(1)[0]) == {"output_type", "data", "metadata"}
    second = project.run()
    assert second.ran == []
    assert second.text(1) == "'done'"
    project.cells(*cells[:2], "shown.update('over')")
    third = project.run()
    assert third.ran == [3]
    assert third.text(1) == "'over'"
    assert project.command("run", "notebook.py").out == "'begun'\n'half'\n'over'\n"


def test_a_jupyter_notebook_is_not_rewritten(project: Project) -> None:
    def cell(source: str) -> dict[str, object]:
        return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}

    notebook = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [cell("x = 3"), cell("x * 2")]}
    path = project.write("n.ipynb", json.dumps(notebook))
    before = path.read_bytes()
    first = project.run(name="n.ipynb")
    assert first.text(2) == "6"
    assert project.run(name="n.ipynb").ran == []
    assert path.read_bytes() == before


def test_the_shell_of_ipython_is_no_input_of_the_cell_that_needs_it_first(project: Project) -> None:
    project.cells("x = 1", "from IPython.display import display\ndisplay(x)")
    assert project.run().states == ["ran", "ran"]
    assert project.run().ran == []


def test_a_plain_script(project: Project) -> None:
    project.write(
        "script.py", "import math\nx = math.floor(2.5)\nprint(x)\nfor i in range(2):\n    print(i)\n"
    )
    done = project.command("run", "script.py")
    assert done.out == "2\n0\n1\n"
    assert project.command("run", "script.py").out == "2\n0\n1\n"


def test_top_level_await(project: Project) -> None:
    project.cells("import asyncio", "await asyncio.sleep(0)\nx = 4", "print(x)")
    assert project.run().text(3) == "4\n"
    assert project.run().ran == []


def test_outputs_of_the_same_cell_are_the_same_in_the_page(project: Project, tmp_path: Path) -> None:
    project.cells("print('shown <b>text</b>')")
    project.run("--html", "page.html")
    page = (project.folder / "page.html").read_text()
    assert "shown &lt;b&gt;text&lt;/b&gt;" in page


# More of what cells share -------------------------------------------------------------------------


def test_a_class_that_another_cell_changes(project: Project) -> None:
    cells = ["class P:\n    n = 1", "P.n = 5", "print(P.n)"]
    project.cells(*cells)
    assert project.run().text(3) == "5\n"
    project.cells(*cells[:2], "print(P.n, P().n)")
    second = project.run()
    assert second.text(3) == "5 5\n"


def test_views_of_one_array_stay_views(project: Project) -> None:
    cells = ["import numpy as np", "a = np.zeros(6)\nhead = a[:2]", "tail = a[4:]", "print(1)"]
    project.cells(*cells)
    project.run()
    project.cells(*cells[:3], "a[:] = 7\nprint(head, tail)", "print(head + tail)")
    second = project.run()
    assert second.ran == [4, 5]
    assert second.text(4) == "[7. 7.] [7. 7.]\n"
    assert second.text(5) == "[14. 14.]\n"
    project.cells(*cells[:3], "a[:] = 7\nprint(head, tail)", "print(head - tail)")
    third = project.run()
    assert third.ran == [5]
    assert third.text(5) == "[0. 0.]\n"


def test_a_figure_that_later_cells_draw_on(project: Project) -> None:
    cells = [
        "import matplotlib.pyplot as plt",
        "fig, ax = plt.subplots()",
        "line = ax.plot([1, 2])",
        "title = ax.set_title('drawn')",
        "print(len(ax.lines), ax.get_title())",
    ]
    project.cells(*cells)
    assert project.run().text(5) == "1 drawn\n"
    assert project.run().ran == []
    project.cells(*cells[:4], "print(ax.get_title(), len(ax.lines))")
    assert project.run().text(5) == "drawn 1\n"


def test_a_connection_is_brought_to_where_it_was(project: Project) -> None:
    cells = [
        "import sqlite3",
        "con = sqlite3.connect(':memory:')",
        "made = con.execute('create table t (n integer)') and 1",
        "done = con.execute('insert into t values (4)') and 1",
        "print(con.execute('select n from t').fetchall())",
    ]
    project.cells(*cells)
    assert project.run().text(5) == "[(4,)]\n"
    project.cells(*cells[:4], "print(con.execute('select n + 1 from t').fetchall())")
    assert project.run().text(5) == "[(5,)]\n"


def test_a_deleted_name_is_gone(project: Project) -> None:
    cells = ["x = 1", "del x", "print('x' in globals())"]
    project.cells(*cells)
    assert project.run().text(3) == "False\n"
    assert project.run().ran == []
    project.cells(*cells[:2], "print('x' in globals(), 2)")
    assert project.run().text(3) == "False 2\n"


def test_a_thousand_names_that_share_an_object(project: Project) -> None:
    project.write("many.py", "one = []\nfor number in range(1500):\n    globals()[f'n{number}'] = [one]\n")
    project.cells("from many import *\nn1499.append(2)", "n7[0], n1499")
    assert project.run().text(2) == "([], [[], 2])"
    assert project.run().text(2) == "([], [[], 2])"


def test_a_name_that_a_cell_may_give(project: Project) -> None:
    cells = ["x = 1\nflag = False", "if flag:\n    x = 2", "print(x)"]
    project.cells(*cells)
    assert project.run().text(3) == "1\n"
    assert project.run().ran == []
    project.cells("x = 1\nflag = True", *cells[1:])
    assert project.run().text(3) == "2\n"
    project.cells("x = 5\nflag = False", *cells[1:])
    assert project.run().text(3) == "5\n"


def test_what_a_cell_sets_in_a_local_module(project: Project) -> None:
    project.write(
        "utils.py",
        "_mode = 'a'\nSEEN = []\n\n\ndef configure(mode):\n    global _mode\n    _mode = mode\n\n\n"
        "def compute():\n    return _mode + str(len(SEEN))\n",
    )
    cells = ["import utils", "utils.configure('b')", "utils.SEEN.append(1)", "print(utils.compute())"]
    project.cells(*cells)
    assert project.run().text(4) == "b1\n"
    assert project.run().ran == []
    project.cells(*cells[:3], "print(utils.compute(), 2)")
    assert project.run().text(4) == "b1 2\n"
    project.cells(cells[0], "utils.configure('c')", *cells[2:])
    assert project.run().text(4) == "c1\n"


@pytest.mark.parametrize("target", ["helpers.Thing.base", "helpers.scale.base"])
def test_what_a_cell_sets_of_code_of_a_local_module(project: Project, target: str) -> None:
    thing = "class Thing:\n    base = 1\n    def step(self):\n        return self.base\n"
    project.write("helpers.py", f"{thing}def scale():\n    return scale.base\nscale.base = 1\n")
    called = "helpers.Thing().step()" if "Thing" in target else "helpers.scale()"
    # The second cell reads what the first one sets, so that it is reached.
    cells = ["import helpers", f"{called}\n{target} = NUMBER", f"print({called})", "print(1)"]

    def write(number: int) -> None:
        project.cells(*(cell.replace("NUMBER", str(number)) for cell in cells))

    write(2)
    assert project.run().text(3) == "2\n"
    write(11)
    assert project.run().text(3) == "11\n"
    write(2)
    again = project.run()
    assert again.text(3) == "2\n"
    assert 3 not in again.ran


def test_a_function_that_registers_itself(project: Project) -> None:
    cells = [
        "handlers = []\n\n\ndef register(f):\n    handlers.append(f)\n    return f",
        "@register\ndef first():\n    return 1",
        "print([f() for f in handlers])",
    ]
    project.cells(*cells)
    assert project.run().text(3) == "[1]\n"
    project.cells(*cells[:2], "print([f() for f in handlers], first())")
    assert project.run().text(3) == "[1] 1\n"


def test_magics_that_change_nothing_are_no_reason_to_run(project: Project) -> None:
    def cell(source: str) -> dict[str, object]:
        return {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}

    cells = [cell("%matplotlib inline\nx = 3"), cell("x * 2")]
    project.write("n.ipynb", json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells}))
    assert project.run(name="n.ipynb").text(2) == "6"
    assert project.run(name="n.ipynb").ran == []


def test_a_name_that_a_function_gives_the_value_it_had(project: Project) -> None:
    cells = ["flag = True", "def f():\n    global flag\n    flag = True", "f()", "print(flag)"]
    project.cells(*cells)
    project.run()
    project.cells("flag = False", *cells[1:])
    assert project.run().text(4) == "True\n"


def test_a_class_that_is_changed_through_its_instance(project: Project) -> None:
    cells = ["class P: pass", "p = P()", "type(p).k = 3", "print(P.k)"]
    project.cells(*cells)
    assert project.run().text(4) == "3\n"
    project.cells(*cells[:3], "print(P.k, 'again')")
    assert project.run().text(4) == "3 again\n"


def test_a_result_kept_by_functools_that_is_changed(project: Project) -> None:
    cells = [
        "import functools",
        "@functools.lru_cache\ndef f(x):\n    return [x]",
        "f(1).append(5)",
        "print(f(1))",
    ]
    project.cells(*cells)
    project.run()
    project.cells(*cells[:3], "print(f(1), 'again')")
    assert project.run().text(4) == "[1, 5] again\n"


@pytest.mark.parametrize("change", ["E.A.value.append({})", "E.A.label = [1, {}]"])
def test_a_member_of_an_enumeration_that_is_changed(project: Project, change: str) -> None:
    enumeration = "import enum\nclass E(enum.Enum):\n    A = [1]\n    B = 2"
    shown = "print(getattr(E.A, 'label', E.A.value), E.B)"
    project.cells(enumeration, change.format(2), shown)
    assert project.run().text(3) == "[1, 2] E.B\n"
    project.cells(enumeration, change.format(3), shown)
    assert project.run().text(3) == "[1, 3] E.B\n"
    project.cells(enumeration, change.format(3), f"'again'\n{shown}")
    assert project.run().text(3) == "[1, 3] E.B\n"


def test_an_enumeration_that_nothing_changes_is_its_statement(project: Project) -> None:
    cells = ["import enum\nclass E(enum.Enum):\n    A = [1]\n    B = 2", "one = E.A", "print(one, E.B)"]
    project.cells(*cells)
    project.run()
    project.cells(
        "import enum\nclass E(enum.Enum):\n    A = [1]\n    B = 2\n# more", "one = E.A", "print(one)"
    )
    assert project.run().ran == [3]


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
