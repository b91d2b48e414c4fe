"""Handles that were opened before a computation and are read on inside it.

A connection, a file object or a generator that a module made has no digest: it goes by the statements that
made it. What it gives depends on more than that.
"""

from __future__ import annotations

import pytest

from ..conftest import Project

# name, how it is made, the body, what two calls print; whether the files are written anew between runs
HANDLES = [
    ("a file object", "HANDLE = open('data.txt')", "HANDLE.seek(0)\n    return HANDLE.read()", ["one", "one", "two"]),
    ("a file object that is read on", "HANDLE = open('data.txt')", "return HANDLE.read(1)", ["o", "n", "t"]),
    ("a generator", "def make():\n    yield from open('data.txt').read()\nHANDLE = make()", "return next(HANDLE)",
     ["o", "n", "t"]),
    ("a connection", "import sqlite3\nHANDLE = sqlite3.connect('base.db')",
     "return HANDLE.execute('select x from t').fetchone()[0]", ["one", "one", "two"]),
    ("a handle that a helper reads", "HANDLE = open('data.txt')\ndef helper():\n    HANDLE.seek(0)\n    return HANDLE.read()",
     "return helper()", ["one", "one", "two"]),
    ("an archive", "import zipfile\nHANDLE = zipfile.ZipFile('data.zip')", "return HANDLE.read('x').decode()", ["one", "one", "two"]),
    ("a path in an archive", "import zipfile\nHANDLE = zipfile.Path('data.zip') / 'x'", "return HANDLE.read_text()", ["one", "one", "two"]),
    ("a mapped file", "import mmap\nwith open('data.txt') as file:\n    HANDLE = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)",
     "return HANDLE[:].decode()", ["one", "one", "two"]),
    ("arrays read on demand", "import numpy as np\nHANDLE = np.load('data.npz')", "return str(HANDLE['x'])", ["one", "one", "two"]),
    ("an HDF5 file", "import h5py\nHANDLE = h5py.File('data.h5')", "return HANDLE['x'].asstr()[()]", ["one", "one", "two"]),
    ("a data set of an HDF5 file", "import h5py\nHANDLE = h5py.File('data.h5')['x']", "return HANDLE.asstr()[()]", ["one", "one", "two"]),
]  # fmt: skip

WRITE = """
    import sqlite3, sys, zipfile
    import h5py
    import numpy as np
    base = sqlite3.connect("base.db")
    base.executescript("drop table if exists t; create table t (x)")
    base.execute("insert into t values (?)", (sys.argv[1],))
    base.commit()
    open("data.txt", "w").write(sys.argv[1])
    with zipfile.ZipFile("data.zip", "w") as archive:
        archive.writestr("x", sys.argv[1])
    np.savez("data.npz", x=sys.argv[1])
    with h5py.File("data.h5", "w") as file:
        file["x"] = sys.argv[1]
    """


@pytest.mark.parametrize(("name", "made", "body", "expected"), HANDLES, ids=[row[0] for row in HANDLES])
def test_what_a_handle_gives_is_never_stale(
    project: Project, name: str, made: str, body: str, expected: list[str]
) -> None:
    project.write("write.py", WRITE)
    project.write(
        "main.py", f"import hozon\n{made}\n@hozon.persistent_cache\ndef f():\n    {body}\nprint(f(), f())\n"
    )
    project.run("write.py", "one")
    assert project.run("main.py").stdout.split() == expected[:2]
    project.run("write.py", "two")
    assert project.run("main.py").stdout.split()[0] == expected[2]


def test_a_database_that_did_not_change_is_a_hit(project: Project) -> None:
    project.write("write.py", WRITE)
    project.write(
        "main.py",
        """
        import hozon, sqlite3
        BASE = sqlite3.connect("base.db")
        @hozon.persistent_cache
        def f():
            print("RAN")
            return BASE.execute("select x from t").fetchone()[0]
        print(f())
        """,
    )
    project.run("write.py", "one")
    assert project.lines("main.py") == ["RAN", "one"]
    assert project.lines("main.py") == ["one"]


def test_a_handle_that_cannot_be_followed_is_named_once(project: Project) -> None:
    project.write("data.txt", "one")
    project.write(
        "main.py",
        "import hozon\nHANDLE = open('data.txt')\n@hozon.persistent_cache\ndef f(x):\n    return HANDLE.read()\nf(1)\nf(2)\n",
    )
    said = project.run("main.py").stderr
    assert said.count("`HANDLE`") == 1
    assert "not stored" in said
