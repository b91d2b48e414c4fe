"""Installed distributions in the key: real ones, in a real environment, before and after an upgrade."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..conftest import Project
from .environments import Environment, extension, write

PROGRAM = """
    import hozon
    {imports}
    @hozon.persistent_cache({parameters})
    def f(x):
        print("RAN")
        return {body}
    print(f(1))
"""


class Trial:
    """A program in an environment, run before and after changes."""

    def __init__(self, environment: Environment, project: Project) -> None:
        self.environment, self.project = environment, project
        self.parameters = ""

    def program(self, body: str = "toypkg.helper(x)", imports: str = "import toypkg") -> None:
        text = PROGRAM.format(imports=imports, body=body, parameters=self.parameters)
        self.project.write("main.py", text)

    def runs(self) -> bool:
        """Runs the program; whether the body ran. The result must be that without a cache."""
        lines = self.project.lines(python=self.environment.python)
        plain = self.project.lines(python=self.environment.python, HOZON_DISABLE="1")
        self.result, self.plain = lines[-1], plain[-1]
        return "RAN" in lines

    def settles(self) -> None:
        assert self.runs(), "the first run must compute"
        assert not self.runs(), "the second must hit"

    def toy(self, version: str, number: int = 1, name: str = "toypkg", package: str = "toypkg") -> None:
        text = f"def helper(x):\n    return x + {number}\nclass Base:\n    y = {number}\n"
        self.environment.install(name, version, {f"{package}/__init__.py": text})


@pytest.fixture
def trial(tmp_path: Path, project: Project) -> Trial:
    return Trial(Environment(tmp_path), project)


# pin, version before, version after, whether it must run again
PINS = [
    (None, "1.2.3", "2.0.0", False),
    ("major", "1.2.3", "1.2.4", False),
    ("major", "1.2.3", "1.3.0", False),
    ("major", "1.2.3", "2.0.0", True),
    ("major", "1.2.3", "1.2.3.post1", False),
    ("major", "0.9.0", "1.0.0", True),
    ("major", "2.0.0rc1", "2.0.0rc2", True),
    ("major", "2.0.0rc1", "2.0.0", True),
    ("major", "2.0.dev1", "2.0.dev2", True),
    ("minor", "1.2.3", "1.2.4", False),
    ("minor", "1.2.3", "1.3.0", True),
    ("minor", "0.1.0", "0.2.0", True),
    ("minor", "1.2", "1.2.0", False),
    ("patch", "1.2.3", "1.2.4", True),
    ("patch", "1.2.3", "1.2.3.post1", True),
    ("patch", "1.2.3", "1.2.3+local", True),
    ("patch", "1.2.3", "1.2.3", False),
]


@pytest.mark.parametrize(("pin", "before", "after", "again"), PINS)
def test_an_upgrade_at_each_pin(trial: Trial, pin: str | None, before: str, after: str, again: bool) -> None:
    trial.parameters = f"pin_sys_libs={pin!r}"
    trial.program()
    trial.toy(before, 1)
    trial.settles()
    trial.toy(after, 2)
    assert trial.runs() == again
    if again:
        assert trial.result == trial.plain == "3"


def test_a_distribution_that_is_not_reached_does_not_count(trial: Trial) -> None:
    trial.toy("1.0", package="toypkg")
    trial.toy("1.0", name="other", package="other")
    trial.program(imports="import toypkg, other")
    trial.settles()
    trial.toy("2.0", name="other", package="other")
    assert not trial.runs()


# name, imports, body, local modules
REACHED = [
    ("through a helper", "import local", "local.go(x)", "import toypkg\ndef go(x):\n    return toypkg.helper(x)\n"),
    ("by a name from it", "from toypkg import helper as go", "go(x)", ""),
    ("imported in the body", "", "__import__('toypkg').helper(x)", ""),
    ("imported in a helper's body", "import local", "local.go(x)",
     "def go(x):\n    from toypkg import helper\n    return helper(x)\n"),
    ("as a base", "import local", "local.A().y", "import toypkg\nclass A(toypkg.Base):\n    pass\n"),
    ("as the class of a global", "import toypkg\n    A = toypkg.Base()", "A.y", ""),
    ("in a dict", "import toypkg\n    T = {'a': toypkg.helper}", "T['a'](x)", ""),
    ("in a partial", "import toypkg, functools\n    G = functools.partial(toypkg.helper)", "G(x)", ""),
    ("by getattr", "import toypkg", "getattr(toypkg, 'hel' + 'per')(x)", ""),
    ("a decorator", "import local", "local.go(x)",
     "import toypkg\ndef deco(f):\n    return lambda x: toypkg.helper(f(x))\n@deco\ndef go(x):\n    return x\n"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "imports", "body", "local"), REACHED, ids=[row[0] for row in REACHED])
def test_a_distribution_reached(trial: Trial, name: str, imports: str, body: str, local: str) -> None:
    trial.toy("1.0", 1)
    trial.project.write("local.py", local)
    trial.program(body, imports)
    trial.settles()
    trial.toy("2.0", 2)
    assert trial.runs()
    assert trial.result == trial.plain


def test_a_distribution_under_another_name_than_its_package(trial: Trial) -> None:
    trial.toy("1.0", 1, name="toy_distribution")
    trial.program()
    trial.settles()
    trial.toy("2.0", 2, name="toy_distribution")
    assert trial.runs()


def test_a_package_that_moved_to_another_distribution(trial: Trial) -> None:
    trial.toy("1.0", 1)
    trial.program()
    trial.settles()
    trial.environment.uninstall("toypkg")
    trial.toy("1.0", 2, name="fork")
    assert trial.runs()
    assert trial.result == "3"


def test_a_distribution_found_by_one_file(trial: Trial) -> None:
    trial.environment.install("single_file", "1.0", {"toypkg.py": "def helper(x):\n    return x + 1\n"})
    trial.program()
    trial.settles()
    trial.environment.install("single_file", "2.0", {"toypkg.py": "def helper(x):\n    return x + 2\n"})
    assert trial.runs()


def test_a_part_of_a_namespace_package(trial: Trial) -> None:
    for name, version in [("ns_one", "1.0"), ("ns_two", "1.0")]:
        trial.environment.install(name, version, {f"ns/{name}.py": "def helper(x):\n    return x + 1\n"})
    trial.program("ns.ns_one.helper(x)", "import ns.ns_one")
    trial.settles()
    trial.environment.install("ns_one", "2.0", {"ns/ns_one.py": "def helper(x):\n    return x + 2\n"})
    assert trial.runs()
    assert trial.result == trial.plain == "3"


@pytest.mark.parametrize("editable", [True, False], ids=["editable", "from a folder"])
def test_what_is_installed_from_a_folder_is_local_code(trial: Trial, editable: bool) -> None:
    files = {"toypkg/__init__.py": "from .inner import helper\n",
             "toypkg/inner.py": "def helper(x):\n    return x + 1\ndef other(x):\n    return x * 3\n"}  # fmt: skip

    def change(old: str, new: str) -> None:
        files["toypkg/inner.py"] = files["toypkg/inner.py"].replace(old, new)
        if editable:
            write(source, files)
        else:
            trial.environment.install_folder("toypkg", "1.0", files)

    source = trial.environment.install_folder("toypkg", "1.0", files, editable=editable)
    trial.program()
    trial.settles()
    change("x * 3", "x * 4")
    assert not trial.runs(), "a function that is not reached"
    change("x + 1", "x + 2")
    assert trial.runs(), "a function that is reached"
    assert trial.result == trial.plain == "3"


def test_an_editable_install_at_a_pin_of_local_code(trial: Trial) -> None:
    files = {"toypkg/__init__.py": "__version__ = '1.0.0'\ndef helper(x):\n    return x + 1\n"}
    source = trial.environment.install_folder("toypkg", "1.0", files, editable=True)
    trial.parameters = "pin_local_libs='minor'"
    trial.program()
    trial.settles()
    write(source, {"toypkg/__init__.py": files["toypkg/__init__.py"].replace("x + 1", "x + 2")})
    assert not trial.runs()
    write(source, {"toypkg/__init__.py": files["toypkg/__init__.py"].replace("1.0.0", "1.1.0")})
    assert trial.runs()


# How an extension module is used: name, imports, body
EXTENSIONS = [
    ("its function", "from loose import {m}", "bool({m}.{f})"),
    ("its function by name", "from loose.{m} import {f}", "bool({f})"),
    ("its module", "from loose import {m}", "len(dir({m})) > 0"),
    ("its function in a list", "from loose.{m} import {f}\n    ALL = [{f}]", "bool(ALL[0])"),
    ("its function through a helper", "import local", "local.go()"),
]
FUNCTIONS = {
    "_bisect": "bisect_left",
    "_heapq": "heappush",
    "_statistics": "_normal_dist_inv_cdf",
    "_random": "Random",
    "_json": "encode_basestring_ascii",
}


@pytest.mark.parametrize(("name", "imports", "body"), EXTENSIONS, ids=[row[0] for row in EXTENSIONS])
@pytest.mark.parametrize("where", ["project", "site-packages"])
def test_an_extension_of_no_distribution_counts_by_its_file(
    trial: Trial, where: str, name: str, imports: str, body: str
) -> None:
    file, content = extension()
    module = file.partition(".")[0]
    names = {"m": module, "f": FUNCTIONS[module]}
    root = trial.project.folder if where == "project" else trial.environment.packages
    write(root / "loose", {"__init__.py": ""})
    library = root / "loose" / file
    library.write_bytes(content)
    trial.project.write(
        "local.py", "from loose import {m}\ndef go():\n    return bool({m}.{f})\n".format(**names)
    )
    trial.program(body.format(**names), imports.format(**names))
    trial.settles()
    library.unlink()
    library.write_bytes(content + b"\0")
    assert trial.runs()


def test_a_loose_package_among_distributions(trial: Trial) -> None:
    package = trial.environment.packages / "toypkg"
    write(package, {"__init__.py": "def helper(x):\n    return x + 1\n"})
    trial.program()
    trial.settles()
    write(package, {"__init__.py": "def helper(x):\n    return x + 2\n"})
    assert trial.runs()
    assert trial.result == trial.plain == "3"


def test_an_extension_of_a_distribution_counts_by_the_version(trial: Trial) -> None:
    file, content = extension()
    module = file.partition(".")[0]
    trial.environment.install("loose", "1.0", {"loose/__init__.py": "", f"loose/{file}": content})
    trial.program(f"bool({module}.{FUNCTIONS[module]})", f"from loose import {module}")
    trial.settles()
    trial.environment.install("loose", "1.1", {"loose/__init__.py": "", f"loose/{file}": content + b"\0"})
    assert not trial.runs()
    trial.environment.install("loose", "2.0", {"loose/__init__.py": "", f"loose/{file}": content})
    assert trial.runs()


def test_a_distribution_is_looked_for_once(trial: Trial) -> None:
    trial.toy("1.0")
    trial.project.write("main.py", """
        import sys
        import hozon, toypkg
        from hozon import _distributions
        calls = []
        search = _distributions._search
        _distributions._search = lambda package: calls.append(package) or search(package)
        def one(x): return toypkg.helper(x)
        def two(x): return toypkg.helper(x) + toypkg.Base().y
        for function in (one, two):
            for pin in ("major", "patch"):
                cached = hozon.persistent_cache(pin_sys_libs=pin)(function)
                assert cached(1) and cached(2) and cached.cache_key(3)
        assert calls == ["toypkg"], calls
        assert "importlib.metadata" not in sys.modules
        """)  # fmt: skip
    trial.project.run(python=trial.environment.python)


@pytest.mark.parametrize("pin", ["major", "minor", "patch"])
def test_the_version_of_hozon_counts_at_its_pin(fresh: Path, pin: str) -> None:
    import hozon

    def f(x: int) -> int:
        return x

    def key(**parameters: str | None) -> str:
        return hozon.persistent_cache(**parameters)(f).cache_key(1)

    assert key(pin_hozon_lib=pin) != key(pin_hozon_lib=None)
    assert key(pin_hozon_lib=pin) == key(pin_hozon_lib=pin)
