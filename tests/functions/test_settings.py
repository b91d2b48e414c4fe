"""Where parameters come from: call, environment, header, pyproject, default, in that order."""

from __future__ import annotations

import pytest

from ..conftest import Project

# What `resolve` gives for the script itself, without a call.
SHOW = """
import hozon
from hozon._config import UNSET
from hozon._functions import file_of
def f(): pass
decorator = hozon.persistent_cache(CALL)
o = decorator(f).__closure__[0].cell_contents.options
print(o.ttl, o.ignore, o.pin_hozon_lib, o.pin_sys_libs, o.pin_local_libs, o.cache_exceptions)
print(o.folder)
"""

DEFAULT = "None () minor major code False"


def shown(project: Project, call: str = "", header: str = "", **environment: str) -> list[str]:
    project.write("main.py", header + SHOW.replace("CALL", call))
    return project.lines(**environment)


def test_defaults(project: Project) -> None:
    assert shown(project) == [DEFAULT, str(project.store)]


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("HOZON_TTL", "1h", DEFAULT.replace("None", "3600.0")),
        ("HOZON_PIN_HOZON_LIB", "patch", DEFAULT.replace("minor", "patch")),
        ("HOZON_PIN_SYS_LIBS", "none", DEFAULT.replace("major", "None")),
        ("HOZON_PIN_LOCAL_LIBS", "None", DEFAULT.replace("code", "None")),
        ("HOZON_CACHE_EXCEPTIONS", "1", DEFAULT.replace("False", "True")),
        ("HOZON_CACHE_EXCEPTIONS", "off", DEFAULT),
        ("HOZON_TRACK_FILES", "0", DEFAULT),
    ],
)
def test_variables(project: Project, variable: str, value: str, expected: str) -> None:
    assert shown(project, **{variable: value})[0] == expected


def test_save_path_and_ignore_as_variables(project: Project) -> None:
    elsewhere = str(project.folder / "elsewhere")
    assert shown(project, HOZON_SAVE_PATH=elsewhere)[1] == elsewhere
    printed = project.main(
        """
        import hozon
        @hozon.persistent_cache
        def f(x, verbose, log=None): return x
        print(f(1, True, log=print) == f(1, object(), log=open), f.cache_info().hits)
        """,
        HOZON_IGNORE="verbose, log",
    )
    assert printed == ["True 1"]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("HOZON_TTL", "soon", "ttl is 'soon'"),
        ("HOZON_PIN_SYS_LIBS", "micro", "pin_sys_libs is 'micro'"),
        ("HOZON_CACHE_EXCEPTIONS", "maybe", "HOZON_CACHE_EXCEPTIONS is 'maybe'"),
        ("HOZON_DISABLE", "maybe", "HOZON_DISABLE is 'maybe'"),
        ("HOZON_SAVE_PATH", "", "save_path is empty"),
        ("HOZON_MAX_SIZE", "much", "max_size is 'much'"),
        ("HOZON_MAX_STORE_SIZE", "much", "max_store_size is 'much'"),
    ],
)
def test_bad_variables(project: Project, variable: str, value: str, words: str) -> None:
    project.write("main.py", "import hozon\n@hozon.persistent_cache\ndef f(): pass\nf()\n")
    done = project.run(check=False, **{variable: value})
    assert "ValueError" in done.stderr
    assert words in done.stderr


@pytest.mark.parametrize("value", ["1", "true", "YES", "on"])
def test_disable_turns_every_cache_off(project: Project, value: str) -> None:
    text = """
        import asyncio, hozon
        @hozon.persistent_cache
        def f(x): print("f"); return x
        @hozon.persistent_cache
        async def a(): print("a")
        @hozon.persistent_cache
        def g(): print("g"); yield 1
        for _ in range(2):
            f(object()); asyncio.run(a()); list(g())
            with hozon.cached_context("n"): print("block")
            hozon.save(lambda: print("saved"), "s")
    """
    assert project.main(text, HOZON_DISABLE=value) == ["f", "a", "g", "block", "saved"] * 2
    assert not project.store.exists()


HEADER = '# /// script\n# dependencies = []\n# [tool.hozon]\n# ttl = "2h"\n# pin_sys_libs = "patch"\n# ///\n'


def test_each_source_yields_to_the_one_before(project: Project) -> None:
    project.write(
        "pyproject.toml", '[tool.hozon]\nttl = "1h"\npin_hozon_lib = "patch"\nsave_path = "stored/here"\n'
    )
    pyproject = "3600.0 () patch major code False"
    assert shown(project) == [pyproject, str(project.folder / "stored" / "here")]
    header = "7200.0 () patch patch code False"
    assert shown(project, header=HEADER)[0] == header
    assert shown(project, header=HEADER, HOZON_TTL="3h")[0] == header.replace("7200", "10800")
    assert shown(project, "ttl='4h'", header=HEADER, HOZON_TTL="3h")[0] == header.replace("7200", "14400")
    assert shown(project, "ttl=None", header=HEADER, HOZON_TTL="3h")[0] == header.replace("7200.0", "None")


def test_settings_reach_blocks_and_save(project: Project) -> None:
    project.write("pyproject.toml", '[tool.hozon]\nsave_path = "here"\n')
    project.main(
        "import hozon\nwith hozon.cached_context('n'): x = 1\nhozon.save(lambda: 1, 's')\nprint(hozon.load('s'))"
    )
    assert (project.folder / "here").is_dir()
    assert not project.store.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[tool.hozon]\nttl = "soon"\n', "ttl is 'soon'"),
        ('[tool.hozon]\ntll = "1h"\n', "`tll`, which is not one of"),
        ("[tool.hozon]\nttl = \n", "cannot be read"),
        ('[tool.hozon]\nsave_path = "../outside"\n', "inside the project"),
        ('[tool.hozon]\npin_sys_libs = "micro"\n', "pin_sys_libs"),
        ("[tool]\nhozon = 5 # tool.hozon\n", "must be a table"),
    ],
)
def test_bad_settings_of_a_project(project: Project, text: str, words: str) -> None:
    project.write("pyproject.toml", text)
    project.write("main.py", "import hozon\n@hozon.persistent_cache\ndef f(): pass\nf()\n")
    done = project.run(check=False)
    assert "ValueError" in done.stderr
    assert words in done.stderr


def test_a_project_without_settings_or_with_none_at_all(project: Project) -> None:
    project.write("pyproject.toml", "this is = not [toml\n")
    assert shown(project)[0] == DEFAULT
    (project.folder / "pyproject.toml").unlink()
    (project.folder / ".git").mkdir()
    assert shown(project) == [DEFAULT, str(project.store)]


def test_the_nearest_project_folder_holds_the_store(project: Project) -> None:
    project.write("deep/er/main.py", "import hozon\nhozon.persistent_cache(lambda: 1)()\n")
    project.run("deep/er/main.py")
    assert project.store.is_dir()
    project.write("deep/pyproject.toml", "")
    project.run("deep/er/main.py")
    assert (project.folder / "deep" / ".hozon").is_dir()
