"""Real small programs, and random edits of their text, their data and their variables.

The programs are the folders in `real/`, two of them with the sources of an example of this repository. An
edit that keeps the syntax tree, that adds a function which nobody calls, that moves a function, or that
writes a data file as it is, is harmless. The others change numbers, signs, texts and statements of the code,
data files and variables, or go back to how everything was some edits ago. A program that fails after an edit
must fail with the cache too.
"""

from __future__ import annotations

import ast
import io
import random
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
# By program: the module whose `main` is called, and the folder of examples that belongs to it.
ENTRIES = {
    "sales": "sales",
    "arithmetic": "calculate",
    "heat": "heat",
    "corpus": "corpus",
    "stock": "stock",
    "routes": "routes",
    "words": "study",
    "tumours": "study",
}
# Values of the variables that programs read.
VARIABLES = {
    "sales": ("SALES_CURRENCY", ("EUR", "USD", "CHF")),
    "heat": ("HEAT_STEPS", ("3", "12", "13")),
}
# Out of reach of the edits: a run stands around every body that is computed; and a program whose own seed
# an edit removes must give the same at every run all the same.
MAIN = """import os, random, sys
from hozon._running import Run
def begin(run):
    os.write(2, b"RAN")
    return enter(run)
enter, Run.__enter__ = Run.__enter__, begin
import {entry}
random.seed(0)
if "numpy" in sys.modules:
    sys.modules["numpy"].random.seed(0)
{entry}.main()
"""

State = tuple[dict[str, str], dict[str, str], dict[str, str]]


@dataclass
class Project:
    """The sources, the other files, and the variables; what they were before each edit."""

    name: str
    sources: dict[str, str]
    data: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)
    # Files to write once more as they are, or to remove (None), before the next run.
    once: dict[str, str | None] = field(default_factory=dict)
    earlier: list[State] = field(default_factory=list)
    # Whether the last run failed: then the last edit is taken back.
    failed: bool = False

    def files(self) -> dict[str, str]:
        main = MAIN.format(entry=ENTRIES[self.name])
        return {"main.py": main, "pyproject.toml": "", **self.sources, **self.data}

    def state(self) -> State:
        return dict(self.sources), dict(self.data), dict(self.environment)

    def restore(self, state: State) -> None:
        self.once |= {name: None for name in self.data if name not in state[1]}
        self.sources, self.data, self.environment = (dict(part) for part in state)

    def edit(self, rng: random.Random) -> tuple[str, bool]:
        """Changes something. Returns what, in words, and whether it is harmless."""
        while True:
            before = self.state()
            how = _last_back if self.failed else rng.choice(EDITS)
            what = how(self, rng)
            if what and (self.state() != before or self.once) and self._compiles():
                if how in SAME_TREES:
                    assert _trees(self.sources) == _trees(before[0]), what
                self.earlier.append(before)
                return what, how in HARMLESS
            self.restore(before)
            self.once.clear()

    def _compiles(self) -> bool:
        try:
            return all(compile(text, name, "exec") for name, text in self.sources.items())
        except SyntaxError:
            return False


def project(name: str) -> Project:
    """Returns a program as it is written."""
    folders = [HERE / "real" / name, *([EXAMPLES / name] if (EXAMPLES / name).is_dir() else [])]
    texts = {
        str(path.relative_to(folder)): path.read_text()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".py", ".txt", ".csv", ".json", ".ini")
    }
    sources = {name: text for name, text in texts.items() if name.endswith(".py")}
    return Project(name, sources, {name: text for name, text in texts.items() if name not in sources})


def _trees(sources: dict[str, str]) -> list[str]:
    return [ast.dump(ast.parse(text)) for text in sources.values()]


# --- finding a place


def _source(made: Project, rng: random.Random) -> tuple[str, str]:
    return rng.choice(sorted(made.sources.items()))


def _tokens(text: str) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(text).readline))


def _offset(text: str, place: tuple[int, int]) -> int:
    lines = text.splitlines(keepends=True)
    return sum(map(len, lines[: place[0] - 1])) + place[1]


def _replaced(text: str, token: tokenize.TokenInfo, new: str) -> str:
    return text[: _offset(text, token.start)] + new + text[_offset(text, token.end) :]


def _first_line(node: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min(node.lineno, *(one.lineno for one in decorators)) if decorators else node.lineno


def _statements(text: str) -> list[ast.stmt]:
    """The statements that begin their line, without the docstrings and imports at the top."""
    lines = text.splitlines()
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
    return [
        node
        for node in found
        if not lines[node.lineno - 1][: node.col_offset].strip()
        and not isinstance(node, (ast.Import, ast.ImportFrom))
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]


def _change_token(
    made: Project, rng: random.Random, choose: Callable[[tokenize.TokenInfo], str | None]
) -> str:
    """Puts another text for one token for which `choose` gives one."""
    name, text = _source(made, rng)
    fitting = [(token, new) for token in _tokens(text) if (new := choose(token)) is not None]
    if not fitting:
        return ""
    token, new = rng.choice(fitting)
    made.sources[name] = _replaced(text, token, new)
    return f"{name}:{token.start[0]}: {token.string} -> {new}"


# --- harmless edits


def _comment_line(made: Project, rng: random.Random) -> str:
    return _inserted_line(made, rng, f"# remark {rng.randrange(1000)}")


def _blank_line(made: Project, rng: random.Random) -> str:
    return _inserted_line(made, rng, "")


def _inserted_line(made: Project, rng: random.Random, new: str) -> str:
    name, text = _source(made, rng)
    node = rng.choice(_statements(text))
    lines = text.splitlines(keepends=True)
    line = _first_line(node) - 1
    lines.insert(line, f"{' ' * node.col_offset}{new}".rstrip() + "\n")
    made.sources[name] = "".join(lines)
    return f"{name}:{line + 1}: line {new!r}"


def _comment_behind(made: Project, rng: random.Random) -> str:
    remark = f"  # remark {rng.randrange(1000)}\n"
    return _change_token(made, rng, lambda token: remark if token.type == tokenize.NEWLINE else None)


def _spaces(made: Project, rng: random.Random) -> str:
    signs = ("+", "-", "*", ",", "(", "[", "==")
    return _change_token(
        made,
        rng,
        lambda token: token.string + "  " if token.type == tokenize.OP and token.string in signs else None,
    )


def _formatted(made: Project, rng: random.Random) -> str:
    """Writes a module as Python itself would: other quotes, lines and parentheses, no comments."""
    name, text = _source(made, rng)
    new = ast.unparse(ast.parse(text)) + "\n"
    if _trees({name: new}) != _trees({name: text}):
        return ""
    made.sources[name] = new
    return f"{name}: formatted"


def _functions(text: str) -> Iterator[tuple[int, ast.stmt]]:
    return (
        (number, node)
        for number, node in enumerate(ast.parse(text).body)
        if isinstance(node, ast.FunctionDef)
    )


def _added(made: Project, rng: random.Random) -> str:
    name, text = _source(made, rng)
    before = rng.choice([node for _, node in _functions(text)])
    new = f"more_{rng.randrange(10**6)}"
    lines = text.splitlines(keepends=True)
    lines.insert(_first_line(before) - 1, f"def {new}(x):\n    return x + {rng.randrange(9)}\n\n\n")
    made.sources[name] = "".join(lines)
    return f"{name}: {new} added"


def _moved(made: Project, rng: random.Random) -> str:
    """Two functions that follow each other change places, unless one has to be there for the other."""
    name, text = _source(made, rng)
    plain = [number for number, node in _functions(text) if _needs_nothing(node)]
    pairs = [number for number in plain if number + 1 in plain]
    if not pairs:
        return ""
    number = rng.choice(pairs)
    body = ast.parse(text).body
    one, other = body[number], body[number + 1]
    lines = text.splitlines(keepends=True)
    first, middle, last = one.lineno - 1, other.lineno - 1, other.end_lineno or 0
    end = one.end_lineno or 0
    moved = [*lines[middle:last], *lines[end:middle], *lines[first:end]]
    made.sources[name] = "".join([*lines[:first], *moved, *lines[last:]])
    return f"{name}: {getattr(one, 'name', '')} moved"


def _needs_nothing(node: ast.stmt) -> bool:
    assert isinstance(node, ast.FunctionDef)
    return not (node.decorator_list or node.args.defaults or node.args.kw_defaults)


def _touched(made: Project, rng: random.Random) -> str:
    if not made.data:
        return ""
    name = rng.choice(sorted(made.data))
    made.once[name] = made.data[name]
    return f"{name}: written as it is"


# --- edits that may matter


def _number(made: Project, rng: random.Random) -> str:
    def other(token: tokenize.TokenInfo) -> str | None:
        if token.type != tokenize.NUMBER:
            return None
        value = ast.literal_eval(token.string)
        if isinstance(value, int):
            return str(rng.randint(0, min(2 * value + 2, 10**6)))
        return repr(round(value * rng.choice((0.5, 1.5, 2)), 3))

    return _change_token(made, rng, other)


def _sign(made: Project, rng: random.Random) -> str:
    others = {"+": "-", "-": "+", "*": "+", "/": "*", "<": "<=", ">": ">=", ">=": ">", "==": "!="}
    names = {"and": "or", "or": "and", "min": "max", "max": "min", "True": "False", "None": "0"}
    return _change_token(made, rng, lambda token: {**others, **names}.get(token.string))


def _text(made: Project, rng: random.Random) -> str:
    def other(token: tokenize.TokenInfo) -> str | None:
        is_plain = token.type == tokenize.STRING and token.string[0] in "'\"" and len(token.string) > 2
        return (
            repr(rng.choice(("", "a", "s", "day", "n" + ast.literal_eval(token.string))))
            if is_plain
            else None
        )

    return _change_token(made, rng, other)


def _dropped(made: Project, rng: random.Random) -> str:
    """A statement without others in it goes."""
    name, text = _source(made, rng)
    kinds = (ast.Assign, ast.AugAssign, ast.Expr, ast.Return, ast.Break)
    node = rng.choice([node for node in _statements(text) if isinstance(node, kinds)])
    lines = text.splitlines(keepends=True)
    lines[node.lineno - 1 : node.end_lineno] = [" " * node.col_offset + "pass\n"]
    made.sources[name] = "".join(lines)
    return f"{name}:{node.lineno}: dropped"


def _data(made: Project, rng: random.Random) -> str:
    if not made.data:
        return ""
    name = rng.choice(sorted(made.data))
    text = made.data[name]
    how = rng.choice(("number", "line twice", "no line", "letter"))
    lines = text.splitlines(keepends=True)
    line = rng.randrange(len(lines)) if lines else 0
    if how == "number":
        text = re.sub(r"\d+", lambda found: str(rng.randrange(20)), text, count=rng.randint(1, 3))
    elif how == "letter":
        text = text.replace(rng.choice("aeost"), rng.choice("aeost"), 1)
    else:
        text = "".join([*lines[:line], *(lines[line : line + 1] * 2 if how == "line twice" else []), *lines[line + 1 :]])  # fmt: skip
    made.data[name] = text
    return f"{name}: {how}"


def _file_more(made: Project, rng: random.Random) -> str:
    names = [name for name in sorted(made.data) if "/" in name]
    if not names:
        return ""
    new = f"{Path(names[0]).parent}/more_{rng.randrange(1000)}.txt"
    made.data[new] = "A file more, about boats."
    return f"{new}: written"


def _file_less(made: Project, rng: random.Random) -> str:
    names = [name for name in sorted(made.data) if "/" in name]
    if len(names) < 2:
        return ""
    gone = rng.choice(names)
    del made.data[gone]
    made.once[gone] = None
    return f"{gone}: removed"


def _missing_file(made: Project, rng: random.Random) -> str:
    """The file that one program looks for in vain comes and goes."""
    if made.name != "corpus":
        return ""
    if made.data.pop("notes.txt", None) is None:
        made.data["notes.txt"] = f"note {rng.randrange(9)}"
        return "notes.txt: written"
    made.once["notes.txt"] = None
    return "notes.txt: removed"


def _left_behind(made: Project, rng: random.Random) -> str:
    """Somebody removes or changes the file that a cached function has written."""
    if made.name != "corpus":
        return ""
    made.once["out_index.txt"] = rng.choice((None, "something else"))
    return f"out_index.txt: {made.once['out_index.txt']}"


def _variable(made: Project, rng: random.Random) -> str:
    if made.name not in VARIABLES:
        return ""
    name, values = VARIABLES[made.name]
    made.environment[name] = rng.choice(values)
    return f"{name}={made.environment[name]}"


def _back(made: Project, rng: random.Random) -> str:
    """Everything is as it was some edits ago."""
    if not made.earlier:
        return ""
    edits = rng.randint(1, min(4, len(made.earlier)))
    made.restore(made.earlier[-edits])
    return f"{edits} edits taken back"


def _last_back(made: Project, rng: random.Random) -> str:
    made.restore(made.earlier[-1])
    return "the last edit taken back"


SAME_TREES = (_comment_line, _blank_line, _comment_behind, _spaces, _formatted)
HARMLESS = (*SAME_TREES, _added, _moved, _touched)
EDITS = (
    *HARMLESS,
    *(_number, _number, _sign, _text, _dropped, _data, _data, _variable),
    *(_file_more, _file_less, _missing_file, _left_behind, _back, _back, _back),
)
