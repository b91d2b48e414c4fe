"""`pin_local_libs`: other local modules count by their version, and the function's own by its code."""

from __future__ import annotations

from typing import Any

import pytest

from ..conftest import Project

MAIN = """
    import hozon, helpers
    from helpers import Point, clean
    import package.inner

    def mine(x):
        return clean(x) + helpers.other(x) + package.inner.deep(x)

    @hozon.persistent_cache(pin_local_libs=PIN)
    def f(x, point=None, function=None):
        return mine(x)

    print(f.cache_key(1), f.cache_key(1, Point(), clean))

    with hozon.persistent_cache("n", pin_local_libs=PIN) as block:
        y = mine(1)
    print(block.key)
"""

HELPERS = """
    __version__ = "1.2.3"
    class Point:
        def __init__(self): self.x = 1
        def move(self): return 1
    def clean(x): return x
    def other(x): return clean(x)
"""


def keys(project: Project, pin: str | None, **edits: Any) -> list[str]:
    helpers, inner, main = HELPERS, "def deep(x): return x\n", MAIN.replace("PIN", repr(pin))
    version = edits.get("version")
    helpers = helpers.replace("1.2.3", version) if version else helpers
    if edits.get("code"):
        helpers = helpers.replace("return x", "return x * 2").replace("return 1", "return 2")
        inner = inner.replace("return x", "return x * 2")
    if edits.get("own"):
        main = main.replace("mine(x):", "mine(x, more=2):")
    project.write("helpers.py", helpers)
    project.write("package/__init__.py", f"__version__ = {edits.get('package', '3.4.5')!r}\n")
    project.write("package/inner.py", inner)
    project.write("main.py", main)
    return " ".join(project.lines()).split()


@pytest.mark.parametrize("pin", ["patch", "minor", "major", None, "code"])
def test_what_counts_at_each_pin(project: Project, pin: str | None) -> None:
    base = keys(project, pin)
    assert len(set(base)) == 3

    def all_same(**edits: Any) -> bool:
        new = keys(project, pin, **edits)
        same = [one == other for one, other in zip(new, base, strict=True)]
        assert all(same) or not any(same)
        return all(same)

    assert all_same(code=True) == (pin != "code")
    assert not all_same(own=True)
    for field, (patch, minor, major) in {
        "version": ("1.2.4", "1.3.0", "2.0.0"),
        "package": ("3.4.6", "3.5.0", "4.0.0"),
    }.items():
        assert all_same(**{field: patch}) == (pin != "patch")
        assert all_same(**{field: minor}) == (pin in ("major", None, "code"))
        assert all_same(**{field: major}) == (pin in (None, "code"))


@pytest.mark.parametrize("pin", ["patch", "minor", "major"])
def test_a_module_without_a_version_is_named(project: Project, pin: str) -> None:
    project.write("unversioned.py", "def clean(x): return x\n")
    project.write(
        "main.py",
        f"""
        import hozon, unversioned
        @hozon.persistent_cache(pin_local_libs={pin!r})
        def f(x): return unversioned.clean(x)
        try: f(1)
        except ValueError as error: print(error)
        """,
    )
    (message,) = project.lines()
    assert "`unversioned` has no version" in message
    assert "__version__" in message


def test_a_module_without_a_version_goes_by_name_at_none(project: Project) -> None:
    text = """
        import hozon, unversioned
        @hozon.persistent_cache(pin_local_libs=None)
        def f(x): return unversioned.clean(x)
        print(f(1), f.cache_info().hits)
    """
    project.write("unversioned.py", "def clean(x): return x\n")
    assert project.main(text) == ["1 0"]
    project.write("unversioned.py", "def clean(x): return -x\n")
    assert project.main(text) == ["1 1"]


def test_a_connection_of_a_pinned_module_goes_by_its_version(project: Project) -> None:
    text = """
        import hozon, helpers
        @hozon.persistent_cache(pin_local_libs="minor")
        def f(): return helpers.LOCK is not None
        print(f.cache_key())
    """
    project.write("helpers.py", "import threading\n__version__ = '1.0'\nLOCK = threading.Lock()\n")
    key = project.main(text)
    project.write("helpers.py", "import threading\n__version__ = '1.0'\nLOCK = threading.RLock()\n")
    assert project.main(text) == key
    project.write("helpers.py", "import threading\n__version__ = '2.0'\nLOCK = threading.Lock()\n")
    assert project.main(text) != key
