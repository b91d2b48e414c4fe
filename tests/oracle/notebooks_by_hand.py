"""Notebooks written by hand, each with one edit: what the cells do to each other is what is hard to see.

`run_notebooks.py --by-hand` runs each as it is and after its edit, in a store that lasts, and in plain Python.
`KNOWN` are those that are known to show something else, with what is not seen: they have to do so still.
"""

from __future__ import annotations

from typing import NamedTuple


class ByHand(NamedTuple):
    """A notebook: its cells, and the edit of one of them."""

    cells: list[str]
    place: int
    edited: str


NOTEBOOKS = {
    "iter": ByHand(
        [
            "g=iter(range(9))",
            "next(g)",
            "print(next(g))",
            "print(list(g))",
        ],
        3,
        "print(list(g),1)",
    ),
    "default": ByHand(
        [
            "def f(x,s=[]):\n    s.append(x)\n    return len(s)",
            "f(1)",
            "f(2)",
            "print(f(3))",
        ],
        3,
        "print(f(3),0)",
    ),
    "default2": ByHand(
        [
            "def f(x,s=[]):\n    s.append(x)\n    return len(s)",
            "f(1)",
            "f(2)",
            "print(f(3))",
        ],
        1,
        "f(1);f(1)",
    ),
    "closure": ByHand(
        [
            "def mk():\n    c=0\n    def inner(x):\n        nonlocal c\n        c+=x\n        return c\n    return inner\nf=mk()",
            "f(1)",
            "f(2)",
            "print(f(3))",
        ],
        1,
        "f(10)",
    ),
    "bound": ByHand(
        [
            "class C:\n    v=1\n    def step(self):\n        return self.v\no=C()",
            "f=o.step",
            "o.v=5",
            "print(f())",
        ],
        2,
        "o.v=6",
    ),
    "partial": ByHand(
        [
            "import functools\nL=[1]",
            "p=functools.partial(sum,L)",
            "L.append(2)",
            "print(p())",
        ],
        2,
        "L.append(3)",
    ),
    "partial2": ByHand(
        [
            "import functools\nL=[1]",
            "p=functools.partial(sum,L)",
            "L.append(2)",
            "print(p())",
        ],
        3,
        "print(p(),1)",
    ),
    "globalfn": ByHand(
        [
            "n=0",
            "def f():\n    global n\n    n+=1",
            "f()",
            "f()",
            "print(n)",
        ],
        2,
        "f();f()",
    ),
    "genclos": ByHand(
        [
            "L=[1]",
            "g=(x for x in L)",
            "L.append(2)",
            "print(list(g))",
        ],
        2,
        "L.append(3)",
    ),
    "helperstate": ByHand(
        [
            "import helpers",
            "L=helpers.STATE",
            "helpers.remember(5)",
            "print(L)",
        ],
        3,
        "print(L,1)",
    ),
    "helperstate2": ByHand(
        [
            "import helpers",
            "L=helpers.STATE",
            "helpers.remember(5)",
            "print(L)",
        ],
        2,
        "helpers.remember(6)",
    ),
    "helperstate3": ByHand(
        [
            "import helpers",
            "helpers.remember(5)",
            "L=helpers.STATE",
            "L.append(7)",
            "print(helpers.STATE)",
        ],
        3,
        "L.append(8)",
    ),
    "helperpatch": ByHand(
        [
            "import helpers",
            "helpers.scale=lambda x: x",
            "print(helpers.Thing(1).step(2))",
        ],
        1,
        "helpers.scale=lambda x: x+1",
    ),
    "helperfactor2": ByHand(
        [
            "import helpers",
            "helpers.FACTOR=5",
            "print(helpers.scale(2))",
        ],
        1,
        "helpers.FACTOR=6",
    ),
    "counted": ByHand(
        [
            "import helpers",
            "helpers.counted(1)",
            "print(helpers.counted(1))",
            "print(helpers.calls)",
        ],
        1,
        "helpers.counted(1);helpers.counted(1)",
    ),
    "rnd": ByHand(
        [
            "import random\nr=random.Random(3)",
            "a=r.random()",
            "b=r.random()\nprint(b)",
        ],
        1,
        "a=r.random()+r.random()",
    ),
    "rng2": ByHand(
        [
            "import numpy as np\nr=np.random.default_rng(3)",
            "a=r.random()",
            "b=r.random()\nprint(b)",
        ],
        2,
        "b=r.random()\nprint(b,1)",
    ),
    "ctxvar2": ByHand(
        [
            "import contextvars\nv=contextvars.ContextVar('v',default=0)",
            "v.set(3)\nNone",
            "print(v.get())",
        ],
        2,
        "print(v.get(),1)",
    ),
    "file": ByHand(
        [
            "f=open('data.txt')",
            "a=f.readline()",
            "print(f.readline())",
        ],
        1,
        "a=1",
    ),
    "stringio2": ByHand(
        [
            "import io\ns=io.StringIO()",
            "s.write('a')\nNone",
            "print(s.getvalue())",
        ],
        2,
        "print(s.getvalue(),1)",
    ),
    "sqlite": ByHand(
        [
            "import sqlite3\nc=sqlite3.connect(':memory:')",
            "c.execute('create table t(x)')\nNone",
            "c.execute('insert into t values (1)')\nNone",
            "print(c.execute('select * from t').fetchall())",
        ],
        2,
        "c.execute('insert into t values (2)')\nNone",
    ),
    "dispatch": ByHand(
        [
            "import functools\n@functools.singledispatch\ndef f(x):\n    return 'any'",
            "@f.register\ndef _(x: int):\n    return 'int'",
            "print(f(1))",
        ],
        1,
        "@f.register\ndef _(x: int):\n    return 'INT'",
    ),
    "dispatch2": ByHand(
        [
            "import functools\n@functools.singledispatch\ndef f(x):\n    return 'any'",
            "@f.register\ndef _(x: int):\n    return 'int'",
            "print(f(1))",
        ],
        2,
        "print(f(1),2)",
    ),
    "abcreg": ByHand(
        [
            "import abc\nclass A(abc.ABC):\n    pass",
            "A.register(int)\nNone",
            "print(isinstance(1,A))",
        ],
        1,
        "A.register(str)\nNone",
    ),
    "abcreg2": ByHand(
        [
            "import abc\nclass A(abc.ABC):\n    pass",
            "A.register(int)\nNone",
            "print(isinstance(1,A))",
        ],
        2,
        "print(isinstance(1,A),1)",
    ),
    "initsub": ByHand(
        [
            "class B:\n    reg=[]\n    def __init_subclass__(cls):\n        B.reg.append(cls.__name__)",
            "class C(B):\n    pass",
            "print(B.reg)",
        ],
        1,
        "class D(B):\n    pass",
    ),
    "initsub2": ByHand(
        [
            "class B:\n    reg=[]\n    def __init_subclass__(cls):\n        B.reg.append(cls.__name__)",
            "class C(B):\n    pass",
            "print(B.reg)",
        ],
        2,
        "print(B.reg,1)",
    ),
    "subclasses": ByHand(
        [
            "class B:\n    pass",
            "class C(B):\n    pass",
            "print([c.__name__ for c in B.__subclasses__()])",
        ],
        1,
        "class D(B):\n    pass",
    ),
    "regdeco": ByHand(
        [
            "R={}\ndef reg(f):\n    R[f.__name__]=f\n    return f",
            "@reg\ndef a(x):\n    return x+1",
            "print(R['a'](1))",
        ],
        1,
        "@reg\ndef a(x):\n    return x+2",
    ),
    "regdeco2": ByHand(
        [
            "R={}\ndef reg(f):\n    R[f.__name__]=f\n    return f",
            "@reg\ndef a(x):\n    return x+1",
            "print(R['a'](1))",
        ],
        2,
        "print(R['a'](1),2)",
    ),
    "fnattr": ByHand(
        [
            "def f():\n    f.n+=1\n    return f.n\nf.n=0",
            "f()",
            "print(f())",
        ],
        1,
        "f();f()",
    ),
    "fnattr2": ByHand(
        [
            "def f():\n    f.n+=1\n    return f.n\nf.n=0",
            "f()",
            "print(f())",
        ],
        2,
        "print(f(),1)",
    ),
    "tuplelist": ByHand(
        [
            "t=([1],2)",
            "t[0].append(3)",
            "print(t)",
        ],
        2,
        "print(t,1)",
    ),
    "iadd": ByHand(
        [
            "a=[1]\nb=a",
            "a+=[2]",
            "print(b)",
        ],
        1,
        "a+=[3]",
    ),
    "rebind": ByHand(
        [
            "a=[1]",
            "b=a",
            "a=[2]",
            "b.append(3)",
            "print(a,b)",
        ],
        0,
        "a=[7]",
    ),
    "rebind3": ByHand(
        [
            "a=[1]",
            "b=[a]",
            "a=[2]",
            "b[0].append(3)",
            "print(a,b)",
        ],
        3,
        "b[0].append(4)",
    ),
    "rebind4": ByHand(
        [
            "a=[1]",
            "b=[a]",
            "a=[2]",
            "a=b[0]",
            "a.append(1)",
            "print(a,b)",
        ],
        4,
        "a.append(5)",
    ),
    "bytearr": ByHand(
        [
            "a=bytearray(b'abc')",
            "m=memoryview(a)",
            "m[0]=65",
            "print(a)",
        ],
        2,
        "m[0]=66",
    ),
    "repr": ByHand(
        [
            "class C:\n    n=1\n    def __repr__(self):\n        return f'C{self.n}'\nc=C()",
            "C.n=5",
            "c",
        ],
        1,
        "C.n=6",
    ),
    "repr2": ByHand(
        [
            "class C:\n    n=1\n    def __repr__(self):\n        return f'C{self.n}'\nc=C()",
            "C.n=5",
            "c",
        ],
        2,
        "(c,)",
    ),
    "reprglob": ByHand(
        [
            "k=1\nclass C:\n    def __repr__(self):\n        return f'C{k}'\nc=C()",
            "[c]",
            "k=2",
            "[c]",
        ],
        2,
        "k=3",
    ),
    "reprfmt": ByHand(
        [
            "k=[1]\nclass C:\n    def __repr__(self):\n        return f'C{k}'\nc=C()",
            "k.append(2)",
            "[c]",
        ],
        1,
        "k.append(3)",
    ),
    "lockedcls": ByHand(
        [
            "class C:\n    __slots__=('a',)\nc=C()\nc.a=[1]",
            "d=c.a",
            "d.append(2)",
            "print(c.a)",
        ],
        2,
        "d.append(3)",
    ),
    "nestedinst": ByHand(
        [
            "class C:\n    pass\na=C(); a.l=[1]\nb=C(); b.a=a",
            "b.a.l.append(2)",
            "a.l.append(3)",
            "print(a.l,b.a.l)",
        ],
        1,
        "b.a.l.append(9)",
    ),
    "lambdadef": ByHand(
        [
            "L=[1]",
            "f=lambda l=L: l",
            "f().append(2)",
            "print(L)",
        ],
        2,
        "f().append(3)",
    ),
    "classclosure": ByHand(
        [
            "def mk(v):\n    class K:\n        x=v\n    return K\nA=mk(1)",
            "A.x=2",
            "print(A.x)",
        ],
        1,
        "A.x=3",
    ),
    "classclosure2": ByHand(
        [
            "def mk(v):\n    class K:\n        x=v\n    return K\nA=mk(1)",
            "A.x=2",
            "print(A.x)",
        ],
        2,
        "print(A.x,1)",
    ),
    "property": ByHand(
        [
            "class C:\n    @property\n    def p(self):\n        return 1\nc=C()",
            "C.p=property(lambda self: 2)",
            "print(c.p)",
        ],
        1,
        "C.p=property(lambda self: 3)",
    ),
    "modglobal": ByHand(
        [
            "import helpers as h",
            "h.new=[1]",
            "h.new.append(2)",
            "print(h.new)",
        ],
        2,
        "h.new.append(3)",
    ),
    "stdlib": ByHand(
        [
            "import json\njson.foo=1",
            "json.foo+=1",
            "print(json.foo)",
        ],
        1,
        "json.foo+=2",
    ),
    "excepthook": ByHand(
        [
            "import builtins\nbuiltins.foo=3",
            "print(foo)",
        ],
        0,
        "import builtins\nbuiltins.foo=4",
    ),
    "datedefault": ByHand(
        [
            "import collections\nP=collections.namedtuple('P','x y')",
            "p=P([1],2)",
            "p.x.append(3)",
            "print(p)",
        ],
        2,
        "p.x.append(4)",
    ),
    "npview": ByHand(
        [
            "import numpy as np\na=np.arange(6)",
            "b=a[::2]",
            "b[0]=9",
            "print(a)",
        ],
        2,
        "b[0]=8",
    ),
    "npobj": ByHand(
        [
            "import numpy as np\nl=[1]\na=np.array([l,None],dtype=object)",
            "l.append(2)",
            "print(a)",
        ],
        1,
        "l.append(3)",
    ),
    "dictview": ByHand(
        [
            "d={'a':1}",
            "v=d.keys()",
            "d['b']=2",
            "print(list(v))",
        ],
        2,
        "d['c']=2",
    ),
    "dictview2": ByHand(
        [
            "d={'a':1}",
            "v=d.keys()",
            "d['b']=2",
            "print(list(v))",
        ],
        3,
        "print(list(v),1)",
    ),
    "enum": ByHand(
        [
            "import enum\nclass E(enum.Enum):\n    A=[1]",
            "E.A.value.append(2)",
            "print(E.A.value)",
        ],
        1,
        "E.A.value.append(3)",
    ),
    "enum2": ByHand(
        [
            "import enum\nclass E(enum.Enum):\n    A=[1]",
            "E.A.value.append(2)",
            "print(E.A.value)",
        ],
        2,
        "print(E.A.value,1)",
    ),
    "cached_prop": ByHand(
        [
            "import functools\nclass C:\n    n=1\n    @functools.cached_property\n    def p(self):\n        return [self.n]\nc=C()",
            "c.p.append(2)",
            "print(c.p)",
        ],
        1,
        "c.p.append(3)",
    ),
    "star": ByHand(
        [
            "from helpers import *",
            "STATE.append(3)",
            "print(STATE, scale(1))",
        ],
        1,
        "STATE.append(4)",
    ),
    "star2": ByHand(
        [
            "from helpers import *\nimport helpers",
            "STATE.append(3)",
            "print(helpers.STATE)",
        ],
        1,
        "STATE.append(4)",
    ),
    "star3": ByHand(
        [
            "from helpers import *\nimport helpers",
            "STATE.append(3)",
            "print(helpers.STATE)",
        ],
        2,
        "print(helpers.STATE,1)",
    ),
    "lruhelper": ByHand(
        [
            "import helpers",
            "helpers.kept(1).append(5)",
            "print(helpers.kept(1))",
        ],
        2,
        "print(helpers.kept(1),1)",
    ),
    "delname": ByHand(
        [
            "a=1",
            "b=2",
            "del a",
            "try:\n    print(a)\nexcept NameError:\n    print('gone')",
        ],
        2,
        "pass",
    ),
    "fnkw": ByHand(
        [
            "def f(*, k=[1]):\n    return k",
            "f().append(2)",
            "print(f(), f.__kwdefaults__)",
        ],
        1,
        "f().append(3)",
    ),
    "setdef": ByHand(
        [
            "def f(x=1):\n    return x",
            "f.__defaults__=(5,)",
            "print(f())",
        ],
        1,
        "f.__defaults__=(6,)",
    ),
    "setdef2": ByHand(
        [
            "def f(x=1):\n    return x",
            "f.__defaults__=(5,)",
            "print(f())",
        ],
        2,
        "print(f(),1)",
    ),
    "code": ByHand(
        [
            "def f():\n    return 1\ndef g():\n    return 2",
            "f.__code__=g.__code__",
            "print(f())",
        ],
        2,
        "print(f(),1)",
    ),
    "methpatch": ByHand(
        [
            "class C:\n    def m(self):\n        return 1\nc=C()",
            "c.m=lambda: 5",
            "print(c.m())",
        ],
        1,
        "c.m=lambda: 6",
    ),
    "classswap": ByHand(
        [
            "class A:\n    n=1\nclass B:\n    n=2\na=A()",
            "a.__class__=B",
            "print(a.n)",
        ],
        2,
        "print(a.n,1)",
    ),
}
KNOWN = {
    "enum": "members of an enumeration",
    "enum2": "members of an enumeration",
    "lruhelper": "results kept by functions of local modules",
}
