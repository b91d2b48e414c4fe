"""Each parameter does what it says; a bad value is refused in words."""

from __future__ import annotations

import asyncio
import datetime
import functools
import time
from typing import Any

import pytest

import hozon

from ..conftest import Project

pytestmark = pytest.mark.usefixtures("fresh")


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + self.ahead)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


TTLS = [
    (60, 60),
    (60.0, 60),
    ("60s", 60),
    ("60", 60),
    ("1m", 60),
    ("2h", 7200),
    ("7d", 604800),
    ("1w", 604800),
    (" 1.5h ", 5400),
    (datetime.timedelta(minutes=1), 60),
]


@pytest.mark.parametrize(("ttl", "seconds"), TTLS, ids=str)
@pytest.mark.parametrize("where", ["memory", "disk"])
def test_an_entry_older_than_ttl_is_a_miss(
    runs: Any, clock: Clock, ttl: Any, seconds: float, where: str
) -> None:
    def double(x: int) -> int:
        runs.add()
        return x * 2

    cached = [hozon.persistent_cache(ttl=ttl)(double) for _ in range(3)]
    if where == "memory":
        cached = cached[:1] * 3
    assert cached[0](2) == 4
    clock.ahead = seconds - 1
    assert cached[1](2) == 4
    assert len(runs) == 1
    clock.ahead = seconds + 1
    assert cached[2](2) == 4
    assert len(runs) == 2


def test_ttl_of_coroutines_and_generators(runs: Any, clock: Clock) -> None:
    @hozon.persistent_cache(ttl=10)
    async def coroutine() -> int:
        runs.add()
        return 1

    @hozon.persistent_cache(ttl=10)
    def generator() -> Any:
        runs.add()
        yield 1

    for _ in range(2):
        asyncio.run(coroutine())
        list(generator())
    assert len(runs) == 2
    clock.ahead = 11
    asyncio.run(coroutine())
    list(generator())
    assert len(runs) == 4


def test_ttl_is_no_part_of_the_key() -> None:
    def f() -> int:
        return 1

    assert hozon.persistent_cache(ttl=1)(f).cache_key() == hozon.persistent_cache(f).cache_key()


@pytest.mark.parametrize(
    "ttl", [0, -1, "soon", "", "5y", "d", True, [1], float("nan"), "nan", "-1h", "inf x"], ids=repr
)
def test_bad_ttl(ttl: Any) -> None:
    with pytest.raises(ValueError, match="ttl is"):
        hozon.persistent_cache(ttl=ttl)(len)


@pytest.mark.parametrize("ignore", ["verbose", ["verbose"], ("verbose",), {"verbose"}])
def test_ignored_arguments_do_not_enter_the_key(runs: Any, ignore: Any) -> None:
    @hozon.persistent_cache(ignore=ignore)
    def f(x: int, verbose: Any = False) -> int:
        runs.add()
        return x

    assert [f(1), f(1, True), f(1, verbose=object()), f(2, True)] == [1, 1, 1, 2]
    assert len(runs) == 2


def test_ignoring_rest_arguments_and_keywords(runs: Any) -> None:
    @hozon.persistent_cache(ignore=["rest", "named"])
    def f(x: int, *rest: Any, **named: Any) -> int:
        runs.add()
        return x

    assert [f(1), f(1, object()), f(1, colour=object())] == [1, 1, 1]
    assert len(runs) == 1


def test_ignoring_one_keyword_of_many(runs: Any) -> None:
    @hozon.persistent_cache(ignore=["colour"])
    def f(**named: Any) -> list[str]:
        runs.add()
        return sorted(named)

    f(colour=1, size=1), f(colour=2, size=1)
    assert len(runs) == 1
    f(colour=2, size=2)
    assert len(runs) == 2


def test_ignoring_self(runs: Any) -> None:
    class Client:
        def __init__(self) -> None:
            self.connection = object()

        @hozon.persistent_cache(ignore=["self"])
        def fetch(self, x: int) -> int:
            runs.add()
            return x

    assert [Client().fetch(1), Client().fetch(1)] == [1, 1]
    assert len(runs) == 1


def test_an_ignored_name_that_no_parameter_has_is_refused() -> None:
    def f(x: int) -> int:
        return x

    with pytest.raises(ValueError, match="`verbos`"):
        hozon.persistent_cache(ignore=["verbos"])(f)
    with pytest.raises(TypeError, match="names of parameters"):
        hozon.persistent_cache(ignore=[1])(f)
    with pytest.raises(TypeError, match="ignore"):
        hozon.persistent_cache(ignore=5)(f)
    with pytest.raises(ValueError, match="write a function around"):
        hozon.persistent_cache(ignore=["x"])(functools.partial(f))


def test_when_decides_what_is_stored(runs: Any) -> None:
    seen = []

    def worth(result: Any, seconds: float) -> bool:
        seen.append((result, seconds >= 0))
        return bool(result)

    @hozon.persistent_cache(when=worth)
    def f(x: int) -> int:
        runs.add(x)
        return x

    assert [f(0), f(0), f(1), f(1)] == [0, 0, 1, 1]
    assert runs.items == [0, 0, 1]
    assert seen == [(0, True), (0, True), (1, True)]


def test_when_of_a_generator_gets_items_and_return_value(runs: Any) -> None:
    seen = []

    @hozon.persistent_cache(when=lambda result, seconds: seen.append(result) or True)
    def f() -> Any:
        runs.add()
        yield 1
        return 2

    list(f()), list(f())
    assert seen == [([1], 2)]
    assert len(runs) == 1


def test_a_fault_in_when_loses_no_result(runs: Any) -> None:
    @hozon.persistent_cache(when=lambda result, seconds: 1 / 0)
    def f() -> int:
        runs.add()
        return 1

    with pytest.warns(hozon.HozonWarning, match="`when`"):
        assert f() == 1
    assert f() == 1
    assert len(runs) == 2


def test_when_must_be_callable() -> None:
    with pytest.raises(TypeError, match="when is"):
        hozon.persistent_cache(when=5)(len)


class Custom(Exception):
    def __init__(self, first: int, *, second: str = "") -> None:
        super().__init__(first, second)
        self.second = second

    def __reduce__(self) -> Any:
        return _custom, (self.args[0], self.second)


def _custom(first: int, second: str) -> Custom:
    return Custom(first, second=second)


@pytest.mark.parametrize(
    "error", [ValueError("bad", 3), KeyError("name"), Custom(1, second="two"), OSError(2, "none")], ids=repr
)
def test_cached_exceptions_are_raised_again(runs: Any, error: Exception) -> None:
    @hozon.persistent_cache(cache_exceptions=True)
    def f(x: int) -> int:
        runs.add()
        raise error

    for _ in range(3):
        with pytest.raises(type(error)) as raised:
            f(1)
        assert raised.value.args == error.args
    assert len(runs) == 1
    with pytest.raises(type(error)):
        f(2)
    assert len(runs) == 2


def test_cached_exceptions_of_coroutines(runs: Any) -> None:
    @hozon.persistent_cache(cache_exceptions=True)
    async def f() -> int:
        runs.add()
        raise KeyError("missing")

    for _ in range(2):
        with pytest.raises(KeyError, match="missing"):
            asyncio.run(f())
    assert len(runs) == 1


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_exits_and_interrupts_are_never_kept(runs: Any, stop: type[BaseException]) -> None:
    @hozon.persistent_cache(cache_exceptions=True)
    def f() -> int:
        runs.add()
        raise stop

    for _ in range(2):
        with pytest.raises(stop):
            f()
    assert len(runs) == 2


def test_an_exception_that_cannot_be_stored_is_raised_all_the_same(runs: Any) -> None:
    @hozon.persistent_cache(cache_exceptions=True)
    def f() -> int:
        runs.add()
        raise ValueError(lambda: 1)

    with pytest.warns(hozon.HozonWarning, match="cannot be stored"), pytest.raises(ValueError):
        f()
    with pytest.raises(ValueError):
        f()
    assert len(runs) == 2


def test_exceptions_are_not_kept_unless_asked(runs: Any) -> None:
    @hozon.persistent_cache
    def f() -> int:
        runs.add()
        raise ValueError("bad")

    for _ in range(2):
        with pytest.raises(ValueError, match="bad"):
            f()
    assert len(runs) == 2
    assert f.cache_info().currsize == 0


def test_the_name_is_a_label_and_no_part_of_the_key() -> None:
    def f() -> int:
        return 1

    named = hozon.persistent_cache("a label")(f)
    assert named.cache_key() == hozon.persistent_cache(f).cache_key()
    named()
    assert named.cache_info().currsize == 1


@pytest.mark.parametrize("name", [5, b"name", ["name"]])
def test_bad_names(name: Any) -> None:
    with pytest.raises(TypeError, match="name must be a str"):
        hozon.persistent_cache(name=name)
    with pytest.raises(ValueError, match="empty"):
        hozon.persistent_cache("")
    with pytest.raises(TypeError, match="twice"):
        hozon.persistent_cache("one", name="two")


@pytest.mark.parametrize(
    "name", ["snow ☃", "a/b\\c", "..", "x" * 10_000, "new\nline", "nul\0", "\ud800"], ids=ascii
)
def test_names_of_any_characters(runs: Any, name: str) -> None:
    @hozon.persistent_cache(name)
    def f() -> int:
        runs.add()
        return 1

    assert [f(), f()] == [1, 1]
    assert len(runs) == 1
    f.cache_clear()
    assert f() == 1
    assert len(runs) == 2


def test_save_path(runs: Any, tmp_path: Any) -> None:
    def f() -> int:
        runs.add()
        return 1

    places = [tmp_path / "one", str(tmp_path / "two"), tmp_path / "one"]
    for place in places:
        assert hozon.persistent_cache(save_path=place)(f)() == 1
    assert len(runs) == 2
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "home") == ["one", "two"]
    assert (tmp_path / "one" / ".gitignore").exists()
    assert (tmp_path / "one" / "CACHEDIR.TAG").exists()


@pytest.mark.parametrize("path", ["", 5, object()])
def test_bad_save_path(path: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        hozon.persistent_cache(save_path=path)(len)


def test_a_save_path_that_is_a_file_warns_and_computes(runs: Any, tmp_path: Any) -> None:
    (tmp_path / "file").write_text("not a folder")

    @hozon.persistent_cache(save_path=tmp_path / "file")
    def f() -> int:
        runs.add()
        return 1

    with pytest.warns(hozon.HozonWarning, match="file"):
        assert f() == 1
    assert f() == 1
    assert len(runs) == 2
    assert f.cache_info() == (0, 0, None, 0, 0.0)
    assert (tmp_path / "file").read_text() == "not a folder"


@pytest.mark.parametrize("parameter", ["pin_hozon_lib", "pin_sys_libs", "pin_local_libs"])
@pytest.mark.parametrize("pin", ["micro", "", "Minor", 1, True])
def test_bad_pins(parameter: str, pin: Any) -> None:
    with pytest.raises(ValueError, match=f"{parameter} is"):
        hozon.persistent_cache(**{parameter: pin})(len)


def test_code_is_a_pin_of_local_modules_alone() -> None:
    assert hozon.persistent_cache(pin_local_libs="code")(len)("four") == 4
    for parameter in ("pin_hozon_lib", "pin_sys_libs"):
        with pytest.raises(ValueError, match=parameter):
            hozon.persistent_cache(**{parameter: "code"})(len)


def test_pins_of_installed_distributions(monkeypatch: pytest.MonkeyPatch, project: Project) -> None:
    """Only the versions of what the function reaches count, and only as far as the pin says."""
    project.write(
        "main.py",
        """
        import sys
        site = sys.argv[1]
        sys.path.insert(0, site)
        import hozon, reached_package, other_package

        def f():
            return reached_package.function()

        for pin in ("major", "minor", "patch", None):
            print(hozon.persistent_cache(pin_sys_libs=pin)(f).cache_key())
        """,
    )

    def keys(reached: str, other: str = "1.0") -> list[str]:
        site = project.folder / f"{reached}+{other}" / "site-packages"
        for package, version in (("reached_package", reached), ("other_package", other)):
            (site / f"{package}-{version}.dist-info").mkdir(parents=True, exist_ok=True)
            (site / f"{package}.py").write_text("def function(): return 1\n")
        return project.lines("main.py", str(site))

    base = keys("1.2.3")
    assert keys("1.2.3", other="2.0") == base
    same = [
        [new == old for new, old in zip(keys(version), base, strict=True)]
        for version in ("1.2.4", "1.3.3", "2.2.3")
    ]
    assert same == [[True, True, False, True], [True, False, False, True], [False, False, False, True]]


def test_pin_of_hozon_is_part_of_the_key() -> None:
    def f() -> int:
        return 1

    keys = {hozon.persistent_cache(pin_hozon_lib=pin)(f).cache_key() for pin in ("minor", None)}
    assert len(keys) == 2
