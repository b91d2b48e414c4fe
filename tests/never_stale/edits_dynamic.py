"""Edits of code that no name in the text leads to: computed names, texts run as code, registries, dispatch.

Each row is a case after whose edit the cached function must run again, or must not.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent
from typing import Any

from never_stale.harness import Case, Launch

HELPER = "def helper(x):\n    return x + 1\n"
LOCAL = {"local.py": HELPER}
EDIT = ("x + 1", "x + 2")


def row(name: str, before: str, body: str, edit: Any = EDIT, **more: Any) -> Case:
    """A cached `f(x)` with this body, behind these statements."""
    lines = dedent(before).strip("\n"), indent(dedent(body).strip("\n"), "    ")
    main = "{}\n@hozon.persistent_cache\ndef f(x):\n    print('RAN')\n{}\n".format(*lines)
    return Case(name, main, edit, **more)


NAMES = [
    row("computed name in vars()", "import local", "return vars(local)['hel' + 'per'](x)", modules=LOCAL),
    row("computed name in globals()", HELPER, "return globals()['hel' + 'per'](x)"),
    row("name in globals() as a constant", f"NAME = 'helper'\n{HELPER}", "return globals()[NAME](x)"),
    row("name in globals() as argument", HELPER, "return globals()[x](1)", call="f('helper')"),
    row("a constant that names a helper", "NAME = 'one'\ndef one(x):\n    return 1\ndef two(x):\n    return 2",
        "return globals()[NAME](x)", ("NAME = 'one'", "NAME = 'two'")),
    row("locals()", HELPER, "y = helper\nreturn locals()['y'](x)"),
    row("a module's __dict__", "import local", "return local.__dict__['helper'](x)", modules=LOCAL),
    row("getattr with a default", "import local", "return getattr(local, 'helper', None)(x)", modules=LOCAL),
    row("getattr with a name as argument", "import local", "return getattr(local, x)(1)", modules=LOCAL,
        call="f('helper')"),
    row("getattr with a constant's name", "import local\nNAME = 'helper'", "return getattr(local, NAME)(x)",
        modules=LOCAL),
    row("getattr under another name", "import local\nget = getattr", "return get(local, 'hel' + 'per')(x)",
        modules=LOCAL),
    row("getattr in a helper", "import local\ndef find(name):\n    return getattr(local, name)",
        "return find('helper')(x)", modules=LOCAL),
    row("getattr on a class", "class A:\n    def go(self):\n        return 1\n    @staticmethod\n    def run(x):\n        return x + 1",
        "return getattr(A, 'r' + 'un')(x)"),
    row("getattr on an argument", "class A:\n    def go(self):\n        return 1",
        "return getattr(x, 'g' + 'o')()", ("return 1", "return 2"), call="f(A())"),
    row("attrgetter of two names", "import operator, local", "return operator.attrgetter('inner.helper')(local)(x)",
        modules={"local.py": "import inner\n", "inner.py": HELPER}),
    row("methodcaller", "import operator\nclass A:\n    def go(self, x):\n        return x + 1",
        "return operator.methodcaller('go', x)(A())"),
    row("methodcaller in a global", "import operator\nclass A:\n    def go(self, x):\n        return x + 1\nGO = operator.methodcaller('go', 1)",
        "return GO(x)", call="f(A())"),
    row("methodcaller's name", "import operator\nGO = operator.methodcaller('lower')", "return GO('aB')",
        ("'lower'", "'upper'")),
    row("itemgetter's item", "import operator\nGET = operator.itemgetter(0)", "return GET([1, 2])",
        ("itemgetter(0)", "itemgetter(1)")),
    row("helper by inspect", "import inspect, local", "return dict(inspect.getmembers(local))['helper'](x)",
        modules=LOCAL),
    row("helper by a class's __dict__", "class A:\n    def go(self):\n        return 1",
        "return A.__dict__['go'](None)", ("return 1", "return 2")),
    row("helper by __globals__", f"{HELPER}\ndef other():\n    pass", "return other.__globals__['helper'](x)", warned="cannot follow"),
    row("helper by __self__", "class A:\n    y = 1\n    def go(self):\n        return 1\nGO = A().go",
        "return GO.__self__.y", ("y = 1", "y = 2")),
]  # fmt: skip

TEXTS = [
    row("eval of a constant's text", f"TEXT = 'helper(1)'\n{HELPER}", "return eval(TEXT)"),
    row("text of an eval", "TEXT = '1 + 1'", "return eval(TEXT)", ("1 + 1", "1 + 2")),
    row("eval of an argument", HELPER, "return eval(x)", call="f('helper(1)')"),
    row("eval of an argument in a module", "import local", "return local.run(x)", call="f('helper(1)')",
        modules={"local.py": HELPER + "def run(text):\n    return eval(text)\n"}),
    row("eval that reaches a module", "import local", "return eval('local.hel' + 'per')(x)", modules=LOCAL),
    row("eval under another name", f"{HELPER}\nrun = eval", "return run('hel' + 'per(1)')", warned="cannot follow"),
    row("eval of builtins", f"import builtins\n{HELPER}", "return builtins.eval('hel' + 'per(1)')"),
    row("exec at the module's top", "exec('def helper(x):\\n    return x + 1')", "return helper(x)"),
    row("class made by exec", "exec('class A:\\n    def go(self):\\n        return 41')", "return A().go()",
        ("return 41", "return 42")),
    row("compile and eval", f"CODE = compile('helper(1)', 'text', 'eval')\n{HELPER}", "return eval(CODE)"),
    row("a template's placeholder", "TEXT = '{0.y}'\nclass A:\n    y = 1", "return TEXT.format(A)", ("y = 1", "y = 2")),
    row("text of a template", "import string\nTEXT = string.Template('$x a')", "return TEXT.substitute(x=x)",
        ("$x a", "$x b")),
]  # fmt: skip

PATCHES = [
    row("attribute of a module replaced at start", """
        import local
        def other(x):
            return x * 10 + 1
        local.helper = other
        """, "return local.helper(x)", ("x * 10 + 1", "x * 10 + 2"), modules={"local.py": "def helper(x):\n    return x\n"}),
    row("attribute of a module replaced by another module", "import local, patch", "return local.helper(x)",
        ("x * 10 + 1", "x * 10 + 2"),
        modules={"local.py": "def helper(x):\n    return x\n",
                 "patch.py": "import local\ndef other(x):\n    return x * 10 + 1\nlocal.helper = other\n"}),
    row("attribute of a module replaced by setattr", "import local, patch", "return local.helper(x)",
        ("x * 10 + 1", "x * 10 + 2"),
        modules={"local.py": "def helper(x):\n    return x\n",
                 "patch.py": "import local\nname = 'hel' + 'per'\nsetattr(local, name, lambda x: x * 10 + 1)\n"}),
    row("what a helper calls replaced", "import local\nlocal.inner = lambda x: x * 10 + 1", "return local.helper(x)",
        ("x * 10 + 1", "x * 10 + 2"),
        modules={"local.py": "def inner(x):\n    return x\ndef helper(x):\n    return inner(x)\n"}),
    row("method replaced by another module", "import patch\nfrom local import A", "return A().go(x)", EDIT,
        modules={"local.py": "class A:\n    def go(self, x):\n        return x\n",
                 "patch.py": "from local import A\ndef go(self, x):\n    return x + 1\nA.go = go\n"}),
    row("method replaced that a method calls", "import patch\nfrom local import A", "return A().go(x)", EDIT,
        modules={"local.py": "class A:\n    def go(self, x):\n        return self.inner(x)\n    def inner(self, x):\n        return x\n",
                 "patch.py": "from local import A\nA.inner = lambda self, x: x + 1\n"}),
    row("method of an instance replaced", "class A:\n    def go(self, x):\n        return x\na = A()\na.go = lambda x: x + 1",
        "return a.go(x)"),
    row("method of an instance bound to a local function", "import types, local\nclass A:\n    pass\na = A()\na.go = types.MethodType(local.go, a)",
        "return a.go(x)", modules={"local.py": "def go(self, x):\n    return x + 1\n"}),
    row("class of an instance replaced", "class A:\n    def go(self, x):\n        return x\nclass B(A):\n    def go(self, x):\n        return x + 1\na = A()\na.__class__ = B",
        "return a.go(x)"),
    row("method of an argument's class replaced", "class A:\n    def go(self):\n        return 0\nA.go = lambda self: 1",
        "return x.go()", ("self: 1", "self: 2"), call="f(A())"),
    row("function of the standard library replaced", "import math\nmath.sqrt = lambda x: x + 1", "return math.sqrt(x)"),
    row("a built-in value", "import builtins\nbuiltins.LIMIT = 41", "return LIMIT", ("LIMIT = 41", "LIMIT = 42")),
    row("a built-in replaced", "import builtins\nbuiltins.hex = lambda x: 41", "return hex(x)", ("x: 41", "x: 42")),
    row("defaults replaced", "import local\nlocal.helper.__defaults__ = (41,)", "return local.helper(x)", ("(41,)", "(42,)"),
        modules={"local.py": "def helper(x, y=0):\n    return x + y\n"}),
    row("code replaced", "import local\nlocal.helper.__code__ = (lambda x: x + 1).__code__", "return local.helper(x)",
        modules={"local.py": "def helper(x):\n    return x\n"}),
    row("class attribute set by another module", "import patch\nfrom local import A", "return A.y", ("A.y = 1", "A.y = 2"),
        modules={"local.py": "class A:\n    y = 0\n", "patch.py": "from local import A\nA.y = 1\n"}),
    row("class attribute changed in place", "class A:\n    y = []\nA.y.append(1)", "return A.y", ("append(1)", "append(2)")),
    row("class attribute set behind an argument", "class A:\n    y = 0\nA.y = 1", "return x.y", ("A.y = 1", "A.y = 2"),
        call="f(A())"),
    row("class attribute of a base set", "class A:\n    y = 0\nclass B(A):\n    pass\nA.y = 1", "return x.y",
        ("A.y = 1", "A.y = 2"), call="f(B())"),
    row("attribute of a function set", "import local\nlocal.helper.rate = 1", "return local.helper(x)",
        ("rate = 1", "rate = 2"), modules={"local.py": "def helper(x):\n    return x + helper.rate\n"}),
    row("mock.patch as decorator", "import local\nfrom unittest import mock\n@mock.patch('local.helper', lambda x: x + 10)\ndef inner(x):\n    return local.helper(x)",
        "return inner(x)", ("x + 10", "x + 20"), modules=LOCAL),
]  # fmt: skip

_REGISTRY = (
    "TABLE = {}\ndef register(function):\n    TABLE[function.__name__] = function\n    return function\n"
)

REGISTRIES = [
    row("registry in another module", "import registry, plugins", "return registry.TABLE['go'](x)",
        modules={"registry.py": _REGISTRY, "plugins.py": "from registry import register\n@register\ndef go(x):\n    return x + 1\n"}),
    row("registry asked by a helper", "import registry, plugins", "return registry.run('go', x)",
        modules={"registry.py": _REGISTRY + "def run(name, x):\n    return TABLE[name](x)\n",
                 "plugins.py": "from registry import register\n@register\ndef go(x):\n    return x + 1\n"}),
    row("registry that is a list", "import registry, plugins", "for step in registry.STEPS:\n    x = step(x)\nreturn x",
        modules={"registry.py": "STEPS = []\n", "plugins.py": "import registry\ndef go(x):\n    return x + 1\nregistry.STEPS.append(go)\n"}),
    row("order of a registry", "import registry, one, two", "for step in registry.STEPS:\n    x = step(x)\nreturn x",
        ("import registry, one, two", "import registry, two, one"),
        modules={"registry.py": "STEPS = []\n", "one.py": "import registry\nregistry.STEPS.append(lambda x: x + 1)\n",
                 "two.py": "import registry\nregistry.STEPS.append(lambda x: x * 2)\n"}),
    row("one more in a registry", "import registry, one, two", "for step in registry.STEPS:\n    x = step(x)\nreturn x",
        ("import registry, one, two", "import registry, one"),
        modules={"registry.py": "STEPS = []\n", "one.py": "import registry\nregistry.STEPS.append(lambda x: x + 1)\n",
                 "two.py": "import registry\nregistry.STEPS.append(lambda x: x * 2)\n"}),
    row("registry in a class's attribute", "import registry, plugins", "return registry.Registry.table['go'](x)",
        modules={"registry.py": "class Registry:\n    table = {}\n    @classmethod\n    def add(cls, function):\n        cls.table[function.__name__] = function\n        return function\n",
                 "plugins.py": "from registry import Registry\n@Registry.add\ndef go(x):\n    return x + 1\n"}),
    row("registry that is an object", "import registry, plugins", "return registry.REGISTRY.run('go', x)",
        modules={"registry.py": "class Registry:\n    def __init__(self):\n        self.table = {}\n    def add(self, function):\n        self.table[function.__name__] = function\n        return function\n    def run(self, name, x):\n        return self.table[name](x)\nREGISTRY = Registry()\n",
                 "plugins.py": "from registry import REGISTRY\n@REGISTRY.add\ndef go(x):\n    return x + 1\n"}),
    row("registry by __init_subclass__", "import registry, plugins", "return registry.Base.kinds['A']().go(x)",
        modules={"registry.py": "class Base:\n    kinds = {}\n    def __init_subclass__(cls):\n        Base.kinds[cls.__name__] = cls\n",
                 "plugins.py": "from registry import Base\nclass A(Base):\n    def go(self, x):\n        return x + 1\n"}),
    row("registry by a metaclass", "import registry, plugins", "return registry.Meta.kinds['A']().go(x)",
        modules={"registry.py": "class Meta(type):\n    kinds = {}\n    def __init__(cls, name, bases, space):\n        super().__init__(name, bases, space)\n        Meta.kinds[name] = cls\n",
                 "plugins.py": "from registry import Meta\nclass A(metaclass=Meta):\n    def go(self, x):\n        return x + 1\n"}),
    row("subclasses of a base", "import base, plugins", "return [kind().go(x) for kind in base.Base.__subclasses__()]",
        modules={"base.py": "class Base:\n    pass\n",
                 "plugins.py": "from base import Base\nclass A(Base):\n    def go(self, x):\n        return x + 1\n"}, warned="cannot follow"),
    row("subclasses of a base in a helper", "import base, plugins", "return base.all_of(x)",
        modules={"base.py": "class Base:\n    pass\ndef all_of(x):\n    return [kind().go(x) for kind in Base.__subclasses__()]\n",
                 "plugins.py": "from base import Base\nclass A(Base):\n    def go(self, x):\n        return x + 1\n"}, warned="cannot follow"),
    row("subclasses of cls", "import base, plugins", "return base.Base.all_of(x)",
        modules={"base.py": "class Base:\n    @classmethod\n    def all_of(cls, x):\n        return [kind().go(x) for kind in cls.__subclasses__()]\n",
                 "plugins.py": "from base import Base\nclass A(Base):\n    def go(self, x):\n        return x + 1\n"}, warned="cannot follow"),
    row("single dispatch registered in another module", "import local, plugins", "return local.helper(x)",
        modules={"local.py": "import functools\n@functools.singledispatch\ndef helper(x):\n    return x\n",
                 "plugins.py": "from local import helper\n@helper.register\ndef _(x: int):\n    return x + 1\n"}),
    row("single dispatch of methods", "import functools\nclass A:\n    @functools.singledispatchmethod\n    def go(self, x):\n        return x\n    @go.register\n    def _(self, x: int):\n        return x + 1",
        "return A().go(x)"),
    row("single dispatch of methods in another module", "import local, plugins", "return local.A().go(x)",
        modules={"local.py": "import functools\nclass A:\n    @functools.singledispatchmethod\n    def go(self, x):\n        return x\n",
                 "plugins.py": "from local import A\n@A.go.register\ndef _(self, x: int):\n    return x + 1\n"}),
    row("a hook in a list of callbacks", "import hooks\nhooks.CALLBACKS.append(lambda x: x + 1)", "return hooks.run(x)",
        modules={"hooks.py": "CALLBACKS = []\ndef run(x):\n    for callback in CALLBACKS:\n        x = callback(x)\n    return x\n"}),
    row("a class in a dict of classes", "import local\nKINDS = {'a': local.A}", "return KINDS['a']().go(x)",
        modules={"local.py": "class A:\n    def go(self, x):\n        return x + 1\n"}),
    row("ABC's register", "import abc\nclass Base(abc.ABC):\n    pass\nBase.register(int)", "return isinstance(x, Base)",
        ("register(int)", "register(str)")),
    row("copyreg's table", "import copy, copyreg\nclass A:\n    y = 0\ndef reduce(a):\n    return helper, ()\ndef helper():\n    return 1\ncopyreg.pickle(A, reduce)",
        "return copy.copy(x)", ("return 1", "return 2"), call="f(A())"),
]  # fmt: skip

IMPORTS = [
    row("computed module's function", "import importlib", "return importlib.import_module('lo' + 'cal').helper(x)",
        modules=LOCAL, warned="cannot follow"),
    row("computed module by __import__", "", "return __import__('lo' + 'cal').helper(x)", modules=LOCAL, warned="cannot follow"),
    row("computed module in a package", "import importlib\nKIND = 'a'", "return importlib.import_module(f'plugins.{KIND}').helper(x)",
        modules={"plugins/__init__.py": "", "plugins/a.py": HELPER}, warned="cannot follow"),
    row("helper of a computed module's helper", "import importlib", "return importlib.import_module('lo' + 'cal').helper(x)",
        modules={"local.py": "import inner\ndef helper(x):\n    return inner.go(x)\n", "inner.py": "def go(x):\n    return x + 1\n"},
        warned="cannot follow"),
    row("relative import_module", "import importlib", "return importlib.import_module('.a', 'plugins').helper(x)",
        modules={"plugins/__init__.py": "", "plugins/a.py": HELPER}, warned="cannot follow"),
    row("exec of an import", "", "space = {}\nexec('from local import helper', space)\nreturn space['helper'](x)",
        modules=LOCAL, warned="cannot follow"),
    row("sys.modules", "import local, sys", "return sys.modules['local'].helper(x)", modules=LOCAL, warned="cannot follow"),
    row("sys.modules with another module", "import other, sys", "return sys.modules['local'].helper(x)",
        modules={**LOCAL, "other.py": "import local\n"}, warned="cannot follow"),
    row("a frame's names", "import local, sys", "return sys._getframe().f_globals['local'].helper(x)", modules=LOCAL,
        warned="cannot follow"),
    row("run_path", "import runpy", "return runpy.run_path('local.py')['helper'](x)", modules=LOCAL, warned="cannot follow"),
    row("run_module", "import runpy", "return runpy.run_module('local')['helper'](x)", modules=LOCAL, warned="cannot follow"),
    row("pkgutil's resolve_name", "import pkgutil", "return pkgutil.resolve_name('local:helper')(x)", modules=LOCAL, warned="cannot follow"),
    row("pkgutil's iter_modules", "import importlib, pkgutil, plugins",
        "return [importlib.import_module('plugins.' + m.name).helper(x) for m in pkgutil.iter_modules(plugins.__path__)]",
        modules={"plugins/__init__.py": "", "plugins/a.py": HELPER}, warned="cannot follow",
        # A folder that changes while it is listed is no settled input: the import makes a `__pycache__` in it.
        launch=Launch(environment={"PYTHONDONTWRITEBYTECODE": "1"})),
    row("spec_from_file_location", "import importlib.util as u",
        "s = u.spec_from_file_location('l', 'local.py')\nm = u.module_from_spec(s)\ns.loader.exec_module(m)\nreturn m.helper(x)",
        modules=LOCAL, warned="cannot follow"),
    row("import_module bound to a name", "from importlib import import_module as load", "return load('lo' + 'cal').helper(x)",
        modules=LOCAL, warned="cannot follow"),
    row("import_module in a helper", "import loading", "return loading.load('lo' + 'cal').helper(x)",
        modules={**LOCAL, "loading.py": "import importlib\ndef load(name):\n    return importlib.import_module(name)\n"},
        warned="cannot follow"),
    row("module loaded at start by a computed name", "import importlib\nlocal = importlib.import_module('lo' + 'cal')",
        "return local.helper(x)", modules=LOCAL),
    row("modules loaded at start into a list", "import importlib\nALL = [importlib.import_module(n) for n in ('local',)]",
        "return ALL[0].helper(x)", modules=LOCAL),
    row("modules loaded at start into a dict", "import importlib\nALL = {n: importlib.import_module(n) for n in ('local',)}",
        "return ALL['local'].helper(x)", modules=LOCAL),
    row("gc", "import gc, local", "return [o for o in gc.get_objects() if getattr(o, '__name__', '') == 'helper' and getattr(o, '__module__', '') == 'local'][0](x)",
        modules=LOCAL, warned="cannot follow"),
]  # fmt: skip

RECOMPUTE = [*NAMES, *TEXTS, *PATCHES, *REGISTRIES, *IMPORTS]

# What nothing sees today: state of the interpreter that has no name.
HOLES = [
    row("a codec's error handler", "import codecs\ncodecs.register_error('mine', lambda e: ('1', e.end))",
        "return '\\u00e9'.encode('ascii', 'mine')", ("('1'", "('2'")),
]  # fmt: skip

_COMPUTED = "import importlib"
_LOADED = "return importlib.import_module('lo' + 'cal').helper(x)"

HIT = [
    row("comment in a computed module", _COMPUTED, _LOADED, ("return x + 1", "return x + 1  # one"), modules=LOCAL,
        warned="cannot follow"),
    row("layout of a computed module", _COMPUTED, _LOADED, ("return x + 1", "return (x  +  1)"), modules=LOCAL,
        warned="cannot follow"),
    row("a text file beside a computed module", _COMPUTED, _LOADED, lambda folder: _with_file(folder, "notes.txt"), modules=LOCAL,
        warned="cannot follow"),
    row("another environment beside a computed module", _COMPUTED, _LOADED,
        lambda folder: _with_file(folder, ".venv/lib/site-packages/other.py"), modules=LOCAL, warned="cannot follow"),
    row("unrelated function beside a registered one", "import registry, plugins", "return registry.TABLE['go'](x)",
        ("x * 3", "x * 4"),
        modules={"registry.py": _REGISTRY,
                 "plugins.py": "from registry import register\n@register\ndef go(x):\n    return x + 1\ndef other(x):\n    return x * 3\n"}),
    row("unrelated function beside getattr of a plain name", "import local", "return getattr(local, 'helper')(x)",
        ("'One.'", "'One.'  # of the docstring"), modules={"local.py": HELPER + "def other():\n    'One.'\n"}),
    row("unrelated function beside a patch", "import local, patch", "return local.helper(x)", ("x * 3", "x * 4"),
        modules={"local.py": "def helper(x):\n    return x\n",
                 "patch.py": "import local\ndef other(x):\n    return x + 1\nlocal.helper = other\ndef unused(x):\n    return x * 3\n"}),
    row("comment in a method put on a class", "import patch\nfrom local import A", "return A().go(x)", ("x + 1", "x + 1  # one"),
        modules={"local.py": "class A:\n    pass\n", "patch.py": "from local import A\ndef go(self, x):\n    return x + 1\nA.go = go\n"}),
    row("unrelated module imported", "import local", "return local.helper(x)", ("import local\n", "import local, other\n"),
        modules={**LOCAL, "other.py": "Y = 1\n"}),
    row("unrelated implementation of nothing", "import local, plugins", "return local.helper(x)", ("x * 3", "x * 4"),
        modules={"local.py": HELPER, "plugins.py": "import functools\n@functools.singledispatch\ndef go(x):\n    return x * 3\n"}),
    row("comment in an implementation of a single dispatch", "import local, plugins", "return local.helper(x)",
        ("x + 1", "x + 1  # one"),
        modules={"local.py": "import functools\n@functools.singledispatch\ndef helper(x):\n    return x\n",
                 "plugins.py": "from local import helper\n@helper.register\ndef _(x: int):\n    return x + 1\n"}),
    row("the function that a patch replaces", "import local\nlocal.helper = lambda x: x + 1", "return local.helper(x)",
        ("x * 3", "x * 4"), modules={"local.py": "def helper(x):\n    return x * 3\n"}),
]  # fmt: skip


def _with_file(folder: Path, name: str) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("Y = 1\n", encoding="utf-8")
    return folder
