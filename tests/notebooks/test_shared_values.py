"""Values of notebooks that share objects, and changes in place: of what names, classes and modules hold."""

from __future__ import annotations

import json

import pytest

from notebooks.notebook_project import Project


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
