"""Random notebooks of cheap cells, and random edits of them.

A cell is made from a template: what it gives a name, and which kinds of values it reads or changes that earlier
cells made. So the cells of a notebook share lists, instances, arrays and functions under several names, and change
them in place. A comment, an empty line, wider spaces, a file written as it is, and an edit that is taken back are
harmless: nothing that is stored may run again after them.
"""

from __future__ import annotations

import io
import random
import re
import tokenize
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

# By kind, cells that make or change a value of it. `{list}` is a new name of that kind, `{LIST}` one that is there,
# `N` a number. A template without new names changes something, or shows it.
TEMPLATES: dict[str, list[str]] = {
    "numbers": [
        "{int} = N",
        "{int} = {INT} + N",
        "{int} = len({LIST}) + N",
        "{int} = sum({LIST})",
        "{int} = {FUNC}(N)",
        "{int} = {INST}.step(N)",
        "if {INT} > N:\n    {int} = N\nelse:\n    {int} = N + 1",
        "if {INT} > N:\n    {int} = N",
        "for {int} in range(N + 1):\n    pass",
        "match {INT} % 3:\n    case 0:\n        {int} = N\n    case 1 | 2 as {int}:\n        pass",
        "print(({int} := {INT} + N) * 2)",
        "try:\n    {int} = {DICT}['k']\nexcept KeyError:\n    {int} = N",
        "{int} = {INT}\n{int} += N",
        "{int}, {list} = N, [N]",
        "{int}: int = N\n{int}",
        "{int} = next(x for x in range(N, N + 9) if x % 3 == 0) if N < N else {INT}",
    ],
    "lists": [
        "{list} = [N, N]",
        "{list} = {LIST}",
        "{list} = {LIST} + [N]",
        "{list} = list(range(N))",
        "{list} = [x * N for x in {LIST}]",
        "{list} = sorted({LIST})",
        "{LIST}.append(N)",
        "{LIST} += [N]",
        "{LIST}[0] = N",
        "{LIST}[:] = [N, *{LIST}]",
        "{LIST}.sort()",
        "del {LIST}[:1]",
        "for item in list({LIST}):\n    {LIST}.append(item % (N + 1))",
        "{int} = {LIST}.pop() if {LIST} else N",
        "{LIST}.extend({LIST})",
        "heapq.heapify({LIST})\nheapq.heappush({LIST}, N)",
        "random.Random(N).shuffle({LIST})",
        "{nest} = [{LIST}, {LIST}, [N]]",
        "{nest} = ({LIST}, N)",
        "{NEST}[0].append(N)",
        "{list} = {NEST}[0]",
        "{nest} = {{'a': [N], 'b': {LIST}}}",
        "{nest} = copy.deepcopy({NEST})",
        "{nest} = copy.copy({NEST})",
        "{nest} = []\n{nest}.append([N])\n{nest}.append({nest}[0])",
        "{list} = collections.deque({LIST}, maxlen=N + 2)",
        "print({LIST} is {LIST}, {LIST} == {LIST})",
    ],
    "dicts": [
        "{dict} = {{'a': N, 'b': {INT}}}",
        "{dict} = {DICT}",
        "{dict} = dict({DICT})",
        "{dict} = {DICT} | {{'z': N}}",
        "{DICT}['k'] = N",
        "{DICT}.update(d=N)",
        "{DICT}.pop('a', None)",
        "{dict} = vars({INST})",
        "{dict} = collections.defaultdict(int, a=N)",
        "{dict} = collections.Counter({LIST})",
        "{DICT}.setdefault('s', N)",
        "for key in list({DICT}):\n    {DICT}[key] = N",
        "{dict} = {{str(x): x + N for x in {LIST}}}",
        "{view} = {DICT}.keys()",
        "print(list({VIEW}))",
    ],
    "functions": [
        "def {func}(x):\n    return x + N",
        "def {func}(x, y=N):\n    return x * y",
        "def {func}(x, seen=[]):\n    seen.append(x)\n    return len(seen) + N",
        "def {func}(x, held={LIST}):\n    return sum(held) + x",
        "def {func}(x):\n    return {FUNC}(x) + {INT}",
        "def {func}(x):\n    return sum({LIST}) + x + N",
        "def {func}(x):\n    {LIST}.append(x)\n    return len({LIST})",
        "def {func}(x):\n    return {INST}.step(x) + N",
        "def {func}(x):\n    return {CLASS}().step(x) + N",
        "def {func}(x):\n    global {INT}\n    {INT} = x + N\n    return {INT}",
        "def {func}(x):\n    return x if x < 1 else {func}(x - 1) + N",
        "def {maker}(n):\n    def inner(x):\n        return x + n + N\n    return inner\n{func} = {maker}(N)",
        "{func} = {MAKER}(N)",
        "def {maker}(n):\n    count = n\n    def inner(x):\n        nonlocal count\n        count += x + N\n"
        "        return count\n    return inner\n{func} = {maker}(N)",
        "def {maker}(n):\n    return lambda x: x * n + sum({LIST})\n{func} = {maker}(N)",
        "{func} = lambda x: x * N + {INT}",
        "{func} = {FUNC}",
        "{func} = functools.partial(max, N)",
        "{func} = functools.partial({FUNC})",
        "@functools.lru_cache\ndef {func}(x):\n    return x + {INT} + N",
        "@functools.cache\ndef {kept}(x):\n    return [x, N]",
        "{KEPT}(1).append(N)",
        "{list} = {KEPT}(N)",
        "print({KEPT}(1), {KEPT}(2))",
        "def {deco}(f):\n    @functools.wraps(f)\n    def inner(x):\n        return f(x) + N\n    return inner",
        "@{DECO}\ndef {func}(x):\n    return x * N",
        "{list} = []\ndef {deco}(f):\n    {list}.append(len(f.__name__) + N)\n    return f",
        "{func} = {DECO}({FUNC})",
        "{FUNC}.mark = N",
        "print(getattr({FUNC}, 'mark', None))",
        "{FUNC}(N)",
        "print({FUNC}(N), {FUNC}(2))",
        "{list} = [{FUNC}(x) for x in range(3)]",
        "{list} = list(map({FUNC}, {LIST}))",
        "{funcs} = [lambda x, n=n: x + n for n in range(N)]",
        "print([f(N) for f in {FUNCS}])",
        "{funcs} = [{FUNC}, {FUNC}]",
        "{FUNCS}.append({FUNC})",
        "def {gen}(n):\n    for k in range(n):\n        yield k * N + {INT}",
        "{iter} = {GEN}(4)",
        "{list} = list({GEN}(N))",
        "@contextlib.contextmanager\ndef {ctx}(n):\n    {LIST}.append(n)\n    yield n + N\n    {LIST}.append(-n)",
        "with {CTX}(N) as {int}:\n    print({int})",
    ],
    "classes": [
        "class {class}:\n    base = N\n    shared = []\n    def __init__(self, value=N):\n        self.value = value\n"
        "        self.items = []\n    def step(self, x):\n        return self.base + self.value + x",
        "class {class}({CLASS}):\n    def step(self, x):\n        return super().step(x) * N",
        "class {class}({CLASS}):\n    base = N",
        "class {class}:\n    base = 0\n    shared = []\n    value = N\n    def __init__(self, *given):\n"
        "        type(self).base += 1\n        self.items = list(given)\n    def step(self, x):\n"
        "        return self.base + x + N",
        "@dataclasses.dataclass\nclass {class}:\n    value: int = N\n    base: int = N\n"
        "    items: list = dataclasses.field(default_factory=list)\n    def step(self, x):\n"
        "        self.items.append(x)\n        return self.value + x + {INT}",
        "class {class}:\n    base, value, shared = N, N, {LIST}\n    def __init__(self, *given):\n        self.items = self.shared\n"
        "    @property\n    def total(self):\n        return sum(self.items)\n    def step(self, x):\n"
        "        return self.total + {FUNC}(x)",
        "{CLASS}.base = N",
        "{CLASS}.extra = N",
        "{CLASS}.shared.append(N)",
        "{CLASS}.step = lambda self, x: x + N",
        "{inst} = {CLASS}()",
        "{inst} = {CLASS}(N)",
        "{inst} = {INST}",
        "{inst} = copy.copy({INST})",
        "{INST}.value = N",
        "{INST}.value += N",
        "{INST}.items.append(N)",
        "{INST}.items = {LIST}",
        "{INST}.shared.append(N)",
        "{INST}.other = {INST}",
        "{list} = {INST}.items",
        "{int} = {INST}.value",
        "{int} = {CLASS}.base",
        "{list} = {CLASS}.shared",
        "print(isinstance({INST}, {CLASS}), type({INST}).__name__)",
        "print({INST}.step(N), {INST}.base)",
        "{INST}.step(N)",
        "print({CLASS}().step(N))",
        "setattr({INST}, 'base', N)",
        "{func} = {INST}.step",
        "{nest} = types.SimpleNamespace(a=N, held={LIST})\n{nest} = [{nest}.held, {nest}.a]",
        "{inst} = {CLASS}()\n{inst}.items.append({INST})",
    ],
    "iterators": [
        "{iter} = iter({LIST})",
        "{iter} = (x + N for x in {LIST})",
        "{iter} = zip({LIST}, range(N))",
        "{iter} = map({FUNC}, {LIST})",
        "{iter} = iter(range(N))",
        "{iter} = iter([N, N, N])",
        "{iter} = enumerate([N, N, N])",
        "print(next({ITER}, None))",
        "{int} = hash(next({ITER}, N))",
        "{list} = list({ITER})",
        "for item in {ITER}:\n    print(item)\n    break",
        "{iter} = itertools.chain({ITER}, {LIST})",
        "{iter}, {iter} = itertools.tee(range(N))",
    ],
    "files": [
        "with open('out_1.txt', 'w') as stream:\n    stream.write(str({INT}))",
        "with open('out_2.txt', 'w') as stream:\n    stream.write(str({LIST}) + 'N')",
        "{str} = open('data.txt').read()",
        "with open('data.txt') as stream:\n    {int} = len(stream.read()) + N",
        "{str} = pathlib.Path('out_1.txt').read_text()",
        "print(os.path.exists('out_2.txt'))",
        "{list} = [int(line) for line in open('data.txt')]",
        "print(sorted(os.listdir('texts')))",
        "pathlib.Path('out_1.txt').write_text('N')",
        "{str} = {STR}[:N] + 'N'",
        "print(len({STR}), repr({STR}))",
        "{iter} = open('data.txt')",
        "{str} = ''.join(open(f'texts/{{name}}').read() for name in sorted(os.listdir('texts')))",
    ],
    "process": [
        "os.environ['MODE'] = 'N'",
        "print(os.environ.get('MODE'))",
        "{int} = int(os.environ.get('MODE', 'N'))",
        "os.environ.pop('MODE', None)",
        "random.seed(N)",
        "random.seed(N)\n{int} = random.randrange(1000)",
        "{int} = random.randrange(1000)",
        "print(random.random(), N)",
        "decimal.getcontext().prec = N + 1",
        "print(decimal.Decimal(1) / 3)",
        "logging.getLogger('a').setLevel(N)",
        "print(logging.getLogger('a').level)",
        "os.chdir('texts')",
        "print(os.path.basename(os.getcwd()))",
        "sys.setrecursionlimit(3000 + N)",
        "print(sys.getrecursionlimit())",
        "sys.modules['helpers'].extra = N",
    ],
    "helpers": [
        "{int} = helpers.scale({INT})",
        "{int} = helpers.FACTOR + N",
        "{inst} = helpers.Thing(N)",
        "class {class}(helpers.Thing):\n    def step(self, x):\n        return super().step(x) + N",
        "{func} = helpers.scale",
        "{func} = helpers.twice({FUNC})",
        "helpers.STATE.append(N)",
        "helpers.remember(N)",
        "print(helpers.STATE)",
        "{list} = helpers.STATE",
        "helpers.FACTOR = N",
        "helpers.add_to({LIST})",
        "{LIST}.append(helpers.FACTOR)",
        "from helpers import *\n{int} = scale(N)",
        "from helpers import scale as {func}, STATE as {list}",
        "import helpers as {mod}",
        "{int} = {MOD}.scale(N) + {MOD}.FACTOR",
        "helpers.Thing.base = N",
        "{func} = helpers.counted",
        "{kept} = helpers.kept",
        "{int} = getattr(helpers, 'scale')(N)",
    ],
    "arrays": [
        "{array} = np.arange(N + 3)",
        "{array} = {ARRAY}[:3]",
        "{array} = {ARRAY}.reshape(-1)",
        "{array} = {ARRAY}.copy()",
        "{array} = {ARRAY}",
        "{array} = {ARRAY} * N",
        "{ARRAY}[0] = N",
        "{ARRAY} += N",
        "{ARRAY}.sum()",
        "{list} = {ARRAY}.tolist()",
        "{nest} = [{ARRAY}]",
        "np.random.seed(N)",
        "{array} = np.random.randint(0, 9, 3)",
        "print({ARRAY}, np.shares_memory({ARRAY}, {ARRAY}))",
        "np.set_printoptions(precision=N)",
        "print(np.array([1 / 3]))",
    ],
    "dynamic": [
        "{int} = eval('{INT} + N')",
        "print(globals()['{INT}'])",
        "globals()['{INT}'] = N",
        "exec('{INT} = N')",
        "print(sorted(name for name in globals() if name.startswith('int_')))",
        "def {func}(x):\n    return eval('{INT}') + x",
    ],
    "failures": [
        "1 / ({INT} % 3)",
        "assert {INT} > N, 'small'",
        "del {INT}",
        "del {LIST}",
        "raise ValueError(N)",
        "{LIST}.append(N)\n1 / ({INT} % 2)",
    ],
    "shows": [
        "{LIST}",
        "{DICT}",
        "{INT} + N",
        "print({LIST}, {INT}, N)",
        "print({DICT}, {INST}.value)",
        "vars({INST})",
        "{NEST}",
        "print('a'); {INT}",
        "{INT};",
        "print({LIST}, file=sys.stderr)",
        "display({INT})",
        "_ = N\nprint(_)",
    ],
}
# Not every notebook has these.
SOMETIMES = ("failures", "files", "process", "helpers", "arrays", "dynamic", "iterators")

IMPORTS = (
    "import collections, contextlib, copy, dataclasses, decimal, functools, heapq, itertools, logging, os, pathlib, "
    "random, sys, types\nimport helpers"
)

HELPERS = """import functools
FACTOR = 3
STATE = [1]
calls = 0


def scale(x):
    return x * FACTOR + offset()


def offset():
    return 1


def twice(f):
    return lambda x: f(x) * 2


def remember(x):
    STATE.append(x)


def add_to(given, amount=5):
    given.append(amount)


def counted(x):
    global calls
    calls += 1
    return calls + x


@functools.lru_cache
def kept(x):
    return [x, 4]


class Thing:
    base = 2
    shared = []

    def __init__(self, value=1):
        self.value = value
        self.items = []

    def step(self, x):
        return scale(x) + self.value + self.base
"""

# What lies beside each notebook.
FILES = (("pyproject.toml", ""), ("helpers.py", HELPERS), ("data.txt", "4\n7\n9\n"), ("texts/a.txt", "one"))

# How a value is shown at the end, by its kind.
SHOWN = {
    "func": "{0}(2)",
    "kept": "{0}(1)",
    "class": "({0}.base, {0}().step(1))",
    "inst": "({0}.value, {0}.items if all(type(x) is int for x in {0}.items) else len({0}.items), {0}.base)",
    "iter": "list(itertools.islice({0}, 3))",
    "view": "list({0})",
    "funcs": "[f(1) for f in {0}]",
    "gen": "list({0}(2))",
    "array": "{0}.tolist()",
    "mod": "{0}.FACTOR",
}
NOT_SHOWN = ("deco", "maker", "ctx")
# These run code that may change things: not at the end of every notebook.
CALLS = ("func", "kept", "class", "iter", "funcs", "gen")


class State(NamedTuple):
    """A notebook with all that is beside it."""

    cells: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    environment: tuple[tuple[str, str], ...] = ()

    def file(self, name: str) -> str:
        return dict(self.files)[name]

    def with_file(self, name: str, text: str | None) -> State:
        files = {**dict(self.files), name: text}
        return self._replace(files=tuple((key, value) for key, value in files.items() if value is not None))

    def with_cell(self, place: int, text: str) -> State:
        return self._replace(cells=(*self.cells[:place], text, *self.cells[place + 1 :]))


@dataclass
class Notebook:
    """A notebook, and what it was before each edit."""

    state: State
    templates: list[str]
    is_marimo: bool
    shows_calls: bool
    # What names hold, as far as their cells' templates say.
    names: dict[str, str] = field(default_factory=dict)
    earlier: list[tuple[State, dict[str, str]]] = field(default_factory=list)
    made: int = 0

    def text(self) -> str:
        return marimo(self.state.cells) if self.is_marimo else percent(self.state.cells)

    def files(self) -> dict[str, str]:
        return {**dict(self.state.files), "notebook.py": self.text()}

    def writes_a_file_twice(self) -> bool:
        """Whether several cells write one file: each finds another's in its place, and runs again."""
        written = [
            name for cell in self.state.cells if "write" in cell for name in re.findall(r"out_\d", cell)
        ]
        return len(set(written)) < len(written)

    def edit(self, rng: random.Random) -> tuple[str, bool]:
        """Changes something. Returns what, in words, and whether it is harmless."""
        while True:
            before = self.state, dict(self.names)
            how = rng.choice(EDITS)
            what = how(self, rng)
            if what and (self.state != before[0] or how is touched):
                self.earlier.append(before)
                return what, how in HARMLESS
            self.state, self.names = before

    def take_back(self, edits: int) -> None:
        self.state, names = self.earlier[-edits]
        self.names = dict(names)

    def new_cell(self, rng: random.Random) -> str:
        """A cell of a random template for which there are names."""
        while True:
            templates = self.templates if rng.random() < 0.85 else TEMPLATES["shows"]
            text = self._filled(rng.choice(templates), rng)
            if text is not None:
                return text

    def _filled(self, template: str, rng: random.Random) -> str | None:
        wanted = re.findall(r"(?<!\{)\{([A-Z]+)\}", template)
        found: dict[str, str] = {}
        by_kind: dict[str, list[str]] = {}
        for name, kind in self.names.items():
            by_kind.setdefault(kind.upper(), []).append(name)
        if any(kind not in by_kind for kind in wanted):
            return None
        made: dict[str, str] = {}

        def name_for(match: re.Match[str]) -> str:
            kind = match[1]
            if kind.isupper():
                # A template that says a name twice to change it means one.
                if template.count(f"{{{kind}}}") == 2 and rng.random() < 0.5 and kind in found:
                    return found[kind]
                found[kind] = rng.choice(by_kind[kind])
                return found[kind]
            if kind not in made:
                made[kind] = self._new_name(kind, rng)
            return made[kind]

        text = re.sub(r"(?<!\{)\{([A-Za-z]+)\}", name_for, template)
        text = text.replace("{{", "{").replace("}}", "}")
        text = re.sub(r"\bN\b", lambda _: str(rng.randrange(1, 9)), text)
        if "global " in text and self.is_marimo:
            return None
        self.names |= {name: kind for kind, name in made.items()}
        return text

    def _new_name(self, kind: str, rng: random.Random) -> str:
        same = [name for name, held in self.names.items() if held == kind]
        if same and not self.is_marimo and rng.random() < 0.12:
            return rng.choice(same)
        self.made += 1
        return f"{kind}_{self.made}"

    def last_cell(self) -> str:
        """Shows what the names hold."""
        lines = []
        for name, kind in sorted(self.names.items()):
            if kind in NOT_SHOWN or (kind in CALLS and not self.shows_calls):
                continue
            lines.append(f"print({name!r}, {SHOWN.get(kind, '{0}').format(name)})")
        return "\n".join(lines) or "print()"


def notebook(seed: int) -> Notebook:
    """The notebook of a seed."""
    rng = random.Random(seed)
    kinds = ["numbers", "lists", "dicts", "functions", "functions", "classes", "classes", "shows"]
    kinds += rng.sample(SOMETIMES, rng.randrange(0, 3))
    templates = [template for kind in kinds for template in TEMPLATES[kind]]
    if rng.random() < 0.75:
        # Of few templates, so that cells have to do with each other.
        templates = [*rng.sample(templates, 12), *rng.sample(TEMPLATES["lists"], 3)]
    made = Notebook(State((), FILES), templates, rng.random() < 0.2, rng.random() < 0.5)
    imports = IMPORTS + ("\nimport numpy as np" if "arrays" in kinds else "")
    cells = [imports, *(["random.seed(3)"] if "process" in kinds else [])]
    first = ["{int} = N", "{list} = [N, N]", TEMPLATES["classes"][0], "{dict} = {{'a': N}}", "def {func}(x):\n    return x + N"]  # fmt: skip
    cells += [text for text in (made._filled(template, rng) for template in rng.sample(first, rng.randrange(2, 6))) if text]  # fmt: skip
    cells += [made.new_cell(rng) for _ in range(rng.randrange(5, 12))]
    if rng.random() < 0.85:
        cells.append(made.last_cell())
    made.state = made.state._replace(cells=tuple(cells))
    return made


def percent(cells: tuple[str, ...]) -> str:
    return "".join(f"# %%\n{cell}\n\n" for cell in cells)


def marimo(cells: tuple[str, ...]) -> str:
    parts = ["import marimo\n\napp = marimo.App()\n"]
    for cell in cells:
        body = "\n".join(f"    {line}" if line else "" for line in cell.splitlines())
        parts.append(f"@app.cell\ndef _():\n{body}\n    return\n")
    return "\n\n".join([*parts, 'if __name__ == "__main__":\n    app.run()\n'])


# --- edits: each returns what it did, or nothing where it could do nothing


def _place(made: Notebook, rng: random.Random) -> int:
    """The place of a cell other than the imports."""
    return rng.randrange(1, len(made.state.cells))


def _tokens(text: str) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(text).readline))


def _with_token(text: str, choose: Callable[[tokenize.TokenInfo], str | None], rng: random.Random) -> str:
    """The text with another text for one token for which `choose` gives one."""
    fitting = [(token, new) for token in _tokens(text) if (new := choose(token)) is not None]
    if not fitting:
        return text
    token, new = rng.choice(fitting)
    lines = text.splitlines(keepends=True)
    line = token.start[0] - 1
    lines[line] = lines[line][: token.start[1]] + new + lines[line][token.end[1] :]
    return "".join(lines)


def _in_cell(made: Notebook, rng: random.Random, new_text: Callable[[str], str], what: str) -> str:
    place = _place(made, rng)
    text = made.state.cells[place]
    new = new_text(text)
    if new == text:
        return ""
    made.state = made.state.with_cell(place, new)
    return f"cell {place + 1}: {what}: {new!r}"


def _other_number(rng: random.Random) -> Callable[[tokenize.TokenInfo], str | None]:
    return lambda token: str(rng.randrange(1, 12)) if token.type == tokenize.NUMBER else None


def number(made: Notebook, rng: random.Random) -> str:
    return _in_cell(made, rng, lambda text: _with_token(text, _other_number(rng), rng), "number")


def comment(made: Notebook, rng: random.Random) -> str:
    line = f"# remark {rng.randrange(100)}\n"
    return _in_cell(made, rng, lambda text: line + text, "comment")


def comment_behind(made: Notebook, rng: random.Random) -> str:
    return _in_cell(made, rng, lambda text: f"{text}  # remark {rng.randrange(100)}", "comment behind")


def empty_line(made: Notebook, rng: random.Random) -> str:
    return _in_cell(made, rng, lambda text: f"\n{text}\n", "empty line")


def spaces(made: Notebook, rng: random.Random) -> str:
    def wider(token: tokenize.TokenInfo) -> str | None:
        return f" {token.string}  " if token.type == tokenize.OP and token.string in ("+", "=", ",") else None

    return _in_cell(made, rng, lambda text: _with_token(text, wider, rng), "spaces")


def helper_comment(made: Notebook, rng: random.Random) -> str:
    text = made.state.file("helpers.py")
    made.state = made.state.with_file("helpers.py", f"# remark {rng.randrange(1000)}\n{text}")
    return "helpers.py: comment"


def touched(made: Notebook, rng: random.Random) -> str:
    return "data.txt: written as it is"


def taken_back(made: Notebook, rng: random.Random) -> str:
    if not made.earlier:
        return ""
    edits = rng.randint(1, min(4, len(made.earlier)))
    made.take_back(edits)
    return f"{edits} edits taken back"


def helper_number(made: Notebook, rng: random.Random) -> str:
    before = made.state.file("helpers.py")
    text = _with_token(before, _other_number(rng), rng)
    made.state = made.state.with_file("helpers.py", text)
    lines = zip(before.splitlines(), text.splitlines(), strict=True)
    return "helpers.py: number: " + "".join(line for old, line in lines if old != line)


def data_file(made: Notebook, rng: random.Random) -> str:
    made.state = made.state.with_file("data.txt", f"{rng.randrange(20)}\n{rng.randrange(20)}\n")
    return "data.txt"


def more_texts(made: Notebook, rng: random.Random) -> str:
    text = "two" if "texts/b.txt" not in dict(made.state.files) else None
    made.state = made.state.with_file("texts/b.txt", text)
    return f"texts/b.txt: {text}"


def variable(made: Notebook, rng: random.Random) -> str:
    made.state = made.state._replace(environment=(("MODE", str(rng.randrange(5))),))
    return f"MODE={made.state.environment[0][1]}"


def added(made: Notebook, rng: random.Random) -> str:
    place = _place(made, rng)
    cells = made.state.cells
    text = made.new_cell(rng)
    made.state = made.state._replace(cells=(*cells[:place], text, *cells[place:]))
    return f"cell {place + 1}: added: {text!r}"


def appended(made: Notebook, rng: random.Random) -> str:
    """A cell at the end, behind the one that shows all, which is made anew."""
    cells = made.state.cells
    text = made.new_cell(rng)
    made.state = made.state._replace(cells=(*cells[:-1], text, made.last_cell()))
    return f"cell {len(cells)}: {text!r}"


def removed(made: Notebook, rng: random.Random) -> str:
    place = _place(made, rng)
    cells = made.state.cells
    if len(cells) < 5:
        return ""
    made.state = made.state._replace(cells=(*cells[:place], *cells[place + 1 :]))
    return f"cell {place + 1}: removed: {cells[place]!r}"


def replaced(made: Notebook, rng: random.Random) -> str:
    """Another cell for one that gives no names."""
    text = made.new_cell(rng)
    return _in_cell(
        made, rng, lambda old: text if not re.match(r"\w+_\d+ =|def|class|@", old) else old, "replaced"
    )


def swapped(made: Notebook, rng: random.Random) -> str:
    place = _place(made, rng)
    if place + 1 >= len(made.state.cells):
        return ""
    cells = list(made.state.cells)
    cells[place], cells[place + 1] = cells[place + 1], cells[place]
    made.state = made.state._replace(cells=tuple(cells))
    return f"cells {place + 1} and {place + 2}: swapped"


def renamed(made: Notebook, rng: random.Random) -> str:
    """A name becomes another one wherever it stands."""
    name = rng.choice(sorted(made.names))
    made.made += 1
    new = f"{made.names[name]}_{made.made}"
    cells = tuple(re.sub(rf"\b{name}\b", new, cell) for cell in made.state.cells)
    made.names[new] = made.names.pop(name)
    made.state = made.state._replace(cells=cells)
    return f"{name} becomes {new}"


def sign(made: Notebook, rng: random.Random) -> str:
    others = {"+": "-", "*": "+", ">": "<", "%": "*", "+=": "="}
    return _in_cell(
        made, rng, lambda text: _with_token(text, lambda token: others.get(token.string), rng), "sign"
    )


HARMLESS = (comment, comment_behind, empty_line, spaces, helper_comment, touched, taken_back)
EDITS = (
    *HARMLESS,
    taken_back,
    *(number,) * 7,
    *(helper_number, helper_number, data_file, more_texts, variable, sign),
    *(added,) * 3,
    *(appended, removed, removed, replaced, replaced, swapped, swapped, renamed),
)
