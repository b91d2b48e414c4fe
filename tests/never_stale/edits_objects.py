"""Edits of what is found without an import, a call or a name in the code: in objects that have no digest as a
whole, in the texts of queries, in pickles.

Each row is a case after whose edit the cached function must run again, or must not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from never_stale.edits_dynamic import row

LOCKED = "import threading\nclass Settings:\n    def __init__(self):\n        self.lock = threading.Lock()\n        self.y = 1\n"
BY_ANOTHER = ("settings.y = 5", "settings.y = 6")
FRAME = "import pandas as pd\nframe = pd.DataFrame({'a': [1, 2, 3]})\n"
CLASS = "class A:\n    def go(self):\n        return 1\n"
OF_CLASS = ("return 1", "return 2")
PICKLED = "import pickle, shapes\nTEXT = pickle.dumps(shapes.A())"


def _text_is(text: str) -> Callable[[Path], Path]:
    def edit(folder: Path) -> Path:
        (folder / "data.txt").write_text(text)
        return folder

    return edit


MANAGER = "import contextlib\n@contextlib.contextmanager\ndef manager(y):\n    yield y + 1\n"
DISPATCHED = "import functools\n@functools.singledispatch\ndef go(y):\n    return y\n@go.register\ndef _(y: int):\n    return y + 1\n"
IN_MANAGER = "with x(1) as y:\n    return y"
MORE = ("y + 1", "y + 2")

# Functions that a library has made around the program's own.
MADE_AROUND = [
    row("context manager, as argument", MANAGER, IN_MANAGER, MORE, call="f(manager)"),
    row("context manager, in a list", MANAGER, "with x[0](1) as y:\n    return y", MORE, call="f([manager])"),
    row("context manager, attribute of an object", f"{MANAGER}class A:\n    pass\na = A()\na.go = manager", "with x.go(1) as y:\n    return y", MORE,
        call="f(a)"),
    row("generic function, as argument", DISPATCHED, "return x(1)", MORE, call="f(go)"),
]  # fmt: skip
STILL_HIT = [
    row("context manager, as argument, beside", MANAGER + "other = 1\n", IN_MANAGER, ("other = 1", "other = 2"), call="f(manager)"),
    row("context manager, as argument, a comment in it", MANAGER, IN_MANAGER, ("y + 1", "y + 1  # more"), call="f(manager)"),
    row("generic function, as argument, beside", DISPATCHED + "other = 1\n", "return x(1)", ("other = 1", "other = 2"), call="f(go)"),
    row("function of a library that stands around another of it, as argument", "import contextlib, tempfile\nother = 1", "return x.__name__",
        ("other = 1", "other = 2"), call="f(tempfile._sanitize_params)"),
]  # fmt: skip

RECOMPUTE = [
    *MADE_AROUND,
    row("attribute beside a lock, set by another module", "import local, setter", "return local.settings.y", BY_ANOTHER,
        modules={"local.py": f"{LOCKED}settings = Settings()\n", "setter.py": "import local\nlocal.settings.y = 5\n"}),
    row("attribute beside a lock, set by the program", "import local\nlocal.settings.y = 5", "return local.settings.y", BY_ANOTHER,
        modules={"local.py": f"{LOCKED}settings = Settings()\n"}),
    row("attribute beside a lock, read from a file", f"{LOCKED}settings = Settings()\nsettings.y = open('data.txt').read()",
        "return settings.y", _text_is("two"), modules={"data.txt": "one"}),
    row("item beside a connection", "import sqlite3\nSHARED = {'base': sqlite3.connect(':memory:'), 'y': open('data.txt').read()}",
        "return SHARED['y']", _text_is("two"), modules={"data.txt": "one"}),
    row("variable in the text of a query", f"{FRAME}LEAST = 1", "return frame.query('a > @LEAST').a.tolist()",
        ("LEAST = 1", "LEAST = 2")),
    row("function in the text of an expression", f"{FRAME}def more(y):\n    return y + 1", "return frame.eval('@more(a)').tolist()",
        ("y + 1", "y + 2")),
    row("class in a pickle", PICKLED, "return pickle.loads(x).go()", OF_CLASS, call="f(TEXT)", modules={"shapes.py": CLASS}),
    row("class in a pickle that nothing imports", "import pickle", "with open('data.txt', 'rb') as file:\n    return pickle.load(file).go()", OF_CLASS,
        modules={"shapes.py": CLASS, "data.txt": "(ishapes\nA\n."}),
]  # fmt: skip

HIT = [
    *STILL_HIT,
    row("an object with a lock", f"{LOCKED}settings = Settings()\nother = 1", "return settings.y", ("other = 1", "other = 2")),
    row("an object of a library with a lock", "import queue\nwaiting = queue.Queue()\nother = 1", "return waiting.qsize()",
        ("other = 1", "other = 2")),
    row("variable that the text of a query does not name", f"{FRAME}LEAST = 1\nMOST = 1", "return frame.query('a > @LEAST').a.tolist()",
        ("MOST = 1", "MOST = 2")),
    row("module beside that of a class in a pickle", f"{PICKLED}\nimport other", "return pickle.loads(x).go()", ("return 3", "return 4"),
        call="f(TEXT)", modules={"shapes.py": CLASS, "other.py": "def other():\n    return 3\n"}),
]  # fmt: skip

HOLES = [
    row("what functools.lru_cache kept before", "import functools\n@functools.lru_cache\ndef load():\n    return open('data.txt').read()\nload()",
        "return load()", _text_is("two"), modules={"data.txt": "one"}),
    row("what a class with a maker of its own kept before", "class One:\n    made = None\n    def __new__(cls):\n        if cls.made is None:\n            cls.made = super().__new__(cls)\n            cls.made.y = open('data.txt').read()\n        return cls.made\nOne()",
        "return One().y", _text_is("two"), modules={"data.txt": "one"}),
    row("variable in a text that a library computes with, no mark before it", "import pandas as pd\nLEAST = 1",
        "return int(pd.eval('LEAST + 1'))", ("LEAST = 1", "LEAST = 2")),
    row("attribute that a class leaves out of its pickles", "class A:\n    y = 0\n    def __getstate__(self):\n        return {}\na = A()\na.y = 1",
        "return x.y", ("a.y = 1", "a.y = 2"), call="f(a)"),
    row("constructor registered with YAML", "import yaml\nyaml.SafeLoader.add_constructor('!y', lambda loader, node: 1)",
        "return yaml.safe_load('!y a')", ("node: 1", "node: 2")),
]  # fmt: skip
