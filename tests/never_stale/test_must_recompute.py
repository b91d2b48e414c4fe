"""Edits after which a cached function must run again. One row, one edit, one test in fresh processes.

A row of `BODIES` is a cached function's body before and after; one of `VALUES` an expression, tried as a
global and as an argument; one of `PROGRAMS` a whole program with an edit in it.
"""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import indent

import pytest

from never_stale.harness import Case, Launch, Output, Row, Rows, check_recomputes, project_of

# name, body before, body after
BODIES = [
    ("a number", "return x + 1", "return x + 2"),
    ("an operator", "return x + 1", "return x - 1"),
    ("a missing return", "x + 1", "return x + 1"),
    ("int to float", "return 1", "return 1.0"),
    ("int to bool", "return 1", "return True"),
    ("int to str", "return 1", "return '1'"),
    ("str to bytes", "return 'a'", "return b'a'"),
    ("the sign of zero", "return 0.0", "return -0.0"),
    ("real to imaginary", "return 1.0", "return 1.0j"),
    ("strings split elsewhere", "return 'ab', 'c'", "return 'a', 'bc'"),
    ("a comma between strings", "return ['ab' 'c']", "return ['ab', 'c']"),
    ("a raw string", r"return '\n'", r"return r'\n'"),
    ("white space in a string", "return 'a b'", "return 'a  b'"),
    ("a hash sign in a string", "return 'a # b'", "return 'a # c'"),
    ("a format specification", "return f'{x:.1f}'", "return f'{x:.2f}'"),
    ("a conversion in an f-string", "return f'{str(x)!s}'", "return f'{str(x)!r}'"),
    ("text of an f-string", "return f'{x} a'", "return f'{x} b'"),
    ("parentheses that bind", "return (x + 1) * 2", "return x + 1 * 2"),
    ("tuple to list", "return (x, x)", "return [x, x]"),
    ("value to tuple", "return x", "return x,"),
    ("list to generator's tuple", "return [i for i in range(3)]", "return tuple(i for i in range(3))"),
    ("set to dict", "return {1}", "return {1: None}"),
    ("a comprehension's filter", "return [i for i in range(4) if i % 2]", "return [i for i in range(4) if i > 1]"),
    ("a comparison", "return 1 < x", "return 1 <= x"),
    ("is and ==", "return [] is []", "return [] == []"),
    ("order of statements", "y = x\ny += 1\ny *= 2\nreturn y", "y = x\ny *= 2\ny += 1\nreturn y"),
    ("indentation", "y = 0\nfor i in range(3):\n    y += i\n    y += 1\nreturn y",
     "y = 0\nfor i in range(3):\n    y += i\ny += 1\nreturn y"),
    ("a slice", "return 'abc'[1:]", "return 'abc'[:1]"),
    ("a star", "y = [1]\nreturn [y]", "y = [1]\nreturn [*y]"),
    ("an attribute", "return 'aB'.lower()", "return 'aB'.upper()"),
    ("an exception that is caught", "try:\n    return {}[0]\nexcept KeyError:\n    return 1\nexcept IndexError:\n    return 2",
     "try:\n    return [][0]\nexcept KeyError:\n    return 1\nexcept IndexError:\n    return 2"),
    ("a pattern", "match x:\n    case 1: return 'one'\n    case _: return 'other'",
     "match x:\n    case 2: return 'one'\n    case _: return 'other'"),
    ("else of a loop", "y = 0\nfor i in []:\n    y = 1\nelse:\n    y = 2\nreturn y", "y = 0\nfor i in []:\n    y = 1\nreturn y"),
    ("a lambda inside", "return (lambda y: y + 1)(x)", "return (lambda y: y + 2)(x)"),
    ("a lambda's default inside", "return (lambda y=1: y)()", "return (lambda y=2: y)()"),
    ("a nested function", "def inner(y):\n    return y + 1\nreturn inner(x)", "def inner(y):\n    return y + 2\nreturn inner(x)"),
    ("a nested class", "class A:\n    b = 1\nreturn A.b", "class A:\n    b = 2\nreturn A.b"),
    ("a nested generator", "def g():\n    yield 1\nreturn list(g())", "def g():\n    yield 1\n    yield 2\nreturn list(g())"),
    ("a nested coroutine", "async def g():\n    return 1\nimport asyncio\nreturn asyncio.run(g())",
     "async def g():\n    return 2\nimport asyncio\nreturn asyncio.run(g())"),
    ("an import inside", "import math as m\nreturn m.sqrt(4)", "import cmath as m\nreturn m.sqrt(4)"),
    ("a name bound by :=", "return [(y := x), y]", "return [(y := x + 1), y]"),
    ("keyword names", "return dict(a=x)", "return dict(b=x)"),
    ("order of keywords", "return list(dict(a=1, b=2))", "return list(dict(b=2, a=1))"),
    ("characters that look alike", "return '\u00e9'", "return 'e\u0301'"),
]  # fmt: skip

NUMPY = "import numpy as np"
PANDAS = "import pandas as pd"

# name, statements before, expression before, expression after
VALUES = [
    ("int", "", "1", "2"),
    ("great int", "", "2**200", "2**200 + 1"),
    ("int to str", "", "1", "'1'"),
    ("int to float", "", "1", "1.0"),
    ("int to bool", "", "1", "True"),
    ("float to bool", "", "1.0", "True"),
    ("zero's sign", "", "0.0", "-0.0"),
    ("one bit of a float", "", "0.1 + 0.2", "0.3"),
    ("NaN to None", "", "float('nan')", "None"),
    ("infinity's sign", "", "float('inf')", "-float('inf')"),
    ("complex", "", "1j", "-1j"),
    ("str to bytes", "", "'a'", "b'a'"),
    ("bytes to bytearray", "", "b'a'", "bytearray(b'a')"),
    ("a lone surrogate", "", "'\\udc80'", "'\\udc81'"),
    ("strings split elsewhere", "", "('ab', 'c')", "('a', 'bc')"),
    ("nesting", "", "[[1], 2]", "[[1, 2]]"),
    ("empty list to None", "", "[]", "None"),
    ("list to tuple", "", "[1, 2]", "(1, 2)"),
    ("an item deep inside", "", "[{'a': (1, [2])}]", "[{'a': (1, [3])}]"),
    ("an item's type deep inside", "", "[{'a': (1, [1])}]", "[{'a': (1, [True])}]"),
    ("a dict's value", "", "{'a': 1}", "{'a': 2}"),
    ("a dict's key", "", "{1: 'a'}", "{'1': 'a'}"),
    ("order of a dict's items", "", "{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}"),
    ("dict to OrderedDict", "from collections import OrderedDict", "{'a': 1}", "OrderedDict({'a': 1})"),
    ("set", "", "{1, 2}", "{1, 3}"),
    ("set to frozenset", "", "{1}", "frozenset({1})"),
    ("range", "", "range(3)", "range(4)"),
    ("slice", "", "slice(1)", "slice(2)"),
    ("ellipsis to NotImplemented", "", "...", "NotImplemented"),
    ("a default dict's factory", "from collections import defaultdict", "defaultdict(int, a=1)", "defaultdict(list, a=1)"),
    ("a deque's length", "from collections import deque", "deque([1], 3)", "deque([1], 4)"),
    ("counter", "from collections import Counter", "Counter('aab')", "Counter('abb')"),
    ("decimal places", "from decimal import Decimal", "Decimal('1.0')", "Decimal('1.00')"),
    ("fraction", "from fractions import Fraction", "Fraction(1, 3)", "Fraction(2, 3)"),
    ("path", "from pathlib import Path", "Path('a/b')", "Path('a/c')"),
    ("path to text", "from pathlib import Path", "Path('a')", "'a'"),
    ("date to datetime", "import datetime as d", "d.date(2020, 1, 1)", "d.datetime(2020, 1, 1)"),
    ("time zone", "import datetime as d", "d.datetime(2020, 1, 1)", "d.datetime(2020, 1, 1, tzinfo=d.UTC)"),
    ("fold", "import datetime as d", "d.datetime(2020, 1, 1)", "d.datetime(2020, 1, 1, fold=1)"),
    ("pattern", "import re", "re.compile('a')", "re.compile('a', re.I)"),
    ("built-in type", "", "int", "float"),
    ("built-in function", "", "len", "sum"),
    ("exception", "", "ValueError('a')", "ValueError('b')"),
    ("uuid", "import uuid", "uuid.UUID(int=1)", "uuid.UUID(int=2)"),
    ("numpy item", NUMPY, "np.arange(4)", "np.array([0, 1, 2, 4])"),
    ("numpy dtype", NUMPY, "np.arange(4, dtype='int64')", "np.arange(4, dtype='int32')"),
    ("numpy dtype of the same bytes", NUMPY, "np.arange(4, dtype='int64')", "np.arange(4, dtype='uint64')"),
    ("numpy byte order", NUMPY, "np.zeros(2, '<i4')", "np.zeros(2, '>i4')"),
    ("numpy shape", NUMPY, "np.arange(4)", "np.arange(4).reshape(2, 2)"),
    ("numpy shape of nothing", NUMPY, "np.zeros((0, 2))", "np.zeros((0, 3))"),
    ("numpy scalar and 0-d array", NUMPY, "np.float64(1)", "np.array(1.0)"),
    ("numpy transposed", NUMPY, "np.arange(4).reshape(2, 2)", "np.arange(4).reshape(2, 2).T"),
    ("numpy mask", NUMPY, "np.ma.array([1, 2], mask=[0, 0])", "np.ma.array([1, 2], mask=[0, 1])"),
    ("numpy fill value", NUMPY, "np.ma.array([1, 2], mask=[0, 1], fill_value=7)",
     "np.ma.array([1, 2], mask=[0, 1], fill_value=8)"),
    ("numpy scalar's type", NUMPY, "np.float32(1)", "np.float64(1)"),
    ("numpy scalar to float", NUMPY, "np.float64(1)", "1.0"),
    ("numpy objects", NUMPY, "np.array([1, 'a'], object)", "np.array([1, 'b'], object)"),
    ("numpy field name", NUMPY, "np.zeros(1, [('a', 'i4')])", "np.zeros(1, [('b', 'i4')])"),
    ("numpy date unit", NUMPY, "np.array([0], 'M8[s]')", "np.array([0], 'M8[ms]')"),
    ("numpy zero's sign", NUMPY, "np.zeros(1)", "-np.zeros(1)"),
    ("numpy array to list", NUMPY, "np.array([1, 2])", "[1, 2]"),
]  # fmt: skip

# The same, for arguments only: importing pandas costs much time.
FRAMES = [
    ("item", "pd.DataFrame({'a': [1, 2]})", "pd.DataFrame({'a': [1, 3]})"),
    ("column name", "pd.DataFrame({'a': [1]})", "pd.DataFrame({'b': [1]})"),
    ("name of the columns", "pd.DataFrame({'a': [1]})", "pd.DataFrame({'a': [1]}).rename_axis(columns='c')"),
    ("order of columns", "pd.DataFrame({'a': [1], 'b': [1]})", "pd.DataFrame({'b': [1], 'a': [1]})"),
    ("column type", "pd.DataFrame({'a': [1]})", "pd.DataFrame({'a': [1.0]})"),
    ("index", "pd.DataFrame({'a': [1]}, index=[0])", "pd.DataFrame({'a': [1]}, index=[1])"),
    ("index name", "pd.Series([1])", "pd.Series([1]).rename_axis('i')"),
    ("null to NaN", "pd.Series([None], dtype=object)", "pd.Series([float('nan')], dtype=object)"),
    ("NA to None", "pd.Series([pd.NA], dtype=object)", "pd.Series([None], dtype=object)"),
    ("a mask", "pd.array([1, 2], dtype='Int64')", "pd.array([1, None], dtype='Int64')"),
    ("NaN under no mask", "pd.Series([1.5, None])", "pd.Series([1.5, None], dtype='Float64')"),
    ("name of a series", "pd.Series([1])", "pd.Series([1], name='a')"),
    ("series to frame", "pd.Series([1], name='a')", "pd.DataFrame({'a': [1]})"),
    ("order of categories", "pd.Categorical(['a'], ['a', 'b'])", "pd.Categorical(['a'], ['b', 'a'])"),
    ("ordered categories", "pd.Categorical(['a'], ['a', 'b'])", "pd.Categorical(['a'], ['a', 'b'], ordered=True)"),
    ("time zone", "pd.Series(pd.to_datetime(['2020-01-01'], utc=True))",
     "pd.Series(pd.to_datetime(['2020-01-01'], utc=True).tz_convert('UTC+03:00'))"),
    ("levels", "pd.MultiIndex.from_tuples([(1, 2)])", "pd.MultiIndex.from_tuples([(2, 2)])"),
    ("attributes", "pd.Series([1])", "pd.Series([1]).pipe(lambda s: s.attrs.update(unit='m') or s)"),
]  # fmt: skip

PROGRAMS = [
    # The function's own definition.
    Case("own docstring", """
        @hozon.persistent_cache
        def f(x):
            "One."
            print("RAN")
            return x
        """, ("One", "Two"), same_result=True),
    Case("own default", """
        @hozon.persistent_cache
        def f(x=1):
            print("RAN")
            return x
        """, ("x=1", "x=2"), call="f()"),
    Case("own keyword-only default", """
        @hozon.persistent_cache
        def f(*, x=1):
            print("RAN")
            return x
        """, ("x=1", "x=2"), call="f()"),
    Case("own default made by a helper", """
        def helper():
            return [1]
        @hozon.persistent_cache
        def f(x=helper()):
            print("RAN")
            return x
        """, ("[1]", "[2]"), call="f()"),
    Case("own default that is a list", """
        @hozon.persistent_cache
        def f(x=[1]):
            print("RAN")
            return x
        """, ("x=[1]", "x=[1.0]"), call="f()"),
    Case("order of parameters", """
        @hozon.persistent_cache
        def f(a, b):
            print("RAN")
            return a - b
        """, ("def f(a, b)", "def f(b, a)"), call="f(1, 2)"),
    Case("a function made async", """
        import asyncio, inspect
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x
        async def main():
            y = f(1)
            return ("awaited", await y) if inspect.isawaitable(y) else y
        """, ("def f(x)", "async def f(x)"), call="asyncio.run(main())"),
    Case("async function", """
        import asyncio
        @hozon.persistent_cache
        async def f(x):
            print("RAN")
            await asyncio.sleep(0)
            return x + 1
        """, ("x + 1", "x + 2"), call="asyncio.run(f(1))"),
    Case("async helper", """
        import asyncio
        async def helper(x):
            return x + 1
        @hozon.persistent_cache
        async def f(x):
            print("RAN")
            return await helper(x)
        """, ("x + 1", "x + 2"), call="asyncio.run(f(1))"),
    Case("generator", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            yield x
            yield x + 1
        """, ("x + 1", "x + 2"), call="list(f(1))"),
    Case("generator helper", """
        def helper(x):
            yield x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return list(helper(x))
        """, ("x + 1", "x + 2")),
    Case("context manager helper", """
        from contextlib import contextmanager
        @contextmanager
        def helper(x):
            yield x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            with helper(x) as y:
                return y
        """, ("x + 1", "x + 2")),
    # Helpers, near and far.
    Case("helper in the same file", """
        def helper(x):
            return x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 1", "x + 2")),
    Case("helper after the function", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        def helper(x):
            return x + 1
        """, ("x + 1", "x + 2")),
    Case("helper's docstring", """
        def helper(x):
            "One."
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper.__doc__
        """, ("One", "Two")),
    Case("helper's annotation", """
        def helper(x: int): pass
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper.__annotations__
        """, ("x: int", "x: str")),
    Case("helper's helper", """
        def deep(x):
            return x + 1
        def helper(x):
            return deep(x)
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 1", "x + 2")),
    Case("helper's default", """
        def helper(x, y=1):
            return x + y
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("y=1", "y=2")),
    Case("helper's keyword-only default", """
        def helper(x, *, y=1):
            return x + y
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("y=1", "y=2")),
    Case("helper's default by name", """
        Y = 1
        def helper(x, y=Y):
            return x + y
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("Y = 1", "Y = 2")),
    Case("helper's attribute", """
        def helper(x):
            return x + helper.y
        helper.y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("y = 1", "y = 2")),
    Case("helper in a local module", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return local.helper(x)
        """, ("x + 1", "x + 2"), modules={"local.py": "def helper(x):\n    return x + 1\n"}),
    Case("helper two modules away", """
        import near
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return near.helper(x)
        """, ("x + 1", "x + 2"), modules={
            "near.py": "import far\ndef helper(x):\n    return far.helper(x)\n",
            "far.py": "def helper(x):\n    return x + 1\n"}),
    Case("helper imported under another name", """
        from local import helper as other
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return other(x)
        """, ("x + 1", "x + 2"), modules={"local.py": "def helper(x):\n    return x + 1\n"}),
    Case("helper imported with a star", """
        from local import *
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 1", "x + 2"), modules={"local.py": "def helper(x):\n    return x + 1\n"}),
    Case("helper through a package's re-export", """
        import package
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return package.helper(x)
        """, ("x + 1", "x + 2"), modules={
            "package/__init__.py": "from package.inner import helper\n",
            "package/inner.py": "def helper(x):\n    return x + 1\n"}),
    Case("helper through a relative import", """
        from package.near import helper
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 1", "x + 2"), modules={
            "package/__init__.py": "",
            "package/near.py": "from .far import deep\ndef helper(x):\n    return deep(x)\n",
            "package/far.py": "def deep(x):\n    return x + 1\n"}),
    Case("helper through a relative import of a module", """
        from package.near import helper
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 1", "x + 2"), modules={
            "package/__init__.py": "",
            "package/near.py": "from . import far\ndef helper(x):\n    return far.deep(x)\n",
            "package/far.py": "def deep(x):\n    return x + 1\n"}),
    Case("helper three attributes deep", """
        import package.inner.far
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return package.inner.far.helper(x)
        """, ("x + 1", "x + 2"), modules={
            "package/inner/far.py": "def helper(x):\n    return x + 1\n"}),
    Case("module imported in the body", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            import local
            return local.helper(x)
        """, ("x + 1", "x + 2"), modules={"local.py": "def helper(x):\n    return x + 1\n"}),
    Case("name imported in the body", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            from local import helper
            return helper(x)
        """, ("x + 1", "x + 2"), modules={"local.py": "def helper(x):\n    return x + 1\n"}),
    Case("name imported in a helper's body", """
        def helper(x):
            from local import deep
            return deep(x)
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 1", "x + 2"), modules={"local.py": "def deep(x):\n    return x + 1\n"}),
    Case("module imported by importlib", """
        import importlib
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return importlib.import_module("local").helper(x)
        """, ("x + 1", "x + 2"), modules={"local.py": "def helper(x):\n    return x + 1\n"}),
    Case("module imported by __import__", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return __import__("local").helper(x)
        """, ("x + 1", "x + 2"), modules={"local.py": "def helper(x):\n    return x + 1\n"}),
    Case("helper by eval", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return eval("local.helper(x)")
        """, ("x + 1", "x + 2"), modules={"local.py": "def helper(x):\n    return x + 1\n"}),
    Case("helper by a module's vars()", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return vars(local)["helper"](x)
        """, ("x + 1", "x + 2"), modules={"local.py": "def helper(x):\n    return x + 1\n"}),
    Case("helper by attrgetter", """
        import local, operator
        get = operator.attrgetter("helper")
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return get(local)(x)
        """, ("x + 1", "x + 2"), modules={"local.py": "def helper(x):\n    return x + 1\n"}),
    Case("constant imported in the body", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            from local import Y
            return x + Y
        """, ("Y = 1", "Y = 2"), modules={"local.py": "Y = 1\n"}),
    Case("helper by getattr on a module", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return getattr(local, "helper")(x)
        """, ("x + 1", "x + 2"), modules={"local.py": "def helper(x):\n    return x + 1\n"}),
    Case("helper by getattr with a made name", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return getattr(local, "help" + "er")(x)
        """, ("x + 1", "x + 2"), modules={"local.py": "def helper(x):\n    return x + 1\n"}),
    Case("helper through a module in a variable", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            module = local
            return module.helper(x)
        """, ("x + 1", "x + 2"), modules={"local.py": "def helper(x):\n    return x + 1\n"}),
    Case("module as argument", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x.helper(1)
        """, ("x + 1", "x + 2"), call="f(local)", modules={"local.py": "def helper(x):\n    return x + 1\n"}),
    Case("helper of an aliased module", """
        import package.inner as short
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return short.helper(x)
        """, ("x + 1", "x + 2"), modules={
            "package/__init__.py": "", "package/inner.py": "def helper(x):\n    return x + 1\n"}),
    Case("helper in a dict", """
        def helper(x):
            return x + 1
        TABLE = {"a": helper}
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return TABLE["a"](x)
        """, ("x + 1", "x + 2")),
    Case("helper in a dict of a module", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return local.TABLE["a"](x)
        """, ("x + 1", "x + 2"),
        modules={"local.py": "def helper(x):\n    return x + 1\nTABLE = {'a': helper}\n"}),
    Case("helper registered by a decorator", """
        TABLE = {}
        def register(function):
            TABLE[function.__name__] = function
            return function
        @register
        def helper(x):
            return x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return TABLE["helper"](x)
        """, ("x + 1", "x + 2")),
    Case("helper in a list", """
        def helper(x):
            return x + 1
        STEPS = [helper, lambda x: x * 2]
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            for step in STEPS:
                x = step(x)
            return x
        """, ("x * 2", "x * 3")),
    Case("helper under another name", """
        def helper(x):
            return x + 1
        other = helper
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return other(x)
        """, ("x + 1", "x + 2")),
    Case("helper bound to another function", """
        def one(x):
            return x + 1
        def two(x):
            return x + 2
        helper = one
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("helper = one", "helper = two")),
    Case("helper handed on as a value", """
        def helper(x):
            return -x
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return sorted([1, 2], key=helper)
        """, ("-x", "+x")),
    Case("helper as argument", """
        def helper(x):
            return x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x(1)
        """, ("x + 1", "x + 2"), call="f(helper)"),
    Case("helper in an argument's list", """
        def helper(x):
            return x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x[0](1)
        """, ("x + 1", "x + 2"), call="f([helper])"),
    Case("conditional helper", """
        import sys
        if sys.maxsize > 1:
            def helper(x):
                return x + 1
        else:
            def helper(x):
                return x + 2
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 1", "x + 3")),
    Case("a conditional helper's condition", """
        FLAG = True
        if FLAG:
            def helper(x):
                return x + 1
        else:
            def helper(x):
                return x + 2
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("FLAG = True", "FLAG = False")),
    Case("helper defined anew below", """
        def helper(x):
            return x + 1
        def helper(x):
            return x + 2
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 2", "x + 3")),
    Case("pair of helpers that call each other", """
        def even(x):
            return x == 0 or odd(x - 1)
        def odd(x):
            return x != 0 and even(x - 1)
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return even(x)
        """, ("x != 0 and", "x == 0 or")),
    Case("recursive function", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return 1 if x < 1 else 2 * f(x - 1)
        """, ("2 * f", "3 * f")),
    Case("helper that calls the function", """
        def helper(x):
            return 2 * f(x - 1)
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return 1 if x < 1 else helper(x)
        """, ("2 * f", "3 * f")),
    Case("cached helper", """
        @hozon.persistent_cache
        def helper(x):
            return x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 1", "x + 2")),
    Case("cached helper's helper in a module", """
        from local import helper
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 1", "x + 2"), modules={"local.py": """
            import hozon
            def deep(x):
                return x + 1
            @hozon.persistent_cache
            def helper(x):
                return deep(x)
            """}),
    Case("helper under hozon.cache", """
        @hozon.cache
        def helper(x):
            return x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 1", "x + 2")),
    Case("helper under hozon.lru_cache", """
        @hozon.lru_cache(maxsize=8)
        def helper(x):
            return x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 1", "x + 2")),
    Case("helper under functools.lru_cache", """
        import functools
        @functools.lru_cache
        def helper(x):
            return x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 1", "x + 2")),
    Case("implementation of a single dispatch", """
        import functools
        @functools.singledispatch
        def helper(x):
            return x
        @helper.register
        def _(x: int):
            return x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 1", "x + 2")),
    Case("a module turned into a package", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return local.helper(x)
        """, lambda folder: _shadow(folder), modules={"local.py": "def helper(x):\n    return x + 1\n"}),
    Case("an edit that keeps size and time", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return local.helper(x)
        """, lambda folder: _edit_unseen(folder), modules={"local.py": "def helper(x):\n    return x + 1\n"},
        launch=Launch(environment={"PYTHONDONTWRITEBYTECODE": "1"})),
    # Decorators.
    Case("own decorator below hozon's", """
        def shift(function):
            def inner(x):
                return function(x) + 1
            return inner
        @hozon.persistent_cache
        @shift
        def f(x):
            print("RAN")
            return x
        """, ("+ 1", "+ 2")),
    Case("own decorator with wraps below hozon's", """
        import functools
        def shift(function):
            @functools.wraps(function)
            def inner(x):
                return function(x) + 1
            return inner
        @hozon.persistent_cache
        @shift
        def f(x):
            print("RAN")
            return x
        """, ("+ 1", "+ 2")),
    Case("body under a decorator below hozon's", """
        def shift(function):
            def inner(x):
                return function(x) + 1
            return inner
        @hozon.persistent_cache
        @shift
        def f(x):
            print("RAN")
            return x
        """, ("return x\n", "return -x\n")),
    Case("body under a decorator with wraps below hozon's", """
        import functools
        def shift(function):
            @functools.wraps(function)
            def inner(x):
                return function(x) + 1
            return inner
        @hozon.persistent_cache
        @shift
        def f(x):
            print("RAN")
            return x
        """, ("return x\n", "return -x\n")),
    Case("own decorator above hozon's", """
        def shift(function):
            def inner(x):
                return function(x + 1)
            return inner
        @shift
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x
        """, ("x + 1", "x + 2")),
    Case("own decorator with wraps above hozon's", """
        import functools
        def shift(function):
            @functools.wraps(function)
            def inner(x):
                return function(x + 1)
            return inner
        @shift
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x
        """, ("x + 1", "x + 2")),
    Case("decorator's argument", """
        def shift(by):
            def decorate(function):
                def inner(x):
                    return function(x) + by
                return inner
            return decorate
        @hozon.persistent_cache
        @shift(1)
        def f(x):
            print("RAN")
            return x
        """, ("shift(1)", "shift(2)")),
    Case("decorator's argument by name", """
        BY = 1
        def shift(by):
            def decorate(function):
                def inner(x):
                    return function(x) + by
                return inner
            return decorate
        @hozon.persistent_cache
        @shift(BY)
        def f(x):
            print("RAN")
            return x
        """, ("BY = 1", "BY = 2")),
    Case("decorator removed", """
        def shift(function):
            def inner(x):
                return function(x) + 1
            return inner
        @hozon.persistent_cache
        @shift
        def f(x):
            print("RAN")
            return x
        """, ("@shift\n", "")),
    Case("order of decorators", """
        def shift(function):
            return lambda x: function(x) + 1
        def double(function):
            return lambda x: function(x) * 2
        @hozon.persistent_cache
        @shift
        @double
        def f(x):
            print("RAN")
            return x
        """, ("@shift\n@double", "@double\n@shift")),
    Case("decorator in a module", """
        from local import shift
        @hozon.persistent_cache
        @shift
        def f(x):
            print("RAN")
            return x
        """, ("+ 1", "+ 2"),
        modules={"local.py": "def shift(function):\n    return lambda x: function(x) + 1\n"}),
    Case("helper's decorator", """
        def shift(function):
            def inner(x):
                return function(x) + 1
            return inner
        @shift
        def helper(x):
            return x
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("+ 1", "+ 2")),
    Case("helper under a decorator", """
        def shift(function):
            def inner(x):
                return function(x) + 1
            return inner
        @shift
        def helper(x):
            return x
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("return x\n", "return -x\n")),
    Case("decorator that is a class", """
        class Shift:
            def __init__(self, function):
                self.function = function
            def __call__(self, x):
                return self.function(x) + 1
        @Shift
        def helper(x):
            return x
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("+ 1", "+ 2")),
    Case("call form", """
        def g(x):
            print("RAN")
            return x + 1
        f = hozon.persistent_cache(g)
        """, ("x + 1", "x + 2")),
    # Constants, globals, closures.
    Case("constant", """
        Y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x + Y
        """, ("Y = 1", "Y = 2")),
    Case("constants that share a text", """
        A, B = "ab", "c"
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A, B
        """, ('"ab", "c"', '"a", "bc"')),
    Case("constants exchanged", """
        A, B = 1, 2
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A - B
        """, ("A, B =", "B, A =")),
    Case("constant that a helper reads", """
        Y = 1
        def helper(x):
            return x + Y
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("Y = 1", "Y = 2")),
    Case("constant of a constant", """
        Y = 1
        Z = Y + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x + Z
        """, ("Y = 1", "Y = 2")),
    Case("constant in a module", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x + local.Y
        """, ("Y = 1", "Y = 2"), modules={"local.py": "Y = 1\n"}),
    Case("constant imported by name", """
        from local import Y
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x + Y
        """, ("Y = 1", "Y = 2"), modules={"local.py": "Y = 1\n"}),
    Case("constant two attributes deep", """
        import package.inner
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x + package.inner.Y
        """, ("Y = 1", "Y = 2"), modules={"package/__init__.py": "", "package/inner.py": "Y = 1\n"}),
    Case("attribute of a settings object", """
        from local import settings
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x + settings.inner.y
        """, ("y=1", "y=2"), modules={"local.py": """
            from types import SimpleNamespace as Settings
            settings = Settings(inner=Settings(y=1))
            """}),
    Case("item in a list that is filled later", """
        ITEMS = []
        ITEMS.append(1)
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return sum(ITEMS)
        """, ("append(1)", "append(2)")),
    Case("constant in a comprehension", """
        Y = [1, 2]
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return [y for y in Y]
        """, ("[1, 2]", "[1, 3]")),
    Case("constant in a nested function", """
        Y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            def inner():
                return Y
            return inner()
        """, ("Y = 1", "Y = 2")),
    Case("constant in a nested class", """
        Y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            class A:
                y = Y
            return A.y
        """, ("Y = 1", "Y = 2")),
    Case("constant behind a global statement", """
        Y = 1
        @hozon.persistent_cache
        def f(x):
            global Y
            print("RAN")
            return Y
        """, ("Y = 1", "Y = 2")),
    Case("constant that shadows a built-in", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return len([x])
        LIMIT = 1
        """, ("LIMIT = 1", "len = lambda x: -1")),
    Case("constant by globals()", """
        Y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return globals()["Y"]
        """, ("Y = 1", "Y = 2")),
    Case("closure's variable", """
        def make(y):
            @hozon.persistent_cache
            def f(x):
                print("RAN")
                return x + y
            return f
        f = make(1)
        """, ("make(1)", "make(2)")),
    Case("closure's list", """
        def make(y):
            @hozon.persistent_cache
            def f(x):
                print("RAN")
                return [x, *y]
            return f
        f = make([1])
        """, ("make([1])", "make([True])")),
    Case("closure's function", """
        def make():
            def inner(x):
                return x + 1
            @hozon.persistent_cache
            def f(x):
                print("RAN")
                return inner(x)
            return f
        f = make()
        """, ("x + 1", "x + 2")),
    Case("closure's variable changed after the definition", """
        def make():
            y = 1
            @hozon.persistent_cache
            def f(x):
                print("RAN")
                return x + y
            y = 2
            return f
        f = make()
        """, ("y = 2", "y = 3")),
    Case("helper's closure", """
        def make(y):
            def inner(x):
                return x + y
            return inner
        helper = make(1)
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("make(1)", "make(2)")),
    Case("closures made in a loop", """
        def make(y):
            @hozon.persistent_cache
            def f(x):
                print("RAN")
                return x + y
            return f
        fs = [make(y) for y in (1, 2)]
        """, ("(1, 2)", "(1, 3)"), call="[f(1) for f in fs]"),
    # Callables that are no plain functions.
    Case("lambda", """
        f = hozon.persistent_cache(lambda x: print("RAN") or x + 1)
        """, ("x + 1", "x + 2")),
    Case("one of two lambdas in a line", """
        f, g = hozon.persistent_cache(lambda x: print("RAN") or x + 1), hozon.persistent_cache(lambda x: x)
        """, ("x + 1", "x + 2"), call="f(1), g(1)"),
    Case("lambda as argument", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x(1)
        """, ("y + 1", "y + 2"), call="f(lambda y: y + 1)"),
    Case("lambda in a global", """
        helper = lambda x: x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("x + 1", "x + 2")),
    Case("function inside a partial", """
        import functools
        def helper(x, y):
            return x + y
        bound = functools.partial(helper, 1)
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return bound(x)
        """, ("x + y", "x - y")),
    Case("argument inside a partial", """
        import functools
        def helper(x, y):
            return x - y
        bound = functools.partial(helper, 1)
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return bound(x)
        """, ("helper, 1", "helper, 2")),
    Case("keyword inside a partial", """
        import functools
        bound = functools.partial(dict, y=1)
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return bound(x=x)
        """, ("y=1", "z=1")),
    Case("partial as argument", """
        import functools
        def helper(x, y):
            return x - y
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x(1)
        """, ("helper, 1", "helper, 2"), call="f(functools.partial(helper, 1))"),
    Case("cached partial", """
        import functools
        def g(y, x):
            print("RAN")
            return x - y
        f = hozon.persistent_cache(functools.partial(g, 1), name="f")
        """, ("g, 1", "g, 2")),
    Case("code of a bound method", """
        class A:
            def go(self, x):
                return x + 1
        go = A().go
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return go(x)
        """, ("x + 1", "x + 2")),
    Case("state of a bound method's object", """
        class A:
            def __init__(self, y):
                self.y = y
            def go(self, x):
                return x + self.y
        go = A(1).go
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return go(x)
        """, ("A(1)", "A(2)")),
    Case("bound method as argument", """
        class A:
            def __init__(self, y):
                self.y = y
            def go(self, x):
                return x + self.y
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x(1)
        """, ("A(1)", "A(2)"), call="f(A(1).go)"),
    Case("another method of the same object", """
        class A:
            def one(self): return 1
            def two(self): return 2
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x()
        """, ("A().one", "A().two"), call="f(A().one)"),
    Case("bound method of a list", """
        get = [1, 2].index
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return get(1)
        """, ("[1, 2]", "[2, 1]")),
    Case("code of a callable instance", """
        class A:
            def __call__(self, x):
                return x + 1
        go = A()
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return go(x)
        """, ("x + 1", "x + 2")),
    Case("state of a callable instance", """
        class A:
            def __init__(self, y):
                self.y = y
            def __call__(self, x):
                return x + self.y
        go = A(1)
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return go(x)
        """, ("A(1)", "A(2)")),
    # Classes.
    Case("class body", """
        class A:
            def go(self, x):
                return x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A().go(x)
        """, ("x + 1", "x + 2")),
    Case("base class", """
        class Base:
            def go(self, x):
                return x + 1
        class A(Base):
            pass
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A().go(x)
        """, ("x + 1", "x + 2")),
    Case("base of a base in a module", """
        from near import Base
        class A(Base):
            pass
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A().go(x)
        """, ("x + 1", "x + 2"), modules={
            "near.py": "import far\nclass Base(far.Deep):\n    pass\n",
            "far.py": "class Deep:\n    def go(self, x):\n        return x + 1\n"}),
    Case("order of bases", """
        class B:
            y = 1
        class C:
            y = 2
        class A(B, C):
            pass
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A.y
        """, ("A(B, C)", "A(C, B)")),
    Case("base that is a built-in", """
        class A(dict):
            pass
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A([(1, 2)])
        """, ("A(dict)", "A(list)")),
    Case("metaclass", """
        class Meta(type):
            def __call__(cls):
                return 1
        class A(metaclass=Meta):
            pass
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A()
        """, ("return 1", "return 2")),
    Case("keyword of a class", """
        class Base:
            def __init_subclass__(cls, y):
                cls.y = y
        class A(Base, y=1):
            pass
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A.y
        """, ("y=1", "y=2")),
    Case("__init_subclass__ of a base", """
        class Base:
            def __init_subclass__(cls):
                cls.y = 1
        class A(Base):
            pass
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A.y
        """, ("cls.y = 1", "cls.y = 2")),
    Case("method of an argument's class", """
        class A:
            def go(self):
                return 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x.go()
        """, ("return 1", "return 2"), call="f(A())"),
    Case("method of the class of an argument's item", """
        class A:
            def go(self):
                return 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x["a"][0].go()
        """, ("return 1", "return 2"), call="f({'a': [A()]})"),
    Case("base of an argument's class", """
        from local import Base
        class A(Base):
            pass
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x.go()
        """, ("return 1", "return 2"), call="f(A())",
        modules={"local.py": "class Base:\n    def go(self):\n        return 1\n"}),
    Case("state of an argument", """
        class A:
            def __init__(self, y):
                self.y = y
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x.y
        """, ("A(1)", "A(2)"), call="f(A(1))"),
    Case("slot of an argument", """
        class A:
            __slots__ = ("y",)
            def __init__(self, y):
                self.y = y
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x.y
        """, ("A(1)", "A(2)"), call="f(A(1))"),
    Case("class of an argument", """
        class A:
            y = 1
        class B:
            y = 2
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x.y
        """, ("f(A())", "f(B())"), call="f(A())"),
    Case("class as argument", """
        class A:
            y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x.y
        """, ("y = 1", "y = 2"), call="f(A)"),
    Case("state of a list's subclass", """
        class A(list):
            pass
        a = A([1])
        a.y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x.y
        """, ("a.y = 1", "a.y = 2"), call="f(a)"),
    Case("class attribute", """
        class A:
            y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A.y
        """, ("y = 1", "y = 2")),
    Case("class attribute by name", """
        Y = 1
        class A:
            y = Y
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A.y
        """, ("Y = 1", "Y = 2")),
    Case("class attribute set later", """
        class A:
            pass
        A.y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A.y
        """, ("A.y = 1", "A.y = 2")),
    Case("method set later", """
        class A:
            pass
        def go(self):
            return 1
        A.go = go
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A().go()
        """, ("return 1", "return 2")),
    Case("property", """
        class A:
            @property
            def y(self):
                return 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A().y
        """, ("return 1", "return 2")),
    Case("static method", """
        class A:
            @staticmethod
            def go():
                return 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A.go()
        """, ("return 1", "return 2")),
    Case("class method", """
        class A:
            @classmethod
            def go(cls):
                return 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A.go()
        """, ("return 1", "return 2")),
    Case("cached property", """
        import functools
        class A:
            @functools.cached_property
            def y(self):
                return 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A().y
        """, ("return 1", "return 2")),
    Case("descriptor", """
        class D:
            def __get__(self, instance, owner):
                return 1
        class A:
            y = D()
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A().y
        """, ("return 1", "return 2")),
    Case("__getattr__", """
        class A:
            def __getattr__(self, name):
                return 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A().y
        """, ("return 1", "return 2")),
    Case("helper of a method", """
        def helper():
            return 1
        class A:
            def go(self):
                return helper()
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x.go()
        """, ("return 1", "return 2"), call="f(A())"),
    Case("method by super()", """
        class Base:
            def go(self):
                return 1
        class A(Base):
            def go(self):
                return super().go()
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A().go()
        """, ("return 1", "return 2")),
    Case("default of a method", """
        class A:
            def go(self, y=1):
                return y
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A().go()
        """, ("y=1", "y=2")),
    Case("decorator of a class", """
        def mark(cls):
            cls.y = 1
            return cls
        @mark
        class A:
            pass
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A.y
        """, ("cls.y = 1", "cls.y = 2")),
    Case("nested class", """
        class A:
            class B:
                y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A.B.y
        """, ("y = 1", "y = 2")),
    Case("class made by type()", """
        A = type("A", (), {"y": 1})
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A.y
        """, ('"y": 1', '"y": 2')),
    Case("default of a dataclass's field", """
        from dataclasses import dataclass
        @dataclass
        class A:
            y: int = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A().y
        """, ("y: int = 1", "y: int = 2")),
    Case("factory of a dataclass's field", """
        from dataclasses import dataclass, field
        def make():
            return [1]
        @dataclass
        class A:
            y: list = field(default_factory=make)
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A().y
        """, ("[1]", "[2]")),
    Case("annotation of a dataclass's field", """
        from dataclasses import dataclass
        from typing import ClassVar
        @dataclass
        class A:
            y: int = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return repr(A())
        """, ("y: int", "y: ClassVar[int]")),
    Case("dataclass as argument", """
        from dataclasses import dataclass
        @dataclass
        class A:
            y: int
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x.y
        """, ("A(1)", "A(2)"), call="f(A(1))"),
    Case("named tuple's method", """
        from typing import NamedTuple
        class A(NamedTuple):
            y: int
            def go(self):
                return self.y + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x.go()
        """, ("self.y + 1", "self.y + 2"), call="f(A(1))"),
    Case("named tuple's field", """
        from collections import namedtuple
        A = namedtuple("A", "y")
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x._fields
        """, ('"A", "y"', '"A", "z"'), call="f(A(1))"),
    Case("value of an enum", """
        from enum import Enum
        class A(Enum):
            Y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A.Y.value
        """, ("Y = 1", "Y = 2")),
    Case("value of an enum's member as argument", """
        from enum import Enum
        class A(Enum):
            Y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x.value
        """, ("Y = 1", "Y = 2"), call="f(A.Y)"),
    Case("member of an enum", """
        from enum import Enum
        class A(Enum):
            Y = 1
            Z = 2
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x.value
        """, ("f(A.Y)", "f(A.Z)"), call="f(A.Y)"),
    Case("enum's member to int", """
        from enum import IntEnum
        class A(IntEnum):
            Y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return type(x).__name__
        """, ("f(A.Y)", "f(1)"), call="f(A.Y)"),
    Case("order of an enum's members", """
        from enum import Enum
        class A(Enum):
            Y = 1
            Z = 2
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return [a.name for a in A]
        """, ("    Y = 1\n    Z = 2", "    Z = 2\n    Y = 1")),
    Case("cached method", """
        class A:
            @hozon.persistent_cache
            def f(self, x):
                print("RAN")
                return x + 1
        """, ("x + 1", "x + 2"), call="A().f(1)"),
    Case("state behind a cached method", """
        class A:
            def __init__(self, y):
                self.y = y
            @hozon.persistent_cache
            def f(self, x):
                print("RAN")
                return x + self.y
        """, ("A(1)", "A(2)"), call="A(1).f(1)"),
    Case("another method that a cached method calls", """
        class A:
            def go(self, x):
                return x + 1
            @hozon.persistent_cache
            def f(self, x):
                print("RAN")
                return self.go(x)
        """, ("x + 1", "x + 2"), call="A().f(1)"),
    Case("override of a method that a cached method calls", """
        class Base:
            @hozon.persistent_cache
            def f(self, x):
                print("RAN")
                return self.go(x)
        class A(Base):
            def go(self, x):
                return x + 1
        """, ("x + 1", "x + 2"), call="A().f(1)"),
    Case("cached class method", """
        class A:
            y = 1
            @classmethod
            @hozon.persistent_cache
            def f(cls, x):
                print("RAN")
                return x + cls.y
        """, ("y = 1", "y = 2"), call="A.f(1)"),
    Case("cached static method", """
        class A:
            @staticmethod
            @hozon.persistent_cache
            def f(x):
                print("RAN")
                return x + 1
        """, ("x + 1", "x + 2"), call="A.f(1)"),
    # Imports.
    Case("another module behind an alias", """
        import math as m
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return m.sqrt(4)
        """, ("import math as m", "import cmath as m")),
    Case("another class behind an alias", """
        from collections import OrderedDict as D
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return D(a=x)
        """, ("OrderedDict as D", "Counter as D")),
    Case("another function behind an alias", """
        from local import one as helper
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        """, ("one as helper", "two as helper"),
        modules={"local.py": "def one(x):\n    return 1\ndef two(x):\n    return 2\n"}),
    Case("another module of a package behind an alias", """
        from package import one as part
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return part.Y
        """, ("one as part", "two as part"),
        modules={"package/__init__.py": "", "package/one.py": "Y = 1\n", "package/two.py": "Y = 2\n"}),
    Case("another import in a helper's file", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return local.helper(4)
        """, ("from math import", "from cmath import"),
        modules={"local.py": "from math import sqrt\ndef helper(x):\n    return sqrt(x)\n"}),
    Case("another re-export", """
        import package
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return package.helper(x)
        """, ("one import helper", "two import helper"), modules={
            "package/__init__.py": "from package.one import helper\n",
            "package/one.py": "def helper(x):\n    return 1\n",
            "package/two.py": "def helper(x):\n    return 2\n"}),
    Case("two functions of the standard library exchanged", """
        from math import floor as low, ceil as high
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return low(1.5)
        """, ("floor as low, ceil as high", "floor as high, ceil as low")),
    Case("version of an installed distribution", """
        import sys
        from pathlib import Path
        sys.path.insert(0, str(Path(__file__).parent / "vendor" / "site-packages"))
        import outside
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return outside.helper(x)
        """, lambda folder: _upgrade(folder), modules={
            "vendor/site-packages/outside.py": "def helper(x):\n    return x + 1\n",
            "vendor/site-packages/outside-1.0.dist-info/METADATA":
                "Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n",
            "vendor/site-packages/outside-1.0.dist-info/RECORD": "outside.py,,\n",
            "vendor/site-packages/outside-1.0.dist-info/top_level.txt": "outside\n"}),
    # Arguments.
    Case("arguments exchanged", """
        @hozon.persistent_cache
        def f(x, y):
            print("RAN")
            return x - y
        """, ("f(1, 2)", "f(2, 1)"), call="f(1, 2)"),
    Case("arguments split elsewhere", """
        @hozon.persistent_cache
        def f(*x):
            print("RAN")
            return x
        """, ('"ab", "c"', '"a", "bc"'), call='f("ab", "c")'),
    Case("arguments and a tuple of them", """
        @hozon.persistent_cache
        def f(*x):
            print("RAN")
            return x
        """, ("f(1, 2)", "f((1, 2))"), call="f(1, 2)"),
    Case("name of a keyword", """
        @hozon.persistent_cache
        def f(**x):
            print("RAN")
            return x
        """, ("f(a=1)", "f(b=1)"), call="f(a=1)"),
    Case("positional and keyword rest", """
        @hozon.persistent_cache
        def f(*x, **y):
            print("RAN")
            return x, y
        """, ("f(('a', 1))", "f(a=1)"), call="f(('a', 1))"),
    Case("order of a rest of keywords that shows", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return list(x)
        """, ("dict(a=1, b=2)", "dict(b=2, a=1)"), call="f(dict(a=1, b=2))"),
    # Values without a digest: the statements that made them count.
    Case("statement that makes a connection", """
        import sqlite3
        def connect(path):
            return sqlite3.connect(path)
        def fill(connection):
            connection.execute("create table t as select 1 as y")
            return connection
        base = fill(connect(":memory:"))
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return base.execute("select y from t").fetchall()
        """, ("fill(connect(", "(lambda c: c.execute('create table t as select 2 as y').connection)(connect(")),
    Case("helper that makes a connection", """
        import sqlite3
        def connect(path):
            connection = sqlite3.connect(path)
            connection.execute("create table t as select 1 as y")
            return connection
        base = connect(":memory:")
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return base.execute("select y from t").fetchall()
        """, ("select 1", "select 2")),
    Case("constant behind a connection", """
        import sqlite3
        Y = 1
        def connect():
            connection = sqlite3.connect(":memory:")
            connection.execute(f"create table t as select {Y} as y")
            return connection
        base = connect()
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return base.execute("select y from t").fetchall()
        """, ("Y = 1", "Y = 2")),
    Case("connection in a module", """
        from local import base
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return base.execute("select y from t").fetchall()
        """, ("select 1", "select 2"), modules={"local.py": """
            import sqlite3
            def connect():
                connection = sqlite3.connect(":memory:")
                connection.execute("create table t as select 1 as y")
                return connection
            base = connect()
            """}),
    Case("statement after the connection", """
        import sqlite3
        base = sqlite3.connect(":memory:")
        base.execute("create table t as select 1 as y")
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return base.execute("select y from t").fetchall()
        """, ("select 1", "select 2")),
    Case("lock and a constant beside it", """
        import threading
        class Guarded:
            def __init__(self, y):
                self.y, self.lock = y, threading.Lock()
        guarded = Guarded(1)
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return guarded.y
        """, ("Guarded(1)", "Guarded(2)")),
]  # fmt: skip

# Programs that change what a function reads while they run: name, program. Each body must run twice.
IN_ONE_PROCESS = [
    ("global rebound", """
        Y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x + Y
        print(f(1))
        Y = 2
        print(f(1))
        """),
    ("global list changed", """
        Y = [1]
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return list(Y)
        print(f(1))
        Y.append(2)
        print(f(1))
        """),
    ("item deep in a global changed", """
        Y = {"a": [{"b": 1}]}
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return str(Y)
        print(f(1))
        Y["a"][0]["b"] = True
        print(f(1))
        """),
    ("array changed in place", """
        import numpy as np
        Y = np.zeros(3)
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return Y.sum()
        print(f(1))
        Y[1] = 1
        print(f(1))
        """),
    ("argument changed in place", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return list(x)
        a = [1]
        print(f(a))
        a[0] = True
        print(f(a))
        """),
    ("helper rebound", """
        def helper(x):
            return x + 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        print(f(1))
        def helper(x):
            return x + 2
        print(f(1))
        """),
    ("module's constant set", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x + local.Y
        print(f(1))
        local.Y = 2
        print(f(1))
        """),
    ("module's function replaced", """
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return local.helper(x)
        print(f(1))
        local.helper = lambda x: x + 7
        print(f(1))
        """),
    ("standard function replaced", """
        import math
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return math.sqrt(x)
        print(f(4))
        math.sqrt = lambda x: x + 7
        print(f(4))
        """),
    ("closure's variable changed", """
        def make():
            y = 1
            @hozon.persistent_cache
            def f(x):
                print("RAN")
                return x + y
            def change():
                nonlocal y
                y = 2
            return f, change
        f, change = make()
        print(f(1))
        change()
        print(f(1))
        """),
    ("class attribute set", """
        class A:
            y = 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return A.y
        print(f(1))
        A.y = 2
        print(f(1))
        """),
    ("method replaced", """
        class A:
            def go(self):
                return 1
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x.go()
        print(f(A()))
        A.go = lambda self: 2
        print(f(A()))
        """),
    ("built-in shadowed", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return len([x])
        print(f(1))
        len = lambda x: 7
        print(f(1))
        """),
    ("helper's default replaced", """
        def helper(x, y=1):
            return x + y
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        print(f(1))
        helper.__defaults__ = (2,)
        print(f(1))
        """),
    ("helper's code replaced", """
        def helper(x):
            return x + 1
        def other(x):
            return x + 2
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        print(f(1))
        helper.__code__ = other.__code__
        print(f(1))
        """),
    ("function defined twice", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x + 1
        print(f(1))
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x + 2
        print(f(1))
        """),
    ("functions that differ by their closure", """
        fs = []
        for y in (1, 2):
            @hozon.persistent_cache
            def f(x, y=y):
                print("RAN")
                return x + y
            fs.append(f)
        print([f(1) for f in fs])
        """),
    ("code made by exec", """
        for y in (1, 2):
            space = {"hozon": hozon}
            exec(f"@hozon.persistent_cache\\ndef f(x):\\n    print('RAN')\\n    return x + {y}", space)
            print(space["f"](1))
        """),
    ("functions made by eval", """
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return x(1)
        for y in (1, 2):
            print(f(eval(f"lambda x: x + {y}")))
        """),
    ("implementation of a single dispatch added", """
        import functools
        @functools.singledispatch
        def helper(x):
            return x
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return helper(x)
        print(f(1), f(1))
        @helper.register
        def _(x: int):
            return x + 7
        print(f(1), f(1))
        """),
    ("module loaded again after an edit", """
        import importlib, os, pathlib
        import local
        @hozon.persistent_cache
        def f(x):
            print("RAN")
            return local.helper(x)
        print(f(1))
        path = pathlib.Path(local.__file__)
        path.write_text("def helper(x):\\n    return x + 10\\n")
        importlib.reload(local)
        print(f(1))
        path.write_text("def helper(x):\\n    return x + 1\\n")
        """),
]  # fmt: skip


# Ways to reach code that no analysis can follow: a warning must name them. name, body, what is named
UNSEEN = [
    ("a computed module", "import importlib\nname = 'lo' + 'cal'\nreturn importlib.import_module(name).helper(x)",
     "import_module"),
    ("a computed module by __import__", "return __import__('lo' + 'cal').helper(x)", "__import__"),
    ("exec", "space = {}\nexec('from local import helper', space)\nreturn space['helper'](x)", "exec"),
    ("runpy", "import runpy\nreturn runpy.run_path('local.py')['helper'](x)", "run_path"),
    ("sys.modules", "import local, sys\nreturn sys.modules['local'].helper(x)", "sys.modules"),
    ("a frame", "import local, sys\nreturn sys._getframe().f_locals['local'].helper(x)", "_getframe"),
]  # fmt: skip


def _body_case(name: str, before: str, after: str) -> Case:
    lines = ["@hozon.persistent_cache\ndef f(x):\n    print('RAN')", indent(before, "    ")]
    edit = tuple(f"print('RAN')\n{indent(body, '    ')}\n" for body in (before, after))
    return Case(f"body: {name}", "\n".join([*lines, ""]), edit, same_result=None)


def _shadow(folder: Path) -> Path:
    (folder / "local").mkdir()
    (folder / "local/__init__.py").write_text("def helper(x):\n    return x + 2\n", encoding="utf-8")
    return folder


def _edit_unseen(folder: Path) -> Path:
    path = folder / "local.py"
    stamp = path.stat()
    path.write_text(path.read_text(encoding="utf-8").replace("x + 1", "x + 2"), encoding="utf-8")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    return folder


def _upgrade(folder: Path) -> Path:
    packages = folder / "vendor/site-packages"
    old, new = packages / "outside-1.0.dist-info", packages / "outside-2.0.dist-info"
    old.rename(new)
    metadata = new / "METADATA"
    metadata.write_text(metadata.read_text(encoding="utf-8").replace("1.0", "2.0"), encoding="utf-8")
    module = packages / "outside.py"
    module.write_text("def helper(x):\n    return x + 2\n", encoding="utf-8")
    return folder


CASES = [
    *(_body_case(*row) for row in BODIES),
    *PROGRAMS,
]
SEEN = "(type(X).__name__, repr(X))"
VALUE_ROWS = [
    *Rows("global", [Row(*row) for row in VALUES], SEEN).params(),
    *Rows("argument", [Row(*row) for row in VALUES], SEEN).params(),
    *Rows("argument", [Row(f"pandas {name}", PANDAS, *row) for name, *row in FRAMES], SEEN).params(),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_edit_recomputes(case: Case, tmp_path: Path) -> None:
    check_recomputes(case, tmp_path)


@pytest.mark.parametrize("row", VALUE_ROWS)
def test_another_value_recomputes(row: tuple[Rows, int], tmp_path_factory: pytest.TempPathFactory) -> None:
    rows, number = row
    runs = rows.row(number, tmp_path_factory)
    assert runs.results["after"] == runs.results["plain"], "a stale result was served"
    assert runs.ran["after"], "the function must run again"


@pytest.mark.parametrize(("name", "body", "named"), UNSEEN, ids=[row[0] for row in UNSEEN])
def test_what_cannot_be_seen_is_warned_of(name: str, body: str, named: str, tmp_path: Path) -> None:
    main = f"@hozon.persistent_cache\ndef f(x):\n    print('RAN')\n{indent(body, '    ')}\n"
    modules = {"local.py": "def helper(x):\n    return x + 1\n"}
    output = project_of(Case(name, main, modules=modules), tmp_path).run(says=named)
    assert output == Output(["RAN"], ["2"])


@pytest.mark.parametrize(("name", "program"), IN_ONE_PROCESS, ids=[name for name, _ in IN_ONE_PROCESS])
def test_a_change_while_running_recomputes(name: str, program: str, tmp_path: Path) -> None:
    modules = {"local.py": "Y = 1\ndef helper(x):\n    return x + 1\n"}
    project = project_of(Case(name, program, call="", modules=modules), tmp_path)
    cold, warm, plain = project.run(), project.run(), project.run(disabled=True)
    assert cold.marks == ["RAN", "RAN"]
    assert warm.marks == []
    assert cold.result == warm.result == plain.result
