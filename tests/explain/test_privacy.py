"""What is kept and said of values: numbers in clear, of the rest only type and size, unless asked for."""

from __future__ import annotations

import os
from typing import Any

import pytest

# Parts of a secret, put together at run time: they stand in no source, so whatever holds one leaked it.
CANARIES = {
    "ARGUMENT": "canary-argument-7f3a",
    "GLOBAL": "canary-global-9b21",
    "ITEM": "canary-item-03cd",
    "KEYED": "canary-keyed-55e0",
    "CELL": "canary-cell-c4d2",
    "DEFAULT": "canary-default-81aa",
    "CLOSURE": "canary-closure-e6f7",
    "BYTES": "canary-bytes-2d9c",
    "CATEGORY": "canary-category-6b08",
    "STATE": "canary-state-f00d",
    "SHAPE": "canary-shape-ab5e",
}

PROGRAM = """
    import os
    import sys
    import warnings

    import hozon
    import pandas as pd

    warnings.simplefilter("always")
    secret = {name: os.environ["SECRET_" + name] for name in %(names)r}

    TOKEN = secret["GLOBAL"]
    TABLE = {"user": secret["ITEM"], secret["KEYED"]: 1}
    FRAME = pd.DataFrame({"a": [secret["CELL"]], "b": pd.Categorical([secret["CATEGORY"]])})
    COLUMN = FRAME["b"]
    FACTOR = int(os.environ["FACTOR"])


    class Account:
        def __init__(self):
            self.password = secret["STATE"]
            self.shape = secret["SHAPE"]


    ACCOUNT = Account()


    def closing_over():
        password = secret["CLOSURE"]

        @hozon.persistent_cache
        def closed(x):
            password
            return 1

        return closed


    @hozon.persistent_cache
    def f(x, raw, token=secret["DEFAULT"]):
        TOKEN, TABLE, FRAME, COLUMN, ACCOUNT
        return FACTOR


    class Bad:
        def __reduce_ex__(self, protocol):
            raise ValueError(secret["STATE"])


    @hozon.persistent_cache
    def unstorable(x):
        return Bad()


    @hozon.persistent_cache(when=lambda result, seconds: {}[secret["STATE"]])
    def unwanted(x):
        return 1


    @hozon.persistent_cache
    def changed(items):
        next(items)
        return 1


    closed = closing_over()
    raw = secret["BYTES"].encode()
    print(f(secret["ARGUMENT"], raw), closed(1))
    unstorable(secret["ARGUMENT"])
    unwanted(secret["ARGUMENT"])
    changed(iter([secret["ARGUMENT"], 1]))
    print(f.cache_explain(secret["ARGUMENT"] + "!", raw), closed.cache_explain(2))
    with hozon.cached_context("block") as block:
        length = len(TOKEN) + FACTOR
    print(block.explain())
    for argument in (Bad(), {secret["KEYED"]: [Bad()]}, [secret["ITEM"], sys._getframe()]):
        try:
            f(argument, raw)
        except hozon.UndigestibleError as error:
            print(error)
        else:
            raise AssertionError("it should have no digest")
"""


def program() -> str:
    return PROGRAM % {"names": list(CANARIES)}


def secrets() -> dict[str, str]:
    return {f"SECRET_{name}": text for name, text in CANARIES.items()}


def found_in(content: bytes) -> list[str]:
    forms = {
        name: [text.encode(), text.encode("utf-16-le"), text.encode().hex().encode()]
        for name, text in CANARIES.items()
    }
    return [name for name, texts in forms.items() if any(text in content for text in texts)]


def said(project: Any, *arguments: str, **environment: str) -> bytes:
    done = project.run(*arguments, check=False, **environment)
    return (done.stdout + done.stderr).encode()


COMMANDS = [
    ("ls",),
    ("show", "f"),
    ("why", "f"),
    ("why", "changed"),
    ("why",),
    ("why", "closing_over.<locals>.closed"),
    ("why", "main.py"),
    ("stats",),
    ("show", "block"),
    ("accept", "f"),
    ("accept", "--list"),
]


def test_no_secret_is_kept_or_said(project: Any) -> None:
    project.write("main.py", program())
    for factor in ("1", "2"):
        done = project.run(FACTOR=factor, **secrets())
        assert found_in((done.stdout + done.stderr).encode()) == []
        assert "FACTOR" in done.stdout or factor == "1"
    files = [path for path in project.store.rglob("*") if path.is_file()]
    assert len([path for path in files if "entries" in path.parts]) >= 4
    leaks = {str(path): found_in(path.read_bytes()) for path in files}
    assert not any(leaks.values()), leaks
    for command in COMMANDS:
        for form in ((), ("--json",)):
            output = said(project, "-m", "hozon._command", *command, *form, **secrets())
            assert output
            assert found_in(output) == [], command


@pytest.mark.parametrize("in_clear", [False, True])
def test_values_are_told_in_clear_only_if_asked_for(project: Any, in_clear: bool) -> None:
    project.write(
        "main.py",
        """
        import os, hozon

        TOKEN = os.environ["TOKEN"]
        RATE = len(TOKEN) / 2


        @hozon.persistent_cache(explain_values=os.environ["CLEAR"] == "1")
        def f(x):
            return len(TOKEN) * RATE


        print(f(3))
        """,
    )
    for token in ("first", "other", "longer"):
        project.run(TOKEN=token, CLEAR=str(int(in_clear)))
    why = project.run("-m", "hozon._command", "why", "f").stdout
    assert "RATE: 2.5 → 3.0" in why
    show = project.run("-m", "hozon._command", "show", "f").stdout
    if in_clear:
        assert "TOKEN: 'other' → 'longer'" in why or "TOKEN: 'first' → 'longer'" in why
        assert "'longer'" in show
    else:
        assert "TOKEN: str of 5 → str of 6" in why
        assert "value TOKEN = str of 6" in show
        assert "longer" not in show + why


def test_values_that_look_alike_are_told_apart_by_a_keyed_digest(project: Any) -> None:
    project.write(
        "main.py",
        """
        import os, hozon
        import hozon._digests

        TOKEN = os.environ["TOKEN"]


        @hozon.persistent_cache
        def f():
            return len(TOKEN)


        f()
        """,
    )
    for token in ("first", "other"):
        project.run(TOKEN=token)
    import re

    why = project.run("-m", "hozon._command", "why", "f").stdout
    signs = re.search(r"TOKEN: str of 5 #([0-9a-f]{8}) → str of 5 #([0-9a-f]{8})", why)
    assert signs is not None, why
    assert signs[1] != signs[2]
    # The same value has the same sign, and another user's key gives another one.
    shown = project.run("-m", "hozon._command", "show", "f").stdout
    assert f"TOKEN = str of 5 #{signs[2]}" in shown
    from hozon._hozon import value_digest

    assert signs[1] not in value_digest("first").hex()
    assert os.listdir(project.home)
