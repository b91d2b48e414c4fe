"""Small random programs of several modules, and random edits of them.

A program is a list of parts. A part knows its text, what it offers to the others, and its own edits: each
gives it another text. Whether another edit matters is found out by running the program; these are harmless:
a comment, white space between the words of the code, a function that nobody calls, added or moved. Two
exceptions, neither of which hozon promises to give from the cache:

- a function that is added to a module in which names are computed (`globals()[...]`, `eval`) by code that
  the cached function reaches, or to a module that this one imports, or is moved in one of them: they count as
  a whole, since the name may be the one that is computed;
- any edit, where several calls write the same file: each finds another's file in its place.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

FEATURES = ("dynamic", "files", "env", "random", "text", "mutation", "blocks")
MODULES = ("alpha", "beta", "pack/gamma")
# Parts that make the whole module around count.
COMPUTED = ("getattr", "eval")


@dataclass
class Part:
    """A definition or a constant in a module. `numbers` and `words` are the places that edits change."""

    name: str
    template: str
    kind: str
    uses: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    comment: str = ""
    docstring: str = ""
    spaces: int = 0

    def text(self) -> str:
        text = self.template
        for index, number in enumerate(self.numbers):
            text = text.replace(f"N{index}", str(number))
        text = text.replace("DOC", repr(self.docstring))
        if self.spaces:
            wider = " " * self.spaces + "+ "
            # What stands between quotes is a value.
            text = re.sub(r"('[^']*')| \+ ", lambda found: found[1] or wider, text)
        return f"{'# ' + self.comment if self.comment else ''}\n{text}\n"


@dataclass
class Program:
    """The parts by module, in order; the body of the main function; the files and variables beside it."""

    modules: dict[str, list[Part]]
    main: list[Part]
    calls: list[int]
    data: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    # Files to write or to remove (None) once, before the next run.
    once: dict[str, str | None] = field(default_factory=dict)
    failed: bool = False

    def files(self) -> dict[str, str]:
        files = {"pack/__init__.py": "", "pyproject.toml": "", **self.data}
        for index, (module, parts) in enumerate(self.modules.items()):
            imports = "".join(f"import {dotted(other)}\n" for other in list(self.modules)[:index])
            files[f"{module}.py"] = (
                "import functools, os, random\n" + imports + "".join(p.text() for p in parts)
            )
        imports = "".join(f"import {dotted(module)}\n" for module in self.modules)
        calls = "".join(f"print('result', f({call}))\n" for call in self.calls)
        body = "".join(part.text() for part in self.main)
        files["main.py"] = f"import sys, os, random, hozon\n{imports}{body}\n{calls}"
        return files

    def by_module(self) -> list[tuple[str, list[Part]]]:
        """Every module with its parts; each imports those before it."""
        return [*self.modules.items(), ("main", self.main)]

    def parts(self) -> list[Part]:
        return [part for _, parts in self.by_module() for part in parts]

    def _whole_modules(self) -> set[str]:
        """The modules that count as a whole: those of computed names that `f` reaches, and what they import."""
        parts = {part.name: part for part in self.parts()}
        order = [module for module, _ in self.by_module()]
        home = {part.name: module for module, inside in self.by_module() for part in inside}
        whole: set[str] = set()
        reached, waiting = set(), ["f"]
        while waiting:
            name = waiting.pop()
            if name in reached or name not in parts:
                continue
            reached.add(name)
            waiting += re.findall(r"\b(?:own|m\d)_\d+\b", parts[name].text())
            if parts[name].kind in COMPUTED:
                whole |= set(order[: order.index(home[name]) + 1])
                waiting += [part.name for part in parts.values() if home[part.name] in whole]
        return whole

    def edit(self, rng: random.Random) -> tuple[str, bool]:
        """Changes the program in one place. Returns what was done, in words, and whether it is harmless."""
        what = rng.choice(EDITS)(self, rng) or _number(self, rng)
        return what, self._is_harmless(what)

    def _is_harmless(self, what: str) -> bool:
        name, _, kind = what.rpartition(": ")
        if len(self.calls) > 1 and any(part.kind == "written by all" for part in self.parts()):
            return False
        if kind in ("added", "moved"):
            around = next(
                module for module, parts in self.by_module() if any(part.name == name for part in parts)
            )
            return around not in self._whole_modules()
        return kind in ("comment", "spaces")


def dotted(module: str) -> str:
    return module.replace("/", ".")


# What a module may hold. {callee} is a call of something made earlier with the argument x.
TEMPLATES: dict[str, str] = {
    "function": "def {name}(x):\n    DOC\n    return {callee} + N0",
    "default": "def {name}(x, y=N0):\n    return {callee} + y",
    "keyword default": "def {name}(x, *, y=N0):\n    return {callee} + y",
    "constant": "{upper} = N0\ndef {name}(x):\n    return {callee} + {upper}",
    "list": "{upper} = [N0, N1]\ndef {name}(x):\n    return {callee} + sum({upper})",
    "dict": "{upper} = {{'a': N0}}\ndef {name}(x):\n    return {callee} + {upper}['a']",
    "class": "class {upper}:\n    y = N0\n    def go(self, x):\n        DOC\n        return {callee} + self.y\n"
    "def {name}(x):\n    return {upper}().go(x) + N1",
    "base": "class Base{upper}:\n    def step(self, x):\n        return x + N0\nclass {upper}(Base{upper}):\n"
    "    def go(self, x):\n        return self.step(x) + N1\ndef {name}(x):\n    return {upper}().go(x) + {callee}",
    "instance": "class Kind{upper}:\n    def __init__(self):\n        self.y = N0\n    def __add__(self, other):\n"
    "        return self.y + other + N1\n{upper} = Kind{upper}()\ndef {name}(x):\n    return ({upper} + x) + {callee}",
    "property": "class {upper}:\n    @property\n    def y(self):\n        return N0\ndef {name}(x):\n"
    "    return {upper}().y + {callee}",
    "closure": "def make_{name}(y):\n    def inner(x):\n        return {callee} + y + N1\n    return inner\n"
    "{name} = make_{name}(N0)",
    "partial": "def base_{name}(y, x):\n    return {callee} + y + N1\n{name} = functools.partial(base_{name}, N0)",
    "lambda": "{name} = lambda x: {callee} + N0",
    "table": "{upper} = {{'a': lambda x: x + N0, 'b': lambda x: x + N1}}\ndef {name}(x):\n"
    "    return {upper}['a' if x % 2 else 'b'](x) + {callee}",
    "decorator": "def deco_{name}(function):\n    @functools.wraps(function)\n    def inner(x):\n"
    "        return function(x) + N0\n    return inner\n@deco_{name}\ndef {name}(x):\n    return {callee} + N1",
    "generator": "def items_{name}(x):\n    yield x + N0\n    yield N1\ndef {name}(x):\n    return sum(items_{name}(x)) + {callee}",
    "branch": "def {name}(x):\n    if x > N0:\n        return {callee} + N1\n    return x + N2",
    "local import": "def {name}(x):\n    import {module}\n    return {remote} + N0",
    "dispatch": "@functools.singledispatch\ndef {name}(x):\n    return 0\n@{name}.register\ndef _(x: int):\n    return {callee} + N0",
    "dataclass": "import dataclasses\n@dataclasses.dataclass\nclass {upper}:\n    y: int = N0\n    def go(self):\n"
    "        return self.y + N1\ndef {name}(x):\n    return {upper}().go() + {callee}",
    "unused": "def {name}(x):\n    return x + N0\ndef unused_{name}(x):\n    DOC\n    return x * N1 + {callee}",
}
OF_FEATURE: dict[str, dict[str, str]] = {
    "dynamic": {
        "getattr": "def inner_{name}(x):\n    return x + N0\ndef {name}(x):\n    return globals()['inner_' + '{name}'](x) + {callee}",
        "eval": "{upper} = 'x + N0'\ndef {name}(x):\n    return eval({upper}) + {callee}",
        "registry": "TABLE_{name} = {{}}\ndef add_{name}(function):\n    TABLE_{name}[function.__name__] = function\n"
        "    return function\n@add_{name}\ndef one_{name}(x):\n    return x + N0\ndef {name}(x):\n"
        "    return sum(go(x) for go in TABLE_{name}.values()) + {callee}",
        "patched": "class {upper}:\n    def go(self, x):\n        return x\n{upper}.go = lambda self, x: x + N0\n"
        "def {name}(x):\n    return {upper}().go(x) + {callee}",
    },
    "files": {
        "file": "def {name}(x):\n    with open('data_{name}.txt') as file:\n        return int(file.read()) + {callee} + N0",
        "written": "def {name}(x):\n    with open(f'out_{name}_{{x}}.txt', 'w') as file:\n        file.write(str(x + N0))\n    return {callee}",
        "written by all": "def {name}(x):\n    with open('out_{name}.txt', 'w') as file:\n        file.write(str(x + N0))\n    return {callee}",
        "exists": "def {name}(x):\n    return int(os.path.exists('data_{name}.txt')) * N0 + {callee}",
    },
    "env": {"variable": "def {name}(x):\n    return int(os.environ.get('VARIABLE_{name}', 'N0')) + {callee}"},
    "random": {"random": "def {name}(x):\n    random.seed(x)\n    return random.randrange(1000) + {callee} + N0"},
    "text": {"text": "def {name}(x):\n    print('text of {name}', x + N0)\n    return {callee}"},
    "mutation": {"mutation": "{upper} = []\ndef {name}(x):\n    {upper}.append(x + N0)\n    return len({upper}) + {callee}"},
}  # fmt: skip


def program(seed: int, features: set[str]) -> Program:
    """Returns a random program."""
    rng = random.Random(seed)
    templates = {
        **TEMPLATES,
        **{k: t for feature in sorted(features) for k, t in OF_FEATURE.get(feature, {}).items()},
    }
    made = Program({}, [], [rng.randrange(5) for _ in range(rng.choice((1, 1, 2)))])
    offered: list[tuple[str, str]] = []
    for module in MODULES[: rng.randint(1, 3)]:
        made.modules[module] = [
            _part(rng, templates, made, module, f"m{len(made.modules)}_{number}", offered)
            for number in range(rng.randint(1, 5))
        ]
    made.main = [
        _part(rng, templates, made, "main", f"own_{number}", offered) for number in range(rng.randint(0, 2))
    ]
    made.main.append(_cached(rng, offered, "blocks" in features))
    return made


def _part(
    rng: random.Random,
    templates: dict[str, str],
    made: Program,
    module: str,
    name: str,
    offered: list[tuple[str, str]],
) -> Part:
    chosen = rng.choice(sorted(templates))
    remote = [other for other in offered if other[0] != module]
    if chosen == "local import" and not remote:
        chosen = "function"
    callee = _call(rng.choice(offered), module) if offered and rng.random() < 0.6 else "x"
    there = rng.choice(remote) if remote else ("", "")
    text = templates[chosen].format(
        name=name,
        upper=name.upper(),
        callee=callee,
        module=dotted(there[0]),
        remote=_call(there, module) if remote else "x",
    )
    if chosen in ("file", "exists"):
        made.data[f"data_{name}.txt"] = str(rng.randrange(100))
    if chosen == "variable" and rng.random() < 0.5:
        made.environment[f"VARIABLE_{name}"] = str(rng.randrange(100))
    offered.append((module, name))
    return Part(name, text, chosen, numbers=[rng.randrange(1, 100) for _ in range(3)], docstring="One.")


def _call(target: tuple[str, str], module: str) -> str:
    where, name = target
    return f"{name}(x)" if where == module else f"{dotted(where)}.{name}(x)"


def _cached(rng: random.Random, offered: list[tuple[str, str]], blocks: bool) -> Part:
    chosen = rng.sample(offered, min(len(offered), rng.randint(1, 3)))
    total = " + ".join(_call(target, "main") for target in chosen)
    # Past the streams: a hit shows again what went through them.
    ran = "os.write(2, b'RAN')"
    if blocks and rng.random() < 0.3:
        text = (f"def f(x):\n    with hozon.persistent_cache('block'):\n        {ran}\n        y = {total} + N0\n    return y")  # fmt: skip
        return Part("f", text, "block", numbers=[rng.randrange(1, 100)])
    text = f"@hozon.persistent_cache\ndef f(x):\n    DOC\n    {ran}\n    return {total} + N0"
    return Part("f", text, "cached", numbers=[rng.randrange(1, 100)], docstring="One.")


def _any(made: Program, rng: random.Random, fits: Callable[[Part], bool] = lambda part: True) -> Part | None:
    parts = [part for part in made.parts() if fits(part)]
    return rng.choice(parts) if parts else None


def _number(made: Program, rng: random.Random) -> str:
    part = _any(made, rng)
    assert part is not None
    places = [index for index in range(len(part.numbers)) if f"N{index}" in part.template]
    if not places:
        return ""
    index = rng.choice(places)
    old, part.numbers[index] = part.numbers[index], rng.randrange(1, 100)
    return f"{part.name} ({part.kind}): number {index}, {old} -> {part.numbers[index]}"


def _comment(made: Program, rng: random.Random) -> str:
    part = _any(made, rng)
    assert part is not None
    part.comment = f"remark {rng.randrange(1000)}"
    return f"{part.name}: comment"


def _spaces(made: Program, rng: random.Random) -> str:
    part = _any(made, rng, lambda part: " + " in part.template)
    if part is None:
        return ""
    part.spaces = rng.randrange(1, 4)
    return f"{part.name}: spaces"


def _docstring(made: Program, rng: random.Random) -> str:
    part = _any(made, rng, lambda part: "DOC" in part.template)
    if part is None:
        return ""
    part.docstring = f"Text {rng.randrange(1000)}."
    return f"{part.name}: docstring"


def _added(made: Program, rng: random.Random) -> str:
    parts = rng.choice([made.main, *made.modules.values()])
    name = f"more_{rng.randrange(10**6)}"
    parts.insert(
        rng.randint(0, len(parts)), Part(name, f"def {name}(x):\n    return x + N0", "added", numbers=[1])
    )
    return f"{name}: added"


def _moved(made: Program, rng: random.Random) -> str:
    part = _any(made, rng, lambda part: part.kind == "added")
    if part is None:
        return ""
    for parts in (made.main, *made.modules.values()):
        if part in parts:
            parts.remove(part)
            parts.insert(rng.randint(0, len(parts)), part)
    return f"{part.name}: moved"


def _data(made: Program, rng: random.Random) -> str:
    if not made.data:
        return ""
    name = rng.choice(sorted(made.data))
    made.data[name] = str(rng.randrange(100))
    return f"{name}: content"


def _variable(made: Program, rng: random.Random) -> str:
    part = _any(made, rng, lambda part: part.kind == "variable")
    if part is None:
        return ""
    made.environment[f"VARIABLE_{part.name}"] = str(rng.randrange(100))
    return f"VARIABLE_{part.name}: value"


def _left_behind(made: Program, rng: random.Random) -> str:
    """Somebody removes or changes a file that the program has written."""
    part = _any(made, rng, lambda part: part.kind.startswith("written"))
    if part is None:
        return ""
    name = f"out_{part.name}.txt" if part.kind == "written by all" else f"out_{part.name}_{made.calls[0]}.txt"
    made.once[name] = rng.choice((None, "0"))
    return f"{name}: {made.once[name]}"


EDITS = (
    *(_number, _number, _number, _comment, _spaces, _added, _moved),
    *(_docstring, _data, _variable, _left_behind),
)
