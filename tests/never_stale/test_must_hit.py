"""Edits and circumstances after which a cached function must not run again. One row, one test.

A row of `LAYOUTS` is the same program in another layout; one of `EQUALS` two expressions of equal values,
tried as a global and as an argument; one of `PROGRAMS` a whole program with an edit in it, or with another
way to start it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from never_stale.harness import Case, Launch, Row, Rows, check_hits

# name, text before, text after: the function `f`, or a helper that it calls
LAYOUTS = [
    ("comment in a body", 'print("RAN")\n', 'print("RAN")\n    # Why not.\n'),
    ("comment at a line's end", "y = helper(x, [1, 2], key='a')", "y = helper(x, [1, 2], key='a')  # So."),
    ("comment above a function", "@hozon.persistent_cache", "# Cached.\n@hozon.persistent_cache"),
    ("comment between decorator and function", "@hozon.persistent_cache\n", "@hozon.persistent_cache\n# Cached.\n"),
    ("comment in a helper", "z = x + sum(items)", "# Sum.\n    z = x + sum(items)"),
    ("comment within parentheses", "helper(x, [1, 2], key='a')", "helper(\n        x,  # the x\n        [1, 2],\n        key='a')"),
    ("type comment", "y = helper(x, [1, 2], key='a')", "y = helper(x, [1, 2], key='a')  # type: int"),
    ("blank lines in a body", 'print("RAN")\n', 'print("RAN")\n\n\n'),
    ("blank lines above a function", "@hozon.persistent_cache", "\n\n\n@hozon.persistent_cache"),
    ("blank lines in a helper", "    return z, key", "\n\n    return z, key"),
    ("white space at a line's end", "return z, key", "return z, key   "),
    ("indentation by two", '    print("RAN")\n    y = helper(x, [1, 2], key=\'a\')\n    return y\n',
     '  print("RAN")\n  y = helper(x, [1, 2], key=\'a\')\n  return y\n'),
    ("white space around operators", "z = x + sum(items)", "z=x+sum( items )"),
    ("quotes", "key='a')\n", 'key="a")\n'),
    ("triple quotes", "key='a')\n", 'key="""a""")\n'),
    ("escape", "key='a')\n", "key='\\x61')\n"),
    ("implicit concatenation", "key='a')\n", "key='' 'a')\n"),
    ("implicit concatenation over lines", "key='a')\n", "key=(\n        'a'\n        ''\n    ))\n"),
    ("parentheses", "z = x + sum(items)", "z = (x + (sum(items)))"),
    ("parentheses of a tuple", "return z, key", "return (z, key)"),
    ("trailing comma", "helper(x, [1, 2], key='a')", "helper(x, [1, 2,], key='a',)"),
    ("black's wrapping", "y = helper(x, [1, 2], key='a')",
     'y = helper(\n        x,\n        [\n            1,\n            2,\n        ],\n        key="a",\n    )'),
    ("wrapped parameters", "def helper(x, items, *, key):", "def helper(\n    x,\n    items,\n    *,\n    key,\n):"),
    ("line continuation", "z = x + sum(items)", "z = x + \\\n        sum(items)"),
    ("semicolons", 'print("RAN")\n    y = ', 'print("RAN"); y = '),
    ("body in the line of its head", "if z:\n        pass", "if z: pass"),
    ("notation of a number", "[1, 2]", "[0x1, 0b10]"),
    ("empty parentheses of the decorator", "@hozon.persistent_cache\n", "@hozon.persistent_cache()\n"),
    ("function moved down", "@hozon.persistent_cache", "class Between:\n    pass\n\n\n@hozon.persistent_cache"),
    ("unrelated function before", "import hozon", "import hozon\ndef unrelated():\n    return 1"),
    ("unrelated function edited", "def stranger():\n    return 1", "def stranger():\n    return 2"),
    ("unrelated class edited", "class Stranger:\n    y = 1", "class Stranger:\n    y = 2"),
    ("unrelated constant edited", "STRANGE = 1", "STRANGE = 'x'"),
    ("unrelated import", "import hozon", "import hozon, json, decimal as d"),
    ("unrelated statement", "STRANGE = 1", "STRANGE = 1\nfor i in range(3):\n    pass"),
    ("module's docstring", "import hozon", '"""A program."""\nimport hozon'),
    ("form of an import", "import math\n", "import math, string\n"),
    ("another call elsewhere", "print(f(", "stranger()\nprint(f("),
    ("ttl", "@hozon.persistent_cache\n", '@hozon.persistent_cache(ttl="7d")\n'),
    ("name", "@hozon.persistent_cache\n", '@hozon.persistent_cache("features")\n'),
    ("when", "@hozon.persistent_cache\n", "@hozon.persistent_cache(when=lambda result, seconds: True)\n"),
    ("hozon under another name", "@hozon.persistent_cache\n", "from hozon import persistent_cache\n@persistent_cache\n"),
]  # fmt: skip

LAYOUT_PROGRAM = """\
import math
STRANGE = 1
def stranger():
    return 1
class Stranger:
    y = 1
def helper(x, items, *, key):
    z = x + sum(items)
    if z:
        pass
    return z, key
@hozon.persistent_cache
def f(x):
    print("RAN")
    y = helper(x, [1, 2], key='a')
    return y
print(f(math.floor(1.5)))
"""

PERSON = """
class Person:
    def __init__(self, name, **more):
        self.name = name
        self.__dict__.update(more)
    def __eq__(self, other):
        return self.name == other.name
    def __hash__(self):
        return hash(self.name)
"""
NUMPY = "import numpy as np"
PANDAS = "import pandas as pd"

# name, statements before, one expression, another of the same value
EQUALS = [
    ("list", "", "[1, 2]", "list((1, 2))"),
    ("dict", "", "{'a': 1, 'b': 2}", "dict(a=1, b=2)"),
    ("set", "", "{'a', 'b', 'c'}", "set('cba')"),
    ("frozenset of tuples", "", "frozenset({('a', 1), ('b', 2)})", "frozenset([('b', 2), ('a', 1)])"),
    ("dict of sets", "", "{'k': {'a', 'b', 'c'}}", "{'k': {'c', 'b', 'a'}}"),
    ("sets in a set", "", "{frozenset('ab'), frozenset('bc')}", "{frozenset('cb'), frozenset('ba')}"),
    ("interned and built text", "", "'abc'", "''.join(['a', 'bc'])"),
    ("interned and built keys", "", "{'abc': 1}", "{''.join(['a', 'bc']): 1}"),
    ("great int", "", "10**30", "int('1' + '0' * 30)"),
    ("float", "", "0.5", "1 / 2"),
    ("bytes", "", "b'ab'", "bytes([97, 98])"),
    ("shared and separate parts", "", "[[1], [1]]", "[[1]] * 2"),
    ("shared and separate texts", "", "['ab', ''.join('ab')]", "['ab'] * 2"),
    ("shared and separate tuples", "", "[(1, [2]), (1, [2])]", "[(1, [2])] * 2"),
    ("decimal", "from decimal import Decimal", "Decimal('1.5')", "Decimal('3.0') / 2"),
    ("date", "import datetime as d", "d.date(2020, 1, 2)", "d.date(2020, 1, 1) + d.timedelta(1)"),
    ("path", "from pathlib import Path", "Path('a/b')", "Path('a') / 'b'"),
    ("deque", "from collections import deque", "deque([1, 2])", "deque([0, 1, 2][1:])"),
    ("counter", "from collections import Counter", "Counter('aab')", "Counter(a=2, b=1)"),
    ("pattern", "import re", "re.compile('a', re.I)", "re.compile('a', re.IGNORECASE)"),
    ("object", PERSON, "Person('ann', age=1)", "Person(''.join(['a', 'nn']), age=1)"),
    ("set of objects", PERSON, "{Person('ann'), Person('bob')}", "{Person('bob'), Person('ann')}"),
    ("shared and separate objects", PERSON, "[Person('ann'), Person('ann')]", "[Person('ann')] * 2"),
    ("numpy array", NUMPY, "np.array([0, 1, 2, 3])", "np.arange(4)"),
    ("numpy array from a list", NUMPY, "np.zeros(3)", "np.array([0.0] * 3)"),
    ("numpy order", NUMPY, "np.arange(6).reshape(2, 3)", "np.asfortranarray(np.arange(6).reshape(2, 3))"),
    ("numpy view with steps", NUMPY, "np.array([0, 2, 4])", "np.arange(6)[::2]"),
    ("numpy view backwards", NUMPY, "np.array([2, 1, 0])", "np.arange(3)[::-1]"),
    ("numpy transposed copy", NUMPY, "np.array([[0, 2], [1, 3]])", "np.arange(4).reshape(2, 2).T"),
    ("numpy broadcast", NUMPY, "np.ones((2, 2))", "np.broadcast_to(np.ones(2), (2, 2))"),
    ("numpy texts", NUMPY, "np.array(['a', 'bc'])", "np.array(['a', ''.join(['b', 'c'])])"),
    ("numpy objects", NUMPY, "np.array(['a', 1], object)", "np.array([''.join(['a']), 1], object)"),
    ("numpy scalar", NUMPY, "np.float32(1)", "np.ones(1, 'f4')[0]"),
    ("numpy mask", NUMPY, "np.ma.array([1, 2], mask=[0, 1])", "np.ma.masked_where([False, True], np.array([1, 2]))"),
    ("numpy read-only", NUMPY, "np.zeros(2)", "np.frombuffer(bytes(16))"),
]  # fmt: skip

# The same, for arguments only: importing pandas costs much time.
FRAMES = [
    ("column by column", "pd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})",
     "pd.DataFrame({'a': [1, 2]}).assign(b=['x', 'y'])"),
    ("concatenated", "pd.DataFrame({'a': [1, 2], 'b': [3, 4]})",
     "pd.concat([pd.DataFrame({'a': [1], 'b': [3]}), pd.DataFrame({'a': [2], 'b': [4]})], ignore_index=True)"),
    ("concatenated columns", "pd.DataFrame({'a': [1, 2], 'b': [3, 4]})",
     "pd.concat([pd.DataFrame({'a': [1, 2]}), pd.DataFrame({'b': [3, 4]})], axis=1)"),
    ("copied", "pd.DataFrame({'a': [1.5], 'b': ['x']})", "pd.DataFrame({'a': [1.5], 'b': ['x']}).copy()"),
    ("from rows", "pd.DataFrame({'a': [1, 2], 'b': [3, 4]})", "pd.DataFrame([[1, 3], [2, 4]], columns=['a', 'b'])"),
    ("a slice of more", "pd.Series([1, 2])", "pd.Series([1, 2, 3])[:2]"),
    ("used before", "pd.DataFrame({'a': [1]}, index=['k'])",
     "pd.DataFrame({'a': [1]}, index=['k']).pipe(lambda d: (d.loc['k'], d.index.is_unique, d)[-1])"),
    ("categories", "pd.Categorical(['a'], ['a', 'b'])", "pd.Categorical.from_codes([0], ['a', 'b'])"),
]  # fmt: skip

SET_PROGRAM = """
    from dataclasses import dataclass
    from enum import Enum
    class Colour(Enum):
        RED = "red"
        BLUE = "blue"
    class Plain:
        def __init__(self, name):
            self.name = name
    @dataclass(frozen=True)
    class Point:
        name: str
        tags: frozenset
    WORDS = {"alpha", "beta", "gamma", "delta", b"epsilon", 1, 2.5, None, ("a", "b")}
    POINTS = {Point(n, frozenset({n, n + "x", "y"})) for n in ("one", "two", "three")}
    COLOURS = {Colour.RED, Colour.BLUE}
    TABLE = {frozenset({"a", "b"}): {"c", "d"}}
    def helper(x):
        return x in {"alpha", "beta", "gamma"}
    @hozon.persistent_cache
    def f(words, points, plain):
        print("RAN")
        return len(words), len(points), plain.name, len(COLOURS), len(WORDS), len(TABLE), helper("beta")
    """

MODULE_PROGRAM = """
    @hozon.persistent_cache
    def f(x):
        print("RAN")
        return x + helper(x)
    Y = 1
    def helper(x):
        return x + Y
    if __name__ == "__main__":
        print(f(1))
    """

PROGRAMS = [
    # Other circumstances.
    *(Case(f"hash seed {seed}", SET_PROGRAM, call='f(WORDS, POINTS, Plain("p"))',
           launch=Launch(environment={"PYTHONHASHSEED": "1"}),
           relaunch=Launch(environment={"PYTHONHASHSEED": seed})) for seed in ("0", "2", "3", "random")),
    Case("run as a module", MODULE_PROGRAM, call="", relaunch=Launch(("-m", "main"))),
    Case("imported from a script", MODULE_PROGRAM, call="", relaunch=Launch(("other.py",)),
         modules={"other.py": "import main\nprint(main.f(1))\n"}),
    Case("imported name from a script", MODULE_PROGRAM, call="", relaunch=Launch(("other.py",)),
         modules={"other.py": "from main import f as g\nprint(g(1))\n"}),
    Case("run by runpy", MODULE_PROGRAM, call="", relaunch=Launch(("other.py",)),
         modules={"other.py": "import runpy\nrunpy.run_path('main.py', run_name='__main__')\n"}),
    Case("run from another folder", MODULE_PROGRAM, call="", relaunch=Launch(("../main.py",), folder="deep"),
         modules={"deep/note.txt": ""}),
    Case("no cache of bytecode", MODULE_PROGRAM, call="",
         relaunch=Launch(environment={"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "9"})),
    Case("development mode", MODULE_PROGRAM, call="", relaunch=Launch(("-X", "dev", "main.py"))),
    Case("isolated mode", MODULE_PROGRAM, call="", relaunch=Launch(("-I", "main.py"))),
    Case("C locale", MODULE_PROGRAM, call="", relaunch=Launch(environment={"LC_ALL": "C", "LANG": "C"})),
    Case("C.UTF-8 locale", MODULE_PROGRAM, call="", relaunch=Launch(environment={"LC_ALL": "C.UTF-8"})),
    Case("no UTF-8 mode", MODULE_PROGRAM + "# \u00e9\n", call="",
         relaunch=Launch(environment={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "utf-8"})),
    Case("another time zone", MODULE_PROGRAM, call="", relaunch=Launch(environment={"TZ": "Asia/Tokyo"})),
    Case("project moved", MODULE_PROGRAM, call="", edit=lambda folder: _moved(folder)),
    Case("project copied", MODULE_PROGRAM, call="", edit=lambda folder: _copied(folder)),
    Case("project with a package moved", """
        from package.near import helper
        import package.far
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x) + package.far.Y + len(package.far.A().go())
        """, lambda folder: _moved(folder), modules={
            "package/__init__.py": "",
            "package/near.py": "from . import far\ndef helper(x):\n    return far.Y + x\n",
            "package/far.py": "Y = 1\nclass A:\n    def go(self):\n        return 'a'\n"}),
    Case("project with a class as argument moved", """
        import local
        @hozon.persistent_cache
        def f(x, y):
            print("RAN")
            return x.go(), y.__name__
        """, lambda folder: _moved(folder), call="f(local.A(), local.A)", modules={
            "local.py": "class A:\n    def go(self):\n        return 'a'\n"}),
    Case("lambda in a project that moves", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x(1)
        """, lambda folder: _moved(folder), call="f(lambda y: y + 1)"),
    Case("file renamed", MODULE_PROGRAM, lambda folder: _renamed(folder), call="", relaunch=Launch(("other.py",))),
    Case("files dated anew", MODULE_PROGRAM, lambda folder: _touched(folder), call=""),
    Case("line ends of Windows", MODULE_PROGRAM, lambda folder: _with_line_ends(folder), call=""),
    Case("byte order mark", MODULE_PROGRAM, lambda folder: _with_mark(folder), call=""),
    Case("tests added", MODULE_PROGRAM, lambda folder: _with_tests(folder), call=""),
    # Edits elsewhere.
    Case("function moved in its file", """
        def helper(x):
            return x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        # end
        """, (("def helper(x):\n    return x + 1\n", ""), ("# end\n", "def helper(x):\n    return x + 1\n"))),
    Case("constant moved in its file", """
        Y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x + Y
        # end
        """, (("Y = 1\n", ""), ("# end\n", "Y = 1\n"))),
    Case("class moved in its file", """
        class A:
            y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A.y
        # end
        """, (("class A:\n    y = 1\n", ""), ("# end\n", "class A:\n    y = 1\n"))),
    Case("constant written another way", """
        Y = 2
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x + Y
        """, ("Y = 2", "Y = 1 + 1")),
    Case("helper in a module moved in its file", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return local.helper(x)
        """, ("# start", "import json\n\n\nclass New:\n    pass\n\n\n"),
        modules={"local.py": "# start\ndef helper(x):\n    return x + 1\n"}),
    Case("unrelated function edited in a helper's file", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return local.helper(x)
        """, ("x + 2", "x + 3"),
        modules={"local.py": "def helper(x):\n    return x + 1\ndef stranger(x):\n    return x + 2\n"}),
    Case("unrelated function edited beside an imported name", """
        from local import helper
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 2", "x + 3"),
        modules={"local.py": "def helper(x):\n    return x + 1\ndef stranger(x):\n    return x + 2\n"}),
    Case("unrelated constant edited in a helper's file", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return local.helper(x)
        """, ("Z = 1", "Z = 2"), modules={"local.py": "Z = 1\ndef helper(x):\n    return x + 1\n"}),
    Case("unrelated helper of a star import", """
        from local import *
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 2", "x + 3"),
        modules={"local.py": "def helper(x):\n    return x + 1\ndef stranger(x):\n    return x + 2\n"}),
    Case("unrelated module edited", """
        import local, stranger
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return local.helper(x)
        """, ("y + 2", "y + 3"), modules={
            "local.py": "def helper(x):\n    return x + 1\n", "stranger.py": "def go(y):\n    return y + 2\n"}),
    Case("unrelated name exported by a package", """
        import package
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return package.helper(x)
        """, ("from package.inner import helper", "from package.inner import helper, stranger"), modules={
            "package/__init__.py": "from package.inner import helper\n",
            "package/inner.py": "def helper(x):\n    return x + 1\ndef stranger(x):\n    return x + 2\n"}),
    Case("constant re-exported from another module", """
        import package
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return package.Y + x
        """, ("from package.one import Y", "from package.two import Y"), modules={
            "package/__init__.py": "from package.one import Y\n", "package/one.py": "Y = 1\n", "package/two.py": "Y = 1\n"}),
    Case("comment in a helper's module", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return local.helper(x)
        """, ("    return x + 1", "    # One more.\n    return (\n        x + 1\n    )"),
        modules={"local.py": "def helper(x):\n    return x + 1\n"}),
    Case("comment in a class", """
        class A:
            def go(self):
                return 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x.go()
        """, ("        return 1", "        # One.\n\n        return 1"), call="f(A())"),
    Case("comment beside a lambda", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x(1)
        """, ("lambda y: y + 1", "  # New.\n    lambda y: (y+1)"), call="f(lambda y: y + 1)"),
    Case("comment in a decorator", """
        def shift(function):
            def inner(x):
                return function(x) + 1
            return inner
        @hozon.persistent_cache
        @shift
        def f(x):
            print("RAN")
            return x
        """, ("    return inner\n", "    # That.\n    return inner\n")),
    Case("decorator above hozon's edited", """
        def shift(function):
            def inner(x):
                return function(x) + 1
            return inner
        @shift
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x
        """, ("    return inner\n", "    # That.\n    return inner\n")),
    Case("unrelated second cached function edited", """
        @hozon.persistent_cache
        def g(x):
            return x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x
        """, ("x + 1", "x + 2")),
    Case("parameter of a cached helper's decorator", """
        @hozon.persistent_cache
        def helper(x):
            return x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("@hozon.persistent_cache\ndef helper", '@hozon.persistent_cache(ttl="1d")\ndef helper')),
    Case("unrelated method of a module's other class", """
        from local import A
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A().go()
        """, ("return 2", "return 3"), modules={"local.py": """
            class A:
                def go(self):
                    return 1
            class B:
                def go(self):
                    return 2
            """}),
    Case("unrelated statement beside a connection", """
        import sqlite3
        STRANGE = 1
        base = sqlite3.connect(":memory:")
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return base.execute("select 1").fetchall()
        """, ("STRANGE = 1", "STRANGE = 2")),
    # The same call in other words.
    *(Case(f"call: {after}", """
        @hozon.persistent_cache
        def f(a, b=2, *, c=3):
            print("RAN")
            return a, b, c
        """, (before, after), call=before) for before, after in [
            ("f(1)", "f(a=1)"),
            ("f(1)", "f(1, 2)"),
            ("f(1)", "f(1, b=2)"),
            ("f(1)", "f(1, c=3)"),
            ("f(1, 4, c=5)", "f(c=5, b=4, a=1)"),
            ("f(b=4, a=1)", "f(a=1, b=4)"),
            ("f(1, 4)", "f(*[1, 4])"),
            ("f(1, c=5)", "f(1, **{'c': 5})"),
        ]),
    Case("call: order of a rest of keywords", """
        @hozon.persistent_cache
        def f(**x):
            print("RAN")
            return sorted(x)
        """, ("f(a=1, b=2)", "f(b=2, a=1)"), call="f(a=1, b=2)"),
    Case("call: an ignored argument", """
        @hozon.persistent_cache(ignore=["verbose"])
        def f(x, verbose=False):
            print("RAN")
            return x
        """, ("f(1)", "f(1, verbose=True)"), call="f(1)"),
    Case("call: another equal object as self", """
        class A:
            def __init__(self, y):
                self.y = y
            @hozon.persistent_cache
            def f(self, x):
                print("RAN")
                return x + self.y
        """, ("A(1)", "A(2 - 1)"), call="A(1).f(1)"),
    Case("small upgrade of an installed distribution", """
        import sys
        from pathlib import Path
        sys.path.insert(0, str(Path(__file__).parent / "vendor" / "site-packages"))
        import outside
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return outside.helper(x)
        """, lambda folder: _upgraded(folder), modules={
            "vendor/site-packages/outside.py": "def helper(x):\n    return x + 1\n",
            "vendor/site-packages/outside-1.0.dist-info/METADATA":
                "Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n",
            "vendor/site-packages/outside-1.0.dist-info/RECORD": "outside.py,,\n",
            "vendor/site-packages/outside-1.0.dist-info/top_level.txt": "outside\n"}),
    # Last: it starts a kernel, which takes seconds.
    Case("a cell of a notebook", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x + helper(x)
        Y = 1
        def helper(x):
            return x + Y
        """, relaunch=Launch(("notebook.py",)), modules={"notebook.py": """
            import os, pathlib, subprocess
            import nbclient, nbformat
            os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
            cell = nbformat.v4.new_code_cell(pathlib.Path("main.py").read_text())
            notebook = nbformat.v4.new_notebook(cells=[cell])
            client = nbclient.NotebookClient(notebook, kernel_name="python3")
            # Python's own streams arrive as outputs; what is silenced is the kernel's log.
            client.execute(cwd=os.getcwd(), stderr=subprocess.DEVNULL)
            for output in cell["outputs"]:
                assert output["output_type"] == "stream" and output["name"] == "stdout", output
                print(output["text"], end="")
            """}),
]  # fmt: skip


def _layout_case(name: str, before: str, after: str) -> Case:
    return Case(f"layout: {name}", LAYOUT_PROGRAM, (before, after), call="")


def _moved(folder: Path) -> Path:
    elsewhere = folder.parent / "deep" / "elsewhere \u00e9"
    elsewhere.parent.mkdir()
    shutil.move(folder, elsewhere)
    return elsewhere


def _copied(folder: Path) -> Path:
    return Path(shutil.copytree(folder, folder.parent / "copy", copy_function=shutil.copyfile))


def _renamed(folder: Path) -> Path:
    (folder / "main.py").rename(folder / "other.py")
    return folder


def _touched(folder: Path) -> Path:
    for path in folder.glob("*.py"):
        os.utime(path, (1e9, 1e9))
    return folder


def _with_line_ends(folder: Path) -> Path:
    path = folder / "main.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    return folder


def _with_mark(folder: Path) -> Path:
    path = folder / "main.py"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    return folder


def _with_tests(folder: Path) -> Path:
    (folder / "test_main.py").write_text("import main\n", encoding="utf-8")
    return folder


def _upgraded(folder: Path) -> Path:
    packages = folder / "vendor/site-packages"
    new = packages / "outside-1.1.dist-info"
    (packages / "outside-1.0.dist-info").rename(new)
    metadata = new / "METADATA"
    metadata.write_text(metadata.read_text(encoding="utf-8").replace("1.0", "1.1"), encoding="utf-8")
    return folder


CASES = [
    *(_layout_case(*row) for row in LAYOUTS),
    *PROGRAMS,
]
EQUAL_ROWS = [
    *Rows("global", [Row(*row) for row in EQUALS], "type(X).__name__").params(),
    *Rows("argument", [Row(*row) for row in EQUALS], "type(X).__name__").params(),
    *Rows(
        "argument", [Row(f"pandas {name}", PANDAS, *row) for name, *row in FRAMES], "type(X).__name__"
    ).params(),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_no_edit_to_what_counts_hits(case: Case, tmp_path: Path) -> None:
    check_hits(case, tmp_path)


@pytest.mark.parametrize("row", EQUAL_ROWS)
def test_an_equal_value_hits(row: tuple[Rows, int], tmp_path_factory: pytest.TempPathFactory) -> None:
    rows, number = row
    runs = rows.row(number, tmp_path_factory)
    assert runs.results["after"] == runs.results["cold"]
    assert not runs.ran["after"], "the function must not run again"
