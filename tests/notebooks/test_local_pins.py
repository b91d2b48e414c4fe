"""`pin_local_libs` in cells: local modules count by their version, and the notebook by its code."""

from __future__ import annotations

import pytest

from notebooks.notebook_project import Project, Run

HELPERS = """__version__ = "1.2.3"


class Point:
    def __init__(self):
        self.x = 1


def clean(x):
    return x
"""
INNER = "def deep(x):\n    return x\n"
CELLS = [
    "import helpers\nfrom helpers import Point\nimport package.inner",
    "def mine(x):\n    return helpers.clean(x)",
    "print(mine(1))",
    "print(package.inner.deep(1))",
    "point = Point()",
]
# Those that look at a function or class of it, as an edit of that at "code" would run them.
WITH_HELPERS = [1, 2, 3, 5]
WITH_PACKAGE = [4]


def run(
    project: Project, pin: str, helpers: str = HELPERS, package: str = "3.4.5", inner: str = INNER
) -> Run:
    project.write("helpers.py", helpers)
    project.write("package/__init__.py", f"__version__ = {package!r}\n")
    project.write("package/inner.py", inner)
    project.cells(*CELLS)
    done = project.run(HOZON_PIN_LOCAL_LIBS=pin)
    assert done.code == 0, done.err
    return done


@pytest.mark.parametrize("pin", ["patch", "minor", "major", "none"])
def test_what_counts_at_each_pin(project: Project, pin: str) -> None:
    run(project, pin)
    edited = HELPERS.replace("return x", "return x * 2")
    for helpers, inner in ((HELPERS, INNER), (edited, INNER.replace("return x", "return x * 2"))):
        again = run(project, pin, helpers, inner=inner)
        assert (again.ran, again.report["kernel_started"]) == ([], False)
    pins = ("none", "major", "minor", "patch")
    for version in ("1.2.4", "1.3.0", "2.0.0"):
        counts = pins.index(pin) > {"2.0.0": 0, "1.3.0": 1, "1.2.4": 2}[version]
        now = edited.replace("1.2.3", version)
        assert run(project, pin, now).ran == (WITH_HELPERS if counts else []), version
    for version in ("3.4.6", "3.5.0", "4.0.0"):
        counts = pins.index(pin) > {"4.0.0": 0, "3.5.0": 1, "3.4.6": 2}[version]
        assert run(project, pin, now, version).ran == (WITH_PACKAGE if counts else []), version


def test_another_pin_is_another_key(project: Project) -> None:
    run(project, "none")
    edited = HELPERS.replace("return x", "return x * 2")
    assert run(project, "code", edited).text(3) == "2\n"
    assert run(project, "major", HELPERS).text(3) == "1\n"
    assert run(project, "code", HELPERS).ran == [2, 3]


def test_a_version_of_its_own_comes_before_that_of_the_package(project: Project) -> None:
    run(project, "minor")
    assert run(project, "minor", inner=f"__version__ = '1.0'\n{INNER}").ran == WITH_PACKAGE
    # Then the package's is of no account.
    assert run(project, "minor", package="9.0", inner=f"__version__ = '1.0'\n{INNER}").ran == []


def test_a_version_that_the_text_does_not_tell(project: Project) -> None:
    computed = HELPERS.replace('"1.2.3"', "open('version.txt').read()")
    project.write("version.txt", "1.0")
    run(project, "minor", computed)
    assert run(project, "minor", computed).ran == []
    project.write("version.txt", "1.1")
    assert run(project, "minor", computed).ran == WITH_HELPERS


def test_a_variable_of_the_module_counts_by_its_value(project: Project) -> None:
    for rate in (3, 5):
        project.write("helpers.py", f"__version__ = '1.0'\nRATE = {rate}\n")
        project.cells("import helpers", "print(helpers.RATE)")
        assert project.run(HOZON_PIN_LOCAL_LIBS="minor").text(2) == f"{rate}\n"


def test_a_module_without_a_version_is_named(project: Project) -> None:
    project.write("unversioned.py", "def clean(x):\n    return x\n")
    project.cells("import unversioned", "print(unversioned.clean(1))")
    for _ in range(2):
        done = project.run(HOZON_PIN_LOCAL_LIBS="minor")
        assert (done.states[1], done.text(2)) == ("ran, not stored", "1\n")
    assert "`unversioned` has no version" in done.out
