"""Edits of what local code puts on classes of libraries: reached by an attribute's name alone.

Each row is a case after whose edit the cached function must run again, or must not.
"""

from __future__ import annotations

from never_stale.edits_dynamic import row

HALF = "f(fractions.Fraction(1, 2))"
ZZ = "def zz(self):\n    return 1\n"
EDIT = ("return 1", "return 2")
PLANTED = f"import fractions\n{ZZ}fractions.Fraction.zz = zz"
OTHER = "def other(x):\n    return x * 3\n"
OF_OTHER = ("x * 3", "x * 4")
ACCESSOR = "@pd.api.extensions.register_dataframe_accessor('acc')\nclass Acc:\n    def __init__(self, df):\n        pass\n    def k(self):\n        return 1"
LENGTH = (
    "    def __init__(self, expr):\n        self.expr = expr\n    def k(self):\n        return self.expr + 1"
)

RECOMPUTE = [
    row("method of a library's class replaced", "import fractions\nfractions.Fraction.limit_denominator = lambda s, n: 'one'",
        "return fractions.Fraction(1, 2).limit_denominator(3)", ("'one'", "'two'")),
    row("method put on a library's class", PLANTED, "return x.zz()", EDIT, call=HALF),
    row("method put on a library's class, object made inside", PLANTED, "return fractions.Fraction(1, 2).zz()", EDIT),
    row("method put on a library's class, called in a helper", f"{PLANTED}\ndef helper(x):\n    return x.zz()",
        "return helper(x)", EDIT, call=HALF),
    row("method put on a library's class, called by a name", PLANTED, "return getattr(x, 'zz')()", EDIT, call=HALF),
    row("method put on a library's class, called by a computed name", "import fractions, plants",
        "return getattr(x, 'z' + 'z')()", EDIT, call=HALF, modules={"plants.py": PLANTED}),
    row("what a method put on a library's class calls",
        "import fractions\ndef inner():\n    return 1\nfractions.Fraction.zz = lambda self: inner()", "return x.zz()", EDIT, call=HALF),
    row("method put on a library's class by another module", "import fractions, plants", "return x.zz()", EDIT, call=HALF,
        modules={"plants.py": PLANTED}),
    row("method put on a library's class by a module that is imported inside", "import fractions",
        "import plants\nreturn x.zz()", EDIT, call=HALF, modules={"plants.py": PLANTED}),
    row("method put on a library's class by setattr", f"import fractions\n{ZZ}setattr(fractions.Fraction, 'zz', zz)",
        "return x.zz()", EDIT, call=HALF),
    row("method put on a library's class by setattr, written in letters of full width",
        f"import fractions\n{ZZ}ｓｅｔａｔｔｒ(fractions.Fraction, 'zz', zz)", "return x.zz()", EDIT, call=HALF),
    row("method put on a library's class by a computed name",
        f"import fractions\n{ZZ}for name in ('zz', 'yy'):\n    setattr(fractions.Fraction, name, zz)", "return x.zz()", EDIT, call=HALF),
    row("method put on a library's class in a function",
        f"import fractions\n{ZZ}def install():\n    fractions.Fraction.zz = zz\ninstall()", "return x.zz()", EDIT, call=HALF),
    row("property put on a library's class", f"import fractions\n{ZZ}fractions.Fraction.zz = property(zz)", "return x.zz",
        EDIT, call=HALF),
    row("value put on a library's class", "import fractions\nfractions.Fraction.zz = 1", "return x.zz", ("zz = 1", "zz = 2"),
        call=HALF),
    row("another method of a library put on its class",
        "import fractions\nfractions.Fraction.zz = fractions.Fraction.__add__", "return x.zz(2)", ("__add__", "__sub__"), call=HALF),
    row("operator put on a library's class", "import fractions\nfractions.Fraction.__matmul__ = lambda self, other: 1",
        "return x @ x", ("other: 1", "other: 2"), call=HALF),
    row("attribute taken from a library's class", "import fractions\nfractions.Fraction.zz = 1",
        "return hasattr(fractions.Fraction, 'zz')", ("zz = 1", "zz = 1\ndel fractions.Fraction.zz")),
    row("accessor of a frame that is passed", f"import pandas as pd\n{ACCESSOR}", "return x.acc.k()", EDIT, call="f(pd.DataFrame())"),
    row("accessor of a frame that is made inside", f"import pandas as pd\n{ACCESSOR}", "return pd.DataFrame().acc.k()", EDIT),
    row("namespace of polars expressions",
        f"import polars as pl\n@pl.api.register_expr_namespace('mine')\nclass Mine:\n{LENGTH}",
        "return pl.select(pl.lit(x).mine.k()).item()", ("expr + 1", "expr + 2")),
]  # fmt: skip

HIT = [
    row("another function beside a method put on a library's class", f"{PLANTED}\n{OTHER}", "return x.limit_denominator(3)",
        OF_OTHER, call=HALF),
    row("another function beside a method that is put and used", f"{PLANTED}\n{OTHER}", "return x.zz()", OF_OTHER, call=HALF),
    row("method put on a library's class that is not used", PLANTED, "return x.limit_denominator(3)", EDIT, call=HALF),
    row("comment in a method put on a library's class", PLANTED, "return x.zz()", ("return 1", "return 1  # one"), call=HALF),
    row("method of the same name on a class of one's own",
        "class A:\n    pass\ndef zz(self):\n    return 3\nA.zz = zz\nclass B:\n    def zz(self):\n        return 1",
        "return x.zz()", ("return 3", "return 4"), call="f(B())"),
    row("a module that puts something on a library's class is imported, nothing of it is used", "import fractions, plants",
        "return x.limit_denominator(3)", ("import fractions, plants\n", "import fractions\n"), call=HALF, modules={"plants.py": PLANTED}),
    row("the function that a library calls at exit", "import atexit\n@atexit.register\ndef close():\n    return 1", "return x.close()",
        EDIT, call="f(__import__('io').BytesIO())"),
]  # fmt: skip

# A library's own code calls what stands in its classes, and no text of the project names it.
HOLES = [
    row("method of a library's class that the library calls",
        "import json\njson.JSONEncoder.default = lambda self, value: 'one'", "return json.dumps(x)", ("'one'", "'two'"),
        call="f({1: {2}})"),
]  # fmt: skip
