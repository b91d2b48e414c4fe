"""One key everywhere: any Python, hash seed, locale, working directory, and a second copy of the project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import hozon

from ..conftest import Project

HELPERS = """
    import dataclasses, enum, functools, threading
    Y, TABLE, LOCK = 1, {"a": lambda x: x, "b": len}, threading.Lock()
    class Color(enum.Enum):
        RED = 1
        def go(self): return self.value
    @dataclasses.dataclass
    class Point:
        x: int = 1
        tags: list = dataclasses.field(default_factory=list)
    class Base:
        def __init__(self, y=1): self.y = y
        def __add__(self, other): return self.y
        @property
        def z(self): return self.y
    class Sub(Base):
        def go(self): return super().__add__(1)
    @functools.singledispatch
    def dispatch(x): return x
    @dispatch.register
    def _(x: int): return x + 1
    def helper(x, *, rate=0.5): return x * rate + Y
    def locked(x):
        with LOCK: return x
    def generator(x): yield x
    async def later(x): return x
    def make(y):
        def inner(x): return x + y
        return inner
    closure = make(3)
"""

SNIPPETS = {
    "plain": "def f(): return 1",
    "helper": "def f(): return helpers.helper(1)",
    "closure": "def f(): return helpers.closure(1)",
    "table": "def f(): return helpers.TABLE['a'](1)",
    "class": "def f(): return helpers.Sub().go()",
    "property": "def f(): return helpers.Base().z",
    "enum": "def f(): return helpers.Color.RED.go()",
    "dataclass": "def f(): return helpers.Point().x",
    "dispatch": "def f(): return helpers.dispatch(1)",
    "lock": "def f(): return helpers.locked(1)",
    "generator": "def f(): return list(helpers.generator(1))",
    "async": "async def f(): return await helpers.later(1)",
    "lambda": "f = lambda: helpers.helper(1)",
    "comprehension": "def f(): return [helpers.helper(i) for i in range(3)]",
    "nested": "def f():\n    def g(): return helpers.helper(1)\n    return g()",
    "try": "def f():\n    try: return 1\n    except* ValueError: pass",
    "match": "def f():\n    match helpers.Point():\n        case helpers.Point(x=1): return 1",
    "f-string": "def f(): return f'{helpers.Y!r:>{10}} {\"a\"}'",
    "getattr": "def f(): return getattr(helpers, 'help' + 'er')(1)",
    "import": "def f():\n    import helpers as h\n    return h.helper(1)",
    "set": "VALUE = {'a', 'b', 'c', 'd', 1, 2.5}\ndef f(): return VALUE",
    "frozen": "VALUE = frozenset([('a', 1), ('b', 2), ('c', 3)])\ndef f(): return VALUE",
    "date": "import datetime\nVALUE = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)\ndef f(): return VALUE",
    "object": "VALUE = helpers.Sub(3)\ndef f(): return VALUE + 1",
    "values": "VALUE = [1, 1.5, -0.0, 2j, b'a', 'a', None, ..., range(3), slice(1), 2**100]\ndef f(): return VALUE",
    "paths": "import pathlib, decimal, fractions\nVALUE = [pathlib.PurePosixPath('a/b'), decimal.Decimal('1.0'), fractions.Fraction(1, 3)]\ndef f(): return VALUE",
    "pattern": "import re\nVALUE = re.compile('a+', re.I)\ndef f(): return VALUE",
    "collections": "import collections\nVALUE = [collections.OrderedDict(a=1), collections.deque([1], 3), collections.Counter('aab')]\ndef f(): return VALUE",
    "exception": "VALUE = ValueError('a', 1)\ndef f(): return VALUE",
    "type": "VALUE = [int, helpers.Sub, helpers.helper, len]\ndef f(): return VALUE",
}  # fmt: skip

MAIN = """
    import sys, hozon, helpers
    import snippets
    for name, function in snippets.ALL.items():
        print(name, hozon.persistent_cache(pin_sys_libs=PIN)(function).cache_key())
"""


def pythons() -> dict[str, str]:
    """The Pythons of this machine that hozon serves, by version."""
    found = {}
    for minor in range(11, 15):
        named = [shutil.which(f"python3.{minor}")]
        named += sorted(map(str, (Path.home() / ".pyenv/versions").glob(f"3.{minor}.*/bin/python")))
        for python in filter(None, named):
            if _works(python, minor):
                found[f"3.{minor}"] = python
    return found


@cache
def _works(python: str, minor: int) -> bool:
    command = [python, "-c", "import sys; print(sys.version_info[1])"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() == str(minor)


def keys(
    project: Project, python: str = sys.executable, pin: str | None = None, **environment: str
) -> list[str]:
    project.write("helpers.py", HELPERS)
    names = {name: f"snippet_{number}" for number, name in enumerate(SNIPPETS)}
    for name, module in names.items():
        project.write(f"{module}.py", f"import helpers\n{SNIPPETS[name]}\n")
    imports = "".join(f"import {module}\n" for module in names.values())
    table = ", ".join(f"{name!r}: {module}.f" for name, module in names.items())
    project.write("snippets.py", f"{imports}ALL = {{{table}}}\n")
    project.write("main.py", MAIN.replace("PIN", repr(pin)))
    path = str(Path(hozon.__file__).parents[1])
    return project.lines(str(project.folder / "main.py"), python=python, PYTHONPATH=path, **environment)


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("pin", [None, "major"])
def test_other_pythons(project: Project, version: str, pin: str | None) -> None:
    python = pythons().get(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    assert keys(project, python, pin) == keys(project, pin=pin)


def test_a_python_counts_at_its_pin(project: Project) -> None:
    others = [python for version, python in pythons().items() if version != "{}.{}".format(*sys.version_info)]
    if not others:
        pytest.skip("there is one Python only here")
    assert not set(keys(project, others[0], "minor")) & set(keys(project, pin="minor"))


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONHASHSEED": "0"}, {"PYTHONHASHSEED": "42"}, {"LC_ALL": "C"}, {"LC_ALL": "C.UTF-8"}, {"PYTHONUTF8": "0"},
     {"PYTHONOPTIMIZE": "1"}, {"PYTHONDONTWRITEBYTECODE": "1"}, {"TZ": "Asia/Tokyo"}, {"PYTHONDEVMODE": "1"}],
    ids=str,
)  # fmt: skip
def test_other_surroundings(project: Project, environment: dict[str, str]) -> None:
    assert keys(project, **environment) == keys(project, PYTHONHASHSEED="7")


def test_other_folders(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = keys(project)
    (tmp_path / "elsewhere").mkdir()
    copy = Project(tmp_path / "elsewhere" / "other name", project.home)
    assert keys(copy) == first
    path = str(Path(hozon.__file__).parents[1])
    for folder in (tmp_path, Path("/")):
        done = subprocess.run(
            [sys.executable, project.folder / "main.py"],
            cwd=folder, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        assert done.stdout.splitlines() == first, done.stderr


def test_each_snippet_has_a_key_of_its_own(project: Project) -> None:
    found = [line.split()[-1] for line in keys(project)]
    assert len(set(found)) == len(found) == len(SNIPPETS)
