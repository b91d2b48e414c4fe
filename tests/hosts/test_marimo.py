"""Whole cells in marimo's own kernel and scripts, with `cells = true` and without."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..conftest import Project

pytest.importorskip("marimo")

TELL = """
import json, runpy
try:
    runpy.run_path("nb.py", run_name="__main__")
except ZeroDivisionError:
    print("failed")
from hozon.hosts import _marimo_cells
told = [one for _, session in _marimo_cells._sessions.values() for one in session.told]
json.dump([[one.state, one.why] for one in told], open("told.json", "w"))
"""
HEAD = "import marimo\n\napp = marimo.App()\n\n"
FOOT = '\nif __name__ == "__main__":\n    app.run()\n'
CELLS = [
    "import marimo as mo\nimport os",
    "x = 2\n_hidden = 3\nprint('in x', _hidden)",
    "_k = 4\ndef scaled(v):\n    return v * _k\nopen('runs.txt', 'a').write('x')\nNone",
    "y = [scaled(x), os.sep]\ny",
    "mo.md(f'**{y}**')",
    "z = y\nz.append(1)",
    "print(y)",
]
R, S = "restored", "stored"


def notebook(project: Project, cells: list[str], *, name: str = "nb.py") -> Path:
    parts = []
    for cell in cells:
        body = "".join(f"    {line}\n" for line in cell.split("\n"))
        is_async = "async " if "await" in cell else ""
        parts.append(f"@app.cell\n{is_async}def _():\n{body}    return\n\n")
    return project.write(name, HEAD + "".join(parts) + FOOT)


def script(project: Project, *, on: bool = True) -> tuple[str, list[str]]:
    """What a script prints, and what came of its cells."""
    project.write("tell.py", TELL)
    done = project.run("tell.py", HOZON_CELLS="1" if on else "0")
    return done.stdout, [state for state, _ in json.loads((project.folder / "told.json").read_text())]


def shown(project: Project, *, on: bool) -> list[Any]:
    """What the cells show in marimo's kernel."""
    command = [str(Path(sys.executable).with_name("marimo")), "-q", "export", "session", "--no-sandbox", "--force-overwrite", "nb.py"]  # fmt: skip
    settings = {**project.settings(), "HOZON_CELLS": "1" if on else "0"}
    subprocess.run(
        command, cwd=project.folder, env={**os.environ, **settings}, capture_output=True, timeout=120
    )
    session = project.folder / "__marimo__" / "session" / "nb.py.json"
    cells = json.loads(session.read_text())["cells"]
    session.unlink()
    same = r"0x[0-9a-f]+|(random|object)-id=['\"\\]*[\w-]+|marimo_\d+|object-id[^>]*"
    return [re.sub(same, "…", json.dumps([cell["outputs"], cell["console"]])) for cell in cells]


def test_a_script_of_marimo(project: Project) -> None:
    notebook(project, CELLS)
    plain = script(project, on=False)
    assert plain[1] == []
    assert script(project) == (plain[0], [S] * 7)
    assert script(project) == (plain[0], [R] * 7)
    assert (project.folder / "runs.txt").read_text() == "xx"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("_k = 4", "_k = 5", [R, R, S, S, S, S, S]),
        ("_k = 4", "_k = 4  # four", [R] * 7),
        ("x = 2", "x = 1 + 1", [R, S, R, R, R, R, R]),
        ("v * _k", "_k * v", [R, R, S, S, R, R, R]),
    ],
)
def test_an_edit_runs_what_depends_on_it(old: str, new: str, expected: list[str], project: Project) -> None:
    notebook(project, CELLS)
    script(project)
    notebook(project, [cell.replace(old, new) for cell in CELLS])
    plain = script(project, on=False)
    printed, states = script(project)
    assert printed == plain[0]
    assert states == expected


KERNEL = [
    *CELLS,
    "import pandas as pd\nd = pd.DataFrame({'a': [1, 2]})\nd",
    "mo.vstack([mo.md('# hi'), d.describe()])",
    "slider = mo.ui.slider(1, 9)\nslider",
    "mo.md(f'{slider} is {slider.value}')",
    "mo.stop(True, 'stopped here')\nq = 1",
    "mo.output.append('one')\nmo.output.append('two')",
    "import asyncio\nawait asyncio.sleep(0.01)\nr = 7\nr",
    "1 / 0",
    "get, set_ = mo.state(0)",
    "get()",
]


def test_marimos_kernel_shows_what_it_does_without_hozon(project: Project) -> None:
    notebook(project, KERNEL)
    plain = shown(project, on=False)
    assert shown(project, on=True) == plain
    assert shown(project, on=True) == plain


# Ways to show something that is not the value of the last expression.
OUTPUTS = {
    "appended": "mo.output.append(1)\nmo.output.append(mo.md('**two**'))",
    "a value instead": "mo.output.append(1)\n'the value'",
    "replaced": "mo.output.append(1)\nmo.output.replace([2])\nprint('text')",
    "at an index": "mo.output.append(1)\nmo.output.append(2)\nmo.output.replace_at_index('first', 0)",
    "cleared": "mo.output.append(1)\nmo.output.clear()",
    "console cleared": "print('gone')\nmo.output.clear_console()\nprint('there')",
    "redirected": "with mo.redirect_stdout():\n    print('up')\nprint('down')",
    "captured": "with mo.capture_stdout() as held:\n    print('kept')\nheld_text = held.getvalue()\nheld_text",
    "a bar": "for i in mo.status.progress_bar(range(3), title='bar', show_rate=False, show_eta=False):\n    pass",
    "a spinner": "with mo.status.spinner(title='wait', remove_on_exit=True):\n    pass",
    "an image": "image = mo.image(b'GIF89a')\nmo.output.append(image)\nmo.output.append(mo.as_html(image))",
    "a figure": "plt.plot([1, 2])\nplt.show()\nprint('under it')\nmo.md('above it')",
    "a tree that is not kept": "{'a': [1, 2.5], 'b': mo}",
    "a table": "mo.plain(pd.DataFrame({'a': [1]}))",
}


def test_outputs_are_shown_again(project: Project) -> None:
    first = "import marimo as mo\nimport pandas as pd\nimport matplotlib.pyplot as plt"
    counted = [f"print('ran', file=open('{name}.ran', 'a'))\n{code}" for name, code in OUTPUTS.items()]
    notebook(project, [first, *counted])

    def counts() -> dict[str, int]:
        return {file.stem: len(file.read_text()) // 4 for file in project.folder.glob("*.ran")}

    plain = shown(project, on=False)
    assert shown(project, on=True) == plain
    assert counts() == dict.fromkeys(OUTPUTS, 2)
    assert shown(project, on=True) == plain
    assert counts() == dict.fromkeys(OUTPUTS, 2)


def test_what_marimos_kernel_has_kept_serves_scripts_and_hozon_run(project: Project) -> None:
    notebook(project, CELLS)
    shown(project, on=True)
    assert script(project)[1] == [R] * 7
    report = json.loads(project.run("-m", "hozon", "run", "nb.py", "--json").stdout)
    assert [cell["state"] for cell in report["cells"]] == [R] * 7


def test_what_hozon_run_has_kept_serves_marimo(project: Project) -> None:
    notebook(project, CELLS)
    project.run("-m", "hozon", "run", "nb.py")
    assert script(project)[1] == [R] * 7


RANDOM = [
    "import random\nimport numpy as np",
    "random.seed(3)\nnp.random.seed(4)\na = random.random()\nprint(a)",
    "b = [a, random.random(), float(np.random.rand())]\nprint(b)",
    "c = [*b, random.random(), float(np.random.rand())]\nprint(c)",
]


def test_random_numbers_are_those_of_a_run_without_hozon(project: Project) -> None:
    notebook(project, RANDOM)
    plain = script(project, on=False)[0]
    assert script(project) == (plain, [S] * 4)
    assert script(project) == (plain, [R] * 4)
    # What runs draws from the states that the restored cells left.
    cells = [*RANDOM[:3], RANDOM[3].replace("random.random()", "random.randrange(1000)")]
    notebook(project, cells)
    plain = script(project, on=False)[0]
    assert script(project) == (plain, [R] * 3 + [S])
    assert script(project) == (plain, [R] * 4)


def test_random_numbers_in_marimos_kernel(project: Project) -> None:
    """What marimo draws for the names of its files counts as without hozon, too."""
    cells = ["import marimo as mo", *RANDOM, "print(random.random())\nmo.image(b'GIF89a')"]
    notebook(project, cells)
    plain = shown(project, on=False)
    assert shown(project, on=True) == plain
    assert shown(project, on=True) == plain


def test_a_file_that_a_cell_reads(project: Project) -> None:
    notebook(project, ["text = open('data.txt').read()", "print(len(text))", "print('else')"])
    project.write("data.txt", "one")
    project.write("other.txt", "one")
    assert script(project)[1] == [S, S, S]
    project.write("other.txt", "another")
    assert script(project) == ("3\nelse\n", [R, R, R])
    project.write("data.txt", "three")
    assert script(project) == ("5\nelse\n", [S, S, R])
    project.write("data.txt", "one")
    assert script(project) == ("3\nelse\n", [R, R, R])


def test_of_marimos_at_once_one_runs_a_cell(project: Project) -> None:
    """Three scripts, and a kernel."""
    cell = "import time\ntime.sleep(2)\nopen('runs.txt', 'a').write('x')\nprint('made')\nx = 5"
    notebook(project, [cell, "print(x)"])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOZON_")}
    given = {"cwd": project.folder, "env": inherited | project.settings() | {"HOZON_CELLS": "1"}}
    scripts = [
        subprocess.Popen([sys.executable, "nb.py"], stdout=subprocess.PIPE, text=True, **given)
        for _ in range(3)
    ]
    in_kernel = shown(project, on=True)
    assert [process.communicate(timeout=60)[0] for process in scripts] == ["made\n5\n"] * 3
    assert ["made" in in_kernel[0], "5" in in_kernel[1]] == [True, True]
    assert (project.folder / "runs.txt").read_text() == "x"


def test_what_a_script_has_kept_is_complete_in_a_kernel(project: Project) -> None:
    names = ["appended", "console cleared", "a figure"]
    frame = "d = pd.DataFrame({'a': [1]})\nd"
    first = "import marimo as mo\nimport pandas as pd\nimport matplotlib.pyplot as plt"
    notebook(project, [first, *(OUTPUTS[name] for name in names), frame])
    script(project)
    in_kernel = shown(project, on=True)
    assert "1" in in_kernel[1]
    assert "two" in in_kernel[1]
    assert "there" in in_kernel[2]
    assert "gone" not in in_kernel[2]
    assert "image/png" in in_kernel[3]
    assert "marimo-table" in in_kernel[4]


def test_elements_count_by_what_they_are_set_to(project: Project) -> None:
    """As where a person moves a slider between two runs of the cell that reads it."""
    project.write(
        "moved.py",
        """
        import sys
        import marimo as mo
        from marimo._ast.compiler import compile_cell
        from marimo._runtime.executor.executor import DefaultExecutor
        from hozon.hosts import _marimo_cells

        names = {"__name__": "__main__", "__file__": "moved.py"}
        run = _marimo_cells.Executor(DefaultExecutor())
        def cell(code, id):
            return run.execute_cell(compile_cell(code, cell_id=id), names)
        cell("import marimo as mo", "a")
        cell("slider = mo.ui.slider(1, 9)", "b")
        for value in sys.argv[1].split(","):
            names["slider"]._update(int(value))
            print(cell("n = slider.value * 10\\nn", "c"))
        print([one.state for _, session in _marimo_cells._sessions.values() for one in session.told][2:])
        """,
    )

    def moved(values: str) -> list[str]:
        return project.run("moved.py", values, HOZON_CELLS="1").stdout.splitlines()

    assert moved("2,3,2") == ["20", "30", "20", str([S, S, R])]
    assert moved("3,5") == ["30", "50", str([R, S])]


def test_files_of_the_kernel_are_kept_with_what_shows_them(project: Project) -> None:
    """HTML has the digest and the look of the file that it leads to, whatever the kernel calls that."""
    project.write(
        "files.py",
        """
        import pickle
        from marimo import Html
        from marimo._runtime.virtual_file.storage import InMemoryStorage, VirtualFileStorageManager
        from hozon._pickling import dumps, loads
        import hozon

        storage = VirtualFileStorageManager().storage = InMemoryStorage()

        @hozon.persistent_cache
        def length(html): return len(html.text)

        def html(name, content):
            storage.store(name, content)
            return Html(f"<img src='./@file/{len(content)}-{name}'>")

        one, same, other = html("1-a.png", b"ab"), html("1-b.png", b"ab"), html("1-c.png", b"cd")
        print(length.cache_key(one) == length.cache_key(same), length.cache_key(one) == length.cache_key(other))
        payload, buffers = dumps(one)
        storage.remove("1-a.png")
        kept = loads(payload, buffers)
        print(kept.text, kept.serialized_mime_bundle["data"] == kept.text)
        print(length.cache_key(kept) == length.cache_key(same))
        try:
            dumps(one)
        except pickle.PicklingError as error:
            print(error)
        """,
    )
    lines = project.lines("files.py")
    assert lines[0] == "True False"
    assert lines[1] == "<img src='data:image/png;base64,YWI='> True"
    assert lines[2] == "True"
    assert "cannot be read" in lines[3]


def test_it_is_off_unless_it_is_asked_for(project: Project) -> None:
    notebook(project, CELLS)
    project.write("tell.py", TELL)
    project.run("tell.py")
    assert json.loads((project.folder / "told.json").read_text()) == []
    project.write("pyproject.toml", "[tool.hozon]\ncells = true\n")
    project.run("tell.py")
    assert len(json.loads((project.folder / "told.json").read_text())) == 7


def test_a_marimo_that_hozon_does_not_know_runs_its_own_way(project: Project) -> None:
    project.write(
        "unknown.py",
        """
        import warnings, marimo
        marimo.__version__ = "9.1.0"
        from hozon.hosts._marimo_cells import executor
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            print(type(executor()).__name__, type(executor()).__name__)
        print(*[str(one.message) for one in caught], sep="\\n")
        """,
    )
    lines = project.run("unknown.py", HOZON_CELLS="1").stdout.splitlines()
    assert lines[0] == "DefaultExecutor DefaultExecutor"
    assert len(lines) == 2
    assert "marimo 9.1.0" in lines[1]
