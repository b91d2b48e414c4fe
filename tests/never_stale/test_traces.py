"""What a computation looks at while it runs: files, directories, statuses, variables, random states.

A row is a program, what it looks at, and an edit of that after which it must run again, or must not.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from never_stale.harness import Case, Launch, check_hits, check_recomputes

READS = """
    import os, json
    from pathlib import Path
    @hozon.persistent_cache
    def f(x):
        print("RAN")
        return {}
    """


def reads(expression: str) -> str:
    return READS.replace("{}", expression)


def writes(name: str, text: str) -> Callable[[Path], Path]:
    def edit(folder: Path) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return folder

    return edit


def removes(name: str) -> Callable[[Path], Path]:
    def edit(folder: Path) -> Path:
        (folder / name).unlink()
        return folder

    return edit


def same_stat(name: str, text: str) -> Callable[[Path], Path]:
    """Writes as many bytes and dates the file back: only the time of the inode tells."""

    def edit(folder: Path) -> Path:
        path = folder / name
        before = path.stat()
        assert len(text) == before.st_size
        path.write_text(text)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        return folder

    return edit


def touches(name: str) -> Callable[[Path], Path]:
    def edit(folder: Path) -> Path:
        os.utime(folder / name, (time.time() - 10,) * 2)
        return folder

    return edit


def replaces(name: str, text: str) -> Callable[[Path], Path]:
    """As editors do: another file takes the name."""

    def edit(folder: Path) -> Path:
        (folder / "new").write_text(text)
        os.replace(folder / "new", folder / name)
        return folder

    return edit


def links(name: str, target: str) -> Callable[[Path], Path]:
    def edit(folder: Path) -> Path:
        (folder / name).unlink()
        (folder / name).symlink_to(target)
        return folder

    return edit


def permits(name: str, mode: int) -> Callable[[Path], Path]:
    def edit(folder: Path) -> Path:
        (folder / name).chmod(mode)
        return folder

    return edit


def makes_one_of_two(name: str, other: str) -> Callable[[Path], Path]:
    def edit(folder: Path) -> Path:
        (folder / other).unlink()
        (folder / other).hardlink_to(folder / name)
        return folder

    return edit


DATA = {
    "here.py": "",
    "data.txt": "one",
    "data/a.txt": "1",
    "data/b.txt": "2",
    "other.txt": "else",
    "set.ini": "[a]",
}

# name, expression, edit, whether the result stays the same
FILES = [
    ("open", "open('data.txt').read()", writes("data.txt", "two!"), False),
    ("open, as many bytes, dated back", "open('data.txt').read()", same_stat("data.txt", "two"), False),
    ("open, file replaced", "open('data.txt').read()", replaces("data.txt", "two"), False),
    ("open in binary", "open('data.txt', 'rb').read()", writes("data.txt", "two"), False),
    ("os.open", "os.read(os.open('data.txt', os.O_RDONLY), 9)", writes("data.txt", "two"), False),
    ("pathlib", "Path('data.txt').read_text()", writes("data.txt", "two"), False),
    ("absolute path", "open(os.path.abspath('data.txt')).read()", writes("data.txt", "two"), False),
    ("beside the program", "(Path(__file__).parent / 'data.txt').read_text()", writes("data.txt", "two"), False),
    ("only a part is read", "open('data.txt').read(1)", writes("data.txt", "oops"), True),
    ("two files, the second changes", "open('other.txt').read() + open('data.txt').read()", writes("data.txt", "two"), False),
    ("mmap", "[bytes(__import__('mmap').mmap(f.fileno(), 0, access=1)) for f in [open('data.txt', 'rb')]]",
     writes("data.txt", "two"), False),
    ("a missing file appears", "open('no.txt').read() if os.path.exists('no.txt') else 'none'", writes("no.txt", "yes"), False),
    ("a missing file is tried", "[p.read_text() for p in [Path('no.txt')] if p.is_file()]", writes("no.txt", "yes"), False),
    ("a file goes", "os.path.exists('data.txt')", removes("data.txt"), False),
    ("a module appears", "__import__('importlib.util').util.find_spec('beside') is None", writes("beside.py", ""), False),
    ("a package appears", "__import__('importlib.util').util.find_spec('beside') is None", writes("beside/__init__.py", ""), False),
    ("a module goes", "__import__('importlib.util').util.find_spec('here') is None", removes("here.py"), False),
    ("size", "os.path.getsize('data.txt')", writes("data.txt", "four"), False),
    ("time of change", "os.path.getmtime('data.txt')", touches("data.txt"), False),
    ("status", "os.stat('data.txt').st_size", writes("data.txt", "four"), False),
    ("file becomes a link", "open('data.txt').read()", links("data.txt", "other.txt"), False),
    ("listdir", "sorted(os.listdir('data'))", writes("data/c.txt", ""), False),
    ("scandir", "sorted(e.name for e in os.scandir('data'))", removes("data/a.txt"), False),
    ("permissions", "os.stat('data/a.txt').st_mode", permits("data/a.txt", 0o600), False),
    ("whether it may be run", "os.access('data/a.txt', os.X_OK)", permits("data/a.txt", 0o755), False),
    ("where a link leads", "os.readlink('link')", links("link", "data/b.txt"), False),
    ("where a path leads", "os.path.realpath('link')[-5:]", links("link", "data/b.txt"), False),
    ("which file it is", "os.path.samefile('data/a.txt', 'data/b.txt')", makes_one_of_two("data/a.txt", "data/b.txt"), False),
    ("scandir and size", "sorted(e.stat().st_size for e in os.scandir('data'))", writes("data/a.txt", "four"), False),
    ("scandir and time", "[e.stat().st_mtime for e in os.scandir('data') if e.name == 'a.txt']", touches("data/a.txt"), False),
    ("scandir by path and size", "[e.stat().st_size for e in os.scandir(Path('data')) if isinstance(e, os.DirEntry) and e.name == 'a.txt']",
     writes("data/a.txt", "four"), False),
    ("glob", "sorted(p.name for p in Path('data').glob('*.txt'))", writes("data/c.txt", ""), False),
    ("glob reads files", "[p.read_text() for p in sorted(Path('data').glob('*.txt'))]", writes("data/a.txt", "9"), False),
    ("os.walk", "sorted(f for _, _, fs in os.walk('data') for f in fs)", writes("data/deep/c.txt", ""), False),
    ("glob module", "sorted(__import__('glob').glob('data/*.txt'))", writes("data/c.txt", ""), False),
    ("json", "json.load(open('data/a.txt'))", writes("data/a.txt", "7"), False),
    ("configparser", "(lambda c: (c.read('set.ini'), c.sections()))(__import__('configparser').ConfigParser())", writes("set.ini", "[x]"), False),
    ("sqlite", "__import__('sqlite3').connect('file:base.db?mode=ro', uri=True).execute('select x from t').fetchall()", None, False),
    ("gzip", "__import__('gzip').open('data.gz').read()", None, False),
    ("zipfile", "__import__('zipfile').ZipFile('data.zip').namelist()", None, False),
    ("pickle", "__import__('pickle').load(open('data.pickle', 'rb'))", None, False),
    ("csv", "list(__import__('csv').reader(open('data.txt')))", writes("data.txt", "a,b"), False),
    ("numpy load", "__import__('numpy').load('data.npy').tolist()", None, False),
    ("numpy fromfile", "__import__('numpy').fromfile('data.txt', dtype='u1').tolist()", writes("data.txt", "two"), False),
    ("numpy memmap", "__import__('numpy').memmap('data.txt', mode='r').tolist()", writes("data.txt", "two"), False),
    ("pandas csv", "__import__('pandas').read_csv('table.csv').to_dict()", writes("table.csv", "a\n5\n"), False),
    ("pandas parquet", "__import__('pandas').read_parquet('table.parquet').to_dict()", None, False),
    ("pyarrow", "__import__('pyarrow.parquet').parquet.read_table('table.parquet').to_pydict()", None, False),
    ("polars csv", "__import__('polars').read_csv('table.csv').to_dict(as_series=False)", writes("table.csv", "a\n5\n"), False),
    ("polars scan", "__import__('polars').scan_csv('table.csv').collect().to_dict(as_series=False)", writes("table.csv", "a\n5\n"), False),
]  # fmt: skip


def make(folder: Path, number: int) -> Path:
    """Writes the binary files with other contents for another number."""
    import gzip
    import pickle
    import sqlite3
    import zipfile

    import numpy
    import pandas

    with gzip.open(folder / "data.gz", "wb") as file:
        file.write(b"%d" % number)
    (folder / "data.zip").unlink(missing_ok=True)
    with zipfile.ZipFile(folder / "data.zip", "w") as archive:
        archive.writestr(f"{number}.txt", "")
    (folder / "data.pickle").write_bytes(pickle.dumps(number))
    with contextlib.suppress(FileExistsError):
        (folder / "link").symlink_to("data/a.txt")
    with sqlite3.connect(folder / "base.db") as base:
        base.execute("drop table if exists t")
        base.execute("create table t (x)")
        base.execute("insert into t values (?)", (number,))
    base.close()
    numpy.save(folder / "data.npy", numpy.array([number]))
    pandas.DataFrame({"a": [number]}).to_parquet(folder / "table.parquet")
    return folder


@pytest.mark.parametrize(("name", "expression", "edit", "same"), FILES, ids=[row[0] for row in FILES])
def test_an_edit_of_what_was_looked_at(
    name: str, expression: str, edit: object, same: bool, tmp_path: Path
) -> None:
    (tmp_path / "project").mkdir()
    make(tmp_path / "project", 1)
    changed = edit if edit is not None else lambda folder: make(folder, 2)
    data = {**DATA, "table.csv": "a\n1\n"}
    check_recomputes(Case(name, reads(expression), changed, modules=data, same_result=same), tmp_path)  # type: ignore[arg-type]


# What a function is called, in which module, does not matter.
NAMED = [
    ("stat", "look('data/a.txt').st_size", "from os import stat as look", writes("data/a.txt", "four")),
    ("lstat", "lstat('data/a.txt').st_size", "from os import lstat", writes("data/a.txt", "four")),
    ("scandir", "[e.stat().st_size for e in scandir('data') if e.name == 'a.txt']", "from os import scandir",
     writes("data/a.txt", "four")),
    ("access", "access('data/new.txt', os.R_OK)", "from os import access", writes("data/new.txt", "")),
    ("in a module", "helper.size('data/a.txt')", "import helper", writes("data/a.txt", "four")),
    ("of a module", "look('data/a.txt').st_size", "from helper import look", writes("data/a.txt", "four")),
]  # fmt: skip
HELPER = """
    from os import stat as look
    def size(path):
        return look(path).st_size
    """


@pytest.mark.parametrize(("name", "expression", "line", "edit"), NAMED, ids=[row[0] for row in NAMED])
def test_a_status_under_another_name(
    name: str, expression: str, line: str, edit: Callable[[Path], Path], tmp_path: Path
) -> None:
    case = Case(name, f"{line}\n" + dedent(reads(expression)), edit, modules={**DATA, "helper.py": HELPER})
    check_recomputes(case, tmp_path)


def test_names_are_as_they_were_after_a_run(tmp_path: Path) -> None:
    main = """
        import os
        from os import stat as look
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return look("main.py").st_size > 0
        assert f(1)
        assert look is os.stat
        assert type(look) is type(len)
        """
    check_hits(Case("names", main, writes("other.txt", "")), tmp_path)


def test_a_key_is_the_same_within_another_run(tmp_path: Path) -> None:
    main = """
        import os
        from os import stat as look
        @hozon.persistent_cache
        def inner(x):
            print("RAN inner")
            return [e.stat().st_size for e in os.scandir("data")], look("data/a.txt").st_size
        @hozon.persistent_cache
        def outer(x):
            print("RAN outer")
            return inner(x)
        """
    alone = ("print(outer(1))", "print(inner(1))")
    check_hits(Case("alone", main, alone, call="outer(1)", modules=DATA, mark="RAN inner"), tmp_path)


def test_a_file_that_was_not_asked_for(tmp_path: Path) -> None:
    read = dedent(reads("stat('data/a.txt').st_size, len([e.name for e in scandir('data')])"))
    main = "from os import scandir, stat\n" + read
    check_hits(Case("another file", main, writes("data/b.txt", "four"), modules=DATA), tmp_path)


# name, expression, environment before, environment after, whether the result stays the same
VARIABLES = [
    ("os.environ", "os.environ['WHICH']", {"WHICH": "a"}, {"WHICH": "b"}, False),
    ("os.environ.get", "os.environ.get('WHICH')", {"WHICH": "a"}, {"WHICH": "b"}, False),
    ("os.getenv", "os.getenv('WHICH', 'none')", {}, {"WHICH": "b"}, False),
    ("a variable goes", "os.getenv('WHICH', 'none')", {"WHICH": "a"}, {}, False),
    ("in", "'WHICH' in os.environ", {}, {"WHICH": ""}, False),
    ("empty or missing", "os.environ.get('WHICH')", {}, {"WHICH": ""}, False),
    ("copy", "os.environ.copy().get('WHICH')", {"WHICH": "a"}, {"WHICH": "b"}, False),
    ("iteration", "sorted(k for k in os.environ if k.startswith('WHI'))", {}, {"WHICH": "b"}, False),
    ("expandvars", "os.path.expandvars('$WHICH')", {"WHICH": "a"}, {"WHICH": "b"}, False),
    ("expanduser", "os.path.expanduser('~')", {"HOME": "/tmp/a"}, {"HOME": "/tmp/b"}, False),
    ("bytes", "os.environb[b'WHICH']", {"WHICH": "a"}, {"WHICH": "b"}, False),
    ("set after it is read", "(os.environ.get('WHICH'), os.environ.update(WHICH='z'))[0]", {"WHICH": "a"}, {"WHICH": "z"}, False),
    ("set after all are read", "(dict(os.environ).get('WHICH'), os.environ.update(WHICH='z'))[0]", {}, {"WHICH": "z"}, False),
    ("deleted after it is read", "os.environ.pop('WHICH', None)", {"WHICH": "a"}, {}, False),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expression", "before", "after", "same"), VARIABLES, ids=[row[0] for row in VARIABLES]
)
def test_an_edit_of_a_variable(
    name: str, expression: str, before: dict[str, str], after: dict[str, str], same: bool, tmp_path: Path
) -> None:
    launches = Launch(environment=before), Launch(environment=after)
    check_recomputes(
        Case(name, reads(expression), launch=launches[0], relaunch=launches[1], same_result=same), tmp_path
    )


PROGRAMS = [
    Case("which file is read stands in a file", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return open(open("which").read()).read()
        """, writes("which", "b"), modules={"which": "a", "a": "1", "b": "2"}),
    Case("a helper in another module reads", """
        from local import load
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return load()
        """, writes("data.txt", "two"), modules={**DATA, "local.py": "def load():\n    return open('data.txt').read()\n"}),
    Case("a generator reads between its items", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            yield 1
            yield open("data.txt").read()
        """, writes("data.txt", "two"), call="list(f(1))", modules=DATA),
    Case("a coroutine reads", """
        import asyncio
        @hozon.persistent_cache
        async def f(x):
            print("RAN")
            await asyncio.sleep(0)
            return await asyncio.to_thread(open("data.txt").read)
        """, writes("data.txt", "two"), call="asyncio.run(f(1))", modules=DATA),
    Case("a thread of the computation reads", """
        import threading
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            found = []
            thread = threading.Thread(target=lambda: found.append(open("data.txt").read()))
            thread.start(); thread.join()
            return found
        """, writes("data.txt", "two"), modules=DATA),
    Case("a cached helper reads", """
        @hozon.persistent_cache
        def g():
            return open("data.txt").read()
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return g()
        """, writes("data.txt", "two"), modules=DATA),
    Case("a cached helper that hits has read", """
        @hozon.persistent_cache
        def g():
            return open("data.txt").read()
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return g()
        g()
        """, writes("data.txt", "two"), modules=DATA),
    Case("a helper cached in memory has read", """
        @hozon.cache
        def g():
            return open("data.txt").read()
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return g()
        g()
        """, writes("data.txt", "two"), modules=DATA),
    Case("a cached helper reads in a thread of a pool", """
        from concurrent.futures import ThreadPoolExecutor
        @hozon.persistent_cache
        def g(name):
            return open(name).read()
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            with ThreadPoolExecutor(2) as pool:
                return list(pool.map(g, ["data.txt", "other.txt"]))
        """, writes("data.txt", "two"), modules=DATA),
    Case("a block reads", """
        with hozon.cached_context("block"):
            print("RAN")
            text = open("data.txt").read()
        print(text)
        """, writes("data.txt", "two"), call="", modules=DATA),
    Case("a saved value was read", """
        def load():
            print("RAN")
            return open("data.txt").read()
        print(hozon.save(load, "text"))
        """, writes("data.txt", "two"), call="", modules=DATA),
    Case("a file that it left behind has gone", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            with open("left", "w") as file:
                file.write("behind")
        """, removes("left"), call="(f(1), open('left').read())[1]", same_result=True),
    Case("a file that it left behind is another", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            with open("left", "w") as file:
                file.write("behind")
        """, writes("left", "changed"), call="(f(1), open('left').read())[1]", same_result=True),
    Case("the working directory", """
        import os
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return os.path.basename(os.getcwd())
        """, launch=Launch(("../main.py",), folder="here"), relaunch=Launch(("../main.py",), folder="there"),
        modules={"here/a": "", "there/a": ""}),
    Case("a relative name in another working directory", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return open("a").read()
        """, launch=Launch(("../main.py",), folder="here"), relaunch=Launch(("../main.py",), folder="there"),
        modules={"here/a": "1", "there/a": "2"}),
    Case("a directory is made the working one by the computation", """
        import os
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            os.chdir("data")
            text = open("a.txt").read()
            os.chdir("..")
            return text
        """, writes("data/a.txt", "9"), modules=DATA),
    Case("random, seeded before", """
        import random, sys
        random.seed(int(open("data.txt").read()))
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return random.random()
        """, writes("data.txt", "2"), modules={"data.txt": "1"}),
    Case("numpy's random, seeded before", """
        import numpy as np
        np.random.seed(int(open("data.txt").read()))
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return float(np.random.rand())
        """, writes("data.txt", "2"), modules={"data.txt": "1"}),
]  # fmt: skip


@pytest.mark.parametrize("case", PROGRAMS, ids=lambda case: case.name)
def test_an_edit_around_a_program(case: Case, tmp_path: Path) -> None:
    check_recomputes(case, tmp_path)


HITS = [
    Case("another file changes", reads("open('data.txt').read()"), writes("other.txt", "x"), modules=DATA),
    Case("the file is touched", reads("open('data.txt').read()"), touches("data.txt"), modules=DATA),
    Case("the file is replaced by an equal one", reads("open('data.txt').read()"), replaces("data.txt", "one"), modules=DATA),
    Case("existence only, content changes", reads("os.path.exists('data.txt')"), writes("data.txt", "longer"), modules=DATA),
    Case("a directory's files change", reads("sorted(os.listdir('data'))"), writes("data/a.txt", "9"), modules=DATA),
    Case("another file appears beside a module that is looked for",
         reads("__import__('importlib.util').util.find_spec('nowhere')"), writes("else.txt", ""), modules=DATA),
    Case("another file appears beside where a version is looked for",
         reads("__import__('importlib.metadata').metadata.version('pip')"), writes("else.txt", ""), modules=DATA),
    Case("the processes that there are", reads("os.path.isdir('/proc') and len(os.listdir('/proc')) > 0")),
    Case("another variable", reads("os.environ.get('WHICH')"), relaunch=Launch(environment={"ELSE": "1"})),
    Case("a variable that it reads and sets", reads("(os.environ.get('WHICH'), os.environ.update(WHICH='z'))[0]"),
         relaunch=Launch(environment={"ELSE": "1"})),
    Case("a terminal's own variables", reads("len(os.environ.copy()) > 0"),
         relaunch=Launch(environment={"SHLVL": "3", "WINDOWID": "5"})),
    Case("what it wrote and read", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            with open("scratch", "w") as file:
                file.write("x")
            return open("scratch").read()
        """),
    Case("scratch in a temporary folder", """
        import tempfile, pathlib
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            with tempfile.TemporaryDirectory() as folder:
                pathlib.Path(folder, "scratch").write_text("x")
                return pathlib.Path(folder, "scratch").read_text()
        """),
    Case("scratch in a folder of its own, renamed", """
        import os
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            os.mkdir("own")
            with open("own/scratch", "w") as file:
                file.write("x")
            os.rename("own", "other")
            with open("other/scratch") as file:
                found = file.read(), os.listdir("other")
            os.remove("other/scratch")
            os.rmdir("other")
            return found
        """),
    Case("the project moves with its data", """
        from pathlib import Path
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return (Path(__file__).parent / "data.txt").read_text()
        """, lambda folder: folder.rename(folder.with_name("moved")), modules=DATA),
    Case("whether it may be read, of a file that changes", reads("os.access('data.txt', os.R_OK)"),
         writes("data.txt", "two!"), modules=DATA),
    Case("which of two it is, of a file that changes", reads("os.path.samefile('data.txt', 'other.txt')"),
         writes("data.txt", "two!"), modules=DATA),
    Case("an import inside", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            import json, decimal, xml.dom.minidom
            return json.dumps([1])
        """),
    Case("an import of a large library inside", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            import pandas
            return len(pandas.DataFrame({"a": [1]}))
        """),
    Case("random, seeded inside", """
        import random
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            random.seed(1)
            return random.random()
        """),
    Case("numpy's random, seeded inside", """
        import numpy as np
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            np.random.seed(1)
            return float(np.random.rand())
        """),
    Case("random, the same seed before", """
        import random
        random.seed(3)
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return random.random()
        """, call="(f(1), random.random())"),
    Case("a generator of its own", """
        import numpy as np, random
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return float(np.random.default_rng(1).random()), random.Random(2).random()
        """),
    Case("random is drawn from by others", """
        import random
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x + 1
        random.random()
        """),
]  # fmt: skip


@pytest.mark.parametrize("case", HITS, ids=lambda case: case.name)
def test_a_harmless_edit(case: Case, tmp_path: Path) -> None:
    check_hits(case, tmp_path)


def test_a_file_that_changes_back_is_a_hit_again(tmp_path: Path) -> None:
    from never_stale.harness import run_twice

    case = Case("", reads("open('data.txt').read()"), modules=DATA)
    project, first = run_twice(case, tmp_path)
    project.edit(writes("data.txt", "two"))
    assert project.run(case.launch).marks == ["RAN"]
    project.edit(writes("data.txt", "one"))
    again = project.run(case.launch)
    assert (again.marks, again.result) == ([], first.result)


def test_a_helper_that_hits_what_another_process_stored_has_read(tmp_path: Path) -> None:
    from never_stale.harness import project_of

    local = """
        import hozon
        @hozon.persistent_cache
        def g():
            return open("data.txt").read()
        """
    main = """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return local.g()
        """
    first = {"first.py": "import local\nlocal.g()\n", "local.py": local, **DATA}
    project = project_of(Case("", main, modules=first), tmp_path)
    project.run(Launch(("first.py",)))
    assert project.run().marks == ["RAN"]
    assert project.run().marks == []
    project.edit(writes("data.txt", "two"))
    after = project.run()
    assert (after.marks, after.result) == (["RAN"], ["two"])


# How the file changes while the body runs, after it was read.
CHANGES = [
    ("by itself", "open('data.txt', 'w').write('two!')"),
    ("by another program", "subprocess.run([sys.executable, '-c', \"open('data.txt', 'w').write('two!')\"])"),
]


@pytest.mark.parametrize(("name", "change"), CHANGES, ids=[row[0] for row in CHANGES])
def test_a_file_that_changes_while_it_is_used_is_not_taken_for_what_was_read(
    name: str, change: str, tmp_path: Path
) -> None:
    from never_stale.harness import project_of

    main = f"""
        import subprocess, sys
        @hozon.persistent_cache(allow=["subprocess"])
        def f(x):
            print("RAN")
            text = open("data.txt").read()
            {change}
            return text
        """
    project = project_of(Case("", main, modules=DATA), tmp_path)
    first = project.run(says="data.txt changed while it ran")
    assert (first.marks, first.result) == (["RAN"], ["one"])
    second = project.run(says=None)
    assert (second.marks, second.result) == (["RAN"], ["two!"]), "what it gave was of another file"
