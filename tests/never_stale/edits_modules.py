"""Edits of how names get into modules: stars, re-exports, conditions, cycles, nested and lazy packages."""

from __future__ import annotations

from pathlib import Path

from never_stale.edits_dynamic import HELPER, row

RECOMPUTE = [
    row("star import with __all__", "from local import *", "return _helper(x)", modules={"local.py": "__all__ = ['_helper']\ndef _helper(x):\n    return x + 1\n"}),
    row("__all__ that leaves a name out", "from one import *\nfrom two import *", "return helper(x)", ("__all__ = ['helper']", "__all__ = []"),
        modules={"one.py": "def helper(x):\n    return x\n", "two.py": "__all__ = ['helper']\ndef helper(x):\n    return x * 10\n"}),
    row("later star import", "from one import *\nfrom two import *", "return helper(x)", ("def other(", "def helper("),
        modules={"one.py": "def helper(x):\n    return x\n", "two.py": "def other(x):\n    return x * 10\n"}),
    row("star import in a package", "import pack", "return pack.helper(x)", modules={"pack/__init__.py": "from .inner import *\n", "pack/inner.py": HELPER}),
    row("star import of a star import", "from one import *", "return helper(x)", modules={"one.py": "from two import *\n", "two.py": HELPER}),
    row("lazy attribute of a module", "import local", "return local.helper(x)",
        modules={"local.py": "def __getattr__(name):\n    if name == 'helper':\n        import inner\n        return inner.helper\n    raise AttributeError(name)\n", "inner.py": HELPER}),
    row("lazy attribute of a package", "import pack", "return pack.helper(x)",
        modules={"pack/__init__.py": "import importlib\ndef __getattr__(name):\n    if name.startswith('__'):\n        raise AttributeError(name)\n    return getattr(importlib.import_module('.inner', __name__), name)\n", "pack/inner.py": HELPER},
        warned="cannot follow"),
    row("lazy value of a module", "import local", "return local.Y", ("return 41", "return 42"),
        modules={"local.py": "def __getattr__(name):\n    if name == 'Y':\n        return 41\n    raise AttributeError(name)\n"}),
    row("import that fails", "try:\n    import missing as m\nexcept ImportError:\n    import local as m", "return m.helper(x)", modules={"local.py": HELPER}),
    row("a module that comes to be there", "try:\n    import extra as m\nexcept ImportError:\n    import local as m", "return m.helper(x)",
        lambda folder: _with(folder, "extra.py", "def helper(x):\n    return x * 10\n"), modules={"local.py": HELPER}),
    row("a module that comes to be there, in the body", "", "try:\n    import extra as m\nexcept ImportError:\n    import local as m\nreturn m.helper(x)",
        lambda folder: _with(folder, "extra.py", "def helper(x):\n    return x * 10\n"), modules={"local.py": HELPER}),
    row("a package that hides a module", "import local", "return local.helper(x)",
        lambda folder: _with(folder, "local/__init__.py", "def helper(x):\n    return x + 2\n"), modules={"local.py": HELPER}),
    row("a submodule that comes to be there", "", "try:\n    from pack import extra\nexcept ImportError:\n    return 1\nreturn extra.Y",
        lambda folder: _with(folder, "pack/extra.py", "Y = 7\n"), modules={"pack/__init__.py": ""}),
    row("import by condition", "import sys\nif sys.version_info >= (3,):\n    from one import helper\nelse:\n    from two import helper", "return helper(x)",
        modules={"one.py": HELPER, "two.py": "def helper(x):\n    return x\n"}),
    row("condition of an import", "FAST = True\nif FAST:\n    from one import helper\nelse:\n    from two import helper", "return helper(x)", ("FAST = True", "FAST = False"),
        modules={"one.py": "def helper(x):\n    return 1\n", "two.py": "def helper(x):\n    return 2\n"}),
    row("modules that import each other", "import one", "return one.go(x)",
        modules={"one.py": "import two\ndef go(x):\n    return two.step(x)\ndef end(x):\n    return x + 1\n", "two.py": "import one\ndef step(x):\n    return one.end(x)\n"}),
    row("names imported from each other in bodies", "import one", "return one.go(x)",
        modules={"one.py": "def go(x):\n    from two import step\n    return step(x)\ndef end(x):\n    return x + 1\n", "two.py": "def step(x):\n    from one import end\n    return end(x)\n"}),
    row("relative import of the parent", "import pack.deep.inner", "return pack.deep.inner.go(x)",
        modules={"pack/__init__.py": "", "pack/top.py": HELPER, "pack/deep/__init__.py": "", "pack/deep/inner.py": "from ..top import helper\ndef go(x):\n    return helper(x)\n"}),
    row("relative import in a body", "import pack.deep.inner", "return pack.deep.inner.go(x)",
        modules={"pack/__init__.py": "", "pack/top.py": HELPER, "pack/deep/__init__.py": "", "pack/deep/inner.py": "def go(x):\n    from .. import top\n    return top.helper(x)\n"}),
    row("name of a nested package", "import a.b.c", "return a.b.c.helper(x)", modules={"a/__init__.py": "", "a/b/__init__.py": "", "a/b/c.py": HELPER}),
    row("namespace package", "import spaced.inner", "return spaced.inner.helper(x)", modules={"spaced/inner.py": HELPER}),
    row("namespace package in a body", "", "from spaced import inner\nreturn inner.helper(x)", modules={"spaced/inner.py": HELPER}),
    row("re-export of a re-export", "import a", "return a.helper(x)", modules={"a/__init__.py": "from .b import helper\n", "a/b/__init__.py": "from .c import helper\n", "a/b/c.py": HELPER}),
    row("re-export under another name", "import a", "return a.go(x)", ("import one as go", "import two as go"),
        modules={"a/__init__.py": "from .b import one as go\n", "a/b.py": "def one(x):\n    return 1\ndef two(x):\n    return 2\n"}),
    row("constant computed in a package", "import a", "return a.Y", ("3 * 2", "3 * 3"), modules={"a/__init__.py": "from .b import Y\n", "a/b.py": "Y = 3 * 2\n"}),
    row("constant computed from another module's", "import one", "return one.Y", ("Z = 1", "Z = 2"), modules={"one.py": "import two\nY = two.Z + 1\n", "two.py": "Z = 1\n"}),
    row("constant that a helper computes at import", "import one", "return one.Y", modules={"one.py": "from two import helper\nY = helper(1)\n", "two.py": HELPER}),
    row("name that shadows a built-in in a module", "import local", "return local.go([x])", ("return 41", "return 42"),
        modules={"local.py": "def len(x):\n    return 41\ndef go(x):\n    return len(x)\n"}),
    row("a name that comes to shadow a built-in", "import local", "return local.go([x])", ("def other(", "def len("),
        modules={"local.py": "def go(x):\n    return len(x)\ndef other(x):\n    return 41\n"}),
    row("import that shadows a built-in", "from local import *", "return sum([x])", ("def other(", "def sum("), modules={"local.py": "def other(x):\n    return 41\n"}),
    row("module bound in a loop", "import one, two\nfor m in (two, one):\n    pass", "return m.helper(x)", modules={"one.py": HELPER, "two.py": "def helper(x):\n    return x\n"}),
    row("submodule set on a package", "import pack, pack.inner", "return pack.inner.helper(x)", modules={"pack/__init__.py": "", "pack/inner.py": HELPER}),
    row("__path__ extended", "import pack\npack.__path__.append(__file__[:-7] + 'more')\nfrom pack import inner", "return inner.helper(x)", modules={"pack/__init__.py": "", "more/inner.py": HELPER}),
    row("sys.path extended", "import sys\nsys.path.insert(0, __file__[:-7] + 'more')\nimport inner", "return inner.helper(x)", modules={"more/inner.py": HELPER}),
    row("module object replaced by an instance", "import local", "return local.helper(x)",
        modules={"local.py": "import sys\nclass Local:\n    def helper(self, x):\n        return x + 1\nsys.modules[__name__] = Local()\n"}),
    row("class of a module replaced", "import local", "return local.y", ("return 41", "return 42"),
        modules={"local.py": "import sys, types\nclass Local(types.ModuleType):\n    @property\n    def y(self):\n        return 41\nsys.modules[__name__].__class__ = Local\n"}),
    row("module made by types", "import types\nm = types.ModuleType('made')\nexec('def helper(x):\\n    return x + 1', m.__dict__)", "return m.helper(x)"),
    row("name deleted below", "import local\nfrom one import helper\nfrom two import helper", "return helper(x)", ("from two import helper", "from two import Y"),
        modules={"local.py": "", "one.py": "def helper(x):\n    return 1\n", "two.py": "Y = 1\ndef helper(x):\n    return 2\n"}),
]  # fmt: skip

HIT = [
    row("unrelated module of a package", "import pack", "return pack.helper(x)", ("x * 3", "x * 4"),
        modules={"pack/__init__.py": "from .inner import helper\nfrom .other import go\n", "pack/inner.py": HELPER, "pack/other.py": "def go(x):\n    return x * 3\n"}),
    row("unrelated branch of an import", "FAST = True\nif FAST:\n    from one import helper\nelse:\n    from two import helper", "return helper(x)", ("x * 3", "x * 4"),
        modules={"one.py": HELPER, "two.py": "def helper(x):\n    return x * 3\n"}),
    row("unrelated half of a cycle", "import one", "return one.go(x)", ("x * 3", "x * 4"),
        modules={"one.py": "import two\ndef go(x):\n    return x + 1\ndef other(x):\n    return two.step(x)\n", "two.py": "import one\ndef step(x):\n    return one.go(x) or x * 3\n"}),
    row("name added to __all__", "from local import *", "return helper(x)", ("['helper']", "['helper', 'Y']"),
        modules={"local.py": "__all__ = ['helper']\nY = 1\ndef helper(x):\n    return x + 1\n"}),
    row("import moved to another line", "import local\nimport os", "return local.helper(x)", ("import local\nimport os", "import os\nimport local"), modules={"local.py": HELPER}),
    row("import split", "import os, local", "return local.helper(x)", ("import os, local", "import os\nimport local"), modules={"local.py": HELPER}),
    row("function moved to another module", "from a import helper", "return helper(x)", (("from b import helper", "from c import helper"),),
        modules={"a.py": "from b import helper\n", "b.py": HELPER, "c.py": HELPER}),
    row("text to a stream", "import sys", "print(file=sys.stderr, end='')\nsys.stdout.flush()\nreturn x", ("return x", "return x  # it")),
    row("docstring of a module", "import local", "return local.helper(x)", ("'One.'", "'Two.'"), modules={"local.py": "'One.'\n" + HELPER}),
    row("a module made a package", "import local", "return local.helper(x)", lambda folder: _moved(folder, "local.py", "local/__init__.py"), modules={"local.py": HELPER}),
    row("a constant that a helper does not read", "import local", "return local.helper(x)", ("Y = 1", "Y = 2"), modules={"local.py": "Y = 1\n" + HELPER}),
    row("statement at a helper's module's top", "import local", "return local.helper(x)", ("pass", "Z = [i for i in range(3)]"),
        modules={"local.py": HELPER + "if True:\n    pass\n"}),
]  # fmt: skip


def _with(folder: Path, name: str, text: str) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def _moved(folder: Path, old: str, new: str) -> Path:
    (folder / new).parent.mkdir(parents=True, exist_ok=True)
    (folder / old).rename(folder / new)
    return folder
